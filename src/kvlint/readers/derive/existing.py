"""Vaults that Azure brings back as they were.

``createMode`` "recover" brings back a deleted vault, and Azure ignores what else is said of it: neither a default nor
silence may decide anything about it.
"""

from __future__ import annotations

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import MapValue, Scalar, Unknown
from kvlint.readers.references import Index

_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_PROPERTIES = "properties"
_MODE = "createMode"


def with_unknown_properties(index: Index) -> None:
    """Give each such vault and managed HSM properties that are not known."""
    for vault in (vault for type_ in _VAULTS for vault in index.of_type(type_)):
        mode = vault.select((_PROPERTIES, _MODE))
        if isinstance(mode, Scalar) and str(mode.value).lower() == "recover":
            index.put(_recovered(vault, mode))


def _recovered(vault: Resource, mode: Scalar) -> Resource:
    rest = Unknown(at=vault.at, why="the vault is brought back as it was")
    properties = MapValue(at=vault.at, fields={_MODE: mode}, rest=rest)
    fields = {**vault.attributes.fields, _PROPERTIES: properties}
    return msgspec.structs.replace(
        vault, attributes=msgspec.structs.replace(vault.attributes, fields=fields), common=None
    )
