"""State and plan files of Terraform with secret values in a scanned folder.

Terraform stores the values of resources in plain text there. Values are only counted, and never leave this module.
Sources: developer.hashicorp.com/terraform/language/state/sensitive-data, and git's documentation of its index format.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from azkvlint.azure.azurerm.secret_attributes import attribute_origins
from azkvlint.model.finding import SECRETS_IN_STATE, Problem
from azkvlint.model.location import Location
from azkvlint.readers.discover import Source
from azkvlint.syntax.json_decoder import decode
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import checkout_of, git_index, real_path
from azkvlint.util.project_files import read_bytes
from azkvlint.util.text import pluralize
from azkvlint.values.origins import RESOURCE

# The maximum number of files that are read, and the maximum size of each in bytes.
_MOST_FILES, _MOST_BYTES = 20, 64_000_000
_REMEDY = "remove the file from the repository and its history, rotate the secrets, and use a remote backend"
# A binary plan is a ZIP archive with the state before the plan.
_ZIP, _MEMBER = b"PK", "tfstate"
# The index of git: the bytes of an entry before its name, the last two of which contain the length of the name.
_INDEX, _VERSIONS, _LENGTH, _LONG = b"DIRC", (2, 3), 2, 0xFFF


def state_file_problems(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield a problem for each state or plan file with secret values that git tracks, or may track."""
    indexes: dict[str, bytes] = {}
    for source in sources[:_MOST_FILES]:
        tracked = is_tracked(source.file, indexes)
        if tracked is False:
            continue  # such as the state of a local backend, which .gitignore lists
        try:
            count = _secret_count(read_bytes(source.file, _MOST_BYTES))
        except InputError as error:
            text = f"the file may contain secret values, but cannot be read: {error.message}"
            yield Problem(code=SECRETS_IN_STATE, level="note", message=text, at=Location(path=source.path))
            continue
        if count:
            text = f"the file contains secret values of {pluralize(count, 'resource')}"
            text += " and is tracked by git" if tracked else "; whether it is in a repository is unknown"
            level = "warning" if tracked else "note"
            at = Location(path=source.path)
            yield Problem(code=SECRETS_IN_STATE, level=level, message=text, at=at, hint=_REMEDY)
    if len(sources) > _MOST_FILES:
        text = f"{pluralize(len(sources) - _MOST_FILES, 'more state or plan file')} not searched for secret values"
        yield Problem(code=SECRETS_IN_STATE, level="note", message=text)


def is_tracked(file: str, indexes: dict[str, bytes] | None = None) -> bool | None:
    """Return whether git tracks a file; None if that is not known. ``indexes`` keeps the index of each checkout."""
    real = real_path(file)
    checkout = checkout_of(os.path.dirname(real))
    if checkout is None:
        return None
    indexes = {} if indexes is None else indexes
    index = indexes.get(checkout)
    if index is None:
        index = indexes[checkout] = git_index(checkout)
    if index[:4] != _INDEX or int.from_bytes(index[4:8], "big") not in _VERSIONS:
        return None  # version 4 stores parts of names
    name = os.fsencode(os.path.relpath(real, checkout).replace(os.sep, "/"))
    at = index.find(name + b"\0")
    while at >= 0:
        length = int.from_bytes(index[at - _LENGTH : at], "big") & _LONG
        if length == min(len(name), _LONG):
            return True
        at = index.find(name + b"\0", at + 1)
    return False


def _secret_count(data: bytes) -> int:
    """Return the number of resources with secret values in a state or plan file. Raise InputError."""
    if data.startswith(_ZIP):
        data = _state_of_plan(data)
    document = decode(data).value if data else None
    if not isinstance(document, dict):
        return 0
    instances = (*_of_state(document), *_of_plan(document))
    return sum(1 for type_, values, marks in instances if _has_secret(type_, values, marks))


def _state_of_plan(data: bytes) -> bytes:
    """Return the state in a binary plan; empty if there is none."""
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(BytesIO(data)) as archive, archive.open(_MEMBER) as member:
            found = member.read(_MOST_BYTES + 1)
    except KeyError:
        return b""
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError("invalid ZIP archive") from error
    if len(found) > _MOST_BYTES:
        raise InputError(f"the state in it is larger than {_MOST_BYTES:,} bytes")
    return found


def _items(value: Any, *names: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of the list at the end of these names."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _of_state(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield the type, the values and the sensitive paths of each resource instance of a state."""
    for resource in _items(document, "resources"):
        for instance in _items(resource, "instances"):
            values = instance.get("attributes")
            if isinstance(values, dict):
                yield str(resource.get("type")), values, instance.get("sensitive_attributes")


def _of_plan(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield the type, the values and the sensitive marks of each resource of a plan in JSON."""
    for resource in _items(document, "resource_changes"):
        change = resource.get("change")
        values = change.get("after") if isinstance(change, dict) else None
        if isinstance(change, dict) and isinstance(values, dict):
            yield str(resource.get("type")), values, change.get("after_sensitive")


def _has_secret(type_: str, values: dict[str, Any], marks: Any) -> bool:
    """Return whether a resource has the value of a secret: by its type and name, or by a mark of Terraform."""
    if any(value and attribute_origins(type_, name) != {RESOURCE} for name, value in values.items()):
        return True
    if isinstance(marks, dict):
        return _is_marked(values, marks)
    return any(_at(values, path) for path in marks if isinstance(path, list)) if isinstance(marks, list) else False


def _at(value: Any, path: list[Any]) -> Any:
    """Return the value at the path of a state: steps that get an attribute or an index."""
    for step in path:
        key = step.get("value") if isinstance(step, dict) else None
        key = key.get("value") if isinstance(key, dict) else key
        if isinstance(value, dict):
            value = value.get(key) if isinstance(key, str) else None
        elif isinstance(value, list):
            value = value[int(key)] if isinstance(key, (int, float)) and 0 <= key < len(value) else None
        else:
            return None
    return value


def _is_marked(value: Any, marks: Any) -> bool:
    """Return whether a value is set where a plan marks it as sensitive."""
    if marks is True:
        return bool(value)
    if isinstance(marks, dict) and isinstance(value, dict):
        return any(_is_marked(value.get(name), mark) for name, mark in marks.items())
    if isinstance(marks, list) and isinstance(value, list):
        return any(_is_marked(item, mark) for item, mark in zip(value, marks, strict=False))
    return False
