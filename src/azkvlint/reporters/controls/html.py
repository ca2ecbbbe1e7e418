"""Render an assessment as one HTML page without scripts or external resources, ready to print.

All strings from an input pass through ``_text``; the page's own policy forbids scripts and external content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from azkvlint.model.assessment import Assessment, ControlResult, Subject
from azkvlint.model.finding import Outcome
from azkvlint.model.framework import Sheet, Status
from azkvlint.reporters import Options
from azkvlint.reporters.controls import words
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.safe_text import visible

STYLE = """
:root {
  --paper: #ffffff; --ground: #f4f5f7; --ink: #1b1f27; --soft: #5b6472; --line: #dfe3e9; --link: #1457c2;
  --bad: #b3261e; --bad-ground: #fdecea; --open: #8a5300; --open-ground: #fdf1dc;
  --good: #176c3a; --good-ground: #e4f4ea; --given: #0e6377; --given-ground: #e1f2f6;
  --none: #5b6472; --none-ground: #eceff3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171a20; --ground: #0f1115; --ink: #e8eaee; --soft: #a3acba; --line: #2c323c; --link: #8ab4ff;
    --bad: #ff9d94; --bad-ground: #43201e; --open: #f2c06b; --open-ground: #3b2c10;
    --good: #84d6a2; --good-ground: #16351f; --given: #7fd0e3; --given-ground: #10323b;
    --none: #a3acba; --none-ground: #262b34;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: .9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 3rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0; font-size: 1.25rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
p { margin: 0; }
a { color: var(--link); text-underline-offset: .15em; }
code {
  font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; color: var(--soft);
}
ul { margin: 0; padding: 0; list-style: none; }
.bad { --mark: var(--bad); --tint: var(--bad-ground); }
.open { --mark: var(--open); --tint: var(--open-ground); }
.good { --mark: var(--good); --tint: var(--good-ground); }
.given { --mark: var(--given); --tint: var(--given-ground); }
.none { --mark: var(--none); --tint: var(--none-ground); }

.about { max-width: 46rem; margin-top: .75rem; color: var(--soft); }
.facts { margin-top: .5rem; color: var(--soft); font-size: .9rem; }
.totals { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1.5rem; }
.totals li { padding: .5rem .9rem; border-radius: .5rem; background: var(--tint); color: var(--mark); }
.totals b { margin-right: .15rem; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.vaults { margin-top: 1.25rem; border-top: 1px solid var(--line); }
.vaults li {
  display: grid; grid-template-columns: minmax(0, 24rem) minmax(4rem, 10rem) minmax(0, 1fr); gap: .25rem 1rem;
  align-items: center; padding: .5rem 0; border-bottom: 1px solid var(--line);
}
.vaults a { font-weight: 600; }
.vaults code { display: block; }
.count, .score { color: var(--soft); font-size: .9rem; }
.bar { display: flex; gap: 2px; height: .5rem; border-radius: .25rem; overflow: hidden; }
.bar i { background: var(--mark); }
.bar .none { opacity: .35; }
.score { display: grid; grid-template-columns: minmax(4rem, 12rem) minmax(0, 1fr); gap: 1rem; align-items: center; }
.score { margin-top: .75rem; }
.problems { margin-top: 1.5rem; padding: 1rem 1.25rem; border-radius: .5rem; background: var(--bad-ground); }
.problems h2 { color: var(--bad); font-size: 1rem; }
.empty { margin-top: 1.5rem; font-weight: 600; }

.vault {
  margin-top: 2rem; padding: 1.5rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--paper);
}
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
.pill {
  display: inline-block; padding: .1rem .6rem; border-radius: 1rem; background: var(--tint); color: var(--mark);
  font-size: .85rem; font-weight: 600; white-space: nowrap;
}
.evidence { font-size: .9rem; }
.evidence p { color: var(--soft); }
.evidence p + ul, .evidence ul + p { margin-top: .4rem; }
.evidence li { padding-left: .8rem; border-left: 3px solid var(--mark, var(--line)); }
.evidence li + li { margin-top: .5rem; }
.evidence .more { color: var(--soft); }
.evidence code { display: inline-block; max-width: 100%; }
.evidence .rule { color: var(--mark); font-weight: 600; }
.evidence em { color: var(--open); font-style: normal; font-weight: 600; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .9rem; }
footer h2 { color: var(--ink); font-size: 1rem; }
dl { margin: .75rem 0 1.25rem; }
dl div { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 0 1rem; padding: .15rem 0; }
dt { color: var(--mark); font-weight: 600; }
dd { margin: 0; }

@media (max-width: 46rem) {
  main { padding: 1.5rem 1rem 2rem; }
  h1 { font-size: 1.4rem; }
  .vault { margin: 1.5rem -1rem 0; padding: 1.25rem 1rem; border-width: 1px 0; border-radius: 0; }
  .vaults li, .score, dl div { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  .section, .section th { display: block; }
  .row { display: grid; grid-template-columns: minmax(2.75rem, max-content) minmax(0, 1fr); padding: .9rem 0; }
  .row { column-gap: .75rem; border-bottom: 1px solid var(--line); }
  .row > *, .row > *:last-child { padding: 0; border: 0; }
  .status, .evidence { grid-column: 2; margin-top: .4rem; }
}
@media print {
  :root { --ground: #fff; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; color-scheme: light; }
  @page { margin: 14mm 12mm; }
  html { font-size: 9.5pt; }
  body { font-size: 1rem; }
  main { max-width: none; padding: 0; }
  .vault { margin-top: 12mm; padding: 0; border: 0; }
  .vault + .vault { break-before: page; margin-top: 0; }
  .row, .section, .evidence li, dl div { break-inside: avoid; }
  .section { break-after: avoid; }
  .pill, .totals li, .bar i, .problems { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
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
    Status.NOT_MET: "A rule does not hold, whatever the values turn out to be that are not known yet.",
    Status.UNKNOWN: "It depends on a value that is not known before deployment, or on what is not in the input.",
    Status.MET: "Rules judged it, and every one of them holds.",
    Status.GUARANTEED: "Azure gives it to every vault; nobody can turn it off.",
    Status.NOT_APPLICABLE: "The service has no such thing, or there is nothing in the input to ask.",
    Status.NO_RULE: "Infrastructure code does not show it, or no rule asks for it yet.",
}
_MARKS = {Outcome.FAIL: "bad", Outcome.UNKNOWN: "open", Outcome.PASS: "good"}
_COLUMNS = '<colgroup><col class="c-id"><col class="c-control"><col class="c-status"><col></colgroup>'
_BETWEEN = '<span class="dot"> · </span>'
_MAX_RESOURCES = 5
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(assessment: Assessment, options: Options) -> str:
    """Return the assessment as a page that ends with a line break."""
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
    problem_list = words.problems(assessment)
    if problem_list:
        yield '<div class="problems" role="alert"><h2>Not everything could be read</h2><ul>'
        yield from (f"<li>{_text(problem_line(problem))}</li>" for problem in problem_list)
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
    """Yield the totals, and with several vaults those of each."""
    yield '<ul class="totals">'
    count = assessment.count()
    for status, word in words.STATUS_WORDS.items():
        if count[status]:
            yield f'<li class="{_CLASSES[status]}"><b>{count[status]}</b> {_text(word)}</li>'
    yield "</ul>"
    if len(assessment.subjects) < 2:
        return
    yield '<ul class="vaults">'
    for number, subject in enumerate(assessment.subjects, 1):
        counts = subject.count()
        place = f"<code>{_text(words.declaration_place(subject))}</code>"
        yield f'<li><span><a href="#vault-{number}">{_text(words.name(subject))}</a> {place}</span>{_bar(counts)}'
        yield f'<span class="count">{_text(words.status_counts(counts))}</span></li>'
    yield "</ul>"


def _bar(count: Counter[Status]) -> str:
    """Return a bar divided by status. Its numbers are beside it in words."""
    parts = "".join(
        f'<i class="{_CLASSES[status]}" style="flex-grow:{count[status]}"></i>'
        for status in words.STATUS_WORDS
        if count[status]
    )
    return f'<span class="bar" aria-hidden="true">{parts}</span>'


def _subject(subject: Subject, assessment: Assessment, number: int) -> Iterator[str]:
    yield f'<section class="vault" id="vault-{number}">'
    yield f"<h2>{_text(words.name(subject))}</h2>"
    address, through = words.address(subject), words.source_note(subject)
    parts = [_text(words.kind(subject))]
    parts += [f"<code>{_text(one)}</code>" for one in (address, words.declaration_place(subject)) if one]
    parts += [_text(through)] if through else []
    yield f'<p class="facts">{" · ".join(parts)}</p>'
    yield f'<p class="score">{_bar(subject.count())}<span>{_text(words.status_counts(subject.count()))}</span></p>'
    for sheet, answers in words.sheets_with_results(subject, assessment):
        yield from _sheet(sheet, answers, named=len(assessment.sheets) > 1)
    yield "</section>"


def _sheet(sheet: Sheet, answers: tuple[ControlResult, ...], named: bool) -> Iterator[str]:
    if named:
        yield f"<h3>{_text(sheet.framework.title)}</h3>"
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
            yield f'</tbody><tbody><tr class="section"><th colspan="4" scope="rowgroup">{_text(section)}</th></tr>'
        yield f'<tr class="row {_CLASSES[answer.status]}">'
        yield f'<td class="id">{_text(control.id)}</td><th scope="row">{_text(control.title)}</th>'
        sign = f'<span aria-hidden="true">{_SIGNS[answer.status]}</span>'
        yield f'<td class="status"><span class="pill">{sign} {_text(words.STATUS_WORDS[answer.status])}</span></td>'
        yield f'<td class="evidence">{"".join(_evidence(answer))}</td>'
        yield "</tr>"
    yield "</tbody>"
    yield "</table>"


def _evidence(answer: ControlResult) -> Iterator[str]:
    if answer.why:
        links = (
            f'<a href="{_text(link)}" rel="noreferrer">{_text(_link_title(link))}</a>' for link in answer.references
        )
        yield f"<p>{_text(words.reason(answer))} {_BETWEEN.join(links)}</p>"
    lines = list(words.lines(answer, _MAX_RESOURCES))
    if lines:
        yield "<ul>"
        for line in lines:
            if not line.rule:
                yield f'<li class="more">{_text(line.text)}</li>'
                continue
            note = f" <em>{_text(line.note)}</em>" if line.note else ""
            rule = f'<code class="rule">{_text(line.rule)}</code>'
            content = f"{rule} {_text(line.text)}{note} <code>{_text(line.place)}</code>"
            yield f'<li class="{_MARKS[line.outcome]}">{content}</li>'
        yield "</ul>"
    passing = words.passing_rules(answer)
    if passing:
        yield f'<p class="holds">Passed: {_text(passing)}.</p>'


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
        anchors = " · ".join(f'<a href="{_text(link)}" rel="noreferrer">{_text(link)}</a>' for link in links)
        yield f'<p class="links">{anchors}</p>'
    yield "</footer>"


def _link_title(link: str) -> str:
    """Return the title of a link from the last segment of its path."""
    return link.rstrip("/").rpartition("/")[2].partition("#")[0].replace("-", " ").capitalize()


def _sentence(text: str) -> str:
    return _text(f"{text[:1].upper()}{text[1:]}.")


def _text(text: str) -> str:
    """Escape a string for HTML elements and quoted attributes."""
    return escape(visible(text), quote=True)
