"""Find the fixes of a report: edits by the data of the rules, each proven before it is offered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, partial

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.fixes.along import causes_of, layers_of
from azkvlint.fixes.batches import Batch, Pending, next_batch
from azkvlint.fixes.candidates import NO_FIX, candidates, plans_for
from azkvlint.fixes.causes import Causes
from azkvlint.fixes.comments import comments_of
from azkvlint.fixes.layers import Layer, LayerStack, LayerState
from azkvlint.fixes.parts import CandidateGroup, blame, halves, join, one_part, separate
from azkvlint.fixes.proof import ProofFailure, Prover, State, attributes_of, inputs_of, is_gone, keys_of, prover_of
from azkvlint.fixes.sources import Sources
from azkvlint.fixes.suggestions import shown_lines
from azkvlint.model.effect import merged, names_of
from azkvlint.model.finding import FROM_PLAN, UNKNOWN, Finding, Report
from azkvlint.model.fix import Fix, FixResult, Refusal, Refused, TextEdit
from azkvlint.readers.discover import JSON
from azkvlint.reporters.grouping import OUTSIDE, remedy, unknown_causes

# Evaluations of one search, the results of all of them, and the characters of all texts for which edits are made: what
# is left after them is refused.
_MOST_RUNS, _MOST_RESULTS, _MOST_CHARACTERS = 200, 2_500_000, 40_000_000
_SHARE = 32
# A second layer is tried for at least one of this many pending fixes: it makes the candidates once more.
_FEW = 4
# Attempts to prove fixes of one place together, without those that may be the causes of the faults of the one before.
_MOST_STACKS = 2
_MOST_KNOWN = 8
# Findings of one search whose rules have fixes.
_MOST_FINDINGS = 6_000
# Fixes of one input up to which each is proven without the others.
_MOST_ALONE = 40
_ALONG, _ALONG_SEVERAL = "Fixed by another fix", "Fixed by other fixes"
_TOO_MANY = "too many fixes could not be proven together; select fewer rules"
_TOO_LARGE = "too many findings; select fewer rules or files"


def fixes_of(
    report: Report, config: Config, allowed: Collection[str] = (), *, prover: Prover | None = None
) -> FixResult:
    """Return a proven fix for each finding that has one. Each can be applied on its own to the texts of the report.

    Fixes with effects are offered if the classes of these are ``allowed``. Raise UsageError and RuleError as a check
    does.
    """
    return _fixes(report, config, allowed, prover, _prove_alone)


def fixes_together(
    report: Report, config: Config, allowed: Collection[str] = (), *, prover: Prover | None = None
) -> FixResult:
    """Return the fixes that were proven together, with the texts of all changed files.

    The edits of a fix refer to the text with the fixes before it; there are none if another fix fixes its finding too.
    """
    return _fixes(report, config, allowed, prover, _prove_together)


def _fixes(
    report: Report, config: Config, allowed: Collection[str], prover: Prover | None, prove: Callable[[_Search], None]
) -> FixResult:
    if is_too_large(report):
        return refused(report)
    search = _Search(report, prover_of(report, config) if prover is None else prover, allowed)
    if search.has_candidates():
        prove(search)
    return search.result()


def _prove_alone(search: _Search) -> None:
    pending = search.start(search.remaining())
    if max((len(part.groups[0]) for part in search.parts(pending)), default=0) <= _MOST_ALONE:
        search.prove_each(pending)
        return
    while pending:
        # Fixes of different places are proven together, those of one place one after the other.
        batch = next_batch(pending, search.sources)
        pending = [*batch.later, *batch.waiting, *search.prove(batch.now).left]


def _prove_together(search: _Search) -> None:
    pending = search.start(search.remaining())
    while pending:
        first, last = search.by_failure(pending)
        batch = next_batch(first, search.sources, search.depends)
        outcome = search.prove_layers(first, batch)
        pending = [*batch.later, *batch.waiting, *outcome.left, *last]
        if outcome.sources is not search.sources:
            search.take(outcome)
            # The others are searched again, on the new texts; also those that were refused, so that a second run
            # offers nothing.
            pending = search.start(search.remaining())


def is_too_large(report: Report) -> bool:
    """Return whether a report has so many findings that no fix is searched."""
    return sum(bool(one.rule.edits) for one in report.counted(report.findings)) > _MOST_FINDINGS


def refused(report: Report) -> FixResult:
    """Return the result for a report that is too large."""
    findings = report.counted(report.findings)
    return FixResult(fixes=(), refusals=tuple(Refused(finding=one, reason=_TOO_LARGE) for one in findings))


class _Outcome(msgspec.Struct):
    """What a proof results in: the sources and the state with the accepted edits, and what has another candidate."""

    sources: Sources
    state: State
    left: list[Pending]
    accepted: Sequence[Layer] = ()


class _Search:
    """The search for the fixes of one report. ``sources`` have the edits of accepted fixes if fixes are combined."""

    def __init__(self, report: Report, prover: Prover, allowed: Collection[str]) -> None:
        self._prover, self._allowed = prover, allowed
        self.sources = Sources(report.root, inputs=inputs_of(report), tool=prover.config.tool)
        self.findings = report.counted(report.findings)
        self._numbers = {key: number for number, finding in enumerate(self.findings) for key in keys_of(finding)}
        self._fixes: dict[int, Fix] = {}
        self._lost: set[int] = set()
        # The attributes that a finding remains about with its fix.
        self._left: dict[int, tuple[str, ...]] = {}
        self._refusals: dict[int, Refused] = {}
        # Findings whose candidates have failed together with others of their resources.
        self._alone: set[int] = set()
        self._shown: tuple[tuple[str, str], Callable[[int], bool]] | None = None
        self._characters = 0
        # The last states with edits of the present texts.
        self._known: dict[frozenset[TextEdit], tuple[Sources, State]] = {}
        self._before = prover.runs, prover.results
        # The number of fixes of each resource, and why candidates failed, by their titles and that number.
        self._accepted: Counter[tuple[str, ...]] = Counter()
        self._failed: dict[tuple[int, str, int], str] = {}
        self._reasons: dict[tuple[int, str], str] = {}

    @cached_property
    def _causes(self) -> Causes:
        return Causes(self._prover.every_rule)

    def has_candidates(self) -> bool:
        """Return whether an edit can be made for any finding; otherwise all are refused, and nothing is evaluated."""
        # The place of a finding from a plan is known once its source is evaluated.
        if any(finding.source == FROM_PLAN for finding in self.findings) or self._prover.is_evaluated:
            return True
        if self.start(self.findings, is_complete=False):
            self._refusals.clear()
            self._characters = 0
            return True
        return False

    @cached_property
    def state(self) -> State:
        """Return the state with the accepted edits."""
        before = self._prover.before
        self._before = self._prover.runs, self._prover.results
        self._lost = {number for number, finding in enumerate(self.findings) if is_gone(finding, before)}
        for number in self._lost:
            finding = self.findings[number]
            self._refusals[number] = Refused(finding=finding, reason=_of_lost(finding))
        return before

    def start(self, findings: Iterable[Finding], *, is_complete: bool = True) -> list[Pending]:
        """Return the findings that have a candidate, or only the first; the others are refused."""
        found: list[Pending] = []
        present = (lambda: self.state) if is_complete else (lambda: self._prover.before)
        for finding in findings:
            number = next((self._numbers[key] for key in keys_of(finding) if key in self._numbers), -1)
            if number < 0 or number in self._fixes:
                continue
            found_edits = candidates(finding, self.sources, self._allowed, lambda: self._prover.before, present)
            one = Pending(finding, number, found_edits)
            opposite = self._prover.opposites.get(finding.rule.id)
            if opposite is not None and finding.type in opposite.resources:
                one.reason = f"{opposite.id} requires the opposite: ignore one of the two rules"
                self._refuse(one)
            elif self._advance(one):
                found.append(one)
                if not is_complete:
                    return found
            else:
                self._refuse(one)
        return found

    def by_failure(self, pending: Sequence[Pending]) -> tuple[list[Pending], list[Pending]]:
        """Return those to prove next, and those to prove after them: what failed earlier most likely fails again."""
        parts: tuple[list[Pending], list[Pending]] = [], []
        for one in pending:
            parts[(one.number, one.title) in self._reasons].append(one)
        return parts if parts[0] else (parts[1], [])

    def depends(self, one: Pending, other: Pending) -> bool:
        """Return whether the fix of another finding with the same cause may fix a finding too, but not the reverse."""
        rule, others = one.finding.rule, other.finding.rule
        if rule.id not in others.same_cause and others.id not in rule.same_cause:
            return False
        return self._causes.may_change(other.finding, rule.id) and not self._causes.may_change(one.finding, others.id)

    def remaining(self) -> list[Finding]:
        """Return the findings of the present state that are not fixed."""
        state = self.state
        numbers = (next((self._numbers.get(key) for key in keys_of(one)), None) for one in state.report.findings)
        return [
            one
            for number, one in zip(numbers, state.report.findings, strict=True)
            if number is not None and number not in self._fixes
        ]

    def take(self, outcome: _Outcome) -> None:
        """Go on with the texts that a proof results in. Findings that are gone too count as fixed."""
        before = {key: one for one in self.state.report.findings for key in keys_of(one)}
        self.sources, self.state = outcome.sources, outcome.state
        self._known.clear()
        gone = {
            id(finding): number
            for number, finding in enumerate(self.findings)
            if number not in self._fixes and number not in self._lost and is_gone(finding, self.state)
        }
        findings = [self.findings[number] for number in gone.values()]
        rules = {finding.rule.id for finding in findings}
        texts = [*(layer.sources for layer in outcome.accepted), outcome.sources]
        layers = [[self._fixes[one.number] for one in layer.batch] for layer in outcome.accepted]

        def state_of(sources: Sources, fixes: Sequence[Fix] = ()) -> State | None:
            if self._is_exhausted():
                return None
            try:
                return self._prover.state(sources.edited(tuple(edit for fix in fixes for edit in fix.edits)), rules)
            except Refusal:
                return None

        of_layers = layers_of(findings, layers, self._causes.may_change, lambda number: state_of(texts[number + 1]))
        for layer, accepted, of_layer in zip(outcome.accepted, layers, of_layers, strict=True):
            placed = [
                layer.placed(next((before[key] for key in keys_of(one) if key in before), one)) for one in of_layer
            ]
            found = causes_of(placed, accepted, partial(state_of, layer.sources))
            for finding, causes in zip(of_layer, found, strict=True):
                self._fixes[gone[id(finding)]] = Fix(
                    finding=finding,
                    title=_ALONG_SEVERAL if len(causes) > 1 else _ALONG,
                    edits=(),
                    effects=merged(effect for fix in causes for effect in fix.effects),
                    fixed_by=tuple(fix.finding for fix in causes),
                )

    def _refuse(self, one: Pending) -> None:
        reason = one.reason or "no fix of the rule applies to this code"
        self._refusals[one.number] = Refused(finding=self.findings[one.number], reason=reason)

    def result(self) -> FixResult:
        """Return the fixes and refusals in the order of the findings."""
        return FixResult(
            fixes=tuple(self._fixes[number] for number in sorted(self._fixes)),
            refusals=tuple(
                self._refusals[number]
                for number in sorted(self._refusals)
                if number not in self._fixes or number in self._left
            ),
            texts=dict(sorted(self.sources.texts.items())),
            outdated=self.sources.outdated() if self.sources.texts else (),
            originals={path: self.sources.originals[path] for path in self.sources.texts},
        )

    def prove_each(self, pending: Sequence[Pending]) -> None:
        """Accept those whose edits are proven on their own. Of inputs that share nothing, one each is tried at once."""
        bundles: list[Sequence[CandidateGroup]] = [self.parts(pending)]
        while bundles:
            active = [part for part in bundles.pop() if part.groups[0]]
            if not active:
                continue
            tried = [part.groups[0][0] for part in active]
            _, _, faults = self._attempt(tried)
            others = [fault for fault in faults if not any(part.is_concerned(fault) for part in active)]
            if others and len(active) > 1:
                bundles += halves(active)
                continue
            for part, one in zip(active, tried, strict=True):
                found = [*(fault for fault in faults if part.is_concerned(fault)), *others]
                if not found:
                    self._accept(one, self.sources)
                    part.groups[0].pop(0)
                elif not self._next(one, found[0].text):
                    part.groups[0].pop(0)
            bundles.append(active)

    def prove(self, batch: Sequence[Pending]) -> _Outcome:
        """Accept those of a batch whose edits are proven: all at once, or part by part where that fails."""
        parts = self.parts(batch, by_resource=True)
        left, is_proven, edited, state = self._divide(parts)
        kept = [one for part in parts for one in part.kept]
        if not is_proven:
            edited, state, faults = self._attempt(kept, is_last=True)
            if faults:  # parts that seemed independent are not
                parts = [one_part(parts, [kept], [])]
                more, _, edited, state = self._divide(parts)
                left += more
                kept = parts[0].kept
                edited, state, _ = self._attempt(kept, is_last=True)
        if not kept:
            return _Outcome(self.sources, self.state, left)
        for one in kept:
            self._accept(one, self.sources)
        return _Outcome(edited, state, left, [Layer(self.sources, kept)])

    def prove_layers(self, pending: Sequence[Pending], batch: Batch) -> _Outcome:
        """Accept a batch with what touches its edits, made on top of these, if all are proven at once.

        Otherwise accept those of the batch that are proven without the others.
        """
        now, left = batch.now, list[Pending]()
        for is_last in (False, True, True) if batch.later else ():
            stack = self._stack(pending, batch._replace(now=now))
            if stack is None:
                break
            last, members = stack.layers[-1], stack.members
            try:
                edited = last.sources.edited(tuple(edit for one in last.batch for edit in one.edits))
                state = self._prover.state(edited)
            except Refusal:
                break
            faults = self._faults(members, state)
            if not faults:
                for layer in stack.layers:
                    for one in layer.batch:
                        self._accept(one, layer.sources)
                return _Outcome(edited, state, [], stack.layers)
            suspected, certain = self._suspected_of(stack, faults, state, are_all=is_last)
            self._alone |= suspected
            # What fails in the texts as they are need not be evaluated there again.
            failed = [one for one in now if one.number in certain]
            now = [one for one in now if one.number not in certain]
            others = [one for one in members if one.number not in certain]
            for one in failed:
                left += self._fail(one, *certain[one.number], others)
            if len(suspected) > len(members) // 2:
                break
        outcome = self.prove(now)
        outcome.left += left
        return outcome

    def _stack(self, pending: Sequence[Pending], batch: Batch) -> LayerStack | None:
        """Return the layers to prove at once, without what has failed in others; None if there is one, or too little.

        An attempt that fails costs what the second of two layers would cost alone.
        """
        alone = [one for one in pending if one.number in self._alone]
        now, later, waiting = ([one for one in some if one.number not in self._alone] for some in batch)
        stack = LayerStack(self.sources, now, self._causes.may_change, self.depends)
        stack.extend(later, [*waiting, *alone], lambda: self.state, self._again)
        are_few = len(stack.layers) == 2 and len(stack.layers[-1].batch) < len(now) // _FEW
        return None if len(stack.layers) == 1 or are_few or self._is_exhausted() else stack

    def _again(self, one: Pending, place: LayerState, before: Sequence[Pending]) -> Pending | None:
        """Return a finding with its first candidate on other texts; None without one, or if that has failed."""
        found = candidates(one.finding, place.sources, self._allowed, lambda: self._prover.before, lambda: place.state)
        again = Pending(one.finding, one.number, found)
        is_new = self._characters <= _MOST_CHARACTERS and again.advance()
        return again if is_new and (one.number, again.title, self._version(one, before)) not in self._failed else None

    def _suspected_of(
        self, stack: LayerStack, faults: Sequence[ProofFailure], state: State, *, are_all: bool
    ) -> tuple[set[int], dict[int, tuple[Sequence[ProofFailure], Sequence[ProofFailure]]]]:
        """Return the findings whose candidates may be the causes of faults: all, or those of the last layer.

        One after the other, those of the layers before would be accepted. Also return the faults of those that
        certainly are causes, and those of all among which these are.
        """
        layer_of = {one.number: index for index, layer in enumerate(stack.layers) for one in layer.batch}
        parts = self.parts(stack.members, by_resource=True)
        blamed, suspected = blame(faults, parts)
        found = {one.number for number in suspected for one in parts[number].groups[0]}
        causes: dict[int, tuple[Sequence[ProofFailure], Sequence[ProofFailure]]] = {}
        attributes = attributes_of(faults, state)
        for numbers, of_part in blamed:
            group = [one for number in numbers for one in parts[number].groups[0]]
            findings = [one.finding for one in group]
            of_each = self._faults_of_each(group, of_part)
            of_all = of_part if len(group) > 1 else ()
            causes.update((one.number, (own, of_all)) for one, own in zip(group, of_each, strict=True) if own)
            certain = [one.finding for one, own in zip(group, of_each, strict=True) if own]
            written = {name for fault in of_part for name in attributes.get(fault, ())}
            writers = findings if are_all else certain or self._causes.writers(findings, written) or findings
            likely = [one.number for one in group if one.finding in writers]
            last = max(map(layer_of.__getitem__, likely))
            found.update(number for number in likely if are_all or layer_of[number] == last)
        return found, causes

    def _divide(self, parts: Sequence[CandidateGroup]) -> tuple[list[Pending], bool, Sources, State]:
        """Divide the groups of parts until the kept ones are proven. All parts are divided at the same time.

        Return those with another candidate, and the last proven state, with whether it has all that is kept.
        """
        left: list[Pending] = []
        bundles: list[Sequence[CandidateGroup]] = [parts]
        edited, state, proven = self.sources, self.state, 0
        while bundles:
            active = [part for part in bundles.pop() if part.groups]
            if not active:
                continue
            groups = [part.groups.pop() for part in active]
            kept = [one for part in parts for one in part.kept]
            tried = [*kept, *(one for group in groups for one in group)]
            now, state_now, faults = self._attempt(tried)
            if not faults:
                edited, state, proven = now, state_now, len(tried)
            blamed, suspected = blame(faults, active)
            if not blamed and len(suspected) == 1:
                blamed, suspected = [(suspected, faults)], []
            is_unclear = not blamed and bool(suspected)
            causes = {number for numbers, _ in blamed for number in numbers}
            for number, (part, group) in enumerate(zip(active, groups, strict=True)):
                if number in causes:
                    continue
                # An input without faults is not concerned; in the others it is not known yet what is the cause.
                if number in suspected or any(map(part.is_concerned, faults)):
                    part.groups.append(group)
                else:
                    part.kept += group
            for numbers, found in blamed:
                left += self._decide(
                    join([active[number] for number in numbers]),
                    [one for number in numbers for one in groups[number]],
                    found,
                )
            # It is not known which of the suspected parts is the cause.
            bundles += halves([active[number] for number in suspected]) if is_unclear else [active]
            if is_unclear:
                bundles.insert(0, active)
        return left, proven == sum(len(part.kept) for part in parts), edited, state

    def _decide(self, part: CandidateGroup, group: list[Pending], faults: Sequence[ProofFailure]) -> list[Pending]:
        """Divide a group of a part, or return findings with their next candidates.

        Of several that may be the cause, only what fails without the others is refused for what it would cause.
        """
        of_each = self._faults_of_each(group, faults)
        causes = [one for one, found in zip(group, of_each, strict=True) if found]
        if causes:
            others = [one for one in group if one not in causes]
            if others:
                part.groups.append(others)
            left: list[Pending] = []
            for one, found in zip(group, of_each, strict=True):
                if not found:
                    continue
                # Not all faults of a group are its own.
                of_all = faults if len(group) > 1 else ()
                left += self._fail(one, found, of_all, [*part.kept, *others])
            return left
        suspected = self._suspected(group, faults)
        others = [one for one in group if one not in suspected]
        middle = len(group) // 2
        part.groups += [suspected, others] if suspected and others else [group[middle:], group[:middle]]
        return []

    def _fail(
        self, one: Pending, found: Sequence[ProofFailure], of_all: Sequence[ProofFailure], tried: Sequence[Pending]
    ) -> list[Pending]:
        """Return a finding with the next candidate after one that certainly causes faults; none if it has no other.

        Other spellings, which may not cause the same, are not tried, unless the faults are those ``of_all`` candidates.
        """
        refuting = [] if found is of_all else self._prover.refuting(one.finding, found)
        if refuting:
            one.refuted = "" if one.candidate is None else one.candidate.meaning
        return self._next(one, self._reason(one, refuting or found), tried)

    def _faults_of_each(self, group: Sequence[Pending], faults: Sequence[ProofFailure]) -> list[Sequence[ProofFailure]]:
        """Return for each of a group the faults that it certainly causes, on its own; none if that is not known.

        That is so if its finding remains, if it failed like that earlier, or if nothing else of the group can be the
        cause.
        """
        if len(group) == 1:
            return [faults]
        certain = list(self._causes.only_causes([one.finding for one in group], faults, self._prover.refuting))
        return [
            found or (faults if self._is_cause(one, faults) else []) for one, found in zip(group, certain, strict=True)
        ]

    def _suspected(self, group: Sequence[Pending], faults: Sequence[ProofFailure]) -> list[Pending]:
        """Return the candidates that most likely cause faults: of what its rule reads of the resources of a result."""
        found: list[Pending] = []
        for fault in faults:
            related, own, linked = (
                [one for one in group if any(key[1:] in resources for key in keys_of(one.finding))]
                for resources in (fault.related, fault.resources, fault.linked)
            )
            near = related or own or linked
            likely = [one for one in near if self._causes.may_change(one.finding, fault.rule)] or near
            found += [one for one in likely if one not in found]
        return found

    def parts(self, batch: Sequence[Pending], *, by_resource: bool = False) -> list[CandidateGroup]:
        """Return the parts of a batch that share neither inputs nor files, or no resource."""
        parts = [
            CandidateGroup(self._names_of(one), {key[1:] for key in keys_of(one.finding)}, [[one]], []) for one in batch
        ]
        return separate(parts, lambda part: part.resources if by_resource else part.names)

    def _names_of(self, one: Pending) -> set[str]:
        """Return the inputs through which a finding was found, those that read the edited files, and these files."""
        paths = {edit.path for edit in one.edits}
        readers = (self._prover.readers(self.sources.real_path(path)) for path in paths)
        return one.roots.union(*readers, (f"file {path}" for path in paths))

    def _is_cause(self, one: Pending, faults: Sequence[ProofFailure]) -> bool:
        """Return whether a candidate is certainly the cause of a fault: its finding remains, or it failed like that."""
        earlier = self._reasons.get((one.number, one.title))
        return any(fault.is_of(one.finding) or fault.text == earlier for fault in faults)

    def _reason(self, one: Pending, faults: Sequence[ProofFailure]) -> str:
        """Return the reason for a refusal: the fault of the finding itself, the earlier one again, or the first."""
        texts = [fault.text for fault in faults if fault.is_of(one.finding)]
        earlier = self._reasons.get((one.number, one.title))
        return next(iter(texts), earlier if any(fault.text == earlier for fault in faults) else faults[0].text) or ""

    def _accept(self, one: Pending, sources: Sources) -> None:
        assert one.candidate is not None  # noqa: S101  # for the type checker
        self._fixes[one.number] = Fix(
            finding=self.findings[one.number],
            title=one.candidate.title,
            edits=one.edits,
            effects=one.candidate.effects,
            comment=comments_of(one.edits, sources, self._shown_lines),
        )
        self._accepted.update(key[1:] for key in keys_of(one.finding))
        if one.candidate.left:
            self._left[one.number] = one.candidate.left
            self._refusals[one.number] = Refused(finding=self.findings[one.number], reason=one.candidate.why)

    def _shown_lines(self, path: str, text: str) -> Callable[[int], bool]:
        """Return a function that states whether a line of a text can be shown. Many fixes are of one text."""
        if self._shown is None or self._shown[0] != (path, text):
            self._shown = (path, text), shown_lines(path, text, self._prover.secret_texts)
        return self._shown[1]

    def _next(self, one: Pending, reason: str, tried: Sequence[Pending] = ()) -> list[Pending]:
        """Return a finding with its next candidate; none if it has no other, and is refused.

        The candidate failed together with others that were ``tried``.
        """
        self._failed[one.number, one.title, self._version(one, tried)] = reason
        self._reasons[one.number, one.title] = reason
        one.refuse(reason)
        if self._advance(one):
            return [one]
        self._refuse(one)
        return []

    def _advance(self, one: Pending) -> bool:
        """Take the next candidate that did not fail on the same texts. Return False if there is none."""
        while self._is_within(one) and one.advance():
            reason = self._failed.get((one.number, one.title, self._version(one)))
            if reason is None:
                return True
            one.refuse(reason)
        return False

    def _is_within(self, one: Pending) -> bool:
        """Return whether edits of the finding's file can still be made: each takes time in proportion to its size."""
        if one.finding.rule.edits:
            path = one.finding.at.path
            size = self.sources.size(path)
            # Of other files, only the declaration is parsed again.
            self._characters += size if path.lower().endswith(JSON) else size // _SHARE
        is_within = self._characters <= _MOST_CHARACTERS
        one.reason = one.reason or ("" if is_within else _TOO_LARGE)
        return is_within

    def _version(self, one: Pending, kept: Sequence[Pending] = ()) -> int:
        """Return how many fixes of its resources a candidate is tried with: those accepted, and some more."""
        resources = {key[1:] for key in keys_of(one.finding)}
        more = sum(key[1:] in resources for other in kept for key in keys_of(other.finding))
        return more + sum(self._accepted[resource] for resource in resources)

    def _is_exhausted(self) -> bool:
        """Return whether the search has evaluated as much as it may."""
        runs, results = self._prover.runs - self._before[0], self._prover.results - self._before[1]
        return runs > _MOST_RUNS or results > _MOST_RESULTS

    def _attempt(self, group: Sequence[Pending], *, is_last: bool = False) -> tuple[Sources, State, list[ProofFailure]]:
        """Return the sources with the edits of a group, the state with them, and why they are not proven."""
        if self._is_exhausted() and not is_last:
            return self.sources, self.state, [ProofFailure(_TOO_MANY)]
        try:
            edited, state = self._evaluated(tuple(edit for one in group for edit in one.edits))
        except Refusal as refusal:
            return self.sources, self.state, [ProofFailure(refusal.reason)]
        return edited, state, self._faults(group, state)

    def _faults(self, group: Sequence[Pending], state: State) -> list[ProofFailure]:
        """Return why a state with the edits of a group does not prove them."""
        earlier = list(self._fixes) if self.sources.texts else []
        left = [(self.findings[number], self._left.get(number, ())) for number in earlier]
        left += [(one.finding, one.candidate.left if one.candidate is not None else ()) for one in group]
        remaining = {key: attributes for finding, attributes in left if attributes for key in keys_of(finding)}
        faults = self._prover.faults([finding for finding, _ in left], state, remaining)
        return [*faults, *_unknown_guards(group, state), *self._unsafe_effects(group, state)]

    def _evaluated(self, edits: tuple[TextEdit, ...]) -> tuple[Sources, State]:
        """Return the sources with edits, and the state with them. Parts of a group lead to one that was evaluated."""
        key = frozenset(edits)
        known = self._known.pop(key, None)
        if known is None:
            edited = self.sources.edited(edits)
            known = edited, self._prover.state(edited)
        self._known[key] = known
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return known

    def _unsafe_effects(self, group: Sequence[Pending], state: State) -> Iterator[ProofFailure]:
        """Yield the findings that fixes of the same resource fix too, but with effects that no one has allowed."""
        fixed = {key for one in group for key in keys_of(one.finding)}
        fixed.update(key for number in self._fixes for key in keys_of(self.findings[number]))
        classes: dict[tuple[str, ...], set[str]] = {}
        for one in group:
            for key in keys_of(one.finding):
                effects = () if one.candidate is None else one.candidate.effects
                classes.setdefault(key[1:], set()).update(names_of(effects))
        # Also findings that are not selected, or that are suppressed.
        for finding in (*self.state.report.findings, *self.state.report.suppressed):
            keys = set(keys_of(finding))
            resources = frozenset(key[1:] for key in keys)
            concerned = [classes[resource] for resource in resources if resource in classes]
            if not concerned or keys & fixed:
                continue
            others = {name for plan in plans_for(finding) for name in names_of(plan.possible_effects)}
            # What is shown as safe is safe, and all others have classes that are allowed.
            is_allowed = all(not others or (found and others <= found.union(self._allowed)) for found in concerned)
            if not is_allowed and is_gone(finding, state):
                yield ProofFailure(f"it would also fix {finding.rule.id}, which is not safe", resources)


def _unknown_guards(group: Sequence[Pending], state: State) -> Iterator[ProofFailure]:
    """Yield the unknown results that may be about what a candidate changes, without which it would be offered."""
    for one in group:
        rules = () if one.candidate is None else one.candidate.unless_unknown
        for result in state.report.unknown if rules else ():
            is_near = result.rule.id in rules and not one.roots.isdisjoint(root for _, root, _ in keys_of(result))
            (cause,) = unknown_causes([result]) if is_near and _has_unknown_target(result) else [None]
            if cause is not None:
                why = "; ".join(filter(None, (cause.why, remedy(cause))))
                text = f"{result.resource} may belong to it, and {result.rule.id} may fail then: {why}"
                keys = frozenset(keys_of(one.finding))
                yield ProofFailure(text, frozenset(key[1:] for key in keys), of=keys)
                break


def _has_unknown_target(result: Finding) -> bool:
    """Return whether an unknown result may be about any resource, because a reference is unknown."""
    links = (one for one in result.evidence if not one.attribute and one.at.address is None)
    return any(one.outcome is UNKNOWN and not one.found.endswith(OUTSIDE) for one in links)


def _of_lost(finding: Finding) -> str:
    """Return why a finding is not in the files that can be changed."""
    if not finding.rule.edits:
        return NO_FIX
    return "the source without the plan does not show it" if finding.source == FROM_PLAN else "the file is generated"
