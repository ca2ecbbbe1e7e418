"""Comments of Bicep files and suppressions: ``#disable-next-line KV001``, ``#disable-diagnostics KV001``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter

from azkvlint.model.location import Location, SourceComments, Target
from azkvlint.readers.bicep.read import BicepRead
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed
from azkvlint.syntax.ignore_comments import has_peer_comments
from azkvlint.syntax.texts import Lines
from azkvlint.util.lazy_regex import regex

_COMMENT_OR_TEXT = regex(
    r"(?P<text>'(?:''(?s:.*?)(?:'''(?!')|\Z)|(?:[^'\\\r\n]++|\\.)*+'?))|//[^\r\n]*+|/\*(?s:.*?)(?:\*/|\Z)"
)
_Body = ast.Expression | ast.Spread


def source_comments(text: str, parsed: Parsed) -> SourceComments:
    """Return the comments of a file with their possible targets."""
    comments, targets = tuple(_comments(text, parsed)), tuple(sorted(set(_targets(parsed))))
    return SourceComments(text=text, comments=comments, targets=targets)


def _comments(text: str, parsed: Parsed) -> Iterator[tuple[int, int]]:
    at = 0
    while (match := _COMMENT_OR_TEXT.search(text, at)) is not None:
        at = match.end()
        if match["text"] is None:
            yield match.span()
        else:
            # The pattern does not match strings nested in an interpolation; the parser does.
            at = max(parsed.texts.get(match.start(), at), match.start() + 1)


def _targets(parsed: Parsed) -> Iterator[Target]:
    for node in parsed.declarations:
        if not isinstance(node, ast.ResourceDeclaration | ast.ModuleDeclaration):
            yield Target(node.start, node.end, node.end)
            continue
        decorators = [one.start for one in node.decorators]
        if decorators:
            # The offset of a decorator is after its "@".
            yield Target(min(decorators) - 1, node.head, node.end)
        yield Target(node.start, node.head, node.end)
        yield from _properties(node.body)


def _properties(body: _Body) -> Iterator[Target]:
    pending: list[_Body] = [body]
    while pending:
        node = pending.pop()
        match node:
            case ast.Object():
                for member in node.members:
                    if isinstance(member, ast.Property):
                        yield Target(member.start, member.end, member.end)
                    pending.append(member.value)
                for nested in node.resources:
                    yield Target(nested.start, nested.head, nested.end)
                    pending.append(nested.body)
            case ast.Array():
                pending.extend(node.items)
            case ast.If() | ast.For():
                pending.append(node.body)
            case ast.Spread():
                pending.append(node.value)


# The word of a directive in a comment.
_MARK = "kvlint"


def is_suppressed(read: TemplateRead, at: Location, rule: str) -> bool:
    """Return whether the text of ``read`` suppresses a finding of ``rule`` at a location.

    What counts is the line on which the place begins. A place without span and region is never suppressed.
    """
    if not isinstance(read, BicepRead) or not (read.suppressions or read.disabled):
        return False
    lines, regions = read.suppressions.get(at.path, ()), read.disabled.get(at.path, ())
    if not lines and not regions:
        return False
    offset = _offset(read.files.get(at.path, ""), at)
    if offset is None:
        return False
    name = rule.lower()
    text = read.files.get(at.path, "")
    first = bisect_left(lines, _line_start(text, offset), key=itemgetter(0))
    for start, ids in islice(lines, first, None):
        if start > offset:
            break
        if _names(ids, name):
            return True
    return any(start <= offset < end and _names(ids, name) for start, end, ids in regions)


def disabled_ranges(read: TemplateRead) -> dict[str, list[tuple[int, int, tuple[str, ...]]]]:
    """Return the ranges in which rules are disabled: start, end and IDs, by reported path, in order."""
    if not isinstance(read, BicepRead):
        return {}
    found: dict[str, list[tuple[int, int, tuple[str, ...]]]] = {}
    for path in read.suppressions.keys() | read.disabled.keys():
        text = read.files.get(path, "")
        lines = ((start, _line_end(text, start), ids) for start, ids in read.suppressions.get(path, ()))
        found[path] = sorted([*lines, *read.disabled.get(path, ())])
    return found


def _line_end(text: str, start: int) -> int:
    """Return the end of the line that begins at an offset."""
    ends = [end for end in (text.find("\n", start), text.find("\r", start)) if end >= 0]
    return min(ends, default=len(text)) + 1


def _names(ids: tuple[str, ...], name: str) -> bool:
    return any(id_.lower() == name for id_ in ids)


def _line_start(text: str, offset: int) -> int:
    """Return where the line begins that an offset is on."""
    start = text.rfind("\n", 0, offset) + 1
    return max(start, text.rfind("\r", start, offset) + 1)


def _offset(text: str, at: Location) -> int | None:
    """Return the offset at which a location begins."""
    if at.span is not None:
        return at.span[0]
    if at.region is None:
        return None
    starts = Lines(text).starts
    line = min(at.region.start_line, len(starts))
    return starts[line - 1] + at.region.start_column - 1


def comments_of(read: BicepRead, peer_comments: bool = False) -> dict[str, SourceComments]:
    """Return the comments of the files in which any may be a directive, by reported path.

    With ``peer_comments`` those for other tools are directives too.
    """
    return {
        path: source_comments(text, parsed)
        for path, parsed in read.parsed.items()
        if (text := read.files.get(path)) is not None
        and (_MARK in text.lower() or (peer_comments and has_peer_comments(text)))
    }
