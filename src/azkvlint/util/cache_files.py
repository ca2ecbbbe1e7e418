"""Read and write the files of the cache, in a folder that belongs to the user alone.

Everything else treats the content of the folder as untrusted: it may be damaged, from another version, or forged.
Files are opened below the open folder, without following links. A new file is complete before it gets its name.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import time

from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import (
    COMMON,
    NOFOLLOW,
    READ,
    absolute_path,
    checkout_of,
    current_folder,
    expand_home,
    is_within,
    open_at,
    read_descriptor,
    real_path,
    run_paths,
)

# The folder in the cache folder that kvlint creates, and uses only if no other user can read or write it.
_OWN = "results"
# Programs for backups and archives skip a folder with this file (bford.info/cachedir).
_TAG, _TAG_CONTENT = "CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n# Results of kvlint.\n"
_CREATE: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | COMMON
_PARTIAL = ".partial"
# Which files are kept: their number, their size in bytes together, and their age in seconds.
MOST_FILES, MOST_BYTES, _OLDEST = 500, 500_000_000, 30 * 86_400
_OLDEST_PARTIAL = 3_600
# The time of the last use is accurate to this many seconds.
_USE = 3_600
_HAS_DIR_FD = {os.open, os.unlink, os.stat, os.utime} <= os.supports_dir_fd and hasattr(os, "geteuid")


def default_folder(environment: Mapping[str, str]) -> str:
    """Return the folder for kvlint in the user's folder of caches; empty if the user has no home folder."""
    home = expand_home("~")
    if sys.platform == "win32":
        top = environment.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        top = os.path.join(home, "Library", "Caches")
    else:
        top = os.path.join(home, ".cache")
    configured = environment.get("XDG_CACHE_HOME", "")
    # The specification of XDG_CACHE_HOME ignores relative paths.
    top = configured if os.path.isabs(configured) else top
    return os.path.join(top, "kvlint") if os.path.isabs(top) else ""


def folder_of_inputs(folder: str) -> str:
    """Return the checkout, or other folder that the current run reads, in which a folder is; empty if there is none.

    Such a folder may have come with the inputs. The home folder and those above it are not regarded as inputs, because
    they contain the user's own cache folder, unless they are checkouts.
    """
    home = real_path(expand_home("~"))
    here = checkout_of(real_path(current_folder()))
    run = run_paths()
    tops = {real_path(path) for path in run.named if os.path.isdir(path)} | run.roots | ({here} if here else set())
    for top in sorted(tops):
        is_input = os.path.lexists(os.path.join(top, ".git")) or not is_within(home, top)
        if is_input and any(is_within(path, top) for path in (absolute_path(folder), real_path(folder))):
            return top
    return ""


class CacheFolder:
    """A folder of the cache, which is created if necessary. Raise OSError if it cannot be used."""

    def __init__(self, folder: str) -> None:
        top = real_path(folder)
        self._path = os.path.join(top, _OWN)
        if not os.path.lexists(self._path):
            os.makedirs(top, 0o700, exist_ok=True)
            with suppress(FileExistsError):
                os.mkdir(self._path, 0o700)
        self._descriptor = None
        if _HAS_DIR_FD:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | NOFOLLOW | os.O_CLOEXEC)
            state = os.fstat(self._descriptor)
        else:
            state = os.lstat(self._path)
        if not stat.S_ISDIR(state.st_mode):
            raise NotADirectoryError(f"`{self._path}` is not a folder")
        if _HAS_DIR_FD and (state.st_uid != os.geteuid() or state.st_mode & 0o077):
            raise PermissionError(f"`{self._path}` is not only for its owner, the current user (chmod 700)")

    def read(self, name: str, limit: int) -> bytes | None:
        """Return the content of a file; None unless it is a regular file of the user with at most ``limit`` bytes."""
        try:
            descriptor = os.open(self._at(name), READ, dir_fd=self._descriptor)
        except OSError:
            return None
        state = os.fstat(descriptor)
        is_own = not _HAS_DIR_FD or (state.st_uid == os.geteuid() and not state.st_mode & 0o022)
        if not stat.S_ISREG(state.st_mode) or not is_own or state.st_size > limit:
            os.close(descriptor)
            return None
        try:
            data = read_descriptor(descriptor, limit)
        except InputError:
            return None
        if time() - state.st_mtime > _USE:
            with suppress(OSError):
                os.utime(self._at(name), dir_fd=self._descriptor)
        return data

    def write(self, name: str, *parts: bytes) -> None:
        """Replace a file by one with these parts. Raise OSError if the disk is full; then the file is unchanged."""
        partial = f"{name}.{os.urandom(8).hex()}{_PARTIAL}"
        try:
            with os.fdopen(os.open(self._at(partial), _CREATE, 0o600, dir_fd=self._descriptor), "wb") as out:
                out.writelines(parts)
            os.replace(self._at(partial), self._at(name), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            self._remove(partial)
            raise

    def remove_old(self, keep: str) -> None:
        """Remove the files that were not used for a long time, and the oldest beyond the limits, except ``keep``."""
        now, count, size = time(), 0, 0
        files = sorted(self._files(), key=lambda file: file[1].st_mtime, reverse=True)
        for name, state in files:
            oldest = _OLDEST_PARTIAL if name.endswith(_PARTIAL) else _OLDEST
            count, size = count + 1, size + state.st_size
            is_old = now - state.st_mtime > oldest or count > MOST_FILES or size > MOST_BYTES
            if is_old and name not in (keep, _TAG):
                self._remove(name)

    def add_tag(self) -> None:
        """Mark the folder as one that backups need not contain. Raise OSError."""
        if self.read(_TAG, len(_TAG_CONTENT)) is None:
            self.write(_TAG, _TAG_CONTENT)

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        try:
            names = os.listdir(self._path if self._descriptor is None else self._descriptor)
        except OSError:
            return
        for name in names:
            with suppress(OSError):
                yield name, os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)

    def _remove(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self._path, name)


def read_again(file: str, limit: int) -> bytes | None:
    """Return the content of a file that the run has read, for a digest; None if it cannot be read."""
    try:
        return read_descriptor(open_at(real_path(file), file), limit)
    except InputError:
        return None


def package_state(version: str, *, by_content: bool) -> object:
    """Return a value that identifies the code and the data of kvlint: a version alone does not identify a checkout."""
    package = os.path.dirname(os.path.dirname(absolute_path(__file__)))
    # A wheel comes with the digests of all of its files.
    record = os.path.join(os.path.dirname(package), f"azkvlint-{version}.dist-info", "RECORD")
    try:
        with open(record, "rb") as stream:
            return stream.read()
    except OSError:
        files = sorted(_package_files(package))
    if by_content:
        return [(os.path.relpath(file, package), read_again(file, sys.maxsize)) for file in files]
    states = ((file, os.stat(file)) for file in files)
    return [(file, state.st_size, state.st_mtime_ns) for file, state in states]


def _package_files(package: str) -> Iterator[str]:
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in names)
