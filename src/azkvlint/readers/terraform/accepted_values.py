"""What validations state of the values of a variable: a list of all, or limits of a length or number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from azkvlint.model.value import NOTHING_KNOWN, Known, Plain
from azkvlint.readers.modules.world_values import listed_values
from azkvlint.syntax import ast

_LEAST = -(2**63)
# A comparison whose operands are exchanged.
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


def allowed_values(name: str, blocks: Sequence[Any]) -> Iterator[Plain]:
    """Yield the values that a variable accepts, if a validation lists them."""
    for node in _conditions(blocks):
        match node:
            case ast.Call(name="contains", arguments=(ast.Array(items=items), of)) if _is_variable(of, name):
                yield from listed_values(items)


def limits_of(name: str, blocks: Sequence[Any]) -> Known:
    """Return the limits of the length of a variable, or of a number, that validations state."""
    least, most, is_number = _LEAST, None, False
    for node in _conditions(blocks):
        match node:
            case ast.Binary(operator=operator, left=left, right=ast.Literal(value=int() as number)):
                of = left
            case ast.Binary(operator=operator, left=ast.Literal(value=int() as number), right=right):
                of, operator = right, _TURNED.get(operator, "")
            case _:
                continue
        is_length = isinstance(of, ast.Call) and of.name == "length" and _is_variable(of.arguments[0], name)
        if isinstance(number, bool) or not (is_length or _is_variable(of, name)):
            continue
        is_number = not is_length
        # A number that is more than a limit may be a fraction.
        step = 1 if is_length else 0
        if operator in (">", ">=", "=="):
            least = max(least, number + (step if operator == ">" else 0))
        if operator in ("<", "<=", "=="):
            highest = number - (step if operator == "<" else 0)
            most = highest if most is None else min(most, highest)
    if most is None and least == _LEAST:
        return NOTHING_KNOWN
    return Known(least=least if is_number else max(least, 0), most=most, is_number=is_number)


def _conditions(blocks: Sequence[Any]) -> Iterator[ast.Node]:
    """Yield what validations require, part by part."""
    for part in blocks:
        condition = part.attributes.get("condition") if part.block.type == "validation" else None
        waiting = [None if condition is None else condition.attribute.expression()]
        while waiting:
            match waiting.pop():
                case ast.Binary(operator="&&", left=left, right=right):
                    waiting += [right, left]
                case ast.Node() as node:
                    yield node


def _is_variable(node: ast.Node, name: str) -> bool:
    match node:
        case ast.Member(of=ast.Name(name="var"), name=other):
            return other == name
    return False
