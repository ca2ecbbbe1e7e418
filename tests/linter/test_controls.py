"""kvlint controls: every row of a checklist, answered for every vault, with the evidence for it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(3)

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
EXIT_CODES = {"careless": 1, "hardened": 0}
ROWS = 16
DAY = ("--as-of", "2026-11-01")
SECRET = "correct-horse-battery-staple"


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """A copy of the samples outside of any checkout."""
    shutil.copytree(SAMPLES, tmp_path / "samples")
    return tmp_path


@pytest.mark.parametrize("name", EXIT_CODES)
def test_controls_of_samples_are_the_expected_text(
    name: str, away: Path, run: Run, pytestconfig: pytest.Config
) -> None:
    ran = run("controls", f"samples/{name}", *DAY, cwd=away)
    assert (ran.code, ran.err) == (EXIT_CODES[name], "")
    file = SAMPLES / name / "controls.expected.txt"
    if pytestconfig.getoption("--write-expected"):
        file.write_bytes(ran.out.encode())
    assert ran.out.encode() == file.read_bytes()
    # An address in a template may be longer than a line.
    assert all(len(line) <= 80 or len(line.split()) == 1 for line in ran.out.splitlines())


@pytest.mark.parametrize("name", EXIT_CODES)
def test_sample_has_the_same_control_statuses_in_every_language(name: str, away: Path, run: Run) -> None:
    told = {}
    for source in ("main.tf", "plan.json", "main.bicep", "main.json"):
        vaults = document(run, f"samples/{name}/{source}", cwd=away)["vaults"]
        told[source] = {vault["name"]: statuses(vault) for vault in vaults}
        assert all(len(rows) == ROWS for rows in told[source].values())
    assert told["main.bicep"] == told["main.json"] == told["main.tf"] == told["plan.json"]


def test_a_plan_and_its_source_are_one_deployment(away: Path, run: Run) -> None:
    for name in ("main.bicep", "main.json"):
        (away / "samples/hardened" / name).unlink()
    (vault,) = document(run, "samples/hardened", cwd=away)["vaults"]
    assert vault["root"] == "samples/hardened"
    assert vault["location"]["path"] == "samples/hardened/main.tf"


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_no_secret_is_in_it(form: str, away: Path, run: Run) -> None:
    ran = run("controls", "-f", form, "--framework", "all", "samples/careless", *DAY, cwd=away)
    assert ran.code == 1
    assert SECRET not in ran.out


def test_controls_do_not_depend_on_the_number_of_processes(away: Path, run: Run) -> None:
    command = ("controls", "-f", "json", "--framework", "all", "samples", *DAY)
    assert run(*command, "--jobs", "2", cwd=away) == run(*command, "--jobs", "1", cwd=away)


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_output_does_not_hang_on_the_hash_seed(form: str, away: Path, run: Run) -> None:
    command = ("controls", "-f", form, "--framework", "mcsb", "samples/careless", *DAY)
    assert run(*command, cwd=away, env={"PYTHONHASHSEED": "1"}) == run(*command, cwd=away, env={"PYTHONHASHSEED": "2"})


def test_controls_contain_every_finding_of_their_rules(away: Path, run: Run) -> None:
    """What kvlint finds with the same rules is told of some vault, and nothing else is."""
    said = document(run, "--framework", "all", "samples/careless", cwd=away)
    rules = {rule for one in said["frameworks"] for row in one["controls"] for rule in row["rules"]}
    ran = run("-f", "json", "--select", ",".join(sorted(rules)), *DAY, "samples/careless", cwd=away)
    report = json.loads(ran.out)
    found = {
        (one["ruleId"], one["outcome"], each["resource"])
        for one in report["findings"] + report["unknown"]
        for each in one["occurrences"]
    }
    told = {
        (evidence["ruleId"], evidence["outcome"], evidence["resource"])
        for vault in said["vaults"]
        for one in vault["frameworks"]
        for row in one["controls"]
        for evidence in row["evidence"]
    }
    assert {one for one in told if one[1] != "pass"} == found


@pytest.mark.parametrize("name", EXIT_CODES)
def test_evidence_is_in_words(name: str, away: Path, run: Run) -> None:
    """No value of a met control is in the notation of the engine, and none is of another vault."""
    notation = re.compile(r"\[\]|\[unknown|: (true|false)\b|is (true|false)\b|derived\.")
    for source in ("main.tf", "plan.json", "main.bicep", "main.json"):
        said = document(run, f"samples/{name}/{source}", "--framework", "all", cwd=away)
        values = [
            (vault["resource"], evidence["found"])
            for vault in said["vaults"]
            for framework in vault["frameworks"]
            for control in framework["controls"]
            for evidence in control["evidence"]
            if evidence["found"]
        ]
        assert len(values) > 10
        assert [value for _, value in values if notation.search(re.sub(r"\(default[^)]*\)", "", value))] == []
        vaults = {vault["resource"] for vault in said["vaults"]}
        for own, value in values:
            assert not [other for other in vaults - {own} if re.search(rf"{re.escape(other)}(?![\w-])", value)]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_heading_names_the_frameworks_with_their_versions(form: str, away: Path, run: Run) -> None:
    ran = run("controls", "-f", form, "--framework", "cis-azure,mcsb", "samples/hardened/main.tf", cwd=away)
    head = ran.out.partition("kv-app-hardened")[0]
    for title, name in (
        ("CIS Microsoft Azure Foundations 6.0.0", "cis-azure-6.0.0"),
        ("Microsoft cloud security benchmark v1", "mcsb"),
    ):
        assert title in head
        assert name in head.replace("\\", "")


def document(run: Run, *words: str | Path, cwd: Path) -> dict[str, Any]:
    ran = run("controls", "-f", "json", *DAY, *words, cwd=cwd)
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def statuses(vault: dict[str, Any], framework: int = 0) -> dict[str, str]:
    return {row["id"]: row["status"] for row in vault["frameworks"][framework]["controls"]}


# --- frameworks -------------------------------------------------------------------------------------------------------


def test_the_checklist_has_sixteen_rows_in_six_sections() -> None:
    (checklist,) = [one for one in builtin_frameworks(builtin_rules()) if one.name == "key-vault"]
    assert len(checklist.controls) == ROWS
    assert len(dict.fromkeys(control.section for control in checklist.controls)) == 6
    assert all(control.rules or control.platform is not None for control in checklist.controls)


def test_controls_that_rules_name_are_in_their_framework() -> None:
    """Else a framework would leave out what a rule claims to answer."""
    frameworks: dict[str, set[str]] = {}
    for one in builtin_frameworks(builtin_rules()):
        for name in (one.name, one.family):
            frameworks.setdefault(name, set()).update(control.id for control in one.controls)
    said = {(name, id_) for rule in builtin_rules() for name, ids in rule.controls.items() for id_ in ids}
    missing = sorted((name, id_) for name, id_ in said if name in frameworks and id_ not in frameworks[name])
    assert missing == []


def test_all_versions_of_frameworks_are_built_in() -> None:
    names = {one.name for one in builtin_frameworks(builtin_rules())}
    versions = ("1.1.0", "1.3.0", "1.4.0", "1.5.0", "2.0.0", "2.1.0", "3.0.0", "4.0.0", "5.0.0", "6.0.0")
    assert {f"cis-azure-{version}" for version in versions} <= names
    assert {"mcsb", "mcsb-v2", "nist-800-53-r4", "nist-800-53-r5", "pci-dss-4.0.1", "iso-27002-2022"} <= names
