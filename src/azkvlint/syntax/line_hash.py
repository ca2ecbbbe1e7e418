"""The fingerprint by which GitHub code scanning knows a line again: ``primaryLocationLineHash``.

It is made of the first hundred characters from the start of the line, lines after it included, blanks and tabs left out
and every line break a line feed: a polynomial of 37 over their UTF-16 code units, modulo 2 to the 64th. The end of the
file counts as one code unit of all ones, what would come after it as zeros. After a colon stands how many times this
has come up so far in the file. A byte order mark counts as a character of the first line. What is not UTF-8 is read as
if it were, line by line of another text: such a file has no fingerprints here; the upload of the log may add them.
Source: the fingerprints that github/codeql-action adds to logs that have none.
"""

from __future__ import annotations

from array import array
from itertools import accumulate

from azkvlint.syntax.positions import Lines, MarkedText
from azkvlint.util.lazy_regex import regex

_LENGTH = 100
# To look for one line is quicker than to count all; to look for each would take time by the square.
_FEW = 50
_BASE = 37
_MASK = 2**64 - 1
_END = "\uffff"
_BLANKS = str.maketrans("", "", " \t")
# What the fingerprint of a line is made of, or a little more.
_WINDOW = regex(r"(?:[ \t]*+(?:\r\n|[^ \t])){0,100}+")


class LineHashes:
    """The fingerprints of the lines of one text. What they have in common is found when one is first asked for."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._text = ""
        self._starts: list[int] = []
        self._counts: list[int] = []
        self._requests = 0

    def hash_line(self, line: int) -> str:
        """Return the fingerprint of a line, counted from 1: hexadecimal digits, a colon, a number; empty if none."""
        if isinstance(self._lines.text, MarkedText) and not self._lines.text.is_utf8:
            return ""
        if not self._starts:
            self._index_lines()
        window = self._window(self._starts[line - 1])
        value = 0
        for unit in window.ljust(_LENGTH, "\0"):
            value = (value * _BASE + ord(unit)) & _MASK
        return f"{value:x}:{self._count(line, window)}"

    def span(self, line: int) -> tuple[int, int]:
        """Return what of the text a fingerprint is made of, which could be worked out from it."""
        start = self._lines.starts[line - 1]
        match = _WINDOW.match(self._lines.text, start)
        return start, start if match is None else match.end()

    def _window(self, start: int) -> str:
        return self._text[start : start + _LENGTH]

    def _index_lines(self) -> None:
        text = self._lines.text.replace("\r\n", "\n").replace("\r", "\n").translate(_BLANKS) + _END
        if not self._lines.text.isascii():
            # Code units, of which a character beyond U+FFFF has two.
            units = array("H", text.encode("utf-16", "surrogatepass"))[1:]
            text = "".join(map(chr, units))
        mark = "\ufeff" if isinstance(self._lines.text, MarkedText) else ""
        # With a line break before the first line, too.
        self._text = f"\n{mark}{text}"
        self._starts = [0, *accumulate([len(line) + 1 for line in self._text.split("\n")])][1:-1]

    def _count(self, line: int, window: str) -> int:
        """Return how many lines up to this one begin with the same window."""
        self._requests += 1
        if self._requests <= _FEW and self._text.find(f"\n{window}") + 1 == self._starts[line - 1]:
            return 1
        if not self._counts:
            seen: dict[str, int] = {}
            for start in self._starts:
                other = self._window(start)
                seen[other] = seen.get(other, 0) + 1
                self._counts.append(seen[other])
        return self._counts[line - 1]
