"""azurerm tables of key vaults, managed HSMs, their keys, secrets and certificates, and access to them.

Certificates, issuers, contacts and managed storage accounts have no ARM resource: their types are the ones that azapi
uses for the data plane, and their properties mirror the data plane's in camel case. Role assignments and definitions of
a managed HSM are its own and not ARM's. Source: the provider's documentation, schema, changelogs and upgrade guides,
versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import (
    Default,
    Field,
    Mapped,
    Plain,
    block,
    blocks,
    boolean,
    flag,
    link,
    links,
    number,
    value,
    wrap,
)

# Arguments of nearly every resource in a resource group.
PLACED: Mapping[str, Field] = {
    "name": value("name"),
    "location": value("location"),
    "resource_group_name": value("resourceGroupName"),
    "tags": value("tags"),
}

# The identities that are assigned to a resource, also to one of the provider azapi. ARM has an object whose keys are
# the IDs. The tenant of an identity is that of its resource.
IDENTITY_BLOCK = block(
    "identity",
    {
        "type": value("type"),
        "identity_ids": links("identityIds"),
        "principal_id": value("principalId", computed=True),
        "tenant_id": value("tenantId", computed=True),
    },
)

# The contacts that receive a notification before a certificate expires.
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


# What a policy must have is set, whatever its value; the provider rejects an empty ID.
_REQUIRED = frozenset({"tenant_id", "object_id"})


def _policy(prefix: str = "") -> Mapping[str, Field]:
    """Return the fields of one access policy, below ``prefix``."""
    return {argument: value(prefix + arm, zero_is_set=argument in _REQUIRED) for argument, arm in _POLICY.items()}


VAULT: Mapping[str, Mapped] = {
    "azurerm_key_vault": Mapped(
        type="Microsoft.KeyVault/vaults",
        fields={
            **PLACED,
            "tenant_id": value("properties.tenantId", zero_is_set=True),
            "sku_name": value("properties.sku.name"),
            "rbac_authorization_enabled": _RBAC,
            "enable_rbac_authorization": _RBAC,
            "purge_protection_enabled": value("properties.enablePurgeProtection", default=False),
            # Before 2.42 the provider sent false by default; since then it always sends true.
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
            # ARM has no contacts: the provider sets them through the data plane.
            "contact": blocks("derived.certificateContacts", CONTACT, computed=True),
        },
    ),
    "azurerm_key_vault_access_policy": Mapped(
        type="Microsoft.KeyVault/vaults/accessPolicies",
        fields={"key_vault_id": link("parent"), **_policy("policy.")},
        listed={"policy": "properties.accessPolicies"},
    ),
}


_IN_VAULT: Mapping[str, Field] = {"name": value("name"), "key_vault_id": link("parent"), "tags": value("tags")}
DATES: Mapping[str, Field] = {
    "not_before_date": value("properties.attributes.nbf"),
    "expiration_date": value("properties.attributes.exp"),
}
# The provider has no argument for it, and always creates enabled objects.
ENABLED: Mapping[str, Plain] = {"properties.attributes.enabled": True}

_CERTIFICATE_POLICY: Mapping[str, Field] = {
    "issuer_parameters": block("issuerParameters", {"name": value("name")}),
    "key_properties": block(
        "keyProperties",
        {
            "exportable": boolean("exportable"),
            "key_type": value("keyType"),
            "key_size": number("keySize", computed=True),
            "curve": value("curve", computed=True),
            "reuse_key": boolean("reuseKey"),
        },
    ),
    "lifetime_action": blocks(
        "lifetimeActions",
        {
            "action": block("action", {"action_type": value("actionType")}),
            "trigger": block(
                "trigger",
                {
                    "days_before_expiry": number("daysBeforeExpiry"),
                    "lifetime_percentage": number("lifetimePercentage"),
                },
            ),
        },
    ),
    "secret_properties": block("secretProperties", {"content_type": value("contentType")}),
    "x509_certificate_properties": block(
        "x509CertificateProperties",
        {
            # Required.
            "validity_in_months": number("validityInMonths", zero_is_set=True),
            "subject": value("subject"),
            "key_usage": value("keyUsage"),
            "extended_key_usage": value("extendedKeyUsage", computed=True),
            "subject_alternative_names": block(
                "subjectAlternativeNames",
                {"dns_names": value("dnsNames"), "emails": value("emails"), "upns": value("upns")},
                computed=True,
            ),
        },
        computed=True,
        filled=True,
    ),
}

OBJECTS: Mapping[str, Mapped] = {
    "azurerm_key_vault_key": Mapped(
        type="Microsoft.KeyVault/vaults/keys",
        fields={
            **_IN_VAULT,
            **DATES,
            "key_type": value("properties.kty"),
            "key_size": number("properties.keySize"),
            "curve": value("properties.curveName", computed=True),
            "key_opts": value("properties.keyOps"),
            "release_policy": block(
                "properties.release_policy", {"json": value("data"), "immutable": value("immutable", default=False)}
            ),
            "rotation_policy": block(
                "properties.rotationPolicy",
                {
                    "expire_after": value("attributes.expiryTime"),
                    "notify_before_expiry": value("notifyBeforeExpiry"),
                    "automatic": blocks(
                        "lifetimeActions",
                        {
                            "time_after_creation": value("trigger.timeAfterCreate"),
                            "time_before_expiry": value("trigger.timeBeforeExpiry"),
                        },
                        constants={"action.type": "rotate"},
                    ),
                },
            ),
        },
        fixed=ENABLED,
    ),
    "azurerm_key_vault_secret": Mapped(
        type="Microsoft.KeyVault/vaults/secrets",
        fields={
            **_IN_VAULT,
            **DATES,
            # The provider requires one of the two, and sends an empty value (key_vault_secret_resource.go).
            "value": value("properties.value", sensitive=True, zero_is_set=True),
            "value_wo": value("properties.value", sensitive=True, zero_is_set=True),
            "value_wo_version": value("derived.valueVersion"),
            # The provider always sends it, empty if it is not set.
            "content_type": value("properties.contentType", zero_is_set=True),
        },
        fixed=ENABLED,
    ),
    "azurerm_key_vault_certificate": Mapped(
        type="Microsoft.KeyVault/vaults/certificates",
        fields={
            **_IN_VAULT,
            "certificate": block(
                "",
                {
                    "contents": value("properties.value", sensitive=True),
                    "password": value("properties.password", sensitive=True),
                },
            ),
            "certificate_policy": block("properties.policy", _CERTIFICATE_POLICY, computed=True, filled=True),
        },
    ),
    "azurerm_key_vault_certificate_issuer": Mapped(
        type="Microsoft.KeyVault/vaults/certificates/issuers",
        fields={
            "name": value("name"),
            "key_vault_id": link("parent"),
            "provider_name": value("properties.provider"),
            "account_id": value("properties.credentials.accountId"),
            "password": value("properties.credentials.password", sensitive=True),
            "org_id": value("properties.organizationDetails.id"),
            "admin": blocks(
                "properties.organizationDetails.adminDetails",
                {
                    "email_address": value("email"),
                    "first_name": value("firstName"),
                    "last_name": value("lastName"),
                    "phone": value("phone"),
                },
            ),
        },
    ),
    "azurerm_key_vault_certificate_contacts": Mapped(
        type="Microsoft.KeyVault/vaults/certificates/contacts",
        fields={"key_vault_id": link("parent"), "contact": blocks("properties.contacts", CONTACT)},
    ),
    "azurerm_key_vault_managed_storage_account": Mapped(
        type="Microsoft.KeyVault/vaults/storage",
        fields={
            **_IN_VAULT,
            "storage_account_id": link("properties.resourceId"),
            "storage_account_key": value("properties.activeKeyName"),
            "regenerate_key_automatically": value("properties.autoRegenerateKey", default=False),
            "regeneration_period": value("properties.regenerationPeriod"),
        },
    ),
    "azurerm_key_vault_managed_storage_account_sas_token_definition": Mapped(
        type="Microsoft.KeyVault/vaults/storage/sas",
        fields={
            "name": value("name"),
            "managed_storage_account_id": link("parent"),
            "tags": value("tags"),
            "sas_template_uri": value("properties.templateUri", sensitive=True),
            "sas_type": value("properties.sasType"),
            "validity_period": value("properties.validityPeriod"),
        },
    ),
}


# Permissions of a role, also of a managed HSM's local roles.
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

# The role is given by its id or by its name; the provider computes the other.
_ASSIGNMENT: Mapping[str, Field] = {
    "name": value("name", computed=True),
    "role_definition_id": link("properties.roleDefinitionId", computed=True),
    "role_definition_name": value("properties.roleDefinitionName", computed=True),
    "principal_id": value("properties.principalId"),
    "principal_type": value("properties.principalType", computed=True),
    "description": value("properties.description"),
    **_CONDITION,
}

_SCHEDULED: Mapping[str, Field] = {
    "scope": link("scope"),
    "role_definition_id": link("properties.roleDefinitionId"),
    "principal_id": value("properties.principalId"),
    "principal_type": value("properties.principalType", computed=True),
    "justification": value("properties.justification", computed=True),
}

# The identity that runs Terraform, a data source of two providers.
_CLIENT = Mapped(
    type="Terraform/clientConfigs",
    fields={
        "object_id": value("objectId", computed=True),
        "client_id": value("clientId", computed=True),
        "tenant_id": value("tenantId", computed=True),
    },
)

# An application of the directory, with its client id; until azuread 3.0 that was called application_id.
_CLIENT_ID: Mapping[str, Field] = {
    "client_id": value("clientId", computed=True),
    "application_id": value("clientId", computed=True),
}

AUTHORIZATION: Mapping[str, Mapped] = {
    # The user principal name of a guest account contains #EXT#.
    "azuread_user": Mapped(
        type="Terraform/users", fields={"user_principal_name": value("properties.userPrincipalName")}
    ),
    "azuread_application": Mapped(type="Terraform/applications", fields=_CLIENT_ID),
    # Its object ID is that of a principal; that of an application is not.
    "azuread_service_principal": Mapped(
        type="Terraform/applications", fields={**_CLIENT_ID, "object_id": value("objectId", computed=True)}
    ),
    "azurerm_client_config": _CLIENT,
    "azuread_client_config": _CLIENT,
    "azurerm_role_assignment": Mapped(
        type="Microsoft.Authorization/roleAssignments",
        fields={**_ASSIGNMENT, "scope": link("scope")},
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
            # The provider's ``name`` is the role's name; Azure's name of a definition is a GUID.
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
    # `display_name` is an argument of the data source, `subscription_name` of the resource.
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
        fields={
            **PLACED,
            "client_id": value("properties.clientId", computed=True),
            "principal_id": value("properties.principalId", computed=True),
        },
    ),
}


# `vault_base_url` is the URL of the pool, replaced by its id in 4.0.
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
            "tenant_id": value("properties.tenantId", zero_is_set=True),
            "sku_name": value("sku.name"),
            "admin_object_ids": value("properties.initialAdminObjectIds"),
            # The provider sends false if it is not set.
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
            # ARM has no such properties: the provider activates the pool through the data plane.
            "security_domain_key_vault_certificate_ids": links("derived.securityDomain.certificateIds"),
            "security_domain_quorum": number("derived.securityDomain.quorum"),
        },
        # Soft delete of a managed HSM cannot be disabled.
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
