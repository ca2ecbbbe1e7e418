"""The line of source that a finding marks, for formats that show source."""

from __future__ import annotations

from azkvlint.model.location import Excerpt, Region
from azkvlint.util.safe_text import visible

_TAB = "    "


def marked_line(region: Region, excerpt: Excerpt, room: int) -> tuple[str, str, str]:
    """Return the region's first line in three parts: before the region, the region, after it.

    The parts are escaped, and cut to ``room`` characters around the region.
    """
    return _clip(_line(region, excerpt), room)


def _line(region: Region, excerpt: Excerpt) -> tuple[str, str, str]:
    """Return the region's first line in three parts: before the region, the region, after it.

    Replaced secrets may shift the text after them on the same line. If the region's text is not at its column, it is
    searched for; if it is not found, it is shown alone.
    """
    marked = excerpt.text.split("\n", 1)[0].rstrip("\r")
    lines = excerpt.context_text.split("\n")
    index = region.start_line - excerpt.context.start_line
    line = lines[index].rstrip("\r") if 0 <= index < len(lines) else marked
    start = region.start_column - (excerpt.context.start_column if index == 0 else 1)
    if start < 0 or not line.startswith(marked, start):
        start = line.find(marked)
    if start < 0:
        return "", marked, ""
    return line[:start], marked, line[start + len(marked) :]


def _clip(parts: tuple[str, str, str], room: int) -> tuple[str, str, str]:
    """Return the three parts escaped, and cut to ``room`` characters around the middle one."""
    before, marked, after = (visible(part.replace("\t", _TAB)) for part in parts)
    if len(before) + len(marked) + len(after) <= room:
        return before, marked, after
    if len(marked) > room:
        return "", f"{marked[: room - 3]}...", ""
    left = max(room - len(marked) - min(len(after), 20), 0)
    if len(before) > left:
        before = f"...{before[len(before) - left + 3 :]}" if left > 3 else ""
    right = room - len(before) - len(marked)
    if len(after) > right:
        after = f"{after[: right - 3]}..." if right > 3 else ""
    return before, marked, after
