"""Equality of results, and Bicep's operators, which ARM functions such as ``equals`` and ``add`` use too."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from azkvlint.evaluation.values import (
    CLOSE,
    OPEN,
    Fields,
    Items,
    Result,
    as_optional,
    doubt_in,
    find_field,
    hole,
    is_large,
    is_sensitive,
    pattern_of,
    text_of,
)
from azkvlint.model.location import Location
from azkvlint.model.value import MAY_BE_ABSENT, Absent, Scalar, Unknown

# Longer patterns are not compared with strings: there may be many of both.
_LONGEST = 10_000
_DATA = (Scalar, Unknown, Absent, Items, Fields)


def is_same(left: Result, right: Result) -> bool | None:
    """Return whether two results are equal; None if that is not known, or they are too large to be compared."""
    if isinstance(left, Items | Fields) and is_large(left) and is_large(right):
        return None
    return _same(left, right)


def _same(left: Result, right: Result) -> bool | None:
    if isinstance(left, Unknown):
        if isinstance(right, Unknown):
            return True if left.pattern and left.pattern == right.pattern else None
        return _ruled_out(left, right)
    if isinstance(right, Unknown):
        return _ruled_out(right, left)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return isinstance(left.value, bool) == isinstance(right.value, bool) and left.value == right.value
    if isinstance(left, Absent) or isinstance(right, Absent):
        return isinstance(left, Absent) and isinstance(right, Absent)
    if isinstance(left, Items) and isinstance(right, Items):
        return _all_same(zip(left.items, right.items, strict=False)) if len(left.items) == len(right.items) else False
    if isinstance(left, Fields) and isinstance(right, Fields):
        return _same_fields(left, right)
    return False if type(left) in _DATA and type(right) in _DATA else None


def _ruled_out(doubt: Unknown, known: Result) -> bool | None:
    """Return False if what is known of a text does not allow it to be another; else None."""
    return (
        False
        if isinstance(known, Scalar) and isinstance(known.value, str) and not _may_be(doubt, known.value)
        else None
    )


def _all_same(pairs: Iterator[tuple[Result, Result]]) -> bool | None:
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
    return _all_same((left.fields[key], right.fields[key]) for key in left.fields)


def may_have(value: Fields, name: Unknown) -> bool:
    """Return whether an object may have the field that ``name`` turns out to name."""
    return value.rest is not None or any(_may_be(name, key) for key in value.fields)


def _may_be(doubt: Unknown, text: str) -> bool:
    """Return whether what is known of a text, its beginning and its end, allows it to be ``text``, in any case."""
    pattern = doubt.pattern
    if doubt.filled and not text:
        return False
    if OPEN not in pattern or len(pattern) > _LONGEST:
        return True
    start, end, text = pattern.partition(OPEN)[0].lower(), pattern.rpartition(CLOSE)[2].lower(), text.lower()
    return len(start) + len(end) <= len(text) and text.startswith(start) and text.endswith(end)


def merge_alternatives(one: Result, other: Result, doubt: Unknown) -> Result:
    """Merge two results of which one is the value: what they share is known, the rest is as unknown as ``doubt``."""
    if isinstance(one, Items | Fields) and (is_large(one) or is_large(other)):
        return Unknown(at=doubt.at, why=doubt.why, sensitive=is_sensitive(one) or is_sensitive(other))
    return _either(one, other, doubt)


def _either(one: Result, other: Result, doubt: Unknown) -> Result:
    if _same(one, other) is True:
        return other if is_sensitive(other) else one
    if isinstance(one, Fields) and isinstance(other, Fields):
        names = {name.lower(): name for name in [*other.fields, *one.fields]}
        fields = {name: _either_field(one, other, name, doubt) for name in names.values()}
        return Fields(at=one.at, fields=fields, rest=one.rest if one.rest is not None else other.rest)
    if isinstance(one, Items) and isinstance(other, Items) and len(one.items) == len(other.items):
        items = [_either(a, b, doubt) for a, b in zip(one.items, other.items, strict=True)]
        return Items(at=one.at, items=items)
    parts = [doubt.pattern, pattern_of(one), pattern_of(other)]
    pattern = hole(f"if({','.join(parts)})") if all(parts) else ""
    sensitive = is_sensitive(one) or is_sensitive(other)
    return Unknown(at=doubt.at, why=doubt.why, pattern=pattern, sensitive=sensitive)


def _either_field(one: Fields, other: Fields, name: str, doubt: Unknown) -> Result:
    """Return a field that both objects may have, or one: then it may not be there, which is as much as null to
    Azure.
    """
    left, right = find_field(one, name), find_field(other, name)
    if left is not None and right is not None:
        return _either(left, right, doubt)
    there, elsewhere = (left, other.rest) if left is not None else (right, one.rest)
    value = there if there is not None else Absent(at=doubt.at)
    found = _either(value, elsewhere if elsewhere is not None else Absent(at=doubt.at), doubt)
    if isinstance(found, Unknown):
        return Unknown(at=found.at, why=found.why, pattern=found.pattern, sensitive=found.sensitive, note=MAY_BE_ABSENT)
    return found


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LARGEST = 1 << 63


def apply_binary(name: str, left: Result, right: Result, at: Location) -> Result:
    """Return the result of an operator on both operands; Unknown if they do not decide it or do not fit it."""
    if name == "==":
        equal = is_same(left, right)
        return _doubt(name, left, right, at) if equal is None else Scalar(at=at, value=equal)
    if not isinstance(left, Scalar) or not isinstance(right, Scalar):
        return _doubt(name, left, right, at)
    if name in ("=~", "!~"):
        alike = text_of(left.value).lower() == text_of(right.value).lower()
        return Scalar(at=at, value=alike is (name == "=~"))
    if name in _ORDER and _is_text(left) == _is_text(right) and not _is_flag(left) and not _is_flag(right):
        return Scalar(at=at, value=_ORDER[name](left.value, right.value))
    number = _number(name, left.value, right.value) if type(left.value) is type(right.value) is int else None
    if number is None:
        return Unknown(at=at, why=f"operator `{name}` does not support these operands")
    return Scalar(at=at, value=number, sensitive=left.sensitive or right.sensitive)


def negate(result: Result, at: Location) -> Result:
    """Return ``!result``."""
    if isinstance(result, Scalar) and isinstance(result.value, bool):
        return Scalar(at=at, value=not result.value)
    if isinstance(result, Unknown):
        return Unknown(at=at, why=result.why, pattern=hole(f"!{result.pattern}") if result.pattern else "", given=True)
    return Unknown(at=at, why="the operand of `!` is not a Boolean")


def apply_unary(name: str, operand: Result, at: Location) -> Result:
    """Return ``!``, ``-`` or ``+`` of an operand."""
    if name == "!":
        return negate(operand, at)
    if isinstance(operand, Scalar) and type(operand.value) is int:
        return Scalar(at=at, value=-operand.value if name == "-" else operand.value, sensitive=operand.sensitive)
    found = doubt_in(f"the operand of `{name}` is not a number", at, operand)
    pattern = hole(f"{name}{found.pattern}") if found.pattern else ""
    return Unknown(at=at, why=found.why, pattern=pattern, given=isinstance(operand, Unknown))


def _number(name: str, left: int, right: int) -> int | None:
    """Return arithmetic as Azure does it: 64 bits, division towards zero."""
    match name:
        case "+":
            found = left + right
        case "-":
            found = left - right
        case "*":
            found = left * right
        case "/" | "%":
            if right == 0:
                return None
            quotient = abs(left) // abs(right)
            quotient = quotient if (left < 0) == (right < 0) else -quotient
            found = quotient if name == "/" else left - quotient * right
        case _:
            return None
    return found if -_LARGEST <= found < _LARGEST else None


def _doubt(name: str, left: Result, right: Result, at: Location) -> Unknown:
    found = doubt_in(f"operator `{name}` does not support these operands", at, left, right)
    parts = [pattern_of(left) or _null(left), pattern_of(right) or _null(right)]
    # An operator returns a value or fails: never null.
    given = isinstance(left, Unknown) or isinstance(right, Unknown)
    return Unknown(at=at, why=found.why, pattern=hole(name.join(parts)) if all(parts) else "", given=given)


def _null(result: Result) -> str:
    return "null" if isinstance(result, Absent) else ""


def _is_text(value: Scalar) -> bool:
    return isinstance(value.value, str)


def _is_flag(value: Scalar) -> bool:
    return isinstance(value.value, bool)
