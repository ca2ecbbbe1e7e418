"""``prior_state`` of a plan: every resource and data source as Terraform last saw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


class StateResource(msgspec.Struct, frozen=True):
    """A resource of a state; its values are decoded when they are needed."""

    address: str
    type: str
    mode: str = "managed"
    values: msgspec.Raw = msgspec.Raw(b"{}")
    sensitive_values: msgspec.Raw = msgspec.Raw(b"{}")

    def decode_values(self) -> dict[str, Any]:
        """Return the values. Raises what ``DECODE_ERRORS`` names."""
        found: dict[str, Any] = _VALUES.decode(self.values)
        return found

    def sensitive_marks(self) -> dict[str, Any] | bool:
        """Return which values are sensitive. Raises what ``DECODE_ERRORS`` names."""
        found: dict[str, Any] | bool = _MARKS.decode(self.sensitive_values)
        return found


class _StateModule(msgspec.Struct, frozen=True):
    resources: tuple[StateResource, ...] = ()
    child_modules: tuple[_StateModule, ...] = ()


class _StateValues(msgspec.Struct, frozen=True):
    root_module: _StateModule = _StateModule()


class _State(msgspec.Struct, frozen=True):
    values: _StateValues = _StateValues()


_STATE = msgspec.json.Decoder(_State)
_VALUES = msgspec.json.Decoder(dict[str, Any])
_MARKS = msgspec.json.Decoder(dict[str, Any] | bool)


def state_resources(raw: msgspec.Raw) -> Iterator[StateResource]:
    """Yield all resources of a state, those of its modules too. Raises what ``DECODE_ERRORS`` names."""
    waiting = [_STATE.decode(raw).values.root_module]
    while waiting:
        here = waiting.pop()
        yield from here.resources
        waiting.extend(here.child_modules)
