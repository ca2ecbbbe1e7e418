"""Turn results into values of the resource graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.values import (
    MAX_LEVELS,
    Fields,
    Items,
    Named,
    Partly,
    Result,
    unknown_in,
)
from azkvlint.model.value import MAY_BE_ABSENT, Absent, ListValue, MapValue, Scalar, Unknown, Value
from azkvlint.util.errors import InputError


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
        other = object.__new__(type(self))  # as copy() does, which imports more than it is worth
        vars(other).update(vars(self))
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
            rest = None if result.rest is None else any_field(result.rest)
            others = result.rest
            # The names of the fields of a secret object are secret too.
            names_of_others = others.names if type(others) is Named and not others.sensitive else ()
            return MapValue(at=result.at, fields=fields, rest=rest, names=names_of_others)
        if type(result) is Items:
            self.budget.add_frozen(len(result.items))
            items = [item if type(item) is Scalar else self._item(item) for item in result.items]
            return ListValue(at=result.at, items=tuple(items))
        if type(result) is Partly:
            if result.known.most == len(result.items):
                return ListValue(at=result.at, items=tuple(map(self._item, result.items)))
            more = Unknown(at=result.at, why=result.why, sensitive=result.sensitive, note=MAY_BE_ABSENT)
            return ListValue(at=result.at, items=(*(self._item(item) for item in result.items), more))
        return unknown_in(result)

    def _item(self, item: Result) -> Value:
        found = self.freeze(item)
        return found if found is not None else Unknown(at=item.at, why="the item is null")


def any_field(rest: Unknown) -> Unknown:
    """Return what is certain of each other field of an object."""
    return Unknown(
        at=rest.at, why=rest.why, sensitive=rest.sensitive,
        candidates=rest.candidates, closed=rest.closed, hops=rest.hops, note=rest.note,
    )  # fmt: skip
