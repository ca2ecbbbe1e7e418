"""What watches over vaults: diagnostic settings, workspaces, Defender plans.

Source: the provider's documentation, schema and upgrade guides, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, boolean, flag, link, number, value
from azkvlint.azure.azurerm.vault import PLACED

_INGESTION = "properties.publicNetworkAccessForIngestion"
_QUERY = "properties.publicNetworkAccessForQuery"
_RETENTION = block("retentionPolicy", {"enabled": boolean("enabled"), "days": number("days")})

MONITOR: Mapping[str, Mapped] = {
    "azurerm_monitor_diagnostic_setting": Mapped(
        type="Microsoft.Insights/diagnosticSettings",
        fields={
            "name": value("name"),
            "target_resource_id": link("scope"),
            "log_analytics_workspace_id": link("properties.workspaceId"),
            "storage_account_id": link("properties.storageAccountId"),
            "eventhub_authorization_rule_id": link("properties.eventHubAuthorizationRuleId"),
            "eventhub_name": value("properties.eventHubName"),
            "partner_solution_id": link("properties.marketplacePartnerId"),
            "log_analytics_destination_type": Field(
                arm="properties.logAnalyticsDestinationType", computed=True, filled=True
            ),
            # `log` until 4.0, `enabled_log` since 3.39; either one was computed while both were there.
            "enabled_log": blocks(
                "properties.logs",
                {
                    "category": value("category"),
                    "category_group": value("categoryGroup"),
                    "retention_policy": _RETENTION,
                },
                computed=True,
                constants={"enabled": True},
            ),
            "log": blocks(
                "properties.logs",
                {
                    "category": value("category"),
                    "category_group": value("categoryGroup"),
                    "enabled": value("enabled", default=True),
                    "retention_policy": _RETENTION,
                },
                computed=True,
            ),
            # `metric` until 5.0, `enabled_metric` since 4.31; either one was computed while both were there.
            "enabled_metric": blocks(
                "properties.metrics", {"category": value("category")}, computed=True, constants={"enabled": True}
            ),
            "metric": blocks(
                "properties.metrics",
                {"category": value("category"), "enabled": value("enabled", default=True)},
                computed=True,
            ),
        },
        any_of=(
            "log_analytics_workspace_id",
            "storage_account_id",
            "eventhub_authorization_rule_id",
            "partner_solution_id",
        ),
    ),
    "azurerm_log_analytics_workspace": Mapped(
        type="Microsoft.OperationalInsights/workspaces",
        fields={
            **PLACED,
            "sku": value("properties.sku.name", computed=True),
            "retention_in_days": number("properties.retentionInDays", computed=True),
            "daily_quota_gb": number("properties.workspaceCapping.dailyQuotaGb", default=-1),
            # Booleans until 5.0, words from 5.0 on.
            "internet_ingestion_enabled": flag(_INGESTION, "Enabled", "Disabled", default=True),
            "internet_ingestion_access_type": value(_INGESTION, default="Enabled"),
            "internet_query_enabled": flag(_QUERY, "Enabled", "Disabled", default=True),
            "internet_query_access_type": value(_QUERY, default="Enabled"),
        },
    ),
    "azurerm_security_center_subscription_pricing": Mapped(
        type="Microsoft.Security/pricings",
        fields={
            # Azure names a plan's resource after what the plan protects.
            "resource_type": value("name", default="VirtualMachines"),
            "tier": value("properties.pricingTier"),
            "subplan": value("properties.subPlan"),
        },
    ),
}
