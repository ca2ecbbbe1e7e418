"""JSON as ARM templates and parameter files have it -> plain Python data, and the places of its members.

Azure's tools take more than JSON: comments, a comma after the last member, line breaks within texts, UTF-16 as
PowerShell writes it. Single quotes and keys without quotes stay errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from azkvlint.syntax.positions import Lines, MarkedText
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

# Deeper than any template, and far from the interpreter's own limit.
MAX_DEPTH = 200

Pointer = tuple[str | int, ...]

# In most there is nothing escaped, and the first of the two ways is far faster.
STRING = r'(?:"[^"]*+"(?<!\\")|"[^"\\]*+(?:\\.[^"\\]*+)*+")'
COMMENT = r"(?://[^\r\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)"
GAP = rf"[ \t\r\n]*+(?:{COMMENT}[ \t\r\n]*+)*+"
# As far as there is nothing to blank, and then what there is.
_UNCLEAN = regex(rf'[^"/,]*+(?:(?:{STRING}|,(?!{GAP}[}}\]]))[^"/,]*+)*+(?:(?P<blank>{COMMENT}|,))', re.DOTALL)
_EDGE = regex(rf"{STRING}|(?P<open>[{{\[])|[}}\]]", re.DOTALL)
_NUMBER = regex(rf"{STRING}|(?P<number>-?[0-9][0-9.eE+-]*+|-?[A-Za-z]++)", re.DOTALL)
# A comma behind one of these, or behind nothing, is no last comma but a mistake.
_NO_MEMBER = frozenset(("", "{", "[", ",", ":"))
_DECODER = msgspec.json.Decoder()
_CONTAINERS = frozenset((dict, list))
_ESCAPE = regex(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_HIGH, _LOW, _NO_SURROGATE = 0xD800, 0xDC00, 0xE000
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MARKS = tuple(mark for mark, _ in _BOMS)
# The standard library's words, which differ between its versions, and ours.
_FAULTS = (
    ("Expecting value", "a value is expected here"),
    ("Expecting ',' delimiter", "a comma or the closing bracket is expected here"),
    ("Expecting property name", "a key in double quotes is expected here"),
    ("Expecting ':' delimiter", "a colon is expected here"),
    ("Unterminated string", "the text that starts here never ends"),
    ("Invalid \\u", "\\u is followed by four hexadecimal digits"),
    ("Invalid \\", "a backslash stands before a character that it cannot escape"),
    ("Extra data", "something follows the end of the JSON"),
)


class Document(msgspec.Struct, frozen=True):
    """``value`` is plain Python data; ``text`` is what an editor shows: decoded, without the byte order mark."""

    value: Any
    text: str


def decode(data: bytes) -> Document:
    """Read one JSON file. Of a key that is given twice the last one counts. Raises InputError, with a line and column.

    NaN, Infinity, numbers too large for a float and more than MAX_DEPTH levels are refused.
    """
    text, plain = _text(data)
    try:
        value = _DECODER.decode(text if plain is None else plain)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # Broken, or one of the things that only Azure's tools take; slower, but knows which, and where.
        value = _decode_unusual(text)
    if _too_deep(value):
        _refuse_depth(text)
    marked = MarkedText(text, is_utf8=plain is not None) if data.startswith(_MARKS) or plain is None else text
    return Document(value, marked)


def decode_text(text: str) -> Document:
    """Read JSON that is a value of another file. Raises InputError as ``decode`` does."""
    try:
        return decode(text.encode())
    except UnicodeEncodeError:  # a path that is not UTF-8 is a part of it
        raise InputError("not JSON: it is not Unicode text") from None


def clean(text: str) -> str:
    """``text`` with comments and last commas as blanks, so that every offset stays as it is."""
    parts: list[str] = []
    at, last = 0, ""
    while match := _UNCLEAN.match(text, at):
        start = match.start("blank")
        kept = text[at:start]
        last = kept.rstrip()[-1:] or last
        if last in _NO_MEMBER and match["blank"] == ",":
            break
        parts += (kept, " " * (match.end() - start))
        at = match.end()
    return "".join((*parts, text[at:])) if parts else text


def _text(data: bytes) -> tuple[str, bytes | None]:
    """The text of a file, and its UTF-8 without a byte order mark where the file is UTF-8."""
    encoding = ""
    for mark, name in _BOMS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
    if not encoding:
        # JSON starts with a character of ASCII, of which the other half is zero in UTF-16.
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le" if data[1:2] == b"\0" else "utf-8"
    if encoding == "utf-8":
        try:
            return data.decode(), data
        except UnicodeDecodeError as error:
            before = data[: error.start].decode()
            line, column = Lines(before).place(len(before))
            raise InputError("not UTF-8", "save the file as UTF-8", line, column) from None
    try:
        return data.decode(encoding), None
    except UnicodeDecodeError:
        raise InputError("broken UTF-16", "save the file as UTF-8") from None


def _decode_unusual(text: str) -> Any:
    """The value of ``text``, read by the standard library, which knows where something is wrong."""
    import json

    if not text or text.isspace():
        raise InputError("the file is empty", line=1, column=1)
    cleaned = clean(text)
    decoder = json.JSONDecoder(strict=False, parse_float=_float, parse_constant=_refuse_constant)
    try:
        value = decoder.decode(cleaned)
    except json.JSONDecodeError as error:
        _refuse(text, error.pos, _fault(text, error.pos, error.msg))
    except _NumberRefused as error:
        _refuse(text, _place_of_number(cleaned, error.text), "the number is out of range")
    except RecursionError:
        _refuse_depth(text)
    except ValueError:
        raise InputError("not JSON: a number is too long", line=1, column=1) from None
    half = _lone_surrogate(cleaned)
    if half is not None:
        _refuse(text, half, "this escape is half of a character")
    return value


def _lone_surrogate(text: str) -> int | None:
    """Return where a text of JSON escapes one half of a surrogate pair: no path, no system call and no report has it.

    The text has no comments.
    """
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
    """A number that no float holds, or a constant that JSON does not have."""

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


def _fault(text: str, at: int, message: str) -> str:
    if text.startswith("/*", at):
        return "the comment that starts here never ends"
    if text.startswith("'", at):
        return "texts stand in double quotes"
    what = next((words for start, words in _FAULTS if message.startswith(start)), "something else is expected here")
    return f"the file ends too early: {what}" if not text[at:].strip() else what


def _refuse(text: str, at: int, what: str) -> NoReturn:
    line, column = Lines(text).place(at)
    raise InputError(f"not JSON: {what}", line=line, column=column) from None


def _refuse_depth(text: str) -> NoReturn:
    """Say that the text is nested too deeply, and where it first is."""
    depth = at = 0
    for match in _EDGE.finditer(clean(text)):
        if match["open"]:
            depth, at = depth + 1, match.start()
        elif match[0] in {"]", "}"}:
            depth -= 1
        if depth > MAX_DEPTH:
            break
    line, column = Lines(text).place(at)
    raise InputError(f"nested deeper than {MAX_DEPTH} levels", line=line, column=column) from None


def _too_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than MAX_DEPTH levels. Goes through them level by level."""
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


def locate(text: str, pointers: Iterable[Pointer]) -> dict[Pointer, tuple[int, int]]:
    """Where in ``text`` the pointers lead: the offsets of the first character and after the last one, in code points.

    For a key that is the whole member, from the key to the end of its value; for an index the item; for ``()`` the
    outermost value. Keys are as they are decoded. Of a key that is given twice the last one counts. What is not there
    is left out. ``text`` is a Document's; in another one, what stands behind the first fault may not be found.
    """
    # Most runs ask for nothing, and the patterns take longer to compile than a template to read.
    from azkvlint.syntax.json_locate import find

    return find(text, [pointer for pointer in pointers if len(pointer) <= MAX_DEPTH])
