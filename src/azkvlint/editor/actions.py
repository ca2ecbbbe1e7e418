"""Code actions: fix a finding, or ignore it with a reason and an end date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from azkvlint.config.run_config import today
from azkvlint.editor.checks import Checks, Inputs, Outcome
from azkvlint.editor.diagnostics import Item
from azkvlint.editor.fixing import FileEdits, Fixing
from azkvlint.editor.ignore import REASON, can_be_ignored, end_of, ignoring_edits
from azkvlint.editor.paths import path_of
from azkvlint.editor.positions import Positions, share_a_line
from azkvlint.model.finding import Finding, Report
from azkvlint.util.text import visible

_T = TypeVar("_T")
_MOST = 10  # findings of one request
_FAILED = -32803
FIX_ALL = "source.fixAll.kvlint"


class InWorker(Protocol):
    """Runs a task between checks."""

    def __call__(self, task: Callable[[], _T], /) -> Awaitable[_T]:
        """Return the result of the task."""


class Actions:
    """Offers the code actions of a session.

    A fix is proven before it is offered. The edit that ignores a finding is computed when the user selects it, if the
    client can wait for that. ``stop`` raises Superseded if a check is waiting.
    """

    def __init__(
        self,
        checks: Checks,
        in_worker: InWorker,
        stop: Callable[[], object],
        capabilities: types.ClientCapabilities,
        encoding: str,
    ) -> None:
        self._checks = checks
        self._fixing = Fixing(checks, stop)
        self._in_worker = in_worker
        self._encoding = encoding
        self._is_lazy = _resolves_edits(capabilities)
        workspace = capabilities.workspace
        edits = None if workspace is None else workspace.workspace_edit
        self._is_versioned = edits is not None and bool(edits.document_changes)
        self._has_snippets = self._is_versioned and edits is not None and bool(edits.snippet_edit_support)

    async def offer(self, outcome: Outcome, file: str, params: types.CodeActionParams) -> list[types.CodeAction]:
        """Return the actions for the findings in a range. Only a user who asks for them waits for proofs."""
        only = params.context.only
        if only is not None and _includes(only, FIX_ALL):
            return await self._fix_all(outcome, file)
        if not _includes(only, types.CodeActionKind.QuickFix):
            return []
        found = [one for one in _findings(outcome, file) if share_a_line(one[1].diagnostic.range, params.range)][:_MOST]
        is_automatic = params.context.trigger_kind == types.CodeActionTriggerKind.Automatic
        actions: list[types.CodeAction | None] = []
        if not is_automatic:
            actions += await self._fixes(outcome, found)
        actions += [self._ignore(outcome, params.text_document.uri, *one) for one in found if can_be_ignored(file)]
        if not self._is_lazy:
            actions = [one if one is None or one.edit else await self._with_edit(outcome, file, one) for one in actions]
        return [action for action in actions if action is not None]

    async def _fixes(self, outcome: Outcome, found: Sequence[tuple[Inputs, Item, Finding]]) -> list[types.CodeAction]:
        """Return the actions of all fixes of some findings, which are proven together."""
        actions: list[types.CodeAction] = []
        items = {finding.fingerprint: item for _, item, finding in found}
        for inputs in dict.fromkeys(one for one, _, _ in found):
            findings = [finding for one, _, finding in found if one == inputs and finding.rule.edits]
            if not findings:
                continue
            search = partial(self._fixing.fixes, outcome.request, inputs, outcome.checked[inputs], findings)
            actions += [
                types.CodeAction(
                    title=visible(f"{fix.title}. {fix.consequence}" if fix.consequence else fix.title),
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[items[fix.fingerprint].diagnostic],
                    is_preferred=fix.is_safe,
                    edit=self._workspace_edit(outcome, files),
                )
                for fix, files in await self._in_worker(search)
                if files
            ]
        return actions

    async def _fix_all(self, outcome: Outcome, file: str) -> list[types.CodeAction]:
        """Return the action with all safe fixes of a document."""
        by_inputs: dict[Inputs, list[Finding]] = {}
        for inputs, _, finding in _findings(outcome, file):
            if finding.rule.edits:
                by_inputs.setdefault(inputs, []).append(finding)
        for inputs, findings in by_inputs.items():  # of two folders with one file, the fixes of the first are enough
            search = partial(self._fixing.safe_fixes, outcome.request, inputs, outcome.checked[inputs], findings)
            files = await self._in_worker(search)
            if files:
                edit = self._workspace_edit(outcome, files)
                return [types.CodeAction(title="Apply all safe fixes of kvlint", kind=FIX_ALL, edit=edit)]
        return []

    def _ignore(self, outcome: Outcome, uri: str, inputs: Inputs, item: Item, finding: Finding) -> types.CodeAction:
        until = end_of(today(outcome.checked[inputs].config))
        return types.CodeAction(
            title=f"Ignore {finding.rule.id} here until {until.isoformat()}",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[item.diagnostic],
            data={"uri": uri, "ignore": finding.fingerprint},
        )

    async def resolve(self, outcome: Outcome, file: str, action: types.CodeAction) -> types.CodeAction:
        """Return an action with its edit. Raise JsonRpcException if there is none."""
        resolved = action if action.edit else await self._with_edit(outcome, file, action)
        if resolved is None:
            raise JsonRpcException("no comment ignores this finding here", _FAILED)
        return resolved

    async def _with_edit(self, outcome: Outcome, file: str, action: types.CodeAction) -> types.CodeAction | None:
        wanted = data_of(action).get("ignore")
        found = next((one for one in _findings(outcome, file) if one[2].fingerprint == wanted), None)
        document = outcome.request.documents.get(file)
        if found is None or document is None:
            return None
        inputs, _, finding = found
        checked = outcome.checked[inputs]
        until = end_of(today(checked.config))

        def trial(text: str) -> Report:
            return self._checks.trial(outcome.request, inputs, file, text)

        edits = await self._in_worker(lambda: ignoring_edits(finding, document.text, until, checked.report, trial))
        if not edits:
            return None
        action.edit = self._workspace_edit(outcome, {file: FileEdits(document.text, edits)})
        return action

    def _workspace_edit(self, outcome: Outcome, files: Mapping[str, FileEdits]) -> types.WorkspaceEdit:
        request = outcome.request
        by_uri: dict[str, list[types.TextEdit]] = {}
        targets: list[types.TextDocumentEdit] = []
        for file, found in files.items():
            positions = Positions(found.text, self._encoding)
            plain = [types.TextEdit(positions.range_of(one.start, one.end), one.replacement) for one in found.edits]
            by_uri[request.uri_of(file)] = plain
            version = request.documents[file].version if file in request.documents else None
            target = types.OptionalVersionedTextDocumentIdentifier(uri=request.uri_of(file), version=version)
            targets.append(types.TextDocumentEdit(target, [self._snippet(edit) for edit in plain]))
        return types.WorkspaceEdit(document_changes=targets) if self._is_versioned else types.WorkspaceEdit(by_uri)

    def _snippet(self, edit: types.TextEdit) -> types.TextEdit | types.SnippetTextEdit:
        """Return an edit with its reason selected, so that the user replaces it, if the client can do that."""
        if not self._has_snippets or REASON not in edit.new_text:
            return edit
        escaped = edit.new_text.replace("\\", r"\\").replace("$", r"\$").replace("}", r"\}")
        value = escaped.replace(REASON, f"${{1:{REASON}}}", 1)
        return types.SnippetTextEdit(edit.range, types.StringValue(value=value))


def file_of(action: types.CodeAction) -> str:
    """Return the real path of the document of an action."""
    return path_of(str(data_of(action).get("uri", "")))


def data_of(action: types.CodeAction) -> dict[str, Any]:
    """Return the data of an action, which clients send back."""
    return action.data if isinstance(action.data, dict) else {}


def _findings(outcome: Outcome, file: str) -> Iterator[tuple[Inputs, Item, Finding]]:
    for inputs, checked in outcome.checked.items():
        for item in checked.files.get(file, ()):
            if isinstance(item.cause, Finding):
                yield inputs, item, item.cause


def _includes(only: Sequence[str] | None, kind: str) -> bool:
    """Return whether a client asks for actions of a kind: ``source`` includes ``source.fixAll``."""
    return only is None or any(kind == one or kind.startswith(f"{one}.") for one in map(_word, only))


def _word(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def _resolves_edits(capabilities: types.ClientCapabilities) -> bool:
    document = capabilities.text_document
    actions = None if document is None else document.code_action
    support = None if actions is None else actions.resolve_support
    return support is not None and "edit" in support.properties and bool(actions and actions.data_support)
