"""Messages about role assignments name the role, and the vaults that it reaches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run

ASSIGNMENT = """resource "azurerm_role_assignment" "ops" {{
  scope                = {}
  role_definition_name = "{}"
  principal_id         = "22222222-2222-2222-2222-222222222222"
}}
resource "azurerm_key_vault" "kv" {{
  name                       = "kv"
  rbac_authorization_enabled = false
}}
"""
SUBSCRIPTION = '"/subscriptions/00000000-0000-0000-0000-000000000000"'
BY_ROLE_ID = """resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  properties: { enableRbacAuthorization: false }
}
resource ops 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid('ops')
  scope: kv
  properties: {
    principalId: '22222222-2222-2222-2222-222222222222'
    roleDefinitionId: '/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c'
  }
}
"""


def messages(run: Run, folder: Path, file: str, text: str, rule: str) -> list[str]:
    (folder / file).write_text(text)
    ran = run("check", ".", "--select", rule, "-f", "json", cwd=folder)
    return [one["message"] for one in json.loads(ran.out)["findings"]]


@pytest.mark.parametrize(
    ("rule", "role"), [("KV402", "Owner"), ("KV404", "Key Vault Administrator")], ids=["KV402", "KV404"]
)
def test_message_names_role_and_scope(run: Run, tmp_path: Path, rule: str, role: str) -> None:
    found = messages(run, tmp_path, "main.tf", ASSIGNMENT.format(SUBSCRIPTION, role), rule)
    assert found == [f"azurerm_role_assignment.ops assigns `{role}` at subscription scope, for every key vault in it"]


def test_message_names_role_and_vault(run: Run, tmp_path: Path) -> None:
    found = messages(run, tmp_path, "main.tf", ASSIGNMENT.format("azurerm_key_vault.kv.id", "Contributor"), "KV403")
    text = "assigns `Contributor`, whose holder can add an access policy for itself on"
    assert found == [f"azurerm_role_assignment.ops {text} azurerm_key_vault.kv"]


def test_message_names_the_role_of_an_id(run: Run, tmp_path: Path) -> None:
    found = messages(run, tmp_path, "main.bicep", BY_ROLE_ID, "KV403")
    assert found == ["ops assigns `Contributor`, whose holder can add an access policy for itself on kv"]
