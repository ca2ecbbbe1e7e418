"""Attributes that come from the configuration of a plan: the same for all instances of a block.

They are computed once for a block. Equal attributes of several blocks are one object, as in ``map_arguments``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from azkvlint.azure.azurerm.removed_arguments import NAME, requires_unsupported, unsupported_arguments
from azkvlint.graph.pseudo_resources import (
    PATH_IN_BODY,
    TRACED_TYPES,
    origins_and_retention,
    requires_origins,
    with_derived,
)
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import MapValue, Origin, Unknown, Value
from azkvlint.readers.plan.configuration import Configuration
from azkvlint.readers.plan.origins import NOT_TRACED, PlanOrigins
from azkvlint.readers.plan.planned_resource import Instance

_Derived: TypeAlias = Mapping[str, Value]
_NOTHING: _Derived = {}


class Additions:
    """The attributes that configurations add, by block."""

    def __init__(
        self, required: RequiredAttributes, configuration: Configuration, origins: PlanOrigins, at: Location
    ) -> None:
        self._required = required
        self._configuration = configuration
        self._origins = origins
        self._at = at
        self._requirements: dict[str, tuple[bool, bool]] = {}
        self._blocks: dict[tuple[object, ...], _Derived] = {}
        self._shared: dict[tuple[object, ...], _Derived] = {}
        # Keep both parts of a shape alive, so that no other object can have their identity.
        self._shapes: dict[tuple[int, int], tuple[MapValue, _Derived, MapValue]] = {}

    def find(
        self, declared_as: str, type_: str, instance: Instance, version: VersionRange, in_state: bool | None
    ) -> _Derived:
        """Return the attributes to add to an instance of these types and this version.

        ``in_state`` states whether the state stores the secret value of the instance, None if that is not known.
        """
        # A plan that Terraform did not print may contain several types for one block.
        key = (declared_as, instance.names, instance.resource, in_state)
        found = self._blocks.get(key)
        if found is None:
            found = self._blocks[key] = self._make(declared_as, type_, instance, version, in_state)
        return found

    def shape(self, common: MapValue, added: _Derived) -> MapValue:
        """Return the attributes that an instance shares with others, with those added to all of them."""
        if not added:
            return common
        key = (id(common), id(added))
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = (common, added, with_derived(common, added))
        return found[2]

    def _make(
        self, declared_as: str, type_: str, instance: Instance, version: VersionRange, in_state: bool | None
    ) -> _Derived:
        if type_ not in self._requirements:
            traced = type_.lower() in TRACED_TYPES and requires_origins(self._required, type_)
            self._requirements[type_] = traced, requires_unsupported(self._required, type_)
        is_traced, requires_dead = self._requirements[type_]
        if instance.is_data:
            return _NOTHING
        names, words, sources = (
            self._origins.of_block(instance.names, instance.resource, in_state) if is_traced else NOT_TRACED
        )
        dead: Value | None = None
        if requires_dead:
            expressions = self._configuration.resource(instance.names, instance.resource).get("expressions")
            written = expressions if isinstance(expressions, dict) else ()
            # A plan does not show dynamic blocks.
            dead = unsupported_arguments(declared_as, written, version, self._at, is_block=False)
        reason = "" if dead is None else dead.why if isinstance(dead, Unknown) else str(dead)
        key = (words, names, sources, version if names else None, type(dead), reason)
        shared = self._shared.get(key)
        if shared is None:
            found = {} if words is None else origins_and_retention(words, names, version, self._at, sources)
            shared = self._shared[key] = found if dead is None else {**found, NAME: dead}
        return shared


def join_attributes(
    common: MapValue, secret: Value | None, own: Mapping[str, Value] = _NOTHING, derived: Mapping[str, Value] = _NOTHING
) -> MapValue:
    """Return all attributes of a resource: shared ones, its secret, its own, and derived ones."""
    at = common.at
    fields = {**common.fields, **own}
    if secret is not None:
        outer, inner = PATH_IN_BODY
        have = common.fields.get(outer)
        body = {**(have.fields if isinstance(have, MapValue) else {}), inner: secret}
        fields[outer] = MapValue(at=at, fields=body)
    if derived:
        have = common.fields.get("derived")
        values = {**(have.fields if isinstance(have, MapValue) else {}), **derived}
        fields["derived"] = MapValue(at=at, fields=values, origin=Origin.DERIVED)
    return MapValue(at=at, fields=fields)
