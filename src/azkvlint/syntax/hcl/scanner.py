"""A text of Terraform's language, gone over without being understood: where its brackets, texts and comments end."""

from __future__ import annotations

import re
from bisect import bisect_left

from azkvlint.syntax.hcl.tokens import (
    BLOCKS,
    BRACKETS,
    END,
    IDENTIFIER,
    LINE,
    MAX_BRACKETS,
    Matcher,
    TotalMatcher,
    Unexpected,
    heredoc_start,
    quoted,
    unexpected,
)
from azkvlint.util.lazy_regex import regex

_CLOSING = {"{": "}", "[": "]", "(": ")"}
_hole: Matcher = regex(r"(?:[^$%]++|\$\$\{|%%\{|[$%](?!\{))*+[$%](?=\{)").match
_MARKER_LINE = regex(rf"^[ \t]*+({IDENTIFIER})[ \t]*+\r?$", re.MULTILINE)


class Scanner:
    """Goes over a text in one pass, whatever is in it. Methods raise Unexpected.

    ``comments``: where each one that was met starts and ends. ``heredocs``: the same. ``pairs``: where the block ends
    whose brace is at an offset, as far as that is known.
    """

    __slots__ = ("_close", "_markers", "_in_heredoc", "comments", "dead", "heredocs", "pairs", "text")

    def __init__(self, text: str) -> None:
        self.text = text + END
        self.comments: dict[int, int] = {}
        self.heredocs: dict[int, int] = {}
        self.pairs: dict[int, int] = {}
        self.unterminated: tuple[set[int], set[int]] = set(), set()
        """Brackets and quotes that were gone over once and do not end: if all are paired, and if only braces are."""
        self._markers: dict[str, tuple[list[int], list[int]]] | None = None
        self._in_heredoc = False
        self._close = 0, 0
        """From where on the end of a comment was looked for last, and where it is."""

    def block(self, at: int, end: int) -> int:
        """Return the offset behind the brace that closes the one at ``at``. Unclosed strings end with their line."""
        known = self.pairs.get(at)
        return self._find_end(at, end, BLOCKS, True) if known is None else known

    def bracket(self, at: int, end: int) -> int:
        """Return the offset behind what closes the bracket or text that starts at ``at``."""
        return self._find_end(at, end, BRACKETS, False)

    def value(self, at: int, end: int) -> tuple[int, int]:
        """Return where the expression ends that starts at ``at``, and where what follows it on its line starts."""
        text, last = self.text, at
        while True:
            stop = LINE(text, at, end).end()
            piece = text[at:stop].rstrip()
            if piece:
                last = at + len(piece)
            if stop >= end:
                return last, end
            mark = text[stop]
            if mark in '"{[(':
                at = last = self.bracket(stop, end)
            elif mark == "<":
                at = last = self.heredoc(stop, end)
            elif text.startswith("/*", stop):
                at = self.comment(stop, end)
            elif mark in ")]":
                raise unexpected(text, stop, "the end of the line")
            else:
                return last, stop

    def comment(self, at: int, end: int) -> int:
        """Return the offset behind the comment that starts at ``at``."""
        text = self.text
        if text.startswith("/*", at):
            begin, close = self._close
            if at + 2 < begin or 0 <= close < at + 2:
                close = text.find("*/", at + 2)
                self._close = at + 2, close
            stop = close + 2
            if close < 0 or stop > end:
                raise Unexpected("this comment does not end", at)
        else:
            stop = text.find("\n", at, end)
            if stop < 0:
                stop = end
            if text[stop - 1] == "\r":
                stop -= 1
        self.comments[at] = stop
        return stop

    def heredoc(self, at: int, end: int) -> int:
        """Return the offset behind the end marker of the heredoc at ``at``, or behind two signs that start none."""
        match = heredoc_start(self.text, at, end)
        if match is None:
            return at + 2
        found = self.marker(match[2], match.end())
        if found is None or found[1] > end:
            raise Unexpected("this heredoc does not end", at)
        if at not in self.heredocs:
            self.heredocs[at] = found[1]
            self._holes(match.end(), found[0])
        return found[1]

    def _holes(self, at: int, end: int) -> None:
        """Go over the expressions in a heredoc, for the sake of the comments in them. No deeper than in one."""
        if self._in_heredoc:
            return
        self._in_heredoc = True
        while match := _hole(self.text, at, end):
            try:
                at = self.bracket(match.end(), end)
            except Unexpected:
                # What is wrong there is said when the heredoc is read.
                break
        self._in_heredoc = False

    def marker(self, name: str, at: int) -> tuple[int, int] | None:
        """Return where the first line from ``at`` on starts that holds only ``name``, and where the name ends."""
        if self._markers is None:
            self._markers = {}
            for match in _MARKER_LINE.finditer(self.text, 0, len(self.text) - len(END)):
                starts, ends = self._markers.setdefault(match[1], ([], []))
                starts.append(match.start())
                ends.append(match.end(1))
        starts, ends = self._markers.get(name, ([], []))
        index = bisect_left(starts, at)
        return (starts[index], ends[index]) if index < len(starts) else None

    def _find_end(self, at: int, end: int, code: TotalMatcher, lenient: bool) -> int:
        """Return the offset behind what closes the bracket or quote at ``at``; ``code`` matches plain code."""
        text, stack, dead = self.text, [at], self.unterminated[lenient]
        if at in dead:
            raise _unterminated_error(text, [at])
        at += 1
        while True:
            if text[stack[-1]] == '"':
                at = quoted(text, at, end).end()
                mark = text[at] if at < end else ""
                if mark == '"':
                    at += 1
                    stack.pop()
                    if not stack:
                        return at
                    continue
                opener = at + 1 if mark in {"$", "%"} else -1
            else:
                at = code(text, at, end).end()
                mark = text[at] if at < end else ""
                if mark and mark in "#/<":
                    at = self._skip(at, end, stack, dead)
                    continue
                if mark == _CLOSING[text[stack[-1]]]:
                    at += 1
                    opened = stack.pop()
                    if lenient:
                        self.pairs[opened] = at
                    if not stack:
                        return at
                    continue
                opener = at if mark and mark in '"{[(' and at not in dead else -1
            if opener >= 0 and len(stack) < MAX_BRACKETS:
                stack.append(opener)
                at = opener + 1
            elif opener >= 0:
                raise Unexpected("nested too deep", opener, opener)
            else:
                at = self._abandon(stack, at, end, lenient)

    def _skip(self, at: int, end: int, stack: list[int], dead: set[int]) -> int:
        """Return the offset behind the comment or heredoc at ``at``, which stands in what ``stack`` opens."""
        try:
            return self.heredoc(at, end) if self.text[at] == "<" else self.comment(at, end)
        except Unexpected as error:
            dead.update(stack)
            error.resume = stack[0]
            raise

    def _abandon(self, stack: list[int], at: int, end: int, lenient: bool) -> int:
        """Return what is open at ``at`` does not end: where to go on, which is the line behind the outermost text."""
        text, dead = self.text, self.unterminated[lenient]
        failed = [*stack, at] if text[at] == '"' else stack
        dead.update(failed)
        outer = next((index for index, opener in enumerate(failed) if text[opener] == '"'), 0)
        if not lenient or not outer:
            raise _unterminated_error(text, stack)
        line = text.find("\n", failed[outer], end)
        dead.difference_update(failed[:outer])
        del stack[outer:]
        return line if line >= 0 else end


def _unterminated_error(text: str, stack: list[int]) -> Unexpected:
    """Return what is wrong with brackets and quotes that nothing closes."""
    quote = next((opener for opener in stack if text[opener] == '"'), None)
    if quote is not None:
        return Unexpected("this text does not end on its line", quote, stack[0])
    return Unexpected(f"this '{text[stack[0]]}' is not closed", stack[0])
