"""Arrays, and what arrays, objects and texts have in common."""

from __future__ import annotations

import re

from azkvlint.evaluation.compare import may_have, same
from azkvlint.evaluation.functions.numbers import number
from azkvlint.evaluation.functions.patterns import end, is_known, prefix, split
from azkvlint.evaluation.functions.table import ANY, Context, Data, Function, InvalidCall, Lazy, Parts, answer, opaque
from azkvlint.evaluation.functions.text import fits, items_in, text
from azkvlint.evaluation.values import MAX_ITEMS, Fields, Items, Partly, Result, field, perhaps, pieces, text_of, unsure
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

_MISFIT = "was given something that is no array, object or text"
_LARGEST = 2_147_483_647
_MOST_DELIMITERS = 20


def _units(value: str) -> int:
    """The length of a text as .NET counts it: in units of UTF-16."""
    return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2


def _length(context: Context, arguments: list[Result]) -> Result:
    match arguments[0]:
        case Items(items=items):
            found = len(items)
        case Scalar(value=str() as value):
            found = _units(value)
        case Fields(fields=fields) as value:
            doubt = unsure(value)
            if doubt is not None:
                return context.unknown(doubt)
            found = len(fields)
        case _:
            return context.fails(_MISFIT, *arguments)
    return Scalar(at=context.at, value=found)


def _empty(context: Context, arguments: list[Result]) -> Result:
    """Whether there is nothing in it; null is empty."""
    match arguments[0]:
        case Absent():
            return context.true(True)
        case Items(items=items):
            return context.true(not items)
        case Scalar(value=str() as value):
            return context.true(not value)
        case Fields(fields=fields) as value:
            doubt = unsure(value)
            if doubt is None or any(perhaps(item) is None for item in fields.values()):
                return context.true(not fields)
            return context.unknown(doubt)
        case Partly():
            return context.true(False)
        case Unknown(pattern=pattern) if any(not open_ for _, open_ in pieces(pattern)):
            return context.true(False)
        case _:
            return context.fails(_MISFIT, *arguments)


def _first(context: Context) -> Result:
    return _end(context, last=False)


def _last(context: Context) -> Result:
    return _end(context, last=True)


def _end(context: Context, last: bool) -> Result:
    """The first or last item or character; null of an empty array."""
    found = _end_of_split(context, last)
    if found is not None:
        return found
    arguments = context.arguments()
    match arguments[0]:
        case Items(items=items):
            return items[-1 if last else 0] if items else Absent(at=context.at)
        case Scalar(value=str() as value, sensitive=sensitive):
            return Scalar(at=context.at, value=value[-1:] if last else value[:1], sensitive=sensitive)
        case _:
            return context.fails("was given something that is no array and no text", *arguments)


def _end_of_split(context: Context, last: bool) -> Result | None:
    """``last(split(id, '/'))``, which can be known although parts of the id, and even their number, are not."""
    node = context.node.arguments[0]
    if not isinstance(node, ast.Call) or node.name.lower() != "split" or len(node.arguments) != 2:
        return None
    inner = Context("split", node, context.local, context.evaluator)
    whole, by = inner.arguments()
    if isinstance(whole, Unknown) and isinstance(by, Scalar) and isinstance(by.value, str) and by.value:
        found = end(whole.pattern, by.value, last)
        if found is not None:
            return _piece(context, whole, found)
    context.given = [answer(_SPLIT_PARTS, inner)]
    return None


def _piece(context: Context, whole: Unknown, pattern: str) -> Result:
    if is_known(pattern):
        return Scalar(at=context.at, value=pattern, sensitive=whole.sensitive)
    return Unknown(at=context.at, why=whole.why, pattern=pattern, sensitive=whole.sensitive)


def _split(context: Context, arguments: list[Result]) -> Result:
    """The parts of a text between one or several delimiters."""
    whole, by = arguments
    if isinstance(whole, Unknown) and isinstance(by, Scalar) and isinstance(by.value, str) and by.value:
        found = split(whole.pattern, by.value)
        if found is not None:
            return Items(at=context.at, items=[_piece(context, whole, part) for part in found])
    return _SPLIT.answer(context)


def _split_text(whole: object, by: object) -> list[str]:
    whole = text(whole)
    delimiters = [text(item) for item in (by if isinstance(by, list) else [by])]
    if not 0 < len(delimiters) <= _MOST_DELIMITERS or not all(delimiters):
        raise InvalidCall("was given no delimiter, or too many")
    fits(sum(whole.count(delimiter) for delimiter in delimiters), MAX_ITEMS)
    return re.split("|".join(map(re.escape, delimiters)), whole)


def _take(context: Context, arguments: list[Result]) -> Result:
    """The first items or characters; none for a negative number."""
    value, count = arguments
    if isinstance(count, Scalar):
        most = max(number(count.value), 0)
        match value:
            case Items(items=items):
                return Items(at=context.at, items=items[:most])
            case Scalar(value=str() as whole, sensitive=sensitive):
                return Scalar(at=context.at, value=whole[:most], sensitive=sensitive)
            case Unknown(pattern=pattern) if 0 < most <= len(known := prefix(pattern)):
                return Scalar(at=context.at, value=known[:most], sensitive=value.sensitive)
            case _:
                pass
    return context.fails("was given something that is no array and no text", *arguments)


def _skip(context: Context, arguments: list[Result]) -> Result:
    """What comes after the first items or characters; everything for a negative number."""
    value, count = arguments
    if isinstance(count, Scalar):
        start = max(number(count.value), 0)
        match value:
            case Items(items=items):
                return Items(at=context.at, items=items[start:])
            case Scalar(value=str() as whole, sensitive=sensitive):
                return Scalar(at=context.at, value=whole[start:], sensitive=sensitive)
            case _:
                pass
    return context.fails("was given something that is no array and no text", *arguments)


def _contains(context: Context, arguments: list[Result]) -> Result:
    """Whether a text has a part (case matters), an array an item, or an object a field (case does not matter)."""
    whole, wanted = arguments
    match whole, wanted:
        case Items(items=items), _:
            context.evaluator.spend(len(items) // 10)
            found = [same(item, wanted) for item in items]
            if True in found or None not in found:
                return context.true(True in found)
            return context.doubt("whether an array holds an item is not known", *arguments)
        case Scalar(value=str() as value), Scalar():
            return context.true(text_of(wanted.value) in value)
        case Unknown(pattern=pattern), Scalar() if any(
            not open_ and text_of(wanted.value) in part for part, open_ in pieces(pattern)
        ):
            return context.true(True)
        case Fields(rest=rest), Scalar():
            there = field(whole, text_of(wanted.value))
            doubt = rest if there is None else perhaps(there)
            return context.true(there is not None) if doubt is None else context.unknown(doubt)
        case Fields(), Unknown() if not may_have(whole, wanted):
            return context.true(False)
        case _:
            return context.fails(_MISFIT, *arguments)


def _index(context: Context, array: Items, wanted: Result, last: bool) -> tuple[int, Unknown | None]:
    """Where an item is in an array, -1 if it is nowhere; and what makes that unknown."""
    context.evaluator.spend(len(array.items) // 10)
    numbers = range(len(array.items))
    for at in reversed(numbers) if last else numbers:
        found = same(array.items[at], wanted)
        if found:
            return at, None
        if found is None:
            return at, context.doubt("whether an array holds an item is not known", array.items[at], wanted)
    return -1, None


def _index_of(context: Context, arguments: list[Result]) -> Result:
    return _position(context, arguments, last=False)


def _last_index_of(context: Context, arguments: list[Result]) -> Result:
    return _position(context, arguments, last=True)


def _position(context: Context, arguments: list[Result], last: bool) -> Result:
    """Where a part is in a text (in any case) or an item in an array; -1 if it is nowhere."""
    whole, wanted = arguments
    if isinstance(whole, Items):
        at, doubt = _index(context, whole, wanted, last)
        return Scalar(at=context.at, value=at) if doubt is None else context.unknown(doubt)
    if not isinstance(whole, Scalar) or not isinstance(wanted, Scalar):
        return context.fails("was given something that is no array and no text", *arguments)
    lower, part = text(whole.value).lower(), text(wanted.value).lower()
    if len(lower) != len(text(whole.value)):
        return context.doubt("letters that change their number with their case are not looked at")
    return Scalar(at=context.at, value=lower.rfind(part) if last else lower.find(part))


def _create_array(context: Context, arguments: list[Result]) -> Result:
    return Items(at=context.at, items=arguments)


def _array(context: Context, arguments: list[Result]) -> Result:
    """The value as an array of one, unless it is an array."""
    value = arguments[0]
    if isinstance(value, Items):
        return value
    if isinstance(value, Scalar | Fields):
        return Items(at=context.at, items=[value])
    return context.fails("was given null", value)


def _flatten(context: Context, arguments: list[Result]) -> Result:
    """The items of the arrays in an array, one level down."""
    if not isinstance(arguments[0], Items | Partly):
        return context.fails("was given something that is no array of arrays", *arguments)
    arrays = arguments[0].items
    if any(opaque(array) is None and not isinstance(array, Items) for array in arrays):
        return context.fails("was given something that is no array of arrays", *arguments)
    items = items_in(arrays)
    if isinstance(arguments[0], Items) and all(isinstance(array, Items) for array in arrays):
        return Items(at=context.at, items=items)
    return context.partly(items, [*arguments, *arrays])


def _range(start: object, count: object) -> list[int]:
    start, count = number(start), number(count)
    if not 0 <= count <= MAX_ITEMS or start + count > _LARGEST:
        raise InvalidCall("was asked for fewer than 0 or more than 10,000 items")
    return list(range(start, start + count))


_SPLIT = Data("split", 2, 2, _split_text)
_SPLIT_PARTS = Parts("split", 2, 2, _split)
FUNCTIONS: tuple[Function, ...] = (
    Parts("length", 1, 1, _length),
    Parts("empty", 1, 1, _empty),
    Lazy("first", 1, 1, _first),
    Lazy("last", 1, 1, _last),
    _SPLIT_PARTS,
    Parts("take", 2, 2, _take),
    Parts("skip", 2, 2, _skip),
    Parts("contains", 2, 2, _contains),
    Parts("indexOf", 2, 2, _index_of),
    Parts("lastIndexOf", 2, 2, _last_index_of),
    Parts("createArray", 0, ANY, _create_array, "arm"),
    Parts("array", 1, 1, _array),
    Parts("flatten", 1, 1, _flatten),
    Data("range", 2, 2, _range),
)
