"""Select and sort the findings for build-system formats."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.reporters import Options


def counted_findings(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return the findings that count for the exit code, followed by unknown results if the run is strict."""
    return report.counted(_findings(report, options))


def findings_in_tests(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return the findings that do not count because they are in a folder of tests or examples."""
    return report.uncounted(_findings(report, options))


def _findings(report: Report, options: Options) -> tuple[Finding, ...]:
    return report.findings + (report.unknown if options.strict else ())


def listed_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems without notes."""
    return [problem for problem in problems if problem.level != "note"]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by severity, the most severe first; the sort is stable."""
    return sorted(findings, key=lambda finding: -finding.severity)
