"""Render GitLab's Code Quality report: an array of entries, of which GitLab shows one for each fingerprint."""

from __future__ import annotations

from typing import Any

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.location import Location
from azkvlint.model.rule import Severity
from azkvlint.reporters import Options
from azkvlint.reporters.phrases import full_text, problem_text
from azkvlint.reporters.severity_order import counted_findings, findings_in_tests, listed_problems
from azkvlint.util.text import encode

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}
# An incomplete report is as severe as any finding that it may be missing.
_LEVELS = {"error": "blocker", "warning": "major"}


def gitlab(report: Report, options: Options) -> bytes:
    """Return the report as UTF-8; an empty array without findings and problems."""
    entries = [_finding(finding) for finding in counted_findings(report, options)]
    entries += [_problem(problem) for problem in listed_problems(report.problems)]
    entries += [_finding(finding) for finding in findings_in_tests(report, options)]
    seen: dict[str, int] = {}
    for entry in entries:
        mark = entry["fingerprint"]
        seen[mark] = seen.get(mark, 0) + 1
        if seen[mark] > 1:
            entry["fingerprint"] = f"{mark}-{seen[mark]}"
    return encode(entries)


def _finding(finding: Finding) -> dict[str, Any]:
    severity = _SEVERITIES[finding.severity]
    return _entry(finding.rule.id, severity, full_text(finding), finding.fingerprint, finding.at)


def _problem(problem: Problem) -> dict[str, Any]:
    from hashlib import sha256

    text = problem_text(problem)
    # A problem without a file applies to the whole project.
    at = Location(path=".") if problem.at is None else problem.at
    mark = sha256(f"{problem.code}\n{at.path}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
    return _entry(problem.code, _LEVELS.get(problem.level, "info"), text, mark, at)


def _entry(check: str, severity: str, text: str, mark: str, at: Location) -> dict[str, Any]:
    return {
        "description": text,
        "check_name": check,
        "fingerprint": mark,
        "severity": severity,
        "location": {"path": at.path, "lines": {"begin": 1 if at.region is None else at.region.start_line}},
    }
