"""Who can reach a vault: one verdict from public network access, default action, IP rules and subnets together.

Sources: learn.microsoft.com/azure/key-vault/general/network-security. A vault without rules answers every network;
"Disabled" and "SecuredByPerimeter" overrule the firewall's rules; rules under the default action Allow do nothing.
"""

from __future__ import annotations

import re

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, display, select

PRIVATE, SUBNETS, IPS, WIDE, WORLD = LATTICE = ("private-only", "listed-subnets", "listed-ips", "wide-range", "world")
# What a list of ranges must add up to. All public IPv4 space is about seven eighths of all addresses, so three quarters
# of them are the world for every purpose; a /8 is far more than any one organisation's offices.
WORLD_SIZE = 3 << 30
WIDE_SIZE = 1 << 24

# The first API versions, previews included, that have publicNetworkAccess.
_PUBLIC_SINCE = {"microsoft.keyvault/vaults": "2021-06-01", "microsoft.keyvault/managedhsms": "2021-04-01"}
_RANGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/([0-9]{1,2}))?")

PUBLIC: Path = ("properties", "publicNetworkAccess")
ACLS: Path = ("properties", "networkAcls")
ACTION: Path = (*ACLS, "defaultAction")
IP_RULES: Path = (*ACLS, "ipRules")
SUBNET_RULES: Path = (*ACLS, "virtualNetworkRules")


def exposure(resource: Resource, perimeter: bool) -> Value:
    """One of LATTICE, with the attribute that decided; unknown if what is not known could change the verdict.

    ``perimeter``: an enforced association puts the vault into a network security perimeter, which then overrules
    public network access.
    """
    public = resource.select(PUBLIC)
    if isinstance(public, Unknown):
        return _unknown(public)
    word = str(public.value).lower() if isinstance(public, Scalar) else "enabled"
    too_old = _too_old(resource) if word != "enabled" else ""
    if too_old:
        found = _firewall(resource)
        if isinstance(found, Scalar) and found.value in (PRIVATE, SUBNETS, IPS):
            return found
        return _unknown(public, f"API version {too_old} does not know publicNetworkAccess")
    if word == "securedbyperimeter" or (word == "enabled" and perimeter):
        return _unknown(public, "a network security perimeter decides who can reach it")
    if word == "disabled":
        return _verdict(PRIVATE, public, PUBLIC)
    if word != "enabled":
        return _unknown(public, f"'{display(public)}' is neither Enabled nor Disabled")
    return _firewall(resource)


def _firewall(resource: Resource) -> Value:
    """The verdict where public network access is on."""
    acls = resource.select(ACLS)
    if isinstance(acls, Absent):
        return _verdict(WORLD, acls, ACLS, "no network rules are set, so every network may connect")
    action = resource.select(ACTION)
    if isinstance(action, Unknown):
        # Allow is the world, and so is Deny where the rules list the world.
        listed = _listed(resource)
        return listed if isinstance(listed, Scalar) and listed.value == WORLD else _unknown(action)
    if not isinstance(action, Scalar) or str(action.value).lower() != "deny":
        note = "" if isinstance(action, Scalar) else "the default action is not set, and Azure then allows"
        return _verdict(WORLD, action, ACTION, note)
    return _listed(resource)


def _too_old(resource: Resource) -> str:
    """The API version of a resource, if it is from before there was public network access; else empty.

    What Azure does with a property that a version does not know, nobody says: its own policies do not count on it.
    """
    version = resource.select(("apiVersion",))
    text = str(version.value) if isinstance(version, Scalar) else ""
    return text if text < _PUBLIC_SINCE.get(resource.type.lower(), "") else ""


def _listed(resource: Resource) -> Value:
    """The verdict of a firewall that denies by default."""
    rules = resource.select(IP_RULES)
    if isinstance(rules, Unknown):
        return _unknown(rules)
    items = rules.items if isinstance(rules, ListValue) else ()
    values = [select(item, ("value",)) for item in items]
    spans = [(value, _range(str(value.value))) for value in values if isinstance(value, Scalar)]
    ranges = [span for _, span in spans if span is not None]
    size = _union(ranges)
    what = f"the IP rules {display(rules)} are {_share(size)}"
    if size >= WORLD_SIZE:
        return _verdict(WORLD, rules, IP_RULES, what)
    for value in values:
        if isinstance(value, Unknown):
            return _unknown(value)
    for value, span in spans:
        if span is None:
            return _unknown(value, f"'{display(value)}' is not an IPv4 address or range")
    if size >= WIDE_SIZE:
        return _verdict(WIDE, rules, IP_RULES, what)
    if ranges:
        return _verdict(IPS, rules, IP_RULES)
    subnets = resource.select(SUBNET_RULES)
    if isinstance(subnets, Unknown) or (isinstance(subnets, ListValue) and subnets.items):
        return _verdict(SUBNETS, subnets, SUBNET_RULES)
    return _verdict(PRIVATE, resource.select(ACTION), ACTION)


def _verdict(word: str, answer: Answer, path: Path, note: str = "") -> Value:
    attribute = ".".join(str(step) for step in path)
    note = note or answer.note or f"{attribute} is {display(answer)}"
    at = msgspec.structs.replace(answer.at, attribute=attribute)
    return Scalar(at=at, value=word, origin="derived", note=note)


def _unknown(answer: Answer, why: str = "") -> Unknown:
    return Unknown(at=answer.at, origin="derived", why=why or (answer.why if isinstance(answer, Unknown) else ""))


def _range(text: str) -> tuple[int, int] | None:
    """First address and the one after the last of ``1.2.3.4`` or ``1.2.3.0/24``; None if Azure would not take it."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    parts, length = match[1].split("."), int(match[2] or 32)
    if length > 32 or any(int(part) > 255 for part in parts):
        return None
    size = 1 << (32 - length)
    start = int.from_bytes(bytes(int(part) for part in parts), "big") // size * size
    # 0.0.0.0 alone is how Azure services spell "any address" in older templates.
    return (start, start + size) if text.strip() != "0.0.0.0" else (0, 1 << 32)


def _union(ranges: list[tuple[int, int]]) -> int:
    """How many addresses the ranges hold together."""
    total, reached = 0, 0
    for start, end in sorted(ranges):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _share(size: int) -> str:
    if size >= WORLD_SIZE:
        return "all or nearly all addresses"
    return f"{size:,} addresses, as many as a /{32 - (size.bit_length() - 1)} or more"
