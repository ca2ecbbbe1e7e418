"""Maps and objects."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.evaluation.terraform.alternatives import below, gathered, marked, uncertain
from azkvlint.evaluation.terraform.equality import may_be
from azkvlint.evaluation.terraform.functions.collections import items_kind
from azkvlint.evaluation.terraform.functions.shapes import mapped, open_of, ordered
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Function, InvalidCall, Parts
from azkvlint.evaluation.terraform.indexing import item_of, keys_of, surely
from azkvlint.evaluation.terraform.primitive_types import primitive, text_of
from azkvlint.evaluation.terraform.set_order import fitted, has_one_type
from azkvlint.evaluation.values import Fields, Items, Result, doubt_in, hidden, hides_keys, name_of, perhaps
from azkvlint.model.value import Absent, Scalar, Unknown


def _keys(call: Call, arguments: list[Result]) -> Result:
    found = mapped(call, arguments[0])
    doubt = found if isinstance(found, Unknown) else open_of(found)
    if doubt is not None or isinstance(found, Unknown):
        return call.doubt("which keys a map has is not known", doubt if doubt is not None else found)
    secret = hides_keys(found)
    items: list[Result] = [Scalar(at=found.at, value=key, sensitive=secret) for key in sorted(found.fields)]
    return Items(at=call.at, items=items, kind="list" if found.kind else "")


def _values(call: Call, arguments: list[Result]) -> Result:
    found = mapped(call, arguments[0])
    doubt = found if isinstance(found, Unknown) else open_of(found)
    if doubt is not None or isinstance(found, Unknown):
        return call.passed([found], doubt if doubt is not None else found)  # type: ignore[arg-type]  # one is Unknown
    items = [found.fields[key] for key in sorted(found.fields)]
    return Items(at=call.at, items=items, kind="list" if found.kind else "")


def _lookup(call: Call, arguments: list[Result]) -> Result:
    """Return the value of a key, or the third argument if there is no such key; sensitive if the key is."""
    if isinstance(arguments[1], Absent):
        raise InvalidCall("is given null")
    key = primitive(arguments[1], "string", call.at)
    found = _value_of(call, mapped(call, arguments[0]), key, arguments[2:])
    return hidden(found) if isinstance(key, Scalar) and key.sensitive else found


def _value_of(call: Call, found: Fields | Unknown, key: Result, default: Sequence[Result]) -> Result:
    watch = call.terraform.watch
    if isinstance(found, Fields) and isinstance(key, Scalar):
        name = text_of(key.value)
        value = found.fields.get(name)
        if value is None and found.rest is None:
            if not default:
                raise InvalidCall("looks for a key that is not in the map")
            if found.kind == "map" and found.fields:
                return fitted(default[0], next(iter(found.fields.values())), call.at)
            return default[0]
        if isinstance(value, Unknown) and perhaps(value) is not None:
            return _one_of([surely(value, watch), *default], marked(value, "lookup:"), call)
        if value is not None:
            return value
    mark = f"lookup{keys_of(found)}:" if isinstance(found, Fields) and keys_of(found) else ""
    doubt = marked(doubt_in("a key is not known", call.at, key, found), mark)
    if not default or isinstance(found, Unknown):
        return _one_of([item_of(found, key, call.at, watch), *default], doubt, call)
    values = [value for name, value in found.fields.items() if not isinstance(key, Unknown) or may_be(key, name)]
    options = [surely(value, watch) if isinstance(value, Unknown) else value for value in values]
    if isinstance(key, Scalar):
        options = []
    if found.rest is not None:
        options.append(below(found.rest, f".{text_of(key.value)}" if isinstance(key, Scalar) else "", call.at))
    return _one_of([*options, *default], doubt, call)


def _one_of(results: Sequence[Result], doubt: Unknown, call: Call) -> Result:
    call.terraform.watch.weigh(results)
    return uncertain(results, doubt, call.terraform.watch)


def _merge(call: Call, arguments: list[Result]) -> Result:
    """Maps and objects in one, the later ones over the earlier."""
    fields: dict[str, Result] = {}
    rest: Unknown | None = None
    kinds: set[str] = set()
    for argument in arguments:
        if isinstance(argument, Absent):
            continue
        found = mapped(call, argument)
        call.evaluator.spend(1 + (len(fields) + (len(found.fields) if isinstance(found, Fields) else 0)) // 10)
        over = found if isinstance(found, Unknown) else found.rest
        if over is not None:
            for name, before in fields.items():
                if isinstance(found, Unknown) or name not in found.fields:
                    doubt = marked(over, f"merge {name!r}:")
                    fields[name] = _one_of([before, below(over, f".{name}", call.at)], doubt, call)
            rest = over if rest is None else gathered([rest, over], over)
        if isinstance(found, Fields):
            kinds.add(found.kind)
            for name, value in found.fields.items():
                loose = perhaps(value)
                under = fields.get(name, below(rest, f".{name}", call.at) if rest is not None else None)
                if loose is None or under is None:
                    fields[name] = value
                else:
                    doubt = marked(loose, "merge:")
                    fields[name] = _one_of([under, surely(loose, call.terraform.watch)], doubt, call)
    kind = "map" if kinds == {"map"} and has_one_type(list(fields.values())) else ""
    return Fields(at=call.at, fields=fields, rest=rest, kind=kind)


def _zipmap(call: Call, arguments: list[Result]) -> Result:
    keys, values = ordered(call, arguments[0]), ordered(call, arguments[1])
    if isinstance(keys, Unknown) or isinstance(values, Unknown):
        return call.passed([values], keys if isinstance(keys, Unknown) else values)  # type: ignore[arg-type]  # one is Unknown
    if len(keys.items) != len(values.items):
        raise InvalidCall("is given as many keys as it is not given values")
    fields: dict[str, Result] = {}
    rest: Unknown | None = None
    for key, value in zip(keys.items, values.items, strict=True):
        name = primitive(key, "string", call.at)
        if isinstance(name, Absent):
            raise InvalidCall("is given a list with null in it")
        doubt = name_of(name, call.at)
        if isinstance(doubt, str):
            fields[doubt] = value
            continue
        call.evaluator.spend(len(fields) // 10)
        for known, before in fields.items():
            if may_be(doubt, known):
                fields[known] = _one_of([before, value], marked(doubt, f"{known!r}="), call)
        rest = gathered([value] if rest is None else [rest, value], doubt)
    return Fields(at=call.at, fields=fields, rest=rest, kind="map" if items_kind([values]) else "")


def _old_map(call: Call, arguments: list[Result]) -> Result:
    if len(arguments) % 2:
        raise InvalidCall("is given a key without a value")
    fields: dict[str, Result] = {}
    for key, value in zip(arguments[::2], arguments[1::2], strict=True):
        name = primitive(key, "string", call.at)
        if not isinstance(name, Scalar):
            return call.fails("is given a key that is no string", name)
        fields[text_of(name.value)] = value
    return Fields(at=call.at, fields=fields, kind="map")


FUNCTIONS: tuple[Function, ...] = (
    Parts("keys", 1, 1, _keys),
    Parts("values", 1, 1, _values),
    Parts("lookup", 2, 3, _lookup, nulls=True),
    Parts("merge", 0, ANY, _merge, nulls=True),
    Parts("zipmap", 2, 2, _zipmap),
    Parts("map", 0, ANY, _old_map, nulls=True),
)
