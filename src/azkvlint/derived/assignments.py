"""What a role assignment and a custom role amount to: which role, which operations, how far they reach."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.azure.roles import role_by_id
from azkvlint.derived.operations import operations_of, operations_of_built_in
from azkvlint.derived.registry import Context, absent, also_reads, derived, known, known_list, or_absent, unknown
from azkvlint.derived.scope import SCOPE, level_of
from azkvlint.derived.vaults import MANAGED_HSMS, VAULTS
from azkvlint.graph.references import reference_of
from azkvlint.graph.resource_ids import HOLE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Origin, Path, Scalar, Unknown, Value, text_of

ASSIGNMENTS = "microsoft.authorization/roleassignments"
# Assignments by privileged identity management: those that are in force, and those that their holder may activate.
ACTIVE = "microsoft.authorization/roleassignmentschedulerequests"
ELIGIBLE = "microsoft.authorization/roleeligibilityschedulerequests"
GRANTS = (ASSIGNMENTS, ACTIVE, ELIGIBLE)
DEFINITIONS = "microsoft.authorization/roledefinitions"
# What else has a scope.
_EXTENSIONS = ("microsoft.authorization/locks", "microsoft.insights/diagnosticsettings")
# Followed only, from a scope to the vaults in it.
COVERS = "derived.covers"

ROLE: tuple[Path, ...] = (("properties", "roleDefinitionName"), ("properties", "roleDefinitionId"))
# What tells a custom role, and what it may do.
_CUSTOM: tuple[Path, ...] = (("name",), ("properties", "roleName"))
_PERMISSIONS: Path = ("properties", "permissions")
# How an unknown part of a text ends that is the id of a role's definition.
_IDS = (".id\u27e9", ".role_definition_resource_id\u27e9")
_SCOPES: Mapping[str, tuple[Path, ...]] = {
    "microsoft.resources/resourcegroups": (("name",), ("id",)),
    "microsoft.resources/subscriptions": (("id",),),
    "microsoft.management/managementgroups": (("id",),),
}
# A scope may be an object in a vault: that is followed to the vault.
COVERS_NEEDS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys(GRANTS, (SCOPE,)),
    **dict.fromkeys((VAULTS, MANAGED_HSMS), (("id",), ("resourceGroupName",))),
    **{f"{VAULTS}/{kind}": (("parent",),) for kind in ("keys", "secrets", "certificates")},
    f"{MANAGED_HSMS}/keys": (("parent",),),
    **_SCOPES,
}


_OF_GRANTS: Mapping[str, tuple[Path, ...]] = dict.fromkeys(GRANTS, ROLE)
# What must be read to know which role an assignment gives, and what that role may do.
ROLE_NEEDS: Mapping[str, tuple[Path, ...]] = {**_OF_GRANTS, DEFINITIONS: (*_CUSTOM, _PERMISSIONS)}


@derived("roleName", of=GRANTS, label="role", reads={**_OF_GRANTS, DEFINITIONS: _CUSTOM})
def role_name(resource: Resource, context: Context) -> Answer:
    """The name of the role that an assignment gives; its id where that is all there is."""
    name = resource.select(("properties", "roleDefinitionName"))
    if isinstance(name, Scalar):
        return name
    role = resource.select(("properties", "roleDefinitionId"))
    built_in = role_by_id(text_of(role))
    if built_in is not None:
        return known(resource, built_in)
    definition = _definition(role, context)
    if definition is not None:
        looked_up = role_by_id(definition.name) if definition.existing else None
        if looked_up is not None:
            return known(resource, looked_up)
        own = definition.select(("properties", "roleName"))
        # What is only read, and named by an id, may be any role: the id says which.
        by_id = definition.existing and text_of(role)
        if isinstance(own, Scalar) or (isinstance(own, Unknown) and not by_id):
            return own
        if not by_id:
            return known(resource, definition.name)
    if isinstance(role, Scalar):
        return msgspec.structs.replace(role, origin=Origin.DERIVED)
    guid = text_of(role).rstrip("/").rpartition("/")[2]
    if guid and HOLE not in guid:
        # The GUID alone identifies the role, whatever its scope. It is not a built-in role.
        return known(role, guid)
    if isinstance(role, Unknown) or isinstance(name, Unknown):
        return role if isinstance(role, Unknown) else name
    # No assignment is without a role: it is a resource that is not in the graph, or a caller sets what is null here.
    return unknown(resource, "which role it assigns is not known")


def _definition(role: Answer, context: Context) -> Resource | None:
    """The custom role that a role assignment names, if it is in the graph."""
    if isinstance(role, Absent):
        return None
    text = text_of(role)
    # Privileged identity management wants the id of the subscription before that of a role.
    last = text.rpartition(HOLE)[2] if HOLE in text else ""
    behind = next((last.removesuffix(end) for end in _IDS if last.endswith(end)), "")
    if text and not behind:
        # The provider's own id of a definition has its scope behind it; the GUID in both is Azure's name of it.
        same = context.index.named(DEFINITIONS, text.rstrip("/").rpartition("/")[2].lower())
        return same[0] if len(same) == 1 else None
    reference = None if behind else reference_of("", "", role, context.index)
    targets = (behind,) if behind else reference.targets if reference is not None else ()
    found = context.index.resources.get(targets[0]) if len(targets) == 1 else None
    return found if found is not None and found.type.lower() == DEFINITIONS else None


@derived("operations", of=(DEFINITIONS, *GRANTS), label="allowed operations", reads=ROLE_NEEDS)
def operations(resource: Resource, context: Context) -> Answer:
    """Return the operations on key vaults that a role definition, or the role of an assignment, allows."""
    if resource.type.lower() == DEFINITIONS:
        return operations_of(resource)
    name = role_name(resource, context)
    if not isinstance(name, Scalar):
        return name
    built_in = operations_of_built_in(str(name.value).lower())
    if built_in is None:
        custom = _custom(resource, name, context)
        if custom is None:
            return unknown(name, "the role is not defined here, so nobody knows what it allows")
        if isinstance(custom, Unknown):
            return custom
        return _told_at(resource, operations_of(custom))
    note = "" if name.sensitive else f"the role {name.value} allows it"
    items = tuple(known(name, one, note, sensitive=name.sensitive) for one in built_in)
    return known_list(name, items)


def _told_at(resource: Resource, found: Value) -> Value:
    """What a custom role may do, told where the assignment of it stands."""
    if isinstance(found, ListValue):
        items = tuple(msgspec.structs.replace(item, at=resource.at) for item in found.items)
        return msgspec.structs.replace(found, at=resource.at, items=items)
    return msgspec.structs.replace(found, at=resource.at)


def _custom(resource: Resource, name: Scalar, context: Context) -> Resource | Unknown | None:
    """The custom role of an assignment that names it by its id, or by its own name."""
    definition: Resource | Unknown | None = _definition(resource.select(("properties", "roleDefinitionId")), context)
    if definition is None:
        kept: dict[str, Resource | Unknown] | None = context.cache.get("roles")
        if kept is None:
            kept = context.cache["roles"] = {}
            for one in (one for one in context.index.of_type(DEFINITIONS) if not one.existing):
                own = one.select(("properties", "roleName"))
                kept[text_of(own).lower() if isinstance(own, Scalar) else ""] = own if isinstance(own, Unknown) else one
        definition = kept.get(str(name.value).lower(), kept.get(""))
    # What is only looked up says nothing of what it allows.
    return None if isinstance(definition, Resource) and definition.existing else definition


@derived(
    "scopeLevel",
    of=(*GRANTS, *_EXTENSIONS),
    label="scope level",
    reads={**dict.fromkeys((*GRANTS, *_EXTENSIONS), (SCOPE,)), **_SCOPES},
)
def _scope_level(resource: Resource, context: Context) -> Answer:
    scope = resource.select(SCOPE)
    if isinstance(scope, Absent) and resource.type.lower() in GRANTS:
        # No role can be assigned without a scope, so a caller sets the one that is null here.
        return unknown(scope, "`scope` has no value")
    return or_absent(level_of(scope, context.index), resource)


@derived(
    "scopeLevels",
    of=DEFINITIONS,
    label="assignable scope levels",
    reads={DEFINITIONS: (("properties", "assignableScopes"), SCOPE), **_SCOPES},
)
def _scope_levels(resource: Resource, context: Context) -> Answer:
    """Where a custom role can be assigned; the provider takes the role's own scope where nothing else is said."""
    scopes = resource.select(("properties", "assignableScopes"))
    if isinstance(scopes, Absent) or (isinstance(scopes, ListValue) and not scopes.items):
        level = level_of(resource.select(SCOPE), context.index)
        return known_list(resource, (level,)) if level is not None else absent(resource)
    if isinstance(scopes, ListValue):
        levels = (level_of(scope, context.index) for scope in scopes.items)
        return known_list(scopes, (x for x in levels if x is not None))
    return scopes if isinstance(scopes, Unknown) else absent(resource)


also_reads(COVERS, COVERS_NEEDS)
