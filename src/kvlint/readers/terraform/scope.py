"""One file of a module in use, as the evaluator of its expressions sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvlint.expressions.operations import Local
from kvlint.expressions.terraform.evaluate import TerraformEvaluator
from kvlint.expressions.values import Result
from kvlint.model.source import Location
from kvlint.readers.terraform.settle import settled
from kvlint.syntax import tree

if TYPE_CHECKING:
    from kvlint.readers.terraform.instance import ModuleInstance


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

    def place(self, node: tree.Node) -> Location:
        """Where a node stands."""
        return Location(path=self.path, span=(node.start, node.end)) if self.shown is None else self.shown

    def symbol(self, node: tree.Name) -> Result:
        """What the first name of a reference means."""
        found = self.instance.spaces.get(node.name)
        return found if found is not None else self.instance.symbol(node, self.place(node))

    def call(self, node: tree.Call, local: Local) -> Result | None:  # noqa: ARG002  # HCL declares no functions
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
