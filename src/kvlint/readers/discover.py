"""Paths on the command line -> the files to read, each under the name that reports call it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence

import msgspec

from kvlint.errors import InputError, UsageError
from kvlint.looks import LOOKS
from kvlint.readers.files import HELD, held
from kvlint.readers.repository import root_of

STDIN = "-"
STDIN_NAME = "stdin"
ENDINGS = (".json", ".jsonc", ".bicep", ".bicepparam", ".tf", ".tofu")
# Folders that hold copies of other people's code, or none at all.
SKIPPED = frozenset({".git", ".terraform", "node_modules", ".venv", "__pycache__"})


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file to read. ``file`` opens it, ``path`` names it in reports. ``asked``: the user named it itself."""

    file: str
    path: str
    asked: bool


def discover(paths: Sequence[str], exclude: Sequence[tuple[str, str]] = ()) -> tuple[list[Source], str]:
    """The sources that ``paths`` name, in a fixed order and each once, and the root that their names start from.

    ``exclude`` are globs, each with the folder that it starts from: what they are about is taken only if it is one of
    the ``paths``. Raises UsageError for a path that does not exist.
    """
    for path in paths:
        if path != STDIN and not os.path.lexists(path) and _real(path) not in HELD:
            hint = "give a plan, a template, a Terraform or Bicep file, a folder, or -"
            raise UsageError(f"'{path}' does not exist", hint)
    root = _root([path for path in paths if path != STDIN])
    found: dict[str, Source] = {}
    excluded = _excluding(exclude) if exclude else None
    for path in paths:
        if path == STDIN:
            found[STDIN] = Source(file=STDIN, path=STDIN_NAME, asked=True)
        elif os.path.isdir(path):
            closed: list[str] = []
            for file, real in _files(path, closed, excluded):
                found.setdefault(real, Source(file=file, path=_named(file, root), asked=False))
            for file in closed:
                found.setdefault(file, Source(file=file, path=_named(file, root), asked=True))
        else:
            file = os.path.realpath(path)
            found[file] = Source(file=file, path=_named(file, root), asked=True)
    return list(found.values()), root


def hold_stdin(name: str) -> None:
    """Let standard input stand for the file ``name``, wherever that is read; its folder has to exist.

    Raises UsageError for a name that is no file's.
    """
    import sys

    if os.path.isdir(name) or not os.path.isdir(os.path.dirname(name) or os.curdir):
        why = "it is a folder" if os.path.isdir(name) else "its folder does not exist"
        raise UsageError(f"--stdin-filename {name}: {why}", "name the file that standard input stands for")
    HELD[_real(name)] = sys.stdin.buffer.read() if sys.stdin is not None else b""


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


def read_source(source: Source) -> bytes:
    """The content of a source. Raises InputError if it cannot be read."""
    try:
        if source.file == STDIN:
            import sys

            return sys.stdin.buffer.read() if sys.stdin is not None else b""
        LOOKS.at(source.file)
        text = held(source.file)
        if text is not None:
            return text
        mode = os.stat(source.file).st_mode
        if stat.S_ISDIR(mode):
            os.listdir(source.file)  # a folder is a source only because it cannot be listed: this says why
        if not stat.S_ISREG(mode):
            raise InputError("not a file")
        with open(source.file, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise InputError("is too large for the memory of this machine") from error


def _excluding(exclude: Sequence[tuple[str, str]]) -> Callable[[str, bool], bool]:
    """Whether a glob is about a path whose folders none is about; the second argument: it is a folder."""
    from kvlint.globs import PathGlob

    globs = [(f"{os.path.realpath(folder).rstrip(os.sep)}{os.sep}", PathGlob(pattern)) for folder, pattern in exclude]

    def excluded(path: str, is_folder: bool) -> bool:
        return any(
            path.startswith(folder) and glob.is_about(path[len(folder) :].replace(os.sep, "/"), is_folder)
            for folder, glob in globs
        )

    return excluded


def _files(
    folder: str, closed: list[str], excluded: Callable[[str, bool], bool] | None = None
) -> Iterator[tuple[str, str]]:
    """All files below a folder that kvlint may understand, with their real paths; a folder that cannot be listed is
    added to ``closed``.

    Links to folders are not followed, so that no loop can arise.
    """
    waiting = [os.path.realpath(folder)]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            closed.append(here)
            continue
        folders: list[str] = []
        for entry in entries:
            # Of an entry that is no link the system has told already what it is.
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED and not (excluded and excluded(entry.path, True)):
                    folders.append(entry.path)
            elif entry.name.lower().endswith(ENDINGS) and _is_file(entry):
                if excluded and excluded(entry.path, False):
                    continue
                yield entry.path, os.path.realpath(entry.path) if entry.is_symlink() else entry.path
        waiting.extend(reversed(folders))


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _root(paths: Sequence[str]) -> str:
    roots = {root_of(path) for path in paths}
    return os.path.commonpath(roots) if roots else root_of(os.curdir)


def _named(file: str, root: str) -> str:
    below = root.rstrip(os.sep) + os.sep
    name = file[len(below) :] if file.startswith(below) else os.path.relpath(file, root)
    return name.replace(os.sep, "/")
