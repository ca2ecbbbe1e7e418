"""Resources of one root -> the ResourceGraph that rules are held against."""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Demand, Reference, Resource, ResourceGraph
from kvlint.readers.derive.assignments import COVERS
from kvlint.readers.derive.attributes import derive
from kvlint.readers.derive.hidden import with_hidden_values
from kvlint.readers.derive.policies import with_own_policies
from kvlint.readers.derive.recovered import with_recovered_vaults
from kvlint.readers.derive.scope import Coverage
from kvlint.readers.references import Index, references_by


def build_graph(resources: Mapping[str, Resource], demand: Demand, closed: bool) -> ResourceGraph:
    """The graph of one root: derived attributes added, references resolved."""
    index = Index(dict(resources))
    with_hidden_values(index)
    with_own_policies(index)
    with_recovered_vaults(index)
    derive(index, demand, closed)
    references: dict[str, tuple[Reference, ...]] = {}
    for via, types in demand.vias.items():
        found = Coverage(index).references(via, types) if via == COVERS else references_by(via, types, index)
        references[via] = tuple(found)
    return ResourceGraph(resources=index.resources, references=references, closed=closed)
