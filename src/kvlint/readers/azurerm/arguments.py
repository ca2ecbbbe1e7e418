"""Arguments that only some versions of azurerm take: others refuse them, or ignore what they say.

Source: the provider's changelogs, schemas by tag, and upgrade guides 3.0, 4.0 and 5.0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from kvlint.model.graph import Demand
from kvlint.model.source import Location
from kvlint.model.value import MapValue, Path, Scalar, Unknown, Value
from kvlint.readers.asides import beside
from kvlint.readers.azurerm.table import Version
from kvlint.readers.azurerm.version import VersionRange

NAME = "deadArgument"
_ASKED: Path = ("derived", NAME)


class _Taken(msgspec.Struct, frozen=True):
    """Since and before which version an argument counts, and what took its place."""

    since: Version = (0, 0)
    until: Version = (9999, 0)
    instead: str = ""


_TAKEN: Mapping[str, Mapping[str, _Taken]] = {
    "azurerm_key_vault": {
        "soft_delete_enabled": _Taken(until=(2, 42)),
        "enable_rbac_authorization": _Taken(until=(5, 0), instead="rbac_authorization_enabled"),
        "rbac_authorization_enabled": _Taken(since=(4, 42)),
        "contact": _Taken(until=(5, 0), instead="azurerm_key_vault_certificate_contacts"),
        "public_network_access_enabled": _Taken(since=(3, 19)),
    },
    "azurerm_key_vault_secret": {
        "value_wo": _Taken(since=(4, 23)),
        "value_wo_version": _Taken(since=(4, 23)),
    },
    "azurerm_monitor_diagnostic_setting": {
        "log": _Taken(until=(4, 0), instead="enabled_log"),
        "enabled_log": _Taken(since=(3, 39)),
        "metric": _Taken(until=(5, 0), instead="enabled_metric"),
        "enabled_metric": _Taken(since=(4, 31)),
    },
    "azurerm_subnet": {
        "service_endpoints": _Taken(until=(5, 0), instead="service_endpoint"),
        "service_endpoint": _Taken(since=(5, 0)),
    },
}


def asks_for_dead(demand: Demand, type_: str) -> bool:
    """Whether any rule asks for such arguments of an Azure type."""
    paths = demand.of(type_)
    return paths is not None and (() in paths or any(path[:2] == _ASKED for path in paths))


def with_dead(attributes: MapValue, found: Value | None) -> MapValue:
    """``attributes`` with such an argument beside what else is derived."""
    if found is None:
        return attributes
    return beside(attributes, {NAME: found})


def dead_argument(type_: str, names: Collection[str], version: VersionRange, at: Location) -> Value | None:
    """The first argument that no version of the provider takes, in words; Unknown if the newer ones do not.

    Where a newer one is missing, ``terraform init`` takes it if it may.
    """
    doubt: Unknown | None = None
    for name, taken in _TAKEN.get(type_, {}).items():
        if name not in names:
            continue
        text = f"{name}, {_when(taken)}"
        if not version.meets(taken.since, taken.until):
            return Scalar(at=at, value=text, origin="derived")
        if version.high > taken.until and doubt is None:
            doubt = Unknown(at=at, origin="derived", why=f"azurerm takes {text}")
    return doubt


def _when(taken: _Taken) -> str:
    if taken.since > (0, 0):
        return f"which counts from {_text(taken.since)} on"
    instead = f" (now {taken.instead})" if taken.instead else ""
    return f"which counts before {_text(taken.until)}{instead}"


def _text(version: Version) -> str:
    return ".".join(map(str, version))
