"""Token patterns of HCL, escapes, numbers, and syntax errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias, cast

from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_text import describe_character

Matcher: TypeAlias = Callable[..., re.Match[str] | None]
TotalMatcher: TypeAlias = Callable[..., re.Match[str]]

MAX_DEPTH = 100
"""The nesting limit of expressions. A level needs up to seven calls of Python's thousand."""
MAX_BRACKETS = 150
"""The nesting limit of blocks, brackets and strings in a file, which is scanned without recursion."""
MAX_CHAIN = 500
"""The limit of consecutive operators and accesses, because code recurses over the tree."""
MAX_FAULTS = 100
"""The limit of reported faults for a file or a body."""
END = "\n\0"
"""A sentinel that ends any line comment, so that there is always a next character."""

IDENTIFIER = r"[^\W\d][\w-]*+"
LINE_COMMENT = r"(?:\#|//)[^\n]*+"
BLOCK_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
GAP = rf"(?:[ \t\r]++|{LINE_COMMENT}|{BLOCK_COMMENT})*+"
WIDE_GAP = rf"(?:[ \t\r\n]++|{LINE_COMMENT}|{BLOCK_COMMENT})*+"
# String content without quotes, interpolations and directives.
QUOTED = r"(?:[^\"\\\n$%]++|\\.|\$\$\{|%%\{|[$%](?!\{))*+"
# A string with interpolations that contain neither quotes nor braces.
_TEMPLATE = r"\"(?:[^\"\\\n$%]++|\\.|\$\$\{|%%\{|[$%]\{[^\"{}\n#/<]*+\}|[$%](?!\{))*+\""
_SIGNS = r"/(?![/*])|<(?!<)"


def _blocks(levels: int) -> str:
    """Return the pattern of code without comments and heredocs, with blocks nested up to ``levels``."""
    inner = rf"|\{{{_blocks(levels - 1)}\}}" if levels else ""
    return rf"(?:[^\"{{}}#/<]++|{_TEMPLATE}|{_SIGNS}{inner})*+"


def _brackets(levels: int, plain: str = r"[^\"{}()\[\]#/<]++") -> str:
    """Return the same pattern with paired brackets and parentheses."""
    inner = _brackets(levels - 1) if levels else ""
    pairs = rf"|\{{{inner}\}}|\[{inner}\]|\({inner}\)" if levels else ""
    return rf"(?:{plain}|{_TEMPLATE}|{_SIGNS}{pairs})*+"


def total_matcher(pattern: str, flags: int = 0) -> TotalMatcher:
    """Return the matcher of a pattern that also matches the empty string, so that there is always a match."""
    return cast("TotalMatcher", re.compile(pattern, flags).match)


BLOCKS = total_matcher(_blocks(3))
BRACKETS = total_matcher(_brackets(2))
LINE_PATTERN = _brackets(2, r"[^\"{}()\[\]#/<\n]++")
LINE = total_matcher(LINE_PATTERN)
gap = total_matcher(GAP)
wide_gap = total_matcher(WIDE_GAP)
quoted = total_matcher(QUOTED)
identifier: Matcher = regex(IDENTIFIER).match
heredoc_start: Matcher = regex(rf"<<(-?)({IDENTIFIER})[ \t]*+\r?\n").match

_ESCAPE = regex(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|([$%])\4\{")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_LONGEST_NUMBER = 400


class Unexpected(Exception):
    """A syntax error at an offset. ``resume`` is the offset from which parsing may continue."""

    def __init__(self, message: str, at: int, resume: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.resume = at if resume is None else resume


_CONFLICT_MARKERS = ("<<<<<<< ", "=======\n", ">>>>>>> ")
_LONG_OPERATORS = ("==", "!=", "<=", ">=", "&&", "||", "=>")


def describe_token(text: str, at: int) -> str:
    """Name the kind of token at an offset of a text that ends with END. Words are not quoted: they may be secrets."""
    if at >= len(text) - len(END):
        return "the end of the file"
    mark = text[at]
    if text.startswith(_CONFLICT_MARKERS, at):
        return "a merge conflict marker"
    if text.startswith(_LONG_OPERATORS, at):
        return f"`{text[at : at + 2]}`"
    if mark == "'":
        return "`'` (strings have double quotes)"
    if mark in "\r\n":
        return "the end of the line"
    if mark == '"':
        return "a string"
    if mark.isalpha() or mark == "_":
        return "a name"
    if mark.isalnum():
        return "a number"
    return describe_character(mark)


def unexpected(text: str, at: int, expected: str) -> Unexpected:
    """Return the error for an unexpected token."""
    if text.startswith("/*", at):
        return Unexpected("this comment is not closed", at)
    return Unexpected(f"expected {expected}, found {describe_token(text, at)}", min(at, len(text) - len(END)))


def unescape(text: str, at: int) -> str:
    """Return the content of a quoted string with its escapes resolved; ``at`` is its offset. Raise Unexpected."""
    if "\\" not in text:
        return text.replace("$${", "${").replace("%%{", "%{") if "{" in text else text

    def plain(match: re.Match[str]) -> str:
        mark = match[3]
        if mark is not None:
            if mark not in _ESCAPES:
                raise Unexpected("this character cannot be escaped with a backslash", at + match.start())
            return _ESCAPES[mark]
        if match[4]:
            return match[4] + "{"
        code = int(match[1] or match[2], 16)
        if code > _LAST_CODE_POINT or code in _SURROGATES:
            raise Unexpected("this escape is not a Unicode character", at + match.start())
        return chr(code)

    return _ESCAPE.sub(plain, text)


def number_of(text: str, at: int) -> int | float:
    """Return the value of a number at an offset. Raise Unexpected."""
    if len(text) > _LONGEST_NUMBER:
        raise Unexpected("this number is too long", at)
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise Unexpected("this number is too large", at)
    return int(number) if number.is_integer() else number
