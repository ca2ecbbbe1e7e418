"""Which accepted fixes have removed a finding that none of them was made for: it has their effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from azkvlint.fixes.proof import State, is_gone, keys_of
from azkvlint.model.finding import Finding
from azkvlint.model.fix import Fix

# Evaluations after one batch, of the fixes of a rule and of a part of them. Without a result after these, every fix of
# the resources of a finding, or of its inputs, may be the cause.
_MOST_ROUNDS, _MOST_PARTS = 6, 3


def causes_of(
    gone: Sequence[Finding], accepted: Sequence[Fix], state_of: Callable[[Sequence[Fix]], State | None]
) -> list[list[Fix]]:
    """Return for each of the findings that are gone the accepted fixes that have removed it.

    ``state_of`` evaluates the texts before the fixes with only some of them; None if that is not possible.
    """
    causes: dict[int, list[Fix]] = {}
    parts = 0
    orders = [_rules_by_likelihood(finding, accepted) for finding in gone]
    tried: set[str] = set()
    # The fixes of one rule are evaluated together: they are of different places.
    while len(causes) < len(gone):
        pending = [number for number in range(len(gone)) if number not in causes]
        likely = (next((rule for rule in orders[number] if rule not in tried), "") for number in pending)
        rule = max(Counter(filter(None, likely)).items(), key=lambda item: item[1], default=("", 0))[0]
        if not rule or len(tried) == _MOST_ROUNDS:
            break
        tried.add(rule)
        fixes = [fix for fix in accepted if fix.rule == rule]
        is_only = len(fixes) == len(accepted)
        state = None if is_only else state_of(fixes)
        for number in pending:
            if not is_only and (state is None or not is_gone(gone[number], state)):
                continue
            finding = gone[number]
            causes[number] = near = _near(finding, fixes)
            every = _of_inputs(finding, fixes)
            if _is_linked_from(finding) and len(near) < len(every):
                part = state_of(near) if parts < _MOST_PARTS else None
                parts += 1
                if part is None or not is_gone(finding, part):
                    causes[number] = every
    return [causes.get(number) or _near(finding, accepted) for number, finding in enumerate(gone)]


def _rules_by_likelihood(finding: Finding, accepted: Sequence[Fix]) -> list[str]:
    """Return the rules of accepted fixes, those first whose fix changes what a finding is about, or is near it."""
    near = {id(fix) for fix in _near(finding, accepted)}
    attributes = {one.attribute for one in finding.evidence if one.attribute}

    def order(fix: Fix) -> tuple[bool, ...]:
        is_other = attributes.isdisjoint(one.attribute for one in fix.finding.evidence)
        return not _is_at(finding, fix), is_other, id(fix) not in near, fix.rule != finding.rule.id

    return list(dict.fromkeys(fix.rule for fix in sorted(accepted, key=order)))


def _near(finding: Finding, fixes: Sequence[Fix]) -> list[Fix]:
    """Return the fixes of the resource of a finding, or of the resources and places in its evidence.

    Without any, return the fixes of the same inputs, or all.
    """
    roots = {root for _, root, _ in keys_of(finding)}
    addresses = {one.at.address for one in finding.evidence if one.at.address is not None}
    resources = {key[1:] for key in keys_of(finding)} | {(root, name) for root in roots for name in addresses}
    near = [fix for fix in fixes if _is_of(fix, resources) or _is_at(finding, fix)]
    return near or _of_inputs(finding, fixes) or list(fixes)


def _of_inputs(finding: Finding, fixes: Sequence[Fix]) -> list[Fix]:
    """Return the fixes of the inputs of a finding."""
    roots = {root for _, root, _ in keys_of(finding)}
    return [fix for fix in fixes if any(root in roots for _, root, _ in keys_of(fix.finding))]


def _is_of(fix: Fix, resources: Collection[tuple[str, ...]]) -> bool:
    return any(key[1:] in resources for key in keys_of(fix.finding))


def _is_linked_from(finding: Finding) -> bool:
    """Return whether others that refer to the resource of a finding are the cause, of which the evidence is one."""
    names = {address for _, _, address in keys_of(finding)}
    return any(not one.attribute and one.found in names for one in finding.evidence)


def _is_at(finding: Finding, fix: Fix) -> bool:
    """Return whether a fix changes a place in the evidence of a finding, other than a whole resource."""
    spans = [
        (one.at.path, *one.at.span)
        for one in finding.evidence
        if one.at.span is not None and finding.resource_at is not None and one.at.span != finding.resource_at.span
    ]
    return any(path == edit.path and start <= edit.start <= end for edit in fix.edits for path, start, end in spans)
