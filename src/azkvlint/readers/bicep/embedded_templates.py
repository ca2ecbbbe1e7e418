"""Templates that resources in a Bicep file hold, such as a deployment stack or a template spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.values import Fields, Result, hole, is_large, pattern_of, plain_of, unknown_in
from azkvlint.model.value import Absent
from azkvlint.readers.arm.collect_resources import HoldingResource, deploy_held
from azkvlint.readers.arm.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from azkvlint.readers.arm.template_holders import DEPLOYMENTS, below

if TYPE_CHECKING:
    from azkvlint.readers.bicep.entities import ResourceEntity
    from azkvlint.readers.bicep.run import BicepRun


def add_held(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what the template in a resource deploys."""
    instance, type_ = entity.instance, entity.identity.type.lower()
    scope = scope_of(entity.identity.above) or instance.scope
    at = instance.shown(entity.at)
    one = HoldingResource(
        type=type_, address=entity.address, at=at, properties=entity.body.get("properties"),
        scope=_named(entity, scope) if type_ == DEPLOYMENTS else scope, conditions=conditions,
        callers=(*instance.use.callers, at),
    )  # fmt: skip
    run = instance.run
    problems = len(run.problems)
    held = deploy_held(run, one)
    if held is not None and len(run.problems) == problems:  # a file of which all was evaluated is not evaluated again
        _take_note(run, held.template, below(one.properties, "policyRule"))


def _take_note(run: BicepRun, *values: Result | None) -> None:
    """Take note of the files that hold what is deployed."""
    for value in values if run.loaded else ():
        if isinstance(value, Fields) and not is_large(value) and unknown_in(value) is None:
            plain = plain_of(value)
            run.deployed |= {file for file, loaded in run.loaded.items() if loaded == plain}


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
