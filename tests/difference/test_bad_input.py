"""What cannot be compared is an error: exit code 2 or 3, and nothing on standard output."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.difference.conftest import Diff
from tests.difference.inputs import BICEP, TERRAFORM, encoded, plan_with, unchanged_plan

REPORT = {
    "version": 2, "tool": {"name": "kvlint", "version": "1"}, "sources": ["."], "rules": ["KV001"], "findings": [],
    "unknown": [], "suppressed": [], "problems": [], "evaluated": [],
}  # fmt: skip
GOOD = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
OTHER = 'resource "azurerm_key_vault" "web" {\n  name = "web"\n}\n'


def report(**changes: Any) -> bytes:
    return json.dumps(REPORT | changes).encode()


def plan(**changes: Any) -> bytes:
    return encoded(plan_with() | changes)


INPUTS: dict[str, dict[str, str] | bytes] = {
    "good": {"main.tf": GOOD},
    "other": {"main.tf": OTHER},
    "bicep": {"main.bicep": BICEP},
    "broken": {"main.tf": 'resource "azurerm_key_vault" {'},
    "empty": {"README.md": "nothing"},
    "plan.json": plan(),
    "plan9.json": plan(format_version="9.0"),
    "errored.json": plan(errored=True),
    "empty.json": b"",
    "text.json": b"no JSON",
    "report.json": report(),
    "report9.json": report(version=9),
    "incomplete.json": report(problems=[{"code": "KVE001", "level": "error", "message": "unreadable"}]),
    "access.json": json.dumps({"version": 1, "tool": {"name": "kvlint", "version": "1"}, "rows": []}).encode(),
    "shape.json": report(findings=[{"ruleId": 1}]),
    "rule.json": report(rules=[1]),
}
WRONG = {
    "missing": (("good", "missing"), 2, "'missing' does not exist"),
    "missing base": (("missing", "good"), 2, "'missing' does not exist"),
    "three inputs": (("good", "good", "good"), 2, "compares two inputs, not 3"),
    "one folder": (("good",), 2, "'good' is neither a plan nor a what-if result, but a folder"),
    "one file": (("good/main.tf",), 2, "'good/main.tf' is neither a plan nor a what-if result"),
    "one report": (("report.json",), 2, "'report.json' is a JSON report, which has one state only"),
    "folder and plan": (("good", "plan.json"), 2, "compare two inputs of one kind"),
    "Terraform and Bicep": (
        ("good/main.tf", "bicep/main.bicep"),
        2,
        "'good/main.tf' contains a Terraform module, and 'bicep/main.bicep' a Bicep file",
    ),
    "plan and report": (("plan.json", "report.json"), 2, "'report.json' is a JSON report and 'plan.json' is not"),
    "nothing in common": (("good/main.tf", "other/main.tf"), 2, "have no resource in common"),
    "a report of another version": (("report9.json", "report.json"), 2, "report version 9 is not supported"),
    "a plan of another version": (("plan.json", "plan9.json"), 3, "plan format 9.0 is not supported"),
    "one plan of another version": (("plan9.json",), 3, "plan format 9.0 is not supported"),
    "another document of kvlint": (("access.json", "report.json"), 2, "not a JSON report of `kvlint check`"),
    "a report of another shape": (("report.json", "shape.json"), 2, "not a JSON report of `kvlint check`"),
    "a report with other rules": (("report.json", "rule.json"), 2, "not a JSON report of `kvlint check`"),
    "an incomplete report": (("report.json", "incomplete.json"), 3, "HEAD: unreadable"),
    "one incomplete plan": (("errored.json",), 3, "the plan ended with an error"),
    "a broken file": (("good", "broken"), 3, "HEAD: this `{` is not closed"),
    "a broken file on both sides": (("broken", "broken"), 3, "BASE: this `{` is not closed"),
    "an empty folder": (("good", "empty"), 3, "HEAD: nothing to check in empty"),
    "an empty file": (("plan.json", "empty.json"), 3, "the file is empty"),
    "no JSON": (("text.json",), 3, "invalid JSON"),
}


@pytest.fixture
def written(diff: Diff) -> Diff:
    for name, content in INPUTS.items():
        diff.write(name, content)
    return diff


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("form", ["text", "json", "markdown", "sarif"])
def test_wrong_input_is_an_error(case: str, form: str, written: Diff) -> None:
    words, code, message = WRONG[case]
    said = written.run(*words, "-f", form)
    assert (said.code, said.out) == (code, "")
    assert message in said.err
    assert said.err.startswith("kvlint: ")


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (("new:high", "new:low"), "`new:high` conflicts with `new:low`"),
        (("new", "new:high"), "`new` conflicts with `new:high`"),
        (("none,one-way",), "`none` conflicts with `one-way`"),
        (("one-ways",), "did you mean 'one-way'?"),
        (("high",), "`high` is not a gate"),
        (("x",), "(write new, new:high or another severity, changed, gone,"),
        (("new:worst",), "`new:worst` is not a gate"),
    ],
)
def test_wrong_gates_are_errors(gates: tuple[str, ...], message: str, written: Diff) -> None:
    said = written.run("good", "good", *(word for gate in gates for word in ("--fail-on", gate)))
    assert (said.code, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize("gate", ["one-way", "access-lost", "access-gained", "new,one-way"])
def test_a_gate_that_reports_cannot_meet_is_an_error(gate: str, written: Diff) -> None:
    said = written.run("report.json", "report.json", "--fail-on", gate)
    assert (said.code, said.out) == (2, "")
    assert f"--fail-on: JSON reports cannot meet `{gate.removeprefix('new,')}`" in said.err


@pytest.mark.parametrize("gates", [("new:high", "new:high"), ("new:high,one-way", "access-lost"), ("none",)])
def test_gates_that_do_not_conflict(gates: tuple[str, ...], written: Diff) -> None:
    assert written.run("good", "good", *(word for gate in gates for word in ("--fail-on", gate))).code == 0


@pytest.mark.parametrize(
    ("gate", "code"), [("new", 1), ("new:high", 1), ("new:critical", 0), ("one-way", 0), ("none", 0)]
)
def test_gate_with_a_severity_ignores_less_severe_findings(gate: str, code: int, diff: Diff) -> None:
    name = diff.write("plan.json", encoded(plan_with("public network on")))
    assert diff.run(name, "--fail-on", gate).code == code


def test_a_first_vault_and_the_last_one_are_differences(diff: Diff) -> None:
    base = diff.write("base", {"main.tf": 'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n}\n'})
    head = diff.write("head", {"main.tf": TERRAFORM})
    assert diff.compare(base, head).doors == [
        ("purge-protection", "azurerm_key_vault.private"), ("purge-protection", "azurerm_key_vault.shared"),
    ]  # fmt: skip
    assert [kind for kind, _ in diff.compare(head, base).doors] == ["deleted", "deleted"]


def test_a_plan_that_creates_everything(diff: Diff) -> None:
    created = unchanged_plan()
    for entry in created["resource_changes"]:
        entry["change"] |= {"actions": ["create"], "before": None}
    found = diff.compare(diff.write("plan.json", encoded(created)))
    assert [kind for kind, _ in found.doors] == ["purge-protection", "purge-protection"]


def test_rules_of_one_side_are_not_compared(diff: Diff) -> None:
    result = {
        "ruleId": "KV001", "ruleName": "purge-protection", "title": "t", "category": "recoverability",
        "outcome": "fail", "severity": "high", "type": "Microsoft.KeyVault/vaults", "declaredAs": "azurerm_key_vault",
        "location": {"path": "main.tf", "line": 1, "column": 1}, "fingerprint": "0" * 32,
        "occurrences": [{"resource": "kv", "fullName": "kv", "type": "t", "message": "m", "root": "."}],
    }  # fmt: skip
    base = diff.write("base.json", report(rules=["KV001", "KV101"], findings=[result]))
    said = diff.run(base, diff.write("head.json", report(rules=["KV101"])))
    assert (said.code, said.err) == (0, "")
    assert "1 rule ran on BASE only and is not compared: KV001" in said.out
    assert "No differences. JSON reports contain neither access nor resources" in said.out


def test_warnings_that_both_sides_have_are_not_repeated(diff: Diff) -> None:
    invalid = "# kvlint: ignore[KV001]\n"
    diff.write("base", {"main.tf": invalid + GOOD})
    diff.write("head", {"main.tf": invalid + GOOD + "# kvlint: ignore[KV999] x\n" + OTHER})
    assert diff.run("base", "base").out == "No differences.\n"
    problems = diff.compare("base", "head").document["problems"]
    assert [one["level"] for one in problems] == ["warning"]


def test_module_that_neither_side_evaluates_is_named(diff: Diff) -> None:
    module = 'module "kv" {\n  source  = "example.com/x/kv/azurerm"\n  version = "%s"\n}\n'
    for side, version in (("base", "1.0.0"), ("head", "2.0.0")):
        diff.write(side, {"main.tf": OTHER + module % version})
    said = diff.run("base", "head")
    assert said.code == 0
    assert (
        said.err.count("module `example.com/x/kv/azurerm` is not installed") + said.out.count("is not installed") == 1
    )
