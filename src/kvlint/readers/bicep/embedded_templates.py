"""Templates that resources in a Bicep file hold, such as a deployment stack or a template spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvlint.expressions.values import hole, pattern_of
from kvlint.model.value import Absent
from kvlint.readers.arm.embedded import Resource, deploy_held
from kvlint.readers.arm.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from kvlint.readers.arm.template_holders import DEPLOYMENTS

if TYPE_CHECKING:
    from kvlint.readers.bicep.entities import ResourceEntity


def add_held(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what the template in a resource deploys."""
    instance, type_ = entity.instance, entity.identity.type.lower()
    scope = scope_of(entity.identity.above) or instance.scope
    at = instance.shown(entity.at)
    one = Resource(
        type=type_, address=entity.address, at=at, properties=entity.body.get("properties"),
        scope=_named(entity, scope) if type_ == DEPLOYMENTS else scope, conditions=conditions,
        callers=(*instance.use.callers, at),
    )  # fmt: skip
    deploy_held(instance.run, one)


def _named(entity: ResourceEntity, around: Scope) -> Scope:
    """Return the scope that a deployment names by its subscription and resource group."""
    subscription, group = _pattern(entity, "subscriptionId"), _pattern(entity, "resourceGroup")
    if group:
        return Scope(GROUP, subscription or around.subscription, group)
    return Scope(SUBSCRIPTION, subscription) if subscription else around


def _pattern(entity: ResourceEntity, name: str) -> str:
    found = entity.body.get(name)
    if found is None or isinstance(found, Absent):
        return ""
    return pattern_of(found) or hole(f"{entity.address}.{name}")
