"""Vaults whose names are unknown or secret: each is a vault of its own, and roles on it count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Kvlint, kvlint

__all__ = ["kvlint"]

READER, OTHER = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"
VAULT = """
resource {0} 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: {1}
  location: 'westeurope'
  properties: {{
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: {{ family: 'A', name: 'standard' }}
    enableRbacAuthorization: true
  }}
}}
"""
ROLE = """
resource {0} 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid('{0}')
  scope: {1}
  properties: {{
    principalId: '{2}'
    principalType: 'User'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  }}
}}
"""  # noqa: E501
SECURE = "@secure()\nparam vaultName string\n"


def cells(kvlint: Kvlint, folder: Path, **files: str) -> dict[tuple[str, str], str]:
    """Whether each principal can read the secrets of each vault, by its address."""
    for name, text in files.items():
        (folder / f"{name}.bicep").write_text(text, encoding="utf-8")
    document: dict[str, Any] = json.loads(kvlint("access", f"{folder}/main.bicep", "-f", "json").out)
    found: dict[tuple[str, str], str] = {}
    for row in document["rows"]:
        if row["permission"] == "secrets/get":
            for vault in document["vaultSets"][row["vaultSet"]]:
                key = row["principal"], document["vaults"][vault]["resource"]
                found[key] = "yes" if "yes" in (row["certainty"], found.get(key)) else "perhaps"
    return found


@pytest.mark.parametrize("name", ["vaultName", "'kv-${vaultName}'", "toLower(vaultName)"])
def test_a_role_on_a_vault_with_a_secret_name_counts_for_that_vault_alone(
    kvlint: Kvlint, tmp_path: Path, name: str
) -> None:
    main = SECURE + VAULT.format("kv", name) + VAULT.format("other", "'kv-other'") + ROLE.format("a", "kv", READER)
    assert cells(kvlint, tmp_path, main=main) == {(READER, "kv"): "yes"}


def test_a_module_that_looks_up_a_vault_with_a_secret_name_has_a_vault_of_its_own(
    kvlint: Kvlint, tmp_path: Path
) -> None:
    module = "param name string\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: name }\n"
    main = SECURE + VAULT.format("kv", "vaultName") + "module m 'm.bicep' = { name: 'm', params: { name: kv.name } }\n"
    found = cells(
        kvlint, tmp_path, main=main + ROLE.format("a", "kv", READER), m=module + ROLE.format("b", "kv", OTHER)
    )
    # What the module looks up may be the vault that is deployed, and its permission model is not known.
    assert found == {(READER, "kv"): "yes", (OTHER, "kv"): "perhaps", (OTHER, "m.kv"): "perhaps"}
    said = kvlint("access", f"{tmp_path}/main.bicep").out
    assert "role `Key Vault Secrets User` at m.kv (m.b)" in said


def test_a_secret_name_is_not_shown(kvlint: Kvlint, tmp_path: Path) -> None:
    secure = "@secure()\nparam vaultName string = 'kv-hidden-name'\n"
    (tmp_path / "main.bicep").write_text(secure + VAULT.format("kv", "vaultName") + ROLE.format("a", "kv", READER))
    for form in ("text", "json", "html"):
        said = kvlint("access", f"{tmp_path}/main.bicep", "-f", form)
        assert "kv-hidden-name" not in said.out + said.err
