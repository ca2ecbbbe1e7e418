"""Operands: literals, names, and what is accessed of them; calls and splats by way of python-hcl2."""

from __future__ import annotations

from kvlint.regex import regex
from kvlint.syntax import tree
from kvlint.syntax.hcl.lexis import IDENTIFIER, MAX_CHAIN, Matcher, Unexpected, identifier, number_of
from kvlint.syntax.hcl.lists import Lists
from kvlint.syntax.hcl.skeleton import Skeleton

_STEP = rf'\.{IDENTIFIER}|\.[0-9]++(?![\w.])|\[(?:"[^"\\\n$%]*+"|[0-9]++)\]'
_traversal: Matcher = regex(rf"({IDENTIFIER})((?:{_STEP})*+)").match
_steps = regex(rf'\.({IDENTIFIER})|\.([0-9]++)|\["([^"]*+)"\]|\[([0-9]++)\]').finditer
_number: Matcher = regex(r"-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+").match
_digits: Matcher = regex(r"[0-9]++").match
_full_splat: Matcher = regex(r"\[[ \t]*+\*[ \t]*+\]").match
_scoped: Matcher = regex(rf"(?:[ \t]*+::[ \t]*+{IDENTIFIER})++").match

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
DIGITS = frozenset("0123456789")


class Operands(Lists):
    """Reads operands."""

    __slots__ = ()

    def operand(self, mark: str) -> tree.Expression:
        """Reads what stands between operators, without accesses that are no plain ones."""
        text, start = self.text, self.at
        if mark == '"':
            return self.string()
        match = _traversal(text, start)
        if match is not None:
            self.at = end = match.end()
            name, steps = match[1], match[2]
            if steps:
                return self.steps(tree.Name(start, match.end(1), name), start, match.end(1), steps)
            if name in _WORDS:
                return tree.Literal(start, end, _WORDS[name])
            return tree.Name(start, end, name)
        if mark == "[":
            return self.array()
        if mark == "{":
            return self.object()
        if mark == "(":
            self.at += 1
            node = self.inner()
            self.take(")", True)
            return node
        if mark == "<":
            return self.heredoc()
        match = _number(text, start)
        if match is None:
            raise self.unexpected("an expression")
        self.at = match.end()
        return tree.Literal(start, self.at, number_of(match[0], start))

    def steps(self, node: tree.Expression, start: int, at: int, steps: str) -> tree.Expression:
        """``node`` with plain accesses to it, which stand at ``at``."""
        if "[" not in steps and len(steps) < MAX_CHAIN:
            names = steps.split(".")
            for name in names[1:]:
                at += 1 + len(name)
                if name[0] in DIGITS:
                    node = tree.Item(start, at, node, tree.Literal(at - len(name), at, int(name)))
                else:
                    node = tree.Member(start, at, node, name)
            return node
        for count, match in enumerate(_steps(steps)):
            if count > MAX_CHAIN:
                raise Unexpected("too many operators and accesses in one expression", start)
            name, end, kind = match[match.lastindex or 0], at + match.end(), match.lastindex
            if kind == 1:
                node = tree.Member(start, end, node, name)
                continue
            begin = at + match.start(kind or 0)
            if kind == 3:
                index = tree.Literal(begin - 1, end - 1, name)
            else:
                index = tree.Literal(begin, begin + len(name), number_of(name, begin))
            node = tree.Item(start, end, node, index)
        return node

    def accesses(self, node: tree.Expression, start: int, wrap: bool) -> tree.Expression:
        """Reads the accesses and calls behind an operand that begins at ``start``; ends right behind the last one."""
        text = self.text
        while True:
            end = self.at
            mark = self.skip(wrap)
            at = self.at
            if mark == ".":
                if text.startswith("...", at):
                    break
                self.at += 1
                mark = self.skip(wrap)
                name = identifier(text, self.at)
                if name is not None:
                    self.at = name.end()
                    node = tree.Member(start, self.at, node, name[0])
                elif mark == "*":
                    self.at = at
                    return self.splat(node, start, end, wrap)
                elif mark in DIGITS:
                    node = self.legacy_index(node, start)
                else:
                    raise self.unexpected("a name behind '.'")
            elif mark == "[":
                if _full_splat(text, at):
                    return self.splat(node, start, end, wrap)
                node = self.index(node, start)
            elif mark == "(" and isinstance(node, tree.Name) and node.start == start:
                node = self.call(node.name, start, end)
            elif mark == ":" and isinstance(node, tree.Name) and (scoped := _scoped(text, at)) and node.start == start:
                self.at = scoped.end()
                if self.skip(wrap) != "(":
                    raise self.unexpected("'(' behind the name of a function")
                node = self.call("".join(text[start : scoped.end()].split()), start, scoped.end())
            else:
                break
            self.link()
        self.at = end
        return node

    def index(self, node: tree.Expression, start: int) -> tree.Expression:
        """Reads ``[index]``."""
        self.at += 1
        index = self.inner()
        self.take("]", True)
        return tree.Item(start, self.at, node, index)

    def legacy_index(self, node: tree.Expression, start: int) -> tree.Expression:
        """Reads the number of ``.0``."""
        at = self.at
        match = _digits(self.text, at)
        self.at = at if match is None else match.end()
        return tree.Item(start, self.at, node, tree.Literal(at, self.at, number_of(self.text[at : self.at], at)))

    def call(self, name: str, start: int, end: int) -> tree.Expression:
        """Reads the arguments of a function, whose name stands from ``start`` to ``end``."""
        text, skeleton = self.text, Skeleton()
        skeleton.add("f", start, end, name)
        skeleton.add("(", self.at, self.at + 1)
        self.at += 1
        most = links = self.links
        while (mark := self.skip(True)) != ")":
            if mark == ",":
                skeleton.add(mark, self.at, self.at + 1)
                self.at += 1
            elif mark == "." and text.startswith("...", self.at):
                skeleton.add("...", self.at, self.at + 3)
                self.at += 3
            else:
                self.links = links
                self.argument(skeleton)
                most = max(most, self.links)
        self.links = most
        self.at += 1
        skeleton.add(")", self.at - 1, self.at)
        return skeleton.expression()

    def splat(self, node: tree.Expression, start: int, end: int, wrap: bool) -> tree.Expression:
        """Reads a splat and all accesses behind it; the operand stands from ``start`` to ``end``."""
        text, skeleton = self.text, Skeleton()
        skeleton.add("v", start, end, node)
        while True:
            end = self.at
            mark = self.skip(wrap)
            at = self.at
            if mark == "[":
                match = _full_splat(text, at)
                if match is not None:
                    skeleton.add("[*]", at, match.end())
                    self.at = match.end()
                else:
                    skeleton.add("[", at, at + 1)
                    self.at += 1
                    self.argument(skeleton)
                    self.take("]", True)
                    skeleton.add("]", self.at - 1, self.at)
            elif mark == "." and not text.startswith("...", at):
                self.at += 1
                self.skip(wrap)
                self.behind_dot(skeleton, at)
            else:
                break
            self.link()
        self.at = end
        return skeleton.expression()

    def behind_dot(self, skeleton: Skeleton, dot: int) -> None:
        """Reads the name, number or star behind a dot in a splat."""
        text, at = self.text, self.at
        name, number = identifier(text, at), _digits(text, at)
        if name is not None:
            skeleton.add(".", dot, dot + 1)
            skeleton.add("n", at, name.end(), name[0])
            self.at = name.end()
        elif number is not None:
            skeleton.add(".", dot, dot + 1)
            skeleton.add("0", at, number.end(), number_of(number[0], at))
            self.at = number.end()
        elif text[at] == "*":
            skeleton.add(".*", dot, at + 1)
            self.at += 1
        else:
            raise self.unexpected("a name behind '.'")
