"""What one input both deploys and names as existing: one resource, not two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import Link, ListValue, MapValue, Unknown, text_of


def without_twins(resources: Mapping[str, Resource]) -> Mapping[str, Resource]:
    """Without what is declared as existing and deployed by the same input; links to that lead to what is deployed."""
    if not any(resource.existing for resource in resources.values()):
        return resources
    ids = {address: text_of(resource.select(("id",))).lower() for address, resource in resources.items()}
    deployed = {ids[address]: address for address, resource in resources.items() if not resource.existing}
    twins = {
        address: deployed[ids[address]]
        for address, resource in resources.items()
        if resource.existing and ids[address] and ids[address] in deployed
    }
    if not twins:
        return resources
    return {
        address: msgspec.structs.replace(resource, attributes=_redirected(resource.attributes, twins))
        for address, resource in resources.items()
        if address not in twins
    }


def _redirected(value: Any, targets: Mapping[str, str]) -> Any:
    """A value with its links to what ``targets`` names leading to what those are instead."""
    match value:
        case Link(target=target) if target in targets:
            return msgspec.structs.replace(value, target=targets[target])
        case Unknown(candidates=candidates) if any(one in targets for one in candidates):
            found = dict.fromkeys(targets.get(one, one) for one in candidates)
            return msgspec.structs.replace(value, candidates=tuple(found))
        case ListValue(items=items):
            return msgspec.structs.replace(value, items=tuple(_redirected(item, targets) for item in items))
        case MapValue(fields=fields):
            changed = {name: _redirected(field, targets) for name, field in fields.items()}
            return msgspec.structs.replace(value, fields=changed)
        case _:
            return value
