"""Who needs a vault's keys: the azurerm types that encrypt with a key of the customer's.

Whatever the argument is called, it goes to ``derived.keyId``, so that a rule can ask for consumers of a key without
knowing them. Arguments that split a key into vault, name and version go to ``derived.keyVaultId``, ``derived.keyName``
and ``derived.keyVersion``. A resource that only adds the key to another one has that one's type, and it as ``scope``.
Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.readers.azurerm.table import Field, Mapped, block, link, links, value
from kvlint.readers.azurerm.vault import PLACED

_NAME = value("name")
_KEY = link("derived.keyId")
_SPLIT_KEY: Mapping[str, Field] = {
    "key_vault_id": link("derived.keyVaultId"),
    "key_name": value("derived.keyName"),
    "key_version": value("derived.keyVersion"),
}


def _keys(*arguments: str) -> Mapping[str, Field]:
    """Arguments of which each names a key."""
    return dict.fromkeys(arguments, _KEY)


def _within(*arguments: str, computed: bool = False) -> Field:
    """A block with arguments of which each names a key."""
    return block("", _keys(*arguments), computed=computed)


def _placed(type_: str, **arguments: Field) -> Mapped:
    """A resource of its own in a resource group."""
    return Mapped(type=type_, fields={**PLACED, **arguments})


def _child(type_: str, parent: str, **arguments: Field) -> Mapped:
    """A resource inside another one, which the argument ``parent`` names."""
    return Mapped(type=type_, fields={parent: link("parent"), **arguments})


def _addition(type_: str, whole: str, **arguments: Field) -> Mapped:
    """A part of another resource of Azure's, which the argument ``whole`` names."""
    return Mapped(type=type_, fields={whole: link("scope"), **arguments})


_STORAGE = "Microsoft.Storage/storageAccounts"
_DATABASES: Mapping[str, Mapped] = {
    "azurerm_mssql_server": _placed("Microsoft.Sql/servers", **_keys("transparent_data_encryption_key_vault_key_id")),
    "azurerm_mssql_database": _child(
        "Microsoft.Sql/servers/databases",
        "server_id",
        name=_NAME,
        **_keys("transparent_data_encryption_key_vault_key_id"),
        transparent_data_encryption_key_automatic_rotation_enabled=value(
            "properties.encryptionProtectorAutoRotation", default=False
        ),
    ),
    "azurerm_mssql_server_transparent_data_encryption": _child(
        "Microsoft.Sql/servers/encryptionProtector",
        "server_id",
        **_keys("key_vault_key_id", "managed_hsm_key_id"),
        auto_rotation_enabled=value("properties.autoRotationEnabled", default=False),
    ),
    "azurerm_mssql_managed_instance_transparent_data_encryption": _child(
        "Microsoft.Sql/managedInstances/encryptionProtector",
        "managed_instance_id",
        **_keys("key_vault_key_id", "managed_hsm_key_id"),
        auto_rotation_enabled=value("properties.autoRotationEnabled", default=False),
    ),
    "azurerm_mysql_flexible_server": _placed(
        "Microsoft.DBforMySQL/flexibleServers",
        customer_managed_key=_within("key_vault_key_id", "managed_hsm_key_id", "geo_backup_key_vault_key_id"),
    ),
    "azurerm_mysql_server_key": _child("Microsoft.DBforMySQL/servers/keys", "server_id", key_vault_key_id=_KEY),
    "azurerm_postgresql_flexible_server": _placed(
        "Microsoft.DBforPostgreSQL/flexibleServers",
        customer_managed_key=_within("key_vault_key_id", "geo_backup_key_vault_key_id"),
    ),
    "azurerm_postgresql_server_key": _child(
        "Microsoft.DBforPostgreSQL/servers/keys", "server_id", key_vault_key_id=_KEY
    ),
    "azurerm_cosmosdb_account": _placed(
        "Microsoft.DocumentDB/databaseAccounts", **_keys("key_vault_key_id", "managed_hsm_key_id")
    ),
    "azurerm_cosmosdb_cassandra_datacenter": _child(
        "Microsoft.DocumentDB/cassandraClusters/dataCenters",
        "cassandra_cluster_id",
        name=_NAME,
        **_keys("managed_disk_customer_key_uri", "backup_storage_customer_key_uri"),
    ),
    "azurerm_mongo_cluster": _placed(
        "Microsoft.DocumentDB/mongoClusters", customer_managed_key=_within("key_vault_key_id")
    ),
    "azurerm_managed_redis": _placed(
        "Microsoft.Cache/redisEnterprise", customer_managed_key=_within("key_vault_key_id")
    ),
    "azurerm_kusto_cluster_customer_managed_key": _addition(
        "Microsoft.Kusto/clusters", "cluster_id", managed_hsm_key_id=_KEY, **_SPLIT_KEY
    ),
}
_ANALYTICS: Mapping[str, Mapped] = {
    "azurerm_data_factory": _placed(
        "Microsoft.DataFactory/factories", customer_managed_key_id=link("derived.keyId", computed=True)
    ),
    "azurerm_data_factory_customer_managed_key": _addition(
        "Microsoft.DataFactory/factories", "data_factory_id", customer_managed_key_id=_KEY
    ),
    "azurerm_databricks_workspace": _placed(
        "Microsoft.Databricks/workspaces",
        **_keys("managed_services_cmk_key_vault_key_id", "managed_disk_cmk_key_vault_key_id"),
    ),
    "azurerm_databricks_workspace_customer_managed_key": _addition(
        "Microsoft.Databricks/workspaces", "workspace_id", key_vault_key_id=_KEY
    ),
    "azurerm_databricks_workspace_root_dbfs_customer_managed_key": _addition(
        "Microsoft.Databricks/workspaces", "workspace_id", key_vault_key_id=_KEY
    ),
    **{
        f"azurerm_hdinsight_{kind}_cluster": _placed(
            "Microsoft.HDInsight/clusters", disk_encryption=_within("key_vault_key_id")
        )
        for kind in ("hadoop", "hbase", "interactive_query", "kafka", "spark")
    },
    "azurerm_log_analytics_cluster_customer_managed_key": _addition(
        "Microsoft.OperationalInsights/clusters", "log_analytics_cluster_id", key_vault_key_id=_KEY
    ),
    "azurerm_synapse_workspace": _placed(
        "Microsoft.Synapse/workspaces", customer_managed_key=_within("key_versionless_id")
    ),
    "azurerm_synapse_workspace_key": Mapped(
        type="Microsoft.Synapse/workspaces/keys",
        fields={
            "customer_managed_key_name": _NAME,
            "synapse_workspace_id": link("parent"),
            "customer_managed_key_versionless_id": _KEY,
        },
    ),
}
_INTELLIGENCE: Mapping[str, Mapped] = {
    "azurerm_ai_foundry": _placed("Microsoft.MachineLearningServices/workspaces", encryption=_within("key_id")),
    "azurerm_ai_services": _placed(
        "Microsoft.CognitiveServices/accounts", customer_managed_key=_within("key_vault_key_id", "managed_hsm_key_id")
    ),
    "azurerm_bot_channels_registration": _placed("Microsoft.BotService/botServices", cmk_key_vault_url=_KEY),
    "azurerm_bot_service_azure_bot": _placed("Microsoft.BotService/botServices", cmk_key_vault_key_url=_KEY),
    "azurerm_cognitive_account": _placed(
        "Microsoft.CognitiveServices/accounts", customer_managed_key=_within("key_vault_key_id")
    ),
    "azurerm_cognitive_account_customer_managed_key": _addition(
        "Microsoft.CognitiveServices/accounts", "cognitive_account_id", key_vault_key_id=_KEY
    ),
    "azurerm_healthcare_dicom_service": _child(
        "Microsoft.HealthcareApis/workspaces/dicomservices", "workspace_id", name=_NAME, encryption_key_url=_KEY
    ),
    "azurerm_healthcare_service": _placed(
        "Microsoft.HealthcareApis/services", cosmosdb_key_vault_key_versionless_id=_KEY
    ),
    "azurerm_machine_learning_workspace": _placed(
        "Microsoft.MachineLearningServices/workspaces", encryption=_within("key_id")
    ),
}
_INFRASTRUCTURE: Mapping[str, Mapped] = {
    "azurerm_app_configuration": _placed(
        "Microsoft.AppConfiguration/configurationStores", encryption=_within("key_vault_key_identifier")
    ),
    "azurerm_automation_account": _placed(
        "Microsoft.Automation/automationAccounts", encryption=_within("key_vault_key_id")
    ),
    "azurerm_batch_account": _placed("Microsoft.Batch/batchAccounts", encryption=_within("key_vault_key_id")),
    "azurerm_container_group": _placed("Microsoft.ContainerInstance/containerGroups", key_vault_key_id=_KEY),
    "azurerm_container_registry": _placed(
        "Microsoft.ContainerRegistry/registries", encryption=_within("key_vault_key_id", computed=True)
    ),
    "azurerm_data_protection_backup_vault_customer_managed_key": _addition(
        "Microsoft.DataProtection/backupVaults", "data_protection_backup_vault_id", key_vault_key_id=_KEY
    ),
    "azurerm_disk_encryption_set": _placed(
        "Microsoft.Compute/diskEncryptionSets",
        **_keys("key_vault_key_id", "managed_hsm_key_id"),
        auto_key_rotation_enabled=value("properties.rotationToLatestKeyVersionEnabled", default=False),
        encryption_type=value("properties.encryptionType", default="EncryptionAtRestWithCustomerKey"),
    ),
    "azurerm_elastic_san_volume_group": _child(
        "Microsoft.ElasticSan/elasticSans/volumeGroups",
        "elastic_san_id",
        name=_NAME,
        encryption=_within("key_vault_key_id"),
    ),
    "azurerm_eventhub_namespace_customer_managed_key": _addition(
        "Microsoft.EventHub/namespaces", "eventhub_namespace_id", key_vault_key_ids=links("derived.keyIds")
    ),
    "azurerm_fluid_relay_server": _placed(
        "Microsoft.FluidRelay/fluidRelayServers", customer_managed_key=_within("key_vault_key_id")
    ),
    "azurerm_hpc_cache": _placed("Microsoft.StorageCache/caches", key_vault_key_id=_KEY),
    "azurerm_kubernetes_cluster": _placed(
        "Microsoft.ContainerService/managedClusters",
        key_management_service=block(
            "",
            {
                "key_vault_key_id": _KEY,
                "key_vault_network_access": value(
                    "properties.securityProfile.azureKeyVaultKms.keyVaultNetworkAccess", default="Public"
                ),
            },
        ),
        key_vault_secrets_provider=block(
            "properties.addonProfiles.azureKeyvaultSecretsProvider",
            {
                "secret_rotation_enabled": value("config.enableSecretRotation", default=False),
                "secret_rotation_interval": value("config.rotationPollInterval"),
            },
            constants={"enabled": True},
        ),
    ),
    "azurerm_load_test": _placed("Microsoft.LoadTestService/loadTests", encryption=_within("key_url")),
    "azurerm_managed_lustre_file_system": _placed(
        "Microsoft.StorageCache/amlFilesystems", encryption_key=_within("key_url")
    ),
    "azurerm_netapp_account_encryption": _addition(
        "Microsoft.NetApp/netAppAccounts", "netapp_account_id", encryption_key=_KEY
    ),
    "azurerm_recovery_services_vault": _placed("Microsoft.RecoveryServices/vaults", encryption=_within("key_id")),
    "azurerm_servicebus_namespace": _placed(
        "Microsoft.ServiceBus/namespaces", customer_managed_key=_within("key_vault_key_id")
    ),
    "azurerm_servicebus_namespace_customer_managed_key": _addition(
        "Microsoft.ServiceBus/namespaces", "namespace_id", key_vault_key_id=_KEY
    ),
    "azurerm_storage_account": _placed(
        _STORAGE, customer_managed_key=_within("key_vault_key_id", "managed_hsm_key_id")
    ),
    "azurerm_storage_account_customer_managed_key": _addition(
        _STORAGE, "storage_account_id", **_keys("key_vault_key_id", "managed_hsm_key_id"), **_SPLIT_KEY
    ),
    "azurerm_storage_encryption_scope": _child(
        f"{_STORAGE}/encryptionScopes",
        "storage_account_id",
        name=_NAME,
        source=value("properties.source"),
        key_vault_key_id=_KEY,
    ),
}

CONSUMERS: Mapping[str, Mapped] = {**_DATABASES, **_ANALYTICS, **_INTELLIGENCE, **_INFRASTRUCTURE}
