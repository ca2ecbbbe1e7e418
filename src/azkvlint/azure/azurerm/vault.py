"""Vaults and who may use them: `azurerm_key_vault` and `azurerm_key_vault_access_policy`.

Source: the provider's documentation, schema, changelogs and upgrade guides, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Default, Field, Mapped, block, blocks, flag, link, number, value, wrap

# What nearly every resource that lives in a resource group has.
PLACED: Mapping[str, Field] = {
    "name": value("name"),
    "location": value("location"),
    "resource_group_name": value("resourceGroupName"),
    "tags": value("tags"),
}

# Who is told about certificates that expire.
CONTACT: Mapping[str, Field] = {"email": value("emailAddress"), "name": value("name"), "phone": value("phone")}

# Until 5.0 the provider sends false if neither name of the argument is set; from 5.0 on it must be set.
_RBAC = Field(
    arm="properties.enableRbacAuthorization", computed=True, boolean=True, defaults=(Default(False, until=(5, 0)),)
)

_POLICY: Mapping[str, str] = {
    "tenant_id": "tenantId",
    "object_id": "objectId",
    "application_id": "applicationId",
    "key_permissions": "permissions.keys",
    "secret_permissions": "permissions.secrets",
    "certificate_permissions": "permissions.certificates",
    "storage_permissions": "permissions.storage",
}


def _policy(prefix: str = "") -> Mapping[str, Field]:
    """One access policy, below ``prefix``."""
    return {argument: value(prefix + arm) for argument, arm in _POLICY.items()}


VAULT: Mapping[str, Mapped] = {
    "azurerm_key_vault": Mapped(
        type="Microsoft.KeyVault/vaults",
        fields={
            **PLACED,
            "tenant_id": value("properties.tenantId"),
            "sku_name": value("properties.sku.name"),
            "rbac_authorization_enabled": _RBAC,
            "enable_rbac_authorization": _RBAC,
            "purge_protection_enabled": value("properties.enablePurgeProtection", default=False),
            # Before 2.42 the provider sent false unless told otherwise; since then it sends true whatever is written.
            "soft_delete_enabled": Field(
                boolean=True,
                arm="properties.enableSoftDelete",
                computed=True,
                defaults=(Default(False, until=(2, 42)), Default(True, since=(2, 42))),
                until=(2, 42),
            ),
            "soft_delete_retention_days": number("properties.softDeleteRetentionInDays", default=90),
            "public_network_access_enabled": flag(
                "properties.publicNetworkAccess", "Enabled", "Disabled", default=True
            ),
            "enabled_for_deployment": value("properties.enabledForDeployment", default=False),
            "enabled_for_disk_encryption": value("properties.enabledForDiskEncryption", default=False),
            "enabled_for_template_deployment": value("properties.enabledForTemplateDeployment", default=False),
            "network_acls": block(
                "properties.networkAcls",
                {
                    "default_action": value("defaultAction"),
                    "bypass": value("bypass"),
                    "ip_rules": wrap("ipRules", "value"),
                    "virtual_network_subnet_ids": wrap("virtualNetworkRules", "id"),
                },
                computed=True,
            ),
            "access_policy": blocks("properties.accessPolicies", _policy(), computed=True),
            # ARM knows no contacts: the provider writes them through the data plane.
            "contact": blocks("derived.certificateContacts", CONTACT, computed=True),
        },
    ),
    "azurerm_key_vault_access_policy": Mapped(
        type="Microsoft.KeyVault/vaults/accessPolicies",
        fields={"key_vault_id": link("parent"), **_policy("policy.")},
        listed={"policy": "properties.accessPolicies"},
    ),
}
