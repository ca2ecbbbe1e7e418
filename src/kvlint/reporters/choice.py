"""Which findings a format for build systems tells, and in what order."""

from __future__ import annotations

from collections.abc import Iterable

from kvlint.model.report import Finding, Problem, Report
from kvlint.reporters import Options


def told(report: Report, options: Options) -> tuple[Finding, ...]:
    """What counts for the exit code: the findings, and where the run is strict the undecided questions after them."""
    return report.findings + (report.undecided if options.strict else ())


def listed(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that belong in a list of what is to be mended: notes do not."""
    return [problem for problem in problems if problem.level != "note"]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, the most severe first; within one in the order given."""
    return sorted(findings, key=lambda finding: -finding.severity)
