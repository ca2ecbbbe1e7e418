"""Secrets that an excerpt of a Bicep file must not show: secure values, and values with names of secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from azkvlint.graph.secret_spans import Span, Spans, has_literal, secret_spans, speaks_of_secret
from azkvlint.readers.bicep.document import File, is_decorated
from azkvlint.syntax import ast

_VALUES = (ast.Parameter, ast.Variable, ast.Output)


class FileSecrets:
    """The secrets of one file. ``found`` are the spans of arguments for secure parameters."""

    def __init__(self, file: File, found: Iterable[Span]) -> None:
        self._spans = Spans((*found, *_spans_of(file)))

    def within(self, low: int, high: int) -> list[Span]:
        """Return the secret spans between two offsets."""
        return self._spans.within(low, high)


def _spans_of(file: File) -> Iterator[Span]:
    for node in file.parsed.declarations:
        if not isinstance(node, _VALUES):
            yield from secret_spans(node)
            continue
        value = node.default if isinstance(node, ast.Parameter) else node.value
        if value is None:
            continue
        if is_decorated(node.decorators, "secure"):
            yield value.start, value.end
        elif not speaks_of_secret(node.name):
            yield from secret_spans(value)
        elif has_literal(value):
            yield value.start, value.end
