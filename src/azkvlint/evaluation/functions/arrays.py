"""Functions of arrays, with or without a lambda, and those that arrays, objects and strings share.

Bicep writes ``map(a, x => x.b)``; ARM writes ``map(a, lambda('x', lambdaVariables('x').b))``, where the name of the
parameter is not case-sensitive.
"""

from __future__ import annotations

import re
from functools import cmp_to_key

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.evaluation.functions.numbers import number
from azkvlint.evaluation.functions.objects import put
from azkvlint.evaluation.functions.strings import fits, items_in, text
from azkvlint.evaluation.functions.table import (
    ANY,
    CallContext,
    DataFunction,
    Function,
    InvalidCall,
    Lazy,
    ResultFunction,
    answer,
    opaque,
)
from azkvlint.evaluation.known import count_of, decided_length, known_of, known_of_unknown, part_of, size_of, start_of
from azkvlint.evaluation.known_parts import end, split_known
from azkvlint.evaluation.operators import is_same, may_have
from azkvlint.evaluation.reads import Bound
from azkvlint.evaluation.values import (
    Closure,
    Fields,
    Items,
    Partly,
    Result,
    WithItem,
    as_optional,
    for_same_reason,
    mark_map_sensitive,
    name_of,
    named_by,
    text_of,
)
from azkvlint.model.pattern import Text, known_or_pattern, parts_of
from azkvlint.model.value import Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast

_MISFIT_OF_LAMBDA = "expects an array"
# A lambda with so many parameters receives the index of each item.
_WITH_NUMBER = 2


class _UnknownResultError(Exception):
    """A comparison whose result is unknown."""

    def __init__(self, found: Unknown) -> None:
        super().__init__(found.why)
        self.found = found


def _lambda(context: CallContext) -> Result:
    names = []
    for node in context.node.arguments[:-1]:
        if not isinstance(node, ast.Literal) or not isinstance(node.value, str):
            raise InvalidCall("expects the parameters of the lambda as strings")
        names.append(node.value.lower())
    body = context.node.arguments[-1]
    return Closure(at=context.at, parameters=tuple(names), body=body, local=context.local)


def _lambda_variables(context: CallContext, arguments: list[Result]) -> Result:
    name = arguments[0]
    if isinstance(name, Scalar) and isinstance(name.value, str):
        found = context.local.get(name.value.lower())
        if found is not None:
            return found.evaluate() if isinstance(found, Bound) else found
    return context.fails("does not name a parameter of an enclosing lambda", name)


def _apply(context: CallContext, function: Result, *arguments: Result) -> Result:
    return context.evaluator.apply(function, arguments, context.at)


def _number(context: CallContext, value: int) -> Scalar:
    return Scalar(at=context.at, value=value)


def _array_of_lambda(context: CallContext, value: Result, *functions: Result) -> list[Result] | Unknown:
    """Return the items of an argument that should be an array; why there are none, otherwise."""
    if not all(isinstance(function, Closure) for function in functions):
        return context.fails("expects a lambda", value)
    return value.items if isinstance(value, Items) else context.fails(_MISFIT_OF_LAMBDA, value)


def _map(context: CallContext, arguments: list[Result]) -> Result:
    array, function = arguments
    if isinstance(array, Partly) and isinstance(function, Closure) and len(function.parameters) < _WITH_NUMBER:
        found = [_apply(context, function, item) for item in array.items]
        return context.partial_list(found, [array], size_of(array))
    items = _array_of_lambda(context, array, function)
    if isinstance(items, Unknown):
        if isinstance(array, WithItem) and isinstance(function, Closure):
            return context.with_item(array, _apply(context, function, array.item, for_same_reason(array)))
        return msgspec.structs.replace(items, known=size_of(array)) if isinstance(array, Unknown) else items
    found = [_apply(context, function, item, _number(context, at)) for at, item in enumerate(items)]
    return Items(at=context.at, items=found)


def _verdict(context: CallContext, result: Result) -> bool | Unknown:
    if isinstance(result, Scalar) and isinstance(result.value, bool):
        return result.value
    return context.fails("expects a lambda that returns a Boolean", result)


def _filter(context: CallContext, arguments: list[Result]) -> Result:
    array, function = arguments
    items = _array_of_lambda(context, array, function)
    if isinstance(items, Unknown):
        if isinstance(array, WithItem) and isinstance(function, Closure):
            verdict = _verdict(context, _apply(context, function, array.item, for_same_reason(array)))
            return context.with_item(array, array.item) if verdict is True else items
        return items
    found: list[Result] = []
    for at, item in enumerate(items):
        verdict = _verdict(context, _apply(context, function, item, _number(context, at)))
        if isinstance(verdict, Unknown):
            return verdict
        if verdict:
            found.append(item)
    return Items(at=context.at, items=found)


def _reduce(context: CallContext, arguments: list[Result]) -> Result:
    array, found, function = arguments
    items = _array_of_lambda(context, array, function)
    if isinstance(items, Unknown):
        return items
    for at, item in enumerate(items):
        found = _apply(context, function, found, item, _number(context, at))
    return found


def _sort(context: CallContext, arguments: list[Result]) -> Result:
    """Sort by a lambda that is true where its second argument comes after its first."""
    array, function = arguments
    items = _array_of_lambda(context, array, function)
    if isinstance(items, Unknown):
        return items

    def comes_first(left: Result, right: Result) -> bool:
        verdict = _verdict(context, _apply(context, function, left, right))
        if isinstance(verdict, Unknown):
            raise _UnknownResultError(verdict)
        return verdict

    def order(left: Result, right: Result) -> int:
        return -1 if comes_first(left, right) else int(comes_first(right, left))

    try:
        return Items(at=context.at, items=sorted(items, key=cmp_to_key(order)))
    except _UnknownResultError as error:
        return error.found


def _to_object(context: CallContext, arguments: list[Result]) -> Result:
    """Return an object with a field for each item: one lambda returns its name, another its value (the item, without
    it).
    """
    array, functions = arguments[0], arguments[1:]
    items = _array_of_lambda(context, array, *functions)
    if isinstance(items, Unknown):
        return items
    fields: dict[str, Result] = {}
    names: dict[str, str] = {}
    rest: Unknown | None = None
    for item in items:
        key = name_of(_apply(context, functions[0], item), context.at)
        if isinstance(key, Unknown):
            rest = named_by(key, rest)
            continue
        put(fields, names, key, _apply(context, functions[1], item) if len(functions) > 1 else item)
    return Fields(at=context.at, fields=fields, rest=rest)


def _group_by(context: CallContext, arguments: list[Result]) -> Result:
    """Return an object with an array for each key that the lambda returns."""
    array, function = arguments
    items = _array_of_lambda(context, array, function)
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


def _map_values(context: CallContext, arguments: list[Result]) -> Result:
    value, function = arguments
    if not isinstance(value, Fields) or not isinstance(function, Closure):
        return context.fails("expects an object and a lambda", value)
    fields = {name: _apply(context, function, item) for name, item in value.fields.items()}
    rest = None if value.rest is None else for_same_reason(value.rest)
    found = Fields(at=context.at, fields=fields, rest=rest)
    return mark_map_sensitive(found) if value.hides_keys else found


_MISFIT = "expects an array, an object or a string"
_LARGEST = 2_147_483_647
_MOST_DELIMITERS = 20


def _units(value: str) -> int:
    """Return the length of a text as .NET counts it: in units of UTF-16."""
    return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2


def _length(context: CallContext, arguments: list[Result]) -> Result:
    match arguments[0]:
        case Items(items=items):
            found = len(items)
        case Scalar(value=str() as value):
            found = _units(value)
        case Fields(fields=fields) as value:
            doubt = value.missing_reason
            if doubt is not None:
                return _counted(context, value, doubt)
            found = len(fields)
        case Unknown() as value:
            return _counted(context, value, value)
        case _:
            return context.fails(_MISFIT, *arguments)
    return Scalar(at=context.at, value=found)


def _counted(context: CallContext, of: Result, doubt: Unknown) -> Result:
    """Return the length of a value as far as it is known."""
    known = size_of(of)
    length = decided_length(known)
    if length is not None:
        return Scalar(at=context.at, value=length)
    return msgspec.structs.replace(context.unknown(doubt), given=True, known=count_of(known))


def _empty(context: CallContext, arguments: list[Result]) -> Result:
    """Return whether there is nothing in it; null is empty."""
    match arguments[0]:
        case Absent():
            return context.true(True)
        case Items(items=items):
            return context.true(not items)
        case Scalar(value=str() as value):
            return context.true(not value)
        case Fields(fields=fields) as value:
            doubt = value.missing_reason
            if doubt is None or any(as_optional(item) is None for item in fields.values()):
                return context.true(not fields)
            return context.true(False) if known_of(value).is_filled else context.unknown(doubt)
        case Partly():
            return context.true(False)
        case Unknown() as value if value.is_filled:
            return context.true(False)
        case _:
            return context.fails(_MISFIT, *arguments)


def _first(context: CallContext) -> Result:
    return _end(context, last=False)


def _last(context: CallContext) -> Result:
    return _end(context, last=True)


def _end(context: CallContext, last: bool) -> Result:
    """Return the first or last item or character; null of an empty array."""
    found = _end_of_split(context, last)
    if found is not None:
        return found
    arguments = context.arguments()
    match arguments[0]:
        case Items(items=items):
            return items[-1 if last else 0] if items else Absent(at=context.at)
        case Scalar(value=str() as value, sensitive=sensitive):
            return Scalar(at=context.at, value=value[-1:] if last else value[:1], sensitive=sensitive)
        case _:
            return context.fails("expects an array or a string", *arguments)


def _end_of_split(context: CallContext, last: bool) -> Result | None:
    """Return ``last(split(id, '/'))``, which can be known although parts of the id, and even their number, are not."""
    node = context.node.arguments[0]
    if not isinstance(node, ast.Call) or node.name.lower() != "split" or len(node.arguments) != 2:
        return None
    inner = CallContext("split", node, context.local, context.evaluator)
    whole, by = inner.arguments()
    if isinstance(whole, Unknown) and isinstance(by, Scalar) and isinstance(by.value, str) and by.value:
        found = end(known_or_pattern(whole.pattern), by.value, last)
        if found is not None:
            return _piece(context, whole, found)
    context.given = [answer(_SPLIT_PARTS, inner)]
    return None


def _piece(context: CallContext, whole: Unknown, pattern: Text) -> Result:
    if isinstance(pattern, str):
        return Scalar(at=context.at, value=pattern, sensitive=whole.sensitive)
    return Unknown(at=context.at, why=whole.why, pattern=pattern, sensitive=whole.sensitive)


def _split(context: CallContext, arguments: list[Result]) -> Result:
    """Return the parts of a text between one or several delimiters."""
    whole, by = arguments
    if isinstance(whole, Unknown) and isinstance(by, Scalar) and isinstance(by.value, str) and by.value:
        found = split_known(known_or_pattern(whole.pattern), by.value)
        if found is not None:
            return Items(at=context.at, items=[_piece(context, whole, part) for part in found])
    return _SPLIT.answer(context)


def _split_text(whole: object, by: object) -> list[str]:
    whole = text(whole)
    delimiters = [text(item) for item in (by if isinstance(by, list) else [by])]
    if not 0 < len(delimiters) <= _MOST_DELIMITERS or not all(delimiters):
        raise InvalidCall("expects between 1 and 20 delimiters")
    fits(sum(whole.count(delimiter) for delimiter in delimiters), MAX_ITEMS)
    return re.split("|".join(map(re.escape, delimiters)), whole)


def _take(context: CallContext, arguments: list[Result]) -> Result:
    """Return the first items or characters; none for a negative number."""
    return _slice(context, arguments, from_start=True)


def _skip(context: CallContext, arguments: list[Result]) -> Result:
    """Return what comes after the first items or characters; everything for a negative number."""
    return _slice(context, arguments, from_start=False)


def _slice(context: CallContext, arguments: list[Result], *, from_start: bool) -> Result:
    """Return the items or characters before a number of them, or those after it."""
    value, count = arguments
    if isinstance(count, Scalar):
        at = max(number(count.value), 0)
        start, most = (0, at) if from_start else (at, None)
        match value:
            case Items(items=items):
                return Items(at=context.at, items=items[start:most])
            case Scalar(value=str() as whole, sensitive=sensitive):
                return Scalar(at=context.at, value=whole[start:most], sensitive=sensitive)
            case Unknown() as doubt if most and most <= len(known := start_of(doubt)):
                return Scalar(at=context.at, value=known[:most], sensitive=value.sensitive)
            case Unknown() as doubt:
                known_part = part_of(known_of_unknown(doubt), start, most)
                return msgspec.structs.replace(context.unknown(doubt), given=True, known=known_part)
            case _:
                pass
    return context.fails("expects an array or a string", *arguments)


def _contains(context: CallContext, arguments: list[Result]) -> Result:
    """Return whether a text has a part (case matters), an array an item, or an object a field (case does not
    matter).
    """
    container, item_or_part = arguments
    match container, item_or_part:
        case Items(items=items), _:
            context.evaluator.spend(len(items) // 10)
            found = [is_same(item, item_or_part) for item in items]
            if True in found or None not in found:
                return context.true(True in found)
            return context.doubt("the items of the array are unknown", *arguments)
        case Partly(items=items), _ if any(is_same(item, item_or_part) for item in items):
            return context.true(True)
        case Scalar(value=str() as value), Scalar():
            return context.true(text_of(item_or_part.value) in value)
        case Unknown(pattern=pattern), Scalar() if any(
            isinstance(part, str) and text_of(item_or_part.value) in part for part in parts_of(pattern)
        ):
            return context.true(True)
        case Fields(rest=rest), Scalar():
            there = container.find(text_of(item_or_part.value))
            doubt = rest if there is None else as_optional(there)
            return context.true(there is not None) if doubt is None else context.unknown(doubt)
        case Fields(), Unknown() if not may_have(container, item_or_part):
            return context.true(False)
        case _:
            return context.fails(_MISFIT, *arguments)


def _index(context: CallContext, array: Items, item: Result, last: bool) -> tuple[int, Unknown | None]:
    """Return where an item is in an array, -1 if it is nowhere; and what makes that unknown."""
    context.evaluator.spend(len(array.items) // 10)
    numbers = range(len(array.items))
    for at in reversed(numbers) if last else numbers:
        found = is_same(array.items[at], item)
        if found:
            return at, None
        if found is None:
            return at, context.doubt("the items of the array are unknown", array.items[at], item)
    return -1, None


def _index_of(context: CallContext, arguments: list[Result]) -> Result:
    return _position(context, arguments, last=False)


def _last_index_of(context: CallContext, arguments: list[Result]) -> Result:
    return _position(context, arguments, last=True)


def _position(context: CallContext, arguments: list[Result], last: bool) -> Result:
    """Return where a part is in a text (in any case) or an item in an array; -1 if it is nowhere."""
    container, item_or_part = arguments
    if isinstance(container, Items):
        at, doubt = _index(context, container, item_or_part, last)
        return Scalar(at=context.at, value=at) if doubt is None else context.unknown(doubt)
    if not isinstance(container, Scalar) or not isinstance(item_or_part, Scalar):
        return context.fails("expects an array or a string", *arguments)
    lower, part = text(container.value).lower(), text(item_or_part.value).lower()
    if len(lower) != len(text(container.value)):
        return context.doubt("strings whose length changes with their case are not supported")
    return Scalar(at=context.at, value=lower.rfind(part) if last else lower.find(part))


def _create_array(context: CallContext, arguments: list[Result]) -> Result:
    return Items(at=context.at, items=arguments)


def _array(context: CallContext, arguments: list[Result]) -> Result:
    """Return the value as an array of one, unless it is an array."""
    value = arguments[0]
    if isinstance(value, Items):
        return value
    if isinstance(value, Scalar | Fields):
        return Items(at=context.at, items=[value])
    return context.fails("does not accept null", value)


def _flatten(context: CallContext, arguments: list[Result]) -> Result:
    """Return the items of the arrays in an array, one level down."""
    if not isinstance(arguments[0], Items | Partly):
        return context.fails("expects an array of arrays", *arguments)
    arrays = arguments[0].items
    if any(opaque(array) is None and not isinstance(array, Items) for array in arrays):
        return context.fails("expects an array of arrays", *arguments)
    items = items_in(arrays)
    if isinstance(arguments[0], Items) and all(isinstance(array, Items) for array in arrays):
        return Items(at=context.at, items=items)
    # Two items of a partly known array may be the same.
    is_whole = isinstance(arguments[0], Items)
    size = size_of(*arrays) if is_whole else Known(least=max(known_of(array).least for array in arrays))
    return context.partial_list(items, [*arguments, *arrays], size)


def _range(start: object, count: object) -> list[int]:
    start, count = number(start), number(count)
    if not 0 <= count <= MAX_ITEMS or start + count > _LARGEST:
        raise InvalidCall("expects a count between 0 and 10,000")
    return list(range(start, start + count))


_SPLIT = DataFunction("split", 2, 2, _split_text)
_SPLIT_PARTS = ResultFunction("split", 2, 2, _split)


FUNCTIONS: tuple[Function, ...] = (
    ResultFunction("length", 1, 1, _length),
    ResultFunction("empty", 1, 1, _empty),
    Lazy("first", 1, 1, _first),
    Lazy("last", 1, 1, _last),
    _SPLIT_PARTS,
    ResultFunction("take", 2, 2, _take),
    ResultFunction("skip", 2, 2, _skip),
    ResultFunction("contains", 2, 2, _contains),
    ResultFunction("indexOf", 2, 2, _index_of),
    ResultFunction("lastIndexOf", 2, 2, _last_index_of),
    ResultFunction("createArray", 0, ANY, _create_array, "arm"),
    ResultFunction("array", 1, 1, _array),
    ResultFunction("flatten", 1, 1, _flatten),
    DataFunction("range", 2, 2, _range),
    Lazy("lambda", 1, ANY, _lambda, "arm"),
    ResultFunction("lambdaVariables", 1, 1, _lambda_variables, "arm"),
    ResultFunction("map", 2, 2, _map),
    ResultFunction("filter", 2, 2, _filter),
    ResultFunction("reduce", 3, 3, _reduce),
    ResultFunction("sort", 2, 2, _sort),
    ResultFunction("toObject", 2, 3, _to_object),
    ResultFunction("groupBy", 2, 2, _group_by),
    ResultFunction("mapValues", 2, 2, _map_values),
)
