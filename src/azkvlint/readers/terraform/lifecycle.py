"""What the ``lifecycle`` block of a resource says: how Terraform goes about it, which is nothing that Azure knows.

Source: developer.hashicorp.com/terraform/language/meta-arguments/lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.model.location import Location
from azkvlint.model.value import ListValue, Origin, Scalar, Unknown, Value
from azkvlint.readers.terraform.folder import Part, Piece
from azkvlint.readers.terraform.public_modules import KnownModule
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import ResourceEntity

PREVENT_DESTROY, IGNORED_CHANGES = "preventDestroy", "ignoredChanges"
BOOLEANS = {"true": True, "false": False}
# Of a path in the body of an azapi resource so many steps tell which property is meant.
_STEPS = 2


def lifecycle_of(entity: ResourceEntity) -> dict[str, Value]:
    """Whether Terraform refuses to destroy a resource, and which attributes (in Azure's words) it never updates.

    A module that is known by its releases alone, and a block that cannot be read, may say anything.
    """
    if isinstance(entity.instance.folder, KnownModule) or entity.symbol.declaration.is_damaged:
        doubt = Unknown(at=entity.at, why="its lifecycle block is not at hand")
        return {PREVENT_DESTROY: doubt, IGNORED_CHANGES: doubt}
    return {PREVENT_DESTROY: _prevented(entity), IGNORED_CHANGES: _ignored(entity)}


def _argument(entity: ResourceEntity, name: str) -> Piece | None:
    """An argument of the lifecycle block. Override files lay theirs over it one by one."""
    written = entity.symbol.declaration
    found = None
    for path, around in (Part(written.path, written.block), *written.overrides):
        for block in around.body.blocks:
            if block.type == "lifecycle" and name in block.body.attributes:
                found = Piece(path, block.body.attributes[name])
    return found


def _prevented(entity: ResourceEntity) -> Value:
    piece = _argument(entity, "prevent_destroy")
    found = entity.instance.run.frozen(entity.instance.evaluate(piece, entity.local)) if piece is not None else None
    if found is None:
        return Scalar(at=entity.at, value=False, origin=Origin.DEFAULT, note="not set, and the default is false")
    plain = BOOLEANS.get(str(found.value).lower()) if isinstance(found, Scalar) else None
    if plain is not None:
        return Scalar(at=found.at, value=plain)
    return found if isinstance(found, Unknown) else Unknown(at=found.at, why="it is no boolean")


def _ignored(entity: ResourceEntity) -> Value:
    """What ``ignore_changes`` lists; its items are names of arguments, not values."""
    piece = _argument(entity, "ignore_changes")
    if piece is None:
        return ListValue(at=entity.at, items=())
    at = entity.instance.place(piece.path, piece.attribute.start, piece.attribute.end)
    node = piece.attribute.expression()
    nodes = node.items if isinstance(node, ast.Array) else (node,)
    return ListValue(at=at, items=tuple(_item(entity, list(steps_of(one)), at) for one in nodes))


def _item(entity: ResourceEntity, steps: list[str], at: Location) -> Value:
    """One item: the path in Azure of the argument that ``steps`` name."""
    if not steps:
        return Unknown(at=at, why="ignore_changes names something that is no argument")
    name = steps[0]
    if entity.type in AZAPI and name == "body":
        return Scalar(at=at, value=".".join(steps[1 : 1 + _STEPS]) or "properties")
    mapped = RESOURCES.get(entity.type)
    field = mapped.fields.get(name) if mapped is not None else None
    return Scalar(at=at, value=field.arm if field is not None and field.arm else name)


def steps_of(node: ast.Node | None) -> Iterator[str]:
    """The names of a reference such as ``network_acls[0].ip_rules``, without its indexes."""
    match node:
        case ast.Name(name=name) | ast.Literal(value=str() as name):
            yield from name.split(".")
        case ast.Member(of=of, name=name):
            yield from steps_of(of)
            yield name
        case ast.Item(of=of):
            yield from steps_of(of)
