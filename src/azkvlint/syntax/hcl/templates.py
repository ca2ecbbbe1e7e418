"""The parts of a text -> the one expression that they make: directives are resolved, and indentation is taken off."""

from __future__ import annotations

from typing import TypeAlias

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.tokens import MAX_DEPTH, Unexpected


class Piece:
    """A stretch of plain text, no more than a line of it in a heredoc."""

    __slots__ = ("end", "start", "value")

    def __init__(self, start: int, end: int, value: str) -> None:
        self.start, self.end, self.value = start, end, value


class Directive:
    """``%{ kind ... }``; ``key`` and ``value`` are the variables of a loop."""

    __slots__ = ("end", "expression", "key", "kind", "start", "value")

    def __init__(self, kind: str, start: int) -> None:
        self.kind, self.start, self.end = kind, start, start
        self.key = self.value = ""
        self.expression: ast.Expression = ast.Literal(start, start, None)


Part: TypeAlias = Piece | Directive | ast.Expression


def assemble(parts: list[Part], start: int, end: int) -> ast.Expression:
    """Return the expression that a text from ``start`` to ``end`` stands for. Raises Unexpected.

    A text that is nothing but one expression is that expression.
    """
    if len(parts) == 1 and not isinstance(parts[0], Piece | Directive):
        return parts[0]
    levels = [_Section(Directive("", start))]
    for part in parts:
        level = levels[-1]
        if isinstance(part, Piece):
            level.pieces.append(part)
        elif not isinstance(part, Directive):
            level.add(part)
            level.holes += 1
        elif part.kind in {"if", "for"}:
            if len(levels) > MAX_DEPTH:
                raise Unexpected("nested too deep", part.start)
            levels.append(_Section(part))
        elif part.kind == "else" and level.begins("if") and level.yes is None:
            level.begin_else(part)
        elif part.kind != "else" and level.begins(part.kind.removeprefix("end")):
            levels.pop()
            levels[-1].add(level.close(part))
        else:
            raise Unexpected(f"there is nothing that this '{part.kind}' belongs to", part.start)
    level = levels[-1]
    if len(levels) > 1:
        raise Unexpected(f"this '{level.directive.kind}' has no end", level.directive.start)
    return level.expression(start, end)


class _Section:
    """What has been read of a text, or of the text between two directives."""

    __slots__ = ("directive", "holes", "items", "pieces", "yes")

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.items: list[ast.Expression] = []
        self.pieces: list[Piece] = []
        self.holes = 0
        self.yes: ast.Expression | None = None

    def begins(self, kind: str) -> bool:
        """Return whether it is a directive of this kind that this belongs to."""
        return self.directive.kind == kind

    def add(self, item: ast.Expression) -> None:
        """Add what is no plain text."""
        self.merge_pieces()
        self.items.append(item)

    def merge_pieces(self) -> None:
        """Make one literal of all the plain text since the last item."""
        if self.pieces:
            value = "".join([piece.value for piece in self.pieces])
            if value:
                self.items.append(ast.Literal(self.pieces[0].start, self.pieces[-1].end, value))
            self.pieces = []

    def expression(self, start: int, end: int) -> ast.Expression:
        """Return all that has been read, as one text."""
        self.merge_pieces()
        items = self.items
        if not items:
            return ast.Literal(start, end, "")
        if len(items) > 1 or self.holes:
            return ast.Template(start, end, tuple(items))
        only = items[0]
        return ast.Literal(start, end, only.value) if isinstance(only, ast.Literal) else only

    def begin_else(self, part: Directive) -> None:
        """Begin the text that counts if the condition does not hold."""
        self.yes = self.expression(self.directive.end, part.start)
        self.directive.end = part.end
        self.items, self.holes = [], 0

    def close(self, part: Directive) -> ast.Expression:
        """Return the expression for all from the directive to ``part``, which ends it."""
        directive = self.directive
        rest = self.expression(directive.end, part.start)
        start, end = directive.start, part.end
        if directive.kind == "if":
            yes, no = (rest, ast.Literal(part.start, part.start, "")) if self.yes is None else (self.yes, rest)
            return ast.Conditional(start, end, directive.expression, yes, no)
        each = ast.Comprehension(start, end, directive.key, directive.value, directive.expression, rest)
        return ast.Call(start, end, "join", (ast.Literal(start, start, ""), each))


def remove_indentation(parts: list[Part]) -> None:
    """Take off the indentation of a ``<<-`` heredoc: as many blanks from each line as all lines begin with.

    This is what HCL does, line by line as written: what an expression amounts to, and what is trimmed, has no part in
    it, but an expression at the beginning of a line has no blanks before it.
    """
    indented: list[Piece] = []
    least: int | None = None
    begins = True
    for part in parts:
        piece = part if isinstance(part, Piece) else None
        if begins:
            blanks = 0
            if piece is not None:
                blanks = len(piece.value) - len(piece.value.lstrip())
            if piece is None or blanks < len(piece.value) or not piece.value.endswith("\n"):
                least = blanks if least is None else min(least, blanks)
                if piece is not None:
                    indented.append(piece)
        begins = piece is not None and piece.value.endswith("\n")
    for piece in indented:
        piece.value = piece.value[least:]
