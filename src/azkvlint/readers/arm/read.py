"""An ARM template -> the resources that the loaded rules ask for, and what could not be understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP, with_recursion_limit
from azkvlint.evaluation.values import Result
from azkvlint.graph.existence import VARYING, assume
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Scalar
from azkvlint.readers.arm.attribute_filter import Asked, wanted
from azkvlint.readers.arm.deployment_resources import Level
from azkvlint.readers.arm.document_kinds import (
    find_template,
    looks_like_parameters,
    looks_like_template,
    mentions_template,
    scope_of_template,
)
from azkvlint.readers.arm.evaluated_resource import Instance
from azkvlint.readers.arm.origins import OUTPUT_TYPE, of_value, outputs_of
from azkvlint.readers.arm.parameters import read_parameters, wrapped_parameters
from azkvlint.readers.arm.resource import Declaration, make
from azkvlint.readers.arm.run import Load, Pointer, Run, TemplateRead, key_of, member, written_copies
from azkvlint.readers.arm.scenarios import Declared, Scenario, Scenarios, skip
from azkvlint.readers.arm.scope import scope_of
from azkvlint.readers.arm.template import Template
from azkvlint.readers.arm.template_holders import DEPLOYMENTS, HOLDERS
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.errors import InputError

__all__ = (
    "TemplateRead", "looks_like_parameters", "looks_like_template", "mentions_template", "read_parameters",
    "read_template",
)  # fmt: skip

_KEY_VAULT = "microsoft.keyvault/"
# Types of Key Vault that say nothing a rule could be about.
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
# What a resource without others in it may say.
_PLAIN = frozenset(
    {
        "type", "apiVersion", "name", "location", "tags", "sku", "kind", "properties", "dependsOn", "identity", "zones",
        "condition", "copy", "scope", "comments", "plan", "metadata", "extendedLocation", "managedBy",
    }
)  # fmt: skip


@with_recursion_limit
def read_template(
    path: str, document: Document, required: RequiredAttributes, given: Mapping[str, Result], load: Load | None = None
) -> TemplateRead:
    """Read the template that ``document``, known as ``path``, is or wraps. Raises InputError if there is none.

    ``given`` holds values of parameters by name, such as those of a parameter file; they keep their own places.
    ``load`` gives the linked template at a path relative to the folder of ``path``, or None.
    """
    found = find_template(document.value)
    if found is None:
        raise InputError("not an ARM template")
    run = Run(path, document.text, wanted(required), load)
    # A policy deploys what is missing beside things that others deploy.
    run.closed = not found.remedy
    values = {**wrapped_parameters(path, found.given, found.given_at), **given}
    lower = {name.lower(): value for name, value in values.items()}
    scope = scope_of_template(found.plain)
    template = Template(run, path, found.plain, found.pointer, lower.get, scope)
    level = template.level = Level(template, found.plain, found.pointer, scope)
    try:
        scenarios = Scenarios(level, bool(lower))
        Walk(run, scenarios, remedy=found.remedy).level(level)
        scenarios.add_variants(run.resources)
    except (InputError, RecursionError) as error:
        why = error.message if isinstance(error, InputError) else "it is nested too deep"
        run.not_whole("error", why, Location(path=path, pointer=found.pointer))
        for symbol, plain, pointer in level.declared():
            skip(Declared(level=level, symbol=symbol, plain=plain, pointer=pointer, above=None), why)
    return run.done()


class Walk:
    """Goes through all resources in the order of the document and keeps those that are asked for.

    ``scenarios`` are those of its root template, if it has any. ``remedy``: it is the template of a policy, whose
    outputs no one reads.
    """

    def __init__(self, run: Run, scenarios: Scenarios | None = None, *, remedy: bool = False) -> None:
        self.run = run
        self.scenarios = scenarios
        self.remedy = remedy
        self._passed: dict[str, bool] = {}

    def level(self, level: Level) -> None:
        """All resources of a deployment."""
        if not self.remedy and requires_outputs(self.run.wanted.required, OUTPUT_TYPE):
            for output in outputs_of(level):
                self.run.resources[output.address] = output
        passed = self._passed
        self._expect(level)
        for symbol, plain, pointer in level.declared():
            type_ = plain.get("type")
            # Most resources are of no interest, and hold nothing that is.
            if type(type_) is str and passed.get(type_) and plain.keys() <= _PLAIN:
                continue
            self._declared(level, symbol, plain, pointer, None)

    def _expect(self, level: Level) -> None:
        """Refuse what a deployment declares, in all its copies, before any of it is made."""
        declared = resources = deployments = 0
        for _, plain, _ in level.declared():
            declared += 1
            type_ = member(plain, "type")
            if self._is_passed(type_) and key_of(plain, "resources") is None:
                continue
            number = written_copies(plain) * level.copies
            resources += number
            if isinstance(type_, str) and type_.lower() == DEPLOYMENTS and key_of(plain, "condition") is None:
                deployments += number
        self.run.budget.spend(declared // DECLARATIONS_A_STEP)
        self.run.expect(resources, deployments)

    def _declared(
        self, level: Level, symbol: str, plain: Mapping[str, Any], pointer: Pointer, above: Instance | None
    ) -> None:
        key = key_of(plain, "type")
        type_ = plain[key] if key is not None else None
        if above is None and self._is_passed(type_) and key_of(plain, "resources") is None:
            return
        declared = Declared(level=level, symbol=symbol, plain=plain, pointer=pointer, above=above)
        for instance in declared.instances():
            self._instance(instance)
        if key_of(plain, "condition") is not None or key_of(plain, "copy") is not None:
            self._may_exist(declared)

    def _may_exist(self, declared: Declared) -> None:
        """Add what deploys nothing, as it is where a parameter overrides its default, or say why it never does."""
        run, scenarios = self.run, self.scenarios
        if scenarios is None or declared.existing():
            return
        known, within = len(run.resources), declared.level.template.scenario
        found: tuple[Scenario, Declared] | None = None
        try:
            found = scenarios.existing(declared)
            if found is None:
                skip(declared, scenarios.reason(declared))
                return
            self.run = found[0].root.template.run
            for instance in found[1].existing():
                self._instance(instance)
        except (InputError, RecursionError) as error:
            if isinstance(error, RecursionError) and within is not None:
                raise
            at = declared.level.template.where(declared.pointer)
            skip(declared, run.skip_for(error, declared.symbol, at))
        finally:
            self.run = run
            if found is not None:
                assume(run.resources, known, found[0].why)
                scenarios.assumed[found[0].why] = found[0]

    def _is_passed(self, type_: Any) -> bool:
        """Whether the text of a type says that nobody asks for it."""
        if not isinstance(type_, str):
            return False
        found = self._passed.get(type_)
        if found is None:
            found = self._passed[type_] = self._nobody_asks(type_)
        return found

    def _nobody_asks(self, type_: str) -> bool:
        if type_[:1] == "[":
            return False
        lower = type_.strip("/").lower()
        if lower in HOLDERS or lower.startswith(_KEY_VAULT) or "/providers/" in lower or "/" not in lower:
            return False
        return self.run.wanted.of(lower) is None

    def _instance(self, instance: Instance) -> None:
        run, level = self.run, instance.level
        if not instance.written_type:
            run.closed = False
            text = "the type of a resource is not known, so it was not judged"
            run.type_not_known("warning", text, instance.place("type"))
        elif instance.is_deployment:
            if instance.conditions() is not None and instance.nested is not None:
                self.level(instance.nested.level)
        elif instance.head.type.lower() in HOLDERS:
            self._deploy_held(instance)
        else:
            asked = run.wanted.of(instance.head.type.lower())
            if asked is None:
                self._passed_over(instance)
            else:
                self._keep(instance, asked)
        for symbol, plain, pointer in level.declared(instance):
            self._declared(level, symbol, plain, pointer, instance)

    def _deploy_held(self, instance: Instance) -> None:
        """Add what the template inside a deployment stack, a template spec, or a policy definition deploys."""
        conditions = instance.conditions()
        if conditions is None:
            return
        from azkvlint.readers.arm import embedded_templates  # most templates have none

        level, head = instance.level, instance.head
        one = embedded_templates.Resource(
            type=head.type.lower(), address=instance.address, at=instance.place("type"),
            properties=instance.evaluated("properties"), scope=scope_of(head.above) or level.scope,
            conditions=conditions, callers=(*level.callers, instance.place("type")),
        )  # fmt: skip
        embedded_templates.deploy_held(self.run, one)

    def _passed_over(self, instance: Instance) -> None:
        """Say so of a type of Key Vault that nobody knows."""
        type_ = instance.head.type
        lower = type_.lower()
        if lower.startswith(_KEY_VAULT) and canonical(type_) is None and not lower.startswith(tuple(_HARMLESS)):
            text = f"'{type_}' is a Key Vault type that is not known, so it was not judged"
            self.run.type_not_known("error", text, instance.place("type"))

    def _keep(self, instance: Instance, asked: Asked) -> None:
        conditions = instance.conditions()
        if conditions is None:
            return
        resource = resource_of(instance, asked, conditions)
        if not resource.existing and resource.type.lower() == SECRETS_TYPE:
            found = of_value(instance) if requires_origins(self.run.wanted.required, SECRETS_TYPE) else None
            if found is not None:
                resource = msgspec.structs.replace(resource, attributes=with_origins(resource.attributes, found))
        if self.scenarios is not None and resource.type.lower() in VARYING and self.run is self.scenarios.base.run:
            self.scenarios.vaults[instance.address] = instance
        self.run.resources[instance.address] = resource


def resource_of(instance: Instance, asked: Asked, conditions: frozenset[str]) -> Resource:
    """Return a resource with what is asked of its type."""
    level, head, plain = instance.level, instance.head, instance.plain
    existing = plain.get("existing") is True
    body: dict[str, Result] = {}
    members = asked.members if asked.members is not None else tuple((key, None) for key in plain)
    for name, tree in () if existing else members:
        key = instance.key_of(name)
        if key is not None:
            body[key] = level.template.value(plain[key], (*instance.pointer, key), instance.local, tree)
    if instance.key_of("scope") is not None:
        body["scope"] = Scalar(at=instance.place("scope"), value="")
    declared = Declaration(
        address=instance.address,
        type=head.type,
        version=instance.version,
        names=head.names,
        above=head.above,
        extends=head.extends,
        body=body,
        at=instance.place("type"),
        existing=existing,
        conditions=conditions,
        callers=level.callers,
        id=head.id,
    )
    return make(declared, level.template.run.freezer)
