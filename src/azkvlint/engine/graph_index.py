"""Indexes of a resource graph: references by attribute, source and target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import TypeAlias

from azkvlint.graph.resource_names import full_name, identity_pattern
from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.resource import Reference, Resource, ResourceGraph
from azkvlint.model.value import Answer

Trail: TypeAlias = list[Evidence]
# The arguments of a predicate: a value, its resource, the index, the trail, and the display path of the value.
Predicate: TypeAlias = Callable[[Answer, Resource, "GraphIndex", "Trail | None", str], Outcome]


# References with the same targets, each with its number among all.
Group: TypeAlias = list[tuple[int, Reference]]


class _ByTarget:
    """References by target, in groups: many have the same targets, such as all vaults of a subscription."""

    def __init__(self) -> None:
        self._groups: dict[str, list[Group]] = {}
        self._known: dict[int | str, Group] = {}

    def add(self, number: int, targets: tuple[str, ...], reference: Reference) -> None:
        # The targets live as long as the references.
        key = targets[0] if len(targets) == 1 else id(targets)
        group = self._known.get(key)
        if group is None:
            group = self._known[key] = []
            for target in targets:
                self._groups.setdefault(target, []).append(group)
        group.append((number, reference))

    def groups(self, target: str) -> list[Group]:
        """Return the groups of references to a target."""
        return self._groups.get(target, [])

    def references(self, target: str) -> list[Reference]:
        """Return the references to a target, in their order."""
        return [reference for _, reference in sorted(chain.from_iterable(self.groups(target)), key=itemgetter(0))]


class Incoming:
    """The references that one attribute of some types makes, by target; ``loose`` ones may refer to any resource."""

    def __init__(self, references: list[Reference]) -> None:
        self.certain = _ByTarget()
        self.perhaps = _ByTarget()
        self.loose = [reference for reference in references if reference.anything]
        for number, reference in enumerate(references):
            if reference.targets:
                self.certain.add(number, reference.targets, reference)
            if reference.candidates:
                self.perhaps.add(number, reference.candidates, reference)


class GraphIndex:
    """A resource graph with indexes. Outcomes of predicates for other resources are cached."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.graph = graph
        self._names: dict[str, tuple[str, str]] = {}
        self._incoming: dict[tuple[str, frozenset[str]], Incoming] = {}
        self._incoming_by_present_types: dict[tuple[str, frozenset[str]], Incoming] = {}
        self._by_type: dict[str, dict[str, list[Reference]]] = {}
        self._outgoing: dict[str, dict[str, list[Reference]]] = {}
        self._outcomes: dict[int, dict[str, Outcome]] = {}
        self._fitting: dict[tuple[int, frozenset[str]], tuple[str, ...]] = {}
        self._best: dict[tuple[int, int, bool], Outcome] = {}
        self._best_of_sources: dict[tuple[int, int], Outcome] = {}
        self._loose: dict[tuple[int, int], tuple[Outcome, str]] = {}

    def names(self, resource: Resource) -> tuple[str, str]:
        """Return the name of a resource with those of its parents, and what else distinguishes it (or "")."""
        names = self._names.get(resource.address)
        if names is None:
            resources = self.graph.resources
            names = self._names[resource.address] = (
                full_name(resource, resources),
                identity_pattern(resource, resources),
            )
        return names

    def incoming(self, via: str, types: frozenset[str]) -> Incoming:
        """Return the references by the attribute ``via`` of ``types`` (lower case), of resources that stay."""
        index = self._incoming.get((via, types))
        if index is None:
            by_type = self._references_by_type(via)
            # Inputs have few of the types in rules, so many lookups reduce to the same types and share one index.
            present = frozenset(type_ for type_ in by_type if type_.lower() in types)
            index = self._incoming_by_present_types.get((via, present))
            if index is None:
                index = Incoming([one for type_, found in by_type.items() if type_ in present for one in found])
            self._incoming[via, types] = self._incoming_by_present_types[via, present] = index
        return index

    def _references_by_type(self, via: str) -> dict[str, list[Reference]]:
        """Return the references by ``via`` of resources that stay, by the types of their sources."""
        by_type = self._by_type.get(via)
        if by_type is None:
            by_type = self._by_type[via] = {}
            for reference in self.graph.references.get(via, ()):
                source = self.graph.resources[reference.source]
                if source.stays:
                    by_type.setdefault(source.type, []).append(reference)
        return by_type

    def outgoing(self, via: str, address: str) -> list[Reference]:
        """Return the references by the attribute ``via`` of one resource."""
        by_source = self._outgoing.get(via)
        if by_source is None:
            by_source = self._outgoing[via] = {}
            for reference in self.graph.references.get(via, ()):
                by_source.setdefault(reference.source, []).append(reference)
        return by_source.get(address, [])

    def cached_outcome(self, predicate: Predicate, resource: Resource) -> Outcome:
        """Return the outcome of a predicate for a resource, computed once."""
        outcomes = self._outcomes.setdefault(id(predicate), {})
        outcome = outcomes.get(resource.address)
        if outcome is None:
            outcome = outcomes[resource.address] = predicate(resource.attributes, resource, self, None, "")
        return outcome

    def cached_outcomes(self, predicate: Predicate, addresses: Iterable[str]) -> Iterator[Outcome]:
        """Yield the outcomes of a predicate for some resources, each computed once."""
        for address in addresses:
            yield self.cached_outcome(predicate, self.graph.resources[address])

    def fitting(self, targets: tuple[str, ...], types: frozenset[str]) -> tuple[str, ...]:
        """Return the resources among ``targets`` that stay and are of some types (lower case)."""
        resources = self.graph.resources
        return tuple(one for one in targets if (target := resources[one]).stays and target.type.lower() in types)

    def fitting_targets(self, targets: tuple[str, ...], types: frozenset[str]) -> tuple[str, ...]:
        """Return the same for targets of references, which live as long as the graph, as do the types of rules.

        Many references have the same targets: all vaults of a subscription.
        """
        key = (id(targets), types)
        found = self._fitting.get(key)
        if found is None:
            found = self._fitting[key] = self.fitting(targets, types)
        return found

    def cached_best(self, key: tuple[int, int, bool], best: Callable[[], Outcome]) -> Outcome:
        """Return the best outcome of a predicate for the targets of a reference, computed once.

        The key has the identities of the predicate and of the targets, which live as long as the graph.
        """
        outcome = self._best.get(key)
        if outcome is None:
            outcome = self._best[key] = best()
        return outcome

    def best_of_sources(self, groups: list[Group], predicate: Predicate) -> Outcome:
        """Return the best outcome of a predicate for the sources of references, computed once for each group."""
        result = Outcome.FAIL
        for group in groups:
            key = (id(predicate), id(group))
            best = self._best_of_sources.get(key)
            if best is None:
                best = Outcome.FAIL
                for outcome in self.cached_outcomes(predicate, (reference.source for _, reference in group)):
                    best = max(best, outcome)
                    if best is Outcome.PASS:
                        break
                self._best_of_sources[key] = best
            result = max(result, best)
            if result is Outcome.PASS:
                break
        return result

    def best_loose_outcome(self, incoming: Incoming, predicate: Predicate) -> tuple[Outcome, str]:
        """Return the best outcome of a link from a loose reference, at most UNKNOWN, and the source of that
        reference.
        """
        if not incoming.loose:
            return Outcome.FAIL, ""
        key = (id(predicate), id(incoming))
        best = self._loose.get(key)
        if best is None:
            best = (Outcome.FAIL, "")
            for reference in incoming.loose:
                if self.cached_outcome(predicate, self.graph.resources[reference.source]) is not Outcome.FAIL:
                    best = (Outcome.UNKNOWN, reference.source)
                    break
            self._loose[key] = best
        return best
