"""The source of a module call -> the module: a folder beside its caller, or one that ``terraform init`` installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.missing_modules import source_name, why_missing
from azkvlint.readers.terraform.folder import Declaration, Folder
from azkvlint.readers.terraform.module_cache import is_local
from azkvlint.readers.terraform.names import module_files, names_in
from azkvlint.readers.terraform.public_modules import well_known
from azkvlint.syntax import ast
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import is_file, is_folder, read_bytes, reported_path, resolve_inside

if TYPE_CHECKING:
    from azkvlint.readers.terraform.module_evaluation import ModuleInstance
    from azkvlint.readers.terraform.run import TerraformRun

# Source: Terraform's internal/modsdir, which writes one entry for each call, by the names along its path.
MANIFEST = os.path.join(".terraform", "modules", "modules.json")
_INSTALLED = "/.terraform/modules/"
_MAX_MANIFEST = 10_000_000
# Terraform itself has no limit; nobody builds modules so deep.
_MAX_DEPTH = 50
_INSTALL = "run terraform init, or kvlint on a plan"
_GIVE = "give its variables values with --var or --var-file"
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
    if isinstance(written, Unknown):
        text = f"the source of module '{declaration.local}' is not known, so its resources are not evaluated"
        instance.run.note(text, at, _GIVE)
        return None
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
        if directory is None or not _holds_module(directory):
            missing = _missing(instance, source)
            if missing is not None:
                run.missing_module(missing[0], at, missing[1])
                return None
        if directory is None:
            raise InputError("its source lies outside the project")
        if not isinstance(declaration.attributes["source"].attribute.expression(), ast.Literal):
            run.called.add(directory)
        is_foreign = instance.use.shown is not None or _INSTALLED in f"/{reported_path(run.root, directory)}/"
        return Source(_load(instance, directory), is_foreign=is_foreign)
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
    run.missing_module(_not_installed(source_name(source)), at, _INSTALL)
    return None


def _not_installed(name: str) -> str:
    return f"module `{name}` is not installed, so its resources are not evaluated"


def _missing(instance: ModuleInstance, source: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a local module that is missing for a good reason; None if there is none.

    It is below ``.terraform``, or in a git submodule that is not fetched, or an example or a test lacks it.
    """
    here = instance.folder.directory
    path = os.path.normpath(os.path.join(here, source.replace("\\", "/")))
    root, installed, below = f"{path}{os.sep}".replace(os.sep, "/").partition(_INSTALLED)
    if installed:
        key = below.partition("/")[0]
        around = {folder.directory: folder for folder in (*instance.use.around, instance.folder)}.get(root)
        call = around.modules.get(key) if around is not None else None
        piece = call.attributes.get("source") if call is not None else None
        node = piece.attribute.expression() if piece is not None else None
        written = node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else ""
        return _not_installed(source_name(written) if written else f"{_INSTALLED}{key}".strip("/")), _INSTALL
    return why_missing(path, here, instance.run.root)


def _holds_module(directory: str) -> bool:
    return is_folder(directory) and bool(module_files(names_in(directory)))


def _load(instance: ModuleInstance, directory: str) -> Folder:
    """The module in a folder. Raises InputError if there is none, or if it calls itself."""
    if any(directory == folder.directory for folder in (*instance.use.around, instance.folder)):
        raise InputError("it calls itself")
    if not _holds_module(directory):
        raise InputError("its folder holds no Terraform files")
    return instance.run.cache.load(reported_path(instance.run.root, directory), directory)


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
        data = read_bytes(file, _MAX_MANIFEST)
    except InputError as error:
        run.bad_file(reported_path(run.root, file), error)
        return {}
    try:
        found = decode_json(data, _Manifest)
    except InputError as error:
        run.bad_file(reported_path(run.root, file), InputError(f"it is not a list of modules: {error.message}"))
        return {}
    folders: dict[str, str] = {}
    for entry in found.modules:
        directory = resolve_inside(run.root, run.directory, entry.directory)
        if entry.key and directory is not None and os.path.isdir(directory):
            folders[entry.key] = directory
    return folders
