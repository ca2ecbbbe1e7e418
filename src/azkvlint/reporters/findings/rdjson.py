"""Render the Reviewdog Diagnostic Format, from which reviewdog makes comments on pull requests.

Messages are rendered as Markdown. Columns count bytes of UTF-8, so a place has none unless its whole line is available.
"""

from __future__ import annotations

from typing import Any

from azkvlint import PROJECT
from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.model.fix import Change, suggestion_key
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.reporters import Options
from azkvlint.reporters.findings.sarif_rules import rule_link
from azkvlint.reporters.gfm import message, plain, prose
from azkvlint.reporters.phrases import fix_of, problem_text, why_of
from azkvlint.reporters.severity_order import GRADES, counted_findings, findings_in_tests, listed_problems
from azkvlint.util.text import encode

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "note": "INFO"}


def rdjson(report: Report, options: Options) -> bytes:
    """Return the report as UTF-8."""
    diagnostics = [_finding(finding, options) for finding in counted_findings(report, options)]
    diagnostics += [_problem(problem) for problem in listed_problems(report.problems)]
    # Findings that do not count must not make reviewdog fail.
    others = (_finding(finding, options) for finding in findings_in_tests(report, options))
    diagnostics += [one | {"severity": "INFO"} for one in others]
    return encode({"source": {"name": "kvlint", "url": PROJECT}, "diagnostics": diagnostics})


def _finding(finding: Finding, options: Options) -> dict[str, Any]:
    rule = finding.rule
    link = rule_link(rule)
    suggestion = options.suggestions.get(suggestion_key(finding)) if options.suggestions else None
    whole = None if suggestion is None else suggestion.whole
    # A suggestion is for the file of its comment.
    is_offered = whole is not None and whole.path == finding.at.path
    return {
        "message": f"{message(finding, cell=False)}\n\n{prose(why_of([finding]))}\n\nFix: {prose(fix_of(finding))}",
        "location": _location(finding.at, finding.excerpt),
        "severity": _SEVERITIES[GRADES[finding.severity].level],
        "code": {"value": rule.id} | ({"url": link} if link else {}),
    } | ({"suggestions": [_suggestion(whole)]} if is_offered and whole is not None else {})


def _suggestion(change: Change) -> dict[str, Any]:
    at = change.utf8
    start, end = {"line": at.start_line, "column": at.start_column}, {"line": at.end_line, "column": at.end_column}
    return {"range": {"start": start, "end": end}, "text": change.text}


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "message": plain(problem_text(problem)),
        "location": {"path": "."} if problem.at is None else _location(problem.at, None),
        "severity": _SEVERITIES.get(problem.level, "INFO"),
        "code": {"value": problem.code},
    }


def _location(at: Location, excerpt: Excerpt | None) -> dict[str, Any]:
    if at.region is None:
        return {"path": at.path}
    columns = _columns(at.region, excerpt) if excerpt is not None else None
    line = {"line": at.region.start_line}
    if columns is None:
        return {"path": at.path, "range": {"start": line}}
    start, end = columns
    return {"path": at.path, "range": {"start": line | {"column": start}, "end": line | {"column": end}}}


def _columns(region: Region, excerpt: Excerpt) -> tuple[int, int] | None:
    """Return the columns in bytes of a region on one line, if the line up to its end is available."""
    context = excerpt.context
    index = region.start_line - context.start_line
    lines = excerpt.context_text.split("\n")
    if region.end_line > region.start_line or not 0 <= index < len(lines) or (index == 0 and context.start_column > 1):
        return None
    line, start = lines[index], region.start_column - 1
    # A replaced secret may have shifted the text after it.
    if not line.startswith(excerpt.text, start) or len(excerpt.text) != region.end_column - region.start_column:
        return None
    first, size = (len(text.encode("utf-8", "surrogatepass")) for text in (line[:start], excerpt.text))
    return first + 1, first + size + 1
