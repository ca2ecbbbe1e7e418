"""Compute GitHub code scanning's fingerprint of a line: ``primaryLocationLineHash``.

It covers the first hundred characters from the start of the line, including the following lines, without blanks and
tabs and with line feeds as line breaks: a polynomial of 37 over their UTF-16 code units, modulo 2 to the 64th. The end
of the file counts as one code unit of all ones, followed by zeros. A colon and the number of occurrences so far in the
file follow. A byte order mark counts as a character of the first line. GitHub decodes a file that is not UTF-8 as if it
were, so such a file gets no fingerprints here; the upload of the log may add them. Source: the fingerprints that
github/codeql-action adds to logs without any.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from operator import mul

from azkvlint.syntax.positions import Lines, MarkedText
from azkvlint.util.lazy_regex import regex

_LENGTH = 100
# A search is faster for a few lines; for each line it would take quadratic time.
_FEW = 50
_BASE = 37
_MASK = 2**64 - 1
_END = "\uffff"
# The factor of each code unit; those after the end of the text are zeros.
_POWERS = [pow(_BASE, _LENGTH - 1 - at, _MASK + 1) for at in range(_LENGTH)]
_BLANKS = str.maketrans("", "", " \t")
# The text that the fingerprint of a line covers, or slightly more.
_WINDOW = regex(r"(?:[ \t]*+(?:\r\n|[^ \t])){0,100}+")


class LineHashes:
    """The fingerprints of the lines of one text. Shared data is computed on first use."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._text = ""
        self._starts: list[int] = []
        self._counts: list[int] = []
        self._searches = 0
        self._spans: dict[int, tuple[int, int]] = {}

    def hash_line(self, line: int) -> str:
        """Return the fingerprint of a line (1-based): hexadecimal digits, a colon, a number; empty if it has none."""
        if isinstance(self._lines.text, MarkedText) and not self._lines.text.is_utf8:
            return ""
        if not self._starts:
            self._index_lines()
        window = self._window(self._starts[line - 1])
        value = sum(map(mul, map(ord, window), _POWERS)) & _MASK
        return f"{value:x}:{self._count(line, window)}"

    def span(self, line: int) -> tuple[int, int]:
        """Return the part of the text that a fingerprint is made of, which could be derived from it."""
        if line not in self._spans:
            start = self._lines.starts[line - 1]
            match = _WINDOW.match(self._lines.text, start)
            self._spans[line] = start, start if match is None else match.end()
        return self._spans[line]

    def _window(self, start: int) -> str:
        return self._text[start : start + _LENGTH]

    def _index_lines(self) -> None:
        text = self._lines.text
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text.isascii():
            text = text.encode().translate(None, b" \t").decode() + _END
        else:
            text = text.translate(_BLANKS) + _END
            # A character beyond U+FFFF has two code units.
            units = array("H", text.encode("utf-16", "surrogatepass"))[1:]
            text = "".join(map(chr, units))
        mark = "\ufeff" if isinstance(self._lines.text, MarkedText) else ""
        # The leading line break makes the first line match like all others.
        self._text = f"\n{mark}{text}"
        self._starts = [0, *accumulate([len(line) + 1 for line in self._text.split("\n")])][1:-1]

    def _count(self, line: int, window: str) -> int:
        """Return how many lines up to this one begin with the same window."""
        self._searches += 1
        if self._searches <= _FEW:
            # The last of the occurrences up to this line is itself. Those of the end of the text may be in others.
            number, found, start = 0, -1, self._starts[line - 1]
            while found + 1 < start and self._searches <= _FEW:
                found = self._text.find(f"\n{window}", found + 1)
                number += 1
                self._searches += number > 1
            if found + 1 == start and (number == 1 or len(window) == _LENGTH):
                return number
        if not self._counts:
            seen: dict[str, int] = {}
            for start in self._starts:
                other = self._window(start)
                seen[other] = seen.get(other, 0) + 1
                self._counts.append(seen[other])
        return self._counts[line - 1]
