"""Who needs a vault's keys: databases.

Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.consumer import IDENTITY, KEY, NAME, SPLIT_KEY, addition, child, keys, placed, within
from azkvlint.azure.azurerm.table import Mapped, block, value

CONSUMERS_DATABASES: Mapping[str, Mapped] = {
    "azurerm_mssql_server": placed(
        "Microsoft.Sql/servers",
        azuread_administrator=block("properties.administrators", {"tenant_id": value("tenantId", computed=True)}),
        identity=IDENTITY,
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
