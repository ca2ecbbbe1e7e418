"""Write a document as one HTML page that loads nothing, ready to print and to read on a telephone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Any

from markupsafe import Markup

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
    CodeBlock,
    Content,
    Document,
    Figure,
    ItemList,
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
from azkvlint.reporters.html_page import element, page, prose
from azkvlint.util.text import visible

_SIGNS = {BAD: "\u2715", OPEN: "?", GOOD: "\u2713", GIVEN: "\u2713", NEUTRAL: "\u2013"}
_TAGS = {CODE: "code", STRONG: "b", EMPHASIS: "em"}
# The width of a column of a table whose rows open, which have no width in common.
_WIDTHS = {STATE: "5rem", TEXT: "minmax(0, 1fr)"}
_OTHER_WIDTH = "minmax(0, 8rem)"
# With more sections, a reader opens the list of them.
_MOST_OPEN = 10


def html(document: Document) -> str:
    """Return the document as a page that ends with a line break."""
    return page(
        "document.html",
        document=document,
        figures=sorted(set(_figures(document.blocks))),
        contents=[one for one in document.blocks if isinstance(one, Section) and one.anchor],
        links=[one for one in document.links if is_web_address(one)],
        totals=[(one.state, one.number, one.word) for one in document.counts if one.number],
        **_WORDS,
    )


def _figures(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield the names of the figures, which have a style and a script of their own."""
    for block in blocks:
        if isinstance(block, Figure):
            yield block.name
        elif isinstance(block, Section):
            yield from _figures(block.blocks)


def _groups(table: Table) -> list[tuple[str, list[Row]]]:
    """Return the rows under the headings of their groups."""
    return [(group, list(rows)) for group, rows in groupby(table.rows, key=lambda row: row.group)]


def _widths(table: Table) -> str:
    return " ".join(one.width or _WIDTHS.get(one.kind, _OTHER_WIDTH) for one in table.columns)


def _first(table: Table) -> int:
    """Return the number of the first column of text."""
    return next((number for number, column in enumerate(table.columns) if column.kind == TEXT), 0)


def content(parts: Content) -> Markup:
    """Return the content of a document for an element."""
    return Markup().join(map(_span, spans(parts)))


@lru_cache(maxsize=4096)
def _span(span: Span) -> Markup:
    if span.style == PROSE:
        shown = prose(span.text)
    else:
        tag = _TAGS.get(span.style, "span" if span.state else "")
        shown = element(tag, span.text, f"pill {span.state}" if span.state and span.style != CODE else "")
    if span.link.startswith("#"):
        return Markup('<a href="{}">{}</a>').format(visible(span.link), shown)
    if is_web_address(span.link):
        return Markup('<a href="{}" rel="noreferrer">{}</a>').format(visible(span.link), shown)
    return shown


# The words of the template for the kinds of blocks.
_KINDS: Mapping[type, str] = {
    Section: "section", Table: "table", ItemList: "list", Paragraph: "paragraph", CodeBlock: "code", Figure: "figure",
}  # fmt: skip
# What the template calls.
_WORDS: Mapping[str, Any] = {
    "bar_of": lambda section: [(one.state, one.number) for one in section.counts],
    "content": content,
    "counts_text": counts_text,
    "first_of": _first,
    "groups_of": _groups,
    "has_labels_of": lambda table: sum(column.kind == STATE for column in table.columns) > 1,
    "is_web_address": is_web_address,
    "kind_of": lambda block: _KINDS[type(block)],
    "link_title": link_title,
    "most_open": _MOST_OPEN,
    "opens": lambda table: any(row.details for row in table.rows),
    "signs": _SIGNS,
    "widths_of": _widths,
    "zip": zip,
}
