"""Resources as they are deployed: their identity, members and conditions, each evaluated on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, inputs_of
from azkvlint.evaluation.values import Fields, Result, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, DeclaredHole, Text, bare, declared_hole
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.data_evaluator import DataEvaluator
from azkvlint.readers.deployment.declarations import inner_resources
from azkvlint.readers.deployment.resource import (
    EvaluatedDeclaration,
    ResourceIdentity,
    make_resource,
    property_for_others,
    record_defaults,
    record_head,
    unknown_property,
)
from azkvlint.readers.deployment.scope import id_value
from azkvlint.readers.deployment.symbols import (
    Caller,
    ConditionalIteration,
    DeclarationBody,
    DeploymentSymbol,
    FileInstance,
    Iteration,
)
from azkvlint.readers.modules.required_members import RequiredMembers, Tree, prune
from azkvlint.syntax import ast

UNKNOWN = ResourceIdentity("", "", (), "", False)
# What Azure adds nothing to, so that what is written is all there is.
_AS_WRITTEN = frozenset({"location", "tags", "sku", "kind", "zones", "plan", "managedBy", "extendedLocation"})
_AFTER = "is known after deployment"


class DeploymentResourceSymbol(DeploymentSymbol["DeploymentResourceEntity"]):
    """A resource declaration; ``outer`` is the resource that it is written in."""

    def __init__(
        self,
        instance: FileInstance,
        node: ast.ResourceDeclaration,
        outer: DeploymentResourceEntity | None,
        local: Local,
    ) -> None:
        above = instance.prefix if outer is None else f"{outer.symbol.address}{outer.iteration.key}::"
        address: str = above + node.name
        super().__init__(instance, node, local, address)
        self.node = node
        self.outer = outer

    @property
    def place(self) -> str:
        """Return the key of the declaration: its address, or in a template its path and pointer."""
        pointer = self.node.pointer
        return f"{self.instance.path}#/{'/'.join(map(str, pointer))}" if pointer else self.address

    def close(self) -> None:
        """Release all objects: see ``DeploymentInstance.close``."""
        super().close()
        self.outer, self.local = None, {}

    def entity(self, iteration: Iteration) -> DeploymentResourceEntity:
        """Return the resource of one iteration."""
        return cast("DeploymentResourceEntity", self.instance.entity_of(self, iteration))


class DeploymentResourceEntity(ConditionalIteration):
    """One resource as it is deployed, evaluated on first use."""

    def __init__(self, symbol: DeploymentResourceSymbol, iteration: Iteration) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.node = symbol.node
        self.outer = symbol.outer
        self.iteration: Iteration = iteration
        self.at = self.instance.head(symbol.node)
        self._address = ""
        self.inner: dict[str, DeploymentResourceSymbol] = {}
        inner = inner_resources(self.node)
        if inner:
            # Those in it see each other by name, and so does whatever else is written in it.
            around = dict(iteration.local)
            for node in inner:
                child = self.inner[node.name] = DeploymentResourceSymbol(self.instance, node, self, around)
                if self.instance.names_inner_resources:
                    around[node.name] = _InnerResource(child)
            iteration = Iteration(
                key=iteration.key, local=around, body=iteration.body, condition=iteration.condition, loop=iteration.loop
            )
        self.iteration = iteration
        self.local = iteration.local
        self.body = DeclarationBody(self.instance, self.node.name, iteration)
        self._identity: ResourceIdentity | None = None
        self._identity_read: Inputs | None = None
        self._address_read: Inputs | None = None
        self._busy = False

    def close(self) -> None:
        """Release all objects: see ``DeploymentInstance.close``."""
        for child in self.inner.values():
            child.close()
        self.inner.clear()
        self.body.close()

    @property
    def address(self) -> str:
        """Return its address in reports."""
        if not self._address:
            self._address, read = self.instance.run.recorder.of(self.instance.address_of, self)
            self._address_read = inputs_of(read)
        elif self._address_read:
            self.instance.run.recorder.add_inputs(self._address_read)
        return self._address

    @property
    def identity(self) -> ResourceIdentity:
        """Return its type, names and scope."""
        if self._identity is not None:
            if self._identity_read:
                self.instance.run.recorder.add_inputs(self._identity_read)
            return self._identity
        if self._busy:
            self.instance.run.recorder.read_all()
            return UNKNOWN
        self._busy = True
        try:
            found: ResourceIdentity
            found, read = self.instance.run.recorder.of(self.instance.identify, self)
        finally:
            self._busy = False
        self._identity, self._identity_read = found, inputs_of(read)
        return found

    @property
    def declared_type(self) -> str:
        """Return the type, which does not depend on the name; empty if it is not known."""
        type_, _ = self.instance.type_of(self)
        if self.outer is not None and "." not in type_.split("/")[0]:
            return f"{self.outer.declared_type}/{type_}"
        return type_

    def record_source(self) -> None:
        """Record what decides which file it deploys, if it is a nested deployment."""

    def member(self, name: str, at: Location) -> Result:
        """Return a member: what is certain before deployment, else Unknown with the same pattern in each use."""
        if name.startswith("::"):
            child = self.inner.get(name[2:])
            return child.result() if child else Unknown(at=at, why=f"nested resource `{name[2:]}` does not exist")
        match name:
            case "id":
                return id_value(self.identity.id, at)
            case "name":
                found = self.body.get("name")
                return found if found is not None else Unknown(at=at, why=f"`{self.address}.name` {_AFTER}")
            case "type":
                return Scalar(at=at, value=self.identity.type)
            case "apiVersion":
                return Scalar(at=at, value=self.identity.version)
            case "properties" | "identity":
                found = None if self.node.existing else self.body.get(name)
                type_ = self.declared_type if name == "properties" else ""
                written = found if isinstance(found, Fields) else None
                return WrittenObject(written, self._part(name), at, type_, self.identity.id)
        found = self.body.get(name) if name in _AS_WRITTEN and not self.node.existing else None
        return found if found is not None else _after(name, self._part(name), at)

    def _part(self, name: str) -> DeclaredHole:
        # What exists is what Terraform looks up with a data source.
        type_ = f"data.{self.identity.type}" if self.node.existing else self.identity.type
        return declared_hole(DEPLOYMENT, self.identity.id or self.address, name, type_)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="a resource is used as an array, so the deployment fails")


class WrittenObject:
    """An object that a resource has as its author wrote it, and to which Azure may add more.

    ``name`` is its pattern. ``type_`` and ``id_`` are those of the resource whose properties it is; else "".
    """

    def __init__(
        self, fields: Fields | None, name: DeclaredHole, at: Location, type_: str = "", id_: Text = ""
    ) -> None:
        self.fields = fields
        self.name = name
        self.at = at
        self.type = type_
        self.id = id_

    def member(self, name: str, at: Location) -> Result:
        """Return the written value, else Unknown with the same pattern in each use."""
        found = self.fields.find(name) if self.fields is not None else None
        own = declared_hole(DEPLOYMENT, self.name.address, f"{self.name.path}.{name}", self.name.type)
        if found is None or isinstance(found, Absent):
            return _after(name, own, at)
        if isinstance(found, Fields):
            return WrittenObject(found, own, found.at)
        return property_for_others(self.type, name, found, own, self.id)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"`{bare(self.name)}` {_AFTER}")


class _InnerResource:
    """A resource within another, by its name there: its loop is evaluated on first use."""

    def __init__(self, symbol: DeploymentResourceSymbol) -> None:
        self.symbol = symbol
        self.at = symbol.instance.head(symbol.node)

    def member(self, name: str, at: Location) -> Result:
        """Return a member of the resource."""
        return self.symbol.instance.evaluator.member(self.symbol.result(), name, False, at)

    def item(self, index: Result, at: Location) -> Result:
        """Return one iteration."""
        return self.symbol.instance.evaluator.item(self.symbol.result(), index, False, False, at)


def as_resource(found: Result | None) -> DeploymentResourceEntity | None:
    """Return the resource that a symbol refers to; None if it is not a resource."""
    if isinstance(found, _InnerResource):
        found = found.symbol.result()
    return found if isinstance(found, DeploymentResourceEntity) else None


def _after(name: str, own: DeclaredHole, at: Location) -> Unknown:
    return unknown_property(name, f"`{name}` {_AFTER}", own, at)


_HEAD = frozenset({"name", "parent", "scope", "dependsOn"})
# Members of a template that are evaluated on their own, and are not attributes.
_DECLARED = frozenset({"type", "apiVersion", "condition", "copy", "resources", "comments"})


def trace_sources(instance: FileInstance) -> None:
    """Evaluate again what decides which files lead to an instance, for a record of what that reads."""
    caller = instance.module_call.module
    while caller is not None:
        caller.record_source()
        caller = caller.instance.module_call.module


def trace_instances(symbol: DeploymentSymbol[Any]) -> None:
    """Evaluate again what decides which instances of a declaration exist, for a record of what that reads."""
    for entity in symbol.entities:
        trace_existence(entity)


def trace_existence(entity: Caller) -> None:
    """Evaluate again what decides whether a resource or module exists, for a record of what that reads."""
    here: Caller | None = entity
    while here is not None:
        here.symbol.expand()
        here.conditions()
        here.record_source()
        outer = here.outer
        here = outer if outer is not None else here.instance.module_call.module


def member_pattern(entity: DeploymentResourceEntity, name: str) -> Text:
    """Return the pattern of a member that names a scope; empty if it is not written."""
    found = entity.body.get(name)
    if found is None or isinstance(found, Absent):
        return ""
    return pattern_of(found) or declared_hole(DEPLOYMENT, entity.address, name)


def resource_of(entity: DeploymentResourceEntity, required: RequiredMembers, conditions: frozenset[str]) -> Resource:
    """Return a resource with the required members of its type."""
    instance, recorder = entity.instance, entity.instance.run.recorder
    identity, read = recorder.of(lambda: entity.identity)
    record_head(recorder, read, recorder.of(instance.type_of, entity)[1])
    if recorder.is_recording:
        recorder.attribute((), recorder.of(trace_sources, instance)[1])
    body: Mapping[str, Result] = {}
    rest: Unknown | None = None
    if not entity.node.existing:
        body, rest = _body_of(entity, required)
    record_defaults(recorder)
    return make_resource(
        EvaluatedDeclaration(
            address=entity.address,
            identity=identity,
            body=body,
            at=instance.reported_location(entity.at),
            existing=entity.node.existing,
            conditions=conditions,
            callers=instance.module_call.callers,
            rest=rest,
            nameless=None if identity.names and identity.names[-1] else _why_nameless(entity),
        ),
        instance.run.freezer,
    )


def _why_nameless(entity: DeploymentResourceEntity) -> Unknown | None:
    """Return the unknown name of a resource of which nothing is known; None if it is not evaluated by itself."""
    # The identity of the resource has read the name already.
    name, _ = entity.instance.run.recorder.of(entity.body.get, "name")
    return name if isinstance(name, Unknown) else None


def _body_of(entity: DeploymentResourceEntity, required: RequiredMembers) -> tuple[dict[str, Result], Unknown | None]:
    """Return the evaluated members that are required, and why there may be more."""
    body, recorder = entity.body, entity.instance.run.recorder
    found: dict[str, Result] = {}
    if body.properties is None:
        whole, read = recorder.of(body.all_members)
        recorder.attribute((), read)
        for name, result in whole.fields.items():
            below = _required_member(required.tree, name)
            if name in _HEAD:
                found[name] = Absent(at=result.at)
            elif below is not None:
                found[name] = prune(result, below[0])
        return found, whole.rest
    for name, node in body.properties.items():
        if name in _DECLARED:
            continue
        if name in _HEAD:
            # Only its location matters: its value is part of the identity.
            found[name] = Absent(at=entity.instance.place(node.value if isinstance(node.value, ast.Data) else node))
            continue
        below = _required_member(required.tree, name)
        if below is not None:
            found[name], read = recorder.of(_property_of, entity, node, entity.local, below[0])
            recorder.attribute((name,), read)
    return found, None


def _required_member(required: Tree | None, name: str) -> tuple[Tree | None] | None:
    """Return what is required of a member (in a tuple, where None is all); None if nothing is."""
    return (None,) if required is None else required.get(name) or required.get(name.lower())


def _property_of(entity: DeploymentResourceEntity, node: ast.Property, local: Local, required: Tree | None) -> Result:
    """Return the required part of a property; other members are not evaluated where they are literals."""
    value = node.value
    evaluator = entity.instance.evaluator
    if isinstance(value, ast.Data) and isinstance(evaluator, DataEvaluator):
        return evaluator.data(value.plain, value.pointer, local, required)
    if required is None or type(value) is not ast.Object:
        return _pruned_property(entity, node, local, required)
    recorder = entity.instance.run.recorder
    fields: dict[str, Result] = {}
    parts = recorder.parts() if recorder.is_recording else None
    for member in value.members:
        if not isinstance(member, ast.Property) or not isinstance(member.key, str):
            return _pruned_property(entity, node, local, required)
        below = _required_member(required, member.key)
        if below is not None:
            fields[member.key] = _property_of(entity, member, local, below[0])
            if parts is not None:
                parts.add(member.key, fields[member.key])
    whole = Fields(at=entity.instance.place(node), fields=fields)
    return whole if parts is None else parts.finish(whole)


def _pruned_property(
    entity: DeploymentResourceEntity, node: ast.Property, local: Local, required: Tree | None
) -> Result:
    """Return the required part of a property that is evaluated as a whole."""
    whole = entity.instance.evaluator.declared_property(node, local)
    if required is None:
        return whole
    pruned = prune(whole, required)
    entity.instance.run.recorder.replace(whole, pruned)
    return pruned
