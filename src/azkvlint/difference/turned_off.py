"""What HEAD turns off: its own suppressions and settings, which do not count unless they are accepted.

A suppression of HEAD counts if BASE has one for the same rule and resource. Configuration files are compared by
``config/weakened.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from azkvlint.config.influences import BICEP_DIRECTIVE, COMMENT, CONFIGURATION, METADATA, PEER_COMMENT, Influence
from azkvlint.config.run_config import Config
from azkvlint.config.weakened import Weakening
from azkvlint.difference.inputs import Side
from azkvlint.difference.matching import HIDDEN, Item, Roots, items_of, pairs_of, restricted
from azkvlint.engine.rule_store import find_rules_by_prefix
from azkvlint.linter.group_instances import order_of
from azkvlint.linter.linter import check, known_rules
from azkvlint.model.difference import CHANGED, NEW, FindingChange, TurnedOff
from azkvlint.model.finding import (
    DIRECTIVE,
    IN_SOURCE,
    TOOL_NAMES,
    Finding,
    Outcome,
    SuppressionDirective,
    without_acceptance,
)
from azkvlint.model.location import Location, Region
from azkvlint.util.errors import InputError, RuleError, UsageError
from azkvlint.util.project_files import reported_name

# --- suppressions -----------------------------------------------------------------------------------------------------


def added_suppressions(roots: Roots) -> list[Item]:
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


def suppression_entries(items: Sequence[Item], roots: Roots) -> Iterator[TurnedOff]:
    """Yield the entries of suppressions that HEAD adds: of the results, then of those that suppress nothing yet."""
    directives = {one.at.position_key: one for one in roots.head.report.directives}
    for item in items:
        reason = item.finding.suppressed
        if reason is None:
            continue
        written = directives.get(reason.at.position_key)
        kind = _kind_of(written) if written is not None else COMMENT
        why = f": {reason.justification}" if reason.justification else ""
        yield TurnedOff(
            kind=kind.kind,
            text=f"{_subject(kind, reason.tool)} suppresses {item.rule} on {item.occurrence.address}{why}",
            at=reason.at,
            rules=(item.rule,),
            resource=item.occurrence.address,
        )
    yield from _unused_entries(roots)


def added_acceptances(roots: Roots) -> list[Item]:
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


def acceptance_entries(items: Iterable[Item]) -> Iterator[TurnedOff]:
    """Yield the entries of comments for other tools that lower the severity of findings."""
    for item in items:
        accepted = item.finding.accepted
        if accepted is not None and accepted.severity > item.finding.severity:
            severities = f"from {accepted.severity.label} to {item.finding.severity.label}"
            how = f"changes the severity of {item.rule} on {item.occurrence.address} {severities}"
            yield TurnedOff(
                kind=PEER_COMMENT.kind,
                text=f"a {TOOL_NAMES[accepted.tool]} comment {how}",
                at=accepted.at,
                rules=(item.rule,),
                resource=item.occurrence.address,
            )


def without_acceptances(side: Side, items: Iterable[Item]) -> Side:
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


def _unused_entries(roots: Roots) -> Iterator[TurnedOff]:
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


def without_suppressions(side: Side, items: Iterable[Item]) -> Side:
    """Return a side on which some suppressed results count."""
    by_finding: dict[int, list[Item]] = {}
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


# --- settings ---------------------------------------------------------------------------------------------------------


def setting_entries(weakenings: Sequence[Weakening], config: Config, base: Side, head: Side) -> Iterator[TurnedOff]:
    """Yield the entries of settings that HEAD adds or changes. ``config`` is that of BASE."""
    known = known_rules(msgspec.structs.replace(config, settings=())) if weakenings else ()
    for one in weakenings:
        rules: set[str] = set()
        for word in one.words:
            try:
                rules.update(rule.id for rule in find_rules_by_prefix(known, word))
            except UsageError:
                continue  # a rule that only HEAD has
        root = (base if one.is_in_base else head).report.root
        region = Region(one.line, 1, one.line, 1) if one.line else None
        yield TurnedOff(
            kind=one.kind,
            text=one.text,
            at=Location(path=reported_name(root, one.file), region=region),
            rules=tuple(sorted(rules)),
            resource=one.resources[0] if len(one.resources) == 1 else "",
            is_in_base=one.is_in_base,
        )


def hidden_by_own(head: Side, own: Callable[[], Config]) -> Iterator[TurnedOff]:
    """Yield the findings of HEAD that its own configuration hides or weakens."""
    try:
        report = check(own())
    except (UsageError, RuleError, InputError):
        return  # with a configuration that cannot be used, no check passes
    found = {
        (finding.rule.id, one.root, one.address): finding.severity
        for finding in report.counted(report.findings)
        for one in finding.occurrences
    }
    for finding in head.report.counted(head.report.findings):
        for one in finding.occurrences:
            severity = found.get((finding.rule.id, one.root, one.address))
            if severity is None or severity < finding.severity:
                how = "hides" if severity is None else f"lowers to {severity.label}"
                yield TurnedOff(
                    kind=CONFIGURATION.kind,
                    text=f"the configuration of HEAD {how} {finding.rule.id} on {one.address}",
                    at=finding.at,
                    rules=(finding.rule.id,),
                    resource=one.address,
                )


def counted_entries(
    entries: Iterable[TurnedOff], changes: Iterable[FindingChange], known: Collection[str]
) -> Iterator[TurnedOff]:
    """Yield the entries of a pull request that introduces kvlint: only those on new and changed resources count.

    ``known`` are the addresses of the resources that did not change.
    """
    differing = {
        (change.finding.rule.id, one.address)
        for change in changes
        if change.state in (NEW, CHANGED)
        for one in change.finding.occurrences
    }
    for entry in entries:
        is_new = entry.resource not in known or any((rule, entry.resource) in differing for rule in entry.rules)
        yield msgspec.structs.replace(entry, is_counted=bool(entry.resource) and is_new)
