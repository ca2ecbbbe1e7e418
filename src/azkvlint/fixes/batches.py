"""Findings whose fixes are pending, and which of these are proven together."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec

from azkvlint.fixes.candidates import Candidate
from azkvlint.fixes.proof import keys_of
from azkvlint.fixes.sources import Sources
from azkvlint.model.finding import Finding
from azkvlint.model.fix import Name, Refusal, TextEdit


class Pending(msgspec.Struct):
    """A finding, the next of its candidates, and why the first was refused. ``number`` is that in the report.

    No other spelling of the ``refuted`` meaning is tried.
    """

    finding: Finding
    number: int
    others: Iterator[Candidate | Refusal]
    candidate: Candidate | None = None
    reason: str = ""
    refuted: str = ""

    def refuse(self, reason: str) -> None:
        """Keep the first reason for which a candidate is not proven, with what to do instead."""
        advice = "" if self.candidate is None else self.candidate.otherwise
        self.reason = self.reason or (f"{reason}; {advice}" if advice else reason)

    @property
    def roots(self) -> set[str]:
        """Return the inputs through which the finding was found."""
        return {root for _, root, _ in keys_of(self.finding)}

    @property
    def resources(self) -> set[tuple[str, ...]]:
        """Return the resources that the finding is about."""
        return {key[1:] for key in keys_of(self.finding)}

    @property
    def others_in_evidence(self) -> set[tuple[str, ...]]:
        """Return the other resources that the finding depends on."""
        addresses = {one.at.address for one in self.finding.evidence if one.at.address is not None}
        found: set[tuple[str, ...]] = {(root, address) for root in self.roots for address in addresses}
        return found - self.resources

    def advance(self) -> bool:
        """Take the next candidate. Return False if there is none."""
        for found in self.others:
            if isinstance(found, Candidate):
                if found.meaning and found.meaning == self.refuted:
                    continue
                self.candidate = found
                return True
            self.reason = self.reason or found.reason
        self.candidate = None
        return False

    @property
    def is_safe(self) -> bool:
        """Return whether the candidate is safe."""
        return self.candidate is not None and not self.candidate.effects

    @property
    def writes_default(self) -> bool:
        """Return whether the candidate writes what already applies, which other fixes may change."""
        return self.candidate is not None and self.candidate.writes_default

    @property
    def title(self) -> str:
        """Return the title of the candidate."""
        return "" if self.candidate is None else self.candidate.title

    @property
    def edits(self) -> tuple[TextEdit, ...]:
        """Return the edits of the candidate."""
        return () if self.candidate is None else self.candidate.edits


class Batch(NamedTuple):
    """Candidates to prove ``now``, those ``later`` that touch these, and those ``waiting`` for other fixes."""

    now: list[Pending]
    later: list[Pending]
    waiting: list[Pending]


def next_batch(
    pending: Sequence[Pending], sources: Sources, depends: Callable[[Pending, Pending], bool] | None = None
) -> Batch:
    """Return those whose edits do not touch each other and that wait for no other one, and the others.

    Of one resource there are only safe ones, or none: what an edit changes besides its finding is known then.
    ``depends`` returns whether the fix of the second may fix the finding of the first too, but not the reverse.
    """
    ready, waiting = _ready(pending)
    if depends is not None:
        by_resource: dict[tuple[str, ...], list[Pending]] = {}
        for one in ready:
            for resource in one.resources:
                by_resource.setdefault(resource, []).append(one)
        held = {
            one.number
            for near in by_resource.values()
            for one in near
            if any(other is not one and depends(one, other) for other in near)
        }
        if len(held) < len(ready):
            waiting = [*(one for one in ready if one.number in held), *waiting]
            ready = [one for one in ready if one.number not in held]
    taken: dict[str, list[TextEdit]] = {}
    names: set[tuple[str, Name]] = set()
    safety: dict[tuple[str, ...], bool] = {}
    batch: list[Pending] = []
    later: list[Pending] = []
    for one in ready:
        named = {(edit.path, name) for edit in one.edits for name in edit.names}
        is_free = (
            all(safety.get(resource, one.is_safe) is one.is_safe for resource in one.resources)
            # The second edit of one name is made on the tree that the first one results in.
            and names.isdisjoint(named)
            and not any(_touches(edit, taken.get(edit.path, ()), sources) for edit in one.edits)
        )
        (batch if is_free else later).append(one)
        if is_free:
            safety.update(dict.fromkeys(one.resources, one.is_safe))
            names |= named
            for edit in one.edits:
                insort(taken.setdefault(edit.path, []), edit, key=_start_of)
    return Batch(batch, later, waiting)


def _ready(pending: Sequence[Pending]) -> tuple[list[Pending], list[Pending]]:
    """Return those that no other fix makes unnecessary or untrue, and those that wait for such a fix.

    A fix of a resource that a finding depends on may fix that finding too, and a default is written as the others
    leave it. What the version of a provider causes is not mistaken for the effect of another fix if it comes first.
    """
    first = [one for one in pending if one.candidate is not None and one.candidate.is_of_version]
    if first:
        return first, [one for one in pending if one not in first]
    changed = {resource for one in pending for resource in one.resources}
    edits = [edit for one in pending if not one.writes_default for edit in one.edits]
    names = {(edit.path, name) for edit in edits for name in edit.names}
    waiting = [one for one in pending if _waits(one, changed, names)]
    if not waiting or len(waiting) == len(pending):
        return list(pending), []
    held = {one.number for one in waiting}
    return [one for one in pending if one.number not in held], waiting


def _waits(one: Pending, changed: Collection[tuple[str, ...]], names: Collection[tuple[str, Name]]) -> bool:
    """Return whether a fix waits for those that change some resources, or set some names."""
    if one.writes_default:
        return any((edit.path, name) in names for edit in one.edits for name in edit.names)
    return any(resource in changed for resource in one.others_in_evidence)


def _start_of(edit: TextEdit) -> int:
    return edit.start


def _touches(edit: TextEdit, taken: Sequence[TextEdit], sources: Sources) -> bool:
    """Return whether there is nothing but white space between an edit and one of others, which are in order."""
    at = bisect_right(taken, edit.start, key=_start_of)
    pairs = [(other, edit) for other in taken[max(0, at - 1) : at]] + [(edit, other) for other in taken[at : at + 1]]
    return any(
        first.end >= second.start or not sources.text(edit.path)[first.end : second.start].strip(" \t\r\n,")
        for first, second in pairs
    )
