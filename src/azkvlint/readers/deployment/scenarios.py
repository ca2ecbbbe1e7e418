"""A template with parameter values other than the defaults: which resources may exist, and which never do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import STEPS_OF_A_SCENARIO, Budget
from azkvlint.graph import existence
from azkvlint.graph.existence import assumption, skipped_declaration
from azkvlint.model.resource import ACCOUNTED, Assumption
from azkvlint.model.value import MapValue
from azkvlint.readers.deployment.attributes import resource_of
from azkvlint.readers.deployment.deployments import Deployment, EvaluatedResource
from azkvlint.readers.deployment.documents import Pointer, key_of, member
from azkvlint.readers.deployment.run import Run
from azkvlint.readers.deployment.template import Template

_OPTION = "--parameters FILE"
_MOST_NAMED = 3


class ResourceDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """The declaration of a resource: its JSON at ``pointer`` in a deployment, and the resource around it."""

    deployment: Deployment
    symbol: str
    plain: Mapping[str, Any]
    pointer: Pointer
    above: EvaluatedResource | None

    def instances(self) -> list[EvaluatedResource]:
        """Return the declarations."""
        return self.deployment.instances(self.symbol, self.plain, self.pointer, self.above)

    def existing(self) -> list[EvaluatedResource]:
        """Return the declarations that may exist."""
        return [one for one in self.instances() if one.conditions() is not None]


class Scenario(existence.Scenario):
    """A template in which nothing is known of some parameters."""

    def __init__(self, base: Deployment, run: Run, opened: frozenset[str] | None) -> None:
        super().__init__(opened)
        template = base.template
        made = Template(run, template.path, template.plain, template.pointer, template.given, template.scope)
        made.scenario = self
        self.root = made.references = Deployment(made, base.plain, base.pointer, base.scope)
        self._instances: dict[EvaluatedResource, EvaluatedResource | None] = {}

    @property
    def why(self) -> Assumption:
        """Return the assumption that this scenario makes."""
        names = sorted(self.opened or ())
        spelled = [self.root.template.declaration(name) for name in names]
        return assumption([name for name, _ in spelled], _OPTION, self.root.template.location(spelled[0][1]))

    def deployment(self, deployment: Deployment) -> Deployment | None:
        """Return the same deployment in this scenario; None if it is not deployed."""
        if deployment.deployed_by is None:
            return self.root
        same = self.instance(deployment.deployed_by)
        return same.nested.deployment if same is not None and same.nested is not None else None

    def deploys(self, deployment: Deployment) -> bool:
        """Return whether this scenario may deploy a deployment: the conditions of all those around it allow it."""
        by = deployment.deployed_by
        while by is not None:
            same = self.instance(by)
            if same is None or same.conditions() is None:
                return False
            by = by.deployment.deployed_by
        return True

    def instance(self, instance: EvaluatedResource) -> EvaluatedResource | None:
        """Return the same resource in this scenario; None if there is none."""
        if instance not in self._instances:
            self._instances[instance] = self._instance(instance)
        return self._instances[instance]

    def _instance(self, instance: EvaluatedResource) -> EvaluatedResource | None:
        same = self.declaration(
            ResourceDeclaration(
                deployment=instance.deployment, symbol=instance.symbol, plain=instance.plain, pointer=instance.pointer,
                above=instance.above,
            )
        )  # fmt: skip
        for found in same.instances() if same is not None else ():
            if found.suffix in (instance.suffix, "[*]"):
                return found
        return None

    def declaration(self, declared: ResourceDeclaration) -> ResourceDeclaration | None:
        """Return the same declaration in this scenario; None if its container does not exist there."""
        deployment = self.deployment(declared.deployment)
        above = self.instance(declared.above) if declared.above is not None else None
        if deployment is None or (above is None and declared.above is not None):
            return None
        return msgspec.structs.replace(declared, deployment=deployment, above=above)


class Scenarios(existence.Scenarios[Scenario, ResourceDeclaration]):
    """The scenarios of one template. Their work counts apart from that of the template itself."""

    def __init__(self, base: Deployment, is_given: bool) -> None:
        super().__init__()
        self.is_given = is_given
        self.base = base
        self._apart: Run | None = None
        base.run.opened.append(self.close)
        self.is_possible = bool(base.template.parameters)

    @property
    def apart(self) -> Run:
        """Return the run in which scenarios are evaluated."""
        if self._apart is None:
            self._apart = self.base.run.with_second_budget()
        return self._apart

    @property
    def budget(self) -> Budget:
        """See the base class."""
        return self.apart.budget

    def made(self, opened: frozenset[str] | None) -> Scenario:
        """Return a new scenario."""
        self.apart.budget.spend(STEPS_OF_A_SCENARIO)
        return Scenario(self.base, self.apart, opened)

    def attributes_in(self, scenario: Scenario, vault: EvaluatedResource) -> MapValue | None:
        """See the base class."""
        same = scenario.instance(vault)
        required = self.base.run.attribute_filter.members_of(vault.identity.type.lower())
        return (
            resource_of(same, required, frozenset()).attributes if same is not None and required is not None else None
        )

    def exists(self, scenario: Scenario, declaration: ResourceDeclaration) -> bool:
        """Return whether a declaration may deploy anything in a scenario."""
        same = scenario.declaration(declaration)
        return same is not None and bool(same.existing()) and scenario.deploys(declaration.deployment)

    def existing(self, declared: ResourceDeclaration) -> tuple[Scenario, ResourceDeclaration] | None:
        """Return a declaration that deploys nothing as it is where it does, and where; None if it never does.

        Raises InputError above the limit of work.
        """
        if not self.is_possible:
            return None
        scenario = self.enabling(declared, repr(declared.pointer), declared.deployment.template.scenario)
        same = scenario.declaration(declared) if scenario is not None else None
        return (scenario, same) if scenario is not None and same is not None else None

    def reason(self, declared: ResourceDeclaration) -> str:
        """Return why a declaration never deploys anything."""
        absence = "the condition is false" if declared.instances() else "the loop has no items"
        given = self.given(declared) if self.is_possible and self.is_given else ()
        if not given:
            return absence
        names = [self.base.template.declaration(name)[0] for name in given[:_MOST_NAMED]]
        return f"{absence} with the given value of {', '.join(f'`{name}`' for name in names)}"


def skip(declared: ResourceDeclaration, reason: str) -> None:
    """Record a resource that is not evaluated, and the resources that a deployment would deploy."""
    _skip(declared.deployment, declared.plain, declared.pointer, reason, "")


def _skip(deployment: Deployment, plain: Mapping[str, Any], pointer: Pointer, reason: str, above: str) -> None:
    template, type_key, name = deployment.template, key_of(plain, "type"), member(plain, "name")
    written = str(plain[type_key]).strip("/") if type_key is not None else ""
    type_ = f"{above}/{written}" if above and "/" not in written else written
    if type_.lower() in ACCOUNTED and member(plain, "existing") is not True:
        at = template.location((*pointer, str(type_key)))
        known = canonical(type_) or type_
        deployment.run.skip(
            skipped_declaration(str(name) if isinstance(name, str) else known, known, known, at, reason)
        )
    for holder, where in ((plain, pointer), *_inline(plain, pointer)):
        key = key_of(holder, "resources")
        section = holder[key] if key is not None else None
        pairs: Iterable[tuple[str | int, Any]] = ()
        if isinstance(section, dict | list):
            pairs = section.items() if isinstance(section, dict) else enumerate(section)
        for step, inner in pairs:
            if isinstance(inner, dict):
                _skip(deployment, inner, (*where, str(key), step), reason, type_ if holder is plain else "")


def _inline(plain: Mapping[str, Any], pointer: Pointer) -> list[tuple[Mapping[str, Any], Pointer]]:
    """Return the template that is written in a deployment, with its pointer."""
    key = key_of(plain, "properties")
    properties = plain[key] if key is not None else None
    inner = key_of(properties, "template") if isinstance(properties, dict) else None
    found = properties[inner] if isinstance(properties, dict) and inner is not None else None
    return [(found, (*pointer, str(key), str(inner)))] if isinstance(found, dict) else []
