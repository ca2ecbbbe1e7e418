"""A plan -> the resources that the loaded rules ask for, and what could not be understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from kvlint.model.graph import Demand, Resource
from kvlint.model.report import Problem
from kvlint.model.source import Location
from kvlint.model.value import Link, MapValue, Scalar, Value
from kvlint.readers.azurerm.resources import RESOURCES, is_vault_related
from kvlint.readers.plan.address import Key, ModulePath, module_path, resource_of
from kvlint.readers.plan.azapi import arm_type, azapi_attributes, overlaid, update_body, update_target
from kvlint.readers.plan.configuration import Configuration
from kvlint.readers.plan.document import MAKE_PLAN_JSON, Plan, ResourceChange, decode_change, decode_plan
from kvlint.readers.plan.instance import Instance
from kvlint.readers.plan.links import Instances, Tracer
from kvlint.readers.plan.lower import Lowering
from kvlint.readers.plan.prior import prior_data
from kvlint.readers.plan.providers import Providers
from kvlint.readers.problems import NOT_WHOLE, TYPE_NOT_KNOWN

# How a resource is spelled whose type only its own arguments know.
_AZAPI, _AZAPI_UPDATE = "azapi_resource", "azapi_update_resource"
_CANONICAL = {mapped.type.lower(): mapped.type for mapped in RESOURCES.values()}


class PlanRead(msgspec.Struct, kw_only=True):
    """What reading a plan gives. ``closed``: the plan is complete, so what is missing is missing."""

    plan: Plan
    resources: dict[str, Resource]
    problems: list[Problem]
    closed: bool


def read_plan(path: str, data: bytes, demand: Demand) -> PlanRead:
    """Read the plan ``data``, known as ``path``. Raises InputError if it is not a plan."""
    return _Reader(path, decode_plan(data), demand).read()


class _Reader:
    def __init__(self, path: str, plan: Plan, demand: Demand) -> None:
        self.path = path
        self.plan = plan
        self.demand = demand
        self.configuration = Configuration(plan.configuration)
        self.tracer = Tracer(self.configuration, Instances())
        self.providers = Providers(plan, self.configuration, path)
        self.lowerings: dict[str, Lowering | None] = {}
        self.resources: dict[str, Resource] = {}
        self.updates: list[tuple[Instance, str]] = []
        self.problems: list[Problem] = []

    def read(self) -> PlanRead:
        """All resources first, so that references between them find their instances."""
        self._check_whole()
        for provider in self.providers.resources:
            if self.demand.of(provider.type) is not None:
                self.resources[provider.address] = provider
        wanted = [change for change in self.plan.changes if self._is_wanted(change)]
        placed = [(change, *self._place(change)) for change in wanted]
        for change, path, resource, key in placed:
            self.tracer.instances.add(path, resource, key, change.address)
        for change, path, resource, key in placed:
            at = Location(path=self.path, address=change.address)
            with self._reading(f"the change of '{change.address}'", change.address):
                decoded = decode_change(change.change)
                self._add(change, Instance(change.address, path, resource, key, decoded, at, self.tracer))
        with self._reading("prior_state"):
            for data in prior_data(self.plan, self.path, self.demand, self.resources):
                self.resources.setdefault(data.address, data)
        self._overlay()
        closed = self.plan.complete and not self.plan.errored and self.configuration.given
        return PlanRead(plan=self.plan, resources=self.resources, problems=self.problems, closed=closed)

    @contextmanager
    def _reading(self, what: str, address: str | None = None) -> Iterator[None]:
        """A part that is not shaped as Terraform prints it is a Problem, and the rest is still read."""
        try:
            yield
        except (msgspec.DecodeError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            self._problem(NOT_WHOLE, "error", f"{what} cannot be read: {reason}", address)

    def _check_whole(self) -> None:
        """What a plan must hold for its answer to be whole."""
        plan = self.plan
        if not plan.changes:
            self._problem(NOT_WHOLE, "error", "the plan holds no resource_changes, so nothing was judged")
        if not self.configuration.given:
            self._problem(
                NOT_WHOLE, "error", "the plan holds no configuration, so links between new resources cannot be followed"
            )
        if plan.errored:
            self._problem(NOT_WHOLE, "error", "the plan ended with an error and is only a part of what was asked for")
        elif not plan.complete:
            text = "the plan is not complete (a target or a deferred change), so nothing is called missing"
            self._problem(NOT_WHOLE, "warning", text)
        if plan.format_version.startswith("0.") or not plan.format_version:
            what = f"plan format {plan.format_version} is older than 1.0" if plan.format_version else "no format_version"
            self._problem(NOT_WHOLE, "warning", f"{what}; read as 1.x")

    def _problem(self, code: str, level: str, message: str, address: str | None = None) -> None:
        at = Location(path=self.path, address=address)
        hint = MAKE_PLAN_JSON if code == NOT_WHOLE else ""
        self.problems.append(Problem(code=code, level=level, message=message, at=at, hint=hint))

    def _is_wanted(self, change: ResourceChange) -> bool:
        """Whether any rule asks for a resource of this type. One that only looks like a vault is a Problem."""
        if change.deposed is not None:
            return False
        if change.type in (_AZAPI, _AZAPI_UPDATE):
            return True
        if change.type in self.lowerings:
            return self.lowerings[change.type] is not None
        mapped = RESOURCES.get(change.type)
        asked = mapped is not None and self.demand.of(mapped.type) is not None
        self.lowerings[change.type] = Lowering(mapped, self.demand) if mapped is not None and asked else None
        if mapped is None and change.mode == "managed" and is_vault_related(change.type):
            text = f"'{change.type}' looks like a Key Vault resource, but its type is not known and it was not judged"
            self._problem(TYPE_NOT_KNOWN, "error", text, change.address)
        return asked

    @staticmethod
    def _place(change: ResourceChange) -> tuple[ModulePath, str, Key]:
        key = change.index if isinstance(change.index, (str, int)) else None
        local = f"{change.type}.{change.name}"
        local = f"data.{local}" if change.mode == "data" else local
        return module_path(change.module_address), local if change.name else resource_of(change.address), key

    def _add(self, change: ResourceChange, instance: Instance) -> None:
        if change.type == _AZAPI_UPDATE:
            self.updates.append((instance, change.type))
            return
        if change.type == _AZAPI:
            self._add_azapi(instance)
            return
        lowering = self.lowerings[change.type]
        if lowering is None:
            return
        version = self.providers.version_of(instance.names, instance.resource)
        attributes = lowering.attributes(instance, version)
        if "provider" in self.demand.vias:
            address = self.providers.address_of(instance.names, instance.resource)
            if address is not None:
                link = Link(at=instance.at, target=address)
                attributes = MapValue(at=attributes.at, fields={**attributes.fields, "provider": link})
        self._keep(instance, lowering.type, change.type, attributes, change.mode == "data")

    def _add_azapi(self, instance: Instance) -> None:
        named = arm_type(instance)
        if named is None:
            text = "the type of an azapi_resource is not known before apply, so it was not judged"
            self._problem(TYPE_NOT_KNOWN, "error", text, instance.address)
            return
        type_ = _CANONICAL.get(named[0].lower(), named[0])
        if self.demand.of(type_) is not None:
            attributes = azapi_attributes(instance, type_, named[1])
            self._keep(instance, type_, _AZAPI, attributes, instance.resource.startswith("data."))
        elif type_.lower().startswith("microsoft.keyvault/") and type_.lower() not in _CANONICAL:
            text = f"'{type_}' is a Key Vault type that is not known, so it was not judged"
            self._problem(TYPE_NOT_KNOWN, "error", text, instance.address)

    def _keep(self, instance: Instance, type_: str, declared_as: str, attributes: MapValue, existing: bool) -> None:
        self.resources[instance.address] = Resource(
            address=instance.address,
            type=type_,
            name=_name(attributes.fields.get("name"), instance),
            attributes=attributes,
            at=instance.at,
            declared_as=declared_as,
            action=instance.action,
            replace_paths=instance.replace_paths,
            existing=existing,
        )

    def _overlay(self) -> None:
        """Each azapi_update_resource changes the resource that it names, if the plan holds it."""
        by_id = {
            str(value.value).lower(): resource.address
            for resource in self.resources.values()
            if isinstance(value := resource.attributes.fields.get("id"), Scalar)
        }
        for instance, declared_as in self.updates:
            target = update_target(instance)
            address = target.target if isinstance(target, Link) else None
            if isinstance(target, Scalar):
                address = by_id.get(str(target.value).lower())
            found = self.resources.get(address or "")
            if found is not None:
                attributes = overlaid(found.attributes, update_body(instance))
                self.resources[found.address] = msgspec.structs.replace(found, attributes=attributes)
                continue
            named = arm_type(instance)
            if named is None or named[0].lower().startswith("microsoft.keyvault/"):
                text = f"{declared_as} changes a resource that is not in the plan, so the whole was not judged"
                self._problem(TYPE_NOT_KNOWN, "warning", text, instance.address)


def _name(value: Value | None, instance: Instance) -> str:
    """The resource's name in Azure, else the one its author gave it."""
    if isinstance(value, Scalar) and isinstance(value.value, str) and not value.sensitive:
        return value.value
    return instance.resource.rpartition(".")[2]
