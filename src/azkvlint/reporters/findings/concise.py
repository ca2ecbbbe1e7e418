"""One line for each finding and problem, for problem matchers of editors and build systems.

::

    path:line:column: KV001 error|warning|info message
    path:line:column: KVE001 error|warning|info message

Nothing else looks like that. A colon in a path is written as an escape, so that a path cannot forge the rest of a line.
"""

from __future__ import annotations

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.ordering import counted_findings, findings_in_tests
from azkvlint.reporters.phrases import full_text, place, problem_line, problem_text, summary
from azkvlint.reporters.severity import GRADES

_WORDS = {"error": "error", "warning": "warning", "note": "info"}


def concise(report: Report, options: Options) -> str:
    """Return the report as lines; the last one, which counts, is left out with the problems where only findings are
    wanted.
    """
    lines = [
        finding_line(finding) for finding in (*counted_findings(report, options), *findings_in_tests(report, options))
    ]
    if options.verbosity >= 0:
        lines += [_problem(problem) for problem in report.problems]
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def finding_line(finding: Finding) -> str:
    """Return one finding."""
    level = _WORDS[GRADES[finding.severity].level]
    return f"{_at(finding.at)}: {finding.rule.id} {level} {full_text(finding)}"


def _problem(problem: Problem) -> str:
    """Return one problem; without a place it is written as in the text format, because it is about no line."""
    if problem.at is None:
        return problem_line(problem)
    return f"{_at(problem.at)}: {problem.code} {_WORDS.get(problem.level, 'info')} {problem_text(problem)}"


def _at(at: Location) -> str:
    path = place(Location(path=at.path)).replace(":", r"\x3a")
    return f"{path}:1:1" if at.region is None else f"{path}:{at.region.start_line}:{at.region.start_column}"
