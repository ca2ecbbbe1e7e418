"""The condition of what exists only with other values of a root's inputs than its defaults, as data and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.value import Plain

EQUAL, DIFFERENT, OTHER, UNDECIDED = "equal", "not equal", "another value", "unknown"
NULL, NOT_NULL, EMPTY, NOT_EMPTY = "null", "not null", "empty", "not empty"
CONTAINS, LENGTH = "containing", "of length"
# The step of a path to an item of a list or map, it does not state which. A condition has one such item of each.
ITEM = "*"
# More inputs are counted.
_MOST_NAMED = 3


class InputCondition(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an input is. ``input`` is its name as expressions spell it, with the path of a member if only that differs.

    ``state`` is one of the words above. ``value`` is what it is compared with, None if that is a secret or if the state
    requires none. ``unit`` is what its length counts, empty if its type is not known.
    """

    input: str
    state: str
    value: Plain | None = None
    unit: str = ""


def _text(conditions: Sequence[InputCondition]) -> str:
    """Return the conditions of one input that have the same state in words, such as ``var.enable_rbac is false``."""
    over, item, _ = conditions[0].input.partition(f".{ITEM}.")
    if item:
        by_state = _by_state(msgspec.structs.replace(one, input=one.input[len(over + item) :]) for one in conditions)
        return f"{over} has an item in which {_listed([_text(every) for every in by_state], 'and')}"
    name, state, value, unit = msgspec.structs.astuple(conditions[0])
    values = [msgspec.json.encode(one.value).decode() for one in conditions]
    match state:
        case "equal":
            return f"{name} is {values[0]}"
        case "not equal":
            return f"{name} is not {_listed(values, 'or')}"
        case "containing":
            return f"{name} contains {_listed(values, 'and')}"
        case "of length" if unit:
            return f"{name} has {value} {unit}{'' if value == 1 else 's'}"
        case "of length":
            return f"the length of {name} is {value}"
        case "another value":
            return f"{name} has another value"
        case _:
            return f"{name} is {state}"


def _by_state(conditions: Iterable[InputCondition]) -> list[list[InputCondition]]:
    """Return the conditions that are stated together: of one input in one state, or of one item of an input; these
    last.
    """
    found: dict[tuple[bool, str, str], list[InputCondition]] = {}
    for one in conditions:
        over, item, _ = one.input.partition(f".{ITEM}.")
        found.setdefault((bool(item), over, "" if item else one.state), []).append(one)
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def _listed(values: Sequence[str], word: str) -> str:
    if len(values) > _MOST_NAMED:
        values = [*values[: _MOST_NAMED - 1], f"{len(values) - _MOST_NAMED + 1} more values"]
    return f"{', '.join(values[:-1])} {word} {values[-1]}" if len(values) > 1 else values[0]


# States that say what an input is, and those that say of what kind it is.
_STATES = frozenset({EQUAL, EMPTY, NOT_EMPTY, NULL, NOT_NULL})


def _contradict(one: InputCondition, other: InputCondition) -> bool:
    """Return whether an input cannot meet both conditions. The value None of an input that is ``EQUAL`` is null."""
    left, right = one.state, other.state
    if left == right == EQUAL:
        # A string may be accepted in another case, and a number as a string.
        return str(one.value).casefold() != str(other.value).casefold()
    filled = {NOT_EMPTY, CONTAINS}
    is_empty = left in (EMPTY, NULL) or (left == EQUAL and one.value in (None, ""))
    is_other_empty = right in (EMPTY, NULL) or (right == EQUAL and other.value in (None, ""))
    return (is_empty and right in filled) or (is_other_empty and left in filled)


class WorldCondition(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """All inputs that differ from the base world, and the declaration of the first of them."""

    inputs: tuple[InputCondition, ...]
    at: Location | None = None

    @property
    def is_assumed(self) -> bool:
        """Return whether no values are known with which the condition holds."""
        return any(one.state == UNDECIDED for one in self.inputs)

    @property
    def text(self) -> str:
        """Return the condition in words, such as ``if var.enable_rbac is false``."""
        if self.is_assumed or not self.inputs:
            return "if its condition holds"
        by_state = _by_state(self.inputs)
        named = [_text(every) for every in by_state[:_MOST_NAMED]]
        if len(by_state) > _MOST_NAMED:
            named = [*named[:-1], f"{len(by_state) - _MOST_NAMED + 1} more inputs differ"]
        return f"if {_listed(named, 'and')}"

    def excludes(self, other: WorldCondition) -> bool:
        """Return whether no values of inputs meet both conditions. What they do not state may still exclude it."""
        stated = {one.input: one for one in other.inputs if one.state in _STATES}
        return any(one.input in stated and _contradict(one, stated[one.input]) for one in self.inputs)

    def data(self) -> list[dict[str, Any]]:
        """Return the condition for JSON."""
        return [{"input": one.input, "is": one.state, "value": one.value} for one in self.inputs]
