"""The format of the tables that map azurerm arguments to properties of ARM resources.

A table is data that can be compared with the provider's documentation: on the left the argument in the provider's
spelling, on the right its path in the ARM resource. Paths are dotted and, inside a block, relative to that block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from azkvlint.model.provider_version import Version

Plain: TypeAlias = str | int | float | bool


class Default(msgspec.Struct, frozen=True, gc=False):
    """The value of an argument that is not set, from provider version ``since`` up to, not including, ``until``."""

    value: Plain
    since: Version = (0, 0)
    until: Version = (9999, 0)


# Why the value of a ``filled`` argument that is not written is unknown. Such an Unknown has the origin "default".
FILLED_IN = "the argument is not set, and the provider sets its default"


class Field(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One argument.

    ``arm`` is its path in ARM. ``kind``: ``value`` unchanged; ``flag`` a boolean that becomes one of two words;
    ``link`` an id of another resource; ``links`` a list of ids; ``block`` a block of at most one, which becomes an
    object; ``blocks`` a repeated block, which becomes a list of objects; ``wrap`` a list of plain values, each of which
    becomes an object with the single field ``item``. ``computed``: Optional+Computed in the provider, so that an
    argument that is not written is "known after apply" in a plan that creates the resource. It then counts as not set,
    unless ``filled``: what the provider computes is not a fixed default and stays unknown. ``words`` are a flag's (on,
    off). ``numeric``, ``boolean``: Terraform converts strings to them. ``constants`` are added to each object of a
    block. ``sensitive``: never printed. ``until``: the provider ignores the argument from this version on.

    An empty string, 0 and an empty list or map count as not set (``zero_is_unset``): the plugin SDK returns them for an
    argument that is not set, so that a provider does not tell the two apart (terraform-plugin-sdk,
    helper/schema/resource_data.go, Get), and providers write them to the state for what Azure does not return
    (``d.Set("expiration_date", "")``). Exceptions are arguments with a default, which replaces null only, booleans,
    names, and required arguments or those with a zero value of its own meaning: ``zero_is_set``.
    """

    arm: str
    kind: str = "value"
    computed: bool = False
    filled: bool = False
    defaults: tuple[Default, ...] = ()
    words: tuple[str, str] = ("", "")
    numeric: bool = False
    boolean: bool = False
    item: str = ""
    fields: Mapping[str, Field] = {}
    constants: Mapping[str, Plain] = {}
    sensitive: bool = False
    until: Version = (9999, 0)
    zero_is_set: bool = False

    @property
    def zero_is_unset(self) -> bool:
        """Return whether zero values count as not set."""
        is_set = self.defaults or self.boolean or self.zero_is_set or self.arm == "name"
        return self.kind in ("value", "link", "links") and not is_set


class Mapped(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One resource type: ``type`` in Azure, and its arguments. ``fixed`` are constant properties of every instance.

    Several arguments may have one ARM path (renamed ones): the first that is set counts, lists are joined. ``listed``
    maps an object of flat arguments to the list whose only item it is. The provider requires at least one of the
    arguments ``any_of``, so one that is written alone is not null.
    """

    type: str
    fields: Mapping[str, Field]
    fixed: Mapping[str, Plain] = {}
    listed: Mapping[str, str] = {}
    any_of: tuple[str, ...] = ()


def value(
    arm: str,
    *,
    default: Plain | None = None,
    computed: bool = False,
    sensitive: bool = False,
    zero_is_set: bool = False,
) -> Field:
    """Return an unchanged value. ``default`` applies to every version."""
    return Field(
        arm=arm, defaults=_always(default), computed=computed, sensitive=sensitive, boolean=isinstance(default, bool),
        zero_is_set=zero_is_set,
    )  # fmt: skip


def boolean(arm: str) -> Field:
    """Return a boolean without a default."""
    return Field(arm=arm, boolean=True)


def number(arm: str, *, default: int | None = None, computed: bool = False, zero_is_set: bool = False) -> Field:
    """Return a number. ``default`` applies to every version."""
    return Field(arm=arm, numeric=True, defaults=_always(default), computed=computed, zero_is_set=zero_is_set)


def flag(arm: str, on: str, off: str, *, default: bool | None = None, computed: bool = False) -> Field:
    """Return a boolean that Azure represents by one of two words."""
    return Field(arm=arm, kind="flag", words=(on, off), defaults=_always(default), computed=computed)


def link(arm: str, *, computed: bool = False) -> Field:
    """Return the id of another resource; ``parent`` is the containing resource, ``scope`` the extended one."""
    return Field(arm=arm, kind="link", computed=computed)


def links(arm: str, *, computed: bool = False, zero_is_set: bool = False) -> Field:
    """Return a list or set of ids."""
    return Field(arm=arm, kind="links", computed=computed, zero_is_set=zero_is_set)


def wrap(arm: str, item: str, *, computed: bool = False) -> Field:
    """Return a list of plain values that Azure represents as objects with one field, ``item``."""
    return Field(arm=arm, kind="wrap", item=item, computed=computed)


def block(
    arm: str, fields: Mapping[str, Field], *, computed: bool = False, filled: bool = False,
    constants: Mapping[str, Plain] | None = None,
) -> Field:  # fmt: skip
    """Return a block of at most one. ``arm`` may be empty: its fields then belong to the surrounding object."""
    return Field(arm=arm, kind="block", fields=fields, computed=computed, filled=filled, constants=constants or {})


def blocks(
    arm: str, fields: Mapping[str, Field], *, computed: bool = False, constants: Mapping[str, Plain] | None = None
) -> Field:
    """Return a block that may be repeated."""
    return Field(arm=arm, kind="blocks", fields=fields, computed=computed, constants=constants or {})


def _always(default: Plain | None) -> tuple[Default, ...]:
    return () if default is None else (Default(default),)
