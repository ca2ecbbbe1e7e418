"""Types of variables, and the conversion of values to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.terraform.alternatives import gather, is_given, mark_optional, one_of_results, step_into
from azkvlint.evaluation.terraform.primitive_types import RequiredError, primitive
from azkvlint.evaluation.terraform.set_order import as_set, keeps_order, unify
from azkvlint.evaluation.values import Fields, Items, Result, as_optional, doubt_in, is_large, is_sensitive
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

_PRIMITIVES = ("string", "number", "bool")
_COLLECTIONS = ("list", "set", "map")
_WORDS = {"string": "a string", "number": "a number", "bool": "a bool", "map": "a map", "object": "an object"}

Default: TypeAlias = Callable[[ast.Expression], Result]


class Type(msgspec.Struct, frozen=True):
    """A type by its ``kind``: any, string, number, bool, list, set, map, tuple or object.

    ``of`` is the type of all items of a list, set or map, or the types of a tuple's items, one by one.
    """

    kind: str = "any"
    of: tuple[Type, ...] = ()
    attributes: Mapping[str, Attribute] = {}


class Attribute(NamedTuple):
    """An attribute of an object. An ``optional`` one that is null or missing has its ``default``, if there is one."""

    type: Type
    optional: bool = False
    default: ast.Expression | None = None


ANY = Type()


def type_of(expression: ast.Expression | None) -> Type:
    """Return the type that ``type = expression`` declares; ``any`` for what is not understood."""
    match expression:
        case ast.Name(name=name) | ast.Literal(value=str() as name):
            return _named(name)
        case ast.Call(name=name, arguments=(inner,)) if name in _COLLECTIONS:
            return Type(name, (type_of(inner),))
        case ast.Call(name="tuple", arguments=(ast.Array(items=items),)):
            return Type("tuple", tuple(type_of(item) for item in items if not isinstance(item, ast.Spread)))
        case ast.Call(name="object", arguments=(ast.Object(members=members),)):
            attributes = {
                member.key: _attribute(member.value)
                for member in members
                if isinstance(member, ast.Property) and isinstance(member.key, str)
            }
            return Type("object", attributes=attributes)
        case _:
            return ANY


def _named(name: str) -> Type:
    if name in _PRIMITIVES:
        return Type(name)
    return Type(name, (ANY,)) if name in _COLLECTIONS else ANY


def _attribute(expression: ast.Expression) -> Attribute:
    match expression:
        case ast.Call(name="optional", arguments=(type_,)):
            return Attribute(type_of(type_), optional=True)
        case ast.Call(name="optional", arguments=(type_, default)):
            return Attribute(type_of(type_), optional=True, default=default)
        case _:
            return Attribute(type_of(expression))


def convert(result: Result, type_: Type, evaluate_default: Default) -> Result:
    """Return what a variable of a type holds when it is given ``result``. Raise FailedError where Terraform rejects it.

    Null stays null, what is unknown stays so, and a resource stays what it is.
    """
    if type_.kind == "any" or isinstance(result, Absent):
        return result
    if isinstance(result, Items | Fields) and is_large(result):
        return Unknown(at=result.at, why="the value is too large", sensitive=True)
    try:
        return _converted(result, type_, evaluate_default)
    except UnknownResult as error:
        return Unknown(at=result.at, why=str(error), sensitive=is_sensitive(result))


def _converted(result: Result, type_: Type, default: Default) -> Result:
    kind = type_.kind
    if kind == "any" or isinstance(result, Absent):
        return result
    if kind in _PRIMITIVES:
        return primitive(result, kind, result.at)
    if isinstance(result, Items) and kind in ("list", "set", "tuple"):
        return _items(result, type_, default)
    if isinstance(result, Fields) and kind == "map":
        return _map(result, type_, default)
    if isinstance(result, Fields) and kind == "object":
        return _object(result, type_, default)
    if isinstance(result, Scalar | Items | Fields):
        raise RequiredError(f"{_WORDS.get(kind, 'a list')} is required", result.at)
    return result


def _items(result: Items, type_: Type, default: Default) -> Result:
    kind = type_.kind
    if kind == "tuple":
        if len(result.items) != len(type_.of):
            raise RequiredError(f"a list of {len(type_.of)} is required", result.at)
        pairs = zip(result.items, type_.of, strict=True)
        return Items(at=result.at, items=[_converted(item, each, default) for item, each in pairs])
    if kind == "list" and result.kind == "set" and not keeps_order(result):
        return gather([result], doubt_in("the order of the set is unknown", result.at, result))
    items = [_converted(item, type_.of[0], default) for item in result.items]
    if type_.of[0].kind == "any":
        items = unify(items, result.at)
    return as_set(items, result.at) if kind == "set" else Items(at=result.at, items=items, kind="list")


def _map(result: Fields, type_: Type, default: Default) -> Fields:
    names, values = list(result.fields), list(result.fields.values())
    items = [_kept(value, _converted(value, type_.of[0], default)) for value in values]
    if type_.of[0].kind == "any":
        items = unify(items, result.at)
    return Fields(at=result.at, fields=dict(zip(names, items, strict=True)), rest=result.rest, kind="map")


def _kept(before: Result, after: Result) -> Result:
    """Keep a field optional in another type."""
    found = as_optional(before)
    return mark_optional(after, found) if found is not None and as_optional(after) is None else after


def _object(result: Fields, type_: Type, default: Default) -> Fields:
    """Return an object with exactly the attributes of its type."""
    fields: dict[str, Result] = {}
    for name, attribute in type_.attributes.items():
        value = result.fields.get(name)
        if value is None:
            if result.rest is None and not attribute.optional:
                raise RequiredError(f"attribute `{name}` is required", result.at)
            value = Absent(at=result.at) if result.rest is None else _unknown(result.rest, name)
        fields[name] = _filled(value, attribute, default)
    return Fields(at=result.at, fields=fields)


def _unknown(rest: Unknown, name: str) -> Unknown:
    return step_into(rest, f".{name}", rest.at)


def _filled(value: Result, attribute: Attribute, default: Default) -> Result:
    """Return the value of an attribute, or its default where it is null."""
    if isinstance(value, Unknown):
        value = msgspec.structs.replace(value, note="")
    found = _converted(value, attribute.type, default)
    if attribute.default is None or (is_given(found) and not isinstance(found, Absent)):
        return found
    given = _converted(default(attribute.default), attribute.type, default)
    if isinstance(found, Absent):
        return given
    return one_of_results([found, given], found) if isinstance(found, Unknown) else found
