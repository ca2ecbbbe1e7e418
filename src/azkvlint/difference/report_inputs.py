"""JSON reports as inputs of a comparison."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence

import msgspec

from azkvlint.difference.earlier_state import NULL, PARTS
from azkvlint.difference.sides import RootState, Side
from azkvlint.engine.schema import USERS_ID
from azkvlint.model.finding import Acceptance, Finding, Occurrence, Outcome, Problem, Report, Repository, Suppression
from azkvlint.model.location import Location, Region, static_address
from azkvlint.model.pattern import hole
from azkvlint.model.rule import SEVERITIES, All, Rule
from azkvlint.readers.discover import STDIN
from azkvlint.syntax.json_decoder import DECODE_ERRORS, decode_json
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.output_files import read_ends
from azkvlint.util.project_files import read_named
from azkvlint.util.text import visible

_REPORT_VERSIONS = (2, 3)
_MAX_REPORT = 200_000_000
_BEGINS_AS_REPORT = regex(rb'\s*\{\s*"[\s\S]*"name":\s*"kvlint"')
_PART = 4_000
_UNKNOWN_NAME = hole("name").text
_MAKE_REPORT = "write one with `kvlint check PATH -f json=report.json`"


class _ReportedLocation(msgspec.Struct, frozen=True, rename="camel"):
    path: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


class _Occurrence(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    full_name: str
    type: str
    message: str
    root: str


class _Suppression(msgspec.Struct, frozen=True, rename="camel"):
    kind: str
    justification: str
    location: _ReportedLocation


class _Acceptance(msgspec.Struct, frozen=True, rename="camel"):
    tool: str
    severity: str
    location: _ReportedLocation


class _ReportedResult(msgspec.Struct, frozen=True, rename="camel"):
    rule_id: str
    rule_name: str
    title: str
    category: str
    outcome: str
    severity: str
    type: str
    declared_as: str
    location: _ReportedLocation
    fingerprint: str
    occurrences: list[_Occurrence]
    label: str = ""
    attribute: str | None = None
    fact: str | None = None
    source: str = ""
    in_tests: bool = False
    accepted: _Acceptance | None = None
    why: str = ""
    suppression: _Suppression | None = None


class _Problem(msgspec.Struct, frozen=True):
    code: str
    level: str
    message: str


class _Tool(msgspec.Struct, frozen=True):
    name: str
    version: str


class _ReportedResource(msgspec.Struct, frozen=True):
    address: str
    type: str


class _JsonReport(msgspec.Struct, frozen=True):
    """The parts of versions 2 and 3 of the JSON report that are compared."""

    tool: _Tool
    sources: list[str]
    rules: list[str]
    findings: list[_ReportedResult]
    unknown: list[_ReportedResult]
    suppressed: list[_ReportedResult]
    problems: list[_Problem]
    evaluated: list[_ReportedResource]
    repository: Repository | None = None


def report_data(word: str) -> bytes | None:
    """Return the content of a JSON report of kvlint; None for any other input. Raise UsageError if it is unreadable."""
    if word == STDIN or not os.path.isfile(word) or not word.lower().endswith((".json", ".sarif")):
        return None
    ends = read_ends(word, _PART)
    if ends is None or _BEGINS_AS_REPORT.match(ends[0]) is None:
        return None
    return read_named(word, f"'{visible(word)}'", _MAX_REPORT)


def side_of_report(word: str, data: bytes, known: Mapping[str, Rule]) -> Side:
    """Return the side that a JSON report describes. Raise UsageError if it is not one, or of another version."""
    name = visible(word)
    try:
        parts = PARTS.decode(data)
        version = decode_json(bytes(parts.get("version", NULL)), object)
        if type(version) is int and "findings" in parts and version not in _REPORT_VERSIONS:
            raise UsageError(f"'{name}': report version {version} is not supported; expected 2 or 3", _MAKE_REPORT)
        if "findings" not in parts:
            raise UsageError(f"'{name}' is not a JSON report of `kvlint check`", _MAKE_REPORT)
        document = decode_json(data, _JsonReport)
        findings, unknown, suppressed = (
            tuple(_finding(one, known) for one in results)
            for results in (document.findings, document.unknown, document.suppressed)
        )
    except DECODE_ERRORS as error:
        raise UsageError(f"'{name}' is not a JSON report of `kvlint check`: invalid JSON", _MAKE_REPORT) from error
    except InputError as error:
        text = f"'{name}' is not a JSON report of `kvlint check`: {error.message[:200]}"
        raise UsageError(text, _MAKE_REPORT) from error
    ids = dict.fromkeys(document.rules)
    stubs = {one.rule.id: one.rule for one in (*findings, *unknown, *suppressed)}
    problems = tuple(Problem(code=one.code, level=one.level, message=one.message) for one in document.problems)
    report = Report(
        findings=findings,
        unknown=unknown,
        suppressed=suppressed,
        problems=problems,
        rules=tuple(rule for id_ in ids if (rule := stubs.get(id_) or known.get(id_)) is not None),
        sources=tuple(document.sources) or (word,),
        resource_counts={},
        passed=0,
        version=document.tool.version,
        repository=document.repository,
    )
    declared = frozenset((one.type.lower(), one.address) for one in document.evaluated)
    root = RootState(path="", source="", states=[], addresses=declared, names=frozenset(), moved={})
    return Side(label=word, report=report, roots=[root], folder=_common_folder(document.sources))


def _common_folder(sources: Sequence[str]) -> str:
    """Return the folder that contains all inputs of a report: modules are folders, and others are files."""
    folders = [posixpath.dirname(one) if posixpath.splitext(one)[1] else one for one in sources]
    if not folders or any(posixpath.isabs(one) for one in folders):
        return ""
    return posixpath.commonpath([one or "." for one in folders])


def _acceptance(result: _ReportedResult) -> Acceptance | None:
    found = result.accepted
    severity = None if found is None else SEVERITIES.get(found.severity)
    if found is None or severity is None:
        return None
    return Acceptance(tool=found.tool, severity=severity, at=_location(found.location))


def _finding(result: _ReportedResult, known: Mapping[str, Rule]) -> Finding:
    """Return a result of a report as a finding. Raise InputError for a word that no report contains."""
    severity = SEVERITIES.get(result.severity)
    if severity is None or USERS_ID.fullmatch(result.rule_id) is None or not result.occurrences:
        raise InputError("a result has an unknown severity, an invalid rule ID or no occurrences")
    rule = known.get(result.rule_id) or _stub(result)
    first = result.occurrences[0]
    reason = result.suppression
    return Finding(
        # The message has its values already.
        rule=msgspec.structs.replace(rule, message="", absent="", label=""),
        outcome=Outcome.UNKNOWN if result.outcome == Outcome.UNKNOWN.label else Outcome.FAIL,
        message=first.message,
        arguments=(),
        resource=first.resource,
        full_name=first.full_name,
        type=result.type,
        declared_as=result.declared_as,
        at=_location(result.location),
        fingerprint=result.fingerprint,
        label=result.label,
        attribute=result.attribute or result.fact or "",
        why=result.why,
        root=first.root,
        source=result.source,
        regraded=severity,
        in_tests=result.in_tests,
        accepted=_acceptance(result),
        suppressed=None
        if reason is None
        else Suppression(kind=reason.kind, justification=reason.justification, at=_location(reason.location)),
        occurrences=tuple(
            Occurrence(
                root=one.root,
                address=one.resource,
                type=one.type,
                full_name=one.full_name,
                message=one.message,
                # A report has the last part of the address in place of an unknown name.
                identity=_UNKNOWN_NAME if _is_of_address(one) else "",
            )
            for one in result.occurrences
        ),
    )


def _is_of_address(one: _Occurrence) -> bool:
    last = static_address(one.resource).rpartition(".")[2]
    return one.full_name.rpartition("/")[2].lower() == last.lower()


def _stub(result: _ReportedResult) -> Rule:
    """Return a rule that this version of kvlint does not have, as far as a report describes it."""
    return Rule(
        id=result.rule_id, name=result.rule_name, title=result.title, severity=SEVERITIES[result.severity],
        resources=(), when=All(()), require=All(()), message="", why="", fixes={}, references=(), examples=(), path="",
        category=result.category,
    )  # fmt: skip


def _location(at: _ReportedLocation) -> Location:
    line, column = at.line, at.column
    if line is None or column is None:
        return Location(path=at.path)
    return Location(path=at.path, region=Region(line, column, at.end_line or line, at.end_column or column))
