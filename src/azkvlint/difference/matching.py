"""Match what two sides have in common: roots, resources and findings, whatever their files are called now.

A root has the same path, or else most of its resources in common with one of the other side. A resource has the same
address, after ``moved`` blocks, or else the same type and name in the same root.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping

import msgspec

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.difference.inputs import relative_to
from azkvlint.difference.one_way_doors import ResourceState
from azkvlint.difference.replacement import moved_address, pair_worlds, unique_pairs
from azkvlint.difference.sides import RootState, Side
from azkvlint.difference.unread import Unread, missing_modules
from azkvlint.graph.references import may_equal
from azkvlint.model.finding import Finding, Occurrence
from azkvlint.model.location import Location, static_address
from azkvlint.model.pattern import has_holes

VAULT_TYPES = frozenset({VAULTS.lower(), MANAGED_HSMS.lower()})
FAILED, OPEN, HIDDEN = "fail", "unknown", "suppressed"


class RootMatches:
    """Pairs the roots of two sides, and maps addresses of BASE to those of HEAD."""

    def __init__(self, base: Side, head: Side) -> None:
        self.base, self.head = base, head
        self._relative = {id(side): relative_to(side.folder) for side in (base, head)}
        relative = self._relative[id(base)], self._relative[id(head)]
        self.unread = Unread(base, head, relative)
        are_other = _deploy_other_vaults(base.roots, head.roots)
        self.observed = _paired(_identities(base.roots), _identities(head.roots), relative, self.unread, are_other)
        self._of_findings = _paired(_roots_of_findings(base), _roots_of_findings(head), relative, self.unread)
        # Findings of a plan may be located in its source, by whose path their root is called then.
        self._sources = {root.path: root.source for root in head.roots if root.source}
        self._moved: dict[str, Mapping[str, str]] = {}
        for root in head.roots:
            self._moved[root.path] = root.moved
            if root.source:
                self._moved.setdefault(root.source, root.moved)
        self._forgotten = {
            (root.path, address)
            for root in head.roots
            for address, (action, _) in root.removed.items()
            if action == "forget"
        }
        self.worlds = pair_worlds(base.roots, head.roots, self.observed, self.is_same_path, self.unread)
        self._renamed = dict(self._renamed_resources())
        self.has_missing_modules = any(missing_modules(*pair)[:2] != ("", "") for pair in self.worlds)

    def _renamed_resources(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield the root and address in BASE of each resource of a template whose address changes, and the new one."""
        for root, other in self.worlds:
            if root is not None and other is not None:
                old = (address for address in root.declared if address not in other.declared)
                new = (address for address in other.declared if address not in root.declared)
                pairs = unique_pairs(old, new, root.declared.__getitem__, other.declared.__getitem__)
                yield from (((other.path, before), after) for before, after in pairs)

    def doubts(self, *, is_base: bool) -> dict[str, str]:
        """Return by the paths of a side's roots what decides whether the other side declares their resources."""
        found: dict[str, str] = {}
        for pair in self.worlds:
            root = pair.before if is_base else pair.after
            every = self.unread.of_pair(*pair)
            doubt = every.head if is_base else every.base
            if root is not None and doubt:
                found |= {path: doubt for path in (root.path, root.source) if path}
        return found

    def missing_doubt(self, one: Occurrence, *, is_base: bool) -> str:
        """Return what decides whether the other side declares a resource in a module that it cannot read."""
        root, address = self.key_of(one.root, one.address) if is_base else (one.root, one.address)
        for pair in self.worlds:
            after = pair.after
            if after is not None and root in (after.path, after.source):
                missing = missing_modules(*pair)
                declared = missing.declared_in_head if is_base else missing.declared_in_base
                doubt = declared(address, is_terraform=after.is_terraform)
                if doubt:
                    return doubt
        return ""

    def renamed(self, root: str, address: str) -> str:
        """Return the address of a resource of a template in a root of HEAD, where it has the same name."""
        return self._renamed.get((root, address), address)

    def is_moved(self, before: Finding, after: Finding) -> bool:
        """Return whether a finding is in another file, apart from the name of a whole input."""
        old, new = before.at.path, after.at.path
        if old == self.base.document or self.observed.get(old) == new:
            return False
        is_same: bool = self._relative[id(self.base)](old) == self._relative[id(self.head)](new)
        return not is_same

    def is_forgotten(self, occurrence: Occurrence) -> bool:
        """Return whether Terraform only removes a resource of BASE from its state."""
        root, address = self.key_of(occurrence.root, occurrence.address)
        return (root, address) in self._forgotten or (root, static_address(address)) in self._forgotten

    def moved(self, root: str) -> Mapping[str, str]:
        """Return the new addresses by the old ones in a root of HEAD."""
        return self._moved.get(root, {})

    def key_of(self, root: str, address: str) -> tuple[str, str]:
        """Return the root and address of HEAD for a resource of BASE."""
        other = self.observed.get(root)
        if other is None:
            return f"\0{root}", address
        return other, self.renamed(other, moved_address(address, self.moved(other)))

    def is_same_path(self, old: str, new: str) -> bool:
        """Return whether a path of BASE is that of HEAD, relative to the inputs."""
        is_same: bool = self._relative[id(self.base)](old) == self._relative[id(self.head)](new)
        return is_same

    def is_same_root(self, old: str, new: str) -> bool:
        """Return whether a root of BASE is that of HEAD, by its path, or as the only input, such as a plan."""
        is_only = len(self.base.roots) == len(self.head.roots) == 1 and bool(posixpath.splitext(old)[1])
        return is_only or self.is_same_path(old, new)

    def in_base(self, at: Location) -> Location:
        """Return a place of BASE, without lines that do not exist."""
        return at if at.path != self.base.document else msgspec.structs.replace(at, region=None)

    def addresses(self, *, is_base: bool) -> set[tuple[str, str]]:
        """Return the roots and addresses of all resources of a side, as HEAD names them."""
        found: set[tuple[str, str]] = set()
        for root in (self.base if is_base else self.head).roots:
            other = self.observed.get(root.path, "") if is_base else root.path
            moved = self._moved.get(other, {}) if is_base else {}
            names = {other, self._sources.get(other, other)}
            found |= {(name, moved_address(address, moved)) for _, address in root.addresses for name in names}
            if is_base:
                found = {(name, self.renamed(name, address)) for name, address in found}
        return found

    def twin(self, occurrence: Occurrence) -> tuple[str, str]:
        """Return the root, relative to BASE, and the address of the same resource in a compiled template."""
        root, address = occurrence.twin
        return self._relative[id(self.base)](root) if root else "", address

    def place(self, occurrence: Occurrence) -> tuple[str, str]:
        """Return the root, relative to HEAD, and the address of a resource of HEAD."""
        return self._relative[id(self.head)](occurrence.root), occurrence.address

    def key(self, side: Side, occurrence: Occurrence) -> tuple[str, str]:
        """Return root and address by which an occurrence is found on the other side, in the words of HEAD."""
        if side is self.head:
            return occurrence.root, occurrence.address
        root = self._of_findings.get(occurrence.root)
        if root is None:
            return f"\0{occurrence.root}", occurrence.address
        return root, self.renamed(root, moved_address(occurrence.address, self._moved.get(root, {})))


def _deploy_other_vaults(base: Iterable[RootState], head: Iterable[RootState]) -> Callable[[str, str], bool]:
    """Return whether two root modules have vaults, none of which may have the same name: they are two deployments.

    Two files are compared because they were named.
    """
    sides: list[dict[str, set[tuple[str, str]]]] = [{}, {}]
    for names, roots in zip(sides, (base, head), strict=True):
        for root in roots:
            found = {(one.type, _known_of_name(root, one)) for one in root.states if one.type in VAULT_TYPES}
            names.setdefault(root.path, set()).update(found)

    def are_other(old: str, new: str) -> bool:
        names, others = sides[0].get(old, set()), sides[1].get(new, set())
        is_folder = not posixpath.splitext(old)[1]
        return is_folder and bool(names and others) and not _have_common_name(names, others)

    return are_other


def _known_of_name(root: RootState, state: ResourceState) -> str:
    """Return the name of a vault, or what is known of it; "" if nothing is."""
    declared = root.resources.get(state.address)
    known = "" if declared is None or not has_holes(declared.identity) else declared.identity
    return (state.name or known).lower()


def _have_common_name(names: Collection[tuple[str, str]], others: Collection[tuple[str, str]]) -> bool:
    """Return whether two vaults may have the same name."""
    if not set(names).isdisjoint(others):
        return True
    # Names that are known are equal if they are the same.
    open_ = ([one for one in some if not one[1] or has_holes(one[1])] for some in (names, others))
    return any(
        one[0] == other[0] and (not one[1] or not other[1] or may_equal(one[1], other[1]))
        for some, rest in zip(open_, (others, names), strict=True)
        for one in some
        for other in rest
    )


def _identities(roots: Iterable[RootState]) -> dict[str, Counter[Hashable]]:
    """Return what identifies the resources of each root, with those of all its base worlds."""
    found: dict[str, set[Hashable]] = {}
    for root in roots:
        found.setdefault(root.path, set()).update(root.addresses, (("name", *name) for name in root.names))
    return {path: Counter(identities) for path, identities in found.items()}


def _roots_of_findings(side: Side) -> dict[str, Counter[Hashable]]:
    found: dict[str, Counter[Hashable]] = {}
    report = side.report
    for finding in (*report.findings, *report.unknown, *report.suppressed):
        for one in finding.occurrences or ():
            found.setdefault(one.root, Counter()).update([(one.type, one.address), ("name", one.type, one.full_name)])
    return found


def _paired(
    base: Mapping[str, Counter[Hashable]],
    head: Mapping[str, Counter[Hashable]],
    relative: tuple[Callable[[str], str], Callable[[str], str]],
    unread: Unread,
    are_other: Callable[[str, str], bool] = lambda _old, _new: False,
) -> dict[str, str]:
    """Return the root of HEAD for each root of BASE that has one.

    ``are_other`` returns whether two roots with other paths are two deployments. A root that the other side has, and
    cannot read, is not another one.
    """
    of_base, of_head = relative
    by_path = {of_head(path): path for path in head}
    found = {path: by_path[of_base(path)] for path in base if of_base(path) in by_path}
    old = [path for path in base if path not in found and not unread.is_other_unread(path, is_base=True)]
    new = sorted(path for path in set(head) - set(found.values()) if not unread.is_other_unread(path, is_base=False))
    if len(base) == len(head) == len(old) == 1 and not are_other(old[0], new[0]):
        return {old[0]: new[0]}
    scores = sorted(
        (
            (score, path, other)
            for path in old
            for other in new
            if (score := (base[path] & head[other]).total()) and not are_other(path, other)
        ),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    taken: set[str] = set()
    for _, path, other in scores:
        if path not in found and other not in taken:
            found[path] = other
            taken.add(other)
    return found
