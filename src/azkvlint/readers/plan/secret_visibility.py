"""Checks whether a value in a plan exposes a secret, which references alone do not show.

``length(secret)``, ``sha256(secret)`` and ``secret`` have the same references in the configuration of a plan. But a
plan contains some values, including some secrets, in clear text. They are compared here, and never leave this module.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from azkvlint.azure.azurerm import credentials
from azkvlint.graph import value_origins
from azkvlint.graph.value_origins import Origins
from azkvlint.model.location import static_address
from azkvlint.readers.plan.configuration import Configuration, expression_at
from azkvlint.readers.plan.document import Change, Plan, ResourceChange, decode_entry, variables_of
from azkvlint.readers.plan.state import state_resources
from azkvlint.syntax.json_decoder import DECODE_ERRORS

_SECRET: Origins = frozenset(
    {
        value_origins.SECRET,
        value_origins.CREDENTIAL,
        value_origins.PRIVATE_KEY,
        value_origins.GENERATED,
        value_origins.SECURE,
    }
)
# A shorter string may be part of another one by coincidence.
_LEAST = 8
# The maximum number of comparisons with secrets.
_MOST = 5_000_000
_CHANGE = msgspec.json.Decoder(Change)
_OUTPUTS = msgspec.json.Decoder(dict[str, Change])


class VisibleSecrets:
    """The values of a plan that are shown, and the secrets that it knows."""

    def __init__(self, configuration: Configuration, plan: Plan) -> None:
        self._configuration = configuration
        self._plan = plan
        # The planned values, by type and by address without keys.
        self._instances: dict[str, defaultdict[str, list[Any]]] = {}

    def of_output(self, name: str, found: Origins) -> Origins:
        """Return ``found``, the origins of an output's references, with secrets only if its value exposes one."""
        change = self._outputs.get(name) if found & _SECRET else None
        value = change.after if change is not None else None
        # A boolean is not a secret, even if it is computed from one.
        if change is not None and isinstance(value, bool) and not change.after_unknown:
            return found - _SECRET | {value_origins.RESOURCE}
        return self._certain(found, [value])

    def of_argument(self, address: str, type_: str, name: str, found: Origins) -> Origins:
        """Return the same for an argument of all instances of a resource; ``address`` does not contain their keys."""
        if not found & _SECRET:
            return found
        if type_ not in self._instances:
            kept = self._instances[type_] = defaultdict(list)
            for entry, change in self._changes(type_.__eq__):
                kept[static_address(entry.address)].append(change.after)
        path = (*name.split("."),)
        return self._certain(found, [_below(after, path) for after in self._instances[type_].get(address, ())])

    def _certain(self, found: Origins, values: list[Any]) -> Origins:
        if not found & _SECRET:
            return found
        texts = [text for shown in _texts(values) for text in _spellings(shown)]
        if len(texts) * len(self._secrets) <= _MOST and any(one in text for text in texts for one in self._secrets):
            return found
        return found - _SECRET | {value_origins.FROM_SECRET}

    @cached_property
    def _outputs(self) -> Mapping[str, Change]:
        try:
            return _OUTPUTS.decode(self._plan.output_changes) if self._plan.output_changes is not None else {}
        except DECODE_ERRORS:
            return {}

    @cached_property
    def _secrets(self) -> frozenset[str]:
        """Return all secret strings in the plan: in variables, in resource changes and in the prior state."""
        declared = self._configuration.module(()).get("variables")
        held: list[Any] = [
            value
            for name, value in variables_of(self._plan).items()
            if isinstance(node := expression_at(declared, (name,)), dict) and node.get("sensitive") is True
        ]
        entries = [(entry.type, change.after) for entry, change in self._changes(credentials.has_secrets)]
        for type_, values in [*entries, *self._prior()]:
            fields = values.items() if isinstance(values, dict) else ()
            held += [value for name, value in fields if credentials.attribute_origins(type_, name) & _SECRET]
        return frozenset(text for text in _texts(held) if len(text) >= _LEAST)

    def _prior(self) -> list[tuple[str, Any]]:
        try:
            state = self._plan.prior_state
            return [(item.type, item.decode_values()) for item in state_resources(state)] if state is not None else []
        except DECODE_ERRORS:
            return []

    def _changes(self, is_required: Callable[[str], bool]) -> Iterator[tuple[ResourceChange, Change]]:
        """Yield the changes of resources of the required types; broken ones are reported elsewhere."""
        for type_, entry in zip(self._plan.types, self._plan.entries, strict=False):
            if type_ is not None and not is_required(type_):
                continue
            try:
                found = decode_entry(entry)
                if is_required(found.type):
                    yield found, _CHANGE.decode(found.change)
            except DECODE_ERRORS:
                continue


def _below(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Return all values at ``path``, in every block of a list."""
    if not path:
        return [value]
    if isinstance(value, list):
        return [found for item in value for found in _below(item, path)]
    return _below(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def _spellings(text: str) -> Iterator[str]:
    """Yield a string, and its Base64-decoded form if it has one."""
    yield text
    try:
        yield a2b_base64(text, strict_mode=True).decode()
    except ValueError:
        return


def _texts(value: Any) -> Iterator[str]:
    """Yield all strings in a value."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            waiting += here.values()
