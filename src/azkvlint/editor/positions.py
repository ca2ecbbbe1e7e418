"""Convert between code points and the positions of the Language Server Protocol, and apply changes to texts.

Lines end as in the protocol: at a line feed, a carriage return, or both. A character is counted in code units of the
encoding that server and client agree on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lsprotocol.types import (
    Position,
    PositionEncodingKind,
    Range,
    TextDocumentContentChangeEvent,
    TextDocumentContentChangePartial,
)

from azkvlint.model.location import Region
from azkvlint.syntax.positions import Lines

# The number of code units of a text, and the Python encoding with its bytes for each code unit.
_CODECS: Mapping[str, tuple[str, int]] = {
    PositionEncodingKind.Utf8.value: ("utf-8", 1),
    PositionEncodingKind.Utf16.value: ("utf-16-le", 2),
}
# The protocol counts in 31 bits.
_MAX = 2**31 - 1
_MOST_LINES = 5
START = Range(Position(0, 0), Position(0, 0))
"""The range of what has no place in its file."""


class Positions:
    """The positions in one text, in an encoding such as ``utf-16``."""

    def __init__(self, text: str, encoding: str) -> None:
        self._lines = Lines(text)
        self._codec = None if text.isascii() else _CODECS.get(encoding)

    def range(self, region: Region) -> Range:
        """Return the range of a region; of one with many lines, such as a whole resource, that of its first line."""
        if region.end_line - region.start_line >= _MOST_LINES:
            region = Region(region.start_line, region.start_column, region.start_line, self._length(region.start_line))
        return Range(
            self._position(region.start_line, region.start_column), self._position(region.end_line, region.end_column)
        )

    def range_of(self, start: int, end: int) -> Range:
        """Return the range between two offsets."""
        return self.range(self._lines.region(start, end))

    def _length(self, line: int) -> int:
        """Return the column at the end of a line."""
        return len(self._line(line)) + 1

    def _line(self, line: int) -> str:
        """Return a line without its break; lines beyond the last are empty."""
        starts, text = self._lines.starts, self._lines.text
        if line > len(starts):
            return ""
        return text[starts[line - 1] : starts[line] if line < len(starts) else len(text)].rstrip("\r\n")

    def _position(self, line: int, column: int) -> Position:
        """Return the position of a line and a column. One between the two characters of a break is before it."""
        before = self._line(line)[: column - 1]
        units = len(before)
        if self._codec is not None and not before.isascii():
            encoding, size = self._codec
            units = len(before.encode(encoding, "surrogatepass")) // size
        return Position(min(line - 1, _MAX), min(units, _MAX))

    def offset(self, position: Position) -> int:
        """Return the offset of a position; beyond the end of a line it is that end, within a character its start."""
        starts, text = self._lines.starts, self._lines.text
        if position.line >= len(starts):
            return len(text)
        start, line = starts[position.line], self._line(position.line + 1)
        if self._codec is None or line.isascii():
            return start + min(position.character, len(line))
        encoding, size = self._codec
        units = line.encode(encoding, "surrogatepass")[: position.character * size]
        return start + len(units.decode(encoding, "ignore"))


def changed(text: str, changes: Sequence[TextDocumentContentChangeEvent], encoding: str) -> str:
    """Return a text after changes, each of which refers to the result of the one before."""
    for change in changes:
        if isinstance(change, TextDocumentContentChangePartial):
            positions = Positions(text, encoding)
            start, end = positions.offset(change.range.start), positions.offset(change.range.end)
            text = f"{text[:start]}{change.text}{text[max(start, end) :]}"
        else:
            text = change.text
    return text


def contains(outer: Range, position: Position) -> bool:
    """Return whether a position is in a range or at its end."""
    at = position.line, position.character
    return (outer.start.line, outer.start.character) <= at <= (outer.end.line, outer.end.character)


def share_a_line(one: Range, other: Range) -> bool:
    """Return whether two ranges have a line in common."""
    return one.start.line <= other.end.line and other.start.line <= one.end.line


def clean(text: str) -> str:
    """Return a text with U+FFFD for what JSON can contain and UTF-8 cannot: halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
