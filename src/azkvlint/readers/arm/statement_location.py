"""Moves results from an embedded template to the locations at which its author edits it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown, Value
from azkvlint.readers.arm.template_json import Pointer

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
