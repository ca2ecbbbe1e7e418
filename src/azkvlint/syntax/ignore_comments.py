"""Parse directives in comments, ``# kvlint: ignore[KV101] reason until=2027-03-01``, and find their targets.

A directive applies to the attribute or block on its line, else to the next one below it, and inside a multi-line
attribute to that; ``ignore-file`` applies to its file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from azkvlint.model.location import SourceComments
from azkvlint.syntax.positions import Lines
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from datetime import date

_WORD = "kvlint"
_START = regex(r"(?<![\w-])kvlint[ \t]*:[ \t]*", re.IGNORECASE)
_DIRECTIVE = regex(r"(?P<what>ignore(?:-file)?)[ \t]*\[(?P<ids>[^\[\]]*)\](?P<reason>.*)", re.IGNORECASE)
# Only a date may follow without "=" or ":": "until it is gone" is a reason.
_UNTIL = regex(r"\(?(?<!\w)until(?:[ \t]*[=:][ \t]*|[ \t]+(?=[0-9]))(?P<day>[^\s,;)]*)[,;)]?", re.IGNORECASE)
_OWNER = regex(r"\(?(?<!\w)owner[ \t]*=[ \t]*(?P<owner>[^\s,;)]*)[,;)]?", re.IGNORECASE)
_DAY = regex(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\.?")
_LINE = regex(r"[^\r\n]+")
_LETTER = regex(r"\w")
_BLANK = regex(r"\s*")
# Characters that may precede the first word in a line of a comment.
_MARKERS = " \t#/*"


class Directive(msgspec.Struct, frozen=True, kw_only=True):
    """One directive. ``ids`` are as written; ``until`` is the last valid day; ``fault`` the error, or empty.

    ``comment`` is the index of the comment, ``start`` and ``end`` are the span of the directive in the text.
    """

    comment: int
    start: int
    end: int
    whole_file: bool = False
    ids: tuple[str, ...] = ()
    reason: str = ""
    until: date | None = None
    owner: str = ""
    fault: str = ""


def directives(text: str, comments: Sequence[tuple[int, int]]) -> list[Directive]:
    """Return all directives in the comments of a text in order, including invalid ones."""
    if _WORD not in text and _WORD not in text.lower():
        return []
    return [one for line in comment_lines(text, comments) for one in _in_line(text, *line)]


def comment_lines(text: str, comments: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield the lines of comments: the index of the comment, and the span of the line."""
    for index, (start, end) in enumerate(comments):
        stop = end - 2 if text.startswith("/*", start) and text.endswith("*/", start + 2, end) else end
        for line in _LINE.finditer(text, start, stop):
            yield index, *line.span()


def code_after(source: SourceComments) -> list[int]:
    """Return for each comment the offset of the next token that is not a comment."""
    comments = source.comments
    offsets = [0] * len(comments)
    for index in range(len(comments) - 1, -1, -1):
        after = _blank_to(source.text, comments[index][1])
        is_adjacent = index + 1 < len(comments) and after >= comments[index + 1][0]
        offsets[index] = offsets[index + 1] if is_adjacent else after
    return offsets


def _in_line(text: str, comment: int, low: int, high: int) -> Iterator[Directive]:
    """Yield the directives in one line of a comment. Except at its start, the name followed by other words is prose."""
    starts = list(_START.finditer(text, low, high))
    ends = [*(match.start() for match in starts[1:]), high]
    for match, end in zip(starts, ends, strict=False):
        # A second directive may have a comment marker of its own.
        content = text[match.end() : end].rstrip(_MARKERS)
        first = not text[low : match.start()].strip(_MARKERS)
        if first or content[:6].lower() == "ignore":
            yield directive_of(content, comment, match.start(), match.end() + len(content))


def directive_of(content: str, comment: int, start: int, end: int) -> Directive:
    """Parse the part of a directive after ``kvlint:``, which is from ``start`` to ``end``."""

    def wrong(fault: str) -> Directive:
        return Directive(comment=comment, start=start, end=end, fault=fault)

    match = _DIRECTIVE.fullmatch(content)
    if match is None:
        return wrong("the directive is not supported")
    ids = tuple(id_.strip() for id_ in match["ids"].split(","))
    if not all(ids):
        return wrong("the rule is missing" if ids == ("",) else "a rule between two commas is missing")
    days = [found["day"] for found in _UNTIL.finditer(match["reason"])]
    until = day_of(days[0]) if days else None
    if len(days) > 1 or (days and until is None):
        return wrong("`until` is not a date" if len(days) == 1 else "`until` is set more than once")
    owners = [found["owner"] for found in _OWNER.finditer(match["reason"])]
    if len(owners) > 1 or owners == [""]:
        return wrong("`owner` is set more than once" if len(owners) > 1 else "`owner` is empty")
    reason = " ".join(_OWNER.sub(" ", _UNTIL.sub(" ", match["reason"])).split()).strip(":- ")
    if not _LETTER.search(reason):
        return wrong("the reason is missing")
    return Directive(
        comment=comment, start=start, end=end, whole_file=match["what"].lower() != "ignore",
        ids=tuple(dict.fromkeys(ids)), reason=reason, until=until, owner="".join(owners),
    )  # fmt: skip


def day_of(text: str) -> date | None:
    """Return ``2027-03-01`` as a date; None for anything else."""
    from datetime import date

    match = _DAY.fullmatch(text)
    try:
        return None if match is None else date(*map(int, match.groups()))
    except ValueError:
        return None


def target_spans(source: SourceComments, directives: Sequence[Directive]) -> list[tuple[int, int] | None]:
    """Return for each directive, in order, the span that it applies to; None if it has no target."""
    if not directives:
        return []
    places = _Targets(source)
    return [
        (0, len(source.text) + 1) if directive.whole_file else places.beside(directive.comment)
        for directive in directives
    ]


class _Targets:
    """The target of each comment of a file. Call ``beside`` in the order of the comments."""

    def __init__(self, source: SourceComments) -> None:
        self._source = source
        self._line_starts = Lines(source.text).starts
        self._starts = [target.start for target in source.targets]
        ends = sorted((target.head_end, index) for index, target in enumerate(source.targets))
        self._head_ends = [end for end, _ in ends]
        self._by_head_end = [index for _, index in ends]
        self._leading = list(self._leading_flags())
        self._next = code_after(source)
        self._open: list[int] = []
        self._passed = 0

    def beside(self, comment: int) -> tuple[int, int] | None:
        """Return the span that a comment applies to."""
        start, _ = self._source.comments[comment]
        enclosing = self._around(start)
        index = self._at(self._next[comment]) if self._leading[comment] else self._on_line(start)
        if index is None:
            index = enclosing if enclosing is not None else self._ending(start)
        if index is None:
            return None
        target = self._source.targets[index]
        return target.start, target.end

    def _leading_flags(self) -> Iterator[bool]:
        """Yield for each comment whether only comments precede it on its line."""
        text, last, led = self._source.text, 0, True
        for start, end in self._source.comments:
            line = self._line_of(start)
            led = (last <= line or led) and _blank_to(text, max(line, min(last, start))) >= start
            yield led
            last = end

    def _line_of(self, offset: int) -> int:
        """Return the start of the line of an offset."""
        return self._line_starts[bisect_right(self._line_starts, offset) - 1]

    def _around(self, offset: int) -> int | None:
        """Return the innermost attribute or header around an offset."""
        targets = self._source.targets
        while self._passed < len(targets) and targets[self._passed].start < offset:
            while self._open and targets[self._open[-1]].head_end <= targets[self._passed].start:
                self._open.pop()
            self._open.append(self._passed)
            self._passed += 1
        while self._open and targets[self._open[-1]].head_end <= offset:
            self._open.pop()
        return self._open[-1] if self._open else None

    def _at(self, offset: int) -> int | None:
        """Return the target that begins at an offset."""
        index = bisect_left(self._starts, offset)
        return index if index < len(self._starts) and self._starts[index] == offset else None

    def _on_line(self, offset: int) -> int | None:
        """Return the first target that begins on the line of an offset, before it."""
        index = bisect_left(self._starts, self._line_of(offset))
        return index if index < len(self._starts) and self._starts[index] < offset else None

    def _ending(self, offset: int) -> int | None:
        """Return the last attribute or header that ends on the line of an offset, before it."""
        index = bisect_right(self._head_ends, offset) - 1
        return self._by_head_end[index] if index >= 0 and self._head_ends[index] > self._line_of(offset) else None


def _blank_to(text: str, offset: int) -> int:
    match = _BLANK.match(text, offset)
    return offset if match is None else match.end()
