"""Overlay attributes, apply resources that update others, and compute ``derived.changedFrom``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from azkvlint.graph.references import Index, reference_of
from azkvlint.model.pattern import Text, join_texts, pattern_from, rstrip_text, split_text
from azkvlint.model.resource import Resource
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value, path_text


def overlay(below: MapValue, above: MapValue) -> MapValue:
    """Return ``below`` overlaid with ``above``: objects are merged, everything else is replaced."""
    fields = dict(below.fields)
    for name, value in above.fields.items():
        current = fields.get(name)
        both = isinstance(current, MapValue) and isinstance(value, MapValue)
        fields[name] = overlay(current, value) if both else value  # type: ignore[arg-type]  # both are maps
    return MapValue(at=below.at, fields=fields, rest=below.rest, names=below.names)


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
        note = f"`{name(below)}` changes from `{old.display()}`" if change is old else change.note
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


# Resources that Azure has in every subscription, so that an update defines them.
_ALWAYS_THERE = frozenset({"microsoft.security/pricings"})
_PURGE = ("properties", "enablePurgeProtection")
BY_UPDATE = "set by an `azapi_update_resource`"


def is_always_there(type_: str) -> bool:
    """Return whether an update of a type is evaluated on its own, and not as a part of its target."""
    return type_.lower() in _ALWAYS_THERE


def target_of(
    index: Index, type_: str, by_id: Value | None, name: Value | None, above: Value | None
) -> Resource | None:
    """Return the resource that an update refers to: by its id, or by its parent's id and its name."""
    lower = type_.lower()
    if by_id is not None:
        address = _named(by_id, index)
        target = index.resources[address] if address is not None else None
        return target if target is not None and target.type.lower() == lower else None
    if above is None or not isinstance(name, Scalar) or not isinstance(name.value, str):
        return None
    matching = [one for one in index.named(lower, name.value.lower()) if _is_below(one, above, index)]
    return matching[0] if len(matching) == 1 else None


def may_change(index: Index, type_: str, by_id: Value | None, name: Value | None) -> list[Resource]:
    """Return the resources of a type that an update may change if its target is unknown."""
    candidates = [one for one in index.of_type(type_.lower()) if not one.existing]
    if by_id is None:
        return candidates if isinstance(name, Unknown) else []
    reference = reference_of("", "", by_id, index)
    if reference is None or reference.anything:
        return candidates
    addresses = {*reference.targets, *reference.candidates} if len(reference.targets) != 1 else set()
    return [one for one in candidates if one.address in addresses]


def possibly_set(value: MapValue) -> MapValue:
    """Return fields that may be set, as unknown values."""
    why = "an `azapi_update_resource` may set the property"
    fields = {
        name: possibly_set(field) if isinstance(field, MapValue) else Unknown(at=field.at, why=why)
        for name, field in value.fields.items()
    }
    return msgspec.structs.replace(value, fields=fields)


def _with_properties(attributes: MapValue) -> MapValue:
    """Return the attributes of a resource with its properties, at their own place also if none of them is read."""
    none = MapValue(at=attributes.at, fields={})
    return msgspec.structs.replace(attributes, fields={_PURGE[0]: none, **attributes.fields})


def apply_update(target: Resource, changes: MapValue) -> MapValue:
    """Return the attributes of a resource after an update."""
    attributes = overlay(_with_properties(target.attributes), changes)
    properties, name = changes.fields.get(_PURGE[0]), _PURGE[1]
    result_properties = attributes.fields.get(_PURGE[0])
    if isinstance(result_properties, Unknown):
        return msgspec.structs.replace(
            attributes,
            fields={**attributes.fields, _PURGE[0]: msgspec.structs.replace(result_properties, note=BY_UPDATE)},
        )
    if (
        not isinstance(properties, MapValue)
        or not isinstance(result_properties, MapValue)
        or name not in properties.fields
    ):
        return attributes
    annotated = msgspec.structs.replace(properties.fields[name], note=BY_UPDATE)
    result_properties = msgspec.structs.replace(result_properties, fields={**result_properties.fields, name: annotated})
    return msgspec.structs.replace(attributes, fields={**attributes.fields, _PURGE[0]: result_properties})


def _scope_of(above: list[Text]) -> Text:
    """Return the scope before the last ``providers`` of an ID without its name."""
    places = [number for number, step in enumerate(above) if step == "providers"]
    return join_texts(above[: places[-1]], "/") if places else ""


def standalone_attributes(attributes: MapValue, by_id: Value | None) -> MapValue:
    """Return the attributes that an update sets on its own; all others are unknown."""
    fields = dict(attributes.fields)
    if by_id is not None:
        *above, name = split_text(rstrip_text(by_id.string, "/"), "/")
        unknown = Unknown(at=by_id.at, why="the target of the update is not known")
        fields["name"] = Scalar(at=by_id.at, value=name) if isinstance(name, str) and name else unknown
        fields["scope"] = msgspec.structs.replace(unknown, pattern=pattern_from(_scope_of(above)))
    fields.setdefault("name", Unknown(at=attributes.at, why="the target of the update is not known"))
    why = "the update does not set the property, and Azure keeps its value"
    return with_open_fields(msgspec.structs.replace(attributes, fields=fields), Unknown(at=attributes.at, why=why))


def _named(value: Value, index: Index) -> str | None:
    reference = reference_of("", "", value, index)
    return reference.targets[0] if reference is not None and len(reference.targets) == 1 else None


def _is_below(resource: Resource, above: Value, index: Index) -> bool:
    """Return whether a resource's parent is ``above``; in a resource group the name alone decides."""
    parent = resource.attributes.fields.get("parent")
    if resource.type.count("/") == 1 or parent is None:
        return resource.type.count("/") == 1
    target = _named(parent, index)
    if target is not None:
        return target == _named(above, index)
    texts = [str(value.value).lower() for value in (parent, above) if isinstance(value, Scalar)]
    return len(texts) == 2 and texts[0] == texts[1]
