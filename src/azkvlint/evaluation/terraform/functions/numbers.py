"""Functions of numbers and IP ranges, and conversions from one type to another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.evaluation.known import is_string
from azkvlint.evaluation.terraform.alternatives import data_of, gather, number_of_instances, stands_for_all
from azkvlint.evaluation.terraform.functions.table import (
    ANY,
    Function,
    InvalidCall,
    Lazy,
    TerraformCallContext,
    TerraformDataFunction,
    TerraformResultFunction,
    UnknownResult,
)
from azkvlint.evaluation.terraform.operators import exact, normal
from azkvlint.evaluation.terraform.types import ANY as ANY_TYPE
from azkvlint.evaluation.terraform.types import TypeConstraint, convert, type_of
from azkvlint.evaluation.values import Closure, Result
from azkvlint.model.pattern import call_hole
from azkvlint.model.value import Unknown

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Network: TypeAlias = IPv4Network | IPv6Network
    Address: TypeAlias = IPv4Address | IPv6Address


def _to(name: str, type_: TypeConstraint) -> Function:
    def run(call: TerraformCallContext, arguments: list[Result]) -> Result:
        found = _converted(call, arguments[0], type_)
        if isinstance(found, Unknown) and name != "tostring":
            # It may be another value than it was, but names what it named.
            return call.pass_through([found], found, given=found.is_set, known=found.known)
        if isinstance(found, Unknown) and found.pattern is not None and not is_string(found):
            return msgspec.structs.replace(found, pattern=call_hole(name, [found.pattern]))
        return found

    return TerraformResultFunction(name, 1, 1, run, nulls=True)


def _converted(call: TerraformCallContext, result: Result, type_: TypeConstraint) -> Result:
    one = stands_for_all(result)
    if one is not None:
        return gather([one], number_of_instances(result, call.at))
    given = data_of(result, call.at)
    call.evaluator.weigh(given)
    return convert(given, type_, lambda node: call.evaluator.evaluate(node, {}))


def _convert(call: TerraformCallContext) -> Result:
    """Return ``convert(value, type)``, whose second argument is written as that of a variable."""
    if len(call.node.arguments) != 2:
        raise call.failed("expects a value and a type")
    value = call.evaluator.evaluate(call.node.arguments[0], call.local)
    return value if isinstance(value, Closure) else _converted(call, value, type_of(call.node.arguments[1]))


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MOST_DIGITS = 600
# Terraform itself rejects more numbers than this.
_LONGEST_RANGE = 1024


def whole_number(value: float) -> int:
    """Return a number without a fraction."""
    if not isinstance(value, int):
        raise InvalidCall("expects a whole number")
    return value


def _ceil(value: float) -> int:
    return math.ceil(exact(value))


def _floor(value: float) -> int:
    return math.floor(exact(value))


def _abs(value: float) -> float:
    return abs(value)


def _signum(value: float) -> int:
    return (whole_number(value) > 0) - (whole_number(value) < 0)


def _decimal(number: float) -> float:
    """Return a number of 64 bits by the digits that it is printed with."""
    return normal(exact(number))


def _log(value: float, base: float) -> float:
    if value <= 0 or base <= 0 or base == 1:
        raise InvalidCall("expects a positive number and a positive base other than 1")
    return _decimal(math.log(value) / math.log(base))


def _pow(value: float, power: float) -> float:
    try:
        return _decimal(math.pow(value, power))
    except OverflowError as error:
        raise UnknownResult("infinite numbers are not supported") from error
    except ValueError as error:
        raise InvalidCall("expects a power with a real result") from error


def _parse(text: object, base: float) -> int:
    base = whole_number(base)
    if not isinstance(text, str):
        raise InvalidCall("expects a string")
    if not 2 <= base <= 62:
        raise InvalidCall("expects a base between 2 and 62")
    digits = text[1:] if text[:1] in ("+", "-") else text
    if len(digits) > _MOST_DIGITS:
        raise UnknownResult("a number this large is not supported")
    found = 0
    for digit in digits if base > 36 else digits.lower():
        value = _DIGITS.find(digit)
        if not 0 <= value < base:
            raise InvalidCall("expects a number in the given base")
        found = found * base + value
    if not digits:
        raise InvalidCall("expects a number in the given base")
    return -found if text[0] == "-" else found


def _min(*values: float) -> float:
    return min(values, key=exact)


def _max(*values: float) -> float:
    return max(values, key=exact)


def _sum(values: list[float]) -> float:
    if not values:
        raise InvalidCall("expects a list that is not empty")
    return normal(sum(map(exact, values)))


def _range(*limits: float) -> list[float]:
    bounds = [exact(limit) for limit in limits]
    start, end = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
    step = bounds[2] if len(bounds) == 3 else 1 if end >= start else -1
    if step == 0 or (end > start and step < 0) or (end < start and step > 0):
        raise InvalidCall("expects a step that leads from start to end")
    found: list[float] = []
    at = start
    while at < end if step > 0 else at > end:
        if len(found) == _LONGEST_RANGE:
            raise InvalidCall(f"does not return more than {_LONGEST_RANGE:,} numbers")
        found.append(normal(at))
        at += step
    return found


_ONE, _TWO = ("number",), ("number", "number")


FUNCTIONS: tuple[Function, ...] = (
    TerraformDataFunction("abs", 1, 1, _abs, kinds=_ONE),
    TerraformDataFunction("ceil", 1, 1, _ceil, kinds=_ONE),
    TerraformDataFunction("floor", 1, 1, _floor, kinds=_ONE),
    TerraformDataFunction("log", 2, 2, _log, kinds=_TWO),
    TerraformDataFunction("max", 1, ANY, _max, kinds=_ONE),
    TerraformDataFunction("min", 1, ANY, _min, kinds=_ONE),
    TerraformDataFunction("parseint", 2, 2, _parse, kinds=("any", "number")),
    TerraformDataFunction("pow", 2, 2, _pow, kinds=_TWO),
    TerraformDataFunction("signum", 1, 1, _signum, kinds=_ONE),
    TerraformDataFunction("sum", 1, 1, _sum, kinds=("numbers",)),
    TerraformDataFunction("range", 1, 3, _range, kinds=_ONE, kind="list"),
    _to("tostring", TypeConstraint("string")),
    _to("tonumber", TypeConstraint("number")),
    _to("tobool", TypeConstraint("bool")),
    _to("tolist", TypeConstraint("list", (ANY_TYPE,))),
    _to("toset", TypeConstraint("set", (ANY_TYPE,))),
    _to("tomap", TypeConstraint("map", (ANY_TYPE,))),
    Lazy("convert", 2, 2, _convert),
)


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
    return _address_text(network.network_address) + f"/{network.prefixlen}"


def _address_text(address: Address) -> str:
    """Return an address as Go prints it."""
    if address.version == 6 and address.ipv4_mapped is not None:
        raise UnknownResult("IPv4-mapped IPv6 addresses are not supported")
    return str(address)


def _host(prefix: str, number: float) -> str:
    network, host = _network(prefix), whole_number(number)
    index = host if host >= 0 else network.num_addresses + host
    if not 0 <= index < network.num_addresses:
        raise InvalidCall("expects an address within the range")
    return _address_text(network.network_address + index)


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
    return f"{_address_text(start)}/{length}"


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
        found.append(f"{_address_text(kind(start))}/{length}")
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


NETWORK: tuple[Function, ...] = (
    TerraformDataFunction("cidrhost", 2, 2, _host, kinds=("string", "number")),
    TerraformDataFunction("cidrnetmask", 1, 1, _netmask, kinds=("string",)),
    TerraformDataFunction("cidrsubnet", 3, 3, _subnet, kinds=("string", "number", "number")),
    TerraformDataFunction("cidrsubnets", 1, ANY, _subnets, kinds=("string", "number"), kind="list"),
    TerraformDataFunction("cidrcontains", 2, 2, _contains, kinds=("string", "string")),
)
