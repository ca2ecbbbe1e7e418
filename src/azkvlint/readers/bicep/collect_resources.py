"""Collects the resources of a Bicep file and its modules that rules read."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import DECLARATIONS_A_STEP
from azkvlint.evaluation.values import Fields, Result, hole, is_large, pattern_of, plain_of, unknown_in
from azkvlint.graph.existence import VARYING
from azkvlint.graph.pseudo_resources import SECRETS_TYPE, requires_origins, requires_outputs, with_origins
from azkvlint.graph.value_origins import Source
from azkvlint.model.value import Absent
from azkvlint.readers.arm.collect_resources import HoldingResource, deploy_held
from azkvlint.readers.arm.origins import OUTPUT_TYPE
from azkvlint.readers.arm.scope import GROUP, SUBSCRIPTION, Scope, scope_of
from azkvlint.readers.arm.template_holders import DEPLOYMENTS, HOLDERS, member_of
from azkvlint.readers.bicep.document import inner_resources
from azkvlint.readers.bicep.loops import condition_of, is_unconditional, written_length
from azkvlint.readers.bicep.module_evaluation import BicepContent, BicepSource, ModuleInstance
from azkvlint.readers.bicep.origins import origins_of_secret, outputs_of
from azkvlint.readers.bicep.resource_symbols import ResourceEntity, ResourceSymbol, resource_of
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.readers.bicep.scenarios import may_exist, skip, skip_file
from azkvlint.readers.bicep.symbols import Content, ModuleSymbol
from azkvlint.readers.bicep.templates import DeployedTemplate
from azkvlint.syntax import ast

_KEY_VAULT = "microsoft.keyvault/"
# Types that do not configure a vault.
_HARMLESS = frozenset(
    _KEY_VAULT + name
    for name in (
        "vaults/privateendpointconnections", "vaults/eventgridfilters", "managedhsms/privateendpointconnections",
        "deletedvaults", "deletedmanagedhsms", "locations/deletedvaults", "locations/deletedmanagedhsms",
        "checknameavailability", "operations",
    )
)  # fmt: skip


def collect_resources(instance: ModuleInstance, conditions: frozenset[str]) -> None:
    """Add all resources that the file declares itself, in their order."""
    if requires_outputs(instance.run.attribute_filter.required, OUTPUT_TYPE):
        for output in outputs_of(instance):
            instance.run.resources[output.address] = output
    for node in instance.file.declarations(ast.Resource):
        if instance.file.symbols.get(node.name) is node and may_be_required(instance, node):
            _collect_resource(instance.resource(node), conditions)


def may_be_required(instance: ModuleInstance, node: ast.Resource) -> bool:
    """Return whether a rule may read a resource, by its type as written; most need no evaluation at all."""
    if inner_resources(node) or not isinstance(node.type, ast.Literal):
        return True
    whole = str(node.type.value)
    known = instance.run.cache.required_types(instance.run.attribute_filter)
    if whole not in known:
        type_ = whole.partition("@")[0]
        lower = type_.lower()
        required = instance.run.attribute_filter.members_of(type_) is not None
        known[whole] = required or lower in HOLDERS or lower.startswith(_KEY_VAULT) or "/providers/" in lower
    return known[whole]


def _collect_resource(symbol: ResourceSymbol, conditions: frozenset[str]) -> None:
    if not _collect_entities(symbol, conditions):
        may_exist(symbol, conditions, _collect_entities, _skip)


def _collect_entities(symbol: ResourceSymbol, conditions: frozenset[str]) -> bool:
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
            _collect_resource(inner, known)
    return is_there


def _skip(symbol: ResourceSymbol, reason: str) -> None:
    above = symbol.outer.identity.type if symbol.outer is not None else ""
    skip(symbol.instance.run, symbol.instance.file, symbol.node, symbol.address, reason, above)


def _add(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    instance = entity.instance
    run, type_ = instance.run, entity.identity.type
    required = run.attribute_filter.members_of(type_) if type_ else None
    if type_.lower() in HOLDERS and not entity.node.existing:
        _deploy_held_template(entity, conditions)
        return
    if required is None:
        if not entity.node.existing:
            _report_unknown_type(entity, type_)
        return
    resource = resource_of(entity, required, conditions)
    if (
        not entity.node.existing
        and type_.lower() == SECRETS_TYPE
        and requires_origins(run.attribute_filter.required, SECRETS_TYPE)
    ):
        sources: list[Source] = []
        found = origins_of_secret(entity, sources)
        if found is not None:
            attributes = with_origins(resource.attributes, found, sources=sources)
            resource = msgspec.structs.replace(resource, attributes=attributes)
    if run.scenarios is not None and type_.lower() in VARYING and instance.module_call.scenario is None:
        run.scenarios.vaults[entity.address] = entity
    run.resources[entity.address] = resource


def _report_unknown_type(entity: ResourceEntity, type_: str) -> None:
    """Report a Key Vault resource of a type that is not supported, or a resource whose type is unknown."""
    lower = type_.lower()
    if not type_:
        entity.instance.run.closed = False
        text = f"the type of `{entity.address}` is unknown, so the resource was not evaluated"
        entity.instance.run.type_not_known("warning", text, entity.at)
    elif lower.startswith(_KEY_VAULT) and canonical(type_) is None and lower not in _HARMLESS:
        text = f"Key Vault type `{type_}` is not supported, so the resource was not evaluated"
        entity.instance.run.type_not_known("error", text, entity.at)


def collect_modules(instance: ModuleInstance, conditions: frozenset[str]) -> None:
    """Add what the modules of a file deploy, in their order."""
    for node in instance.file.declarations(ast.Module):
        if instance.file.symbols.get(node.name) is node:
            symbol = instance.module(node)
            if not _collect_module(symbol, conditions):
                may_exist(symbol, conditions, _collect_module, _skip_module)


def _collect_module(symbol: ModuleSymbol, conditions: frozenset[str]) -> bool:
    """Add what a module deploys; False if it is never used."""
    is_there = False
    for entity in symbol.entities:
        found = condition_of(entity.instance.evaluator, entity.iteration, entity.address)
        if found is not None:
            is_there = True
            _collect_content(entity.content, conditions | found)
    return is_there


def _collect_content(content: Content | None, conditions: frozenset[str]) -> None:
    """Add what a module deploys under ``conditions``."""
    if isinstance(content, BicepContent):
        collect(content.instance, conditions)
    elif isinstance(content, DeployedTemplate):
        content.collect(conditions)


def _skip_module(symbol: ModuleSymbol, reason: str) -> None:
    source = symbol.source
    if isinstance(source, BicepSource):
        skip_file(symbol.instance.run, source.file, f"module `{symbol.node.name}` is not used: {reason}")


def collect(instance: ModuleInstance, conditions: frozenset[str]) -> None:
    """Add all that a file in use deploys."""
    _expect(instance)
    collect_resources(instance, conditions)
    collect_modules(instance, conditions)


def _expect(instance: ModuleInstance) -> None:
    """Refuse what a file declares, in all its copies, before any of it is made."""
    run, file, copies = instance.run, instance.file, instance.module_call.copies
    run.budget.spend(len(file.parsed.declarations) // DECLARATIONS_A_STEP)
    required = (node for node in file.declarations(ast.Resource) if may_be_required(instance, node))
    resources = sum(written_length(node.body) for node in required)
    modules = sum(written_length(node.body) for node in file.declarations(ast.Module) if is_unconditional(node.body))
    run.expect(resources * copies, modules * copies)


def _deploy_held_template(entity: ResourceEntity, conditions: frozenset[str]) -> None:
    """Add what the template in a resource deploys."""
    instance, type_ = entity.instance, entity.identity.type.lower()
    scope = scope_of(entity.identity.above) or instance.scope
    at = instance.reported_location(entity.at)
    one = HoldingResource(
        type=type_, address=entity.address, at=at, properties=entity.body.get("properties"),
        scope=_named_scope(entity, scope) if type_ == DEPLOYMENTS else scope, conditions=conditions,
        callers=(*instance.module_call.callers, at),
    )  # fmt: skip
    run = instance.run
    problems = len(run.problems)
    held = deploy_held(run, one)
    if held is not None and len(run.problems) == problems:  # a file of which all was evaluated is not evaluated again
        _record_deployed_files(run, held.template, member_of(one.properties, "policyRule"))


def _record_deployed_files(run: BicepRun, *values: Result | None) -> None:
    """Record the files whose content is deployed."""
    for value in values if run.loaded else ():
        if isinstance(value, Fields) and not is_large(value) and unknown_in(value) is None:
            plain = plain_of(value)
            run.deployed |= {file for file, loaded in run.loaded.items() if loaded == plain}


def _named_scope(entity: ResourceEntity, around: Scope) -> Scope:
    """Return the scope that a deployment names by its subscription and resource group."""
    subscription, group = _pattern(entity, "subscriptionId"), _pattern(entity, "resourceGroup")
    if group:
        return Scope(GROUP, subscription or around.subscription, group)
    return Scope(SUBSCRIPTION, subscription) if subscription else around


def _pattern(entity: ResourceEntity, name: str) -> str:
    found = entity.body.get(name)
    if found is None or isinstance(found, Absent):
        return ""
    return pattern_of(found) or hole(f"{entity.address}.{name}")
