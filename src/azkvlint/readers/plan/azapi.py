"""azapi resources of a plan: their body is an ARM resource already. ``body`` is an object, or JSON text (azapi 1.x)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from azkvlint.azure.arm_defaults import with_defaults
from azkvlint.azure.azurerm.azapi import METHOD, as_resource, beside_body, is_key_vault_type, parent_attribute
from azkvlint.graph.changes import apply_update, may_change, possibly_set, target_of, with_open_fields
from azkvlint.graph.references import Index
from azkvlint.model.location import Location
from azkvlint.model.resource import REMOVED_ACTIONS, Resource
from azkvlint.model.value import Link, MapValue, Scalar, Unknown, Value
from azkvlint.readers.plan.address import longest
from azkvlint.readers.plan.configuration import expression_at, references
from azkvlint.readers.plan.map_arguments import PlanArgumentMap, PlanTable
from azkvlint.readers.plan.planned_resource import PlannedInstance, mark
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_VERSION = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-[a-z]+)?")
_VAULT_URIS = ("vault_uri", "vaulturi")
_TOP = ("id", "name", "location", "tags")


def arm_type(instance: PlannedInstance) -> tuple[str, str] | None:
    """Return the type and API version of an azapi resource; None if they are unknown.

    If the type is sensitive, a suffix that does not look like an API version may be the secret: the version is empty.
    """
    text = instance.values.get("type")
    if not isinstance(text, str) or "/" not in text:
        return None
    type_, _, version = text.partition("@")
    if mark(instance.sensitive, "type") and not _VERSION.fullmatch(version):
        return type_, ""
    return type_, version


def method_of(instance: PlannedInstance) -> Value | None:
    """Return the HTTP method of an ``azapi_resource_action``; None if it is not set."""
    return instance.plain(instance.values.get(METHOD), mark(instance.unknown, METHOD), False, (METHOD,))


def is_key_vault(instance: PlannedInstance) -> bool:
    """Return whether an azapi resource is one of Key Vault's."""
    named = arm_type(instance)
    return named is not None and is_key_vault_type(named[0])


def azapi_attributes(instance: PlannedInstance, type_: str, api_version: str, data_plane: bool) -> MapValue:
    """Return the attributes of an ``azapi_resource``: body, name, place, and the defaults of its API version.

    ``data_plane``: its body, and its version, are those of the data plane.
    """
    fields = as_resource(_body(instance), type_) if data_plane else _body(instance)
    for name in _TOP:
        found = instance.plain(
            instance.values.get(name), mark(instance.unknown, name), mark(instance.sensitive, name), (name,)
        )
        if found is not None:
            fields.setdefault(name, found)
    fields = {**_beside_body(instance.at).written(instance).fields, **fields}
    fields["apiVersion"] = Scalar(at=instance.at, value=api_version)
    host = _vault_in_host(instance) if data_plane else None
    above = host if host is not None else link_argument(instance, "parent_id")
    if above is not None:
        fields[parent_attribute(type_)] = above
    attributes = MapValue(at=instance.at, fields=fields)
    if instance.writes("sensitive_body"):
        why = "`sensitive_body` may set the value and is not shown in a plan"
        attributes = with_open_fields(attributes, Unknown(at=instance.at, why=why))
    if not instance.creates:
        # Source: learn.microsoft.com/azure/key-vault/general/access-control-default: a default holds on create only.
        why = "the body does not set the value, and Azure keeps the existing one"
        attributes = with_open_fields(attributes, Unknown(at=instance.at, why=why))
    return attributes if data_plane else with_defaults(attributes, type_, api_version)


@lru_cache(8)
def _beside_body(at: Location) -> PlanArgumentMap:
    return PlanArgumentMap(PlanTable(beside_body(), frozenset({()}), frozenset()), at)


def _vault_in_host(instance: PlannedInstance) -> Link | None:
    """Return the vault whose URI contains the host of a data-plane resource's parent."""
    if mark(instance.unknown, "parent_id") is not True:
        return None
    written = instance.configuration.resource(instance.names, instance.resource).get("expressions")
    found = longest(tuple(references(expression_at(written, ("parent_id",)))))
    ref = found[0] if len(found) == 1 else None
    if ref is None or ref.kind != "azure" or not ref.rest or str(ref.rest[-1]).lower() not in _VAULT_URIS:
        return None
    addresses, _ = instance.tracer.instances.find(instance.path, ref.name, ref.key, None)
    return Link(at=instance.at, target=addresses[0], hops=(ref.text,)) if len(addresses) == 1 else None


def update_body(instance: PlannedInstance) -> MapValue:
    """Return the attributes that an ``azapi_update_resource`` sets."""
    return MapValue(at=instance.at, fields=_body(instance))


def _body(instance: PlannedInstance) -> dict[str, Value]:
    body = instance.values.get("body")
    unknown, sensitive = mark(instance.unknown, "body"), mark(instance.sensitive, "body")
    if isinstance(body, str):
        body = _decode_body(body)
    found = instance.plain(body, unknown, sensitive, ("body",))
    if isinstance(found, MapValue):
        return dict(found.fields)
    if isinstance(found, Unknown):
        return {"properties": found}
    return {}


def _decode_body(text: str) -> Any:
    try:
        return decode_json(text, object)
    except InputError:
        return None


def link_argument(instance: PlannedInstance, argument: str) -> Value | None:
    """Return an argument that contains the ID of another resource; None if it is not set."""
    if mark(instance.unknown, argument) is True:
        return instance.resolve_link((argument,))
    text = instance.values.get(argument)
    hidden = mark(instance.sensitive, argument) is True
    return Scalar(at=instance.at, value=text, sensitive=hidden) if isinstance(text, str) else None


def apply_updates(
    updates: Iterable[PlannedInstance], resources: dict[str, Resource]
) -> Iterator[tuple[PlannedInstance, Exception | None]]:
    """Apply each update to ``resources``, and yield those without a target, each with the error if one occurred.

    An update that the plan removes has no effect: Azure keeps the properties that it set.
    """
    index = Index(resources)
    for instance in updates:
        if instance.action in REMOVED_ACTIONS:
            continue
        found = _target(instance, index)
        if found is None or found.existing:
            yield instance, _mark_candidates(instance, index) if found is None else None
            continue
        try:
            attributes = apply_update(found, update_body(instance))
        except RecursionError as error:
            yield instance, error
            continue
        index.replace(msgspec.structs.replace(found, attributes=attributes, shared_attributes=None))


def _mark_candidates(instance: PlannedInstance, index: Index) -> Exception | None:
    """Mark the properties of an update as unknown in all resources that it may change; return the error, if any."""
    named = arm_type(instance)
    name = instance.values.get("name")
    name_value = (
        Scalar(at=instance.at, value=name)
        if isinstance(name, str)
        else Unknown(at=instance.at, why="the name is unknown")
    )
    by_id = link_argument(instance, "resource_id")
    try:
        changes = possibly_set(update_body(instance))
        for one in may_change(index, named[0], by_id, name_value) if named is not None else ():
            index.replace(msgspec.structs.replace(one, attributes=apply_update(one, changes), shared_attributes=None))
    except RecursionError as error:
        return error
    return None


def _target(instance: PlannedInstance, index: Index) -> Resource | None:
    """Return the resource of the update's own type that it names."""
    named = arm_type(instance)
    if named is None:
        return None
    name = instance.values.get("name")
    name_value = Scalar(at=instance.at, value=name) if isinstance(name, str) else None
    by_id, above = link_argument(instance, "resource_id"), link_argument(instance, "parent_id")
    return target_of(index, named[0], by_id, name_value, above)
