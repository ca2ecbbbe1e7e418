"""Owners of groups, who add members, and of applications, who add credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

ID, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
DECLARED = """
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  rbac_authorization_enabled = true
}
data "azuread_user" "ann" { user_principal_name = "ann@example.com" }
data "azuread_user" "guest" { user_principal_name = "ann_example.com#EXT#@example.org" }
data "azuread_service_principal" "app" { display_name = "app" }
data "azuread_client_config" "current" {}
variable "some" { type = list(string) }
resource "azuread_application" "a" {
  display_name = "a"
  owners       = %s
}
resource "azuread_service_principal" "s" {
  client_id = azuread_application.a.client_id
  owners    = %s
}
resource "azuread_group" "g" {
  display_name = "g"
  owners       = %s
  %s
}
resource "azurerm_role_assignment" "group" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.g.object_id
}
resource "azurerm_role_assignment" "application" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Purge Operator"
  principal_id         = azuread_service_principal.s.object_id
}
resource "azurerm_role_assignment" "application_uses_keys" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azuread_service_principal.s.object_id
}
"""


def found(
    folder: Path, *, application: str = "[]", principal: str = "[]", group: str = "[]", more: str = "", text: str = ""
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows by the label of the principal and the permission, without those of the group and application."""
    (folder / "main.tf").write_text(DECLARED % (application, principal, group, more) + text, encoding="utf-8")
    report = folder / "report.json"
    assert run(["access", str(folder), "-f", f"json={report}"]) == 0
    document = json.loads(report.read_text(encoding="utf-8"))
    labels = {one["key"]: one["label"] for one in document["principals"]}
    rows = {(labels[row["principal"]], row["permission"]): row for row in document["rows"]}
    return {key: row for key, row in rows.items() if not key[0].startswith(("azuread_group.g", "azuread_service_pri"))}


@pytest.mark.parametrize(
    ("owner", "more", "certainty"),
    [
        (f'"{ID}"', "", "yes"),
        ("data.azuread_user.ann.object_id", "", "yes"),
        ("data.azuread_user.guest.object_id", "", "perhaps"),
        ("data.azuread_service_principal.app.object_id", "", "yes"),
        (f'"{ID}"', 'types = ["DynamicMembership"]', ""),
        (f'"{ID}"', 'types = ["Unified"]', "yes"),
        (f'"{ID}"', "types = var.some", "perhaps"),
    ],
)
def test_owner_of_a_group_has_its_access(owner: str, more: str, certainty: str, tmp_path: Path) -> None:
    rows = found(tmp_path, group=f"[{owner}]", more=more)
    assert [row["certainty"] for row in rows.values()] == ([certainty] if certainty else [])
    for row in rows.values():
        assert row["path"][0]["kind"] == "owner"
        assert row["edit"] == "remove the owner from `owners` of azuread_group.g"


@pytest.mark.parametrize("of", ["application", "principal"])
@pytest.mark.parametrize(
    ("owner", "certainty"),
    [
        ("data.azuread_user.ann.object_id", "yes"),
        ("data.azuread_user.guest.object_id", "perhaps"),
        ("data.azuread_service_principal.app.object_id", "perhaps"),
        ("data.azuread_client_config.current.object_id", "perhaps"),
        (f'"{ID}"', "perhaps"),
    ],
)
def test_owner_of_an_application_or_principal_has_its_access(
    of: str, owner: str, certainty: str, tmp_path: Path
) -> None:
    rows = found(tmp_path, **{of: f"[{owner}]"})
    assert {key[1]: row["certainty"] for key, row in rows.items()} == {"keys/use": certainty}


def test_separate_owner_resource_of_an_application_is_read(tmp_path: Path) -> None:
    own = f"""
resource "azuread_application_owner" "o" {{
  application_id  = azuread_application.a.id
  owner_object_id = "{ID}"
}}
"""
    rows = found(tmp_path, text=own)
    assert {key: (row["certainty"], row["edit"]) for key, row in rows.items()} == {
        (ID, "keys/use"): ("perhaps", "remove azuread_application_owner.o")
    }


@pytest.mark.parametrize(("schedule", "certainty"), [("assignment", "yes"), ("eligibility", "perhaps")])
def test_eligible_owner_of_a_group_has_possible_access(schedule: str, certainty: str, tmp_path: Path) -> None:
    own = f"""
resource "azuread_privileged_access_group_{schedule}_schedule" "o" {{
  group_id        = azuread_group.g.id
  principal_id    = "{ID}"
  assignment_type = "owner"
}}
"""
    rows = found(tmp_path, text=own)
    assert {key: row["certainty"] for key, row in rows.items()} == {(ID, "secrets/get"): certainty}
    assert rows[ID, "secrets/get"]["path"][0]["kind"] == "owner"


def test_unknown_owners_are_possible(tmp_path: Path) -> None:
    rows = found(tmp_path, group="var.some", more=f'members = ["{OTHER}"]')
    assert {key: row["certainty"] for key, row in rows.items()} == {
        ("var.some", "secrets/get"): "perhaps",
        (OTHER, "secrets/get"): "yes",
    }


def test_an_owner_of_itself_ends(tmp_path: Path) -> None:
    rows = found(tmp_path, principal="[azuread_service_principal.s.object_id]", group=f'["{ID}"]')
    assert {key[0] for key in rows} == {ID}
