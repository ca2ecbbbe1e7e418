"""The paths of principals to vaults on one side of a comparison, and which of them are only possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.access.effects import CAPABILITIES, DATA_WORDS
from azkvlint.model.access import AccessPath, Principal

# A vault as HEAD names it: its root, base world and address. What HEAD does not have of these has a mark.
VaultName: TypeAlias = tuple[str, str, str]
VaultNames: TypeAlias = frozenset[VaultName]
Place: TypeAlias = tuple[str, str]
NO_VAULTS: VaultNames = frozenset()
NO, PERHAPS, YES = 0, 1, 2
# What the access policies of a vault can grant.
_BY_POLICIES = frozenset(one.name for one in CAPABILITIES if not one.words.isdisjoint(DATA_WORDS))


class Way(NamedTuple):
    """One path of a principal to a capability on some vaults, and its certainty."""

    level: int
    vaults: VaultNames
    path: AccessPath
    principal: Principal


class WayKey(NamedTuple):
    """A principal in one root with one base world, as HEAD names them."""

    root: str
    world: str
    principal: str


# The paths to each capability of each principal.
Ways: TypeAlias = dict[WayKey, dict[str, list[Way]]]


def union_of(ways: Iterable[Way], level: int) -> VaultNames:
    """Return the vaults that paths lead to which are at least as certain as ``level``."""
    return NO_VAULTS.union(*(way.vaults for way in ways if way.level >= level))


def add_ways(ways: Ways, more: Ways) -> None:
    """Add paths to others."""
    for key, found in more.items():
        for capability, some in found.items():
            ways.setdefault(key, {}).setdefault(capability, []).extend(some)


def ways_to(ways: Ways, vaults: VaultNames) -> Ways:
    """Return the paths to some vaults."""
    found: Ways = {}
    for key, by_capability in ways.items() if vaults else ():
        for capability, listed in by_capability.items():
            parts = [way._replace(vaults=way.vaults & vaults) for way in listed if way.vaults & vaults]
            if parts:
                found.setdefault(key, {})[capability] = parts
    return found


def possible(ways: Ways, doubts: Mapping[Place, str]) -> Ways:
    """Return the paths in some roots, as far as a file that cannot be read decides."""
    return {
        key: {capability: [doubted(way, doubt) for way in some] for capability, some in by_capability.items()}
        for key, by_capability in (ways.items() if doubts else ())
        if (doubt := doubts.get((key.root, key.world)))
    }


def doubted(way: Way, doubt: str) -> Way:
    """Return a path that is only possible."""
    return way._replace(level=PERHAPS, path=msgspec.structs.replace(way.path, is_certain=False, doubt=doubt))


def doubted_on(ways: Ways, doubts: Mapping[VaultName, str], capabilities: frozenset[str] | None = None) -> Ways:
    """Return the paths to some vaults, as far as a doubt of each decides; to some capabilities, or to all."""
    found: Ways = {}
    some = frozenset(doubts)
    for key, by_capability in ways.items() if some else ():
        for capability, listed in by_capability.items():
            if capabilities is None or capability in capabilities:
                parts = [part for way in listed for part in _on_each(way, way.vaults & some, doubts)]
                if parts:
                    found.setdefault(key, {}).setdefault(capability, []).extend(parts)
    return found


def _on_each(way: Way, vaults: VaultNames, doubts: Mapping[VaultName, str]) -> Iterator[Way]:
    for vault in sorted(vaults):
        yield doubted(way, doubts[vault])._replace(vaults=frozenset({vault}))


def by_policies(ways: Ways, doubts: Mapping[VaultName, str]) -> Ways:
    """Return what the unknown access policies of some vaults may have granted of the access in ``ways``."""
    return doubted_on(ways, doubts, _BY_POLICIES)


def of_either(one: Ways, other: Ways, doubts: Mapping[VaultName, str]) -> Ways:
    """Return the paths that are certain if they are so in both of two states, and possible if they are in one.

    The states differ in the vaults of ``doubts`` alone, each with what decides which one it is.
    """
    if not doubts:
        return one
    open_ = frozenset(doubts)
    found: Ways = {}
    for key in one.keys() | other.keys():
        ways, others = one.get(key, {}), other.get(key, {})
        for capability in ways.keys() | others.keys():
            sides = ways.get(capability, []), others.get(capability, [])
            found.setdefault(key, {})[capability] = [*_in_both(*sides, open_, doubts)]
    return found


def _in_both(ways: list[Way], others: list[Way], open_: VaultNames, doubts: Mapping[VaultName, str]) -> Iterator[Way]:
    sure = union_of(others, YES)
    for way in ways:
        part = (way.vaults & open_) - sure if way.level == YES else NO_VAULTS
        if way.vaults - part:
            yield way._replace(vaults=way.vaults - part) if part else way
        yield from _on_each(way, part, doubts)
    known = union_of(ways, PERHAPS)
    for way in others:
        yield from _on_each(way, (way.vaults & open_) - known, doubts)
