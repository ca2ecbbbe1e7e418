"""Indexes of a resource graph: references by attribute, source and target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.resource import Reference, Resource, ResourceGraph
from azkvlint.model.value import Answer

Trail: TypeAlias = list[Evidence]
# The arguments of a predicate: a value, its resource, the index, the trail, and the display path of the value.
Predicate: TypeAlias = Callable[[Answer, Resource, "GraphIndex", "Trail | None", str], Outcome]


class Incoming:
    """The references that one attribute of some types makes, by target; ``loose`` ones may refer to any resource."""

    def __init__(self, references: list[Reference]) -> None:
        self.certain: dict[str, list[Reference]] = {}
        self.perhaps: dict[str, list[Reference]] = {}
        self.loose: list[Reference] = []
        for reference in references:
            for target in reference.targets:
                self.certain.setdefault(target, []).append(reference)
            for target in reference.candidates:
                self.perhaps.setdefault(target, []).append(reference)
            if reference.anything:
                self.loose.append(reference)


class GraphIndex:
    """A resource graph with indexes. Outcomes of predicates for other resources are cached."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.graph = graph
        self._incoming: dict[tuple[str, frozenset[str]], Incoming] = {}
        self._incoming_by_present_types: dict[tuple[str, frozenset[str]], Incoming] = {}
        self._sources: dict[str, list[tuple[str, Reference]]] = {}
        self._outgoing: dict[str, dict[str, list[Reference]]] = {}
        self._outcomes: dict[tuple[int, str], Outcome] = {}
        self._best: dict[tuple[int, int, bool], Outcome] = {}
        self._loose: dict[tuple[int, int], tuple[Outcome, str]] = {}

    def incoming(self, via: str, types: frozenset[str]) -> Incoming:
        """Return the references by the attribute ``via`` of ``types`` (lower case), of resources that stay."""
        index = self._incoming.get((via, types))
        if index is None:
            sources = self._references_that_stay(via)
            # Inputs have few of the types in rules, so many lookups reduce to the same types and share one index.
            present = frozenset(type_ for type_ in {type_ for type_, _ in sources} if type_.lower() in types)
            index = self._incoming_by_present_types.get((via, present))
            if index is None:
                index = Incoming([reference for type_, reference in sources if type_ in present])
            self._incoming[via, types] = self._incoming_by_present_types[via, present] = index
        return index

    def _references_that_stay(self, via: str) -> list[tuple[str, Reference]]:
        """Return the references by ``via`` of resources that stay, with the types of their sources."""
        references = self._sources.get(via)
        if references is None:
            pairs = (
                (self.graph.resources[reference.source], reference) for reference in self.graph.references.get(via, ())
            )
            references = self._sources[via] = [(source.type, reference) for source, reference in pairs if source.stays]
        return references

    def outgoing(self, via: str, address: str) -> list[Reference]:
        """Return the references by the attribute ``via`` of one resource."""
        by_source = self._outgoing.get(via)
        if by_source is None:
            by_source = self._outgoing[via] = {}
            for reference in self.graph.references.get(via, ()):
                by_source.setdefault(reference.source, []).append(reference)
        return by_source.get(address, [])

    def cached_outcome(self, predicate_id: int, resource: Resource, predicate: Predicate) -> Outcome:
        """Return the outcome of a predicate for a resource, computed once; ``predicate_id`` is the cache key."""
        key = (predicate_id, resource.address)
        outcome = self._outcomes.get(key)
        if outcome is None:
            outcome = self._outcomes[key] = predicate(resource.attributes, resource, self, None, "")
        return outcome

    def cached_best(self, key: tuple[int, int, bool], best: Callable[[], Outcome]) -> Outcome:
        """Return the best outcome of a predicate for the targets of a reference, computed once.

        The key has the identities of the predicate and of the targets, which live as long as the graph.
        """
        outcome = self._best.get(key)
        if outcome is None:
            outcome = self._best[key] = best()
        return outcome

    def best_loose_outcome(self, predicate_id: int, incoming: Incoming, predicate: Predicate) -> tuple[Outcome, str]:
        """Return the best outcome of a link from a loose reference, at most UNKNOWN, and the source of that
        reference.
        """
        if not incoming.loose:
            return Outcome.FAIL, ""
        key = (predicate_id, id(incoming))
        best = self._loose.get(key)
        if best is None:
            best = (Outcome.FAIL, "")
            for reference in incoming.loose:
                if (
                    self.cached_outcome(predicate_id, self.graph.resources[reference.source], predicate)
                    is not Outcome.FAIL
                ):
                    best = (Outcome.UNKNOWN, reference.source)
                    break
            self._loose[key] = best
        return best
