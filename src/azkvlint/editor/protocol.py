"""Read and write the messages of the Language Server Protocol, and convert its positions and URIs.

What is not a message is a fault. Lines end as in the protocol: at a line feed, a carriage return, or both. A character
is counted in code units of the encoding that server and client agree on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from lsprotocol.types import (
    Position,
    PositionEncodingKind,
    Range,
    TextDocumentContentChangeEvent,
    TextDocumentContentChangePartial,
)

from azkvlint.model.location import Region
from azkvlint.syntax.texts import Lines
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import real_path

# The longest message and header in bytes. A message can contain the text of a document.
MAX_MESSAGE, _MAX_HEADER = 100_000_000, 4_096
_LENGTH = regex(rb"content-length[ \t]*:[ \t]*([0-9]{1,15})[ \t]*")
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMETERS = -32700, -32600, -32602
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
_LOCAL = ("", "localhost")


class ProtocolError(Exception):
    """What a client sent is not a message. ``is_last``: where the next message begins is unknown."""

    def __init__(self, code: int, message: str, *, is_last: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_last = is_last


def receive(
    stream: BinaryIO, handle: Callable[[dict[str, Any]], object], refuse: Callable[[ProtocolError], object]
) -> None:
    """Pass each message to ``handle`` and each fault to ``refuse``, until the stream ends or makes no sense."""
    while True:
        try:
            body = _body(stream)
            if body is None:
                return
            handle(_message(body))
        except ProtocolError as fault:
            refuse(fault)
            if fault.is_last:
                return


class MessageWriter:
    """Writes messages to a client, and calls ``leave`` when it does not read them any more."""

    def __init__(self, stream: BinaryIO, leave: Callable[[], object]) -> None:
        self._stream: BinaryIO | None = stream
        self._leave = leave

    def write(self, data: bytes) -> None:
        """Write a message with its header."""
        if self._stream is None:
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):
            self.close()
            self._leave()

    def send(self, message: dict[str, Any]) -> None:
        """Write a message that is not one of pygls."""
        body = json.dumps(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def close(self) -> None:
        """Write nothing more."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()


def _body(stream: BinaryIO) -> bytes | None:
    """Return the content of the next message; None at the end of the stream."""
    length = -1
    while True:
        line = stream.readline(_MAX_HEADER)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise ProtocolError(PARSE_ERROR, "a header is too long or incomplete", is_last=True)
        header = line.rstrip(b"\r\n")
        if not header:
            break
        found = _LENGTH.fullmatch(header.lower())
        if found is not None:
            length = int(found[1])
        elif b":" not in header:
            raise ProtocolError(PARSE_ERROR, "a header is not valid", is_last=True)
    if length < 0:
        raise ProtocolError(PARSE_ERROR, "the header Content-Length is missing", is_last=True)
    if length > MAX_MESSAGE:
        _skip(stream, length)
        raise ProtocolError(INVALID_REQUEST, f"the message is larger than {MAX_MESSAGE:,} bytes")
    body = stream.read(length)
    return body if len(body) == length else None


def _skip(stream: BinaryIO, length: int) -> None:
    while length > 0 and (part := stream.read(min(length, 1 << 20))):
        length -= len(part)


def _message(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise ProtocolError(PARSE_ERROR, "the message is not JSON") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, "the message is not an object of JSON-RPC 2.0")
    id_, method = message.get("id", 0), message.get("method", "")
    if not isinstance(id_, str | int) or isinstance(id_, bool) or not isinstance(method, str):
        raise ProtocolError(INVALID_REQUEST, "the message has no valid id or method")
    return message


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


def uri_of(path: str) -> str:
    """Return the URI of an absolute path. A file name that is not UTF-8 keeps its bytes."""
    return Path(path).as_uri()


def path_of(uri: str) -> str:
    """Return the real path of a document or folder; empty if it is not in a file system."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    path = os.fsdecode(unquote_to_bytes(parts.path.encode("utf-8", "replace")))
    if parts.scheme != "file" or "\0" in path or not path.startswith("/"):
        return ""
    if os.name == "nt":
        has_drive = path[2:3] == ":"
        return real_path(path[1:] if has_drive else f"//{parts.netloc}{path}")
    return real_path(path) if parts.netloc in _LOCAL else ""
