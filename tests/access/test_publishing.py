"""Who can deploy code to apps with their publishing credentials, and by their keys and settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

ID = "11111111-1111-1111-1111-111111111111"
SITE, SLOT = "Microsoft.Web/sites", "Microsoft.Web/sites/slots"
PROFILE, SETTINGS, KEYS = "publishxml/action", "config/list/action", "host/listkeys/action"
OFF = {"webdeploy_publish_basic_authentication_enabled": "false"}
NEITHER = {**OFF, "ftp_publish_basic_authentication_enabled": "false"}


def certainty(folder: Path, name: str) -> str:
    report = folder / "report.json"
    assert run(["access", str(folder / name), "-f", f"json={report}"]) == 0
    rows: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["rows"]
    return "".join(row["certainty"] for row in rows if row["principal"] == ID)


def terraform(type_: str, action: str, arguments: dict[str, str]) -> str:
    own = "\n".join(f"{name} = {value}" for name, value in arguments.items())
    parent = "app_service_id = azurerm_linux_web_app.above.id" if type_.endswith("slot") else ""
    return f"""
        variable "any" {{ type = bool }}
        resource "azurerm_linux_web_app" "above" {{ name = "above" }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          rbac_authorization_enabled = true
        }}
        resource "{type_}" "w" {{
          name = "w"
          {parent}
          identity {{
            type = "SystemAssigned"
          }}
          {own}
        }}
        resource "azurerm_role_definition" "r" {{
          name = "r"
          permissions {{
            actions = ["{action}"]
          }}
        }}
        resource "azurerm_role_assignment" "reader" {{
          scope                = azurerm_key_vault.kv.id
          role_definition_name = "Key Vault Secrets User"
          principal_id         = {type_}.w.identity[0].principal_id
        }}
        resource "azurerm_role_assignment" "who" {{
          scope              = {type_}.w.id
          role_definition_id = azurerm_role_definition.r.role_definition_resource_id
          principal_id       = "{ID}"
        }}
        """


@pytest.mark.parametrize(
    ("type_", "action", "arguments", "expected"),
    [
        ("azurerm_linux_web_app", f"{SITE}/{PROFILE}", {}, "yes"),
        ("azurerm_linux_web_app", f"{SITE}/{SETTINGS}", {}, "yes"),
        ("azurerm_windows_function_app", f"{SITE}/{PROFILE}", {}, "yes"),
        ("azurerm_linux_web_app_slot", f"{SLOT}/{PROFILE}", {}, "yes"),
        ("azurerm_linux_web_app_slot", f"{SITE}/{PROFILE}", {}, ""),
        ("azurerm_linux_web_app", f"{SITE}/{PROFILE}", OFF, "perhaps"),  # the app may offer FTP
        ("azurerm_linux_web_app", f"{SITE}/{PROFILE}", {**NEITHER, **dict.fromkeys(OFF, "var.any")}, "perhaps"),
        ("azurerm_linux_web_app", f"{SITE}/{PROFILE}", NEITHER, ""),
        # The settings may have the key of the storage account that contains the code.
        ("azurerm_linux_function_app", f"{SITE}/{SETTINGS}", NEITHER, "perhaps"),
        ("azurerm_linux_function_app", f"{SITE}/{KEYS}", NEITHER, "perhaps"),
        ("azurerm_logic_app_standard", f"{SITE}/{PROFILE}", {}, "perhaps"),
        ("azurerm_linux_web_app", f"{SITE}/config/read", {}, ""),
    ],
)
def test_actions_on_apps_of_terraform_grant_access(
    type_: str, action: str, arguments: dict[str, str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(terraform(type_, action, arguments), encoding="utf-8")
    assert certainty(tmp_path, "main.tf") == expected


def bicep(policies: str) -> str:
    return f"""
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv'
  properties: {{ enableRbacAuthorization: true }}
}}
resource app 'Microsoft.Web/sites@2023-12-01' = {{
  name: 'app'
  identity: {{ type: 'SystemAssigned' }}
}}
{policies}
resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {{
  name: guid('r')
  properties: {{ roleName: 'r', permissions: [ {{ actions: [ '{SITE}/{PROFILE}' ] }} ] }}
}}
resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid('reads')
  scope: kv
  properties: {{
    principalId: app.identity.principalId
    roleDefinitionId: subscriptionResourceId('{"Microsoft.Authorization/roleDefinitions"}', '4633458b-17de-408a-b874-0445c86b69e6')
  }}
}}
resource publishes 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid('publishes')
  scope: app
  properties: {{ principalId: '{ID}', roleDefinitionId: role.id }}
}}
"""  # noqa: E501


def policy(name: str, allow: str, condition: str = "") -> str:
    return f"""
resource {name} 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2023-12-01' = {condition}{{
  parent: app
  name: '{name}'
  properties: {{ allow: {allow} }}
}}
"""


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ("", "perhaps"),  # the policies of an app depend on how it was created
        (policy("scm", "true"), "yes"),
        (policy("scm", "false"), "perhaps"),
        (policy("ftp", "true") + policy("scm", "false"), "perhaps"),
        (policy("ftp", "false") + policy("scm", "false"), ""),
        ("param on bool\n" + policy("ftp", "false") + policy("scm", "false", "if (on) "), "perhaps"),
    ],
)
def test_publishing_policies_of_an_app_decide_access(policies: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(bicep(policies), encoding="utf-8")
    assert certainty(tmp_path, "main.bicep") == expected
