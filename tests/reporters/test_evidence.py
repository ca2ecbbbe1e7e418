"""Evidence in verbose reports: sentences without the words of the engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Run

SOURCES = {
    "setting.tf": (
        "KV201",
        'provider "azurerm" {\n  features {}\n}\nresource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n',
        ["there is no `azurerm_monitor_diagnostic_setting` whose `target_resource_id` is this resource"],
    ),
    "secret.tf": (
        "KV610",
        'resource "azurerm_key_vault_secret" "db" {\n  name  = "db"\n  value = "Tr0ub4dor"\n}\n',
        [
            "origin of the secret value: literal value",
            "configuration value: no",
            "placeholder value: none",
            "ignore_changes: empty [secret.tf:1:1]",
        ],
    ),
    "secret.bicep": (
        "KV602",
        "resource db 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n  name: 'kv/db'\n  properties: {}\n}\n",
        ["`properties.contentType` is not set, expected a value that is not blank"],
    ),
    "network.bicep": (
        "KV101",
        "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  properties: {}\n}\n",
        ["network exposure is all networks (no network rules are set)"],
    ),
    "role.tf": (
        "KV403",
        """resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  rbac_authorization_enabled = false
}
resource "azurerm_role_assignment" "ops" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Contributor"
}
""",
        ["azurerm_role_assignment.ops refers to azurerm_key_vault.kv [role.tf:1:1]"],
    ),
}


@pytest.mark.parametrize("file", SOURCES)
def test_evidence_is_a_sentence(run: Run, tmp_path: Path, file: str) -> None:
    rule, text, sentences = SOURCES[file]
    (tmp_path / file).write_text(text)
    out = run("check", file, "--select", rule, "--verbose", cwd=tmp_path).out
    assert re.findall(r"    found: (.*)", out) == sentences
