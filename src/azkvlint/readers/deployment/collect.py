"""Collect the resources that rules require from a deployment and what it deploys, in the order of declarations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP
from azkvlint.evaluation.reads import NO_INPUTS, inputs_of
from azkvlint.graph.pseudo_resources import (
    AFTER,
    SECRETS_TYPE,
    requires_order,
    requires_origins,
    with_dependencies,
    with_origins,
)
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.readers.deployment.declarations import inner_resources
from azkvlint.readers.deployment.documents import StatementLocations
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import ModuleSymbol
from azkvlint.readers.deployment.origins import OUTPUT_TYPE
from azkvlint.readers.deployment.resource_symbols import (
    DeploymentResourceEntity,
    DeploymentResourceSymbol,
    resource_of,
    trace_existence,
    trace_instances,
)
from azkvlint.readers.deployment.symbols import FileInstance, is_unconditional, written_length
from azkvlint.readers.modules.collected import CollectedResources, added
from azkvlint.readers.modules.run import EVERY_INPUT, Run
from azkvlint.readers.modules.template_holders import HOLDERS, STACKS
from azkvlint.readers.ordered import is_ordered
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Pointer
from azkvlint.util.errors import InputError
from azkvlint.values.origins import ValueOrigin

if TYPE_CHECKING:
    from azkvlint.readers.deployment.order import DeploymentOrder

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


AnySymbol: TypeAlias = DeploymentResourceSymbol | ModuleSymbol


class Collector(CollectedResources):
    """Collects the resources of files. ``deploy`` adds what a resource deploys that holds a template.

    ``within`` and ``base``: see the base class.
    """

    UNRECORDED = frozenset((EVERY_INPUT,))
    base: Collector | None

    def __init__(
        self,
        deploy: Callable[[Collector, DeploymentResourceEntity, frozenset[str]], None],
        within: Collection[str] = (),
        base: Collector | None = None,
    ) -> None:
        super().__init__(within, base)
        self._deploy = deploy
        self.resources: Mapping[str, Resource] = {}
        # What the root itself declares, by address.
        self._declared: dict[str, AnySymbol] = {}
        # The modules and nested deployments whose resources it has collected.
        self.contents: list[DeploymentInstance] = []
        # Files whose resources are located elsewhere after they were collected.
        self._relocated = 0
        self._has_order: bool | None = None
        self.order: DeploymentOrder | None = None

    def has_absence(self, instance: DeploymentInstance) -> bool | None:
        """Return whether a declaration of a file, or of a module in it, may deploy nothing; None beyond a limit."""
        try:
            return self._has_absence(instance)
        except (InputError, RecursionError):  # reported once the file is read
            return None

    def _has_absence(self, instance: DeploymentInstance) -> bool:
        symbols: list[AnySymbol] = [*map(instance.resource, instance.required_resources()), *instance.modules()]
        for symbol in symbols:
            if _is_there(symbol) is not True:
                return True
            there = [entity for entity in symbol.entities if entity.conditions() is not None]
            contents = map(instance.written_content, there)
            if any(isinstance(one, DeploymentInstance) and self._has_absence(one) for one in contents):
                return True
        return False

    def made_by(self, symbol: AnySymbol) -> list[str]:
        """Return the addresses of the resources of a declaration, collected now if they were not."""
        if symbol.address not in self.created:
            collect = self._collect_entities if isinstance(symbol, DeploymentResourceSymbol) else self._collect_contents
            self._collect_declared(symbol, collect, frozenset())
        found = self.created.get(symbol.address, [])
        return [*found, *self.added_later(symbol.instance.run, symbol.address)]

    def skip(self, symbol: AnySymbol, reason: str) -> None:
        """Account for a declaration that is not evaluated."""
        from azkvlint.readers.deployment.skipped import skip  # most inputs deploy all that they declare

        if not symbol.instance.is_foreign:
            skip(symbol, reason)

    def _collect_once(
        self, symbol: AnySymbol, key: str, collect: Callable[[Any, frozenset[str]], bool], conditions: frozenset[str]
    ) -> None:
        """Add what a declaration deploys, and record what it reads."""
        run = symbol.instance.run
        if self.share(run, symbol.address):
            return
        made = self.record(run, key, partial(self._collect_declared, symbol, collect, conditions))
        if made is not None and not self._relocated:
            self.collected[symbol.address] = made
            if symbol.instance.module_call.is_root and getattr(symbol, "outer", None) is None:
                self._declared[symbol.address] = symbol

    def _collect_declared(
        self, symbol: AnySymbol, collect: Callable[[Any, frozenset[str]], bool], conditions: frozenset[str]
    ) -> None:
        may_vary = symbol.instance.module_call.may_vary
        is_unknown = may_vary and _is_there(symbol) is None
        make = partial(collect, symbol, conditions)
        if not self.inside(symbol.instance.run, symbol, make, is_unknown=is_unknown) and may_vary:
            self.note_absence(symbol)

    def collect_changed(self, root: DeploymentInstance) -> None:
        """Add what the root deploys that reads an input that differs; all else is that of ``base``."""
        base = self.base
        if base is None or not base.collected:
            self.collect(root, frozenset())
            return
        self.resources = root.run.resources
        keys = base.readers_of(root.run.changed)
        for key in keys:
            self.gone.update(base.collected[key].resources)
        for key in keys:
            node = base.declared_node(key)
            if isinstance(node, ast.ModuleDeclaration):
                self._collect_module(root.module(node), frozenset())
            elif node is not None:
                self._collect_resource(root.resource(node), frozenset())

    def changed_contents(self, root: DeploymentInstance) -> Iterator[DeploymentInstance]:
        """Yield the modules and nested deployments that read an input that differs, without their resources."""
        base = self.base
        if base is None or not base.collected:
            yield from self._contents_in(root)
            return
        for key in base.readers_of(root.run.changed):
            node = base.declared_node(key)
            if isinstance(node, ast.ModuleDeclaration):
                yield from self._contents_of(root.module(node))
            elif node is not None:
                yield from self._contents_of(root.resource(node))

    def _contents_in(self, instance: DeploymentInstance) -> Iterator[DeploymentInstance]:
        for node in instance.required_resources():
            yield from self._contents_of(instance.resource(node))
        for module in instance.modules():
            yield from self._contents_of(module)

    def _contents_of(self, symbol: AnySymbol) -> Iterator[DeploymentInstance]:
        instance = symbol.instance
        if not _may_deploy_file(symbol) or self.known_of(instance.run, symbol.address) is not None:
            return
        for entity in symbol.entities:
            is_there = entity.conditions() is not None
            content = instance.content_of(entity) if is_there else None
            if isinstance(content, DeploymentInstance):
                yield content
                yield from self._contents_in(content)
            if isinstance(entity, DeploymentResourceEntity) and (is_there or not instance.conditions_cascade):
                for child in entity.inner.values():
                    yield from self._contents_of(child)

    def is_of_root(self, key: str) -> bool:
        """See the base class."""
        return key in self._declared or not key

    def shared_resources(self) -> Mapping[str, Resource]:
        """See the base class."""
        return self.resources

    def declared_node(self, key: str) -> ast.ResourceDeclaration | ast.ModuleDeclaration | None:
        """Return a declaration of the root by its address; None for its outputs."""
        return self._declared[key].declaration if key else None

    def _collect_outputs(self, instance: DeploymentInstance) -> None:
        run = instance.run
        made, read = run.recorder.of(lambda: list(instance.shown_outputs()))
        if instance.module_call.is_root:
            self.keep_made(run, "", made, inputs_of(read))
            return
        run.resources.update((output.address, output) for output in made)
        self.read_around(NO_INPUTS if read is None else read.inputs)

    def collect(self, instance: DeploymentInstance, conditions: frozenset[str]) -> None:
        """Add all that a file deploys under conditions."""
        run = instance.run
        self.resources = run.resources
        _expect(instance)
        if instance.module_call.shows_outputs and run.attribute_filter.required.names(OUTPUT_TYPE):
            if self.base is None or self._relocated:
                self._collect_outputs(instance)
            else:
                self.put_off(instance.shown_outputs)
        for node in instance.required_resources():
            self._collect_resource(instance.resource(node), conditions)
        _report_unread(instance, instance.unread())
        for module in instance.modules():
            self._collect_module(module, conditions)

    def _collect_resource(self, symbol: DeploymentResourceSymbol, conditions: frozenset[str]) -> None:
        self._collect_once(symbol, symbol.place, self._collect_entities, conditions)

    def _collect_entities(self, symbol: DeploymentResourceSymbol, conditions: frozenset[str]) -> bool:
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

    def _add(self, entity: DeploymentResourceEntity, conditions: frozenset[str]) -> None:
        run, type_ = entity.instance.run, entity.identity.type
        lower = type_.lower()
        if lower in HOLDERS and not entity.node.existing:
            self.read_around((EVERY_INPUT,))
            self._deploy(self, entity, conditions)
            if lower != STACKS or run.attribute_filter.members_of(lower) is None:
                return
        required = run.attribute_filter.members_of(lower) if type_ else None
        if required is None:
            if not entity.node.existing:
                _report_unknown_type(entity, type_)
            return
        resource = resource_of(entity, required, conditions)
        if not entity.node.existing and is_ordered(lower) and self._requires_order(run.attribute_filter.required):
            resource = self._with_order(entity, resource)
        run.recorder.keep(entity.address)
        if (
            not entity.node.existing
            and lower == SECRETS_TYPE
            and requires_origins(run.attribute_filter.required, SECRETS_TYPE)
        ):
            sources: list[ValueOrigin] = []
            origins = entity.instance.secret_origins(entity, sources)
            if origins is not None:
                attributes = with_origins(resource.attributes, origins, sources=sources)
                resource = msgspec.structs.replace(resource, attributes=attributes)
        run.resources[entity.address] = resource

    def _requires_order(self, required: RequiredAttributes) -> bool:
        if self._has_order is None:
            self._has_order = requires_order(required)
        return self._has_order

    def _with_order(self, entity: DeploymentResourceEntity, resource: Resource) -> Resource:
        """Return what needs access to a vault with the grants that it waits for."""
        if self.order is None:
            from azkvlint.readers.deployment.order import DeploymentOrder  # many deployments have no such resource

            self.order = DeploymentOrder(None if self.base is None else self.base.order)
        recorder = entity.instance.run.recorder
        found, read = recorder.of(self.order.of, entity)
        recorder.attribute(("derived", AFTER), read)
        return msgspec.structs.replace(resource, attributes=with_dependencies(resource.attributes, found))

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
        self.contents.append(content)
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


def _may_deploy_file(symbol: AnySymbol) -> bool:
    """Return whether a declaration deploys a module or a template, or contains one that may."""
    node = symbol.declaration
    if isinstance(node, ast.ModuleDeclaration):
        return True
    return bool(inner_resources(node)) or symbol.instance.deploys_file(node)


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


def _report_unknown_type(entity: DeploymentResourceEntity, type_: str) -> None:
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
    for address in added(run, known):
        run.resources[address] = shown.resource(run.resources[address], callers)
    for number in range(problems, len(run.problems)):
        run.problems[number] = shown.problem(run.problems[number])
