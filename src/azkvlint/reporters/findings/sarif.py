"""Render the report as SARIF 2.1.0, for GitHub code scanning, Azure DevOps, GitLab and editors.

Requirements of those readers beyond the standard:

- Only findings become results: GitHub turns every result into an open alert, so unknown ones are omitted.
- A log always has one run and a list of results. The rules of the results are listed, because an upload of all rules
  that ran would be ten times as large; ``rules`` in the included kinds lists all of them.
- An incomplete run that evaluated no resource is not successful: GitHub would close every alert. It rejects the log of
  such a run, so one that evaluated some resources is successful, with its problems as notifications.
- Two runs over the same input have the same log: no times, no host names, no absolute paths.
- A message is its rule's template filled with arguments. Braces are placeholders there and GitHub does not unescape
  doubled braces, so braces of an argument become parentheses; and ``](`` becomes ``] (``, lest a name become a link.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import msgspec

from azkvlint import PROJECT
from azkvlint.model.effect import labeled
from azkvlint.model.finding import CALLED, CAUSED, Finding, Note, Outcome, Problem, Report, Repository, Suppression
from azkvlint.model.fix import Suggestion, suggestion_key
from azkvlint.model.identity import path_fingerprint
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.model.rule import Rule
from azkvlint.reporters import Options
from azkvlint.reporters.findings.sarif_rules import (
    FOUND,
    LINKED,
    NOT_SET,
    PASSED,
    SEE,
    TEMPLATES,
    UNKNOWN,
    descriptor,
    encode_uri,
    notifications,
    result_template,
)
from azkvlint.reporters.grouping import GRADES, by_place, deployed_first
from azkvlint.reporters.phrases import condition_note, pieces
from azkvlint.reporters.problems import CONFIGURATION, LEFT_OUT
from azkvlint.reporters.taxonomies import taxonomies
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import encode, pluralize, visible

ROOT = "%SRCROOT%"
_BRACES = str.maketrans("{}", "()")
_SPECIAL = regex(r"[{}]|\]\(")


def physical(at: Location, excerpt: Excerpt | None) -> dict[str, Any]:
    """Return the physicalLocation of a result, with its excerpt."""
    if at.region is None or excerpt is None:
        # GitHub rejects a log if one result has no line.
        return {"region": {"startLine": 1}} | place(at)
    location: dict[str, Any] = {"artifactLocation": _artifact(at.path)}
    region = _first_line(excerpt.utf16 or at.region)
    if not excerpt.is_shown:
        return location | {"region": region}
    location["region"] = region | {"snippet": {"text": excerpt.text.split("\n", 1)[0]}}
    context = excerpt.context_utf16 or excerpt.context
    if _contains(context, region):
        location["contextRegion"] = _whole(context) | {"snippet": {"text": excerpt.context_text}}
    return location


def place(at: Location) -> dict[str, Any]:
    """Return a physicalLocation with a line only: without an excerpt, columns cannot be converted."""
    line = {} if at.region is None else {"region": {"startLine": at.region.start_line}}
    return {"artifactLocation": _artifact(at.path), **line}


def logical(address: str, name: str) -> dict[str, str]:
    """Return a resource as a logicalLocation."""
    return {"name": name or address, "fullyQualifiedName": address, "kind": "resource"}


@cache
def uri(path: str) -> str:
    """Return a reported path as a URI reference."""
    return encode_uri(path)


@lru_cache(maxsize=8192)
def inert(text: str) -> str:
    """Return a string from a scanned file without placeholders, links and control characters."""
    if _SPECIAL.search(text):
        text = text.translate(_BRACES).replace("](", "] (")
    return visible(text)


def _first_line(region: Region) -> dict[str, int]:
    """Return a region on one line: GitHub shows an alert in a pull request only if the change touches all its lines."""
    if region.end_line > region.start_line:
        return {"startLine": region.start_line, "startColumn": region.start_column}
    return _whole(region)


def _whole(region: Region) -> dict[str, int]:
    return {
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _contains(outer: Region, inner: dict[str, int]) -> bool:
    """Return whether ``outer`` is larger than ``inner``, as a contextRegion must be. No end is the end of the line."""
    start = inner["startLine"], inner["startColumn"]
    end = inner["startLine"], inner.get("endColumn", math.inf)
    low, high = (outer.start_line, outer.start_column), (outer.end_line, outer.end_column)
    return low <= start and end <= high and (low, high) != (start, end)


def _artifact(path: str) -> dict[str, str]:
    return {"uri": uri(path), "uriBaseId": ROOT}


# GitHub rejects a log with more results.
MAX_RESULTS = 25_000
# The minimum of steps for a code flow.
_CHAIN = 2


def select_results(report: Report, included: Collection[str]) -> tuple[list[Finding], int]:
    """Return the findings that become results, sorted by place, and the number of omitted ones, the least severe.

    Fingerprints depend on this order, so that they do not depend on what is deployed.
    """
    findings = sorted(candidate_results(report, included), key=_order)
    omitted = max(len(findings) - MAX_RESULTS, 0)
    if omitted:
        # The sort is stable.
        worst = sorted(findings, key=lambda finding: (finding.in_tests, -finding.severity, finding.is_undeployed))
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
    yield from by_place(report.findings)
    if "unknown" in included:
        yield from by_place(report.unknown)
    if "suppressed" in included:
        yield from (one for one in by_place(report.suppressed) if one.outcome is Outcome.FAIL or "unknown" in included)
    if "passed" in included:
        yield from by_place(report.passes)


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
        excerpt, region, mark = finding.excerpt, finding.at.region, path_fingerprint(finding)
        line_hash = None if excerpt is None or region is None else excerpt.line_hash
        if line_hash is not None and region is not None:
            line = finding.rule.id, finding.at.path, region.start_line
            line_hash = None if line in self._lines else line_hash
            self._lines.add(line)
        if line_hash is None:
            self._seen[mark] = self._seen.get(mark, 0) + 1
            line_hash = f"{mark[:16]}:{self._seen[mark]}"
        found = {"primaryLocationLineHash": line_hash} if line_hash else {}
        found["kvlintResource/v1"] = mark
        if finding.fingerprint != mark:
            found["kvlintResource/v2"] = finding.fingerprint
        return found


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
    if finding.is_undeployed:
        properties["kvlint/undeployed"] = True
    if finding.accepted is not None:
        properties["kvlint/accepted"] = {"tool": finding.accepted.tool, "severity": finding.accepted.severity.label}
    worlds = sorted({world for member in finding.occurrences for world in member.worlds})
    if worlds:
        properties["kvlint/worlds"] = worlds
    if finding.condition is not None:
        properties["kvlint/condition"] = finding.condition.data()
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
    if finding.condition is not None:
        text = f"{text.removesuffix('.')}{inert(condition_note(finding))}."
    if finding.outcome is Outcome.FAIL:
        links = min(len(finding.related), len(SEE) - 1)
        name, text = name + LINKED[links], text + SEE[links]
    if finding.condition is not None:
        # No template of the rule has a condition.
        return {"text": text}
    return {"text": text, "id": name, "arguments": arguments}


def _fix(suggestion: Suggestion) -> dict[str, Any]:
    """Return a fix with its replacements by file."""
    by_path: dict[str, list[dict[str, Any]]] = {}
    for change in suggestion.changes:
        region = change.utf16
        deleted = {
            "startLine": region.start_line,
            "startColumn": region.start_column,
            "endLine": region.end_line,
            "endColumn": region.end_column,
        }
        one = {"deletedRegion": deleted} | ({"insertedContent": {"text": change.text}} if change.text else {})
        by_path.setdefault(change.path, []).append(one)
    text = f"{suggestion.title}. {' '.join(labeled(suggestion.effects))}".rstrip(" ")
    changes = [{"artifactLocation": _artifact(path), "replacements": found} for path, found in by_path.items()]
    return {"description": {"text": inert(text)}, "artifactChanges": changes}


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


ABSENT = "absent"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = frozenset({"error", "warning", "note"})


class BaselineStates(msgspec.Struct, frozen=True):
    """The states of the findings of a report by their identities, and the findings that it no longer contains."""

    states: Mapping[int, str]
    absent: list[Finding]


def sarif(report: Report, options: Options) -> bytes:
    """Return the log as UTF-8; equal reports result in equal bytes."""
    return log(report, options)


def log(report: Report, options: Options, baseline: BaselineStates | None = None) -> bytes:
    """Return a log, with the state of each result if there is a ``baseline``."""
    run = _run(report, options, baseline)
    if options.category:
        # GitHub reads the part after the last slash as the number of a run.
        run = {"tool": run.pop("tool"), "automationDetails": {"id": f"{options.category.rstrip('/')}/"}, **run}
    return encode({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _run(report: Report, options: Options, baseline: BaselineStates | None = None) -> dict[str, Any]:
    included, root_uri = options.included, options.root_uri
    findings, omitted = select_results(report, included)
    if baseline is not None:
        # Last, so that they do not change the fingerprints of the others.
        findings += baseline.absent
    used = {finding.rule.id for finding in findings}
    listed = (rule for rule in report.rules if rule.id in used or "rules" in included)
    rules = sorted(listed, key=lambda rule: rule.id)
    all_problems = [*report.problems, *([_left_out(omitted)] if omitted else ())]
    problems = notifications(problem.code for problem in all_problems)
    codes = {problem["id"]: index for index, problem in enumerate(problems)}
    lists = taxonomies(rules)
    names = [one["name"] for one in lists]
    driver = {
        "name": "kvlint",
        "fullName": "kvlint Azure Key Vault linter",
        "semanticVersion": re.sub(r"^(\d+\.\d+\.\d+)\.?(?=[a-z])", r"\1-", report.version),
        "version": report.version,
        "informationUri": PROJECT,
        "rules": [descriptor(rule, included, names) for rule in rules],
        "notifications": problems,
    }
    run: dict[str, Any] = {"tool": {"driver": driver}}
    if lists:
        driver["supportedTaxonomies"] = [{"name": name, "index": index} for index, name in enumerate(names)]
        run["taxonomies"] = lists
    invocation: dict[str, Any] = {"executionSuccessful": report.is_complete or bool(report.resource_counts)}
    for name, about_settings in (("toolExecutionNotifications", False), ("toolConfigurationNotifications", True)):
        group = [each for each in all_problems if (each.code in CONFIGURATION) is about_settings]
        if group:
            invocation[name] = [_notification(each, codes[each.code]) for each in group]
    run["invocations"] = [invocation]
    if report.repository is not None:
        run["versionControlProvenance"] = [_provenance(report.repository)]
    base = {"uri": root_uri} if root_uri else {}
    run["originalUriBaseIds"] = {ROOT: base | {"description": {"text": "The folder that all paths start from."}}}
    run["columnKind"] = "utf16CodeUnits"
    run["results"] = results(findings, rules, included)
    if options.suggestions:
        for finding, result in zip(findings, run["results"], strict=True):
            suggestion = options.suggestions.get(suggestion_key(finding))
            if suggestion is not None:
                result["fixes"] = [_fix(suggestion)]
    if baseline is not None:
        for finding, result in zip(findings, run["results"], strict=True):
            result["baselineState"] = baseline.states.get(id(finding), ABSENT)
    run["results"] = deployed_first(findings, run["results"])
    return run


def _provenance(repository: Repository) -> dict[str, Any]:
    found = {"repositoryUri": repository.uri, "revisionId": repository.revision}
    if repository.branch:
        found["branch"] = repository.branch
    return found | {"mappedTo": {"uriBaseId": ROOT}}


def _left_out(count: int) -> Problem:
    text = f"{pluralize(count, 'result')} of the least severe left out: a log with more than {MAX_RESULTS:,} is refused"
    return Problem(code=LEFT_OUT, level="warning", message=text, hint="Raise --min-severity, or split the input.")


def _notification(problem: Problem, index: int) -> dict[str, Any]:
    text = f"{problem.message} {problem.hint}" if problem.hint else problem.message
    notification: dict[str, Any] = {
        "level": problem.level if problem.level in _LEVELS else "note",
        "descriptor": {"id": problem.code, "index": index},
        "message": {"text": inert(text)},
    }
    if problem.at is not None:
        location: dict[str, Any] = {"physicalLocation": place(problem.at)}
        if problem.at.address is not None:
            location["logicalLocations"] = [logical(problem.at.address, "")]
        notification["locations"] = [location]
    return notification
