"""Overlay attributes, and compute ``derived.changedFrom``: the changes of a plan or a what-if result."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value, display, path_text


def overlay(below: MapValue, above: MapValue) -> MapValue:
    """Return ``below`` overlaid with ``above``: objects are merged, everything else is replaced."""
    fields = dict(below.fields)
    for name, value in above.fields.items():
        current = fields.get(name)
        both = isinstance(current, MapValue) and isinstance(value, MapValue)
        fields[name] = overlay(current, value) if both else value  # type: ignore[arg-type]  # both are maps
    return MapValue(at=below.at, fields=fields, rest=below.rest)


def with_open_fields(value: MapValue, rest: Unknown) -> MapValue:
    """Return ``value`` as an object that may have additional fields, at every depth."""
    fields = {
        name: with_open_fields(field, rest) if isinstance(field, MapValue) else field
        for name, field in value.fields.items()
    }
    return msgspec.structs.replace(value, fields=fields, rest=rest)


CHANGED_FROM: Path = ("derived", "changedFrom")


def with_changes(after: MapValue, before: MapValue, name: Callable[[Path], str] = path_text) -> MapValue:
    """Return ``after`` with its changes from ``before``: objects by property, lists as a whole.

    ``name`` returns the name of a property in messages.
    """
    changed = _changed(after.fields.get("properties"), before.fields.get("properties"), ("properties",), name)
    if changed is None:
        return after
    derived = after.fields.get("derived")
    fields = dict(derived.fields) if isinstance(derived, MapValue) else {}
    fields[str(CHANGED_FROM[1])] = MapValue(at=after.at, fields={"properties": changed}, origin=Origin.DERIVED)
    merged_derived = MapValue(at=after.at, fields=fields, origin=Origin.DERIVED)
    return msgspec.structs.replace(after, fields={**after.fields, "derived": merged_derived})


def _changed(after: Value | None, before: Value | None, path: Path, name: Callable[[Path], str]) -> Value | None:
    """Return ``before`` if ``after`` differs from it, Unknown if that is not known, None if they are equal."""
    if before is None:
        return None
    if isinstance(after, Unknown) or isinstance(before, Unknown):
        return after if isinstance(after, Unknown) else before
    if isinstance(after, MapValue) and isinstance(before, MapValue):
        fields = dict(_fields(after, before, path, name))
        return MapValue(at=after.at, fields=fields, origin=Origin.DERIVED) if fields else None
    return None if after is not None and _plain(after) == _plain(before) else before


def _fields(after: MapValue, before: MapValue, path: Path, name: Callable[[Path], str]) -> Iterator[tuple[str, Value]]:
    for field, old in before.fields.items():
        below = (*path, field)
        change = _changed(after.fields.get(field, after.rest), old, below, name)
        if change is None:
            continue
        note = f"`{name(below)}` changes from `{display(old)}`" if change is old else change.note
        yield field, msgspec.structs.replace(change, origin=Origin.DERIVED, note=note)


def _plain(value: Value) -> object:
    """Return an object for comparing values without their locations."""
    match value:
        case Scalar(value=plain):
            return (type(plain), plain)
        case ListValue(items=items):
            return tuple(_plain(item) for item in items)
        case MapValue(fields=fields):
            return {name: _plain(field) for name, field in fields.items()}
        case _:
            return value
