"""Actions and data actions of role definitions that concern key vaults.

Source: learn.microsoft.com/azure/role-based-access-control/permissions/security.
"""

from __future__ import annotations

from collections.abc import Mapping

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
# Data actions with the corresponding access policy permission. ACTIONS_OF has those that share an action as well.
DATA: Mapping[str, str] = {
    f"Microsoft.KeyVault/vaults/{kind}/{action}": f"{kind}/{word}"
    for kind, actions in _OBJECTS.items()
    for action, word in actions.items()
}

_STORED = "storageaccounts"


def _data_actions(*names: str) -> tuple[str, ...]:
    return tuple(f"Microsoft.KeyVault/vaults/{name}" for name in names)


# The data actions that an access policy permission corresponds to, the decisive one first. The permission to list
# objects has the data action of reading their properties, and managed storage accounts (deprecated) have their own.
ACTIONS_OF: Mapping[str, tuple[str, ...]] = {
    **{word: (action,) for action, word in DATA.items()},
    "secrets/set": _data_actions("secrets/setSecret/action", "secrets/update/action"),
    "keys/list": _data_actions("keys/read"),
    "keys/getrotationpolicy": _data_actions("keyrotationpolicies/read"),
    "keys/setrotationpolicy": _data_actions("keyrotationpolicies/write"),
    "certificates/list": _data_actions("certificates/read"),
    "certificates/managecontacts": _data_actions("certificatecontacts/write"),
    "certificates/getissuers": _data_actions("certificatecas/read"),
    "certificates/listissuers": _data_actions("certificatecas/read"),
    "certificates/setissuers": _data_actions("certificatecas/write"),
    "certificates/deleteissuers": _data_actions("certificatecas/delete"),
    "certificates/manageissuers": _data_actions("certificatecas/write", "certificatecas/read", "certificatecas/delete"),
    "storage/get": _data_actions(f"{_STORED}/read"),
    "storage/list": _data_actions(f"{_STORED}/read"),
    "storage/set": _data_actions(f"{_STORED}/set/action"),
    "storage/update": _data_actions(f"{_STORED}/set/action"),
    "storage/delete": _data_actions(f"{_STORED}/delete"),
    "storage/backup": _data_actions(f"{_STORED}/backup/action"),
    "storage/restore": _data_actions(f"{_STORED}/restore/action"),
    "storage/recover": _data_actions(f"{_STORED}/recover/action"),
    "storage/purge": _data_actions(f"{_STORED}/purge/action"),
    "storage/regeneratekey": _data_actions(f"{_STORED}/regeneratekey/action"),
    "storage/getsas": _data_actions(f"{_STORED}/sas/read"),
    "storage/listsas": _data_actions(f"{_STORED}/sas/read"),
    "storage/setsas": _data_actions(f"{_STORED}/sas/set/action"),
    "storage/deletesas": _data_actions(f"{_STORED}/sas/delete"),
}
