"""Principals of access policies and role assignments: whether each can use its access.

Source: the REST reference of Microsoft.KeyVault/vaults: all policies of a vault are for principals of its own tenant.
"""

from __future__ import annotations

import msgspec

from azkvlint.derived.assignments import GRANTS
from azkvlint.derived.grants import NEEDS, Grant, grants_of, is_literal, named_by, permissions_of
from azkvlint.derived.registry import Context, derived, known, known_list, known_object, one_target, unknown, unknown_as
from azkvlint.derived.vaults import POLICIES, POLICY_LIST, VAULTS
from azkvlint.graph.resource_ids import HOLE, HOLE_END
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    Path,
    Scalar,
    Unknown,
    Value,
    select,
    text_of,
)
from azkvlint.util.lazy_regex import regex

_TENANT: Path = ("properties", "tenantId")
_APPLICATION: Path = ("applicationId",)
_OBJECT = "objectId"
_ANYWHERE, _LIST = "*", "* "  # not addresses
_SEPARATE = "azurerm_key_vault_access_policy"
# tenant() and subscription() in templates, and the data sources of azurerm.
_OWN_TENANT = regex(
    f"{HOLE}(?:tenant|(?:module\\.[^{HOLE}]*\\.)?data\\.azurerm_(?:client_config|subscription)\\.[^.]+\\.tenant_id){HOLE_END}"
)


@derived(
    "grantees",
    of=(VAULTS, POLICIES, *GRANTS),
    label="principal with access",
    reads={**NEEDS, VAULTS: (POLICY_LIST, _TENANT)},
)
def _grantees(resource: Resource, context: Context) -> Answer:
    """Return the principals of a vault's own policies, a separate one, or a role assignment, one item for each."""
    found = grants_of(resource, context)
    if isinstance(found, Unknown):
        return found
    return known_list(resource, (_grantee(one, context) for one in found))


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
    own = select(grant.item, (_TENANT[-1],))
    vault = _vault_of(grant.source, context)
    other = vault.select(_TENANT) if vault is not None else Absent(at=own.at)
    at = grant.principal.at
    if at.attribute is not None:
        at = msgspec.structs.replace(own.at, attribute=at.attribute.replace(_OBJECT, str(_TENANT[-1])))
    are_known = isinstance(own, Scalar) and isinstance(other, Scalar)
    is_same = text_of(own).lower() == text_of(other).lower() and (are_known or text_of(own) != "")
    if is_same or (_is_of_deployment(own) and not isinstance(other, Scalar)):
        return known(at, False)
    if are_known:
        return known(at, True, "the tenant ID differs from that of the vault")
    doubt = own if isinstance(own, Unknown) else other
    return unknown(at, unknown_as(doubt, "the tenant ID may differ from that of the vault").why)


def _is_of_deployment(tenant: Answer) -> bool:
    """Return whether a tenant is that of the deployment identity, and so of the vaults that it manages."""
    return _OWN_TENANT.fullmatch(text_of(tenant)) is not None


def _vault_of(resource: Resource, context: Context) -> Resource | None:
    if resource.type.lower() == VAULTS:
        return resource
    return one_target(resource, "parent", context)


class _Twins:
    """The principals of some policies: the resources that refer to each, and how many policies may be the same."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[Resource]] = {}
        self.families: dict[tuple[str, str], int] = {}
        self.kinds: dict[str, int] = {}

    def add(self, grant: Grant) -> None:
        """Add one policy."""
        self.by_key.setdefault(_key(grant), []).append(grant.source)
        if grant.source.assumption is not None:
            return  # it does not make the result unknown
        family, kind = _family(grant), _kind(grant)
        self.families[family, kind] = self.families.get((family, kind), 0) + 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def others(self, grant: Grant, is_in: bool) -> list[Resource]:
        """Return the resources with other policies for the same principal. ``is_in``: the policy itself was added."""
        found = list(self.by_key.get(_key(grant), ()))
        if is_in:
            del found[next(number for number, one in enumerate(found) if one.address == grant.source.address)]
        return found

    def has_perhaps(self, grant: Grant, is_in: bool) -> bool:
        """Return whether another policy may be for the same principal."""
        family, kind = _family(grant), _kind(grant)
        # A group is never an application, and an unknown principal may be either.
        kinds = ("", kind) if kind else tuple(self.kinds)
        alike = sum(self.kinds.get(one, 0) for one in kinds)
        apart = sum(self.families.get((family, one), 0) for one in kinds) if family else int(is_in)
        return any(one.assumption is None for one in self.others(grant, is_in)) or alike > apart


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
        return unknown(at, "another access policy may be for the same principal")
    return known(at, False)


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
                found.setdefault(place, _Twins()).add(grant)
    return found


def _key(grant: Grant) -> str:
    application = select(grant.item, _APPLICATION)
    # An unknown application is never certainly that of another policy.
    alone = f"? {id(grant.item)}" if isinstance(application, Unknown) else ""
    return f"{grant.identity.key} {text_of(application).lower() or alone}"


def _family(grant: Grant) -> str:
    """Return the family of the principal; empty if the application that it uses is not known."""
    return "" if isinstance(select(grant.item, _APPLICATION), Unknown) else grant.identity.family


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
