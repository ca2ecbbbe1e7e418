"""Findings about secrets mark the place that holds the secret, and keep their identity and suppressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run

SECRET = "Tr0ub4dor-and-3"
USE = 'resource "azurerm_key_vault_secret" "db" {{\n  name  = "db"\n{0}  value = {1}\n}}\n'
DEFAULT = f'variable "password" {{\n  default = "{SECRET}"\n}}\n'
BICEP = """@secure()
param password string{0}
resource db 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {{
  name: 'kv/db'
  properties: {{
    value: password
  }}
}}
"""


def findings(run: Run, folder: Path, *arguments: str, rule: str = "KV610") -> list[dict[str, Any]]:
    ran = run("check", *arguments, "--select", rule, "-f", "json", cwd=folder)
    found: list[dict[str, Any]] = json.loads(ran.out)["findings"]
    return found


def marked(run: Run, folder: Path, *arguments: str, rule: str = "KV610") -> list[tuple[str, str]]:
    return [
        (f"{one['location']['path']}:{one['location']['line']}", one["label"])
        for one in findings(run, folder, *arguments, rule=rule)
    ]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_finding_marks_the_default_of_a_variable(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=USE.format("", '"Password=${var.password}"'), variables__tf=DEFAULT)
    assert marked(run, tmp_path, ".") == [("variables.tf:2", "default of `var.password`")]


def test_finding_marks_the_item_of_a_default(run: Run, tmp_path: Path) -> None:
    default = f'variable "all" {{\n  default = {{\n    size = "3"\n    password = "{SECRET}"\n  }}\n}}\n'
    write(tmp_path, main__tf=USE.format("", "var.all.password"), variables__tf=default)
    assert marked(run, tmp_path, ".") == [("variables.tf:4", "default of `var.all`")]


def test_finding_marks_the_value_in_a_variable_file(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=USE.format("", "var.password"), variables__tf='variable "password" {}\n')
    write(tmp_path, terraform__tfvars=f'\npassword = "{SECRET}"\n')
    assert marked(run, tmp_path, ".") == [("terraform.tfvars:2", "value of `var.password`")]


def test_two_defaults_mark_the_use_and_name_both(run: Run, tmp_path: Path) -> None:
    other = 'variable "token" {\n  default = "hunter2-hunter2"\n}\n'
    write(tmp_path, main__tf=USE.format("", '"${var.password}${var.token}"'), variables__tf=DEFAULT + other)
    assert marked(run, tmp_path, ".") == [("main.tf:3", "default of `var.password` and default of `var.token`")]


def test_identity_is_that_of_the_use(run: Run, tmp_path: Path) -> None:
    folders = [tmp_path / "literal", tmp_path / "default"]
    for folder, value in zip(folders, (f'"{SECRET}"', "var.password"), strict=True):
        write(folder, main__tf=USE.format("", value), variables__tf=DEFAULT)
    prints = {findings(run, folder, ".")[0]["fingerprint"] for folder in folders}
    assert len(prints) == 1


@pytest.mark.parametrize("at_use", [True, False])
def test_comment_at_the_use_or_at_the_default_suppresses(run: Run, tmp_path: Path, at_use: bool) -> None:
    comment = "# kvlint: ignore[KV610] rotated on first use\n"
    default = DEFAULT if at_use else DEFAULT.replace("  default", f"  {comment}  default")
    write(tmp_path, main__tf=USE.format(f"  {comment}" if at_use else "", "var.password"), variables__tf=default)
    assert marked(run, tmp_path, ".") == []


def test_baseline_counts_each_secret_of_one_default(run: Run, tmp_path: Path) -> None:
    uses = "".join(USE.format("", "var.password").replace('"db"', f'"{name}"') for name in ("a", "b"))
    write(tmp_path, main__tf=uses, variables__tf=DEFAULT)
    assert len(findings(run, tmp_path, ".")) == 2
    run("check", ".", "--select", "KV610", "--write-baseline", "base.json", cwd=tmp_path)
    assert findings(run, tmp_path, ".", "--baseline", "base.json") == []


def test_finding_marks_the_default_of_a_bicep_parameter(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__bicep=BICEP.format(f" = '{SECRET}'"))
    assert marked(run, tmp_path, "main.bicep") == [("main.bicep:2", "default of parameter `password`")]


def test_directive_at_the_use_in_bicep_suppresses_the_finding(run: Run, tmp_path: Path) -> None:
    text = BICEP.format(f" = '{SECRET}'").replace("    value:", "    #disable-next-line KV610\n    value:")
    write(tmp_path, main__bicep=text)
    assert marked(run, tmp_path, "main.bicep") == []


def test_finding_marks_the_value_in_a_bicep_parameter_file(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__bicep=BICEP.format(""))
    write(tmp_path, main__bicepparam=f"using 'main.bicep'\n\nparam password = '{SECRET}'\n")
    assert ("main.bicepparam:3", "value of parameter `password`") in marked(run, tmp_path, "main.bicepparam")


@pytest.mark.parametrize("is_default", [True, False])
def test_finding_marks_the_parameter_of_a_template(run: Run, tmp_path: Path, is_default: bool) -> None:
    parameter = {"type": "securestring"} | ({"defaultValue": SECRET} if is_default else {})
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01", "name": "kv/db",
        "properties": {"value": "[parameters('password')]"},
    }  # fmt: skip
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deployment{}.json#"
    template = {"$schema": schema.format("Template"), "parameters": {"password": parameter}, "resources": [secret]}
    values = {"$schema": schema.format("Parameters"), "parameters": {"password": {"value": SECRET}}}
    write(tmp_path, main__json=json.dumps(template, indent=1), values__json=json.dumps(values, indent=1))
    arguments = ["main.json"] if is_default else ["main.json", "--parameters", "values.json"]
    file, text = ("main.json", "default") if is_default else ("values.json", "value")
    lines = (tmp_path / file).read_text().split("\n")
    line = 1 + next(number for number, one in enumerate(lines) if SECRET in one)
    assert marked(run, tmp_path, *arguments) == [(f"{file}:{line}", f"{text} of parameter `password`")]


def test_finding_of_a_plan_marks_the_default_in_its_source(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=USE.format("", "var.password"), variables__tf=DEFAULT)
    address = "azurerm_key_vault_secret.db"
    named = {"address": address, "mode": "managed", "type": "azurerm_key_vault_secret", "name": "db"}
    after = {"name": "db", "value": SECRET}
    plan = {
        "format_version": "1.2", "terraform_version": "1.9.0", "variables": {"password": {"value": SECRET}},
        "planned_values": {"root_module": {"resources": [{**named, "values": after, "sensitive_values": {}}]}},
        "resource_changes": [
            {**named, "change": {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}}
        ],
        "configuration": {
            "root_module": {
                "resources": [
                    {
                        **named,
                        "expressions": {
                            "name": {"constant_value": "db"}, "value": {"references": ["var.password"]},
                        },
                    }
                ],
                "variables": {"password": {"default": SECRET}},
            }
        },
    }  # fmt: skip
    write(tmp_path, plan__json=json.dumps(plan))
    assert marked(run, tmp_path, "plan.json") == [("variables.tf:2", "default of `var.password`")]


def test_finding_marks_the_variable_that_is_not_sensitive(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=USE.format("", "var.password"), variables__tf='\nvariable "password" {}\n')
    assert marked(run, tmp_path, ".", rule="KV611") == [("variables.tf:2", "`var.password` is not marked as sensitive")]


VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
SETTING = """resource "azurerm_monitor_diagnostic_setting" "{0}" {{
  name                       = "{0}"
  target_resource_id         = azurerm_key_vault.kv.id
  log_analytics_workspace_id = var.workspace_id
  {1}
}}
"""
PROVIDER = 'provider "azurerm" {\n  features {}\n}\n'
METRICS = 'enabled_metric { category = "AllMetrics" }'


def test_finding_marks_the_setting_without_audit_events(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=VAULT, logs__tf=SETTING.format("logs", METRICS))
    label = "no enabled log has the category `AuditEvent`"
    assert marked(run, tmp_path, ".", rule="KV202") == [("logs.tf:1", label)]
    assert [one["resource"] for one in findings(run, tmp_path, ".", rule="KV202")] == ["azurerm_key_vault.kv"]


def test_finding_marks_the_vault_of_two_settings(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=VAULT, logs__tf=SETTING.format("a", METRICS) + SETTING.format("b", METRICS))
    assert [place for place, _ in marked(run, tmp_path, ".", rule="KV202")] == ["main.tf:1"]


def test_unknown_audit_events_name_the_value(run: Run, tmp_path: Path) -> None:
    write(tmp_path, main__tf=VAULT, logs__tf=SETTING.format("logs", "enabled_log { category = var.category }"))
    write(tmp_path, variables__tf='variable "category" {}\nvariable "workspace_id" {}\n' + PROVIDER)
    ran = run("check", ".", "--select", "KV202", "-f", "json", "--show-unknown", cwd=tmp_path)
    assert [one["why"] for one in json.loads(ran.out)["unknown"]] == ["`var.category` has no value"]
