"""Vaults: their permission model, and the access policies that are in effect."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.arguments import state_value
from azkvlint.derived.access_policies import POLICIES, POLICY_LIST, VAULTS, change_of, repeats_vault
from azkvlint.derived.answers import absent, at_attribute, known, or_absent, unknown, unknown_as
from azkvlint.derived.registry import Context, also_reads, derived
from azkvlint.graph.references import parent_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import MAY_BE_ABSENT, Absent, Answer, ListValue, Origin, Path, Scalar, Unknown, Value

MANAGED_HSMS = "microsoft.keyvault/managedhsms"

RBAC: Path = ("properties", "enableRbacAuthorization")
_RBAC_TEXT = ".".join(map(str, RBAC))
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
    # Of several data sources for one vault, only the ID of the policy names the one that it refers to.
    answers = (above, *models) if context.index.is_looked_up_twice(above.text) else (*models, above)
    doubts = [one for one in answers if isinstance(one, Unknown) and not one.sensitive]
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
    at = at_attribute(policies, POLICY_LIST)
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
    return or_absent(repeats_vault(resource, context.target_of(resource, "parent")), resource)


def model_of(vault: Resource) -> Value:
    """Return the permission model of a vault."""
    answer = vault.select(RBAC)
    if isinstance(answer, Scalar):
        word = BY_ROLES if answer.value is True else BY_POLICIES
        at = msgspec.structs.replace(answer.at, attribute=_RBAC_TEXT)
        return known(at, word, state_value(vault.declared_as, RBAC, answer))
    return unknown_as(answer, "the permission model is not set")


also_reads("properties.accessPolicies", {POLICIES: (("parent",), POLICY_LIST)})
