"""Purge protection as written: Azure rejects false, though that is the default."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.arguments import as_code
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.changes import BY_UPDATE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, MapValue, Origin, Scalar, Unknown, path_text

_PURGE_PROTECTION = ("properties", "enablePurgeProtection")


@derived("writtenPurgeProtection", of=VAULTS, label="purge protection in the configuration", reads=(_PURGE_PROTECTION,))
def _written_purge_protection(resource: Resource, _: Context) -> Answer:
    """Return purge protection as a template or an azapi body writes it.

    Azure rejects false there, though false is the default; azurerm never sends it.
    """
    properties = resource.select(_PURGE_PROTECTION[:1])
    # Azure keeps a value that is not written, and then a plan does not contain it.
    found = properties.fields.get(_PURGE_PROTECTION[1]) if isinstance(properties, MapValue) else properties
    is_azurerms = resource.declared_as in RESOURCES and (found is None or found.note != BY_UPDATE)
    if found is None or is_azurerms or found.origin in (Origin.DEFAULT, Origin.KEPT):
        return absent(resource)
    if isinstance(found, Scalar | Unknown):
        note = f"`{path_text(_PURGE_PROTECTION)}` is {as_code(found.display())}"
        return msgspec.structs.replace(found, origin=Origin.DERIVED, note=note)
    return absent(resource)
