"""Read and list files: every access of kvlint to a file goes through this module.

``project_boundary`` decides what may be read. The exceptions, each with its reason:

- Paths named on the command line or by an environment variable: the user chose them. ``begin_run``, ``read_named``.
- Bicep's module cache: ``bicep restore`` keeps modules outside of the checkout. ``bicep_module``, ``bicep_entries``.
- Git's metadata of the report's repository: a worktree or submodule keeps it elsewhere. ``read_git_metadata``.
- The built-in rules and data of kvlint. ``read_resource``, ``read_data``, ``resource_files``.
- Standard streams. ``read_stdin``, ``stdin_stream``, ``open_null_device``.

Every access is recorded in ``file_tracker``, and ``editor_texts`` can replace the content of files open in an editor.
"""

from __future__ import annotations

import os
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from typing import BinaryIO, Generic, TypeVar

from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.file_tracker import State, editor_texts, file_tracker, state_of_names
from azkvlint.util.project_boundary import (
    INVALID_PATH,
    absolute_path,
    boundary_of,
    checkout_of,
    enter_folder,
    follow_link,
    is_within,
    leads_into_git,
    open_below,
    open_named,
    read_descriptor,
    real_path,
    refuse_as_output,
    refuse_state,
    run_paths,
)
from azkvlint.util.run_state import part_of_run

# Azure accepts templates of 4 MB; hand-written files are far smaller.
MAX_FILE = 10_000_000
# The limit in bytes for plans and other generated JSON.
MAX_INPUT = 1_000_000_000
_CHUNK = 1 << 20
# Blocks of a file that are searched one by one stay in the cache of the processor.
_BLOCK = 1 << 17
_T = TypeVar("_T")


def resolve_inside(root: str, folder: str, name: str) -> str | None:
    """Return the real path of ``name`` below ``folder``; None if it, or a link on its path, leads out of the project.

    The project is the intersection of ``root`` and the checkout of ``folder``, without ``.git``. Raise InputError for
    an invalid name.
    """
    path = os.path.join(folder, name)
    file_tracker().record(path)
    try:
        file = os.path.realpath(path)
    except (ValueError, OSError) as error:
        raise InputError(INVALID_PATH) from error
    if not root or not is_within(file, root):
        return None
    boundary = boundary_of(real_path(folder))
    return file if boundary and is_within(file, boundary) and not leads_into_git(file, boundary) else None


def recorded_real_path(path: str) -> str:
    """Return the real path of a file or folder, and record the links on the way to it."""
    file_tracker().record(path)
    return real_path(path)


def reported_path(root: str, file: str) -> str:
    """Return the path of a file below ``root`` as reports print it."""
    try:
        return os.path.relpath(file, root).replace(os.sep, "/")
    except OSError:  # the current folder is gone
        return file.replace(os.sep, "/")


def reported_name(root: str, file: str) -> str:
    """Return the path of a file as reports print it; outside of ``root`` only its name."""
    real = real_path(file)
    return reported_path(root, real) if real.startswith(root.rstrip(os.sep) + os.sep) else os.path.basename(file)


def _open(file: str) -> int:
    """Open a regular file of the project. Raise InputError if it cannot be opened or must not be."""
    run = run_paths()
    if file in run.named or file in run.cached:
        return open_named(file)
    folder, name = os.path.split(file)
    if leads_into_git(name):
        raise InputError("the path is outside the project")
    return open_below(os.path.join(enter_folder(folder), name), boundary_of(enter_folder(folder)))


def _text_of(file: str) -> bytes | None:
    """Return the text of an editor that replaces a file, which has been recorded."""
    texts = editor_texts()
    return texts.text_of(file, is_link=file_tracker().is_link(file)) if texts else None


class FileBuffer:
    """A bounded cache of files between the scan for relevant files and their reader, because opening files is slow.

    ``room`` is the limit in bytes, so memory use does not depend on the number of files. Each file is returned once,
    unless the buffer ``is_lasting``, for an editor: then a file is returned until its state has changed.
    """

    def __init__(self, room: int = 32_000_000) -> None:
        self.is_lasting = False
        self._room = room
        self._files: dict[str, tuple[bytes, State]] = {}

    def keep(self, file: str, data: bytes) -> None:
        """Keep the content of a file that has been read, if there is room. A text of an editor is not its content."""
        if self.is_lasting and len(data) > self._room:
            self.clear()  # it may be full of files that no longer exist
        if file not in self._files and len(data) <= self._room and _text_of(file) is None:
            self._files[file] = data, self._state(file)
            self._room -= len(data)

    def take(self, file: str) -> bytes | None:
        """Return the content of a file; None if it is not kept."""
        kept = self._files.get(file)
        if kept is None:
            return None
        data, state = kept
        is_current = state == self._state(file)
        if not (self.is_lasting and is_current):
            del self._files[file]
            self._room += len(data)
        return data if is_current else None

    def _state(self, file: str) -> State:
        return file_tracker().recorded_state(file) if self.is_lasting else ()

    def begin_check(self) -> None:
        """Begin another check, before which files may have changed."""
        if not self.is_lasting:
            self.clear()

    def clear(self) -> None:
        """Drop all files."""
        self._room += sum(len(data) for data, _ in self._files.values())
        self._files.clear()


def file_buffer() -> FileBuffer:
    """Return the buffer of the current run."""
    return part_of_run(FileBuffer)


def is_file(file: str) -> bool:
    """Return whether a path is a file to read.

    A link that leads out of the project counts: reading it reports why it is refused.
    """
    file_tracker().record(file)
    if _text_of(file) is not None:
        return True
    try:
        mode = os.lstat(file).st_mode
        if not stat.S_ISLNK(mode):
            return stat.S_ISREG(mode)
        target = follow_link(file, boundary_of(real_path(os.path.dirname(file))))
    except InputError:
        return True
    except (OSError, ValueError):
        return False
    return os.path.isfile(target)


def is_folder(path: str) -> bool:
    """Return whether a path is a folder; reading it reports whether it is in the project."""
    file_tracker().record(path)
    return os.path.isdir(path)


def exists(path: str) -> bool:
    """Return whether a path is a file, a folder or a link."""
    file_tracker().record(path)
    return os.path.lexists(path)


class _Listings(ABC, Generic[_T]):
    """What is in the folders that were listed last, as long as their last change is the same.

    A folder may hold thousands of plans, and is listed for each that is checked alone. What links lead to is not part
    of a listing, because it changes without the folder.
    """

    _MOST = 20

    def __init__(self) -> None:
        self._known: dict[str, tuple[State, _T]] = {}

    @abstractmethod
    def _list(self, folder: str) -> _T:
        """List a folder. Raise OSError."""

    def of(self, folder: str) -> _T:
        """Return what is in a folder, the same object until its names change. Raise OSError."""
        state = state_of_names(folder)
        known = self._known.pop(folder, None)
        if known is None or known[0] != state:
            known = state, self._list(folder)
        self._known[folder] = known
        if len(self._known) > self._MOST:
            del self._known[next(iter(self._known))]
        return known[1]


class _Names(_Listings[frozenset[str]]):
    """The names in folders."""

    def _list(self, folder: str) -> frozenset[str]:
        return frozenset(os.listdir(folder))


class _Entries(_Listings[tuple[tuple[str, ...], frozenset[str]]]):
    """The folders in folders, and their other entries."""

    def _list(self, folder: str) -> tuple[tuple[str, ...], frozenset[str]]:
        with os.scandir(folder) as entries:
            is_folder = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        folders = tuple(name for name, is_one in is_folder.items() if is_one)
        return folders, frozenset(is_folder).difference(folders)


def list_names(folder: str) -> frozenset[str]:
    """Return the names in a folder of the project.

    Raise OSError if it cannot be listed, InputError if it is not in the project.
    """
    file_tracker().record_names(folder)
    real = enter_folder(folder)
    names = part_of_run(_Names).of(real)
    texts = editor_texts()
    return names.union(texts.names_in(real)) if texts else names


def read_bytes(file: str, limit: int, *, may_be_output: bool = False) -> bytes:
    """Return the content of a file of the project.

    Raise InputError if it is not in the project, cannot be read, is not a regular file, or is larger than ``limit``
    bytes; UsageError if it is an output file.
    """
    file_tracker().record(file)
    content = _text_of(file)
    if content is None:
        content = file_buffer().take(file)
    if content is not None:
        if len(content) > limit:
            raise InputError(f"the file is larger than {limit:,} bytes")
        return content
    descriptor = _open(file)
    if run_paths().outputs and not may_be_output:
        try:
            refuse_state(os.fstat(descriptor))
        except UsageError:
            os.close(descriptor)
            raise
    return read_descriptor(descriptor, limit)


def read_blocks(file: str, *, larger_than: int = 0) -> Iterator[bytes]:
    """Yield the content of a file of the project in blocks; nothing of a smaller file, or of a text in an editor.

    Raise InputError if it cannot be read.
    """
    file_tracker().record(file)
    if _text_of(file) is not None:
        return
    try:
        if os.stat(file).st_size <= larger_than:
            return
        with os.fdopen(_open(file), "rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise InputError(f"the read failed: {error.strerror}") from error


def read_start(file: str, length: int) -> bytes:
    """Return the first ``length`` bytes of a file of the project; empty if its reader will report it."""
    file_tracker().record(file)
    text = _text_of(file)
    if text is not None:
        return text[:length]
    try:
        with os.fdopen(_open(file), "rb", buffering=0) as stream:
            return stream.read(length)
    except (InputError, OSError):
        return b""


def read_named(file: str, what: str, limit: int, hint: str | None = None, boundary: str | None = None) -> bytes:
    """Return the content of a file that the user named and that is not an input; messages call it ``what``.

    With a ``boundary``, the file was discovered, and must not be a link that leads out of it. Raise UsageError if it
    cannot be read, is not a regular file (then with ``hint``), or is larger than ``limit`` bytes.
    """
    try:
        if boundary is None:
            descriptor = open_named(file)
        else:
            folder, name = os.path.split(absolute_path(file))
            descriptor = open_below(os.path.join(real_path(folder), name), boundary)
        return read_descriptor(descriptor, limit)
    except InputError as error:
        raise UsageError(f"{what} cannot be read: {error.message}", error.hint or hint) from error


def expand_glob(pattern: str) -> Iterator[str]:
    """Yield the paths that match a glob that the user named; ``**`` matches folders of any depth.

    ``**`` enters no link to a folder, which could lead out of the folder that the user named, or into a circle.
    """
    from glob import escape, iglob

    parts = (pattern.replace(os.altsep, os.sep) if os.altsep else pattern).split(os.sep)
    if "**" not in parts:
        yield from iglob(pattern)
        return
    at = parts.index("**")
    rest = list(dropwhile("**".__eq__, parts[at:]))
    above = os.sep.join(parts[:at]) or (os.sep if at else "")
    waiting = list(iglob(above)) if above else [""]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here or os.curdir) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except OSError:  # not a folder, or one that cannot be listed
            continue
        if rest:
            yield from expand_glob(os.path.join(escape(here), *rest))
        else:
            yield from (os.path.join(here, entry.name) for entry in entries)
        waiting.extend(os.path.join(here, entry.name) for entry in entries if entry.is_dir(follow_symlinks=False))


def named_lines(file: str, what: str, longest: int) -> Iterator[str]:
    """Yield the lines of a file that the user named, of any size; messages call it ``what``.

    Raise UsageError if it cannot be read, or if a line is longer than ``longest`` bytes.
    """
    try:
        with os.fdopen(open_named(file), "rb") as stream:
            while line := stream.readline(longest + 1):
                if len(line) > longest:
                    raise UsageError(f"{what}: a line is longer than {longest:,} bytes")
                yield line.decode("utf-8", "surrogateescape").rstrip("\r\n")
    except InputError as error:
        raise UsageError(f"{what} cannot be read: {error.message}", error.hint) from error
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}") from error


def read_stdin(limit: int) -> bytes:
    """Return the content of standard input. Raise InputError if it is larger than ``limit`` bytes or cannot be read."""
    if sys.stdin is None:
        return b""
    parts: list[bytes] = []
    left = limit + 1
    try:
        while left > 0 and (part := sys.stdin.buffer.read(min(left, _CHUNK))):
            parts.append(part)
            left -= len(part)
        data = b"".join(parts)
    except OSError as error:
        raise InputError(f"the read failed: {error.strerror}") from error
    except MemoryError as error:
        raise InputError("the input is too large for the available memory") from error
    if len(data) > limit:
        raise InputError(f"the file is larger than {limit:,} bytes")
    return data


def stdin_stream() -> BinaryIO:
    """Return standard input, for a thread that reads it until the process ends."""
    return os.fdopen(os.dup(0), "rb")


def list_entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, sorted by name. Raise OSError if it cannot be listed."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def link_target(link: str) -> str | None:
    """Return the real path of a link in a folder (real) of the project; None if it leads out of the project."""
    try:
        return follow_link(link, boundary_of(os.path.dirname(link)))
    except InputError:
        return None


def leads_out(link: str) -> bool:
    """Return whether the text of a link in a folder (real) of the project is a path outside of the project.

    Links on that path are not followed, so that a chain of links costs nothing.
    """
    try:
        target = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
    except (OSError, ValueError):
        return False
    boundary = boundary_of(os.path.dirname(link))
    return not boundary or not is_within(target, boundary)


def walk(folder: str) -> Iterator[tuple[str, list[str], frozenset[str]]]:
    """Yield each folder below a folder with its folders and files, as ``os.walk`` does. A link counts as a file."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        file_tracker().record_names(here)
        try:
            found, files = part_of_run(_Entries).of(here)
        except OSError:
            continue
        folders = list(found)
        yield here, folders, files
        waiting += [os.path.join(here, name) for name in reversed(folders)]


def special_file(paths: Iterable[str]) -> str:
    """Return the first path, at or below one of these, of a named pipe, socket or device: a program may wait for it.

    Links are followed. A path that does not exist is none; an empty string stands for none.
    """
    waiting, linked = list(paths), set[str]()
    while waiting:
        here = waiting.pop()
        try:
            mode = os.stat(here).st_mode
            if not stat.S_ISDIR(mode):
                if not stat.S_ISREG(mode):
                    return here
                continue
            with os.scandir(here) as found:
                entries = list(found)
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                waiting += [] if real in linked else [real]
                linked.add(real)
            elif not entry.is_file(follow_symlinks=False):
                waiting.append(entry.path)
    return ""


def rule_files(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the sorted files with these suffixes below a folder of the user's rules, without linked folders."""
    files = (os.path.join(here, name) for here, _, names in os.walk(folder) for name in names)
    return sorted(file for file in files if file.lower().endswith(suffixes))


def read_rules(file: str, folder: str = "") -> bytes:
    """Return the content of a rule file that the user named, or that is below the ``folder`` that the user named.

    A link below the folder must not lead out of its checkout. Raise InputError if the file cannot be read.
    """
    if not folder:
        refuse_as_output(file)
        return read_descriptor(open_named(file), MAX_FILE)
    top = real_path(folder)
    parent, name = os.path.split(file)
    refuse_as_output(file)
    return read_descriptor(open_below(os.path.join(real_path(parent), name), checkout_of(top) or top), MAX_FILE)


def bicep_entries(folder: str) -> list[str]:
    """Return the sorted names in a folder of Bicep's module cache; empty if it cannot be listed."""
    file_tracker().record_names(folder)
    try:
        return sorted(os.listdir(folder))
    except (OSError, ValueError):
        return []


def bicep_module(root: str, *parts: str) -> str | None:
    """Return the template in a folder of Bicep's module cache and allow reading it; None if it does not exist.

    No link in the cache may lead out of it.
    """
    file = real_path(os.path.join(root, *parts, "main.json"))
    file_tracker().record(file)
    if ".." in parts or not is_within(file, real_path(root)) or not os.path.isfile(file):
        return None
    run_paths().cached.add(file)
    return file


def read_resource(file: str) -> bytes:
    """Return the content of a file of the distribution. Raise OSError."""
    with open(file, "rb") as stream:
        return stream.read()


def read_data(path: str) -> bytes:
    """Return the content of a file in the package's folder ``data``. Raise OSError."""
    return read_resource(os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", *path.split("/")))


def data_files(folder: str, suffix: str) -> list[tuple[str, bytes]]:
    """Return the sorted names and contents of the files with a suffix in a subfolder of the package's folder ``data``.

    Raise OSError.
    """
    path = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", folder)
    return [(os.path.basename(file), read_resource(file)) for file in resource_files(path, (suffix,), deep=False)]


def resource_files(folder: str, suffixes: tuple[str, ...], *, deep: bool) -> list[str]:
    """Return the sorted files with these suffixes in a folder of the distribution; ``deep`` includes its subfolders."""
    files = []
    for path, folders, names in os.walk(folder):
        files += [os.path.join(path, name) for name in names if name.lower().endswith(suffixes)]
        if not deep:
            folders.clear()
    return sorted(files)
