"""Select the azurerm arguments that rules require, find unsupported ones, and name them as in the source."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import (
    Absent,
    Answer,
    ListValue,
    MapValue,
    Origin,
    Path,
    Plain,
    Scalar,
    Unknown,
    Value,
    display,
    path_text,
)
from azkvlint.util.lazy_regex import regex

# --- arguments that rules require -------------------------------------------------------------------------------------

NEVER = (9999, 0)
_WITH_ZERO = frozenset({str, int, float, list, dict})


class Entry(msgspec.Struct, frozen=True):
    """One required argument. ``simple``: a known plain value is copied unchanged.

    ``rivals`` are the other names of the same argument in provider versions that have several. ``drops_zero``: the
    provider treats zero values as not set.
    """

    name: str
    field: Field
    arm: Path
    simple: bool
    inner: tuple[Entry, ...]
    rivals: tuple[str, ...]
    drops_zero: bool


def is_zero(plain: object) -> bool:
    """Return whether plain data is the zero value of a type other than a boolean."""
    return not plain and type(plain) in _WITH_ZERO


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
            entries.append(Entry(name, field, arm, simple, inner, rivals, field.zero_is_unset))
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


# --- trees of values --------------------------------------------------------------------------------------------------

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


# --- unsupported arguments --------------------------------------------------------------------------------------------

UNSUPPORTED = "deadArgument"
_PATH: Path = ("derived", UNSUPPORTED)


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
    return with_derived(attributes, {UNSUPPORTED: arguments})


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


# --- names in the source ----------------------------------------------------------------------------------------------

_STEP = regex(r"[^.\[\]]+|\[[^\]]*\]")
_WORD_START = regex(r"(?<=[a-z0-9])(?=[A-Z])")
# The kinds of arguments whose items the author wrote one by one, so that an index means the same to the author.
_WITH_INDEX = ("blocks", "value", "links")
# Objects that are called so in Terraform too, apart from the spelling of the names.
_META_ARGUMENTS = ("lifecycle", "features")


class _Argument(msgspec.Struct, frozen=True, gc=False):
    """An argument with its blocks, and whether it has another name in other provider versions."""

    name: str
    field: Field
    is_renamed: bool


def name_as_written(declared_as: str, attribute: str) -> str:
    """Return the argument of a Terraform resource that becomes ``attribute``, an attribute path in Azure's vocabulary.

    ``azurerm_key_vault`` and ``properties.enablePurgeProtection`` result in ``purge_protection_enabled``. In Bicep, ARM
    and azapi the name is Azure's own, and so is an attribute that no argument becomes.
    """
    return attribute if "/" in declared_as else _argument_name(declared_as, attribute)


def type_as_written(declared_as: str, type_: str) -> str:
    """Return an Azure resource type as the language of a resource declared as ``declared_as`` names it."""
    return type_ if "/" in declared_as else _terraform_types().get(type_.lower(), type_)


def is_terraform(declared_as: str) -> bool:
    """Return whether a resource was declared in Terraform, with the arguments of its own provider."""
    return "/" not in declared_as and not declared_as.startswith("azapi_")


@lru_cache(maxsize=4096)
def _argument_name(declared_as: str, attribute: str) -> str:
    if attribute.split(".", 1)[0] in _META_ARGUMENTS:
        return _WORD_START.sub("_", attribute).lower()
    mapped = RESOURCES.get(declared_as)
    if mapped is None:
        return attribute
    for name, path in mapped.listed.items():
        if attribute.startswith(f"{path}[0]"):
            attribute = name + attribute.removeprefix(f"{path}[0]")
    return _find_argument(mapped.fields, tuple(_STEP.findall(attribute))) or attribute


def _find_argument(fields: Mapping[str, Field], steps: tuple[str, ...]) -> str:
    """Return the argument that becomes the value at ``steps``, or the most exact one around it; ``""`` if none does."""
    best, length = "", -1
    for name, field in fields.items():
        arm = tuple(_STEP.findall(field.arm))
        if steps[: len(arm)] != arm:
            if field.fields and not best and arm[: len(steps)] == steps:
                best = name
            continue
        rest = steps[len(arm) :]
        index = rest[0] if rest and rest[0].startswith("[") else ""
        below = rest[1:] if index else rest
        inner = _find_argument(field.fields, below) if field.fields and below else ""
        if (not arm and not inner) or (field.fields and below and not inner and not index):
            continue
        if len(arm) + len(inner) > length:
            length = len(arm) + len(inner)
            best = f"{name}{index if field.kind in _WITH_INDEX else ''}" + (f".{inner}" if inner else "")
    return best


@cache
def _terraform_types() -> Mapping[str, str]:
    """Return the first azurerm resource type of each Azure type, in lower case."""
    types: dict[str, str] = {}
    for name, mapped in RESOURCES.items():
        types.setdefault(mapped.type.lower(), name)
    return types


def state_value(declared_as: str, path: Path, answer: Answer) -> str:
    """Return a value in words: ``public_network_access_enabled`` is not set (default: true)."""
    found = _mapped_argument(declared_as, path)
    if answer.origin == Origin.DEFAULT and answer.note:
        return f"`{name_as_written(declared_as, path_text(path))}` is {answer.note}"
    # The name in the source is not known if the argument has several.
    is_renamed = found is not None and found.is_renamed and not isinstance(answer, Absent)
    name = "the value" if is_renamed else f"`{name_as_written(declared_as, path_text(path))}`"
    note = f" ({answer.note})" if answer.note else ""
    return f"{name} is {value_as_written(declared_as, path, answer)}{note}"


def value_as_written(declared_as: str, path: Path, answer: Answer) -> str:
    """Return the value of the argument that becomes the property at ``path``, or ``not set``."""
    if isinstance(answer, Absent):
        return "not set"
    return as_code(_value_in_source(_mapped_argument(declared_as, path), answer))


def as_code(text: str) -> str:
    """Return a displayed value in backticks, but not a list, an object or a placeholder."""
    return text if text[:1] in ("[", "(") else f"`{text}`"


def _value_in_source(found: _Argument | None, answer: Answer) -> str:
    """Return the value of an argument: azurerm has booleans where Azure has one of two words."""
    if found is not None and found.field.kind == "flag" and isinstance(answer, Scalar) and not answer.sensitive:
        word = str(answer.value).lower()
        booleans = {found.field.words[0].lower(): "true", found.field.words[1].lower(): "false"}
        return booleans.get(word, display(answer))
    return display(answer)


def arguments_of(declared_as: str, path: Path) -> tuple[tuple[str, Field], ...]:
    """Return the azurerm arguments that become the property at ``path``, each with its table entry, newest name first.

    The names of blocks precede those of their arguments, separated by periods.
    """
    mapped = RESOURCES.get(declared_as)
    return () if mapped is None else tuple(_named(mapped.fields, path))


@lru_cache(256)
def _mapped_argument(declared_as: str, path: Path) -> _Argument | None:
    mapped = RESOURCES.get(declared_as)
    if mapped is None:
        return None
    found = list(_named(mapped.fields, tuple(step for step in path if isinstance(step, str))))
    return _Argument(*found[0], is_renamed=len(found) > 1) if found else None


def _named(fields: Mapping[str, Field], path: Path) -> Iterator[tuple[str, Field]]:
    """Yield the arguments, also those in blocks, that set the property at ``path``."""
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if path[: len(arm)] == arm:
            if arm == path:
                yield name, field
            for inner, below in _named(field.fields, path[len(arm) :]):
                yield f"{name}.{inner}", below
