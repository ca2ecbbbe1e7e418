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
# Data actions with the corresponding access policy permission.
DATA: Mapping[str, str] = {
    f"Microsoft.KeyVault/vaults/{kind}/{action}": f"{kind}/{word}"
    for kind, actions in _OBJECTS.items()
    for action, word in actions.items()
}
