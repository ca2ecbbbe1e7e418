"""Values of declarations and attributes: each evaluated once, with the inputs that it reads, and shared by worlds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVarTuple

from azkvlint.evaluation.reads import Inputs, ReadSet
from azkvlint.evaluation.traces import VALUE, Read
from azkvlint.evaluation.values import Fields, Items, Result, is_data
from azkvlint.model.location import Location
from azkvlint.readers.modules.run import Run

_Arguments = TypeVarTuple("_Arguments")


def without_value(name: str, *, has_default: bool) -> str:
    """Return why an input is unknown that nothing in the scanned files sets."""
    return f"{name} has a default that another value can replace" if has_default else f"{name} has no value"


class KeptValues:
    """The values of one use of a module, or of a part of it, by key. ``base`` are those of the base world, if any."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._values: dict[str, Result] = {}
        self._reads: dict[str, ReadSet] = {}
        self._busy: set[str] = set()
        # Whether values are of data alone, by key: a declaration belongs to one world.
        self._plain: dict[str, bool] = {}
        self.base: KeptValues | None = None

    @abstractmethod
    def recursive(self, key: str, *args: Any) -> Result:
        """Return the value of what refers to itself. ``args`` are those of its evaluation."""

    def charge(self, made: Result) -> None:
        """Count the parts of a value that is kept."""
        if isinstance(made, (Fields, Items)):
            self.run.charge(made)

    def once(self, key: str, make: Callable[[*_Arguments], Result], *args: *_Arguments) -> Result:
        """Return a value, evaluated when it is first needed."""
        trace = self.run.recorder.trace
        if trace is None or not trace.depth:
            return self._kept(key, make, *args)
        start = len(trace.log)
        found = self._kept(key, make, *args)
        trace.read(start, self, Read(VALUE, key, found, at=self.place_of(*args)))
        return found

    def known(self, key: str) -> Result | None:
        """Return a value, if it was evaluated here."""
        return self._values.get(key)

    def place_of(self, *args: Any) -> Location | None:  # noqa: ARG002  # most values have the place of their declaration
        """Return the place of the reference for which a value is evaluated. ``args`` are those of its evaluation."""
        return None

    def _kept(self, key: str, make: Callable[[*_Arguments], Result], *args: *_Arguments) -> Result:
        found = self._values.get(key)
        recorder = self.run.recorder
        if found is not None:
            known = self._reads.get(key)
            if known is not None:  # a file of values may be evaluated before reads are recorded
                recorder.add(known, found)
            return found
        shared = self.base.unchanged(key, self.run.changed) if self.base is not None else None
        if shared is not None:
            self._values[key], read = shared
            if recorder.is_recording:
                self._reads[key] = read
                recorder.add(read, shared[0])
            return shared[0]
        if key in self._busy:
            recorder.read_all()
            return self.recursive(key, *args)
        self._busy.add(key)
        try:
            made, read_here = recorder.of(make, *args)
        finally:
            self._busy.discard(key)
        if read_here is not None:
            self._reads[key] = read_here
        self.charge(made)
        self._values[key] = made
        return made

    def unchanged(self, key: str, changed: Inputs) -> tuple[Result, ReadSet] | None:
        """Return a value that was evaluated, with what it reads, if that is none of some inputs."""
        read = self._reads.get(key)
        if read is None or not read.inputs.isdisjoint(changed):
            return None
        found = self._values[key]
        is_plain = self._plain.get(key)
        if is_plain is None:
            is_plain = self._plain[key] = is_data(found)
        return (found, read) if is_plain else None

    def close(self) -> None:
        """Release all values: garbage collection of reference cycles is off during a run."""
        self._values.clear()
        self._reads.clear()
