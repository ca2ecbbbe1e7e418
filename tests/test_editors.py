"""What docs/editors.md gives people to copy works."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.config.arguments import plain_arguments
from azkvlint.config.run_config import Config
from azkvlint.linter.watch import Watch
from azkvlint.util.errors import UsageError
from sitegen.terminal import picture_text

if TYPE_CHECKING:
    from tests.conftest import Run

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
LINE = "infra/a b/main.tf:12:3: KV001 error 'azurerm_key_vault.kv' can be purged: C:\\x:1:2: KV002 info"


def tasks() -> list[dict[str, Any]]:
    block = re.search(r"<!-- tasks -->\n```json\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    document = json.loads(block[1])
    assert document["version"] == "2.0.0"
    found: list[dict[str, Any]] = document["tasks"]
    return found


def matched(line: str, pattern: dict[str, Any]) -> dict[str, str] | None:
    """What Visual Studio Code takes from a line; its patterns mean the same in Python."""
    found = re.search(pattern["regexp"], line)
    return None if found is None else {key: found[group] for key, group in pattern.items() if key != "regexp"}


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task["label"])
def test_a_task_is_understood(task: dict[str, Any]) -> None:
    arguments = plain_arguments(task["args"])
    assert arguments is not None
    assert arguments.watch is bool(task.get("isBackground"))
    assert arguments.formats == ("concise", "sarif=.sarif/kvlint.sarif")
    matcher = task["problemMatcher"]
    assert matched(LINE, matcher["pattern"]) == {
        "file": "infra/a b/main.tf", "line": "12", "column": "3", "code": "KV001", "severity": "error",
        "message": "'azurerm_key_vault.kv' can be purged: C:\\x:1:2: KV002 info",
    }  # fmt: skip
    assert matched("Found 18 issues (18 high) in 2 key vaults.", matcher["pattern"]) is None


def test_a_task_takes_every_line_that_is_printed(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "main.tf").write_text((ROOT / "samples/careless/main.tf").read_text())
    (tmp_path / "broken.bicep").write_text("resource")
    done = run(".", "-f", "concise", cwd=tmp_path)
    pattern = tasks()[0]["problemMatcher"]["pattern"]
    *lines, counts = done.out.splitlines()
    assert matched(counts, pattern) is None
    found = [matched(line, pattern) for line in lines]
    assert len(found) > 10
    for one in found:
        assert one is not None
        assert (tmp_path / one["file"]).is_file()


def test_background_task_detects_when_a_check_begins_and_ends(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kv" {}\n')
    lines: list[str] = []
    watch = Watch(lambda: Config(paths=(str(tmp_path),), jobs=1), lambda *_: lines.append("reports"), lines.append, ())
    watch.check()
    background = tasks()[1]["problemMatcher"]["background"]
    told = [f"kvlint: {line}" for line in lines]
    assert [bool(re.search(background["beginsPattern"], line)) for line in told] == [True, False, False]
    assert [bool(re.search(background["endsPattern"], line)) for line in told] == [False, False, True]


def test_background_task_detects_a_failed_check(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kv" {}\n')
    configurations = [Config(paths=(str(tmp_path),), jobs=1)]

    def configure() -> Config:
        if not configurations:
            raise UsageError("kvlint.toml:1:1: strict must be true or false")
        return configurations.pop()

    lines: list[str] = []
    watch = Watch(configure, lambda *_: None, lines.append, ())
    watch.check()
    watch.check()
    background = tasks()[1]["problemMatcher"]["background"]
    assert " error: kvlint.toml:1:1: strict must be true or false; " in lines[-1]
    assert re.search(background["endsPattern"], f"kvlint: {lines[-1]}")


def test_the_recipes_start_the_server_or_a_check() -> None:
    blocks = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', TEXT, re.DOTALL | re.MULTILINE))
    helix = tomllib.loads(blocks["languages.toml"])
    sublime = json.loads(blocks["LSP.sublime-settings"])["clients"]["kvlint"]
    (zed,) = json.loads(blocks["tasks.json"])
    assert helix["language-server"]["kvlint"] == {"command": "kvlint", "args": ["lsp"]}
    assert all("kvlint" in language["language-servers"] for language in helix["language"])
    assert sublime["command"] == ["kvlint", "lsp"]
    assert '{ "kvlint", "lsp" }' in blocks["init.lua"]
    assert '("kvlint" "lsp")' in blocks["init.el"]
    arguments = plain_arguments(zed["args"])
    assert zed["command"] == "kvlint"
    assert arguments is not None
    assert arguments.watch


def test_the_picture_of_neovim_has_the_findings_of_its_line(run: Run) -> None:
    """If this fails, draw the pictures again: ``PYTHONPATH=docs python -m sitegen.neovim``."""
    done = run("samples/careless/main.tf", "-f", "concise", cwd=ROOT)
    found = re.findall(r"^samples/careless/main.tf:42:1: (KV\d+) (?:error|warning) (.*)$", done.out, re.MULTILINE)
    assert len(found) >= 3
    shown = picture_text((ROOT / "docs" / "assets" / "neovim-diagnostics.svg").read_text(encoding="utf-8"))
    assert [rule for rule, message in found if f"{rule}:{''.join(message.split())}" not in shown] == []


def test_commands_of_the_page_are_understood() -> None:
    commands = re.findall(r"^\$ kvlint ([^<\n]*)", TEXT, re.MULTILINE)
    assert len(commands) >= 2
    for command in commands:
        assert plain_arguments(command.split()) is not None


def test_log_creates_its_folder_and_contains_the_root_uri(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kv" {}\n')
    done = run(".", "-f", "sarif=.sarif/kvlint.sarif", cwd=tmp_path)
    assert (done.code, done.err) == (1, "")
    log = json.loads((tmp_path / ".sarif" / "kvlint.sarif").read_bytes())["runs"][0]
    assert log["originalUriBaseIds"]["%SRCROOT%"]["uri"] == f"{tmp_path.as_uri()}/"
    assert [path.name for path in (tmp_path / ".sarif").iterdir()] == ["kvlint.sarif"]


def test_a_link_in_that_folder_is_never_followed(run: Run, tmp_path: Path) -> None:
    """A checkout may bring one that leads to a file of the user's own."""
    (tmp_path / "main.tf").write_text("")
    (tmp_path / "own").write_text("mine")
    (tmp_path / ".sarif").mkdir()
    log = tmp_path / ".sarif" / "kvlint.sarif"
    log.symlink_to(tmp_path / "own")
    assert run(".", "-f", "sarif=.sarif/kvlint.sarif", cwd=tmp_path).code == 0
    assert (tmp_path / "own").read_text() == "mine"
    assert not log.is_symlink()
    assert json.loads(log.read_bytes())["version"] == "2.1.0"


@pytest.mark.parametrize("file", ["logs/kvlint.sarif", ".sarif/deep/kvlint.sarif", "x/.sarif/kvlint.sarif"])
def test_no_other_folder_is_made(run: Run, tmp_path: Path, file: str) -> None:
    (tmp_path / "main.tf").write_text("")
    done = run(".", "-f", f"sarif={file}", cwd=tmp_path)
    assert (done.code, done.err) == (2, f"kvlint: error: cannot write '{file}': No such file or directory\n")
    assert not (tmp_path / file).parent.exists()
