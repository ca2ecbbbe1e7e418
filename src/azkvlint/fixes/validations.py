"""Whether the validations of a Terraform variable accept a value."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Fields, Result, wrap
from azkvlint.model.fix import Literal
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block
from azkvlint.util.errors import InputError


def accepted_validations(variable: Block, value: Literal) -> Iterator[tuple[int, int]]:
    """Yield the spans of the validations of a variable that certainly accept a value."""
    for block in variable.body.blocks:
        condition = block.body.attributes.get("condition") if block.type == "validation" else None
        node = None if condition is None else condition.expression()
        if node is not None and _is_true(node, variable.labels[0], value):
            yield block.start, block.end


def _is_true(condition: ast.Expression, name: str, value: Literal) -> bool:
    try:
        found = TerraformEvaluator(_Variable(name, value), Budget(100_000)).evaluate(condition, NOTHING)
    except (FailedError, InputError):
        return False
    return isinstance(found, Scalar) and found.value is True


class _Variable:
    """A module of which only one variable has a value."""

    def __init__(self, name: str, value: Literal) -> None:
        self._at = Location(path="")
        self._fields = {name: wrap(value, self._at)}

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # nothing is located
        """Return a location."""
        return self._at

    def symbol(self, node: ast.Name) -> Result:
        """Return the variables; everything else is unknown."""
        unknown = Unknown(at=self._at, why=f"`{node.name}` is not known")
        return Fields(at=self._at, fields=self._fields, rest=unknown) if node.name == "var" else unknown

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # there is none
        """Return None: no function is declared."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # no file is read
        """Return None: no file is read."""
        return None

    def rendered(self, name: str, found: Result) -> None:
        """Ignore templates: a validation renders none."""

    def settled(self, found: Result, at: Location) -> Result:  # noqa: ARG002  # nothing is located
        """Return the value."""
        return found
