"""Runs the program of a regular expression over a text, all ways at once, so that none takes longer than another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.terraform.functions.regular import ASSERT, CHARACTER, JUMP, MATCH, SAVE, SPLIT, Program, Step

# Where each group begins and ends, by twos, the whole first; -1 for one that caught nothing.
Match: TypeAlias = tuple[int, ...]
_Thread: TypeAlias = tuple[int, Match]

# About what may be spent on one call, in steps of a program times characters.
MAX_WORK = 2_000_000


class Search:
    """All searches of one call. Raises UnknownResult once they take more work than anybody needs."""

    def __init__(self, program: Program, text: str, spend: Callable[[int], None]) -> None:
        self.spend = spend
        self.steps = program.steps
        self.text = text
        self.nothing: Match = (-1,) * (2 * program.groups + 2)
        self.work = 0
        self.known: dict[tuple[int, str], bool] = {}

    def first(self, start: int) -> Match | None:
        """The first match at or after an offset: the leftmost one, and of those the one that the pattern prefers."""
        before = self.work
        try:
            return self._first(start)
        finally:
            self.spend((self.work - before) // 4)

    def _first(self, start: int) -> Match | None:
        found: Match | None = None
        now: list[_Thread] = []
        seen: set[int] = set()
        for at in range(start, len(self.text) + 1):
            if found is None:
                self._add(now, seen, (0, self.nothing), at)
            if not now:
                if found is not None:
                    break
                seen = set()
                continue
            self.work += len(now) + 1
            if self.work > MAX_WORK:
                raise UnknownResult("so much is not searched")
            later: list[_Thread] = []
            later_seen: set[int] = set()
            letter = self.text[at : at + 1]
            for pc, caught in now:
                if self.steps[pc][0] == MATCH:
                    # Whatever comes after it is less preferred.
                    found = caught
                    break
                if letter and self._fits(pc, letter):
                    self._add(later, later_seen, (pc + 1, caught), at + 1)
            now, seen = later, later_seen
        return found

    def _add(self, threads: list[_Thread], seen: set[int], thread: _Thread, at: int) -> None:
        """Follow a thread to all the characters that it waits for, the preferred ones first."""
        left = [thread]
        while left:
            pc, caught = left.pop()
            if pc in seen:
                continue
            seen.add(pc)
            self.work += 1
            kind, argument, where = self.steps[pc]
            if kind in (CHARACTER, MATCH):
                threads.append((pc, caught))
            elif kind == JUMP:
                left.append((pc + where, caught))
            elif kind == SPLIT:
                ways = ((pc + 1, caught), (pc + where, caught))
                left += reversed(ways) if argument else ways
            elif kind == SAVE:
                number = int(argument)  # type: ignore[call-overload]  # that of SAVE is a number
                left.append((pc + 1, (*caught[:number], at, *caught[number + 1 :])))
            elif kind == ASSERT and self._holds(str(argument), at):
                left.append((pc + 1, caught))

    def _fits(self, pc: int, letter: str) -> bool:
        key = pc, letter
        found = self.known.get(key)
        if found is None:
            code = ord(letter)
            step: Step = self.steps[pc]
            found = any(low <= code <= high for low, high in step[1])  # type: ignore[attr-defined]  # only CHARACTER asks: it has ranges
            self.known[key] = found
        return found

    def _holds(self, mark: str, at: int) -> bool:
        text = self.text
        if mark == "A":
            return at == 0
        if mark == "z":
            return at == len(text)
        if mark == "^":
            return at == 0 or text[at - 1] == "\n"
        if mark == "$":
            return at == len(text) or text[at] == "\n"
        inside = (at > 0 and _is_word(text[at - 1])) != (at < len(text) and _is_word(text[at]))
        return inside is (mark == "b")


def _is_word(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter == "_")
