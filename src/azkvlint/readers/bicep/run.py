"""The state that all files of one root document share: files, limits and results."""

from __future__ import annotations

from typing import Any, Self

from azkvlint.graph import existence
from azkvlint.model.finding import INPUT_UNREADABLE, Problem
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.arm.resource import AttributeFilter, attribute_filter
from azkvlint.readers.arm.run import Run
from azkvlint.readers.bicep.document import File, SecureParts, read_file
from azkvlint.syntax import ast
from azkvlint.syntax.texts import Lines, source_text
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import MAX_FILE, read_bytes

MAX_FAULTS = 20


class ModuleCache:
    """The files that one run of kvlint read, by absolute path, so that each is read and parsed once."""

    def __init__(self) -> None:
        self.files: dict[str, File | InputError] = {}
        self.data: dict[str, object] = {}
        # The real paths of references, by root, folder and path; None for those that lead out of the project.
        self.paths: dict[tuple[str, str, str], str | None] = {}
        self._roots: dict[str, str] = {}
        self._required_types: dict[str, bool] = {}
        self._filter: AttributeFilter | None = None

    def real(self, root: str) -> str:
        """Return the real path of the root of a run; empty if it has none."""
        if root not in self._roots:
            self._roots[root] = real_path(root) if root else ""
        return self._roots[root]

    def required_types(self, attribute_filter: AttributeFilter) -> dict[str, bool]:
        """Return which types, as written with their versions, rules may read, as far as that was evaluated."""
        if self._filter is not attribute_filter:
            self._required_types, self._filter = {}, attribute_filter
        return self._required_types

    def parse(self, path: str, file: str, text: str) -> File:
        """Return the parsed Bicep file; ``file`` is empty if the text does not come from a file.

        The result is not cached, because most files that are evaluated by themselves are not modules.
        """
        found = self.files.get(file)
        if not isinstance(found, File) or found.text != text or found.path != path:
            found = read_file(path, file, text)
        return found

    def load(self, path: str, file: str) -> File:
        """Return the Bicep file ``file``, known in reports as ``path``. Raises InputError if it cannot be read."""
        found = cached(self.files, file, lambda: _read_cached(path, file))
        if isinstance(found, InputError):
            raise found
        return found


def _read_cached(path: str, file: str) -> File | InputError:
    try:
        return read_file(path, file, source_text(read_bytes(file, MAX_FILE)))
    except InputError as error:
        return error


class BicepRun(Run):
    """The state of one root document. No file outside ``root`` is read.

    ``loaded`` is the data of JSON files by their real paths, ``deployed`` are those that hold a template that a
    resource deploys.
    """

    def __init__(self, path: str, text: str, required: RequiredAttributes, cache: ModuleCache, root: str) -> None:
        super().__init__(path, text, attribute_filter(required), None)
        self.cache = cache
        self.root = cache.real(root)
        self.imported: dict[str, object] = {}
        # The secure parts of types by their identity, with the type, so that its identity stays unique.
        self.secure_types: dict[int, tuple[ast.Type, SecureParts | None]] = {}
        self.sources: dict[str, File] = {}
        self.loaded: dict[str, object] = {}
        self.deployed: set[str] = set()
        self.scenarios: existence.Scenarios[Any, Any] | None = None
        self.skipped_files: set[str] = set()

    def with_second_budget(self) -> Self:
        """See Run."""
        other = super().with_second_budget()
        other.imported = {}
        return other

    def add(self, file: File) -> None:
        """Add a file in which locations may be reported, and report its syntax errors."""
        if file.path in self.sources:
            return
        self.sources[file.path] = file
        self.add_text(file.path, file.text)
        faults = file.parsed.faults
        if not faults:
            return
        self.closed = False
        lines = Lines(file.text)
        for fault in faults[:MAX_FAULTS]:
            at = Location(path=file.path, region=lines.region(fault.at, fault.at), span=(fault.at, fault.at))
            self.problems.append(Problem(code=INPUT_UNREADABLE, level="error", message=fault.message, at=at))

    def unreadable(self, message: str, at: Location) -> None:
        """Report a part that cannot be read, in which more resources may be declared."""
        self.closed = False
        self.problem(INPUT_UNREADABLE, "error", message, at)
