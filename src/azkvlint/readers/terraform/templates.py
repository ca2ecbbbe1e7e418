"""Deployments of templates in Terraform source: azurerm's, policy definitions, and azapi resources with templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.azure.azurerm.template_deployments import (
    LEVELS,
    OLD,
    POLICY_RULE,
    SPEC,
    TEXTS,
    WHY_TEXTS,
    arguments_of,
    unread_spec_message,
)
from azkvlint.derived.secrets import secret_places
from azkvlint.evaluation.values import Fields, Result, hole, pattern_of
from azkvlint.model.value import Unknown
from azkvlint.readers.arm.embedded_templates import Embedded, Resource, deploy, deploy_held
from azkvlint.readers.arm.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from azkvlint.readers.arm.template_holders import POLICIES, below
from azkvlint.readers.terraform import azapi
from azkvlint.readers.terraform.providers import provider_key

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import ResourceEntity


def add_deployment(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what a resource of azurerm deploys."""
    run, given = entity.instance.run, entity.content.pieces
    template, parameters = arguments_of(entity.type)
    if template not in given and SPEC in given:
        run.not_whole("note", unread_spec_message(entity.address), entity.at)
        return
    values: Result | None = azapi.decoded(entity, parameters)
    if TEXTS in given and entity.type == OLD:
        values = Unknown(at=entity.at, why=WHY_TEXTS)
    _deploy(entity, azapi.decoded(entity, template), values, _scope(entity), conditions)


def add_policy(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what the template in the rule of a policy definition deploys."""
    rule = azapi.decoded(entity, POLICY_RULE)
    properties = Fields(at=entity.at, fields={} if rule is None else {"policyRule": rule})
    _deploy_held(entity, POLICIES, properties, conditions)


def add_held(entity: ResourceEntity, type_: str, conditions: frozenset[str]) -> None:
    """Add what the template in the body of an azapi resource deploys. ``type_`` is in lower case."""
    _deploy_held(entity, type_, below(azapi.decoded(entity, "body"), "properties"), conditions)


def _deploy_held(entity: ResourceEntity, type_: str, properties: Result | None, conditions: frozenset[str]) -> None:
    above = entity.content.attribute("parent_id")
    scope = scope_of(pattern_of(above)) if above is not None else None
    one = Resource(
        type=type_, address=entity.address, at=entity.at, properties=properties, scope=scope, conditions=conditions,
        callers=entity.instance.use.callers,
    )  # fmt: skip
    run = entity.instance.run
    problems, known = len(run.problems), len(run.resources)
    held = deploy_held(run, one)
    _take_note(entity, known)
    if held is not None and len(run.problems) == problems:
        run.texts.deploy(held.template, held.given, below(properties, "policyRule"))


def _deploy(
    entity: ResourceEntity, template: Result | None, given: Result | None, scope: Scope | None,
    conditions: frozenset[str],
) -> None:  # fmt: skip
    callers = entity.instance.use.callers
    one = Embedded(
        address=entity.address, at=entity.at, template=template, given=given, scope=scope, conditions=conditions,
        callers=callers,
    )  # fmt: skip
    run = entity.instance.run
    problems, known = len(run.problems), len(run.resources)
    deploy(run, one)
    _take_note(entity, known)
    if len(run.problems) == problems:  # all of it was evaluated, so that its file is not evaluated by itself
        run.texts.deploy(template, given)


def _take_note(entity: ResourceEntity, known: int) -> None:
    """Keep the values of secrets in a template out of excerpts. The first ``known`` resources come from elsewhere."""
    run = entity.instance.run
    deployed = list(run.resources.items())[known:]
    run.from_templates.update(address for address, _ in deployed)
    for at in secret_places([resource for _, resource in deployed]):
        run.hide(at)


def _scope(entity: ResourceEntity) -> Scope:
    """Where a deployment of azurerm goes. Ids in it are those of what Terraform itself makes there."""
    level = LEVELS[entity.type]
    if level not in (GROUP, SUBSCRIPTION):
        return Scope(level)
    subscription = hole(f"{provider_key(entity.instance, entity.symbol.declaration)}.subscription")
    return Scope(level, subscription, entity.text("resource_group_name") or hole(f"{entity.address}.{GROUP}"))
