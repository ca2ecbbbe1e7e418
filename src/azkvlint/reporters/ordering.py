"""Which findings a format for build systems tells, and in what order."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.reporters import Options


def counted_findings(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return what counts for the exit code: the findings, and where the run is strict the undecided ones after them."""
    return report.counted(_findings(report, options))


def findings_in_tests(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return what would count if it were not in a folder of tests or examples."""
    return report.uncounted(_findings(report, options))


def _findings(report: Report, options: Options) -> tuple[Finding, ...]:
    return report.findings + (report.undecided if options.strict else ())


def listed_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that belong in a list of what is to be mended: notes do not."""
    return [problem for problem in problems if problem.level != "note"]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, the most severe first; within one in the order given."""
    return sorted(findings, key=lambda finding: -finding.severity)
