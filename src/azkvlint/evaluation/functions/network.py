"""Ranges of addresses. Source: learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-cidr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.functions.numbers import number
from azkvlint.evaluation.functions.strings import text
from azkvlint.evaluation.functions.table import Data, Function, InvalidCall, UnknownResult

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


def _network(value: object) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network

    try:
        return ip_network(text(value), strict=False)
    except ValueError as error:
        raise InvalidCall("expects an address range in CIDR notation") from error


def _parse(value: object) -> dict[str, object]:
    found = _network(value)
    if found.version == 6:
        return {
            "network": str(found.network_address),
            "netmask": str(found.netmask),
            "firstUsable": str(found.network_address),
            "lastUsable": str(found.broadcast_address),
            "cidr": found.prefixlen,
        }
    if found.prefixlen > 30:
        raise UnknownResult("the usable addresses of a range this small are not documented")
    return {
        "network": str(found.network_address),
        "netmask": str(found.netmask),
        "broadcast": str(found.broadcast_address),
        "firstUsable": str(found.network_address + 1),
        "lastUsable": str(found.broadcast_address - 1),
        "cidr": found.prefixlen,
    }


def _subnet(value: object, prefix: object, index: object) -> str:
    found, length, at = _network(value), number(prefix), number(index)
    if not found.prefixlen <= length <= found.max_prefixlen or not 0 <= at < 1 << (length - found.prefixlen):
        raise InvalidCall("expects a subnet within the address range")
    return f"{found.network_address + (at << (found.max_prefixlen - length))}/{length}"


def _host(value: object, index: object) -> str:
    found, at = _network(value), number(index)
    if at < 0 or at + 1 >= found.num_addresses:
        raise InvalidCall("expects an address within the range")
    return str(found.network_address + at + 1)


FUNCTIONS: tuple[Function, ...] = (
    Data("parseCidr", 1, 1, _parse),
    Data("cidrSubnet", 3, 3, _subnet),
    Data("cidrHost", 2, 2, _host),
)
