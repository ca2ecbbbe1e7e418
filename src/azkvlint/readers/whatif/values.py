"""JSON of a predicted resource -> results, with what is left of its template's expressions evaluated.

Bicep's snapshot and Azure's what-if evaluate a template as far as they can, and print the rest as an expression again:
``[reference(...)]``, or ``[format('/subscriptions/{0}/...', subscription().subscriptionId)]`` for an id whose
subscription was not given.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Items, Result, hole
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Path, Scalar, Unknown
from azkvlint.readers.arm.scope import Scope, call
from azkvlint.syntax import ast
from azkvlint.syntax.arm.expression import is_expression, parse_expression, unescaped
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

# An expression that could not be evaluated has a call in it; a text such as "[]" or "[::1]" has none.
_CALL = regex(r"\[\s*+[A-Za-z_][\w.]*+\s*+\(")
# What an expression may still name, although its value is not in the document: mostly because it is a secret.
_NAMED = ("parameters", "variables")
# What is another value each time that it is evaluated: equal expressions are not equal values.
_FRESH = regex(r"newguid|utcnow", re.IGNORECASE)
_NAME = regex(r"[\w-]{1,80}")


class Values:
    """Makes results of the values of one document, which is named ``path``, within its ``budget``."""

    def __init__(self, path: str, budget: Budget) -> None:
        self.path = path
        self._budget = budget
        self._scope = Scope()
        self._text = ""
        self._at = Location(path=path)
        self._evaluator: Evaluator | None = None

    def location(self, pointer: Path) -> Location:
        """The place of one member or item."""
        return Location(path=self.path, pointer=pointer)

    def result(self, plain: Any, pointer: Path, rest: Unknown | None = None) -> Result:
        """The result of decoded JSON. ``rest``: objects, other than those in lists, may have more than they show.

        Raises InputError for expressions that ask for too much work.
        """
        kind, at = type(plain), Location(path=self.path, pointer=pointer)
        if kind is str:
            return self._string(plain, at)
        if kind is dict:
            fields = {key: self.result(item, (*pointer, key), rest) for key, item in plain.items()}
            return Fields(at=at, fields=fields, rest=rest)
        if kind is list:
            return Items(at=at, items=[self.result(item, (*pointer, i)) for i, item in enumerate(plain)])
        return Absent(at=at) if plain is None else Scalar(at=at, value=plain)

    def _string(self, text: str, at: Location) -> Result:
        if text[:1] != "[" or not is_expression(text):
            return Scalar(at=at, value=unescaped(text))
        if _CALL.match(text) is None:
            return Scalar(at=at, value=text)
        inner = text[1:-1]
        try:
            node = parse_expression(inner)
        except InputError:
            return Unknown(at=at, why="it is an expression that cannot be read", pattern=hole(text))
        self._text, self._at = inner, at
        found = self._ready().evaluate(node, {})
        if isinstance(found, Unknown) and not found.pattern and not found.sensitive and not _FRESH.search(inner):
            return msgspec.structs.replace(found, pattern=hole(inner))
        return found

    def _ready(self) -> Evaluator:
        """The evaluator: most documents need none."""
        if self._evaluator is None:
            from azkvlint.evaluation.functions.languages import ARM

            self._evaluator = Evaluator(self, ARM, self._budget)
        return self._evaluator

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # an Evaluator asks so
        """Where the expression stands that is being evaluated."""
        return self._at

    def symbol(self, node: ast.Name) -> Result:  # noqa: ARG002  # an Evaluator asks so
        """A bare name means nothing in a template's expression."""
        return Unknown(at=self._at, why="it is an expression that cannot be read")

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """The functions that depend on the deployment; None for others."""
        name = node.name.lower()
        if name in _NAMED:
            return Unknown(at=self._at, why=_why(node), pattern=hole(self._text[node.start : node.end]))
        if call(name, (), self._scope, self._at) is None:
            return None
        arguments = [self._ready().evaluate(argument, local) for argument in node.arguments]
        return call(name, arguments, self._scope, self._at)


def _why(node: ast.Call) -> str:
    first = node.arguments[0] if node.arguments else None
    if isinstance(first, ast.Literal) and isinstance(first.value, str) and _NAME.fullmatch(first.value):
        return f"the value of {node.name}('{first.value}') is not shown"
    return f"the value of {node.name}() is not shown"
