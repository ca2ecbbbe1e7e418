"""What stands between brackets: tuples, objects, and loops that make them."""

from __future__ import annotations

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.strings import Strings
from azkvlint.syntax.hcl.tokens import Matcher, identifier
from azkvlint.util.lazy_regex import regex

_for: Matcher = regex(r"for(?![\w-])").match
_BINDS = frozenset("=:")


class Lists(Strings):
    """Reads what stands between brackets."""

    __slots__ = ()

    def inner(self) -> ast.Expression:
        """Reads an expression within brackets, and the blanks around it."""
        self.descend()
        node = self.expression(True)
        self.depth -= 1
        return node

    def array(self) -> ast.Expression:
        """Reads a tuple, or a loop that makes one."""
        start = self.at
        self.at += 1
        mark = self.skip(True)
        if mark == "f" and _for(self.text, self.at):
            return self.loop("]", start)
        self.descend()
        items: list[ast.Expression] = []
        most = links = self.links
        while mark != "]":
            self.links = links
            items.append(self.expression(True))
            most = max(most, self.links)
            mark = self.skip(True)
            if mark == ",":
                self.at += 1
                mark = self.skip(True)
            elif mark != "]":
                raise self.unexpected("',' or ']'")
        self.at += 1
        self.depth -= 1
        self.links = most
        return ast.Array(start, self.at, tuple(items))

    def object(self) -> ast.Expression:
        """Reads an object, or a loop that makes one."""
        start = self.at
        self.at += 1
        mark = self.skip(True)
        if mark == "f" and _for(self.text, self.at):
            return self.loop("}", start)
        self.descend()
        members: list[ast.Property] = []
        most = links = self.links
        while mark != "}":
            self.links = links
            members.append(self.member())
            most = max(most, self.links)
            mark = self.skip(False)
            if mark == ",":
                self.at += 1
            elif mark not in {"}", "\n"}:
                raise self.unexpected("a new line, ',' or '}'")
            mark = self.skip(True)
        self.at += 1
        self.depth -= 1
        self.links = most
        return ast.Object(start, self.at, tuple(members))

    def member(self) -> ast.Property:
        """Reads ``key = value`` or ``key: value``."""
        start, text = self.at, self.text
        mark = text[start]
        word = identifier(text, start)
        if word is not None:
            self.at = word.end()
            found = self.skip(False)
        if word is not None and found in _BINDS and not text.startswith(("==", "::"), self.at):
            key: str | ast.Expression = word[0]
        else:
            self.at = start
            key = self.expression(False)
            if mark == '"' and isinstance(key, ast.Literal) and isinstance(key.value, str):
                key = key.value
            found = self.skip(False)
            if found not in _BINDS or text.startswith("=>", self.at):
                raise self.unexpected("'=' behind a key")
        self.at += 1
        node = self.expression(False)
        return ast.Property(start, self.last, key, node)

    def loop(self, closing: str, start: int) -> ast.Expression:
        """Read a ``for`` expression from its ``for`` on; its bracket is at ``start``."""
        self.at += 3
        key, value = "", self.name()
        if self.skip(True) == ",":
            self.at += 1
            key, value = value, self.name()
        self.keyword("in", "'in'")
        over = self.inner()
        self.take(":", True)
        name, result = None, self.inner()
        is_grouped = False
        if closing == "}":
            self.take("=>", True)
            name, result = result, self.inner()
            self.skip(True)
            is_grouped = self.text.startswith("...", self.at)
            self.at += 3 if is_grouped else 0
        condition = None
        if self.skip(True) != closing:
            self.keyword("if", f"'if' or '{closing}'")
            condition = self.inner()
        self.take(closing, True)
        return ast.Comprehension(start, self.at, key, value, over, result, name, condition, is_grouped)
