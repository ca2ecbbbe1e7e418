"""Render an assessment as one HTML page without scripts or external resources, ready to print.

All strings from an input pass through ``escaped``; the page's own policy forbids scripts and external content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from azkvlint.model.finding import Outcome, without_notes
from azkvlint.model.framework import Assessment, ControlResult, Sheet, Status, Subject
from azkvlint.reporters import Options, controls
from azkvlint.reporters.html_page import bar, code, escaped, facts, link, page, problem_box, vault_row

_STYLE = """
.score { display: grid; grid-template-columns: minmax(4rem, 12rem) minmax(0, 1fr); gap: 1rem; align-items: center; }
.score { margin-top: .75rem; }

table { width: 100%; margin-top: 1.25rem; border-collapse: collapse; table-layout: fixed; }
thead th { padding: 0 .75rem .4rem 0; color: var(--soft); font-size: .8rem; font-weight: 500; text-align: left; }
.c-id { width: 4.75rem; }
.c-control { width: 24%; }
.c-status { width: 10rem; }
.section th {
  padding: 1.4rem 0 .4rem; color: var(--ink); font-size: .95rem; font-weight: 650; text-align: left;
  border-bottom: 1px solid var(--line);
}
.row > * { padding: .7rem .75rem .7rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.row > *:last-child { padding-right: 0; }
.row th { font-weight: 500; text-align: left; }
.id { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.evidence { font-size: .9rem; }
.evidence p { color: var(--soft); }
.evidence p + ul, .evidence ul + p { margin-top: .4rem; }
.evidence li { padding-left: .8rem; border-left: 3px solid var(--mark, var(--line)); }
.evidence li + li { margin-top: .5rem; }
.evidence .more { color: var(--soft); }
.evidence code { display: inline-block; max-width: 100%; }
.evidence .rule { color: var(--mark); font-weight: 600; }
.evidence em { color: var(--open); font-style: normal; font-weight: 600; }

@media (max-width: 46rem) {
  .score { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  .section, .section th { display: block; }
  .row { display: grid; grid-template-columns: minmax(2.75rem, max-content) minmax(0, 1fr); padding: .9rem 0; }
  .row { column-gap: .75rem; border-bottom: 1px solid var(--line); }
  .row > *, .row > *:last-child { padding: 0; border: 0; }
  .status, .evidence { grid-column: 2; margin-top: .4rem; }
}
@media print {
  .vault + .vault { break-before: page; margin-top: 0; }
  .row, .section, .evidence li { break-inside: avoid; }
  .section { break-after: avoid; }
  .evidence a { display: block; font-size: 0; }
  .evidence a::after { content: attr(href); color: var(--soft); font-size: .8rem; }
  .dot { display: none; }
}
"""
_CLASSES = {
    Status.NOT_MET: "bad",
    Status.UNKNOWN: "open",
    Status.MET: "good",
    Status.GUARANTEED: "given",
    Status.NOT_APPLICABLE: "none",
    Status.NO_RULE: "none",
}
_SIGNS = {
    Status.NOT_MET: "\u2715",
    Status.UNKNOWN: "?",
    Status.MET: "\u2713",
    Status.GUARANTEED: "\u2713",
    Status.NOT_APPLICABLE: "\u2013",
    Status.NO_RULE: "\u2013",
}
_MEANINGS = {
    Status.NOT_MET: "A rule fails, regardless of values that are not known yet.",
    Status.UNKNOWN: "The result depends on a value that is not known, or on resources outside the input.",
    Status.MET: "All rules of the control pass.",
    Status.GUARANTEED: "Azure guarantees it for every vault. It cannot be disabled.",
    Status.NOT_APPLICABLE: "The service has no such feature, or the input has no matching resource.",
    Status.NO_RULE: "Infrastructure code does not show it, or no rule checks it.",
}
_MARKS = {Outcome.FAIL: "bad", Outcome.UNKNOWN: "open", Outcome.PASS: "good"}
_COLUMNS = '<colgroup><col class="c-id"><col class="c-control"><col class="c-status"><col></colgroup>'
_BETWEEN = '<span class="dot"> · </span>'
_MAX_RESOURCES = 5


def html(assessment: Assessment, options: Options) -> str:
    """Return the assessment as a page that ends with a line break."""
    title = ", ".join(escaped(sheet.framework.title) for sheet in assessment.sheets)
    return page(title, assessment.version, _STYLE, _body(assessment, title))


def _body(assessment: Assessment, title: str) -> Iterator[str]:
    yield from _head(assessment, title)
    for number, subject in enumerate(assessment.subjects, 1):
        yield from _subject(subject, assessment, number)
    yield from _foot(assessment)


def _head(assessment: Assessment, title: str) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{title}</h1>"
    if len(assessment.sheets) == 1:
        yield f'<p class="about">{escaped(assessment.sheets[0].framework.about)}</p>'
    names = [code(sheet.framework.name) for sheet in assessment.sheets]
    about = facts(assessment.repository, assessment.sources, assessment.version)
    yield f'<p class="facts">{" · ".join((*names, *about))}</p>'
    problem_list = without_notes(assessment.problems)
    if problem_list:
        yield from problem_box("Not everything could be read", problem_list)
    if assessment.subjects:
        yield from _totals(assessment)
    else:
        yield f'<p class="empty">{_sentence(controls.NO_VAULT)}</p>'
    yield "</header>"


def _totals(assessment: Assessment) -> Iterator[str]:
    """Yield the totals, and with several vaults those of each."""
    yield '<ul class="totals">'
    count = assessment.count()
    for status, word in controls.STATUS_WORDS.items():
        if count[status]:
            yield f'<li class="{_CLASSES[status]}"><b>{count[status]}</b> {escaped(word)}</li>'
    yield "</ul>"
    if len(assessment.subjects) < 2:
        return
    yield '<ul class="vaults">'
    for number, subject in enumerate(assessment.subjects, 1):
        counts = subject.count()
        name, place = controls.name(subject), controls.declaration_place(subject)
        yield vault_row(number, name, place, _bar(counts), controls.status_counts(counts))
    yield "</ul>"


def _bar(count: Counter[Status]) -> str:
    return bar((_CLASSES[status], count[status]) for status in controls.STATUS_WORDS)


def _subject(subject: Subject, assessment: Assessment, number: int) -> Iterator[str]:
    yield f'<section class="vault" id="vault-{number}">'
    yield f"<h2>{escaped(controls.name(subject))}</h2>"
    address, through = controls.address(subject), controls.source_note(subject)
    parts = [escaped(controls.kind(subject))]
    parts += [code(one) for one in (address, controls.declaration_place(subject)) if one]
    parts += [escaped(through)] if through else []
    yield f'<p class="facts">{" · ".join(parts)}</p>'
    yield f'<p class="score">{_bar(subject.count())}<span>{escaped(controls.status_counts(subject.count()))}</span></p>'
    for sheet, answers in controls.sheets_with_results(subject, assessment):
        yield from _sheet(sheet, answers, named=len(assessment.sheets) > 1)
    yield "</section>"


def _sheet(sheet: Sheet, answers: tuple[ControlResult, ...], named: bool) -> Iterator[str]:
    if named:
        yield f"<h3>{escaped(sheet.framework.title)}</h3>"
    yield "<table>"
    yield _COLUMNS
    yield '<thead><tr><th scope="col" colspan="2">Control</th><th scope="col">Status</th>'
    yield '<th scope="col">Evidence</th></tr></thead>'
    section = ""
    yield "<tbody>"
    for answer in answers:
        control = answer.check.control
        if control.section != section:
            section = control.section
            yield f'</tbody><tbody><tr class="section"><th colspan="4" scope="rowgroup">{escaped(section)}</th></tr>'
        yield f'<tr class="row {_CLASSES[answer.status]}">'
        yield f'<td class="id">{escaped(control.id)}</td><th scope="row">{escaped(control.title)}</th>'
        sign = f'<span aria-hidden="true">{_SIGNS[answer.status]}</span>'
        status = escaped(controls.STATUS_WORDS[answer.status])
        yield f'<td class="status"><span class="pill">{sign} {status}</span></td>'
        yield f'<td class="evidence">{"".join(_evidence(answer))}</td>'
        yield "</tr>"
    yield "</tbody>"
    yield "</table>"


def _evidence(answer: ControlResult) -> Iterator[str]:
    if answer.why:
        links = (link(address, escaped(_link_title(address))) for address in answer.references)
        yield f"<p>{escaped(controls.reason(answer))} {_BETWEEN.join(links)}</p>"
    lines = list(controls.lines(answer, _MAX_RESOURCES))
    if lines:
        yield "<ul>"
        for line in lines:
            if not line.rule:
                yield f'<li class="more">{escaped(line.text)}</li>'
                continue
            note = f" <em>{escaped(line.note)}</em>" if line.note else ""
            rule = f'<code class="rule">{escaped(line.rule)}</code>'
            content = f"{rule} {escaped(line.text)}{note} {code(line.place)}"
            yield f'<li class="{_MARKS[line.outcome]}">{content}</li>'
        yield "</ul>"
    passing = controls.passing_rules(answer)
    if passing:
        yield f'<p class="holds">Passed: {escaped(passing)}.</p>'


def _foot(assessment: Assessment) -> Iterator[str]:
    count = assessment.count()
    yield "<footer>"
    yield "<h2>What the words mean</h2>"
    yield "<dl>"
    for status, meaning in _MEANINGS.items():
        if count[status]:
            word = escaped(status.value.capitalize())
            yield f'<div class="{_CLASSES[status]}"><dt>{word}</dt><dd>{escaped(meaning)}</dd></div>'
    yield "</dl>"
    addresses = dict.fromkeys(address for sheet in assessment.sheets for address in sheet.framework.references)
    if addresses:
        anchors = " · ".join(link(address, escaped(address)) for address in addresses)
        yield f'<p class="links">{anchors}</p>'
    yield "</footer>"


def _link_title(address: str) -> str:
    """Return the title of a link from the last segment of its path."""
    return address.rstrip("/").rpartition("/")[2].partition("#")[0].replace("-", " ").capitalize()


def _sentence(text: str) -> str:
    return escaped(f"{text[:1].upper()}{text[1:]}.")
