"""Modules in registries: from what ``bicep restore`` has left on this machine, or from what is known of the module.

The Bicep CLI keeps an artifact in ``br/REGISTRY/PATH/TAG$`` of its cache, ``/`` in the path and ``:`` in the registry
replaced by ``$``; behind the ``$`` of a tag stand the places of its capital letters. Template specs lie in
``ts/SUBSCRIPTION/GROUP/NAME/VERSION``. Source: github.com/Azure/bicep, src/Bicep.Core/Registry.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from azkvlint.model.finding import INPUT_UNREADABLE
from azkvlint.model.location import Location, Region
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.readers.missing_modules import source_name
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import expand_home, is_within, leads_into_git, real_path
from azkvlint.util.project_files import (
    bicep_entries,
    bicep_module,
    exists,
    read_bytes,
    recorded_real_path,
    reported_path,
)

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
    """Return a reference with its alias resolved: ``br:registry/path:tag``, or ``ts:...``; None if it is invalid.

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
    """Return the folders in which the Bicep CLI may keep restored modules, the most likely first.

    The folder that a configuration names is taken only inside the project or the user's home: a project must not make
    kvlint look anywhere else.
    """
    home = expand_home("~")
    found: list[str] = []
    named = config.get("cacheRootDirectory")
    if isinstance(named, str):
        folder, own_home = recorded_real_path(os.path.join(run.root, expand_home(named))), real_path(home)
        if any(folder != top and is_within(folder, top) for top in (run.root, own_home)) and not leads_into_git(folder):
            found.append(folder)
    own = os.environ.get("BICEP_CACHE_DIRECTORY")
    found += [own] if own else []
    return [*found, os.path.join(home, ".bicep")]


_HINT = "run `bicep restore` on the file, then run kvlint again"
_ARTIFACT = regex(r"br:([^/\s]++)/([^:@\s]++)(?::([\w.+-]{1,128})|@(sha256:[0-9a-f]{64}))")
_SPEC = regex(r"ts:([\w-]++)/([\w.()-]++)/([\w.()-]++):([\w.()-]++)")


def artifact(run: BicepRun, file: str, reference: str) -> tuple[str | None, str | None]:
    """Return the full reference that ``reference`` stands for in a file, and the restored template of it.

    Each is None if it is not available.
    """
    config = configuration(run, file)
    full = full_reference(config, reference)
    if full is None:
        return None, None
    return full, next(
        (found for root in cache_roots(run, config) if (found := _cached_artifact(root, full)) is not None), None
    )


def report_missing(run: BicepRun, reference: str, at: Location) -> None:
    """Report a module that is not restored."""
    text = f"module `{source_name(reference)}` is not restored, so its resources are not evaluated"
    run.missing_module(text, at, _HINT)


def _cached_artifact(root: str, reference: str) -> str | None:
    """Return the compiled template of an artifact in a cache of the Bicep CLI; None if it is not there."""
    spec = _SPEC.fullmatch(reference)
    if spec is not None:
        return bicep_module(root, "ts", *(part.lower() for part in spec.groups()))
    match = _ARTIFACT.fullmatch(reference)
    if match is None:
        return None
    registry, path, tag, digest = match.groups()
    above = ("br", registry.replace(":", "$").lower(), path.replace("/", "$"))
    if digest:
        return bicep_module(root, *above, digest.replace(":", "#"))
    names = [name for name in bicep_entries(os.path.join(root, *above)) if name.startswith(f"{tag}$")]
    return next((file for name in names if (file := bicep_module(root, *above, name)) is not None), None)
