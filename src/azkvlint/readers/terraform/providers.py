"""Provider blocks: the possible versions of azurerm, their features, and the provider of each resource."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from azkvlint.azure.azurerm.providers import PROVIDER_PREFIX, PROVIDER_TYPE, features_value, provider_resource
from azkvlint.evaluation.operators import NOTHING
from azkvlint.model.finding import INPUT_UNREADABLE
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange, range_of_constraint
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, Unknown, Value
from azkvlint.readers.terraform.blocks import BodyContent, Values
from azkvlint.readers.terraform.folder import LOCK_FILE, FileAttribute, FileBlock, Folder, TerraformDeclaration, parse
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import reported_path

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope, TerraformRun
    from azkvlint.syntax.hcl.parse import Attribute

AZURERM = "azurerm"
# OpenTofu makes one provider for each item of a block's for_each. Source: opentofu.org/docs/language/providers.
ONE_OF = "[]"
_SOURCE = "/hashicorp/azurerm"


def locked_version(run: TerraformRun, folder: Folder) -> VersionRange | None:
    """Return the azurerm version that the lock file of a root module names; None if there is none.

    One that cannot be read, which is a Problem, may name any.
    """
    if LOCK_FILE not in folder.names:
        return None
    file = os.path.join(folder.directory, LOCK_FILE)
    try:
        found = parse(file)
        fault = found.faults[0].message if found.faults else ""
    except InputError as error:
        fault = error.message
    if fault:
        run.problem(INPUT_UNREADABLE, "error", fault, Location(path=reported_path(run.root, file)))
        return VersionRange()
    for block in found.body.blocks:
        if block.type == "provider" and block.labels and block.labels[0].endswith(_SOURCE):
            version = _text(block.body.attributes.get("version"))
            return range_of_constraint(version) if version else None
    return None


def version_constraints(folder: Folder) -> Iterator[str]:
    """Yield what a module itself demands of the azurerm version."""
    for part in folder.settings:
        for inner in part.block.body.blocks:
            found = inner.body.attributes.get(AZURERM) if inner.type == "required_providers" else None
            node = found.expression() if found is not None else None
            if isinstance(node, ast.Literal):
                yield str(node.value)
            elif isinstance(node, ast.Object):
                yield from (_literal(member.value) for member in _members(node, "version"))
    for part in folder.providers:
        if part.block.labels == (AZURERM,):
            yield _text(part.block.body.attributes.get("version"))


def _members(node: ast.Object, name: str) -> Iterator[ast.Property]:
    return (member for member in node.members if isinstance(member, ast.Property) and member.key == name)


def _literal(node: ast.Expression | None) -> str:
    return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""


def _text(attribute: Attribute | None) -> str:
    return _literal(attribute.expression()) if attribute is not None else ""


def provider_resources(instance: ModuleScope) -> Iterator[Resource]:
    """Yield the azurerm provider blocks of a module, as resources."""
    for part in instance.folder.providers:
        if part.block.labels == (AZURERM,):
            yield _resource(instance, part)


def _resource(instance: ModuleScope, part: FileBlock) -> Resource:
    block = part.block
    alias = _text(block.body.attributes.get("alias"))
    key = f"{AZURERM}.{alias}" if alias else AZURERM
    address = _address(instance, key)
    at = instance.locate(part)
    instance.report_faults(part.path, block.body.faults)
    content = BodyContent(instance, part, _Head(at))
    found = provider_resource(
        address, key, _features(content, instance), instance.run.version, at, partial(_argument, instance, content)
    )
    enclosed = bool(alias) and not _is_passed(instance, key)
    return msgspec.structs.replace(found, callers=instance.call.callers, enclosed=enclosed)


def _argument(instance: ModuleScope, content: BodyContent | Values, name: str) -> Value | None:
    found = content.attribute(name)
    return None if found is None else instance.run.freeze(found)


def _is_passed(instance: ModuleScope, key: str) -> bool:
    """Return whether a call in a module passes a provider that it knows by ``key``, or may."""
    for declaration in instance.folder.modules.values():
        piece = declaration.attributes.get("providers")
        node = piece.attribute.expression() if piece is not None else None
        if declaration.is_damaged or not isinstance(node, ast.Object | None):
            return True
        if node is not None and not all(isinstance(member, ast.Property) for member in node.members):
            return True
        if node is not None and key in {_traversal(member.value).removesuffix(ONE_OF) for member in node.members}:
            return True
    return False


def settled(run: TerraformRun, resources: dict[str, Resource]) -> dict[str, Resource]:
    """Return resources, none of them enclosed if what was not read of the module itself may refer to them.

    A resource that is not one of azurerm refers to no provider block of it.
    """
    if not run.torn:
        return resources
    return {
        address: msgspec.structs.replace(one, enclosed=not run.unread)
        if one.enclosed or (one.type == PROVIDER_TYPE and not run.unread)
        else one
        for address, one in resources.items()
    }


class _Head:
    """Where a provider block stands; nothing is repeated there."""

    def __init__(self, at: Location) -> None:
        self.at = at
        self.local = NOTHING


def _features(content: BodyContent, instance: ModuleScope) -> Value:
    """Return ``features { key_vault { ... } }``, every switch with its default."""
    at = content.at
    features = content.blocks("features")
    inner = features[0].blocks("key_vault") if isinstance(features, list) and features else features
    if isinstance(inner, Unknown):
        return inner
    switches = inner[0] if inner else None
    if switches is None:
        return features_value(instance.run.version, at, at, lambda _: None)
    return features_value(instance.run.version, at, switches.at, partial(_argument, instance, switches))


def _address(instance: ModuleScope, key: str) -> str:
    return f"{PROVIDER_PREFIX}{instance.prefix.rstrip('.')}:{key}" if instance.prefix else PROVIDER_PREFIX + key


def provider_of(instance: ModuleScope, declaration: TerraformDeclaration, at: Location) -> Link:
    """Return the provider block that manages a resource: the one it names, or the one its module has or is given."""
    return Link(at=at, target=provider_key(instance, declaration).removesuffix(ONE_OF))


def provider_key(instance: ModuleScope, declaration: TerraformDeclaration) -> str:
    """Return the address of that block; ``ONE_OF`` ends it if it makes several providers, of which this is one."""
    return _resolve(instance, reference(declaration.attributes.get("provider")) or AZURERM)


def _resolve(instance: ModuleScope, key: str) -> str:
    """Return the address of the provider block that a module knows by ``key``."""
    found = instance.providers.get(key)
    if found is None:
        block = key.removesuffix(ONE_OF)
        found = _address(instance, block) if block in _keys(instance) else _given(instance, block)
        if block != key:
            found = found.removesuffix(ONE_OF) + ONE_OF
        instance.providers[key] = found
    return found


def _keys(instance: ModuleScope) -> Iterator[str]:
    """Yield what the azurerm provider blocks of a module itself are known by."""
    for part in instance.folder.providers:
        if part.block.labels == (AZURERM,):
            alias = _text(part.block.body.attributes.get("alias"))
            yield f"{AZURERM}.{alias}" if alias else AZURERM


def _given(instance: ModuleScope, key: str) -> str:
    return instance.call.providers.get(key, PROVIDER_PREFIX + key)


def passed_providers(caller: ModuleScope, declaration: TerraformDeclaration) -> Mapping[str, str]:
    """Return the provider blocks that a module call passes, by their names in the module."""
    piece = declaration.attributes.get("providers")
    node = piece.attribute.expression() if piece is not None else None
    found = {AZURERM: _resolve(caller, AZURERM)}
    if isinstance(node, ast.Object):
        for member in node.members:
            if isinstance(member, ast.Property):
                name = member.key if isinstance(member.key, str) else _traversal(member.key)
                found[name] = _resolve(caller, _traversal(member.value))
    return found


def reference(piece: FileAttribute | None) -> str:
    """Return the provider that an argument names, such as ``azurerm.west``."""
    return _traversal(piece.attribute.expression()) if piece is not None else ""


def _traversal(node: ast.Expression | None) -> str:
    match node:
        case ast.Name(name=name):
            return name
        case ast.Member(of=of, name=name):
            return f"{_traversal(of)}.{name}"
        case ast.Literal(value=str() as text):
            return text
        case ast.Item(of=of):
            return _traversal(of) + ONE_OF
        case _:
            return ""
