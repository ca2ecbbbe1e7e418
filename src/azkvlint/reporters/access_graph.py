"""The graph of an access report: principals, groups, workloads, roles, access policies and vaults in columns.

Its ways are the paths of the report. Edges of different paths can be combined to a path that does not exist only in
what they allow: assignments share a node if they have the same role and scope, and reach the same vaults with the same
permissions. In a large graph, principals with the same access share a node, and so do vaults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from azkvlint.model.access import AccessReport, AccessRow, AccessStep, AccessVault, Principal
from azkvlint.reporters.access import listed, principal_key
from azkvlint.reporters.phrases import place
from azkvlint.reporters.text_content import short_address
from azkvlint.util.text import pluralize

PRINCIPAL, GROUP, WORKLOAD, ROLE, POLICY, VAULT = "principal", "group", "workload", "role", "policy", "vault"
# With more principals and vaults, those with the same access share a node.
MOST_APART = 40
_PEOPLE = frozenset(
    {"", "user", "guest user", "user or group", "service principal", "application", "deployment identity",
     "federated subject"}
)  # fmt: skip
_NOUNS: Mapping[str, tuple[str, str]] = {
    PRINCIPAL: ("principal", "principals"),
    GROUP: ("group", "groups"),
    WORKLOAD: ("workload", "workloads"),
    ROLE: ("role", "roles"),
    POLICY: ("access policy", "access policies"),
    VAULT: ("vault", "vaults"),
}
_PROVIDERS = ("azurerm_", "azuread_", "azapi_")
_ROLE_STEP, _LOCAL_ROLE, _ESCALATION = "role", "local role", "escalation"

# A part of a path: a principal, or what a role or policy is the same as for other principals.
_Part: TypeAlias = Principal | AccessStep


class GraphNode(msgspec.Struct, kw_only=True):
    """What is drawn as one. ``names`` are those of all that it stands for, and ``facts`` are lines about it.

    ``network`` is who can reach a vault over the network.
    """

    kind: str
    label: str
    about: str = ""
    names: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    network: str = ""
    column: int = 0


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of a principal to vaults: the nodes from the principal to the role or policy, and those of the vaults.

    ``doubts`` are what would decide it unless it is certain, ``notes`` are an escalation and a limit to objects.
    """

    nodes: tuple[int, ...]
    vaults: tuple[int, ...]
    capabilities: tuple[str, ...]
    is_certain: bool
    doubts: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield the pairs of nodes that the way joins."""
        yield from zip(self.nodes, self.nodes[1:], strict=False)
        yield from ((self.nodes[-1], vault) for vault in self.vaults)


class GraphEdge(msgspec.Struct, kw_only=True):
    """An edge. It is certain if a certain way is along it. ``capabilities`` are those of all ways."""

    source: int
    target: int
    is_certain: bool = False
    capabilities: dict[str, None] = {}


class AccessGraph(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes in order of columns and labels, the ways, and the titles of the columns."""

    nodes: tuple[GraphNode, ...]
    ways: tuple[Way, ...]
    columns: tuple[str, ...]

    def edges(self) -> list[GraphEdge]:
        """Return the edges of all ways."""
        found: dict[tuple[int, int], GraphEdge] = {}
        for way in self.ways:
            for source, target in way.edges:
                edge = found.get((source, target))
                if edge is None:
                    edge = found[source, target] = GraphEdge(source=source, target=target)
                edge.is_certain = edge.is_certain or way.is_certain
                edge.capabilities.update(dict.fromkeys(way.capabilities))
        return list(found.values())

    def counts(self) -> str:
        """Return how many principals, groups and others there are."""
        numbers: Counter[str] = Counter()
        for node in self.nodes:
            numbers[node.kind] += len(node.names)
        return ", ".join(pluralize(numbers[kind], *nouns) for kind, nouns in _NOUNS.items() if numbers[kind])

    def sharing(self) -> Iterator[str]:
        """Yield how many principals, and others, share boxes of a drawing."""
        for kind in (PRINCIPAL, GROUP, WORKLOAD, VAULT):
            shared = [node for node in self.nodes if node.kind == kind and len(node.names) > 1]
            if shared:
                number = sum(len(node.names) for node in shared)
                yield f"{number} {_NOUNS[kind][1]} with the same access share {pluralize(len(shared), 'box', 'boxes')}"


def graph_of(report: AccessReport) -> AccessGraph:
    """Return the graph of a report."""
    builder = _GraphBuilder(report)
    nodes, ways = builder.nodes, builder.ways()
    if builder.is_large:
        nodes, ways = _shared(nodes, ways)
    return _arranged(nodes, ways)


class _Grant(msgspec.Struct):
    """What a principal reaches by a role or policy: permissions on sets of vaults, and the next part of paths."""

    rights: set[Hashable] = msgspec.field(default_factory=set)
    following: set[str] = msgspec.field(default_factory=set)


class _GraphBuilder:
    """Collects the nodes and ways of a report."""

    def __init__(self, report: AccessReport) -> None:
        self._report = report
        self.nodes: list[GraphNode] = []
        self._ids: dict[Hashable, int] = {}
        self._known: dict[str, Principal] = {}
        self._sets: dict[tuple[int, ...], int] = {}
        self._texts: dict[int, dict[str, None]] = {}
        for row in report.rows:
            self._known.setdefault(self._key(row.principal, row), row.principal)
            self._sets.setdefault(row.vaults, len(self._sets))
        self.is_large = len(self._known) + len(report.vaults) > MOST_APART
        self._vaults = self._vault_nodes()
        self._reached = {own: tuple(dict.fromkeys(self._vaults[one] for one in own)) for own in self._sets}

    def _key(self, principal: Principal, row: AccessRow) -> str:
        return principal_key(principal, self._report.vaults[row.vaults[0]])

    def _vault_nodes(self) -> dict[int, int]:
        """Return the node of each vault. In a large graph, vaults of the same rows with the same network share it."""
        member: dict[int, list[int]] = {}
        for vaults, number in self._sets.items():
            for one in vaults:
                member.setdefault(one, []).append(number)
        groups: dict[Hashable, list[int]] = {}
        for number, vault in enumerate(self._report.vaults):
            if number in member or vault.is_deployed:
                own = -1 if self.is_large else number
                key = own, tuple(member.get(number, ())), vault.network, vault.model, bool(vault.condition)
                groups.setdefault(key, []).append(number)
        found = {}
        for numbers in groups.values():
            self.nodes.append(_vault_node([self._report.vaults[number] for number in numbers]))
            found.update(dict.fromkeys(numbers, len(self.nodes) - 1))
        return found

    def ways(self) -> list[Way]:
        """Return the ways of all rows. Rows that differ in their permissions only are one way."""
        by_principal: dict[str, list[AccessRow]] = {}
        for row in self._report.rows:
            by_principal.setdefault(self._key(row.principal, row), []).append(row)
        found = [way for key, rows in by_principal.items() for way in self._of_principal(key, rows)]
        self._name_grants()
        return found

    def _of_principal(self, key: str, rows: Sequence[AccessRow]) -> Iterator[Way]:
        parts = [list(_parts(row.path.steps)) for row in rows]
        grants: dict[tuple[Hashable, ...], _Grant] = {}
        contexts = [self._contexts(row, some, grants) for row, some in zip(rows, parts, strict=True)]
        merged: dict[tuple[tuple[int, ...], tuple[int, ...], bool, str, tuple[str, ...]], list[str]] = {}
        start = self._principal(key, rows[0].principal)
        for row, some, before in zip(rows, parts, contexts, strict=True):
            ids = [start]
            for part, context in zip(some, before, strict=True):
                ids.append(
                    self._principal(self._key(part, row), part)
                    if isinstance(part, Principal)
                    else self._grant(part, grants[context])
                )
            path = row.path
            own = tuple(ids), self._reached[row.vaults], path.is_certain, path.doubt, _notes(row)
            merged.setdefault(own, []).append(row.capability)
        for (nodes, vaults, is_certain, doubt, notes), capabilities in merged.items():
            yield Way(
                nodes=nodes, vaults=vaults, capabilities=tuple(dict.fromkeys(capabilities)), is_certain=is_certain,
                doubts=(doubt,) if doubt else (), notes=notes,
            )  # fmt: skip

    def _contexts(
        self, row: AccessRow, parts: Sequence[_Part], grants: dict[tuple[Hashable, ...], _Grant]
    ) -> list[tuple[Hashable, ...]]:
        """Return what identifies each part with those before it, and add to what the grants among them reach."""
        keys = [self._key(one, row) if isinstance(one, Principal) else _grant_key(one) for one in parts]
        contexts = [tuple(keys[: at + 1]) for at in range(len(keys))]
        for at, part in enumerate(parts):
            if not isinstance(part, Principal):
                grant = grants.setdefault(contexts[at], _Grant())
                if at + 1 < len(parts):
                    grant.following.add(str(keys[at + 1]))
                else:
                    grant.rights.add((row.capability, self._sets[row.vaults], _notes(row)))
        return contexts

    def _principal(self, key: str, principal: Principal) -> int:
        found = self._ids.get(key)
        if found is None:
            known = self._known.get(key, principal)
            kind = GROUP if known.kind == "group" else PRINCIPAL if known.kind in _PEOPLE else WORKLOAD
            facts = () if known.at is None else (place(known.at),)
            label = _without_type(known.label) if known.kind else short_address(known.label)
            found = self._added(
                key, GraphNode(kind=kind, label=label, about=known.kind, names=(known.label,), facts=facts)
            )
        return found

    def _grant(self, step: AccessStep, grant: _Grant) -> int:
        """Return the node of a role or policy, which assignments share that reach the same."""
        is_role = step.kind == _ROLE_STEP
        scope = (step.role, step.scope) if is_role else ()
        key = step.kind, scope, frozenset(grant.rights), frozenset(grant.following)
        text = step.text if step.at is None else f"{step.text} [{place(step.at)}]"
        found = self._ids.get(key)
        if found is None:
            kind = ROLE if is_role or step.kind == _LOCAL_ROLE else POLICY
            label = _role_label(step) if is_role else _NOUNS[POLICY][0] if kind == POLICY else step.kind
            about = f"at {_without_type(step.scope)}" if step.scope else _place_of_policy(step.text)
            found = self._added(key, GraphNode(kind=kind, label=label, about=about))
        self._texts.setdefault(found, {})[text] = None
        return found

    def _name_grants(self) -> None:
        """Set the names of roles and policies, which are all assignments that share them."""
        for number, texts in self._texts.items():
            node = self.nodes[number]
            node.names = tuple(texts)
            if len(texts) > 1 and (node.kind == POLICY or node.label == _LOCAL_ROLE):
                node.about = f"{len(texts)} with the same access"

    def _added(self, key: Hashable, node: GraphNode) -> int:
        self.nodes.append(node)
        self._ids[key] = len(self.nodes) - 1
        return self._ids[key]


def _vault_node(vaults: Sequence[AccessVault]) -> GraphNode:
    first = vaults[0]
    facts = [f"network: {first.network}"] if first.network else []
    facts += [first.model]
    facts += [*([first.condition] if first.condition else []), place(first.at)] if len(vaults) == 1 else []
    about = ", ".join(filter(None, (first.network, first.model, first.condition)))
    names = tuple(one.label for one in vaults)
    return GraphNode(
        kind=VAULT, label=short_address(names[0]), about=about, names=names, facts=tuple(facts), network=first.network
    )


def _without_type(address: str) -> str:
    """Return the name of a resource of Terraform, and other texts as short addresses."""
    at = address.rfind("[") if address.endswith("]") else len(address)
    above, _, name = address[:at].rpartition(".")
    is_resource = above.rpartition(".")[2].startswith(_PROVIDERS)
    return f"{name}{address[at:]}" if is_resource else short_address(address)


def _role_label(step: AccessStep) -> str:
    """Return the name of a role. A step that stands for many assignments has neither a role nor a scope."""
    return step.role or ("unknown role" if step.scope else "several roles")


def _place_of_policy(text: str) -> str:
    """Return the resource in the text of a policy or local role: ``1 of kv`` of ``access policy 1 of ...kv``."""
    if text.endswith(" more"):
        return short_address(text)
    head, _, address = text.rpartition(" ")
    return f"{head.removeprefix(_NOUNS[POLICY][0]).strip()} {_without_type(address)}".strip()


def _parts(steps: Iterable[AccessStep]) -> Iterator[_Part]:
    """Yield the roles and policies of a path, and the groups, workloads and identities that its steps lead to."""
    for step in steps:
        if step.to:
            yield from step.to
        elif step.kind != _ESCALATION:
            yield step


def _grant_key(step: AccessStep) -> Hashable:
    return (step.kind, step.role, step.scope) if step.role else (step.kind, step.text)


def _notes(row: AccessRow) -> tuple[str, ...]:
    """Return the escalation of a path, and the objects that its access is limited to."""
    notes = [step.text for step in row.path.steps if step.kind == _ESCALATION]
    return (*notes, f"only {listed(row.path.only)}") if row.path.only else tuple(notes)


def _shared(nodes: Sequence[GraphNode], ways: list[Way]) -> tuple[list[GraphNode], list[Way]]:
    """Return the graph with one node for principals with the same access: those that nothing leads to, then others."""
    inner = {number for way in ways for number in way.nodes[1:]}
    kept = list(nodes)
    for is_inner in (False, True, True):
        uses: dict[int, set[Hashable]] = {}
        for way in ways:
            for number in way.nodes if is_inner else way.nodes[:1]:
                if (number in inner) is is_inner and kept[number].kind in (PRINCIPAL, GROUP, WORKLOAD):
                    without = tuple(-1 if one == number else one for one in way.nodes)
                    uses.setdefault(number, set()).add(
                        (without, way.vaults, way.capabilities, way.is_certain, way.notes)
                    )
        groups: dict[Hashable, list[int]] = {}
        for number, own in uses.items():
            groups.setdefault((kept[number].kind, kept[number].about, frozenset(own)), []).append(number)
        into = {number: some[0] for some in groups.values() for number in some}
        for first, *others in groups.values():
            names = (*kept[first].names, *(name for one in others for name in kept[one].names))
            if others:
                kept[first] = msgspec.structs.replace(kept[first], names=names, facts=())
        ways = _renumbered(ways, into)
    return kept, ways


def _renumbered(ways: Iterable[Way], into: Mapping[int, int]) -> list[Way]:
    """Return ways with other numbers of nodes. Those that differ in their doubts only are one."""
    found: dict[Hashable, Way] = {}
    for way in ways:
        nodes = tuple(into.get(one, one) for one in way.nodes)
        vaults = tuple(into.get(one, one) for one in way.vaults)
        key = nodes, vaults, way.capabilities, way.is_certain, way.notes
        known = found.get(key)
        doubts = way.doubts if known is None else tuple(dict.fromkeys((*known.doubts, *way.doubts)))
        if known is None or doubts != known.doubts:
            found[key] = msgspec.structs.replace(way, nodes=nodes, vaults=vaults, doubts=doubts)
    return list(found.values())


def _arranged(nodes: Sequence[GraphNode], ways: list[Way]) -> AccessGraph:
    """Return the graph with its nodes in columns."""
    edges = dict.fromkeys(edge for way in ways for edge in way.edges)
    used = {number for edge in edges for number in edge}
    numbers = [number for number, node in enumerate(nodes) if number in used or node.kind == VAULT]
    columns = _columns(nodes, numbers, edges)
    for column, members in enumerate(columns):
        for number in members:
            nodes[number].column = column
    order = [
        number
        for members in columns
        for number in sorted(members, key=lambda one: (nodes[one].label, nodes[one].about, nodes[one].names))
    ]
    into = {number: at for at, number in enumerate(order)}
    return AccessGraph(
        nodes=tuple(nodes[number] for number in order),
        ways=tuple(_renumbered(ways, into)),
        columns=tuple(_title({nodes[number].kind for number in members}, at) for at, members in enumerate(columns)),
    )


def _columns(nodes: Sequence[GraphNode], numbers: Iterable[int], edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the columns: principals that nothing leads to, groups, roles on workloads, workloads, roles, vaults."""
    targets, on_workloads = set(), set()
    for source, target in edges:
        targets.add(target)
        if nodes[source].kind == ROLE and nodes[target].kind != VAULT:
            on_workloads.add(source)
    found: dict[int, list[int]] = {}
    for number in numbers:
        kind = nodes[number].kind
        if kind in (ROLE, POLICY, VAULT):
            column = 5 if kind == VAULT else 2 if number in on_workloads else 4
        else:
            column = 0 if number not in targets else 1 if kind == GROUP else 3
        found.setdefault(column, []).append(number)
    return [found[one] for one in sorted(found)]


def _title(kinds: Iterable[str], column: int) -> str:
    own = set(kinds)
    if not column and VAULT not in own:
        return "Principals"
    nouns = [plural for kind, (_, plural) in _NOUNS.items() if kind in own]
    return " and ".join(nouns).capitalize()
