"""What Terraform's language is made of, as patterns, and what is wrong with a text that is not made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias, cast

from azkvlint.util.lazy_regex import regex

Matcher: TypeAlias = Callable[..., re.Match[str] | None]
TotalMatcher: TypeAlias = Callable[..., re.Match[str]]

MAX_DEPTH = 100
"""How deep brackets and texts may nest in an expression. A level takes up to seven calls; Python allows a thousand."""
MAX_BRACKETS = 150
"""How deep blocks, brackets and texts may nest in a file, which is gone over without calls."""
MAX_CHAIN = 500
"""How many operators and accesses may follow one another: those who read the tree call themselves for each."""
MAX_FAULTS = 100
"""How many faults of one file, or of one body, are reported."""
END = "\n\0"
"""Stands behind every text that is read: a line comment ends at the latest here, and there is a next character."""

IDENTIFIER = r"[^\W\d][\w-]*+"
LINE_COMMENT = r"(?:\#|//)[^\n]*+"
BLOCK_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
GAP = rf"(?:[ \t\r]++|{LINE_COMMENT}|{BLOCK_COMMENT})*+"
WIDE_GAP = rf"(?:[ \t\r\n]++|{LINE_COMMENT}|{BLOCK_COMMENT})*+"
# What is no quote, no escape and no start of an expression or directive.
QUOTED = r"(?:[^\"\\\n$%]++|\\.|\$\$\{|%%\{|[$%](?!\{))*+"
# The same with expressions in it that hold no quotes and no braces of their own.
_TEMPLATE = r"\"(?:[^\"\\\n$%]++|\\.|\$\$\{|%%\{|[$%]\{[^\"{}\n#/<]*+\}|[$%](?!\{))*+\""
_SIGNS = r"/(?![/*])|<(?!<)"


def _blocks(levels: int) -> str:
    """Return the pattern of code without comments and heredocs, with blocks in it of up to so many levels."""
    inner = rf"|\{{{_blocks(levels - 1)}\}}" if levels else ""
    return rf"(?:[^\"{{}}#/<]++|{_TEMPLATE}|{_SIGNS}{inner})*+"


def _brackets(levels: int, plain: str = r"[^\"{}()\[\]#/<]++") -> str:
    """Return the same, where brackets and parentheses are paired, too."""
    inner = _brackets(levels - 1) if levels else ""
    pairs = rf"|\{{{inner}\}}|\[{inner}\]|\({inner}\)" if levels else ""
    return rf"(?:{plain}|{_TEMPLATE}|{_SIGNS}{pairs})*+"


def total_matcher(pattern: str, flags: int = 0) -> TotalMatcher:
    """Return the matcher of a pattern that matches nothing, too, so that there is always a match."""
    return cast("Sure", re.compile(pattern, flags).match)


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
    """A fault at an offset. ``resume`` is the offset from which on there may be something that can still be read."""

    def __init__(self, message: str, at: int, resume: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.resume = at if resume is None else resume


def describe_token(text: str, at: int) -> str:
    """Describe what is at an offset of a text that ends with END: marks are quoted, the rest may be secret."""
    if at >= len(text) - len(END):
        return "the end of the file"
    mark = text[at]
    if mark in "\r\n":
        return "the end of the line"
    if mark == '"':
        return "a text"
    if mark.isalpha() or mark == "_":
        return "a name"
    if mark.isalnum():
        return "a number"
    return f"'{mark}'" if mark.isprintable() else "a control character"


def unexpected(text: str, at: int, expected: str) -> Unexpected:
    """Return what is wrong where something else is expected."""
    if text.startswith("/*", at):
        return Unexpected("this comment does not end", at)
    return Unexpected(f"expected {expected}, found {describe_token(text, at)}", min(at, len(text) - len(END)))


def unescape(text: str, at: int) -> str:
    """Return what the inside of a quoted text means; it stands at an offset. Raises Unexpected."""
    if "\\" not in text:
        return text.replace("$${", "${").replace("%%{", "%{") if "{" in text else text

    def plain(match: re.Match[str]) -> str:
        mark = match[3]
        if mark is not None:
            if mark not in _ESCAPES:
                raise Unexpected("a backslash stands before a character that it cannot escape", at + match.start())
            return _ESCAPES[mark]
        if match[4]:
            return match[4] + "{"
        code = int(match[1] or match[2], 16)
        if code > _LAST_CODE_POINT or code in _SURROGATES:
            raise Unexpected("there is no character of this number", at + match.start())
        return chr(code)

    return _ESCAPE.sub(plain, text)


def number_of(text: str, at: int) -> int | float:
    """Return the number that digits at an offset stand for. Raises Unexpected."""
    if len(text) > _LONGEST_NUMBER:
        raise Unexpected("this number is too long", at)
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise Unexpected("this number is too large", at)
    return int(number) if number.is_integer() else number
