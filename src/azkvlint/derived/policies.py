"""A vault's own access policies, told apart from those that separate resources give it or take from it.

Azure keeps one list. A plan of a vault that exists therefore shows in its ``access_policy`` also what separate
``azurerm_key_vault_access_policy`` resources made: their author edits them there, not in the vault.
"""

from __future__ import annotations

import msgspec

from azkvlint.derived.registry import known, unknown
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Scalar, Unknown, Value, select, text_of

_VAULTS = "microsoft.keyvault/vaults"
_POLICIES = "microsoft.keyvault/vaults/accesspolicies"
_LIST = ("properties", "accessPolicies")

# Such a resource is named after what it does. Source: the REST reference of Microsoft.KeyVault/vaults/accessPolicies.
_CHANGES = ("add", "replace", "remove")
_KINDS = ("secrets", "keys", "certificates", "storage")


def change_of(policy: Resource) -> Value | None:
    """What a separate resource does with its policies: ``add``, ``replace`` or ``remove`` them.

    None where its name says nothing of the kind: azurerm's have none, and are added.
    """
    name = policy.select(("name",))
    if isinstance(name, Scalar):
        word = str(name.value).lower()
        return known(policy, word) if word in _CHANGES else None
    if isinstance(name, Unknown):
        why = "its name, which says whether it adds or removes access policies, is not known"
        return unknown(policy, why)
    return None


def repeats_vault(policy: Resource, vault: Resource | None) -> Value | None:
    """Return whether a separate resource only repeats policies that the vault's own list has, so that both agree.

    None for azurerm's, which refuses a policy that exists. ``replace`` agrees only with the whole list.
    """
    change = change_of(policy)
    if vault is None or change is None:
        return None
    inline, separate = vault.select(_LIST), policy.select(_LIST)
    at = policy.at
    if isinstance(change, Unknown):
        return change
    if isinstance(change, Scalar) and change.value == "remove":
        return known(at, False)
    if text_of(inline) and text_of(inline) == text_of(separate):
        return known(at, True)
    if not isinstance(inline, ListValue) or not isinstance(separate, ListValue):
        return unknown(at, "whether the vault has the same access policies is not known")
    answers = [_is_among(item, inline.items) for item in separate.items]
    if isinstance(change, Scalar) and change.value == "replace":
        answers += [_is_among(item, separate.items) for item in inline.items]
    if False in answers:
        return known(at, False)
    if None in answers:
        return unknown(at, "whether the vault has the same access policies is not known")
    return known(at, True)


def _is_among(policy: Value, others: tuple[Value, ...]) -> bool | None:
    """Whether one of some policies is for the same principal and grants as much; None if that is not known."""
    answers = [_grants_as_much(policy, other) for other in others]
    return True if True in answers else None if None in answers else False


def _grants_as_much(policy: Value, other: Value) -> bool | None:
    for name in ("tenantId", "objectId", "applicationId"):
        one, two = select(policy, (name,)), select(other, (name,))
        if text_of(one).lower() != text_of(two).lower():
            return None if isinstance(one, Unknown) or isinstance(two, Unknown) else False
        if isinstance(one, Unknown) and not text_of(one):
            return None
    doubtful = False
    for kind in _KINDS:
        own, its = (_words(select(each, ("permissions", kind))) for each in (policy, other))
        if own is None or its is None:
            doubtful = True
        elif not own <= its and "all" not in its:
            return False
    return None if doubtful else True


def _words(answer: Answer) -> frozenset[str] | None:
    """The permissions in a list, in lower case or as patterns; None if one is not known."""
    if isinstance(answer, Absent):
        return frozenset()
    items = answer.items if isinstance(answer, ListValue) else (answer,)
    texts = frozenset(text_of(item).lower() for item in items)
    return None if "" in texts else texts


def with_own_policies(index: Index) -> None:
    """Leave each existing vault only the policies that no separate resource of the input makes."""
    for address, identities in _separate(index).items():
        index.put(_without(index.resources[address], identities))


def _separate(index: Index) -> dict[str, set[tuple[str, str]]]:
    """By vault, the identities that separate resources give a policy to."""
    found: dict[str, set[tuple[str, str]]] = {}
    for policy in index.of_type(_POLICIES):
        above = policy.select(("parent",))
        reference = None if isinstance(above, Absent) else reference_of(policy.address, "parent", above, index)
        for target in (*reference.targets, *reference.candidates) if reference is not None else ():
            vault = index.resources[target]
            if vault.type.lower() == _VAULTS and vault.action not in (None, "create", "replace"):
                items = policy.select(_LIST)
                for item in items.items if isinstance(items, ListValue) else ():
                    if _identity(item)[0]:
                        found.setdefault(target, set()).add(_identity(item))
    return found


def _identity(policy: Value) -> tuple[str, str]:
    answers = (select(policy, ("objectId",)), select(policy, ("applicationId",)))
    first, second = (str(answer.value).lower() if isinstance(answer, Scalar) else "" for answer in answers)
    return first, second


def _without(vault: Resource, separate: set[tuple[str, str]]) -> Resource:
    properties, policies = vault.select(("properties",)), vault.select(_LIST)
    if not isinstance(properties, MapValue) or not isinstance(policies, ListValue):
        return vault
    own = tuple(policy for policy in policies.items if _identity(policy) not in separate)
    kept = msgspec.structs.replace(policies, items=own)
    inner = msgspec.structs.replace(properties, fields={**properties.fields, "accessPolicies": kept})
    attributes = msgspec.structs.replace(vault.attributes, fields={**vault.attributes.fields, "properties": inner})
    return msgspec.structs.replace(vault, attributes=attributes, shared_attributes=None)
