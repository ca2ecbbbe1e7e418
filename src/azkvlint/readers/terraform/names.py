"""What lies in a folder and makes a Terraform module, told by names alone: nothing is taken apart for that.

Source: developer.hashicorp.com/terraform/language/files (which files count, override files) and
opentofu.org/docs/language/files (a ``.tofu`` file takes the place of the ``.tf`` file of the same name).
"""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.util.errors import InputError
from azkvlint.util.project_files import list_names

ENDINGS = (".tf", ".tf.json", ".tofu", ".tofu.json")
_TERRAFORM, _TOFU = (".tf.json", ".tf"), (".tofu.json", ".tofu")


def names_in(directory: str) -> frozenset[str]:
    """The names of all that lies in a folder. Raises InputError if it cannot be listed."""
    try:
        return frozenset(list_names(directory))
    except OSError as error:
        raise InputError(f"the folder cannot be listed: {error.strerror}") from error


def module_files(names: Iterable[str]) -> list[str]:
    """Of the names in a folder those of the files that make a module."""
    found = {name for name in names if is_module_file(name)}
    return [name for name in found if not _is_replaced(name, found)]


def is_module_file(name: str) -> bool:
    """Whether a file belongs to the module in its folder, by its name: an editor's own files do not."""
    return name.endswith(ENDINGS) and not name.startswith((".", "#"))


def _is_replaced(name: str, names: set[str]) -> bool:
    return any(
        name.endswith(old) and name[: -len(old)] + new in names for old, new in zip(_TERRAFORM, _TOFU, strict=True)
    )


def is_override(name: str) -> bool:
    """Whether a file lays its declarations over those of the others, by its name."""
    stem = next((name[: -len(ending)] for ending in (*_TERRAFORM, *_TOFU) if name.endswith(ending)), name)
    return stem == "override" or stem.endswith("_override")
