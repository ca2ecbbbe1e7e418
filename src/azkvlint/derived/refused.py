"""What a vault is told in so many words: Azure refuses a false there, though that is what nothing means."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.derived.registry import Context, absent, derived
from azkvlint.graph.resource_updates import BY_UPDATE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, MapValue, Origin, Scalar, Unknown, display

_VAULTS = "microsoft.keyvault/vaults"
_PURGE_PROTECTION = ("properties", "enablePurgeProtection")


@derived(
    "writtenPurgeProtection", of=_VAULTS, label="purge protection as written", reads={_VAULTS: (_PURGE_PROTECTION,)}
)
def _written_purge_protection(resource: Resource, _: Context) -> Answer:
    """Purge protection as a template or an azapi body writes it.

    Azure takes no false there, though that is what nothing means; azurerm never sends it.
    """
    properties = resource.select(_PURGE_PROTECTION[:1])
    # What is not written Azure keeps, and a plan then does not say.
    found = properties.fields.get(_PURGE_PROTECTION[1]) if isinstance(properties, MapValue) else properties
    is_azurerms = resource.declared_as in RESOURCES and (found is None or found.note != BY_UPDATE)
    if found is None or is_azurerms or found.origin in (Origin.DEFAULT, Origin.KEPT):
        return absent(resource)
    if isinstance(found, Scalar | Unknown):
        return msgspec.structs.replace(
            found, origin=Origin.DERIVED, note=f"purge protection is written as {display(found)}"
        )
    return absent(resource)
