"""Findings that their author does not want to count: ``# kvlint: ignore[KV101] reason until=2027-03-01``.

A directive on an attribute or block holds for what is found there; on a resource, also for what is found where a value
of it was written; on a module call, also for what is found in the module through that call; and ``ignore-file`` for its
file. A directive with which anything is wrong suppresses nothing, and is a Problem.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from kvlint.model.report import IN_SOURCE, Finding, Problem, Suppression
from kvlint.model.rule import Rule
from kvlint.model.said import COMMENT, METADATA, Mark, Said
from kvlint.model.source import Location, SourceComments
from kvlint.syntax.comments import Directive, covered, directives
from kvlint.syntax.lines import Lines

if TYPE_CHECKING:
    from datetime import date

    from kvlint.syntax.jsonc import Pointer
    from kvlint.syntax.metadata import Metadata

MALFORMED, EXPIRED, UNUSED = "KVE005", "KVE006", "KVE007"
# Of a name that is no rule's, so many characters are shown.
_LONGEST = 80
FORM = (
    "write: kvlint: ignore[KV001] reason, or ignore-file[KV001] reason; until=2027-03-01 ends it, owner=@team answers "
    "for it"
)
METADATA_FORM = 'write: {"rules": ["KV001"], "reason": "...", "until": "2027-03-01", "owner": "@team"}'
_NO_METADATA: Mapping[str, Metadata] = {}

_Span: TypeAlias = tuple[int, int]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What directives are held against: rule ids by id and by name, the ids of the rules that run, and the day."""

    known: Mapping[str, str]
    selected: frozenset[str]
    today: date


def policy_of(rules: Iterable[Rule], selected: Iterable[Rule], today: date) -> Policy:
    """The policy of a run that knows ``rules`` and asks those of them that are ``selected``."""
    known: dict[str, str] = {}
    for rule in rules:
        known.setdefault(rule.name, rule.id)
        known[rule.id] = rule.id
    return Policy(known=known, selected=frozenset(rule.id for rule in selected), today=today)


class _Rules:
    """The spans in one file over which directives suppress one rule. They lie within each other, or apart."""

    def __init__(self, spans: Iterable[tuple[int, int, Mark, Suppression]]) -> None:
        self._spans = sorted(spans, key=lambda span: (span[0], -span[1], span[2]))
        self._starts = [span[0] for span in self._spans]
        self._outer: list[int] = []
        around: list[int] = []
        for index, (start, *_) in enumerate(self._spans):
            while around and self._spans[around[-1]][1] <= start:
                around.pop()
            self._outer.append(around[-1] if around else -1)
            around.append(index)

    def at(self, offset: int) -> tuple[Mark, Suppression] | None:
        """The innermost that an offset lies in."""
        index = bisect_right(self._starts, offset) - 1
        while index >= 0:
            _, end, mark, reason = self._spans[index]
            if offset < end:
                return mark, reason
            index = self._outer[index]
        return None


class Suppressions:
    """The directives in the files of one unit. ``files``: comments by reported path; without a policy nobody asks them.

    ``problems`` are the directives that suppress nothing, because they are wrong or have expired. ``unused`` has a
    Problem for each mark that a finding would have to use: those that no finding of any unit has used are to be told.
    """

    def __init__(
        self,
        files: Mapping[str, SourceComments],
        policy: Policy | None,
        metadata: Mapping[str, Metadata] = _NO_METADATA,
    ) -> None:
        self.said: list[Said] = []
        self.problems: list[Problem] = []
        self.unused: dict[Mark, Problem] = {}
        self.used: set[Mark] = set()
        self._texts: dict[str, Lines] = {}
        self._spans: dict[tuple[str, str], _Rules] = {}
        self._whole: dict[tuple[str, str], tuple[Mark, Suppression]] = {}
        self._below: dict[tuple[str, str], dict[Pointer, tuple[Mark, Suppression]]] = {}
        for path, source in files.items() if policy is not None else ():
            found = directives(source.text, source.comments)
            if found and policy is not None:
                self._texts[path] = Lines(source.text)
                self._take(path, zip(found, covered(source, found), strict=True), policy)
        for path, one in metadata.items() if policy is not None else ():
            if policy is not None:
                self._texts[path] = Lines(one.text)
                self._take_metadata(path, one, policy)

    def __bool__(self) -> bool:
        return bool(self._spans or self._whole or self._below)

    def of(self, finding: Finding) -> Suppression | None:
        """What suppresses a finding, if anything does: a directive on its place, its resource, a call, or its file."""
        if not self:
            return None
        rule = finding.rule.id
        own = (finding.at,) if finding.resource_at is None else (finding.at, finding.resource_at)
        found = [self._beside(at, rule) for at in (*own, *reversed(finding.callers))]
        found += [self._whole.get((at.path, rule)) for at in own]
        first = next(filter(None, found), None)
        if first is None:
            return None
        self.used.add(first[0])
        return first[1]

    def _take(self, path: str, found: Iterable[tuple[Directive, _Span | None]], policy: Policy) -> None:
        """Take in the directives in the comments of one file, each with the span of what it is about."""
        spans: dict[str, list[tuple[int, int, Mark, Suppression]]] = {}
        for directive, span in found:
            for mark, reason in self._marks(path, directive, policy, COMMENT, about_nothing=span is None):
                if directive.whole_file:
                    self._whole.setdefault((path, mark[2]), (mark, reason))
                elif span is not None:
                    spans.setdefault(mark[2], []).append((*span, mark, reason))
        for id_, some in spans.items():
            self._spans[path, id_] = _Rules(some)

    def _take_metadata(self, path: str, metadata: Metadata, policy: Policy) -> None:
        """Take in the directives in the metadata of one template."""
        for directive, pointer in metadata.found:
            for mark, reason in self._marks(path, directive, policy, METADATA):
                self._below.setdefault((path, mark[2]), {}).setdefault(pointer, (mark, reason))

    def _marks(
        self, path: str, directive: Directive, policy: Policy, kind: str, about_nothing: bool = False
    ) -> Iterator[tuple[Mark, Suppression]]:
        """What a directive suppresses today, a mark for each rule; what is wrong with it becomes a Problem."""
        at = Location(path=path, span=(directive.start, directive.end))
        at = msgspec.structs.replace(at, region=self._texts[path].region(directive.start, directive.end))
        until = "" if directive.until is None else directive.until.isoformat()
        fault, ended = _fault(directive, policy, about_nothing), False
        if fault:
            form = FORM if kind == COMMENT else METADATA_FORM
            self.problems.append(_problem(MALFORMED, f"nothing is ignored here: {fault}", at, form))
        elif directive.until is not None and directive.until < policy.today:
            ended = True
            text = f"this ended on {until}, so what it ignored is reported again"
            self.problems.append(_problem(EXPIRED, text, at, "mend what is found, or give it a new end"))
        holds = not fault and not ended
        marks = {id_: (path, directive.start, policy.known[id_]) for id_ in directive.ids} if holds else {}
        asked = tuple((id_, mark) for id_, mark in marks.items() if mark[2] in policy.selected)
        self.said.append(
            Said(
                kind=kind, at=at, rules=directive.ids, reason=directive.reason, owner=directive.owner, until=until,
                fault=fault, ended=ended, marks=asked,
            )
        )  # fmt: skip
        for _, mark in asked:
            self.unused[mark] = _problem(UNUSED, f"nothing of {mark[2]} is found where this ignores it", at)
        reason = Suppression(kind=IN_SOURCE, justification=directive.reason, at=at, until=until, owner=directive.owner)
        for mark in dict.fromkeys(marks.values()):
            yield mark, reason

    def _beside(self, at: Location, rule: str) -> tuple[Mark, Suppression] | None:
        """What suppresses a rule where a place begins, or in an object that it lies in."""
        below = self._below.get((at.path, rule))
        if below is not None and at.pointer is not None:
            around = (below.get(at.pointer[:depth]) for depth in range(len(at.pointer), -1, -1))
            return next(filter(None, around), None)
        spans = self._spans.get((at.path, rule))
        if spans is None:
            return None
        if at.span is not None:
            return spans.at(at.span[0])
        if at.region is None:
            return None
        starts = self._texts[at.path].starts
        return spans.at(starts[min(at.region.start_line, len(starts)) - 1] + at.region.start_column - 1)


def _fault(directive: Directive, policy: Policy, about_nothing: bool) -> str:
    """What is wrong with a directive, or nothing."""
    unknown = [id_ for id_ in directive.ids if id_ not in policy.known]
    if unknown:
        return f"there is no rule '{unknown[0][:_LONGEST]}'"
    if about_nothing and not directive.fault:
        return "there is no attribute or block that it could be about"
    return directive.fault


def _problem(code: str, message: str, at: Location, hint: str = "") -> Problem:
    return Problem(code=code, level="note" if code == UNUSED else "warning", message=message, at=at, hint=hint)
