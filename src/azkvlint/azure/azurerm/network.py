"""azurerm tables of private endpoints, their DNS, subnets with service endpoints, and network security perimeters.

Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.key_vault import PLACED
from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, boolean, link, links, number, value, wrap

# Since 5.0 the zone is given by its id; before by its name, in an argument that differs by type.
_IN_ZONE: Mapping[str, Field] = {
    "name": value("name"),
    "resource_group_name": value("resourceGroupName"),
    "tags": value("tags"),
    "private_dns_zone_id": link("parent"),
}
_ZONE_NAME = value("derived.zoneName")

# `service_endpoints` (strings) until 5.0, `service_endpoint` (blocks) since 5.0.
_SERVICE_ENDPOINTS: Mapping[str, Field] = {
    "service_endpoints": wrap("properties.serviceEndpoints", "service"),
    "service_endpoint": blocks(
        "properties.serviceEndpoints",
        {"service": value("service"), "network_identifier": link("networkIdentifier.id")},
    ),
}

NETWORK: Mapping[str, Mapped] = {
    "azurerm_private_endpoint": Mapped(
        type="Microsoft.Network/privateEndpoints",
        fields={
            **PLACED,
            "subnet_id": link("properties.subnet.id"),
            "private_service_connection": block(
                "",
                {
                    "private_connection_resource_id": link("derived.privateLinkServiceId"),
                    "subresource_names": value("derived.groupIds"),
                    "is_manual_connection": boolean("derived.manualConnection"),
                },
            ),
            "private_dns_zone_group": block("", {"private_dns_zone_ids": links("derived.privateDnsZoneIds")}),
        },
    ),
    "azurerm_private_dns_zone": Mapped(
        type="Microsoft.Network/privateDnsZones",
        fields={
            "name": value("name"),
            "resource_group_name": value("resourceGroupName"),
            "tags": value("tags"),
        },
        fixed={"location": "global"},
    ),
    "azurerm_private_dns_zone_virtual_network_link": Mapped(
        type="Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        fields={
            **_IN_ZONE,
            "private_dns_zone_name": _ZONE_NAME,
            "virtual_network_id": link("properties.virtualNetwork.id"),
            "registration_enabled": value("properties.registrationEnabled", default=False),
            "resolution_policy": value("properties.resolutionPolicy", computed=True),
        },
    ),
    "azurerm_private_dns_a_record": Mapped(
        type="Microsoft.Network/privateDnsZones/A",
        fields={
            **_IN_ZONE,
            "zone_name": _ZONE_NAME,
            "ttl": number("properties.ttl"),
            "records": wrap("properties.aRecords", "ipv4Address"),
        },
    ),
    "azurerm_virtual_network": Mapped(
        type="Microsoft.Network/virtualNetworks",
        fields={
            **PLACED,
            "address_space": value("properties.addressSpace.addressPrefixes"),
            "subnet": blocks(
                "properties.subnets",
                {
                    "name": value("name"),
                    "address_prefix": value("properties.addressPrefix"),
                    "address_prefixes": value("properties.addressPrefixes"),
                    **_SERVICE_ENDPOINTS,
                },
                computed=True,
            ),
        },
    ),
    "azurerm_subnet": Mapped(
        type="Microsoft.Network/virtualNetworks/subnets",
        fields={
            "name": value("name"),
            "resource_group_name": value("resourceGroupName"),
            "virtual_network_name": value("derived.virtualNetworkName"),
            "address_prefixes": value("properties.addressPrefixes", computed=True),
            "private_endpoint_network_policies": value(
                "properties.privateEndpointNetworkPolicies", default="Disabled", computed=True
            ),
            "default_outbound_access_enabled": value("properties.defaultOutboundAccess", default=True),
            **_SERVICE_ENDPOINTS,
        },
    ),
    "azurerm_virtual_network_peering": Mapped(
        type="Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
        fields={
            "name": value("name"),
            "resource_group_name": value("resourceGroupName"),
            "virtual_network_name": value("derived.virtualNetworkName"),
            "remote_virtual_network_id": link("properties.remoteVirtualNetwork.id"),
        },
    ),
    "azurerm_network_security_perimeter": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters",
        fields=PLACED,
    ),
    "azurerm_network_security_perimeter_profile": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters/profiles",
        fields={"name": value("name"), "network_security_perimeter_id": link("parent")},
    ),
    "azurerm_network_security_perimeter_access_rule": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters/profiles/accessRules",
        fields={
            "name": value("name"),
            "network_security_perimeter_profile_id": link("parent"),
            "direction": value("properties.direction"),
            "address_prefixes": value("properties.addressPrefixes"),
            "fqdns": value("properties.fullyQualifiedDomainNames"),
            "service_tags": value("properties.serviceTags"),
            "subscription_ids": wrap("properties.subscriptions", "id"),
        },
    ),
    # The perimeter, which would be the parent, is only known through the profile.
    "azurerm_network_security_perimeter_association": Mapped(
        type="Microsoft.Network/networkSecurityPerimeters/resourceAssociations",
        fields={
            "name": value("name"),
            "resource_id": link("properties.privateLinkResource.id"),
            "network_security_perimeter_profile_id": link("properties.profile.id"),
            "access_mode": value("properties.accessMode"),
        },
    ),
}
