"""Files that an input names: whether they lie inside the project, what reports call them, and their text.

Every reader looks at files and folders through this module, so that ``LOOKS`` can tell what an answer hangs on, and
``HELD`` can stand for a file that is being edited.
"""

from __future__ import annotations

import os

from kvlint.errors import InputError, UsageError
from kvlint.looks import LOOKS
from kvlint.syntax.lines import MarkedText

# Azure takes templates of 4 MB; this is far more than any file that a person writes.
MAX_FILE = 10_000_000
_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def inside(root: str, folder: str, name: str) -> str | None:
    """The real path of ``name`` below ``folder``; None if it, or a link on its way, leads out of ``root``.

    Raises InputError for a name that no file can have.
    """
    written = os.path.join(folder, name)
    LOOKS.at(written)
    try:
        file = os.path.realpath(written)
    except (ValueError, OSError) as error:
        raise InputError("its path cannot be that of a file") from error
    return file if root and lies_in(file, root) else None


def lies_in(path: str, folder: str) -> bool:
    """Whether a path is that of a folder, or of something in it; both are absolute, with links resolved."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def reported(root: str, file: str) -> str:
    """What reports call a file below ``root``."""
    return os.path.relpath(file, root).replace(os.sep, "/")


def called(root: str, file: str) -> str:
    """The same of a file that need not lie below ``root``: elsewhere it is its name alone, which tells no machine."""
    real = os.path.realpath(file)
    return reported(root, real) if real.startswith(root.rstrip(os.sep) + os.sep) else os.path.basename(file)


class Kept:
    """Files that were looked through and will be read again by their reader: opening one takes longer than anything.

    Each is given back once. There is room for so many bytes that memory stays the same however many files there are.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._files: dict[str, bytes] = {}

    def keep(self, file: str, data: bytes) -> None:
        """Keep the content of a file, if there is room."""
        if len(data) <= self._room and file not in self._files:
            self._files[file] = data
            self._room -= len(data)

    def take(self, file: str) -> bytes | None:
        """The content of a file that was kept, which is let go."""
        data = self._files.pop(file, None)
        if data is not None:
            self._room += len(data)
        return data

    def clear(self) -> None:
        """Let go of all files, which may have changed since."""
        self._room += sum(map(len, self._files.values()))
        self._files.clear()


KEPT = Kept(32_000_000)
"""What this process has kept; processes that it starts as copies of itself have it too."""


HELD: dict[str, bytes] = {}
"""Texts that stand for the files with these real paths, as an editor holds them; the files need not exist."""


def held(file: str) -> bytes | None:
    """The text that stands for a file, whichever of its paths is asked for."""
    return HELD.get(os.path.realpath(file)) if HELD else None


def is_file(file: str) -> bool:
    """Whether there is a plain file to read."""
    LOOKS.at(file)
    return held(file) is not None or os.path.isfile(file)


def entries(folder: str) -> list[str]:
    """The names of all that lies in a folder, sorted. Raises OSError if it cannot be listed."""
    LOOKS.into(folder)
    new = (os.path.basename(file) for file in HELD if os.path.dirname(file) == os.path.realpath(folder))
    return sorted({*os.listdir(folder), *new})


def read_bytes(file: str, limit: int) -> bytes:
    """The content of a file. Raises InputError if it cannot be read, is no plain file, or is larger than ``limit``."""
    LOOKS.at(file)
    text = held(file)
    if text is not None:
        if len(text) > limit:
            raise InputError(f"it is larger than {limit:,} bytes")
        return text
    kept = KEPT.take(file)
    if kept is not None:
        return kept
    try:
        if not os.path.isfile(file):
            raise InputError(_what_is(file))
        # Reading at most so many bytes would take a buffer of that size for each file.
        with open(file, "rb", buffering=0) as stream:
            data = stream.readall() if os.fstat(stream.fileno()).st_size <= limit else None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its path is no file's"
        raise InputError(f"it cannot be read: {reason}") from error
    if data is None or len(data) > limit:
        raise InputError(f"it is larger than {limit:,} bytes")
    return data


def named_bytes(file: str, what: str, limit: int, hint: str | None = None) -> bytes:
    """The content of a file that is no input and that the user names; messages call it ``what``.

    Raises UsageError if it cannot be read, is no plain file (``hint`` says what to do then), or is larger than
    ``limit``.
    """
    try:
        if not os.path.isfile(file):
            raise UsageError(f"{what} is not there, or is no file", hint)
        with open(file, "rb") as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise UsageError(f"{what} is larger than {limit:,} bytes")
    return data


def _what_is(file: str) -> str:
    """What to say of a path at which there is no plain file."""
    if os.path.isdir(file):
        return "it is a folder"
    if os.path.exists(file):
        return "it is no plain file"
    return "it is a link that leads nowhere" if os.path.islink(file) else "there is no such file"


def source_text(data: bytes) -> str:
    """The same as ``decoded``, which tells in what is shown of it that it began with a byte order mark."""
    text = decoded(data)
    is_utf16 = data[:2] in _UTF16
    return MarkedText(text, is_utf8=not is_utf16) if is_utf16 or data.startswith(_UTF8) else text


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, or what its byte order mark says. Raises InputError for anything else."""
    encoding = "utf-16" if data[:2] in _UTF16 else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError("it is not text in UTF-8") from error
