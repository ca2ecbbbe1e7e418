"""What decides how often Terraform creates a resource or calls a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Block


def repetitions(block: Block) -> Iterator[str]:
    """Yield what decides how often a block applies: ``count``, a ``condition`` of it, or ``for_each``.

    A condition with several instances, as in ``var.on ? length(var.names) : 0``, is both of the first two.
    """
    count = _count(block)
    if isinstance(count, ast.Conditional):
        yield "condition"
    if "count" in block.body.attributes and not (isinstance(count, ast.Conditional) and _is_one_at_most(count)):
        yield "count"
    if "for_each" in block.body.attributes:
        yield "for_each"


def may_repeat(block: Block) -> bool:
    """Return whether a block may have several instances."""
    has_count = "count" in block.body.attributes and not _is_one_at_most(_count(block))
    return has_count or "for_each" in block.body.attributes


def _count(block: Block) -> ast.Expression | None:
    attribute = block.body.attributes.get("count")
    return None if attribute is None else attribute.expression()


def _is_one_at_most(count: ast.Expression | None) -> bool:
    if isinstance(count, ast.Conditional):
        return _is_one_at_most(count.yes) and _is_one_at_most(count.no)
    return isinstance(count, ast.Literal) and count.value in (0, 1)
