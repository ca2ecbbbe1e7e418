"""A file of Terraform's template language -> the one expression that it stands for."""

from __future__ import annotations

from kvlint.errors import InputError
from kvlint.syntax import tree
from kvlint.syntax.hcl.lexis import Unexpected
from kvlint.syntax.hcl.scan import Scanner
from kvlint.syntax.hcl.templates import assemble
from kvlint.syntax.hcl.values import Reader
from kvlint.syntax.lines import Lines


def parse_template(text: str) -> tree.Expression:
    """The text of a file given to ``templatefile``, as an expression. Raises InputError, with a line and column."""
    reader = Reader(Scanner(text))
    try:
        parts = reader.lines(1 if text.startswith("\ufeff") else 0, len(text))
        return assemble(parts, 0, len(text))
    except Unexpected as error:
        line, column = Lines(text).place(error.at)
        raise InputError(f"not a template: {error.message}", line=line, column=column) from None
