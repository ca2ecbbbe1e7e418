"""Access to files: everything that kvlint opens, lists, resolves or reads goes through this module.

A file is read only if its real path is in the checkout of the input, and not below a ``.git`` folder. Outside
of any checkout the boundary is the folder that the command line names, or the current folder if that holds it. Links
are followed inside the boundary only. The exceptions, each with its reason:

- What the command line or an environment variable names: the user chose it. ``begin_run``, ``read_named``.
- Bicep's module cache: ``bicep restore`` keeps modules outside of the checkout. ``bicep_module``, ``bicep_entries``.
- Git's own metadata of the report's repository: a worktree or submodule keeps it elsewhere. ``read_git_metadata``.
- The files of kvlint itself: its built-in rules. ``read_resource``, ``resource_files``.
- Standard input. ``read_stdin``.

Every access is recorded in ``FILE_TRACKER``, and ``HELD`` can replace the content of a file that is being edited.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator

import msgspec

from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.file_tracker import FILE_TRACKER

# Azure accepts templates of 4 MB; this is far more than any file that a person writes.
MAX_FILE = 10_000_000
# Plans and other generated JSON.
MAX_INPUT = 1_000_000_000
_CHUNK = 1 << 20
_MAX_METADATA = 16 * 1024 * 1024  # packed-refs of the largest repositories are smaller
_GIT_FILES = frozenset({"HEAD", "commondir", "config", "packed-refs"})

OUTSIDE = "it is a symbolic link that leads out of the project"
INTO_GIT = "it is a symbolic link into a .git folder"
USE_A_COPY = "replace the link with the file itself"
_NO_PATH = "no file can have this path"
_NOT_REGULAR = "it is not a regular file"
_BROKEN_LINK = "it is a symbolic link that leads nowhere"

# Flags that a platform does not have are 0. O_NONBLOCK: opening a pipe must not wait for its other end.
NO_FOLLOW: int = getattr(os, "ONO_FOLLOW", 0)
OPEN_FLAGS: int = NO_FOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
_READ: int = os.O_RDONLY | OPEN_FLAGS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
# What systems report for a link that is not followed.
_IS_LINK = frozenset({errno.ELOOP, errno.EMLINK})
# Characters that some file systems ignore in names.
_IGNORED = dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))


# --- what a run may read ----------------------------------------------------------------------------------------------


class _Run(msgspec.Struct):
    """What the command line of the current run names, and what is known of the folders that it reads."""

    roots: set[str] = set()
    named: frozenset[str] = frozenset()
    outputs: dict[tuple[int, int], str] = {}
    cached: set[str] = set()
    boundaries: dict[str, str] = {}
    folders: dict[str, str] = {}


_run = _Run()


def begin_run(paths: Iterable[str], named: Iterable[str] = (), outputs: Iterable[str] = ()) -> None:
    """Allow reading in the checkouts of ``paths``, and the files ``named`` anywhere, but none of the ``outputs``."""
    named, paths = list(named), [path for path in paths if path != "-"]
    states = ((file, _state(file)) for file in outputs)
    global _run  # noqa: PLW0603  # one process makes one run at a time
    _run = _Run(
        set(map(root_of, paths)) or {root_of(os.curdir)},
        frozenset((*named, *map(named_path, paths), *map(named_path, named))),
        {(found.st_dev, found.st_ino): file for file, found in states if found is not None},
    )


def end_run() -> None:
    """Forget what a run may read, and standard input: each file is then bounded by its own checkout."""
    global _run  # noqa: PLW0603
    _run = _Run()
    HELD.clear()


def add_root(folder: str) -> None:
    """Allow reading in a folder that the user chose in another way, such as the current one."""
    if _run.roots and folder not in _run.roots:
        _run.roots.add(folder)
        _run.boundaries.clear()


def roots() -> list[str]:
    """Return the folders that the run may read in."""
    return sorted(_run.roots)


def current_folder() -> str:
    """Return the current folder. Raises UsageError if it no longer exists."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError("the current folder no longer exists", "change to an existing folder") from error


def real_path(path: str) -> str:
    """Return a path, absolute and with links resolved, as far as that is possible."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # the current folder is gone, or no file can have this path
        return os.path.normpath(path)


def absolute_path(path: str) -> str:
    """Return a path, absolute where the current folder still exists. Links are not resolved."""
    try:
        return os.path.abspath(path)
    except (OSError, ValueError):
        return os.path.normpath(path)


def expanded_home(path: str) -> str:
    """Return a path with ``~`` replaced by the user's home."""
    try:
        return os.path.expanduser(path)
    except ValueError:
        return path


def lies_in(path: str, folder: str) -> bool:
    """Return whether a path is a folder or below it; both are absolute, with links resolved."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def leads_into_git(path: str, folder: str = "") -> bool:
    """Return whether a path leads into ``.git`` below a folder, or into where that checkout keeps its metadata.

    Some file systems ignore case, dots at the end of a name, or invisible characters.
    """
    below = path[len(folder) :]
    if not below.isascii():
        below = below.translate(_IGNORED)
    if any(name.casefold().rstrip(". ") in (".git", "git~1") for name in below.split(os.sep)):
        return True
    dotgit = os.path.join(folder, ".git")
    if not folder or (os.path.isdir(dotgit) and not os.path.islink(dotgit)):
        return False
    return os.path.lexists(dotgit) and lies_in(path, real_path(git_folder(folder)))


def root_of(path: str) -> str:
    """Return the folder that reports give paths below ``path`` relative to: absolute, with links resolved.

    It is the checkout that holds ``path`` (a file or a folder); without one the current folder if that holds it;
    else ``path`` itself if it is a folder, or its folder.
    """
    real, here = named_path(path), real_path(os.curdir)
    folder = real if os.path.isdir(real) else os.path.dirname(real)
    checkout = checkout_of(folder)
    if checkout is not None:
        return checkout
    return here if lies_in(folder, here) else folder


def checkout_of(folder: str) -> str | None:
    """Return the checkout that holds a folder (absolute, links resolved), or None."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def named_path(path: str) -> str:
    """Return the path under which a file or folder that the command line names is read.

    It is the real path. Only a link that came with a checkout and leads out of it, or nowhere, keeps its place there,
    with the files around it.
    """
    real = real_path(path)
    if not os.path.islink(path) or os.path.isdir(real):
        return real
    folder = real_path(os.path.dirname(path) or os.curdir)
    checkout = checkout_of(folder)
    is_outside = checkout is not None and (not lies_in(real, checkout) or leads_into_git(real, checkout))
    if os.path.lexists(real) and not is_outside:
        return real
    return os.path.join(folder, os.path.basename(path))


def boundary_of(folder: str) -> str:
    """Return the folder that links in ``folder`` (real) may not leave; empty where the run may not read at all.

    It is the checkout, the outermost one of submodules; without a checkout the folder that the run starts from.
    """
    if not _run.roots:
        found = _run.boundaries.get(folder)
        if found is None:
            found = _run.boundaries[folder] = root_of(folder)
        return found
    below: list[str] = []
    while folder not in _run.boundaries:
        above = os.path.dirname(folder)
        if folder in _run.roots or above == folder:
            _run.boundaries[folder] = folder if folder in _run.roots else ""
            break
        below.append(folder)
        folder = above
    found = _run.boundaries[folder]
    for here in reversed(below):
        if found and _is_checkout(here) and not _is_checkout(found):
            found = here
        _run.boundaries[here] = found
    return found


def below_named(path: str) -> str:
    """Return the part of a real path below the innermost folder that the command line names; all of it without one."""
    folder = path
    while folder not in _run.named:
        above = os.path.dirname(folder)
        if above == folder:
            return path
        folder = above
    return path[len(folder) :]


def _is_checkout(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, ".git"))


def inside(root: str, folder: str, name: str) -> str | None:
    """Return the real path of ``name`` below ``folder``; None if it, or a link on its way, leads out of the project.

    The project is what lies in ``root`` and in the checkout of ``folder``, ``.git`` aside. Raises InputError for a name
    that no file can have.
    """
    written = os.path.join(folder, name)
    FILE_TRACKER.record(written)
    try:
        file = os.path.realpath(written)
    except (ValueError, OSError) as error:
        raise InputError(_NO_PATH) from error
    if not root or not lies_in(file, root):
        return None
    boundary = boundary_of(real_path(folder))
    return file if boundary and lies_in(file, boundary) and not leads_into_git(file, boundary) else None


def reported(root: str, file: str) -> str:
    """Return what reports call a file below ``root``."""
    try:
        return os.path.relpath(file, root).replace(os.sep, "/")
    except OSError:  # the current folder is gone
        return file.replace(os.sep, "/")


def called(root: str, file: str) -> str:
    """Return the same of a file that need not be below ``root``: elsewhere it is its name alone."""
    real = real_path(file)
    return reported(root, real) if real.startswith(root.rstrip(os.sep) + os.sep) else os.path.basename(file)


def _entered(folder: str) -> str:
    """Return the real path of a folder of the project. Raises InputError if the run may not read there.

    Each folder is resolved once; its entries are then opened without following links.
    """
    real = _run.folders.get(folder)
    if real is None:
        real = real_path(folder)
        boundary = boundary_of(real)
        if not boundary or leads_into_git(real, boundary):
            raise InputError("it lies outside the project")
        _run.folders[folder] = real
    return real


def _followed(link: str, boundary: str) -> str:
    """Return where a link leads. Raises InputError if that is out of the boundary, or in ``.git``."""
    target = real_path(link)
    if not boundary or not lies_in(target, boundary):
        raise InputError(OUTSIDE, USE_A_COPY)
    if leads_into_git(target, boundary):
        raise InputError(INTO_GIT, USE_A_COPY)
    return target


# --- opening ----------------------------------------------------------------------------------------------------------


def _opened(file: str) -> int:
    """Open a regular file of the project. Raises InputError if that cannot be, or is not allowed."""
    if file in _run.named or file in _run.cached:
        return _opened_named(file)
    folder, name = os.path.split(file)
    if leads_into_git(name):
        raise InputError("it lies outside the project")
    return _opened_below(os.path.join(_entered(folder), name), boundary_of(_entered(folder)))


def _opened_named(file: str) -> int:
    """Open a regular file that the user names, wherever it is: only a link into ``.git`` is refused."""
    real = real_path(file)
    if os.path.islink(file):
        checkout = checkout_of(os.path.dirname(real))
        if leads_into_git(real, checkout or ""):
            raise InputError(INTO_GIT, USE_A_COPY)
    return _opened_at(real, file)


def _opened_below(full: str, boundary: str) -> int:
    """Open a regular file whose folder is resolved. If it is a link, it may not leave the boundary."""
    if not NO_FOLLOW and os.path.islink(full):
        return _opened_at(_followed(full, boundary), full)
    try:
        descriptor = os.open(full, _READ)
    except OSError as error:
        if error.errno not in _IS_LINK:
            raise _fault(error, full) from error
    except ValueError as error:
        raise InputError(_NO_PATH) from error
    else:
        return _checked(descriptor, full)
    return _opened_at(_followed(full, boundary), full)


def _opened_at(real: str, file: str) -> int:
    """Open the regular file at a resolved path; ``file`` is the path that leads there."""
    try:
        descriptor = os.open(real, _READ)
    except OSError as error:
        raise _fault(error, file) from error
    except ValueError as error:
        raise InputError(_NO_PATH) from error
    return _checked(descriptor, real)


def _checked(descriptor: int, real: str) -> int:
    """Return the descriptor of a regular file that is still at its path; close any other. Raises InputError."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and _is_at(descriptor, real):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise InputError("it is a folder")
    raise InputError("it was replaced while it was opened" if stat.S_ISREG(mode) else _NOT_REGULAR)


def _is_at(descriptor: int, real: str) -> bool:
    """Return whether an open file is the one at a path, no folder of which has become a link."""
    try:
        if os.readlink(f"/proc/self/fd/{descriptor}") == real:
            return True
    except OSError:
        pass
    try:
        return real_path(real) == real and os.path.samestat(os.fstat(descriptor), os.lstat(real))
    except OSError:
        return False


def _fault(error: OSError, file: str) -> InputError:
    """Return what to report of a file that cannot be opened."""
    if os.path.isdir(file) and not os.path.islink(file):
        return InputError("it is a folder")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, *_IS_LINK):
        return InputError(_BROKEN_LINK if os.path.islink(file) else "there is no such file")
    if error.errno == errno.ENXIO:
        return InputError(_NOT_REGULAR)
    return InputError(f"it cannot be read: {error.strerror}")


def _content(descriptor: int, limit: int) -> bytes:
    """Return the content of an open file, and close it. Raises InputError if it is larger than ``limit``."""
    try:
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            # Reading at most so many bytes would take a buffer of that size for each file.
            data = stream.readall() if os.fstat(stream.fileno()).st_size <= limit else None
    except OSError as error:
        raise InputError(f"it cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise InputError("it is too large for the memory of this machine") from error
    if data is None or len(data) > limit:
        raise InputError(f"it is larger than {limit:,} bytes")
    return data


def _state(file: str) -> os.stat_result | None:
    try:
        return os.stat(file)
    except (OSError, ValueError):
        return None


def refuse_as_output(file: str) -> None:
    """Raise UsageError if an input is also the file that a report is to be written to."""
    if _run.outputs:
        found = _state(file)
        if found is not None:
            _refuse(found)


def _refuse(found: os.stat_result) -> None:
    output = _run.outputs.get((found.st_dev, found.st_ino))
    if output is not None:
        raise UsageError(f"'{output}' is an input of this run, so it is not overwritten", "write to another file")


# --- reading ----------------------------------------------------------------------------------------------------------


class Kept:
    """Files that were searched and will be read again by their reader: opening one takes longer than anything else.

    Each is returned once. There is room for so many bytes that memory stays the same however many files there are.
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
        """Return the content of a file that was kept, and let go of it."""
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
"""Texts that replace the files with these real paths, as an editor holds them; the files need not exist."""


def held(file: str) -> bytes | None:
    """Return the text that replaces a file, whichever of its paths is given."""
    return HELD.get(real_path(file)) if HELD else None


def is_file(file: str) -> bool:
    """Return whether there is a file to read. Reading a link that leads out of the project reports the refusal."""
    FILE_TRACKER.record(file)
    if held(file) is not None:
        return True
    try:
        mode = os.lstat(file).st_mode
        if not stat.S_ISLNK(mode):
            return stat.S_ISREG(mode)
        target = _followed(file, boundary_of(real_path(os.path.dirname(file))))
    except InputError:
        return True
    except (OSError, ValueError):
        return False
    return os.path.isfile(target)


def is_folder(path: str) -> bool:
    """Return whether there is a folder; reading it reports whether it is in the project."""
    FILE_TRACKER.record(path)
    return os.path.isdir(path)


def exists(path: str) -> bool:
    """Return whether there is a file, a folder or a link."""
    FILE_TRACKER.record(path)
    return os.path.lexists(path)


def entries(folder: str) -> list[str]:
    """Return the sorted names of all that is in a folder of the project.

    Raises OSError if it cannot be listed, InputError if it is not in the project.
    """
    FILE_TRACKER.record_names(folder)
    real = _entered(folder)
    new = (os.path.basename(file) for file in HELD if os.path.dirname(file) == real)
    return sorted({*os.listdir(real), *new})


def read_bytes(file: str, limit: int, *, may_be_output: bool = False) -> bytes:
    """Return the content of a file of the project.

    Raises InputError if it is not in the project, cannot be read, is not a regular file, or is larger than ``limit``;
    UsageError if a report is to be written there.
    """
    FILE_TRACKER.record(file)
    text = held(file)
    if text is not None:
        if len(text) > limit:
            raise InputError(f"it is larger than {limit:,} bytes")
        return text
    kept = KEPT.take(file)
    if kept is not None:
        return kept
    descriptor = _opened(file)
    if _run.outputs and not may_be_output:
        try:
            _refuse(os.fstat(descriptor))
        except UsageError:
            os.close(descriptor)
            raise
    return _content(descriptor, limit)


def read_start(file: str, length: int) -> bytes:
    """Return how a file of the project begins; empty if it cannot be read, which its reader will report."""
    text = held(file)
    if text is not None:
        return text[:length]
    try:
        with os.fdopen(_opened(file), "rb", buffering=0) as stream:
            return stream.read(length)
    except (InputError, OSError):
        return b""


def read_named(file: str, what: str, limit: int, hint: str | None = None, boundary: str | None = None) -> bytes:
    """Return the content of a file that is no input and that the user names; messages call it ``what``.

    With a ``boundary``, the file was found and not named: it may not be a link that leads out of there. Raises
    UsageError if it cannot be read, is not a regular file (then with ``hint``), or is larger than ``limit``.
    """
    try:
        if boundary is None:
            descriptor = _opened_named(file)
        else:
            folder, name = os.path.split(absolute_path(file))
            descriptor = _opened_below(os.path.join(real_path(folder), name), boundary)
        return _content(descriptor, limit)
    except InputError as error:
        raise UsageError(f"{what} cannot be read: {error.message}", error.hint or hint) from error


def read_ends(file: str, length: int) -> tuple[bytes, bytes] | None:
    """Return how an existing output file begins and ends; None if it cannot be read."""
    try:
        with os.fdopen(_opened_named(file), "rb") as stream:
            start = stream.read(length)
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - length))
            return start, stream.read(length)
    except (InputError, OSError):
        return None


def read_stdin(limit: int) -> bytes:
    """Return what is on standard input. Raises InputError if it is larger than ``limit``, or cannot be read."""
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
        raise InputError(f"it cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise InputError("it is too large for the memory of this machine") from error
    if len(data) > limit:
        raise InputError(f"it is larger than {limit:,} bytes")
    return data


# --- folders ----------------------------------------------------------------------------------------------------------


def scanned(folder: str) -> list[os.DirEntry[str]]:
    """Return what is in a folder, sorted by name. Raises OSError if it cannot be listed."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def link_target(link: str) -> str | None:
    """Return the real path of a link in a folder (real) of the project; None if it leads out of the project."""
    try:
        return _followed(link, boundary_of(os.path.dirname(link)))
    except InputError:
        return None


def walk(folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder below a folder, with its folders and files, as ``os.walk`` does. No links are followed."""
    for here, folders, files in os.walk(folder):
        FILE_TRACKER.record_names(here)
        yield here, folders, files


# --- rules, modules of Bicep, metadata of git, kvlint's own files -----------------------------------------------------


def rule_files(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the files below a folder of the user's rules that end so, sorted. Linked folders are not followed."""
    found = (os.path.join(here, name) for here, _, names in os.walk(folder) for name in names)
    return sorted(file for file in found if file.lower().endswith(suffixes))


def read_rules(file: str, folder: str = "") -> bytes:
    """Return the content of a rule file that the user names, or that is below the ``folder`` that the user names.

    A link below the folder may not lead out of its checkout. Raises InputError if the file cannot be read.
    """
    if not folder:
        refuse_as_output(file)
        return _content(_opened_named(file), MAX_FILE)
    top = real_path(folder)
    parent, name = os.path.split(file)
    refuse_as_output(file)
    return _content(_opened_below(os.path.join(real_path(parent), name), checkout_of(top) or top), MAX_FILE)


def bicep_entries(folder: str) -> list[str]:
    """Return the sorted names in a folder of Bicep's module cache; none if it cannot be listed."""
    FILE_TRACKER.record_names(folder)
    try:
        return sorted(os.listdir(folder))
    except (OSError, ValueError):
        return []


def bicep_module(root: str, *parts: str) -> str | None:
    """Return the template in a folder of Bicep's module cache, which may then be read; None if it is not there.

    No link in it may lead out of the cache.
    """
    file = real_path(os.path.join(root, *parts, "main.json"))
    FILE_TRACKER.record(file)
    if ".." in parts or not lies_in(file, real_path(root)) or not os.path.isfile(file):
        return None
    _run.cached.add(file)
    return file


def git_folder(checkout: str) -> str:
    """Return where a checkout keeps its metadata. In a worktree or a submodule ``.git`` is a file that names it."""
    dotgit = os.path.join(checkout, ".git")
    if os.path.isdir(dotgit):
        return dotgit
    text = _metadata(dotgit)
    return os.path.join(checkout, text.removeprefix("gitdir:").strip()) if text else dotgit


def read_git_metadata(folder: str, name: str) -> str:
    """Return the text of a file in a folder of git's metadata, empty if there is none.

    Only the files are read that name the commit, the branch and the remote.
    """
    if name not in _GIT_FILES and not name.startswith("refs/"):
        raise ValueError(name)
    return _metadata(os.path.join(folder, *name.split("/")))


def _metadata(file: str) -> str:
    try:
        return _content(_opened_at(real_path(file), file), _MAX_METADATA).decode("utf-8", "replace")
    except InputError:
        return ""


def read_resource(file: str) -> bytes:
    """Return the content of a file that comes with kvlint. Raises OSError."""
    with open(file, "rb") as stream:
        return stream.read()


def resource_files(folder: str, suffixes: tuple[str, ...], *, deep: bool) -> list[str]:
    """Return the files in a folder that comes with kvlint, or also below it, that end so, sorted."""
    found = []
    for here, folders, names in os.walk(folder):
        found += [os.path.join(here, name) for name in names if name.lower().endswith(suffixes)]
        if not deep:
            folders.clear()
    return sorted(found)
