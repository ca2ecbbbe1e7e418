"""Name the attribute or item that an expression reads where it does not exist."""

from __future__ import annotations

from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.model.location import Location
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

_WORD = regex(r"[\w.-]{1,40}")


class AccessError(FailedError):
    """An attribute or item does not exist. ``what`` names it."""

    def __init__(self, what: str, reason: str, at: Location) -> None:
        super().__init__(f"{what} does not exist{f': {reason}' if reason else ''}", at)
        self.what = what
        self.reason = reason

    def named(self, node: ast.Member | ast.Item, at: Location) -> AccessError:
        """Return the error with the expression that reads, if that is a reference at the place of the error."""
        written = written_reference(node)
        is_here = not self.what.startswith("`") and self.at == at
        return AccessError(f"`{written}`", self.reason, at) if written and is_here else self


def written_reference(node: ast.Node) -> str:
    """Return a reference as it is written; an empty string for any other expression."""
    match node:
        case ast.Name(name=name):
            return "" if name == "*" else name
        case ast.Member(of=of, name=name):
            above = written_reference(of)
            return above and f"{above}.{name}"
        case ast.Item(of=of, index=index):
            above = written_reference(of)
            return above and f"{above}[{_index(index)}]"
        case _:
            return ""


def _index(node: ast.Node) -> str:
    """Return an index as it is written, without any text that may be a secret."""
    match node:
        case ast.Literal(value=int() as number):
            return str(number)
        case ast.Literal(value=str() as key) if _WORD.fullmatch(key):
            return f'"{key}"'
        case _:
            return written_reference(node) or "..."
