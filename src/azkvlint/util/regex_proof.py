"""Prove that a regular expression in RE2's syntax runs in bounded time on Python's ``re``.

The proofs of the built-in rules come with the package, so most runs do not load this module.
"""

from __future__ import annotations

import itertools
import re
from typing import TypeAlias

import msgspec

from azkvlint.util.errors import InvalidPatternError, UnprovenPatternError
from azkvlint.util.lazy_regex import regex

_MAX_LENGTH, _MAX_DEPTH, _MAX_POSITIONS, _MAX_EDGES, _MAX_REPEATS, _MAX_COPIES = 5_000, 60, 1_000, 5_000, 1_000, 64

Ranges: TypeAlias = tuple[tuple[int, int], ...]
# A polynomial by its coefficients: c[0] + c[1] * n + c[2] * n * (n - 1) / 2 + ..., the binomial coefficients of n.
Polynomial: TypeAlias = tuple[int, ...]

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


def prove(pattern: str, *, in_rule: bool) -> tuple[str, list[str], Polynomial, Polynomial]:
    """Return a pattern in Python's syntax, the names of its groups, and the bounds of a match and of a search.

    Raise InvalidPatternError or UnprovenPatternError.
    """
    if len(pattern) > _MAX_LENGTH:
        raise _unproven("is too long")
    parser = _RegexParser(pattern, in_rule)
    node = parser.alternatives(0)
    if parser.at < len(parser.pattern):
        raise _invalid()
    python = f"(?i){node.python}" if in_rule else node.python
    try:
        re.compile(python)
    except (re.error, OverflowError, RecursionError) as error:
        raise _unproven("is not supported") from error
    once = _sum([(_work(part), 1) for part in (node, *parser.lookaheads)])
    # A search starts at each offset; a pattern that is anchored at the start fails at once at all others.
    is_anchored = node.kind == "sequence" and node.python.startswith(r"\A")
    anywhere = _sum([(once, 1), ((0, 1), 1)]) if is_anchored else (0, *once)
    return python, parser.names, once, anywhere


def parse(pattern: str) -> tuple[RegexNode, list[RegexNode]]:
    """Return the pattern of a rule without its lookaheads, and those of them that must not match.

    Raise InvalidPatternError or UnprovenPatternError.
    """
    parser = _RegexParser(pattern, in_rule=True)
    node = parser.alternatives(0)
    if parser.at < len(parser.pattern):
        raise _invalid()
    # A lookahead of one of several alternatives does not limit the others.
    return node, parser.refused if node.kind == "sequence" else []


def _invalid() -> InvalidPatternError:
    return InvalidPatternError("expects a valid regular expression")


def _unproven(why: str) -> UnprovenPatternError:
    return UnprovenPatternError(f"the regular expression {why}")


class Characters(msgspec.Struct, frozen=True, gc=False):
    """A set of characters; ``folds`` if case is ignored."""

    ranges: Ranges
    negated: bool = False
    folds: bool = False

    def matches(self, code: int) -> bool:
        """Return whether the set contains a character."""
        codes = [code]
        if self.folds:
            letter = chr(code)
            codes += [ord(other) for other in (letter.lower(), letter.upper()) if len(other) == 1]
        return any(low <= one <= high for low, high in self.ranges for one in codes) is not self.negated

    def python(self, folds: bool) -> str:
        """Return the set in Python's syntax, where ``folds`` states whether the whole pattern ignores case."""
        if self == _DOT:
            return "."
        if self.ranges[-1][1] == _LAST and not (self.negated or self.folds):
            # Python compiles the complement of a large set faster.
            missing = _inverted(self.ranges)
            return Characters(missing, negated=True).python(folds) if missing else "(?s:.)"
        low, high = self.ranges[0]
        if len(self.ranges) == 1 and low == high and not self.negated:
            text = re.escape(chr(low))
            folds = folds and (self.folds or low in _LETTERS or low > 0x7F)
        else:
            text = f"[{'^' * self.negated}{''.join(itertools.starmap(_range_in_python, self.ranges))}]"
        return text if folds is self.folds else f"(?i:{text})" if self.folds else f"(?-i:{text})"


def _range_in_python(low: int, high: int) -> str:
    """Return a range of characters as part of a set in Python's syntax."""
    first, last = (chr(code) if chr(code).isalnum() and code <= 0x7F else f"\\U{code:08x}" for code in (low, high))
    return first if low == high else f"{first}-{last}"


_DOT = Characters(((10, 10),), negated=True)
_ANY = Characters(((0, _LAST),))


class RegexNode(msgspec.Struct, frozen=True, gc=False):
    """A part of a pattern: ``kind`` is set, sequence, choice or repeat; an empty sequence matches the empty string."""

    python: str
    kind: str = "sequence"
    parts: tuple[RegexNode, ...] = ()
    characters: Characters = _ANY
    low: int = 1
    high: int | None = 1


class _RegexParser:
    """Parser from RE2's syntax to Python's."""

    def __init__(self, pattern: str, in_rule: bool) -> None:
        self.pattern = pattern
        self.at = 0
        self.names: list[str] = []
        self.lookaheads: list[RegexNode] = []
        # Those of them that must not match.
        self.refused: list[RegexNode] = []
        self.flags = frozenset("i" if in_rule else "")
        self._in_rule = in_rule

    def alternatives(self, depth: int) -> RegexNode:
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
        return RegexNode("|".join(branch.python for branch in branches), "choice", tuple(branches))

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _sequence(self, depth: int) -> RegexNode:
        parts: list[RegexNode] = []
        while self.at < len(self.pattern) and self._peek() not in "|)":
            if self._in_rule and not (depth or parts) and self.pattern.startswith(("(?=", "(?!"), self.at):
                parts.append(self._lookahead())
                continue
            atom = self._atom(depth)
            if atom is not None:
                parts.append(self._repeated(atom))
        return RegexNode("".join(part.python for part in parts), parts=tuple(parts))

    def _lookahead(self) -> RegexNode:
        start = self.pattern[self.at : self.at + 3]
        self.at += 3
        node = self.alternatives(1)
        self._close()
        self.lookaheads.append(node)
        if start == "(?!":
            self.refused.append(node)
        return RegexNode(f"{start}{node.python})")

    def _close(self) -> None:
        if self._peek() != ")":
            raise _invalid()
        self.at += 1

    def _repeated(self, atom: RegexNode) -> RegexNode:
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
        return RegexNode(f"{atom.python}{text}{lazy}", "repeat", (atom,), low=count[0], high=count[1])

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

    def _atom(self, depth: int) -> RegexNode | None:
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
                return RegexNode(f"(?m:{letter})" if "m" in self.flags else r"\A" if letter == "^" else r"\Z")
            case "*" | "+" | "?":
                raise _invalid()
            case "\\":
                return self._escape()
            case _:
                self.at += 1
                return self._set(Characters(((ord(letter), ord(letter)),)))

    def _set(self, characters: Characters) -> RegexNode:
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

    def _node(self, characters: Characters) -> RegexNode:
        return RegexNode(characters.python(self._in_rule), "set", characters=characters)

    def _escape(self) -> RegexNode | None:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter in _ASSERTIONS:
            self.at += 2
            return RegexNode(_ASSERTIONS[letter])
        if letter == "Q":
            # Quoted characters are parsed again as escapes.
            quoted, _, rest = self.pattern[self.at + 2 :].partition("\\E")
            self.pattern = self.pattern[: self.at] + "".join(f"\\x{{{ord(one):x}}}" for one in quoted) + rest
            return None
        if letter and letter in "dDsSwW":
            self.at += 2
            return self._set(Characters(_CLASSES[letter.lower()], negated=letter.isupper()))
        code = self._character()
        return self._set(Characters(((code, code),)))

    def _group(self, depth: int) -> RegexNode | None:
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
        return RegexNode(f"({'' if name is not None else '?:'}{inner.python})", parts=(inner,))

    def _bracket(self) -> Characters:
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
        return Characters(tuple(ranges), negated)

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


class _Automaton:
    """The positions of a pattern, one for each of its characters, and their successors with the number of ways to each.

    An attempt of the matcher is a walk along the positions, so the number of walks bounds its work. Positions are
    numbered from left to right, so only a loop leads back to an earlier position.
    """

    def __init__(self) -> None:
        self.characters: list[Characters] = []
        self.follow: list[dict[int, int]] = []
        # The first position of the outermost loop around each position.
        self.loop: list[int | None] = []
        self._edges = 0

    def add(self, node: RegexNode) -> _Ends:
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

    def _repeat(self, body: RegexNode, low: int, high: int | None) -> _Ends:
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
        samples = samples_of(self.characters)
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


def samples_of(sets: list[Characters]) -> set[int]:
    """Return one code point from each overlap of the sets; overlaps begin where a range begins or ends."""
    ranges = {pair for one in sets for pair in one.ranges}
    codes = {code for low, high in ranges for code in (low, high + 1) if code <= _LAST}
    if any(one.folds for one in sets):
        codes.update(code for low, high in ranges for code in (low - 1, high) if code >= 0)
        codes.update(_EDGES_OF_CASE)
        letters = [chr(code) for code in codes]
        codes.update(ord(other) for one in letters for other in (one.lower(), one.upper()) if len(other) == 1)
    return codes | {0}


def _work(node: RegexNode) -> Polynomial:
    """Return a bound for the attempts from one offset, as a polynomial in the remaining length."""
    automaton = _Automaton()
    ends = automaton.add(node)
    kinds = automaton.kinds()
    work: dict[int, Polynomial] = {}
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
        leaving: Polynomial = (0,)
        after: Polynomial = (0,)
        for one in loop_range:
            staying, exiting = _branches(automaton.follow[one], kinds, work, loop_range)
            leaving, after = _upper_bound(leaving, staying), _upper_bound(after, exiting)
        step = (1 + max(len(automaton.follow[one]) for one in loop_range),)
        bound = _sum([(step, 1), ((0, *_sum([(step, 1), (leaving, 1)])), 1), (after, 1)])
        work.update(dict.fromkeys(loop_range, bound))
        position = loop
    return _sum([((1 + len(ends.first),), 1), (_branches(ends.first, kinds, work, range(0))[1], 1)])


def _branches(
    edges: dict[int, int], kinds: list[frozenset[int]], work: dict[int, Polynomial], loop: range
) -> tuple[Polynomial, Polynomial]:
    """Return the most work after one character: where the ``loop`` may continue as well, and where it cannot."""
    staying: Polynomial = (0,)
    exiting: Polynomial = (0,)
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


def _sum(terms: list[tuple[Polynomial, int]]) -> Polynomial:
    """Return the sum of polynomials, each multiplied by a factor."""
    return tuple(
        sum(polynomial[degree] * factor for polynomial, factor in terms if degree < len(polynomial))
        for degree in range(max((len(polynomial) for polynomial, _ in terms), default=1))
    ) or (0,)


def _upper_bound(one: Polynomial, other: Polynomial) -> Polynomial:
    """Return a polynomial that is an upper bound of both."""
    return tuple(max(pair) for pair in itertools.zip_longest(one, other, fillvalue=0))
