"""``azapi_update_resource``: which resource it changes, and the attributes of that resource afterwards."""

from __future__ import annotations

import msgspec

from azkvlint.graph.changes import overlay, with_open_fields
from azkvlint.graph.references import Index, reference_of
from azkvlint.graph.resource_ids import HOLE
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value, text_of

# What Azure has whether anybody deploys it or not, so that an update of it is all that there is to say.
_ALWAYS_THERE = frozenset({"microsoft.security/pricings"})
_PURGE = ("properties", "enablePurgeProtection")
BY_UPDATE = "azapi_update_resource sets it"


def is_always_there(type_: str) -> bool:
    """Return whether an update of a type is judged by itself, and not as a part of what it changes."""
    return type_.lower() in _ALWAYS_THERE


def target_of(
    index: Index, type_: str, by_id: Value | None, name: Value | None, above: Value | None
) -> Resource | None:
    """Return the resource of a type that an update names: by its id, or by its parent's id and its name."""
    lower = type_.lower()
    if by_id is not None:
        address = _named(by_id, index)
        found = index.resources[address] if address is not None else None
        return found if found is not None and found.type.lower() == lower else None
    if above is None or not isinstance(name, Scalar) or not isinstance(name.value, str):
        return None
    same = [one for one in index.named(lower, name.value.lower()) if _is_below(one, above, index)]
    return same[0] if len(same) == 1 else None


def may_change(index: Index, type_: str, by_id: Value | None, name: Value | None) -> list[Resource]:
    """Return the resources of a type that an update may change where the one that it names is unknown."""
    every = [one for one in index.of_type(type_.lower()) if not one.existing]
    if by_id is None:
        return every if isinstance(name, Unknown) else []
    reference = reference_of("", "", by_id, index)
    if reference is None or reference.anything:
        return every
    named = {*reference.targets, *reference.candidates} if len(reference.targets) != 1 else set()
    return [one for one in every if one.address in named]


def possibly_set(value: MapValue) -> MapValue:
    """Return fields that are perhaps set."""
    why = "whether azapi_update_resource sets it is not known"
    fields = {
        name: possibly_set(field) if isinstance(field, MapValue) else Unknown(at=field.at, why=why)
        for name, field in value.fields.items()
    }
    return msgspec.structs.replace(value, fields=fields)


def apply_update(target: Resource, changes: MapValue) -> MapValue:
    """Return the attributes of a resource with what an update sets."""
    found = overlay(target.attributes, changes)
    properties, name = changes.fields.get(_PURGE[0]), _PURGE[1]
    whole = found.fields.get(_PURGE[0])
    if isinstance(whole, Unknown):
        return msgspec.structs.replace(
            found, fields={**found.fields, _PURGE[0]: msgspec.structs.replace(whole, note=BY_UPDATE)}
        )
    if not isinstance(properties, MapValue) or not isinstance(whole, MapValue) or name not in properties.fields:
        return found
    noted = msgspec.structs.replace(properties.fields[name], note=BY_UPDATE)
    whole = msgspec.structs.replace(whole, fields={**whole.fields, name: noted})
    return msgspec.structs.replace(found, fields={**found.fields, _PURGE[0]: whole})


def standalone_attributes(attributes: MapValue, by_id: Value | None) -> MapValue:
    """Return the attributes that an update sets on its own; all others are unknown."""
    fields = dict(attributes.fields)
    if by_id is not None:
        above, _, name = text_of(by_id).rstrip("/").rpartition("/")
        doubt = Unknown(at=by_id.at, why="which resource it changes is not known")
        fields["name"] = doubt if not name or HOLE in name else Scalar(at=by_id.at, value=name)
        fields["scope"] = msgspec.structs.replace(doubt, pattern=above.rpartition("/providers/")[0])
    fields.setdefault("name", Unknown(at=attributes.at, why="which resource it changes is not known"))
    why = "the update does not say it, and Azure keeps what the resource has"
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
