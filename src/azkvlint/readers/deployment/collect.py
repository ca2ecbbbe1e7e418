"""Collect the resources that rules require from a deployment and what it deploys, in the order of declarations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP
from azkvlint.evaluation.reads import NO_INPUTS, Inputs, Readers, ReadRecorder
from azkvlint.graph.overlay import Overlay
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.readers.deployment.documents import StatementLocations
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
from azkvlint.readers.deployment.symbols import FileInstance, is_unconditional, written_length
from azkvlint.readers.modules.run import EVERY_INPUT, Absence, Run
from azkvlint.readers.modules.template_holders import HOLDERS
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Pointer
from azkvlint.util.errors import InputError
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


AnySymbol: TypeAlias = ResourceSymbol | ModuleSymbol


class Lowered(NamedTuple):
    """The resources of a declaration, and the inputs that they read."""

    resources: tuple[str, ...]
    inputs: Inputs


class Collector:
    """Collects the resources of files. ``deploy`` adds what a resource deploys that holds a template.

    ``within`` are the addresses of declarations that the base world does not create. What reads none of the inputs
    that differ is that of ``base``, the collector of the base world, which has these ``resources``.
    """

    def __init__(
        self,
        deploy: Callable[[Collector, ResourceEntity, frozenset[str]], None],
        within: Collection[str] = (),
        base: Collector | None = None,
    ) -> None:
        self._deploy = deploy
        self._within = within
        self._base = base
        self.resources: Mapping[str, Resource] = {}
        self.absent: list[Absence] = []
        # By address: the resources of each declaration that the base world does not create.
        self.created: dict[str, list[str]] = {}
        self.lowered: dict[str, Lowered] = {}
        # What the root itself declares by address, and by the inputs that it reads.
        self._declared: dict[str, AnySymbol] = {}
        self._readers: Readers | None = None
        # The addresses of resources of the base world that are not the same here.
        self.gone: set[str] = set()
        self._around: list[str] = []
        self._reads: list[set[str]] = []
        # Files whose resources are located elsewhere after they were collected.
        self._relocated = 0

    def has_absence(self, instance: DeploymentInstance) -> bool:
        """Return whether a declaration of a file, or of a module in it, may deploy nothing."""
        try:
            for node in instance.required_resources():
                if _is_there(instance.resource(node)) is not True:
                    return True
            for module in instance.modules():
                if _is_there(module) is not True:
                    return True
                contents = [entity.content for entity in module.entities if entity.conditions() is not None]
                if any(isinstance(one, DeploymentInstance) and self.has_absence(one) for one in contents):
                    return True
        except (InputError, RecursionError):  # reported once the file is read
            return False
        return False

    def made_by(self, symbol: AnySymbol) -> list[str]:
        """Return the addresses of the resources of a declaration, collected now if they were not."""
        if symbol.address not in self.created:
            collect = self._collect_entities if isinstance(symbol, ResourceSymbol) else self._collect_contents
            self._collect_declared(symbol, collect, frozenset())
        return self.created.get(symbol.address, [])

    def skip(self, symbol: AnySymbol, reason: str) -> None:
        """Account for a declaration that is not evaluated."""
        from azkvlint.readers.deployment.skipped import skip  # most inputs deploy all that they declare

        if not symbol.instance.is_foreign:
            skip(symbol, reason)

    def _share(self, run: Run, key: str) -> bool:
        """Add the resources of the base world, if none of the inputs that they read differs; return whether it did."""
        known = self._base.lowered.get(key) if self._base is not None else None
        if self._base is None or known is None or not known.inputs.isdisjoint(run.changed):
            return False
        others = self._base.resources
        run.resources.update((address, others[address]) for address in known.resources if address in others)
        return True

    def _collect_once(
        self, symbol: AnySymbol, key: str, collect: Callable[[Any, frozenset[str]], bool], conditions: frozenset[str]
    ) -> None:
        """Add what a declaration deploys, and record what it reads."""
        run = symbol.instance.run
        if self._share(run, symbol.address):
            return
        recorder, known = run.recorder, len(run.resources)
        if not isinstance(recorder, ReadRecorder):
            self._collect_declared(symbol, collect, conditions)
            return
        self._reads.append(set())
        try:
            self._collect_declared(symbol, collect, conditions)
        finally:
            inputs = self._reads.pop()
        addresses = tuple(islice(reversed(run.resources), len(run.resources) - known))[::-1]
        inputs.update(recorder.declarations.get(key, ()))
        for address in addresses:
            read = recorder.resources.get(address)
            inputs.update((EVERY_INPUT,) if read is None else read.inputs)
        for outer in self._reads:
            outer.update(inputs)
        if not self._relocated:
            self.lowered[symbol.address] = Lowered(addresses, recorder.union((NO_INPUTS, frozenset(inputs))))
            if symbol.instance.module_call.is_root and getattr(symbol, "outer", None) is None:
                self._declared[symbol.address] = symbol

    def _collect_declared(
        self, symbol: AnySymbol, collect: Callable[[Any, frozenset[str]], bool], conditions: frozenset[str]
    ) -> None:
        run = symbol.instance.run
        is_unknown = symbol.instance.module_call.may_vary and _is_there(symbol) is None
        if is_unknown:
            self.absent.append(Absence(symbol, tuple(self._around), is_unknown=True))
        is_absent_in_base = bool(self._around) or symbol.address in self._within or is_unknown
        known = len(run.resources)
        if is_absent_in_base:
            self._around.append(symbol.address)
        try:
            is_there = collect(symbol, conditions)
        finally:
            if is_absent_in_base:
                self._around.pop()
        if is_absent_in_base:
            self.created[symbol.address] = list(islice(reversed(run.resources), len(run.resources) - known))[::-1]
        if not is_there and symbol.instance.module_call.may_vary:
            self.absent.append(Absence(symbol, tuple(self._around)))

    def collect_changed(self, root: DeploymentInstance) -> None:
        """Add what the root deploys that reads an input that differs; all else is that of ``base``."""
        base = self._base
        if base is None or not base.lowered:
            self.collect(root, frozenset())
            return
        self.resources = root.run.resources
        keys = base.readers_of(root.run.changed)
        for key in keys:
            self.gone.update(base.lowered[key].resources)
        for key in keys:
            node = base.declared_node(key)
            if node is None:
                self._collect_outputs(root)
            elif isinstance(node, ast.Module):
                self._collect_module(root.module(node), frozenset())
            else:
                self._collect_resource(root.resource(node), frozenset())

    def readers_of(self, inputs: Inputs) -> list[str]:
        """Return the addresses of what the root itself declares and what reads one of some inputs, in their order."""
        if self._readers is None:
            own = ((key, one.inputs) for key, one in self.lowered.items() if key in self._declared or not key)
            self._readers = Readers(own)
        return self._readers.of(inputs)

    def declared_node(self, key: str) -> ast.Resource | ast.Module | None:
        """Return a declaration of the root by its address; None for its outputs."""
        return self._declared[key].declaration if key else None

    def world_resources(self, run: Run) -> Mapping[str, Resource]:
        """Return all resources, those of the base world included that are the same."""
        if self._base is None or not self._base.lowered:
            return run.resources
        return Overlay(self._base.resources, run.resources, frozenset(self.gone))

    def _collect_outputs(self, instance: DeploymentInstance) -> None:
        run = instance.run
        made, read = run.recorder.of(lambda: list(instance.shown_outputs()))
        run.resources.update((output.address, output) for output in made)
        if read is None:
            return
        for outer in self._reads:
            outer.update(read.inputs)
        if instance.module_call.is_root:
            self.lowered[""] = Lowered(tuple(output.address for output in made), read.inputs)

    def collect(self, instance: DeploymentInstance, conditions: frozenset[str]) -> None:
        """Add all that a file deploys under conditions."""
        run = instance.run
        self.resources = run.resources
        _expect(instance)
        if instance.module_call.shows_outputs and requires_outputs(run.attribute_filter.required, OUTPUT_TYPE):
            self._collect_outputs(instance)
        for node in instance.required_resources():
            self._collect_resource(instance.resource(node), conditions)
        _report_unread(instance, instance.unread())
        for module in instance.modules():
            self._collect_module(module, conditions)

    def _collect_resource(self, symbol: ResourceSymbol, conditions: frozenset[str]) -> None:
        self._collect_once(symbol, symbol.place, self._collect_entities, conditions)

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
            for outer in self._reads:
                outer.add(EVERY_INPUT)
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
        run.resources[entity.address] = resource

    def _collect_module(self, symbol: ModuleSymbol, conditions: frozenset[str]) -> None:
        self._collect_once(symbol, symbol.address, self._collect_contents, conditions)

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
        self._relocated += content.relocation is not None
        try:
            self.collect(content, conditions)
        finally:
            self._relocated -= content.relocation is not None
        if content.relocation is not None:
            move_added(run, known, problems, content.relocation, content.module_call.callers[:-1])


def _is_there(symbol: AnySymbol) -> bool | None:
    """Return whether a declaration deploys anything; None if that is not known."""
    found = [conditions for entity in symbol.entities if (conditions := entity.conditions()) is not None]
    return (not all(found) or None) if found else False


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
