"""Parse comments that make other tools skip a check, and find their targets.

- Checkov: ``#checkov:skip=CKV_AZURE_110:reason``, inside the block that it applies to
- tfsec and Trivy: ``#trivy:ignore:AVD-AZU-0016:exp:2027-01-02 reason``, on the line of a block or argument or above it
- KICS: ``# kics-scan ignore-line`` and ``ignore-block`` above a line or block; ``ignore``, ``disable=`` and ``enable=``
  before the first line of code
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.model.location import SourceComments, Target
from azkvlint.model.suppression import CHECKOV, EVERY_CHECK, KICS
from azkvlint.syntax.ignore_comments import code_after, comment_lines, day_of
from azkvlint.syntax.positions import Lines
from azkvlint.util.lazy_regex import regex

if TYPE_CHECKING:
    from datetime import date

WORDS = (":skip=", "tfsec:", "trivy:", "kics-scan")
"""A file without any of these, in any case, has no such comment."""

_CHECKOV = regex(
    r"(?:checkov|bridgecrew|cortex):skip=[ ]*+(?P<ids>[A-Za-z0-9_]++(?:,[A-Za-z0-9_]++)*+)(?::(?P<reason>[^\r\n]*+))?"
)
_KICS = regex(r"[\s#/*;]*+kics-scan(?P<words>(?:\s.*)?)", re.IGNORECASE)
_WORD = regex(r"\S++")
_BLANK = regex(r"\s*+")
# Characters that may surround the words in a line of a comment.
_MARKERS = " \t#/*"
_IGNORED_IN_REASON = " \t\"'*/#:-"

_Span: TypeAlias = tuple[int, int]


class Reach(Enum):
    """The target of a comment."""

    FILE = "file"
    AROUND = "around"
    """The outermost block around the comment."""
    BESIDE = "beside"
    """The block or argument on the comment's line or on the next one."""
    BELOW = "below"
    """The block or argument that follows the comment."""
    LINE = "line"
    """All findings on the comment's line and on the next one."""


class PeerComment(msgspec.Struct, frozen=True, kw_only=True):
    """A directive for another tool. ``ids`` are as written; ``*`` is every check of the tool.

    With ``is_except`` every other check is skipped. ``until`` is its last valid day; ``ended``: its last day is not a
    date, so the tool does not respect it. ``condition`` states when it applies, if not always. ``comment`` is the index
    of the comment, ``start`` and ``end`` are its span in the text.
    """

    tool: str
    ids: tuple[str, ...]
    reach: Reach
    start: int
    end: int
    comment: int = 0
    is_except: bool = False
    reason: str = ""
    until: date | None = None
    ended: bool = False
    condition: str = ""


def has_peer_comments(text: str) -> bool:
    """Return whether a text may contain comments for other tools."""
    lowered = text.lower()
    return any(word in lowered for word in WORDS)


def peer_comments(source: SourceComments) -> list[tuple[PeerComment, _Span | None]]:
    """Return the comments for other tools with the span that each applies to; None without a target."""
    if not has_peer_comments(source.text):
        return []
    comments: list[PeerComment] = []
    for index, start, end in comment_lines(source.text, source.comments):
        comments += _in_line(source.text, index, start, end)
    if not comments:
        return []
    spans = _Spans(source, comments)
    return [(one, spans.span_of(one)) for one in comments]


def skip_of(content: str) -> tuple[tuple[str, ...], str] | None:
    """Parse a skip in the metadata of a template, ``CKV_AZURE_110:reason``, into ids and reason."""
    ids, _, reason = content.partition(":")
    return ((ids.strip(),), _reason(reason)) if ids.strip() else None


def _in_line(text: str, comment: int, low: int, high: int) -> Iterator[PeerComment]:
    """Yield the directives for other tools in one line of a comment."""
    line = text[low:high]
    lowered = line.lower()
    if ":skip=" in line:
        match = _CHECKOV.search(line)
        if match is not None:
            yield PeerComment(
                tool=CHECKOV, ids=tuple(dict.fromkeys(match["ids"].split(","))), reach=Reach.AROUND, comment=comment,
                start=low + match.start(), end=low + match.end(), reason=_reason(match["reason"] or ""),
            )  # fmt: skip
    if "tfsec:" in line or "trivy:" in line:
        yield from _ignores(line, comment, low)
    if "kics-scan" in lowered:
        match = _KICS.fullmatch(line)
        if match is not None:
            yield from _commands(match["words"], comment, low, high)


def _ignores(line: str, comment: int, low: int) -> Iterator[PeerComment]:
    """Yield the ignores of tfsec and Trivy in a line; other words are the reason of the ignore before them."""
    pending: PeerComment | None = None
    reason: list[str] = []
    for match in _WORD.finditer(line):
        word = match[0].lstrip(_MARKERS)
        ignore = _ignore(word, comment, low + match.end() - len(word)) if word[:6] in ("tfsec:", "trivy:") else None
        if ignore is None:
            reason.append(word)
            continue
        if pending is not None:
            yield msgspec.structs.replace(pending, reason=_reason(" ".join(reason)))
        pending, reason = ignore, []
    if pending is not None:
        yield msgspec.structs.replace(pending, reason=_reason(" ".join(reason)))


def _ignore(word: str, comment: int, start: int) -> PeerComment | None:
    """Parse ``trivy:ignore:ID:exp:2027-01-02:ws:NAME``; None for anything else."""
    tool, *sections = word.split(":")
    if len(sections) < 2 or sections[0] != "ignore":
        return None
    id_, bracket, _ = sections[1].partition("[")
    until: date | None = None
    ended, condition = False, "it applies only to some values" if bracket else ""
    for key, value in zip(sections[2::2], sections[3::2], strict=False):
        if key == "exp":
            until = day_of(value)
            ended = until is None
        elif key == "ws":
            condition = f"it applies only to workspace `{value}`"
    if not id_:
        return None
    return PeerComment(
        tool=tool, ids=(id_,), reach=Reach.BESIDE, comment=comment, start=start, end=start + len(word), until=until,
        ended=ended, condition=condition,
    )  # fmt: skip


def _commands(words: str, comment: int, start: int, end: int) -> Iterator[PeerComment]:
    for word in words.split():
        name, _, ids = word.partition("=")
        command = name.lower()
        reach = {"ignore-line": Reach.LINE, "ignore-block": Reach.BELOW, "ignore": Reach.FILE}.get(command)
        check_ids = tuple(dict.fromkeys(id_.strip() for id_ in ids.split(",") if id_.strip()))
        if reach is not None and not ids:
            yield PeerComment(tool=KICS, ids=(EVERY_CHECK,), reach=reach, comment=comment, start=start, end=end)
        elif command in ("disable", "enable") and check_ids:
            is_except = command == "enable"
            yield PeerComment(
                tool=KICS, ids=check_ids, reach=Reach.FILE, comment=comment, start=start, end=end, is_except=is_except
            )


def _reason(text: str) -> str:
    """Return a reason without quotation marks and comment markers around it."""
    return " ".join(text.split()).strip(_IGNORED_IN_REASON)


class _Spans:
    """The target of each comment for another tool in a file."""

    def __init__(self, source: SourceComments, comments: Sequence[PeerComment]) -> None:
        self._source = source
        self._lines = Lines(source.text).starts
        self._starts = [target.start for target in source.targets]
        self._outer = [(one.start, one.end) for one in self._outermost() if one.head_end < one.end]
        self._after = code_after(source)
        self._code = self._first_code()
        # Ignores of tfsec and Trivy on consecutive lines apply to the block or argument after the last of them.
        leading = {self._line(one.start) for one in comments if one.reach is Reach.BESIDE and self._leads(one)}
        self._below: dict[int, int] = {}
        for line in sorted(leading, reverse=True):
            self._below[line] = self._below.get(line + 1, line + 1)

    def span_of(self, one: PeerComment) -> _Span | None:
        """Return the span that a comment applies to."""
        line = self._line(one.start)
        match one.reach:
            case Reach.FILE:
                return (0, len(self._source.text) + 1) if one.start < self._code else None
            case Reach.AROUND:
                return self._around(one.start)
            case Reach.LINE:
                return self._lines[line], self._start_of(self._line(one.end) + 2)
            case Reach.BELOW:
                return self._at(self._after[one.comment])
            case Reach.BESIDE:
                return self._on(line) or (self._on(self._below[line]) if line in self._below else None)

    def _outermost(self) -> Iterator[Target]:
        """Yield the targets that are not nested in another one."""
        end = 0
        for target in self._source.targets:
            if target.start >= end:
                end = target.end
                yield target

    def _first_code(self) -> int:
        """Return the offset of the first code."""
        first = self._blank(0)
        comments = self._source.comments
        return self._after[0] if comments and comments[0][0] <= first else first

    def _blank(self, at: int) -> int:
        match = _BLANK.match(self._source.text, at)
        return at if match is None else match.end()

    def _line(self, offset: int) -> int:
        """Return the 0-based line of an offset."""
        return bisect_right(self._lines, offset) - 1

    def _start_of(self, line: int) -> int:
        return self._lines[line] if line < len(self._lines) else len(self._source.text) + 1

    def _around(self, offset: int) -> _Span | None:
        index = bisect_right(self._outer, (offset, offset)) - 1
        return self._outer[index] if index >= 0 and offset < self._outer[index][1] else None

    def _on(self, line: int) -> _Span | None:
        """Return the first target that begins on a line."""
        index = bisect_left(self._starts, self._start_of(line))
        if index >= len(self._starts) or self._starts[index] >= self._start_of(line + 1):
            return None
        return self._source.targets[index].start, self._source.targets[index].end

    def _at(self, offset: int) -> _Span | None:
        """Return the target that begins at an offset."""
        index = bisect_left(self._starts, offset)
        if index == len(self._starts) or self._starts[index] != offset:
            return None
        return offset, self._source.targets[index].end

    def _leads(self, one: PeerComment) -> bool:
        """Return whether no code precedes a comment on its line."""
        start = self._source.comments[one.comment][0]
        return self._blank(self._lines[self._line(start)]) >= start
