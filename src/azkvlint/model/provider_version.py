"""Which versions of the azurerm provider an input can have been made with."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

import msgspec

from azkvlint.util.lazy_regex import regex

_TERM = regex(r"^\s*(?P<operator>~>|>=|<=|!=|=|>|<)?\s*v?(?P<version>\d{1,6}(?:\.\d{1,6}){0,2})")
Version: TypeAlias = tuple[int, int]
"""Major and minor version of a provider."""

_END: Version = (9999, 0)

# The types whose arguments date their provider.
EVIDENCE = ("azurerm_key_vault", "azurerm_monitor_diagnostic_setting", "azurerm_subnet")


class VersionRange(msgspec.Struct, frozen=True):
    """From ``low`` to before ``high``, as (major, minor). A range that is empty is a contradiction in the input."""

    low: Version = (0, 0)
    high: Version = _END

    def meets(self, since: Version, until: Version) -> bool:
        """Return whether any version of this range lies from ``since`` to before ``until``."""
        return self.low < until and since < self.high

    def narrow(self, low: Version, high: Version) -> VersionRange:
        """Return the part of this range from ``low`` to before ``high``; this range where they share nothing."""
        low, high = max(self.low, low), min(self.high, high)
        return VersionRange(low, high) if low < high else self


def range_of_constraint(constraint: str) -> VersionRange:
    """Return the range that a version constraint leaves: ``~> 4.50``, ``>= 4.81, < 5.2``, ``3.116.0``.

    Patch levels play no part: no default changes within a minor version.
    """
    found = VersionRange()
    for term in constraint.split(","):
        match = _TERM.match(term)
        if match is None:
            continue
        numbers = [int(number) for number in match["version"].split(".")]
        version = (numbers[0], numbers[1] if len(numbers) > 1 else 0)
        after = (version[0], version[1] + 1)
        match match["operator"] or "=":
            case "=":
                found = found.narrow(version, after if len(numbers) > 1 else (numbers[0] + 1, 0))
            case "~>":
                found = found.narrow(version, after if len(numbers) > 2 else (numbers[0] + 1, 0))
            case ">=" | ">":
                found = found.narrow(version, _END)
            case "<":
                found = found.narrow((0, 0), after if len(numbers) > 2 and numbers[2] else version)
            case "<=":
                found = found.narrow((0, 0), after)
    return found


def narrow_by_arguments(type_: str, keys: Collection[str], found: VersionRange) -> VersionRange:
    """Return ``found`` narrowed by the arguments that a resource shows: a plan lists its provider's whole schema.

    ``keys`` are those of ``after`` and ``after_unknown``. Source: the provider's changelogs and schemas by tag (the
    rename of enable_rbac_authorization in 4.42 is in no changelog).
    """
    match type_:
        case "azurerm_key_vault":
            if "soft_delete_enabled" in keys:
                return found.narrow((2, 0), (3, 0))
            old, new = "enable_rbac_authorization" in keys, "rbac_authorization_enabled" in keys
            if old and new:
                return found.narrow((4, 42), (5, 0))
            if old:
                public = "public_network_access_enabled" in keys
                return found.narrow((3, 19), (4, 42)) if public else found.narrow((3, 0), (3, 19))
            if new and "network_acls" in keys and "tenant_id" in keys:
                return found.narrow((5, 0), _END)
        case "azurerm_monitor_diagnostic_setting":
            if "log" in keys:
                return found.narrow((0, 0), (4, 0))
            if "enabled_metric" in keys:
                return found.narrow((4, 31), (5, 0)) if "metric" in keys else found.narrow((5, 0), _END)
        case "azurerm_subnet":
            if "service_endpoint" in keys:
                return found.narrow((5, 0), _END)
            if "service_endpoints" in keys:
                return found.narrow((0, 0), (5, 0))
    return found
