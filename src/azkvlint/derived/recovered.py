"""Vaults that Azure brings back as they were.

``createMode`` "recover" brings back a deleted vault, and Azure ignores what else is said of it: neither a default nor
silence may decide anything about it, and it is not judged. Where nobody knows whether that is the mode, all else is as
little known. Source: the REST reference of Microsoft.KeyVault/vaults, and
every built-in Azure policy skips such a vault.
"""

from __future__ import annotations

import msgspec

from azkvlint.derived.registry import Context, derived, known
from azkvlint.graph.references import Index
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, MapValue, Scalar, Unknown

_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_PROPERTIES = "properties"
_MODE = "createMode"


def with_recovered_vaults(index: Index) -> None:
    """Make each such vault and managed HSM one that exists, with properties that are not known.

    One that is perhaps brought back is judged, though nothing is known of it.
    """
    for vault in (vault for type_ in _VAULTS for vault in index.of_type(type_)):
        mode = vault.select((_PROPERTIES, _MODE))
        if isinstance(mode, Scalar) and str(mode.value).lower() == "recover":
            index.put(_recovered(vault, mode, "the vault is brought back as it was"))
        elif isinstance(mode, Unknown) and _is_written(vault):
            index.put(_recovered(vault, mode, f"the vault is perhaps brought back as it was: {mode.why}"))


def _is_written(vault: Resource) -> bool:
    """Whether the mode stands in so many words in an input that makes the vault."""
    properties = vault.attributes.fields.get(_PROPERTIES)
    return not vault.existing and isinstance(properties, MapValue) and _MODE in properties.fields


def _recovered(vault: Resource, mode: Scalar | Unknown, why: str) -> Resource:
    rest = Unknown(at=vault.at, why=why)
    properties = MapValue(at=vault.at, fields={_MODE: mode}, rest=rest)
    fields = {**vault.attributes.fields, _PROPERTIES: properties}
    attributes = msgspec.structs.replace(vault.attributes, fields=fields)
    return msgspec.structs.replace(
        vault, attributes=attributes, existing=vault.existing or isinstance(mode, Scalar), shared_attributes=None
    )


@derived(
    "recovers", of=_VAULTS, label="recovery of a deleted vault", reads=dict.fromkeys(_VAULTS, ((_PROPERTIES, _MODE),))
)
def _recovers(resource: Resource, _: Context) -> Answer:
    """Whether a vault is brought back. One that is only read is not."""
    mode = resource.select((_PROPERTIES, _MODE))
    if isinstance(mode, Unknown):
        return known(resource, False) if resource.existing else mode
    word = str(mode.value).lower() if isinstance(mode, Scalar) else "default"
    return known(mode, word == "recover", f"createMode is {word}")
