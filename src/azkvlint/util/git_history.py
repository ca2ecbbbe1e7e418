"""Find the commit with which a pull request is compared: the names of a checkout, and the merge base of two commits.

Every commit that is read is verified, as in ``git``. The names are listed by ``git for-each-ref``, which starts no
other program for names alone, and reads all forms in which git keeps them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from azkvlint.util.errors import InputError, UsageError, did_you_mean
from azkvlint.util.git import Checkout, Objects, common_folder, running_git
from azkvlint.util.text import visible

_MOST_NAMES, _MOST_BYTES = 20_000, 4_000_000
_MOST_COMMITS = 500_000
# The marks of a commit: it is part of the history of one commit, of the other, or of a common one.
_ONE, _OTHER, _COMMON = 1, 2, 4
_BOTH = _ONE | _OTHER
_COMMIT_ITSELF = "--no-merge-base compares with the commit itself"
# They search the history or name a file, so no commit that a person compares with is written in this way.
# What can follow a name in a revision.
_MARKS = ("..", ":", "^", "~", "@{", " ")
_REFLOG = "@{"
_NOT_OF_NAMES = (":", "{/", "..")


def names_of(checkout: Checkout) -> list[str]:
    """Return the names of the branches and tags of a checkout, as a person writes them, the first ones of them."""
    words = ("for-each-ref", f"--count={_MOST_NAMES}", "--format=%(refname)", "refs/heads", "refs/remotes", "refs/tags")
    with running_git(checkout, *words) as (_, answers):
        lines = answers.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
    found = (line.split("/", 2)[2] for line in lines if line.count("/") > 1)
    return ["HEAD", *dict.fromkeys(name for name in found if not name.endswith("/HEAD"))]


def find_revision(objects: Objects, checkout: Checkout, revision: str) -> tuple[str, str]:
    """Return the identifiers of a commit and of its top folder. Raise UsageError with the nearest names without one."""
    is_name = not any(one in revision for one in _NOT_OF_NAMES)
    try:
        found = objects.find_commit(revision) if is_name else None
    except InputError:
        if _REFLOG not in revision:
            raise
        found = None  # git ends if the log does not have such an entry
    if found is None:
        hint = (
            nearest(revision, names_of(checkout))
            or "name a branch, a tag or a commit; `git fetch origin` gets those that only the remote has"
        )
        raise UsageError(f"`{visible(revision)}` is not a commit of the checkout `{visible(checkout.top)}`", hint)
    return found


def nearest(revision: str, names: Iterable[str]) -> str:
    """Return a hint with the name that is closest to that of a revision, or an empty string."""
    for mark in _MARKS:
        revision = revision.partition(mark)[0] or revision
    return did_you_mean(visible(revision), [visible(name) for name in names])


def merge_base(objects: Objects, checkout: Checkout, one: str, other: str, name: str) -> str:
    """Return the newest commit that the histories of two commits have in common, as a pull request shows it.

    ``name`` is that of the first commit. Raise UsageError if there is none, or if the checkout lacks the commits that
    decide it.
    """
    marks, common, missing = _marked(objects, one, other)
    found = [commit for commit in common if not marks[commit] & _COMMON]
    for commit in (one, other):
        if commit in found:
            return commit
    if any(not mark & _COMMON for mark in missing.values()):
        is_shallow = os.path.isfile(os.path.join(common_folder(checkout), "shallow"))
        get = "git fetch --unshallow" if is_shallow else "git fetch origin"
        raise UsageError(
            f"the checkout does not have the commits that decide where `{visible(name)}` and HEAD meet"
            f"{': it is a shallow clone' if is_shallow else ''}",
            f"run `{get}` before (in a pipeline: fetch-depth: 0); {_COMMIT_ITSELF}",
        )
    if not found:
        raise UsageError(f"`{visible(name)}` and HEAD have no commit in common", _COMMIT_ITSELF)
    return found[0]


def _marked(objects: Objects, one: str, other: str) -> tuple[dict[str, int], list[str], dict[str, int]]:
    """Return the marks of the commits, the common ones from the newest on, and the marks of missing ones.

    Commits are read from the newest on, until only ancestors of common ones are left.
    """
    marks: dict[str, int] = {}
    missing: dict[str, int] = {}
    read: dict[str, tuple[int, list[str]]] = {}
    common: list[str] = []
    waiting: list[tuple[int, str]] = []
    # The commits in the queue that are not known to be ancestors of a common one.
    open_: set[str] = set()

    def mark(commit: str, new: int) -> None:
        if commit in missing:
            missing[commit] |= new
            return
        if commit not in read:
            lines = objects.lines_of_commit(commit)
            if lines is None:
                missing[commit] = new
                return
            read[commit] = _time_of(lines), list(_parents_of(lines))
            if len(read) > _MOST_COMMITS:
                raise InputError(f"the histories differ in more than {_MOST_COMMITS:,} commits", _COMMIT_ITSELF)
        old = marks.get(commit, 0)
        if old | new != old:
            marks[commit] = old | new
            heappush(waiting, (-read[commit][0], commit))
            (open_.discard if marks[commit] & _COMMON else open_.add)(commit)

    mark(one, _ONE)
    mark(other, _OTHER)
    while open_:
        _, commit = heappop(waiting)
        open_.discard(commit)
        found = marks[commit]
        if found & _BOTH == _BOTH:
            if commit not in common and not found & _COMMON:
                common.append(commit)
            found |= _COMMON
        for parent in read[commit][1]:
            mark(parent, found)
    return marks, common, missing


def _parents_of(lines: list[bytes]) -> Iterator[str]:
    """Yield the parents of a commit, which follow its top folder."""
    for line in lines[1:]:
        name, _, value = line.partition(b" ")
        if name != b"parent":
            return
        yield value.decode("ascii", "replace")


def _time_of(lines: list[bytes]) -> int:
    """Return the time of a commit in seconds; 0 if it has none."""
    line = next((line for line in lines if line.startswith(b"committer ")), b"")
    words = line.rpartition(b">")[2].split()
    return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 20 else 0
