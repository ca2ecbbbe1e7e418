"""Vaults that Azure brings back as they were.

``createMode`` "recover" brings back a deleted vault, and Azure ignores what else is said of it: neither a default nor
silence may decide anything about it, and it is not judged. Source: the REST reference of Microsoft.KeyVault/vaults, and
every built-in Azure policy skips such a vault.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kvlint.model.graph import Resource
from kvlint.model.value import MapValue, Scalar, Unknown, Value
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.references import Index

_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_PROPERTIES = "properties"
_MODE = "createMode"


def with_recovered_vaults(index: Index) -> None:
    """Make each such vault and managed HSM one that exists, with properties that are not known."""
    for vault in (vault for type_ in _VAULTS for vault in index.of_type(type_)):
        mode = vault.select((_PROPERTIES, _MODE))
        if isinstance(mode, Scalar) and str(mode.value).lower() == "recover":
            index.put(_recovered(vault, mode))


def _recovered(vault: Resource, mode: Scalar) -> Resource:
    rest = Unknown(at=vault.at, why="the vault is brought back as it was")
    properties = MapValue(at=vault.at, fields={_MODE: mode}, rest=rest)
    fields = {**vault.attributes.fields, _PROPERTIES: properties}
    attributes = msgspec.structs.replace(vault.attributes, fields=fields)
    return msgspec.structs.replace(vault, attributes=attributes, existing=True, common=None)


def _recovers(resource: Resource, context: Context) -> Value | None:
    """Whether a vault is brought back. One that is only read is not."""
    del context
    if resource.type.lower() not in _VAULTS:
        return None
    mode = resource.select((_PROPERTIES, _MODE))
    if isinstance(mode, Unknown):
        return Scalar(at=resource.at, value=False, origin="derived") if resource.existing else mode
    word = str(mode.value).lower() if isinstance(mode, Scalar) else "default"
    return Scalar(at=mode.at, value=word == "recover", origin="derived", note=f"createMode is {word}")


ATTRIBUTES: Mapping[str, Derived] = {
    "recovers": Derived(_recovers, dict.fromkeys(_VAULTS, ((_PROPERTIES, _MODE),))),
}
