"""Read an ARM template: collect the resources that rules require, and the problems."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP, Budget, UnitWork, with_recursion_limit
from azkvlint.evaluation.values import Fields, Items, Result, find_field, is_large, pattern_of
from azkvlint.graph.existence import VARYING, assume
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.model.finding import INPUT_INCOMPLETE
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.attributes import resource_of, trace_existence, trace_instances
from azkvlint.readers.deployment.deployments import (
    Deployment,
    DeploymentContext,
    EvaluatedResource,
    computed_template,
)
from azkvlint.readers.deployment.documents import (
    DEPLOYMENTS,
    HOLDERS,
    POLICIES,
    STACKS,
    HeldTemplate,
    Holder,
    Pointer,
    StatementLocations,
    decode_result,
    find_template,
    held_template,
    key_of,
    looks_like_parameters,
    looks_like_template,
    member,
    mentions_template,
    result_member,
    schema_of,
    scope_of_template,
    written_copies,
)
from azkvlint.readers.deployment.identity import target_scope
from azkvlint.readers.deployment.origins import (
    OUTPUT_TYPE,
    origins_of_secret,
    outputs_of,
    read_parameters,
    wrapped_parameters,
)
from azkvlint.readers.deployment.required import AttributeFilter, RequiredMembers
from azkvlint.readers.deployment.run import Load, Run, TemplateRead
from azkvlint.readers.deployment.scenarios import ResourceDeclaration, Scenario, Scenarios, skip
from azkvlint.readers.deployment.scope import GROUP, Scope, scope_of
from azkvlint.readers.deployment.template import FROM_VAULT, Template
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.errors import InputError
from azkvlint.values.origins import Source

_KEY_VAULT = "microsoft.keyvault/"
# A list can have millions of values that are not resources. A message for each would be of no use.
_MAX_UNREAD = 20


# Types of Key Vault that no rule could check.
_HARMLESS = frozenset(
    {
        "microsoft.keyvault/vaults/privateendpointconnections",
        "microsoft.keyvault/vaults/eventgridfilters",
        "microsoft.keyvault/managedhsms/privateendpointconnections",
        "microsoft.keyvault/deletedvaults",
        "microsoft.keyvault/locations",
        "microsoft.keyvault/operations",
        "microsoft.keyvault/checknameavailability",
    }
)


# The members of a resource that contains no other resources.
_PLAIN = frozenset(
    {
        "type", "apiVersion", "name", "location", "tags", "sku", "kind", "properties", "dependsOn", "identity", "zones",
        "condition", "copy", "scope", "comments", "plan", "metadata", "extendedLocation", "managedBy",
    }
)  # fmt: skip


class ResourceCollector:
    """Collects the resources that rules read, in the order of the document.

    ``scenarios`` are those of its root template, if any. ``remedy``: it is the template of a policy, whose
    outputs no one reads.
    """

    def __init__(self, run: Run, scenarios: Scenarios | None = None, *, remedy: bool = False) -> None:
        self.run = run
        self.scenarios = scenarios
        self.remedy = remedy
        self._passed: dict[str, bool] = {}

    def collect(self, deployment: Deployment) -> None:
        """Collect the resources of a deployment."""
        if not self.remedy and requires_outputs(self.run.attribute_filter.required, OUTPUT_TYPE):
            for output in outputs_of(deployment):
                self.run.resources[output.address] = output
        passed = self._passed
        self._expect(deployment)
        self._report_unread(deployment)
        for symbol, plain, pointer in deployment.declarations():
            type_ = plain.get("type")
            # Most resources are of no interest, and hold nothing that is.
            if type(type_) is str and passed.get(type_) and plain.keys() <= _PLAIN:
                continue
            self._collect_declaration(deployment, symbol, plain, pointer, None)

    def _expect(self, deployment: Deployment) -> None:
        """Refuse what a deployment declares, in all its copies, before any of it is made."""
        declared = resources = deployments = 0
        for _, plain, _ in deployment.declarations():
            declared += 1
            type_ = member(plain, "type")
            if self._is_passed(type_) and key_of(plain, "resources") is None:
                continue
            number = written_copies(plain) * deployment.copies
            resources += number
            if isinstance(type_, str) and type_.lower() == DEPLOYMENTS and key_of(plain, "condition") is None:
                deployments += number
        self.run.budget.spend(declared // DECLARATIONS_A_STEP)
        self.run.expect(resources, deployments)

    def _report_unread(self, deployment: Deployment, above: EvaluatedResource | None = None) -> None:
        for number, pointer in enumerate(deployment.unread(above)):
            at = deployment.template.location(pointer)
            if number == _MAX_UNREAD:
                text = "more values in place of resources are unknown or not objects, so they were not evaluated"
                self.run.not_whole("error", text, at)
                break
            text = "the value in place of a resource is unknown or not an object, so it was not evaluated"
            self.run.not_whole("error", text, at)

    def _collect_declaration(
        self,
        deployment: Deployment,
        symbol: str,
        plain: Mapping[str, Any],
        pointer: Pointer,
        above: EvaluatedResource | None,
    ) -> None:
        key = key_of(plain, "type")
        type_ = plain[key] if key is not None else None
        if above is None and self._is_passed(type_) and key_of(plain, "resources") is None:
            return
        declared = ResourceDeclaration(deployment=deployment, symbol=symbol, plain=plain, pointer=pointer, above=above)
        if self.run.recorder.is_recording:
            place = f"{deployment.template.path}#/{'/'.join(map(str, pointer))}"
            self.run.recorder.declaration(place, lambda: trace_instances(deployment, above, declared.instances()))
        for instance in declared.instances():
            self._collect_instance(instance)
        if key_of(plain, "condition") is not None or key_of(plain, "copy") is not None:
            self._may_exist(declared)

    def _may_exist(self, declared: ResourceDeclaration) -> None:
        """Add what exists only where a parameter overrides its default, or record why it never exists."""
        run, scenarios = self.run, self.scenarios
        if scenarios is None or declared.existing():
            return
        known, within = len(run.resources), declared.deployment.template.scenario
        found: tuple[Scenario, ResourceDeclaration] | None = None
        try:
            found = scenarios.existing(declared)
            if found is None:
                skip(declared, scenarios.reason(declared))
                return
            self.run = found[0].root.template.run
            for instance in found[1].existing():
                self._collect_instance(instance)
        except (InputError, RecursionError) as error:
            if isinstance(error, RecursionError) and within is not None:
                raise
            at = declared.deployment.template.location(declared.pointer)
            skip(declared, run.skip_for(error, declared.symbol, at))
        finally:
            self.run = run
            if found is not None:
                assume(run.resources, known, found[0].why)
                scenarios.assumed[found[0].why] = found[0]

    def _is_passed(self, type_: Any) -> bool:
        """Return whether no rule reads a type, as it is written."""
        if not isinstance(type_, str):
            return False
        found = self._passed.get(type_)
        if found is None:
            found = self._passed[type_] = self._is_not_required(type_)
        return found

    def _is_not_required(self, type_: str) -> bool:
        if type_[:1] == "[":
            return False
        lower = type_.strip("/").lower()
        if lower in HOLDERS or lower.startswith(_KEY_VAULT) or "/providers/" in lower or "/" not in lower:
            return False
        return self.run.attribute_filter.members_of(lower) is None

    def _collect_instance(self, instance: EvaluatedResource) -> None:
        run, deployment = self.run, instance.deployment
        run.recorder.begin(partial(trace_existence, instance))
        if not instance.written_type:
            run.closed = False
            text = "the resource type is unknown, so the resource was not evaluated"
            run.type_not_known("error", text, instance.place("type"))
        elif instance.is_deployment:
            self._collect_nested(instance)
        elif instance.identity.type.lower() in HOLDERS:
            self._deploy_held(instance)
        else:
            required = run.attribute_filter.members_of(instance.identity.type.lower())
            if required is None:
                self._report_unknown_type(instance)
            else:
                self._keep(instance, required)
        self._report_unread(deployment, instance)
        for symbol, plain, pointer in deployment.declarations(instance):
            self._collect_declaration(deployment, symbol, plain, pointer, instance)

    def _collect_nested(self, instance: EvaluatedResource) -> None:
        """Collect the resources of a nested deployment."""
        conditions = instance.conditions()
        if conditions is None or instance.plain.get("existing") is True:
            return
        computed = computed_template(instance)
        if computed is None:
            if instance.nested is not None:
                self.collect(instance.nested.deployment)
            return
        at = instance.place("type")
        one = EmbeddedTemplate(
            address=instance.address, at=at, template=computed.template, given=computed.given,
            scope=target_scope(instance), conditions=conditions, callers=(*instance.deployment.callers, at),
        )  # fmt: skip
        deploy(self.run, one)

    def _deploy_held(self, instance: EvaluatedResource) -> None:
        """Add what the template inside a deployment stack, a template spec, or a policy definition deploys."""
        conditions = instance.conditions()
        if conditions is None:
            return

        deployment, head = instance.deployment, instance.identity
        one = HoldingResource(
            type=head.type.lower(), address=instance.address, at=instance.place("type"),
            properties=instance.evaluate("properties"), scope=scope_of(head.above) or deployment.scope,
            conditions=conditions, callers=(*deployment.callers, instance.place("type")),
        )  # fmt: skip
        deploy_held(self.run, one)

    def _report_unknown_type(self, instance: EvaluatedResource) -> None:
        """Report a type of Key Vault that is not supported."""
        type_ = instance.identity.type
        lower = type_.lower()
        if lower.startswith(_KEY_VAULT) and canonical(type_) is None and not lower.startswith(tuple(_HARMLESS)):
            text = f"Key Vault type `{type_}` is not supported, so the resource was not evaluated"
            self.run.type_not_known("error", text, instance.place("type"))

    def _keep(self, instance: EvaluatedResource, required: RequiredMembers) -> None:
        conditions = instance.conditions()
        if conditions is None:
            return
        resource = resource_of(instance, required, conditions)
        self.run.recorder.keep(instance.address)
        if not resource.existing and resource.type.lower() == SECRETS_TYPE:
            sources: list[Source] = []
            found = (
                origins_of_secret(instance, sources)
                if requires_origins(self.run.attribute_filter.required, SECRETS_TYPE)
                else None
            )
            if found is not None:
                attributes = with_origins(resource.attributes, found, sources=sources)
                resource = msgspec.structs.replace(resource, attributes=attributes)
        if self.scenarios is not None and resource.type.lower() in VARYING and self.run is self.scenarios.base.run:
            self.scenarios.vaults[instance.address] = instance
        self.run.resources[instance.address] = resource


_NOT_KNOWN = "the parameter value has an unsupported form"
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
    scope: Scope | None = None
    conditions: frozenset[str] = frozenset()
    callers: tuple[Location, ...] = ()
    remedy: bool = False


class HoldingResource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of one of the types in ``HOLDERS``. ``type`` is in lower case. ``scope``: what it is deployed to."""

    type: str
    address: str
    at: Location
    properties: Result | None
    scope: Scope | None = None
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


def _elsewhere(address: str, template: Result) -> Scope:
    """Return a scope that no other deployment has."""
    schema = result_member(template, "$schema")
    level = schema_of({"$schema": schema.value}) if isinstance(schema, Scalar) else ""
    name = hole(f"the scope of {address}")
    return Scope(level or GROUP, name, name, name)


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
    shown = StatementLocations(one.address, one.at, holes.locations)
    for address in list(islice(reversed(run.resources), len(run.resources) - known)):
        run.resources[address] = shown.resource(run.resources[address], one.callers)
    for number in range(problems, len(run.problems)):
        run.problems[number] = shown.problem(run.problems[number])


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
    given = decode_result(one.given)

    def argument(name: str) -> Result | None:
        hole = holes.found.get(name)
        return hole if hole is not None else _argument(given, name)

    run.count_deployment()
    scope = one.scope or Scope(schema_of(plain) or Scope().level)
    address = f"{one.address}/"
    template = Template(run, one.address, plain, (), argument, scope, address)
    context = DeploymentContext(address=address, conditions=one.conditions, callers=one.callers)
    deployment = template.references = Deployment(template, plain, (), scope, context)
    ResourceCollector(run, remedy=one.remedy).collect(deployment)


def _argument(given: Result | None, name: str) -> Result | None:
    """Return the argument of a parameter (in lower case); None if there is none."""
    if given is None or isinstance(given, Absent):
        return None
    if not isinstance(given, Fields):
        return Unknown(at=given.at, why="the parameters are unknown", sensitive=True)
    entry = find_field(given, name)
    if entry is None or isinstance(entry, Absent):
        return given.rest
    if not isinstance(entry, Fields):
        return entry if isinstance(entry, Unknown) else Unknown(at=entry.at, why=_NOT_KNOWN)
    found = find_field(entry, "value")
    if found is not None:
        return found
    if find_field(entry, "reference") is not None:
        return Unknown(at=entry.at, why=FROM_VAULT, sensitive=True)
    return Unknown(at=entry.at, why=_NOT_KNOWN)


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


__all__ = (
    "TemplateRead", "looks_like_parameters", "looks_like_template", "mentions_template", "read_parameters",
    "read_template",
)  # fmt: skip


@with_recursion_limit
def read_template(
    path: str,
    document: Document,
    required: RequiredAttributes,
    given: Mapping[str, Result],
    load: Load | None = None,
    unit: UnitWork | None = None,
) -> TemplateRead:
    """Read the template that ``document``, known as ``path``, is or wraps. Raises InputError if there is none.

    ``given`` holds values of parameters by name, such as those of a parameter file; they keep their own locations.
    ``load`` returns the linked template at a path relative to the folder of ``path``, or None. ``recorder`` may record
    which parameters are read.
    """
    found = find_template(document.value)
    if found is None:
        raise InputError("the file is not an ARM template")
    budget = Budget(len(document.text), unit=unit)
    run = Run(path, document.text, required.form(AttributeFilter), load, budget, unit)
    run.report_repeated(path, document)
    # A policy deploys what is missing beside things that others deploy.
    run.closed = not found.remedy
    values = {**wrapped_parameters(path, found.given, found.given_at), **given}
    lower = {name.lower(): value for name, value in values.items()}
    scope = scope_of_template(found.plain)
    template = Template(run, path, found.plain, found.pointer, lower.get, scope)
    run.recorder.declare(template.declaration(name)[0] for name in template.parameters)
    deployment = template.references = Deployment(template, found.plain, found.pointer, scope)
    try:
        scenarios = Scenarios(deployment, bool(lower))
        ResourceCollector(run, scenarios, remedy=found.remedy).collect(deployment)
        scenarios.add_variants(run.resources)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "the nesting is too deep"
        run.not_whole("error", why, Location(path=path, pointer=found.pointer))
        for symbol, plain, pointer in deployment.declarations():
            skip(
                ResourceDeclaration(deployment=deployment, symbol=symbol, plain=plain, pointer=pointer, above=None), why
            )
        return msgspec.structs.replace(run.done(), is_whole=False)
    return run.done()
