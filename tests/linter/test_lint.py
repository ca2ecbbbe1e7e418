"""The public interface of the package: the page about it runs, and importing it costs nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any, cast

import pytest

import azkvlint
from azkvlint import (
    CheckSettings,
    KvlintError,
    Report,
    Severity,
    analyze_access,
    diff,
    exit_code,
    fix,
    lint,
    load_settings,
    render,
)
from azkvlint.config.run_config import Config
from azkvlint.linter.compiled_rules import CompiledRules
from azkvlint.linter.linter import Progress, check, config_for
from azkvlint.linter.result_cache import ResultCache
from tests.conftest import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python-api.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
VAULT = 'resource "azurerm_key_vault" "kv" { name = "kv" }\n'


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    blocks = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    for name in ("check.py", "main.tf"):
        (tmp_path / name).write_text(blocks[name])
    done = subprocess.run(
        [sys.executable, "check.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(azkvlint.__file__).parents[1])},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == (blocks["output"], "", 0)


def test_the_page_lists_every_setting() -> None:
    fields = CheckSettings.__struct_fields__
    table = PAGE.read_text(encoding="utf-8").partition("## Settings")[2].partition("## Report")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(fields)


def test_import_imports_nothing_else() -> None:
    script = "import sys; before = set(sys.modules); import azkvlint; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "['azkvlint']\n"


def test_every_public_name_exists_and_no_other() -> None:
    for name in azkvlint.__all__:
        assert getattr(azkvlint, name).__name__ == name
    assert set(azkvlint.__all__) <= set(dir(azkvlint))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = azkvlint.nothing


def test_api_reports_the_results_of_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(VAULT)
    settings = CheckSettings(select=("KV0",), min_severity=Severity.MEDIUM)
    report = lint(tmp_path / "main.tf", settings)
    done = run(tmp_path / "main.tf", "--select", "KV0", "--min-severity", "medium", "-f", "json")
    printed = json.loads(done.out)
    assert [one["fingerprint"] for one in printed["findings"]] == [one.fingerprint for one in report.findings] != []
    assert [one["message"] for one in printed["unknown"]] == [one.message for one in report.unknown]
    assert (exit_code(report, settings), report.is_complete) == (done.code, True)


RULE = """
id: ACME-1
name: allowed-location
title: "Vaults should be in an allowed location"
category: hygiene
severity: medium
resource: Microsoft.KeyVault/vaults
require:
  - attribute: location
    equals: {0}
message: "{{resource}} is in another location"
why: It is elsewhere.
fix: Set the location.
references: [https://example.com/locations]
examples:
  - fails: Another location fails
    terraform: |
      resource "azurerm_key_vault" "kv" {{
        location = "elsewhere" # <- ACME-1
      }}
    bicep: |
      resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
        name: 'example'
        location: 'elsewhere' // <- ACME-1
      }}
  - passes: The location passes
    terraform: |
      resource "azurerm_key_vault" "kv" {{
        location = "{0}"
      }}
    bicep: |
      resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
        name: 'example'
        location: '{0}'
      }}
"""


MODULE = {
    "main.tf": 'module "kv" {\n  source = "./modules/kv"\n  name   = "kv-app"\n}\n',
    "modules/kv/main.tf": 'variable "name" {}\n\nresource "azurerm_key_vault" "app" {\n  name = var.name\n}\n',
}
PROTECTED = {
    **MODULE,
    "modules/kv/main.tf": MODULE["modules/kv/main.tf"].replace("}\n", "  purge_protection_enabled = true\n}\n"),
}


def test_texts_in_memory_are_checked_as_a_folder_with_them(tmp_path: Path) -> None:
    for name, text in MODULE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    report = lint(MODULE, CheckSettings(select=("KV001",)))
    assert [finding.at.path for finding in report.findings] == ["modules/kv/main.tf"]
    assert render(report) == render(lint(tmp_path, CheckSettings(select=("KV001",))))
    assert not Path(report.root).exists()


@pytest.mark.parametrize("name", ["", "/etc/main.tf", "../main.tf", "a//main.tf", "./main.tf", "a\0b.tf"])
def test_texts_in_memory_have_paths_below_their_folder(name: str) -> None:
    with pytest.raises(KvlintError, match="not the path of a file"):
        lint({name: VAULT})


def test_file_in_memory_is_not_a_folder_too() -> None:
    with pytest.raises(KvlintError, match="cannot be written"):
        lint({"main.tf": VAULT, "main.tf/main.tf": VAULT})


def test_fixes_return_the_changed_texts() -> None:
    settings = CheckSettings(select=("KV001",))
    refused = fix(MODULE, settings)
    assert (refused.fixes, refused.texts, len(refused.refusals)) == ((), {}, 1)
    found = fix(MODULE, settings, allow=("irreversible", "apply-fails"))
    assert [one.rule for one in found.fixes] == ["KV001"]
    assert b"purge_protection_enabled = true" in found.texts["modules/kv/main.tf"]
    assert json.loads(render(found))["fixes"]
    with pytest.raises(KvlintError, match="unknown class of fixes 'acces'"):
        fix(MODULE, settings, allow=("acces",))


def test_two_trees_in_memory_are_compared() -> None:
    difference = diff(MODULE, PROTECTED)
    assert "KV001" in [change.finding.rule.id for change in difference.changes]
    assert [door.resource for door in difference.doors] == ["module.kv.azurerm_key_vault.app"]
    assert json.loads(render(difference))
    with pytest.raises(KvlintError, match="compares two inputs"):
        diff([], MODULE)


def test_access_is_analyzed_and_rendered() -> None:
    report = analyze_access(MODULE)
    assert [vault.address for vault in report.vaults] == ["module.kv.azurerm_key_vault.app"]
    assert "module.kv.azurerm_key_vault.app" in render(report, "markdown")


def test_settings_of_configuration_files_apply_if_they_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.tf").write_text(VAULT)
    (tmp_path / "kvlint.toml").write_text('select = ["KV003"]\n')
    monkeypatch.chdir(tmp_path)
    assert "KV001" in [finding.rule.id for finding in lint(".").findings]
    assert [rule.id for rule in lint(".", load_settings(".")).rules] == ["KV003"]


@pytest.mark.parametrize("name", ["json", "sarif", "text", "markdown", "html"])
def test_reports_are_rendered_in_each_format(name: str) -> None:
    assert "KV001" in render(lint(MODULE, CheckSettings(select=("KV001",))), name)


def test_an_unknown_format_has_a_suggestion() -> None:
    with pytest.raises(KvlintError, match="unknown format 'sarfi'") as caught:
        render(lint(MODULE), "sarfi")
    assert caught.value.hint == "did you mean 'sarif'?"


def test_threads_have_the_results_of_runs_alone() -> None:
    trees: list[dict[str, str]] = [MODULE, PROTECTED] * 3
    with ThreadPoolExecutor(max_workers=6) as pool:
        reports = list(pool.map(lint, trees))
    assert [render(report) for report in reports] == [render(lint(tree)) for tree in trees]


def _together(*runs: Callable[[Progress], object]) -> list[object]:
    """Return the results of runs in threads, none of which ends before all have begun."""
    barrier = Barrier(len(runs))

    def result(run: Callable[[Progress], object]) -> object:
        calls = count()

        def progress(*_: int) -> None:
            if next(calls) == 0:
                barrier.wait(20)

        return run(progress)

    with ThreadPoolExecutor(max_workers=len(runs)) as pool:
        return list(pool.map(result, runs))


def _trees(folder: Path) -> list[Path]:
    """Return two checkouts. Each has a link to a file of the other, which its own run may not read."""
    trees = [folder / "a", folder / "b"]
    for tree, other, days in zip(trees, reversed(trees), (7, 90), strict=True):
        (tree / ".git").mkdir(parents=True)
        (tree / "main.tf").write_text(VAULT.replace("}", f"  soft_delete_retention_days = {days}\n}}"))
        (tree / "main.bicep").write_text(f"param n string = '{tree.name}'\nmodule m 'kv.bicep' = {{ name: n }}\n")
        (tree / "kv.bicep").write_text("resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { name: 'kv' }\n")
        (tree / "other.tf").symlink_to(other / "main.tf")
    return trees


@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_at_the_same_time_have_the_results_of_runs_alone(jobs: int, tmp_path: Path) -> None:
    trees = _trees(tmp_path)
    settings = CheckSettings(jobs=jobs)
    alone = [render(lint(tree, settings)) for tree in trees]
    assert alone[0] != alone[1]
    reports = _together(*(partial(lint, tree, settings) for tree in trees))
    assert [render(cast("Report", report)) for report in reports] == alone


def test_a_check_during_fixes_reads_the_files_as_they_are(tmp_path: Path) -> None:
    """Fixes are proven with other texts in place of the files."""
    first, second = _trees(tmp_path)
    alone = render(lint(first)), render(fix(first)), render(lint(second))
    with ThreadPoolExecutor(max_workers=3) as pool:
        fixes = pool.submit(fix, first)
        checks = [pool.submit(lint, tree) for tree in (first, second) * 3]
        assert render(fixes.result()) == alone[1]
        assert [render(check.result()) for check in checks] == [alone[0], alone[2]] * 3


def test_runs_in_sequence_have_the_results_of_runs_alone(tmp_path: Path) -> None:
    first, second = _trees(tmp_path)
    command = [sys.executable, "-c", "import sys, azkvlint; print(azkvlint.render(azkvlint.lint(sys.argv[1])), end='')"]
    alone = {
        tree: subprocess.run([*command, tree], capture_output=True, encoding="utf-8", check=True, timeout=60).stdout
        for tree in (first, second)
    }
    for tree in (first, second, first, second):
        assert render(lint(tree)) == alone[tree]
        fix(tree)


def test_a_run_inside_another_does_not_change_its_results(tmp_path: Path) -> None:
    first, second = _trees(tmp_path)
    inner: list[str] = []
    report = lint(first, progress=lambda *_: inner.append(render(lint(second))))
    assert render(report) == render(lint(first))
    assert set(inner) == {render(lint(second))}


def test_a_finding_is_one_line_when_it_is_printed() -> None:
    report = lint(MODULE, CheckSettings(select=("KV001",)))
    assert str(report.findings[0]) == "<Finding fail KV001 modules/kv/main.tf:3 module.kv.azurerm_key_vault.app>"
    assert str(report) == "<Report findings: 1, unknown: 0, problems: 0>"


def test_checks_in_one_process_do_not_depend_on_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        VAULT.replace("{ name", "{\nlocation = 'here'\nname").replace("'", '"').replace(" }", "\n}")
    )
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "ACME-1-allowed-location.yaml").write_text(RULE.format(place))
    settings = [
        CheckSettings(select=("KV001",)), CheckSettings(), CheckSettings(as_of="2031-01-01"),
        CheckSettings(select=("KV001", "ACME-1"), rules=(str(tmp_path / "here"),)),
        CheckSettings(select=("KV001", "ACME-1"), rules=(str(tmp_path / "there"),)),
    ]  # fmt: skip
    alone = [lint(tmp_path / "main.tf", one) for one in settings]
    assert len({render(report) for report in alone}) > 2
    cache = ResultCache()
    for number in (0, 1, 0, 2, 3, 4, 3, 1, 4, 2):
        config = config_for([str(tmp_path / "main.tf")], settings[number])
        assert check(config, cache=cache) == alone[number]


def test_a_rule_that_requires_1_is_not_one_that_requires_true(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kv" {\n  soft_delete_retention_days = 1\n}\n')
    rule = tmp_path / "rules" / "ACME-1-allowed-location.yaml"
    rule.parent.mkdir()
    text = RULE.format("here").replace(
        "location\n    equals: here", "properties.softDeleteRetentionInDays\n    equals: {}"
    )
    config = Config(paths=(str(tmp_path / "main.tf"),), select=("ACME-1",), rules=(str(rule),))
    found, compiled, cache = [], CompiledRules(), ResultCache()
    for value in ("1", "true", "1", "true"):
        rule.write_text(text.replace("{}", value, 1))
        reports = check(config, compiled=compiled), check(config, cache=cache)
        found.append([len(report.findings) for report in reports])
    assert found == [[0, 0], [1, 1], [0, 0], [1, 1]]


def test_some_rules_are_evaluated_with_a_cache_without_an_earlier_run(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kv" {\n  purge_protection_enabled = false\n}\n')
    config = Config(paths=(str(tmp_path / "main.tf"),))
    assert len({one.rule.id for one in check(config).findings}) > 1
    cache = ResultCache().with_partial_results(["KV001"])
    assert [one.rule.id for one in check(config, cache=cache).findings] == ["KV001"]


def test_an_unreadable_input_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{")
    report = lint([str(file)])
    assert (len(report.problems), report.is_complete, exit_code(report, CheckSettings())) == (1, False, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"select": "KV001"}, r"invalid settings: `select"),
        ({"min_severity": "high"}, r"invalid settings: `min_severity"),
        ({"as_of": "tomorrow"}, "`as_of` is not a date: tomorrow"),
        ({"select": ("KV999",)}, "no rule matches 'KV999'"),
    ],
)
def test_invalid_settings_raise(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    (tmp_path / "main.tf").write_text(VAULT)
    with pytest.raises(KvlintError, match=message):
        lint(tmp_path, CheckSettings(**fields))


def test_missing_paths_raise(tmp_path: Path) -> None:
    with pytest.raises(KvlintError, match="no path to check"):
        lint([])
    with pytest.raises(KvlintError, match="does not exist"):
        lint([tmp_path / "missing"])
