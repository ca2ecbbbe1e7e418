"""What a secret holds is shown nowhere, whichever reader has read it: an azapi body is as it is written."""

from __future__ import annotations

import msgspec

from azkvlint.graph.pseudo_resources import SECRETS_TYPE
from azkvlint.graph.references import Index
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Value

_PROPERTIES, _VALUE = "properties", "value"


def with_hidden_values(index: Index) -> None:
    """Mark the value of each secret as one that must not be shown."""
    for secret in index.of_type(SECRETS_TYPE):
        properties = secret.attributes.fields.get(_PROPERTIES)
        value = properties.fields.get(_VALUE) if isinstance(properties, MapValue) else None
        if isinstance(properties, MapValue) and value is not None and not value.sensitive:
            index.replace(_hidden(secret, properties, value))


def _hidden(secret: Resource, properties: MapValue, value: Value) -> Resource:
    hidden = msgspec.structs.replace(value, sensitive=True)
    whole = msgspec.structs.replace(properties, fields={**properties.fields, _VALUE: hidden})
    fields = {**secret.attributes.fields, _PROPERTIES: whole}
    return msgspec.structs.replace(secret, attributes=msgspec.structs.replace(secret.attributes, fields=fields))
