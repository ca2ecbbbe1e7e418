"""Map a rule's severity to the scales of SARIF and its readers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.model.rule import Severity


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
