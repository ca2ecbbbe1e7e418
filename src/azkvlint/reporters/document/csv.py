"""Write a table as CSV, as in RFC 4180 but with line feeds, as in all reports."""

from __future__ import annotations

from azkvlint.reporters import document as doc
from azkvlint.reporters.document.layout import line_of
from azkvlint.util.text import visible

# A spreadsheet evaluates a cell that begins with one of these characters as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv(table: doc.Table) -> str:
    """Return the rows below the titles of the columns. Groups and details of rows are left out."""
    rows = ([_cell_text(cell) for cell in row.cells] for row in table.rows)
    return "".join(f"{','.join(map(quoted, row))}\n" for row in ([one.title for one in table.columns], *rows))


def _cell_text(cell: doc.Cell) -> str:
    return "; ".join(filter(None, (line_of(cell.content), *(line_of(item.content) for item in cell.items))))


def quoted(cell: str) -> str:
    """Return the text of a cell, in quotes where its characters require them."""
    cell = visible(cell)
    if cell.startswith(_FORMULA):
        cell = f"'{cell}"
    return '"' + cell.replace('"', '""') + '"' if any(one in cell for one in ',"\n') else cell
