"""A file of Terraform's template language -> the one expression that it stands for."""

from __future__ import annotations

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import Reader
from azkvlint.syntax.hcl.scanner import Scanner
from azkvlint.syntax.hcl.templates import assemble
from azkvlint.syntax.hcl.tokens import Unexpected
from azkvlint.syntax.positions import Lines
from azkvlint.util.errors import InputError


def parse_template(text: str) -> ast.Expression:
    """The text of a file given to ``templatefile``, as an expression. Raises InputError, with a line and column."""
    reader = Reader(Scanner(text))
    try:
        parts = reader.lines(1 if text.startswith("\ufeff") else 0, len(text))
        return assemble(parts, 0, len(text))
    except Unexpected as error:
        line, column = Lines(text).place(error.at)
        raise InputError(f"not a template: {error.message}", line=line, column=column) from None
