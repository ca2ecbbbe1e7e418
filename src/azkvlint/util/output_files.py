"""Write output files, and replace standard streams that are closed.

A new file gets a random name, is created exclusively and then renamed. Links that came with a checkout are never
followed out of it (see ``write_file``).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import BinaryIO, TextIO, cast

from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.project_boundary import (
    COMMON,
    NOFOLLOW,
    absolute_path,
    boundary_of,
    checkout_of,
    current_folder,
    file_state,
    is_within,
    leads_into_git,
    open_named,
    real_path,
    run_paths,
)

_CREATE: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | COMMON
_APPEND: int = os.O_WRONLY | os.O_APPEND | COMMON | getattr(os, "O_NOCTTY", 0)
_MAX_LINKS = 40
_AGAIN = "run the command again"


def read_ends(file: str, length: int) -> tuple[bytes, bytes] | None:
    """Return the first and last ``length`` bytes of an existing output file; None if it cannot be read."""
    try:
        with os.fdopen(open_named(file), "rb") as stream:
            start = stream.read(length)
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - length))
            return start, stream.read(length)
    except (InputError, OSError):
        return None


def open_null_device(mode: str) -> TextIO:
    """Open the null device in place of a closed standard stream."""
    return cast("TextIO", open(os.devnull, mode, encoding="utf-8"))  # stays open until the process ends


def silence(descriptor: int) -> None:
    """Redirect a descriptor to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def write_file(file: str, data: bytes) -> None:
    """Write a file atomically. Raise OSError, or UsageError for a link that leads out of the checkout.

    Pipes and devices are written to, not replaced. An existing file keeps its permissions.
    """
    target = output_path(file)
    if _is_device(target):
        with os.fdopen(os.open(target, _APPEND & ~NOFOLLOW), "wb") as out:
            out.write(data)
        return
    _replace(target, data)


def write_new_file(file: str, data: bytes) -> None:
    """Create a file. Raise UsageError if it exists or cannot be written."""
    try:
        with os.fdopen(os.open(output_path(file), _CREATE, 0o666), "wb") as out:
            out.write(data)
    except FileExistsError as error:
        raise UsageError(f"`{file}` already exists") from error
    except OSError as error:
        raise UsageError(f"`{file}` cannot be written: {error.strerror}") from error


def replace_files(contents: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Replace the content of files, each with what it was and what it becomes, and keep their owners and permissions.

    Nothing is changed if a file is a link, is read-only, has changed, or cannot be written, such as on a full disk.
    Raise UsageError, or OutputError, which names the file and those that were replaced before it.
    """
    partials: dict[str, str] = {}
    replaced: list[str] = []
    file = ""
    try:
        for file, (before, _) in contents.items():
            _check_unchanged(file, before)
        for file, (_, after) in contents.items():
            partials[file] = _write_beside(file, after, keeps_owner=True)
        for file in contents:
            os.replace(partials[file], file)
            replaced.append(file)
    except OSError as error:
        raise OutputError(file, error.strerror or str(error), tuple(replaced)) from error
    finally:
        for partial in partials.values():
            with suppress(OSError):
                os.unlink(partial)


def _check_unchanged(file: str, before: bytes) -> None:
    """Raise UsageError unless a file can be replaced and still has its content."""
    state = _state_of_link(file)
    if state is None or not stat.S_ISREG(state.st_mode) or file != real_path(file):
        raise UsageError(f"`{file}` cannot be written: it is not a regular file")
    if not state.st_mode & stat.S_IWUSR or not os.access(file, os.W_OK):
        raise UsageError(f"`{file}` cannot be written: it is read-only")
    if _content(file) != before:
        raise UsageError(f"`{file}` was not changed: its content is not the one that was checked", _AGAIN)


class OutputError(Exception):
    """A file cannot be written, for a reason, after others were ``replaced``."""

    def __init__(self, file: str, reason: str, replaced: tuple[str, ...]) -> None:
        super().__init__(f"cannot write `{file}`: {reason}")
        self.file, self.reason, self.replaced = file, reason, replaced


def _content(file: str) -> bytes:
    with os.fdopen(os.open(file, os.O_RDONLY | COMMON), "rb") as stream:
        return stream.read()


def path_in_folder(folder: str, name: str) -> str:
    """Return the path that writing to a file below a folder reaches. ``name`` has plain names, separated by /.

    Raise UsageError if a link on the path leads out of the folder, or if it cannot be the path of a file.
    """
    try:
        target = output_path(os.path.join(folder, *name.split("/")))
    except OSError as error:
        raise UsageError(f"`{name}` cannot be written: {error.strerror}") from error
    if not is_within(target, real_path(folder)):
        raise UsageError(f"`{name}` cannot be written: a symbolic link on its path leads out of the folder")
    parent = os.path.dirname(target)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        raise UsageError(f"`{name}` cannot be written: `{os.path.relpath(parent, real_path(folder))}` is not a folder")
    if os.path.isdir(target):
        raise UsageError(f"`{name}` cannot be written: it is a folder")
    if not os.access(parent, os.W_OK):
        raise UsageError(f"`{name}` cannot be written: {os.strerror(errno.EACCES)}")
    return target


def write_in_folder(folder: str, name: str, data: bytes, *, replace: bool) -> None:
    """Write a file below a folder, with the folders on its path. ``name`` has plain names, separated by /.

    Raise UsageError if the file exists, unless it is to be replaced, or if it cannot be written.
    """
    target = path_in_folder(folder, name)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if replace:
            _replace(target, data)
            return
        with os.fdopen(os.open(target, _CREATE, 0o666), "wb") as out:
            out.write(data)
    except FileExistsError as error:
        raise UsageError(f"`{name}` already exists") from error
    except OSError as error:
        raise UsageError(f"`{name}` cannot be written: {error.strerror}") from error


def write_for_editors(file: str, data: bytes) -> None:
    """Write a file to the folder ``.sarif``, where editors look for logs, creating that folder only.

    A link there may have come with the checkout, so the link is replaced, not its target. Raise as ``write_file`` does.
    """
    folder, name = os.path.split(absolute_path(file))
    parent, folder_name = os.path.split(folder)
    folder = os.path.join(output_path(parent), folder_name)
    if os.path.islink(folder):
        raise OSError(errno.ELOOP, f"folder `{folder_name}` is a link")
    if not os.path.lexists(folder):
        os.mkdir(folder)
    _replace(os.path.join(folder, name), data)


def append_file(file: str, data: bytes) -> None:
    """Append to a file, creating it if necessary. Raise as ``write_file`` does."""
    target = output_path(file)
    flags = _APPEND & ~NOFOLLOW if _is_device(target) else _APPEND | os.O_CREAT
    with os.fdopen(os.open(target, flags, 0o666), "wb") as out:
        out.write(data)


def take_stdout() -> BinaryIO:
    """Return standard output, and redirect everything else that is written to it to the null device."""
    stream = os.fdopen(os.dup(1), "wb")
    silence(1)
    return stream


def make_folders(path: str) -> None:
    """Create a folder and those above it. Raise OSError if a file is in its place."""
    os.makedirs(path)


class StagingFolder:
    """A private temporary folder for copies of inputs that have no path: a new one, or that at ``path``."""

    def __init__(self, path: str = "") -> None:
        if not path:
            from tempfile import mkdtemp

            path = real_path(mkdtemp(prefix="kvlint-"))
        self.path = path

    def enter(self) -> None:
        """Make it the current folder, so that no result depends on where the process was started."""
        os.chdir(self.path)

    def add_folder(self, name: str) -> None:
        """Create a folder in it."""
        os.mkdir(os.path.join(self.path, name))

    def write(self, path: str, data: bytes) -> str:
        """Write a file below the folder, and return its path. ``path`` has only plain names, separated by /."""
        file = os.path.join(self.path, *path.split("/"))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with os.fdopen(os.open(file, _CREATE, 0o600), "wb") as out:
            out.write(data)
        return file

    def clear(self) -> None:
        """Remove the files in the folder."""
        from shutil import rmtree

        for name in os.listdir(self.path):
            rmtree(os.path.join(self.path, name), ignore_errors=True)

    def remove(self) -> None:
        """Remove the folder."""
        from shutil import rmtree

        rmtree(self.path, ignore_errors=True)


class CommitFolder:
    """A new folder with the files of a commit. ``path`` must not exist; only the user can read the folder.

    Links are created after everything else, and nothing replaces what exists, so nothing is written through a link,
    whatever the names are. Paths are plain names, separated by /. Methods raise OSError.
    """

    def __init__(self, path: str) -> None:
        os.mkdir(path, 0o700)
        self.path = path
        self._has_links = False

    def add_folder(self, path: str) -> None:
        """Create a folder in an existing one."""
        os.mkdir(self._full(path))

    def add_file(self, path: str, parts: Iterable[bytes]) -> None:
        """Create a file in an existing folder."""
        with os.fdopen(os.open(self._full(path), _CREATE, 0o666), "wb") as out:
            out.writelines(parts)

    def add_link(self, path: str, target: str) -> None:
        """Create a link in an existing folder. On Windows, where not every user may, it is a file with the target."""
        full = os.path.join(self.path, *path.split("/"))
        try:
            os.symlink(target, full)
        except OSError:
            if os.name != "nt" or os.path.lexists(full):
                raise
            self.add_file(path, [os.fsencode(target)])
        else:
            self._has_links = True

    def _full(self, path: str) -> str:
        if self._has_links:
            raise ValueError("links are created last")
        return os.path.join(self.path, *path.split("/"))


def _replace(target: str, data: bytes) -> None:
    partial = _write_beside(target, data)
    try:
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def _write_beside(target: str, data: bytes, *, keeps_owner: bool = False) -> str:
    """Write a new file beside one that it will replace, with its permissions, and return its path. Raise OSError."""
    partial = f"{target}.{os.urandom(8).hex()}.partial"
    descriptor = os.open(partial, _CREATE, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as out:
            before = _state_of_link(target)
            if before is not None and stat.S_ISREG(before.st_mode) and hasattr(os, "fchmod"):
                mode, now = stat.S_IMODE(before.st_mode), os.fstat(out.fileno())
                os.fchmod(out.fileno(), mode & 0o777)
                if keeps_owner and (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
                    os.fchown(out.fileno(), before.st_uid, before.st_gid)
                out.write(data)
                out.flush()
                if keeps_owner and mode > 0o777:  # these end with each change of the content or of the owner
                    os.fchmod(out.fileno(), mode)
            else:
                out.write(data)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    return partial


def _state_of_link(file: str) -> os.stat_result | None:
    try:
        return os.lstat(file)
    except OSError:
        return None


def _is_device(target: str) -> bool:
    """Return whether an output is a pipe, a device, or an open file of a process such as ``/dev/stdout``."""
    state = file_state(target)
    if state is None or stat.S_ISDIR(state.st_mode):
        return False
    return not stat.S_ISREG(state.st_mode) or target.startswith(("/proc/", "/dev/fd/"))


def output_path(file: str) -> str:
    """Resolve the path that writing to ``file`` reaches. Raise UsageError for a link that leads out of a checkout.

    This covers each link on the path that came with a checkout; the user's own links elsewhere are followed.
    """
    drive, rest = os.path.splitdrive(file if os.path.isabs(file) else os.path.join(current_folder(), file))
    current, links = f"{drive}{os.sep}", 0
    pending = rest.split(os.sep)[::-1]
    while pending:
        name = pending.pop()
        if name in ("", os.curdir):
            continue
        if name == os.pardir:
            current = os.path.dirname(current)
            continue
        full = os.path.join(current, name)
        if not os.path.islink(full):
            current = full
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if current.startswith("/proc/") and os.path.basename(current) == "fd":
            return full  # an open file of a process, which may be a pipe without a path
        _refuse_link(file, full)
        drive, rest = os.path.splitdrive(os.readlink(full).removeprefix("\\\\?\\"))
        current = f"{drive}{os.sep}" if drive or rest.startswith(os.sep) else current
        pending.extend(rest.split(os.sep)[::-1])
    return current


def _refuse_link(file: str, link: str) -> None:
    """Raise UsageError if a link in a checkout, or in the roots of this run, leads out of it."""
    folder = os.path.dirname(link)
    boundary = (boundary_of(folder) if run_paths().roots else "") or checkout_of(folder)
    if not boundary:
        return
    target = real_path(link)
    if not is_within(target, boundary) or leads_into_git(target, boundary):
        where = os.path.relpath(link, boundary)
        raise UsageError(
            f"`{file}` cannot be written: `{where}` is a symbolic link that leads out of the checkout",
            "remove the link, or specify another file",
        )
