"""``bicepconfig.json``: what aliases of module references stand for, and where restored modules are kept.

Source: learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-config-modules.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from azkvlint.model.location import Location, Region
from azkvlint.model.problem_codes import INPUT_UNREADABLE
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.project_boundary import expand_home, is_within, leads_into_git, real_path
from azkvlint.util.project_files import exists, read_bytes, reported_path

if TYPE_CHECKING:
    from azkvlint.readers.bicep.run import BicepRun

_NAME = "bicepconfig.json"
_MAX_SIZE = 1_000_000
_PUBLIC = ("mcr.microsoft.com", "bicep")


def configuration(run: BicepRun, file: str) -> Mapping[str, Any]:
    """Return the nearest configuration above ``file`` inside the root; empty if there is none.

    One that cannot be read is a Problem.
    """
    folder = os.path.dirname(file)
    while file and run.root and is_within(folder, run.root):
        key = f"configuration:{folder}"
        found = cached(run.cache.data, key, partial(_read, os.path.join(folder, _NAME)))
        if isinstance(found, dict):
            return found
        if isinstance(found, InputError):
            at = _place(run.root, os.path.join(folder, _NAME), found)
            run.problem(INPUT_UNREADABLE, "error", found.message, at, found.hint or "")
            return {}
        folder, above = os.path.dirname(folder), folder
        if folder == above:
            break
    return {}


def _place(root: str, file: str, error: InputError) -> Location:
    """Return where a configuration cannot be read."""
    line, column = error.line or 1, error.column or 1
    region = None if error.line is None else Region(line, column, line, column)
    return Location(path=reported_path(root, file), region=region)


def _read(file: str) -> Any:
    """Return the content of a configuration, None if there is none, or InputError if it cannot be read."""
    if not exists(file):
        return None
    from azkvlint.syntax.json_decoder import decode

    try:
        plain = decode(read_bytes(file, _MAX_SIZE)).value
    except InputError as error:
        return error
    return plain if isinstance(plain, dict) else {}


def _alias(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    found: Any = config
    for step in ("moduleAliases", kind, name):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def full_reference(config: Mapping[str, Any], reference: str) -> str | None:
    """``br/alias:path:tag`` as ``br:registry/path:tag``, and ``ts/alias:name:version`` alike; None if it is broken.

    A reference without an alias stays as it is.
    """
    scheme, rest = reference[:2], reference[2:]
    if rest.startswith(":"):
        return reference
    alias, _, below = rest[1:].partition(":")
    if not below:
        return None
    if scheme == "ts":
        found = _alias(config, "ts", alias)
        subscription, group = found.get("subscription"), found.get("resourceGroup")
        whole = isinstance(subscription, str) and isinstance(group, str)
        return f"ts:{subscription}/{group}/{below}" if whole else None
    found = _alias(config, "br", alias)
    registry, path = found.get("registry"), found.get("modulePath")
    if not isinstance(registry, str):
        if alias != "public":
            return None
        registry, path = _PUBLIC
    middle = f"{path.strip('/')}/" if isinstance(path, str) and path else ""
    return f"br:{registry}/{middle}{below}"


def cache_roots(run: BicepRun, config: Mapping[str, Any]) -> list[str]:
    """Where the Bicep CLI may have put restored modules, the likeliest first.

    The folder that a configuration names is taken only inside the project or the user's home: a project must not make
    kvlint look anywhere else.
    """
    home = expand_home("~")
    found: list[str] = []
    named = config.get("cacheRootDirectory")
    if isinstance(named, str):
        folder, own_home = real_path(os.path.join(run.root, expand_home(named))), real_path(home)
        if any(folder != top and is_within(folder, top) for top in (run.root, own_home)) and not leads_into_git(folder):
            found.append(folder)
    own = os.environ.get("BICEP_CACHE_DIRECTORY")
    found += [own] if own else []
    return [*found, os.path.join(home, ".bicep")]
