"""The text of a Bicep file, and how far it has been read: blanks, words, marks and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias, cast

from azkvlint.util.lazy_regex import regex

Matcher: TypeAlias = Callable[[str, int], re.Match[str] | None]
_TotalMatcher: TypeAlias = Callable[[str, int], re.Match[str]]

MAX_DEPTH = 64
"""How deep expressions and types may nest. A level takes up to eleven calls, and Python allows a thousand."""
MAX_CHAIN = 500
"""How many operators, accesses or branches may follow one another: those who read the tree call themselves for each."""

# Stands behind every text: line and comment end at the latest here, and there is always a next character.
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
# A property can have a keyword for its name, but then a colon follows.
DECLARATION = rf"(?:@|(?:{KEYWORDS})(?![A-Za-z0-9_])(?![ \t]*+:))"

# They match nothing, too, so there is always a match.
_GAP = cast("_Sure", re.compile(GAP).match)
_WIDE_GAP = cast("_Sure", re.compile(WIDE_GAP).match)
_WORD: Matcher = regex(WORD).match
_DECLARATION: Matcher = regex(DECLARATION).match
_OPEN_COMMENT = regex(_COMMENT)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")


class Unexpected(Exception):
    """A fault that ends the declaration it is in. ``at`` may lie behind the text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


class Text:
    """A text that is read from front to back; ``at`` is how far. Methods raise Unexpected.

    ``wrap`` says whether the end of a line is but a blank here. A method that reads something begins where it stands,
    and ends right behind it.
    """

    __slots__ = ("at", "depth", "end", "modules", "text", "texts", "wrap")

    def __init__(self, text: str) -> None:
        self.text = text + _END
        self.end = len(text)
        self.at = 1 if text.startswith("\ufeff") else 0
        self.depth = 0
        self.wrap = False
        self.texts: dict[int, int] = {}
        """Where the texts that are no plain ones start and end."""
        self.modules: frozenset[str] = frozenset()
        """Names that stand for all that is imported from somewhere."""

    def unexpected(self, expected: str) -> Unexpected:
        """Return what is wrong with what stands here. Only marks are quoted: words and texts may be secrets."""
        at = self.at
        if at > self.end + 1:
            return Unexpected("this comment does not end", self.comment(at))
        return Unexpected(f"expected {expected}, found {self.found(at)}", at)

    def found(self, at: int) -> str:
        """Return what stands at an offset, in words."""
        mark = self.text[at]
        if at >= self.end:
            return "the end of the file"
        if mark in "\r\n":
            return "the end of the line"
        if mark == "'":
            return "a text"
        if mark in _LETTERS:
            return "a name"
        if mark.isalnum():
            return "a number"
        return f"'{mark}'" if mark.isprintable() else "a control character"

    def comment(self, before: int) -> int:
        """Return where the comment starts that reached over the end of the text, to ``before``."""
        last = self.text.rfind("*/", 0, self.end)
        for match in _OPEN_COMMENT.finditer(self.text, last + 2 if last >= 0 else 0):
            if match.end() == before:
                return match.start()
        return max(0, self.text.rfind("/*", 0, self.end))

    def skip(self) -> str:
        """Go to what stands next on this line (or, where lines are wrapped, anywhere); its first character."""
        text, at = self.text, self.at
        if text[at] in " \t/\r\n#":
            self.at = at = (_WIDE_GAP if self.wrap else _GAP)(text, at).end()
        return text[at]

    def skip_lines(self) -> str:
        """Go to what stands next on this line or a later one; its first character."""
        self.at = at = _WIDE_GAP(self.text, self.at).end()
        return self.text[at]

    def skip_to_operand(self) -> str:
        """Go to what is still to come, on a later line, too, unless a declaration begins there."""
        mark = self.skip()
        if mark in "\r\n":
            at = _WIDE_GAP(self.text, self.at).end()
            if not _DECLARATION(self.text, at):
                self.at = at
                return self.text[at]
        return mark

    def expect(self, mark: str) -> None:
        """Read a mark, and blanks before it."""
        self.skip()
        if not self.text.startswith(mark, self.at):
            raise self.unexpected(f"'{mark}'")
        self.at += len(mark)

    def word(self, what: str) -> str:
        """Read a word, and blanks before it."""
        self.skip()
        match = _WORD(self.text, self.at)
        if match is None:
            raise self.unexpected(what)
        self.at = match.end()
        return match[0]

    def next_word(self) -> str:
        """Return the word that stands next, which is not read; empty if none does."""
        self.skip()
        match = _WORD(self.text, self.at)
        return "" if match is None else match[0]

    def take_word(self, word: str) -> bool:
        """Read a word if it stands next."""
        if self.next_word() != word:
            return False
        self.at += len(word)
        return True

    def descend(self) -> None:
        """Go a level deeper; who calls it lowers ``depth`` afterwards."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unexpected("nested too deep", self.at)

    def separate(self, closing: str) -> None:
        """Read what ends an item of a list: a comma, or the end of the line, or nothing before ``closing``."""
        mark = self.skip()
        if mark == ",":
            self.at += 1
        elif mark not in "\r\n":
            if mark != closing:
                raise self.unexpected(f"a new line, ',' or '{closing}'")
            return
        self.skip_lines()
