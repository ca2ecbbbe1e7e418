"""Worlds: what a root deploys with other values of its inputs than those of its base world.

A declaration that the base world does not create is looked for in variants, which change some free inputs. Candidates
come from the expressions that decide on it (``evaluation.solve``), and each is evaluated as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, product, zip_longest
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from azkvlint.evaluation import solve
from azkvlint.evaluation.solve import Alternative, Constraint, Demand
from azkvlint.evaluation.values import Result
from azkvlint.graph.overlay import Overlay
from azkvlint.model.condition import (
    CONTAINS,
    DIFFERENT,
    EMPTY,
    EQUAL,
    ITEM,
    LENGTH,
    NOT_EMPTY,
    NOT_NULL,
    UNDECIDED,
    WorldCondition,
)
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import NOTHING_KNOWN, Known, Plain

Goal: TypeAlias = tuple[object, object, Demand]
AnyDeclaration = TypeVar("AnyDeclaration")
# Of candidates that are evaluated for one declaration, and of declarations that one needs in addition.
_MOST_CANDIDATES = 12
_MOST_NEEDED = 4
# Of assignments that are evaluated to prove that a declaration never exists, and of inputs for which that is tried.
_MOST_ASSIGNMENTS, _MOST_ASSIGNED = 64, 12
# A condition may read further inputs once those that it reads are unknown.
_MOST_ROUNDS = 8
TEXTS = ("string", "securestring")
COLLECTIONS = ("list", "set", "map", "tuple", "object", "array", "secureobject")
# What an input is: a state of InputCondition and its value.
_State: TypeAlias = tuple[str, Plain | None]
_States: TypeAlias = tuple[_State, ...]
_ANY: _State = (UNDECIDED, None)
# States that an input may have at once.
_JOINED = frozenset({DIFFERENT, NOT_EMPTY, NOT_NULL, CONTAINS})
# States of a string of which only some values are known that it is not, and one that it may be.
_OPEN_TEXTS, _OTHER_TEXT = frozenset({DIFFERENT, NOT_EMPTY, NOT_NULL}), "any other value"
# What decides on the effect of policies and role assignments.
_VAULTS = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})


class InputChange(msgspec.Struct, frozen=True, order=True, gc=False):
    """Another value of an input, or of the member of it at ``path``. See ``InputCondition`` for ``state``.

    ``is_secret``: no report states the value or the path.
    """

    input: str
    path: tuple[str, ...]
    state: str
    value: Plain | None = None
    is_secret: bool = False


World: TypeAlias = frozenset[InputChange]
BASE: World = frozenset()


class Facts(NamedTuple):
    """What is known of a free input: its type, the values that it accepts if these are listed, and its declaration.

    ``is_typed``: ``kind`` is what its declaration states, not only that of its default. ``limits`` are those of its
    value. ``is_any_case``: strings are accepted in any case.
    """

    kind: str = "any"
    is_typed: bool = False
    allowed: tuple[Plain, ...] = ()
    is_any_case: bool = False
    is_secret: bool = False
    is_nullable: bool = False
    limits: Known = NOTHING_KNOWN
    at: Location | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A world other than the base world: all of its ``resources``, and the addresses of those that only it creates.

    ``replaced`` are the addresses of resources of which the base world does not know whether they exist, and which are
    evaluated here.
    """

    condition: WorldCondition
    resources: Mapping[str, Resource]
    created: frozenset[str]
    is_complete: bool
    replaced: frozenset[str] = frozenset()

    @property
    def changed(self) -> Mapping[str, Resource]:
        """Return the resources that may differ from those of the base world."""
        return self.resources.own if isinstance(self.resources, Overlay) else self.resources

    @property
    def whole(self) -> dict[str, Resource]:
        """Return all resources."""
        return self.resources.whole() if isinstance(self.resources, Overlay) else dict(self.resources)


class Existence(NamedTuple):
    """Whether a declaration exists with some inputs unknown, and which inputs are read to decide it.

    ``is_settled``: these are all inputs that may be read.
    """

    exists: bool | None
    free: frozenset[str]
    fixed: frozenset[str]
    is_settled: bool = True


class Faults(NamedTuple, Generic[AnyDeclaration]):
    """What makes a world impossible: ``needed`` are the declarations without instances that others refer to.

    Otherwise they belong to a declaration in the world if they can. ``avoided`` yields the candidates for worlds in
    which what is impossible is not evaluated.
    """

    is_impossible: bool
    needed: tuple[AnyDeclaration, ...] = ()
    avoided: Callable[[], Iterable[Alternative]] = tuple


class Machine(Protocol[AnyDeclaration]):
    """Evaluates one root in any world."""

    def facts(self, name: str) -> Facts | None:
        """Return what is known of an input; None if its value is fixed."""

    def candidates(self, declaration: AnyDeclaration, world: World) -> Iterable[Alternative]:
        """Return the candidates for a declaration that does not exist in a world."""

    def exists(self, declaration: AnyDeclaration, world: World) -> bool | None:
        """Return whether a declaration has instances in a world; None if that is not known."""

    def existence(self, declaration: AnyDeclaration, world: World) -> Existence:
        """Return the same, with what is read to decide it."""

    def is_open(self, name: str, world: World) -> bool:
        """Return whether the value of a free input is not known as a whole in a world."""

    def input_names(self) -> Iterable[str]:
        """Return all inputs."""

    def free_inputs(self) -> Iterable[str]:
        """Return all inputs that have no fixed value."""

    def fails(self, world: World) -> bool:
        """Return whether what was evaluated so far fails in a world, and not in the base world."""

    def is_refused(self, world: World) -> bool:
        """Return whether a validation rejects a world, but not the base world."""

    def required(self, declaration: AnyDeclaration, world: World) -> Iterable[Alternative]:
        """Return the candidates for arguments of a declaration that Azure rejects as they are in a world."""

    def violated(self, world: World) -> Iterable[Alternative] | None:
        """Return the candidates for a validation that rejects the inputs of a world; None if none does."""

    def faults(self, declaration: AnyDeclaration, world: World) -> Faults[AnyDeclaration]:
        """Return what makes a world of a declaration impossible that is not so in the base world."""

    def undecided(self, declaration: AnyDeclaration, world: World) -> Iterable[AnyDeclaration]:
        """Return what a declaration certainly refers to of which it is not known in a world whether it exists."""


class Never(NamedTuple):
    """A declaration exists in no world: the inputs named, of which some are fixed, decide it."""

    fixed: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


class Search(Generic[AnyDeclaration]):
    """Looks for the worlds of one root in which declarations exist."""

    def __init__(self, machine: Machine[AnyDeclaration]) -> None:
        self._machine = machine
        # The fixed inputs that decided alone on declarations before.
        self._decided: set[str] = set()

    def find(self, declaration: AnyDeclaration, within: World) -> World | Never:
        """Return the world in which a declaration exists that ``within`` does not create."""
        if not within:
            here = self._machine.existence(declaration, BASE)
            if here.exists is False and not here.free:  # as in most modules with many features
                return Never(self._deciding(declaration, here))
        perhaps: World | None = None
        for world in self._tried(declaration, within):
            # What cannot be stated is not worth an evaluation of all that the world deploys.
            is_open = self._machine.exists(declaration, world) is None and not self._is_stated(declaration, world)
            found = None if is_open else self._possible(declaration, world)
            if found is None:
                continue
            if self._machine.exists(declaration, found) is True:
                return self._least(declaration, found, within)
            if perhaps is None and self._is_stated(declaration, found):
                perhaps = found
        if perhaps is not None:
            return perhaps
        read = self._read(declaration, within)
        if read.exists is False and read.is_settled:
            return Never(self._deciding(declaration, read))
        excluded = self._excluded(declaration, within, read.free) if read.is_settled else None
        return excluded if excluded is not None else _with_unknown(within, read.free)

    def _tried(self, declaration: AnyDeclaration, within: World) -> Iterator[World]:
        """Yield the worlds that are evaluated. What may exist already does with the values that inputs have."""
        worlds = islice(self._worlds(declaration, within), _MOST_CANDIDATES)
        is_perhaps_there = self._machine.exists(declaration, within) is None
        yield from sorted(worlds, key=lambda one: self._replaced(one, within)) if is_perhaps_there else worlds
        if within:
            yield from islice(self._others(declaration, within), _MOST_CANDIDATES)

    def _replaced(self, world: World, within: World) -> int:
        """Return how many inputs have another value than they have already; those without a value have none."""
        return sum(not self._machine.is_open(name, within) for name in {change.input for change in world - within})

    def _is_stated(self, declaration: AnyDeclaration, world: World) -> bool:
        """Return whether a world states everything that decides on a declaration; only inputs can be stated."""
        read = self._machine.existence(declaration, world).free
        return not any(self._machine.is_open(name, world) for name in read)

    def _worlds(self, declaration: AnyDeclaration, within: World) -> Iterator[World]:
        yield from self._extended(self._machine.candidates(declaration, within), within)

    def _others(self, declaration: AnyDeclaration, within: World) -> Iterator[World]:
        """Yield worlds with other values of the inputs that what is around a declaration requires."""
        for alternative in self._machine.candidates(declaration, within):
            for changes in self._changes(alternative):
                if changes and _with(within, changes) is None:
                    names = {change.input for change in changes}
                    yield changes.union(change for change in within if change.input not in names)

    def _extended(self, alternatives: Iterable[Alternative], within: World) -> Iterator[World]:
        for alternative in alternatives:
            for changes in self._changes(alternative):
                world = _with(within, changes) if changes else None
                if world is not None:
                    yield world

    def _changes(self, alternative: Alternative) -> Iterator[World]:
        """Yield the changes of inputs that meet all constraints."""
        target: dict[tuple[str, tuple[str, ...]], list[Demand]] = {}
        for one in sorted(alternative, key=repr):
            target.setdefault((one.input, one.path), []).append(one.target)
        options: list[list[World]] = []
        for (name, path), every in target.items():
            facts = self._machine.facts(name)
            if facts is None:
                return
            is_secret = any(one.is_secret for one in every)
            states = _states([_of_member(one) for one in every] if path else every, Facts() if path else facts)
            possible = (each for each in states if path or not any(_is_beyond(facts.limits, *one) for one in each))
            options.append([frozenset(InputChange(name, path, *one, is_secret) for one in each) for each in possible])
        for chosen in islice(product(*options), _MOST_CANDIDATES):
            changes = frozenset[InputChange]().union(*chosen)
            yield frozenset(one for one in changes if not any(_is_implied(one, other) for other in changes))

    def _possible(self, declaration: AnyDeclaration, world: World) -> World | None:
        """Return a world in which a declaration may exist, with the changes that it needs in addition; or None."""
        for _ in range(_MOST_NEEDED):
            if self._machine.exists(declaration, world) is False:
                return None
            violated, is_impossible = self._machine.violated(world), True
            if violated is not None:
                further = self._extended(violated, world)
            else:
                faults = self._machine.faults(declaration, world)
                is_impossible = faults.is_impossible
                further = (one for other in faults.needed for one in self._worlds(other, world))
                others = faults.avoided() if is_impossible else self._machine.required(declaration, world)
                further = chain(further, self._extended(others, world))
            extended = next(further, None)
            if extended is None and not is_impossible:
                needed = self._needed_by_others(declaration, world)
                extended = next((one for other in needed.needed for one in self._worlds(other, world)), None)
                is_impossible = needed.is_impossible and bool(needed.needed)
            if extended is None and not is_impossible:
                left_open = self._left_open(declaration, world)
                extended = next((one for other in left_open for one in self._worlds(other, world)), None)
                is_impossible = bool(left_open)
            if extended is None:
                return None if is_impossible else world
            world = extended
        return None

    def _left_open(self, declaration: AnyDeclaration, world: World) -> list[AnyDeclaration]:
        """Return what a declaration certainly refers to that the base world does not create, and a world perhaps."""
        if any(change.state == UNDECIDED for change in world):
            return []
        undecided = self._machine.undecided(declaration, world)
        return [one for one in undecided if self._machine.exists(one, BASE) is False]

    def _needed_by_others(self, declaration: AnyDeclaration, world: World) -> Faults[AnyDeclaration]:
        """Return what does not exist, although it is needed, with a value that is none of those in expressions, where
        a world leaves open which string an input is.
        """
        some = frozenset(_with_other_text(change, self._machine.facts(change.input) or Facts()) for change in world)
        if some == world or self._machine.violated(some) is not None:
            return Faults(is_impossible=False)
        return self._machine.faults(declaration, some)

    def _least(self, declaration: AnyDeclaration, world: World, within: World) -> World:
        """Return a world without those of some changes that the declaration does not need."""
        # Whether it exists takes less work than whether anything in a world fails.
        least = world
        for change in sorted(within):
            if self._machine.exists(declaration, least - {change}) is True:
                least -= {change}
        if least == world or self._possible(declaration, least) == least:
            return least
        for change in sorted(within & world):
            less = world - {change}
            is_there = self._machine.exists(declaration, less) is True
            if is_there and self._possible(declaration, less) == less:
                world = less
        return world

    def _read(self, declaration: AnyDeclaration, within: World) -> Existence:
        """Return whether a declaration may exist at all, and the inputs that its conditions read."""
        world = within
        found = Existence(None, frozenset(), frozenset())
        for _ in range(_MOST_ROUNDS):
            here = self._machine.existence(declaration, world)
            found = Existence(here.exists, found.free | here.free, found.fixed | here.fixed)
            wider = _with_unknown(within, found.free)
            if wider == world:
                return found
            world = wider
        return found._replace(is_settled=False)

    def _deciding(self, declaration: AnyDeclaration, read: Existence) -> tuple[str, ...]:
        """Return the fixed inputs with other values of which a declaration might exist."""
        kept = set(read.fixed)
        if len(kept) > 1:
            if self._is_absent(declaration, set()):
                return ()  # constants decide, which is frequent in modules with many features
            # One that decides alone on others often decides on this one too.
            for name in sorted(kept, key=lambda one: (one not in self._decided, one))[:_MOST_ROUNDS]:
                if self._is_absent(declaration, {name}):
                    self._decided.add(name)
                    return (name,)
        for name in sorted(read.fixed)[:_MOST_ROUNDS]:
            if self._is_absent(declaration, kept - {name}):
                kept.discard(name)
        return tuple(sorted(kept))

    def _is_absent(self, declaration: AnyDeclaration, kept: set[str]) -> bool:
        """Return whether a declaration does not exist with any values of all inputs that are not ``kept``.

        All of them are unknown, whether they decide on it or not: worlds that differ less are shared.
        """
        unknown = frozenset(
            InputChange(name, (), UNDECIDED) for name in self._machine.input_names() if name not in kept
        )
        return self._machine.exists(declaration, unknown) is False

    def _excluded(self, declaration: AnyDeclaration, within: World, names: frozenset[str]) -> World | Never | None:
        """Return Never if no values of some inputs create a declaration, the world of the first that do, or None."""
        ordered = sorted(names)
        parts = [_partition(facts) for facts in map(self._machine.facts, ordered) if facts is not None]
        if not ordered or len(parts) < len(ordered) or len(ordered) > _MOST_ASSIGNED:
            return None
        fixed = frozenset(one for one in within if one.input not in names)
        # Most are not excluded, which the first assignment shows. The states of the other inputs are unknown at first.
        waiting: list[_States] = [()]
        is_first = True
        for _ in range(_MOST_ASSIGNMENTS):
            if not waiting:
                return Never((), tuple(ordered))
            chosen = waiting.pop()
            states = tuple(part[0] for part in parts) if is_first else chosen
            of_inputs = zip_longest(ordered, states, fillvalue=_ANY)
            world = fixed | {InputChange(str(name), (), *state) for name, state in of_inputs}
            if not self._is_rejected(declaration, names, world):
                if is_first or len(chosen) == len(parts):
                    return self._witness(declaration, world)
            elif not is_first:
                continue
            is_first = False
            waiting += [(*chosen, state) for state in parts[len(chosen)]]
        return None

    def _witness(self, declaration: AnyDeclaration, world: World) -> World | None:
        """Return a world without the changes that a declaration does not need; None unless it certainly exists."""
        found = self._possible(declaration, world) if self._machine.exists(declaration, world) is True else None
        if found is None or self._machine.exists(declaration, found) is not True:
            return None
        least = self._least(declaration, found, found)
        return None if any(change.state == UNDECIDED for change in least) else least

    def _is_rejected(self, declaration: AnyDeclaration, names: frozenset[str], world: World) -> bool:
        """Return whether a declaration certainly does not exist in a world, or its inputs are not valid."""
        machine = self._machine
        if machine.exists(declaration, world) is False:
            return True
        # What rejects it may read other inputs too, with which it would not.
        wide = _with_unknown(world, frozenset(machine.free_inputs()) - names)
        if machine.is_refused(wide):
            return True
        return machine.fails(world) and (machine.exists(declaration, wide) is False or machine.fails(wide))


def _of_member(target: Demand) -> Demand:
    """Return what a member is to be: one that is not the empty string is set too, as expressions have a fallback."""
    is_other_text = target.kind == solve.DIFFERENT and target.value == ""
    return solve.NOT_EMPTY.hidden(target.is_secret) if is_other_text else target


def _with_other_text(change: InputChange, facts: Facts) -> InputChange:
    """Return a change to a string that is none of those in expressions, if it leaves open which string that is."""
    is_text = isinstance(change.value, str) or (facts.kind in TEXTS and not change.path)
    if change.state not in _OPEN_TEXTS or not is_text or _is_beyond(facts.limits, EQUAL, _OTHER_TEXT):
        return change
    return InputChange(change.input, change.path, EQUAL, _OTHER_TEXT)


def _partition(facts: Facts) -> Sequence[_State]:
    """Return states of an input of which any value has one."""
    states: list[_State]
    if facts.allowed:
        states = [(EQUAL, spelled) for value in facts.allowed for spelled in _spellings(value, facts)]
    elif facts.is_typed and facts.kind == "bool":
        states = [(EQUAL, True), (EQUAL, False)]
    elif facts.is_typed and facts.kind in (*TEXTS, *COLLECTIONS):
        states = [(NOT_EMPTY, None), *_states_of(solve.EMPTY, None, facts)]
    else:
        return [_ANY]
    states = [*states, (EQUAL, None)] if facts.is_nullable else states
    return [one for one in states if not _is_beyond(facts.limits, *one)]


def _spellings(value: Plain, facts: Facts) -> Iterable[Plain]:
    """Return an accepted value last, before it other spellings of a string that is accepted in any case."""
    if not facts.is_any_case or not isinstance(value, str):
        return (value,)
    return dict.fromkeys((value.capitalize(), value.upper(), value.lower(), value))


def _is_beyond(limits: Known, state: str, value: Plain | None) -> bool:
    """Return whether an input that is so is beyond its limits."""
    least, most = limits.least, limits.most
    if limits.is_number:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (value < least or (most is not None and value > most))  # type: ignore[operator]  # a number
    match state, value:
        case "equal", str() as text:
            return len(text.encode()) < least or (most is not None and text.isascii() and len(text) > most)
        case "empty", _:
            return least > 0
        case (("not empty" | "containing"), _):
            return most == 0
        case "of length", int() as length:
            return length < least or (most is not None and length > most)
    return False


def _with(within: World, changes: World) -> World | None:
    """Return a world with further changes, which may state more of an input; None if they contradict others."""
    found = set(within)
    for change in changes - within:
        added = change
        for one in within:
            if one.input != change.input:
                continue
            if _is_implied(one, change):
                found.discard(one)
                continue
            if _is_implied(change, one):
                break
            if one.path != change.path and one.path:
                continue
            if one.path == change.path and (one.state, one.value) == (change.state, change.value):
                added = msgspec.structs.replace(change, is_secret=True)
                found.discard(one)
            elif one.path != change.path or one.state == EQUAL:
                return None
            elif change.state == EQUAL:
                found.discard(one)
            elif not _JOINED.issuperset((one.state, change.state)):
                return None
        else:
            found.add(added)
    return frozenset(found)


def _is_implied(one: InputChange, change: InputChange) -> bool:
    """Return whether a collection is as one change states if it has an item or a member of which another states
    something.
    """
    if one.input != change.input or one.path != change.path[: len(one.path)] or one.path == change.path:
        return False
    step = change.path[len(one.path)]
    if one.state == CONTAINS:
        is_there = one.value == step and (change.state, change.value) != (EQUAL, None)
        return is_there and (change.is_secret or not one.is_secret)
    return step == ITEM and one.state in (NOT_EMPTY, NOT_NULL) and not one.is_secret


def _states(every: Sequence[Demand], facts: Facts) -> Iterator[_States]:
    """Yield what an input may be so that all of several targets are met."""
    by_kind: dict[str, list[Plain | None]] = {}
    for one in every:
        by_kind.setdefault(one.kind, []).append(one.value)
    refused = by_kind.get(solve.DIFFERENT, [])
    if solve.EQUAL in by_kind:
        found = _states_of(solve.EQUAL, by_kind[solve.EQUAL][0], facts)
    elif solve.CONTAINS in by_kind:
        yield tuple((CONTAINS, value) for value in dict.fromkeys(by_kind[solve.CONTAINS]))
        return
    elif solve.LENGTH in by_kind:
        found = _of_length(by_kind[solve.LENGTH][0], facts)
    elif solve.LEAST in by_kind or solve.MOST in by_kind:
        found = _numbers(by_kind, facts)
    elif solve.EMPTY in by_kind or (solve.FILLED in by_kind and facts.allowed):
        kind = solve.EMPTY if solve.EMPTY in by_kind else solve.FILLED
        found = (one for one in _states_of(kind, None, facts) if one[1] is None or one[1] not in refused)
    else:
        yield from _different(refused, facts, is_filled=solve.FILLED in by_kind)
        return
    yield from ((one,) for one in found)


def _different(refused: Sequence[Plain | None], facts: Facts, *, is_filled: bool) -> Iterator[_States]:
    """Yield what an input may be that is not one of several values."""
    if facts.kind == "bool":
        yield from (((EQUAL, flag),) for flag in (True, False) if flag not in refused)
    elif facts.allowed:
        yield from (((EQUAL, one),) for one in facts.allowed if one not in refused)
    elif is_filled or all(one is None for one in refused):
        texts = [one for one in dict.fromkeys(refused) if isinstance(one, str)]
        yield ((NOT_EMPTY if is_filled else NOT_NULL, None), *((DIFFERENT, one) for one in texts))
    elif all(isinstance(one, bool) for one in refused):
        yield ((EQUAL, not refused[0]),)
    elif all(isinstance(one, int | float) for one in refused):
        yield ((EQUAL, max(one for one in refused if isinstance(one, int | float)) + 1),)
    else:
        # Null is not equal to a string either.
        null = ((NOT_NULL, None),) if None in refused else ()
        yield (*null, *((DIFFERENT, one) for one in dict.fromkeys(refused) if isinstance(one, str)))


def _numbers(by_kind: Mapping[str, Sequence[Plain | None]], facts: Facts) -> Iterator[_State]:
    """Yield a number within limits that is none of those that it may not be."""
    least, most = _plain_numbers(by_kind, solve.LEAST), _plain_numbers(by_kind, solve.MOST)
    refused = _plain_numbers(by_kind, solve.DIFFERENT)
    start, step = (max(least), 1) if least else (min(most), -1)
    possible = (start + step * number for number in range(len(refused) + 1))
    number = next((one for one in possible if one not in refused), start)
    yield from _states_of(solve.EQUAL, number, facts)


def _plain_numbers(by_kind: Mapping[str, Sequence[Plain | None]], kind: str) -> list[int | float]:
    return [one for one in by_kind.get(kind, ()) if isinstance(one, int | float) and not isinstance(one, bool)]


def _states_of(kind: str, value: Plain | None, facts: Facts) -> Iterator[_State]:
    match kind:
        case solve.EQUAL:
            whole = _of_kind(int(value) if isinstance(value, float) and value.is_integer() else value, facts.kind)
            if not facts.allowed or whole is None or _is_accepted(whole, facts):
                yield EQUAL, whole
        case solve.FILLED:
            yield from ((EQUAL, one) for one in facts.allowed if one != "")
        case _ if facts.kind not in TEXTS:
            yield EMPTY, None
        case _ if not facts.allowed or "" in facts.allowed:
            yield EQUAL, ""


def _of_kind(value: Plain | None, kind: str) -> Plain | None:
    """Return a value as an input of a type has it, such as ``bool(mode)`` of a string."""
    if kind in TEXTS and isinstance(value, bool | int | float):
        return str(value).lower()
    if kind == "bool" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    is_number = kind in ("number", "int") and isinstance(value, str) and value.removeprefix("-").isdecimal()
    return int(str(value)) if is_number else value


def _of_length(length: Plain | None, facts: Facts) -> Iterator[_State]:
    """Yield the values of a length that an input accepts, if those are listed."""
    if facts.allowed and facts.kind in TEXTS:
        yield from ((EQUAL, one) for one in facts.allowed if isinstance(one, str) and len(one) == length)
    else:
        yield LENGTH, length


def _is_accepted(value: Plain, facts: Facts) -> bool:
    """Return whether a value is one of those that an input accepts."""
    if value in facts.allowed:
        return True
    is_text = facts.is_any_case and isinstance(value, str)
    return is_text and str(value).lower() in (one.lower() for one in facts.allowed if isinstance(one, str))


def unknown_of(world: World) -> World:
    """Return a world in which the inputs that differ in another are unknown."""
    return _with_unknown(BASE, frozenset(change.input for change in world))


def _with_unknown(world: World, names: frozenset[str]) -> World:
    """Return a world in which some inputs are unknown, whatever they are in another."""
    unknown = frozenset(InputChange(name, (), UNDECIDED) for name in names)
    return unknown.union(change for change in world if change.input not in names)


def replaced_by(variants: Iterable[Variant]) -> frozenset[str]:
    """Return the addresses of resources that variants evaluate instead of the base world."""
    return frozenset[str]().union(*(variant.replaced for variant in variants))


def joined(resources: Mapping[str, Resource], variants: Sequence[Variant]) -> Mapping[str, Resource]:
    """Return all resources of a root, those of its variants with their conditions, and with the vaults as they are
    there.
    """
    replaced = replaced_by(variants)
    found = {address: one for address, one in resources.items() if address not in replaced}
    created: dict[str, Resource] = {}
    for variant in variants:
        changed = variant.changed
        others = {
            address: one for address, one in changed.items()
            if one.type.lower() in _VAULTS and created.get(address, resources.get(address, one)) is not one
        }  # fmt: skip
        for address, resource in changed.items():
            if address in variant.created and address not in found:
                created[address] = resource
                found[address] = msgspec.structs.replace(
                    resource, assumption=variant.condition, variants=others or None
                )
    return found


__all__ = [
    "BASE",
    "COLLECTIONS",
    "TEXTS",
    "Alternative",
    "Constraint",
    "Existence",
    "Facts",
    "Faults",
    "InputChange",
    "Machine",
    "Never",
    "Result",
    "Search",
    "Variant",
    "World",
    "joined",
    "replaced_by",
    "unknown_of",
]  # fmt: skip
