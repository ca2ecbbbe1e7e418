"""What HEAD turns off: its own suppressions and settings, which do not count unless they are accepted.

A suppression of HEAD counts if BASE has one for the same rule and resource. Configuration files are compared by
``config/weakened.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from azkvlint.config.influences import BICEP_DIRECTIVE, COMMENT, METADATA, PEER_COMMENT, Influence
from azkvlint.difference.finding_changes import FindingOccurrence, items_of, pairs_of, restricted
from azkvlint.difference.matching import HIDDEN, RootMatches
from azkvlint.difference.sides import Side
from azkvlint.linter.group_instances import order_of
from azkvlint.model.difference import TurnedOff
from azkvlint.model.finding import IN_SOURCE, Finding, Outcome, without_acceptance
from azkvlint.model.location import Location
from azkvlint.model.suppression import DIRECTIVE, TOOL_NAMES, SuppressionDirective


def added_suppressions(roots: RootMatches) -> list[FindingOccurrence]:
    """Return the results that comments and metadata of HEAD suppress, and for which BASE has no suppression."""
    old = [item for item in items_of(roots, roots.base) if item.outcome == HIDDEN]
    new = [item for item in items_of(roots, roots.head) if item.outcome == HIDDEN and _is_in_source(item.finding)]
    known: dict[tuple[str, ...], set[str]] = {}
    for item in old:
        known.setdefault((item.rule, *item.key), set()).add(item.identity)
    rest = [item for item in new if item.identity not in known.get((item.rule, *item.key), ())]
    if not rest:
        return []
    # The resource may have another address, or be in another module.
    pairs = (pair for pair in pairs_of(old, rest, roots) if pair.before is not None and pair.after is not None)
    found = {id(after) for before, after in pairs if before and after and before.identity == after.identity}
    return [item for item in rest if id(item) not in found]


def _is_in_source(finding: Finding) -> bool:
    return finding.suppressed is not None and finding.suppressed.kind == IN_SOURCE


def suppression_entries(items: Sequence[FindingOccurrence], roots: RootMatches) -> Iterator[TurnedOff]:
    """Yield the entries of suppressions that HEAD adds: of the results, then of those that suppress nothing yet."""
    directives = {one.at.position_key: one for one in roots.head.report.directives}
    for item in items:
        reason = item.finding.suppressed
        if reason is None:
            continue
        written = directives.get(reason.at.position_key)
        kind = _kind_of(written) if written is not None else COMMENT
        why = f": {reason.justification}" if reason.justification else ""
        how = f"{_subject(kind, reason.tool)} suppresses {item.rule} on {item.occurrence.address}{why}"
        yield _entry(item, kind, how, reason.at)
    yield from _unused_entries(roots)


def added_acceptances(roots: RootMatches) -> list[FindingOccurrence]:
    """Return the findings that comments of HEAD for other tools accept, and that no comment of BASE accepts."""
    known: dict[tuple[str, ...], set[str]] = {}
    for item in items_of(roots, roots.base):
        if item.finding.accepted is not None or item.outcome == HIDDEN:
            known.setdefault((item.rule, *item.key), set()).add(item.identity)
    return [
        item
        for item in items_of(roots, roots.head)
        if item.finding.accepted is not None and item.identity not in known.get((item.rule, *item.key), ())
    ]


def acceptance_entries(items: Iterable[FindingOccurrence]) -> Iterator[TurnedOff]:
    """Yield the entries of comments for other tools that lower the severity of findings."""
    for item in items:
        accepted = item.finding.accepted
        if accepted is not None and accepted.severity > item.finding.severity:
            severities = f"from {accepted.severity.label} to {item.finding.severity.label}"
            how = f"changes the severity of {item.rule} on {item.occurrence.address} {severities}"
            yield _entry(item, PEER_COMMENT, f"a {TOOL_NAMES[accepted.tool]} comment {how}", accepted.at)


def _entry(item: FindingOccurrence, kind: Influence, text: str, at: Location) -> TurnedOff:
    return TurnedOff(kind=kind.kind, text=text, at=at, rules=(item.rule,), resource=item.occurrence.address)


def without_acceptances(side: Side, items: Iterable[FindingOccurrence]) -> Side:
    """Return a side on which some findings have the severity that they have without comments for other tools."""
    added: dict[int, set[int]] = {}
    for item in items:
        added.setdefault(id(item.finding), set()).add(id(item.occurrence))
    if not added:
        return side
    findings: list[Finding] = []
    for finding in side.report.findings:
        weighed = added.get(id(finding), set())
        for is_weighed in (True, False):
            occurrences = tuple(one for one in finding.occurrences if (id(one) in weighed) is is_weighed)
            if occurrences:
                part = restricted(finding, occurrences)
                accepted = part.accepted if is_weighed else None
                findings.append(part if accepted is None else without_acceptance(part, accepted.severity))
    report = msgspec.structs.replace(side.report, findings=sorted_with((), findings))
    return msgspec.structs.replace(side, report=report)


def _kind_of(directive: SuppressionDirective) -> Influence:
    if directive.tool:
        return PEER_COMMENT
    return {METADATA.kind: METADATA, DIRECTIVE: BICEP_DIRECTIVE}.get(directive.kind, COMMENT)


def _subject(kind: Influence, tool: str) -> str:
    word = "metadata" if kind is METADATA else "a directive" if kind is BICEP_DIRECTIVE else "a comment"
    return f"{word} for {tool}" if tool else word


def _unused_entries(roots: RootMatches) -> Iterator[TurnedOff]:
    """Yield the entries of suppressions that HEAD adds and that suppress nothing yet.

    Those of BASE count for each rule, whatever file they are in now; a later end is an addition.
    """
    used = {
        finding.suppressed.at.position_key for finding in roots.head.report.suppressed if finding.suppressed is not None
    }
    known: dict[str, list[SuppressionDirective]] = {}
    for directive in _active(roots.base):
        for rule in _rules_of(directive):
            known.setdefault(rule, []).append(directive)
    for directive in _active(roots.head):
        added, is_longer = [], False
        for rule in _rules_of(directive):
            listed = known.get(rule, [])
            old = next((one for one in listed if _covers(one, directive)), None)
            if old is None:
                added.append(rule)
                is_longer = is_longer or bool(listed)
            else:
                listed.remove(old)
        is_used = directive.at.position_key in used
        if added and (is_longer or not is_used):
            kind = _kind_of(directive)
            why = f": {directive.reason}" if directive.reason else ""
            what = "ends later, or not at all" if is_longer else "is new, and suppresses nothing yet"
            yield TurnedOff(
                kind=kind.kind,
                text=f"{_subject(kind, directive.tool)} for {', '.join(added)} {what}{why}",
                at=directive.at,
                rules=tuple(sorted(added)),
            )


def _rules_of(directive: SuppressionDirective) -> list[str]:
    """Return the ids of the rules of a directive, as far as they were evaluated; its words for others."""
    if directive.tool:
        return list(dict.fromkeys(directive.rules))
    ids = {word: mark[2] for word, mark in directive.marks}
    return list(dict.fromkeys(ids.get(word, word) for word in directive.rules))


def _active(side: Side) -> list[SuppressionDirective]:
    """Return the suppressions of a side that may apply, each once."""
    every = {one.at.position_key: one for one in side.report.directives}
    return [one for one in every.values() if not (one.fault or one.ended)]


def _covers(old: SuppressionDirective, new: SuppressionDirective) -> bool:
    return old.tool == new.tool and (not old.until or bool(new.until and new.until <= old.until))


def without_suppressions(side: Side, items: Iterable[FindingOccurrence]) -> Side:
    """Return a side on which some suppressed results count."""
    by_finding: dict[int, list[FindingOccurrence]] = {}
    for item in items:
        by_finding.setdefault(id(item.finding), []).append(item)
    if not by_finding:
        return side
    report = side.report
    suppressed: list[Finding] = []
    counted: list[Finding] = []
    for finding in report.suppressed:
        kept = {id(item.occurrence) for item in by_finding.get(id(finding), ())}
        for is_counted in (True, False):
            occurrences = tuple(one for one in finding.occurrences if (id(one) in kept) is is_counted)
            if occurrences:
                part = restricted(finding, occurrences)
                if is_counted:
                    counted.append(msgspec.structs.replace(part, suppressed=None))
                else:
                    suppressed.append(part)
    report = msgspec.structs.replace(
        report,
        findings=sorted_with(report.findings, (one for one in counted if one.outcome is Outcome.FAIL)),
        unknown=sorted_with(report.unknown, (one for one in counted if one.outcome is not Outcome.FAIL)),
        suppressed=tuple(suppressed),
    )
    return msgspec.structs.replace(side, report=report)


def sorted_with(findings: Iterable[Finding], more: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with more of them, in the order of reports."""
    added = tuple(more)
    return tuple(sorted((*findings, *added), key=order_of)) if added else tuple(findings)
