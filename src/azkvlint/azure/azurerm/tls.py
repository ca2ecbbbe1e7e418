"""Who loads a vault's certificates, mostly to serve TLS: gateways, Front Door, API Management, App Service, and others.

Where a resource names one certificate, its id goes to ``derived.certificateIds``; where it may name several, they stay
where Azure has them, and ``derived.certificateIds`` is gathered from there (``readers/derive/certificates.py``).
Source: the provider's documentation and schema, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, link, value
from azkvlint.azure.azurerm.vault import PLACED

_CERTIFICATE = link("derived.certificateIds")
_HOSTS = "properties.hostnameConfigurations"
# 5.0 gave up the first name for the second.
_HOST: Mapping[str, Field] = {
    "host_name": value("hostName"),
    "key_vault_id": link("keyVaultId"),
    "key_vault_certificate_id": link("keyVaultId"),
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
    """A certificate in another service."""
    return Mapped(type=type_, fields={"name": value("name"), **arguments})


TLS: Mapping[str, Mapped] = {
    "azurerm_application_gateway": Mapped(
        type="Microsoft.Network/applicationGateways",
        fields={
            **PLACED,
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
            "virtual_network_type": value("properties.virtualNetworkType", default="None"),
            "hostname_configuration": block("", _HOST_BLOCKS, computed=True),
        },
    ),
    # A part of the service: it has that one's type, and the service as its scope.
    "azurerm_api_management_custom_domain": Mapped(
        type="Microsoft.ApiManagement/service", fields={"api_management_id": link("scope"), **_HOST_BLOCKS}
    ),
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
            "internal_load_balancer_enabled": value("properties.vnetConfiguration.internal", default=False),
        },
    ),
    "azurerm_container_app_environment_certificate": Mapped(
        type="Microsoft.App/managedEnvironments/certificates",
        fields={
            "name": value("name"),
            "container_app_environment_id": link("parent"),
            "certificate_key_vault": block("", {"key_vault_secret_id": _CERTIFICATE}),
        },
    ),
    "azurerm_app_service_certificate": Mapped(
        type="Microsoft.Web/certificates", fields={**PLACED, "key_vault_secret_id": _CERTIFICATE}
    ),
    "azurerm_firewall_policy": Mapped(
        type="Microsoft.Network/firewallPolicies",
        fields={**PLACED, "tls_certificate": block("", {"key_vault_secret_id": _CERTIFICATE})},
    ),
    "azurerm_api_management_certificate": _part(
        "Microsoft.ApiManagement/service/certificates", key_vault_secret_id=_CERTIFICATE
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
