"""Azure services that support customer-managed keys, and the properties that enable them.

Properties with the key itself are in ``derived``. Source: learn.microsoft.com/azure/templates, the reference of each
type, and the built-in policies of Azure on customer-managed keys.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_KEY_VAULT = ("Microsoft.KeyVault",)
_SOURCE = "properties.encryption.keySource"
_PLACES = ("osDisk", "dataDisks")


class Words(msgspec.Struct, frozen=True, gc=False):
    """An attribute, and those of its values that match. The empty string matches an attribute that is not set."""

    path: str
    words: tuple[str, ...]


class Service(msgspec.Struct, frozen=True, gc=False):
    """One type.

    ``switch``: if set, it alone decides, and these are its values for a customer-managed key. ``named``: a key in the
    resource encrypts the type's data. ``sets``: each leads to a disk encryption set; ``disks`` to a disk, or a list of
    disks, each of which must have one. ``spared`` are resources that do not support a key, ``unless`` this is set.
    ``copies`` inherit the key of their source. ``inside``: if set, the virtual machine encrypts its disk itself, with a
    secret in the customer's vault. ``added``: the key may be in a separate resource, of these azurerm types, or
    (``added_in_arm``) in templates too.
    """

    switch: Words | None = None
    named: bool = True
    sets: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    spared: Words | None = None
    unless: str = ""
    copies: Words | None = None
    inside: Words | None = None
    added: bool = False
    added_in_arm: bool = False


def _switch(path: str, *words: str, spared: Words | None = None, added: bool = False) -> Service:
    return Service(switch=Words(path, words), spared=spared, added=added)


_but = msgspec.structs.replace
_BY_KEY = Service()
_BY_SOURCE = _switch(_SOURCE, *_KEY_VAULT)
_BY_STATUS = _switch("properties.encryption.status", "enabled")
SERVICES: Mapping[str, Service] = {
    "Microsoft.AppConfiguration/configurationStores": Service(spared=Words("sku.name", ("free", "developer"))),
    "Microsoft.Automation/automationAccounts": _BY_SOURCE,
    "Microsoft.AzureArcData/sqlManagedInstances": _switch(
        "properties.k8sRaw.spec.security.transparentDataEncryption.mode", "CustomerManaged"
    ),
    "Microsoft.Batch/batchAccounts": _BY_SOURCE,
    "Microsoft.BotService/botServices": _switch("properties.isCmekEnabled", "true"),
    "Microsoft.Cache/redisEnterprise": _BY_KEY,
    "Microsoft.CognitiveServices/accounts": _but(_BY_SOURCE, added=True),
    "Microsoft.Compute/disks": Service(
        sets=("properties.encryption.diskEncryptionSetId", "properties.securityProfile.secureVMDiskEncryptionSetId"),
        copies=Words("properties.creationData.createOption", ("Copy", "CopyStart", "Restore")),
        inside=Words("properties.encryptionSettingsCollection.enabled", ("true",)),
    ),
    "Microsoft.Compute/virtualMachineScaleSets": Service(
        disks=tuple(f"properties.virtualMachineProfile.storageProfile.{place}" for place in _PLACES)
    ),
    "Microsoft.Compute/virtualMachines": Service(
        disks=tuple(f"properties.storageProfile.{place}" for place in _PLACES)
    ),
    "Microsoft.ContainerInstance/containerGroups": _BY_KEY,
    "Microsoft.ContainerRegistry/registries": _but(_BY_STATUS, spared=Words("sku.name", ("Basic", "Standard"))),
    # The key of a cluster is for etcd; this is about the disks of its nodes.
    "Microsoft.ContainerService/managedClusters": Service(named=False, sets=("properties.diskEncryptionSetID",)),
    "Microsoft.DBforMySQL/flexibleServers": _switch("properties.dataEncryption.type", "AzureKeyVault"),
    "Microsoft.DBforMySQL/servers": Service(added=True, added_in_arm=True),
    "Microsoft.DBforMySQL/servers/keys": _BY_KEY,
    "Microsoft.DBforPostgreSQL/flexibleServers": _switch("properties.dataEncryption.type", "AzureKeyVault"),
    "Microsoft.DBforPostgreSQL/servers": Service(added=True, added_in_arm=True),
    "Microsoft.DBforPostgreSQL/servers/keys": _BY_KEY,
    # The device's unlock password, which only these two devices support.
    "Microsoft.DataBox/jobs": _switch(
        "properties.details.keyEncryptionKey.kekType",
        "CustomerManaged",
        spared=Words("sku.name", ("DataBoxDisk", "DataBoxCustomerDisk")),
    ),
    "Microsoft.DataFactory/factories": Service(added=True),
    "Microsoft.DataProtection/backupVaults": _switch(
        "properties.securitySettings.encryptionSettings.state", "Enabled", added=True
    ),
    "Microsoft.Databricks/workspaces": Service(spared=Words("sku.name", ("standard",)), added=True),
    "Microsoft.DeviceUpdate/accounts": _BY_KEY,
    "Microsoft.Devices/IotHubs": _BY_KEY,
    "Microsoft.Devices/provisioningServices": _BY_KEY,
    "Microsoft.DocumentDB/databaseAccounts": _BY_KEY,
    "Microsoft.DocumentDB/mongoClusters": _BY_KEY,
    "Microsoft.ElasticSan/elasticSans/volumeGroups": _switch(
        "properties.encryption", "EncryptionAtRestWithCustomerManagedKey"
    ),
    "Microsoft.EventHub/namespaces": _but(
        _BY_SOURCE, spared=Words("sku.name", ("Basic", "Standard", "")), unless="properties.clusterArmId", added=True
    ),
    "Microsoft.FluidRelay/fluidRelayServers": _BY_KEY,
    "Microsoft.HDInsight/clusters": _BY_KEY,
    "Microsoft.HealthBot/healthBots": _BY_KEY,
    "Microsoft.HealthcareApis/services": _BY_KEY,
    "Microsoft.HealthcareApis/workspaces/dicomservices": _BY_KEY,
    "Microsoft.HealthcareApis/workspaces/fhirservices": _BY_KEY,
    # Queries and results of alerts are stored in the workspace's storage account, which may have a customer-managed
    # key.
    "Microsoft.Insights/scheduledQueryRules": _switch("properties.checkWorkspaceAlertsStorageConfigured", "true"),
    "Microsoft.Kusto/clusters": Service(added=True),
    "Microsoft.LoadTestService/loadTests": _BY_KEY,
    "Microsoft.Logic/integrationServiceEnvironments": _BY_KEY,
    # The data of a project is encrypted like its hub's.
    "Microsoft.MachineLearningServices/workspaces": _but(_BY_STATUS, spared=Words("kind", ("Project",))),
    "Microsoft.Media/mediaservices": _switch("properties.encryption.type", "CustomerKey"),
    "Microsoft.MobileNetwork/simGroups": _BY_KEY,
    "Microsoft.NetApp/netAppAccounts": _but(_BY_SOURCE, added=True),
    "Microsoft.OperationalInsights/clusters": Service(added=True),
    "Microsoft.RecoveryServices/vaults": _BY_KEY,
    "Microsoft.Search/searchServices": _switch(
        "properties.encryptionWithCmk.enforcement", "Enabled", spared=Words("sku.name", ("free",))
    ),
    "Microsoft.ServiceBus/namespaces": _but(
        _BY_SOURCE, spared=Words("sku.name", ("Basic", "Standard", "")), added=True
    ),
    "Microsoft.Sql/managedInstances": Service(added=True, added_in_arm=True),
    "Microsoft.Sql/managedInstances/encryptionProtector": _switch("properties.serverKeyType", "AzureKeyVault"),
    "Microsoft.Sql/servers": Service(added=True, added_in_arm=True),
    "Microsoft.Sql/servers/encryptionProtector": _switch("properties.serverKeyType", "AzureKeyVault"),
    "Microsoft.Storage/storageAccounts": _but(_BY_SOURCE, added=True),
    "Microsoft.Storage/storageAccounts/encryptionScopes": _switch("properties.source", *_KEY_VAULT),
    "Microsoft.StorageCache/amlFilesystems": _BY_KEY,
    "Microsoft.StorageCache/caches": _BY_KEY,
    # A job's data is stored in a storage account of the customer's, which may have a customer-managed key.
    "Microsoft.StreamAnalytics/streamingJobs": _switch("properties.contentStoragePolicy", "JobStorageAccount"),
    "Microsoft.Synapse/workspaces": _BY_KEY,
}
