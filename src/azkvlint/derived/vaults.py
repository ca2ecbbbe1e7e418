"""What a vault amounts to: who reaches it, which permission model it has, whose access policies count."""

from __future__ import annotations

import msgspec

from azkvlint.derived.exposure import exposure, in_perimeter, public_access
from azkvlint.derived.network_perimeters import PERIMETER_NEEDS, perimeters_of
from azkvlint.derived.policies import change_of, repeats_vault
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
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Origin, Path, Scalar, Value

VAULTS = "microsoft.keyvault/vaults"
MANAGED_HSMS = "microsoft.keyvault/managedhsms"
POLICIES = "microsoft.keyvault/vaults/accesspolicies"

RBAC: Path = ("properties", "enableRbacAuthorization")
_RBAC_TEXT = ".".join(map(str, RBAC))
POLICY_LIST: Path = ("properties", "accessPolicies")
_GATES: tuple[Path, ...] = (("properties", "publicNetworkAccess"), ("properties", "networkAcls"), ("apiVersion",))


@derived(
    "exposure",
    of=(VAULTS, MANAGED_HSMS),
    label="network exposure",
    reads={VAULTS: _GATES, MANAGED_HSMS: _GATES, **PERIMETER_NEEDS},
)
def _exposure(resource: Resource, context: Context) -> Answer:
    perimeters = perimeters_of(resource, context)
    return exposure(resource, perimeters.enforced, lambda: perimeters.lets_in(context))


@derived(
    "publicAccess",
    of=(VAULTS, MANAGED_HSMS),
    label="public network access",
    reads={VAULTS: _GATES[:1], MANAGED_HSMS: _GATES[:1], **PERIMETER_NEEDS},
)
def _public_access(resource: Resource, context: Context) -> Answer:
    return public_access(resource, perimeters_of(resource, context).enforced)


@derived(
    "inPerimeter",
    of=(VAULTS, MANAGED_HSMS),
    label="network security perimeter",
    reads={VAULTS: _GATES[:1], MANAGED_HSMS: _GATES[:1], **PERIMETER_NEEDS},
)
def _in_perimeter(resource: Resource, context: Context) -> Answer:
    return in_perimeter(resource, perimeters_of(resource, context).enforced)


@derived(
    "accessModel", of=(VAULTS, POLICIES), label="permission model", reads={VAULTS: (RBAC,), POLICIES: (("parent",),)}
)
def _access_model(resource: Resource, context: Context) -> Answer:
    if resource.type.lower() == VAULTS:
        return model_of(resource.select(RBAC))
    above = resource.select(("parent",))
    # A module may leave the vault of a policy to its caller, and then its variable defaults to null.
    reference = None if isinstance(above, Absent) else reference_of(resource.address, "parent", above, context.index)
    if reference is None:
        return unknown(resource, "no vault is set")
    vaults = [resource.view(context.index.resources[a]) for a in reference.targets + reference.candidates]
    models = [model_of(vault.select(RBAC)) for vault in vaults]
    certain = {model.value for model in models if isinstance(model, Scalar)}
    if models and not reference.anything and len(certain) == 1 and all(isinstance(m, Scalar) for m in models):
        # It is told where the policy stands: that is what is to be edited.
        return msgspec.structs.replace(models[0], at=msgspec.structs.replace(resource.at, attribute=_RBAC_TEXT))
    return unknown(resource, "the permission model of its vault is not known")


@derived(
    "ignoresPolicies",
    of=(VAULTS, POLICIES),
    label="permission model",
    reads={VAULTS: (RBAC,), POLICIES: (("parent",),)},
)
def _ignores_policies(resource: Resource, context: Context) -> Answer:
    """Whether it is known that the vault's permission model ignores access policies.

    Where the model is unknown they are either in effect or dead, so a rule on what they grant reports them either way.
    """
    model = _access_model(resource, context)
    if not isinstance(model, Scalar) or model.value != "rbac":
        return absent(resource)
    return known(model, True, model.note)


@derived(
    "inlinePolicies",
    of=VAULTS,
    label="inline access policies",
    reads={VAULTS: (POLICY_LIST,), POLICIES: (("parent",), POLICY_LIST)},
)
def _inline_policies(resource: Resource, _: Context) -> Answer:
    """The access policies that the author of a vault writes in it."""
    policies = resource.select(POLICY_LIST)
    if isinstance(policies, Absent):
        return absent(resource)
    if isinstance(policies, ListValue) and policies.items and policies.origin == Origin.KEPT:
        why = "the vault has access policies that its author does not write there"
        return unknown(resource, why)
    return policies


@derived("policyChange", of=POLICIES, label="change to access policies", reads={POLICIES: (("name",),)})
def _policy_change(resource: Resource, _: Context) -> Answer:
    return or_absent(change_of(resource), resource)


@derived(
    "repeatsVault",
    of=POLICIES,
    label="repetition of inline access policies",
    reads={VAULTS: (POLICY_LIST,), POLICIES: (("name",), ("parent",), POLICY_LIST)},
)
def _repeats_vault(resource: Resource, context: Context) -> Answer:
    return or_absent(repeats_vault(resource, one_target(resource, "parent", context)), resource)


def model_of(answer: Answer) -> Value:
    """The permission model that ``enableRbacAuthorization`` amounts to."""
    if isinstance(answer, Scalar):
        word = "rbac" if answer.value is True else "access-policies"
        at = msgspec.structs.replace(answer.at, attribute=_RBAC_TEXT)
        return known(at, word, answer.note)
    return unknown_as(answer, "nothing says which permission model the vault has")


also_reads("properties.accessPolicies", {POLICIES: (("parent",), POLICY_LIST)})
