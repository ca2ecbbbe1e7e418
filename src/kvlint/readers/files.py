"""Files that an input names: whether they lie inside the project, what reports call them, and their text."""

from __future__ import annotations

import os

from kvlint.errors import InputError

# Azure takes templates of 4 MB; this is far more than any file that a person writes.
MAX_FILE = 10_000_000


def inside(root: str, folder: str, name: str) -> str | None:
    """The real path of ``name`` below ``folder``; None if it, or a link on its way, leads out of ``root``.

    Raises InputError for a name that no file can have.
    """
    try:
        file = os.path.realpath(os.path.join(folder, name))
    except (ValueError, OSError) as error:
        raise InputError("its path cannot be that of a file") from error
    return file if root and (file == root or file.startswith(root.rstrip(os.sep) + os.sep)) else None


def reported(root: str, file: str) -> str:
    """What reports call a file below ``root``."""
    return os.path.relpath(file, root).replace(os.sep, "/")


def read_bytes(file: str, limit: int) -> bytes:
    """The content of a file. Raises InputError if it cannot be read, is no plain file, or is larger than ``limit``."""
    try:
        if not os.path.isfile(file):
            raise InputError("there is no such file")
        with open(file, "rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its path is no file's"
        raise InputError(f"it cannot be read: {reason}") from error
    if len(data) > limit:
        raise InputError(f"it is larger than {limit:,} bytes")
    return data


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, or what its byte order mark says. Raises InputError for anything else."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError("it is not text in UTF-8") from error
