"""The JSON of a template: members in any spelling, sections that expressions refer to, and where statements are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

from azkvlint.evaluation.values import MAX_ITEMS
from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown, Value

Pointer: TypeAlias = tuple[str | int, ...]


# A member with another usual spelling is not the one that is sought.
_USUAL = frozenset(
    {
        "$ref", "$schema", "allowedValues", "apiVersion", "batchSize", "comments", "condition", "contentVersion",
        "copy", "count", "defaultValue", "definitions", "dependsOn", "existing", "expressionEvaluationOptions",
        "extendedLocation", "functions", "identity", "input", "kind", "languageVersion", "location", "managedBy",
        "maxLength", "maxValue", "members", "metadata", "minLength", "minValue", "mode", "name", "namespace",
        "nullable", "output", "outputs", "parameters", "parametersLink", "plan", "properties", "reference",
        "relativePath", "resourceGroup", "resources", "scope", "sku", "subscriptionId", "tags", "template",
        "templateLink", "type", "uri", "value", "variables", "zones",
    }
)  # fmt: skip


def written_copies(plain: Mapping[str, Any]) -> int:
    """Return how many resources a declaration makes, as far as the number is written out: at least 0."""
    key = key_of(plain, "copy")
    if key is None or not isinstance(plain[key], dict):
        return 1
    count = member(plain[key], "count")
    return count if type(count) is int and 0 <= count <= MAX_ITEMS else 0


def is_usual(plain: Mapping[str, Any]) -> bool:
    """Return whether all members have their usual spelling, so that a member not found by it does not exist."""
    return plain.keys() <= _USUAL


def key_of(plain: Mapping[str, Any], name: str) -> str | None:
    """Return the key of a member as its author spells it, or None. ``name`` is the usual spelling."""
    if name in plain:
        return name
    if is_usual(plain):
        return None
    lower = name.lower()
    return next((key for key in plain if key.lower() == lower), None)


def member(plain: Any, *names: str) -> Any:
    """Return the member at the end of a path of usual spellings; None if there is none."""
    for name in names:
        key = key_of(plain, name) if isinstance(plain, dict) else None
        if key is None:
            return None
        plain = plain[key]
    return plain


def is_copies(plain: list[Any]) -> bool:
    """Return whether the value of ``copy`` declares loops of properties, and is not a property itself."""
    return bool(plain) and all(
        isinstance(loop, dict) and isinstance(_member_of(loop, "name"), str) and key_of(loop, "input") is not None
        for loop in plain
    )


def _member_of(plain: Mapping[str, Any], name: str) -> Any:
    key = key_of(plain, name)
    return None if key is None else plain[key]


class Sections:
    """What a template declares for its expressions, by names in lower case, and where. All its uses share it."""

    def __init__(self, plain: Mapping[str, Any], pointer: Pointer) -> None:
        self.plain = plain
        self._pointer = pointer
        self.parameters = self._members("parameters")
        self.variables = self._members("variables")

    def _members(self, name: str) -> dict[str, tuple[Any, Pointer]]:
        key = key_of(self.plain, name)
        section = None if key is None else self.plain[key]
        if not isinstance(section, dict):
            return {}
        return {below.lower(): (value, (*self._pointer, str(key), below)) for below, value in section.items()}

    @cached_property
    def loops(self) -> dict[str, tuple[Mapping[str, Any], Pointer]]:
        """Return the variables that loops declare."""
        loops, pointer = self.variables.get("copy", (None, ()))
        one = isinstance(loops, list) and is_copies(loops)
        return {
            str(member(loop, "name")).lower(): (loop, (*pointer, number))
            for number, loop in enumerate(loops if one else ())
        }

    @cached_property
    def functions(self) -> dict[str, tuple[Mapping[str, Any], Pointer]]:
        """Return the functions by namespace and name."""
        found: dict[str, tuple[Mapping[str, Any], Pointer]] = {}
        key = key_of(self.plain, "functions")
        spaces = self.plain[key] if key is not None else None
        for number, space in enumerate(spaces if isinstance(spaces, list) else ()):
            members = member(space, "members")
            for below, function in members.items() if isinstance(members, dict) else ():
                if isinstance(function, dict):
                    pointer = (*self._pointer, str(key), number, str(key_of(space, "members")), below)
                    found[f"{member(space, 'namespace')}.{below}".lower()] = (function, pointer)
        return found


_NO_LOCATIONS: Mapping[Pointer, Location] = {}


class StatementLocations:
    """Moves what is located in the template ``path`` to the files in which it was written.

    ``at`` is the statement that uses the template. ``locations`` are those of parts of the template by their
    pointers, if the template is written out in a file; every other part is located at ``at``.
    """

    def __init__(self, path: str, at: Location, locations: Mapping[Pointer, Location] = _NO_LOCATIONS) -> None:
        self.path = path
        self.at = at
        self.locations = locations

    def location(self, found: Location) -> Location:
        """Return where a part of the template is written: the part itself, or the nearest one around it."""
        if found.path != self.path:
            return found
        pointer = found.pointer or ()
        while self.locations and pointer not in self.locations and pointer:
            pointer = pointer[:-1]
        return self.locations.get(pointer, self.at)

    def resource(self, found: Resource, callers: tuple[Location, ...]) -> Resource:
        """Return a resource of the template. ``callers`` are the statements around the one that uses the template."""
        attributes = self.value(found.attributes)
        return msgspec.structs.replace(
            found,
            at=msgspec.structs.replace(self.location(found.at), address=found.address),
            attributes=attributes if isinstance(attributes, MapValue) else found.attributes,
            callers=tuple(map(self.location, found.callers)) if self.locations else callers,
        )

    def problem(self, found: Problem) -> Problem:
        """Return a problem of the template."""
        return found if found.at is None else msgspec.structs.replace(found, at=self.location(found.at))

    def value(self, found: Value) -> Value:
        """Return a value with all its parts. What the caller provides keeps its own place."""
        at = self.location(found.at)
        match found:
            case MapValue(fields=fields, rest=rest):
                below = {name: self.value(item) for name, item in fields.items()}
                open_ = None if rest is None else msgspec.structs.replace(rest, at=at)
                return msgspec.structs.replace(found, at=at, fields=below, rest=open_)
            case ListValue(items=items):
                return msgspec.structs.replace(found, at=at, items=tuple(self.value(item) for item in items))
            case Scalar() | Unknown() | Link():
                return found if at is found.at else msgspec.structs.replace(found, at=at)
