"""azurerm resources that are encrypted with a customer-managed key.

The key argument of each goes to ``derived.keyId``, so that a rule need not know the consumers of a key. Arguments that
split a key into vault, name and version go to ``derived.keyVaultId``, ``derived.keyName`` and ``derived.keyVersion``. A
resource that only adds the key to another one has the same type, with that resource as ``scope``. Source: the
provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.key_vault import IDENTITY_BLOCK, PLACED
from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, boolean, flag, link, links, value

NAME = value("name")
SKU = value("sku.name")
KEY = link("derived.keyId")
SPLIT_KEY: Mapping[str, Field] = {
    "key_vault_id": link("derived.keyVaultId"),
    "key_name": value("derived.keyName"),
    "key_version": value("derived.keyVersion"),
}


def keys(*arguments: str) -> Mapping[str, Field]:
    """Return fields for arguments that each refer to a key."""
    return dict.fromkeys(arguments, KEY)


def within(*arguments: str, computed: bool = False) -> Field:
    """Return a block with arguments that each refer to a key."""
    return block("", keys(*arguments), computed=computed)


def placed(type_: str, **arguments: Field) -> Mapped:
    """Return a resource of its own in a resource group."""
    return Mapped(type=type_, fields={**PLACED, **arguments})


def child(type_: str, parent: str, **arguments: Field) -> Mapped:
    """Return a resource inside the one that the argument ``parent`` refers to."""
    return Mapped(type=type_, fields={parent: link("parent"), **arguments})


def addition(type_: str, whole: str, **arguments: Field) -> Mapped:
    """Return a part of the Azure resource that the argument ``whole`` refers to."""
    return Mapped(type=type_, fields={whole: link("scope"), **arguments})


CONSUMERS_ANALYTICS: Mapping[str, Mapped] = {
    "azurerm_data_factory": placed(
        "Microsoft.DataFactory/factories", customer_managed_key_id=link("derived.keyId", computed=True)
    ),
    "azurerm_data_factory_customer_managed_key": addition(
        "Microsoft.DataFactory/factories", "data_factory_id", customer_managed_key_id=KEY
    ),
    "azurerm_databricks_workspace": placed(
        "Microsoft.Databricks/workspaces",
        sku=SKU,
        **keys("managed_services_cmk_key_vault_key_id", "managed_disk_cmk_key_vault_key_id"),
    ),
    "azurerm_databricks_workspace_customer_managed_key": addition(
        "Microsoft.Databricks/workspaces", "workspace_id", key_vault_key_id=KEY
    ),
    "azurerm_databricks_workspace_root_dbfs_customer_managed_key": addition(
        "Microsoft.Databricks/workspaces", "workspace_id", key_vault_key_id=KEY
    ),
    **{
        f"azurerm_hdinsight_{kind}_cluster": placed(
            "Microsoft.HDInsight/clusters", disk_encryption=within("key_vault_key_id")
        )
        for kind in ("hadoop", "hbase", "interactive_query", "kafka", "spark")
    },
    "azurerm_log_analytics_cluster": placed("Microsoft.OperationalInsights/clusters"),
    "azurerm_log_analytics_cluster_customer_managed_key": addition(
        "Microsoft.OperationalInsights/clusters", "log_analytics_cluster_id", key_vault_key_id=KEY
    ),
    # Data of these is stored in a storage account of the customer's, or of Microsoft's.
    "azurerm_monitor_scheduled_query_rules_alert_v2": placed(
        "Microsoft.Insights/scheduledQueryRules",
        workspace_alerts_storage_enabled=value("properties.checkWorkspaceAlertsStorageConfigured", default=False),
        criteria=blocks("properties.criteria.allOf", {"query": value("query")}),
    ),
    "azurerm_stream_analytics_job": placed(
        "Microsoft.StreamAnalytics/streamingJobs",
        content_storage_policy=value("properties.contentStoragePolicy", default="SystemAccount"),
    ),
    "azurerm_synapse_workspace": placed(
        "Microsoft.Synapse/workspaces", customer_managed_key=within("key_versionless_id")
    ),
    "azurerm_synapse_workspace_key": Mapped(
        type="Microsoft.Synapse/workspaces/keys",
        fields={
            "customer_managed_key_name": NAME,
            "synapse_workspace_id": link("parent"),
            "customer_managed_key_versionless_id": KEY,
        },
    ),
}


# A disk that is created with a virtual machine.
_DISK: Mapping[str, Field] = {
    "disk_encryption_set_id": link("managedDisk.diskEncryptionSet.id"),
    "secure_vm_disk_encryption_set_id": link("managedDisk.securityProfile.diskEncryptionSet.id"),
}
_OLD_DISK: Mapping[str, Field] = {
    "create_option": value("createOption"),
    "managed_disk_id": link("managedDisk.id", computed=True),
    "vhd_uri": value("vhd.uri"),
}

CONSUMERS_COMPUTE: Mapping[str, Mapped] = {
    "azurerm_app_configuration": placed(
        "Microsoft.AppConfiguration/configurationStores",
        sku=value("sku.name", default="free"),
        encryption=within("key_vault_key_identifier"),
    ),
    "azurerm_automation_account": placed(
        "Microsoft.Automation/automationAccounts", encryption=within("key_vault_key_id")
    ),
    "azurerm_batch_account": placed("Microsoft.Batch/batchAccounts", encryption=within("key_vault_key_id")),
    "azurerm_container_group": placed("Microsoft.ContainerInstance/containerGroups", key_vault_key_id=KEY),
    "azurerm_container_registry": placed(
        "Microsoft.ContainerRegistry/registries",
        sku=SKU,
        encryption=within("key_vault_key_id", computed=True),
    ),
    "azurerm_disk_encryption_set": placed(
        "Microsoft.Compute/diskEncryptionSets",
        **keys("key_vault_key_id", "managed_hsm_key_id"),
        federated_client_id=value("properties.federatedClientId"),
        identity=IDENTITY_BLOCK,
        auto_key_rotation_enabled=value("properties.rotationToLatestKeyVersionEnabled", default=False),
        encryption_type=value("properties.encryptionType", default="EncryptionAtRestWithCustomerKey"),
    ),
    "azurerm_fluid_relay_server": placed(
        "Microsoft.FluidRelay/fluidRelayServers", customer_managed_key=within("key_vault_key_id")
    ),
    # Retired. The provider had no argument for the key.
    "azurerm_integration_service_environment": placed("Microsoft.Logic/integrationServiceEnvironments"),
    "azurerm_kubernetes_cluster": placed(
        "Microsoft.ContainerService/managedClusters",
        disk_encryption_set_id=link("properties.diskEncryptionSetID"),
        key_management_service=block(
            "",
            {
                "key_vault_key_id": KEY,
                "key_vault_network_access": value(
                    "properties.securityProfile.azureKeyVaultKms.keyVaultNetworkAccess", default="Public"
                ),
            },
            # The service is enabled if the block exists.
            constants={"properties.securityProfile.azureKeyVaultKms.enabled": True},
        ),
        service_principal=block("properties.servicePrincipalProfile", {"client_id": value("clientId")}),
        key_vault_secrets_provider=block(
            "properties.addonProfiles.azureKeyvaultSecretsProvider",
            {
                "secret_rotation_enabled": value("config.enableSecretRotation", default=False),
                "secret_rotation_interval": value("config.rotationPollInterval"),
            },
            constants={"enabled": True},
        ),
    ),
    "azurerm_load_test": placed("Microsoft.LoadTestService/loadTests", encryption=within("key_url")),
    "azurerm_managed_disk": placed(
        "Microsoft.Compute/disks",
        create_option=value("properties.creationData.createOption"),
        disk_encryption_set_id=link("properties.encryption.diskEncryptionSetId"),
        # Required as an argument; since 4.0 enabled if the block exists.
        encryption_settings=block(
            "properties.encryptionSettingsCollection", {"enabled": value("enabled", default=True)}
        ),
        secure_vm_disk_encryption_set_id=link("properties.securityProfile.secureVMDiskEncryptionSetId"),
    ),
    **{
        f"azurerm_{system}_virtual_machine": placed(
            "Microsoft.Compute/virtualMachines",
            # First, because the first argument that is set counts for a path.
            os_managed_disk_id=link("properties.storageProfile.osDisk.managedDisk.id"),
            os_disk=block("properties.storageProfile.osDisk", _DISK),
        )
        for system in ("linux", "windows")
    },
    # The legacy virtual machine, which does not support disk encryption sets at creation.
    "azurerm_virtual_machine": placed(
        "Microsoft.Compute/virtualMachines",
        storage_os_disk=block("properties.storageProfile.osDisk", _OLD_DISK),
        storage_data_disk=blocks("properties.storageProfile.dataDisks", _OLD_DISK),
    ),
    **{
        f"azurerm_{system}_virtual_machine_scale_set": placed(
            "Microsoft.Compute/virtualMachineScaleSets",
            os_disk=block("properties.virtualMachineProfile.storageProfile.osDisk", _DISK),
            data_disk=blocks("properties.virtualMachineProfile.storageProfile.dataDisks", _DISK),
        )
        for system in ("linux", "orchestrated", "windows")
    },
}


CONSUMERS_DATABASES: Mapping[str, Mapped] = {
    "azurerm_mssql_server": placed(
        "Microsoft.Sql/servers",
        azuread_administrator=block("properties.administrators", {"tenant_id": value("tenantId", computed=True)}),
        identity=IDENTITY_BLOCK,
        **keys("transparent_data_encryption_key_vault_key_id"),
    ),
    "azurerm_mssql_database": child(
        "Microsoft.Sql/servers/databases",
        "server_id",
        name=NAME,
        **keys("transparent_data_encryption_key_vault_key_id"),
        transparent_data_encryption_key_automatic_rotation_enabled=value(
            "properties.encryptionProtectorAutoRotation", default=False
        ),
    ),
    "azurerm_mssql_server_transparent_data_encryption": child(
        "Microsoft.Sql/servers/encryptionProtector",
        "server_id",
        **keys("key_vault_key_id", "managed_hsm_key_id"),
        auto_rotation_enabled=value("properties.autoRotationEnabled", default=False),
    ),
    "azurerm_mssql_managed_instance_transparent_data_encryption": child(
        "Microsoft.Sql/managedInstances/encryptionProtector",
        "managed_instance_id",
        **keys("key_vault_key_id", "managed_hsm_key_id"),
        auto_rotation_enabled=value("properties.autoRotationEnabled", default=False),
    ),
    "azurerm_mssql_managed_instance": placed("Microsoft.Sql/managedInstances"),
    "azurerm_mysql_flexible_server": placed(
        "Microsoft.DBforMySQL/flexibleServers",
        customer_managed_key=within("key_vault_key_id", "managed_hsm_key_id", "geo_backup_key_vault_key_id"),
    ),
    "azurerm_mysql_server": placed("Microsoft.DBforMySQL/servers"),
    "azurerm_mysql_server_key": child("Microsoft.DBforMySQL/servers/keys", "server_id", key_vault_key_id=KEY),
    "azurerm_postgresql_flexible_server": placed(
        "Microsoft.DBforPostgreSQL/flexibleServers",
        customer_managed_key=within("key_vault_key_id", "geo_backup_key_vault_key_id"),
    ),
    "azurerm_postgresql_server": placed("Microsoft.DBforPostgreSQL/servers"),
    "azurerm_postgresql_server_key": child("Microsoft.DBforPostgreSQL/servers/keys", "server_id", key_vault_key_id=KEY),
    "azurerm_cosmosdb_account": placed(
        "Microsoft.DocumentDB/databaseAccounts", **keys("key_vault_key_id", "managed_hsm_key_id")
    ),
    "azurerm_cosmosdb_cassandra_datacenter": child(
        "Microsoft.DocumentDB/cassandraClusters/dataCenters",
        "cassandra_cluster_id",
        name=NAME,
        **keys("managed_disk_customer_key_uri", "backup_storage_customer_key_uri"),
    ),
    "azurerm_mongo_cluster": placed(
        "Microsoft.DocumentDB/mongoClusters", customer_managed_key=within("key_vault_key_id")
    ),
    "azurerm_managed_redis": placed("Microsoft.Cache/redisEnterprise", customer_managed_key=within("key_vault_key_id")),
    "azurerm_kusto_cluster": placed("Microsoft.Kusto/clusters"),
    "azurerm_kusto_cluster_customer_managed_key": addition(
        "Microsoft.Kusto/clusters", "cluster_id", managed_hsm_key_id=KEY, **SPLIT_KEY
    ),
}


# A Machine Learning workspace, with the vault that it is associated with.
_WORKSPACE: Mapping[str, Field] = {
    "key_vault_id": link("properties.keyVault"),
    "identity": IDENTITY_BLOCK,
    "encryption": block(
        "",
        {
            "key_id": KEY,
            "user_assigned_identity_id": link("properties.encryption.identity.userAssignedIdentity"),
        },
    ),
}

CONSUMERS_INTELLIGENCE: Mapping[str, Mapped] = {
    "azurerm_ai_foundry": Mapped(
        type="Microsoft.MachineLearningServices/workspaces",
        fields={**PLACED, **_WORKSPACE},
        # Source: the provider's internal/services/machinelearning/ai_foundry_resource.go.
        fixed={"kind": "Hub"},
    ),
    "azurerm_ai_services": placed(
        "Microsoft.CognitiveServices/accounts", customer_managed_key=within("key_vault_key_id", "managed_hsm_key_id")
    ),
    "azurerm_bot_channels_registration": placed("Microsoft.BotService/botServices", cmk_key_vault_url=KEY),
    "azurerm_bot_service_azure_bot": placed("Microsoft.BotService/botServices", cmk_key_vault_key_url=KEY),
    "azurerm_cognitive_account": placed(
        "Microsoft.CognitiveServices/accounts", customer_managed_key=within("key_vault_key_id")
    ),
    "azurerm_cognitive_account_customer_managed_key": addition(
        "Microsoft.CognitiveServices/accounts", "cognitive_account_id", key_vault_key_id=KEY
    ),
    "azurerm_healthbot": placed("Microsoft.HealthBot/healthBots"),
    "azurerm_healthcare_dicom_service": child(
        "Microsoft.HealthcareApis/workspaces/dicomservices", "workspace_id", name=NAME, encryption_key_url=KEY
    ),
    "azurerm_healthcare_fhir_service": child(
        "Microsoft.HealthcareApis/workspaces/fhirservices", "workspace_id", name=NAME
    ),
    "azurerm_healthcare_service": placed(
        "Microsoft.HealthcareApis/services", cosmosdb_key_vault_key_versionless_id=KEY
    ),
    # The provider has no argument for the keys of IoT services, health bots and FHIR services.
    "azurerm_iothub": placed("Microsoft.Devices/IotHubs"),
    "azurerm_iothub_device_update_account": placed("Microsoft.DeviceUpdate/accounts"),
    "azurerm_iothub_dps": placed("Microsoft.Devices/provisioningServices"),
    "azurerm_machine_learning_workspace": placed(
        "Microsoft.MachineLearningServices/workspaces",
        kind=value("kind", default="Default"),
        **_WORKSPACE,
    ),
    "azurerm_media_services_account": placed(
        "Microsoft.Media/mediaservices",
        encryption=block(
            "",
            {
                "type": value("properties.encryption.type", default="SystemKey"),
                "key_vault_key_identifier": KEY,
            },
        ),
    ),
    "azurerm_mobile_network_sim_group": placed("Microsoft.MobileNetwork/simGroups", encryption_key_url=KEY),
    "azurerm_search_service": placed(
        "Microsoft.Search/searchServices",
        sku=SKU,
        customer_managed_key_enforcement_enabled=flag(
            "properties.encryptionWithCmk.enforcement", "Enabled", "Disabled", default=False
        ),
    ),
}


_STORAGE = "Microsoft.Storage/storageAccounts"

CONSUMERS_STORAGE: Mapping[str, Mapped] = {
    "azurerm_data_protection_backup_vault": placed("Microsoft.DataProtection/backupVaults"),
    "azurerm_data_protection_backup_vault_customer_managed_key": addition(
        "Microsoft.DataProtection/backupVaults", "data_protection_backup_vault_id", key_vault_key_id=KEY
    ),
    "azurerm_elastic_san_volume_group": child(
        "Microsoft.ElasticSan/elasticSans/volumeGroups",
        "elastic_san_id",
        name=NAME,
        encryption_type=value("properties.encryption", default="EncryptionAtRestWithPlatformKey"),
        encryption=within("key_vault_key_id"),
    ),
    "azurerm_eventhub_namespace": placed(
        "Microsoft.EventHub/namespaces", sku=SKU, dedicated_cluster_id=link("properties.clusterArmId")
    ),
    "azurerm_eventhub_namespace_customer_managed_key": addition(
        "Microsoft.EventHub/namespaces", "eventhub_namespace_id", key_vault_key_ids=links("derived.keyIds")
    ),
    "azurerm_hpc_cache": placed("Microsoft.StorageCache/caches", key_vault_key_id=KEY),
    "azurerm_managed_lustre_file_system": placed(
        "Microsoft.StorageCache/amlFilesystems", encryption_key=within("key_url")
    ),
    "azurerm_netapp_account": placed("Microsoft.NetApp/netAppAccounts"),
    "azurerm_netapp_account_encryption": addition(
        "Microsoft.NetApp/netAppAccounts", "netapp_account_id", encryption_key=KEY
    ),
    "azurerm_recovery_services_vault": placed("Microsoft.RecoveryServices/vaults", encryption=within("key_id")),
    "azurerm_servicebus_namespace": placed(
        "Microsoft.ServiceBus/namespaces", sku=SKU, customer_managed_key=within("key_vault_key_id")
    ),
    "azurerm_servicebus_namespace_customer_managed_key": addition(
        "Microsoft.ServiceBus/namespaces", "namespace_id", key_vault_key_id=KEY
    ),
    "azurerm_storage_account": placed(
        _STORAGE,
        account_kind=value("kind", default="StorageV2"),
        identity=IDENTITY_BLOCK,
        customer_managed_key=within("key_vault_key_id", "managed_hsm_key_id"),
        # The settings for the storage of audit events.
        immutability_policy=Field(
            arm="properties.immutableStorageWithVersioning",
            kind="block",
            fields={
                "allow_protected_append_writes": boolean("immutabilityPolicy.allowProtectedAppendWrites"),
                "state": value("immutabilityPolicy.state"),
            },
            constants={"enabled": True},
        ),
        queue_encryption_key_type=value("properties.encryption.services.queue.keyType", default="Service"),
        table_encryption_key_type=value("properties.encryption.services.table.keyType", default="Service"),
    ),
    "azurerm_storage_account_customer_managed_key": addition(
        _STORAGE,
        "storage_account_id",
        federated_identity_client_id=value("properties.encryption.identity.federatedIdentityClientId"),
        **keys("key_vault_key_id", "managed_hsm_key_id"),
        **SPLIT_KEY,
    ),
    "azurerm_storage_encryption_scope": child(
        f"{_STORAGE}/encryptionScopes",
        "storage_account_id",
        name=NAME,
        source=value("properties.source"),
        key_vault_key_id=KEY,
    ),
}
