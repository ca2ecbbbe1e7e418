"""Go's regular expressions (RE2) as the program of an automaton, which takes linear time whatever the text is."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from azkvlint.evaluation.functions.table import InvalidCall, UnknownResult
from azkvlint.evaluation.terraform.functions.classes import (
    CLASSES,
    DOT,
    NEWLINE_DOT,
    Ranges,
    bracket,
    character,
    folded,
)
from azkvlint.util.lazy_regex import regex

_LARGEST, _DEEPEST, _MOST_REPEATS, _LONGEST = 5_000, 60, 1_000, 5_000
_REPEAT = regex(r"\{(\d{1,6})(?:(,)(\d{0,6}))?\}", re.ASCII)
_GROUP = regex(r"\(\?(?:P?<([^>]*)>|([imsU]*)(?:-([imsU]+))?([:)]))")
_NAME = regex(r"[A-Za-z0-9_]+")

# The steps of a program.
CHARACTER, SPLIT, JUMP, SAVE, ASSERT, MATCH = range(6)
Step = tuple[int, object, int]


class Program(msgspec.Struct, frozen=True):
    """``steps``: what to do, with a set of characters, a mark or a number, and where else to go on.

    ``names`` are those of the groups, empty where one has none.
    """

    steps: list[Step]
    names: list[str]
    groups: int


@lru_cache(200)
def compiled(pattern: str) -> Program:
    """Return the program for a pattern. Raises InvalidCall for what Go refuses, UnknownResult for what is unknown."""
    if len(pattern) > _LONGEST:
        raise UnknownResult("so long a pattern is not looked at")
    parser = _Parser(pattern)
    steps = parser.alternatives(0)
    if parser.at < len(parser.pattern):
        raise _invalid()
    return Program([(SAVE, 0, 0), *steps, (SAVE, 1, 0), (MATCH, None, 0)], parser.names, len(parser.names))


def _invalid() -> InvalidCall:
    return InvalidCall("is given a pattern that is no regular expression")


class _Parser:
    """Reads a pattern. Where steps go on is counted from the step itself, so that they can be moved."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.names: list[str] = []
        self.flags = frozenset[str]()

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.pattern[self.at : self.at + 1]

    def alternatives(self, depth: int) -> list[Step]:
        """``a|b|c``, up to a closing parenthesis or the end."""
        if depth > _DEEPEST:
            raise UnknownResult("so deep a pattern is not looked at")
        flags = self.flags
        branches = [self._sequence(depth)]
        while self.peek() == "|":
            self.at += 1
            branches.append(self._sequence(depth))
        self.flags = flags
        found = branches.pop()
        while branches:
            left = branches.pop()
            found = [(SPLIT, 1, len(left) + 2), *left, (JUMP, None, len(found) + 1), *found]
            _check(found)
        return found

    def _sequence(self, depth: int) -> list[Step]:
        steps: list[Step] = []
        while self.at < len(self.pattern) and self.peek() not in "|)":
            atom = self._atom(depth)
            steps += self._repeated(atom) if atom is not None else []
            _check(steps)
        return steps

    def _repeated(self, atom: list[Step]) -> list[Step]:
        low, high = self._count()
        if low is None:
            return atom
        lazy = self.peek() == "?"
        self.at += lazy
        if self._count(look=True)[0] is not None:
            raise _invalid()
        return _repeated(atom, low, high, lazy is not ("U" in self.flags))

    def _count(self, look: bool = False) -> tuple[int | None, int | None]:
        """How often the atom before is repeated: at least, and at most if there is a limit."""
        start = self.at
        found: tuple[int | None, int | None] = (None, None)
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek())
        if simple is not None:
            self.at += 1
            found = simple
        elif self.peek() == "{" and (match := _REPEAT.match(self.pattern, self.at)) is not None:
            self.at = match.end()
            low = int(match[1])
            high = low if not match[2] else int(match[3]) if match[3] else None
            if low > _MOST_REPEATS or (high is not None and not low <= high <= _MOST_REPEATS):
                raise _invalid()
            found = low, high
        if look:
            self.at = start
        return found

    def _atom(self, depth: int) -> list[Step] | None:
        """One character, class, group or assertion; None for flags alone."""
        letter = self.peek()
        match letter:
            case "(":
                return self._group(depth)
            case "[":
                found, self.at = bracket(self.pattern, self.at)
                return self._set(found)
            case ".":
                self.at += 1
                return [(CHARACTER, NEWLINE_DOT if "s" in self.flags else DOT, 0)]
            case "^" | "$":
                self.at += 1
                return [(ASSERT, letter if "m" in self.flags else "A" if letter == "^" else "z", 0)]
            case "*" | "+" | "?":
                raise _invalid()
            case "\\":
                return self._escape()
            case _:
                self.at += 1
                return self._set(((ord(letter), ord(letter)),))

    def _set(self, found: Ranges) -> list[Step]:
        return [(CHARACTER, folded(found) if "i" in self.flags else found, 0)]

    def _unquote(self) -> None:
        """Write what stands in quotes as characters that mean nothing else."""
        quoted, _, rest = self.pattern[self.at + 2 :].partition("\\E")
        self.pattern = self.pattern[: self.at] + "".join(f"\\x{{{ord(letter):x}}}" for letter in quoted) + rest

    def _escape(self) -> list[Step] | None:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter and letter in "AzbB":
            self.at += 2
            return [(ASSERT, letter, 0)]
        if letter == "Q":
            self._unquote()
            return None
        if letter and letter in CLASSES:
            self.at += 2
            return self._set(CLASSES[letter])
        code, self.at = character(self.pattern, self.at)
        return self._set(((code, code),))

    def _group(self, depth: int) -> list[Step] | None:
        name = ""
        capturing = True
        flags = self.flags
        self.at += 1
        if self.peek() == "?":
            match = _GROUP.match(self.pattern, self.at - 1)
            if match is None:
                raise _invalid()
            self.at = match.end()
            if match[1] is None:
                capturing = False
                flags = (self.flags | set(match[2])) - set(match[3] or "")
                if match[4] == ")":
                    self.flags = flags
                    return None
            else:
                name = match[1]
                if _NAME.fullmatch(name) is None or name in self.names:
                    raise _invalid()
        if capturing:
            self.names.append(name)
        number = len(self.names)
        outer, self.flags = self.flags, flags
        inner = self.alternatives(depth + 1)
        self.flags = outer
        if self.peek() != ")":
            raise _invalid()
        self.at += 1
        return [(SAVE, 2 * number, 0), *inner, (SAVE, 2 * number + 1, 0)] if capturing else inner


def _check(steps: list[Step]) -> None:
    if len(steps) > _LARGEST:
        raise UnknownResult("so large a pattern is not looked at")


def _repeated(atom: list[Step], low: int, high: int | None, lazy: bool) -> list[Step]:
    """An atom several times. ``SPLIT`` tries the next step first, or the other one where its argument is 0."""
    size, greedy = len(atom), 0 if lazy else 1
    number = low + 1 if high is None else high
    if size * number > _LARGEST:
        raise UnknownResult("so large a pattern is not looked at")
    found = atom * low
    if high is None:
        if low:
            # Once more, or on.
            return [*found, (SPLIT, 1 - greedy, -size)]
        return [(SPLIT, greedy, size + 2), *atom, (JUMP, None, -size - 1)]
    optional: list[Step] = []
    for _ in range(high - low):
        optional = [(SPLIT, greedy, size + len(optional) + 1), *atom, *optional]
    return [*found, *optional]
