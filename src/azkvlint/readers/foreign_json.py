"""Decide from the text of a large JSON file, read in blocks, that it is not an input.

Such a file then needs no memory, whatever its size. The order of keys is free, so all of it is searched for the words
of inputs. If it mentions them, the keys of its root decide. What cannot be followed may be an input, and is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from azkvlint.readers.json_kinds import LONGEST_MARK, PREDICTED_RESOURCES, JsonMentions
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_blocks

# In lower case. The root of a what-if result or snapshot has one of these keys.
_PREDICTION_KEYS = frozenset({"changes", "properties", PREDICTED_RESOURCES.lower()})
# A smaller file is read at once. Azure accepts templates of 4 MB.
_LARGE = 4_000_000
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_MARKS = bytes(set(range(256)) - set(b'{}[]"/'))
_ESCAPE = regex(rb"\\.", re.DOTALL)
_QUOTED = regex(rb'"[^"]*+"')
_REST_OF_STRING = regex(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_TOKEN = regex(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\],/]', re.DOTALL)
# What JSON has between the tokens of a root: before a key, and elsewhere, where it may be a number or literal.
_BLANK = regex(rb"[ \t\r\n]*+")
_PLAIN = regex(rb"[ \t\r\n:0-9A-Za-z.+-]*+")
_BEFORE_ROOT = b"\xef\xbb\xbf \t\r\n"
# Beyond these limits a root is not followed: its tokens, the length of its keys, and the nesting within a block.
_MOST_TOKENS, _LONGEST_KEY, _MOST_LEVELS = 200_000, 10_000, 100


def is_foreign(file: str) -> bool:
    """Return whether a JSON file is large and certainly not an input."""
    try:
        mentions = JsonMentions()
        before = b""
        for block in read_blocks(file, larger_than=_LARGE):
            mentions.add(before + block)
            if mentions.plan:
                return False
            before = block[-LONGEST_MARK:]
        if not before:
            return False
        if not mentions.any:
            return True
        keys = _RootKeys().of(read_blocks(file))
    except InputError:  # reading the file reports it
        return False
    from azkvlint.readers.deployment.documents import ROOT_KEYS  # few large files that are not named get here

    return keys is not None and keys.isdisjoint(ROOT_KEYS | _PREDICTION_KEYS)


class _RootKeys:
    """Follows the text of a document, and collects the keys of its root."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._depth = 0
        self._is_in_string = self._is_before_key = False
        self._tokens = 0

    def of(self, blocks: Iterable[bytes]) -> set[str] | None:
        """Return the keys in lower case, none for an array; None if the text cannot be followed."""
        rest, is_first = b"", True
        for block in blocks:
            text = rest + block
            if is_first:
                text, is_first = text.lstrip(_BEFORE_ROOT), False
                if text.startswith(b"["):
                    return set()
                if not text.startswith(b"{"):
                    return None
            # An escape is not divided.
            end = len(text) - (len(text) - len(text.rstrip(b"\\"))) % 2
            if self._is_in_string:
                string = _REST_OF_STRING.match(text, 0, end)
                if string is None:
                    rest = text[end:]
                    continue
                self._is_in_string, start = False, string.end()
            else:
                start = 0
            if self._passes(text[start:end]):
                rest = text[end:]
                continue
            left = self._follow(text, start, end)
            if left is None:
                return None
            rest = text[left:]
        return self._keys if not self._depth and not rest and not is_first and not self._is_in_string else None

    def _passes(self, text: bytes) -> bool:
        """Return whether a text, which begins outside of strings, stays below the root; then it has been passed."""
        if self._depth < 2:
            return False
        marks = (_ESCAPE.sub(b"", text) if b"\\" in text else text).translate(_BRACKETS, _NOT_MARKS)
        is_in_string = marks.count(b'"') % 2 == 1
        if is_in_string:
            marks = marks[: marks.rindex(b'"')]
        # Removing two adjacent quotation marks moves no bracket into a string.
        marks = _QUOTED.sub(b"", marks.replace(b'""', b""))
        for _ in range(_MOST_LEVELS):
            inner = marks.replace(b"[]", b"")
            if len(inner) == len(marks):
                break
            marks = inner
        closing = marks.count(b"]")
        if b"/" in marks or b"[]" in marks or self._depth - closing < 2:
            return False
        self._depth += len(marks) - 2 * closing
        self._is_in_string = is_in_string
        return True

    def _follow(self, text: bytes, start: int, end: int) -> int | None:
        """Follow each token of a text. Return how much was consumed; None if it cannot be followed."""
        at = start
        for token in _TOKEN.finditer(text, start, end):
            mark = token[0]
            self._tokens += 1
            if mark == b"/" or self._tokens > _MOST_TOKENS or (not self._depth and self._keys):
                return None
            if not self._is_json(text, at, token.start()):
                return None
            at = token.end()
            if mark == b'"':
                is_key = self._depth == 1 and self._is_before_key
                if is_key and end - token.start() < _LONGEST_KEY:
                    return token.start()
                self._is_in_string = not is_key
                return None if is_key else end
            if mark in (b"{", b"["):
                if self._depth == 1 and self._is_before_key:
                    return None
                self._depth += 1
                self._is_before_key = self._depth == 1
            elif mark in (b"}", b"]"):
                self._depth -= 1
            elif mark == b",":
                self._is_before_key = self._depth == 1
            elif self._depth == 1 and self._is_before_key:
                self._is_before_key = False
                try:
                    self._keys.add(decode_json(mark, str).lower())
                except InputError:
                    return None
        return end if self._is_json(text, at, end) else None

    def _is_json(self, text: bytes, start: int, end: int) -> bool:
        """Return whether JSON may have the text between two tokens; what a text template inserts may be any key."""
        between = _BLANK if self._is_before_key else _PLAIN
        return self._depth != 1 or between.fullmatch(text, start, end) is not None
