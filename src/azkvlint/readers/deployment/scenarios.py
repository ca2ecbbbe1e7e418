"""Other values of the parameters of a root than the defaults: which resources may exist, and which never do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import STEPS_OF_A_SCENARIO, Budget
from azkvlint.graph import existence
from azkvlint.graph.existence import assume, assumption, skipped_declaration
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import ACCOUNTED, Assumption
from azkvlint.model.value import MapValue
from azkvlint.readers.deployment.declarations import body_of, inner_resources, written_type
from azkvlint.readers.deployment.documents import key_of
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import ModuleSymbol
from azkvlint.readers.deployment.resource_symbols import ResourceEntity, ResourceSymbol, resource_of
from azkvlint.readers.deployment.run import Run
from azkvlint.readers.deployment.symbols import DeclaringFile, FileInstance, Symbol
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

AnySymbol = TypeVar("AnySymbol", bound=ResourceSymbol | ModuleSymbol)
OPTION = "--parameters FILE"
_MOST_NAMED = 3


class Scenario(existence.Scenario):
    """A root file in which nothing is known of some parameters."""

    def __init__(self, root: Scenarios, opened: frozenset[str] | None) -> None:
        super().__init__(opened)
        self._instances: dict[str, FileInstance | None] = {}
        self.root = root.base.again(root.apart, self)

    @property
    def why(self) -> Assumption:
        """Return the assumption that this scenario makes."""
        names = sorted(self.opened or ())
        return assumption(names, OPTION, self.root.parameter_location(names[0]))

    def instance(self, instance: FileInstance) -> FileInstance | None:
        """Return the same use of a file in this scenario; None if there is none."""
        module = instance.module_call.module
        if module is None:
            return self.root
        if instance.prefix not in self._instances:
            # Nothing that exists with the defaults depends on it, so what it reads is not kept.
            self._instances[instance.prefix] = None
            same = self._same(module.symbol)
            caller = same.entity_of(module.iteration) if same is not None else None
            self._instances[instance.prefix] = caller.content if caller is not None else None
        return self._instances[instance.prefix]

    def deploys(self, instance: FileInstance) -> bool:
        """Return whether this scenario may deploy a use of a file: the conditions of all modules around it allow it."""
        module = instance.module_call.module
        while module is not None:
            same = self._same(module.symbol)
            caller = same.entity_of(module.iteration) if same is not None else None
            if caller is None or caller.conditions() is None:
                return False
            module = module.instance.module_call.module
        return True

    def symbol(self, symbol: AnySymbol) -> AnySymbol | None:
        """Return the same declaration in this scenario; None if its container does not exist there."""
        found: AnySymbol | None = self._same(symbol)
        return found

    def _same(self, symbol: Symbol[Any]) -> Any:
        instance, node = self.instance(symbol.instance), symbol.declaration
        if instance is None or isinstance(node, ast.Module):
            return instance.module(node) if instance is not None and isinstance(node, ast.Module) else None
        outer: ResourceEntity | None = getattr(symbol, "outer", None)
        if outer is None:
            return instance.resource(node)
        around = self._same(outer.symbol)
        entity = around.entity_of(outer.iteration) if around is not None else None
        return entity.inner.get(node.name) if entity is not None else None


class Scenarios(existence.Scenarios[Scenario, ResourceSymbol | ModuleSymbol]):
    """The scenarios of one root file. Their work counts apart from that of the file itself."""

    def __init__(self, base: DeploymentInstance, is_given: bool) -> None:
        super().__init__()
        self.run = base.run
        self.base = base
        self._apart: Run | None = None
        self.run.opened.append(self.close)
        self.is_possible = any(isinstance(node, ast.Parameter) for node in base.file.symbols.values())
        self.is_given = is_given

    @property
    def apart(self) -> Run:
        """Return the run in which scenarios are evaluated."""
        if self._apart is None:
            self._apart = self.run.with_second_budget()
        return self._apart

    def close(self) -> None:
        """Release all objects."""
        super().close()
        self.run.deployment_scenarios = None
        if self._apart is not None:
            self._apart.deployment_scenarios = None

    @property
    def budget(self) -> Budget:
        """See the base class."""
        return self.apart.budget

    def made(self, opened: frozenset[str] | None) -> Scenario:
        """Return a new scenario."""
        self.apart.budget.spend(STEPS_OF_A_SCENARIO)
        return Scenario(self, opened)

    def attributes_in(self, scenario: Scenario, vault: ResourceEntity) -> MapValue | None:
        """See the base class."""
        same, key = scenario.symbol(vault.symbol), vault.iteration.key
        entity = next((one for one in same.entities if one.iteration.key == key), None) if same else None
        required = self.run.attribute_filter.members_of(entity.identity.type.lower()) if entity is not None else None
        if entity is None or required is None:
            return None
        return resource_of(entity, required, frozenset()).attributes

    def exists(self, scenario: Scenario, declaration: ResourceSymbol | ModuleSymbol) -> bool:
        """Return whether a declaration may deploy anything in a scenario."""
        same = scenario.symbol(declaration)
        return same is not None and is_there(same) and scenario.deploys(declaration.instance)

    def existing(self, symbol: AnySymbol) -> AnySymbol | None:
        """Return a declaration that deploys nothing as it is where it does; None if it never does.

        Raises InputError above the limit of work.
        """
        if not self.is_possible:
            return None
        scenario = self.enabling(symbol, static_address(symbol.address), symbol.instance.module_call.scenario)
        return scenario.symbol(symbol) if scenario is not None else None

    def reason(self, symbol: ResourceSymbol | ModuleSymbol) -> str:
        """Return why a declaration never deploys anything."""
        absence = "the condition is false" if symbol.entities else "the loop has no items"
        given = self.given(symbol) if self.is_possible and self.is_given else ()
        if given:
            return f"{absence} with the given value of {', '.join(f'`{name}`' for name in given[:_MOST_NAMED])}"
        return (
            f"{absence} with the parameters of the {symbol.instance.called_as}"
            if symbol.instance.called_as
            else absence
        )


def may_exist(
    symbol: AnySymbol, conditions: frozenset[str], collect: Callable[[AnySymbol, frozenset[str]], bool]
) -> None:
    """Add a declaration that exists only if a parameter overrides its default, or record why it never exists."""
    instance = symbol.instance
    run, scenarios = instance.run, instance.run.deployment_scenarios
    if not isinstance(scenarios, Scenarios) or not instance.module_call.may_vary:
        return
    known, scenario = len(run.resources), None
    try:
        found = scenarios.existing(symbol)
        scenario = found.instance.module_call.scenario if found is not None else None
        if found is not None:
            collect(found, conditions)
        elif not instance.is_foreign:
            skip(symbol, scenarios.reason(symbol))
    except (InputError, RecursionError) as error:
        if isinstance(error, RecursionError) and instance.module_call.scenario is not None:
            raise
        skip(symbol, run.skip_for(error, symbol.address, instance.head(symbol.node)))
    finally:
        if isinstance(scenario, Scenario):
            assume(run.resources, known, scenario.why)
            scenarios.assumed[scenario.why] = scenario


def skip(symbol: ResourceSymbol | ModuleSymbol, reason: str) -> None:
    """Account for a declaration that is not evaluated."""
    instance = symbol.instance
    if isinstance(symbol, ModuleSymbol):
        instance.skip_module(symbol, reason)
    else:
        above = symbol.outer.declared_type if symbol.outer is not None else ""
        skip_resource(instance.run, instance.file, symbol.node, symbol.address, reason, above)


def is_there(symbol: ResourceSymbol | ModuleSymbol) -> bool:
    """Return whether any iteration of a declaration may exist."""
    return any(entity.conditions() is not None for entity in symbol.entities)


def skip_resource(
    run: Run, file: DeclaringFile, node: ast.Resource, address: str, reason: str, above: str = ""
) -> None:
    """Account for a resource that is not evaluated, and the resources in it or in a template in it."""
    written = written_type(node) or ""
    type_ = f"{above}/{written}" if above and "." not in written.partition("/")[0] else written
    if not node.existing and type_.lower() in ACCOUNTED:
        known = canonical(type_) or type_
        run.skip(skipped_declaration(_label(node, address) or known, known, known, _location(file, node), reason))
    for inner in inner_resources(node):
        skip_resource(run, file, inner, f"{address}::{inner.name}", reason, type_)
    properties = _member(node, "properties")
    key = key_of(properties.plain, "template") if properties is not None and type(properties.plain) is dict else None
    if properties is not None and key is not None and isinstance(properties.plain[key], dict):
        from azkvlint.readers.deployment.template_file import template_file  # a Bicep file needs none

        template = template_file(run, file.path, properties.plain[key], (*properties.pointer, key))
        for inner in template.resources():
            skip_resource(run, template, inner, inner.name, reason)


def _label(node: ast.Resource, address: str) -> str:
    """Return the address of a resource in reports: in a template its name as it is written."""
    if not node.pointer:
        return static_address(address)
    name = _member(node, "name")
    return name.plain if name is not None and isinstance(name.plain, str) else ""


def _location(file: DeclaringFile, node: ast.Resource) -> Location:
    if isinstance(node.type, ast.Data):
        return Location(path=file.path, pointer=node.type.pointer)
    return Location(path=file.path, span=(node.start, node.head or node.end))


def _member(node: ast.Resource, name: str) -> ast.Data | None:
    """Return a member of a resource in a template; None if it is not written, or not in a template."""
    for one in body_of(node.body).members if node.pointer else ():
        if isinstance(one, ast.Property) and one.key == name and isinstance(one.value, ast.Data):
            return one.value
    return None
