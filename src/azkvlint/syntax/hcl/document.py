"""A Terraform file as its author wrote it: blocks and attributes with their places, expressions read when asked for.

All offsets are in code points into the text of the file, ends exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.tokens import Unexpected


class Source(Protocol):
    """What attributes and blocks are read from."""

    def expression(self, attribute: Attribute) -> ast.Expression:
        """Return the expression of an attribute. Raises Unexpected."""

    def body(self, block: Block) -> Body:
        """Return the attributes and blocks within a block."""


class Attribute(msgspec.Struct, gc=False, eq=False):
    """One ``name = expression``, from its name to the end of the expression, which begins at ``value_start``.

    ``fault`` says what is wrong once ``expression`` has given back None.
    """

    name: str
    start: int
    end: int
    value_start: int
    source: Source
    fault: ast.Fault | None = None
    _expression: ast.Expression | None = None

    def expression(self) -> ast.Expression | None:
        """Return the expression, read when first asked for; None if it is none, and ``fault`` says why."""
        if self._expression is None and self.fault is None:
            try:
                self._expression = self.source.expression(self)
            except Unexpected as error:
                # What is damaged may be read on into what comes behind it.
                self.fault = ast.Fault(error.message, min(error.at, self.end))
        return self._expression


class Body(msgspec.Struct, gc=False, eq=False):
    """What stands between braces. Of an attribute that is given twice the first one counts."""

    attributes: Mapping[str, Attribute]
    blocks: Sequence[Block]
    faults: Sequence[ast.Fault] = ()


class Block(msgspec.Struct, gc=False, eq=False):
    """One block: its header from ``start`` to ``head``, its brace at ``brace``; ``end`` is behind its closing brace."""

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
        """Return what stands in the block, split when first asked for."""
        if self._body is None:
            self._body = self.source.body(self)
        return self._body


class File(msgspec.Struct, gc=False, eq=False):
    """A whole file. Top-level attributes are those of a file of variables.

    ``comments``: where each one starts and ends, in their order. ``faults``: of the file's own level; ``body.faults``
    is empty, and those of a block are known once its body is split.
    """

    text: str
    body: Body
    comments: Sequence[tuple[int, int]] = ()
    faults: Sequence[ast.Fault] = ()
