"""Parse directives in comments and metadata, ``# kvlint: ignore[KV101] reason``, and comments for other tools.

A directive applies to the attribute or block on its line, else to the next one below it, and inside a multi-line
attribute to that; ``ignore-file`` applies to its file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from azkvlint.model.location import SourceComments, Target
from azkvlint.model.suppression import CHECKOV, EVERY_CHECK, KICS
from azkvlint.syntax.json_decoder import JsonDocument, Pointer
from azkvlint.syntax.json_positions import locate
from azkvlint.syntax.texts import Lines
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


class IgnoreDirective(msgspec.Struct, frozen=True, kw_only=True):
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


def directives(text: str, comments: Sequence[tuple[int, int]]) -> list[IgnoreDirective]:
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


def _in_line(text: str, comment: int, low: int, high: int) -> Iterator[IgnoreDirective]:
    """Yield the directives in one line of a comment. Except at its start, the name followed by other words is prose."""
    starts = list(_START.finditer(text, low, high))
    ends = [*(match.start() for match in starts[1:]), high]
    for match, end in zip(starts, ends, strict=False):
        # A second directive may have a comment marker of its own.
        content = text[match.end() : end].rstrip(_MARKERS)
        first = not text[low : match.start()].strip(_MARKERS)
        if first or content[:6].lower() == "ignore":
            yield directive_of(content, comment, match.start(), match.end() + len(content))


def directive_of(content: str, comment: int, start: int, end: int) -> IgnoreDirective:
    """Parse the part of a directive after ``kvlint:``, which is from ``start`` to ``end``."""

    def wrong(fault: str) -> IgnoreDirective:
        return IgnoreDirective(comment=comment, start=start, end=end, fault=fault)

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
    return IgnoreDirective(
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


def target_spans(source: SourceComments, directives: Sequence[IgnoreDirective]) -> list[tuple[int, int] | None]:
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


_NAME = "kvlint"
_KEYS = frozenset({"rules", "reason", "until", "owner"})


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The directives of a document, each with the pointer of its target, and those for Checkov."""

    text: str
    found: tuple[tuple[IgnoreDirective, Pointer], ...]
    peers: tuple[tuple[PeerComment, Pointer], ...] = ()


def metadata_of(document: JsonDocument) -> Metadata | None:
    """Return all directives in the metadata of a document, including invalid ones; None without any."""
    entries = list(_entries(document.value))
    places = locate(document.text, [entry for _, entry, _, _ in entries])
    own_directives: list[tuple[IgnoreDirective, Pointer]] = []
    peers: list[tuple[PeerComment, Pointer]] = []
    for about, entry, name, value in entries:
        start, end = places.get(entry, (0, 0))
        if name == _NAME:
            own_directives.append((_directive(value, start, end), about))
        else:
            peers += ((one, about) for one in _skips(value, start, end))
    return (
        Metadata(text=document.text, found=tuple(own_directives), peers=tuple(peers))
        if own_directives or peers
        else None
    )


def _entries(value: Any) -> Iterator[tuple[Pointer, Pointer, str, Any]]:
    """Yield each directive in document order: the pointers of its target and of itself, the tool, and its value."""
    pending: list[tuple[Pointer, Any]] = [((), value)]
    while pending:
        pointer, node = pending.pop()
        members: Iterator[tuple[str | int, Any]] = iter(())
        if isinstance(node, dict):
            yield from _object_entries(pointer, node)
            members = iter(node.items())
        elif isinstance(node, list):
            members = iter(enumerate(node))
        nested = [((*pointer, step), part) for step, part in members if isinstance(part, dict | list)]
        pending.extend(reversed(nested))


def _object_entries(pointer: Pointer, node: Mapping[str, Any]) -> Iterator[tuple[Pointer, Pointer, str, Any]]:
    for key in (key for key in node if key.lower() == "metadata"):
        metadata = node[key]
        for name in metadata if isinstance(metadata, dict) else ():
            place, entry_value = (*pointer, key, name), metadata[name]
            if name.lower() == _NAME:
                yield from ((pointer, at, _NAME, entry) for at, entry in _own_entries(place, entry_value))
            elif name == CHECKOV:
                yield from ((pointer, at, CHECKOV, entry) for at, entry in _checkov_entries(place, entry_value))


def _own_entries(place: Pointer, value: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the entries of kvlint's own metadata; None for an invalid one."""
    if not isinstance(value, dict):
        yield place, value
        return
    for word, entries in value.items():
        if word.lower() != "ignore" or not isinstance(entries, list):
            yield (*place, word), None
            continue
        yield from (((*place, word, index), entry) for index, entry in enumerate(entries))


def _checkov_entries(place: Pointer, value: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the entries of Checkov's metadata: below ``skip``, in a list, or a single one."""
    if isinstance(value, dict):
        place, value = (*place, "skip"), value.get("skip")
    if isinstance(value, list):
        yield from (((*place, index), entry) for index, entry in enumerate(value))
    elif value is not None:
        yield place, value


def _skips(value: Any, start: int, end: int) -> Iterator[PeerComment]:
    """Parse an entry of Checkov's metadata: an object with ``id`` and ``comment``, or ``ID:comment``."""
    id_, reason = (value.get("id"), value.get("comment", "")) if isinstance(value, dict) else (value, "")
    if not isinstance(id_, str):
        return
    skip = skip_of(f"{id_}:{reason}" if isinstance(reason, str) and reason else id_)
    if skip is not None:
        yield PeerComment(tool=CHECKOV, ids=skip[0], reason=skip[1], reach=CommentReach.AROUND, start=start, end=end)


def _directive(value: Any, start: int, end: int) -> IgnoreDirective:
    def wrong(fault: str) -> IgnoreDirective:
        return IgnoreDirective(comment=0, start=start, end=end, fault=fault)

    if isinstance(value, str):
        content = value.strip()
        content = content if content[:6].lower() == "ignore" else f"ignore{content}"
        directive = directive_of(content, 0, start, end)
        return wrong("`ignore-file` is not supported in metadata") if directive.whole_file else directive
    if not isinstance(value, dict):
        return wrong("the directive is not supported")
    unknown = next((key for key in value if key not in _KEYS), None)
    if unknown is not None:
        return wrong("the directive has an unsupported key")
    rules = value.get("rules")
    rules = [rules] if isinstance(rules, str) else rules
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, str) and rule.strip() for rule in rules):
        return wrong("the rule is missing")
    texts = [value.get(key, "") for key in ("reason", "owner", "until")]
    if not all(isinstance(text, str) for text in texts):
        return wrong("`reason`, `owner` and `until` must be strings")
    reason, owner, until = (" ".join(text.split()) for text in texts)
    if not any(char.isalnum() for char in reason):
        return wrong("the reason is missing")
    day = day_of(until) if "until" in value else None
    if "until" in value and day is None:
        return wrong("`until` is not a date")
    ids = tuple(dict.fromkeys(rule.strip() for rule in rules))
    return IgnoreDirective(comment=0, start=start, end=end, ids=ids, reason=reason, owner=owner, until=day)


WORDS = (":skip=", "tfsec:", "trivy:", "kics-scan")
"""A file without any of these, in any case, has no such comment."""

_CHECKOV = regex(
    r"(?:checkov|bridgecrew|cortex):skip=[ ]*+(?P<ids>[A-Za-z0-9_]++(?:,[A-Za-z0-9_]++)*+)(?::(?P<reason>[^\r\n]*+))?"
)
_KICS = regex(r"[\s#/*;]*+kics-scan(?P<words>(?:\s.*)?)", re.IGNORECASE)
_TOKEN = regex(r"\S++")
_BLANKS = regex(r"\s*+")
# Characters that may surround the words in a line of a comment.
_COMMENT_MARKERS = " \t#/*"
_IGNORED_IN_REASON = " \t\"'*/#:-"

_Span: TypeAlias = tuple[int, int]


class CommentReach(Enum):
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
    reach: CommentReach
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
        comments += _peers_in_line(source.text, index, start, end)
    if not comments:
        return []
    spans = _Spans(source, comments)
    return [(one, spans.span_of(one)) for one in comments]


def skip_of(content: str) -> tuple[tuple[str, ...], str] | None:
    """Parse a skip in the metadata of a template, ``CKV_AZURE_110:reason``, into ids and reason."""
    ids, _, reason = content.partition(":")
    return ((ids.strip(),), _reason(reason)) if ids.strip() else None


def _peers_in_line(text: str, comment: int, low: int, high: int) -> Iterator[PeerComment]:
    """Yield the directives for other tools in one line of a comment."""
    line = text[low:high]
    lowered = line.lower()
    if ":skip=" in line:
        match = _CHECKOV.search(line)
        if match is not None:
            yield PeerComment(
                tool=CHECKOV, ids=tuple(dict.fromkeys(match["ids"].split(","))), reach=CommentReach.AROUND,
                comment=comment,
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
    for match in _TOKEN.finditer(line):
        word = match[0].lstrip(_COMMENT_MARKERS)
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
        tool=tool, ids=(id_,), reach=CommentReach.BESIDE, comment=comment, start=start, end=start + len(word),
        until=until,
        ended=ended, condition=condition,
    )  # fmt: skip


def _commands(words: str, comment: int, start: int, end: int) -> Iterator[PeerComment]:
    for word in words.split():
        name, _, ids = word.partition("=")
        command = name.lower()
        reach = {"ignore-line": CommentReach.LINE, "ignore-block": CommentReach.BELOW, "ignore": CommentReach.FILE}.get(
            command
        )
        check_ids = tuple(dict.fromkeys(id_.strip() for id_ in ids.split(",") if id_.strip()))
        if reach is not None and not ids:
            yield PeerComment(tool=KICS, ids=(EVERY_CHECK,), reach=reach, comment=comment, start=start, end=end)
        elif command in ("disable", "enable") and check_ids:
            is_except = command == "enable"
            yield PeerComment(
                tool=KICS,
                ids=check_ids,
                reach=CommentReach.FILE,
                comment=comment,
                start=start,
                end=end,
                is_except=is_except,
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
        leading = {self._line(one.start) for one in comments if one.reach is CommentReach.BESIDE and self._leads(one)}
        self._below: dict[int, int] = {}
        for line in sorted(leading, reverse=True):
            self._below[line] = self._below.get(line + 1, line + 1)

    def span_of(self, one: PeerComment) -> _Span | None:
        """Return the span that a comment applies to."""
        line = self._line(one.start)
        match one.reach:
            case CommentReach.FILE:
                return (0, len(self._source.text) + 1) if one.start < self._code else None
            case CommentReach.AROUND:
                return self._around(one.start)
            case CommentReach.LINE:
                return self._lines[line], self._start_of(self._line(one.end) + 2)
            case CommentReach.BELOW:
                return self._at(self._after[one.comment])
            case CommentReach.BESIDE:
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
        match = _BLANKS.match(self._source.text, at)
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
