"""Vaults that Azure recovers with their previous properties."""

from __future__ import annotations

import msgspec

from azkvlint.derived.answers import known
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, MapValue, Scalar, Unknown

# ``createMode`` "recover" recovers a deleted vault, and Azure ignores all other properties: neither a default nor a
# missing property may decide a check, and the vault is not checked. If it is not known whether that is the mode, all
# other properties are unknown as well. Source: the REST reference of Microsoft.KeyVault/vaults, and every built-in
# Azure policy skips such a vault.


_RECOVERABLE = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_PROPERTIES = "properties"
_MODE = "createMode"


def with_recovered_vaults(index: Index) -> None:
    """Replace each recovered vault and managed HSM with an existing one whose properties are unknown.

    A vault that is possibly recovered is still checked, with unknown properties.
    """
    for vault in (vault for type_ in _RECOVERABLE for vault in index.of_type(type_)):
        mode = vault.select((_PROPERTIES, _MODE))
        if isinstance(mode, Scalar) and str(mode.value).lower() == "recover":
            index.replace(_recovered(vault, mode, "the properties of a recovered vault are not known"))
        elif isinstance(mode, Unknown) and _is_written(vault):
            index.replace(
                _recovered(vault, mode, f"the vault may be recovered with its previous properties: {mode.why}")
            )


def _is_written(vault: Resource) -> bool:
    """Return whether the mode is literally written in an input that creates the vault."""
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


@derived("recovers", of=_RECOVERABLE, label="recovery of a deleted vault", reads=((_PROPERTIES, _MODE),))
def _recovers(resource: Resource, _: Context) -> Answer:
    """Return whether a vault is recovered; false for a vault that is only looked up."""
    mode = resource.select((_PROPERTIES, _MODE))
    if isinstance(mode, Unknown):
        return known(resource, False) if resource.existing else mode
    word = str(mode.value).lower() if isinstance(mode, Scalar) else "default"
    return known(mode, word == "recover", f"`createMode` is `{word}`")
