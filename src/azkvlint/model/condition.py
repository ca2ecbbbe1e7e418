"""The condition of what exists only with other values of a root's inputs than its defaults, as data and in words."""

from __future__ import annotations

from typing import Any

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.value import Plain

EQUAL, DIFFERENT, OTHER, UNDECIDED = "equal", "not equal", "another value", "unknown"
NULL, NOT_NULL, EMPTY, NOT_EMPTY = "null", "not null", "empty", "not empty"
CONTAINS, LENGTH = "containing", "of length"
# More inputs are counted.
_MOST_NAMED = 3


class InputCondition(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an input is. ``input`` is its name as expressions spell it, with the path of a member if only that differs.

    ``state`` is one of the words above. ``value`` is what it is compared with, None if that is a secret or if the state
    requires none.
    """

    input: str
    state: str
    value: Plain | None = None

    @property
    def text(self) -> str:
        """Return the condition in words, such as ``var.enable_rbac is false``."""
        written = msgspec.json.encode(self.value).decode()
        match self.state:
            case "equal":
                return f"{self.input} is {written}"
            case "not equal":
                return f"{self.input} is not {written}"
            case "containing":
                return f"{self.input} contains {written}"
            case "of length":
                return f"{self.input} has {written} items"
            case "another value":
                return f"{self.input} has another value"
            case _:
                return f"{self.input} is {self.state}"


class Condition(msgspec.Struct, frozen=True, gc=False, array_like=True):
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
        named = [one.text for one in self.inputs[:_MOST_NAMED]]
        if len(self.inputs) > _MOST_NAMED:
            named = [*named[:-1], f"{len(self.inputs) - _MOST_NAMED + 1} more inputs differ"]
        return f"if {', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else f"if {named[0]}"

    def data(self) -> list[dict[str, Any]]:
        """Return the condition for JSON."""
        return [{"input": one.input, "is": one.state, "value": one.value} for one in self.inputs]
