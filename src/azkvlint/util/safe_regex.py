"""Regular expressions in RE2's syntax that run in bounded time on Python's ``re``.

Python's matcher backtracks: it walks a tree of attempts, which grows exponentially with the string where a repetition
can match the same characters in two ways. A pattern is therefore compiled only if a polynomial in the length of the
string bounds the size of that tree, and it is applied only to strings for which the bound is small. Both depend on the
pattern and the length alone, so the result is the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import comb
from typing import TypeAlias

import msgspec

from azkvlint.util.errors import InvalidPatternError, UnprovenPatternError
from azkvlint.util.lazy_regex import regex

# The maximum of attempts of one call: less than half a second of Python's matcher.
MAX_WORK = 20_000_000
# A rule's pattern must be applicable to strings of this length.
_USUAL_LENGTH = 100
# What an unknown part of a string is most likely to be like.
_LIKELY = ("a", "", "a" * 8)
# The number of strings whose result a rule's pattern remembers.
_MOST_KNOWN = 1_000
# A polynomial by its coefficients: c[0] + c[1] * n + c[2] * n * (n - 1) / 2 + ..., the binomial coefficients of n.
Polynomial: TypeAlias = tuple[int, ...]


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """A pattern in Python's syntax with the names of its groups, and the bounds of a match and of a search."""

    python: str
    names: list[str]
    once: Polynomial
    anywhere: Polynomial


class SafePattern:
    """A regular expression with bounded work. ``names`` has an entry per group, empty for one without a name."""

    def __init__(self, proof: Proof) -> None:
        self.names = proof.names
        self._python = regex(proof.python)
        self._once, self._anywhere = proof.once, proof.anywhere
        # The longest string that a full match was proven to be fast on.
        self._proven = -1

    def work(self, length: int, *, anywhere: bool) -> int:
        """Return the maximum of attempts for a string of this length. Raise UnprovenPatternError above the limit."""
        work = self._anywhere if anywhere else self._once
        attempts = sum(factor * comb(length + 1, degree) for degree, factor in enumerate(work))
        if attempts > MAX_WORK:
            raise UnprovenPatternError(f"the regular expression may take too long on {length:,} characters")
        return attempts

    def fullmatch(self, text: str) -> bool:
        """Return whether the whole string matches. Raise UnprovenPatternError if that may take too long."""
        if len(text) > self._proven:
            self.work(len(text), anywhere=False)
            self._proven = len(text)
        return self._python.fullmatch(text) is not None

    def match_all(self, texts: Iterable[str]) -> bool | None:
        """Return whether strings of one length match: None if only some do. Raise UnprovenPatternError as above."""
        others = iter(texts)
        first = self.fullmatch(next(others))
        found = map(self._python.fullmatch, others)
        is_same = None not in found if first else not any(found)
        return first if is_same else None

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the first match at or after an offset. Call ``work`` first to check the bound."""
        return self._python.search(text, start)


class RulePattern:
    """The regular expression of a rule: it matches whole strings and ignores case. Its ``proof`` may be known."""

    def __init__(self, text: str, proof: Proof | None = None) -> None:
        self.text = text
        self._compiled = None if proof is None else SafePattern(proof)
        # The results for short strings, such as names, which repeat themselves.
        self._known: dict[str, bool | None] = {}

    def matches(self, text: str) -> bool | None:
        """Return whether a string matches; None if the match may take too long."""
        if text in self._known:
            return self._known[text]
        found = self._match(text)
        if len(text) <= _USUAL_LENGTH and len(self._known) < _MOST_KNOWN:
            self._known[text] = found
        return found

    def match_all(self, texts: Iterable[str]) -> bool | None:
        """Return whether strings of one length match: None if only some do, or a match may take too long."""
        try:
            return (self._compiled or compile_pattern(self.text, in_rule=True)).match_all(texts)
        except (InvalidPatternError, UnprovenPatternError):
            return None

    def may_match(self, parts: Sequence[str | int | None]) -> bool:
        """Return whether some string of known texts and unknown ones may match: of a known length, or of any (None)."""
        likely = ("".join(one if isinstance(one, str) else some[: one or 8] for one in parts) for some in _LIKELY)
        if any(self.matches(one) is not False for one in likely):
            return True
        from azkvlint.util.regex_language import may_match

        return may_match(self.text, parts)

    def _match(self, text: str) -> bool | None:
        try:
            return (self._compiled or compile_pattern(self.text, in_rule=True)).fullmatch(text)
        except (InvalidPatternError, UnprovenPatternError):
            return None


def is_bounded(text: str) -> bool:
    """Return whether the regular expression of a rule is bounded on strings of usual length."""
    try:
        compile_pattern(text, in_rule=True).work(_USUAL_LENGTH, anywhere=False)
    except (InvalidPatternError, UnprovenPatternError):
        return False
    return True


def proofs_of(patterns: Iterable[str]) -> dict[str, Proof]:
    """Return the proofs of those patterns of rules that are bounded on strings of usual length."""
    return {pattern: _prove(pattern, in_rule=True) for pattern in patterns if is_bounded(pattern)}


def _prove(pattern: str, *, in_rule: bool) -> Proof:
    from azkvlint.util.regex_proof import prove

    return Proof(*prove(pattern, in_rule=in_rule))


@lru_cache(500)
def compile_pattern(pattern: str, *, in_rule: bool = False) -> SafePattern:
    """Compile a pattern with its bound. In a rule it ignores case and may begin with a lookahead.

    Raise InvalidPatternError or UnprovenPatternError.
    """
    return SafePattern(_prove(pattern, in_rule=in_rule))
