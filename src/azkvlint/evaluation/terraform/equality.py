"""Equality of results in Terraform, where case and type matter."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.evaluation.values import CLOSE, OPEN, Fields, Items, Result, as_optional, is_large
from azkvlint.model.value import Absent, Scalar, Unknown

# Longer patterns are not compared with strings: there may be many of both.
_LONGEST = 10_000
_DATA = (Scalar, Absent, Items, Fields)


def is_same(left: Result, right: Result) -> bool | None:
    """Return whether two results are equal; None if that is not known, or they are too large to be compared."""
    if isinstance(left, Items | Fields) and is_large(left) and is_large(right):
        return None
    return _same(left, right)


def _same(left: Result, right: Result) -> bool | None:
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return is_same_plain(left.value, right.value)
    if isinstance(left, Unknown):
        if isinstance(right, Unknown):
            return True if left.pattern and left.pattern == right.pattern else None
        return _ruled_out(left, right)
    if isinstance(right, Unknown):
        return _ruled_out(right, left)
    if isinstance(left, Absent) or isinstance(right, Absent):
        return isinstance(left, Absent) and isinstance(right, Absent)
    if isinstance(left, Items) and isinstance(right, Items):
        return _same_items(left, right)
    if isinstance(left, Fields) and isinstance(right, Fields):
        return _same_fields(left, right)
    return False if type(left) in _DATA and type(right) in _DATA else None


def is_same_plain(left: object, right: object) -> bool:
    """Return whether two plain values are equal: a string is never equal to a number, nor a number to a boolean."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _ruled_out(doubt: Unknown, known: Result) -> bool | None:
    """Return False if what is known of a value does not allow it to be another; else None."""
    if isinstance(known, Absent):
        return False if doubt.is_set else None
    if isinstance(known, Scalar) and isinstance(known.value, str) and not may_be(doubt, known.value):
        return False
    return None


def may_be(doubt: Unknown, text: str) -> bool:
    """Return whether what is known of a text, its beginning and its end, allows it to be ``text``."""
    pattern = doubt.pattern
    if OPEN not in pattern or len(pattern) > _LONGEST:
        return True
    start, end = pattern.partition(OPEN)[0], pattern.rpartition(CLOSE)[2]
    return len(start) + len(end) <= len(text) and text.startswith(start) and text.endswith(end)


def _same_items(left: Items, right: Items) -> bool | None:
    if "set" in (left.kind, right.kind) and left.kind == right.kind:
        return _same_sets(left, right)
    if len(left.items) != len(right.items):
        return False
    found = all_same(zip(left.items, right.items, strict=True))
    # A list is never equal to a tuple or a set, whatever is in them.
    return found if left.kind == right.kind else False


def _same_sets(left: Items, right: Items) -> bool | None:
    """Return whether two sets are equal. Known items are sorted; unknown ones may be equal to each other."""
    if any(not isinstance(item, _DATA) for item in (*left.items, *right.items)):
        return True if left is right else None
    found = all_same(zip(left.items, right.items, strict=False))
    return found if len(left.items) == len(right.items) else False


def all_same(pairs: Iterable[tuple[Result, Result]]) -> bool | None:
    """Return whether each two are the same; None if that is not known."""
    answer: bool | None = True
    for left, right in pairs:
        found = _same(left, right)
        if found is False:
            return False
        answer = answer and found
    return answer


def _same_fields(left: Fields, right: Fields) -> bool | None:
    if left.rest is not None or right.rest is not None:
        return None
    if left.fields.keys() != right.fields.keys():
        doubts = any(as_optional(item) is not None for value in (left, right) for item in value.fields.values())
        return None if doubts else False
    found = all_same((left.fields[key], right.fields[key]) for key in left.fields)
    if found is True and any(as_optional(item) is not None for item in left.fields.values()):
        return None
    return found if left.kind == right.kind else False
