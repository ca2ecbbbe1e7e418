"""JSON text -> its values with their places, as far as the text is right."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from azkvlint.syntax.hcl.tokens import END, MAX_BRACKETS, Unexpected, number_of, sure, unexpected
from azkvlint.util.lazy_regex import regex


class Scalar(msgspec.Struct, gc=False):
    """A text, number, boolean or null."""

    start: int
    end: int
    value: str | int | float | bool | None


class Member(msgspec.Struct, gc=False):
    """``key: value``; the key stands in its quotes from ``start`` to ``head``."""

    start: int
    head: int
    key: str
    value: Value


class JsonObject(msgspec.Struct, gc=False):
    """An object, with all members of all keys."""

    start: int
    end: int
    members: list[Member]


class JsonArray(msgspec.Struct, gc=False):
    """An array."""

    start: int
    end: int
    items: list[Value]


Value: TypeAlias = Scalar | JsonObject | JsonArray

_blank = sure(r"[ \t\r\n]*+")
_number = regex(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+").match
_lone_surrogate = regex("[\ud800-\udfff]").search
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_FAULTS = {
    "Unterminated string": "the text that starts here does not end",
    "Invalid control character": "a control character stands in a text",
    "Invalid \\": "a backslash stands before a character that it cannot escape",
}


def read(text: str) -> Value:
    """The value of a JSON text. Raises Unexpected."""
    reader = _Reader(text)
    value = reader.value(1 if text.startswith("\ufeff") else 0, 0)
    at = reader.skip(value.end)
    if at < len(text):
        raise unexpected(reader.text, at, "the end of the file")
    return value


class _Reader:
    """Reads values. Methods are given where one starts, and raise Unexpected."""

    def __init__(self, text: str) -> None:
        import json

        self.text = text + END
        self.decode = json.JSONDecoder().raw_decode
        self.error = json.JSONDecodeError

    def skip(self, at: int) -> int:
        """Where what stands next starts."""
        return _blank(self.text, at).end()

    def value(self, at: int, depth: int) -> Value:
        """Reads any value."""
        at = self.skip(at)
        mark = self.text[at]
        if mark == '"':
            value, end = self.string(at)
            return Scalar(at, end, value)
        if mark in "{[":
            if depth >= MAX_BRACKETS:
                raise Unexpected("nested too deep", at)
            return self.object(at, depth + 1) if mark == "{" else self.array(at, depth + 1)
        number = _number(self.text, at)
        if number is not None:
            return Scalar(at, number.end(), number_of(number[0], at))
        for word, constant in _WORDS.items():
            if self.text.startswith(word, at):
                return Scalar(at, at + len(word), constant)
        raise unexpected(self.text, at, "a value")

    def string(self, at: int) -> tuple[str, int]:
        """Reads a text: what it means, and where it ends."""
        try:
            found, end = self.decode(self.text, at)
        except self.error as error:
            if error.pos >= len(self.text) - len(END):
                raise Unexpected("the text that starts here does not end", at) from None
            what = next((words for start, words in _FAULTS.items() if error.msg.startswith(start)), "no text")
            raise Unexpected(what, error.pos) from None
        if not found.isascii() and _lone_surrogate(found):
            raise Unexpected("there is no character of this number", at)
        return found, end

    def object(self, at: int, depth: int) -> JsonObject:
        """Reads an object."""
        text, start, members = self.text, at, list[Member]()
        at = self.skip(at + 1)
        while text[at] != "}" or members:
            if text[at] != '"':
                raise unexpected(self.text, at, "a key in double quotes")
            key, head = self.string(at)
            colon = self.skip(head)
            if text[colon] != ":":
                raise unexpected(self.text, colon, "a colon")
            value = self.value(colon + 1, depth)
            members.append(Member(at, head, key, value))
            at = self.skip(value.end)
            if text[at] == "}":
                break
            if text[at] != ",":
                raise unexpected(self.text, at, "a comma or '}'")
            at = self.skip(at + 1)
        return JsonObject(start, at + 1, members)

    def array(self, at: int, depth: int) -> JsonArray:
        """Reads an array."""
        text, start, items = self.text, at, list[Value]()
        at = self.skip(at + 1)
        while text[at] != "]" or items:
            value = self.value(at, depth)
            items.append(value)
            at = self.skip(value.end)
            if text[at] == "]":
                break
            if text[at] != ",":
                raise unexpected(self.text, at, "a comma or ']'")
            at += 1
        return JsonArray(start, at + 1, items)
