"""Which accepted fix has removed a finding that none of them was made for: it has the effects of that fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from azkvlint.fixes.proof import State, is_gone, keys_of
from azkvlint.model.effect import Effect, merged
from azkvlint.model.finding import Finding
from azkvlint.model.fix import Fix

# Evaluations after one batch. Without a result after these, a finding has the effects of every fix that may be it.
_MOST_ROUNDS = 6


def effects_along(
    gone: Sequence[Finding], accepted: Sequence[Fix], state_of: Callable[[Sequence[Fix]], State | None]
) -> list[tuple[Effect, ...]]:
    """Return for each of the findings that are gone the effects of the accepted fix that has removed it.

    ``state_of`` evaluates the texts before the fixes with only some of them; None if that is not possible.
    """
    suspects = [_suspects(finding, accepted) for finding in gone]
    causes: dict[int, Sequence[Fix]] = {
        number: near for number, near in enumerate(suspects) if len({fix.effects for fix in near}) < 2
    }
    for attempt in range(_MOST_ROUNDS):
        tried = dict(_independent(suspects, causes, attempt))
        state = state_of([*{id(fix): fix for fix in tried.values()}.values()]) if tried else None
        if state is not None:
            causes.update((number, [fix]) for number, fix in tried.items() if is_gone(gone[number], state))
    return [
        merged(effect for fix in causes.get(number, near) for effect in fix.effects)
        for number, near in enumerate(suspects)
    ]


def _independent(
    suspects: Sequence[Sequence[Fix]], causes: dict[int, Sequence[Fix]], attempt: int
) -> Iterator[tuple[int, Fix]]:
    """Yield a suspect for each finding without a cause. No other suspect of that finding is yielded for another."""
    chosen: dict[int, Fix] = {}
    excluded: set[int] = set()
    for number, near in enumerate(suspects):
        if number in causes or attempt >= len(near):
            continue
        fix = near[attempt]
        others = {id(one) for one in near} - {id(fix)}
        if id(fix) not in excluded and others.isdisjoint(chosen):
            chosen[id(fix)] = fix
            excluded |= others
            yield number, fix


def _suspects(finding: Finding, accepted: Sequence[Fix]) -> list[Fix]:
    """Return the fixes that may have removed a finding, the most likely first.

    These are the fixes of its resource, or of the resources and places in its evidence; of these, the ones that are
    about the same attributes; without any, the fixes of the same inputs, or all.
    """
    roots = {root for _, root, _ in keys_of(finding)}
    addresses = {one.at.address for one in finding.evidence if one.at.address is not None}
    resources = {key[1:] for key in keys_of(finding)} | {(root, name) for root in roots for name in addresses}
    near = [
        fix for fix in accepted if any(key[1:] in resources for key in keys_of(fix.finding)) or _is_at(finding, fix)
    ]
    near = near or [fix for fix in accepted if any(root in roots for _, root, _ in keys_of(fix.finding))]
    attributes = {one.attribute for one in finding.evidence if one.attribute}

    def order(fix: Fix) -> tuple[bool, bool]:
        return not _is_at(finding, fix), attributes.isdisjoint(one.attribute for one in fix.finding.evidence)

    return sorted(near or accepted, key=order)


def _is_at(finding: Finding, fix: Fix) -> bool:
    """Return whether a fix changes a place in the evidence of a finding, other than a whole resource."""
    spans = [
        (one.at.path, *one.at.span)
        for one in finding.evidence
        if one.at.span is not None and finding.resource_at is not None and one.at.span != finding.resource_at.span
    ]
    return any(path == edit.path and start <= edit.start <= end for edit in fix.edits for path, start, end in spans)
