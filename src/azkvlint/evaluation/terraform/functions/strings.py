"""Texts. What is known of an unknown text stays so, where that can be."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.evaluation.functions.patterns import is_known, prefix, split, suffix
from azkvlint.evaluation.terraform.alternatives import gathered
from azkvlint.evaluation.terraform.functions.formats import FUNCTIONS as FORMATS
from azkvlint.evaluation.terraform.functions.graphemes import clusters
from azkvlint.evaluation.terraform.functions.numbers import whole
from azkvlint.evaluation.terraform.functions.shapes import ordered
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Data, Function, InvalidCall, Parts, UnknownResult
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.values import MAX_ITEMS, MAX_TEXT, Items, Result, hole, pieces
from azkvlint.model.value import Absent, Scalar, Unknown

# The only letter that becomes two in Python.
_LOWER = {"\u0130": "i"}
_SPACE = "".join(
    map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
)


def fits(length: int) -> None:
    """Refuse to make a longer text than anybody needs."""
    if length > MAX_TEXT:
        raise UnknownResult(f"a text of more than {MAX_TEXT:,} characters is not looked at")


def _chomp(text: str) -> str:
    return text.rstrip("\r\n")


def _indent(spaces: float, text: str) -> str:
    number = whole(spaces)
    if number < 0:
        raise InvalidCall("is asked for fewer than no spaces")
    fits(len(text) + number * text.count("\n"))
    return text.replace("\n", "\n" + " " * number)


def _cased(name: str, change: Callable[[str], str]) -> Function:
    def run(call: Call, arguments: list[Result]) -> Result:
        value = primitive(arguments[0], "string", call.at)
        if isinstance(value, Scalar):
            text = str(value.value)
            call.evaluator.spend(len(text) // 200)
            return call.text(change(text), value)
        if not isinstance(value, Unknown) or not value.pattern:
            return call.doubt("a text is not known", value)
        parts = [hole(f"{name}({part})") if open_ else change(part) for part, open_ in pieces(value.pattern)]
        return Unknown(at=call.at, why=value.why, pattern="".join(parts), given=True, sensitive=value.sensitive)

    return Parts(name, 1, 1, run)


def _upper(text: str) -> str:
    """Letter by letter, as Go does it."""
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
    letters, start, number = clusters(text), whole(offset), whole(length)
    start = max(start + len(letters), 0) if start < 0 else start
    return "".join(letters[start:] if number < 0 else letters[start : start + number])


def _holds(text: str, part: str) -> bool:
    return part in text


def _join(call: Call, arguments: list[Result]) -> Result:
    """The items of lists in one text. That of a single item is the item."""
    separator = primitive(arguments[0], "string", call.at)
    parts: list[Result] = []
    for argument in arguments[1:]:
        found = ordered(call, argument)
        if isinstance(found, Unknown):
            whole_ = call.unknown(found)
            if separator == Scalar(at=separator.at, value=""):
                # The way to say "its id, or an empty text" that is older than one().
                return gathered([found, Scalar(at=call.at, value="")], whole_, whole_.pattern, given=True)
            return whole_
        parts.extend(found.items)
    if any(isinstance(part, Absent) for part in parts):
        raise InvalidCall("is given a list with null in it")
    if len(parts) == 1 and isinstance(separator, Scalar) and isinstance(parts[0], Unknown):
        return parts[0]
    between = [] if isinstance(separator, Scalar) and separator.value == "" else [separator]
    mixed = [each for part in parts for each in (*between, part)][len(between) :]
    return call.evaluator.joined(mixed, call.at)


def _split(call: Call, arguments: list[Result]) -> Result:
    """The parts of a text, which can be known although parts of it are not."""
    by, whole_ = (primitive(argument, "string", call.at) for argument in arguments)
    if isinstance(whole_, Unknown) and isinstance(by, Scalar) and by.value:
        found = split(whole_.pattern, str(by.value))
        if found is not None:
            return Items(at=call.at, items=[_piece(call, whole_, part) for part in found], kind="list")
    result: Result = _SPLIT.answer(call)
    return result


def _piece(call: Call, whole_: Unknown, pattern: str) -> Result:
    if is_known(pattern):
        return Scalar(at=call.at, value=pattern, sensitive=whole_.sensitive)
    return Unknown(at=call.at, why=whole_.why, pattern=pattern, given=True, sensitive=whole_.sensitive)


def _parts(by: str, text: str) -> list[str]:
    if not by:
        found = list(text)
    else:
        if text.count(by) > MAX_ITEMS:
            raise UnknownResult(f"a list of more than {MAX_ITEMS:,} items is not looked at")
        found = text.split(by)
    if len(found) > MAX_ITEMS:
        raise UnknownResult(f"a list of more than {MAX_ITEMS:,} items is not looked at")
    return found


def _edge(name: str, known: Callable[[str], str], test: Callable[[str, str], bool]) -> Function:
    """Whether a text begins or ends with another; ``known`` is what is known of that edge of it."""

    def run(call: Call, arguments: list[Result]) -> Result:
        text, part = (primitive(argument, "string", call.at) for argument in arguments)
        if isinstance(part, Scalar) and isinstance(text, Scalar):
            found = test(str(text.value), str(part.value))
            return Scalar(at=call.at, value=found, sensitive=text.sensitive or part.sensitive)
        if isinstance(part, Scalar) and isinstance(text, Unknown):
            sure, wanted = known(text.pattern), str(part.value)
            if len(sure) >= len(wanted):
                return Scalar(at=call.at, value=test(sure, wanted))
            if sure and not test(wanted, sure):
                return Scalar(at=call.at, value=False)
        return call.doubt("a text is not known", text, part)

    return Parts(name, 2, 2, run)


_TEXT, _TEXTS = ("string",), ("string", "string")
_SPLIT = Data("split", 2, 2, _parts, kinds=_TEXTS, kind="list")
FUNCTIONS: tuple[Function, ...] = (
    *FORMATS,
    Data("chomp", 1, 1, _chomp, kinds=_TEXT),
    Data("indent", 2, 2, _indent, kinds=("number", "string")),
    _cased("lower", _lower),
    _cased("upper", _upper),
    Data("title", 1, 1, _title, kinds=_TEXT),
    Data("trim", 2, 2, _trim, kinds=_TEXTS),
    Data("trimspace", 1, 1, _trim_space, kinds=_TEXT),
    Data("trimprefix", 2, 2, str.removeprefix, kinds=_TEXTS),
    Data("trimsuffix", 2, 2, str.removesuffix, kinds=_TEXTS),
    Data("strrev", 1, 1, _reversed, kinds=_TEXT),
    Data("substr", 3, 3, _part, kinds=("string", "number", "number")),
    Data("strcontains", 2, 2, _holds, kinds=_TEXTS),
    Parts("join", 2, ANY, _join),
    Parts("split", 2, 2, _split),
    _edge("startswith", prefix, str.startswith),
    _edge("endswith", suffix, str.endswith),
)
