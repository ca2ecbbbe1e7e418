"""What objects of a plan are made after, followed only where that matters: it takes long."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.graph.apply_order import AFTER, OBJECTS, PRINCIPALS
from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.readers.plan.apply_order import Order
from azkvlint.readers.plan.configuration import Configuration
from azkvlint.readers.plan.planned_resource import Instance, Place

_NOTHING: Mapping[str, Value] = {}


class Waiting:
    """What may have to wait for a grant to whoever applies the plan, and whether there is one.

    ``always``: somebody asks for all that objects are made after, whatever it is.
    """

    def __init__(self, configuration: Configuration, always: bool) -> None:
        self._order = Order(configuration)
        self._objects: list[Place] = []
        self._matters = always

    def note(self, type_: str, place: Place, instance: Instance) -> Mapping[str, Value]:
        """Take note of a resource; what is derived of it if it is a grant, because of whom that is for."""
        if instance.is_data:
            return _NOTHING
        if type_ in OBJECTS:
            self._objects.append(place)
        found = self._order.of_grant(type_, instance) if type_ in PRINCIPALS else _NOTHING
        self._matters = self._matters or bool(found)
        return found

    def tell(self, resources: dict[str, Resource], at: Location) -> None:
        """Add to the objects what they are made after, if that matters to anybody."""
        for place in self._objects if self._matters else ():
            resource = resources.get(place.address)
            if resource is not None:
                told = {AFTER: self._order.of_object(place.names, place.resource, at)}
                resources[place.address] = msgspec.structs.replace(
                    resource, attributes=with_derived(resource.attributes, told)
                )
