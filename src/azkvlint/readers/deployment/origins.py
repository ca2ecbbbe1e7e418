"""Parameter values of an ARM template, and the origins of its values through variables and nested deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from azkvlint.azure.azurerm.providers import output_origins
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.graph.pseudo_resources import with_origins
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, escaped, hole, join_texts, pattern_from
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, MapValue, Path, Scalar, Unknown, Value
from azkvlint.readers.deployment.deployments import Deployment, EvaluatedResource
from azkvlint.readers.deployment.documents import Pointer, key_of, member
from azkvlint.readers.deployment.references import (
    declaration_of,
    path_in_outputs,
    returns_keys,
    values_below,
    variable_of,
)
from azkvlint.readers.deployment.runtime import Runtime
from azkvlint.readers.deployment.scope import text
from azkvlint.readers.deployment.template import FROM_VAULT
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.lazy_regex import regex
from azkvlint.values import origins as value_origins
from azkvlint.values.origins import NONE, Origins, Source, combine, union
from azkvlint.values.parts import Walk
from azkvlint.values.paths import is_any, is_index, member_of, names_of
from azkvlint.values.tracing import origins_of

if TYPE_CHECKING:
    from azkvlint.readers.deployment.template import Template

# What the Azure Developer CLI (${NAME}, ${NAME=default}) and pipelines (#{NAME}#) fill in before they deploy.
FILLED_IN = "is replaced before deployment"
_FILLED_IN = regex(r"\$\{([A-Za-z_][A-Za-z0-9_]*+)(?:=([^{}]*+)|[^{}]*+)\}|#\{([^{}#]++)\}#")


def read_parameters(path: str, document: Document) -> dict[str, Result]:
    """Return the values in a parameter file by parameter name. They contain no expressions."""
    value = document.value
    key = key_of(value, "parameters") if isinstance(value, dict) else None
    given = value[key] if key is not None else None
    if not isinstance(given, dict):
        return {}
    return {name: _given(path, entry, (str(key), name)) for name, entry in given.items()}


def _given(path: str, entry: Any, pointer: Pointer) -> Result:
    at = Location(path=path, pointer=pointer)
    if isinstance(entry, dict):
        key = key_of(entry, "value")
        if key is not None:
            return literal(path, entry[key], (*pointer, key))
        if key_of(entry, "reference") is not None:
            return Unknown(at=at, why=FROM_VAULT, sensitive=True)
    return Unknown(at=at, why="the parameter value has an unsupported form")


def literal(path: str, plain: Any, pointer: Pointer) -> Result:
    """Return JSON data as a result, each part at its own location."""
    at = Location(path=path, pointer=pointer)
    if plain is None:
        return Absent(at=at)
    if isinstance(plain, dict):
        return Fields(at=at, fields={key: literal(path, item, (*pointer, key)) for key, item in plain.items()})
    if isinstance(plain, list):
        return Items(at=at, items=[literal(path, item, (*pointer, number)) for number, item in enumerate(plain)])
    return _placeholder_value(plain, at) if isinstance(plain, str) else Scalar(at=at, value=plain)


def _placeholder_value(text: str, at: Location) -> Scalar | Unknown:
    """Return a string of a parameter file: placeholders have their defaults, or are unknown without one."""
    text = _FILLED_IN.sub(lambda match: match[0] if match[2] is None else match[2], text)
    known = Scalar(at=at, value=text)
    first = _FILLED_IN.search(text)
    if first is None:
        return known
    parts: list[Text] = []
    end = 0
    for match in _FILLED_IN.finditer(text):
        parts += [escaped(text[end : match.start()]), hole(match[1] or match[3])]
        end = match.end()
    pattern = pattern_from(join_texts([*parts, escaped(text[end:])]))
    return Unknown(at=at, why=f"placeholder `{first[1] or first[3]}` {FILLED_IN}", pattern=pattern)


def wrapped_parameters(path: str, given: Any, pointer: Pointer) -> dict[str, Result]:
    """Return the arguments from a policy or blueprint. Its expressions are in another language."""
    found: dict[str, Result] = {}
    for name, entry in given.items() if isinstance(given, dict) else ():
        value = _given(path, entry, (*pointer, name))
        if isinstance(value, Scalar) and not (isinstance(value.value, str) and is_expression(value.value or " ")):
            found[name] = value
        else:
            found[name] = Unknown(at=value.at, why="the value is known after the policy or blueprint is assigned")
    return found


OUTPUT_TYPE = "Microsoft.Resources/deployments/outputs"
_LEAKS = frozenset({value_origins.SECURE, value_origins.SECRET, value_origins.CREDENTIAL})


class TemplateOrigins:
    """The origins of the values in a template.

    ``sources`` collects the defaults and entries of parameter files that a value comes from.
    """

    def __init__(
        self, template: Template, sources: list[Source], busy: frozenset[tuple[int, str]] = frozenset()
    ) -> None:
        self.template = template
        self.sources = sources
        self._busy = busy

    def trace(self, plain: Any, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a JSON value."""
        if isinstance(plain, str):
            if not is_expression(plain):
                return NONE
            node = self.template.run.parse(plain[1:-1], self.template.at)
            return origins_of(node, self, rest) if node is not None else frozenset({value_origins.UNTRACED})
        parts = [self.trace(value, path) for value, _, path in values_below(plain, (), rest)]
        if rest and parts:
            return union(parts)
        # A member that is not written may be in what makes the object.
        return combine(parts if not rest else [self.trace(value) for value, *_ in values_below(plain, (), ())])

    @property
    def walk(self) -> Walk:
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

        def follow(sources: list[Source]) -> Origins:
            inner = TemplateOrigins(self.template, sources, self._busy | {mark})
            return inner.parameter(name, rest) if section == "parameters" else inner.variable(name, rest)

        reference = (self.template, section, name, rest)
        return run.followed.follow(mark, reference, self._busy, follow, run.may_follow_reference, self.sources)

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """See ``tracing.Scope``."""
        return self.template.evaluator.evaluate(node, local)

    def variable(self, name: str, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a variable."""
        plain, _, below = variable_of(self.template.sections, name, rest) or (None, (), ())
        return value_origins.variable_origins(self.trace(plain, below), (name, *rest), self._parse(plain))

    def parameter(self, name: str, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in a parameter: those of its argument, or else its default."""
        key = name.lower()
        secure, default = self.template.secret_and_default(key)
        arguments, source = self.template.arguments, None
        if arguments is not None:
            plain = arguments.written(key)
            outer = TemplateOrigins(arguments.template, self.sources, self._busy)
            found = outer.argument(plain, rest) if plain is not None else None
        else:
            given = self.template.given(key)
            found = origins_of_argument(given, secure)
            source = value_of(name, given.at if given is not None else None)
        is_passed = arguments is not None and found is not None
        if found is None and default not in (None, "", {}, []):
            found = self.trace(default, rest)
            found = frozenset({value_origins.DEFAULT}) if not found or found & {value_origins.WRITTEN} else found
            source = default_of(name, self.template.default_location(key, rest))
        found = origins_of_parameter(found, secure, name, rest, is_passed)
        at = self.template.location(self.template.declaration(key)[1]) if key in self.template.parameters else None
        self.sources += sources_in(found, name, at, source)
        return found

    def argument(self, plain: Any, rest: Path = ()) -> Origins:
        """Return the origins of the value at ``rest`` in an argument of a nested deployment."""
        if isinstance(plain, dict):
            key = key_of(plain, "value")
            if key is not None:
                return self.trace(plain[key], rest) or frozenset({value_origins.WRITTEN})
            key = key_of(plain, "reference")
            if key is not None:
                return value_origins.vault_secret_origins(self._parse(member(plain[key], "secretName")))
        return self._argument_of(self._parse(plain), rest)

    def _referenced_output(self, node: ast.Node, rest: Path) -> Origins | None:
        """Return the origins of an output of a deployment; None if ``reference()`` does not lead to a certain one."""
        is_reference = isinstance(node, ast.Call) and node.name.lower() == "reference"
        steps = path_in_outputs(rest) if is_reference else None
        if not isinstance(node, ast.Call) or not steps or is_any(steps[0]):
            return None
        name, below = member_of(steps[0]), steps[2:]
        found = self.template.evaluator.evaluate(node, {})
        instance = found.instance if isinstance(found, Runtime) else None
        nested = instance.nested if isinstance(instance, EvaluatedResource) and instance.is_deployment else None
        if nested is None:
            return output_origins(name)
        nested.instance.record_link()
        deployment, run = nested.deployment, self.template.run
        output = nested.written_output(name)
        plain, path = _value_of_output(output[0], below) if output is not None else (None, below)
        mark = id(deployment.template), f"{deployment.address}outputs.{name.lower()}"

        def follow(sources: list[Source]) -> Origins:
            return TemplateOrigins(deployment.template, sources, self._busy | {mark}).trace(plain, path)

        reference = (deployment.template, *mark, path)
        origins = run.followed.follow(mark, reference, self._busy, follow, run.may_follow_reference, self.sources)
        return value_origins.with_name_kind(origins, (name, *names_of(below)))

    def _parse(self, plain: Any) -> ast.Expression | None:
        """Return the expression of a JSON value, if it is a string that can be parsed."""
        if not isinstance(plain, str):
            return None
        if not is_expression(plain):
            return ast.Literal(start=0, end=0, value=plain)
        return self.template.run.parse(plain[1:-1], self.template.at)

    def _argument_of(self, node: ast.Expression | None, rest: Path) -> Origins:
        """Return the same for an expression: Bicep compiles a choice between secrets to one."""
        match node:
            case ast.Call(name=name, arguments=(_, first, second)) if name.lower() == "if":
                return self._argument_of(first, rest) | self._argument_of(second, rest)
            case ast.Call(name=name, arguments=(ast.Literal(value=key), value, *_)) if name.lower() == "createobject":
                if str(key).lower() == "reference":
                    return value_origins.vault_secret_origins(_argument(value, "secretName"))
                if str(key).lower() == "value":
                    return origins_of(value, self, rest) or frozenset({value_origins.WRITTEN})
        return frozenset({value_origins.UNTRACED})


def _value_of_output(output: Mapping[str, Any], rest: Path) -> tuple[Any, Path]:
    """Return the value of an output as it is written, and the path in that to what is at ``rest``."""
    loop = member(output, "copy")
    if loop is None:
        return member(output, "value"), rest
    return member(loop, "input"), rest[1:] if rest and is_index(rest[0]) else rest


def _argument(node: ast.Expression, name: str) -> ast.Expression | None:
    """Return the value of a member of ``createObject()``, if its key is a literal."""
    arguments = node.arguments if isinstance(node, ast.Call) else ()
    pairs = zip(arguments[::2], arguments[1::2], strict=False)
    return next((value for key, value in pairs if _is_key(key, name)), None)


def _is_key(node: ast.Expression, name: str) -> bool:
    return isinstance(node, ast.Literal) and str(node.value).lower() == name.lower()


def origins_of_call(node: ast.Node, rest: Path) -> Origins | None:
    """Return the origins of a function's result in Azure; None if they are those of its arguments."""
    name = node.name.lower() if isinstance(node, ast.Call) else ""
    if returns_keys(name):
        return value_origins.list_function_origins(rest)
    if name == "newguid":
        return frozenset({value_origins.IDENTIFIER})
    return frozenset({value_origins.RESOURCE}) if name in ("reference", "references") else None


def default_of(name: str, at: Location | None) -> Source:
    """Return the source of a value that comes from the default of a parameter."""
    return Source(value_origins.DEFAULT, f"default of parameter `{name}`", at)


def value_of(name: str, at: Location | None) -> Source:
    """Return the source of a value that comes from a parameter file."""
    return Source(value_origins.GIVEN, f"value of parameter `{name}`", at)


def sources_in(found: Origins, name: str, at: Location | None, source: Source | None) -> list[Source]:
    """Return the sources of a value with these origins that comes from a parameter, which is declared at ``at``.

    They are ``source``, where the value is written, or the parameter itself.
    """
    plain = Source(value_origins.PARAMETER, f"parameter `{name}` is not marked as secure", at)
    return [one for one in (source, plain) if one is not None and one.origin in found]


def origins_of_argument(found: Result | None, secure: bool) -> Origins | None:
    """Return the origins of an argument from a file or a module declaration; None if there is none."""
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


def origins_of_passed(found: Origins | None, secure: bool) -> Origins:
    """Return the origins after a parameter: one that is not secure exposes its value in the deployment."""
    if found is None:
        return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
    if not secure and found & _LEAKS:
        # What is only declared as secret may be a user name; a key is a secret under any name.
        word = value_origins.PARAMETER if found & _LEAKS == {value_origins.SECURE} else value_origins.EXPOSED
        return found - _LEAKS | {word}
    return found


def origins_of_parameter(found: Origins | None, secure: bool, name: str, rest: Path, called: bool = False) -> Origins:
    """Return the origins of the value at ``rest`` in a parameter; ``found`` are the origins of its argument.

    ``called``: a module call passes the argument. A module declares a parameter such as ``value`` as secure for all
    callers, so the declaration does not show that a value from code or from a resource property is a secret.
    """
    given = origins_of_passed(found, secure)
    if secure and not (called and value_origins.is_plain(given, (name, *rest))):
        return value_origins.secure_parameter_origins(given, name, rest)
    return value_origins.with_name_kind(given, (name, *rest))


def origins_of_secret(instance: EvaluatedResource, sources: list[Source]) -> Origins | None:
    """Return the origins of a secret's value; None if it is not written. ``sources`` receives its sources."""
    deployment = instance.deployment
    properties = member(instance.plain, "properties")
    plain = properties if isinstance(properties, str) else member(properties, "value")
    if plain is None:
        return None
    found = TemplateOrigins(deployment.template, sources).trace(plain)
    # The template of a deployment of outer scope contains the values from around it once it is deployed.
    return origins_of_passed(found, deployment.pointer == deployment.template.pointer)


def outputs_of(deployment: Deployment) -> Iterator[Resource]:
    """Yield the outputs of a deployment, which its history shows to everyone who can read it."""
    key = key_of(deployment.plain, "outputs")
    declared = deployment.plain[key] if key is not None else None
    for name, plain in declared.items() if isinstance(declared, dict) else ():
        if isinstance(plain, dict):
            yield _output(deployment, name, plain, (*deployment.pointer, str(key), name))


def _output(deployment: Deployment, name: str, plain: dict[str, Any], pointer: Pointer) -> Resource:
    template = deployment.template
    found = TemplateOrigins(template, []).trace(plain)
    secure = template.sections.is_secure(plain)
    return as_resource(
        f"{deployment.address}outputs.{name}", name, secure, found, template.location(pointer),
        deployment.deployment_path, deployment.callers,
    )  # fmt: skip


def as_resource(
    address: str,
    name: str,
    secure: bool,
    found: Origins,
    at: Location,
    deployment: Text,
    callers: tuple[Location, ...],
) -> Resource:
    """Return an output as a resource.

    ``deployment``: the names of the nested deployments that lead to it, and ``callers`` their places.
    """
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name), "sensitive": Scalar(at=at, value=secure)}
    fields["deployment"] = text(deployment, at, "the name of the deployment is unknown")
    attributes = with_origins(MapValue(at=at, fields=fields), found)
    return Resource(
        address=address, type=OUTPUT_TYPE, name=name, attributes=attributes, at=at, declared_as="output",
        callers=callers,
    )  # fmt: skip
