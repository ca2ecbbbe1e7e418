"""Worlds: what a root deploys with other values of its inputs than those of its base world.

A declaration that the base world does not create is looked for in variants, which change some free inputs. Candidates
come from the expressions that decide on it (``evaluation.solve``), and each is evaluated as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from azkvlint.evaluation import solve
from azkvlint.evaluation.solve import Alternative, Constraint, Target
from azkvlint.evaluation.values import Result
from azkvlint.graph.overlay import Overlay
from azkvlint.model.condition import (
    CONTAINS,
    DIFFERENT,
    EMPTY,
    EQUAL,
    LENGTH,
    NOT_EMPTY,
    NOT_NULL,
    OTHER,
    UNDECIDED,
    Condition,
    InputCondition,
)
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Plain

Goal: TypeAlias = tuple[object, object, Target]
AnyDeclaration = TypeVar("AnyDeclaration")
# Of candidates that are evaluated for one declaration, and of declarations that one needs in addition.
_MOST_CANDIDATES = 12
_MOST_NEEDED = 4
# Of assignments that are evaluated to prove that a declaration never exists.
_MOST_ASSIGNMENTS = 64
# A condition may read further inputs once those that it reads are unknown.
_MOST_ROUNDS = 8


# What decides on the effect of policies and role assignments.
_VAULTS = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})


class Change(msgspec.Struct, frozen=True, order=True, gc=False):
    """Another value of an input, or of the member of it at ``path``. See ``InputCondition`` for ``state``."""

    input: str
    path: tuple[str, ...]
    state: str
    value: Plain | None = None


World: TypeAlias = frozenset[Change]
BASE: World = frozenset()


class Facts(NamedTuple):
    """What is known of a free input: its type, the values that it accepts if these are listed, and its declaration."""

    kind: str = "any"
    allowed: tuple[Plain, ...] = ()
    is_secret: bool = False
    is_nullable: bool = False
    at: Location | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A world other than the base world: all of its ``resources``, and the addresses of those that only it creates."""

    condition: Condition
    resources: Mapping[str, Resource]
    created: frozenset[str]
    is_complete: bool

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
    """What makes a world impossible: ``needed`` are the declarations without instances that others refer to."""

    is_impossible: bool
    needed: tuple[AnyDeclaration, ...] = ()


class Machine(Protocol[AnyDeclaration]):
    """Evaluates one root in any world."""

    def facts(self, name: str) -> Facts | None:
        """Return what is known of an input; None if its value is fixed."""

    def candidates(self, declaration: AnyDeclaration, world: World) -> Sequence[Alternative]:
        """Return the candidates for a declaration that does not exist in a world."""

    def exists(self, declaration: AnyDeclaration, world: World) -> bool | None:
        """Return whether a declaration has instances in a world; None if that is not known."""

    def existence(self, declaration: AnyDeclaration, world: World) -> Existence:
        """Return the same, with what is read to decide it."""

    def required(self, declaration: AnyDeclaration, world: World) -> Sequence[Alternative]:
        """Return the candidates for arguments of a declaration that Azure rejects as they are in a world."""

    def violated(self, world: World) -> Sequence[Alternative] | None:
        """Return the candidates for a validation that rejects the inputs of a world; None if none does."""

    def faults(self, world: World) -> Faults[AnyDeclaration]:
        """Return what makes a world impossible that is not so in the base world."""


class Never(NamedTuple):
    """A declaration exists in no world: the inputs named, of which some are fixed, decide it."""

    fixed: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


class Search(Generic[AnyDeclaration]):
    """Looks for the worlds of one root in which declarations exist."""

    def __init__(self, machine: Machine[AnyDeclaration]) -> None:
        self._machine = machine

    def find(self, declaration: AnyDeclaration, within: World) -> World | Never:
        """Return the world in which a declaration exists that ``within`` does not create."""
        perhaps: World | None = None
        for world in islice(self._worlds(declaration, within), _MOST_CANDIDATES):
            found = self._possible(declaration, world)
            if found is not None and self._machine.exists(declaration, found) is True:
                return self._least(declaration, found, within)
            perhaps = found if perhaps is None else perhaps
        if perhaps is not None:
            return perhaps
        read = self._read(declaration, within)
        if read.exists is False and read.is_settled:
            return Never(self._deciding(declaration, within, read))
        if read.is_settled and self._is_excluded(declaration, within, read.free):
            return Never((), tuple(sorted(read.free)))
        return within | {Change(name, (), UNDECIDED) for name in read.free}

    def _worlds(self, declaration: AnyDeclaration, within: World) -> Iterator[World]:
        yield from self._extended(self._machine.candidates(declaration, within), within)

    def _extended(self, alternatives: Iterable[Alternative], within: World) -> Iterator[World]:
        for alternative in alternatives:
            for changes in self._changes(alternative):
                world = _with(within, changes) if changes else None
                if world is not None:
                    yield world

    def _changes(self, alternative: Alternative) -> Iterator[World]:
        """Yield the changes of inputs that meet all constraints."""
        target: dict[tuple[str, tuple[str, ...]], list[Target]] = {}
        for one in sorted(alternative, key=repr):
            target.setdefault((one.input, one.path), []).append(one.target)
        options: list[list[Change]] = []
        for (name, path), every in target.items():
            facts = self._machine.facts(name)
            if facts is None:
                return
            options.append([Change(name, path, *state) for state in _states(every, Facts() if path else facts)])
        for chosen in islice(product(*options), _MOST_CANDIDATES):
            yield frozenset(chosen)

    def _possible(self, declaration: AnyDeclaration, world: World) -> World | None:
        """Return a world in which a declaration may exist, with the changes that it needs in addition; or None."""
        for _ in range(_MOST_NEEDED):
            if self._machine.exists(declaration, world) is False:
                return None
            violated = self._machine.violated(world)
            if violated is not None:
                further = self._extended(violated, world)
            else:
                faults = self._machine.faults(world)
                if not faults.is_impossible:
                    extended = next(self._extended(self._machine.required(declaration, world), world), None)
                    if extended is None:
                        return world
                    world = extended
                    continue
                further = (one for other in faults.needed for one in self._worlds(other, world))
            extended = next(further, None)
            if extended is None:
                return None
            world = extended
        return None

    def _least(self, declaration: AnyDeclaration, world: World, within: World) -> World:
        """Return a world without the changes of the world around it that the declaration does not need."""
        for change in sorted(within):
            less = world - {change}
            is_other = less != world and self._possible(declaration, less) == less
            if is_other and self._machine.exists(declaration, less) is True:
                world = less
        return world

    def _read(self, declaration: AnyDeclaration, within: World) -> Existence:
        """Return whether a declaration may exist at all, and the inputs that its conditions read."""
        world = within
        found = Existence(None, frozenset(), frozenset())
        for _ in range(_MOST_ROUNDS):
            here = self._machine.existence(declaration, world)
            found = Existence(here.exists, found.free | here.free, found.fixed | here.fixed)
            wider = within | {Change(name, (), UNDECIDED) for name in found.free}
            if wider == world:
                return found
            world = wider
        return found._replace(is_settled=False)

    def _deciding(self, declaration: AnyDeclaration, within: World, read: Existence) -> tuple[str, ...]:
        """Return the fixed inputs with other values of which a declaration might exist."""
        kept = set(read.fixed)
        for name in sorted(read.fixed)[:_MOST_ROUNDS]:
            unknown = (read.free | read.fixed) - (kept - {name})
            here = self._machine.existence(declaration, within | {Change(one, (), UNDECIDED) for one in unknown})
            if here.exists is False and here.free <= read.free:
                kept.discard(name)
        return tuple(sorted(kept))

    def _is_excluded(self, declaration: AnyDeclaration, within: World, names: frozenset[str]) -> bool:
        """Return whether no values of some inputs create a declaration."""
        ordered = sorted(names)
        known = [self._machine.facts(name) for name in ordered]
        parts = [_partition(facts) for facts in known if facts is not None]
        assignments = list(islice(product(*parts), _MOST_ASSIGNMENTS + 1))
        if not ordered or len(parts) < len(ordered) or len(assignments) > _MOST_ASSIGNMENTS:
            return False
        fixed = frozenset(one for one in within if one.input not in names)
        for states in assignments:
            pairs = zip(ordered, states, strict=True)
            world = fixed | {Change(name, (), *state) for name, state in pairs}
            if self._machine.exists(declaration, world) is not False:
                return False
        return True


def _partition(facts: Facts) -> list[tuple[str, Plain | None]]:
    """Return states of an input of which any value has one."""
    if facts.kind == "bool":
        # A condition that is null fails.
        return [(EQUAL, True), (EQUAL, False)]
    states: list[tuple[str, Plain | None]]
    if facts.allowed:
        states = [(EQUAL, value) for value in facts.allowed]
    elif facts.kind in ("number", "int"):
        return [(UNDECIDED, None)]
    else:
        states = [*_states_of(solve.EMPTY, None, facts), (NOT_EMPTY, None)]
    return [*states, (EQUAL, None)] if facts.is_nullable else states


def _with(within: World, changes: World) -> World | None:
    """Return a world with further changes, which may state more of an input; None if they contradict others."""
    found = set(within)
    for change in changes - within:
        for one in within:
            if one.input == change.input and (one.path == change.path or not one.path):
                if one.path != change.path or one.state == EQUAL or change.state != EQUAL:
                    return None
                found.discard(one)
        found.add(change)
    return frozenset(found)


def _states(every: Sequence[Target], facts: Facts) -> Iterator[tuple[str, Plain | None]]:
    """Yield what an input may be so that all of several targets are met."""
    by_kind = {one.kind: one.value for one in every}
    for kind in (solve.EQUAL, solve.CONTAINS, solve.LENGTH, solve.LEAST, solve.MOST, solve.FILLED, solve.EMPTY):
        if kind in by_kind:
            yield from _states_of(kind, by_kind[kind], facts)
            return
    refused = [one.value for one in every]
    if facts.kind == "bool":
        yield from ((EQUAL, flag) for flag in (True, False) if flag not in refused)
    elif facts.allowed:
        yield from ((EQUAL, one) for one in facts.allowed if one not in refused)
    elif all(one is None for one in refused):
        yield NOT_NULL, None
    elif all(isinstance(one, bool) for one in refused):
        yield EQUAL, not refused[0]
    elif all(isinstance(one, int | float) for one in refused):
        yield EQUAL, max(one for one in refused if isinstance(one, int | float)) + 1
    else:
        yield from ((DIFFERENT, one) for one in refused if isinstance(one, str))


def _states_of(kind: str, value: Plain | None, facts: Facts) -> Iterator[tuple[str, Plain | None]]:
    match kind:
        case solve.EQUAL | solve.LEAST | solve.MOST:
            whole = int(value) if isinstance(value, float) and value.is_integer() else value
            if not facts.allowed or whole is None or whole in facts.allowed:
                yield EQUAL, whole
        case solve.CONTAINS:
            yield CONTAINS, value
        case solve.LENGTH:
            yield LENGTH, value
        case solve.FILLED:
            yield from ((EQUAL, one) for one in facts.allowed if one != "")
            if not facts.allowed:
                yield NOT_EMPTY, None
        case _:
            yield (EQUAL, "") if facts.kind == "string" else (EMPTY, None)


def unknown_of(world: World) -> World:
    """Return a world in which the inputs that differ in another are unknown."""
    return frozenset(Change(change.input, (), UNDECIDED) for change in world)


def condition_of(world: World, facts: Mapping[str, Facts]) -> Condition:
    """Return the condition that a world states. ``facts`` are those of its inputs."""
    inputs = []
    for change in sorted(world):
        known = facts[change.input]
        state, value = change.state, change.value
        if known.is_secret and value is not None:
            state, value = OTHER, None
        inputs.append(InputCondition(".".join((change.input, *change.path)), state, value))
    at = next((facts[change.input].at for change in sorted(world)), None)
    return Condition(tuple(inputs), at)


def joined(resources: Mapping[str, Resource], variants: Iterable[Variant]) -> Mapping[str, Resource]:
    """Return all resources of a root, those of its variants with their conditions, and with the vaults as they are
    there.
    """
    found = dict(resources)
    for variant in variants:
        changed = variant.changed
        others = {
            address: one for address, one in changed.items()
            if one.type.lower() in _VAULTS and resources.get(address, one) is not one
        }  # fmt: skip
        for address, resource in changed.items():
            if address in variant.created and address not in found:
                found[address] = msgspec.structs.replace(
                    resource, assumption=variant.condition, variants=others or None
                )
    return found


__all__ = [
    "BASE", "Alternative", "Change", "Constraint", "Existence", "Facts", "Faults", "Machine", "Never", "Result",
    "Search", "Variant", "World", "condition_of", "joined", "unknown_of",
]  # fmt: skip
