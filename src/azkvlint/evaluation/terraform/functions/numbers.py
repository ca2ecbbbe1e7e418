"""Functions of numbers, and conversions from one type to another."""

from __future__ import annotations

import math

from azkvlint.evaluation.terraform.alternatives import data_of, gather, stands_for_all
from azkvlint.evaluation.terraform.functions.table import (
    ANY,
    Call,
    Data,
    Function,
    InvalidCall,
    Lazy,
    Parts,
    UnknownResult,
)
from azkvlint.evaluation.terraform.primitive_types import exact, normal
from azkvlint.evaluation.terraform.types import ANY as ANY_TYPE
from azkvlint.evaluation.terraform.types import Type, convert, type_of
from azkvlint.evaluation.values import Closure, Result
from azkvlint.model.value import Unknown


def _to(name: str, type_: Type) -> Function:
    def run(call: Call, arguments: list[Result]) -> Result:
        found = _converted(call, arguments[0], type_)
        if isinstance(found, Unknown) and name != "tostring":
            # It may be another value than it was, but names what it named.
            return call.pass_through([found], found, given=found.is_set)
        return found

    return Parts(name, 1, 1, run, nulls=True)


def _converted(call: Call, result: Result, type_: Type) -> Result:
    one = stands_for_all(result)
    if one is not None:
        return gather([one], Unknown(at=call.at, why="the number of instances is unknown"))
    given = data_of(result, call.at)
    call.evaluator.weigh(given)
    return convert(given, type_, lambda node: call.evaluator.evaluate(node, {}))


def _convert(call: Call) -> Result:
    """Return ``convert(value, type)``, whose second argument is written as that of a variable."""
    if len(call.node.arguments) != 2:
        raise call.failed("expects a value and a type")
    value = call.evaluator.evaluate(call.node.arguments[0], call.local)
    return value if isinstance(value, Closure) else _converted(call, value, type_of(call.node.arguments[1]))


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MOST_DIGITS = 600
# Terraform itself rejects more numbers than this.
_LONGEST_RANGE = 1024


def whole_number(value: float) -> int:
    """Return a number without a fraction."""
    if not isinstance(value, int):
        raise InvalidCall("expects a whole number")
    return value


def _ceil(value: float) -> int:
    return math.ceil(exact(value))


def _floor(value: float) -> int:
    return math.floor(exact(value))


def _abs(value: float) -> float:
    return abs(value)


def _signum(value: float) -> int:
    return (whole_number(value) > 0) - (whole_number(value) < 0)


def _decimal(number: float) -> float:
    """Return a number of 64 bits by the digits that it is printed with."""
    return normal(exact(number))


def _log(value: float, base: float) -> float:
    if value <= 0 or base <= 0 or base == 1:
        raise InvalidCall("expects a positive number and a positive base other than 1")
    return _decimal(math.log(value) / math.log(base))


def _pow(value: float, power: float) -> float:
    try:
        return _decimal(math.pow(value, power))
    except OverflowError as error:
        raise UnknownResult("infinite numbers are not supported") from error
    except ValueError as error:
        raise InvalidCall("expects a power with a real result") from error


def _parse(text: object, base: float) -> int:
    base = whole_number(base)
    if not isinstance(text, str):
        raise InvalidCall("expects a string")
    if not 2 <= base <= 62:
        raise InvalidCall("expects a base between 2 and 62")
    digits = text[1:] if text[:1] in ("+", "-") else text
    if len(digits) > _MOST_DIGITS:
        raise UnknownResult("a number this large is not supported")
    found = 0
    for digit in digits if base > 36 else digits.lower():
        value = _DIGITS.find(digit)
        if not 0 <= value < base:
            raise InvalidCall("expects a number in the given base")
        found = found * base + value
    if not digits:
        raise InvalidCall("expects a number in the given base")
    return -found if text[0] == "-" else found


def _min(*values: float) -> float:
    return min(values, key=exact)


def _max(*values: float) -> float:
    return max(values, key=exact)


def _sum(values: list[float]) -> float:
    if not values:
        raise InvalidCall("expects a list that is not empty")
    return normal(sum(map(exact, values)))


def _range(*limits: float) -> list[float]:
    bounds = [exact(limit) for limit in limits]
    start, end = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    step = bounds[2] if len(bounds) == 3 else 1 if end >= start else -1
    if step == 0 or (end > start and step < 0) or (end < start and step > 0):
        raise InvalidCall("expects a step that leads from start to end")
    found: list[float] = []
    at = start
    while at < end if step > 0 else at > end:
        if len(found) == _LONGEST_RANGE:
            raise InvalidCall(f"does not return more than {_LONGEST_RANGE:,} numbers")
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
    _to("tostring", Type("string")),
    _to("tonumber", Type("number")),
    _to("tobool", Type("bool")),
    _to("tolist", Type("list", (ANY_TYPE,))),
    _to("toset", Type("set", (ANY_TYPE,))),
    _to("tomap", Type("map", (ANY_TYPE,))),
    Lazy("convert", 2, 2, _convert),
)
