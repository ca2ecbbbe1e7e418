"""Render workflow commands that make GitHub Actions annotate the lines of a pull request.

GitHub shows the first ten annotations of each kind for a step, so the most severe come first, and the rest are plain
lines of the log.
"""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.findings.concise import finding_line
from azkvlint.reporters.phrases import fix_of, problem_line, problem_sentence, sentence, summary, why_of
from azkvlint.reporters.severity_order import GRADES, counted_findings, findings_in_tests, worst_first
from azkvlint.util.text import visible

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_SHOWN = 10


def github(report: Report, options: Options) -> str:
    """Return the report as lines of a build log."""
    by_command: dict[str, list[Finding | Problem]] = {command: [] for command in _COMMANDS.values()}
    for problem in report.problems:
        by_command[_COMMANDS.get(problem.level, "notice")].append(problem)
    for finding in worst_first(counted_findings(report, options)):
        by_command[_COMMANDS[GRADES[finding.severity].level]].append(finding)
    lines = [f"::{command} {_annotation(one)}" for command, entries in by_command.items() for one in entries[:_SHOWN]]
    lines += [_line(one) for entries in by_command.values() for one in entries[_SHOWN:]]
    # Findings that do not count must not use up the annotations.
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
    return _command(rule.id, finding.at, f"{sentence(finding)}\n\nWhy: {why_of([finding])}\nFix: {fix_of(finding)}")


def _problem(problem: Problem) -> str:
    return _command(problem.code, problem.at, problem_sentence(problem))


def _command(code: str, at: Location | None, text: str) -> str:
    """Return the rest of a command after its name: its properties and its message."""
    properties = {"title": f"kvlint ({code})"} | (dict(_place(at)) if at is not None else {})
    joined = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"{joined}::{_data(text)}"


def _place(at: Location) -> Iterator[tuple[str, str]]:
    """Yield the start, and the end if it is on the same line: GitHub supports columns only there."""
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
