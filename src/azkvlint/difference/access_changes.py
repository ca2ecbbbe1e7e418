"""The access that principals gain and lose, vault by vault: BASE is taken as deployed, and HEAD is deployed over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.access.effects import CAPABILITIES
from azkvlint.azure.roles import IDENTITIES
from azkvlint.derived.access_policies import VAULTS
from azkvlint.difference.access_ways import (
    NO,
    NO_VAULTS,
    PERHAPS,
    YES,
    Place,
    VaultName,
    VaultNames,
    Way,
    WayKey,
    Ways,
    add_ways,
    by_policies,
    doubted_on,
    of_either,
    possible,
    union_of,
    ways_to,
)
from azkvlint.difference.deployed import has_other_tenant
from azkvlint.difference.left_behind import address_of_left
from azkvlint.difference.matching import RootMatches
from azkvlint.difference.one_way_doors import GRANT_STAYS, NOUNS, STAYS, ResourcePair, ResourceState, staying
from azkvlint.difference.replacement import Paired, RootPair, known_name, moved_address, moved_by_itself
from azkvlint.difference.sides import DeclaredResource, RootState
from azkvlint.difference.unread import missing_modules
from azkvlint.model.access import AccessPath, AccessReport, AccessRow, AccessVault, Principal
from azkvlint.model.difference import GAINED, LOST, NARROWER, WIDER, AccessChange
from azkvlint.model.pattern import has_holes

_LEVELS = ("no", "perhaps", "yes")
_ORDER = {one.name: number for number, one in enumerate(CAPABILITIES)}
_LABELS = {one.name: one.label for one in CAPABILITIES}
_POLICY = "policy"
_RECOVERED = "the access policies that the recovered vault had"
_ONLY_IN_BASE = "\0"
# Between the doubts of a path.
_AND = " and "


class _CapabilityGroup(NamedTuple):
    """What the capabilities of one change have in common."""

    was: int
    now: int
    is_lockout: bool
    vaults: VaultNames
    steps: tuple[tuple[str, str], ...]
    only: tuple[str, ...] = ()
    except_for: tuple[str, ...] = ()


_LEVELS_OF_SCOPES = ("resource", "resource group", "subscription", "management group", "tenant")
# Returns vaults in the order of their names.
_InOrder: TypeAlias = Callable[[VaultNames], tuple[AccessVault, ...]]


def access_changes(
    roots: RootMatches,
    paired: Sequence[Paired],
    head: AccessReport | None,
    doubts: Mapping[str, str],
    recovered: AccessReport | None = None,
) -> tuple[AccessChange, ...]:
    """Return what principals gain and lose, certain changes first. ``head`` is the access after the deployment.

    ``doubts`` are what decides whether something of BASE stays, by the doubt that paths have. ``recovered`` is the
    access if HEAD recovers the vaults that it may recover; ``head`` is the one if it does not.
    """
    base = roots.base.access
    if base is None or head is None:
        return ()
    vaults = _HeadVaultNames(roots, paired, base, head)
    identities = _Renamed(roots)
    heads = [
        msgspec.structs.replace(one, rows=tuple(_with_doubts(one.rows, doubts))) if doubts else one
        for one in (head, recovered)
        if one is not None
    ]
    new, *others = (_ways(one, vaults.of_head(one), identities.of_head) for one in heads)
    for other in others:
        new = of_either(new, other, vaults.recovery_doubts)
    old = _ways(base, vaults.of_base, _principals(roots, new, identities))
    left = doubted_on(old, vaults.doubts)
    stays = ways_to(old, vaults.refused)
    unread = _unread(roots)
    # These are of what is read, before either side gets the possible paths of the other.
    kept, known = (possible(ways, doubts) for ways, doubts in zip((old, new), unread, strict=True))
    unknown = by_policies(new, vaults.unknown_policies)
    for ways, more in ((new, left), (new, stays), (new, kept), (old, known), (old, unknown)):
        add_ways(ways, more)
    names = vaults.named

    @cache  # thousands of principals may have access to the same vaults
    def in_order(some: VaultNames) -> tuple[AccessVault, ...]:
        return tuple(names[vault] for vault in sorted(some, key=lambda vault: (names[vault].name, vault)))

    changes = [
        change
        for key in sorted({*old, *new}, key=lambda key: (key.principal, key.root, key.world))
        for change in _of_principal(old.get(key, {}), new.get(key, {}), in_order, roots)
    ]
    return tuple(sorted(changes, key=lambda one: (one.direction != LOST, not one.is_certain, not one.is_lockout)))


def _of_principal(
    old: Mapping[str, list[Way]],
    new: Mapping[str, list[Way]],
    in_order: _InOrder,
    roots: RootMatches,
) -> Iterator[AccessChange]:
    if old.keys() == new.keys() and all(map(_have_same_scopes, old.values(), map(new.__getitem__, old))):
        return
    lost = _union(old, YES) - _union(new, PERHAPS)
    groups: dict[_CapabilityGroup, tuple[Way, list[str]]] = {}
    # What decides whether a principal keeps its access is of a path in HEAD.
    doubts: dict[_CapabilityGroup, str] = {}
    for capability in sorted({*old, *new}, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
        before, after = old.get(capability, []), new.get(capability, [])
        for was, now, vaults, objects in _changed_objects(before, after):
            for way, part in _parts(before if now < was else after, max(was, now), vaults, objects):
                steps = tuple((step.kind, step.text) for step in way.path.steps)
                for is_lockout, some in ((True, part & lost), (False, part - lost)):
                    if some:
                        group = _CapabilityGroup(was, now, is_lockout, some, steps, objects.only, objects.except_for)
                        groups.setdefault(group, (way, []))[1].append(capability)
                        doubts.setdefault(group, next((one.path.doubt for one in after if one.vaults & some), ""))
    for group, (way, capabilities) in groups.items():
        is_lost = group.now < group.was
        yield AccessChange(
            direction=LOST if is_lost else GAINED,
            principal=way.principal,
            capabilities=tuple(capabilities),
            labels=tuple(_LABELS.get(name, name) for name in capabilities),
            vaults=in_order(group.vaults),
            path=msgspec.structs.replace(_in_base(way.path, roots), doubt=doubts[group]) if is_lost else way.path,
            before=_LEVELS[group.was],
            after=_LEVELS[group.now],
            is_lockout=group.is_lockout,
            only=group.only,
            except_for=group.except_for,
        )
    yield from _scope_changes(old, new, in_order)


def _have_same_scopes(before: Sequence[Way], after: Sequence[Way]) -> bool:
    """Return whether two lists have the same paths, as far as changes of access and of scopes show."""
    return len(before) == len(after) and all(
        one.level == other.level
        and one.vaults is other.vaults
        and one.path.only == other.path.only
        and _level(one) == _level(other)
        for one, other in zip(before, after, strict=True)
    )


def _union(ways: Mapping[str, list[Way]], level: int) -> VaultNames:
    """Return the vaults on which any capability is at least as certain as ``level``."""
    return NO_VAULTS.union(*(union_of(some, level) for some in ways.values()))


def _transitions(before: Iterable[Way], after: Iterable[Way]) -> Sequence[tuple[int, int, VaultNames]]:
    """Return the vaults on which the certainty of a capability changes, with both certainties."""
    sides = (frozenset((way.level, way.vaults) for way in ways) for ways in (before, after))
    return _transitions_of(*sides)


# Thousands of principals may have the same paths to the same vaults.
@lru_cache(maxsize=1_000)
def _transitions_of(
    before: frozenset[tuple[int, VaultNames]], after: frozenset[tuple[int, VaultNames]]
) -> Sequence[tuple[int, int, VaultNames]]:
    if before == after:
        return ()
    levels = []
    for ways in (before, after):
        every = NO_VAULTS.union(*(vaults for _, vaults in ways))
        certain = NO_VAULTS.union(*(vaults for level, vaults in ways if level == YES))
        levels.append((every, certain))
    (any_old, sure_old), (any_new, sure_new) = levels
    if any_old == any_new and sure_old == sure_new:
        return ()
    found = (
        (YES, NO, sure_old - any_new),
        (YES, PERHAPS, (sure_old & any_new) - sure_new),
        (PERHAPS, NO, any_old - sure_old - any_new),
        (NO, YES, sure_new - any_old),
        (PERHAPS, YES, (sure_new & any_old) - sure_old),
        (NO, PERHAPS, any_new - sure_new - any_old),
    )
    return [one for one in found if one[2]]


class _ScopeGroup(NamedTuple):
    """What the capabilities of one change of scope have in common."""

    direction: str
    old: str
    new: str
    vaults: VaultNames


def _scope_changes(
    old: Mapping[str, list[Way]], new: Mapping[str, list[Way]], in_order: _InOrder
) -> Iterator[AccessChange]:
    """Yield the certain access that a principal keeps by a role at a higher or lower level than before."""
    groups: dict[_ScopeGroup, tuple[Way, list[str]]] = {}
    for capability in sorted(old.keys() & new.keys(), key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
        sides = _by_level(old[capability]), _by_level(new[capability])
        if sides[0] == sides[1] or any(way.path.only for way in (*old[capability], *new[capability])):
            continue
        for direction, (lower, higher) in ((WIDER, sides), (NARROWER, sides[::-1])):
            ways = [old[capability], new[capability]][:: 1 if direction == WIDER else -1]
            for way, before, vaults in _raised(ways, lower, higher):
                old_way, new_way = (before, way) if direction == WIDER else (way, before)
                group = _ScopeGroup(direction, _scope(old_way), _scope(new_way), vaults)
                groups.setdefault(group, (new_way, []))[1].append(capability)
    for group, (way, capabilities) in groups.items():
        yield AccessChange(
            direction=group.direction,
            principal=way.principal,
            capabilities=tuple(capabilities),
            labels=tuple(_LABELS.get(name, name) for name in capabilities),
            vaults=in_order(group.vaults),
            path=way.path,
            before=_LEVELS[YES],
            after=_LEVELS[YES],
            old_scope=group.old,
            new_scope=group.new,
        )


def _raised(
    ways: Sequence[list[Way]], lower: Mapping[int, VaultNames], higher: Mapping[int, VaultNames]
) -> Iterator[tuple[Way, Way, VaultNames]]:
    """Yield the paths at a higher level than that of any possible one before, with a certain one before."""
    before, after = ways
    sure = NO_VAULTS.union(*(way.vaults for way in before if way.level == YES))
    seen = NO_VAULTS
    for level in sorted(higher, reverse=True):
        reached = NO_VAULTS.union(*(vaults for other, vaults in lower.items() if other >= level))
        left = (higher[level] & sure) - reached - seen
        seen |= higher[level]
        for way in after:
            part = left & way.vaults if way.level == YES and _level(way) == level else NO_VAULTS
            left -= part
            for old in before:
                kept = part & old.vaults if old.level == YES else NO_VAULTS
                part -= kept
                if kept:
                    yield way, old, kept


def _by_level(ways: Iterable[Way]) -> dict[int, VaultNames]:
    """Return the vaults by the levels of the scopes that paths lead through, possible ones too."""
    found: dict[int, VaultNames] = {}
    for way in ways:
        level = _level(way)
        known = found.get(level)
        found[level] = way.vaults if known is None else known | way.vaults
    return found


def _level(way: Way) -> int:
    """Return the level of the scope of a role, or of a vault for an access policy."""
    word = way.path.steps[-1].level if way.path.steps else ""
    return _LEVELS_OF_SCOPES.index(word) if word in _LEVELS_OF_SCOPES else 0


def _scope(way: Way) -> str:
    step = way.path.steps[-1]
    return step.scope or step.text


class _ObjectScope(NamedTuple):
    """The objects that a change is about: ``only`` some, or all ``except_for`` some; none of both: all."""

    only: tuple[str, ...] = ()
    except_for: tuple[str, ...] = ()

    def are_reached(self, way: Way) -> bool:
        """Return whether a path leads to any of the objects."""
        limit = way.path.only
        return not limit or (not self.except_for and (not self.only or not set(self.only).isdisjoint(limit)))


_ALL = _ObjectScope()
_OTHERS = ""


def _changed_objects(before: list[Way], after: list[Way]) -> Iterator[tuple[int, int, VaultNames, _ObjectScope]]:
    """Yield the vaults on which the certainty of a capability changes, with both certainties, and for which objects."""
    names = sorted({name for way in (*before, *after) for name in way.path.only})
    if not names:
        yield from ((*found, _ALL) for found in _transitions(before, after))
        return
    changed: dict[tuple[int, int, VaultName], list[str]] = {}
    for name in (*names, _OTHERS):
        own = ([way for way in ways if not way.path.only or name in way.path.only] for ways in (before, after))
        for was, now, vaults in _transitions(*own):
            for vault in vaults:
                changed.setdefault((was, now, vault), []).append(name)
    groups: dict[tuple[int, int, _ObjectScope], set[VaultName]] = {}
    for (was, now, vault), some in changed.items():
        rest = tuple(name for name in names if name not in some)
        objects = _ObjectScope(except_for=rest) if _OTHERS in some else _ObjectScope(only=tuple(some))
        groups.setdefault((was, now, objects), set()).add(vault)
    for (was, now, objects), own_vaults in groups.items():
        yield was, now, frozenset(own_vaults), objects


def _parts(ways: list[Way], level: int, vaults: VaultNames, objects: _ObjectScope) -> Iterator[tuple[Way, VaultNames]]:
    """Yield the first path of a certainty to some objects of each of some vaults."""
    left = vaults
    for way in ways:
        part = left & way.vaults if way.level == level and objects.are_reached(way) else NO_VAULTS
        if part:
            yield way, part
            left -= part


def _in_base(path: AccessPath, roots: RootMatches) -> AccessPath:
    """Return a path of BASE without lines that do not exist."""
    steps = tuple(
        step if step.at is None else msgspec.structs.replace(step, at=roots.in_base(step.at)) for step in path.steps
    )
    return msgspec.structs.replace(path, steps=steps)


def _with_doubts(rows: Iterable[AccessRow], doubts: Mapping[str, str]) -> Iterator[AccessRow]:
    """Yield rows that state what decides whether something of BASE stays."""
    for row in rows:
        parts = row.path.doubt.split(_AND)
        if doubts.keys().isdisjoint(parts):
            yield row
            continue
        found = dict.fromkeys(doubts.get(part, part) for part in parts)
        if STAYS in found:  # of the vault, with all that is in it
            found.pop(GRANT_STAYS, None)
        yield msgspec.structs.replace(row, path=msgspec.structs.replace(row.path, doubt=_AND.join(found)))


def _ways(
    report: AccessReport,
    vaults_of: Callable[[AccessRow], Iterable[tuple[Place, VaultNames]]],
    principal_of: Callable[[Place, Principal], Principal],
) -> Ways:
    """Return the paths to each capability of each principal, with the names of HEAD."""
    found: Ways = {}
    for row in report.rows:
        for place, vaults in vaults_of(row):
            principal = principal_of(place, row.principal)
            way = Way(YES if row.path.is_certain else PERHAPS, vaults, row.path, principal)
            found.setdefault(WayKey(*place, principal.key), {}).setdefault(row.capability, []).append(way)
    return found


def _principals(roots: RootMatches, head: Ways, identities: _Renamed) -> Callable[[Place, Principal], Principal]:
    """Return a function that names the principals of BASE as HEAD does."""
    known = {(key.root, key.principal) for key in head}

    def renamed(place: Place, principal: Principal) -> Principal:
        other = identities.of_base(place, principal)
        if other is not None:
            return other
        root = place[0]
        name = roots.renamed(root, moved_address(principal.key, roots.moved(root)))
        instance = moved_by_itself(name)
        key = instance if (root, name) not in known and (root, instance) in known else name
        return principal if key == principal.key else msgspec.structs.replace(principal, key=key)

    return renamed


class _Renamed:
    """The user-assigned identities that HEAD names differently at the same address: each is another principal."""

    def __init__(self, roots: RootMatches) -> None:
        self._old: dict[Place, dict[str, str]] = {}
        self._new: dict[Place, dict[str, str]] = {}
        # The old ones that a template leaves behind, by their keys in HEAD.
        self._left: dict[Place, dict[str, str]] = {}
        for before, after in roots.worlds:
            if before is None or after is None:
                continue
            for address, one in before.resources.items():
                now = roots.renamed(after.path, moved_address(address, after.moved))
                other = after.resources.get(now)
                if one.type == IDENTITIES and other is not None and _are_other(one, other):
                    place = after.path, after.world
                    self._old.setdefault(place, {})[address.lower()] = one.identity.rpartition("/")[2]
                    self._new.setdefault(place, {})[now.lower()] = other.identity.rpartition("/")[2]
                    self._left.setdefault(place, {})[address_of_left(address).lower()] = address.lower()

    def of_base(self, place: Place, principal: Principal) -> Principal | None:
        """Return a principal of BASE that HEAD replaces; None for any other."""
        name = self._old.get(place, {}).get(principal.key)
        return None if name is None else _with_name(principal, f"{_ONLY_IN_BASE}{principal.key}", name)

    def of_head(self, place: Place, principal: Principal) -> Principal:
        """Return a principal of HEAD, with the name of one that replaces another."""
        left = self._left.get(place, {}).get(principal.key)
        if left is not None:
            return self.of_base(place, msgspec.structs.replace(principal, key=left)) or principal
        name = self._new.get(place, {}).get(principal.key)
        return principal if name is None else _with_name(principal, principal.key, name)


def _are_other(one: DeclaredResource, other: DeclaredResource) -> bool:
    """Return whether the known names of two resources differ."""
    names = [found.identity.rpartition("/")[2].lower() for found in (one, other)]
    return one.type == other.type and all(names) and names[0] != names[1] and not any(map(has_holes, names))


def _with_name(principal: Principal, key: str, name: str) -> Principal:
    return msgspec.structs.replace(principal, key=key, label=f"{principal.label} (`{name}`)")


def _unread(roots: RootMatches) -> tuple[dict[Place, str], dict[Place, str]]:
    """Return what decides, in the roots of BASE and of HEAD, whether the other side has their access too."""
    found: tuple[dict[Place, str], dict[Place, str]] = ({}, {})
    for before, after in roots.worlds:
        doubts = roots.unread.of_pair(before, after)
        if after is not None:
            place = after.path, after.world
        elif before is not None:
            place = f"{_ONLY_IN_BASE}{before.path}", before.world
        missing = missing_modules(before, after)
        for side, doubt in ((0, doubts.head or missing.head), (1, doubts.base or missing.base)):
            if doubt:
                found[side][place] = doubt
    return found


class _HeadVaultNames:
    """Names the vaults of both sides as HEAD does.

    ``named`` are the vaults by these names. ``doubts`` are what would decide whether vaults of BASE that HEAD does not
    declare exist any longer, ``recovery_doubts`` whether HEAD recovers one, and ``unknown_policies`` what a vault that
    BASE recovers granted before. ``refused`` are those that Terraform refuses to destroy.
    """

    def __init__(self, roots: RootMatches, paired: Sequence[Paired], base: AccessReport, head: AccessReport) -> None:
        self.doubts: dict[VaultName, str] = {}
        self.recovery_doubts: dict[VaultName, str] = {}
        self.unknown_policies: dict[VaultName, str] = {}
        self.refused = NO_VAULTS
        self._sets: dict[tuple[int, tuple[int, ...]], Sequence[tuple[Place, VaultNames]]] = {}
        # One set for equal ones of both sides.
        self._equal: dict[VaultNames, VaultNames] = {}
        self._base: dict[VaultName, VaultName] = {}
        self._head: dict[VaultName, VaultName] = {}
        # Vaults of BASE, of which the access policies are void in HEAD.
        self._other_tenant: set[VaultName] = set()
        self._add_pairs(paired, head)
        self._add_others(roots, base, head)
        self._numbers = [[self._base[_key(one)] for one in base.vaults], [self._name(one) for one in head.vaults]]
        self.named = dict(zip(self._numbers[0], base.vaults, strict=True))
        self._void = {
            number: (*name[:2], f"{name[2]}\0")
            for number, (name, vault) in enumerate(zip(self._numbers[0], base.vaults, strict=True))
            if _key(vault) in self._other_tenant
        }
        self._numbers.append([self._void.get(number, name) for number, name in enumerate(self._numbers[0])])
        self.named |= {name: base.vaults[number] for number, name in self._void.items()}
        self.named |= {
            name: vault for name, vault in zip(self._numbers[1], head.vaults, strict=True) if name == _key(vault)
        }

    def of_base(self, row: AccessRow) -> Sequence[tuple[Place, VaultNames]]:
        """Return the vaults of a row of BASE by the root and base world that has them."""
        is_void = bool(self._void) and any(step.kind == _POLICY for step in row.path.steps)
        return self._named(2 if is_void else 0, row)

    def of_head(self, report: AccessReport) -> Callable[[AccessRow], Sequence[tuple[Place, VaultNames]]]:
        """Return a function that returns the vaults of a row of HEAD by the root and base world that has them."""
        self._numbers.append([self._name(one) for one in report.vaults])
        return partial(self._named, len(self._numbers) - 1)

    def _named(self, names: int, row: AccessRow) -> Sequence[tuple[Place, VaultNames]]:
        # Most rows are about the same vaults as another one, of which there may be thousands.
        key = names, tuple(row.vaults)
        found = self._sets.get(key)
        if found is None:
            by_place: dict[Place, list[VaultName]] = {}
            for number in row.vaults:
                vault = self._numbers[names][number]
                by_place.setdefault(vault[:2], []).append(vault)
            found = []
            for place, vaults in by_place.items():
                every = frozenset(vaults)
                found.append((place, self._equal.setdefault(every, every)))
            self._sets[key] = found
        return found

    def _name(self, vault: AccessVault) -> VaultName:
        return self._head.get(_key(vault), _key(vault))

    def _add_pairs(self, paired: Sequence[Paired], head: AccessReport) -> None:
        # What HEAD only refers to, and deploys no more.
        existing = {_named(vault): _key(vault) for vault in head.vaults if not vault.is_deployed}
        by_name: dict[object, VaultName] = {}
        for pair in (pair for one in paired for pair in one.pairs):
            after, name = staying(pair.after), known_name(pair.after)
            if after is not None and name is not None:
                # Several base worlds may deploy one vault.
                self._head[_place(after)] = by_name.setdefault(name, _place(after))
        for one in paired:
            kept = [after for pair in one.pairs if (after := staying(pair.after)) is not None and after.type in NOUNS]
            # The name of a vault is unique in Azure.
            named = {(after.type, after.name.lower()): after for after in kept if after.name}
            for pair in one.pairs:
                before, after = pair.before, staying(pair.after)
                if before is None:
                    continue
                old = _place(before, before.was)
                same = named.get((before.type, before.name.lower()))
                is_other = after is not None and bool(before.name and after.name) and same is not after
                if same is not None or (after is not None and not is_other):
                    found = _place(same or after or before)
                    self._base[old] = self._head.get(found, found)
                    self._add_recovery(pair, self._base[old])
                    if has_other_tenant(pair):
                        self._other_tenant.add(old)
                elif pair.is_elsewhere:
                    self._base[old] = by_name[known_name(before)]
                elif (referred := _referred_to(before, one.roots.after, existing)) is not None:
                    self._base[old] = referred
                elif pair.after is not None and pair.after.action == "forget":
                    self._base[old] = pair.after.root, pair.after.world, before.address
                else:
                    name = self._base[old] = self._only_in_base(one.roots, old)
                    self._add_gone(name, pair.refused is not None, "" if is_other else _existence_doubt(pair, one.gone))

    def _add_gone(self, name: VaultName, is_refused: bool, doubt: str) -> None:
        """Add what is known of a vault that HEAD does not declare."""
        if is_refused:
            self.refused |= {name}
        elif doubt:
            self.doubts[name] = doubt
            self._head[*name[:2], address_of_left(name[2].removeprefix(_ONLY_IN_BASE))] = name

    def _add_recovery(self, pair: ResourcePair, vault: VaultName) -> None:
        """Add what decides which properties a vault has in BASE, or in HEAD, that one of them recovers."""
        before, after = pair.before, pair.after
        if before is None or after is None or before.type != VAULTS:
            return
        if pair.recovered is not None and pair.recovered.recovery_doubt:
            self.recovery_doubts[vault] = pair.recovered.recovery_doubt
        elif (before.recovers or before.recovery_doubt) and not (after.recovers or after.recovery_doubt):
            self.unknown_policies[vault] = before.recovery_doubt or _RECOVERED

    @staticmethod
    def _only_in_base(roots: RootPair, vault: VaultName) -> VaultName:
        """Return the name of a vault that HEAD does not have, in the root of HEAD if that exists."""
        if roots.after is None:
            return f"{_ONLY_IN_BASE}{vault[0]}", *vault[1:]
        return roots.after.path, roots.after.world, f"{_ONLY_IN_BASE}{vault[2]}"

    def _add_others(self, roots: RootMatches, base: AccessReport, head: AccessReport) -> None:
        """Add the vaults that BASE only refers to: by their address, or by their name if these are known to differ."""
        pairs = {(one.before.path, one.before.world): one for one in roots.worlds if one.before is not None}
        by_address = {_key(vault): vault for vault in head.vaults}
        by_name: dict[tuple[str, str, str, str], list[VaultName]] = {}
        for vault in head.vaults:
            by_name.setdefault(_named(vault), []).append(_key(vault))
        for vault in base.vaults:
            if _key(vault) in self._base:
                continue
            pair = pairs.get((vault.root, vault.world), RootPair(None, None))
            if pair.after is None:
                found = self._only_in_base(pair, _key(vault))
                unread = roots.unread.of_pair(*pair).head
                self.doubts[found] = unread or "HEAD does not contain its root module or template"
            else:
                root, world = pair.after.path, pair.after.world
                found = root, world, roots.renamed(root, moved_address(vault.address, roots.moved(root)))
                other = by_address.get(found)
                if other is None or _are_named_differently(vault, other):
                    named = by_name.get((root, world, vault.type.lower(), vault.name.lower()), [])
                    is_gone = other is not None and len(named) != 1
                    found = named[0] if len(named) == 1 else self._only_in_base(pair, found) if is_gone else found
                    if len(named) != 1 and not pair.after.is_terraform:
                        self.doubts[found] = GRANT_STAYS
            self._base[_key(vault)] = self._head.get(found, found)


def _are_named_differently(one: AccessVault, other: AccessVault) -> bool:
    """Return whether two vaults have different names. One whose name is not known has its address in place of it."""
    is_known = one.name != one.address and other.name != other.address
    return is_known and one.name.lower() != other.name.lower()


def _existence_doubt(pair: ResourcePair, gone: str) -> str:
    """Return what would decide whether a vault that HEAD does not declare exists any longer; "" if it does not."""
    before = pair.before
    if pair.after is not None or before is None:
        return ""
    if pair.doubt:
        return pair.doubt
    return f"HEAD does not contain its {gone}" if gone else "" if before.is_terraform else STAYS


def _referred_to(
    before: ResourceState, after: RootState | None, existing: Mapping[tuple[str, str, str, str], VaultName]
) -> VaultName | None:
    """Return the vault of HEAD that is a deployed one of BASE to which a template only refers now; else None."""
    if before.is_terraform or after is None or not before.name:
        return None
    return existing.get((after.path, after.world, before.type, before.name.lower()))


def _named(vault: AccessVault) -> tuple[str, str, str, str]:
    return vault.root, vault.world, vault.type.lower(), vault.name.lower()


def _key(vault: AccessVault) -> VaultName:
    return vault.root, vault.world, vault.address


def _place(state: ResourceState, was: str = "") -> VaultName:
    return state.root, state.world, was or state.address
