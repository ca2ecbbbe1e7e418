"""Who can reach what in one root: every principal with its paths to the vaults and managed HSMs.

A path is a chain: a principal is in groups and can act as identities, and one of these has an access policy or a role.
What many principals share (a role at a scope, what an identity has) is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from azkvlint.access.holdings import (
    ACCOUNT,
    LOCAL_ASSIGNMENTS,
    LOCAL_DEFINITIONS,
    LOCKS,
    HeldCapability,
    Holding,
    Holdings,
)
from azkvlint.access.principals import (
    CLIENT_NEEDS,
    CLUSTERS,
    GROUP_TYPE,
    GROUP_TYPES,
    KUBELET,
    MEMBER_NEEDS,
    MEMBER_TYPES,
    OWNER_NEEDS,
    OWNER_TYPE,
    OWNERS,
    TYPES,
    WORKLOAD_TYPES,
    PrincipalEdge,
    Principals,
)
from azkvlint.access.publishing import PUBLISHING_NEEDS
from azkvlint.azure.roles import PARTS
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.assignments import COVERS_NEEDS, GRANTS
from azkvlint.derived.companions import Sure
from azkvlint.derived.delegation import CONDITION
from azkvlint.derived.federation import APPLICATION_CREDENTIAL_TYPE, APPLICATIONS, CREDENTIALS, EXPRESSION
from azkvlint.derived.grants import CLIENTS, NEEDS
from azkvlint.derived.registry import Context
from azkvlint.derived.vaults import MANAGED_HSMS, RBAC
from azkvlint.model.access import AccessPath, AccessStep, Capability, Principal
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path as AttributePath

_NAMES: tuple[AttributePath, ...] = (("id",), ("name",), ("resourceGroupName",), ("provider",))
_OF_VAULTS: tuple[AttributePath, ...] = (
    *_NAMES, RBAC, ("properties", "tenantId"), ("properties", "accessPolicies"), ("apiVersion",),
    ("properties", "enablePurgeProtection"), ("properties", "enabledForTemplateDeployment"),
    ("properties", "createMode"),
    ("properties", "initialAdminObjectIds"),
)  # fmt: skip


def needs() -> Mapping[str, frozenset[AttributePath]]:
    """Return the attributes that the matrix is computed from, by type in lower case."""
    found: dict[str, set[AttributePath]] = {}
    for table in (NEEDS, COVERS_NEEDS, PUBLISHING_NEEDS):
        for type_, paths in table.items():
            found.setdefault(type_, set()).update(paths)
    for type_ in (VAULTS, MANAGED_HSMS):
        found.setdefault(type_, set()).update(_OF_VAULTS)
    for type_ in GRANTS:
        found.setdefault(type_, set()).add(CONDITION)
    found.setdefault("microsoft.authorization/roledefinitions", set()).update(
        (("properties", "assignableScopes"), ("scope",), ("id",))
    )
    for type_ in TYPES:
        found.setdefault(type_, set()).update((*_NAMES, ("properties", "principalId"), ("objectId",)))
    for type_ in WORKLOAD_TYPES:
        found.setdefault(type_, set()).add(("identity",))
    found.setdefault(CLIENTS, set()).update(CLIENT_NEEDS)
    found.setdefault(CLUSTERS, set()).add(KUBELET)
    for above, part in PARTS.items():
        found.setdefault(above, set()).update(_NAMES)
        found.setdefault(part, set()).update((("parent",), ACCOUNT))
    found.setdefault(CREDENTIALS, set()).update(
        (("parent",), ("properties", "issuer"), ("properties", "subject"), EXPRESSION, ("name",))
    )
    found.setdefault(LOCKS, set()).update((("scope",), ("properties", "level")))
    found.setdefault(APPLICATION_CREDENTIAL_TYPE, set()).add(("properties",))
    found.setdefault(GROUP_TYPE, set()).update((("properties", "members"), OWNERS, GROUP_TYPES))
    found.setdefault(APPLICATIONS, set()).update((("clientId",), OWNERS))
    found.setdefault(OWNER_TYPE, set()).update(OWNER_NEEDS)
    for type_ in MEMBER_TYPES:
        found.setdefault(type_, set()).update(MEMBER_NEEDS)
    for type_ in (LOCAL_ASSIGNMENTS, LOCAL_DEFINITIONS):
        found.setdefault(type_, set()).update((("parent",), ("name",), ("properties",)))
    return {type_: frozenset(paths) for type_, paths in found.items()}


# With more identities that give the same, one row lists the first of them.
_MOST_APART = 8


class MatrixEntry(NamedTuple):
    """A capability of a principal on some vaults, by one path."""

    principal: Principal
    capability: str
    path: AccessPath
    vaults: tuple[str, ...]


class _IndirectAccess(NamedTuple):
    """What acting as others gives: the effect, the steps to it, and whether the steps are certain."""

    effect: HeldCapability
    steps: tuple[AccessStep, ...]
    sure: Sure
    doubt: str


class Matrix:
    """The access of one root. The arguments are those of ``Holdings``."""

    def __init__(
        self,
        context: Context,
        vaults: Sequence[Resource],
        capabilities: Sequence[Capability],
        selected: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.principals = Principals(context)
        self._holdings = Holdings(context, self.principals, vaults, capabilities, selected).by_key
        self._by_node: dict[tuple[str, str], tuple[_IndirectAccess, ...]] = {}
        self._by_reach: dict[tuple[int, str], tuple[_IndirectAccess, ...]] = {}
        self._inner = frozenset(edge.target for edge in self._all_edges())

    def _all_edges(self) -> Iterator[PrincipalEdge]:
        seen: set[int] = set()
        for holdings in self._holdings.values():
            for holding in holdings:
                if id(holding.reach) not in seen:
                    seen.add(id(holding.reach))
                    yield from holding.reach.edges
        for edges in self.principals.edges.values():
            yield from edges

    def entries(self) -> Iterator[MatrixEntry]:
        """Yield every path of every principal."""
        for key in sorted({*self._holdings, *self.principals.edges}):
            principal = self.principals.by_key[key]
            for holding in self._holdings.get(key, ()):
                yield from _own(principal, holding)
                for found in self._acting(holding, key):
                    yield _indirect(principal, (holding.step, *found.steps), found, holding.edit)
            for edge in self.principals.edges.get(key, ()):
                for found in self._as_node(edge.target, key):
                    sure = Sure(min(edge.sure, found.sure))
                    one = _IndirectAccess(found.effect, found.steps, sure, edge.doubt or found.doubt)
                    yield _indirect(principal, (edge.step, *found.steps), one, edge.edit)

    def _acting(self, holding: Holding, key: str) -> tuple[_IndirectAccess, ...]:
        """Return what the identities give that a role lets its principal act as."""
        # A principal that others can act as must not reach itself.
        own = key if key in self._inner else ""
        question = id(holding.reach), own
        found = self._by_reach.get(question)
        if found is None:
            found = self._by_reach[question] = tuple(_merged(self._walk(holding.reach.edges, own)))
        return found

    def _as_node(self, target: str, key: str) -> tuple[_IndirectAccess, ...]:
        """Return what a group or identity gives to those who are in it or act as it."""
        own = key if key in self._inner else ""
        found = self._by_node.get((target, own))
        if found is None:
            start = PrincipalEdge(target, Sure.YES, AccessStep(kind="", text=""), "", "")
            parts = (
                _IndirectAccess(one.effect, one.steps[1:], one.sure, one.doubt) for one in self._walk([start], own)
            )
            found = self._by_node[target, own] = tuple(_merged(parts))
        return found

    def _walk(self, edges: Iterable[PrincipalEdge], own: str) -> Iterator[_IndirectAccess]:
        """Yield the effects of every identity that edges lead to: by certain edges first, then by the shortest way."""
        edges = list(edges)
        seen = {own}
        for threshold in (Sure.YES, Sure.PERHAPS):
            walked: set[int] = set()
            visited = {own}
            queue: list[tuple[PrincipalEdge, tuple[AccessStep, ...], str]] = [(edge, (), "") for edge in edges]
            at = 0
            while at < len(queue):
                edge, before, doubt = queue[at]
                at += 1
                if edge.target in visited or edge.sure < threshold:
                    continue
                visited.add(edge.target)
                steps, why = (*before, edge.step), doubt or edge.doubt
                is_new = edge.target not in seen
                seen.add(edge.target)
                for holding in self._holdings.get(edge.target, ()):
                    for effect in holding.reach.effects if is_new else ():
                        yield _IndirectAccess(effect, (*steps, *_last(holding, effect)), threshold, why)
                    if id(holding.reach) not in walked:
                        walked.add(id(holding.reach))
                        queue += [(next_, (*steps, holding.step), why) for next_ in holding.reach.edges]
                queue += [(next_, steps, why) for next_ in self.principals.edges.get(edge.target, ())]


def _last(holding: Holding, effect: HeldCapability) -> tuple[AccessStep, ...]:
    """Return the last steps of a path: the policy or role, and the escalation."""
    if not effect.via:
        return (holding.step,)
    return holding.step, AccessStep(kind="escalation", text=effect.via, at=holding.step.at)


def _own(principal: Principal, holding: Holding) -> Iterator[MatrixEntry]:
    for effect in holding.reach.effects:
        path = AccessPath(
            steps=_last(holding, effect),
            is_certain=effect.sure is Sure.YES,
            doubt=effect.doubt,
            edit=effect.edit or holding.edit,
            only=effect.only,
        )
        yield MatrixEntry(principal, effect.capability, path, effect.vaults)


def _indirect(principal: Principal, steps: tuple[AccessStep, ...], found: _IndirectAccess, edit: str) -> MatrixEntry:
    effect = found.effect
    sure = min(found.sure, effect.sure)
    doubt = "" if sure is Sure.YES else found.doubt or effect.doubt
    path = AccessPath(steps=steps, is_certain=sure is Sure.YES, doubt=doubt, edit=edit, only=effect.only)
    return MatrixEntry(principal, effect.capability, path, effect.vaults)


def _merged(found: Iterable[_IndirectAccess]) -> Iterator[_IndirectAccess]:
    """Yield what was found, with the same capability by many identities of one kind of step together."""
    groups: dict[tuple[object, ...], list[_IndirectAccess]] = {}
    for one in found:
        sure = min(one.sure, one.effect.sure)
        # What is limited to objects is so in one vault: another one may have objects of the same names.
        of_one = one.effect.vaults if one.effect.only else ()
        key = one.effect.capability, sure, tuple(step.kind for step in one.steps), of_one
        groups.setdefault(key, []).append(one)
    for group in groups.values():
        if len(group) <= _MOST_APART:
            yield from group
            continue
        first = group[0]
        vaults = tuple(dict.fromkeys(vault for one in group for vault in one.effect.vaults))
        steps = tuple(
            _together(step, len({one.steps[at].text for one in group}) - 1) for at, step in enumerate(first.steps)
        )
        only = tuple(sorted({name for one in group for name in one.effect.only}))
        yield _IndirectAccess(first.effect._replace(vaults=vaults, only=only), steps, first.sure, first.doubt)


def _together(step: AccessStep, others: int) -> AccessStep:
    """Return a step that stands for others of its kind too."""
    if not others:
        return step
    more = f", and {others} more"
    to = tuple(msgspec.structs.replace(one, key=f"{one.key}{more}", label=f"{one.label}{more}") for one in step.to)
    return AccessStep(kind=step.kind, text=f"{step.text}{more}", at=step.at, to=to)
