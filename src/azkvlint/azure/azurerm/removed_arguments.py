"""Key Vault arguments that only some versions of azurerm accept: others reject or ignore them.

Source: the provider's changelogs, schemas by tag, and upgrade guides 3.0, 4.0 and 5.0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from azkvlint.azure.azurerm.arguments import NEVER
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import MapValue, Origin, Path, Scalar, Unknown, Value

NAME = "deadArgument"
_PATH: Path = ("derived", NAME)


class _Support(msgspec.Struct, frozen=True):
    """Since and before which version an argument counts, and what took its place."""

    since: Version = (0, 0)
    until: Version = NEVER
    instead: str = ""


_UNTIL_5 = (5, 0)
_KEY = _Support(until=_UNTIL_5, instead="key_vault_key_id")
_SUPPORT: Mapping[str, Mapping[str, _Support]] = {
    "azurerm_key_vault": {
        "soft_delete_enabled": _Support(until=(2, 42)),
        "soft_delete_retention_days": _Support(since=(2, 25)),
        "enable_rbac_authorization": _Support((2, 30), _UNTIL_5, "rbac_authorization_enabled"),
        "rbac_authorization_enabled": _Support(since=(4, 42)),
        "contact": _Support((2, 34), _UNTIL_5, "azurerm_key_vault_certificate_contacts"),
        "public_network_access_enabled": _Support(since=(3, 19)),
    },
    "azurerm_key_vault_key": {
        "rotation_policy": _Support(since=(3, 46)),
        "release_policy": _Support(since=(4, 76)),
    },
    "azurerm_key_vault_managed_hardware_security_module": {
        "public_network_access_enabled": _Support(since=(3, 36)),
        "network_acls": _Support(since=(3, 36)),
        "security_domain_key_vault_certificate_ids": _Support(since=(3, 63)),
        "security_domain_quorum": _Support(since=(3, 63)),
    },
    "azurerm_key_vault_managed_hardware_security_module_role_assignment": {
        "vault_base_url": _Support(until=(4, 0), instead="managed_hsm_id"),
    },
    "azurerm_key_vault_secret": {
        "value_wo": _Support(since=(4, 23)),
        "value_wo_version": _Support(since=(4, 23)),
    },
    "azurerm_storage_account_customer_managed_key": dict.fromkeys(
        ("key_name", "key_version", "key_vault_id", "key_vault_uri", "managed_hsm_key_id"), _KEY
    ),
}


# Arguments that a version requires and earlier ones left to a default.
_REQUIRED: Mapping[str, Mapping[str, Version]] = {
    "azurerm_key_vault": {"rbac_authorization_enabled": _UNTIL_5},
    "azurerm_key_vault_certificate_contacts": {"contact": _UNTIL_5},
}


def requires_unsupported(required: RequiredAttributes, type_: str) -> bool:
    """Return whether any rule asks for such arguments of an Azure type."""
    paths = required.paths_of(type_)
    return paths is not None and (() in paths or any(path[:2] == _PATH for path in paths))


def with_unsupported(attributes: MapValue, found: Value | None) -> MapValue:
    """Return ``attributes`` with such an argument beside what else is derived."""
    if found is None:
        return attributes
    return with_derived(attributes, {NAME: found})


def unsupported_arguments(
    type_: str, names: Collection[str], version: VersionRange, at: Location, *, is_block: bool = True
) -> Value | None:
    """Return the arguments that do not fit any possible version of the provider; Unknown if newer ones reject one.

    Where no provider is installed, ``terraform init`` installs the newest that the constraint allows. ``is_block``:
    the names are all arguments of a block, so that an argument that is not among them is not set.
    """
    unfit: list[str] = []
    doubt: Unknown | None = None
    for name, taken in _SUPPORT.get(type_, {}).items():
        if name not in names:
            continue
        text = f"{name} ({_support_text(taken)})"
        if not version.meets(taken.since, taken.until):
            unfit.append(text)
        elif version.high > taken.until and doubt is None:
            doubt = Unknown(at=at, origin=Origin.DERIVED, why=f"the version of azurerm is not known: {text}")
    for name, since in _REQUIRED.get(type_, {}).items() if is_block and not unfit else ():
        if name not in names and version.low >= since:
            unfit.append(f"{name} (not set, required from azurerm {_version_text(since)} on)")
    return Scalar(at=at, value=" and ".join(unfit), origin=Origin.DERIVED) if unfit else doubt


def _support_text(taken: _Support) -> str:
    if taken.until == NEVER:
        return f"supported from azurerm {_version_text(taken.since)} on"
    instead = f"; use {taken.instead}" if taken.instead else ""
    since = f"added in azurerm {_version_text(taken.since)}, " if taken.since > (0, 0) else ""
    return f"{since}removed in {'' if since else 'azurerm '}{_version_text(taken.until)}{instead}"


def _version_text(version: Version) -> str:
    return ".".join(map(str, version))
