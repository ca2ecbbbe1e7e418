"""Ranges of addresses, of IPv4 and IPv6."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from azkvlint.evaluation.terraform.functions.numbers import whole_number
from azkvlint.evaluation.terraform.functions.table import ANY, Data, Function, InvalidCall, UnknownResult

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Network: TypeAlias = IPv4Network | IPv6Network
    Address: TypeAlias = IPv4Address | IPv6Address


def _network(text: str) -> Network:
    from ipaddress import ip_interface

    address, slash, length = text.partition("/")
    if not slash or not length.isascii() or not length.isdigit() or "%" in address:
        raise InvalidCall("expects an address range in CIDR notation")
    try:
        return ip_interface(_plain(address) + "/" + str(int(length))).network
    except ValueError as error:
        raise InvalidCall("expects an address range in CIDR notation") from error


def _plain(address: str) -> str:
    """Return an address without the zeros that Terraform accepts and Python does not."""
    if ":" in address:
        return address
    return ".".join(part.lstrip("0") or "0" if part.isdigit() else part for part in address.split("."))


def _text(network: Network) -> str:
    return _shown(network.network_address) + f"/{network.prefixlen}"


def _shown(address: Address) -> str:
    """Return an address as Go prints it."""
    if address.version == 6 and address.ipv4_mapped is not None:
        raise UnknownResult("IPv4-mapped IPv6 addresses are not supported")
    return str(address)


def _host(prefix: str, number: float) -> str:
    network, host = _network(prefix), whole_number(number)
    index = host if host >= 0 else network.num_addresses + host
    if not 0 <= index < network.num_addresses:
        raise InvalidCall("expects an address within the range")
    return _shown(network.network_address + index)


def _netmask(prefix: str) -> str:
    network = _network(prefix)
    if network.version != 4:
        raise InvalidCall("does not accept an IPv6 range")
    return str(network.netmask)


def _subnet(prefix: str, bits: float, number: float) -> str:
    network, more, index = _network(prefix), whole_number(bits), whole_number(number)
    if more < 0:
        raise UnknownResult("a negative number of additional bits is not supported")
    if network.prefixlen + more > network.max_prefixlen:
        raise InvalidCall("expects a prefix length that the address family allows")
    if index >= 1 << more:
        raise InvalidCall("expects a subnet within the address range")
    if index < 0:
        raise UnknownResult("a negative subnet number is not supported")
    length = network.prefixlen + more
    start = network.network_address + (index << (network.max_prefixlen - length))
    return f"{_shown(start)}/{length}"


def _subnets(prefix: str, *bits: float) -> list[str]:
    """Return subnets one after the other, each aligned to its own size."""
    network = _network(prefix)
    start, end = int(network.network_address), int(network.broadcast_address) + 1
    kind = type(network.network_address)
    found: list[str] = []
    for more in map(whole_number, bits):
        length = network.prefixlen + more
        if more < 1 or length > network.max_prefixlen:
            raise InvalidCall("expects at least one additional bit and a prefix length that the address family allows")
        size = 1 << (network.max_prefixlen - length)
        start = -(-start // size) * size
        if start + size > end:
            raise InvalidCall("expects subnets that fit the address range")
        found.append(f"{_shown(kind(start))}/{length}")
        start += size
    return found


def _contains(prefix: str, other: str) -> bool:
    from ipaddress import IPv4Address, IPv6Address, ip_address

    network = _network(prefix)
    try:
        inner = _network(other) if "/" in other else ip_address(_plain(other))
    except ValueError as error:
        raise InvalidCall("expects an IP address") from error
    if inner.version != network.version:
        raise InvalidCall("expects addresses of one family")
    if isinstance(inner, IPv4Address | IPv6Address):
        return inner in network
    return inner.network_address in network and inner.broadcast_address in network


FUNCTIONS: tuple[Function, ...] = (
    Data("cidrhost", 2, 2, _host, kinds=("string", "number")),
    Data("cidrnetmask", 1, 1, _netmask, kinds=("string",)),
    Data("cidrsubnet", 3, 3, _subnet, kinds=("string", "number", "number")),
    Data("cidrsubnets", 1, ANY, _subnets, kinds=("string", "number"), kind="list"),
    Data("cidrcontains", 2, 2, _contains, kinds=("string", "string")),
)
