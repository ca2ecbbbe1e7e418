"""Where a value of an ARM template comes from, followed through parameters, variables and nested deployments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Result
from azkvlint.graph import value_origins
from azkvlint.graph.pseudo_resources import with_origins
from azkvlint.graph.value_origins import ANY, NONE, Origins, combine, origins_of, union
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Path, Scalar, Unknown, Value
from azkvlint.readers.arm.nested_deployments import FROM_VAULT
from azkvlint.readers.arm.parameters import FILLED_IN
from azkvlint.readers.arm.run import Pointer, key_of, member
from azkvlint.readers.arm.scope import text
from azkvlint.syntax import ast
from azkvlint.syntax.arm.expression import is_expression

if TYPE_CHECKING:
    from azkvlint.readers.arm.deployment_resources import Level
    from azkvlint.readers.arm.evaluated_resource import Instance
    from azkvlint.readers.arm.template import Template

OUTPUT_TYPE = "Microsoft.Resources/deployments/outputs"
_LEAKS = frozenset({value_origins.SECURE, value_origins.SECRET, value_origins.CREDENTIAL})


class TemplateOrigins:
    """What calls mean in a template."""

    def __init__(self, template: Template, busy: frozenset[tuple[int, str]] = frozenset()) -> None:
        self.template = template
        self._busy = busy

    def of(self, plain: Any, rest: Path = ()) -> Origins:
        """The origins of what is at ``rest`` in a JSON value."""
        if isinstance(plain, str):
            if not is_expression(plain):
                return NONE
            node = self.template.run.parsed(plain[1:-1], self.template.at)
            return origins_of(node, self, rest) if node is not None else frozenset({value_origins.UNTRACED})
        key = key_of(plain, str(rest[0])) if isinstance(plain, dict) and rest else None
        if key is not None:
            return self.of(plain[key], rest[1:])
        items = list(plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ())
        if rest and isinstance(plain, list):
            return union(self.of(item, rest[1:] if str(rest[0]).startswith("[") else rest) for item in items)
        if rest and rest[0] == ANY:
            return union(self.of(item, rest[1:]) for item in items)
        return combine([self.of(item) for item in items])

    def origins(self, node: ast.Expression, rest: Path) -> Origins | None:
        """See ``origins.Scope``."""
        if not isinstance(node, ast.Call):
            return None
        name = node.name.lower()
        first = node.arguments[0] if node.arguments else None
        key = str(first.value).lower() if isinstance(first, ast.Literal) else ""
        if name in ("parameters", "variables") and key:
            mark = id(self.template), f"{name}.{key}"
            if mark in self._busy:
                return NONE
            if not self.template.run.may_trace():
                return frozenset({value_origins.UNTRACED})
            inner = TemplateOrigins(self.template, self._busy | {mark})
            if name == "parameters":
                return inner.parameter(key, rest)
            plain = self.template.written(key)
            return value_origins.variable_origins(inner.of(plain, rest), (key, *rest), self._parsed(plain))
        if name.startswith("list"):
            return value_origins.list_function_origins(rest)
        if name == "newguid":
            return frozenset({value_origins.IDENTIFIER})
        return frozenset({value_origins.RESOURCE}) if name in ("reference", "references") else None

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """See ``origins.Scope``."""
        return self.template.evaluator.evaluate(node, local)

    def parameter(self, name: str, rest: Path = ()) -> Origins:
        """The origins of what is at ``rest`` in a parameter: of what it is given, or else its default."""
        secure, default = self.template.declared(name)
        arguments = self.template.arguments
        if arguments is not None:
            plain = arguments.written(name)
            found = TemplateOrigins(arguments.template, self._busy).given(plain, rest) if plain is not None else None
        else:
            found = of_given(self.template.given(name), secure)
        is_passed = arguments is not None and found is not None
        if found is None and default not in (None, "", {}, []):
            found = self.of(default, rest)
            found = frozenset({value_origins.DEFAULT}) if not found or found & {value_origins.WRITTEN} else found
        return through(found, secure, name, rest, is_passed)

    def given(self, plain: Any, rest: Path = ()) -> Origins:
        """The origins of what is at ``rest`` in what a nested deployment is given."""
        if isinstance(plain, dict):
            key = key_of(plain, "value")
            if key is not None:
                return self.of(plain[key], rest) or frozenset({value_origins.WRITTEN})
            key = key_of(plain, "reference")
            if key is not None:
                return value_origins.vault_secret_origins(self._parsed(member(plain[key], "secretName")))
        return self._given_by(self._parsed(plain), rest)

    def _parsed(self, plain: Any) -> ast.Expression | None:
        """Return the expression of a JSON value, if it is a string that can be parsed."""
        if not isinstance(plain, str):
            return None
        if not is_expression(plain):
            return ast.Literal(start=0, end=0, value=plain)
        return self.template.run.parsed(plain[1:-1], self.template.at)

    def _given_by(self, node: ast.Expression | None, rest: Path) -> Origins:
        """The same where an expression makes it: Bicep compiles a choice between secrets to that."""
        match node:
            case ast.Call(name=name, arguments=(_, first, second)) if name.lower() == "if":
                return self._given_by(first, rest) | self._given_by(second, rest)
            case ast.Call(name=name, arguments=(ast.Literal(value=key), value, *_)) if name.lower() == "createobject":
                if key == "reference":
                    return value_origins.vault_secret_origins(_argument(value, "secretName"))
                if key == "value":
                    return origins_of(value, self, rest) or frozenset({value_origins.WRITTEN})
        return frozenset({value_origins.UNTRACED})


def _argument(node: ast.Expression, name: str) -> ast.Expression | None:
    """Return the value that ``createObject()`` gives a member, if its key is written."""
    arguments = node.arguments if isinstance(node, ast.Call) else ()
    pairs = zip(arguments[::2], arguments[1::2], strict=False)
    return next((value for key, value in pairs if isinstance(key, ast.Literal) and key.value == name), None)


def of_given(found: Result | None, secure: bool) -> Origins | None:
    """The origins of what a file, or a module statement, gives to a parameter; None if it gives nothing."""
    match found:
        case None:
            return None
        case Scalar():
            return frozenset({value_origins.GIVEN})
        case Unknown(why=why) if why == FROM_VAULT:
            return frozenset({value_origins.SECRET})
        case Unknown(why=why) if why.endswith(FILLED_IN):
            return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
        case Unknown(sensitive=sensitive):
            return frozenset({value_origins.SECURE if sensitive or secure else value_origins.UNTRACED})
        case _:
            return frozenset({value_origins.UNTRACED})


def passed(found: Origins | None, secure: bool) -> Origins:
    """What goes through a parameter: one that is not declared as secret tells it to whoever may see the deployment."""
    if found is None:
        return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
    if not secure and found & _LEAKS:
        # What is only declared as secret may be a user name; a key is a secret under any name.
        word = value_origins.PARAMETER if found & _LEAKS == {value_origins.SECURE} else value_origins.EXPOSED
        return found - _LEAKS | {word}
    return found


def through(found: Origins | None, secure: bool, name: str, rest: Path, called: bool = False) -> Origins:
    """Return the origins of what is at ``rest`` in a parameter; ``found`` are those of what it is given.

    ``called``: a call of the module passes it. A module declares a parameter such as ``value`` as secure for all its
    callers, so the declaration is no evidence about a value that comes from code or a property of a resource.
    """
    given = passed(found, secure)
    if secure and not (called and value_origins.is_plain(given, (name, *rest))):
        return value_origins.secure_parameter_origins(given, rest)
    return value_origins.with_name_kind(given, (name, *rest))


def of_value(instance: Instance) -> Origins | None:
    """The origins of what a secret holds; None if that is not written."""
    level = instance.level
    properties = member(instance.plain, "properties")
    plain = properties if isinstance(properties, str) else member(properties, "value")
    if plain is None:
        return None
    found = TemplateOrigins(level.template).of(plain)
    # What a deployment of outer scope takes from around it stands in its template once it is deployed.
    return passed(found, level.pointer == level.template.pointer)


def outputs_of(level: Level) -> Iterator[Resource]:
    """The outputs of a deployment, which its history shows to whoever may read it."""
    key = key_of(level.plain, "outputs")
    declared = level.plain[key] if key is not None else None
    for name, plain in declared.items() if isinstance(declared, dict) else ():
        if isinstance(plain, dict):
            yield _output(level, name, plain, (*level.pointer, str(key), name))


def _output(level: Level, name: str, plain: dict[str, Any], pointer: Pointer) -> Resource:
    template = level.template
    found = TemplateOrigins(template).of(plain)
    return as_resource(
        f"{level.address}outputs.{name}", name, template.is_secure(plain), found, template.where(pointer),
        level.deployment,
    )  # fmt: skip


def as_resource(address: str, name: str, secure: bool, found: Origins, at: Location, deployment: str) -> Resource:
    """Return an output as a resource. ``deployment``: the names of the nested deployments that lead to it."""
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name), "sensitive": Scalar(at=at, value=secure)}
    fields["deployment"] = text(deployment, at, "the name of its deployment is not known")
    attributes = with_origins(MapValue(at=at, fields=fields), found)
    return Resource(address=address, type=OUTPUT_TYPE, name=name, attributes=attributes, at=at, declared_as="output")
