"""Turn fixes into suggestions with lines and columns, for reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from azkvlint.fixes.secrets import shown_lines
from azkvlint.fixes.sources import Sources
from azkvlint.model.edit import TextEdit, apply
from azkvlint.model.fix import Change, Fix, Suggestion, suggestion_key
from azkvlint.model.location import Region
from azkvlint.syntax.positions import Lines


def suggestions_of(
    fixes: Iterable[Fix], root: str, secret_texts: Collection[str]
) -> Mapping[tuple[object, ...], Suggestion]:
    """Return the suggestions for the findings of a report on the folder ``root``."""
    sources = Sources(root)
    lines: dict[str, Lines] = {}
    found = {}
    for fix in fixes:
        for path in {edit.path for edit in fix.edits}:
            lines.setdefault(path, Lines(sources.text(path)))
        found[suggestion_key(fix.finding)] = Suggestion(
            title=fix.title,
            consequence=fix.consequence,
            changes=tuple(_change(edit, lines[edit.path]) for edit in fix.edits),
            whole=_whole(fix.edits, lines, secret_texts),
        )
    return found


def _whole(edits: Sequence[TextEdit], lines: Mapping[str, Lines], secret_texts: Collection[str]) -> Change | None:
    """Return the edits of a fix as one, unless it would repeat a text that may be a secret."""
    if len({edit.path for edit in edits}) != 1:
        return None
    path, of_file = edits[0].path, lines[edits[0].path]
    edit = edits[0]
    if len(edits) > 1:
        start, end = min(edit.start for edit in edits), max(edit.end for edit in edits)
        is_shown = shown_lines(path, of_file.text, secret_texts)
        first, last = of_file.place(start)[0], of_file.place(end)[0]
        if not all(is_shown(number - 1) for number in range(first, last + 1)):
            return None
        moved = [msgspec.structs.replace(one, start=one.start - start, end=one.end - start) for one in edits]
        text = apply(of_file.text[start:end], moved)
        edit = TextEdit(path=path, start=start, end=end, replacement=text)
    return _change(edit, of_file)


def _change(edit: TextEdit, lines: Lines) -> Change:
    region = lines.region(edit.start, edit.end)
    return Change(
        path=edit.path,
        region=region,
        utf16=_in_units(region, lines, "utf-16-le", 2),
        utf8=_in_units(region, lines, "utf-8", 1),
        text=edit.replacement,
    )


def _in_units(region: Region, lines: Lines, encoding: str, size: int) -> Region:
    """Return a region with columns in the code units of an encoding."""

    def column(line: int, number: int) -> int:
        start = lines.starts[line - 1]
        before = lines.text[start : start + number - 1]
        return number if before.isascii() else len(before.encode(encoding, "surrogatepass")) // size + 1

    return Region(
        region.start_line,
        column(region.start_line, region.start_column),
        region.end_line,
        column(region.end_line, region.end_column),
    )
