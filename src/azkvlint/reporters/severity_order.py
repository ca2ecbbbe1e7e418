"""Select findings for build-system formats, sort them by severity, and name severities as other tools do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.rule import Severity
from azkvlint.reporters import Options


class Grade(msgspec.Struct, frozen=True):
    """``level`` is SARIF's, ``score`` GitHub's security-severity, None if a finding is not a security issue.

    GitHub's bands are: critical above 9.0, high from 7.0, medium from 4.0, low above 0; exactly 9.0 is in none.
    """

    level: str
    score: float | None

    @property
    def rank(self) -> float | None:
        """Return SARIF's rank, 0 to 100, which GitLab prefers to all else."""
        return None if self.score is None else round(self.score * 10, 1)


GRADES: Mapping[Severity, Grade] = {
    Severity.CRITICAL: Grade("error", 9.3),
    Severity.HIGH: Grade("error", 8.0),
    Severity.MEDIUM: Grade("warning", 5.5),
    Severity.LOW: Grade("note", 3.0),
    Severity.INFO: Grade("note", None),
}


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
