"""Regular expressions in RE2's syntax that run in bounded time on Python's ``re``.

Python's matcher backtracks: it walks a tree of attempts, which grows exponentially with the string where a repetition
can match the same characters in two ways. A pattern is therefore compiled only if a polynomial in the length of the
string bounds the size of that tree, and it is applied only to strings for which the bound is small. Both depend on the
pattern and the length alone, so the result is the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import zip_longest
from math import comb
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.util.lazy_regex import regex

# The maximum of attempts of one call: less than half a second of Python's matcher.
MAX_WORK = 20_000_000
# A rule's pattern must be applicable to strings of this length.
_USUAL_LENGTH = 100
# The number of strings whose result a rule's pattern remembers.
_MOST_KNOWN = 1_000
_MAX_LENGTH, _MAX_DEPTH, _MAX_POSITIONS, _MAX_EDGES, _MAX_REPEATS, _MAX_COPIES = 5_000, 60, 1_000, 5_000, 1_000, 64

Ranges: TypeAlias = tuple[tuple[int, int], ...]
# A polynomial by its coefficients: c[0] + c[1] * n + c[2] * n * (n - 1) / 2 + ..., the binomial coefficients of n.
_Polynomial: TypeAlias = tuple[int, ...]

_LAST = 0x10FFFF
_DIGIT: Ranges = ((0x30, 0x39),)
_UPPER: Ranges = ((0x41, 0x5A),)
_LOWER: Ranges = ((0x61, 0x7A),)
_LETTERS = (*range(0x41, 0x5B), *range(0x61, 0x7B))
_WORD: Ranges = (*_DIGIT, *_UPPER, (0x5F, 0x5F), *_LOWER)
_SPACE: Ranges = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_POSIX: dict[str, Ranges] = {
    "alnum": (*_DIGIT, *_UPPER, *_LOWER), "alpha": (*_UPPER, *_LOWER), "ascii": ((0, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)), "cntrl": ((0, 0x1F), (0x7F, 0x7F)), "digit": _DIGIT,
    "graph": ((0x21, 0x7E),), "lower": _LOWER, "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)), "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": _UPPER, "word": _WORD, "xdigit": (*_DIGIT, (0x41, 0x46), (0x61, 0x66)),
}  # fmt: skip
_CLASSES = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
# Assertions as Python writes them. In RE2, \b and \B know the letters of ASCII only.
_ASSERTIONS = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:\B)"}
_REPEAT = regex(r"\{(\d{1,6})(?:(,)(\d{0,6}))?\}", re.ASCII)
_GROUP = regex(r"\(\?(?:P?<([^>=!]*)>|([imsU]*)(?:-([imsU]+))?([:)]))")
_NAME = regex(r"[A-Za-z0-9_]+")
_NAMED = regex(r"\[:(\^?)([a-z]+):\]")
_HEX = regex(r"\\x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")
_OCTAL = regex(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})")
# The boundaries of ASCII's letters, and the other letters that differ from them only in case.
_EDGES_OF_CASE = (0x41, 0x5B, 0x61, 0x7B, 0x130, 0x131, 0x17F, 0x212A)


class InvalidPatternError(ValueError):
    """The pattern is not a valid regular expression of RE2."""


class UnprovenPatternError(ValueError):
    """The pattern may take too long, or uses an unsupported feature. The message is the reason."""


class SafePattern:
    """A regular expression with bounded work. ``names`` has an entry per group, empty for one without a name."""

    def __init__(self, python: str, names: list[str], work: _Polynomial, is_anchored: bool) -> None:
        self.names = names
        self._python = regex(python)
        self._once = work
        # A search starts at each offset; a pattern that is anchored at the start fails at once at all others.
        self._anywhere = _sum([(work, 1), ((0, 1), 1)]) if is_anchored else (0, *work)
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

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the first match at or after an offset. Call ``work`` first to check the bound."""
        return self._python.search(text, start)


class RulePattern:
    """The regular expression of a rule: it matches whole strings and ignores case."""

    def __init__(self, text: str) -> None:
        self.text = text
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

    def _match(self, text: str) -> bool | None:
        try:
            return compile_pattern(self.text, in_rule=True).fullmatch(text)
        except (InvalidPatternError, UnprovenPatternError):
            return None


def is_bounded(text: str) -> bool:
    """Return whether the regular expression of a rule is bounded on strings of usual length."""
    try:
        compile_pattern(text, in_rule=True).work(_USUAL_LENGTH, anywhere=False)
    except (InvalidPatternError, UnprovenPatternError):
        return False
    return True


class Proof(NamedTuple):
    """A pattern of a rule in Python's syntax, and the bound of its work; see ``SafePattern``."""

    python: str
    names: list[str]
    work: _Polynomial
    is_anchored: bool


# The proofs of the built-in rules' patterns, which are computed once, when a wheel is built.
_PROOFS: dict[str, Proof] = {}


def proofs_of(patterns: Iterable[str]) -> dict[str, Proof]:
    """Return the proofs of those patterns of rules that are bounded on strings of usual length."""
    return {pattern: _prove(pattern, in_rule=True) for pattern in patterns if is_bounded(pattern)}


def add_proofs(proofs: Mapping[str, Proof]) -> None:
    """Use proofs that ``proofs_of`` returned."""
    _PROOFS.update(proofs)


def _prove(pattern: str, *, in_rule: bool) -> Proof:
    """Return a pattern in Python's syntax with its bound.

    Raise InvalidPatternError or UnprovenPatternError.
    """
    if len(pattern) > _MAX_LENGTH:
        raise _unproven("is too long")
    parser = _Parser(pattern, in_rule)
    node = parser.alternatives(0)
    if parser.at < len(parser.pattern):
        raise _invalid()
    python = f"(?i){node.python}" if in_rule else node.python
    try:
        re.compile(python)
    except (re.error, OverflowError, RecursionError) as error:
        raise _unproven("is not supported") from error
    work = [(_work(part), 1) for part in (node, *parser.lookaheads)]
    is_anchored = node.kind == "sequence" and node.python.startswith(r"\A")
    return Proof(python, parser.names, _sum(work), is_anchored)


@lru_cache(500)
def compile_pattern(pattern: str, *, in_rule: bool = False) -> SafePattern:
    """Compile a pattern with its bound. In a rule it ignores case and may begin with a lookahead.

    Raise InvalidPatternError or UnprovenPatternError.
    """
    proof = _PROOFS.get(pattern) if in_rule else None
    return SafePattern(*(proof or _prove(pattern, in_rule=in_rule)))


def _invalid() -> InvalidPatternError:
    return InvalidPatternError("expects a valid regular expression")


def _unproven(why: str) -> UnprovenPatternError:
    return UnprovenPatternError(f"the regular expression {why}")


# --- syntax ---------------------------------------------------------------------------------------------------------


class _Characters(msgspec.Struct, frozen=True, gc=False):
    """A set of characters; ``folds`` if case is ignored."""

    ranges: Ranges
    negated: bool = False
    folds: bool = False

    def matches(self, code: int) -> bool:
        codes = [code]
        if self.folds:
            letter = chr(code)
            codes += [ord(other) for other in (letter.lower(), letter.upper()) if len(other) == 1]
        return any(low <= one <= high for low, high in self.ranges for one in codes) is not self.negated

    def python(self, folds: bool) -> str:
        """Return the set in Python's syntax, where ``folds`` states whether the whole pattern ignores case."""
        if self.ranges[-1][1] == _LAST and not (self.negated or self.folds):
            # Python compiles the complement of a large set faster.
            missing = _inverted(self.ranges)
            return _Characters(missing, negated=True).python(folds) if missing else "(?s:.)"
        low, high = self.ranges[0]
        if len(self.ranges) == 1 and low == high and not self.negated:
            text = re.escape(chr(low))
            folds = folds and (self.folds or low in _LETTERS or low > 0x7F)
        else:
            parts = (f"\\U{low:08x}-\\U{high:08x}" for low, high in self.ranges)
            text = f"[{'^' * self.negated}{''.join(parts)}]"
        return text if folds is self.folds else f"(?i:{text})" if self.folds else f"(?-i:{text})"


_DOT = _Characters(((10, 10),), negated=True)
_ANY = _Characters(((0, _LAST),))


class _Node(msgspec.Struct, frozen=True, gc=False):
    """A part of a pattern: ``kind`` is set, sequence, choice or repeat; an empty sequence matches the empty string."""

    python: str
    kind: str = "sequence"
    parts: tuple[_Node, ...] = ()
    characters: _Characters = _ANY
    low: int = 1
    high: int | None = 1


class _Parser:
    """Parser from RE2's syntax to Python's."""

    def __init__(self, pattern: str, in_rule: bool) -> None:
        self.pattern = pattern
        self.at = 0
        self.names: list[str] = []
        self.lookaheads: list[_Node] = []
        self.flags = frozenset("i" if in_rule else "")
        self._in_rule = in_rule

    def alternatives(self, depth: int) -> _Node:
        """Parse ``a|b|c``, up to a closing parenthesis or the end."""
        if depth > _MAX_DEPTH:
            raise _unproven("is nested too deeply")
        flags = self.flags
        branches = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence(depth))
        self.flags = flags
        if len(branches) == 1:
            return branches[0]
        return _Node("|".join(branch.python for branch in branches), "choice", tuple(branches))

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.pattern) and self._peek() not in "|)":
            if self._in_rule and not (depth or parts) and self.pattern.startswith(("(?=", "(?!"), self.at):
                parts.append(self._lookahead())
                continue
            atom = self._atom(depth)
            if atom is not None:
                parts.append(self._repeated(atom))
        return _Node("".join(part.python for part in parts), parts=tuple(parts))

    def _lookahead(self) -> _Node:
        start = self.pattern[self.at : self.at + 3]
        self.at += 3
        node = self.alternatives(1)
        self._close()
        self.lookaheads.append(node)
        return _Node(f"{start}{node.python})")

    def _close(self) -> None:
        if self._peek() != ")":
            raise _invalid()
        self.at += 1

    def _repeated(self, atom: _Node) -> _Node:
        start = self.at
        count = self._count()
        if count is None:
            return atom
        text = self.pattern[start : self.at]
        is_lazy = self._peek() == "?"
        self.at += is_lazy
        if self._count() is not None:
            raise _invalid()
        lazy = "?" * (is_lazy is not ("U" in self.flags))
        return _Node(f"{atom.python}{text}{lazy}", "repeat", (atom,), low=count[0], high=count[1])

    def _count(self) -> tuple[int, int | None] | None:
        """Parse a repetition into minimum and maximum (None: no maximum); None if there is none."""
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._peek())
        if simple is not None:
            self.at += 1
            return simple
        match = _REPEAT.match(self.pattern, self.at)
        if match is None:
            return None
        self.at = match.end()
        low = int(match[1])
        high = low if not match[2] else int(match[3]) if match[3] else None
        if low > _MAX_REPEATS or (high is not None and not low <= high <= _MAX_REPEATS):
            raise _invalid()
        return low, high

    def _atom(self, depth: int) -> _Node | None:
        """Parse one character, class, group or assertion; None for flags alone."""
        letter = self._peek()
        match letter:
            case "(":
                return self._group(depth)
            case "[":
                return self._set(self._bracket())
            case ".":
                self.at += 1
                return self._node(_ANY if "s" in self.flags else _DOT)
            case "^" | "$":
                self.at += 1
                return _Node(f"(?m:{letter})" if "m" in self.flags else r"\A" if letter == "^" else r"\Z")
            case "*" | "+" | "?":
                raise _invalid()
            case "\\":
                return self._escape()
            case _:
                self.at += 1
                return self._set(_Characters(((ord(letter), ord(letter)),)))

    def _set(self, characters: _Characters) -> _Node:
        if "i" not in self.flags:
            return self._node(characters)
        letters = sum(low <= letter <= high for letter in _LETTERS for low, high in characters.ranges)
        if not letters and all(high <= 0x7F for _, high in characters.ranges):
            return self._node(characters)
        if letters >= len(_LETTERS) and any(low <= 0x80 and high == _LAST for low, high in characters.ranges):
            # The set contains every character that has case.
            return self._node(characters)
        if any(low < high and 0x7F < high < _LAST for low, high in characters.ranges):
            raise _unproven("ignores case in a range of non-ASCII letters")
        return self._node(msgspec.structs.replace(characters, folds=True))

    def _node(self, characters: _Characters) -> _Node:
        return _Node(characters.python(self._in_rule), "set", characters=characters)

    def _escape(self) -> _Node | None:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter in _ASSERTIONS:
            self.at += 2
            return _Node(_ASSERTIONS[letter])
        if letter == "Q":
            # Quoted characters are parsed again as escapes.
            quoted, _, rest = self.pattern[self.at + 2 :].partition("\\E")
            self.pattern = self.pattern[: self.at] + "".join(f"\\x{{{ord(one):x}}}" for one in quoted) + rest
            return None
        if letter and letter in "dDsSwW":
            self.at += 2
            return self._set(_Characters(_CLASSES[letter.lower()], negated=letter.isupper()))
        code = self._character()
        return self._set(_Characters(((code, code),)))

    def _group(self, depth: int) -> _Node | None:
        name: str | None = ""
        flags = self.flags
        self.at += 1
        if self._peek() == "?":
            match = _GROUP.match(self.pattern, self.at - 1)
            if match is None:
                raise _invalid()
            self.at = match.end()
            name = match[1]
            if name is None:
                flags = (self.flags | set(match[2])) - set(match[3] or "")
                if match[4] == ")":
                    self.flags = flags
                    return None
            elif _NAME.fullmatch(name) is None or name in self.names:
                raise _invalid()
        if name is not None:
            self.names.append(name)
        outer, self.flags = self.flags, flags
        inner = self.alternatives(depth + 1)
        self.flags = outer
        self._close()
        return _Node(f"({'' if name is not None else '?:'}{inner.python})", parts=(inner,))

    def _bracket(self) -> _Characters:
        pattern = self.pattern
        self.at += 1
        negated = self._peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        start = self.at
        while self._peek() != "]" or self.at == start:
            if self.at >= len(pattern):
                raise _invalid()
            posix_class = _NAMED.match(pattern, self.at)
            if posix_class is not None:
                if posix_class[2] not in _POSIX:
                    raise _invalid()
                ranges += _inverted(_POSIX[posix_class[2]]) if posix_class[1] else _POSIX[posix_class[2]]
                self.at = posix_class.end()
                continue
            letter = pattern[self.at + 1 : self.at + 2]
            if self._peek() == "\\" and letter and letter in "dDsSwW":
                ranges += _inverted(_CLASSES[letter.lower()]) if letter.isupper() else _CLASSES[letter]
                self.at += 2
                continue
            low = high = self._character()
            if self._peek() == "-" and pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._character()
                if high < low:
                    raise _invalid()
            ranges.append((low, high))
        self.at += 1
        return _Characters(tuple(ranges), negated)

    def _character(self) -> int:
        """Parse a literal character or an escape for one."""
        pattern, at = self.pattern, self.at
        letter = pattern[at + 1 : at + 2]
        if pattern[at] != "\\":
            self.at += 1
            return ord(pattern[at])
        self.at += 2
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        match = _HEX.match(pattern, at) or _OCTAL.match(pattern, at)
        if match is not None:
            self.at = match.end()
            code = int(match[1], 8) if match.re.groups == 1 else int(match[1] or match[2], 16)
            if code > _LAST:
                raise _invalid()
            return code
        if letter and letter in "pP":
            raise _unproven("uses a Unicode class")
        if not letter or letter.isalnum() or not letter.isascii():
            raise _invalid()
        return ord(letter)


def _inverted(ranges: Ranges) -> Ranges:
    """Return the complement of ``ranges``."""
    complement: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            complement.append((start, low - 1))
        start = max(start, high + 1)
    return (*complement, (start, _LAST)) if start <= _LAST else tuple(complement)


# --- the bound ------------------------------------------------------------------------------------------------------


class _Automaton:
    """The positions of a pattern, one for each of its characters, and their successors with the number of ways to each.

    An attempt of the matcher is a walk along the positions, so the number of walks bounds its work. Positions are
    numbered from left to right, so only a loop leads back to an earlier position.
    """

    def __init__(self) -> None:
        self.characters: list[_Characters] = []
        self.follow: list[dict[int, int]] = []
        # The first position of the outermost loop around each position.
        self.loop: list[int | None] = []
        self._edges = 0

    def add(self, node: _Node) -> _Ends:
        if node.kind == "set":
            if len(self.follow) >= _MAX_POSITIONS:
                raise _unproven("is too large")
            position = len(self.follow)
            self.characters.append(node.characters)
            self.follow.append({})
            self.loop.append(None)
            return _Ends({position: 1}, {position: 1}, 0)
        if node.kind == "choice":
            return self._choice([self.add(part) for part in node.parts])
        if node.kind == "repeat":
            return self._repeat(node.parts[0], node.low, node.high)
        return self._sequence([self.add(part) for part in node.parts])

    @staticmethod
    def _choice(branches: list[_Ends]) -> _Ends:
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for branch in branches:
            _add(first, branch.first, 1)
            _add(last, branch.last, 1)
        return _Ends(first, last, sum(branch.empty for branch in branches))

    def _sequence(self, parts: list[_Ends]) -> _Ends:
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        empty = 1
        for part in parts:
            self._connect(last, part.first)
            _add(first, part.first, empty)
            before, last = last, dict(part.last)
            _add(last, before, part.empty)
            empty *= part.empty
        return _Ends(first, last, empty)

    def _repeat(self, body: _Node, low: int, high: int | None) -> _Ends:
        is_small = high is not None and high <= (_MAX_COPIES if body.kind != "set" or low == high else 3)
        if high is not None and is_small:
            rest = _Ends({}, {}, 1)
            copies = [self.add(body) for _ in range(high)]
            for copy in reversed(copies[low:]):
                chain = self._sequence([copy, rest])
                rest = msgspec.structs.replace(chain, empty=chain.empty + 1)
            return self._sequence([*copies[:low], rest])
        # A large limit is treated as no limit: it only makes attempts end sooner.
        start = len(self.follow)
        ends = self.add(body)
        if ends.empty:
            raise _unproven("repeats a part that can be empty")
        self._connect(ends.last, ends.first)
        self.loop[start:] = [start] * (len(self.loop) - start)
        return msgspec.structs.replace(ends, empty=int(low == 0))

    def _connect(self, last: dict[int, int], first: dict[int, int]) -> None:
        self._edges += len(last) * len(first)
        if self._edges > _MAX_EDGES:
            raise _unproven("is too large")
        for position, ways in last.items():
            _add(self.follow[position], first, ways)

    def kinds(self) -> list[frozenset[int]]:
        """Return for each position the sample characters that it matches, enough to distinguish the positions."""
        samples = _samples(self.characters)
        found = {one: frozenset(filter(one.matches, samples)) for one in dict.fromkeys(self.characters)}
        return [found[one] for one in self.characters]


class _Ends(msgspec.Struct, frozen=True, gc=False):
    """The first and last positions of a part, and the number of ways in which it matches the empty string."""

    first: dict[int, int]
    last: dict[int, int]
    empty: int


def _add(total: dict[int, int], positions: dict[int, int], factor: int) -> None:
    if factor:
        for position, ways in positions.items():
            total[position] = total.get(position, 0) + ways * factor


def _samples(sets: list[_Characters]) -> set[int]:
    """Return one code point from each overlap of the sets; overlaps begin where a range begins or ends."""
    ranges = {pair for one in sets for pair in one.ranges}
    codes = {code for low, high in ranges for code in (low, high + 1) if code <= _LAST}
    if any(one.folds for one in sets):
        codes.update(code for low, high in ranges for code in (low - 1, high) if code >= 0)
        codes.update(_EDGES_OF_CASE)
        letters = [chr(code) for code in codes]
        codes.update(ord(other) for one in letters for other in (one.lower(), one.upper()) if len(other) == 1)
    return codes | {0}


def _work(node: _Node) -> _Polynomial:
    """Return a bound for the attempts from one offset, as a polynomial in the remaining length."""
    automaton = _Automaton()
    ends = automaton.add(node)
    kinds = automaton.kinds()
    work: dict[int, _Polynomial] = {}
    position = len(kinds)
    while position:
        position -= 1
        loop = automaton.loop[position]
        if loop is None:
            edges = automaton.follow[position]
            work[position] = _sum([((1 + len(edges),), 1), (_branches(edges, kinds, work, range(0))[1], 1)])
            continue
        # A loop is one walk for each string, which at each character may also leave for each successor of the loop.
        loop_range = range(loop, position + 1)
        leaving: _Polynomial = (0,)
        after: _Polynomial = (0,)
        for one in loop_range:
            staying, exiting = _branches(automaton.follow[one], kinds, work, loop_range)
            leaving, after = _upper_bound(leaving, staying), _upper_bound(after, exiting)
        step = (1 + max(len(automaton.follow[one]) for one in loop_range),)
        bound = _sum([(step, 1), ((0, *_sum([(step, 1), (leaving, 1)])), 1), (after, 1)])
        work.update(dict.fromkeys(loop_range, bound))
        position = loop
    return _sum([((1 + len(ends.first),), 1), (_branches(ends.first, kinds, work, range(0))[1], 1)])


def _branches(
    edges: dict[int, int], kinds: list[frozenset[int]], work: dict[int, _Polynomial], loop: range
) -> tuple[_Polynomial, _Polynomial]:
    """Return the most work after one character: where the ``loop`` may continue as well, and where it cannot."""
    staying: _Polynomial = (0,)
    exiting: _Polynomial = (0,)
    for kind in frozenset[int]().union(*(kinds[position] for position in edges)):
        matching = [(position, ways) for position, ways in edges.items() if kind in kinds[position]]
        continuing = sum(ways for position, ways in matching if position in loop)
        if continuing > 1:
            raise _unproven("repeats a part that can match the same characters in several ways")
        out = _sum([(work[position], ways) for position, ways in matching if position not in loop])
        if continuing:
            staying = _upper_bound(staying, out)
        else:
            exiting = _upper_bound(exiting, out)
    return staying, exiting


def _sum(terms: list[tuple[_Polynomial, int]]) -> _Polynomial:
    """Return the sum of polynomials, each multiplied by a factor."""
    return tuple(
        sum(polynomial[degree] * factor for polynomial, factor in terms if degree < len(polynomial))
        for degree in range(max((len(polynomial) for polynomial, _ in terms), default=1))
    ) or (0,)


def _upper_bound(one: _Polynomial, other: _Polynomial) -> _Polynomial:
    """Return a polynomial that is an upper bound of both."""
    return tuple(max(pair) for pair in zip_longest(one, other, fillvalue=0))
