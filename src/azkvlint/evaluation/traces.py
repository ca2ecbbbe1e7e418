"""Record what the evaluation of an expression reads, with the values, so that other worlds can share the result.

An evaluation does the same wherever all that it reads has the same value: the values decide what it reads next. Read
sets (``evaluation.reads``) only know from which inputs of a root these values come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from azkvlint.evaluation.values import Fields, Items, Partly, WithItem, is_data
from azkvlint.model.value import Scalar, Unknown

# Of what an expression evaluated to, with what it read.
_MOST_KNOWN = 12


class Read(NamedTuple):
    """A value that an evaluation has read: the member at ``path`` of what ``name`` is in a ``source``.

    ``at`` is the place of the reference.
    """

    source: str
    name: Any
    value: Any
    path: tuple[str, ...] = ()
    at: Any = None

    def is_of(self, value: Any) -> bool:
        """Return whether the value, now that of the whole name, has the same member."""
        for step in self.path:
            value = value.fields.get(step) if type(value) is Fields else None
            if value is None:
                return False
        return is_same(self.value, value)


class SharedEvaluation(NamedTuple):
    """What an expression evaluated to, and all that it has read, in order."""

    reads: tuple[Read, ...]
    value: Any


Known: TypeAlias = dict[int, list[SharedEvaluation]]
Local: TypeAlias = Mapping[str, Any]
# Sources: inputs that a part of an expression reads that is as in the base world, variables around the expression,
# values and declarations of its module, and attributes of these declarations.
INPUTS, LOCAL, VALUE, DECLARATION, ATTRIBUTE = "inputs", "local", "value", "declaration", "attribute"
_NO_VALUES = frozenset((INPUTS, DECLARATION))
# In place of what is not the same in any other world.
SPOILED = Read("", "", None)


class Evaluations:
    """What the expressions of one use of a module evaluated to, by their nodes, and of the modules that it calls."""

    def __init__(self) -> None:
        self._known: Known = {}
        self._inner: dict[tuple[str, str], Evaluations] = {}

    def inside(self, name: str, key: str) -> Evaluations:
        """Return those of an instance of a module call."""
        return self._inner.setdefault((name, key), Evaluations())

    def of(self, node: object) -> list[SharedEvaluation]:
        """Return what an expression evaluated to, the latest first."""
        return self._known.get(id(node), [])

    def add(self, node: object, found: SharedEvaluation) -> None:
        """Add what an expression evaluated to, unless it has read or is something that belongs to one world."""
        if is_data(found.value) and all(map(_is_of_any_world, found.reads)):
            known = self._known.setdefault(id(node), [])
            known.insert(0, found)
            del known[_MOST_KNOWN:]


def _is_of_any_world(read: Read) -> bool:
    return read is not SPOILED and (read.source in _NO_VALUES or is_data(read.value))


class Trace:
    """What the evaluations under way in one world have read. ``depth`` is how many there are."""

    __slots__ = ("_local", "_owner", "depth", "log")

    def __init__(self) -> None:
        self.log: list[Read] = []
        self.depth = 0
        # Those of the innermost evaluation.
        self._owner: object = None
        self._local: Local = {}

    def enter(self, owner: object, local: Local) -> tuple[object, Local]:
        """Begin an evaluation in a module, with the variables around it; return what ``leave`` takes."""
        around = self._owner, self._local
        self._owner, self._local = owner, local
        self.depth += 1
        return around

    def leave(self, around: tuple[object, Local], start: int) -> None:
        """End an evaluation whose reads begin at ``start``. What is around it has read the same."""
        self.depth -= 1
        local, (self._owner, self._local) = self._local, around
        if not self.depth:
            self.log.clear()
        elif local is not self._local and any(read.source is LOCAL for read in self.log[start:]):
            self.spoil()

    def spoil(self) -> None:
        """Record that something was read or done that belongs to one world."""
        if self.depth:
            self.log.append(SPOILED)

    def read(self, start: int, owner: object, found: Read) -> None:
        """Record what is read of a module, in place of all that this has read since ``start``."""
        del self.log[start:]
        self.log.append(found if owner is self._owner else SPOILED)

    def read_local(self, name: str, bound: object, value: object) -> None:
        """Record that a variable is read, if it is one around an evaluation, and not of a loop in it."""
        if self._local.get(name) is bound:
            self.log.append(Read(LOCAL, name, value))

    def read_inputs(self, inputs: frozenset[str]) -> None:
        """Record that a part is that of the base world, because it reads no other inputs than these."""
        if self.depth:
            self.log.append(Read(INPUTS, inputs, None))

    def step(self, start: int, of: object, name: str) -> None:
        """Record that only a member is used of the value that was read last, at ``start`` or after it."""
        if len(self.log) > start and type(of) is Fields:
            last = self.log[-1]
            member = of.fields.get(name) if last.value is of else None
            if member is not None:
                self.log[-1] = last._replace(value=member, path=(*last.path, name))


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are the same in every way: true is not 1, and members are in the same order."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is Scalar:
        return bool(one == other) and type(one.value) is type(other.value)
    if kind is Fields:
        return (
            list(one.fields) == list(other.fields)
            and (one.at, one.kind) == (other.at, other.kind)
            and is_same(one.rest, other.rest)
            and all(map(is_same, one.fields.values(), other.fields.values()))
        )
    if kind is Items:
        return (
            len(one.items) == len(other.items)
            and (one.at, one.kind) == (other.at, other.kind)
            and all(map(is_same, one.items, other.items))
        )
    if one != other:
        return False
    if kind is Partly:
        return all(map(is_same, one.items, other.items))
    if kind is WithItem:
        return is_same(one.item, other.item)
    return kind is not Unknown or list(map(type, one.one_of)) == list(map(type, other.one_of))
