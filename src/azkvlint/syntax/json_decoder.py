"""Decode JSON into Python data, with line and column of errors.

``decode`` reads ARM templates and parameter files. Azure's tools accept more than JSON: comments, a trailing comma,
line breaks in strings, and UTF-16 as PowerShell writes it. Single quotes and keys without quotes remain errors.
``decode_json`` reads strict JSON of a known shape. Code that decodes parts of a large file itself, such as a plan,
catches ``DECODE_ERRORS``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NoReturn, TypeVar

import msgspec

from azkvlint.syntax.texts import Lines, MarkedText
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

# Deeper than any template or plan, and far below what the recursion limit of each interpreter allows.
MAX_DEPTH = 200

Pointer = tuple[str | int, ...]

# Most strings contain no escape, and the first alternative is far faster.
STRING = r'(?:"[^"]*+"(?<!\\")|"[^"\\]*+(?:\\.[^"\\]*+)*+")'
COMMENT = r"(?://[^\r\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)"
GAP = rf"[ \t\r\n]*+(?:{COMMENT}[ \t\r\n]*+)*+"
# Clean text, followed by a comment or comma to replace by blanks.
_UNCLEAN = regex(rf'[^"/,]*+(?:(?:{STRING}|,(?!{GAP}[}}\]]))[^"/,]*+)*+(?:(?P<blank>{COMMENT}|,))', re.DOTALL)
_EDGE = regex(rf"{STRING}|(?P<open>[{{\[])|[}}\]]", re.DOTALL)
_NUMBER = regex(rf"{STRING}|(?P<number>-?[0-9][0-9.eE+-]*+|-?[A-Za-z]++)", re.DOTALL)
# A comma after one of these, or at the start, is an error and not a trailing comma.
_NO_MEMBER = frozenset(("", "{", "[", ",", ":"))
DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
"""The errors that msgspec raises for invalid data, not all of which are its own."""
_NOT_JSON = "the value is not JSON in UTF-8"
_T = TypeVar("_T")
_DECODER = msgspec.json.Decoder()
_CONTAINERS = frozenset((dict, list))
_ESCAPE = regex(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_HIGH, _LOW, _NO_SURROGATE = 0xD800, 0xDC00, 0xE000
# Each string, with the colon after it if it is a key.
_KEYS = regex(rb'"(?:[^"\\]++|\\.)*+"(:)?', re.DOTALL)
# An escaped character, or a quoted text in a string with both its marks.
_ESCAPED = regex(rb'\\(?:"[^"\\]*+\\"|.)', re.DOTALL)
_QUOTED = regex(rb'"[^"]*+"')
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MARKS = tuple(mark for mark, _ in _BOMS)


class JsonDocument(msgspec.Struct, frozen=True):
    """A decoded file: ``value`` is Python data; ``text`` is the text in an editor, without the byte order mark."""

    value: Any
    text: str


def decode(data: bytes) -> JsonDocument:
    """Decode one JSON file. The last of repeated keys counts. Raise InputError with a line and column.

    NaN, Infinity, numbers too large for a float and more than MAX_DEPTH levels are refused.
    """
    text, plain = _text(data)
    try:
        value = _DECODER.decode(text if plain is None else plain)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # An error, or an extension of Azure's tools: slower, but reports the position.
        value = _decode_unusual(text)
    if _too_deep(value):
        _refuse_depth(text)
    marked = MarkedText(text, is_utf8=plain is not None) if data.startswith(_MARKS) or plain is None else text
    return JsonDocument(value, marked)


def decode_text(text: str) -> JsonDocument:
    """Decode JSON that is a value in another file. Raise InputError as ``decode`` does."""
    try:
        return decode(text.encode())
    except UnicodeEncodeError:  # it contains a path that is not UTF-8
        raise InputError("invalid JSON: the text is not Unicode") from None


def decode_json(data: bytes | str, shape: type[_T]) -> _T:
    """Decode ``data`` as ``shape``. Raise InputError if it is not JSON, or of another shape."""
    try:
        return msgspec.json.decode(data, type=shape)
    except DECODE_ERRORS as error:
        if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
            reason, line, column = fault(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
            raise InputError(f"invalid JSON: {reason}", line=line, column=column) from error
        raise InputError(decode_error(error)) from error


def decode_error(error: Exception) -> str:
    """Return the reason why data cannot be decoded, without any value from the input."""
    match error:
        case RecursionError():
            return "the nesting is too deep"
        case UnicodeError():
            return _NOT_JSON
        case OverflowError():
            return "a number is too large"
        case msgspec.ValidationError():
            from azkvlint.syntax.json_faults import shape_fault

            return shape_fault(error)
        case _:
            return _NOT_JSON


def decode_string(quoted: str) -> str:
    """Decode a JSON string, which may contain line breaks. Raise ValueError."""
    import json

    return str(json.JSONDecoder(strict=False).decode(quoted))


def blank_comments(text: str) -> str:
    """Return ``text`` with comments and trailing commas replaced by blanks, so that offsets do not change."""
    parts: list[str] = []
    at, last = 0, ""
    while match := _UNCLEAN.match(text, at):
        start = match.start("blank")
        clean = text[at:start]
        last = clean.rstrip()[-1:] or last
        if last in _NO_MEMBER and match["blank"] == ",":
            break
        parts += (clean, " " * (match.end() - start))
        at = match.end()
    return "".join((*parts, text[at:])) if parts else text


def _text(data: bytes) -> tuple[str, bytes | None]:
    """Return the text of a file, and its UTF-8 without a byte order mark if the file is UTF-8."""
    encoding = ""
    for mark, name in _BOMS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
    if not encoding:
        # JSON starts with an ASCII character, whose other byte is zero in UTF-16.
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le" if data[1:2] == b"\0" else "utf-8"
    if encoding == "utf-8":
        try:
            return data.decode(), data
        except UnicodeDecodeError as error:
            before = data[: error.start].decode()
            line, column = Lines(before).place(len(before))
            raise InputError("the file is not UTF-8", "save the file as UTF-8", line, column) from None
    try:
        return data.decode(encoding), None
    except UnicodeDecodeError:
        raise InputError("the file is not valid UTF-16", "save the file as UTF-8") from None


def _decode_unusual(text: str) -> Any:
    """Decode ``text`` with the standard library, which reports the offset of an error."""
    import json

    from azkvlint.syntax.json_faults import JsonFault, first_fault

    if not text or text.isspace():
        raise InputError("the file is empty", line=1, column=1)
    cleaned = blank_comments(text)
    decoder = json.JSONDecoder(strict=False, parse_float=_float, parse_constant=_refuse_constant)
    try:
        value = decoder.decode(cleaned)
    except json.JSONDecodeError as error:
        found = first_fault(cleaned, strict=False) or JsonFault(error.pos, "unexpected character")
        is_comment = text.startswith("/*", found.at)
        _refuse(text, found.at, "this comment is not closed" if is_comment else found.reason)
    except _NumberRefused as error:
        _refuse(text, _place_of_number(cleaned, error.text), "the number is out of range")
    except RecursionError:
        _refuse_depth(text)
    except ValueError:
        raise InputError("invalid JSON: a number is too long", line=1, column=1) from None
    half = _lone_surrogate(cleaned)
    if half is not None:
        _refuse(text, half, "this escape is an unpaired surrogate")
    return value


def _lone_surrogate(text: str) -> int | None:
    """Return the offset of an escape that is a lone surrogate in JSON without comments; None without one."""
    high: re.Match[str] | None = None
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else 0
        is_low = _LOW <= unit < _NO_SURROGATE
        if high is not None and not (is_low and high.end() == match.start()):
            return high.start()
        if is_low and high is None:
            return match.start()
        high = match if _HIGH <= unit < _LOW else None
    return None if high is None else high.start()


class _NumberRefused(Exception):
    """A number outside the range of float, or a constant that JSON does not have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NumberRefused(text)
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise _NumberRefused(text)


def _place_of_number(text: str, number: str) -> int:
    return next((match.start() for match in _NUMBER.finditer(text) if match["number"] == number), 0)


def _refuse(text: str, at: int, reason: str) -> NoReturn:
    line, column = Lines(text).place(at)
    raise InputError(f"invalid JSON: {reason}", line=line, column=column) from None


def _refuse_depth(text: str) -> NoReturn:
    """Raise InputError for the first container that is nested too deeply."""
    depth = at = 0
    for match in _EDGE.finditer(blank_comments(text)):
        if match["open"]:
            depth, at = depth + 1, match.start()
        elif match[0] in {"]", "}"}:
            depth -= 1
        if depth > MAX_DEPTH:
            break
    line, column = Lines(text).place(at)
    raise InputError(f"the nesting is deeper than {MAX_DEPTH} levels", line=line, column=column) from None


def _too_deep(value: Any) -> bool:
    """Return whether arrays and objects are nested deeper than MAX_DEPTH levels."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
    return bool(level)


# Only brackets, both kinds as one, and quotation marks.
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_OPENING = bytes(set(range(256)) - set(b"{["))
_NOT_BRACKETS = bytes(set(range(256)) - set(b'{}[]"'))
# Bytes that are searched for brackets at once. Shorter data rarely has more brackets than levels are allowed.
_BLOCK = 1 << 16


def is_nested_deeper(data: bytes | memoryview, levels: int) -> bool:
    """Return whether arrays and objects in ``data`` are nested deeper than ``levels``, whatever else it holds.

    Needs no recursion, whose limit is another one on each version of Python. Data that is not JSON has any result.
    """
    if len(data) <= _BLOCK and len(bytes(data).translate(None, _NOT_OPENING)) <= levels:
        return False
    marks = left = _QUOTED.sub(b"", b"".join(_marks(data)))
    # Nearly all brackets of a file are near to the innermost ones, so that few passes leave nothing to count.
    work = 8 * len(marks)
    for _ in range(levels):
        work -= len(left)
        if not left or work < 0:
            break
        left = left.replace(b"[]", b"")
    steps = {ord("["): 1, ord("]"): -1, ord('"'): 0}  # a string may never end
    return bool(left) and any(depth > levels for depth in accumulate(map(steps.__getitem__, marks)))


def _marks(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield the brackets of JSON, and the quotation marks around brackets in strings."""
    end = 0
    while end < len(data):
        start, end = end, end + _BLOCK
        while data[end - 1 : end] == b"\\":  # what a backslash escapes belongs to it
            end += 1
        block = bytes(data[start:end])
        if b"\\" in block:
            block = _ESCAPED.sub(b"", block)
        # Removing two adjacent quotation marks moves no bracket into a string.
        yield block.translate(_BRACKETS, _NOT_BRACKETS).replace(b'""', b"")


class ByteLines:
    """Lines and columns of byte offsets, computed in one pass if the offsets ascend."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ascii = data.isascii()
        self.line = 1
        self.line_end = data.find(b"\n")
        self.column_at = 0
        self.column = self.utf16 = 1

    def place(self, offset: int) -> tuple[int, int, int]:
        """Return line and column of a byte offset, both 1-based; the column in code points and in UTF-16 code units."""
        if offset < self.column_at:
            self.__init__(self.data)  # type: ignore[misc]  # starting over keeps one way to count
        # Finding the end of a line is faster than counting line ends, and most plans have only one.
        if 0 <= self.line_end < offset:
            self.line += self.data.count(b"\n", self.line_end, offset)
            self.column_at = self.data.rindex(b"\n", self.line_end, offset) + 1
            self.line_end = self.data.find(b"\n", self.column_at)
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
    """Return a repeated key of an object in ``data``; None if there is none. Decodes the whole text."""
    if _has_distinct_keys(data):
        return None
    import json  # takes longer to import than the check above

    repeated: list[str] = []

    def check(pairs: list[tuple[str, object]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            seen: set[str] = set()
            repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # None, so false

    # Numbers stay strings: Python refuses to convert thousands of digits.
    json.loads(data, object_pairs_hook=check, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None


def _has_distinct_keys(data: bytes) -> bool:
    """Return whether the decoded objects have as many keys as the text; False if the text cannot be decoded."""
    try:
        decoded = msgspec.json.encode(msgspec.json.decode(data))
        if decoded == data.rstrip():  # as Terraform prints plans
            return True
        written = msgspec.json.format(data, indent=-1)  # without blanks
    except DECODE_ERRORS:
        return False
    return decoded == written or _count_keys(decoded) == _count_keys(written)


def _count_keys(data: bytes) -> int:
    """Return the number of keys in JSON without blanks."""
    if b'\\\\":' in data:  # the backslash before the quote may be escaped itself
        return sum(map(len, _KEYS.findall(data)))
    return data.count(b'":') - data.count(b'\\":')


def fault(data: bytes) -> tuple[str, int | None, int | None]:
    """Return why ``data``, which could not be decoded, is not strict JSON in UTF-8, with line and column (1-based)."""
    from azkvlint.syntax.json_faults import JsonFault, first_fault

    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return "the file is not UTF-8", *place(data, error.start)
    found = first_fault(text)
    if found is None:
        half = _lone_surrogate(text)
        if half is None:
            return "a value is not supported", None, None
        found = JsonFault(half, "a string contains an unpaired surrogate escape")
    elif found.is_end:
        found = JsonFault(len(text), "unexpected end of file")
    return found.reason, *Lines(text).place(found.at)


def place(data: bytes, offset: int) -> tuple[int, int]:
    """Return line and column of one byte offset, both 1-based."""
    line, column, _ = ByteLines(data).place(offset)
    return line, column
