"""Format counts of things."""

from __future__ import annotations


def pluralize(number: int, one: str, many: str = "") -> str:
    """Return ``1 rule``, ``2 rules``, ``0 policies``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
