"""Code actions: ignore a finding with a reason and an end date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from azkvlint.config.run_config import today
from azkvlint.editor.checks import Checks, Inputs, Outcome
from azkvlint.editor.diagnostics import Item
from azkvlint.editor.ignore import REASON, can_be_ignored, end_of, ignoring_edit
from azkvlint.editor.paths import path_of
from azkvlint.editor.positions import Positions, overlaps
from azkvlint.model.edit import TextEdit
from azkvlint.model.finding import Finding

_T = TypeVar("_T")
_MOST = 10  # findings of one request
_FAILED = -32803


class InWorker(Protocol):
    """Runs a task between checks."""

    def __call__(self, task: Callable[[], _T], /) -> Awaitable[_T]:
        """Return the result of the task."""


class Actions:
    """Offers the code actions of a session. Edits are computed when the user selects an action, if the client can."""

    def __init__(
        self, checks: Checks, in_worker: InWorker, capabilities: types.ClientCapabilities, encoding: str
    ) -> None:
        self._checks = checks
        self._in_worker = in_worker
        self._encoding = encoding
        self._is_lazy = _resolves_edits(capabilities)
        workspace = capabilities.workspace
        edits = None if workspace is None else workspace.workspace_edit
        self._is_versioned = edits is not None and bool(edits.document_changes)
        self._has_snippets = self._is_versioned and edits is not None and bool(edits.snippet_edit_support)

    async def offer(self, outcome: Outcome, file: str, params: types.CodeActionParams) -> list[types.CodeAction]:
        """Return the actions for the findings in a range."""
        if not _is_wanted(types.CodeActionKind.QuickFix, params.context.only):
            return []
        actions: list[types.CodeAction] = []
        for inputs, item, finding in _findings(outcome, file):
            if not overlaps(item.diagnostic.range, params.range) or not can_be_ignored(file):
                continue
            until = end_of(today(outcome.checked[inputs].config))
            actions.append(
                types.CodeAction(
                    title=f"Ignore {finding.rule.id} here until {until.isoformat()}",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[item.diagnostic],
                    data={"uri": params.text_document.uri, "ignore": finding.fingerprint},
                )
            )
        actions = actions[:_MOST]
        if self._is_lazy:
            return actions
        resolved = [await self._with_edit(outcome, file, action) for action in actions]
        return [action for action in resolved if action is not None]

    async def resolve(self, outcome: Outcome, file: str, action: types.CodeAction) -> types.CodeAction:
        """Return an action with its edit. Raise JsonRpcException if there is none."""
        resolved = await self._with_edit(outcome, file, action)
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
        edit = await self._in_worker(
            lambda: ignoring_edit(
                finding, document.text, until, checked.report,
                lambda text: self._checks.trial(outcome.request, inputs, file, text),
            )
        )  # fmt: skip
        if edit is None:
            return None
        action.edit = self._workspace_edit(outcome, file, [edit])
        return action

    def _workspace_edit(self, outcome: Outcome, file: str, edits: Sequence[TextEdit]) -> types.WorkspaceEdit:
        document = outcome.request.documents[file]
        positions = Positions(document.text, self._encoding)
        plain = [types.TextEdit(positions.range_of(edit.start, edit.end), edit.replacement) for edit in edits]
        if not self._is_versioned:
            return types.WorkspaceEdit(changes={document.uri: plain})
        target = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
        listed = [self._snippet(edit) for edit in plain]
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(target, listed)])

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


def _is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Return whether a client wants actions of a kind: ``source`` includes ``source.fixAll``."""
    return only is None or any(kind == one or kind.startswith(f"{one}.") for one in map(str, only))


def _resolves_edits(capabilities: types.ClientCapabilities) -> bool:
    document = capabilities.text_document
    actions = None if document is None else document.code_action
    support = None if actions is None else actions.resolve_support
    return support is not None and "edit" in support.properties and bool(actions and actions.data_support)
