"""What is certain of a string of which only the pattern is known."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from azkvlint.evaluation.values import OPEN, hole, pieces

# Their values are unknown, but each is one segment of an ID.
_SEGMENTS = frozenset(hole(name) for name in ("subscription", "resourceGroup", "managementGroup", "tenant"))

# A condition of a longer pattern is not taken apart.
_LONGEST = 2_000


def prefix(pattern: str) -> str:
    """Return the text that comes before the first unknown part."""
    return _known(pieces(pattern))


def suffix(pattern: str) -> str:
    """Return the text that comes after the last unknown part."""
    return _known(reversed(list(pieces(pattern))))


def _known(found: Iterable[tuple[str, bool]]) -> str:
    return next((part for part, _ in takewhile(lambda piece: not piece[1], found)), "")


def split(pattern: str, delimiter: str) -> list[str] | None:
    """Return the patterns of the parts of a text; None if an unknown part of it may hold a delimiter, or all of it is
    one.
    """
    if not all(_is_whole(part, delimiter) for part, open_ in pieces(pattern) if open_):
        return None
    # No hole holds a slash, so each slash is one of the text.
    return pattern.split(delimiter) if delimiter in pattern else None


def end(pattern: str, delimiter: str, last: bool) -> str | None:
    """Return the pattern of the last or first of the parts of a text; None if it is unknown where that begins or
    ends.
    """
    found = list(pieces(pattern))
    kept: list[str] = []
    for part, open_ in reversed(found) if last else found:
        if open_ and not _is_whole(part, delimiter):
            return None
        if not open_ and delimiter in part:
            kept.append(part.rpartition(delimiter)[2] if last else part.partition(delimiter)[0])
            return "".join(reversed(kept) if last else kept)
        kept.append(part)
    return None


def _is_whole(part: str, delimiter: str) -> bool:
    return delimiter == "/" and part in _SEGMENTS


def is_scope(pattern: str) -> bool:
    """Return whether a string is the ID or the name of the scope of a deployment, such as ``resourceGroup().name``."""
    *above, last = pattern.split("/")
    return last in _SEGMENTS and (not above or pattern.startswith("/subscriptions/"))


def conjuncts(pattern: str) -> list[str]:
    """Return the patterns of conditions that all have to hold for the condition with ``pattern`` to hold."""
    parts = list(pieces(pattern[1:-1])) if "&&" in pattern and len(pattern) <= _LONGEST else []
    if len(parts) > 1 and all(open_ or part == "&&" for part, open_ in parts):
        return [each for part, open_ in parts if open_ for each in conjuncts(part)]
    return [pattern]


def is_known(pattern: str) -> bool:
    """Return whether a pattern is a text."""
    return OPEN not in pattern
