"""Write a document as one HTML page that loads nothing, ready to print and to read on a telephone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Any

from markupsafe import Markup

from azkvlint.reporters import document as doc
from azkvlint.reporters.html_page import element, page, prose
from azkvlint.util.text import visible

_SIGNS = {doc.BAD: "\u2715", doc.OPEN: "?", doc.GOOD: "\u2713", doc.GIVEN: "\u2713", doc.NEUTRAL: "\u2013"}
_TAGS = {doc.CODE: "code", doc.STRONG: "b", doc.EMPHASIS: "em"}
# The width of a column of a table whose rows open, which have no width in common.
_WIDTHS = {doc.STATE: "5rem", doc.TEXT: "minmax(0, 1fr)"}
_OTHER_WIDTH = "minmax(0, 8rem)"
# With more sections, a reader opens the list of them.
_MOST_OPEN = 10


def html(document: doc.Document) -> str:
    """Return the document as a page that ends with a line break."""
    return page(
        "document.html",
        document=document,
        figures=sorted(set(_figures(document.blocks))),
        contents=[one for one in document.blocks if isinstance(one, doc.Section) and one.anchor],
        links=[one for one in document.links if doc.is_web_address(one)],
        totals=[(one.state, one.number, one.word) for one in document.counts if one.number],
        **_WORDS,
    )


def _figures(blocks: Iterable[doc.Block]) -> Iterator[str]:
    """Yield the names of the figures, which have a style and a script of their own."""
    for block in blocks:
        if isinstance(block, doc.Figure):
            yield block.name
        elif isinstance(block, doc.Section):
            yield from _figures(block.blocks)


def _groups(table: doc.Table) -> list[tuple[str, list[doc.Row]]]:
    """Return the rows under the headings of their groups."""
    return [(group, list(rows)) for group, rows in groupby(table.rows, key=lambda row: row.group)]


def _widths(table: doc.Table) -> str:
    return " ".join(one.width or _WIDTHS.get(one.kind, _OTHER_WIDTH) for one in table.columns)


def _first(table: doc.Table) -> int:
    """Return the number of the first column of text."""
    return next((number for number, column in enumerate(table.columns) if column.kind == doc.TEXT), 0)


def content(parts: doc.Content) -> Markup:
    """Return the content of a document for an element."""
    return Markup().join(map(_span, doc.spans(parts)))


@lru_cache(maxsize=4096)
def _span(span: doc.Span) -> Markup:
    if span.style == doc.PROSE:
        shown = prose(span.text)
    else:
        tag = _TAGS.get(span.style, "span" if span.state else "")
        shown = element(tag, span.text, f"pill {span.state}" if span.state and span.style != doc.CODE else "")
    if span.link.startswith("#"):
        return Markup('<a href="{}">{}</a>').format(visible(span.link), shown)
    if doc.is_web_address(span.link):
        return Markup('<a href="{}" rel="noreferrer">{}</a>').format(visible(span.link), shown)
    return shown


# The words of the template for the kinds of blocks.
_KINDS: Mapping[type, str] = {
    doc.Section: "section",
    doc.Table: "table",
    doc.ItemList: "list",
    doc.Paragraph: "paragraph",
    doc.CodeBlock: "code",
    doc.Figure: "figure",
}
# What the template calls.
_WORDS: Mapping[str, Any] = {
    "bar_of": lambda section: [(one.state, one.number) for one in section.counts],
    "content": content,
    "counts_text": doc.counts_text,
    "first_of": _first,
    "groups_of": _groups,
    "has_labels_of": lambda table: sum(column.kind == doc.STATE for column in table.columns) > 1,
    "is_web_address": doc.is_web_address,
    "kind_of": lambda block: _KINDS[type(block)],
    "link_title": doc.link_title,
    "most_open": _MOST_OPEN,
    "opens": lambda table: any(row.details for row in table.rows),
    "signs": _SIGNS,
    "widths_of": _widths,
    "zip": zip,
}
