"""Build the resource graph of one root, which rules are evaluated against."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.derived.assignments import COVERS, Coverage
from azkvlint.derived.attributes import derive
from azkvlint.derived.vaults import with_own_policies, with_recovered_vaults
from azkvlint.graph.pseudo_resources import SECRETS_TYPE
from azkvlint.graph.references import Index, references_by
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import MapValue, Value

# --- What a secret holds is shown nowhere, whichever reader has read it: an azapi body is as it is written ----------


_BODY, _VALUE = "properties", "value"


def with_hidden_values(index: Index) -> None:
    """Mark the value of each secret as one that must not be shown."""
    for secret in index.of_type(SECRETS_TYPE):
        properties = secret.attributes.fields.get(_BODY)
        value = properties.fields.get(_VALUE) if isinstance(properties, MapValue) else None
        if isinstance(properties, MapValue) and value is not None and not value.sensitive:
            index.replace(_hidden(secret, properties, value))


def _hidden(secret: Resource, properties: MapValue, value: Value) -> Resource:
    hidden = msgspec.structs.replace(value, sensitive=True)
    whole = msgspec.structs.replace(properties, fields={**properties.fields, _VALUE: hidden})
    fields = {**secret.attributes.fields, _BODY: whole}
    return msgspec.structs.replace(secret, attributes=msgspec.structs.replace(secret.attributes, fields=fields))


def build_graph(resources: Mapping[str, Resource], required: RequiredAttributes, is_complete: bool) -> ResourceGraph:
    """Return the graph of one root: derived attributes added, references resolved."""
    index = Index(dict(resources))
    with_hidden_values(index)
    with_own_policies(index)
    with_recovered_vaults(index)
    derive(index, required, is_complete)
    references: dict[str, tuple[Reference, ...]] = {}
    for via, types in required.reference_paths.items():
        found = Coverage(index).references(via, types) if via == COVERS else references_by(via, types, index)
        references[via] = tuple(found)
    return ResourceGraph(resources=index.resources, references=references, is_complete=is_complete)
