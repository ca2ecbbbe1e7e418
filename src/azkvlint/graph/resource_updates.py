"""Apply ``azapi_update_resource``: find the resource that it changes, and merge the attributes."""

from __future__ import annotations

import msgspec

from azkvlint.graph.changes import overlay, with_open_fields
from azkvlint.graph.references import Index, reference_of
from azkvlint.graph.resource_ids import HOLE
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value, text_of

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


def apply_update(target: Resource, changes: MapValue) -> MapValue:
    """Return the attributes of a resource after an update."""
    attributes = overlay(target.attributes, changes)
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


def standalone_attributes(attributes: MapValue, by_id: Value | None) -> MapValue:
    """Return the attributes that an update sets on its own; all others are unknown."""
    fields = dict(attributes.fields)
    if by_id is not None:
        above, _, name = text_of(by_id).rstrip("/").rpartition("/")
        unknown = Unknown(at=by_id.at, why="the target of the update is not known")
        fields["name"] = unknown if not name or HOLE in name else Scalar(at=by_id.at, value=name)
        fields["scope"] = msgspec.structs.replace(unknown, pattern=above.rpartition("/providers/")[0])
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
