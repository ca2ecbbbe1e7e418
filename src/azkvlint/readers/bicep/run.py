"""What all module instances of one root document share: files, limits, and what has been found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_UNREADABLE
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.arm.attribute_filter import Wanted, wanted
from azkvlint.readers.arm.run import Run
from azkvlint.readers.bicep.document import File, read_file
from azkvlint.syntax.positions import Lines, source_text
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import MAX_FILE, read_bytes

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance
    from azkvlint.readers.bicep.scenarios import Scenarios

MAX_FAULTS = 20


class ModuleCache:
    """What one run of kvlint keeps of the files it read, by absolute path, so that each is read and parsed once."""

    def __init__(self) -> None:
        self.files: dict[str, File | InputError] = {}
        self.data: dict[str, object] = {}
        self._roots: dict[str, str] = {}
        self._matters: dict[str, bool] = {}
        self._asked: Wanted | None = None

    def real(self, root: str) -> str:
        """The real path of the root of a run; empty if it has none."""
        if root not in self._roots:
            self._roots[root] = real_path(root) if root else ""
        return self._roots[root]

    def matters(self, asked: Wanted) -> dict[str, bool]:
        """Whether any rule may ask for a type as it is written, version and all, as far as anybody wanted to know."""
        if self._asked is not asked:
            self._matters, self._asked = {}, asked
        return self._matters

    def parsed(self, path: str, file: str, text: str) -> File:
        """The Bicep file whose text is already at hand; ``file`` is empty for one that has no place among files.

        It is not kept: most files that are read for their own sake are no modules.
        """
        found = self.files.get(file)
        if not isinstance(found, File) or found.text != text or found.path != path:
            found = read_file(path, file, text)
        return found

    def load(self, path: str, file: str) -> File:
        """The Bicep file ``file``, which reports call ``path``. Raises InputError if it cannot be read."""
        found = cached(self.files, file, lambda: _loaded(path, file))
        if isinstance(found, InputError):
            raise found
        return found


def _loaded(path: str, file: str) -> File | InputError:
    try:
        return read_file(path, file, source_text(read_bytes(file, MAX_FILE)))
    except InputError as error:
        return error


class BicepRun(Run):
    """One root document being read: what it may use, and what was found in it. ``root`` is what nothing may leave.

    ``loaded`` is the data of JSON files by their real paths, ``deployed`` are those that hold a template that a
    resource deploys.
    """

    def __init__(self, path: str, text: str, required: RequiredAttributes, cache: ModuleCache, root: str) -> None:
        super().__init__(path, text, wanted(required), None)
        self.cache = cache
        self.root = cache.real(root)
        self.imported: dict[str, Instance] = {}
        self.sources: dict[str, File] = {}
        self.loaded: dict[str, object] = {}
        self.deployed: set[str] = set()
        self.scenarios: Scenarios | None = None
        self.skipped_files: set[str] = set()

    def apart(self) -> Self:
        """See Run."""
        other = super().apart()
        other.imported = {}
        return other

    def add(self, file: File) -> None:
        """Take note of a file whose places may be reported, and of what is wrong with its text."""
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
