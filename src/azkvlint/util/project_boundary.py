"""The boundaries of what a run may read, and the opening of paths within them.

A file is read only if its real path is in the checkout of the input, and not below a ``.git`` folder. Outside of any
checkout the boundary is the folder that the command line names, or the current folder if that holds it. Links are
followed inside the boundary only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from azkvlint.util.errors import InputError, UsageError

_MAX_METADATA = 16 * 1024 * 1024  # packed-refs of the largest repositories are smaller
_GIT_FILES = frozenset({"HEAD", "commondir", "config", "packed-refs"})
OUTSIDE = "it is a symbolic link that leads out of the project"
INTO_GIT = "it is a symbolic link into a .git folder"
USE_A_COPY = "replace the link with the file itself"
INVALID_PATH = "no file can have this path"
_NOT_REGULAR = "it is not a regular file"
_BROKEN_LINK = "it is a symbolic link that leads nowhere"
# Flags that a platform does not have are 0. O_NONBLOCK: opening a pipe must not wait for its other end.
NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
COMMON: int = NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
READ: int = os.O_RDONLY | COMMON | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
# What systems report for a link that is not followed.
IS_LINK = frozenset({errno.ELOOP, errno.EMLINK})
# Characters that some file systems ignore in names.
_IGNORED = dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))


class _Run:
    """What the command line of the current run names, and what is known of the folders that it reads."""

    def __init__(self) -> None:
        self.reset()

    def reset(
        self,
        roots: Iterable[str] = (),
        named: frozenset[str] = frozenset(),
        outputs: dict[tuple[int, int], str] | None = None,
    ) -> None:
        """Forget the last run."""
        self.roots = set(roots)
        self.named = named
        self.outputs = outputs or {}
        self.cached: set[str] = set()
        self.boundaries: dict[str, str] = {}
        self.folders: dict[str, str] = {}


RUN = _Run()
"""One process makes one run at a time."""


def begin_run(paths: Iterable[str], named: Iterable[str] = (), outputs: Iterable[str] = ()) -> None:
    """Set what the following reads may read: the checkouts of ``paths``, and the files ``named``, wherever they are.

    None of them may be one of the ``outputs``.
    """
    named, paths = list(named), [path for path in paths if path != "-"]
    states = ((file, file_state(file)) for file in outputs)
    read = (
        set(map(root_of, paths)) or {root_of(os.curdir)},
        frozenset((*named, *map(named_path, paths), *map(named_path, named))),
        {(found.st_dev, found.st_ino): file for file, found in states if found is not None},
    )
    RUN.reset(*read)


def add_root(folder: str) -> None:
    """Allow reading in a folder that the user chose in another way, such as the current one."""
    if RUN.roots and folder not in RUN.roots:
        RUN.roots.add(folder)
        RUN.boundaries.clear()


def roots() -> list[str]:
    """Return the folders that the run may read in."""
    return sorted(RUN.roots)


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


def expand_home(path: str) -> str:
    """Return a path with ``~`` replaced by the user's home."""
    try:
        return os.path.expanduser(path)
    except ValueError:
        return path


def is_within(path: str, folder: str) -> bool:
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
    return os.path.lexists(dotgit) and is_within(path, real_path(git_folder(folder)))


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
    return here if is_within(folder, here) else folder


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
    is_outside = checkout is not None and (not is_within(real, checkout) or leads_into_git(real, checkout))
    if os.path.lexists(real) and not is_outside:
        return real
    return os.path.join(folder, os.path.basename(path))


def boundary_of(folder: str) -> str:
    """Return the folder that links in ``folder`` (real) may not leave; empty where the run may not read at all.

    It is the checkout, the outermost one of submodules; outside of any checkout the folder that the run starts from.
    """
    if not RUN.roots:
        found = RUN.boundaries.get(folder)
        if found is None:
            found = RUN.boundaries[folder] = root_of(folder)
        return found
    below: list[str] = []
    while folder not in RUN.boundaries:
        above = os.path.dirname(folder)
        if folder in RUN.roots or above == folder:
            RUN.boundaries[folder] = folder if folder in RUN.roots else ""
            break
        below.append(folder)
        folder = above
    found = RUN.boundaries[folder]
    for here in reversed(below):
        if found and _is_checkout(here) and not _is_checkout(found):
            found = here
        RUN.boundaries[here] = found
    return found


def below_named(path: str) -> str:
    """Return the part of a real path that is below the innermost folder on its way that the command line names.

    That is the path itself where the command line names none.
    """
    folder = path
    while folder not in RUN.named:
        above = os.path.dirname(folder)
        if above == folder:
            return path
        folder = above
    return path[len(folder) :]


def _is_checkout(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, ".git"))


def enter_folder(folder: str) -> str:
    """Return the real path of a folder of the project. Raises InputError if the run may not read there.

    Each folder is resolved once; its entries are then opened without following links.
    """
    real = RUN.folders.get(folder)
    if real is None:
        real = real_path(folder)
        boundary = boundary_of(real)
        if not boundary or leads_into_git(real, boundary):
            raise InputError("it lies outside the project")
        RUN.folders[folder] = real
    return real


def follow_link(link: str, boundary: str) -> str:
    """Return where a link leads. Raises InputError if that is out of the boundary, or in ``.git``."""
    target = real_path(link)
    if not boundary or not is_within(target, boundary):
        raise InputError(OUTSIDE, USE_A_COPY)
    if leads_into_git(target, boundary):
        raise InputError(INTO_GIT, USE_A_COPY)
    return target


def open_named(file: str) -> int:
    """Open a regular file that the user names, wherever it is: only a link into ``.git`` is refused."""
    real = real_path(file)
    if os.path.islink(file):
        checkout = checkout_of(os.path.dirname(real))
        if leads_into_git(real, checkout or ""):
            raise InputError(INTO_GIT, USE_A_COPY)
    return open_at(real, file)


def open_below(full: str, boundary: str) -> int:
    """Open a regular file whose folder is resolved. If it is a link, it may not leave the boundary."""
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
    """Open the regular file at a resolved path; ``file`` is the path that leads there."""
    try:
        descriptor = os.open(real, READ)
    except OSError as error:
        raise open_fault(error, file) from error
    except ValueError as error:
        raise InputError(INVALID_PATH) from error
    return check_opened(descriptor, real)


def check_opened(descriptor: int, real: str) -> int:
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


def open_fault(error: OSError, file: str) -> InputError:
    """Return what to report of a file that cannot be opened."""
    if os.path.isdir(file) and not os.path.islink(file):
        return InputError("it is a folder")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, *IS_LINK):
        return InputError(_BROKEN_LINK if os.path.islink(file) else "there is no such file")
    if error.errno == errno.ENXIO:
        return InputError(_NOT_REGULAR)
    return InputError(f"it cannot be read: {error.strerror}")


def read_descriptor(descriptor: int, limit: int) -> bytes:
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


def file_state(file: str) -> os.stat_result | None:
    """Return the state of a file; None if there is none."""
    try:
        return os.stat(file)
    except (OSError, ValueError):
        return None


def refuse_as_output(file: str) -> None:
    """Raise UsageError if an input is also the file that a report is to be written to."""
    if RUN.outputs:
        found = file_state(file)
        if found is not None:
            refuse_state(found)


def refuse_state(found: os.stat_result) -> None:
    """Raise UsageError if a file of this state is one that a report is to be written to."""
    output = RUN.outputs.get((found.st_dev, found.st_ino))
    if output is not None:
        raise UsageError(f"'{output}' is an input of this run, so it is not overwritten", "write to another file")


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
        return read_descriptor(open_at(real_path(file), file), _MAX_METADATA).decode("utf-8", "replace")
    except InputError:
        return ""
