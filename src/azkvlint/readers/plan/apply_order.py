"""The role assignments that a resource of a plan depends on, directly or through its references."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from azkvlint.graph.pseudo_resources import AFTER, GRANTS, UNRESOLVED, dependency_list, with_derived
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.readers.plan.address import Names, Traversal, longest, traversal
from azkvlint.readers.plan.configuration import Configuration, Node, references
from azkvlint.readers.plan.planned_resource import PlannedAddress

_Grants: TypeAlias = frozenset[str]
_NONE: _Grants = frozenset()
_ANYTHING: _Grants = frozenset({UNRESOLVED})
# Longer chains of references are not followed.
_DEEPEST = 100


def add_order(
    resources: dict[str, Resource], objects: Iterable[PlannedAddress], configuration: Configuration, at: Location
) -> None:
    """Add to objects in vaults the role assignments and access policies that they depend on."""
    order = _ApplyOrder(configuration)
    for place in objects:
        resource = resources.get(place.address)
        if resource is not None:
            values = {AFTER: order.of_object(place.names, place.resource, at)}
            attributes = with_derived(resource.attributes, values)
            resources[place.address] = msgspec.structs.replace(resource, attributes=attributes)


class _ApplyOrder:
    """The role assignments and access policies that a resource depends on, computed once per block and reference."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._known: dict[str, _Grants] = {}
        self._objects: dict[tuple[Names, str], Value] = {}
        self._depth = 0

    def of_object(self, names: Names, resource: str, at: Location) -> Value:
        """Return the role assignments and access policies that are created before the instances of a block."""
        found = self._objects.get((names, resource))
        if found is None:
            found = dependency_list(self._resource(names, resource) | self._calls(names), at)
            self._objects[names, resource] = found
        return found

    def _once(self, key: str, make: Callable[[], _Grants]) -> _Grants:
        found = self._known.get(key)
        if found is None:
            if self._depth > _DEEPEST:
                return _ANYTHING
            self._known[key] = _NONE  # a block does not depend on itself
            self._depth += 1
            try:
                found = self._known[key] = make()
            finally:
                self._depth -= 1
        return found

    def _resource(self, names: Names, local: str) -> _Grants:
        address = _address(names, local)
        found = self._once(address, lambda: self._block(names, self._configuration.resource(names, local)))
        return found | {address} if local.partition(".")[0] in GRANTS else found

    def _block(self, names: Names, block: Node) -> _Grants:
        found = _NONE
        for part in ("expressions", "for_each_expression", "count_expression"):
            if part in block:
                found |= self._follow(names, block[part])
        return found | self._depends(names, block["depends_on"]) if "depends_on" in block else found

    def _calls(self, names: Names) -> _Grants:
        """Return the dependencies of all calls on the path to a module."""
        found = _NONE
        while names:
            found |= self._depends(names[:-1], self._configuration.call(names).get("depends_on"))
            names = names[:-1]
        return found

    def _follow(self, names: Names, expression: Any) -> _Grants:
        found = _NONE
        for ref in longest(tuple(references(expression))):
            grants = self._one(names, ref)
            if grants:  # most resources depend on none
                found |= grants
        return found

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
        """Return the dependencies of all resources and calls in a module."""
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
        block = output if isinstance(output, dict) else {}
        key = _address(inner, f"output.{ref.rest[0]}")
        return self._once(
            key,
            lambda: self._follow(inner, block.get("expression")).union(
                self._depends(inner, block.get("depends_on")), self._calls(inner)
            ),
        )


def _address(names: Names, local: str) -> str:
    return ".".join([*(f"module.{name}" for name in names), *([local] if local else [])])
