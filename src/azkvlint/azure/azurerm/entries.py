"""The arguments of an azurerm type that anyone asks for, prepared once for all its resources."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.azure.azurerm.table import Field
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.value import Origin, Path, Plain, Scalar, Unknown, Value

NEVER = (9999, 0)


class Entry(msgspec.Struct, frozen=True):
    """One argument that is asked for. ``simple``: a known plain value of it only needs to be put in its place.

    ``rivals`` are the other names of the same argument, while the provider knows them all.
    """

    name: str
    field: Field
    arm: Path
    simple: bool
    inner: tuple[Entry, ...]
    rivals: tuple[str, ...]


def entries_of(fields: Mapping[str, Field], asked: frozenset[Path]) -> tuple[Entry, ...]:
    """The fields that lie on, above or below a path that is asked for."""
    found = []
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        inner: tuple[Entry, ...] = ()
        if not arm:
            inner = entries_of(field.fields, asked)
            wanted = bool(inner)
        else:
            wanted = any(meet(path, arm) for path in asked)
            inner = entries_of(field.fields, frozenset({()})) if wanted else ()
        if wanted:
            same = (other for other, have in fields.items() if arm and have.computed and have.arm == field.arm)
            rivals = tuple(other for other in same if other != name) if field.computed else ()
            simple = field.kind in ("value", "link") and not field.sensitive and field.until == NEVER and not rivals
            found.append(Entry(name, field, arm, simple, inner, rivals))
    return tuple(found)


def meet(path: Path, arm: Path) -> bool:
    """Whether one of two paths lies on the other."""
    return path[: len(arm)] == arm[: len(path)]


# What fields amount to that are not set, and the note that says so, or only why nobody knows; by the identity of the
# field, for the tables live as long as the program.
_known: dict[tuple[int, VersionRange], tuple[Plain | None, str] | None] = {}


def default_of(field: Field, version: VersionRange, at: Location) -> Value | None:
    """What an argument that is not set amounts to in the provider versions that are possible; None for nothing."""
    if not field.defaults:
        return None
    key = (id(field), version)
    if key not in _known:
        _known[key] = _default(field, version)
    found = _known[key]
    if found is None:
        return None
    plain, note = found
    return Unknown(at=at, why=note) if plain is None else Scalar(at=at, value=plain, origin=Origin.DEFAULT, note=note)


def _default(field: Field, version: VersionRange) -> tuple[Plain | None, str] | None:
    possible = [default for default in field.defaults if version.meets(default.since, default.until)]
    if not possible:
        return None
    if len({default.value for default in possible}) > 1:
        return None, "its default depends on the provider version, which is not known"
    plain = possible[0].value
    if field.kind == "flag":
        plain = field.words[0 if plain is True else 1]
    word = str(plain).lower() if isinstance(plain, bool) else str(plain)
    return plain, f"not set, and the default is {word}"
