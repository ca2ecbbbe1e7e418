"""Azure services that read secrets, keys and certificates of vaults: what they read, as whom, and over which network.

The rows are in ``data/consumers.yaml``. Every other list of consumers, in derived attributes and in rules, is computed
from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, TypeAlias

import msgspec

from azkvlint.model.value import Path
from azkvlint.util.table_files import decode_rows, read_table

Kind: TypeAlias = Literal["key", "secret", "certificate"]
# How the value at a path names what is read: an ID or URL (or an object with its parts), the settings of an app, the
# settings of the Key Vault extension of a virtual machine, which also name the identity, or a name beside other
# properties that state the vault. In form "name", the vault too is stated by its name.
Form: TypeAlias = Literal["", "settings", "extension", "parts", "name"]
# Whose identity reads, if no path names one: any identity of the resource, its system-assigned one, a service principal
# of Microsoft's, that one if the resource has no identity, Azure itself if a property of the vault allows it, or one
# that is not known.
Otherwise: TypeAlias = Literal["own", "system", "platform", "own or platform", "flag", "unknown"]
# From where it reads: from Microsoft's networks as a trusted service; so, unless a network rule or private endpoint
# admits it; or from a network that its owner may choose. Empty: from Microsoft's networks without being trusted, or not
# documented.
Network: TypeAlias = Literal["", "trusted", "trusted or network", "network"]
# What happens on a new version: an ID without a version means the newest; only such an ID is accepted; the resource has
# a switch; or the resource uses the version that it names until it names another one. Empty: not documented.
Version: TypeAlias = Literal["", "newest", "versionless", "switch", "pinned"]

# The ways in which a resource reads as a principal.
IDENTIFIED = ("own", "system", "platform", "own or platform", "unknown")

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "key": ("keys/get", "keys/wrapkey", "keys/unwrapkey"),
    "secret": ("secrets/get",),
    "certificate": ("secrets/get",),
}


class ConsumerRead(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One way in which a resource type reads something of a vault, as one principal.

    ``at``: the paths of what is read, where ``[]`` means each item of a list; without one, another property or resource
    states it. ``only``: the value of a property of resources that read. ``vault``: the path of the vault of a name.
    ``identity``: the path of the user-assigned identity that reads, behind ``../`` if it is one of the resource with
    the identities, which is ``holder``. ``principal``: the application ID of Microsoft's service principal; ``flag``:
    the property of the vault. ``needs``: the permissions, if they are not those of ``reads``. ``grants``: what the
    service adds for itself, on a vault with that permission model. ``later``: it does not read when it is created, but
    when something uses it, or again and again until it succeeds.
    """

    reads: Kind
    at: tuple[str, ...] = ()
    form: Form = ""
    only: dict[str, str] = {}
    vault: str = ""
    identity: str = ""
    otherwise: Otherwise = "own"
    holder: Literal["self", "parent"] = "self"
    principal: str = ""
    flag: str = ""
    network: Network = ""
    version: Version = ""
    needs: tuple[str, ...] = ()
    grants: Literal["", "access policy"] = ""
    later: bool = False

    @property
    def permissions(self) -> tuple[str, ...]:
        """Return the permissions of access policies that are required, all of them."""
        return self.needs or _NEEDS[self.reads]

    @property
    def has_own_identity(self) -> bool:
        """Return whether it may read with an identity that is assigned to a resource."""
        return self.otherwise in ("own", "system", "own or platform") or (
            self.otherwise == "platform" and self.identity != ""
        )


def _load() -> dict[str, msgspec.Raw]:
    from azkvlint.azure.row_reader import load_by_type

    rows = load_by_type("consumers", tuple[ConsumerRead, ...])
    return {type_: msgspec.Raw(msgspec.json.encode(uses)) for type_, uses in rows.items()}


# The rows by type. A run decodes those of the types that it has.
CONSUMERS: Mapping[str, msgspec.Raw] = read_table("consumers", dict[str, msgspec.Raw], _load)
# The words by which consumers are selected, with the values that a row may have.
FILTERS: Mapping[str, tuple[str, ...]] = {
    "reads": ("key", "secret", "certificate"),
    "network": ("trusted", "trusted or network", "network"),
    "version": ("newest", "versionless", "switch", "pinned"),
    "needs": ("keys/wrapkey", "keys/encrypt", "secrets/get"),
    "holder": ("self", "parent"),
    "otherwise": (*IDENTIFIED, "flag"),
}


@cache
def uses_of(type_: str) -> tuple[ConsumerRead, ...]:
    """Return the rows of a type, in any case."""
    row = _by_lower_case().get(type_.lower())
    return () if row is None else decode_rows(row, tuple[ConsumerRead, ...])


def is_consumer(type_: str) -> bool:
    """Return whether a type, in any case, has a row."""
    return type_.lower() in _by_lower_case()


@cache
def _by_lower_case() -> Mapping[str, msgspec.Raw]:
    return {type_.lower(): row for type_, row in CONSUMERS.items()}


def types_with(**words: Iterable[str]) -> tuple[str, ...]:
    """Return the types that have a row with one of the words of each filter, in the order of their names."""
    return tuple(type_ for type_ in CONSUMERS if has_use(type_, words))


def has_use(type_: str, words: Mapping[str, Iterable[str]]) -> bool:
    """Return whether a type, in any case, has a row with one of the words of each filter."""
    return any(_matches(use, words) for use in uses_of(type_))


def _matches(use: ConsumerRead, words: Mapping[str, Iterable[str]]) -> bool:
    return all(
        not set(accepted).isdisjoint(use.permissions if name == "needs" else (getattr(use, name),))
        for name, accepted in words.items()
    )


def path_of(path: str) -> Path:
    """Return the steps of a path without ``[]``."""
    return tuple(path.split("."))


def items_and_path(path: str) -> tuple[Path, Path]:
    """Return the path of a list, and the path of what is meant in each of its items."""
    items, _, inside = path.partition("[].")
    return path_of(items), path_of(inside) if inside else ()
