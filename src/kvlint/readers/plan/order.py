"""What a resource of a plan waits for, by its configuration: whatever it names, and what that names in turn."""

from __future__ import annotations

from typing import Any

from kvlint.model.value import MapValue
from kvlint.readers.order import ANYTHING, CLIENTS, OBJECTS, PRINCIPALS, after, of_deployer
from kvlint.readers.plan.configuration import Configuration, Names, Node, expression_at, references
from kvlint.readers.plan.instance import Instance, mark
from kvlint.readers.plan.traversal import Traversal, longest, traversal

NOTHING: Node = {}


class Order:
    """What has been found of a plan: the same for all instances of a resource."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._known: dict[tuple[Names, str], frozenset[str]] = {}

    def told(self, type_: str, instance: Instance, attributes: MapValue) -> MapValue:
        """The attributes of a resource with what it waits for, or whether it is a grant to whoever applies the plan."""
        if type_ in OBJECTS:
            place = (instance.names, instance.resource)
            if place not in self._known:
                walk = _Walk(self._configuration, through=True)
                walk.resource(*place)
                walk.calls(instance.names)
                self._known[place] = frozenset(walk.found)
            return after(attributes, self._known[place])
        argument = PRINCIPALS.get(type_)
        if argument is not None:
            block = self._configuration.resource(instance.names, instance.resource)
            walk = _Walk(self._configuration, through=False)
            walk.follow(instance.names, expression_at(block.get("expressions"), (argument,)), block)
            unknown = walk.is_open and mark(instance.unknown, argument) is True
            if walk.names_client or unknown:
                return of_deployer(attributes, certain=walk.names_client and not walk.names_others)
        return attributes


class _Walk:
    """One walk along references. ``through``: also through the resources that are named."""

    def __init__(self, configuration: Configuration, *, through: bool) -> None:
        self.configuration = configuration
        self.through = through
        self.found: set[str] = set()
        self.names_client = self.names_others = self.is_open = False

    def resource(self, names: Names, local: str) -> None:
        """All that a resource names."""
        block = self.configuration.resource(names, local)
        for part in ("expressions", "for_each_expression", "count_expression"):
            self.follow(names, block.get(part))
        self._depends(names, block.get("depends_on"))

    def calls(self, names: Names) -> None:
        """What the calls wait for that lead to a module."""
        while names:
            self._depends(names[:-1], self.configuration.call(names).get("depends_on"))
            names = names[:-1]

    def follow(self, names: Names, expression: Any, block: Node = NOTHING) -> None:
        """All that an expression names; ``block`` is what its ``each`` belongs to."""
        for ref in longest(tuple(references(expression))):
            if ref.kind == "each" and block:
                self.names_others = True
                self.follow(names, block.get("for_each_expression"))
            else:
                self._one(names, ref)

    def _depends(self, names: Names, addresses: Any) -> None:
        for text in addresses if isinstance(addresses, list) else ():
            self._one(names, traversal(str(text)))

    def _one(self, names: Names, ref: Traversal) -> None:
        match ref.kind:
            case "var":
                self.is_open, self.names_others = self.is_open or not names, True
                given = self.configuration.call(names).get("expressions") if names else None
                if isinstance(given, dict) and self._is_new(names, f"var.{ref.name}"):
                    self.follow(names[:-1], given.get(ref.name))
            case "module":
                self._module((*names, ref.name), ref)
            case "azure" | "other":
                is_client = ref.type in CLIENTS and ref.rest[:1] == ("object_id",)
                self.names_client, self.names_others = (
                    self.names_client or is_client,
                    self.names_others or not is_client,
                )
                if self._is_new(names, ref.name) and self.through:
                    self.resource(names, ref.name)
            case "opaque" if ref.text.startswith("local."):
                self.found.add(ANYTHING)
                self.is_open = self.names_others = True

    def _module(self, inner: Names, ref: Traversal) -> None:
        outputs = self.configuration.module(inner).get("outputs")
        output = outputs.get(str(ref.rest[0])) if isinstance(outputs, dict) and ref.rest else None
        if not ref.rest:
            self.found.add(_address(inner, ""))
        elif isinstance(output, dict) and self._is_new(inner, f"output.{ref.rest[0]}"):
            self.follow(inner, output.get("expression"))
            self.calls(inner)

    def _is_new(self, names: Names, local: str) -> bool:
        address = _address(names, local)
        if address in self.found:
            return False
        self.found.add(address)
        return True


def _address(names: Names, local: str) -> str:
    return ".".join([*(f"module.{name}" for name in names), *([local] if local else [])])
