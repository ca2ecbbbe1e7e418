"""Terraform's expressions in its own words, and results in few words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from azkvlint.evaluation.budget import FRAMES, Budget
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.terraform.types import convert, type_of
from azkvlint.evaluation.values import Fields, Items, Result, wrap
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text, hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import parse_file
from tests.patterns import pattern_of_form

AT = Location(path="main.tf")


def unknown(pattern: Text = "", why: str = "nobody knows it", sensitive: bool = False) -> Unknown:
    known = pattern_of_form(pattern) if isinstance(pattern, str) else pattern
    return Unknown(at=AT, why=why, pattern=known, sensitive=sensitive)


def link(address: str) -> Unknown:
    """The id of a resource."""
    return Unknown(
        at=AT, why="known after apply", pattern=hole(f"{address}.id"), candidates=(address,), closed=True, given=True
    )


def shown(result: Result) -> Any:
    """Plain data; ``?`` and the pattern for what is unknown, and the key ``*`` where there may be more fields."""
    match result:
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
            return "resource"


def parsed(text: str) -> ast.Expression:
    file = parse_file(f"it = {text}\n")
    assert not file.faults, (text, file.faults)
    found = file.body.attributes["it"].expression()
    assert found is not None, (text, file.body.attributes["it"].fault)
    return found


class Vault:
    """A resource, of which the name is written and the id is known after apply."""

    at = AT

    def __init__(self, address: str) -> None:
        self.address = address

    def member(self, name: str, at: Location) -> Result:
        if name == "id":
            return link(self.address)
        if name == "name":
            return Scalar(at=at, value=self.address.rpartition(".")[2])
        return Unknown(at=at, why="known after apply", pattern=hole(f"{self.address}.{name}"))

    def item(self, index: Result, at: Location) -> Result:
        assert isinstance(index, Scalar)
        return self.member(str(index.value), at)

    def data(self, at: Location) -> Result:
        fields = {"id": self.member("id", at), "name": self.member("name", at)}
        return Fields(at=at, fields=fields, rest=unknown(hole(self.address)))


class Many:
    """Nobody knows how many resources, of which one stands for all."""

    at = AT

    def __init__(self, one: Vault) -> None:
        self.one = one

    def member(self, name: str, at: Location) -> Result:  # noqa: ARG002  # an evaluator asks so
        return self.one

    def item(self, index: Result, at: Location) -> Result:  # noqa: ARG002  # the same
        return self.one


def _vaults() -> Mapping[str, Result]:
    a, b = Vault("azurerm_key_vault.a"), Vault("azurerm_key_vault.b")
    return {
        "a": a,
        "b": b,
        "list": Items(at=AT, items=[a, b]),
        "map": Fields(at=AT, fields={"x": a, "y": b}),
        "single": Items(at=AT, items=[a]),
        "none": Items(at=AT, items=[]),
        "many": Many(a),
    }


class Module:
    """A module with symbols of the test's own."""

    def __init__(self, symbols: Mapping[str, Any], files: Mapping[str, str] | None = None) -> None:
        self.files = files or {}
        self.symbols: dict[str, Result] = {
            "u": unknown(hole("u")),
            "w": unknown(hole("w")),
            "mystery": unknown(),
            "secret": Scalar(at=AT, value="hunter2", sensitive=True),
            "open": Fields(at=AT, fields={"a": Scalar(at=AT, value=1)}, rest=unknown(hole("rest"))),
            "vault": Fields(at=AT, fields=dict(_vaults())),
        }
        self.symbols |= {
            name: value if isinstance(value, Unknown | Items | Fields) else wrap(value, AT)
            for name, value in symbols.items()
        }

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # an evaluator asks so
        return AT

    def symbol(self, node: ast.Name) -> Result:
        if node.name not in self.symbols:
            raise FailedError(f"there is no '{node.name}'", AT)
        return self.symbols[node.name]

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # the same
        return None

    def rendered(self, name: str, found: Result) -> None:
        """Nobody asks."""

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # the same
        return self.files.get(name)

    def settled(self, found: Result, at: Location) -> Result:  # noqa: ARG002  # the same
        return found


class Terraform:
    """Evaluates expressions."""

    files: Mapping[str, str] = {}

    def result(self, text: str, **symbols: Any) -> Result:
        return self.evaluated(parsed(text), **symbols)

    def evaluated(self, node: ast.Expression, **symbols: Any) -> Result:
        return TerraformEvaluator(Module(symbols, self.files), Budget(100_000)).evaluate(node, {})

    def __call__(self, text: str, **symbols: Any) -> Any:
        return shown(self.result(text, **symbols))

    def unknown(self, text: str, **symbols: Any) -> Unknown:
        found = self.result(text, **symbols)
        assert isinstance(found, Unknown), (text, shown(found))
        return found

    def fails(self, text: str, **symbols: Any) -> str:
        """Why an expression is refused."""
        with pytest.raises(FailedError) as caught:
            self.result(text, **symbols)
        return caught.value.why

    def steps(self, text: str, **symbols: Any) -> int:
        """What evaluating a text costs."""
        budget = Budget()
        TerraformEvaluator(Module(symbols), budget).evaluate(parsed(text), {})
        return budget.steps

    def variable(self, type_: str, value: str, **symbols: Any) -> Result:
        """What a variable of a type holds when it is given a value."""
        return convert(self.result(value, **symbols), type_of(parsed(type_)), self.evaluated)


@pytest.fixture(autouse=True)
def _with_room() -> Iterator[None]:
    """As readers have it while they evaluate."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(FRAMES)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture
def terraform() -> Terraform:
    return Terraform()
