"""What a role gives beyond what it lists: by the settings of the vault, by assigning roles, and under conditions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

ID = "11111111-1111-1111-1111-111111111111"
DEPLOYS, WRITES_VAULT = "Microsoft.KeyVault/vaults/deploy/action", "Microsoft.KeyVault/vaults/write"
DEPLOYMENTS = "Microsoft.Resources/deployments/write"


def rows(folder: Path, text: str, *, model: str = "true", vault: str = "") -> dict[str, dict[str, Any]]:
    """Return the rows of the one principal by permission."""
    text = f"""
        resource "azurerm_resource_group" "g" {{ name = "g" }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          resource_group_name        = azurerm_resource_group.g.name
          rbac_authorization_enabled = {model}
          {vault}
        }}
        resource "azurerm_key_vault_secret" "s" {{
          name         = "s"
          key_vault_id = azurerm_key_vault.kv.id
        }}
        {text}
        """
    (folder / "main.tf").write_text(text, encoding="utf-8")
    assert run(["access", str(folder), "-f", f"json={folder / 'report.json'}"]) == 0
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {row["permission"]: row for row in document["rows"] if row["principal"] == ID}


def assigned(role: str, scope: str, condition: str = "") -> str:
    return f"""
        resource "azurerm_role_assignment" "who" {{
          scope                = {scope}
          role_definition_name = "{role}"
          principal_id         = "{ID}"
          {f"condition = {json.dumps(condition)}" if condition else ""}
        }}
        """


def custom(*actions: str) -> str:
    return f"""
        resource "azurerm_role_definition" "r" {{
          name  = "r"
          scope = azurerm_resource_group.g.id
          permissions {{
            actions = {json.dumps(actions)}
          }}
        }}
        """ + assigned("r", "azurerm_resource_group.g.id")


@pytest.mark.parametrize(
    ("actions", "certainty"),
    [
        ((DEPLOYS, DEPLOYMENTS, WRITES_VAULT), "yes"),
        ((DEPLOYS, WRITES_VAULT), "perhaps"),  # another role may allow it to deploy
        ((DEPLOYS, DEPLOYMENTS), ""),
    ],
)
def test_principal_that_can_write_the_vault_can_enable_template_deployment(
    actions: tuple[str, ...], certainty: str, tmp_path: Path
) -> None:
    found = rows(tmp_path, custom(*actions)).get("secrets/get", {})
    assert found.get("certainty", "") == certainty
    if certainty == "yes":
        assert found["path"][-1]["text"] == "can enable the vault for template deployment, and read its secrets there"


def test_a_role_at_the_vault_alone_writes_no_deployments(tmp_path: Path) -> None:
    text = assigned("Contributor", "azurerm_key_vault.kv.id")
    found = rows(tmp_path, text, vault="enabled_for_template_deployment = true")["secrets/get"]
    assert found["certainty"] == "perhaps"


def test_a_lock_may_keep_a_vault_from_being_enabled_for_template_deployment(tmp_path: Path) -> None:
    lock = """
        resource "azurerm_management_lock" "l" {
          name       = "l"
          scope      = azurerm_key_vault.kv.id
          lock_level = "ReadOnly"
        }
        """
    found = rows(tmp_path, custom(DEPLOYS, DEPLOYMENTS, WRITES_VAULT) + lock)["secrets/get"]
    assert (found["certainty"], "management lock" in found["decidedBy"]) == ("perhaps", True)


@pytest.mark.parametrize("role", ["Role Based Access Control Administrator", "User Access Administrator", "Owner"])
def test_principal_that_assigns_roles_on_one_secret_can_set_that_secret(role: str, tmp_path: Path) -> None:
    found = rows(tmp_path, assigned(role, "azurerm_key_vault_secret.s.resource_versionless_id"), model="false")
    assert {name: (row["certainty"], row["only"]) for name, row in found.items()} == {"manage": ("yes", ["secrets/s"])}


WRITES = "Microsoft.Authorization/roleAssignments/write"
ROLES = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
NAME = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'db'"
READS = "Microsoft.KeyVault/vaults/secrets/getSecret/action"


@pytest.mark.parametrize(
    ("condition", "certainty"),
    [
        (f"(!(ActionMatches{{'{WRITES}'}})) OR ({ROLES} ForAnyOfAnyValues:GuidEquals {{{ID}}})", "yes"),
        (f"(!(ActionMatches{{'{READS}'}})) OR ({NAME})", "perhaps"),
        (f"!(ActionMatches{{'{READS}'}})", ""),
        (NAME, "perhaps"),
        ("(", "perhaps"),  # it cannot be read
    ],
)
def test_condition_applies_to_the_actions_that_it_names(condition: str, certainty: str, tmp_path: Path) -> None:
    text = assigned("Key Vault Secrets User", "azurerm_key_vault.kv.id", condition)
    assert rows(tmp_path, text).get("secrets/get", {}).get("certainty", "") == certainty


def test_an_unknown_condition_may_exclude_reading(tmp_path: Path) -> None:
    text = assigned("Key Vault Secrets User", "azurerm_key_vault.kv.id", "x").replace('"x"', "var.condition")
    found = rows(tmp_path, 'variable "condition" { type = string }' + text)["secrets/get"]
    assert (found["certainty"], "condition" in found["decidedBy"]) == ("perhaps", True)
