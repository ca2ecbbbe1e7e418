"""Resources of one root -> the ResourceGraph that rules are held against."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kvlint.model.graph import Demand, Reference, Resource, ResourceGraph
from kvlint.model.value import Scalar
from kvlint.readers.derive.attributes import COVERS, derive
from kvlint.readers.derive.policies import with_own_policies
from kvlint.readers.derive.scope import Coverage
from kvlint.readers.references import Index, references_by

# createMode "recover" brings back a deleted vault as it was: Azure ignores what else the template says of it.
# Source: the REST reference of Microsoft.KeyVault/vaults, and every built-in Azure policy skips such a vault.
_RECOVER = ("properties", "createMode")
_VAULT_TYPES = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


def build_graph(resources: Mapping[str, Resource], demand: Demand, closed: bool) -> ResourceGraph:
    """The graph of one root: derived attributes added, references resolved."""
    index = Index(dict(resources))
    with_own_policies(index)
    derive(index, demand)
    for vault in (vault for type_ in _VAULT_TYPES for vault in index.of_type(type_)):
        if _recovers(vault):
            index.put(msgspec.structs.replace(vault, existing=True))
    references: dict[str, tuple[Reference, ...]] = {}
    for via, types in demand.vias.items():
        found = Coverage(index).references(via, types) if via == COVERS else references_by(via, types, index)
        references[via] = tuple(found)
    return ResourceGraph(resources=index.resources, references=references, closed=closed)


def _recovers(resource: Resource) -> bool:
    mode = resource.select(_RECOVER)
    return isinstance(mode, Scalar) and str(mode.value).lower() == "recover"
