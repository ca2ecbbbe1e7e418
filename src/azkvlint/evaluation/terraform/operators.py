"""HCL's operators over results. Each raises FailedError where Terraform rejects its operands."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.terraform.equality import is_same
from azkvlint.evaluation.terraform.primitive_types import FailedError, exact, normal, primitive
from azkvlint.evaluation.values import Result, doubt_in, hole, is_sensitive, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

if TYPE_CHECKING:
    from fractions import Fraction

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def equal(left: Result, right: Result, expected: bool, at: Location) -> Result:
    """Return ``left == right``, or ``left != right`` where ``expected`` is false."""
    found = is_same(left, right)
    if found is None:
        return _doubt("==" if expected else "!=", left, right, at)
    return Scalar(at=at, value=found is expected, sensitive=is_sensitive(left) or is_sensitive(right))


def compare(name: str, left: Result, right: Result, at: Location) -> Result:
    """Compare two numbers."""
    one, other = operand(left, "number", at), operand(right, "number", at)
    if not isinstance(one, Scalar) or not isinstance(other, Scalar):
        return _doubt(name, one, other, at)
    return Scalar(at=at, value=_ORDER[name](one.value, other.value), sensitive=one.sensitive or other.sensitive)


def calculate(name: str, left: Result, right: Result, at: Location) -> Result:
    """Return ``+ - * / %`` of two numbers."""
    one, other = operand(left, "number", at), operand(right, "number", at)
    if not isinstance(one, Scalar) or not isinstance(other, Scalar):
        return _doubt(name, one, other, at)
    sensitive = one.sensitive or other.sensitive
    try:
        found = normal(_calculate(name, exact(one.value), exact(other.value), at))  # type: ignore[arg-type]  # operand() made them numbers
    except UnknownResult as error:
        return Unknown(at=at, why=str(error), sensitive=sensitive)
    return Scalar(at=at, value=found, sensitive=sensitive)


def _calculate(name: str, left: int | Fraction, right: int | Fraction, at: Location) -> int | Fraction:
    if name == "+":
        return left + right
    if name == "-":
        return left - right
    if name == "*":
        return left * right
    if right == 0:
        if name == "/":
            raise FailedError("a number is divided by zero", at)
        return left
    from fractions import Fraction

    # The remainder has the sign of the dividend.
    return Fraction(left) / right if name == "/" else left - right * math.trunc(Fraction(left) / right)


def negate(result: Result, at: Location) -> Result:
    """Return ``!result``."""
    found = operand(result, "bool", at)
    if isinstance(found, Scalar):
        return Scalar(at=at, value=not found.value, sensitive=found.sensitive)
    return _single("!", found, at)


def minus(result: Result, at: Location) -> Result:
    """Return ``-result``."""
    found = operand(result, "number", at)
    if isinstance(found, Scalar):
        return Scalar(at=at, value=-found.value, sensitive=found.sensitive)  # type: ignore[operator]  # operand() made it one
    return _single("-", found, at)


def operand(result: Result, kind: str, at: Location) -> Result:
    """Return an operand as a ``number`` or ``bool``. Raise FailedError for null, and for what cannot become one."""
    if isinstance(result, Absent):
        raise FailedError("an operand is null", at)
    return primitive(result, kind, at)


def _single(name: str, found: Result, at: Location) -> Unknown:
    doubt = doubt_in("an operand is unknown", at, found)
    pattern = hole(f"{name}{doubt.pattern}") if doubt.pattern else ""
    return Unknown(at=at, why=doubt.why, pattern=pattern, given=True, sensitive=doubt.sensitive)


def _doubt(name: str, left: Result, right: Result, at: Location) -> Unknown:
    doubt = doubt_in("the operands are unknown", at, left, right)
    parts = [_part(left), _part(right)]
    pattern = hole(name.join(parts)) if all(parts) else ""
    sensitive = is_sensitive(left) or is_sensitive(right)
    return Unknown(at=at, why=doubt.why, pattern=pattern, given=True, sensitive=sensitive)


def _part(result: Result) -> str:
    if isinstance(result, Absent):
        return "null"
    found = pattern_of(result)
    # A string is not a number.
    return f'"{found}"' if found and isinstance(result, Scalar) and isinstance(result.value, str) else found
