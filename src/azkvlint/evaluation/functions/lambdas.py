"""Lambdas, and the functions that take them.

Bicep writes ``map(a, x => x.b)``; ARM writes ``map(a, lambda('x', lambdaVariables('x').b))``, and names the parameter
without regard to case.
"""

from __future__ import annotations

from functools import cmp_to_key

from azkvlint.evaluation.functions.objects import put
from azkvlint.evaluation.functions.table import ANY, Context, Function, InvalidCall, Lazy, Parts
from azkvlint.evaluation.values import Closure, Fields, Items, Partly, Result, hides_keys, name_of, sealed
from azkvlint.model.value import Scalar, Unknown
from azkvlint.syntax import ast

_MISFIT = "was given something that is no array"
# A lambda with so many parameters is told the number of each item.
_WITH_NUMBER = 2


class _UndecidedError(Exception):
    """A comparison that nobody knows the result of."""

    def __init__(self, found: Unknown) -> None:
        super().__init__(found.why)
        self.found = found


def _lambda(context: Context) -> Result:
    names = []
    for node in context.node.arguments[:-1]:
        if not isinstance(node, ast.Literal) or not isinstance(node.value, str):
            raise InvalidCall("was given a parameter that is no text")
        names.append(node.value.lower())
    body = context.node.arguments[-1]
    return Closure(at=context.at, parameters=tuple(names), body=body, local=context.local)


def _lambda_variables(context: Context, arguments: list[Result]) -> Result:
    name = arguments[0]
    if isinstance(name, Scalar) and isinstance(name.value, str):
        found = context.local.get(name.value.lower())
        if found is not None:
            return found
    return context.fails("names no parameter of a lambda around it", name)


def _apply(context: Context, function: Result, *arguments: Result) -> Result:
    return context.evaluator.apply(function, arguments, context.at)


def _number(context: Context, value: int) -> Scalar:
    return Scalar(at=context.at, value=value)


def _array(context: Context, value: Result, *functions: Result) -> list[Result] | Unknown:
    """The items of an argument that should be an array; why there are none, otherwise."""
    if not all(isinstance(function, Closure) for function in functions):
        return context.fails("was given no lambda", value)
    return value.items if isinstance(value, Items) else context.fails(_MISFIT, value)


def _map(context: Context, arguments: list[Result]) -> Result:
    array, function = arguments
    if isinstance(array, Partly) and isinstance(function, Closure) and len(function.parameters) < _WITH_NUMBER:
        return context.partly([_apply(context, function, item) for item in array.items], [array])
    items = _array(context, array, function)
    if isinstance(items, Unknown):
        return items
    found = [_apply(context, function, item, _number(context, at)) for at, item in enumerate(items)]
    return Items(at=context.at, items=found)


def _verdict(context: Context, result: Result) -> bool | Unknown:
    if isinstance(result, Scalar) and isinstance(result.value, bool):
        return result.value
    return context.fails("was given a lambda that gives no boolean", result)


def _filter(context: Context, arguments: list[Result]) -> Result:
    array, function = arguments
    items = _array(context, array, function)
    if isinstance(items, Unknown):
        return items
    found: list[Result] = []
    for at, item in enumerate(items):
        verdict = _verdict(context, _apply(context, function, item, _number(context, at)))
        if isinstance(verdict, Unknown):
            return verdict
        if verdict:
            found.append(item)
    return Items(at=context.at, items=found)


def _reduce(context: Context, arguments: list[Result]) -> Result:
    array, found, function = arguments
    items = _array(context, array, function)
    if isinstance(items, Unknown):
        return items
    for at, item in enumerate(items):
        found = _apply(context, function, found, item, _number(context, at))
    return found


def _sort(context: Context, arguments: list[Result]) -> Result:
    """Sorted by a lambda that is true where its second argument comes after its first."""
    array, function = arguments
    items = _array(context, array, function)
    if isinstance(items, Unknown):
        return items

    def comes_first(left: Result, right: Result) -> bool:
        verdict = _verdict(context, _apply(context, function, left, right))
        if isinstance(verdict, Unknown):
            raise _UndecidedError(verdict)
        return verdict

    def order(left: Result, right: Result) -> int:
        return -1 if comes_first(left, right) else int(comes_first(right, left))

    try:
        return Items(at=context.at, items=sorted(items, key=cmp_to_key(order)))
    except _UndecidedError as error:
        return error.found


def _to_object(context: Context, arguments: list[Result]) -> Result:
    """An object with a field for each item: one lambda gives its name, another its value (the item, without it)."""
    array, functions = arguments[0], arguments[1:]
    items = _array(context, array, *functions)
    if isinstance(items, Unknown):
        return items
    fields: dict[str, Result] = {}
    names: dict[str, str] = {}
    rest: Unknown | None = None
    for item in items:
        key = name_of(_apply(context, functions[0], item), context.at)
        if isinstance(key, Unknown):
            rest = key
            continue
        put(fields, names, key, _apply(context, functions[1], item) if len(functions) > 1 else item)
    return Fields(at=context.at, fields=fields, rest=rest)


def _group_by(context: Context, arguments: list[Result]) -> Result:
    """An object with an array for each key that the lambda gives."""
    array, function = arguments
    items = _array(context, array, function)
    if isinstance(items, Unknown):
        return items
    groups: dict[str, list[Result]] = {}
    names: dict[str, str] = {}
    for item in items:
        key = name_of(_apply(context, function, item), context.at)
        if isinstance(key, Unknown):
            return key
        groups.setdefault(names.setdefault(key.lower(), key), []).append(item)
    found: dict[str, Result] = {key: Items(at=context.at, items=group) for key, group in groups.items()}
    return Fields(at=context.at, fields=found)


def _map_values(context: Context, arguments: list[Result]) -> Result:
    value, function = arguments
    if not isinstance(value, Fields) or not isinstance(function, Closure):
        return context.fails("was given no object and no lambda", value)
    fields = {name: _apply(context, function, item) for name, item in value.fields.items()}
    found = Fields(at=context.at, fields=fields, rest=value.rest)
    return sealed(found) if hides_keys(value) else found


FUNCTIONS: tuple[Function, ...] = (
    Lazy("lambda", 1, ANY, _lambda, "arm"),
    Parts("lambdaVariables", 1, 1, _lambda_variables, "arm"),
    Parts("map", 2, 2, _map),
    Parts("filter", 2, 2, _filter),
    Parts("reduce", 3, 3, _reduce),
    Parts("sort", 2, 2, _sort),
    Parts("toObject", 2, 3, _to_object),
    Parts("groupBy", 2, 2, _group_by),
    Parts("mapValues", 2, 2, _map_values),
)
