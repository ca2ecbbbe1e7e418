"""Attributes while they are gathered: nested dicts whose leaves are Values."""

from __future__ import annotations

from typing import Any, TypeAlias

from azkvlint.model.location import Location
from azkvlint.model.value import ListValue, MapValue, Path, Unknown, Value

Tree: TypeAlias = dict[str, Any]


def frozen(tree: Tree, at: Location) -> MapValue:
    """Nested dicts of Values as a MapValue."""
    fields = {name: frozen(below, at) if type(below) is dict else below for name, below in tree.items()}
    return MapValue(at=at, fields=fields)


def has(tree: Tree, path: Path) -> bool:
    """Whether anything is at ``path``, or may be: below an Unknown everything may be."""
    here: Any = tree
    for step in path:
        if not isinstance(here, dict):
            return isinstance(here, Unknown)
        if step not in here:
            return False
        here = here[step]
    return True


def put(tree: Tree, path: Path, value: Value) -> None:
    """Write ``value``. Of several arguments for one path the first that is set counts; lists are joined.

    An empty list is what a block is that nobody writes: what is not known may hold more than that.
    """
    here: Any = tree
    for step in path[:-1]:
        below = here.get(step)
        if below is None:
            below = here[step] = {}
        elif type(below) is not dict:
            return
        here = below
    last = path[-1]
    have = here.get(last)
    if have is None:
        here[last] = value
    elif isinstance(have, ListValue) and isinstance(value, ListValue):
        here[last] = ListValue(at=value.at, items=have.items + value.items)
    elif isinstance(have, Unknown) and not isinstance(value, Unknown):
        if not _is_empty(value):
            here[last] = value
    elif isinstance(value, Unknown) and _is_empty(have):
        here[last] = value


def _is_empty(value: Value) -> bool:
    return isinstance(value, ListValue) and not value.items
