"""The functions of Terragrunt, as far as files of the project decide their results.

Source: docs.terragrunt.com/reference/hcl/functions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.evaluation.values import Result, hole
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.util.project_boundary import checkout_of, is_within
from azkvlint.util.project_files import is_file

if TYPE_CHECKING:
    from azkvlint.readers.terragrunt.configuration import Configuration

_Function: TypeAlias = Callable[["Configuration", Sequence[Result], Location], Result]
_DEFAULT_NAME = "terragrunt.hcl"


def _text(arguments: Sequence[Result], number: int) -> str | None:
    """Return an argument that is a known string; None for any other."""
    found = arguments[number] if number < len(arguments) else None
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else None


def _path(path: str, at: Location) -> Scalar:
    return Scalar(at=at, value=path.replace(os.sep, "/"))


def _parent(here: Configuration, arguments: Sequence[Result]) -> str | None:
    """Return the folder of the included file, by its label if there are several; None if it is not known."""
    if here.is_included:
        return os.path.dirname(here.file)
    label = _text(arguments, 0)
    for one in here.unit.includes:
        if label in (None, one.label):
            return os.path.dirname(one.configuration.file) if one.configuration is not None else None
    return here.own


def _own_folder(here: Configuration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(here.own, at)


def _unit_folder(here: Configuration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(here.unit.directory, at)


def _parent_folder(here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    found = _parent(here, arguments)
    return _path(found, at) if found is not None else _unknown("the included file is not available", at)


def _relative_to_include(here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    found = _parent(here, arguments)
    if found is None:
        return _unknown("the included file is not available", at)
    return _path(os.path.relpath(here.unit.directory, found), at)


def _relative_from_include(here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    found = _parent(here, arguments)
    if found is None:
        return _unknown("the included file is not available", at)
    return _path(os.path.relpath(found, here.unit.directory), at)


def _find_in_parents(here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    name = _text(arguments, 0) if arguments else _DEFAULT_NAME
    if name is None:
        return _unknown("the name of a file is not known", at)
    folder = here.own
    while folder != os.path.dirname(folder) and is_within(os.path.dirname(folder), here.unit.root):
        folder = os.path.dirname(folder)
        file = os.path.join(folder, name)
        if is_file(file) or os.path.isdir(file):
            return _path(file, at)
    if len(arguments) > 1:
        return arguments[1]
    return _unknown(f"no parent folder in the project has a file '{name}'", at)


def _repository(here: Configuration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(_checkout(here), at)


def _path_from_repository(here: Configuration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(os.path.relpath(here.own, _checkout(here)), at)


def _path_to_repository(here: Configuration, _arguments: Sequence[Result], at: Location) -> Result:
    return _path(os.path.relpath(_checkout(here), here.own), at)


def _checkout(here: Configuration) -> str:
    return checkout_of(here.own) or here.unit.root


def _environment(_here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    """``get_env(name, [default])``: without a value in the environment it is the default."""
    if len(arguments) > 1:
        return arguments[1]
    name = _text(arguments, 0) or "?"
    return _unknown(f"the environment variable '{name}' is not read", at, hole(f"env.{name}"))


def _read(here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    """``read_terragrunt_config(path, [default])``."""
    if not arguments:
        return _unknown("read_terragrunt_config() has no path", at)
    name = _text(arguments, 0)
    if len(arguments) > 1 and name is not None and not is_file(os.path.normpath(os.path.join(here.own, name))):
        return arguments[1]
    what = f"the file '{os.path.basename(name)}'" if name else "a file for read_terragrunt_config()"
    found = here.unit.configuration_at(arguments[0], here.own, here.chain, what, at)
    return found.exported(at) if found is not None else _unknown(f"{what} was not read", at)


def _first(_here: Configuration, arguments: Sequence[Result], at: Location) -> Result:
    return arguments[0] if arguments else _unknown("an argument is missing", at)


def _decrypted(_here: Configuration, _arguments: Sequence[Result], at: Location) -> Result:
    return Unknown(at=at, why="it is in an encrypted file", sensitive=True)


def _unknown(why: str, at: Location, pattern: str = "") -> Unknown:
    return Unknown(at=at, why=why, pattern=pattern)


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
    "sops_decrypt_file": _decrypted,
}
