"""What an expression can say of a resource: its id, its name, and what its author wrote into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Result, find_field, hole
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm.resource import property_for_others
from azkvlint.readers.arm.scope import id_value
from azkvlint.readers.bicep.document import inner_resources
from azkvlint.readers.bicep.identity import UNKNOWN, Identity, identify, type_of
from azkvlint.readers.bicep.loops import Iteration
from azkvlint.readers.bicep.symbols import Body, Symbol
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance

# What Azure adds nothing to, so that what is written is all there is.
_AS_WRITTEN = frozenset({"location", "tags", "sku", "kind", "zones", "plan", "managedBy", "extendedLocation"})
_AFTER = "is known only after deployment"


class ResourceSymbol(Symbol["ResourceEntity"]):
    """A resource declaration; ``outer`` is the resource that it is written in."""

    def __init__(self, instance: Instance, node: ast.Resource, outer: ResourceEntity | None, local: Local) -> None:
        address: str = instance.prefix + node.name if outer is None else f"{outer.address}::{node.name}"
        super().__init__(instance, node, local, address)
        self.node = node
        self.outer = outer

    def close(self) -> None:
        """Let go of everything: see ``Instance.close``."""
        super().close()
        self.outer, self.local = None, {}

    def entity(self, iteration: Iteration) -> ResourceEntity:
        """What one iteration deploys."""
        return ResourceEntity(self, iteration)


class ResourceEntity:
    """One resource as it is deployed. All that costs something is found when it is first asked for."""

    def __init__(self, symbol: ResourceSymbol, iteration: Iteration) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.node = symbol.node
        self.outer = symbol.outer
        self.address: str = symbol.address + iteration.key
        self.at = self.instance.head(symbol.node)
        self.inner: dict[str, ResourceSymbol] = {}
        inner = inner_resources(self.node)
        if inner:
            # Those in it see each other by name, and so does whatever else is written in it.
            around = dict(iteration.local)
            for node in inner:
                child = self.inner[node.name] = ResourceSymbol(self.instance, node, self, around)
                around[node.name] = _Later(child)
            iteration = Iteration(
                key=iteration.key, local=around, body=iteration.body, condition=iteration.condition, loop=iteration.loop
            )
        self.iteration = iteration
        self.local = iteration.local
        self.body = Body(self.instance, self.node.name, iteration)
        self._identity: Identity | None = None
        self._busy = False

    def close(self) -> None:
        """Let go of everything: see ``Instance.close``."""
        for child in self.inner.values():
            child.close()
        self.inner.clear()
        self.body.close()

    @property
    def identity(self) -> Identity:
        """Type, names and place."""
        if self._identity is None:
            if self._busy:
                return UNKNOWN
            self._busy = True
            try:
                parent = self.outer if self.outer is not None else as_resource(self.body.get("parent"))
                self._identity = identify(self, parent)
            finally:
                self._busy = False
        return self._identity

    @property
    def declared_type(self) -> str:
        """The type, which unlike the identity does not depend on the name; empty if it is not known."""
        type_, _ = type_of(self)
        if self.outer is not None and "." not in type_.split("/")[0]:
            return f"{self.outer.declared_type}/{type_}"
        return type_

    def member(self, name: str, at: Location) -> Result:
        """One member: what is certain before deployment; else Unknown, with the same pattern wherever it is asked."""
        if name.startswith("::"):
            child = self.inner.get(name[2:])
            return child.result() if child else Unknown(at=at, why=f"there is no resource '{name[2:]}' in it")
        match name:
            case "id":
                return id_value(self.identity.id, at)
            case "name":
                found = self.body.get("name")
                return found if found is not None else Unknown(at=at, why=f"its name {_AFTER}")
            case "type":
                return Scalar(at=at, value=self.identity.type)
            case "apiVersion":
                return Scalar(at=at, value=self.identity.version)
            case "properties" | "identity":
                found = None if self.node.existing else self.body.get(name)
                type_ = self.declared_type if name == "properties" else ""
                return Written(found if isinstance(found, Fields) else None, self._part(name), at, type_)
        found = self.body.get(name) if name in _AS_WRITTEN and not self.node.existing else None
        return found if found is not None else _after(name, self._part(name), at)

    def _part(self, name: str) -> str:
        return f"{self.identity.id or self.address}.{name}"

    def item(self, index: Result, at: Location) -> Result:
        """A member by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="a resource is used like an array, so the deployment fails")


class Written:
    """An object that a resource has as its author wrote it, and to which Azure may add more.

    ``type_`` is the type of the resource whose properties it is; "" of anything else.
    """

    def __init__(self, fields: Fields | None, name: str, at: Location, type_: str = "") -> None:
        self.fields = fields
        self.name = name
        self.at = at
        self.type = type_

    def member(self, name: str, at: Location) -> Result:
        """What is written, else Unknown with a pattern that is the same wherever it is asked for."""
        found = find_field(self.fields, name) if self.fields is not None else None
        own = f"{self.name}.{name}"
        if found is not None:
            found = property_for_others(self.type, name, found)
        if isinstance(found, Fields):
            return Written(found, own, found.at)
        return found if found is not None and not isinstance(found, Absent) else _after(name, own, at)

    def item(self, index: Result, at: Location) -> Result:
        """A member by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"it {_AFTER}")


class _Later:
    """A resource within another, by its name there: its loop is looked at only when it is used."""

    def __init__(self, symbol: ResourceSymbol) -> None:
        self.symbol = symbol
        self.at = symbol.instance.head(symbol.node)

    def member(self, name: str, at: Location) -> Result:
        """The resource's."""
        return self.symbol.instance.evaluator.member(self.symbol.result(), name, False, at)

    def item(self, index: Result, at: Location) -> Result:
        """One iteration."""
        return self.symbol.instance.evaluator.item(self.symbol.result(), index, False, False, at)


def as_resource(found: Result | None) -> ResourceEntity | None:
    """A resource that a symbol means, if it is one."""
    if isinstance(found, _Later):
        found = found.symbol.result()
    return found if isinstance(found, ResourceEntity) else None


def _after(name: str, own: str, at: Location) -> Unknown:
    return Unknown(at=at, why=f"'{name}' {_AFTER}", pattern=hole(own))
