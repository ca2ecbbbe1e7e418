"""Inputs that are pipes, too long, or gone: each ends with an exit code and one line."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.watch import Watch
from azkvlint.readers import discover
from azkvlint.util.errors import UsageError

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pipes in folders on Windows")


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "test", "pipe"),
        ("rules", "--rules", "pipe"),
        ("good.json", "--rules", "pipe"),
        ("good.json", "--var-file", "pipe"),
        ("good.json", "--baseline", "pipe"),
        ("good.json", "--config", "pipe"),
        ("graph", "pipe"),
        ("pipe",),
    ],
)
def test_a_pipe_does_not_block(kvlint: Kvlint, words: tuple[str, ...]) -> None:
    os.mkfifo("pipe")
    said = kvlint(*words)
    assert said.code in (2, 3)
    assert "internal error" not in said.out + said.err


def test_a_pipe_among_rules_does_not_block(kvlint: Kvlint) -> None:
    Path("own").mkdir()
    os.mkfifo("own/ORG-1-x.yaml")
    said = kvlint("good.json", "--rules", "own")
    assert (said.code, said.err) == (
        3, "kvlint: error: own/ORG-1-x.yaml:1:1: the file cannot be read: the path is not a regular file\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "limit"), [(("-",), "MAX_INPUT"), (("-", "--stdin-filename", "main.tf"), "MAX_FILE")]
)
def test_standard_input_has_a_limit(
    monkeypatch: pytest.MonkeyPatch, kvlint: Kvlint, words: tuple[str, ...], limit: str
) -> None:
    monkeypatch.setattr(discover, limit, 1000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"#" * 1001)))
    said = kvlint(*words)
    assert said.code == 3
    assert "the file is larger than 1,000 bytes" in said.out + said.err


def test_files_have_the_same_limit(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "MAX_INPUT", 100)
    said = kvlint("bad.json")
    assert said.code == 3
    assert "the file is larger than 100 bytes" in said.out


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"


@pytest.mark.parametrize(
    "name",
    [
        "b.tf",
        "b.tf.json",
        "b.tofu",
        "terraform.tfvars",
        "b.bicep",
        "b.bicepparam",
        "b.json",
        "b.jsonc",
        "terragrunt.hcl",
    ],
)
def test_a_pointer_of_git_lfs_is_named(name: str, kvlint: Kvlint) -> None:
    Path("x").mkdir()
    Path("x/main.tf").write_text(VAULT.replace("}", "  purge_protection_enabled = true\n}"))
    Path("x", name).write_text(POINTER)
    said = kvlint("x", "--select", "KV001")
    assert said.code == 3
    assert f"x/{name}: error[KVE001] the file is a pointer of Git LFS" in said.out
    if name.startswith("b.json"):  # which may be data of any kind
        assert kvlint("x", "--select", "KV001", "--exclude", name).code == 0


def test_a_pointer_of_git_lfs_is_not_the_content_of_a_file(kvlint: Kvlint) -> None:
    Path("x").mkdir()
    Path("x/n.txt").write_text(POINTER)
    Path("x/main.tf").write_text(VAULT.replace('"kv"\n', 'file("n.txt")\n'))
    said = kvlint("x", "--select", "KV010", "--show-unknown")
    assert "git-lfs" not in said.out
    assert said.code == 0


@pytest.mark.parametrize(
    "words", [("../p",), (".",), ("main.tf",), ("-",), ("graph", "../p"), ("controls", "../p"), ("suppressions", ".")]
)
def test_removed_current_folder_is_an_error(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "main.tf").write_text(VAULT)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    said = kvlint(*words)
    assert said.code in (2, 3)
    assert "internal error" not in said.out + said.err
    if words != ("-",):
        assert "the current folder no longer exists" in said.err
    assert kvlint(tmp_path / "p", "--select", "KV001").code == 1
    assert kvlint(tmp_path / "p", "--select", "KV001", "-o", "report").code == 2


def test_watch_ends_if_its_current_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "main.tf").write_text(VAULT)
    monkeypatch.chdir(work)
    said: list[str] = []
    watch = Watch(lambda: Config(paths=(".",), jobs=1), lambda *_: None, said.append, ())

    def change(*_: object) -> None:
        _remove(work)
        watch.check()

    monkeypatch.setattr(Watch, "_watch_folders", change)
    with pytest.raises(UsageError, match="the current folder no longer exists"):
        watch.run(["."])
    assert said


def test_watch_continues_if_a_watched_folder_is_removed(tmp_path: Path) -> None:
    """It may come back."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "main.tf").write_text(VAULT)
    said: list[str] = []
    watch = Watch(lambda: Config(paths=(str(work),), jobs=1), lambda *_: None, said.append, ())
    watch.check()
    _remove(work)
    watch.check()
    assert f"'{work}' does not exist; the reports were not updated" in said[-1]
    work.mkdir()
    (work / "main.tf").write_text(VAULT)
    watch.check()
    assert said[-1].endswith("watching for changes")


def _remove(work: Path) -> None:
    (work / "main.tf").unlink()
    work.rmdir()
