"""Trace where values of a Bicep file come from, through its parameters, variables, modules and parameter files."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.azure.azurerm.secret_attributes import output_origins
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Result
from azkvlint.graph import pseudo_resources
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path, Scalar
from azkvlint.readers.bicep.document import BicepDocument, Symbol
from azkvlint.readers.bicep.files import ParameterFile
from azkvlint.readers.deployment.declarations import is_decorated, is_secure_at, output_in, properties_of
from azkvlint.readers.deployment.modules import ModuleArguments
from azkvlint.readers.deployment.origins import (
    as_resource,
    default_of,
    origins_in_file,
    origins_of_call,
    origins_of_parameter,
    sources_in,
    value_of,
)
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceEntity
from azkvlint.readers.deployment.symbols import FileInstance
from azkvlint.readers.deployment.template_file import TemplateFile
from azkvlint.readers.deployment.template_origins import origins_of_output
from azkvlint.readers.modules.run import base_values
from azkvlint.syntax import ast
from azkvlint.values import origins as value_origins
from azkvlint.values.origins import NONE, Origins, ValueOrigin, is_nothing
from azkvlint.values.parts import Loop, PartFinder, Within, scope_in
from azkvlint.values.paths import names_of, part_at, path_of
from azkvlint.values.tracing import TracingScope, origins_of

# Functions of parameter files that read a value from outside.
_OUTSIDE = frozenset({"readenvironmentvariable", "externalinput"})


class FileOrigins:
    """The origins of the values in a file with the arguments of one call.

    ``sources`` collects the defaults and entries of parameter files that a value comes from.
    """

    def __init__(self, instance: FileInstance, sources: list[ValueOrigin], busy: frozenset[str] = frozenset()) -> None:
        self.instance = instance
        self.sources = sources
        self._busy = busy

    def trace(self, node: ast.Expression | None, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in an expression."""
        return origins_of(node, self, rest) if node is not None else NONE

    @property
    def walk(self) -> PartFinder:
        """See ``tracing.Scope``."""
        return self.instance.run.walk

    def origins(self, node: ast.Node, rest: Path) -> Origins | None:
        """See ``tracing.Scope``."""
        if isinstance(node, ast.Call):
            own = isinstance(self.instance.file.symbols.get(node.name), ast.FunctionDeclaration)
            return None if own else _origins_of_call(node, rest)
        path = path_of(node)
        if not path:
            return None
        symbol = self.instance.file.symbols.get(path[0])
        if symbol is None:
            return NONE  # of another file
        run, steps = self.instance.run, (*path, *rest)
        key = f"{self.instance.prefix}{path[0]}"
        return run.followed.follow(
            key,
            (self.instance, steps),
            self._busy,
            lambda sources: FileOrigins(self.instance, sources, self._busy | {key}).of_symbol(symbol, steps),
            run.may_follow_reference,
            self.sources,
        )

    def of_symbol(self, symbol: Symbol, steps: Path) -> Origins:
        """Return the origins of the value at a path that begins with the name of a declaration."""
        match symbol:
            case ast.ParameterDeclaration():
                return self.parameter(symbol, steps[1:])
            case ast.Variable(value=value):
                return value_origins.variable_origins(self.trace(value, steps[1:]), steps, value)
            case ast.ModuleDeclaration():
                name, rest = output_in(steps[1:]) or ("", ())
                if name:
                    return value_origins.with_name_kind(self.output(symbol, name, rest), (name, *names_of(rest)))
        return frozenset({value_origins.RESOURCE})

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """See ``tracing.Scope``."""
        return self.instance.evaluator.evaluate(node, local)

    def parameter(self, node: ast.ParameterDeclaration, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a parameter: those of its argument, or else its default."""
        given, found = base_values(self.instance.module_call.given), None
        source: ValueOrigin | None = None
        secure = is_decorated(node.decorators, "secure") or is_secure_at(self.instance.secure_parts(node.type), rest)
        if isinstance(given, ModuleArguments) and given.properties is not None:
            written = given.properties.get(node.name)
            if written is not None:
                scope = _with_loop(FileOrigins(given.caller, self.sources, self._busy), given.declared)
                found = origins_of(written.value, scope, rest) or frozenset({value_origins.WRITTEN})
                if isinstance(scope, Loop) and not rest:
                    found = _origins_of_iteration(found, given.get(node.name))
        elif isinstance(given, ParameterFile):
            found, at = self._of_parameter_file(given, node.name, secure)
            source = value_of(node.name, at)
        else:
            found, source = origins_in_file(node.name, given.get(node.name), secure, rest, self.sources)
        is_passed = isinstance(given, ModuleArguments) and found is not None
        if found is None and not is_nothing(node.default):
            found = self.trace(node.default, rest) or frozenset({value_origins.DEFAULT})
            source = default_of(node.name, self._default_location(node, rest))
        found = origins_of_parameter(found, secure, node.name, rest, is_passed)
        at = None if self.instance.is_foreign else self.instance.place(node)
        self.sources += sources_in(found, node.name, at, source)
        return found

    def _default_location(self, node: ast.ParameterDeclaration, rest: Path) -> Location | None:
        """Return the location of what is at ``rest`` in a default; None if the author cannot edit it."""
        if node.default is None or self.instance.is_foreign:
            return None
        return self.instance.reported_location(self.instance.place(part_at(node.default, rest)))

    def _of_parameter_file(
        self, given: ParameterFile, name: str, secure: bool
    ) -> tuple[Origins | None, Location | None]:
        """Return the origins of a value in a parameter file, and its location."""
        if name not in given.names:
            return self._of_parameter_file(given.base, name, secure) if given.base is not None else (None, None)
        node = given.instance.file.symbols[name]
        found = FileOrigins(given.instance, []).trace(
            node.default if isinstance(node, ast.ParameterDeclaration) else None
        )
        if value_origins.SECURE in found:
            return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER}), None
        return found or frozenset({value_origins.GIVEN}), given.instance.place(node)

    def output(self, node: ast.ModuleDeclaration, name: str, rest: Path) -> Origins:
        """Return the origins of an output of a module, in a template also those of the value at ``rest`` in it."""
        module = self.instance.module(node)
        if not module.entities:
            return NONE  # the loop has no items
        content = module.entities[0].content
        if content is not None and isinstance(content.file, TemplateFile):
            return origins_of_output(content, name, rest, self.sources)
        if content is None or not isinstance(content.file, BicepDocument):
            why = f"`{node.name}.outputs.{name}` is the output of a module that is not in the scanned files"
            return output_origins(name, why, self.sources)
        found = content.file.outputs.get(name)
        return FileOrigins(content, self.sources, self._busy).trace(found.value if found is not None else None)


def _origins_of_call(node: ast.Call, rest: Path) -> Origins | None:
    """Return the origins of a function's result; None if they are those of its arguments."""
    name = node.name.lower()
    if name == "getsecret":
        return value_origins.vault_secret_origins(node.arguments[-1] if node.arguments else None)
    return frozenset({value_origins.SECURE}) if name in _OUTSIDE else origins_of_call(node, rest)


def origins_of_secret(entity: DeploymentResourceEntity, sources: list[ValueOrigin]) -> Origins | None:
    """Return the origins of a secret's value; None if it is not written. ``sources`` receives its sources."""
    members = entity.body.properties
    node: ast.Expression | None = None
    for name in pseudo_resources.PATH_IN_BODY:
        found = members.get(name) if members is not None else None
        if found is None:
            break
        node = found.value
        members = properties_of(node) if isinstance(node, ast.Object) else None
    else:
        return _origins_of_node(entity, node, sources)
    return _origins_of_node(entity, node, sources) if not isinstance(node, ast.Object) else None


def _origins_of_node(
    entity: DeploymentResourceEntity, node: ast.Expression | None, sources: list[ValueOrigin]
) -> Origins | None:
    if node is None:
        return None
    scope = _scope_of(entity, sources)
    found = origins_of(node, scope)
    return (
        _origins_of_iteration(found, entity.instance.evaluator.evaluate(node, entity.local))
        if isinstance(scope, Loop)
        else found
    )


def _origins_of_iteration(found: Origins, value: object) -> Origins:
    """Return the origins in one iteration, from those of all: a known value has no unknown origin."""
    return value_origins.known_value_origins(found) if isinstance(value, Scalar) else found


def _scope_of(entity: DeploymentResourceEntity, sources: list[ValueOrigin]) -> Within[TracingScope]:
    """Return the names in a resource, including the variables of the loops around it."""
    outer: Within[TracingScope] = (
        FileOrigins(entity.instance, sources) if entity.outer is None else _scope_of(entity.outer, sources)
    )
    return _with_loop(outer, entity.node.body)


def _with_loop(scope: Within[TracingScope], declared: ast.Expression) -> Within[TracingScope]:
    return scope_in(declared, scope) if isinstance(declared, ast.For) else scope


def outputs_of(instance: FileInstance) -> Iterator[Resource]:
    """Yield the outputs of a file, which the history of its deployment shows to everyone who can read it."""
    for node in instance.file.outputs.values():
        secure = is_decorated(node.decorators, "secure") or instance.secure_parts(node.type) is not None
        sources: list[ValueOrigin] = []
        found = FileOrigins(instance, sources).trace(node.value)
        at = instance.reported_location(instance.place(node))
        call = instance.module_call
        yield as_resource(
            f"{instance.prefix}outputs.{node.name}",
            node.name,
            secure,
            found,
            at,
            call.deployment,
            call.callers,
            sources,
        )
