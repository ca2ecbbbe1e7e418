"""Collect the resources that rules require from a deployment and what it deploys, in the order of declarations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP
from azkvlint.graph.existence import VARYING
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.model.location import Location
from azkvlint.readers.deployment.documents import (
    HOLDERS,
    StatementLocations,
)
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import ModuleSymbol
from azkvlint.readers.deployment.origins import OUTPUT_TYPE
from azkvlint.readers.deployment.resource_symbols import (
    ResourceEntity,
    ResourceSymbol,
    resource_of,
    trace_existence,
    trace_instances,
)
from azkvlint.readers.deployment.run import Run
from azkvlint.readers.deployment.scenarios import may_exist
from azkvlint.readers.deployment.symbols import FileInstance, is_unconditional, written_length
from azkvlint.syntax.ast import Pointer
from azkvlint.values.origins import Source

_KEY_VAULT = "microsoft.keyvault/"
# A list can have millions of values that are not resources. A message for each would be of no use.
_MAX_UNREAD = 20
# Types that do not configure a vault.
_HARMLESS = tuple(
    _KEY_VAULT + name
    for name in (
        "vaults/privateendpointconnections", "vaults/eventgridfilters", "managedhsms/privateendpointconnections",
        "deletedvaults", "deletedmanagedhsms", "locations", "operations", "checknameavailability",
    )
)  # fmt: skip


class Collector:
    """Collects the resources of files. ``deploy`` adds what a resource deploys that holds a template."""

    def __init__(self, deploy: Callable[[Collector, ResourceEntity, frozenset[str]], None]) -> None:
        self._deploy = deploy

    def collect(self, instance: DeploymentInstance, conditions: frozenset[str]) -> None:
        """Add all that a file deploys under conditions."""
        run = instance.run
        _expect(instance)
        if instance.module_call.shows_outputs and requires_outputs(run.attribute_filter.required, OUTPUT_TYPE):
            for output in instance.shown_outputs():
                run.resources[output.address] = output
        for node in instance.required_resources():
            self._collect_resource(instance.resource(node), conditions)
        _report_unread(instance, instance.unread())
        for module in instance.modules():
            self._collect_module(module, conditions)

    def _collect_resource(self, symbol: ResourceSymbol, conditions: frozenset[str]) -> None:
        if not self._collect_entities(symbol, conditions):
            may_exist(symbol, conditions, self._collect_entities)

    def _collect_entities(self, symbol: ResourceSymbol, conditions: frozenset[str]) -> bool:
        """Add what a declaration deploys; False if that is nothing."""
        instance = symbol.instance
        instance.run.recorder.declaration(symbol.place, partial(trace_instances, symbol))
        is_there = False
        for entity in symbol.entities:
            own = entity.conditions()
            if own is not None:
                is_there = True
                instance.run.recorder.begin(partial(trace_existence, entity))
                self._add(entity, conditions | own)
            elif instance.conditions_cascade:
                continue
            # Azure deploys a child resource of a template whatever the condition of its parent is.
            loop = frozenset({entity.iteration.loop} if entity.iteration.loop else ())
            inner = loop if own is None or not instance.conditions_cascade else own
            for child in entity.inner.values():
                self._collect_resource(child, conditions | inner)
            _report_unread(instance, instance.unread(symbol.node))
        return is_there

    def _add(self, entity: ResourceEntity, conditions: frozenset[str]) -> None:
        run, type_ = entity.instance.run, entity.identity.type
        lower = type_.lower()
        if lower in HOLDERS and not entity.node.existing:
            self._deploy(self, entity, conditions)
            return
        required = run.attribute_filter.members_of(lower) if type_ else None
        if required is None:
            if not entity.node.existing:
                _report_unknown_type(entity, type_)
            return
        resource = resource_of(entity, required, conditions)
        run.recorder.keep(entity.address)
        if (
            not entity.node.existing
            and lower == SECRETS_TYPE
            and requires_origins(run.attribute_filter.required, SECRETS_TYPE)
        ):
            sources: list[Source] = []
            origins = entity.instance.secret_origins(entity, sources)
            if origins is not None:
                attributes = with_origins(resource.attributes, origins, sources=sources)
                resource = msgspec.structs.replace(resource, attributes=attributes)
        call, scenarios = entity.instance.module_call, run.deployment_scenarios
        if scenarios is not None and lower in VARYING and call.may_vary and call.scenario is None:
            scenarios.vaults[entity.address] = entity
        run.resources[entity.address] = resource

    def _collect_module(self, symbol: ModuleSymbol, conditions: frozenset[str]) -> None:
        if not self._collect_contents(symbol, conditions):
            may_exist(symbol, conditions, self._collect_contents)

    def _collect_contents(self, symbol: ModuleSymbol, conditions: frozenset[str]) -> bool:
        """Add what a module deploys; False if it is never used."""
        recorder = symbol.instance.run.recorder
        recorder.declaration(symbol.address, partial(trace_instances, symbol))
        is_there = False
        for entity in symbol.entities:
            own = entity.conditions()
            if own is not None:
                is_there = True
                recorder.inside(
                    partial(trace_existence, entity), partial(self.collect_content, entity.content, conditions | own)
                )
        return is_there

    def collect_content(self, content: FileInstance | None, conditions: frozenset[str]) -> None:
        """Add what a module or nested deployment deploys under conditions."""
        if not isinstance(content, DeploymentInstance):
            return
        run = content.run
        known, problems = len(run.resources), len(run.problems)
        self.collect(content, conditions)
        if content.relocation is not None:
            move_added(run, known, problems, content.relocation, content.module_call.callers[:-1])


def _expect(instance: DeploymentInstance) -> None:
    """Refuse what a file declares, in all its copies, before any of it is made."""
    run, copies = instance.run, instance.module_call.copies
    run.budget.spend(instance.count_declarations() // DECLARATIONS_A_STEP)
    resources = deployments = 0
    for node in instance.required_resources():
        resources += written_length(node.body)
        if instance.deploys_file(node) and is_unconditional(node.body):
            deployments += written_length(node.body)
    for module in instance.modules():
        if is_unconditional(module.node.body):
            deployments += written_length(module.node.body)
    run.expect(resources * copies, deployments * copies)


def _report_unread(instance: FileInstance, pointers: Sequence[Pointer]) -> None:
    for number, pointer in enumerate(pointers):
        at = Location(path=instance.path, pointer=pointer)
        if number == _MAX_UNREAD:
            text = "more values in place of resources are unknown or not objects, so they were not evaluated"
            instance.run.not_whole("error", text, at)
            break
        text = "the value in place of a resource is unknown or not an object, so it was not evaluated"
        instance.run.not_whole("error", text, at)


def _report_unknown_type(entity: ResourceEntity, type_: str) -> None:
    """Report a Key Vault resource of a type that is not supported, or a resource whose type is unknown."""
    run, lower = entity.instance.run, type_.lower()
    if not type_:
        run.closed = False
        text = f"the type of `{entity.address}` is unknown, so the resource was not evaluated"
        run.type_not_known("error", text, entity.at)
    elif lower.startswith(_KEY_VAULT) and canonical(type_) is None and not lower.startswith(_HARMLESS):
        text = f"Key Vault type `{type_}` is not supported, so the resource was not evaluated"
        run.type_not_known("error", text, entity.at)


def move_added(run: Run, known: int, problems: int, shown: StatementLocations, callers: tuple[Location, ...]) -> None:
    """Move what was added after the first resources and problems to where it was written."""
    for address in list(islice(reversed(run.resources), len(run.resources) - known)):
        run.resources[address] = shown.resource(run.resources[address], callers)
    for number in range(problems, len(run.problems)):
        run.problems[number] = shown.problem(run.problems[number])
