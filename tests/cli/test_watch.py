"""``--watch``: reports are kept as a fresh run would write them, whatever happens to the files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.linter.watch import Watch, folders_of
from azkvlint.model.finding import Report
from azkvlint.util.errors import KvlintError, UsageError

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

VAULT = """resource "azurerm_key_vault" "kv" {
  name                     = "kv-one"
  sku_name                 = "standard"
  purge_protection_enabled = %s
}
"""
CALL = 'module "m" {\n  source = "../module"\n}\n'
RULE = """
id: ACME-1
name: premium-vault
title: Vaults are of the premium tier
severity: low
resource: Microsoft.KeyVault/vaults
require:
  - attribute: properties.sku.name
    equals: premium
message: "'{resource}' is of the tier '{value}'."
why: Our keys have to be in hardware.
fix: Set `sku_name`.
references:
  - https://learn.microsoft.com/azure/key-vault/keys/about-keys
examples:
  - fails: the standard tier
    plan: |
      azurerm_key_vault.kv:  # <- ACME-1
        sku_name: standard
  - passes: the premium tier
    plan: |
      azurerm_key_vault.kv:
        sku_name: premium
"""
SOON = 20


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two roots of one module, and one that stands alone."""
    root = tmp_path / "project"
    for folder, text in {"one": CALL, "two": CALL, "module": VAULT % "false", "alone": VAULT % "true"}.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "main.tf").write_text(text)
    (root / ".git").mkdir()
    time.sleep(0.05)  # a file that has just changed may change again unseen, and would be read once more
    return root


class WatchedProject:
    """A watch whose reports and lines are kept."""

    def __init__(self, *paths: Path, outputs: tuple[str, ...] = (), rules: tuple[str, ...] = ()) -> None:
        self.fails = False
        self.rules = rules
        self.reports: list[Report] = []
        self.lines: list[str] = []
        self.paths = tuple(map(str, paths))

        def configure() -> Config:
            return Config(paths=self.paths, rules=self.rules, jobs=1)

        def publish(report: Report, _config: Config) -> None:
            if self.fails:
                raise UsageError("cannot write 'x.sarif': No space left on device")
            self.reports.append(report)

        self.watch = Watch(configure, publish, self.lines.append, outputs)
        self.watch.check()

    def after(self, *changes: Callable[[], object]) -> str:
        """The last line that is told after changes."""
        for change in changes:
            change()
        self.lines.clear()
        time.sleep(0.05)  # as long as no check begins after a change
        self.watch.check()
        return self.lines[-1].partition(" ")[2] if self.lines else ""


def test_change_is_printed_with_the_inputs_that_it_affects(project: Path) -> None:
    told = WatchedProject(project)
    assert told.lines[-1].endswith(" checked 3 of 3; watching for changes")
    edited = told.after(lambda: (project / "module/main.tf").write_text(VAULT % "true"))
    assert edited == "checked 2 of 3 (one, two); watching for changes"
    assert told.reports[-1] == check(Config(paths=told.paths, jobs=1))
    same = told.after(lambda: (project / "alone/main.tf").write_text(VAULT % "true"))
    assert same == "checked 1 of 3 (alone): no changes"
    assert len(told.reports) == 2


def test_deleted_input_is_reported_once_and_checked_after_it_returns(project: Path) -> None:
    told = WatchedProject(project / "alone")
    text = (project / "alone/main.tf").read_text()
    line = told.after(lambda: shutil.rmtree(project / "alone"))
    assert line.endswith("/alone' does not exist; the reports were not updated")
    assert told.after() == ""
    assert len(told.reports) == 1
    (project / "alone").mkdir()
    told.after(lambda: (project / "alone/main.tf").write_text(text))
    assert told.reports == [told.reports[0]] * 2


def test_incomplete_file_is_a_problem_until_it_is_complete(project: Path) -> None:
    told = WatchedProject(project)
    told.after(lambda: (project / "alone/main.tf").write_text((VAULT % "true")[:40]))
    assert [problem.level for problem in told.reports[-1].problems] == ["error"]
    told.after(lambda: (project / "alone/main.tf").write_text(VAULT % "true"))
    assert told.reports[-1] == told.reports[0]


def test_a_report_that_cannot_be_written_is_written_later(project: Path) -> None:
    told = WatchedProject(project)
    told.fails = True
    line = told.after(lambda: (project / "alone/main.tf").write_text(VAULT % "false"))
    assert line == "error: cannot write 'x.sarif': No space left on device; the reports were not updated"
    told.fails = False
    told.after()
    assert told.reports == [told.reports[0], check(Config(paths=told.paths, jobs=1))]
    assert told.reports[0] != told.reports[1]


def test_changed_rules_are_loaded_and_applied_to_every_input(project: Path, tmp_path: Path) -> None:
    rule = tmp_path / "rules" / "ACME-1-premium-vault.yaml"
    rule.parent.mkdir()
    rule.write_text(RULE)
    told = WatchedProject(project, rules=(str(rule.parent),))
    assert "ACME-1" in {finding.rule.id for finding in told.reports[-1].findings}
    line = told.after(lambda: rule.write_text("id: [\n\x1b[31m"))
    assert line.endswith("; the reports were not updated")
    assert "\x1b" not in line
    assert rule.name in line
    changed = told.after(lambda: rule.write_text(RULE.replace("of the premium", "not of the standard")))
    assert changed == "checked 3 of 3; watching for changes"
    assert "Vaults are not of the standard tier" in {finding.rule.title for finding in told.reports[-1].findings}


def test_printed_changes_contain_no_escape_sequences(project: Path) -> None:
    told = WatchedProject(project)
    folder = project / "x\x1b[31m"
    folder.mkdir()
    line = told.after(lambda: (folder / "main.tf").write_text(VAULT % "true"))
    assert "\x1b" not in line
    assert "checked 1 of 4 (x" in line


def test_reports_and_swap_files_are_not_changes(project: Path) -> None:
    report = project / ".sarif" / "kvlint.sarif"
    counts = WatchedProject(project, outputs=(str(report),)).watch._is_relevant
    ours = (report, f"{report}.77.partial", project / "one/.main.tf.swp", project / "one/main.tf~")
    assert not any(counts(None, str(path)) for path in ours)
    assert counts(None, str(project / "one/main.tf"))


def test_folders_of_called_modules_are_watched(project: Path) -> None:
    told = WatchedProject(project / "one")
    watched = folders_of(told.paths, told.watch._run.dependencies)
    assert {str(project / "one"), str(project / "module"), str(project)} <= watched
    assert str(project / "two") not in watched
    shutil.rmtree(project / "one")
    assert str(project) in folders_of(told.paths, ())


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("none",), 2, "'none' does not exist"),
        ((".", "--min-severity", "x"), 2, "--min-severity x: unknown severity"),
        ((".", "-f", "sarif=none/x.sarif"), 2, "cannot write 'none/x.sarif'"),
        ((".", "--rules", "main.tf"), 3, "main.tf:1:1: "),
    ],
)
def test_input_that_cannot_be_checked_is_not_watched(
    kvlint: Kvlint, tmp_path: Path, words: tuple[str, ...], code: int, text: str
) -> None:
    pytest.importorskip("watchfiles", reason="the extra 'watch' is not installed")
    (tmp_path / "main.tf").write_text(VAULT % "true")
    said = kvlint("--watch", *words)
    assert (said.code, said.out) == (code, "")
    assert text in said.err


@pytest.mark.parametrize("words", [("-",), (".", "-")])
def test_standard_input_cannot_be_watched(run: Run, words: tuple[str, ...]) -> None:
    done = run("--watch", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == "kvlint: error: --watch cannot read standard input (name files or folders)\n"


@pytest.mark.parametrize("error", [OSError("OS file watch limit reached."), FileNotFoundError("gone")])
def test_limit_of_the_system_for_watched_folders_is_reported(project: Path, error: OSError) -> None:
    class Watcher:
        @staticmethod
        def watch(*_folders: str, **_options: object) -> Iterator[set[str]]:
            yield set()
            raise error

    changes = WatchedProject(project).watch._changes(Watcher, ["a", "b"])
    assert next(changes) is False
    if isinstance(error, FileNotFoundError):
        assert list(changes) == []  # whoever called it looks again which folders there are
        return
    with pytest.raises(KvlintError) as caught:
        next(changes)
    assert caught.value.message == "the system cannot watch 2 folders: OS file watch limit reached."
    assert "max_user_watches" in str(caught.value.hint)


def test_missing_watch_package_is_reported_with_the_install_command(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UsageError) as caught:
        WatchedProject(project).watch.run([str(project)])
    assert (caught.value.message, caught.value.hint) == (
        "--watch requires the package `watchfiles`",
        "run `pip install watchfiles`",
    )


# --- the real thing ---------------------------------------------------------------------------------------------------


@pytest.fixture
def watching(project: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    pytest.importorskip("watchfiles", reason="the extra 'watch' is not installed")
    words = [sys.executable, "-m", "azkvlint", "--watch", ".", "-f", "text", "-f", "sarif=.sarif/kvlint.sarif"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(words, cwd=project, env=environment, stdout=out, stderr=err)
        yield process
        process.kill()
        process.wait()


def test_watch_ends_when_standard_output_is_closed(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles", reason="the extra 'watch' is not installed")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    words = [sys.executable, "-m", "azkvlint", "--watch", "."]
    with subprocess.Popen(
        words, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        while b"watching" not in process.stderr.readline():
            pass
        (project / "alone" / "main.tf").write_text(VAULT % "false")
        assert process.wait(SOON) == 0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_editor_sees_each_change(watching: subprocess.Popen[bytes], project: Path, tmp_path: Path) -> None:
    log = project / ".sarif" / "kvlint.sarif"

    def rules() -> list[str]:
        if not log.exists():
            return []
        found = json.loads(log.read_bytes())["runs"][0]["results"]  # never half of a log
        return sorted(one["ruleId"] for one in found)

    def is_ready() -> bool:
        return b"watching for changes" in (tmp_path / "err").read_bytes()

    until(is_ready)
    assert "KV001" in rules()
    saved = project / "module" / "main.tf.new"
    saved.write_text(VAULT % "true")
    saved.replace(project / "module" / "main.tf")  # as editors save
    until(lambda: "KV001" not in rules())
    (project / "new").mkdir()
    (project / "new" / "main.tf").write_text(VAULT % "false")
    until(lambda: "KV001" in rules())
    shutil.rmtree(project / "new")
    until(lambda: "KV001" not in rules())
    watching.send_signal(signal.SIGINT)
    assert watching.wait(SOON) == 130
    told = (tmp_path / "err").read_text()
    assert "checked 2 of 3 (one, two); watching for changes" in told
    assert "Traceback" not in told
