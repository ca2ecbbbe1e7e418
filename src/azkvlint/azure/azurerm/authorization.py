"""Grants and locks, and what they are for: scopes and identities.

Source: the provider's documentation and schema, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, blocks, link, links, value
from azkvlint.azure.azurerm.vault import PLACED

# What a role may do; also the shape of a managed HSM's own roles.
PERMISSION: Mapping[str, Field] = {
    "actions": value("actions"),
    "not_actions": value("notActions"),
    "data_actions": value("dataActions"),
    "not_data_actions": value("notDataActions"),
}

_CONDITION: Mapping[str, Field] = {
    "condition": value("properties.condition"),
    "condition_version": value("properties.conditionVersion", computed=True),
}

# The role is given by its id or by its name; the provider fills in the other.
_ASSIGNMENT: Mapping[str, Field] = {
    "name": value("name", computed=True),
    "role_definition_id": link("properties.roleDefinitionId", computed=True),
    "role_definition_name": value("properties.roleDefinitionName", computed=True),
    "principal_id": value("properties.principalId"),
    "description": value("properties.description"),
    **_CONDITION,
}

_SCHEDULED: Mapping[str, Field] = {
    "scope": link("scope"),
    "role_definition_id": link("properties.roleDefinitionId"),
    "principal_id": value("properties.principalId"),
    "justification": value("properties.justification", computed=True),
}

# Whoever runs Terraform, as two providers tell it.
_CLIENT = Mapped(
    type="Terraform/clientConfigs",
    fields={
        "object_id": value("objectId", computed=True),
        "client_id": value("clientId", computed=True),
        "tenant_id": value("tenantId", computed=True),
    },
)

# An application of the directory, which has a client id besides; until azuread 3.0 that was called application_id.
_REGISTERED = Mapped(
    type="Terraform/applications",
    fields={"client_id": value("clientId", computed=True), "application_id": value("clientId", computed=True)},
)

AUTHORIZATION: Mapping[str, Mapped] = {
    # Whose account it is stands in its name: that of a guest holds #EXT#.
    "azuread_user": Mapped(
        type="Terraform/users", fields={"user_principal_name": value("properties.userPrincipalName")}
    ),
    "azuread_application": _REGISTERED,
    "azuread_service_principal": _REGISTERED,
    "azurerm_client_config": _CLIENT,
    "azuread_client_config": _CLIENT,
    "azurerm_role_assignment": Mapped(
        type="Microsoft.Authorization/roleAssignments",
        fields={
            **_ASSIGNMENT,
            "scope": link("scope"),
            "principal_type": value("properties.principalType", computed=True),
        },
    ),
    "azurerm_marketplace_role_assignment": Mapped(
        type="Microsoft.Authorization/roleAssignments",
        fields=_ASSIGNMENT,
        fixed={"scope": "/providers/Microsoft.Marketplace"},
    ),
    "azurerm_pim_active_role_assignment": Mapped(
        type="Microsoft.Authorization/roleAssignmentScheduleRequests",
        fields=_SCHEDULED,
    ),
    "azurerm_pim_eligible_role_assignment": Mapped(
        type="Microsoft.Authorization/roleEligibilityScheduleRequests",
        fields={**_SCHEDULED, **_CONDITION},
    ),
    "azurerm_role_management_policy": Mapped(
        type="Microsoft.Authorization/roleManagementPolicies",
        fields={"scope": link("scope"), "role_definition_id": link("properties.roleDefinitionId")},
    ),
    "azurerm_role_definition": Mapped(
        type="Microsoft.Authorization/roleDefinitions",
        fields={
            # What the provider calls the name is the role's; Azure's own name of a definition is a GUID.
            "name": value("properties.roleName"),
            "role_definition_id": value("name", computed=True),
            "scope": link("scope"),
            "description": value("properties.description"),
            "permissions": blocks("properties.permissions", PERMISSION),
            "assignable_scopes": links("properties.assignableScopes", computed=True),
        },
    ),
    "azurerm_management_lock": Mapped(
        type="Microsoft.Authorization/locks",
        fields={
            "name": value("name"),
            "scope": link("scope"),
            "lock_level": value("properties.level"),
            "notes": value("properties.notes"),
        },
    ),
    "azurerm_resource_group": Mapped(
        type="Microsoft.Resources/resourceGroups",
        fields={"name": value("name"), "location": value("location"), "tags": value("tags")},
    ),
    # `display_name` is the data source's, `subscription_name` the resource's.
    "azurerm_subscription": Mapped(
        type="Microsoft.Resources/subscriptions",
        fields={
            "subscription_id": value("subscriptionId", computed=True),
            "display_name": value("displayName"),
            "subscription_name": value("displayName"),
            "tags": value("tags"),
        },
    ),
    "azurerm_management_group": Mapped(
        type="Microsoft.Management/managementGroups",
        fields={"name": value("name", computed=True), "display_name": value("properties.displayName", computed=True)},
    ),
    "azurerm_user_assigned_identity": Mapped(
        type="Microsoft.ManagedIdentity/userAssignedIdentities",
        fields={**PLACED, "client_id": value("properties.clientId", computed=True)},
    ),
}
