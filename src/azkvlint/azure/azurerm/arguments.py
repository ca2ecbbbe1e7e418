"""Select the azurerm arguments that rules require, and build trees of attributes from them."""

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
    """One required argument. ``simple``: a known plain value is copied unchanged.

    ``rivals`` are the other names of the same argument in provider versions that have several.
    """

    name: str
    field: Field
    arm: Path
    simple: bool
    inner: tuple[Entry, ...]
    rivals: tuple[str, ...]


def entries_of(fields: Mapping[str, Field], required: frozenset[Path]) -> tuple[Entry, ...]:
    """Return the fields at, above or below a required path."""
    entries = []
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        inner: tuple[Entry, ...] = ()
        if not arm:
            inner = entries_of(field.fields, required)
            is_required = bool(inner)
        else:
            is_required = any(overlap(path, arm) for path in required)
            inner = entries_of(field.fields, frozenset({()})) if is_required else ()
        if is_required:
            aliases = (
                other
                for other, other_field in fields.items()
                if arm and other_field.computed and other_field.arm == field.arm
            )
            rivals = tuple(other for other in aliases if other != name) if field.computed else ()
            simple = field.kind in ("value", "link") and not field.sensitive and field.until == NEVER and not rivals
            entries.append(Entry(name, field, arm, simple, inner, rivals))
    return tuple(entries)


def overlap(path: Path, arm: Path) -> bool:
    """Return whether one of two paths is a prefix of the other."""
    return path[: len(arm)] == arm[: len(path)]


# The default of a field with its note, or the reason why it is unknown; by the id of the field, since the tables are
# never freed.
_defaults: dict[tuple[int, VersionRange], tuple[Plain | None, str] | None] = {}


def default_of(field: Field, version: VersionRange, at: Location) -> Value | None:
    """Return the default of an argument in the possible provider versions; None if it has none."""
    if not field.defaults:
        return None
    key = (id(field), version)
    if key not in _defaults:
        _defaults[key] = _default(field, version)
    default = _defaults[key]
    if default is None:
        return None
    plain, note = default
    return Unknown(at=at, why=note) if plain is None else Scalar(at=at, value=plain, origin=Origin.DEFAULT, note=note)


def _default(field: Field, version: VersionRange) -> tuple[Plain | None, str] | None:
    possible = [default for default in field.defaults if version.meets(default.since, default.until)]
    if not possible:
        return None
    if len({default.value for default in possible}) > 1:
        return None, "the version constraint allows azurerm versions with different defaults"
    plain = possible[0].value
    word = str(plain).lower() if isinstance(plain, bool) else str(plain)
    if field.kind == "flag":
        plain = field.words[0 if plain is True else 1]
    return plain, f"not set (default: {word})"


Tree: TypeAlias = dict[str, Any]


def freeze(tree: Tree, at: Location) -> MapValue:
    """Return nested dicts of Values as a MapValue."""
    fields = {name: freeze(below, at) if type(below) is dict else below for name, below in tree.items()}
    return MapValue(at=at, fields=fields)


def has(tree: Tree, path: Path) -> bool:
    """Return whether a value exists at ``path``, or may exist inside an Unknown."""
    here: Any = tree
    for step in path:
        if not isinstance(here, dict):
            return isinstance(here, Unknown)
        if step not in here:
            return False
        here = here[step]
    return True


def put(tree: Tree, path: Path, value: Value) -> None:
    """Set a value. The first of several arguments for one path that is set counts; lists are joined.

    An empty list represents a block that is not written: an unknown value may contain more.
    """
    here: Any = tree
    for step in path[:-1]:
        child = here.get(step)
        if child is None:
            child = here[step] = {}
        elif type(child) is not dict:
            return
        here = child
    last = path[-1]
    current = here.get(last)
    if current is None:
        here[last] = value
    elif isinstance(current, ListValue) and isinstance(value, ListValue):
        here[last] = ListValue(at=value.at, items=current.items + value.items)
    elif isinstance(current, Unknown) and not isinstance(value, Unknown):
        if not _is_empty(value):
            here[last] = value
    elif isinstance(value, Unknown) and _is_empty(current):
        here[last] = value


def _is_empty(value: Value) -> bool:
    return isinstance(value, ListValue) and not value.items
