"""Map the planned change of one azurerm resource to Azure's attributes, by the version of its provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.argument_versions import UNSUPPORTED, requires_unsupported, unsupported_arguments
from azkvlint.azure.azurerm.arguments import name_as_written
from azkvlint.azure.azurerm.providers import PROVIDER_PREFIX, features_value, provider_resource
from azkvlint.azure.azurerm.secret_attributes import ARGUMENT_IN_STATE, SECRET_ARGUMENTS
from azkvlint.graph.changes import CHANGED_FROM, with_changes
from azkvlint.graph.pseudo_resources import PATH_IN_BODY, origins_and_retention, requires_origins, with_derived
from azkvlint.model.location import Location
from azkvlint.model.provider_version import EVIDENCE, VersionRange, narrow_by_arguments, range_of_constraint
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Link, MapValue, Origin, Scalar, Unknown, Value, path_text
from azkvlint.readers.plan.address import module_path, resource_of, split
from azkvlint.readers.plan.configuration import Instances, Node, PlanConfiguration
from azkvlint.readers.plan.document import ChangeDecoder, Plan, ResourceChange, decode_entry, whole_changes
from azkvlint.readers.plan.map_arguments import ArgumentMaps, PlanArgumentMap
from azkvlint.readers.plan.origins import NOT_TRACED, PlanOrigins
from azkvlint.readers.plan.planned_resource import PlannedAddress, PlannedInstance
from azkvlint.readers.plan.reference_walk import Tracer
from azkvlint.syntax.json_decoder import DECODE_ERRORS

_Derived: TypeAlias = Mapping[str, Value]
_NOTHING: _Derived = {}


class Additions:
    """The attributes that configurations add, by block."""

    def __init__(
        self, required: RequiredAttributes, configuration: PlanConfiguration, origins: PlanOrigins, at: Location
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
        self, declared_as: str, type_: str, instance: PlannedInstance, version: VersionRange, in_state: bool | None
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
        self, declared_as: str, type_: str, instance: PlannedInstance, version: VersionRange, in_state: bool | None
    ) -> _Derived:
        if type_ not in self._requirements:
            traced = requires_origins(self._required, type_)
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
            shared = self._shared[key] = found if dead is None else {**found, UNSUPPORTED: dead}
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


class ManagingProvider(msgspec.Struct, frozen=True):
    """The provider versions that a resource can have been planned with, and a link to its provider block if shown."""

    version: VersionRange
    link: Link | None


class Providers:
    """The azurerm provider blocks of one plan, by provider key."""

    def __init__(self, plan: Plan, configuration: PlanConfiguration, path: str) -> None:
        self._configuration = configuration
        self._path = path
        self._evidence = _evidence(plan)
        blocks = {key: block for key, block in configuration.providers().items() if _is_azurerm(key, block)}
        self._versions = {
            key: self._narrow_by_evidence(range_of_constraint(str(block.get("version_constraint", ""))))
            for key, block in blocks.items()
        }
        self.resources = tuple(_resource(key, block, self._versions[key], path) for key, block in blocks.items())
        self._only = next(iter(blocks)) if len(blocks) == 1 else ""
        self._addresses = {resource.address for resource in self.resources}
        self._known: dict[tuple[tuple[str, ...], str], ManagingProvider] = {}

    def _narrow_by_evidence(self, version: VersionRange) -> VersionRange:
        for type_, keys in self._evidence:
            version = narrow_by_arguments(type_, keys, version)
        return version

    def find(self, names: tuple[str, ...], resource: str) -> ManagingProvider:
        """Return the provider that manages a resource, by its static place."""
        place = (names, resource)
        found = self._known.get(place)
        if found is None:
            # A resource without a block was removed from the configuration; a single provider must have managed it.
            key = self._configuration.provider_key(names, resource) or self._only
            version = self._versions.get(key)
            address = PROVIDER_PREFIX + key
            link = Link(at=Location(path=self._path), target=address) if address in self._addresses else None
            found = self._known[place] = ManagingProvider(
                version if version is not None else self._narrow_by_evidence(VersionRange()), link
            )
        return found


def _evidence(plan: Plan) -> list[tuple[str, frozenset[str]]]:
    """Return the first resource of each type that dates its provider, and the arguments it shows."""
    found: dict[str, frozenset[str]] = {}
    decoder = whole_changes()
    for type_, entry in zip(plan.types, plan.entries, strict=False):
        if type_ in found or (type_ is not None and type_ not in EVIDENCE):
            continue
        try:
            change = decode_entry(entry)
            is_evidence = change.type in EVIDENCE and change.type not in found
            keys = _keys(change, decoder) if is_evidence else None
        except DECODE_ERRORS:
            continue  # reported where resources are read
        if keys is not None:
            found[change.type] = keys
            if len(found) == len(EVIDENCE):
                break
    return list(found.items())


def _keys(entry: ResourceChange, decoder: ChangeDecoder) -> frozenset[str] | None:
    """Return the arguments that a resource shows; None for a data source."""
    if entry.mode != "managed":
        return None
    change = decoder.change(entry.change)
    unknown = change.after_unknown if isinstance(change.after_unknown, dict) else {}
    return frozenset({*(change.after or decoder.values(change.before)), *unknown})


def _is_azurerm(key: str, block: Node) -> bool:
    name = str(block.get("full_name") or block.get("name") or key)
    return name.rpartition("/")[2] == "azurerm"


def _resource(key: str, block: Node, version: VersionRange, path: str) -> Resource:
    address = PROVIDER_PREFIX + key
    at = Location(path=path, address=address)
    expressions = _object(block.get("expressions"))
    written = _object(_object(expressions.get("features")).get("key_vault"))

    def switch(flag: str) -> Value | None:
        return _constant(written[flag], at) if isinstance(written.get(flag), dict) else None

    def argument(name: str) -> Value | None:
        return _constant(expressions[name], at) if name in expressions else None

    return provider_resource(address, key, features_value(version, at, at, switch), version, at, argument)


def _constant(expression: Any, at: Location) -> Scalar | Unknown:
    plain = expression.get("constant_value") if isinstance(expression, dict) else None
    if isinstance(plain, str | bool):
        return Scalar(at=at, value=plain)
    return Unknown(at=at, why="the provider block sets the value with an expression that is not shown in a plan")


def _object(value: Any) -> Mapping[str, Any]:
    """Return a block as the configuration writes it: an object, or a list of one."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else {}


class ResourceMapper:
    """Maps the resources of one plan, and caches what they share.

    ``deferred`` has the reason for each deferred change, by address; ``steps`` limits the references followed. There is
    no reference to resources, some of which refer to a mapper: garbage collection is off, and a cycle would keep the
    plan in memory.
    """

    def __init__(
        self,
        plan: Plan,
        configuration: PlanConfiguration,
        instances: Instances,
        deferred: Mapping[str, str],
        required: RequiredAttributes,
        path: str,
        steps: int,
    ) -> None:
        # Values in a plan have no locations; only resources do.
        self._at = Location(path=path)
        self._required = required
        self._deferred = deferred
        self.providers = Providers(plan, configuration, path)
        self.arguments = ArgumentMaps(required, self._at)
        self.tracer = Tracer(configuration, instances, self.arguments.is_required, steps)
        self.origins = PlanOrigins(configuration, plan)
        self._additions = Additions(required, configuration, self.origins, self._at)

    def instance(self, change: ResourceChange, place: PlannedAddress, decoder: ChangeDecoder) -> PlannedInstance:
        """Return a resource as it is after the plan is applied, or before, if the plan removes it."""
        decoded = decoder.change(change.change)
        removed = decoder.values(decoded.before) if decoded.after is None else None
        instance = PlannedInstance(place, decoded, removed, self._at, self.tracer)
        instance.deferred = self._deferred.get(change.address, "")
        return instance

    def before(self, change: ResourceChange, place: PlannedAddress, decoder: ChangeDecoder) -> PlannedInstance:
        """Return a resource as it is before the plan is applied."""
        decoded = decoder.change(change.change)
        return PlannedInstance(place, decoded, decoder.values(decoded.before), self._at, self.tracer)

    def requires_changes(self, type_: str) -> bool:
        """Return whether a rule compares resources of an Azure type with their previous state."""
        paths = self._required.paths_of(type_) or ()
        return any(path[:2] in (CHANGED_FROM, ()) for path in paths)

    def attributes(
        self, change: ResourceChange, place: PlannedAddress, arguments: PlanArgumentMap, instance: PlannedInstance
    ) -> tuple[MapValue, MapValue]:
        """Return the attributes of an azurerm resource, and those that it shares with others."""
        managed = self.providers.find(place.names, place.resource)
        in_state = instance.is_set(ARGUMENT_IN_STATE) if change.type in SECRET_ARGUMENTS else None
        own = arguments.own_attributes(instance)
        common, secret = arguments.shared_attributes(instance, managed.version)
        if managed.link is not None:
            own["provider"] = managed.link
        if instance.action == "update" and self.requires_changes(arguments.type):
            before = self.before(change, place, arguments.decoder)
            arguments.own_attributes(before)
            after = join_attributes(common, secret)
            earlier = join_attributes(*arguments.shared_attributes(before, managed.version))
            changed = with_changes(after, earlier, lambda path: name_as_written(change.type, path_text(path)))
            if changed is not after:
                common = msgspec.structs.replace(common, fields={**common.fields, "derived": changed.fields["derived"]})
        added = self._additions.find(change.type, arguments.type, instance, managed.version, in_state)
        common = self._additions.shape(common, added)
        return join_attributes(common, secret, own), common


class LateMapper:
    """Maps resources of a plan after it was read.

    It has a mapper of its own, made for the first resource: few plans need it, and the caches of the other one, which
    are large, are released once a plan is read.
    """

    def __init__(self, make: Callable[[], ResourceMapper]) -> None:
        self._make = make
        self._mapper: ResourceMapper | None = None

    def fields(self, change: ResourceChange) -> Mapping[str, Value]:
        """Return the attributes of an azurerm resource by name."""
        if self._mapper is None:
            self._mapper = self._make()
        arguments = self._mapper.arguments.find(change.type)
        if arguments is None:
            return {}
        place = planned_address(change)
        instance = self._mapper.instance(change, place, arguments.decoder)
        return self._mapper.attributes(change, place, arguments, instance)[0].fields


def planned_address(change: ResourceChange) -> PlannedAddress:
    """Return the place of a resource in the configuration."""
    path = module_path(change.module_address)
    local = f"{change.type}.{change.name}"
    local = f"data.{local}" if change.mode == "data" else local
    key = change.index if isinstance(change.index, (str, int)) else None
    names, _ = split(path)
    return PlannedAddress(change.address, path, names, local if change.name else resource_of(change.address), key)
