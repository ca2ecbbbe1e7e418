"""Cursor over the text of a Bicep file: gaps, words, punctuation and syntax errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias, cast

from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import describe_character

Matcher: TypeAlias = Callable[[str, int], re.Match[str] | None]
_TotalMatcher: TypeAlias = Callable[[str, int], re.Match[str]]

MAX_DEPTH = 64
"""The nesting limit of expressions and types. A level needs up to eleven calls of Python's thousand."""
MAX_CHAIN = 500
"""The limit of consecutive operators, accesses or branches, because code recurses over the tree."""

# A sentinel that ends any line or comment, so that there is always a next character.
_END = "\n*/\0"

WORD = r"[A-Za-z_][A-Za-z0-9_]*+"
_COMMENT = r"//[^\r\n]*+|/\*(?s:.*?)\*/"
_DIRECTIVE = r"\#(?:disable|restore)-[^\r\n]*+"
GAP = rf"(?:[ \t]++|{_COMMENT})*+"
WIDE_GAP = rf"(?:[ \t\r\n]++|{_COMMENT}|{_DIRECTIVE})*+"
KEYWORDS = (
    "assert|extends|extension|extensionConfig|func|import|metadata|module|output|param|provider|resource|targetScope"
    "|test|type|using|var"
)
# A property may be named like a keyword, but then a colon follows.
DECLARATION = rf"(?:@|(?:{KEYWORDS})(?![A-Za-z0-9_])(?![ \t]*+:))"

# Both also match the empty string, so there is always a match.
_GAP = cast("_TotalMatcher", re.compile(GAP).match)
_WIDE_GAP = cast("_TotalMatcher", re.compile(WIDE_GAP).match)
_WORD: Matcher = regex(WORD).match
_DECLARATION: Matcher = regex(DECLARATION).match
_OPEN_COMMENT = regex(_COMMENT)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")


class BicepSyntaxError(Exception):
    """A syntax error that ends its declaration. ``at`` may be after the end of the text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


class Text:
    """A cursor at the offset ``at`` of a text. Parsing methods start at ``at``, and leave it after what they parsed.

    ``wrap`` states whether line breaks are white space here. Methods raise Unexpected.
    """

    __slots__ = ("at", "depth", "end", "modules", "repeated", "text", "texts", "wrap")

    def __init__(self, text: str) -> None:
        self.text = text + _END
        self.end = len(text)
        self.at = 1 if text.startswith("\ufeff") else 0
        self.depth = 0
        self.wrap = False
        self.texts: dict[int, int] = {}
        """Spans of multi-line and interpolated strings, by start."""
        self.modules: frozenset[str] = frozenset()
        """Aliases of wildcard imports."""
        self.repeated: set[int] = set()
        """Offsets of properties that their object sets before."""

    def unexpected(self, expected: str) -> BicepSyntaxError:
        """Return the error for the token at the cursor. Words and strings are not quoted: they may be secrets."""
        at = self.at
        if at > self.end + 1:
            return BicepSyntaxError("this comment is not closed", self.comment(at))
        return BicepSyntaxError(f"expected {expected}, found {self.token_kind(at)}", at)

    def token_kind(self, at: int) -> str:
        """Name the kind of token at an offset."""
        mark = self.text[at]
        if at >= self.end:
            return "the end of the file"
        if mark in "\r\n":
            return "the end of the line"
        if mark == "'":
            return "a string"
        if mark in _LETTERS:
            return "a name"
        if mark.isalnum():
            return "a number"
        return describe_character(mark)

    def comment(self, before: int) -> int:
        """Return the start of the unterminated comment that reached ``before``, after the end of the text."""
        last = self.text.rfind("*/", 0, self.end)
        for match in _OPEN_COMMENT.finditer(self.text, last + 2 if last >= 0 else 0):
            if match.end() == before:
                return match.start()
        return max(0, self.text.rfind("/*", 0, self.end))

    def skip(self) -> str:
        """Skip to the next token, on this line only unless ``wrap``; return its first character."""
        text, at = self.text, self.at
        if text[at] in " \t/\r\n#":
            self.at = at = (_WIDE_GAP if self.wrap else _GAP)(text, at).end()
        return text[at]

    def skip_lines(self) -> str:
        """Skip to the next token on this or a later line; return its first character."""
        self.at = at = _WIDE_GAP(self.text, self.at).end()
        return self.text[at]

    def skip_to_operand(self) -> str:
        """Skip to the next token, on a later line too unless a declaration begins there; return its first character."""
        mark = self.skip()
        if mark in "\r\n":
            at = _WIDE_GAP(self.text, self.at).end()
            if not _DECLARATION(self.text, at):
                self.at = at
                return self.text[at]
        return mark

    def expect(self, mark: str) -> None:
        """Parse a punctuation token, after a gap."""
        self.skip()
        if not self.text.startswith(mark, self.at):
            raise self.unexpected(f"`{mark}`")
        self.at += len(mark)

    def word(self, what: str) -> str:
        """Parse a word, after a gap."""
        self.skip()
        match = _WORD(self.text, self.at)
        if match is None:
            raise self.unexpected(what)
        self.at = match.end()
        return match[0]

    def next_word(self) -> str:
        """Return the next word without consuming it; empty if there is none."""
        self.skip()
        match = _WORD(self.text, self.at)
        return "" if match is None else match[0]

    def take_word(self, word: str) -> bool:
        """Consume a word if it comes next; return whether it did."""
        if self.next_word() != word:
            return False
        self.at += len(word)
        return True

    def descend(self) -> None:
        """Enter a nesting level; the caller decreases ``depth`` afterwards."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BicepSyntaxError("the nesting is too deep", self.at)

    def separate(self, closing: str) -> None:
        """Parse the end of an item: a comma, a line break, or nothing before ``closing``."""
        mark = self.skip()
        if mark == ",":
            self.at += 1
        elif mark not in "\r\n":
            if mark != closing:
                raise self.unexpected(f"a new line, `,` or `{closing}`")
            return
        self.skip_lines()
