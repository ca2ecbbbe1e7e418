"""Compute derived attributes, and build the resource graph of one root, which rules are evaluated against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from azkvlint.derived.access_policies import with_own_policies
from azkvlint.derived.assignments import COVERS, Coverage
from azkvlint.derived.recovery import with_recovered_vaults
from azkvlint.derived.registry import Context, DeriveFunction, as_derived, derived_attributes, reads_of
from azkvlint.evaluation.budget import UnitWork
from azkvlint.graph.changes import CHANGED_FROM
from azkvlint.graph.pseudo_resources import SECRETS_TYPE
from azkvlint.graph.references import Index, references_by_attribute
from azkvlint.model.resource import RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import Absent, Answer, MapValue, Origin, Path, Value

# Of one type: the names of its attributes, their compute functions, and whether each is ``local_only``.
_Makers: TypeAlias = list[tuple[str, DeriveFunction, bool]]


def with_needs(required: RequiredAttributes) -> RequiredAttributes:
    """Return ``required`` with the attributes that its derived attributes are computed from."""
    paths = {type_: {*selected, *_changed(selected)} for type_, selected in required.paths.items()}
    names_read = {".".join(map(str, path[:2])) for selected in required.paths.values() for path in selected} | set(
        required.reference_paths
    )
    for type_, needed in reads_of(names_read):
        paths.setdefault(type_, set()).update(needed)
    every_path = {type_: frozenset(selected) for type_, selected in paths.items()}
    return msgspec.structs.replace(required, paths=every_path)


def _changed(selected: Iterable[Path]) -> Iterator[Path]:
    """Return the paths that are compared with their previous values."""
    return (path[len(CHANGED_FROM) :] for path in selected if path[: len(CHANGED_FROM)] == CHANGED_FROM)


class _MakersByType:
    """The required derived attributes of each type, which all inputs of a run share."""

    def __init__(self, required: RequiredAttributes) -> None:
        self._required = required
        self._known: dict[str, _Makers] = {}

    def of(self, type_: str) -> _Makers:
        """Return the derived attributes that are required of a type, in a fixed order."""
        makers = self._known.get(type_)
        if makers is None:
            makers = self._known[type_] = _makers(self._required, type_)
        return makers


def derive(index: Index, required: RequiredAttributes, is_complete: bool) -> None:
    """Add the required derived attributes to the resources of ``index``. ``is_complete``: see ``ResourceGraph``."""
    context = Context(index, required.today or datetime.now(UTC).date(), {}, is_complete)
    makers_by_type = required.form(_MakersByType)
    for type_ in index.types():
        makers = makers_by_type.of(type_)
        shared: dict[tuple[int, bool], dict[str, Answer]] = {}
        for resource in index.of_type(type_.lower()) if makers else ():
            key = id(resource.shared_attributes), resource.existing
            alike = shared.get(key) if resource.shared_attributes is not None else {}
            if alike is None:
                alike = shared[key] = {
                    name: as_derived(make(resource, context)) for name, make, is_own in makers if is_own
                }
            fields: dict[str, Value] = {}
            for name, make, _ in makers:
                value = alike[name] if name in alike else as_derived(make(resource, context))
                if not isinstance(value, Absent):
                    fields[name] = value
            if fields:
                index.replace(_with_derived(resource, fields))
    _derive_variants(index, makers_by_type, context)


def _derive_variants(index: Index, known: _MakersByType, context: Context) -> None:
    """Add the derived attributes to the variants of resources, which are shared by all resources of one assumption."""
    done: dict[int, dict[str, Resource]] = {}
    for resource in [one for one in index.resources.values() if one.variants]:
        variants = resource.variants or {}
        derived = done.get(id(variants))
        if derived is None:
            derived = done[id(variants)] = {}
            for address, variant in variants.items():
                made = {name: as_derived(make(variant, context)) for name, make, _ in known.of(variant.type)}
                fields = {name: value for name, value in made.items() if not isinstance(value, Absent)}
                derived[address] = _with_derived(variant, fields)
        index.replace(msgspec.structs.replace(resource, variants=derived))


def _makers(required: RequiredAttributes, type_: str) -> _Makers:
    """Return the derived attributes that are required of a type, in a fixed order."""
    paths = required.paths_of(type_) or frozenset()
    required_names = {str(path[1]) for path in paths if path[:1] == ("derived",) and len(path) > 1} | {
        via.partition(".")[2] for via, types in required.reference_paths.items() if type_.lower() in types
    }
    return [
        (name, one.function(), one.local_only)
        for name, one in derived_attributes().items()
        if (required.everything or name in required_names) and (not one.types or type_.lower() in one.types)
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


_BODY, _VALUE = "properties", "value"


def with_hidden_values(index: Index) -> None:
    """Mark the value of each secret as one that must not be shown, whichever reader has read it."""
    for secret in index.of_type(SECRETS_TYPE):
        properties = secret.attributes.fields.get(_BODY)
        value = properties.fields.get(_VALUE) if isinstance(properties, MapValue) else None
        if isinstance(properties, MapValue) and value is not None and not value.sensitive:
            index.replace(_hidden(secret, properties, value))


def _hidden(secret: Resource, properties: MapValue, value: Value) -> Resource:
    hidden = msgspec.structs.replace(value, sensitive=True)
    whole = msgspec.structs.replace(properties, fields={**properties.fields, _VALUE: hidden})
    fields = {**secret.attributes.fields, _BODY: whole}
    return msgspec.structs.replace(secret, attributes=msgspec.structs.replace(secret.attributes, fields=fields))


def build_graph(
    resources: Mapping[str, Resource], required: RequiredAttributes, is_complete: bool, unit: UnitWork | None = None
) -> ResourceGraph:
    """Return the graph of one root: derived attributes added, references resolved. ``unit`` counts the work."""
    index = Index(dict(resources), unit)
    with_hidden_values(index)
    with_own_policies(index)
    with_recovered_vaults(index)
    derive(index, required, is_complete)
    vias = dict(required.reference_paths)
    scoped = vias.pop(COVERS, None)
    found = references_by_attribute(vias, index)
    if scoped is not None:
        found[COVERS] = [*Coverage(index).references(COVERS, scoped)]
    references = {via: tuple(found[via]) for via in required.reference_paths}
    return ResourceGraph(resources=index.resources, references=references, is_complete=is_complete)
