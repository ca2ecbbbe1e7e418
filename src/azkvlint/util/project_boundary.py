"""Decide which files a run may read, and open paths within that boundary.

A file is read only if its real path is in the checkout of the input and not below a ``.git`` folder. Outside of any
checkout the boundary is the folder named on the command line, or the current folder if that contains it and is not the
root of the file system. Links are followed only inside the boundary.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.run_state import part_of_run

_MAX_METADATA = 16 * 1024 * 1024  # packed-refs of the largest repositories are smaller
_MAX_INDEX = 128 * 1024 * 1024
_GIT_FILES = frozenset({"HEAD", "commondir", "config", "gitdir", "info/exclude", "packed-refs"})
OUTSIDE = "the path is a symbolic link that leads out of the project"
INTO_GIT = "the path is a symbolic link into a `.git` folder"
USE_A_COPY = "replace the link with a copy of the file"
INVALID_PATH = "the path is invalid"
# Source: github.com/git-lfs/git-lfs/blob/main/docs/spec.md: the first line of a pointer is its version.
_POINTER = b"version https://git-lfs.github.com/spec/"
_FETCH_CONTENT = "run `git lfs pull`; in GitHub Actions, set `lfs: true` of actions/checkout"
_NOT_REGULAR = "the path is not a regular file"
_BROKEN_LINK = "the path is a broken symbolic link"
# Flags that a platform lacks are 0. O_NONBLOCK keeps opening a pipe from waiting for its other end.
NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
COMMON: int = NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
READ: int = os.O_RDONLY | COMMON | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
# Errors of opening a link with O_NOFOLLOW.
IS_LINK = frozenset({errno.ELOOP, errno.EMLINK})
# Characters that some file systems ignore in names.
_IGNORED = dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))


class RunPaths:
    """The paths named on the command line of a run, and what was found out about the folders it reads."""

    def __init__(self) -> None:
        self.reset()

    def reset(
        self,
        roots: Iterable[str] = (),
        named: frozenset[str] = frozenset(),
        outputs: dict[tuple[int, int], str] | None = None,
    ) -> None:
        """Start a run with empty caches."""
        self.roots = set(roots)
        self.named = named
        self.outputs = outputs or {}
        self.cached: set[str] = set()
        self.boundaries: dict[str, str] = {}
        self.folders: dict[str, str] = {}


def run_paths() -> RunPaths:
    """Return the paths of the current run."""
    return part_of_run(RunPaths)


def begin_run(paths: Iterable[str], named: Iterable[str] = (), outputs: Iterable[str] = ()) -> None:
    """Allow the following reads in the checkouts of ``paths``, and of the files ``named`` anywhere.

    None of them may be one of the ``outputs``.
    """
    named, paths = list(named), [path for path in paths if path != "-"]
    states = ((file, file_state(file)) for file in outputs)
    read = (
        set(map(root_of, paths)) or {root_of(os.curdir)},
        frozenset((*named, *map(named_path, paths), *map(named_path, named))),
        {(found.st_dev, found.st_ino): file for file, found in states if found is not None},
    )
    run_paths().reset(*read)


def add_root(folder: str) -> None:
    """Allow reading in a folder that the user chose without naming it, such as the current one."""
    run = run_paths()
    if run.roots and folder not in run.roots:
        run.roots.add(folder)
        run.boundaries.clear()


def roots() -> list[str]:
    """Return the folders that the run may read, sorted."""
    return sorted(run_paths().roots)


def named_folders() -> list[str]:
    """Return the folders named on the command line, sorted."""
    return sorted(path for path in run_paths().named if os.path.isdir(path))


def current_folder() -> str:
    """Return the current folder. Raise UsageError if it no longer exists."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError("the current folder no longer exists", "change to an existing folder") from error


def real_path(path: str) -> str:
    """Return an absolute path with links resolved as far as possible."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # the current folder is gone, or the path is invalid
        return os.path.normpath(path)


def real_path_of_read(path: str) -> str:
    """Return the real path of a file or folder that the run has read, which needs no look at the folders above."""
    folders = run_paths().folders
    if path in folders:
        return folders[path]
    folder, name = os.path.split(path)
    known = folders.get(folder)
    if known is None or name in ("", os.curdir, os.pardir) or os.path.islink(path):
        return real_path(path)
    return os.path.join(known, name)


def absolute_path(path: str) -> str:
    """Return an absolute path without resolving links; the path itself if the current folder is gone."""
    try:
        return os.path.abspath(path)
    except (OSError, ValueError):
        return os.path.normpath(path)


def expand_home(path: str) -> str:
    """Return a path with ``~`` replaced by the user's home folder."""
    try:
        return os.path.expanduser(path)
    except ValueError:
        return path


def is_within(path: str, folder: str) -> bool:
    """Return whether a path is a folder or below it; both are absolute, with links resolved."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def leads_into_git(path: str, folder: str = "") -> bool:
    """Return whether a path below a folder leads into ``.git``, or into the folder of that checkout's metadata.

    Some file systems ignore case, trailing dots, or invisible characters in names.
    """
    below = path[len(folder) :]
    if not below.isascii():
        below = below.translate(_IGNORED)
    if any(name.casefold().rstrip(". ") in (".git", "git~1") for name in below.split(os.sep)):
        return True
    dotgit = os.path.join(folder, ".git")
    if not folder or (os.path.isdir(dotgit) and not os.path.islink(dotgit)):
        return False
    return os.path.lexists(dotgit) and is_within(path, real_path(git_folder(folder)))


def root_of(path: str) -> str:
    """Return the folder that reported paths below ``path`` are relative to: absolute, with links resolved.

    It is the checkout of ``path`` (a file or a folder); outside of checkouts the current folder if that contains it and
    is not the root of the file system; else ``path`` itself if it is a folder, or its parent.
    """
    real, here = named_path(path), real_path(os.curdir)
    folder = real if os.path.isdir(real) else os.path.dirname(real)
    checkout = checkout_of(folder)
    if checkout is not None:
        return checkout
    return here if is_within(folder, here) and here != os.path.dirname(here) else folder


def checkout_of(folder: str) -> str | None:
    """Return the checkout that contains a folder (absolute, links resolved), or None."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def named_path(path: str) -> str:
    """Return the path under which a file or folder named on the command line is read.

    It is the real path, except for a link in a checkout that is broken or leads out of it: that stays unresolved, so
    that files beside it are found.
    """
    real = real_path(path)
    if not os.path.islink(path) or os.path.isdir(real):
        return real
    folder = real_path(os.path.dirname(path) or os.curdir)
    checkout = checkout_of(folder)
    is_outside = checkout is not None and (not is_within(real, checkout) or leads_into_git(real, checkout))
    if os.path.lexists(real) and not is_outside:
        return real
    return os.path.join(folder, os.path.basename(path))


def boundary_of(folder: str) -> str:
    """Return the folder that links in ``folder`` (real) must not leave; empty if the run may not read there.

    It is the checkout, with submodules the outermost one; outside of checkouts the root of the run.
    """
    run = run_paths()
    if not run.roots:
        boundary = run.boundaries.get(folder)
        if boundary is None:
            boundary = run.boundaries[folder] = root_of(folder)
        return boundary
    below: list[str] = []
    while folder not in run.boundaries:
        above = os.path.dirname(folder)
        if folder in run.roots or above == folder:
            run.boundaries[folder] = folder if folder in run.roots else ""
            break
        below.append(folder)
        folder = above
    boundary = run.boundaries[folder]
    for here in reversed(below):
        if boundary and _is_checkout(here) and not _is_checkout(boundary):
            boundary = here
        run.boundaries[here] = boundary
    return boundary


def below_named(path: str) -> str:
    """Return the part of a real path below the innermost folder above it that is named on the command line.

    Return the whole path if no such folder is named.
    """
    folder, named = path, run_paths().named
    while folder not in named:
        above = os.path.dirname(folder)
        if above == folder:
            return path
        folder = above
    return path[len(folder) :]


def _is_checkout(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, ".git"))


def enter_folder(folder: str) -> str:
    """Return the real path of a folder of the project. Raise InputError if the run may not read there.

    Each folder is resolved once; its entries are then opened without following links.
    """
    folders = run_paths().folders
    real = folders.get(folder)
    if real is None:
        real = real_path(folder)
        boundary = boundary_of(real)
        if not boundary or leads_into_git(real, boundary):
            raise InputError("the path is outside the project")
        folders[folder] = real
    return real


def follow_link(link: str, boundary: str) -> str:
    """Return the target of a link. Raise InputError if it is outside the boundary, or in ``.git``."""
    target = real_path(link)
    if not boundary or not is_within(target, boundary):
        raise InputError(OUTSIDE, USE_A_COPY)
    if leads_into_git(target, boundary):
        raise InputError(INTO_GIT, USE_A_COPY)
    return target


def open_named(file: str) -> int:
    """Open a regular file that the user named, anywhere: only a link into ``.git`` is refused."""
    real = real_path(file)
    if os.path.islink(file):
        checkout = checkout_of(os.path.dirname(real))
        if leads_into_git(real, checkout or ""):
            raise InputError(INTO_GIT, USE_A_COPY)
    return open_at(real, file)


def open_below(full: str, boundary: str) -> int:
    """Open a regular file in a resolved folder. If the file is a link, it must not leave the boundary."""
    if not NOFOLLOW and os.path.islink(full):
        return open_at(follow_link(full, boundary), full)
    try:
        descriptor = os.open(full, READ)
    except OSError as error:
        if error.errno not in IS_LINK:
            raise open_fault(error, full) from error
    except ValueError as error:
        raise InputError(INVALID_PATH) from error
    else:
        return check_opened(descriptor, full)
    return open_at(follow_link(full, boundary), full)


def open_at(real: str, file: str) -> int:
    """Open the regular file at a resolved path; ``file`` is the unresolved path for messages."""
    try:
        descriptor = os.open(real, READ)
    except OSError as error:
        raise open_fault(error, file) from error
    except ValueError as error:
        raise InputError(INVALID_PATH) from error
    return check_opened(descriptor, real)


def check_opened(descriptor: int, real: str) -> int:
    """Return the descriptor of a regular file that is still at its path; close any other. Raise InputError."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and _is_at(descriptor, real):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise InputError("the path is a folder")
    raise InputError("the file was replaced while it was opened" if stat.S_ISREG(mode) else _NOT_REGULAR)


def _is_at(descriptor: int, real: str) -> bool:
    """Return whether an open file is the file at a path, none of whose folders has become a link."""
    try:
        if os.readlink(f"/proc/self/fd/{descriptor}") == real:
            return True
    except OSError:
        pass
    try:
        return real_path(real) == real and os.path.samestat(os.fstat(descriptor), os.lstat(real))
    except OSError:
        return False


def open_fault(error: OSError, file: str) -> InputError:
    """Return the InputError for a file that cannot be opened."""
    if os.path.isdir(file) and not os.path.islink(file):
        return InputError("the path is a folder")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, *IS_LINK):
        return InputError(_BROKEN_LINK if os.path.islink(file) else "the file does not exist")
    if error.errno == errno.ENXIO:
        return InputError(_NOT_REGULAR)
    return InputError(f"the file cannot be opened: {error.strerror}")


def read_descriptor(descriptor: int, limit: int) -> bytes:
    """Read an open file and close it. Raise InputError if it is larger than ``limit`` bytes or a Git LFS pointer."""
    try:
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            # read(limit) would allocate a buffer of that size for each file.
            data = stream.readall() if os.fstat(stream.fileno()).st_size <= limit else None
    except OSError as error:
        raise InputError(f"the read failed: {error.strerror}") from error
    except MemoryError as error:
        raise InputError("the file is too large for the available memory") from error
    if data is None or len(data) > limit:
        raise InputError(f"the file is larger than {limit:,} bytes")
    if data.startswith(_POINTER):
        raise InputError("the file is a pointer of Git LFS, and its content is not in the checkout", _FETCH_CONTENT)
    return data


def file_state(file: str) -> os.stat_result | None:
    """Return the stat result of a file; None if it does not exist."""
    try:
        return os.stat(file)
    except (OSError, ValueError):
        return None


def refuse_as_output(file: str) -> None:
    """Raise UsageError if an input is also the output file of a report."""
    if run_paths().outputs:
        state = file_state(file)
        if state is not None:
            refuse_state(state)


def refuse_state(state: os.stat_result) -> None:
    """Raise UsageError if a file with this stat result is the output file of a report."""
    output = run_paths().outputs.get((state.st_dev, state.st_ino))
    if output is not None:
        raise UsageError(f"`{output}` is an input of this run and is not overwritten", "write to another file")


def git_folder(checkout: str) -> str:
    """Return the folder of a checkout's metadata. In a worktree or submodule, ``.git`` is a file that names it."""
    dotgit = os.path.join(checkout, ".git")
    if os.path.isdir(dotgit):
        return dotgit
    named = read_gitfile(dotgit)
    return os.path.join(checkout, named) if named else dotgit


def read_gitfile(dotgit: str) -> str:
    """Return the folder that a ``.git`` file names; empty if it cannot be read."""
    return _metadata(dotgit).removeprefix("gitdir:").strip()


def read_git_metadata(folder: str, name: str) -> str:
    """Return the text of a file in git's metadata; empty if it does not exist.

    Raise ValueError for files other than those that name the commit, the branch, the remote, the worktree and patterns.
    """
    if name not in _GIT_FILES and not name.startswith("refs/"):
        raise ValueError(name)
    return _metadata(os.path.join(folder, *name.split("/")))


def git_index(checkout: str) -> bytes:
    """Return the index of a checkout, which lists the tracked files; empty if it cannot be read."""
    file = os.path.join(git_folder(checkout), "index")
    try:
        return read_descriptor(open_at(real_path(file), file), _MAX_INDEX)
    except InputError:
        return b""


def shared_git_index(checkout: str, digest: str) -> bytes:
    """Return the shared index that the index of a checkout is based on; empty if it cannot be read."""
    file = os.path.join(git_folder(checkout), f"sharedindex.{digest}")
    try:
        return read_descriptor(open_at(real_path(file), file), _MAX_INDEX)
    except InputError:
        return b""


def _metadata(file: str) -> str:
    try:
        return read_descriptor(open_at(real_path(file), file), _MAX_METADATA).decode("utf-8", "replace")
    except InputError:
        return ""
