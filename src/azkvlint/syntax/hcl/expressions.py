"""Parse HCL expressions."""

from __future__ import annotations

from typing import TypeAlias

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.tokens import (
    IDENTIFIER,
    MAX_CHAIN,
    MAX_DEPTH,
    HclSyntaxError,
    Matcher,
    Part,
    Scanner,
    TemplateDirective,
    TemplateLiteral,
    assemble,
    gap,
    heredoc_start,
    identifier,
    number_of,
    quoted,
    remove_indentation,
    total_matcher,
    unescape,
    unexpected,
    wide_gap,
)
from azkvlint.syntax.texts import Lines
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_GAPS = frozenset(" \t\r\n#/")


class Cursor:
    """A cursor at the offset ``at`` of a text. Parsing methods start at ``at``, and leave it after what they parsed.

    ``wrap`` states whether line breaks are white space. ``last`` is the end of the expression parsed last, without
    trailing gaps. ``links`` is the height of the parsed tree in operators and accesses. Methods raise Unexpected.
    """

    __slots__ = ("at", "depth", "last", "links", "scanner", "text")

    def __init__(self, scanner: Scanner) -> None:
        self.scanner, self.text = scanner, scanner.text
        self.at = self.depth = self.last = self.links = 0

    def expression(self, wrap: bool) -> ast.Expression:
        """Parse an expression and the gaps around it."""
        raise NotImplementedError

    def skip(self, wrap: bool) -> str:
        """Skip to the next token; return its first character."""
        at = self.at
        mark = self.text[at]
        if mark in _GAPS:
            self.at = at = (wide_gap if wrap else gap)(self.text, at).end()
            mark = self.text[at]
        return mark

    def expect(self, mark: str, wrap: bool) -> None:
        """Parse a punctuation token, after a gap."""
        self.skip(wrap)
        if not self.text.startswith(mark, self.at):
            raise self.unexpected(f"`{mark}`")
        self.at += len(mark)

    def unexpected(self, expected: str) -> HclSyntaxError:
        """Return the error for the token at the cursor."""
        return unexpected(self.text, self.at, expected)

    def descend(self) -> None:
        """Enter a nesting level; the caller decreases ``depth`` afterwards."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise HclSyntaxError("the nesting is too deep", self.at)

    def link(self, count: int = 1) -> None:
        """Count operators and accesses."""
        self.links += count
        if self.links > MAX_CHAIN:
            raise HclSyntaxError("too many operators and accesses in one expression", self.at)


_LINE = total_matcher(r"(?:[^$%\n]++|\$\$\{|%%\{|[$%](?!\{))*+\n?")
_ESCAPED = regex(r"([$%])\1\{")
_DIRECTIVES = frozenset(("if", "else", "endif", "for", "endfor"))


class HclStringParser(Cursor):
    """Parser for strings. ``trim`` states whether the last part trims the white space after it."""

    __slots__ = ("trim",)

    def string(self) -> ast.Expression:
        """Parse a quoted string."""
        text, start = self.text, self.at
        match = quoted(text, start + 1)
        end = match.end()
        if text[end] == '"':
            self.at = end + 1
            content = match[0]
            return ast.Literal(start, end + 1, unescape(content, start + 1) if _has_escapes(content) else content)
        parts: list[Part] = []
        at, links = start + 1, self.links
        self.trim = False
        while True:
            match = quoted(text, at)
            end = match.end()
            if end > at:
                parts.append(self.piece(at, end, unescape(match[0], at)))
            mark = text[end]
            if mark == '"':
                self.at = end + 1
                return assemble(parts, start, end + 1)
            if mark not in "$%":
                raise HclSyntaxError("this string is not closed on its line", start)
            at = self.hole(end, parts, links)

    def heredoc(self) -> ast.Expression:
        """Parse a heredoc."""
        start = self.at
        match = heredoc_start(self.text, start)
        if match is None:
            raise self.unexpected("an expression")
        marker = self.scanner.marker(match[2], match.end())
        if marker is None:
            raise HclSyntaxError("this heredoc is not closed", start)
        parts = self.lines(match.end(), marker[0])
        if match[1]:
            remove_indentation(parts)
        self.at = marker[1]
        return assemble(parts, start, marker[1])

    def lines(self, at: int, end: int) -> list[Part]:
        """Parse unquoted template text from ``at`` to ``end`` into a piece for each line."""
        text, links = self.text, self.links
        parts: list[Part] = []
        self.trim = False
        while at < end:
            stop = _LINE(text, at, end).end()
            if stop > at:
                parts.append(self.piece(at, stop, _ESCAPED.sub(r"\1{", text[at:stop])))
                at = stop
            else:
                at = self.hole(at, parts, links)
                if at > end:
                    raise HclSyntaxError("an expression continues after the string that contains it", end)
        return parts

    def hole(self, start: int, parts: list[Part], links: int) -> int:
        """Parse the interpolation or directive that starts at ``start``; return the offset after it.

        ``links`` is the count before the surrounding string.
        """
        text = self.text
        self.at = start + 2
        if text[self.at] == "~":
            self.at += 1
            if parts and isinstance(parts[-1], TemplateLiteral):
                parts[-1].value = parts[-1].value.rstrip()
        self.descend()
        max_links, self.links = self.links, links
        part: Part = self.expression(True) if text[start] == "$" else self.directive(start)
        self.links = max(max_links, self.links)
        self.depth -= 1
        mark = self.skip(True)
        trim = mark == "~"
        if trim:
            self.at += 1
        self.expect("}", True)
        if isinstance(part, TemplateDirective):
            part.end = self.at
        parts.append(part)
        self.trim = trim
        return self.at

    def piece(self, start: int, end: int, value: str) -> TemplateLiteral:
        """Return a piece of literal text; its leading white space is trimmed if the part before it requires that."""
        if self.trim:
            self.trim = False
            value = value.lstrip()
        return TemplateLiteral(start, end, value)

    def directive(self, start: int) -> TemplateDirective:
        """Parse a directive, from its keyword to its last expression."""
        self.skip(True)
        match = identifier(self.text, self.at)
        if match is None or match[0] not in _DIRECTIVES:
            raise self.unexpected("`if`, `else`, `endif`, `for` or `endfor`")
        self.at = match.end()
        directive = TemplateDirective(match[0], start)
        if directive.kind == "if":
            directive.expression = self.expression(True)
        elif directive.kind == "for":
            directive.value = self.name()
            if self.skip(True) == ",":
                self.at += 1
                directive.key, directive.value = directive.value, self.name()
            self.keyword("in", "`in`")
            directive.expression = self.expression(True)
        return directive

    def name(self) -> str:
        """Parse a name, after a gap."""
        self.skip(True)
        match = identifier(self.text, self.at)
        if match is None:
            raise self.unexpected("a name")
        self.at = match.end()
        return match[0]

    def keyword(self, word: str, expected: str) -> None:
        """Parse a keyword, after a gap."""
        self.skip(True)
        match = identifier(self.text, self.at)
        if match is None or match[0] != word:
            raise self.unexpected(expected)
        self.at = match.end()


def _has_escapes(text: str) -> bool:
    return "\\" in text or "{" in text


_for: Matcher = regex(r"for(?![\w-])").match
_BINDS = frozenset("=:")


class HclCollectionParser(HclStringParser):
    """Parser for tuples, objects and ``for`` expressions."""

    __slots__ = ()

    def inner(self) -> ast.Expression:
        """Parse an expression inside brackets and the gaps around it."""
        self.descend()
        node = self.expression(True)
        self.depth -= 1
        return node

    def array(self) -> ast.Expression:
        """Parse a tuple or a ``for`` expression."""
        start = self.at
        self.at += 1
        mark = self.skip(True)
        if mark == "f" and _for(self.text, self.at):
            return self.loop("]", start)
        self.descend()
        items: list[ast.Expression] = []
        max_links = links = self.links
        while mark != "]":
            self.links = links
            items.append(self.expression(True))
            max_links = max(max_links, self.links)
            mark = self.skip(True)
            if mark == ",":
                self.at += 1
                mark = self.skip(True)
            elif mark != "]":
                raise self.unexpected("`,` or `]`")
        self.at += 1
        self.depth -= 1
        self.links = max_links
        return ast.Array(start, self.at, tuple(items))

    def object(self) -> ast.Expression:
        """Parse an object or a ``for`` expression."""
        start = self.at
        self.at += 1
        mark = self.skip(True)
        if mark == "f" and _for(self.text, self.at):
            return self.loop("}", start)
        self.descend()
        members: list[ast.Property] = []
        max_links = links = self.links
        while mark != "}":
            self.links = links
            members.append(self.member())
            max_links = max(max_links, self.links)
            mark = self.skip(False)
            if mark == ",":
                self.at += 1
            elif mark not in {"}", "\n"}:
                raise self.unexpected("a new line, `,` or `}`")
            mark = self.skip(True)
        self.at += 1
        self.depth -= 1
        self.links = max_links
        return ast.Object(start, self.at, tuple(members))

    def member(self) -> ast.Property:
        """Parse ``key = value`` or ``key: value``."""
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
                raise self.unexpected("`=` after a key")
        self.at += 1
        node = self.expression(False)
        return ast.Property(start, self.last, key, node)

    def loop(self, closing: str, start: int) -> ast.Expression:
        """Parse a ``for`` expression, starting at its ``for``; its bracket is at ``start``."""
        self.at += 3
        key, value = "", self.name()
        if self.skip(True) == ",":
            self.at += 1
            key, value = value, self.name()
        self.keyword("in", "`in`")
        over = self.inner()
        self.expect(":", True)
        name, result = None, self.inner()
        is_grouped = False
        if closing == "}":
            self.expect("=>", True)
            name, result = result, self.inner()
            self.skip(True)
            is_grouped = self.text.startswith("...", self.at)
            self.at += 3 if is_grouped else 0
        condition = None
        if self.skip(True) != closing:
            self.keyword("if", f"`if` or `{closing}`")
            condition = self.inner()
        self.expect(closing, True)
        return ast.Comprehension(start, self.at, key, value, over, result, name, condition, is_grouped)


_STEP = rf'\.{IDENTIFIER}|\.[0-9]++(?![\w.])|\[(?:"[^"\\\n$%]*+"|[0-9]++)\]'
_traversal: Matcher = regex(rf"({IDENTIFIER})((?:{_STEP})*+)").match
_steps = regex(rf'\.({IDENTIFIER})|\.([0-9]++)|\["([^"]*+)"\]|\[([0-9]++)\]').finditer
_number: Matcher = regex(r"-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+").match
_digits: Matcher = regex(r"[0-9]++").match
_full_splat: Matcher = regex(r"\[[ \t]*+\*[ \t]*+\]").match
_scoped: Matcher = regex(rf"(?:[ \t]*+::[ \t]*+{IDENTIFIER})++").match

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
DIGITS = frozenset("0123456789")


class Operands(HclCollectionParser):
    """Parser for operands."""

    __slots__ = ()

    def operand(self, mark: str) -> ast.Expression:
        """Parse an operand with its simple accesses."""
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
            self.expect(")", True)
            return node
        if mark == "<":
            return self.heredoc()
        match = _number(text, start)
        if match is None:
            raise self.unexpected("an expression")
        self.at = match.end()
        return ast.Literal(start, self.at, number_of(match[0], start))

    def steps(self, node: ast.Expression, start: int, at: int, steps: str) -> ast.Expression:
        """Return ``node`` with the simple accesses in the string ``steps``, which begins at ``at``."""
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
                raise HclSyntaxError("too many operators and accesses in one expression", start)
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
        """Parse the accesses and calls on an operand that starts at ``start``; stop right after the last one."""
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
                    raise self.unexpected("`(` after the function name")
                node = self.call("".join(text[start : scoped.end()].split()), start)
            else:
                break
            self.link()
        self.at = end
        return node

    def after_dot(self, node: ast.Expression, start: int) -> ast.Expression:
        """Parse the attribute or legacy index after a dot."""
        name = identifier(self.text, self.at)
        if name is not None:
            self.at = name.end()
            return ast.Member(start, self.at, node, name[0])
        if self.text[self.at] in DIGITS:
            return self.legacy_index(node, start)
        raise self.unexpected("a name after `.`")

    def index(self, node: ast.Expression, start: int) -> ast.Expression:
        """Parse ``[index]``."""
        self.at += 1
        index = self.inner()
        self.expect("]", True)
        return ast.Item(start, self.at, node, index)

    def legacy_index(self, node: ast.Expression, start: int) -> ast.Expression:
        """Parse the number of ``.0``."""
        at = self.at
        match = _digits(self.text, at)
        self.at = at if match is None else match.end()
        return ast.Item(start, self.at, node, ast.Literal(at, self.at, number_of(self.text[at : self.at], at)))

    def call(self, name: str, start: int) -> ast.Expression:
        """Parse the arguments of a call of the function ``name``, which starts at ``start``."""
        self.at += 1
        arguments, is_expanded = list[ast.Expression](), False
        max_links = links = self.links
        mark = self.skip(True)
        while mark != ")":
            self.links = links
            arguments.append(self.inner())
            max_links = max(max_links, self.links)
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
                raise self.unexpected("`)`" if is_expanded else "`,` or `)`")
        self.links = max_links
        self.at += 1
        return ast.Call(start, self.at, name, tuple(arguments), None, is_expanded)

    def splat(self, node: ast.Expression, start: int, wrap: bool) -> ast.Expression:
        """Parse a splat and everything after it.

        Everything after ``[*]`` applies to each item. After ``.*`` only attributes and legacy indexes do; further
        accesses apply to the resulting list.
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


_Operand: TypeAlias = tuple[ast.Expression, int, int]
"""An expression with its start and end, including the parentheses around it."""

_operator: Matcher = regex(r"==|!=|<=|>=|&&|\|\||[-+*/%<>?:]").match
_AFTER = frozenset("([.:")
_BLANKS = frozenset(" \t\r\n/#")
_SIGNS = frozenset("!-")
_OPERATORS = frozenset("+-*/%=!<>&|?")

# Binary operators from the loosest to the tightest; each level is left-associative. Source: "Arithmetic and Logical
# Operators" in Terraform's documentation (developer.hashicorp.com/terraform/language/expressions/operators).
_LEVELS = ("||", "&&", "== !=", "< <= > >=", "+ -", "* / %")
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS, 2) for operator in operators.split()}
# A conditional binds looser than all of them and is right-associative: its "?" is held until its ":", which is held
# until the conditional ends. A held operator is applied before the next one if it binds at least this tight.
_HELD = {"?": 0, ":": 1} | _PRECEDENCE
_NEXT = {"?": 2, ":": 1} | _PRECEDENCE


class HclExpressionParser(Operands):
    """Parser for expressions."""

    __slots__ = ()

    def read_expression(self, start: int, end: int) -> ast.Expression:
        """Parse the expression from ``start`` to ``end``. Raise Unexpected if it ends earlier."""
        self.at, self.depth, self.links = start, 0, 0
        node = self.expression(False)
        if self.at < end:
            raise self.unexpected("the end of the line")
        return node

    def expression(self, wrap: bool) -> ast.Expression:
        """Parse an expression and the gaps around it."""
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
        """Parse the operators and operands after the ``first`` operand.

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
                raise self.unexpected("`:`")
            _apply(held.pop(), operands)
        return operands[0][0]

    def signed_operand(self, wrap: bool) -> _Operand:
        """Parse an operand with its unary operators. A sign directly before a number is part of the number."""
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
    """Replace the last operands by their expression with ``operator``."""
    right, _, end = operands.pop()
    left, start, _ = operands.pop()
    node: ast.Expression
    if operator == ":":
        condition, start, _ = operands.pop()
        node = ast.Conditional(start, end, condition, left, right)
    else:
        node = ast.Binary(start, end, operator, left, right)
    operands.append((node, start, end))


def parse_template(text: str) -> ast.Expression:
    """Parse the text of a template file. Raise InputError with a line and column."""
    reader = HclExpressionParser(Scanner(text))
    try:
        parts = reader.lines(1 if text.startswith("\ufeff") else 0, len(text))
        return assemble(parts, 0, len(text))
    except HclSyntaxError as error:
        line, column = Lines(text).place(error.at)
        raise InputError(f"invalid template: {error.message}", line=line, column=column) from None


def parse_reference(text: str) -> ast.Expression | None:
    """Parse a reference that a string contains, such as ``module.a.b``; None if it is not an expression."""
    try:
        return HclExpressionParser(Scanner(text)).read_expression(0, len(text))
    except HclSyntaxError:
        return None
