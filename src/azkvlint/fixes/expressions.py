"""Find and compare literals in the expressions of HCL and Bicep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azkvlint.model.edit import Code, Literal
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


def is_literal(text: str, node: object, value: Literal) -> bool:
    """Return whether an expression in a text is a literal with a value, or the code of one."""
    match node, value:
        case ast.Node(), Code():
            return text[node.start : node.end] == value.text
        case ast.Literal(), _:
            return type(node.value) is type(value) and node.value == value
        case ast.Unary(operator="-", operand=ast.Literal(value=int() as number)), int():
            return not isinstance(value, bool) and -number == value
        case ast.Array(items=items), Sequence() if not isinstance(value, str) and len(items) == len(value):
            return all(is_literal(text, item, one) for item, one in zip(items, value, strict=True))
        case ast.Object(members=members, resources=()), Mapping() if len(members) == len(value):
            found = {one.key: one.value for one in members if isinstance(one, ast.Property)}
            return found.keys() == value.keys() and all(is_literal(text, found[key], one) for key, one in value.items())
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
