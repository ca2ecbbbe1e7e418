"""Findings that their author does not want to count: ``# kvlint: ignore[KV101] reason until=2027-03-01``.

A directive on an attribute or block holds for what is found there; on a resource, also for what is found where a value
of it was written; on a module call, also for what is found in the module through that call; and ``ignore-file`` for its
file. A directive with which anything is wrong suppresses nothing, and is a Problem.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from kvlint.model.report import IN_SOURCE, Finding, Problem, Suppression
from kvlint.model.rule import Rule
from kvlint.model.source import Location, SourceComments
from kvlint.syntax.comments import Directive, covered, directives
from kvlint.syntax.lines import Lines

if TYPE_CHECKING:
    from datetime import date

MALFORMED, EXPIRED, UNUSED = "KVE005", "KVE006", "KVE007"
# Of a name that is no rule's, so many characters are shown.
_LONGEST = 80
FORM = (
    "write: kvlint: ignore[KV001] reason, or ignore-file[KV001] reason; until=2027-03-01 ends it, owner=@team answers "
    "for it"
)

Mark: TypeAlias = tuple[str, int, str]
"""One rule of one directive: path, offset of the directive, rule id."""
_Span: TypeAlias = tuple[int, int]
_Found: TypeAlias = tuple[Directive, _Span | None]


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

    def __init__(self, files: Mapping[str, SourceComments], policy: Policy | None) -> None:
        self.problems: list[Problem] = []
        self.unused: dict[Mark, Problem] = {}
        self.used: set[Mark] = set()
        self._texts: dict[str, Lines] = {}
        self._spans: dict[tuple[str, str], _Rules] = {}
        self._whole: dict[tuple[str, str], tuple[Mark, Suppression]] = {}
        for path, source in files.items() if policy is not None else ():
            found = directives(source.text, source.comments)
            if found and policy is not None:
                self._texts[path] = Lines(source.text)
                self._take(path, zip(found, covered(source, found), strict=True), policy)

    def __bool__(self) -> bool:
        return bool(self._spans or self._whole)

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

    def _take(self, path: str, found: Iterable[_Found], policy: Policy) -> None:
        """Take in the directives of one file, each with the span of what it is about."""
        spans: dict[str, list[tuple[int, int, Mark, Suppression]]] = {}
        for directive, span in found:
            at = Location(path=path, span=(directive.start, directive.end))
            at = msgspec.structs.replace(at, region=self._texts[path].region(directive.start, directive.end))
            ids = self._ids(directive, span, at, policy)
            until = "" if directive.until is None else directive.until.isoformat()
            reason = Suppression(
                kind=IN_SOURCE, justification=directive.reason, at=at, until=until, owner=directive.owner
            )
            for id_ in ids:
                mark = (path, directive.start, id_)
                if directive.whole_file:
                    self._whole.setdefault((path, id_), (mark, reason))
                elif span is not None:
                    spans.setdefault(id_, []).append((*span, mark, reason))
                if id_ in policy.selected:
                    self.unused[mark] = _problem(UNUSED, f"nothing of {id_} is found where this ignores it", at)
        for id_, some in spans.items():
            self._spans[path, id_] = _Rules(some)

    def _ids(self, directive: Directive, span: _Span | None, at: Location, policy: Policy) -> list[str]:
        """The ids of the rules that a directive suppresses today; what is wrong with it becomes a Problem."""
        unknown = [id_ for id_ in directive.ids if id_ not in policy.known]
        fault = directive.fault
        if unknown:
            fault = f"there is no rule '{unknown[0][:_LONGEST]}'"
        elif span is None and not fault:
            fault = "there is no attribute or block that it could be about"
        if fault:
            self.problems.append(_problem(MALFORMED, f"nothing is ignored here: {fault}", at, FORM))
            return []
        until = directive.until
        if until is not None and until < policy.today:
            said = f"this ended on {until.isoformat()}, so what it ignored is reported again"
            self.problems.append(_problem(EXPIRED, said, at, "mend what is found, or give it a new end"))
            return []
        return list(dict.fromkeys(policy.known[id_] for id_ in directive.ids))

    def _beside(self, at: Location, rule: str) -> tuple[Mark, Suppression] | None:
        """What suppresses a rule where a place begins."""
        spans = self._spans.get((at.path, rule))
        if spans is None:
            return None
        if at.span is not None:
            return spans.at(at.span[0])
        if at.region is None:
            return None
        starts = self._texts[at.path].starts
        return spans.at(starts[min(at.region.start_line, len(starts)) - 1] + at.region.start_column - 1)


def _problem(code: str, message: str, at: Location, hint: str = "") -> Problem:
    return Problem(code=code, level="note" if code == UNUSED else "warning", message=message, at=at, hint=hint)
