"""Find the positions of values in JSON that a decoder has accepted. Comments and trailing commas are allowed.

``parse`` returns all values, ``locate`` the positions of some members, ``members`` and ``elements`` the positions of
raw values that msgspec has left undecoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

from azkvlint.syntax.json_decoder import COMMENT, GAP, MAX_DEPTH, STRING, Pointer, decode_string
from azkvlint.util.lazy_regex import regex

# Templates are rarely nested deeper. Deeper containers are skipped as well, only slower.
_LEVELS = 8
_PLAIN = r'[^"{}\[\]/]*+'


def _content(levels: int) -> str:
    """Return the pattern of the content of a container, with up to ``levels`` levels of nested containers."""
    inner = rf"|[{{\[]{_content(levels - 1)}[}}\]]{_PLAIN}" if levels else ""
    return rf"{_PLAIN}(?:{STRING}{_PLAIN}{inner}|{COMMENT}{_PLAIN})*+"


_SCALAR = rf"""{STRING}|[^,{{}}\[\]\s/"]++"""
_NEXT = rf"{GAP},?+"
_MEMBER = regex(rf"{GAP}({STRING}){GAP}:{GAP}(?:({_SCALAR}){_NEXT})?+", re.DOTALL)
_ITEM = regex(rf"{GAP}(?:({_SCALAR}){_NEXT})?+", re.DOTALL)
_ANY_ITEM = regex(rf"{GAP}(?:{_SCALAR}|[{{\[]{_content(_LEVELS)}[}}\]]){_NEXT}", re.DOTALL)
_BRACKET = regex(rf"{_content(_LEVELS)}(?:([{{\[])|([}}\]]){_NEXT})", re.DOTALL)
_CLOSE = regex(rf"{GAP}([}}\]]){_NEXT}", re.DOTALL)
_SPACE = regex(rb"[ \t\r\n]*")
_KEY = regex(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_BLANK, _COMMA = frozenset(b" \t\r\n"), ord(",")

Plain: TypeAlias = str | int | float | bool | None


class NotJsonError(Exception):
    """The text is not JSON."""


class TooDeepError(NotJsonError):
    """Containers are nested too deeply at the offset ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at


class JsonScalar(msgspec.Struct, gc=False):
    """A string, number, boolean or null."""

    start: int
    end: int
    value: Plain


class JsonMember(msgspec.Struct, gc=False):
    """``key: value``; the quoted key is between the offsets ``start`` and ``key_end``."""

    start: int
    key_end: int
    key: str
    value: Value


class JsonObject(msgspec.Struct, gc=False):
    """An object with its members, including all of repeated keys. ``end`` is ``start`` if the text is incomplete."""

    start: int
    end: int
    members: list[JsonMember]


class JsonArray(msgspec.Struct, gc=False):
    """An array."""

    start: int
    end: int
    items: list[Value]


Value: TypeAlias = JsonScalar | JsonObject | JsonArray
_SKIPPED: Final = JsonScalar(0, 0, None)


class Selection:
    """The steps to follow from a value; ``pointer`` is set if the position of the value itself is requested."""

    __slots__ = ("pointer", "steps")

    def __init__(self) -> None:
        self.pointer: Pointer | None = None
        self.steps: dict[str | int, Selection] = {}


_UNSELECTED: Final = Selection()


def parse(text: str, decode: Callable[[str, int], Plain], max_depth: int) -> Value:
    """Return the value of a text. ``decode`` returns the value of a scalar or key, given with its offset.

    Raise NotJsonError, TooDeepError beyond ``max_depth`` levels, and the exceptions of ``decode``.
    """
    return _JsonParser(text, decode, max_depth).root(None)


def locate(text: str, pointers: Iterable[Pointer]) -> dict[Pointer, tuple[int, int]]:
    """Return the offsets of the first character and after the last one of each pointer's target, in code points.

    The target of a key is the whole member, from the key to the end of its value; of an index the item; of ``()`` the
    outermost value. The last of repeated keys counts. Missing targets are omitted. ``text`` is a Document's; in another
    text, targets after the first error may be missing.
    """
    selection = Selection()
    for pointer in pointers:
        if len(pointer) <= MAX_DEPTH:
            inner = selection
            for step in pointer:
                child = inner.steps.get(step)
                if child is None:
                    child = inner.steps[step] = Selection()
                inner = child
            inner.pointer = pointer
    if selection.pointer is None and not selection.steps:
        return {}
    parser = _JsonParser(text, lambda _written, _at: None, MAX_DEPTH + 1)
    with suppress(NotJsonError):
        parser.root(selection)
    spans: dict[Pointer, tuple[int, int]] = {}
    if parser.top is not None:
        _collect(parser.top, parser.top.start, selection, spans)
    return spans


def _collect(value: Value, start: int, selection: Selection, spans: dict[Pointer, tuple[int, int]]) -> None:
    """Add the spans of a value and of the selected values in it."""
    if selection.pointer is not None and value.end > value.start:
        spans[selection.pointer] = start, value.end
    if not selection.steps:
        return
    if isinstance(value, JsonObject):
        for member in {member.key: member for member in value.members}.values():
            _collect(member.value, member.start, selection.steps[member.key], spans)
    elif isinstance(value, JsonArray):
        for index, item in enumerate(value.items):
            inner = selection.steps.get(index)
            if inner is not None:
                _collect(item, item.start, inner, spans)


def _decode_key(quoted: str) -> str:
    try:
        return decode_string(quoted)
    except ValueError:
        raise NotJsonError from None


class _JsonParser:
    """One pass over ``text``. Methods return the offset after the comma that follows what they parsed.

    A selection of None selects everything; containers outside of a selection are skipped by patterns.
    """

    def __init__(self, text: str, decode: Callable[[str, int], Plain], max_depth: int) -> None:
        self.text = text
        self.decode = decode
        self.max_depth = max_depth
        self.top: Value | None = None
        self.end = 0  # of the last container, without the comma

    def root(self, selection: Selection | None) -> Value:
        match = _ITEM.match(self.text)
        if match is None:
            raise NotJsonError
        if match[1] is not None:
            self.top = JsonScalar(match.start(1), match.end(1), self.decode(match[1], match.start(1)))
        else:
            self.top = self.container(match.end())
            self.read(self.top, selection, 1)
        return self.top

    def container(self, at: int) -> JsonObject | JsonArray:
        """Return a new container for the one at ``at``."""
        if self.text.startswith("{", at):
            return JsonObject(at, at, [])
        if self.text.startswith("[", at):
            return JsonArray(at, at, [])
        raise NotJsonError

    def read(self, into: JsonObject | JsonArray, selection: Selection | None, depth: int) -> int:
        if depth > self.max_depth:
            raise TooDeepError(into.start)
        if selection is not None and not selection.steps:
            at = self.skip(into.start)
        elif isinstance(into, JsonObject):
            at = self.members(into, selection, depth)
        else:
            at = self.items(into, selection, depth)
        into.end = self.end
        return at

    def members(self, into: JsonObject, selection: Selection | None, depth: int) -> int:
        text, selected = self.text, into.members
        at = into.start + 1
        while match := _MEMBER.match(text, at):
            at = match.end()
            quoted = match[1]
            if selection is None:
                inner, key = None, str(self.decode(quoted, match.start(1)))
            else:
                key = quoted[1:-1] if "\\" not in quoted else _decode_key(quoted)
                inner = selection.steps.get(key)
                if inner is None:
                    if match[2] is None:
                        at = self.skip(at)
                    continue
            start, key_end = match.span(1)
            if match[2] is None:
                value = self.container(at)
                selected.append(JsonMember(start, key_end, key, value))
                at = self.read(value, inner, depth + 1)
            else:
                first, last = match.span(2)
                plain = self.decode(match[2], first) if selection is None else None
                selected.append(JsonMember(start, key_end, key, JsonScalar(first, last, plain)))
        return self.close(at, "}")

    def items(self, into: JsonArray, selection: Selection | None, depth: int) -> int:
        """Parse the items of an array, the selected ones in full."""
        text, found = self.text, into.items
        at = into.start + 1
        while True:
            inner = None if selection is None else selection.steps.get(len(found), _UNSELECTED)
            if inner is _UNSELECTED and (match := _ANY_ITEM.match(text, at)):
                found.append(_SKIPPED)
                at = match.end()
                continue
            match = _ITEM.match(text, at)
            if match is None:
                raise NotJsonError
            if match[1] is not None:
                plain = self.decode(match[1], match.start(1)) if selection is None else None
                found.append(JsonScalar(*match.span(1), plain))
                at = match.end()
            elif text.startswith(("{", "["), match.end()):
                value = self.container(match.end())
                found.append(value)
                at = self.read(value, inner, depth + 1)
            else:
                return self.close(at, "]")

    def skip(self, at: int) -> int:
        if not self.text.startswith(("{", "["), at):
            raise NotJsonError
        at, depth = at + 1, 1
        while depth:
            match = _BRACKET.match(self.text, at)
            if match is None:
                raise NotJsonError
            depth += 1 if match[1] else -1
            at = match.end()
            self.end = match.end(2)
        return at

    def close(self, at: int, mark: str) -> int:
        match = _CLOSE.match(self.text, at)
        if match is None or match[1] != mark:
            raise NotJsonError
        self.end = match.end(1)
        return match.end()


class RepeatedKeyError(msgspec.DecodeError):
    """A key that the outermost object has twice, with the byte offset of the second one or of what follows it."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


def members(data: bytes, parts: Mapping[str, msgspec.Raw]) -> dict[str, int]:
    """Return the byte offset of each value of the outermost object of ``data``, whose raw values are ``parts``.

    The lengths of the values lead from one to the next without a search. Raise RepeatedKeyError.
    """
    places: dict[str, int] = {}
    at = len(_space(data, 0)) + 1
    while len(places) < len(parts):
        match = _KEY.match(data, at)
        if match is None:
            raise RepeatedKeyError("a key is duplicated", at)
        key = msgspec.json.decode(match[1], type=str)
        if key in places or key not in parts:
            raise RepeatedKeyError(f"key `{key}` is duplicated", match.start(1))
        places[key] = match.end()
        at = match.end() + memoryview(parts[key]).nbytes
        at += len(_space(data, at)) + 1
    if places and data[at - 1] == _COMMA:
        raise RepeatedKeyError("a key is duplicated", at)
    return places


def elements(data: bytes, items: Sequence[msgspec.Raw], at: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end offsets in ``data`` of the raw ``items`` of the array at the byte offset ``at``."""
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
