"""What stands in a template that nobody edits where it lies, told at the statement that uses it."""

from __future__ import annotations

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.report import Problem
from kvlint.model.source import Location
from kvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown, Value


class Shown:
    """Puts what stands in a file that nobody edits at the place ``at`` of the statement that uses it."""

    def __init__(self, path: str, at: Location) -> None:
        self.path = path
        self.at = at

    def resource(self, found: Resource, callers: tuple[Location, ...]) -> Resource:
        """A resource of the file; ``callers`` are the statements around the one that uses it."""
        attributes = self.value(found.attributes)
        return msgspec.structs.replace(
            found,
            at=msgspec.structs.replace(self.at, address=found.address),
            attributes=attributes if isinstance(attributes, MapValue) else found.attributes,
            callers=callers,
        )

    def problem(self, found: Problem) -> Problem:
        """A problem of the file."""
        here = found.at is not None and found.at.path == self.path
        return msgspec.structs.replace(found, at=self.at) if here else found

    def value(self, found: Value) -> Value:
        """A value and all that is in it. What the caller gave keeps its own place."""
        at = self.at if found.at.path == self.path else found.at
        match found:
            case MapValue(fields=fields, rest=rest):
                below = {name: self.value(item) for name, item in fields.items()}
                open_ = None if rest is None else msgspec.structs.replace(rest, at=at)
                return msgspec.structs.replace(found, at=at, fields=below, rest=open_)
            case ListValue(items=items):
                return msgspec.structs.replace(found, at=at, items=tuple(self.value(item) for item in items))
            case Scalar() | Unknown() | Link():
                return found if at is found.at else msgspec.structs.replace(found, at=at)
