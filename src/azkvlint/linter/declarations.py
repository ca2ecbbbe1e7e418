"""The declarations that were evaluated, and the reasons why others were not."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.model.finding import Declaration
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import ACCOUNTED, Resource
from azkvlint.model.value import Absent, Path, Scalar

if TYPE_CHECKING:
    from azkvlint.readers.read_result import ReadResult, RegionLookup

_Key: TypeAlias = tuple[object, ...]
_VAULTS = frozenset({"microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"})
_NO_NAMES: frozenset[str] = frozenset()
_NO_EXPOSURES: Mapping[str, int] = {}
_EXPOSURE: Path = ("derived", "exposure")


def declarations_of(
    read: ReadResult, types: Container[str], derived: Mapping[str, Resource] | None = None
) -> list[Declaration]:
    """Return the declarations of ``types`` (lower case) in an input, with or without resources.

    ``derived`` are the resources with derived attributes.
    """
    declarations: dict[_Key, Declaration] = {}
    for resource in read.resources.values():
        lower_type = resource.type.lower()
        if lower_type not in ACCOUNTED or lower_type not in types or resource.existing or not resource.stays:
            continue
        address = static_address(resource.address)
        key = (*resource.at.position_key[:2], address)
        existing = declarations.get(key)
        condition = resource.assumption.text if resource.assumption is not None else ""
        names, exposures = _NO_NAMES, _NO_EXPOSURES
        if lower_type in _VAULTS:
            names, exposures = frozenset({resource.name}), _exposures((derived or {}).get(resource.address))
        if existing is None:
            at = msgspec.structs.replace(resource.at, address=resource.address, cause=None)
            declarations[key] = Declaration(
                address=address, type=resource.type, declared_as=resource.declared_as, at=at, condition=condition,
                instances=1, names=names, exposures=exposures,
            )  # fmt: skip
        else:
            # The declaration exists unconditionally if one of its instances does.
            condition = existing.condition and condition
            declarations[key] = msgspec.structs.replace(
                existing,
                condition=condition,
                instances=existing.instances + 1,
                names=existing.names | names,
                exposures=_added(existing.exposures, exposures),
            )
    return [*declarations.values(), *(one for one in read.skipped if one.type.lower() in types)]


def _exposures(vault: Resource | None) -> Mapping[str, int]:
    """Return the network exposure of a vault, if a rule reads it."""
    exposure = None if vault is None else vault.select(_EXPOSURE)
    if exposure is None or isinstance(exposure, Absent):
        return _NO_EXPOSURES
    return {str(exposure.value) if isinstance(exposure, Scalar) else "unknown": 1}


def _added(some: Mapping[str, int], others: Mapping[str, int]) -> Mapping[str, int]:
    return {name: some.get(name, 0) + others.get(name, 0) for name in (*some, *others)} if others else some


def locate_declarations(declarations: Iterable[Declaration], find: RegionLookup) -> list[Declaration]:
    """Return the declarations with their regions."""
    return [msgspec.structs.replace(declaration, at=_with_region(declaration, find)) for declaration in declarations]


def _with_region(declaration: Declaration, find: RegionLookup) -> Location:
    place = find(declaration.at) if declaration.at.region is None else None
    return declaration.at if place is None else msgspec.structs.replace(declaration.at, region=place[0])


def merge_declarations(declarations: Iterable[Declaration]) -> tuple[tuple[Declaration, ...], tuple[Declaration, ...]]:
    """Return the evaluated and the skipped declarations, without duplicates, by path, line and address.

    A declaration that was skipped in one call of its module may have been evaluated in another.
    """
    by_key: dict[_Key, Declaration] = {}
    for declaration in declarations:
        key = (declaration.at.path, declaration.at.region, declaration.type.lower()) + (
            () if declaration.at.region is not None else (declaration.address,)
        )
        existing = by_key.get(key)
        if existing is None or (existing.reason and not declaration.reason):
            by_key[key] = declaration
        elif not declaration.reason:
            condition = existing.condition and declaration.condition
            first = min(existing, declaration, key=lambda declaration: declaration.address)
            by_key[key] = msgspec.structs.replace(
                first,
                condition=condition,
                instances=existing.instances + declaration.instances,
                names=existing.names | declaration.names,
                exposures=_added(existing.exposures, declaration.exposures),
            )
    ordered = sorted(by_key.values(), key=_order)
    evaluated = tuple(declaration for declaration in ordered if not declaration.reason)
    return evaluated, tuple(declaration for declaration in ordered if declaration.reason)


def _order(declaration: Declaration) -> tuple[object, ...]:
    region = declaration.at.region
    return (
        declaration.at.path,
        (0, 0) if region is None else (region.start_line, region.start_column),
        declaration.address,
        declaration.type,
    )
