"""Kleene's three-valued logic on outcomes: ``all`` is the minimum, ``any`` the maximum."""

from __future__ import annotations

from azkvlint.model.finding import Outcome

FAIL, UNDECIDED, PASS = Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS


def negate(outcome: Outcome) -> Outcome:
    """Return PASS for FAIL, FAIL for PASS, and UNDECIDED for itself."""
    return PASS if outcome is FAIL else FAIL if outcome is PASS else UNDECIDED


def implication(when: Outcome, require: Outcome) -> Outcome:
    """Return the outcome of a rule: not ``when``, or ``require``."""
    return max(negate(when), require)
