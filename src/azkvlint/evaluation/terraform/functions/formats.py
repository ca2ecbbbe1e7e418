"""``format`` and ``formatlist``, with the verbs of Terraform's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.functions.table import call_pattern
from azkvlint.evaluation.terraform.functions.encoding import json_text
from azkvlint.evaluation.terraform.functions.graphemes import clusters
from azkvlint.evaluation.terraform.functions.lists import fits
from azkvlint.evaluation.terraform.functions.shapes import ordered
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Function, InvalidCall, Parts, UnknownResult
from azkvlint.evaluation.terraform.primitive_types import primitive, text_of
from azkvlint.evaluation.values import MAX_TEXT, Items, Result, doubt_in, is_sensitive, plain_of, unknown_in
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from decimal import Decimal

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


def _format(call: Call, arguments: list[Result]) -> Result:
    form = primitive(arguments[0], "string", call.at)
    if isinstance(form, Absent):
        raise InvalidCall("is given null")
    if not isinstance(form, Scalar):
        return call.doubt("a format is not known", form)
    return _formatted(call, str(form.value), form.sensitive, arguments[1:])


def _formatted(call: Call, form: str, sensitive: bool, arguments: list[Result]) -> Result:
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
            raise InvalidCall("is given a format with a '%' that begins no verb")
        end = match.end()
        if match["verb"] == "%":
            if len(match[0]) > 2:
                raise InvalidCall("is given a format with a '%' that begins no verb")
            parts.append(Scalar(at=call.at, value="%"))
            continue
        number = int(match["early"] or match["late"] or following + 1)
        if not 0 < number <= len(arguments):
            raise InvalidCall("is given a format for more arguments than there are")
        following, highest = number, max(highest, number)
        precision = match["precision"]
        verb = _Verb(
            match[0], match["flags"], int(match["width"] or 0),
            None if precision is None else int(precision or 0), match["verb"],
        )  # fmt: skip
        if verb.width > MAX_TEXT or (verb.precision or 0) > 10_000:
            raise UnknownResult("so wide a format is not looked at")
        parts.append(_printed(call, verb, arguments[number - 1]))
    if highest < len(arguments):
        raise InvalidCall("is given more arguments than its format prints")
    return call.evaluator.joined(parts, call.at)


def _printed(call: Call, verb: _Verb, argument: Result) -> Result:
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


def _text(call: Call, verb: _Verb, argument: Result) -> str:
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
        raise InvalidCall("is given null for a verb that prints none")
    if name in ("s", "q"):
        text = str(plain_of(primitive(argument, "string", call.at)))
        if verb.precision is not None:
            text = "".join(clusters(text)[: verb.precision])
        return json_text(Scalar(at=call.at, value=text)) if name == "q" else text
    if name == "t":
        return text_of(plain_of(primitive(argument, "bool", call.at)))
    if name not in _INTEGERS and name not in _FLOATS:
        raise InvalidCall("is given a format with a verb that there is not")
    number = plain_of(primitive(argument, "number", call.at))
    text = _whole(number, name) if name in _INTEGERS else _float(number, verb)
    if "#" in verb.flags and name in _PREFIXES:
        text = text.replace(text.lstrip("-"), _PREFIXES[name] + text.lstrip("-"))
    plus = "+" if "+" in verb.flags else " " if " " in verb.flags else ""
    return text if text.startswith("-") else plus + text


def _whole(number: float, name: str) -> str:
    if not isinstance(number, int):
        raise InvalidCall("is given a fraction where it needs a whole number")
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
    """``%g``: as short as it can be, with an exponent from six digits on."""
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


def _format_list(call: Call, arguments: list[Result]) -> Result:
    """One text for each item of the lists among its arguments."""
    form, *given = arguments
    if isinstance(form, Absent):
        raise InvalidCall("is given null")
    lists = {number: ordered(call, item) for number, item in enumerate(given) if isinstance(item, Items)}
    doubt = next((item for item in (*given, *lists.values()) if isinstance(item, Unknown)), None)
    known = {number: each for number, each in lists.items() if isinstance(each, Items)}
    if doubt is not None and (not known or not doubt.is_set):
        # It may be a list, or a text.
        return call.unknown(doubt)
    lengths = {len(each.items) for each in known.values()}
    if len(lengths) > 1:
        raise InvalidCall("is given lists of different lengths")
    form = primitive(form, "string", call.at)
    if not isinstance(form, Scalar):
        return call.unknown(doubt_in("a format is not known", call.at, form))
    number = lengths.pop() if lengths else 1
    fits(number)
    call.evaluator.spend(number * (len(given) + 1 + len(str(form.value)) // 50))
    rows = [
        [known[place].items[row] if place in known else item for place, item in enumerate(given)]
        for row in range(number)
    ]
    return Items(
        at=call.at, items=[_formatted(call, str(form.value), form.sensitive, row) for row in rows], kind="list"
    )


FUNCTIONS: tuple[Function, ...] = (
    Parts("format", 1, ANY, _format, nulls=True),
    Parts("formatlist", 1, ANY, _format_list, nulls=True),
)
