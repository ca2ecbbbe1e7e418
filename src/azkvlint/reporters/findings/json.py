"""Render the report as JSON: version 3 of the document in docs/json.md.

Within a version, fields are added but never removed, renamed or redefined, so readers must ignore unknown fields.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from azkvlint.model.effect import consequence_of, names_of
from azkvlint.model.finding import Declaration, Evidence, Finding, Note, Occurrence, OfRoot, Problem, Report
from azkvlint.model.fix import Suggestion, suggestion_key
from azkvlint.model.location import Location
from azkvlint.model.rule import Severity
from azkvlint.reporters import Options
from azkvlint.util.text import encode_in_parts

FORMAT_VERSION = 3


def json(report: Report, options: Options) -> bytes:
    """Return the report as UTF-8; equal reports result in equal bytes."""
    suggestions = options.suggestions
    return encode_in_parts(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "repository": report.repository,
            "sources": report.sources,
            "rules": [rule.id for rule in report.rules],
            "summary": _summary(report),
            "findings": (
                result(finding) | (_fix(suggestions.get(suggestion_key(finding))) if suggestions else {})
                for finding in report.findings
            ),
            "unknown": (result(finding) | {"why": finding.why} for finding in report.unknown),
            "suppressed": (result(finding) | {"suppression": suppression(finding)} for finding in report.suppressed),
            "problems": map(problem, report.problems),
            "evaluated": map(_declaration, report.evaluated),
            "skipped": map(_declaration, report.skipped),
        }
    )


def _summary(report: Report) -> dict[str, Any]:
    counts = Counter(finding.severity for finding in report.counted(report.findings))
    return {
        "evaluatedResources": dict(sorted(report.resource_counts.items())),
        "passed": report.passed,
        "findings": {severity.label: counts[severity] for severity in sorted(Severity, reverse=True)},
        "findingsInTests": len(report.uncounted(report.findings)),
        "testFolders": report.test_folders,
        "unknown": len(report.counted(report.unknown)),
        "unknownInTests": len(report.uncounted(report.unknown)),
        "suppressed": len(report.suppressed),
        "problems": len(report.problems),
        "evaluated": len(report.evaluated),
        "skipped": len(report.skipped),
    }


def result(finding: Finding) -> dict[str, Any]:
    """Return a finding or unknown result."""
    rule = finding.rule
    return {
        "ruleId": rule.id,
        "ruleName": rule.name,
        "title": rule.title,
        "category": rule.category,
        "outcome": finding.outcome.label,
        "severity": finding.severity.label,
        "resource": finding.resource,
        "fullName": finding.full_name,
        "type": finding.type,
        "declaredAs": finding.declared_as,
        "message": finding.message,
        "location": location(finding.at),
        "label": finding.label,
        "attribute": None if finding.is_computed else finding.attribute or None,
        "azurePath": finding.azure_path or None,
        "fact": finding.attribute if finding.is_computed else None,
        "relatedLocations": [_note(note) for note in finding.related],
        "evidence": [_evidence(evidence, finding) for evidence in finding.evidence],
        "fingerprint": finding.fingerprint,
        "source": finding.source,
        "inTests": finding.in_tests,
        "undeployed": finding.is_undeployed,
        "accepted": _acceptance(finding),
        "condition": None if finding.condition is None else finding.condition.data(),
        "occurrences": [_occurrence(one) for one in finding.occurrences],
    }


def _acceptance(finding: Finding) -> dict[str, Any] | None:
    """Return the comment for another tool that lowers the severity, and the severity without it."""
    accepted = finding.accepted
    if accepted is None:
        return None
    return {"tool": accepted.tool, "severity": accepted.severity.label, "location": location(accepted.at)}


def _fix(suggestion: Suggestion | None) -> dict[str, Any]:
    """Return the fix of a finding, which only ``--fixes`` adds."""
    if suggestion is None:
        return {}
    edits = [
        {
            "path": change.path,
            "line": change.region.start_line,
            "column": change.region.start_column,
            "endLine": change.region.end_line,
            "endColumn": change.region.end_column,
            "text": change.text,
        }
        for change in suggestion.changes
    ]
    return {
        "fix": {
            "title": suggestion.title,
            "consequence": consequence_of(suggestion.effects) or None,
            "classes": list(names_of(suggestion.effects)),
            "edits": edits,
        }
    }


def _occurrence(one: Occurrence) -> dict[str, Any]:
    return {
        "resource": one.address,
        "fullName": one.full_name,
        "type": one.type,
        "message": one.message,
        "root": one.root,
        "worlds": one.worlds,
        "condition": one.condition or None,
        "fingerprint": one.fingerprint,
    }


def _declaration(one: Declaration) -> dict[str, Any]:
    """Return a declaration with the condition of its existence if it was evaluated, or the reason if it was not."""
    region = one.at.region
    found: dict[str, Any] = {
        "address": one.address,
        "type": one.type,
        "declaredAs": one.declared_as,
        "path": one.at.path,
        "line": None if region is None else region.start_line,
    }
    if one.reason:
        return found | {"reason": one.reason}
    return found | {"instances": one.instances, "condition": one.condition or None}


def suppression(finding: Finding) -> dict[str, Any] | None:
    """Return the reason why a finding does not count; None for one that does."""
    reason = finding.suppressed
    if reason is None:
        return None
    return {
        "kind": reason.kind,
        "justification": reason.justification,
        "owner": reason.owner or None,
        "until": reason.until or None,
        "tool": reason.tool or None,
        "location": location(reason.at),
    }


def root_fields(one: OfRoot) -> dict[str, Any]:
    """Return in which input and base world something is."""
    return {"root": one.root, "world": one.world or None}


def location(at: Location | None) -> dict[str, Any] | None:
    """Return a location, relative to the root of the run; None for none."""
    if at is None:
        return None
    region = at.region
    if region is None:
        return {"path": at.path, "line": None, "column": None, "endLine": None, "endColumn": None}
    return {
        "path": at.path,
        "line": region.start_line,
        "column": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _note(note: Note) -> dict[str, Any]:
    return {"message": note.text, "resource": note.at.address, "location": location(note.at)}


def _evidence(evidence: Evidence, finding: Finding) -> dict[str, Any]:
    is_own = evidence.at.address in (None, finding.resource)
    has_path = not evidence.is_derived and (finding.is_in_azure or not is_own)
    return {
        "attribute": None if evidence.is_derived else evidence.name or None,
        "azurePath": evidence.attribute or None if has_path else None,
        "fact": evidence.name if evidence.is_derived else None,
        "address": evidence.at.address,
        "found": evidence.found,
        "expected": evidence.expected,
        "outcome": evidence.outcome.label,
        "origin": evidence.origin,
        "note": evidence.note,
        "hops": evidence.hops,
        "location": location(evidence.at),
    }


def problem(problem: Problem) -> dict[str, Any]:
    """Return a problem."""
    return {
        "code": problem.code,
        "level": problem.level,
        "message": problem.message,
        "hint": problem.hint,
        "resource": None if problem.at is None else problem.at.address,
        "location": location(problem.at),
    }
