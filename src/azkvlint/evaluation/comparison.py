"""Equality and order of results of which not all is known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from azkvlint.evaluation.known import known_of
from azkvlint.evaluation.values import Fields, Items, Result, as_optional, is_large
from azkvlint.model.pattern import known_end, known_start
from azkvlint.model.value import NOTHING_KNOWN, Absent, Scalar, Unknown

# Longer patterns are not compared with strings: there may be many of both.
_LONGEST = 10_000
_DATA = (Scalar, Absent, Items, Fields)
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_same_plain(left: object, right: object) -> bool:
    """Return whether two plain values are equal: a string is never equal to a number, nor a number to a boolean."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


class Comparison:
    """The comparison of results in one language. ``ignores_case``: the case of a pattern is not certain."""

    def __init__(self, *, ignores_case: bool) -> None:
        self._ignores_case = ignores_case

    def is_same(self, left: Result, right: Result) -> bool | None:
        """Return whether two results are equal; None if that is not known, or they are too large to be compared."""
        if isinstance(left, Items | Fields) and is_large(left) and is_large(right):
            return None
        return self.same(left, right)

    def same(self, left: Result, right: Result) -> bool | None:
        """Return whether two results are equal, of which at least one is not large."""
        if isinstance(left, Scalar) and isinstance(right, Scalar):
            return is_same_plain(left.value, right.value)
        if isinstance(left, Unknown):
            if isinstance(right, Unknown):
                return True if left.pattern is not None and left.pattern == right.pattern else None
            return self._ruled_out(left, right)
        if isinstance(right, Unknown):
            return self._ruled_out(right, left)
        if isinstance(left, Absent) or isinstance(right, Absent):
            return isinstance(left, Absent) and isinstance(right, Absent)
        if isinstance(left, Items) and isinstance(right, Items):
            return self._same_items(left, right)
        if isinstance(left, Fields) and isinstance(right, Fields):
            return self._same_fields(left, right)
        return False if type(left) in _DATA and type(right) in _DATA else None

    def _ruled_out(self, doubt: Unknown, other: Result) -> bool | None:
        """Return False if what is certain of a value does not allow it to be another; else None."""
        if isinstance(other, Absent):
            return False if doubt.is_set else None
        if not isinstance(other, Scalar):
            return None if doubt.known.is_number or _may_be_as_long(doubt, other) else False
        known, plain = doubt.known, other.value
        if isinstance(plain, str):
            return None if self.may_be(doubt, plain) else False
        if known.is_number and not isinstance(plain, bool):
            return None if known.least <= plain and (known.most is None or plain <= known.most) else False
        return None

    def may_be(self, doubt: Unknown, text: str) -> bool:
        """Return whether what is certain of a string, such as its beginning and its end, allows it to be ``text``."""
        known, pattern = doubt.known, doubt.pattern
        if known is not NOTHING_KNOWN:
            if text in known.differs or (not text and known.is_filled) or not self._may_start(text, known.starts):
                return False
            # However a language counts, a string has no more characters than this, nor fewer.
            if not known.is_number and (
                len(text.encode("utf-16-le", "surrogatepass")) // 2 < known.least
                or (known.most is not None and text.isascii() and "\r" not in text and len(text) > known.most)
            ):
                return False
        if pattern is None or not pattern.holes or len(pattern.text) > _LONGEST:
            return True
        start, end = known_start(pattern), known_end(pattern)
        if self._ignores_case:
            start, end, text = start.lower(), end.lower(), text.lower()
        return len(start) + len(end) <= len(text) and text.startswith(start) and text.endswith(end)

    def _may_start(self, text: str, start: str) -> bool:
        return text.lower().startswith(start.lower()) if self._ignores_case else text.startswith(start)

    def _same_items(self, left: Items, right: Items) -> bool | None:
        if "set" in (left.kind, right.kind) and left.kind == right.kind:
            return self._same_sets(left, right)
        if len(left.items) != len(right.items):
            return False
        found = self.all_same(zip(left.items, right.items, strict=True))
        # A list is never equal to a tuple or a set, whatever is in them.
        return found if left.kind == right.kind else False

    def _same_sets(self, left: Items, right: Items) -> bool | None:
        """Return whether two sets are equal. Known items are sorted; unknown ones may be equal to each other."""
        if any(not isinstance(item, _DATA) for item in (*left.items, *right.items)):
            return True if left is right else None
        found = self.all_same(zip(left.items, right.items, strict=False))
        return found if len(left.items) == len(right.items) else False

    def all_same(self, pairs: Iterable[tuple[Result, Result]]) -> bool | None:
        """Return whether each two are the same; None if that is not known."""
        answer: bool | None = True
        for left, right in pairs:
            found = self.same(left, right)
            if found is False:
                return False
            answer = answer and found
        return answer

    def _same_fields(self, left: Fields, right: Fields) -> bool | None:
        if left.rest is not None or right.rest is not None:
            return None if _may_be_as_long(left, right) else False
        if left.fields.keys() != right.fields.keys():
            doubts = any(as_optional(item) is not None for value in (left, right) for item in value.fields.values())
            return None if doubts else False
        found = self.all_same((left.fields[key], right.fields[key]) for key in left.fields)
        if found is True and any(as_optional(item) is not None for item in left.fields.values()):
            return None
        return found if left.kind == right.kind else False


def _may_be_as_long(one: Result, other: Result) -> bool:
    """Return whether two lists or objects may have the same number of items."""
    left, right = known_of(one), known_of(other)
    return (left.most is None or right.least <= left.most) and (right.most is None or left.least <= right.most)


def compared(name: str, left: Result, right: Result) -> bool | None:
    """Return ``<``, ``<=``, ``>`` or ``>=`` of numbers that are known within limits; None if these do not decide it."""
    one, other = _limits(left), _limits(right)
    if one is None or other is None:
        return None
    if name in (">", ">="):
        one, other, name = other, one, "<" if name == ">" else "<="
    if one[1] is not None and ORDER[name](one[1], other[0]):
        return True
    if other[1] is not None and not ORDER[name](one[0], other[1]):
        return False
    return None


def _limits(result: Result) -> tuple[float, float | None] | None:
    """Return the least and most of a number; None for all else."""
    if isinstance(result, Scalar):
        value = result.value
        return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(result, Unknown) and result.known.is_number:
        return result.known.least, result.known.most
    return None
