"""Read a plan: the resources that the loaded rules require, and problems with unsupported parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from azkvlint.azure.azurerm.azapi import (
    AZAPI_ACTION,
    AZAPI_DATA_PLANE,
    AZAPI_UPDATE,
    WITH_TEMPLATE,
    action_level,
    has_attributes,
    unknown_type_message,
    unsupported_message,
)
from azkvlint.azure.azurerm.resources import RESOURCES, canonical, is_vault_related, name_of, unmapped_type_message
from azkvlint.evaluation.budget import STEPS_OF_WALKS, Budget, UnitWork
from azkvlint.evaluation.secret_texts import SecretTexts
from azkvlint.evaluation.values import wrap
from azkvlint.graph.changes import is_always_there, standalone_attributes, with_changes
from azkvlint.graph.pseudo_resources import (
    ARGUMENT_TYPE,
    GRANTS,
    MODULE_TYPE,
    OUTPUT_TYPE,
    READ_TYPE,
    requires_order,
    requires_origins,
    secret_in,
)
from azkvlint.model.finding import INPUT_INCOMPLETE, TYPE_UNKNOWN, Problem
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import REMOVED_ACTIONS, RequiredAttributes, Resource
from azkvlint.model.value import MapValue, Scalar, Value
from azkvlint.readers.argument_map import freeze
from azkvlint.readers.ordered import is_ordered
from azkvlint.readers.plan.configuration import Instances, PlanConfiguration
from azkvlint.readers.plan.document import (
    MAKE_PLAN_JSON,
    Plan,
    PlanChange,
    ResourceChange,
    decode_deferred,
    decode_entry,
    decode_plan,
    shortcomings,
    variables_of,
    whole_changes,
)
from azkvlint.readers.plan.map_arguments import ArgumentMaps, planned_attributes
from azkvlint.readers.plan.origins import state_resources
from azkvlint.readers.plan.planned_resource import PlannedAddress, PlannedInstance, add_order
from azkvlint.readers.plan.reference_walk import Tracer
from azkvlint.readers.plan.resource_mapper import LateMapper, ResourceMapper, join_attributes, planned_address
from azkvlint.syntax.json_decoder import DECODE_ERRORS, decode_error

_NOTHING: Mapping[str, Value] = {}


class LazyFields(Mapping[str, Value]):
    """The attributes of a resource by name.

    ``first`` are those that are known without mapping the others; ``map_all`` maps the change to all of them. A large
    plan has thousands of these objects, so they have no closures.
    """

    __slots__ = ("_change", "_every", "_first", "_map")

    def __init__(
        self,
        first: Mapping[str, Value],
        map_all: Callable[[ResourceChange], Mapping[str, Value]],
        change: ResourceChange,
    ) -> None:
        self._first = first
        self._map = map_all
        self._change: ResourceChange | None = change
        self._every: Mapping[str, Value] = _NOTHING

    @property
    def is_mapped(self) -> bool:
        """Return whether the other attributes have been mapped."""
        return self._change is None

    def _all(self) -> Mapping[str, Value]:
        if self._change is not None:
            self._every, self._change = self._map(self._change), None
        return self._every

    def __getitem__(self, name: str) -> Value:
        found = self._first.get(name)
        return self._all()[name] if found is None else found

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute; ``default`` if there is none."""
        found = self._first.get(name)
        return self._all().get(name, default) if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class PlanRead(msgspec.Struct, kw_only=True):
    """The result of reading a plan.

    ``numbers`` are the indexes of the plan's entries by address. ``closed``: the plan is complete, so a resource that
    is not in it does not exist. ``secret_texts`` are strings that no report may show. ``moved`` are the addresses of
    resources by those in earlier plans.
    """

    plan: Plan
    numbers: dict[str, int]
    resources: dict[str, Resource]
    problems: list[Problem]
    closed: bool
    secret_texts: Callable[[], frozenset[str]]
    moved: Mapping[str, str]


def _secret_texts(plan: Plan, constants: Iterable[tuple[str, Any]], deployed: frozenset[str]) -> frozenset[str]:
    """Return the texts that no report shows: of variables alone does a plan say by which names their values go.

    ``constants`` are the constants in its configuration, by name, and ``deployed`` the texts of the templates in it.
    """
    secrets, at = SecretTexts(), Location(path="")
    for name, plain in chain(variables_of(plan).items(), constants):
        secrets.note(name, wrap(plain, at))
    return frozenset(deployed | secrets.texts)


def read_plan(path: str, data: bytes, required: RequiredAttributes, unit: UnitWork | None = None) -> PlanRead:
    """Read the plan ``data``, known as ``path``. Raises InputError if it is not a plan."""
    return _PlanReader(path, decode_plan(data), required, Budget(len(data), unit=unit)).read()


class _PlanReader:
    def __init__(self, path: str, plan: Plan, required: RequiredAttributes, budget: Budget) -> None:
        self.path = path
        self.budget = budget
        self.plan = plan
        self.required = required
        self.configuration = PlanConfiguration(plan.configuration)
        self.at = Location(path=path)
        self.numbers: dict[str, int] = {}
        self.moved: dict[str, str] = {}
        self.deferred: dict[str, str] = {}
        steps = STEPS_OF_WALKS.for_size(budget.limits.size)
        rest = Instances(), self.deferred, required, path, steps
        self.mapper = ResourceMapper(plan, self.configuration, *rest)
        later = LateMapper(lambda: ResourceMapper(plan, PlanConfiguration(plan.configuration), *rest))
        self.map_later = later.fields
        self.deployed_texts: set[str] = set()
        self.azapi = whole_changes()
        self.resources: dict[str, Resource] = {}
        self.updates: list[PlannedInstance] = []
        self.problems: list[Problem] = []
        self.closed = plan.complete and not plan.errored and not plan.deferred and self.configuration.given

    def read(self) -> PlanRead:
        """Return all resources first, so that references between them find their instances."""
        for level, text in shortcomings(self.plan):
            self._problem(INPUT_INCOMPLETE, level, text)
        for provider in self.mapper.providers.resources:
            if self.required.paths_of(provider.type) is not None:
                self.resources[provider.address] = provider
        self.resources.update((aside.address, aside) for aside in self._pseudo_resources())
        placed = [(change, planned_address(change)) for change in self._required_entries()]
        ordered: list[PlannedAddress] = []
        if requires_order(self.required) and any(change.type in GRANTS for change, _ in placed):
            ordered = [place for change, place in placed if is_ordered(change.type) and change.mode != "data"]
        for place in (place for change, place in placed if change.deposed is None):
            self.mapper.tracer.instances.add(place.address, place.path, place.names, place.resource, place.key)
        placed.reverse()
        while placed:
            # What has been read is held no longer than needed.
            change, place = placed.pop()
            try:
                self._add(change, place)
            except DECODE_ERRORS as error:
                self._report_unreadable(f"the change of `{change.address}`", error, change.address)
        add_order(self.resources, ordered, self.configuration, self.at)
        try:
            for data in prior_data(self.plan, self.path, self.required, self.resources):
                self.resources.setdefault(data.address, data)
        except DECODE_ERRORS as error:
            self._report_unreadable("prior_state", error)
        self._overlay()
        self._report_drift()
        constants = [*self.configuration.constants()]
        self.plan.release_configuration()
        return PlanRead(
            plan=self.plan,
            numbers=self.numbers,
            resources=self.resources,
            problems=self.problems,
            closed=self.closed,
            secret_texts=partial(_secret_texts, self.plan, constants, frozenset(self.deployed_texts)),
            moved=self.moved,
        )

    def _report_drift(self) -> None:
        """Report settings that were changed outside Terraform."""
        if self.plan.drift is None:
            return
        from azkvlint.readers.plan.drift import drift_problems  # few plans have any

        try:
            self.problems += drift_problems(self.plan.drift, self.mapper, self.resources, self.path)
        except DECODE_ERRORS as error:
            self._report_unreadable("resource_drift", error)

    def _pseudo_resources(self) -> Iterator[Resource]:
        """Yield the pseudo resources that rules require."""
        if self.required.names(OUTPUT_TYPE):
            yield from self.mapper.origins.outputs(self.path)
        if self.required.names(ARGUMENT_TYPE):
            yield from self.mapper.origins.exposing_arguments(self.path)
        if self.required.names(MODULE_TYPE):
            yield from self.mapper.origins.module_calls(self.path)
        if self.required.names(READ_TYPE):
            versions = self.mapper.providers
            yield from self.mapper.origins.readings(self.path, lambda *place: versions.find(*place).version)

    def _report_unreadable(self, what: str, error: Exception, address: str | None = None) -> None:
        """Report a part that is not shaped as Terraform prints it; the rest is still read.

        What is missing in the rest may be in that part.
        """
        self.closed = False
        self._problem(INPUT_INCOMPLETE, "error", f"{what} cannot be read: {decode_error(error)}", address)

    def _problem(self, code: str, level: str, message: str, address: str | None = None) -> None:
        at = Location(path=self.path, address=address)
        hint = MAKE_PLAN_JSON if code == INPUT_INCOMPLETE else ""
        self.problems.append(Problem(code=code, level=level, message=message, at=at, hint=hint))

    def _required_entries(self) -> Iterator[ResourceChange]:
        """Yield the entries of the types that rules require; of all others only the head is decoded."""
        interest: dict[str | None, bool] = {None: True}
        firm = len(self.plan.entries)
        entries = zip(self.plan.types, chain(self.plan.entries, self.plan.deferred), strict=True)
        for number, (type_, entry) in enumerate(entries):
            is_relevant = interest.get(type_)
            if is_relevant is None:
                name = str(type_)
                is_relevant = interest[type_] = self.mapper.arguments.is_required(name) or is_vault_related(name)
            if not is_relevant:
                continue
            try:
                change = decode_entry(entry) if number < firm else self._decode_deferred(entry)
            except DECODE_ERRORS as error:
                self._report_unreadable(f"an entry of `{'resource' if number < firm else 'deferred'}_changes`", error)
                continue
            if change.deposed is not None:
                # No reference leads to what is left of an earlier replacement: it has an address of its own.
                change.address = f"{change.address} (deposed object {change.deposed})"
            self.numbers[change.address] = number
            if change.previous_address:
                self.moved[change.previous_address] = change.address
            if self.mapper.arguments.is_required(change.type):
                yield change
            elif change.mode == "managed" and is_vault_related(change.type):
                self._problem(TYPE_UNKNOWN, "error", unmapped_type_message(change.type), change.address)

    def _decode_deferred(self, entry: msgspec.Raw) -> ResourceChange:
        """Return a deferred change, which Terraform leaves to a later plan."""
        found = decode_deferred(entry)
        self.deferred[found.resource_change.address] = found.reason or "no reason stated"
        return found.resource_change

    def _add(self, change: ResourceChange, place: PlannedAddress) -> None:
        if change.type.startswith("azapi_"):
            self._add_azapi(change, place)
            return
        if change.type in WITH_TEMPLATE:
            self._add_deployed(self.mapper.instance(change, place, self.azapi), change.type)
            return
        arguments = self.mapper.arguments.find(change.type)
        if arguments is None:
            return
        existing = change.mode == "data"
        instance = self.mapper.instance(change, place, arguments.decoder)
        if arguments.is_lazy:
            identity = arguments.identity(instance)
            if identity is not None:
                fields = LazyFields(identity, self.map_later, change)
                self._keep(instance, arguments.type, change.type, MapValue(at=self.at, fields=fields), existing)
                return
        attributes, common = self.mapper.attributes(change, place, arguments, instance)
        self._keep(instance, arguments.type, change.type, attributes, existing, common)

    def _add_azapi(self, change: ResourceChange, place: PlannedAddress) -> None:
        from azkvlint.readers.modules.template_holders import HOLDERS  # most plans have no such resources
        from azkvlint.readers.plan.azapi import arm_type, azapi_attributes

        declared_as, instance = change.type, self.mapper.instance(change, place, self.azapi)
        if declared_as == AZAPI_UPDATE:
            self._add_update(instance)
            return
        if declared_as == AZAPI_ACTION:
            self._report_action(instance)
            return
        named = arm_type(instance)
        data_plane = declared_as == AZAPI_DATA_PLANE
        if named is None:
            self._report_unknown_type(instance, declared_as)
            return
        type_ = canonical(named[0]) or named[0]
        if type_.lower() in HOLDERS:
            self._add_deployed(instance, declared_as, type_.lower())
        elif has_attributes(type_, declared_as) and self.required.paths_of(type_) is not None:
            body = azapi_attributes(instance, type_, named[1], data_plane)
            derived = freeze(planned_attributes(instance), self.at)
            body = msgspec.structs.replace(body, fields={**body.fields, "derived": derived})
            if instance.action == "update" and self.mapper.requires_changes(type_):
                before = self.mapper.before(change, place, self.azapi)
                body = with_changes(body, azapi_attributes(before, type_, named[1], data_plane))
            traced = self._with_origins(instance, type_, body)
            self._keep(instance, type_, declared_as, traced, instance.is_data)
        elif text := unknown_type_message(type_, declared_as):
            self._problem(TYPE_UNKNOWN, "error", text, instance.address)

    def _report_unknown_type(self, instance: PlannedInstance, declared_as: str) -> None:
        text = f"the type of an {declared_as} is known after apply, so the resource was not evaluated"
        self._problem(TYPE_UNKNOWN, "error", text, instance.address)

    def _report_action(self, instance: PlannedInstance) -> None:
        """Report an action on Key Vault, or one that may create a vault."""
        from azkvlint.readers.plan.azapi import arm_type, is_key_vault, method_of

        if instance.action in REMOVED_ACTIONS or instance.is_data:
            return
        level = action_level(method_of(instance))
        if is_key_vault(instance):
            self._problem(TYPE_UNKNOWN, level, unsupported_message(AZAPI_ACTION), instance.address)
        elif arm_type(instance) is None and level == "error":
            self._report_unknown_type(instance, AZAPI_ACTION)

    def _add_update(self, instance: PlannedInstance) -> None:
        from azkvlint.readers.plan.azapi import arm_type, azapi_attributes, link_argument

        named = arm_type(instance)
        if named is None:
            self._report_unknown_type(instance, AZAPI_UPDATE)
        elif self.required.paths_of(named[0]) is None:
            return
        elif is_always_there(named[0]):
            type_ = canonical(named[0]) or named[0]
            whole = azapi_attributes(instance, type_, named[1], data_plane=False)
            whole = standalone_attributes(whole, link_argument(instance, "resource_id"))
            self._keep(instance, type_, AZAPI_UPDATE, whole, existing=False)
        else:
            self.updates.append(instance)

    def _add_deployed(self, instance: PlannedInstance, declared_as: str, azure_type: str = "") -> None:
        """Add the resources in the template of a deployment, unless the plan removes the deployment."""
        if instance.is_data or instance.action in REMOVED_ACTIONS:
            return
        from azkvlint.readers.plan.templates import deploy_templates  # most plans have no templates

        found = deploy_templates(instance, declared_as, azure_type, self.path, self.required, self.budget)
        self.closed = self.closed and found.closed
        self.problems += found.problems
        self.resources.update(found.resources)
        self.deployed_texts |= found.secret_texts
        number = self.numbers[instance.address]
        self.numbers.update(dict.fromkeys(found.resources, number))

    def _with_origins(self, instance: PlannedInstance, type_: str, attributes: MapValue) -> MapValue:
        """Return the attributes of an azapi resource with the origins of its secret, if a rule requires them."""
        if instance.is_data or not requires_origins(self.required, type_):
            return attributes
        if secret_in(attributes) is None:
            return attributes
        return self.mapper.origins.with_origins(instance, attributes)

    def _keep(
        self,
        instance: PlannedInstance,
        type_: str,
        declared_as: str,
        attributes: MapValue,
        existing: bool,
        common: MapValue | None = None,
    ) -> None:
        self.resources[instance.address] = Resource(
            address=instance.address,
            type=type_,
            name=name_of(attributes.fields.get("name"), instance.resource),
            attributes=attributes,
            at=Location(path=self.path, address=instance.address),
            declared_as=declared_as,
            action=instance.action,
            existing=existing,
            shared_attributes=common,
        )

    def _overlay(self) -> None:
        """Apply updates to the resources that they change, and report those whose target is not in the plan."""
        if not self.updates:
            return
        from azkvlint.readers.plan.azapi import apply_updates, is_key_vault

        for instance, error in apply_updates(self.updates, self.resources):
            if error is not None:
                self._report_unreadable(f"the change of `{instance.address}`", error, instance.address)
            elif is_key_vault(instance):
                text = f"the target of {AZAPI_UPDATE} is not in the plan, so the resource was not evaluated"
                self._problem(TYPE_UNKNOWN, "warning", text, instance.address)


def prior_data(plan: Plan, path: str, required: RequiredAttributes, have: Collection[str]) -> Iterator[Resource]:
    """Yield the data sources of ``prior_state`` that rules require, as existing resources."""
    raw = plan.prior_state
    if raw is None or b'"data"' not in bytes(raw):
        return
    tracer = Tracer(PlanConfiguration(None), Instances(), RESOURCES.__contains__, 0)
    shared = Location(path=path)
    lowerings = ArgumentMaps(required, shared)
    for item in state_resources(raw):
        if item.mode != "data" or item.address in have:
            continue
        lowering = lowerings.find(item.type)
        if lowering is None:
            continue
        place = PlannedAddress(item.address, (), (), f"data.{item.type}", None)
        change = PlanChange(actions=["read"], after=item.decode_values(), after_sensitive=item.sensitive_marks())
        instance = PlannedInstance(place, change, None, shared, tracer)
        own = lowering.own_attributes(instance)
        common, secret = lowering.shared_attributes(instance, VersionRange())
        name = own.get("name")
        yield Resource(
            address=item.address,
            type=lowering.type,
            name=str(name.value) if isinstance(name, Scalar) and not name.sensitive else item.address,
            attributes=join_attributes(common, secret, own),
            at=Location(path=path, address=item.address),
            declared_as=item.type,
            action="read",
            existing=True,
        )
