"""The script that checks conditions by runs with their values: it finds contradictions, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow(8)

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "check_conditions.py"
TERRAFORM = """variable "create" {
  type    = bool
  default = false
}
variable "names" {
  type    = map(object({ sku = string, location = optional(string) }))
  default = {}
}
variable "settings" {
  type    = object({ vault = optional(bool, false), sku = string })
  default = { vault = false, sku = "standard" }
}
resource "azurerm_key_vault" "a" {
  count    = var.create ? 1 : 0
  name     = "kv-a"
  sku_name = var.settings.sku
}
resource "azurerm_key_vault" "b" {
  for_each = var.names
  name     = "kv-b"
  sku_name = each.value.sku
}
resource "azurerm_key_vault" "c" {
  count    = var.settings.vault ? 1 : 0
  name     = "kv-c"
  sku_name = var.settings.sku
}
"""
BICEP = """param create bool = false
param sku string = 'standard'
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = if (create) {
  name: 'kv-prod'
  location: 'westeurope'
  properties: { tenantId: tenant().tenantId, sku: { family: 'A', name: sku } }
}
"""
TEMPLATE = """{
  "languageVersion": "2.0",
  "definitions": {
    "lockType": {
      "type": "object",
      "nullable": true,
      "properties": {
        "name": { "type": "string", "nullable": true },
        "kind": { "type": "string", "allowedValues": ["CanNotDelete", "None"], "nullable": true }
      }
    }
  },
  "parameters": { "lock": { "$ref": "#/definitions/lockType" } },
  "resources": {
    "vault": {
      "type": "Microsoft.KeyVault/vaults",
      "apiVersion": "2023-07-01",
      "name": "kv-prod"
    },
    "lock": {
      "condition": "[and(not(empty(parameters('lock'))), not(equals(tryGet(parameters('lock'), 'kind'), 'None')))]",
      "type": "Microsoft.Authorization/locks",
      "apiVersion": "2020-05-01",
      "scope": "[resourceId('Microsoft.KeyVault/vaults', 'kv-prod')]",
      "name": "lock-prod",
      "properties": { "level": "[parameters('lock').kind]" }
    }
  }
}
"""
ITEMS = """type app = {
  name: string
  zone: string?
}
param apps app[] = []
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = [for one in apps: if (one.?zone == 'a') {
  name: one.name
  location: 'westeurope'
  properties: { tenantId: tenant().tenantId, sku: { family: 'A', name: 'standard' } }
}]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "terraform").mkdir(parents=True)
    (folder / "terraform" / "main.tf").write_text(TERRAFORM)
    (folder / "main.bicep").write_text(BICEP)
    (folder / "main.prod.bicepparam").write_text("using './main.bicep'\nparam sku = 'premium'\n")
    (folder / "other.bicep").write_text(BICEP)
    (folder / "other.parameters.json").write_text('{"parameters": {"sku": {"value": "premium"}}}')
    return folder


def check(checkout: Path, *options: object) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), *map(str, options), str(checkout)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout.parent)}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=300, env=environment)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def test_conditions_of_correct_reports_are_confirmed(checkout: Path) -> None:
    code, text = check(checkout)
    assert code == 0, text
    assert " in 5 worlds, 8 runs of " in text
    assert "not checked" not in text
    assert "contradiction" not in text
    # Nothing is written to the checkout.
    assert sorted(file.name for file in checkout.iterdir()) == [
        "main.bicep", "main.prod.bicepparam", "other.bicep", "other.parameters.json", "terraform",
    ]  # fmt: skip


def test_types_of_a_template_are_read(checkout: Path) -> None:
    (checkout / "azuredeploy.json").write_text(TEMPLATE)
    code, text = check(checkout)
    assert code == 0, text
    assert " in 6 worlds" in text
    assert "not checked" not in text


def test_condition_on_an_item_is_confirmed(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "main.bicep").write_text(ITEMS)
    code, text = check(folder)
    assert code == 0, text
    assert " in 1 worlds, " in text
    assert "not checked" not in text


def test_wrong_conditions_are_reported_as_contradictions(tmp_path: Path, checkout: Path) -> None:
    check(checkout, "--reports", tmp_path, "--most", 0)
    # A condition states a value that does not create its resource.
    file = tmp_path / "checkout.json"
    report = file.read_text()
    condition = '"condition": [{"input": "var.create", "is": "equal", "value": '
    assert f"{condition}true" in report
    file.write_text(report.replace(f"{condition}true", f"{condition}false"))
    code, text = check(checkout, "--reports", tmp_path)
    assert code == 1
    assert "contradiction: terraform, if var.create is true\n" in text
    assert 'now: {"create": false}: no such result; the resource: skipped: `count` is 0' in text
    assert "contradiction: terraform, if var.names is not empty" not in text


def test_an_earlier_run_is_continued(tmp_path: Path, checkout: Path) -> None:
    whole = check(checkout)
    first = check(checkout, "--reports", tmp_path, "--most", 2)
    assert "not checked: not among the worlds of the sample" in first[1]
    # The program was ended while it wrote a line.
    file = tmp_path / "checkout.jsonl"
    assert len(file.read_text().splitlines()) == 2
    with file.open("a") as stream:
        stream.write('{"world": [')
    rest = check(checkout, "--reports", tmp_path)
    again = check(checkout, "--reports", tmp_path)
    assert " 0 runs of 0 seconds" in again[1]
    assert whole[1].splitlines()[1:] == rest[1].splitlines()[1:] == again[1].splitlines()[1:]


def test_time_is_limited(tmp_path: Path, checkout: Path) -> None:
    code, text = check(checkout, "--reports", tmp_path, "--seconds", 0)
    assert code == 0
    assert "not checked: the time for the root is used up" in text
    assert " same" not in text
    # More time checks what was not checked.
    assert "not checked" not in check(checkout, "--reports", tmp_path)[1]
