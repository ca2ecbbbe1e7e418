"""One file of a module in use, as the evaluator of its expressions sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.readers.terraform.attribution import settled
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.terraform.module_evaluation import ModuleInstance


class FileScope:
    """One file of a module in use: what its evaluator asks."""

    def __init__(self, instance: ModuleInstance, path: str) -> None:
        self.instance = instance
        self.path = path
        self.shown = instance.use.shown
        self.evaluator = TerraformEvaluator(self, instance.run.budget)

    def close(self) -> None:
        """Let go of everything: see ``ModuleInstance.close``."""
        del self.evaluator

    def place(self, node: ast.Node) -> Location:
        """Where a node stands."""
        return Location(path=self.path, span=(node.start, node.end)) if self.shown is None else self.shown

    def symbol(self, node: ast.Name) -> Result:
        """What the first name of a reference means."""
        found = self.instance.spaces.get(node.name)
        return found if found is not None else self.instance.symbol(node, self.place(node))

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # HCL declares no functions
        """Nothing: a module declares no functions."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # the evaluator says where it is asked
        """The text of a file of the project."""
        return self.instance.run.texts.read(name)

    def rendered(self, name: str, found: Result) -> None:
        """Take note of what a template of the project makes."""
        self.instance.run.texts.rendered(name, found)

    def settled(self, found: Result, at: Location) -> Result:
        """A value at the place of its expression, unless a caller of the module wrote it."""
        return settled(found, at, self.instance)
