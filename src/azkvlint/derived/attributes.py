"""``derived.*``: what Azure knows of a resource and no document says, as attributes that rules can ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from azkvlint.derived.registry import Context, DeriveFunction, derived_attributes, reads_by_attribute
from azkvlint.graph.changes import CHANGED_FROM
from azkvlint.graph.references import Index
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, Answer, MapValue, Origin, Path, Value

# Of one type: the names of attributes, how each is made, and whether it is the same for all that say the same.
_Makers: TypeAlias = list[tuple[str, DeriveFunction, bool]]


def with_needs(required: RequiredAttributes) -> RequiredAttributes:
    """Return ``required`` with what its derived attributes are made from."""
    paths = {type_: {*asked, *_changed(asked)} for type_, asked in required.paths.items()}
    asked_for = {".".join(map(str, path[:2])) for asked in required.paths.values() for path in asked} | set(
        required.reference_paths
    )
    reads = reads_by_attribute()
    for name in asked_for & set(reads):
        for type_, needed in reads[name].items():
            paths.setdefault(type_, set()).update(needed)
    return RequiredAttributes(
        paths={type_: frozenset(asked) for type_, asked in paths.items()},
        reference_paths=required.reference_paths,
        everything=required.everything,
        today=required.today,
        relevant=required.relevant,
    )


def _changed(asked: Iterable[Path]) -> Iterator[Path]:
    """Return what is held against what it was before."""
    return (path[len(CHANGED_FROM) :] for path in asked if path[: len(CHANGED_FROM)] == CHANGED_FROM)


# What is asked of the types by the required of the last call, as all inputs of a run have the same.
_known: list[tuple[RequiredAttributes, dict[str, _Makers]]] = []


def derive(index: Index, required: RequiredAttributes, is_complete: bool) -> None:
    """Give the resources of ``index`` the derived attributes that are asked for. ``closed``: see ``ResourceGraph``."""
    context = Context(index, required.today or datetime.now(UTC).date(), {}, is_complete)
    if not _known or _known[0][0] is not required:
        _known[:] = [(required, {})]
    makers_by_type = _known[0][1]
    for type_ in index.types():
        makers = makers_by_type.get(type_)
        if makers is None:
            makers = makers_by_type[type_] = _makers(required, type_)
        shared: dict[tuple[int, bool], dict[str, Answer]] = {}
        for resource in index.of_type(type_.lower()) if makers else ():
            key = id(resource.shared_attributes), resource.existing
            alike = shared.get(key) if resource.shared_attributes is not None else {}
            if alike is None:
                alike = shared[key] = {name: make(resource, context) for name, make, is_own in makers if is_own}
            fields: dict[str, Value] = {}
            for name, make, _ in makers:
                value = alike[name] if name in alike else make(resource, context)
                if not isinstance(value, Absent):
                    fields[name] = value
            if fields:
                index.replace(_with_derived(resource, fields))
    _derive_variants(index, makers_by_type, context)


def _derive_variants(index: Index, known: dict[str, _Makers], context: Context) -> None:
    """Give the derived attributes to the variants of resources, which one assumption has in common."""
    done: dict[int, dict[str, Resource]] = {}
    for resource in [one for one in index.resources.values() if one.variants]:
        variants = resource.variants or {}
        derived = done.get(id(variants))
        if derived is None:
            derived = done[id(variants)] = {}
            for address, variant in variants.items():
                made = {name: make(variant, context) for name, make, _ in known.get(variant.type, ())}
                fields = {name: value for name, value in made.items() if not isinstance(value, Absent)}
                derived[address] = _with_derived(variant, fields)
        index.replace(msgspec.structs.replace(resource, variants=derived))


def _makers(required: RequiredAttributes, type_: str) -> _Makers:
    """Return the derived attributes that are asked of a type, in a fixed order."""
    paths = required.paths_of(type_) or frozenset()
    asked = {str(path[1]) for path in paths if path[:1] == ("derived",) and len(path) > 1} | {
        via.partition(".")[2] for via, types in required.reference_paths.items() if type_.lower() in types
    }
    return [
        (name, one.compute, one.local_only)
        for name, one in derived_attributes().items()
        if (required.everything or name in asked) and (not one.types or type_.lower() in one.types)
    ]


def _with_derived(resource: Resource, fields: dict[str, Value]) -> Resource:
    have = resource.attributes.fields.get("derived")
    if isinstance(have, MapValue):
        fields = {**have.fields, **fields}
    derived = MapValue(at=resource.at, fields=fields, origin=Origin.DERIVED)
    attributes = MapValue(
        at=resource.attributes.at, fields={**resource.attributes.fields, "derived": derived},
        rest=resource.attributes.rest,
    )  # fmt: skip
    return msgspec.structs.replace(resource, attributes=attributes)
