"""``derived.changedFrom``: what attributes were before, where a plan or a what-if result changes them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value, display

CHANGED_FROM: Path = ("derived", "changedFrom")


def with_changes(after: MapValue, before: MapValue) -> MapValue:
    """``after`` with what it changes of ``before``: objects hold what they were, a list is told as a whole."""
    changed = _changed(after.fields.get("properties"), before.fields.get("properties"))
    if changed is None:
        return after
    derived = after.fields.get("derived")
    fields = dict(derived.fields) if isinstance(derived, MapValue) else {}
    fields[str(CHANGED_FROM[1])] = MapValue(at=after.at, fields={"properties": changed}, origin=Origin.DERIVED)
    made = MapValue(at=after.at, fields=fields, origin=Origin.DERIVED)
    return msgspec.structs.replace(after, fields={**after.fields, "derived": made})


def _changed(after: Value | None, before: Value | None) -> Value | None:
    """What ``before`` said, if ``after`` does not say it; Unknown if nobody knows whether it does."""
    if before is None:
        return None
    if isinstance(after, Unknown) or isinstance(before, Unknown):
        return after if isinstance(after, Unknown) else before
    if isinstance(after, MapValue) and isinstance(before, MapValue):
        fields = dict(_fields(after, before))
        return MapValue(at=after.at, fields=fields, origin=Origin.DERIVED) if fields else None
    return None if after is not None and _plain(after) == _plain(before) else before


def _fields(after: MapValue, before: MapValue) -> Iterator[tuple[str, Value]]:
    for name, old in before.fields.items():
        found = _changed(after.fields.get(name, after.rest), old)
        if found is None:
            continue
        note = f"{name} was {display(old)}" if found is old else found.note
        yield name, msgspec.structs.replace(found, origin=Origin.DERIVED, note=note)


def _plain(value: Value) -> object:
    """Something that is equal for values that say the same, wherever they stand."""
    match value:
        case Scalar(value=plain):
            return (type(plain), plain)
        case ListValue(items=items):
            return tuple(_plain(item) for item in items)
        case MapValue(fields=fields):
            return {name: _plain(field) for name, field in fields.items()}
        case _:
            return value
