"""Find the comments of a Bicep file, and the declarations and properties that they can apply to."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.location import SourceComments, Target
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed
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
        if not isinstance(node, ast.Resource | ast.Module):
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
