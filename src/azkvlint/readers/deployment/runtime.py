"""Resources as ``reference()`` returns them: what is certain of them before deployment."""

from __future__ import annotations

from typing import Protocol

from azkvlint.evaluation.values import Fields, Result, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole, hole, join_texts
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.resource import ResourceIdentity, property_for_others, unknown_property
from azkvlint.readers.deployment.scope import id_value, text

_AFTER = "known after deployment"


class DeployedResource(Protocol):
    """The resource that a reference names."""

    is_deployment: bool

    @property
    def identity(self) -> ResourceIdentity:
        """Return its type, names and ID."""

    @property
    def version(self) -> str:
        """Return its API version; empty if it is not known."""

    @property
    def address(self) -> str:
        """Return its address in reports."""

    def member(self, *names: str) -> Result | None:
        """Return a member as it is written; None if it is not, or depends on itself."""

    def output(self, name: str, at: Location) -> Result:
        """Return an output of a nested deployment."""


class Runtime:
    """A resource as Azure shows it once it is deployed. ``whole``: with its head, or only its properties."""

    __slots__ = ("at", "id", "instance", "whole")

    def __init__(self, at: Location, id_: Text, instance: DeployedResource | None, whole: bool) -> None:
        self.at = at
        self.id = id_
        self.instance = instance
        self.whole = whole

    def member(self, name: str, at: Location) -> Result:
        """Return a property as it is written, where that is certain."""
        lower, instance = name.lower(), self.instance
        if self.whole:
            return self._head(lower, name, at)
        if lower == "outputs" and instance is not None and instance.is_deployment:
            return Outputs(at, instance)
        found = instance.member("properties", lower) if instance is not None and not instance.is_deployment else None
        if found is None or isinstance(found, Absent):
            return unknown_property(name, _AFTER, declared_hole(DEPLOYMENT, self.id, f"properties.{lower}"), at)
        return found if instance is None else property_for_others(instance.identity.type, lower, found)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name, as in ``reference('x')['name']``."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=_AFTER)

    def _head(self, lower: str, name: str, at: Location) -> Result:
        instance = self.instance
        if lower == "properties":
            return Runtime(at, self.id, instance, False)
        if lower in ("id", "resourceid"):
            return id_value(self.id, at)
        if instance is not None:
            if lower == "name" and instance.identity.names:
                return text(join_texts(instance.identity.names, "/"), at, "the name is unknown")
            if lower in ("type", "apiversion"):
                found = instance.identity.type if lower == "type" else instance.version
                return Scalar(at=at, value=found) if found else Unknown(at=at, why="the value is unknown")
            written = instance.member(lower) if lower in ("location", "tags", "sku", "kind", "zones") else None
            if written is not None and not isinstance(written, Absent):
                return written
        return Unknown(at=at, why=_AFTER, pattern=declared_hole(DEPLOYMENT, self.id, name))


class Outputs:
    """The outputs of a nested deployment."""

    __slots__ = ("at", "instance")

    def __init__(self, at: Location, instance: DeployedResource) -> None:
        self.at = at
        self.instance = instance

    def member(self, name: str, at: Location) -> Result:
        """Return one output, an object with a ``value``."""
        return Fields(at=at, fields={"value": self.instance.output(name, at)}, rest=Unknown(at=at, why=_AFTER))

    def item(self, index: Result, at: Location) -> Result:
        """Return an output by name, which may itself be an expression."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        step = pattern_of(index)
        inner = hole(f"{self.instance.address}.outputs[", step, "]") if step else None
        return Fields(at=at, fields={"value": Unknown(at=at, why=_AFTER, pattern=inner)})
