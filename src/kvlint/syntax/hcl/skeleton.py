"""The skeleton of an expression -> the tree that python-hcl2 makes of it, with the expression's parts and places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from kvlint.syntax import tree
from kvlint.syntax.hcl.lexis import Unexpected
from kvlint.syntax.hcl.programs import program_of

MAX_WORDS = 5000


class Skeleton:
    """Words that python-hcl2 understands, and for each where it stands and what it stands for."""

    __slots__ = ("ends", "stack", "starts", "values", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.values: list[Any] = []
        self.stack: list[tree.Expression] = []

    def add(self, word: str, start: int, end: int, value: Any = None) -> None:
        """Adds a word that stands from ``start`` to ``end``."""
        self.words.append(word)
        self.starts.append(start)
        self.ends.append(end)
        self.values.append(value)

    def expression(self) -> tree.Expression:
        """The tree. Raises Unexpected."""
        if len(self.words) > MAX_WORDS:
            raise Unexpected("this expression has too many parts", self.starts[0])
        program = program_of(self.words)
        if isinstance(program, int):
            at = self.starts[program] if program < len(self.words) else self.ends[-1]
            raise Unexpected("this does not belong here", at)
        starts, ends = self.starts, self.ends
        for kind, first, last, more in program:
            _MAKE[kind](self, starts[first], ends[last], more)
        return self.stack[-1]

    def operand(self, _start: int, _end: int, more: Sequence[Any]) -> None:
        """A part of the expression."""
        self.stack.append(self.values[more[0]])

    def star(self, start: int, end: int, _more: Sequence[Any]) -> None:
        """What a splat goes over."""
        self.stack.append(tree.Name(start, end, "*"))

    def unary(self, _start: int, end: int, more: Sequence[Any]) -> None:
        """All operators before an operand."""
        node = self.stack[-1]
        for sign, at in reversed(self.values[more[0]]):
            node = tree.Unary(at, end, sign, node)
        self.stack[-1] = node

    def binary(self, start: int, end: int, more: Sequence[Any]) -> None:
        """An operator between two operands."""
        right = self.stack.pop()
        self.stack[-1] = tree.Binary(start, end, more[0], self.stack[-1], right)

    def conditional(self, start: int, end: int, _more: Sequence[Any]) -> None:
        """A condition and what it decides about."""
        condition, yes, no = self._pop(3)
        self.stack.append(tree.Conditional(start, end, condition, yes, no))

    def call(self, start: int, end: int, more: Sequence[Any]) -> None:
        """A call of a function."""
        name, count, spread = more
        self.stack.append(tree.Call(start, end, self.values[name], tuple(self._pop(count)), None, spread))

    def member(self, start: int, end: int, more: Sequence[Any]) -> None:
        """Access by name."""
        self.stack[-1] = tree.Member(start, end, self.stack[-1], self.values[more[0]])

    def item(self, start: int, end: int, _more: Sequence[Any]) -> None:
        """Access by an expression."""
        index = self.stack.pop()
        self.stack[-1] = tree.Item(start, end, self.stack[-1], index)

    def number(self, start: int, end: int, more: Sequence[Any]) -> None:
        """Access by a number behind a dot."""
        place = more[0]
        index = tree.Literal(self.starts[place], self.ends[place], self.values[place])
        self.stack[-1] = tree.Item(start, end, self.stack[-1], index)

    def splat(self, start: int, end: int, _more: Sequence[Any]) -> None:
        """A splat, of the operand and of what is made of each item."""
        each = self.stack.pop()
        self.stack[-1] = tree.Splat(start, end, self.stack[-1], each)

    def loop(self, start: int, end: int, more: Sequence[Any]) -> None:
        """A loop."""
        key, value, named, conditioned, grouped = more
        condition = self.stack.pop() if conditioned else None
        result = self.stack.pop()
        name = self.stack.pop() if named else None
        over = self.stack.pop()
        key = "" if key is None else self.values[key]
        node = tree.Comprehension(start, end, key, self.values[value], over, result, name, condition, grouped)
        self.stack.append(node)

    def _pop(self, count: int) -> list[tree.Expression]:
        """The last expressions."""
        if not count:
            return []
        found = self.stack[-count:]
        del self.stack[-count:]
        return found


_Make: TypeAlias = Callable[[Skeleton, int, int, Sequence[Any]], None]
_KINDS = "operand star unary binary conditional call member item number splat loop"
_MAKE: dict[str, _Make] = {kind: getattr(Skeleton, kind) for kind in _KINDS.split()}
