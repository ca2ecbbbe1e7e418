"""Other files that a Bicep file names: modules, and the sources of ``loadTextContent`` and similar functions.

Source of the functions: learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.values import Items, Result, wrap
from azkvlint.model.finding import INPUT_INCOMPLETE
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.bicep.document import File
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.readers.missing_modules import why_missing
from azkvlint.syntax.positions import decoded
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import is_file, list_names, read_bytes, reported_path, resolve_inside

if TYPE_CHECKING:
    from azkvlint.syntax.yaml_nodes import Node

_REGISTRIES = ("br:", "br/", "ts:", "ts/", "oci:")


def is_remote(path: str) -> bool:
    """Return whether a reference names an artifact in a registry, not a file."""
    return path.startswith(_REGISTRIES)


def find(run: BicepRun, around: str, path: str) -> str:
    """Return the real path of the file that ``path`` names in ``around``. Raises InputError outside the project."""
    if not around:
        raise InputError("the calling file is not in a folder")
    folder = os.path.dirname(around)
    file = cached(run.cache.paths, (run.root, folder, path), lambda: resolve_inside(run.root, folder, path))
    if file is None:
        raise InputError("the path is outside the project")
    return file


def load(run: BicepRun, around: str, path: str) -> File:
    """Return the Bicep file that ``path`` names in the file ``around``. Raises InputError if it is unreadable."""
    file = find(run, around, path)
    return run.cache.load(reported_path(run.root, file), file)


def missing_reason(run: BicepRun, around: str, path: str) -> tuple[str, str] | None:
    """Return what to report, with a hint, of a file that is missing for a good reason; None if there is none.

    It is in a git submodule that is not fetched, or an example or a test lacks it.
    """
    file = os.path.normpath(os.path.join(os.path.dirname(around), path))
    if not around or is_remote(path) or is_file(file):
        return None
    return why_missing(file, around, run.root)


FUNCTIONS = frozenset(
    {"loadTextContent", "loadJsonContent", "loadYamlContent", "loadFileAsBase64", "loadDirectoryFileInfo"}
)
# Bicep loads at most 131,072 characters of text, and 96 KB of other files.
_MAX_SIZE = 1_000_000
_MAX_FILES = 10_000
_INDEX = regex(r"[0-9]{1,9}")


def load_content(run: BicepRun, file: File, name: str, arguments: Sequence[Result], at: Location) -> Result:
    """Return the result of a call. Unreadable files are Unknown, with a Problem; files outside are never read."""
    known = [argument.value if isinstance(argument, Scalar) else None for argument in arguments]
    if not known or not isinstance(known[0], str):
        doubt = arguments[0] if arguments and isinstance(arguments[0], Unknown) else None
        return Unknown(at=at, why=doubt.why if doubt is not None else f"`{name}()` expects the path of a file")
    try:
        found = find(run, file.file, known[0])
        if name == "loadDirectoryFileInfo":
            return _directory(run.root, found, known[1] if len(known) > 1 else None, at)
        plain = _cached_content(run, name, found)
        if name == "loadJsonContent":
            run.loaded[found] = plain
        if len(known) > 1 and name in ("loadJsonContent", "loadYamlContent"):
            plain = _at_path(plain, known[1])
    except InputError as error:
        why = f"the file in `{name}('{known[0]}')` cannot be loaded: {error.message}"
        run.problem(INPUT_INCOMPLETE, "warning", why, at)
        return Unknown(at=at, why=why)
    return wrap(plain, at)


def _cached_content(run: BicepRun, name: str, file: str) -> Any:
    """Return the plain data of a file, read once a run."""
    key = f"{name}:{file}"
    found = cached(run.cache.data, key, lambda: _read(name, file))
    if isinstance(found, InputError):
        raise found
    return found


def _read(name: str, file: str) -> Any:
    """Return the plain data of a file, or the error."""
    try:
        return _content(name, read_bytes(file, _MAX_SIZE))
    except InputError as error:
        return error


def _content(name: str, data: bytes) -> Any:
    if name == "loadFileAsBase64":
        from base64 import b64encode

        return b64encode(data).decode("ascii")
    if name == "loadTextContent":
        return decoded(data)
    if name == "loadJsonContent":
        from azkvlint.syntax.json_decoder import decode

        return decode(data).value
    return _yaml(decoded(data))


def _yaml(text: str) -> Any:
    """Return YAML as plain data. Raises InputError for invalid YAML, or features that plain data does not need."""
    from azkvlint.syntax.yaml_nodes import compose

    document = compose(text)
    if document.faults:
        raise InputError(f"the file is not valid YAML: {document.faults[0].text}")
    return None if document.root is None else _plain(document.root)


def _plain(node: Node) -> Any:
    from azkvlint.syntax.yaml_nodes import ListNode, MapNode

    if isinstance(node, MapNode):
        return {str(key.value): _plain(item) for key, item in node.entries}
    return [_plain(item) for item in node.items] if isinstance(node, ListNode) else node.value


def _at_path(plain: Any, path: object) -> Any:
    """Return the part of JSON data at a JSONPath. Only names and numbers are supported."""
    if not isinstance(path, str):
        raise InputError("the second argument is not a path")
    steps = path.removeprefix("$").replace("[", ".").replace("]", "").split(".")
    for step in (step.strip("'\"") for step in steps if step):
        if isinstance(plain, dict) and step in plain:
            plain = plain[step]
        elif isinstance(plain, list) and _INDEX.fullmatch(step) and int(step) < len(plain):
            plain = plain[int(step)]
        else:
            raise InputError("the path in the file does not exist")
    return plain


def _directory(root: str, folder: str, pattern: object, at: Location) -> Result:
    """Return the files in a folder by name: see ``loadDirectoryFileInfo``."""
    from fnmatch import fnmatchcase

    expected = pattern if isinstance(pattern, str) else "*"
    try:
        names = sorted(name for name in list_names(folder) if fnmatchcase(name, expected))
    except OSError as error:
        raise InputError(f"the folder cannot be listed: {error.strerror}") from error
    if len(names) > _MAX_FILES:
        raise InputError(f"the folder contains more than {_MAX_FILES:,} files")
    found: list[Result] = []
    for name in names:
        if is_file(os.path.join(folder, name)):
            relative = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            plain = {"baseName": name, "extension": os.path.splitext(name)[1], "relativePath": relative}
            found.append(wrap(plain, at))
    return Items(at=at, items=found)
