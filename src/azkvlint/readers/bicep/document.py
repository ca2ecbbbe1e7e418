"""One parsed Bicep file: what it declares, by name. Nothing is evaluated here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed, parse

Symbol: TypeAlias = ast.Parameter | ast.Variable | ast.Resource | ast.Module | ast.Function
_Kind = TypeVar("_Kind", bound=ast.Node)
_SYMBOLS = (ast.Parameter, ast.Variable, ast.Resource, ast.Module, ast.Function)


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

    @property
    def level(self) -> str:
        """Return its ``targetScope``; empty if it has none and so goes to a resource group."""
        node = self.scope
        return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""

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
