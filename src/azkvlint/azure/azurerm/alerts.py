"""What tells people that something happens: alerts on activities and metrics, and events before an object expires.

Source: the provider's documentation and schema, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, link, links, value
from azkvlint.azure.azurerm.vault import PLACED

_METRIC: Mapping[str, Field] = {
    "metric_namespace": value("metricNamespace"),
    "metric_name": value("metricName"),
}
# Azure sends events of all types where none are listed, and the provider computes the list.
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
    # One of some twenty comparisons: that there is any is all that matters.
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
            # ARM spells each of them as an item of `condition.allOf`: a field and what it equals.
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
            # The first name until 4.x, the second since.
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
