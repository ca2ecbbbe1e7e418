"""Texts in Bicep: plain ones, ones of several lines, and expressions in both."""

from __future__ import annotations

import re
from typing import cast

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.tokens import MAX_CHAIN, MAX_DEPTH, Matcher, Text, Unexpected
from azkvlint.util.lazy_regex import regex

_PLAIN: Matcher = regex(r"(?:[^'\\\r\n$]++|\\(?:[nrt'\\$]|u\{[0-9A-Fa-f]++\})|\$(?!\{))*+").match
_ESCAPE = regex(r"\\(?:u\{0*+([0-9A-Fa-f]*+)\}|(.))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_BLOCK: Matcher = regex(r"(\$*+)'''(?:\r?\n|\r)?").match
_BLOCK_END = r"(?P<end>'''(?!'))"
_SURROGATE = regex("[\ud800-\udfff]")
_LAST_CODE_POINT = 0x10FFFF
_HEX_DIGITS = 6


class Strings(Text):
    """Reads texts."""

    __slots__ = ()

    def expression(self) -> ast.Expression:
        """Reads an expression."""
        raise NotImplementedError

    def string(self) -> ast.Literal | ast.Template:
        """Reads a text of any kind."""
        block = _BLOCK(self.text, self.at)
        if block is not None:
            return self._block(len(block[1]), block.end())
        start = at = self.at
        if self.text[at] != "'":
            raise self.unexpected("a text")
        at += 1
        parts: list[ast.Expression] = []
        plain = True
        while True:
            match = cast("re.Match[str]", _PLAIN(self.text, at))  # it matches nothing, too
            end = match.end()
            if end > at:
                parts.append(ast.Literal(at, end, self._unescape(match[0], at)))
            mark = self.text[end]
            if mark == "'":
                self.at = end + 1
                return self._whole(start, parts, plain)
            if mark == "\\":
                raise Unexpected(r"expected \n, \r, \t, \\, \', \$ or \u{...} for a special character", end)
            if mark != "$":
                raise Unexpected("this text does not end on its line", start)
            plain = False
            at = self._hole(end + 2, parts)

    def _block(self, dollars: int, at: int) -> ast.Literal | ast.Template:
        """Reads a text of several lines that starts at ``at``, with expressions behind that many ``$``."""
        start, plain = self.at, True
        if dollars > MAX_DEPTH:
            raise Unexpected("too many '$' before this text", start)
        stops = re.compile((r"\$" * dollars + r"\{|" if dollars else "") + _BLOCK_END)
        parts: list[ast.Expression] = []
        while True:
            match = stops.search(self.text, at)
            if match is None:
                raise Unexpected("this text does not end", start)
            if match.start() > at:
                parts.append(ast.Literal(at, match.start(), self.text[at : match.start()]))
            if match["end"]:
                self.at = self.texts[start + dollars] = match.end()
                return self._whole(start, parts, plain)
            plain = False
            at = self._hole(match.end(), parts)

    def _hole(self, at: int, parts: list[ast.Expression]) -> int:
        """Reads the expression within a text that starts at ``at``; where the text goes on."""
        self.at = at
        if len(parts) > 2 * MAX_CHAIN:
            raise Unexpected("too many expressions in one text", at)
        wrap, self.wrap = self.wrap, True
        self.descend()
        self.skip()
        parts.append(self.expression())
        if self.skip() != "}":
            raise self.unexpected("'}'")
        self.depth -= 1
        self.wrap = wrap
        return self.at + 1

    def _whole(self, start: int, parts: list[ast.Expression], plain: bool) -> ast.Literal | ast.Template:
        """The text that ends here, of its parts; a ``plain`` one has no expression in it, so no more than one part."""
        if not plain:
            self.texts[start] = self.at
            return ast.Template(start, self.at, tuple(parts))
        first = parts[0] if parts else None
        return ast.Literal(start, self.at, first.value if isinstance(first, ast.Literal) else "")

    def _unescape(self, text: str, at: int) -> str:
        """What a text means in which characters may be escaped; it stands at ``at``."""
        if "\\" not in text:
            return text

        def plain(match: re.Match[str]) -> str:
            digits, mark = match[1], match[2]
            if mark is not None:
                return _ESCAPES.get(mark, mark)
            code = int(digits or "0", 16) if len(digits) <= _HEX_DIGITS else _LAST_CODE_POINT + 1
            if code > _LAST_CODE_POINT:
                raise Unexpected("there is no character of this number", at + match.start())
            return chr(code)

        found = _ESCAPE.sub(plain, text)
        if _SURROGATE.search(found):
            # Two halves of a character, as UTF-16 spells it; a half alone is no text.
            found = found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return found
