"""The merge base of two commits is one that git computes, however the times of the commits are."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from azkvlint.util.errors import UsageError
from azkvlint.util.git import find_checkout, reading_objects
from azkvlint.util.git_history import merge_base, names_of
from tests.util.test_git import git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    return tmp_path


def history(folder: Path, seed: int, size: int, skew: int) -> list[str]:
    """Commits with up to three parents, whose times are in order but for the ``skew``."""
    chance = random.Random(seed)  # noqa: S311
    empty = git(folder, "hash-object", "-t", "tree", "-w", "--stdin")
    found: list[str] = []
    for number in range(size):
        count = min(len(found), chance.choice((0, 1, 1, 1, 1, 2, 2, 3) if number > 2 else (0, 1)))
        parents = chance.sample(found[-6:], min(count, len(found[-6:])))
        words = [word for parent in parents for word in ("-p", parent)]
        day = f"{1_700_000_000 + number * 100 + chance.randint(-skew, skew)} +0000"
        env = {"GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
        found.append(git(folder, "commit-tree", *words, "-m", str(number), empty, env=env))
    return found


@pytest.mark.parametrize(("seed", "skew"), [(1, 0), (2, 0), (3, 0), (4, 5_000), (5, 5_000)])
def test_merge_base_is_that_of_git(seed: int, skew: int, repository: Path) -> None:
    commits = history(repository, seed, 30, skew)
    checkout = find_checkout(str(repository), ".")
    assert checkout is not None
    chance = random.Random(seed)  # noqa: S311
    with reading_objects(checkout) as objects:
        for _ in range(15):
            one, other = chance.choice(commits), chance.choice(commits)
            try:
                expected = git(repository, "merge-base", "--all", one, other).split()
            except CalledProcessError:
                expected = []
            if expected:
                assert merge_base(objects, checkout, one, other, "x") in expected
            else:
                with pytest.raises(UsageError, match="no commit in common"):
                    merge_base(objects, checkout, one, other, "x")


def test_names_are_resolved_as_by_git(repository: Path) -> None:
    (commit,) = history(repository, 0, 1, 0)
    for name in ("refs/heads/main", "refs/heads/a/b", "refs/remotes/origin/main", "refs/tags/v1", "refs/notes/x"):
        git(repository, "update-ref", name, commit)
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    checkout = find_checkout(str(repository), ".")
    assert checkout is not None
    assert names_of(checkout) == ["HEAD", "a/b", "main", "origin/main", "v1"]
