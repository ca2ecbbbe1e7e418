"""The state that all modules of one root share, and the interfaces through which declarations see their module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from azkvlint.evaluation.budget import Budget, UnitWork
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.reads import Inputs, Recorder
from azkvlint.evaluation.values import Result, is_large, plain_of, unknown_in
from azkvlint.model.finding import INPUT_INCOMPLETE, INPUT_UNREADABLE, Problem
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.value import Scalar, Unknown, Value
from azkvlint.readers.modules.required_members import AttributeFilter
from azkvlint.readers.modules.run import ModuleCall, Run
from azkvlint.readers.terraform.folder import (
    FileAttribute,
    Folder,
    FolderCache,
    ModuleFile,
    ModuleSource,
    TerraformDeclaration,
    Written,
)
from azkvlint.readers.terraform.links import LinkFreezer
from azkvlint.syntax import ast
from azkvlint.syntax.ast import Fault
from azkvlint.syntax.hcl.parse import REPEATED
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.syntax.texts import Lines, decoded
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import MAX_FILE, read_bytes, resolve_inside

# The number of results of templates that are kept.
_MOST_KEPT = 1_000
# What every template has.
_RESOURCES = '"resources"'
_NONE: set[str] = set()


class RootTextFiles:
    """The text files of one root module. ``deployed`` are the real paths of those whose content is deployed."""

    def __init__(self, root: str, directory: str) -> None:
        self._root = root
        self._directory = directory
        self._texts: dict[str, str | None] = {}
        # Real paths by the content of the files, or by the result of rendering them.
        self._files: dict[str, set[str]] = {}
        self._made: dict[str, set[str]] = {}
        self._data: dict[str, object] = {}
        self.deployed: set[str] = set()

    def read(self, name: str) -> str | None:
        """Return the text of a file, relative to the root module; None if it is not in the project, or cannot
        be read.
        """
        if name not in self._texts:
            self._texts[name] = None
            try:
                file = resolve_inside(self._root, self._directory, name)
                if file is not None:
                    text = self._texts[name] = decoded(read_bytes(file, MAX_FILE))
                    self._files.setdefault(text, set()).add(file)
            except InputError:
                pass
        return self._texts[name]

    def add_rendered(self, name: str, found: Result) -> None:
        """Record the result of rendering a template file."""
        text, read = _text_of(found), self._texts.get(name)
        if text is not None and read is not None and _RESOURCES in text and len(self._made) < _MOST_KEPT:
            self._made[text] = self._files[read]

    def deploy(self, *values: Result | None) -> None:
        """Record the files whose entire content is deployed through the values."""
        for value in values:
            text = _text_of(value)
            if text is not None:
                self.deployed |= self._files.get(text, _NONE) | self._made.get(text, _NONE)
            elif value is not None:
                self._deploy_data(_plain(value))

    def _deploy_data(self, plain: object) -> None:
        """Add the templates in decoded data."""
        if not isinstance(plain, dict):
            return
        for text, files in self._files.items():
            if text not in self._data:
                self._data[text] = _decode(text)
            if self._data[text] == plain:
                self.deployed |= files


def _text_of(value: Result | None) -> str | None:
    """Return a string, or the text form of a partly unknown one; None for other values."""
    match value:
        case Scalar(value=str() as text):
            return text
        case Unknown(pattern=pattern) if pattern is not None:
            return pattern.text
    return None


def _plain(value: Result) -> object:
    """Return plain data; None for a value that is partly unknown, or too large to compare."""
    return None if is_large(value) or unknown_in(value) is not None else plain_of(value)


def _decode(text: str) -> object:
    """Return the value of a JSON object; None for any other string."""
    try:
        return decode_text(text).value if text.lstrip().startswith("{") else None
    except InputError:
        return None


class Stub(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a declaration, its arguments by name, and the calls that lead into it, itself included if it is one.

    ``is_call``: findings of the called module can be reported here. ``prevents_destroy``: its `lifecycle` block states
    so. ``is_missing``: the called module is not available.
    """

    at: Location
    arguments: Mapping[str, Location]
    callers: tuple[Location, ...]
    is_call: bool
    prevents_destroy: bool = False
    is_missing: bool = False


_MAX_FAULTS = 20


class Failure(NamedTuple):
    """What lets the plan fail: an expression with its variables, and the declarations without instances that it reads.

    Without an expression, it is a value that is not accepted.
    """

    node: ast.Expression | None = None
    local: Local = NOTHING
    needed: Sequence[Any] = ()


class TerraformRun(Run):
    """One root module being read. ``root`` is the folder that nothing may leave, ``directory`` the root module's own.

    ``version`` are the azurerm versions that the root module and all that it calls leave open. ``value_files`` are the
    reported paths of the files that give values to its variables. ``called`` are the folders of the modules that it
    calls through expressions, which are not found without evaluating them. ``from_templates`` are the addresses of the
    resources that templates deploy. ``moved`` are the new addresses in ``moved`` blocks by the old ones, and
    ``imported`` the addresses in ``import`` blocks.
    """

    DEPLOYMENTS = "instances of modules"

    def __init__(
        self,
        folder: Folder,
        cache: FolderCache,
        root: str,
        unit: UnitWork | None = None,
    ) -> None:
        super().__init__(folder.path, "", cache.required.form(AttributeFilter), None, Budget(unit=unit), unit)
        self.files = {}
        self.cache = cache
        self.root = root
        self.directory = folder.directory
        self.required = cache.required
        self.version = VersionRange()
        self.installed: dict[str, str] | None = None
        self.sources: dict[str, ModuleFile] = {}
        self.value_files: set[str] = set()
        self.stubs: dict[str, Stub] = {}
        self.types: dict[str, str] = {}
        self.links = LinkFreezer(self.types, self.budget)
        self.worlds: Callable[[], OtherWorlds] | None = None
        # What fails, by module and place.
        self.failures: dict[tuple[str, str, int], Failure] = {}
        self.without_instances: list[Any] = []
        self.from_templates: set[str] = set()
        self.texts = RootTextFiles(root, folder.directory)
        self.called: set[str] = set()
        # The modules of the calls that were opened, by the folder of the caller and the name of the call.
        self.calls: dict[tuple[str, str], Folder] = {}
        self.moved: dict[str, str] = {}
        self.imported: set[str] = set()
        self._counted: set[tuple[str, str]] = set()
        self._faulty: set[tuple[str, int]] = set()
        self._noted: set[tuple[str, str]] = set()

    def record(self, recorder: Recorder) -> None:
        """See the base class."""
        super().record(recorder)
        self.failures.clear()

    def in_world(self, budget: Budget, recorder: Recorder, changed: Inputs) -> Self:
        """See the base class."""
        other = super().in_world(budget, recorder, changed)
        other.links = self.links.within(other.budget)
        other.failures, other.without_instances = {}, []
        return other

    def add(self, file: ModuleFile) -> None:
        """Take note of a file whose places may be reported, and of what is wrong with its text."""
        if file.path not in self.sources:
            self.sources[file.path] = file
            self.files[file.path] = file.parsed.text
            self.report_faults(file.path, file.parsed.faults)

    def count_input(self, folder: Folder) -> None:
        """Extend the budget by the size of a module, once for each module."""
        if (folder.path, folder.directory) not in self._counted:
            self._counted.add((folder.path, folder.directory))
            self.budget.add_input(sum(len(file.parsed.text) for file in folder.files))

    def report_file(self, path: str, error: InputError) -> None:
        """Report a file that cannot be read."""
        self.closed = False
        self.problem(INPUT_UNREADABLE, "error", error.message, Location(path=path), error.hint or "")

    def report_faults(self, path: str, faults: Sequence[Fault]) -> None:
        """Report what is wrong with the text of a file, each once. More resources may be declared there."""
        fresh = [fault for fault in faults if (path, fault.at) not in self._faulty]
        if not fresh:
            return
        self.closed = False
        if path not in self.files:
            return  # a foreign module, which its caller cannot fix
        lines, is_json = Lines(self.files[path]), path.endswith(".json")
        for fault in fresh[:_MAX_FAULTS]:
            self._faulty.add((path, fault.at))
            at = Location(path=path, region=lines.region(fault.at, fault.at), span=(fault.at, fault.at))
            is_syntax_error = not is_json and fault.message != REPEATED
            self.problems.append(
                Problem(
                    code=INPUT_UNREADABLE, level="error", message=fault.message, at=at, is_syntax_error=is_syntax_error
                )
            )

    def report_unreadable(self, message: str, at: Location, hint: str = "") -> None:
        """Report a part that cannot be read, in which more resources may be declared."""
        self.closed = False
        self.problem(INPUT_INCOMPLETE, "error", message, at, hint)

    def report_note(self, message: str, at: Location, hint: str) -> None:
        """Report what was not evaluated, once for each file."""
        self.closed = False
        if (at.path, message) not in self._noted:
            self._noted.add((at.path, message))
            self.problem(INPUT_INCOMPLETE, "note", message, at, hint)

    def freeze(self, result: Result) -> Value | None:
        """Return the Value of a result; None for null. What certainly names one resource is a Link."""
        return self.links.freeze(result)


class VariableValues(Protocol):
    """The values of variables by name; None for a variable without a value."""

    def get(self, name: str, /) -> Result | None:
        """Return the value of one variable."""

    def final_value(self, name: str, found: Result, at: Location, /) -> Result:
        """Return the value of a variable that is ``found`` by its argument and its default."""


class TerraformModuleCall(ModuleCall, frozen=True, kw_only=True):
    """A call of a module, or the root module.

    ``key`` is its place in ``modules.json``. ``around`` are the folders of the modules that make the calls which lead
    to it. ``shown`` is where everything in it is reported, for a module that its caller cannot edit. ``providers`` maps
    the provider configurations that it is given.
    """

    given: VariableValues
    key: str = ""
    around: tuple[Folder, ...] = ()
    shown: Location | None = None
    providers: Mapping[str, str] = {}


class CalledModule(Protocol):
    """One instance of a module call."""

    @property
    def content(self) -> ModuleScope | None:
        """Return the module; None if it is not available."""


class ModuleCallScope(Protocol):
    """A module call as other parts of its module see it."""

    @property
    def source(self) -> ModuleSource | None:
        """Return the module that the call names; None if it is not available."""

    @property
    def instances(self) -> Sequence[CalledModule]:
        """Return the instances of the call."""


class ModuleScope(Protocol):
    """A module with its arguments, as its declarations see it: what evaluates and locates their expressions."""

    folder: Folder
    run: TerraformRun
    call: TerraformModuleCall
    prefix: str
    providers: dict[str, str]

    def evaluate(self, piece: FileAttribute, local: Local) -> Result:
        """Return the value of an attribute."""

    def evaluate_node(self, piece: FileAttribute, node: ast.Expression, local: Local) -> Result:
        """Return the value of a part of an attribute's expression."""

    def locate(self, written: Written) -> Location:
        """Return the location that reports use for an attribute, or for the head of a block."""

    def fail(self, piece: FileAttribute) -> None:
        """Record that the plan fails because of the value of an attribute, or that kvlint does not evaluate it."""

    def report_faults(self, path: str, faults: Sequence[Fault]) -> None:
        """Report what is wrong with the text of a file."""

    def report_block_faults(self, declaration: TerraformDeclaration) -> None:
        """Report what is wrong with the text of a block."""

    def is_given(self, at: Location) -> bool:
        """Return whether a location is in a module that calls this one."""

    def variable(self, name: str, at: Location) -> Result:
        """Return the value of a variable."""

    def module(self, name: str) -> ModuleCallScope | None:
        """Return a module call of the module."""

    def base_symbol(self, symbol: Any) -> Any:
        """Return the same declaration in the base world, if it was evaluated there."""

    def decides_on(self, symbol: Any) -> Any:
        """Return the same declaration with the defaults of the root's variables; None if it has them itself."""


class OtherWorlds(Protocol):
    """Evaluates a root module with other values of its variables."""

    def open_module(self, module: ModuleScope) -> ModuleScope | None:
        """Return a module without the defaults of the root's variables; None if it is not used then."""
