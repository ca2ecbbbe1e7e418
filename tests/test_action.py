"""The action's steps, run with bash as a runner runs them. Only the installation is stood in for."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from tests.action import ROOT, STEPS, TOKEN, Runner

if TYPE_CHECKING:
    from tests.conftest import Run

SAMPLES = ROOT / "samples"
LOCK = ROOT / ".github" / "action" / "requirements.txt"
CARELESS = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  properties: {}\n}\n"
# A medium finding, KV601, and a low one.
UNDATED = """resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = { name: 'kv-app' }
resource secret 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: kv
  name: 'a'
  properties: {}
}
"""
# Each would do something, were it ever read as anything but a text.
HOSTILE = ["$(touch pwned); `touch pwned` --evil", "'; touch pwned; '", '"; touch pwned; "', "--output=pwned", "-", "*"]

pytestmark = [
    pytest.mark.slow(8),
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to run the steps"),
]


@pytest.fixture
def action(tmp_path: Path, installed: Path) -> Runner:
    runner = Runner(tmp_path, installed)
    shutil.copytree(SAMPLES, runner.workspace / "samples")
    return runner


def results(sarif: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(Path(sarif).read_bytes())["runs"]
    return [result for run in runs for result in run["results"]]


# What the samples are known to have.
KNOWN = len(results(str(SAMPLES / "careless" / "main.bicep.expected.sarif")))


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_findings_are_uploaded_and_fail_the_job(action: Runner) -> None:
    before = files(action.workspace)
    done = action(paths="samples/careless/main.bicep", category="vaults")
    sarif = done.outputs["sarif-file"]
    assert (done.code, done.outputs["exit-code"]) == (1, "1")
    assert done.outputs["findings"] == str(len(results(sarif))) == str(KNOWN)
    assert Path(sarif).is_relative_to(action.temp)
    root = str(action.workspace)
    assert done.uploaded == [{"sarif_file": sarif, "checkout_path": root, "category": "vaults", "token": TOKEN}]
    assert "samples/careless/main.bicep:12:1: high[KV101]" in done.log
    assert f"::error title=kvlint::Exit code 1, findings: {KNOWN}" in done.log
    assert "KV101" in done.summary
    assert files(action.workspace) == before


def test_the_error_names_the_rules_and_severities(action: Runner) -> None:
    (action.workspace / "main.bicep").write_text(CARELESS + UNDATED.replace(" kv ", " old ").replace(": kv", ": old"))
    done = action(paths="main.bicep", select="KV001\nKV601\nKV603")
    assert "::error title=kvlint::Exit code 1, findings: 2: KV001 (1 high), KV601 (1 medium)\n" in done.log


def test_a_long_list_of_rules_is_cut() -> None:
    spec = importlib.util.spec_from_file_location("result", ROOT / ".github" / "action" / "result.py")
    assert spec is not None
    assert spec.loader is not None
    result: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(result)
    findings = [{"ruleId": f"KV{number:03}", "severity": "low"} for number in range(20)]
    findings += [{"ruleId": "KV019", "severity": "critical"}, {"ruleId": "x\n::error::y", "severity": "low"}]
    text = result.by_rule([*findings, findings[0]])
    assert text.startswith("KV019 (1 critical), KV000 (2 low), KV001 (1 low), ")
    assert text.endswith("KV010 (1 low), 9 more")


def test_empty_log_is_uploaded_so_that_alerts_are_closed(action: Runner) -> None:
    done = action(paths="samples/hardened/main.bicep\n\n  \nsamples/hardened/main.json\r\n")
    assert (done.code, done.outputs["exit-code"], done.outputs["findings"]) == (0, "0", "0")
    assert results(done.uploaded[0]["sarif_file"]) == []
    assert "::error" not in done.log


def test_plan_is_reported_on_its_source_and_not_uploaded_if_upload_is_false(action: Runner) -> None:
    done = action(paths="", plan="samples/careless/plan.json\n", source_root="samples/careless", upload="false")
    places = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in results(done.outputs["sarif-file"])
    }
    assert (done.code, done.uploaded) == (1, [])
    assert {Path(place).suffix for place in places} == {".tf"}


def test_severities_are_kvlints_own_options(action: Runner) -> None:
    (action.workspace / "main.bicep").write_text(UNDATED, encoding="utf-8")
    done = action(paths="main.bicep", fail_on="high", min_severity="medium")
    assert (done.code, done.outputs["exit-code"], done.outputs["findings"]) == (0, "0", "1")
    assert [result["ruleId"] for result in results(done.uploaded[0]["sarif_file"])] == ["KV601"]
    assert "kvlint: nothing that fails the job (findings: 1)" in done.log


def test_inputs_take_precedence_over_a_configuration_file(action: Runner, run: Run) -> None:
    if "--config" not in run("check", "--help").out:
        pytest.skip("this kvlint has no --config")
    config = 'min-severity = "low"\nfail-on = "critical"\noutput = "pwned"\n'
    (action.workspace / "policy.toml").write_text(config, encoding="utf-8")
    (action.workspace / "main.bicep").write_text(UNDATED, encoding="utf-8")
    done = action(paths="main.bicep", config="policy.toml", min_severity="medium")
    assert (done.code, done.outputs["findings"]) == (0, "1")
    assert "main.bicep:2:1: medium[KV601] " in done.log
    assert not (action.workspace / "pwned").exists()


def test_unreadable_input_fails_the_job_and_is_uploaded(action: Runner) -> None:
    (action.workspace / "broken.json").write_text("{", encoding="utf-8")
    done = action(paths="broken.json")
    assert (done.code, done.outputs["exit-code"], len(done.uploaded)) == (3, "3", 1)
    assert "::error title=kvlint::Analysis incomplete" in done.log


def test_outputs_are_set_even_if_the_upload_fails(action: Runner) -> None:
    action.refused = True
    done = action(paths="samples/hardened/main.json")
    assert (done.code, done.outputs["exit-code"]) == (1, "0")
    assert "(findings: 0)" in done.log


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paths", "no-such-file.bicep"),
        ("min_severity", "$(touch pwned)"),
        ("config", "--evil"),
        ("source_root", "; id"),
    ],
)
def test_usage_error_has_no_file_to_upload(name: str, value: str, action: Runner) -> None:
    done = action(**{"paths": "samples/hardened/main.json", name: value})
    assert (done.code, done.outputs["exit-code"], done.outputs["sarif-file"], done.uploaded) == (2, "2", "", [])
    assert "::error title=kvlint::kvlint could not run (exit code 2)" in done.log
    assert not (action.workspace / "pwned").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upload", "yes"),
        ("upload", "true\nfalse"),
        ("format", ""),
        ("format", "sarif=pwned"),
        ("format", "text\n::error::x"),
        ("paths", "\n \r\n"),
    ],
)
def test_inputs_that_are_refused(name: str, value: str, action: Runner) -> None:
    before = files(action.workspace)
    done = action(**{"paths": "samples/hardened/main.json", name: value})
    assert (done.code, done.outputs["exit-code"], done.uploaded) == (2, "2", [])
    assert f"::error title=kvlint::{name} " in done.log
    assert files(action.workspace) == before


@pytest.mark.parametrize("path", [HOSTILE[0], "--output=pwned", "-", "*"])
def test_paths_are_texts(path: str, action: Runner) -> None:
    done = action(paths=f"samples/hardened/main.json\n{path}")
    assert (done.code, done.uploaded) == (2, [])
    assert f"'{'./' if path.startswith('-') else ''}{path}' does not exist" in done.log
    assert not list(action.workspace.rglob("pwned"))


def test_files_may_have_such_names(action: Runner) -> None:
    for name in HOSTILE:
        (action.workspace / f"{name}.bicep").write_text(CARELESS, encoding="utf-8")
    done = action(paths="\n".join(f"{name}.bicep" for name in HOSTILE))
    assert done.code == 1
    found = [one for one in results(done.outputs["sarif-file"]) if one["ruleId"] == "KV001"]
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in found]
    assert sorted(unquote(uri) for uri in uris) == sorted(f"{name}.bicep" for name in HOSTILE)
    # The text report prints them as one, since only the files differ.
    assert f".bicep:1:1: high[KV001] Purge protection is not enabled on kv [and {len(HOSTILE) - 1} more: " in done.log
    assert not list(action.workspace.rglob("pwned"))


def test_modules_of_the_repository_are_not_imported(action: Runner) -> None:
    for name in ("kvlint", "json", "secrets", "msgspec", "sitecustomize"):
        (action.workspace / f"{name}.py").write_text("open('pwned', 'w')\n", encoding="utf-8")
    done = action({"PYTHONPATH": str(action.workspace)}, paths="samples/hardened/main.json")
    assert done.code == 0
    assert not (action.workspace / "pwned").exists()


def test_names_are_not_commands_to_the_runner(action: Runner) -> None:
    folder = action.workspace / "::error title=forged::"
    folder.mkdir()
    (folder / "main.bicep").write_text(CARELESS, encoding="utf-8")
    lines = action(paths=folder.name).log.splitlines()
    forged = [position for position, line in enumerate(lines) if "title=forged" in line]
    begin, token = next((at, line[17:]) for at, line in enumerate(lines) if line.startswith("::stop-commands::"))
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert forged
    assert begin < min(forged) <= max(forged) < lines.index(f"::{token}::")


def test_annotations_are_commands(action: Runner) -> None:
    log = action(paths="samples/careless/main.bicep", format="github").log
    assert "stop-commands" not in log
    assert re.search(r"^::error .*file=samples/careless/main\.bicep", log, re.MULTILINE)


def test_action_installs_the_lock_file_and_its_own_commit(action: Runner) -> None:
    """Never a name: on PyPI, kvlint is another project. Nothing comes from there that the lock does not pin."""
    locked, itself, checked = action({"PYTHONPATH": str(action.workspace)}, paths="").installed
    for words in (locked, itself, checked):
        assert words[:4] == ["PYTHONPATH=", "-I", "-m", "pip"]
    assert {"install", "--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(locked)
    assert locked[-2:] == ["--requirement", str(LOCK)]
    assert {"install", "--no-deps", "--no-build-isolation", "--no-index"} <= set(itself)
    assert itself[-1] == str(ROOT)
    assert checked[-1] == "check"
    names = [word for words in (locked[:-2], itself[:-1], checked) for word in words[4:] if not word.startswith("-")]
    assert names == ["install", "install", "check"]


def test_kvlint_is_built_from_installed_packages_without_network(tmp_path: Path) -> None:
    """As the action builds it: without an environment of its own, and without the network."""
    pytest.importorskip("hatchling", reason="what kvlint is built with is not installed")
    if not (ROOT / "src").is_dir():
        pytest.skip("there are no sources here")
    copied = tmp_path / "kvlint"
    shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".*", "dist", "site", "tests", "samples", "docs"))
    words = ["-I", "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"]
    target = tmp_path / "target"
    done = subprocess.run(
        [sys.executable, *words, "--target", str(target), str(copied)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert list((target / "azkvlint" / "rules").glob("*.json"))


def test_scripts_are_strict_and_contain_no_expressions() -> None:
    scripts = [step["run"] for step in STEPS if "run" in step]
    assert len(scripts) == 6
    for script in scripts:
        assert script.startswith("set -euo pipefail\n")
        assert "${{" not in script
