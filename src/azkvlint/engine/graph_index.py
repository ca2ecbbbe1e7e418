"""A graph as conditions see it: who refers to whom, looked up instead of searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.resource import Reference, Resource, ResourceGraph
from azkvlint.model.value import Answer

Trail: TypeAlias = list[Evidence]
# The subject: a value to look in, the resource it belongs to, and the path of the value in the resource (for people).
Predicate: TypeAlias = Callable[[Answer, Resource, "GraphIndex", "Trail | None", str], Outcome]


class Incoming:
    """The references that one attribute of some types makes, by what they name; ``loose`` ones may name anything."""

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
    """A graph with its indexes. Answers about other resources are kept, so that each is worked out once."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.graph = graph
        self._incoming: dict[tuple[str, frozenset[str]], Incoming] = {}
        self._incoming_here: dict[tuple[str, frozenset[str]], Incoming] = {}
        self._sources: dict[str, list[tuple[str, Reference]]] = {}
        self._outgoing: dict[str, dict[str, list[Reference]]] = {}
        self._kept: dict[tuple[int, str], Outcome] = {}
        self._loose: dict[tuple[int, int], tuple[Outcome, str]] = {}

    def incoming(self, via: str, types: frozenset[str]) -> Incoming:
        """The references that the attribute ``via`` of ``types`` (lower case) makes, of resources that stay."""
        found = self._incoming.get((via, types))
        if found is None:
            sources = self._staying(via)
            # Rules name more types than most inputs have: what is left of two lists is often the same.
            here = frozenset(type_ for type_ in {type_ for type_, _ in sources} if type_.lower() in types)
            found = self._incoming_here.get((via, here))
            if found is None:
                found = Incoming([reference for type_, reference in sources if type_ in here])
            self._incoming[via, types] = self._incoming_here[via, here] = found
        return found

    def _staying(self, via: str) -> list[tuple[str, Reference]]:
        """The references that the attribute ``via`` makes of resources that stay, with their types as spelled."""
        found = self._sources.get(via)
        if found is None:
            pairs = ((self.graph.resources[one.source], one) for one in self.graph.references.get(via, ()))
            found = self._sources[via] = [(source.type, one) for source, one in pairs if source.stays]
        return found

    def outgoing(self, via: str, address: str) -> list[Reference]:
        """The references that the attribute ``via`` of one resource makes."""
        by_source = self._outgoing.get(via)
        if by_source is None:
            by_source = self._outgoing[via] = {}
            for reference in self.graph.references.get(via, ()):
                by_source.setdefault(reference.source, []).append(reference)
        return by_source.get(address, [])

    def cached(self, question: int, resource: Resource, judge: Predicate) -> Outcome:
        """What ``judge`` says about a resource, worked out at most once. ``question`` is the judge's identity."""
        key = (question, resource.address)
        answer = self._kept.get(key)
        if answer is None:
            answer = self._kept[key] = judge(resource.attributes, resource, self, None, "")
        return answer

    def loose_best(self, question: int, incoming: Incoming, judge: Predicate) -> tuple[Outcome, str]:
        """The best that any source which may refer to anything makes of a link, at most UNDECIDED, and that source."""
        if not incoming.loose:
            return Outcome.FAIL, ""
        key = (question, id(incoming))
        best = self._loose.get(key)
        if best is None:
            best = (Outcome.FAIL, "")
            for reference in incoming.loose:
                if self.cached(question, self.graph.resources[reference.source], judge) is not Outcome.FAIL:
                    best = (Outcome.UNDECIDED, reference.source)
                    break
            self._loose[key] = best
        return best
