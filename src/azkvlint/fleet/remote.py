"""Remote inputs: addresses of fsspec, such as ``abfs://plans/a.json``, and copies of what they name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from azkvlint.readers.discover import ENDINGS
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.output_files import StagingFolder
from azkvlint.util.project_files import MAX_FILE, MAX_INPUT

_MOST_FILES = 20_000
_REMOTE_ENDINGS = (*ENDINGS, ".tfvars", ".hcl")


def is_remote(address: str) -> bool:
    """Return whether an input is an address of fsspec, such as ``abfs://plans/a.json``."""
    return "://" in address


def refuse_credentials(address: str) -> None:
    """Raise UsageError for an address with credentials: addresses are written to results."""
    parts = urlsplit(address.rpartition("::")[2])
    user = parts.netloc.rpartition("@")[0]
    if ":" in user or ("?" in address and "=" in address.partition("?")[2]):
        shown = f"{parts.scheme}://..."
        hint = "configure credentials in the environment of the workers, as the library of the file system documents"
        raise UsageError(f"the address {shown} contains credentials or a query", hint)


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it. Raise UsageError without its library."""
    refuse_credentials(address)
    scheme = address.partition("://")[0]
    try:
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(address)
    except ImportError as error:
        raise UsageError(f"{scheme}:// addresses require a library that is not installed", str(error)) from error
    except ValueError as error:
        raise UsageError(f"{scheme}:// is not a file system that fsspec supports") from error
    return found


def remote_matches(address: str) -> Iterator[str]:
    """Yield the addresses that an address or glob names. Raise UsageError if there are none."""
    system, path = file_system(address)
    if not any(character in path for character in "*?["):
        yield address
        return
    prefix = address[: -len(path)] if address.endswith(path) else f"{address.partition('://')[0]}://"
    try:
        matches = system.glob(path)
    except Exception as error:
        raise UsageError(f"{address} cannot be listed: {_cause(error)}") from error
    if not matches:
        raise UsageError(f"{address} matches nothing")
    yield from (f"{prefix}{match}" for match in matches)


def fetch(address: str, staging: StagingFolder) -> str:
    """Copy a remote file or folder to the staging folder, and return its path there. Raise InputError."""
    try:
        system, path = file_system(address)
        path = path.rstrip("/")
        name = _plain_name(path.rpartition("/")[2]) or "input"
        if not system.isdir(path):
            return staging.write(name, _content(system, path, MAX_INPUT))
        return _fetch_folder(system, path, name, staging)
    except InputError:
        raise
    except UsageError as error:
        raise InputError(error.message, error.hint) from error
    except Exception as error:
        # The message of a library may contain a token.
        raise InputError(f"the input cannot be read: {_cause(error)}") from error


def _fetch_folder(system: Any, path: str, name: str, staging: StagingFolder) -> str:
    left, count = MAX_INPUT, 0
    staging.write(f"{name}/.fetched", b"")
    for found in sorted(system.find(path)):
        below = found[len(path) :].strip("/")
        if not below.lower().endswith(_REMOTE_ENDINGS) or found[: len(path)] != path:
            continue
        if not all(_plain_name(part) == part for part in below.split("/")):
            raise InputError("the folder contains a file with an unsupported name")
        count += 1
        data = _content(system, found, min(left, MAX_INPUT if below.lower().endswith(".json") else MAX_FILE))
        left -= len(data)
        if count > _MOST_FILES or left < 0:
            raise InputError(f"the folder has more than {_MOST_FILES:,} files or {MAX_INPUT:,} bytes")
        staging.write(f"{name}/{below}", data)
    return os.path.join(staging.path, name)


def _content(system: Any, path: str, limit: int) -> bytes:
    with system.open(path, "rb") as stream:
        data: bytes = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"the file is larger than {limit:,} bytes")
    return data


def _plain_name(name: str) -> str:
    """Return a name of a remote file if it is safe as the name of a local one; "" otherwise."""
    is_plain = name not in ("", ".", "..", ".git") and name.isprintable() and not any(one in name for one in "/\\:\0")
    return name if is_plain and len(name.encode("utf-8", "replace")) < 250 else ""


def _cause(error: Exception) -> str:
    """Return the cause of an error of a library, without its message."""
    known = {FileNotFoundError: "it does not exist", PermissionError: "access is denied", ImportError: "no library"}
    return next((text for type_, text in known.items() if isinstance(error, type_)), type(error).__name__)
