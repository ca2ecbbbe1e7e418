"""Expressions in the words of their languages, and results in few words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from azkvlint.evaluation.budget import FRAMES, Budget
from azkvlint.evaluation.evaluate import Evaluator, Functions
from azkvlint.evaluation.functions.languages import ARM, BICEP
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Closure, Fields, Items, Partly, Result, wrap
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import parse_expression
from azkvlint.syntax.bicep.parse import parse
from tests.patterns import pattern_of_form

AT = Location(path="main.bicep")
VAULT = "/subscriptions/⟨subscription⟩/resourceGroups/⟨resourceGroup⟩/providers/Microsoft.KeyVault/vaults/kv"


def unknown(pattern: Text = "", why: str = "nobody knows it", sensitive: bool = False) -> Unknown:
    known = pattern_of_form(pattern) if isinstance(pattern, str) else pattern
    return Unknown(at=AT, why=why, pattern=known, sensitive=sensitive)


def shown(result: Result) -> Any:
    """Plain data; ``?`` and the pattern for what is unknown, and ``*`` where there may be more items or fields."""
    match result:
        case Partly(items=items):
            return [*(shown(item) for item in items), "*"]
        case Scalar(value=value):
            return value
        case Absent():
            return None
        case Unknown():
            return f"?{result.text}"
        case Items(items=items):
            return [shown(item) for item in items]
        case Fields(fields=fields, rest=rest):
            plain = {name: shown(item) for name, item in fields.items()}
            return plain if rest is None else {**plain, "*": shown(rest)}
        case _:
            return "lambda" if isinstance(result, Closure) else "resource"


@pytest.fixture(autouse=True)
def _with_room() -> Iterator[None]:
    """As readers have it while they evaluate."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(FRAMES)
    yield
    sys.setrecursionlimit(before)


class Document:
    """A document with symbols of the test's own, which ARM reads by ``parameters('name')``."""

    def __init__(self, symbols: Mapping[str, Any]) -> None:
        self.symbols = {
            "u": unknown(hole("u")),
            "v": unknown(hole("v")),
            "mystery": unknown(),
            "secret": Scalar(at=AT, value="hunter2", sensitive=True),
            "id": unknown(VAULT),
            "open": Fields(at=AT, fields={"a": Scalar(at=AT, value=1)}, rest=unknown(hole("rest"))),
            **{name: value if isinstance(value, Unknown) else wrap(value, AT) for name, value in symbols.items()},
        }

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # an Evaluator asks so
        return AT

    def symbol(self, node: ast.Name) -> Result:
        return self.symbols[node.name]

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # the same
        if node.name == "parameters" and isinstance(node.arguments[0], ast.Literal):
            return self.symbols[str(node.arguments[0].value)]
        return None


class Language:
    """Evaluates expressions of one language."""

    def __init__(self, functions: Functions, is_arm: bool) -> None:
        self.functions = functions
        self.is_arm = is_arm

    def result(self, text: str, **symbols: Any) -> Result:
        return self.evaluated(self.tree(text), **symbols)

    def evaluated(self, node: ast.Expression, **symbols: Any) -> Result:
        return Evaluator(Document(symbols), self.functions, Budget(100_000)).evaluate(node, {})

    def tree(self, text: str) -> ast.Expression:
        if self.is_arm:
            return parse_expression(text)
        parsed = parse(f"var it = {text}\n")
        assert not parsed.faults, parsed.faults
        declaration = parsed.declarations[0]
        assert isinstance(declaration, ast.Variable)
        return declaration.value

    def __call__(self, text: str, **symbols: Any) -> Any:
        return shown(self.result(text, **symbols))

    def steps(self, text: str, symbols: Mapping[str, Any]) -> int:
        """What evaluating a text costs."""
        budget = Budget()
        Evaluator(Document(symbols), self.functions, budget).evaluate(self.tree(text), {})
        return budget.steps

    def why(self, text: str, **symbols: Any) -> str:
        found = self.result(text, **symbols)
        assert isinstance(found, Unknown), found
        return found.why


@pytest.fixture
def arm() -> Language:
    return Language(ARM, is_arm=True)


@pytest.fixture
def bicep() -> Language:
    return Language(BICEP, is_arm=False)
