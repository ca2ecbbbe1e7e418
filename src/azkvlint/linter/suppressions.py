"""Suppressions in comments: ``# kvlint: ignore[KV101] reason until=2027-03-01``.

A directive on an attribute or block applies to findings there; on a resource, also where its values are defined; on a
module call, also to findings in the module through that call; ``ignore-file`` applies to its file. An invalid directive
suppresses nothing and is reported as a Problem.

If the policy respects comments for other tools, they apply to findings without a directive of kvlint. Otherwise, a
finding whose declaration has such a comment is accepted, which lowers its severity. They are never reported as
Problems.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.model.finding import IN_SOURCE, Acceptance, Finding, Note, Problem, Suppression
from azkvlint.model.location import Location, SourceComments
from azkvlint.model.rule import Rule, Severity
from azkvlint.model.suppression import (
    COMMENT,
    EVERY_CHECK,
    METADATA,
    TFSEC,
    TOOLS,
    TRIVY,
    DirectiveId,
    SuppressionDirective,
)
from azkvlint.syntax.texts import Lines

if TYPE_CHECKING:
    from datetime import date

    from azkvlint.syntax.ignore_comments import IgnoreDirective, Metadata, PeerComment
    from azkvlint.syntax.json_decoder import Pointer

MALFORMED_SUPPRESSION, EXPIRED_SUPPRESSION, UNUSED_SUPPRESSION = "KVE005", "KVE006", "KVE007"
# The maximum number of characters of an unknown rule id in messages.
_LONGEST = 80
FORM = (
    "write `kvlint: ignore[KV001] reason` or `kvlint: ignore-file[KV001] reason`, optionally with `until=2027-03-01` "
    "and `owner=@team`"
)
METADATA_FORM = 'write `{"rules": ["KV001"], "reason": "...", "until": "2027-03-01", "owner": "@team"}`'
_NO_METADATA: Mapping[str, Metadata] = {}

_Span: TypeAlias = tuple[int, int]
# tfsec became part of Trivy, which accepts the ids and comments of both.
_SAME_IDS = {TFSEC: (TFSEC, TRIVY), TRIVY: (TRIVY, TFSEC)}


class SuppressionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of a run: rule ids by id and name, the ids of the selected rules, and the current day.

    ``peers`` are the equivalent rules by lower-case id for each tool, ``respected`` those whose comments suppress.
    """

    known: Mapping[str, str]
    selected: frozenset[str]
    today: date
    peers: Mapping[str, Mapping[str, frozenset[str]]] = {}
    respected: frozenset[str] = frozenset()


def policy_of(
    rules: Iterable[Rule], selected: Iterable[Rule], today: date, tools: Iterable[str] = ()
) -> SuppressionPolicy:
    """Return the policy of a run with all ``rules`` and the ``selected`` ones, which respects comments for
    ``tools``.
    """
    known: dict[str, str] = {}
    rules = tuple(rules)
    for rule in rules:
        known.setdefault(rule.name, rule.id)
        known[rule.id] = rule.id
    for rule in rules:
        for name in rule.formerly:
            known.setdefault(name, rule.id)
    return SuppressionPolicy(
        known=known, selected=frozenset(rule.id for rule in selected), today=today,
        peers={tool: _equivalents(rules, tool) for tool in TOOLS}, respected=frozenset(tools),
    )  # fmt: skip


def _equivalents(rules: Sequence[Rule], tool: str) -> dict[str, frozenset[str]]:
    rules_by_id: dict[str, frozenset[str]] = {}
    for other in reversed(_SAME_IDS.get(tool, (tool,))):
        ids_of_tool: dict[str, set[str]] = {}
        for rule in rules:
            for id_ in rule.peers.get(other, ()):
                ids_of_tool.setdefault(id_.lower(), set()).add(rule.id)
        rules_by_id |= {id_: frozenset(ids) for id_, ids in ids_of_tool.items()}
    return rules_by_id


class _SpanIndex:
    """The spans of one file in which directives suppress one rule."""

    def __init__(self, spans: Iterable[tuple[int, int, DirectiveId, Suppression]]) -> None:
        self._spans = sorted(spans, key=lambda span: (span[0], -span[1], span[2]))
        self._starts = [span[0] for span in self._spans]
        self._outer: list[int] = []
        open_spans: list[int] = []
        for index, (start, *_) in enumerate(self._spans):
            while open_spans and self._spans[open_spans[-1]][1] <= start:
                open_spans.pop()
            self._outer.append(open_spans[-1] if open_spans else -1)
            open_spans.append(index)

    def at(self, offset: int) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the suppressions at an offset, innermost span first."""
        index = bisect_right(self._starts, offset) - 1
        while index >= 0:
            _, end, mark, reason = self._spans[index]
            if offset < end:
                yield mark, reason
            index = self._outer[index]


class _Directives:
    """The directives of a unit by location; ``texts`` are the files by reported path.

    Each dictionary is keyed by path and rule: ``spans`` of blocks, ``whole`` files, JSON pointers (``below``), and
    ``lines``, which apply only to findings that are reported on them.
    """

    def __init__(self, texts: Mapping[str, Lines]) -> None:
        self.spans: dict[tuple[str, str], _SpanIndex] = {}
        self.whole: dict[tuple[str, str], tuple[DirectiveId, Suppression]] = {}
        self.below: dict[tuple[str, str], dict[Pointer, tuple[DirectiveId, Suppression]]] = {}
        self.lines: dict[tuple[str, str], _SpanIndex] = {}
        self._texts = texts

    def __bool__(self) -> bool:
        return bool(self.spans or self.whole or self.below or self.lines)

    def matching(self, finding: Finding) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the suppressions of a finding: at its location, on its resource, on a module call, or in its file."""
        rule = finding.rule.id
        yield from self._in_spans(self.lines, finding.at, rule)
        for at in (*_own_places(finding), *reversed(finding.callers)):
            yield from self._at_location(at, rule)
        yield from (self.whole[at.path, rule] for at in _own_places(finding) if (at.path, rule) in self.whole)

    def at_declaration(self, finding: Finding) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the suppressions of a finding on its line, or in the declaration of its resource.

        A value may be written elsewhere, such as in a module call around the declaration.
        """
        yield from self._in_spans(self.lines, finding.at, finding.rule.id)
        own = finding.resource_at or finding.at
        below = self.below.get((own.path, finding.rule.id), {})
        if own.pointer is not None:
            # The place of a resource is its type.
            yield from (below[one] for one in (own.pointer, own.pointer[:-1]) if one in below)
        for at in _own_places(finding):
            if at.path == own.path:
                yield from self._in_spans(self.spans, at, finding.rule.id)

    def _at_location(self, at: Location, rule: str) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the suppressions of a rule at a location, or in an object around it."""
        below = self.below.get((at.path, rule))
        if below is not None and at.pointer is not None:
            pointers = (at.pointer[:depth] for depth in range(len(at.pointer), -1, -1))
            yield from (below[pointer] for pointer in pointers if pointer in below)
        else:
            yield from self._in_spans(self.spans, at, rule)

    def _in_spans(
        self, spans: Mapping[tuple[str, str], _SpanIndex], at: Location, rule: str
    ) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the suppressions of a rule in the spans around the start of a location."""
        rules = spans.get((at.path, rule))
        if rules is not None and at.span is not None:
            yield from rules.at(at.span[0])
        elif rules is not None and at.region is not None:
            starts = self._texts[at.path].starts
            yield from rules.at(starts[min(at.region.start_line, len(starts)) - 1] + at.region.start_column - 1)


def _names_checks(comment: PeerComment) -> bool:
    """Return whether a comment names what it skips, rather than every check of its tool."""
    return EVERY_CHECK not in comment.ids


def _own_places(finding: Finding) -> Iterator[Location]:
    return (at for at in (finding.at, finding.attribute_at, finding.resource_at) if at is not None)


class Suppressions:
    """The directives in the files of one unit. ``files`` are comments by reported path; without a policy they are
    ignored.

    ``problems`` are those of invalid and expired directives. ``unused`` has a Problem for each directive that is
    reported unless a finding of some unit uses it.
    """

    def __init__(
        self,
        files: Mapping[str, SourceComments],
        policy: SuppressionPolicy | None,
        metadata: Mapping[str, Metadata] = _NO_METADATA,
    ) -> None:
        self.directives: list[SuppressionDirective] = []
        self.problems: list[Problem] = []
        self.unused: dict[DirectiveId, Problem] = {}
        self.used: set[DirectiveId] = set()
        self._texts: dict[str, Lines] = {}
        self._own, self._peers, self._accepting = (_Directives(self._texts) for _ in range(3))
        if policy is None or not (files or metadata):
            return
        from azkvlint.syntax.ignore_comments import directives, peer_comments, target_spans  # a plan has none

        for path, source in files.items():
            own_directives = directives(source.text, source.comments)
            peers = peer_comments(source)
            if own_directives or peers:
                self._texts[path] = Lines(source.text)
                self._add_comments(path, zip(own_directives, target_spans(source, own_directives), strict=True), policy)
                if peers:
                    self._add_peer_comments(path, peers, policy)
        for path, template in metadata.items():
            self._texts[path] = Lines(template.text)
            self._add_metadata(path, template, policy)

    def __bool__(self) -> bool:
        return bool(self._own or self._peers)

    def suppression_of(self, finding: Finding) -> Suppression | None:
        """Return the suppression of a finding, if any. kvlint's own directives take precedence.

        One directive of kvlint is marked as used, but all comments for other tools are, because they were not written
        for kvlint.
        """
        if not self:
            return None
        own_match = next(self._own.matching(finding), None)
        matches = list(self._peers.matching(finding)) if own_match is None else [own_match]
        if not matches:
            return None
        self.used.update(mark for mark, _ in matches)
        return matches[0][1]

    def weighed(self, finding: Finding) -> Finding:
        """Return a finding, accepted if its declaration has a comment for another tool that the run does not respect.

        The severity is lowered after the overrides of the configuration.
        """
        if not self._accepting:
            return finding
        found = next(self._accepting.at_declaration(finding), None)
        if found is None or finding.severity <= Severity.LOW:
            return finding
        accepted = Acceptance(tool=found[1].tool, at=found[1].at, severity=finding.severity)
        note = Note(text=accepted.text, at=accepted.at)
        return msgspec.structs.replace(finding, accepted=accepted, related=(*finding.related, note))

    def _add_comments(
        self, path: str, pairs: Iterable[tuple[IgnoreDirective, _Span | None]], policy: SuppressionPolicy
    ) -> None:
        """Add the directives in the comments of one file, each with the span of its target."""
        spans: dict[str, list[tuple[int, int, DirectiveId, Suppression]]] = {}
        for directive, span in pairs:
            for mark, reason in self._marks(path, directive, policy, COMMENT, has_no_target=span is None):
                if directive.whole_file:
                    self._own.whole.setdefault((path, mark[2]), (mark, reason))
                elif span is not None:
                    spans.setdefault(mark[2], []).append((*span, mark, reason))
        for id_, items in spans.items():
            self._own.spans[path, id_] = _SpanIndex(items)

    def _add_peer_comments(
        self, path: str, pairs: Iterable[tuple[PeerComment, _Span | None]], policy: SuppressionPolicy
    ) -> None:
        """Add the comments for other tools in one file, each with the span to which it applies."""
        from azkvlint.syntax.ignore_comments import CommentReach

        # If a tool has several comments on one span, the first applies.
        spans: dict[tuple[bool, bool, str], dict[tuple[_Span, str], tuple[int, int, DirectiveId, Suppression]]] = {}
        for comment, span in pairs:
            for mark, reason in self._peer_marks(path, comment, policy, COMMENT):
                is_respected = comment.tool in policy.respected
                if not is_respected and not _names_checks(comment):
                    continue
                if comment.reach is CommentReach.FILE and span is not None and is_respected:
                    self._peers.whole.setdefault((path, mark[2]), (mark, reason))
                elif comment.reach is not CommentReach.FILE and span is not None:
                    items = spans.setdefault((is_respected, comment.reach is CommentReach.LINE, mark[2]), {})
                    items.setdefault((span, comment.tool), (*span, mark, reason))
        for (is_respected, is_line, id_), items in spans.items():
            found = self._peers if is_respected else self._accepting
            (found.lines if is_line else found.spans)[path, id_] = _SpanIndex(items.values())

    def _add_metadata(self, path: str, metadata: Metadata, policy: SuppressionPolicy) -> None:
        for directive, pointer in metadata.found:
            for mark, reason in self._marks(path, directive, policy, METADATA):
                self._own.below.setdefault((path, mark[2]), {}).setdefault(pointer, (mark, reason))
        for comment, pointer in metadata.peers:
            is_respected = comment.tool in policy.respected
            if not is_respected and not _names_checks(comment):
                continue
            found = self._peers if is_respected else self._accepting
            for mark, reason in self._peer_marks(path, comment, policy, METADATA):
                found.below.setdefault((path, mark[2]), {}).setdefault(pointer, (mark, reason))

    def _peer_marks(
        self, path: str, comment: PeerComment, policy: SuppressionPolicy, kind: str
    ) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the active suppressions of a comment for another tool, one for each rule."""
        ids, rules = _equivalent_rules(comment, policy)
        if not rules:
            return
        at = Location(path=path, span=(comment.start, comment.end))
        at = msgspec.structs.replace(at, region=self._texts[path].region(comment.start, comment.end))
        until = "" if comment.until is None else comment.until.isoformat()
        is_expired = comment.ended or (comment.until is not None and comment.until < policy.today)
        marks = [] if is_expired or comment.condition else [(path, comment.start, rule) for rule in rules]
        selected_marks = tuple((mark[2], mark) for mark in marks if mark[2] in policy.selected)
        if comment.tool in policy.respected:
            self.directives.append(
                SuppressionDirective(
                    kind=kind, at=at, rules=rules, reason=comment.reason, until=until, ended=is_expired,
                    marks=selected_marks, tool=comment.tool, ids=ids, condition=comment.condition,
                )
            )  # fmt: skip
        reason = Suppression(kind=IN_SOURCE, justification=comment.reason, at=at, until=until, tool=comment.tool)
        for mark in marks:
            yield mark, reason

    def _marks(
        self, path: str, directive: IgnoreDirective, policy: SuppressionPolicy, kind: str, has_no_target: bool = False
    ) -> Iterator[tuple[DirectiveId, Suppression]]:
        """Yield the active suppressions of a directive, one for each rule; a fault is reported as a Problem."""
        at = Location(path=path, span=(directive.start, directive.end))
        at = msgspec.structs.replace(at, region=self._texts[path].region(directive.start, directive.end))
        until = "" if directive.until is None else directive.until.isoformat()
        fault, is_expired = _fault(directive, policy, has_no_target), False
        if fault:
            form = FORM if kind == COMMENT else METADATA_FORM
            self.problems.append(problem_of(MALFORMED_SUPPRESSION, f"invalid suppression: {fault}", at, form))
        elif directive.until is not None and directive.until < policy.today:
            is_expired = True
            text = f"expired suppression: it ended on {until} and no longer applies"
            self.problems.append(problem_of(EXPIRED_SUPPRESSION, text, at, "fix the findings, or set a later `until`"))
        is_active = not fault and not is_expired
        marks = {id_: (path, directive.start, policy.known[id_]) for id_ in directive.ids} if is_active else {}
        selected_marks = tuple((id_, mark) for id_, mark in marks.items() if mark[2] in policy.selected)
        self.directives.append(
            SuppressionDirective(
                kind=kind, at=at, rules=directive.ids, reason=directive.reason, owner=directive.owner, until=until,
                fault=fault, ended=is_expired, marks=selected_marks,
            )
        )  # fmt: skip
        for _, mark in selected_marks:
            self.unused[mark] = problem_of(
                UNUSED_SUPPRESSION, f"unused suppression: {mark[2]} is not reported here", at
            )
        reason = Suppression(kind=IN_SOURCE, justification=directive.reason, at=at, until=until, owner=directive.owner)
        for mark in dict.fromkeys(marks.values()):
            yield mark, reason


def _equivalent_rules(comment: PeerComment, policy: SuppressionPolicy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids in a comment for another tool that have equivalent rules, and these rules."""
    known = policy.peers.get(comment.tool)
    if known is None:
        return (), ()
    ids = tuple(id_ for id_ in comment.ids if id_ == EVERY_CHECK or _normalize(id_) in known)
    rules = {rule for id_ in ids for rule in known.get(_normalize(id_), ())}
    if EVERY_CHECK in ids or comment.is_except:
        every = {rule for rules in known.values() for rule in rules}
        return ids, tuple(sorted(every - rules if comment.is_except else every))
    return ids, tuple(sorted(rules))


def _normalize(id_: str) -> str:
    return id_.lower().removeprefix("avd-")


def _fault(directive: IgnoreDirective, policy: SuppressionPolicy, has_no_target: bool) -> str:
    unknown = [id_ for id_ in directive.ids if id_ not in policy.known]
    if unknown:
        return f"rule `{unknown[0][:_LONGEST]}` does not exist"
    if has_no_target and not directive.fault:
        return "no attribute or block follows"
    return directive.fault


def problem_of(code: str, message: str, at: Location, hint: str = "") -> Problem:
    """Return a problem of a suppression or an override."""
    return Problem(
        code=code, level="note" if code == UNUSED_SUPPRESSION else "warning", message=message, at=at, hint=hint
    )
