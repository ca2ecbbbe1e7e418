"""What a resource of a module waits for: whatever it names, and what that names in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvlint.model.source import static_address
from kvlint.model.value import MapValue, Unknown
from kvlint.readers.order import ANYTHING, CLIENTS, OBJECTS, PRINCIPALS, after, of_deployer
from kvlint.readers.origins import names_of, parts_of, path_of
from kvlint.readers.terraform.folder import Part
from kvlint.readers.terraform.modules import Arguments
from kvlint.syntax import tree

if TYPE_CHECKING:
    from kvlint.readers.terraform.entities import ResourceEntity
    from kvlint.readers.terraform.folder import Declaration, Piece
    from kvlint.readers.terraform.instance import ModuleInstance


class Order:
    """What has been found of a run: the same for all instances of a declaration in all uses of its module."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    def told(self, entity: ResourceEntity, attributes: MapValue) -> MapValue:
        """The attributes of a resource with what it waits for, or whether it is a grant to whoever applies the plan."""
        declaration = entity.symbol.declaration
        if entity.type in OBJECTS:
            if entity.instance.use.shown is not None:
                return attributes  # in somebody else's module its caller can change nothing
            key = static_address(entity.address)
            if key not in self._known:
                walk = _Walk(through=True)
                walk.declaration(entity.instance, declaration)
                walk.calls(entity.instance)
                self._known[key] = frozenset(walk.found)
            return after(attributes, self._known[key])
        argument = PRINCIPALS.get(entity.type, "")
        if argument in declaration.attributes:
            walk = _Walk(through=False, around=declaration)
            walk.piece(entity.instance, declaration.attributes[argument])
            if walk.names_client or walk.is_open:
                return of_deployer(attributes, certain=walk.names_client and not walk.names_others)
        return attributes


class _Walk:
    """One walk along references. ``through``: also through the resources that are named.

    ``around`` is the declaration that ``each`` belongs to, where what it runs over is not followed anyway.
    """

    def __init__(self, *, through: bool, around: Declaration | None = None) -> None:
        self.through = through
        self.around = around
        self.found: set[str] = set()
        self.names_client = self.names_others = self.is_open = False

    def declaration(self, instance: ModuleInstance, declaration: Declaration) -> None:
        """All that a resource names."""
        for piece in declaration.attributes.values():
            self.piece(instance, piece)
        waiting = list(declaration.blocks)
        while waiting:
            path, block = waiting.pop()
            for attribute in block.body.attributes.values():
                self._node(instance, attribute.expression())
            waiting += [Part(path, inner) for inner in block.body.blocks]

    def calls(self, instance: ModuleInstance) -> None:
        """What the calls wait for that lead to a module."""
        given = instance.use.given
        while isinstance(given, Arguments):
            if "depends_on" in given.pieces:
                self.piece(given.caller, given.pieces["depends_on"])
            given = given.caller.use.given

    def piece(self, instance: ModuleInstance, piece: Piece | None) -> None:
        """All that an attribute names."""
        if piece is not None:
            self._node(instance, piece.attribute.expression())

    def _node(self, instance: ModuleInstance, node: tree.Node | None) -> None:
        for names in _paths(node) if node is not None else ():
            self._named(instance, names_of(names))

    def _named(self, instance: ModuleInstance, names: tuple[str, ...]) -> None:
        folder = instance.folder
        match names:
            case ("each", "value", *_):
                if self.around is not None:
                    self.names_others = True
                    self.piece(instance, self.around.attributes.get("for_each"))
            case ("var", name, *_):
                self.names_others = True
                given = instance.use.given
                if isinstance(given, Arguments) and name in given.pieces:
                    if self._is_new(f"{instance.prefix}var.{name}"):
                        self.piece(given.caller, given.pieces[name])
                elif isinstance(instance.variable(name, instance.place("", 0, 0)), Unknown):
                    self.is_open = True
            case ("local", name, *_):
                if self._is_new(f"{instance.prefix}local.{name}"):
                    self.piece(instance, folder.locals.get(name))
            case ("module", call, *rest):
                self._module(instance, call, rest)
            case (("data" | "ephemeral") as mode, type_, name, *rest):
                is_client = type_ in CLIENTS and rest[:1] == ["object_id"]
                self.names_client, self.names_others = (
                    self.names_client or is_client,
                    self.names_others or not is_client,
                )
                self._resource(instance, f"{mode}.{type_}.{name}")
            case (type_, name, *_):
                self.names_others = True
                self._resource(instance, f"{type_}.{name}")

    def _module(self, instance: ModuleInstance, call: str, rest: list[str]) -> None:
        address = f"{instance.prefix}module.{call}"
        symbol = instance.module(call)
        content = symbol.instances[0].content if symbol is not None and symbol.instances else None
        if not rest or content is None:
            # All of it, or what nobody can look into.
            self.found.add(static_address(address) if content is not None else ANYTHING)
        elif self._is_new(f"{address}.{rest[0]}"):
            output = content.folder.outputs.get(rest[0])
            self.piece(content, output.attributes.get("value") if output is not None else None)
            self.calls(content)

    def _resource(self, instance: ModuleInstance, local: str) -> None:
        declaration = instance.folder.resources.get(local)
        if declaration is not None and self._is_new(instance.prefix + local) and self.through:
            self.declaration(instance, declaration)

    def _is_new(self, address: str) -> bool:
        address = static_address(address)
        if address in self.found:
            return False
        self.found.add(address)
        return True


def _paths(node: tree.Node) -> Iterator[tuple[str, ...]]:
    """All paths in an expression, each as a whole, and those in its brackets."""
    names = path_of(node) if isinstance(node, (tree.Name, tree.Member, tree.Item, tree.Splat)) else ()
    if not names:
        for part in parts_of(node):
            yield from _paths(part)
        return
    yield names
    here: tree.Node = node
    while isinstance(here, (tree.Member, tree.Item, tree.Splat)):
        if isinstance(here, tree.Item):
            yield from _paths(here.index)
        here = here.of
