"""Fixes of one place that are proven together: each is made on the texts that those before it result in.

They are the same as if each were proven before the next is made, as far as none changes what another finding is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.fixes.batches import Batch, Pending, next_batch
from azkvlint.fixes.moves import Moves
from azkvlint.fixes.proof import State
from azkvlint.fixes.sources import Sources
from azkvlint.model.finding import Finding
from azkvlint.model.fix import Refusal
from azkvlint.readers.discover import JSON

_Resource: TypeAlias = tuple[str, ...]
_MOST_LAYERS = 12

Again: TypeAlias = Callable[[Pending, "LayerState", Sequence[Pending]], Pending | None]
"""Makes the first candidate of a finding again, on other texts, with those of the same resources before it."""


class Layer(NamedTuple):
    """Candidates whose edits do not touch each other, and the ``sources`` in which they are made.

    ``moves`` are the edits of the layers before it.
    """

    sources: Sources
    batch: Sequence[Pending]
    moves: Sequence[Moves] = ()

    def placed(self, finding: Finding) -> Finding:
        """Return a finding from before all layers at its place in the sources, if that is known."""
        for moves in self.moves:
            finding = moves.finding(finding) or finding
        return finding


class LayerState:
    """The texts with the edits of some layers, and what was evaluated before these at its place there."""

    def __init__(self, sources: Sources, moves: Sequence[Moves], state: Callable[[], State]) -> None:
        self.sources, self._moves, self._state = sources, moves, state

    @cached_property
    def state(self) -> State:
        """Return the state with the declarations at their places in these texts."""
        state = self._state()
        evaluated = state.report.evaluated
        for moves in self._moves:
            evaluated = tuple(map(moves.declaration, evaluated))
        return msgspec.structs.replace(state, report=msgspec.structs.replace(state.report, evaluated=evaluated))


class LayerStack:
    """The ``layers`` of a search, the first of which is a batch.

    ``may_change`` returns whether the edits for a finding may change what a rule reads, and ``depends`` whether a
    candidate waits for another one.
    """

    def __init__(
        self,
        sources: Sources,
        batch: Sequence[Pending],
        may_change: Callable[[Finding, str], bool],
        depends: Callable[[Pending, Pending], bool],
    ) -> None:
        self.layers = [Layer(sources, batch)]
        self._may_change, self._depends = may_change, depends
        self._stacked: dict[_Resource, list[Pending]] = defaultdict(list)
        self._held: dict[_Resource, list[Pending]] = defaultdict(list)
        self._add(self._stacked, batch)

    @property
    def members(self) -> list[Pending]:
        """Return the candidates of all layers."""
        return [one for layer in self.layers for one in layer.batch]

    @staticmethod
    def _add(found: dict[_Resource, list[Pending]], pending: Iterable[Pending]) -> None:
        for one in pending:
            for resource in one.resources:
                found[resource].append(one)

    def extend(
        self, later: Sequence[Pending], held: Sequence[Pending], state: Callable[[], State], again: Again
    ) -> None:
        """Add layers with what is ``later`` because it touches the edits of others; ``held`` is added to none."""
        self._add(self._held, held)
        moves: list[Moves] = []
        while later and len(self.layers) < _MOST_LAYERS:
            sources = self.layers[-1].sources
            edits = tuple(edit for one in self.layers[-1].batch for edit in one.edits)
            try:
                place = LayerState(sources.edited(edits), [*moves, Moves(edits)], state)
            except Refusal:
                return
            moves.append(Moves(edits))
            made, rest = self._next_candidates(later, moves[-1], place, again)
            found: Batch = next_batch(made, place.sources)
            if not found.now:
                return
            self.layers.append(Layer(place.sources, found.now, tuple(moves)))
            self._add(self._stacked, found.now)
            numbers = {one.number: position for position, one in enumerate(later)}
            later = sorted((*rest, *found.later, *found.waiting), key=lambda one: numbers[one.number])

    def _next_candidates(
        self, later: Sequence[Pending], moves: Moves, place: LayerState, again: Again
    ) -> tuple[list[Pending], list[Pending]]:
        """Return the next candidate of each resource, made again at its place, and those that are made after it."""
        made, rest = list[Pending](), list[Pending]()
        changed: set[_Resource] = set()
        for one in later:
            resources = one.resources
            moved = moves.finding(one.finding)
            if moved is None or not self._is_independent(one, resources):
                self._add(self._held, [one])
                continue
            waiting = msgspec.structs.replace(one, finding=moved)
            if not changed.isdisjoint(resources):
                rest.append(waiting)
                continue
            before = [other for resource in resources for other in self._stacked.get(resource, ())]
            candidate = again(waiting, place, before)
            if candidate is None or any(other.is_safe is not candidate.is_safe for other in before):
                self._add(self._held, [one])
                continue
            made.append(candidate)
            changed |= resources
        return made, rest

    def _is_independent(self, one: Pending, resources: Iterable[_Resource]) -> bool:
        """Return whether no other fix of the same resources changes what a finding is about, and it of none held."""
        if any(edit.path.lower().endswith(JSON) for edit in one.edits):
            return False  # pointers do not move with the text
        for resource in resources:
            if any(self._may_change(other.finding, one.finding.rule.id) for other in self._stacked.get(resource, ())):
                return False
            if any(self._comes_after(one, other) for other in self._held.get(resource, ())):
                return False
        return True

    def _comes_after(self, one: Pending, held: Pending) -> bool:
        """Return whether a fix is not made before one that is held, because it may change what that is about."""
        is_later = held.number < one.number and not held.writes_default and not self._depends(held, one)
        return is_later and self._may_change(one.finding, held.finding.rule.id)
