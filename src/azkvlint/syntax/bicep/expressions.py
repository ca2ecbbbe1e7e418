"""Expressions: operators, accesses, calls and lambdas."""

from __future__ import annotations

import re

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.lists import CONSTANTS, Lists
from azkvlint.syntax.bicep.tokens import GAP, MAX_CHAIN, WIDE_GAP, WORD, Matcher, Unexpected
from azkvlint.util.lazy_regex import regex

# The tighter an operator binds, the higher.
_LEVELS = {
    **dict.fromkeys(("*", "/", "%"), 7),
    **dict.fromkeys(("+", "-"), 6),
    **dict.fromkeys(("<", "<=", ">", ">="), 5),
    **dict.fromkeys(("==", "!=", "=~", "!~"), 4),
    "&&": 3,
    "||": 2,
    "??": 1,
}
_BINARY = r"(\?\?|\|\||&&|[=!][=~]|[<>]=?|[-+*/%])"
# A condition's "?" and ":" may stand on a later line, other operators only where lines are wrapped.
_OPERATOR: Matcher = regex(rf"{GAP}{_BINARY}|{WIDE_GAP}\?(?!\?)").match
_WRAPPED_OPERATOR: Matcher = regex(rf"{WIDE_GAP}(?:{_BINARY}|\?(?!\?))").match
_OPERAND: Matcher = regex(rf"({WORD})([ \t]*+(?:(\()|=>))?|'([^'\\\r\n$]*+)'(?!')|([0-9]++)").match
_WORD, _TEXT, _NUMBER = 1, 4, 5
_ACCESS: Matcher = regex(
    rf"[ \t]*+(?:\.[ \t]*+(?P<safe>\?)?[ \t]*+(?P<member>{WORD})(?P<call>[ \t]*+\()?"
    rf"|(?P<item>\[)[ \t]*+(?P<safely>\?)?[ \t]*+(?P<last>\^)?|::[ \t]*+(?P<nested>{WORD})|!(?![=~]))"
).match
_ARROW: Matcher = regex(rf"{GAP}=>").match
_MAX_NUMBER = 2**64 - 1
_MAX_DIGITS = 1000


class Expressions(Lists):
    """Reads expressions."""

    __slots__ = ()

    def expression(self) -> ast.Expression:
        """Reads an expression."""
        start = self.at
        return self.more(start, self.operand())

    def more(self, start: int, operand: ast.Expression) -> ast.Expression:
        """Reads what follows the first operand of an expression that begins at ``start``."""
        if self.text[self.at] in ".[! \t:":
            operand = self.accesses(start, operand)
        find = _WRAPPED_OPERATOR if self.wrap else _OPERATOR
        match = find(self.text, self.at)
        if match is None:
            return operand
        choices: list[tuple[int, ast.Expression, ast.Expression]] = []
        while True:
            condition, match = self._binary(start, operand, match)
            if match is None:
                break
            choices.append((start, condition, self._yes(match.end())))
            if len(choices) > MAX_CHAIN:
                raise Unexpected("too many conditions in one another", start)
            start = self.at
            operand = self.operand()
            operand = self.accesses(start, operand)
            match = find(self.text, self.at)
        found = condition
        for start, condition, yes in reversed(choices):
            found = ast.Conditional(start, self.at, condition, yes, found)
        return found

    def _yes(self, at: int) -> ast.Expression:
        """Reads the first branch of a condition, which begins at ``at``, and goes to the second."""
        self.at = at
        self.skip_to_operand()
        self.descend()
        found = self.expression()
        self.depth -= 1
        if self.skip_lines() != ":":
            raise self.unexpected("':'")
        self.at += 1
        self.skip_to_operand()
        return found

    def _binary(
        self, start: int, left: ast.Expression, match: re.Match[str] | None
    ) -> tuple[ast.Expression, re.Match[str] | None]:
        """Reads operands as long as a binary operator was matched; with them, the match of a condition's "?"."""
        find = _WRAPPED_OPERATOR if self.wrap else _OPERATOR
        stack: list[tuple[int, str, int, ast.Expression]] = []
        count = 0
        while True:
            operator = match[1] if match is not None else None
            level = _LEVELS[operator] if operator else 0
            while stack and stack[-1][0] >= level:
                _, before, start, first = stack.pop()
                left = ast.Binary(start, self.at, before, first, left)
            if match is None or not operator:
                return left, match
            count += 1
            if count > MAX_CHAIN:
                raise Unexpected("too many operators in one expression", match.start(1))
            stack.append((level, operator, start, left))
            self.at = match.end()
            self.skip_to_operand()
            start = self.at
            left = self.accesses(start, self.operand())
            match = find(self.text, self.at)

    def operand(self) -> ast.Expression:
        """Reads an operand without what is accessed in it."""
        text, start = self.text, self.at
        match = _OPERAND(text, start)
        if match is None:
            return self._other(start)
        self.at = end = match.end()
        kind = match.lastindex
        if kind == _TEXT:
            return ast.Literal(start, end, match[_TEXT])
        if kind == _NUMBER:
            number = match[_NUMBER]
            if len(number) > _MAX_DIGITS or int(number) > _MAX_NUMBER:
                raise Unexpected("this number is too large", start)
            return ast.Literal(start, end, int(number))
        word = match[_WORD]
        if match[3]:
            arguments = self._arguments()
            return ast.Call(start, self.at, word, arguments)
        if match[2]:
            return self._lambda(start, (word,))
        if word in CONSTANTS:
            return ast.Literal(start, end, CONSTANTS[word])
        return ast.Name(start, end, word)

    def _other(self, start: int) -> ast.Expression:
        """Reads an operand that begins with a mark."""
        mark = self.text[start]
        if mark in "'$":
            return self.string()
        if mark == "{":
            return self.object()
        if mark == "[":
            return self.array()
        if mark == "(":
            return self._parenthesis(start)
        if mark in "!-+":
            return self._unary()
        raise self.unexpected("an expression")

    def _unary(self) -> ast.Expression:
        """Reads signs and what they stand before."""
        signs: list[tuple[int, str]] = []
        while self.text[self.at] in "!-+":
            signs.append((self.at, self.text[self.at]))
            self.at += 1
            self.skip()
        if len(signs) > MAX_CHAIN:
            raise Unexpected("too many operators in one expression", signs[0][0])
        found = self.accesses(self.at, self.operand())
        for start, sign in reversed(signs):
            found = ast.Unary(start, self.at, sign, found)
        return found

    def _parenthesis(self, start: int) -> ast.Expression:
        """Reads an expression in parentheses, or a lambda whose parameters stand in them."""
        self.at += 1
        items = self._arguments()
        match = _ARROW(self.text, self.at)
        if match is not None:
            names = tuple(item.name for item in items if isinstance(item, ast.Name))
            if len(names) != len(items):
                raise Unexpected("expected nothing but names before '=>'", start)
            self.at = match.end()
            return self._lambda(start, names)
        if len(items) != 1:
            raise Unexpected("expected one expression in these parentheses", start)
        return items[0]

    def _lambda(self, start: int, names: tuple[str, ...]) -> ast.Lambda:
        """Reads the body of a lambda."""
        self.skip_to_operand()
        self.descend()
        body = self.expression()
        self.depth -= 1
        return ast.Lambda(start, self.at, names, body)

    def _arguments(self) -> tuple[ast.Expression, ...]:
        """Reads what stands in parentheses, from behind the opening one to behind the closing one."""
        wrap, self.wrap = self.wrap, True
        self.descend()
        items: list[ast.Expression] = []
        mark = self.skip()
        while mark != ")":
            items.append(self.expression())
            mark = self.skip()
            if mark == ",":
                self.at += 1
                if self.skip() == ")":
                    raise self.unexpected("an expression")
            elif mark != ")":
                raise self.unexpected("',' or ')'")
        self.at += 1
        self.depth -= 1
        self.wrap = wrap
        return tuple(items)

    def accesses(self, start: int, of: ast.Expression) -> ast.Expression:
        """Reads what is accessed in, or called on, an operand that begins at ``start``."""
        text = self.text
        count = 0
        while (match := _ACCESS(text, self.at)) is not None:
            self.at = match.end()
            count += 1
            if count > MAX_CHAIN:
                raise Unexpected("too many accesses in one expression", match.start())
            if match["call"]:
                if match["safe"]:
                    raise Unexpected("a function cannot be called with '.?'", match.start("safe"))
                arguments = self._arguments()
                of = ast.Call(start, self.at, match["member"], arguments, of)
            elif match["member"]:
                of = ast.Member(start, self.at, of, match["member"], match["safe"] is not None)
            elif match["nested"]:
                of = ast.Nested(start, self.at, of, match["nested"])
            elif match["item"]:
                index = self._index()
                of = ast.Item(start, self.at, of, index, match["safely"] is not None, match["last"] is not None)
            else:
                of = ast.NotNull(start, self.at, of)
        return of

    def _index(self) -> ast.Expression:
        """Reads an index, and the bracket behind it."""
        wrap, self.wrap = self.wrap, True
        self.descend()
        self.skip()
        index = self.expression()
        if self.skip() != "]":
            raise self.unexpected("']'")
        self.at += 1
        self.depth -= 1
        self.wrap = wrap
        return index
