"""The worlds of a root module: what it deploys with other values of its variables than their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation import solve
from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.operators import NOTHING
from azkvlint.evaluation.reads import Inputs, Recorder
from azkvlint.evaluation.solve import Alternative
from azkvlint.evaluation.terraform.types import type_of
from azkvlint.evaluation.traces import Trace
from azkvlint.evaluation.values import Result
from azkvlint.graph.worlds import Facts, Faults, InputChange, World
from azkvlint.model.condition import UNDECIDED
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.modules.values import without_value
from azkvlint.readers.modules.world_values import WorldValues, changed_value, limited
from azkvlint.readers.modules.worlds import CollectedWorld, RootInWorld, RootWorlds
from azkvlint.readers.terraform.accepted_values import allowed_values, limits_of
from azkvlint.readers.terraform.collect import ResourceCollector
from azkvlint.readers.terraform.conditions import (
    VAR,
    Goal,
    Terraform,
    TerraformExpressionScope,
    goals_of,
    scope_in_block,
)
from azkvlint.readers.terraform.expansion import may_be_several
from azkvlint.readers.terraform.folder import FileAttribute, Folder, TerraformDeclaration, references_in
from azkvlint.readers.terraform.module_evaluation import (
    CallArguments,
    ModuleCallSymbol,
    TerraformModuleEntity,
    TerraformModuleInstance,
)
from azkvlint.readers.terraform.needs import TakenDeclarations
from azkvlint.readers.terraform.plan_failures import PlanCheck, not_evaluated
from azkvlint.readers.terraform.providers import settled
from azkvlint.readers.terraform.resource_symbols import TerraformResourceSymbol, TerraformSymbol
from azkvlint.readers.terraform.run import Failure, ModuleScope, TerraformRun, VariableValues
from azkvlint.syntax import ast

AnySymbol: TypeAlias = TerraformResourceSymbol | ModuleCallSymbol
# Arguments that name the resource that another one belongs to, which are required.
_TARGETS = ("key_vault_id", "target_resource_id", "scope", "private_connection_resource_id")
_ABSENCE = {"count": "`count` is 0", "for_each": "`for_each` is empty", "": "`enabled` is false"}


class TerraformWorldValues(WorldValues[VariableValues, TerraformModuleInstance]):
    """The values of a root module's variables in a world, those of the base world but for what differs."""

    prefix = VAR

    def get(self, name: str, /) -> Result | None:
        """Return the value of one variable; None for a variable without a value."""
        changes = self._changes.get(name)
        if changes is None:
            return self.of_base_world.get(name)
        declaration = self._root.folder.variables[name]
        at = self._root.locate(declaration)
        has_default = "default" in declaration.attributes
        why = without_value(f"`var.{name}`", has_default=has_default)
        value = changed_value(changes, self._root.variable(name, at), kind_of(self._root, name), why, at)
        is_set = isinstance(value, Unknown) and value.is_set  # null has no length
        return limited(value, limits_of(name, declaration.blocks)) if is_set else value

    def final_value(self, name: str, found: Result, at: Location, /) -> Result:
        """Return the value itself, unless it is that of the base world."""
        return found if name in self._changes else self.of_base_world.final_value(name, found, at)


def kind_of(root: TerraformModuleInstance, name: str) -> str:
    """Return the kind of a variable's type; without one, that of its default."""
    attributes = root.folder.variables[name].attributes
    piece, default = attributes.get("type"), attributes.get("default")
    kind = type_of(piece.attribute.expression() if piece is not None else None).kind
    if kind == "any" and default is not None and default.literal is not None:
        match default.literal:
            case Scalar(value=bool()):
                return "bool"
            case Scalar(value=str()):
                return "string"
    return kind


class TerraformWorld(CollectedWorld[TerraformModuleInstance, ResourceCollector]):
    """One root module in one world."""

    def __init__(
        self, run: TerraformRun, root: TerraformModuleInstance, collector: ResourceCollector, *, base_has_existing: bool
    ) -> None:
        super().__init__(run, root, collector, base_has_existing=base_has_existing)
        self._modules: dict[str, TerraformModuleInstance | None] = {}
        self._uses: dict[str, list[TerraformModuleInstance]] = {}

    def module(self, instance: ModuleScope) -> TerraformModuleInstance | None:
        """Return the same use of a module in this world; None if there is none."""
        given = instance.call.given
        if not isinstance(given, CallArguments):
            return self.root
        key = instance.prefix
        if key not in self._modules:
            self._modules[key] = None
            caller, name = self.module(given.symbol.instance), given.symbol.declaration.local
            call = caller.module(name) if caller is not None else None
            use = call.instance_with_key(given.step) if call is not None else None
            self._modules[key] = use.content if use is not None else None
        return self._modules[key]

    def _uses_of(self, instance: ModuleScope) -> list[TerraformModuleInstance]:
        """Return the same use of a module; all uses by its call if that has no such key in this world.

        A key that only the base world has decides nothing elsewhere.
        """
        given = instance.call.given
        if not isinstance(given, CallArguments):
            return [self.root]
        found = self._uses.get(instance.prefix)
        if found is None:
            uses: list[TerraformModuleEntity] = []
            for call in self.symbols(given.symbol):
                every = call.instances if isinstance(call, ModuleCallSymbol) else []
                uses += [one for one in every if one.step.bracket == given.step.bracket] or every
            found = self._uses[instance.prefix] = [one.content for one in uses if one.content is not None]
        return found

    def symbols(self, symbol: TerraformSymbol[Any]) -> list[AnySymbol]:
        """Return the same declaration in this world, once for each use of its module that may be the same."""
        local = symbol.declaration.local
        every = (one.module(local) if symbol.is_call else one.resource(local) for one in self._uses_of(symbol.instance))
        return [one for one in every if one is not None]

    def assume(self, symbol: TerraformSymbol[Any]) -> bool:
        """Let a declaration exist, and what is around it; return whether that is possible."""
        module: TerraformModuleInstance | None = self.root
        for one in (*_calls(symbol), symbol):
            local = one.declaration.local
            same = None if module is None else module.module(local) if one.is_call else module.resource(local)
            if same is None:
                return False
            if not same.instances:
                same.assume()
            module = same.instances[0].content if isinstance(same, ModuleCallSymbol) else None
        self._uses.clear()
        return True

    def exists(self, symbol: TerraformSymbol[Any]) -> bool | None:
        """Return whether a declaration has instances, all modules around it included; None if that is not known."""
        answer: bool | None = True
        for one in (*_calls(symbol), symbol):
            here = [same.is_there() for same in self.symbols(one)]
            if all(found is False for found in here):
                return False
            if True not in here:
                answer = None
        return answer

    def trace(self, symbol: AnySymbol) -> bool | None:
        """Return the same, and read again what decides it."""
        exists = self.exists(symbol)
        for one in (*_calls(symbol), symbol):
            for same in self.symbols(one):
                same.expanded()
        return exists

    def collect(self) -> None:
        """See the base class."""
        self.collector.lower_changed(self.root)
        self.collector.finish()

    def resources(self) -> Mapping[str, Resource]:
        """Return all resources, without existing ones that the root deploys itself."""
        return self.without_deployed(settled(self.run, dict(self.collector.resources())))

    def instances(self) -> Iterator[TerraformModuleInstance]:
        """Yield all uses of modules."""
        waiting = [self.root]
        while waiting:
            here = waiting.pop()
            yield here
            waiting += [use.content for call in here.calls() for use in call.instances if use.content is not None]


def _calls(symbol: TerraformSymbol[Any]) -> list[ModuleCallSymbol]:
    """Return the module calls around a declaration, outermost first."""
    found: list[ModuleCallSymbol] = []
    given = symbol.instance.call.given
    while isinstance(given, CallArguments):
        found.append(given.symbol)
        given = given.caller.call.given
    return found[::-1]


class TerraformWorlds(RootWorlds[AnySymbol]):
    """The worlds of one root module."""

    base: TerraformWorld

    def __init__(
        self,
        run: TerraformRun,
        folder: Folder,
        root: TerraformModuleInstance,
        gathered: ResourceCollector,
        *,
        is_final: bool,
    ) -> None:
        # Final are the values of a plan, those from defaults too, and what a Terragrunt unit leaves out.
        is_possible = not is_final and bool(folder.variables)
        has_existing = any(one.existing for one in run.resources.values())
        base = TerraformWorld(run, root, gathered, base_has_existing=has_existing)
        secret = frozenset(VAR + name for name, one in folder.variables.items() if one.is_marked)
        self._language = Terraform(secret)
        self._taken = TakenDeclarations(self._language)
        super().__init__(run, base, self._language, is_possible=is_possible)
        self.folder = folder
        self._root = root
        self._gathered = gathered
        self._validations: dict[_Place, _Validation] | None = None
        self._conditions: dict[int, tuple[FileAttribute, ...]] = {}
        self._plan, self._is_checked = PlanCheck(), False
        self._faults: dict[World, Faults[AnySymbol]] = {}
        self._refusals: dict[World, Goal | None] = {}
        # What failed in a world when nothing was evaluated but what decides on declarations.
        self._early: dict[World, AbstractSet[_Place]] = {}

    def make(self, changes: World, budget: Budget, recorder: Recorder, names: Inputs) -> TerraformWorld:
        """See the base class."""
        if not recorder.is_recording and self.base.run.recorder.trace is not None:
            recorder = Recorder()
            recorder.trace = Trace()
        run = self.base.run.in_world(budget, recorder, names)
        values = TerraformWorldValues(self._root.call.given, changes, self._root)
        root = TerraformModuleInstance(self.folder, run, msgspec.structs.replace(self._root.call, given=values))
        root.base, root.evaluations = self._root, self._root.evaluations
        base = self._root.defaults
        if base is not None:
            values = TerraformWorldValues(base.call.given, changes, base)
            root.defaults = TerraformModuleInstance(self.folder, run, msgspec.structs.replace(base.call, given=values))
            root.defaults.base, root.defaults.evaluations = base, base.evaluations
        collector = ResourceCollector(run, self.folder, self.absent, self._gathered)
        return TerraformWorld(run, root, collector, base_has_existing=self.base.base_has_existing)

    def close(self) -> None:
        """See the base class."""
        super().close()
        self._faults.clear()
        self._refusals.clear()

    def open_module(self, module: ModuleScope) -> TerraformModuleInstance | None:
        """Return a module without the defaults of the root's variables; None if it is not used then."""
        if not self.is_possible:
            return None
        defaults = {
            name for name, one in self.folder.variables.items()
            if "default" in one.attributes and self.facts(VAR + name) is not None
        }  # fmt: skip
        world = self.world(frozenset(InputChange(VAR + name, (), UNDECIDED) for name in defaults))
        return world.module(module) if isinstance(world, TerraformWorld) else None

    def input_names(self) -> Iterable[str]:
        """See the base class."""
        return [VAR + name for name in self.folder.variables]

    def facts_of(self, name: str) -> Facts | None:
        """See the base class."""
        declaration = self.folder.variables.get(name.removeprefix(VAR)) if name.startswith(VAR) else None
        if declaration is None:
            return None
        own = name.removeprefix(VAR)
        type_ = declaration.attributes.get("type")
        is_typed = type_of(type_.attribute.expression() if type_ is not None else None).kind != "any"
        return Facts(
            kind=kind_of(self._root, own), is_typed=is_typed, allowed=tuple(allowed_values(own, declaration.blocks)),
            is_secret=declaration.is_marked, is_nullable=_is_nullable(declaration),
            limits=limits_of(own, declaration.blocks), at=self._root.locate(declaration),
        )  # fmt: skip

    def value_of(self, name: str) -> object | None:
        """See the base class."""
        return self._root.call.given.get(name.removeprefix(VAR)) if name.startswith(VAR) else None

    def value_in(self, world: RootInWorld[AnySymbol], name: str) -> Result:
        """See the base class."""
        root, own = world.root if isinstance(world, TerraformWorld) else self._root, name.removeprefix(VAR)
        root = root.defaults or root  # they decide what exists
        return root.variable(own, root.locate(root.folder.variables[own]))

    def fails(self, world: World) -> bool:
        """See the base class."""
        here = self.world(world)
        if not isinstance(here, TerraformWorld):
            return False
        return any(True for _ in self._failed(here, self._early.get(world, here.run.failures.keys())))

    def _failed(self, here: RootInWorld[AnySymbol], places: Iterable[_Place]) -> Iterator[_Place]:
        """Yield the places that certainly fail in a world, and not in the base world: what may not exist may not."""
        failed = [place for place in places if place not in self.base.run.failures]
        uses = {one.prefix: one for one in here.instances()} if failed and isinstance(here, TerraformWorld) else {}
        for place in failed:
            prefix, path, start = place
            if prefix in uses and _is_evaluated(uses[prefix], path, start):
                yield place

    def candidates(self, declaration: AnySymbol, world: World) -> Iterable[Alternative]:  # noqa: ARG002  # its own
        """See the base class."""
        decides = declaration.instance.decides_on(declaration)
        return self.solver.solve(goals_of(declaration if decides is None else decides))

    def absence_of(self, symbol: AnySymbol) -> str:
        """See the base class."""
        piece = amount_of(symbol)
        return _ABSENCE[piece.attribute.name if piece is not None else ""]

    def is_of_unknown_number(self, symbol: AnySymbol, root: RootInWorld[AnySymbol]) -> bool:
        """See the base class."""
        several = (
            same for one in (*_calls(symbol), symbol) for same in root.symbols(one)
            if may_be_several(same.instance, same.declaration)
        )  # fmt: skip
        return any((found := same.expanded()) is not None and found.symbolic for same in several)

    def place_of(self, symbol: AnySymbol) -> Location:
        """See the base class."""
        return symbol.at

    def may_have_results(self, symbol: AnySymbol) -> bool:
        """See the base class."""
        return self._gathered.may_have_results(symbol)

    def is_literal(self, symbol: AnySymbol) -> bool:
        """See the base class."""
        piece = amount_of(symbol)
        return piece is not None and isinstance(piece.attribute.expression(), ast.Literal)

    def is_inside(self, symbol: AnySymbol) -> bool:
        """See the base class."""
        piece = amount_of(symbol)
        return bool(symbol.instance.prefix) and (piece is None or _reads_arguments(symbol.instance.folder, piece))

    def violated(self, world: World) -> Iterable[Alternative] | None:
        """Return the candidates for a validation that rejects the inputs of a world, but not those of the base world;
        None if none does.
        """
        if world not in self._refusals:
            self._refusals[world] = self._first_refused(world)
        goal = self._refusals[world]
        return None if goal is None else chain(self.solver.solve([goal]), self._unused(goal[0]))

    def _unused(self, scope: object) -> Iterator[Alternative]:
        """Yield the candidates with which a module is not used, so that none of its validations is evaluated."""
        goals = not_evaluated(self._language, scope, None, -1) if isinstance(scope, TerraformExpressionScope) else ()
        for goal in goals:
            yield from self.solver.solve([goal])

    def _first_refused(self, world: World) -> Goal | None:
        """Return a condition that a world does not meet; first one of the modules that decide on declarations."""
        here = self.world(world)
        if not isinstance(here, TerraformWorld):
            return None
        opened = list(here.instances())
        found = next(self._refused(here, opened), None)
        if found is None:
            self._early.setdefault(world, frozenset(here.run.failures))
            here.gather()
            self._check_base()
            for base in self.base.instances():
                if self._plan.may_differ(base, here.run.changed):
                    here.module(base)  # it is opened
            known = set(map(id, opened))
            found = next(self._refused(here, [one for one in here.instances() if id(one) not in known]), None)
        return found

    def _refused(self, here: TerraformWorld, instances: Sequence[TerraformModuleInstance]) -> Iterator[Goal]:
        """Yield the conditions in some uses of modules that a world does not meet, and the base world does."""
        for instance, piece in self._violations(here, instances):
            node = piece.attribute.expression()
            if node is not None:
                yield TerraformExpressionScope(instance, piece.path), node, solve.TRUE
        self._check_base()
        for instance in instances:
            yield from self._plan.refused(instance, here.run.recorder)

    def _check_base(self) -> None:
        """Evaluate once what may make the plan fail in the base world, and what that reads."""
        if not self._is_checked:
            self._is_checked = True
            recorder = self.base.run.recorder
            for instance in list(self.base.instances()):
                self._plan.evaluate(instance, recorder)
                for _ in self._plan.refused(instance, recorder):
                    pass

    def is_refused(self, world: World) -> bool:
        """See the base class."""
        here = self.world(world)
        return isinstance(here, TerraformWorld) and any(True for _ in self._violations(here, here.instances()))

    def _violations(
        self, here: TerraformWorld, instances: Iterable[TerraformModuleInstance]
    ) -> Iterator[tuple[TerraformModuleInstance, FileAttribute]]:
        """Yield the validations in some uses of modules that reject the inputs of a world, but not those of the base
        world.
        """
        known_of = self._known_validations()
        for place, instance, piece in self._validations_of(instances):
            known = known_of.get(place, _NEW)
            is_same = known.inputs is not None and known.inputs.isdisjoint(here.run.changed)
            if not is_same and not known.is_false and _is_false(instance, piece):
                yield instance, piece

    def _known_validations(self) -> Mapping[_Place, _Validation]:
        """Return the validations of the base world."""
        if self._validations is None:
            self._validations = {}
            recorder = self.base.run.recorder
            for place, instance, piece in self._validations_of(self.base.instances()):
                is_false, read = recorder.of(_is_false, instance, piece)
                if is_false and not self._is_used(instance):
                    continue
                self._validations[place] = _Validation(is_false, None if read is None else read.inputs)
        return self._validations

    def _is_used(self, instance: TerraformModuleInstance) -> bool:
        """Return whether the base world certainly uses a module."""
        given = instance.call.given
        return not isinstance(given, CallArguments) or self.base.exists(given.symbol) is True

    def _validations_of(
        self, instances: Iterable[TerraformModuleInstance]
    ) -> Iterator[tuple[_Place, TerraformModuleInstance, FileAttribute]]:
        """Yield the conditions that variables of some uses of modules have to meet."""
        for instance in instances:
            found = self._conditions.get(id(instance.folder))
            if found is None:
                found = self._conditions[id(instance.folder)] = _validations_in(instance.folder)
            for piece in found:
                yield (instance.prefix, piece.path, piece.attribute.start), instance, piece

    def required(self, declaration: AnySymbol, world: World) -> Iterable[Alternative]:
        """Return the candidates for names that are not empty, and for what a declaration belongs to."""
        lowered = self.world(world).gather()
        if not isinstance(lowered, ResourceCollector):
            return ()
        goals = [goal for same in self.world(world).symbols(declaration) for goal in self._without_target(same)]
        for address in lowered.created.get(declaration.address, ()):
            entity = lowered.unnamed.get(address)
            piece = entity.symbol.declaration.attributes.get("name") if entity is not None else None
            node = piece.attribute.expression() if piece is not None else None
            if entity is not None and piece is not None and node is not None:
                scope = scope_in_block(entity.symbol, entity.step.key, entity.local, piece)
                is_null = lowered.run.resources[address].attributes.fields.get("name") is None
                goals.append((scope, node, solve.NOT_NULL if is_null else solve.NOT_EMPTY))
        return self.solver.solve(goals) if goals else ()

    def _without_target(self, symbol: AnySymbol) -> Iterator[Goal]:
        """Yield the arguments of the first instance that name what it belongs to, and are null or empty."""
        for entity in (
            symbol.instances[:1] if isinstance(symbol, TerraformResourceSymbol) and not symbol.is_data else ()
        ):
            for piece in _targets_of(symbol.declaration):
                node = piece.attribute.expression()
                scope = scope_in_block(symbol, entity.step.key, entity.local, piece)
                value = self._language.value(scope, node) if node is not None else None
                if node is not None and (
                    isinstance(value, Absent) or (isinstance(value, Scalar) and value.value == "")
                ):
                    yield scope, node, solve.NOT_EMPTY

    def faults(self, declaration: AnySymbol, world: World) -> Faults[AnySymbol]:  # noqa: ARG002  # of any
        """Return what makes the plan fail in a world, but not in the base world."""
        found = self._faults.get(world)
        if found is None:
            here = self.world(world)
            self._early.setdefault(world, frozenset(here.run.failures))
            here.gather()
            self._check_base()
            for instance in list(here.instances()) if isinstance(here, TerraformWorld) else ():
                self._plan.evaluate(instance, here.run.recorder)
            failures = {place: here.run.failures[place] for place in self._failed(here, here.run.failures)}
            # What has no instances is known where its value was first used, which may be a place that may not exist.
            every = (one for place, one in here.run.failures.items() if place not in self.base.run.failures)
            needed = {symbol.address: symbol for one in every for symbol in one.needed} if failures else {}
            avoided = partial(self._avoiding, here, failures)
            found = self._faults[world] = Faults(bool(failures), tuple(needed.values()), avoided)
        return found

    def undecided(self, declaration: AnySymbol, world: World) -> Iterable[AnySymbol]:
        """See the base class."""
        here = self.world(world)
        around = (same for one in (*_calls(declaration), declaration) for same in here.symbols(one))
        taken = {one.address: one for same in around for one in self._taken.by(same)}
        return [one for one in taken.values() if one.is_there() is None]

    def _avoiding(self, here: RootInWorld[AnySymbol], failures: Mapping[_Place, Failure]) -> Iterator[Alternative]:
        """Yield the candidates with which the first of some expressions is not evaluated."""
        uses = {one.prefix: one for one in here.instances()} if isinstance(here, TerraformWorld) else {}
        for (prefix, path, start), failure in islice(failures.items(), 1):
            if prefix in uses:
                scope = TerraformExpressionScope(uses[prefix], path, failure.local)
                for goal in not_evaluated(self._language, scope, failure.node, start):
                    yield from self.solver.solve([goal])


_Place: TypeAlias = tuple[str, str, int]


class _Validation(NamedTuple):
    """Whether a condition is not met in the base world, and the inputs that it reads."""

    is_false: bool = False
    inputs: Inputs | None = None


_NEW = _Validation()


def _validations_in(folder: Folder) -> tuple[FileAttribute, ...]:
    """Return the conditions that the variables of a module have to meet."""
    blocks = (part for one in folder.variables.values() for part in one.blocks if part.block.type == "validation")
    return tuple(part.attributes["condition"] for part in blocks if "condition" in part.attributes)


def _targets_of(declaration: TerraformDeclaration) -> Iterator[FileAttribute]:
    for attributes in (declaration.attributes, *(part.attributes for part in declaration.blocks)):
        yield from (attributes[name] for name in _TARGETS if name in attributes)


def _is_false(instance: TerraformModuleInstance, piece: FileAttribute) -> bool:
    found = instance.evaluate(piece, NOTHING)
    return isinstance(found, Scalar) and found.value is False


def _is_evaluated(use: TerraformModuleInstance, path: str, start: int) -> bool:
    """Return whether Terraform certainly evaluates the expression at a place: in what may not exist it may not."""
    given = use.call.given
    while isinstance(given, CallArguments):
        expanded = given.symbol.expanded()
        if expanded is None or expanded.conditions or given.step.conditions:
            return False
        given = given.caller.call.given
    for declared in (*use.folder.resources.values(), *use.folder.modules.values()):
        if any(one.path == path and one.block.start <= start < one.block.end for one in declared.layers):
            amounts = (declared.attributes[name] for name in ("count", "for_each") if name in declared.attributes)
            if any(one.path == path and one.attribute.start <= start < one.attribute.end for one in amounts):
                return True
            symbol = (
                use.module(declared.local) if declared.local in use.folder.modules else use.resource(declared.local)
            )
            return symbol is not None and symbol.is_there() is True
    return True


def _is_nullable(declaration: TerraformDeclaration) -> bool:
    piece = declaration.attributes.get("nullable")
    literal = piece.literal if piece is not None else None
    return not (isinstance(literal, Scalar) and literal.value is False)


def _reads_arguments(folder: Folder, piece: FileAttribute) -> bool:
    """Return whether an attribute refers to a variable of its module, also through local values."""
    waiting, seen = [piece], set()
    while waiting:
        node = waiting.pop().attribute.expression()
        for head, *names in references_in(node) if node is not None else ():
            if head == "var":
                return True
            local = folder.locals.get(names[0]) if head == "local" and names else None
            if local is not None and names[0] not in seen:
                seen.add(names[0])
                waiting.append(local)
    return False


def amount_of(symbol: TerraformSymbol[Any]) -> FileAttribute | None:
    """Return the attribute that decides how many instances there are; None for OpenTofu's ``enabled``."""
    attributes = symbol.declaration.attributes
    return attributes.get("count", attributes.get("for_each"))
