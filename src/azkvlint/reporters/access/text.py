"""Render who can reach what as text: for each group of vaults a matrix of principals, then their paths."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from azkvlint.model.access import AccessReport
from azkvlint.reporters import Options
from azkvlint.reporters.access import words
from azkvlint.reporters.phrases import problem_line
from azkvlint.util.text import visible

_WIDEST = 120
_MOST_VAULTS = 10


def text(report: AccessReport, options: Options) -> str:
    """Return the matrix as text that ends with a line break."""
    width = min(max(options.width, 40), _WIDEST) if options.terminal else _WIDEST
    return "".join(f"{line}\n" for line in _lines(report, width))


def _lines(report: AccessReport, width: int) -> Iterator[str]:
    for section in words.sections(report):
        yield words.title(section)
        for vault in section.vaults[:_MOST_VAULTS]:
            yield f"  {words.vault_facts(vault)}"
        if len(section.vaults) > _MOST_VAULTS:
            yield f"  and {len(section.vaults) - _MOST_VAULTS} more"
        if section.wider:
            yield from _wrapped(words.wider_text(section), width, "  ")
        yield ""
        yield from _matrix(section, report)
        yield ""
        for row in section.rows:
            yield from _paths(row, width)
        yield ""
    for vault in words.without_access(report):
        yield f"{words.vault_facts(vault)}: no access"
    for note in words.notes(report):
        yield from wrap(note, width, break_long_words=False, break_on_hyphens=False)
    for problem in words.problems(report):
        yield problem_line(problem)
    for breach in report.breaches:
        yield words.breach_text(breach, report)
    yield words.summary(report)


def _matrix(section: words.Section, report: AccessReport) -> Iterator[str]:
    headings = [words.heading(one.name) for one in report.capabilities]
    yield f"  {' '.join(headings)}  principal"
    for row in section.rows:
        cells = [
            words.mark(row.cells, one.name).ljust(len(name))
            for one, name in zip(report.capabilities, headings, strict=True)
        ]
        yield f"  {' '.join(cells)}  {words.principal_text(row.principal)}"


def _paths(row: words.PrincipalAccess, width: int) -> Iterator[str]:
    yield words.principal_text(row.principal)
    for group in row.paths:
        head = f"{words.certainty(group.path)} {', '.join(group.capabilities)}: {words.path_text(group.path)}"
        yield from _wrapped(head, width, "  ")
        if group.path.doubt:
            yield from _wrapped(f"decided by: {group.path.doubt}", width, "    ")
        for capabilities, edit in group.edits:
            yield from _wrapped(f"edit{f' for {capabilities}' if capabilities else ''}: {edit}", width, "    ")


def _wrapped(line: str, width: int, indent: str) -> list[str]:
    return wrap(
        visible(line), width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
