"""Sources of module calls that are computed from defaults of variables and from local values.

OpenTofu 1.8 and Terraform 1.15 allow them: developer.hashicorp.com/terraform/language/block/module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvlint.errors import InputError
from kvlint.expressions.budget import Budget
from kvlint.expressions.operations import NOTHING
from kvlint.expressions.terraform.evaluate import TerraformEvaluator
from kvlint.expressions.terraform.failure import FailedError
from kvlint.expressions.values import Fields, Result
from kvlint.model.source import Location
from kvlint.model.value import Scalar, Unknown
from kvlint.readers.terraform.folder import Folder, Piece, load_folder
from kvlint.syntax import tree


def constant_sources(directory: str) -> Iterator[str]:
    """Yield the sources of a module's calls that are not written as plain strings but have a known value."""
    try:
        folder = load_folder("", directory)
        constants = _Constants(folder)
        for declaration in folder.modules.values():
            piece = declaration.attributes.get("source")
            node = piece.attribute.expression() if piece is not None else None
            if node is not None and not isinstance(node, tree.Literal):
                found = constants.evaluated(node)
                if isinstance(found, Scalar) and isinstance(found.value, str):
                    yield found.value
    except InputError:
        return  # the reader of the module reports it


class _Constants:
    """The scope of a source: variables have their defaults, and local values what they are made of."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.at = Location(path="")
        self.budget = Budget(sum(len(file.parsed.text) for file in folder.files))
        self.busy: set[str] = set()

    def evaluated(self, node: tree.Expression) -> Result:
        try:
            return TerraformEvaluator(self, self.budget).evaluate(node, NOTHING)
        except FailedError as error:
            return Unknown(at=self.at, why=error.why)

    def place(self, node: tree.Node) -> Location:  # noqa: ARG002  # nothing is reported
        """Return a place for results, which no report shows."""
        return self.at

    def symbol(self, node: tree.Name) -> Result:
        """Return what a name means."""
        match node.name:
            case "var":
                defaults = {name: one.attributes.get("default") for name, one in self.folder.variables.items()}
                return _Members(self, {f"var.{name}": piece for name, piece in defaults.items() if piece is not None})
            case "local":
                return _Members(self, {f"local.{name}": piece for name, piece in self.folder.locals.items()})
            case "path":
                return Fields(at=self.at, fields={"module": Scalar(at=self.at, value=".")})
        return Unknown(at=self.at, why=f"'{node.name}' is not a constant")

    def call(self, node: tree.Call, local: Mapping[str, Result]) -> Result | None:
        """Return None: no function is declared."""

    def text_file(self, name: str, at: Location) -> str | None:
        """Return None: no file is read."""

    def rendered(self, name: str, found: Result) -> None:
        """Ignore what is made of files."""

    def settled(self, found: Result, at: Location) -> Result:  # noqa: ARG002
        """Return a value as it is."""
        return found


class _Members:
    """The variables or local values of a module, evaluated when they are asked for."""

    def __init__(self, scope: _Constants, pieces: Mapping[str, Piece]) -> None:
        self.scope = scope
        self.pieces = pieces
        self.at = scope.at

    def member(self, name: str, at: Location) -> Result:
        """Return the value of one."""
        key = next((key for key in self.pieces if key.partition(".")[2] == name), "")
        node = self.pieces[key].attribute.expression() if key else None
        if node is None or key in self.scope.busy:
            return Unknown(at=at, why=f"'{name}' has no value")
        self.scope.busy.add(key)
        try:
            return self.scope.evaluated(node)
        finally:
            self.scope.busy.discard(key)

    def item(self, index: Result, at: Location) -> Result:
        """Return the value of one by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="which value is meant is not known")
