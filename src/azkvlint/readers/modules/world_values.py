"""The values of a root's inputs in a world that differs from its base world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from azkvlint.evaluation.values import Fields, Items, Partly, Result, WithItem
from azkvlint.graph.worlds import InputChange, World
from azkvlint.model.condition import CONTAINS, DIFFERENT, EMPTY, EQUAL, ITEM, LENGTH, UNDECIDED
from azkvlint.model.condition import NOT_EMPTY as IS_NOT_EMPTY
from azkvlint.model.location import Location
from azkvlint.model.value import NOT_EMPTY, NOTHING_KNOWN, Absent, Known, Plain, Scalar, Unknown
from azkvlint.syntax import ast

_TEXTS = ("string", "securestring")
_OBJECTS = ("map", "object", "secureobject")
_Values = TypeVar("_Values")
_Root = TypeVar("_Root")


class WorldValues(Generic[_Values, _Root]):
    """The values of the inputs of a root in a world, those of the base world but for what differs."""

    # What precedes the name of an input in changes.
    prefix = ""

    def __init__(self, base: _Values, changes: World, root: _Root) -> None:
        self.of_base_world = base
        self._root = root
        self._changes: dict[str, list[InputChange]] = {}
        for change in sorted(changes):
            self._changes.setdefault(change.input.removeprefix(self.prefix), []).append(change)


def listed_values(items: Iterable[ast.Node]) -> tuple[Plain, ...]:
    """Return the values in a list of all that an input accepts, but for null; nothing if one is not a literal."""
    found: list[Plain] = []
    for item in items:
        match item:
            case ast.Literal(value=value):
                found += [] if value is None else [value]
            case ast.Unary(operator="-", operand=ast.Literal(value=int() | float() as value)):
                found.append(-value)
            case _:
                return ()
    return tuple(found)


def changed_value(changes: Sequence[InputChange], before: Result, kind: str, why: str, at: Location) -> Result:
    """Return the value of an input, of which as much is known as its changes state.

    ``before`` is its value in the base world, ``kind`` the name of its type, and ``why`` why nothing else is known.
    """
    found = before
    for path in dict.fromkeys(change.path for change in changes):
        value = _value([one for one in changes if one.path == path], "" if path else kind, why, at)
        found = _with_member(found, path, value, why, at)
    return found


def limited(value: Result, limits: Known) -> Result:
    """Return an unknown value with the limits of its input."""
    if limits is NOTHING_KNOWN or not isinstance(value, Unknown):
        return value
    known = value.known
    least = max(known.least, limits.least) if known is not NOTHING_KNOWN else limits.least
    most = min((one for one in (known.most, limits.most) if one is not None), default=None)
    known = msgspec.structs.replace(known, least=least, most=most, is_number=limits.is_number)
    return msgspec.structs.replace(value, known=known)


def _value(changes: Sequence[InputChange], kind: str, why: str, at: Location) -> Result:
    """Return what several changes of one value state of it."""
    states = {change.state: change.value for change in changes}
    if EQUAL in states:
        value = states[EQUAL]
        return Absent(at=at) if value is None else Scalar(at=at, value=value)
    if EMPTY in states:
        return Fields(at=at, fields={}) if kind in _OBJECTS else Items(at=at, items=[])
    items = [Scalar(at=at, value=one.value) for one in changes if one.state == CONTAINS and one.value is not None]
    differs = tuple(str(one.value) for one in changes if one.state == DIFFERENT)
    is_text = bool(differs) or kind in _TEXTS
    length = states.get(LENGTH)
    known = NOTHING_KNOWN
    if isinstance(length, int):
        known = Known(least=length, most=length, is_text=kind in _TEXTS)
    elif items or IS_NOT_EMPTY in states:
        known = Known(least=1, is_text=is_text, differs=differs)
    elif differs:
        known = Known(is_text=True, differs=differs)
    if items:
        return Partly(at=at, why=why, given=True, known=known, items=tuple(items))
    return Unknown(at=at, why=why, given=UNDECIDED not in states, known=known)


def _with_member(of: Result, path: Sequence[str], value: Result, why: str, at: Location) -> Result:
    """Return an object with another value of a member; of one that is made up, the others are unknown."""
    if not path:
        return value
    name, *inner = path
    if name == ITEM:
        item = _with_member(of.item if isinstance(of, WithItem) else Absent(at=at), inner, value, why, at)
        return WithItem(at=at, why=why, given=True, known=NOT_EMPTY, item=item)
    if isinstance(of, Fields):
        member = _with_member(of.fields.get(name, Absent(at=at)), inner, value, why, at)
        return Fields(at=of.at, fields={**of.fields, name: member}, rest=of.rest, kind=of.kind)
    member = _with_member(Absent(at=at), inner, value, why, at)
    return Fields(at=at, fields={name: member}, rest=Unknown(at=at, why=why))
