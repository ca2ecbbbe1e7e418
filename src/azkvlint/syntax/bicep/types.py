"""Parse Bicep type expressions."""

from __future__ import annotations

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.expressions import CONSTANTS, Expressions
from azkvlint.syntax.bicep.tokens import MAX_CHAIN, WIDE_GAP, Matcher, Unexpected
from azkvlint.util.lazy_regex import regex

_BAR: Matcher = regex(rf"{WIDE_GAP}\|").match
_NAMESPACES = frozenset({"sys", "az"})
_RESOURCES = frozenset({"resource", "resourceInput", "resourceOutput"})


class Types(Expressions):
    """Parser for types."""

    __slots__ = ()

    def type(self) -> ast.Type:
        """Parse a type."""
        start = self.at
        first = _BAR(self.text, start)
        if first is not None:
            self.at = first.end()
            self.skip_lines()
        members = [self._unary_type()]
        while (bar := _BAR(self.text, self.at)) is not None:
            self.at = bar.end()
            self.skip_to_operand()
            members.append(self._unary_type())
        return members[0] if len(members) == 1 else ast.Type(start, self.at, "union", of=tuple(members))

    def _unary_type(self) -> ast.Type:
        """Parse a type other than a union, with its suffixes."""
        start = self.at
        mark = self.text[start]
        if mark in "-+!":
            self.at += 1
            self.skip()
            operand = self._primary_type()
            return ast.Type(start, self.at, "literal", value=_signed(mark, operand.value))
        type_ = self._primary_type()
        for _ in range(MAX_CHAIN):
            mark = self.skip_mark("?![.")
            if mark == "?":
                type_ = ast.Type(start, self.at, "nullable", of=(type_,))
            elif mark == "!":
                type_ = type_.of[0] if type_.kind == "nullable" else type_
            elif mark == "[":
                type_ = self._items(start, type_)
            elif mark == ".":
                type_ = self._type_member(start, type_)
            else:
                return type_
        raise Unexpected("too many accesses in one type", start)

    def skip_mark(self, marks: str) -> str:
        """Consume and return one of ``marks`` if it comes next on this line; else return an empty string."""
        at = self.at
        mark = self.skip()
        if mark in marks:
            self.at += 1
            return mark
        self.at = at
        return ""

    def _items(self, start: int, of: ast.Type) -> ast.Type:
        """Parse the rest of ``of[]``, ``of[*]`` or ``of[0]``."""
        mark = self.skip()
        if mark == "]":
            self.at += 1
            return ast.Type(start, self.at, "array", of=(of,))
        if mark == "*":
            name, self.at = "*", self.at + 1
        else:
            index = self.expression()
            name = str(index.value) if isinstance(index, ast.Literal) else ""
        self.expect("]")
        return ast.Type(start, self.at, "member", name, of=(of,))

    def _type_member(self, start: int, of: ast.Type) -> ast.Type:
        """Parse the rest of ``of.name`` or ``of.*``."""
        if self.skip_mark("*"):
            return ast.Type(start, self.at, "member", "*", of=(of,))
        name = self.word("a property name")
        if self.skip_mark("<"):
            return self._parameterised(start, name)
        if of.kind == "name" and (of.name in self.modules or of.name in _NAMESPACES):
            return ast.Type(start, self.at, "name", f"{of.name}.{name}")
        return ast.Type(start, self.at, "member", name, of=(of,))

    def _primary_type(self) -> ast.Type:
        """Parse a type without suffixes."""
        start = self.at
        mark = self.text[start]
        if mark in "'$" or mark.isdigit():
            literal = self.string() if mark in "'$" else self.operand()
            if not isinstance(literal, ast.Literal):
                raise Unexpected("a string type cannot contain an expression", start)
            return ast.Type(start, self.at, "literal", value=literal.value)
        if mark in "{[(":
            self.at += 1
            self.descend()
            wrap, self.wrap = self.wrap, mark == "("
            type_ = self._bracketed(start, mark)
            self.wrap = wrap
            self.depth -= 1
            return type_
        name = self.word("a type")
        end = self.at
        if name in CONSTANTS:
            return ast.Type(start, end, "literal", value=CONSTANTS[name])
        if self.skip_mark("<"):
            return self._parameterised(start, name)
        if name == "resource" and self.skip() == "'":
            value = self.string()
            text = value.value if isinstance(value, ast.Literal) else None
            return ast.Type(start, self.at, "resource", name, text)
        self.at = end
        return ast.Type(start, end, "name", name)

    def _bracketed(self, start: int, mark: str) -> ast.Type:
        """Parse an object, a tuple or a type in parentheses, starting after the opening bracket."""
        if mark == "(":
            self.skip()
            type_ = self.type()
            self.expect(")")
            return type_
        closing = "}" if mark == "{" else "]"
        fields: list[tuple[str, ast.Type]] = []
        items: list[ast.Type] = []
        while self.skip_lines() != closing:
            decorators = self.decorators()
            if mark == "{":
                name = self._field_name()
                self.expect(":")
                self.skip()
                fields.append((name, self._part(decorators)))
            else:
                items.append(self._part(decorators))
            self.separate(closing)
        self.at += 1
        kind = "object" if mark == "{" else "tuple"
        return ast.Type(start, self.at, kind, of=tuple(items), fields=tuple(fields))

    def _part(self, decorators: tuple[ast.Expression, ...]) -> ast.Type:
        """Parse the type of a property or item with these decorators."""
        type_ = self.type()
        return msgspec.structs.replace(type_, decorators=decorators) if decorators else type_

    def _field_name(self) -> str:
        if self.skip_mark("*"):
            return "*"
        if self.text[self.at] not in "'$":
            return self.word("a property name or `}`")
        start = self.at
        name = self.string()
        if not isinstance(name, ast.Literal):
            raise Unexpected("a property name cannot contain an expression", start)
        return str(name.value)

    def _parameterised(self, start: int, name: str) -> ast.Type:
        """Parse the parameters of a type and the closing bracket."""
        wrap, self.wrap = self.wrap, True
        self.descend()
        parameters: list[ast.Type] = []
        while self.skip() != ">":
            parameters.append(self.type())
            if self.skip() == ",":
                self.at += 1
            elif self.text[self.at] != ">":
                raise self.unexpected("`,` or `>`")
        self.at += 1
        self.depth -= 1
        self.wrap = wrap
        if name not in _RESOURCES:
            return ast.Type(start, self.at, "name", name, of=tuple(parameters))
        value = parameters[0].value if parameters else None
        return ast.Type(start, self.at, "resource", name, value)


def _signed(sign: str, value: object) -> bool | int | None:
    """Return the value of a literal type with a sign."""
    if sign == "!":
        return not value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return -value if sign == "-" else value
