"""Maps the planned change of one azurerm resource to attributes in Azure's vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from azkvlint.azure.azurerm.argument_names import name_as_written
from azkvlint.azure.azurerm.credentials import ARGUMENTS, IN_STATE
from azkvlint.graph.changes import CHANGED_FROM, with_changes
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import MapValue, Value, path_text
from azkvlint.readers.plan.address import module_path, resource_of, split
from azkvlint.readers.plan.configuration import Configuration
from azkvlint.readers.plan.constant_arguments import Additions, join_attributes
from azkvlint.readers.plan.document import ChangeDecoder, Plan, ResourceChange
from azkvlint.readers.plan.instances import Instances
from azkvlint.readers.plan.map_arguments import ArgumentMap, ArgumentMaps
from azkvlint.readers.plan.origins import PlanOrigins
from azkvlint.readers.plan.planned_resource import Instance, PlannedAddress
from azkvlint.readers.plan.providers import Providers
from azkvlint.readers.plan.unknown_references import Tracer


class ResourceMapper:
    """Maps the resources of one plan, and caches what they share.

    ``deferred`` has the reason for each deferred change, by address; ``steps`` limits the references followed. There is
    no reference to resources, some of which refer to a mapper: garbage collection is off, and a cycle would keep the
    plan in memory.
    """

    def __init__(
        self,
        plan: Plan,
        configuration: Configuration,
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

    def instance(self, change: ResourceChange, place: PlannedAddress, decoder: ChangeDecoder) -> Instance:
        """Return a resource as it is after the plan is applied, or before, if the plan removes it."""
        decoded = decoder.change(change.change)
        removed = decoder.values(decoded.before) if decoded.after is None else None
        instance = Instance(place, decoded, removed, self._at, self.tracer)
        instance.deferred = self._deferred.get(change.address, "")
        return instance

    def before(self, change: ResourceChange, place: PlannedAddress, decoder: ChangeDecoder) -> Instance:
        """Return a resource as it is before the plan is applied."""
        decoded = decoder.change(change.change)
        return Instance(place, decoded, decoder.values(decoded.before), self._at, self.tracer)

    def requires_changes(self, type_: str) -> bool:
        """Return whether a rule compares resources of an Azure type with their previous state."""
        paths = self._required.paths_of(type_) or ()
        return any(path[:2] in (CHANGED_FROM, ()) for path in paths)

    def attributes(
        self, change: ResourceChange, place: PlannedAddress, arguments: ArgumentMap, instance: Instance
    ) -> tuple[MapValue, MapValue]:
        """Return the attributes of an azurerm resource, and those that it shares with others."""
        managed = self.providers.find(place.names, place.resource)
        in_state = instance.is_set(IN_STATE) if change.type in ARGUMENTS else None
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
