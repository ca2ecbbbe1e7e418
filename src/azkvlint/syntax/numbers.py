"""Numbers as JSON, YAML and expressions write them."""

from __future__ import annotations

import math

# The range of 64-bit integers, which every JSON reader supports.
_LIMIT = 2**63
_MAX_DIGITS = 20


def number_in_range(text: str) -> int | float | None:
    """Return the number that a text writes; None if it is out of range."""
    if text.lstrip("+-").isdigit():
        # Python refuses to convert integers of thousands of digits, so the length is checked first.
        number = int(text) if len(text) <= _MAX_DIGITS else _LIMIT
        return number if -_LIMIT <= number < _LIMIT else None
    fraction = float(text)
    return fraction if math.isfinite(fraction) else None
