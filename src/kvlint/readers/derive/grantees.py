"""Whom access is granted to: whether each policy, or role, is for a principal that can use it.

Source: the REST reference of Microsoft.KeyVault/vaults: all policies of a vault are of its own tenant.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, ListValue, MapValue, Path, Scalar, Unknown, Value, select, text_of
from kvlint.readers.derive.assignments import GRANTS
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.grants import NEEDS, Grant, grants_of, permissions_of
from kvlint.readers.derive.identities import is_literal, named_by
from kvlint.readers.derive.vaults import POLICIES, POLICY_LIST, VAULTS
from kvlint.readers.references import reference_of

_TENANT: Path = ("properties", "tenantId")
_APPLICATION: Path = ("applicationId",)
_SEPARATE = "azurerm_key_vault_access_policy"


def _grantees(resource: Resource, context: Context) -> Value | None:
    """Whom a vault's own policies, a separate one, or a role assignment is for, one item for each."""
    if resource.type.lower() not in (VAULTS, POLICIES, *GRANTS):
        return None
    found = grants_of(resource, context)
    if isinstance(found, Unknown):
        return found
    return ListValue(at=resource.at, items=tuple(_told(one, context) for one in found), origin="derived")


def _told(grant: Grant, context: Context) -> Value:
    fields: dict[str, Value] = {
        "names": named_by(grant.principal, context),
        "isLiteral": is_literal(grant.principal, grant.source.action is not None),
        "permissions": permissions_of(grant, context),
    }
    if grant.source.type.lower() not in GRANTS:
        fields["isForeign"] = _is_foreign(grant, context)
        fields["isDuplicate"] = _is_duplicate(grant, context)
    return MapValue(at=grant.item.at, fields=fields, origin="derived")


def _is_foreign(grant: Grant, context: Context) -> Value:
    """Whether a policy's tenant is not its vault's, so that Azure refuses every token that it is meant for."""
    own = select(grant.item, ("tenantId",))
    vault = _vault_of(grant.source, context)
    other = vault.select(_TENANT) if vault is not None else Absent(at=own.at)
    if text_of(own) and text_of(own).lower() == text_of(other).lower():
        return Scalar(at=own.at, value=False, origin="derived")
    if isinstance(own, Scalar) and isinstance(other, Scalar):
        return Scalar(at=own.at, value=True, origin="derived")
    return Unknown(at=own.at, why="whether it is the tenant of the vault is not known", origin="derived")


def _vault_of(resource: Resource, context: Context) -> Resource | None:
    if resource.type.lower() == VAULTS:
        return resource
    above = resource.select(("parent",))
    reference = None if isinstance(above, Absent) else reference_of(resource.address, "", above, context.index)
    one = reference is not None and len(reference.targets) == 1
    return context.index.resources[reference.targets[0]] if reference is not None and one else None


class _Twins:
    """The principals of one list of policies: the conditions under which each is named, and how many there are."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[frozenset[str]]] = {}
        self.families: dict[str, int] = {}
        self.count = 0


def _is_duplicate(grant: Grant, context: Context) -> Value:
    """Whether there is another separate policy for the same principal and application."""
    at = select(grant.item, ("objectId",)).at
    place = _place(grant.source, context)
    every: dict[str, _Twins] | None = context.kept.get("twins")
    if every is None:
        every = context.kept["twins"] = _twins(context)
    twins = every.get(place) if place else None
    if twins is None:
        return Scalar(at=at, value=False, origin="derived")
    others = list(twins.by_key.get(_key(grant), ()))
    if grant.source.conditions in others:
        others.remove(grant.source.conditions)
    if grant.identity.key and any(conditions <= grant.source.conditions for conditions in others):
        return Scalar(at=at, value=True, origin="derived")
    family = _family(grant)
    apart = twins.families.get(family, 0) if family else 1
    if others or twins.count > apart:
        return Unknown(at=at, why="whether another policy is for the same principal is not known", origin="derived")
    return Scalar(at=at, value=False, origin="derived")


def _twins(context: Context) -> dict[str, _Twins]:
    found: dict[str, _Twins] = {}
    for resource in context.index.of_type(POLICIES):
        grants = grants_of(resource, context) if resource.stays else ()
        place = _place(resource, context)
        for grant in () if isinstance(grants, Unknown) or not place else grants:
            twins = found.setdefault(place, _Twins())
            family = _family(grant)
            twins.by_key.setdefault(_key(grant), []).append(resource.conditions)
            twins.families[family] = twins.families.get(family, 0) + 1
            twins.count += 1
    return found


def _key(grant: Grant) -> str:
    application = select(grant.item, _APPLICATION)
    # One of which nothing is known is that of no other policy for certain.
    alone = f"? {id(grant.item)}" if isinstance(application, Unknown) else ""
    return f"{grant.identity.key} {text_of(application).lower() or alone}"


def _family(grant: Grant) -> str:
    """The family of the principal, and none if nobody knows through which application it comes."""
    return "" if isinstance(select(grant.item, _APPLICATION), Unknown) else grant.identity.family


def _place(resource: Resource, context: Context) -> str:
    """The vault whose policies azurerm keeps apart by their principal: it refuses to make a second one for the same.

    Azure itself takes several in a vault's own list, and adds what its separate resources say to what is there.
    """
    vault = _vault_of(resource, context) if resource.declared_as == _SEPARATE else None
    return vault.address if vault is not None else ""


ATTRIBUTES: Mapping[str, Derived] = {
    "grantees": Derived(_grantees, {**NEEDS, VAULTS: (POLICY_LIST, _TENANT)}),
}
