"""Write a document as lines of text for pipes and files; on a terminal, with rich."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from azkvlint.reporters import Options
from azkvlint.reporters import document as doc
from azkvlint.reporters.document.layout import cell_line, in_text_order, line_of
from azkvlint.util.text import visible

_WIDEST_COLUMN = 40


def text(document: doc.Document, options: Options) -> str:
    """Return the document as text that ends with a line break, laid out for the terminal if it is written to one."""
    if options.terminal:
        from azkvlint.reporters.document.terminal import terminal

        return terminal(document, options)
    return "".join(f"{line}\n" for line in _TextPage(document.width).document(document))


class _TextPage:
    """Lines of one width; 0 is a page on which no line wraps."""

    def __init__(self, width: int) -> None:
        self._width = width

    def document(self, document: doc.Document) -> Iterator[str]:
        for line in document.head:
            yield from self._wrap(line_of(line), "")
        if document.head:
            yield ""
        for block in document.blocks:
            lines = list(self._block(block, ""))
            yield from [*lines, ""] if lines else []
        for note in document.notes:
            yield from self._wrap(line_of(note), "")
        yield from map(visible, document.problems)
        yield from map(line_of, document.failures)
        yield from self._wrap(line_of(document.summary), "")

    def _block(self, block: doc.Block, indent: str) -> Iterator[str]:
        match block:
            case doc.Section():
                yield from self._section(block, indent)
            case doc.Table():
                yield from self._table(block, indent)
            case doc.ItemList():
                yield from self._items(block.items, indent)
            case doc.Paragraph():
                yield from self._wrap(line_of(block.content), indent)
            case doc.CodeBlock():
                yield from [f"--- {line_of(block.title)} ---", ""] if block.title else []
                yield from map(visible, block.text.splitlines())
            case doc.Figure():
                pass

    def _section(self, section: doc.Section, indent: str) -> Iterator[str]:
        is_above_list = not section.about and isinstance(next(iter(section.blocks), None), doc.ItemList)
        yield f"{indent}{line_of(section.title)}{':' if is_above_list else ''}"
        for line in section.about:
            yield from self._wrap(line_of(line), f"{indent}  ")
        apart = bool(section.about)
        for block in section.blocks:
            lines = list(self._block(block, f"{indent}  "))
            yield from ["", *lines] if lines and apart else lines
            apart = apart or bool(lines)

    def _items(self, items: Iterable[doc.ListItem], indent: str) -> Iterator[str]:
        for item in items:
            yield from self._wrap(line_of(item.content), indent)
            yield from self._items(item.items, f"{indent}  ")

    def _table(self, table: doc.Table, indent: str) -> Iterator[str]:
        short, wide, below = in_text_order(table)
        columns = [*short, *wide]
        widths = self._widths(table, columns)
        if table.is_headed:
            yield self._line([visible(table.columns[number].title) for number in columns], widths, indent)
        group = ""
        for row in table.rows:
            if row.group != group:
                group = row.group
                yield f"{indent}{visible(group)}"
            yield from self._row(row, table, (columns, below, widths), indent)
        opened = [row for row in table.rows if row.details]
        yield from [""] if opened else []
        for row in opened:
            yield f"{indent}{_label(row, wide)}"
            for block in row.details:
                yield from self._block(block, f"{indent}  ")

    def _widths(self, table: doc.Table, columns: Sequence[int]) -> list[int]:
        """Return the widths of all columns but the last, which has the rest of the line."""
        found = []
        for number in columns[:-1]:
            column = table.columns[number]
            lines = [cell_line(row.cells[number], column) for row in table.rows]
            widest = max(map(len, [*lines, visible(column.title)] if table.is_headed else lines), default=0)
            found.append(widest if column.is_short else min(widest, _WIDEST_COLUMN))
        return [*found, 0]

    def _row(
        self, row: doc.Row, table: doc.Table, layout: tuple[list[int], list[int], list[int]], indent: str
    ) -> Iterator[str]:
        columns, below, widths = layout
        lines = [cell_line(row.cells[number], table.columns[number]) for number in columns]
        left = " " * (len(indent) + sum(width + 2 for width in widths[:-1]))
        first, *rest = self._wrap(lines[-1], left) or [""]
        yield self._line([*lines[:-1], first.strip()], widths, indent)
        yield from rest
        for number in (*columns, *below):
            cell = row.cells[number]
            yield from self._wrap(line_of(cell.content), left, hanging="") if number in below else []
            yield from self._items(cell.items, left)

    def _line(self, cells: Sequence[str], widths: Sequence[int], indent: str) -> str:
        return f"{indent}{'  '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))}".rstrip()

    def _wrap(self, line: str, indent: str, *, hanging: str = "  ") -> list[str]:
        if not self._width:
            return [f"{indent}{line}"] if line else []
        return wrap(
            line, self._width, initial_indent=indent, subsequent_indent=f"{indent}{hanging if indent else ''}",
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip


def _label(row: doc.Row, wide: Sequence[int]) -> str:
    """Return what names a row above its details: the first cell that may wrap, else the first."""
    return line_of(row.cells[wide[0] if wide else 0].content)
