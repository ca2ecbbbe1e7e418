"""Who may do what with the content of a vault: access policies and roles in the words of access policies.

A permission is a kind and a word, such as ``secrets/get``. Sources: the REST reference of Microsoft.KeyVault/vaults
(permissions), learn.microsoft.com/azure/key-vault/general/rbac-migration (which role replaces which permissions).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from azkvlint.azure.operations import ASSIGNS, DATA
from azkvlint.derived.assignments import GRANTS, ROLE_NEEDS, operations, role_name
from azkvlint.derived.identities import APPLICATIONS, CLIENTS, USERS, Identity, identity_of
from azkvlint.derived.operations import operations_of_built_in
from azkvlint.derived.policies import change_of
from azkvlint.derived.registry import Context, derived, known, known_list, known_object, unknown
from azkvlint.derived.vaults import POLICIES, POLICY_LIST, VAULTS
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, select

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
_LIST = ".".join(map(str, POLICY_LIST))
_GUEST = "guest"
_PRINCIPAL: Path = ("properties", "principalId")
_PRINCIPAL_TYPE: Path = ("properties", "principalType")


class Grant(msgspec.Struct, frozen=True):
    """What one policy or assignment gives: permissions by what says them. ``doubt``: why perhaps more.

    ``role`` is the lower-case name of a role that is built in; ``assigns``: it may assign roles.
    """

    identity: Identity
    source: Resource
    item: Value
    principal: Answer
    permissions: Mapping[str, Value]
    doubt: Unknown | None
    role: str = ""
    assigns: bool = False


def grants_of(resource: Resource, context: Context) -> tuple[Grant, ...] | Unknown:
    """All that one resource grants; Unknown if not even how many is known. Made once for a graph."""
    kept: dict[str, tuple[Grant, ...] | Unknown] = context.cache.setdefault("grants", {})
    found = kept.get(resource.address)
    if found is None:
        if resource.type.lower() in GRANTS:
            found = (_of_role(resource, context),)
        else:
            policies = own_policies(resource)
            found = policies if isinstance(policies, Unknown) else tuple(
                _of_policy(resource, number, one, context) for number, one in enumerate(policies)
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


def _of_policy(resource: Resource, number: int, policy: Value, context: Context) -> Grant:
    words: dict[str, Value] = {}
    doubt: Unknown | None = None
    for kind, every in _ALL.items():
        answer = select(policy, ("permissions", kind))
        for i, item in enumerate(answer.items if isinstance(answer, ListValue) else (answer,)):
            if isinstance(item, Scalar):
                word = str(item.value).lower()
                said = _told_as(item, f"{_LIST}[{number}].permissions.{kind}[{i}]", context)
                for one in (word, *(every.split() if word == "all" else ())):
                    words.setdefault(f"{kind}/{one}", said)
            elif isinstance(item, Unknown):
                doubt = item
    principal = select(policy, ("objectId",))
    if not isinstance(principal, Absent):
        principal = _told_as(principal, f"{_LIST}[{number}].objectId", context)
    identity = identity_of(principal, Absent(at=policy.at), context)
    return Grant(identity, resource, policy, principal, words, doubt)


def _told_as(value: Value, attribute: str, context: Context) -> Value:
    """A value that is told by the path that its author writes, not by that of the grant that is made of it."""
    kept: dict[tuple[int, str], Location] = context.cache.setdefault("places", {})
    key = (id(value.at), attribute)
    if key not in kept:
        kept[key] = msgspec.structs.replace(value.at, attribute=attribute)
    return msgspec.structs.replace(value, at=kept[key])


def _of_role(resource: Resource, context: Context) -> Grant:
    principal = resource.select(_PRINCIPAL)
    identity = identity_of(principal, resource.select(_PRINCIPAL_TYPE), context)
    name = role_name(resource, context)
    role = str(name.value).lower() if isinstance(name, Scalar) else ""
    allowed = operations_of_built_in(role)
    if allowed is not None and isinstance(name, Scalar):
        words = dict.fromkeys(_words_of_built_in(role), name)
        return Grant(identity, resource, resource.attributes, principal, words, None, role, ASSIGNS in allowed)
    found = operations(resource, context)
    items = found.items if isinstance(found, ListValue) else () if isinstance(found, Absent) else (found,)
    certain = {str(one.value): one for one in items if isinstance(one, Scalar)}
    words = {DATA[one]: said for one, said in certain.items() if one in DATA}
    doubt = next((one for one in items if isinstance(one, Unknown)), None)
    return Grant(identity, resource, resource.attributes, principal, words, doubt, assigns=ASSIGNS in certain)


@cache
def _words_of_built_in(name: str) -> tuple[str, ...]:
    return tuple(DATA[one] for one in operations_of_built_in(name) or () if one in DATA)


NEEDS: Mapping[str, tuple[Path, ...]] = {
    **ROLE_NEEDS,
    **{type_: (*ROLE_NEEDS[type_], _PRINCIPAL, _PRINCIPAL_TYPE) for type_ in GRANTS},
    VAULTS: (POLICY_LIST,),
    POLICIES: (("parent",), ("name",), POLICY_LIST),
    CLIENTS: (("objectId",), ("clientId",)),
    **{type_: (path,) for type_, path in APPLICATIONS.items()},
    USERS: (("properties", "userPrincipalName"),),
}


@derived("grants", of=(VAULTS, POLICIES, *GRANTS), label="granted permissions", reads=NEEDS)
def _grants(resource: Resource, context: Context) -> Answer:
    """What a vault's own policies, a separate one, or a role assignment grants, one item for each."""
    found = grants_of(resource, context)
    if isinstance(found, Unknown):
        return found
    return known_list(resource, (_told(one, context) for one in found))


def _told(grant: Grant, context: Context) -> Value:
    """One grant as an item that rules can ask."""
    at, kind = grant.item.at, grant.identity.kind
    unsure = unknown(at, "the kind of its principal is not known")
    fields: dict[str, Value] = {
        "kind": known(at, kind, grant.identity.label) if kind else unsure,
        "isGuest": unsure,
        "permissions": permissions_of(grant, context),
    }
    if kind and not grant.identity.perhaps_guest:
        fields["isGuest"] = known(at, kind == _GUEST, grant.identity.label)
    return known_object(at, fields)


def permissions_of(grant: Grant, context: Context) -> ListValue:
    """The permissions of a grant as a value. In a plan, where all stands in one place, thousands have the same."""
    kept: dict[object, ListValue] = context.cache.setdefault("permissions", {})
    words = grant.permissions
    is_plain = grant.doubt is None and not any(said.sensitive for said in words.values())
    key = (id(grant.item.at), *((word, id(said.at)) for word, said in words.items()))
    found = kept.get(key) if is_plain else None
    if found is None:
        items: tuple[Value, ...] = tuple(known(said, word, sensitive=said.sensitive) for word, said in words.items())
        found = known_list(grant.item, items if grant.doubt is None else (*items, grant.doubt))  # fmt: skip
        if is_plain:
            kept[key] = found
    return found
