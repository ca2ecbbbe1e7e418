"""The configuration files of one Terragrunt unit: ``terragrunt.hcl`` and the files that it includes or reads.

Source: docs.terragrunt.com/reference/hcl (blocks, attributes, functions). The environment is not read: the same input
always has the same result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation.budget import Budget, UnitWork
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Fields, Result
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.discover import is_component_file, is_deployment_file
from azkvlint.readers.terraform.folder import ModuleFile
from azkvlint.readers.terraform.module_evaluation import TerraformNamespace
from azkvlint.readers.terraform.run import RootTextFiles
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Attribute, Block, HclFile, parse_file
from azkvlint.syntax.texts import source_text
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.project_files import MAX_FILE, is_file, is_folder, read_bytes, reported_path

# Files that one unit includes and reads, and how deep they read each other.
_MOST_FILES, _DEEPEST = 200, 20
_LEAVES = (Scalar, Unknown, Absent)
_IN_STACKS = frozenset({"values", "unit", "stack"})


class TerragruntProblem(NamedTuple):
    """A problem in the configuration. A ``note`` is about a file that is not available.

    ``is_missing_module``: it is about the module of the unit.
    """

    level: str
    message: str
    at: Location
    is_missing_module: bool = False


class TerragruntUnit:
    """One unit of Terragrunt. ``directory`` is the folder of its ``file``; nothing outside of ``root`` is read.

    ``files`` are all configuration files by their reported paths.
    """

    def __init__(self, path: str, file: str, root: str, work: UnitWork | None = None) -> None:
        self.root = root
        self.directory = os.path.dirname(file)
        self.files: dict[str, ModuleFile] = {}
        self.faults: list[TerragruntProblem] = []
        self.texts = RootTextFiles(root, self.directory)
        self.work = work
        self.budget = Budget(unit=work)
        self.includes: list[Include] = []
        self._parsed: dict[str, ModuleFile] = {}
        self._opened: dict[str, TerragruntConfiguration] = {}
        self.main = TerragruntConfiguration(self, file, self._load(file, path), self.directory, (real_path(file),))
        self.includes += [self._include(*one) for one in _includes(self.main)]

    def report(self, level: str, message: str, at: Location, is_missing_module: bool = False) -> None:
        """Report a problem once."""
        fault = TerragruntProblem(level, message, at, is_missing_module)
        if fault not in self.faults:
            self.faults.append(fault)

    def configuration_at(
        self, written: Result, base: str, chain: tuple[str, ...], what: str, at: Location, *, included: bool = False
    ) -> TerragruntConfiguration | None:
        """Return the configuration at a path; None, with a problem, if it is not available or cannot be read.

        ``base`` is the folder that relative paths start from, ``chain`` are the files that lead to this one.
        """
        if not isinstance(written, Scalar) or not isinstance(written.value, str):
            why = written.why if isinstance(written, Unknown) else "the path is not a string"
            self.report("note", f"the path of {what} is unknown, so the file was not read: {why}", at)
            return None
        try:
            file = os.path.normpath(os.path.join(base, written.value.replace("\\", "/")))
            if not is_within(file, self.root):
                self.report("note", f"{what} is outside the project, so it was not read", at)
                return None
            if not is_file(file):
                self.report("note", f"{what} is not available, so it was not read", at)
                return None
            real = real_path(file)
            loaded = self._load(file, reported_path(self.root, file))
        except (InputError, ValueError) as error:
            message = error.message if isinstance(error, InputError) else "the path is invalid"
            self.report("error", f"{what} cannot be read: {message}", at)
            return None
        if real in chain or len(chain) >= _DEEPEST:
            why = (
                "the file includes or reads itself" if real in chain else f"more than {_DEEPEST} files read each other"
            )
            self.report("error", f"{what} cannot be read: {why}", at)
            return None
        found = None if included else self._opened.get(file)
        if found is None:
            own = self.directory if included else os.path.dirname(file)
            found = TerragruntConfiguration(self, file, loaded, own, (*chain, real), is_included=included)
            if not included:
                self._opened[file] = found
        return found

    def _load(self, file: str, path: str) -> ModuleFile:
        found = self._parsed.get(file)
        if found is None:
            if len(self._parsed) >= _MOST_FILES:
                raise InputError(f"a unit uses more than {_MOST_FILES} files")
            found = self._parsed[file] = ModuleFile(path, parse_configuration(file))
            self.files[path] = found
            self.budget.add_input(len(found.parsed.text))
        return found

    def _include(self, label: str, written: Result, merge: Result | None, at: Location) -> Include:
        name = f"the included file of `{label}`" if label else "the included file"
        opened = self.configuration_at(written, self.directory, self.main.chain, name, at, included=True)
        for nested in opened.blocks("include") if opened is not None else ():
            text = "an included file includes another one, which Terragrunt does not support"
            self.report("error", text, opened.head(nested) if opened is not None else at)
        return Include(label, opened, str(merge.value) if isinstance(merge, Scalar) else "shallow", at)


def parse_configuration(file: str) -> HclFile:
    """Return a file of Terragrunt or Terraform Stacks. Raises InputError if it cannot be read."""
    text = source_text(read_bytes(file, MAX_FILE))
    if not file.endswith(".json"):
        return parse_file(text)
    from azkvlint.syntax.hcl.json_file import STACK, TERRAGRUNT, parse_json_file

    name = os.path.basename(file)
    return parse_json_file(text, root=STACK if is_component_file(name) or is_deployment_file(name) else TERRAGRUNT)


def _includes(main: TerragruntConfiguration) -> Iterator[tuple[str, Result, Result | None, Location]]:
    """Yield label, path, merge strategy, and place of each include of a file."""
    for block in main.blocks("include"):
        found, at = block.body.attributes, main.head(block)
        if "path" in found or block.labels:
            path = main.evaluate(found["path"]) if "path" in found else Absent(at=at)
            merge = main.evaluate(found["merge_strategy"]) if "merge_strategy" in found else None
            yield block.labels[0] if block.labels else "", path, merge, at
            continue
        for label, attribute in found.items():  # in JSON labels are keys
            value = main.evaluate(attribute)
            if isinstance(value, Fields):
                yield label, value.fields.get("path", Absent(at=at)), value.fields.get("merge_strategy"), value.at


class Include(NamedTuple):
    """A file that a unit includes; None if it is not available."""

    label: str
    configuration: TerragruntConfiguration | None
    merge: str
    at: Location


class TerragruntConfiguration:
    """One configuration file of a unit.

    ``own`` is the folder that it calls its own: that of the unit if the unit includes it.
    """

    def __init__(
        self,
        unit: TerragruntUnit,
        file: str,
        loaded: ModuleFile,
        own: str,
        chain: tuple[str, ...],
        *,
        is_included: bool = False,
    ) -> None:
        self.unit = unit
        self.file = file
        self.path = loaded.path
        self.body = loaded.parsed.body
        self.own = own
        self.chain = chain
        self.is_included = is_included
        self.evaluator = TerraformEvaluator(self, unit.budget)
        self._exported: Result | None = None
        self._locals: dict[str, Result] = {}
        self._busy: set[str] = set()

    def blocks(self, type_: str) -> list[Block]:
        """Return the blocks of a type."""
        return [block for block in self.body.blocks if block.type == type_]

    def head(self, block: Block) -> Location:
        """Return the place of the head of a block."""
        return Location(path=self.path, span=(block.start, block.head))

    def where(self, attribute: Attribute) -> Location:
        """Return the place of an attribute."""
        return Location(path=self.path, span=(attribute.start, attribute.end))

    def evaluate(self, attribute: Attribute) -> Result:
        """Return the value of an attribute."""
        node, at = attribute.expression(), self.where(attribute)
        if node is None:
            fault = attribute.fault.message if attribute.fault is not None else "expected an expression"
            self.unit.report("error", f"`{attribute.name}` cannot be read: {fault}", at)
            return Unknown(at=at, why=f"`{attribute.name}` cannot be read")
        try:
            return self.settled(self.evaluator.evaluate(node, NOTHING), at)
        except FailedError as error:
            return Unknown(at=at, why=f"{error.why}, so Terragrunt fails")

    def inputs(self) -> Result | None:
        """Return the inputs; None if the file has none."""
        piece = self.body.attributes.get("inputs")
        found = self.evaluate(piece) if piece is not None else None
        if piece is None or found is None or isinstance(found, (Fields, Unknown, Absent)):
            return found
        return Unknown(at=self.where(piece), why="the inputs are not an object with known names")

    def exported(self, at: Location) -> Result:
        """Return the values that other files can read from this one."""
        if self._exported is None:
            self._exported = Unknown(at=at, why=f"`{self.path}` reads itself")
            names = [name for block in self.blocks("locals") for name in block.body.attributes]
            fields: dict[str, Result] = {
                "locals": Fields(at=at, fields={name: self.local(name, at) for name in names}),
                "inputs": self.inputs() or Fields(at=at, fields={}),
            }
            rest = Unknown(at=at, why=f"only `locals` and `inputs` of `{self.path}` are read")
            self._exported = Fields(at=at, fields=fields, rest=rest)
        return self._exported

    def local(self, name: str, at: Location) -> Result:
        """Return a local value."""
        found = self._locals.get(name)
        if found is not None:
            return found
        pieces = (block.body.attributes.get(name) for block in self.blocks("locals"))
        piece = next((piece for piece in pieces if piece is not None), None)
        if piece is None:
            return Unknown(at=at, why=f"local value `{name}` is not declared")
        if name in self._busy:
            self.unit.report("error", f"local value `{name}` refers to itself", self.where(piece))
            return Unknown(at=at, why=f"`local.{name}` refers to itself")
        self._busy.add(name)
        try:
            found = self._locals[name] = self.evaluate(piece)
        finally:
            self._busy.discard(name)
        return found

    def place(self, node: ast.Node) -> Location:
        """Return the place of a node."""
        return Location(path=self.path, span=(node.start, node.end))

    def symbol(self, node: ast.Name) -> Result:
        """Return the value of the first name in a reference."""
        at, name = self.place(node), node.name
        match name:
            case "local":
                return TerraformNamespace(name, self.local, at)
            case "include":
                return TerraformNamespace(name, self._included, at)
            case "dependency":
                return TerraformNamespace(name, _dependency, at)
            case "feature":
                return TerraformNamespace(name, self._feature, at)
            case _ if name in _IN_STACKS:
                why = f"`{name}` has a value only in a Terragrunt stack"
                return Unknown(at=at, why=why, pattern=hole(name))
            case _:
                return Unknown(at=at, why=f"`{name}` is not available in Terragrunt")

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """Return the result of a function of Terragrunt; None for one of Terraform."""
        function = FUNCTIONS.get(node.name)
        if function is None:
            return None
        return function(self, [self.evaluator.evaluate(one, local) for one in node.arguments], self.place(node))

    def text_file(self, name: str, at: Location) -> str | None:  # noqa: ARG002  # the evaluator passes the place
        """Return the text of a file of the project."""
        return self.unit.texts.read(os.path.join(self.own, name))

    def rendered(self, name: str, found: Result) -> None:
        """Ignore the result of a template: Terragrunt deploys nothing itself."""

    def settled(self, found: Result, at: Location) -> Result:
        """Return a value at the place of its expression, with the place that it comes from as its cause."""
        if not isinstance(found, _LEAVES) or found.at == at or found.at.path != at.path:
            return found
        return msgspec.structs.replace(found, at=at.caused_by(found.at))

    def _included(self, name: str, at: Location) -> Result:
        for one in self.unit.includes:
            if one.label == name and one.configuration is not None:
                return one.configuration.exported(at)
            if not one.label and one.configuration is not None:  # of an include without a label the name is a member
                return self.evaluator.member(one.configuration.exported(at), name, False, at)
        return Unknown(at=at, why=f"included file `{name}` is not available", pattern=hole(f"include.{name}"))

    def _feature(self, name: str, at: Location) -> Result:
        """Return a feature flag with its default value, assuming that the command line does not override it."""
        for block in self.blocks("feature"):
            default = block.body.attributes.get("default")
            if block.labels == (name,) and default is not None:
                return Fields(at=at, fields={"value": self.evaluate(default)})
        return Unknown(at=at, why=f"feature `{name}` is not declared")


def _dependency(name: str, at: Location) -> Result:
    why = f"the outputs of dependency `{name}` are not available"
    return Unknown(at=at, why=why, pattern=hole(f"dependency.{name}"))


_Function: TypeAlias = Callable[[TerragruntConfiguration, Sequence[Result], Location], Result]
_DEFAULT_NAME = "terragrunt.hcl"


def _text(arguments: Sequence[Result], number: int) -> str | None:
    """Return an argument that is a known string; None for any other."""
    found = arguments[number] if number < len(arguments) else None
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else None


def _path(path: str, at: Location) -> Scalar:
    return Scalar(at=at, value=path.replace(os.sep, "/"))


def _parent(here: TerragruntConfiguration, arguments: Sequence[Result]) -> str | None:
    """Return the folder of the included file, by its label if there are several; None if it is not known."""
    if here.is_included:
        return os.path.dirname(here.file)
    label = _text(arguments, 0)
    for one in here.unit.includes:
        if label in (None, one.label):
            return os.path.dirname(one.configuration.file) if one.configuration is not None else None
    return here.own


def _own_folder(here: TerragruntConfiguration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(here.own, at)


def _unit_folder(here: TerragruntConfiguration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(here.unit.directory, at)


def _parent_folder(here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    found = _parent(here, arguments)
    return _path(found, at) if found is not None else _unknown("the included file is not available", at)


def _relative_to_include(here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    found = _parent(here, arguments)
    if found is None:
        return _unknown("the included file is not available", at)
    return _path(os.path.relpath(here.unit.directory, found), at)


def _relative_from_include(here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    found = _parent(here, arguments)
    if found is None:
        return _unknown("the included file is not available", at)
    return _path(os.path.relpath(found, here.unit.directory), at)


def _find_in_parents(here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    name = _text(arguments, 0) if arguments else _DEFAULT_NAME
    if name is None:
        return _unknown("the name of the file is unknown", at)
    folder = here.own
    while folder != os.path.dirname(folder) and is_within(os.path.dirname(folder), here.unit.root):
        folder = os.path.dirname(folder)
        file = os.path.join(folder, name)
        if is_file(file) or is_folder(file):
            return _path(file, at)
    if len(arguments) > 1:
        return arguments[1]
    return _unknown(f"file `{name}` does not exist in any parent folder of the project", at)


def _repository(here: TerragruntConfiguration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(_checkout(here), at)


def _path_from_repository(here: TerragruntConfiguration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(os.path.relpath(here.own, _checkout(here)), at)


def _path_to_repository(here: TerragruntConfiguration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(os.path.relpath(_checkout(here), here.own), at)


def _checkout(here: TerragruntConfiguration) -> str:
    return checkout_of(here.own) or here.unit.root


def _environment(_here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    """Return ``get_env(name, [default])``: without a value in the environment it is the default."""
    if len(arguments) > 1:
        return arguments[1]
    name = _text(arguments, 0) or "?"
    return _unknown(f"environment variable `{name}` is not read", at, hole(f"env.{name}"))


def _read(here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    """Return ``read_terragrunt_config(path, [default])``."""
    if not arguments:
        return _unknown("`read_terragrunt_config()` expects a path", at)
    name = _text(arguments, 0)
    if len(arguments) > 1 and name is not None and not is_file(os.path.normpath(os.path.join(here.own, name))):
        return arguments[1]
    what = f"file `{os.path.basename(name)}`" if name else "the file for `read_terragrunt_config()`"
    found = here.unit.configuration_at(arguments[0], here.own, here.chain, what, at)
    return found.exported(at) if found is not None else _unknown(f"{what} was not read", at)


def _first(_here: TerragruntConfiguration, arguments: Sequence[Result], at: Location) -> Result:
    return arguments[0] if arguments else _unknown("an argument is missing", at)


def _decrypt(_here: TerragruntConfiguration, _arguments: Sequence[Result], at: Location) -> Result:
    return Unknown(at=at, why="the value is in an encrypted file", sensitive=True)


def _unknown(why: str, at: Location, pattern: Pattern | None = None) -> Unknown:
    return Unknown(at=at, why=why, pattern=pattern)


def _not_supported(name: str) -> _Function:
    return lambda _here, _arguments, at: _unknown(f"`{name}()` is not supported", at)


FUNCTIONS: Mapping[str, _Function] = {
    "find_in_parent_folders": _find_in_parents,
    "get_env": _environment,
    "get_original_terragrunt_dir": _unit_folder,
    "get_parent_terragrunt_dir": _parent_folder,
    "get_path_from_repo_root": _path_from_repository,
    "get_path_to_repo_root": _path_to_repository,
    "get_repo_root": _repository,
    "get_terragrunt_dir": _own_folder,
    "mark_as_read": _first,
    "path_relative_from_include": _relative_from_include,
    "path_relative_to_include": _relative_to_include,
    "read_terragrunt_config": _read,
    "sops_decrypt_file": _decrypt,
    # The others, so that the reason for an unknown value names them.
    # Source: terragrunt.gruntwork.io/docs/reference/hcl/functions.
    **{
        name: _not_supported(name)
        for name in (
            "constraint_check", "get_aws_account_alias", "get_aws_account_id", "get_aws_caller_identity_arn",
            "get_aws_caller_identity_user_id", "get_default_retryable_errors", "get_platform",
            "get_terraform_cli_args", "get_terraform_command", "get_terraform_commands_that_need_input",
            "get_terraform_commands_that_need_locking", "get_terraform_commands_that_need_parallelism",
            "get_terraform_commands_that_need_vars", "get_terragrunt_source_cli_flag", "get_working_dir",
            "read_tfvars_file", "run_cmd",
        )
    },
}  # fmt: skip
