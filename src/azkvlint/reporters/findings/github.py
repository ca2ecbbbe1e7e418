"""Workflow commands that make GitHub Actions annotate the lines of a pull request.

Of each kind GitHub shows the first ten of a step. So the worst come first, and the rest are plain lines of the log.
"""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.findings.concise import finding_line
from azkvlint.reporters.ordering import counted_findings, findings_in_tests, worst_first
from azkvlint.reporters.phrases import paragraph, problem_line, problem_sentence, sentence, summary
from azkvlint.reporters.severity import GRADES
from azkvlint.util.safe_text import visible

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_SHOWN = 10


def github(report: Report, options: Options) -> str:
    """Return the report as lines of a build log."""
    by_command: dict[str, list[Finding | Problem]] = {command: [] for command in _COMMANDS.values()}
    for problem in report.problems:
        by_command[_COMMANDS.get(problem.level, "notice")].append(problem)
    for finding in worst_first(counted_findings(report, options)):
        by_command[_COMMANDS[GRADES[finding.severity].level]].append(finding)
    lines = [f"::{command} {_annotation(one)}" for command, some in by_command.items() for one in some[:_SHOWN]]
    lines += [_line(one) for some in by_command.values() for one in some[_SHOWN:]]
    # What does not count takes no annotation from what does.
    lines += [finding_line(finding) for finding in worst_first(findings_in_tests(report, options))]
    if options.verbosity >= 0:
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def _annotation(one: Finding | Problem) -> str:
    return _finding(one) if isinstance(one, Finding) else _problem(one)


def _line(one: Finding | Problem) -> str:
    return finding_line(one) if isinstance(one, Finding) else problem_line(one)


def _finding(finding: Finding) -> str:
    rule = finding.rule
    return _command(
        rule.id, finding.at, f"{sentence(finding)}\n\nWhy: {paragraph(rule.why)}\nFix: {paragraph(rule.fix)}"
    )


def _problem(problem: Problem) -> str:
    return _command(problem.code, problem.at, problem_sentence(problem))


def _command(code: str, at: Location | None, text: str) -> str:
    """Return what follows the command's name: its properties and its text."""
    properties = {"title": f"kvlint ({code})"} | (dict(_place(at)) if at is not None else {})
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"{given}::{_data(text)}"


def _place(at: Location) -> Iterator[tuple[str, str]]:
    """Yield the start; and the end, if it is on the same line: only there GitHub takes columns."""
    yield "file", visible(at.path)
    if at.region is None:
        return
    region = at.region
    yield "line", str(region.start_line)
    if region.end_line == region.start_line:
        yield "col", str(region.start_column)
        yield "endLine", str(region.end_line)
        yield "endColumn", str(region.end_column)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
