"""JSON text -> places in it. Values are decoded elsewhere; positions are found here, and only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.util.lazy_regex import regex

_SPACE = regex(rb"[ \t\r\n]*")
_KEY = regex(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_BYTE = regex(r"^(?:JSON is malformed: )?(?P<what>.*?) \(byte (?P<byte>\d+)\)$")
_BLANK, _COMMA = frozenset(b" \t\r\n"), ord(",")


def members(data: bytes, parts: Mapping[str, msgspec.Raw]) -> dict[str, int]:
    """The byte offset of each value of the outermost object of ``data``, whose raw values are ``parts``.

    The walk jumps from value to value by their lengths, so it costs nothing. It can only lose its way where a key
    is given twice: DecodeError then.
    """
    places: dict[str, int] = {}
    at = len(_space(data, 0)) + 1
    while len(places) < len(parts):
        match = _KEY.match(data, at)
        if match is None:
            raise msgspec.DecodeError(f"a key is given twice (byte {at})")
        key = msgspec.json.decode(match[1], type=str)
        if key in places or key not in parts:
            raise msgspec.DecodeError(f"the key '{key}' is given twice (byte {match.start(1)})")
        places[key] = match.end()
        at = match.end() + memoryview(parts[key]).nbytes
        at += len(_space(data, at)) + 1
    return places


def elements(data: bytes, items: Sequence[msgspec.Raw], at: int) -> Iterator[tuple[int, int]]:
    """Start and end offset in ``data`` of each of the raw ``items`` of the list that starts at offset ``at``."""
    at += 1
    for item in items:
        if data[at] in _BLANK:
            at += len(_space(data, at))
        end = at + memoryview(item).nbytes
        yield at, end
        at = end + 1 if data[end] == _COMMA else end + len(_space(data, end)) + 1


def _space(data: bytes, at: int) -> bytes:
    match = _SPACE.match(data, at)
    return match[0] if match else b""


class Lines:
    """Line and column of growing offsets, in one pass over the text whatever the number of questions."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ascii = data.isascii()
        self.line = 1
        self.column_at = 0
        self.column = self.utf16 = 1

    def place(self, offset: int) -> tuple[int, int, int]:
        """Line and column of a byte offset, both 1-based; the column in code points, and in UTF-16 code units."""
        if offset < self.column_at:
            self.__init__(self.data)  # type: ignore[misc]  # starting over keeps one way to count
        newlines = self.data.count(b"\n", self.column_at, offset)
        if newlines:
            self.line += newlines
            self.column_at = self.data.rindex(b"\n", self.column_at, offset) + 1
            self.column = self.utf16 = 1
        if self.ascii:
            self.column += offset - self.column_at
            self.utf16 = self.column
        else:
            text = self.data[self.column_at : offset].decode("utf-8", "replace")
            self.column += len(text)
            self.utf16 += len(text.encode("utf-16-le", "surrogatepass")) // 2
        self.column_at = offset
        return self.line, self.column, self.utf16


def duplicate_key(data: bytes) -> str | None:
    """A key that some object of ``data`` gives twice, if there is one. Reads the whole text."""
    import json

    found: list[str] = []

    def check(pairs: list[tuple[str, object]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            seen: set[str] = set()
            found.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # None, so false

    # Numbers stay text: a number of thousands of digits is none for Python.
    json.loads(data, object_pairs_hook=check, parse_int=str, parse_float=str)
    return found[0] if found else None


def is_complete(data: bytes) -> bool:
    """Whether ``data`` is one whole JSON value, all strictness about characters aside."""
    import json

    try:
        json.loads(data, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def fault(data: bytes, text: str) -> tuple[str, int | None, int | None]:
    """What a decoder's error says, and the line and column it means (1-based, where it names a byte)."""
    match = _BYTE.match(text)
    if match is None:
        return text, None, None
    return match["what"], *place(data, min(int(match["byte"]), len(data)))


def place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column of one byte offset, both 1-based."""
    line, column, _ = Lines(data).place(offset)
    return line, column
