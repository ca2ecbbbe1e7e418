"""A root module with other values than the defaults of its variables: what may exist there, and what never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.evaluation.budget import STEPS_OF_A_SCENARIO, Budget
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import ReadSet
from azkvlint.evaluation.values import Result
from azkvlint.graph import existence
from azkvlint.graph.existence import assumption
from azkvlint.model.location import static_address
from azkvlint.model.resource import Assumption
from azkvlint.model.value import MapValue
from azkvlint.readers.argument_map import freeze
from azkvlint.readers.terraform import templates
from azkvlint.readers.terraform.folder import Folder, Piece
from azkvlint.readers.terraform.module_evaluation import CallArguments, ModuleInstance
from azkvlint.readers.terraform.run import ModuleScope, RootScenario
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import ResourceEntity, Symbol
    from azkvlint.readers.terraform.run import TerraformRun
    from azkvlint.readers.terraform.values import RootValues

AnySymbol = TypeVar("AnySymbol", bound="Symbol[Any]")
_OPTION = "--var or --var-file"
_ABSENCE = {"count": "`count` is 0", "for_each": "`for_each` is empty", "": "`enabled` is false"}
_MOST_NAMED = 3


class Scenario(RootScenario):
    """A root module in which nothing is known of some variables. ``base`` is the module with all its defaults."""

    def __init__(self, run: TerraformRun, folder: Folder, base: ModuleInstance, opened: frozenset[str] | None) -> None:
        super().__init__(opened)
        self.base = base
        self._modules: dict[str, ModuleInstance | None] = {}
        self._reads: dict[str, ReadSet] = {}
        self.root = ModuleInstance(folder, run, msgspec.structs.replace(base.call, scenario=self))

    @property
    def why(self) -> Assumption:
        """Return the assumption that this scenario makes."""
        names = sorted(self.opened or ())
        declaration = self.root.folder.variables[names[0]]
        at = self.root.locate(declaration)
        return assumption([f"var.{name}" for name in names], _OPTION, at)

    def module(self, instance: ModuleScope) -> ModuleInstance | None:
        """Return the same use of a module in this scenario; None if there is none."""
        given = instance.call.given
        if not isinstance(given, CallArguments):
            return self.root
        recorder, key = self.root.run.recorder, instance.prefix
        if key not in self._modules:
            self._modules[key] = None
            self._modules[key], read = recorder.of(self._module, given)
            if read is not None:
                self._reads[key] = read
        elif key in self._reads:
            recorder.add_inputs(self._reads[key].inputs)
        return self._modules[key]

    def _module(self, given: CallArguments) -> ModuleInstance | None:
        caller = self.module(given.caller)
        call = caller.module(given.symbol.declaration.local) if caller is not None else None
        use = call.instance_with_key(given.step) if call is not None else None
        return use.content if use is not None else None

    def symbol(self, symbol: AnySymbol) -> AnySymbol | None:
        """Return the same declaration in this scenario; None if its module is not used there."""
        return _same(self.module(symbol.instance), symbol)

    def deployed(self, module: ModuleScope, local: str, address: str) -> tuple[str, ...]:
        """Return the addresses that a resource has with the defaults, unless ``address`` is one of them."""
        given, base = module.call.given, self.base
        calls: list[CallArguments] = []
        while isinstance(given, CallArguments):
            calls.append(given)
            given = given.caller.call.given
        for call in reversed(calls):
            found = base.module(call.symbol.declaration.local)
            uses = found.instances if found is not None else []
            content = next((use.content for use in uses if use.step.bracket == call.step.bracket), None)
            if content is None:
                return ()
            base = content
        same = base.resource(local)
        addresses = tuple(one.address for one in same.instances) if same is not None else ()
        return () if address in addresses else addresses


def _same(module: ModuleInstance | None, symbol: AnySymbol) -> AnySymbol | None:
    if module is None:
        return None
    local = symbol.declaration.local
    found: Any = module.module(local) if symbol.is_call else module.resource(local)
    return found  # type: ignore[no-any-return]  # a declaration is of the same kind in every scenario


class Scenarios(existence.Scenarios[Scenario, "Symbol[Any]"]):
    """The scenarios of one root module.

    Their work counts apart from that of the root module itself, so that it cannot keep that from being evaluated.
    """

    def __init__(self, run: TerraformRun, folder: Folder, values: RootValues, base: ModuleInstance) -> None:
        super().__init__()
        self.run = run
        self.folder = folder
        self.values = values
        self.base = base
        self._apart: TerraformRun | None = None
        run.scenarios = self
        run.opened.append(self.close)
        # The values of a plan are final, those from defaults too, and so is what a Terragrunt unit leaves out.
        self.is_possible = (
            not values.planned
            and values.inputs is None
            and any("default" in declaration.attributes for declaration in folder.variables.values())
        )

    @property
    def apart(self) -> TerraformRun:
        """Return the run in which scenarios are evaluated."""
        if self._apart is None:
            self._apart = self.run.with_second_budget()
        return self._apart

    @property
    def budget(self) -> Budget:
        """See the base class."""
        return self.apart.budget

    def made(self, opened: frozenset[str] | None) -> Scenario:
        """Return a new scenario."""
        self.apart.budget.spend(STEPS_OF_A_SCENARIO)
        return Scenario(self.apart, self.folder, self.base, opened)

    def exists(self, scenario: Scenario, declaration: Symbol[Any]) -> bool:
        """Return whether a declaration may have instances in a scenario."""
        same = scenario.symbol(declaration)
        return same is not None and bool(same.instances)

    def existing(self, symbol: AnySymbol) -> tuple[AnySymbol, Scenario] | None:
        """Return a declaration without instances as it is in a scenario with some; None if it never has any.

        Raises InputError if that takes more work than any input needs.
        """
        piece = _amount(symbol)
        if not self.is_possible or (piece is not None and isinstance(piece.attribute.expression(), ast.Literal)):
            return None
        scenario = self.enabling(symbol, static_address(symbol.address), symbol.instance.call.scenario)
        found = scenario.symbol(symbol) if scenario is not None else None
        return (found, scenario) if found is not None and scenario is not None else None

    def attributes_in(self, scenario: Scenario, vault: ResourceEntity) -> MapValue | None:
        """Return the attributes of a vault in a scenario; None if it does not exist there."""
        same = scenario.symbol(vault.symbol)
        entity = next((one for one in same.instances if one.address == vault.address), None) if same else None
        if entity is None:
            return None
        if entity.type in AZAPI:
            named = entity.azapi_type()
            return templates.attributes(entity, *named) if named is not None else None
        run, lowering = entity.instance.run, self.run.cache.argument_map(entity.type)
        if lowering is None:
            return None
        return freeze(lowering.attributes(entity.content, run.links, run.version, is_read=False), entity.at)

    def without_defaults(self, module: ModuleScope, piece: Piece, local: Local) -> Result | None:
        """Return the value of an attribute without the defaults of the root; None if its module is not called then.

        Raises InputError if that takes more work than any input needs.
        """
        if not self.is_possible:
            return None
        found = self.scenario_for(None).module(module)
        return found.evaluate(piece, local) if found is not None else None

    def reason(self, symbol: Symbol[Any]) -> str:
        """Return why a declaration never has instances."""
        piece = _amount(symbol)
        absence = _ABSENCE[piece.attribute.name if piece is not None else ""]
        if piece is not None and isinstance(piece.attribute.expression(), ast.Literal):
            return absence
        given = self.given(symbol) if self.values.has_values else ()
        if given:
            return f"{absence} with the given value of {', '.join(f'`var.{name}`' for name in given[:_MOST_NAMED])}"
        return f"{absence} with the arguments of the module call" if symbol.instance.prefix else absence


def _amount(symbol: Symbol[Any]) -> Piece | None:
    """Return the attribute that decides how many instances there are; None for OpenTofu's ``enabled``."""
    attributes = symbol.declaration.attributes
    return attributes.get("count", attributes.get("for_each"))
