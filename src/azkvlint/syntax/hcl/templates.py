"""Assemble the parts of a template into one expression: resolve directives and remove indentation."""

from __future__ import annotations

from typing import TypeAlias

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.tokens import MAX_DEPTH, Unexpected


class Piece:
    """Literal text, at most one line of it in a heredoc."""

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
    """Return the expression of a template from ``start`` to ``end``. Raise Unexpected.

    A template that consists of one interpolation is that expression.
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
                raise Unexpected("the nesting is too deep", part.start)
            levels.append(_Section(part))
        elif part.kind == "else" and level.begins("if") and level.yes is None:
            level.begin_else(part)
        elif part.kind != "else" and level.begins(part.kind.removeprefix("end")):
            levels.pop()
            levels[-1].add(level.close(part))
        else:
            raise Unexpected(f"unexpected `{part.kind}`", part.start)
    level = levels[-1]
    if len(levels) > 1:
        raise Unexpected(f"`{level.directive.kind}` is not closed", level.directive.start)
    return level.expression(start, end)


class _Section:
    """The parsed parts of a template, or of the section between two directives."""

    __slots__ = ("directive", "holes", "items", "pieces", "yes")

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.items: list[ast.Expression] = []
        self.pieces: list[Piece] = []
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

    def begin_else(self, part: Directive) -> None:
        self.yes = self.expression(self.directive.end, part.start)
        self.directive.end = part.end
        self.items, self.holes = [], 0

    def close(self, part: Directive) -> ast.Expression:
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
    indented: list[Piece] = []
    indentation: int | None = None
    begins = True
    for part in parts:
        piece = part if isinstance(part, Piece) else None
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
