"""What was found as SARIF's results. A result is a failed rule; a log for an audit holds more kinds of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from azkvlint.model.finding import CALLED, CAUSED, Finding, Note, Outcome, Report, Suppression
from azkvlint.model.location import Location
from azkvlint.model.rule import Rule
from azkvlint.reporters.finding_cause import CAUSE_SENTENCES, cause, reason
from azkvlint.reporters.findings.sarif_places import inert, logical, physical, place, uri
from azkvlint.reporters.findings.sarif_rules import LINKED, PASSED, SEE, UNDECIDED, includes_reason, message_with_cause
from azkvlint.reporters.phrases import pieces
from azkvlint.reporters.severity import GRADES

# GitHub refuses a log with more results.
MAX_RESULTS = 25_000
# A value that came here in so many steps is followed.
_CHAIN = 2


class _Template(msgspec.Struct, frozen=True):
    """What all results of one rule share."""

    index: int
    pieces: dict[str, tuple[str | int, ...]]


def select_results(report: Report, included: Collection[str]) -> tuple[list[Finding], int]:
    """Return what becomes a result, in the order of the places, and how much of it is left out: the least severe."""
    found = sorted(candidate_results(report, included), key=_order)
    left = max(len(found) - MAX_RESULTS, 0)
    if left:
        # Sorting keeps the order of those that are alike.
        worst = sorted(found, key=lambda finding: (finding.in_tests, -finding.severity))
        found = sorted(worst[:MAX_RESULTS], key=_order)
    return found, left


def results(found: Iterable[Finding], rules: list[Rule], included: Collection[str]) -> list[dict[str, Any]]:
    """Return findings as results. ``rules`` are those of the log, in its order."""
    templates = {
        rule.id: _Template(index, {name: pieces(message_with_cause(rule.message, name)) for name in CAUSE_SENTENCES})
        for index, rule in enumerate(rules)
    }
    marks = _Fingerprints()
    made = []
    for finding in found:
        result = _result(finding, templates[finding.rule.id], marks.fingerprints(finding))
        if "suppressed" in included:
            # Of one result or of all: a reader must know that it was not forgotten.
            one = finding.suppressed
            result["suppressions"] = [] if one is None else [_suppression(one)]
        made.append(result)
    return made


def candidate_results(report: Report, included: Collection[str]) -> Iterable[Finding]:
    """Return what becomes a result. Suppressed unknown results are included with the unknown ones only."""
    yield from report.findings
    if "undecided" in included:
        yield from report.undecided
    if "suppressed" in included:
        yield from (one for one in report.suppressed if one.outcome is Outcome.FAIL or "undecided" in included)
    if "passed" in included:
        yield from report.passes


class _Fingerprints:
    """By what code scanning knows each result of a log again."""

    def __init__(self) -> None:
        self._lines: set[tuple[str, str, int]] = set()
        self._seen: dict[str, int] = {}

    def fingerprints(self, finding: Finding) -> dict[str, str]:
        """Return the fingerprints of a result, each asked for once.

        GitHub tells alerts of a rule apart by the hash of their line alone. What shares its line with another, as in
        a template without line breaks, and what is found in a plan, has the finding's identity in its place.
        """
        excerpt, region = finding.excerpt, finding.at.region
        line_hash = None if excerpt is None or region is None else excerpt.line_hash
        if line_hash is not None and region is not None:
            line = finding.rule.id, finding.at.path, region.start_line
            line_hash = None if line in self._lines else line_hash
            self._lines.add(line)
        if line_hash is None:
            mark = finding.fingerprint
            self._seen[mark] = self._seen.get(mark, 0) + 1
            line_hash = f"{mark[:16]}:{self._seen[mark]}"
        found = {"primaryLocationLineHash": line_hash} if line_hash else {}
        return found | {"kvlintResource/v1": finding.fingerprint}


def _order(finding: Finding) -> tuple[str, int, int, str, int]:
    region = finding.at.region
    line, column = (0, 0) if region is None else (region.start_line, region.start_column)
    return uri(finding.at.path), line, column, finding.rule.id, finding.outcome


def _result(finding: Finding, template: _Template, marks: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": finding.rule.id, "ruleIndex": template.index}
    if finding.outcome is not Outcome.FAIL:
        result["kind"] = "open" if finding.outcome is Outcome.UNDECIDED else "pass"
        result["level"] = "none"
    else:
        # The rule's own severity stands in the rule; a configuration may give this finding another one.
        grade = GRADES[finding.severity]
        result["level"] = grade.level
        if grade.rank is not None:
            result["rank"] = grade.rank
    result["message"] = _message(finding, template)
    result["locations"] = [
        {
            "physicalLocation": physical(finding.at, finding.excerpt),
            "logicalLocations": _resources(finding),
        }
    ]
    if len(finding.occurrences) > 1:
        result["occurrenceCount"] = len(finding.occurrences)
    result["partialFingerprints"] = marks
    if finding.related:
        result["relatedLocations"] = [_related(note, number) for number, note in enumerate(finding.related, 1)]
    steps = _steps(finding, result["message"]["text"])
    if steps:
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    properties: dict[str, Any] = {"kvlint/source": finding.source} if finding.source else {}
    if finding.in_tests:
        properties["kvlint/inTests"] = True
    if properties:
        result["properties"] = properties
    return result


def _message(finding: Finding, template: _Template) -> dict[str, Any]:
    """Return the sentence, and which of the rule's messages with which arguments it is made of.

    GitHub shows those related locations only that the text links to.
    """
    if finding.outcome is Outcome.FAIL:
        name = cause(finding)
        parts, words = template.pieces[name], finding.arguments
        if not includes_reason(finding.rule.message):
            words += (reason(finding),)
    elif finding.outcome is Outcome.UNDECIDED:
        name, parts, words = "unknown", pieces(UNDECIDED), (finding.resource, finding.why or "something in it")
    else:
        name, parts, words = "passed", pieces(PASSED), (finding.resource,)
    arguments = [inert(word) for word in words]
    text = "".join([piece if isinstance(piece, str) else arguments[piece] for piece in parts])
    if finding.outcome is Outcome.FAIL:
        links = min(len(finding.related), len(SEE) - 1)
        name, text = name + LINKED[links], text + SEE[links]
    return {"text": text, "id": name, "arguments": arguments}


def _suppression(one: Suppression) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": one.kind, "status": "accepted"}
    justification = f"{one.tool}: {one.justification or 'no reason'}" if one.tool else one.justification
    if justification:
        found["justification"] = inert(justification)
    return found | {"location": {"physicalLocation": place(one.at)}}


def _resources(finding: Finding) -> list[dict[str, str]]:
    """Return all resources that a finding is about, the first of them first."""
    names = {one.address: one.full_name for one in reversed(finding.occurrences)} | {
        finding.resource: finding.full_name
    }
    others = (one.address for one in finding.occurrences)
    return [logical(address, names[address]) for address in dict.fromkeys((finding.resource, *others))]


def _steps(finding: Finding, text: str) -> list[dict[str, Any]]:
    """Return how the value got here: the module calls, outermost first, where it was written, and its place; none for
    one.
    """
    chain = [(CALLED, caller) for caller in finding.callers]
    causes, cause = [], finding.at.cause
    while cause is not None:
        causes.append((CAUSED, cause))
        cause = cause.cause
    chain += reversed(causes)
    if len(chain) < _CHAIN:
        return []
    files = [caller.path for caller in finding.callers]
    steps = [_step(at, place(at), words, files[:level]) for level, (words, at) in enumerate(chain)]
    return [*steps, _step(finding.at, physical(finding.at, finding.excerpt), text, files)]


def _step(at: Location, physical: dict[str, Any], text: str, files: list[str]) -> dict[str, Any]:
    """Return one step. ``files`` hold the module calls around it; a call in its own file does not."""
    level = files.index(at.path) if at.path in files else len(files)
    return {"location": {"physicalLocation": physical, "message": {"text": inert(text)}}, "nestingLevel": level}


def _related(note: Note, number: int) -> dict[str, Any]:
    location = {"id": number, "physicalLocation": place(note.at)}
    if note.at.address is not None:
        location["logicalLocations"] = [logical(note.at.address, "")]
    return location | {"message": {"text": inert(note.text)}}
