"""Built-in roles of Azure and local roles of managed HSMs, their operations, and how principals can gain more.

Sources: learn.microsoft.com/azure/role-based-access-control/built-in-roles and
learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import msgspec

from azkvlint.util.project_files import read_resource

# Control-plane actions that change who controls a vault, delete it, or grant access to it.
ASSIGNS = "Microsoft.Authorization/roleAssignments/write"
CONTROL = (
    ASSIGNS,
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/delete",
    "Microsoft.KeyVault/vaults/accessPolicies/write",
    "Microsoft.KeyVault/vaults/secrets/write",
    "Microsoft.KeyVault/vaults/keys/write",
    "Microsoft.KeyVault/vaults/deploy/action",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
)
_OBJECTS = {
    "secrets": {
        "getSecret/action": "get",
        "readMetadata/action": "list",
        "setSecret/action": "set",
        "delete": "delete",
        "backup/action": "backup",
        "restore/action": "restore",
        "recover/action": "recover",
        "purge/action": "purge",
    },
    "keys": {
        "read": "get",
        "update/action": "update",
        "create/action": "create",
        "import/action": "import",
        "delete": "delete",
        "backup/action": "backup",
        "restore/action": "restore",
        "recover/action": "recover",
        "purge/action": "purge",
        "encrypt/action": "encrypt",
        "decrypt/action": "decrypt",
        "sign/action": "sign",
        "verify/action": "verify",
        "wrap/action": "wrapkey",
        "unwrap/action": "unwrapkey",
        "release/action": "release",
        "rotate/action": "rotate",
    },
    "certificates": {
        "read": "get",
        "update/action": "update",
        "create/action": "create",
        "import/action": "import",
        "delete": "delete",
        "backup/action": "backup",
        "restore/action": "restore",
        "recover/action": "recover",
        "purge/action": "purge",
    },
}
# Data actions with the corresponding access policy permission.
DATA: Mapping[str, str] = {
    f"Microsoft.KeyVault/vaults/{kind}/{action}": f"{kind}/{word}"
    for kind, actions in _OBJECTS.items()
    for action, word in actions.items()
}


_TABLE = "built_in_roles.tsv"

# The local roles of a managed HSM. They are assigned in the HSM and do not apply to vaults.
_LOCAL = {
    "a290e904-7015-4bba-90c8-60543313cdb4": "Managed HSM Administrator",
    "515eb02d-2335-4d2d-92f2-b1cbdf9c3778": "Managed HSM Crypto Officer",
    "21dbd100-6940-42c2-9190-5d6cb909625b": "Managed HSM Crypto User",
    "4bd23610-cdcf-4971-bdee-bdc562cc28e4": "Managed HSM Policy Administrator",
    "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3": "Managed HSM Crypto Auditor",
    "33413926-3206-4cdd-b39a-83574fe37a17": "Managed HSM Crypto Service Encryption User",
    "21dbd100-6940-42c2-9190-5d6cb909625c": "Managed HSM Crypto Service Release User",
    "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8": "Managed HSM Backup",
    "6efe6056-5259-49d2-8b3d-d3d73544b20b": "Managed HSM Restore",
}


class BuiltInRole(msgspec.Struct, frozen=True):
    """A built-in role with the actions and data actions that concern Key Vault."""

    id: str
    name: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()


@cache
def _rows() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the rows of the table by ID, and by name in lower case. A run needs few of them parsed."""
    text = read_resource(os.path.join(os.path.dirname(__file__), _TABLE)).decode()
    rows = [f"{guid}\t{name}" for guid, name in _LOCAL.items()]
    rows += [line for line in text.splitlines() if not line.startswith("#")]
    # The first row of a renamed role has the current name.
    by_id = {row.partition("\t")[0]: row for row in reversed(rows)}
    return by_id, {row.split("\t", 2)[1].lower(): row for row in rows}


@cache
def _role(row: str) -> BuiltInRole:
    guid, name, control, data = f"{row}\t\t".split("\t")[:4]
    words = control.split()
    actions = tuple(word for word in words if not word.startswith("!"))
    not_actions = tuple(word[1:] for word in words if word.startswith("!"))
    return BuiltInRole(guid, name, actions, not_actions, tuple(data.split()))


def role_by_id(text: str) -> str | None:
    """Return the name of the built-in role at the end of an ID with any scope; None for another role."""
    guid = text.rstrip("/").rpartition("/")[2].lower()
    row = _rows()[0].get(guid) if len(guid) == 36 else None
    return _role(row).name if row is not None else None


def role_by_name(name: str) -> BuiltInRole | None:
    """Return the built-in role by its current or former name in lower case."""
    row = _rows()[1].get(name)
    return _role(row) if row is not None else None


@cache
def roles_over_vaults() -> Mapping[str, str]:
    """Return the names of the roles, local ones included, with actions that concern Key Vault, by ID."""
    found = (role for role in map(_role, _rows()[0].values()) if role.actions or role.data_actions or role.id in _LOCAL)
    return {role.id: role.name for role in found}


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
