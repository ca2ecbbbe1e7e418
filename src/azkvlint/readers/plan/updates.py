"""``azapi_update_resource``: what it sets is laid over the resource that it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from azkvlint.graph.references import Index
from azkvlint.graph.resource_updates import apply_update, may_change, possibly_set, target_of
from azkvlint.model.resource import REMOVED_ACTIONS, Resource
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.plan.azapi import arm_type, link_argument, update_body
from azkvlint.readers.plan.planned_resource import Instance


def overlay(updates: Iterable[Instance], resources: dict[str, Resource]) -> Iterator[tuple[Instance, Exception | None]]:
    """Write each update into ``resources``; answers those that have no place there, and what broke if anything did.

    An update that the plan removes changes nothing: Azure keeps what it had set.
    """
    index = Index(resources)
    for instance in updates:
        if instance.action in REMOVED_ACTIONS:
            continue
        found = _target(instance, index)
        if found is None or found.existing:
            yield instance, _doubted(instance, index) if found is None else None
            continue
        try:
            attributes = apply_update(found, update_body(instance))
        except RecursionError as error:
            yield instance, error
            continue
        index.replace(msgspec.structs.replace(found, attributes=attributes, shared_attributes=None))


def _doubted(instance: Instance, index: Index) -> Exception | None:
    """Take what an update sets for perhaps set in all that it may change; what broke if anything did."""
    named = arm_type(instance)
    name = instance.values.get("name")
    told = Scalar(at=instance.at, value=name) if isinstance(name, str) else Unknown(at=instance.at, why="not known")
    by_id = link_argument(instance, "resource_id")
    try:
        changes = possibly_set(update_body(instance))
        for one in may_change(index, named[0], by_id, told) if named is not None else ():
            index.replace(msgspec.structs.replace(one, attributes=apply_update(one, changes), shared_attributes=None))
    except RecursionError as error:
        return error
    return None


def _target(instance: Instance, index: Index) -> Resource | None:
    """The resource of the update's own type that it names."""
    named = arm_type(instance)
    if named is None:
        return None
    name = instance.values.get("name")
    told = Scalar(at=instance.at, value=name) if isinstance(name, str) else None
    by_id, above = link_argument(instance, "resource_id"), link_argument(instance, "parent_id")
    return target_of(index, named[0], by_id, told, above)
