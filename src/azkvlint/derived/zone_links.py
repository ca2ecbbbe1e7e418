"""Whether the private DNS zone of an endpoint is linked to the virtual network of the endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.derived.answers import absent
from azkvlint.derived.companions import Sure, certainty_value
from azkvlint.derived.endpoints import ENDPOINTS, HEADS, LINKS, ZONE_NEEDS, ZONES, zone_ids, zone_of
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar

# A zone is resolved in the networks that it is linked to. Peered networks do not share their zones, but their clients
# reach the endpoint, so a link to a peered network is useful, too. Source:
# learn.microsoft.com/azure/dns/private-dns-virtual-network-links and
# learn.microsoft.com/azure/private-link/private-endpoint-dns-integration.


_NETWORKS = "microsoft.network/virtualnetworks"
_SUBNETS = f"{_NETWORKS}/subnets"
_PEERINGS = f"{_NETWORKS}/virtualnetworkpeerings"
_PRIVATE_LINK = ("privatelink.vaultcore.", "privatelink.managedhsm.")
_SUBNET: Path = ("properties", "subnet", "id")
_NETWORK: Path = ("properties", "virtualNetwork", "id")
_REMOTE: Path = ("properties", "remoteVirtualNetwork", "id")
_INLINE: Path = ("properties", "virtualNetworkPeerings")
_NETWORK_NAME: Path = ("derived", "virtualNetworkName")


@derived(
    "zoneAnswersNetwork",
    of=ENDPOINTS,
    label="virtual network link of the private DNS zone",
    reads={
        **ZONE_NEEDS,
        ENDPOINTS: (*ZONE_NEEDS[ENDPOINTS], _SUBNET),
        LINKS: (*HEADS, _NETWORK),
        ZONES: (("id",), ("name",), ("resourceGroupName",)),
        _SUBNETS: (("id",), ("name",), ("parent",), _NETWORK_NAME),
        _PEERINGS: (("parent",), _NETWORK_NAME, _REMOTE),
        _NETWORKS: (("id",), ("name",), _INLINE),
    },
)
def _answers_network(resource: Resource, context: Context) -> Answer:
    """Return whether a zone of an endpoint is linked to its network, or to a peered network.

    Absent if no zone is in the graph, or none of the zones has a link.
    """
    zones = [(zone, sure) for zone, sure in _zones(resource, context) if any(_links(zone, context))]
    if not zones:
        return absent(resource)
    network = _network_of(resource.select(_SUBNET), context)
    certain = [link for zone, sure in zones if sure is Sure.YES for link in _links(zone, context)]
    sure = max((min(of_zone, _serves(link, network, context)) for link, of_zone in certain), default=Sure.NO)
    if sure is not Sure.YES and any(of_endpoint is Sure.PERHAPS for _, of_endpoint in zones):
        sure = Sure.PERHAPS
    named = ", ".join(sorted({_name_of(link, context) for link, _ in certain}))
    note = f"zone linked to {named}, endpoint in {network}"
    doubt = "the private DNS zone may be linked to the network of the endpoint"
    return certainty_value(resource, sure, context, LINKS, note, doubt)


def _zones(resource: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """Yield the zones of an endpoint that are in the graph, and those that may belong to it."""
    ids = zone_ids(resource, context)
    items = ids.as_items
    for id_ in items:
        reference = reference_of("", "", id_, context.index)
        certain = set(reference.targets) if reference is not None and not reference.candidates else set()
        is_open = reference is None or reference.anything or bool(reference.candidates)
        for zone in context.index.of_type(ZONES):
            looked_up = Sure.NO if zone.existing or not zone.stays else _is_looked_up(zone)
            of_endpoint = Sure.YES if zone.address in certain else Sure.PERHAPS if is_open else Sure.NO
            if min(looked_up, of_endpoint) is not Sure.NO:
                yield zone, min(looked_up, of_endpoint)


def _is_looked_up(zone: Resource) -> Sure:
    """Return whether clients resolve the name of a vault in a zone."""
    name = zone.select(("name",))
    if not isinstance(name, Scalar):
        return Sure.PERHAPS
    return Sure.YES if str(name.value).lower().startswith(_PRIVATE_LINK) else Sure.NO


def _links(zone: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """Yield the links of a zone, and those that may belong to it."""
    found: dict[str, list[tuple[Resource, Sure]]] | None = context.cache.get("links by zone")
    if found is None:
        found = context.cache["links by zone"] = {}
        for link in context.index.of_type(LINKS):
            above = zone_of(link, context) if link.stays else Absent(at=link.at)
            reference = reference_of("", "", above, context.index)
            if reference is not None:
                for address in reference.targets:
                    found.setdefault(address, []).append((link, Sure.YES))
                for address in ("",) if reference.anything else reference.candidates:
                    found.setdefault(address, []).append((link, Sure.PERHAPS))
    yield from found.get(zone.address, ())
    yield from found.get("", ())


def _serves(link: Resource, network: str, context: Context) -> Sure:
    """Return whether a link is to a network, by its address, or to a network that is peered with it."""
    other = _network_at(link.select(_NETWORK), context)
    if not network or not other:
        return Sure.PERHAPS
    return Sure.YES if other == network else _are_peered(network, other, context)


def _are_peered(one: str, other: str, context: Context) -> Sure:
    found = Sure.NO
    for near, far in _peerings(context):
        if {near, far} == {one, other}:
            return Sure.YES
        if (not near or near in (one, other)) and (not far or far in (one, other)):
            found = Sure.PERHAPS
    return found


def _peerings(context: Context) -> list[tuple[str, str]]:
    """Return the addresses of the peered networks, both empty where they are not known."""
    found: list[tuple[str, str]] | None = context.cache.get("peerings")
    if found is None:
        found = context.cache["peerings"] = []
        for peering in context.index.of_type(_PEERINGS):
            if peering.stays:
                found.append((_network_above(peering, context), _network_at(peering.select(_REMOTE), context)))
        for network in context.index.of_type(_NETWORKS):
            inline = network.select(_INLINE)
            items = inline.as_items
            found += [(network.address, _network_at(item.select(_REMOTE), context)) for item in items]
    return found


def _network_of(subnet: Answer, context: Context) -> str:
    """Return the address of the network that a subnet is in; empty if it is not known."""
    reference = reference_of("", "", subnet, context.index)
    if reference is not None and len(reference.targets) == 1 and not reference.candidates:
        found = context.index.resources[reference.targets[0]]
        return _network_above(found, context) if found.type.lower() == _SUBNETS else ""
    above, _, kind = subnet.text.rstrip("/").rpartition("/")[0].rpartition("/")
    addresses = context.index.find(above)[0] if kind.lower() == "subnets" else ()
    return addresses[0] if len(addresses) == 1 and _is_network(addresses[0], context) else ""


def _network_above(inner: Resource, context: Context) -> str:
    """Return the network that a subnet or peering is a part of: azurerm states its name."""
    above = inner.select(("parent",))
    if not isinstance(above, Absent):
        return _network_at(above, context)
    name = inner.select(_NETWORK_NAME)
    found = context.index.named(_NETWORKS, str(name.value).lower()) if isinstance(name, Scalar) else []
    here = [one.address for one in found if one.stays and isinstance(one.select(("name",)), Scalar)]
    return here[0] if len(here) == 1 else ""


def _network_at(id_: Answer, context: Context) -> str:
    reference = reference_of("", "", id_, context.index)
    if reference is None or len(reference.targets) != 1 or reference.candidates:
        return ""
    return reference.targets[0] if _is_network(reference.targets[0], context) else ""


def _is_network(address: str, context: Context) -> bool:
    """Return whether an address is a virtual network that the input declares, rather than looks up or deletes."""
    found = context.index.resources[address]
    return found.type.lower() == _NETWORKS and found.stays and not found.existing


def _name_of(link: Resource, context: Context) -> str:
    return _network_at(link.select(_NETWORK), context) or "an unknown network"
