"""Who may do what with the content of a vault: access policies and roles in the words of access policies.

A permission is a kind and a word, such as ``secrets/get``. Sources: the REST reference of Microsoft.KeyVault/vaults
(permissions), learn.microsoft.com/azure/key-vault/general/rbac-migration (which role replaces which permissions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kvlint.model.graph import Resource
from kvlint.model.source import Location
from kvlint.model.value import Absent, Answer, ListValue, MapValue, Path, Scalar, Unknown, Value, select, text_of
from kvlint.readers.derive.assignments import GRANTS, ROLE_NEEDS, operations, role_name
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.identities import CLIENTS, Identity, identity_of, is_literal, named_by
from kvlint.readers.derive.operations import DATA
from kvlint.readers.derive.policies import change_of
from kvlint.readers.derive.vaults import POLICIES, POLICY_LIST, VAULTS
from kvlint.readers.references import reference_of

_SECRETS = "get list set delete recover backup restore purge"
_COMMON = "get list update create import delete recover backup restore purge"
# What ``all`` means.
_ALL: Mapping[str, str] = {
    "secrets": _SECRETS,
    "keys": f"{_COMMON} decrypt encrypt unwrapkey wrapkey verify sign release rotate getrotationpolicy"
    " setrotationpolicy",
    "certificates": f"{_COMMON} managecontacts manageissuers getissuers listissuers setissuers deleteissuers",
    "storage": f"{_SECRETS} update regeneratekey getsas listsas setsas deletesas",
}
# Duties, and the permissions any of which is one.
_DUTIES: Mapping[str, frozenset[str]] = {
    "manage-secrets": frozenset({"secrets/set"}),
    "use-secrets": frozenset({"secrets/get"}),
    "manage-keys": frozenset({"keys/create", "keys/import"}),
    "use-keys": frozenset({"keys/sign", "keys/decrypt", "keys/unwrapkey"}),
}
_ASSIGN = "assign-roles"
_ASSIGNS = "Microsoft.Authorization/roleAssignments/write"
# An officer's role holds everything over a kind of objects; what it is given for is to manage them.
_OFFICERS: Mapping[str, tuple[str, ...]] = {
    "key vault administrator": ("manage-secrets", "manage-keys"),
    "key vault secrets officer": ("manage-secrets",),
    "key vault crypto officer": ("manage-keys",),
}
_TENANT: Path = ("properties", "tenantId")
_PRINCIPAL: Path = ("properties", "principalId")
_PRINCIPAL_TYPE: Path = ("properties", "principalType")


class Grant(NamedTuple):
    """What one policy or assignment gives: permissions by where they are written. ``doubt``: why perhaps more."""

    identity: Identity
    source: Resource
    item: Value
    principal: Answer
    permissions: Mapping[str, Location]
    duties: frozenset[str]
    doubt: Unknown | None


def grants_of(resource: Resource, context: Context) -> tuple[Grant, ...] | Unknown:
    """All that one resource grants; Unknown if not even how many is known. Made once for a graph."""
    kept: dict[str, tuple[Grant, ...] | Unknown] = context.kept.setdefault("grants", {})
    found = kept.get(resource.address)
    if found is None:
        if resource.type.lower() in GRANTS:
            found = (_of_role(resource, context),)
        else:
            policies = own_policies(resource)
            found = policies if isinstance(policies, Unknown) else tuple(
                _of_policy(resource, one, context) for one in policies
            )  # fmt: skip
        kept[resource.address] = found
    return found


def own_policies(resource: Resource) -> tuple[Value, ...] | Unknown:
    """The policies that a vault's author writes in it, or those that a separate resource adds."""
    change = change_of(resource) if resource.type.lower() == POLICIES else None
    if isinstance(change, Unknown):
        return change
    policies = resource.select(POLICY_LIST)
    if isinstance(change, Scalar) and change.value == "remove":
        return ()
    if isinstance(policies, ListValue):
        return policies.items
    return policies if isinstance(policies, Unknown) else ()


def _of_policy(resource: Resource, policy: Value, context: Context) -> Grant:
    words: dict[str, Location] = {}
    doubt: Unknown | None = None
    for kind, every in _ALL.items():
        answer = select(policy, ("permissions", kind))
        for item in answer.items if isinstance(answer, ListValue) else (answer,):
            if isinstance(item, Scalar):
                word = str(item.value).lower()
                for one in (word, *(every.split() if word == "all" else ())):
                    words.setdefault(f"{kind}/{one}", item.at)
            elif isinstance(item, Unknown):
                doubt = item
    principal = select(policy, ("objectId",))
    identity = identity_of(principal, Absent(at=policy.at), context)
    return Grant(identity, resource, policy, principal, words, _duties(words), doubt)


def _of_role(resource: Resource, context: Context) -> Grant:
    name, allowed = role_name(resource, context), operations(resource, context)
    principal = resource.select(_PRINCIPAL)
    identity = identity_of(principal, resource.select(_PRINCIPAL_TYPE), context)
    items = allowed.items if isinstance(allowed, ListValue) else (allowed,)
    known = {str(item.value): item.at for item in items if isinstance(item, Scalar)}
    words = {DATA[one]: at for one, at in known.items() if one in DATA}
    officer = _OFFICERS.get(str(name.value).lower()) if isinstance(name, Scalar) else None
    duties = _duties(words) if officer is None else frozenset(officer)
    if _ASSIGNS in known:
        duties |= {_ASSIGN}
    doubt = next((item for item in items if isinstance(item, Unknown)), None)
    return Grant(identity, resource, resource.attributes, principal, words, duties, doubt)


def _duties(words: Iterable[str]) -> frozenset[str]:
    return frozenset(duty for duty, permissions in _DUTIES.items() if not permissions.isdisjoint(words))


def _grants(resource: Resource, context: Context) -> Value | None:
    """What a vault's own policies, a separate one, or a role assignment grants, one item for each."""
    if resource.type.lower() not in (VAULTS, POLICIES, *GRANTS):
        return None
    found = grants_of(resource, context)
    if isinstance(found, Unknown):
        return found
    return ListValue(at=resource.at, items=tuple(_told(one, context) for one in found), origin="derived")


def _told(grant: Grant, context: Context) -> Value:
    """One grant as an item that rules can ask."""
    at, kind = grant.item.at, grant.identity.kind
    unsure = Unknown(at=at, why="which kind of principal it is is not known", origin="derived")
    fields: dict[str, Value] = {
        "kind": Scalar(at=at, value=kind, origin="derived", note=grant.identity.label) if kind else unsure,
        "names": named_by(grant.principal, context),
        "isLiteral": is_literal(grant.principal, grant.source.action is not None),
        "permissions": _list(at, grant.permissions, grant.doubt),
    }
    if grant.source.type.lower() not in GRANTS:
        fields["isForeign"] = _is_foreign(grant, context)
        fields["isDuplicate"] = _is_duplicate(grant, context)
    return MapValue(at=at, fields=fields, origin="derived")


def _list(at: Location, words: Mapping[str, Location], doubt: Unknown | None) -> ListValue:
    items: list[Value] = [Scalar(at=place, value=word, origin="derived") for word, place in words.items()]
    return ListValue(at=at, items=(*items, doubt) if doubt is not None else tuple(items), origin="derived")


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
    """Whether the same list has another policy for the same principal and application."""
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
    family = grant.identity.family
    apart = twins.families.get(family, 0) if family else 1
    if others or twins.count > apart:
        return Unknown(at=at, why="whether another policy is for the same principal is not known", origin="derived")
    return Scalar(at=at, value=False, origin="derived")


def _twins(context: Context) -> dict[str, _Twins]:
    found: dict[str, _Twins] = {}
    for type_ in (VAULTS, POLICIES):
        for resource in context.index.of_type(type_):
            grants = grants_of(resource, context) if resource.stays else ()
            place = _place(resource, context)
            for grant in () if isinstance(grants, Unknown) or not place else grants:
                twins = found.setdefault(place, _Twins())
                twins.by_key.setdefault(_key(grant), []).append(resource.conditions)
                twins.families[grant.identity.family] = twins.families.get(grant.identity.family, 0) + 1
                twins.count += 1
    return found


def _key(grant: Grant) -> str:
    return f"{grant.identity.key} {text_of(select(grant.item, ('applicationId',))).lower()}"


def _place(resource: Resource, context: Context) -> str:
    """The list that policies stand in. Of Azure's own separate resources one adds to what another has granted."""
    if resource.type.lower() == VAULTS:
        return resource.address
    vault = _vault_of(resource, context) if resource.declared_as.startswith("azurerm_") else None
    return f"separate {vault.address}" if vault is not None else ""


_POLICY_NEEDS: tuple[Path, ...] = (("parent",), ("name",), POLICY_LIST)
NEEDS: Mapping[str, tuple[Path, ...]] = {
    **ROLE_NEEDS,
    **{type_: (*ROLE_NEEDS[type_], _PRINCIPAL, _PRINCIPAL_TYPE) for type_ in GRANTS},
    VAULTS: (POLICY_LIST, _TENANT),
    POLICIES: _POLICY_NEEDS,
    CLIENTS: (("objectId",), ("clientId",)),
}

ATTRIBUTES: Mapping[str, Derived] = {"grants": Derived(_grants, NEEDS)}
