"""The index of git, in each of its forms, as git itself writes them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from azkvlint.util.git_index import LINK, SUBMODULE, TrackedFiles

GIT = shutil.which("git") or "git"
NAMES = frozenset({".venv", "node_modules"})
FILES = ("main.tf", ".venv/prod/main.tf", ".venv/prod/x.tf", ".venv-other/main.tf", "app/node_modules/a/b.json")


def git(folder: Path, *words: str) -> None:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
    }  # fmt: skip
    subprocess.run((GIT, *words), cwd=folder, env=environment, check=True, capture_output=True)


def repository(folder: Path, *options: str) -> Path:
    git(folder, "init", "-q", *options)
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".venv/link").symlink_to("../hidden")
    git(folder, "add", "-f", ".")
    return folder


def paths(folder: Path, below: str) -> list[str] | None:
    entries = TrackedFiles(str(folder), NAMES).below(str(folder / below))
    return None if entries is None else [entry.path for entry in entries]


FORMS = {
    "version 2": (("update-index", "--index-version", "2"),),
    "version 3": (("add", "-N", "-f", "later.tf"), ("update-index", "--skip-worktree", "main.tf")),
    "version 4": (("update-index", "--index-version", "4"),),
    "split": (("update-index", "--split-index"), ("add", "-f", "later.tf")),
    "split, in version 4": (("update-index", "--index-version", "4"), ("update-index", "--split-index")),
    "with an untracked cache": (("update-index", "--force-untracked-cache"),),
}


@pytest.mark.parametrize("objects", ["sha1", "sha256"])
@pytest.mark.parametrize("form", FORMS)
def test_tracked_files_are_known_with_every_form_of_the_index(form: str, objects: str, tmp_path: Path) -> None:
    folder = repository(tmp_path, f"--object-format={objects}")
    (folder / "later.tf").write_text("")
    for command in FORMS[form]:
        git(folder, *command)
    assert paths(folder, ".venv") == [".venv/link", ".venv/prod/main.tf", ".venv/prod/x.tf"]
    assert paths(folder, "app/node_modules") == ["app/node_modules/a/b.json"]
    assert paths(folder, "node_modules") == []
    index = TrackedFiles(str(folder), NAMES)
    assert [entry.type == LINK for entry in index.below(str(folder / ".venv")) or ()] == [True, False, False]
    assert index.tracks(str(folder / ".venv/link"))
    assert not index.tracks(str(folder / ".venv/other"))


def test_sparse_index_leaves_the_files_in_its_folders_unknown(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    git(folder, "commit", "-qm", "x")
    git(folder, "sparse-checkout", "set", "--cone", "--sparse-index", "app")
    assert paths(folder, ".venv") is None
    assert paths(folder, "app/node_modules") == ["app/node_modules/a/b.json"]


def test_a_submodule_is_an_entry_of_its_own(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    commit = "1" * 40
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{commit},.venv/module")
    found = TrackedFiles(str(folder), NAMES).below(str(folder / ".venv")) or []
    assert [entry.path for entry in found if entry.type == SUBMODULE] == [".venv/module"]


def test_without_an_index_nothing_is_tracked(tmp_path: Path) -> None:
    assert paths(tmp_path, ".venv") == []
    assert not TrackedFiles(str(tmp_path), NAMES).exists


@pytest.mark.parametrize("version", ["2", "4"])
def test_damaged_index_excludes_no_file(version: str, tmp_path: Path) -> None:
    folder = repository(tmp_path)
    git(folder, "update-index", "--index-version", version)
    file = folder / ".git" / "index"
    data = file.read_bytes()
    whole = paths(folder, ".venv")
    for changed in (
        b"DIRC", b"DIRX" + data[4:], data[:7] + b"\x09" + data[8:], data[: len(data) // 2],
        data[:8] + b"\xff" * 4 + data[12:], b"DIRC" + b"\0" * 40, data[:60] + b"\xff" * 40 + data[100:],
    ):  # fmt: skip
        file.write_bytes(changed)
        assert paths(folder, ".venv") is None
    for at in range(12, len(data), 7):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        found = paths(folder, ".venv")
        assert found is None or len(found) <= len(whole or ()) + 1
