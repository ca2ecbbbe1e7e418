"""Arguments as the lists or maps that functions need."""

from __future__ import annotations

from azkvlint.evaluation.terraform.alternatives import gathered
from azkvlint.evaluation.terraform.functions.table import Call, InvalidCall
from azkvlint.evaluation.terraform.indexing import data_of, stands_for_all
from azkvlint.evaluation.terraform.set_order import keeps_order
from azkvlint.evaluation.values import Fields, Items, Result, doubt_in, first, perhaps
from azkvlint.model.value import Unknown


def collection(call: Call, argument: Result, misfit: str = "neither a list nor a map") -> Items | Fields | Unknown:
    """An argument that has to be a list, set, map or object; Unknown if nobody knows what is in it."""
    one = stands_for_all(argument)
    if one is not None:
        doubt = Unknown(at=call.at, why="how many there are is not known")
        return gathered([one], doubt)
    found = data_of(argument, call.at)
    if not isinstance(found, Items | Fields | Unknown):
        raise InvalidCall(f"is given something that is {misfit}")
    return found


def listed(call: Call, argument: Result) -> Items | Unknown:
    """An argument that has to be a list or set."""
    found = collection(call, argument, "no list")
    if isinstance(found, Fields):
        raise InvalidCall("is given something that is no list")
    return found


def items_of(call: Call, argument: Result) -> list[Result] | Unknown:
    """The items of an argument that has to be a list or set, in any order."""
    found = listed(call, argument)
    return found if isinstance(found, Unknown) else found.items


def ordered(call: Call, argument: Result) -> Items | Unknown:
    """A list in its order; of a set it is not always known."""
    found = listed(call, argument)
    if isinstance(found, Items) and found.kind == "set" and not keeps_order(found):
        doubt = doubt_in("the order of a set is not known", call.at, found)
        return call.passed([found], doubt)
    return found


def mapped(call: Call, argument: Result) -> Fields | Unknown:
    """An argument that has to be a map or object."""
    found = collection(call, argument, "no map")
    if isinstance(found, Items):
        raise InvalidCall("is given something that is no map")
    return found


def open_of(found: Fields) -> Unknown | None:
    """Why it is not known which fields a map has; None if it is."""
    doubt = first(found.rest, *map(perhaps, found.fields.values()))
    return doubt if isinstance(doubt, Unknown) else None
