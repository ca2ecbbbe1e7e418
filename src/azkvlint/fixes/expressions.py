"""Find and compare literals in the expressions of HCL and Bicep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azkvlint.model.edit import Literal
from azkvlint.syntax import ast


def enclosing(root: object, start: int, end: int) -> ast.Object | ast.Array | None:
    """Return the outermost object or array in an expression that contains a span."""
    pending = [root] if isinstance(root, ast.Node) else []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Object | ast.Array) and node.start <= start and end <= node.end:
            return node
        pending += ast.children(node)
    return None


def is_literal(node: object, value: Literal) -> bool:
    """Return whether an expression of HCL or Bicep is a literal with a value."""
    match node:
        case ast.Literal():
            return type(node.value) is type(value) and node.value == value
        case ast.Unary(operator="-", operand=ast.Literal(value=int() as number)):
            return isinstance(value, int) and not isinstance(value, bool) and -number == value
        case ast.Array():
            if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(node.items):
                return False
            return all(is_literal(item, one) for item, one in zip(node.items, value, strict=True))
        case ast.Object():
            if not isinstance(value, Mapping) or len(value) != len(node.members) or node.resources:
                return False
            found = {one.key: one.value for one in node.members if isinstance(one, ast.Property)}
            return found.keys() == value.keys() and all(is_literal(found[key], one) for key, one in value.items())
    return False


def has_node(root: object, start: int, end: int) -> bool:
    """Return whether an expression in a tree has a span."""
    pending = [root] if isinstance(root, ast.Node) else []
    while pending:
        node = pending.pop()
        if (node.start, node.end) == (start, end) and not isinstance(node, ast.Property):
            return True
        pending += ast.children(node)
    return False


def literals(root: object, start: int, end: int) -> list[tuple[int, int]]:
    """Return the spans of the string literals of a tree between two offsets."""
    found: list[tuple[int, int]] = []
    pending = [root] if isinstance(root, ast.Node) else []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Literal) and isinstance(node.value, str) and start <= node.start and node.end <= end:
            found.append((node.start, node.end))
        pending += ast.children(node)
    return found
