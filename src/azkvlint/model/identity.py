"""What a result is counted by, and how it is recognized in another run: unit, member and fingerprint.

A unit is a rule that fails, or is unknown, for one declared resource at one place, with one severity. Its members are
the resources of that declaration: its instances, those of each root that it is read through, and those of each base
world (a parameter file of a template) that differ. What base worlds agree on is one member, with the names of the
worlds. Where they do not, reports name them.

A fingerprint is made of rule, path, address in the file, and attribute. It does not depend on lines, on the number of
members, and on the folder from which an input is named.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.model.finding import Finding, Occurrence
from azkvlint.model.location import Location, static_address
from azkvlint.util.lazy_regex import regex
from azkvlint.util.sha256 import sha256_hex

UnitKey: TypeAlias = tuple[object, ...]
# The number of base worlds that a text names. One more would be as short as its number.
_MOST_WORLDS = 5
INDEX = regex(r"\[[0-9]+\]")
# What had no module calls when fingerprints were introduced.
_FORMERLY_WITHOUT_CALLS = frozenset({"argument", "data", "module", "output"})


class Fingerprints(NamedTuple):
    """The fingerprint of a result, and the one of earlier versions, which is empty if it is the same."""

    current: str
    former: str


def unit_key(finding: Finding) -> UnitKey:
    """Return what the members of a unit have in common."""
    return finding.severity, *_result_key(finding)


def resource_key(finding: Finding) -> UnitKey:
    """Return what the results of a rule for one resource at one place have in common, whatever their base worlds."""
    return finding.root, finding.resource, *_result_key(finding)


def place_order(finding: Finding) -> UnitKey:
    """Return the key by which findings are sorted by path, line, column and rule."""
    at, region, reason = finding.at, finding.at.region, finding.suppressed
    # Findings without a region are sorted by the other fields.
    place = (0, 0, 0, 0, repr(at.position_key)) if region is None else (*msgspec.structs.astuple(region), "")
    by = "" if reason is None else repr(reason.at.position_key)
    return at.path, *place, finding.rule.id, finding.resource, at.attribute or "", finding.outcome, by


def _result_key(finding: Finding) -> UnitKey:
    at, reason = finding.at, finding.suppressed
    attribute = INDEX.sub("[]", at.attribute) if at.attribute else ""
    by = None if reason is None else reason.at.position_key
    own = None if finding.attribute_at is None else finding.attribute_at.position_key
    declared = None if finding.resource_at is None else finding.resource_at.position_key
    return finding.rule.id, finding.outcome, declared, at.position_key, own, attribute, by


def member_of(finding: Finding) -> Occurrence:
    """Return the member of a unit that a finding is about."""
    return Occurrence(
        root=finding.root,
        address=finding.resource,
        type=finding.type,
        full_name=finding.full_name,
        message=finding.message,
        twin=finding.twin,
        identity=finding.identity,
        fingerprint=finding.fingerprint,
        former_fingerprint=finding.former_fingerprint,
        worlds=(finding.world,) if finding.world else (),
        condition="" if finding.condition is None else finding.condition.text,
    )


def members_of(findings: Iterable[Finding]) -> tuple[Occurrence, ...]:
    """Return the members of a unit in order, those that something deploys first, then those without a condition, each
    once, with the worlds that agree on it.
    """
    worlds: dict[Occurrence, set[str]] = {}
    deployed: set[Occurrence] = set()
    for finding in findings:
        for member in finding.occurrences or (member_of(finding),):
            key = without_worlds(member)
            worlds.setdefault(key, set()).update(member.worlds)
            if not finding.is_undeployed:
                deployed.add(key)
    return tuple(
        msgspec.structs.replace(member, worlds=tuple(sorted(worlds[member]))) if worlds[member] else member
        for member in sorted(worlds, key=lambda member: (member not in deployed, member.condition != "", member))
    )


def without_worlds(member: Occurrence) -> Occurrence:
    """Return a member without the names of its base worlds, by which it is counted."""
    return msgspec.structs.replace(member, worlds=()) if member.worlds else member


def text_key(member: Occurrence) -> UnitKey:
    """Return what members have in common of which reports name the base worlds only."""
    own = (member.root, member.address, member.condition, member.message)
    return own if member.world_names else (member,)


def world_note(names: Iterable[str]) -> str:
    """Return `` (dev, prod)``, with the names of base worlds; "" without names."""
    ordered = sorted(names)
    more = len(ordered) - _MOST_WORLDS
    ordered = [*ordered[:_MOST_WORLDS], f"and {more} more"] if more > 1 else ordered
    return f" ({', '.join(ordered)})" if ordered else ""


def fingerprints(rule_id: str, own: Location, callers: Sequence[Location], declared_as: str) -> Fingerprints:
    """Return the fingerprints (32 hex digits) of a result at ``own``, the attribute of its resource.

    Indexes of list items are left out, because sets change their order when an item is added. In source code, the
    address is the one in the file itself: without instance keys, and without the module calls around it (``callers``,
    outermost first).
    """
    current = _fingerprint(rule_id, own.path, _address_in_file(own, callers), own.attribute)
    former = current
    if callers and declared_as in _FORMERLY_WITHOUT_CALLS:
        former = _fingerprint(rule_id, own.path, _address_in_file(own, ()), own.attribute)
    return Fingerprints(current, "" if former == current else former)


def with_fingerprints(finding: Finding) -> Finding:
    """Return a finding with the fingerprints of its place; without any if it is only counted."""
    if not finding.fingerprint:
        return finding
    own = finding.attribute_at or finding.at
    current, former = fingerprints(finding.rule.id, own, finding.callers, finding.declared_as)
    return msgspec.structs.replace(finding, fingerprint=current, former_fingerprint=former)


def from_folder(finding: Finding, folder: str) -> Finding:
    """Return a finding whose fingerprint has the path from ``folder`` (reported) instead of that from the run's root.

    The other one is its former fingerprint.
    """
    own = finding.attribute_at or finding.at
    path = own.path
    if not path.startswith(("/", "..")) and not folder.startswith(("/", "..")):
        path = _path_from(folder, path)
    if not finding.fingerprint or path == own.path:
        return finding
    current = _fingerprint(finding.rule.id, path, _address_in_file(own, finding.callers), own.attribute)
    former = finding.former_fingerprint or finding.fingerprint
    return msgspec.structs.replace(finding, fingerprint=current, former_fingerprint=former)


@lru_cache(1000)
def _path_from(folder: str, path: str) -> str:
    return posixpath.relpath(f"/{path}", f"/{folder}")


def fingerprints_as(finding: Finding, address: str) -> Iterator[str]:
    """Yield the fingerprints that a finding could have with the ``address`` of another resource of its declaration."""
    own = finding.attribute_at or finding.at
    yield _fingerprint(finding.rule.id, own.path, address, own.attribute)
    inner = static_address(address)
    while inner:
        yield _fingerprint(finding.rule.id, own.path, inner, own.attribute)
        inner = _without_outer_call(inner)


def path_fingerprint(result: Finding | Occurrence) -> str:
    """Return the fingerprint of a result that is unique among the files of a run, and the same in earlier versions."""
    return result.former_fingerprint or result.fingerprint


@lru_cache(4096)  # the instances of one declaration have one fingerprint
def _fingerprint(rule_id: str, path: str, address: str, attribute: str | None) -> str:
    parts = (rule_id, path, address, INDEX.sub("[]", attribute) if attribute else "")
    # Paths with bytes that are not UTF-8 contain surrogates.
    return sha256_hex("\0".join(parts).encode("utf-8", "surrogatepass"))[:32]


def _address_in_file(own: Location, callers: Sequence[Location]) -> str:
    """Return the address of a resource in its file: without instance keys and outer module calls; whole in a plan."""
    address = own.address or ""
    if own.span is None and own.pointer is None:
        return address
    address = static_address(address)
    for caller in callers:
        if caller.path == own.path:
            break
        address = _without_outer_call(address) or address
    return address


def _without_outer_call(address: str) -> str:
    return address.removeprefix("module.").partition(".")[2]
