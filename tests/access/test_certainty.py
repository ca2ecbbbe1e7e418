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


def answer(run: Run, folder: Path, text: str) -> dict[str, Any]:
    (folder / "main.tf").write_text(text, encoding="utf-8")
    found: dict[str, Any] = json.loads(run("access", "main.tf", "-f", "json", cwd=folder).out)
    return found


def rows(run: Run, folder: Path, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(run, folder, text)["rows"]
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


OTHER = "22222222-2222-2222-2222-222222222222"


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(
    ("variable", "for_each", "object_id", "who"),
    [
        ("type = bool", "var.x ? [1] : []", f'"{OTHER}"', [OTHER]),
        ("default = false", "var.x ? [1] : []", f'"{OTHER}"', [OTHER]),
        ("type = string", 'var.x != "" ? [1] : []', "var.x", ["var.x"]),
        ('default = ""', 'var.x != "" ? [1] : []', "var.x", ["var.x"]),
        ("default = null", "var.x == null ? [] : [var.x]", "access_policy.value.object_id", ["var.x"]),
        ("type = list(string)", "var.x", "access_policy.value", ["var.x[*]"]),
        ("type = set(string)", "toset(var.x)", "access_policy.key", ["var.x[*]"]),
        ("type = map(object({ id = string }))", "var.x", "access_policy.value.id", ["var.x[*]"]),
        ("type = bool", f'var.x ? ["{OTHER}", "{ID}"] : []', "access_policy.value", [ID, OTHER]),
        ("type = list(string)", f'concat(["{OTHER}"], var.x)', "access_policy.value", [OTHER, "var.x[*]"]),
        (
            "type = bool",
            f'{{ for k, v in {{ a = "{ID}", b = "{OTHER}" }} : k => v if var.x }}',
            "access_policy.value",
            ["unknown principal of azurerm_key_vault.kv"],
        ),
    ],
)
def test_dynamic_block_of_unknown_length_has_the_policy_of_its_content(
    run: Run, tmp_path: Path, variable: str, for_each: str, object_id: str, who: list[str], beside: bool
) -> None:
    first = 'access_policy {\n object_id = "33333333-3333-3333-3333-333333333333"\n key_permissions = ["Sign"]\n}'
    document = answer(
        run,
        tmp_path,
        f"""
        variable "x" {{ {variable} }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          rbac_authorization_enabled = false
          {first if beside else ""}
          dynamic "access_policy" {{
            for_each = {for_each}
            content {{
              object_id          = {object_id}
              secret_permissions = ["Get", "List"]
            }}
          }}
        }}
        """,
    )
    found = document["rows"]
    assert {row["permission"] for row in found} == ({"secrets/get", "keys/use"} if beside else {"secrets/get"})
    read = [row for row in found if row["permission"] == "secrets/get"]
    labels = {one["key"]: one["label"] for one in document["principals"]}
    assert sorted(labels[row["principal"]] for row in read) == sorted(who)
    assert {row["certainty"] for row in read} == {"perhaps"}
    assert all(row["decidedBy"].startswith("whether the access policy exists: ") for row in read)


def test_too_many_possible_policies_leave_all_access_unknown(run: Run, tmp_path: Path) -> None:
    found = rows(
        run,
        tmp_path,
        f"""
        variable "x" {{ type = bool }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          rbac_authorization_enabled = false
          dynamic "access_policy" {{
            for_each = var.x ? range(51) : []
            content {{
              object_id          = "{ID}"
              secret_permissions = ["Get"]
            }}
          }}
        }}
        """,
    )
    assert {"secrets/get", "keys/use", "certificates/get"} < {row["permission"] for row in found}


def test_a_policy_that_may_not_exist_lets_no_plan_fail(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        """
        variable "x" { type = bool }
        variable "who" { default = null }
        resource "azurerm_key_vault" "kv" {
          name = "kv"
          dynamic "access_policy" {
            for_each = var.x ? [1] : []
            content {
              object_id          = var.who.id
              secret_permissions = ["Get"]
            }
          }
        }
        """,
        encoding="utf-8",
    )
    assert "fails" not in run("access", "main.tf", cwd=tmp_path).out
    assert "plan fails" not in run("check", "main.tf", "--show-unknown", cwd=tmp_path).out
