"""Access policies that depend on loops and conditions with unknown results, as far as the source states them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from azkvlint.derived.access_policies import POLICIES, POLICY_LIST, VAULTS
from azkvlint.migration.policy_source import PolicySources
from azkvlint.migration.written import OpenPolicy
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import MAY_BE_ABSENT, Answer, ListValue, MapValue, Scalar, Unknown, Value

_LIST = POLICY_LIST[-1]
_AFTER = "known after apply"
_LATE = "a loop or condition of a resource must be known before apply"


def completed(
    resources: Mapping[str, Resource], sources: PolicySources
) -> tuple[dict[str, Resource], Mapping[int, OpenPolicy]]:
    """Return resources with the policies that only their source states, and these by the ``id`` of their item."""
    found = dict(resources)
    opened: dict[int, OpenPolicy] = {}
    for address, resource in resources.items():
        if resource.type.lower() not in (VAULTS, POLICIES) or resource.existing:
            continue
        policies = resource.select(POLICY_LIST)
        more = _more(resource, policies, sources)
        if more is None:
            continue
        known = [one for one in policies.items if one.note != MAY_BE_ABSENT] if isinstance(policies, ListValue) else []
        items = [(_item(resource.at, one), one) for one in more]
        opened |= {id(item): one for item, one in items}
        listed = ListValue(at=policies.at, items=(*known, *(item for item, _ in items)))
        found[address] = _with_policies(resource, listed)
    return found, opened


def _more(resource: Resource, policies: Answer, sources: PolicySources) -> tuple[OpenPolicy, ...] | None:
    """Return the policies of a resource whose number is unknown."""
    if isinstance(policies, Unknown):
        found = sources.open_policies(resource, (), (policies.at,), is_partial=False)
        return _repeatable(found, [policies])
    if not isinstance(policies, ListValue):
        return None
    doubts = [one for one in policies.items if one.note == MAY_BE_ABSENT]
    known = [one.at for one in policies.items if one.note != MAY_BE_ABSENT]
    if not doubts:
        return None
    found = sources.open_policies(resource, known, [one.at for one in doubts], is_partial=True)
    return _repeatable(found, doubts)


def _repeatable(policies: tuple[OpenPolicy, ...] | None, doubts: Iterable[Value]) -> tuple[OpenPolicy, ...] | None:
    """Return policies without the expressions that cannot decide how many instances a resource has."""
    after = next((one.why for one in doubts if isinstance(one, Unknown) and _AFTER in one.why), "")
    if policies is None or not after:
        return policies
    return tuple(one._replace(written=one.written._replace(principal="", why=f"{_LATE}: {after}")) for one in policies)


def _item(at: Location, policy: OpenPolicy) -> MapValue:
    """Return a policy as a value."""
    place = msgspec.structs.replace(at, span=policy.span)
    fields: dict[str, Value] = {
        kind: ListValue(at=place, items=tuple(Scalar(at=place, value=word) for word in words))
        for kind, words in policy.words.items()
    }
    who = Unknown(at=place, why="it depends on a loop or condition")
    return MapValue(at=place, fields={"objectId": who, "permissions": MapValue(at=place, fields=fields)})


def _with_policies(resource: Resource, policies: ListValue) -> Resource:
    """Return a resource with other access policies."""
    properties = resource.attributes.fields.get("properties")
    fields = dict(properties.fields) if isinstance(properties, MapValue) else {}
    rest = properties.rest if isinstance(properties, MapValue) else None
    fields[str(_LIST)] = policies
    whole = MapValue(at=resource.at, fields=fields, rest=rest)
    attributes = msgspec.structs.replace(
        resource.attributes, fields={**resource.attributes.fields, "properties": whole}
    )
    return msgspec.structs.replace(resource, attributes=attributes, shared_attributes=None)
