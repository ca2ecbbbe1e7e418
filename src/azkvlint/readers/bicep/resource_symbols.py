"""Resources in expressions: their IDs, names and written members."""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, inputs_of
from azkvlint.evaluation.values import Fields, Result, find_field, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, DeclaredHole, Text, declared_hole, rstrip_text
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.bicep.document import inner_resources
from azkvlint.readers.bicep.symbols import Body, FileInstance, Iteration, ModuleEntity, Symbol
from azkvlint.readers.deployment.required import RequiredMembers, Tree, prune
from azkvlint.readers.deployment.resource import (
    Declaration,
    make_resource,
    parts_of,
    property_for_others,
    record_defaults,
    record_head,
    unknown_property,
)
from azkvlint.readers.deployment.scope import (
    GROUP,
    MANAGEMENT_GROUP,
    SUBSCRIPTION,
    Scope,
    id_value,
    resource_id,
    scope_of,
)
from azkvlint.syntax import ast

# Scopes of deployments that are resources themselves: what goes there does not extend them.
_SCOPES = frozenset({"microsoft.resources/resourcegroups", "microsoft.management/managementgroups"})


class Identity:
    """See ``readers.deployment.resource.Declaration`` for what the parts are."""

    __slots__ = ("above", "extends", "names", "type", "version")

    def __init__(self, type_: str, version: str, names: tuple[Text, ...], above: Text, extends: bool) -> None:
        self.type = type_
        self.version = version
        # A parent that is not known leaves its names open, so that a child stays a child.
        missing = type_.count("/") - len(names)
        self.names: tuple[Text, ...] = (("",) * missing + names) if missing > 0 else names
        self.above = above
        self.extends = extends

    @property
    def id(self) -> Text:
        """Return the ID, a pattern; empty if it is not known at all."""
        return resource_id(self.above, self.type, self.names)


UNKNOWN = Identity("", "", (), "", False)


def identify(entity: ResourceEntity, parent: ResourceEntity | None) -> Identity:
    """Return the identity of a resource; ``parent`` is its parent, if that is known."""
    type_, version = type_of(entity)
    found = entity.body.get("name")
    name = "" if found is None else pattern_of(found)
    if parent is not None:
        above = parent.identity
        if entity.outer is not None and "." not in type_.split("/")[0]:
            type_, version = f"{above.type}/{type_}", version or above.version
        return Identity(type_, version, (*above.names, name), above.above, above.extends)
    scope, extends = _scope(entity)
    parts = parts_of(type_, name, scope)
    return Identity(parts[0], version, parts[1], parts[2], extends or parts[3])


def type_of(entity: ResourceEntity) -> tuple[str, str]:
    """Return type and version as they are written; both empty if they are not known."""
    node = entity.node.type
    if isinstance(node, ast.Literal):
        text = str(node.value)
    else:
        found = entity.instance.evaluator.evaluate(node, entity.local)
        text = str(found.value) if isinstance(found, Scalar) else ""
    type_, _, version = text.partition("@")
    return type_, version


def _scope(entity: ResourceEntity) -> tuple[Text, bool]:
    """Return the ID of the scope or target of a resource, and whether that is a resource."""
    found = entity.body.get("scope")
    if found is None:
        entity.instance.record_scope()
        return entity.instance.scope.id, False
    text, type_ = scope_text(found)
    extends = bool(type_) and type_.lower() not in _SCOPES
    return text if text is not None else declared_hole(DEPLOYMENT, entity.address, "scope"), extends


def scope_text(found: Result) -> tuple[Text | None, str]:
    """Return the ID of a scope (a pattern; empty for a tenant, None if unknown), and its type if it is a resource."""
    resource = as_resource(found)
    if resource is not None:
        return resource.identity.id or None, resource.identity.type
    if isinstance(found, Fields):
        found = found.fields.get("id", found)
    text = pattern_of(found)
    return (rstrip_text(text, "/") if text else None), ""


def module_scope(found: Result | None, around: Scope, level: str, address: str) -> Scope:
    """Return the scope of a module: ``found`` is its scope as written, ``level`` the target scope of its file."""
    if found is None:
        return around
    text, _ = scope_text(found)
    named = scope_of(text) if text is not None else None
    if named is not None:
        return named
    if level in (SUBSCRIPTION, MANAGEMENT_GROUP):
        scope = declared_hole(DEPLOYMENT, address, "scope")
        return Scope(level, scope, management_group=scope)
    # A file without targetScope is for a resource group.
    subscription = declared_hole(DEPLOYMENT, address, "scope.subscription")
    return Scope(level or GROUP, subscription, declared_hole(DEPLOYMENT, address, "scope"))


def called_scope(module: ModuleEntity, level: str) -> Scope:
    """Return the scope of a module call. ``level`` is the target scope of the file or template."""
    module.instance.record_scope()
    return module_scope(module.body.get("scope"), module.instance.scope, level, module.address)


# What Azure adds nothing to, so that what is written is all there is.
_AS_WRITTEN = frozenset({"location", "tags", "sku", "kind", "zones", "plan", "managedBy", "extendedLocation"})
_AFTER = "is known after deployment"


class ResourceSymbol(Symbol["ResourceEntity"]):
    """A resource declaration; ``outer`` is the resource that it is written in."""

    def __init__(self, instance: FileInstance, node: ast.Resource, outer: ResourceEntity | None, local: Local) -> None:
        address: str = instance.prefix + node.name if outer is None else f"{outer.address}::{node.name}"
        super().__init__(instance, node, local, address)
        self.node = node
        self.outer = outer

    def close(self) -> None:
        """Release all objects: see ``ModuleInstance.close``."""
        super().close()
        self.outer, self.local = None, {}

    def entity(self, iteration: Iteration) -> ResourceEntity:
        """Return the resource of one iteration."""
        return ResourceEntity(self, iteration)


class ResourceEntity:
    """One resource as it is deployed, evaluated on first use."""

    def __init__(self, symbol: ResourceSymbol, iteration: Iteration) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.node = symbol.node
        self.outer = symbol.outer
        self.address: str = symbol.address + iteration.key
        self.at = self.instance.head(symbol.node)
        self.inner: dict[str, ResourceSymbol] = {}
        inner = inner_resources(self.node)
        if inner:
            # Those in it see each other by name, and so does whatever else is written in it.
            around = dict(iteration.local)
            for node in inner:
                child = self.inner[node.name] = ResourceSymbol(self.instance, node, self, around)
                around[node.name] = _InnerResource(child)
            iteration = Iteration(
                key=iteration.key, local=around, body=iteration.body, condition=iteration.condition, loop=iteration.loop
            )
        self.iteration = iteration
        self.local = iteration.local
        self.body = Body(self.instance, self.node.name, iteration)
        self._identity: Identity | None = None
        self._identity_read: Inputs | None = None
        self._busy = False

    def close(self) -> None:
        """Release all objects: see ``ModuleInstance.close``."""
        for child in self.inner.values():
            child.close()
        self.inner.clear()
        self.body.close()

    @property
    def identity(self) -> Identity:
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
            found, read = self.instance.run.recorder.of(self._identify)
        finally:
            self._busy = False
        self._identity, self._identity_read = found, inputs_of(read)
        return found

    def _identify(self) -> Identity:
        return identify(self, self.outer if self.outer is not None else as_resource(self.body.get("parent")))

    @property
    def declared_type(self) -> str:
        """Return the type, which does not depend on the name; empty if it is not known."""
        type_, _ = type_of(self)
        if self.outer is not None and "." not in type_.split("/")[0]:
            return f"{self.outer.declared_type}/{type_}"
        return type_

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
                return found if found is not None else Unknown(at=at, why="known after deployment")
            case "type":
                return Scalar(at=at, value=self.identity.type)
            case "apiVersion":
                return Scalar(at=at, value=self.identity.version)
            case "properties" | "identity":
                found = None if self.node.existing else self.body.get(name)
                type_ = self.declared_type if name == "properties" else ""
                return WrittenObject(found if isinstance(found, Fields) else None, self._part(name), at, type_)
        found = self.body.get(name) if name in _AS_WRITTEN and not self.node.existing else None
        return found if found is not None else _after(name, self._part(name), at)

    def _part(self, name: str) -> DeclaredHole:
        return declared_hole(DEPLOYMENT, self.identity.id or self.address, name)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="a resource is used as an array, so the deployment fails")


class WrittenObject:
    """An object that a resource has as its author wrote it, and to which Azure may add more.

    ``name`` is its pattern. ``type_`` is the type of the resource whose properties it is; "" of anything else.
    """

    def __init__(self, fields: Fields | None, name: DeclaredHole, at: Location, type_: str = "") -> None:
        self.fields = fields
        self.name = name
        self.at = at
        self.type = type_

    def member(self, name: str, at: Location) -> Result:
        """Return the written value, else Unknown with the same pattern in each use."""
        found = find_field(self.fields, name) if self.fields is not None else None
        own = declared_hole(DEPLOYMENT, self.name.address, f"{self.name.path}.{name}")
        if found is not None:
            found = property_for_others(self.type, name, found)
        if isinstance(found, Fields):
            return WrittenObject(found, own, found.at)
        return found if found is not None and not isinstance(found, Absent) else _after(name, own, at)

    def item(self, index: Result, at: Location) -> Result:
        """Return a member by name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="known after deployment")


class _InnerResource:
    """A resource within another, by its name there: its loop is evaluated on first use."""

    def __init__(self, symbol: ResourceSymbol) -> None:
        self.symbol = symbol
        self.at = symbol.instance.head(symbol.node)

    def member(self, name: str, at: Location) -> Result:
        """Return a member of the resource."""
        return self.symbol.instance.evaluator.member(self.symbol.result(), name, False, at)

    def item(self, index: Result, at: Location) -> Result:
        """Return one iteration."""
        return self.symbol.instance.evaluator.item(self.symbol.result(), index, False, False, at)


def as_resource(found: Result | None) -> ResourceEntity | None:
    """Return the resource that a symbol refers to; None if it is not a resource."""
    if isinstance(found, _InnerResource):
        found = found.symbol.result()
    return found if isinstance(found, ResourceEntity) else None


def _after(name: str, own: DeclaredHole, at: Location) -> Unknown:
    return unknown_property(name, f"`{name}` {_AFTER}", own, at)


_HEAD = frozenset({"name", "parent", "scope", "dependsOn"})


def resource_of(entity: ResourceEntity, required: RequiredMembers, conditions: frozenset[str]) -> Resource:
    """Return a resource with the required members of its type."""
    instance, recorder = entity.instance, entity.instance.run.recorder
    identity, read = recorder.of(lambda: entity.identity)
    record_head(recorder, read, recorder.of(type_of, entity)[1])
    body: Mapping[str, Result] = {}
    rest: Unknown | None = None
    if not entity.node.existing:
        body, rest = _body_of(entity, required)
    record_defaults(recorder)
    return make_resource(
        Declaration(
            address=entity.address,
            type=identity.type,
            version=identity.version,
            names=identity.names,
            above=identity.above,
            extends=identity.extends,
            body=body,
            at=instance.reported_location(entity.at),
            existing=entity.node.existing,
            conditions=conditions,
            callers=instance.module_call.callers,
            rest=rest,
        ),
        instance.run.freezer,
    )


def _body_of(entity: ResourceEntity, required: RequiredMembers) -> tuple[dict[str, Result], Unknown | None]:
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
        if name in _HEAD:
            # Only its location matters: its value is part of the identity.
            found[name] = Absent(at=entity.instance.place(node))
            continue
        below = _required_member(required.tree, name)
        if below is not None:
            found[name], read = recorder.of(_property_of, entity, node, entity.local, below[0])
            recorder.attribute((name,), read)
    return found, None


def _required_member(required: Tree | None, name: str) -> tuple[Tree | None] | None:
    """Return what is required of a member (in a tuple, where None is all); None if nothing is."""
    return (None,) if required is None else required.get(name) or required.get(name.lower())


def _property_of(entity: ResourceEntity, node: ast.Property, local: Local, required: Tree | None) -> Result:
    """Return the required part of a property; other members are not evaluated where they are literals."""
    value = node.value
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
    if parts is not None:
        parts.finish(whole)
    return whole


def _pruned_property(entity: ResourceEntity, node: ast.Property, local: Local, required: Tree | None) -> Result:
    """Return the required part of a property that is evaluated as a whole."""
    whole = entity.instance.evaluator.declared_property(node, local)
    if required is None:
        return whole
    pruned = prune(whole, required)
    entity.instance.run.recorder.replace(whole, pruned)
    return pruned
