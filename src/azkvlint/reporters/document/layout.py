"""What the layouts of text share: lines without markup, and the order of columns."""

from __future__ import annotations

from azkvlint.reporters import document as doc
from azkvlint.util.text import visible


def line_of(content: doc.Content) -> str:
    """Return content as one line of text."""
    if isinstance(content, str):
        return visible(content)
    return "".join(visible(span.text) for span in doc.spans(content))


def cell_line(cell: doc.Cell, column: doc.Column) -> str:
    """Return the content of a cell as one line. In a column of states, capitals show what needs attention."""
    line = line_of(cell.content)
    return line.upper() if column.kind == doc.STATE and cell.state in (doc.BAD, doc.OPEN) and len(line) > 1 else line


def in_text_order(table: doc.Table) -> tuple[list[int], list[int], list[int]]:
    """Return the indexes of the columns that never wrap, states first, the others, and those below them.

    Columns that are empty in all rows are left out.
    """
    filled = [
        number for number in range(len(table.columns))
        if any(row.cells[number].content or row.cells[number].items for row in table.rows)
    ]  # fmt: skip
    kinds = [(number, table.columns[number]) for number in filled]
    short = [number for kind in (doc.STATE, doc.SHORT) for number, column in kinds if column.kind == kind]
    below = [number for number, column in kinds if column.kind == doc.BELOW]
    return short, [number for number in filled if number not in short and number not in below], below
