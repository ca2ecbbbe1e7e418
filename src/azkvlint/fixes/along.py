"""Which accepted fixes have removed a finding that none of them was made for: it has their effects."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

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
    every_fix = _Fixes(accepted)
    orders = [every_fix.rules_by_likelihood(finding) for finding in gone]
    tried: set[str] = set()
    # The fixes of one rule are evaluated together: they are of different places.
    while len(causes) < len(gone):
        pending = [number for number in range(len(gone)) if number not in causes]
        likely = (next((rule for rule in orders[number] if rule not in tried), "") for number in pending)
        rule = max(Counter(filter(None, likely)).items(), key=lambda item: item[1], default=("", 0))[0]
        if not rule or len(tried) == _MOST_ROUNDS:
            break
        tried.add(rule)
        of_rule = _Fixes([fix for fix in accepted if fix.rule == rule])
        is_only = len(of_rule.fixes) == len(accepted)
        state = None if is_only else state_of(of_rule.fixes)
        for number in pending:
            if not is_only and (state is None or not is_gone(gone[number], state)):
                continue
            finding = gone[number]
            causes[number] = near = of_rule.near(finding)
            every = of_rule.of_inputs(finding)
            if _is_linked_from(finding) and len(near) < len(every):
                part = state_of(near) if parts < _MOST_PARTS else None
                parts += 1
                if part is None or not is_gone(finding, part):
                    causes[number] = every
    return [causes.get(number) or every_fix.near(finding) for number, finding in enumerate(gone)]


def layers_of(
    gone: Sequence[Finding],
    layers: Sequence[Sequence[Fix]],
    may_change: Callable[[Finding, str], bool],
    state_after: Callable[[int], State | None],
) -> list[list[Finding]]:
    """Return of each layer of accepted fixes the findings that are gone after it, but not after the one before.

    ``may_change`` returns whether the fix of a finding may change what a rule reads. ``state_after`` evaluates the
    texts with some layers; None if that is not possible.
    """
    found: list[list[Finding]] = [[] for _ in layers]
    possible: dict[str, list[int]] = {}
    states: dict[int, State | None] = {}
    for finding in gone:
        rule = finding.rule.id
        if rule not in possible:
            near = [
                number for number, fixes in enumerate(layers) if any(may_change(fix.finding, rule) for fix in fixes)
            ]
            possible[rule] = near or [*range(len(layers))]
        *earlier, of_finding = possible[rule]
        for number in earlier:
            if number not in states:
                states[number] = state_after(number)
            state = states[number]
            if state is not None and is_gone(finding, state):
                of_finding = number
                break
        found[of_finding].append(finding)
    return found


class _Fixes:
    """Accepted ``fixes``, and which of them are near a finding: there are many of both."""

    def __init__(self, fixes: Sequence[Fix]) -> None:
        self.fixes = fixes

    @cached_property
    def _by_resource(self) -> dict[tuple[str, ...], list[int]]:
        found: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, fix in enumerate(self.fixes):
            for key in keys_of(fix.finding):
                found[key[1:]].append(number)
        return found

    @cached_property
    def _by_root(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for number, fix in enumerate(self.fixes):
            for root in {root for _, root, _ in keys_of(fix.finding)}:
                found[root].append(number)
        return found

    @cached_property
    def _starts(self) -> dict[str, list[tuple[int, int]]]:
        """Return the starts of the edits of each file in order, with the numbers of the fixes."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, fix in enumerate(self.fixes):
            for edit in fix.edits:
                found[edit.path].append((edit.start, number))
        return {path: sorted(starts) for path, starts in found.items()}

    @cached_property
    def _kinds(self) -> list[tuple[str, frozenset[str]]]:
        """Return of each fix the rule, and the attributes that its finding is about."""
        return [(fix.rule, frozenset(one.attribute for one in fix.finding.evidence)) for fix in self.fixes]

    @cached_property
    def _first_of_kind(self) -> dict[tuple[str, frozenset[str]], int]:
        return {kind: number for number, kind in reversed([*enumerate(self._kinds)])}

    def rules_by_likelihood(self, finding: Finding) -> list[str]:
        """Return the rules, those first of which a fix changes what a finding is about, or is near it."""
        at, near = self._at(finding), self._near(finding)
        attributes = {one.attribute for one in finding.evidence if one.attribute}

        def order(number: int) -> tuple[bool | int, ...]:
            rule, changed = self._kinds[number]
            is_other = attributes.isdisjoint(changed)
            return number not in at, is_other, number not in near, rule != finding.rule.id, number

        # Of the fixes that are neither there nor near, the first of a kind is the most likely one.
        numbers = at.union(near, self._first_of_kind.values())
        return list(dict.fromkeys(self._kinds[number][0] for number in sorted(numbers, key=order)))

    def near(self, finding: Finding) -> list[Fix]:
        """Return the fixes of the resource of a finding, or of the resources and places in its evidence.

        Without any, return the fixes of the same inputs, or all.
        """
        return self._in_order(self._near(finding))

    def of_inputs(self, finding: Finding) -> list[Fix]:
        """Return the fixes of the inputs of a finding."""
        return self._in_order(self._of_inputs(finding))

    def _in_order(self, numbers: Iterable[int]) -> list[Fix]:
        return [self.fixes[number] for number in sorted(numbers)]

    def _near(self, finding: Finding) -> set[int]:
        roots = {root for _, root, _ in keys_of(finding)}
        addresses = {one.at.address for one in finding.evidence if one.at.address is not None}
        resources = {key[1:] for key in keys_of(finding)} | {(root, name) for root in roots for name in addresses}
        of_resources = {number for key in resources for number in self._by_resource.get(key, ())}
        return of_resources | self._at(finding) or self._of_inputs(finding) or {*range(len(self.fixes))}

    def _of_inputs(self, finding: Finding) -> set[int]:
        return {number for _, root, _ in keys_of(finding) for number in self._by_root.get(root, ())}

    def _at(self, finding: Finding) -> set[int]:
        """Return the fixes that change a place in the evidence of a finding, other than a whole resource."""
        found: set[int] = set()
        declared = finding.resource_at
        for at in (one.at for one in finding.evidence):
            if at.span is not None and declared is not None and at.span != declared.span:
                starts = self._starts.get(at.path, [])
                first = bisect_left(starts, (at.span[0], 0))
                last = bisect_left(starts, (at.span[1] + 1, 0))
                found.update(number for _, number in starts[first:last])
        return found


def _is_linked_from(finding: Finding) -> bool:
    """Return whether others that refer to the resource of a finding are the cause, of which the evidence is one."""
    names = {address for _, _, address in keys_of(finding)}
    return any(not one.attribute and one.found in names for one in finding.evidence)
