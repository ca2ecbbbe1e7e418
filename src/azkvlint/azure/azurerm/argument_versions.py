"""Find the arguments of a resource that the versions of its provider do not support."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import NEVER, Field
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import MapValue, Origin, Path, Scalar, Unknown, Value

UNSUPPORTED = "deadArgument"
_PATH: Path = ("derived", UNSUPPORTED)
_ALWAYS: Version = (0, 0)


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
    limited = _limited_arguments(type_)
    for name, field in limited.items():
        if name not in names or (field.since == _ALWAYS and field.until == NEVER):
            continue
        if not version.meets(field.since, field.until):
            unsupported.append(f"`{name}` ({_support_text(field)})")
        elif version.high > field.until and unknown is None:
            removed_in = version_text(field.until)
            why = f"the version constraint also allows azurerm {removed_in}, which does not support `{name}`"
            unknown = Unknown(at=at, origin=Origin.DERIVED, why=why)
    for name, field in limited.items() if is_block and not unsupported else ():
        if name not in names and version.low >= field.required_since:
            since = version_text(field.required_since)
            unsupported.append(f"`{name}` (not set; required since azurerm {since})")
    return Scalar(at=at, value=" and ".join(unsupported), origin=Origin.DERIVED) if unsupported else unknown


@cache
def _limited_arguments(type_: str) -> Mapping[str, Field]:
    """Return the arguments of a type that not every version has, or that are required since one."""
    mapped = RESOURCES.get(type_)
    unlimited = (_ALWAYS, NEVER, NEVER)
    return {
        name: field
        for name, field in (mapped.fields.items() if mapped is not None else ())
        if (field.since, field.until, field.required_since) != unlimited
    }


@cache
def first_versions(type_: str) -> Mapping[str, Version]:
    """Return the first version with an argument of a type, or of its blocks, by the name of the argument.

    Only those are in it that not every version has.
    """
    mapped = RESOURCES.get(type_)
    found: dict[str, Version] = {}
    pending = [] if mapped is None else [mapped.fields]
    while pending:
        for name, field in pending.pop().items():
            found[name] = min(field.since, found.get(name, field.since))
            pending.append(field.fields)
    return {name: since for name, since in found.items() if since != _ALWAYS}


def _support_text(field: Field) -> str:
    if field.until == NEVER:
        return f"requires azurerm {version_text(field.since)}"
    instead = f"; use `{field.replaced_by}`" if field.replaced_by else ""
    return f"removed in azurerm {version_text(field.until)}{instead}"


def version_text(version: Version) -> str:
    """Return a version as a release is named: ``4.81``."""
    return ".".join(map(str, version))
