"""Select the azurerm arguments that rules require, build trees of attributes, and find unsupported arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.table import Field
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Plain, Scalar, Unknown, Value

NEVER = (9999, 0)


class Entry(msgspec.Struct, frozen=True):
    """One required argument. ``simple``: a known plain value is copied unchanged.

    ``rivals`` are the other names of the same argument in provider versions that have several.
    """

    name: str
    field: Field
    arm: Path
    simple: bool
    inner: tuple[Entry, ...]
    rivals: tuple[str, ...]


def entries_of(fields: Mapping[str, Field], required: frozenset[Path]) -> tuple[Entry, ...]:
    """Return the fields at, above or below a required path."""
    entries = []
    # Most fields are outside of the properties that rules require.
    first_steps = {path[:1] for path in required}
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        inner: tuple[Entry, ...] = ()
        if not arm:
            inner = entries_of(field.fields, required)
            is_required = bool(inner)
        else:
            is_required = not first_steps.isdisjoint(((), arm[:1])) and any(overlap(path, arm) for path in required)
            inner = entries_of(field.fields, frozenset({()})) if is_required else ()
        if is_required:
            rivals: tuple[str, ...] = ()
            if arm and field.computed:
                aliases = (other for other, alias in fields.items() if alias.computed and alias.arm == field.arm)
                rivals = tuple(other for other in aliases if other != name)
            simple = field.kind in ("value", "link") and not field.sensitive and field.until == NEVER and not rivals
            entries.append(Entry(name, field, arm, simple, inner, rivals))
    return tuple(entries)


def overlap(path: Path, arm: Path) -> bool:
    """Return whether one of two paths is a prefix of the other."""
    return path[: len(arm)] == arm[: len(path)]


# The default of a field with its note, or the reason why it is unknown; by the id of the field, since the tables are
# never freed.
_defaults: dict[tuple[int, VersionRange], tuple[Plain | None, str] | None] = {}


def default_of(field: Field, version: VersionRange, at: Location) -> Value | None:
    """Return the default of an argument in the possible provider versions; None if it has none."""
    if not field.defaults:
        return None
    key = (id(field), version)
    if key not in _defaults:
        _defaults[key] = _default(field, version)
    default = _defaults[key]
    if default is None:
        return None
    plain, note = default
    return Unknown(at=at, why=note) if plain is None else Scalar(at=at, value=plain, origin=Origin.DEFAULT, note=note)


def _default(field: Field, version: VersionRange) -> tuple[Plain | None, str] | None:
    possible = [default for default in field.defaults if version.meets(default.since, default.until)]
    if not possible:
        return None
    if len({default.value for default in possible}) > 1:
        return None, "the version constraint allows azurerm versions with different defaults"
    plain = possible[0].value
    word = str(plain).lower() if isinstance(plain, bool) else str(plain)
    if field.kind == "flag":
        plain = field.words[0 if plain is True else 1]
    return plain, f"not set (default: {word})"


Tree: TypeAlias = dict[str, Any]


def freeze(tree: Tree, at: Location) -> MapValue:
    """Return nested dicts of Values as a MapValue."""
    fields = {name: freeze(below, at) if type(below) is dict else below for name, below in tree.items()}
    return MapValue(at=at, fields=fields)


def has(tree: Tree, path: Path) -> bool:
    """Return whether a value exists at ``path``, or may exist inside an Unknown."""
    here: Any = tree
    for step in path:
        if not isinstance(here, dict):
            return isinstance(here, Unknown)
        if step not in here:
            return False
        here = here[step]
    return True


def put(tree: Tree, path: Path, value: Value) -> None:
    """Set a value. The first of several arguments for one path that is set counts; lists are joined.

    An empty list represents a block that is not written: an unknown value may contain more.
    """
    here: Any = tree
    for step in path[:-1]:
        child = here.get(step)
        if child is None:
            child = here[step] = {}
        elif type(child) is not dict:
            return
        here = child
    last = path[-1]
    current = here.get(last)
    if current is None:
        here[last] = value
    elif isinstance(current, ListValue) and isinstance(value, ListValue):
        here[last] = ListValue(at=value.at, items=current.items + value.items)
    elif isinstance(current, Unknown) and not isinstance(value, Unknown):
        if not _is_empty(value):
            here[last] = value
    elif isinstance(value, Unknown) and _is_empty(current):
        here[last] = value


def _is_empty(value: Value) -> bool:
    return isinstance(value, ListValue) and not value.items


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
