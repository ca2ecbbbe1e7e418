"""Inputs on remote file systems: addresses of fsspec, such as ``abfs://plans/a.json``, and copies of what they name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from azkvlint.readers.discover import ENDINGS
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.output_files import StagingFolder
from azkvlint.util.project_files import MAX_FILE, MAX_INPUT
from azkvlint.util.text import visible

_MOST_FILES = 20_000
_MOST_CAUSES = 10
# Of botocore, azure-identity, azure-core and google-auth.
_NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError", "PartialCredentialsError", "CredentialUnavailableError", "ClientAuthenticationError",
        "DefaultCredentialsError",
    }
)  # fmt: skip
_REMOTE_ENDINGS = (*ENDINGS, ".tfvars", ".hcl")
_AZURE = ("abfs", "abfss", "az", "adl", "wasb", "wasbs")
# What is before @ is the name of a container or of a user, without a password.
_WITH_USER = frozenset({*_AZURE, "hdfs", "webhdfs", "sftp", "ssh", "smb"})
# What follows the scheme is a bucket or a path, in which ? is part of a glob.
_WITH_NAMES = frozenset({"s3", "s3a", "gs", "gcs", "oci", "oss", "r2", "file", "local", "memory", "dbfs"})
_WHERE = "where kvlint and its workers run"
# What to do without an account, and without credentials.
_CONFIGURATION = {
    _AZURE: (
        f"set AZURE_STORAGE_ACCOUNT_NAME or AZURE_STORAGE_CONNECTION_STRING {_WHERE}",
        f"sign in with `az login`, use a managed identity, or set AZURE_STORAGE_CONNECTION_STRING {_WHERE}",
    ),
    ("s3", "s3a"): (
        f"set AWS_PROFILE {_WHERE}",
        f"set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, {_WHERE}",
    ),
    ("gs", "gcs"): (f"set GOOGLE_CLOUD_PROJECT {_WHERE}", f"set GOOGLE_APPLICATION_CREDENTIALS {_WHERE}"),
}
_OTHER = "configure the account and its credentials, as the library of the file system documents"


def is_remote(address: str) -> bool:
    """Return whether an input is an address of fsspec, such as ``abfs://plans/a.json``."""
    return "://" in address


def has_credentials(address: str) -> bool:
    """Return whether an address contains a token, a password or a query, which may be a signature."""
    return any(map(_part_has_credentials, address.split("::")))


def _part_has_credentials(part: str) -> bool:
    scheme, _, rest = part.partition("://")
    scheme = scheme.strip().lower()
    is_web = scheme not in _WITH_USER and scheme not in _WITH_NAMES
    # Clients differ in what they accept between the scheme and the server.
    authority = re.split(r"[/?#\\]", rest.lstrip("/\\ ") if is_web else rest, maxsplit=1)[0]
    user, at, _ = authority.rpartition("@")
    if at and (scheme not in _WITH_USER or ":" in user):
        return True
    query = rest.partition("?")[2]
    return "=" in query or (is_web and bool(query or "=" in rest.partition("#")[2]))


def refuse_credentials(address: str) -> None:
    """Raise UsageError for an address with credentials: addresses are written to results."""
    if has_credentials(address):
        shown = f"{address.partition('://')[0].rpartition('@')[2]}://..."
        hint = "configure credentials in the environment of the workers, as the library of the file system documents"
        raise UsageError(f"the address {visible(shown)} contains credentials or a query", hint)


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it. Raise UsageError without its library or account."""
    refuse_credentials(address)
    scheme = address.partition("://")[0]
    try:
        from fsspec.core import get_filesystem_class, url_to_fs

        for part in address.split("::"):
            get_filesystem_class(part.partition("://")[0])
    except ImportError as error:
        raise UsageError(f"{scheme}:// addresses require a library that is not installed", str(error)) from error
    except ValueError as error:
        raise UsageError(f"{scheme}:// is not a file system that fsspec supports") from error
    try:
        found: tuple[Any, str] = url_to_fs(address)
    except ImportError as error:
        raise UsageError(f"{scheme}:// addresses require a library that is not installed", str(error)) from error
    except Exception as error:
        # The message of a library may contain a value of the environment.
        what = "the account is not configured" if isinstance(error, ValueError) else _cause(error)
        hint = _configuration(address, credentials=_lacks_credentials(error))
        raise UsageError(f"{scheme}:// cannot be opened: {what}", hint) from error
    return found


def _configuration(address: str, *, credentials: bool) -> str:
    """Return what to set for the account, or for the credentials, of a file system."""
    scheme = address.rpartition("::")[2].partition("://")[0].lower()
    known = (hints[credentials] for schemes, hints in _CONFIGURATION.items() if scheme in schemes)
    return next(known, _OTHER)


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
        raise UsageError(f"{address} cannot be listed: {_cause(error)}", _credentials_hint(address, error)) from error
    if not matches:
        raise UsageError(f"{address} matches nothing")
    for match in matches:
        refuse_credentials(f"{prefix}{match}")  # links of a web page can have any query
        yield f"{prefix}{match}"


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
        raise InputError(f"the input cannot be read: {_cause(error)}", _credentials_hint(address, error)) from error


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
    found = next((text for type_, text in known.items() if isinstance(error, type_)), type(error).__name__)
    return "no credentials were found" if _lacks_credentials(error) else found


def _credentials_hint(address: str, error: Exception) -> str | None:
    return _configuration(address, credentials=True) if _lacks_credentials(error) else None


def _lacks_credentials(error: BaseException | None) -> bool:
    """Return whether an error, or one that it was raised from, is that a library has found no credentials."""
    for _ in range(_MOST_CAUSES):
        if error is None:
            return False
        if type(error).__name__ in _NO_CREDENTIALS:
            return True
        error = error.__cause__ or error.__context__
    return False
