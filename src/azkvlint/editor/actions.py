"""Code actions: fix a finding, or ignore it with a reason and an end date. Each edit is proven to work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from azkvlint.config.run_config import Config, today
from azkvlint.editor.checks import Checked, CheckOutcome, CheckRequest, Checks
from azkvlint.editor.diagnostics import CausedDiagnostic
from azkvlint.editor.protocol import Positions, path_of, share_a_line
from azkvlint.editor.settings import Inputs
from azkvlint.fixes.find import fixes_of, fixes_together
from azkvlint.fixes.proof import Prover, prover_of
from azkvlint.fixes.sources import Sources, editor_of
from azkvlint.model.effect import CLASSES, labeled
from azkvlint.model.finding import Finding, Report
from azkvlint.model.fix import Fix, Literal, Refusal, TextEdit, apply
from azkvlint.readers.discover import JSON, MODULE_ENDINGS
from azkvlint.syntax.texts import Lines
from azkvlint.util.text import visible

_T = TypeVar("_T")
_MOST = 10  # findings of one request
_FAILED = -32803
FIX_ALL = "source.fixAll.kvlint"
_REASON = "state the reason"
_MARKERS = {".tf": "#", ".tofu": "#", ".hcl": "#", ".bicep": "//"}
_DAYS = 90
_IGNORE = ("metadata", "kvlint", "ignore")


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
        self._fixing = _Fixing(checks, stop)
        self._in_worker = in_worker
        self._encoding = encoding
        self._is_lazy = _resolves_edits(capabilities)
        workspace = capabilities.workspace
        edits = None if workspace is None else workspace.workspace_edit
        self._is_versioned = edits is not None and bool(edits.document_changes)
        self._has_snippets = self._is_versioned and edits is not None and bool(edits.snippet_edit_support)

    async def offer(self, outcome: CheckOutcome, file: str, params: types.CodeActionParams) -> list[types.CodeAction]:
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
        actions += [self._ignore(outcome, params.text_document.uri, *one) for one in found if _can_be_ignored(file)]
        if not self._is_lazy:
            actions = [one if one is None or one.edit else await self._with_edit(outcome, file, one) for one in actions]
        return [action for action in actions if action is not None]

    async def _fixes(
        self, outcome: CheckOutcome, found: Sequence[tuple[Inputs, CausedDiagnostic, Finding]]
    ) -> list[types.CodeAction]:
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
                    title=visible(_title_of(fix)),
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[items[fix.fingerprint].diagnostic],
                    is_preferred=fix.is_safe,
                    edit=self._workspace_edit(outcome, files),
                )
                for fix, files in await self._in_worker(search)
                if files
            ]
        return actions

    async def _fix_all(self, outcome: CheckOutcome, file: str) -> list[types.CodeAction]:
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

    def _ignore(
        self, outcome: CheckOutcome, uri: str, inputs: Inputs, item: CausedDiagnostic, finding: Finding
    ) -> types.CodeAction:
        until = _end_of(today(outcome.checked[inputs].config))
        return types.CodeAction(
            title=f"Ignore {finding.rule.id} here until {until.isoformat()}",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[item.diagnostic],
            data={"uri": uri, "ignore": finding.fingerprint},
        )

    async def resolve(self, outcome: CheckOutcome, file: str, action: types.CodeAction) -> types.CodeAction:
        """Return an action with its edit. Raise JsonRpcException if there is none."""
        resolved = action if action.edit else await self._with_edit(outcome, file, action)
        if resolved is None:
            raise JsonRpcException("no comment ignores this finding here", _FAILED)
        return resolved

    async def _with_edit(self, outcome: CheckOutcome, file: str, action: types.CodeAction) -> types.CodeAction | None:
        wanted = data_of(action).get("ignore")
        found = next((one for one in _findings(outcome, file) if one[2].fingerprint == wanted), None)
        document = outcome.request.documents.get(file)
        if found is None or document is None:
            return None
        inputs, _, finding = found
        checked = outcome.checked[inputs]
        until = _end_of(today(checked.config))

        def trial(text: str) -> Report:
            return self._checks.trial(outcome.request, inputs, file, text)

        edits = await self._in_worker(lambda: _ignoring_edits(finding, document.text, until, checked.report, trial))
        if not edits:
            return None
        action.edit = self._workspace_edit(outcome, {file: _FileEdits(document.text, edits)})
        return action

    def _workspace_edit(self, outcome: CheckOutcome, files: Mapping[str, _FileEdits]) -> types.WorkspaceEdit:
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
        if not self._has_snippets or _REASON not in edit.new_text:
            return edit
        escaped = edit.new_text.replace("\\", r"\\").replace("$", r"\$").replace("}", r"\}")
        value = escaped.replace(_REASON, f"${{1:{_REASON}}}", 1)
        return types.SnippetTextEdit(edit.range, types.StringValue(value=value))


def _title_of(fix: Fix) -> str:
    """Return the title of a fix, with its effects and the comment beside the value that it changes."""
    comment = f"Comment in the code: {fix.comment}" if fix.comment else ""
    return ". ".join(filter(None, (fix.title, " ".join(labeled(fix.effects)), comment)))


def file_of(action: types.CodeAction) -> str:
    """Return the real path of the document of an action."""
    return path_of(str(data_of(action).get("uri", "")))


def data_of(action: types.CodeAction) -> dict[str, Any]:
    """Return the data of an action, which clients send back."""
    return action.data if isinstance(action.data, dict) else {}


def _findings(outcome: CheckOutcome, file: str) -> Iterator[tuple[Inputs, CausedDiagnostic, Finding]]:
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


class _FileEdits(msgspec.Struct, frozen=True):
    """The edits of one file, whose offsets refer to ``text``."""

    text: str
    edits: tuple[TextEdit, ...]


class _CachedFixes(msgspec.Struct):
    """The prover of an input, the report on the texts that it has seen last, and the fixes for that."""

    config: Config
    prover: Prover
    report: Report
    fixes: dict[str, Fix | None] = {}


class _Fixing:
    """The fixes for the checks of one editor. ``stop`` is called between proofs, and raises to end the search."""

    def __init__(self, checks: Checks, stop: Callable[[], object]) -> None:
        self._checks = checks
        self._stop = stop
        self._kept: dict[Inputs, _CachedFixes] = {}

    def fixes(
        self, request: CheckRequest, inputs: Inputs, checked: Checked, findings: Sequence[Finding]
    ) -> list[tuple[Fix, dict[str, _FileEdits]]]:
        """Return the proven fixes of findings, safe or not, with their edits by real path. Raise KvlintError."""
        kept = self._prepared(request, inputs, checked)
        new = tuple(finding for finding in findings if finding.fingerprint not in kept.fixes)
        if new:
            kept.fixes.update((finding.fingerprint, None) for finding in new)
            report = msgspec.structs.replace(checked.report, findings=new)
            result = fixes_of(report, checked.config, CLASSES, prover=kept.prover)
            kept.fixes.update((fix.fingerprint, fix) for fix in result.fixes)
        found = (kept.fixes[finding.fingerprint] for finding in findings)
        sources = Sources(checked.report.root)
        return [(fix, _by_file(sources, fix.edits)) for fix in found if fix is not None]

    def safe_fixes(
        self, request: CheckRequest, inputs: Inputs, checked: Checked, findings: Iterable[Finding]
    ) -> dict[str, _FileEdits]:
        """Return the edits of all safe fixes of some findings together, by real path. Raise KvlintError."""
        kept = self._prepared(request, inputs, checked)
        report = msgspec.structs.replace(checked.report, findings=tuple(findings))
        result = fixes_together(report, checked.config, prover=kept.prover)
        before = Sources(checked.report.root)
        return _by_file(before, before.edits_to(Sources(checked.report.root, result.texts)))

    def _prepared(self, request: CheckRequest, inputs: Inputs, checked: Checked) -> _CachedFixes:
        """Return what is kept for an input, renewed if its report is a new one."""
        self._stop()
        self._checks.hold(request)
        kept = self._kept.get(inputs)
        is_same = kept is not None and kept.config == checked.config and kept.report.sources == checked.report.sources
        if kept is None or not is_same or checked.config.rules:
            kept = self._kept[inputs] = _CachedFixes(
                checked.config, prover_of(checked.report, checked.config), checked.report
            )
        elif kept.report is not checked.report:
            kept.prover.renew()
            kept.report, kept.fixes = checked.report, {}
        return kept


def _by_file(sources: Sources, edits: Iterable[TextEdit]) -> dict[str, _FileEdits]:
    by_path: dict[str, list[TextEdit]] = {}
    for edit in edits:
        by_path.setdefault(edit.path, []).append(edit)
    try:
        return {
            sources.real_path(path): _FileEdits(sources.text(path), tuple(of_file)) for path, of_file in by_path.items()
        }
    except Refusal:
        return {}


def _can_be_ignored(path: str) -> bool:
    """Return whether a comment, or metadata in a template, can ignore a finding in a file."""
    return _marker(path) != "" or _is_template(path)


def _end_of(today: date) -> date:
    """Return the last day on which a new comment applies."""
    return today + timedelta(days=_DAYS)


def _ignoring_edits(
    finding: Finding, text: str, until: date, report: Report, check: Callable[[str], Report]
) -> tuple[TextEdit, ...]:
    """Return the edits of ``text`` that ignore a finding of its ``report``; empty if none do.

    ``check`` returns the report with another text in place of it. Nothing else in the report becomes worse.
    """
    for edits in _candidates(finding, text, until):
        after = check(apply(text, edits))
        ignored = any(one.fingerprint == finding.fingerprint for one in after.suppressed)
        if ignored and len(after.problems) <= len(report.problems) and len(after.findings) < len(report.findings):
            return edits
    return ()


def _candidates(finding: Finding, text: str, until: date) -> Iterator[tuple[TextEdit, ...]]:
    """Yield comments above the finding and above its resource, then at the end of these lines; or metadata."""
    path, lines = finding.at.path, Lines(text)
    if _is_template(path):
        yield from _metadata(finding, text, until)
        return
    places = (finding.at, finding.attribute_at, finding.resource_at)
    numbers = [at.region.start_line for at in places if at is not None and at.path == path and at.region is not None]
    comment = f"{_marker(path)} kvlint: ignore[{finding.rule.id}] {_REASON} until={until.isoformat()}"
    ending = "\r\n" if "\r\n" in text else "\n"
    starts = lines.starts
    spans = [(starts[number - 1], starts[number] if number < len(starts) else len(text)) for number in numbers]
    spans = list(dict.fromkeys(spans))
    for start, end in spans:
        line = text[start:end]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        yield (TextEdit(path=path, start=start, end=start, replacement=f"{indent}{comment}{ending}"),)
    for start, end in spans:
        at = start + len(text[start:end].rstrip())
        yield (TextEdit(path=path, start=at, end=at, replacement=f" {comment}"),)


def _metadata(finding: Finding, text: str, until: date) -> Iterator[tuple[TextEdit, ...]]:
    """Yield edits of the metadata of the resource in a template."""
    at = finding.resource_at or finding.at
    entry: dict[str, Literal] = {"rules": [finding.rule.id], "reason": _REASON, "until": until.isoformat()}
    if at.path != finding.at.path or at.pointer is None:
        return
    # A resource is located at its type.
    resource = at.pointer[:-1] if at.pointer[-1:] == ("type",) else at.pointer
    try:
        editor = editor_of(at.path, text)
        if editor.lookup(resource, _IGNORE) is None:
            yield editor.set_value(resource, _IGNORE, [entry])
        else:
            yield editor.add_block((*resource, *_IGNORE[:-1]), _IGNORE[-1], entry)
    except Refusal:
        return


def _is_template(path: str) -> bool:
    """Return whether the file can be an ARM template: Terraform's JSON has neither comments nor metadata."""
    return path.lower().endswith(JSON) and not path.lower().endswith(MODULE_ENDINGS)


def _marker(path: str) -> str:
    """Return what begins a comment in a file; empty if it has none."""
    return next((marker for ending, marker in _MARKERS.items() if path.lower().endswith(ending)), "")
