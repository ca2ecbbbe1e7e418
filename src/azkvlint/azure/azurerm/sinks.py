"""Where audit events end up, and how long they stay: workspaces' tables and clusters, event hubs, storage policies.

Source: the provider's documentation and schema, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Mapped, block, blocks, boolean, link, number, value

_NEVER = -1  # how the provider says that a rule does not delete by this measure

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
