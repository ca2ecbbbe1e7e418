"""Who needs a vault's keys: analytics and monitoring.

Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.consumer import KEY, NAME, SKU, addition, keys, placed, within
from azkvlint.azure.azurerm.table import Mapped, blocks, link, value

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
    # What these store goes to a storage account of the customer's, or to Microsoft's.
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
