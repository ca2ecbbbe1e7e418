"""What is certain of a string of which only the pattern is known: its parts, and the conditions that it states."""

from __future__ import annotations

from azkvlint.model.pattern import (
    CallHole,
    Hole,
    Part,
    Pattern,
    Text,
    hole,
    join_texts,
    known_or_pattern,
    known_start,
    length_of,
    parts_of,
    split_text,
    text_form,
)

# Their values are unknown, but each is one segment of an ID.
_SEGMENTS = frozenset(hole(name) for name in ("subscription", "resourceGroup", "managementGroup", "tenant"))
# A condition of a longer pattern is not taken apart.
_LONGEST_CONDITION = 2_000


def split_known(text: Text, delimiter: str) -> list[Text] | None:
    """Return the parts of a text; None if an unknown part of it may hold a delimiter, or all of it is one."""
    if any(isinstance(part, Hole) and not _is_whole(part, delimiter) for part in parts_of(text)):
        return None
    found = split_text(text, delimiter)
    return found if len(found) > 1 else None


def end(text: Text, delimiter: str, last: bool) -> Text | None:
    """Return the last or first of the parts of a text; None if it is unknown where that begins or ends."""
    found = parts_of(text)
    kept: list[Part] = []
    for part in reversed(found) if last else found:
        if isinstance(part, Hole):
            if not _is_whole(part, delimiter):
                return None
        elif delimiter in part:
            kept.append(part.rpartition(delimiter)[2] if last else part.partition(delimiter)[0])
            return join_texts(reversed(kept) if last else kept)
        kept.append(part)
    return None


def _is_whole(part: Hole, delimiter: str) -> bool:
    return delimiter == "/" and part in _SEGMENTS


def is_scope(pattern: Pattern | None) -> bool:
    """Return whether a string is the ID or the name of the scope of a deployment, such as ``resourceGroup().name``."""
    *above, last = split_text(known_or_pattern(pattern), "/")
    return last in _SEGMENTS and (not above or known_start(pattern).startswith("/subscriptions/"))


def conjuncts(condition: Text) -> list[str]:
    """Return the text forms of conditions that all have to hold for a condition to hold."""
    is_short = length_of(condition) <= _LONGEST_CONDITION
    if isinstance(condition, CallHole) and condition.name == "&&" and is_short:
        parts = condition.arguments
        if len(parts) > 1 and all(isinstance(part, Hole) for part in parts):
            return [each for part in parts for each in conjuncts(part)]
    return [text_form(condition)]
