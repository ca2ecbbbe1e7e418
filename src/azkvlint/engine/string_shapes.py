"""Match regular expressions against strings with unknown parts of known shape, such as ``uniqueString()``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product

from azkvlint.evaluation.values import CLOSE, OPEN, pieces
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_regex import RulePattern

# One letter represents all letters and one digit all digits, so an expression must not contain any literally.
_LETTER, _DIGIT = "x", "7"
_ALIKE = regex(r"[{][0-9]*,?[0-9]*[}]|A-Z|a-z|0-9|\\[dwsDWS]|\(\?[:!=]")
_NAMED = regex(r"[A-Za-z0-9]")
# uniqueString() returns 13 lower-case letters and digits. Source:
# learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string.
_UNIQUE = regex(rf"{OPEN}uniqueString\(.*\){CLOSE}")
_UNIQUE_LENGTH = 13
_PART = regex(
    rf"{OPEN}(?:take\((?P<whole>.*),(?P<first>[0-9]{{1,4}})"
    rf"|substring\((?P<of>.*),(?P<start>[0-9]{{1,4}}),(?P<length>[0-9]{{1,4}}))\){CLOSE}"
)
_CASED = regex(rf"{OPEN}to(?:Lower|Upper)\((.*)\){CLOSE}")
_MAX_STRINGS = 1 << 14


def matches_pattern(expression: RulePattern, text: str) -> bool | None:
    """Return whether every string of a pattern matches: False if none does, None if unknown."""
    return _matches(expression.text, text) if OPEN in text else None


@lru_cache(1000)
def _matches(expression: str, text: str) -> bool | None:
    parts = list(_parts(text))
    if None in parts or _NAMED.search(_ALIKE.sub("", expression)):
        return None
    lengths = [part for part in parts if isinstance(part, int)]
    if 1 << sum(lengths) > _MAX_STRINGS:
        return None
    pattern = RulePattern(expression)
    results: set[bool | None] = set()
    for characters in product(_LETTER + _DIGIT, repeat=sum(lengths)):
        remaining = iter(characters)
        strings = (part if isinstance(part, str) else "".join(islice(remaining, part)) for part in parts)
        candidate = "".join(strings)
        results.add(pattern.matches(candidate))
        if len(results) > 1:
            return None
    return results.pop()


def _parts(text: str) -> Iterator[str | int | None]:
    """Yield the known parts of a pattern, and the lengths of alphanumeric unknown parts (None: unknown length)."""
    for part, is_open in pieces(text):
        if is_open:
            yield from _expand(part)
        else:
            yield part


def _expand(part: str) -> Iterator[str | int | None]:
    """Yield the parts of an unknown part if it is a call with a result of known length."""
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
    """Return the pattern of an argument, which is quoted unless it is a single unknown part."""
    return text[1:-1].replace("''", "'") if text[:1] == "'" else text


def _cut(parts: list[str | int | None], start: int, length: int) -> Iterator[str | int | None]:
    """Yield up to ``length`` characters of ``parts`` from ``start``."""
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
