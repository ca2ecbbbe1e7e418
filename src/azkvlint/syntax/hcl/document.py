"""The blocks and attributes of a Terraform file with their positions, parsed on demand.

All offsets are in code points into the text of the file, ends exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.tokens import Unexpected


class Source(Protocol):
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
    source: Source
    fault: ast.Fault | None = None
    _expression: ast.Expression | None = None

    def expression(self) -> ast.Expression | None:
        """Return the expression, parsed on first use; None after a syntax error, which ``fault`` describes."""
        if self._expression is None and self.fault is None:
            try:
                self._expression = self.source.expression(self)
            except Unexpected as error:
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
    source: Source
    _body: Body | None = None

    @property
    def body(self) -> Body:
        """Return the content of the block, parsed on first use."""
        if self._body is None:
            self._body = self.source.body(self)
        return self._body


class File(msgspec.Struct, gc=False, eq=False):
    """A whole file. Its top-level attributes are those of a variables file.

    ``comments`` are their spans in order. ``faults`` are those of the top level; ``body.faults`` is empty, and those of
    a block are known once its body is parsed.
    """

    text: str
    body: Body
    comments: Sequence[tuple[int, int]] = ()
    faults: Sequence[ast.Fault] = ()
