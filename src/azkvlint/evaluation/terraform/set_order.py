"""Terraform's sets, in its own order, and the one type that all items of a list must have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.terraform.primitive_types import FailedError, primitive, text_of
from azkvlint.evaluation.values import Fields, Items, Result, is_large, unknown_in
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

_LEAVES = (Scalar, Unknown, Absent)


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
    patterns: set[str] = set()
    for item in items:
        if isinstance(item, Scalar):
            key = (_rank(item), item.value)
            if key not in known or item.sensitive:
                known[key] = item
        elif isinstance(item, Absent):
            nothing.append(item)
        elif isinstance(item, Items | Fields) and not is_large(item) and unknown_in(item) is None:
            compounds.append(item)
        elif not isinstance(item, Unknown) or not item.pattern or item.pattern not in patterns:
            others.append(item)
            patterns.update([item.pattern] if isinstance(item, Unknown) else [])
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
