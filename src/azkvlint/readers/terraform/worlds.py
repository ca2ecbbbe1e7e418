"""The worlds of a root module: what it deploys with other values of its variables than their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation import solve
from azkvlint.evaluation.budget import STEPS_OF_A_SCENARIO, Budget
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.reads import WITHOUT_RECORD, Inputs, ReadRecorder
from azkvlint.evaluation.solve import Alternative, Declared, Input, Solver, Target, Written
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.terraform.types import type_of
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.graph.duplicates import without_duplicates
from azkvlint.graph.worlds import BASE, Change, Existence, Facts, Faults, Never, Search, Variant, World, condition_of
from azkvlint.model.condition import UNDECIDED
from azkvlint.model.location import Location
from azkvlint.model.value import NOT_EMPTY as KNOWN_NOT_EMPTY
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Plain, Scalar, Unknown
from azkvlint.readers.terraform.collect import ResourceCollector
from azkvlint.readers.terraform.folder import Folder, Piece, may_disable
from azkvlint.readers.terraform.module_evaluation import META, CallArguments, ModuleCallSymbol, ModuleInstance
from azkvlint.readers.terraform.resource_symbols import ResourceSymbol, Symbol
from azkvlint.readers.terraform.run import ModuleScope, TerraformRun, VariableValues
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

AnySymbol: TypeAlias = ResourceSymbol | ModuleCallSymbol
_Goal: TypeAlias = tuple[object, ast.Node, Target]
_ABSENCE = {"count": "`count` is 0", "for_each": "`for_each` is empty", "": "`enabled` is false"}
_MOST_NAMED = 3
# Items of a loop whose members may be changed.
_MOST_ITEMS = 5
_VAR = "var."


class WorldValues:
    """The values of a root module's variables in a world, those of the base world but for what differs."""

    def __init__(self, base: VariableValues, changes: World, root: ModuleInstance) -> None:
        self.base = base
        self._root = root
        self._changes: dict[str, list[Change]] = {}
        for change in sorted(changes):
            self._changes.setdefault(change.input.removeprefix(_VAR), []).append(change)

    def get(self, name: str, /) -> Result | None:
        """Return the value of one variable; None for a variable without a value."""
        changes = self._changes.get(name)
        if changes is None:
            return self.base.get(name)
        declaration = self._root.folder.variables[name]
        at = self._root.locate(declaration)
        has_default = "default" in declaration.attributes
        why = f"`var.{name}` has {'only a default value' if has_default else 'no value'}"
        found: Result | None = None
        for change in changes:
            value = _value(change, kind_of(self._root, name), why, at)
            if not change.path:
                found = value
                continue
            found = _with_member(self._root.variable(name, at) if found is None else found, change.path, value, why, at)
        return found

    def final_value(self, name: str, found: Result, at: Location, /) -> Result:
        """Return the value itself, unless it is that of the base world."""
        return found if name in self._changes else self.base.final_value(name, found, at)


def _value(change: Change, kind: str, why: str, at: Location) -> Result:
    """Return the value of an input or member, of which as much is known as its state implies."""
    kind = "any" if change.path else kind
    known = NOTHING_KNOWN
    match change.state, change.value:
        case "equal", None:
            return Absent(at=at)
        case "equal", plain:
            return Scalar(at=at, value=_plain(plain))
        case "containing", plain:
            return Items(at=at, items=[Scalar(at=at, value=_plain(plain))])
        case "empty", _:
            return Fields(at=at, fields={}) if kind in ("map", "object") else Items(at=at, items=[])
        case "not equal", plain:
            known = Known(is_text=True, differs=(str(plain),))
        case "not empty", _:
            known = Known(least=1, is_text=True) if kind == "string" else KNOWN_NOT_EMPTY
        case "of length", int() as number:
            known = Known(least=number, most=number)
        case "unknown", _:
            return Unknown(at=at, why=why)
    return Unknown(at=at, why=why, given=True, known=known)


def _plain(value: Plain | None) -> Plain:
    return "" if value is None else value


def _with_member(of: Result, path: Sequence[str], value: Result, why: str, at: Location) -> Result:
    """Return an object with another value of a member; of one that is made up, the others are unknown."""
    if not path:
        return value
    name, *inner = path
    if isinstance(of, Fields):
        member = _with_member(of.fields.get(name, Absent(at=at)), inner, value, why, at)
        return Fields(at=of.at, fields={**of.fields, name: member}, rest=of.rest, kind=of.kind)
    member = _with_member(Absent(at=at), inner, value, why, at)
    return Fields(at=at, fields={name: member}, rest=Unknown(at=at, why=why))


def kind_of(root: ModuleInstance, name: str) -> str:
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


class _Scope(NamedTuple):
    """Where an expression is written.

    ``items`` are what variables stand for: an item of an expression in another scope, by its key.
    """

    instance: ModuleInstance
    path: str
    local: Local = NOTHING
    items: Mapping[str, tuple[_Scope, ast.Node, str]] = {}


class _Terraform:
    """The language of Terraform for the search of candidates."""

    def resolve(self, scope: object, node: ast.Node) -> Input | Written | Declared | None:
        """Return what a reference means; None if that has no other values."""
        steps = _steps(node)
        if not isinstance(scope, _Scope) or len(steps) < 2:
            return None
        instance, (head, name, *rest) = scope.instance, steps
        match head:
            case "var":
                return _variable(instance, str(name), rest)
            case "local":
                return _written(scope, instance.folder.locals.get(str(name)), rest)
            case "each" if name == "value" and head in scope.items:
                return _of_item(scope.items[head], rest)
            case str() if head in scope.items:
                return _of_item(scope.items[head], [name, *rest])
            case "module":
                return _of_call(instance.module(str(name)), rest)
            case "data" if rest:
                return _of_resource(instance.resource(f"data.{name}.{rest[0]}"), rest[1:])
            case str():
                return _of_resource(instance.resource(f"{head}.{name}"), rest)
        return None

    def value(self, scope: object, node: ast.Node) -> Result | None:
        """Return the value of an expression; None if it fails."""
        if not isinstance(scope, _Scope):
            return None
        evaluator, recorder = scope.instance.scope(scope.path).evaluator, scope.instance.run.recorder
        try:
            return recorder.apart(partial(evaluator.evaluate, node, scope.local))[0]  # type: ignore[arg-type]  # a part of an expression
        except FailedError:
            return None

    def items(self, scope: object, node: ast.Comprehension) -> Iterator[object]:
        """Yield the scopes of the items of a loop that are known."""
        over = self.value(scope, node.over)
        if not isinstance(scope, _Scope) or not isinstance(over, Fields):
            return
        for key, value in islice(over.fields.items(), _MOST_ITEMS):
            local: Local = {**scope.local, node.value: value}
            if node.key:
                local = {**local, node.key: Scalar(at=value.at, value=key)}
            yield scope._replace(local=local, items={**scope.items, node.value: (scope, node.over, key)})

    def parsed(self, scope: object, node: ast.Data) -> ast.Node | None:  # noqa: ARG002  # HCL has no such strings
        """Return None: there are no expressions in data."""
        return None


_Step: TypeAlias = str | int | None


def _steps(node: ast.Node) -> list[_Step]:
    """Return the names and keys of a reference, None for a key that is an expression; empty for all else."""
    found: list[_Step] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Member(of=of, name=name):
                found.append(name)
            case ast.Item(of=of, index=ast.Literal(value=str() | int() as key)):
                found.append(key)
            case ast.Item(of=of):
                found.append(None)
            case _:
                return []
        node = of
    return [node.name, *reversed(found)]


def _with_path(scope: _Scope, node: ast.Node, rest: Sequence[_Step]) -> Written | None:
    names = tuple(step for step in rest if isinstance(step, str))
    return Written(scope, node, names) if len(names) == len(rest) else None


def _of_item(item: tuple[_Scope, ast.Node, str], rest: Sequence[_Step]) -> Written | None:
    scope, over, key = item
    return _with_path(scope, over, [key, *rest])


def _written(scope: _Scope, piece: Piece | None, rest: Sequence[_Step]) -> Written | None:
    """Return the expression of an attribute in the same module, which has no variables of its own."""
    return None if piece is None else _of_piece(_Scope(scope.instance, piece.path), piece, rest)


def _of_piece(scope: _Scope, piece: Piece, rest: Sequence[_Step]) -> Written | None:
    node = piece.attribute.expression()
    return None if node is None else _with_path(scope, node, rest)


def _variable(instance: ModuleInstance, name: str, rest: Sequence[_Step]) -> Input | Written | None:
    given = instance.call.given
    if not isinstance(given, CallArguments):
        names = tuple(step for step in rest if isinstance(step, str))
        return Input(_VAR + name, names) if len(names) == len(rest) else None
    piece = given.pieces.get(name) if name not in META else None
    return (
        None if piece is None else _of_piece(_in_block(given.symbol, given.step.key, given.local, piece), piece, rest)
    )


def _in_block(symbol: Symbol[Any], key: object, local: Local, piece: Piece) -> _Scope:
    """Return the scope of an argument of an instance."""
    instance = symbol.instance
    if not isinstance(instance, ModuleInstance):
        raise TypeError("instance")
    over = symbol.declaration.attributes.get("for_each")
    node = over.attribute.expression() if over is not None else None
    if over is None or node is None or not isinstance(key, str):
        return _Scope(instance, piece.path, local)
    return _Scope(instance, piece.path, local, {"each": (_Scope(instance, over.path), node, key)})


def _of_call(symbol: ModuleCallSymbol | None, rest: Sequence[_Step]) -> Written | Declared | None:
    if symbol is None:
        return None
    named = [step for step in rest if isinstance(step, str)]
    if not rest:
        return Declared(goals_of(symbol))
    # The first may be the key of an instance.
    for use in symbol.instances[:1]:
        for at, name in enumerate(named[:2]):
            declaration = use.content.folder.outputs.get(name) if use.content is not None else None
            piece = declaration.attributes.get("value") if declaration is not None else None
            if piece is not None and use.content is not None:
                return _of_piece(_Scope(use.content, piece.path), piece, named[at + 1 :])
    return Declared(goals_of(symbol)) if not symbol.instances else None


def _of_resource(symbol: ResourceSymbol | None, rest: Sequence[_Step]) -> Written | Declared | None:
    if symbol is None:
        return None
    if not rest or not symbol.instances:
        return Declared(goals_of(symbol))
    entity = symbol.instances[0]
    named = [step for step in rest if isinstance(step, str)]
    for at, name in enumerate(named[:2]):
        piece = symbol.declaration.attributes.get(name)
        if piece is not None:
            return _of_piece(_in_block(symbol, entity.step.key, entity.local, piece), piece, named[at + 1 :])
    return None


def goals_of(symbol: Symbol[Any]) -> tuple[_Goal, ...]:
    """Return the expressions that decide whether a declaration has instances, with what they are to be."""
    instance, attributes = symbol.instance, symbol.declaration.attributes
    if not isinstance(instance, ModuleInstance):
        return ()
    target = [(attributes[name], kind) for name, kind in _AMOUNTS if name in attributes]
    target += [
        (part.attributes["enabled"], solve.TRUE) for part in symbol.declaration.blocks if may_disable(part.block)
    ]
    found: list[_Goal] = []
    for piece, kind in target:
        node = piece.attribute.expression()
        if node is not None:
            found.append((_Scope(instance, piece.path), node, kind))
    return tuple(found)


_AMOUNTS = (("count", solve.POSITIVE), ("for_each", solve.NOT_EMPTY))


class TerraformWorld:
    """One root module in one world."""

    def __init__(self, run: TerraformRun, root: ModuleInstance) -> None:
        self.run = run
        self.root = root
        self.collector: ResourceCollector | None = None
        self._modules: dict[str, ModuleInstance | None] = {}

    def module(self, instance: ModuleScope) -> ModuleInstance | None:
        """Return the same use of a module in this world; None if there is none."""
        given = instance.call.given
        if not isinstance(given, CallArguments):
            return self.root
        key = instance.prefix
        if key not in self._modules:
            self._modules[key] = None
            call = self.symbol(given.symbol)
            use = call.instance_with_key(given.step) if isinstance(call, ModuleCallSymbol) else None
            self._modules[key] = use.content if use is not None else None
        return self._modules[key]

    def symbol(self, symbol: Symbol[Any]) -> AnySymbol | None:
        """Return the same declaration in this world; None if its module is not used there."""
        module, local = self.module(symbol.instance), symbol.declaration.local
        if module is None:
            return None
        return module.module(local) if symbol.is_call else module.resource(local)

    def exists(self, symbol: Symbol[Any]) -> bool | None:
        """Return whether a declaration has instances, all modules around it included; None if that is not known."""
        answer: bool | None = True
        for one in (*_calls(symbol), symbol):
            same = self.symbol(one)
            found = same.expanded() if same is not None else None
            if found is None or not found.steps:
                return False
            if found.conditions or all(step.conditions for step in found.steps):
                answer = None
        return answer

    def instances(self) -> Iterator[ModuleInstance]:
        """Yield all uses of modules."""
        waiting = [self.root]
        while waiting:
            here = waiting.pop()
            yield here
            waiting += [use.content for call in here.calls() for use in call.instances if use.content is not None]


def _calls(symbol: Symbol[Any]) -> list[ModuleCallSymbol]:
    """Return the module calls around a declaration, outermost first."""
    found: list[ModuleCallSymbol] = []
    given = symbol.instance.call.given
    while isinstance(given, CallArguments):
        found.append(given.symbol)
        given = given.caller.call.given
    return found[::-1]


class Worlds:
    """The worlds of one root module.

    Their work counts apart from that of the root module itself, so that it cannot keep that from being evaluated.
    """

    def __init__(self, run: TerraformRun, folder: Folder, base: ModuleInstance, *, is_final: bool) -> None:
        self.run = run
        self.folder = folder
        self.base = TerraformWorld(run, base)
        # Final are the values of a plan, those from defaults too, and what a Terragrunt unit leaves out.
        self.is_possible = not is_final and bool(folder.variables)
        self._solver = Solver(_Terraform())
        self._search: Search[AnySymbol] = Search(self)
        self._worlds: dict[tuple[World, bool], TerraformWorld] = {}
        self._budget: Budget | None = None
        self._facts: dict[str, Facts | None] = {}
        self._watched: set[str] = set()
        self._gathered: ResourceCollector | None = None
        self._validations: dict[_Place, _Validation] | None = None
        run.worlds = self
        run.opened.append(self.close)

    def close(self) -> None:
        """Break reference cycles, because garbage collection is off during a run."""
        for world in self._worlds.values():
            for close in world.run.opened:
                close()
            world.run.opened.clear()
        self._worlds.clear()
        self.run.worlds = None

    def variants(self, gathered: ResourceCollector) -> list[Variant]:
        """Return the variants in which the declarations exist that the base world does not create."""
        self._gathered = gathered
        self._watched.update(absence.symbol.address for absence in gathered.absent)
        waiting = [(absence.symbol, BASE) for absence in gathered.absent]
        created: dict[World, list[AnySymbol]] = {}
        for symbol, within in waiting:
            world = self._world_of(symbol, within, gathered)
            if world is None:
                continue
            created.setdefault(world, []).append(symbol)
            self._watched.add(symbol.address)
            lowered = self._lowered(self.world(world))
            waiting += [(one.symbol, world) for one in lowered.absent if symbol.address in one.around]
        return [self._variant(world, symbols) for world, symbols in created.items()]

    def _world_of(self, symbol: AnySymbol, within: World, gathered: ResourceCollector) -> World | None:
        """Return the world in which a declaration exists; None if there is none, which is then accounted for."""
        if not gathered.may_have_results(symbol):
            return None
        piece = amount_of(symbol)
        is_literal = piece is not None and isinstance(piece.attribute.expression(), ast.Literal)
        if is_literal:
            gathered.skip(symbol, absence_of(symbol))
            return None
        try:
            if not self.is_possible:
                fixed = self.existence(symbol, within).fixed
                gathered.skip(symbol, _reason(symbol, Never(tuple(sorted(fixed)))))
                return None
            found = self._search.find(symbol, within)
            if not isinstance(found, Never):
                self._lowered(self.world(found))
                return found
            gathered.skip(symbol, _reason(symbol, found))
        except (InputError, RecursionError) as error:
            gathered.skip(symbol, self.run.skip_for(error, symbol.address, symbol.at))
        return None

    def _variant(self, changes: World, symbols: Sequence[AnySymbol]) -> Variant:
        world = self.world(changes)
        lowered = self._lowered(world)
        created: list[str] = []
        for symbol in symbols:
            if symbol.address not in lowered.created:
                lowered.lower_absent(world.symbol(symbol))
            created += lowered.created.get(symbol.address, ())
        known = {(problem.message, problem.at) for problem in self.run.problems}
        self.run.problems += [one for one in world.run.problems if (one.message, one.at) not in known]
        facts = {change.input: self.facts(change.input) or Facts() for change in changes}
        return Variant(
            condition=condition_of(changes, facts), resources=without_duplicates(world.run.resources),
            created=frozenset(created), is_complete=world.run.closed,
        )  # fmt: skip

    def world(self, changes: World, *, is_recorded: bool = False) -> TerraformWorld:
        """Return the root module in a world. Raises InputError if that takes more work than any input needs."""
        if not changes and not is_recorded:
            return self.base
        found = self._worlds.get((changes, is_recorded))
        if found is None:
            names = frozenset(change.input for change in changes)
            recorder = ReadRecorder() if is_recorded else WITHOUT_RECORD
            run = self.run.in_world(self._budget_of_worlds(), recorder, names)
            values = WorldValues(self.base.root.call.given, changes, self.base.root)
            root = ModuleInstance(self.folder, run, msgspec.structs.replace(self.base.root.call, given=values))
            root.base = self.base.root
            found = self._worlds[changes, is_recorded] = TerraformWorld(run, root)
        return found

    def _budget_of_worlds(self) -> Budget:
        if self._budget is None:
            self._budget = self.run.budget.second_budget(self.run.unit)
        self._budget.steps = max((world.run.budget.steps for world in self._worlds.values()), default=0)
        self._budget.spend(STEPS_OF_A_SCENARIO)
        return self._budget

    def _lowered(self, world: TerraformWorld) -> ResourceCollector:
        """Return the collector of a world, with all of its resources."""
        if world.collector is None:
            world.collector = ResourceCollector(world.run, self.folder, self._watched, self._gathered)
            world.collector.lower(world.root, frozenset())
            world.collector.finish()
        return world.collector

    def open_module(self, module: ModuleScope) -> ModuleInstance | None:
        """Return a module without the defaults of the root's variables; None if it is not used then."""
        if not self.is_possible:
            return None
        defaults = {
            name for name, one in self.folder.variables.items()
            if "default" in one.attributes and self.facts(_VAR + name) is not None
        }  # fmt: skip
        return self.world(frozenset(Change(_VAR + name, (), UNDECIDED) for name in defaults)).module(module)

    def facts(self, name: str) -> Facts | None:
        """Return what is known of an input; None if its value is fixed."""
        if name not in self._facts:
            self._facts[name] = self._facts_of(name.removeprefix(_VAR)) if name.startswith(_VAR) else None
        return self._facts[name]

    def _facts_of(self, name: str) -> Facts | None:
        declaration = self.folder.variables.get(name)
        root = self.base.root
        if not self.is_possible or declaration is None or self._has_value(name):
            return None
        return Facts(
            kind=kind_of(root, name), allowed=tuple(_allowed(name, declaration.blocks)),
            is_secret=declaration.is_marked, at=root.locate(declaration),
        )  # fmt: skip

    def _has_value(self, name: str) -> bool:
        get = self.base.root.call.given.get
        return self.base.run.recorder.apart(partial(get, name.removeprefix(_VAR)))[0] is not None

    def candidates(self, declaration: AnySymbol, world: World) -> Sequence[Alternative]:  # noqa: ARG002  # it is that of the declaration
        """Return the candidates for a declaration that does not exist in a world."""
        return self._solver.solve(goals_of(declaration))

    def exists(self, declaration: AnySymbol, world: World) -> bool | None:
        """Return whether a declaration has instances in a world; None if that is not known."""
        return self.world(world).exists(declaration)

    def existence(self, declaration: AnySymbol, world: World) -> Existence:
        """Return whether a declaration has instances in a world, with what is read to decide it."""
        here = self.world(world, is_recorded=True)
        exists, inputs = here.run.recorder.apart(lambda: _traced(here, declaration))
        names = frozenset(name for name in inputs or () if name.startswith(_VAR))
        return Existence(
            exists, free=frozenset(name for name in names if self.facts(name) is not None),
            fixed=frozenset(name for name in names if self._has_value(name)),
        )  # fmt: skip

    def violated(self, world: World) -> Sequence[Alternative] | None:
        """Return the candidates for a validation that rejects the inputs of a world, but not those of the base world;
        None if none does.
        """
        if self._validations is None:
            self._validations = {}
            recorder = self.base.run.recorder
            for place, instance, piece in _validations(self.base):
                is_false, read = recorder.of(_is_false, instance, piece)
                self._validations[place] = _Validation(is_false, None if read is None else read.inputs)
        here = self.world(world)
        for place, instance, piece in _validations(here):
            known = self._validations.get(place, _NEW)
            is_same = known.inputs is not None and known.inputs.isdisjoint(here.run.changed)
            if not is_same and not known.is_false and _is_false(instance, piece):
                node = piece.attribute.expression()
                return () if node is None else self._solver.solve([(_Scope(instance, piece.path), node, solve.TRUE)])
        return None

    def required(self, declaration: AnySymbol, world: World) -> Sequence[Alternative]:
        """Return the candidates for names that are not empty."""
        lowered = self._lowered(self.world(world))
        goals: list[_Goal] = []
        for address in lowered.created.get(declaration.address, ()):
            entity = lowered.unnamed.get(address)
            piece = entity.symbol.declaration.attributes.get("name") if entity is not None else None
            node = piece.attribute.expression() if piece is not None else None
            if entity is not None and piece is not None and node is not None:
                scope = _in_block(entity.symbol, entity.step.key, entity.local, piece)
                goals.append((scope, node, solve.NOT_EMPTY))
        return self._solver.solve(goals) if goals else ()

    def faults(self, world: World) -> Faults[AnySymbol]:
        """Return what makes the plan fail in a world, but not in the base world."""
        here = self.world(world)
        self._lowered(here)
        failures = [needed for key, needed in here.run.failures.items() if key not in self.run.failures]
        needed = {symbol.address: symbol for every in failures for symbol in every}
        return Faults(bool(failures), tuple(needed.values()))


def _traced(world: TerraformWorld, symbol: AnySymbol) -> bool | None:
    exists = world.exists(symbol)
    for one in (*_calls(symbol), symbol):
        same = world.symbol(one)
        if same is not None:
            same.expanded()
    return exists


_Place: TypeAlias = tuple[str, str, int]


class _Validation(NamedTuple):
    """Whether a condition is not met in the base world, and the inputs that it reads."""

    is_false: bool = False
    inputs: Inputs | None = None


_NEW = _Validation()


def _validations(world: TerraformWorld) -> Iterator[tuple[_Place, ModuleInstance, Piece]]:
    """Yield the conditions that variables have to meet."""
    for instance in world.instances():
        for declaration in instance.folder.variables.values():
            for part in declaration.blocks:
                condition = part.attributes.get("condition") if part.block.type == "validation" else None
                if condition is not None:
                    yield (instance.prefix, condition.path, condition.attribute.start), instance, condition


def _is_false(instance: ModuleInstance, piece: Piece) -> bool:
    found = instance.evaluate(piece, NOTHING)
    return isinstance(found, Scalar) and found.value is False


def _allowed(name: str, blocks: Sequence[Any]) -> Iterator[Plain]:
    """Yield the values that a variable accepts, if a validation lists them."""
    for part in blocks:
        condition = part.attributes.get("condition") if part.block.type == "validation" else None
        match condition.attribute.expression() if condition is not None else None:
            case ast.Call(
                name="contains", arguments=(ast.Array(items=items), ast.Member(of=ast.Name(name="var"), name=other))
            ):
                if other == name:
                    yield from (
                        item.value for item in items if isinstance(item, ast.Literal) and item.value is not None
                    )


def amount_of(symbol: Symbol[Any]) -> Piece | None:
    """Return the attribute that decides how many instances there are; None for OpenTofu's ``enabled``."""
    attributes = symbol.declaration.attributes
    return attributes.get("count", attributes.get("for_each"))


def absence_of(symbol: Symbol[Any]) -> str:
    """Return why a declaration has no instances."""
    piece = amount_of(symbol)
    return _ABSENCE[piece.attribute.name if piece is not None else ""]


def _reason(symbol: Symbol[Any], never: Never) -> str:
    """Return why a declaration never has instances."""
    absence = absence_of(symbol)
    if never.fixed:
        return f"{absence} with the given value of {_quoted(never.fixed)}"
    if never.free:
        return f"{absence} with every value of {_quoted(never.free)}"
    return f"{absence} with the arguments of the module call" if symbol.instance.prefix else absence


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:_MOST_NAMED])
