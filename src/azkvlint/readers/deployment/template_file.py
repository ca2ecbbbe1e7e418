"""What a template declares, as the nodes that a Bicep file is parsed to.

A ``copy`` is a loop, a ``condition`` the condition of a resource, and a secure type a decorator. Names are compared
without their case. Values remain JSON, which is evaluated on use: see ``ast.Data``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from azkvlint.readers.deployment.data_evaluator import LOOP, RESOURCE_LOOP
from azkvlint.readers.deployment.declarations import LENGTH_LIMITS, NUMBER_LIMITS
from azkvlint.readers.deployment.documents import (
    is_copies,
    is_usual,
    key_of,
    member,
    schema_of,
    usual_members,
    usual_spelling,
)
from azkvlint.readers.deployment.symbols import COPIES
from azkvlint.readers.modules.run import Run
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Pointer
from azkvlint.util.lazy_property import lazy_property
from azkvlint.values.secrecy import is_secure_type

# Definitions that refer to further ones.
_MAX_REFERENCES = 20
_SECURE = (ast.Call(0, 0, "secure", ()),)
# The keys of parameters and variables in ``symbols``.
PARAMETERS, VARIABLES = "parameters.", "variables."


class TemplateFile:
    """One template, at ``pointer`` in the file ``path``. All its uses share its nodes, each of which is made once."""

    def __init__(self, path: str, plain: Mapping[str, Any], pointer: Pointer) -> None:
        self.path = path
        self.plain = plain
        self.pointer = pointer
        self._resources: dict[Pointer, ast.ResourceDeclaration] = {}
        # The places of values that are not objects, in the resources of a declaration or of the template.
        self._unread: dict[Pointer, list[Pointer]] = {}

    @property
    def level(self) -> str:
        """Return the level of the scope that its schema names; empty if it names none."""
        return schema_of(self.plain)

    @lazy_property
    def symbols(self) -> Mapping[str, ast.ParameterDeclaration | ast.Variable]:
        """Return the parameters and variables by the keys of ``parameter_key`` and ``variable_key``."""
        found: dict[str, ast.ParameterDeclaration | ast.Variable] = {}
        for name, plain, pointer in self._section("parameters"):
            found[parameter_key(name)] = self._parameter(name, plain, pointer)
        for name, plain, pointer in self._section("variables"):
            if name.lower() == "copy" and isinstance(plain, list) and is_copies(plain):
                loops = ((str(member(loop, "name")), loop, (*pointer, at)) for at, loop in enumerate(plain))
                for own, loop, at in loops:
                    found.setdefault(variable_key(own), ast.Variable(0, 0, own, _loop_of(loop, own, at), (), at))
            else:
                found[variable_key(name)] = ast.Variable(0, 0, name, ast.Data(0, 0, plain, pointer), (), pointer)
        return found

    @lazy_property
    def outputs(self) -> Mapping[str, ast.OutputDeclaration]:
        """Return the outputs that have a value, by names in lower case."""
        found: dict[str, ast.OutputDeclaration] = {}
        for name, plain, pointer in self._section("outputs"):
            value, loop = key_of(plain, "value") if isinstance(plain, dict) else None, member(plain, "copy")
            expression: ast.Expression
            if value is not None:
                expression = ast.Data(0, 0, plain[value], (*pointer, value))
            elif isinstance(loop, dict):
                expression = _loop_of(loop, name, (*pointer, str(key_of(plain, "copy"))))
            else:
                continue
            condition = key_of(plain, "condition")
            if condition is not None:
                expression = ast.If(0, 0, ast.Data(0, 0, plain[condition], (*pointer, condition)), expression)
            decorators = _SECURE if self.is_secure(plain) else ()
            found[name.lower()] = ast.OutputDeclaration(0, 0, name, None, expression, decorators, pointer)
        return found

    @lazy_property
    def functions(self) -> Mapping[str, ast.FunctionDeclaration]:
        """Return the functions that have an output, by namespace and name in lower case."""
        found: dict[str, ast.FunctionDeclaration] = {}
        key = key_of(self.plain, "functions")
        spaces = self.plain[key] if key is not None else None
        for number, space in enumerate(spaces if isinstance(spaces, list) else ()):
            members = member(space, "members")
            for name, plain in members.items() if isinstance(members, dict) else ():
                pointer = (*self.pointer, str(key), number, str(key_of(space, "members")), name)
                function = _function(f"{member(space, 'namespace')}.{name}", plain, pointer)
                if function is not None:
                    found[function.name.lower()] = function
        return found

    def parameter(self, name: str) -> ast.ParameterDeclaration | None:
        """Return a parameter; None if there is none of that name."""
        node = self.symbols.get(parameter_key(name))
        return node if isinstance(node, ast.ParameterDeclaration) else None

    @property
    def parameters(self) -> list[ast.ParameterDeclaration]:
        """Return all parameters."""
        return [node for node in self.symbols.values() if isinstance(node, ast.ParameterDeclaration)]

    def at(self, pointer: Pointer) -> Any:
        """Return the JSON at a pointer in the template."""
        plain: Any = self.plain
        for step in pointer[len(self.pointer) :]:
            plain = plain[step]
        return plain

    def type_of(self, declared: Any) -> tuple[str, bool]:
        """Return the type of a parameter or output in lower case, and whether it may be null, with its definition."""
        members = usual_members(declared)
        kind, nullable = members.get("type"), members.get("nullable") is True
        for _ in range(_MAX_REFERENCES):
            reference = members.get("$ref")
            if not isinstance(reference, str):
                break
            members = usual_members(member(self.plain, "definitions", reference.rpartition("/")[2]))
            kind = kind if isinstance(kind, str) else members.get("type")
            nullable = nullable or members.get("nullable") is True
        return kind.lower() if isinstance(kind, str) else "", nullable

    def is_secure(self, declared: Any) -> bool:
        """Return whether a parameter or an output is declared as secret."""
        return is_secure_type(self.type_of(declared)[0])

    def resources(self, is_read: Callable[[str], bool] | None = None) -> Iterator[ast.ResourceDeclaration]:
        """Yield the resources, without those of types that are not read and that contain no others."""
        key = key_of(self.plain, "resources")
        if key is not None:
            yield from self._of_section(self.plain[key], (*self.pointer, key), self.pointer, is_read)

    def unread(self, node: ast.ResourceDeclaration | None = None) -> list[Pointer]:
        """Return the places of values that declare no resource, such as expressions, once all resources are made."""
        return self._unread.get(self.pointer if node is None else node.pointer, [])

    def count_declarations(self) -> int:
        """Return the number of resources, without those in others."""
        resources = member(self.plain, "resources")
        return len(resources) if isinstance(resources, dict | list) else 0

    def _section(self, name: str) -> Iterator[tuple[str, Any, Pointer]]:
        key = key_of(self.plain, name)
        section = None if key is None else self.plain[key]
        for below, value in section.items() if isinstance(section, dict) else ():
            yield below, value, (*self.pointer, str(key), below)

    def _parameter(self, name: str, plain: Any, pointer: Pointer) -> ast.ParameterDeclaration:
        kind, is_nullable = self.type_of(plain)
        default = key_of(plain, "defaultValue") if isinstance(plain, dict) else None
        at = key_of(plain, "type") if isinstance(plain, dict) else None
        type_ = ast.Type(0, 0, "name", kind, pointer=pointer if at is None else (*pointer, at))
        if is_nullable:
            type_ = ast.Type(0, 0, "nullable", of=(type_,), pointer=type_.pointer)
        value = None if default is None else ast.Data(0, 0, plain[default], (*pointer, default))
        decorators = (_SECURE if is_secure_type(kind) else ()) + _limits(plain)
        return ast.ParameterDeclaration(0, 0, name, type_, value, decorators, 0, pointer)

    def _of_section(
        self, section: Any, pointer: Pointer, holder: Pointer, is_read: Callable[[str], bool] | None = None
    ) -> Iterator[ast.ResourceDeclaration]:
        is_list = isinstance(section, list)
        unread: list[Pointer] = [] if section is None or isinstance(section, list | dict) else [pointer]
        items = enumerate(section) if is_list else section.items() if isinstance(section, dict) else ()
        for step, plain in items:
            if type(plain) is not dict:
                unread.append((*pointer, step))
                continue
            if is_read is not None:
                type_ = plain.get("type")
                if type(type_) is str and not is_read(type_) and key_of(plain, "resources") is None:
                    continue
            yield self._resource(plain, (*pointer, step))
        if unread:
            self._unread[holder] = unread

    def _resource(self, plain: dict[str, Any], pointer: Pointer) -> ast.ResourceDeclaration:
        node = self._resources.get(pointer)
        if node is None:
            node = self._resources[pointer] = self._made(plain, pointer)
        return node

    def _made(self, plain: dict[str, Any], pointer: Pointer) -> ast.ResourceDeclaration:
        """Return the node of a resource. Of two keys that differ in their case, that with the usual spelling counts."""
        members: dict[str, ast.Property] = {}
        all_usual = is_usual(plain)
        for key, value in plain.items():
            name = key if all_usual else usual_spelling(key)
            if name == key or name not in members:
                members[name] = ast.Property(0, 0, name, ast.Data(0, 0, value, (*pointer, key)))
        inner: tuple[ast.ResourceDeclaration, ...] = ()
        section = members.get("resources")
        if section is not None and type(section.value) is ast.Data:
            inner = tuple(self._of_section(section.value.plain, section.value.pointer, pointer))
        name = "/".join(map(str, pointer[-2:]))  # unique among the resources beside it
        body: ast.Expression = ast.Object(0, 0, tuple(members.values()), inner)
        condition, loop, type_ = members.get("condition"), plain_of(members.get("copy")), members.get("type")
        if condition is not None:
            body = ast.If(0, 0, condition.value, body)
        if isinstance(loop, dict):
            copy = members["copy"].value
            at = copy.pointer if isinstance(copy, ast.Data) else pointer
            own = key_of(loop, "name")
            body = _loop(loop, str(loop[own]) if own is not None else symbol_at(pointer), at, body)
        return ast.ResourceDeclaration(
            0, 0, name, ast.Data(0, 0, None, pointer) if type_ is None else type_.value,
            plain.get("existing") is True, body, (), 0, pointer,
        )  # fmt: skip


def template_file(run: Run, path: str, plain: Mapping[str, Any], pointer: Pointer) -> TemplateFile:
    """Return a template, the same one for each use in a run."""
    known = run.template_files.get((path, pointer))
    if not isinstance(known, TemplateFile) or known.plain is not plain:
        known = run.template_files[path, pointer] = TemplateFile(path, plain, pointer)
    return known


def _limits(plain: Any) -> tuple[ast.Expression, ...]:
    """Return the limits of a parameter as decorators."""
    if not isinstance(plain, dict):
        return ()
    keys = {name: key_of(plain, name) for name in (*NUMBER_LIMITS, *LENGTH_LIMITS)}
    return tuple(
        ast.Call(0, 0, name, (ast.Literal(0, 0, plain[key]),)) for name, key in keys.items()
        if key is not None and isinstance(plain[key], int)
    )  # fmt: skip


def parameter_key(name: str) -> str:
    """Return the key of a parameter in ``TemplateFile.symbols``."""
    return f"{PARAMETERS}{name.lower()}"


def variable_key(name: str) -> str:
    """Return the key of a variable in ``TemplateFile.symbols``."""
    return f"{VARIABLES}{name.lower()}"


def symbol_at(pointer: Pointer) -> str:
    """Return the symbolic name of the resource at a pointer; empty if it has none."""
    last = pointer[-1] if pointer else ""
    return last if isinstance(last, str) else ""


def plain_of(node: ast.Property | None) -> Any:
    """Return the JSON of a member of a template; None if it is not written."""
    return node.value.plain if node is not None and isinstance(node.value, ast.Data) else None


def _loop(loop: Mapping[str, Any], name: str, pointer: Pointer, body: ast.Expression) -> ast.For:
    key = key_of(loop, "count")
    count = () if key is None else (ast.Data(0, 0, loop[key], (*pointer, key)),)
    over = ast.Call(0, 0, COPIES, count)
    return ast.For(0, 0, f"{LOOP}{name.lower()}", RESOURCE_LOOP, over, body, pointer)


def _loop_of(loop: Mapping[str, Any], name: str, pointer: Pointer) -> ast.Expression:
    """Return the loop of a variable or an output, which repeats its ``input``."""
    key = key_of(loop, "input")
    return _loop(
        loop, name, pointer, ast.Array(0, 0, ()) if key is None else ast.Data(0, 0, loop[key], (*pointer, key))
    )


def _function(name: str, plain: Any, pointer: Pointer) -> ast.FunctionDeclaration | None:
    if not isinstance(plain, dict):
        return None
    key = key_of(plain, "output")
    output = plain[key] if key is not None else None
    value = key_of(output, "value") if isinstance(output, dict) else None
    if key is None or value is None or not isinstance(output, dict):
        return None
    declared = member(plain, "parameters")
    names = tuple(str(member(one, "name")) for one in declared) if isinstance(declared, list) else ()
    return ast.FunctionDeclaration(
        0, 0, name, names, ast.Data(0, 0, output[value], (*pointer, key, value)), (), pointer
    )
