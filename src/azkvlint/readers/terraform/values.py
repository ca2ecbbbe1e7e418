"""The values of a root module's variables: ``terraform.tfvars``, ``*.auto.tfvars``, ``--var-file``, ``--var``.

Source: developer.hashicorp.com/terraform/language/values/variables (later values override earlier ones). Environment
variables are not read, so that the same input has the same result everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Result, plain_of, unknown_in, wrap
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.discover import AUTOMATIC_VALUES, VALUE_FILES
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.terraform.folder import FileAttribute, Folder, ModuleFile, parse
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import real_path

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import TerraformRun

# Keys of a parameter file of Azure Resource Manager. No variable can have the name `$schema`.
_PARAMETER_FILE_KEYS = frozenset({"$schema", "parameters"})


def lost_in(damaged: str, name: str) -> Unknown | None:
    """Return an unknown value for a name that is not found, if it may be in an unreadable part of a file."""
    if not damaged:
        return None
    why = f"`{name}` may be set in `{damaged}`, which cannot be read"
    return Unknown(at=Location(path=damaged), why=why)


class RootValues:
    """The values of a root module's variables, each evaluated on first use.

    ``planned`` are the values of a plan of the module, if there is one. ``inputs`` returns values that every file
    overrides, ``more`` are additional variable files.
    """

    def __init__(
        self, run: TerraformRun, folder: Folder, settings: TerraformSettings,
        planned: Mapping[str, Any] | None = None, *,
        inputs: Callable[[str], Result | None] | None = None, more: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        self.planned = planned or {}
        self.inputs = inputs
        self.run = run
        self.folder = folder
        self.pieces: dict[str, FileAttribute] = {}
        self._damaged = ""
        self.options = dict(word.partition("=")[::2] for word in settings.variables)
        for path, file in (*automatic_files(folder), *more):
            if not (settings.unread and real_path(file) in settings.unread):
                self._read(path, file)
        self._from_var_files = {name for path, file in settings.files for name in self._read(path, file)}

    @property
    def undeclared_variables(self) -> frozenset[str]:
        """Return the variables that options set but the module does not declare."""
        return frozenset((self._from_var_files | self.options.keys()) - self.folder.variables.keys())

    @property
    def has_values(self) -> bool:
        """Return whether any file or option sets a variable."""
        return bool(self.pieces) or bool(self.options) or self.inputs is not None

    def is_in_file(self, name: str) -> bool:
        """Return whether a file provides the value of a variable."""
        return name in self.pieces or (self.inputs is not None and self.inputs(name) is not None)

    def _read(self, path: str, file: str) -> Collection[str]:
        """Add the values of a file, and return the names of its variables."""
        try:
            parsed = parse(file, variables=True)
        except InputError as error:
            self.run.report_file(path, error)
            self._lose(path)
            return ()
        if parsed.body.attributes.keys() >= _PARAMETER_FILE_KEYS:
            self.run.report_file(path, InputError("the file has parameters of a template", "use `--parameters`"))
            self._lose(path)
            return ()
        self.run.add(ModuleFile(path, parsed))
        for block in () if parsed.faults else parsed.body.blocks:
            at = Location(path=path, span=(block.start, block.head))
            self.run.report_unreadable(f"block `{block.type}` is not supported in a variable file", at)
        if parsed.faults:
            self._lose(path)
        self.run.value_files.add(path)
        self.pieces |= {name: FileAttribute(path, found) for name, found in parsed.body.attributes.items()}
        return parsed.body.attributes.keys()

    def _lose(self, path: str) -> None:
        """Discard the values of earlier files: an unreadable file may override them."""
        self._damaged = path
        self.pieces.clear()

    def get(self, name: str, /) -> Result | None:
        """Return the value of one variable; None if it is given none."""
        if name in self.options:
            return self._word(name, self.options[name])
        piece = self.pieces.get(name)
        if piece is None:
            lost = lost_in(self._damaged, name)
            return lost if lost is not None or self.inputs is None else self.inputs(name)
        path, attribute = piece.path, piece.attribute
        node, at = attribute.expression(), Location(path=path, span=(attribute.start, attribute.end))
        if node is None:
            if attribute.fault is not None:
                self.run.report_faults(path, [attribute.fault])
            return Unknown(at=at, why=f"`{name}` cannot be read")
        return _evaluate(self.run, node, path, at)

    def final_value(self, name: str, found: Result, at: Location) -> Result:
        """Return the planned value of a variable, if it differs from ``found``."""
        if name not in self.planned:
            return found
        plain = self.planned[name]
        if unknown_in(found) is None and plain_of(found) == plain:
            return found
        return wrap(plain, at)

    def _word(self, name: str, word: str) -> Result:
        """Return the value of ``--var``: a string if the variable is one, otherwise an expression."""
        declaration = self.folder.variables.get(name)
        at = Location(path=self.folder.path)
        type_ = None
        if declaration is not None:
            at = Location(path=declaration.path, span=(declaration.block.start, declaration.block.head))
            piece = declaration.attributes.get("type")
            type_ = piece.attribute.expression() if piece is not None else None
        # Of a primitive type or none, Terraform takes the word as it is; `any` is not primitive.
        if type_ is None or (isinstance(type_, ast.Name) and type_.name == "string"):
            return Scalar(at=at, value=word)
        attribute = parse_file(f"x = {word}\n").body.attributes.get("x")
        node = attribute.expression() if attribute is not None else None
        if node is None:
            return Unknown(at=at, why=f"the value of `--var {name}` is not a valid expression")
        return _evaluate(self.run, node, at.path, at, fixed=True)


def automatic_names(names: Collection[str]) -> list[str]:
    """Return those names in a folder that are names of files that Terraform itself reads, in its order."""
    found = [name for name in VALUE_FILES if name in names]
    return found + sorted(name for name in names if name.endswith(AUTOMATIC_VALUES))


def automatic_files(folder: Folder) -> Sequence[tuple[str, str]]:
    """Return reported and real paths of the files that Terraform itself reads, in its order."""
    found = automatic_names(folder.names)
    prefix = "" if folder.path in ("", ".") else f"{folder.path}/"
    return [(prefix + name, os.path.join(folder.directory, name)) for name in found]


def _evaluate(run: TerraformRun, node: ast.Expression, path: str, at: Location, fixed: bool = False) -> Result:
    try:
        return TerraformEvaluator(_ValuesFile(path, at if fixed else None), run.budget).evaluate(node, NOTHING)
    except FailedError as error:
        return Unknown(at=at, why=f"{error.why}, so the plan fails")


class _ValuesFile:
    """A file of values: nothing can be referred to in it."""

    def __init__(self, path: str, at: Location | None) -> None:
        self.path = path
        self.at = at

    def place(self, node: ast.Node) -> Location:
        """Return the location of a node."""
        return self.at if self.at is not None else Location(path=self.path, span=(node.start, node.end))

    def symbol(self, node: ast.Name) -> Result:
        """Return Unknown: a file of values cannot refer to anything."""
        return Unknown(at=self.place(node), why=f"`{node.name}` is not available in a variable file")

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # there is none
        """Return None: no function is declared."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # functions are not allowed there
        """Return None: no file is read."""
        return None

    def rendered(self, name: str, found: Result) -> None:
        """Ignore templates: a file of values renders none."""

    def settled(self, found: Result, at: Location) -> Result:  # noqa: ARG002  # everything is written out
        """Return the value where it stands."""
        return found
