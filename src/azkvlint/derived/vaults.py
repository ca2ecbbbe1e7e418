"""Vaults: their permission model, and the access policies that are in effect."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.arguments import as_code, state_value
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.derived.registry import (
    Context,
    absent,
    also_reads,
    derived,
    known,
    one_target,
    or_absent,
    unknown,
    unknown_as,
)
from azkvlint.graph.changes import BY_UPDATE
from azkvlint.graph.references import Index, parent_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    MAY_BE_ABSENT,
    Absent,
    Answer,
    ListValue,
    MapValue,
    Origin,
    Path,
    Scalar,
    Unknown,
    Value,
    path_text,
)

VAULTS = "microsoft.keyvault/vaults"
MANAGED_HSMS = "microsoft.keyvault/managedhsms"
POLICIES = "microsoft.keyvault/vaults/accesspolicies"

RBAC: Path = ("properties", "enableRbacAuthorization")
_RBAC_TEXT = ".".join(map(str, RBAC))
POLICY_LIST: Path = ("properties", "accessPolicies")
# The maximum number of access policies of a vault.
_MOST_POLICIES = 1_024
# The permission models.
BY_ROLES, BY_POLICIES = "Azure RBAC", "access policies"


@derived(
    "accessModel", of=(VAULTS, POLICIES), label="permission model", reads={VAULTS: (RBAC,), POLICIES: (("parent",),)}
)
def _access_model(resource: Resource, context: Context) -> Answer:
    if resource.type.lower() == VAULTS:
        return model_of(resource)
    above = resource.select(("parent",))
    # A module may let its caller set the vault of a policy, with a variable that defaults to null.
    reference = parent_of(resource, context.index)
    if reference is None:
        return unknown(resource, f"`{resource.address}` names no vault, because the ID has no value")
    vaults = [resource.view(context.index.resources[a]) for a in reference.targets + reference.candidates]
    models = [model_of(vault) for vault in vaults]
    certain = {model.value for model in models if isinstance(model, Scalar)}
    if models and not reference.anything and len(certain) == 1 and all(isinstance(m, Scalar) for m in models):
        # The finding is reported at the policy, which is the resource to edit.
        return msgspec.structs.replace(models[0], at=msgspec.structs.replace(resource.at, attribute=_RBAC_TEXT))
    if len(certain) > 1:
        return unknown(resource, "vaults with different permission models may be the one of the policy")
    doubts = [one for one in (*models, above) if isinstance(one, Unknown) and not one.sensitive]
    return unknown(resource, doubts[0].why if doubts else f"the vault `{above.display()}` is not in the scanned files")


@derived(
    "ignoresPolicies",
    of=(VAULTS, POLICIES),
    label="permission model",
    reads={VAULTS: (RBAC,), POLICIES: (("parent",),)},
)
def _ignores_policies(resource: Resource, context: Context) -> Answer:
    """Return whether the vault's permission model is known to ignore access policies.

    If the model is unknown, access policies may be in effect, so rules on the access that they grant report them.
    """
    model = _access_model(resource, context)
    if not isinstance(model, Scalar) or model.value != BY_ROLES:
        return absent(resource)
    return known(model, True, model.note)


@derived(
    "inlinePolicies",
    of=VAULTS,
    label="inline access policy",
    reads={VAULTS: (POLICY_LIST,), POLICIES: (("parent",), POLICY_LIST)},
)
def _inline_policies(resource: Resource, _: Context) -> Answer:
    """Return the access policies that are written in the vault itself."""
    policies = resource.select(POLICY_LIST)
    if isinstance(policies, Absent):
        return absent(resource)
    if isinstance(policies, ListValue) and policies.items and policies.origin == Origin.KEPT:
        why = "the access policies of the existing vault are not set in the configuration"
        return unknown(resource, why)
    return policies


@derived("policyCount", of=(VAULTS, POLICIES), label="number of access policies", reads=(POLICY_LIST,))
def _policy_count(resource: Resource, _: Context) -> Answer:
    policies = resource.select(POLICY_LIST)
    if not isinstance(policies, ListValue):
        return policies if isinstance(policies, Unknown) else absent(resource)
    certain = sum(item.note != MAY_BE_ABSENT for item in policies.items)
    note = f"more than {_MOST_POLICIES:,} policies"
    at = msgspec.structs.replace(policies.at, attribute=path_text(POLICY_LIST))
    if certain == len(policies.items) or certain > _MOST_POLICIES:
        return known(at, certain, note if certain > _MOST_POLICIES else "")
    doubt = next((item.why for item in policies.items if isinstance(item, Unknown) and not item.sensitive), "")
    return unknown(policies, doubt or f"only {certain} of {len(policies.items)} access policies certainly exist")


@derived("policyChange", of=POLICIES, label="operation on access policies", reads=(("name",),))
def _policy_change(resource: Resource, _: Context) -> Answer:
    return or_absent(change_of(resource), resource)


@derived(
    "repeatsVault",
    of=POLICIES,
    label="match with the inline access policies",
    reads={VAULTS: (POLICY_LIST,), POLICIES: (("name",), ("parent",), POLICY_LIST)},
)
def _repeats_vault(resource: Resource, context: Context) -> Answer:
    return or_absent(repeats_vault(resource, one_target(resource, "parent", context)), resource)


def model_of(vault: Resource) -> Value:
    """Return the permission model of a vault."""
    answer = vault.select(RBAC)
    if isinstance(answer, Scalar):
        word = BY_ROLES if answer.value is True else BY_POLICIES
        at = msgspec.structs.replace(answer.at, attribute=_RBAC_TEXT)
        return known(at, word, state_value(vault.declared_as, RBAC, answer))
    return unknown_as(answer, "the permission model is not set")


also_reads("properties.accessPolicies", {POLICIES: (("parent",), POLICY_LIST)})


# --- The access policies of a vault itself, and those that separate resources add or remove ---------------------------
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


# --- Vaults that Azure recovers with their previous properties ------------------------------------------------------
# ``createMode`` "recover" recovers a deleted vault, and Azure ignores all other properties: neither a default nor a
# missing property may decide a check, and the vault is not checked. If it is not known whether that is the mode, all
# other properties are unknown as well. Source: the REST reference of Microsoft.KeyVault/vaults, and every built-in
# Azure policy skips such a vault.


_RECOVERABLE = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_PROPERTIES = "properties"
_MODE = "createMode"


def with_recovered_vaults(index: Index) -> None:
    """Replace each recovered vault and managed HSM with an existing one whose properties are unknown.

    A vault that is possibly recovered is still checked, with unknown properties.
    """
    for vault in (vault for type_ in _RECOVERABLE for vault in index.of_type(type_)):
        mode = vault.select((_PROPERTIES, _MODE))
        if isinstance(mode, Scalar) and str(mode.value).lower() == "recover":
            index.replace(_recovered(vault, mode, "the properties of a recovered vault are not known"))
        elif isinstance(mode, Unknown) and _is_written(vault):
            index.replace(
                _recovered(vault, mode, f"the vault may be recovered with its previous properties: {mode.why}")
            )


def _is_written(vault: Resource) -> bool:
    """Return whether the mode is literally written in an input that creates the vault."""
    properties = vault.attributes.fields.get(_PROPERTIES)
    return not vault.existing and isinstance(properties, MapValue) and _MODE in properties.fields


def _recovered(vault: Resource, mode: Scalar | Unknown, why: str) -> Resource:
    rest = Unknown(at=vault.at, why=why)
    properties = MapValue(at=vault.at, fields={_MODE: mode}, rest=rest)
    fields = {**vault.attributes.fields, _PROPERTIES: properties}
    attributes = msgspec.structs.replace(vault.attributes, fields=fields)
    return msgspec.structs.replace(
        vault, attributes=attributes, existing=vault.existing or isinstance(mode, Scalar), shared_attributes=None
    )


@derived("recovers", of=_RECOVERABLE, label="recovery of a deleted vault", reads=((_PROPERTIES, _MODE),))
def _recovers(resource: Resource, _: Context) -> Answer:
    """Return whether a vault is recovered; false for a vault that is only looked up."""
    mode = resource.select((_PROPERTIES, _MODE))
    if isinstance(mode, Unknown):
        return known(resource, False) if resource.existing else mode
    word = str(mode.value).lower() if isinstance(mode, Scalar) else "default"
    return known(mode, word == "recover", f"`createMode` is `{word}`")


# --- Purge protection as written: Azure rejects false, though that is the default ------------------------------------


_PURGE_PROTECTION = ("properties", "enablePurgeProtection")


@derived("writtenPurgeProtection", of=VAULTS, label="purge protection in the configuration", reads=(_PURGE_PROTECTION,))
def _written_purge_protection(resource: Resource, _: Context) -> Answer:
    """Return purge protection as a template or an azapi body writes it.

    Azure rejects false there, though false is the default; azurerm never sends it.
    """
    properties = resource.select(_PURGE_PROTECTION[:1])
    # Azure keeps a value that is not written, and then a plan does not contain it.
    found = properties.fields.get(_PURGE_PROTECTION[1]) if isinstance(properties, MapValue) else properties
    is_azurerms = resource.declared_as in RESOURCES and (found is None or found.note != BY_UPDATE)
    if found is None or is_azurerms or found.origin in (Origin.DEFAULT, Origin.KEPT):
        return absent(resource)
    if isinstance(found, Scalar | Unknown):
        note = f"`{path_text(_PURGE_PROTECTION)}` is {as_code(found.display())}"
        return msgspec.structs.replace(found, origin=Origin.DERIVED, note=note)
    return absent(resource)
