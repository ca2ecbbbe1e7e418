"""Secrets that an excerpt of a Bicep file must not show: secure values, and values with names of secrets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from azkvlint.graph.secret_formats import Span, Spans, has_literal, secret_spans, speaks_of_secret
from azkvlint.readers.bicep.document import File, is_decorated
from azkvlint.syntax import ast

_VALUES = (ast.Parameter, ast.Variable, ast.Output)


class FileSecrets:
    """The secrets of one file. ``found`` are the spans of arguments for secure parameters.

    Only declarations that a report shows are searched.
    """

    def __init__(self, file: File, found: Iterable[Span]) -> None:
        self._found = Spans(found)
        self._declarations = file.parsed.declarations
        self._starts = [node.start for node in self._declarations]
        self._spans: dict[int, tuple[Span, ...]] = {}

    def within(self, low: int, high: int) -> list[Span]:
        """Return the secret spans between two offsets."""
        spans = self._found.within(low, high)
        for index in range(max(bisect_left(self._starts, low) - 1, 0), bisect_left(self._starts, high)):
            if index not in self._spans:
                self._spans[index] = tuple(_spans_of(self._declarations[index]))
            spans += self._spans[index]
        return Spans(spans).within(low, high)


def _spans_of(node: ast.Node) -> Iterator[Span]:
    if not isinstance(node, _VALUES):
        yield from secret_spans(node)
        return
    value = node.default if isinstance(node, ast.Parameter) else node.value
    if value is None:
        return
    if is_decorated(node.decorators, "secure"):
        yield value.start, value.end
    elif not speaks_of_secret(node.name):
        yield from secret_spans(value)
    elif has_literal(value):
        yield value.start, value.end
