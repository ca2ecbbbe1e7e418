"""Find the root module of a plan by the declarations that both have in common."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.readers.discover import SKIPPED, is_module_file, module_files, names_in
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.file_tracker import cached
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import add_root, checkout_of, current_folder, named_folders, root_of, roots
from azkvlint.util.project_files import MAX_FILE, read_bytes, recorded_real_path, reported_path, resolve_inside, walk

if TYPE_CHECKING:
    from azkvlint.readers.terraform.folder import Folder, FolderCache


class _SearchLimits(msgspec.Struct, frozen=True):
    """The limits of the search for modules below a folder: levels, folders, and bytes of source."""

    depth: int
    folders: int
    size: int


# In a checkout, and in a folder that the command line names: the search must not take longer than the evaluation.
_WIDE = _SearchLimits(depth=1_000, folders=5_000, size=30_000_000)
# Elsewhere, as in a home folder or a temporary one: milliseconds.
_NEAR = _SearchLimits(depth=2, folders=150, size=500_000)
# The labels of a declaration.
_LABELS = regex(rb"^[ \t]*(?:resource|data|module)\b([^{\n]*)\{", re.MULTILINE)


class RootModule(msgspec.Struct, frozen=True):
    """A root module. ``base`` is the folder that paths are relative to and cannot leave.

    ``difference`` is the first argument whose constant differs in the plan: then the plan was created from other
    source.
    """

    folder: Folder
    base: str
    difference: str = ""


class _NamedModule(msgspec.Struct, frozen=True):
    """A folder with a module, and the last labels of its blocks; None if only parsing would find them."""

    directory: str
    names: frozenset[bytes] | None


def labels_of(configuration: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the addresses that the root module of a plan declares: resources, data sources and module calls."""
    module = (configuration or {}).get("root_module")
    if not isinstance(module, dict):
        return frozenset()
    resources, calls = module.get("resources"), module.get("module_calls")
    found = {
        str(block.get("address"))
        for block in (resources if isinstance(resources, list) else ())
        if isinstance(block, dict) and block.get("mode") in ("managed", "data")
    }
    return frozenset(found | {f"module.{name}" for name in (calls if isinstance(calls, dict) else ())})


class Locator:
    """Finds the root modules of plans. Each folder is searched once.

    ``root`` is the folder that the paths of a run are relative to; ``cache`` returns the folder cache for a root.
    """

    def __init__(self, root: str, cache: Callable[[str], FolderCache]) -> None:
        self._root = root
        self._cache = cache
        self._below: dict[tuple[str, _SearchLimits], list[_NamedModule] | None] = {}

    def root_module(self, configuration: Mapping[str, Any] | None, source_root: str, beside: str) -> RootModule | None:
        """Return the root module of a plan with this configuration; None if no module, or several, may be it.

        It is the folder ``source_root`` if the user specified one; otherwise the module in the folder ``beside`` the
        plan or in the current folder, if it shares a label with the plan; otherwise the only module with exactly these
        labels in the checkout or, outside of one, in the folders that the command line names and two levels below the
        folders of the plan and of the process. A module whose constants differ from the plan's is returned only if no
        other is found, together with the difference.
        """
        labels = labels_of(configuration)
        if source_root:
            found = self._module(source_root)
            return None if found is None else self._compare(found, configuration)
        here = _current()
        other: RootModule | None = None
        for directory in dict.fromkeys((beside, here)):
            found = self._module(directory) if directory and labels else None
            if found is not None and labels & _labels(found.folder):
                found = self._compare(found, configuration)
                if not found.difference:
                    return found
                other = other or found
        matches: dict[str, RootModule] = {}
        for base, limits in self._searched(beside, here).items() if labels else ():
            modules = self._modules(base, limits)
            if modules is None:
                return other
            for found in self._modules_with(labels, modules):
                matches[found.folder.directory] = found
        compared = [self._compare(found, configuration) for found in matches.values()]
        same = [found for found in compared if not found.difference]
        if len(same) == 1:
            return same[0]
        return other or (compared[0] if len(compared) == 1 else None)

    def _compare(self, found: RootModule, configuration: Mapping[str, Any] | None) -> RootModule:
        """Return a module with where its constants differ from those of a plan."""
        from azkvlint.readers.terraform.plan_difference import difference  # most plans are not beside their source

        cache, base = self._cache(found.base), found.base

        def load(folder: Folder, source: str) -> Folder | None:
            directory = cache.local_module(base, folder.directory, source)
            try:
                return None if directory is None else cache.load(reported_path(base, directory), directory)
            except InputError:
                return None

        root = (configuration or {}).get("root_module")
        return msgspec.structs.replace(found, difference=difference(found.folder, root, load))

    def _module(self, directory: str) -> RootModule | None:
        """Return the module in a folder, or None; its base is the root of the run, or its own root if it is outside."""
        try:
            base = self._root if resolve_inside(self._root, directory, "") is not None else root_of(directory)
            add_root(base)
            directory = recorded_real_path(directory)
            # Most plans are in folders without a module: do not import the module reader for them.
            if not module_files(names_in(directory)):
                return None
            folder = self._cache(base).load(reported_path(base, directory), directory)
        except (InputError, OSError):
            return None
        return RootModule(folder, base) if folder.files else None

    def _modules_with(self, labels: frozenset[str], modules: list[_NamedModule]) -> Iterator[RootModule]:
        """Yield the modules that have exactly these labels; only modules that contain all the names are read."""
        names = {label.rpartition(".")[2].encode() for label in labels}
        for module in modules:
            if module.names is None or names <= module.names:
                found = self._module(module.directory)
                if found is not None and _labels(found.folder) == labels:
                    yield found

    def _searched(self, beside: str, here: str) -> dict[str, _SearchLimits]:
        """Return the folders to search for the source of a plan in the folder ``beside``, with their limits."""
        bases = dict.fromkeys((*(roots() or [self._root]), root_of(here)), _WIDE)
        outside = [base for base in bases if checkout_of(base) is None]
        if outside:
            near = {recorded_real_path(folder): _NEAR for folder in (*outside, beside) if folder}
            bases |= near | dict.fromkeys(named_folders(), _WIDE)
        return bases

    def _modules(self, base: str, limits: _SearchLimits) -> list[_NamedModule] | None:
        """Return the modules below a folder; None if the limits of the search are exceeded."""
        return cached(self._below, (base, limits), lambda: _modules(base, limits))


def _labels(folder: Folder) -> frozenset[str]:
    resources = (local for local in folder.resources if not local.startswith("ephemeral."))
    return frozenset((*resources, *(f"module.{name}" for name in folder.modules)))


def _current() -> str:
    try:
        return current_folder()
    except UsageError:
        return ""


def _modules(base: str, limits: _SearchLimits) -> list[_NamedModule] | None:
    found: list[_NamedModule] = []
    left, known = limits.size, 1
    top = base.rstrip(os.sep).count(os.sep)
    for here, folders, files in walk(base):
        is_last = here.rstrip(os.sep).count(os.sep) - top >= limits.depth
        folders[:] = () if is_last else sorted(name for name in folders if name not in SKIPPED)
        known += len(folders)
        if known > limits.folders or left < 0:
            return None
        if module_files(files):
            names, size = _names(here)
            left -= size
            found.append(_NamedModule(here, names))
    return found


def _names(directory: str) -> tuple[frozenset[bytes] | None, int]:
    """Return the last labels of the blocks of a module, and how much was read to find them."""
    names: set[bytes] = set()
    size, is_plain = 0, True
    try:
        for name in sorted(filter(is_module_file, names_in(directory))):  # of any tool
            data = read_bytes(os.path.join(directory, name), MAX_FILE)
            size += len(data)
            names.update(labels.split()[-1].strip(b'"') for labels in _LABELS.findall(data) if labels.strip())
            # In JSON, names are keys; in UTF-16, zero bytes separate the letters.
            is_plain = is_plain and not name.endswith(".json") and b"\0" not in data and data.isascii()
    except InputError:
        return None, size
    return (frozenset(names) if is_plain else None), size
