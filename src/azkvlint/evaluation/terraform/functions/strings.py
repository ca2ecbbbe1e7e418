"""Functions of strings: formats and regular expressions among them. What is known of an unknown string stays known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from azkvlint.evaluation.budget import MAX_ITEMS, MAX_TEXT
from azkvlint.evaluation.functions.table import call_pattern
from azkvlint.evaluation.known import is_text, known_of_unknown, part_of, start_of
from azkvlint.evaluation.known_parts import split_known
from azkvlint.evaluation.terraform.alternatives import gather
from azkvlint.evaluation.terraform.functions.encoding import json_text
from azkvlint.evaluation.terraform.functions.numbers import whole_number
from azkvlint.evaluation.terraform.functions.table import (
    ANY,
    Function,
    InvalidCall,
    TerraformCallContext,
    TerraformDataFunction,
    TerraformResultFunction,
    UnknownResult,
    limit_items,
    ordered_list,
)
from azkvlint.evaluation.terraform.operators import primitive, text_of
from azkvlint.evaluation.values import Items, Result, doubt_in, is_sensitive, plain_of, unknown_in
from azkvlint.model.pattern import Text, change_text, known_end, known_or_pattern
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.util.errors import InvalidPatternError, UnprovenPatternError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_regex import SafePattern, compile_pattern

if TYPE_CHECKING:
    from decimal import Decimal

_Spend: TypeAlias = Callable[[int], None]
# About as many attempts cost one step of the evaluator.
_ATTEMPTS_A_STEP = 1_000


def _first(spend: _Spend, pattern: str, text: str) -> Any:
    compiled = _compiled(pattern, text, spend)
    found = compiled.search(text)
    if found is None:
        raise InvalidCall("does not find a match for the pattern")
    return _captured(compiled, found)


def _all(spend: _Spend, pattern: str, text: str) -> list[Any]:
    compiled = _compiled(pattern, text, spend)
    return [_captured(compiled, found) for found in _matches(compiled, text)]


def _compiled(pattern: str, text: str, spend: _Spend) -> SafePattern:
    """Return a pattern that is safe to search for in a text."""
    spend(1 + len(pattern) // 10)
    try:
        compiled = compile_pattern(pattern)
        spend(compiled.work(len(text), anywhere=True) // _ATTEMPTS_A_STEP)
    except InvalidPatternError as error:
        raise InvalidCall(str(error)) from error
    except UnprovenPatternError as error:
        raise UnknownResult(str(error)) from error
    return compiled


def _matches(pattern: SafePattern, text: str) -> Iterator[re.Match[str]]:
    """Yield all matches, none of which is empty right after another, as Go counts them."""
    number = at = 0
    end = -1
    while at <= len(text) and (match := pattern.search(text, at)) is not None:
        is_empty = match.end() == match.start()
        if not (is_empty and match.start() == end):
            number += 1
            if number > MAX_ITEMS:
                raise UnknownResult(f"lists of more than {MAX_ITEMS:,} items are not supported")
            yield match
        end = match.end()
        at = end + is_empty


def _captured(pattern: SafePattern, match: re.Match[str]) -> Any:
    """Return what the groups of a pattern captured, by name if they have any; the match where there is no group."""
    if not pattern.names:
        return match[0]
    names = [name for name in pattern.names if name]
    if not names:
        return list(match.groups())
    if len(names) < len(pattern.names):
        raise InvalidCall("does not accept both named and unnamed groups")
    return dict(zip(names, match.groups(), strict=True))


def _replace(spend: _Spend, text: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        return _replaced(spend, text, old[1:-1], new)
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")
    return text.replace(old, new)


def _replaced(spend: _Spend, text: str, pattern: str, new: str) -> str:
    compiled = _compiled(pattern, text, spend)
    parts: list[str] = []
    end = length = 0
    for match in _matches(compiled, text):
        parts += [text[end : match.start()], _expanded(compiled, match, new)]
        length += len(parts[-1]) + len(parts[-2])
        if length > MAX_TEXT:
            raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")
        end = match.end()
    return "".join(parts) + text[end:]


def _expanded(pattern: SafePattern, match: re.Match[str], new: str) -> str:
    """Return the replacement with what the groups captured: ``$1``, ``${1}``, ``$name``, ``${name}``, and ``$$``."""
    parts: list[str] = []
    at = 0
    while True:
        start = new.find("$", at)
        if start < 0 or start + 1 >= len(new):
            return "".join(parts) + new[at:]
        parts.append(new[at:start])
        at = start + 1
        if new[at] == "$":
            parts.append("$")
            at += 1
            continue
        braced = new[at] == "{"
        end = begin = at + braced
        while end < len(new) and (new[end].isalnum() or new[end] == "_"):
            end += 1
        if end == begin or (braced and new[end : end + 1] != "}"):
            parts.append("$")
            continue
        parts.append(_group(pattern, match, new[begin:end]))
        at = end + braced


def _group(pattern: SafePattern, match: re.Match[str], name: str) -> str:
    if name.isascii() and name.isdigit():
        number = int(name) if len(name) < 9 else -1
    else:
        number = pattern.names.index(name) + 1 if name in pattern.names else -1
    return match[number] or "" if 0 <= number <= len(pattern.names) else ""


_VERB = regex(r"%(?P<flags>[-+ #0]*)(?:\[(?P<early>\d{1,4})\])?(?P<width>[1-9]\d{0,6})?"
                   r"(?:\.(?P<precision>\d{0,6}))?(?:\[(?P<late>\d{1,4})\])?(?P<verb>[a-zA-Z%])")  # fmt: skip
_INTEGERS = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}
_FLOATS = "eEfgG"
# Numbers of 512 bits have fewer digits.
_ALL_DIGITS = 200
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


class _Verb(msgspec.Struct, frozen=True):
    text: str
    flags: str
    width: int
    precision: int | None
    verb: str


def _format(call: TerraformCallContext, arguments: list[Result]) -> Result:
    form = primitive(arguments[0], "string", call.at)
    if isinstance(form, Absent):
        raise InvalidCall("does not accept null")
    if not isinstance(form, Scalar):
        return call.doubt("the format is unknown", form)
    return _formatted(call, str(form.value), form.sensitive, arguments[1:])


def _formatted(call: TerraformCallContext, form: str, sensitive: bool, arguments: list[Result]) -> Result:
    parts: list[Result] = []
    end, following, highest = 0, 0, 0
    while True:
        start = form.find("%", end)
        text = form[end : start if start >= 0 else len(form)]
        if text:
            parts.append(Scalar(at=call.at, value=text, sensitive=sensitive))
        if start < 0:
            break
        match = _VERB.match(form, start)
        if match is None:
            raise InvalidCall("expects a verb after each `%`")
        end = match.end()
        if match["verb"] == "%":
            if len(match[0]) > 2:
                raise InvalidCall("expects a verb after each `%`")
            parts.append(Scalar(at=call.at, value="%"))
            continue
        number = int(match["early"] or match["late"] or following + 1)
        if not 0 < number <= len(arguments):
            raise InvalidCall("expects an argument for each verb")
        following, highest = number, max(highest, number)
        precision = match["precision"]
        verb = _Verb(
            match[0], match["flags"], int(match["width"] or 0),
            None if precision is None else int(precision or 0), match["verb"],
        )  # fmt: skip
        if verb.width > MAX_TEXT or (verb.precision or 0) > 10_000:
            raise UnknownResult("a format this wide is not supported")
        parts.append(_printed(call, verb, arguments[number - 1]))
    if highest < len(arguments):
        raise InvalidCall("expects a verb for each argument")
    return call.evaluator.join(parts, call.at)


def _printed(call: TerraformCallContext, verb: _Verb, argument: Result) -> Result:
    call.evaluator.weigh(argument)
    doubt = unknown_in(argument)
    if doubt is not None:
        if isinstance(argument, Unknown) and verb.verb in "sv" and not verb.width and verb.precision is None:
            return argument if argument.is_set or verb.verb == "s" else msgspec.structs.replace(argument, given=True)
        given = [Scalar(at=call.at, value=verb.text), argument]
        sensitive = is_sensitive(argument)
        return Unknown(
            at=call.at, why=doubt.why, pattern=call_pattern("format", given), given=True, sensitive=sensitive
        )
    text = _text(call, verb, argument)
    numeric = "0" in verb.flags and verb.verb in "dbouxXeEfgG"
    return Scalar(at=call.at, value=_padded(text, verb, numeric), sensitive=is_sensitive(argument))


def _padded(text: str, verb: _Verb, numeric: bool) -> str:
    missing = verb.width - len(clusters(text))
    if missing <= 0:
        return text
    if verb.verb == "t":
        return text
    if "-" in verb.flags:
        return text + " " * missing
    if numeric:
        sign = text[0] if text[:1] in ("-", "+", " ") else ""
        return sign + "0" * missing + text[len(sign) :]
    return ("0" if "0" in verb.flags else " ") * missing + text


def _text(call: TerraformCallContext, verb: _Verb, argument: Result) -> str:
    name = verb.verb
    if name == "v":
        if "#" in verb.flags:
            return json_text(argument)
        if isinstance(argument, Absent):
            return "null"
        if not isinstance(argument, Scalar):
            return json_text(argument)
        value = argument.value
        return text_of(value) if isinstance(value, str | bool) else _general(value, "g")
    if isinstance(argument, Absent):
        raise InvalidCall("does not accept null for this verb")
    if name in ("s", "q"):
        text = str(plain_of(primitive(argument, "string", call.at)))
        if verb.precision is not None:
            text = "".join(clusters(text)[: verb.precision])
        return json_text(Scalar(at=call.at, value=text)) if name == "q" else text
    if name == "t":
        return text_of(plain_of(primitive(argument, "bool", call.at)))
    if name not in _INTEGERS and name not in _FLOATS:
        raise InvalidCall("expects verbs that exist")
    number = plain_of(primitive(argument, "number", call.at))
    text = _whole(number, name) if name in _INTEGERS else _float(number, verb)
    if "#" in verb.flags and name in _PREFIXES:
        text = text.replace(text.lstrip("-"), _PREFIXES[name] + text.lstrip("-"))
    plus = "+" if "+" in verb.flags else " " if " " in verb.flags else ""
    return text if text.startswith("-") else plus + text


def _whole(number: float, name: str) -> str:
    if not isinstance(number, int):
        raise InvalidCall("expects a whole number")
    return format(number, _INTEGERS[name])


def _float(number: float, verb: _Verb) -> str:
    name = verb.verb
    if name == "f":
        from decimal import Decimal

        places = 6 if verb.precision is None else verb.precision
        return format(Decimal(repr(number)), f".{places}f")
    if name in "eE":
        return _scientific(number, f".{6 if verb.precision is None else verb.precision}{name}")
    if verb.precision is not None:
        return format(float(number), f".{max(verb.precision, 1)}{name}")
    return _general(number, name)


def _general(number: float, name: str) -> str:
    """Return ``%g``: as short as it can be, with an exponent from six digits on."""
    from decimal import Context, Decimal

    digits = Decimal(repr(number)).normalize(Context(prec=_ALL_DIGITS))
    if number == 0 or -4 <= digits.adjusted() < 6:
        return format(digits, "f")
    return _scientific(digits, name.replace("g", "e").replace("G", "E"))


def _scientific(number: float | Decimal, form: str) -> str:
    from decimal import Decimal

    found = format(Decimal(str(number)), form) if number else format(0.0, form)
    # Go writes an exponent with two digits at least.
    return re.sub(r"([eE][+-])(\d)$", r"\g<1>0\2", found)


def _format_list(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return one text for each item of the lists among its arguments."""
    form, *given = arguments
    if isinstance(form, Absent):
        raise InvalidCall("does not accept null")
    lists = {number: ordered_list(call, item) for number, item in enumerate(given) if isinstance(item, Items)}
    doubt = next((item for item in (*given, *lists.values()) if isinstance(item, Unknown)), None)
    known = {number: each for number, each in lists.items() if isinstance(each, Items)}
    if doubt is not None and (not known or not is_text(doubt)):
        # It may be a list, or a text.
        return call.unknown(doubt)
    lengths = {len(each.items) for each in known.values()}
    if len(lengths) > 1:
        raise InvalidCall("expects lists of the same length")
    form = primitive(form, "string", call.at)
    if not isinstance(form, Scalar):
        return call.unknown(doubt_in("the format is unknown", call.at, form))
    number = lengths.pop() if lengths else 1
    limit_items(number)
    call.evaluator.spend(number * (len(given) + 1 + len(str(form.value)) // 50))
    rows = [
        [known[place].items[row] if place in known else item for place, item in enumerate(given)]
        for row in range(number)
    ]
    return Items(
        at=call.at, items=[_formatted(call, str(form.value), form.sensitive, row) for row in rows], kind="list"
    )


_JOINED = frozenset({"Mn", "Me", "Mc", "Cf"})
_RANGES = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF), (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF))


def clusters(text: str) -> list[str]:
    """Return the characters of a text. Raise UnknownResult for those that may join with others, not supported."""
    if not text.isascii():
        import unicodedata

        for character in text:
            code = ord(character)
            if code > 0x7F and (
                unicodedata.category(character) in _JOINED or any(low <= code <= high for low, high in _RANGES)
            ):
                raise UnknownResult("strings with combining characters are not supported")
    if "\r\n" not in text:
        return list(text)
    found: list[str] = []
    for character in text:
        if character == "\n" and found and found[-1] == "\r":
            found[-1] = "\r\n"
        else:
            found.append(character)
    return found


# The only letter that becomes two in Python.
_LOWER = {"\u0130": "i"}
_SPACE = "".join(
    map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
)


def limit_text(length: int) -> None:
    """Raise UnknownResult for a string above the limit."""
    if length > MAX_TEXT:
        raise UnknownResult(f"strings longer than {MAX_TEXT:,} characters are not supported")


def _chomp(text: str) -> str:
    return text.rstrip("\r\n")


def _indent(spaces: float, text: str) -> str:
    number = whole_number(spaces)
    if number < 0:
        raise InvalidCall("expects at least 0 spaces")
    limit_text(len(text) + number * text.count("\n"))
    return text.replace("\n", "\n" + " " * number)


def _cased(name: str, change: Callable[[str], str]) -> Function:
    def run(call: TerraformCallContext, arguments: list[Result]) -> Result:
        value = primitive(arguments[0], "string", call.at)
        if isinstance(value, Scalar):
            text = str(value.value)
            call.evaluator.spend(len(text) // 200)
            return call.text(change(text), value)
        if not isinstance(value, Unknown):
            return call.doubt("the string is unknown", value)
        pattern = change_text(value.pattern, name, change) if value.pattern is not None else None
        known = msgspec.structs.replace(value.known, starts=change(value.known.starts), differs=())
        return Unknown(at=call.at, why=value.why, pattern=pattern, given=True, known=known, sensitive=value.sensitive)

    return TerraformResultFunction(name, 1, 1, run)


def _upper(text: str) -> str:
    """Convert letter by letter, as Go does it."""
    return text.upper() if text.isascii() else "".join(_single(letter, letter.upper()) for letter in text)


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(_LOWER.get(letter, letter.lower()) for letter in text)


def _single(letter: str, changed: str) -> str:
    return changed if len(changed) == 1 else letter


def _title(text: str) -> str:
    found: list[str] = []
    inside = False
    for letter in text:
        found.append(letter if inside else _single(letter, letter.title()))
        inside = letter.isalnum() or letter == "_" or (ord(letter) > 0x7F and letter not in _SPACE)
    return "".join(found)


def _trim(text: str, characters: str) -> str:
    return text.strip(characters)


def _trim_space(text: str) -> str:
    return text.strip(_SPACE)


def _reversed(text: str) -> str:
    return "".join(reversed(clusters(text)))


def _part(text: str, offset: float, length: float) -> str:
    letters, start, number = clusters(text), whole_number(offset), whole_number(length)
    start = max(start + len(letters), 0) if start < 0 else start
    return "".join(letters[start:] if number < 0 else letters[start : start + number])


def _substring(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return a part of a string, whose length is known though the string is not."""
    found: Result = _SUBSTRING.answer(call)
    text, offset, length = (primitive(argument, "string" if number == 0 else "number", call.at)
                            for number, argument in enumerate(arguments))  # fmt: skip
    if not isinstance(found, Unknown) or not isinstance(text, Unknown):
        return found
    if not (isinstance(offset, Scalar) and type(offset.value) is int and offset.value >= 0):
        return found
    if not (isinstance(length, Scalar) and type(length.value) is int):
        return found
    known = part_of(known_of_unknown(text), offset.value, length.value if length.value >= 0 else None)
    start = part_of(known_of_unknown(text), offset.value, None).starts
    # What follows the last letter may combine with it.
    if 0 <= length.value < len(start):
        return Scalar(at=call.at, value=start[: length.value], sensitive=text.sensitive)
    return msgspec.structs.replace(found, known=known)


def _holds(text: str, part: str) -> bool:
    return part in text


def _join(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the items of lists in one text. That of a single item is the item."""
    separator = primitive(arguments[0], "string", call.at)
    parts: list[Result] = []
    for argument in arguments[1:]:
        found = ordered_list(call, argument)
        if isinstance(found, Unknown):
            whole_ = call.unknown(found)
            if separator == Scalar(at=separator.at, value=""):
                # An idiom for "its ID, or an empty string" that is older than one().
                return gather([found, Scalar(at=call.at, value="")], whole_, whole_.pattern, given=True)
            return whole_
        parts.extend(found.items)
    if any(isinstance(part, Absent) for part in parts):
        raise InvalidCall("does not accept null in a list")
    if len(parts) == 1 and isinstance(separator, Scalar) and isinstance(parts[0], Unknown):
        return parts[0]
    between = [] if isinstance(separator, Scalar) and separator.value == "" else [separator]
    mixed = [each for part in parts for each in (*between, part)][len(between) :]
    return call.evaluator.join(mixed, call.at)


def _split(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the parts of a text, which can be known although parts of it are not."""
    by, whole_ = (primitive(argument, "string", call.at) for argument in arguments)
    if isinstance(whole_, Unknown) and isinstance(by, Scalar) and by.value:
        found = split_known(known_or_pattern(whole_.pattern), str(by.value))
        if found is not None:
            return Items(at=call.at, items=[_piece(call, whole_, part) for part in found], kind="list")
    result: Result = _SPLIT.answer(call)
    return result


def _piece(call: TerraformCallContext, whole_: Unknown, pattern: Text) -> Result:
    if isinstance(pattern, str):
        return Scalar(at=call.at, value=pattern, sensitive=whole_.sensitive)
    return Unknown(at=call.at, why=whole_.why, pattern=pattern, given=True, sensitive=whole_.sensitive)


def _parts(by: str, text: str) -> list[str]:
    if not by:
        found = list(text)
    else:
        if text.count(by) > MAX_ITEMS:
            raise UnknownResult(f"lists of more than {MAX_ITEMS:,} items are not supported")
        found = text.split(by)
    if len(found) > MAX_ITEMS:
        raise UnknownResult(f"lists of more than {MAX_ITEMS:,} items are not supported")
    return found


def _edge(name: str, known: Callable[[Unknown], str], test: Callable[[str, str], bool]) -> Function:
    """Return whether a text begins or ends with another; ``known`` is what is known of that edge of it."""

    def run(call: TerraformCallContext, arguments: list[Result]) -> Result:
        text, part = (primitive(argument, "string", call.at) for argument in arguments)
        if isinstance(part, Scalar) and isinstance(text, Scalar):
            found = test(str(text.value), str(part.value))
            return Scalar(at=call.at, value=found, sensitive=text.sensitive or part.sensitive)
        if isinstance(part, Scalar) and isinstance(text, Unknown):
            sure, expected = known(text), str(part.value)
            if len(sure) >= len(expected) or (sure and not test(expected, sure)):
                return Scalar(at=call.at, value=test(sure, expected), sensitive=text.sensitive or part.sensitive)
        return call.doubt("the string is unknown", text, part)

    return TerraformResultFunction(name, 2, 2, run)


_TEXT, _TEXTS = ("string",), ("string", "string")
_SUBSTRING = TerraformDataFunction("substr", 3, 3, _part, kinds=("string", "number", "number"))
_SPLIT = TerraformDataFunction("split", 2, 2, _parts, kinds=_TEXTS, kind="list")


FUNCTIONS: tuple[Function, ...] = (
    TerraformDataFunction("chomp", 1, 1, _chomp, kinds=_TEXT),
    TerraformDataFunction("indent", 2, 2, _indent, kinds=("number", "string")),
    _cased("lower", _lower),
    _cased("upper", _upper),
    TerraformDataFunction("title", 1, 1, _title, kinds=_TEXT),
    TerraformDataFunction("trim", 2, 2, _trim, kinds=_TEXTS),
    TerraformDataFunction("trimspace", 1, 1, _trim_space, kinds=_TEXT),
    TerraformDataFunction("trimprefix", 2, 2, str.removeprefix, kinds=_TEXTS),
    TerraformDataFunction("trimsuffix", 2, 2, str.removesuffix, kinds=_TEXTS),
    TerraformDataFunction("strrev", 1, 1, _reversed, kinds=_TEXT),
    TerraformResultFunction("substr", 3, 3, _substring),
    TerraformDataFunction("strcontains", 2, 2, _holds, kinds=_TEXTS),
    TerraformResultFunction("join", 2, ANY, _join),
    TerraformResultFunction("split", 2, 2, _split),
    _edge("startswith", start_of, str.startswith),
    _edge("endswith", lambda text: known_end(text.pattern), str.endswith),
    TerraformResultFunction("format", 1, ANY, _format, nulls=True),
    TerraformResultFunction("formatlist", 1, ANY, _format_list, nulls=True),
    TerraformDataFunction("regex", 2, 2, _first, kinds=("string",), counts=True),
    TerraformDataFunction("regexall", 2, 2, _all, kinds=("string",), kind="list", counts=True),
    TerraformDataFunction("replace", 3, 3, _replace, kinds=("string",), counts=True),
)
