"""Expressions of Terraform's language: operators and their operands."""

from __future__ import annotations

from typing import TypeAlias

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.operands import DIGITS, Operands
from azkvlint.syntax.hcl.tokens import Matcher
from azkvlint.util.lazy_regex import regex

_Operand: TypeAlias = tuple[ast.Expression, int, int]
"""An expression, and where it starts and ends with the parentheses around it."""

_operator: Matcher = regex(r"==|!=|<=|>=|&&|\|\||[-+*/%<>?:]").match
_AFTER = frozenset("([.:")
_BLANKS = frozenset(" \t\r\n/#")
_SIGNS = frozenset("!-")
_OPERATORS = frozenset("+-*/%=!<>&|?")

# Binary operators, from those that bind loosest to those that bind tightest; each level is left-associative. Source:
# "Arithmetic and Logical Operators" in Terraform's documentation
# (developer.hashicorp.com/terraform/language/expressions/operators).
_LEVELS = ("||", "&&", "== !=", "< <= > >=", "+ -", "* / %")
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS, 2) for operator in operators.split()}
# A conditional binds looser than all of them and is right-associative: its "?" is held until its ":" arrives, and that
# until the conditional ends. An operator that is held is applied before the next one if it binds at least this tight.
_HELD = {"?": 0, ":": 1} | _PRECEDENCE
_NEXT = {"?": 2, ":": 1} | _PRECEDENCE


class Reader(Operands):
    """Reads expressions."""

    __slots__ = ()

    def whole(self, start: int, end: int) -> ast.Expression:
        """Return the expression from ``start`` to ``end``. Raise Unexpected if there is anything else."""
        self.at, self.depth, self.links = start, 0, 0
        node = self.expression(False)
        if self.at < end:
            raise self.unexpected("the end of the line")
        return node

    def expression(self, wrap: bool) -> ast.Expression:
        """Read an expression, and the blanks around it."""
        mark = self.skip(wrap)
        start = self.at
        if mark in _SIGNS:
            return self.operation(self.signed_operand(wrap), wrap)
        node = self.operand(mark)
        end = self.at
        mark = self.text[end]
        if mark in _AFTER or (mark in _BLANKS and self.skip(wrap) in _AFTER):
            self.at = end
            node = self.accesses(node, start, wrap)
            end = self.at
            self.skip(wrap)
        if self.text[self.at] not in _OPERATORS:
            self.last = end
            return node
        return self.operation((node, start, end), wrap)

    def operation(self, first: _Operand, wrap: bool) -> ast.Expression:
        """Read the operators and operands after the ``first`` operand.

        An operator is held until the next one shows that its right operand is complete (Dijkstra's shunting yard).
        """
        operands, held = [first], list[str]()
        while True:
            self.skip(wrap)
            match = _operator(self.text, self.at)
            if match is None or (match[0] == ":" and "?" not in held):
                break
            operator = match[0]
            while held and _HELD[held[-1]] >= _NEXT[operator]:
                _apply(held.pop(), operands)
            if operator == ":":
                held[-1] = operator
            else:
                held.append(operator)
            self.link()
            self.at = match.end()
            operands.append(self.signed_operand(wrap))
        self.last = operands[-1][2]
        while held:
            if held[-1] == "?":
                raise self.unexpected("':'")
            _apply(held.pop(), operands)
        return operands[0][0]

    def signed_operand(self, wrap: bool) -> _Operand:
        """Read an operand with the unary operators before it. A sign directly before a number is part of the number."""
        signs = list[tuple[str, int]]()
        mark = self.skip(wrap)
        while mark in _SIGNS and (signs or mark != "-" or self.text[self.at + 1] not in DIGITS):
            signs.append((mark, self.at))
            self.link()
            self.at += 1
            mark = self.skip(wrap)
        start = self.at
        node = self.accesses(self.operand(mark), start, wrap)
        end = self.at
        for sign, at in reversed(signs):
            node, start = ast.Unary(at, end, sign, node), at
        return node, start, end


def _apply(operator: str, operands: list[_Operand]) -> None:
    """Replace the last operands by the expression that ``operator`` makes of them."""
    right, _, end = operands.pop()
    left, start, _ = operands.pop()
    node: ast.Expression
    if operator == ":":
        condition, start, _ = operands.pop()
        node = ast.Conditional(start, end, condition, left, right)
    else:
        node = ast.Binary(start, end, operator, left, right)
    operands.append((node, start, end))
