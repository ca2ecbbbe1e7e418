"""Where the secrets of templates are written: see ``values.secret_sources``.

A template is read as written. A nested deployment of inner scope, and a linked template, have their own parameters.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from azkvlint.azure.secret_properties import secret_properties
from azkvlint.model.value import Path
from azkvlint.readers.deployment.documents import Sections, find_template, key_of, member
from azkvlint.readers.deployment.references import (
    declaration_of,
    path_in_outputs,
    returns_keys,
    values_below,
    variable_of,
)
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, parse_expression
from azkvlint.syntax.json_decoder import Pointer, decode_text
from azkvlint.util.errors import InputError
from azkvlint.values.parts import Part
from azkvlint.values.paths import KEYS
from azkvlint.values.secrecy import is_content, names_value
from azkvlint.values.secret_sources import HiddenPart, hide_sources

# Steps for each character of the code, and for each run.
_STEPS, _MIN_STEPS = 2, 10_000
# What declares a type of its own.
_TYPES = frozenset({"parameters", "outputs", "definitions"})


class _Json(ast.Node, frozen=True, gc=False):
    """A JSON value in a template; ``at`` is its pointer. It has no offsets."""

    plain: Any
    at: Pointer


class Places:
    """The places of secrets in one text: ``values`` and ``keys`` by their pointers; ``is_all``: all of it is one."""

    def __init__(self) -> None:
        self.values: set[Pointer] = set()
        self.keys: set[Pointer] = set()
        self.is_all = False


class _Template:
    """One template, and the calls of it: their parameters in the template around it, or in another file."""

    def __init__(self, path: str, plain: Mapping[str, Any], pointer: Pointer, places: Places) -> None:
        self.path, self.plain, self.pointer, self.places = path, plain, pointer, places
        self.calls: list[tuple[_Scope, Any, Pointer]] = []
        self.nested: list[_Template] = []
        self.inline: dict[Pointer, _Template] = {}
        self._nodes: dict[Pointer, _Json] = {}

    @cached_property
    def sections(self) -> Sections:
        """Return its declarations."""
        return Sections(self.plain, self.pointer)

    def node(self, plain: Any, pointer: Pointer) -> _Json:
        """Return the node of a JSON value, always the same one."""
        found = self._nodes.get(pointer)
        if found is None:
            found = self._nodes[pointer] = _Json(0, 0, plain, pointer)
        return found


def secret_places(texts: Mapping[str, str]) -> dict[str, Places]:
    """Return the places from which secrets are made in the texts of templates, by reported path."""
    roots: dict[str, _Template] = {}
    for path, text in texts.items():
        try:
            document = decode_text(text)
            found = find_template(document.value)
        except InputError:
            continue
        if found is not None:
            roots[path] = _Template(path, found.plain, found.pointer, Places())
    secrets = [part for root in roots.values() for part in _secrets_of(root, roots)]
    limit = _MIN_STEPS + _STEPS * sum(len(texts[path]) for path in roots)
    is_done = hide_sources(secrets, limit)
    for root in roots.values():
        root.places.is_all = not is_done
    return {path: root.places for path, root in roots.items()}


class _Scope:
    """The scope of a value of a template, at ``pointer`` if that is an expression. ``inside`` a function, it has only
    the parameters of that.
    """

    def __init__(self, template: _Template, pointer: Pointer = (), inside: bool = False) -> None:
        self.template, self.pointer, self.inside = template, pointer, inside
        self.key: Hashable = (template.path, template.pointer, pointer, inside)

    def hide(self, node: ast.Node) -> None:
        """See ``Scope``."""
        self.template.places.values.add(node.at if isinstance(node, _Json) else self.pointer)

    def hide_key(self, node: ast.Property) -> None:
        """See ``Scope``."""
        self.hide(node)

    def part(self, plain: Any, pointer: Pointer, rest: Path = ()) -> HiddenPart:
        """Return a JSON value as a part."""
        return Part(self.template.node(plain, pointer), _Scope(self.template, (), self.inside), rest)

    def written(self, node: ast.Node, rest: Path) -> Iterable[HiddenPart] | None:
        """See ``Scope``."""
        if isinstance(node, _Json):
            return list(self._of_json(node, rest))
        if isinstance(node, ast.Call):
            found = self._of_call(node, rest)
            return None if found is None else list(found)
        return None

    def _of_json(self, node: _Json, rest: Path) -> Iterator[HiddenPart]:
        plain, at = node.plain, node.at
        if isinstance(plain, str):
            yield from self._of_text(node, plain, rest)
        elif isinstance(plain, dict) and rest[:1] == (KEYS,):
            self.template.places.keys.update((*at, key) for key in plain)
        elif isinstance(plain, (dict, list)):
            yield from (self.part(*below) for below in values_below(plain, at, rest))
        elif is_content(plain):
            self.hide(node)

    def _of_text(self, node: _Json, text: str, rest: Path) -> Iterator[HiddenPart]:
        if len(text) < 2 or not is_expression(text):
            if is_content(text):
                self.hide(node)
            return
        try:
            yield Part(parse_expression(text[1:-1]), _Scope(self.template, node.at, self.inside), rest)
        except InputError:
            self.hide(node)

    def _of_call(self, node: ast.Call, rest: Path) -> Iterator[HiddenPart] | None:
        declared = declaration_of(node)
        if declared is not None:
            return self._declared(*declared, rest)
        name = node.name.lower()
        if name in ("reference", "references"):
            return self._outputs(rest)
        function = self.template.sections.functions.get(name)
        if function is not None:
            return self._of_function(node, function)
        # What `listKeys()` returns is not in the code.
        return iter(()) if name in ("copyindex", "lambdavariables") or returns_keys(name) else None

    def _of_function(self, node: ast.Call, function: tuple[Mapping[str, Any], Pointer]) -> Iterator[HiddenPart]:
        plain, pointer = function
        key = key_of(plain, "output")
        value = key_of(plain[key], "value") if key is not None and isinstance(plain[key], dict) else None
        if key is not None and value is not None:
            inner = _Scope(self.template, (), inside=True)
            yield inner.part(plain[key][value], (*pointer, key, value))
        for one in node.arguments:
            yield Part(one, self)

    def _declared(self, section: str, name: str, rest: Path) -> Iterator[HiddenPart]:
        """Yield the value of a parameter or variable, or of all if its name is an expression."""
        sections = self.template.sections
        if section == "parameters":
            # A function has parameters of its own.
            for one in () if self.inside else [name.lower()] if name else sections.parameters:
                yield from self._parameter(one, rest)
            return
        for one in [name] if name else {**sections.variables, **sections.loops}:
            found = variable_of(sections, one, rest)
            if found is not None:
                yield _Scope(self.template).part(*found)

    def _parameter(self, name: str, rest: Path) -> Iterator[HiddenPart]:
        plain, pointer = self.template.sections.parameters.get(name, (None, ()))
        key = key_of(plain, "defaultValue") if isinstance(plain, dict) else None
        if key is not None:
            yield _Scope(self.template).part(plain[key], (*pointer, key), rest)
        for scope, given, at in self.template.calls:
            spelled = next((one for one in given if one.lower() == name), None) if isinstance(given, dict) else None
            if spelled is not None:
                yield scope.part(given[spelled], (*at, spelled), ("value", *rest))
            elif isinstance(given, str):
                yield scope.part(given, at, (name, "value", *rest))

    def _outputs(self, rest: Path) -> Iterator[HiddenPart]:
        """Yield the outputs of nested deployments at a path, whichever of them the reference is to."""
        steps = path_in_outputs(rest)
        for inner in () if steps is None else self.template.nested:
            key = key_of(inner.plain, "outputs")
            if key is not None and steps is not None:
                yield _Scope(inner).part(inner.plain[key], (*inner.pointer, key), steps)


def _secrets_of(root: _Template, roots: Mapping[str, _Template]) -> Iterator[HiddenPart]:
    """Yield the values of a template, and of those that are nested in it, that are secret."""
    waiting: list[tuple[_Template, Any, Pointer]] = [(root, root.plain, root.pointer)]
    while waiting:
        template, plain, pointer = waiting.pop()
        if isinstance(plain, list):
            items = [(template, value, (*pointer, number)) for number, value in enumerate(plain)]
            waiting += [item for item in items if isinstance(item[1], (dict, list))]
        if not isinstance(plain, dict):
            continue
        for path in secret_properties(member(plain, "type")):
            yield _Scope(template).part(plain, pointer, path)
        _open(template, plain, pointer, roots)
        is_template = pointer == template.pointer
        for key, value in plain.items():
            # Most values are strings, and contain no others.
            is_secret, is_object = names_value(key), isinstance(value, dict)
            if not is_secret and not is_object and not isinstance(value, list):
                continue
            at = (*pointer, key)
            inner = template.inline.get(at)
            if inner is not None:
                waiting.append((inner, value, at))
            elif is_template and is_object and key.lower() in _TYPES:
                yield from _of_section(_Scope(template), value, at)
            elif is_secret:
                yield _Scope(template).part(value, at)
            else:
                waiting.append((template, value, at))


def _of_section(scope: _Scope, section: Mapping[str, Any], at: Pointer) -> Iterator[HiddenPart]:
    """Yield the value of each parameter or output that is secure, or whose name is that of a secret."""
    sections = scope.template.sections
    for name, plain in section.items():
        if not (names_value(name) or sections.is_secure(plain)):
            continue
        value = key_of(plain, "value") if isinstance(plain, dict) else None
        if value is not None:
            yield scope.part(plain[value], (*at, name, value))
        if str(at[-1]).lower() == "parameters":
            # Its default and its arguments, once all calls are known.
            yield Part(ast.Call(0, 0, "parameters", (ast.Literal(0, 0, name),)), scope)


def _open(template: _Template, plain: Mapping[str, Any], pointer: Pointer, roots: Mapping[str, _Template]) -> None:
    """Add the template that a resource deploys, if it has its own parameters."""
    key = key_of(plain, "properties")
    properties = plain[key] if key is not None else None
    if not isinstance(properties, dict):
        return
    at: Pointer = (*pointer, str(key))
    given = key_of(properties, "parameters")
    call = (_Scope(template), properties[given], (*at, given)) if given is not None else None
    inline, link = key_of(properties, "template"), member(properties, "templateLink", "relativePath")
    scope = member(properties, "expressionEvaluationOptions", "scope")
    called: _Template | None = None
    if inline is not None and isinstance(properties[inline], dict):
        if str(scope).lower() != "inner":
            return
        called = _Template(template.path, properties[inline], (*at, inline), template.places)
        template.inline[called.pointer] = called
    elif isinstance(link, str):
        called = roots.get(posixpath.normpath(posixpath.join(posixpath.dirname(template.path), link)))
    if called is not None:
        template.nested.append(called)
        if call is not None:
            called.calls.append(call)
