"""What is unknown about a grant makes only that access possible that it concerns, and names what decides it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ID = "11111111-1111-1111-1111-111111111111"


def rows(run: Run, folder: Path, text: str) -> list[dict[str, Any]]:
    (folder / "main.tf").write_text(text, encoding="utf-8")
    document = json.loads(run("access", "main.tf", "-f", "json", cwd=folder).out)
    found: list[dict[str, Any]] = document["rows"]
    return found


def test_unknown_permissions_on_secrets_concern_secrets_alone(run: Run, tmp_path: Path) -> None:
    found = rows(
        run,
        tmp_path,
        f"""
        variable "permissions" {{ type = list(string) }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          rbac_authorization_enabled = false
          access_policy {{
            object_id          = "{ID}"
            key_permissions    = ["Get"]
            secret_permissions = var.permissions
          }}
        }}
        """,
    )
    assert {row["permission"] for row in found} == {"secrets/get", "manage", "purge"}


def test_a_role_assignment_that_may_not_exist_is_decided_by_its_existence(run: Run, tmp_path: Path) -> None:
    found = rows(
        run,
        tmp_path,
        f"""
        variable "enabled" {{ type = bool }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          rbac_authorization_enabled = true
        }}
        resource "azurerm_role_assignment" "reader" {{
          count                = var.enabled ? 1 : 0
          scope                = azurerm_key_vault.kv.id
          role_definition_name = "Key Vault Secrets User"
          principal_id         = "{ID}"
        }}
        """,
    )
    assert [row["permission"] for row in found] == ["secrets/get"]
    assert "azurerm_role_assignment.reader[0] exists" in found[0]["decidedBy"]


SCOPES = {
    "data.azurerm_subscription.current.id": "yes",
    '"/subscriptions/${data.azurerm_client_config.current.subscription_id}"': "yes",
    '"/subscriptions/${data.azurerm_subscription.current.subscription_id}"': "yes",
    '"/subscriptions/${data.azurerm_client_config.current.subscription_id}/resourceGroups/g"': "yes",
    '"/subscriptions/${data.azurerm_client_config.other.subscription_id}"': "perhaps",
    '"/subscriptions/${data.azurerm_subscription.named.subscription_id}"': "perhaps",
    '"/subscriptions/${var.subscription}"': "perhaps",
}

OWN, FOREIGN = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"


@pytest.mark.parametrize("group", ["", "/resourceGroups/g"])
@pytest.mark.parametrize(
    ("provider", "subscription", "certainties"),
    [
        (f'"{OWN}"', OWN, ["yes"]),
        (f'"{OWN}"', OWN.upper(), ["yes"]),
        ("var.own", OWN, ["yes"]),
        (f'"{OWN}"', FOREIGN, []),
        ("var.subscription", OWN, ["perhaps"]),
    ],
)
def test_a_provider_makes_vaults_in_its_subscription(
    provider: str, subscription: str, certainties: list[str], group: str, run: Run, tmp_path: Path
) -> None:
    found = rows(
        run,
        tmp_path,
        f"""
        provider "azurerm" {{
          subscription_id = {provider}
        }}
        variable "subscription" {{ type = string }}
        variable "own" {{ default = "{OWN}" }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          resource_group_name        = "g"
          rbac_authorization_enabled = true
        }}
        resource "azurerm_role_assignment" "reader" {{
          scope                = "/subscriptions/{subscription}{group}"
          role_definition_name = "Key Vault Secrets User"
          principal_id         = "{ID}"
        }}
        """,
    )
    assert [row["certainty"] for row in found] == certainties


@pytest.mark.parametrize(("scope", "certainty"), SCOPES.items())
def test_the_subscription_that_data_sources_read_is_that_of_their_provider(
    scope: str, certainty: str, run: Run, tmp_path: Path
) -> None:
    found = rows(
        run,
        tmp_path,
        f"""
        provider "azurerm" {{}}
        provider "azurerm" {{ alias = "other" }}
        variable "subscription" {{ type = string }}
        data "azurerm_client_config" "current" {{}}
        data "azurerm_client_config" "other" {{ provider = azurerm.other }}
        data "azurerm_subscription" "current" {{}}
        data "azurerm_subscription" "named" {{ subscription_id = var.subscription }}
        resource "azurerm_resource_group" "g" {{ name = "g" }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          resource_group_name        = azurerm_resource_group.g.name
          rbac_authorization_enabled = true
        }}
        resource "azurerm_role_assignment" "reader" {{
          scope                = {scope}
          role_definition_name = "Key Vault Secrets User"
          principal_id         = "{ID}"
        }}
        """,
    )
    assert [row["certainty"] for row in found] == [certainty]
