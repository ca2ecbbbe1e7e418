"""Sets."""

from __future__ import annotations

from itertools import product

from azkvlint.evaluation.terraform.equality import same
from azkvlint.evaluation.terraform.functions.lists import fits
from azkvlint.evaluation.terraform.functions.shapes import listed
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Function, Parts
from azkvlint.evaluation.terraform.set_order import as_set, keeps_order, unified
from azkvlint.evaluation.values import Items, Result, doubt_in, unknown_in
from azkvlint.model.value import Unknown


def _sets(call: Call, arguments: list[Result]) -> list[Items] | Unknown:
    """All arguments as sets of one type."""
    lists = [listed(call, argument) for argument in arguments]
    known = [each for each in lists if isinstance(each, Items)]
    if len(known) < len(lists):
        return call.passed(arguments, doubt_in("a set is not known", call.at, *lists))
    items = iter(unified([item for each in known for item in each.items], call.at))
    return [as_set([next(items) for _ in each.items], call.at) for each in known]


def _union(call: Call, arguments: list[Result]) -> Result:
    sets = _sets(call, arguments)
    if isinstance(sets, Unknown):
        return sets
    items = [item for each in sets for item in each.items]
    fits(len(items))
    return as_set(items, call.at)


def _intersection(call: Call, arguments: list[Result]) -> Result:
    return _kept(call, arguments, wanted=True)


def _subtract(call: Call, arguments: list[Result]) -> Result:
    return _kept(call, arguments, wanted=False)


def _kept(call: Call, arguments: list[Result], wanted: bool) -> Result:
    """The items of the first set that all others have, or that none has."""
    sets = _sets(call, arguments)
    if isinstance(sets, Unknown):
        return sets
    head, *others = sets
    kept: list[Result] = []
    for item in head.items:
        call.evaluator.spend(1 + sum(len(other.items) for other in others) // 10)
        verdicts = [_holds(other, item) for other in others]
        if (not wanted) in verdicts:
            continue
        if None in verdicts:
            return call.passed([head], doubt_in("whether a set holds an item is not known", call.at, item, *others))
        kept.append(item)
    return as_set(kept, call.at)


def _holds(found: Items, item: Result) -> bool | None:
    verdicts = [same(item, other) for other in found.items]
    return True if True in verdicts else None if None in verdicts else False


def _product(call: Call, arguments: list[Result]) -> Result:
    """All combinations of an item of each."""
    lists = [listed(call, argument) for argument in arguments]
    doubt = next((each for each in lists if isinstance(each, Unknown)), None)
    known = [each for each in lists if isinstance(each, Items)]
    if doubt is None:
        loose = [each for each in known if each.kind == "set" and not keeps_order(each)]
        doubt = unknown_in(loose[0]) if loose else None
    if doubt is not None:
        return call.passed(lists, doubt)
    number = 1
    for each in known:
        number *= len(each.items)
        fits(number)
    call.evaluator.spend(number * len(known) // 10)
    columns = [unified(each.items, call.at) for each in known]
    items: list[Result] = [Items(at=call.at, items=list(row)) for row in product(*columns)]
    if all(each.kind == "set" for each in known):
        return as_set(items, call.at)
    return Items(at=call.at, items=items, kind="list")


FUNCTIONS: tuple[Function, ...] = (
    Parts("setunion", 1, ANY, _union),
    Parts("setintersection", 1, ANY, _intersection),
    Parts("setsubtract", 2, 2, _subtract),
    Parts("setproduct", 2, ANY, _product),
)
