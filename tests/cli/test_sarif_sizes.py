"""Logs as large as GitHub takes them: a warning above what it stores, nothing above what it refuses, in good time."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sarif import violations

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(8)

# GitHub refuses a larger log, packed.
MOST_BYTES = 10_000_000
# Ten times what it takes; this only catches what grows with the square.
MOST_SECONDS = 60
WARNING = "kvlint: {} results; GitHub code scanning stores the first 5,000 (raise --min-severity, or split the input)\n"


def run_of(text: str) -> dict[str, Any]:
    """The one run of a log; of its results, which are alike, a few are held against the schema."""
    log = json.loads(text)
    (run,) = log["runs"]
    assert violations(log | {"runs": [run | {"results": run["results"][::500]}]}) == []
    return dict(run)


def plan(count: int, *, is_known: bool = True) -> str:
    """A plan of so many vaults, with purge protection off or not known."""
    purge = {"purge_protection_enabled": not is_known or False}
    changes = [
        {
            "address": f"azurerm_key_vault.kv{number}",
            "mode": "managed",
            "type": "azurerm_key_vault",
            "name": f"kv{number}",
            "provider_name": "registry.terraform.io/hashicorp/azurerm",
            "change": {
                "actions": ["create"],
                "before": None,
                "after": {"name": f"kv{number}"} | (purge if is_known else {}),
                "after_unknown": {} if is_known else purge,
            },
        }
        for number in range(count)
    ]
    configuration: dict[str, Any] = {"root_module": {"variables": {"x": {}}}}
    return json.dumps(
        {"format_version": "1.2", "complete": True, "resource_changes": changes, "configuration": configuration}
    )


@pytest.mark.parametrize(
    ("vaults", "warning"),
    [
        (5_000, ""),
        (5_001, WARNING.format("5,001")),
        (25_001, WARNING.format("25,001")),
    ],
)
def test_many_results(vaults: int, warning: str, kvlint: Kvlint, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(plan(vaults), encoding="utf-8")
    start = time.process_time()
    said = kvlint("plan.json", "--select", "KV001", "-f", "sarif")
    assert time.process_time() - start < MOST_SECONDS
    assert (said.code, said.err) == (1, warning)
    data = said.out.encode()
    assert len(gzip.compress(data, 6)) < MOST_BYTES
    run = run_of(said.out)
    assert len(run["results"]) == min(vaults, 25_000)
    left_out: list[dict[str, Any]] = [
        one
        for one in run["invocations"][0].get("toolExecutionNotifications", [])
        if one["descriptor"]["id"] == "KVE009"
    ]
    assert [one["message"]["text"][:43] for one in left_out] == (
        ["1 result of the least severe left out: a lo"] if vaults > 25_000 else []
    )
    marks = [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]
    assert len(set(marks)) == len(marks)


def test_included_results_are_part_of_the_limit_of_results(kvlint: Kvlint, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(plan(5_001, is_known=False), encoding="utf-8")
    words = ("plan.json", "--select", "KV001", "-f", "sarif")
    said = kvlint(*words)
    assert (len(run_of(said.out)["results"]), said.err) == (0, "")
    said = kvlint(*words, "--sarif-include", "unknown")
    assert len(run_of(said.out)["results"]) == 5_001
    assert said.err == WARNING.format("5,001")


def test_the_log_of_a_small_plan_describes_the_rules_of_its_results(kvlint: Kvlint, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(plan(1), encoding="utf-8")
    said, audit = (kvlint("plan.json", "-f", "sarif", *words) for words in ((), ("--sarif-include", "rules")))
    run, whole = run_of(said.out), run_of(audit.out)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({result["ruleId"] for result in run["results"]})
    assert len(said.out) < 100_000 < len(audit.out)
    # The rest is the same.
    assert len(whole["tool"]["driver"]["rules"]) > 90
    same = [[{**one, "ruleIndex": 0} for one in log["results"]] for log in (run, whole)]
    assert same[0] == same[1]
    assert [rule for rule in whole["tool"]["driver"]["rules"] if rule["id"] in rules] == run["tool"]["driver"]["rules"]
