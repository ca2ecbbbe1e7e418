"""Suppressions: ``#disable-next-line KV001``, ``#disable-diagnostics KV001``, and comments."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from operator import itemgetter

from azkvlint.model.location import Location, SourceComments
from azkvlint.readers.arm.run import TemplateRead
from azkvlint.readers.bicep.read import BicepRead
from azkvlint.syntax.bicep.comments import source_comments
from azkvlint.syntax.peer_comments import has_peer_comments
from azkvlint.syntax.positions import Lines

# The word of a directive in a comment.
_MARK = "kvlint"


def is_suppressed(read: TemplateRead, at: Location, rule: str) -> bool:
    """Return whether the text of ``read`` suppresses a finding of ``rule`` at a location.

    What counts is the line on which the place begins. A place without span and region is never suppressed.
    """
    if not isinstance(read, BicepRead) or not (read.suppressions or read.disabled):
        return False
    lines, regions = read.suppressions.get(at.path, ()), read.disabled.get(at.path, ())
    if not lines and not regions:
        return False
    offset = _offset(read.files.get(at.path, ""), at)
    if offset is None:
        return False
    name = rule.lower()
    text = read.files.get(at.path, "")
    first = bisect_left(lines, _line_start(text, offset), key=itemgetter(0))
    for start, ids in islice(lines, first, None):
        if start > offset:
            break
        if _names(ids, name):
            return True
    return any(start <= offset < end and _names(ids, name) for start, end, ids in regions)


def disabled_ranges(read: TemplateRead) -> dict[str, list[tuple[int, int, tuple[str, ...]]]]:
    """Return the ranges in which rules are disabled: start, end and IDs, by reported path, in order."""
    if not isinstance(read, BicepRead):
        return {}
    found: dict[str, list[tuple[int, int, tuple[str, ...]]]] = {}
    for path in read.suppressions.keys() | read.disabled.keys():
        text = read.files.get(path, "")
        lines = ((start, _line_end(text, start), ids) for start, ids in read.suppressions.get(path, ()))
        found[path] = sorted([*lines, *read.disabled.get(path, ())])
    return found


def _line_end(text: str, start: int) -> int:
    """Return the end of the line that begins at an offset."""
    ends = [end for end in (text.find("\n", start), text.find("\r", start)) if end >= 0]
    return min(ends, default=len(text)) + 1


def _names(ids: tuple[str, ...], name: str) -> bool:
    return any(id_.lower() == name for id_ in ids)


def _line_start(text: str, offset: int) -> int:
    """Return where the line begins that an offset is on."""
    start = text.rfind("\n", 0, offset) + 1
    return max(start, text.rfind("\r", start, offset) + 1)


def _offset(text: str, at: Location) -> int | None:
    """Return the offset at which a location begins."""
    if at.span is not None:
        return at.span[0]
    if at.region is None:
        return None
    starts = Lines(text).starts
    line = min(at.region.start_line, len(starts))
    return starts[line - 1] + at.region.start_column - 1


def comments_of(read: BicepRead, peer_comments: bool = False) -> dict[str, SourceComments]:
    """Return the comments of the files in which any may be a directive, by reported path.

    With ``peer_comments`` those for other tools are directives too.
    """
    return {
        path: source_comments(text, parsed)
        for path, parsed in read.parsed.items()
        if (text := read.files.get(path)) is not None
        and (_MARK in text.lower() or (peer_comments and has_peer_comments(text)))
    }
