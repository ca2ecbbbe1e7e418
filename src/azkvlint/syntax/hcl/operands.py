"""Operands: literals, names, function calls, and the attributes, indexes and splats after them."""

from __future__ import annotations

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.collections import Lists
from azkvlint.syntax.hcl.tokens import IDENTIFIER, MAX_CHAIN, Matcher, Unexpected, identifier, number_of
from azkvlint.util.lazy_regex import regex

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

    def operand(self, mark: str) -> ast.Expression:
        """Reads what stands between operators, without accesses that are no plain ones."""
        text, start = self.text, self.at
        if mark == '"':
            return self.string()
        match = _traversal(text, start)
        if match is not None:
            self.at = match.end()
            name, steps, end = match[1], match[2], match.end(1)
            node: ast.Expression
            node = ast.Literal(start, end, _WORDS[name]) if name in _WORDS else ast.Name(start, end, name)
            return self.steps(node, start, end, steps) if steps else node
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
        return ast.Literal(start, self.at, number_of(match[0], start))

    def steps(self, node: ast.Expression, start: int, at: int, steps: str) -> ast.Expression:
        """``node`` with plain accesses to it, which stand at ``at``."""
        if "[" not in steps and len(steps) < MAX_CHAIN:
            names = steps.split(".")
            for name in names[1:]:
                at += 1 + len(name)
                if name[0] in DIGITS:
                    node = ast.Item(start, at, node, ast.Literal(at - len(name), at, int(name)))
                else:
                    node = ast.Member(start, at, node, name)
            return node
        for count, match in enumerate(_steps(steps)):
            if count > MAX_CHAIN:
                raise Unexpected("too many operators and accesses in one expression", start)
            name, end, kind = match[match.lastindex or 0], at + match.end(), match.lastindex
            if kind == 1:
                node = ast.Member(start, end, node, name)
                continue
            begin = at + match.start(kind or 0)
            if kind == 3:
                index = ast.Literal(begin - 1, end - 1, name)
            else:
                index = ast.Literal(begin, begin + len(name), number_of(name, begin))
            node = ast.Item(start, end, node, index)
        return node

    def accesses(self, node: ast.Expression, start: int, wrap: bool) -> ast.Expression:
        """Read the accesses and calls after an operand that starts at ``start``; end right behind the last one."""
        text = self.text
        while True:
            end = self.at
            mark = self.skip(wrap)
            at = self.at
            if mark == ".":
                if text.startswith("...", at):
                    break
                self.at += 1
                if self.skip(wrap) == "*":
                    self.at = end
                    return self.splat(node, start, wrap)
                node = self.after_dot(node, start)
            elif mark == "[":
                if _full_splat(text, at):
                    self.at = end
                    return self.splat(node, start, wrap)
                node = self.index(node, start)
            elif mark == "(" and isinstance(node, ast.Name) and node.start == start:
                node = self.call(node.name, start)
            elif mark == ":" and isinstance(node, ast.Name) and (scoped := _scoped(text, at)) and node.start == start:
                self.at = scoped.end()
                if self.skip(wrap) != "(":
                    raise self.unexpected("'(' behind the name of a function")
                node = self.call("".join(text[start : scoped.end()].split()), start)
            else:
                break
            self.link()
        self.at = end
        return node

    def after_dot(self, node: ast.Expression, start: int) -> ast.Expression:
        """Read the attribute or legacy index after a dot."""
        name = identifier(self.text, self.at)
        if name is not None:
            self.at = name.end()
            return ast.Member(start, self.at, node, name[0])
        if self.text[self.at] in DIGITS:
            return self.legacy_index(node, start)
        raise self.unexpected("a name behind '.'")

    def index(self, node: ast.Expression, start: int) -> ast.Expression:
        """Reads ``[index]``."""
        self.at += 1
        index = self.inner()
        self.take("]", True)
        return ast.Item(start, self.at, node, index)

    def legacy_index(self, node: ast.Expression, start: int) -> ast.Expression:
        """Reads the number of ``.0``."""
        at = self.at
        match = _digits(self.text, at)
        self.at = at if match is None else match.end()
        return ast.Item(start, self.at, node, ast.Literal(at, self.at, number_of(self.text[at : self.at], at)))

    def call(self, name: str, start: int) -> ast.Expression:
        """Read the arguments of a call of the function ``name``, which starts at ``start``."""
        self.at += 1
        arguments, is_expanded = list[ast.Expression](), False
        most = links = self.links
        mark = self.skip(True)
        while mark != ")":
            self.links = links
            arguments.append(self.inner())
            most = max(most, self.links)
            mark = self.skip(True)
            if mark == ",":
                self.at += 1
                mark = self.skip(True)
                continue
            is_expanded = self.text.startswith("...", self.at)
            if is_expanded:
                self.at += 3
                mark = self.skip(True)
            if mark != ")":
                raise self.unexpected("')'" if is_expanded else "',' or ')'")
        self.links = most
        self.at += 1
        return ast.Call(start, self.at, name, tuple(arguments), None, is_expanded)

    def splat(self, node: ast.Expression, start: int, wrap: bool) -> ast.Expression:
        """Read a splat and everything after it.

        Everything after ``[*]`` applies to each item. After ``.*`` only attributes and legacy indexes do; what follows
        them applies to the resulting list.
        """
        text, lists, is_attribute_splat = self.text, list[tuple[ast.Expression, int]](), False
        while True:
            end = self.at
            mark = self.skip(wrap)
            at = self.at
            if mark == "." and not text.startswith("...", at):
                self.at += 1
                is_splat = self.skip(wrap) == "*"
                stop = self.at + 1
            elif mark == "[":
                full = _full_splat(text, at)
                is_splat, stop = full is not None, full.end() if full is not None else at
            else:
                break
            if is_attribute_splat and (is_splat or mark == "["):
                items, start = lists.pop()
                node, is_attribute_splat = ast.Splat(start, end, items, node), False
            if is_splat:
                lists.append((node, start))
                is_attribute_splat = mark == "."
                self.at = stop
                node, start = ast.Name(at, stop, "*"), at
            elif mark == "[":
                node = self.index(node, start)
            else:
                node = self.after_dot(node, start)
            self.link()
        self.at = end
        for items, start in reversed(lists):
            node = ast.Splat(start, end, items, node)
        return node
