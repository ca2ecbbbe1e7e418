"""Kleene's three-valued logic: all is the least outcome, any the greatest, not the mirror."""

from __future__ import annotations

from kvlint.model.report import Outcome

FAIL, UNDECIDED, PASS = Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS

_MIRROR = {FAIL: PASS, UNDECIDED: UNDECIDED, PASS: FAIL}


def negated(outcome: Outcome) -> Outcome:
    """PASS for FAIL, FAIL for PASS, UNDECIDED for itself."""
    return _MIRROR[outcome]


def implied(when: Outcome, require: Outcome) -> Outcome:
    """The outcome of a rule: not ``when``, or ``require``."""
    return max(_MIRROR[when], require)
