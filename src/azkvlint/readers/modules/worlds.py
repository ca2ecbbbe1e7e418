"""The worlds of one root: those in which the declarations exist that its base world does not create."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from azkvlint.evaluation.budget import STEPS_OF_A_RESOURCE, STEPS_OF_A_SCENARIO, Budget
from azkvlint.evaluation.reads import WITHOUT_RECORD, Inputs, ReadRecorder, Recorder
from azkvlint.evaluation.solve import Alternative, Language, Solver
from azkvlint.evaluation.values import Result, unknown_in
from azkvlint.graph.duplicates import without_duplicates
from azkvlint.graph.world_conditions import condition_of
from azkvlint.graph.worlds import (
    BASE,
    Existence,
    Facts,
    Faults,
    InputChange,
    Never,
    Search,
    Variant,
    World,
    unknown_of,
)
from azkvlint.model.condition import CONTAINS, EQUAL, UNDECIDED, WorldCondition
from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.readers.modules.run import Absence, Run
from azkvlint.util.errors import InputError

_MOST_NAMED = 3
# Of inputs that the condition of many declarations states.
_MOST_STATED = 20
# In place of the address of what is assumed: nothing is known of any free input.
_OPEN = "*"
# In place of it too: the resources are those of the world in which their number is not known.
_UNKNOWN_NUMBER = "#"
# Of worlds in which evaluation may go on.
_MOST_RECENT = 16


class AnyDeclaration(Protocol):
    """A declaration in one use of its file or module."""

    @property
    def address(self) -> str:
        """Return its address."""


Declared = TypeVar("Declared", bound=AnyDeclaration)


class Gathered(Protocol):
    """The resources of one world, and the declarations that it does not create."""

    absent: list[Absence]
    created: dict[str, list[str]]

    def made_by(self, symbol: Any) -> list[str]:
        """Return the addresses of the resources of a declaration, collected now if they were not."""

    def skip(self, symbol: Any, reason: str) -> None:
        """Account for a declaration that is not evaluated."""


class RootInWorld(Protocol[Declared]):
    """A root in one world."""

    run: Any

    def symbols(self, symbol: Declared) -> Sequence[Declared]:
        """Return the same declaration in this world, once for each use of its module that may be the same."""

    def assume(self, symbol: Declared) -> bool:
        """Let a declaration exist, and what is around it; return whether that is possible."""

    def exists(self, symbol: Declared) -> bool | None:
        """Return whether a declaration has instances, all around it included; None if that is not known."""

    def trace(self, symbol: Declared) -> bool | None:
        """Return the same, and read again what decides it."""

    def resources(self) -> Mapping[str, Resource]:
        """Return all resources, without existing ones that the root deploys itself."""

    def gather(self) -> Gathered:
        """Return all resources, collected once."""


_Root = TypeVar("_Root")
_Collector = TypeVar("_Collector")


class CollectedWorld(Generic[_Root, _Collector]):
    """A root in one world. ``collector`` collects its resources."""

    def __init__(self, run: Any, root: _Root, collector: _Collector, *, base_has_existing: bool) -> None:
        self.run = run
        self.base_has_existing = base_has_existing
        self.root = root
        self.collector = collector
        self._is_gathered = not run.changed

    @abstractmethod
    def collect(self) -> None:
        """Collect the resources that differ from those of the base world."""

    def gather(self) -> _Collector:
        """Return all resources, collected once."""
        if not self._is_gathered:
            self._is_gathered = True
            self.collect()
        return self.collector

    def without_deployed(self, every: Mapping[str, Resource]) -> Mapping[str, Resource]:
        """Return resources without existing ones that the root deploys itself."""
        has_existing = self.base_has_existing or any(one.existing for one in self.run.resources.values())
        return without_duplicates(every) if has_existing else every


class _Creation(NamedTuple, Generic[Declared]):
    """A world with declarations that only it creates. ``assumed`` is the address of one that is assumed to exist."""

    world: World
    assumed: str
    root: RootInWorld[Declared]
    symbols: list[Declared]
    # Those of its resources that another world evaluates, and of the base world that it evaluates itself.
    lost: set[str]
    replaced: set[str]


class _InnerAbsences:
    """What is absent in worlds inside what they create, each once."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, list[Absence]]] = {}
        self._numbers: dict[int, int] = {}
        self._returned: set[tuple[int, str]] = set()

    def of(self, symbol: Declared, root: RootInWorld[Declared]) -> Iterator[Absence]:
        """Yield what is absent in a world inside a declaration, as far as it was not returned before."""
        absences = self._by_address(root)
        for address in dict.fromkeys((symbol.address, *(one.address for one in root.symbols(symbol)))):
            for one in absences.get(address, ()):
                key = id(root), one.symbol.address
                if key not in self._returned:
                    self._returned.add(key)
                    yield one

    def _by_address(self, root: RootInWorld[Any]) -> Mapping[str, Sequence[Absence]]:
        """Return what is absent in a world by the addresses of all that is around it."""
        absent, found = root.gather().absent, self._known.setdefault(id(root), {})
        for one in absent[self._numbers.get(id(root), 0) :]:
            address = one.symbol.address
            inside = (address[:at] for at, mark in enumerate(address) if mark in ".[")
            for around in {*one.around, *inside}:
                found.setdefault(around, []).append(one)
        self._numbers[id(root)] = len(absent)
        return found


class RootWorlds(Generic[Declared]):
    """The worlds of one root.

    Their work counts apart from that of the root itself, so that it cannot keep that from being evaluated.
    """

    def __init__(self, run: Run, base: RootInWorld[Declared], language: Language, *, is_possible: bool) -> None:
        self.run = run
        self.base = base
        self.solver = Solver(language)
        self.is_possible = is_possible
        # The addresses of the declarations that the base world does not create.
        self.absent: set[str] = set()
        self._search: Search[Declared] = Search(self)
        self._worlds: dict[tuple[World, bool], RootInWorld[Declared]] = {}
        self._assumed: list[RootInWorld[Declared]] = []
        self._budget: Budget | None = None
        self._open: _Creation[Declared] | None = None
        self._problems: set[tuple[str, Location | None]] = set()
        # Whether it was tried to evaluate that one.
        self._is_too_large = False
        # What they have made, in steps of the evaluator, as far as it was counted.
        self._made = 0
        self._recent: deque[Run] = deque(maxlen=_MOST_RECENT)
        self._facts: dict[str, Facts | None] = {}
        run.opened.append(self.close)

    def close(self) -> None:
        """Break reference cycles, because garbage collection is off during a run."""
        for world in (*self._worlds.values(), *self._assumed):
            for close in world.run.opened:
                close()
            world.run.opened.clear()
        self._worlds.clear()
        self._assumed.clear()

    @abstractmethod
    def make(self, changes: World, budget: Budget, recorder: Recorder, names: Inputs) -> RootInWorld[Declared]:
        """Return the root in a world, of which no evaluation has begun."""

    @abstractmethod
    def input_names(self) -> Iterable[str]:
        """Return the names of all inputs that are declared."""

    @abstractmethod
    def facts_of(self, name: str) -> Facts | None:
        """Return what is known of an input that has no fixed value; None if there is none of that name."""

    @abstractmethod
    def value_of(self, name: str) -> object | None:
        """Return the fixed value of an input; None if it has none."""

    @abstractmethod
    def value_in(self, world: RootInWorld[Declared], name: str) -> Result:
        """Return the value of a free input in a world."""

    @abstractmethod
    def candidates(self, declaration: Declared, world: World) -> Iterable[Alternative]:
        """Return the candidates for a declaration that does not exist in a world."""

    @abstractmethod
    def absence_of(self, symbol: Declared) -> str:
        """Return why a declaration has no instances."""

    @abstractmethod
    def is_of_unknown_number(self, symbol: Declared, root: RootInWorld[Declared]) -> bool:
        """Return whether one instance stands for all of a number in a world that may be more than one."""

    @abstractmethod
    def place_of(self, symbol: Declared) -> Location:
        """Return where a declaration is."""

    def may_have_results(self, symbol: Declared) -> bool:  # noqa: ARG002  # any may
        """Return whether a rule may evaluate a resource of a declaration."""
        return True

    def is_literal(self, symbol: Declared) -> bool:  # noqa: ARG002  # a condition is seldom a literal
        """Return whether a literal decides that a declaration has no instances."""
        return False

    def is_inside(self, symbol: Declared) -> bool:  # noqa: ARG002  # of the root itself
        """Return whether arguments of a caller decide whether a declaration exists."""
        return False

    def variants(self, gathered: Gathered) -> list[Variant]:
        """Return the variants in which the declarations exist that the base world does not create."""
        self.absent.update(absence.symbol.address for absence in gathered.absent)
        base = _Creation(BASE, "", self.base, [], set(), set())
        waiting = [(absence, base) for absence in gathered.absent]
        created: dict[tuple[World, str], _Creation[Declared]] = {}
        moved: set[str] = set()
        inner = _InnerAbsences()
        for absence, within in waiting:
            symbol = absence.symbol
            if within is base and not moved.isdisjoint(absence.around):
                continue  # it is looked for in the world of what is around it
            if absence.is_unknown:
                found = self._world_of_unknown(symbol, within, gathered, moved)
            else:
                found = self._world_of(symbol, within.world, gathered)
            if found is None:
                continue
            known = created.setdefault((found.world, found.assumed), found)
            if absence.is_unknown and within is base:
                known.replaced.update(_resources_of(symbol, within.root))
            known.symbols.append(symbol)
            self.absent.add(symbol.address)
            waiting += ((one, known) for one in inner.of(symbol, found.root))
        self._problems = {(problem.message, problem.at) for problem in self.run.problems}
        variants = [self._variant(one, base.lost) for one in created.values()]
        self.close()  # their resources are evaluated without what they are made of
        return variants

    def _world_of_unknown(
        self, symbol: Declared, within: _Creation[Declared], gathered: Gathered, moved: set[str]
    ) -> _Creation[Declared] | None:
        """Return the world in which a declaration certainly exists of which that is not known; None if there is none.

        Then it stays where it is, unless no world creates it. ``moved`` receives the addresses of the others.
        """
        if not self.is_possible or not self.may_have_results(symbol):
            return None
        try:
            found = self._search.find(symbol, within.world)
            creation = None
            if not isinstance(found, Never):
                if found == within.world:
                    return None
                if any(map(_is_number, found - within.world)) and self.is_of_unknown_number(symbol, within.root):
                    # Of several instances, the others are as they are with an unknown number.
                    creation = _Creation(found, _UNKNOWN_NUMBER, within.root, [], set(), set())
                else:
                    creation = self._creation(symbol, found)
                if creation is None:
                    return None
            before = _resources_of(symbol, within.root)
        except (InputError, RecursionError):  # it is evaluated in the base world
            return None
        moved.add(symbol.address)
        within.lost.update(before)
        if isinstance(found, Never):
            gathered.skip(symbol, self._reason(symbol, found))
            for address in before if within.root is self.base else ():
                self.base.run.resources.pop(address, None)
        return creation

    def _world_of(self, symbol: Declared, within: World, gathered: Gathered) -> _Creation[Declared] | None:
        """Return the world in which a declaration exists; None if there is none, which is then accounted for."""
        if not self.may_have_results(symbol):
            return None
        if self.is_literal(symbol):
            gathered.skip(symbol, self.absence_of(symbol))
            return None
        try:
            if not self.is_possible:
                never = Never(tuple(sorted(self.existence(symbol, within).fixed)))
                gathered.skip(symbol, self._reason(symbol, never))
                return None
            found = self._search.find(symbol, within)
            if not isinstance(found, Never):
                creation = self._creation(symbol, found)
                if creation is not None:
                    return creation
                error = InputError(f"{self.absence_of(symbol)}, and no values are known that change it")
                return self._in_open_world(symbol, gathered, error)
            gathered.skip(symbol, self._reason(symbol, found))
        except (InputError, RecursionError) as error:
            return self._in_open_world(symbol, gathered, error)
        return None

    def _in_open_world(
        self, symbol: Declared, gathered: Gathered, error: InputError | RecursionError
    ) -> _Creation[Declared] | None:
        """Return the world without any value of a free input, for what takes more work than the search may cause."""
        try:
            if self._open is None and self._is_too_large:
                raise error
            if self._open is None:
                self._is_too_large = True
                unknown = frozenset(InputChange(name, (), UNDECIDED) for name in self.free_inputs())
                budget = self.run.budget.second_budget(self.run.unit)
                root = self.make(unknown, budget, WITHOUT_RECORD, frozenset(one.input for one in unknown))
                self._assumed.append(root)
                root.gather()
                self._open = _Creation(frozenset(sorted(unknown)[:_MOST_STATED]), _OPEN, root, [], set(), set())
            if self._open.root.exists(symbol) is not False:
                return self._open
            gathered.skip(symbol, self._reason(symbol, Never()))
        except (InputError, RecursionError):
            gathered.skip(symbol, self.run.skip_for(error, symbol.address, self.place_of(symbol)))
        return None

    def _creation(self, symbol: Declared, world: World) -> _Creation[Declared] | None:
        """Return a world in which a declaration exists: the one that was found, or one in which that is assumed."""
        root, address = self.world(world), ""
        if root.exists(symbol) is False:
            world, address = unknown_of(world), symbol.address
            names = frozenset(change.input for change in world)
            root = self.make(world, self._budget_of_worlds(), WITHOUT_RECORD, names)
            self._assumed.append(root)
            if not root.assume(symbol):
                return None
        root.gather()
        return _Creation(world, address, root, [], set(), set())

    def _reason(self, symbol: Declared, never: Never) -> str:
        absence = self.absence_of(symbol)
        if never.fixed:
            return f"{absence} with the given value of {_quoted(never.fixed)}"
        if never.free:
            return f"{absence} with every value of {_quoted(never.free)}"
        return f"{absence} with {self.arguments_of(symbol)}" if self.is_inside(symbol) else absence

    def arguments_of(self, symbol: Declared) -> str:  # noqa: ARG002  # those of a module
        """Return what decides whether a declaration in a module exists."""
        return "the arguments of the module call"

    def _variant(self, creation: _Creation[Declared], lost: set[str]) -> Variant:
        """Return a variant. ``lost`` are the resources of the base world that variants evaluate."""
        changes, world = creation.world, creation.root
        gathered = world.gather()
        created: list[str] = []
        for symbol in creation.symbols:
            for same in world.symbols(symbol):
                made = gathered.made_by(same)
                created += [one for one in made if one in lost or one not in self.base.run.resources]
        facts = {change.input: self.facts(change.input) or Facts() for change in changes}
        condition = condition_of(changes, facts)
        self._add_problems(world.run.problems, condition)
        return Variant(
            condition=condition, resources=world.resources(),
            created=frozenset(created) - creation.lost, is_complete=world.run.closed,
            replaced=frozenset(creation.replaced),
        )  # fmt: skip

    def _add_problems(self, problems: Iterable[Problem], condition: WorldCondition) -> None:
        """Report the problems of a world that the base world does not have, each for the first that has it."""
        for one in problems:
            if (one.message, one.at) not in self._problems:
                self._problems.add((one.message, one.at))
                text = "" if condition.is_assumed else condition.text
                self.run.problems.append(msgspec.structs.replace(one, condition=text))

    def world(self, changes: World, *, is_recorded: bool = False) -> RootInWorld[Declared]:
        """Return the root in a world. Raises InputError if that takes more work than any input needs."""
        if not changes and not is_recorded:
            return self.base
        found = self._worlds.get((changes, is_recorded))
        if found is None:
            names = frozenset(change.input for change in changes)
            recorder = ReadRecorder() if is_recorded else WITHOUT_RECORD
            budget = self._budget_of_worlds()
            # What is compared with a secret is as secret in messages, but not the name of a member that it may have.
            secret = (change.value for change in changes if change.is_secret and not _names_member(change))
            budget.secrets.texts.update(str(one) for one in secret if one is not None and not isinstance(one, bool))
            found = self.make(changes, budget, recorder, names)
            self._worlds[changes, is_recorded] = found
            if len(self._recent) == _MOST_RECENT:
                self._made -= _made_by(self._recent[0])
            self._recent.append(found.run)
        return found

    def _budget_of_worlds(self) -> Budget:
        if self._budget is None:
            self._budget = self.run.budget.second_budget(self.run.unit)
        # Each budget of a world goes on from the steps of those before it, and from what they have made.
        steps = max(self._budget.steps, *(one.budget.steps for one in self._recent), 0)
        made = sum(map(_made_by, self._recent))
        self._budget.steps = steps + max(made - self._made, 0)
        self._made = made
        self._budget.spend(STEPS_OF_A_SCENARIO)
        return self._budget

    def facts(self, name: str) -> Facts | None:
        """Return what is known of an input; None if its value is fixed."""
        if name not in self._facts:
            is_free = self.is_possible and not self._has_value(name)
            self._facts[name] = self.facts_of(name) if is_free else None
        return self._facts[name]

    def _has_value(self, name: str) -> bool:
        return self.base.run.recorder.apart(partial(self.value_of, name))[0] is not None

    def exists(self, declaration: Declared, world: World) -> bool | None:
        """Return whether a declaration has instances in a world; None if that is not known."""
        return self.world(world).exists(declaration)

    def existence(self, declaration: Declared, world: World) -> Existence:
        """Return whether a declaration has instances in a world, with what is read to decide it."""
        is_known = not world and self.base.run.recorder.is_recording
        here = self.base if is_known else self.world(world, is_recorded=True)
        exists, inputs = here.run.recorder.apart(partial(here.trace, declaration))
        return Existence(
            exists, free=frozenset(name for name in inputs or () if self.facts(name) is not None),
            fixed=frozenset(name for name in inputs or () if self._has_value(name)),
        )  # fmt: skip

    def is_open(self, name: str, world: World) -> bool:
        """Return whether the value of a free input is not known as a whole in a world."""
        here = self.world(world)
        return unknown_in(here.run.recorder.apart(partial(self.value_in, here, name))[0]) is not None

    def free_inputs(self) -> Iterable[str]:
        """Return all inputs that have no fixed value."""
        return [name for name in self.input_names() if self.facts(name) is not None]

    def fails(self, world: World) -> bool:  # noqa: ARG002  # a condition that fails is unknown
        """Return whether what was evaluated so far fails in a world, and not in the base world."""
        return False

    def is_refused(self, world: World) -> bool:  # noqa: ARG002  # allowed values are facts
        """Return whether a validation rejects a world, but not the base world."""
        return False

    def violated(self, world: World) -> Iterable[Alternative] | None:  # noqa: ARG002  # allowed values are facts
        """Return the candidates for a validation that rejects the inputs of a world; None if none does."""
        return None

    def required(self, declaration: Declared, world: World) -> Iterable[Alternative]:  # noqa: ARG002  # none is known
        """Return the candidates for arguments of a declaration that Azure rejects as they are in a world."""
        return ()

    @abstractmethod
    def faults(self, declaration: Declared, world: World) -> Faults[Declared]:
        """Return what makes a world of a declaration impossible that is not so in the base world."""

    @abstractmethod
    def undecided(self, declaration: Declared, world: World) -> Iterable[Declared]:
        """Return what a declaration certainly refers to of which it is not known in a world whether it exists."""


def _made_by(run: Run) -> int:
    """Return what a world has made, in steps of the evaluator; its resources twice, as rules are evaluated on them."""
    return run.budget.work - run.budget.steps + run.budget.resources * STEPS_OF_A_RESOURCE


def _names_member(change: InputChange) -> bool:
    """Return whether a value may be the name of a member: ``contains(secret, 'roleAssignments')``."""
    return change.state == CONTAINS and isinstance(change.value, str) and change.value.isalpha()


def _is_number(change: InputChange) -> bool:
    return change.state == EQUAL and isinstance(change.value, int | float) and not isinstance(change.value, bool)


def _resources_of(symbol: Declared, root: RootInWorld[Declared]) -> list[str]:
    """Return the addresses of the resources of a declaration in a world."""
    gathered = root.gather()
    return [address for same in root.symbols(symbol) for address in gathered.made_by(same)]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:_MOST_NAMED])
