"""Numbers: integers have 64 bits. The arithmetic of ARM is in ``operators``."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.evaluation.functions.table import ANY, Data, Function, InvalidCall, UnknownResult
from azkvlint.util.lazy_regex import regex

_INTEGER = regex(r"\s*[+-]?\d{1,19}\s*")
_NUMBER = regex(r"\s*[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?\s*")
_LARGEST = 1 << 63


def number(value: object) -> int:
    """``value``, if it is an integer."""
    if type(value) is not int:
        raise InvalidCall("was given something else where it needs an integer")
    return value


def _int(value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        found = int(value)
    elif isinstance(value, float):
        raise UnknownResult("how a fraction is rounded is not documented")
    elif isinstance(value, int) and not isinstance(value, bool):
        found = value
    else:
        raise InvalidCall("was given something that is no integer")
    if not -_LARGEST <= found < _LARGEST:
        raise InvalidCall("was given a number of more than 64 bits")
    return found


def _float(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        found = float(value)
        if found - found == 0:
            return found
    raise InvalidCall("was given something that is no number")


def _extreme(of: Callable[[list[int]], int]) -> Callable[..., int]:
    def run(*arguments: object) -> int:
        given = list(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], list) else list(arguments)
        if not given:
            raise InvalidCall("was given an empty array")
        return of([number(item) for item in given])

    return run


FUNCTIONS: tuple[Function, ...] = (
    Data("int", 1, 1, _int),
    Data("float", 1, 1, _float, "arm"),
    Data("min", 1, ANY, _extreme(min)),
    Data("max", 1, ANY, _extreme(max)),
)
