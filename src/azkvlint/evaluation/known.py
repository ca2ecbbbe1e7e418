"""What is certain of values: their lengths, how they begin, and what they are not.

It is computed from results, from patterns, and from the conditions under which a branch is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from azkvlint.evaluation.values import Fields, Items, Result, as_optional
from azkvlint.model.pattern import CallHole, Hole, Pattern, Text, known_start
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Plain, Scalar, Unknown
from azkvlint.util.lazy_regex import regex

# Values that are compared one by one.
_MOST_DIFFERENT = 10
# A longer condition, or one of more parts, is not taken apart.
_LONGEST_CONDITION, _MOST_CONDITIONS = 2_000, 20
_NULL = Known(most=0)
# Of a longer text, only the start is kept.
_LONGEST_START = 200
# Strings that a number, a Boolean, null, an array or an object may become.
_PRINTED = regex(r"[+-]?[0-9.]+(?:e[+-]?[0-9]+)?|true|false|null|[\[{].*", re.IGNORECASE | re.DOTALL)


def known_of(result: Result) -> Known:
    """Return what is certain of a result, known or unknown."""
    kind = type(result)
    if kind is Scalar:
        return known_of_plain(result.value)  # type: ignore[union-attr]  # mypy does not narrow by type()
    if kind is Absent:
        return _NULL
    if isinstance(result, Unknown):
        return known_of_unknown(result)
    if isinstance(result, Items):
        # Unknown items of a set may be equal to others.
        least = min(len(result.items), 1) if result.kind == "set" else len(result.items)
        return Known(least=least, most=len(result.items))
    if isinstance(result, Fields):
        least = sum(as_optional(field) is None for field in result.fields.values())
        if result.rest is None:
            return Known(least=least, most=len(result.fields))
        return Known(least=max(least, result.rest.known.least))
    return NOTHING_KNOWN


def known_of_plain(plain: Plain) -> Known:
    """Return what is certain of a string; nothing else of other values, which are compared themselves."""
    if not isinstance(plain, str):
        return NOTHING_KNOWN
    least, most = text_lengths(plain)
    return Known(least=least, most=most, is_text=True, starts=plain[:_LONGEST_START])


def text_lengths(text: str) -> tuple[int, int]:
    """Return the least and most length of a string, however a language counts characters."""
    if text.isascii() and "\r" not in text:
        return len(text), len(text)
    return min(len(text), 1), len(text.encode("utf-16-le", "surrogatepass")) // 2


def known_of_unknown(unknown: Unknown) -> Known:
    """Return what is certain of an unknown value, with what its pattern shows."""
    known, pattern = unknown.known, unknown.pattern
    if pattern is None or isinstance(pattern, Hole) or known.is_number:
        return known
    least = sum(_least_of_part(part) for part in pattern.parts if isinstance(part, str))
    return msgspec.structs.replace(known, least=max(least, known.least), is_text=True, starts=start_of(unknown))


def _least_of_part(text: str) -> int:
    """Return how much a text adds to any length at least: what is not ASCII may combine with what is before it."""
    return len(text) if text.isascii() and "\r" not in text and text[0] != "\n" else 0


def start_of(unknown: Unknown) -> str:
    """Return how a string certainly begins."""
    start = _settled(known_start(unknown.pattern))
    return start if len(start) >= len(unknown.known.starts) else unknown.known.starts


def _settled(text: str) -> str:
    """Return how a string begins whatever follows a text: a mark may combine with its last letter."""
    if text[-1:].isascii():
        return text
    return text.rstrip("".join(letter for letter in set(text) if not letter.isascii()))[:-1]


def size_of(*results: Result, extra: int = 0) -> Known:
    """Return how many items results have together, of which each is a list, map or object, with ``extra`` ones."""
    every = [known_of(result) for result in results]
    if any(known.is_number for known in every):
        return NOTHING_KNOWN
    limits = [known.most for known in every if known.most is not None]
    most = extra + sum(limits) if len(limits) == len(every) else None
    return Known(least=extra + sum(known.least for known in every), most=most)


def part_of(known: Known, start: int, length: int | None) -> Known:
    """Return what is certain of a part of a string or list, which ends where that does."""
    if known.is_number:
        return NOTHING_KNOWN
    least = max(known.least - start, 0)
    most = None if known.most is None else max(known.most - start, 0)
    if length is not None:
        least, most = min(least, length), length if most is None else min(most, length)
    # Of other characters it is not known how a language counts them.
    starts = known.starts if known.starts.isascii() and "\r" not in known.starts else ""
    return Known(least=least, most=most, is_text=known.is_text, starts=starts[start:][:length])


def of_length(least: int, most: int | None = None) -> Known:
    """Return what is certain of a string with a length between two, or with the exact length ``least``."""
    return Known(least=least, most=least if most is None else most, is_text=True)


def count_of(known: Known) -> Known:
    """Return what is certain of the length of a value."""
    return Known(least=known.least, most=known.most, is_number=True)


def joined(parts: Sequence[Result], adds_up: bool) -> Known:
    """Return what is certain of the text that parts make together.

    ``adds_up``: so do their lengths. Where marks combine with the letter before them, each part may lose one.
    """
    least, starts, is_start = 0, "", True
    most: int | None = 0
    for part in parts:
        is_text = isinstance(part, Scalar) and isinstance(part.value, str)
        known = known_of(part)
        loses = not adds_up and not (known.starts[:1].isascii() and known.starts[:1] not in ("", "\n"))
        if isinstance(part, Scalar) and not is_text:
            least += 1  # of a number or boolean, at least
        elif not known.is_number:
            least += max(known.least - loses, 0)
        # An array becomes a longer string than it has items.
        has_limit = known.is_text or isinstance(part, Absent)
        most = most + known.most if most is not None and known.most is not None and has_limit else None
        starts += known.starts if is_start else ""
        is_start = is_start and is_text and len(starts) < _LONGEST_START
    return Known(least=least, most=most, is_text=True, starts=_settled(starts[:_LONGEST_START]))


def one_of(results: Iterable[Result]) -> Known:
    """Return what is certain of a value that is one of several."""
    results = list(results)
    every = [known_of(result) for result in results]
    differs = [
        text
        for text in islice(dict.fromkeys(text for known in every for text in known.differs), _MOST_DIFFERENT)
        if all(_differs(result, text) for result in results)
    ]
    starts = _common_start([known.starts for known in every])
    # A number is known by itself, not by a length.
    is_number = any(known.is_number or _is_other(result) for known, result in zip(every, results, strict=True))
    least = 0 if is_number else min(known.least for known in every)
    limits = [known.most for known in every if known.most is not None]
    most = max(limits) if len(limits) == len(every) and not is_number else None
    if not (least or most is not None or starts or differs):
        return NOTHING_KNOWN
    is_text = all(known.is_text or isinstance(result, Absent) for known, result in zip(every, results, strict=True))
    return Known(least=least, most=most, is_text=is_text, starts=starts, differs=tuple(differs))


def _common_start(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    return low[: next((at for at, letter in enumerate(low) if letter != high[at : at + 1]), len(low))]


def _is_other(result: Result) -> bool:
    return isinstance(result, Scalar) and not isinstance(result.value, str)


def _differs(result: Result, text: str) -> bool:
    """Return whether a result is certainly another value than a string, and does not become it either."""
    if isinstance(result, Scalar):
        return result.value != text if isinstance(result.value, str) else not _is_printed(text)
    if isinstance(result, Unknown):
        return text in result.known.differs or (text == "" and result.is_filled)
    return isinstance(result, Absent | Items | Fields) and not _is_printed(text)


def _is_printed(text: str) -> bool:
    """Return whether another value may become a string: what differs from the string may then be the same."""
    return _PRINTED.fullmatch(text) is not None


def is_given(result: Result) -> bool:
    """Return whether a result is certainly not null."""
    return result.is_set if isinstance(result, Unknown) else not isinstance(result, Absent)


def is_text(unknown: Unknown) -> bool:
    """Return whether an unknown value is certainly a string, and not an empty one: an ID, or what is known in part."""
    return (unknown.closed and unknown.given) or (unknown.pattern is not None and unknown.pattern.has_text)


def is_string(unknown: Unknown) -> bool:
    """Return whether an unknown value is certainly a string, which may be empty."""
    return is_text(unknown) or (unknown.is_set and unknown.known.is_text)


def decided_length(known: Known) -> int | None:
    """Return a length that is certain; None for any other."""
    return known.least if known.least == known.most and not known.is_number else None


class _Fact(msgspec.Struct, frozen=True, gc=False):
    """What a condition states of a value: that it is not null, not empty, or not a certain string."""

    given: bool = False
    is_filled: bool = False
    differs: str | None = None


Facts = dict[str, list[_Fact]]


def facts_of(condition: Text | None, holds: bool) -> Facts:
    """Return what is certain of values where a condition holds, or does not, by the text forms of their patterns."""
    facts: Facts = {}
    if isinstance(condition, CallHole) and len(condition.text) <= _LONGEST_CONDITION:
        waiting: list[tuple[Text, bool]] = [(condition, holds)]
        for _ in range(_MOST_CONDITIONS):
            if not waiting:
                break
            part, is_true = waiting.pop()
            if isinstance(part, CallHole):
                waiting += _taken_apart(part, is_true, facts)
    return facts


def _taken_apart(condition: CallHole, holds: bool, facts: Facts) -> list[tuple[Text, bool]]:
    """Add what one condition states, and return the conditions in it that hold or do not."""
    name, arguments = condition.name, condition.arguments
    if name == "!" and len(arguments) == 1:
        return [(arguments[0], not holds)]
    if name == "&&" and holds:
        return [(argument, True) for argument in arguments]
    if name == "||" and not holds:
        return [(argument, False) for argument in arguments]
    if name == "empty" and not holds and len(arguments) == 1:
        _add(arguments[0], _Fact(given=True, is_filled=True), facts)
    if len(arguments) == 2 and holds is (name == "!=") and name in ("==", "!="):
        for value, other in (arguments, arguments[::-1]):
            _add_different(value, other, facts)
    if len(arguments) == 2 and name == ">" and holds and arguments[1] == "0":
        _add_length(arguments[0], facts)
    return []


def _add_different(value: Text, other: Text, facts: Facts) -> None:
    """Add that a value is not another one, which is known."""
    if other == "null":
        _add(value, _Fact(given=True), facts)
    elif other == "0":
        _add_length(value, facts)
    elif isinstance(other, str) and other.isascii() and len(other) > 1 and other[0] == other[-1] == '"':
        text = other[1:-1]
        if not _is_printed(text):
            _add(value, _Fact(differs=text), facts)


def _add_length(value: Text, facts: Facts) -> None:
    """Add that the length of a value is not 0."""
    if isinstance(value, CallHole) and value.name == "length" and len(value.arguments) == 1:
        _add(value.arguments[0], _Fact(given=True, is_filled=True), facts)


def _add(value: Text, fact: _Fact, facts: Facts) -> None:
    if isinstance(value, Hole):
        facts.setdefault(value.text, []).append(fact)


def narrowed(result: Result, facts: Facts) -> Result:
    """Return the result of a branch with what its condition states of it."""
    if not facts or not isinstance(result, Unknown) or not isinstance(result.pattern, Pattern):
        return result
    stated = facts.get(result.pattern.text)
    if stated is None:
        return result
    known = result.known
    differs = [fact.differs for fact in stated if fact.differs is not None]
    least = max(known.least, *(int(fact.is_filled and not known.is_number) for fact in stated))
    return msgspec.structs.replace(
        result,
        given=result.given or any(fact.given for fact in stated),
        known=msgspec.structs.replace(known, least=least, differs=tuple(dict.fromkeys([*known.differs, *differs]))),
    )


def chosen(found: Result, branches: Sequence[Result], condition: Text | None) -> Result:
    """Return the merged branches of a condition, of which the first is taken where it holds, with what it states."""
    if type(found) is not Unknown or len(branches) != 2 or any(found is branch for branch in branches):
        return found
    facts = facts_of(condition, holds=True), facts_of(condition, holds=False)
    if not any(facts):
        return found
    apart = [narrowed(branch, stated) for branch, stated in zip(branches, facts, strict=True)]
    # A list is not a reference, though its items may be.
    given = all(is_given(branch) and not isinstance(branch, Items | Fields) for branch in apart)
    return msgspec.structs.replace(found, given=found.given or given, known=one_of(apart))
