"""Functions of lists, sets, maps and objects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import msgspec

from azkvlint.evaluation.budget import VALUES_A_STEP
from azkvlint.evaluation.known import count_of, decided_length, is_given, is_text, one_of, size_of
from azkvlint.evaluation.terraform.alternatives import (
    data_of,
    gather,
    item_of,
    keys_of,
    mark_optional,
    one_of_results,
    require_present,
    step_into,
    tag_pattern,
)
from azkvlint.evaluation.terraform.functions.numbers import whole_number
from azkvlint.evaluation.terraform.functions.strings import clusters
from azkvlint.evaluation.terraform.functions.table import (
    ANY,
    Function,
    InvalidCall,
    TerraformCallContext,
    TerraformDataFunction,
    TerraformResultFunction,
    UnknownResult,
    collection,
    limit_items,
    list_argument,
    map_argument,
    open_of,
    ordered_list,
)
from azkvlint.evaluation.terraform.operators import is_same, may_be, primitive, text_of
from azkvlint.evaluation.terraform.types import as_set, as_string, fit_type, has_one_type, keeps_order, unify
from azkvlint.evaluation.values import (
    HAS_FIELDS,
    Fields,
    Items,
    Partly,
    Result,
    as_optional,
    doubt_in,
    is_sensitive,
    mark_sensitive,
    name_of,
    size,
    unknown_in,
)
from azkvlint.model.pattern import hole
from azkvlint.model.value import Absent, Scalar, Unknown


def _keys(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = map_argument(call, arguments[0])
    doubt = found if isinstance(found, Unknown) else open_of(found)
    if doubt is not None or isinstance(found, Unknown):
        unknown = call.doubt("the keys of the map are unknown", doubt if doubt is not None else found)
        return msgspec.structs.replace(unknown, known=size_of(found))
    secret = found.hides_keys
    items: list[Result] = [Scalar(at=found.at, value=key, sensitive=secret) for key in sorted(found.fields)]
    return Items(at=call.at, items=items, kind="list" if found.kind else "")


def _values(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = map_argument(call, arguments[0])
    doubt = found if isinstance(found, Unknown) else open_of(found)
    if doubt is not None or isinstance(found, Unknown):
        return call.pass_through([found], doubt if doubt is not None else found, known=size_of(found))  # type: ignore[arg-type]  # one is Unknown
    items = [found.fields[key] for key in sorted(found.fields)]
    return Items(at=call.at, items=items, kind="list" if found.kind else "")


def _lookup(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the value of a key, or the third argument if there is no such key; sensitive if the key is."""
    if isinstance(arguments[1], Absent):
        raise InvalidCall("does not accept null")
    key = primitive(arguments[1], "string", call.at)
    found = _value_of(call, map_argument(call, arguments[0]), key, arguments[2:])
    return mark_sensitive(found) if isinstance(key, Scalar) and key.sensitive else found


def _value_of(call: TerraformCallContext, found: Fields | Unknown, key: Result, default: Sequence[Result]) -> Result:
    watch = call.terraform.watch
    if isinstance(found, Fields) and isinstance(key, Scalar):
        name = text_of(key.value)
        value = found.fields.get(name)
        if value is None and found.rest is None:
            if not default:
                raise InvalidCall("expects a key that is in the map")
            if found.kind == "map" and found.fields:
                return fit_type(default[0], next(iter(found.fields.values())), call.at)
            return default[0]
        if isinstance(value, Unknown) and value.is_optional:
            return _one_of([require_present(value, watch), *default], tag_pattern(value, "lookup:"), call)
        if value is not None:
            return value
    mark = f"lookup{keys_of(found)}:" if isinstance(found, Fields) and keys_of(found) else ""
    doubt = tag_pattern(doubt_in("the key is unknown", call.at, key, found), mark)
    if not default or isinstance(found, Unknown):
        return _one_of([item_of(found, key, call.at, watch), *default], doubt, call)
    values = [value for name, value in found.fields.items() if not isinstance(key, Unknown) or may_be(key, name)]
    options = [require_present(value, watch) if isinstance(value, Unknown) else value for value in values]
    if isinstance(key, Scalar):
        options = []
    if found.rest is not None:
        options.append(step_into(found.rest, f".{text_of(key.value)}" if isinstance(key, Scalar) else "", call.at))
    return _one_of([*options, *default], doubt, call)


def _one_of(results: Sequence[Result], doubt: Unknown, call: TerraformCallContext) -> Result:
    call.terraform.watch.weigh(results)
    return one_of_results(results, doubt, call.terraform.watch)


def _merge(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Merge maps and objects, the later ones over the earlier."""
    fields: dict[str, Result] = {}
    rest: Unknown | None = None
    kinds: set[str] = set()
    for argument in arguments:
        if isinstance(argument, Absent):
            continue
        found = map_argument(call, argument)
        call.evaluator.spend(1 + (len(fields) + (len(found.fields) if isinstance(found, Fields) else 0)) // 10)
        over = found if isinstance(found, Unknown) else found.rest
        if over is not None:
            for name, before in fields.items():
                if isinstance(found, Unknown) or name not in found.fields:
                    doubt = tag_pattern(over, f"merge {name!r}:")
                    either = _one_of([before, step_into(over, f".{name}", call.at)], doubt, call)
                    fields[name] = either if as_optional(before) is None else mark_optional(either, doubt)
            rest = over if rest is None else gather([rest, over], over)
        if isinstance(found, Fields):
            kinds.add(found.kind)
            for name, value in found.fields.items():
                loose = as_optional(value)
                under = fields.get(name)
                is_there = loose is None or (under is not None and as_optional(under) is None)
                if under is None and rest is not None:
                    under = step_into(rest, f".{name}", call.at)
                if loose is None or under is None:
                    fields[name] = value
                else:
                    doubt = tag_pattern(loose, "merge:")
                    either = _one_of([under, require_present(loose, call.terraform.watch)], doubt, call)
                    fields[name] = either if is_there else mark_optional(either, doubt)
    kind = "map" if kinds == {"map"} and has_one_type(list(fields.values())) else ""
    return Fields(at=call.at, fields=fields, rest=rest, kind=kind)


def _zipmap(call: TerraformCallContext, arguments: list[Result]) -> Result:
    keys, values = ordered_list(call, arguments[0]), ordered_list(call, arguments[1])
    if isinstance(keys, Unknown) or isinstance(values, Unknown):
        return call.pass_through([values], keys if isinstance(keys, Unknown) else values)  # type: ignore[arg-type]  # one is Unknown
    if len(keys.items) != len(values.items):
        raise InvalidCall("expects as many keys as values")
    fields: dict[str, Result] = {}
    rest: Unknown | None = None
    for key, value in zip(keys.items, values.items, strict=True):
        name = primitive(key, "string", call.at)
        if isinstance(name, Absent):
            raise InvalidCall("does not accept null in a list")
        doubt = name_of(name, call.at)
        if isinstance(doubt, str):
            fields[doubt] = value
            continue
        call.evaluator.spend(len(fields) // 10)
        for known, before in fields.items():
            if may_be(doubt, known):
                fields[known] = _one_of([before, value], tag_pattern(doubt, f"{known!r}="), call)
        rest = gather([value] if rest is None else [rest, value], doubt, known=HAS_FIELDS)
    return Fields(at=call.at, fields=fields, rest=rest, kind="map" if items_kind([values]) else "")


def _old_map(call: TerraformCallContext, arguments: list[Result]) -> Result:
    if len(arguments) % 2:
        raise InvalidCall("expects a value for each key")
    fields: dict[str, Result] = {}
    for key, value in zip(arguments[::2], arguments[1::2], strict=True):
        name = primitive(key, "string", call.at)
        if not isinstance(name, Scalar):
            return call.fails("expects keys that are strings", name)
        fields[text_of(name.value)] = value
    return Fields(at=call.at, fields=fields, kind="map")


def _sets(call: TerraformCallContext, arguments: list[Result]) -> list[Items] | Unknown:
    """Return all arguments as sets of one type."""
    lists = [list_argument(call, argument) for argument in arguments]
    known = [each for each in lists if isinstance(each, Items)]
    if len(known) < len(lists):
        return call.pass_through(arguments, doubt_in("the set is unknown", call.at, *lists))
    items = iter(unify([item for each in known for item in each.items], call.at))
    return [as_set([next(items) for _ in each.items], call.at) for each in known]


def _union(call: TerraformCallContext, arguments: list[Result]) -> Result:
    sets = _sets(call, arguments)
    if isinstance(sets, Unknown):
        return sets
    items = [item for each in sets for item in each.items]
    limit_items(len(items))
    return as_set(items, call.at)


def _intersection(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _kept(call, arguments, common=True)


def _subtract(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return _kept(call, arguments, common=False)


def _kept(call: TerraformCallContext, arguments: list[Result], common: bool) -> Result:
    """Return the items of the first set that all others have, or that none has."""
    sets = _sets(call, arguments)
    if isinstance(sets, Unknown):
        return sets
    head, *others = sets
    kept: list[Result] = []
    for item in head.items:
        call.evaluator.spend(1 + sum(len(other.items) for other in others) // 10)
        verdicts = [_holds(other, item) for other in others]
        if (not common) in verdicts:
            continue
        if None in verdicts:
            return call.pass_through([head], doubt_in("the items of the set are unknown", call.at, item, *others))
        kept.append(item)
    return as_set(kept, call.at)


def _holds(found: Items, item: Result) -> bool | None:
    verdicts = [is_same(item, other) for other in found.items]
    return True if True in verdicts else None if None in verdicts else False


def _product(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return all combinations of an item of each."""
    lists = [list_argument(call, argument) for argument in arguments]
    doubt = next((each for each in lists if isinstance(each, Unknown)), None)
    known = [each for each in lists if isinstance(each, Items)]
    if doubt is None:
        loose = [each for each in known if each.kind == "set" and not keeps_order(each)]
        doubt = unknown_in(loose[0]) if loose else None
    if doubt is not None:
        return call.pass_through(lists, doubt)
    number = 1
    for each in known:
        number *= len(each.items)
        limit_items(number)
    call.evaluator.spend(number * len(known) // 10)
    columns = [unify(each.items, call.at) for each in known]
    items: list[Result] = [Items(at=call.at, items=list(row)) for row in product(*columns)]
    if all(each.kind == "set" for each in known):
        return as_set(items, call.at)
    return Items(at=call.at, items=items, kind="list")


_MOST_COMPARED = 1_000


def _number(call: TerraformCallContext, argument: Result) -> int | Unknown:
    """Return an argument that has to be a whole number."""
    found = primitive(argument, "number", call.at)
    if isinstance(found, Scalar):
        return whole_number(found.value)  # type: ignore[arg-type]  # primitive() made it one
    return doubt_in("the index is unknown", call.at, found)


def _concat(call: TerraformCallContext, arguments: list[Result]) -> Result:
    lists: list[Items] = []
    doubt: Unknown | None = None
    for argument in arguments:
        found = list_argument(call, argument)
        if isinstance(found, Unknown):
            doubt = doubt if doubt is not None else found
        elif found.kind == "set":
            raise InvalidCall("does not accept a set")
        else:
            lists.append(found)
    if doubt is not None:
        return call.pass_through(arguments, doubt, known=size_of(*arguments))
    limit_items(sum(len(each.items) for each in lists))
    items = [item for each in lists for item in each.items]
    kind = items_kind(lists)
    return Items(at=call.at, items=unify(items, call.at) if kind else items, kind=kind)


def _flatten(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the items of the lists in a list, and of those in them."""
    given = list_argument(call, arguments[0])
    if isinstance(given, Unknown):
        return call.pass_through([given], given)
    call.evaluator.weigh(given)
    items: list[Result] = []
    left: list[Result] = [given]
    doubt: Unknown | None = None
    while left:
        item = left.pop()
        if isinstance(item, Items):
            call.evaluator.spend(1)
            limit_items(len(left) + len(items) + len(item.items))
            if item.kind == "set" and not keeps_order(item):
                doubt = doubt_in("the order of the set is unknown", call.at, item)
            left.extend(reversed(item.items))
            continue
        items.append(item)
        if isinstance(item, Unknown) and not is_text(item):
            # It may be a list itself.
            doubt = item
    if doubt is not None:
        return call.pass_through(items, doubt)
    return Items(at=call.at, items=items)


def _distinct(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = ordered_list(call, arguments[0])
    if isinstance(found, Unknown):
        return call.pass_through([found], found)
    items = unify(found.items, call.at)
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
                raise UnknownResult(f"lists of more than {_MOST_COMPARED:,} complex items are not supported")
            call.evaluator.spend(len(others) * (1 + size(item) // VALUES_A_STEP))
            if any(is_same(item, other) is True for other in others):
                continue
            others.append(item)
        kept.append(item)
    doubt = unknown_in(Items(at=call.at, items=others))
    if doubt is not None and len(kept) > 1:
        return call.pass_through(kept, doubt)
    return Items(at=call.at, items=kept, kind="list")


def _element(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the item at an index, which continues with the first after the last."""
    found, number = ordered_list(call, arguments[0]), _number(call, arguments[1])
    if isinstance(found, Unknown):
        return call.pass_through([found], found)
    if not found.items or found.kind == "set":
        raise InvalidCall("does not accept an empty list or a set")
    items = Items(at=found.at, items=found.items)
    if isinstance(number, Unknown):
        return item_of(items, number, call.at, call.terraform.watch)
    return found.items[number % len(found.items)]


def _one(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = list_argument(call, arguments[0])
    if isinstance(found, Unknown):
        call.terraform.watch.risks += 1
        return call.pass_through([found], found)
    if len(found.items) > 1:
        if found.kind == "set" and not keeps_order(found):
            return call.pass_through([found], doubt_in("the number of items in the set is unknown", call.at, found))
        raise InvalidCall("expects a list of at most one item")
    return found.items[0] if found.items else Absent(at=call.at)


def _reverse(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = ordered_list(call, arguments[0])
    if isinstance(found, Unknown):
        return call.pass_through([found], found, known=size_of(found))
    return Items(at=call.at, items=found.items[::-1], kind="list" if found.kind else "")


def _slice(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = ordered_list(call, arguments[0])
    start, end = _number(call, arguments[1]), _number(call, arguments[2])
    if isinstance(found, Items) and found.kind == "set":
        raise InvalidCall("does not accept a set")
    if isinstance(found, Unknown):
        return call.pass_through([found], found)
    if isinstance(start, Unknown) or isinstance(end, Unknown):
        return call.pass_through([found], start if isinstance(start, Unknown) else end)  # type: ignore[arg-type]  # one is Unknown
    if not 0 <= start <= end <= len(found.items):
        raise InvalidCall("expects indexes within the list")
    return Items(at=call.at, items=found.items[start:end], kind=found.kind)


def _chunks(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found, size = ordered_list(call, arguments[0]), _number(call, arguments[1])
    if isinstance(found, Unknown):
        return call.pass_through([found], found)
    if isinstance(size, Unknown):
        return call.pass_through([found], size)
    if size < 0:
        raise InvalidCall("expects a size of at least 0")
    items = unify(found.items, call.at)
    step = size or max(len(items), 1)
    parts = [items[start : start + step] for start in range(0, len(items), step)]
    return Items(at=call.at, items=[Items(at=call.at, items=part, kind="list") for part in parts], kind="list")


def _compact(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the texts of a list that are neither empty nor null."""
    found = ordered_list(call, arguments[0])
    if isinstance(found, Unknown):
        return call.pass_through([found], found)
    kept: list[Result] = []
    doubt: Unknown | None = None
    for given in found.items:
        item = primitive(given, "string", call.at)
        if isinstance(item, Absent) or (isinstance(item, Scalar) and item.value == ""):
            continue
        if not isinstance(item, Scalar) and not (isinstance(item, Unknown) and is_text(item)):
            doubt = doubt_in("an item of the list is unknown", call.at, item)
        kept.append(item)
    return Items(at=call.at, items=kept, kind="list") if doubt is None else call.pass_through(kept, doubt)


def _coalesce_list(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the first list that is not empty."""
    some: list[Result] = []
    for argument in arguments:
        found = list_argument(call, argument)
        if isinstance(found, Items):
            if not found.items:
                continue
            if not some:
                return found
            return call.pass_through([*some, found], doubt_in("the list is unknown", call.at, *some))
        some.append(found)
    if not some:
        raise InvalidCall("expects at least one list that is not empty")
    return call.pass_through(some, doubt_in("the list is unknown", call.at, *some))


def _sort(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found = list_argument(call, arguments[0])
    if isinstance(found, Unknown):
        return call.pass_through([found], found, known=size_of(found))
    items = [primitive(item, "string", call.at) for item in found.items]
    if any(isinstance(item, Absent) for item in items):
        raise InvalidCall("does not accept null in a list")
    doubt = unknown_in(Items(at=call.at, items=items))
    if doubt is not None and len(items) > 1:
        return call.pass_through(items, doubt, known=size_of(found))
    call.evaluator.spend(len(items) // 10)
    return Items(at=call.at, items=sorted(items, key=_text) if doubt is None else items, kind="list")


def _text(item: Result) -> str:
    return item.value if isinstance(item, Scalar) and isinstance(item.value, str) else ""


def _match_keys(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the values whose keys, at the same place in another list, are searched for."""
    lists = [ordered_list(call, argument) for argument in arguments]
    values, keys, search_keys = lists
    if isinstance(values, Unknown) or isinstance(keys, Unknown) or isinstance(search_keys, Unknown):
        return call.pass_through([lists[0]], doubt_in("the list is unknown", call.at, *lists))
    if len(values.items) != len(keys.items):
        raise InvalidCall("expects as many keys as values")
    if values.items and not search_keys.items:
        return Items(at=call.at, items=[], kind="list")
    call.evaluator.spend(len(keys.items) * len(search_keys.items) // 10)
    pool = unify([*keys.items, *search_keys.items], call.at)
    own, searched = pool[: len(keys.items)], pool[len(keys.items) :]
    kept: list[Result] = []
    for value, key in zip(unify(values.items, call.at), own, strict=True):
        verdicts = [is_same(key, other) for other in searched]
        if True in verdicts:
            kept.append(value)
        elif None in verdicts:
            return call.pass_through([values], doubt_in("the key is unknown", call.at, keys, search_keys))
    return Items(at=call.at, items=kept, kind="list")


def _old_list(call: TerraformCallContext, arguments: list[Result]) -> Result:
    return Items(at=call.at, items=unify(arguments, call.at), kind="list")


def _transposed(given: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if not isinstance(given, dict):
        raise InvalidCall("expects a map of lists")
    for key in sorted(given):
        if not isinstance(given[key], list):
            raise InvalidCall("expects a map of lists")
        for item in given[key]:
            if not isinstance(item, str):
                raise UnknownResult("only lists of strings are supported")
            found.setdefault(item, []).append(key)
    return {key: sorted(set(found[key])) for key in sorted(found)}


def _length(call: TerraformCallContext, arguments: list[Result]) -> Result:
    given = data_of(arguments[0], call.at)
    if isinstance(given, Scalar) and isinstance(given.value, str):
        return Scalar(at=call.at, value=len(clusters(given.value)), sensitive=given.sensitive)
    found = collection(call, arguments[0])
    if isinstance(found, Unknown):
        return counted(call, found, found)
    if isinstance(found, Fields):
        doubt = open_of(found)
        return Scalar(at=call.at, value=len(found.fields)) if doubt is None else counted(call, found, doubt)
    call.evaluator.weigh(found)
    if found.kind == "set" and not keeps_order(found):
        return counted(call, found, doubt_in("the number of items in the set is unknown", call.at, found))
    return Scalar(at=call.at, value=len(found.items))


def counted(call: TerraformCallContext, of: Result, doubt: Unknown) -> Result:
    """Return the length of a value as far as it is known."""
    known = size_of(of)
    length = decided_length(known)
    if length is not None:
        return Scalar(at=call.at, value=length, sensitive=is_sensitive(of))
    return msgspec.structs.replace(call.unknown(doubt), given=True, known=count_of(known))


def _contains(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found, searched = list_argument(call, arguments[0]), arguments[1]
    if isinstance(found, Unknown):
        if type(found) is Partly and any(is_same(item, searched) for item in found.items):
            return Scalar(at=call.at, value=True, sensitive=found.sensitive or is_sensitive(searched))
        return call.unknown(found)
    call.evaluator.weigh(found)
    call.evaluator.spend(len(found.items) // 10)
    verdicts = [is_same(item, searched) for item in found.items]
    sensitive = is_sensitive(found) or is_sensitive(searched)
    if True in verdicts or None not in verdicts:
        return Scalar(at=call.at, value=True in verdicts, sensitive=sensitive)
    return call.doubt("the items of the list are unknown", searched, found)


def _index(call: TerraformCallContext, arguments: list[Result]) -> Result:
    found, searched = list_argument(call, arguments[0]), arguments[1]
    if isinstance(found, Unknown):
        return call.unknown(found)
    if found.kind == "set":
        raise InvalidCall("does not accept a set")
    call.evaluator.spend(len(found.items) // 10)
    for number, item in enumerate(found.items):
        verdict = is_same(item, searched)
        if verdict is None:
            return call.doubt("the items of the list are unknown", item, searched)
        if verdict:
            return Scalar(at=call.at, value=number)
    raise InvalidCall("expects an item that is in the list")


def _coalesce(call: TerraformCallContext, arguments: list[Result]) -> Result:
    """Return the first argument that is neither null nor an empty text."""
    some: list[Result] = []
    doubt: Unknown | None = None
    for argument in _common(arguments):
        if isinstance(argument, Absent) or (isinstance(argument, Scalar) and argument.value == ""):
            continue
        some.append(argument)
        if not isinstance(argument, Unknown) or is_text(argument) or (argument.is_set and not may_be(argument, "")):
            break
        doubt = doubt if doubt is not None else argument
    else:
        if not some:
            raise InvalidCall("expects an argument that is not null or empty")
        call.terraform.watch.risks += 1
    if len(some) == 1 or doubt is None:
        return some[0]
    call.terraform.watch.weigh(some)
    found = one_of_results(some, doubt, call.terraform.watch)
    if not isinstance(found, Unknown):
        return found
    pattern = found.pattern
    if pattern is None and doubt.pattern is not None:
        pattern = hole("coalesce(", doubt.pattern, ",...)")
    known = one_of(some)
    return Unknown(
        at=call.at, why=found.why, pattern=pattern, given=all(is_given(result) for result in some[-1:]),
        known=msgspec.structs.replace(known, differs=(*known.differs, "")), sensitive=found.sensitive,
        candidates=found.candidates, closed=found.closed, hops=found.hops,
    )  # fmt: skip


def _common(arguments: list[Result]) -> list[Result]:
    """Return arguments as texts, if one of them is a text."""
    if any(isinstance(argument, Scalar) and isinstance(argument.value, str) for argument in arguments):
        return [as_string(argument) for argument in arguments]
    return arguments


def doubts(items: list[Result], why: str, call: TerraformCallContext) -> Unknown:
    """Return the first unknown value in a list."""
    return doubt_in(why, call.at, *items)


def items_kind(lists: list[Items]) -> str:
    """Return the kind of a list that is made of others."""
    return "list" if lists and all(each.kind == "list" for each in lists) else ""


FUNCTIONS: tuple[Function, ...] = (
    TerraformResultFunction("length", 1, 1, _length),
    TerraformResultFunction("contains", 2, 2, _contains),
    TerraformResultFunction("index", 2, 2, _index),
    TerraformResultFunction("coalesce", 1, ANY, _coalesce, nulls=True),
    TerraformResultFunction("concat", 1, ANY, _concat),
    TerraformResultFunction("flatten", 1, 1, _flatten),
    TerraformResultFunction("distinct", 1, 1, _distinct),
    TerraformResultFunction("element", 2, 2, _element),
    TerraformResultFunction("one", 1, 1, _one),
    TerraformResultFunction("reverse", 1, 1, _reverse),
    TerraformResultFunction("slice", 3, 3, _slice),
    TerraformResultFunction("chunklist", 2, 2, _chunks),
    TerraformResultFunction("compact", 1, 1, _compact),
    TerraformResultFunction("coalescelist", 1, ANY, _coalesce_list),
    TerraformResultFunction("sort", 1, 1, _sort),
    TerraformResultFunction("matchkeys", 3, 3, _match_keys),
    TerraformResultFunction("list", 0, ANY, _old_list, nulls=True),
    TerraformDataFunction("transpose", 1, 1, _transposed, kind="map"),
    TerraformResultFunction("setunion", 1, ANY, _union),
    TerraformResultFunction("setintersection", 1, ANY, _intersection),
    TerraformResultFunction("setsubtract", 2, 2, _subtract),
    TerraformResultFunction("setproduct", 2, ANY, _product),
    TerraformResultFunction("keys", 1, 1, _keys),
    TerraformResultFunction("values", 1, 1, _values),
    TerraformResultFunction("lookup", 2, 3, _lookup, nulls=True),
    TerraformResultFunction("merge", 0, ANY, _merge, nulls=True),
    TerraformResultFunction("zipmap", 2, 2, _zipmap),
    TerraformResultFunction("map", 0, ANY, _old_map, nulls=True),
)
