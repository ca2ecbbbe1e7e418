"""Render a Markdown summary, for the page of a build or a pull request.

GitHub shows no summary above 1 MiB, so a longer one is cut, with a remark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from azkvlint.model.finding import Finding, Report
from azkvlint.model.rule import Severity
from azkvlint.reporters import Options
from azkvlint.reporters.gfm import code, message, plain, prose
from azkvlint.reporters.grouping import worst_first
from azkvlint.reporters.phrases import fix_of, place, problem_text, references_of, summary, suppression, why_of
from azkvlint.util.text import pluralize, visible

MARKS = {
    Severity.CRITICAL: "🔴",
    Severity.HIGH: "🟠",
    Severity.MEDIUM: "🟡",
    Severity.LOW: "🔵",
    Severity.INFO: "⚪",
}
LIMIT = 900 * 1024
# Bytes reserved for the remark.
RESERVE = 400


def markdown(report: Report, options: Options, before: int = 0) -> str:
    """Return the summary, short enough to be shown after the ``before`` bytes that precede it."""
    return "".join(f"{line}\n" for line in fit(_lines(report, options), LIMIT - before - RESERVE))


def fit(lines: Iterable[str], room: int) -> Iterator[str]:
    """Yield the lines that fit into ``room`` bytes, close an open section, and count the rest."""
    left, is_open = 0, False
    for line in lines:
        room -= len(line.encode("utf-8", "backslashreplace")) + 1
        if left or room < 0:
            left += 1
            continue
        is_open = line.startswith("<details>") or (is_open and line != "</details>")
        yield line
    if not left:
        return
    if is_open:
        yield ""
        yield "</details>"
    yield ""
    count_text = pluralize(left, "more line")
    yield f"**Truncated:** {count_text} omitted, because the summary has a size limit. The other formats are complete."


def _lines(report: Report, options: Options) -> Iterator[str]:
    findings = report.counted(report.findings)
    sign = "❌" if not report.is_complete or findings else "❔" if report.unknown else "✅"
    yield f"## {sign} kvlint"
    yield ""
    yield plain(summary(report))
    if report.problems:
        yield ""
        yield "### Notes" if report.is_complete else "### Analysis incomplete"
        yield ""
        for problem in report.problems:
            at = "" if problem.at is None else f" {code(place(problem.at), cell=False)}"
            yield f"- **{problem.level}** {problem.code}{at} {plain(problem_text(problem))}"
    if findings:
        yield ""
        yield from _table(worst_first(findings))
        yield from folded("How to fix the issues", _rules(findings))
    others = report.uncounted(report.findings)
    if others:
        yield from folded(f"In tests and examples: {len(others)}", _table(worst_first(others)))
    if report.unknown:
        yield from folded(f"Unknown: {len(report.unknown)}", _table(worst_first(report.unknown)))
    if report.suppressed and (options.suppressed or options.verbosity > 0):
        yield from folded(f"Suppressed: {len(report.suppressed)}", _table(report.suppressed))


def folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a section that is closed at first."""
    yield ""
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| Severity | Rule | Location | Message |"
    yield "|---|---|---|---|"
    for finding in findings:
        severity = f"{MARKS[finding.severity]} {finding.severity.label}"
        text = message(finding)
        if finding.suppressed is not None:
            text += f"<br>Suppressed: {plain(suppression(finding))}"
        yield f"| {severity} | {plain(visible(finding.rule.id))} | {code(place(finding.at))} | {text} |"


def _rules(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield title, reason and fixes of each rule with findings, in the languages of the findings."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule.id, []).append(finding)
    for index, (id_, group) in enumerate(sorted(by_rule.items())):
        if index:
            yield ""
        yield f"**{plain(visible(id_))} {prose(group[0].rule.title)}**"
        yield f"<br>{prose(why_of(group))}"
        yield from (f"<br>Fix: {prose(fix)}" for fix in dict.fromkeys(map(fix_of, group)))
        for link in references_of(group):
            yield f"<br><{visible(link)}>"
