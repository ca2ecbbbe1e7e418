"""What a role assignment lets its principal do on vaults.

The definition of the role decides, built-in or custom, with its own condition; what the principal can assign also
depends on the condition of the assignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from azkvlint.azure.roles import ASSIGNS, CONTROL, DATA, PURGES_HSM
from azkvlint.derived.answers import known, known_object, unknown, unknown_as
from azkvlint.derived.assignments import (
    DELETED_AT,
    GRANTS,
    ROLE_NEEDS,
    SCOPE,
    SCOPE_NEEDS,
    custom_role,
    declared_role,
    level_of,
    role_name,
)
from azkvlint.derived.companions import Sure
from azkvlint.derived.delegation import CONDITION, assignable_roles, assigns_unnamed, has_condition
from azkvlint.derived.permissions import (
    Permissions,
    any_listed,
    any_of,
    built_in,
    has_full_access,
    of_definition,
    reaches_vaults,
    relevant_roles,
)
from azkvlint.derived.permissions import unknown as unknown_role
from azkvlint.derived.registry import Context, derived, joined
from azkvlint.derived.secret_conditions import CONDITIONED
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Path, Scalar, Unknown, Value

_VAULTS = "Microsoft.KeyVault/vaults/"
_DEFINES = "Microsoft.Authorization/roleDefinitions/write"
_PURGES = {
    "purgeVaults": "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    "purgeHsms": PURGES_HSM,
}
# Each of these writes the access policies of a vault.
_WRITES_POLICIES = (f"{_VAULTS}write", f"{_VAULTS}accessPolicies/write")
# These reveal or replace content without a data action.
_WITHOUT_DATA_ACTIONS = (f"{_VAULTS}secrets/write", f"{_VAULTS}keys/write", f"{_VAULTS}deploy/action")
_CONTROLS = tuple(action for action in CONTROL if action != ASSIGNS)
# The data actions that show only which objects there are, and their properties.
_METADATA = frozenset({"secrets/list", "keys/get", "certificates/get"})
_USES = tuple(action for action, word in DATA.items() if word not in _METADATA)
# The permissions with which a deployment creates, reads and deletes objects of one kind.
_MANAGES = tuple(
    frozenset(f"{kind}/{word}" for word in ("get", create, "delete"))
    for kind, create in (("secrets", "set"), ("keys", "create"), ("certificates", "create"))
)
ABILITY_NEEDS: Mapping[str, tuple[Path, ...]] = joined(CONDITIONED, dict.fromkeys(GRANTS, (SCOPE,)), SCOPE_NEEDS)


def permissions_of(assignment: Resource, context: Context) -> Permissions:
    """Return the permissions of the role that an assignment assigns."""
    return _permissions(assignment, role_name(assignment, context), context)


def _permissions(assignment: Resource, name: Answer, context: Context) -> Permissions:
    if not isinstance(name, Scalar):
        declared = declared_role(assignment, context)
        if declared is not None:
            return _custom(declared, declared.address, context)
        why = f"the role is unknown: {name.why}" if isinstance(name, Unknown) else "the role is not set"
        return unknown_role("", why)
    text = "a role" if name.sensitive else str(name.value)
    found = built_in(text.lower())
    if found is not None:
        return found
    definition = custom_role(assignment, name, context)
    if definition is None:
        return unknown_role(text, f"role `{text}` is not declared in the scanned files")
    if isinstance(definition, Unknown):
        return unknown_role(text, f"the name of a custom role is unknown: {definition.why}")
    return _custom(definition, text, context)


def _custom(definition: Resource, name: str, context: Context) -> Permissions:
    """Return the permissions of a custom role, which all its assignments share."""
    kept: dict[tuple[str, str], Permissions] = context.cache.setdefault("customRoles", {})
    found = kept.get((definition.address, name))
    if found is None:
        found = kept[definition.address, name] = of_definition(definition, name)
    return found


@derived("abilities", of=GRANTS, label="ability of the role", reads=ABILITY_NEEDS)
def _abilities(resource: Resource, context: Context) -> Answer:
    """Return what the principal of a role assignment can do with the vaults in its scope.

    The fields of the object are true or not known; what it cannot do has none.
    """
    name = role_name(resource, context)
    role = _permissions(resource, name, context)
    by_role = unknown_as(name, role.why)
    by_condition = by_role
    if has_condition(resource) and role.control(ASSIGNS) is Sure.YES:
        by_condition = unknown_as(resource.select(CONDITION), "the condition is not supported")
    fields: dict[str, Value] = {}
    for ability, (sure, by_assigning) in _facts(resource, role, context).items():
        level = level_of(resource.select(SCOPE), context.index) if ability in _PURGES else None
        if isinstance(level, Scalar) and level.value not in DELETED_AT:
            continue
        if isinstance(level, Unknown):
            fields[ability] = unknown_as(level, "")
        elif sure is Sure.YES:
            fields[ability] = known(name, True)
        else:
            fields[ability] = by_condition if by_assigning else by_role
    return known_object(name, fields)


def assigns_any_role(assignment: Resource, context: Context) -> bool:
    """Return whether the principal of a role assignment can certainly assign any role in its scope."""
    sure, _ = _facts(assignment, permissions_of(assignment, context), context).get("assignAnyRole", (Sure.NO, False))
    return sure is Sure.YES


def _facts(resource: Resource, role: Permissions, context: Context) -> Mapping[str, tuple[Sure, bool]]:
    """Return each ability, and whether it is one of assigning roles, which depends on the conditions.

    Computed once for all assignments with the same role and condition.
    """
    depends = has_condition(resource) and role.control(ASSIGNS) is not Sure.NO
    key = (role.key, (resource.select(CONDITION).text or "?") if depends else "")
    kept: dict[tuple[str, str], dict[str, tuple[Sure, bool]]] = context.cache.setdefault("abilities", {})
    found = kept.get(key)
    if found is None:
        own, assigning = _of_role(role), _of_assigning(resource, role, context)
        found = kept[key] = {}
        for ability in (*own, *(one for one in assigning if one not in own)):
            by_role, by_assigning = own.get(ability, Sure.NO), assigning.get(ability, Sure.NO)
            if max(by_role, by_assigning) is not Sure.NO:
                found[ability] = (max(by_role, by_assigning), by_assigning > by_role)
    return found


def _of_role(role: Permissions) -> dict[str, Sure]:
    """Return what the actions and data actions of a role allow."""
    writes, defines = max(map(role.control, _WRITES_POLICIES)), role.control(_DEFINES)
    return {
        "useObjects": max(map(role.data, _USES)),
        "administerVaults": has_full_access(role),
        "writePolicies": writes,
        "defineRoles": defines,
        "obtainAccess": max(writes, defines, *map(role.control, _WITHOUT_DATA_ACTIONS)),
        "controlVaults": max(map(role.control, _CONTROLS)),
        "assignRoles": role.control(ASSIGNS),
        **{ability: role.control(action) for ability, action in _PURGES.items()},
    }


def _of_assigning(resource: Resource, role: Permissions, context: Context) -> dict[str, Sure]:
    """Return what the roles allow that a principal can assign."""
    sure = role.control(ASSIGNS)
    if sure is Sure.NO:
        return dict.fromkeys(("assignAnyRole", "assignAccess"), sure)
    every = assignable_roles(resource, context, to_itself=False)
    if every is None:
        return dict.fromkeys(("assignAnyRole", "assignAccess", "obtainAccess", "controlVaults"), sure)
    reaches = min(sure, any_of(every, reaches_vaults))
    return {
        "assignAnyRole": min(sure, *(every.get(name, Sure.NO) for name in relevant_roles().values())),
        "assignAccess": reaches,
        "obtainAccess": reaches,
        "controlVaults": reaches,
        "administerVaults": min(sure, any_listed(every, assigns_unnamed(resource, role))),
    }


@derived("hasNarrowerRole", of=GRANTS, label="narrower role", reads=ROLE_NEEDS)
def _has_narrower_role(resource: Resource, context: Context) -> Answer:
    """Return whether another role lets its principal create, read and delete objects with fewer permissions.

    A custom role can always leave out what is not necessary.
    """
    name = role_name(resource, context)
    role = _permissions(resource, name, context)
    if role.is_custom:
        return known(name, True)
    if not role.is_built_in:
        return name if isinstance(name, Unknown) else unknown(name, role.why)
    own = _words(role)
    return known(name, any(words < own for words in _managing_words()))


def _words(role: Permissions) -> frozenset[str]:
    return frozenset(word for action, word in DATA.items() if role.data(action) is Sure.YES)


@cache
def _managing_words() -> tuple[frozenset[str], ...]:
    """Return the permissions of each built-in role that creates, reads and deletes objects of one kind."""
    roles = (built_in(name.lower()) for name in relevant_roles().values())
    found = {_words(role) for role in roles if role is not None}
    return tuple(words for words in found if any(kind <= words for kind in _MANAGES))
