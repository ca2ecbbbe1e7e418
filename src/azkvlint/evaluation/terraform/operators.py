"""HCL's operators and equality, and conversions between strings, numbers and booleans.

Each operator raises FailedError where Terraform rejects its operands.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.comparison import ORDER, Comparison, compared
from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.values import Result, doubt_in, is_sensitive, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, operation, text_form
from azkvlint.model.value import Absent, Plain, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from fractions import Fraction

_TERRAFORM = Comparison(ignores_case=False)
is_same, may_be, all_same = _TERRAFORM.is_same, _TERRAFORM.may_be, _TERRAFORM.all_same


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
        decided = compared(name, one, other)
        if decided is None:
            return _doubt(name, one, other, at)
        return Scalar(at=at, value=decided, sensitive=is_sensitive(one) or is_sensitive(other))
    return Scalar(at=at, value=ORDER[name](one.value, other.value), sensitive=one.sensitive or other.sensitive)


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
    pattern = operation(name, [doubt.pattern]) if doubt.pattern is not None else None
    return Unknown(at=at, why=doubt.why, pattern=pattern, given=True, sensitive=doubt.sensitive)


def _doubt(name: str, left: Result, right: Result, at: Location) -> Unknown:
    doubt = doubt_in("the operands are unknown", at, left, right)
    parts = [_part(left), _part(right)]
    pattern = operation(name, parts) if all(parts) else None
    sensitive = is_sensitive(left) or is_sensitive(right)
    return Unknown(at=at, why=doubt.why, pattern=pattern, given=True, sensitive=sensitive)


def _part(result: Result) -> Text:
    if isinstance(result, Absent):
        return "null"
    found = pattern_of(result)
    # A string is not a number.
    is_text = isinstance(result, Scalar) and isinstance(result.value, str) and not result.sensitive
    return f'"{text_form(found)}"' if is_text else found


class FailedError(Exception):
    """Terraform rejects an expression: ``why``, a part of a sentence without values in it, and ``at``, the place."""

    def __init__(self, why: str, at: Location) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


_WORD = regex(r"[\w.-]{1,40}")


class AccessError(FailedError):
    """An attribute or item does not exist. ``what`` names it."""

    def __init__(self, what: str, reason: str, at: Location) -> None:
        super().__init__(f"{what} does not exist{f': {reason}' if reason else ''}", at)
        self.what = what
        self.reason = reason

    def named(self, node: ast.Member | ast.Item, at: Location) -> AccessError:
        """Return the error with the expression that reads, if that is a reference at the place of the error."""
        written = written_reference(node)
        is_here = not self.what.startswith("`") and self.at == at
        return AccessError(f"`{written}`", self.reason, at) if written and is_here else self


def written_reference(node: ast.Node) -> str:
    """Return a reference as it is written; an empty string for any other expression."""
    match node:
        case ast.Name(name=name):
            return "" if name == "*" else name
        case ast.Member(of=of, name=name):
            above = written_reference(of)
            return above and f"{above}.{name}"
        case ast.Item(of=of, index=index):
            above = written_reference(of)
            return above and f"{above}[{_index(index)}]"
        case _:
            return ""


def _index(node: ast.Node) -> str:
    """Return an index as it is written, without any text that may be a secret."""
    match node:
        case ast.Literal(value=int() as number):
            return str(number)
        case ast.Literal(value=str() as key) if _WORD.fullmatch(key):
            return f'"{key}"'
        case _:
            return written_reference(node) or "..."


class RequiredError(FailedError):
    """A value has another type than ``why`` requires, and cannot be converted."""


# Terraform computes with 512 bits: beyond that its numbers are not exact.
_LARGEST = 1 << 512
_MOST_DIGITS = 160
_NUMBER = regex(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,5}))?", re.ASCII)
_TOO_LARGE = "numbers larger than 512 bits are not supported"
_FLAGS = {"true": True, "false": False, "1": True, "0": False}


def text_of(plain: object) -> str:
    """Return how Terraform prints a text, number or boolean into a text."""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float):
        from decimal import Decimal

        return format(Decimal(repr(normal(plain))), "f")
    return str(plain)


def normal(number: float | Fraction) -> int | float:
    """Return a number as an int if it is whole. Raise UnknownResult if it is larger than Terraform is exact with."""
    if type(number) is int:
        whole = number
    else:
        from fractions import Fraction

        try:
            found = Fraction(number)
        except (OverflowError, ValueError) as error:
            raise UnknownResult(_TOO_LARGE) from error
        if found.denominator != 1:
            return float(found)
        whole = found.numerator
    if not -_LARGEST < whole < _LARGEST:
        raise UnknownResult(_TOO_LARGE)
    return whole


def exact(number: float) -> int | Fraction:
    """Return a number for exact arithmetic: 0.1 is a tenth."""
    if isinstance(number, int):
        return number
    from fractions import Fraction

    return Fraction(repr(number))


def number_in(text: str) -> int | float | None:
    """Return the number in a string; None if there is none. Raise UnknownResult for one that is too large."""
    if len(text) > _MOST_DIGITS:
        raise UnknownResult(_TOO_LARGE)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match[1] and abs(int(match[1])) > _MOST_DIGITS:
        raise UnknownResult(_TOO_LARGE)
    if text.isdigit():
        return normal(int(text))
    from fractions import Fraction

    return normal(Fraction(text))


def as_number(plain: Plain) -> int | float | None:
    """Return a number, or a string that represents one; None for all else."""
    if isinstance(plain, bool):
        return None
    return number_in(plain) if isinstance(plain, str) else normal(plain)


def as_flag(plain: Plain) -> bool | None:
    """Return a boolean, or a string that represents one; None for all else."""
    if isinstance(plain, str):
        return _FLAGS.get(plain)
    return plain if isinstance(plain, bool) else None


_AS = {"string": text_of, "number": as_number, "bool": as_flag}
NAMES = {"string": "a string", "number": "a number", "bool": "a bool"}


def primitive(result: Result, kind: str, at: Location) -> Result:
    """Return ``result`` as a ``string``, ``number`` or ``bool``; null, Unknown and what is not data are returned
    unchanged.

    Raise RequiredError for what Terraform does not convert.
    """
    if isinstance(result, Scalar):
        value = result.value
        try:
            found = _AS[kind](value)
        except UnknownResult as error:
            return Unknown(at=result.at, why=str(error), sensitive=result.sensitive)
        if found is None:
            raise RequiredError(f"{NAMES[kind]} is required", at)
        return result if found is value else msgspec.structs.replace(result, value=found)
    if isinstance(result, Unknown | Absent) or (not hasattr(result, "fields") and not hasattr(result, "items")):
        return result
    raise RequiredError(f"{NAMES[kind]} is required", at)
