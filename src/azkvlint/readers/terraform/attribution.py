"""The location of a value: the attribute that its owner edits, with its origin as the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.values import Fields, Items, Result, is_large
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope

_LEAVES = (Scalar, Unknown, Absent)
_WHOLES = (Items, Fields)
# Longer lists are not copied wherever they are passed on.
_SHORT = 100


def relocate(found: Result, at: Location, instance: ModuleScope) -> Result:
    """Return a text, number, boolean, null or unknown value at an attribute of a module, unless a caller of it wrote
    it.

    So is a short list of them. Other collections keep their locations.
    """
    if isinstance(found, _LEAVES):
        return _leaf(found, at, instance)
    if isinstance(found, Items) and len(found.items) <= _SHORT and all(isinstance(one, _LEAVES) for one in found.items):
        return _deeply(found, at, instance)
    return found


def relocate_deeply(found: Result, at: Location, instance: ModuleScope) -> Result:
    """Return a value with all its parts at an attribute of a module."""
    if isinstance(found, _WHOLES) and is_large(found):
        return found
    return _deeply(found, at, instance)


def _deeply(found: Result, at: Location, instance: ModuleScope) -> Result:
    if isinstance(found, _LEAVES):
        return _leaf(found, at, instance)
    if not isinstance(found, _WHOLES):
        return found
    place = found.at if _stays(found.at, at, instance) else _with_cause(at, found.at)
    if isinstance(found, Items):
        items = [_deeply(item, at, instance) for item in found.items]
        return msgspec.structs.replace(found, at=place, items=items)
    fields = {name: _deeply(item, at, instance) for name, item in found.fields.items()}
    return msgspec.structs.replace(found, at=place, fields=fields)


def _stays(here: Location, at: Location, instance: ModuleScope) -> bool:
    """Return whether a value is in the attribute itself, or was passed by a caller of the module."""
    if instance.call.shown is not None:
        return instance.is_given(here)
    if here.path == at.path and here.span is not None and at.span is not None:
        return at.span[0] <= here.span[0] and here.span[1] <= at.span[1]
    return instance.is_given(here)


def _leaf(found: Scalar | Unknown | Absent, at: Location, instance: ModuleScope) -> Result:
    if _stays(found.at, at, instance):
        return found
    return msgspec.structs.replace(found, at=_with_cause(at, found.at))


def _with_cause(at: Location, cause: Location) -> Location:
    """Return the attribute's place, with what it comes from."""
    return at.caused_by(cause)
