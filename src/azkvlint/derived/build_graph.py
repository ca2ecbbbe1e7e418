"""Resources of one root -> the ResourceGraph that rules are held against."""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.derived.assignments import COVERS
from azkvlint.derived.attributes import derive
from azkvlint.derived.hidden import with_hidden_values
from azkvlint.derived.policies import with_own_policies
from azkvlint.derived.recovered import with_recovered_vaults
from azkvlint.derived.scope import Coverage
from azkvlint.graph.references import Index, references_by
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph


def build_graph(resources: Mapping[str, Resource], required: RequiredAttributes, is_complete: bool) -> ResourceGraph:
    """The graph of one root: derived attributes added, references resolved."""
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
