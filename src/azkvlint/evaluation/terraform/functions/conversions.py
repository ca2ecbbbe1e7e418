"""Functions that convert from one type into another."""

from __future__ import annotations

from azkvlint.evaluation.terraform.alternatives import gathered
from azkvlint.evaluation.terraform.functions.table import Call, Function, Lazy, Parts
from azkvlint.evaluation.terraform.indexing import data_of, stands_for_all
from azkvlint.evaluation.terraform.types import ANY as ANY_TYPE
from azkvlint.evaluation.terraform.types import Type, converted, type_of
from azkvlint.evaluation.values import Closure, Result
from azkvlint.model.value import Unknown


def _to(name: str, type_: Type) -> Function:
    def run(call: Call, arguments: list[Result]) -> Result:
        found = _converted(call, arguments[0], type_)
        if isinstance(found, Unknown) and name != "tostring":
            # It may be another value than it was, but names what it named.
            return call.passed([found], found, given=found.is_set)
        return found

    return Parts(name, 1, 1, run, nulls=True)


def _converted(call: Call, result: Result, type_: Type) -> Result:
    one = stands_for_all(result)
    if one is not None:
        return gathered([one], Unknown(at=call.at, why="how many there are is not known"))
    given = data_of(result, call.at)
    call.evaluator.weigh(given)
    return converted(given, type_, lambda node: call.evaluator.evaluate(node, {}))


def _convert(call: Call) -> Result:
    """``convert(value, type)``, whose second argument is written as that of a variable."""
    if len(call.node.arguments) != 2:
        raise call.failed("takes a value and a type")
    value = call.evaluator.evaluate(call.node.arguments[0], call.local)
    return value if isinstance(value, Closure) else _converted(call, value, type_of(call.node.arguments[1]))


FUNCTIONS: tuple[Function, ...] = (
    _to("tostring", Type("string")),
    _to("tonumber", Type("number")),
    _to("tobool", Type("bool")),
    _to("tolist", Type("list", (ANY_TYPE,))),
    _to("toset", Type("set", (ANY_TYPE,))),
    _to("tomap", Type("map", (ANY_TYPE,))),
    Lazy("convert", 2, 2, _convert),
)
