"""The access policies of a vault itself, and those that separate resources add or remove."""

from __future__ import annotations

import msgspec

from azkvlint.derived.answers import known, unknown
from azkvlint.graph.references import Index, parent_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, MapValue, Path, Scalar, Unknown, Value

VAULTS = "microsoft.keyvault/vaults"
POLICIES = "microsoft.keyvault/vaults/accesspolicies"
POLICY_LIST: Path = ("properties", "accessPolicies")


# Azure keeps one list. A plan of an existing vault therefore shows in its ``access_policy`` also the policies of
# separate ``azurerm_key_vault_access_policy`` resources, which are edited there, not in the vault.


# The name of such a resource is its operation. Source: the REST reference of Microsoft.KeyVault/vaults/accessPolicies.
_CHANGES = ("add", "replace", "remove")
_KINDS = ("secrets", "keys", "certificates", "storage")


def change_of(policy: Resource) -> Value | None:
    """Return the operation of a separate access policy resource: ``add``, ``replace`` or ``remove``.

    None if its name is not an operation: the names of azurerm's resources never are, and their policies are added.
    """
    name = policy.select(("name",))
    if isinstance(name, Scalar):
        word = str(name.value).lower()
        return known(policy, word) if word in _CHANGES else None
    if isinstance(name, Unknown):
        return unknown(policy, name.why)
    return None


def repeats_vault(policy: Resource, vault: Resource | None) -> Value | None:
    """Return whether a separate resource only repeats policies of the vault's own list, so that both agree.

    None for azurerm's, which rejects an existing policy. ``replace`` agrees only with the whole list.
    """
    change = change_of(policy)
    if vault is None or change is None:
        return None
    inline, separate = vault.select(POLICY_LIST), policy.select(POLICY_LIST)
    at = policy.at
    if isinstance(change, Unknown):
        return change
    if isinstance(change, Scalar) and change.value == "remove":
        return known(at, False)
    if inline.text and inline.text == separate.text:
        return known(at, True)
    if not isinstance(inline, ListValue) or not isinstance(separate, ListValue):
        return unknown(at, f"`{vault.address}` may have the same access policies")
    answers = [_is_among(item, inline.items) for item in separate.items]
    if isinstance(change, Scalar) and change.value == "replace":
        answers += [_is_among(item, separate.items) for item in inline.items]
    if False in answers:
        return known(at, False)
    if None in answers:
        return unknown(at, f"`{vault.address}` may have the same access policies")
    return known(at, True)


def _is_among(policy: Value, others: tuple[Value, ...]) -> bool | None:
    """Return whether one of some policies is for the same principal and grants as much; None if that is not known."""
    answers = [_grants_as_much(policy, other) for other in others]
    return True if True in answers else None if None in answers else False


def _grants_as_much(policy: Value, other: Value) -> bool | None:
    for name in ("tenantId", "objectId", "applicationId"):
        one, two = policy.select((name,)), other.select((name,))
        if one.text.lower() != two.text.lower():
            return None if isinstance(one, Unknown) or isinstance(two, Unknown) else False
        if isinstance(one, Unknown) and not one.text:
            return None
    doubtful = False
    for kind in _KINDS:
        own, its = (_words(each.select(("permissions", kind))) for each in (policy, other))
        if own is None or its is None:
            doubtful = True
        elif not own <= its and "all" not in its:
            return False
    return None if doubtful else True


def _words(answer: Answer) -> frozenset[str] | None:
    """Return the permissions in a list, in lower case or as patterns; None if one is not known."""
    texts = frozenset(item.text.lower() for item in answer.as_items)
    return None if "" in texts else texts


def with_own_policies(index: Index) -> None:
    """Remove from each existing vault the policies that separate resources of the input create."""
    for address, identities in _separate(index).items():
        index.replace(_without(index.resources[address], identities))


def _separate(index: Index) -> dict[str, set[tuple[str, str]]]:
    """Return the identities of the policies of separate resources, by vault."""
    found: dict[str, set[tuple[str, str]]] = {}
    for policy in index.of_type(POLICIES):
        reference = parent_of(policy, index)
        for target in (*reference.targets, *reference.candidates) if reference is not None else ():
            vault = index.resources[target]
            if vault.type.lower() == VAULTS and vault.action not in (None, "create", "replace"):
                items = policy.select(POLICY_LIST)
                for item in items.items if isinstance(items, ListValue) else ():
                    if _identity(item)[0]:
                        found.setdefault(target, set()).add(_identity(item))
    return found


def _identity(policy: Value) -> tuple[str, str]:
    answers = (policy.select(("objectId",)), policy.select(("applicationId",)))
    first, second = (str(answer.value).lower() if isinstance(answer, Scalar) else "" for answer in answers)
    return first, second


def _without(vault: Resource, separate: set[tuple[str, str]]) -> Resource:
    properties, policies = vault.select(("properties",)), vault.select(POLICY_LIST)
    if not isinstance(properties, MapValue) or not isinstance(policies, ListValue):
        return vault
    own = tuple(policy for policy in policies.items if _identity(policy) not in separate)
    kept = msgspec.structs.replace(policies, items=own)
    inner = msgspec.structs.replace(properties, fields={**properties.fields, "accessPolicies": kept})
    attributes = msgspec.structs.replace(vault.attributes, fields={**vault.attributes.fields, "properties": inner})
    return msgspec.structs.replace(vault, attributes=attributes, shared_attributes=None)
