"""Whether Microsoft grants access to the key of a service."""

from __future__ import annotations

from azkvlint.derived import consumers
from azkvlint.derived.answers import known, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Unknown

# The system-assigned identity of a Machine Learning workspace gets its role assignments on the associated resources of
# the workspace from Microsoft; those of a user-assigned identity are the customer's. Source:
# learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication, workspace identity types.


_WORKSPACES = "microsoft.machinelearningservices/workspaces"
_IDENTITY_TYPE: Path = ("identity", "type")
_ASSOCIATED: Path = ("properties", "keyVault")
_IDENTITY_FOR_KEY: Path = ("properties", "encryption", "identity", "userAssignedIdentity")
_SYSTEM_ASSIGNED = "systemassigned"


@derived(
    "microsoftGrantsAccess",
    of=_WORKSPACES,
    label="access granted by Microsoft",
    reads=lambda: {
        **consumers.graph_needs(),
        _WORKSPACES: (*consumers.graph_needs()[_WORKSPACES], _IDENTITY_TYPE, _ASSOCIATED, _IDENTITY_FOR_KEY),
    },
)
def _microsoft_grants_access(resource: Resource, context: Context) -> Answer:
    """Return whether Microsoft grants the identity of a workspace access to the vault of its key."""
    identity, other = resource.select(_IDENTITY_TYPE), resource.select(_IDENTITY_FOR_KEY)
    for one in (identity, other):
        if isinstance(one, Unknown):
            return unknown(resource, one.why)
    if not isinstance(other, Absent) or (identity.text or _SYSTEM_ASSIGNED).lower() != _SYSTEM_ASSIGNED:
        return known(resource, False)
    associated = resource.select(_ASSOCIATED)
    own = reference_of("", "", associated, context.index)
    found = [reference_of("", "", value, context.index) for value in consumers.vaults_of(resource, context)]
    of_key = [reference for reference in found if reference is not None]
    if own is None or not of_key:
        return known(resource, False)
    if own.anything or own.candidates or any(one.anything or one.candidates for one in of_key):
        return unknown(resource, "the vault of the workspace, or of its key, is not known")
    return known(resource, all(one.targets == own.targets for one in of_key))
