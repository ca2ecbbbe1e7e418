"""The identity of a resource in a Bicep file, and the scopes that resources and modules name."""

from __future__ import annotations

from azkvlint.evaluation.values import Fields, Result, pattern_of
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole, rstrip_text
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.deployment.modules import DeploymentModuleEntity
from azkvlint.readers.deployment.resource import ResourceIdentity, parts_of
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity, as_resource, member_pattern
from azkvlint.readers.deployment.scope import GROUP, MANAGEMENT_GROUP, SUBSCRIPTION, DeploymentScope, scope_of
from azkvlint.syntax import ast

# Scopes of deployments that are resources themselves: what goes there does not extend them.
_SCOPES = frozenset({"microsoft.resources/resourcegroups", "microsoft.management/managementgroups"})


def identify(entity: DeploymentResourceEntity) -> ResourceIdentity:
    """Return the identity of a resource."""
    parent = entity.outer if entity.outer is not None else as_resource(entity.body.get("parent"))
    type_, version = type_of(entity)
    found = entity.body.get("name")
    name = "" if found is None else pattern_of(found)
    if found is not None and not name and parent is None and type_.count("/") == 1:
        # It is unknown, or secret, and that of this resource: what refers to the resource has its ID nevertheless.
        why = found.why if isinstance(found, Unknown) else "the name is secret"
        name = declared_hole(DEPLOYMENT, entity.address, "name", why=why)
    if parent is not None:
        above = parent.identity
        if entity.outer is not None and "." not in type_.split("/")[0]:
            type_, version = f"{above.type}/{type_}", version or above.version
        return _identity(type_, version, (*above.names, name), above.above, above.extends)
    scope, extends = _scope(entity)
    parts = parts_of(type_, name, scope)
    return _identity(parts[0], version, parts[1], parts[2], extends or parts[3])


def _identity(type_: str, version: str, names: tuple[Text, ...], above: Text, extends: bool) -> ResourceIdentity:
    """Return an identity. A parent that is not known leaves its names open, so that a child stays a child."""
    missing = type_.count("/") - len(names)
    return ResourceIdentity(type_, version, (("",) * missing + names) if missing > 0 else names, above, extends)


def type_of(entity: DeploymentResourceEntity) -> tuple[str, str]:
    """Return type and version as they are written; both empty if they are not known."""
    node = entity.node.type
    if isinstance(node, ast.Literal):
        text = str(node.value)
    else:
        found = entity.instance.evaluator.evaluate(node, entity.local)
        text = str(found.value) if isinstance(found, Scalar) else ""
    type_, _, version = text.partition("@")
    return type_, version


def _scope(entity: DeploymentResourceEntity) -> tuple[Text, bool]:
    """Return the ID of the scope or target of a resource, and whether that is a resource."""
    found = entity.body.get("scope")
    if found is None:
        entity.instance.record_scope()
        return entity.instance.scope.id, False
    text, type_ = scope_text(found)
    extends = bool(type_) and type_.lower() not in _SCOPES
    return text if text is not None else declared_hole(DEPLOYMENT, entity.address, "scope"), extends


def scope_text(found: Result) -> tuple[Text | None, str]:
    """Return the ID of a scope (a pattern; empty for a tenant, None if unknown), and its type if it is a resource."""
    resource = as_resource(found)
    if resource is not None:
        return resource.identity.id or None, resource.identity.type
    if isinstance(found, Fields):
        found = found.fields.get("id", found)
    text = pattern_of(found)
    return (rstrip_text(text, "/") if text else None), ""


def module_scope(found: Result | None, around: DeploymentScope, level: str, address: str) -> DeploymentScope:
    """Return the scope of a module: ``found`` is its scope as written, ``level`` the target scope of its file."""
    if found is None:
        return around
    text, _ = scope_text(found)
    named = scope_of(text) if text is not None else None
    if named is not None:
        return named
    if level in (SUBSCRIPTION, MANAGEMENT_GROUP):
        scope = declared_hole(DEPLOYMENT, address, "scope")
        return DeploymentScope(level, scope, management_group=scope)
    # A file without targetScope is for a resource group.
    subscription = declared_hole(DEPLOYMENT, address, "scope.subscription")
    return DeploymentScope(level or GROUP, subscription, declared_hole(DEPLOYMENT, address, "scope"))


def called_scope(module: DeploymentModuleEntity, level: str) -> DeploymentScope:
    """Return the scope of a module call. ``level`` is the target scope of the file or template."""
    module.instance.record_scope()
    return module_scope(module.body.get("scope"), module.instance.scope, level, module.address)


def named_scope(entity: DeploymentResourceEntity, around: DeploymentScope) -> DeploymentScope:
    """Return the scope that a deployment names by its subscription and resource group."""
    subscription, group = member_pattern(entity, "subscriptionId"), member_pattern(entity, "resourceGroup")
    if group:
        return DeploymentScope(GROUP, subscription or around.subscription, group)
    return DeploymentScope(SUBSCRIPTION, subscription) if subscription else around
