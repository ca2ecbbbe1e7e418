"""Draw who can reach what as Mermaid or Graphviz DOT: a dashed edge is on possible paths only."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.access import AccessReport
from azkvlint.reporters import Options
from azkvlint.reporters.access_graph import (
    GROUP,
    POLICY,
    ROLE,
    VAULT,
    WORKLOAD,
    AccessGraph,
    GraphEdge,
    GraphNode,
    graph_of,
)
from azkvlint.reporters.drawings import dot_text, mermaid_text
from azkvlint.util.text import visible

# Mermaid draws no more edges than this by default, and no longer text than 50,000 characters.
_MOST_EDGES, _MOST_CHARACTERS = 500, 45_000
_MOST_NAMES, _WIDEST = 3, 120
_MERMAID_SHAPES = {ROLE: ("([", "])"), POLICY: ("([", "])"), VAULT: ("[(", ")]"), GROUP: ("{{", "}}")}
_DOT_SHAPES = {ROLE: "ellipse", POLICY: "ellipse", VAULT: "cylinder", GROUP: "hexagon", WORKLOAD: "component"}


def mermaid(report: AccessReport, options: Options) -> str:
    """Return a flowchart that ends with a line break, without edges beyond what Mermaid draws."""
    graph = graph_of(report)
    edges = graph.edges()
    nodes = [_mermaid_node(number, node) for number, node in enumerate(graph.nodes)]
    drawn: list[str] = []
    ends: set[int] = set()
    length = 0
    for edge in edges:
        line = _mermaid_edge(edge, graph)
        length += len(line) + 1 + sum(len(nodes[one]) + 1 for one in (edge.source, edge.target) if one not in ends)
        if len(drawn) == _MOST_EDGES or length > _MOST_CHARACTERS:
            break
        drawn.append(line)
        ends |= {edge.source, edge.target}
    joined = {one for edge in edges for one in (edge.source, edge.target)}
    shown = [number for number in range(len(nodes)) if number in ends or number not in joined]
    lines = ["flowchart LR", *(nodes[number] for number in shown), *drawn]
    left_out = len(edges) - len(drawn)
    if left_out:
        hidden = len(nodes) - len(shown)
        text = f"Not drawn, beyond the limits of Mermaid: {left_out} edges and {hidden} nodes. -f html and dot have all"
        lines.append(f'  more["{mermaid_text(text)}"]')
    return "\n".join(lines) + "\n"


def _mermaid_node(number: int, node: GraphNode) -> str:
    start, end = _MERMAID_SHAPES.get(node.kind, ("[", "]"))
    return f'  n{number}{start}"{"<br/>".join(mermaid_text(line) for line in _label(node))}"{end}'


def _mermaid_edge(edge: GraphEdge, graph: AccessGraph) -> str:
    label = _edge_label(edge, graph)
    text = f"|{mermaid_text(label)}|" if label else ""
    return f"  n{edge.source} {'-->' if edge.is_certain else '-.->'}{text} n{edge.target}"


def dot(report: AccessReport, options: Options) -> str:
    """Return a directed graph that ends with a line break."""
    return "\n".join(_dot(graph_of(report))) + "\n"


def _dot(graph: AccessGraph) -> Iterator[str]:
    yield "digraph kvlint {"
    yield "  rankdir=LR; node [shape=box];"
    for number, node in enumerate(graph.nodes):
        shape = f", shape={_DOT_SHAPES[node.kind]}" if node.kind in _DOT_SHAPES else ""
        yield f"  n{number} [label={dot_text(*_label(node))}{shape}];"
    for edge in graph.edges():
        label = _edge_label(edge, graph)
        style = "" if edge.is_certain else ", style=dashed"
        yield f"  n{edge.source} -> n{edge.target} [label={dot_text(label)}{style}];"
    yield "}"


def _label(node: GraphNode) -> tuple[str, ...]:
    """Return the lines of a node: its name or names, and what it is."""
    lines = [node.label] if node.kind in (ROLE, POLICY) else list(node.names[:_MOST_NAMES])
    if node.kind not in (ROLE, POLICY) and len(node.names) > _MOST_NAMES:
        lines.append(f"and {len(node.names) - _MOST_NAMES} more")
    lines += [node.about] if node.about else []
    return tuple(_cut(visible(line)) for line in lines)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _edge_label(edge: GraphEdge, graph: AccessGraph) -> str:
    """Return the permissions on a vault, or that an edge is possible only."""
    words = ", ".join(edge.capabilities) if graph.nodes[edge.target].kind == VAULT else ""
    return words if edge.is_certain else f"perhaps {words}".strip()
