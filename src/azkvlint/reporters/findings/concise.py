"""Render one line for each finding and problem, for problem matchers of editors and build systems.

::

    path:line:column: KV001 error|warning|info message
    path:line:column: KVE001 error|warning|info message

No other line has this form. A colon in a path is escaped, so that a path cannot forge the rest of a line.
"""

from __future__ import annotations

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.phrases import full_text, place, problem_line, problem_text, summary
from azkvlint.reporters.severity_order import GRADES, counted_findings, findings_in_tests

_WORDS = {"error": "error", "warning": "warning", "note": "info"}


def concise(report: Report, options: Options) -> str:
    """Return the report as lines. Problems and the summary are omitted if ``verbosity`` is below 0."""
    lines = [
        finding_line(finding) for finding in (*counted_findings(report, options), *findings_in_tests(report, options))
    ]
    if options.verbosity >= 0:
        lines += [_problem(problem) for problem in report.problems]
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def finding_line(finding: Finding) -> str:
    """Return the line of a finding."""
    level = _WORDS[GRADES[finding.severity].level]
    return f"{_at(finding.at)}: {finding.rule.id} {level} {full_text(finding)}"


def _problem(problem: Problem) -> str:
    """Return the line of a problem; without a place it has the form of the text format."""
    if problem.at is None:
        return problem_line(problem)
    return f"{_at(problem.at)}: {problem.code} {_WORDS.get(problem.level, 'info')} {problem_text(problem)}"


def _at(at: Location) -> str:
    path = place(Location(path=at.path)).replace(":", r"\x3a")
    return f"{path}:1:1" if at.region is None else f"{path}:{at.region.start_line}:{at.region.start_column}"
