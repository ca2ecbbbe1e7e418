"""Arguments of azurerm types that rules need, and the trees of attributes that they are collected in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.table import Field
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Plain, Scalar, Unknown, Value

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


def entries_of(fields: Mapping[str, Field], required: frozenset[Path]) -> tuple[Entry, ...]:
    """Return the fields that lie on, above or below a path that is asked for."""
    found = []
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        inner: tuple[Entry, ...] = ()
        if not arm:
            inner = entries_of(field.fields, required)
            wanted = bool(inner)
        else:
            wanted = any(overlap(path, arm) for path in required)
            inner = entries_of(field.fields, frozenset({()})) if wanted else ()
        if wanted:
            same = (other for other, have in fields.items() if arm and have.computed and have.arm == field.arm)
            rivals = tuple(other for other in same if other != name) if field.computed else ()
            simple = field.kind in ("value", "link") and not field.sensitive and field.until == NEVER and not rivals
            found.append(Entry(name, field, arm, simple, inner, rivals))
    return tuple(found)


def overlap(path: Path, arm: Path) -> bool:
    """Return whether one of two paths lies on the other."""
    return path[: len(arm)] == arm[: len(path)]


# The default of fields that are not set with its note, or the reason why it is unknown; by the identity of the
# field, for the tables live as long as the program.
_defaults: dict[tuple[int, VersionRange], tuple[Plain | None, str] | None] = {}


def default_of(field: Field, version: VersionRange, at: Location) -> Value | None:
    """Return the default of an argument in the possible provider versions; None if it has none."""
    if not field.defaults:
        return None
    key = (id(field), version)
    if key not in _defaults:
        _defaults[key] = _default(field, version)
    found = _defaults[key]
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


Tree: TypeAlias = dict[str, Any]


def freeze(tree: Tree, at: Location) -> MapValue:
    """Return nested dicts of Values as a MapValue."""
    fields = {name: freeze(below, at) if type(below) is dict else below for name, below in tree.items()}
    return MapValue(at=at, fields=fields)


def has(tree: Tree, path: Path) -> bool:
    """Return whether anything is at ``path``, or may be: below an Unknown everything may be."""
    here: Any = tree
    for step in path:
        if not isinstance(here, dict):
            return isinstance(here, Unknown)
        if step not in here:
            return False
        here = here[step]
    return True


def put(tree: Tree, path: Path, value: Value) -> None:
    """Write ``value``. Of several arguments for one path the first that is set counts; lists are joined.

    An empty list stands for a block that is not written: an unknown value may hold more.
    """
    here: Any = tree
    for step in path[:-1]:
        below = here.get(step)
        if below is None:
            below = here[step] = {}
        elif type(below) is not dict:
            return
        here = below
    last = path[-1]
    have = here.get(last)
    if have is None:
        here[last] = value
    elif isinstance(have, ListValue) and isinstance(value, ListValue):
        here[last] = ListValue(at=value.at, items=have.items + value.items)
    elif isinstance(have, Unknown) and not isinstance(value, Unknown):
        if not _is_empty(value):
            here[last] = value
    elif isinstance(value, Unknown) and _is_empty(have):
        here[last] = value


def _is_empty(value: Value) -> bool:
    return isinstance(value, ListValue) and not value.items
