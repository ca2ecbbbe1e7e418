"""Expressions of Terraform's language: plain values are read here, operators, calls and loops by python-hcl2.

Plain values are literals, texts, tuples, objects, and names with the accesses behind them. Of all else only the
skeleton goes to python-hcl2, in which ``v`` stands for each plain value and each expression in brackets:
``var.a["b"] == null ? [] : f(1, "c")`` is ``v == v ? v : v`` and ``f ( v , v )``. So python-hcl2 says what binds
stronger and what may stand where, and sees neither comments nor texts nor more than a few tokens at a time.
"""

from __future__ import annotations

from kvlint.regex import regex
from kvlint.syntax import tree
from kvlint.syntax.hcl.lexis import Matcher
from kvlint.syntax.hcl.operands import DIGITS, Operands
from kvlint.syntax.hcl.skeleton import Skeleton

_operator: Matcher = regex(r"==|!=|<=|>=|&&|\|\||[-+*/%<>?:]").match
_AFTER = frozenset("([.:")
_BLANKS = frozenset(" \t\r\n/#")
_SIGNS = frozenset("!-")
_OPERATORS = frozenset("+-*/%=!<>&|?")


class Reader(Operands):
    """Reads expressions."""

    __slots__ = ()

    def whole(self, start: int, end: int) -> tree.Expression:
        """The expression that stands from ``start`` to ``end``, and nothing but it. Raises Unexpected."""
        self.at, self.depth, self.links = start, 0, 0
        node = self.expression(False)
        if self.at < end:
            raise self.unexpected("the end of the line")
        return node

    def expression(self, wrap: bool) -> tree.Expression:
        """Reads an expression, and the blanks around it."""
        mark = self.skip(wrap)
        start = self.at
        if mark in _SIGNS:
            return self.operation(None, start, start, wrap)
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
        return self.operation(node, start, end, wrap)

    def operation(self, node: tree.Expression | None, start: int, end: int, wrap: bool) -> tree.Expression:
        """Reads operators and their operands, of which the first one may have been read, from ``start`` to ``end``."""
        text, skeleton, open_conditions = self.text, Skeleton(), 0
        while True:
            if node is None:
                self.signs(skeleton, wrap)
                start = self.at
                node = self.operand(text[start])
                node = self.accesses(node, start, wrap)
                end = self.at
                self.skip(wrap)
            skeleton.add("v", start, end, node)
            match = _operator(text, self.at)
            if match is None or (match[0] == ":" and not open_conditions):
                break
            sign = match[0]
            open_conditions += (sign == "?") - (sign == ":")
            skeleton.add(sign, self.at, match.end())
            self.link()
            self.at = match.end()
            node = None
        self.last = end
        return skeleton.expression() if len(skeleton.words) > 1 else node

    def signs(self, skeleton: Skeleton, wrap: bool) -> None:
        """Reads the operators before an operand. There may be several, of which python-hcl2 allows but one."""
        text, signs = self.text, list[tuple[str, int]]()
        while True:
            mark = self.skip(wrap)
            if mark == "-" and text[self.at + 1] in DIGITS and not signs:
                return
            if mark not in _SIGNS:
                break
            signs.append((mark, self.at))
            self.link()
            self.at += 1
        if signs:
            skeleton.add("!", signs[0][1], signs[0][1] + 1, tuple(signs))
