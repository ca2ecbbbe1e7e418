"""Azure services that support customer-managed keys, and the properties that enable them.

The rows are in ``data/services.yaml``. Properties with the key itself are in ``derived``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.util.table_files import read_table


class AttributeMatch(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An attribute, and those of its values that match. The empty string matches an attribute that is not set."""

    path: str
    values: tuple[str, ...]


class Service(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One type.

    ``switch``: if set, it alone decides, and these are its values for a customer-managed key. ``named``: a key in the
    resource encrypts the type's data. ``sets``: each leads to a disk encryption set; ``disks`` to a disk, or a list of
    disks, each of which must have one. ``spared`` are resources that do not support a key, ``unless`` this is set.
    ``copies`` inherit the key of their source. ``inside``: if set, the virtual machine encrypts its disk itself, with a
    secret in the customer's vault. ``added``: the key may be in a separate resource, of these azurerm types, or
    (``added_in_arm``) in templates too.
    """

    switch: AttributeMatch | None = None
    named: bool = True
    sets: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    spared: AttributeMatch | None = None
    unless: str = ""
    copies: AttributeMatch | None = None
    inside: AttributeMatch | None = None
    added: bool = False
    added_in_arm: bool = False


def _load() -> dict[str, Service]:
    from azkvlint.azure.row_reader import load_by_type

    return load_by_type("services", Service)


SERVICES: Mapping[str, Service] = read_table("services", dict[str, Service], _load)
