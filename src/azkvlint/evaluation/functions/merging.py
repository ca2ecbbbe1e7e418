"""``union``, ``intersection`` and ``shallowMerge``."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.evaluation.compare import either, same
from azkvlint.evaluation.functions.table import ANY, Context, Function, Parts, opaque
from azkvlint.evaluation.functions.text import fits
from azkvlint.evaluation.values import MAX_ITEMS, Fields, Items, Partly, Result, doubt_in, field, first, perhaps
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

_MISFIT = "was given something else than arrays only or objects only"
# So many comparisons of items are one step.
_COMPARED = 4


def _union(context: Context, arguments: list[Result]) -> Result:
    """All items of arrays, each once; or objects merged, those within them too. A later value replaces an earlier."""
    given = [argument for argument in arguments if not isinstance(argument, Absent)]
    known = [argument for argument in given if opaque(argument) is None]
    if all(isinstance(argument, Items) for argument in known) and any(isinstance(one, Items | Partly) for one in given):
        items = _distinct(context, [argument for argument in given if isinstance(argument, Items | Partly)])
        return Items(at=context.at, items=items) if len(known) == len(given) else context.partly(items, given)
    if known and all(isinstance(argument, Fields) for argument in known):
        return merged(context, given, deep=True)
    return context.fails(_MISFIT, *arguments)


def _distinct(context: Context, arrays: Sequence[Items | Partly]) -> list[Result]:
    fits(sum(len(array.items) for array in arrays), MAX_ITEMS)
    kept: list[Result] = []
    seen: set[tuple[type, object]] = set()
    for array in arrays:
        for item in array.items:
            if isinstance(item, Scalar):
                key = (type(item.value), item.value)
                if key in seen:
                    continue
                seen.add(key)
            else:
                context.evaluator.spend(len(kept) // _COMPARED)
                # Two items that may be the same are both kept: what the array holds is the same either way.
                if any(type(other) is type(item) and same(other, item) for other in kept):
                    continue
            kept.append(item)
    return kept


def merged(context: Context, objects: Sequence[Result], deep: bool) -> Fields:
    """Objects merged into one, each either Fields or unknown as a whole."""
    found = Fields(at=context.at, fields={})
    for value in objects:
        context.evaluator.spend(1 + len(found.fields) // 10)
        if isinstance(value, Fields):
            found = _merge(found, value, deep, context.at)
        else:
            rest = doubt_in("something that is no object is merged with one", context.at, value)
            found = Fields(at=context.at, fields={}, rest=rest)
    return found


def _merge(left: Fields, right: Fields, deep: bool, at: Location) -> Fields:
    """``left`` with what ``right`` has laid over it."""
    fields = dict(left.fields) if right.rest is None else {}
    names = {name.lower(): name for name in left.fields}
    for name, over in right.fields.items():
        key = names.setdefault(name.lower(), name)
        under = first(left.fields.get(key), left.rest)
        fields[key] = over if under is None else _over(under, over, deep, at)
    return Fields(at=at, fields=fields, rest=right.rest if right.rest is not None else left.rest)


def _over(under: Result, over: Result, deep: bool, at: Location) -> Result:
    if isinstance(over, Fields) and deep:
        if isinstance(under, Fields):
            return _merge(under, over, deep, over.at)
        if isinstance(under, Unknown):
            return _merge(Fields(at=at, fields={}, rest=under), over, deep, over.at)
    if isinstance(over, Absent) and deep:
        return either(
            under, over, Unknown(at=over.at, why="whether null replaces a value in a union is not documented")
        )
    if perhaps(over) is not None and perhaps(under) is None and isinstance(over, Unknown):
        return Unknown(at=over.at, why=over.why, pattern=over.pattern, sensitive=over.sensitive)
    return over


def _shallow_merge(context: Context, arguments: list[Result]) -> Result:
    """The objects in an array merged into one, those within them not."""
    if not isinstance(arguments[0], Items):
        return context.fails("was given something that is no array of objects", *arguments)
    given = [item for item in arguments[0].items if not isinstance(item, Absent)]
    if any(opaque(item) is None and not isinstance(item, Fields) for item in given):
        return context.fails("was given something that is no array of objects")
    return merged(context, given, deep=False)


def _intersection(context: Context, arguments: list[Result]) -> Result:
    """The items that all arrays have, each once; or the fields that all objects have, with the same value."""
    head, *others = arguments
    if isinstance(head, Items) and all(isinstance(other, Items) for other in others):
        return _common_items(context, head, [other for other in others if isinstance(other, Items)])
    if isinstance(head, Fields) and all(isinstance(other, Fields) for other in others):
        return _common_fields(context, head, [other for other in others if isinstance(other, Fields)])
    return context.fails(_MISFIT, *arguments)


def _common_items(context: Context, head: Items, others: Sequence[Items]) -> Result:
    kept: list[Result] = []
    for item in head.items:
        context.evaluator.spend((len(kept) + sum(len(other.items) for other in others)) // _COMPARED)
        verdicts = [_holds(other, item) for other in others]
        if False in verdicts:
            continue
        if None in verdicts:
            return context.doubt("whether all arrays hold an item is not known", head, *others)
        if not any(same(item, other) for other in kept):
            kept.append(item)
    return Items(at=context.at, items=kept)


def _holds(array: Items, item: Result) -> bool | None:
    found = [same(item, other) for other in array.items]
    return True if True in found else None if None in found else False


def _common_fields(context: Context, head: Fields, others: Sequence[Fields]) -> Result:
    if head.rest is not None or any(other.rest is not None for other in others):
        return context.doubt("what fields an object has is not known", head, *others)
    kept: dict[str, Result] = {}
    for name, value in head.fields.items():
        found = [field(other, name) for other in others]
        verdicts = [False if other is None else same(value, other) for other in found]
        if False in verdicts:
            continue
        if None in verdicts:
            return context.doubt("whether all objects have the same value is not known", head, *others)
        kept[name] = value
    return Fields(at=context.at, fields=kept)


FUNCTIONS: tuple[Function, ...] = (
    Parts("union", 1, ANY, _union),
    Parts("intersection", 2, ANY, _intersection),
    Parts("shallowMerge", 1, 1, _shallow_merge),
)
