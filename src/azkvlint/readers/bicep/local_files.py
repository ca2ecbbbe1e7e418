"""Bicep files that other files refer to by path. They must be below the root of the run."""

from __future__ import annotations

import os

from azkvlint.readers.bicep.document import File
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.readers.missing_modules import why_missing
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_files import is_file, reported_path, resolve_inside

_REGISTRIES = ("br:", "br/", "ts:", "ts/", "oci:")


def is_remote(path: str) -> bool:
    """Return whether a reference names an artifact in a registry, not a file."""
    return path.startswith(_REGISTRIES)


def find(run: BicepRun, around: str, path: str) -> str:
    """Return the real path of the file that ``path`` names in ``around``. Raises InputError outside the project."""
    if not around:
        raise InputError("the calling file is not in a folder")
    folder = os.path.dirname(around)
    file = cached(run.cache.paths, (run.root, folder, path), lambda: resolve_inside(run.root, folder, path))
    if file is None:
        raise InputError("the path is outside the project")
    return file


def load(run: BicepRun, around: str, path: str) -> File:
    """Return the Bicep file that ``path`` names in the file ``around``. Raises InputError if it is unreadable."""
    file = find(run, around, path)
    return run.cache.load(reported_path(run.root, file), file)


def missing_reason(run: BicepRun, around: str, path: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a file that is missing for a good reason; None if there is none.

    It is in a git submodule that is not fetched, or an example or a test lacks it.
    """
    file = os.path.normpath(os.path.join(os.path.dirname(around), path))
    if not around or is_remote(path) or is_file(file):
        return None
    return why_missing(file, around, run.root)
