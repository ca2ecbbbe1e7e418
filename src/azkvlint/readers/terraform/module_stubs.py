"""Declarations of which only the head is known: module calls whose module is not read, and what has no instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.model.location import Location

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import Symbol

# What a declaration says of itself, and not of what it declares.
_META = frozenset({"source", "version", "count", "for_each", "providers", "provider", "depends_on"})


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a declaration, its arguments by name, and the calls that lead into it, itself included if it is one.

    ``is_call``: whatever is in the module that it calls can be told here.
    """

    at: Location
    arguments: Mapping[str, Location]
    callers: tuple[Location, ...]
    is_call: bool


def head_of(symbol: Symbol[Any], is_call: bool) -> Head:
    """The head of a resource or a module call."""
    instance = symbol.instance
    arguments = {
        name: instance.place(path, attribute.start, attribute.end)
        for name, (path, attribute) in symbol.declaration.attributes.items()
        if name not in _META
    }
    callers = (*instance.use.callers, symbol.at) if is_call else instance.use.callers
    return Head(at=symbol.at, arguments=arguments, callers=callers, is_call=is_call)
