"""azapi resources as their author wrote them: their body is an ARM resource already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from azkvlint.azure.arm_defaults import with_defaults
from azkvlint.azure.azurerm.azapi import AZAPI_DATA_PLANE, as_resource, is_key_vault_type, parent_attribute, vault_of
from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.values import Result
from azkvlint.graph.changes import with_open_fields
from azkvlint.graph.references import Index
from azkvlint.graph.resource_updates import (
    apply_update,
    is_always_there,
    may_change,
    possibly_set,
    standalone_attributes,
    target_of,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import ResourceEntity

_TOP = ("name", "location", "tags", "identity")


def attributes(entity: ResourceEntity, type_: str, version: str) -> MapValue:
    """Return the attributes of an ``azapi_resource``: body, name, place, and the defaults of its API version."""
    content, run = entity.content, entity.instance.run
    is_data_plane = entity.type == AZAPI_DATA_PLANE
    fields = as_resource(body(entity), type_) if is_data_plane else dict(body(entity))
    for name in _TOP:
        found = content.attribute(name)
        value = run.freeze(found) if found is not None else None
        if value is not None:
            fields.setdefault(name, value)
    fields["apiVersion"] = Scalar(at=entity.at, value=version)
    above = content.attribute("parent_id")
    value = run.freeze(above) if above is not None else None
    if value is not None:
        fields[parent_attribute(type_)] = vault_of(value) if is_data_plane else value
    whole = MapValue(at=entity.at, fields=fields)
    if "sensitive_body" in content.pieces:
        why = "`sensitive_body` may set the value"
        whole = with_open_fields(whole, Unknown(at=entity.at, why=why))
    return whole if is_data_plane else with_defaults(whole, type_, version)


def body(entity: ResourceEntity) -> Mapping[str, Value]:
    """Return what the body of a resource sets. An encoded one (azapi 1.x) is looked at before it is encoded."""
    found = decode_argument(entity, "body")
    value = entity.instance.run.freeze(found) if found is not None else None
    if isinstance(value, MapValue):
        return value.fields if value.rest is None else {**value.fields, "properties": value.rest}
    if isinstance(value, Unknown):
        return {"properties": value}
    if isinstance(value, Scalar):
        return {"properties": Unknown(at=value.at, why="the body is a string, which is not supported")}
    return {}


def decode_argument(entity: ResourceEntity, argument: str) -> Result | None:
    """Return an argument that may be encoded: then what it is before that, so that what is not known in it hides no
    more.
    """
    piece = entity.content.pieces.get(argument)
    node = piece.attribute.expression() if piece is not None else None
    if piece is None or not (isinstance(node, ast.Call) and node.name == "jsonencode" and len(node.arguments) == 1):
        return entity.content.attribute(argument)
    return entity.instance.evaluate_node(piece, node.arguments[0], entity.local)


def is_key_vault(entity: ResourceEntity) -> bool:
    """Return whether an azapi resource is one of Key Vault's."""
    named = entity.azapi_type()
    return named is not None and is_key_vault_type(named[0])


def overlay_update(update: ResourceEntity, conditions: frozenset[str], resources: dict[str, Resource]) -> bool:
    """Write an ``azapi_update_resource`` into the resource that it changes; False if that is not among them.

    ``conditions`` decide on its existence: if the resource may exist without it, what it sets is unknown.
    """
    named = update.azapi_type()
    by_id, name, above = (_argument(update, each) for each in ("resource_id", "name", "parent_id"))
    target = None if named is None else target_of(Index(resources), named[0], by_id, name, above)
    if target is None or target.existing:
        others = () if named is None or target is not None else may_change(Index(resources), named[0], by_id, name)
        doubt = possibly_set(MapValue(at=update.at, fields=body(update)))
        for other in others:
            resources[other.address] = msgspec.structs.replace(other, attributes=apply_update(other, doubt))
        return False
    changes = MapValue(at=update.at, fields=body(update))
    if not conditions <= target.conditions:
        changes = possibly_set(changes)
    resources[target.address] = msgspec.structs.replace(target, attributes=apply_update(target, changes))
    return True


def standalone_update(update: ResourceEntity) -> tuple[str, MapValue] | None:
    """Return the type and attributes of what an update changes that is not declared, if they say anything by
    themselves.
    """
    named = update.azapi_type()
    if named is None or not is_always_there(named[0]):
        return None
    type_ = canonical(named[0]) or named[0]
    return type_, standalone_attributes(attributes(update, type_, named[1]), _argument(update, "resource_id"))


def _argument(entity: ResourceEntity, name: str) -> Value | None:
    found = entity.content.attribute(name)
    return entity.instance.run.freeze(found) if found is not None else None
