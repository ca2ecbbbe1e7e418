"""Texts in Terraform's language: quoted ones, heredocs, and whole files; expressions and directives in them."""

from __future__ import annotations

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.cursor import Reading
from azkvlint.syntax.hcl.templates import Directive, Part, Piece, assemble, flush
from azkvlint.syntax.hcl.tokens import Unexpected, heredoc_start, identifier, quoted, sure, unescape
from azkvlint.util.lazy_regex import regex

_LINE = sure(r"(?:[^$%\n]++|\$\$\{|%%\{|[$%](?!\{))*+\n?")
_ESCAPED = regex(r"([$%])\1\{")
_DIRECTIVES = frozenset(("if", "else", "endif", "for", "endfor"))


class Strings(Reading):
    """Reads texts. ``trim`` says whether the part read last trims the blanks behind it."""

    __slots__ = ("trim",)

    def string(self) -> ast.Expression:
        """Reads a quoted text."""
        text, start = self.text, self.at
        match = quoted(text, start + 1)
        end = match.end()
        if text[end] == '"':
            self.at = end + 1
            inside = match[0]
            return ast.Literal(start, end + 1, unescape(inside, start + 1) if _unplain(inside) else inside)
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
                raise Unexpected("this text does not end on its line", start)
            at = self.hole(end, parts, links)

    def heredoc(self) -> ast.Expression:
        """Reads a heredoc."""
        start = self.at
        match = heredoc_start(self.text, start)
        if match is None:
            raise self.unexpected("an expression")
        marker = self.scanner.marker(match[2], match.end())
        if marker is None:
            raise Unexpected("this heredoc does not end", start)
        parts = self.lines(match.end(), marker[0])
        if match[1]:
            flush(parts)
        self.at = marker[1]
        return assemble(parts, start, marker[1])

    def lines(self, at: int, end: int) -> list[Part]:
        """Reads what stands from ``at`` to ``end``, and is not quoted: a piece for each line."""
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
                    raise Unexpected("an expression goes on behind the text that it stands in", end)
        return parts

    def hole(self, start: int, parts: list[Part], links: int) -> int:
        """Reads the expression or directive that starts at ``start``; the offset behind it.

        ``links`` are those around the text that it stands in.
        """
        text = self.text
        self.at = start + 2
        if text[self.at] == "~":
            self.at += 1
            if parts and isinstance(parts[-1], Piece):
                parts[-1].value = parts[-1].value.rstrip()
        self.descend()
        most, self.links = self.links, links
        part: Part = self.expression(True) if text[start] == "$" else self.directive(start)
        self.links = max(most, self.links)
        self.depth -= 1
        mark = self.skip(True)
        trim = mark == "~"
        if trim:
            self.at += 1
        self.take("}", True)
        if isinstance(part, Directive):
            part.end = self.at
        parts.append(part)
        self.trim = trim
        return self.at

    def piece(self, start: int, end: int, value: str) -> Piece:
        """A stretch of plain text; its blanks in front are trimmed if the part before it says so."""
        if self.trim:
            self.trim = False
            value = value.lstrip()
        return Piece(start, end, value)

    def directive(self, start: int) -> Directive:
        """Reads a directive from its keyword to its last expression."""
        self.skip(True)
        match = identifier(self.text, self.at)
        if match is None or match[0] not in _DIRECTIVES:
            raise self.unexpected("if, else, endif, for or endfor")
        self.at = match.end()
        found = Directive(match[0], start)
        if found.kind == "if":
            found.expression = self.expression(True)
        elif found.kind == "for":
            found.value = self.name()
            if self.skip(True) == ",":
                self.at += 1
                found.key, found.value = found.value, self.name()
            self.keyword("in", "'in'")
            found.expression = self.expression(True)
        return found

    def name(self) -> str:
        """Reads a name, and blanks before it."""
        self.skip(True)
        match = identifier(self.text, self.at)
        if match is None:
            raise self.unexpected("a name")
        self.at = match.end()
        return match[0]

    def keyword(self, word: str, expected: str) -> None:
        """Read a keyword, and blanks before it."""
        self.skip(True)
        match = identifier(self.text, self.at)
        if match is None or match[0] != word:
            raise self.unexpected(expected)
        self.at = match.end()


def _unplain(text: str) -> bool:
    return "\\" in text or "{" in text
