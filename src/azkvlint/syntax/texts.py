"""Texts of files: convert offsets to lines and columns, cut excerpts, and keep what is parsed for the next check.

Lines end as they do in editors: at a line feed, a carriage return, or both. Lines and columns are 1-based. What is
parsed, and what depends on it, is kept between the checks of one process, because a change concerns only one file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Self, TypeVar, TypeVarTuple

from azkvlint.model.location import Excerpt, Region
from azkvlint.util.errors import InputError
from azkvlint.util.run_state import part_of_run

HIDDEN = "(hidden)"
MAX_LINES = 10
MAX_CHARACTERS = 2_000
# The number of characters kept before the region in a line that is too long.
_LEAD = 200
Span = tuple[int, int]
_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")
# A text that many checks have not used is dropped, and sooner the longer the texts are: each edit makes a new one.
_CHECKS, _CHARACTERS = 4, 2_000_000
# The characters of one check beyond which nothing more is kept.
_MOST_CHARACTERS = 2 * _CHARACTERS


class MarkedText(str):
    """The text of a file without its byte order mark; ``is_utf8`` states whether that was UTF-8's."""

    __slots__ = ("is_utf8",)
    is_utf8: bool

    def __new__(cls, text: str, *, is_utf8: bool = True) -> Self:
        """Return ``text`` as MarkedText."""
        marked = super().__new__(cls, text)
        marked.is_utf8 = is_utf8
        return marked


class Lines:
    """The lines of ``text``. All offsets are in code points; the end of a span is exclusive.

    Offsets beyond the text are its end. The line starts are computed on first use.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts: list[int] = []
        # Only characters beyond U+FFFF have two code units in UTF-16.
        self._narrow = text.isascii()

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset."""
        starts, offset = self.starts, self._within(offset)
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def region(self, start: int, end: int) -> Region:
        """Return the region of a span."""
        return Region(*self.place(start), *self.place(max(start, end)))

    def excerpt(self, start: int, end: int, hidden: Sequence[Span] = ()) -> Excerpt:
        """Return the text of a span with the whole lines around it, without the break of the last line.

        If the span is a whole line, the context includes a line break: it always differs from the span, except in a
        text of one line. Both are cut after MAX_LINES lines or MAX_CHARACTERS characters; in a longer line the context
        may begin within it. Spans in ``hidden`` are replaced by ``(hidden)``, so that no secret is shown. Line breaks
        become line feeds.
        """
        start = self._within(start)
        end = max(start, self._within(end))
        low, high = self._context(start, end)
        spans = _merge_spans(hidden, low, high)
        return Excerpt(
            text=self._redacted(start, min(end, high), spans),
            context=self.region(low, high),
            context_text=self._redacted(low, high, spans),
            utf16=self._utf16(start, end),
            context_utf16=self._utf16(low, high),
        )

    def without_text(self, start: int, end: int) -> Excerpt:
        """Return an excerpt without text or line fingerprint for a span."""
        region = self.region(start, end)
        utf16 = self._utf16(start, max(start, end))
        return Excerpt(text="", context=region, context_text="", utf16=utf16, is_shown=False)

    def shortened(self, start: int, end: int) -> Span:
        """Return a span, or its beginning if its first line is longer than an excerpt."""
        starts = self.starts
        after = bisect_right(starts, start)
        line_end = starts[after] if after < len(starts) else len(self.text)
        max_end = start + MAX_CHARACTERS - _LEAD - 1
        return (start, max_end) if min(end, line_end) > max_end else (start, end)

    @property
    def starts(self) -> list[int]:
        """Return the offset of each line's first character."""
        if not self._starts:
            text = self.text
            if "\r" in text:
                text = text.replace("\r\n", " \n").replace("\r", "\n")  # the same length
            self._starts = [0, *accumulate([len(line) + 1 for line in text.split("\n")])]
            self._starts.pop()
        return self._starts

    def _within(self, offset: int) -> int:
        return min(max(offset, 0), len(self.text))

    def _context(self, start: int, end: int) -> Span:
        """Return the span of the context around a span."""
        starts = self.starts
        first = bisect_right(starts, start)
        last = min(bisect_right(starts, max(start, end - 1)), first + MAX_LINES - 1)
        low = starts[first - 1]
        high = starts[last] if last < len(starts) else len(self.text)
        for mark in "\n\r":
            if self.text.endswith(mark, low, high):
                high -= 1
        if high - low > MAX_CHARACTERS:
            if start - low > _LEAD and end - low > MAX_CHARACTERS:
                low = start - _LEAD
            high = min(high, low + MAX_CHARACTERS)
        elif first == last and high <= end and (low == start or high < end):
            return self._with_break(first)
        return low, max(high, start)

    def _with_break(self, line: int) -> Span:
        """Return the span of a line with the break after it, or for the last line with the break before it."""
        starts = self.starts
        low, high = starts[line - 1], len(self.text)
        if line < len(starts):
            high = starts[line]
        elif line > 1:
            low -= 2 if self.text.endswith("\r\n", 0, low) else 1
        return low, high

    def _redacted(self, start: int, end: int, hidden: Sequence[Span]) -> str:
        """Return the text of a span with hidden parts replaced."""
        parts: list[str] = []
        for first, last in hidden:
            if first < end and last > start:
                parts += (self.text[start : max(start, first)], HIDDEN)
                start = min(last, end)
        parts.append(self.text[start:end])
        return "".join(parts).replace("\r\n", "\n").replace("\r", "\n")

    def _utf16(self, start: int, end: int) -> Region | None:
        """Return the region of a span in UTF-16 code units; None if it is the same."""
        if self._narrow:
            return None
        region = self.region(start, end)
        first, last = self._extra_units(start), self._extra_units(end)
        if not first and not last:
            return None
        return Region(region.start_line, region.start_column + first, region.end_line, region.end_column + last)

    def _extra_units(self, offset: int) -> int:
        """Return the number of characters before an offset on its line that have two code units."""
        start = self.starts[bisect_right(self.starts, offset) - 1]
        before = self.text[start:offset]
        return len(before.encode("utf-16-le", "surrogatepass")) // 2 - len(before)


def _merge_spans(spans: Sequence[Span], low: int, high: int) -> list[Span]:
    """Return the spans that overlap ``low`` to ``high``, sorted, with overlapping ones merged."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < high and span[1] > low and span[0] < span[1]):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def source_text(data: bytes) -> str:
    """Decode a file like ``decoded``, as MarkedText if it begins with a byte order mark."""
    text = decoded(data)
    is_utf16 = data[:2] in _UTF16
    return MarkedText(text, is_utf8=not is_utf16) if is_utf16 or data.startswith(_UTF8) else text


def decoded(data: bytes) -> str:
    """Decode a file as UTF-8, or by its byte order mark. Raise InputError."""
    encoding = "utf-16" if data[:2] in _UTF16 else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError("the file is not UTF-8") from error


def _identity(argument: object) -> object:
    """Return what distinguishes an argument: a text with a byte order mark equals one without."""
    return (argument, argument.is_utf8) if isinstance(argument, MarkedText) else argument


class ParsedTexts:
    """The parsed texts of the last checks, and what was computed from them. Nothing is kept unless a check has begun.

    What parsers return depends on their arguments alone, and is not changed, except that parts of it are parsed or
    computed on first use.
    """

    def __init__(self) -> None:
        self._older: dict[tuple[object, ...], Any] = {}
        self._newer: dict[tuple[object, ...], Any] = {}
        self._checks = self._characters = 0

    def begin(self) -> None:
        """Begin a check."""
        # Checks that use nothing, because nothing has changed, do not count.
        self._checks = self._checks + 1 if self._newer else 1
        if self._checks > _CHECKS or self._characters > _CHARACTERS:
            self._older, self._newer = self._newer, {}
            self._checks, self._characters = 1, 0

    def parsed(self, parse: Callable[[*_Arguments], _T], *arguments: *_Arguments) -> _T:
        """Return ``parse(*arguments)``, from an earlier call if there was one."""
        if not self._checks:
            return parse(*arguments)
        key = (parse, *map(_identity, arguments))
        found: _T | None = self._entry(key)
        if found is None:
            found = parse(*arguments)
            if self._characters <= _MOST_CHARACTERS:
                self._newer[key] = found
                self._characters += sum(len(one) for one in arguments if isinstance(one, str))
        return found

    def _entry(self, key: tuple[object, ...]) -> Any:
        found = self._newer.get(key)
        if found is None and (found := self._older.pop(key, None)) is not None:
            self._newer[key] = found
        return found


def parsed_texts() -> ParsedTexts:
    """Return the parsed texts of the current run."""
    return part_of_run(ParsedTexts)
