"""An assessment for people: a list that fits 80 columns, coloured on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from azkvlint.model.assessment import Assessment, ControlResult, Subject
from azkvlint.model.framework import Status
from azkvlint.reporters import Options
from azkvlint.reporters.controls import words
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.safe_text import visible

_LABELS = {
    Status.NOT_MET: "NOT MET",
    Status.UNDECIDED: "UNDECIDED",
    Status.MET: "met",
    Status.GUARANTEED: "guaranteed",
    Status.NOT_APPLICABLE: "n/a",
    Status.NO_RULE: "no rule",
}
_COLORS = {
    Status.NOT_MET: "red",
    Status.UNDECIDED: "magenta",
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
        """Yield all of it."""
        if len(assessment.sheets) == 1:
            yield self._paint(visible(assessment.sheets[0].framework.title), "bold")
            yield ""
        for subject in assessment.subjects:
            yield from self._subject(subject, assessment)
        for problem in words.problems(assessment):
            yield problem_line(problem)
        yield self._paint(words.summary(assessment), "bold")

    def _subject(self, subject: Subject, assessment: Assessment) -> Iterator[str]:
        yield self._paint(words.name(subject), "bold")
        where = f"{words.kind(subject)} {words.address(subject)} [{words.declaration_place(subject)}] {words.source_note(subject)}"
        yield from self._wrap(" ".join(where.split()), "")
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
        title, *more = self._wrap(visible(control.title), indent)
        yield f"  {status} {visible(control.id).ljust(id_width)} {self._paint(title.strip(), 'bold')}"
        yield from more
        yield from self._wrap(words.reason(answer), indent)
        for line in words.lines(answer, _MAX_RESOURCES):
            note = f" [{line.note}]" if line.note else ""
            said = f"{line.rule} {line.place}: {line.text}{note}" if line.rule else line.text
            yield from self._wrap(said, indent, "  ")
        holding = words.passing_rules(answer)
        if holding:
            yield from self._wrap(f"Holds: {holding}.", indent, "  ")

    def _wrap(self, said: str, indent: str, hanging: str = "") -> list[str]:
        return wrap(
            said, self.width, initial_indent=indent, subsequent_indent=indent + hanging,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip

    def _paint(self, said: str, style: str) -> str:
        if not self.color or not style or not said:
            return said
        from rich.color import ColorSystem
        from rich.style import Style

        return Style.parse(style).render(said, color_system=ColorSystem.STANDARD)
