"""What watches over vaults: diagnostic settings, workspaces, activity log alerts, Defender plans.

Source: the provider's documentation, schema and upgrade guides, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.readers.azurerm.table import Mapped, block, blocks, flag, link, links, number, value
from kvlint.readers.azurerm.vault import PLACED

_INGESTION = "properties.publicNetworkAccessForIngestion"
_QUERY = "properties.publicNetworkAccessForQuery"

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
            "log_analytics_destination_type": value("properties.logAnalyticsDestinationType", computed=True),
            # `log` until 4.0, `enabled_log` since 3.39; either one was computed while both were there.
            "enabled_log": blocks(
                "properties.logs",
                {"category": value("category"), "category_group": value("categoryGroup")},
                computed=True,
                constants={"enabled": True},
            ),
            "log": blocks(
                "properties.logs",
                {
                    "category": value("category"),
                    "category_group": value("categoryGroup"),
                    "enabled": value("enabled", default=True),
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
    "azurerm_monitor_activity_log_alert": Mapped(
        type="Microsoft.Insights/activityLogAlerts",
        fields={
            **PLACED,
            "scopes": links("properties.scopes"),
            "description": value("properties.description"),
            "enabled": value("properties.enabled", default=True),
            # ARM spells each of them as an item of `condition.allOf`: a field and what it equals.
            "criteria": block(
                "derived.criteria",
                {
                    "category": value("category"),
                    "operation_name": value("operationName"),
                    "level": value("level"),
                    "status": value("status"),
                    "resource_provider": value("resourceProvider"),
                    "resource_type": value("resourceType"),
                    "resource_group": value("resourceGroup"),
                    "resource_id": link("resourceId"),
                    "resource_ids": links("resourceIds"),
                },
            ),
            "action": blocks("properties.actions.actionGroups", {"action_group_id": link("actionGroupId")}),
        },
    ),
    "azurerm_security_center_subscription_pricing": Mapped(
        type="Microsoft.Security/pricings",
        fields={
            "resource_type": value("properties.resourceType", default="VirtualMachines"),
            "tier": value("properties.pricingTier"),
            "subplan": value("properties.subPlan"),
        },
    ),
}
