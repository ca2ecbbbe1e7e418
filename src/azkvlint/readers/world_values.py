"""The values of a root's inputs in a world that differs from its base world."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.graph.worlds import Change
from azkvlint.model.condition import CONTAINS, DIFFERENT, EMPTY, EQUAL, LENGTH, UNDECIDED
from azkvlint.model.condition import NOT_EMPTY as IS_NOT_EMPTY
from azkvlint.model.location import Location
from azkvlint.model.value import NOT_EMPTY, NOTHING_KNOWN, Absent, Known, Plain, Scalar, Unknown

_TEXTS = ("string", "securestring")
_OBJECTS = ("map", "object", "secureobject")


def changed_value(changes: Sequence[Change], before: Result, kind: str, why: str, at: Location) -> Result:
    """Return the value of an input, of which as much is known as its changes state.

    ``before`` is its value in the base world, ``kind`` the name of its type, and ``why`` why nothing else is known.
    """
    found = before
    for change in changes:
        value = _value(change, "" if change.path else kind, why, at)
        found = _with_member(found, change.path, value, why, at)
    return found


def _value(change: Change, kind: str, why: str, at: Location) -> Result:
    state, value = change.state, change.value
    if state == EQUAL:
        return Absent(at=at) if value is None else Scalar(at=at, value=value)
    if state == CONTAINS:
        return Items(at=at, items=[Scalar(at=at, value=_plain(value))])
    if state == EMPTY:
        return Fields(at=at, fields={}) if kind in _OBJECTS else Items(at=at, items=[])
    known = NOTHING_KNOWN
    if state == DIFFERENT:
        known = Known(is_text=True, differs=(str(value),))
    elif state == IS_NOT_EMPTY:
        known = Known(least=1, is_text=True) if kind in _TEXTS else NOT_EMPTY
    elif state == LENGTH and isinstance(value, int):
        known = Known(least=value, most=value)
    return Unknown(at=at, why=why, given=state != UNDECIDED, known=known)


def _plain(value: Plain | None) -> Plain:
    return "" if value is None else value


def _with_member(of: Result, path: Sequence[str], value: Result, why: str, at: Location) -> Result:
    """Return an object with another value of a member; of one that is made up, the others are unknown."""
    if not path:
        return value
    name, *inner = path
    if isinstance(of, Fields):
        member = _with_member(of.fields.get(name, Absent(at=at)), inner, value, why, at)
        return Fields(at=of.at, fields={**of.fields, name: member}, rest=of.rest, kind=of.kind)
    member = _with_member(Absent(at=at), inner, value, why, at)
    return Fields(at=at, fields={name: member}, rest=Unknown(at=at, why=why))
