"""Render JUnit XML, for test reports of Jenkins, GitLab, Azure DevOps and others.

Each file is a suite and each finding a failed case. Unknown results and findings that do not count are skipped cases;
a problem that makes the report incomplete is a case with an error. A run without any of them has one passed case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

import msgspec

from azkvlint.model.finding import Finding, Outcome, Problem, Report
from azkvlint.model.location import Location
from azkvlint.reporters import Options
from azkvlint.reporters.phrases import details, full_text, problem_line, problem_text, sentence
from azkvlint.util.text import visible

_TOOL = "kvlint"


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """One test case. ``outcome`` is the name of its child element, empty if it passes; strings are not escaped."""

    name: str
    at: Location | None = None
    outcome: str = ""
    kind: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()


def junit(report: Report, options: Options) -> str:
    """Return the report as a document that ends with a line break."""
    return "".join(f"{line}\n" for line in _document(report, options))


def _document(report: Report, options: Options) -> Iterator[str]:
    findings = (*report.findings, *report.unknown)
    cases = [_finding(finding, options.strict) for finding in report.counted(findings)]
    cases += [_problem(problem) for problem in report.problems if problem.level == "error"]
    cases += [_finding(finding, strict=False, counts=False) for finding in report.uncounted(findings)]
    suites: dict[str, list[_Case]] = {}
    for case in cases or [_Case(name="nothing was found")]:
        suites.setdefault(_TOOL if case.at is None else visible(case.at.path), []).append(case)
    # Problems that are not errors belong to no case.
    notes = [problem_line(problem) for problem in report.problems if problem.level != "error"]
    if notes:
        suites.setdefault(_TOOL, [])
    all_cases = [case for suite in suites.values() for case in suite]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="{_TOOL}" {_counts(all_cases)}>'
    for path, suite in suites.items():
        skipped = sum(case.outcome == "skipped" for case in suite)
        yield f'  <testsuite name="{escape(path)}" {_counts(suite)} skipped="{skipped}">'
        yield from _cases(path, suite)
        if path == _TOOL and notes:
            yield f"    <system-err>{escape(chr(10).join(notes))}</system-err>"
        yield "  </testsuite>"
    yield "</testsuites>"


def _counts(cases: list[_Case]) -> str:
    count = Counter(case.outcome for case in cases)
    return f'tests="{len(cases)}" failures="{count["failure"]}" errors="{count["error"]}"'


def _cases(path: str, cases: list[_Case]) -> Iterator[str]:
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


def _finding(finding: Finding, strict: bool, counts: bool = True) -> _Case:
    unknown = finding.outcome is Outcome.UNKNOWN
    lines = [sentence(finding)]
    lines += [f"{label}: {text}" for label, text in details(finding, references=False) if label != "why"]
    skipped = (unknown and not strict) or not counts
    return _Case(
        name=f"{finding.rule.id} {visible(finding.resource)}",
        at=finding.at,
        outcome="skipped" if skipped else "failure",
        # A skipped case has only a message.
        kind="" if skipped else finding.severity.label,
        message=full_text(finding),
        lines=() if skipped else tuple(lines),
    )


def _problem(problem: Problem) -> _Case:
    return _Case(
        name=problem.code,
        at=problem.at,
        outcome="error",
        kind=problem.code,
        message=problem_text(problem),
        lines=(problem_line(problem),),
    )
