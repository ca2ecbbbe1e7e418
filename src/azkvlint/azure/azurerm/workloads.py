"""azurerm tables of identities, and of workloads that use secrets and certificates: machines, apps, gateways.

If a resource refers to one certificate, its ID goes to ``derived.certificateIds``. Source: the provider's documentation
and schema, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.key_vault import IDENTITY_BLOCK, PLACED
from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, link, value

GROUPS, MEMBERS = "Terraform/groups", "Terraform/groupMembers"
# Federated identity credentials of applications, which their service principals have too.
APPLICATION_CREDENTIALS = "Terraform/applicationCredentials"

IDENTITY: Mapping[str, Field] = {"identity": IDENTITY_BLOCK}

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


_LINKED = "Microsoft.DataFactory/factories/linkedservices"
_IN_VAULT: Mapping[str, Field] = {"secret_name": value("secretName")}
_OF_VAULT = {"type": "AzureKeyVaultSecret"}
_AT = "properties.typeProperties."
# Most linked services accept several of these.
_LINKED_FIELDS: Mapping[str, Field] = {
    "name": value("name"),
    "data_factory_id": link("parent"),
    "connection_string": value(f"{_AT}connectionString", sensitive=True),
    "key_vault_connection_string": block(f"{_AT}connectionString", _IN_VAULT, constants=_OF_VAULT),
    "password": value(f"{_AT}password.value", sensitive=True),
    "key_vault_password": block(f"{_AT}password", _IN_VAULT, constants=_OF_VAULT),
    "access_token": value(f"{_AT}accessToken.value", sensitive=True),
}
_SERVICES = (
    "azure_sql_database", "azure_blob_storage", "azure_databricks", "azure_file_storage", "cosmosdb", "mysql",
    "odbc", "postgresql", "sftp", "snowflake", "sql_server", "synapse",
)  # fmt: skip

_SETTINGS: Mapping[str, Field] = {
    "app_settings": value("properties.siteConfig.appSettings", sensitive=True),
    "connection_string": blocks(
        "properties.siteConfig.connectionStrings",
        {"name": value("name"), "value": value("connectionString", sensitive=True)},
    ),
}
_SUBNET = link("properties.virtualNetworkSubnetId")
_REFERENCE_IDENTITY: Mapping[str, Field] = {
    "key_vault_reference_identity_id": link("properties.keyVaultReferenceIdentity", computed=True)
}


def _app(plan: str, **arguments: Field) -> Mapped:
    """Return an app in the hosting plan that the argument ``plan`` refers to."""
    connected = {plan: link("properties.serverFarmId"), "virtual_network_subnet_id": _SUBNET}
    return Mapped(type="Microsoft.Web/sites", fields={**PLACED, **_SETTINGS, **connected, **IDENTITY, **arguments})


def _slot(app: str) -> Mapped:
    """Return a deployment slot of the app that the argument ``app`` refers to."""
    fields = {"name": value("name"), "tags": value("tags"), app: link("parent"), "virtual_network_subnet_id": _SUBNET}
    plan = {"service_plan_id": link("properties.serverFarmId")}
    return Mapped(
        type="Microsoft.Web/sites/slots",
        fields={**fields, **plan, **_SETTINGS, **_REFERENCE_IDENTITY, **IDENTITY},
    )


_CONTAINERS: Mapping[str, Field] = {
    "secret": blocks(
        "properties.configuration.secrets",
        {
            "name": value("name"),
            "key_vault_secret_id": link("keyVaultUrl"),
            "identity": link("identity"),
        },
    )
}
# The service of an API Management resource that is a part of it, by name only.
_OF_SERVICE: Mapping[str, Field] = {"api_management_name": value("derived.serviceName")}
_SYSTEMS = ("linux", "windows")

WORKLOADS: Mapping[str, Mapped] = {
    "azurerm_api_management_named_value": Mapped(
        type="Microsoft.ApiManagement/service/namedValues",
        fields={
            "name": value("name"),
            **_OF_SERVICE,
            "secret": value("properties.secret", default=False),
            "value": value("properties.value", sensitive=True),
            "value_from_key_vault": block(
                "properties.keyVault",
                {"secret_id": link("secretIdentifier"), "identity_client_id": value("identityClientId")},
            ),
        },
    ),
    **{
        f"azurerm_data_factory_linked_service_{service}": Mapped(type=_LINKED, fields=_LINKED_FIELDS)
        for service in _SERVICES
    },
    "azurerm_data_factory_linked_custom_service": Mapped(
        type=_LINKED,
        fields={
            "name": value("name"),
            "data_factory_id": link("parent"),
            "type": value("properties.type"),
            # A JSON string, which may contain credentials anywhere.
            "type_properties_json": value("properties.typeProperties", sensitive=True),
        },
    ),
    "azurerm_container_app": Mapped(
        type="Microsoft.App/containerApps",
        fields={
            "name": value("name"),
            "tags": value("tags"),
            "container_app_environment_id": link("properties.managedEnvironmentId"),
            **_CONTAINERS,
        },
    ),
    "azurerm_container_app_job": Mapped(
        type="Microsoft.App/jobs",
        fields={
            **PLACED,
            "container_app_environment_id": link("properties.environmentId"),
            **_CONTAINERS,
        },
    ),
    **{
        f"azurerm_{system}_{kind}": _app("service_plan_id", **_REFERENCE_IDENTITY)
        for system in _SYSTEMS
        for kind in ("web_app", "function_app")
    },
    "azurerm_function_app_flex_consumption": _app("service_plan_id"),
    "azurerm_logic_app_standard": _app("app_service_plan_id", **_REFERENCE_IDENTITY),
    **{f"azurerm_{system}_web_app_slot": _slot("app_service_id") for system in _SYSTEMS},
    **{f"azurerm_{system}_function_app_slot": _slot("function_app_id") for system in _SYSTEMS},
    "azurerm_service_plan": Mapped(
        type="Microsoft.Web/serverfarms",
        fields={**PLACED, "app_service_environment_id": link("properties.hostingEnvironmentProfile.id")},
    ),
    "azurerm_app_service_virtual_network_swift_connection": Mapped(
        type="Microsoft.Web/sites/networkConfig",
        fields={"app_service_id": link("parent"), "subnet_id": link("properties.subnetResourceId")},
    ),
}


# Most values in App Configuration are not secrets. Those that may be are hidden where they are written.
STORES: Mapping[str, Mapped] = {
    "azurerm_app_configuration_key": Mapped(
        type="Microsoft.AppConfiguration/configurationStores/keyValues",
        fields={
            "key": value("name"),
            "content_type": value("properties.contentType", computed=True),
            "value": value("properties.value", computed=True),
        },
    ),
}


# Certificates installed on a virtual machine, by source vault.
_SOURCE: Mapping[str, Field] = {"key_vault_id": link("sourceVault.id")}
_EXTENSION: Mapping[str, Field] = {
    "publisher": value("properties.publisher"),
    "type": value("properties.type"),
    "settings": value("properties.settings"),
}
# Extensions of a scale set.
_EXTENSIONS = blocks(
    "properties.virtualMachineProfile.extensionProfile.extensions", {"name": value("name"), **_EXTENSION}
)

COMPUTE: Mapping[str, Mapped] = {
    **{
        f"azurerm_{system}_virtual_machine": Mapped(
            type="Microsoft.Compute/virtualMachines",
            fields={**PLACED, "secret": blocks("properties.osProfile.secrets", _SOURCE)},
        )
        for system in ("linux", "windows")
    },
    **{
        f"azurerm_{system}_virtual_machine_scale_set": Mapped(
            type="Microsoft.Compute/virtualMachineScaleSets",
            fields={
                **PLACED,
                "secret": blocks("properties.virtualMachineProfile.osProfile.secrets", _SOURCE),
                "extension": _EXTENSIONS,
            },
        )
        for system in ("linux", "windows")
    },
    "azurerm_orchestrated_virtual_machine_scale_set": Mapped(
        type="Microsoft.Compute/virtualMachineScaleSets",
        fields={
            **PLACED,
            "os_profile": block(
                "properties.virtualMachineProfile.osProfile",
                {
                    f"{system}_configuration": block("", {"secret": blocks("secrets", _SOURCE)})
                    for system in ("linux", "windows")
                },
            ),
            "extension": _EXTENSIONS,
        },
    ),
    "azurerm_virtual_machine": Mapped(
        type="Microsoft.Compute/virtualMachines",
        fields={
            **PLACED,
            "os_profile_secrets": blocks("properties.osProfile.secrets", {"source_vault_id": link("sourceVault.id")}),
        },
    ),
    "azurerm_virtual_machine_extension": Mapped(
        type="Microsoft.Compute/virtualMachines/extensions",
        fields={"name": value("name"), "virtual_machine_id": link("parent"), **_EXTENSION},
    ),
    "azurerm_virtual_machine_scale_set_extension": Mapped(
        type="Microsoft.Compute/virtualMachineScaleSets/extensions",
        fields={"name": value("name"), "virtual_machine_scale_set_id": link("parent"), **_EXTENSION},
    ),
}


_CERTIFICATE = link("derived.certificateIds")
_HOSTS = "properties.hostnameConfigurations"
# 5.0 replaced the first name by the second.
_HOST: Mapping[str, Field] = {
    "host_name": value("hostName"),
    "key_vault_id": link("keyVaultId"),
    "key_vault_certificate_id": link("keyVaultId"),
    "ssl_keyvault_identity_client_id": value("identityClientId"),
}
_HOST_TYPES: Mapping[str, str] = {
    "developer_portal": "DeveloperPortal",
    "gateway": "Proxy",
    "management": "Management",
    "portal": "Portal",
    "proxy": "Proxy",
    "scm": "Scm",
}
_HOST_BLOCKS: Mapping[str, Field] = {
    name: blocks(_HOSTS, _HOST, constants={"type": type_}) for name, type_ in _HOST_TYPES.items()
}


def _part(type_: str, **arguments: Field) -> Mapped:
    """Return a certificate in another service."""
    return Mapped(type=type_, fields={"name": value("name"), **arguments})


TLS: Mapping[str, Mapped] = {
    "azurerm_application_gateway": Mapped(
        type="Microsoft.Network/applicationGateways",
        fields={
            **PLACED,
            **IDENTITY,
            "ssl_certificate": blocks(
                "properties.sslCertificates",
                {"name": value("name"), "key_vault_secret_id": link("properties.keyVaultSecretId")},
            ),
            "frontend_ip_configuration": blocks(
                "properties.frontendIPConfigurations",
                {
                    "name": value("name"),
                    "public_ip_address_id": link("properties.publicIPAddress.id"),
                    "subnet_id": link("properties.subnet.id"),
                },
            ),
        },
    ),
    "azurerm_api_management": Mapped(
        type="Microsoft.ApiManagement/service",
        fields={
            **PLACED,
            **IDENTITY,
            "virtual_network_type": value("properties.virtualNetworkType", default="None"),
            "hostname_configuration": block("", _HOST_BLOCKS, computed=True),
        },
    ),
    # A part of the service: it has the same type, with the service as its scope.
    "azurerm_api_management_custom_domain": Mapped(
        type="Microsoft.ApiManagement/service", fields={"api_management_id": link("scope"), **_HOST_BLOCKS}
    ),
    "azurerm_cdn_frontdoor_profile": Mapped(type="Microsoft.Cdn/profiles", fields={**PLACED, **IDENTITY}),
    "azurerm_cdn_frontdoor_secret": Mapped(
        type="Microsoft.Cdn/profiles/secrets",
        fields={
            "name": value("name"),
            "cdn_frontdoor_profile_id": link("parent"),
            "secret": block(
                "properties.parameters",
                {"customer_certificate": block("secretSource", {"key_vault_certificate_id": link("id")})},
            ),
        },
    ),
    "azurerm_container_app_environment": Mapped(
        type="Microsoft.App/managedEnvironments",
        fields={
            **PLACED,
            **IDENTITY,
            "internal_load_balancer_enabled": value("properties.vnetConfiguration.internal", default=False),
            "infrastructure_subnet_id": link("properties.vnetConfiguration.infrastructureSubnetId"),
        },
    ),
    "azurerm_container_app_environment_certificate": Mapped(
        type="Microsoft.App/managedEnvironments/certificates",
        fields={
            "name": value("name"),
            "container_app_environment_id": link("parent"),
            "certificate_key_vault": block(
                "",
                {
                    "key_vault_secret_id": _CERTIFICATE,
                    "identity": link("properties.certificateKeyVaultProperties.identity"),
                },
            ),
        },
    ),
    "azurerm_app_service_certificate": Mapped(
        type="Microsoft.Web/certificates", fields={**PLACED, "key_vault_secret_id": _CERTIFICATE}
    ),
    "azurerm_firewall_policy": Mapped(
        type="Microsoft.Network/firewallPolicies",
        fields={**PLACED, **IDENTITY, "tls_certificate": block("", {"key_vault_secret_id": _CERTIFICATE})},
    ),
    "azurerm_api_management_certificate": _part(
        "Microsoft.ApiManagement/service/certificates",
        **_OF_SERVICE,
        key_vault_secret_id=_CERTIFICATE,
        key_vault_identity_client_id=value("properties.keyVault.identityClientId"),
    ),
    "azurerm_nginx_certificate": _part(
        "NGINX.NGINXPLUS/nginxDeployments/certificates",
        nginx_deployment_id=link("parent"),
        key_vault_secret_id=_CERTIFICATE,
    ),
    "azurerm_signalr_service_custom_certificate": _part(
        "Microsoft.SignalRService/signalR/customCertificates",
        signalr_service_id=link("parent"),
        custom_certificate_id=_CERTIFICATE,
    ),
    "azurerm_spring_cloud_certificate": _part(
        "Microsoft.AppPlatform/Spring/certificates", key_vault_certificate_id=_CERTIFICATE
    ),
    "azurerm_web_pubsub_custom_certificate": _part(
        "Microsoft.SignalRService/webPubSub/customCertificates",
        web_pubsub_id=link("parent"),
        custom_certificate_id=_CERTIFICATE,
    ),
}
