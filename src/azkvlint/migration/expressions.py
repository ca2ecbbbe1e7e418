"""Expressions of the source, of any language: their names, and whether generated code may repeat them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from azkvlint.syntax import ast
from azkvlint.values.secrecy import has_literal, names_value, secret_spans

SECRET = "its declaration contains a sensitive value"
"""Why an expression is not repeated that has a secret."""


def nodes(node: ast.Node | None) -> Iterator[ast.Node]:
    """Yield an expression and all expressions in it."""
    stack = [] if node is None else [node]
    while stack:
        found = stack.pop()
        yield found
        stack += reversed(ast.children(found))


def names_in(node: ast.Node | None) -> Iterator[str]:
    """Yield the symbols in an expression."""
    return (one.name for one in nodes(node) if isinstance(one, ast.Name))


def is_constant(node: ast.Node | None) -> bool:
    """Return whether an expression depends on nothing, such as a variable. A syntax error may."""
    return node is not None and not any(True for _ in names_in(node))


def key_text(key: str | ast.Expression) -> str:
    """Return the key of a property."""
    if isinstance(key, ast.Name):
        return key.name
    return str(key.value) if isinstance(key, ast.Literal) else key if isinstance(key, str) else ""


def has_secret(node: ast.Node | None, is_secret: Callable[[ast.Node], bool]) -> bool:
    """Return whether an expression contains a literal that is a secret, or that it compares with one.

    ``is_secret`` returns whether a node refers to a declaration that is marked as secret.
    """
    if node is None:
        return False
    return any(True for _ in secret_spans(node)) or any(_is_comparison(one, is_secret) for one in nodes(node))


def _is_comparison(node: ast.Node, is_secret: Callable[[ast.Node], bool]) -> bool:
    if isinstance(node, ast.Binary) and node.operator in ("==", "!="):
        parts: tuple[ast.Node, ...] = (node.left, node.right)
    elif isinstance(node, ast.Call):
        parts = node.arguments
    else:
        return False
    return any(map(has_literal, parts)) and any(
        is_secret(one) or (isinstance(one, ast.Member) and names_value(one.name))
        for part in parts
        for one in nodes(part)
    )
