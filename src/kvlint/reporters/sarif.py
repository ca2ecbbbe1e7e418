"""The report as SARIF 2.1.0, for GitHub code scanning, Azure DevOps, GitLab and editors.

What those readers make necessary, beyond the standard:

- Only findings become results: GitHub turns every result into an open alert, so undecided ones are left out.
- Every rule that ran is listed, fired or not, and one log always has one run and a list of results.
- Nothing differs between two runs over the same input: no times, no machine, no absolute path.
- A message is its rule's template filled with arguments. Braces mean placeholders there and GitHub does not undouble
  them, so braces of an argument become parentheses; and ``](`` becomes ``] (``, lest a name makes a link.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import msgspec

from kvlint.model.report import CALLED, CAUSED, Finding, Note, Problem, Report, Repository
from kvlint.model.rule import Rule
from kvlint.model.source import Excerpt, Location, Region
from kvlint.regex import regex
from kvlint.reporters.problems import CONFIGURATION
from kvlint.reporters.safe import encode, visible
from kvlint.reporters.sarif_rules import PROJECT, descriptor, encode_uri, notifications, pieces, weaknesses
from kvlint.reporters.severity import GRADES

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
# A value that came here in so many steps is followed.
_CHAIN = 2
_LEVELS = frozenset({"error", "warning", "note"})
_BRACES = str.maketrans("{}", "()")
_SPECIAL = regex(r"[{}]|\]\(")


def sarif(report: Report) -> bytes:
    """The whole log as UTF-8; the same report always gives the same bytes."""
    return encode({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]})


def _run(report: Report) -> dict[str, Any]:
    rules = sorted(report.rules, key=lambda rule: rule.id)
    problems = notifications((problem.code for problem in report.problems), report.version)
    codes = {problem["id"]: index for index, problem in enumerate(problems)}
    taxonomy = weaknesses(rules)
    driver = {
        "name": "kvlint",
        "fullName": "kvlint Azure Key Vault linter",
        "semanticVersion": re.sub(r"^(\d+\.\d+\.\d+)\.?(?=[a-z])", r"\1-", report.version),
        "version": report.version,
        "informationUri": PROJECT,
        "rules": [descriptor(rule, report.version) for rule in rules],
        "notifications": problems,
    }
    run: dict[str, Any] = {"tool": {"driver": driver}}
    if taxonomy is not None:
        driver["supportedTaxonomies"] = [{"name": taxonomy["name"], "index": 0}]
        run["taxonomies"] = [taxonomy]
    invocation: dict[str, Any] = {"executionSuccessful": True}
    for name, about_settings in (("toolExecutionNotifications", False), ("toolConfigurationNotifications", True)):
        told = [each for each in report.problems if (each.code in CONFIGURATION) is about_settings]
        if told:
            invocation[name] = [_notification(each, codes[each.code]) for each in told]
    run["invocations"] = [invocation]
    if report.repository is not None:
        run["versionControlProvenance"] = [_provenance(report.repository)]
    run["originalUriBaseIds"] = {_ROOT: {"description": {"text": "The folder that all paths start from."}}}
    run["columnKind"] = "utf16CodeUnits"
    run["results"] = _results(report, rules)
    return run


def _provenance(repository: Repository) -> dict[str, Any]:
    found = {"repositoryUri": repository.uri, "revisionId": repository.revision}
    if repository.branch:
        found["branch"] = repository.branch
    return found | {"mappedTo": {"uriBaseId": _ROOT}}


class _Template(msgspec.Struct, frozen=True):
    """What all results of one rule share."""

    index: int
    pieces: tuple[str | int, ...]


def _template(rule: Rule, index: int) -> _Template:
    return _Template(index, pieces(rule.message))


def _results(report: Report, rules: list[Rule]) -> list[dict[str, Any]]:
    templates = {rule.id: _template(rule, index) for index, rule in enumerate(rules)}
    seen: dict[str, int] = {}
    results = []
    for finding in sorted(report.findings, key=_order):
        mark = finding.fingerprint
        seen[mark] = seen.get(mark, 0) + 1
        results.append(_result(finding, templates[finding.rule.id], f"{mark[:16]}:{seen[mark]}"))
    return results


def _order(finding: Finding) -> tuple[str, int, int, str]:
    region = finding.at.region
    line, column = (0, 0) if region is None else (region.start_line, region.start_column)
    return _uri(finding.at.path), line, column, finding.rule.id


def _result(finding: Finding, template: _Template, line_hash: str) -> dict[str, Any]:
    arguments = [_inert(argument) for argument in finding.arguments]
    text = "".join([piece if isinstance(piece, str) else arguments[piece] for piece in template.pieces])
    grade = GRADES[finding.severity]
    result: dict[str, Any] = {"ruleId": finding.rule.id, "ruleIndex": template.index, "level": grade.level}
    rank = grade.rank
    if rank is not None:
        result["rank"] = rank
    result["message"] = {"text": text, "id": "default", "arguments": arguments}
    result["locations"] = [
        {
            "physicalLocation": _physical(finding.at, finding.excerpt),
            "logicalLocations": _resources(finding),
        }
    ]
    if len(finding.occurrences) > 1:
        result["occurrenceCount"] = len(finding.occurrences)
    result["partialFingerprints"] = {
        # GitHub tells alerts apart by this name alone. Its own recipe hashes the line's text, which many resources of
        # one generated file share, so the finding's identity takes its place.
        "primaryLocationLineHash": line_hash,
        "kvlintResource/v1": finding.fingerprint,
    }
    if finding.related:
        result["relatedLocations"] = [_related(note, number) for number, note in enumerate(finding.related, 1)]
    steps = _steps(finding, text)
    if steps:
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    if finding.source:
        result["properties"] = {"kvlint/source": finding.source}
    return result


def _resources(finding: Finding) -> list[dict[str, str]]:
    """All resources that a finding is about, the first of them first."""
    names = {one.address: one.full_name for one in reversed(finding.occurrences)} | {
        finding.resource: finding.full_name
    }
    others = (one.address for one in finding.occurrences)
    return [_logical(address, names[address]) for address in dict.fromkeys((finding.resource, *others))]


def _steps(finding: Finding, text: str) -> list[dict[str, Any]]:
    """How the value got here: the module calls, outermost first, where it was written, and its place; none for one."""
    told = [(CALLED, caller) for caller in finding.callers]
    causes, cause = [], finding.at.cause
    while cause is not None:
        causes.append((CAUSED, cause))
        cause = cause.cause
    told += reversed(causes)
    if len(told) < _CHAIN:
        return []
    files = [caller.path for caller in finding.callers]
    steps = [_step(at, _place(at), words, files[:level]) for level, (words, at) in enumerate(told)]
    return [*steps, _step(finding.at, _physical(finding.at, finding.excerpt), text, files)]


def _step(at: Location, physical: dict[str, Any], text: str, files: list[str]) -> dict[str, Any]:
    """One step. ``files`` hold the module calls around it; a call in its own file does not."""
    level = files.index(at.path) if at.path in files else len(files)
    return {"location": {"physicalLocation": physical, "message": {"text": _inert(text)}}, "nestingLevel": level}


def _physical(at: Location, excerpt: Excerpt | None) -> dict[str, Any]:
    if at.region is None or excerpt is None:
        # GitHub refuses a whole log for one result without a line.
        return {"region": {"startLine": 1}} | _place(at)
    location: dict[str, Any] = {"artifactLocation": _artifact(at.path)}
    region = _first_line(excerpt.utf16 or at.region)
    location["region"] = region | {"snippet": {"text": excerpt.text.split("\n", 1)[0]}}
    if _contains(excerpt.context, at.region):
        context = _whole(excerpt.context_utf16 or excerpt.context)
        location["contextRegion"] = context | {"snippet": {"text": excerpt.context_text}}
    return location


def _first_line(region: Region) -> dict[str, int]:
    """A region on one line: GitHub shows an alert in a pull request only if the change touches all its lines."""
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


def _contains(outer: Region, inner: Region) -> bool:
    """Whether ``outer`` holds all of ``inner`` and more, as a contextRegion must."""
    starts = (outer.start_line, outer.start_column) <= (inner.start_line, inner.start_column)
    ends = (outer.end_line, outer.end_column) >= (inner.end_line, inner.end_column)
    return starts and ends and outer != inner


@cache
def _uri(path: str) -> str:
    return encode_uri(path)


def _artifact(path: str) -> dict[str, str]:
    return {"uri": _uri(path), "uriBaseId": _ROOT}


def _logical(address: str, name: str) -> dict[str, str]:
    return {"name": name or address, "fullyQualifiedName": address, "kind": "resource"}


def _related(note: Note, number: int) -> dict[str, Any]:
    location = {"id": number, "physicalLocation": _place(note.at)}
    if note.at.address is not None:
        location["logicalLocations"] = [_logical(note.at.address, "")]
    return location | {"message": {"text": _inert(note.text)}}


def _place(at: Location) -> dict[str, Any]:
    """Where something is, by its line: no excerpt holds the text that columns would have to be counted in."""
    line = {} if at.region is None else {"region": {"startLine": at.region.start_line}}
    return {"artifactLocation": _artifact(at.path), **line}


def _notification(problem: Problem, index: int) -> dict[str, Any]:
    text = f"{problem.message} {problem.hint}" if problem.hint else problem.message
    notification: dict[str, Any] = {
        "level": problem.level if problem.level in _LEVELS else "note",
        "descriptor": {"id": problem.code, "index": index},
        "message": {"text": _inert(text)},
    }
    if problem.at is not None:
        location: dict[str, Any] = {"physicalLocation": _place(problem.at)}
        if problem.at.address is not None:
            location["logicalLocations"] = [_logical(problem.at.address, "")]
        notification["locations"] = [location]
    return notification


@lru_cache(maxsize=8192)
def _inert(text: str) -> str:
    """Text from a scanned file that neither is a placeholder, nor a link, nor holds a control character."""
    if _SPECIAL.search(text):
        text = text.translate(_BRACES).replace("](", "] (")
    return visible(text)
