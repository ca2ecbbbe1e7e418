"""What all modules of one root share: files, limits, and what has been found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.to_value import Freezer
from azkvlint.evaluation.values import Result
from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_INCOMPLETE, INPUT_UNREADABLE
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Link, MapValue, Unknown, Value
from azkvlint.readers.arm.attribute_filter import wanted
from azkvlint.readers.arm.run import Run
from azkvlint.readers.terraform.folder import Folder, ModuleFile
from azkvlint.readers.terraform.module_cache import FolderCache
from azkvlint.readers.terraform.source_texts import Texts
from azkvlint.syntax.ast import Fault
from azkvlint.syntax.hcl.parse import REPEATED
from azkvlint.syntax.positions import Lines
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azkvlint.readers.terraform.module_stubs import Head
    from azkvlint.readers.terraform.scenarios import Scenarios

_MAX_FAULTS = 20


class TerraformRun(Run):
    """One root module being read. ``root`` is the folder that nothing may leave, ``directory`` the root module's own.

    ``version`` are the azurerm versions that the root module and all that it calls leave open. ``value_files`` are the
    reported paths of the files that give values to its variables. ``called`` are the folders of the modules that it
    calls through expressions, which are not found without evaluating them. ``from_templates`` are the addresses of the
    resources that templates deploy.
    """

    DEPLOYMENTS = "instances of modules"

    def __init__(self, folder: Folder, required: RequiredAttributes, cache: FolderCache, root: str) -> None:
        super().__init__(folder.path, "", wanted(required), None)
        self.files = {}
        self.cache = cache
        self.root = root
        self.directory = folder.directory
        self.required = required
        self.version = VersionRange()
        self.installed: dict[str, str] | None = None
        self.sources: dict[str, ModuleFile] = {}
        self.value_files: set[str] = set()
        self.heads: dict[str, Head] = {}
        self.types: dict[str, str] = {}
        self.links = LinkFreezer(self.types, self.budget)
        self.scenarios: Scenarios | None = None
        self.from_templates: set[str] = set()
        self.texts = Texts(root, folder.directory)
        self.called: set[str] = set()
        self._counted: set[tuple[str, str]] = set()
        self._faulty: set[tuple[str, int]] = set()
        self._noted: set[tuple[str, str]] = set()

    def apart(self) -> Self:
        """See Run."""
        other = super().apart()
        other.links = self.links.within(other.budget)
        return other

    def add(self, file: ModuleFile) -> None:
        """Take note of a file whose places may be reported, and of what is wrong with its text."""
        if file.path not in self.sources:
            self.sources[file.path] = file
            self.files[file.path] = file.parsed.text
            self.faults(file.path, file.parsed.faults)

    def count_input(self, folder: Folder) -> None:
        """Extend the budget by the size of a module, once for each module."""
        if (folder.path, folder.directory) not in self._counted:
            self._counted.add((folder.path, folder.directory))
            self.budget.add_input(sum(len(file.parsed.text) for file in folder.files))

    def bad_file(self, path: str, error: InputError) -> None:
        """Report a file that cannot be read."""
        self.closed = False
        self.problem(INPUT_UNREADABLE, "error", error.message, Location(path=path), error.hint or "")

    def faults(self, path: str, faults: Sequence[Fault]) -> None:
        """Report what is wrong with the text of a file, each once. More resources may be declared there."""
        fresh = [fault for fault in faults if (path, fault.at) not in self._faulty]
        if not fresh:
            return
        self.closed = False
        if path not in self.files:
            return  # of somebody else's module: its caller cannot mend it, and what it declares there stays open
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

    def unreadable(self, message: str, at: Location, hint: str = "") -> None:
        """Report a part that cannot be read, in which more resources may be declared."""
        self.closed = False
        self.problem(INPUT_INCOMPLETE, "error", message, at, hint)

    def note(self, message: str, at: Location, hint: str) -> None:
        """Say what was not judged, once for each file that it stands in."""
        self.closed = False
        if (at.path, message) not in self._noted:
            self._noted.add((at.path, message))
            self.problem(INPUT_INCOMPLETE, "note", message, at, hint)

    def frozen(self, result: Result) -> Value | None:
        """The Value of a result; None for null. What certainly names one resource is a Link."""
        return self.links.freeze(result)


class LinkFreezer(Freezer):
    """Turns results into Values, and what certainly is the id of one resource into a Link.

    ``types`` are the Azure types of resources by address.
    """

    def __init__(self, types: dict[str, str], budget: Budget) -> None:
        super().__init__(budget=budget)
        self._types = types

    def freeze(self, result: Result) -> Value | None:
        """The Value of a result; None for null, which is "not set"."""
        if type(result) is Unknown and result.candidates:
            return self._named(result)
        return super().freeze(result)

    def _frozen(self, result: Result) -> Value | None:
        found = super()._frozen(result)
        if isinstance(found, MapValue) and found.fields and all(value.sensitive for value in found.fields.values()):
            # It may be secret as a whole, its keys included.
            return msgspec.structs.replace(found, sensitive=True)
        return found

    def _named(self, found: Unknown) -> Value:
        if not (found.closed and found.given and len(found.candidates) == 1):
            # A pattern would say that the text is known as far as it goes, and so hide what it may name.
            return Unknown(
                at=found.at, why=found.why, candidates=found.candidates, closed=found.closed, hops=found.hops,
                types=tuple(sorted({self._types.get(one, "") for one in found.candidates})) if found.closed else (),
                given=found.given, sensitive=found.sensitive,
            )  # fmt: skip
        target = found.candidates[0]
        return Link(at=found.at, target=target, type=self._types.get(target, ""), hops=found.hops)
