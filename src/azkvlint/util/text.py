"""Count things in words, compare names of regions, and escape strings of scanned files for terminals and build logs.

Such strings are untrusted: they may contain escape sequences that recolor a terminal, line breaks and direction marks
that forge a report, or the commands that GitHub's and Azure's agents parse from a log.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from typing import Any

import msgspec

from azkvlint.util.lazy_regex import regex

# Controls, zero-width and direction marks, line and paragraph separators, lone surrogates, noncharacters, and Unicode's
# other default ignorables: the agents that parse commands from a log skip them.
_CONTROL = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# GitHub reads "::" at the start of a line as a command, and wrapping can move any word there. "##[" (GitHub) and
# "##vso[" (Azure) are commands anywhere in a line.
_UNSAFE = regex(rf"[{_CONTROL}]|(?<!\S)::|##(?=\[|vso\[)")
# The same controls without those that JSON escapes or cannot contain.
_UNSAFE_JSON = regex(f"[{_CONTROL}]".replace("\x00-\x1f", "").replace("\ud800-\udfff", ""))
# In UTF-8 each control starts with one of these bytes, and a search for single bytes is fifty times as fast.
_LEADS = (b"\x7f", b"\xc2", b"\xcd", b"\xd8", b"\xe1", b"\xe2", b"\xe3", b"\xef", b"\xf0", b"\xf3")
_COMMANDS = (b"##[", b"##vso[")
# The number of items of an array that are encoded at a time: at first, and at most. Between them, about as many as have
# a number of bytes together.
_FIRST, _MOST, _BYTES = 8, 500, 1 << 18
SURROGATE = regex("[\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    r"""Return ``text`` on one line, with invisible and control characters escaped (``\x1b``)."""
    if text.isascii() and text.isprintable() and "::" not in text and "##" not in text:
        return text  # the fast path for almost all strings
    return _UNSAFE.sub(_escape, text)


_DESCRIBED = {"`": "a backtick", " ": "a space"}


def describe_character(character: str) -> str:
    """Return a character as code, or its description if that would not show it."""
    if character in _DESCRIBED:
        return _DESCRIBED[character]
    return f"`{character}`" if character.isprintable() else "a control character"


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    code = ord(found[0])
    if found in _SHORT:
        return _SHORT[found]
    if code <= 0xFF:
        return f"\\x{code:02x}{found[1:]}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def encode(document: Any, indent: int = 2) -> bytes:
    """Return ``document`` as JSON in UTF-8 with a trailing newline, safe to print and always encodable.

    Controls that JSON allows unescaped, and commands to agents, become JSON escapes, which decode to the same string.
    Lone surrogates (in a file name that is not UTF-8) become U+FFFD. An ``indent`` of 0 results in one line.
    """
    return _safe_json(document, indent) + b"\n"


def encode_in_parts(document: Mapping[str, Any]) -> bytes:
    """Return the same as ``encode`` for an object of which some members are iterators over the items of an array.

    Only a few items exist at a time, because those of a large report take more memory than its text.
    """
    buffer = BytesIO()
    separator = b"{"
    for name, value in document.items():
        if isinstance(value, Iterator):
            buffer.write(separator + b"\n  " + _safe_json(name, 0) + b": [")
            mark, size = b"", _FIRST
            while batch := [*islice(value, size)]:
                # The items without the brackets around them, indented by one more level.
                items = _safe_json([batch], 2)[len(b"[\n  [") : -len(b"\n  ]\n]")]
                buffer.write(mark + items)
                mark, size = b",", max(1, min(_MOST, len(batch) * _BYTES // len(items)))
            buffer.write(b"\n  ]" if mark else b"]")
        else:
            buffer.write(separator + _safe_json({name: value}, 2)[1:-2])
        separator = b","
    buffer.write(b"\n}\n" if document else b"{}\n")
    return buffer.getvalue()


def _safe_json(document: Any, indent: int) -> bytes:
    try:
        data = msgspec.json.encode(document)
    except UnicodeEncodeError:
        # Structs become dictionaries first, because their strings cannot be replaced.
        data = msgspec.json.encode(_encodable(msgspec.to_builtins(document)))
    if indent:
        data = msgspec.json.format(data, indent=indent)
    if _has_controls(data):
        data = _UNSAFE_JSON.sub(_json_escape, data.decode()).encode()
    for command in _COMMANDS:
        data = data.replace(command, command.replace(b"##", b"\\u0023#"))
    return data


def _has_controls(data: bytes) -> bool:
    """Return whether JSON in UTF-8 contains a control that is not escaped."""
    for lead in _LEADS:
        at = data.find(lead)
        while at >= 0:
            if _UNSAFE_JSON.match(data[at : at + 4].decode("utf-8", "ignore")):
                return True
            at = data.find(lead, at + 1)
    return False


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _encodable(part: Any) -> Any:
    if isinstance(part, str):
        return SURROGATE.sub("\ufffd", part)
    if isinstance(part, dict):
        return {_encodable(key): _encodable(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_encodable(item) for item in part]
    return part


# In an address, the namespace of a resource type; not in backquotes, and not in a resource ID.
_NAMESPACE = regex(r"(?<![`\w.-])(?<!providers/)Microsoft\.[A-Za-z.]+/(?=[A-Za-z]+/[^\s`])")


def without_namespaces(address: str) -> str:
    """Return an address, or a text with addresses, without the namespaces of resource types: ``vaults/kv``."""
    return _NAMESPACE.sub("", address)


def pluralize(number: int, one: str, many: str = "") -> str:
    """Return ``1 rule``, ``2 rules``, ``0 policies``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def location_key(name: str) -> str:
    """Return a region as Azure compares it: "West Europe" is ``westeurope``."""
    return name.replace(" ", "").casefold()


def consists_of(text: str, parts: Sequence[str]) -> bool:
    """Return whether a text consists of ``parts`` in their order, with any text between them, in linear time."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


# The range of 64-bit integers, which every JSON reader supports.
_LIMIT = 2**63
_MAX_DIGITS = 20


def number_in_range(text: str) -> int | float | None:
    """Return the number that a text writes; None if it is out of range."""
    if text.lstrip("+-").isdigit():
        # Python refuses to convert integers of thousands of digits, so the length is checked first.
        number = int(text) if len(text) <= _MAX_DIGITS else _LIMIT
        return number if -_LIMIT <= number < _LIMIT else None
    fraction = float(text)
    return fraction if math.isfinite(fraction) else None
