"""The picture of an access report in its HTML page: who reaches what, drawn by the script of the page.

The page has the graph as JSON. Its script selects ways, places nodes in columns and draws edges; it makes elements
from strings as text only. Without scripts, the tables of the page have the same paths.
"""

from __future__ import annotations

from azkvlint.model.access import AccessReport, Capability
from azkvlint.reporters import document as doc
from azkvlint.reporters.access_graph import AccessGraph, graph_of
from azkvlint.util.text import visible

_OPEN_NETWORKS = frozenset({"all networks", "large IP range"})


def picture(report: AccessReport) -> doc.Figure:
    """Return the picture of a report with access."""
    graph = graph_of(report)
    used = {name for way in graph.ways for name in way.capabilities}
    permissions = [(number, one.name, one.label) for number, one in enumerate(report.capabilities) if one.name in used]
    return doc.Figure("picture", {"permissions": permissions, "data": _data(graph, report.capabilities)})


def _data(graph: AccessGraph, capabilities: tuple[Capability, ...]) -> object:
    """Return what the script draws: nodes and ways as lists, with the texts that ways share by number."""
    numbers = {one.name: number for number, one in enumerate(capabilities)}
    texts: dict[str, int] = {}

    def numbered(some: tuple[str, ...]) -> list[int]:
        return [texts.setdefault(visible(one), len(texts)) for one in some]

    ways = [
        [way.nodes, way.vaults, [numbers[one] for one in way.capabilities], int(way.is_certain),
         numbered(way.doubts), numbered(way.notes)]
        for way in graph.ways
    ]  # fmt: skip
    return {
        "columns": graph.columns,
        "permissions": [one.name for one in capabilities],
        "nodes": [
            {
                "kind": node.kind,
                "label": visible(node.label),
                "about": visible(node.about),
                "names": [visible(one) for one in node.names],
                "facts": [visible(one) for one in node.facts],
                "column": node.column,
                "state": "bad" if node.network in _OPEN_NETWORKS else "",
            }
            for node in graph.nodes
        ],
        "ways": ways,
        "texts": list(texts),
        "sharing": list(graph.sharing()),
    }
