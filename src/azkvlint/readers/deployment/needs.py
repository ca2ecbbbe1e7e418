"""What a resource or module refers to that is not deployed: where it lies, and the outputs that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from azkvlint.evaluation.operators import Local
from azkvlint.model.value import Scalar
from azkvlint.readers.deployment.documents import key_of
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.modules import DeploymentModuleEntity
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity, as_resource
from azkvlint.readers.deployment.scope import resource_id
from azkvlint.readers.deployment.symbols import DeploymentSymbol, truth_of
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.readers.deployment.template_resources import Runtime, TemplateResource
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression

_Entity: TypeAlias = DeploymentResourceEntity | DeploymentModuleEntity
_Place: TypeAlias = tuple[DeploymentInstance, Local, ast.Node]
# Of the instances of one declaration, and of the parts of one instance.
_MOST_INSTANCES, _MOST_NODES = 20, 5_000
# What is not a value of a resource, and what only decides on the order of a deployment.
_OTHERS = frozenset({"condition", "copy", "dependson", "resources"})


def undeployed_places(symbol: DeploymentSymbol[Any]) -> dict[str, Any]:
    """Return the declarations of the parent and the scope of what a declaration deploys, by address, if these are not
    deployed.
    """
    return _undeployed(one for entity in _deployed(symbol) for one in _places_of(entity))


def undeployed_sources(symbol: DeploymentSymbol[Any]) -> dict[str, Any]:
    """Return the declarations whose outputs what a declaration deploys certainly reads, by address, if these are not
    deployed, which makes the deployment fail.
    """
    return _undeployed(one for entity in _deployed(symbol) for one in _sources_of(entity))


def undecided(symbol: DeploymentSymbol[Any]) -> list[Any]:
    """Return the declarations of both kinds of which it is not known whether they are deployed."""
    entities = (one for entity in _deployed(symbol) for find in (_places_of, _sources_of) for one in find(entity))
    return list({one.symbol.address: one.symbol for one in entities if one.conditions()}.values())


def _deployed(symbol: DeploymentSymbol[Any]) -> Iterator[_Entity]:
    return islice((one for one in symbol.entities if one.conditions() is not None), _MOST_INSTANCES)


def _undeployed(entities: Iterator[_Entity]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entity in entities:
        if entity.conditions() is None:
            found.setdefault(entity.symbol.address, entity.symbol)
    return found


def _places_of(entity: _Entity) -> Iterator[_Entity]:
    """Yield the resources that are the parent and the scope of another, if the same file deploys them."""
    if isinstance(entity, TemplateResource) and isinstance(entity.instance, TemplateInstance):
        own = entity.identity
        above = own.above if own.extends and len(own.names) == 1 else ""
        if len(own.names) > 1:
            above = resource_id(own.above, own.type.rpartition("/")[0], own.names[:-1])
        runtime = entity.instance.lookup.resource_info(above, entity.at) if above else None
        resources = [runtime.instance if isinstance(runtime, Runtime) else None]
    else:
        resources = [as_resource(entity.body.get(name)) for name in ("parent", "scope")]  # type: ignore[misc]  # both are resources
    yield from (one for one in resources if one is not None and not one.node.existing)


def _sources_of(entity: _Entity) -> Iterator[_Entity]:
    """Yield the modules and nested deployments whose outputs the values of another certainly read."""
    instance = entity.instance
    if not isinstance(instance, DeploymentInstance):
        return
    written: Mapping[str, ast.Property] = entity.body.properties or {}
    waiting: list[_Place] = [
        (instance, entity.iteration.local, one.value) for name, one in written.items() if name.lower() not in _OTHERS
    ]
    variables: set[tuple[int, str]] = set()
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        here, local, node = waiting.pop()
        match node:
            case ast.Member(of=of, name=name, safe=False) if name.lower() == "outputs":
                found = here.evaluator.evaluate(of, local)
                found = found.instance if isinstance(found, Runtime) else found  # type: ignore[assignment]  # of it
                if isinstance(found, DeploymentModuleEntity | TemplateResource):
                    yield found
            case _:
                variable = _variable_of(here, local, node)
                if variable is None:
                    waiting += [(here, local, part) for part in _certain_parts(here, local, node)]
                elif (id(here), variable.name) not in variables:
                    variables.add((id(here), variable.name))
                    waiting.append((here, {}, variable.value))


def _variable_of(instance: DeploymentInstance, local: Local, node: ast.Node) -> ast.Variable | None:
    match node:
        case ast.Name(name=name) if name not in local:
            return instance.variable_node(name)
        case ast.Call(name=function, arguments=(ast.Literal(value=str() as name),)) if function.lower() == "variables":
            return instance.variable_node(name)
    return None


def _certain_parts(instance: DeploymentInstance, local: Local, node: ast.Node) -> list[ast.Node]:
    """Return the parts of an expression that are evaluated whatever is not known."""
    match node:
        case ast.Data(plain=dict() as plain, pointer=pointer):
            # Expressions in a template are those of its own deployment.
            template = key_of(plain, "template")
            return [ast.Data(0, 0, one, (*pointer, key)) for key, one in plain.items() if key != template]
        case ast.Data(plain=list() as items, pointer=pointer):
            return [ast.Data(0, 0, one, (*pointer, number)) for number, one in enumerate(items)]
        case ast.Data(plain=str() as text) if text[:1] == "[" and is_expression(text):
            parsed = instance.run.parse(text[1:-1], instance.place(node))
            return [] if parsed is None else [parsed]
        case ast.Conditional(condition=condition, yes=yes, no=no):
            return _chosen(instance, local, condition, yes, no)
        case ast.Call(name=name, arguments=(condition, yes, no)) if name.lower() == "if":
            return _chosen(instance, local, condition, yes, no)
        case ast.Binary(operator="&&" | "||" as name, left=left, right=right):
            is_left = _truth(instance, local, left)
            return [left, right] if is_left is (name == "&&") else [left]
        case ast.Binary(operator="??", left=left):
            return [left]
        case ast.Member(safe=True) | ast.Item(safe=True) | ast.For() | ast.Lambda() | ast.Data():
            return []
        case ast.Call(name=name, arguments=(first, *_)) if name.lower() in ("and", "or", "coalesce"):
            return [first]
        case ast.Call(name=name) if name.lower() in ("tryget", "map", "filter", "reduce", "tryindexfromend"):
            return []
    return ast.children(node)


def _chosen(
    instance: DeploymentInstance, local: Local, condition: ast.Node, yes: ast.Node, no: ast.Node
) -> list[ast.Node]:
    is_true = _truth(instance, local, condition)
    return [condition] if is_true is None else [condition, yes if is_true else no]


def _truth(instance: DeploymentInstance, local: Local, node: ast.Node) -> bool | None:
    found = instance.evaluator.evaluate(node, local)  # type: ignore[arg-type]  # a part of an expression
    return truth_of(found) if isinstance(found, Scalar) else None
