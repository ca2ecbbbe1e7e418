"""Bicep's operators over results; the ARM functions of the same meaning (``equals``, ``add`` ...) use them too."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from azkvlint.evaluation.compare import same
from azkvlint.evaluation.values import Result, doubt_in, hole, pattern_of, text_of
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LARGEST = 1 << 63


def binary(name: str, left: Result, right: Result, at: Location) -> Result:
    """The result of an operator that looks at both operands; Unknown where they do not decide it, or do not fit it."""
    if name == "==":
        equal = same(left, right)
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
        return Unknown(at=at, why=f"the operands of '{name}' do not fit it")
    return Scalar(at=at, value=number, sensitive=left.sensitive or right.sensitive)


def negated(result: Result, at: Location) -> Result:
    """``!result``."""
    if isinstance(result, Scalar) and isinstance(result.value, bool):
        return Scalar(at=at, value=not result.value)
    if isinstance(result, Unknown):
        return Unknown(at=at, why=result.why, pattern=hole(f"!{result.pattern}") if result.pattern else "", given=True)
    return Unknown(at=at, why="only a boolean can be negated")


def unary(name: str, operand: Result, at: Location) -> Result:
    """``!``, ``-`` or ``+`` of an operand."""
    if name == "!":
        return negated(operand, at)
    if isinstance(operand, Scalar) and type(operand.value) is int:
        return Scalar(at=at, value=-operand.value if name == "-" else operand.value, sensitive=operand.sensitive)
    found = doubt_in(f"the operand of '{name}' is no number", at, operand)
    pattern = hole(f"{name}{found.pattern}") if found.pattern else ""
    return Unknown(at=at, why=found.why, pattern=pattern, given=isinstance(operand, Unknown))


def _number(name: str, left: int, right: int) -> int | None:
    """Arithmetic as Azure does it: 64 bits, division towards zero."""
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
    found = doubt_in(f"the operands of '{name}' do not fit it", at, left, right)
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
