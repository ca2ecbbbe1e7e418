"""Declarations of resources and modules: their iterations, members, arguments and outputs, evaluated on first use."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, Protocol, TypeVar

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.known_parts import conjuncts
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, ReadSet, inputs_of
from azkvlint.evaluation.values import (
    MAX_ITEMS,
    Entity,
    Fields,
    Items,
    PartlySecret,
    Result,
    field_of,
    find_field,
    pattern_of,
)
from azkvlint.graph import existence
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, CallHole, DeclaredHole, Pattern, Text, declared_hole, hole, join_texts
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.bicep.document import DeclaredTypes, File, SecureParts, body_of, properties_of
from azkvlint.readers.bicep.files import BicepRun
from azkvlint.readers.deployment.scope import Scope
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.values.secrecy import has_literal


class FileInstance(DeclaredTypes, Protocol):
    """A Bicep file with the parameters and the scope of one call."""

    file: File
    run: BicepRun
    module_call: ModuleCall
    prefix: str
    scope: Scope
    evaluator: Evaluator
    is_foreign: bool

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""

    def reported_location(self, at: Location) -> Location:
        """Return the location at which reports show a location in this file."""

    def record_scope(self) -> None:
        """Record that the scope of the deployment is used."""

    def head(self, node: ast.Resource | ast.Module) -> Location:
        """Return the location of the head of a declaration."""

    def value(self, name: str) -> Result | None:
        """Return the value of a declaration; None if there is none of that name."""

    def secure_parts(self, type_: ast.Type | None) -> SecureParts | None:
        """Return which parts of a type are secure; None if no part is."""

    def module(self, node: ast.Module) -> ModuleSymbol:
        """Return the symbol of a module declaration."""

    def source_of(self, node: ast.Module) -> Source | None:
        """Return the source of a module; None, with a Problem, if it cannot be read."""


class Closable(Entity, Protocol):
    """An entity that holds others."""

    def close(self) -> None:
        """Release all objects."""


_One = TypeVar("_One", bound=Closable)


class Symbol(Generic[_One]):
    """One declaration in one module instance, and in one iteration of the resource around it."""

    address: str

    def __init__(self, instance: FileInstance, node: ast.Resource | ast.Module, local: Local, address: str) -> None:
        self.instance = instance
        self.declaration = node
        self.local = local
        self.address = address
        self._expanded: _Iterations | None = None
        self._read: Inputs | None = None
        self._entities: list[_One] = []
        self._keyed: list[_One] = []
        self._result: Result | None = None

    def close(self) -> None:
        """Release all objects: see ``ModuleInstance.close``."""
        for entity in (*self._entities, *self._keyed):
            entity.close()
        self._entities.clear()
        self._keyed.clear()
        self._expanded = self._result = None

    @abstractmethod
    def entity(self, iteration: Iteration) -> _One:
        """Return the resource or module of one iteration."""

    @property
    def entities(self) -> list[_One]:
        """Return one entity for each iteration. Raises InputError above the limit of resources."""
        self.expand()
        return self._entities

    def expand(self) -> _Iterations:
        """Return the iterations. Raises InputError above the limit of resources."""
        if self._expanded is None:
            budget = self.instance.run.budget
            found, read = budget.recorder.of(
                iterations, self.instance.evaluator, self.declaration.body, self.local, self.address, budget
            )
            self._read = inputs_of(read)
            self._entities = [self.entity(iteration) for iteration in found.items]
            self._expanded = found
        elif self._read:
            self.instance.run.recorder.add_inputs(self._read)
        return self._expanded

    def entity_of(self, iteration: Iteration) -> _One | None:
        """Return the entity with the same key; where one represents all iterations, that one with the key."""
        found = self.expand()
        for known, entity in zip(found.items, self._entities, strict=True):
            if known.key == iteration.key:
                return entity
        if not found.symbolic:
            return None
        one = found.items[0]
        entity = self.entity(
            Iteration(key=iteration.key, local=one.local, body=one.body, condition=one.condition, loop=one.loop)
        )
        self._keyed.append(entity)
        return entity

    def result(self) -> Result:
        """Return the value of the symbol in an expression: a resource or module, or a list of them."""
        found = self.expand()
        if self._result is None:
            at = self.instance.head(self.declaration)
            if not found.is_loop:
                self._result = self._entities[0]
            elif found.symbolic:
                self._result = Symbolic(self._entities[0], found.positions, at)
            else:
                self._result = Items(at=at, items=list(self._entities))
        return self._result


class Symbolic:
    """All iterations of a loop of unknown length, represented by one."""

    def __init__(self, one: Entity, positions: frozenset[Pattern], at: Location) -> None:
        self.one = one
        self.positions = positions
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Return Unknown: a loop has no members."""
        return Unknown(at=at, why=f"`{name}` is accessed on all instances of a loop")

    def item(self, index: Result, at: Location) -> Result:
        """Return the entity for all iterations, in a loop over the same value; other indexes are unknown."""
        if isinstance(index, Unknown) and index.pattern in self.positions:
            return self.one
        return Unknown(at=at, why="the number of items in the loop is unknown")


class Body:
    """The written members of one declaration, each evaluated on first use."""

    def __init__(self, instance: FileInstance, name: str, iteration: Iteration) -> None:
        self.evaluator = instance.evaluator
        self.name = name
        self.object = iteration.body
        self.local = iteration.local
        self.at = instance.place(iteration.body)
        self.properties = properties_of(self.object)
        self._recorder = instance.run.recorder
        self._values: dict[str, Result | None] = {}
        self._reads: dict[str, ReadSet] = {}
        self._busy: set[str] = set()

    def close(self) -> None:
        """Release all objects: see ``ModuleInstance.close``."""
        self._values.clear()
        self._reads.clear()

    def get(self, name: str) -> Result | None:
        """Return the value of a member; None if it is not written."""
        if name in self._values:
            if name in self._reads:
                self._recorder.add(self._reads[name], self._values[name])
            return self._values[name]
        if self.properties is not None and name not in self.properties:
            return None
        if name in self._busy:
            self._recorder.read_all()
            return Unknown(at=self.at, why=f"`{self.name}` refers to itself")
        self._busy.add(name)
        try:
            found, read = self._recorder.of(self._evaluate, name)
        finally:
            self._busy.discard(name)
        self._values[name] = found
        if read is not None:
            self._reads[name] = read
        return found

    def _evaluate(self, name: str) -> Result | None:
        if self.properties is not None:
            return self.evaluator.declared_property(self.properties[name], self.local)
        return field_of(self.all_members(), name)

    def all_members(self) -> Fields:
        """Return all members at once, where their names are not literals."""
        node = self.object
        found = self.evaluator.evaluate(ast.Object(node.start, node.end, node.members), self.local)
        return found if isinstance(found, Fields) else Fields(at=self.at, fields={})


class ParameterValues(Protocol):
    """The arguments of parameters by name; None for a parameter without one."""

    def get(self, name: str, /) -> Result | None:
        """Return the argument of one parameter; None if there is none."""


class ModuleCall(msgspec.Struct, frozen=True, kw_only=True):
    """The call of a file. ``prefix`` is that of the addresses in it, ``chain`` are the files around it.

    ``module`` is the module that calls it, ``scenario`` the one in which it is evaluated.
    ``copies`` is how many calls like it there are. ``deployment``: the names (patterns) of the deployments around it.
    ``is_root``: its parameters are inputs of the root.
    """

    given: ParameterValues
    scope: Scope
    prefix: str = ""
    deployment: Text = ""
    callers: tuple[Location, ...] = ()
    chain: tuple[str, ...] = ()
    module: ModuleEntity | None = None
    scenario: existence.Scenario | None = None
    copies: int = 1
    is_root: bool = False


class ModuleSymbol(Symbol["ModuleEntity"]):
    """A module declaration."""

    def __init__(self, instance: FileInstance, node: ast.Module) -> None:
        super().__init__(instance, node, {}, instance.prefix + node.name)
        self.node = node
        self._source: Source | None = None
        self._is_found = False

    def entity(self, iteration: Iteration) -> ModuleEntity:
        """Return the module of one iteration."""
        return ModuleEntity(self, iteration)

    @property
    def source(self) -> Source | None:
        """Return the source of the module; None, with a Problem, if it cannot be read."""
        if not self._is_found:
            self._is_found = True
            self._source = self.instance.source_of(self.node)
        return self._source


class ModuleEntity:
    """One iteration of a module declaration."""

    def __init__(self, symbol: ModuleSymbol, iteration: Iteration) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.iteration = iteration
        self.address = symbol.address + iteration.key
        self.at = self.instance.head(symbol.node)
        self.body = Body(self.instance, symbol.node.name, iteration)
        self._content: Content | None = None
        self._is_opened = False

    def close(self) -> None:
        """Release all objects: see ``ModuleInstance.close``."""
        self.body.close()
        self._content = None

    @property
    def content(self) -> Content | None:
        """Return the content of the module with its arguments; None, with a Problem, if it cannot be read."""
        if not self._is_opened:
            self._is_opened = True
            # What its scope and its arguments read is recorded where they are used.
            self._content, _ = self.instance.run.recorder.apart(self._open)
        return self._content

    def _open(self) -> Content | None:
        source = self.symbol.source
        return source.content_of(self) if source is not None else None

    @property
    def callers(self) -> tuple[Location, ...]:
        """Return the module declarations that lead into the module."""
        return (*self.instance.module_call.callers, self.instance.reported_location(self.at))

    @property
    def deployment(self) -> Text:
        """Return the names (patterns) of the deployments that lead into the module, its own last."""
        found = self.body.get("name")
        name = pattern_of(found) if found is not None else ""
        return join_texts([self.instance.module_call.deployment, "/", name or hole(self.address)])

    def arguments(self) -> Arguments:
        """Return the arguments."""
        return Arguments(self.instance, self.body, self.address, self.symbol.node.body)

    def member(self, name: str, at: Location) -> Result:
        """Return ``outputs`` or ``name``; Unknown for other members."""
        if name == "outputs":
            return Outputs(self, at)
        found = self.body.get("name") if name == "name" else None
        if found is not None:
            return found
        return Unknown(at=at, why=f"`{name}` is known after deployment", pattern=self._part(name))

    def _part(self, path: str) -> DeclaredHole:
        return declared_hole(DEPLOYMENT, self.address, path)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="a module is used as an array, so the deployment fails")

    def output(self, name: str, at: Location) -> Result:
        """Return an output of the module: the value of its expression where that can be read."""
        content = self.content
        found = content.output(name) if content is not None else None
        if found is None:
            found = Unknown(at=at, why=f"module output `{name}` is known after deployment")
        if isinstance(found, Unknown) and found.pattern is None and not found.sensitive:
            return msgspec.structs.replace(found, at=at, pattern=self._part(f"outputs.{name}"))
        return found


class Outputs:
    """The outputs of a module."""

    def __init__(self, module: ModuleEntity, at: Location) -> None:
        self.module = module
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Return one output."""
        return self.module.output(name, at)

    def item(self, index: Result, at: Location) -> Result:
        """Return an output by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="the name of the output is unknown")


class Arguments:
    """The arguments of a module declaration, each evaluated on first use."""

    def __init__(self, caller: FileInstance, body: Body, address: str, declared: ast.Expression) -> None:
        self.caller = caller
        self.declared = declared
        self.evaluator = caller.evaluator
        self.address = address
        self.local = body.local
        self._recorder = caller.run.recorder
        self._values: dict[str, Result | None] = {}
        self._reads: dict[str, ReadSet] = {}
        self._busy: set[str] = set()
        self.all_values: Result | None = None
        self._all_read: ReadSet | None = None
        node = body.properties.get("params") if body.properties is not None else None
        written = properties_of(node.value) if node is not None and isinstance(node.value, ast.Object) else None
        self.properties = written
        if written is None:
            self.all_values, self._all_read = self._recorder.of(body.get, "params")

    def get(self, name: str, /) -> Result | None:
        """Return the argument of one parameter; None if there is none."""
        if self.properties is None:
            return self._from_all_values(name)
        node = self.properties.get(name)
        if node is None:
            return None
        if name in self._values:
            if name in self._reads:
                self._recorder.add(self._reads[name], self._values[name])
            return self._values[name]
        if name in self._busy:
            at = self.evaluator.document.place(node)
            self._recorder.read_all()
            return Unknown(at=at, why=f"parameter `{name}` refers to itself")
        self._busy.add(name)
        try:
            found, read = self._recorder.of(self.evaluator.declared_property, node, self.local)
        finally:
            self._busy.discard(name)
        self._values[name] = found
        if read is not None:
            self._reads[name] = read
        return found

    def hide(self, name: str) -> None:
        """Record that the argument of a parameter is a secret, which no excerpt shows."""
        node = self.properties.get(name) if self.properties is not None else None
        if node is not None and has_literal(node.value):
            self.caller.run.hide(self.caller.place(node.value))
        elif isinstance(self.all_values, Fields) and find_field(self.all_values, name) is not None:
            self.caller.run.hide(self.all_values.at)

    def names(self) -> list[str]:
        """Return the parameters that certainly have an argument."""
        if self.properties is not None:
            return list(self.properties)
        return list(self.all_values.fields) if isinstance(self.all_values, Fields) else []

    def _from_all_values(self, name: str) -> Result | None:
        whole = self.all_values
        if self._all_read is not None:
            self._recorder.add_inputs(self._all_read.part(name).inputs)
        if whole is None or isinstance(whole, Absent):
            return None
        if isinstance(whole, Fields):
            return field_of(whole, name)
        why = whole.why if isinstance(whole, Unknown) else "the parameters of the module are not an object"
        return Unknown(at=whole.at, why=why, pattern=declared_hole(DEPLOYMENT, self.address, name))


class Content(Protocol):
    """The content of a module with the arguments of one call."""

    def output(self, name: str) -> Result | None:
        """Return an output; None if it is not known."""


class Source(Protocol):
    """The source of a module: a Bicep file, a template, or built-in support."""

    def content_of(self, module: ModuleEntity) -> Content | None:
        """Return the content with the arguments of ``module``; None, with a Problem, if it cannot be read."""


class ParameterFile:
    """The values of a parameter file, its own before those of the file that it extends."""

    def __init__(self, instance: FileInstance, base: ParameterFile | None) -> None:
        self.instance = instance
        self.base = base
        self.names = {name for name, node in instance.file.symbols.items() if isinstance(node, ast.Parameter)}

    def get(self, name: str, /) -> Result | None:
        """Return the value of one parameter; None if there is none."""
        if name in self.names:
            return self.instance.value(name)
        return self.base.get(name) if self.base is not None else None

    def all_values(self) -> dict[str, Result]:
        """Return all values by name."""
        found = self.base.all_values() if self.base is not None else {}
        for name in sorted(self.names):
            value = self.instance.value(name)
            if value is not None:
                found[name] = value
        return found


class Iteration(msgspec.Struct, frozen=True, kw_only=True):
    """One iteration of a declaration.

    ``key`` is the suffix of its address after the symbol: ``[0]``, or ``[*]`` for all iterations of a loop of unknown
    length. ``local`` are the loop variables, including those of outer loops. ``condition`` determines whether the
    iteration exists; ``loop`` is a text for the condition that the loop has items, empty if that is certain.
    """

    key: str
    local: Local
    body: ast.Object
    condition: ast.Expression | None = None
    loop: str = ""


class _Iterations(msgspec.Struct, frozen=True, kw_only=True):
    """All iterations. ``symbolic``: one represents all of them, and ``positions`` are the patterns of its index."""

    is_loop: bool
    items: list[Iteration]
    symbolic: bool = False
    positions: frozenset[Pattern] = frozenset()


def written_length(body: ast.Expression) -> int:
    """Return how many resources a declaration makes, as far as the number is written out: at least 0."""
    if not isinstance(body, ast.For):
        return 1
    match body.over:
        case ast.Call(name="range", arguments=(ast.Literal(), ast.Literal(value=int(number)))):
            return int(number) if 0 <= number <= MAX_ITEMS else 0
        case ast.Array(items=items):
            return sum(not isinstance(item, ast.Spread) for item in items)
    return 0


def is_unconditional(body: ast.Expression) -> bool:
    """Return whether a declaration, or each iteration of its loop, has no condition."""
    return not isinstance(body.body if isinstance(body, ast.For) else body, ast.If)


def iterations(evaluator: Evaluator, body: ast.Expression, local: Local, address: str, budget: Budget) -> _Iterations:
    """Return the iterations of a declaration whose symbol has the address ``address``.

    Raises InputError for a loop with more items than ``budget`` allows.
    """
    found = _iterations(evaluator, body, local, address, budget)
    if not found.is_loop or found.symbolic:
        budget.add_resources(1)
    return found


def _iterations(evaluator: Evaluator, body: ast.Expression, local: Local, address: str, budget: Budget) -> _Iterations:
    if not isinstance(body, ast.For):
        return _Iterations(is_loop=False, items=[_iteration("", local, body)])
    over, read = budget.recorder.of(evaluator.evaluate, body.over, local)
    if isinstance(over, Absent):
        return _Iterations(is_loop=True, items=[])
    if isinstance(over, Items):
        if len(over.items) > MAX_ITEMS:
            raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
        budget.add_resources(len(over.items))
        found = []
        for number, item in enumerate(over.items):
            inner = _with_variables(body, local, item, Scalar(at=over.at, value=number), budget, read)
            found.append(_iteration(f"[{number}]", inner, body.body))
        return _Iterations(is_loop=True, items=found)
    return _symbolic(evaluator, body, local, address, over, read)


def _symbolic(
    evaluator: Evaluator, body: ast.For, local: Local, address: str, over: Result, read: ReadSet | None
) -> _Iterations:
    """Return one iteration for an unknown loop. Loops over the same value have the same items."""
    known = isinstance(over, Unknown)
    why = over.why if isinstance(over, Unknown) else "a loop expects an array"
    name = over.pattern if isinstance(over, Unknown) and over.pattern is not None else address
    sensitive = isinstance(over, Unknown) and over.sensitive
    at = over.at if known else evaluator.document.place(body)
    item = Unknown(at=at, why=why, pattern=None if sensitive else hole(name, "[*]"), sensitive=sensitive)
    if isinstance(over, PartlySecret):
        item = over.below("[*]", at)
    position = hole(name, "[#]")
    number = Unknown(at=at, why=why, pattern=position)
    positions: set[Pattern] = {position}
    if (
        isinstance(name, CallHole)
        and name.name == "range"
        and name.arguments[:1] == ("0",)
        and item.pattern is not None
    ):
        positions.add(item.pattern)
    inner = _with_variables(body, local, item, number, evaluator.budget, read)
    one = _iteration("[*]", inner, body.body, hole(name, "[]").text)
    return _Iterations(is_loop=True, items=[one], symbolic=True, positions=frozenset(positions))


def _with_variables(
    body: ast.For, local: Local, item: Result, number: Result, budget: Budget, read: ReadSet | None
) -> Local:
    inner = {**local, body.item: budget.recorder.bind(item, read)}
    if body.index:
        inner[body.index] = budget.recorder.bind(number, read)
    return inner


def _iteration(key: str, local: Local, body: ast.Expression, loop: str = "") -> Iteration:
    condition = body.condition if isinstance(body, ast.If) else None
    return Iteration(key=key, local=local, body=body_of(body), condition=condition, loop=loop)


def condition_of(evaluator: Evaluator, iteration: Iteration, address: str) -> frozenset[str] | None:
    """Return the unknown conditions of an iteration as strings; None if the iteration does not exist.

    A condition that is not a boolean counts as unknown.
    """
    texts = {iteration.loop} if iteration.loop else set()
    if iteration.condition is not None:
        found = evaluator.evaluate(iteration.condition, iteration.local)
        if isinstance(found, Scalar) and found.value is False:
            return None
        if not (isinstance(found, Scalar) and found.value is True):
            pattern = found.pattern if isinstance(found, Unknown) else None
            texts.update(conjuncts(pattern if pattern is not None else hole(f"if {address}")))
    return frozenset(texts)
