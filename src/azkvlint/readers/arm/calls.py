"""The functions whose answer depends on the template they stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Items, Result, doubt_in, hole, pattern_of
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.arm import scope as scopes
from azkvlint.readers.arm.run import key_of, member
from azkvlint.readers.arm.values import ARGUMENTS, LOOP, RESOURCE_LOOP, steady
from azkvlint.syntax import ast
from azkvlint.util.plural import pluralize

if TYPE_CHECKING:
    from azkvlint.readers.arm.template import Template

Call: TypeAlias = "Callable[[Template, ast.Call, Local], Result]"


def _arguments(template: Template, node: ast.Call, local: Local) -> list[Result]:
    return [template.evaluator.evaluate(argument, local) for argument in node.arguments]


def _name(template: Template, node: ast.Call, local: Local) -> str | Unknown:
    """The only argument of ``parameters`` and ``variables``: a name."""
    if len(node.arguments) == 1:
        argument = node.arguments[0]
        if type(argument) is ast.Literal and type(argument.value) is str:
            return argument.value
        found = template.evaluator.evaluate(argument, local)
        if isinstance(found, Scalar) and isinstance(found.value, str):
            return found.value
        return doubt_in(f"which of the {node.name} is meant is not known", template.at, found)
    return Unknown(at=template.at, why=f"{node.name}() takes one name, so the deployment fails")


def _parameters(template: Template, node: ast.Call, local: Local) -> Result:
    name = _name(template, node, local)
    if isinstance(name, Unknown):
        return name
    arguments = local.get(ARGUMENTS)
    if isinstance(arguments, Fields):
        found = arguments.fields.get(name.lower())
        return Unknown(at=template.at, why=f"the function has no parameter '{name}'") if found is None else found
    return template.parameter(name)


def _variables(template: Template, node: ast.Call, local: Local) -> Result:
    argument = node.arguments[0] if len(node.arguments) == 1 else None
    if type(argument) is ast.Literal and type(argument.value) is str:
        return template.variable(argument.value)
    name = _name(template, node, local)
    return name if isinstance(name, Unknown) else template.variable(name)


def _copy_index(template: Template, node: ast.Call, local: Local) -> Result:
    """``copyIndex()``, ``copyIndex(offset)``, ``copyIndex(loop)`` and ``copyIndex(loop, offset)``.

    Without a name it is the loop of the resource, even within the copy of a property.
    """
    index = local.get(RESOURCE_LOOP)
    if not node.arguments and isinstance(index, Scalar):
        return Scalar(at=template.at, value=index.value)
    offset: Result = Scalar(at=template.at, value=0)
    for argument in _arguments(template, node, local):
        if isinstance(argument, Scalar) and isinstance(argument.value, str):
            index = local.get(f"{LOOP}{argument.value.lower()}")
        else:
            offset = argument
    if index is None:
        return Unknown(at=template.at, why="copyIndex() stands in no loop of that name, so the deployment fails")
    if isinstance(index, Scalar) and isinstance(offset, Scalar):
        if type(index.value) is int and type(offset.value) is int:
            return Scalar(at=template.at, value=index.value + offset.value)
    elif isinstance(index, Unknown) and isinstance(offset, Scalar) and offset.value != 0:
        return Unknown(at=template.at, why=index.why, pattern=hole(f"{index.pattern}+{offset.value}"))
    return doubt_in("the offset of a loop is no number", template.at, index, offset)


def _scope(name: str) -> Call:
    """A function that depends on where the deployment goes. Without arguments it is always the same."""

    def call(template: Template, node: ast.Call, local: Local) -> Result:
        if not node.arguments and name in template.known:
            return template.known[name]
        found = scopes.call(name, _arguments(template, node, local), template.scope, template.at)
        if found is None:
            return Unknown(at=template.at, why=f"what {name}() gives is not known")
        if not node.arguments:
            template.known[name] = found
        return found

    return call


def user_function(template: Template, node: ast.Call, local: Local) -> Result | None:
    """A function of the template's own: it sees its arguments, and nothing else of the template."""
    found = template.function(node.name)
    if found is None:
        return None
    function, pointer = found
    declared = member(function, "parameters")
    names = [member(parameter, "name") for parameter in declared] if isinstance(declared, list) else []
    given = _arguments(template, node, local)
    if len(given) != len(names):
        takes = pluralize(len(names), "argument")
        return Unknown(at=template.at, why=f"'{node.name}' takes {takes}, so the deployment fails")
    output = key_of(function, "output")
    value = key_of(function[output], "value") if output is not None and isinstance(function[output], dict) else None
    if output is None or value is None:
        return Unknown(at=template.at, why=f"the function '{node.name}' has no value")
    fields = {str(name).lower(): argument for name, argument in zip(names, given, strict=True)}
    if pointer in template.calling:
        return Unknown(at=template.at, why=f"the function '{node.name}' calls itself")
    template.calling.add(pointer)
    try:
        inner: Local = {ARGUMENTS: Fields(at=template.at, fields=fields)}
        return template.value(function[output][value], (*pointer, output, value), inner)
    finally:
        template.calling.discard(pointer)


def _reference(template: Template, node: ast.Call, local: Local) -> Result:
    arguments = _arguments(template, node, local)
    if not 1 <= len(arguments) <= 3:
        return Unknown(at=template.at, why="reference() takes one to three arguments, so the deployment fails")
    full = arguments[2] if len(arguments) == 3 else None
    whole = isinstance(full, Scalar) and str(full.value).lower() == "full"
    return template.level.runtime(arguments[0], whole, template.at)


def _references(template: Template, node: ast.Call, local: Local) -> Result:
    """``references(symbol)``: all instances of a loop."""
    arguments = _arguments(template, node, local)
    found = template.level.all_of(pattern_of(arguments[0])) if arguments else None
    if found is None:
        return Unknown(at=template.at, why="references() is known only after deployment")
    whole = len(arguments) > 1 and isinstance(arguments[1], Scalar) and str(arguments[1].value).lower() == "full"
    return Items(at=template.at, items=[template.level.runtime_of(one, whole, template.at) for one in found])


def _resource_info(template: Template, node: ast.Call, local: Local) -> Result:
    """``resourceInfo(symbol)``: what is known of a resource before deployment."""
    arguments = _arguments(template, node, local)
    found = template.level.find(pattern_of(arguments[0])) if arguments else None
    if found is None:
        return doubt_in("which resource is meant is not known", template.at, *arguments)
    return template.level.runtime_of(found, True, template.at)


def _deployment(template: Template, node: ast.Call, local: Local) -> Result:
    """``deployment()``: what is known of it is not worth the telling apart of its instances."""
    why = "deployment() is known only after deployment"
    return steady(Unknown(at=template.at, why=why), f"{template.address}deployment")


_BY_NAME: Mapping[str, Call] = {
    "parameters": _parameters,
    "variables": _variables,
    "copyIndex": _copy_index,
    "reference": _reference,
    "references": _references,
    "resourceInfo": _resource_info,
    "deployment": _deployment,
    **{
        name: _scope(name)
        for name in (
            "resourceId", "subscriptionResourceId", "tenantResourceId", "managementGroupResourceId",
            "extensionResourceId", "resourceGroup", "subscription", "tenant", "managementGroup", "environment",
            "roleDefinitions",
        )
    },
}  # fmt: skip
CALLS: Mapping[str, Call] = {**_BY_NAME, **{name.lower(): function for name, function in _BY_NAME.items()}}
