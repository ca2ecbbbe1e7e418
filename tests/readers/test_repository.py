from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from azkvlint.linter.git_checkout import repository
from azkvlint.util.project_boundary import root_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
CONFIG = '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://git.example.com/org/repo.git\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of branch main at COMMIT, as git lays it out."""
    root = tmp_path / "repo"
    _write(root / ".git" / "HEAD", "ref: refs/heads/main\n")
    _write(root / ".git" / "refs" / "heads" / "main", f"{COMMIT}\n")
    _write(root / ".git" / "config", CONFIG)
    return root


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", errors="surrogateescape")


def _uri(checkout: Path, url: str) -> str | None:
    _write(checkout / ".git" / "config", f'[remote "origin"]\n\turl = {url}\n')
    found = repository(str(checkout))
    return None if found is None else found.uri


def test_branch_and_revision_are_read(checkout: Path) -> None:
    found = repository(str(checkout))
    assert found is not None
    assert (found.uri, found.revision, found.branch) == ("https://git.example.com/org/repo", COMMIT, "main")


def test_folder_below_has_the_same_repository(checkout: Path) -> None:
    (checkout / "a" / "b").mkdir(parents=True)
    assert repository(str(checkout / "a" / "b")) == repository(str(checkout))


def test_detached_head_has_no_branch(checkout: Path) -> None:
    _write(checkout / ".git" / "HEAD", f"{OTHER}\n")
    found = repository(str(checkout))
    assert found is not None
    assert (found.revision, found.branch) == (OTHER, "")


def test_packed_reference_is_read(checkout: Path) -> None:
    (checkout / ".git" / "refs" / "heads" / "main").unlink()
    lines = ["# pack-refs with: peeled fully-peeled sorted ", f"{OTHER} refs/heads/main2", f"{COMMIT} refs/heads/main"]
    _write(checkout / ".git" / "packed-refs", "\n".join([*lines, f"^{OTHER}", f"{OTHER} refs/tags/refs/heads/main"]))
    found = repository(str(checkout))
    assert found is not None
    assert found.revision == COMMIT


def test_branch_with_a_slash_and_sha256_revision_is_read(checkout: Path) -> None:
    _write(checkout / ".git" / "HEAD", "ref: refs/heads/feature/größe\n")
    _write(checkout / ".git" / "refs" / "heads" / "feature" / "größe", "a" * 64)
    found = repository(str(checkout))
    assert found is not None
    assert (found.revision, found.branch) == ("a" * 64, "feature/größe")


def test_worktree_has_its_own_branch(checkout: Path) -> None:
    tree, own = checkout.parent / "tree", checkout / ".git" / "worktrees" / "tree"
    _write(tree / ".git", f"gitdir: {own}\n")
    _write(own / "HEAD", "ref: refs/heads/other\n")
    _write(own / "commondir", "../..\n")
    _write(checkout / ".git" / "refs" / "heads" / "other", OTHER)
    found = repository(str(tree))
    assert found is not None
    assert (found.revision, found.branch) == (OTHER, "other")
    assert found.uri == "https://git.example.com/org/repo"


def test_submodule_has_its_own_repository(checkout: Path) -> None:
    _write(checkout / "sub" / ".git", "gitdir: ../.git/modules/sub\n")
    _write(checkout / ".git" / "modules" / "sub" / "HEAD", OTHER)
    _write(checkout / ".git" / "modules" / "sub" / "config", CONFIG.replace("org/repo", "org/sub"))
    found = repository(str(checkout / "sub"))
    assert found is not None
    assert (found.uri, found.revision) == ("https://git.example.com/org/sub", OTHER)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HEAD", ""),
        ("HEAD", "ref: refs/heads/unborn"),
        ("HEAD", "ref: HEAD"),
        ("HEAD", "ref: refs/heads/../../../../etc/hostname"),
        ("HEAD", "ref: /etc/hostname"),
        ("HEAD", "ref: refs/heads/a\0b"),
        ("HEAD", "0123"),
        ("refs/heads/main", "ref: refs/heads/main"),
        ("refs/heads/main", "not a commit"),
        ("config", ""),
        ("config", '[branch "main"]\n\turl = https://a.example/b\n'),
        ("config", '[remote "origin"]\n\turl =\n'),
        ("commondir", "/nowhere\0"),
        ("commondir", "\udcff\udcfe"),
    ],
)
def test_broken_checkout_has_no_repository(checkout: Path, name: str, text: str) -> None:
    _write(checkout / ".git" / name, text)
    assert repository(str(checkout)) is None


@pytest.mark.parametrize("text", ["", "gitdir: ", "gitdir: /nowhere", "gitdir: .", "gitdir: a\0b", "\udcff" * 99])
def test_broken_git_file_has_no_repository(tmp_path: Path, text: str) -> None:
    _write(tmp_path / ".git", text)
    assert repository(str(tmp_path)) is None


def test_a_pipe_is_not_waited_for(checkout: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    (checkout / ".git" / "HEAD").unlink()
    os.mkfifo(checkout / ".git" / "HEAD")
    assert repository(str(checkout)) is None


@pytest.mark.parametrize(
    ("config", "uri"),
    [
        (
            '[remote "a"]\nurl = https://a.example/a\n[remote "origin"]\nurl = https://b.example/b',
            "https://b.example/b",
        ),
        ('[remote "a"]\nurl = https://a.example/a\n[remote "b"]\nurl = https://b.example/b', "https://a.example/a"),
        ('[REMOTE "origin"] URL = "https://a.example/a" ; comment', "https://a.example/a"),
        ('[remote "origin"]\nurl = https://a.example/a # x\nurl = https://b.example/b', "https://a.example/a"),
        ('[remote "origin"]\npushurl = https://b.example/b\nurl=https://a.example/a', "https://a.example/a"),
        ('[remote "origin"]\nurl = https://a.example/a\n[url "https://b.example/"]\nurl = x', "https://a.example/a"),
    ],
)
def test_url_is_that_of_the_remote(checkout: Path, config: str, uri: str) -> None:
    _write(checkout / ".git" / "config", config)
    found = repository(str(checkout))
    assert found is not None
    assert found.uri == uri


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://github.com/org/repo/", "https://github.com/org/repo"),
        ("HTTPS://GitHub.com/Org/Repo", "https://github.com/Org/Repo"),
        ("http://git.example.com:8080/org/repo", "https://git.example.com:8080/org/repo"),
        ("https://git.example.com:443/org/repo", "https://git.example.com/org/repo"),
        ("git@github.com:org/repo.git", "https://github.com/org/repo"),
        ("github.com:org/repo", "https://github.com/org/repo"),
        ("git@git.example.com:/srv/org/repo.git", "https://git.example.com/srv/org/repo"),
        ("ssh://git@git.example.com:2222/org/repo.git", "https://git.example.com/org/repo"),
        ("ssh://git@ssh.github.com:443/org/repo.git", "https://github.com/org/repo"),
        ("git://git.example.com/org/repo", "https://git.example.com/org/repo"),
        ("https://org@dev.azure.com/org/My%20Project/_git/repo", "https://dev.azure.com/org/My%20Project/_git/repo"),
        ("git@ssh.dev.azure.com:v3/org/project/repo", "https://dev.azure.com/org/project/_git/repo"),
        ("org@vs-ssh.visualstudio.com:v3/org/my project/repo", "https://dev.azure.com/org/my%20project/_git/repo"),
    ],
)
def test_remote_url_becomes_a_web_address(checkout: Path, url: str, uri: str) -> None:
    assert _uri(checkout, url) == uri


@pytest.mark.parametrize(
    "url",
    [
        "/srv/git/repo.git",
        "../repo",
        "C:/repo",
        "C:\\repo",
        "file:///srv/git/repo",
        "https://",
        "https://git.example.com",
        "https://git.example.com/",
        "https://git.example.com/a/../../b",
        "https://[::1]/org/repo",
        "javascript://x/%0aalert(1)",
        "https://git.example.com/\x1b[31m",
        "https://git.example.com/" + "a/" * 5000,
        "ext::sh -c x",
    ],
)
def test_url_without_a_server_and_path_is_ignored(checkout: Path, url: str) -> None:
    assert _uri(checkout, url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@git.example.com/org/repo",
        "https://hunter2@git.example.com/org/repo.git",
        "https://user:a@hunter2@git.example.com/org/repo",
        "https://user:a/hunter2@git.example.com/org/repo",
        "https://user:80/hunter2@git.example.com/org/repo",
        "https://user:a#hunter2@git.example.com/org/repo",
        "https://user:a?hunter2@git.example.com/org/repo",
        "https://git.example.com/org/repo?token=hunter2",
        "https://git.example.com/org/repo#hunter2",
        "ssh://git:hunter2@git.example.com/org/repo",
        "user:hunter2@git.example.com:org/repo",
    ],
)
def test_password_in_a_url_is_not_shown(checkout: Path, url: str) -> None:
    assert "hunter2" not in (_uri(checkout, url) or "")


@given(config=st.text(), head=st.text(), pointer=st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_hostile_git_files_raise_no_error(tmp_path: Path, config: str, head: str, pointer: str) -> None:
    git = tmp_path / ".git"
    shutil.rmtree(git, ignore_errors=True)
    git.mkdir()
    for name, text in (("config", f'[remote "origin"]\nurl = {config}\n{config}'), ("HEAD", head)):
        (git / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    (git / "commondir").write_bytes(pointer.encode("utf-8", "surrogatepass"))
    repository(str(tmp_path))
    root_of(pointer)


def test_revision_and_branch_are_those_of_git(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
        command = [shutil.which("git") or "git", *identity, *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch=trunk")
    git("remote", "add", "origin", "git@git.example.com:org/repo.git")
    assert repository(str(tmp_path)) is None
    git("commit", "--quiet", "--allow-empty", "--message=one")
    loose = repository(str(tmp_path))
    git("pack-refs", "--all")
    assert repository(str(tmp_path)) == loose
    assert loose is not None
    assert (loose.uri, loose.branch) == ("https://git.example.com/org/repo", "trunk")
    assert loose.revision == git("rev-parse", "HEAD")
    git("worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = repository(str(tmp_path / "tree"))
    assert tree is not None
    assert (tree.revision, tree.branch) == (loose.revision, "tree")


def test_root_is_the_checkout(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(checkout / "infra" / "plan.json", "{}")
    monkeypatch.chdir(checkout / "infra")
    for path in (".", "plan.json", "missing.json", str(checkout / "infra"), "../infra/plan.json"):
        assert root_of(path) == str(checkout.resolve())


def test_root_without_a_checkout_is_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "infra" / "plan.json", "{}")
    monkeypatch.chdir(tmp_path)
    for path in (".", "infra", "infra/plan.json", str(tmp_path / "infra" / "plan.json")):
        assert root_of(path) == str(tmp_path.resolve())


def test_root_elsewhere_is_the_folder_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "here" / "a", "")
    _write(tmp_path / "here-too" / "plan.json", "{}")
    monkeypatch.chdir(tmp_path / "here")
    for path in ("../here-too", "../here-too/plan.json", "../here-too/missing.json"):
        assert root_of(path) == str((tmp_path / "here-too").resolve())


def test_root_of_a_link_is_where_it_leads(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(checkout / "plan.json", "{}")
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "link.json").symlink_to(checkout / "plan.json")
    monkeypatch.chdir(tmp_path / "away")
    assert root_of("link.json") == str(checkout.resolve())
