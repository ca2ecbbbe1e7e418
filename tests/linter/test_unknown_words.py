"""The reasons of unknown results: each names what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

FOREIGN = 'module "kv" {\n  source = "git::https://example.com/kv"\n}\n'
VAULT = 'resource "azurerm_key_vault" "{0}" {{\n  name = "{0}"\n  rbac_authorization_enabled = {1}\n}}\n'
POLICY = """
resource "azurerm_key_vault_access_policy" "p" {{
  key_vault_id       = {}
  tenant_id          = "a"
  object_id          = "b"
  secret_permissions = ["Get"]
}}
"""


@pytest.mark.parametrize(
    ("more", "vault", "why"),
    [
        (FOREIGN, "module.kv.id", "`module.kv.id` is the output of a module that is not in the scanned files"),
        (
            'data "azurerm_key_vault" "kv" {\n  name = "kv"\n  resource_group_name = "g"\n}\n',
            "data.azurerm_key_vault.kv.id",
            "`data.azurerm_key_vault.kv` is read from Azure",
        ),
        (
            'variable "rbac" {}\n' + VAULT.format("kv", "var.rbac"),
            "azurerm_key_vault.kv.id",
            "`var.rbac` has no value",
        ),
    ],
)
def test_the_permission_model_of_a_vault(more: str, vault: str, why: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(more + POLICY.format(vault))
    found = json.loads(run("-f", "json", "--select", "KV304", ".", cwd=tmp_path).out)
    assert [one["label"] for one in found["unknown"]] == [why]


def test_a_sensitive_input_without_a_value_is_named(tmp_path: Path, run: Run) -> None:
    text = (
        'variable "secrets" {\n  sensitive = true\n}\n'
        'resource "azurerm_key_vault_secret" "s" {\n  name         = "s"\n  value        = var.secrets.value\n'
        "  content_type = var.secrets.type\n}\n"
    )
    (tmp_path / "main.tf").write_text(text)
    (found,) = json.loads(run("-f", "json", "--select", "KV602", ".", cwd=tmp_path).out)["unknown"]
    assert found["label"] == "`var.secrets` has no value"
