"""Render an assessment as text: a list that fits 80 columns, colored on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from azkvlint.model.framework import Assessment, ControlResult, Status, Subject
from azkvlint.reporters import Options
from azkvlint.reporters.controls import words
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.text import visible

_LABELS = {
    Status.NOT_MET: "NOT MET",
    Status.UNKNOWN: "UNKNOWN",
    Status.MET: "met",
    Status.GUARANTEED: "guaranteed",
    Status.NOT_APPLICABLE: "n/a",
    Status.NO_RULE: "no rule",
}
_COLORS = {
    Status.NOT_MET: "red",
    Status.UNKNOWN: "magenta",
    Status.MET: "green",
    Status.GUARANTEED: "green",
}
_LABEL = max(map(len, _LABELS.values()))
_MAX_RESOURCES = 3
_WIDTH, _WIDEST = 80, 120


def text(assessment: Assessment, options: Options) -> str:
    """Return the assessment as text that ends with a line break."""
    return "".join(f"{line}\n" for line in _Page(options).lines(assessment))


class _Page:
    """Lines laid out for one width."""

    def __init__(self, options: Options) -> None:
        self.width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDTH
        self.color = options.color

    def lines(self, assessment: Assessment) -> Iterator[str]:
        for sheet in assessment.sheets:
            yield self._paint(f"Framework: {words.framework(sheet)}", "bold")
        yield ""
        for subject in assessment.subjects:
            yield from self._subject(subject, assessment)
        for problem in words.problems(assessment):
            yield problem_line(problem)
        yield self._paint(words.summary(assessment), "bold")

    def _subject(self, subject: Subject, assessment: Assessment) -> Iterator[str]:
        yield self._paint(words.name(subject), "bold")
        place = f"[{words.declaration_place(subject)}] {words.source_note(subject)}"
        yield from self._wrap(" ".join(f"{words.kind(subject)} {words.address(subject)} {place}".split()), "")
        for sheet, answers in words.sheets_with_results(subject, assessment):
            yield ""
            if len(assessment.sheets) > 1:
                yield self._paint(visible(sheet.framework.title), "bold")
            yield from self._sheet(answers)
        yield ""

    def _sheet(self, answers: tuple[ControlResult, ...]) -> Iterator[str]:
        indent = max((len(answer.check.control.id) for answer in answers), default=0)
        section = ""
        for answer in answers:
            control = answer.check.control
            if control.section != section:
                section = control.section
                yield self._paint(visible(section), "underline")
            yield from self._row(answer, indent)

    def _row(self, answer: ControlResult, id_width: int) -> Iterator[str]:
        control = answer.check.control
        status = self._paint(_LABELS[answer.status].ljust(_LABEL), _COLORS.get(answer.status, ""))
        indent = " " * (_LABEL + id_width + 4)
        title, *continuation = self._wrap(visible(control.title), indent)
        yield f"  {status} {visible(control.id).ljust(id_width)} {self._paint(title.strip(), 'bold')}"
        yield from continuation
        yield from self._wrap(words.reason(answer), indent)
        for line in words.lines(answer, _MAX_RESOURCES):
            note = f" [{line.note}]" if line.note else ""
            text = f"{line.rule} {line.place}: {line.text}{note}" if line.rule else line.text
            yield from self._wrap(text, indent, "  ")
        passing = words.passing_rules(answer)
        if passing:
            yield from self._wrap(f"Passed: {passing}.", indent, "  ")

    def _wrap(self, text: str, indent: str, hanging: str = "") -> list[str]:
        return wrap(
            text, self.width, initial_indent=indent, subsequent_indent=indent + hanging,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip

    def _paint(self, text: str, style: str) -> str:
        if not self.color or not style or not text:
            return text
        from rich.color import ColorSystem
        from rich.style import Style

        return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)
