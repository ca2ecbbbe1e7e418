"""Actions that let a principal act as the identity of a workload, and what the local roles of a managed HSM allow.

Sources: learn.microsoft.com/azure/role-based-access-control/permissions (the actions of each service),
.../built-in-roles/identity, .../compute, .../web-and-mobile and .../containers (the roles), and
learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles.
"""

from __future__ import annotations

from collections.abc import Mapping

# The actions that run code on a workload, any of which is sufficient, by its type in lower case. The code can request
# tokens of every identity that is assigned to the workload.
_MACHINE = ("write", "runCommand/action", "runCommands/write", "extensions/write")
_SITE = ("write", "publish/action", "config/write", "extensions/write")
WORKLOADS: Mapping[str, tuple[str, ...]] = {
    type_.lower(): tuple(f"{type_}/{action}" for action in actions)
    for type_, actions in {
        "Microsoft.Compute/virtualMachines": _MACHINE,
        "Microsoft.Compute/virtualMachineScaleSets": (
            *_MACHINE,
            "virtualMachines/runCommand/action",
            "virtualMachines/extensions/write",
        ),
        "Microsoft.Web/sites": _SITE,
        "Microsoft.Web/sites/slots": _SITE,
        "Microsoft.App/containerApps": ("write",),
        "Microsoft.App/jobs": ("write",),
        "Microsoft.ContainerInstance/containerGroups": ("write", "containers/exec/action"),
    }.items()
}
IDENTITIES = "microsoft.managedidentity/userassignedidentities"
# A federated identity credential lets its subject request tokens of the identity.
FEDERATES = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"
# Assigns the identity to a workload, which also requires write access to that workload.
ATTACHES = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
DEPLOYS = "Microsoft.Resources/deployments/write"

# The actions above of built-in roles; the table of built-in roles lists actions on key vaults only.
_OF_ROLES: Mapping[str, tuple[str, ...]] = {
    "f25e0fa2-a7c8-4377-a976-54943a77a395": (DEPLOYS,),
    "9980e02c-c2be-4d73-94e8-173b1dc7cf3c": (
        "Microsoft.Compute/virtualMachines/*",
        "Microsoft.Compute/virtualMachineScaleSets/*",
    ),
    "de139f84-1756-47ae-9be6-808fbbe84772": ("Microsoft.Web/sites/*",),
    "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59": (FEDERATES,),
    "7e559ce2-48d7-4b27-9128-fa1b247f1308": (FEDERATES,),
    "f1a07417-d97a-45cb-824c-7a7467783830": (ATTACHES,),
}
# Roles whose description suggests these actions; their definitions were not available as a source.
_UNCONFIRMED: Mapping[str, tuple[str, ...]] = {
    "358470bc-b998-42bd-ab17-a7e34c199c0f": ("Microsoft.App/containerApps/*",),
    "4e3d2b60-56ae-4dc6-a233-09c8e5a82e68": ("Microsoft.App/jobs/*",),
    "5d977122-f97e-4b4d-a52f-6b43003ddb4d": ("Microsoft.ContainerInstance/containerGroups/*",),
}


def actions_of_role(role: str) -> tuple[str, ...]:
    """Return the actions of a built-in role, by its ID in lower case, that are not in the table of built-in roles."""
    return _OF_ROLES.get(role, ())


def unconfirmed_actions_of_role(role: str) -> tuple[str, ...]:
    """Return further actions that a built-in role may allow, by its ID in lower case."""
    return _UNCONFIRMED.get(role, ())


# What the local roles of a managed HSM allow, as permissions of access policies and the words below.
ASSIGNS_LOCAL_ROLES = "assign local roles"
_CRYPTO = "keys/encrypt keys/decrypt keys/sign keys/verify keys/wrapkey keys/unwrapkey keys/release"
_MANAGE = "keys/create keys/import keys/update keys/delete keys/backup keys/restore keys/rotate"
LOCAL_ROLES: Mapping[str, tuple[str, ...]] = {
    "managed hsm administrator": (ASSIGNS_LOCAL_ROLES, "keys/backup", "keys/restore"),
    "managed hsm crypto officer": (ASSIGNS_LOCAL_ROLES, "keys/recover", "keys/purge"),
    "managed hsm crypto user": tuple(f"{_CRYPTO} {_MANAGE}".split()),
    "managed hsm policy administrator": (ASSIGNS_LOCAL_ROLES,),
    "managed hsm crypto auditor": ("keys/get", "keys/list"),
    "managed hsm crypto service encryption user": ("keys/get", "keys/wrapkey", "keys/unwrapkey"),
    "managed hsm crypto service release user": ("keys/release",),
    "managed hsm backup": ("keys/backup",),
    "managed hsm restore": ("keys/restore",),
}
# Microsoft's table also allows it to purge keys, against its own description of the role.
DISPUTED_LOCAL_ROLES: Mapping[str, tuple[str, ...]] = {"managed hsm crypto auditor": ("keys/purge",)}
LOCAL_DATA_ACTIONS: Mapping[str, str] = {
    f"Microsoft.KeyVault/managedHsm/{action}": word
    for action, word in {
        "keys/read/action": "keys/get",
        "keys/write/action": "keys/update",
        "keys/create": "keys/create",
        "keys/delete": "keys/delete",
        "keys/import/action": "keys/import",
        "keys/backup/action": "keys/backup",
        "keys/restore/action": "keys/restore",
        "keys/rotate/action": "keys/rotate",
        "keys/release/action": "keys/release",
        "keys/encrypt/action": "keys/encrypt",
        "keys/decrypt/action": "keys/decrypt",
        "keys/wrap/action": "keys/wrapkey",
        "keys/unwrap/action": "keys/unwrapkey",
        "keys/sign/action": "keys/sign",
        "keys/verify/action": "keys/verify",
        "keys/deletedKeys/recover/action": "keys/recover",
        "keys/deletedKeys/delete": "keys/purge",
        "roleAssignments/write/action": ASSIGNS_LOCAL_ROLES,
    }.items()
}
