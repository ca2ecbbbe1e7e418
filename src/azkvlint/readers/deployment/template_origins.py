"""The origins of the values in a template, through its variables and the deployments in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from azkvlint.azure.azurerm.secret_attributes import output_origins
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path
from azkvlint.readers.deployment.declarations import is_decorated
from azkvlint.readers.deployment.documents import key_of, member
from azkvlint.readers.deployment.origins import (
    as_resource,
    default_of,
    origins_in_file,
    origins_of_call,
    origins_of_parameter,
    origins_of_passed,
    sources_in,
)
from azkvlint.readers.deployment.template_file import TemplateFile, variable_key
from azkvlint.readers.deployment.template_resources import (
    DeployingInstance,
    Runtime,
    TemplateArguments,
    TemplateResource,
)
from azkvlint.readers.modules.run import base_values
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression
from azkvlint.syntax.ast import Pointer
from azkvlint.values import origins as value_origins
from azkvlint.values.origins import NONE, Origins, ValueOrigin, combine, union
from azkvlint.values.parts import PartFinder
from azkvlint.values.paths import is_any, is_index, member_of, names_of
from azkvlint.values.tracing import applicable_branch, origins_of

_SECTIONS = frozenset({"parameters", "variables"})


def declaration_of(node: ast.Node | None) -> tuple[str, str] | None:
    """Return the section and the name of what ``parameters()`` or ``variables()`` refers to; None for other nodes.

    The name is empty if it is an expression.
    """
    if not isinstance(node, ast.Call) or node.name.lower() not in _SECTIONS:
        return None
    first = node.arguments[0] if node.arguments else None
    return node.name.lower(), str(first.value) if isinstance(first, ast.Literal) else ""


def path_in_outputs(rest: Path) -> Path | None:
    """Return where ``rest``, a path in the result of ``reference()``, leads in the outputs of a deployment.

    It is empty if all of them are included, and None if it leads elsewhere. A step that may lead to any member may lead
    to them.
    """
    after_any: Path | None = None
    for number, step in enumerate(rest):
        if is_any(step):
            after_any = rest[number + 1 :]
            continue
        name = member_of(step).lower()
        if name == "outputs":
            return rest[number + 1 :]
        if name != "properties":
            return after_any
    return ()


def value_in(node: ast.Expression | None, rest: Path) -> tuple[Any, Pointer, Path] | None:
    """Return the JSON of a declaration, and the path in that to what is at ``rest``. Of a loop, it is any item."""
    while isinstance(node, (ast.For, ast.If)):
        if isinstance(node, ast.For) and rest and is_index(rest[0]):
            rest = rest[1:]
        node = node.body
    return (node.plain, node.pointer, rest) if isinstance(node, ast.Data) else None


def values_below(plain: Any, at: Pointer, rest: Path) -> Iterator[tuple[Any, Pointer, Path]]:
    """Yield the members or items that the value at ``rest`` consists of, with their pointers, and the paths in them."""
    if isinstance(plain, dict):
        sought = None if not rest or is_any(rest[0]) else member_of(rest[0]).lower()
        for key, value in plain.items():
            if sought is None or key.lower() == sought:
                yield value, (*at, key), rest[1:]
            elif key.lower() == "copy":
                yield from _of_copies(value, (*at, key), sought, rest)
    elif isinstance(plain, list):
        below = rest[1:] if rest and is_index(rest[0]) else rest
        for number, value in enumerate(plain):
            yield value, (*at, number), below


def _of_copies(loops: Any, at: Pointer, sought: str, rest: Path) -> Iterator[tuple[Any, Pointer, Path]]:
    """Yield the inputs of the loops that make a member. That of an output, which is not in a list, is its value."""
    listed = [((*at, number), loop) for number, loop in enumerate(loops)] if isinstance(loops, list) else [(at, loops)]
    for pointer, loop in listed:
        key = key_of(loop, "input") if isinstance(loop, dict) else None
        name = "value" if pointer == at else str(member(loop, "name")).lower()
        if key is not None and name == sought:
            below = rest[2:] if rest[1:] and is_index(rest[1]) else rest[1:]
            yield loop[key], (*pointer, key), below


class TracedTemplate(DeployingInstance, Protocol):
    """A template with the arguments of one call."""

    # The template whose expressions it shares: see ``TemplateInstance``.
    around: Any

    @property
    def file(self) -> TemplateFile:
        """Return what it declares."""


class TemplateOrigins:
    """The origins of the values in a template.

    ``sources`` collects the defaults and entries of parameter files that a value comes from.
    """

    def __init__(
        self, template: TracedTemplate, sources: list[ValueOrigin], busy: frozenset[tuple[int, str]] = frozenset()
    ) -> None:
        self.template = template
        self.sources = sources
        self._busy = busy

    def trace(self, plain: Any, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a JSON value."""
        if isinstance(plain, str):
            if not is_expression(plain):
                return NONE
            node = self.template.run.parse(plain[1:-1], self.template.evaluator.at)
            return origins_of(node, self, rest) if node is not None else frozenset({value_origins.UNTRACED})
        parts = [self.trace(value, path) for value, _, path in values_below(plain, (), rest)]
        if rest and parts:
            return union(parts)
        # A member that is not written may be in what makes the object.
        return combine(parts if not rest else [self.trace(value) for value, *_ in values_below(plain, (), ())])

    @property
    def walk(self) -> PartFinder:
        """See ``tracing.Scope``."""
        return self.template.run.walk

    def origins(self, node: ast.Node, rest: Path) -> Origins | None:
        """See ``tracing.Scope``."""
        declared = declaration_of(node)
        if declared is None or not declared[1]:
            found = self._referenced_output(node, rest)
            return origins_of_call(node, rest) if found is None else found
        (section, name), run = declared, self.template.run
        mark = id(self.template), f"{section}.{name.lower()}"

        def follow(sources: list[ValueOrigin]) -> Origins:
            inner = TemplateOrigins(self.template, sources, self._busy | {mark})
            return inner.parameter(name, rest) if section == "parameters" else inner.variable(name, rest)

        reference = (self.template, section, name, rest)
        return run.followed.follow(mark, reference, self._busy, follow, run.may_follow_reference, self.sources)

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """See ``tracing.Scope``."""
        return self.template.evaluator.evaluate(node, local)

    def variable(self, name: str, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a variable."""
        node = self.template.file.symbols.get(variable_key(name))
        value = node.value if isinstance(node, ast.Variable) else None
        plain, _, below = value_in(value, rest) or (None, (), ())
        return value_origins.variable_origins(self.trace(plain, below), (name, *rest), self._parse(plain))

    def parameter(self, name: str, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a parameter: those of its argument, or else its default."""
        node = self.template.file.parameter(name)
        secure = node is not None and is_decorated(node.decorators, "secure")
        given, source = base_values(self.template.module_call.given), None
        is_passed = False
        if isinstance(given, TemplateArguments):
            written, caller = given.written(name), given.caller.instance
            outer = TemplateOrigins(_owner(caller), self.sources, self._busy)
            found = outer.argument(written.plain, rest) if written is not None else None
            is_passed = found is not None
        else:
            found, source = origins_in_file(name, given.get(name), secure, rest, self.sources)
        default = node.default if node is not None else None
        if found is None and isinstance(default, ast.Data) and default.plain not in (None, "", {}, []):
            found = self.trace(default.plain, rest)
            found = frozenset({value_origins.DEFAULT}) if not found or found & {value_origins.WRITTEN} else found
            source = default_of(name, self._location_in(default, rest))
        found = origins_of_parameter(found, secure, name, rest, is_passed)
        at = None if node is None else self.template.evaluator.location(node.pointer)
        self.sources += sources_in(found, name, at, source)
        return found

    def _location_in(self, node: ast.Data, rest: Path) -> Location:
        """Return the location of what is at a path in a value."""
        plain, pointer = node.plain, node.pointer
        for step in rest:
            key = key_of(plain, str(step).strip("[]")) if isinstance(plain, dict) else None
            if key is None:
                break
            plain, pointer = plain[key], (*pointer, key)
        return self.template.evaluator.location(pointer)

    def argument(self, plain: Any, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in an argument of a nested deployment."""
        if isinstance(plain, dict):
            key = key_of(plain, "value")
            if key is not None:
                return self.trace(plain[key], rest) or frozenset({value_origins.WRITTEN})
            key = key_of(plain, "reference")
            if key is not None:
                return value_origins.vault_secret_origins(self._parse(member(plain[key], "secretName")))
            if key_of(plain, "copy") is not None:
                return self.trace(plain, ("value", *rest))
        return self._argument_of(self._parse(plain), rest)

    def _referenced_output(self, node: ast.Node, rest: Path) -> Origins | None:
        """Return the origins of an output of a deployment; None if ``reference()`` does not lead to a certain one."""
        is_reference = isinstance(node, ast.Call) and node.name.lower() == "reference"
        steps = path_in_outputs(rest) if is_reference else None
        if not isinstance(node, ast.Call) or not steps or is_any(steps[0]):
            return None
        name, below = member_of(steps[0]), steps[2:]
        found = self.template.evaluator.evaluate(node, {})
        entity = found.instance if isinstance(found, Runtime) else None
        content = entity.content if isinstance(entity, TemplateResource) and entity.is_deployment else None
        if content is None or not isinstance(entity, TemplateResource):
            missing = output_origins(name, f"output `{name}` is known after deployment", self.sources)
            return value_origins.with_name_kind(missing, (name, *names_of(below)))
        entity.record_source()
        return origins_of_output(content, name, below, self.sources, self._busy)

    def _parse(self, plain: Any) -> ast.Expression | None:
        """Return the expression of a JSON value, if it is a string that can be parsed."""
        if not isinstance(plain, str):
            return None
        if not is_expression(plain):
            return ast.Literal(start=0, end=0, value=plain)
        return self.template.run.parse(plain[1:-1], self.template.evaluator.at)

    def _argument_of(self, node: ast.Expression | None, rest: Path) -> Origins:
        """Return the same for an expression: Bicep compiles a choice between secrets to one."""
        match node:
            case ast.Call(name=name, arguments=(_, first, second)) if name.lower() == "if":
                branch = applicable_branch(node, self)
                chosen = (first, second) if branch is None else (branch,)
                return union(self._argument_of(one, rest) for one in chosen)
            case ast.Call(name=name, arguments=(ast.Literal(value=key), value, *_)) if name.lower() == "createobject":
                if str(key).lower() == "reference":
                    return value_origins.vault_secret_origins(_argument(value, "secretName"))
                if str(key).lower() == "value":
                    return origins_of(value, self, rest) or frozenset({value_origins.WRITTEN})
        return frozenset({value_origins.UNTRACED})


def origins_of_output(
    content: Any, name: str, below: Path, sources: list[ValueOrigin], busy: frozenset[tuple[int, str]] = frozenset()
) -> Origins:
    """Return the origins of the value at ``below`` in an output of a deployed template."""
    output, inner, run = content.file.outputs.get(name.lower()), _owner(content), content.run
    plain, _, path = value_in(output.value if output is not None else None, below) or (None, (), below)
    mark = id(inner), f"{content.prefix}outputs.{name.lower()}"

    def follow(within: list[ValueOrigin]) -> Origins:
        return TemplateOrigins(inner, within, busy | {mark}).trace(plain, path)

    origins: Origins = run.followed.follow(mark, (inner, *mark, path), busy, follow, run.may_follow_reference, sources)
    return value_origins.with_name_kind(origins, (name, *names_of(below)))


def _owner(instance: Any) -> TracedTemplate:
    """Return the template whose expressions an instance has."""
    owner: TracedTemplate = instance.around or instance
    return owner


def _argument(node: ast.Expression, name: str) -> ast.Expression | None:
    """Return the value of a member of ``createObject()``, if its key is a literal."""
    arguments = node.arguments if isinstance(node, ast.Call) else ()
    pairs = zip(arguments[::2], arguments[1::2], strict=False)
    return next((value for key, value in pairs if _is_key(key, name)), None)


def _is_key(node: ast.Expression, name: str) -> bool:
    return isinstance(node, ast.Literal) and str(node.value).lower() == name.lower()


def origins_of_secret(entity: TemplateResource, sources: list[ValueOrigin]) -> Origins | None:
    """Return the origins of a secret's value; None if it is not written. ``sources`` receives its sources."""
    properties = entity.plain("properties")
    plain = properties if isinstance(properties, str) else member(properties, "value")
    if plain is None:
        return None
    owner = _owner(entity.instance)
    # The template of a deployment of outer scope contains the values from around it once it is deployed.
    return origins_of_passed(TemplateOrigins(owner, sources).trace(plain), owner is entity.instance)


def outputs_of(instance: TracedTemplate) -> Iterator[Resource]:
    """Yield the outputs of a template, which the history of its deployment shows to everyone who can read it."""
    call = instance.module_call
    for node in instance.file.outputs.values():
        plain, _, _ = value_in(node.value, ()) or (None, (), ())
        sources: list[ValueOrigin] = []
        origins = TemplateOrigins(_owner(instance), sources).trace(plain)
        yield as_resource(
            f"{instance.prefix}outputs.{node.name}", node.name, is_decorated(node.decorators, "secure"), origins,
            instance.evaluator.location(node.pointer), call.deployment, call.callers, sources,
        )  # fmt: skip
