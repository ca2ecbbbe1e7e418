"""Which resource a declaration deploys: its type, its names, and what it goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.values import Fields, Result, hole, pattern_of
from azkvlint.model.value import Scalar
from azkvlint.readers.arm.resource import parts_of
from azkvlint.readers.arm.scope import GROUP, MANAGEMENT_GROUP, SUBSCRIPTION, Scope, resource_id, scope_of
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.entities import ResourceEntity

# Scopes of deployments that are resources themselves: what goes there does not extend them.
_SCOPES = frozenset({"microsoft.resources/resourcegroups", "microsoft.management/managementgroups"})


class Identity:
    """See ``readers.arm.resource.Declaration`` for what the parts are."""

    __slots__ = ("above", "extends", "names", "type", "version")

    def __init__(self, type_: str, version: str, names: tuple[str, ...], above: str, extends: bool) -> None:
        self.type = type_
        self.version = version
        # A parent that is not known leaves its names open, so that a child stays a child.
        missing = type_.count("/") - len(names)
        self.names = (("",) * missing + names) if missing > 0 else names
        self.above = above
        self.extends = extends

    @property
    def id(self) -> str:
        """The id, a pattern; empty if not even that is known."""
        return resource_id(self.above, self.type, self.names)


UNKNOWN = Identity("", "", (), "", False)


def identify(entity: ResourceEntity, parent: ResourceEntity | None) -> Identity:
    """The identity of a resource; ``parent`` is what it is a child of, if that is a resource that is known."""
    type_, version = type_of(entity)
    found = entity.body.get("name")
    name = "" if found is None else pattern_of(found)
    if parent is not None:
        above = parent.identity
        if entity.outer is not None and "." not in type_.split("/")[0]:
            type_, version = f"{above.type}/{type_}", version or above.version
        return Identity(type_, version, (*above.names, name), above.above, above.extends)
    scope, extends = _scope(entity)
    parts = parts_of(type_, name, scope)
    return Identity(parts[0], version, parts[1], parts[2], extends or parts[3])


def type_of(entity: ResourceEntity) -> tuple[str, str]:
    """Type and version as they are written; both empty if they are not known."""
    node = entity.node.type
    if isinstance(node, ast.Literal):
        text = str(node.value)
    else:
        found = entity.instance.evaluator.evaluate(node, entity.local)
        text = str(found.value) if isinstance(found, Scalar) else ""
    type_, _, version = text.partition("@")
    return type_, version


def _scope(entity: ResourceEntity) -> tuple[str, bool]:
    """The id of what a resource goes to or extends, and whether that is a resource."""
    found = entity.body.get("scope")
    if found is None:
        return entity.instance.scope.id, False
    text, type_ = scope_text(found)
    extends = bool(type_) and type_.lower() not in _SCOPES
    return text if text is not None else hole(f"{entity.address}.scope"), extends


def scope_text(found: Result) -> tuple[str | None, str]:
    """The id of a scope (a pattern, that of the tenant empty; None if not known), and its type if it is a resource."""
    from azkvlint.readers.bicep.entities import as_resource

    resource = as_resource(found)
    if resource is not None:
        return resource.identity.id or None, resource.identity.type
    if isinstance(found, Fields):
        found = found.fields.get("id", found)
    text = pattern_of(found)
    return (text.rstrip("/") if text else None), ""


def module_scope(found: Result | None, around: Scope, level: str, address: str) -> Scope:
    """What a module goes to: ``found`` is its scope as written, ``level`` what its file says that it is made for."""
    if found is None:
        return around
    text, _ = scope_text(found)
    named = scope_of(text) if text is not None else None
    if named is not None:
        return named
    if level in (SUBSCRIPTION, MANAGEMENT_GROUP):
        return Scope(level, hole(f"{address}.scope"), management_group=hole(f"{address}.scope"))
    # A file without targetScope is for a resource group.
    return Scope(level or GROUP, hole(f"{address}.scope.subscription"), hole(f"{address}.scope"))
