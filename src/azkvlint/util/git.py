"""Find the checkout of a folder, and write the files of one of its commits to another folder.

The checkout may be that of a pull request by an unknown contributor. Git does not track paths below ``.git``, so the
outermost ``.git`` on the way to a folder was created by the job; a folder inside the checkout can contain a repository
of its own (its files `HEAD`, `config` and `objects` are ordinary files), which is never used.

Git is started to read objects alone (``git cat-file --batch``), with the git directory and the work tree by their
paths, without the configuration of the user and the system, and without its environment variables. Reading objects
runs no filter, attribute, hook, file system monitor, diff driver or pager. Downloads of missing objects are disabled.
The identifier of a commit is the digest of everything in it and is verified, so it does not matter where git found the
objects (alternates, replacements, multi-pack indexes).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, NoReturn

from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.programs import running_program
from azkvlint.util.project_boundary import (
    absolute_path,
    is_within,
    leads_into_git,
    read_git_metadata,
    read_gitfile,
    real_path,
)
from azkvlint.util.project_files import special_file
from azkvlint.util.text import visible

# The limits of a commit: entries of all folders, bytes of all files, and bytes of an object that is held in memory.
MOST_ENTRIES, MOST_BYTES, _MOST_HELD = 500_000, 10_000_000_000, 64_000_000
_SECONDS = 900.0
_CHUNK = 1 << 20
_LONGEST_HEADER, _LONGEST_REVISION, LONGEST_SHOWN = 4_096, 500, 200
SHA1_BYTES, _LONGEST_MODE, _OCTAL = 20, 6, frozenset(b"01234567")
# Reading objects uses none of these but the last but one, which versions before 2.45 need in a partial clone.
_OPTIONS = {
    "core.attributesFile": "/dev/null",
    "core.commitGraph": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",
}
_VARIABLES = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": "/dev/null",
    "LC_ALL": "C",
}
# What git reads of a git directory; others, such as the socket of a file system monitor, may be there too.
_READ_BY_GIT = (
    "HEAD", "commondir", "config", "config.worktree", "gitdir", "info", "logs", "objects", "packed-refs", "refs",
    "reftable", "shallow",
)  # fmt: skip
NO_CHECKOUT_HINT = "check the repository out with git, and name its folder if it is not the workspace"


class Checkout(NamedTuple):
    """A checkout: its folder with links resolved, its git directory, and the path of a file or folder inside it.

    ``inside`` is separated by /, and is "." for the top folder.
    """

    top: str
    git_folder: str
    inside: str


class TreeEntry(NamedTuple):
    """A file, link, folder or submodule of a commit: its path, separated by /, its mode and its object."""

    path: bytes
    mode: int
    object: str


def find_checkout(workspace: str, path: str, checkout: str = "") -> Checkout | None:
    """Return the checkout of a path in the workspace of a job; None if there is none.

    It is the folder ``checkout`` of the workspace if that is named, and the outermost checkout on the way from the
    workspace to the path otherwise. Raise UsageError if the path is outside of it.
    """
    start = absolute_path(workspace)
    full = os.path.normpath(os.path.join(start, path))
    top = _named_checkout(start, checkout) if checkout else _outermost_checkout(start, full)
    if top is None:
        return None
    if not is_within(full, top):
        raise UsageError(f"`{visible(path)}` is outside of the checkout `{visible(top)}`")
    real = real_path(top)
    # The system resolves a link before the .. that follows it.
    target = real_path(os.path.join(start, path))
    if not is_within(target, real) or leads_into_git(target, real):
        raise UsageError(f"`{visible(path)}` leads out of the checkout, through a symbolic link or into `.git`")
    inside = os.path.relpath(full, top).replace(os.sep, "/")
    return Checkout(real, _git_folder(real), inside)


def require_no_links(checkout: Checkout, workspace: str, path: str) -> None:
    """Raise UsageError if a link of the checkout leads to the path: another commit has something else in its place."""
    place = os.path.normpath(os.path.join(checkout.top, checkout.inside))
    target = real_path(os.path.join(absolute_path(workspace), path))
    if os.path.normcase(target) != os.path.normcase(place):
        raise UsageError(
            f"`{visible(path)}` leads to `{visible(target)}`, through a symbolic link of the checkout",
            "name the folder or file itself",
        )


def _outermost_checkout(start: str, full: str) -> str | None:
    if not is_within(full, start):
        return None
    folder = start
    for name in ("", *os.path.relpath(full, start).split(os.sep)):
        folder = os.path.join(folder, name) if name not in ("", os.curdir) else folder
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
    return None


def _named_checkout(start: str, name: str) -> str:
    """Return the folder of a checkout that the job names. Raise UsageError if it is not one."""
    folder = os.path.normpath(os.path.join(start, name))
    if not is_within(folder, start):
        raise UsageError(f"the checkout `{visible(name)}` is outside of the workspace `{visible(start)}`")
    here = folder
    while here != start:
        if os.path.islink(here):
            raise UsageError(f"the checkout `{visible(name)}` is a symbolic link, or below one")
        here = os.path.dirname(here)
    if not os.path.lexists(os.path.join(folder, ".git")):
        raise UsageError(f"`{visible(name)}` is not a git checkout", NO_CHECKOUT_HINT)
    return folder


def _git_folder(top: str) -> str:
    """Return the git directory of a checkout. Raise UsageError for anything but a repository or a worktree of one.

    The `.git` of a worktree is a file, and its git directory names that file. That of a submodule does not.
    """
    dotgit = os.path.join(top, ".git")
    if os.path.islink(dotgit):
        raise UsageError(f"`{visible(dotgit)}` is a symbolic link")
    if os.path.isdir(dotgit):
        return dotgit
    named = read_gitfile(dotgit)
    folder = real_path(os.path.join(top, named)) if named else ""
    back = read_git_metadata(folder, "gitdir").strip() if folder else ""
    if not back or real_path(os.path.join(folder, back)) != real_path(dotgit):
        raise UsageError(f"`{visible(dotgit)}` is not the `.git` of a repository or of one of its worktrees")
    return folder


def git_command(checkout: Checkout, *words: str) -> list[str]:
    """Return a command of git for a checkout. Raise InputError if git is not installed."""
    options = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
    folders = (f"--git-dir={checkout.git_folder}", f"--work-tree={checkout.top}")
    return [_program(checkout.top), "--no-pager", *folders, *options, *words]


def git_environment(program: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of git: its own variables, and what the system needs to start a program."""
    system = {name: environment[name] for name in ("SYSTEMROOT", "WINDIR") if name in environment}
    return {**system, **_VARIABLES, "PATH": os.path.dirname(program)}


def _program(top: str) -> str:
    """Return the path of git. A folder of PATH that is relative, or in the checkout, is not searched."""
    name = "git.exe" if os.name == "nt" else "git"
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(folder, name)
        if not os.path.isabs(folder) or not os.path.isfile(program) or not os.access(program, os.X_OK):
            continue
        if not is_within(absolute_path(program), top) and not is_within(real_path(program), top):
            return program
    raise InputError("git is not installed", "install git, or add its folder to PATH")


@contextmanager
def reading_objects(checkout: Checkout) -> Iterator[Objects]:
    """Yield the objects of a checkout, which git reads until the block ends. Raise InputError without git."""
    with running_git(checkout, "cat-file", "--batch") as (requests, answers):
        yield Objects(requests, answers)


@contextmanager
def running_git(checkout: Checkout, *words: str) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Yield standard input and output of a command of git that reads the repository of a checkout."""
    _refuse_special_files(checkout)
    command = git_command(checkout, *words)
    environment = git_environment(command[0], os.environ)
    try:
        with running_program(command, checkout.git_folder, environment, _SECONDS) as streams:
            yield streams
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror}") from error


def common_folder(checkout: Checkout) -> str:
    """Return the git directory that all worktrees of a repository share."""
    return os.path.join(checkout.git_folder, read_git_metadata(checkout.git_folder, "commondir").strip())


def _refuse_special_files(checkout: Checkout) -> None:
    """Raise InputError if what git reads of a repository has a named pipe or device: git would wait for it."""
    folders = dict.fromkeys((checkout.git_folder, common_folder(checkout)))
    found = special_file(os.path.join(folder, name) for folder in folders for name in _READ_BY_GIT)
    if found:
        raise InputError(f"`{visible(found)}` is a named pipe, socket or device, for which git would wait", "remove it")


class Objects:
    """The objects of a checkout, which ``git cat-file --batch`` reads and this class verifies."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers

    def commit(self, revision: str) -> tuple[str, str]:
        """Return the identifiers of a commit and of its top folder. Raise UsageError if it does not exist."""
        found = self.find_commit(revision)
        if found is None:
            raise _no_commit(revision)
        return found

    def find_commit(self, revision: str) -> tuple[str, str] | None:
        """Return the identifiers of a commit and of its top folder; None if there is no such commit."""
        is_name = 0 < len(revision) <= _LONGEST_REVISION and revision.isprintable() and revision[0] != "-"
        found = self._header(f"{revision}^{{commit}}") if is_name else None
        if found is None:
            return None
        commit, kind, size = found
        name, _, tree = self._whole(commit, kind, size, "commit").partition(b"\n")[0].partition(b" ")
        if name != b"tree" or len(tree) != len(commit):
            fail(f"the commit {commit} is damaged")
        return commit, tree.decode("ascii", "replace")

    def lines_of_commit(self, identifier: str) -> list[bytes] | None:
        """Return the lines of a commit before its message; None if the checkout does not have it."""
        found = self._header(identifier)
        if found is None or found[0] != identifier:
            return None
        return self._whole(*found, "commit").partition(b"\n\n")[0].split(b"\n")

    def folder(self, identifier: str) -> Iterator[tuple[bytes, int, str]]:
        """Yield the name, the mode and the object of each entry of a folder."""
        kind, size = self._required_header(identifier)
        data = self._whole(identifier, kind, size, "tree")
        length, at = len(identifier) // 2, 0
        while at < len(data):
            mode = data[at : at + _LONGEST_MODE + 1].partition(b" ")[0]
            name, end = at + len(mode) + 1, data.find(b"\0", at)
            is_mode = 0 < len(mode) <= _LONGEST_MODE and _OCTAL.issuperset(mode)
            if not is_mode or not name <= end < len(data) - length:
                fail(f"the folder {identifier} of the commit is damaged")
            at = end + 1 + length
            yield data[name:end], int(mode, 8), data[end + 1 : at].hex()

    def file(self, identifier: str, use: Callable[[int], object]) -> Iterator[bytes]:
        """Yield the content of a file in parts; ``use`` gets its size first, and may refuse it."""
        kind, size = self._required_header(identifier)
        if kind != "blob":
            fail(f"the object {identifier} of the commit is not a file")
        use(size)
        yield from self._content(identifier, kind, size)

    def _whole(self, identifier: str, kind: str, size: int, expected: str) -> bytes:
        if kind != expected or size > _MOST_HELD:
            fail(f"the object {identifier} of the commit is not a {expected}, or larger than {_MOST_HELD:,} bytes")
        return b"".join(self._content(identifier, kind, size))

    def _required_header(self, identifier: str) -> tuple[str, int]:
        found = self._header(identifier)
        if found is None or found[0] != identifier:
            raise InputError(
                f"the object {identifier} of the commit is not in the checkout",
                "fetch it before: a partial clone has only the objects of the commits that it checked out",
            )
        return found[1:]

    def _header(self, name: str) -> tuple[str, str, int] | None:
        """Return the identifier, the kind and the size of an object; None if it does not exist or is ambiguous."""
        try:
            self._requests.write(os.fsencode(name) + b"\n")
            self._requests.flush()
            header = self._answers.readline(_LONGEST_HEADER)
        except (OSError, ValueError):
            header = b""
        if not header.endswith(b"\n"):
            fail("git cannot read the repository of the checkout")
        words = header.decode("ascii", "replace").split()
        if len(words) != 3 or words[1] not in ("commit", "tree", "blob", "tag") or not words[2].isdigit():
            return None
        return words[0], words[1], int(words[2])

    def _content(self, identifier: str, kind: str, size: int) -> Iterator[bytes]:
        """Yield the content of an object whose header was read. Raise InputError if it is not what it is named by."""
        import hashlib

        digest = hashlib.new("sha1" if len(identifier) == SHA1_BYTES * 2 else "sha256", usedforsecurity=False)
        digest.update(f"{kind} {size}\0".encode())
        left = size
        while left:
            part = self._answers.read(min(left, _CHUNK))
            if not part:
                fail("git cannot read the repository of the checkout")
            left -= len(part)
            digest.update(part)
            yield part
        if self._answers.read(1) != b"\n" or digest.hexdigest() != identifier:
            fail(f"the object {identifier} of the commit is damaged")


def _no_commit(revision: str) -> UsageError:
    return UsageError(
        f"`{visible(revision)}` is not a commit of the checkout", "fetch it before: a clone may be shallow"
    )


def fail(message: str) -> NoReturn:
    """Raise InputError for an object of the repository that is missing or damaged."""
    raise InputError(message)
