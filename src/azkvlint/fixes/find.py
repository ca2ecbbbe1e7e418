"""Find the fixes of a report: edits by the data of the rules, each proven before it is offered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.fixes.candidates import Candidate, candidates
from azkvlint.fixes.proof import Fault, Prover, State, is_gone, keys_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.edit import Refusal, TextEdit
from azkvlint.model.finding import Finding, Report
from azkvlint.model.fix import Fix, FixResult, Refused

# Evaluations of one search; what is left after them is refused.
_MOST_RUNS = 400
_ALONG = "Fixed by another fix"
_TOO_MANY = "too many fixes could not be proven together; select fewer rules"


def fixes_of(report: Report, config: Config, *, unsafe: bool, prover: Prover | None = None) -> FixResult:
    """Return a proven fix for each finding that has one. Each can be applied on its own to the texts of the report.

    Fixes that are not safe are offered if ``unsafe``. Raise UsageError and RuleError as a check does.
    """
    search = _Search(report, Prover(config) if prover is None else prover, unsafe)
    pending = search.start(search.findings)
    while pending:
        # Fixes of different places are proven together, those of one place one after the other.
        batch, later = _batch(pending)
        pending = later + search.prove(batch).left
    return search.result()


def fixes_together(report: Report, config: Config, *, unsafe: bool, prover: Prover | None = None) -> FixResult:
    """Return the fixes that were proven together, with the texts of all changed files.

    The edits of a fix refer to the text with the fixes before it; there are none if another fix fixes its finding too.
    """
    search = _Search(report, Prover(config) if prover is None else prover, unsafe)
    pending = search.start(search.findings)
    while pending:
        batch, later = _batch(pending)
        outcome = search.prove(batch)
        pending = later + outcome.left
        if outcome.sources is not search.sources:
            search.sources, search.state = outcome.sources, outcome.state
            # The others are searched again, on the new texts; also those that were refused, so that a second run
            # offers nothing.
            pending = search.start(search.remaining())
    return search.result()


class _Pending(msgspec.Struct):
    """A finding, the next of its candidates, and why the first was refused. ``number`` is that in the report."""

    finding: Finding
    number: int
    others: Iterator[Candidate | Refusal]
    candidate: Candidate | None = None
    reason: str = ""

    def advance(self) -> bool:
        """Take the next candidate. Return False if there is none."""
        for found in self.others:
            if isinstance(found, Candidate):
                self.candidate = found
                return True
            self.reason = self.reason or found.reason
        self.candidate = None
        return False

    @property
    def edits(self) -> tuple[TextEdit, ...]:
        """Return the edits of the candidate."""
        return () if self.candidate is None else self.candidate.edits


class _Outcome(msgspec.Struct):
    """What a proof results in: the sources and the state with the accepted edits, and what has another candidate."""

    sources: Sources
    state: State
    left: list[_Pending]


class _Search:
    """The search for the fixes of one report. ``sources`` have the edits of accepted fixes if fixes are combined."""

    def __init__(self, report: Report, prover: Prover, unsafe: bool) -> None:
        self._prover, self._unsafe = prover, unsafe
        self.sources, self.state = Sources(report.root), prover.before
        self.findings = report.counted(report.findings)
        self._numbers = {key: number for number, finding in enumerate(self.findings) for key in keys_of(finding)}
        self._fixes: dict[int, Fix] = {}
        self._refusals: dict[int, Refused] = {}

    def start(self, findings: Iterable[Finding]) -> list[_Pending]:
        """Return the findings that have a candidate; the others are refused."""
        found = []
        for finding in findings:
            number = next((self._numbers[key] for key in keys_of(finding) if key in self._numbers), -1)
            if number < 0 or number in self._fixes:
                continue
            one = _Pending(finding, number, candidates(finding, self.sources, unsafe=self._unsafe))
            if one.advance():
                found.append(one)
            else:
                self._refuse(one)
        return found

    def remaining(self) -> list[Finding]:
        """Return the findings of the present state that are not fixed. Those that are gone too count as fixed."""
        for number, finding in enumerate(self.findings):
            if number not in self._fixes and is_gone(finding, self.state):
                self._fixes[number] = Fix(finding=finding, title=_ALONG, edits=())
        numbers = (next((self._numbers.get(key) for key in keys_of(one)), None) for one in self.state.report.findings)
        return [
            one
            for number, one in zip(numbers, self.state.report.findings, strict=True)
            if number is not None and number not in self._fixes
        ]

    def _refuse(self, one: _Pending) -> None:
        reason = one.reason or "no fix of the rule applies to this code"
        self._refusals[one.number] = Refused(finding=self.findings[one.number], reason=reason)

    def result(self) -> FixResult:
        """Return the fixes and refusals in the order of the findings."""
        return FixResult(
            fixes=tuple(self._fixes[number] for number in sorted(self._fixes)),
            refusals=tuple(self._refusals[number] for number in sorted(self._refusals) if number not in self._fixes),
            texts=self.sources.texts,
        )

    def prove(self, batch: Sequence[_Pending]) -> _Outcome:
        """Accept those of a batch whose edits are proven: all at once, or part by part where that fails."""
        kept: list[_Pending] = []
        left: list[_Pending] = []
        sources, state = self.sources, self.state
        groups = [list(batch)]
        while groups:
            group = groups.pop()
            edited, now, faults = self._attempt([*kept, *group])
            if not faults and edited is not None and now is not None:
                kept += group
                sources, state = edited, now
            elif len(group) > 1:
                blamed = [one for one in group if any(fault.concerns(one.finding) for fault in faults)]
                others = [one for one in group if one not in blamed]
                middle = len(group) // 2
                groups += [blamed, others] if blamed and others else [group[middle:], group[:middle]]
            else:
                left += self._next(group[0], faults[0].text)
        for one in kept:
            assert one.candidate is not None  # noqa: S101  # for the type checker
            self._fixes[one.number] = Fix(
                finding=self.findings[one.number],
                title=one.candidate.title,
                edits=one.edits,
                consequence=one.candidate.consequence,
            )
        return _Outcome(sources, state, left)

    def _next(self, one: _Pending, reason: str) -> list[_Pending]:
        """Return a finding with its next candidate; none if it has no other, and is refused."""
        one.reason = one.reason or reason
        if one.advance():
            return [one]
        self._refuse(one)
        return []

    def _attempt(self, group: Sequence[_Pending]) -> tuple[Sources | None, State | None, list[Fault]]:
        """Return the sources with the edits of a group, the state with them, and why they are not proven."""
        if self._prover.runs > _MOST_RUNS:
            return None, None, [Fault(_TOO_MANY)]
        try:
            edited = self.sources.edited(tuple(edit for one in group for edit in one.edits))
        except Refusal as refusal:
            return None, None, [Fault(refusal.reason)]
        state = self._prover.state(edited)
        earlier = [fix.finding for fix in self._fixes.values()] if self.sources.texts else []
        return edited, state, list(self._prover.faults([*earlier, *(one.finding for one in group)], state, edited))


def _batch(pending: Sequence[_Pending]) -> tuple[list[_Pending], list[_Pending]]:
    """Return those whose edits do not touch each other, and the others."""
    taken: dict[str, list[tuple[int, int]]] = {}
    batch: list[_Pending] = []
    later: list[_Pending] = []
    for one in pending:
        is_free = all(
            edit.end < start or end < edit.start for edit in one.edits for start, end in taken.get(edit.path, ())
        )
        (batch if is_free else later).append(one)
        for edit in one.edits if is_free else ():
            taken.setdefault(edit.path, []).append((edit.start, edit.end))
    return batch, later
