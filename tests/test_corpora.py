"""Plans that nobody on this team wrote: all are read, and verdicts agree with what other tools say of them.

They lie beside the checkout and are other people's files, so they are read in place, and absent for most.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"
PLANS = sorted((CORPORA / "plan").rglob("*.json"))
# Printed by Terraform itself, from projects with one vault each.
WHOLE = [plan for plan in PLANS if plan.parent.name == "zodiac-ae"]
AGREEMENT = ROOT / "benchmarks" / "agreement.py"
VAULTS = "Microsoft.KeyVault/vaults"
# A shorter value, such as "/", is in every report anyway.
TELLING = 6

if not PLANS:
    pytest.skip(f"the corpora are not here: no plans in {CORPORA / 'plan'}", allow_module_level=True)


class PlanRun(NamedTuple):
    """What one run says about a plan, in each format."""

    code: int
    report: dict[str, Any]
    texts: tuple[str, ...]


def name(plan: Path) -> str:
    return plan.relative_to(CORPORA).as_posix()


def judge(plan: Path, run: Run, folder: Path) -> PlanRun:
    files = {form: folder / f"report.{form}" for form in ("json", "sarif")}
    formats = [word for form, file in files.items() for word in ("-f", f"{form}={file}")]
    ran = run("-v", "-f", "text", *formats, plan)
    assert ran.code in {0, 1, 3}, ran.err
    assert ran.err == ""
    written = [file.read_text(encoding="utf-8") for file in files.values()]
    return PlanRun(ran.code, json.loads(written[0]), (ran.out, *written))


def changes(plan: Path, type_: str) -> list[dict[str, Any]]:
    entries = json.loads(plan.read_bytes()).get("resource_changes", [])
    return [entry["change"] for entry in entries if entry["type"] == type_ and entry["mode"] == "managed"]


@pytest.mark.parametrize("plan", PLANS, ids=name)
def test_every_plan_is_read_and_no_vault_is_skipped(plan: Path, run: Run, tmp_path: Path) -> None:
    said = judge(plan, run, tmp_path)
    summary, problems = said.report["summary"], said.report["problems"]
    assert summary["evaluatedResources"].get(VAULTS, 0) == len(changes(plan, "azurerm_key_vault"))
    assert [problem for problem in problems if problem["code"] == "KVE004"] == []  # no rule crashed
    whole = all(problem["level"] != "error" for problem in problems)
    assert said.code == ((1 if said.report["findings"] else 0) if whole else 3)


@pytest.mark.parametrize("plan", WHOLE, ids=name)
def test_whole_plans_are_evaluated_completely_and_print_no_secrets(plan: Path, run: Run, tmp_path: Path) -> None:
    said = judge(plan, run, tmp_path)
    # What is not at hand is the source that the plan was made from.
    assert {problem["code"] for problem in said.report["problems"]} <= {"KVE008"}
    assert said.report["summary"]["evaluatedResources"][VAULTS] == 1
    open_to_all = [one for one in said.report["findings"] if one["ruleId"] == "KV101"]
    assert [one["severity"] for one in open_to_all] == ["high"]
    assert open_to_all[0]["message"].endswith(" allows access from all networks: no network rules are set")
    values = [change["after"].get("value") or "" for change in changes(plan, "azurerm_key_vault_secret")]
    assert [value for value in values for text in said.texts if len(value) >= TELLING and value in text] == []


def test_verdicts_agree_with_other_tools() -> None:
    done = subprocess.run([sys.executable, AGREEMENT], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
