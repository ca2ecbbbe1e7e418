"""azurerm and azuread tables of groups, federated identity credentials and the identities of workloads.

Groups have no ARM resource. Source: the provider's documentation and schema, azurerm 2.0 to 5.10, azuread 1.0 to 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, link, links, value

GROUPS, MEMBERS = "Terraform/groups", "Terraform/groupMembers"
# Federated identity credentials of applications, which their service principals have too.
APPLICATION_CREDENTIALS = "Terraform/applicationCredentials"

# The identities that are assigned to a resource. ARM has an object whose keys are the IDs.
IDENTITY: Mapping[str, Field] = {
    "identity": block("identity", {"type": value("type"), "identity_ids": links("identityIds")})
}

_MACHINE, _SCALE_SET = "Microsoft.Compute/virtualMachines", "Microsoft.Compute/virtualMachineScaleSets"

IDENTITIES: Mapping[str, Mapped] = {
    "azuread_group": Mapped(
        type=GROUPS,
        fields={
            "display_name": value("displayName", computed=True),
            "object_id": value("objectId", computed=True),
            "members": value("properties.members", computed=True),
        },
    ),
    "azuread_group_member": Mapped(
        type=MEMBERS,
        fields={"group_object_id": value("properties.groupId"), "member_object_id": value("properties.memberId")},
    ),
    "azuread_application_federated_identity_credential": Mapped(
        type=APPLICATION_CREDENTIALS,
        fields={
            # Renamed in azuread 2.44.
            "application_id": value("properties.applicationId"),
            "application_object_id": value("properties.applicationId"),
            "issuer": value("properties.issuer"),
            "subject": value("properties.subject"),
        },
    ),
    # Since azuread 3.2.
    "azuread_application_flexible_federated_identity_credential": Mapped(
        type=APPLICATION_CREDENTIALS,
        fields={
            "application_id": value("properties.applicationId"),
            "issuer": value("properties.issuer"),
            "claims_matching_expression": value("properties.claimsMatchingExpression.value"),
        },
    ),
    "azurerm_federated_identity_credential": Mapped(
        type="Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        fields={
            "name": value("name"),
            # Renamed in 4.58.
            "parent_id": link("parent"),
            "user_assigned_identity_id": link("parent"),
            "issuer": value("properties.issuer"),
            "subject": value("properties.subject"),
            "audience": value("properties.audiences"),
        },
    ),
    **{
        f"azurerm_{system}virtual_machine": Mapped(type=_MACHINE, fields=IDENTITY)
        for system in ("linux_", "windows_", "")
    },
    **{
        f"azurerm_{system}_virtual_machine_scale_set": Mapped(type=_SCALE_SET, fields=IDENTITY)
        for system in ("linux", "windows", "orchestrated")
    },
    "azurerm_container_app": Mapped(
        type="Microsoft.App/containerApps", fields={"resource_group_name": value("resourceGroupName"), **IDENTITY}
    ),
    "azurerm_container_app_job": Mapped(type="Microsoft.App/jobs", fields=IDENTITY),
    "azurerm_container_group": Mapped(type="Microsoft.ContainerInstance/containerGroups", fields=IDENTITY),
}
