"""Parse Bicep expressions: strings, collections, operators, accesses, calls and lambdas."""

from __future__ import annotations

import re
from typing import cast

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.tokens import GAP, MAX_CHAIN, MAX_DEPTH, WIDE_GAP, WORD, BicepSyntaxError, Matcher, Text
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import SURROGATE

_PLAIN: Matcher = regex(r"(?:[^'\\\r\n$]++|\\(?:[nrt'\\$]|u\{[0-9A-Fa-f]++\})|\$(?!\{))*+").match
_ESCAPE = regex(r"\\(?:u\{0*+([0-9A-Fa-f]*+)\}|(.))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_BLOCK: Matcher = regex(r"(\$*+)'''(?:\r?\n|\r)?").match
_BLOCK_END = r"(?P<end>'''(?!'))"
_LAST_CODE_POINT = 0x10FFFF
_HEX_DIGITS = 6


class BicepStringParser(Text):
    """Parser for strings."""

    __slots__ = ()

    def expression(self) -> ast.Expression:
        """Parse an expression."""
        raise NotImplementedError

    def string(self) -> ast.Literal | ast.Template:
        """Parse a string of any kind."""
        block = _BLOCK(self.text, self.at)
        if block is not None:
            return self._block(len(block[1]), block.end())
        start = at = self.at
        if self.text[at] != "'":
            raise self.unexpected("a string")
        at += 1
        parts: list[ast.Expression] = []
        plain = True
        while True:
            match = cast("re.Match[str]", _PLAIN(self.text, at))  # the pattern also matches the empty string
            end = match.end()
            if end > at:
                parts.append(ast.Literal(at, end, self._unescape(match[0], at)))
            mark = self.text[end]
            if mark == "'":
                self.at = end + 1
                return self._join_parts(start, parts, plain)
            if mark == "\\":
                raise BicepSyntaxError(
                    r"expected one of the escapes `\n`, `\r`, `\t`, `\\`, `\'`, `\$` or `\u{...}`", end
                )
            if mark != "$":
                raise BicepSyntaxError("this string is not closed on its line", start)
            plain = False
            at = self._hole(end + 2, parts)

    def _block(self, dollars: int, at: int) -> ast.Literal | ast.Template:
        """Parse a multi-line string whose content starts at ``at``, with that many ``$`` before an interpolation."""
        start, plain = self.at, True
        if dollars > MAX_DEPTH:
            raise BicepSyntaxError("too many `$` before this string", start)
        stops = re.compile((r"\$" * dollars + r"\{|" if dollars else "") + _BLOCK_END)
        parts: list[ast.Expression] = []
        while True:
            match = stops.search(self.text, at)
            if match is None:
                raise BicepSyntaxError("this string is not closed", start)
            if match.start() > at:
                parts.append(ast.Literal(at, match.start(), self.text[at : match.start()]))
            if match["end"]:
                self.at = self.texts[start + dollars] = match.end()
                return self._join_parts(start, parts, plain)
            plain = False
            at = self._hole(match.end(), parts)

    def _hole(self, at: int, parts: list[ast.Expression]) -> int:
        """Parse the interpolated expression that starts at ``at``; return the offset after it."""
        self.at = at
        if len(parts) > 2 * MAX_CHAIN:
            raise BicepSyntaxError("too many expressions in one string", at)
        wrap, self.wrap = self.wrap, True
        self.descend()
        self.skip()
        parts.append(self.expression())
        if self.skip() != "}":
            raise self.unexpected("`}`")
        self.depth -= 1
        self.wrap = wrap
        return self.at + 1

    def _join_parts(self, start: int, parts: list[ast.Expression], plain: bool) -> ast.Literal | ast.Template:
        """Return the string that ends here from its parts; a ``plain`` one has at most one part."""
        if not plain:
            self.texts[start] = self.at
            return ast.Template(start, self.at, tuple(parts))
        first = parts[0] if parts else None
        return ast.Literal(start, self.at, first.value if isinstance(first, ast.Literal) else "")

    def _unescape(self, text: str, at: int) -> str:
        """Return a string with its escapes resolved; ``at`` is its offset."""
        if "\\" not in text:
            return text

        def plain(match: re.Match[str]) -> str:
            digits, mark = match[1], match[2]
            if mark is not None:
                return _ESCAPES.get(mark, mark)
            code = int(digits or "0", 16) if len(digits) <= _HEX_DIGITS else _LAST_CODE_POINT + 1
            if code > _LAST_CODE_POINT:
                raise BicepSyntaxError("this escape is not a Unicode character", at + match.start())
            return chr(code)

        unescaped = _ESCAPE.sub(plain, text)
        if SURROGATE.search(unescaped):
            # UTF-16 surrogate pairs become one character; a lone surrogate is not valid.
            unescaped = unescaped.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return unescaped


def _item_end(closing: str) -> str:
    """Return a pattern for the end of an item, and for the closing token if it comes next.

    A condition may continue with "?" on a later line, even after a comment: then the pattern does not match, and the
    item is parsed by the general method.
    """
    return rf"[ \t]*+(?:[\r\n][ \t\r\n]*+(?![?/#])|,[ \t]*+|(?={closing}))(?:{closing})?+"


def _simple_value(closing: str) -> str:
    """Return a pattern for a simple value with the end of its item, or for the start of a collection."""
    plain = rf"'([^'\\\r\n$]*+)'|({WORD})|({WORD}(?:\.{WORD})++)|([0-9]{{1,18}}+)|(\[\]|\{{\}})"
    return rf"(?:(?:{plain}){_item_end(closing)}|([\[{{])[ \t\r\n]*+)"


_BRACE, _BRACKET = r"\}", r"\]"
_MEMBER: Matcher = regex(rf"(?:({WORD})|'([^'\\\r\n$]++)')[ \t]*+:[ \t]*+{_simple_value(_BRACE)}").match
_ITEM: Matcher = regex(rf"()(){_simple_value(_BRACKET)}").match  # with the group numbers of _MEMBER
_MEMBER_END: Matcher = regex(_item_end(_BRACE)).match
_ITEM_END: Matcher = regex(_item_end(_BRACKET)).match
_TEXT, _NAME, _PATH, _NUMBER, _EMPTY, _LIST = range(3, 9)

_FOR: Matcher = regex(r"for(?![A-Za-z0-9_])").match
_RESOURCE: Matcher = regex(rf"resource(?![A-Za-z0-9_]){GAP}(?=[A-Za-z_])").match
CONSTANTS = {"true": True, "false": False, "null": None}


class BicepCollectionParser(BicepStringParser):
    """Parser for objects and arrays."""

    __slots__ = ()

    def more(self, start: int, operand: ast.Expression) -> ast.Expression:
        """Parse the rest of an expression after its first operand; the expression begins at ``start``."""
        raise NotImplementedError

    def decorators(self) -> tuple[ast.Expression, ...]:
        """Parse decorators and the gap after them."""
        raise NotImplementedError

    def resource(self, decorators: tuple[ast.Expression, ...]) -> ast.ResourceDeclaration:
        """Parse a resource, starting at its keyword."""
        raise NotImplementedError

    def loop(self, start: int) -> ast.For:
        """Parse a loop, starting at its keyword; its bracket is at ``start``."""
        raise NotImplementedError

    def object(self) -> ast.Object:
        """Parse an object."""
        start = self.at
        if self.text[start] != "{":
            raise self.unexpected("`{`")
        return self._object(start, start + 1)

    def array(self) -> ast.Array | ast.For:
        """Parse an array or a loop; the next token is known to be a bracket."""
        return self._array(self.at, self.at + 1)

    def _object(self, start: int, at: int) -> ast.Object:
        """Parse an object that begins at ``start``; ``at`` is the offset of its first member."""
        text = self.text
        members: list[ast.Property | ast.Spread] = []
        resources: list[ast.ResourceDeclaration] = []
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
                if at == self.at:  # not merely a comment
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
                value = _simple_node(match)
                members.append(ast.Property(at, value.end, match[1] or match[2], value))
            at = match.end()
            if text[at - 1] == "}":
                break
        self.at = at
        self.depth -= 1
        self.wrap = wrap
        if len(members) > 1:
            self._note_repeated(members)
        return ast.Object(start, at, tuple(members), tuple(resources))

    def _note_repeated(self, members: list[ast.Property | ast.Spread]) -> None:
        """Record the properties whose names occur before in an object. Case matters to Bicep (BCP025)."""
        names = [one.key for one in members if type(one) is ast.Property and type(one.key) is str]
        if len(set(names)) == len(names):
            return
        seen: set[object] = set()
        for one in members:
            if isinstance(one, ast.Property) and isinstance(one.key, str):
                if one.key in seen:
                    self.repeated.add(one.start)
                seen.add(one.key)

    def _member(self, members: list[ast.Property | ast.Spread], resources: list[ast.ResourceDeclaration]) -> None:
        """Parse a member of an object by the general method, and the end of the member."""
        start = self.at
        if self.text.startswith("...", start):
            members.append(self._spread())
        elif self.text[start] == "@" or _RESOURCE(self.text, start):
            decorators = self.decorators()
            if not _RESOURCE(self.text, self.at):
                self.at = start
                raise self.unexpected("a resource after decorators in an object")
            resources.append(self.resource(decorators))
        else:
            key: str | ast.Template
            if self.text[start] in "'$":
                name = self.string()
                key = name if isinstance(name, ast.Template) else str(name.value)
            else:
                key = self.word("a property name or `}`")
            self.expect(":")
            self.skip()
            value = self.expression()
            members.append(ast.Property(start, self.at, key, value))
        self.separate("}")

    def _array(self, start: int, at: int) -> ast.Array | ast.For:
        """Parse an array or loop that begins at ``start``; ``at`` is the offset of its first item."""
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
                items.append(_simple_node(match))
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
        """Parse the collection whose opening bracket was matched."""
        start, at = match.start(_LIST), match.end()
        return self._object(start, at) if self.text[start] == "{" else self._array(start, at)


def _simple_node(match: re.Match[str]) -> ast.Expression:
    """Return the node of a simple value that was matched completely."""
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


# Operator precedence: higher binds tighter.
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
# The "?" and ":" of a condition may be on a later line, other operators only inside parentheses.
_OPERATOR: Matcher = regex(rf"{GAP}{_BINARY}|{WIDE_GAP}\?(?!\?)").match
_WRAPPED_OPERATOR: Matcher = regex(rf"{WIDE_GAP}(?:{_BINARY}|\?(?!\?))").match
_OPERAND: Matcher = regex(rf"({WORD})([ \t]*+(?:(\()|=>))?|'([^'\\\r\n$]*+)'(?!')|([0-9]++)").match
_OPERAND_WORD, _OPERAND_TEXT, _OPERAND_NUMBER = 1, 4, 5
_ACCESS: Matcher = regex(
    rf"[ \t]*+(?:\.[ \t]*+(?P<safe>\?)?[ \t]*+(?P<member>{WORD})(?P<call>[ \t]*+\()?"
    rf"|(?P<item>\[)[ \t]*+(?P<safely>\?)?[ \t]*+(?P<last>\^)?|::[ \t]*+(?P<nested>{WORD})|!(?![=~]))"
).match
_ARROW: Matcher = regex(rf"{GAP}=>").match
_MAX_NUMBER = 2**64 - 1
_MAX_DIGITS = 1000


class BicepExpressionParser(BicepCollectionParser):
    """Parser for expressions."""

    __slots__ = ()

    def expression(self) -> ast.Expression:
        """Parse an expression."""
        start = self.at
        return self.more(start, self.operand())

    def more(self, start: int, operand: ast.Expression) -> ast.Expression:
        """Parse the rest of an expression after its first operand; the expression begins at ``start``."""
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
            choices.append((start, condition, self._first_branch(match.end())))
            if len(choices) > MAX_CHAIN:
                raise BicepSyntaxError("too many nested conditional expressions", start)
            start = self.at
            operand = self.operand()
            operand = self.accesses(start, operand)
            match = find(self.text, self.at)
        node = condition
        for start, condition, yes in reversed(choices):
            node = ast.Conditional(start, self.at, condition, yes, node)
        return node

    def _first_branch(self, at: int) -> ast.Expression:
        """Parse the first branch of a condition, which begins at ``at``, and skip to the second."""
        self.at = at
        self.skip_to_operand()
        self.descend()
        branch = self.expression()
        self.depth -= 1
        if self.skip_lines() != ":":
            raise self.unexpected("`:`")
        self.at += 1
        self.skip_to_operand()
        return branch

    def _binary(
        self, start: int, left: ast.Expression, match: re.Match[str] | None
    ) -> tuple[ast.Expression, re.Match[str] | None]:
        """Parse operands while binary operators follow; return the result and the match of a condition's "?"."""
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
                raise BicepSyntaxError("too many operators in one expression", match.start(1))
            stack.append((level, operator, start, left))
            self.at = match.end()
            self.skip_to_operand()
            start = self.at
            left = self.accesses(start, self.operand())
            match = find(self.text, self.at)

    def operand(self) -> ast.Expression:
        """Parse an operand without its accesses."""
        text, start = self.text, self.at
        match = _OPERAND(text, start)
        if match is None:
            return self._other(start)
        self.at = end = match.end()
        kind = match.lastindex
        if kind == _OPERAND_TEXT:
            return ast.Literal(start, end, match[_OPERAND_TEXT])
        if kind == _OPERAND_NUMBER:
            number = match[_OPERAND_NUMBER]
            if len(number) > _MAX_DIGITS or int(number) > _MAX_NUMBER:
                raise BicepSyntaxError("this number is too large", start)
            return ast.Literal(start, end, int(number))
        word = match[_OPERAND_WORD]
        if match[3]:
            arguments = self._arguments()
            return ast.Call(start, self.at, word, arguments)
        if match[2]:
            return self._lambda(start, (word,))
        if word in CONSTANTS:
            return ast.Literal(start, end, CONSTANTS[word])
        return ast.Name(start, end, word)

    def _other(self, start: int) -> ast.Expression:
        """Parse an operand that begins with punctuation."""
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
        """Parse unary operators and their operand."""
        signs: list[tuple[int, str]] = []
        while self.text[self.at] in "!-+":
            signs.append((self.at, self.text[self.at]))
            self.at += 1
            self.skip()
        if len(signs) > MAX_CHAIN:
            raise BicepSyntaxError("too many operators in one expression", signs[0][0])
        node = self.accesses(self.at, self.operand())
        for start, sign in reversed(signs):
            node = ast.Unary(start, self.at, sign, node)
        return node

    def _parenthesis(self, start: int) -> ast.Expression:
        """Parse an expression in parentheses, or a lambda with its parameters in parentheses."""
        self.at += 1
        items = self._arguments()
        match = _ARROW(self.text, self.at)
        if match is not None:
            names = tuple(item.name for item in items if isinstance(item, ast.Name))
            if len(names) != len(items):
                raise BicepSyntaxError("expected only names before `=>`", start)
            self.at = match.end()
            return self._lambda(start, names)
        if len(items) != 1:
            raise BicepSyntaxError("expected one expression in these parentheses", start)
        return items[0]

    def _lambda(self, start: int, names: tuple[str, ...]) -> ast.Lambda:
        self.skip_to_operand()
        self.descend()
        body = self.expression()
        self.depth -= 1
        return ast.Lambda(start, self.at, names, body)

    def _arguments(self) -> tuple[ast.Expression, ...]:
        """Parse a list of arguments, from after the opening parenthesis to after the closing one."""
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
                raise self.unexpected("`,` or `)`")
        self.at += 1
        self.depth -= 1
        self.wrap = wrap
        return tuple(items)

    def accesses(self, start: int, of: ast.Expression) -> ast.Expression:
        """Parse the accesses and method calls on an operand that begins at ``start``."""
        text = self.text
        count = 0
        while (match := _ACCESS(text, self.at)) is not None:
            self.at = match.end()
            count += 1
            if count > MAX_CHAIN:
                raise BicepSyntaxError("too many accesses in one expression", match.start())
            if match["call"]:
                if match["safe"]:
                    raise BicepSyntaxError("a function cannot be called with `.?`", match.start("safe"))
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
        wrap, self.wrap = self.wrap, True
        self.descend()
        self.skip()
        index = self.expression()
        if self.skip() != "]":
            raise self.unexpected("`]`")
        self.at += 1
        self.depth -= 1
        self.wrap = wrap
        return index
