"""Links to folders, and folders that are skipped by their names."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.readers.discover import SKIPPED, discover
from tests.util.test_git_index import git

if TYPE_CHECKING:
    from tests.conftest import Run

VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    monkeypatch.chdir(folder)
    return folder


def put(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(VAULT)


def named(*paths: str) -> list[str]:
    return sorted(source.path for source in discover(paths)[0] if not source.is_link)


def links_out(*paths: str) -> dict[str, bool]:
    return {source.path: source.is_code for source in discover(paths)[0] if source.is_link}


@pytest.mark.usefixtures("checkout")
class TestLinksInside:
    @pytest.mark.parametrize("name", sorted(SKIPPED - {".git"}))
    def test_target_of_a_link_in_a_skipped_folder_is_read(self, name: str) -> None:
        put("main.tf", f"{name}/prod/main.tf", f"{name}/prod/eu/main.tf", f"{name}/other/main.tf")
        Path("prod").symlink_to(f"{name}/prod")
        assert named(".") == sorted([f"{name}/prod/eu/main.tf", f"{name}/prod/main.tf", "main.tf"])

    def test_a_link_may_lead_to_a_link_and_have_the_name_of_a_file(self) -> None:
        put(".venv/a/main.tf")
        Path(".venv/b").symlink_to("a")
        Path("prod.tf").symlink_to(".venv/b")
        assert named(".") == [".venv/a/main.tf"]

    def test_a_link_out_of_the_named_folder_is_followed(self) -> None:
        put("infra/main.tf", "other/prod/main.tf", "other/dev/main.tf")
        Path("infra/prod").symlink_to("../other/prod")
        assert named("infra") == ["infra/main.tf", "other/prod/main.tf"]

    def test_a_link_to_a_folder_around_it_is_not_followed(self) -> None:
        put("infra/main.tf", "other/main.tf")
        Path("infra/top").symlink_to("..")
        Path("infra/self").symlink_to(".")
        assert named("infra") == ["infra/main.tf"]

    def test_links_in_linked_folders_are_followed_and_circles_end(self) -> None:
        put(".venv/a/main.tf", "node_modules/b/main.tf")
        Path("prod").symlink_to(".venv/a")
        Path(".venv/a/next").symlink_to("../../node_modules/b")
        Path("node_modules/b/next").symlink_to("../../.venv/a")
        assert named(".") == [".venv/a/main.tf", "node_modules/b/main.tf"]

    def test_an_excluded_link_is_not_followed(self) -> None:
        put(".venv/a/main.tf")
        Path("prod").symlink_to(".venv/a")
        assert discover(["."], [("", "prod")])[0] == []

    def test_ten_thousand_links_take_little_time(self) -> None:
        put(".venv/a/main.tf")
        Path("links").mkdir()
        for number in range(5_000):
            Path(f"links/{number}").symlink_to("../.venv/a")
            Path(f"links/x{number}").symlink_to(f"x{number + 1}")
        start = time.process_time()
        assert named(".") == [".venv/a/main.tf"]
        assert time.process_time() - start < 3


@pytest.mark.usefixtures("checkout")
class TestLinksOut:
    def test_a_tracked_link_beside_code_is_an_error(self, checkout: Path, run: Run) -> None:
        Path("../outside").mkdir()
        put("infra/main.tf", "docs/readme.txt")
        for link in ("prod", "docs/more", "infra/x/deep", "infra/.venv"):
            Path(link).parent.mkdir(exist_ok=True)
            Path(link).symlink_to(checkout.parent / "outside")
        git(checkout, "add", "-f", ".")
        Path("untracked").symlink_to(checkout.parent / "outside")
        Path("node_modules").symlink_to(checkout.parent / "outside")
        assert links_out(".") == {
            "prod": True, "docs/more": False, "infra/x/deep": False, "infra/.venv": True, "untracked": False,
        }  # fmt: skip
        said = run(".", "--select", "KV501", "-f", "concise", cwd=checkout)
        assert said.code == 3
        assert "prod:1:1: KVE001 error the folder was not read: it is a symbolic link that leads out" in said.out
        assert "untracked:1:1: KVE002" in said.out

    def test_broken_link_to_the_outside_is_reported(self, checkout: Path) -> None:
        put("main.tf")
        Path("prod").symlink_to("../../missing/prod")
        Path("within").symlink_to("missing/prod")
        Path("README.md").symlink_to("../../missing/README.md")
        git(checkout, "add", ".")
        assert links_out(".") == {"prod": True}

    def test_without_an_index_a_link_beside_code_is_an_error(self) -> None:
        put("main.tf")
        Path("prod").symlink_to("/")
        Path("node_modules").symlink_to("/")
        assert links_out(".") == {"prod": True}


@pytest.mark.usefixtures("checkout")
class TestSkippedFolders:
    @pytest.mark.parametrize("name", sorted(SKIPPED - {".git"}))
    def test_tracked_files_in_a_skipped_folder_are_read(self, name: str, checkout: Path) -> None:
        put("main.tf", f"{name}/prod/main.tf", f"{name}/prod/kv.bicep", f"app/{name}/x.txt", f"app/{name}/t.json")
        git(checkout, "add", "-f", f"{name}/prod/main.tf", f"{name}/prod/kv.bicep", f"app/{name}")
        put(f"{name}/untracked/main.tf")
        expected = [f"{name}/prod/kv.bicep", f"{name}/prod/main.tf", f"app/{name}/t.json", "main.tf"]
        assert named(".") == sorted(expected)

    def test_a_tracked_link_in_a_skipped_folder_is_followed(self, checkout: Path) -> None:
        put(".venv/real/main.tf")
        Path(".venv/prod").symlink_to("../node_modules/real")
        put("node_modules/real/main.tf")
        git(checkout, "add", "-f", ".venv/prod")
        assert named(".") == ["node_modules/real/main.tf"]

    def test_a_tracked_submodule_in_a_skipped_folder_is_read(self, checkout: Path) -> None:
        put(".venv/module/main.tf")
        git(checkout, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},.venv/module")
        assert named(".") == [".venv/module/main.tf"]

    def test_a_file_that_no_longer_exists_is_not_read(self, checkout: Path) -> None:
        put(".venv/main.tf", ".venv/other.tf")
        git(checkout, "add", "-f", ".")
        Path(".venv/main.tf").unlink()
        assert named(".") == [".venv/other.tf"]

    def test_excluded_files_behind_links_are_not_read(self, checkout: Path) -> None:
        put(".venv/main.tf", "node_modules/main.tf")
        git(checkout, "add", "-f", ".")
        sources, _ = discover(["."], [("", ".venv"), ("", "node_modules/main.tf")])
        assert sources == []

    def test_everything_is_read_if_the_index_cannot_be(self, checkout: Path) -> None:
        put(".venv/main.tf")
        (checkout / ".git" / "index").write_bytes(b"DIRC")
        assert named(".") == [".venv/main.tf"]

    def test_index_of_an_inner_checkout_is_used(self, checkout: Path) -> None:
        inner = checkout / "inner"
        inner.mkdir()
        git(inner, "init", "-q")
        put("inner/.venv/main.tf")
        git(inner, "add", "-f", ".")
        assert named(".") == ["inner/.venv/main.tf"]
