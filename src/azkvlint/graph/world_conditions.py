"""The condition of a world as a report may state it: the inputs that differ from the base world, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

from azkvlint.graph.worlds import COLLECTIONS, TEXTS, Facts, InputChange, World
from azkvlint.model.condition import OTHER, InputCondition, WorldCondition
from azkvlint.model.value import shortened
from azkvlint.values.secrecy import is_harmless, names_value, shows_secret


def condition_of(world: World, facts: Mapping[str, Facts]) -> WorldCondition:
    """Return the condition that a world states. ``facts`` are those of its inputs."""
    inputs = tuple(dict.fromkeys(_stated(change, facts[change.input]) for change in sorted(world)))
    at = next((facts[change.input].at for change in sorted(world)), None)
    return WorldCondition(inputs, at)


def _stated(change: InputChange, facts: Facts) -> InputCondition:
    """Return what a report may state of a change: no secret, and no more of a long string than of other values."""
    if change.is_secret:
        return InputCondition(change.input, OTHER)
    path = tuple(takewhile(lambda step: not shows_secret(step), change.path))
    name = shortened(".".join((change.input, *path)))
    if path != change.path or (change.value is not None and _is_secret(change, facts)):
        return InputCondition(name, OTHER)
    value = shortened(change.value) if isinstance(change.value, str) else change.value
    unit = ""
    if not path and facts.kind in (*TEXTS, *COLLECTIONS):
        unit = "character" if facts.kind in TEXTS else "item"
    return InputCondition(name, change.state, value, unit)


def _is_secret(change: InputChange, facts: Facts) -> bool:
    """Return whether the value of a change is secret: by a declaration, by its form, or by a name."""
    value = change.value
    if facts.is_secret or isinstance(value, bool):
        return facts.is_secret
    text = str(value)
    return shows_secret(text) or (any(map(names_value, (change.input, *change.path))) and not is_harmless(text))
