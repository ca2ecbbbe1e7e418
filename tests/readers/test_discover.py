"""From paths on the command line to the files that are read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.linter.workers import evaluate_units
from azkvlint.readers.discover import Source, discover, read_source
from azkvlint.util.errors import InputError, UsageError

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.readers.conftest import PlanJson


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in that is no checkout."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def put(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")


def named(*paths: str) -> list[str]:
    return [source.path for source in discover(paths)[0]]


def refuse(monkeypatch: pytest.MonkeyPatch, function: str, name: str) -> None:
    """Let a function of os fail for folders of a name, as it does for those that may not be read."""
    real = getattr(os, function)

    def patched(path: str) -> Any:
        if path.endswith(name):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, function, patched)


@pytest.mark.usefixtures("folder")
class TestPaths:
    def test_file_of_any_name_is_read(self) -> None:
        put("plan.txt")
        assert discover(["plan.txt"])[0] == [
            Source(file=str(Path("plan.txt").resolve()), path="plan.txt", is_explicit=True)
        ]

    def test_folder_is_read_recursively_without_skipped_folders(self) -> None:
        put("d/b.json", "d/a.JSON", "d/c.txt", "d/inner/z.json", "d/.terraform/x.json", "d/inner/.git/x.json")
        put("d/node_modules/x.json", "d/.hidden/y.json")
        assert named("d") == ["d/a.JSON", "d/b.json", "d/.hidden/y.json", "d/inner/z.json"]

    def test_folder_on_the_command_line_is_read_with_any_name(self) -> None:
        put(".terraform/plan.json")
        assert named(".terraform") == [".terraform/plan.json"]

    def test_path_named_twice_is_read_once_as_named(self) -> None:
        put("d/a.json", "d/b.json")
        sources, _ = discover(["d", "d/../d/b.json", "./d"])
        assert [(source.path, source.is_explicit) for source in sources] == [("d/a.json", False), ("d/b.json", True)]

    def test_standard_input_is_read_once(self) -> None:
        assert named("-", "-") == ["stdin"]

    def test_paths_are_relative_to_the_common_folder(self) -> None:
        put("x/plan.json", "y/plan.json")
        assert named("x/plan.json", "y/plan.json") == ["x/plan.json", "y/plan.json"]

    @pytest.mark.parametrize("name", ["nowhere", "nowhere/plan.json", "plan.json/x", "x\0y", ""])
    def test_a_path_that_does_not_exist(self, name: str) -> None:
        put("plan.json")
        with pytest.raises(UsageError, match="does not exist"):
            discover(["plan.json", name])

    def test_links_make_no_loop(self) -> None:
        put("d/plan.json")
        Path("d/again").symlink_to(".", target_is_directory=True)
        Path("d/loop.json").symlink_to("loop.json")
        assert named("d") == ["d/plan.json"]

    def test_a_file_of_two_names_is_read_once(self) -> None:
        put("d/plan.json", "elsewhere/other.json")
        Path("d/z.json").symlink_to("plan.json")
        Path("d/other.json").symlink_to("../elsewhere/other.json")
        assert named("d", "d/z.json") == ["d/other.json", "d/plan.json"]

    @pytest.mark.parametrize(
        ("file", "link"),
        [
            ("main.tf", "a.json"),
            ("main.bicep", "a.json"),
            ("main.json", "a.bicep"),
            ("main.json", "a.parameters.json"),
            ("terragrunt.hcl", "a.json"),
        ],
    )
    def test_a_link_of_another_kind_does_not_replace_the_file(self, file: str, link: str) -> None:
        put(f"d/{file}")
        Path("d", link).symlink_to(file)
        assert named("d") == [f"d/{link}", f"d/{file}"]

    @pytest.mark.parametrize("name", ["main.tf", "terragrunt.hcl"])
    def test_a_file_that_several_modules_share_is_part_of_each(self, name: str) -> None:
        put(f"d/a/{name}", "d/b/z.json")
        Path("d/b", name).symlink_to(f"../a/{name}")
        assert named("d") == [f"d/a/{name}", f"d/b/{name}", "d/b/z.json"]

    @pytest.mark.parametrize("path", ["link", "link/plan.json", "link.json"])
    def test_a_link_out_of_here_is_named_by_where_it_leads(self, path: str) -> None:
        """A name with ``..`` in it is none that a SARIF viewer could follow."""
        put("../elsewhere/plan.json")
        Path("link").symlink_to("../elsewhere", target_is_directory=True)
        Path("link.json").symlink_to("../elsewhere/plan.json")
        assert named(path) == ["plan.json"]

    def test_pipes_in_a_folder_are_not_opened(self) -> None:
        put("d/plan.json")
        os.mkfifo("d/pipe.json")
        assert named("d") == ["d/plan.json"]

    def test_names_that_are_not_unicode(self) -> None:
        name = os.fsdecode(b"\xff.json")
        put(name)
        assert named(".") == [name]

    def test_a_folder_that_cannot_be_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not passed over: a plan may be in it."""
        put("d/plan.json", "d/closed/plan.json")
        refuse(monkeypatch, "scandir", "closed")
        refuse(monkeypatch, "listdir", "closed")
        sources, _ = discover(["d"])
        assert [source.path for source in sources] == ["d/plan.json", "d/closed"]
        with pytest.raises(InputError, match="cannot be listed: Permission denied"):
            read_source(sources[1])


def test_other_json_is_ignored(folder: Path, plan: PlanJson, run: Run) -> None:
    for name, data in {
        "plan.json": plan.text(),
        "utf16.json": plan.text().decode().encode("utf-16"),
        "cut.json": plan.text()[:200],
        "package.json": b'{"name": "x"}',
        "state.json": b'{"lineage": "x"}',
        "empty.json": b"",
    }.items():
        (folder / name).write_bytes(data)
    assert json.loads(run("-f", "json", ".", cwd=folder).out)["sources"] == ["cut.json", "plan.json", "utf16.json"]


class TestCommandLine:
    @pytest.mark.parametrize("inside", [[], ["package.json"], ["main.txt"]])
    def test_folder_without_input_is_incomplete(self, inside: list[str], folder: Path, run: Run) -> None:
        for name in inside:
            (folder / name).write_text('{"name": "x"}')
        ran = run(".", cwd=folder)
        assert ran.code == 3
        what = "no Terraform module, plan, Bicep file, ARM template or what-if result was found"
        assert f"nothing to check in .: {what}" in ran.out + ran.err
        assert "terraform show -json tfplan > plan.json" in ran.out + ran.err

    def test_broken_plan_does_not_affect_others(self, folder: Path, plan: PlanJson, run: Run) -> None:
        """Every plan that can be read is judged, and the broken one makes the answer incomplete."""
        plan.resource("azurerm_key_vault.kv", {"name": "kv", "purge_protection_enabled": False})
        (folder / "good.json").write_bytes(plan.text())
        (folder / "broken.json").write_bytes(plan.text()[:-5])
        (folder / "other.json").write_text('{"name": "x"}')
        (folder / "notes.json").write_text("no JSON at all")
        ran = run("-f", "json", ".", cwd=folder)
        assert ran.code == 3
        report = json.loads(ran.out)
        assert {finding["location"]["path"] for finding in report["findings"]} == {"good.json"}
        errors = [problem for problem in report["problems"] if problem["level"] == "error"]
        assert [problem["location"]["path"] for problem in errors] == ["broken.json"]


@pytest.mark.parametrize("words", [["."], ["controls", "."], ["suppressions", "."]])
def test_a_folder_that_is_removed_during_the_run(
    words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "main.tf").write_text('resource "azurerm_key_vault" "a" {}')

    def remove(*arguments: Any, **options: Any) -> Any:
        shutil.rmtree(folder)
        return evaluate_units(*arguments, **options)

    monkeypatch.setattr("azkvlint.linter.linter.evaluate_units", remove)
    monkeypatch.setattr("sys.argv", ["kvlint", *words])
    _run_with_error_handling(words)
    assert not folder.exists()
    assert "internal error" not in capfd.readouterr().err
