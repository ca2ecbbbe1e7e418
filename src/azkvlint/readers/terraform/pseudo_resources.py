"""Pseudo resources of a module: outputs, module calls, arguments that expose secrets, reads of secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from azkvlint.azure.azurerm.credentials import READING, exposing_arguments, has_secrets
from azkvlint.evaluation.operations import NOTHING
from azkvlint.graph.pseudo_resources import argument, default_sensitive, module_call, output, secret_read
from azkvlint.graph.value_origins import ANY, union
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path
from azkvlint.readers.terraform.folder import Piece
from azkvlint.readers.terraform.origins import ModuleOrigins

if TYPE_CHECKING:
    from azkvlint.readers.terraform.folder import Declaration, Folder
    from azkvlint.readers.terraform.run import ModuleScope


def outputs_of(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the outputs of a module, with what each is made from."""
    for name, declaration in instance.folder.outputs.items():
        yield _output(instance, name, declaration)


def _output(instance: ModuleScope, name: str, declaration: Declaration) -> Resource:
    block = declaration.block
    at = instance.locate(declaration.path, block.start, block.head)
    written = (declaration.attributes.get(argument) for argument in ("sensitive", "ephemeral"))
    marked, ephemeral = (
        instance.run.freeze(instance.evaluate(piece, NOTHING)) if piece is not None else None for piece in written
    )
    found = ModuleOrigins(instance, None, []).trace(declaration.attributes.get("value"))
    return output(name, marked if marked is not None else default_sensitive(at), found, at, ephemeral)


def holds_secrets(folder: Folder) -> bool:
    """Return whether a module declares resources whose secrets could be exposed."""
    return any(has_secrets(_type_of(local)) for local in folder.resources)


def exposing_argument_resources(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the arguments of a module's resources that are given a secret and show it."""
    for local, declaration in instance.folder.resources.items():
        if local.startswith(("data.", "ephemeral.")):
            continue
        scope = ModuleOrigins(instance, declaration, [])
        for name in exposing_arguments(_type_of(local)):
            for piece, rests in _pieces(declaration, name):
                path, attribute = piece
                given = union(scope.trace(piece, rest) for rest in rests)
                if not given:
                    continue
                at = instance.locate(path, attribute.start, attribute.end)
                found = argument(f"{instance.prefix}{local}", name, given, at)
                if found is not None:
                    yield found


def _type_of(local: str) -> str:
    parts = local.split(".")
    return parts[-2]


def _pieces(declaration: Declaration, name: str) -> Iterator[tuple[Piece, tuple[Path, ...]]]:
    """Yield where an argument is written, and the paths below that place at which it stands."""
    block, _, attribute = name.rpartition(".")
    # JSON writes a block as one object, or as a list of them.
    piece = declaration.attributes.get(block or attribute)
    if piece is not None:
        yield piece, (((attribute,), (ANY, attribute)) if block else ((),))
    for path, inner in declaration.blocks:
        if inner.type == block and attribute in inner.body.attributes:
            yield Piece(path, inner.body.attributes[attribute]), ((),)


def readings(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the data sources of a module that read secrets."""
    for local, declaration in instance.folder.resources.items():
        if local.startswith(READING):
            block = declaration.block
            at = instance.locate(declaration.path, block.start, block.head)
            yield secret_read(f"{instance.prefix}{local}", instance.run.version, at)


def module_calls(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the module calls of a module."""
    for name, declaration in instance.folder.modules.items():
        block = declaration.block
        at = instance.locate(declaration.path, block.start, block.head)
        written = (declaration.attributes.get(argument) for argument in ("source", "version"))
        source, version = (
            instance.run.freeze(instance.evaluate(piece, NOTHING)) if piece is not None else None for piece in written
        )
        yield module_call(f"{instance.prefix}module.{name}", source, version, at)
