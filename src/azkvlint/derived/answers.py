"""The answers of derived attributes: values that kvlint computes, at the locations that authors can edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    ListValue,
    MapValue,
    Origin,
    Path,
    Plain,
    Scalar,
    Unknown,
    Value,
    path_text,
)


def _location(where: Location | Resource | Answer) -> Location:
    return where if isinstance(where, Location) else where.at


def at_attribute(answer: Answer, path: Path) -> Location:
    """Return the location of a value as that of the attribute at a path."""
    return msgspec.structs.replace(answer.at, attribute=path_text(path))


def known(where: Location | Resource | Answer, value: Plain, note: str = "", *, sensitive: bool = False) -> Scalar:
    """Return a derived value that is known, reported at the location of ``where``."""
    return Scalar(at=_location(where), value=value, origin=Origin.DERIVED, note=note, sensitive=sensitive)


def unknown(where: Location | Resource | Answer, why: str, *, sensitive: bool = False) -> Unknown:
    """Return a derived value that is not known, with the reason."""
    return Unknown(at=_location(where), origin=Origin.DERIVED, why=why, sensitive=sensitive)


def unknown_as(answer: Answer, otherwise: str) -> Unknown:
    """Return a derived value that is not known: for the reason of ``answer``, or ``otherwise`` if that is known."""
    return unknown(answer, answer.why if isinstance(answer, Unknown) else otherwise)


def known_list(where: Location | Resource | Answer, items: Iterable[Value], note: str = "") -> ListValue:
    """Return a derived list, whose items may be unknown."""
    return ListValue(at=_location(where), items=tuple(items), origin=Origin.DERIVED, note=note)


def known_object(where: Location | Resource | Answer, fields: Mapping[str, Value]) -> MapValue:
    """Return a derived object, whose fields may be unknown."""
    return MapValue(at=_location(where), fields=fields, origin=Origin.DERIVED)


def absent(resource: Resource) -> Absent:
    """Return the answer that a resource has no such attribute."""
    return Absent(at=resource.at)


def or_absent(value: Value | None, resource: Resource) -> Answer:
    """Return the value, or the answer that the resource has none."""
    return Absent(at=resource.at) if value is None else value
