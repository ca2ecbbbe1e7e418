"""Members and items of results, as Terraform takes them: names matter in case, and what is not there fails."""

from __future__ import annotations

import msgspec

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.terraform.alternatives import Alternatives, Watch, below, gathered, is_given, marked, uncertain
from azkvlint.evaluation.terraform.equality import may_be
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.primitive_types import as_number, text_of
from azkvlint.evaluation.values import Closure, Fields, Items, Result, hidden, pattern_of, perhaps
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

_WITHOUT_MEMBERS = (Scalar, Items, Closure)
# Maps of more keys have no pattern.
_FEW = 20


def member_of(of: Result, name: str, at: Location, watch: Watch) -> Result:
    """``of.name``. Raises FailedError where there is none."""
    if isinstance(of, Fields):
        return _field(of, name, at, watch)
    if isinstance(of, Unknown):
        watch.risks += 1
        return below(of, f".{name}", at)
    if isinstance(of, Alternatives):
        return of.each(lambda result: member_of(result, name, at, watch))
    if isinstance(of, Absent):
        raise FailedError(f"'{name}' is asked of null", at)
    if isinstance(of, _WITHOUT_MEMBERS):
        raise FailedError(f"'{name}' is asked of something that has no attributes", at)
    # What a resource or a local value fails of, or is unknown for, is its own affair.
    risks = watch.risks
    try:
        return of.member(name, at)
    finally:
        watch.risks = risks


def _field(of: Fields, name: str, at: Location, watch: Watch) -> Result:
    found = of.fields.get(name)
    if found is None:
        if of.rest is None:
            raise FailedError(f"there is no attribute '{name}'", at)
        watch.risks += 1
        return below(of.rest, f".{name}", at)
    return surely(found, watch) if isinstance(found, Unknown) and perhaps(found) is not None else found


def surely(found: Unknown, watch: Watch) -> Unknown:
    """The value of a field that may not be there, for those who fail if it is not."""
    watch.risks += 1
    return msgspec.structs.replace(found, note="")


def item_of(of: Result, index: Result, at: Location, watch: Watch) -> Result:
    """Return ``of[index]``, sensitive if the index is. Raises FailedError where there is none."""
    found = _item_of(of, index, at, watch)
    return hidden(found) if isinstance(index, Scalar) and index.sensitive else found


def _item_of(of: Result, index: Result, at: Location, watch: Watch) -> Result:
    if isinstance(of, Alternatives):
        return of.each(lambda result: item_of(result, index, at, watch))
    if isinstance(index, Absent | Items | Fields):
        raise FailedError("an index is neither a string nor a number", at)
    if isinstance(of, Items):
        return _item(of, index, at, watch)
    if isinstance(of, Fields):
        return _keyed(of, index, at, watch)
    if isinstance(of, Unknown):
        watch.risks += 1
        return below(of, _step(index), at)
    if isinstance(of, Scalar | Absent | Closure):
        raise FailedError("an item is asked of something that has none", at)
    risks = watch.risks
    try:
        return of.item(index, at)
    finally:
        watch.risks = risks


def _step(index: Result) -> str:
    """How an index is written in a pattern; ``a["b"]`` is ``a.b``."""
    if isinstance(index, Scalar) and isinstance(index.value, str):
        known = pattern_of(index)
        return f".{known}" if known else ""
    known = pattern_of(index)
    return f"[{known}]" if known else ""


def _item(of: Items, index: Result, at: Location, watch: Watch) -> Result:
    if of.kind == "set":
        raise FailedError("an item of a set is asked for", at)
    if not isinstance(index, Scalar):
        if not of.items:
            raise FailedError("an item of an empty list is asked for", at)
        return _some(of.items, index, "[]", at, watch)
    try:
        number = as_number(index.value)
    except UnknownResult:
        number = None
    if not isinstance(number, int) or not 0 <= number < len(of.items):
        raise FailedError("there is no item of that number in a list", at)
    return of.items[number]


def _keyed(of: Fields, index: Result, at: Location, watch: Watch) -> Result:
    if isinstance(index, Scalar):
        name = text_of(index.value)
        if name in of.fields or of.rest is not None:
            return _field(of, name, at, watch)
        raise FailedError("there is no item of that key in a map", at)
    watch.spend(len(of.fields) // 10)
    mark = keys_of(of)
    values = [value for key, value in of.fields.items() if not isinstance(index, Unknown) or may_be(index, key)]
    if of.rest is not None:
        values.append(below(of.rest, _step(index), at))
    if not values:
        raise FailedError("there is no item of that key in a map", at)
    return _some(values, index, mark, at, watch)


def keys_of(of: Fields) -> str:
    """The keys of a map, as what tells maps with the same values apart; empty if there are too many."""
    return f"[{','.join(map(repr, of.fields))}]" if len(of.fields) <= _FEW and of.rest is None else ""


def _some(values: list[Result], index: Result, mark: str, at: Location, watch: Watch) -> Result:
    """One of the items, which an unknown index names, if it names any."""
    watch.risks += 1
    watch.weigh(values)
    doubt = index if isinstance(index, Unknown) else Unknown(at=at, why="an index is a resource, not data")
    some = [surely(value, watch) if isinstance(value, Unknown) else value for value in values]
    found = uncertain(some, marked(doubt, mark), watch)
    if isinstance(found, Scalar):
        return gathered([found], doubt, given=is_given(found))
    return found


def data_of(result: Result, at: Location) -> Result:
    """What is written in a resource or module, where that is asked for; Unknown if nobody can say; else ``result``."""
    if isinstance(result, Scalar | Unknown | Absent | Items | Fields):
        return result
    data = getattr(result, "data", None)
    found: Result | None = data(at) if data is not None else None
    if isinstance(found, Scalar | Unknown | Absent | Items | Fields):
        return found
    return Unknown(at=at, why="it is a resource or module, of which not all is known")


def stands_for_all(result: Result) -> Result | None:
    """The instance that stands for all of a collection of which nobody knows the length; None for all else."""
    if isinstance(result, Scalar | Unknown | Absent | Items | Fields):
        return None
    found: Result | None = getattr(result, "one", None)
    return (
        found if found is not None else getattr(result, "each", None) if not isinstance(result, Alternatives) else None
    )
