"""Logic and comparison."""

from __future__ import annotations

from azkvlint.evaluation.functions.table import ANY, Context, Data, Function, InvalidCall, Lazy, Parts, UnknownResult
from azkvlint.evaluation.operators import binary, negated
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Absent


def _if(context: Context) -> Result:
    condition, yes, no = context.node.arguments
    return context.evaluator.choose(context.evaluator.evaluate(condition, context.local), yes, no, context.local)


def _and(context: Context) -> Result:
    return context.evaluator.connect(context.node.arguments, context.local, True, context.at)


def _or(context: Context) -> Result:
    return context.evaluator.connect(context.node.arguments, context.local, False, context.at)


def _coalesce(context: Context) -> Result:
    return context.evaluator.coalesce(context.node.arguments, context.local, context.at)


def _not(context: Context, arguments: list[Result]) -> Result:
    return negated(arguments[0], context.at)


def _null(context: Context, arguments: list[Result]) -> Result:
    return Absent(at=context.at)


def _compared(name: str, operator: str) -> Function:
    def run(context: Context, arguments: list[Result]) -> Result:
        context.evaluator.weigh(*arguments)
        return binary(operator, arguments[0], arguments[1], context.at)

    return Parts(name, 2, 2, run, "arm")


def _bool(value: object) -> bool:
    """A boolean, an integer (0 is false), or the text ``true`` or ``false`` in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    if isinstance(value, str):
        if value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if value in {"0", "1"}:
            raise UnknownResult("whether a number in a text is a boolean is not documented")
    raise InvalidCall("was given something that is no boolean")


FUNCTIONS: tuple[Function, ...] = (
    Lazy("if", 3, 3, _if, "arm"),
    Lazy("and", 1, ANY, _and, "arm"),
    Lazy("or", 1, ANY, _or, "arm"),
    Lazy("coalesce", 1, ANY, _coalesce),
    Parts("not", 1, 1, _not, "arm"),
    Parts("null", 0, 0, _null, "arm"),
    Data("true", 0, 0, lambda: True, "arm"),
    Data("false", 0, 0, lambda: False, "arm"),
    Data("bool", 1, 1, _bool),
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
