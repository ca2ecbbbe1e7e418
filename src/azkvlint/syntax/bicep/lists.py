"""Objects and arrays: most of any file, so what stands on a line of its own is read by one pattern."""

from __future__ import annotations

import re

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.strings import Strings
from azkvlint.syntax.bicep.tokens import GAP, WORD, Matcher
from azkvlint.util.lazy_regex import regex


def _after(closing: str) -> str:
    """A pattern for what ends an item, and for the closing mark if it comes next.

    On a later line the item may go on with the "?" of a condition, even behind a comment: then there is no match, and
    the item is read with more care.
    """
    return rf"[ \t]*+(?:[\r\n][ \t\r\n]*+(?![?/#])|,[ \t]*+|(?={closing}))(?:{closing})?+"


def _value(closing: str) -> str:
    """A pattern for a value that needs no more reading, with what ends it, or for the start of a list."""
    plain = rf"'([^'\\\r\n$]*+)'|({WORD})|({WORD}(?:\.{WORD})++)|([0-9]{{1,18}}+)|(\[\]|\{{\}})"
    return rf"(?:(?:{plain}){_after(closing)}|([\[{{])[ \t\r\n]*+)"


_BRACE, _BRACKET = r"\}", r"\]"
_MEMBER: Matcher = regex(rf"(?:({WORD})|'([^'\\\r\n$]++)')[ \t]*+:[ \t]*+{_value(_BRACE)}").match
_ITEM: Matcher = regex(rf"()(){_value(_BRACKET)}").match  # its groups are those of a member
_MEMBER_END: Matcher = regex(_after(_BRACE)).match
_ITEM_END: Matcher = regex(_after(_BRACKET)).match
_TEXT, _NAME, _PATH, _NUMBER, _EMPTY, _LIST = range(3, 9)

_FOR: Matcher = regex(r"for(?![A-Za-z0-9_])").match
_RESOURCE: Matcher = regex(rf"resource(?![A-Za-z0-9_]){GAP}(?=[A-Za-z_])").match
CONSTANTS = {"true": True, "false": False, "null": None}


class Lists(Strings):
    """Reads objects and arrays."""

    __slots__ = ()

    def more(self, start: int, operand: ast.Expression) -> ast.Expression:
        """Reads what follows the first operand of an expression that begins at ``start``."""
        raise NotImplementedError

    def decorators(self) -> tuple[ast.Expression, ...]:
        """Reads decorators, and all up to what they stand before."""
        raise NotImplementedError

    def resource(self, decorators: tuple[ast.Expression, ...]) -> ast.Resource:
        """Reads a resource, from its keyword on."""
        raise NotImplementedError

    def loop(self, start: int) -> ast.For:
        """Reads a loop from its keyword on; its bracket is at ``start``."""
        raise NotImplementedError

    def object(self) -> ast.Object:
        """Reads an object."""
        start = self.at
        if self.text[start] != "{":
            raise self.unexpected("'{'")
        return self._object(start, start + 1)

    def array(self) -> ast.Array | ast.For:
        """Reads an array or a loop; a bracket is known to stand here."""
        return self._array(self.at, self.at + 1)

    def _object(self, start: int, at: int) -> ast.Object:
        """Reads an object that begins at ``start``, from ``at`` on, before its first member."""
        text = self.text
        members: list[ast.Property | ast.Spread] = []
        resources: list[ast.Resource] = []
        wrap, self.wrap = self.wrap, False
        self.at = at
        self.descend()
        while True:
            match = _MEMBER(text, at)
            if match is None:
                self.at = at
                mark = self.skip_lines()
                if mark == "}":
                    at = self.at + 1
                    break
                if at == self.at:  # no comment was in the way
                    self._member(members, resources)
                at = self.at
                continue
            if match.lastindex == _TEXT:
                begin, end = match.span(_TEXT)
                value: ast.Expression = ast.Literal(begin - 1, end + 1, match[_TEXT])
                members.append(ast.Property(at, end + 1, match[1] or match[2], value))
            elif match.lastindex == _LIST:
                key, value, after = match[1] or match[2], self._list(match), _MEMBER_END(text, self.at)
                if after is None:
                    value = self.more(match.start(_LIST), value)
                members.append(ast.Property(at, self.at, key, value))
                if after is None:
                    self.separate("}")
                    at = self.at
                    continue
                match = after
            else:
                value = _plain(match)
                members.append(ast.Property(at, value.end, match[1] or match[2], value))
            at = match.end()
            if text[at - 1] == "}":
                break
        self.at = at
        self.depth -= 1
        self.wrap = wrap
        return ast.Object(start, at, tuple(members), tuple(resources))

    def _member(self, members: list[ast.Property | ast.Spread], resources: list[ast.Resource]) -> None:
        """Reads a member of an object that takes more care, and what ends it."""
        start = self.at
        if self.text.startswith("...", start):
            members.append(self._spread())
        elif self.text[start] == "@" or _RESOURCE(self.text, start):
            decorators = self.decorators()
            if not _RESOURCE(self.text, self.at):
                self.at = start
                raise self.unexpected("a resource behind decorators in an object")
            resources.append(self.resource(decorators))
        else:
            key: str | ast.Template
            if self.text[start] in "'$":
                named = self.string()
                key = named if isinstance(named, ast.Template) else str(named.value)
            else:
                key = self.word("the name of a property, or '}'")
            self.take(":")
            self.skip()
            value = self.expression()
            members.append(ast.Property(start, self.at, key, value))
        self.separate("}")

    def _array(self, start: int, at: int) -> ast.Array | ast.For:
        """Reads an array or loop that begins at ``start``, from ``at`` on, before its first item."""
        text = self.text
        items: list[ast.Expression | ast.Spread] = []
        wrap, self.wrap = self.wrap, False
        self.at = at
        self.descend()
        self.skip_lines()
        at = self.at
        if _FOR(text, at):
            loop = self.loop(start)
            self.depth -= 1
            self.wrap = wrap
            return loop
        while True:
            match = _ITEM(text, at)
            if match is None:
                self.at = at
                mark = self.skip_lines()
                if mark == "]":
                    at = self.at + 1
                    break
                items.append(self._spread() if text.startswith("...", self.at) else self.expression())
                self.separate("]")
                at = self.at
                continue
            if match.lastindex == _LIST:
                value, after = self._list(match), _ITEM_END(text, self.at)
                items.append(self.more(match.start(_LIST), value) if after is None else value)
                if after is None:
                    self.separate("]")
                    at = self.at
                    continue
                match = after
            else:
                items.append(_plain(match))
            at = match.end()
            if text[at - 1] == "]":
                break
        self.at = at
        self.depth -= 1
        self.wrap = wrap
        return ast.Array(start, at, tuple(items))

    def _spread(self) -> ast.Spread:
        start = self.at
        self.at += 3
        self.skip()
        value = self.expression()
        return ast.Spread(start, self.at, value)

    def _list(self, match: re.Match[str]) -> ast.Expression:
        """Reads the list whose opening mark was matched."""
        start, at = match.start(_LIST), match.end()
        return self._object(start, at) if self.text[start] == "{" else self._array(start, at)


def _plain(match: re.Match[str]) -> ast.Expression:
    """The value that was matched whole."""
    kind = match.lastindex or 0
    start, end = match.span(kind)
    word = match[kind]
    if kind == _NAME:
        return ast.Literal(start, end, CONSTANTS[word]) if word in CONSTANTS else ast.Name(start, end, word)
    if kind == _TEXT:
        return ast.Literal(start - 1, end + 1, word)
    if kind == _NUMBER:
        return ast.Literal(start, end, int(word))
    if kind == _EMPTY:
        return ast.Object(start, end, ()) if word == "{}" else ast.Array(start, end, ())
    parts = word.split(".")
    at = start + len(parts[0])
    path: ast.Expression = ast.Name(start, at, parts[0])
    for part in parts[1:]:
        at += 1 + len(part)
        path = ast.Member(start, at, path, part)
    return path
