"""Group the findings of several instances at one location, and drop results that a plan has decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.engine.findings import condition_notes
from azkvlint.model.finding import Finding, Note, Problem
from azkvlint.model.identity import member_of, members_of, place_order, resource_key, unit_key
from azkvlint.model.location import static_address
from azkvlint.model.rule import Severity
from azkvlint.util.text import pluralize

if TYPE_CHECKING:
    from azkvlint.linter.world_names import NamesByRoot

_Key: TypeAlias = tuple[object, ...]
# The maximum number of related locations of a finding. Of the others, only the number is reported.
MAX_RELATED = 20


def group_findings(findings: Iterable[Finding], names: NamesByRoot | None = None) -> tuple[Finding, ...]:
    """Return one finding for each rule, outcome, location and attribute, by path, line, column and rule.

    What nothing deploys comes last, among findings and among the occurrences of each, of which it describes the first.
    The order of ``findings`` does not matter. ``names`` are those of the base worlds of roots that have several.
    """
    groups: dict[_Key, list[Finding]] = {}
    for finding in _with_one_severity(list(findings)):
        groups.setdefault(unit_key(finding), []).append(finding)
    merged = (_merge(group) for group in groups.values())
    if names:
        from azkvlint.linter.world_names import with_named_worlds

        merged = (with_named_worlds(finding, names) for finding in merged)
    return tuple(sorted(merged, key=order_of))


def _with_one_severity(findings: list[Finding]) -> list[Finding]:
    """Return the findings; those of one resource with several parameter files with the highest of their severities."""
    highest: dict[_Key, Severity] = {}
    for finding in findings:
        if finding.world:
            key = resource_key(finding)
            highest[key] = max(highest.get(key, finding.severity), finding.severity)
    return [
        msgspec.structs.replace(finding, regraded=highest[resource_key(finding)])
        if finding.world and highest[resource_key(finding)] > finding.severity
        else finding
        for finding in findings
    ]


def merge_module_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems, with one for all calls of a missing module, at the first call and with the number of
    calls. All others state with which values of inputs there are.
    """
    first_by_key: dict[_Key, Problem] = {}
    calls: dict[_Key, set[tuple[object, ...]]] = {}
    for problem in problems:
        at = problem.at.position_key if problem.at is not None else ()
        key: _Key = (problem.code, problem.level, problem.message, problem.hint)
        if not problem.is_missing_module:
            key = (*key, at, len(first_by_key))
        first_by_key.setdefault(key, problem)
        calls.setdefault(key, set()).add(at)
    notes = {
        key: f"{len(every)} calls" if len(every) > 1 else first_by_key[key].condition for key, every in calls.items()
    }
    return [
        msgspec.structs.replace(problem, message=f"{problem.message} ({notes[key]})", condition="")
        if notes[key]
        else problem
        for key, problem in first_by_key.items()
    ]


def without_addresses(findings: Iterable[Finding], decided: frozenset[str]) -> list[Finding]:
    """Return the findings for resources that no plan has decided; ``decided`` are static addresses."""
    return [finding for finding in findings if static_address(finding.resource) not in decided]


def _merge(group: Sequence[Finding]) -> Finding:
    """Merge findings with one key, for the first of their resources."""
    if len(group) == 1:
        (finding,) = group
        return finding if finding.occurrences else msgspec.structs.replace(finding, occurrences=(member_of(finding),))
    ordered = sorted(((member_of(finding), finding) for finding in group), key=itemgetter(0))
    if any(first[0] == second[0] for first, second in pairwise(ordered)):
        ordered.sort(key=lambda one: (one[0], _tie_breaker(one[1])))
    # That of a unit does not depend on what is deployed.
    first = ordered[0][1]
    group = sorted((one for _, one in ordered), key=_order_of_merge)
    return msgspec.structs.replace(
        group[0],
        fingerprint=first.fingerprint,
        former_fingerprint=first.former_fingerprint,
        occurrences=members_of(group),
        related=_related(group),
        # A finding is from a plan only if no source has it.
        source=min(finding.source for finding in group),
        in_tests=all(finding.in_tests for finding in group),
        may_leak_credential=any(finding.may_leak_credential for finding in group),
    )


def _order_of_merge(finding: Finding) -> tuple[bool, ...]:
    return finding.is_undeployed, finding.accepted is not None, finding.condition is not None


def _tie_breaker(finding: Finding) -> str:
    """Return a tie-breaker for findings on one resource, so that the result is deterministic."""
    return repr((finding.declared_as, finding.arguments, finding.evidence, finding.related, finding.at))


def _related(group: Sequence[Finding]) -> tuple[Note, ...]:
    """Return the notes of all findings, but only the condition of the first: it would seem to be that of all."""
    others = {note.text for one in group if one.condition is not None for note in condition_notes(one.condition)}
    notes: dict[_Key, Note] = {}
    for finding in group:
        for note in finding.related:
            if finding is group[0] or note.text not in others:
                notes.setdefault((note.text, note.at.position_key), note)
    distinct = list(notes.values())
    if len(distinct) <= MAX_RELATED:
        return tuple(distinct)
    more = pluralize(len(distinct) - MAX_RELATED, "more place")
    return (*distinct[:MAX_RELATED], Note(text=f"and {more}", at=distinct[MAX_RELATED].at))


def order_of(finding: Finding) -> tuple[object, ...]:
    """Return the key by which findings are sorted: whether they are deployed, path, line, column and rule."""
    return finding.is_undeployed, *place_order(finding)
