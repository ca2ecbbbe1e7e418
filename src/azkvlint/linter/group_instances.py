"""Findings of many instances on one place, told once; and what a plan decides, not told from source as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

import msgspec

from azkvlint.model.finding import Finding, Note, Occurrence, Problem
from azkvlint.model.location import static_address
from azkvlint.util.lazy_regex import regex
from azkvlint.util.plural import pluralize

_Key: TypeAlias = tuple[object, ...]
_INDEX = regex(r"\[[0-9]+\]")
# Related places of one finding; of the others only the number is told.
MAX_RELATED = 20


def grouped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each rule, outcome, place and attribute, by path, line, column and rule.

    Each has its occurrences, sorted, and is about the first of them. The order of ``findings`` does not matter.
    """
    groups: dict[_Key, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(fold_key(finding), []).append(finding)
    return tuple(sorted((_united(group) for group in groups.values()), key=_order))


def one_per_module(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems, those about calls of one missing module as one, at the first call, with their number."""
    found: dict[_Key, Problem] = {}
    calls: dict[_Key, set[tuple[object, ...]]] = {}
    for problem in problems:
        at = problem.at.position_key if problem.at is not None else ()
        key: _Key = (problem.code, problem.level, problem.message, problem.hint)
        if not problem.is_missing_module:
            key = (*key, at, len(found))
        found.setdefault(key, problem)
        calls.setdefault(key, set()).add(at)
    return [
        msgspec.structs.replace(one, message=f"{one.message} ({len(calls[key])} calls)") if len(calls[key]) > 1 else one
        for key, one in found.items()
    ]


def not_answered(findings: Iterable[Finding], answered: frozenset[str]) -> list[Finding]:
    """What source says of resources that no plan has decided; ``answered`` are the static addresses of the others."""
    return [finding for finding in findings if static_address(finding.resource) not in answered]


def fold_key(finding: Finding) -> tuple[object, ...]:
    """What findings have in common that are told as one."""
    at, reason = finding.at, finding.suppressed
    attribute = _INDEX.sub("[]", at.attribute) if at.attribute else ""
    by = None if reason is None else reason.at.position_key
    return finding.rule.id, finding.outcome, finding.severity, at.position_key, attribute, by


def _united(group: Sequence[Finding]) -> Finding:
    """Findings with one key as one, which is about the first of all resources."""
    if len(group) == 1:
        (finding,) = group
        return (
            finding if finding.occurrences else msgspec.structs.replace(finding, occurrences=(occurrence_of(finding),))
        )
    group = sorted(group, key=occurrence_of)
    if any(occurrence_of(one) == occurrence_of(two) for one, two in pairwise(group)):
        group = sorted(group, key=lambda finding: (occurrence_of(finding), _rest(finding)))
    found = {one for finding in group for one in finding.occurrences or (occurrence_of(finding),)}
    return msgspec.structs.replace(
        group[0],
        occurrences=tuple(sorted(found)),
        related=_related(group),
        # Only if no source says it by itself.
        source=min(finding.source for finding in group),
    )


def occurrence_of(finding: Finding) -> Occurrence:
    """The resource that a finding is about first."""
    return Occurrence(
        root=finding.root,
        address=finding.resource,
        type=finding.type,
        full_name=finding.full_name,
        message=finding.message,
    )


def _rest(finding: Finding) -> str:
    """What else two findings on one resource may differ in, so that it is always the same one that is kept."""
    return repr((finding.declared_as, finding.arguments, finding.evidence, finding.related, finding.at))


def _related(group: Iterable[Finding]) -> tuple[Note, ...]:
    """The places that any of the findings is related to, each once."""
    notes: dict[_Key, Note] = {}
    for finding in group:
        for note in finding.related:
            notes.setdefault((note.text, note.at.position_key), note)
    found = list(notes.values())
    if len(found) <= MAX_RELATED:
        return tuple(found)
    more = pluralize(len(found) - MAX_RELATED, "more place")
    return (*found[:MAX_RELATED], Note(text=f"and {more}", at=found[MAX_RELATED].at))


def _order(finding: Finding) -> tuple[object, ...]:
    at, region, reason = finding.at, finding.at.region, finding.suppressed
    # What has no region is told apart by whatever else it has.
    place = (0, 0, 0, 0, repr(at.position_key)) if region is None else (*msgspec.structs.astuple(region), "")
    by = "" if reason is None else repr(reason.at.position_key)
    return at.path, *place, finding.rule.id, finding.resource, at.attribute or "", finding.outcome, by
