"""Strings of which only the length and the characters are known, such as those of ``uniqueString()``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product

from azkvlint.evaluation.values import CLOSE, OPEN, pieces
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_regex import RulePattern

# A letter stands for all letters and a digit for all digits, so a pattern must not name any by itself.
_LETTER, _DIGIT = "x", "7"
_ALIKE = regex(r"[{][0-9]*,?[0-9]*[}]|A-Z|a-z|0-9|\\[dwsDWS]|\(\?[:!=]")
_NAMED = regex(r"[A-Za-z0-9]")
# uniqueString() returns 13 lower-case letters and digits.
# Source: learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string.
_UNIQUE = regex(rf"{OPEN}uniqueString\(.*\){CLOSE}")
_UNIQUE_LENGTH = 13
_PART = regex(
    rf"{OPEN}(?:take\((?P<whole>.*),(?P<first>[0-9]{{1,4}})"
    rf"|substring\((?P<of>.*),(?P<start>[0-9]{{1,4}}),(?P<length>[0-9]{{1,4}}))\){CLOSE}"
)
_CASED = regex(rf"{OPEN}to(?:Lower|Upper)\((.*)\){CLOSE}")
_MOST = 1 << 14


def fits(expression: RulePattern, text: str) -> bool | None:
    """Return whether every string with a pattern fits an expression: False if none does, None if it is not known."""
    return _fits(expression.text, text) if OPEN in text else None


@lru_cache(1000)
def _fits(expression: str, text: str) -> bool | None:
    parts = list(_parts(text))
    if None in parts or _NAMED.search(_ALIKE.sub("", expression)):
        return None
    lengths = [part for part in parts if isinstance(part, int)]
    if 1 << sum(lengths) > _MOST:
        return None
    pattern = RulePattern(expression)
    found: set[bool | None] = set()
    for characters in product(_LETTER + _DIGIT, repeat=sum(lengths)):
        rest = iter(characters)
        known = (part if isinstance(part, str) else "".join(islice(rest, part)) for part in parts)
        filled = "".join(known)
        found.add(pattern.matches(filled))
        if len(found) > 1:
            return None
    return found.pop()


def _parts(text: str) -> Iterator[str | int | None]:
    """Yield the known parts of a pattern, and the lengths of those that have letters and digits in any order."""
    for part, is_open in pieces(text):
        if is_open:
            yield from _expanded(part)
        else:
            yield part


def _expanded(part: str) -> Iterator[str | int | None]:
    """Yield the parts of an unknown part, as far as it is a call whose result has a known length."""
    cased, cut = _CASED.fullmatch(part), _PART.fullmatch(part)
    if _UNIQUE.fullmatch(part):
        yield _UNIQUE_LENGTH
    elif cased is not None:
        yield from _parts(_argument(cased[1]))
    elif cut is not None:
        start = int(cut["start"] or 0)
        yield from _cut(list(_parts(_argument(cut["whole"] or cut["of"]))), start, int(cut["first"] or cut["length"]))
    else:
        yield None


def _argument(text: str) -> str:
    """Return the pattern of an argument: what is not an unknown part alone is in quotation marks."""
    return text[1:-1].replace("''", "'") if text[:1] == "'" else text


def _cut(parts: list[str | int | None], start: int, length: int) -> Iterator[str | int | None]:
    """Yield at most ``length`` characters of some parts from ``start`` on."""
    for part in parts:
        size = len(part) if isinstance(part, str) else part
        if size is None:
            yield None
            return
        kept = max(0, min(size - start, length))
        if kept:
            yield part[start : start + kept] if isinstance(part, str) else kept
            length -= kept
        start = max(0, start - size)
