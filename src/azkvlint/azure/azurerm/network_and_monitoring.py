"""azurerm tables of networks and monitoring.

Private endpoints, their DNS, subnets with service endpoints, and network security perimeters; diagnostic settings,
their destinations and log retention, alerts, and Defender plans. Source: the provider's documentation, schema and
upgrade guides, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.key_vault import PLACED
from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, boolean, flag, link, links, number, value, wrap

# Since 5.0 the zone is given by its id; before by its name, in an argument that differs by type.
# --- networks --------------------------------------------------------------------------------------------------------

_IN_ZONE: Mapping[str, Field] = {
    "name": value("name"),
    "resource_group_name": value("resourceGroupName"),
    "tags": value("tags"),
    "private_dns_zone_id": link("parent"),
}
_ZONE_NAME = value("derived.zoneName")
# `service_endpoints` (strings) until 5.0, `service_endpoint` (blocks) since 5.0.
_SERVICE_ENDPOINTS: Mapping[str, Field] = {
    "service_endpoints": wrap("properties.serviceEndpoints", "service"),
    "service_endpoint": blocks(
        "properties.serviceEndpoints",
        {"service": value("service"), "network_identifier": link("networkIdentifier.id")},
    ),
}
NETWORK: Mapping[str, Mapped] = {
    "azurerm_private_endpoint": Mapped(
        type="Microsoft.Network/privateEndpoints",
        fields={
            **PLACED,
            "subnet_id": link("properties.subnet.id"),
            "private_service_connection": block(
                "",
                {
                    "private_connection_resource_id": link("derived.privateLinkServiceId"),
                    "subresource_names": value("derived.groupIds"),
                    "is_manual_connection": boolean("derived.manualConnection"),
                },
            ),
            "private_dns_zone_group": block(
                "", {"private_dns_zone_ids": links("derived.privateDnsZoneIds", zero_is_set=True)}
            ),
        },
    ),
    "azurerm_private_dns_zone": Mapped(
        type="Microsoft.Network/privateDnsZones",
        fields={
            "name": value("name"),
            "resource_group_name": value("resourceGroupName"),
            "tags": value("tags"),
        },
        fixed={"location": "global"},
    ),
    "azurerm_private_dns_zone_virtual_network_link": Mapped(
        type="Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        fields={
            **_IN_ZONE,
            "private_dns_zone_name": _ZONE_NAME,
            "virtual_network_id": link("properties.virtualNetwork.id"),
            "registration_enabled": value("properties.registrationEnabled", default=False),
            "resolution_policy": value("properties.resolutionPolicy", computed=True),
        },
    ),
    "azurerm_private_dns_a_record": Mapped(
        type="Microsoft.Network/privateDnsZones/A",
        fields={
            **_IN_ZONE,
            "zone_name": _ZONE_NAME,
            "ttl": number("properties.ttl"),
            "records": wrap("properties.aRecords", "ipv4Address"),
        },
    ),
    "azurerm_virtual_network": Mapped(
        type="Microsoft.Network/virtualNetworks",
        fields={
            **PLACED,
            "address_space": value("properties.addressSpace.addressPrefixes"),
            "subnet": blocks(
                "properties.subnets",
                {
                    "name": value("name"),
                    "address_prefix": value("properties.addressPrefix"),
                    "address_prefixes": value("properties.addressPrefixes"),
                    **_SERVICE_ENDPOINTS,
                },
                computed=True,
            ),
        },
    ),
    "azurerm_subnet": Mapped(
        type="Microsoft.Network/virtualNetworks/subnets",
        fields={
            "name": value("name"),
            "resource_group_name": value("resourceGroupName"),
            "virtual_network_name": value("derived.virtualNetworkName"),
            "address_prefixes": value("properties.addressPrefixes", computed=True),
            "private_endpoint_network_policies": value(
                "properties.privateEndpointNetworkPolicies", default="Disabled", computed=True
            ),
            "default_outbound_access_enabled": value("properties.defaultOutboundAccess", default=True),
            **_SERVICE_ENDPOINTS,
        },
    ),
    "azurerm_virtual_network_peering": Mapped(
        type="Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
        fields={
            "name": value("name"),
            "resource_group_name": value("resourceGroupName"),
            "virtual_network_name": value("derived.virtualNetworkName"),
            "remote_virtual_network_id": link("properties.remoteVirtualNetwork.id"),
        },
    ),
    "azurerm_network_security_perimeter": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters",
        fields=PLACED,
    ),
    "azurerm_network_security_perimeter_profile": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters/profiles",
        fields={"name": value("name"), "network_security_perimeter_id": link("parent")},
    ),
    "azurerm_network_security_perimeter_access_rule": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters/profiles/accessRules",
        fields={
            "name": value("name"),
            "network_security_perimeter_profile_id": link("parent"),
            "direction": value("properties.direction"),
            "address_prefixes": value("properties.addressPrefixes"),
            "fqdns": value("properties.fullyQualifiedDomainNames"),
            "service_tags": value("properties.serviceTags"),
            "subscription_ids": wrap("properties.subscriptions", "id"),
        },
    ),
    # The perimeter, which would be the parent, is only known through the profile.
    "azurerm_network_security_perimeter_association": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters/resourceAssociations",
        fields={
            "name": value("name"),
            "resource_id": link("properties.privateLinkResource.id"),
            "network_security_perimeter_profile_id": link("properties.profile.id"),
            "access_mode": value("properties.accessMode"),
        },
    ),
}


# --- monitoring ------------------------------------------------------------------------------------------------------

_INGESTION = "properties.publicNetworkAccessForIngestion"
_QUERY = "properties.publicNetworkAccessForQuery"
# Logs are kept forever with 0 days.
_RETENTION = block("retentionPolicy", {"enabled": boolean("enabled"), "days": number("days", zero_is_set=True)})
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
            # `log` until 4.0, `enabled_log` since 3.39; both were computed while both existed.
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
            # `metric` until 5.0, `enabled_metric` since 4.31; both were computed while both existed.
            "enabled_metric": blocks(
                "properties.metrics", {"category": value("category")}, computed=True, constants={"enabled": True}
            ),
            "metric": blocks(
                "properties.metrics",
                {
                    "category": value("category"),
                    "enabled": value("enabled", default=True),
                    "retention_policy": _RETENTION,
                },
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
            # Booleans until 5.0, strings since 5.0.
            "internet_ingestion_enabled": flag(_INGESTION, "Enabled", "Disabled", default=True),
            "internet_ingestion_access_type": value(_INGESTION, default="Enabled"),
            "internet_query_enabled": flag(_QUERY, "Enabled", "Disabled", default=True),
            "internet_query_access_type": value(_QUERY, default="Enabled"),
        },
    ),
    "azurerm_security_center_subscription_pricing": Mapped(
        type="Microsoft.Security/pricings",
        fields={
            # Azure names the resource of a plan after the protected resource type.
            "resource_type": value("name", default="VirtualMachines"),
            "tier": value("properties.pricingTier"),
            "subplan": value("properties.subPlan"),
        },
    ),
}
_METRIC: Mapping[str, Field] = {
    "metric_namespace": value("metricNamespace"),
    "metric_name": value("metricName"),
}
# Azure sends events of all types if none are listed, and the provider computes the list.
_FILTER: Mapping[str, Field] = {
    "name": value("name"),
    "included_event_types": value("properties.filter.includedEventTypes", computed=True),
    "subject_filter": block(
        "",
        {
            "subject_begins_with": value("properties.filter.subjectBeginsWith"),
            "subject_ends_with": value("properties.filter.subjectEndsWith"),
        },
    ),
    # One of about twenty comparisons, because rules only check whether any exists.
    "advanced_filter": blocks(
        "properties.filter.advancedFilters", {"string_in": blocks("stringIn", {"key": value("key")})}
    ),
}
ALERTS: Mapping[str, Mapped] = {
    "azurerm_monitor_activity_log_alert": Mapped(
        type="Microsoft.Insights/activityLogAlerts",
        fields={
            **PLACED,
            "scopes": links("properties.scopes"),
            "description": value("properties.description"),
            "enabled": value("properties.enabled", default=True),
            # ARM represents each as an item of `condition.allOf` with a field and the value it equals.
            "criteria": block(
                "derived.criteria",
                {
                    "category": value("category"),
                    "operation_name": value("operationName"),
                    "caller": value("caller"),
                    "level": value("level"),
                    "levels": value("levels"),
                    "status": value("status"),
                    "statuses": value("statuses"),
                    "sub_status": value("subStatus"),
                    "sub_statuses": value("subStatuses"),
                    "resource_provider": value("resourceProvider"),
                    "resource_providers": value("resourceProviders"),
                    "resource_type": value("resourceType"),
                    "resource_types": value("resourceTypes"),
                    "resource_group": value("resourceGroup"),
                    "resource_groups": value("resourceGroups"),
                    "resource_id": link("resourceId"),
                    "resource_ids": links("resourceIds"),
                },
            ),
            "action": blocks("properties.actions.actionGroups", {"action_group_id": link("actionGroupId")}),
        },
    ),
    "azurerm_monitor_metric_alert": Mapped(
        type="Microsoft.Insights/metricAlerts",
        fields={
            **PLACED,
            "scopes": links("properties.scopes"),
            "enabled": value("properties.enabled", default=True),
            "target_resource_type": value("properties.targetResourceType", computed=True),
            "criteria": blocks("properties.criteria.allOf", _METRIC),
            "dynamic_criteria": blocks("properties.criteria.allOf", _METRIC),
        },
    ),
    "azurerm_monitor_scheduled_query_rules_alert": Mapped(
        type="Microsoft.Insights/scheduledQueryRules", fields={**PLACED, "query": value("properties.source.query")}
    ),
    "azurerm_eventgrid_system_topic": Mapped(
        type="Microsoft.EventGrid/systemTopics",
        fields={
            **PLACED,
            # The first name until 4.x, the second since then.
            "source_arm_resource_id": link("properties.source", computed=True),
            "source_resource_id": link("properties.source", computed=True),
            "topic_type": value("properties.topicType"),
        },
    ),
    "azurerm_eventgrid_system_topic_event_subscription": Mapped(
        type="Microsoft.EventGrid/systemTopics/eventSubscriptions",
        fields={**_FILTER, "system_topic": value("derived.topicName")},
    ),
    "azurerm_eventgrid_event_subscription": Mapped(
        type="Microsoft.EventGrid/eventSubscriptions",
        fields={**_FILTER, "scope": link("scope")},
    ),
}
_NEVER = -1  # the provider's value for a deletion criterion that is not used
SINKS: Mapping[str, Mapped] = {
    "azurerm_log_analytics_workspace_table": Mapped(
        type="Microsoft.OperationalInsights/workspaces/tables",
        fields={
            "workspace_id": link("parent"),
            "name": value("name"),
            "retention_in_days": number("properties.retentionInDays", computed=True),
            "total_retention_in_days": number("properties.totalRetentionInDays", computed=True),
        },
    ),
    "azurerm_log_analytics_linked_service": Mapped(
        type="Microsoft.OperationalInsights/workspaces/linkedServices",
        fields={"workspace_id": link("parent"), "write_access_id": link("properties.writeAccessResourceId")},
    ),
    "azurerm_eventhub_namespace_authorization_rule": Mapped(
        type="Microsoft.EventHub/namespaces/authorizationRules",
        fields={"name": value("name"), "namespace_name": value("derived.namespaceName")},
    ),
    "azurerm_storage_management_policy": Mapped(
        type="Microsoft.Storage/storageAccounts/managementPolicies",
        fields={
            "storage_account_id": link("parent"),
            "rule": blocks(
                "properties.policy.rules",
                {
                    "name": value("name"),
                    "enabled": boolean("enabled"),
                    "filters": block(
                        "definition.filters",
                        {
                            "prefix_match": value("prefixMatch"),
                            "blob_types": value("blobTypes"),
                            "match_blob_index_tag": blocks("blobIndexMatch", {"name": value("name")}),
                        },
                    ),
                    "actions": block(
                        "definition.actions",
                        {
                            "base_blob": block(
                                "baseBlob.delete",
                                {
                                    "delete_after_days_since_modification_greater_than": number(
                                        "daysAfterModificationGreaterThan", default=_NEVER
                                    ),
                                    "delete_after_days_since_creation_greater_than": number(
                                        "daysAfterCreationGreaterThan", default=_NEVER
                                    ),
                                    "delete_after_days_since_last_access_time_greater_than": number(
                                        "daysAfterLastAccessTimeGreaterThan", default=_NEVER
                                    ),
                                },
                            )
                        },
                    ),
                },
            ),
        },
        fixed={"name": "default"},
    ),
}
