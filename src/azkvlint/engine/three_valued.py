"""Kleene's three-valued logic on outcomes: ``all`` is the minimum, ``any`` the maximum."""

from __future__ import annotations

from azkvlint.model.finding import Outcome

FAIL, UNKNOWN, PASS = Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS


def negate(outcome: Outcome) -> Outcome:
    """Return PASS for FAIL, FAIL for PASS, and UNKNOWN for itself."""
    return PASS if outcome is FAIL else FAIL if outcome is PASS else UNKNOWN


def implication(when: Outcome, require: Outcome) -> Outcome:
    """Return the outcome of a rule: not ``when``, or ``require``."""
    return max(negate(when), require)
