"""The one module that touches files: boundaries, special files, files that change, and names that no file can have."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from azkvlint.util import project_boundary
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.output_files import output_path, write_file
from azkvlint.util.project_boundary import (
    INTO_GIT,
    OUTSIDE,
    begin_run,
    boundary_of,
    leads_into_git,
    named_path,
    real_path,
    real_path_of_read,
)
from azkvlint.util.project_files import (
    expand_glob,
    is_file,
    link_target,
    list_names,
    read_bytes,
    read_named,
    read_stdin,
    resolve_inside,
    walk,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows")
LIMIT = 1000


def put(file: Path, text: str = "x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "checkout"
    put(found / ".git" / "config", "secret")
    put(found / "a" / "main.tf")
    put(tmp_path / "outside" / "file", "secret")
    monkeypatch.chdir(found)
    begin_run([str(found)])
    return found


def test_a_listing_is_that_of_now(checkout: Path) -> None:
    for number in range(30):
        put(checkout / "a" / f"{number}.tf")
        names = list_names(str(checkout / "a"))
        assert names == {"main.tf", *(f"{one}.tf" for one in range(number + 1))}
        assert next(walk(str(checkout / "a")))[2] == names
    for number in range(30):
        (checkout / "a" / f"{number}.tf").rename(checkout / f"{number}.tf")
        assert f"{number}.tf" not in list_names(str(checkout / "a"))
        assert f"{number}.tf" not in next(walk(str(checkout / "a")))[2]


def test_folders_are_walked_as_python_does(checkout: Path) -> None:
    for name in ("b/c/x", "b/d/e/y", "skipped/z", "f"):
        put(checkout / name)
    for link, target in (("link", "b"), ("b/loop", "loop"), ("b/c/through", "x/y"), ("gone", "nothing")):
        (checkout / link).symlink_to(target)
    for again in range(2):
        found = {}
        for here, folders, files in walk(str(checkout)):
            folders[:] = [name for name in folders if name != "skipped"]
            found[here] = set(folders), files
        expected = {}
        for here, below, others in os.walk(checkout):
            below[:] = [name for name in below if name != "skipped"]
            links = {name for name in below if (Path(here) / name).is_symlink()}
            expected[here] = set(below) - links, frozenset(links.union(others))
        assert found == expected, again
    assert list(walk(str(checkout / "missing"))) == []


@pytest.mark.parametrize("name", ["main.tf", "link.tf", "broken.tf", "other", "..", ".", "", "missing.tf"])
def test_real_path_of_a_file_in_a_listed_folder_is_correct(checkout: Path, name: str) -> None:
    (checkout / "linked").symlink_to("a")
    (checkout / "a" / "link.tf").symlink_to("main.tf")
    (checkout / "a" / "broken.tf").symlink_to("nothing.tf")
    (checkout / "a" / "other").symlink_to("..")
    for folder in ("a", "linked"):
        read_bytes(f"{checkout / folder}/main.tf", LIMIT)
        path = f"{checkout / folder}/{name}"
        assert real_path_of_read(path) == os.path.realpath(path)


class TestBoundaries:
    def test_boundary_is_the_checkout(self, checkout: Path) -> None:
        assert boundary_of(str(checkout / "a" / "b")) == str(checkout)

    def test_a_submodule_is_part_of_its_checkout(self, checkout: Path) -> None:
        put(checkout / "sub" / ".git", "gitdir: ../.git/modules/sub")
        assert boundary_of(str(checkout / "sub" / "x")) == str(checkout)

    def test_a_checkout_below_a_plain_folder_is_its_own(self, checkout: Path) -> None:
        begin_run([str(checkout.parent)])
        put(checkout / "sub" / ".git", "gitdir: ../.git/modules/sub")
        assert boundary_of(str(checkout / "sub")) == str(checkout)
        assert boundary_of(str(checkout.parent / "outside")) == str(checkout.parent)

    def test_folder_around_two_checkouts_is_outside(self, checkout: Path) -> None:
        put(checkout.parent / "other" / ".git" / "HEAD")
        begin_run([str(checkout), str(checkout.parent / "other")])
        assert boundary_of(str(checkout / "a")) == str(checkout)
        assert boundary_of(str(checkout.parent / "outside")) == ""
        with pytest.raises(InputError, match="outside the project"):
            read_bytes(str(checkout.parent / "outside" / "file"), LIMIT)
        with pytest.raises(InputError, match="outside the project"):
            list_names(str(checkout.parent / "outside"))

    def test_boundary_is_the_nearest_named_folder(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The current folder is around the checkout, and is named too."""
        monkeypatch.chdir(checkout.parent)
        begin_run([str(checkout), "outside"])
        assert boundary_of(str(checkout / "a")) == str(checkout)

    def test_boundary_of_a_very_long_path_is_found(self, checkout: Path) -> None:
        assert boundary_of(str(checkout) + "/a" * 2000) == str(checkout)

    @pytest.mark.parametrize(
        "name", [".git", ".GIT", ".git/x", "a/.Git/x", ".git./x", "GIT~1", ".g\u200cit/config", ".git /x"]
    )
    def test_names_of_git_folders_are_recognized(self, name: str) -> None:
        assert leads_into_git(f"/c/{name}", "/c")

    @pytest.mark.parametrize("name", [".github/x", "git", "a.git", ".gitignore", "x/.gitkeep"])
    def test_other_names_are_not_git_folders(self, name: str) -> None:
        assert not leads_into_git(f"/c/{name}", "/c")

    def test_a_checkout_that_is_below_git_itself(self) -> None:
        assert not leads_into_git("/c/.git/worktree/main.tf", "/c/.git/worktree")


class TestReading:
    def test_links_out_of_the_checkout_are_refused(self, checkout: Path) -> None:
        for name, target, message in (
            ("out", "../../outside/file", OUTSIDE),
            ("absolute", str(checkout.parent / "outside" / "file"), OUTSIDE),
            ("gone", "../../outside/gone", OUTSIDE),
            ("system", "/proc/kmsg", OUTSIDE),
            ("git", "../.git/config", INTO_GIT),
            ("chain", "out", OUTSIDE),
            ("broken", "nowhere", "broken symbolic link"),
            ("loop", "loop", "broken symbolic link"),
        ):
            link = checkout / "a" / name
            link.symlink_to(target)
            with pytest.raises(InputError, match=message):
                read_bytes(str(link), LIMIT)
            assert is_file(str(link)) == (message in (OUTSIDE, INTO_GIT))
        (checkout / "a" / "fine").symlink_to("../a/main.tf")
        assert read_bytes(str(checkout / "a" / "fine"), LIMIT) == b"x"
        assert link_target(str(checkout / "a" / "fine")) == str(checkout / "a" / "main.tf")
        assert link_target(str(checkout / "a" / "out")) is None

    def test_a_folder_that_is_a_link(self, checkout: Path) -> None:
        (checkout / "more").symlink_to("../outside")
        with pytest.raises(InputError, match="outside the project"):
            read_bytes(str(checkout / "more" / "file"), LIMIT)
        with pytest.raises(InputError, match="outside the project"):
            list_names(str(checkout / "more"))
        assert resolve_inside(str(checkout), str(checkout), "more/file") is None

    @pytest.mark.parametrize("name", [".git", ".git/config", ".GIT/config", "g/config"])
    def test_files_in_git_folders_are_not_read(self, checkout: Path, name: str) -> None:
        (checkout / "g").symlink_to(".git")
        assert resolve_inside(str(checkout), str(checkout), name) is None
        with pytest.raises(InputError):
            read_bytes(str(checkout / name), LIMIT)

    def test_a_pipe_does_not_block(self, checkout: Path) -> None:
        os.mkfifo(checkout / "pipe")
        with pytest.raises(InputError, match="the path is not a regular file"):
            read_bytes(str(checkout / "pipe"), LIMIT)
        with pytest.raises(UsageError, match="the path is not a regular file"):
            read_named("pipe", "it", LIMIT)

    def test_link_swapped_in_while_a_file_is_opened_is_refused(
        self, checkout: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The link leads inside when it is looked at, and out when it is opened; the same with a folder on its way."""
        real = os.open
        (checkout / "a" / "link").symlink_to("target")
        put(checkout / "a" / "target")

        def swap(path: str, *rest: int) -> int:
            if path.endswith("target"):
                (checkout / "a" / "target").unlink()
                (checkout / "a" / "target").symlink_to(checkout.parent / "outside" / "file")
            return real(path, *rest)

        monkeypatch.setattr(os, "open", swap)
        with pytest.raises(InputError):
            read_bytes(str(checkout / "a" / "link"), LIMIT)

    def test_folder_swapped_while_a_file_is_opened_is_refused(
        self, checkout: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(checkout / "a" / "file")
        real = os.open

        def swap(path: str, *rest: int) -> int:
            if path.endswith("/a/file"):
                (checkout / "a").rename(checkout / "b")
                (checkout / "a").symlink_to(checkout.parent / "outside")
            return real(path, *rest)

        monkeypatch.setattr(os, "open", swap)
        with pytest.raises(InputError, match="the file was replaced while it was opened"):
            read_bytes(str(checkout / "a" / "file"), LIMIT)

    @pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, "x/" * 3000])
    def test_names_that_no_file_can_have(self, checkout: Path, name: str) -> None:
        assert not is_file(name)
        assert not is_file(str(checkout / name))
        with pytest.raises(InputError):
            read_bytes(str(checkout / name), LIMIT)
        with pytest.raises(UsageError):
            read_named(name, "it", LIMIT)
        assert isinstance(real_path(name), str)

    def test_files_above_the_limit_are_refused(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(checkout / "file", "x" * LIMIT)
        assert len(read_bytes(str(checkout / "file"), LIMIT)) == LIMIT
        with pytest.raises(InputError, match="the file is larger than 999 bytes"):
            read_bytes(str(checkout / "file"), 999)
        for size in (LIMIT, LIMIT + 1):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * size)))
            if size == LIMIT:
                assert len(read_stdin(LIMIT)) == LIMIT
            else:
                with pytest.raises(InputError, match="the file is larger than 1,000 bytes"):
                    read_stdin(LIMIT)

    def test_named_link_to_the_outside_keeps_its_folder(self, checkout: Path) -> None:
        (checkout / "a" / "link").symlink_to("../../outside/file")
        assert named_path("a/link") == str(checkout / "a" / "link")
        begin_run(["a/link"])
        assert read_bytes(str(checkout / "a" / "link"), LIMIT) == b"secret"
        assert boundary_of(str(checkout / "a")) == str(checkout)

    def test_links_are_refused_without_posix_flags(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on Windows, where opening a link follows it."""
        monkeypatch.setattr(project_boundary, "NOFOLLOW", 0)
        monkeypatch.setattr(project_boundary, "READ", os.O_RDONLY)
        (checkout / "a" / "out").symlink_to("../../outside/file")
        (checkout / "a" / "fine").symlink_to("main.tf")
        with pytest.raises(InputError, match=OUTSIDE):
            read_bytes(str(checkout / "a" / "out"), LIMIT)
        assert read_bytes(str(checkout / "a" / "fine"), LIMIT) == b"x"


class TestWriting:
    def test_a_path_through_links(self, checkout: Path) -> None:
        (checkout / "b").symlink_to("a")
        assert output_path("b/../b/x") == str(checkout / "a" / "x")
        assert output_path("b/x/..") == str(checkout / "a")
        (checkout / "loop").symlink_to("loop")
        with pytest.raises(OSError, match="symbolic links"):
            output_path("loop/x")

    def test_a_link_inside_the_checkout_stays_one(self, checkout: Path) -> None:
        write_file("report", b"new")
        (checkout / "report").unlink()
        (checkout / "report").symlink_to("a/main.tf")
        write_file("report", b"newer")
        assert (checkout / "a" / "main.tf").read_bytes() == b"newer"
        assert (checkout / "report").is_symlink()

    def test_links_of_a_folder_outside_of_checkouts_are_bounded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The files of a run count as a checkout."""
        put(tmp_path / "files" / "main.tf")
        (tmp_path / "files" / "report").symlink_to("../victim")
        monkeypatch.chdir(tmp_path / "files")
        begin_run(["."])
        with pytest.raises(UsageError, match="leads out of the checkout"):
            write_file("report", b"new")


@pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows")
def test_a_glob_enters_no_link_at_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three links to their own folder are 3 to the power of 40 paths for the system."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.json").write_text("")
    monkeypatch.chdir(tmp_path)
    for name in ("a.json", "sub/b.json", "sub/deep/c.json", "sub/d.tf", "[x]/e.json", ".hidden/f.json", ".g.json"):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text("")
    (tmp_path / "one").symlink_to("p")
    whole = ["p/[x]/e.json", "p/a.json", "p/sub/b.json", "p/sub/deep/c.json"]
    patterns = ("p/**/*.json", "p/**/**/*.json", f"{tmp_path}/p/**/*.json", "**/p/**/*.json", "one/**/*.json")
    expected = (whole, whole, [f"{tmp_path}/{name}" for name in whole], whole, [f"one{name[1:]}" for name in whole])
    for links in ((), ("x",), ("y", "sub/z")):
        for link in links:
            (tmp_path / "p" / link).symlink_to(tmp_path / "p")
        for pattern, names in zip(patterns, expected, strict=True):
            assert sorted(expand_glob(pattern)) == names
    (tmp_path / "p" / "out").symlink_to(tmp_path / "outside")
    for pattern, names in zip(patterns, expected, strict=True):
        assert sorted(expand_glob(pattern)) == names
    assert sorted(expand_glob("p/sub/**")) == [
        "p/sub/b.json",
        "p/sub/d.tf",
        "p/sub/deep",
        "p/sub/deep/c.json",
        "p/sub/z",
    ]
    assert sorted(expand_glob("one/*.json")) == ["one/a.json"]
    assert list(expand_glob("missing/**")) == []
