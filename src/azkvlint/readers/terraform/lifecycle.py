"""How Terraform manages a resource: ``lifecycle``, ``removed``, ``moved`` and ``import`` blocks, the order of changes.

Source: developer.hashicorp.com/terraform/language/meta-arguments/lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.graph.pseudo_resources import GRANTS, UNRESOLVED, with_dependencies
from azkvlint.model.finding import TYPE_UNKNOWN
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import Resource
from azkvlint.model.value import ListValue, MapValue, Origin, Scalar, Unknown, Value
from azkvlint.readers.ordered import ANY_GRANT, NO_GRANT, GrantOrder, Grants, is_ordered
from azkvlint.readers.terraform.expansion import bracket
from azkvlint.readers.terraform.folder import (
    DEPENDS_ON,
    FileAttribute,
    FileBlock,
    dependencies_in,
    references_in,
    removed_steps,
    traversal_steps,
)
from azkvlint.readers.terraform.module_evaluation import CallArguments
from azkvlint.readers.terraform.sources import KnownModule
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.folder import Folder, TerraformDeclaration
    from azkvlint.readers.terraform.resource_symbols import TerraformResourceEntity
    from azkvlint.readers.terraform.run import ModuleScope


class ApplyOrder(GrantOrder):
    """The order of all that Terraform applies, from what the blocks of a root name."""

    def with_order(self, entity: TerraformResourceEntity, attributes: MapValue) -> MapValue:
        """Return the attributes of what needs access to a vault, with the grants that it depends on."""
        declaration, instance = entity.symbol.declaration, entity.instance
        # The caller cannot change the module of another owner.
        if not is_ordered(entity.type) or instance.call.shown is not None:
            return attributes
        return with_dependencies(attributes, self._resource(instance, declaration.local) | self._calls(instance))

    def _once(self, key: str, make: Callable[[], Grants]) -> Grants:
        return self.once(static_address(key), make)

    def _declaration(self, instance: ModuleScope, declaration: TerraformDeclaration) -> Grants:
        """Return what all that a resource names waits for."""
        return NO_GRANT.union(*(self._reference(instance, names) for names in declaration.references))

    def _calls(self, instance: ModuleScope) -> Grants:
        """Return what the calls wait for that lead to a module."""
        found, given = NO_GRANT, instance.call.given
        while isinstance(given, CallArguments):
            found |= self._references(given.caller, dependencies_in(given.pieces.get(DEPENDS_ON)))
            given = given.caller.call.given
        return found

    def _piece(self, instance: ModuleScope, piece: FileAttribute | None) -> Grants:
        return self._node(instance, piece.attribute.expression()) if piece is not None else NO_GRANT

    def _node(self, instance: ModuleScope, node: ast.Node | None) -> Grants:
        if node is None or isinstance(node, ast.Literal):
            return NO_GRANT
        return self._references(instance, references_in(node))

    def _references(self, instance: ModuleScope, found: Iterable[tuple[str, ...]]) -> Grants:
        return NO_GRANT.union(*(self._reference(instance, names) for names in set(found)))

    def _reference(self, instance: ModuleScope, names: tuple[str, ...]) -> Grants:
        match names:
            case ("var", name, *_):
                given = instance.call.given
                if not isinstance(given, CallArguments):
                    return NO_GRANT
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
        return NO_GRANT

    def _module(self, instance: ModuleScope, call: str, rest: list[str]) -> Grants:
        address = f"{instance.prefix}module.{call}"
        symbol = instance.module(call)
        content = symbol.instances[0].content if symbol is not None and symbol.instances else None
        if content is None:
            return self._once(f"{address}?", lambda: self._missing_module(instance, call))
        if not rest:
            return self._once(address, lambda: self._module_grants(content)) | {f"{static_address(address)}."}
        output = content.folder.outputs.get(rest[0])
        written = output.attributes if output is not None else {}
        return self._once(
            f"{address}.{rest[0]}",
            lambda: self._calls(content).union(
                self._piece(content, written.get("value")),
                self._references(content, dependencies_in(written.get(DEPENDS_ON))),
            ),
        )

    def _missing_module(self, instance: ModuleScope, call: str) -> Grants:
        """Return what a module waits for that is not in the scanned files: for its dependencies.

        It may wait for all that its arguments name, and for grants of its own. It waits for no other resource of the
        caller.
        """
        declaration = instance.folder.modules.get(call)
        if declaration is None or declaration.is_damaged:
            return ANY_GRANT
        possible = {static_address(f"{instance.prefix}module.{call}."), *self._declaration(instance, declaration)}
        certain = self._references(instance, dependencies_in(declaration.attributes.get(DEPENDS_ON)))
        return certain | {UNRESOLVED + one.removeprefix(UNRESOLVED) for one in possible}

    def _module_grants(self, instance: ModuleScope) -> Grants:
        """Return what all that is in a module waits for."""
        found = [self._resource(instance, local) for local in instance.folder.resources]
        return self._calls(instance).union(*found)

    def _resource(self, instance: ModuleScope, local: str) -> Grants:
        declaration = instance.folder.resources.get(local)
        if declaration is None:
            return NO_GRANT
        address = instance.prefix + local
        found = self._once(address, lambda: self._declaration(instance, declaration))
        is_grant = local.partition(".")[0] in GRANTS
        return found | {static_address(address)} if is_grant else found


def declares_role_assignments(folder: Folder) -> bool:
    """Return whether a module declares any grant."""
    return any(local.partition(".")[0] in GRANTS for local in folder.resources)


PREVENT_DESTROY, IGNORED_CHANGES = "preventDestroy", "ignoredChanges"
BOOLEANS = {"true": True, "false": False}
# Of a path in the body of an azapi resource so many steps tell which property is meant.
_STEPS = 2


def lifecycle_of(entity: TerraformResourceEntity) -> dict[str, Value]:
    """Return whether Terraform refuses to destroy a resource, and which attributes (in Azure's words) it never updates.

    A release of a public module that was not read, and a block that cannot be read, may say anything.
    """
    folder = entity.instance.folder
    if (isinstance(folder, KnownModule) and not folder.is_read) or entity.symbol.declaration.is_damaged:
        doubt = Unknown(at=entity.at, why="the `lifecycle` block is not available")
        return {PREVENT_DESTROY: doubt, IGNORED_CHANGES: doubt}
    return {PREVENT_DESTROY: _prevent_destroy(entity), IGNORED_CHANGES: _ignored_changes(entity)}


def is_protected(written: TerraformDeclaration) -> bool:
    """Return whether the lifecycle block of a declaration states that Terraform refuses to destroy its instances."""
    piece = _written(written, "prevent_destroy")
    node = None if piece is None else piece.attribute.expression()
    return isinstance(node, ast.Literal) and node.value is True


def _argument(entity: TerraformResourceEntity, name: str) -> FileAttribute | None:
    return _written(entity.symbol.declaration, name)


def _written(written: TerraformDeclaration, name: str) -> FileAttribute | None:
    """Return an argument of the lifecycle block. Override files lay theirs over it one by one."""
    found = None
    for part in (inner for layer in written.layers for inner in layer.blocks):
        if part.block.type == "lifecycle" and name in part.attributes:
            found = part.attributes[name]
    return found


def _prevent_destroy(entity: TerraformResourceEntity) -> Value:
    piece = _argument(entity, "prevent_destroy")
    found = entity.instance.run.freeze(entity.instance.evaluate(piece, entity.local)) if piece is not None else None
    if found is None:
        return Scalar(at=entity.at, value=False, origin=Origin.DEFAULT, note="not set, and the default is false")
    plain = BOOLEANS.get(str(found.value).lower()) if isinstance(found, Scalar) else None
    if plain is not None:
        return Scalar(at=found.at, value=plain)
    return found if isinstance(found, Unknown) else Unknown(at=found.at, why="the value is not a bool")


def _ignored_changes(entity: TerraformResourceEntity) -> Value:
    """Return the items of ``ignore_changes``, which are names of arguments, not values."""
    piece = _argument(entity, "ignore_changes")
    if piece is None:
        return ListValue(at=entity.at, items=())
    at = entity.instance.locate(piece)
    node = piece.attribute.expression()
    nodes = node.items if isinstance(node, ast.Array) else (node,)
    return ListValue(at=at, items=tuple(_item(entity, list(traversal_steps(one)), at) for one in nodes))


def _item(entity: TerraformResourceEntity, steps: list[str], at: Location) -> Value:
    """Return one item: the path in Azure of the argument that ``steps`` name."""
    if not steps:
        return Unknown(at=at, why="`ignore_changes` contains an item that is not an argument")
    name = steps[0]
    if entity.type in AZAPI and name == "body":
        return Scalar(at=at, value=".".join(steps[1 : 1 + _STEPS]) or "properties")
    mapped = RESOURCES.get(entity.type)
    field = mapped.fields.get(name) if mapped is not None else None
    return Scalar(at=at, value=field.arm if field is not None and field.arm else name)


_OPENTOFU = (".tofu", ".tofu.json")
_EITHER = "the `removed` block does not set `destroy`: the default is true in Terraform and false in OpenTofu"


def removed_resources(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the azurerm resources in the removed blocks of a module."""
    for part in instance.folder.removed:
        steps = removed_steps(part)
        if not steps or steps[-2].startswith("azapi_"):
            _report(instance, part, "note" if steps else "warning")
            continue
        mapped = RESOURCES.get(steps[-2])
        if mapped is None or instance.run.required.paths_of(mapped.type) is None:
            continue
        at = instance.locate(part)
        action = _action(instance, part, at)
        is_destroyed = isinstance(action, Scalar) and action.value == "delete"
        derived = MapValue(at=at, fields={"plannedAction": action}, origin=Origin.DERIVED)
        yield Resource(
            address=instance.prefix + ".".join(steps),
            type=mapped.type,
            name=steps[-1],
            attributes=MapValue(at=at, fields={"derived": derived}),
            at=at,
            declared_as=steps[-2],
            # In either case the resource is no longer deployed.
            action="delete" if is_destroyed else "forget",
            callers=instance.call.callers,
        )


def _report(instance: ModuleScope, part: FileBlock, level: str) -> None:
    """Report a removed block that may destroy resources of unknown type: a module, or an azapi resource."""
    at = instance.locate(part)
    action = _action(instance, part, at)
    if not (isinstance(action, Scalar) and action.value == "forget"):
        text = "the resource type of a `removed` block is unknown, so the block was not evaluated"
        instance.run.problem(TYPE_UNKNOWN, level, text, at)


def _action(instance: ModuleScope, part: FileBlock, at: Location) -> Value:
    """Return what applying the module does with the removed resource."""
    lifecycles = [block for block in part.block.body.blocks if block.type == "lifecycle"]
    written = [block.body.attributes["destroy"] for block in lifecycles if "destroy" in block.body.attributes]
    if part.block.body.faults or any(block.body.faults for block in lifecycles):
        return Unknown(at=at, why="the `removed` block cannot be read")
    if not written:
        if part.path.endswith(_OPENTOFU):
            return Scalar(
                at=at, value="forget", origin=Origin.DEFAULT, note="not set; the default in OpenTofu is false"
            )
        return Unknown(at=at, why=_EITHER)
    found = instance.run.freeze(instance.evaluate(FileAttribute(part.path, written[0]), {}))
    plain = BOOLEANS.get(str(found.value).lower()) if isinstance(found, Scalar) else None
    if found is None or plain is None:
        return found if isinstance(found, Unknown) else Unknown(at=at, why="`destroy` is not a bool")
    word = "true" if plain else "false"
    return Scalar(
        at=found.at,
        value="delete" if plain else "forget",
        origin=Origin.DERIVED,
        note=f"a `removed` block sets `destroy = {word}`",
    )


def moved_addresses(instance: ModuleScope) -> Iterator[tuple[str, str]]:
    """Yield the old and the new address in each ``moved`` block of a module."""
    for part in instance.folder.moved:
        written = part.block.body.attributes
        old, new = (_address(written[name].expression()) if name in written else "" for name in ("from", "to"))
        if old and new:
            yield instance.prefix + old, instance.prefix + new


def imported_addresses(instance: ModuleScope) -> Iterator[str]:
    """Yield the address in each ``import`` block of a module; with the key ``*`` if an expression is its key."""
    for part in instance.folder.imports:
        written = part.block.body.attributes
        node = written["to"].expression() if "to" in written else None
        address = _address(node)
        if not address and isinstance(node, ast.Item) and _address(node.of):
            address = f"{_address(node.of)}[*]"
        if address:
            yield instance.prefix + address


def _address(node: ast.Node | None) -> str:
    """Return an address with its instance keys; an empty string for any other expression."""
    match node:
        case ast.Name(name=name) | ast.Literal(value=str() as name):
            return name
        case ast.Member(of=of, name=name):
            above = _address(of)
            return f"{above}.{name}" if above else ""
        case ast.Item(of=of, index=ast.Literal(value=str() | int() as key)):
            above = _address(of)
            return above and above + (f"[{key}]" if isinstance(key, int) else bracket(key))
        case _:
            return ""
