"""The picture of an access report in its HTML page: who reaches what, drawn by the script of the page.

The page has the graph as JSON. Its script selects ways, places nodes in columns and draws edges; it makes elements
from strings as text only. Without scripts, the tables of the page have the same paths.
"""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.access import AccessReport, Capability
from azkvlint.reporters.access_graph import AccessGraph, graph_of
from azkvlint.reporters.document import Figure
from azkvlint.reporters.html_page import escaped
from azkvlint.util.text import encode, visible

STYLE = """
.picture .tools { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: end; margin-bottom: .75rem; }
.picture label { color: var(--soft); font-size: .8rem; }
.picture .tools label { flex: 1 1 9rem; max-width: 16rem; }
.picture .tools .check { flex: none; padding-bottom: .35rem; }
.picture input:not([type]), .picture select {
  display: block; width: 100%; padding: .3rem .5rem; border: 1px solid var(--line); border-radius: .35rem;
  background: var(--paper); color: var(--ink); font: inherit; font-size: .875rem;
}
.picture .tools button, .picture .panel button {
  padding: .3rem .65rem; border: 1px solid var(--line); border-radius: .35rem; background: var(--paper);
  color: var(--ink); font: inherit; font-size: .875rem; cursor: pointer;
}
.picture .zoom { display: flex; gap: .25rem; margin-left: auto; }
.picture .legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .5rem; }
.picture .legend svg { width: 2rem; height: .6rem; margin-right: .4rem; vertical-align: middle; }
.picture .frame {
  position: relative; overflow: auto; max-height: 42rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--paper); cursor: grab; overscroll-behavior-x: contain;
}
.picture .frame.moving { cursor: grabbing; user-select: none; }
.picture .stage { position: relative; margin: 0 auto; }
.picture .stage > svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture .heads { position: sticky; top: 0; z-index: 2; height: 30px; background: var(--paper); }
.picture .heads span {
  position: absolute; top: 7px; overflow: hidden; color: var(--soft); font-size: 12px; font-weight: 600;
  line-height: 16px; text-overflow: ellipsis; white-space: nowrap;
}
.picture path { fill: none; stroke: var(--edge); stroke-width: 1.5; }
.picture { --edge: #8a94a3; }
@media (prefers-color-scheme: dark) { .picture { --edge: #687284; } }
.picture .possible { stroke: var(--open); stroke-dasharray: 5 4; }
.picture .lit { stroke: var(--link); stroke-width: 2.25; }
.picture .many { opacity: .35; }
.picture .dim path:not(.lit) { opacity: .12; }
.picture .node {
  position: absolute; z-index: 1; height: 38px; padding: 2px 8px 2px 9px; overflow: hidden;
  border: 1px solid var(--line); border-left: 4px solid var(--kind, var(--none)); border-radius: 5px;
  background: var(--ground); color: var(--ink); font: inherit; text-align: left; cursor: pointer;
}
.picture .node span, .picture .node small {
  display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; overflow-wrap: normal;
}
.picture .node span { font-size: 12.5px; font-weight: 600; line-height: 17px; }
.picture .node small { color: var(--soft); font-size: 11px; line-height: 14px; }
.picture .node b { float: right; margin-left: 5px; color: var(--link); font-size: 11.5px; line-height: 17px; }
.picture .node.shared { box-shadow: 2px 2px 0 var(--paper), 3px 3px 0 var(--edge); }
.picture .k-group { --kind: #7a5cc4; }
.picture .k-workload { --kind: #0e7c86; }
.picture .k-role, .picture .k-policy { --kind: #b06a00; border-radius: 19px; }
.picture .k-vault { --kind: #1457c2; }
.picture .k-vault.bad small { color: var(--bad); }
.picture .more { border-style: dashed; }
.picture .more span { color: var(--link); }
.picture .node.dimmed { opacity: .3; }
.picture .node[aria-pressed=true] { border-color: var(--link); background: var(--given-ground); }
.picture .node:focus-visible, .picture .frame:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
.picture .panel { margin-top: .75rem; font-size: .9rem; }
.picture .panel li { padding-left: .8rem; border-left: 3px solid var(--mark, var(--line)); }
.picture .panel li + li { margin-top: .4rem; }
.picture .panel h3 { margin: 0; }
.picture .panel p { color: var(--soft); }
.picture .panel button { margin: .35rem .35rem .5rem 0; }
.picture .panel summary { color: var(--soft); cursor: pointer; }
@media (max-width: 46rem) {
  .picture .frame { max-height: 30rem; }
  .picture .tools label { flex-basis: 42%; }
  .picture .zoom { margin-left: 0; }
}
@media print {
  .picture .tools, .picture .panel { display: none; }
  .picture .frame { max-height: none; overflow: visible; border: 0; }
  .picture .stage { zoom: .6 !important; }
  .picture .node, .picture .stage { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
_OPEN_NETWORKS = frozenset({"all networks", "large IP range"})
_DRAWN = "This picture is drawn by a script. The tables below have the same paths."


def picture(report: AccessReport) -> Figure:
    """Return the picture of a report with access."""
    graph = graph_of(report)
    return Figure("\n".join(_markup(graph, report)))


def _markup(graph: AccessGraph, report: AccessReport) -> Iterator[str]:
    yield f'<div class="picture" id="picture"><p class="of" data-without>{escaped(_DRAWN)}</p>'
    yield '<div data-with hidden><div class="tools">'
    yield '<label>Vault<input data-field="vault" list="picture-vaults" autocomplete="off"></label>'
    yield '<label>Principal or group<input data-field="principal" autocomplete="off"></label>'
    yield '<label>Permission<select data-field="permission"><option value="">all</option>'
    used = {name for way in graph.ways for name in way.capabilities}
    for number, one in enumerate(report.capabilities):
        if one.name in used:
            yield f'<option value="{number}" title="{escaped(one.label)}">{escaped(one.name)}</option>'
    yield "</select></label>"
    yield '<label class="check"><input type="checkbox" data-field="certain"> certain paths only</label>'
    yield '<button type="button" data-do="reset">Reset</button>'
    yield '<span class="zoom"><button type="button" data-do="out" aria-label="Zoom out">\u2212</button>'
    yield '<button type="button" data-do="in" aria-label="Zoom in">+</button>'
    yield '<button type="button" data-do="fit">Fit</button></span></div><datalist id="picture-vaults"></datalist>'
    yield '<p class="of legend"><span><svg aria-hidden="true"><path d="M0 5H32"/></svg>certain</span>'
    yield '<span><svg aria-hidden="true"><path class="possible" d="M0 5H32"/></svg>perhaps</span>'
    yield '<span role="status" data-status></span></p>'
    yield '<div class="frame" tabindex="0" role="region" aria-label="Who reaches what. Arrow keys move between boxes.">'
    yield '<div class="stage"><div class="heads"></div><svg aria-hidden="true"></svg></div></div>'
    yield '<div class="panel" aria-live="polite"></div></div>'
    # In JSON, a `<` is in strings only.
    document = encode(_data(graph, report.capabilities), 0).decode().strip().replace("<", "\\u003c")
    yield f'<script type="application/json" id="picture-data">{document}</script></div>'


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
