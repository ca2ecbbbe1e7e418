"""Sets of characters in Go's regular expressions: ranges of code points."""

from __future__ import annotations

from typing import TypeAlias

from azkvlint.evaluation.functions.table import InvalidCall, UnknownResult
from azkvlint.util.lazy_regex import regex

Ranges: TypeAlias = tuple[tuple[int, int], ...]

_LAST = 0x10FFFF
_DIGIT: Ranges = ((0x30, 0x39),)
_UPPER: Ranges = ((0x41, 0x5A),)
_LOWER: Ranges = ((0x61, 0x7A),)
_WORD: Ranges = (*_DIGIT, *_UPPER, (0x5F, 0x5F), *_LOWER)
_SPACE: Ranges = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_POSIX: dict[str, Ranges] = {
    "alnum": (*_DIGIT, *_UPPER, *_LOWER), "alpha": (*_UPPER, *_LOWER), "ascii": ((0, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)), "cntrl": ((0, 0x1F), (0x7F, 0x7F)), "digit": _DIGIT,
    "graph": ((0x21, 0x7E),), "lower": _LOWER, "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)), "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": _UPPER, "word": _WORD, "xdigit": (*_DIGIT, (0x41, 0x46), (0x61, 0x66)),
}  # fmt: skip
_NAMED = regex(r"\[:(\^?)([a-z]+):\]")
_HEX = regex(r"\\x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")
_OCTAL = regex(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})")
ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_WIDE = 2_000


def inverted(ranges: Ranges) -> Ranges:
    """All characters that are not in ``ranges``."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST:
        found.append((start, _LAST))
    return tuple(found)


DOT = inverted(((10, 10),))
NEWLINE_DOT: Ranges = ((0, _LAST),)
CLASSES: dict[str, Ranges] = {
    "d": _DIGIT, "D": inverted(_DIGIT), "s": _SPACE, "S": inverted(_SPACE), "w": _WORD, "W": inverted(_WORD),
}  # fmt: skip


def folded(ranges: Ranges) -> Ranges:
    """``ranges`` with what differs from them in case only."""
    found = list(ranges)
    for low, high in ranges:
        if high - low > _WIDE:
            # Of so many characters those of ASCII are looked at, and the rest is mostly in there itself.
            pairs = ((max(low, 0x41), min(high, 0x5A), 32), (max(low, 0x61), min(high, 0x7A), -32))
            found += [(start + shift, end + shift) for start, end, shift in pairs if start <= end]
            continue
        for code in range(low, high + 1):
            for other in {chr(code).lower(), chr(code).upper(), chr(code).swapcase()}:
                if len(other) == 1:
                    found.append((ord(other), ord(other)))
    return tuple(sorted(set(found)))


def character(pattern: str, at: int) -> tuple[int, int]:
    """The character that an escape at an offset stands for, and where it ends."""
    letter = pattern[at + 1 : at + 2]
    if letter in ESCAPES:
        return ESCAPES[letter], at + 2
    match = _HEX.match(pattern, at)
    if match is not None:
        code = int(match[1] or match[2], 16)
        if code > _LAST:
            raise _invalid()
        return code, match.end()
    match = _OCTAL.match(pattern, at)
    if match is not None:
        return int(match[1], 8), match.end()
    if letter and letter in "pP":
        raise UnknownResult("classes of Unicode are not looked at")
    if not letter or letter.isalnum() or (not letter.isascii()):
        raise _invalid()
    return ord(letter), at + 2


def bracket(pattern: str, at: int) -> tuple[Ranges, int]:
    """The characters of a class in brackets, and where it ends."""
    at += 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[int, int]] = []
    start = at
    while at >= len(pattern) or pattern[at] != "]" or at == start:
        if at >= len(pattern):
            raise _invalid()
        named = _NAMED.match(pattern, at)
        if named is not None:
            if named[2] not in _POSIX:
                raise _invalid()
            ranges += inverted(_POSIX[named[2]]) if named[1] else _POSIX[named[2]]
            at = named.end()
            continue
        if pattern[at] == "\\" and pattern[at + 1 : at + 2] in CLASSES:
            ranges += CLASSES[pattern[at + 1]]
            at += 2
            continue
        low, at = _single(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("]", ""):
            high, at = _single(pattern, at + 1)
            if high < low:
                raise _invalid()
        ranges.append((low, high))
    found = tuple(ranges)
    return inverted(found) if negated else found, at + 1


def _single(pattern: str, at: int) -> tuple[int, int]:
    if pattern[at] == "\\":
        return character(pattern, at)
    return ord(pattern[at]), at + 1


def _invalid() -> InvalidCall:
    return InvalidCall("is given a pattern that is no regular expression")
