"""What declarations have in common: decorators, values, conditions and loops."""

from __future__ import annotations

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.tokens import WIDE_GAP, Matcher, Unexpected
from azkvlint.syntax.bicep.types import Types
from azkvlint.util.lazy_regex import regex

_IF: Matcher = regex(r"if(?![A-Za-z0-9_])").match
_IF_CALL: Matcher = regex(rf"if{WIDE_GAP}\(").match


class Bodies(Types):
    """Reads parts of declarations."""

    __slots__ = ()

    def decorators(self) -> tuple[ast.Expression, ...]:
        """Reads decorators, and all up to what they stand before."""
        found: list[ast.Expression] = []
        while self.text[self.at] == "@":
            self.at += 1
            self.skip()
            start = self.at
            self.word("the name of a decorator")
            self.at = start
            decorator = self.accesses(start, self.operand())
            if not isinstance(decorator, ast.Call):
                raise Unexpected("expected parentheses behind the name of a decorator", start)
            found.append(decorator)
            self.skip_lines()
        return tuple(found)

    def loop(self, start: int) -> ast.For:
        """Reads a loop from its keyword on; its bracket is at ``start``."""
        self.wrap = True
        self.at += len("for")
        index = ""
        if self.skip() == "(":
            self.at += 1
            item = self.word("the name of an item")
            self.take(",")
            index = self.word("the name of an index")
            self.take(")")
        else:
            item = self.word("the name of an item")
        if not self.take_word("in"):
            raise self.unexpected("'in'")
        self.skip()
        over = self.expression()
        self.take(":")
        self.skip()
        body = self._if() if _IF_CALL(self.text, self.at) else self.expression()
        self.take("]")
        return ast.For(start, self.at, item, index, over, body)

    def _if(self) -> ast.If:
        """Reads a condition and the object behind it, from the keyword on."""
        start = self.at
        self.at += len("if")
        wrap, self.wrap = self.wrap, True
        self.take("(")
        self.skip()
        condition = self.expression()
        self.take(")")
        self.wrap = wrap
        self.skip()
        body = self.object()
        return ast.If(start, self.at, condition, body)

    def body(self) -> ast.Expression:
        """Reads ``=`` and the body of a resource or module."""
        self.take("=")
        mark = self.skip_to_operand()
        if mark == "{":
            return self.object()
        if mark == "[":
            start = self.at
            body = self.array()
            if not isinstance(body, ast.For):
                raise Unexpected("expected a loop, found an array", start)
            return body
        if _IF(self.text, self.at):
            return self._if()
        raise self.unexpected("an object, a loop or 'if'")

    def value(self) -> ast.Expression:
        """Reads ``=`` and an expression."""
        self.take("=")
        self.skip_to_operand()
        return self.expression()

    def path(self) -> ast.Expression:
        """Reads the text that says where something is, or of which type."""
        self.skip()
        return self.string()

    def start(self) -> int:
        """Reads the keyword; where it is."""
        self.skip()
        start = self.at
        self.word("a declaration")
        return start

    def type_before_value(self) -> ast.Type | None:
        """Reads a type, unless a value comes next."""
        mark = self.skip()
        return None if mark == "=" else self.type()
