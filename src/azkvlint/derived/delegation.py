"""Principals of role assignments, and the roles and data actions that the condition of an assignment allows.

A condition is evaluated as Azure evaluates it, once for each role or data action: may a request be allowed?
Expressions on anything but the role (principal, time, network, names) are free: they hold for some requests only.
Source: learn.microsoft.com/azure/role-based-access-control/conditions-format and
.../delegate-role-assignments-examples, and learn.microsoft.com/azure/key-vault/general/rbac-abac.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.azure.roles import UNNAMED
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.answers import known, known_list, known_object, unknown, unknown_as
from azkvlint.derived.assignments import ACTIVE, ASSIGNMENTS, GRANTS, ROLE_NEEDS, role_name
from azkvlint.derived.companions import Sure
from azkvlint.derived.grants import (
    NEEDS,
    OTHER_HOLDER,
    USER_ASSIGNED,
    Grant,
    each_grant,
    grants_of,
    is_literal,
    named_by,
    permissions_of,
)
from azkvlint.derived.looked_up_principals import LOOKUP_READS, looked_up_by
from azkvlint.derived.permissions import Permissions, administrators, built_in, condition_in, relevant_roles
from azkvlint.derived.registry import Context, derived, joined
from azkvlint.model.location import Location
from azkvlint.model.pattern import DeclaredHole, Pattern, hole
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, MapValue, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex

_TENANT: Path = ("properties", "tenantId")
_APPLICATION: Path = ("applicationId",)
_OBJECT = "objectId"
_ANYWHERE, _LIST = "*", "* "  # not addresses
_SEPARATE = "azurerm_key_vault_access_policy"
# tenant() and subscription() in templates, and the data sources of azurerm.
_OWN_TENANT = hole("tenant")
_OF_TENANT = ("data.azurerm_client_config", "data.azurerm_subscription")
# A managed identity is in the tenant of the subscription of its resource.
_OF_IDENTITY = regex(r"identity\[[^\]]*\]\.tenant_id")


@derived(
    "grantees",
    of=(VAULTS, POLICIES, *GRANTS),
    label="principal with access",
    reads=joined(NEEDS, LOOKUP_READS, {VAULTS: (_TENANT,)}),
)
def _grantees(resource: Resource, context: Context) -> Answer:
    """Return the principals of a vault's own policies, a separate one, or a role assignment, one item for each."""
    return each_grant(resource, context, _grantee)


def _grantee(grant: Grant, context: Context) -> Value:
    fields: dict[str, Value] = {
        "names": named_by(grant.principal, context),
        "isLiteral": is_literal(grant.principal, grant.source.action is not None),
        "permissions": permissions_of(grant, context),
    }
    if grant.source.type.lower() not in GRANTS:
        fields["isForeign"] = is_foreign(grant, context)
        fields["isDuplicate"] = _is_duplicate(grant, context)
    return known_object(grant.item, fields)


def is_foreign(grant: Grant, context: Context) -> Value:
    """Return whether a policy's tenant differs from its vault's, so that Azure rejects every token of its principal."""
    own = grant.item.select((_TENANT[-1],))
    vault = _vault_of(grant.source, context)
    other = vault.select(_TENANT) if vault is not None else Absent(at=own.at)
    at = grant.principal.at
    if at.attribute is not None:
        at = msgspec.structs.replace(own.at, attribute=at.attribute.replace(_OBJECT, str(_TENANT[-1])))
    are_known = isinstance(own, Scalar) and isinstance(other, Scalar)
    is_same = own.text.lower() == other.text.lower() and (are_known or own.text != "")
    if is_same or (_is_of_deployment(own) and not isinstance(other, Scalar)):
        return known(at, False)
    if are_known:
        return known(at, True, "the tenant ID differs from that of the vault")
    doubt = own if isinstance(own, Unknown) else other
    return unknown(at, unknown_as(doubt, "the tenant ID may differ from that of the vault").why)


def _is_of_deployment(tenant: Answer) -> bool:
    """Return whether a tenant is that of the deployment identity, and so of the vaults that it manages."""
    text = tenant.string
    if isinstance(text, DeclaredHole):
        return (text.type in _OF_TENANT and text.path == "tenant_id") or _OF_IDENTITY.fullmatch(text.path) is not None
    return isinstance(text, Pattern) and text == _OWN_TENANT


def _vault_of(resource: Resource, context: Context) -> Resource | None:
    if resource.type.lower() == VAULTS:
        return resource
    return context.target_of(resource, "parent")


# A policy itself, and another one.
_TWO = 2


class _Sort(msgspec.Struct, frozen=True):
    """What is known of the principal of a policy, for comparison with another one: see ``Identity``."""

    family: str
    kind: str
    created: str
    exists: bool
    holder: str

    def is_apart_from(self, other: _Sort) -> bool:
        """Return whether principals of two sorts with different keys are certainly different."""
        if self.family and self.family == other.family:
            return True
        # A group is never an application, and an unknown principal may be either.
        if self.kind and other.kind and self.kind != other.kind:
            return True
        if self.created and other.created:
            return self.created != other.created
        holders = {self.holder, other.holder}
        if len(holders) == _TWO and "" not in holders and (OTHER_HOLDER not in holders or USER_ASSIGNED in holders):
            return True
        return bool((self.created and other.exists) or (self.exists and other.created))


class _Twins:
    """The principals of some policies: the resources that refer to each, and how many policies may be the same."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.by_key: dict[str, list[Resource]] = {}
        self.sorts: dict[_Sort, int] = {}
        self._first: dict[_Sort, list[Grant]] = {}

    def add(self, grant: Grant) -> None:
        """Add one policy."""
        self.by_key.setdefault(_key(grant, self._context), []).append(grant.source)
        if grant.source.assumption is not None:
            return  # it does not make the result unknown
        sort = _sort_of(grant, self._context)
        self.sorts[sort] = number = self.sorts.get(sort, 0) + 1
        if number <= _TWO:
            self._first.setdefault(sort, []).append(grant)

    def others(self, grant: Grant, is_in: bool) -> list[Resource]:
        """Return the resources with other policies for the same principal. ``is_in``: the policy itself was added."""
        found = list(self.by_key.get(_key(grant, self._context), ()))
        if is_in:
            del found[next(number for number, one in enumerate(found) if one.address == grant.source.address)]
        return found

    def perhaps(self, grant: Grant) -> Grant | None:
        """Return the first other policy that may be for the same principal."""
        own = _sort_of(grant, self._context)
        found = (one for sort, some in self._first.items() if not own.is_apart_from(sort) for one in some)
        return next((one for one in found if one.item is not grant.item), None)

    def has_perhaps(self, grant: Grant, is_in: bool) -> bool:
        """Return whether another policy may be for the same principal."""
        own = _sort_of(grant, self._context)
        alike = sum(number for other, number in self.sorts.items() if not own.is_apart_from(other))
        itself = int(is_in and not own.is_apart_from(own))
        return any(one.assumption is None for one in self.others(grant, is_in)) or alike > itself


def _is_duplicate(grant: Grant, context: Context) -> Value:
    """Return whether another policy is for the same principal and application, in the same list or for the vault."""
    at = grant.principal.at
    every: dict[str, _Twins] | None = context.cache.get("twins")
    if every is None:
        every = context.cache["twins"] = _twins(context)
    place = _place(grant.source, context)
    twins = every.get(place or _ANYWHERE)
    if twins is None or not grant.source.stays:
        return known(at, False)
    others = twins.others(grant, is_in=True)
    if place and grant.identity.key and any(one.exists_with(grant.source) for one in others):
        return known(at, True, "duplicate policy for the same principal")
    lost = every.get("") if grant.source.declared_as == _SEPARATE else None
    if grant.source.assumption is not None:
        return known(at, False)
    if twins.has_perhaps(grant, is_in=True) or (place and lost is not None and lost.has_perhaps(grant, is_in=False)):
        possible = (some.perhaps(grant) for some in (twins, lost) if some is not None)
        return unknown(at, _why_perhaps(grant, next((one for one in possible if one is not None), None)))
    return known(at, False)


def _why_perhaps(grant: Grant, other: Grant | None) -> str:
    """Return why another policy may be for the principal of a policy."""
    if other is None:
        return f"another access policy may be for the principal of `{grant.source.address}`"
    is_same = other.source.address == grant.source.address
    which = f"another access policy of `{other.source.address}`" if is_same else f"`{other.source.address}`"
    # What is known least of the two decides, such as the output of a module beside a group.
    pair = sorted((grant, other), key=lambda one: bool(_kind(one)))
    values = (*(one.principal for one in pair), *(one.item.select(_APPLICATION) for one in pair))
    doubts = [one for one in values if isinstance(one, Unknown)]
    reason = next((f": {one.why}" for one in doubts if not one.sensitive), "")
    return f"{which} may be for the same principal{reason}"


def _twins(context: Context) -> dict[str, _Twins]:
    """Return the policies of each place.

    Separate policies of unknown vaults are under the empty place; all separate policies are also under ``_ANYWHERE``.
    """
    found: dict[str, _Twins] = {}
    for resource in (one for type_ in (POLICIES, VAULTS) for one in context.index.of_type(type_)):
        grants = grants_of(resource, context) if resource.stays else ()
        places = [_place(resource, context)]
        places += [_ANYWHERE] if resource.declared_as == _SEPARATE else []
        for grant in () if isinstance(grants, Unknown) else grants:
            for place in places:
                found.setdefault(place, _Twins(context)).add(grant)
    return found


def _key(grant: Grant, context: Context) -> str:
    application = grant.item.select(_APPLICATION)
    # An unknown application is never certainly that of another policy.
    alone = f"? {id(grant.item)}" if isinstance(application, Unknown) else ""
    looked_up = looked_up_by(grant.principal, context)
    key = grant.identity.key if looked_up is None else looked_up[1]
    return f"{key} {application.text.lower() or alone}"


def _sort_of(grant: Grant, context: Context) -> _Sort:
    """Return the sort of a principal. It has no family if the application that it uses is not known."""
    identity = grant.identity
    looked_up = looked_up_by(grant.principal, context)
    family = identity.family if looked_up is None else looked_up[0]
    if isinstance(grant.item.select(_APPLICATION), Unknown):
        family = ""
    return _Sort(family, _kind(grant), identity.created, identity.exists, identity.holder)


def _kind(grant: Grant) -> str:
    """Return the known kind of a principal: a group, a user or an application; empty if it is not known."""
    identity = grant.identity
    if identity.kind in ("person", "guest"):
        return "group" if "azuread_group." in identity.key else "user"
    return identity.kind if identity.kind == "application" else ""


def _place(resource: Resource, context: Context) -> str:
    """Return the place of policies that exclude each other: one list, or the separate azurerm resources of one vault.

    Azure itself merges its separate resources into the existing list. Empty if the vault is not known.
    """
    if resource.declared_as != _SEPARATE:
        return f"{_LIST}{resource.address}"
    vault = _vault_of(resource, context)
    above = resource.select(("parent",))
    return vault.address if vault is not None else str(above.value).lower() if isinstance(above, Scalar) else ""


CONDITION: Path = ("properties", "condition")


@derived(
    "assignableRoles",
    of=(ASSIGNMENTS, ACTIVE),
    label="set of assignable roles",
    reads={**ROLE_NEEDS, **{type_: (*ROLE_NEEDS[type_], CONDITION) for type_ in (ASSIGNMENTS, ACTIVE)}},
)
def _assignable(resource: Resource, context: Context) -> Answer:
    """Return the built-in roles that the principal of an assignment may assign under its condition."""
    condition = resource.select(CONDITION)
    if isinstance(condition, Unknown) and not condition.text:
        return condition
    at = resource.at if isinstance(condition, Absent) else condition.at
    found = _sure_roles(resource, context)
    others = Sure.YES if found is None else Sure.NO
    names = relevant_roles().values()
    return known_list(at, (_assignable_role(name, (found or {}).get(name, others), at) for name in names))


def _sure_roles(resource: Resource, context: Context, *, to_itself: bool = False) -> Mapping[str, Sure] | None:
    """Return the roles, by name, that an assignment may allow to assign; None for every role.

    The condition of the role's definition and that of the assignment must both allow it.
    """
    own = role_name(resource, context)
    definition = built_in(str(own.value).lower()) if isinstance(own, Scalar) else None
    limits = definition.assignable(to_itself=to_itself) if definition is not None else None
    if not has_condition(resource):
        return limits
    condition = condition_in(resource.select(CONDITION).string)
    found: dict[str, Sure] = {}
    for role, name in relevant_roles().items():
        limit = Sure.YES if limits is None else limits.get(name, Sure.NO)
        found[name] = min(limit, condition.of_role(role, to_itself=to_itself).sure)
    if all(sure is Sure.YES for sure in found.values()):
        return None
    return {name: sure for name, sure in found.items() if sure is not Sure.NO}


def has_condition(resource: Resource) -> bool:
    """Return whether a role assignment has, or may have, a condition."""
    condition = resource.select(CONDITION)
    return not isinstance(condition, Absent) and not (isinstance(condition, Scalar) and not condition.value)


def assignable_roles(resource: Resource, context: Context, *, to_itself: bool) -> Mapping[str, Sure] | None:
    """Return the built-in roles, by name, that the principal of an assignment may assign; None for all.

    ``to_itself``: assign to itself.
    """
    condition = resource.select(CONDITION)
    if isinstance(condition, Unknown) and not condition.text:
        return dict.fromkeys(relevant_roles().values(), Sure.PERHAPS)
    return _sure_roles(resource, context, to_itself=to_itself)


def assigns_unnamed(resource: Resource, role: Permissions) -> Sure:
    """Return whether the conditions of a role and of its assignment let assign a role that they do not name."""
    condition = resource.select(CONDITION)
    if not has_condition(resource):
        return role.assigns_unnamed()
    if isinstance(condition, Unknown) and not condition.text:
        return min(role.assigns_unnamed(), Sure.PERHAPS)
    return min(role.assigns_unnamed(), condition_in(condition.string).of_role(UNNAMED).sure)


def _assignable_role(name: str, sure: Sure, at: Location) -> MapValue:
    """Return a role, whether it may be assigned, and whether it administers vaults or lets assign any role."""
    allowed: Value = known(at, sure is Sure.YES, name)
    if sure is Sure.PERHAPS:
        allowed = unknown(at, f"the condition may allow assigning role `{name}`")
    administers = administrators().get(name, Sure.NO)
    is_administrator: Value = known(at, administers is Sure.YES, name)
    if administers is Sure.PERHAPS:
        is_administrator = unknown(at, f"role `{name}` may administer vaults")
    return MapValue(
        at=at, fields={"name": known(at, name, name), "allowed": allowed, "isAdministrator": is_administrator}
    )
