"""Convert a report to diagnostics, by file, with the pages of their rules, and to code lenses on vaults.

A finding has the severity of the level that other formats show: critical and high are errors, medium is a warning, low
is information and info is a hint. Findings in folders of tests and examples are hints, because they do not count. The
lens of a vault shows from where it can be reached, and who can read its secrets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeAlias

import msgspec
from lsprotocol.types import (
    CodeDescription,
    Diagnostic,
    DiagnosticRelatedInformation,
    DiagnosticSeverity,
    DiagnosticTag,
    Hover,
    Location,
    MarkupContent,
    MarkupKind,
    Position,
)

from azkvlint import file_url
from azkvlint.access.effects import CAPABILITIES
from azkvlint.config.run_config import Config
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.editor.protocol import START, Positions, contains
from azkvlint.linter.access import Cleaner, Filters, RootResult, access
from azkvlint.model.access import AccessReport
from azkvlint.model.finding import CALLED, CAUSED, Declaration, Finding, Note, Problem, Report
from azkvlint.model.location import Location as Place
from azkvlint.model.location import static_address
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.model.rule import Severity
from azkvlint.model.value import Path
from azkvlint.readers.read_result import ReadResult
from azkvlint.reporters.findings.sarif_rules import encode_link, rule_link
from azkvlint.reporters.gfm import message, plain, prose
from azkvlint.reporters.phrases import (
    evidence_lines,
    fix_of,
    headline,
    occurrence_note,
    problem_text,
    references_of,
    why_of,
)
from azkvlint.reporters.problems import OTHER, PROBLEMS
from azkvlint.syntax.texts import source_text
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import State, state_of
from azkvlint.util.project_files import MAX_INPUT, read_bytes
from azkvlint.util.text import pluralize, visible

SOURCE = "kvlint"
SEVERITIES: Mapping[Severity, DiagnosticSeverity] = {
    Severity.CRITICAL: DiagnosticSeverity.Error,
    Severity.HIGH: DiagnosticSeverity.Error,
    Severity.MEDIUM: DiagnosticSeverity.Warning,
    Severity.LOW: DiagnosticSeverity.Information,
    Severity.INFO: DiagnosticSeverity.Hint,
}
LEVELS: Mapping[str, DiagnosticSeverity] = {
    "error": DiagnosticSeverity.Error,
    "warning": DiagnosticSeverity.Warning,
    "note": DiagnosticSeverity.Information,
}
_ABOUT_PROBLEMS = CodeDescription(href=file_url("docs/json.md#problems"))
# Editors fade out what has no effect, and strike through what is no longer supported.
_TAGS: Mapping[str, list[DiagnosticTag]] = {
    "KV053": [DiagnosticTag.Unnecessary],
    "KV104": [DiagnosticTag.Unnecessary],
    "KV050": [DiagnosticTag.Deprecated],
    "KV216": [DiagnosticTag.Deprecated],
}
Cause: TypeAlias = Finding | Problem
_MOST = 5  # findings of one place
# Access of secrets in vaults, and of keys in managed HSMs.
_CAPABILITIES = {VAULTS: ("secrets/get", "read secrets"), MANAGED_HSMS: ("keys/use", "use keys")}


class CausedDiagnostic(msgspec.Struct, frozen=True):
    """A diagnostic with the finding or problem that it shows."""

    diagnostic: Diagnostic
    cause: Cause


class _CachedDiagnostics(msgspec.Struct, frozen=True):
    """The diagnostics of a file, and all that they were made from."""

    causes: list[Cause]
    states: tuple[State, ...]
    items: list[CausedDiagnostic]


class Converter:
    """Converts the reports of one input, one after the other; what did not change is not converted again.

    ``uri_of`` returns the URI of a real path.
    """

    def __init__(self, uri_of: Callable[[str], str], encoding: str) -> None:
        self._uri_of = uri_of
        self._encoding = encoding
        self._kept: dict[str, _CachedDiagnostics] = {}
        self._texts: dict[str, Positions] = {}

    def by_file(self, report: Report) -> dict[str, list[CausedDiagnostic]]:
        """Return the diagnostics of a report by real path. Problems without a file are left out."""
        self._kept = self._converted_by_file(report, None)
        return {file: kept.items for file, kept in self._kept.items()}

    def of_files(self, report: Report, files: Collection[str]) -> dict[str, list[CausedDiagnostic]]:
        """Return the diagnostics of some files, from a report that has all of them and those of few others."""
        found = self._converted_by_file(report, files)
        self._kept.update(found)
        return {file: found[file].items if file in found else [] for file in files}

    def _converted_by_file(self, report: Report, files: Collection[str] | None) -> dict[str, _CachedDiagnostics]:
        self._texts.clear()
        causes: dict[str, list[Cause]] = {}
        found: Iterable[Cause] = chain(report.findings, report.problems)
        for cause in found:
            file = "" if cause.at is None else _file(report, cause.at)
            if file and (files is None or file in files):
                causes.setdefault(file, []).append(cause)
        converted = {file: self._converted(report, file, of_file) for file, of_file in causes.items()}
        self._texts.clear()
        return converted

    def _converted(self, report: Report, file: str, causes: list[Cause]) -> _CachedDiagnostics:
        states = tuple(state_of(path) for path in sorted({file, *_related_files(report, causes)}))
        kept = self._kept.get(file)
        if kept is not None and kept.states == states and kept.causes == causes:
            return kept
        items = [CausedDiagnostic(self._diagnostic(report, file, cause), cause) for cause in causes]
        return _CachedDiagnostics(causes, states, items)

    def _diagnostic(self, report: Report, file: str, cause: Cause) -> Diagnostic:
        place = START if cause.at is None or cause.at.region is None else self._in(file).range(cause.at.region)
        if isinstance(cause, Problem):
            severity = LEVELS.get(cause.level, DiagnosticSeverity.Information)
            return Diagnostic(
                range=place, message=problem_text(cause), severity=severity, code=cause.code, source=SOURCE,
                code_description=_ABOUT_PROBLEMS,
            )  # fmt: skip
        link = rule_link(cause.rule)
        is_counted = report.includes_tests or not cause.in_tests
        return Diagnostic(
            range=place,
            message=f"{headline(cause)}{occurrence_note(cause)}",
            severity=SEVERITIES[cause.severity] if is_counted else DiagnosticSeverity.Hint,
            code=cause.rule.id,
            code_description=CodeDescription(href=link) if link else None,
            source=SOURCE,
            tags=_TAGS.get(cause.rule.id) if cause.attribute and not cause.is_absent else None,
            related_information=list(self._related(report, cause)) or None,
            data={"fingerprint": cause.fingerprint},
        )

    def _related(self, report: Report, finding: Finding) -> Iterator[DiagnosticRelatedInformation]:
        """Yield the related places of a finding: the calls that lead to it, the sources of its value, and others."""
        known: set[tuple[object, ...]] = set()
        for note in _notes(finding):
            if note.at.position_key in known:
                continue
            known.add(note.at.position_key)
            file = _file(report, note.at)
            place = START if note.at.region is None else self._in(file).range(note.at.region)
            yield DiagnosticRelatedInformation(Location(self._uri_of(file), place), visible(note.text))

    def _in(self, file: str) -> Positions:
        """Return the positions in a file that the check has read."""
        if file not in self._texts:
            try:
                text = source_text(read_bytes(file, MAX_INPUT))
            except InputError:
                text = ""
            self._texts[file] = Positions(text, self._encoding)
        return self._texts[file]


def _notes(finding: Finding) -> Iterator[Note]:
    """Yield the notes of a finding; a place can have several."""
    yield from (Note(text=CALLED, at=at) for at in finding.callers)
    yield from finding.related
    cause = finding.at.cause
    while cause is not None:
        yield Note(text=CAUSED, at=cause)
        cause = cause.cause


def _related_files(report: Report, causes: list[Cause]) -> Iterator[str]:
    for cause in causes:
        if isinstance(cause, Finding):
            yield from (_file(report, note.at) for note in _notes(cause))


def _file(report: Report, at: Place) -> str:
    """Return the path of a place, whose own path is relative to the root of the report."""
    return os.path.normpath(os.path.join(report.root, at.path))


def hover(items: Iterable[CausedDiagnostic], position: Position) -> Hover | None:
    """Return the pages of all findings and problems at a position; None if there are none."""
    here = [item for item in items if contains(item.diagnostic.range, position)][:_MOST]
    if not here:
        return None
    pages = ("\n\n".join(_page(item.cause)) for item in here)
    content = MarkupContent(kind=MarkupKind.Markdown, value="\n\n---\n\n".join(pages))
    return Hover(contents=content, range=here[0].diagnostic.range)


def _page(cause: Finding | Problem) -> Iterator[str]:
    """Yield the paragraphs of a page. Texts of inputs and rules are escaped."""
    if isinstance(cause, Problem):
        kind = PROBLEMS.get(cause.code, OTHER)
        yield f"**{cause.code}: {prose(kind.title)}**"
        yield plain(cause.message)
        yield prose(f"{kind.about} {kind.fix}")
        yield f"[{cause.code}](<{file_url('docs/json.md#problems')}>)"
        return
    rule = cause.rule
    yield f"**{plain(rule.id)}: {prose(rule.title)}** ({cause.severity.label})"
    yield message(cause, cell=False)
    facts = [f"- {prose(line)}" for line in evidence_lines(cause)]
    if facts:
        yield "\n".join(facts)
    yield f"**Why.** {prose(why_of([cause]))}"
    yield f"**Fix.** {prose(fix_of(cause))}"
    link = rule_link(rule)
    links = [*([link] if link else []), *map(encode_link, references_of([cause]))]
    if links:
        yield "\n".join(f"- <{one}>" for one in dict.fromkeys(links))


class _Lens(msgspec.Struct, frozen=True):
    """A vault or managed HSM in a document."""

    declaration: Declaration
    root: str

    @property
    def exposure(self) -> str:
        """Return its network exposure in words; that of instances can differ."""
        words = " or ".join(visible(word) for word in self.declaration.exposures)
        return f"reachable from: {words}" if words else ""


def lenses(report: Report, file: str) -> Iterator[_Lens]:
    """Yield the vaults and managed HSMs that a file declares."""
    for one in report.evaluated:
        is_vault = one.type.lower() in _CAPABILITIES and one.at.region is not None
        if is_vault and os.path.normpath(os.path.join(report.root, one.at.path)) == file:
            yield _Lens(one, report.root)


def access_of(config: Config, stop: Callable[[], object]) -> AccessReport:
    """Return who can read secrets or use keys in the inputs of a check. ``stop`` is called for each root, and raises to
    end it.
    """
    names = {name for name, _ in _CAPABILITIES.values()}
    columns = tuple(one for one in CAPABILITIES if one.name in names)
    return access(config, Filters(capabilities=columns), (), _Stopping(stop))


def title(lens: _Lens, found: AccessReport | None) -> str:
    """Return the text of a lens: ``reachable from: private access only · 3 principals can read secrets``."""
    parts = [lens.exposure] if lens.exposure else []
    declaration = lens.declaration
    name, verb = _CAPABILITIES[declaration.type.lower()]
    if found is not None:
        own = {
            number
            for number, vault in enumerate(found.vaults)
            if static_address(vault.address) == declaration.address and vault.at.path == declaration.at.path
        }
        rows = [row for row in found.rows if row.capability == name and not own.isdisjoint(row.vaults)]
        certain = {row.principal.key for row in rows if row.path.is_certain}
        possible = {row.principal.key for row in rows} - certain
        text = f"{pluralize(len(certain), 'principal')} can {verb}"
        parts.append(f"{text}, {len(possible)} more possibly" if possible else text)
    return " · ".join(parts)


class _Stopping:
    """Observes nothing, but ends the computation of access when something more important waits."""

    paths: Mapping[str, frozenset[Path]] = {}
    needs_access, collects = True, True

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop

    def observe(self, read: ReadResult, graph: ResourceGraph, clean: Cleaner) -> None:
        """Look whether to go on."""
        del read, graph, clean
        self._stop()

    def keep(self, root: RootResult, world_name: str, found: object) -> None:
        """Keep nothing."""

    def graph(self, read: ReadResult, build: Callable[[Mapping[str, Resource]], ResourceGraph]) -> ResourceGraph:
        """Return the graph of the resources as they are declared."""
        return build(read.all_resources)
