"""The root module that a plan was made from, found by what both declare."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from kvlint.errors import InputError
from kvlint.readers.discover import SKIPPED
from kvlint.readers.files import reported
from kvlint.readers.terraform.cache import FolderCache
from kvlint.readers.terraform.folder import Folder, is_module_file

# Folders that are looked into before the search is given up: it must not take longer than judging the plan.
_MAX_FOLDERS = 5_000
_MAX_MODULES = 500


def labels_of(configuration: Mapping[str, Any] | None) -> frozenset[str]:
    """What the root module of a plan declares: addresses of resources and data sources, and of module calls."""
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


def root_module(labels: frozenset[str], asked: str, beside: str, root: str, cache: FolderCache) -> Folder | None:
    """The module that declares ``labels``; None if none at hand does, or several do.

    ``asked`` is the folder that the user names: then it is that one. Else it is the one in the folder ``beside`` the
    plan, or in the current one, if it shares a label; else the only one below ``root`` that has just these labels.
    """
    if asked:
        return _module(asked, root, cache)
    for directory in dict.fromkeys((beside, os.getcwd())):
        found = _module(directory, root, cache) if directory and _is_below(directory, root) else None
        if found is not None and labels & _labels(found):
            return found
    matches = [folder for folder in _modules(root, cache) if labels and _labels(folder) == labels]
    return matches[0] if len(matches) == 1 else None


def _labels(folder: Folder) -> frozenset[str]:
    resources = (local for local in folder.resources if not local.startswith("ephemeral."))
    return frozenset((*resources, *(f"module.{name}" for name in folder.modules)))


def _module(directory: str, root: str, cache: FolderCache) -> Folder | None:
    directory = os.path.realpath(directory)
    try:
        folder = cache.load(reported(root, directory), directory)
    except InputError:
        return None
    return folder if folder.files else None


def _is_below(directory: str, root: str) -> bool:
    directory = os.path.realpath(directory)
    return directory == root or directory.startswith(root.rstrip(os.sep) + os.sep)


def _modules(root: str, cache: FolderCache) -> Iterator[Folder]:
    """The modules below a folder, as far as it pays to look for them."""
    modules = 0
    for looked, (here, folders, files) in enumerate(os.walk(root)):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        if looked > _MAX_FOLDERS or modules > _MAX_MODULES:
            return
        if any(is_module_file(name) for name in files):
            modules += 1
            found = _module(here, root, cache)
            if found is not None:
                yield found
