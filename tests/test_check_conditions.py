"""The script that checks conditions by runs with their values: it finds contradictions, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def program(tmp_path: Path, change: str = "") -> Path:
    """Return kvlint, with a change of its arguments."""
    file = tmp_path / "kvlint"
    file.write_text(f'#!/bin/sh\n{change}\nexec {sys.executable} -m azkvlint "$@"\n')
    file.chmod(0o755)
    return file


def check(kvlint: Path, checkout: Path) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), "--kvlint", str(kvlint), str(checkout)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout.parent)}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=300, env=environment)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def test_what_holds(tmp_path: Path, checkout: Path) -> None:
    code, text = check(program(tmp_path), checkout)
    assert code == 0, text
    assert " 5 worlds" in text
    assert "not checked" not in text
    assert "contradiction" not in text
    # Nothing is written to the checkout.
    assert sorted(file.name for file in checkout.iterdir()) == [
        "main.bicep", "main.prod.bicepparam", "other.bicep", "other.parameters.json", "terraform",
    ]  # fmt: skip


def test_what_does_not_hold(tmp_path: Path) -> None:
    folder = tmp_path / "terraform"
    folder.mkdir()
    (folder / "main.tf").write_text(TERRAFORM)
    # The value of one condition never arrives.
    code, text = check(program(tmp_path, 'set -- $(echo "$@" | sed s/create=true/create=false/)'), folder)
    assert code == 1
    assert "contradiction: ., if var.create is true\n" in text
    assert 'now: {"create": true}: no such result; the resource: skipped: `count` is 0' in text
    assert "contradiction: ., if var.names is not empty" not in text
