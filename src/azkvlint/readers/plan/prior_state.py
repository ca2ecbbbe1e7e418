"""Data sources that were read before the plan: ``prior_state`` holds them, ``resource_changes`` does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Scalar
from azkvlint.readers.plan.configuration import Configuration
from azkvlint.readers.plan.constant_arguments import whole
from azkvlint.readers.plan.document import Change, Plan
from azkvlint.readers.plan.instances import Instances
from azkvlint.readers.plan.map_arguments import Lowering
from azkvlint.readers.plan.planned_resource import Instance, Place
from azkvlint.readers.plan.state import resources_of
from azkvlint.readers.plan.unknown_references import Tracer


def prior_data(plan: Plan, path: str, required: RequiredAttributes, have: Collection[str]) -> Iterator[Resource]:
    """The data sources of ``prior_state`` that rules ask for, as resources that exist and are not judged."""
    raw = plan.prior_state
    if raw is None or b'"data"' not in bytes(raw):
        return
    tracer = Tracer(Configuration(None), Instances(), RESOURCES.__contains__)
    shared = Location(path=path)
    lowerings: dict[str, Lowering] = {}
    for item in resources_of(raw):
        mapped = RESOURCES.get(item.type)
        if item.mode != "data" or mapped is None or item.address in have or required.paths_of(mapped.type) is None:
            continue
        lowering = lowerings.get(item.type)
        if lowering is None:
            lowering = lowerings[item.type] = Lowering(mapped, required, shared)
        place = Place(item.address, (), (), f"data.{item.type}", None)
        change = Change(actions=["read"], after=item.decoded(), after_sensitive=item.marks())
        instance = Instance(place, change, None, shared, tracer)
        own = lowering.own(instance)
        common, secret = lowering.said(instance, VersionRange())
        name = own.get("name")
        yield Resource(
            address=item.address,
            type=mapped.type,
            name=str(name.value) if isinstance(name, Scalar) and not name.sensitive else item.address,
            attributes=whole(common, secret, own),
            at=Location(path=path, address=item.address),
            declared_as=item.type,
            action="read",
            existing=True,
        )
