"""Functions of objects, ``union``, ``intersection`` and ``shallowMerge`` of arrays among them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.evaluation.functions.merging import merge, overlaid
from azkvlint.evaluation.functions.strings import fits
from azkvlint.evaluation.functions.table import ANY, CallContext, Function, InvalidCall, Lazy, ResultFunction, opaque
from azkvlint.evaluation.known import known_of, size_of
from azkvlint.evaluation.operators import is_same
from azkvlint.evaluation.values import (
    Fields,
    Items,
    Partly,
    Result,
    WithItem,
    doubt_in,
    for_same_reason,
    name_of,
    named_by,
    partial_list,
    text_of,
)
from azkvlint.model.value import Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast

_MISFIT = "expects only arrays or only objects"
# So many comparisons of items are one step.
_COMPARED = 4


def _union(context: CallContext, arguments: list[Result]) -> Result:
    """Return all items of arrays, each once; or objects merged, those within them too. A later value replaces an
    earlier.
    """
    given = [argument for argument in arguments if not isinstance(argument, Absent)]
    known = [argument for argument in given if opaque(argument) is None]
    if all(isinstance(argument, Items) for argument in known) and any(isinstance(one, Items | Partly) for one in given):
        return _joined(context, given, is_whole=len(known) == len(given))
    if known and all(isinstance(argument, Fields) for argument in known):
        return merged(context, given, deep=True)
    return context.fails(_MISFIT, *arguments)


def _joined(context: CallContext, arrays: Sequence[Result], is_whole: bool) -> Result:
    """Return the items of arrays, each once; ``is_whole``: they have no others."""
    items, least = _distinct(context, [array for array in arrays if isinstance(array, Items | Partly)])
    if not is_whole:
        is_filled = any(known_of(array).least > 0 for array in arrays)
        return context.partial_list(items, arrays, Known(least=max(least, is_filled)))
    if least == len(items):
        return Items(at=context.at, items=items)
    doubt = context.doubt("the items of the arrays may be the same", *items)
    return partial_list(items, doubt, context.at, Known(least=least, most=len(items)))


def _distinct(context: CallContext, arrays: Sequence[Items | Partly]) -> tuple[list[Result], int]:
    """Return the items of arrays without those that are certainly the same, and how many certainly differ."""
    fits(sum(len(array.items) for array in arrays), MAX_ITEMS)
    kept: list[Result] = []
    others: list[Result] = []
    seen: set[tuple[type, object]] = set()
    least = 0
    for item in chain.from_iterable(array.items for array in arrays):
        compared = kept
        if isinstance(item, Scalar):
            key = (type(item.value), item.value)
            if key in seen:
                continue
            seen.add(key)
            compared = others
        context.evaluator.spend(len(compared) // _COMPARED)
        # Two items that may be the same are both kept.
        verdicts = {is_same(other, item) for other in compared}
        if True in verdicts:
            continue
        least += None not in verdicts
        kept.append(item)
        if compared is kept:
            others.append(item)
    return kept, least


def merged(context: CallContext, objects: Sequence[Result], deep: bool) -> Fields:
    """Return objects merged into one, each either Fields or unknown as a whole."""
    found = Fields(at=context.at, fields={})
    for value in objects:
        context.evaluator.spend(1 + len(found.fields) // 10)
        if isinstance(value, Fields):
            found = merge(found, value, deep, context.at)
        else:
            doubt = doubt_in("an object is merged with a value that is not an object", context.at, value)
            found = Fields(at=context.at, fields={}, rest=overlaid(found, doubt, deep))
    return found


def _shallow_merge(context: CallContext, arguments: list[Result]) -> Result:
    """Return the objects in an array merged into one, those within them not."""
    if not isinstance(arguments[0], Items):
        return context.fails("expects an array of objects", *arguments)
    given = [item for item in arguments[0].items if not isinstance(item, Absent)]
    if any(opaque(item) is None and not isinstance(item, Fields) for item in given):
        return context.fails("expects an array of objects")
    return merged(context, given, deep=False)


def _intersection(context: CallContext, arguments: list[Result]) -> Result:
    """Return the items that all arrays have, each once; or the fields that all objects have, with the same value."""
    head, *others = arguments
    if isinstance(head, Items) and all(isinstance(other, Items) for other in others):
        return _common_items(context, head, [other for other in others if isinstance(other, Items)])
    if isinstance(head, Fields) and all(isinstance(other, Fields) for other in others):
        return _common_fields(context, head, [other for other in others if isinstance(other, Fields)])
    return context.fails(_MISFIT, *arguments)


def _common_items(context: CallContext, head: Items, others: Sequence[Items]) -> Result:
    kept: list[Result] = []
    for item in head.items:
        context.evaluator.spend((len(kept) + sum(len(other.items) for other in others)) // _COMPARED)
        verdicts = [_holds(other, item) for other in others]
        if False in verdicts:
            continue
        if None in verdicts:
            return context.doubt("the items of the arrays are unknown", head, *others)
        if not any(is_same(item, other) for other in kept):
            kept.append(item)
    return Items(at=context.at, items=kept)


def _holds(array: Items, item: Result) -> bool | None:
    found = [is_same(item, other) for other in array.items]
    return True if True in found else None if None in found else False


def _common_fields(context: CallContext, head: Fields, others: Sequence[Fields]) -> Result:
    if head.rest is not None or any(other.rest is not None for other in others):
        return context.doubt("the properties of the object are unknown", head, *others)
    kept: dict[str, Result] = {}
    for name, value in head.fields.items():
        found = [other.find(name) for other in others]
        verdicts = [False if other is None else is_same(value, other) for other in found]
        if False in verdicts:
            continue
        if None in verdicts:
            return context.doubt("the values of the objects are unknown", head, *others)
        kept[name] = value
    return Fields(at=context.at, fields=kept)


def put(fields: dict[str, Result], names: dict[str, str], name: str, value: Result) -> None:
    """Set a field that may be there in another case. ``names`` maps lower case to the name in ``fields``."""
    fields[names.setdefault(name.lower(), name)] = value


def _create_object(context: CallContext, arguments: list[Result]) -> Result:
    """Return ``createObject('name', value, 'name', value ...)``."""
    if len(arguments) % 2:
        raise InvalidCall("expects a value for each name")
    fields: dict[str, Result] = {}
    names: dict[str, str] = {}
    rest: Unknown | None = None
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        key = name_of(name, context.at)
        if isinstance(key, Unknown) or not isinstance(name, Scalar) or not isinstance(name.value, str):
            doubt = key if isinstance(key, Unknown) else doubt_in("a property name is not a string", context.at, name)
            rest = named_by(doubt, rest)
        else:
            put(fields, names, key, value)
    return Fields(at=context.at, fields=fields, rest=rest)


def _ordered(value: Fields) -> list[str]:
    return sorted(value.fields, key=lambda name: (name.lower(), name))


def _items(context: CallContext, arguments: list[Result]) -> Result:
    """Return an object as an array of objects with ``key`` and ``value``, in the order of the keys."""
    value = _object_of(context, arguments)
    if isinstance(arguments[0], WithItem):
        pair: dict[str, Result] = {"key": for_same_reason(arguments[0]), "value": arguments[0].item}
        return context.with_item(arguments[0], Fields(at=context.at, fields=pair))
    if not isinstance(value, Fields):
        return value
    found: list[Result] = []
    secret = value.hides_keys
    for name in _ordered(value):
        item = value.fields[name]
        key = Scalar(at=item.at, value=name, sensitive=secret)
        found.append(Fields(at=item.at, fields={"key": key, "value": item}))
    return Items(at=context.at, items=found)


def _object_keys(context: CallContext, arguments: list[Result]) -> Result:
    value = _object_of(context, arguments)
    if not isinstance(value, Fields):
        return value
    secret = value.hides_keys
    keys: list[Result] = [Scalar(at=value.fields[name].at, value=name, sensitive=secret) for name in _ordered(value)]
    return Items(at=context.at, items=keys)


def _object_of(context: CallContext, arguments: list[Result]) -> Result:
    """Return the argument, an object all of whose names are known; Unknown otherwise."""
    value = arguments[0]
    if not isinstance(value, Fields):
        found = context.fails("expects an object", value)
        return msgspec.structs.replace(found, known=size_of(value)) if isinstance(value, Unknown) else found
    doubt = value.missing_reason
    return value if doubt is None else msgspec.structs.replace(context.unknown(doubt), known=size_of(value))


def _try_get(context: CallContext, arguments: list[Result]) -> Result:
    """Return ``tryGet(value, 'name', 0 ...)``: null as soon as there is no such property or item."""
    found = arguments[0]
    for step in arguments[1:]:
        if isinstance(found, Absent):
            break
        found = context.evaluator.item(found, step, True, False, context.at)
    return found


def _from_end(safe: bool) -> Lazy | ResultFunction:
    def run(context: CallContext, arguments: list[Result]) -> Result:
        return context.evaluator.item(arguments[0], arguments[1], safe, True, context.at)

    return ResultFunction("tryIndexFromEnd" if safe else "indexFromEnd", 2, 2, run, "arm")


def _any(context: CallContext, arguments: list[Result]) -> Result:
    """Return the argument: it only silences the compiler."""
    return arguments[0]


def _nameof(context: CallContext) -> Result:
    """Return the last name in ``nameof(a.b.c)``."""
    node = context.node.arguments[0]
    if isinstance(node, ast.Name | ast.Member | ast.Nested):
        return Scalar(at=context.at, value=node.name)
    if isinstance(node, ast.Item) and isinstance(node.index, ast.Literal):
        return Scalar(at=context.at, value=text_of(node.index.value))
    raise InvalidCall("expects a symbolic name or a property")


FUNCTIONS: tuple[Function, ...] = (
    ResultFunction("createObject", 0, ANY, _create_object, "arm"),
    ResultFunction("items", 1, 1, _items),
    ResultFunction("objectKeys", 1, 1, _object_keys),
    ResultFunction("tryGet", 2, ANY, _try_get),
    _from_end(safe=False),
    _from_end(safe=True),
    ResultFunction("any", 1, 1, _any, "bicep"),
    Lazy("nameof", 1, 1, _nameof, "bicep"),
    ResultFunction("union", 1, ANY, _union),
    ResultFunction("intersection", 2, ANY, _intersection),
    ResultFunction("shallowMerge", 1, 1, _shallow_merge),
)
