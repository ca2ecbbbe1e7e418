"""Templates in a plan: azurerm's deployments and policy definitions, and azapi resources with templates."""

from __future__ import annotations

from typing import Any

from azkvlint.azure.azurerm.azapi import (
    LEVELS,
    OLD,
    POLICY_DEFINITIONS,
    POLICY_RULE,
    SPEC,
    TEXTS,
    WHY_TEXTS,
    arguments_of,
    unread_spec_message,
)
from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.values import Fields, Items, Result, pattern_of, wrap
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, hole
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.deployment.documents import result_member
from azkvlint.readers.deployment.embedded import EmbeddedTemplate, HoldingResource, deploy, deploy_held
from azkvlint.readers.deployment.scope import GROUP, DeploymentScope, scope_of
from azkvlint.readers.modules.required_members import AttributeFilter
from azkvlint.readers.modules.run import Run, TemplateRead
from azkvlint.readers.modules.template_holders import POLICIES
from azkvlint.readers.plan.planned_resource import KNOWN_AFTER_APPLY, PlannedInstance, mark
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError


def deploy_templates(
    instance: PlannedInstance,
    declared_as: str,
    azure_type: str,
    path: str,
    required: RequiredAttributes,
    budget: Budget,
) -> TemplateRead:
    """Return what the template of a resource deploys, located at the resource. ``budget`` is that of the plan.

    ``azure_type`` is the type of an azapi resource, in lower case.
    """
    at = Location(path=path, address=instance.address)
    run = Run(path, "", required.form(AttributeFilter), None, budget)
    if declared_as in LEVELS:
        written, parameters = arguments_of(declared_as)
        if _argument(instance, written, at) is None and _argument(instance, SPEC, at) is not None:
            run.not_whole("note", unread_spec_message(instance.address), at)
            return run.done()
        template, given = _argument(instance, written, at), _argument(instance, parameters, at)
        if declared_as == OLD and _argument(instance, TEXTS, at) is not None:
            given = Unknown(at=at, why=WHY_TEXTS)
        group = _argument(instance, "resource_group_name", at)
        name: Text = pattern_of(group) if group is not None else ""
        scope = DeploymentScope(LEVELS[declared_as], group=name or hole(GROUP))
        deploy(run, EmbeddedTemplate(address=instance.address, at=at, template=template, given=given, scope=scope))
        return run.done()
    above = instance.values.get("parent_id")
    properties = result_member(_body(instance, at), "properties")
    if declared_as in POLICY_DEFINITIONS:
        rule = _argument(instance, POLICY_RULE, at)
        properties = Fields(at=at, fields={} if rule is None else {"policyRule": rule})
    one = HoldingResource(
        type=azure_type or POLICIES, address=instance.address, at=at, properties=properties,
        scope=scope_of(above) if isinstance(above, str) else None,
    )  # fmt: skip
    deploy_held(run, one)
    return run.done()


def _argument(instance: PlannedInstance, name: str, at: Location) -> Result | None:
    """Return one argument; None if it is not set."""
    value, unknown = instance.values.get(name), mark(instance.unknown, name)
    if value is None and not unknown:
        return None
    return _result(value, unknown, mark(instance.sensitive, name), at)


def _body(instance: PlannedInstance, at: Location) -> Result | None:
    """Return the body of an azapi resource, which is a text in azapi 1.x."""
    found = _argument(instance, "body", at)
    if isinstance(found, Scalar) and isinstance(found.value, str):
        try:
            return wrap(decode_json(found.value, object), at, found.sensitive)
        except InputError:
            return None
    return found


def _result(value: Any, unknown: Any, sensitive: Any, at: Location) -> Result:
    """Return a value of a plan with its two marks."""
    if unknown is True:
        return Unknown(at=at, why=KNOWN_AFTER_APPLY, sensitive=sensitive is True)
    if isinstance(value, dict) or isinstance(unknown, dict):
        have = value if isinstance(value, dict) else {}
        names = dict.fromkeys((*have, *(unknown if isinstance(unknown, dict) else ())))
        below = {name: _result(have.get(name), mark(unknown, name), mark(sensitive, name), at) for name in names}
        return Fields(at=at, fields=below)
    if isinstance(value, list):
        marks = enumerate(value)
        return Items(at=at, items=[_result(one, mark(unknown, i), mark(sensitive, i), at) for i, one in marks])
    return wrap(value, at, sensitive is True)
