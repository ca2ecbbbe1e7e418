"""An assessment as one HTML page: nothing is loaded, nothing runs, and it prints as it reads.

Whatever comes from an input goes through ``_text``; the page's own policy forbids scripts and everything from outside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from azkvlint.model.assessment import Answer, Assessment, Subject
from azkvlint.model.finding import Outcome
from azkvlint.model.framework import Sheet, Status
from azkvlint.reporters import Options
from azkvlint.reporters.controls import words
from azkvlint.reporters.controls.style import STYLE
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.safe_text import visible

_CLASSES = {
    Status.NOT_MET: "bad",
    Status.UNDECIDED: "open",
    Status.MET: "good",
    Status.GUARANTEED: "given",
    Status.NOT_APPLICABLE: "none",
    Status.NO_RULE: "none",
}
_SIGNS = {
    Status.NOT_MET: "\u2715",
    Status.UNDECIDED: "?",
    Status.MET: "\u2713",
    Status.GUARANTEED: "\u2713",
    Status.NOT_APPLICABLE: "\u2013",
    Status.NO_RULE: "\u2013",
}
_MEANINGS = {
    Status.NOT_MET: "A rule does not hold, whatever the values turn out to be that are not known yet.",
    Status.UNDECIDED: "It hangs on a value that is not known before deployment, or on what is not in the input.",
    Status.MET: "Rules judged it, and every one of them holds.",
    Status.GUARANTEED: "Azure gives it to every vault; nobody can turn it off.",
    Status.NOT_APPLICABLE: "The service has no such thing, or there is nothing in the input to ask.",
    Status.NO_RULE: "Infrastructure code does not show it, or no rule asks for it yet.",
}
_MARKS = {Outcome.FAIL: "bad", Outcome.UNDECIDED: "open", Outcome.PASS: "good"}
_COLUMNS = '<colgroup><col class="c-id"><col class="c-control"><col class="c-status"><col></colgroup>'
_BETWEEN = '<span class="dot"> · </span>'
_MOST = 5
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(assessment: Assessment, options: Options) -> str:
    """The assessment as a page that ends with a line break."""
    return "".join(f"{line}\n" for line in _page(assessment))


def _page(assessment: Assessment) -> Iterator[str]:
    title = ", ".join(_text(sheet.framework.title) for sheet in assessment.sheets)
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f'<meta name="generator" content="kvlint {_text(assessment.version)}">'
    yield f"<title>{title}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield "<main>"
    yield from _head(assessment, title)
    for number, subject in enumerate(assessment.subjects, 1):
        yield from _subject(subject, assessment, number)
    yield from _foot(assessment)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _head(assessment: Assessment, title: str) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{title}</h1>"
    if len(assessment.sheets) == 1:
        yield f'<p class="about">{_text(assessment.sheets[0].framework.about)}</p>'
    yield f'<p class="facts">{" · ".join(_facts(assessment))}</p>'
    found = words.problems(assessment)
    if found:
        yield '<div class="problems" role="alert"><h2>Not everything could be read</h2><ul>'
        yield from (f"<li>{_text(problem_line(problem))}</li>" for problem in found)
        yield "</ul></div>"
    if assessment.subjects:
        yield from _totals(assessment)
    else:
        yield f'<p class="empty">{_sentence(words.NO_VAULT)}</p>'
    yield "</header>"


def _facts(assessment: Assessment) -> Iterator[str]:
    repository = assessment.repository
    if repository is not None:
        yield _text(repository.uri.removeprefix("https://"))
        yield f"commit <code>{_text(repository.revision[:12])}</code>"
    sources = assessment.sources
    if len(sources) == 1:
        yield f"<code>{_text(sources[0])}</code>"
    elif sources:
        yield f"{len(sources)} inputs"
    yield f"kvlint {_text(assessment.version)}"


def _totals(assessment: Assessment) -> Iterator[str]:
    """The counts of all rows, and where there are several vaults, those of each."""
    yield '<ul class="totals">'
    count = assessment.count()
    for status, word in words.SHORT.items():
        if count[status]:
            yield f'<li class="{_CLASSES[status]}"><b>{count[status]}</b> {_text(word)}</li>'
    yield "</ul>"
    if len(assessment.subjects) < 2:
        return
    yield '<ul class="vaults">'
    for number, subject in enumerate(assessment.subjects, 1):
        each = subject.count()
        place = f"<code>{_text(words.where(subject))}</code>"
        yield f'<li><span><a href="#vault-{number}">{_text(words.name(subject))}</a> {place}</span>{_bar(each)}'
        yield f'<span class="count">{_text(words.status_counts(each))}</span></li>'
    yield "</ul>"


def _bar(count: Counter[Status]) -> str:
    """A bar whose parts are as long as the statuses are frequent. Its numbers stand beside it in words."""
    parts = "".join(
        f'<i class="{_CLASSES[status]}" style="flex-grow:{count[status]}"></i>'
        for status in words.SHORT
        if count[status]
    )
    return f'<span class="bar" aria-hidden="true">{parts}</span>'


def _subject(subject: Subject, assessment: Assessment, number: int) -> Iterator[str]:
    yield f'<section class="vault" id="vault-{number}">'
    yield f"<h2>{_text(words.name(subject))}</h2>"
    address, through = words.address(subject), words.through(subject)
    parts = [_text(words.kind(subject))]
    parts += [f"<code>{_text(one)}</code>" for one in (address, words.where(subject)) if one]
    parts += [_text(through)] if through else []
    yield f'<p class="facts">{" · ".join(parts)}</p>'
    yield f'<p class="score">{_bar(subject.count())}<span>{_text(words.status_counts(subject.count()))}</span></p>'
    for sheet, answers in words.answered(subject, assessment):
        yield from _sheet(sheet, answers, named=len(assessment.sheets) > 1)
    yield "</section>"


def _sheet(sheet: Sheet, answers: tuple[Answer, ...], named: bool) -> Iterator[str]:
    if named:
        yield f"<h3>{_text(sheet.framework.title)}</h3>"
    yield "<table>"
    yield _COLUMNS
    yield '<thead><tr><th scope="col" colspan="2">Control</th><th scope="col">Status</th>'
    yield '<th scope="col">Evidence</th></tr></thead>'
    section = ""
    yield "<tbody>"
    for answer in answers:
        control = answer.question.control
        if control.section != section:
            section = control.section
            yield f'</tbody><tbody><tr class="section"><th colspan="4" scope="rowgroup">{_text(section)}</th></tr>'
        yield f'<tr class="row {_CLASSES[answer.status]}">'
        yield f'<td class="id">{_text(control.id)}</td><th scope="row">{_text(control.title)}</th>'
        sign = f'<span aria-hidden="true">{_SIGNS[answer.status]}</span>'
        yield f'<td class="status"><span class="pill">{sign} {_text(words.SHORT[answer.status])}</span></td>'
        yield f'<td class="evidence">{"".join(_evidence(answer))}</td>'
        yield "</tr>"
    yield "</tbody>"
    yield "</table>"


def _evidence(answer: Answer) -> Iterator[str]:
    if answer.why:
        links = (f'<a href="{_text(link)}" rel="noreferrer">{_text(_called(link))}</a>' for link in answer.references)
        yield f"<p>{_text(words.why(answer))} {_BETWEEN.join(links)}</p>"
    found = list(words.lines(answer, _MOST))
    if found:
        yield "<ul>"
        for line in found:
            if not line.rule:
                yield f'<li class="more">{_text(line.text)}</li>'
                continue
            note = f" <em>{_text(line.note)}</em>" if line.note else ""
            rule = f'<code class="rule">{_text(line.rule)}</code>'
            said = f"{rule} {_text(line.text)}{note} <code>{_text(line.place)}</code>"
            yield f'<li class="{_MARKS[line.outcome]}">{said}</li>'
        yield "</ul>"
    holding = words.holding(answer)
    if holding:
        yield f'<p class="holds">Holds: {_text(holding)}.</p>'


def _foot(assessment: Assessment) -> Iterator[str]:
    count = assessment.count()
    yield "<footer>"
    yield "<h2>What the words mean</h2>"
    yield "<dl>"
    for status, meaning in _MEANINGS.items():
        if count[status]:
            word = _text(status.value.capitalize())
            yield f'<div class="{_CLASSES[status]}"><dt>{word}</dt><dd>{_text(meaning)}</dd></div>'
    yield "</dl>"
    links = dict.fromkeys(link for sheet in assessment.sheets for link in sheet.framework.references)
    if links:
        shown = " · ".join(f'<a href="{_text(link)}" rel="noreferrer">{_text(link)}</a>' for link in links)
        yield f'<p class="links">{shown}</p>'
    yield "</footer>"


def _called(link: str) -> str:
    """What a link is about, as its last part says it."""
    return link.rstrip("/").rpartition("/")[2].partition("#")[0].replace("-", " ").capitalize()


def _sentence(said: str) -> str:
    return _text(f"{said[:1].upper()}{said[1:]}.")


def _text(said: str) -> str:
    """Text that HTML takes for nothing more, inside an element or between quotes."""
    return escape(visible(said), quote=True)
