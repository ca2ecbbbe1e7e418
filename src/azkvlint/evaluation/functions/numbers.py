"""Numbers, logic and comparison. Integers have 64 bits; the arithmetic of ARM is in ``operators``."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.evaluation.functions.table import (
    ANY,
    CallContext,
    DataFunction,
    Function,
    InvalidCall,
    Lazy,
    ResultFunction,
    UnknownResult,
)
from azkvlint.evaluation.operators import apply_binary, negate
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Absent
from azkvlint.util.lazy_regex import regex


def _if(context: CallContext) -> Result:
    condition, yes, no = context.node.arguments
    return context.evaluator.choose(context.evaluator.evaluate(condition, context.local), yes, no, context.local)


def _and(context: CallContext) -> Result:
    return context.evaluator.connect(context.node.arguments, context.local, True, context.at)


def _or(context: CallContext) -> Result:
    return context.evaluator.connect(context.node.arguments, context.local, False, context.at)


def _coalesce(context: CallContext) -> Result:
    return context.evaluator.coalesce(context.node.arguments, context.local, context.at)


def _not(context: CallContext, arguments: list[Result]) -> Result:
    return negate(arguments[0], context.at)


def _null(context: CallContext, arguments: list[Result]) -> Result:
    return Absent(at=context.at)


def _compared(name: str, operator: str) -> Function:
    def run(context: CallContext, arguments: list[Result]) -> Result:
        context.evaluator.weigh(*arguments)
        return apply_binary(operator, arguments[0], arguments[1], context.at)

    return ResultFunction(name, 2, 2, run, "arm")


def _bool(value: object) -> bool:
    """Return a boolean, an integer (0 is false), or the text ``true`` or ``false`` in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    if isinstance(value, str):
        if value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if value in {"0", "1"}:
            raise UnknownResult("the conversion of a numeric string to a Boolean is not documented")
    raise InvalidCall("expects a Boolean")


_INTEGER = regex(r"\s*[+-]?\d{1,19}\s*")
_NUMBER = regex(r"\s*[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?\s*")
_LARGEST = 1 << 63


def number(value: object) -> int:
    """Return ``value``, if it is an integer."""
    if type(value) is not int:
        raise InvalidCall("expects an integer")
    return value


def _int(value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        found = int(value)
    elif isinstance(value, float):
        raise UnknownResult("the rounding of a fraction is not documented")
    elif isinstance(value, int) and not isinstance(value, bool):
        found = value
    else:
        raise InvalidCall("expects an integer")
    if not -_LARGEST <= found < _LARGEST:
        raise InvalidCall("expects a 64-bit integer")
    return found


def _float(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        found = float(value)
        if found - found == 0:
            return found
    raise InvalidCall("expects a number")


def _extreme(of: Callable[[list[int]], int]) -> Callable[..., int]:
    def run(*arguments: object) -> int:
        given = list(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], list) else list(arguments)
        if not given:
            raise InvalidCall("expects an array that is not empty")
        return of([number(item) for item in given])

    return run


FUNCTIONS: tuple[Function, ...] = (
    DataFunction("int", 1, 1, _int),
    DataFunction("float", 1, 1, _float, "arm"),
    DataFunction("min", 1, ANY, _extreme(min)),
    DataFunction("max", 1, ANY, _extreme(max)),
    Lazy("if", 3, 3, _if, "arm"),
    Lazy("and", 1, ANY, _and, "arm"),
    Lazy("or", 1, ANY, _or, "arm"),
    Lazy("coalesce", 1, ANY, _coalesce),
    ResultFunction("not", 1, 1, _not, "arm"),
    ResultFunction("null", 0, 0, _null, "arm"),
    DataFunction("true", 0, 0, lambda: True, "arm"),
    DataFunction("false", 0, 0, lambda: False, "arm"),
    DataFunction("bool", 1, 1, _bool),
    _compared("equals", "=="),
    _compared("less", "<"),
    _compared("lessOrEquals", "<="),
    _compared("greater", ">"),
    _compared("greaterOrEquals", ">="),
    _compared("add", "+"),
    _compared("sub", "-"),
    _compared("mul", "*"),
    _compared("div", "/"),
    _compared("mod", "%"),
)
