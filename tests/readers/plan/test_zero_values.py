"""Zero values in plans: not set where the provider treats them so, and values everywhere else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.linter.unit_result import verdicts_on
from azkvlint.model.rule import Rule
from azkvlint.readers.read_result import plan_result

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.readers.conftest import PlanJson, Reader

RULES = builtin_rules()
EXAMPLES = [
    (rule, example.title, example.sources["plan"])
    for rule in RULES
    for example in rule.examples
    if "plan" in example.sources
]
# A part of the examples for each kind of value keeps the test short; together they are all.
PARTS = 4


def set_zeros(fields: Mapping[str, Field], values: dict[str, Any], unknown: Any, zero: Any) -> int:
    """Replace null by a zero value in all arguments that treat it as not set; the number of them."""
    count = 0
    for name, field in fields.items():
        mark = unknown.get(name) if isinstance(unknown, dict) else unknown
        if field.fields:
            blocks, marks = values.get(name), mark if isinstance(mark, list) else []
            for i, block in enumerate(blocks if isinstance(blocks, list) else []):
                if isinstance(block, dict):
                    count += set_zeros(field.fields, block, marks[i] if i < len(marks) else {}, zero)
        elif values.get(name) is None and not mark and field.zero_is_unset:
            values[name] = zero
            count += 1
    return count


def verdicts(rule: Rule, plan: bytes) -> list[tuple[str, str, str, str]]:
    required = with_needs(required_by([rule]))
    found = verdicts_on(plan_result("plan.json", plan, required), required, RuleEvaluator([rule]))
    return sorted((one.rule.id, one.outcome.label, one.resource, one.message) for one in found.findings + found.unknown)


def variants(plan: Mapping[str, Any], zero: Any) -> tuple[Mapping[str, Any], int]:
    changed, count = copy.deepcopy(plan), 0
    for entry in changed["resource_changes"]:
        mapped, after = RESOURCES.get(entry["type"]), entry["change"].get("after")
        if mapped is not None and isinstance(after, dict):
            count += set_zeros(mapped.fields, after, entry["change"].get("after_unknown") or {}, zero)
    return changed, count


@pytest.mark.parametrize(("zero", "rest"), [("", 0), (0, 1), ([], 2), ({}, 0)])
def test_a_zero_value_has_the_results_of_null(zero: Any, rest: int) -> None:
    replaced, different = 0, []
    for rule, title, text in EXAMPLES[rest::PARTS]:
        plan = json.loads(expand(text))
        changed, count = variants(plan, zero)
        replaced += count
        if verdicts(rule, json.dumps(changed).encode()) != verdicts(rule, json.dumps(plan).encode()):
            different.append((rule.id, title))
    assert not different
    assert replaced > 900


def with_default(fields: Mapping[str, Field], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Field]]:
    """The arguments outside of blocks that have a default, and the paths in Azure that they set."""
    for name, field in fields.items():
        if field.defaults and field.defaults[0].since == (0, 0) and len(field.defaults) == 1 and not field.computed:
            yield name, field.arm, field


def test_a_zero_value_of_an_argument_with_a_default_is_a_value(plan: PlanJson, read: Reader) -> None:
    expected = {}
    for type_, mapped in RESOURCES.items():
        for i, (name, path, field) in enumerate(with_default(mapped.fields)):
            default = field.defaults[0].value
            zero = False if isinstance(default, bool) else 0 if isinstance(default, int) else ""
            address = plan.resource(f"{type_}.x{i}", {"name": f"x{i}", name: zero})
            expected[address, path] = field.words[1] if field.kind == "flag" else zero
    found = read(plan)
    assert {place: found.get(*place) for place in expected} == expected
    assert len(expected) > 20


@pytest.mark.parametrize(
    ("type_", "argument", "path"),
    [
        ("azurerm_key_vault_secret", "value", "properties.value"),
        ("azurerm_monitor_diagnostic_setting", "enabled_log", "properties.logs"),
    ],
)
def test_zero_value_of_these_arguments_is_a_value(
    type_: str, argument: str, path: str, plan: PlanJson, read: Reader
) -> None:
    zero: Any = "" if argument == "value" else []
    plan.resource(f"{type_}.x", {"name": "x", argument: zero})
    assert read(plan).get(f"{type_}.x", path) == zero


SECRET = """
resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  key_vault_id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
  value        = var.value
  content_type = "text/plain"
}
variable "value" {}
"""
# What azurerm writes to the state of a secret without dates (key_vault_secret_resource.go).
STATE = {"name": "s", "content_type": "text/plain", "expiration_date": "", "not_before_date": "", "value_wo_version": 0}
LIFETIME = {"days_before_expiry": 30, "lifetime_percentage": 0}
ACTION = {"action": [{"action_type": "AutoRenew"}], "trigger": [LIFETIME]}


def existing(plan: PlanJson, type_: str, values: Mapping[str, Any]) -> None:
    plan.resource(f"{type_}.s", values, before=values, actions=["no-op"], unknown={})


def test_a_secret_of_an_existing_estate_has_no_expiration_date(plan: PlanJson, read: Reader) -> None:
    existing(plan, "azurerm_key_vault_secret", STATE)
    found = read(plan)
    for path in ("properties.attributes.exp", "properties.attributes.nbf", "derived.valueVersion"):
        assert found.get("azurerm_key_vault_secret.s", path) is None


def test_the_finding_of_a_plan_does_not_vanish_beside_its_source(tmp_path: Path, plan: PlanJson, run: Run) -> None:
    existing(plan, "azurerm_key_vault_secret", STATE)
    (tmp_path / "plan.json").write_bytes(plan.text())
    (tmp_path / "main.tf").write_text(SECRET, encoding="utf-8")
    for paths in (["plan.json"], ["plan.json", "."], ["."]):
        found = json.loads(run("-f", "json", "--select", "KV601", *paths, cwd=tmp_path).out)
        assert [one["resource"] for one in found["findings"]] == ["azurerm_key_vault_secret.s"], paths
        assert not found["unknown"], paths


def test_a_percentage_of_0_beside_days_is_not_set(plan: PlanJson, read: Reader) -> None:
    policy = {"lifetime_action": [ACTION], "x509_certificate_properties": [{"validity_in_months": 6}]}
    existing(plan, "azurerm_key_vault_certificate", {"name": "c", "certificate_policy": [policy]})
    trigger = "properties.policy.lifetimeActions[0].trigger"
    found = read(plan)
    assert found.get("azurerm_key_vault_certificate.s", f"{trigger}.daysBeforeExpiry") == 30
    assert found.get("azurerm_key_vault_certificate.s", f"{trigger}.lifetimePercentage") is None


def test_empty_destination_is_not_set(plan: PlanJson, read: Reader) -> None:
    values = {
        "name": "d",
        "log_analytics_workspace_id": "",
        "storage_account_id": "",
        "enabled_log": [{"category": "AuditEvent"}],
    }
    existing(plan, "azurerm_monitor_diagnostic_setting", values)
    found = read(plan)
    assert found.get("azurerm_monitor_diagnostic_setting.s", "properties.workspaceId") is None
    assert found.get("azurerm_monitor_diagnostic_setting.s", "properties.storageAccountId") is None


@pytest.mark.parametrize("date", ["", "expiration_date = null", 'expiration_date = ""', "expiration_date = var.none"])
def test_an_empty_date_in_source_is_not_set(date: str, tmp_path: Path, run: Run) -> None:
    none = 'variable "none" {\n  default = ""\n}\nterraform {\n  backend "local" {}\n}\n'
    (tmp_path / "main.tf").write_text(SECRET.replace('"text/plain"\n', f'"text/plain"\n  {date}\n') + none)
    found = json.loads(run("-f", "json", "--select", "KV601,KV507,KV508", ".", cwd=tmp_path).out)
    assert [one["resource"] for one in found["findings"]] == ["azurerm_key_vault_secret.s"]
    assert "has no expiration date" in found["findings"][0]["message"]
    assert not found["unknown"]


REQUIRED = """
resource "azurerm_key_vault" "v" {
  name     = "kv-v"
  sku_name = ""
}
resource "azurerm_key_vault_key" "k" {
  name         = "k"
  key_vault_id = azurerm_key_vault.v.id
  key_type     = ""
  key_opts     = ["sign"]
}
"""


def test_an_empty_string_for_a_required_argument_is_rejected(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(REQUIRED, encoding="utf-8")
    found = json.loads(run("-f", "json", "--select", "KV011,KV511", ".", cwd=tmp_path).out)
    assert [one["message"] for one in found["findings"]] == [
        'Azure rejects the value `""` of `sku_name` on azurerm_key_vault.v',
        'Key type of azurerm_key_vault_key.k is `""`, which is not allowed',
    ]
