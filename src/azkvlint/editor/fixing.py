"""Find proven fixes for the findings of a check, in the worker. What was found for a report is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.editor.checks import Checked, Checks, Inputs, Request
from azkvlint.fixes.find import fixes_of, fixes_together
from azkvlint.fixes.proof import Prover, prover_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.edit import Refusal, TextEdit
from azkvlint.model.finding import Finding, Report
from azkvlint.model.fix import Fix


class FileEdits(msgspec.Struct, frozen=True):
    """The edits of one file, whose offsets refer to ``text``."""

    text: str
    edits: tuple[TextEdit, ...]


class _Kept(msgspec.Struct):
    """The prover of an input, the report on the texts that it has seen last, and the fixes for that."""

    config: Config
    prover: Prover
    report: Report
    fixes: dict[str, Fix | None] = {}


class Fixing:
    """The fixes for the checks of one editor. ``stop`` is called between proofs, and raises to end the search."""

    def __init__(self, checks: Checks, stop: Callable[[], object]) -> None:
        self._checks = checks
        self._stop = stop
        self._kept: dict[Inputs, _Kept] = {}

    def fixes(
        self, request: Request, inputs: Inputs, checked: Checked, findings: Sequence[Finding]
    ) -> list[tuple[Fix, dict[str, FileEdits]]]:
        """Return the proven fixes of findings, safe or not, with their edits by real path. Raise KvlintError."""
        kept = self._prepared(request, inputs, checked)
        new = tuple(finding for finding in findings if finding.fingerprint not in kept.fixes)
        if new:
            kept.fixes.update((finding.fingerprint, None) for finding in new)
            report = msgspec.structs.replace(checked.report, findings=new)
            result = fixes_of(report, checked.config, unsafe=True, prover=kept.prover)
            kept.fixes.update((fix.fingerprint, fix) for fix in result.fixes)
        found = (kept.fixes[finding.fingerprint] for finding in findings)
        sources = Sources(checked.report.root)
        return [(fix, _by_file(sources, fix.edits)) for fix in found if fix is not None]

    def safe_fixes(
        self, request: Request, inputs: Inputs, checked: Checked, findings: Iterable[Finding]
    ) -> dict[str, FileEdits]:
        """Return the edits of all safe fixes of some findings together, by real path. Raise KvlintError."""
        kept = self._prepared(request, inputs, checked)
        report = msgspec.structs.replace(checked.report, findings=tuple(findings))
        result = fixes_together(report, checked.config, unsafe=False, prover=kept.prover)
        before = Sources(checked.report.root)
        return _by_file(before, before.edits_to(Sources(checked.report.root, result.texts)))

    def _prepared(self, request: Request, inputs: Inputs, checked: Checked) -> _Kept:
        """Return what is kept for an input, renewed if its report is a new one."""
        self._stop()
        self._checks.hold(request)
        kept = self._kept.get(inputs)
        is_same = kept is not None and kept.config == checked.config and kept.report.sources == checked.report.sources
        if kept is None or not is_same or checked.config.rules:
            kept = self._kept[inputs] = _Kept(checked.config, prover_of(checked.report, checked.config), checked.report)
        elif kept.report is not checked.report:
            kept.prover.renew()
            kept.report, kept.fixes = checked.report, {}
        return kept


def _by_file(sources: Sources, edits: Iterable[TextEdit]) -> dict[str, FileEdits]:
    by_path: dict[str, list[TextEdit]] = {}
    for edit in edits:
        by_path.setdefault(edit.path, []).append(edit)
    try:
        return {
            sources.real_path(path): FileEdits(sources.text(path), tuple(of_file)) for path, of_file in by_path.items()
        }
    except Refusal:
        return {}
