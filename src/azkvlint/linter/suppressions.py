"""Findings that their author does not want to count: ``# kvlint: ignore[KV101] reason until=2027-03-01``.

A directive on an attribute or block holds for what is found there; on a resource, also for what is found where a value
of it was written; on a module call, also for what is found in the module through that call; and ``ignore-file`` for its
file. A directive with which anything is wrong suppresses nothing, and is a Problem.

Comments for other tools suppress what kvlint's directives do not, if the policy respects them. They are not kvlint's,
so nothing is a Problem about them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.model.finding import IN_SOURCE, Finding, Problem, Suppression
from azkvlint.model.location import Location, SourceComments
from azkvlint.model.rule import Rule
from azkvlint.model.suppression import COMMENT, EVERY_CHECK, METADATA, TFSEC, TRIVY, DirectiveId, SuppressionDirective
from azkvlint.syntax.ignore_comments import Directive, directives, target_spans
from azkvlint.syntax.positions import Lines

if TYPE_CHECKING:
    from datetime import date

    from azkvlint.syntax.ignore_metadata import Metadata
    from azkvlint.syntax.json_decoder import Pointer
    from azkvlint.syntax.peer_comments import PeerComment

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
# tfsec became part of Trivy, which respects ids and comments of both.
_SAME_IDS = {TFSEC: (TFSEC, TRIVY), TRIVY: (TRIVY, TFSEC)}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What directives are held against: rule ids by id and by name, the ids of the rules that run, and the day.

    ``peers`` are the rules by each id, in lower case, of the tools whose comments are respected.
    """

    known: Mapping[str, str]
    selected: frozenset[str]
    today: date
    peers: Mapping[str, Mapping[str, frozenset[str]]] = {}


def policy_of(rules: Iterable[Rule], selected: Iterable[Rule], today: date, tools: Iterable[str] = ()) -> Policy:
    """Return the policy of a run that knows ``rules``, runs ``selected`` and respects comments for ``tools``."""
    known: dict[str, str] = {}
    rules = tuple(rules)
    for rule in rules:
        known.setdefault(rule.name, rule.id)
        known[rule.id] = rule.id
    peers = {tool: _equivalents(rules, tool) for tool in tools}
    return Policy(known=known, selected=frozenset(rule.id for rule in selected), today=today, peers=peers)


def _equivalents(rules: Sequence[Rule], tool: str) -> dict[str, frozenset[str]]:
    """Return the rules by each id of a tool."""
    found: dict[str, frozenset[str]] = {}
    for other in reversed(_SAME_IDS.get(tool, (tool,))):
        own: dict[str, set[str]] = {}
        for rule in rules:
            for id_ in rule.peers.get(other, ()):
                own.setdefault(id_.lower(), set()).add(rule.id)
        found |= {id_: frozenset(ids) for id_, ids in own.items()}
    return found


class _Rules:
    """The spans in one file over which directives suppress one rule."""

    def __init__(self, spans: Iterable[tuple[int, int, DirectiveId, Suppression]]) -> None:
        self._spans = sorted(spans, key=lambda span: (span[0], -span[1], span[2]))
        self._starts = [span[0] for span in self._spans]
        self._outer: list[int] = []
        around: list[int] = []
        for index, (start, *_) in enumerate(self._spans):
            while around and self._spans[around[-1]][1] <= start:
                around.pop()
            self._outer.append(around[-1] if around else -1)
            around.append(index)

    def at(self, offset: int) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield what suppresses the rule at an offset: of several spans around it the one that begins last first."""
        index = bisect_right(self._starts, offset) - 1
        while index >= 0:
            _, end, mark, reason = self._spans[index]
            if offset < end:
                yield mark, reason
            index = self._outer[index]


class _Directives:
    """What suppresses rules, and where; ``texts`` are those of the files, by reported path.

    Each dictionary is by path and rule: ``spans`` around places, whole files, ``below`` pointers in JSON, and ``lines``
    of which only what is reported there is suppressed, whatever it belongs to.
    """

    def __init__(self, texts: Mapping[str, Lines]) -> None:
        self.spans: dict[tuple[str, str], _Rules] = {}
        self.whole: dict[tuple[str, str], tuple[DirectiveId, Suppression]] = {}
        self.below: dict[tuple[str, str], dict[Pointer, tuple[DirectiveId, Suppression]]] = {}
        self.lines: dict[tuple[str, str], _Rules] = {}
        self._texts = texts

    def __bool__(self) -> bool:
        return bool(self.spans or self.whole or self.below or self.lines)

    def of(self, finding: Finding) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield what suppresses a finding: at its place, on its resource, on a call, or in its file."""
        rule = finding.rule.id
        own = (finding.at,) if finding.resource_at is None else (finding.at, finding.resource_at)
        yield from self._around(self.lines, finding.at, rule)
        for at in (*own, *reversed(finding.callers)):
            yield from self._beside(at, rule)
        yield from (self.whole[at.path, rule] for at in own if (at.path, rule) in self.whole)

    def _beside(self, at: Location, rule: str) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield what suppresses a rule where a place begins, or in an object around it."""
        below = self.below.get((at.path, rule))
        if below is not None and at.pointer is not None:
            around = (at.pointer[:depth] for depth in range(len(at.pointer), -1, -1))
            yield from (below[pointer] for pointer in around if pointer in below)
        else:
            yield from self._around(self.spans, at, rule)

    def _around(
        self, spans: Mapping[tuple[str, str], _Rules], at: Location, rule: str
    ) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield what suppresses a rule where a place begins."""
        rules = spans.get((at.path, rule))
        if rules is not None and at.span is not None:
            yield from rules.at(at.span[0])
        elif rules is not None and at.region is not None:
            starts = self._texts[at.path].starts
            yield from rules.at(starts[min(at.region.start_line, len(starts)) - 1] + at.region.start_column - 1)


class Suppressions:
    """The directives in the files of one unit. ``files``: comments by reported path; without a policy nobody asks them.

    ``problems`` are the directives that suppress nothing, because they are wrong or have expired. ``unused`` has a
    Problem for each mark that a finding would have to use: those that no finding of any unit uses are reported.
    """

    def __init__(
        self,
        files: Mapping[str, SourceComments],
        policy: Policy | None,
        metadata: Mapping[str, Metadata] = _NO_METADATA,
    ) -> None:
        self.said: list[SuppressionDirective] = []
        self.problems: list[Problem] = []
        self.unused: dict[DirectiveId, Problem] = {}
        self.used: set[DirectiveId] = set()
        self._texts: dict[str, Lines] = {}
        self._own, self._peers = _Directives(self._texts), _Directives(self._texts)
        if policy is None:
            return
        read_peers = _reader_of_peers(policy)
        for path, source in files.items():
            found = directives(source.text, source.comments) if source.has_directives else []
            peers = read_peers(source)
            if found or peers:
                self._texts[path] = Lines(source.text)
                self._take(path, zip(found, target_spans(source, found), strict=True), policy)
                if peers:
                    self._take_peers(path, peers, policy)
        for path, one in metadata.items():
            self._texts[path] = Lines(one.text)
            self._take_metadata(path, one, policy)

    def __bool__(self) -> bool:
        return bool(self._own or self._peers)

    def suppression_of(self, finding: Finding) -> Suppression | None:
        """Return what suppresses a finding, if anything does: kvlint's own directives come first.

        Of these one is in use, and of comments for other tools each, because nobody wrote them for kvlint.
        """
        if not self:
            return None
        own = next(self._own.of(finding), None)
        found = list(self._peers.of(finding)) if own is None else [own]
        if not found:
            return None
        self.used.update(mark for mark, _ in found)
        return found[0][1]

    def _take(self, path: str, found: Iterable[tuple[Directive, _Span | None]], policy: Policy) -> None:
        """Take in the directives in the comments of one file, each with the span of what it is about."""
        spans: dict[str, list[tuple[int, int, DirectiveId, Suppression]]] = {}
        for directive, span in found:
            for mark, reason in self._marks(path, directive, policy, COMMENT, about_nothing=span is None):
                if directive.whole_file:
                    self._own.whole.setdefault((path, mark[2]), (mark, reason))
                elif span is not None:
                    spans.setdefault(mark[2], []).append((*span, mark, reason))
        for id_, some in spans.items():
            self._own.spans[path, id_] = _Rules(some)

    def _take_peers(self, path: str, found: Iterable[tuple[PeerComment, _Span | None]], policy: Policy) -> None:
        """Take in the comments for other tools in one file, each with the span that it applies to."""
        from azkvlint.syntax.peer_comments import Reach

        # Of what one tool says twice about the same place, the first counts.
        spans: dict[tuple[bool, str], dict[tuple[_Span, str], tuple[int, int, DirectiveId, Suppression]]] = {}
        for one, span in found:
            for mark, reason in self._peer_marks(path, one, policy, COMMENT):
                if one.reach is Reach.FILE and span is not None:
                    self._peers.whole.setdefault((path, mark[2]), (mark, reason))
                elif span is not None:
                    some = spans.setdefault((one.reach is Reach.LINE, mark[2]), {})
                    some.setdefault((span, one.tool), (*span, mark, reason))
        for (is_line, id_), some in spans.items():
            (self._peers.lines if is_line else self._peers.spans)[path, id_] = _Rules(some.values())

    def _take_metadata(self, path: str, metadata: Metadata, policy: Policy) -> None:
        """Take in the directives in the metadata of one template."""
        for directive, pointer in metadata.found:
            for mark, reason in self._marks(path, directive, policy, METADATA):
                self._own.below.setdefault((path, mark[2]), {}).setdefault(pointer, (mark, reason))
        for one, pointer in metadata.peers:
            for mark, reason in self._peer_marks(path, one, policy, METADATA):
                self._peers.below.setdefault((path, mark[2]), {}).setdefault(pointer, (mark, reason))

    def _peer_marks(
        self, path: str, one: PeerComment, policy: Policy, kind: str
    ) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield what a comment for another tool suppresses today, a mark for each rule."""
        ids, rules = _rules_of(one, policy)
        if not rules:
            return
        at = Location(path=path, span=(one.start, one.end))
        at = msgspec.structs.replace(at, region=self._texts[path].region(one.start, one.end))
        until = "" if one.until is None else one.until.isoformat()
        ended = one.ended or (one.until is not None and one.until < policy.today)
        marks = [] if ended or one.condition else [(path, one.start, rule) for rule in rules]
        asked = tuple((mark[2], mark) for mark in marks if mark[2] in policy.selected)
        self.said.append(
            SuppressionDirective(
                kind=kind, at=at, rules=rules, reason=one.reason, until=until, ended=ended, marks=asked, tool=one.tool,
                ids=ids, condition=one.condition,
            )
        )  # fmt: skip
        reason = Suppression(kind=IN_SOURCE, justification=one.reason, at=at, until=until, tool=one.tool)
        for mark in marks:
            yield mark, reason

    def _marks(
        self, path: str, directive: Directive, policy: Policy, kind: str, about_nothing: bool = False
    ) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield what a directive suppresses today, a mark for each rule; what is wrong with it becomes a Problem."""
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
            SuppressionDirective(
                kind=kind, at=at, rules=directive.ids, reason=directive.reason, owner=directive.owner, until=until,
                fault=fault, ended=ended, marks=asked,
            )
        )  # fmt: skip
        for _, mark in asked:
            self.unused[mark] = _problem(UNUSED, f"nothing of {mark[2]} is found where this ignores it", at)
        reason = Suppression(kind=IN_SOURCE, justification=directive.reason, at=at, until=until, owner=directive.owner)
        for mark in dict.fromkeys(marks.values()):
            yield mark, reason


def _reader_of_peers(policy: Policy) -> Callable[[SourceComments], list[tuple[PeerComment, _Span | None]]]:
    """Return what reads comments for other tools, which most runs have no use for."""
    if not policy.peers:
        return lambda _: []
    from azkvlint.syntax.peer_comments import peer_comments

    return peer_comments


def _rules_of(one: PeerComment, policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids in a comment for another tool that have an equivalent, and the equivalent rules."""
    known = policy.peers.get(one.tool)
    if known is None:
        return (), ()
    ids = tuple(id_ for id_ in one.ids if id_ == EVERY_CHECK or _folded(id_) in known)
    named = {rule for id_ in ids for rule in known.get(_folded(id_), ())}
    if EVERY_CHECK in ids or one.is_except:
        every = {rule for rules in known.values() for rule in rules}
        return ids, tuple(sorted(every - named if one.is_except else every))
    return ids, tuple(sorted(named))


def _folded(id_: str) -> str:
    return id_.lower().removeprefix("avd-")


def _fault(directive: Directive, policy: Policy, about_nothing: bool) -> str:
    """Return what is wrong with a directive, or nothing."""
    unknown = [id_ for id_ in directive.ids if id_ not in policy.known]
    if unknown:
        return f"there is no rule '{unknown[0][:_LONGEST]}'"
    if about_nothing and not directive.fault:
        return "there is no attribute or block that it could be about"
    return directive.fault


def _problem(code: str, message: str, at: Location, hint: str = "") -> Problem:
    return Problem(code=code, level="note" if code == UNUSED else "warning", message=message, at=at, hint=hint)
