"""The identity that runs Terraform: one principal, whichever data source of a provider looks it up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azkvlint.cli.app import run

MODULE = """
terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}
data "azurerm_client_config" "current" {}
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  rbac_authorization_enabled = false
  access_policy {
    tenant_id          = data.azurerm_client_config.current.tenant_id
    object_id          = data.azurerm_client_config.current.object_id
    secret_permissions = ["Get"]
  }
}
"""
PROVIDERS = """
provider "azurerm" { features {} }
provider "azurerm" {
  alias = "other"
  features {}
}
"""
CALLS = """
module "a" { source = "./m" }
module "b" { source = "./m" }
"""
PASSED = """
module "c" {
  source    = "./m"
  providers = { azurerm = azurerm.other }
}
"""


def principals(folder: Path, text: str) -> list[str]:
    (folder / "m").mkdir(exist_ok=True)
    (folder / "m" / "main.tf").write_text(MODULE, encoding="utf-8")
    (folder / "main.tf").write_text(PROVIDERS + text, encoding="utf-8")
    report = folder / "report.json"
    assert run(["access", str(folder), "-f", f"json={report}"]) == 0
    document = json.loads(report.read_text(encoding="utf-8"))
    return [one["label"] for one in document["principals"] if one["kind"] == "deployment identity"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (CALLS, ["data.azurerm_client_config"]),
        (CALLS + 'data "azurerm_client_config" "me" {}', ["data.azurerm_client_config.me"]),
        (
            CALLS.replace('"b"', '"a2"') + PASSED,
            ["data.azurerm_client_config", "module.c.data.azurerm_client_config.current"],
        ),
        ('module "a" { source = "./m" }', ["module.a.data.azurerm_client_config.current"]),
    ],
)
def test_modules_that_look_up_the_identity_of_one_provider(tmp_path: Path, text: str, labels: list[str]) -> None:
    assert principals(tmp_path, text) == labels
