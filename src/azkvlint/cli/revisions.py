"""Commits as BASE of ``kvlint diff``: which word names one, and its files in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from azkvlint.config.arguments import Arguments
from azkvlint.linter.git_checkout import remote
from azkvlint.readers.discover import STDIN
from azkvlint.util.commit_files import write_files
from azkvlint.util.errors import InputError, KvlintError, UsageError
from azkvlint.util.git import NO_CHECKOUT_HINT, Checkout, find_checkout, reading_objects
from azkvlint.util.git_history import find_revision, merge_base, names_of, nearest
from azkvlint.util.output_files import StagingFolder, make_folders
from azkvlint.util.project_boundary import checkout_of, is_within, leads_into_git, real_path
from azkvlint.util.text import visible

_HEAD = "HEAD"
_SHORT = 12
_TWO_INPUTS = "write `kvlint diff BASE HEAD`, `kvlint diff --base REV [PATH]` or `kvlint diff plan.json`"


class Commit(NamedTuple):
    """A commit as BASE: its name as the user wrote it, and what it is, in words.

    ``top`` is the checkout, and ``copy`` the folder with the files of the commit.
    """

    name: str
    identifier: str
    text: str
    top: str
    copy: str

    def with_names_of_git(self, text: str) -> str:
        """Return a text in which the files of the commit have the names of git: ``origin/main:kvlint.toml``."""
        for folder in (self.copy, os.path.relpath(self.copy)):
            text = text.replace(f"{visible(folder)}{os.sep}", f"{visible(self.name)}:")
        return text


def with_revision(arguments: Arguments) -> Arguments:
    """Return the arguments with the commit that ``--base`` or the first word names, and the paths to compare.

    A word is a path if there is one. Raise UsageError if it may be a commit as well.
    """
    words = arguments.paths
    if arguments.base_revision:
        if len(words) > 1:
            raise UsageError(f"--base compares one path with a commit, not {len(words)}", _TWO_INPUTS)
        return msgspec.structs.replace(arguments, paths=words or (os.curdir,))
    if arguments.no_merge_base or "base_revision" in arguments.explicit_fields:
        raise UsageError("--base requires the name of a commit", "write --base origin/main, for example")
    if not words:
        raise UsageError("missing argument BASE", _TWO_INPUTS)
    first, path = words[0], words[1] if len(words) > 1 else os.curdir
    _refuse_commit(path)
    if not _may_be_name(first):
        return arguments
    is_path = os.path.lexists(first)
    checkout = _checkout_of(path)
    names = [] if checkout is None else _names(checkout)
    if checkout is None or not names:
        return arguments
    if is_path and first in names:
        word = visible(first)
        raise UsageError(
            f"`{word}` is a path and a commit",
            f"write `./{word}` for the path, or `--base {word}` for the commit",
        )
    if is_path:
        return arguments
    if not _is_commit(checkout, first):
        hint = nearest(first, names) or _TWO_INPUTS
        raise UsageError(f"'{visible(first)}' is neither a path nor a commit of `{visible(checkout.top)}`", hint)
    return msgspec.structs.replace(arguments, base_revision=first, paths=(path,))


def _refuse_commit(path: str) -> None:
    """Raise UsageError if HEAD is not a path, but a commit."""
    checkout = _checkout_of(os.curdir) if _may_be_name(path) and not os.path.lexists(path) else None
    if checkout is not None and _names(checkout) and _is_commit(checkout, path):
        word = visible(path)
        write = f"`kvlint git-base --revision {word} --output FOLDER -- .` writes its files to a folder"
        raise UsageError(f"`{word}` is a commit, and HEAD must be a path", write)


def _may_be_name(word: str) -> bool:
    """Return whether a word may name a commit: anything but a path that is written as one, or standard input."""
    is_path = word.startswith((os.curdir, "/", os.sep, "~")) or word.endswith(("/", os.sep)) or os.path.isabs(word)
    return bool(word) and word != STDIN and not is_path


def _names(checkout: Checkout) -> list[str]:
    """Return the names of branches and tags of a checkout; none without git."""
    try:
        return names_of(checkout)
    except InputError:
        return []


def _is_commit(checkout: Checkout, word: str) -> bool:
    """Return whether a word names a commit."""
    try:
        with reading_objects(checkout) as objects:
            find_revision(objects, checkout, word)
    except UsageError:
        return False
    return True


def _checkout_of(path: str) -> Checkout | None:
    """Return the checkout that contains a path, whatever links lead to it; None if there is none that can be read."""
    try:
        return _checkout_around(path)
    except (InputError, UsageError):
        return None


def _checkout_around(path: str) -> Checkout | None:
    real = real_path(path)
    top = checkout_of(real if os.path.isdir(real) else os.path.dirname(real))
    return None if top is None else find_checkout(top, real)


@contextmanager
def commit_of(arguments: Arguments) -> Iterator[tuple[Sequence[str], Commit | None]]:
    """Yield the inputs to compare, and the commit that is BASE. Its files are removed when the block ends."""
    if not arguments.base_revision:
        yield arguments.paths, None
        return
    (path,) = arguments.paths
    if path == STDIN or not os.path.lexists(path):
        raise UsageError(f"'{visible(path)}' does not exist", "name a file or a folder of the checkout after --base")
    checkout = _checkout_around(path)
    if checkout is None:
        raise UsageError(f"'{visible(path)}' is not in a git checkout", NO_CHECKOUT_HINT)
    staging = StagingFolder()
    try:
        commit = _write(checkout, arguments, os.path.join(staging.path, "base"))
        copy = real_path(os.path.join(commit.copy, *checkout.inside.split("/")))
        if not is_within(copy, commit.copy) or leads_into_git(copy, commit.copy):
            raise UsageError(f"'{visible(path)}' is a symbolic link in {commit.text}, which leads out of the checkout")
        if not os.path.exists(copy):
            _make_empty(copy, path, commit)
        with _in_words_of(commit):
            yield (copy, path), commit
    finally:
        staging.remove()


@contextmanager
def _in_words_of(commit: Commit) -> Iterator[None]:
    """Name files of the commit in errors as git does, not by their temporary paths."""
    try:
        yield
    except KvlintError as error:
        error.message = commit.with_names_of_git(error.message)
        raise


def _make_empty(copy: str, path: str, commit: Commit) -> None:
    """Make a folder that the commit does not have: everything in HEAD is new. Raise UsageError for a file."""
    if not os.path.isdir(path):
        raise UsageError(f"'{visible(path)}' is not in {commit.text}", "compare a folder, in which the file is new")
    try:
        make_folders(copy)
    except OSError as error:  # a file of the commit is in its place
        raise UsageError(f"'{visible(path)}' is not a folder in {commit.text}") from error


def _write(checkout: Checkout, arguments: Arguments, target: str) -> Commit:
    revision = arguments.base_revision
    with reading_objects(checkout) as objects:
        named = identifier, _ = find_revision(objects, checkout, revision)
        text = f"`{visible(revision)}`"
        if not arguments.no_merge_base:
            head, _ = find_revision(objects, checkout, _HEAD)
            meeting = merge_base(objects, checkout, identifier, head, revision)
            if meeting != identifier:
                named, text = objects.commit(meeting), f"where `{visible(revision)}` and HEAD meet"
        address, _ = remote(checkout.top)
        write_files(objects, named, target, address)
    return Commit(revision, named[0], f"{named[0][:_SHORT]} ({text})", checkout.top, real_path(target))
