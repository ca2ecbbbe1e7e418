"""Results as values of the resource graph, and what is certain of a string of which only the pattern is known."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from itertools import takewhile
from typing import Self

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.values import (
    MAX_LEVELS,
    OPEN,
    Fields,
    Items,
    Partly,
    Result,
    hole,
    pieces,
    plain_unknown,
    unknown_in,
)
from azkvlint.model.value import MAY_BE_ABSENT, Absent, ListValue, MapValue, Scalar, Unknown, Value
from azkvlint.util.errors import InputError

# Their values are unknown, but each is one segment of an ID.
_SEGMENTS = frozenset(hole(name) for name in ("subscription", "resourceGroup", "managementGroup", "tenant"))
# A condition of a longer pattern is not taken apart.
_LONGEST = 2_000


def prefix(pattern: str) -> str:
    """Return the text that comes before the first unknown part."""
    return _known(pieces(pattern))


def suffix(pattern: str) -> str:
    """Return the text that comes after the last unknown part."""
    return _known(reversed(list(pieces(pattern))))


def _known(found: Iterable[tuple[str, bool]]) -> str:
    return next((part for part, _ in takewhile(lambda piece: not piece[1], found)), "")


def split(pattern: str, delimiter: str) -> list[str] | None:
    """Return the patterns of the parts of a text; None if an unknown part of it may hold a delimiter, or all of it is
    one.
    """
    if not all(_is_whole(part, delimiter) for part, open_ in pieces(pattern) if open_):
        return None
    # No hole holds a slash, so each slash is one of the text.
    return pattern.split(delimiter) if delimiter in pattern else None


def end(pattern: str, delimiter: str, last: bool) -> str | None:
    """Return the pattern of the last or first of the parts of a text; None if it is unknown where that begins or
    ends.
    """
    found = list(pieces(pattern))
    kept: list[str] = []
    for part, open_ in reversed(found) if last else found:
        if open_ and not _is_whole(part, delimiter):
            return None
        if not open_ and delimiter in part:
            kept.append(part.rpartition(delimiter)[2] if last else part.partition(delimiter)[0])
            return "".join(reversed(kept) if last else kept)
        kept.append(part)
    return None


def _is_whole(part: str, delimiter: str) -> bool:
    return delimiter == "/" and part in _SEGMENTS


def is_scope(pattern: str) -> bool:
    """Return whether a string is the ID or the name of the scope of a deployment, such as ``resourceGroup().name``."""
    *above, last = pattern.split("/")
    return last in _SEGMENTS and (not above or pattern.startswith("/subscriptions/"))


def conjuncts(pattern: str) -> list[str]:
    """Return the patterns of conditions that all have to hold for the condition with ``pattern`` to hold."""
    parts = list(pieces(pattern[1:-1])) if "&&" in pattern and len(pattern) <= _LONGEST else []
    if len(parts) > 1 and all(open_ or part == "&&" for part, open_ in parts):
        return [each for part, open_ in parts if open_ for each in conjuncts(part)]
    return [pattern]


def is_known(pattern: str) -> bool:
    """Return whether a pattern is a text."""
    return OPEN not in pattern


class Freezer:
    """Turns results into Values of the graph. Raises InputError for more of them than any template needs.

    ``names`` are the field names of rules: fields that differ from them only in case get them.
    ``budget`` is that of the unit whose values are made.
    """

    def __init__(self, names: Iterable[str] = (), budget: Budget | None = None) -> None:
        self.budget = Budget() if budget is None else budget
        self.level = 0
        self._names = frozenset(names)
        self._lower = {name.lower(): name for name in self._names}

    def within(self, budget: Budget) -> Self:
        """Return a freezer that differs only in the budget that it counts values in."""
        other = copy(self)
        other.budget, other.level = budget, 0
        return other

    def spelled(self, name: str) -> str:
        """Return a field's name in the case that rules use."""
        return name if name in self._names else self._lower.get(name.lower(), name)

    def freeze(self, result: Result) -> Value | None:
        """Return the Value of a result; None for null, which is "not set"."""
        self.budget.add_frozen(1)
        kind = type(result)
        if kind is Scalar or kind is Unknown:
            return result  # type: ignore[return-value]  # mypy does not narrow by such a test
        if kind is Absent:
            return None
        if self.level > MAX_LEVELS:
            raise InputError(f"the expressions create a value nested deeper than {MAX_LEVELS} levels")
        self.level += 1
        try:
            return self._frozen(result)
        finally:
            self.level -= 1

    def _frozen(self, result: Result) -> Value | None:
        if type(result) is Fields:
            fields: dict[str, Value] = {}
            self.budget.add_frozen(len(result.fields))
            names = self._names
            for name, item in result.fields.items():
                value = item if type(item) is Scalar else self.freeze(item)
                if value is not None:
                    fields[name if name in names else self.spelled(name)] = value
            rest = None if result.rest is None else plain_unknown(result.rest)
            return MapValue(at=result.at, fields=fields, rest=rest)
        if type(result) is Items:
            self.budget.add_frozen(len(result.items))
            items = [item if type(item) is Scalar else self._item(item) for item in result.items]
            return ListValue(at=result.at, items=tuple(items))
        if type(result) is Partly:
            more = Unknown(at=result.at, why=result.why, sensitive=result.sensitive, note=MAY_BE_ABSENT)
            return ListValue(at=result.at, items=(*(self._item(item) for item in result.items), more))
        return unknown_in(result)

    def _item(self, item: Result) -> Value:
        found = self.freeze(item)
        return found if found is not None else Unknown(at=item.at, why="the item is null")
