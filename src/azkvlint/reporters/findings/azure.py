"""Render logging commands that add errors and warnings to the page of an Azure Pipelines run.

Azure Pipelines has no level below warning, so other results are plain lines of the log.
"""

from __future__ import annotations

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.findings.concise import finding_line
from azkvlint.reporters.phrases import problem_line, problem_sentence, sentence, summary
from azkvlint.reporters.severity_order import GRADES, counted_findings, findings_in_tests, worst_first
from azkvlint.util.text import visible

_LISTED = ("error", "warning")
# Delimiters of properties and commands. The agent parses the text after a command in the same way.
_ESCAPES = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A", ";": "%3B", "]": "%5D"})


def azure(report: Report, options: Options) -> str:
    """Return the report as lines of a build log."""
    lines = [_problem(problem) for problem in report.problems]
    lines += [_finding(finding) for finding in worst_first(counted_findings(report, options))]
    lines += [finding_line(finding) for finding in worst_first(findings_in_tests(report, options))]
    if options.verbosity >= 0:
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: Finding) -> str:
    level = GRADES[finding.severity].level
    if level not in _LISTED:
        return finding_line(finding)
    return _command(level, finding.rule.id, finding.at, sentence(finding))


def _problem(problem: Problem) -> str:
    if problem.level not in _LISTED:
        return problem_line(problem)
    return _command(problem.level, problem.code, problem.at, problem_sentence(problem))


def _command(level: str, code: str, at: Location | None, text: str) -> str:
    properties = {"type": level}
    if at is not None:
        properties["sourcepath"] = visible(at.path)
        if at.region is not None:
            properties["linenumber"] = str(at.region.start_line)
            properties["columnnumber"] = str(at.region.start_column)
    properties["code"] = code
    joined = "".join(f"{name}={value.translate(_ESCAPES)};" for name, value in properties.items())
    return f"##vso[task.logissue {joined}]{text.translate(_ESCAPES)}"
