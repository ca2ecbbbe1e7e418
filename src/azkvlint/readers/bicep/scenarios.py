"""A Bicep file with parameter values other than the defaults: which resources may exist, and which never do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import STEPS_OF_A_SCENARIO, Budget
from azkvlint.graph import existence
from azkvlint.graph.existence import assume, assumption, skipped_declaration
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import ACCOUNTED, Assumption
from azkvlint.model.value import MapValue
from azkvlint.readers.bicep import files
from azkvlint.readers.bicep.document import File, inner_resources
from azkvlint.readers.bicep.files import BicepRun
from azkvlint.readers.bicep.module_evaluation import BicepContent, ModuleInstance
from azkvlint.readers.bicep.resource_symbols import ResourceEntity, ResourceSymbol, resource_of
from azkvlint.readers.bicep.symbols import FileInstance, ModuleCall, ModuleSymbol, ParameterValues, condition_of
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

AnySymbol = TypeVar("AnySymbol", bound=ResourceSymbol | ModuleSymbol)
OPTION = "--parameters FILE"
_MOST_NAMED = 3


class Scenario(existence.Scenario):
    """A Bicep file in which nothing is known of some parameters."""

    def __init__(self, root: Scenarios, opened: frozenset[str] | None) -> None:
        super().__init__(opened)
        self._instances: dict[str, ModuleInstance | None] = {}
        self.root = ModuleInstance(
            root.file, root.apart, ModuleCall(given=root.given_values, scope=root.scope, scenario=self, is_root=True)
        )

    @property
    def why(self) -> Assumption:
        """Return the assumption that this scenario makes."""
        names = sorted(self.opened or ())
        return assumption(names, OPTION, self.root.place(self.root.file.symbols[names[0]]))

    def instance(self, instance: FileInstance) -> ModuleInstance | None:
        """Return the same use of a file in this scenario; None if there is none."""
        module = instance.module_call.module
        if module is None:
            return self.root
        if instance.prefix not in self._instances:
            # Nothing that exists with the defaults depends on it, so what it reads is not kept.
            self._instances[instance.prefix] = None
            same = self.symbol(module.symbol)
            use = same.entity_of(module.iteration) if same is not None else None
            content = use.content if use is not None else None
            self._instances[instance.prefix] = content.instance if isinstance(content, BicepContent) else None
        return self._instances[instance.prefix]

    def deploys(self, instance: FileInstance) -> bool:
        """Return whether this scenario may deploy a use of a file: the conditions of all modules around it allow it."""
        module = instance.module_call.module
        while module is not None:
            same = self.symbol(module.symbol)
            use = same.entity_of(module.iteration) if same is not None else None
            if use is None or condition_of(use.instance.evaluator, use.iteration, use.address) is None:
                return False
            module = module.instance.module_call.module
        return True

    def symbol(self, symbol: AnySymbol) -> AnySymbol | None:
        """Return the same declaration in this scenario; None if its container does not exist there."""
        found: Any = self._same(symbol)
        return found  # type: ignore[no-any-return]  # a declaration is of the same kind in every scenario

    def _same(self, symbol: ResourceSymbol | ModuleSymbol) -> ResourceSymbol | ModuleSymbol | None:
        instance, node = self.instance(symbol.instance), symbol.node
        if instance is None or isinstance(node, ast.Module):
            return instance.module(node) if instance is not None and isinstance(node, ast.Module) else None
        outer: ResourceEntity | None = getattr(symbol, "outer", None)
        if outer is None:
            return instance.resource(node)
        around = self.symbol(outer.symbol)
        entity = around.entity_of(outer.iteration) if around is not None else None
        return entity.inner.get(node.name) if entity is not None else None


class Scenarios(existence.Scenarios[Scenario, ResourceSymbol | ModuleSymbol]):
    """The scenarios of one root file. Their work counts apart from that of the file itself."""

    def __init__(self, run: BicepRun, base: ModuleInstance) -> None:
        super().__init__()
        self.run = run
        self.file: File = base.file
        self.given_values: ParameterValues = base.module_call.given
        self.scope = base.scope
        self._apart: BicepRun | None = None
        run.opened.append(self.close)
        self.is_possible = any(True for _ in self.file.declarations(ast.Parameter))
        self.is_given = not isinstance(base.module_call.given, dict) or bool(base.module_call.given)

    @property
    def apart(self) -> BicepRun:
        """Return the run in which scenarios are evaluated."""
        if self._apart is None:
            self._apart = self.run.with_second_budget()
        return self._apart

    def close(self) -> None:
        """Release all objects."""
        super().close()
        self.run.scenarios = None
        if self._apart is not None:
            self._apart.scenarios = None
        del self.given_values

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
        same = scenario.symbol(vault.symbol)
        entity = next((one for one in same.entities if one.address == vault.address), None) if same else None
        required = self.run.attribute_filter.members_of(entity.identity.type) if entity is not None else None
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
        return f"{absence} with the parameters of the module" if symbol.instance.prefix else absence


def may_exist(
    symbol: AnySymbol,
    conditions: frozenset[str],
    lower: Callable[[AnySymbol, frozenset[str]], bool],
    skip: Callable[[AnySymbol, str], None],
) -> None:
    """Add a declaration that exists only if a parameter overrides its default, or record why it never exists."""
    instance = symbol.instance
    run, scenarios = instance.run, instance.run.scenarios
    if not isinstance(scenarios, Scenarios):
        return
    known, scenario = len(run.resources), None
    try:
        found = scenarios.existing(symbol)
        scenario = found.instance.module_call.scenario if found is not None else None
        if found is not None:
            lower(found, conditions)
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


def skip(run: BicepRun, file: File, node: ast.Resource, address: str, reason: str, above: str = "") -> None:
    """Account for a resource declaration that is not evaluated, and those within it."""
    written = str(node.type.value).partition("@")[0] if isinstance(node.type, ast.Literal) else ""
    type_ = f"{above}/{written}" if above else written
    if not node.existing and type_.lower() in ACCOUNTED:
        known = canonical(type_) or type_
        at = Location(path=file.path, span=(node.start, node.head or node.end))
        run.skip(skipped_declaration(static_address(address), known, known, at, reason))
    for inner in inner_resources(node):
        skip(run, file, inner, f"{address}::{inner.name}", reason, type_)


def skip_file(run: BicepRun, file: File, reason: str) -> None:
    """Account for all that a file would deploy, and the files in the project that it uses as modules."""
    waiting = [file]
    while waiting:
        file = waiting.pop()
        if file.file in run.skipped_files:
            continue
        run.skipped_files.add(file.file)
        run.add_text(file.path, file.text)
        for node in file.declarations(ast.Resource):
            skip(run, file, node, node.name, reason)
        for module in file.declarations(ast.Module):
            path = module.path.value if isinstance(module.path, ast.Literal) else None
            if isinstance(path, str) and path.lower().endswith(".bicep") and not files.is_remote(path):
                with suppress(InputError):  # a module that is not used need not be there
                    waiting.append(files.load(run, file.file, path))


def is_there(symbol: ResourceSymbol | ModuleSymbol) -> bool:
    """Return whether any iteration of a declaration may exist."""
    evaluator = symbol.instance.evaluator
    return any(condition_of(evaluator, one.iteration, one.address) is not None for one in symbol.entities)
