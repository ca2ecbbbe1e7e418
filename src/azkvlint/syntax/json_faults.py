"""State why data cannot be decoded, in words that do not depend on the version of a library or of Python.

Neither the decoder of msgspec nor that of Python has errors that stay the same, so their texts are never printed: the
first fault of invalid JSON is searched for here, and the errors of a shape are worded here. Nothing quotes the input.
"""

from __future__ import annotations

import re

import msgspec

from azkvlint.util.lazy_regex import regex

_GAP = regex(r"[ \t\r\n]*+")
# Up to the end of a string, or to the first character that is wrong in it.
_STRING = regex(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_LOOSE_STRING = regex(r'"(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_ATOM = regex(r"(?:true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)(?![\w.+-])")
_NOT_FINITE = regex(r"(?:NaN|-?Infinity)(?!\w)")
# Many members in one step, so that the fault at the end of a large file is found soon.
_PLAIN = r'"[^"\\\x00-\x1f]*+"'
_MEMBERS = regex(
    rf"(?:[ \t\r\n]*+{_PLAIN}[ \t\r\n]*+:[ \t\r\n]*+(?:{_PLAIN}|true|false|null|-?(?:0|[1-9][0-9]*+))[ \t\r\n]*+,)*+"
)

_VALUE = "expected a value"
_KEY = "expected a key in double quotes"
_COLON = "expected `:`"
_NEXT = "expected `,` or a closing bracket"
_NOTHING = "expected the end of the file"
_NOT_CLOSED = "this string is not closed"

_CLOSING = {"{": "}", "[": "]"}

_EXPECTED = regex(r"Expected `([^`]+)`, got `([^`]+)`")
_MISSING = regex(r"Object missing required field `([\w.-]{1,60})`")
_UNKNOWN = regex(r"Object contains unknown field `([\w.-]{1,60})`")
_AT = regex(r" - at `(?:key(?: in)? )?\$\.?([\w.\[\]-]{0,200})`$")
_KINDS = {
    "array": "an array",
    "object": "an object",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}


class JsonFault(msgspec.Struct, frozen=True):
    """The first fault of a text: the offset in code points, the reason, and whether the text ends too early."""

    at: int
    reason: str
    is_end: bool = False


def first_fault(text: str, *, strict: bool = True) -> JsonFault | None:
    """Return the first fault of ``text`` as JSON; None if there is none. Takes linear time at any depth.

    Strings may contain line breaks and other control characters unless ``strict``.
    """
    return _FaultSearch(text, _STRING if strict else _LOOSE_STRING).run()


def shape_fault(error: msgspec.ValidationError) -> str:
    """Return why a value does not have the expected shape, with the path of the part, such as ``items[0].name``."""
    text = str(error)
    place = _AT.search(text)
    path = place[1] if place is not None else ""
    if missing := _MISSING.match(text):
        reason = f"`{missing[1]}` is missing"
    elif unknown := _UNKNOWN.match(text):
        reason = f"`{unknown[1]}` is not supported"
    elif (kinds := _EXPECTED.match(text)) and (expected := _kinds(kinds[1])) and (found := _kinds(kinds[2])):
        reason = f"expected {expected}, found {found}"
    else:
        reason = "the value is not supported"
    return f"`{path}`: {reason}" if path else reason


def _kinds(names: str) -> str:
    """Return the kinds of values in words; an empty string if one of them has no word."""
    words = [_KINDS.get(name, "") for name in names.split(" | ")]
    return " or ".join(words) if all(words) else ""


class _FaultSearch:
    """A search for the first fault of one text."""

    def __init__(self, text: str, string: re.Pattern[str]) -> None:
        self.text = text
        self.string = string
        self.at = 0
        self.first = -1  # where the first item of the last container is, or its closing bracket
        self.fault: JsonFault | None = None

    def run(self) -> JsonFault | None:
        """Return the first fault."""
        opened: list[str] = []
        expected = _VALUE
        while self.fault is None:
            self.gap()
            mark = self.text[self.at : self.at + 1]
            is_close = bool(opened) and mark == _CLOSING[opened[-1]]
            if is_close and (expected is _NEXT or self.at == self.first):
                opened.pop()
                self.at += 1
                expected = _NEXT if opened else _NOTHING
            elif expected is _NOTHING:
                return self.end(expected) if mark else None
            elif expected is _VALUE and mark and mark in "{[":
                opened.append(mark)
                self.at += 1
                self.gap()
                self.first = self.at
                expected = self.inside(mark)
            elif expected is _VALUE:
                self.scalar()
                expected = _NEXT if opened else _NOTHING
            elif expected is _KEY and mark == '"':
                self.read_string()
                expected = _COLON
            elif expected is _COLON and mark == ":":
                self.at += 1
                expected = _VALUE
            elif expected is _NEXT and mark == ",":
                self.at += 1
                expected = self.inside(opened[-1])
            else:
                return self.end(expected)
        return self.fault

    def gap(self) -> None:
        """Skip blanks."""
        match = _GAP.match(self.text, self.at)
        self.at = match.end() if match is not None else self.at

    def inside(self, mark: str) -> str:
        """Return what comes after an opening bracket or a comma; skip plain members of an object."""
        if mark == "[":
            return _VALUE
        match = _MEMBERS.match(self.text, self.at)
        self.at = match.end() if match is not None else self.at
        return _KEY

    def scalar(self) -> None:
        """Read a string, number or word."""
        if self.text.startswith('"', self.at):
            self.read_string()
        elif match := _ATOM.match(self.text, self.at):
            self.at = match.end()
        elif _NOT_FINITE.match(self.text, self.at):
            self.fault = JsonFault(self.at, "the number is out of range")
        else:
            self.fault = self.end(_VALUE)

    def read_string(self) -> None:
        """Read a string up to its closing quotation mark."""
        match = self.string.match(self.text, self.at)
        stop = match.end() if match is not None else self.at
        wrong = self.text[stop : stop + 2]
        if wrong[:1] == '"':
            self.at = stop + 1
        elif wrong in {"", "\\"}:
            self.fault = JsonFault(self.at, _NOT_CLOSED, is_end=True)
        elif wrong == "\\u":
            self.fault = JsonFault(stop, "expected four hexadecimal digits after `\\u`")
        elif wrong[0] == "\\":
            self.fault = JsonFault(stop, "this character cannot be escaped with a backslash")
        else:
            self.fault = JsonFault(stop, "a string contains a control character")

    def end(self, expected: str) -> JsonFault:
        """Return the fault at the present place."""
        if self.at >= len(self.text):
            return JsonFault(self.at, f"unexpected end of file: {expected}", is_end=True)
        if self.text[self.at] == "'":
            return JsonFault(self.at, "strings require double quotes")
        return JsonFault(self.at, expected)
