"""Commits of hostile checkouts: nothing of them is run, downloaded, trusted, or written outside of the new folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.util import commit_files
from azkvlint.util import git as git_module
from azkvlint.util.commit_files import write_commit
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.git import Checkout, find_checkout

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_links = pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows")

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
FILE, TREE, LINK = "100644", "40000", "120000"


def git(folder: Path, *words: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **(env or {})}
    command = ["git", *IDENTITY, *words]
    ran = subprocess.run(command, cwd=folder, env=environment, input=data, capture_output=True, check=True)
    return ran.stdout.decode("utf-8", "surrogateescape").strip()


def commit(folder: Path, files: Mapping[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


def blob(folder: Path, data: bytes) -> str:
    return git(folder, "hash-object", "-w", "--stdin", data=data)


def tree(folder: Path, *entries: tuple[str, bytes, str]) -> str:
    """A folder that git itself would refuse to make."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(content) for mode, name, content in entries)
    return git(folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=data)


def commit_of(folder: Path, *entries: tuple[str, bytes, str]) -> str:
    return git(folder, "commit-tree", "-m", "hostile", tree(folder, *entries))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "check out"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def found(workspace: Path, path: str = ".", checkout: str = "") -> Checkout:
    place = find_checkout(str(workspace), path, checkout)
    assert place is not None
    return place


def written(repository: Path, revision: str, address: str = "") -> Path:
    target = repository.parent / "base"
    write_commit(found(repository), revision, str(target), address)
    return target


def content(folder: Path) -> dict[str, str]:
    """What a folder holds, with the targets of links, and None of ``.git``."""
    paths = [path for path in folder.rglob("*") if ".git" not in path.relative_to(folder).parts]
    return {
        path.relative_to(folder).as_posix(): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in paths
        if path.is_symlink() or path.is_file()
    }


# --- which checkout ---------------------------------------------------------------------------------------------------


def embed(folder: Path, beside: Path) -> None:
    """Put the files of a bare repository into a folder, with a base of its own and a filter."""
    other = beside / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    commit(other, {".gitattributes": "* filter=x\n", "main.tf": "forged"})
    commit(other, {"main.tf": "forged too"})
    for name in ("HEAD", "objects", "refs"):
        source = other / ".git" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    settings = '[core]\n\trepositoryformatversion = 0\n\tworktree = .\n[filter "x"]\n\tsmudge = touch pwned\n'
    (folder / "config").write_text(settings)


def test_a_repository_inside_a_folder_is_never_used(repository: Path, tmp_path: Path) -> None:
    commit(repository, {"infra/main.tf": "right"})
    embed(repository / "infra", tmp_path)
    commit(repository, {"infra/main.tf": "changed"})
    assert git(repository / "infra", "rev-parse", "--show-toplevel").endswith("infra")  # what git itself finds
    place = found(repository, "infra")
    assert place == (str(repository), str(repository / ".git"), "infra")
    write_commit(place, "HEAD^1", str(tmp_path / "base"), "")
    assert content(tmp_path / "base") == {"infra/main.tf": "right"}


def test_outermost_checkout_is_used(repository: Path, tmp_path: Path) -> None:
    commit(repository, {"a/b/main.tf": ""})
    for inner in ("a", "a/b"):
        git(repository / inner, "init", "--quiet")
    (repository / "sub").mkdir()
    (repository / "sub" / ".git").write_text(f"gitdir: {tmp_path}\n")
    assert [found(repository, path).inside for path in (".", "a/b", "sub", "a/../sub/x.tf")] == [
        ".", "a/b", "sub", "sub/x.tf",
    ]  # fmt: skip
    assert {found(repository, path).top for path in ("a/b", "sub")} == {str(repository)}
    beside = found(tmp_path, "check out/a/b")
    assert (beside.top, beside.inside) == (str(repository), "a/b")
    assert found(repository, "a/b", "a").inside == "b"
    assert find_checkout(str(tmp_path), ".") is None
    assert find_checkout(str(repository), str(tmp_path)) is None


@needs_links
def test_a_link_does_not_lead_to_another_checkout(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    git(tmp_path / "elsewhere", "init", "--quiet")
    for name, target in (("out", "../elsewhere"), ("in", "infra"), ("git", ".git/objects")):
        (repository / name).symlink_to(target)
    commit(repository, {"infra/main.tf": ""})
    assert found(repository, "in").inside == "in"
    for name in ("out", "git", ".git", ".git/objects"):
        with pytest.raises(UsageError, match="leads out of the checkout"):
            find_checkout(str(repository), name)
    for name in ("out", "infra", ".."):
        with pytest.raises(UsageError, match=r"is a symbolic link|is not a git checkout|is outside of the workspace"):
            find_checkout(str(repository), ".", name)
    with pytest.raises(UsageError, match="is outside of the checkout"):
        find_checkout(str(tmp_path), "elsewhere", "check out")


@needs_links
def test_link_in_place_of_the_compared_folder_is_an_error(repository: Path, run: Run) -> None:
    (repository / "a").symlink_to("deep/a")
    (repository / "in").symlink_to("modules")
    commit(repository, {"modules/main.tf": "", "deep/modules/main.tf": "", "deep/a/x": ""})
    words = ("git-base", "--workspace", repository, "--revision", "HEAD", "--output", repository.parent / "base", "--")
    for path in ("in", "a/../modules", "a/x"):  # the system reads deep/modules
        ran = run(*words, path, cwd=repository)
        assert (ran.code, "through a symbolic link of the checkout" in ran.err) == (2, True)
    (repository / "a" / "out").symlink_to("../../..")
    with pytest.raises(UsageError, match="leads out of the checkout"):
        find_checkout(str(repository), "a/out/..")
    assert run(*words, "deep/../modules", cwd=repository).out == f"{repository}\nmodules\n"


@needs_links
def test_the_git_of_a_checkout_is_a_folder_or_a_worktree_of_one(repository: Path, tmp_path: Path) -> None:
    base = commit(repository, {"main.tf": "text"})
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "tree"), base)
    place = found(tmp_path / "tree")
    assert Path(place.git_folder).parent == repository / ".git" / "worktrees"
    write_commit(place, "HEAD", str(tmp_path / "base"), "")
    assert content(tmp_path / "base") == {"main.tf": "text"}
    for number, target in enumerate((repository / ".git", Path(place.git_folder), tmp_path / "missing")):
        copied = tmp_path / str(number)
        copied.mkdir()
        (copied / ".git").write_text(f"gitdir: {target}\n")
        with pytest.raises(UsageError, match=r"is not the `\.git` of a repository"):
            find_checkout(str(copied), ".")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / ".git").symlink_to(repository / ".git")
    with pytest.raises(UsageError, match="is a symbolic link"):
        find_checkout(str(linked), ".")


# --- what is written --------------------------------------------------------------------------------------------------


@needs_links
def test_a_commit_is_written_as_it_is_in_the_repository(repository: Path, tmp_path: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1\n"
    files = {
        "main.tf": "a\r\nb\n", "a b/ü/x.json": "{}", "big.bin": pointer, "empty": "", "-x": "", "new\nline": "x",
        ".gitattributes": "* text eol=crlf ident export-ignore\n*.bin filter=lfs\n", "id.txt": "$Id$",
        ".gitmodules": '[submodule "s"]\n\tpath = s\n\turl = ../s\n',
    }  # fmt: skip
    (repository / "link").symlink_to("a b")
    (repository / "outside").symlink_to("/etc")
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text, encoding="utf-8", newline="")
    git(repository, "-c", "core.attributesFile=/dev/null", "add", "--all")
    for name, text in files.items():  # what is in the repository, whatever the attributes made of it
        git(repository, "update-index", "--cacheinfo", f"100755,{blob(repository, text.encode())},{name}")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},s/inner")
    git(repository, "commit", "--quiet", "--message", "change")
    base = written(repository, "main", "https://example.com/owner/repository")
    want = {name: text.replace("\r\n", "\n") for name, text in files.items()}
    assert content(base) == want | {"link": "-> a b", "outside": "-> /etc"}
    assert (base / "main.tf").read_bytes() == b"a\r\nb\n"
    assert list((base / "s" / "inner").iterdir()) == []
    assert (base / ".git" / "HEAD").read_text() == git(repository, "rev-parse", "HEAD") + "\n"
    assert (base / ".git" / "config").read_text() == '[remote "origin"]\n\turl = https://example.com/owner/repository\n'
    index = {"GIT_INDEX_FILE": str(base / ".git" / "index")}
    assert git(repository, "ls-files", "--stage", "-z", env=index) == git(repository, "ls-files", "--stage", "-z")
    assert base.stat().st_mode & 0o077 == 0


def test_a_revision_is_any_name_of_a_commit(repository: Path) -> None:
    first = commit(repository, {"a": "1"})
    commit(repository, {"a": "2"})
    git(repository, "tag", "-m", "x", "v1", first)
    git(repository, "pack-refs", "--all")
    for revision in ("HEAD^1", "HEAD~1", "main^", "v1", "refs/tags/v1", first, first[:12]):
        assert content(written(repository, revision)) == {"a": "1"}
        shutil.rmtree(repository.parent / "base")


@pytest.mark.parametrize(
    "revision", ["", "--all", "-h", "HEAD^1", "0" * 40, "HEAD:a", "HEAD\nHEAD", "main..main", "x" * 9_999, "a b 5", "ü"]
)
def test_invalid_revision_is_an_error(revision: str, repository: Path) -> None:
    commit(repository, {"a": "1"})
    with pytest.raises(UsageError, match="is not a commit of the checkout"):
        written(repository, revision)
    assert not (repository.parent / "base").exists()


def test_sha_256_repository_is_written(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "one")
    commit(tmp_path / "one", {"a/b": "1", "c": "2"})
    base = written(tmp_path / "one", "HEAD")
    assert content(base) == {"a/b": "1", "c": "2"}
    assert b"a/b\0" in (base / ".git" / "index").read_bytes()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_may_belong_to_another_user(repository: Path) -> None:
    commit(repository, {"a": "1"})
    for path in (repository, *repository.rglob("*")):
        os.chown(path, 12_345, 12_345)
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "rev-parse", "HEAD")
    assert content(written(repository, "HEAD")) == {"a": "1"}


def test_the_command_prints_the_checkout_and_the_path_inside(repository: Path, run: Run) -> None:
    commit(repository, {"infra/a.tf": "1"})
    git(repository, "remote", "add", "origin", "https://user:password@github.com/owner/repository.git")
    words = ("git-base", f"--workspace={repository.parent}", "--", "check out/infra/../infra/a.tf")
    ran = run(*words)
    assert (ran.code, ran.out, ran.err) == (0, f"{repository}\ninfra/a.tf\n", "")
    target = repository.parent / "base"
    ran = run(words[0], "--revision=HEAD", f"--output={target}", *words[1:])
    assert (ran.code, ran.out) == (0, f"{repository}\ninfra/a.tf\n")
    assert (
        target / ".git" / "config"
    ).read_text() == '[remote "origin"]\n\turl = https://github.com/owner/repository\n'
    assert run(words[0], "--revision=HEAD", f"--output={target}", *words[1:]).code == 3  # it exists
    assert run(words[0], "--revision=HEAD", *words[1:]).code == 2
    assert run(words[0], "--revision=no", f"--output={target}", *words[1:]).code == 2


# --- what is not run or trusted ---------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
def test_no_program_of_the_checkout_runs(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    commit(repository, {"a.bin": "1", ".gitattributes": "* filter=x diff=x merge=x text\n"})
    commit(repository, {".gitconfig": f'[core]\n\tfsmonitor = "echo included >>{trace}"\n', "bin/x": ""})
    program = repository / "bin" / "git"
    program.write_text(f"#!/bin/sh\necho ran >>'{trace}'\nexit 1\n")
    program.chmod(0o755)
    hooks = ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc")
    for folder in (repository / ".git" / "hooks", repository / "bin"):
        folder.mkdir(exist_ok=True)
        for name in (*hooks, "ssh", "less", "git-remote-x"):
            shutil.copy(program, folder / name)
    settings = {
        "include.path": "../.gitconfig", "core.hooksPath": str(repository / "bin"), "core.fsmonitor": str(program),
        "filter.x.smudge": str(program), "filter.x.clean": str(program), "filter.x.process": str(program),
        "filter.x.required": "true", "diff.x.textconv": str(program), "diff.x.command": str(program),
        "diff.external": str(program), "merge.x.driver": str(program), "core.pager": str(program),
        "pager.cat-file": str(program), "alias.cat-file": f"!{program}", "core.sshCommand": str(program),
        "core.gitProxy": str(program), "core.askPass": str(program), "credential.helper": f"!{program}",
        "core.alternateRefsCommand": str(program), "uploadpack.packObjectsHook": str(program),
        "core.worktree": str(tmp_path), "core.bare": "false", "extensions.partialClone": "origin",
        "remote.origin.url": "x::y", "remote.origin.promisor": "true", "remote.origin.vcs": "x",
        "remote.origin.uploadpack": str(program), "trace2.eventTarget": str(trace), "protocol.allow": "always",
    }  # fmt: skip
    for name, value in settings.items():
        git(repository, "config", name, value)
    trace.unlink(missing_ok=True)
    hostile = {
        "GIT_TRACE": str(trace), "GIT_TRACE2": str(trace), "GIT_EXTERNAL_DIFF": str(program), "GIT_PAGER": str(program),
        "GIT_SSH_COMMAND": str(program), "GIT_ASKPASS": str(program), "GIT_EXEC_PATH": str(repository / "bin"),
        "GIT_DIR": str(tmp_path / "no"), "GIT_OBJECT_DIRECTORY": str(tmp_path), "GIT_INDEX_FILE": str(trace),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": str(program),
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={program}'", "GIT_NAMESPACE": "x", "GIT_WORK_TREE": str(tmp_path),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tmp_path), "GIT_SHALLOW_FILE": str(trace), "GIT_TEMPLATE_DIR": "x",
        "GIT_NO_LAZY_FETCH": "0", "GIT_ALLOW_PROTOCOL": "x:ext:file", "GIT_REPLACE_REF_BASE": "refs/heads/",
    }  # fmt: skip
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{repository / 'bin'}{os.pathsep}bin{os.pathsep}.{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(repository)
    assert content(written(repository, "HEAD^1")).keys() == {"a.bin", ".gitattributes"}
    with pytest.raises(UsageError):
        write_commit(found(repository), "1" * 40, str(tmp_path / "missing"), "")
    assert not trace.exists()


def test_missing_objects_are_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "--quiet")
    git(source, "config", "uploadpack.allowFilter", "true")
    git(source, "config", "uploadpack.allowAnySHA1InWant", "true")
    commit(source, {"a": "1"})
    commit(source, {"a": "2"})
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{source}", "partial")
    before = sorted((tmp_path / "partial" / ".git" / "objects").rglob("*"))
    for variable in ("GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"):  # each alone is enough
        monkeypatch.delitem(git_module._VARIABLES, variable)
        with pytest.raises(InputError, match=r"is not in the checkout|cannot read the repository"):
            write_commit(found(tmp_path / "partial"), "HEAD^1", str(tmp_path / variable), "")
        monkeypatch.undo()
    assert sorted((tmp_path / "partial" / ".git" / "objects").rglob("*")) == before
    write_commit(found(tmp_path / "partial"), "HEAD", str(tmp_path / "head"), "")
    assert content(tmp_path / "head") == {"a": "2"}


def test_replacements_and_grafts_have_no_effect(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, {"a": "1"})
    head = commit(repository, {"a": "2"})
    forged = commit(repository, {"a": "forged"})
    git(repository, "replace", first, forged)
    git(repository, "replace", blob(repository, b"1"), blob(repository, b"forged"))
    (repository / ".git" / "info" / "grafts").write_text(f"{head} {forged}\n")
    assert content(written(repository, f"{head}^1")) == {"a": "1"}


def test_a_shallow_clone_has_no_earlier_commit(repository: Path, tmp_path: Path) -> None:
    commit(repository, {"a": "1"})
    commit(repository, {"a": "2"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(UsageError, match="is not a commit of the checkout"):
        write_commit(found(tmp_path / "shallow"), "HEAD^1", str(tmp_path / "base"), "")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{repository}", "deeper")
    write_commit(found(tmp_path / "deeper"), "HEAD^1", str(tmp_path / "base"), "")
    assert content(tmp_path / "base") == {"a": "1"}


@pytest.mark.parametrize("kind", ["blob", "tree", "commit"])
def test_objects_of_any_store_are_verified(kind: str, repository: Path, tmp_path: Path) -> None:
    head = commit(repository, {"a": "1"})
    wrong = commit(repository, {"a": "2"})
    store = tmp_path / "store"
    shutil.move(repository / ".git" / "objects", store)
    (repository / ".git" / "objects" / "info").mkdir(parents=True)
    (repository / ".git" / "objects" / "info" / "alternates").write_text(f"{store}\n")
    assert content(written(repository, head)) == {"a": "1"}
    shutil.rmtree(tmp_path / "base")
    names = {"blob": ":a", "tree": "^{tree}", "commit": ""}
    object_, other = (git(repository, "rev-parse", f"{one}{names[kind]}") for one in (head, wrong))
    for name in (object_, other):
        (store / name[:2] / name[2:]).chmod(0o644)
    shutil.copy(store / other[:2] / other[2:], store / object_[:2] / object_[2:])
    with pytest.raises((InputError, UsageError), match=r"is damaged|is not a commit"):  # git verifies a commit itself
        written(repository, head)


# --- hostile commits --------------------------------------------------------------------------------------------------

NAMES = [
    b"", b".", b"..", b"/", b"/etc", b"a/b", b"../x", b".git", b".GIT", b".git.", b".git ", b"git~1", b".Git ...",
    ".g\u200cit".encode(), b"x" * 300,
]  # fmt: skip


@needs_links
@pytest.mark.parametrize("mode", [FILE, TREE, LINK, "160000"])
def test_names_that_lead_elsewhere_are_refused(mode: str, repository: Path) -> None:
    text = blob(repository, b"x")
    inner = tree(repository, (FILE, b"config", text))
    content_ = {FILE: text, TREE: inner, LINK: text, "160000": "1" * 40}[mode]
    before = sorted(repository.parent.rglob("*"))
    for name in NAMES:
        hostile = commit_of(repository, (TREE, b"a", tree(repository, (mode, name, content_))))
        with pytest.raises(InputError, match=r"is not a valid path|cannot be written"):
            written(repository, hostile)
        shutil.rmtree(repository.parent / "base")
    after = sorted(path for path in repository.parent.rglob("*") if "objects" not in path.parts)
    assert after == [path for path in before if "objects" not in path.parts]


@needs_links
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("other", [TREE, FILE, LINK])
def test_files_are_not_written_through_a_link(other: str, order: int, repository: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = (LINK, b"a", blob(repository, str(outside).encode()))
    text = blob(repository, b"x")
    second = (other, b"a", tree(repository, (FILE, b"b", text), (LINK, b"c", text)) if other == TREE else text)
    with pytest.raises(InputError, match=r"same path as another|exists twice"):
        written(repository, commit_of(repository, *[link, second][::order]))
    assert list(outside.iterdir()) == []


@needs_links
@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 5_000])
def test_links_without_a_valid_target_are_refused(target: bytes, repository: Path) -> None:
    with pytest.raises(InputError, match="symbolic link `a` in the commit is"):
        written(repository, commit_of(repository, (LINK, b"a", blob(repository, target))))


def test_objects_of_another_kind_are_refused(repository: Path) -> None:
    text, empty = blob(repository, b"x"), git(repository, "mktree")
    for mode, object_, message in (
        (FILE, empty, "is not a file"),
        (LINK, empty, "is not a file"),
        (TREE, text, "is not a tree"),
        (FILE, "1" * 40, "is not in the checkout"),
        ("140000", text, "unknown mode"),
    ):
        with pytest.raises(InputError, match=message):
            written(repository, commit_of(repository, (mode, b"a", object_)))
        shutil.rmtree(repository.parent / "base")


@pytest.mark.parametrize(
    "data", [b"100644 a", b"100644 a\0short", b"100688 a\0" + bytes(20), b"12345678 a\0" + bytes(20)]
)
def test_damaged_folders_are_refused(data: bytes, repository: Path) -> None:
    """Written without git, which refuses to."""
    whole = b"tree %d\0" % len(data) + data
    name = hashlib.sha1(whole).hexdigest()  # noqa: S324  # the identifiers of git
    file = repository / ".git" / "objects" / name[:2] / name[2:]
    file.parent.mkdir()
    file.write_bytes(zlib.compress(whole))
    text = f"tree {name}\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nx\n"
    hostile = git(repository, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", data=text.encode())
    with pytest.raises(InputError, match="is damaged"):
        written(repository, hostile)


def test_many_files_are_refused_before_they_are_written(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_files, "MOST_ENTRIES", 2_000)
    level = tree(repository, (FILE, b"x", blob(repository, b"x")))
    for _ in range(10):  # 10 to the power of 10 files
        level = tree(repository, *((TREE, f"{number}".encode(), level) for number in range(10)))
    hostile = git(repository, "commit-tree", "-m", "x", level)
    with pytest.raises(InputError, match="more than 2,000 files and folders"):
        written(repository, hostile)


def test_folders_that_are_nested_too_deeply_are_refused(repository: Path) -> None:
    level = tree(repository, (FILE, b"x", blob(repository, b"x")))
    for _ in range(25):  # longer than any path may be
        level = tree(repository, (TREE, b"x" * 200, level))
    hostile = git(repository, "commit-tree", "-m", "x", level)
    with pytest.raises(InputError, match=r"`x{200}\.\.\.` in the commit cannot be written"):
        written(repository, hostile)


def test_large_files_are_refused_before_they_are_written(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_files, "MOST_BYTES", 1_000_000)
    commit(repository, {"a": "x" * 900_000})
    commit(repository, {"b": "x" * 200_000})
    with pytest.raises(InputError, match="larger than 1,000,000 bytes"):
        written(repository, "HEAD")
    assert (repository.parent / "base" / "b").stat().st_size == 0
    shutil.rmtree(repository.parent / "base")
    written(repository, "HEAD^1")


def test_without_git_there_is_one_sentence(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repository, {"a": "1"})
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(InputError, match="git is not installed"):
        written(repository, "HEAD")
    (repository / ".git" / "HEAD").unlink()
    monkeypatch.undo()
    with pytest.raises(InputError, match="git cannot read the repository"):
        written(repository, "main")


@pytest.mark.skipif(sys.platform == "darwin", reason="names are Unicode there")
@needs_links
def test_file_names_of_any_bytes_are_written(repository: Path) -> None:
    text = blob(repository, b"x")
    base = written(repository, commit_of(repository, (FILE, b"\xff\xfe", text), (FILE, b"a\\b:c", text)))
    assert sorted(os.fsencode(path.name) for path in base.iterdir()) == [b".git", b"a\\b:c", b"\xff\xfe"]
