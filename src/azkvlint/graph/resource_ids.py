"""Parse and compare Azure resource ids and Key Vault object URLs, which are case-insensitive."""

from __future__ import annotations

import re

import msgspec

from azkvlint.util.lazy_regex import regex

# https://NAME.vault.azure.net/keys/KEY[/VERSION] and its sovereign and managed HSM forms. Source:
# learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates
_OBJECT = regex(
    r"^https://(?P<vault>[a-z0-9-]+)\.(?P<service>vault|managedhsm)\.[a-z.]+(?::443)?/(?P<kind>keys|secrets|certificates)/"
    r"(?P<name>[^/]+)",
    re.IGNORECASE,
)
# The URL of a vault, or its host alone, which azapi uses as the parent of data-plane objects.
_ADDRESS = regex(r"^(?:https://)?(?P<vault>[a-z0-9-]+)\.(?:vault|managedhsm)\.[a-z.]+(?::443)?/?$", re.IGNORECASE)
# The delimiters of the unknown parts of a pattern (see ``Unknown`` in the model).
HOLE, HOLE_END = "\u27e8", "\u27e9"
LEVELS = ("tenant", "management group", "subscription", "resource group", "resource")


class ResourceId(msgspec.Struct, frozen=True):
    """A resource id: scope, type with all its segments, and the names, outermost first. All in lower case."""

    subscription: str
    resource_group: str
    type: str
    names: tuple[str, ...]


def parse_id(text: str) -> ResourceId | None:
    """Parse ``/subscriptions/S/resourceGroups/R/providers/NAMESPACE/TYPE/NAME/...``; None for other strings."""
    parts = text.strip("/").lower().split("/")
    if len(parts) < 4 or parts[0] != "subscriptions" or "providers" not in parts:
        return None
    group = parts[3] if parts[2] == "resourcegroups" else ""
    at = parts.index("providers")
    rest = parts[at + 1 :]
    if len(rest) < 3 or len(rest) % 2 == 0:
        return None
    return ResourceId(parts[1], group, "/".join([rest[0], *rest[1::2]]), tuple(rest[2::2]))


class ObjectUrl(msgspec.Struct, frozen=True):
    """A key, secret or certificate by its data-plane URL. All in lower case."""

    vault: str
    kind: str
    name: str


def parse_object_url(text: str) -> ObjectUrl | None:
    """Parse a data-plane URL into vault (or managed HSM) and object; None for other strings."""
    match = _OBJECT.match(text)
    return ObjectUrl(match["vault"].lower(), match["kind"].lower(), match["name"].lower()) if match else None


def parse_vault_address(text: str) -> str | None:
    """Return the vault or managed HSM name in its URL, in lower case; None for other strings."""
    match = _ADDRESS.match(text)
    return match["vault"].lower() if match else None


def scope_level(text: str) -> str | None:
    """Return the level of a scope: one of LEVELS; None if the string is not a scope."""
    parts = text.strip("/").lower().split("/")
    if parts == [""] and text:
        return "tenant"
    if parts[:3] == ["providers", "microsoft.management", "managementgroups"] and len(parts) == 4:
        return "management group"
    if parts[0] != "subscriptions":
        return None
    match len(parts):
        case 2:
            return "subscription"
        case 4 if parts[2] == "resourcegroups":
            return "resource group"
        case _ if "providers" in parts:
            return "resource"
    return None


def may_equal(one: str, other: str) -> bool:
    """Return whether two ids or patterns (lower case) may be equal: no segment known in both differs."""
    left, right = one.split("/"), other.split("/")
    return len(left) == len(right) and all(map(may_equal_segment, left, right))


def may_equal_segment(one: str, other: str) -> bool:
    """Return whether two names or patterns (lower case) may be equal: no part known in both differs."""
    if one == other:
        return True
    if HOLE not in one:
        one, other = other, one
    if HOLE not in one:
        return False
    start, end = one[: one.index(HOLE)], one[one.rindex(HOLE_END) + 1 :]
    known_start = other.partition(HOLE)[0]
    known_end = other.rpartition(HOLE_END)[2]
    return _may_begin_with_both(start, known_start, HOLE in other) and _may_begin_with_both(
        end[::-1], known_end[::-1], HOLE in other
    )


def _may_begin_with_both(one: str, other: str, open_: bool) -> bool:
    """Return whether a string can begin with both; only an ``open_`` one may be a prefix of the other."""
    return other.startswith(one) or (open_ and one.startswith(other))
