"""Bicep files that others name by their path: found below the root of the run, or a Problem says why not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_UNREADABLE
from azkvlint.readers.arm.scope import Scope
from azkvlint.readers.missing_modules import why_missing
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import is_file, reported_path, resolve_inside

if TYPE_CHECKING:
    from azkvlint.readers.bicep.document import File
    from azkvlint.readers.bicep.module_evaluation import Instance
    from azkvlint.readers.bicep.run import BicepRun

_REGISTRIES = ("br:", "br/", "ts:", "ts/", "oci:")


def is_remote(path: str) -> bool:
    """Whether a reference names something in a registry, not a file."""
    return path.startswith(_REGISTRIES)


def find(run: BicepRun, around: str, path: str) -> str:
    """The real path of the file that ``path`` names in the file ``around``. Raises InputError for one out of reach."""
    if not around:
        raise InputError("what reads it has no folder of its own")
    file = resolve_inside(run.root, os.path.dirname(around), path)
    if file is None:
        raise InputError("it lies outside the project")
    return file


def load(run: BicepRun, around: str, path: str) -> File:
    """The Bicep file that ``path`` names in the file ``around``. Raises InputError if it cannot be read."""
    file = find(run, around, path)
    return run.cache.load(reported_path(run.root, file), file)


def missing(instance: Instance, path: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a file that is missing for a good reason; None if there is none.

    It is in a git submodule that is not fetched, or an example or a test lacks it.
    """
    run, around = instance.run, instance.file.file
    file = os.path.normpath(os.path.join(os.path.dirname(around), path))
    if not around or is_remote(path) or is_file(file):
        return None
    return why_missing(file, around, run.root)


def imported(instance: Instance, path: str, at: Location) -> Instance | None:
    """The Bicep file that an import names, in use without parameters; None if it cannot be read.

    What a registry or a compiled template exports is not looked at: nothing is deployed by it.
    """
    from azkvlint.readers.bicep.module_evaluation import Instance, Use

    run = instance.run
    if is_remote(path) or path.lower().endswith(".json"):
        return None
    try:
        file = load(run, instance.file.file, path)
    except InputError as error:
        reason = missing(instance, path)
        if reason is None:
            run.problem(INPUT_UNREADABLE, "error", f"'{path}' cannot be imported: {error.message}", at)
        else:
            run.missing_module(reason[0], at, reason[1])
        return None
    found = run.imported.get(file.file)
    if found is None:
        use = Use(given={}, scope=Scope(), prefix=f"{file.path}.")
        found = run.imported[file.file] = Instance(file, run, use)
    return found
