"""Parse a Terraform file into blocks and attributes, level by level on demand.

All offsets are in code points into the text of the file, ends exclusive.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import HclExpressionParser
from azkvlint.syntax.hcl.tokens import (
    IDENTIFIER,
    LINE_PATTERN,
    MAX_FAULTS,
    HclSyntaxError,
    Matcher,
    Scanner,
    gap,
    identifier,
    quoted,
    total_matcher,
    unescape,
    unexpected,
    wide_gap,
)
from azkvlint.util.lazy_regex import regex

_LABELS = rf'(?:(?:"[^"\\\n$%]*+"|{IDENTIFIER})[ \t]*+)*+'
_ITEM: Matcher = regex(
    rf"({IDENTIFIER})[ \t]*+(?:=(?![=>])[ \t]*+(?P<value>{LINE_PATTERN})|(?P<labels>{_LABELS})\{{)"
).match
_LABEL = regex(rf'"([^"]*+)"|({IDENTIFIER})')
_HEADER = rf"(?={IDENTIFIER}[ \t]*+(?:=(?![=>])|{_LABELS}\{{))"
_NEXT_INNER = regex(rf"\n[ \t]*+{_HEADER}")
_NEXT_TOP = regex(rf"\n{_HEADER}")
_blank = total_matcher(r"[ \t\r\n]*+")
REPEATED = "this attribute is set twice"
"""The message of the one fault that is not a syntax error."""


def parse_file(text: str) -> HclFile:
    """Return the blocks and attributes of a .tf, .tofu or .tfvars file. Never raises.

    An error skips its block or attribute only: parsing resumes at the next line that begins like one.
    """
    source = HclSource(text)
    splitter = _Splitter(source, 1 if text.startswith("\ufeff") else 0, len(text), top=True)
    splitter.split()
    body = Body(splitter.attributes, splitter.blocks)
    return HclFile(text, body, sorted(source.scanner.comments.items()), splitter.faults)


class HclSource:
    """The text of one file with the parser of its blocks and attributes."""

    __slots__ = ("reader", "scanner")

    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.reader = HclExpressionParser(self.scanner)

    def expression(self, attribute: Attribute) -> ast.Expression:
        """Parse the expression of an attribute. Raise Unexpected."""
        return self.reader.read_expression(attribute.value_start, attribute.end)

    def body(self, block: Block) -> Body:
        """Split a block into attributes and blocks."""
        splitter = _Splitter(self, block.brace + 1, block.end - 1, top=False)
        splitter.split()
        return Body(splitter.attributes, splitter.blocks, splitter.faults)


class _Splitter:
    """Split the text from ``at`` to ``end`` into attributes and blocks."""

    __slots__ = ("at", "attributes", "blocks", "end", "faults", "scanner", "source", "text", "top")

    def __init__(self, source: HclSource, at: int, end: int, *, top: bool) -> None:
        self.source, self.scanner, self.text = source, source.scanner, source.scanner.text
        self.at, self.end, self.top = at, end, top
        self.attributes: dict[str, Attribute] = {}
        self.blocks: list[Block] = []
        self.faults: list[ast.Fault] = []

    def split(self) -> None:
        """Split the text into ``attributes``, ``blocks`` and ``faults``."""
        while True:
            start = self.at
            try:
                start = self.skip()
                if start >= self.end:
                    return
                self.item(start)
            except HclSyntaxError as error:
                if len(self.faults) >= MAX_FAULTS:
                    self.faults.append(ast.Fault("there are too many syntax errors", start))
                    return
                self.faults.append(ast.Fault(error.message, error.at))
                self.resume(max(start, error.resume))

    def skip(self) -> int:
        """Skip to the next item and return its offset. At the top level, comments are recorded."""
        if not self.top:
            self.at = wide_gap(self.text, self.at, self.end).end()
            return self.at
        while True:
            self.at = at = _blank(self.text, self.at, self.end).end()
            if at >= self.end or not self.text.startswith(("#", "//", "/*"), at):
                return at
            self.at = self.scanner.comment(at, self.end)

    def item(self, start: int) -> None:
        """Parse the attribute or block at ``start``."""
        match = _ITEM(self.text, start, self.end)
        if match is None:
            self.general_item(start)
            return
        value = match["value"]
        if value is not None:
            begin, stop = match.start("value"), match.end()
            if stop >= self.end or self.text[stop] in "\n#":
                self.at, end = stop, begin + len(value.rstrip())
            else:
                end, self.at = self.scanner.value(begin, self.end)
            self.attribute(match[1], start, begin, end)
            return
        brace = match.end() - 1
        labels = match["labels"]
        label_names = tuple([text or word for text, word in _LABEL.findall(labels)]) if labels else ()
        head = start + len(self.text[start:brace].rstrip())
        self.block(match[1], label_names, start, head, brace)

    def attribute(self, name: str, start: int, begin: int, end: int) -> None:
        """Record an attribute whose expression is from ``begin`` to ``end``."""
        if name in self.attributes:
            self.fault(REPEATED, start)
        else:
            self.attributes[name] = Attribute(name, start, end, begin, self.source)
        self.close_line()

    def block(self, kind: str, labels: tuple[str, ...], start: int, head: int, brace: int) -> None:
        """Record the block with its opening brace at ``brace``."""
        self.at = end = self.scanner.block(brace, self.end)
        self.blocks.append(Block(kind, labels, start, head, brace, end, self.source))
        self.close_line()

    def close_line(self) -> None:
        """Record a fault if anything follows an item on its line."""
        at = self.at
        if at < self.end and self.text[at] != "\n":
            at = gap(self.text, at, self.end).end()
            if at < self.end and self.text[at] != "\n" and not self.text.startswith("/*", at):
                self.fault(unexpected(self.text, at, "the end of the line").message, at)

    def fault(self, message: str, at: int) -> None:
        """Record a fault that skips nothing."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(ast.Fault(message, at))

    def general_item(self, start: int) -> None:
        """Parse an item with comments or unusual labels in its header."""
        text, end = self.text, self.end
        name = identifier(text, start, end)
        if name is None:
            raise unexpected(text, start, "an attribute or a block")
        labels: list[str] = []
        head = name.end()
        while True:
            at = gap(text, head, end).end()
            mark = text[at] if at < end else ""
            if mark == "{":
                self.block(name[0], tuple(labels), start, head, at)
                return
            if mark == "=" and not labels and not text.startswith(("==", "=>"), at):
                begin = gap(text, at + 1, end).end()
                stop, self.at = self.scanner.value(begin, end)
                self.attribute(name[0], start, begin, stop)
                return
            head = self.label(at, labels)

    def label(self, at: int, labels: list[str]) -> int:
        """Parse the label at ``at``; return the offset after it."""
        text, end = self.text, self.end
        word = identifier(text, at, end)
        if word is not None:
            labels.append(word[0])
            return word.end()
        if at >= end or text[at] != '"':
            raise unexpected(text, at, "a label or `{`" if labels else "`=`, a label or `{`")
        content = quoted(text, at + 1, end)
        stop = content.end()
        if stop >= end or text[stop] != '"':
            message = "a label cannot contain an expression" if text[stop] in "$%" else "this string is not closed"
            raise HclSyntaxError(message, at)
        labels.append(unescape(content[0], at + 1))
        return stop + 1

    def resume(self, at: int) -> None:
        """Skip to the next line after ``at`` that begins like an item and is not part of a heredoc or comment."""
        pattern = _NEXT_TOP if self.top else _NEXT_INNER
        hidden = sorted((*self.scanner.heredocs.items(), *self.scanner.comments.items()))
        while True:
            match = pattern.search(self.text, at, self.end)
            if match is None:
                self.at = self.end
                return
            index = bisect_right(hidden, (match.end(), self.end)) - 1
            if index < 0 or hidden[index][1] <= match.end():
                self.at = match.end()
                return
            at = hidden[index][1] - 1


class BodyParser(Protocol):
    """The parser of attributes and blocks of one file."""

    def expression(self, attribute: Attribute) -> ast.Expression:
        """Parse the expression of an attribute. Raise Unexpected."""

    def body(self, block: Block) -> Body:
        """Parse the attributes and blocks of a block."""


class Attribute(msgspec.Struct, gc=False, eq=False):
    """One ``name = expression``, from its name to the end of the expression, which begins at ``value_start``.

    ``fault`` is the syntax error if ``expression`` has returned None.
    """

    name: str
    start: int
    end: int
    value_start: int
    source: BodyParser
    fault: ast.Fault | None = None
    _expression: ast.Expression | None = None

    def expression(self) -> ast.Expression | None:
        """Return the expression, parsed on first use; None after a syntax error, which ``fault`` describes."""
        if self._expression is None and self.fault is None:
            try:
                self._expression = self.source.expression(self)
            except HclSyntaxError as error:
                # A broken expression may be parsed past its end.
                self.fault = ast.Fault(error.message, min(error.at, self.end))
        return self._expression


class Body(msgspec.Struct, gc=False, eq=False):
    """The content of a block. The first of repeated attributes counts."""

    attributes: Mapping[str, Attribute]
    blocks: Sequence[Block]
    faults: Sequence[ast.Fault] = ()


class Block(msgspec.Struct, gc=False, eq=False):
    """One block: its header from ``start`` to ``head``, its brace at ``brace``; ``end`` is after its closing brace."""

    type: str
    labels: tuple[str, ...]
    start: int
    head: int
    brace: int
    end: int
    source: BodyParser
    _body: Body | None = None

    @property
    def body(self) -> Body:
        """Return the content of the block, parsed on first use."""
        if self._body is None:
            self._body = self.source.body(self)
        return self._body


class HclFile(msgspec.Struct, gc=False, eq=False):
    """A whole file. Its top-level attributes are those of a variables file.

    ``comments`` are their spans in order. ``faults`` are those of the top level; ``body.faults`` is empty, and those of
    a block are known once its body is parsed.
    """

    text: str
    body: Body
    comments: Sequence[tuple[int, int]] = ()
    faults: Sequence[ast.Fault] = ()
