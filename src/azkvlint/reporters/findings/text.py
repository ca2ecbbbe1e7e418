"""Render the report as text: one line for each block of findings for pipes and logs; on a terminal, another layout.

The form of plain lines is stable, so that scripts can parse them::

    path:line:column: severity[KV001] message
    path:line:column: severity[KV001] message [and 2 more: address (path:line:column), ...]
    path:line:column: unknown[KV001] message
    path:line:column: unknown[KV001, KV101] cause (2 resources)
    path:line:column: suppressed[KV001] message
    path:line:column: error[KVE001] message
    path:line:column: evaluated address (if var.create is true)
    path:line:column: skipped address was not evaluated: reason

Paths are relative to the current folder.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeAlias

import msgspec

from azkvlint.model.finding import Declaration, Evidence, Finding, Note, Problem, Report, Suppression
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.grouping import UnknownCause, remedy
from azkvlint.reporters.phrases import (
    accounts,
    configuration,
    details,
    full_text,
    label_of,
    place,
    problem_text,
    statistics,
    summary,
    suppression,
)
from azkvlint.reporters.text_content import (
    blocks,
    listed_problems,
    listed_unknown,
    omitted_causes,
    omitted_problems,
    resource_list,
    rule_list,
    same_cause_note,
    short_address,
    shows_hints,
    summarized_unknown,
    with_short_addresses,
)
from azkvlint.util.project_boundary import real_path
from azkvlint.util.text import visible

Move: TypeAlias = Callable[[str], str]


def paths_from(root: str, folder: str) -> Move | None:
    """Return a function that makes paths below ``root`` relative to ``folder``; None if that changes nothing."""
    try:
        if not root or real_path(root) == real_path(folder):
            return None
        start = os.path.relpath(real_path(folder), real_path(root)).replace(os.sep, "/")
        prefix = os.path.relpath(real_path(root), real_path(folder)).replace(os.sep, "/")
    except (OSError, ValueError):  # the current folder does not exist any more, or is on another drive
        return None

    @cache
    def move(path: str) -> str:
        if not path or path.startswith(("/", "<")):
            return path
        if start.startswith(".."):
            return posixpath.normpath(posixpath.join(prefix, path))
        return posixpath.relpath(f"/{path}", f"/{start}")

    return move


def from_current_folder(report: Report, folder: str) -> Report:
    """Return the report with paths relative to ``folder`` instead of its root; the same report if they are equal."""
    move = paths_from(report.root, folder)
    if move is None:
        return report
    return msgspec.structs.replace(
        report,
        findings=tuple(moved_finding(one, move) for one in report.findings),
        unknown=tuple(moved_finding(one, move) for one in report.unknown),
        suppressed=tuple(moved_finding(one, move) for one in report.suppressed),
        problems=tuple(_problem_with_paths(one, move) for one in report.problems),
        evaluated=tuple(_declaration(one, move) for one in report.evaluated),
        skipped=tuple(_declaration(one, move) for one in report.skipped),
    )


def moved_location(at: Location, move: Move) -> Location:
    """Return a location with another path."""
    cause = None if at.cause is None else moved_location(at.cause, move)
    return msgspec.structs.replace(at, path=move(at.path), cause=cause)


def moved_finding(finding: Finding, move: Move) -> Finding:
    """Return a finding with other paths."""
    return msgspec.structs.replace(
        finding,
        at=moved_location(finding.at, move),
        evidence=tuple(_evidence(one, move) for one in finding.evidence),
        occurrences=tuple(
            msgspec.structs.replace(one, root=move(one.root), worlds=tuple(map(move, one.worlds)))
            for one in finding.occurrences
        ),
        related=tuple(Note(text=one.text, at=moved_location(one.at, move)) for one in finding.related),
        suppressed=None if finding.suppressed is None else _suppression(finding.suppressed, move),
    )


def _evidence(evidence: Evidence, move: Move) -> Evidence:
    return msgspec.structs.replace(evidence, at=moved_location(evidence.at, move))


def _suppression(one: Suppression, move: Move) -> Suppression:
    return msgspec.structs.replace(one, at=moved_location(one.at, move))


def _problem_with_paths(problem: Problem, move: Move) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=moved_location(problem.at, move))


def _declaration(one: Declaration, move: Move) -> Declaration:
    return msgspec.structs.replace(one, at=moved_location(one.at, move))


_Paint: TypeAlias = Callable[[str, str], str]


def text(report: Report, options: Options) -> str:
    """Return the report as text that ends with a line break, or an empty string."""
    report = from_current_folder(report, os.curdir)
    if options.verbosity < 0:
        paint = _painter(options)
        findings = report.counted(report.findings) + report.uncounted(report.findings)
        lines: Iterator[str] = (
            _line(with_short_addresses(finding), finding.severity.label, paint) for finding in findings
        )
    elif options.terminal:
        from azkvlint.reporters.findings.terminal import terminal

        lines = terminal(report, options)
    else:
        lines = _plain(report, options)
    return "".join(f"{line}\n" for line in lines)


def _plain(report: Report, options: Options) -> Iterator[str]:
    paint = _painter(options)
    for block in blocks(report, options):
        yield _line(block.finding, label_of(block.finding), paint, block.others) + same_cause_note(block)
        yield from _details(block.finding, options)
    for finding in listed_unknown(report, options):
        yield _line(finding, label_of(finding), paint)
        yield from _details(finding, options)
    yield from _unknown(*summarized_unknown(report, options), paint)
    for finding in report.suppressed if options.verbosity > 0 or options.suppressed else ():
        yield _line(finding, "suppressed", paint)
        yield f"    suppressed: {suppression(finding)}"
    problems, omitted = listed_problems(report, options)
    yield from (_problem(problem, paint) for problem in problems)
    if omitted:
        yield f"kvlint: {paint('note', 'note')}: {omitted_problems(omitted)}"
    for label, one, text in accounts(report) if options.verbosity > 0 else ():
        yield f"{place(one.at)}: {paint(label, label)} {text}"
    if options.statistics:
        yield from (f"{count:6} {rule.id} {rule.name}" for count, rule in statistics(report))
    if options.verbosity > 0:
        yield configuration(report)
    yield summary(report, options=shows_hints(options), strict=options.strict)


def _details(finding: Finding, options: Options) -> Iterator[str]:
    if options.verbosity > 0:
        yield from (f"    {label}: {text}" for label, text in details(finding, references=True))


def _unknown(causes: Sequence[UnknownCause], omitted: int, paint: _Paint) -> Iterator[str]:
    for cause in causes:
        label = f"{paint('unknown', 'unknown')}[{paint(rule_list(cause), 'bold')}]"
        action = remedy(cause)
        help_ = f" ({action})" if action else ""
        yield f"{place(cause.at)}: {label} {visible(short_address(cause.why))}: {resource_list(cause)}{help_}"
    if causes and omitted:
        yield f"kvlint: {paint('note', 'note')}: {omitted_causes(omitted)}"


def _painter(options: Options) -> _Paint:
    """Return the function that applies a style, or none without colors."""
    if not options.color:
        return lambda text, _: text
    from azkvlint.reporters.findings.terminal import paint

    return paint


def _line(finding: Finding, label: str, paint: _Paint, others: Sequence[Finding] = ()) -> str:
    return f"{place(finding.at)}: {paint(label, label)}[{paint(finding.rule.id, 'bold')}] {full_text(finding, others)}"


def _problem(problem: Problem, paint: _Paint) -> str:
    at = "kvlint" if problem.at is None else place(problem.at)
    return f"{at}: {paint(problem.level, problem.level)}[{paint(problem.code, 'bold')}] {problem_text(problem)}"
