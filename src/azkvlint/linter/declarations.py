"""Which declarations were evaluated, and why the others were not."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TypeAlias

import msgspec

from azkvlint.graph.existence import ACCOUNTED
from azkvlint.model.finding import Declaration
from azkvlint.model.location import Location, static_address
from azkvlint.readers.read_result import ReadResult, RegionLookup

_Key: TypeAlias = tuple[object, ...]


def declarations_of(read: ReadResult, types: Container[str]) -> list[Declaration]:
    """Return the declarations of ``types`` (in lower case) in what was read, with resources or without."""
    found: dict[_Key, Declaration] = {}
    for resource in read.resources.values():
        lower = resource.type.lower()
        if lower not in ACCOUNTED or lower not in types or resource.existing or not resource.stays:
            continue
        address = static_address(resource.address)
        key = (*resource.at.position_key[:2], address)
        have = found.get(key)
        condition = resource.assumption.text if resource.assumption is not None else ""
        if have is None:
            at = msgspec.structs.replace(resource.at, address=resource.address, cause=None)
            found[key] = Declaration(
                address=address, type=resource.type, declared_as=resource.declared_as, at=at, condition=condition,
                instances=1,
            )  # fmt: skip
        else:
            # It certainly exists once one of its instances does.
            condition = have.condition and condition
            found[key] = msgspec.structs.replace(have, condition=condition, instances=have.instances + 1)
    return [*found.values(), *(one for one in read.skipped if one.type.lower() in types)]


def located(declarations: Iterable[Declaration], find: RegionLookup) -> list[Declaration]:
    """Return declarations with their regions."""
    return [msgspec.structs.replace(one, at=_located(one, find)) for one in declarations]


def _located(one: Declaration, find: RegionLookup) -> Location:
    place = find(one.at) if one.at.region is None else None
    return one.at if place is None else msgspec.structs.replace(one.at, region=place[0])


def merged(declarations: Iterable[Declaration]) -> tuple[tuple[Declaration, ...], tuple[Declaration, ...]]:
    """Return the declarations that were evaluated, and those that were not, each once, by path, line and address.

    One that was not evaluated in one use of its module may have been in another.
    """
    found: dict[_Key, Declaration] = {}
    for one in declarations:
        key = (one.at.path, one.at.region, one.type.lower()) + (() if one.at.region is not None else (one.address,))
        have = found.get(key)
        if have is None or (have.reason and not one.reason):
            found[key] = one
        elif not one.reason:
            condition = have.condition and one.condition
            first = min(have, one, key=lambda declaration: declaration.address)
            found[key] = msgspec.structs.replace(first, condition=condition, instances=have.instances + one.instances)
    ordered = sorted(found.values(), key=_order)
    return tuple(one for one in ordered if not one.reason), tuple(one for one in ordered if one.reason)


def _order(one: Declaration) -> tuple[object, ...]:
    region = one.at.region
    return one.at.path, (0, 0) if region is None else (region.start_line, region.start_column), one.address, one.type
