"""Compare who can reach what on two sides. Vaults stay in the sets in which the matrix groups them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.access.capabilities import CAPABILITIES
from azkvlint.difference.matching import Roots, moved_address
from azkvlint.model.access import AccessReport, Path, Principal
from azkvlint.model.difference import GAINED, LOST, AccessChange

# A vault: the path of its root and its address, as HEAD names them.
_Vault: TypeAlias = tuple[str, str]
_Vaults: TypeAlias = frozenset[_Vault]
_NO_VAULTS: _Vaults = frozenset()
_NO, _PERHAPS, _YES = 0, 1, 2
_LEVELS = ("no", "perhaps", "yes")
_ORDER = {one.name: number for number, one in enumerate(CAPABILITIES)}
_LABELS = {one.name: one.label for one in CAPABILITIES}


class _Way(NamedTuple):
    """One path of a principal to a capability on some vaults, and its certainty."""

    level: int
    vaults: _Vaults
    path: Path
    principal: Principal


class _Key(NamedTuple):
    """A principal in one root, as HEAD names both."""

    root: str
    principal: str


class _Group(NamedTuple):
    """What the capabilities of one change have in common."""

    key: _Key
    was: int
    now: int
    is_lockout: bool
    vaults: _Vaults
    steps: tuple[tuple[str, str], ...]


# The paths to each capability of each principal.
_Ways: TypeAlias = dict[_Key, dict[str, list[_Way]]]


def access_changes(roots: Roots) -> tuple[AccessChange, ...]:
    """Return what principals gain and lose, certain changes first."""
    base, head = roots.base.access, roots.head.access
    if base is None or head is None:
        return ()
    names: dict[_Vault, str] = {}
    old, new = _ways(base, _base_vaults(roots, base, head), roots, names), _ways(head, _head_vaults(head), roots, names)
    found = [
        change
        for key in sorted({*old, *new}, key=lambda key: (key.principal, key.root))
        for change in _of_principal(key, old.get(key, {}), new.get(key, {}), names, roots)
    ]
    return tuple(sorted(found, key=lambda one: (one.direction != LOST, not one.is_certain, not one.is_lockout)))


def _of_principal(
    key: _Key,
    old: Mapping[str, list[_Way]],
    new: Mapping[str, list[_Way]],
    names: Mapping[_Vault, str],
    roots: Roots,
) -> Iterator[AccessChange]:
    lost = _union(old, _YES) - _union(new, _PERHAPS)
    groups: dict[_Group, tuple[_Way, list[str]]] = {}
    for capability in sorted({*old, *new}, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
        before, after = old.get(capability, []), new.get(capability, [])
        for was, now, vaults in _transitions(before, after):
            for way, part in _parts(before if now < was else after, max(was, now), vaults):
                steps = tuple((step.kind, step.text) for step in way.path.steps)
                for is_lockout, some in ((True, part & lost), (False, part - lost)):
                    if some:
                        group = _Group(key, was, now, is_lockout, some, steps)
                        groups.setdefault(group, (way, []))[1].append(capability)
    for group, (way, capabilities) in groups.items():
        is_lost = group.now < group.was
        yield AccessChange(
            direction=LOST if is_lost else GAINED,
            principal=way.principal,
            capabilities=tuple(capabilities),
            labels=tuple(_LABELS.get(name, name) for name in capabilities),
            vaults=tuple(sorted(names[vault] for vault in group.vaults)),
            path=_in_base(way.path, roots) if is_lost else way.path,
            before=_LEVELS[group.was],
            after=_LEVELS[group.now],
            is_lockout=group.is_lockout,
        )


def _union(ways: Mapping[str, list[_Way]], level: int) -> _Vaults:
    """Return the vaults on which any capability is at least as certain as ``level``."""
    return _NO_VAULTS.union(*(way.vaults for some in ways.values() for way in some if way.level >= level))


def _transitions(before: list[_Way], after: list[_Way]) -> Iterator[tuple[int, int, _Vaults]]:
    """Yield the vaults on which the certainty of a capability changes, with both certainties."""
    levels = []
    for ways in (before, after):
        every = _NO_VAULTS.union(*(way.vaults for way in ways))
        certain = _NO_VAULTS.union(*(way.vaults for way in ways if way.level == _YES))
        levels.append((every, certain))
    (any_old, sure_old), (any_new, sure_new) = levels
    if any_old == any_new and sure_old == sure_new:
        return
    for was, now, vaults in (
        (_YES, _NO, sure_old - any_new),
        (_YES, _PERHAPS, (sure_old & any_new) - sure_new),
        (_PERHAPS, _NO, any_old - sure_old - any_new),
        (_NO, _YES, sure_new - any_old),
        (_PERHAPS, _YES, (sure_new & any_old) - sure_old),
        (_NO, _PERHAPS, any_new - sure_new - any_old),
    ):
        if vaults:
            yield was, now, vaults


def _parts(ways: list[_Way], level: int, vaults: _Vaults) -> Iterator[tuple[_Way, _Vaults]]:
    """Yield the first path of a certainty to each of some vaults."""
    left = vaults
    for way in ways:
        part = left & way.vaults if way.level == level else _NO_VAULTS
        if part:
            yield way, part
            left -= part


def _in_base(path: Path, roots: Roots) -> Path:
    """Return a path of BASE without lines that do not exist."""
    steps = tuple(
        step if step.at is None else msgspec.structs.replace(step, at=roots.in_base(step.at)) for step in path.steps
    )
    return msgspec.structs.replace(path, steps=steps)


# --- vaults and principals of both sides ------------------------------------------------------------------------------


def _ways(report: AccessReport, vault_of: Callable[[int], _Vault], roots: Roots, names: dict[_Vault, str]) -> _Ways:
    """Return the paths to each capability of each principal. ``names`` are those of vaults, to which it adds."""
    sets: dict[tuple[int, ...], _Vaults] = {}
    found: _Ways = {}
    is_base = report is roots.base.access
    for number, vault in enumerate(report.vaults):
        names[vault_of(number)] = vault.name
    for row in report.rows:
        vaults = sets.get(row.vaults)
        if vaults is None:
            vaults = sets[row.vaults] = frozenset(map(vault_of, row.vaults))
        if not vaults:
            continue
        root = vault_of(row.vaults[0])[0]
        principal = row.principal.key
        if is_base:
            principal = moved_address(principal, roots.moved(root))
        way = _Way(_YES if row.path.is_certain else _PERHAPS, vaults, row.path, row.principal)
        found.setdefault(_Key(root, principal), {}).setdefault(row.capability, []).append(way)
    return found


def _head_vaults(head: AccessReport) -> Callable[[int], _Vault]:
    return lambda number: (head.vaults[number].root, head.vaults[number].address)


def _base_vaults(roots: Roots, base: AccessReport, head: AccessReport) -> Callable[[int], _Vault]:
    """Return a function that maps a vault of BASE to the same vault of HEAD, by its address or else by its name."""
    addresses = {(vault.root, vault.address) for vault in head.vaults}
    by_name: dict[tuple[str, str, str], list[str]] = {}
    for vault in head.vaults:
        by_name.setdefault((vault.root, vault.type.lower(), vault.name.lower()), []).append(vault.address)
    known: list[_Vault] = []
    for vault in base.vaults:
        root = roots.observed.get(vault.root, f"\0{vault.root}")
        address = moved_address(vault.address, roots.moved(root))
        named = by_name.get((root, vault.type.lower(), vault.name.lower()), [])
        if (root, address) not in addresses and len(named) == 1:
            address = named[0]
        known.append((root, address))
    return known.__getitem__
