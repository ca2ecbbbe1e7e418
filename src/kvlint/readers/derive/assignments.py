"""What a role assignment and a custom role amount to: which role, which actions, how far they reach."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, select, text_of
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.roles import role_by_id
from kvlint.readers.derive.scope import SCOPE, level_of
from kvlint.readers.derive.vaults import MANAGED_HSMS, VAULTS
from kvlint.readers.ids import HOLE
from kvlint.readers.references import reference_of

ASSIGNMENTS = "microsoft.authorization/roleassignments"
DEFINITIONS = "microsoft.authorization/roledefinitions"
# Not made, only followed: from a scope to the vaults that lie in it.
COVERS = "derived.covers"

ROLE: tuple[Path, ...] = (("properties", "roleDefinitionName"), ("properties", "roleDefinitionId"))
_SCOPES: Mapping[str, tuple[Path, ...]] = {
    "microsoft.resources/resourcegroups": (("name",), ("id",)),
    "microsoft.resources/subscriptions": (("id",),),
    "microsoft.management/managementgroups": (("id",),),
}
# A scope may be an object in a vault: that is followed to the vault.
COVERS_NEEDS: Mapping[str, tuple[Path, ...]] = {
    ASSIGNMENTS: (SCOPE,),
    **dict.fromkeys((VAULTS, MANAGED_HSMS), (("id",),)),
    **{f"{VAULTS}/{kind}": (("parent",),) for kind in ("keys", "secrets", "certificates")},
    f"{MANAGED_HSMS}/keys": (("parent",),),
    **_SCOPES,
}


def role_name(resource: Resource, context: Context) -> Value | None:
    """The name of the role of a role assignment, or its id where it has none here."""
    if resource.type.lower() != ASSIGNMENTS:
        return None
    name = resource.select(("properties", "roleDefinitionName"))
    if isinstance(name, Scalar):
        return name
    role = resource.select(("properties", "roleDefinitionId"))
    built_in = role_by_id(text_of(role))
    if built_in is not None:
        return _named(resource, built_in)
    definition = _definition(role, context)
    if definition is not None:
        own = definition.select(("properties", "roleName"))
        # What is only read, and named by an id, may be any role: the id says which.
        by_id = definition.existing and text_of(role)
        if isinstance(own, Scalar) or (isinstance(own, Unknown) and not by_id):
            return own
        if not by_id:
            return _named(resource, definition.name)
    if isinstance(role, Scalar):
        return msgspec.structs.replace(role, origin="derived")
    guid = text_of(role).rstrip("/").rpartition("/")[2]
    if guid and HOLE not in guid:
        # The GUID alone says which role it is, wherever it lives; it is none of those that have a name here.
        return Scalar(at=role.at, value=guid, origin="derived")
    unknown = role if isinstance(role, Unknown) else name
    return unknown if isinstance(unknown, Unknown) else None


def _named(resource: Resource, value: str) -> Scalar:
    return Scalar(at=resource.at, value=value, origin="derived")


def _definition(role: Answer, context: Context) -> Resource | None:
    """The custom role that a role assignment names, if it is in the graph."""
    if isinstance(role, Absent):
        return None
    if text_of(role):
        # The provider's own id of a definition has its scope behind it; the GUID in both is Azure's name of it.
        same = context.index.named(DEFINITIONS, text_of(role).rstrip("/").rpartition("/")[2].lower())
        return same[0] if len(same) == 1 else None
    reference = reference_of("", "", role, context.index)
    if reference is None or len(reference.targets) != 1:
        return None
    found = context.index.resources[reference.targets[0]]
    return found if found.type.lower() == DEFINITIONS else None


def _role_actions(resource: Resource, context: Context) -> Value | None:
    if resource.type.lower() != ASSIGNMENTS:
        return None
    definition = _definition(resource.select(("properties", "roleDefinitionId")), context)
    permissions = definition.select(("properties", "permissions")) if definition is not None else None
    if isinstance(permissions, Unknown):
        return permissions
    items: list[Value] = []
    for permission in permissions.items if isinstance(permissions, ListValue) else ():
        actions = select(permission, ("actions",))
        if isinstance(actions, Unknown):
            return actions
        if _takes_away(select(permission, ("notActions",))):
            return Unknown(at=resource.at, origin="derived", why="notActions take some of the role's actions away")
        items += actions.items if isinstance(actions, ListValue) else ()
    return ListValue(at=resource.at, items=tuple(items), origin="derived") if items else None


def _takes_away(answer: Answer) -> bool:
    """Whether ``notActions`` may take away anything of Key Vault."""
    if isinstance(answer, ListValue):
        words = (str(item.value).lower() if isinstance(item, Scalar) else "*" for item in answer.items)
        return any(word.startswith(("*", "microsoft.keyvault")) for word in words)
    return isinstance(answer, Unknown)


def _scope_level(resource: Resource, context: Context) -> Value | None:
    return level_of(resource.select(SCOPE), context.index)


def _scope_levels(resource: Resource, context: Context) -> Value | None:
    """Where a custom role can be assigned; the provider takes the role's own scope where nothing else is said."""
    scopes = resource.select(("properties", "assignableScopes"))
    if isinstance(scopes, Absent):
        level = level_of(resource.select(SCOPE), context.index)
        return ListValue(at=resource.at, items=(level,), origin="derived") if level is not None else None
    if isinstance(scopes, ListValue):
        levels = (level_of(scope, context.index) for scope in scopes.items)
        return ListValue(at=scopes.at, items=tuple(x for x in levels if x is not None), origin="derived")
    return scopes if isinstance(scopes, Unknown) else None


ATTRIBUTES: Mapping[str, Derived] = {
    "roleName": Derived(role_name, {ASSIGNMENTS: ROLE, DEFINITIONS: (("name",), ("properties", "roleName"))}),
    "roleActions": Derived(_role_actions, {ASSIGNMENTS: ROLE, DEFINITIONS: (("properties", "permissions"),)}),
    "scopeLevel": Derived(_scope_level, {ASSIGNMENTS: (SCOPE,), **_SCOPES}),
    "scopeLevels": Derived(_scope_levels, {DEFINITIONS: (("properties", "assignableScopes"), SCOPE), **_SCOPES}),
}
