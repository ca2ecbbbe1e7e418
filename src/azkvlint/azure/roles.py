"""Built-in roles of Azure and local roles of managed HSMs, their operations, and how principals can gain more.

Sources: learn.microsoft.com/azure/role-based-access-control/built-in-roles and
learn.microsoft.com/azure/key-vault/managed-hsm/built-in-roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import msgspec

from azkvlint.util.project_files import read_data
from azkvlint.util.table_files import read_table
from azkvlint.util.text import consists_of

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
# The attribute of conditions that limits data actions to names of secrets.
SECRET_NAME = "microsoft.keyvault/vaults/secrets:name"
UNNAMED = "another"  # stands for a role that a condition does not name
UNLOCKS = "Microsoft.Authorization/locks/delete"
WRITES_HSM, DELETES_HSM = "Microsoft.KeyVault/managedHSMs/write", "Microsoft.KeyVault/managedHSMs/delete"
PURGES_HSM = "Microsoft.KeyVault/locations/deletedManagedHsms/purge/action"
CONTROL_OF_HSM = (WRITES_HSM, DELETES_HSM, PURGES_HSM)
# The data actions of all objects, and of those that a vault creates, with the permissions of access policies.
_KEPT = {
    "delete": "delete",
    "backup/action": "backup",
    "restore/action": "restore",
    "recover/action": "recover",
    "purge/action": "purge",
}
_CREATED = {
    "read": "get",
    "update/action": "update",
    "create/action": "create",
    "import/action": "import",
    **_KEPT,
}
_OBJECTS = {
    "secrets": {
        "getSecret/action": "get",
        "readMetadata/action": "list",
        "setSecret/action": "set",
        **_KEPT,
    },
    "keys": {
        **_CREATED,
        "encrypt/action": "encrypt",
        "decrypt/action": "decrypt",
        "sign/action": "sign",
        "verify/action": "verify",
        "wrap/action": "wrapkey",
        "unwrap/action": "unwrapkey",
        "release/action": "release",
        "rotate/action": "rotate",
    },
    "certificates": _CREATED,
}
# Data actions with the corresponding access policy permission. ACTIONS_OF has those that share an action as well.
DATA: Mapping[str, str] = {
    f"Microsoft.KeyVault/vaults/{kind}/{action}": f"{kind}/{word}"
    for kind, actions in _OBJECTS.items()
    for action, word in actions.items()
}
# The data actions that together are full access to secrets and keys.
FULL_ACCESS = frozenset(
    f"Microsoft.KeyVault/vaults/{action}/action"
    for action in ("secrets/getSecret", "secrets/setSecret", "keys/create", "keys/decrypt")
)

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
    "certificates/manageissuers": _data_actions("certificatecas/write"),
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


# The local roles of a managed HSM. They are assigned in the HSM and do not apply to vaults.
LOCAL_NAMES = {
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

_GUID, _COLUMNS = 36, 5
# Reading keys and certificates is an action on data.
_READS = ("microsoft.keyvault/vaults/keys/", "microsoft.keyvault/vaults/certificates/")
# Key Vault's own roles with data actions on vaults. The table also has roles of other services and previews.
# Source: learn.microsoft.com/azure/key-vault/general/rbac-guide (built-in roles for data plane operations).
DATA_ROLES = (
    "Key Vault Administrator", "Key Vault Reader", "Key Vault Certificates Officer", "Key Vault Certificate User",
    "Key Vault Crypto Officer", "Key Vault Crypto Service Encryption User", "Key Vault Crypto Service Release User",
    "Key Vault Crypto User", "Key Vault Secrets Officer", "Key Vault Secrets User",
)  # fmt: skip


class Permission(msgspec.Struct, frozen=True, gc=False):
    """One permission of a role: actions without notActions, data actions without notDataActions, under a condition."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    condition: str = ""


class BuiltInRole(msgspec.Struct, frozen=True):
    """A built-in role. ``is_complete``: its permissions are those of Azure, not only what concerns Key Vault."""

    id: str
    name: str
    permissions: tuple[Permission, ...]
    is_complete: bool = True


# The table of Azure's list, and the one of former names and of roles that only the documentation lists.
_LISTED, _OTHERS = "built_in_roles", "other_roles"


@cache
def _table(name: str) -> bytes:
    """Return a table whose rows are found by search: a run needs few of a thousand rows."""
    return read_data(f"{name}.tsv")


def _row_at(table: str, start: int) -> str:
    end = _table(table).find(b"\n", start)
    return _table(table)[start : end if end >= 0 else None].decode()


def _row_of(guid: str, table: str) -> str | None:
    found = _table(table).find(f"\n{guid}\t".encode(errors="replace"))
    return None if found < 0 else _row_at(table, found + 1)


def _row_by_id(guid: str) -> str | None:
    listed = _row_of(guid, _LISTED)
    if listed is None and guid in LOCAL_NAMES:
        return f"{guid}\t{LOCAL_NAMES[guid]}"
    return _row_of(guid, _OTHERS) if listed is None else listed


def _rows_of(table: str) -> Iterator[str]:
    return (row for row in _table(table).decode().splitlines() if not row.startswith("#"))


def _local_rows() -> Iterator[str]:
    return (f"{guid}\t{name}" for guid, name in LOCAL_NAMES.items())


def _is_incomplete(guid: str) -> bool:
    return guid not in LOCAL_NAMES and _row_of(guid, _LISTED) is None


def _name_in(row: str) -> str:
    return row.split("\t", 2)[1]


@cache
def _role(row: str) -> BuiltInRole:
    guid, name, *cells = row.split("\t")
    cells += [""] * (-len(cells) % _COLUMNS)
    permissions = (
        Permission(
            tuple(cells[at].split()),
            tuple(cells[at + 1].split()),
            tuple(cells[at + 2].split()),
            tuple(cells[at + 3].split()),
            cells[at + 4],
        )
        for at in range(0, len(cells), _COLUMNS)
    )
    return BuiltInRole(guid, name, tuple(permissions), not _is_incomplete(guid))


@cache
def role_by_id(text: str) -> str | None:
    """Return the name of the built-in role at the end of an ID with any scope; None for another role."""
    guid = text.rstrip("/").rpartition("/")[2].lower()
    row = _row_by_id(guid) if len(guid) == _GUID else None
    return _name_in(row) if row is not None else None


@cache
def ids_by_name() -> Mapping[str, str]:
    """Return the IDs of the roles by their current and former names in lower case."""
    return read_table("role_ids", dict[str, str], _load_ids)


def _load_ids() -> dict[str, str]:
    rows = [*_rows_of(_OTHERS), *_rows_of(_LISTED), *_local_rows()]
    return {_name_in(row).lower(): row[:_GUID] for row in rows}


@cache
def role_by_name(name: str) -> BuiltInRole | None:
    """Return the built-in role by its current or former name in lower case."""
    guid = ids_by_name().get(name)
    row = None if guid is None else _row_by_id(guid)
    return _role(row) if row is not None else None


def roles_that_name(prefixes: tuple[str, ...]) -> Iterator[BuiltInRole]:
    """Yield the roles with an action that begins with one of these (lower case) and does more than read resources."""
    added = (row for row in _rows_of(_OTHERS) if _is_incomplete(row[:_GUID]))
    for row in (*_local_rows(), *_rows_of(_LISTED), *added):
        words = (word for word in row.lower().split() if word.startswith(prefixes))
        if any(not word.endswith("/read") or word.startswith(_READS) for word in words):
            yield _role(row)


# The actions that run code on a workload, any of which is sufficient, by its type in lower case. The code can request
# tokens of every identity that is assigned to the workload.
_MACHINE = ("write", "runCommand/action", "runCommands/write", "extensions/write")
_SITE = ("write", "publish/action", "config/write", "config/web/appsettings/write", "extensions/write",
         "deployWorkflowArtifacts/action")  # fmt: skip
WORKLOADS: Mapping[str, tuple[str, ...]] = {
    type_.lower(): tuple(f"{type_}/{action}" for action in actions)
    for type_, actions in {
        "Microsoft.Compute/virtualMachines": _MACHINE,
        "Microsoft.Compute/virtualMachineScaleSets": (
            *_MACHINE,
            "virtualMachines/runCommand/action",
            "virtualMachines/runCommands/write",
            "virtualMachines/extensions/write",
        ),
        "Microsoft.Web/sites": _SITE,
        "Microsoft.Web/sites/slots": _SITE,
        # A token for the connection to a console in the container.
        "Microsoft.App/containerApps": ("write", "getAuthToken/action", "authtoken/action"),
        "Microsoft.App/jobs": ("write", "start/action"),
        "Microsoft.ContainerInstance/containerGroups": ("write", "containers/exec/action"),
        # An HTTP action requests tokens of the identity of the workflow.
        "Microsoft.Logic/workflows": ("write",),
        "Microsoft.Resources/deploymentScripts": ("write",),
        "Microsoft.HybridCompute/machines": ("extensions/write", "runCommands/write"),
        "Microsoft.Automation/automationAccounts": (),
        "Microsoft.DataFactory/factories": (),
        # The start task of a pool runs on its nodes.
        "Microsoft.Batch/batchAccounts/pools": ("write",),
        "Microsoft.MachineLearningServices/workspaces/computes": (),
        "Microsoft.ContainerService/managedClusters": (),
    }.items()
}
# The workloads that are parts of an account or workspace, on which roles are assigned.
PARTS: Mapping[str, str] = {
    "microsoft.batch/batchaccounts": "microsoft.batch/batchaccounts/pools",
    "microsoft.machinelearningservices/workspaces": "microsoft.machinelearningservices/workspaces/computes",
}
_CLUSTER, _BATCH = "Microsoft.ContainerService/managedClusters", "Microsoft.Batch/batchAccounts"
_LEARNING = "Microsoft.MachineLearningServices/workspaces"
_SITES = ("Microsoft.Web/sites", "Microsoft.Web/sites/slots")
# The actions that read the publishing credentials of an app, which deploy its code if the app accepts them. Sources:
# learn.microsoft.com/azure/app-service/deploy-configure-credentials and .../configure-basic-auth-disable.
PUBLISHES: Mapping[str, tuple[str, ...]] = {
    site.lower(): (f"{site}/publishxml/action", f"{site}/config/list/action") for site in _SITES
}
# The actions, and data actions, that run code on a workload if the workload or its account allows it: settings of the
# cluster, Kubernetes RBAC, shared keys of the account, or the compute that a job selects. Sources:
# learn.microsoft.com/azure/aks/concepts-identity and .../aks/access-private-cluster (run command), .../batch/
# batch-role-based-access-control, .../machine-learning/how-to-assign-roles, .../azure-functions/function-keys-how-to
# (the master key administers the runtime of a function app) and .../azure-functions/storage-considerations (the
# settings have the key of the storage account that contains its code).
MAY_RUN: Mapping[str, tuple[str, ...]] = {
    **{site.lower(): (f"{site}/host/listkeys/action", f"{site}/config/list/action") for site in _SITES},
    _CLUSTER.lower(): (
        f"{_CLUSTER}/runCommand/action",
        f"{_CLUSTER}/listClusterAdminCredential/action",
        f"{_CLUSTER}/listClusterUserCredential/action",
        f"{_CLUSTER}/write",
    ),
    f"{_BATCH}/pools".lower(): (f"{_BATCH}/listKeys/action", f"{_BATCH}/write"),
    f"{_LEARNING}/computes".lower(): (
        f"{_LEARNING}/jobs/write",
        f"{_LEARNING}/experiments/runs/submit/action",
        f"{_LEARNING}/computes/write",
        f"{_LEARNING}/computes/applicationaccess/action",
    ),
}
MAY_RUN_BY_DATA_ACTIONS: Mapping[str, tuple[str, ...]] = {
    _CLUSTER.lower(): (f"{_CLUSTER}/pods/write", f"{_CLUSTER}/pods/exec/action", f"{_CLUSTER}/apps/deployments/write"),
    f"{_BATCH}/pools".lower(): (f"{_BATCH}/jobs/write", f"{_BATCH}/jobSchedules/write"),
}
# A request that changes a logic app or a deployment script contains its user-assigned identities again, and a pipeline
# uses one by a credential of the data factory. Both require ``ATTACHES`` on the identity. Source for the latter:
# learn.microsoft.com/azure/data-factory/credentials.
ASSIGNED_AGAIN = (
    "microsoft.logic/workflows", "microsoft.resources/deploymentscripts", "microsoft.datafactory/factories",
)  # fmt: skip


class Started(msgspec.Struct, frozen=True):
    """Code that a principal writes by any action of ``writes`` and runs by any of each of ``starts``."""

    writes: tuple[str, ...]
    starts: tuple[tuple[str, ...], ...]


def _below(type_: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{type_}/{action}" for action in actions)


_RUNBOOKS, _ACCOUNTS = "Microsoft.Automation/automationAccounts/runbooks", "Microsoft.Automation/automationAccounts"
_JOBS = _below(_ACCOUNTS, "jobs/write", "jobSchedules/write", "webhooks/write")
_DRAFTS = _below(_RUNBOOKS, "draft/write", "draft/content/write")
_FACTORY = "Microsoft.DataFactory/factories"
# The ways to run code that need two actions or more. With the first alone, something else must start the code. Sources:
# learn.microsoft.com/azure/automation/automation-role-based-access-control and .../manage-runbooks (a job runs the
# published version, a test job the draft), and learn.microsoft.com/azure/data-factory/concepts-roles-permissions.
STARTED: Mapping[str, tuple[Started, ...]] = {
    _ACCOUNTS.lower(): (
        Started(_below(_RUNBOOKS, "write"), (_JOBS,)),
        Started((*_below(_RUNBOOKS, "write"), *_DRAFTS), (_below(_RUNBOOKS, "draft/testJob/write"),)),
        Started(_DRAFTS, (_below(_RUNBOOKS, "publish/action"), _JOBS)),
    ),
    _FACTORY.lower(): (
        Started(_below(_FACTORY, "pipelines/write"), (_below(_FACTORY, "pipelines/createRun/action"),)),
        Started(
            _below(_FACTORY, "pipelines/write"),
            (_below(_FACTORY, "triggers/write"), _below(_FACTORY, "triggers/start/action")),
        ),
    ),
}  # fmt: skip
# The data actions that sign in to a workload, which the workload itself must allow.
SIGN_INS: Mapping[str, tuple[str, ...]] = {
    type_.lower(): tuple(f"{type_}/{action}" for action in actions)
    for type_, actions in {
        "Microsoft.Compute/virtualMachines": ("login/action", "loginAsAdmin/action", "WACloginAsAdmin/action"),
        "Microsoft.App/containerApps": ("exec/action", "debug/action"),
        "Microsoft.App/jobs": ("exec/action",),
        "Microsoft.HybridCompute/machines": ("login/action", "loginAsAdmin/action", "WACloginAsAdmin/action"),
    }.items()
}
IDENTITIES = "microsoft.managedidentity/userassignedidentities"
# A federated identity credential lets its subject request tokens of the identity.
FEDERATES = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"
# Assigns the identity to a workload, which also requires write access to that workload.
ATTACHES = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
DEPLOYS = "Microsoft.Resources/deployments/write"


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


def any_fits(words: Iterable[str], operation: str) -> bool:
    """Return whether any of these actions, which may have wildcards, covers an operation."""
    return any(fits(word, operation) for word in words)


def fits(word: str, operation: str) -> bool:
    """Return whether an action with wildcards covers an operation.

    An asterisk matches any string, slashes included.
    """
    return consists_of(operation.lower(), word.lower().split("*"))
