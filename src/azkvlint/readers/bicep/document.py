"""One parsed Bicep file: what it declares, by name, and which of its values are secret. Nothing is evaluated here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

from azkvlint.readers.deployment.declarations import is_decorated
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed, parse
from azkvlint.values.secrecy import Span, Spans, has_literal, names_secret, secret_spans

Symbol: TypeAlias = (
    ast.ParameterDeclaration | ast.Variable | ast.ResourceDeclaration | ast.ModuleDeclaration | ast.FunctionDeclaration
)
_Kind = TypeVar("_Kind", bound=ast.Node)
_SYMBOLS = (
    ast.ParameterDeclaration,
    ast.Variable,
    ast.ResourceDeclaration,
    ast.ModuleDeclaration,
    ast.FunctionDeclaration,
)
_VALUES = (ast.ParameterDeclaration, ast.Variable, ast.OutputDeclaration)


class BicepDocument(msgspec.Struct, frozen=True, kw_only=True):
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
    outputs: Mapping[str, ast.OutputDeclaration]
    imported: Mapping[str, tuple[ast.Import, str]]
    namespaces: Mapping[str, ast.Import]
    scope: ast.Expression | None
    secrets_cache: list[BicepFileSecrets] = []

    @property
    def level(self) -> str:
        """Return its ``targetScope``; empty if it has none and so goes to a resource group."""
        node = self.scope
        return node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""

    def secrets(self, found: Iterable[Span]) -> BicepFileSecrets:
        """Return its secrets, those of the last call if they are the same: many files use a module."""
        spans = tuple(sorted(found))
        if not self.secrets_cache or self.secrets_cache[0].found != spans:
            self.secrets_cache[:] = [BicepFileSecrets(self, spans)]
        return self.secrets_cache[0]

    def declarations(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Yield the top-level declarations of one kind, in order."""
        return (node for node in self.parsed.declarations if isinstance(node, kind))


def read_file(path: str, file: str, text: str) -> BicepDocument:
    """Parse ``text``, and sort what it declares. Of two declarations of one name the first counts."""
    parsed = parse(text)
    symbols: dict[str, Symbol] = {}
    types: dict[str, ast.TypeDeclaration] = {}
    outputs: dict[str, ast.OutputDeclaration] = {}
    imported: dict[str, tuple[ast.Import, str]] = {}
    namespaces: dict[str, ast.Import] = {}
    scope: ast.Expression | None = None
    for node in parsed.declarations:
        if isinstance(node, _SYMBOLS):
            symbols.setdefault(node.name, node)
        elif isinstance(node, ast.TypeDeclaration):
            types.setdefault(node.name, node)
        elif isinstance(node, ast.OutputDeclaration):
            outputs.setdefault(node.name, node)
        elif isinstance(node, ast.Import):
            if node.alias:
                namespaces.setdefault(node.alias, node)
            for there, here in node.names:
                imported.setdefault(here, (node, there))
        elif isinstance(node, ast.TargetScope):
            scope = node.value
    return BicepDocument(
        path=path, file=file, text=text, parsed=parsed, symbols=symbols, types=types, outputs=outputs,
        imported=imported, namespaces=namespaces, scope=scope,
    )  # fmt: skip


class BicepFileSecrets:
    """The secrets of one file. ``found`` are the spans of arguments for secure parameters.

    Only declarations that a report shows are searched.
    """

    def __init__(self, file: BicepDocument, found: Sequence[Span]) -> None:
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
    value = node.default if isinstance(node, ast.ParameterDeclaration) else node.value
    if value is None:
        return
    if is_decorated(node.decorators, "secure"):
        yield value.start, value.end
    elif not names_secret(node.name):
        yield from secret_spans(value)
    elif has_literal(value):
        yield value.start, value.end
