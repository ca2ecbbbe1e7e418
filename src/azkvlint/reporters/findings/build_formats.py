"""Render findings for build systems and the tools that read their output.

``concise`` has one line for each finding and problem, for problem matchers of editors and build systems::

    path:line:column: KV001 error|warning|info message
    path:line:column: KVE001 error|warning|info message

No other line has this form. A colon in a path is escaped, so that a path cannot forge the rest of a line.

``github`` has workflow commands that make GitHub Actions annotate the lines of a pull request. GitHub shows the first
ten annotations of each kind for a step, so the most severe come first, and the rest are plain lines of the log.

``azure`` has logging commands that add errors and warnings to the page of an Azure Pipelines run. Azure Pipelines has
no level below warning, so other results are plain lines of the log.

``gitlab`` is the Code Quality report: an array of entries, of which GitLab shows one for each fingerprint.

``junit`` is JUnit XML, for test reports of Jenkins, GitLab, Azure DevOps and others. Each file is a suite and each
finding a failed case. Unknown results and findings that do not count are skipped cases; a problem that makes the report
incomplete is a case with an error. A run without any of them has one passed case.

``rdjson`` is the Reviewdog Diagnostic Format, from which reviewdog makes comments on pull requests. Messages are
rendered as Markdown. Columns count bytes of UTF-8, so a place has none unless its whole line is available.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec

from azkvlint import PROJECT
from azkvlint.model.finding import Finding, Outcome, Problem, Report, without_notes
from azkvlint.model.fix import Replacement, suggestion_key
from azkvlint.model.identity import path_fingerprint
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.model.rule import Severity
from azkvlint.reporters import Options
from azkvlint.reporters.gfm import message, plain, prose
from azkvlint.reporters.grouping import (
    GRADES,
    by_place,
    counted_findings,
    deployed_first,
    findings_in_tests,
    worst_first,
)
from azkvlint.reporters.phrases import (
    details,
    fix_of,
    full_text,
    place,
    problem_line,
    problem_sentence,
    problem_text,
    sentence,
    summary,
    why_of,
)
from azkvlint.util.text import encode, visible

_WORDS = {"error": "error", "warning": "warning", "note": "info"}
_GITHUB_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_GITHUB_SHOWN = 10
_AZURE_LISTED = ("error", "warning")
# Delimiters of properties and commands. The agent parses the text after a command in the same way.
_AZURE_ESCAPES = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A", ";": "%3B", "]": "%5D"})
_GITLAB_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}
# An incomplete report is as severe as any finding that it may be missing.
_GITLAB_LEVELS = {"error": "blocker", "warning": "major"}
_JUNIT_TOOL = "kvlint"
_RDJSON_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "note": "INFO"}


def concise(report: Report, options: Options) -> str:
    """Return the report as lines. Problems and the summary are omitted if ``verbosity`` is below 0."""
    lines = [
        _finding_line(finding) for finding in (*counted_findings(report, options), *findings_in_tests(report, options))
    ]
    if options.verbosity >= 0:
        lines += [_problem_line(problem) for problem in report.problems]
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def _finding_line(finding: Finding) -> str:
    """Return the line of a finding."""
    level = _WORDS[GRADES[finding.severity].level]
    return f"{_place_text(finding.at)}: {finding.rule.id} {level} {full_text(finding)}"


def _problem_line(problem: Problem) -> str:
    """Return the line of a problem; without a place it has the form of the text format."""
    if problem.at is None:
        return problem_line(problem)
    return f"{_place_text(problem.at)}: {problem.code} {_WORDS.get(problem.level, 'info')} {problem_text(problem)}"


def _place_text(at: Location) -> str:
    path = place(Location(path=at.path)).replace(":", r"\x3a")
    return f"{path}:1:1" if at.region is None else f"{path}:{at.region.start_line}:{at.region.start_column}"


def github(report: Report, options: Options) -> str:
    """Return the report as lines of a build log."""
    by_command: dict[str, list[Finding | Problem]] = {command: [] for command in _GITHUB_COMMANDS.values()}
    for problem in report.problems:
        by_command[_GITHUB_COMMANDS.get(problem.level, "notice")].append(problem)
    for finding in worst_first(counted_findings(report, options)):
        by_command[_GITHUB_COMMANDS[GRADES[finding.severity].level]].append(finding)
    lines = [
        f"::{command} {_github_annotation(one)}"
        for command, entries in by_command.items()
        for one in entries[:_GITHUB_SHOWN]
    ]
    lines += [_github_line(one) for entries in by_command.values() for one in entries[_GITHUB_SHOWN:]]
    # Findings that do not count must not use up the annotations.
    lines += [_finding_line(finding) for finding in worst_first(findings_in_tests(report, options))]
    if options.verbosity >= 0:
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def _github_annotation(one: Finding | Problem) -> str:
    return _github_finding(one) if isinstance(one, Finding) else _github_problem(one)


def _github_line(one: Finding | Problem) -> str:
    return _finding_line(one) if isinstance(one, Finding) else problem_line(one)


def _github_finding(finding: Finding) -> str:
    rule = finding.rule
    return _github_command(
        rule.id, finding.at, f"{sentence(finding)}\n\nWhy: {why_of([finding])}\nFix: {fix_of(finding)}"
    )


def _github_problem(problem: Problem) -> str:
    return _github_command(problem.code, problem.at, problem_sentence(problem))


def _github_command(code: str, at: Location | None, text: str) -> str:
    """Return the rest of a command after its name: its properties and its message."""
    properties = {"title": f"kvlint ({code})"} | (dict(_github_place(at)) if at is not None else {})
    joined = ",".join(f"{name}={_github_property(value)}" for name, value in properties.items())
    return f"{joined}::{_github_data(text)}"


def _github_place(at: Location) -> Iterator[tuple[str, str]]:
    """Yield the start, and the end if it is on the same line: GitHub supports columns only there."""
    yield "file", visible(at.path)
    if at.region is None:
        return
    region = at.region
    yield "line", str(region.start_line)
    if region.end_line == region.start_line:
        yield "col", str(region.start_column)
        yield "endLine", str(region.end_line)
        yield "endColumn", str(region.end_column)


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def azure(report: Report, options: Options) -> str:
    """Return the report as lines of a build log."""
    lines = [_azure_problem(problem) for problem in report.problems]
    lines += [_azure_finding(finding) for finding in worst_first(counted_findings(report, options))]
    lines += [_finding_line(finding) for finding in worst_first(findings_in_tests(report, options))]
    if options.verbosity >= 0:
        lines.append(summary(report))
    return "".join(f"{line}\n" for line in lines)


def _azure_finding(finding: Finding) -> str:
    level = GRADES[finding.severity].level
    if level not in _AZURE_LISTED:
        return _finding_line(finding)
    return _azure_command(level, finding.rule.id, finding.at, sentence(finding))


def _azure_problem(problem: Problem) -> str:
    if problem.level not in _AZURE_LISTED:
        return problem_line(problem)
    return _azure_command(problem.level, problem.code, problem.at, problem_sentence(problem))


def _azure_command(level: str, code: str, at: Location | None, text: str) -> str:
    properties = {"type": level}
    if at is not None:
        properties["sourcepath"] = visible(at.path)
        if at.region is not None:
            properties["linenumber"] = str(at.region.start_line)
            properties["columnnumber"] = str(at.region.start_column)
    properties["code"] = code
    joined = "".join(f"{name}={value.translate(_AZURE_ESCAPES)};" for name, value in properties.items())
    return f"##vso[task.logissue {joined}]{text.translate(_AZURE_ESCAPES)}"


def gitlab(report: Report, options: Options) -> bytes:
    """Return the report as UTF-8; an empty array without findings and problems."""
    findings, others = by_place(counted_findings(report, options)), by_place(findings_in_tests(report, options))
    entries, entries_in_tests = [*map(_gitlab_finding, findings)], [*map(_gitlab_finding, others)]
    problems = [_gitlab_problem(problem) for problem in without_notes(report.problems)]
    seen: dict[str, int] = {}
    for entry in (*entries, *problems, *entries_in_tests):
        mark = entry["fingerprint"]
        seen[mark] = seen.get(mark, 0) + 1
        if seen[mark] > 1:
            entry["fingerprint"] = f"{mark}-{seen[mark]}"
    return encode([*deployed_first(findings, entries), *problems, *deployed_first(others, entries_in_tests)])


def _gitlab_finding(finding: Finding) -> dict[str, Any]:
    severity = _GITLAB_SEVERITIES[finding.severity]
    return _gitlab_entry(finding.rule.id, severity, full_text(finding), path_fingerprint(finding), finding.at)


def _gitlab_problem(problem: Problem) -> dict[str, Any]:
    from hashlib import sha256

    text = problem_text(problem)
    # A problem without a file applies to the whole project.
    at = Location(path=".") if problem.at is None else problem.at
    mark = sha256(f"{problem.code}\n{at.path}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
    return _gitlab_entry(problem.code, _GITLAB_LEVELS.get(problem.level, "info"), text, mark, at)


def _gitlab_entry(check: str, severity: str, text: str, mark: str, at: Location) -> dict[str, Any]:
    return {
        "description": text,
        "check_name": check,
        "fingerprint": mark,
        "severity": severity,
        "location": {"path": at.path, "lines": {"begin": 1 if at.region is None else at.region.start_line}},
    }


class _JunitCase(msgspec.Struct, frozen=True, kw_only=True):
    """One test case. ``outcome`` is the name of its child element, empty if it passes; strings are not escaped."""

    name: str
    at: Location | None = None
    outcome: str = ""
    kind: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()


def junit(report: Report, options: Options) -> str:
    """Return the report as a document that ends with a line break."""
    return "".join(f"{line}\n" for line in _junit_document(report, options))


def _junit_document(report: Report, options: Options) -> Iterator[str]:
    findings = (*report.findings, *report.unknown)
    cases = [_junit_finding(finding, options.strict) for finding in report.counted(findings)]
    cases += [_junit_problem(problem) for problem in report.problems if problem.level == "error"]
    cases += [_junit_finding(finding, strict=False, counts=False) for finding in report.uncounted(findings)]
    suites: dict[str, list[_JunitCase]] = {}
    for case in cases or [_JunitCase(name="nothing was found")]:
        suites.setdefault(_JUNIT_TOOL if case.at is None else visible(case.at.path), []).append(case)
    # Problems that are not errors belong to no case.
    notes = [problem_line(problem) for problem in report.problems if problem.level != "error"]
    if notes:
        suites.setdefault(_JUNIT_TOOL, [])
    all_cases = [case for suite in suites.values() for case in suite]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="{_JUNIT_TOOL}" {_junit_counts(all_cases)}>'
    for path, suite in suites.items():
        skipped = sum(case.outcome == "skipped" for case in suite)
        yield f'  <testsuite name="{escape(path)}" {_junit_counts(suite)} skipped="{skipped}">'
        yield from _junit_cases(path, suite)
        if path == _JUNIT_TOOL and notes:
            yield f"    <system-err>{escape(chr(10).join(notes))}</system-err>"
        yield "  </testsuite>"
    yield "</testsuites>"


def _junit_counts(cases: list[_JunitCase]) -> str:
    count = Counter(case.outcome for case in cases)
    return f'tests="{len(cases)}" failures="{count["failure"]}" errors="{count["error"]}"'


def _junit_cases(path: str, cases: list[_JunitCase]) -> Iterator[str]:
    """Yield the cases of one suite with unique names, because readers merge cases with equal names."""
    seen: Counter[str] = Counter()
    for case in cases:
        seen[case.name] += 1
        name = case.name if seen[case.name] == 1 else f"{case.name} ({seen[case.name]})"
        where = "" if case.at is None else f' file="{escape(path)}"'
        head = f'    <testcase classname="{escape(path)}" name="{escape(name)}"{where}'
        if not case.outcome:
            yield f"{head}/>"
            continue
        kind = f' type="{escape(case.kind)}"' if case.kind else ""
        text = "\n".join(case.lines)
        yield f"{head}>"
        yield f'      <{case.outcome}{kind} message="{escape(case.message)}">{escape(text)}</{case.outcome}>'
        yield "    </testcase>"


def _junit_finding(finding: Finding, strict: bool, counts: bool = True) -> _JunitCase:
    unknown = finding.outcome is Outcome.UNKNOWN
    lines = [sentence(finding)]
    lines += [f"{label}: {text}" for label, text in details(finding, references=False) if label != "why"]
    skipped = (unknown and not strict) or not counts
    return _JunitCase(
        name=f"{finding.rule.id} {visible(finding.resource)}",
        at=finding.at,
        outcome="skipped" if skipped else "failure",
        # A skipped case has only a message.
        kind="" if skipped else finding.severity.label,
        message=full_text(finding),
        lines=() if skipped else tuple(lines),
    )


def _junit_problem(problem: Problem) -> _JunitCase:
    return _JunitCase(
        name=problem.code,
        at=problem.at,
        outcome="error",
        kind=problem.code,
        message=problem_text(problem),
        lines=(problem_line(problem),),
    )


def rdjson(report: Report, options: Options) -> bytes:
    """Return the report as UTF-8."""
    diagnostics = [_rdjson_finding(finding, options) for finding in counted_findings(report, options)]
    diagnostics += [_rdjson_problem(problem) for problem in without_notes(report.problems)]
    # Findings that do not count must not make reviewdog fail.
    others = (_rdjson_finding(finding, options) for finding in findings_in_tests(report, options))
    diagnostics += [one | {"severity": "INFO"} for one in others]
    return encode({"source": {"name": "kvlint", "url": PROJECT}, "diagnostics": diagnostics})


def _rdjson_finding(finding: Finding, options: Options) -> dict[str, Any]:
    from azkvlint.reporters.findings.sarif_rules import rule_link

    rule = finding.rule
    link = rule_link(rule)
    suggestion = options.suggestions.get(suggestion_key(finding)) if options.suggestions else None
    whole = None if suggestion is None else suggestion.whole
    # A suggestion is for the file of its comment.
    is_offered = whole is not None and whole.path == finding.at.path
    return {
        "message": f"{message(finding, cell=False)}\n\n{prose(why_of([finding]))}\n\nFix: {prose(fix_of(finding))}",
        "location": _rdjson_location(finding.at, finding.excerpt),
        "severity": _RDJSON_SEVERITIES[GRADES[finding.severity].level],
        "code": {"value": rule.id} | ({"url": link} if link else {}),
    } | ({"suggestions": [_rdjson_suggestion(whole)]} if is_offered and whole is not None else {})


def _rdjson_suggestion(change: Replacement) -> dict[str, Any]:
    at = change.utf8
    start, end = {"line": at.start_line, "column": at.start_column}, {"line": at.end_line, "column": at.end_column}
    return {"range": {"start": start, "end": end}, "text": change.text}


def _rdjson_problem(problem: Problem) -> dict[str, Any]:
    return {
        "message": plain(problem_text(problem)),
        "location": {"path": "."} if problem.at is None else _rdjson_location(problem.at, None),
        "severity": _RDJSON_SEVERITIES.get(problem.level, "INFO"),
        "code": {"value": problem.code},
    }


def _rdjson_location(at: Location, excerpt: Excerpt | None) -> dict[str, Any]:
    if at.region is None:
        return {"path": at.path}
    columns = _rdjson_columns(at.region, excerpt) if excerpt is not None else None
    line = {"line": at.region.start_line}
    if columns is None:
        return {"path": at.path, "range": {"start": line}}
    start, end = columns
    return {"path": at.path, "range": {"start": line | {"column": start}, "end": line | {"column": end}}}


def _rdjson_columns(region: Region, excerpt: Excerpt) -> tuple[int, int] | None:
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
