"""Numbers."""

from __future__ import annotations

import math

from azkvlint.evaluation.terraform.functions.table import ANY, Data, Function, InvalidCall, UnknownResult
from azkvlint.evaluation.terraform.primitive_types import exact, normal

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MOST_DIGITS = 600
# More numbers than this Terraform itself refuses to make.
_LONGEST_RANGE = 1024


def whole(value: float) -> int:
    """A number without a fraction."""
    if not isinstance(value, int):
        raise InvalidCall("is given a fraction where it needs a whole number")
    return value


def _ceil(value: float) -> int:
    return math.ceil(exact(value))


def _floor(value: float) -> int:
    return math.floor(exact(value))


def _abs(value: float) -> float:
    return abs(value)


def _signum(value: float) -> int:
    return (whole(value) > 0) - (whole(value) < 0)


def _decimal(number: float) -> float:
    """A number of 64 bits by the digits that it is printed with."""
    return normal(exact(number))


def _log(value: float, base: float) -> float:
    if value <= 0 or base <= 0 or base == 1:
        raise InvalidCall("is asked for a logarithm that there is not")
    return _decimal(math.log(value) / math.log(base))


def _pow(value: float, power: float) -> float:
    try:
        return _decimal(math.pow(value, power))
    except OverflowError as error:
        raise UnknownResult("numbers without an end are not looked at") from error
    except ValueError as error:
        raise InvalidCall("is asked for a root that there is not") from error


def _parse(text: object, base: float) -> int:
    base = whole(base)
    if not isinstance(text, str):
        raise InvalidCall("is given something that is no string")
    if not 2 <= base <= 62:
        raise InvalidCall("is given a base that is not between 2 and 62")
    digits = text[1:] if text[:1] in ("+", "-") else text
    if len(digits) > _MOST_DIGITS:
        raise UnknownResult("so large a number is not looked at")
    found = 0
    for digit in digits if base > 36 else digits.lower():
        value = _DIGITS.find(digit)
        if not 0 <= value < base:
            raise InvalidCall("is given a string that is no number of its base")
        found = found * base + value
    if not digits:
        raise InvalidCall("is given a string that is no number of its base")
    return -found if text[0] == "-" else found


def _min(*values: float) -> float:
    return min(values, key=exact)


def _max(*values: float) -> float:
    return max(values, key=exact)


def _sum(values: list[float]) -> float:
    if not values:
        raise InvalidCall("is given an empty list")
    return normal(sum(map(exact, values)))


def _range(*limits: float) -> list[float]:
    bounds = [exact(limit) for limit in limits]
    start, end = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    step = bounds[2] if len(bounds) == 3 else 1 if end >= start else -1
    if step == 0 or (end > start and step < 0) or (end < start and step > 0):
        raise InvalidCall("is given a step that does not lead from its start to its end")
    found: list[float] = []
    at = start
    while at < end if step > 0 else at > end:
        if len(found) == _LONGEST_RANGE:
            raise InvalidCall(f"is asked for more than {_LONGEST_RANGE:,} numbers")
        found.append(normal(at))
        at += step
    return found


_ONE, _TWO = ("number",), ("number", "number")
FUNCTIONS: tuple[Function, ...] = (
    Data("abs", 1, 1, _abs, kinds=_ONE),
    Data("ceil", 1, 1, _ceil, kinds=_ONE),
    Data("floor", 1, 1, _floor, kinds=_ONE),
    Data("log", 2, 2, _log, kinds=_TWO),
    Data("max", 1, ANY, _max, kinds=_ONE),
    Data("min", 1, ANY, _min, kinds=_ONE),
    Data("parseint", 2, 2, _parse, kinds=("any", "number")),
    Data("pow", 2, 2, _pow, kinds=_TWO),
    Data("signum", 1, 1, _signum, kinds=_ONE),
    Data("sum", 1, 1, _sum, kinds=("numbers",)),
    Data("range", 1, 3, _range, kinds=_ONE, kind="list"),
)
