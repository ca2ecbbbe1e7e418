"""Numbers and moments in the formats of .NET, as far as templates use them, in its invariant culture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.values import text_of
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from datetime import datetime

_STANDARD = regex(r"([DdFfNnXx])(\d{0,2})")
_ZEROS = regex(r"0{1,50}")
_STANDARD_MOMENTS = {
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "s": "yyyy-MM-dd'T'HH:mm:ss",
    "o": "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'",
    "O": "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'",
    "d": "MM/dd/yyyy",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
# A run of one letter, a quoted text, or any other character.
_PART = regex(r"([A-Za-z])\1*+|'([^']*+)'|\"([^\"]*+)\"|[^A-Za-z]")
# These letters mean something to .NET; all others stand for themselves.
_LETTERS = frozenset("dfFgHhKmMstyz%\\")
# What a template would write; more is not looked at.
_LONGEST = 100


def formatted(value: str | float | bool, form: str) -> str:
    """A value in a format. Only numbers have any; a text or boolean is printed as it is."""
    if isinstance(value, str | bool) or not form:
        return text_of(value)
    if isinstance(value, int):
        sign, digits = "-" if value < 0 else "", str(abs(value))
        if _ZEROS.fullmatch(form):
            return sign + digits.rjust(len(form), "0")
        match = _STANDARD.fullmatch(form)
        if match is not None:
            kind, width = match[1], int(match[2] or 0)
            if kind in "Dd":
                return sign + digits.rjust(width, "0")
            if kind in "Xx" and value >= 0:
                return format(value, kind).rjust(width, "0")
            if kind in "FfNn":
                places = int(match[2]) if match[2] else 2
                grouped = f"{abs(value):,}" if kind in "Nn" else digits
                return sign + grouped + ("." + "0" * places if places else "")
    raise UnknownResult("how .NET prints a number in this format is not known here")


def moment(value: datetime, form: str) -> str:
    """A moment (in UTC) in a standard or custom format."""
    form = _STANDARD_MOMENTS.get(form, form)
    if not 1 < len(form) <= _LONGEST:
        raise UnknownResult("how .NET prints a date in this format is not known here")
    return "".join(_part(value, match) for match in _PART.finditer(form))


def _part(value: datetime, match: re.Match[str]) -> str:
    part = match[0]
    if match[1] is None or match[1] not in _LETTERS:
        quoted = match[2] if match[2] is not None else match[3]
        if quoted is None and part in "'\"%\\":
            raise UnknownResult("how .NET prints a date in this format is not known here")
        return part if quoted is None else quoted
    number = {
        "d": value.day,
        "M": value.month,
        "H": value.hour,
        "h": value.hour % 12 or 12,
        "m": value.minute,
        "s": value.second,
    }.get(match[1])
    length = len(part)
    if number is not None and length <= 2:
        return str(number).rjust(length, "0")
    match match[1], length:
        case "y", 4:
            return f"{value.year:04}"
        case "y", 2:
            return f"{value.year % 100:02}"
        case "f", 1 | 2 | 3 | 4 | 5 | 6 | 7:
            return f"{value.microsecond * 10:07}"[:length]
        case "t", 2:
            return "AM" if value.hour < 12 else "PM"
        case "d", 3 | 4:
            return _DAYS[value.weekday()][: 3 if length == 3 else None]
        case "M", 3 | 4:
            return _MONTHS[value.month - 1][: 3 if length == 3 else None]
        case "K", 1:
            return "Z"
        case _:
            raise UnknownResult("how .NET prints a date in this format is not known here")
