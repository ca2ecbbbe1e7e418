"""The files of Terraform and Terragrunt, by their names alone.

Source: developer.hashicorp.com/terraform/language/files (which files count, override files) and
opentofu.org/docs/language/files (a ``.tofu`` file takes the place of the ``.tf`` file of the same name).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from azkvlint.util.errors import InputError
from azkvlint.util.project_files import list_names, read_start

# The maximum number of bytes of a file that are searched for a declaration.
_MAX_SEARCHED = 1_000_000
MODULE_ENDINGS = (".tf", ".tf.json", ".tofu", ".tofu.json")
_TERRAFORM, _TOFU = (".tf.json", ".tf"), (".tofu.json", ".tofu")


def names_in(directory: str) -> frozenset[str]:
    """Return the names of all that lies in a folder. Raises InputError if it cannot be listed."""
    try:
        return frozenset(list_names(directory))
    except OSError as error:
        raise InputError(f"the folder cannot be listed: {error.strerror}") from error


def module_files(names: Iterable[str]) -> list[str]:
    """Return those names in a folder whose files make a module."""
    found = {name for name in names if is_module_file(name)}
    return [name for name in found if not _is_replaced(name, found)]


def is_module_file(name: str) -> bool:
    """Return whether a file belongs to the module in its folder, by its name: an editor's own files do not."""
    return name.endswith(MODULE_ENDINGS) and not name.startswith((".", "#"))


def _is_replaced(name: str, names: set[str]) -> bool:
    return any(
        name.endswith(old) and name[: -len(old)] + new in names for old, new in zip(_TERRAFORM, _TOFU, strict=True)
    )


def declares_variable(directory: str, name: str) -> bool:
    """Return whether a file of the module in a folder seems to declare a variable, without parsing the file."""
    word = re.escape(name.encode())
    pattern = re.compile(rb'\bvariable[ \t]+"?' + word + rb'"?[ \t]*\{|"' + word + rb'"[ \t]*:')
    try:
        files = [os.path.join(directory, file) for file in names_in(directory) if is_module_file(file)]
        return any(pattern.search(read_start(file, _MAX_SEARCHED)) for file in files)
    except InputError:
        return False


def is_override(name: str) -> bool:
    """Return whether a file lays its declarations over those of the others, by its name."""
    stem = next((name[: -len(ending)] for ending in (*_TERRAFORM, *_TOFU) if name.endswith(ending)), name)
    return stem == "override" or stem.endswith("_override")


UNIT_FILES = ("terragrunt.hcl", "terragrunt.hcl.json")
STACK_FILE = "terragrunt.stack.hcl"
_STACK_ENDINGS = tuple(f".{word}.{form}" for word in ("tfcomponent", "tfstack", "tfdeploy") for form in ("hcl", "json"))


def is_unit_file(name: str) -> bool:
    """Return whether a file configures a unit of Terragrunt: a module with its inputs."""
    return name in UNIT_FILES


def is_stack_file(name: str) -> bool:
    """Return whether a file belongs to a Terraform Stack or a Terragrunt stack."""
    return name == STACK_FILE or (name.endswith(_STACK_ENDINGS) and not name.startswith((".", "#")))


def is_terragrunt_file(name: str) -> bool:
    """Return whether a file is an input of one of these kinds."""
    return is_unit_file(name) or is_stack_file(name)
