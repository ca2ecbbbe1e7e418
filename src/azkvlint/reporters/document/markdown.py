"""Write a document as Markdown for GitHub, GitLab and Azure DevOps, where strings from the input are inert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from azkvlint.reporters import document as doc
from azkvlint.reporters.gfm import code, plain, prose
from azkvlint.util.text import visible

_SIGNS = {doc.BAD: "❌ ", doc.OPEN: "❔ ", doc.GOOD: "✅ ", doc.GIVEN: "✅ "}
# Marks around the content of a span, and whether it stays as it is within them.
_MARKS = {doc.STRONG: "**", doc.EMPHASIS: "_"}
_DEEPEST = 6


def markdown(document: doc.Document) -> str:
    """Return the document as Markdown that ends with a line break."""
    return "".join(f"{line}\n" for line in markdown_lines(document))


def markdown_lines(document: doc.Document) -> Iterator[str]:
    """Yield the lines of a document, blocks apart by one empty line each."""
    first = True
    for lines in _parts(document):
        part = list(lines)
        if part:
            yield from part if first else ["", *part]
            first = False


def _parts(document: doc.Document) -> Iterator[Iterable[str]]:
    yield _heading(document.title, document.heading)
    yield [inline(document.summary)] if document.summary else []
    yield [f"- {_SIGNS[doc.BAD]}{inline(failure)}" for failure in document.failures]
    for block in document.blocks:
        yield from _block(block, document.heading + 1)
    for note in document.notes:
        yield [inline(note)]
    if document.problems:
        yield _heading(document.problems_title, document.heading + 1)
        yield [f"- {plain(visible(problem))}" for problem in document.problems]


def _heading(title: doc.Content, level: int) -> list[str]:
    return [f"{'#' * min(level, _DEEPEST)} {inline(title)}"]


def _block(block: doc.Block, level: int) -> Iterator[Iterable[str]]:
    match block:
        case doc.Section():
            yield from _section(block, level)
        case doc.Table():
            yield _table(block)
            yield from _details(block, level)
        case doc.ItemList():
            yield _items(block.items, "")
        case doc.Paragraph():
            yield [f"{_SIGNS.get(block.state, '')}{inline(block.content)}"]
        case doc.CodeBlock():
            yield [f"**{inline(block.title)}**"] if block.title else []
            yield _fenced(block)
        case doc.Figure():
            pass


def _section(section: doc.Section, level: int) -> Iterator[Iterable[str]]:
    if section.is_folded:
        yield [f"<details><summary>{inline(section.title)}</summary>"]
    else:
        yield _heading(section.title, level)
    about = [inline(line) for line in section.about]
    yield [f"- {line}" for line in about] if len(about) > 1 else about
    for block in section.blocks:
        yield from _block(block, level + 1)
    yield ["</details>"] if section.is_folded else []


def _items(items: Iterable[doc.ListItem], indent: str) -> Iterator[str]:
    for item in items:
        yield f"{indent}- {_SIGNS.get(item.state, '')}{inline(item.content)}"
        yield from _items(item.items, f"{indent}  ")


def _fenced(block: doc.CodeBlock) -> Iterator[str]:
    lines = [visible(line) for line in block.text.splitlines()]
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    yield f"{fence}{block.language}"
    yield from lines
    yield fence


def _table(table: doc.Table) -> Iterator[str]:
    yield f"| {' | '.join(plain(visible(column.title)) for column in table.columns)} |"
    yield f"|{''.join(_rule(column) for column in table.columns)}"
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            yield f"| {' | '.join([f'**{plain(visible(group))}**', *([''] * (len(table.columns) - 1))])} |"
        cells = (_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True))
        yield f"| {' | '.join(cells)} |"


def _rule(column: doc.Column) -> str:
    return "--:|" if column.is_number else ":-:|" if column.kind == doc.STATE and len(column.title) > 0 else "---|"


def _cell(cell: doc.Cell, column: doc.Column) -> str:
    content = inline(cell.content, cell=True)
    if column.kind == doc.STATE and content:
        content = f"**{content}**" if cell.state == doc.BAD else content
        content = f"{_SIGNS.get(cell.state, '')}{content}"
    items = _cell_items(cell.items)
    links = (_linked("", link, cell=True) for link in cell.links)
    return "<br>".join(filter(None, (content, *items, *links)))


def _cell_items(items: Iterable[doc.ListItem], depth: int = 0) -> Iterator[str]:
    for item in items:
        yield f"{'&nbsp;&nbsp;' * depth}{inline(item.content, cell=True)}"
        yield from _cell_items(item.items, depth + 1)


def _details(table: doc.Table, level: int) -> Iterator[Iterable[str]]:
    """Yield the details of all rows, folded."""
    rows = [row for row in table.rows if row.details]
    if not rows:
        return
    yield [f"<details><summary>{plain(visible(table.details))}</summary>"]
    for row in rows:
        yield [f"**{_label(row)}**"]
        for block in row.details:
            yield from _block(block, level)
    yield ["</details>"]


def _label(row: doc.Row) -> str:
    return inline(next((cell.content for cell in row.cells if cell.content), ""))


def inline(content: doc.Content, *, cell: bool = False) -> str:
    """Return content on one line, all Markdown in its strings escaped; in the ``cell`` of a table, bars are too."""
    return "".join(_span(span, cell) for span in doc.spans(content))


@lru_cache(maxsize=4096)
def _span(span: doc.Span, cell: bool) -> str:
    text = visible(span.text)
    if span.style == doc.CODE:
        shown = code(text, cell=cell)
    elif span.style == doc.PROSE:
        shown = prose(span.text, cell=cell)
    else:
        marks = _MARKS.get(span.style, "")
        shown = f"{marks}{plain(text)}{marks}"
    return _linked(shown, span.link, cell=cell)


def _linked(shown: str, link: str, *, cell: bool) -> str:
    """Return escaped content as a link, which an address with other characters than usual is not."""
    if not doc.is_web_address(link) or not link.isascii() or any(one in link for one in " <>()[]\\|`\"'"):
        return shown or code(visible(link), cell=cell)
    return f"[{shown}]({link})" if shown else f"<{link}>"
