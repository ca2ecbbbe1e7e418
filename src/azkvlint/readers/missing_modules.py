"""Explain why a called module is missing, and name its source for reports."""

from __future__ import annotations

import os
import re

from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import below_named, is_within, real_path
from azkvlint.util.project_files import MAX_FILE, is_file, list_names, read_bytes, reported_path

FETCH = "run `git submodule update --init`"
_NAME_IT = "add the missing file; name the folder on the command line to make this an error"
# Folders for what uses a module without being a deployment.
EXAMPLES = frozenset(
    {
        "demo", "demos", "e2e", "example", "examples", "integration-tests", "sample", "samples", "spec", "test",
        "testing", "tests", "usage",
    }
)  # fmt: skip
_TEST_FILE = ".test.bicep"
_SUBMODULE_PATH = regex(r'^[ \t]*path[ \t]*=[ \t]*"?([^"\r\n]*?)"?[ \t]*$', re.MULTILINE)
# User information and queries may hold a credential.
_USER = regex(r"(?<=://)[^/?#]*@")


def source_name(source: str) -> str:
    """Return the source of a module as reports name it: without credentials, and without its revision."""
    return _USER.sub("", source).partition("?")[0]


def why_missing(path: str, caller: str, root: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a module that is missing for a good reason; None if there is none.

    ``path`` is where it would be, ``caller`` the folder or Bicep file that calls it: both are absolute. It may be in a
    git submodule that is not fetched, or an example or a test lacks it.
    """
    submodule = _submodule_of(path, root)
    if submodule is not None:
        return f"git submodule `{submodule}` is not fetched, so its modules are not evaluated", FETCH
    below = below_named(caller).lower()
    if not EXAMPLES.isdisjoint(below.split(os.sep)) or below.endswith(_TEST_FILE):
        name = reported_path(root, path) if is_within(path, root) else os.path.basename(path)
        return f"`{name}`, used by an example or a test, does not exist, so it is not evaluated", _NAME_IT
    return None


def _submodule_of(path: str, root: str) -> str | None:
    """Return the git submodule, not fetched, that a path (absolute) is in, relative to its checkout; None if none is.

    Nothing outside of ``root`` is read.
    """
    top = os.path.dirname(path)
    while is_within(top, root):
        for name in _submodules(os.path.join(top, ".gitmodules")):
            folder = os.path.normpath(os.path.join(top, name))
            if folder != top and is_within(path, folder) and _is_empty(folder):
                return name
        if top == root:
            break
        top = os.path.dirname(top)
    return None


def unfetched_submodules(checkout: str) -> list[str]:
    """Return the paths of the git submodules of a checkout, relative to it, whose folders are empty."""
    found = (os.path.normpath(name) for name in _submodules(os.path.join(checkout, ".gitmodules")))
    folders = {name: os.path.join(checkout, name) for name in found}
    return sorted(
        name.replace(os.sep, "/")
        for name, folder in folders.items()
        if folder.startswith(f"{checkout}{os.sep}") and is_within(real_path(folder), checkout) and _is_empty(folder)
    )


def _submodules(file: str) -> list[str]:
    if not is_file(file):
        return []
    try:
        text = read_bytes(file, MAX_FILE).decode("utf-8", "replace")
    except InputError:
        return []
    return [name for name in _SUBMODULE_PATH.findall(text) if name]


def _is_empty(folder: str) -> bool:
    try:
        return not list_names(folder)
    except (OSError, InputError):
        return True
