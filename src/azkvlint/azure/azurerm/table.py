"""The tables of azurerm arguments in memory. Their rows are in ``data/azurerm``, see ``row_loader.py``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from azkvlint.model.provider_version import Version
from azkvlint.util.table_files import decode_rows

Plain: TypeAlias = str | int | float | bool
# The end of a range of versions without one.
NEVER: Version = (9999, 0)
# One object for the thousands of empty mappings.
NONE: Mapping[str, Any] = MappingProxyType({})


class ArgumentDefault(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The value of an argument that is not set, from provider version ``since`` up to, not including, ``until``."""

    value: Plain
    since: Version = (0, 0)
    until: Version = NEVER


# Why the value of a ``filled`` argument that is not written is unknown. Such an Unknown has the origin "default".
FILLED_IN = "the argument is not set, and the provider sets its default"


class Field(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One argument, with the meanings of ``row_loader.Row``. ``arm`` is its path in ARM.

    ``kind`` is that of the row, but ``value`` for booleans and numbers too: ``boolean``, ``numeric``. An empty string,
    0 and an empty list or map count as not set (``zero_is_unset``): the plugin SDK returns them for an argument that is
    not set, so that a provider does not tell the two apart (terraform-plugin-sdk, helper/schema/resource_data.go, Get),
    and providers write them to the state for what Azure does not return (``d.Set("expiration_date", "")``). Exceptions
    are arguments with a default, which replaces null only, booleans, names, and required arguments or those with a zero
    value of its own meaning: ``zero_is_set``.
    """

    arm: str = ""
    kind: str = "value"
    computed: bool = False
    filled: bool = False
    defaults: tuple[ArgumentDefault, ...] = ()
    words: tuple[str, str] = ("", "")
    numeric: bool = False
    boolean: bool = False
    item: str = ""
    fields: Mapping[str, Field] = NONE
    constants: Mapping[str, Plain] = NONE
    sensitive: bool = False
    zero_is_set: bool = False
    since: Version = (0, 0)
    until: Version = NEVER
    ignored_from: Version = NEVER
    replaced_by: str = ""
    required_since: Version = NEVER

    @property
    def zero_is_unset(self) -> bool:
        """Return whether zero values count as not set."""
        is_set = self.defaults or self.boolean or self.zero_is_set or self.arm == "name"
        return self.kind in ("value", "link", "links") and not is_set


class Mapped(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One resource type: ``type`` in Azure, and its arguments. ``fixed`` are constant properties of every instance.

    Several arguments may have one ARM path (renamed ones): the first that is set counts, lists are joined. ``listed``
    maps an object of flat arguments to the list whose only item it is. The provider requires at least one of the
    arguments ``any_of``, so one that is written alone is not null.
    """

    type: str = ""
    fields: Mapping[str, Field] = NONE
    fixed: Mapping[str, Plain] = NONE
    listed: Mapping[str, str] = NONE
    any_of: tuple[str, ...] = ()


class ResourceRows(Mapped, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A resource type as its file has it: with ``fields`` of its own only, or ``like`` another type."""

    include: tuple[str, ...] = ()
    like: str = ""


class Rows(msgspec.Struct, frozen=True, gc=False):
    """All rows: sets of arguments that several types have, and resource types. The types share what is in sets."""

    sets: Mapping[str, Mapping[str, Field]]
    resources: Mapping[str, ResourceRows]

    def compile(self) -> CompiledRows:
        """Return the compiled form."""
        encode = msgspec.json.encode
        types: dict[str, str] = {}
        for name, rows in self.resources.items():
            types[name] = types[rows.like] if rows.like else rows.type
        sets = {name: msgspec.Raw(encode(fields)) for name, fields in self.sets.items()}
        return CompiledRows(types, sets, {name: msgspec.Raw(encode(rows)) for name, rows in self.resources.items()})


class CompiledRows(msgspec.Struct, frozen=True, gc=False):
    """All rows, of which a run decodes those of the types that it reads. ``types`` are the types in Azure."""

    types: Mapping[str, str]
    sets: Mapping[str, msgspec.Raw]
    resources: Mapping[str, msgspec.Raw]

    def resource(self, name: str) -> Mapped:
        """Return a resource type with all of its arguments."""
        rows = decode_rows(self.resources[name], ResourceRows)
        if rows.like:
            return self.resource(rows.like)
        fields: dict[str, Field] = {}
        for included in rows.include:
            fields.update(decode_rows(self.sets[included], dict[str, Field]))
        fields.update(rows.fields)
        return Mapped(type=rows.type, fields=fields, fixed=rows.fixed, listed=rows.listed, any_of=rows.any_of)
