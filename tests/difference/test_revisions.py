"""Commits as BASE: which one it is, what a word names, and what a hostile checkout cannot do."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from tests.difference.conftest import Diff
from tests.util.test_git import commit, git

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
    pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows"),
]
VAULT = 'resource "azurerm_key_vault" "{0}" {{\n  name = "kv-{0}"\n  purge_protection_enabled = {1}\n}}\n'
GOOD, BAD, OTHER = VAULT.format("a", "true"), VAULT.format("a", "false"), VAULT.format("b", "true")


@pytest.fixture
def checkout(diff: Diff) -> Path:
    """A branch on which a vault loses its purge protection, while the main branch gets another vault."""
    git(diff.folder, "init", "--quiet", "--initial-branch=main")
    commit(diff.folder, {"infra/main.tf": GOOD})
    git(diff.folder, "switch", "--quiet", "--create", "feature/network")
    commit(diff.folder, {"infra/main.tf": BAD})
    git(diff.folder, "switch", "--quiet", "main")
    commit(diff.folder, {"infra/other.tf": OTHER})
    git(diff.folder, "switch", "--quiet", "feature/network")
    return diff.folder


def test_the_base_is_where_both_branches_meet(checkout: Path, diff: Diff) -> None:
    meet = git(checkout, "merge-base", "main", "HEAD")
    for words in (("--base", "main", "infra"), ("--base=main",), ("main", "infra"), ("main",)):
        found = diff.compare(*words)
        assert ("KV001", "azurerm_key_vault.a") in found.findings("new")
        assert not any("azurerm_key_vault.b" in one for _, one in found.doors)
        assert (found.document["base"], found.document["baseCommit"]) == ("main", meet)
    found = diff.compare("--base", "main", "--no-merge-base", "infra")
    assert ("deleted", "azurerm_key_vault.b") in found.doors
    assert found.document["baseCommit"] == git(checkout, "rev-parse", "main")


def test_files_that_are_not_committed_are_part_of_head(checkout: Path, diff: Diff) -> None:
    assert diff.run("HEAD", "infra").out.startswith("No differences. BASE is the commit ")
    (checkout / "infra" / "main.tf").write_text(GOOD, encoding="utf-8")
    assert ("KV001", "azurerm_key_vault.a") in diff.compare("HEAD").findings("gone")


def test_gone_finding_has_its_path_in_the_checkout(checkout: Path, diff: Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "infra" / "main.tf").write_text("", encoding="utf-8")
    commit(checkout, {"infra/more.tf": OTHER})
    copies = checkout.parent / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    monkeypatch.chdir(checkout / "infra")
    for form in ("text", "markdown", "json", "sarif"):
        said = diff.run("--base", "main", ".", "-f", form, "--fail-on", "none")
        assert (said.code, "kvlint-" in said.out) == (0, False)
    said = diff.run("--base", "main", ".", "--fail-on", "none")
    assert "\n  main.tf:1:1: " in said.out
    assert list(copies.iterdir()) == []


def test_a_path_that_is_the_name_of_a_branch_is_an_error(checkout: Path, diff: Diff) -> None:
    git(checkout, "branch", "infra")
    said = diff.run("infra", "infra")
    assert (said.code, said.out) == (2, "")
    assert "`infra` is a path and a commit (write `./infra` for the path, or `--base infra` for the commit)" in said.err
    assert diff.run("./infra", "infra").out == "No differences.\n"
    assert diff.run("--base", "infra", "infra").code == 0


def test_a_commit_is_not_head(checkout: Path, diff: Diff) -> None:
    said = diff.run("./infra", "main")
    assert (said.code, said.out) == (2, "")
    assert "`main` is a commit, and HEAD must be a path (`kvlint git-base --revision main" in said.err


@pytest.mark.parametrize(
    "word",
    ["mian", "-main", "main..HEAD", "main:infra", "main^{/change}", ":/change", "main@{9}", "main\n", "main \x1b[2J"],
)
def test_an_unknown_commit_is_an_error_with_the_nearest_name(word: str, checkout: Path, diff: Diff) -> None:
    said = diff.run(f"--base={word}", "infra")
    assert (said.code, said.out) == (2, "")
    assert "is not a commit of the checkout" in said.err
    assert "\x1b" not in said.err
    if word != ":/change":
        assert "did you mean 'main'?" in said.err
    if not word.startswith(("-", ":")):
        said = diff.run(word, "infra")
        assert (said.code, said.out) == (2, "")
        assert "is neither a path nor a commit of" in said.err


def test_path_outside_of_a_checkout_is_an_error(checkout: Path, diff: Diff, tmp_path: Path) -> None:
    for words in (("--base", "main", "no"), ("--base", "main", "infra", "infra"), ("--base", ""), ("--no-merge-base",)):
        said = diff.run(*words)
        assert (said.code, said.out) == (2, ""), words
    said = diff.run("--base", "main", str(tmp_path))
    assert (said.code, said.out) == (2, "")
    assert "is not in a git checkout" in said.err
    assert "write `kvlint diff BASE HEAD`" in diff.run().err


def test_a_shallow_clone_is_an_error_with_the_command(checkout: Path, diff: Diff, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{checkout}", str(clone))
    said = diff.run("--base", "origin/main", str(clone / "infra"))
    assert (said.code, said.out) == (2, "")
    assert "the checkout does not have the commits that decide where `origin/main` and HEAD meet" in said.err
    assert "run `git fetch --unshallow` before" in said.err
    assert diff.run("--base", "origin/main", "--no-merge-base", str(clone / "infra")).code in (0, 1)
    git(clone, "fetch", "--quiet", "--unshallow")
    assert diff.run("--base", "origin/main", str(clone / "infra")).code == 1


def test_a_merge_commit_of_a_shallow_clone_has_a_base(checkout: Path, diff: Diff, tmp_path: Path) -> None:
    git(checkout, "merge", "--quiet", "--no-edit", "main")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{checkout}", str(clone))
    assert diff.run("--base", "HEAD^2", str(clone / "infra")).code == 1


def test_histories_without_a_common_commit_are_an_error(checkout: Path, diff: Diff) -> None:
    git(checkout, "switch", "--quiet", "--orphan", "new")
    commit(checkout, {"infra/main.tf": OTHER})
    said = diff.run("--base", "main", "infra")
    assert (said.code, said.out) == (2, "")
    assert "`main` and HEAD have no commit in common (--no-merge-base compares with the commit itself)" in said.err


def test_a_folder_that_the_commit_does_not_have_is_new(checkout: Path, diff: Diff) -> None:
    commit(checkout, {"new/main.tf": VAULT.format("c", "false")})
    found = diff.compare("--base", "main", "new")
    assert ("KV001", "azurerm_key_vault.c") in found.findings("new")
    assert "contains nothing to check: everything is new" in found.document["problems"][0]["message"]
    assert "kvlint-" not in json.dumps(found.document)
    said = diff.run("--base", "main", "new/main.tf")
    assert (said.code, said.out) == (2, "")
    assert "is not in " in said.err


def test_link_of_the_commit_to_the_outside_is_not_followed(checkout: Path, diff: Diff, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "main.tf").write_text(VAULT.format("secret", "true"), encoding="utf-8")
    for target in (tmp_path / "secret", "../secret", "../../secret", ".git"):
        (checkout / "linked").symlink_to(target)
        commit(checkout, {})
        (checkout / "linked").unlink()
        (checkout / "linked" / "below").mkdir(parents=True)
        (checkout / "linked" / "main.tf").write_text(OTHER, encoding="utf-8")
        for path in ("linked", "linked/main.tf", "linked/below"):
            said = diff.run("--base", "HEAD", path)
            assert (said.code, said.out) == (2, ""), (target, path)
            assert "is a symbolic link in" in said.err
        shutil.rmtree(checkout / "linked")
    assert [one.name for one in (tmp_path / "secret").iterdir()] == ["main.tf"]


def test_a_link_of_the_commit_is_not_read(checkout: Path, diff: Diff, tmp_path: Path) -> None:
    (tmp_path / "secret.tf").write_text(VAULT.format("secret", "true"), encoding="utf-8")
    (checkout / "infra" / "linked.tf").symlink_to(tmp_path / "secret.tf")
    commit(checkout, {})
    (checkout / "infra" / "linked.tf").unlink()
    said = diff.run("--base", "HEAD", "infra", "-f", "json")
    assert said.code == 3
    assert "kv-secret" not in said.out
    assert "azurerm_key_vault.secret" not in said.out


def test_configuration_of_the_commit_applies(checkout: Path, diff: Diff) -> None:
    commit(checkout, {"kvlint.toml": 'ignore = ["KV001"]\n'})
    found = diff.compare("HEAD")
    assert (found.document["basis"], found.findings("unchanged")) == (
        {"kind": "base", "file": "HEAD:kvlint.toml"}, found.findings("unchanged"),
    )  # fmt: skip
    (checkout / "kvlint.toml").write_text("", encoding="utf-8")
    assert not any(rule == "KV001" for rule, _ in diff.compare("HEAD").findings("new"))
    commit(checkout, {"kvlint.toml": "ignore = 1\n"})
    said = diff.run("HEAD")
    assert (said.code, said.out) == (2, "")
    assert "HEAD:kvlint.toml:1:" in said.err
    assert "kvlint-" not in said.err


def test_no_program_of_the_checkout_runs(checkout: Path, diff: Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = checkout.parent / "trace"
    program = checkout / "git"
    program.write_text(f"#!/bin/sh\necho ran >>'{trace}'\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    commit(checkout, {".gitattributes": "* filter=x diff=x\n"})
    settings = {
        "core.fsmonitor": str(program), "core.pager": str(program), "pager.for-each-ref": str(program),
        "pager.cat-file": str(program), "alias.for-each-ref": f"!{program}", "diff.external": str(program),
        "filter.x.smudge": str(program), "filter.x.process": str(program), "diff.x.textconv": str(program),
        "core.hooksPath": str(checkout), "core.sshCommand": str(program), "gpg.program": str(program),
        "core.worktree": str(checkout.parent), "includeIf.gitdir:/.path": str(checkout / "included"),
    }  # fmt: skip
    for name, value in settings.items():
        git(checkout, "config", name, value)
    (checkout / "included").write_text(f'[core]\n\tfsmonitor = "{program}"\n', encoding="utf-8")
    trace.unlink(missing_ok=True)
    monkeypatch.setenv("PATH", f"{checkout}{os.pathsep}.{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_DIR", str(checkout.parent))
    assert ("KV001", "azurerm_key_vault.a") in diff.compare("--base", "main", "infra").findings("new")
    assert diff.run("--base", "mian", "infra").code == 2
    assert not trace.exists()


def test_a_git_directory_elsewhere_is_refused(checkout: Path, diff: Diff, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (checkout / ".git").rename(tmp_path / "elsewhere" / "git")
    for make in (
        lambda: (checkout / ".git").write_text(f"gitdir: {tmp_path}/elsewhere/git\n", encoding="utf-8"),
        lambda: (checkout / ".git").symlink_to(tmp_path / "elsewhere" / "git"),
    ):
        make()
        said = diff.run("--base", "main", "infra")
        assert (said.code, said.out) == (2, "")
        (checkout / ".git").unlink()


def test_names_of_packed_references_are_escaped(checkout: Path, diff: Diff) -> None:
    git(checkout, "pack-refs", "--all")
    packed = checkout / ".git" / "packed-refs"
    identifier = git(checkout, "rev-parse", "main")
    odd = "".join(f"{identifier} refs/tags/{name}\n" for name in ("mainn\x1b[31m", "mainn`x`", "mainn\u202e", "-mainn"))
    packed.write_text(packed.read_text(encoding="utf-8") + odd, encoding="utf-8")
    said = diff.run("--base", "mainnn", "infra")
    assert said.code in (2, 3)
    assert not {"\x1b", "\u202e"} & set(said.err)


def test_without_git_paths_are_compared(checkout: Path, diff: Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert diff.run("infra", "infra").out == "No differences.\n"
    said = diff.run("--base", "main", "infra")
    assert (said.code, said.out) == (3, "")
    assert "git is not installed" in said.err


@pytest.mark.parametrize(
    "name",
    [
        ".git", ".git/HEAD", ".git/config", ".git/packed-refs", ".git/refs/heads/main", ".git/refs/heads/other",
        ".git/refs/tags/deep/er", ".git/objects/ab/cdef", ".git/objects/pack/a.idx", ".git/objects/info/alternates",
        ".git/index", ".git/shallow", ".git/commondir", ".git/logs/HEAD",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["pipe", "link to a device", "link to a pipe"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_device_in_the_repository_is_an_error_at_once(
    kind: str, name: str, checkout: Path, diff: Diff, tmp_path: Path
) -> None:
    file = checkout / name
    shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        file.symlink_to(tmp_path / "pipe")
    else:
        file.symlink_to("/dev/zero")
    start = time.monotonic()
    for words in (("--base", "main"), ("--base", "HEAD", "."), ("main", ".")):
        said = diff.run(*words, "-f", "json")
        assert "Traceback" not in said.err
        assert said.code in ((0, 1, 2, 3) if name == ".git/index" else (2, 3)), said
    assert time.monotonic() - start < 20
