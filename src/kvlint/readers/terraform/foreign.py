"""Module calls whose module nobody can edit here: it is somebody else's, or is not at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from kvlint.model.source import Location

if TYPE_CHECKING:
    from kvlint.readers.terraform.modules import ModuleSymbol


class ForeignCall(msgspec.Struct, frozen=True, kw_only=True):
    """Such a call: its head, its arguments by name, and the calls that lead into the module, itself included."""

    at: Location
    arguments: Mapping[str, Location]
    callers: tuple[Location, ...]


def foreign_call(call: ModuleSymbol) -> ForeignCall:
    """What a call is for those who only know what stands in the module."""
    from kvlint.readers.terraform.modules import META

    instance, pieces = call.instance, call.declaration.attributes
    arguments = {
        name: instance.place(path, attribute.start, attribute.end)
        for name, (path, attribute) in pieces.items()
        if name not in META
    }
    return ForeignCall(at=call.at, arguments=arguments, callers=(*instance.use.callers, call.at))
