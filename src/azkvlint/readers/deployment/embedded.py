"""Templates that are in resources: nested deployments that an expression returns, stacks, template specs, policies."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Fields, Items, Result, is_large, pattern_of
from azkvlint.model.finding import INPUT_INCOMPLETE
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.collect import Collector, move_added
from azkvlint.readers.deployment.documents import (
    HeldTemplate,
    StatementLocations,
    decode_result,
    held_template,
    result_member,
    schema_of,
)
from azkvlint.readers.deployment.resource_symbols import (
    DeploymentResourceEntity,
    trace_existence,
)
from azkvlint.readers.deployment.scope import GROUP, DeploymentScope, scope_of
from azkvlint.readers.deployment.symbols import DeploymentModuleCall
from azkvlint.readers.deployment.template_file import template_file
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.readers.deployment.template_resources import TemplateResource, argument_in, target_scope
from azkvlint.readers.modules.run import Run
from azkvlint.readers.modules.template_holders import HOLDERS, POLICIES, STACKS, Holder
from azkvlint.syntax.ast import Pointer
from azkvlint.util.errors import InputError


def deploy_held_by(collector: Collector, entity: DeploymentResourceEntity, conditions: frozenset[str]) -> None:
    """Add what a nested deployment deploys, or the template in a deployment stack, template spec or policy."""
    instance = entity.instance
    if isinstance(entity, TemplateResource) and entity.is_deployment:
        computed = entity.computed_template
        if computed is None:
            exists = partial(trace_existence, entity)
            instance.run.recorder.inside(exists, partial(collector.collect_content, entity.content, conditions))
            return
        at = entity.at
        one = EmbeddedTemplate(
            address=entity.address, at=at, template=computed.template, given=computed.given,
            scope=target_scope(entity), conditions=conditions, callers=(*instance.module_call.callers, at),
        )  # fmt: skip
        deploy(instance.run, one)
        return
    at = instance.reported_location(entity.at)
    held = HoldingResource(
        type=entity.identity.type.lower(), address=entity.address, at=at, properties=entity.body.get("properties"),
        scope=instance.scope_of_held(entity), conditions=conditions, callers=(*instance.module_call.callers, at),
    )  # fmt: skip
    problems = len(instance.run.problems)
    template = deploy_held(instance.run, held)
    if template is not None and len(instance.run.problems) == problems:
        instance.run.record_deployed(template.template, result_member(held.properties, "policyRule"))


_ASSIGNED = "the value is known after the policy is assigned"


class EmbeddedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template that the resource at ``address`` holds or deploys, with the parameters ``given`` to it.

    Both are values or JSON strings. ``at`` is the location of the resource, ``conditions`` are those on which the
    deployment depends. ``scope`` is the scope of the deployment; None: the one that the template names. ``remedy``: a
    policy deploys it where a resource is missing.
    """

    address: str
    at: Location
    template: Result | None
    given: Result | None
    scope: DeploymentScope | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    remedy: bool = False


class HoldingResource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of one of the types in ``HOLDERS``. ``type`` is in lower case. ``scope``: what it is deployed to."""

    type: str
    address: str
    at: Location
    properties: Result | None
    scope: DeploymentScope | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()


def deploy_held(run: Run, one: HoldingResource) -> HeldTemplate | None:
    """Add what the template of a resource deploys, and return it; None if that is not known, with a problem."""
    holder = HOLDERS[one.type]
    try:
        held = held_template(holder, one.properties)
    except InputError as error:
        run.not_whole("error", f"the template of `{one.address}` cannot be read: {error.message}", one.at)
        return None
    if held.template is None:
        if held.link is not None and not isinstance(held.link, Absent):
            text = f"the linked template of `{one.address}` is not available, so its resources were not evaluated"
            run.not_whole("note", text, one.at)
        elif not holder.is_optional:
            run.not_whole("error", _unknown_template(one.address), one.at)
        return None
    if isinstance(held.template, Unknown) and _may_have_none(holder, one.properties):
        text = "the rule of a policy definition is unknown, so a template in it was not evaluated"
        run.problem(INPUT_INCOMPLETE, "note", text, one.at)
        return None
    scope, conditions, given = one.scope, one.conditions, held.given
    if one.type == STACKS:
        named = result_member(one.properties, "deploymentScope")
        if named is not None and not isinstance(named, Absent):
            scope = scope_of(pattern_of(named)) or _elsewhere(one.address, held.template)
    if holder.condition:
        scope = _elsewhere(one.address, held.template)
        conditions |= {f"`{one.address}` {holder.condition}"}
        if one.type == POLICIES:
            given = _policy_arguments(given)
    closed = run.closed
    embedded = EmbeddedTemplate(
        address=one.address, at=one.at, template=held.template, given=given, scope=scope, conditions=conditions,
        callers=one.callers, remedy=holder.is_optional,
    )  # fmt: skip
    deploy(run, embedded)
    if holder.is_optional:  # what a policy deploys where it is assigned does not complete this deployment
        run.closed = closed
    return held


def _may_have_none(holder: Holder, properties: Result | None) -> bool:
    """Return whether what is unknown of a resource may be without a template, such as the rule of a policy."""
    outer = result_member(properties, holder.above[0]) if holder.above else properties
    return holder.is_optional and not isinstance(outer, Fields)


def _elsewhere(address: str, template: Result) -> DeploymentScope:
    """Return a scope that no other deployment has."""
    schema = result_member(template, "$schema")
    level = schema_of({"$schema": schema.value}) if isinstance(schema, Scalar) else ""
    name = hole(f"the scope of {address}")
    return DeploymentScope(level or GROUP, name, name, name)


def _policy_arguments(given: Result | None) -> Result | None:
    """Return the parameters that a policy passes. Its expressions are evaluated for each resource that it finds."""
    if not isinstance(given, Fields):
        return given
    fields: dict[str, Result] = {}
    for name, entry in given.fields.items():
        value = result_member(entry, "value")
        is_expression = isinstance(value, Scalar) and isinstance(value.value, str) and value.value[:1] == "["
        fields[name] = Unknown(at=entry.at, why=_ASSIGNED) if value is None or is_expression else entry
    return Fields(at=given.at, fields=fields, rest=given.rest)


def _unknown_template(address: str) -> str:
    return f"the template of `{address}` is unknown, so its resources were not evaluated"


@with_recursion_limit
def deploy(run: Run, one: EmbeddedTemplate) -> None:
    """Add what a template deploys, and report which part of it is not known."""
    problems, known = len(run.problems), len(run.resources)
    holes = _Holes()
    try:
        run.recorder.within(_deploy, run, one, holes)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the nesting is too deep"
        run.not_whole("error", f"the template of `{one.address}` cannot be read: {why}", one.at)
    move_added(run, known, problems, StatementLocations(one.address, one.at, holes.locations), one.callers)


def _deploy(run: Run, one: EmbeddedTemplate, holes: _Holes) -> None:
    found = decode_result(one.template)
    plain = None
    if found is not None and not is_large(found):
        if isinstance(found, Fields):
            run.charge(found)
        plain = holes.plain(found)
        if found is not one.template:
            holes.locations.clear()
    if not isinstance(plain, dict):
        run.not_whole("error", _unknown_template(one.address), one.at)
        return
    run.count_deployment()
    file = template_file(run, one.address, plain, ())
    call = DeploymentModuleCall(
        given=_EmbeddedArguments(holes, decode_result(one.given)),
        scope=one.scope or DeploymentScope(file.level or DeploymentScope().level),
        prefix=f"{one.address}/",
        callers=one.callers,
        may_vary=False,
        shows_outputs=not one.remedy,
    )
    Collector(deploy_held_by).collect(TemplateInstance(file, run, call), one.conditions)


class _EmbeddedArguments:
    """The arguments of a template that a resource holds, and the unknown and secret parts of the template itself."""

    def __init__(self, holes: _Holes, given: Result | None) -> None:
        self._holes = holes
        self._given = given

    def get(self, name: str, /) -> Result | None:
        """Return the argument of a parameter; None if there is none."""
        hole, given = self._holes.found.get(name), self._given
        if hole is not None or given is None or isinstance(given, Absent):
            return hole
        if not isinstance(given, Fields):
            return Unknown(at=given.at, why="the parameters are unknown", sensitive=True)
        return argument_in(given, name)


class _Holes:
    """Converts a value to a template. Each unknown or secret part becomes a parameter: ``found`` by its name.

    ``locations`` are the locations of all parts by their pointers.
    """

    def __init__(self) -> None:
        self.found: dict[str, Result] = {}
        self.locations: dict[Pointer, Location] = {}

    def plain(self, result: Result, pointer: Pointer = ()) -> Any:
        """Return ``result`` as plain data, with holes."""
        self.locations[pointer] = result.at
        match result:
            case Absent():
                return None
            case Scalar(value=value, sensitive=False):
                return value
            case Items(items=items):
                return [self.plain(item, (*pointer, number)) for number, item in enumerate(items)]
            case Fields(fields=fields, rest=None):
                return {name: self.plain(item, (*pointer, name)) for name, item in fields.items()}
        # No parameter of a template's own has such a name.
        name = f"[{len(self.found)}]"
        self.found[name] = result
        return f"[parameters('{name}')]"
