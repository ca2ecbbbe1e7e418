"""How ``kvlint fix`` writes: all files or none, each with its owner and permissions, and nothing outside a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.reporters.unified_diff import FileChange, diff
from azkvlint.util.output_files import OutputError, replace_files

if TYPE_CHECKING:
    from tests.conftest import Run

VAULT = 'resource "azurerm_key_vault" "{0}" {{\n  name = "kv-{0}"\n  purge_protection_enabled = false\n}}\n'
FIX = ("--select", "KV001", "--unsafe", "--write", "--isolated")
# A file of this size can be written, and a longer one cannot.
LIMITED = """
import resource, sys
from azkvlint.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
sys.argv[0] = "kvlint"
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
def test_a_file_that_cannot_be_written_leaves_all_as_they_are(tmp_path: Path, installed: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.tf").write_text(VAULT.format("a"), encoding="utf-8")
    (tmp_path / "b.tf").write_text(VAULT.format("b") + "# x\n" * 600, encoding="utf-8")
    before = {file: file.read_bytes() for file in tmp_path.glob("*.tf")}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "fix", ".", *FIX], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"HOME": str(tmp_path), "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert "cannot write `b.tf`: File too large; no file was changed" in done.stderr
    assert done.returncode == 3
    assert {file: file.read_bytes() for file in tmp_path.glob("*.tf")} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [".git", "a.tf", "b.tf"]


def test_error_while_writing_lists_the_files_that_were_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.tf", tmp_path / "b.tf"
    for file in (first, second):
        file.write_bytes(b"before")
    replace = os.replace

    def failing(source: str, target: str) -> None:
        if target == str(second):
            raise OSError(5, "Input/output error", source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputError) as caught:
        replace_files({str(file): (b"before", b"after") for file in (first, second)})
    assert (caught.value.file, caught.value.replaced) == (str(second), (str(first),))
    assert (first.read_bytes(), second.read_bytes()) == (b"after", b"before")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tf", "b.tf"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can change owners")
def test_a_file_keeps_its_owner_and_all_permissions(tmp_path: Path) -> None:
    file = tmp_path / "a.tf"
    file.write_bytes(b"before")
    os.chown(file, 1234, 2345)
    file.chmod(0o6750)
    replace_files({str(file): (b"before", b"after")})
    state = file.stat()
    assert (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (1234, 2345, 0o6750)


def test_a_named_link_of_the_checkout_changes_nothing_outside(tmp_path: Path, run: Run) -> None:
    outside, checkout = tmp_path / "outside", tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    outside.mkdir()
    (outside / "main.tf").write_text(VAULT.format("a"), encoding="utf-8")
    (checkout / "link").symlink_to(outside)
    ran = run("fix", "link", *FIX, cwd=checkout)
    assert ran.code == 2
    assert "symbolic link" in ran.err
    assert (outside / "main.tf").read_text(encoding="utf-8") == VAULT.format("a")


@pytest.mark.parametrize("character", ["\u202e", "\u200b", "\x1b", "\x85", "\ufeff", "\u2028", "\udc80"])
def test_diff_escapes_invisible_characters_in_file_names(character: str) -> None:
    change = FileChange("x\n", "y\n", lambda _: True, lambda _: True)
    shown = diff(f"a{character}ft.tf", change)
    assert shown is not None
    assert character not in shown
    assert shown.startswith('--- "a/a\\')


def test_git_applies_a_diff_with_such_a_name(tmp_path: Path) -> None:
    name = 'a\u202e "größe".tf'
    (tmp_path / name).write_text("x\n", encoding="utf-8")
    shown = diff(name, FileChange("x\n", "y\n", lambda _: True, lambda _: True))
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    subprocess.run([git, "apply", "-"], cwd=tmp_path, input=(shown or "").encode(), check=True)
    assert (tmp_path / name).read_text(encoding="utf-8") == "y\n"
