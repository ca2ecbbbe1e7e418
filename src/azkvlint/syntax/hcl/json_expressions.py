"""A JSON value of a Terraform file -> the expression that it stands for."""

from __future__ import annotations

from enum import Enum

from msgspec.structs import force_setattr

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import Reader
from azkvlint.syntax.hcl.json_value import JsonArray, Member, Scalar, Value
from azkvlint.syntax.hcl.scanner import Scanner
from azkvlint.syntax.hcl.templates import assemble
from azkvlint.syntax.hcl.tokens import Unexpected


class Mode(Enum):
    """What texts are: templates, nothing but texts, or references as one would write them without quotes."""

    TEMPLATE = "template"
    LITERAL = "literal"
    REFERENCE = "reference"


def lower(value: Value, mode: Mode, start: int, end: int) -> ast.Expression:
    """The expression of a value. Raises Unexpected.

    All nodes of a text stand where the text does whose key, or else the key that is nearest, is at ``start``; a value
    in an array, too, has the place of that key.
    """
    if isinstance(value, Scalar):
        if isinstance(value.value, str) and mode is not Mode.LITERAL:
            return _text(value.value, mode, start, end, value.start)
        return ast.Literal(start, end, value.value)
    if isinstance(value, JsonArray):
        return ast.Array(start, end, tuple([lower(item, mode, start, end) for item in value.items]))
    last: dict[str, Member] = {}
    for member in value.members:
        last[member.key] = member
    return ast.Object(start, end, tuple([_property(member, mode) for member in last.values()]))


def _property(member: Member, mode: Mode) -> ast.Property:
    """One member of an object, whose key may be a template."""
    key: str | ast.Expression = member.key
    if mode is not Mode.LITERAL and "{" in member.key:
        found = _text(member.key, Mode.TEMPLATE, member.start, member.head, member.start)
        key = found.value if isinstance(found, ast.Literal) and isinstance(found.value, str) else found
    return ast.Property(member.start, member.value.end, key, lower(member.value, mode, member.start, member.value.end))


def _text(text: str, mode: Mode, start: int, end: int, at: int) -> ast.Expression:
    """The expression of a text that stands at an offset."""
    if mode is Mode.TEMPLATE and "{" not in text:
        return ast.Literal(start, end, text)
    reader = Reader(Scanner(text))
    try:
        if mode is Mode.REFERENCE and "${" not in text:
            node = reader.whole(0, len(text))
        else:
            node = assemble(reader.lines(0, len(text)), 0, len(text))
    except Unexpected as error:
        raise Unexpected(error.message, at) from None
    _place(node, start, end)
    return node


def _place(root: ast.Node, start: int, end: int) -> None:
    """Says of all nodes of a fresh tree that they stand from ``start`` to ``end``."""
    pending: list[object] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            pending += node
        elif isinstance(node, ast.Node):
            force_setattr(node, "start", start)
            force_setattr(node, "end", end)
            pending += [getattr(node, name) for name in node.__struct_fields__[2:]]
