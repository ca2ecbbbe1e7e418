"""Resources with an ARM body in Terraform source: azapi's, and deployments of templates and policy definitions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from azkvlint.azure.arm_defaults import with_defaults
from azkvlint.azure.azurerm.azapi import (
    AZAPI_DATA_PLANE,
    LEVELS,
    OLD,
    POLICY_RULE,
    SPEC,
    TEXTS,
    WHY_TEXTS,
    arguments_of,
    as_resource,
    beside_body,
    is_key_vault_type,
    parent_attribute,
    unread_spec_message,
    vault_of,
)
from azkvlint.azure.azurerm.resources import canonical
from azkvlint.derived.secrets import secret_places
from azkvlint.evaluation.reads import ReadSet
from azkvlint.evaluation.values import Fields, Result, pattern_of
from azkvlint.graph.changes import (
    apply_update,
    is_always_there,
    may_change,
    possibly_set,
    standalone_attributes,
    target_of,
    with_open_fields,
)
from azkvlint.graph.references import Index
from azkvlint.model.pattern import TERRAFORM, declared_hole
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value
from azkvlint.readers.argument_map import freeze
from azkvlint.readers.deployment.documents import result_member
from azkvlint.readers.deployment.resource import record_defaults
from azkvlint.readers.deployment.scope import GROUP, SUBSCRIPTION, DeploymentScope, scope_of
from azkvlint.readers.modules.template_holders import POLICIES
from azkvlint.readers.terraform.map_arguments import TerraformArgumentMap
from azkvlint.readers.terraform.providers import provider_key
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import TerraformResourceEntity

_TOP = ("name", "location", "tags")
_WHOLE = RequiredAttributes(paths={}, reference_paths={}, everything=True)


def attributes(entity: TerraformResourceEntity, type_: str, version: str) -> MapValue:
    """Return the attributes of an ``azapi_resource``: body, name, place, and the defaults of its API version."""
    content, run = entity.content, entity.instance.run
    recorder = run.recorder
    is_data_plane = entity.type == AZAPI_DATA_PLANE
    written, read = recorder.of(body, entity)
    recorder.attribute((), read if read is None or not is_data_plane else ReadSet(read.inputs))
    recorder.attribute((), recorder.of(entity.azapi_type)[1])
    fields = as_resource(written, type_) if is_data_plane else dict(written)
    for name in _TOP:
        found, read = recorder.of(content.attribute, name)
        recorder.attribute((name,), read)
        value = run.freeze(found) if found is not None else None
        if value is not None:
            fields.setdefault(name, value)
    beside = freeze(_beside_body().attributes(content, run.links, run.version, entity.symbol.is_data), entity.at)
    fields = {**beside.fields, **fields}
    fields["apiVersion"] = Scalar(at=entity.at, value=version)
    above, read = recorder.of(content.attribute, "parent_id")
    recorder.attribute((parent_attribute(type_),), read)
    value = run.freeze(above) if above is not None else None
    if value is not None:
        fields[parent_attribute(type_)] = vault_of(value) if is_data_plane else value
    whole = MapValue(at=entity.at, fields=fields)
    if "sensitive_body" in content.pieces:
        why = "`sensitive_body` may set the value"
        whole = with_open_fields(whole, Unknown(at=entity.at, why=why))
    record_defaults(recorder)
    return whole if is_data_plane else with_defaults(whole, type_, version)


@cache
def _beside_body() -> TerraformArgumentMap:
    return TerraformArgumentMap(beside_body(), _WHOLE)


def body(entity: TerraformResourceEntity) -> Mapping[str, Value]:
    """Return what the body of a resource sets. An encoded one (azapi 1.x) is looked at before it is encoded."""
    found = decode_argument(entity, "body")
    value = entity.instance.run.freeze(found) if found is not None else None
    if isinstance(value, MapValue):
        entity.instance.run.recorder.replace(found, value.fields)
        return value.fields if value.rest is None else {**value.fields, "properties": value.rest}
    if isinstance(value, Unknown):
        return {"properties": value}
    if isinstance(value, Scalar):
        return {"properties": Unknown(at=value.at, why="the body is a string, which is not supported")}
    return {}


def decode_argument(entity: TerraformResourceEntity, argument: str) -> Result | None:
    """Return an argument that may be encoded: then what it is before that, so that what is not known in it hides no
    more.
    """
    piece = entity.content.pieces.get(argument)
    node = piece.attribute.expression() if piece is not None else None
    if piece is None or not (isinstance(node, ast.Call) and node.name == "jsonencode" and len(node.arguments) == 1):
        return entity.content.attribute(argument)
    return entity.instance.evaluate_node(piece, node.arguments[0], entity.local)


def is_key_vault(entity: TerraformResourceEntity) -> bool:
    """Return whether an azapi resource is one of Key Vault's."""
    named = entity.azapi_type()
    return named is not None and is_key_vault_type(named[0])


def overlay_update(update: TerraformResourceEntity, conditions: frozenset[str], resources: dict[str, Resource]) -> bool:
    """Write an ``azapi_update_resource`` into the resource that it changes; False if that is not among them.

    ``conditions`` decide on its existence: if the resource may exist without it, what it sets is unknown.
    """
    named = update.azapi_type()
    by_id, name, above = (plain_argument(update, each) for each in ("resource_id", "name", "parent_id"))
    target = None if named is None else target_of(Index(resources), named[0], by_id, name, above)
    if target is None or target.existing:
        others = () if named is None or target is not None else may_change(Index(resources), named[0], by_id, name)
        doubt = possibly_set(MapValue(at=update.at, fields=body(update)))
        for other in others:
            resources[other.address] = msgspec.structs.replace(other, attributes=apply_update(other, doubt))
        return False
    changes = MapValue(at=update.at, fields=body(update))
    if not conditions <= target.conditions:
        changes = possibly_set(changes)
    resources[target.address] = msgspec.structs.replace(target, attributes=apply_update(target, changes))
    return True


def possible_targets(update: TerraformResourceEntity, resources: Mapping[str, Resource]) -> list[str]:
    """Return the addresses of the resources that an ``azapi_update_resource`` may change, by their types."""
    named = update.azapi_type()
    return [one.address for one in resources.values() if named is not None and one.type.lower() == named[0].lower()]


def standalone_update(update: TerraformResourceEntity) -> tuple[str, MapValue] | None:
    """Return the type and attributes of what an update changes that is not declared, if they say anything by
    themselves.
    """
    named = update.azapi_type()
    if named is None or not is_always_there(named[0]):
        return None
    type_ = canonical(named[0]) or named[0]
    return type_, standalone_attributes(attributes(update, type_, named[1]), plain_argument(update, "resource_id"))


def plain_argument(entity: TerraformResourceEntity, name: str) -> Value | None:
    """Return an argument of a resource; None if it is not set."""
    found = entity.content.attribute(name)
    return entity.instance.run.freeze(found) if found is not None else None


def add_deployment(entity: TerraformResourceEntity, conditions: frozenset[str]) -> None:
    """Add what a resource of azurerm deploys."""
    run, given = entity.instance.run, entity.content.pieces
    template, parameters = arguments_of(entity.type)
    if template not in given and SPEC in given:
        run.not_whole("note", unread_spec_message(entity.address), entity.at)
        return
    values: Result | None = decode_argument(entity, parameters)
    if TEXTS in given and entity.type == OLD:
        values = Unknown(at=entity.at, why=WHY_TEXTS)
    _deploy(entity, decode_argument(entity, template), values, _scope(entity), conditions)


def add_policy(entity: TerraformResourceEntity, conditions: frozenset[str]) -> None:
    """Add what the template in the rule of a policy definition deploys."""
    rule = decode_argument(entity, POLICY_RULE)
    properties = Fields(at=entity.at, fields={} if rule is None else {"policyRule": rule})
    _deploy_held(entity, POLICIES, properties, conditions)


def add_held(entity: TerraformResourceEntity, type_: str, conditions: frozenset[str]) -> None:
    """Add what the template in the body of an azapi resource deploys. ``type_`` is in lower case."""
    _deploy_held(entity, type_, result_member(decode_argument(entity, "body"), "properties"), conditions)


def _deploy_held(
    entity: TerraformResourceEntity, type_: str, properties: Result | None, conditions: frozenset[str]
) -> None:
    from azkvlint.readers.deployment.embedded import HoldingResource, deploy_held  # few roots hold templates

    above = entity.content.attribute("parent_id")
    scope = scope_of(pattern_of(above)) if above is not None else None
    one = HoldingResource(
        type=type_, address=entity.address, at=entity.at, properties=properties, scope=scope, conditions=conditions,
        callers=entity.instance.call.callers,
    )  # fmt: skip
    run = entity.instance.run
    problems, known = len(run.problems), len(run.resources)
    held = deploy_held(run, one)
    _take_note(entity, known)
    if held is not None and len(run.problems) == problems:
        run.texts.deploy(held.template, held.given, result_member(properties, "policyRule"))


def _deploy(
    entity: TerraformResourceEntity, template: Result | None, given: Result | None, scope: DeploymentScope | None,
    conditions: frozenset[str],
) -> None:  # fmt: skip
    from azkvlint.readers.deployment.embedded import EmbeddedTemplate, deploy

    callers = entity.instance.call.callers
    one = EmbeddedTemplate(
        address=entity.address, at=entity.at, template=template, given=given, scope=scope, conditions=conditions,
        callers=callers,
    )  # fmt: skip
    run = entity.instance.run
    problems, known = len(run.problems), len(run.resources)
    deploy(run, one)
    _take_note(entity, known)
    if len(run.problems) == problems:  # all of it was evaluated, so that its file is not evaluated by itself
        run.texts.deploy(template, given)


def _take_note(entity: TerraformResourceEntity, known: int) -> None:
    """Keep the values of secrets in a template out of excerpts. The first ``known`` resources come from elsewhere."""
    run = entity.instance.run
    deployed = list(islice(reversed(run.resources.items()), len(run.resources) - known))[::-1]
    run.from_templates.update(address for address, _ in deployed)
    for at in secret_places([resource for _, resource in deployed]):
        run.hide(at)


def _scope(entity: TerraformResourceEntity) -> DeploymentScope:
    """Return where a deployment of azurerm goes. Ids in it are those of what Terraform itself makes there."""
    level = LEVELS[entity.type]
    if level not in (GROUP, SUBSCRIPTION):
        return DeploymentScope(level)
    subscription = declared_hole(TERRAFORM, provider_key(entity.instance, entity.symbol.declaration), "subscription")
    group = entity.text("resource_group_name") or declared_hole(TERRAFORM, entity.address, GROUP)
    return DeploymentScope(level, subscription, group)
