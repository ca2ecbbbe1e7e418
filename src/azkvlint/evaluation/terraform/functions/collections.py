"""What lists, maps and texts have in common."""

from __future__ import annotations

from azkvlint.evaluation.terraform.alternatives import is_given, uncertain
from azkvlint.evaluation.terraform.equality import same
from azkvlint.evaluation.terraform.functions.graphemes import clusters
from azkvlint.evaluation.terraform.functions.shapes import collection, listed, open_of
from azkvlint.evaluation.terraform.functions.table import ANY, Call, Function, InvalidCall, Parts
from azkvlint.evaluation.terraform.indexing import data_of
from azkvlint.evaluation.terraform.set_order import as_string, keeps_order
from azkvlint.evaluation.values import Fields, Items, Result, doubt_in, hole, is_sensitive, pieces
from azkvlint.model.value import Absent, Scalar, Unknown


def _length(call: Call, arguments: list[Result]) -> Result:
    given = data_of(arguments[0], call.at)
    if isinstance(given, Scalar) and isinstance(given.value, str):
        return Scalar(at=call.at, value=len(clusters(given.value)), sensitive=given.sensitive)
    found = collection(call, arguments[0])
    if isinstance(found, Unknown):
        return call.unknown(found)
    if isinstance(found, Fields):
        doubt = open_of(found)
        return Scalar(at=call.at, value=len(found.fields)) if doubt is None else call.unknown(doubt)
    call.evaluator.weigh(found)
    if found.kind == "set" and not keeps_order(found):
        return call.doubt("how many items a set has is not known", found)
    return Scalar(at=call.at, value=len(found.items))


def _contains(call: Call, arguments: list[Result]) -> Result:
    found, wanted = listed(call, arguments[0]), arguments[1]
    if isinstance(found, Unknown):
        return call.unknown(found)
    call.evaluator.weigh(found)
    call.evaluator.spend(len(found.items) // 10)
    verdicts = [same(item, wanted) for item in found.items]
    sensitive = is_sensitive(found) or is_sensitive(wanted)
    if True in verdicts or None not in verdicts:
        return Scalar(at=call.at, value=True in verdicts, sensitive=sensitive)
    return call.doubt("whether a list holds an item is not known", wanted, found)


def _index(call: Call, arguments: list[Result]) -> Result:
    found, wanted = listed(call, arguments[0]), arguments[1]
    if isinstance(found, Unknown):
        return call.unknown(found)
    if found.kind == "set":
        raise InvalidCall("is given a set")
    call.evaluator.spend(len(found.items) // 10)
    for number, item in enumerate(found.items):
        verdict = same(item, wanted)
        if verdict is None:
            return call.doubt("whether a list holds an item is not known", item, wanted)
        if verdict:
            return Scalar(at=call.at, value=number)
    raise InvalidCall("looks for an item that is not in the list")


def is_text(result: Unknown) -> bool:
    """Whether something unknown is certainly a text, and not an empty one: an id, or what is known in part."""
    return (result.closed and result.given) or any(not open_ for _, open_ in pieces(result.pattern))


def _coalesce(call: Call, arguments: list[Result]) -> Result:
    """The first argument that is neither null nor an empty text."""
    some: list[Result] = []
    doubt: Unknown | None = None
    for argument in _common(arguments):
        if isinstance(argument, Absent) or (isinstance(argument, Scalar) and argument.value == ""):
            continue
        some.append(argument)
        if not isinstance(argument, Unknown) or is_text(argument):
            break
        doubt = doubt if doubt is not None else argument
    else:
        if not some:
            raise InvalidCall("is given nothing that is neither null nor empty")
        call.terraform.watch.risks += 1
    if len(some) == 1 or doubt is None:
        return some[0]
    call.terraform.watch.weigh(some)
    found = uncertain(some, doubt, call.terraform.watch)
    if not isinstance(found, Unknown):
        return found
    return Unknown(
        at=call.at, why=found.why, pattern=found.pattern or hole(doubt.pattern and f"coalesce({doubt.pattern},...)"),
        given=all(is_given(result) for result in some[-1:]), sensitive=found.sensitive, candidates=found.candidates,
        closed=found.closed, hops=found.hops,
    )  # fmt: skip


def _common(arguments: list[Result]) -> list[Result]:
    """Arguments as texts, if one of them is a text."""
    if any(isinstance(argument, Scalar) and isinstance(argument.value, str) for argument in arguments):
        return [as_string(argument) for argument in arguments]
    return arguments


def doubts(items: list[Result], why: str, call: Call) -> Unknown:
    """The first unknown value in a list."""
    return doubt_in(why, call.at, *items)


def items_kind(lists: list[Items]) -> str:
    """The kind of a list that is made of others."""
    return "list" if lists and all(each.kind == "list" for each in lists) else ""


FUNCTIONS: tuple[Function, ...] = (
    Parts("length", 1, 1, _length),
    Parts("contains", 2, 2, _contains),
    Parts("index", 2, 2, _index),
    Parts("coalesce", 1, ANY, _coalesce, nulls=True),
)
