"""Texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from azkvlint.evaluation.functions.formats import formatted
from azkvlint.evaluation.functions.numbers import number
from azkvlint.evaluation.functions.patterns import prefix, suffix
from azkvlint.evaluation.functions.table import (
    ANY,
    Context,
    Data,
    Function,
    InvalidCall,
    Parts,
    UnknownResult,
    call_pattern,
    is_hole,
    opaque,
)
from azkvlint.evaluation.values import (
    MAX_ITEMS,
    MAX_TEXT,
    Items,
    Partly,
    Result,
    doubt_in,
    hole,
    is_sensitive,
    pattern_of,
    pieces,
    text_of,
)
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.util.lazy_regex import regex

_FORMAT = regex(r"\{\{|\}\}|\{(\d{1,3})(?:,(-?\d{1,3}))?(?::([^{}]*+))?\}|[{}]")


def text(value: object) -> str:
    """``value``, if it is a text."""
    if not isinstance(value, str):
        raise InvalidCall("was given something else where it needs a text")
    return value


def fits(length: int, most: int = MAX_TEXT) -> None:
    """Refuse to make a text or array of more than ``most`` characters or items."""
    if length > most:
        raise UnknownResult(f"more than {most:,} characters or items are not looked at")


def weight(plain: object) -> int:
    """About how many characters plain data is when it is printed."""
    found, left = 0, [plain]
    while left and found <= MAX_TEXT:
        item = left.pop()
        found += len(item) + 2 if isinstance(item, str | list | dict) else 4
        if isinstance(item, dict):
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
    return found


def _concat(context: Context, arguments: list[Result]) -> Result:
    """Texts, numbers and booleans; or arrays."""
    if not any(isinstance(argument, Items | Partly) for argument in arguments):
        if all(isinstance(argument, Scalar | Unknown) for argument in arguments):
            return context.evaluator.joined(arguments, context.at)
        return context.fails("was given something that is neither a text nor an array", *arguments)
    if any(opaque(argument) is None and not isinstance(argument, Items) for argument in arguments):
        return context.fails("was given an array and something else", *arguments)
    items = items_in(arguments)
    if all(isinstance(argument, Items) for argument in arguments):
        return Items(at=context.at, items=items)
    return context.partly(items, arguments)


def items_in(arrays: Sequence[Result]) -> list[Result]:
    """All items that several arrays are known to have."""
    found: list[Result] = []
    for array in arrays:
        if isinstance(array, Items | Partly):
            fits(len(found) + len(array.items), MAX_ITEMS)
            found.extend(array.items)
    return found


def _format(context: Context, arguments: list[Result]) -> Result:
    """``format('{0}-{1:D2}', a, b)``, as .NET does it; what is unknown leaves its mark in the pattern."""
    form = arguments[0]
    if not isinstance(form, Scalar) or not isinstance(form.value, str):
        return context.fails("was given a format that is no text", *arguments)
    parts: list[Result] = []
    end = 0
    for match in _FORMAT.finditer(form.value):
        if match.start() > end:
            parts.append(Scalar(at=form.at, value=form.value[end : match.start()], sensitive=form.sensitive))
        end = match.end()
        if match[1] is None:
            if len(match[0]) == 1:
                raise InvalidCall("was given a format with a brace that is not closed")
            parts.append(Scalar(at=form.at, value=match[0][0]))
        elif int(match[1]) + 1 < len(arguments):
            parts.append(_formatted(context, arguments[int(match[1]) + 1], match))
        else:
            raise InvalidCall("was given a format for more arguments than there are")
    if end < len(form.value):
        parts.append(Scalar(at=form.at, value=form.value[end:], sensitive=form.sensitive))
    return context.evaluator.joined(parts, context.at)


def _formatted(context: Context, argument: Result, match: re.Match[str]) -> Result:
    if not match[2] and not match[3]:
        return argument
    if isinstance(argument, Scalar):
        plain = formatted(argument.value, match[3] or "").rjust(max(int(match[2] or 0), 0))
        return Scalar(at=argument.at, value=plain.ljust(-int(match[2] or 0)), sensitive=argument.sensitive)
    pattern = call_pattern(context.name, [Scalar(at=context.at, value=match[0]), argument])
    found = doubt_in("an array or object is printed into a text", context.at, argument)
    return Unknown(at=context.at, why=found.why, pattern=pattern, sensitive=is_sensitive(argument))


def _replace(original: object, old: object, new: object) -> str:
    original, old, new = text(original), text(old), text(new)
    if not old:
        raise InvalidCall("was given an empty text to replace")
    fits(len(original) + original.count(old) * (len(new) - len(old)))
    return original.replace(old, new)


def _join(context: Context, arguments: list[Result]) -> Result:
    array, delimiter = arguments
    if not isinstance(array, Items) or not isinstance(delimiter, Scalar):
        return context.fails("was given no array of texts and no delimiter", *arguments)
    parts: list[Result] = []
    for item in array.items:
        if parts and delimiter.value != "":
            parts.append(delimiter)
        parts.append(item)
    return context.evaluator.joined(parts, context.at)


def _substring(original: object, start: object, length: object = None) -> str:
    original, start = text(original), number(start)
    length = len(original) - start if length is None else number(length)
    if start < 0 or length < 0 or start + length > len(original):
        raise InvalidCall("was asked for a part beyond the end of the text")
    return original[start : start + length]


def _cased(name: str, change: Callable[[str], str]) -> Function:
    def run(context: Context, arguments: list[Result]) -> Result:
        value = arguments[0]
        if isinstance(value, Scalar):
            return Scalar(at=context.at, value=change(text(value.value)), sensitive=value.sensitive)
        if not isinstance(value, Unknown) or not value.pattern:
            return context.fails("was given something else where it needs a text", value)
        parts = [hole(f"{name}({part})") if open_ else change(part) for part, open_ in pieces(value.pattern)]
        return Unknown(at=context.at, why=value.why, pattern="".join(parts), sensitive=value.sensitive)

    return Parts(name, 1, 1, run)


def _trim(original: object) -> str:
    return text(original).strip()


def _pad_left(value: object, total: object, character: object = " ") -> str:
    width, filler = number(total), text(character)
    if width < 0 or len(filler) != 1 or not isinstance(value, str | int):
        raise InvalidCall("was given a length or a character that does not fit it")
    fits(width)
    return text_of(value).rjust(width, filler)


def _starts(context: Context, arguments: list[Result]) -> Result:
    return _edge(context, arguments, prefix(pattern_of(arguments[0])), str.startswith)


def _ends(context: Context, arguments: list[Result]) -> Result:
    return _edge(context, arguments, suffix(pattern_of(arguments[0])), str.endswith)


def _edge(context: Context, arguments: list[Result], known: str, test: Callable[[str, str], bool]) -> Result:
    """Whether a text begins or ends with another, in any case; ``known`` is what is known of that edge of it."""
    whole, part = arguments
    if isinstance(whole, Scalar) and isinstance(part, Scalar):
        return context.true(test(text(whole.value).lower(), text(part.value).lower()))
    if isinstance(whole, Unknown) and isinstance(part, Scalar):
        wanted = text(part.value).lower()
        if len(known) >= len(wanted):
            return context.true(test(known.lower(), wanted))
    return context.fails("was given something else where it needs a text", *arguments)


def _like(value: object, pattern: object) -> bool:
    """Whether a string matches a pattern in which an asterisk stands for any string.

    Whether Azure ignores case and knows other wildcards is not documented: a result that depends on them is unknown.
    """
    whole, wanted = text(value), text(pattern)
    found = _fits_like(whole, wanted)
    if "?" in wanted or found is not _fits_like(whole.lower(), wanted.lower()):
        raise UnknownResult("whether like() ignores case and accepts other wildcards is not documented")
    return found


def _fits_like(whole: str, pattern: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return whole == pattern
    *middle, last = rest
    start, stop = len(first), len(whole) - len(last)
    if start > stop or not whole.startswith(first) or not whole.endswith(last):
        return False
    for part in middle:
        found = whole.find(part, start, stop)
        if found < 0:
            return False
        start = found + len(part)
    return True


def _string(value: object) -> str:
    fits(weight(value))
    return text_of(value)


def _string_of(context: Context, arguments: list[Result]) -> Result:
    value = arguments[0]
    if isinstance(value, Unknown) and value.pattern and not is_hole(value.pattern):
        return value  # What has a text in its pattern is a text already.
    if isinstance(value, Absent):
        return Scalar(at=context.at, value="")
    return STRING.answer(context)


STRING = Data("string", 1, 1, _string)
FUNCTIONS: tuple[Function, ...] = (
    Parts("concat", 1, ANY, _concat),
    Parts("format", 1, ANY, _format),
    Data("replace", 3, 3, _replace),
    Parts("join", 2, 2, _join),
    Data("substring", 2, 3, _substring),
    _cased("toLower", str.lower),
    _cased("toUpper", str.upper),
    Data("trim", 1, 1, _trim),
    Data("padLeft", 2, 3, _pad_left),
    Parts("startsWith", 2, 2, _starts),
    Parts("endsWith", 2, 2, _ends),
    Data("like", 2, 2, _like),
    Parts("string", 1, 1, _string_of),
)
