"""Lay a document out for a terminal with rich: tables, trees, wrapped lines and colors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text
from rich.tree import Tree

from azkvlint.reporters import Options
from azkvlint.reporters import document as doc
from azkvlint.reporters.document.layout import cell_line, in_text_order
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible

# The end of a line that rich has padded, with colors between the blanks.
_END = regex(r"(?: |\x1b\[[0-9;]*m)+$")
_NARROWEST, _WIDEST = 40, 120
_COLORS = {doc.BAD: "red", doc.OPEN: "magenta", doc.GOOD: "green", doc.GIVEN: "green", doc.NEUTRAL: "dim"}
_STYLES = {doc.CODE: "cyan", doc.STRONG: "bold", doc.EMPHASIS: "italic"}


def terminal(document: doc.Document, options: Options) -> str:
    """Return the document laid out for a screen, with colors if they are enabled."""
    console = Console(
        file=StringIO(), width=min(max(options.width, _NARROWEST), _WIDEST), force_terminal=True, highlight=False,
        color_system="standard" if options.color else None, markup=False, emoji=False, legacy_windows=False,
        no_color=not options.color,
    )  # fmt: skip
    with console.capture() as capture:
        for part in _parts(document):
            console.print(part, soft_wrap=False)
    return "".join(f"{_END.sub(_without_blanks, line)}\n" for line in capture.get().split("\n")[:-1])


def _without_blanks(end: re.Match[str]) -> str:
    return end[0].replace(" ", "")


def _parts(document: doc.Document) -> Iterator[RenderableType]:
    for line in document.head:
        yield _line(line, "bold")
    if document.head:
        yield ""
    for block in document.blocks:
        parts = list(_block(block))
        yield from parts
        yield from [""] if parts else []
    yield from map(_line, document.notes)
    yield from (_line(problem, "yellow") for problem in document.problems)
    yield from (_line(failure, "bold red") for failure in document.failures)
    yield from [_line(document.summary, "bold")] if document.summary else []


def _line(content: doc.Content, style: str = "") -> Text:
    line = Text(style=style, overflow="fold")
    for span in doc.spans(content):
        styles = [_STYLES.get(span.style, ""), _COLORS.get(span.state, "")]
        styles += [f"link {span.link}"] if doc.is_web_address(span.link) and visible(span.link) == span.link else []
        line.append(visible(span.text), " ".join(filter(None, styles)))
    return line


def _block(block: doc.Block) -> Iterator[RenderableType]:
    match block:
        case doc.Section():
            yield from _section(block)
        case doc.Table():
            yield from _table(block)
        case doc.ItemList():
            yield from (_tree(item) for item in block.items)
        case doc.Paragraph():
            yield _line(block.content, _COLORS.get(block.state, ""))
        case doc.CodeBlock():
            if block.title:
                yield _line(block.title, "bold")
                yield ""
            yield from (Text(visible(line), no_wrap=True, overflow="ignore") for line in block.text.splitlines())
        case doc.Figure():
            pass


def _section(section: doc.Section) -> Iterator[RenderableType]:
    yield _line(section.title, "bold")
    yield from (Padding(_line(line, "dim"), (0, 0, 0, 2)) for line in section.about)
    apart = bool(section.about) and not isinstance(next(iter(section.blocks), None), doc.Table)
    for block in section.blocks:
        parts = list(_block(block))
        yield from [""] if parts and apart else []
        yield from parts
        apart = bool(parts) and not isinstance(block, doc.Table)


def _tree(item: doc.ListItem) -> RenderableType:
    """Return an item with those below it; one without any beside its bullet."""
    line = _line(item.content, _COLORS.get(item.state, ""))
    if not item.items:
        return Padding(_beside_bullet(item, line), (0, 0, 0, 2))
    tree = Tree(line, guide_style="dim")
    _grow(tree, item.items)
    return Padding(tree, (0, 0, 0, 2))


def _beside_bullet(item: doc.ListItem, *parts: RenderableType) -> RenderableType:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text("•", _COLORS.get(item.state, "dim")), Group(*parts))
    return grid


def _grow(tree: Tree, items: Iterable[doc.ListItem]) -> None:
    for item in items:
        _grow(tree.add(_line(item.content, _COLORS.get(item.state, ""))), item.items)


def _table(table: doc.Table) -> Iterator[RenderableType]:
    short, wide, below = in_text_order(table)
    columns = [*short, *wide]
    group, is_first = "", True
    rows: list[doc.Row] = []
    for row in table.rows:
        if row.group != group:
            yield from [_grid(table, rows, (columns, below), is_first)] if rows else []
            is_first, group, rows = is_first and not rows, row.group, []
            yield Text(f"  {visible(group)}", "underline")
        rows.append(row)
    yield _grid(table, rows, (columns, below), is_first)
    for row in table.rows:
        if row.details:
            yield _line(row.cells[wide[0] if wide else 0].content, "bold")
            for block in row.details:
                yield from _block(block)


def _grid(table: doc.Table, rows: list[doc.Row], layout: tuple[list[int], list[int]], is_first: bool) -> RenderableType:
    """Return rows below the titles of the columns; all groups of a table have columns of equal width."""
    columns, below = layout
    is_headed = table.is_headed and is_first
    has_groups = any(row.group for row in table.rows)
    grid = Grid(
        box=SIMPLE_HEAD if is_headed else None, show_header=is_headed, header_style="dim", pad_edge=False,
        expand=has_groups, padding=(0, 2, 0, 0) if not is_headed else (0, 1),
    )  # fmt: skip
    for number in columns:
        column = table.columns[number]
        cells = [cell_line(row.cells[number], column) for row in table.rows] if column.is_short else []
        grid.add_column(
            visible(column.title), no_wrap=column.is_short, overflow="fold", min_width=max(map(len, cells), default=1),
            justify="right" if column.is_number else "left", ratio=None if column.is_short or not has_groups else 1,
        )  # fmt: skip
    for row in rows:
        grid.add_row(*_cells(row, table, columns, below))
    return grid if is_headed else Padding(grid, (0, 0, 0, 2))


def _cells(row: doc.Row, table: doc.Table, columns: list[int], below: list[int]) -> Iterator[RenderableType]:
    for number in columns:
        cell, column = row.cells[number], table.columns[number]
        is_last = number == columns[-1]
        if column.is_short:
            line: Text = Text(cell_line(cell, column), _COLORS.get(cell.state, ""))
        else:
            line = _line(cell.content, "bold" if is_last and below else "")
        lower = [part for one in below for part in _lower(row.cells[one])] if is_last else []
        yield Group(line, *_items(cell), *lower) if cell.items or lower else line


def _lower(cell: doc.Cell) -> Iterator[RenderableType]:
    line = _line(cell.content)
    yield from [line] if line.plain else []
    yield from _items(cell)


def _items(cell: doc.Cell) -> Iterator[RenderableType]:
    """Yield the items of a cell, each beside its bullet."""
    for item in cell.items:
        yield _beside_bullet(item, _line(item.content), *(_tree(one) for one in item.items))
