"""The role assignments that a resource of a module depends on, directly or through its references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.graph.apply_order import GRANTS, OBJECTS, UNRESOLVED, with_dependencies
from azkvlint.graph.value_origins import names_of, path_of
from azkvlint.model.location import static_address
from azkvlint.model.value import MapValue
from azkvlint.readers.terraform.folder import Part
from azkvlint.readers.terraform.module_evaluation import CallArguments
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.folder import Declaration, Folder, Piece
    from azkvlint.readers.terraform.resource_symbols import ResourceEntity
    from azkvlint.readers.terraform.run import ModuleScope

_Grants: TypeAlias = frozenset[str]
_NONE: _Grants = frozenset()
# Longer chains of references are not followed.
_DEEPEST = 100


class ApplyOrder:
    """The grants that a declaration waits for, worked out once for each and for all that it names."""

    def __init__(self) -> None:
        self._known: dict[str, _Grants] = {}
        self._depth = 0

    def with_order(self, entity: ResourceEntity, attributes: MapValue) -> MapValue:
        """Return the attributes of an object in a vault with the role assignments that it depends on."""
        declaration, instance = entity.symbol.declaration, entity.instance
        # The caller cannot change the module of another owner.
        if entity.type not in OBJECTS or instance.call.shown is not None:
            return attributes
        return with_dependencies(attributes, self._resource(instance, declaration.local) | self._calls(instance))

    def _once(self, key: str, make: Callable[[], _Grants]) -> _Grants:
        key = static_address(key)
        found = self._known.get(key)
        if found is None:
            if self._depth > _DEEPEST:
                return frozenset({UNRESOLVED})
            self._known[key] = _NONE  # nothing waits for itself
            self._depth += 1
            try:
                found = self._known[key] = make()
            finally:
                self._depth -= 1
        return found

    def _declaration(self, instance: ModuleScope, declaration: Declaration) -> _Grants:
        """Return what all that a resource names waits for."""
        nodes = [piece.attribute.expression() for piece in declaration.attributes.values()]
        waiting = list(declaration.blocks)
        while waiting:
            path, block = waiting.pop()
            nodes += [attribute.expression() for attribute in block.body.attributes.values()]
            waiting += [Part(path, inner) for inner in block.body.blocks]
        return _NONE.union(*(self._node(instance, node) for node in nodes))

    def _calls(self, instance: ModuleScope) -> _Grants:
        """Return what the calls wait for that lead to a module."""
        found, given = _NONE, instance.call.given
        while isinstance(given, CallArguments):
            found |= self._piece(given.caller, given.pieces.get("depends_on"))
            given = given.caller.call.given
        return found

    def _piece(self, instance: ModuleScope, piece: Piece | None) -> _Grants:
        return self._node(instance, piece.attribute.expression()) if piece is not None else _NONE

    def _node(self, instance: ModuleScope, node: ast.Node | None) -> _Grants:
        if node is None or isinstance(node, ast.Literal):
            return _NONE
        return _NONE.union(*(self._reference(instance, names) for names in set(paths(node))))

    def _reference(self, instance: ModuleScope, names: tuple[str, ...]) -> _Grants:
        match names:
            case ("var", name, *_):
                given = instance.call.given
                if not isinstance(given, CallArguments):
                    return _NONE
                return self._once(
                    f"{instance.prefix}var.{name}", lambda: self._piece(given.caller, given.pieces.get(name))
                )
            case ("local", name, *_):
                piece = instance.folder.locals.get(name)
                return self._once(f"{instance.prefix}local.{name}", lambda: self._piece(instance, piece))
            case ("module", call, *rest):
                return self._module(instance, call, rest)
            case (("data" | "ephemeral") as mode, type_, name, *_):
                return self._resource(instance, f"{mode}.{type_}.{name}")
            case (type_, name, *_):
                return self._resource(instance, f"{type_}.{name}")
        return _NONE

    def _module(self, instance: ModuleScope, call: str, rest: list[str]) -> _Grants:
        address = f"{instance.prefix}module.{call}"
        symbol = instance.module(call)
        content = symbol.instances[0].content if symbol is not None and symbol.instances else None
        if content is None:
            return frozenset({UNRESOLVED})
        if not rest:
            return self._once(address, lambda: self._module_grants(content)) | {static_address(address)}
        output = content.folder.outputs.get(rest[0])
        pieces = [output.attributes.get(name) for name in ("value", "depends_on")] if output is not None else []
        return self._once(
            f"{address}.{rest[0]}",
            lambda: self._calls(content).union(*(self._piece(content, piece) for piece in pieces)),
        )

    def _module_grants(self, instance: ModuleScope) -> _Grants:
        """Return what all that is in a module waits for."""
        found = [self._resource(instance, local) for local in instance.folder.resources]
        return self._calls(instance).union(*found)

    def _resource(self, instance: ModuleScope, local: str) -> _Grants:
        declaration = instance.folder.resources.get(local)
        if declaration is None:
            return _NONE
        address = instance.prefix + local
        found = self._once(address, lambda: self._declaration(instance, declaration))
        is_grant = local.partition(".")[0] in GRANTS
        return found | {static_address(address)} if is_grant else found


def declares_role_assignments(folder: Folder) -> bool:
    """Return whether a module declares any grant."""
    return any(local.partition(".")[0] in GRANTS for local in folder.resources)


def paths(node: ast.Node) -> Iterator[tuple[str, ...]]:
    """Yield all references in an expression, without their indexes, and those in the indexes."""
    names = path_of(node) if isinstance(node, (ast.Name, ast.Member, ast.Item, ast.Splat)) else ()
    if not names:
        for part in ast.children(node):
            yield from paths(part)
        return
    yield names_of(names)
    here: ast.Node = node
    while isinstance(here, (ast.Member, ast.Item, ast.Splat)):
        if isinstance(here, ast.Item):
            yield from paths(here.index)
        here = here.of
