"""Deployments of templates in Terraform source: azurerm's, and azapi resources that are deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvlint.expressions.values import Fields, Result, field, hole, pattern_of
from kvlint.model.value import Unknown
from kvlint.readers.arm.embedded import Embedded, deploy
from kvlint.readers.arm.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from kvlint.readers.azurerm.templates import LEVELS, OLD, SPEC, TEXTS, WHY_TEXTS, arguments_of, spec_not_read
from kvlint.readers.terraform import azapi
from kvlint.readers.terraform.providers import provider_key

if TYPE_CHECKING:
    from kvlint.readers.terraform.entities import ResourceEntity


def add_deployment(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what a resource of azurerm deploys."""
    run, given = entity.instance.run, entity.content.pieces
    template, parameters = arguments_of(entity.type)
    if template not in given and SPEC in given:
        run.not_whole("note", spec_not_read(entity.address), entity.at)
        return
    values: Result | None = azapi.decoded(entity, parameters)
    if TEXTS in given and entity.type == OLD:
        values = Unknown(at=entity.at, why=WHY_TEXTS)
    _deploy(entity, azapi.decoded(entity, template), values, _scope(entity), conditions)


def add_azapi_deployment(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what an azapi resource deploys that is a deployment."""
    properties = _below(azapi.decoded(entity, "body"), "properties")
    above = entity.content.attribute("parent_id")
    scope = scope_of(pattern_of(above)) if above is not None else None
    _deploy(entity, _below(properties, "template"), _below(properties, "parameters"), scope, conditions)


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
    problems = len(run.problems)
    deploy(run, one)
    if len(run.problems) == problems:  # all of it was judged, so that it need not be judged by itself
        run.texts.deploy(template, given)


def _below(value: Result | None, name: str) -> Result | None:
    """A member of an object; what is not known stays that."""
    if isinstance(value, Fields):
        found = field(value, name)
        return value.rest if found is None else found
    return value if isinstance(value, Unknown) else None


def _scope(entity: ResourceEntity) -> Scope:
    """Where a deployment of azurerm goes. Ids in it are those of what Terraform itself makes there."""
    level = LEVELS[entity.type]
    if level not in (GROUP, SUBSCRIPTION):
        return Scope(level)
    subscription = hole(f"{provider_key(entity.instance, entity.symbol.declaration)}.subscription")
    return Scope(level, subscription, entity.text("resource_group_name") or hole(f"{entity.address}.{GROUP}"))
