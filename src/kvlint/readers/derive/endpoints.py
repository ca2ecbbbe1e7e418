"""What a private endpoint leads to, where a template or azapi body says it (the azurerm table says it directly)."""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Link, ListValue, Path, Scalar, Unknown, Value
from kvlint.readers.derive.attribute import Context, Derived

ENDPOINTS = "microsoft.network/privateendpoints"
PATHS: Mapping[str, tuple[Path, ...]] = {ENDPOINTS: (("properties",),)}


def _connection(field: str) -> Derived:
    """A field of the endpoint's connection, be it ordered with or without approval: Azure takes only one."""

    def make(resource: Resource, context: Context) -> Value | None:
        have = resource.select(("derived", field))
        if resource.type.lower() != ENDPOINTS or not isinstance(have, Absent):
            return None
        for connections in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
            found = resource.select(("properties", connections, 0, "properties", field))
            if isinstance(found, (Scalar, ListValue, Link, Unknown)):
                return found
        return None

    return Derived(make, PATHS)


ATTRIBUTES: Mapping[str, Derived] = {name: _connection(name) for name in ("privateLinkServiceId", "groupIds")}
