"""The parts of an expression that an excerpt must not show: values whose names are those of secrets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from azkvlint.syntax import ast
from azkvlint.util.secret_names import contains_secret, is_harmless, suggests_secret

Span: TypeAlias = tuple[int, int]

# A permission is not a secret (``secret_permissions``), and neither are ``secret_properties``.
_NO_SECRET = ("permissions", "properties")


class Spans:
    """Stretches of one text, of which those that overlap are one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: list[Span] = []
        for start, end in sorted(spans):
            if self._spans and start <= self._spans[-1][1]:
                self._spans[-1] = (self._spans[-1][0], max(end, self._spans[-1][1]))
            else:
                self._spans.append((start, end))

    def within(self, low: int, high: int) -> list[Span]:
        """Return those that reach between two offsets."""
        first = max(bisect_left(self._spans, (low,)) - 1, 0)
        return [span for span in self._spans[first : bisect_left(self._spans, (high,))] if span[1] > low]


def speaks_of_secret(name: object) -> bool:
    """Return whether what stands behind a name is secret."""
    return isinstance(name, str) and suggests_secret(name) and not name.lower().endswith(_NO_SECRET)


def secret_spans(node: ast.Node, is_secret: bool = False) -> Iterator[Span]:
    """Yield what is secret in an expression, each value as a whole. ``is_secret``: all of it is.

    Operators make expressions deeper than the recursion limit, so the nodes are on a stack.
    """
    stack = [(node, is_secret)]
    while stack:
        node, is_secret = stack.pop()
        if is_secret:
            if has_literal(node):
                yield node.start, node.end
        elif isinstance(node, ast.Property):
            stack.append((node.value, speaks_of_secret(_text_of(node.key))))
        elif isinstance(node, ast.Literal):
            if type(node.value) is str and contains_secret(node.value):
                yield node.start, node.end
        elif isinstance(node, ast.Call) and node.name == "sensitive" and has_literal(node):
            yield node.start, node.end
        else:
            stack += [(child, False) for child in reversed(ast.children(node))]


def has_literal(node: ast.Node) -> bool:
    """Return whether an expression holds a string or number of its own."""
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Literal):
            if _is_content(node.value):
                return True
        elif (
            isinstance(node, ast.Item) and isinstance(node.index, ast.Literal) and not isinstance(node.index.value, str)
        ):
            stack.append(node.of)
        else:
            stack += ast.children(node)
    return False


def _is_content(value: object) -> bool:
    """Return whether a literal may be a secret: a string that is not harmless, or a number."""
    if isinstance(value, str):
        return bool(value) and not is_harmless(value)
    return value is not None and not isinstance(value, bool)


def _text_of(key: str | ast.Node) -> str:
    """Return a key as far as its text is written."""
    if isinstance(key, str):
        return key
    if isinstance(key, ast.Literal):
        return str(key.value)
    return "".join(map(_text_of, ast.children(key))) if isinstance(key, ast.Template) else ""
