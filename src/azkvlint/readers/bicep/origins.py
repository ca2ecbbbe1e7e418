"""Where a value of a Bicep file comes from, followed through parameters, variables and modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from azkvlint.azure.azurerm import credentials
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Result
from azkvlint.graph import pseudo_resources, value_origins
from azkvlint.graph.value_origins import NONE, Loop, Origins, Scope, is_nothing, names_of, origins_of, path_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path, Scalar
from azkvlint.readers.arm.origins import as_resource, of_given, through
from azkvlint.readers.bicep.document import is_decorated, properties_of
from azkvlint.readers.bicep.module import Arguments
from azkvlint.readers.bicep.parameters import Values
from azkvlint.readers.bicep.sources import Lowered
from azkvlint.readers.bicep.types import is_secure
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.entities import ResourceEntity
    from azkvlint.readers.bicep.module_evaluation import Instance

# Functions of parameter files that take a value from outside.
_OUTSIDE = frozenset({"readenvironmentvariable", "externalinput"})


class FileOrigins:
    """What names and calls mean in a file in use."""

    def __init__(self, instance: Instance, busy: frozenset[str] = frozenset()) -> None:
        self.instance = instance
        self._busy = busy

    def of(self, node: ast.Expression | None, rest: Path = ()) -> Origins:
        """The origins of what is at ``rest`` in an expression."""
        return origins_of(node, self, rest) if node is not None else NONE

    def origins(self, node: ast.Expression, rest: Path) -> Origins | None:
        """See ``origins.Scope``."""
        if isinstance(node, ast.Call):
            own = isinstance(self.instance.file.symbols.get(node.name), ast.Function)
            return None if own else _of_call(node, rest)
        path = path_of(node)
        if not path:
            return None
        names = names_of((*path, *rest))
        symbol = self.instance.file.symbols.get(path[0])
        key = f"{self.instance.prefix}{path[0]}"
        if key in self._busy or symbol is None:
            return NONE  # of another file
        if not self.instance.run.may_trace():
            return frozenset({value_origins.UNTRACED})
        inner = FileOrigins(self.instance, self._busy | {key})
        match symbol:
            case ast.Parameter():
                return inner.parameter(symbol, (*path[1:], *rest))
            case ast.Variable(value=value):
                return value_origins.variable_origins(inner.of(value, (*path[1:], *rest)), (*path, *rest), value)
            case ast.Module() if names[1:2] == ("outputs",) and len(names) > 2:
                return value_origins.with_name_kind(inner.output(symbol, names[2]), names[2:])
        return frozenset({value_origins.RESOURCE})

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """See ``origins.Scope``."""
        return self.instance.evaluator.evaluate(node, local)

    def parameter(self, node: ast.Parameter, rest: Path = ()) -> Origins:
        """The origins of what is at ``rest`` in a parameter: of what it is given, or else its default."""
        given, found = self.instance.use.given, None
        secure = is_decorated(node.decorators, "secure") or is_secure(self.instance, node.type)
        if isinstance(given, Arguments) and given.properties is not None:
            written = given.properties.get(node.name)
            if written is not None:
                scope = _looped(FileOrigins(given.caller, self._busy), given.declared)
                found = origins_of(written.value, scope, rest) or frozenset({value_origins.WRITTEN})
                if isinstance(scope, Loop) and not rest:
                    found = _of_one(found, given.get(node.name))
        elif isinstance(given, Values):
            found = self._of_file(given, node.name, secure)
        else:
            found = of_given(given.get(node.name), secure)
        is_passed = isinstance(given, Arguments) and found is not None
        if found is None and not is_nothing(node.default):
            found = self.of(node.default, rest) or frozenset({value_origins.DEFAULT})
        return through(found, secure, node.name, rest, is_passed)

    def _of_file(self, given: Values, name: str, secure: bool) -> Origins | None:
        """The origins of what a parameter file gives."""
        if name not in given.names:
            return self._of_file(given.base, name, secure) if given.base is not None else None
        node = given.instance.file.symbols[name]
        found = FileOrigins(given.instance).of(node.default if isinstance(node, ast.Parameter) else None)
        if value_origins.SECURE in found:
            return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
        return found or frozenset({value_origins.GIVEN})

    def output(self, node: ast.Module, name: str) -> Origins:
        """The origins of an output of a module."""
        module = self.instance.module(node)
        content = module.entities[0].content if module.entities else None
        if not isinstance(content, Lowered):
            return credentials.output_origins(name)
        found = content.instance.file.outputs.get(name)
        return FileOrigins(content.instance, self._busy).of(found.value if found is not None else None)


def _of_call(node: ast.Call, rest: Path) -> Origins | None:
    """The origins of what a function gives; None if they are those of its arguments."""
    name = node.name.lower()
    if name.startswith("list"):
        return value_origins.list_function_origins(rest)
    if name == "getsecret":
        return value_origins.vault_secret_origins(node.arguments[-1] if node.arguments else None)
    if name == "newguid":
        return frozenset({value_origins.IDENTIFIER})
    if name == "reference":
        return frozenset({value_origins.RESOURCE})
    return frozenset({value_origins.SECURE}) if name in _OUTSIDE else None


def of_value(entity: ResourceEntity) -> Origins | None:
    """The origins of what a secret holds; None if that is not written."""
    members = entity.body.properties
    node: ast.Expression | None = None
    for name in pseudo_resources.PATH_IN_BODY:
        found = members.get(name) if members is not None else None
        if found is None:
            break
        node = found.value
        members = properties_of(node) if isinstance(node, ast.Object) else None
    else:
        return _of_secret(entity, node)
    return _of_secret(entity, node) if not isinstance(node, ast.Object) else None


def _of_secret(entity: ResourceEntity, node: ast.Expression | None) -> Origins | None:
    if node is None:
        return None
    scope = _around(entity)
    found = origins_of(node, scope)
    return _of_one(found, entity.instance.evaluator.evaluate(node, entity.local)) if isinstance(scope, Loop) else found


def _of_one(found: Origins, value: object) -> Origins:
    """Those of one round of a loop, of those of all rounds: what is known here cannot come from what nobody knows."""
    return value_origins.known_value_origins(found) if isinstance(value, Scalar) else found


def _around(entity: ResourceEntity) -> Scope:
    """What names mean in a resource: the loops around it have some of their own."""
    outer: Scope = FileOrigins(entity.instance) if entity.outer is None else _around(entity.outer)
    return _looped(outer, entity.node.body)


def _looped(scope: Scope, declared: ast.Expression) -> Scope:
    return Loop(scope, declared.item, declared.index, declared.over) if isinstance(declared, ast.For) else scope


def outputs_of(instance: Instance) -> Iterator[Resource]:
    """The outputs of a file in use, which the history of its deployment shows to whoever may read it."""
    for node in instance.file.declared(ast.Output):
        secure = is_decorated(node.decorators, "secure") or is_secure(instance, node.type)
        found = FileOrigins(instance).of(node.value)
        at = instance.shown(instance.place(node))
        yield as_resource(
            f"{instance.prefix}outputs.{node.name}", node.name, secure, found, at, instance.use.deployment
        )
