"""Scan the tokens of HCL, and assemble the parts of a template into one expression.

The patterns of tokens, escapes and numbers are here too, and the syntax errors. Directives of templates are resolved,
and indentation is removed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import TypeAlias, cast

from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import describe_character

Matcher: TypeAlias = Callable[..., re.Match[str] | None]
TotalMatcher: TypeAlias = Callable[..., re.Match[str]]
MAX_DEPTH = 100
"""The nesting limit of expressions. A level needs up to seven calls of Python's thousand."""
MAX_BRACKETS = 150
"""The nesting limit of blocks, brackets and strings in a file, which is scanned without recursion."""
MAX_CHAIN = 500
"""The limit of consecutive operators and accesses, because code recurses over the tree."""
MAX_FAULTS = 100
"""The limit of reported faults for a file or a body."""
END = "\n\0"
"""A sentinel that ends any line comment, so that there is always a next character."""
IDENTIFIER = r"[^\W\d][\w-]*+"
LINE_COMMENT = r"(?:\#|//)[^\n]*+"
BLOCK_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
GAP = rf"(?:[ \t\r]++|{LINE_COMMENT}|{BLOCK_COMMENT})*+"
WIDE_GAP = rf"(?:[ \t\r\n]++|{LINE_COMMENT}|{BLOCK_COMMENT})*+"
# String content without quotes, interpolations and directives.
QUOTED = r"(?:[^\"\\\n$%]++|\\.|\$\$\{|%%\{|[$%](?!\{))*+"
# A string with interpolations that contain neither quotes nor braces.
_TEMPLATE = r"\"(?:[^\"\\\n$%]++|\\.|\$\$\{|%%\{|[$%]\{[^\"{}\n#/<]*+\}|[$%](?!\{))*+\""
_SIGNS = r"/(?![/*])|<(?!<)"


def _blocks(levels: int) -> str:
    """Return the pattern of code without comments and heredocs, with blocks nested up to ``levels``."""
    inner = rf"|\{{{_blocks(levels - 1)}\}}" if levels else ""
    return rf"(?:[^\"{{}}#/<]++|{_TEMPLATE}|{_SIGNS}{inner})*+"


def _brackets(levels: int, plain: str = r"[^\"{}()\[\]#/<]++") -> str:
    """Return the same pattern with paired brackets and parentheses."""
    inner = _brackets(levels - 1) if levels else ""
    pairs = rf"|\{{{inner}\}}|\[{inner}\]|\({inner}\)" if levels else ""
    return rf"(?:{plain}|{_TEMPLATE}|{_SIGNS}{pairs})*+"


def total_matcher(pattern: str, flags: int = 0) -> TotalMatcher:
    """Return the matcher of a pattern that also matches the empty string, so that there is always a match."""
    return cast("TotalMatcher", re.compile(pattern, flags).match)


BLOCKS = total_matcher(_blocks(3))
BRACKETS = total_matcher(_brackets(2))
LINE_PATTERN = _brackets(2, r"[^\"{}()\[\]#/<\n]++")
LINE = total_matcher(LINE_PATTERN)
gap = total_matcher(GAP)
wide_gap = total_matcher(WIDE_GAP)
quoted = total_matcher(QUOTED)
identifier: Matcher = regex(IDENTIFIER).match
heredoc_start: Matcher = regex(rf"<<(-?)({IDENTIFIER})[ \t]*+\r?\n").match
_ESCAPE = regex(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|([$%])\4\{")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_LONGEST_NUMBER = 400


class HclSyntaxError(Exception):
    """A syntax error at an offset. ``resume`` is the offset from which parsing may continue."""

    def __init__(self, message: str, at: int, resume: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.resume = at if resume is None else resume


_CONFLICT_MARKERS = ("<<<<<<< ", "=======\n", ">>>>>>> ")
_LONG_OPERATORS = ("==", "!=", "<=", ">=", "&&", "||", "=>")


def describe_token(text: str, at: int) -> str:
    """Name the kind of token at an offset of a text that ends with END. Words are not quoted: they may be secrets."""
    if at >= len(text) - len(END):
        return "the end of the file"
    mark = text[at]
    if text.startswith(_CONFLICT_MARKERS, at):
        return "a merge conflict marker"
    if text.startswith(_LONG_OPERATORS, at):
        return f"`{text[at : at + 2]}`"
    if mark == "'":
        return "`'` (strings have double quotes)"
    if mark in "\r\n":
        return "the end of the line"
    if mark == '"':
        return "a string"
    if mark.isalpha() or mark == "_":
        return "a name"
    if mark.isalnum():
        return "a number"
    return describe_character(mark)


def unexpected(text: str, at: int, expected: str) -> HclSyntaxError:
    """Return the error for an unexpected token."""
    if text.startswith("/*", at):
        return HclSyntaxError("this comment is not closed", at)
    return HclSyntaxError(f"expected {expected}, found {describe_token(text, at)}", min(at, len(text) - len(END)))


def unescape(text: str, at: int) -> str:
    """Return the content of a quoted string with its escapes resolved; ``at`` is its offset. Raise Unexpected."""
    if "\\" not in text:
        return text.replace("$${", "${").replace("%%{", "%{") if "{" in text else text

    def plain(match: re.Match[str]) -> str:
        mark = match[3]
        if mark is not None:
            if mark not in _ESCAPES:
                raise HclSyntaxError("this character cannot be escaped with a backslash", at + match.start())
            return _ESCAPES[mark]
        if match[4]:
            return match[4] + "{"
        code = int(match[1] or match[2], 16)
        if code > _LAST_CODE_POINT or code in _SURROGATES:
            raise HclSyntaxError("this escape is not a Unicode character", at + match.start())
        return chr(code)

    return _ESCAPE.sub(plain, text)


def number_of(text: str, at: int) -> int | float:
    """Return the value of a number at an offset. Raise Unexpected."""
    if len(text) > _LONGEST_NUMBER:
        raise HclSyntaxError("this number is too long", at)
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise HclSyntaxError("this number is too large", at)
    return int(number) if number.is_integer() else number


_CLOSING = {"{": "}", "[": "]", "(": ")"}
_hole: Matcher = regex(r"(?:[^$%]++|\$\$\{|%%\{|[$%](?!\{))*+[$%](?=\{)").match
_MARKER_LINE = regex(rf"^[ \t]*+({IDENTIFIER})[ \t]*+\r?$", re.MULTILINE)


class Scanner:
    """Scanner that handles any text in linear time. Methods raise Unexpected.

    ``comments`` and ``heredocs`` map the start of each one found to its end. ``pairs`` maps the brace of a block to its
    end, as far as known.
    """

    __slots__ = ("_close", "_in_heredoc", "_markers", "comments", "heredocs", "pairs", "text", "unterminated")

    def __init__(self, text: str) -> None:
        self.text = text + END
        self.comments: dict[int, int] = {}
        self.heredocs: dict[int, int] = {}
        self.pairs: dict[int, int] = {}
        self.unterminated: tuple[set[int], set[int]] = set(), set()
        """Brackets and quotes known to be unterminated: if all brackets are paired, and if only braces are."""
        self._markers: dict[str, tuple[list[int], list[int]]] | None = None
        self._in_heredoc = False
        self._close = 0, 0
        """The offset of the last search for the end of a block comment, and its result."""

    def block(self, at: int, end: int) -> int:
        """Return the offset after the brace that closes the one at ``at``. Unclosed strings end with their line."""
        block_end = self.pairs.get(at)
        return self._find_end(at, end, BLOCKS, True) if block_end is None else block_end

    def bracket(self, at: int, end: int) -> int:
        """Return the offset after the bracket or string that starts at ``at``."""
        return self._find_end(at, end, BRACKETS, False)

    def value(self, at: int, end: int) -> tuple[int, int]:
        """Return the end of the expression that starts at ``at``, and the start of the rest of its line."""
        text, last = self.text, at
        while True:
            stop = LINE(text, at, end).end()
            piece = text[at:stop].rstrip()
            if piece:
                last = at + len(piece)
            if stop >= end:
                return last, end
            mark = text[stop]
            if mark in '"{[(':
                at = last = self.bracket(stop, end)
            elif mark == "<":
                at = last = self.heredoc(stop, end)
            elif text.startswith("/*", stop):
                at = self.comment(stop, end)
            elif mark in ")]":
                raise unexpected(text, stop, "the end of the line")
            else:
                return last, stop

    def comment(self, at: int, end: int) -> int:
        """Return the offset after the comment that starts at ``at``."""
        text = self.text
        if text.startswith("/*", at):
            begin, close = self._close
            if at + 2 < begin or 0 <= close < at + 2:
                close = text.find("*/", at + 2)
                self._close = at + 2, close
            stop = close + 2
            if close < 0 or stop > end:
                raise HclSyntaxError("this comment is not closed", at)
        else:
            stop = text.find("\n", at, end)
            if stop < 0:
                stop = end
            if text[stop - 1] == "\r":
                stop -= 1
        self.comments[at] = stop
        return stop

    def heredoc(self, at: int, end: int) -> int:
        """Return the offset after the end marker of the heredoc at ``at``, or after ``<<`` if none starts there."""
        match = heredoc_start(self.text, at, end)
        if match is None:
            return at + 2
        marker = self.marker(match[2], match.end())
        if marker is None or marker[1] > end:
            raise HclSyntaxError("this heredoc is not closed", at)
        if at not in self.heredocs:
            self.heredocs[at] = marker[1]
            self._holes(match.end(), marker[0])
        return marker[1]

    def _holes(self, at: int, end: int) -> None:
        """Scan the interpolations of a heredoc for comments, one level deep."""
        if self._in_heredoc:
            return
        self._in_heredoc = True
        while match := _hole(self.text, at, end):
            try:
                at = self.bracket(match.end(), end)
            except HclSyntaxError:
                # Reported when the heredoc is parsed.
                break
        self._in_heredoc = False

    def marker(self, name: str, at: int) -> tuple[int, int] | None:
        """Return the start of the first line after ``at`` that contains only ``name``, and the end of the name."""
        if self._markers is None:
            self._markers = {}
            for match in _MARKER_LINE.finditer(self.text, 0, len(self.text) - len(END)):
                starts, ends = self._markers.setdefault(match[1], ([], []))
                starts.append(match.start())
                ends.append(match.end(1))
        starts, ends = self._markers.get(name, ([], []))
        index = bisect_left(starts, at)
        return (starts[index], ends[index]) if index < len(starts) else None

    def _find_end(self, at: int, end: int, code: TotalMatcher, lenient: bool) -> int:
        """Return the offset after the bracket or quote at ``at``; ``code`` matches plain code."""
        text, stack, unterminated = self.text, [at], self.unterminated[lenient]
        if at in unterminated:
            raise _unterminated_error(text, [at])
        at += 1
        while True:
            if text[stack[-1]] == '"':
                at = quoted(text, at, end).end()
                mark = text[at] if at < end else ""
                if mark == '"':
                    at += 1
                    stack.pop()
                    if not stack:
                        return at
                    continue
                opener = at + 1 if mark in {"$", "%"} else -1
            else:
                at = code(text, at, end).end()
                mark = text[at] if at < end else ""
                if mark and mark in "#/<":
                    at = self._skip(at, end, stack, unterminated)
                    continue
                if mark == _CLOSING[text[stack[-1]]]:
                    at += 1
                    opened = stack.pop()
                    if lenient:
                        self.pairs[opened] = at
                    if not stack:
                        return at
                    continue
                opener = at if mark and mark in '"{[(' and at not in unterminated else -1
            if opener >= 0 and len(stack) < MAX_BRACKETS:
                stack.append(opener)
                at = opener + 1
            elif opener >= 0:
                raise HclSyntaxError("the nesting is too deep", opener, opener)
            else:
                at = self._abandon(stack, at, end, lenient)

    def _skip(self, at: int, end: int, stack: list[int], dead: set[int]) -> int:
        """Return the offset after the comment or heredoc at ``at``, inside the brackets of ``stack``."""
        try:
            return self.heredoc(at, end) if self.text[at] == "<" else self.comment(at, end)
        except HclSyntaxError as error:
            dead.update(stack)
            error.resume = stack[0]
            raise

    def _abandon(self, stack: list[int], at: int, end: int, lenient: bool) -> int:
        """Mark the open brackets as unterminated; return the next line after the outermost string."""
        text, unterminated = self.text, self.unterminated[lenient]
        failed = [*stack, at] if text[at] == '"' else stack
        unterminated.update(failed)
        outer = next((index for index, opener in enumerate(failed) if text[opener] == '"'), 0)
        if not lenient or not outer:
            raise _unterminated_error(text, stack)
        line = text.find("\n", failed[outer], end)
        unterminated.difference_update(failed[:outer])
        del stack[outer:]
        return line if line >= 0 else end


def _unterminated_error(text: str, stack: list[int]) -> HclSyntaxError:
    quote = next((opener for opener in stack if text[opener] == '"'), None)
    if quote is not None:
        return HclSyntaxError("this string is not closed on its line", quote, stack[0])
    return HclSyntaxError(f"this `{text[stack[0]]}` is not closed", stack[0])


class TemplateLiteral:
    """Literal text, at most one line of it in a heredoc."""

    __slots__ = ("end", "start", "value")

    def __init__(self, start: int, end: int, value: str) -> None:
        self.start, self.end, self.value = start, end, value


class TemplateDirective:
    """``%{ kind ... }``; ``key`` and ``value`` are the variables of a loop."""

    __slots__ = ("end", "expression", "key", "kind", "start", "value")

    def __init__(self, kind: str, start: int) -> None:
        self.kind, self.start, self.end = kind, start, start
        self.key = self.value = ""
        self.expression: ast.Expression = ast.Literal(start, start, None)


Part: TypeAlias = TemplateLiteral | TemplateDirective | ast.Expression


def assemble(parts: list[Part], start: int, end: int) -> ast.Expression:
    """Return the expression of a template from ``start`` to ``end``. Raise Unexpected.

    A template that consists of one interpolation is that expression.
    """
    if len(parts) == 1 and not isinstance(parts[0], TemplateLiteral | TemplateDirective):
        return parts[0]
    levels = [_Section(TemplateDirective("", start))]
    for part in parts:
        level = levels[-1]
        if isinstance(part, TemplateLiteral):
            level.pieces.append(part)
        elif not isinstance(part, TemplateDirective):
            level.add(part)
            level.holes += 1
        elif part.kind in {"if", "for"}:
            if len(levels) > MAX_DEPTH:
                raise HclSyntaxError("the nesting is too deep", part.start)
            levels.append(_Section(part))
        elif part.kind == "else" and level.begins("if") and level.yes is None:
            level.begin_else(part)
        elif part.kind != "else" and level.begins(part.kind.removeprefix("end")):
            levels.pop()
            levels[-1].add(level.close(part))
        else:
            raise HclSyntaxError(f"unexpected `{part.kind}`", part.start)
    level = levels[-1]
    if len(levels) > 1:
        raise HclSyntaxError(f"`{level.directive.kind}` is not closed", level.directive.start)
    return level.expression(start, end)


class _Section:
    """The parsed parts of a template, or of the section between two directives."""

    __slots__ = ("directive", "holes", "items", "pieces", "yes")

    def __init__(self, directive: TemplateDirective) -> None:
        self.directive = directive
        self.items: list[ast.Expression] = []
        self.pieces: list[TemplateLiteral] = []
        self.holes = 0
        self.yes: ast.Expression | None = None

    def begins(self, kind: str) -> bool:
        """Return whether this section began with a directive of this kind."""
        return self.directive.kind == kind

    def add(self, item: ast.Expression) -> None:
        self.merge_pieces()
        self.items.append(item)

    def merge_pieces(self) -> None:
        """Merge the literal text since the last expression into one literal."""
        if self.pieces:
            value = "".join([piece.value for piece in self.pieces])
            if value:
                self.items.append(ast.Literal(self.pieces[0].start, self.pieces[-1].end, value))
            self.pieces = []

    def expression(self, start: int, end: int) -> ast.Expression:
        self.merge_pieces()
        items = self.items
        if not items:
            return ast.Literal(start, end, "")
        if len(items) > 1 or self.holes:
            return ast.Template(start, end, tuple(items))
        only = items[0]
        return ast.Literal(start, end, only.value) if isinstance(only, ast.Literal) else only

    def begin_else(self, part: TemplateDirective) -> None:
        self.yes = self.expression(self.directive.end, part.start)
        self.directive.end = part.end
        self.items, self.holes = [], 0

    def close(self, part: TemplateDirective) -> ast.Expression:
        """Return the expression of the section that ``part`` ends."""
        directive = self.directive
        rest = self.expression(directive.end, part.start)
        start, end = directive.start, part.end
        if directive.kind == "if":
            yes, no = (rest, ast.Literal(part.start, part.start, "")) if self.yes is None else (self.yes, rest)
            return ast.Conditional(start, end, directive.expression, yes, no)
        comprehension = ast.Comprehension(start, end, directive.key, directive.value, directive.expression, rest)
        return ast.Call(start, end, "join", (ast.Literal(start, start, ""), comprehension))


def remove_indentation(parts: list[Part]) -> None:
    """Remove the indentation of a ``<<-`` heredoc: the smallest number of leading blanks of its lines.

    As in HCL, lines are compared as written: values of expressions and trim marks do not matter, and a line that begins
    with an expression has no leading blanks.
    """
    indented: list[TemplateLiteral] = []
    indentation: int | None = None
    begins = True
    for part in parts:
        piece = part if isinstance(part, TemplateLiteral) else None
        if begins:
            blanks = 0
            if piece is not None:
                blanks = len(piece.value) - len(piece.value.lstrip())
            if piece is None or blanks < len(piece.value) or not piece.value.endswith("\n"):
                indentation = blanks if indentation is None else min(indentation, blanks)
                if piece is not None:
                    indented.append(piece)
        begins = piece is not None and piece.value.endswith("\n")
    for piece in indented:
        piece.value = piece.value[indentation:]
