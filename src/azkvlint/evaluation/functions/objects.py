"""Objects, and looking into things."""

from __future__ import annotations

from azkvlint.evaluation.functions.table import ANY, Context, Function, InvalidCall, Lazy, Parts
from azkvlint.evaluation.values import Fields, Items, Result, doubt_in, hides_keys, name_of, text_of, unsure
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast


def put(fields: dict[str, Result], names: dict[str, str], name: str, value: Result) -> None:
    """Set a field that may be there in another case. ``names`` maps lower case to the name in ``fields``."""
    fields[names.setdefault(name.lower(), name)] = value


def _create_object(context: Context, arguments: list[Result]) -> Result:
    """``createObject('name', value, 'name', value ...)``."""
    if len(arguments) % 2:
        raise InvalidCall("was given a name without a value")
    fields: dict[str, Result] = {}
    names: dict[str, str] = {}
    rest: Unknown | None = None
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        key = name_of(name, context.at)
        if isinstance(key, Unknown) or not isinstance(name, Scalar) or not isinstance(name.value, str):
            rest = key if isinstance(key, Unknown) else doubt_in("the name of a property is no text", context.at, name)
        else:
            put(fields, names, key, value)
    return Fields(at=context.at, fields=fields, rest=rest)


def _ordered(value: Fields) -> list[str]:
    return sorted(value.fields, key=lambda name: (name.lower(), name))


def _items(context: Context, arguments: list[Result]) -> Result:
    """An object as an array of objects with ``key`` and ``value``, in the order of the keys."""
    value = _object_of(context, arguments)
    if not isinstance(value, Fields):
        return value
    found: list[Result] = []
    secret = hides_keys(value)
    for name in _ordered(value):
        item = value.fields[name]
        key = Scalar(at=item.at, value=name, sensitive=secret)
        found.append(Fields(at=item.at, fields={"key": key, "value": item}))
    return Items(at=context.at, items=found)


def _object_keys(context: Context, arguments: list[Result]) -> Result:
    value = _object_of(context, arguments)
    if not isinstance(value, Fields):
        return value
    secret = hides_keys(value)
    keys: list[Result] = [Scalar(at=value.fields[name].at, value=name, sensitive=secret) for name in _ordered(value)]
    return Items(at=context.at, items=keys)


def _object_of(context: Context, arguments: list[Result]) -> Result:
    """The argument, an object all of whose names are known; Unknown otherwise."""
    value = arguments[0]
    if not isinstance(value, Fields):
        return context.fails("was given something that is no object", value)
    doubt = unsure(value)
    return value if doubt is None else context.unknown(doubt)


def _try_get(context: Context, arguments: list[Result]) -> Result:
    """``tryGet(value, 'name', 0 ...)``: null as soon as there is no such property or item."""
    found = arguments[0]
    for step in arguments[1:]:
        if isinstance(found, Absent):
            break
        found = context.evaluator.item(found, step, True, False, context.at)
    return found


def _from_end(safe: bool) -> Lazy | Parts:
    def run(context: Context, arguments: list[Result]) -> Result:
        return context.evaluator.item(arguments[0], arguments[1], safe, True, context.at)

    return Parts("tryIndexFromEnd" if safe else "indexFromEnd", 2, 2, run, "arm")


def _any(context: Context, arguments: list[Result]) -> Result:
    """The argument: it only silences the compiler."""
    return arguments[0]


def _nameof(context: Context) -> Result:
    """The last name in ``nameof(a.b.c)``."""
    node = context.node.arguments[0]
    if isinstance(node, ast.Name | ast.Member | ast.Nested):
        return Scalar(at=context.at, value=node.name)
    if isinstance(node, ast.Item) and isinstance(node.index, ast.Literal):
        return Scalar(at=context.at, value=text_of(node.index.value))
    raise InvalidCall("was given something that has no name")


FUNCTIONS: tuple[Function, ...] = (
    Parts("createObject", 0, ANY, _create_object, "arm"),
    Parts("items", 1, 1, _items),
    Parts("objectKeys", 1, 1, _object_keys),
    Parts("tryGet", 2, ANY, _try_get),
    _from_end(safe=False),
    _from_end(safe=True),
    Parts("any", 1, 1, _any, "bicep"),
    Lazy("nameof", 1, 1, _nameof, "bicep"),
)
