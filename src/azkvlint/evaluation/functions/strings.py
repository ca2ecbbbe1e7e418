"""Functions of strings, dates and IP ranges: formats of .NET in the invariant culture, base64, URIs, JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS, MAX_TEXT
from azkvlint.evaluation.functions.numbers import number
from azkvlint.evaluation.functions.table import (
    ANY,
    CallContext,
    DataFunction,
    Function,
    InvalidCall,
    ResultFunction,
    UnknownResult,
    call_pattern,
    opaque,
)
from azkvlint.evaluation.known import known_of, size_of, start_of
from azkvlint.evaluation.values import Items, Partly, Result, doubt_in, is_sensitive, pattern_of, text_of
from azkvlint.model.pattern import Hole, change_text, known_end
from azkvlint.model.value import Absent, Known, Scalar, Unknown
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import consists_of

if TYPE_CHECKING:
    from datetime import datetime
    from ipaddress import IPv4Network, IPv6Network

_DEPTH = 100
_BRACKETS = regex(r'"(?:[^"\\]|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_DATA_URI = regex(r"data:([^,]{0,200}),(.*)", re.DOTALL)
_BASE = regex(r"(https?://[A-Za-z0-9.-]{1,255}(?::\d{1,5})?)((?:/[A-Za-z0-9._~-]*+)*+)")
_RELATIVE = regex(r"/?[A-Za-z0-9._~-]*+(?:/[A-Za-z0-9._~-]*+)*+")
_ADDRESS = regex(r"(https?)://([A-Za-z0-9.-]{1,255})(/[A-Za-z0-9._~/-]*+)?")
_DOTS = regex(r"(?:^|/)\.\.?(?:/|$)")


def _encode(value: object) -> str:
    from base64 import b64encode

    return b64encode(text(value).encode()).decode()


def _decode(value: object) -> str:
    from base64 import b64decode

    try:
        return b64decode(text(value), validate=True).decode()
    except UnicodeDecodeError as error:
        raise UnknownResult("binary data is not supported") from error
    except ValueError as error:
        raise InvalidCall("expects a base64 string") from error


def _json(value: object) -> Any:
    source = text(value)
    depth = 0
    for match in _BRACKETS.finditer(source):
        depth += 1 if match[1] else -1 if match[2] else 0
        if depth > _DEPTH:
            raise UnknownResult(f"JSON nested deeper than {_DEPTH} levels is not supported")
    try:
        return decode_json(source, object)
    except InputError as error:
        # Azure accepts more than the standard does, such as single quotes.
        raise UnknownResult("the string is not valid JSON") from error


def _base64_to_json(value: object) -> Any:
    return _json(_decode(value))


def _data_uri(value: object) -> str:
    if not isinstance(value, str):
        raise UnknownResult("`dataUri()` is documented for strings only")
    return f"data:text/plain;charset=utf8;base64,{_encode(value)}"


def _from_data_uri(value: object) -> str:
    match = _DATA_URI.fullmatch(text(value))
    if match is None:
        raise InvalidCall("expects a data URI")
    return _decode(match[2]) if match[1].lower().endswith(";base64") else _from_component(match[2])


def _component(value: object) -> str:
    from urllib.parse import quote

    return quote(text(value), safe="")


def _from_component(value: object) -> str:
    from urllib.parse import unquote

    return unquote(text(value))


def _uri(base: object, relative: object) -> str:
    """Return ``relative`` in place of what follows the last slash of ``base``; only for what needs no escapes."""
    match, further = _BASE.fullmatch(text(base)), text(relative)
    if match is None or not _RELATIVE.fullmatch(further) or further.startswith("//") or _DOTS.search(further):
        raise UnknownResult("`uri()` is not supported with these arguments")
    if not further or _DOTS.search(match[2]):
        raise UnknownResult("`uri()` is not supported with these arguments")
    folder = "" if further.startswith("/") else match[2].rpartition("/")[0] + "/"
    return match[1].lower() + folder + further


def _build_uri(parts: object) -> str:
    if not isinstance(parts, dict) or not {"scheme", "host"} <= parts.keys() <= {"scheme", "host", "path"}:
        raise UnknownResult("`buildUri()` is not supported with these arguments")
    path = text(parts.get("path") or "/")
    found = f"{text(parts['scheme'])}://{text(parts['host'])}{path if path.startswith('/') else '/' + path}"
    if not _ADDRESS.fullmatch(found) or _DOTS.search(path):
        raise UnknownResult("`buildUri()` is not supported with these arguments")
    return found


def _parse_uri(value: object) -> dict[str, object]:
    raise UnknownResult("`parseUri()` is not supported")


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
# These letters mean something to .NET; all others are literal.
_LETTERS = frozenset("dfFgHhKmMstyz%\\")
# What a template would write; more is not supported.
_LONGEST = 100


def formatted(value: str | float | bool, form: str) -> str:
    """Return a value in a format. Only numbers have any; a text or boolean is printed as it is."""
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
    raise UnknownResult("the number format is not supported")


def moment(value: datetime, form: str) -> str:
    """Return a moment (in UTC) in a standard or custom format."""
    form = _STANDARD_MOMENTS.get(form, form)
    if not 1 < len(form) <= _LONGEST:
        raise UnknownResult("the date format is not supported")
    return "".join(_part(value, match) for match in _PART.finditer(form))


def _part(value: datetime, match: re.Match[str]) -> str:
    part = match[0]
    if match[1] is None or match[1] not in _LETTERS:
        quoted = match[2] if match[2] is not None else match[3]
        if quoted is None and part in "'\"%\\":
            raise UnknownResult("the date format is not supported")
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
            raise UnknownResult("the date format is not supported")


_FORMAT = regex(r"\{\{|\}\}|\{(\d{1,3})(?:,(-?\d{1,3}))?(?::([^{}]*+))?\}|[{}]")


def text(value: object) -> str:
    """Return ``value``, if it is a text."""
    if not isinstance(value, str):
        raise InvalidCall("expects a string")
    return value


def fits(length: int, most: int = MAX_TEXT) -> None:
    """Refuse to make a text or array of more than ``most`` characters or items."""
    if length > most:
        raise UnknownResult(f"more than {most:,} characters or items are not supported")


def weight(plain: object) -> int:
    """Return about how many characters plain data is when it is printed."""
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


def _concat(context: CallContext, arguments: list[Result]) -> Result:
    """Return texts, numbers and booleans; or arrays."""
    if not any(isinstance(argument, Items | Partly) for argument in arguments):
        if not all(isinstance(argument, Scalar | Unknown) for argument in arguments):
            return context.fails("expects strings or arrays", *arguments)
        if any(isinstance(argument, Scalar) or known_of(argument).is_text for argument in arguments):
            return context.evaluator.join(arguments, context.at)
        found = context.doubt("the arguments may be arrays", *arguments)
        return msgspec.structs.replace(found, given=True, known=Known(least=size_of(*arguments).least))
    if any(opaque(argument) is None and not isinstance(argument, Items) for argument in arguments):
        return context.fails("expects only arrays or only strings", *arguments)
    items = items_in(arguments)
    if all(isinstance(argument, Items) for argument in arguments):
        return Items(at=context.at, items=items)
    return context.partial_list(items, arguments, size_of(*arguments))


def items_in(arrays: Sequence[Result]) -> list[Result]:
    """Return all items that several arrays are known to have."""
    found: list[Result] = []
    for array in arrays:
        if isinstance(array, Items | Partly):
            fits(len(found) + len(array.items), MAX_ITEMS)
            found.extend(array.items)
    return found


def _format(context: CallContext, arguments: list[Result]) -> Result:
    """Return ``format('{0}-{1:D2}', a, b)``, as .NET does it; what is unknown leaves its mark in the pattern."""
    form = arguments[0]
    if not isinstance(form, Scalar) or not isinstance(form.value, str):
        return context.fails("expects a format string", *arguments)
    parts: list[Result] = []
    end = 0
    for match in _FORMAT.finditer(form.value):
        if match.start() > end:
            parts.append(Scalar(at=form.at, value=form.value[end : match.start()], sensitive=form.sensitive))
        end = match.end()
        if match[1] is None:
            if len(match[0]) == 1:
                raise InvalidCall("expects a format string with balanced braces")
            parts.append(Scalar(at=form.at, value=match[0][0]))
        elif int(match[1]) + 1 < len(arguments):
            parts.append(_formatted(context, arguments[int(match[1]) + 1], match))
        else:
            raise InvalidCall("expects an argument for each placeholder")
    if end < len(form.value):
        parts.append(Scalar(at=form.at, value=form.value[end:], sensitive=form.sensitive))
    return context.evaluator.join(parts, context.at)


def _formatted(context: CallContext, argument: Result, match: re.Match[str]) -> Result:
    if not match[2] and not match[3]:
        return argument
    if isinstance(argument, Scalar):
        plain = formatted(argument.value, match[3] or "").rjust(max(int(match[2] or 0), 0))
        return Scalar(at=argument.at, value=plain.ljust(-int(match[2] or 0)), sensitive=argument.sensitive)
    pattern = call_pattern(context.name, [Scalar(at=context.at, value=match[0]), argument])
    found = doubt_in("an array or object is inserted into a string", context.at, argument)
    return Unknown(at=context.at, why=found.why, pattern=pattern, sensitive=is_sensitive(argument))


def _replace(original: object, old: object, new: object) -> str:
    original, old, new = text(original), text(old), text(new)
    if not old:
        raise InvalidCall("does not accept an empty string to replace")
    fits(len(original) + original.count(old) * (len(new) - len(old)))
    return original.replace(old, new)


def _join(context: CallContext, arguments: list[Result]) -> Result:
    array, delimiter = arguments
    if not isinstance(array, Items) or not isinstance(delimiter, Scalar):
        return context.fails("expects an array of strings and a delimiter", *arguments)
    parts: list[Result] = []
    for item in array.items:
        if parts and delimiter.value != "":
            parts.append(delimiter)
        parts.append(item)
    return context.evaluator.join(parts, context.at)


def _substring(original: object, start: object, length: object = None) -> str:
    original, start = text(original), number(start)
    length = len(original) - start if length is None else number(length)
    if start < 0 or length < 0 or start + length > len(original):
        raise InvalidCall("expects a range within the string")
    return original[start : start + length]


def _cased(name: str, change: Callable[[str], str]) -> Function:
    def run(context: CallContext, arguments: list[Result]) -> Result:
        value = arguments[0]
        if isinstance(value, Scalar):
            return Scalar(at=context.at, value=change(text(value.value)), sensitive=value.sensitive)
        if not isinstance(value, Unknown):
            return context.fails("expects a string", value)
        pattern = change_text(value.pattern, name, change) if value.pattern is not None else None
        known = msgspec.structs.replace(value.known, starts=change(value.known.starts), differs=())
        return Unknown(at=context.at, why=value.why, pattern=pattern, known=known, sensitive=value.sensitive)

    return ResultFunction(name, 1, 1, run)


def _by_letter(text: str, change: Callable[[str], str]) -> str:
    """Convert letter by letter, as .NET does it: the length stays the same."""
    if text.isascii():
        return change(text)
    return "".join(changed if len(changed := change(letter)) == 1 else letter for letter in text)


def _trim(original: object) -> str:
    return text(original).strip()


def _pad_left(value: object, total: object, character: object = " ") -> str:
    width, filler = number(total), text(character)
    if width < 0 or len(filler) != 1 or not isinstance(value, str | int):
        raise InvalidCall("expects a length of at least 0 and a single character")
    fits(width)
    return text_of(value).rjust(width, filler)


def _starts(context: CallContext, arguments: list[Result]) -> Result:
    return _edge(context, arguments, _start(arguments[0]), str.startswith)


def _start(result: Result) -> str:
    return start_of(result) if isinstance(result, Unknown) else ""


def _ends(context: CallContext, arguments: list[Result]) -> Result:
    return _edge(context, arguments, known_end(pattern_of(arguments[0])), str.endswith)


def _edge(context: CallContext, arguments: list[Result], known: str, test: Callable[[str, str], bool]) -> Result:
    """Return whether a text begins or ends with another, in any case; ``known`` is what is known of that edge of it."""
    whole, part = arguments
    if isinstance(whole, Scalar) and isinstance(part, Scalar):
        return context.true(test(text(whole.value).lower(), text(part.value).lower()))
    if isinstance(whole, Unknown) and isinstance(part, Scalar):
        prefix_or_suffix = text(part.value).lower()
        if len(known) >= len(prefix_or_suffix):
            return context.true(test(known.lower(), prefix_or_suffix))
    return context.fails("expects a string", *arguments)


def _like(value: object, pattern: object) -> bool:
    """Return whether a string matches a pattern in which an asterisk matches any string.

    Whether Azure ignores case and knows other wildcards is not documented: a result that depends on them is unknown.
    """
    whole, expected = text(value), text(pattern)
    found = consists_of(whole, expected.split("*"))
    if "?" in expected or found is not consists_of(whole.lower(), expected.lower().split("*")):
        raise UnknownResult("the case sensitivity and wildcards of `like()` are not documented")
    return found


def _string(value: object) -> str:
    fits(weight(value))
    return text_of(value)


def _string_of(context: CallContext, arguments: list[Result]) -> Result:
    value = arguments[0]
    if isinstance(value, Unknown) and value.pattern is not None and not isinstance(value.pattern, Hole):
        return value  # What has a text in its pattern is a text already.
    if isinstance(value, Absent):
        return Scalar(at=context.at, value="")
    return STRING.answer(context)


STRING = DataFunction("string", 1, 1, _string)


FUNCTIONS: tuple[Function, ...] = (
    ResultFunction("concat", 1, ANY, _concat),
    ResultFunction("format", 1, ANY, _format),
    DataFunction("replace", 3, 3, _replace),
    ResultFunction("join", 2, 2, _join),
    DataFunction("substring", 2, 3, _substring),
    _cased("toLower", lambda text: _by_letter(text, str.lower)),
    _cased("toUpper", lambda text: _by_letter(text, str.upper)),
    DataFunction("trim", 1, 1, _trim),
    DataFunction("padLeft", 2, 3, _pad_left),
    ResultFunction("startsWith", 2, 2, _starts),
    ResultFunction("endsWith", 2, 2, _ends),
    DataFunction("like", 2, 2, _like),
    ResultFunction("string", 1, 1, _string_of),
    DataFunction("base64", 1, 1, _encode),
    DataFunction("base64ToString", 1, 1, _decode),
    DataFunction("base64ToJson", 1, 1, _base64_to_json),
    DataFunction("json", 1, 1, _json),
    DataFunction("dataUri", 1, 1, _data_uri),
    DataFunction("dataUriToString", 1, 1, _from_data_uri),
    DataFunction("uriComponent", 1, 1, _component),
    DataFunction("uriComponentToString", 1, 1, _from_component),
    DataFunction("uri", 2, 2, _uri),
    DataFunction("buildUri", 1, 1, _build_uri),
    DataFunction("parseUri", 1, 1, _parse_uri),
)


def _network(value: object) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network

    try:
        return ip_network(text(value), strict=False)
    except ValueError as error:
        raise InvalidCall("expects an address range in CIDR notation") from error


def _parse(value: object) -> dict[str, object]:
    found = _network(value)
    if found.version == 6:
        return {
            "network": str(found.network_address),
            "netmask": str(found.netmask),
            "firstUsable": str(found.network_address),
            "lastUsable": str(found.broadcast_address),
            "cidr": found.prefixlen,
        }
    if found.prefixlen > 30:
        raise UnknownResult("the usable addresses of a range this small are not documented")
    return {
        "network": str(found.network_address),
        "netmask": str(found.netmask),
        "broadcast": str(found.broadcast_address),
        "firstUsable": str(found.network_address + 1),
        "lastUsable": str(found.broadcast_address - 1),
        "cidr": found.prefixlen,
    }


def _subnet(value: object, prefix: object, index: object) -> str:
    found, length, at = _network(value), number(prefix), number(index)
    if not found.prefixlen <= length <= found.max_prefixlen or not 0 <= at < 1 << (length - found.prefixlen):
        raise InvalidCall("expects a subnet within the address range")
    return f"{found.network_address + (at << (found.max_prefixlen - length))}/{length}"


def _host(value: object, index: object) -> str:
    found, at = _network(value), number(index)
    if at < 0 or at + 1 >= found.num_addresses:
        raise InvalidCall("expects an address within the range")
    return str(found.network_address + at + 1)


NETWORK: tuple[Function, ...] = (
    DataFunction("parseCidr", 1, 1, _parse),
    DataFunction("cidrSubnet", 3, 3, _subnet),
    DataFunction("cidrHost", 2, 2, _host),
)


_MOMENT = regex(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,7}))?)?)?\s?(?:Z|([+-])(\d\d):?(\d\d))?"
)
_DURATION = regex(
    r"(-?)P(?=.)(?:(\d{1,5})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,7})D)?"
    r"(?:T(?=.)(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,7})?)S)?)?"
)
_PLAIN = "yyyy-MM-dd'T'HH:mm:ss'Z'"


def _moment(value: object) -> datetime:
    from datetime import UTC, datetime, timedelta

    match = _MOMENT.fullmatch(text(value))
    if match is None:
        raise InvalidCall("expects a date in ISO 8601 format")
    year, month, day, hour, minute, second = (int(match[group] or 0) for group in range(1, 7))
    micro = int((match[7] or "0").ljust(6, "0")[:6])
    try:
        found = datetime(year, month, day, hour, minute, second, micro, UTC)
        offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
        return found + offset if match[8] == "-" else found - offset
    except (ValueError, OverflowError) as error:
        raise InvalidCall("expects a date that exists") from error


def _add(base: object, duration: object, form: object = _PLAIN) -> str:
    """Convert with a year of 365 days and a month of 30, as Azure documents it."""
    from datetime import timedelta

    match = _DURATION.fullmatch(text(duration))
    if match is None:
        raise InvalidCall("expects a duration in ISO 8601 format")
    years, months, weeks, days, hours, minutes = (int(match[group] or 0) for group in range(2, 8))
    start = _moment(base)
    try:
        whole = 365 * years + 30 * months + 7 * weeks + days
        span = timedelta(days=whole, hours=hours, minutes=minutes, seconds=float(match[8] or 0))
        found = start - span if match[1] else start + span
    except OverflowError as error:
        raise InvalidCall("does not support a date outside the years 1 to 9999") from error
    return moment(found, text(form))


def _to_epoch(value: object) -> int:
    return int(_moment(value).timestamp() // 1)


def _from_epoch(value: object) -> str:
    from datetime import UTC, datetime, timedelta

    try:
        return moment(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number(value)), _PLAIN)
    except OverflowError as error:
        raise InvalidCall("does not support a date outside the years 1 to 9999") from error


DATES: tuple[Function, ...] = (
    DataFunction("dateTimeAdd", 2, 3, _add),
    DataFunction("dateTimeToEpoch", 1, 1, _to_epoch),
    DataFunction("dateTimeFromEpoch", 1, 1, _from_epoch),
)
