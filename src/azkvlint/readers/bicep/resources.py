"""The resources that a file in use declares -> resources of the graph, as far as any rule asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Result
from azkvlint.graph.existence import VARYING
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Unknown
from azkvlint.readers.arm.attribute_filter import Asked, Tree, pruned
from azkvlint.readers.arm.origins import OUTPUT_TYPE
from azkvlint.readers.arm.resource import Declaration, make
from azkvlint.readers.arm.template_holders import HOLDERS
from azkvlint.readers.bicep.document import inner_resources
from azkvlint.readers.bicep.entities import ResourceEntity, ResourceSymbol
from azkvlint.readers.bicep.loops import condition_of
from azkvlint.readers.bicep.origins import of_value, outputs_of
from azkvlint.readers.bicep.scenarios import may_exist, skip
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance

_HEAD = frozenset({"name", "parent", "scope", "dependsOn"})
_KEY_VAULT = "microsoft.keyvault/"
# What says nothing of how a vault is set up.
_HARMLESS = frozenset(
    _KEY_VAULT + name
    for name in (
        "vaults/privateendpointconnections", "vaults/eventgridfilters", "managedhsms/privateendpointconnections",
        "deletedvaults", "deletedmanagedhsms", "locations/deletedvaults", "locations/deletedmanagedhsms",
        "checknameavailability", "operations",
    )
)  # fmt: skip


def lower_resources(instance: Instance, conditions: frozenset[str]) -> None:
    """Add all resources that the file declares itself, in their order."""
    if requires_outputs(instance.run.wanted.required, OUTPUT_TYPE):
        for output in outputs_of(instance):
            instance.run.resources[output.address] = output
    for node in instance.file.declared(ast.Resource):
        if instance.file.symbols.get(node.name) is node and may_matter(instance, node):
            _lower(instance.resource(node), conditions)


def may_matter(instance: Instance, node: ast.Resource) -> bool:
    """Whether any rule may ask for a resource, by its type as it is written; so most need no evaluation at all."""
    if inner_resources(node) or not isinstance(node.type, ast.Literal):
        return True
    whole = str(node.type.value)
    known = instance.run.cache.matters(instance.run.wanted)
    if whole not in known:
        type_ = whole.partition("@")[0]
        lower = type_.lower()
        asked = instance.run.wanted.of(type_) is not None
        known[whole] = asked or lower in HOLDERS or lower.startswith(_KEY_VAULT) or "/providers/" in lower
    return known[whole]


def _lower(symbol: ResourceSymbol, conditions: frozenset[str]) -> None:
    if not _lower_entities(symbol, conditions):
        may_exist(symbol, conditions, _lower_entities, _skip)


def _lower_entities(symbol: ResourceSymbol, conditions: frozenset[str]) -> bool:
    """Add what a declaration deploys; False if that is nothing."""
    is_there = False
    for entity in symbol.entities:
        found = condition_of(symbol.instance.evaluator, entity.iteration, entity.address)
        if found is None:
            continue
        is_there = True
        known = conditions | found
        _add(entity, known)
        for inner in entity.inner.values():
            _lower(inner, known)
    return is_there


def _skip(symbol: ResourceSymbol, reason: str) -> None:
    above = symbol.outer.identity.type if symbol.outer is not None else ""
    skip(symbol.instance.run, symbol.instance.file, symbol.node, symbol.address, reason, above)


def _add(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    instance = entity.instance
    run, type_ = instance.run, entity.identity.type
    asked = run.wanted.of(type_) if type_ else None
    if type_.lower() in HOLDERS and not entity.node.existing:
        from azkvlint.readers.bicep.embedded_templates import add_held  # most files have no such resources

        add_held(entity, conditions)
        return
    if asked is None:
        if not entity.node.existing:
            _unasked(entity, type_)
        return
    resource = resource_of(entity, asked, conditions)
    if (
        not entity.node.existing
        and type_.lower() == SECRETS_TYPE
        and requires_origins(run.wanted.required, SECRETS_TYPE)
    ):
        found = of_value(entity)
        if found is not None:
            resource = msgspec.structs.replace(resource, attributes=with_origins(resource.attributes, found))
    if run.scenarios is not None and type_.lower() in VARYING and instance.use.scenario is None:
        run.scenarios.vaults[entity.address] = entity
    run.resources[entity.address] = resource


def resource_of(entity: ResourceEntity, asked: Asked, conditions: frozenset[str]) -> Resource:
    """Return a resource with what is asked of its type."""
    instance, identity = entity.instance, entity.identity
    body: Mapping[str, Result] = {}
    rest: Unknown | None = None
    if not entity.node.existing:
        body, rest = _members(entity, asked)
    return make(
        Declaration(
            address=entity.address,
            type=identity.type,
            version=identity.version,
            names=identity.names,
            above=identity.above,
            extends=identity.extends,
            body=body,
            at=instance.shown(entity.at),
            existing=entity.node.existing,
            conditions=conditions,
            callers=instance.use.callers,
            rest=rest,
        ),
        instance.run.freezer,
    )


def _unasked(entity: ResourceEntity, type_: str) -> None:
    """A Key Vault resource that nobody knows, or one whose type is not known, is not passed over in silence."""
    lower = type_.lower()
    if not type_:
        entity.instance.run.closed = False
        text = f"the type of '{entity.address}' is not known, so it was not judged"
        entity.instance.run.type_not_known("warning", text, entity.at)
    elif lower.startswith(_KEY_VAULT) and canonical(type_) is None and lower not in _HARMLESS:
        text = f"'{type_}' is a Key Vault type that is not known, so it was not judged"
        entity.instance.run.type_not_known("error", text, entity.at)


def _members(entity: ResourceEntity, asked: Asked) -> tuple[dict[str, Result], Unknown | None]:
    """The evaluated members that anybody asks for, and why there may be more."""
    body = entity.body
    found: dict[str, Result] = {}
    if body.properties is None:
        whole = body.whole()
        for name, result in whole.fields.items():
            below = _below(asked.tree, name)
            if name in _HEAD:
                found[name] = Absent(at=result.at)
            elif below is not None:
                found[name] = pruned(result, below[0])
        return found, whole.rest
    for name, node in body.properties.items():
        if name in _HEAD:
            # Only where it stands counts: what it says is in the identity.
            found[name] = Absent(at=entity.instance.place(node))
            continue
        below = _below(asked.tree, name)
        if below is not None:
            found[name] = _property(entity, node, entity.local, below[0])
    return found, None


def _below(asked: Tree | None, name: str) -> tuple[Tree | None] | None:
    """What is asked of a member (in a tuple, where None is all); None if nothing is."""
    return (None,) if asked is None else asked.get(name) or asked.get(name.lower())


def _property(entity: ResourceEntity, node: ast.Property, local: Local, asked: Tree | None) -> Result:
    """The value of a property, without what nobody asks for; that is not even evaluated where it is written out."""
    value = node.value
    evaluator = entity.instance.evaluator
    if asked is None or type(value) is not ast.Object:
        return pruned(evaluator.property(node, local), asked)
    fields: dict[str, Result] = {}
    for member in value.members:
        if not isinstance(member, ast.Property) or not isinstance(member.key, str):
            return pruned(evaluator.property(node, local), asked)
        below = _below(asked, member.key)
        if below is not None:
            fields[member.key] = _property(entity, member, local, below[0])
    return Fields(at=entity.instance.place(node), fields=fields)
