"""Write a document as one HTML page that loads nothing, ready to print and to read on a telephone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from azkvlint.reporters.document import (
    BAD,
    CODE,
    EMPHASIS,
    GIVEN,
    GOOD,
    NEUTRAL,
    OPEN,
    PROSE,
    STATE,
    STRONG,
    TEXT,
    Block,
    Cell,
    CodeBlock,
    Column,
    Content,
    Count,
    Document,
    Figure,
    Item,
    Items,
    Paragraph,
    Row,
    Section,
    Span,
    Table,
    counts_text,
    is_web_address,
    link_title,
    spans,
)
from azkvlint.reporters.html_page import bar, code, escaped, link, page
from azkvlint.reporters.html_page import inline as prose

_STYLE = """
.about + .about { margin-top: .35rem; }
.failures { margin-top: 1rem; padding: 1rem 1.25rem; border-radius: .5rem; background: var(--bad-ground); }
.failures li { color: var(--bad); font-weight: 600; }
.score { display: grid; grid-template-columns: minmax(4rem, 12rem) minmax(0, 1fr); gap: 1rem; align-items: center; }
.score { margin-top: .75rem; }
.of { margin-top: .35rem; color: var(--soft); font-size: .9rem; }
.contents { margin-top: 1.25rem; }
.contents > summary { color: var(--soft); font-size: .9rem; cursor: pointer; }
.contents .vaults { margin-top: .5rem; }
.vaults .of { display: block; margin: 0; }
.vaults .alone { display: block; }
.vaults code { display: inline; }
.note { margin-top: 1rem; padding-left: .8rem; border-left: 3px solid var(--mark, var(--line)); }
.part { margin-top: 1rem; }
.tree { margin-top: .75rem; font-size: .9rem; }
.tree li { padding-left: .8rem; border-left: 3px solid var(--mark, var(--line)); }
.tree li + li { margin-top: .5rem; }
.tree .tree { margin-top: .2rem; font-size: inherit; }
.tree .tree li + li { margin-top: .2rem; }
pre { margin: .75rem 0 0; padding: .75rem 1rem; overflow-x: auto; border-radius: .5rem; background: var(--ground); }
pre code { color: var(--ink); overflow-wrap: normal; }
figure { margin: 1rem 0 0; overflow-x: auto; }
figcaption { color: var(--soft); font-size: .9rem; }
.fold > summary { cursor: pointer; }
.fold > summary h2, .fold > summary h3 { display: inline; }

table { width: 100%; margin-top: 1.25rem; border-collapse: collapse; }
thead th, .head > span {
  padding: .3rem .75rem .4rem 0; color: var(--soft); font-size: .8rem; font-weight: 500; text-align: left;
}
.group th, p.group {
  padding: 1.4rem 0 .4rem; color: var(--ink); font-size: .95rem; font-weight: 650; text-align: left;
  border-bottom: 1px solid var(--line);
}
tbody + tbody .group th { padding-top: 1.4rem; }
.row > * { padding: .7rem .75rem .7rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; }
.row > *:last-child { padding-right: 0; }
.row > .c-text { font-weight: 500; text-align: left; }
.c-short { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.c-state { white-space: nowrap; }
.c-below { font-size: .9rem; }
.c-below > p { color: var(--soft); }
.number { text-align: right; }
.row ul { font-size: .9rem; font-weight: 400; }
.row li { padding-left: .8rem; border-left: 3px solid var(--line); }
.row li[class] { border-color: var(--mark); }
.row li + li, .row p + ul, .row ul + p { margin-top: .5rem; }
.row li code { display: inline-block; max-width: 100%; }
.row em { color: var(--open); font-style: normal; font-weight: 600; }
.row .rule, .row li b { color: var(--mark); font-weight: 600; }
.label { display: none; }

.opens { margin-top: 1rem; font-size: .9rem; }
.opens .head, .opens .row { display: grid; grid-template-columns: var(--columns); align-items: center; }
.opens .head { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--line); }
.opens .row { cursor: pointer; list-style: none; border-bottom: 1px solid var(--line); }
.opens .row > * { padding: .4rem .75rem .4rem 0; border: 0; }
.opens .row::-webkit-details-marker { display: none; }
.opens .row:hover { background: var(--ground); }
.opens .first::before { content: "+"; display: inline-block; width: 1rem; color: var(--soft); font-weight: 400; }
.opens [open] > .row .first::before { content: "\\2013"; }
.opens .inner { padding: .1rem 0 1rem 1rem; border-bottom: 1px solid var(--line); }
/* A browser lays out what is on the screen. Both are guesses of a height until then. */
.vault { content-visibility: auto; contain-intrinsic-height: auto 30rem; }
.opens details { content-visibility: auto; contain-intrinsic-height: auto 2.4rem; }
.opens .row:focus-visible { outline-offset: -2px; }

@media (max-width: 46rem) {
  .score { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
  thead, .opens .head { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  .group, .group th { display: block; }
  .row, .opens .row { display: flex; flex-wrap: wrap; gap: .4rem .75rem; padding: .9rem 0; }
  .row { border-bottom: 1px solid var(--line); }
  .row > *, .row > *:last-child, .opens .row > * { padding: 0; border: 0; }
  .row > :empty { display: none; }
  .row > .c-text { flex: 1 1 60%; }
  .opens .row > .c-text { flex-basis: 100%; }
  .opens details { contain-intrinsic-height: auto 6rem; }
  .row > .c-below { flex: 1 1 100%; }
  .label { display: inline; }
}
@media print {
  .vault, .opens details { content-visibility: visible; }
  .vault + .vault { break-before: page; margin-top: 0; }
  .row, .group, .row li { break-inside: avoid; }
  .group { break-after: avoid; }
  .opens .head { position: static; }
  details:not([open]) > :not(summary) { display: block; }
  .doc { display: block; font-size: 0; }
  .doc::after { content: attr(href); color: var(--soft); font-size: .8rem; }
  .dot { display: none; }
}
"""
_SIGNS = {BAD: "\u2715", OPEN: "?", GOOD: "\u2713", GIVEN: "\u2713", NEUTRAL: "\u2013"}
_TAGS = {STRONG: "b", EMPHASIS: "em"}
# The width of a column of a table whose rows open, which have no width in common.
_WIDTHS = {STATE: "5rem", TEXT: "minmax(0, 1fr)"}
# With more sections, a reader opens the list of them.
_MOST_OPEN = 10
_OTHER_WIDTH = "minmax(0, 8rem)"
_BETWEEN = '<span class="dot"> · </span>'


def html(document: Document, style: str = "", script: str = "") -> str:
    """Return the document as a page that ends with a line break. ``style`` and ``script`` are those of its figures."""
    title = escaped(document.title)
    return page(title, document.version, f"{_STYLE}{style}", _body(document), script)


def _body(document: Document) -> Iterator[str]:
    yield f"<header><h1>{escaped(document.title)}</h1>"
    if document.about:
        yield f'<p class="about">{inline(document.about)}</p>'
    if document.facts:
        yield f'<p class="facts">{" · ".join(map(inline, document.facts))}</p>'
    if document.problems:
        yield '<div class="problems" role="alert"><h2>Not everything could be read</h2><ul>'
        yield from (f"<li>{escaped(problem)}</li>" for problem in document.problems)
        yield "</ul></div>"
    if document.summary:
        yield f'<p class="about">{inline(document.summary)}</p>'
    yield from _totals(document.counts)
    if document.failures:
        yield '<ul class="failures">'
        yield from (f"<li>{inline(failure)}</li>" for failure in document.failures)
        yield "</ul>"
    yield from (f'<p class="about">{inline(note)}</p>' for note in document.notes)
    yield from _contents(document)
    yield "</header>"
    for block in document.blocks:
        yield from _block(block, 2)
    yield from _foot(document)


def _totals(counts: Iterable[Count]) -> Iterator[str]:
    shown = [one for one in counts if one.number]
    if shown:
        items = (f'<li class="{one.state}"><b>{one.number}</b> {escaped(one.word)}</li>' for one in shown)
        yield f'<ul class="totals">{"".join(items)}</ul>'


def _contents(document: Document) -> Iterator[str]:
    """Yield the list of the sections with anchors, unless there is only one."""
    sections = [one for one in document.blocks if isinstance(one, Section) and one.anchor]
    if len(sections) < 2:
        return
    is_open = " open" if len(sections) <= _MOST_OPEN else ""
    yield f'<details class="contents"{is_open}><summary>{len(sections)} sections</summary><ul class="vaults">'
    for section in sections:
        about = inline(section.about[0]) if section.about else ""
        name = f'<a href="#{escaped(section.anchor)}">{inline(section.title)}</a>'
        counts = f'{_bar(section)}<span class="count">{escaped(counts_text(section.counts))}</span>'
        entry = f'<span>{name} <span class="of">{about}</span></span>'
        yield f"<li>{entry}{counts}</li>" if section.counts else f'<li class="alone">{entry}</li>'
    yield "</ul></details>"


def _bar(section: Section) -> str:
    return bar((one.state, one.number) for one in section.counts)


def _block(block: Block, level: int) -> Iterator[str]:
    match block:
        case Section():
            yield from _section(block, level)
        case Table():
            yield from (_opening if any(row.details for row in block.rows) else _table)(block)
        case Items():
            yield from _items(block.items, "tree")
        case Paragraph():
            style = f"note {block.state}" if block.state else "part"
            yield f'<p class="{style}">{inline(block.content)}</p>'
        case CodeBlock():
            yield f'<p class="part"><b>{inline(block.title)}</b></p>' if block.title else ""
            yield f"<pre><code>{_lines(block.text)}</code></pre>"
        case Figure():
            caption = f"<figcaption>{inline(block.caption)}</figcaption>" if block.caption else ""
            yield f"<figure>{block.markup}{caption}</figure>"


def _lines(text: str) -> str:
    return "\n".join(escaped(line) for line in text.splitlines())


def _section(section: Section, level: int) -> Iterator[str]:
    anchor = f' id="{escaped(section.anchor)}"' if section.anchor else ""
    heading = f"<h{min(level, 6)}>{inline(section.title)}</h{min(level, 6)}>"
    tag = "section" if level == 2 else "div"
    yield f'<{tag} class="{"vault" if level == 2 else "part"}"{anchor}>'
    yield f'<details class="fold"><summary>{heading}</summary>' if section.is_folded else heading
    yield from (f'<p class="of">{inline(line)}</p>' for line in section.about)
    if section.counts:
        yield f'<p class="score">{_bar(section)}<span>{escaped(counts_text(section.counts))}</span></p>'
    for block in section.blocks:
        yield from _block(block, level + 1)
    yield f"{'</details>' if section.is_folded else ''}</{tag}>"


def _items(items: Iterable[Item], style: str = "") -> Iterator[str]:
    yield f'<ul class="{style}">' if style else "<ul>"
    for item in items:
        state = f' class="{item.state}"' if item.state else ""
        yield f"<li{state}>{inline(item.content)}"
        yield from _items(item.items, style) if item.items else ()
        yield "</li>"
    yield "</ul>"


def _table(table: Table) -> Iterator[str]:
    widths = "".join(f'<col style="width:{one.width}">' if one.width else "<col>" for one in table.columns)
    yield f"<table><colgroup>{widths}</colgroup>"
    yield f"<thead><tr>{''.join(_title(column, 'th') for column in table.columns)}</tr></thead>"
    group: str | None = None
    for row in table.rows:
        if row.group != group:
            yield "<tbody>" if group is None else "</tbody><tbody>"
            group = row.group
            heading = f'<th colspan="{len(table.columns)}" scope="rowgroup">{escaped(group)}</th>'
            yield f'<tr class="group">{heading}</tr>' if group else ""
        yield f'<tr class="{_row_class(row)}">{"".join(_cells(row, table, "td"))}</tr>'
    yield "</tbody></table>" if table.rows else "</table>"


def _opening(table: Table) -> Iterator[str]:
    """Yield a table whose rows open to their details."""
    widths = " ".join(one.width or _WIDTHS.get(one.kind, _OTHER_WIDTH) for one in table.columns)
    yield f'<div class="opens" style="--columns:{widths}">'
    yield f'<div class="head">{"".join(_title(column, "span") for column in table.columns)}</div>'
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            yield f'<p class="group">{escaped(group)}</p>'
        cells = "".join(_cells(row, table, "span"))
        if not row.details:
            yield f'<div class="{_row_class(row)}">{cells}</div>'
            continue
        yield f'<details><summary class="{_row_class(row)}">{cells}</summary><div class="inner">'
        for block in row.details:
            yield from _block(block, 4)
        yield "</div></details>"
    yield "</div>"


def _row_class(row: Row) -> str:
    return f"row {row.state}".strip()


def _title(column: Column, tag: str) -> str:
    hint = f' title="{escaped(column.hint)}"' if column.hint else ""
    scope = ' scope="col"' if tag == "th" else ""
    style = ' class="number"' if column.is_number else ""
    return f"<{tag}{scope}{style}{hint}>{escaped(column.title)}</{tag}>"


def _cells(row: Row, table: Table, tag: str) -> Iterator[str]:
    has_labels = sum(column.kind == STATE for column in table.columns) > 1
    first = next((number for number, column in enumerate(table.columns) if column.kind == TEXT), 0)
    for number, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True)):
        is_head = number == first and tag == "td"
        styles = [f"c-{column.kind}", *(["number"] if column.is_number else [])]
        styles += ["first"] if number == first and tag == "span" and row.details else []
        scope = ' scope="row"' if is_head else ""
        label = f'<span class="label">{escaped(column.title)} </span>' if has_labels else ""
        content = "".join(_cell(cell, column, label))
        yield f'<{"th" if is_head else tag} class="{" ".join(styles)}"{scope}>{content}</{"th" if is_head else tag}>'


def _cell(cell: Cell, column: Column, label: str) -> Iterator[str]:
    content = inline(cell.content)
    if column.kind == STATE:
        sign = f'<span aria-hidden="true">{_SIGNS[cell.state]}</span> ' if cell.state in _SIGNS and not label else ""
        yield f'<span class="pill {cell.state}">{label}{sign}{content}</span>' if content else ""
        return
    links = _BETWEEN.join(link(one, escaped(link_title(one)), "doc") for one in cell.links if is_web_address(one))
    if cell.items or links:
        yield f"<p>{content} {links}</p>" if content or links else ""
        yield from _items(cell.items) if cell.items else ()
    else:
        yield content


def _foot(document: Document) -> Iterator[str]:
    if not document.words and not document.links:
        return
    yield "<footer>"
    if document.words:
        yield "<h2>What the words mean</h2><dl>"
        for one in document.words:
            state = f' class="{one.state}"' if one.state else ""
            yield f"<div{state}><dt>{escaped(one.word)}</dt><dd>{inline(one.meaning)}</dd></div>"
        yield "</dl>"
    anchors = [link(one, escaped(one)) for one in document.links if is_web_address(one)]
    if anchors:
        yield f'<p class="links">{" · ".join(anchors)}</p>'
    yield "</footer>"


def inline(content: Content) -> str:
    """Return content for an element, with all markup in its strings escaped."""
    return "".join(map(_span, spans(content)))


@lru_cache(maxsize=4096)
def _span(span: Span) -> str:
    if span.style == CODE:
        shown = code(span.text)
    elif span.style == PROSE:
        shown = prose(span.text)
    else:
        tag = _TAGS.get(span.style, "span" if span.state else "")
        state = f' class="pill {span.state}"' if span.state else ""
        shown = f"<{tag}{state}>{escaped(span.text)}</{tag}>" if tag else escaped(span.text)
    if span.link.startswith("#"):
        return f'<a href="{escaped(span.link)}">{shown}</a>'
    return link(span.link, shown) if is_web_address(span.link) else shown
