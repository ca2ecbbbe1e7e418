"""Render who can reach what as one HTML page without scripts or external resources.

All strings from an input pass through ``escaped``. Each row of the matrix opens to the paths of its principal.
"""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.access import AccessReport
from azkvlint.model.finding import without_notes
from azkvlint.reporters import Options, access
from azkvlint.reporters.html_page import code, escaped, facts, inline, page, problem_box
from azkvlint.reporters.phrases import place

_STYLE = """
.gates { margin-top: 1rem; padding: 1rem 1.25rem; border-radius: .5rem; background: var(--bad-ground); }
.gates li { color: var(--bad); font-weight: 600; }
.of { margin-top: .35rem; color: var(--soft); font-size: .9rem; }
.legend { margin-top: .75rem; color: var(--soft); font-size: .9rem; }
.matrix { margin-top: 1rem; font-size: .9rem; }
.head, summary {
  display: grid; grid-template-columns: minmax(0, 1fr) repeat(var(--columns), 4.6rem); align-items: center;
}
.head {
  position: sticky; top: 0; padding: .4rem 0; background: var(--paper); color: var(--soft); font-size: .8rem;
  border-bottom: 1px solid var(--line);
}
.head span + span, .cell { text-align: center; }
summary { padding: .4rem 0; border-bottom: 1px solid var(--line); cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover { background: var(--ground); }
.who { padding-right: .75rem; font-weight: 600; }
.who::before { content: "+"; display: inline-block; width: 1rem; color: var(--soft); font-weight: 400; }
details[open] .who::before { content: "\\2013"; }
.who i { color: var(--soft); font-style: normal; font-weight: 400; }
.cell b { display: inline-block; min-width: 2.4rem; border-radius: 1rem; background: var(--tint); color: var(--mark); }
.cell .name { display: none; }
.paths { padding: .6rem 0 1rem 1rem; border-bottom: 1px solid var(--line); }
.paths li { padding-left: .8rem; border-left: 3px solid var(--mark); }
.paths li + li { margin-top: .75rem; }
.paths p + p { margin-top: .2rem; }
.paths ol { margin: .2rem 0; padding-left: 1.2rem; }
.paths ol li { padding: 0; border: 0; }
.paths ol li + li { margin: 0; }
.paths .note { color: var(--soft); }
@media (max-width: 60rem) {
  .head { display: none; }
  summary { display: block; padding: .6rem 0; }
  .who { display: block; padding: 0 0 .25rem; }
  .cell { display: inline-block; margin: .15rem .35rem .15rem 0; }
  .cell.none { display: none; }
  .cell .name { display: inline; }
  .cell b { padding: .05rem .55rem; font-weight: 500; }
}
@media print { details:not([open]) > .paths { display: block; } .head { position: static; } }
"""
_CLASSES = {"yes": "bad", "?": "open", "-": "none"}


def html(report: AccessReport, options: Options) -> str:
    """Return the matrix as a page that ends with a line break."""
    return page("Access to key vaults", report.version, _STYLE, _body(report))


def _body(report: AccessReport) -> Iterator[str]:
    yield "<header><h1>Access to key vaults</h1>"
    yield f'<p class="facts">{" · ".join(facts(report.repository, report.sources, report.version))}</p>'
    problems = without_notes(report.problems)
    if problems:
        yield from problem_box("Not everything could be read", problems)
    yield f'<p class="about">{escaped(access.summary(report))}</p>'
    if report.breaches:
        yield '<ul class="gates">'
        yield from (f"<li>{escaped(access.breach_text(breach, report))}</li>" for breach in report.breaches)
        yield "</ul>"
    for note in access.notes(report):
        yield f'<p class="about">{escaped(note)}</p>'
    yield "</header>"
    for section in access.sections(report):
        yield from _section(section, report)
    for vault in access.without_access(report):
        yield f'<p class="empty">{code(access.vault_facts(vault))} no access</p>'
    yield from _foot(report)


def _section(section: access.Section, report: AccessReport) -> Iterator[str]:
    yield '<section class="vault">'
    yield f"<h2>{escaped(access.title(section))}</h2>"
    for vault in section.vaults:
        condition = f" · {escaped(vault.condition)}" if vault.condition else ""
        yield f'<p class="of">{code(vault.place)} · {escaped(vault.model)} · {code(place(vault.at))}{condition}</p>'
    if section.wider:
        yield f'<p class="of">{escaped(access.wider_text(section))}</p>'
    yield f'<div class="matrix" style="--columns:{len(report.capabilities)}">'
    headings = "".join(
        f'<span title="{escaped(one.label)}">{escaped(access.heading(one.name))}</span>' for one in report.capabilities
    )
    yield f'<div class="head"><span>Principal</span>{headings}</div>'
    for row in section.rows:
        yield from _row(row, report)
    yield "</div></section>"


def _row(row: access.PrincipalAccess, report: AccessReport) -> Iterator[str]:
    kind = f" <i>{escaped(row.principal.kind)}</i>" if row.principal.kind else ""
    yield f'<details><summary><span class="who">{escaped(row.principal.label)}{kind}</span>'
    for one in report.capabilities:
        mark = access.mark(row.cells, one.name)
        name = f'<span class="name">{escaped(access.heading(one.name))} </span>'
        content = f"<b>{name}{escaped(mark)}</b>" if mark != "-" else ""
        yield f'<span class="cell {_CLASSES[mark]}">{content}</span>'
    yield '</summary><ul class="paths">'
    for group in row.paths:
        certainty = access.certainty(group.path)
        names = ", ".join(group.capabilities)
        yield f'<li class="{"bad" if group.path.is_certain else "open"}"><p><b>{certainty}</b> {escaped(names)}</p><ol>'
        for step in group.path.steps:
            at = "" if step.at is None else f" {code(place(step.at))}"
            yield f"<li>{inline(step.text)}{at}</li>"
        yield "</ol>"
        if group.path.doubt:
            yield f'<p class="note">Decided by: {inline(group.path.doubt)}</p>'
        for capabilities, edit in group.edits:
            what = f" for {escaped(capabilities)}" if capabilities else ""
            yield f'<p class="note">Edit{what}: {inline(edit)}</p>'
        yield "</li>"
    yield "</ul></details>"


def _foot(report: AccessReport) -> Iterator[str]:
    yield "<footer><h2>What the words mean</h2><dl>"
    yield '<div class="bad"><dt>yes</dt><dd>The scanned files give this access.</dd></div>'
    yield '<div class="open"><dt>?</dt><dd>Perhaps: it depends on a value or resource that is not known.</dd></div>'
    for one in report.capabilities:
        yield f"<div><dt>{escaped(access.heading(one.name))}</dt><dd>{escaped(one.label)}</dd></div>"
    yield "</dl></footer>"
