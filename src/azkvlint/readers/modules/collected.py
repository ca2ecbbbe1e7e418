"""The resources that a root deploys in one world, by declaration, with the inputs that they read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from azkvlint.evaluation.reads import NO_INPUTS, Inputs, Readers, ReadRecorder
from azkvlint.graph.overlay import Overlay
from azkvlint.model.resource import Resource
from azkvlint.readers.modules.run import Absence, Run

_Made = TypeVar("_Made")


class Collected(NamedTuple):
    """The resources of a declaration or of a module itself, and the inputs that they read."""

    resources: tuple[str, ...]
    inputs: Inputs


class _PutOff:
    """Resources that are added later, with the addresses of the declarations around them."""

    def __init__(self, make: Callable[[], Iterable[Resource]], around: tuple[str, ...]) -> None:
        self.make = make
        self.around = around
        self.made: dict[str, Resource] | None = None


class CollectedResources:
    """The resources of one world of a root.

    ``within`` are the addresses of declarations that the base world does not create. What reads none of the inputs
    that differ is that of ``base``, the resources of the base world.
    """

    # What a resource reads of which that is not recorded.
    UNRECORDED: Inputs = NO_INPUTS

    def __init__(self, within: Collection[str], base: CollectedResources | None) -> None:
        self._within = within
        self.base = base
        self.collected: dict[str, Collected] = {}
        self.absent: list[Absence] = []
        # By address: the resources of each declaration that the base world does not create, and what is absent in it.
        self.created: dict[str, list[str]] = {}
        # The addresses of resources of the base world that are not the same here.
        self.gone: set[str] = set()
        # What the root itself has, by the inputs that it reads.
        self._readers: Readers[str] | None = None
        self._around: list[str] = []
        self._reads: list[set[str]] = []
        self._later: list[_PutOff] = []

    @abstractmethod
    def is_of_root(self, key: str) -> bool:
        """Return whether the root itself has what was collected by a key."""

    @abstractmethod
    def shared_resources(self) -> Mapping[str, Resource]:
        """Return the resources of this world as other worlds share them."""

    def share(self, run: Run, key: str) -> bool:
        """Add the resources of the base world, if none of the inputs that they read differs; return whether it did."""
        known = self.known_of(run, key)
        if self.base is None or known is None:
            return False
        others = self.base.shared_resources()
        run.resources.update((address, others[address]) for address in known.resources if address in others)
        return True

    def known_of(self, run: Run, key: str) -> Collected | None:
        """Return what the base world has of a declaration, if none of the inputs that it reads differs."""
        known = self.base.collected.get(key) if self.base is not None else None
        return known if known is not None and known.inputs.isdisjoint(run.changed) else None

    def record(
        self, run: Run, declared: str, collect: Callable[[], None], more: Inputs = NO_INPUTS
    ) -> Collected | None:
        """Collect a declaration; return its resources and what these read, if reads are recorded.

        ``declared`` is the key by which the recorder has what decides on its instances; ``more`` is read in addition.
        """
        recorder, known = run.recorder, len(run.resources)
        if not isinstance(recorder, ReadRecorder):
            collect()
            return None
        self._reads.append(set())
        try:
            collect()
        finally:
            inputs = self._reads.pop()
        addresses = tuple(added(run, known))
        inputs.update(recorder.declarations.get(declared, ()), more)
        for address in addresses:
            read = recorder.resources.get(address)
            inputs.update(self.UNRECORDED if read is None else read.inputs)
        self.read_around(inputs)
        return Collected(addresses, recorder.union((NO_INPUTS, frozenset(inputs))))

    def read_around(self, inputs: Collection[str]) -> None:
        """Record that all declarations around the current one read inputs."""
        for outer in self._reads:
            outer.update(inputs)

    def keep_made(self, run: Run, key: str, made: Collection[Resource], inputs: Inputs | None) -> None:
        """Add resources that belong to a module itself, and keep what they read, if that is recorded."""
        run.resources.update((one.address, one) for one in made)
        if inputs is not None:
            self.read_around(inputs)
            self.collected[key] = Collected(tuple(one.address for one in made), inputs)

    def inside(self, run: Run, symbol: Any, collect: Callable[[], _Made], *, is_unknown: bool) -> _Made:
        """Collect a declaration, and record its resources if the base world does not certainly create it."""
        address = symbol.address
        if is_unknown:
            self.note_absence(symbol, is_unknown=True)
        if not self._around and address not in self._within and not is_unknown:
            return collect()
        known = len(run.resources)
        self._around.append(address)
        try:
            return collect()
        finally:
            self._around.pop()
            self.created[address] = added(run, known)

    def put_off(self, make: Callable[[], Iterable[Resource]]) -> None:
        """Leave out resources of a module, such as its outputs, until the results of this world are needed.

        No rule reads them for a result about another resource, so those of a module that the base world has too are
        never needed.
        """
        if self._around:
            self._later.append(_PutOff(make, tuple(self._around)))

    def added_later(self, run: Run, address: str) -> list[str]:
        """Add the resources in a declaration that were put off, and return their addresses."""
        found: list[str] = []
        for one in self._later:
            if address in one.around:
                if one.made is None:
                    one.made = {resource.address: resource for resource in one.make()}
                    run.resources.update(one.made)
                found += one.made
        return found

    def note_absence(self, symbol: Any, *, is_unknown: bool = False) -> None:
        """Record a declaration that has no instances, or of which that is not known."""
        self.absent.append(Absence(symbol, tuple(self._around), is_unknown=is_unknown))

    def readers_of(self, inputs: Inputs) -> list[str]:
        """Return the keys of what the root itself has and what reads one of some inputs, in their order."""
        if self._readers is None:
            own = ((key, one.inputs) for key, one in self.collected.items() if self.is_of_root(key))
            self._readers = Readers(own)
        return self._readers.of(inputs)

    def in_world(self, run: Run) -> Mapping[str, Resource]:
        """Return all resources, those of the base world included that are the same."""
        base = self.base
        if base is None or not base.collected:
            return run.resources
        return Overlay(base.shared_resources(), run.resources, frozenset(self.gone))


def added(run: Run, known: int) -> list[str]:
    """Return the addresses of the resources that were added after the first ones."""
    return list(islice(reversed(run.resources), len(run.resources) - known))[::-1]
