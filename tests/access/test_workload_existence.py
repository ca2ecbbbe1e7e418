"""Workloads that exist with some values of inputs only: who may run code on them need not reach their identities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

WHO = "11111111-1111-1111-1111-111111111111"
TEXT = """
variable "vm" { type = bool }
resource "azurerm_resource_group" "rg" {
  name     = "rg"
  location = "westeurope"
}
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  resource_group_name        = "other"
  rbac_authorization_enabled = true
}
resource "azurerm_user_assigned_identity" "i" {
  %s
  name                = "i"
  resource_group_name = "other"
  location            = "westeurope"
}
resource "azurerm_role_assignment" "i" {
  %s
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.i%s.principal_id
}
resource "azurerm_linux_virtual_machine" "vm" {
  %s
  name                = "vm"
  resource_group_name = azurerm_resource_group.rg.name
  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.i%s.id]
  }
}
resource "azurerm_role_assignment" "who" {
  %s
  scope                = azurerm_resource_group.rg.id
  role_definition_name = "%s"
  principal_id         = "11111111-1111-1111-1111-111111111111"
}
"""
COUNT = "count = var.vm ? 1 : 0"
RUNS = "Virtual Machine Contributor"
VM = "whether azurerm_linux_virtual_machine.vm[0] exists (only if var.vm is true)"
ROLE = "whether azurerm_role_assignment.who[0] exists (only if var.vm is true)"


def row(folder: Path, identity: str, vm: str, who: str) -> dict[str, Any]:
    at = "[0]" if identity else ""
    (folder / "main.tf").write_text(TEXT % (identity, identity, at, vm, at, who, RUNS), encoding="utf-8")
    report = folder / "report.json"
    assert run(["access", str(folder), "-f", f"json={report}"]) == 0
    rows: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["rows"]
    return next(one for one in rows if one["principal"] == WHO and one["permission"] == "secrets/get")


@pytest.mark.parametrize(
    ("identity", "vm", "who", "decided_by"),
    [
        ("", "", "", ""),
        ("", COUNT, "", VM),
        ("", COUNT, COUNT, VM),
        ("", "", COUNT, ROLE),
        (COUNT, COUNT, COUNT, "whether azurerm_role_assignment.i[0] exists (only if var.vm is true)"),
    ],
)
def test_a_workload_that_need_not_exist(tmp_path: Path, identity: str, vm: str, who: str, decided_by: str) -> None:
    found = row(tmp_path, identity, vm, who)
    assert (found["certainty"], found["decidedBy"]) == ("perhaps" if decided_by else "yes", decided_by)


def test_every_existence_that_decides_is_named(tmp_path: Path) -> None:
    two = TEXT.replace('variable "vm" { type = bool }', 'variable "vm" { type = bool }\nvariable "who" { type = bool }')
    (tmp_path / "main.tf").write_text(two % ("", "", "", COUNT, "", "count = var.who ? 1 : 0", RUNS), encoding="utf-8")
    report = tmp_path / "report.json"
    assert run(["access", str(tmp_path), "-f", f"json={report}"]) == 0
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"]
    found = next(one for one in rows if one["principal"] == WHO and one["permission"] == "secrets/get")
    assert found["decidedBy"] == f"{ROLE.replace('var.vm', 'var.who')} and {VM}"
