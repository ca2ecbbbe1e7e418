"""``azapi_update_resource``: what it sets is laid over the resource that it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kvlint.model.graph import REMOVED_ACTIONS, Resource
from kvlint.model.value import Scalar, Value
from kvlint.readers.arm.overlay import overlaid
from kvlint.readers.plan.azapi import arm_type, link_argument, update_body
from kvlint.readers.plan.instance import Instance
from kvlint.readers.references import Index, reference_of


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
            yield instance, None
            continue
        try:
            attributes = overlaid(found.attributes, update_body(instance))
        except RecursionError as error:
            yield instance, error
            continue
        index.put(msgspec.structs.replace(found, attributes=attributes, common=None))


def _target(instance: Instance, index: Index) -> Resource | None:
    """The resource of the update's own type that it names: by id, or by its parent's id and its name."""
    named = arm_type(instance)
    type_ = named[0].lower() if named is not None else None
    by_id = link_argument(instance, "resource_id")
    if by_id is not None:
        address = _named(by_id, index)
        found = index.resources[address] if address is not None else None
        return found if found is not None and found.type.lower() == type_ else None
    name, above = instance.values.get("name"), link_argument(instance, "parent_id")
    if type_ is None or above is None or not isinstance(name, str):
        return None
    same = [resource for resource in index.named(type_, name.lower()) if _is_below(resource, above, index)]
    return same[0] if len(same) == 1 else None


def _named(value: Value, index: Index) -> str | None:
    reference = reference_of("", "", value, index)
    return reference.targets[0] if reference is not None and reference.targets else None


def _is_below(resource: Resource, above: Value, index: Index) -> bool:
    """Whether a resource's parent is ``above``. What has no parent but a resource group is told by its name alone."""
    parent = resource.attributes.fields.get("parent")
    if resource.type.count("/") == 1 or parent is None:
        return resource.type.count("/") == 1
    target = _named(parent, index)
    if target is not None:
        return target == _named(above, index)
    texts = [str(value.value).lower() for value in (parent, above) if isinstance(value, Scalar)]
    return len(texts) == 2 and texts[0] == texts[1]
