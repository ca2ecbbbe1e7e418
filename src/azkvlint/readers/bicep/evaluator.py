"""The evaluator of Bicep files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.functions.languages import BICEP
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance


# What a name stands for keeps its own places, unlike a single value.
_PLACED = (Fields, Items)


class FileEvaluator(Evaluator):
    """Evaluates the expressions of one file in one use. Most properties are literals and names: a shorter way."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, BICEP, instance.run.budget)
        self.path = instance.path

    def property(self, node: ast.Property, local: Local) -> Result:
        """The value of a property, placed where its author edits it: at the property, unless it came from elsewhere."""
        value = node.value
        kind = type(value)
        if kind is ast.Literal:
            at = Location(path=self.path, span=(node.start, node.end))
            plain = value.value  # type: ignore[union-attr]  # mypy does not narrow by type()
            return Absent(at=at) if plain is None else Scalar(at=at, value=plain)
        if kind is not ast.Name:
            return super().property(node, local)
        found = self.evaluate(value, local)
        if type(found) is Scalar and found.at.path == self.path:
            at = Location(path=self.path, span=(node.start, node.end))
            return Scalar(at=at, value=found.value, sensitive=found.sensitive, origin=found.origin, note=found.note)
        return found if type(found) in _PLACED else super().property(node, local)


class InPlace(Evaluator):
    """Leaves every value where it is: what the caller gives has its own place, all else that of the statement."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, BICEP, instance.run.budget)

    def property(self, node: ast.Property, local: Local) -> Result:
        """The value of a property."""
        return self.evaluate(node.value, local)
