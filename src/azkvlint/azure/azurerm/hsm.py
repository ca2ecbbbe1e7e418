"""Managed HSMs: the pool, its keys, and its own role assignments and definitions, which ARM's do not govern.

Source: the provider's documentation and schema, versions 2.57 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.authorization import PERMISSION
from azkvlint.azure.azurerm.objects import DATES, ENABLED
from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, flag, link, links, number, value
from azkvlint.azure.azurerm.vault import PLACED

# `vault_base_url` is the pool's address, which 4.0 gave up for its id.
_IN_POOL: Mapping[str, Field] = {
    "name": value("name"),
    "managed_hsm_id": link("parent"),
    "vault_base_url": link("parent"),
}

HSM: Mapping[str, Mapped] = {
    "azurerm_key_vault_managed_hardware_security_module": Mapped(
        type="Microsoft.KeyVault/managedHSMs",
        fields={
            **PLACED,
            "tenant_id": value("properties.tenantId"),
            "sku_name": value("sku.name"),
            "admin_object_ids": value("properties.initialAdminObjectIds"),
            # The provider sends false where nothing is said.
            "purge_protection_enabled": value("properties.enablePurgeProtection", default=False),
            "soft_delete_retention_days": number("properties.softDeleteRetentionInDays", default=90),
            "public_network_access_enabled": flag(
                "properties.publicNetworkAccess", "Enabled", "Disabled", default=True
            ),
            "network_acls": block(
                "properties.networkAcls",
                {"default_action": value("defaultAction"), "bypass": value("bypass")},
                computed=True,
            ),
            # ARM does not take them: the provider activates the pool through the data plane.
            "security_domain_key_vault_certificate_ids": links("derived.securityDomain.certificateIds"),
            "security_domain_quorum": number("derived.securityDomain.quorum"),
        },
        # A managed HSM has no switch for it.
        fixed={"properties.enableSoftDelete": True},
    ),
    "azurerm_key_vault_managed_hardware_security_module_key": Mapped(
        type="Microsoft.KeyVault/managedHSMs/keys",
        fields={
            "name": value("name"),
            "managed_hsm_id": link("parent"),
            "tags": value("tags"),
            **DATES,
            "key_type": value("properties.kty"),
            "key_size": number("properties.keySize"),
            "curve": value("properties.curveName"),
            "key_opts": value("properties.keyOps"),
        },
        fixed=ENABLED,
    ),
    "azurerm_key_vault_managed_hardware_security_module_key_rotation_policy": Mapped(
        type="Microsoft.KeyVault/managedHSMs/keys/rotationPolicies",
        fields={
            "managed_hsm_key_id": link("parent"),
            "expire_after": value("properties.attributes.expiryTime"),
            "time_after_creation": value("lifetimeAction.trigger.timeAfterCreate"),
            "time_before_expiry": value("lifetimeAction.trigger.timeBeforeExpiry"),
        },
        fixed={"lifetimeAction.action.type": "rotate"},
        listed={"lifetimeAction": "properties.lifetimeActions"},
    ),
    "azurerm_key_vault_managed_hardware_security_module_role_assignment": Mapped(
        type="Microsoft.KeyVault/managedHSMs/roleAssignments",
        fields={
            **_IN_POOL,
            # A path inside the pool (`/`, `/keys`, `/keys/<name>`), not an ARM scope.
            "scope": value("properties.scope"),
            "role_definition_id": link("properties.roleDefinitionId"),
            "principal_id": value("properties.principalId"),
        },
    ),
    "azurerm_key_vault_managed_hardware_security_module_role_definition": Mapped(
        type="Microsoft.KeyVault/managedHSMs/roleDefinitions",
        fields={
            **_IN_POOL,
            "role_name": value("properties.roleName"),
            "description": value("properties.description"),
            "permission": blocks("properties.permissions", PERMISSION),
        },
    ),
}
