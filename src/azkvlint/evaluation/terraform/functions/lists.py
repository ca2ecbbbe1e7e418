"""Lists."""

from __future__ import annotations

from azkvlint.evaluation.terraform.equality import same
from azkvlint.evaluation.terraform.functions.collections import is_text, items_kind
from azkvlint.evaluation.terraform.functions.numbers import whole
from azkvlint.evaluation.terraform.functions.shapes import listed, ordered
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Data, Function, InvalidCall, Parts, UnknownResult
from azkvlint.evaluation.terraform.indexing import item_of
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.terraform.set_order import keeps_order, unified
from azkvlint.evaluation.values import MAX_ITEMS, VALUES_A_STEP, Items, Result, doubt_in, size, unknown_in
from azkvlint.model.value import Absent, Scalar, Unknown

_MOST_COMPARED = 1_000


def fits(number: int) -> None:
    """Refuse to make a list of more items than anybody needs."""
    if number > MAX_ITEMS:
        raise UnknownResult(f"a list of more than {MAX_ITEMS:,} items is not looked at")


def _number(call: Call, argument: Result) -> int | Unknown:
    """An argument that has to be a whole number."""
    found = primitive(argument, "number", call.at)
    if isinstance(found, Scalar):
        return whole(found.value)  # type: ignore[arg-type]  # primitive() made it one
    return doubt_in("an index is not known", call.at, found)


def _concat(call: Call, arguments: list[Result]) -> Result:
    lists: list[Items] = []
    doubt: Unknown | None = None
    for argument in arguments:
        found = listed(call, argument)
        if isinstance(found, Unknown):
            doubt = doubt if doubt is not None else found
        elif found.kind == "set":
            raise InvalidCall("is given a set")
        else:
            lists.append(found)
    if doubt is not None:
        return call.passed(arguments, doubt)
    fits(sum(len(each.items) for each in lists))
    items = [item for each in lists for item in each.items]
    kind = items_kind(lists)
    return Items(at=call.at, items=unified(items, call.at) if kind else items, kind=kind)


def _flatten(call: Call, arguments: list[Result]) -> Result:
    """The items of the lists in a list, and of those in them."""
    given = listed(call, arguments[0])
    if isinstance(given, Unknown):
        return call.passed([given], given)
    call.evaluator.weigh(given)
    items: list[Result] = []
    left: list[Result] = [given]
    doubt: Unknown | None = None
    while left:
        item = left.pop()
        if isinstance(item, Items):
            call.evaluator.spend(1)
            fits(len(left) + len(items) + len(item.items))
            if item.kind == "set" and not keeps_order(item):
                doubt = doubt_in("the order of a set is not known", call.at, item)
            left.extend(reversed(item.items))
            continue
        items.append(item)
        if isinstance(item, Unknown) and not is_text(item):
            # It may be a list itself.
            doubt = item
    if doubt is not None:
        return call.passed(items, doubt)
    return Items(at=call.at, items=items)


def _distinct(call: Call, arguments: list[Result]) -> Result:
    found = ordered(call, arguments[0])
    if isinstance(found, Unknown):
        return call.passed([found], found)
    items = unified(found.items, call.at)
    kept: list[Result] = []
    seen: set[tuple[type, object]] = set()
    others: list[Result] = []
    for item in items:
        if isinstance(item, Scalar):
            key = (type(item.value), item.value)
            if key in seen:
                continue
            seen.add(key)
        else:
            if len(others) > _MOST_COMPARED:
                raise UnknownResult("so many items are not compared with each other")
            call.evaluator.spend(len(others) * (1 + size(item) // VALUES_A_STEP))
            if any(same(item, other) is True for other in others):
                continue
            others.append(item)
        kept.append(item)
    doubt = unknown_in(Items(at=call.at, items=others))
    if doubt is not None and len(kept) > 1:
        return call.passed(kept, doubt)
    return Items(at=call.at, items=kept, kind="list")


def _element(call: Call, arguments: list[Result]) -> Result:
    """The item at an index, which goes on with the first after the last."""
    found, number = ordered(call, arguments[0]), _number(call, arguments[1])
    if isinstance(found, Unknown):
        return call.passed([found], found)
    if not found.items or found.kind == "set":
        raise InvalidCall("is given an empty list, or a set")
    items = Items(at=found.at, items=found.items)
    if isinstance(number, Unknown):
        return item_of(items, number, call.at, call.terraform.watch)
    return found.items[number % len(found.items)]


def _one(call: Call, arguments: list[Result]) -> Result:
    found = listed(call, arguments[0])
    if isinstance(found, Unknown):
        call.terraform.watch.risks += 1
        return call.passed([found], found)
    if len(found.items) > 1:
        if found.kind == "set" and not keeps_order(found):
            return call.passed([found], doubt_in("how many items a set has is not known", call.at, found))
        raise InvalidCall("is given a list of more than one item")
    return found.items[0] if found.items else Absent(at=call.at)


def _reverse(call: Call, arguments: list[Result]) -> Result:
    found = ordered(call, arguments[0])
    if isinstance(found, Unknown):
        return call.passed([found], found)
    return Items(at=call.at, items=found.items[::-1], kind="list" if found.kind else "")


def _slice(call: Call, arguments: list[Result]) -> Result:
    found = ordered(call, arguments[0])
    start, end = _number(call, arguments[1]), _number(call, arguments[2])
    if isinstance(found, Items) and found.kind == "set":
        raise InvalidCall("is given a set")
    if isinstance(found, Unknown):
        return call.passed([found], found)
    if isinstance(start, Unknown) or isinstance(end, Unknown):
        return call.passed([found], start if isinstance(start, Unknown) else end)  # type: ignore[arg-type]  # one is Unknown
    if not 0 <= start <= end <= len(found.items):
        raise InvalidCall("is asked for items that the list does not have")
    return Items(at=call.at, items=found.items[start:end], kind=found.kind)


def _chunks(call: Call, arguments: list[Result]) -> Result:
    found, size = ordered(call, arguments[0]), _number(call, arguments[1])
    if isinstance(found, Unknown):
        return call.passed([found], found)
    if isinstance(size, Unknown):
        return call.passed([found], size)
    if size < 0:
        raise InvalidCall("is asked for lists of fewer than no items")
    items = unified(found.items, call.at)
    step = size or max(len(items), 1)
    parts = [items[start : start + step] for start in range(0, len(items), step)]
    return Items(at=call.at, items=[Items(at=call.at, items=part, kind="list") for part in parts], kind="list")


def _compact(call: Call, arguments: list[Result]) -> Result:
    """The texts of a list that are neither empty nor null."""
    found = ordered(call, arguments[0])
    if isinstance(found, Unknown):
        return call.passed([found], found)
    kept: list[Result] = []
    doubt: Unknown | None = None
    for given in found.items:
        item = primitive(given, "string", call.at)
        if isinstance(item, Absent) or (isinstance(item, Scalar) and item.value == ""):
            continue
        if not isinstance(item, Scalar) and not (isinstance(item, Unknown) and is_text(item)):
            doubt = doubt_in("an item of a list is not known", call.at, item)
        kept.append(item)
    return Items(at=call.at, items=kept, kind="list") if doubt is None else call.passed(kept, doubt)


def _coalesce_list(call: Call, arguments: list[Result]) -> Result:
    """The first list that is not empty."""
    some: list[Result] = []
    for argument in arguments:
        found = listed(call, argument)
        if isinstance(found, Items):
            if not found.items:
                continue
            if not some:
                return found
            return call.passed([*some, found], doubt_in("a list is not known", call.at, *some))
        some.append(found)
    if not some:
        raise InvalidCall("is given no list that is not empty")
    return call.passed(some, doubt_in("a list is not known", call.at, *some))


def _sort(call: Call, arguments: list[Result]) -> Result:
    found = listed(call, arguments[0])
    if isinstance(found, Unknown):
        return call.passed([found], found)
    items = [primitive(item, "string", call.at) for item in found.items]
    if any(isinstance(item, Absent) for item in items):
        raise InvalidCall("is given a list with null in it")
    doubt = unknown_in(Items(at=call.at, items=items))
    if doubt is not None and len(items) > 1:
        return call.passed(items, doubt)
    call.evaluator.spend(len(items) // 10)
    return Items(at=call.at, items=sorted(items, key=_text) if doubt is None else items, kind="list")


def _text(item: Result) -> str:
    return item.value if isinstance(item, Scalar) and isinstance(item.value, str) else ""


def _match_keys(call: Call, arguments: list[Result]) -> Result:
    """The values whose keys, at the same place in another list, are wanted."""
    lists = [ordered(call, argument) for argument in arguments]
    values, keys, wanted = lists
    if isinstance(values, Unknown) or isinstance(keys, Unknown) or isinstance(wanted, Unknown):
        return call.passed([lists[0]], doubt_in("a list is not known", call.at, *lists))
    if len(values.items) != len(keys.items):
        raise InvalidCall("is given as many keys as it is not given values")
    if values.items and not wanted.items:
        return Items(at=call.at, items=[], kind="list")
    call.evaluator.spend(len(keys.items) * len(wanted.items) // 10)
    pool = unified([*keys.items, *wanted.items], call.at)
    own, searched = pool[: len(keys.items)], pool[len(keys.items) :]
    kept: list[Result] = []
    for value, key in zip(unified(values.items, call.at), own, strict=True):
        verdicts = [same(key, other) for other in searched]
        if True in verdicts:
            kept.append(value)
        elif None in verdicts:
            return call.passed([values], doubt_in("a key is not known", call.at, keys, wanted))
    return Items(at=call.at, items=kept, kind="list")


def _old_list(call: Call, arguments: list[Result]) -> Result:
    return Items(at=call.at, items=unified(arguments, call.at), kind="list")


def _transposed(given: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if not isinstance(given, dict):
        raise InvalidCall("is given something that is no map of lists")
    for key in sorted(given):
        if not isinstance(given[key], list):
            raise InvalidCall("is given something that is no map of lists")
        for item in given[key]:
            if not isinstance(item, str):
                raise UnknownResult("a list of anything but texts is not looked at")
            found.setdefault(item, []).append(key)
    return {key: sorted(set(found[key])) for key in sorted(found)}


FUNCTIONS: tuple[Function, ...] = (
    Parts("concat", 1, ANY, _concat),
    Parts("flatten", 1, 1, _flatten),
    Parts("distinct", 1, 1, _distinct),
    Parts("element", 2, 2, _element),
    Parts("one", 1, 1, _one),
    Parts("reverse", 1, 1, _reverse),
    Parts("slice", 3, 3, _slice),
    Parts("chunklist", 2, 2, _chunks),
    Parts("compact", 1, 1, _compact),
    Parts("coalescelist", 1, ANY, _coalesce_list),
    Parts("sort", 1, 1, _sort),
    Parts("matchkeys", 3, 3, _match_keys),
    Parts("list", 0, ANY, _old_list, nulls=True),
    Data("transpose", 1, 1, _transposed, kind="map"),
)
