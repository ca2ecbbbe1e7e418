"""One resource instance of a plan: its values after apply, its written arguments, and what it depends on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import ALWAYS_SET, ALWAYS_SET_OF
from azkvlint.graph.pseudo_resources import AFTER, GRANTS, dependency_list, with_derived
from azkvlint.model.location import Location
from azkvlint.model.pattern import TERRAFORM, Pattern, declared_hole
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown, Value, path_text
from azkvlint.readers.ordered import ANY_GRANT, NO_GRANT, GrantOrder, Grants
from azkvlint.readers.plan.address import Key, ModulePath, Names, Traversal, instance_address, longest, split, traversal
from azkvlint.readers.plan.configuration import Node, PlanConfiguration, expression_at, references
from azkvlint.readers.plan.document import PlanChange
from azkvlint.readers.plan.reference_walk import MAX_HOPS, Tracer

ArgumentPath = tuple[str | int, ...]
KNOWN_AFTER_APPLY = "known after apply"


class PlannedAddress(msgspec.Struct, frozen=True):
    """The place of a resource instance: module instance, module names, module-local address and instance key."""

    address: str
    path: ModulePath
    names: Names
    resource: str
    key: Key


class PlannedInstance:
    """One resource instance. ``values``, ``unknown`` and ``sensitive`` are the three parallel trees of a plan.

    What a plan removes is seen as it is before (``values`` are passed then), and everything in it is known.
    ``at`` is the same for all values of a plan, which have no place of their own in the text: the resource has.
    """

    __slots__ = (
        "action",
        "address",
        "at",
        "creates",
        "deferred",
        "filled",
        "followed",
        "key",
        "names",
        "path",
        "replace_paths",
        "resource",
        "sensitive",
        "tracer",
        "unknown",
        "values",
    )

    def __init__(
        self, place: PlannedAddress, change: PlanChange, values: dict[str, Any] | None, at: Location, tracer: Tracer
    ) -> None:
        self.address = place.address
        self.path = place.path
        self.names = place.names
        self.resource = place.resource
        self.key = place.key
        self.at = at
        self.tracer = tracer
        self.action = planned_action(change)
        # Why it is left to a later plan, which may do something else with it.
        self.deferred = ""
        forced = change.replace_paths
        self.replace_paths = tuple(path_text(tuple(steps)) for steps in forced) if forced else ()
        # Whether any value was found by following a reference, so that it is this instance's alone.
        self.followed = False
        # Arguments that are not set, so that the provider computes them.
        self.filled: frozenset[str] = frozenset()
        self.creates = self.action in ("create", "replace")
        self.values: dict[str, Any] = change.after or {} if values is None else values
        self.unknown: Any = change.after_unknown if values is None else None
        self.sensitive: Any = change.after_sensitive if values is None else change.before_sensitive

    @property
    def configuration(self) -> PlanConfiguration:
        """Return the configuration of the plan."""
        return self.tracer.configuration

    @property
    def is_data(self) -> bool:
        """Return whether it is a data source."""
        return self.resource.startswith("data.")

    def writes(self, argument: str) -> bool | None:
        """Return whether the author wrote the argument; None if the plan does not show it."""
        return self.configuration.writes(self.names, self.resource, argument)

    def unwritten(self, arguments: Iterable[str]) -> frozenset[str]:
        """Return the arguments that the author certainly did not write; none for a data source.

        The values of a data source come from Azure.
        """
        if self.is_data:
            return frozenset()
        return frozenset(name for name in arguments if self.writes(name) is False)

    def is_set(self, argument: str) -> bool | None:
        """Return whether the plan has a value for an argument; None if it may be null."""
        if mark(self.unknown, argument) is True:
            return True if self.unknown_value((argument,)).is_set else None
        return self.values.get(argument) is not None

    def is_left_out(self, path: ArgumentPath) -> bool:
        """Return whether an unknown Optional+Computed argument is unknown only because its author left it out.

        Then the provider or Azure fills in the default. It takes a plan that creates the resource, and a
        configuration that shows its block without the argument. (A dynamic block does not show: with an unknown
        for_each Terraform marks the block unknown all the same, which a plan alone cannot tell apart.)
        """
        if not self.creates:
            return False
        block = self.configuration.resource(self.names, self.resource)
        return bool(block) and expression_at(block.get("expressions"), path) is None

    def is_kept(self, path: ArgumentPath) -> bool:
        """Return whether an existing resource keeps a value that the configuration does not set.

        A plan does not show dynamic blocks, so the configuration may set it all the same.
        """
        if self.creates:
            return False
        block = self.configuration.resource(self.names, self.resource)
        return bool(block) and expression_at(block.get("expressions"), path) is None

    def is_overruled(self, path: ArgumentPath, rivals: tuple[str, ...]) -> bool:
        """Return whether an argument only repeats its previous value, because its author set it by another name.

        The provider computes the names that are not set: during an update they still have their previous values.
        """
        if self.action != "update":
            return False
        written = self.configuration.resource(self.names, self.resource).get("expressions")
        return expression_at(written, path) is None and any(
            expression_at(written, (*path[:-1], rival)) is not None for rival in rivals
        )

    def unknown_value(self, path: ArgumentPath) -> Unknown:
        """Return an unknown value with its dependencies."""
        block = self.configuration.resource(self.names, self.resource)
        expression = expression_at(block.get("expressions"), path)
        refs = references(expression)
        if not refs:
            # Of an expression without references only the time or a random value is unknown, never null.
            return Unknown(at=self.at, why=KNOWN_AFTER_APPLY, given=expression == {})
        pattern: Pattern | None = None
        if path and path[-1] in IDENTITIES:
            self.followed = True
            pattern = identity_origin(self.configuration, self.path, refs)
        given = all(ref.startswith(ALWAYS_SET_OF) for ref in refs) and refs[0].rpartition(".")[2] in ALWAYS_SET
        return Unknown(at=self.at, why=f"`{refs[0]}` is {KNOWN_AFTER_APPLY}", pattern=pattern, given=given)

    def resolve_link(self, path: ArgumentPath) -> Link | Unknown:
        """Return an unknown id, followed to the resource that it will be the id of."""
        self.followed = True
        question = (self.path, self.resource, path)
        known = self.tracer.links.get(question)
        if known is not None:
            return known
        trace = self.tracer.trace(self.path, self.names, self.resource, self.key, path)
        if trace is None:
            return self.unknown_value(path)
        if trace.is_certain:
            link = Link(at=self.at, target=trace.addresses[0], type=trace.types[0], hops=trace.hops)
            if not trace.by_key:
                self.tracer.links[question] = link
            return link
        why = f"`{trace.hops[0]}` is {KNOWN_AFTER_APPLY}" if trace.hops else KNOWN_AFTER_APPLY
        closed = not trace.anything
        return Unknown(
            at=self.at, why=why, candidates=trace.addresses, closed=closed, types=trace.types, hops=trace.hops
        )

    def links(self, values: Any, unknown: list[Any], sensitive: Any, path: ArgumentPath) -> ListValue:
        """Return a list of ids, some of which are not known."""
        items = (
            self.resolve_link(path) if mark(unknown, i) is True else self.plain(item, None, mark(sensitive, i), path)
            for i, item in enumerate(_pad(values if isinstance(values, list) else [], unknown))
        )
        return ListValue(at=self.at, items=tuple(item for item in items if item is not None))

    def plain(self, value: Any, unknown: Any, sensitive: Any, path: ArgumentPath) -> Value | None:
        """Return any JSON value with its two marks, as a Value; None for null, which is "not set"."""
        if unknown is True:
            return self.unknown_value(path)
        hidden = sensitive is True
        if isinstance(value, (str, bool, int, float)):
            return Scalar(at=self.at, value=value, sensitive=hidden)
        if isinstance(value, list) or (value is None and isinstance(unknown, list)):
            return ListValue(at=self.at, items=self._items(value or [], unknown, sensitive, path), sensitive=hidden)
        if isinstance(value, dict) or (value is None and isinstance(unknown, dict) and unknown):
            return MapValue(at=self.at, fields=self._fields(value or {}, unknown, sensitive, path), sensitive=hidden)
        return None

    def _items(self, items: list[Any], unknown: Any, sensitive: Any, path: ArgumentPath) -> tuple[Value, ...]:
        found = (
            self.plain(item, mark(unknown, i), mark(sensitive, i), (*path, i))
            for i, item in enumerate(_pad(items, unknown))
        )
        return tuple(value if value is not None else self.unknown_value(path) for value in found)

    def _fields(self, fields: dict[str, Any], unknown: Any, sensitive: Any, path: ArgumentPath) -> dict[str, Value]:
        names = dict.fromkeys(fields) | (dict.fromkeys(unknown) if isinstance(unknown, dict) else {})
        found = {
            name: self.plain(fields.get(name), mark(unknown, name), mark(sensitive, name), (*path, name))
            for name in names
        }
        return {name: value for name, value in found.items() if value is not None}


def planned_action(change: PlanChange) -> str:
    """Return one word for the ``actions`` of a change (Terraform's internal/command/jsonplan/plan.go)."""
    actions = change.actions
    if "delete" in actions:
        return "replace" if "create" in actions else "delete"
    if "forget" in actions:
        return "replace" if "create" in actions else "forget"
    action = actions[0] if actions else "create"
    return "import" if change.importing is not None and action == "no-op" else action


def mark(tree: Any, step: str | int) -> Any:
    """Return the mark below ``tree`` (after_unknown, after_sensitive): True covers everything below it."""
    if tree is True:
        return True
    if isinstance(tree, dict):
        return tree.get(step)
    if isinstance(tree, list) and isinstance(step, int) and step < len(tree):
        return tree[step]
    return None


def _pad(items: list[Any], unknown: Any) -> list[Any]:
    """Return the items, and a place for each unknown one that the values leave out at the end."""
    missing = len(unknown) - len(items) if isinstance(unknown, list) else 0
    return items + [None] * missing if missing > 0 else items


# What identities, and connections that have one, are called in arguments and in what they come from.
IDENTITIES = frozenset(
    {
        "principal_id", "object_id", "client_id", "application_id", "tenant_id", "user_id", "group_object_id",
        "member_object_id", "identity_client_id", "key_vault_identity_client_id", "ssl_keyvault_identity_client_id",
        "serviceprincipalid", "service_endpoint_id",
    }
)  # fmt: skip


def identity_origin(configuration: PlanConfiguration, path: ModulePath, refs: list[str]) -> Pattern | None:
    """Return the pattern of the attribute that ``refs`` in the module at ``path`` lead to; None if it is not one
    alone.
    """
    for _ in range(MAX_HOPS):
        found = longest(tuple(refs))
        if len(found) != 1:
            return None
        ref = found[0]
        if ref.kind in ("azure", "other"):
            return _identity_pattern(path, ref)
        if ref.kind == "var" and path and not ref.rest:
            call = configuration.call(split(path)[0]).get("expressions")
            refs, path = references(call.get(ref.name) if isinstance(call, dict) else None), path[:-1]
        elif ref.kind == "module" and len(ref.rest) == 1:
            path = (*path, (ref.name, ref.key))
            outputs = configuration.module(split(path)[0]).get("outputs")
            node = outputs.get(ref.rest[0]) if isinstance(outputs, dict) else None
            refs = references(node.get("expression")) if isinstance(node, dict) else []
        else:
            return None
    return None


def _identity_pattern(path: ModulePath, ref: Traversal) -> Pattern | None:
    if not ref.rest or ref.rest[-1] not in {*IDENTITIES, "id"}:
        return None
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in ref.rest)
    address = instance_address(path, ref.name, ref.key)
    return declared_hole(TERRAFORM, address, steps.removeprefix("."), ref.name.rpartition(".")[0])


def add_order(
    resources: dict[str, Resource], objects: Iterable[PlannedAddress], configuration: PlanConfiguration, at: Location
) -> None:
    """Add to objects in vaults the role assignments and access policies that they depend on."""
    order = _ApplyOrder(configuration)
    for place in objects:
        resource = resources.get(place.address)
        if resource is not None:
            values = {AFTER: order.of_object(place.names, place.resource, at)}
            attributes = with_derived(resource.attributes, values)
            resources[place.address] = msgspec.structs.replace(resource, attributes=attributes)


class _ApplyOrder(GrantOrder):
    """The role assignments and access policies that a resource depends on, computed once per block and reference."""

    def __init__(self, configuration: PlanConfiguration) -> None:
        super().__init__()
        self._configuration = configuration
        self._objects: dict[tuple[Names, str], Value] = {}

    def of_object(self, names: Names, resource: str, at: Location) -> Value:
        """Return the role assignments and access policies that are created before the instances of a block."""
        found = self._objects.get((names, resource))
        if found is None:
            found = dependency_list(self._resource(names, resource) | self._calls(names), at)
            self._objects[names, resource] = found
        return found

    def _resource(self, names: Names, local: str) -> Grants:
        address = _address(names, local)
        found = self.once(address, lambda: self._block(names, self._configuration.resource(names, local)))
        return found | {address} if local.partition(".")[0] in GRANTS else found

    def _block(self, names: Names, block: Node) -> Grants:
        found = NO_GRANT
        for part in ("expressions", "for_each_expression", "count_expression"):
            if part in block:
                found |= self._follow(names, block[part])
        return found | self._depends(names, block["depends_on"]) if "depends_on" in block else found

    def _calls(self, names: Names) -> Grants:
        """Return the dependencies of all calls on the path to a module."""
        found = NO_GRANT
        while names:
            found |= self._depends(names[:-1], self._configuration.call(names).get("depends_on"))
            names = names[:-1]
        return found

    def _follow(self, names: Names, expression: Any) -> Grants:
        found = NO_GRANT
        for ref in longest(tuple(references(expression))):
            grants = self._of_reference(names, ref)
            if grants:  # most resources depend on none
                found |= grants
        return found

    def _depends(self, names: Names, addresses: Any) -> Grants:
        found = addresses if isinstance(addresses, list) else ()
        return NO_GRANT.union(*(self._of_reference(names, traversal(str(text))) for text in found))

    def _of_reference(self, names: Names, ref: Traversal) -> Grants:
        match ref.kind:
            case "var":
                given = self._configuration.call(names).get("expressions") if names else None
                if not isinstance(given, dict):
                    return NO_GRANT
                return self.once(
                    _address(names, f"var.{ref.name}"), lambda: self._follow(names[:-1], given.get(ref.name))
                )
            case "module":
                return self._module((*names, ref.name), ref)
            case "azure" | "other":
                return self._resource(names, ref.name)
        return ANY_GRANT if ref.text.startswith("local.") else NO_GRANT

    def _module_grants(self, names: Names) -> Grants:
        """Return the dependencies of all resources and calls in a module."""
        blocks = self._configuration.module(names).get("resources")
        found = blocks if isinstance(blocks, list) else []
        waits = [self._resource(names, str(block.get("address"))) for block in found if isinstance(block, dict)]
        return self._calls(names).union(*waits)

    def _module(self, inner: Names, ref: Traversal) -> Grants:
        if not ref.rest:
            address = _address(inner, "")
            return self.once(address, lambda: self._module_grants(inner)) | {f"{address}."}
        outputs = self._configuration.module(inner).get("outputs")
        output = outputs.get(str(ref.rest[0])) if isinstance(outputs, dict) else None
        block = output if isinstance(output, dict) else {}
        key = _address(inner, f"output.{ref.rest[0]}")
        return self.once(
            key,
            lambda: self._follow(inner, block.get("expression")).union(
                self._depends(inner, block.get("depends_on")), self._calls(inner)
            ),
        )


def _address(names: Names, local: str) -> str:
    return ".".join([*(f"module.{name}" for name in names), *([local] if local else [])])
