"""The source of a module call -> the module: a folder beside its caller, or one that ``terraform init`` installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from kvlint.errors import InputError
from kvlint.model.source import Location
from kvlint.model.value import Scalar
from kvlint.readers.terraform.cache import is_local
from kvlint.readers.terraform.folder import Declaration, Folder
from kvlint.readers.terraform.names import module_files, names_in
from kvlint.readers.terraform.public_modules import well_known
from kvlint.util.project_files import LOOKS, inside, is_file, read_bytes, reported

if TYPE_CHECKING:
    from kvlint.readers.terraform.instance import ModuleInstance
    from kvlint.readers.terraform.run import TerraformRun

# Source: Terraform's internal/modsdir, which writes one entry for each call, by the names along its path.
MANIFEST = os.path.join(".terraform", "modules", "modules.json")
_MAX_MANIFEST = 10_000_000
# Terraform itself has no limit; nobody builds modules so deep.
_MAX_DEPTH = 50
_INSTALL = "run terraform init, or kvlint on a plan"
_PIN = f"{_INSTALL}, or name one version"


class Source(msgspec.Struct, frozen=True):
    """A module that is at hand. ``is_foreign``: it belongs to somebody else, so its caller is told instead."""

    folder: Folder
    is_foreign: bool


class _Entry(msgspec.Struct, frozen=True):
    """One line of the manifest."""

    key: str = msgspec.field(name="Key", default="")
    directory: str = msgspec.field(name="Dir", default="")


class _Manifest(msgspec.Struct, frozen=True):
    modules: tuple[_Entry, ...] = msgspec.field(name="Modules", default=())


def source_of(instance: ModuleInstance, declaration: Declaration, at: Location) -> Source | None:
    """The module that a call means; None, with a Problem, if it is not at hand or cannot be read."""
    piece = declaration.attributes.get("source")
    written = instance.evaluate(piece, {}) if piece is not None else None
    if not isinstance(written, Scalar) or not isinstance(written.value, str):
        instance.run.unreadable(f"the source of module '{declaration.local}' is not known", at)
        return None
    try:
        return _found(instance, declaration, written.value, at)
    except InputError as error:
        instance.run.unreadable(f"module '{declaration.local}' cannot be read: {error.message}", at, error.hint or "")
        return None


def _found(instance: ModuleInstance, declaration: Declaration, source: str, at: Location) -> Source | None:
    run = instance.run
    if len(instance.use.around) >= _MAX_DEPTH:
        raise InputError(f"modules call each other more than {_MAX_DEPTH} deep")
    if is_local(source):
        directory = run.cache.beside(run.root, instance.folder.directory, source)
        if directory is None:
            raise InputError("its source lies outside the project")
        return Source(_load(instance, directory), is_foreign=instance.use.shown is not None)
    installed = _installed(run, f"{instance.use.key}.{declaration.local}".lstrip("."))
    if installed is not None:
        return Source(_load(instance, installed), is_foreign=True)
    version = declaration.attributes.get("version")
    constraint = instance.evaluate(version, {}) if version is not None else None
    known = well_known(source, constraint.value if isinstance(constraint, Scalar) else "")
    if known is not None:
        if not known.is_read:
            text = (
                f"module '{declaration.local}' may be of a release that is not known, so its defaults count as unknown"
            )
            run.note(text, at, _PIN)
        return Source(known, is_foreign=True)
    run.note(f"module '{declaration.local}' is not installed, so what it deploys was not judged", at, _INSTALL)
    return None


def _load(instance: ModuleInstance, directory: str) -> Folder:
    """The module in a folder. Raises InputError if there is none, or if it calls itself."""
    if any(directory == folder.directory for folder in (*instance.use.around, instance.folder)):
        raise InputError("it calls itself")
    LOOKS.at(directory)
    if not os.path.isdir(directory) or not module_files(names_in(directory)):
        raise InputError("its folder holds no Terraform files")
    return instance.run.cache.load(reported(instance.run.root, directory), directory)


def _installed(run: TerraformRun, key: str) -> str | None:
    """The folder that ``terraform init`` put a module into; None if it did not."""
    entries = run.installed
    if entries is None:
        entries = run.installed = _manifest(run)
    return entries.get(key)


def _manifest(run: TerraformRun) -> dict[str, str]:
    file = os.path.join(run.directory, MANIFEST)
    if not is_file(file):
        return {}
    try:
        found = msgspec.json.decode(read_bytes(file, _MAX_MANIFEST), type=_Manifest)
    except (InputError, msgspec.DecodeError, RecursionError) as error:
        fault = error if isinstance(error, InputError) else InputError(f"it is no list of modules: {error}")
        run.bad_file(reported(run.root, file), fault)
        return {}
    folders: dict[str, str] = {}
    for entry in found.modules:
        directory = inside(run.root, run.directory, entry.directory)
        if entry.key and directory is not None and os.path.isdir(directory):
            folders[entry.key] = directory
    return folders
