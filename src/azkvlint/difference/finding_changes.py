"""Findings of two states, matched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.difference.deployed import DeployedSetting
from azkvlint.difference.matching import FAILED, HIDDEN, OPEN, VAULT_TYPES, RootMatches
from azkvlint.difference.replacement import unique_pairs
from azkvlint.difference.sides import Side
from azkvlint.linter.world_names import in_named_worlds
from azkvlint.model.difference import (
    CHANGED,
    GONE,
    MOVED,
    NEW,
    STATES,
    SUPPRESSED,
    UNCHANGED,
    UNKNOWN,
    FindingChange,
)
from azkvlint.model.finding import Finding, Occurrence, Outcome
from azkvlint.model.location import static_address
from azkvlint.util.lazy_regex import regex

_Key: TypeAlias = tuple[Hashable, ...]
_WORD = regex(r"[^\s,;]+")
_IN_NEW = "in a new environment only"
_RECOVERED = "kept by the recovered vault"
_NOT_EVALUATED = "HEAD recovers the vault, which is not evaluated"
_UNKNOWN_RESULT = "the result for {} is unknown: {}"
_OF_PROPERTIES = "properties."
_FAILED_BEFORE = "failed before"


class FindingOccurrence(NamedTuple):
    """One occurrence of a finding, and its outcome: fail, unknown or suppressed."""

    finding: Finding
    occurrence: Occurrence
    outcome: str
    key: tuple[str, str]

    @property
    def rule(self) -> str:
        """Return the id of the rule."""
        return self.finding.rule.id

    @property
    def identity(self) -> str:
        """Return what distinguishes the resource from others of its type: its name, or what is known of it."""
        return self.occurrence.identity or self.occurrence.full_name.lower()


class FindingPair(NamedTuple):
    """Two items of the same rule and resource, or one of them alone."""

    before: FindingOccurrence | None
    after: FindingOccurrence | None


def compare_findings(
    roots: RootMatches, rules: Collection[str], recovered: Collection[tuple[str, str]] = ()
) -> tuple[FindingChange, ...]:
    """Return all findings of both sides with their states. Only ``rules`` ran on both sides.

    ``recovered`` are the roots and addresses of the vaults of BASE that HEAD recovers.
    """
    old = [item for item in items_of(roots, roots.base) if item.rule in rules]
    new = [item for item in items_of(roots, roots.head) if item.rule in rules]
    groups: dict[_Key, list[tuple[Occurrence, Finding, Finding | None]]] = {}
    pairs = list(_without_other_vaults(pairs_of(old, new, roots), old, roots))
    names = {
        pair.before.occurrence.address: pair.after.occurrence.address
        for pair in pairs
        if pair.before is not None
        and pair.after is not None
        and pair.before.occurrence.address != pair.after.occurrence.address
        and not _is_twin(pair.before, pair.after, roots)
    }
    removed = roots.addresses(is_base=True) - roots.addresses(is_base=False)
    for pair in pairs:
        state, note = _state(pair, roots, names, removed)
        shown = pair.before if state == GONE and pair.before is not None else pair.after or pair.before
        if not state or shown is None:
            continue
        before = None if pair.before is None or state in (NEW, GONE) else pair.before.finding
        is_worse = state == CHANGED and before is not None and _is_worse(pair)
        key = state, note, is_worse, shown.outcome, id(shown.finding)
        groups.setdefault(key, []).append((shown.occurrence, shown.finding, before))
    changes = [
        FindingChange(
            state=str(key[0]),
            note=str(key[1]),
            is_worse=bool(key[2]),
            finding=_restricted(listed[0][1], [occurrence for occurrence, _, _ in listed], roots, str(key[0])),
            whole=listed[0][1],
            before=listed[0][2],
            is_in_base=key[0] == GONE,
        )
        for key, listed in groups.items()
    ]
    known = [
        roots.addresses(is_base=is_base) | {one.key for one in items} for is_base, items in ((False, new), (True, old))
    ]
    kept = _kept_by_recovered(changes, roots, recovered) if recovered else changes
    return tuple(sorted(_decided(kept, roots, known), key=_order))


def _kept_by_recovered(
    changes: Iterable[FindingChange], roots: RootMatches, recovered: Collection[tuple[str, str]]
) -> Iterator[FindingChange]:
    """Yield changes; what HEAD does not find on a recovered vault stays if it is about a property of the vault.

    Whether the vault has the companions that it should have, for example, is not known then.
    """
    for change in changes:
        parts: dict[bool, list[Occurrence]] = {}
        for one in change.finding.occurrences:
            is_kept = change.state == GONE and roots.key(roots.base, one) in recovered
            parts.setdefault(is_kept, []).append(one)
        for is_kept, occurrences in parts.items():
            finding = restricted(change.finding, occurrences)
            if not is_kept:
                yield msgspec.structs.replace(change, finding=finding)
            elif finding.attribute.startswith(_OF_PROPERTIES):
                yield msgspec.structs.replace(
                    change, state=UNCHANGED, note=_RECOVERED, finding=finding, before=change.whole
                )
            else:
                yield msgspec.structs.replace(
                    change, state=CHANGED, note=_FAILED_BEFORE, finding=_not_evaluated(finding), before=change.whole
                )


def _not_evaluated(finding: Finding) -> Finding:
    occurrences = tuple(
        msgspec.structs.replace(one, message=_UNKNOWN_RESULT.format(one.address, _NOT_EVALUATED))
        for one in finding.occurrences
    )
    found = msgspec.structs.replace(finding, message=occurrences[0].message, arguments=(), occurrences=occurrences)
    return _unknown(found, _NOT_EVALUATED)


def _unknown(finding: Finding, why: str) -> Finding:
    return msgspec.structs.replace(finding, outcome=Outcome.UNKNOWN, why=why, label=why, evidence=())


def _decided(
    changes: Iterable[FindingChange], roots: RootMatches, known: Sequence[Collection[tuple[str, str]]]
) -> Iterator[FindingChange]:
    """Yield changes; what is new or gone because the other side cannot be read is an unknown result.

    ``known`` are the resources that are read of HEAD, and of BASE. A result that BASE did not know for this reason is
    not worse in HEAD.
    """
    doubts = [roots.doubts(is_base=is_base) for is_base in (False, True)]
    # Without one of the parameter files, a resource with this address may be another one.
    partial = {
        one.path
        for pair in roots.worlds
        if None in pair or roots.unread.of_pair(*pair).are_values_unread
        for one in pair
        if one is not None
    }
    for change in changes:
        of_root = doubts[change.is_in_base]
        if not (of_root or roots.has_missing_modules) or change.state not in (NEW, GONE):
            was_unknown = change.before is not None and change.before.outcome is Outcome.UNKNOWN
            is_worse = change.is_worse and not (was_unknown and change.finding.root in of_root)
            yield msgspec.structs.replace(change, is_worse=is_worse)
            continue
        side = roots.base if change.is_in_base else roots.head
        parts: dict[str, list[Occurrence]] = {}
        for one in change.finding.occurrences:
            is_known = one.root not in partial and roots.key(side, one) in known[not change.is_in_base]
            doubt = of_root.get(one.root) or roots.missing_doubt(one, is_base=change.is_in_base)
            parts.setdefault("" if is_known else doubt, []).append(one)
        for doubt, occurrences in parts.items():
            finding = restricted(change.finding, occurrences)
            if doubt:
                yield msgspec.structs.replace(change, state=UNKNOWN, note="", finding=_unknown(finding, doubt))
            else:
                yield msgspec.structs.replace(change, finding=finding)


def in_new_environments(
    changes: Iterable[FindingChange], settings: Iterable[DeployedSetting], roots: RootMatches
) -> Iterator[FindingChange]:
    """Yield changes; those that are decided by what Azure keeps of existing vaults with that note."""
    own = (one for one in settings if not one.is_rejected)
    kept = {(one.after.root, one.after.address, ".".join(map(str, one.path))) for one in own}
    for change in changes:
        finding = change.finding
        if not kept or change.state not in (NEW, GONE):
            yield change
            continue
        side = roots.base if change.is_in_base else roots.head
        attributes = {finding.attribute, *(one.attribute for one in finding.evidence)}
        parts: dict[bool, list[Occurrence]] = {}
        for one in finding.occurrences:
            is_kept = any((*roots.key(side, one), attribute) in kept for attribute in attributes)
            parts.setdefault(is_kept, []).append(one)
        for is_kept, occurrences in parts.items():
            note = _IN_NEW if is_kept else change.note
            yield msgspec.structs.replace(change, note=note, finding=restricted(finding, occurrences))


def _order(change: FindingChange) -> tuple[object, ...]:
    at = change.finding.at
    region = (0, 0, 0, 0) if at.region is None else msgspec.structs.astuple(at.region)
    rest = change.finding.rule.id, change.finding.resource, change.finding.outcome, change.note
    return STATES.index(change.state), at.path, region, rest


def items_of(roots: RootMatches, side: Side) -> Iterator[FindingOccurrence]:
    """Yield each occurrence of each result of a side."""
    report = side.report
    for outcome, findings in ((FAILED, report.findings), (OPEN, report.unknown), (HIDDEN, report.suppressed)):
        for finding in findings:
            for occurrence in finding.occurrences:
                yield FindingOccurrence(finding, occurrence, outcome, roots.key(side, occurrence))


def pairs_of(
    old: Sequence[FindingOccurrence], new: Sequence[FindingOccurrence], roots: RootMatches
) -> list[FindingPair]:
    """Return the results of the same rule and resource in pairs, and the others alone."""
    by_key: dict[_Key, tuple[list[FindingOccurrence], list[FindingOccurrence]]] = {}
    for number, items in enumerate((old, new)):
        for item in items:
            by_key.setdefault((item.rule, *item.key), ([], []))[number].append(item)
    pairs: list[FindingPair] = []
    rest: tuple[list[FindingOccurrence], list[FindingOccurrence]] = ([], [])
    for befores, afters in by_key.values():
        both = min(len(befores), len(afters))
        if both > 1:
            for items in (befores, afters):
                items.sort(key=lambda item: (item.outcome, item.occurrence.message, repr(item.finding.at.position_key)))
        pairs += map(FindingPair, befores[:both], afters[:both])
        rest[0].extend(befores[both:])
        rest[1].extend(afters[both:])
    known = [
        {(item.key[0], item.key[1]) for item in items} | roots.addresses(is_base=is_base)
        for items, is_base in ((old, True), (new, False))
    ]
    found: list[tuple[FindingOccurrence, FindingOccurrence]] = []
    taken: set[int] = set()
    for key_of in (_name, _static_address):
        left, right = ([item for item in items if id(item) not in taken] for items in rest)
        found += unique_pairs(
            left,
            right,
            partial(_key_unless, key_of, known[1]),
            partial(_key_unless, key_of, known[0]),
        )
        taken.update(id(item) for pair in found for item in pair)
    found += _still_in_template(old, [item for item in rest[1] if id(item) not in taken], roots)
    taken.update(id(item) for pair in found for item in pair)
    pairs += [FindingPair(before, after) for before, after in found]
    pairs += [FindingPair(item, None) for item in rest[0] if id(item) not in taken]
    pairs += [FindingPair(None, item) for item in rest[1] if id(item) not in taken]
    return pairs


def _without_other_vaults(
    pairs: Iterable[FindingPair], old: Iterable[FindingOccurrence], roots: RootMatches
) -> Iterator[FindingPair]:
    """Yield pairs of findings; those of two vaults that only share an address are yielded as two.

    The name of a vault is unique in Azure. At the address of a vault that fails, HEAD may have one that passed in BASE
    at another address, or a new one in another root.
    """
    of_base = {(one.type, one.identity) for root in roots.base.roots for one in root.resources.values()}
    failed = {(item.rule, item.occurrence.type.lower(), item.identity) for item in old if item.outcome == FAILED}
    for pair in pairs:
        before, after = pair
        if before is None or after is None or before.outcome != FAILED or after.outcome != FAILED:
            yield pair
            continue
        type_, identity = after.occurrence.type.lower(), after.identity
        is_other = type_ in VAULT_TYPES and before.identity != identity
        was_good = (type_, identity) in of_base and (after.rule, type_, identity) not in failed
        if is_other and (was_good or not roots.is_same_root(before.occurrence.root, after.occurrence.root)):
            yield FindingPair(before, None)
            yield FindingPair(None, after)
        else:
            yield pair


def _still_in_template(
    old: Iterable[FindingOccurrence], new: Iterable[FindingOccurrence], roots: RootMatches
) -> Iterator[tuple[FindingOccurrence, FindingOccurrence]]:
    """Yield the findings of compiled templates that their Bicep files had too, and no longer have: they are not new."""
    twins = {(item.rule, *roots.twin(item.occurrence)): item for item in old if item.outcome == FAILED}
    for item in new:
        before = twins.get((item.rule, *roots.place(item.occurrence))) if item.outcome == FAILED else None
        if before is not None:
            yield before, item


def _is_twin(before: FindingOccurrence, after: FindingOccurrence, roots: RootMatches) -> bool:
    """Return whether a finding of a Bicep file is now one of its compiled template."""
    return bool(before.occurrence.twin[0]) and roots.twin(before.occurrence) == roots.place(after.occurrence)


def _key_unless(
    key_of: Callable[[FindingOccurrence], _Key | None], known: Collection[tuple[str, str]], item: FindingOccurrence
) -> _Key | None:
    """Return the key of an item, unless the other side has its address."""
    return None if item.key in known else key_of(item)


def _name(item: FindingOccurrence) -> _Key | None:
    one = item.occurrence
    return (item.rule, item.key[0], one.type.lower(), one.full_name.lower()) if one.full_name else None


def _static_address(item: FindingOccurrence) -> _Key:
    return item.rule, item.key[0], static_address(item.key[1])


def _is_worse(pair: FindingPair) -> bool:
    """Return whether a finding counts now and did not before, has no condition any more, or is more severe."""
    before, after = pair
    if before is None or after is None or after.outcome != FAILED:
        return False
    is_certain_now = bool(before.occurrence.condition) and not after.occurrence.condition
    return before.outcome != FAILED or is_certain_now or after.finding.severity > before.finding.severity


def _state(
    pair: FindingPair, roots: RootMatches, names: Mapping[str, str], removed: Collection[tuple[str, str]]
) -> tuple[str, str]:
    """Return the state of a pair and a note; no state if it is not reported.

    ``removed`` are the resources that HEAD does not have.
    """
    before, after = pair
    was = "" if before is None else before.outcome
    now = "" if after is None else after.outcome
    if not was and now == FAILED:
        return NEW, ""
    if before is not None and was == FAILED and not now:
        note = "no longer managed" if roots.is_forgotten(before.occurrence) else ""
        return GONE, note or ("resource removed" if before.key in removed else "")
    if now == HIDDEN and was != HIDDEN:
        return SUPPRESSED, "" if was else "not there before"
    if now == OPEN and was != OPEN:
        return (CHANGED, _FAILED_BEFORE) if was == FAILED else (UNKNOWN, "")
    if now == FAILED and was != FAILED:
        return CHANGED, f"{was} before"
    if before is None or after is None or now != FAILED:
        return "", ""
    return _same(before, after, roots, names)


def _same(
    before: FindingOccurrence, after: FindingOccurrence, roots: RootMatches, names: Mapping[str, str]
) -> tuple[str, str]:
    """Return the state of a finding that both sides have."""
    old, new = before.finding.severity, after.finding.severity
    if old is not new:
        return CHANGED, f"severity was {old.label}"
    condition = before.occurrence.condition
    if condition != after.occurrence.condition:
        return CHANGED, f"before: {condition}" if condition else "before: with the defaults"
    if _is_twin(before, after, roots):
        return MOVED, ""
    if _facts(before.occurrence.message, names) != _facts(after.occurrence.message, {}):
        return CHANGED, ""
    is_moved = before.occurrence.address != after.occurrence.address or roots.is_moved(before.finding, after.finding)
    return (MOVED if is_moved else UNCHANGED), ""


def _facts(message: str, names: Mapping[str, str]) -> Counter[str]:
    """Return the words of a message in any order, with the addresses of HEAD: the order of a list does not matter."""
    words = (word.strip("`'\"().:") for word in _WORD.findall(message))
    return Counter(names.get(word, word) for word in words)


def restricted(finding: Finding, occurrences: Sequence[Occurrence]) -> Finding:
    """Return a finding with only some of its occurrences, of which it describes the first."""
    if len(occurrences) == len(finding.occurrences):
        return finding
    kept = tuple(one for one in finding.occurrences if one in occurrences)
    first = kept[0]
    part = msgspec.structs.replace(
        finding, message=first.message, resource=first.address, full_name=first.full_name, type=first.type,
        root=first.root, occurrences=kept,
    )  # fmt: skip
    return in_named_worlds(part) if first.world_names else part


def _restricted(finding: Finding, occurrences: Sequence[Occurrence], roots: RootMatches, state: str) -> Finding:
    """Return a finding with only some of its occurrences; one that is gone from a document with its place in BASE."""
    if state == GONE and finding.at.path == roots.base.document:
        finding = msgspec.structs.replace(finding, at=roots.in_base(finding.at), excerpt=None, related=())
    return restricted(finding, occurrences)
