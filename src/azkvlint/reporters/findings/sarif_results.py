"""Convert findings to SARIF results. A result is a failed rule; an audit log contains more kinds of results."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from azkvlint.model.finding import CALLED, CAUSED, Finding, Note, Outcome, Report, Suppression
from azkvlint.model.location import Location
from azkvlint.model.rule import Rule
from azkvlint.reporters.findings.sarif_places import inert, logical, physical, place, uri
from azkvlint.reporters.findings.sarif_rules import (
    FOUND,
    LINKED,
    NOT_SET,
    PASSED,
    SEE,
    TEMPLATES,
    UNKNOWN,
    result_template,
)
from azkvlint.reporters.phrases import pieces
from azkvlint.reporters.severity import GRADES

# GitHub rejects a log with more results.
MAX_RESULTS = 25_000
# The minimum of steps for a code flow.
_CHAIN = 2


def select_results(report: Report, included: Collection[str]) -> tuple[list[Finding], int]:
    """Return the findings that become results, sorted by place, and the number of omitted ones, the least severe."""
    findings = sorted(candidate_results(report, included), key=_order)
    omitted = max(len(findings) - MAX_RESULTS, 0)
    if omitted:
        # The sort is stable.
        worst = sorted(findings, key=lambda finding: (finding.in_tests, -finding.severity))
        findings = sorted(worst[:MAX_RESULTS], key=_order)
    return findings, omitted


def results(findings: Iterable[Finding], rules: list[Rule], included: Collection[str]) -> list[dict[str, Any]]:
    """Return findings as results. ``rules`` are those of the log, in its order."""
    indexes = {rule.id: index for index, rule in enumerate(rules)}
    marks = _Fingerprints()
    converted = []
    for finding in findings:
        result = _result(finding, indexes[finding.rule.id], marks.fingerprints(finding))
        if "suppressed" in included:
            # If one result has suppressions, SARIF requires them for all.
            one = finding.suppressed
            result["suppressions"] = [] if one is None else [_suppression(one)]
        converted.append(result)
    return converted


def candidate_results(report: Report, included: Collection[str]) -> Iterable[Finding]:
    """Yield the findings that become results. Suppressed unknown results require both kinds to be included."""
    yield from report.findings
    if "unknown" in included:
        yield from report.unknown
    if "suppressed" in included:
        yield from (one for one in report.suppressed if one.outcome is Outcome.FAIL or "unknown" in included)
    if "passed" in included:
        yield from report.passes


class _Fingerprints:
    """The fingerprints by which code scanning matches the results of consecutive logs."""

    def __init__(self) -> None:
        self._lines: set[tuple[str, str, int]] = set()
        self._seen: dict[str, int] = {}

    def fingerprints(self, finding: Finding) -> dict[str, str]:
        """Return the fingerprints of a result. Call it once for each result.

        GitHub distinguishes alerts of a rule by the hash of their line alone. A result that shares its line with
        another one, as in a template without line breaks, or that is located in a plan, gets a hash of the finding's
        identity instead.
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


def _result(finding: Finding, index: int, marks: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": finding.rule.id, "ruleIndex": index}
    if finding.outcome is not Outcome.FAIL:
        result["kind"] = "open" if finding.outcome is Outcome.UNKNOWN else "pass"
        result["level"] = "none"
    else:
        # The rule has its own severity; the configuration may override it for this finding.
        grade = GRADES[finding.severity]
        result["level"] = grade.level
        if grade.rank is not None:
            result["rank"] = grade.rank
    result["message"] = _message(finding)
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


def _message(finding: Finding) -> dict[str, Any]:
    """Return the message with the template's name and arguments.

    GitHub shows only those related locations that the text links to.
    """
    words: tuple[str, ...]
    if finding.outcome is Outcome.FAIL:
        name = NOT_SET if finding.is_absent else FOUND
        template = result_template(finding.template)
        words = (*finding.arguments, finding.label.replace("`", "") or "the parameters of the rule")
    elif finding.outcome is Outcome.UNKNOWN:
        name, template, words = UNKNOWN, TEMPLATES[UNKNOWN], (finding.message.replace("`", ""),)
    else:
        name, template, words = PASSED, TEMPLATES[PASSED], (finding.resource,)
    parts = pieces(template)
    arguments = [inert(word) for word in words[: len({part for part in parts if isinstance(part, int)})]]
    text = "".join([piece if isinstance(piece, str) else arguments[piece] for piece in parts])
    if finding.outcome is Outcome.FAIL:
        links = min(len(finding.related), len(SEE) - 1)
        name, text = name + LINKED[links], text + SEE[links]
    return {"text": text, "id": name, "arguments": arguments}


def _suppression(suppressed: Suppression) -> dict[str, Any]:
    suppression: dict[str, Any] = {"kind": suppressed.kind, "status": "accepted"}
    justification = (
        f"{suppressed.tool}: {suppressed.justification or 'no reason'}" if suppressed.tool else suppressed.justification
    )
    if justification:
        suppression["justification"] = inert(justification)
    return suppression | {"location": {"physicalLocation": place(suppressed.at)}}


def _resources(finding: Finding) -> list[dict[str, str]]:
    names = {one.address: one.full_name for one in reversed(finding.occurrences)} | {
        finding.resource: finding.full_name
    }
    others = (one.address for one in finding.occurrences)
    return [logical(address, names[address]) for address in dict.fromkeys((finding.resource, *others))]


def _steps(finding: Finding, text: str) -> list[dict[str, Any]]:
    """Return the code flow of the value: module calls, places where it was written, its own; empty for one step."""
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
    """Return one step. ``files`` are those of the surrounding module calls; a call is not nested in its own file."""
    level = files.index(at.path) if at.path in files else len(files)
    return {"location": {"physicalLocation": physical, "message": {"text": inert(text)}}, "nestingLevel": level}


def _related(note: Note, number: int) -> dict[str, Any]:
    location = {"id": number, "physicalLocation": place(note.at)}
    if note.at.address is not None:
        location["logicalLocations"] = [logical(note.at.address, "")]
    return location | {"message": {"text": inert(note.text)}}
