"""Remove existing resources that the same input deploys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown

_NAMED_WORLDWIDE = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


def without_duplicates(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Return the resources without existing ones that the input deploys itself, and with links to the deployed ones."""
    existing = [resource for resource in resources.values() if resource.existing]
    if not existing:
        return dict(resources)
    deployed = {
        known: resource.address
        for resource in resources.values()
        if not resource.existing and resource.stays
        for known in _known_by(resource)
    }
    twins = {
        resource.address: deployed[known] for resource in existing for known in _known_by(resource) if known in deployed
    }
    if not twins:
        return dict(resources)
    return {
        address: msgspec.structs.replace(resource, attributes=_redirect(resource.attributes, twins))
        for address, resource in resources.items()
        if address not in twins
    }


def _known_by(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield what identifies a resource in Azure: its id, and the name of a vault, which is a host name too."""
    own_id = resource.select(("id",)).text.lower()
    if own_id:
        yield "", own_id
    type_, name = resource.type.lower(), resource.select(("name",))
    if type_ in _NAMED_WORLDWIDE and isinstance(name, Scalar) and isinstance(name.value, str):
        yield type_, name.value.lower()


def _redirect(value: Any, targets: Mapping[str, str]) -> Any:
    """Return a value with its links to the keys of ``targets`` replaced by links to their values."""
    match value:
        case Link(target=target) if target in targets:
            return msgspec.structs.replace(value, target=targets[target])
        case Unknown(candidates=candidates) if any(one in targets for one in candidates):
            found = dict.fromkeys(targets.get(one, one) for one in candidates)
            return msgspec.structs.replace(value, candidates=tuple(found))
        case ListValue(items=items):
            return msgspec.structs.replace(value, items=tuple(_redirect(item, targets) for item in items))
        case MapValue(fields=fields):
            changed = {name: _redirect(field, targets) for name, field in fields.items()}
            return msgspec.structs.replace(value, fields=changed)
        case _:
            return value
