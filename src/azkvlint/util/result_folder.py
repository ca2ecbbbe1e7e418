"""Read and write the files of a long run in a folder, which may have come with a checkout.

The folder is resolved and opened once. Everything below it is opened from there, one name at a time, without following
links. Its content is untrusted: it may be damaged, or forged.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.output_files import output_path
from azkvlint.util.project_boundary import COMMON, NOFOLLOW, real_path
from azkvlint.util.sha256 import sha256_of
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from re import Pattern

_CREATE: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | COMMON
_FOLDER: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | COMMON
_WAITS_NOT: int = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_HAS_DIR_FD = {os.open, os.unlink, os.stat, os.mkdir, os.rmdir, os.rename} <= os.supports_dir_fd and bool(NOFOLLOW)
_REPARSE_TAGS = {getattr(stat, f"IO_REPARSE_TAG_{kind}", -1) for kind in ("SYMLINK", "MOUNT_POINT")}
_PARTIAL = ".partial"
_LOCK = ".lock"
_BLOCK = 1 << 16
_FOREIGN = "remove it, or start the run again in another folder"
_AGAIN = "then continue with --resume"


class _Folder:
    """An open folder. Without support for descriptors of folders (Windows), it is a path that contains no links."""

    def __init__(self, path: str, descriptor: int | None) -> None:
        self._path, self.descriptor = path, descriptor

    def at(self, name: str) -> str:
        """Return the path of an entry, relative to the descriptor."""
        return name if self.descriptor is not None else os.path.join(self._path, name)

    def state(self, name: str) -> os.stat_result | None:
        """Return the state of an entry itself; None if it does not exist."""
        try:
            return os.stat(self.at(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def folder(self, name: str) -> _Folder:
        """Open a folder in this one. Raise OSError, also for a link."""
        path = os.path.join(self._path, name)
        state = os.stat(self.at(name), dir_fd=self.descriptor, follow_symlinks=False)
        if not stat.S_ISDIR(state.st_mode) or getattr(state, "st_reparse_tag", 0) in _REPARSE_TAGS:
            raise OSError(0, "it is not a folder")
        if self.descriptor is not None:
            return _Folder(path, os.open(name, _FOLDER, dir_fd=self.descriptor))
        return _Folder(path, None)

    def open(self, name: str, flags: int) -> io.FileIO:
        """Open a regular file in this folder. Raise OSError for anything else."""
        descriptor = os.open(self.at(name), flags | COMMON | _WAITS_NOT, 0o666, dir_fd=self.descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or (not NOFOLLOW and os.path.islink(self.at(name))):
            os.close(descriptor)
            raise OSError(0, "it is not a regular file")
        return io.FileIO(descriptor, "wb" if flags & (os.O_WRONLY | os.O_RDWR) else "rb")

    def replace(self, old: str, new: str) -> None:
        """Give an entry another name, and replace the one that has it."""
        os.replace(self.at(old), self.at(new), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """Return the names of the entries, sorted."""
        return sorted(os.listdir(self._path if self.descriptor is None else self.descriptor))

    def close(self) -> None:
        """Close the descriptor."""
        if self.descriptor is not None:
            os.close(self.descriptor)


class ResultFolder:
    """A folder that a long run fills with files, so that it can continue after an interruption at any moment.

    Names of files have plain parts, separated by /. New files and folders are written under another name and then
    renamed. Each line of a journal is appended in one write. Only one process uses the folder at a time. Methods raise
    KvlintError with the name of the file.
    """

    def __init__(self, folder: str) -> None:
        self.name = folder
        try:
            self.path = output_path(folder)
        except OSError as error:
            raise UsageError(f"the folder `{folder}` cannot be used: {error.strerror}") from error
        self._lock: int | None = None
        self._identity: tuple[int, int] | None = None

    def place(self, name: str) -> str:
        """Return the path of a file for messages."""
        return visible(os.path.join(self.name, *name.split("/")))

    def create(self, leftovers: Mapping[str, bool]) -> None:
        """Create the folder, which may exist if it is empty. Raise UsageError otherwise.

        ``leftovers`` are files (false) and folders (true) of a run that ended before it began.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder `{self.name}` cannot be created: {error.strerror}") from error
        with self._naming(""), self._opened("") as folder:
            states = [(name, folder.state(name)) for name in folder.names()]
        for name, state in states:
            is_folder = leftovers.get(name, False if name.endswith(_PARTIAL) else None)
            if is_folder is None or state is None or not (stat.S_ISDIR if is_folder else stat.S_ISREG)(state.st_mode):
                raise UsageError(
                    f"the folder `{self.name}` is not empty", "use --resume to continue its run, or another folder"
                )

    def lock(self) -> None:
        """Lock the folder until this process ends. Raise UsageError if another process has locked it."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        with self._naming(_LOCK), self._opened("") as folder, folder.open(_LOCK, os.O_RDWR | os.O_CREAT) as stream:
            self._lock = os.dup(stream.fileno())
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"another run is using the folder `{self.name}`") from error

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def has(self, name: str) -> bool:
        """Return whether a file, or something else with its name, exists."""
        above, _, last = name.rpartition("/")
        if not above and not os.path.lexists(self.path):
            return False
        with self._naming(name), self._opened(above) as folder:
            return folder.state(last) is not None

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        self.write_lines(name, [data])

    def write_lines(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file from its parts, of any total size."""
        above, _, last = name.rpartition("/")
        partial = f"{last}.{os.urandom(8).hex()}{_PARTIAL}"
        with self._naming(name), self._opened(above, create=True) as folder:
            descriptor = os.open(folder.at(partial), _CREATE, 0o666, dir_fd=folder.descriptor)
            try:
                with os.fdopen(descriptor, "wb") as out:
                    out.writelines(parts)
                    out.flush()
                    os.fsync(out.fileno())
                folder.replace(partial, last)
            except BaseException:
                with suppress(OSError):
                    os.unlink(folder.at(partial), dir_fd=folder.descriptor)
                raise

    def write_folder(self, name: str, files: Iterable[tuple[str, bytes]]) -> None:
        """Write a new folder with files."""
        above, _, last = name.rpartition("/")
        partial = f"{last}{_PARTIAL}"
        with self._naming(name), self._opened(above, create=True) as folder:
            os.mkdir(folder.at(partial), dir_fd=folder.descriptor)
            inner = folder.folder(partial)
            try:
                for file, data in files:
                    with inner.open(file, _CREATE) as out:
                        view = memoryview(data)
                        while view:
                            view = view[out.write(view) :]
            finally:
                inner.close()
            folder.replace(partial, last)

    def append(self, name: str, lines: bytes) -> None:
        """Append whole lines to a journal."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with self._naming(name), self._opened("") as folder, folder.open(name, flags) as out:
            if out.write(lines) != len(lines):
                raise OSError(0, "not all of a line was written")
            os.fsync(out.fileno())

    def lines(self, name: str, longest: int) -> Iterator[bytes]:
        """Yield the lines of a file, which may be missing. A line of more than ``longest`` bytes comes in pieces."""
        above, _, last = name.rpartition("/")
        with self._naming(name):
            with self._opened(above) as folder:
                if folder.state(last) is None:
                    return
                stream = io.BufferedReader(folder.open(last, os.O_RDONLY))
            with stream:
                while line := stream.readline(longest):
                    yield line

    def digest(self, name: str) -> str | None:
        """Return the SHA-256 digest of a file; None if it is not a regular file that can be read."""
        above, _, last = name.rpartition("/")
        try:
            with self._opened(above) as folder, folder.open(last, os.O_RDONLY) as stream:
                return sha256_of(iter(lambda: stream.read(_BLOCK), b""))
        except OSError:
            return None

    def names(self, name: str) -> list[str]:
        """Return the names of the entries of a folder, sorted; none if it is not a folder that can be listed."""
        try:
            with self._opened(name) as folder:
                return folder.names()
        except OSError:
            return []

    def require_folders(self, *names: str) -> None:
        """Raise KvlintError for a name that is not that of a folder, if it exists."""
        for name in names:
            if self.has(name):
                with self._naming(name), self._opened(name):
                    pass

    def keep_only(self, name: str, names: Container[str], own: Pattern[str]) -> None:
        """Remove every entry of a folder that is not among ``names``: what an interrupted run left unfinished.

        Raise KvlintError for an entry whose name does not match ``own``, which may be a file of the user. Hidden ones
        without a suffix, such as the files in which systems keep the state of a folder, stay.
        """
        if name and not self.has(name):
            return
        with self._naming(name), self._opened(name) as folder:
            for entry in folder.names():
                if entry not in names and (own.fullmatch(entry) or "." in entry[1:] or not entry.startswith(".")):
                    self._remove(folder, f"{name}/{entry}".lstrip("/"), own)

    def remove_folder(self, name: str, own: Pattern[str]) -> None:
        """Remove a folder, which may be missing, with the files whose names match ``own``."""
        if not self.has(name):
            return
        with self._naming(name):
            with self._opened(name) as folder:
                for entry in folder.names():
                    self._remove(folder, f"{name}/{entry}", own)
            with self._opened("") as top:
                os.rmdir(top.at(name), dir_fd=top.descriptor)

    def _remove(self, folder: _Folder, name: str, own: Pattern[str]) -> None:
        """Remove a file, a link, or a folder that contains only files of a run."""
        last = name.rpartition("/")[2]
        if not own.fullmatch(last):
            raise KvlintError(f"`{self.place(name)}` was not written by kvlint", _FOREIGN)
        state = folder.state(last)
        if state is None:
            return
        with self._naming(name):
            if not stat.S_ISDIR(state.st_mode):
                os.unlink(folder.at(last), dir_fd=folder.descriptor)
                return
            inner = folder.folder(last)
            try:
                for entry in inner.names():
                    state = inner.state(entry)
                    if not own.fullmatch(entry) or (state is not None and stat.S_ISDIR(state.st_mode)):
                        raise KvlintError(f"`{self.place(f'{name}/{entry}')}` was not written by kvlint", _FOREIGN)
                    os.unlink(inner.at(entry), dir_fd=inner.descriptor)
            finally:
                inner.close()
            os.rmdir(folder.at(last), dir_fd=folder.descriptor)

    @contextmanager
    def _opened(self, name: str, *, create: bool = False) -> Iterator[_Folder]:
        """Open a folder below this one, or this one itself. Raise OSError, also for a link on the way."""
        folder = self._top()
        try:
            for part in name.split("/") if name else ():
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(folder.at(part), dir_fd=folder.descriptor)
                above, folder = folder, folder.folder(part)
                above.close()
            yield folder
        finally:
            folder.close()

    def _top(self) -> _Folder:
        """Open this folder: always the one that was opened first, and at a path without links."""
        top = _Folder(self.path, os.open(self.path, _FOLDER) if _HAS_DIR_FD else None)
        state = os.stat(self.path if top.descriptor is None else top.descriptor)
        identity = (state.st_dev, state.st_ino)
        if not os.path.samestat(state, os.lstat(self.path)) or (_HAS_DIR_FD and real_path(self.path) != self.path):
            top.close()
            raise OSError(0, "its path has changed")
        if self._identity not in (None, identity):
            top.close()
            raise OSError(0, "it was replaced by another folder")
        self._identity = identity
        return top

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """Raise KvlintError with the name of the file, or of the link on its path, for an OSError."""
        try:
            yield
        except OSError as error:
            below = os.path.join(self.path, *name.split("/")) if name else self.path
            while len(below) > len(self.path) and not os.path.islink(below):
                below = os.path.dirname(below)
            if len(below) > len(self.path):
                link = self.place(os.path.relpath(below, self.path))
                raise KvlintError(f"`{link}` is a symbolic link, which is not followed", _FOREIGN) from error
            raise KvlintError(f"`{self.place(name)}` cannot be used: {error.strerror}", _AGAIN) from error
