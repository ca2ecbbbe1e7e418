"""Record which inputs of a root the evaluation of its values reads.

An input is what a root receives from outside, named as its expressions name it: a variable of a root module
(``var.name``), ``terraform.workspace``, or a parameter of a root template or Bicep file. A recorder keeps a log of what
is read. Whatever keeps an evaluated value keeps its read set as well, and adds that to the log when the value is used
again, so that the log since any moment is a superset of what was read since then.

A member of an object that is written out has a read set of its own, as far as the object is passed on whole. Inputs
with which another member of that object fails, and so the whole deployment, are not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, NamedTuple, ParamSpec, TypeAlias, TypeVar, TypeVarTuple

import msgspec

from azkvlint.evaluation.values import is_data
from azkvlint.model.value import Path
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.evaluation.traces import Trace
    from azkvlint.evaluation.values import Result

Inputs: TypeAlias = frozenset[str]
NO_INPUTS: Inputs = frozenset()
_P = ParamSpec("_P")
_Arguments = TypeVarTuple("_Arguments")
_T = TypeVar("_T")
# Expressions whose value is what a declaration or a member has: no other part of that value decides on it.
_DIRECT = frozenset((ast.Object, ast.Member, ast.Name, ast.Call, ast.Conditional))


class ReadSet(msgspec.Struct, frozen=True):
    """The ``inputs`` that the evaluation of a value reads.

    ``parts``: those of each member, by its name in lower case, for an object that is written out. ``own`` are the
    inputs that decide which object the value is.
    """

    inputs: Inputs
    own: Inputs = NO_INPUTS
    parts: Mapping[str, ReadSet] | None = None

    def part(self, name: str) -> ReadSet:
        """Return the read set of a member."""
        if self.parts is None:
            return self
        part = self.parts.get(name.lower(), NOTHING)
        return part.after(self.own) if self.own else part

    def after(self, inputs: Inputs) -> ReadSet:
        """Return the read set of a value that the value of other inputs selects."""
        return ReadSet(self.inputs | inputs, self.own | inputs, self.parts)

    @property
    def keys(self) -> Inputs:
        """Return the inputs that decide which members an object has."""
        return self.inputs if self.parts is None else self.own


NOTHING = ReadSet(NO_INPUTS)


def inputs_of(read: ReadSet | None) -> Inputs | None:
    """Return all inputs of a read set, if there is one."""
    return None if read is None else read.inputs


class Readers(Generic[_T]):
    """The keys of what reads inputs, by what they read."""

    def __init__(self, inputs: Iterable[tuple[_T, Inputs]]) -> None:
        # Many read the same inputs, so those are indexed once.
        self._alike: dict[Inputs, list[tuple[int, _T]]] = {}
        for number, (key, read) in enumerate(inputs):
            self._alike.setdefault(read, []).append((number, key))
        self._by_input: dict[str, list[Inputs]] = {}
        for read in self._alike:
            for name in read:
                self._by_input.setdefault(name, []).append(read)

    def of(self, inputs: Inputs) -> list[_T]:
        """Return the keys of what reads one of some inputs, in their order."""
        found = {read for name in inputs for read in self._by_input.get(name, ())}
        return [key for _, key in sorted((one for read in found for one in self._alike[read]), key=itemgetter(0))]


class ResourceReads:
    """The inputs that a resource reads: its ``existence``, and each attribute."""

    def __init__(self, existence: Inputs) -> None:
        self.existence = existence
        self._attributes: dict[Path, Inputs] = {}

    @property
    def inputs(self) -> Inputs:
        """Return all that the resource reads."""
        return self.existence.union(*self._attributes.values())

    def add(self, path: Path, inputs: Iterable[str]) -> None:
        """Add what the attribute at a path reads."""
        key = _key(path)
        self._attributes[key] = self._attributes.get(key, NO_INPUTS).union(inputs)

    def of(self, path: Path) -> Inputs:
        """Return what the attribute at a path reads, and everything in it."""
        key = _key(path)
        overlapping = (inputs for at, inputs in self._attributes.items() if at[: len(key)] == key[: len(at)])
        return NO_INPUTS.union(*overlapping)

    def paths(self) -> list[Path]:
        """Return the paths of the attributes that were evaluated one by one, in lower case."""
        return list(self._attributes)


def _key(path: Path) -> Path:
    """Return a path as Azure compares it. All items of a list have one read set."""
    return tuple(str(step).lower() for step in path if isinstance(step, str))


class Recorder:
    """Evaluates values without a record of what they read.

    ``trace`` has the values that are read, for a root of which several worlds are evaluated.
    """

    is_recording = False
    log: Sequence[Inputs] = ()
    trace: Trace | None = None

    def of(self, make: Callable[[*_Arguments], _T], *args: *_Arguments) -> tuple[_T, ReadSet | None]:
        """Return what a function returns, and the read set of that; None if reads are not recorded."""
        return make(*args), None

    def apart(self, make: Callable[[], _T]) -> tuple[_T, Inputs | None]:
        """Return what a function returns, and what that reads, which is not recorded as read here."""
        return make(), None

    def declare(self, inputs: Iterable[str]) -> None:
        """Add the inputs of a root."""

    def read(self, name: str) -> None:
        """Record that an input is read."""

    def add(self, read: ReadSet, value: object) -> None:
        """Record that a value is used that was evaluated before."""

    def add_inputs(self, inputs: Inputs) -> None:
        """Record that something is used that was decided before by some inputs."""

    def keys(self, start: int, value: object) -> None:
        """Record that only the names of the members are used of a value, whose evaluation began at ``start``."""

    def read_all(self) -> None:
        """Record that all inputs are read: a value refers to itself, so its parts are not evaluated in full."""
        self.spoil()

    def spoil(self) -> None:
        """Record that an evaluation is not the same in other worlds, because of what it does or where it begins."""
        if self.trace is not None:
            self.trace.spoil()

    def settle(self, node: ast.Node) -> None:
        """Treat the value of ``node`` as one that depends on all of what was read for it, unless it is a reference."""

    def forget(self) -> None:
        """Treat the last value as one that depends on all of what was read for it."""

    def union(self, sets: Sequence[Inputs]) -> Inputs:
        """Return the inputs in any of some sets."""
        return NO_INPUTS.union(*sets)

    def replace(self, before: object, after: object) -> None:
        """Record that the last value was converted member by member."""

    def step(self, start: int, of: object, name: str, value: object) -> None:
        """Record that only one member of a value is used, whose evaluation began at a position of the log."""

    def parts(self) -> MemberRecorder | None:
        """Begin to record the members of an object that is written out; None if reads are not recorded."""

    def merged(self) -> Merged | None:
        """Begin to record the members of an object that is merged from others; None if reads are not recorded."""

    def bind(self, value: Result, read: ReadSet | None) -> Result | Bound:  # noqa: ARG002  # nothing is recorded of it
        """Return a value for a local variable, whose read set is added where the variable is used."""
        return value

    def begin(self, exists: Callable[[], object]) -> None:
        """Begin to record a resource: ``exists`` evaluates again what decides whether it exists."""

    def keep(self, address: str) -> None:
        """Keep what was recorded of the resource."""

    def attribute(self, path: Path, read: ReadSet | None) -> None:
        """Record what an attribute of the resource reads."""

    def depend(self, path: Path, *others: Path) -> None:
        """Record that an attribute of the resource depends on others."""

    def declaration(self, key: str, exists: Callable[[], object]) -> None:
        """Record what decides which instances of a declaration exist, of a resource or a call of a module."""

    def change(self, addresses: Callable[[], Iterable[str]]) -> None:
        """Record that all that was read for the current resource may change others."""

    def within(self, make: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Return what a function returns; the resources in it read all that was read for the current one."""
        return make(*args, **named)

    def inside(self, exists: Callable[[], object], make: Callable[[], _T]) -> _T:
        """Return what a function returns; the resources in it exist only if what ``exists`` evaluates does."""
        del exists
        return make()


WITHOUT_RECORD = Recorder()


class _Last(NamedTuple):
    """The value of the last entry in the log, with its position."""

    value: object
    read: ReadSet
    position: int


class ReadRecorder(Recorder):
    """Records what the values of one root read.

    ``resources`` are the read sets by the addresses of resources. ``declarations`` are what decides which instances of
    a resource, module call or nested deployment exist, also where none does: by the address of the declaration, in a
    template by its path and pointer.
    """

    is_recording = True

    def __init__(self) -> None:
        self.inputs: set[str] = set()
        self._every: Inputs = NO_INPUTS
        # The sets, each once: many values read the same.
        self._sets: dict[Inputs, Inputs] = {}
        self.resources: dict[str, ResourceReads] = {}
        self.declarations: dict[str, Inputs] = {}
        self.log: list[Inputs] = []
        self._last: _Last | None = None
        self._subject = ResourceReads(NO_INPUTS)
        # What all resources read in a template that is a value, and what decides whether they exist.
        self._around: Inputs = NO_INPUTS
        self._outer: Inputs = NO_INPUTS
        self._floor = 0

    def of(self, make: Callable[[*_Arguments], _T], *args: *_Arguments) -> tuple[_T, ReadSet | None]:
        """See the base class."""
        start = len(self.log)
        value = make(*args)
        return value, self.close(start, value)

    def apart(self, make: Callable[[], _T]) -> tuple[_T, Inputs | None]:
        """See the base class."""
        start = len(self.log)
        value = make()
        inputs = self.union(self.log[start:])
        del self.log[start:]
        self._last = None
        return value, inputs

    def close(self, start: int, value: object) -> ReadSet:
        """Return the read set of a value whose evaluation began at a position of the log."""
        log, last = self.log, self._last
        inputs = self.union(log[start:])
        read = ReadSet(inputs)
        if self._is_last(value, start) and last is not None and last.read.parts is not None:
            read = ReadSet(inputs, last.read.own.union(*log[start:-1]), last.read.parts)
        del log[start:]
        self.add(read, value)
        return read

    def union(self, sets: Sequence[Inputs]) -> Inputs:
        """See the base class."""
        if len(sets) < 2:
            return sets[0] if sets else NO_INPUTS
        found = NO_INPUTS.union(*sets)
        return self._sets.setdefault(found, found)

    def _is_last(self, value: object, start: int) -> bool:
        """Return whether the last entry, at ``start`` or after it, is that of a value."""
        last = self._last
        return last is not None and last.value is value and start <= last.position == len(self.log) - 1

    def declare(self, inputs: Iterable[str]) -> None:
        """See the base class."""
        self.inputs.update(inputs)

    def read(self, name: str) -> None:
        """See the base class."""
        self.inputs.add(name)
        self.log.append(frozenset((name,)))

    def add(self, read: ReadSet, value: object) -> None:
        """See the base class."""
        self._last = _Last(value, read, len(self.log))
        self.log.append(read.inputs)

    def add_inputs(self, inputs: Inputs) -> None:
        """See the base class."""
        self.log.append(inputs)

    def keys(self, start: int, value: object) -> None:
        """See the base class."""
        if self._last is not None and self._is_last(value, start):
            self.log[-1] = self._last.read.keys

    def read_all(self) -> None:
        """See the base class."""
        super().read_all()
        if len(self._every) < len(self.inputs):
            self._every = frozenset(self.inputs)
        self.log.append(self._every)

    def settle(self, node: ast.Node) -> None:
        """See the base class."""
        if type(node) not in _DIRECT:
            self._last = None

    def forget(self) -> None:
        """See the base class."""
        self._last = None

    def replace(self, before: object, after: object) -> None:
        """See the base class."""
        if self._last is not None and self._last.value is before:
            self._last = self._last._replace(value=after)

    def parts(self) -> MemberRecorder | None:
        """See the base class."""
        return MemberRecorder(self)

    def merged(self) -> Merged | None:
        """See the base class."""
        return Merged(self)

    def step(self, start: int, of: object, name: str, value: object) -> None:
        """See the base class."""
        last = self._last
        if last is None or not self._is_last(of, start):
            self._last = last if self._is_last(value, start) else None
            return
        part = last.read.part(name)
        self.log[-1] = part.inputs
        self._last = _Last(value, part, last.position)

    def bind(self, value: Result, read: ReadSet | None) -> Result | Bound:
        """See the base class."""
        return value if read is None else Bound(self, value, read)

    def begin(self, exists: Callable[[], object]) -> None:
        """See the base class."""
        del self.log[self._floor :]
        self._last = None
        self._subject = ResourceReads(self.union((self._outer, self._inputs_of(exists))))

    def _inputs_of(self, make: Callable[[], object]) -> Inputs:
        start = len(self.log)
        return self.close(start, make()).inputs

    def keep(self, address: str) -> None:
        """See the base class."""
        if self._around:
            self._subject.add((), self._around)
        self.resources[address] = self._subject
        self._subject = ResourceReads(NO_INPUTS)

    def attribute(self, path: Path, read: ReadSet | None) -> None:
        """See the base class."""
        if read is None:
            return
        if read.parts is None:
            self._subject.add(path, read.inputs)
            return
        self._subject.add(path, read.own)
        for name, part in read.parts.items():
            self.attribute((*path, name), part)

    def depend(self, path: Path, *others: Path) -> None:
        """See the base class."""
        self._subject.add(path, NO_INPUTS.union(*map(self._subject.of, others)))

    def declaration(self, key: str, exists: Callable[[], object]) -> None:
        """See the base class."""
        known = self.declarations.get(key, NO_INPUTS)
        self.declarations[key] = self.union((known, self._outer, self._inputs_of(exists)))

    def change(self, addresses: Callable[[], Iterable[str]]) -> None:
        """See the base class."""
        inputs = self._subject.existence.union(*self.log[self._floor :])
        for address in addresses():
            self.resources.setdefault(address, ResourceReads(NO_INPUTS)).add((), inputs)

    def within(self, make: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """See the base class."""
        around, outer, floor, subject = self._around, self._outer, self._floor, self._subject
        inputs = subject.existence.union(*self.log[floor:])
        self._around, self._outer, self._floor = around | inputs, outer | inputs, len(self.log)
        try:
            return make(*args, **named)
        finally:
            self._around, self._outer, self._floor, self._subject = around, outer, floor, subject

    def inside(self, exists: Callable[[], object], make: Callable[[], _T]) -> _T:
        """See the base class."""
        outer = self._outer
        self._outer |= self._inputs_of(exists)
        try:
            return make()
        finally:
            self._outer = outer


class MemberRecorder:
    """Records the members of an object that is written out, each once it is evaluated."""

    def __init__(self, recorder: ReadRecorder) -> None:
        self._recorder = recorder
        self._start = self._position = len(recorder.log)
        self._parts: dict[str, ReadSet] | None = {}

    def add(self, name: str, value: object, node: ast.Node | None = None) -> ReadSet:
        """Record a member, whose evaluation is the last, and its expression, if it has one of its own.

        Returns its read set.
        """
        if node is not None:
            self._recorder.settle(node)
        read = self._recorder.close(self._position, value)
        self._position = len(self._recorder.log)
        if self._parts is not None:
            key = name.lower()
            before = self._parts.get(key)
            self._parts[key] = read if before is None else ReadSet(read.inputs | before.inputs)
        return read

    def mix(self) -> None:
        """Record that the names of members are computed, so that each may depend on what any of them reads."""
        self._parts = None

    def finish(self, value: _T) -> _T:
        """Record the object, and return it."""
        recorder = self._recorder
        inputs = NO_INPUTS.union(*recorder.log[self._start :])
        del recorder.log[self._start :]
        recorder.add(ReadSet(inputs, NO_INPUTS, self._parts), value)
        return value


class Merged:
    """Records the members of an object that is merged from others, each once it is evaluated."""

    def __init__(self, recorder: ReadRecorder) -> None:
        self._recorder = recorder
        self._position = len(recorder.log)
        self._own = NO_INPUTS
        self._parts: dict[str, ReadSet] = {}

    def add(self, value: object, node: ast.Node) -> ReadSet:
        """Record one of the objects, whose evaluation is the last. Returns its read set."""
        self._recorder.settle(node)
        read = self._recorder.close(self._position, value)
        del self._recorder.log[self._position :]
        self._own |= read.keys
        for name, part in (read.parts or {}).items():
            before = self._parts.get(name)
            self._parts[name] = part if before is None else ReadSet(before.inputs | part.inputs)
        return read

    def finish(self, value: object) -> None:
        """Record the object."""
        inputs = self._own.union(*(part.inputs for part in self._parts.values()))
        self._recorder.add(ReadSet(inputs, self._own, self._parts), value)


class KeptParts:
    """The values of members of objects that are written out, which other worlds share.

    They are kept by their nodes, which live as long as the run. ``base`` are those of the same file in the base world.
    """

    def __init__(self, recorder: Recorder, base: KeptParts | None, changed: Inputs) -> None:
        self._recorder = recorder
        self._base = base
        self._changed = changed
        self._kept: dict[int, tuple[Result, ReadSet, int]] = {}

    @property
    def is_base(self) -> bool:
        """Return whether values are kept here."""
        return self._base is None and self._recorder.is_recording

    def keep(self, node: ast.Node, value: Result, read: ReadSet, risks: int) -> None:
        """Keep a value, what it reads, and how many of its operations may fail because of unknown values."""
        self._kept[id(node)] = value, read, risks

    def unchanged(self, node: ast.Node) -> tuple[Result, int] | None:
        """Return the value of the base world, and its risks, if it reads no input that differs; else None."""
        found = self._base._kept.get(id(node)) if self._base is not None else None  # noqa: SLF001  # the same class
        if found is None or not found[1].inputs.isdisjoint(self._changed) or not is_data(found[0]):
            return None
        self._recorder.add(found[1], found[0])
        if self._recorder.trace is not None:
            self._recorder.trace.read_inputs(found[1].inputs)
        return found[0], found[2]


class Bound:
    """The value of a local variable that was evaluated before, such as an item of a loop over instances."""

    __slots__ = ("_recorder", "read", "value")

    def __init__(self, recorder: ReadRecorder, value: Result, read: ReadSet) -> None:
        self._recorder = recorder
        self.value = value
        self.read = read

    def with_value(self, value: Result, inputs: Inputs) -> Result | Bound:
        """Return the same with another value, for which further inputs were read."""
        return self._recorder.bind(value, ReadSet(self.read.inputs | inputs))

    def evaluate(self) -> Result:
        """Return the value, and record what it reads."""
        self._recorder.add(self.read, self.value)
        return self.value
