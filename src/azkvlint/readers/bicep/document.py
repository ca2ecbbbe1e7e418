"""One parsed Bicep file: what it declares, by name, and which of its values are secret. Nothing is evaluated here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from azkvlint.model.value import Path
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed, parse
from azkvlint.util.lazy_regex import regex
from azkvlint.values.paths import is_any, member_of
from azkvlint.values.secrecy import Span, Spans, has_literal, names_secret, secret_spans

Symbol: TypeAlias = ast.Parameter | ast.Variable | ast.Resource | ast.Module | ast.Function
_Kind = TypeVar("_Kind", bound=ast.Node)
_SYMBOLS = (ast.Parameter, ast.Variable, ast.Resource, ast.Module, ast.Function)
_MAX_DEPTH = 20
_INDEX = regex(r"[0-9]{1,9}")
_VALUES = (ast.Parameter, ast.Variable, ast.Output)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A Bicep or parameter file. ``path`` names it in reports, ``file`` is its absolute path, empty if it has none.

    ``imported`` maps a name to the import that brings it and its name there, ``namespaces`` an alias of all that a file
    exports to its import.
    """

    path: str
    file: str
    text: str
    parsed: Parsed
    symbols: Mapping[str, Symbol]
    types: Mapping[str, ast.TypeDeclaration]
    outputs: Mapping[str, ast.Output]
    imported: Mapping[str, tuple[ast.Import, str]]
    namespaces: Mapping[str, ast.Import]
    scope: ast.Expression | None
    secrets_cache: list[FileSecrets] = []

    @property
    def level(self) -> str:
        """Return its ``targetScope``; empty if it has none and so goes to a resource group."""
        node = self.scope
        return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""

    def secrets(self, found: Iterable[Span]) -> FileSecrets:
        """Return its secrets, those of the last call if they are the same: many files use a module."""
        spans = tuple(sorted(found))
        if not self.secrets_cache or self.secrets_cache[0].found != spans:
            self.secrets_cache[:] = [FileSecrets(self, spans)]
        return self.secrets_cache[0]

    def declarations(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Yield the top-level declarations of one kind, in order."""
        return (node for node in self.parsed.declarations if isinstance(node, kind))


def read_file(path: str, file: str, text: str) -> File:
    """Parse ``text``, and sort what it declares. Of two declarations of one name the first counts."""
    parsed = parse(text)
    symbols: dict[str, Symbol] = {}
    types: dict[str, ast.TypeDeclaration] = {}
    outputs: dict[str, ast.Output] = {}
    imported: dict[str, tuple[ast.Import, str]] = {}
    namespaces: dict[str, ast.Import] = {}
    scope: ast.Expression | None = None
    for node in parsed.declarations:
        if isinstance(node, _SYMBOLS):
            symbols.setdefault(node.name, node)
        elif isinstance(node, ast.TypeDeclaration):
            types.setdefault(node.name, node)
        elif isinstance(node, ast.Output):
            outputs.setdefault(node.name, node)
        elif isinstance(node, ast.Import):
            if node.alias:
                namespaces.setdefault(node.alias, node)
            for there, here in node.names:
                imported.setdefault(here, (node, there))
        elif isinstance(node, ast.TargetScope):
            scope = node.value
    return File(
        path=path, file=file, text=text, parsed=parsed, symbols=symbols, types=types, outputs=outputs,
        imported=imported, namespaces=namespaces, scope=scope,
    )  # fmt: skip


def inner_resources(node: ast.Resource) -> tuple[ast.Resource, ...]:
    """Return the resources that are declared in the body of another."""
    return body_of(node.body).resources


def body_of(body: ast.Expression) -> ast.Object:
    """Return the object that declares a resource or module, within its loop and condition."""
    while not isinstance(body, ast.Object):
        if not isinstance(body, (ast.For, ast.If)):
            return ast.Object(body.start, body.end, ())
        body = body.body
    return body


def properties_of(body: ast.Object) -> dict[str, ast.Property] | None:
    """Return the members of an object by name; None if not all names are literals."""
    found: dict[str, ast.Property] = {}
    for member in body.members:
        if not isinstance(member, ast.Property) or not isinstance(member.key, str):
            return None
        found[member.key] = member
    return found


def is_decorated(decorators: tuple[ast.Expression, ...], name: str) -> bool:
    """Return whether a declaration has the decorator ``@name(...)`` or ``@sys.name(...)``."""
    return any(type(node) is ast.Call and node.name == name for node in decorators)


def output_in(steps: Path) -> tuple[str, Path] | None:
    """Return the output of a module to which a path in it leads, and the path in that; None if it leads elsewhere.

    The name is empty for any output.
    """
    start = next((number for number, step in enumerate(steps) if not is_any(step)), len(steps))
    steps = steps[start:]
    if not steps:
        return "", ()
    if member_of(steps[0]).lower() != "outputs":
        return None
    name = "" if len(steps) < 2 or is_any(steps[1]) else member_of(steps[1])
    return name, steps[2:]


class DeclaredTypes(Protocol):
    """The types that a file declares or imports."""

    def declared_type(self, name: str) -> tuple[DeclaredTypes, ast.TypeDeclaration] | None:
        """Return a type by its name in this file, and the file that declares it; None if there is none."""


def is_nullable(instance: DeclaredTypes, type_: ast.Type | None, depth: int = 0) -> bool:
    """Return whether a value of the type may be null."""
    if type_ is None or depth > _MAX_DEPTH:
        return False
    match type_.kind:
        case "nullable":
            return True
        case "literal":
            return type_.value is None
        case "union":
            return any(is_nullable(instance, part, depth + 1) for part in type_.of)
        case "name":
            found = instance.declared_type(type_.name)
            return found is not None and is_nullable(found[0], found[1].type, depth + 1)
        case "member":
            below = _member(instance, type_, depth + 1)
            return below is not None and is_nullable(below[0], below[1], depth + 1)
        case _:
            return False


def primitive(instance: DeclaredTypes, type_: ast.Type | None) -> str:
    """Return the name of the type that others are made of, such as ``bool``; empty for a type with parts."""
    for _ in range(_MAX_DEPTH):
        if type_ is None or type_.kind not in ("nullable", "name"):
            break
        if type_.kind == "nullable":
            type_ = type_.of[0]
            continue
        found = instance.declared_type(type_.name)
        if found is None:
            return type_.name
        instance, type_ = found[0], found[1].type
    return ""


def is_secure_at(parts: SecureParts | None, path: Path) -> bool:
    """Return whether the value at ``path`` in a value with these secure parts, or a part of it, is secure."""
    for step in path:
        if parts is None or parts.is_whole:
            break
        parts = parts.below(str(step) if str(step).startswith("[") else f".{step}")
    return parts is not None


def secure_parts(instance: DeclaredTypes, type_: ast.Type | None) -> SecureParts | None:
    """Return which parts of a type are marked as secure; None if no part is."""
    return None if type_ is None else _secure_parts([(instance, type_)])


class SecureParts:
    """The parts of a type that are marked as secure. ``types`` are the alternatives, with their names resolved."""

    def __init__(self, types: list[_Located], is_whole: bool) -> None:
        self._types = types
        self.is_whole = is_whole

    def below(self, step: str) -> SecureParts | None:
        """Return the parts of a member (``.name``) or an item (``[0]``, ``[*]``); None if no part is secure."""
        return _secure_parts([(there, part) for there, type_ in self._types for part in _parts_at(type_, step)])


_Located: TypeAlias = tuple[DeclaredTypes, ast.Type]


def _parts_at(type_: ast.Type, step: str) -> Sequence[ast.Type]:
    """Return the types that a member or an item may have; all of them if the step is not known."""
    index = step[1:-1] if step.startswith("[") else ""
    if type_.kind == "array":
        return type_.of
    if type_.kind == "tuple":
        return type_.of[int(index) : int(index) + 1] if _INDEX.fullmatch(index) else type_.of
    fields = dict(type_.fields)
    name = index.strip("\"'") if index else step[1:]
    if name in fields and name != "*":
        return (fields[name],)
    if step.startswith("."):
        return (fields["*"],) if "*" in fields else ()
    return [*fields.values()]


def _secure_parts(types: list[_Located]) -> SecureParts | None:
    """Return the secure parts of alternative types; None if none has any."""
    whole: list[_Located] = []
    is_whole = False
    for instance, type_ in types:
        for there, one, is_marked in _alternatives(instance, type_):
            whole.append((there, one))
            is_whole = is_whole or is_marked
    if is_whole or _has_secure_part(whole):
        return SecureParts(whole, is_whole)
    return None


def _alternatives(instance: DeclaredTypes, type_: ast.Type) -> Iterator[tuple[DeclaredTypes, ast.Type, bool]]:
    """Yield the types that a type stands for, and whether each is marked as secure as a whole."""
    waiting = [(instance, type_, False)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        here, one, is_marked = waiting.pop()
        if (id(here), id(one)) in seen:
            continue
        seen.add((id(here), id(one)))
        is_marked = is_marked or is_decorated(one.decorators, "secure")
        if one.kind in ("nullable", "union"):
            waiting += [(here, part, is_marked) for part in one.of]
        elif one.kind == "member":
            below = _member(here, one, 0)
            waiting += [] if below is None else [(*below, is_marked)]
        elif one.kind == "name" and (found := here.declared_type(one.name)) is not None:
            there, declared = found
            waiting.append((there, declared.type, is_marked or is_decorated(declared.decorators, "secure")))
        else:
            yield here, one, is_marked


def _has_secure_part(types: list[_Located]) -> bool:
    """Return whether a member or an item of the types, at any depth, is marked as secure."""
    waiting = [(here, part) for here, one in types for part in _parts_of(one)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        here, part = waiting.pop()
        if (id(here), id(part)) in seen:
            continue
        seen.add((id(here), id(part)))
        for there, one, is_marked in _alternatives(here, part):
            if is_marked:
                return True
            waiting += [(there, inner) for inner in _parts_of(one)]
    return False


def _parts_of(type_: ast.Type) -> tuple[ast.Type, ...]:
    return (*type_.of, *(field for _, field in type_.fields))


def _member(instance: DeclaredTypes, type_: ast.Type, depth: int) -> tuple[DeclaredTypes, ast.Type] | None:
    """Return the type of a member of another type."""
    if depth > _MAX_DEPTH:
        return None
    whole = _resolve(instance, type_.of[0], depth + 1)
    if whole is None:
        return None
    there, outer = whole
    if outer.kind == "array" and type_.name == "*":
        return there, outer.of[0]
    if outer.kind == "tuple" and _INDEX.fullmatch(type_.name) and int(type_.name) < len(outer.of):
        return there, outer.of[int(type_.name)]
    found = dict(outer.fields).get(type_.name)
    return None if found is None else (there, found)


def _resolve(instance: DeclaredTypes, type_: ast.Type, depth: int) -> tuple[DeclaredTypes, ast.Type] | None:
    """Return a type with its names resolved."""
    if depth > _MAX_DEPTH:
        return None
    if type_.kind == "name":
        found = instance.declared_type(type_.name)
        return None if found is None else _resolve(found[0], found[1].type, depth + 1)
    if type_.kind == "nullable":
        return _resolve(instance, type_.of[0], depth + 1)
    if type_.kind == "member":
        below = _member(instance, type_, depth + 1)
        return None if below is None else _resolve(*below, depth + 1)
    return instance, type_


class FileSecrets:
    """The secrets of one file. ``found`` are the spans of arguments for secure parameters.

    Only declarations that a report shows are searched.
    """

    def __init__(self, file: File, found: Sequence[Span]) -> None:
        self.found: Sequence[Span] = found
        self.cache: dict[tuple[Span, ...], Any] = {}
        self._found = Spans(found)
        self._declarations = file.parsed.declarations
        self._starts = [node.start for node in self._declarations]
        self._spans: dict[int, tuple[Span, ...]] = {}

    def within(self, low: int, high: int) -> list[Span]:
        """Return the secret spans between two offsets."""
        spans = self._found.within(low, high)
        for index in range(max(bisect_left(self._starts, low) - 1, 0), bisect_left(self._starts, high)):
            of_declaration = self._spans.get(index)
            if of_declaration is None:
                of_declaration = self._spans[index] = tuple(_spans_of(self._declarations[index]))
            spans += of_declaration
        return Spans(spans).within(low, high) if spans else spans


def _spans_of(node: ast.Node) -> Iterator[Span]:
    if not isinstance(node, _VALUES):
        yield from secret_spans(node)
        return
    value = node.default if isinstance(node, ast.Parameter) else node.value
    if value is None:
        return
    if is_decorated(node.decorators, "secure"):
        yield value.start, value.end
    elif not names_secret(node.name):
        yield from secret_spans(value)
    elif has_literal(value):
        yield value.start, value.end
