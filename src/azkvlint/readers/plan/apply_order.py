"""The role assignments that a resource of a plan depends on, directly or through its references."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.graph.apply_order import (
    AFTER,
    CLIENTS,
    OBJECTS,
    OF_DEPLOYER,
    PRINCIPALS,
    UNRESOLVED,
    dependency_list,
    deployer_mark,
)
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.readers.plan.address import Names
from azkvlint.readers.plan.configuration import Configuration, Node, expression_at, references
from azkvlint.readers.plan.planned_resource import Instance, PlannedAddress, mark
from azkvlint.readers.plan.traversal import Traversal, longest, traversal

_Grants: TypeAlias = frozenset[str]
_NONE: _Grants = frozenset()
_ANYTHING: _Grants = frozenset({UNRESOLVED})
# Longer chains of references are not followed.
_DEEPEST = 100


class ApplyOrder:
    """The grants that a resource waits for, worked out once for each block and for all that it names."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._known: dict[str, _Grants] = {}
        self._objects: dict[tuple[Names, str], Value] = {}
        self._principals: dict[tuple[Names, str, str], _Principal] = {}
        self._depth = 0

    def of_object(self, names: Names, resource: str, at: Location) -> Value:
        """Return what the instances of a block are made after."""
        found = self._objects.get((names, resource))
        if found is None:
            found = dependency_list(self._resource(names, resource) | self._calls(names), at)
            self._objects[names, resource] = found
        return found

    def of_grant(self, type_: str, instance: Instance) -> Mapping[str, Value]:
        """Return whether a role is assigned to the deploying principal, as a derived attribute; empty if not."""
        argument = PRINCIPALS[type_]
        found = self._principal(instance.names, instance.resource, argument)
        unknown = found.is_open and mark(instance.unknown, argument) is True
        if not found.names_client and not unknown:
            return {}
        return {OF_DEPLOYER: deployer_mark(instance.at, certain=found.names_client and not found.names_others)}

    def _principal(self, names: Names, resource: str, argument: str) -> _Principal:
        key = (names, resource, argument)
        found = self._principals.get(key)
        if found is None:
            block = self._configuration.resource(names, resource)
            found = self._principals[key] = _Principal(self._configuration)
            found.follow(names, expression_at(block.get("expressions"), (argument,)), block)
        return found

    def _once(self, key: str, make: Callable[[], _Grants]) -> _Grants:
        found = self._known.get(key)
        if found is None:
            if self._depth > _DEEPEST:
                return _ANYTHING
            self._known[key] = _NONE  # nothing waits for itself
            self._depth += 1
            try:
                found = self._known[key] = make()
            finally:
                self._depth -= 1
        return found

    def _resource(self, names: Names, local: str) -> _Grants:
        address = _address(names, local)
        found = self._once(address, lambda: self._block(names, self._configuration.resource(names, local)))
        return found | {address} if local.partition(".")[0] in PRINCIPALS else found

    def _block(self, names: Names, block: Node) -> _Grants:
        parts = ("expressions", "for_each_expression", "count_expression")
        found = [self._follow(names, block.get(part)) for part in parts]
        return _NONE.union(*found, self._depends(names, block.get("depends_on")))

    def _calls(self, names: Names) -> _Grants:
        """Return what the calls wait for that lead to a module."""
        found = _NONE
        while names:
            found |= self._depends(names[:-1], self._configuration.call(names).get("depends_on"))
            names = names[:-1]
        return found

    def _follow(self, names: Names, expression: Any) -> _Grants:
        return _NONE.union(*(self._one(names, ref) for ref in longest(tuple(references(expression)))))

    def _depends(self, names: Names, addresses: Any) -> _Grants:
        found = addresses if isinstance(addresses, list) else ()
        return _NONE.union(*(self._one(names, traversal(str(text))) for text in found))

    def _one(self, names: Names, ref: Traversal) -> _Grants:
        match ref.kind:
            case "var":
                given = self._configuration.call(names).get("expressions") if names else None
                if not isinstance(given, dict):
                    return _NONE
                return self._once(
                    _address(names, f"var.{ref.name}"), lambda: self._follow(names[:-1], given.get(ref.name))
                )
            case "module":
                return self._module((*names, ref.name), ref)
            case "azure" | "other":
                return self._resource(names, ref.name)
        return _ANYTHING if ref.text.startswith("local.") else _NONE

    def _module_grants(self, names: Names) -> _Grants:
        """Return what all that is in a module waits for."""
        blocks = self._configuration.module(names).get("resources")
        found = blocks if isinstance(blocks, list) else []
        waits = [self._resource(names, str(block.get("address"))) for block in found if isinstance(block, dict)]
        return self._calls(names).union(*waits)

    def _module(self, inner: Names, ref: Traversal) -> _Grants:
        if not ref.rest:
            address = _address(inner, "")
            return self._once(address, lambda: self._module_grants(inner)) | {address}
        outputs = self._configuration.module(inner).get("outputs")
        output = outputs.get(str(ref.rest[0])) if isinstance(outputs, dict) else None
        said = output if isinstance(output, dict) else {}
        key = _address(inner, f"output.{ref.rest[0]}")
        return self._once(
            key,
            lambda: self._follow(inner, said.get("expression")).union(
                self._depends(inner, said.get("depends_on")), self._calls(inner)
            ),
        )


class _Principal:
    """The principal of a role assignment: whether it is the deploying principal, another one, or unknown."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._seen: set[tuple[Names, str]] = set()
        self.names_client = self.names_others = self.is_open = False

    def follow(self, names: Names, expression: Any, block: Node) -> None:
        """Take note of all that an expression names; ``block`` is what its ``each`` belongs to."""
        for ref in longest(tuple(references(expression))):
            if (names, ref.text) not in self._seen:
                self._seen.add((names, ref.text))
                self._one(names, ref, block)

    def _one(self, names: Names, ref: Traversal, block: Node) -> None:
        if ref.type in CLIENTS and ref.rest[:1] == ("object_id",):
            self.names_client = True
            return
        self.names_others = True
        if ref.kind == "each":
            self.follow(names, block.get("for_each_expression"), {})
        elif ref.kind == "var" and names:
            call = self._configuration.call(names)
            self.follow(names[:-1], expression_at(call.get("expressions"), (ref.name,)), call)
        elif ref.kind == "var" or ref.text.startswith("local."):
            self.is_open = True


def _address(names: Names, local: str) -> str:
    return ".".join([*(f"module.{name}" for name in names), *([local] if local else [])])


_NOTHING: Mapping[str, Value] = {}


class RoleAssignmentOrder:
    """The objects that need a role assignment of the deploying principal, and whether there is one.

    ``always``: a rule requires the order of all objects.
    """

    def __init__(self, configuration: Configuration, always: bool) -> None:
        self._order = ApplyOrder(configuration)
        self._objects: list[PlannedAddress] = []
        self._matters = always

    def note(self, type_: str, place: PlannedAddress, instance: Instance) -> Mapping[str, Value]:
        """Take note of a resource; what is derived of it if it is a grant, because of whom that is for."""
        if instance.is_data:
            return _NOTHING
        if type_ in OBJECTS:
            self._objects.append(place)
        found = self._order.of_grant(type_, instance) if type_ in PRINCIPALS else _NOTHING
        self._matters = self._matters or bool(found)
        return found

    def add_to(self, resources: dict[str, Resource], at: Location) -> None:
        """Add to the objects what they are created after, if a rule requires it."""
        for place in self._objects if self._matters else ():
            resource = resources.get(place.address)
            if resource is not None:
                values = {AFTER: self._order.of_object(place.names, place.resource, at)}
                resources[place.address] = msgspec.structs.replace(
                    resource, attributes=with_derived(resource.attributes, values)
                )
