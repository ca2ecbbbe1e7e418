"""A secret can be the name of a property; that is told as little as a secret value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.reporters import REPORTERS, Options

CANARY = "CANARY4711"
SHOWN = Options(terminal=False, color=False, width=80, verbosity=1, statistics=False)
HEAD = f"@secure()\nparam p string = '{CANARY}'\n@secure()\nparam o object = {{\n  {CANARY}: 1\n}}\n"
VAULT = (
    "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = LOOP{\n  name: 'kv'\n  properties: {\n    INNER\n  }\n}END\n"
)

SKU = "sku: { name: i.key }"
TEXT = "publicNetworkAccess: string(m)"
CASES = {
    "items": ("{ '${p}': 1 }", "[for i in items(m): ", SKU),
    "items of a secure object": ("o", "[for i in items(m): ", SKU),
    "an object made by name": ("toObject([p], k => k)", "[for i in items(m): ", SKU),
    "keys": ("{ '${p}': 1 }", "[for i in objectKeys(m): ", "sku: { name: i }"),
    "keys of a secure object": ("o", "[for i in objectKeys(m): ", "sku: { name: i }"),
    "a value": ("{ '${p}': 1 }", "", "networkAcls: { bypass: m }"),
    "a value that is a secure object": ("o", "", "networkAcls: { bypass: m }"),
    "a text": ("{ '${p}': 1 }", "", TEXT),
    "a text of a secure object": ("o", "", TEXT),
    "merged": ("union({ '${p}': 1 }, { b: 2 })", "[for i in items(m): ", SKU),
    "mapped": ("mapValues({ '${p}': 1 }, v => 2)", "[for i in items(m): ", SKU),
    "mapped from a secure object": ("mapValues(o, v => 2)", "[for i in items(m): ", SKU),
    "decoded": ("json('{\"${p}\": 1}')", "[for i in items(m): ", SKU),
}


def told(path: Path) -> str:
    report = check(Config(paths=(str(path),), profiles=("all",)))
    assert report.resource_counts.get("Microsoft.KeyVault/vaults")
    return "".join(str(REPORTERS[name](report, SHOWN)) for name in ("text", "json", "sarif"))


@pytest.mark.parametrize("name", CASES)
def test_no_report_of_bicep_shows_a_key_that_is_a_secret(name: str, tmp_path: Path) -> None:
    value, loop, inner = CASES[name]
    body = VAULT.replace("LOOP", loop).replace("INNER", inner).replace("END", "]" if loop else "")
    (tmp_path / "main.bicep").write_text(f"{HEAD}var m = {value}\n{body}", encoding="utf-8")
    assert CANARY not in told(tmp_path)


@pytest.mark.parametrize(
    "value", ["[createObject(parameters('p'), 1)]", "[parameters('o')]", {"[parameters('p')]": 1}], ids=str
)
def test_no_report_of_a_template_shows_a_key_that_is_a_secret(value: object, tmp_path: Path) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "p": {"type": "securestring", "defaultValue": CANARY},
            "o": {"type": "secureObject", "defaultValue": {CANARY: 1}},
        },
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": "kv",
                "properties": {"networkAcls": {"bypass": value}, "publicNetworkAccess": value},
            }
        ],
    }
    (tmp_path / "main.json").write_text(json.dumps(template, indent=2), encoding="utf-8")
    assert CANARY not in told(tmp_path)


@pytest.mark.parametrize("value", ["{ (var.p) = 1 }", "var.o", '{ "${var.p}" = {} }', "{ for k in [var.p] : k => 1 }"])
def test_no_report_of_terraform_shows_a_key_that_is_a_secret(value: str, tmp_path: Path) -> None:
    text = (
        f'variable "p" {{\n  sensitive = true\n  default   = "{CANARY}"\n}}\n'
        f'variable "o" {{\n  sensitive = true\n  default   = {{ {CANARY} = 1 }}\n}}\n'
        f'resource "azurerm_key_vault" "kv" {{\n  name = "kv"\n  tags = {value}\n'
        f"  sku_name = {value}\n  public_network_access_enabled = {value}\n}}\n"
        f'resource "azurerm_key_vault" "other" {{\n  for_each = {value}\n  name = each.key\n  sku_name = each.key\n}}\n'
    )
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    assert CANARY not in told(tmp_path)


SECRET = 'resource "azurerm_key_vault_secret" "s" {{\n  {}\n  name = "{}"\n  key_vault_id = "y"\n  value = {}\n}}\n'
OF_INSTANCES = {
    "a key": SECRET.format(f'for_each = {{ "{CANARY}" = "{CANARY}" }}', "x", "each.value"),
    "a part of a key": SECRET.format(f'for_each = {{ "a-{CANARY}" = "{CANARY}" }}', "x", "each.value"),
    "a name": SECRET.format("", f"x-{CANARY}", f'"{CANARY}"'),
}


@pytest.mark.parametrize("name", OF_INSTANCES)
def test_no_report_shows_a_value_that_an_address_or_a_name_contains(name: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(OF_INSTANCES[name], encoding="utf-8")
    assert CANARY not in "".join(reports_of(tmp_path))


def test_no_report_shows_the_key_of_a_module_that_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    resource = SECRET.format("", "x", "var.v")
    (tmp_path / "m" / "main.tf").write_text(f'variable "v" {{}}\n{resource}', encoding="utf-8")
    call = f'module "m" {{\n  for_each = toset(["{CANARY}"])\n  source = "./m"\n  v = each.key\n}}\n'
    (tmp_path / "main.tf").write_text(call, encoding="utf-8")
    assert CANARY not in "".join(reports_of(tmp_path))


def test_no_report_shows_a_module_key_passed_to_a_sensitive_variable(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    variable = 'variable "p" {\n  sensitive = true\n}\n'
    secret = SECRET.format("", "x-${lower(var.p)}", "var.p")
    vault = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n  tags = { a = var.p }\n}\n'
    (tmp_path / "m" / "main.tf").write_text(variable + secret + vault, encoding="utf-8")
    call = f'module "m" {{\n  for_each = {{ "a-{CANARY}" = "{CANARY}" }}\n  source = "./m"\n  p = each.value\n}}\n'
    (tmp_path / "main.tf").write_text(call, encoding="utf-8")
    assert CANARY not in "".join(reports_of(tmp_path))


def test_words_that_a_name_contains_are_shown(tmp_path: Path) -> None:
    text = OF_INSTANCES["a name"].replace(CANARY, "contoso-app-01")
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    assert "x-contoso-app-01" in "".join(reports_of(tmp_path))


def test_no_report_of_a_plan_shows_the_key_of_an_instance_that_is_a_secret(tmp_path: Path) -> None:
    values = {"name": "x", "value": CANARY, "key_vault_id": "y"}
    entry = {
        "address": f'azurerm_key_vault_secret.s["{CANARY}"]', "mode": "managed", "type": "azurerm_key_vault_secret",
        "name": "s", "index": CANARY, "provider_name": "registry.terraform.io/hashicorp/azurerm",
    }  # fmt: skip
    change = {
        "actions": ["create"], "before": None, "after": values, "after_unknown": {}, "before_sensitive": False,
        "after_sensitive": {"value": True},
    }  # fmt: skip
    planned = {"root_module": {"resources": [{**entry, "values": values, "sensitive_values": {"value": True}}]}}
    plan = {
        "format_version": "1.2", "terraform_version": "1.5", "planned_values": planned,
        "resource_changes": [{**entry, "change": change}], "configuration": {"root_module": {}},
    }  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert CANARY not in "".join(reports_of(tmp_path / "plan.json"))


def reports_of(path: Path) -> list[str]:
    report = check(Config(paths=(str(path),), profiles=("all",)))
    assert report.resource_counts.get("Microsoft.KeyVault/vaults/secrets")
    return [str(REPORTERS[name](report, SHOWN)) for name in ("text", "json", "sarif")]
