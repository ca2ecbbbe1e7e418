"""The one map from a rule's severity to what SARIF and its readers want to hear."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.model.rule import Severity


class Grade(msgspec.Struct, frozen=True):
    """``level`` is SARIF's. ``score`` is GitHub's security-severity, None where a finding is no security issue.

    GitHub's bands are: critical above 9.0, high from 7.0, medium from 4.0, low above 0; exactly 9.0 lies in none.
    """

    level: str
    score: float | None

    @property
    def rank(self) -> float | None:
        """SARIF's rank, 0 to 100, which GitLab reads before anything else."""
        return None if self.score is None else round(self.score * 10, 1)


GRADES: Mapping[Severity, Grade] = {
    Severity.CRITICAL: Grade("error", 9.3),
    Severity.HIGH: Grade("error", 8.0),
    Severity.MEDIUM: Grade("warning", 5.5),
    Severity.LOW: Grade("note", 3.0),
    Severity.INFO: Grade("note", None),
}
