"""Decide whether a regular expression can match any string of which only some parts are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeAlias

from azkvlint.util.errors import InvalidPatternError, UnprovenPatternError
from azkvlint.util.regex_proof import Characters, RegexNode, parse, samples_of

# A known text, an unknown text of a known length, or an unknown text (None).
Part: TypeAlias = str | int | None
_MOST_STATES, _MOST_STEPS = 2_000, 5_000
_States: TypeAlias = frozenset[int]
# What was read up to a character: the states of the expression, and of each expression that must not come first.
_Reached: TypeAlias = tuple[_States, ...]


class _Machine:
    """A nondeterministic automaton. ``is_exact``: it accepts no more than the expression does."""

    def __init__(self, node: RegexNode) -> None:
        self.is_exact = True
        self._empty: list[list[int]] = [[]]
        self._next: list[tuple[Characters, int] | None] = [None]
        self.last = self._add(node, 0)
        self.start = self._closed({0})

    @property
    def sets(self) -> Iterable[Characters]:
        """Return the sets of characters of the expression."""
        return (step[0] for step in self._next if step is not None)

    def after(self, states: _States, code: int) -> _States:
        """Return the states after a character."""
        steps = (self._next[state] for state in states)
        return self._closed({step[1] for step in steps if step is not None and step[0].matches(code)})

    def _state(self) -> int:
        if len(self._next) >= _MOST_STATES:
            raise UnprovenPatternError("the regular expression is too large")
        self._next.append(None)
        self._empty.append([])
        return len(self._next) - 1

    def _add(self, node: RegexNode, start: int) -> int:
        """Add the states of a part that begins in a state, and return that in which it ends."""
        match node.kind:
            case "set":
                end = self._state()
                before = self._between(start)
                self._next[before] = node.characters, end
                return end
            case "choice":
                end = self._state()
                for part in node.parts:
                    self._empty[self._add(part, self._between(start))].append(end)
                return end
            case "repeat":
                return self._repeat(node, start)
        # An assertion holds everywhere in the automaton.
        self.is_exact = self.is_exact and bool(node.parts or not node.python)
        for part in node.parts:
            start = self._add(part, start)
        return start

    def _between(self, start: int) -> int:
        state = self._state()
        self._empty[start].append(state)
        return state

    def _repeat(self, node: RegexNode, start: int) -> int:
        for _ in range(node.low):
            start = self._add(node.parts[0], start)
        if node.high is None:
            loop = self._between(start)
            self._empty[self._add(node.parts[0], loop)].append(loop)
            return self._between(loop)
        end = self._state()
        for _ in range(node.high - node.low):
            self._empty[start].append(end)
            start = self._add(node.parts[0], start)
        self._empty[start].append(end)
        return end

    def _closed(self, states: set[int]) -> _States:
        waiting = [*states]
        while waiting:
            for state in self._empty[waiting.pop()]:
                if state not in states:
                    states.add(state)
                    waiting.append(state)
        return frozenset(states)


class _Language(NamedTuple):
    """The strings that an expression matches: those of ``whole`` that do not begin as one of ``refused`` does."""

    whole: _Machine
    refused: tuple[_Machine, ...]
    samples: tuple[int, ...]

    def after(self, reached: Iterable[_Reached], codes: Iterable[int]) -> set[_Reached]:
        """Return what is reached after one of some characters, as far as a string that matches may go on so."""
        found = product(reached, tuple(codes))
        return set(filter(self.is_possible, (self._after(states, code) for states, code in found)))

    def _after(self, states: _Reached, code: int) -> _Reached:
        machines = self.whole, *self.refused
        return tuple([machine.after(state, code) for machine, state in zip(machines, states, strict=True)])

    def is_possible(self, reached: _Reached) -> bool:
        """Return whether a string that matches may go on from here."""
        whole, *inner = reached
        return bool(whole) and not any(one.last in states for one, states in zip(self.refused, inner, strict=True))


@lru_cache(200)
def _language(expression: str) -> _Language:
    """Return what the expression of a rule matches. Raise InvalidPatternError or UnprovenPatternError."""
    node, refused = parse(expression)
    whole = _Machine(node)
    # What is more than an expression refuses would be wrong.
    exact = tuple(one for one in map(_Machine, refused) if one.is_exact)
    sets = [*whole.sets, *(characters for one in exact for characters in one.sets)]
    return _Language(whole, exact, tuple(sorted(samples_of(sets))))


def may_match(expression: str, parts: Sequence[Part]) -> bool:
    """Return whether some string that consists of these parts may match the expression of a rule; True if unknown."""
    try:
        language = _language(expression)
        reached = {(language.whole.start, *(one.start for one in language.refused))}
        reached = set(filter(language.is_possible, reached))
        left = _MOST_STEPS
        for part in parts:
            if part is None:
                every, fresh = set(reached), reached
                while fresh:
                    left -= len(fresh)
                    fresh = language.after(fresh, language.samples) - every if left > 0 else set()
                    every |= fresh
                reached = every
            for character in part if isinstance(part, str) else range(part or 0):
                left -= len(reached)
                if left <= 0:
                    return True
                codes = (ord(character),) if isinstance(character, str) else language.samples
                reached = language.after(reached, codes)
            if left <= 0:
                return True
    except (InvalidPatternError, UnprovenPatternError):
        return True
    return any(language.whole.last in whole for whole, *_ in reached)
