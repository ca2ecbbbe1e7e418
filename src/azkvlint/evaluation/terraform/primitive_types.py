"""Terraform's primitive types: conversions between strings, numbers and booleans."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Plain, Scalar, Unknown
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from fractions import Fraction


class FailedError(Exception):
    """Terraform rejects an expression: ``why``, a part of a sentence without values in it, and ``at``, the place."""

    def __init__(self, why: str, at: Location) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


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
