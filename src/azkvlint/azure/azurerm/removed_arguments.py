"""Key Vault arguments that only some versions of azurerm support: others reject or ignore them.

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
    """The versions that support an argument, ``until`` exclusive, and its replacement."""

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


# Arguments that are required since a version and optional before.
_REQUIRED: Mapping[str, Mapping[str, Version]] = {
    "azurerm_key_vault": {"rbac_authorization_enabled": _UNTIL_5},
    "azurerm_key_vault_certificate_contacts": {"contact": _UNTIL_5},
}


def requires_unsupported(required: RequiredAttributes, type_: str) -> bool:
    """Return whether a rule requires unsupported arguments of an Azure type."""
    paths = required.paths_of(type_)
    return paths is not None and (() in paths or any(path[:2] == _PATH for path in paths))


def with_unsupported(attributes: MapValue, arguments: Value | None) -> MapValue:
    """Return ``attributes`` with unsupported arguments as a derived attribute."""
    if arguments is None:
        return attributes
    return with_derived(attributes, {NAME: arguments})


def unsupported_arguments(
    type_: str, names: Collection[str], version: VersionRange, at: Location, *, is_block: bool = True
) -> Value | None:
    """Return the arguments that no possible version of the provider supports; Unknown if a newer one rejects one.

    If no provider is installed, ``terraform init`` installs the newest that the constraint allows. ``is_block``:
    ``names`` are all arguments of a block, so that any other is not set.
    """
    unsupported: list[str] = []
    unknown: Unknown | None = None
    for name, support in _SUPPORT.get(type_, {}).items():
        if name not in names:
            continue
        text = f"`{name}` ({_support_text(support)})"
        if not version.meets(support.since, support.until):
            unsupported.append(text)
        elif version.high > support.until and unknown is None:
            removed_in = _version_text(support.until)
            why = f"the version constraint also allows azurerm {removed_in}, which does not support `{name}`"
            unknown = Unknown(at=at, origin=Origin.DERIVED, why=why)
    for name, since in _REQUIRED.get(type_, {}).items() if is_block and not unsupported else ():
        if name not in names and version.low >= since:
            unsupported.append(f"`{name}` (not set; required since azurerm {_version_text(since)})")
    return Scalar(at=at, value=" and ".join(unsupported), origin=Origin.DERIVED) if unsupported else unknown


def _support_text(support: _Support) -> str:
    if support.until == NEVER:
        return f"requires azurerm {_version_text(support.since)}"
    instead = f"; use `{support.instead}`" if support.instead else ""
    return f"removed in azurerm {_version_text(support.until)}{instead}"


def _version_text(version: Version) -> str:
    return ".".join(map(str, version))
