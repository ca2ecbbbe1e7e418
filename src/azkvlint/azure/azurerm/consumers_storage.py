"""Who needs a vault's keys: storage, backup and messaging.

Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.consumer import IDENTITY, KEY, NAME, SKU, SPLIT_KEY, addition, child, keys, placed, within
from azkvlint.azure.azurerm.table import Field, Mapped, boolean, link, links, value

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
        identity=IDENTITY,
        customer_managed_key=within("key_vault_key_id", "managed_hsm_key_id"),
        # What matters of an account that audit events are kept in.
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
