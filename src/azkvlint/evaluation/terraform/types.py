"""Types of variables, the conversion of values to them, and sets in Terraform's own order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.known import is_given
from azkvlint.evaluation.terraform.alternatives import gather, keep_optional, one_of_results, step_into
from azkvlint.evaluation.terraform.operators import FailedError, RequiredError, primitive, text_of
from azkvlint.evaluation.values import Fields, Items, Result, WithItem, doubt_in, is_large, is_sensitive, unknown_in
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast

_PRIMITIVES = ("string", "number", "bool")
_COLLECTIONS = ("list", "set", "map")
_WORDS = {"string": "a string", "number": "a number", "bool": "a bool", "map": "a map", "object": "an object"}
Default: TypeAlias = Callable[[ast.Expression], Result]
_LEAVES = (Scalar, Unknown, Absent)


class TypeConstraint(msgspec.Struct, frozen=True):
    """A type by its ``kind``: any, string, number, bool, list, set, map, tuple or object.

    ``of`` is the type of all items of a list, set or map, or the types of a tuple's items, one by one.
    """

    kind: str = "any"
    of: tuple[TypeConstraint, ...] = ()
    attributes: Mapping[str, ObjectAttribute] = {}


class ObjectAttribute(NamedTuple):
    """An attribute of an object. An ``optional`` one that is null or missing has its ``default``, if there is one."""

    type: TypeConstraint
    optional: bool = False
    default: ast.Expression | None = None


ANY = TypeConstraint()


def type_of(expression: ast.Expression | None) -> TypeConstraint:
    """Return the type that ``type = expression`` declares; ``any`` for what is not understood."""
    match expression:
        case ast.Name(name=name) | ast.Literal(value=str() as name):
            return _named(name)
        case ast.Call(name=name, arguments=(inner,)) if name in _COLLECTIONS:
            return TypeConstraint(name, (type_of(inner),))
        case ast.Call(name="tuple", arguments=(ast.Array(items=items),)):
            return TypeConstraint("tuple", tuple(type_of(item) for item in items if not isinstance(item, ast.Spread)))
        case ast.Call(name="object", arguments=(ast.Object(members=members),)):
            attributes = {
                member.key: _attribute(member.value)
                for member in members
                if isinstance(member, ast.Property) and isinstance(member.key, str)
            }
            return TypeConstraint("object", attributes=attributes)
        case _:
            return ANY


def _named(name: str) -> TypeConstraint:
    if name in _PRIMITIVES:
        return TypeConstraint(name)
    return TypeConstraint(name, (ANY,)) if name in _COLLECTIONS else ANY


def _attribute(expression: ast.Expression) -> ObjectAttribute:
    match expression:
        case ast.Call(name="optional", arguments=(type_,)):
            return ObjectAttribute(type_of(type_), optional=True)
        case ast.Call(name="optional", arguments=(type_, default)):
            return ObjectAttribute(type_of(type_), optional=True, default=default)
        case _:
            return ObjectAttribute(type_of(expression))


def converts_apart(type_: TypeConstraint) -> bool:
    """Return whether each member of an object is converted to its type whatever the others are."""
    if type_.kind == "map" and type_.of[0].kind == "any":
        return False
    return all(map(converts_apart, (*type_.of, *(attribute.type for attribute in type_.attributes.values()))))


def convert(result: Result, type_: TypeConstraint, evaluate_default: Default) -> Result:
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


def _converted(result: Result, type_: TypeConstraint, default: Default) -> Result:
    kind = type_.kind
    if kind == "any" or isinstance(result, Absent):
        return result
    if isinstance(result, WithItem) and kind in _COLLECTIONS:
        item = _converted(result.item, type_.of[0], default)
        return msgspec.structs.replace(_unknown_as(result, kind), item=item)
    if isinstance(result, Unknown):
        return _unknown_as(result, kind)
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


def _unknown_as(result: Unknown, kind: str) -> Unknown:
    """Return an unknown value with what is certain of it in another type."""
    before = result.known
    if before is NOTHING_KNOWN or kind == ("number" if before.is_number else "string"):
        return result
    known = NOTHING_KNOWN
    # An object loses attributes, or has further optional ones.
    if kind in ("list", "set", "map", "tuple") and not before.is_number:
        # The items of a list may be equal.
        known = Known(least=min(before.least, 1) if kind == "set" else before.least, most=before.most)
    return msgspec.structs.replace(result, known=known)


def _items(result: Items, type_: TypeConstraint, default: Default) -> Result:
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


def _map(result: Fields, type_: TypeConstraint, default: Default) -> Fields:
    names, values = list(result.fields), list(result.fields.values())
    items = [keep_optional(value, _converted(value, type_.of[0], default)) for value in values]
    if type_.of[0].kind == "any":
        items = unify(items, result.at)
    # Other values of the map may be converted too.
    rest = None if result.rest is None else gather([result.rest], result.rest)
    return Fields(at=result.at, fields=dict(zip(names, items, strict=True)), rest=rest, kind="map")


def _object(result: Fields, type_: TypeConstraint, default: Default) -> Fields:
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


def _filled(value: Result, attribute: ObjectAttribute, default: Default) -> Result:
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


def keeps_order(found: Items) -> bool:
    """Return whether it is known how many items a set has, and in which order they come."""
    return len(found.items) < 2 or all(isinstance(item, Scalar) for item in found.items) or unknown_in(found) is None


def as_set(items: Sequence[Result], at: Location) -> Items:
    """Return a set of items, which have one type: each once, in Terraform's order, those that are unknown at the
    end.
    """
    known: dict[tuple[str, object], Result] = {}
    others: list[Result] = []
    compounds: list[Result] = []
    nothing: list[Result] = []
    patterns: set[Pattern] = set()
    for item in items:
        if isinstance(item, Scalar):
            key = (_rank(item), item.value)
            if key not in known or item.sensitive:
                known[key] = item
        elif isinstance(item, Absent):
            nothing.append(item)
        elif isinstance(item, Items | Fields) and not is_large(item) and unknown_in(item) is None:
            compounds.append(item)
        elif not isinstance(item, Unknown) or item.pattern is None or item.pattern not in patterns:
            others.append(item)
            patterns.update([item.pattern] if isinstance(item, Unknown) and item.pattern is not None else [])
    in_order = [known[key] for key in sorted(known, key=_sortable)]
    return Items(at=at, items=[*in_order, *_compounds(compounds), *nothing[:1], *others], kind="set")


def has_one_type(items: Sequence[Result]) -> bool:
    """Return whether the primitives among items are of one type, so that lists or maps that they come from may be
    too.
    """
    return len({_rank(item) for item in items if isinstance(item, Scalar)}) < 2


def fit_type(result: Result, like: Result, at: Location) -> Result:
    """Return ``result`` as the type of ``like``. Raise FailedError where it cannot become one."""
    if isinstance(like, Scalar):
        return primitive(result, _rank(like), at)
    if isinstance(like, Items | Fields) and isinstance(result, Scalar):
        raise FailedError("the value has a different type", at)
    return result


def _rank(item: Scalar) -> str:
    if isinstance(item.value, str):
        return "string"
    return "bool" if isinstance(item.value, bool) else "number"


def _sortable(key: tuple[str, object]) -> tuple[str, float, str]:
    """Return a key to sort by; a set has items of one type only."""
    kind, value = key
    return (kind, 0, value) if isinstance(value, str) else (kind, value, "")  # type: ignore[return-value]  # else a number


def _compounds(items: list[Result]) -> list[Result]:
    """Return lists, maps and objects by what Terraform hashes of them."""
    found: dict[str, Result] = {}
    for item in items:
        found.setdefault(_hashed(item), item)
    return [found[key] for key in sorted(found)]


def _hashed(result: Result) -> str:
    """Return what Terraform hashes of a known value."""
    if isinstance(result, Scalar):
        if isinstance(result.value, bool):
            return "T" if result.value else "F"
        return _quoted(result.value) if isinstance(result.value, str) else text_of(result.value)
    if isinstance(result, Items):
        inner = "".join(f"{_hashed(item)};" for item in result.items)
        return f"[{inner}]" if result.kind else f"<{inner}>"
    if isinstance(result, Fields):
        if result.kind == "map":
            pairs = "".join(f"{_quoted(key)}:{_hashed(result.fields[key])};" for key in sorted(result.fields))
            return f"{{{pairs}}}"
        return f"<{''.join(f'{_hashed(result.fields[key])};' for key in sorted(result.fields))}>"
    return "~"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def unify(items: Sequence[Result], at: Location) -> list[Result]:
    """Return items as the one type that a list, set or map of them has. Raise FailedError if they have none in common.

    Numbers and booleans become texts where one of them is a text.
    """
    known = [item for item in items if isinstance(item, Scalar | Items | Fields)]
    if len(known) < 2:
        return list(items)
    if all(isinstance(item, Scalar) for item in known):
        kinds = {_rank(item) for item in known if isinstance(item, Scalar)}
        if len(kinds) < 2:
            return list(items)
        if "string" not in kinds:
            raise FailedError("a list, set or map contains both a number and a bool", at)
        return [as_string(item) for item in items]
    if any(is_large(item) for item in known):
        raise UnknownResult("the value is too large")
    if all(isinstance(item, Items) for item in known):
        return _unified_items(items, at)
    if all(isinstance(item, Fields) for item in known):
        return _unified_fields(items, at)
    raise FailedError("a list, set or map contains values of different types", at)


def as_string(item: Result) -> Result:
    """Return a number or boolean as a text; all else as it is."""
    if isinstance(item, Scalar) and not isinstance(item.value, str):
        return msgspec.structs.replace(item, value=text_of(item.value))
    return item


def _unified_items(items: Sequence[Result], at: Location) -> list[Result]:
    lists = [item for item in items if isinstance(item, Items)]
    lengths = {len(item.items) for item in lists}
    kinds = {item.kind for item in lists}
    if kinds == {""} and len(lengths) == 1:
        columns = [unify(column, at) for column in zip(*(item.items for item in lists), strict=True)]
        rows = iter([list(row) for row in zip(*columns, strict=True)] or [[] for _ in lists])
        return [Items(at=item.at, items=next(rows)) if isinstance(item, Items) else item for item in items]
    kind = "set" if kinds == {"set"} else "list"
    if kind == "list" and not all(item.kind != "set" or keeps_order(item) for item in lists):
        raise UnknownResult("the order of the set is unknown")
    flat = iter(unify(list(chain.from_iterable(item.items for item in lists)), at))
    return [
        Items(at=item.at, items=[next(flat) for _ in item.items], kind=kind) if isinstance(item, Items) else item
        for item in items
    ]


def _unified_fields(items: Sequence[Result], at: Location) -> list[Result]:
    maps = [item for item in items if isinstance(item, Fields)]
    names = maps[0].fields.keys()
    if all(item.kind == "" and item.fields.keys() == names for item in maps):
        columns = {name: iter(unify([item.fields[name] for item in maps], at)) for name in names}
        return [
            msgspec.structs.replace(item, fields={name: next(columns[name]) for name in item.fields})
            if isinstance(item, Fields)
            else item
            for item in items
        ]
    flat = iter(unify(list(chain.from_iterable(item.fields.values() for item in maps)), at))
    return [
        Fields(at=item.at, fields={name: next(flat) for name in item.fields}, rest=item.rest, kind="map")
        if isinstance(item, Fields)
        else item
        for item in items
    ]
