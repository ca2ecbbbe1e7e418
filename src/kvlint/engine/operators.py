"""One function an operator: is what was found as wanted?

Each gets a set value (never Absent, never Unknown) and the operand, and answers an outcome: an item of a list may
still be unknown. Texts compare without case, as Azure does; a bool is no number (in Python ``True == 1``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

from kvlint.engine.logic import FAIL, PASS, UNDECIDED
from kvlint.model.report import Outcome
from kvlint.model.value import Link, ListValue, MapValue, Plain, Scalar, Unknown, Value

Operator: TypeAlias = Callable[[Value, Any], Outcome]


def same(found: Plain, wanted: Plain) -> bool:
    """Whether two plain values are the same to Azure."""
    if isinstance(found, str) and isinstance(wanted, str):
        return found.casefold() == wanted.casefold()
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return found == wanted


def _outcome(holds: bool) -> Outcome:
    return PASS if holds else FAIL


def _equals(found: Value, wanted: Any) -> Outcome:
    if isinstance(found, Link):
        return UNDECIDED
    return _outcome(isinstance(found, Scalar) and same(found.value, wanted))


def _in(found: Value, wanted: Any) -> Outcome:
    if isinstance(found, Link):
        return UNDECIDED
    return _outcome(isinstance(found, Scalar) and any(same(found.value, item) for item in wanted))


def _contains(found: Value, wanted: Any) -> Outcome:
    """An item of a list, a part of a text."""
    if isinstance(found, Link):
        return UNDECIDED
    if isinstance(found, Scalar):
        text = isinstance(found.value, str) and isinstance(wanted, str)
        return _outcome(text and str(wanted).casefold() in str(found.value).casefold())
    if not isinstance(found, ListValue):
        return FAIL
    if any(isinstance(item, Scalar) and same(item.value, wanted) for item in found.items):
        return PASS
    return UNDECIDED if any(isinstance(item, (Unknown, Link)) for item in found.items) else FAIL


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _matches(found: Value, wanted: Any) -> Outcome:
    """The whole text, without case."""
    if isinstance(found, Link):
        return UNDECIDED
    return _outcome(
        isinstance(found, Scalar) and isinstance(found.value, str) and bool(_pattern(wanted).fullmatch(found.value))
    )


def _number(found: Value) -> float | None:
    if isinstance(found, Scalar) and isinstance(found.value, (int, float)) and not isinstance(found.value, bool):
        return found.value
    return None


def _at_least(found: Value, wanted: Any) -> Outcome:
    number = _number(found)
    return _outcome(number is not None and number >= wanted)


def _at_most(found: Value, wanted: Any) -> Outcome:
    number = _number(found)
    return _outcome(number is not None and number <= wanted)


def _is(found: Value, wanted: Any) -> Outcome:
    """What is found here is set; a text of nothing but blanks is set too, as it is to Azure."""
    return _outcome(wanted == "set")


def _length_at_least(found: Value, wanted: Any) -> Outcome:
    """Items of a list, characters of a text, fields of an object."""
    match found:
        case ListValue(items=items):
            return _outcome(len(items) >= wanted)
        case MapValue(fields=fields):
            return _outcome(len(fields) >= wanted)
        case Scalar(value=str() as text):
            return _outcome(len(text) >= wanted)
        case Link():
            return UNDECIDED
        case _:
            return FAIL


OPERATORS: Mapping[str, Operator] = {
    "equals": _equals,
    "in": _in,
    "contains": _contains,
    "matches": _matches,
    "at_least": _at_least,
    "at_most": _at_most,
    "is": _is,
    "length_at_least": _length_at_least,
}
