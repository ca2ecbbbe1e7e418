"""Render the report as text: plain lines for pipes and logs; on a terminal, another layout of the same words.

The form of plain lines is stable, so that scripts can parse them::

    path:line:column: severity KV001 message
    path:line:column: severity KV001 message [and 2 more: address, address]
    path:line:column: unknown KV001 'address' cannot be judged: why
    path:line:column: suppressed KV001 message
    path:line:column: error KVE001 message
    path:line:column: skipped 'address' was not evaluated: reason
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.reporters import Options
from azkvlint.reporters.phrases import (
    configuration,
    details,
    full_text,
    label_of,
    place,
    problem_text,
    skipped_text,
    statistics,
    summary,
    suppression,
)

_Paint: TypeAlias = Callable[[str, str], str]


def text(report: Report, options: Options) -> str:
    """Return the report as text that ends with a line break, or an empty string."""
    if options.verbosity < 0:
        paint = _painter(options)
        findings = report.counted(report.findings) + report.uncounted(report.findings)
        lines: Iterator[str] = (_line(finding, finding.severity.label, paint) for finding in findings)
    elif options.terminal:
        from azkvlint.reporters.findings.terminal import terminal

        lines = terminal(report, options)
    else:
        lines = _plain(report, options)
    return "".join(f"{line}\n" for line in lines)


def _plain(report: Report, options: Options) -> Iterator[str]:
    paint = _painter(options)
    labelled = [(finding, label_of(finding)) for finding in report.counted(report.findings + report.unknown)]
    labelled += [(finding, label_of(finding)) for finding in report.uncounted(report.findings + report.unknown)]
    for finding, label in labelled:
        yield _line(finding, label, paint)
        if options.verbosity > 0:
            yield from (f"    {label}: {text}" for label, text in details(finding, references=True))
    if options.verbosity > 0 or options.suppressed:
        for finding in report.suppressed:
            yield _line(finding, "suppressed", paint)
            yield f"    ignored: {suppression(finding)}"
    for problem in report.problems:
        yield _problem(problem, paint)
    if options.verbosity > 0:
        for one in report.skipped:
            yield f"{place(one.at)}: {paint('skipped', 'skipped')} {skipped_text(one)}"
    if options.statistics:
        yield from (f"{count:6} {rule.id} {rule.name}" for count, rule in statistics(report))
    if options.verbosity > 0:
        yield configuration(report)
    yield summary(report)


def _painter(options: Options) -> _Paint:
    """Return the function that applies a style, or none without colors."""
    if not options.color:
        return lambda text, _: text
    from azkvlint.reporters.findings.terminal import paint

    return paint


def _line(finding: Finding, label: str, paint: _Paint) -> str:
    kind, rule = paint(label, label), paint(finding.rule.id, "bold")
    return f"{place(finding.at)}: {kind} {rule} {full_text(finding)}"


def _problem(problem: Problem, paint: _Paint) -> str:
    at = "kvlint" if problem.at is None else place(problem.at)
    return f"{at}: {paint(problem.level, problem.level)} {paint(problem.code, 'bold')} {problem_text(problem)}"
