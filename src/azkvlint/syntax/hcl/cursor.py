"""How far an expression has been read, and how deep in it that is."""

from __future__ import annotations

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.scanner import Scanner
from azkvlint.syntax.hcl.tokens import MAX_CHAIN, MAX_DEPTH, Unexpected, gap, unexpected, wide_gap

_GAPS = frozenset(" \t\r\n#/")


class Reading:
    """A text that is read from front to back; ``at`` is how far. Methods raise Unexpected.

    A method that reads something begins where it stands, and ends right behind it. ``wrap`` says whether the end of a
    line is but a blank there. ``last``: where the expression ends that was read last, without the blanks behind it.
    ``links``: how many operators and accesses may stand above one another in the tree of what has been read.
    """

    __slots__ = ("at", "depth", "last", "links", "scanner", "text")

    def __init__(self, scanner: Scanner) -> None:
        self.scanner, self.text = scanner, scanner.text
        self.at = self.depth = self.last = self.links = 0

    def expression(self, wrap: bool) -> ast.Expression:
        """Reads an expression, and the blanks around it."""
        raise NotImplementedError

    def skip(self, wrap: bool) -> str:
        """Goes to what stands next; its first character."""
        at = self.at
        mark = self.text[at]
        if mark in _GAPS:
            self.at = at = (wide_gap if wrap else gap)(self.text, at).end()
            mark = self.text[at]
        return mark

    def take(self, mark: str, wrap: bool) -> None:
        """Reads a mark, and blanks before it."""
        self.skip(wrap)
        if not self.text.startswith(mark, self.at):
            raise self.unexpected(f"'{mark}'")
        self.at += len(mark)

    def unexpected(self, expected: str) -> Unexpected:
        """What is wrong with what stands here."""
        return unexpected(self.text, self.at, expected)

    def descend(self) -> None:
        """Goes a level deeper; who calls it lowers ``depth`` afterwards."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unexpected("nested too deep", self.at)

    def link(self, count: int = 1) -> None:
        """Counts operators and accesses."""
        self.links += count
        if self.links > MAX_CHAIN:
            raise Unexpected("too many operators and accesses in one expression", self.at)
