"""What a template says to Azure in so many words: a default is accepted where the same value, written, is refused."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Scalar, Unknown, Value
from kvlint.readers.azurerm.resources import RESOURCES
from kvlint.readers.derive.attribute import Context, Derived

_VAULTS = "microsoft.keyvault/vaults"
_PURGE_PROTECTION = ("properties", "enablePurgeProtection")


def _written_purge_protection(resource: Resource, context: Context) -> Value | None:
    """Purge protection as the author of a template or an azapi body writes it; azurerm never sends false."""
    found = resource.select(_PURGE_PROTECTION)
    if isinstance(found, Absent) or resource.declared_as in RESOURCES or found.origin in ("default", "kept"):
        return None
    if isinstance(found, Scalar | Unknown):
        return msgspec.structs.replace(found, origin="derived")
    return None


ATTRIBUTES: Mapping[str, Derived] = {
    "writtenPurgeProtection": Derived(_written_purge_protection, {_VAULTS: (_PURGE_PROTECTION,)}),
}
