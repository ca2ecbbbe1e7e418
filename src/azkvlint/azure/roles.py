"""Azure's built-in roles, and the local roles of managed HSMs, by ID and by name.

Sources: learn.microsoft.com/azure/role-based-access-control/built-in-roles and
learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import msgspec

from azkvlint.util.project_files import read_resource

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

# Key Vault's own roles with data actions on vaults. The table also has roles of other services and previews.
# Source: learn.microsoft.com/azure/key-vault/general/rbac-guide (built-in roles for data plane operations).
DATA_ROLES = (
    "Key Vault Administrator", "Key Vault Reader", "Key Vault Certificates Officer", "Key Vault Certificate User",
    "Key Vault Crypto Officer", "Key Vault Crypto Service Encryption User", "Key Vault Crypto Service Release User",
    "Key Vault Crypto User", "Key Vault Secrets Officer", "Key Vault Secrets User",
)  # fmt: skip


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
