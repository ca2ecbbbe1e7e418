"""A graph as conditions see it: who refers to whom, looked up instead of searched."""

from __future__ import annotations

from collections.abc import Callable

from kvlint.model.graph import Reference, Resource, ResourceGraph
from kvlint.model.report import Outcome


class _Incoming:
    """The references of one attribute by what they name; ``loose`` ones may name anything."""

    def __init__(self, references: tuple[Reference, ...]) -> None:
        self.certain: dict[str, list[Reference]] = {}
        self.perhaps: dict[str, list[Reference]] = {}
        self.loose: list[Reference] = []
        self.by_source: dict[str, list[Reference]] = {}
        for reference in references:
            self.by_source.setdefault(reference.source, []).append(reference)
            for target in reference.targets:
                self.certain.setdefault(target, []).append(reference)
            for target in reference.candidates:
                self.perhaps.setdefault(target, []).append(reference)
            if reference.anything:
                self.loose.append(reference)


class World:
    """A graph with its indexes. Answers about other resources are kept, so that each is worked out once."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.graph = graph
        self._incoming: dict[str, _Incoming] = {}
        self._kept: dict[tuple[int, str], Outcome] = {}
        self._loose: dict[tuple[int, str], tuple[Outcome, str]] = {}

    def incoming(self, via: str) -> _Incoming:
        """All references of the attribute ``via``."""
        found = self._incoming.get(via)
        if found is None:
            found = self._incoming[via] = _Incoming(self.graph.references.get(via, ()))
        return found

    def kept(self, question: int, resource: Resource, ask: Callable[[Resource], Outcome]) -> Outcome:
        """The answer to ``question`` about a resource, worked out at most once."""
        key = (question, resource.address)
        answer = self._kept.get(key)
        if answer is None:
            answer = self._kept[key] = ask(resource)
        return answer

    def loose_best(self, question: int, via: str, ask: Callable[[Resource], Outcome]) -> tuple[Outcome, str]:
        """The best answer about any source that may refer to anything by ``via``, and that source."""
        key = (question, via)
        best = self._loose.get(key)
        if best is None:
            best = (Outcome.FAIL, "")
            for reference in self.incoming(via).loose:
                outcome = ask(self.graph.resources[reference.source])
                if outcome > best[0]:
                    best = (outcome, reference.source)
            self._loose[key] = best
        return best
