"""Find where brackets, strings, heredocs and comments of HCL end, without parsing expressions."""

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
    """Scanner that handles any text in linear time. Methods raise Unexpected.

    ``comments`` and ``heredocs`` map the start of each one found to its end. ``pairs`` maps the brace of a block to its
    end, as far as known.
    """

    __slots__ = ("_close", "_in_heredoc", "_markers", "comments", "heredocs", "pairs", "text", "unterminated")

    def __init__(self, text: str) -> None:
        self.text = text + END
        self.comments: dict[int, int] = {}
        self.heredocs: dict[int, int] = {}
        self.pairs: dict[int, int] = {}
        self.unterminated: tuple[set[int], set[int]] = set(), set()
        """Brackets and quotes known to be unterminated: if all brackets are paired, and if only braces are."""
        self._markers: dict[str, tuple[list[int], list[int]]] | None = None
        self._in_heredoc = False
        self._close = 0, 0
        """The offset of the last search for the end of a block comment, and its result."""

    def block(self, at: int, end: int) -> int:
        """Return the offset after the brace that closes the one at ``at``. Unclosed strings end with their line."""
        block_end = self.pairs.get(at)
        return self._find_end(at, end, BLOCKS, True) if block_end is None else block_end

    def bracket(self, at: int, end: int) -> int:
        """Return the offset after the bracket or string that starts at ``at``."""
        return self._find_end(at, end, BRACKETS, False)

    def value(self, at: int, end: int) -> tuple[int, int]:
        """Return the end of the expression that starts at ``at``, and the start of the rest of its line."""
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
        """Return the offset after the comment that starts at ``at``."""
        text = self.text
        if text.startswith("/*", at):
            begin, close = self._close
            if at + 2 < begin or 0 <= close < at + 2:
                close = text.find("*/", at + 2)
                self._close = at + 2, close
            stop = close + 2
            if close < 0 or stop > end:
                raise Unexpected("this comment is not closed", at)
        else:
            stop = text.find("\n", at, end)
            if stop < 0:
                stop = end
            if text[stop - 1] == "\r":
                stop -= 1
        self.comments[at] = stop
        return stop

    def heredoc(self, at: int, end: int) -> int:
        """Return the offset after the end marker of the heredoc at ``at``, or after ``<<`` if none starts there."""
        match = heredoc_start(self.text, at, end)
        if match is None:
            return at + 2
        marker = self.marker(match[2], match.end())
        if marker is None or marker[1] > end:
            raise Unexpected("this heredoc is not closed", at)
        if at not in self.heredocs:
            self.heredocs[at] = marker[1]
            self._holes(match.end(), marker[0])
        return marker[1]

    def _holes(self, at: int, end: int) -> None:
        """Scan the interpolations of a heredoc for comments, one level deep."""
        if self._in_heredoc:
            return
        self._in_heredoc = True
        while match := _hole(self.text, at, end):
            try:
                at = self.bracket(match.end(), end)
            except Unexpected:
                # Reported when the heredoc is parsed.
                break
        self._in_heredoc = False

    def marker(self, name: str, at: int) -> tuple[int, int] | None:
        """Return the start of the first line after ``at`` that contains only ``name``, and the end of the name."""
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
        """Return the offset after the bracket or quote at ``at``; ``code`` matches plain code."""
        text, stack, unterminated = self.text, [at], self.unterminated[lenient]
        if at in unterminated:
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
                    at = self._skip(at, end, stack, unterminated)
                    continue
                if mark == _CLOSING[text[stack[-1]]]:
                    at += 1
                    opened = stack.pop()
                    if lenient:
                        self.pairs[opened] = at
                    if not stack:
                        return at
                    continue
                opener = at if mark and mark in '"{[(' and at not in unterminated else -1
            if opener >= 0 and len(stack) < MAX_BRACKETS:
                stack.append(opener)
                at = opener + 1
            elif opener >= 0:
                raise Unexpected("the nesting is too deep", opener, opener)
            else:
                at = self._abandon(stack, at, end, lenient)

    def _skip(self, at: int, end: int, stack: list[int], dead: set[int]) -> int:
        """Return the offset after the comment or heredoc at ``at``, inside the brackets of ``stack``."""
        try:
            return self.heredoc(at, end) if self.text[at] == "<" else self.comment(at, end)
        except Unexpected as error:
            dead.update(stack)
            error.resume = stack[0]
            raise

    def _abandon(self, stack: list[int], at: int, end: int, lenient: bool) -> int:
        """Mark the open brackets as unterminated; return the next line after the outermost string."""
        text, unterminated = self.text, self.unterminated[lenient]
        failed = [*stack, at] if text[at] == '"' else stack
        unterminated.update(failed)
        outer = next((index for index, opener in enumerate(failed) if text[opener] == '"'), 0)
        if not lenient or not outer:
            raise _unterminated_error(text, stack)
        line = text.find("\n", failed[outer], end)
        unterminated.difference_update(failed[:outer])
        del stack[outer:]
        return line if line >= 0 else end


def _unterminated_error(text: str, stack: list[int]) -> Unexpected:
    quote = next((opener for opener in stack if text[opener] == '"'), None)
    if quote is not None:
        return Unexpected("this string is not closed on its line", quote, stack[0])
    return Unexpected(f"this `{text[stack[0]]}` is not closed", stack[0])
