"""Account for the declarations of a file or template that are not evaluated."""

from __future__ import annotations

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.model.finding import Declaration
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import ACCOUNTED
from azkvlint.readers.deployment.declarations import body_of, inner_resources, written_type
from azkvlint.readers.deployment.documents import key_of
from azkvlint.readers.deployment.modules import ModuleSymbol
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceSymbol
from azkvlint.readers.deployment.symbols import DeclaringFile
from azkvlint.readers.modules.run import Run
from azkvlint.syntax import ast


def skip(symbol: DeploymentResourceSymbol | ModuleSymbol, reason: str) -> None:
    """Account for a declaration that is not evaluated."""
    instance = symbol.instance
    if isinstance(symbol, ModuleSymbol):
        instance.skip_module(symbol, reason)
    else:
        above = symbol.outer.declared_type if symbol.outer is not None else ""
        skip_resource(instance.run, instance.file, symbol.node, symbol.address, reason, above)


def skip_resource(
    run: Run, file: DeclaringFile, node: ast.ResourceDeclaration, address: str, reason: str, above: str = ""
) -> None:
    """Account for a resource that is not evaluated, and the resources in it or in a template in it."""
    written = written_type(node) or ""
    type_ = f"{above}/{written}" if above and "." not in written.partition("/")[0] else written
    if not node.existing and type_.lower() in ACCOUNTED:
        known = canonical(type_) or type_
        run.skip(
            Declaration(
                address=_label(node, address) or known, type=known, declared_as=known, at=_location(file, node),
                reason=reason,
            )
        )  # fmt: skip
    for inner in inner_resources(node):
        skip_resource(run, file, inner, f"{address}::{inner.name}", reason, type_)
    properties = _member(node, "properties")
    key = key_of(properties.plain, "template") if properties is not None and type(properties.plain) is dict else None
    if properties is not None and key is not None and isinstance(properties.plain[key], dict):
        from azkvlint.readers.deployment.template_file import template_file  # a Bicep file needs none

        template = template_file(run, file.path, properties.plain[key], (*properties.pointer, key))
        for inner in template.resources():
            skip_resource(run, template, inner, inner.name, reason)


def _label(node: ast.ResourceDeclaration, address: str) -> str:
    """Return the address of a resource in reports: in a template its name as it is written."""
    if not node.pointer:
        return static_address(address)
    name = _member(node, "name")
    return name.plain if name is not None and isinstance(name.plain, str) else ""


def _location(file: DeclaringFile, node: ast.ResourceDeclaration) -> Location:
    if isinstance(node.type, ast.Data):
        return Location(path=file.path, pointer=node.type.pointer)
    return Location(path=file.path, span=(node.start, node.head or node.end))


def _member(node: ast.ResourceDeclaration, name: str) -> ast.Data | None:
    """Return a member of a resource in a template; None if it is not written, or not in a template."""
    for one in body_of(node.body).members if node.pointer else ():
        if isinstance(one, ast.Property) and one.key == name and isinstance(one.value, ast.Data):
            return one.value
    return None
