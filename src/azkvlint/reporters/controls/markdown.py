"""Render an assessment as Markdown: a table for each vault, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.framework import Assessment, ControlResult, Sheet, Status, Subject
from azkvlint.reporters import Options
from azkvlint.reporters.controls import words
from azkvlint.reporters.gfm import code, plain
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.text import visible

_MARKS = {
    Status.NOT_MET: "❌ **not met**",
    Status.UNKNOWN: "❔ unknown",
    Status.MET: "✅ met",
    Status.GUARANTEED: "✅ guaranteed by the platform",
    Status.NOT_APPLICABLE: "not applicable",
    Status.NO_RULE: "no rule",
}
_MAX_RESOURCES = 5


def markdown(assessment: Assessment, options: Options) -> str:
    """Return the assessment as Markdown that ends with a line break."""
    return "".join(f"{line}\n" for line in _lines(assessment))


def _lines(assessment: Assessment) -> Iterator[str]:
    titles = ", ".join(plain(words.framework(sheet)) for sheet in assessment.sheets)
    yield f"# {titles}"
    yield ""
    yield f"{plain(words.summary(assessment))}."
    for subject in assessment.subjects:
        yield ""
        yield from _subject(subject, assessment)
    problems = words.problems(assessment)
    if problems:
        yield ""
        yield "## Analysis incomplete"
        yield ""
        yield from (f"- {plain(problem_line(problem))}" for problem in problems)


def _subject(subject: Subject, assessment: Assessment) -> Iterator[str]:
    yield f"## {plain(words.name(subject))}"
    yield ""
    about = (plain(words.kind(subject)), code(words.address(subject)), code(words.declaration_place(subject)))
    yield " · ".join(part for part in (*about, plain(words.source_note(subject))) if part)
    for sheet, answers in words.sheets_with_results(subject, assessment):
        yield ""
        yield from _table(sheet, answers, named=len(assessment.sheets) > 1)


def _table(sheet: Sheet, answers: tuple[ControlResult, ...], named: bool) -> Iterator[str]:
    if named:
        yield f"### {plain(sheet.framework.title)}"
        yield ""
    yield "| | Control | Status | Evidence |"
    yield "|---|---|---|---|"
    for answer in answers:
        control = answer.check.control
        title = plain(visible(control.title))
        section = f"{plain(visible(control.section))}<br>" if control.section else ""
        cells = (plain(visible(control.id)), f"{section}**{title}**", _MARKS[answer.status], _evidence(answer))
        yield f"| {' | '.join(cells)} |"


def _evidence(answer: ControlResult) -> str:
    parts = [plain(words.reason(answer))] if answer.why else []
    for line in words.lines(answer, _MAX_RESOURCES):
        if not line.rule:
            parts.append(plain(line.text))
            continue
        note = f" _{plain(line.note)}_" if line.note else ""
        parts.append(f"**{plain(line.rule)}** {code(line.place)} {plain(line.text)}{note}")
    passing = words.passing_rules(answer)
    parts += [f"Passed: {plain(passing)}."] if passing else []
    parts += [f"<{link}>" for link in answer.references]
    return "<br>".join(parts)
