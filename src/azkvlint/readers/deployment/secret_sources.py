"""Where the secrets of templates are written: see ``values.secret_sources``.

A template is read as written. A nested deployment of inner scope, and a linked template, have their own parameters.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from azkvlint.azure.secret_properties import secret_properties
from azkvlint.model.value import Path
from azkvlint.readers.deployment.documents import find_template, key_of, member, usual_members
from azkvlint.readers.deployment.origins import returns_keys
from azkvlint.readers.deployment.template_file import TemplateFile, variable_key
from azkvlint.readers.deployment.template_origins import declaration_of, path_in_outputs, value_in, values_below
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, parse_expression
from azkvlint.syntax.ast import Pointer
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_property import lazy_property
from azkvlint.util.lazy_regex import regex
from azkvlint.values.name_kinds import NameKind, kind_of_name
from azkvlint.values.parts import ValuePart
from azkvlint.values.paths import ANY, KEYS, is_any, member_of, names_of
from azkvlint.values.secrecy import (
    ends_with_name,
    is_content,
    is_secure_type,
    may_name_secret,
    may_name_value,
    names_value,
)
from azkvlint.values.secret_sources import HiddenPart, hide_sources, secure_paths

# Steps for each character of the code, and for each run.
_STEPS, _MIN_STEPS = 2, 10_000
_HOLE, _MOST_HOLES = regex(r"\{(\d{1,3})(?:[,:][^{}]{0,99})?\}"), 1_000
# What declares a type of its own.
_TYPES = frozenset({"parameters", "outputs", "definitions"})
_PARTS_OF_TYPES = frozenset({"properties", "additionalProperties", "items", "prefixItems", "$ref"})
# The values in it.
_VALUES = frozenset({"copy", "defaultvalue", "value"})


class SecretPlaces:
    """The places of secrets in one text: ``values`` and ``keys`` by their pointers; ``is_all``: all of it is one."""

    def __init__(self) -> None:
        self.values: set[Pointer] = set()
        self.keys: set[Pointer] = set()
        self.is_all = False


class _Template:
    """One template, and the calls of it: their parameters in the template around it, or in another file."""

    def __init__(self, path: str, plain: Mapping[str, Any], pointer: Pointer, places: SecretPlaces) -> None:
        self.path, self.plain, self.pointer, self.places = path, plain, pointer, places
        self.calls: list[tuple[_TemplateSecretScope, Any, Pointer]] = []
        self.nested: list[_Template] = []
        self.inline: dict[Pointer, _Template] = {}
        # The outputs of the deployments in it, each in the scope of its expressions, and the resources.
        self.outputs: list[HiddenPart] = []
        self.resources: list[tuple[Mapping[str, Any], Pointer]] = []
        self._nodes: dict[Pointer, ast.Data] = {}

    @lazy_property
    def file(self) -> TemplateFile:
        """Return its declarations."""
        return TemplateFile(self.path, self.plain, self.pointer)

    @lazy_property
    def members(self) -> Mapping[str, list[tuple[Any, Pointer]]]:
        """Return the members of all resources and of their properties, by name in lower case."""
        found: dict[str, list[tuple[Any, Pointer]]] = {}
        for plain, pointer in self.resources:
            key = key_of(plain, "properties")
            properties = plain[key] if key is not None else None
            inner = properties.items() if isinstance(properties, dict) else ()
            for at, members in ((pointer, plain.items()), ((*pointer, str(key)), inner)):
                for name, value in members:
                    found.setdefault(name.lower(), []).append((value, (*at, name)))
        return found

    def node(self, plain: Any, pointer: Pointer) -> ast.Data:
        """Return the node of a JSON value, always the same one."""
        found = self._nodes.get(pointer)
        if found is None:
            found = self._nodes[pointer] = ast.Data(0, 0, plain, pointer)
        return found


def secret_places(texts: Mapping[str, str]) -> dict[str, SecretPlaces]:
    """Return the places from which secrets are made in the texts of templates, by reported path."""
    roots: dict[str, _Template] = {}
    for path, text in texts.items():
        try:
            document = decode_text(text)
            found = find_template(document.value)
        except InputError:
            continue
        if found is not None:
            roots[path] = _Template(path, found.plain, found.pointer, SecretPlaces())
    secrets = [part for root in roots.values() for part in _secrets_of(root, roots)]
    limit = _MIN_STEPS + _STEPS * sum(len(texts[path]) for path in roots)
    is_done = hide_sources(secrets, limit)
    for root in roots.values():
        root.places.is_all = not is_done
    return {path: root.places for path, root in roots.items()}


class _TemplateSecretScope:
    """The scope of a value of a template, at ``pointer`` if that is an expression. ``inside`` a function, it has only
    the parameters of that.
    """

    def __init__(self, template: _Template, pointer: Pointer = (), inside: bool = False) -> None:
        self.template, self.pointer, self.inside = template, pointer, inside
        self.key: Hashable = (template.path, template.pointer, pointer, inside)

    def hide(self, node: ast.Node) -> None:
        """See ``Scope``."""
        self.template.places.values.add(node.pointer if isinstance(node, ast.Data) else self.pointer)

    def hide_key(self, node: ast.Property) -> None:
        """See ``Scope``."""
        self.hide(node)

    def part(self, plain: Any, pointer: Pointer, rest: Path = ()) -> HiddenPart:
        """Return a JSON value as a part."""
        return ValuePart(self.template.node(plain, pointer), _TemplateSecretScope(self.template, (), self.inside), rest)

    def written(self, node: ast.Node, rest: Path) -> Iterable[HiddenPart] | None:
        """See ``Scope``."""
        if isinstance(node, ast.Data):
            return list(self._of_json(node, rest))
        if isinstance(node, ast.Call):
            found = self._of_call(node, rest)
            return None if found is None else list(found)
        return None

    def _of_json(self, node: ast.Data, rest: Path) -> Iterator[HiddenPart]:
        plain, at = node.plain, node.pointer
        if isinstance(plain, str):
            yield from self._of_text(node, plain, rest)
        elif isinstance(plain, dict) and rest[:1] == (KEYS,):
            self.template.places.keys.update((*at, key) for key in plain)
        elif isinstance(plain, (dict, list)):
            yield from (self.part(*below) for below in values_below(plain, at, rest))
        elif is_content(plain):
            self.hide(node)

    def _of_text(self, node: ast.Data, text: str, rest: Path) -> Iterator[HiddenPart]:
        if len(text) < 2 or not is_expression(text):
            if is_content(text):
                self.hide(node)
            return
        try:
            yield ValuePart(
                parse_expression(text[1:-1]), _TemplateSecretScope(self.template, node.pointer, self.inside), rest
            )
        except InputError:
            self.hide(node)

    def _of_call(self, node: ast.Call, rest: Path) -> Iterator[HiddenPart] | None:
        declared = declaration_of(node)
        if declared is not None:
            return self._declared(*declared, rest)
        name = node.name.lower()
        if name in ("reference", "references"):
            return self._referenced(rest)
        function = self.template.file.functions.get(name)
        if function is not None:
            return self._of_function(node, function)
        # What `listKeys()` returns is not in the code.
        return iter(()) if name in ("copyindex", "lambdavariables") or returns_keys(name) else None

    def _of_function(self, node: ast.Call, function: ast.FunctionDeclaration) -> Iterator[HiddenPart]:
        if isinstance(function.body, ast.Data):
            yield _TemplateSecretScope(self.template, (), inside=True).part(function.body.plain, function.body.pointer)
        for one in node.arguments:
            yield ValuePart(one, self)

    def _declared(self, section: str, name: str, rest: Path) -> Iterator[HiddenPart]:
        """Yield the value of a parameter or variable, or of all if its name is an expression."""
        file = self.template.file
        if section == "parameters":
            # A function has parameters of its own.
            for one in () if self.inside else [name] if name else [node.name for node in file.parameters]:
                yield from self._parameter(one.lower(), rest)
            return
        for variable in file.symbols.values() if not name else [file.symbols.get(variable_key(name))]:
            found = value_in(variable.value, rest) if isinstance(variable, ast.Variable) else None
            if found is not None:
                yield _TemplateSecretScope(self.template).part(*found)

    def _parameter(self, name: str, rest: Path) -> Iterator[HiddenPart]:
        node = self.template.file.parameter(name)
        if node is not None:
            plain = self.template.file.at(node.pointer)
            for member_name, steps in (("defaultValue", rest), ("allowedValues", (ANY, *rest))):
                key = key_of(plain, member_name) if isinstance(plain, dict) else None
                if key is not None:
                    yield _TemplateSecretScope(self.template).part(plain[key], (*node.pointer, key), steps)
        for scope, given, at in self.template.calls:
            spelled = next((one for one in given if one.lower() == name), None) if isinstance(given, dict) else None
            if spelled is not None:
                yield scope.part(given[spelled], (*at, spelled), ("value", *rest))
            elif isinstance(given, str):
                yield scope.part(given, at, (name, "value", *rest))

    def _referenced(self, rest: Path) -> Iterator[HiddenPart]:
        """Yield what is at a path in the result of ``reference()``, whichever of the resources it is to."""
        steps = path_in_outputs(rest)
        if steps is not None:
            yield from (ValuePart(part.node, part.scope, steps) for part in self.template.outputs)
        names = names_of(rest)
        if names and not is_any(rest[0]) and kind_of_name(names[-1]) is not NameKind.PLAIN:
            steps = rest[1:] if names[0].lower() == "properties" else rest
            for plain, pointer in self.template.members.get(member_of(steps[0]).lower(), ()) if steps else ():
                yield _TemplateSecretScope(self.template).part(plain, pointer, steps[1:])


def _secrets_of(root: _Template, roots: Mapping[str, _Template]) -> Iterator[HiddenPart]:
    """Yield the values of a template, and of those that are nested in it, that are secret."""
    waiting: list[tuple[_Template, Any, Pointer]] = [(root, root.plain, root.pointer)]
    while waiting:
        template, plain, pointer = waiting.pop()
        if isinstance(plain, list):
            items = [(template, value, (*pointer, number)) for number, value in enumerate(plain)]
            waiting += [item for item in items if _may_hold_secrets(item[1])]
        elif isinstance(plain, str):
            yield from _in_text(template, plain, pointer)
        if not isinstance(plain, dict):
            continue
        type_, properties = _type_and_properties(plain)
        if type_ is not None and isinstance(plain[type_], str):
            yield from _by_type(template, plain, pointer, plain[type_])
        if properties is not None and isinstance(plain[properties], dict):
            _open(template, plain[properties], (*pointer, properties), roots)
        is_template = pointer == template.pointer
        for key, value in plain.items():
            # Most values are strings, and contain no others.
            is_secret = names_value(key)
            if not is_secret and not _may_hold_secrets(value):
                continue
            at = (*pointer, key)
            inner = template.inline.get(at)
            if inner is not None:
                waiting.append((inner, value, at))
            elif is_template and isinstance(value, dict) and key.lower() in _TYPES:
                yield from _of_section(_TemplateSecretScope(template), value, at)
                waiting += [(template, *below) for below in _values_in(value, at) if _may_hold_secrets(below[0])]
            elif is_secret:
                yield _TemplateSecretScope(template).part(value, at)
            else:
                waiting.append((template, value, at))


def _may_hold_secrets(value: Any) -> bool:
    """Return whether a value may contain secrets by the names in it."""
    if not isinstance(value, str):
        return isinstance(value, (dict, list))
    if value[:1] != "[":
        return False
    lower = value.lower()
    if "createobject" in lower and may_name_value(value):
        return True
    # What shows that a secret follows ends with one of these characters, or is before an address with them.
    is_named = (":" in value or "=" in value) and ("concat" in lower or "format" in lower)
    return is_named and may_name_secret(lower)


def _type_and_properties(plain: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the keys of these members, as ``key_of`` does; most objects have neither, and are searched once."""
    type_ = "type" if "type" in plain else None
    properties = "properties" if "properties" in plain else None
    if type_ is None or properties is None:
        for key in plain:
            if len(key) == 4:
                if type_ is None and key.lower() == "type":
                    type_ = key
            elif len(key) == 10 and properties is None and key.lower() == "properties":
                properties = key
    return type_, properties


def _by_type(template: _Template, plain: Mapping[str, Any], pointer: Pointer, type_: str) -> Iterator[HiddenPart]:
    """Yield the secrets in an object that has the type of a resource or of a value."""
    if "/" in type_:
        template.resources.append((plain, pointer))
    # The sections of a template of outer scope are not its own.
    for path in [("value",)] if is_secure_type(type_) else secret_properties(type_):
        yield _TemplateSecretScope(template).part(plain, pointer, path)


def _values_in(section: Mapping[str, Any], at: Pointer) -> Iterator[tuple[Any, Pointer]]:
    """Yield the values in the declarations of a section, with their pointers."""
    for name, plain in section.items():
        for key, value in plain.items() if isinstance(plain, dict) else ():
            if key.lower() in _VALUES:
                yield value, (*at, name, key)


def _secure_paths(file: TemplateFile, declared: Any) -> Iterable[Path]:
    """Return the paths of the parts of a parameter that are secure by their definitions."""

    def parts(one: Any) -> list[tuple[Path, Any]]:
        members = usual_members(one)
        if _PARTS_OF_TYPES.isdisjoint(members):
            return []
        properties, prefixed = members.get("properties"), members.get("prefixItems")
        found: list[tuple[Path, Any]] = []
        if isinstance(properties, dict):
            found += [((name,), part) for name, part in properties.items()]
        of_any = [
            members.get("additionalProperties"), members.get("items"),
            *(prefixed if isinstance(prefixed, list) else ()),
        ]  # fmt: skip
        found += [((ANY,), part) for part in of_any if isinstance(part, dict)]
        reference = members.get("$ref")
        if isinstance(reference, str):
            found.append(((), member(file.plain, "definitions", reference.rpartition("/")[2])))
        return found

    members = usual_members(declared)
    if _PARTS_OF_TYPES.isdisjoint(members):  # as most
        return [()] if is_secure_type(members.get("type")) else []
    return secure_paths(declared, parts, file.is_secure)


def _in_text(template: _Template, text: str, at: Pointer) -> Iterator[HiddenPart]:
    """Yield the parts of objects and strings in an expression that are secrets by the names before them."""
    if not is_expression(text):
        return
    try:
        waiting: list[ast.Node] = [parse_expression(text[1:-1])]
    except InputError:
        return
    while waiting:
        node = waiting.pop()
        waiting += ast.children(node)
        for one in _named_arguments(node) if isinstance(node, ast.Call) else ():
            yield ValuePart(one, _TemplateSecretScope(template, at))


def _named_arguments(node: ast.Call) -> Iterator[ast.Expression]:
    """Yield the arguments of a function that are secrets by the names before them."""
    arguments = node.arguments
    texts = [str(one.value) if isinstance(one, ast.Literal) else "" for one in arguments]
    match node.name.lower():
        case "createobject":
            pairs = zip(texts[::2], arguments[1::2], strict=False)
            yield from (value for name, value in pairs if names_value(name))
        case "concat":
            yield from (value for before, value in zip(texts, arguments[1:], strict=False) if ends_with_name(before))
        case "format" if texts:
            for hole in islice(_HOLE.finditer(texts[0]), _MOST_HOLES):
                number = int(hole[1]) + 1
                if number < len(arguments) and ends_with_name(texts[0][: hole.start()]):
                    yield arguments[number]


def _of_section(scope: _TemplateSecretScope, section: Mapping[str, Any], at: Pointer) -> Iterator[HiddenPart]:
    """Yield the value of each parameter or output that is secure, also in part, or whose name is that of a secret."""
    for name, plain in section.items():
        for path in [()] if names_value(name) else _secure_paths(scope.template.file, plain):
            if isinstance(plain, dict):
                yield scope.part(plain, (*at, name), ("value", *path))
            if str(at[-1]).lower() == "parameters":
                # Its default and its arguments, once all calls are known.
                yield ValuePart(ast.Call(0, 0, "parameters", (ast.Literal(0, 0, name),)), scope, path)


def _open(template: _Template, properties: dict[str, Any], at: Pointer, roots: Mapping[str, _Template]) -> None:
    """Add the template that a resource deploys, if it has its own parameters, and the outputs of any.

    ``properties`` are those of the resource, at ``at``.
    """
    inline = key_of(properties, "template")
    called: _Template | None = None
    if inline is not None and isinstance(properties[inline], dict):
        if str(member(properties, "expressionEvaluationOptions", "scope")).lower() != "inner":
            _add_outputs(template, template, properties[inline], (*at, inline))
            return
        called = _Template(template.path, properties[inline], (*at, inline), template.places)
        template.inline[called.pointer] = called
    elif isinstance(link := member(properties, "templateLink", "relativePath"), str):
        called = roots.get(posixpath.normpath(posixpath.join(posixpath.dirname(template.path), link)))
    if called is not None:
        template.nested.append(called)
        _add_outputs(template, called, called.plain, called.pointer)
        given = key_of(properties, "parameters")
        if given is not None:
            called.calls.append((_TemplateSecretScope(template), properties[given], (*at, given)))


def _add_outputs(template: _Template, inner: _Template, plain: Mapping[str, Any], pointer: Pointer) -> None:
    """Add the outputs of a deployed template, whose expressions are in the scope of ``inner``."""
    key = key_of(plain, "outputs")
    if key is not None:
        template.outputs.append(_TemplateSecretScope(inner).part(plain[key], (*pointer, key)))
