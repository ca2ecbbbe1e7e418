"""Render who can reach what as CSV: one line for each path of a principal to a permission, as in RFC 4180."""

from __future__ import annotations

from azkvlint.model.access import AccessReport, Row
from azkvlint.reporters import Options
from azkvlint.reporters.access import words
from azkvlint.util.text import visible

_HEAD = ("vaults", "principal", "kind", "permission", "certainty", "decided by", "path", "edit")
# A spreadsheet evaluates a cell that begins with one of these characters as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv(report: AccessReport, options: Options) -> str:
    """Return the rows with a heading. Lines end with a line feed, as in all reports."""
    lines = [_HEAD, *(_cells(row, report) for row in report.rows)]
    return "".join(f"{','.join(map(_quoted, line))}\n" for line in lines)


def _cells(row: Row, report: AccessReport) -> tuple[str, ...]:
    vaults = words.listed([report.vaults[number].address for number in row.vaults])
    principal = row.principal
    path = row.path
    return (
        vaults, principal.label, principal.kind, row.capability, words.certainty(path), path.doubt,
        words.path_text(path), path.edit,
    )  # fmt: skip


def _quoted(text: str) -> str:
    text = visible(text)
    if text.startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text
