"""JSON, with comments or without -> the places of some of its members, in one pass that skips all others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from azkvlint.syntax.jsonc import COMMENT, GAP, STRING, Pointer
from azkvlint.util.lazy_regex import regex

# No template is much deeper. What is deeper still is found all the same, only slower.
_LEVELS = 8
_PLAIN = r'[^"{}\[\]/]*+'


def _within(levels: int) -> str:
    """The pattern of all that can stand in a container, containers of up to ``levels`` levels included."""
    inner = rf"|[{{\[]{_within(levels - 1)}[}}\]]{_PLAIN}" if levels else ""
    return rf"{_PLAIN}(?:{STRING}{_PLAIN}{inner}|{COMMENT}{_PLAIN})*+"


_SCALAR = rf"""{STRING}|[^,{{}}\[\]\s/"]++"""
_NEXT = rf"{GAP},?+"
_MEMBER = regex(rf"{GAP}({STRING}){GAP}:{GAP}(?:({_SCALAR}){_NEXT})?+", re.DOTALL)
_ITEM = regex(rf"{GAP}(?:({_SCALAR}){_NEXT})?+", re.DOTALL)
_WHOLE_ITEM = regex(rf"{GAP}(?:{_SCALAR}|[{{\[]{_within(_LEVELS)}[}}\]]){_NEXT}", re.DOTALL)
_BRACKET = regex(rf"{_within(_LEVELS)}(?:([{{\[])|([}}\]]){_NEXT})", re.DOTALL)
_CLOSE = regex(rf"{GAP}([}}\]]){_NEXT}", re.DOTALL)


def find(text: str, pointers: Iterable[Pointer]) -> dict[Pointer, tuple[int, int]]:
    """The places of the ``pointers``; see ``jsonc.locate``. Recurses as deep as the longest of them."""
    root = _Wanted()
    for pointer in pointers:
        place = root
        for step in pointer:
            place = place.below.setdefault(step, _Wanted())
        place.pointer = pointer
    walk = _Walk(text)
    match = _ITEM.match(text)
    if match is not None and match[1] is not None:
        if root.pointer is not None:
            walk.found[root.pointer] = match.span(1)
    elif match is not None and (root.pointer is not None or root.below):
        with suppress(_LostError):
            walk.container(match.end(), match.end(), root)
    return walk.found


class _LostError(Exception):
    """The text is not JSON here."""


class _Wanted:
    """What is asked for at one place and below it."""

    __slots__ = ("below", "pointer")

    def __init__(self) -> None:
        self.pointer: Pointer | None = None
        self.below: dict[str | int, _Wanted] = {}


class _Walk:
    """One pass over ``text``. Its methods return the offset behind the comma that follows what they go through."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: dict[Pointer, tuple[int, int]] = {}
        self.end = 0  # of the last container, without the comma

    def container(self, start: int, at: int, wanted: _Wanted) -> int:
        """Go through the object or list at ``at``, whose member starts at ``start``."""
        if not wanted.below:
            at = self.skip(at)
        elif self.text.startswith("{", at):
            at = self.object(at + 1, wanted.below)
        elif self.text.startswith("[", at):
            at = self.list(at + 1, wanted.below)
        else:
            raise _LostError
        if wanted.pointer is not None:
            self.found[wanted.pointer] = start, self.end
        return at

    def skip(self, at: int) -> int:
        """Go over the object or list at ``at``."""
        if not self.text.startswith(("{", "["), at):
            raise _LostError
        at, depth = at + 1, 1
        while depth:
            match = _BRACKET.match(self.text, at)
            if match is None:
                raise _LostError
            depth += 1 if match[1] else -1
            at = match.end()
            self.end = match.end(2)
        return at

    def object(self, at: int, wanted: dict[str | int, _Wanted]) -> int:
        """Go through the members from ``at`` on."""
        seen: set[str] = set()
        while match := _MEMBER.match(self.text, at):
            key = _key(match[1])
            asked = wanted.get(key)
            if asked is not None:
                if key in seen:
                    self.forget(asked)
                seen.add(key)
            at = match.end()
            if match[2] is None:
                at = self.skip(at) if asked is None else self.container(match.start(1), at, asked)
            elif asked is not None and asked.pointer is not None:
                self.found[asked.pointer] = match.start(1), match.end(2)
        return self.close(at, "}")

    def list(self, at: int, wanted: dict[str | int, _Wanted]) -> int:
        """Go through the items from ``at`` on."""
        text, index = self.text, -1
        while True:
            index += 1
            asked = wanted.get(index)
            if asked is None and (match := _WHOLE_ITEM.match(text, at)):
                at = match.end()
                continue
            match = _ITEM.match(text, at)
            if match is None:
                raise _LostError
            if match[1] is not None:
                at = match.end()
                if asked is not None and asked.pointer is not None:
                    self.found[asked.pointer] = match.span(1)
            elif text.startswith(("{", "["), match.end()):
                start = match.end()
                at = self.skip(start) if asked is None else self.container(start, start, asked)
            else:
                return self.close(at, "]")

    def close(self, at: int, mark: str) -> int:
        """Go over the closing ``mark``."""
        match = _CLOSE.match(self.text, at)
        if match is None or match[1] != mark:
            raise _LostError
        self.end = match.end(1)
        return match.end()

    def forget(self, wanted: _Wanted) -> None:
        """Drop what was found in a member whose key comes a second time."""
        pending = [wanted]
        while pending:
            place = pending.pop()
            if place.pointer is not None:
                self.found.pop(place.pointer, None)
            pending += place.below.values()


def _key(quoted: str) -> str:
    """A key as it is decoded; in most there is nothing to decode."""
    if "\\" not in quoted:
        return quoted[1:-1]
    import json

    try:
        return str(json.JSONDecoder(strict=False).decode(quoted))
    except json.JSONDecodeError:
        raise _LostError from None
