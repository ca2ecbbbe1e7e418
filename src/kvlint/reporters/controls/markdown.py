"""An assessment as Markdown: a table for each vault, for a pull request or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from kvlint.model.assessment import Answer, Assessment, Subject
from kvlint.model.control import Sheet, Status
from kvlint.regex import regex
from kvlint.reporters.controls import words
from kvlint.reporters.safe import visible

_MARKS = {
    Status.NOT_MET: "❌ **not met**",
    Status.UNDECIDED: "❔ undecided",
    Status.MET: "✅ met",
    Status.GUARANTEED: "✅ guaranteed by the platform",
    Status.NOT_APPLICABLE: "not applicable",
    Status.NO_RULE: "no rule",
}
_MOST = 5
# What Markdown would take for more than text.
_ACTIVE = regex(r"[\\`*_{}\[\]()#+!|~]")


def markdown(assessment: Assessment) -> str:
    """The assessment as Markdown that ends with a line break."""
    return "".join(f"{line}\n" for line in _lines(assessment))


def _lines(assessment: Assessment) -> Iterator[str]:
    titles = ", ".join(_plain(sheet.framework.title) for sheet in assessment.sheets)
    yield f"# {titles}"
    yield ""
    yield f"{_plain(words.summary(assessment))}."
    for subject in assessment.subjects:
        yield ""
        yield from _subject(subject, assessment)
    found = words.problems(assessment)
    if found:
        yield ""
        yield "## Not whole"
        yield ""
        yield from (f"- {_plain(words.problem(problem))}" for problem in found)


def _subject(subject: Subject, assessment: Assessment) -> Iterator[str]:
    yield f"## {_plain(words.name(subject))}"
    yield ""
    about = (_plain(words.kind(subject)), _code(words.address(subject)), _code(words.where(subject)))
    yield " · ".join(part for part in (*about, _plain(words.through(subject))) if part)
    for sheet, answers in words.answered(subject, assessment):
        yield ""
        yield from _table(sheet, answers, named=len(assessment.sheets) > 1)


def _table(sheet: Sheet, answers: tuple[Answer, ...], named: bool) -> Iterator[str]:
    if named:
        yield f"### {_plain(sheet.framework.title)}"
        yield ""
    yield "| | Control | Status | Evidence |"
    yield "|---|---|---|---|"
    for answer in answers:
        control = answer.question.control
        title = _plain(visible(control.title))
        section = f"{_plain(visible(control.section))}<br>" if control.section else ""
        cells = (_plain(visible(control.id)), f"{section}**{title}**", _MARKS[answer.status], _evidence(answer))
        yield f"| {' | '.join(cells)} |"


def _evidence(answer: Answer) -> str:
    parts = [_plain(words.why(answer))] if answer.why else []
    for line in words.lines(answer, _MOST):
        if not line.rule:
            parts.append(_plain(line.text))
            continue
        note = f" _{_plain(line.note)}_" if line.note else ""
        parts.append(f"**{_plain(line.rule)}** {_code(line.place)} {_plain(line.text)}{note}")
    holding = words.holding(answer)
    parts += [f"Holds: {_plain(holding)}."] if holding else []
    parts += [f"<{link}>" for link in answer.references]
    return "<br>".join(parts)


def _plain(text: str) -> str:
    """Text that neither Markdown nor HTML takes for more."""
    return escape(_ACTIVE.sub(r"\\\g<0>", text), quote=False)


def _code(text: str) -> str:
    """Text in a code span, which ends at no backtick that is in it; a cell of a table ends at a bar even there."""
    if not text:
        return ""
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}".replace("|", "\\|")
