"""Declarations of resources and modules, their iterations and their members, each evaluated on first use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS, Budget
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.known import known_of
from azkvlint.evaluation.known_parts import conjuncts
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, ReadSet, inputs_of
from azkvlint.evaluation.values import ConditionalEntity, Entity, Fields, Items, PartlySecret, Result, WithItem
from azkvlint.model.location import Location
from azkvlint.model.pattern import CallHole, Pattern, Text, hole, position_in
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.declarations import DeclaredTypes, SecureParts, body_of, properties_of
from azkvlint.readers.deployment.scope import DeploymentScope
from azkvlint.readers.modules.run import ModuleCall, Run
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Pointer
from azkvlint.util.errors import InputError
from azkvlint.values.origins import Origins, ValueOrigin

# The call that a loop of a template is over: the number of its iterations. No expression can have such a name.
COPIES = "\0copies"


class DeclaringFile(Protocol):
    """A Bicep file or a template, by what it declares."""

    @property
    def path(self) -> str:
        """Return its path in reports."""

    @property
    def symbols(self) -> Mapping[str, Any]:
        """Return its declarations by the names under which its expressions refer to them."""

    @property
    def outputs(self) -> Mapping[str, ast.OutputDeclaration]:
        """Return its outputs by name."""


class FileInstance(DeclaredTypes, Protocol):
    """A Bicep file or a template with the parameters and the scope of one call."""

    module_call: DeploymentModuleCall
    prefix: str
    path: str
    scope: DeploymentScope
    is_foreign: bool
    # Whether the names of the resources in another one are names in its expressions.
    names_inner_resources: bool
    # Whether the condition of a resource is that of the resources declared in it, too.
    conditions_cascade: bool

    @property
    def file(self) -> DeclaringFile:
        """Return what it declares."""

    @property
    def called_as(self) -> str:
        """Return what passes values to its parameters in a word; empty if nothing does."""

    @property
    def evaluator(self) -> Evaluator:
        """Return what evaluates its expressions."""

    @property
    def run(self) -> Run:
        """Return the run."""

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""

    def reported_location(self, at: Location) -> Location:
        """Return the location at which reports show a location in this file."""

    def set_base(self, base: FileInstance | None) -> None:
        """Share the values of the same file in the base world that read no changed input."""

    def base_content(self, node: ast.ModuleDeclaration | ast.ResourceDeclaration, key: str) -> FileInstance | None:
        """Return what an iteration of a module or nested deployment deploys in the base world, if it was opened."""

    def content_of(self, entity: Any) -> FileInstance | None:
        """Return what a module deploys, or a nested deployment with a template that is not computed."""

    def deploys_file(self, node: ast.ResourceDeclaration) -> bool:
        """Return whether a resource certainly deploys another template."""

    def record_scope(self) -> None:
        """Record that the scope of the deployment is used."""

    def head(self, node: ast.ResourceDeclaration | ast.ModuleDeclaration) -> Location:
        """Return the location of the head of a declaration."""

    def value(self, name: str) -> Result | None:
        """Return the value of a declaration; None if there is none of that name."""

    def output(self, name: str) -> Result | None:
        """Return the value of an output; None if it is not known."""

    def secure_parts(self, type_: ast.Type | None) -> SecureParts | None:
        """Return which parts of a type are secure; None if no part is."""

    def resource(self, node: ast.ResourceDeclaration) -> Any:
        """Return the symbol of a resource that is not declared in another one."""

    def module(self, node: ast.ModuleDeclaration) -> Any:
        """Return the symbol of a module declaration."""

    def source_of(self, node: ast.ModuleDeclaration) -> Any:
        """Return the source of a module; None, with a Problem, if it cannot be read."""

    def entity_of(self, symbol: Any, iteration: Iteration) -> Any:
        """Return the resource of one iteration."""

    def unread(self, node: ast.ResourceDeclaration | None = None) -> Sequence[Pointer]:
        """Return the places of values that declare no resource."""

    def scope_of_held(self, entity: Any) -> DeploymentScope:
        """Return the scope to which a template in a resource is deployed."""

    def secret_origins(self, entity: Any, sources: list[ValueOrigin]) -> Origins | None:
        """Return the origins of a secret's value; None if it is not written. ``sources`` receives its sources."""

    def skip_module(self, symbol: Any, reason: str) -> None:
        """Account for the resources of a module that is not evaluated."""

    def type_of(self, entity: Any) -> tuple[str, str]:
        """Return the type and the API version of a resource as they are written; empty if they are not known."""

    def identify(self, entity: Any) -> Any:
        """Return the type, the names and the scope of a resource."""

    def address_of(self, entity: Any) -> str:
        """Return the address of a resource in reports."""


class IterationEntity(Entity, Protocol):
    """One iteration of a declaration, which may deploy a module or template."""

    iteration: Iteration

    @property
    def opened(self) -> FileInstance | None:
        """Return the module or template that it deploys, if it was opened."""

    def close(self) -> None:
        """Release all objects."""


_One = TypeVar("_One", bound=IterationEntity)


class DeploymentSymbol(Generic[_One]):
    """One declaration in one module instance, and in one iteration of the resource around it."""

    address: str

    def __init__(
        self, instance: FileInstance, node: ast.ResourceDeclaration | ast.ModuleDeclaration, local: Local, address: str
    ) -> None:
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
        """Release all objects: see ``DeploymentInstance.close``."""
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

    def opened(self, key: str) -> FileInstance | None:
        """Return what an iteration deploys, if it was opened."""
        return next((one.opened for one in self._entities if one.iteration.key == key), None)

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

    def assume(self) -> None:
        """Let one iteration stand for all, whatever decides on them."""
        body, evaluator = self.declaration.body, self.instance.evaluator
        exists = hole(f"{self.address} exists").text
        if isinstance(body, ast.For):
            over = Unknown(at=evaluator.document.place(body), why=f"the items of `{self.address}` are not known")
            found = _symbolic(evaluator, body, self.local, self.address, over, None)
        else:
            found = _Iterations(is_loop=False, items=[_iteration("", self.local, body)])
        items = [msgspec.structs.replace(one, condition=None, loop=exists) for one in found.items]
        self._expanded = msgspec.structs.replace(found, items=items)
        self._entities, self._result = [self.entity(iteration) for iteration in items], None

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
                self._result = SymbolicIteration(self._entities[0], found.positions, at, found.why)
            else:
                self._result = Items(at=at, items=list(self._entities))
        return self._result


class SymbolicIteration:
    """All iterations of a loop of unknown length, represented by one. ``why``: why the length is unknown."""

    def __init__(self, one: Entity, positions: frozenset[Pattern], at: Location, why: str) -> None:
        self.one = one
        self.positions = positions
        self.at = at
        self.why = why

    def member(self, name: str, at: Location) -> Result:
        """Return Unknown: a loop has no members."""
        return Unknown(at=at, why=f"`{name}` is accessed on all instances of a loop")

    def item(self, index: Result, at: Location) -> Result:
        """Return the entity for all iterations, in a loop over the same value; other indexes are unknown."""
        if isinstance(index, Unknown) and index.pattern in self.positions:
            return self.one
        return Unknown(at=at, why=self.why)


class DeclarationBody:
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
        """Release all objects: see ``DeploymentInstance.close``."""
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
            if self._recorder.is_recording:
                found, read = self._recorder.of(self._evaluate, name)
                if read is not None:
                    self._reads[name] = read
            else:  # as most members
                found = self._evaluate(name)
        finally:
            self._busy.discard(name)
        self._values[name] = found
        return found

    def _evaluate(self, name: str) -> Result | None:
        if self.properties is not None:
            return self.evaluator.declared_property(self.properties[name], self.local)
        return self.all_members().field(name)

    def all_members(self) -> Fields:
        """Return all members at once, where their names are not literals."""
        node = self.object
        found = self.evaluator.evaluate(ast.Object(node.start, node.end, node.members), self.local)
        return found if isinstance(found, Fields) else Fields(at=self.at, fields={})


class ConditionalIteration(ConditionalEntity):
    """One iteration of a declaration, which may have a condition."""

    instance: FileInstance
    iteration: Iteration
    # The value of its condition, and what that reads.
    _condition: tuple[Result, ReadSet | None] | None = None

    @property
    def opened(self) -> FileInstance | None:
        """See the protocol. Most resources deploy none."""
        return None

    @property
    @abstractmethod
    def address(self) -> str:
        """Return its address in reports."""

    def conditions(self) -> frozenset[str] | None:
        """Return the unknown conditions that it declares; None if it does not exist."""
        return conditions_in(self.exists(), self.iteration.loop, lambda: self.address)

    def exists(self) -> Result | None:
        """See the base class."""
        condition, recorder = self.iteration.condition, self.instance.run.recorder
        if condition is None:
            return None
        if self._condition is None:
            self._condition = recorder.of(self.instance.evaluator.evaluate, condition, self.iteration.local)
        elif self._condition[1] is not None:
            recorder.add(self._condition[1], self._condition[0])
        return self._condition[0]


class ParameterArguments(Protocol):
    """The arguments of parameters by name; None for a parameter without one."""

    def get(self, name: str, /) -> Result | None:
        """Return the argument of one parameter; None if there is none."""


class Caller(Protocol):
    """One iteration of what deploys a file: a module, or a resource that is a nested deployment."""

    @property
    def address(self) -> str:
        """Return its address in reports."""

    @property
    def symbol(self) -> DeploymentSymbol[Any]:
        """Return its declaration."""

    @property
    def instance(self) -> FileInstance:
        """Return the file that declares it, with the parameters of its call."""

    @property
    def iteration(self) -> Iteration:
        """Return which iteration it is."""

    @property
    def outer(self) -> Caller | None:
        """Return the resource that it is declared in."""

    def conditions(self) -> frozenset[str] | None:
        """Return the unknown conditions that it declares; None if it does not exist."""

    def record_source(self) -> None:
        """Record what decides which file it deploys."""


NO_LOCAL: Local = {}


class DeploymentModuleCall(ModuleCall, frozen=True, kw_only=True):
    """The call of a file. ``chain`` are the files around it.

    ``module`` is what deploys it, None for a root.
    ``deployment``: the names (patterns) of the deployments around it.
    ``is_root``: its parameters are inputs of the root. ``may_vary``: the declarations that it disables are looked for
    with other values of the root's parameters. ``shows_outputs``: its history can be read. ``local`` are the variables
    of loops around it that its expressions see.
    """

    given: ParameterArguments
    scope: DeploymentScope
    deployment: Text = ""
    chain: tuple[str, ...] = ()
    module: Caller | None = None
    is_root: bool = False
    may_vary: bool = True
    shows_outputs: bool = True
    local: Local = NO_LOCAL


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
    """All iterations. ``symbolic``: one represents all of them, because of ``why``.

    ``positions`` are the patterns of its index.
    """

    is_loop: bool
    items: list[Iteration]
    symbolic: bool = False
    positions: frozenset[Pattern] = frozenset()
    why: str = ""


def written_length(body: ast.Expression) -> int:
    """Return how many resources a declaration makes, as far as the number is written out: at least 0."""
    if not isinstance(body, ast.For):
        return 1
    match body.over:
        case (
            ast.Call(name="range", arguments=(ast.Literal(), ast.Literal(value=int(number))))
            | ast.Call(name="\0copies", arguments=(ast.Data(plain=int(number)),))
        ) if type(number) is int:
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
    if isinstance(name, CallHole) and name.name == "length" and len(name.arguments) == 1:
        # The loop of a template that counts the items of a list is the loop over this list.
        name = name.arguments[0]
    sensitive = isinstance(over, Unknown) and over.sensitive
    at = over.at if known else evaluator.document.place(body)
    pattern = None if sensitive else hole(name, "[*]")
    item: Result = Unknown(at=at, why=why, pattern=pattern, sensitive=sensitive)
    if isinstance(over, PartlySecret):
        item = over.below("[*]", at)
    elif isinstance(over, WithItem):
        item = over.named_item(pattern)
    position = position_in(name)
    number = Unknown(at=at, why=why, pattern=position)
    if isinstance(body.over, ast.Call) and body.over.name == COPIES:
        # The loop of a template repeats numbers, not the items of the list that it counts.
        item = number
    positions: set[Pattern] = {position}
    if isinstance(name, CallHole) and name.name == "range" and name.arguments[:1] == ("0",) and pattern is not None:
        positions.add(pattern)
    inner = _with_variables(body, local, item, number, evaluator.budget, read)
    one = _iteration("[*]", inner, body.body, "" if known_of(over).is_filled else hole(name, "[]").text)
    return _Iterations(is_loop=True, items=[one], symbolic=True, positions=frozenset(positions), why=why)


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


def truth_of(condition: Result) -> bool | None:
    """Return whether a condition holds, which a template may write as a string; None if that is not known."""
    known = condition.value if isinstance(condition, Scalar) else None
    if isinstance(known, str):
        return {"true": True, "false": False}.get(known.lower())
    return known if isinstance(known, bool) else None


def conditions_in(found: Result | None, loop: str, address: Callable[[], str]) -> frozenset[str] | None:
    """Return the unknown conditions of an iteration as strings; None if the iteration does not exist.

    ``found`` is the value of its own condition, if it has one. One that is not a boolean counts as unknown; a template
    may write one as a string.
    """
    texts = {loop} if loop else set()
    if found is not None:
        known = truth_of(found)
        if known is False:
            return None
        if known is None:
            pattern = found.pattern if isinstance(found, Unknown) else None
            texts.update(conjuncts(pattern if pattern is not None else hole(f"if {address()}")))
    return frozenset(texts)
