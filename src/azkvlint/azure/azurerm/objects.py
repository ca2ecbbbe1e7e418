"""What vaults hold: keys, secrets, certificates, and what certificates and managed storage accounts need.

Certificates, issuers, contacts and managed storage accounts have no ARM resource: their types are the ones that azapi
uses for the data plane, their properties mirror the data plane's in camel case.
Source: the provider's documentation and schema, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, Plain, block, blocks, boolean, link, number, value
from azkvlint.azure.azurerm.vault import CONTACT

_IN_VAULT: Mapping[str, Field] = {"name": value("name"), "key_vault_id": link("parent"), "tags": value("tags")}
DATES: Mapping[str, Field] = {
    "not_before_date": value("properties.attributes.nbf"),
    "expiration_date": value("properties.attributes.exp"),
}
# There is no argument for it: what the provider makes is enabled.
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
            "validity_in_months": number("validityInMonths"),
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
            "value": value("properties.value", sensitive=True),
            "value_wo": value("properties.value", sensitive=True),
            "value_wo_version": value("derived.valueVersion"),
            "content_type": value("properties.contentType"),
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
