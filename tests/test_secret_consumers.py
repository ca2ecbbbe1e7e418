"""Whatever identity reads a secret and however access is granted, the result is the same in every language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.engine.example_conversion import plan_from_terraform
from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

RULES = {"KV625": "identity", "KV630": "assigned", "KV631": "permission"}
GROUP = "a1b2c3d4-0000-4000-8000-123456789012"
REFERENCE = "@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/db)"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"

TERRAFORM_IDENTITY = {
    "none": "",
    "system": 'identity { type = "SystemAssigned" }',
    "user": """
  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.app.id]
  }
  key_vault_reference_identity_id = azurerm_user_assigned_identity.app.id
""",
    "user without a reference": """
  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.app.id]
  }
""",
}
TERRAFORM_ACCESS = {
    "policy": """
resource "azurerm_key_vault_access_policy" "app" {{
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = {principal}
  secret_permissions = ["Get"]
}}
""",
    "role": """
resource "azurerm_role_assignment" "app" {{
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = {principal}
}}
""",
    "group": """
resource "azuread_group" "readers" {{
  display_name = "readers"
}}
resource "azurerm_role_assignment" "readers" {{
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.readers.object_id
}}
""",
    "none": "",
}
TERRAFORM_PRINCIPAL = {
    "none": "azurerm_user_assigned_identity.app.principal_id",
    "system": "azurerm_linux_web_app.app.identity[0].principal_id",
    "user": "azurerm_user_assigned_identity.app.principal_id",
    "user without a reference": "azurerm_user_assigned_identity.app.principal_id",
}

BICEP_USER = "identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }"
BICEP_IDENTITY = {
    "none": "",
    "system": "identity: { type: 'SystemAssigned' }",
    "user": BICEP_USER,
    "user without a reference": BICEP_USER,
}
BICEP_PRINCIPAL = {
    "none": "identity.properties.principalId",
    "system": "app.identity.principalId",
    "user": "identity.properties.principalId",
    "user without a reference": "identity.properties.principalId",
}
BICEP_ROLE = """
resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid('role')
  scope: kv
  properties: {
    principalId: PRINCIPAL
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ROLE')
  }
}
""".replace("ROLE'", f"{SECRETS_USER}'")
BICEP_ACCESS = {
    "policy": """
resource policy 'Microsoft.KeyVault/vaults/accessPolicies@2023-07-01' = {
  parent: kv
  name: 'add'
  properties: {
    accessPolicies: [
      { objectId: PRINCIPAL, tenantId: tenant().tenantId, permissions: { secrets: ['get'] } }
    ]
  }
}
""",
    "role": BICEP_ROLE,
    "group": BICEP_ROLE.replace("principalId: PRINCIPAL", f"principalId: '{GROUP}'"),
    "none": "",
}

ARM_ID = "resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'app')"
ARM_USER = {"type": "UserAssigned", "userAssignedIdentities": {f"[format('{{0}}', {ARM_ID})]": {}}}
ARM_IDENTITY: dict[str, dict[str, object]] = {
    "none": {},
    "system": {"identity": {"type": "SystemAssigned"}},
    "user": {"identity": ARM_USER},
    "user without a reference": {"identity": ARM_USER},
}
ARM_PRINCIPAL = {
    **dict.fromkeys(TERRAFORM_IDENTITY, f"[reference({ARM_ID}, '2023-01-31').principalId]"),
    "system": "[reference(resourceId('Microsoft.Web/sites', 'app'), '2024-04-01', 'Full').identity.principalId]",
}


def terraform(identity: str, access: str) -> str:
    granted = TERRAFORM_ACCESS[access].format(principal=TERRAFORM_PRINCIPAL[identity])
    return f"""
provider "azurerm" {{
  features {{}}
}}

resource "azurerm_key_vault" "kv" {{
  name                       = "kv-contoso"
  rbac_authorization_enabled = {str(access != "policy").lower()}
}}

resource "azurerm_user_assigned_identity" "app" {{
  name = "app"
}}

resource "azurerm_linux_web_app" "app" {{
  name = "app"
  {TERRAFORM_IDENTITY[identity]}
  app_settings = {{
    DB = "{REFERENCE}"
  }}
}}
{granted}"""


def bicep(identity: str, access: str) -> str:
    named = "keyVaultReferenceIdentity: identity.id" if identity == "user" else ""
    granted = BICEP_ACCESS[access].replace("PRINCIPAL", BICEP_PRINCIPAL[identity])
    return f"""
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-contoso'
  properties: {{
    enableRbacAuthorization: {str(access != "policy").lower()}
  }}
}}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {{
  name: 'app'
}}

resource app 'Microsoft.Web/sites@2024-04-01' = {{
  name: 'app'
  {BICEP_IDENTITY[identity]}
  properties: {{
    {named}
    siteConfig: {{
      appSettings: [
        {{ name: 'DB', value: '{REFERENCE}' }}
      ]
    }}
  }}
}}
{granted}"""


def arm_access(identity: str, access: str) -> list[object]:
    if access == "none":
        return []
    if access == "policy":
        policy = {
            "objectId": ARM_PRINCIPAL[identity],
            "tenantId": "[tenant().tenantId]",
            "permissions": {"secrets": ["get"]},
        }
        return [
            {
                "type": "Microsoft.KeyVault/vaults/accessPolicies",
                "apiVersion": "2023-07-01",
                "name": "kv-contoso/add",
                "properties": {"accessPolicies": [policy]},
            }
        ]
    role = f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{SECRETS_USER}')]"
    principal = GROUP if access == "group" else ARM_PRINCIPAL[identity]
    return [
        {
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "name": "[guid('role')]",
            "scope": "[resourceId('Microsoft.KeyVault/vaults', 'kv-contoso')]",
            "properties": {"principalId": principal, "roleDefinitionId": role},
        }
    ]


def arm(identity: str, access: str) -> str:
    named = {"keyVaultReferenceIdentity": f"[{ARM_ID}]"} if identity == "user" else {}
    resources = [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "kv-contoso",
            "properties": {"enableRbacAuthorization": access != "policy"},
        },
        {
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
            "apiVersion": "2023-01-31",
            "name": "app",
        },
        {
            "type": "Microsoft.Web/sites",
            "apiVersion": "2024-04-01",
            "name": "app",
            **ARM_IDENTITY[identity],
            "properties": {**named, "siteConfig": {"appSettings": [{"name": "DB", "value": REFERENCE}]}},
        },
        *arm_access(identity, access),
    ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources})


def source(language: str, identity: str, access: str) -> bytes:
    match language:
        case "main.tf":
            return terraform(identity, access).encode()
        case "plan.json":
            return expand(plan_from_terraform(terraform(identity, access)))
        case "main.bicep":
            return bicep(identity, access).encode()
        case _:
            return arm(identity, access).encode()


def results(run: Run, path: Path) -> dict[str, str]:
    """The result of each of the rules on the app: fail, unknown, or pass."""
    ran = run("-f", "json", "--select", ",".join(RULES), path)
    report = json.loads(ran.out)
    assert not [problem for problem in report["problems"] if problem["level"] == "error"]
    found = dict.fromkeys(RULES, "pass")
    for word, kind in (("fail", "findings"), ("unknown", "unknown")):
        for one in report[kind]:
            assert one["ruleId"] not in found or found[one["ruleId"]] == "pass"
            found[one["ruleId"]] = word
    return found


def expected(identity: str, access: str) -> dict[str, str]:
    """The documented behavior of App Service: the system-assigned identity unless a reference names another one."""
    if identity == "none":
        return {"KV625": "fail", "KV630": "pass", "KV631": "pass"}
    if identity == "user without a reference":
        return {"KV625": "pass", "KV630": "fail", "KV631": "pass"}
    permission = {"policy": "pass", "role": "pass", "group": "unknown", "none": "fail"}
    return {"KV625": "pass", "KV630": "pass", "KV631": permission[access]}


@pytest.mark.parametrize("language", ["main.tf", "plan.json", "main.bicep", "main.json"])
@pytest.mark.parametrize("access", TERRAFORM_ACCESS)
@pytest.mark.parametrize("identity", TERRAFORM_IDENTITY)
def test_results_depend_on_identity_and_access_only(
    identity: str, access: str, language: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / language
    path.write_bytes(source(language, identity, access))
    assert results(run, path) == expected(identity, access)


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_an_identity_under_an_unknown_condition_is_unknown(run: Run, tmp_path: Path) -> None:
    text = replaced(
        bicep("system", "none"),
        "properties: {\n    \n",
        "properties: {\n    keyVaultReferenceIdentity: own ? identity.id : 'SystemAssigned'\n",
    )
    (tmp_path / "main.bicep").write_text(f"param own bool\n{text}")
    assert results(run, tmp_path / "main.bicep") == {"KV625": "pass", "KV630": "unknown", "KV631": "unknown"}


@pytest.mark.parametrize(
    ("principal", "result"),
    [
        ("azuread_user.owner.object_id", "fail"),
        ("azurerm_kubernetes_cluster.aks.identity[0].principal_id", "fail"),
        ("data.azuread_service_principal.app.object_id", "unknown"),
        ("var.principal", "unknown"),
        ('"a1b2c3d4-0000-4000-8000-123456789012"', "unknown"),
        ("azuread_group.readers.object_id", "unknown"),
        ("local.own", "pass"),
        ("module.pass.id", "pass"),
    ],
)
def test_only_other_principals_leave_an_app_without_permission(
    principal: str, result: str, run: Run, tmp_path: Path
) -> None:
    own = TERRAFORM_PRINCIPAL["system"]
    text = replaced(terraform("system", "role"), f"principal_id         = {own}", f"principal_id = {principal}")
    text += f"""
variable "principal" {{
  type = string
}}
resource "azuread_user" "owner" {{
  user_principal_name = "owner@contoso.com"
}}
resource "azuread_group" "readers" {{
  display_name = "readers"
}}
data "azuread_service_principal" "app" {{
  display_name = "app"
}}
resource "azurerm_kubernetes_cluster" "aks" {{
  name = "aks"
}}
locals {{
  own = {own}
}}
module "pass" {{
  source = "./pass"
  id     = {own}
}}
"""
    (tmp_path / "main.tf").write_text(text)
    (tmp_path / "pass").mkdir()
    (tmp_path / "pass" / "main.tf").write_text('variable "id" {}\noutput "id" {\n  value = var.id\n}\n')
    assert results(run, tmp_path)["KV631"] == result


@pytest.mark.parametrize("principal", ["azurerm_linux_web_app.app[each.key]", "each.value"])
def test_roles_for_each_app_are_for_that_app(principal: str, run: Run, tmp_path: Path) -> None:
    text = replaced(
        terraform("system", "role"),
        'name = "app"\n  identity',
        'for_each = toset(["a", "b"])\n  name = each.key\n  identity',
    )
    text = replaced(text, '"app" {\n  scope', '"app" {\n  for_each = azurerm_linux_web_app.app\n  scope')
    text = replaced(text, TERRAFORM_PRINCIPAL["system"], f"{principal}.identity[0].principal_id")
    (tmp_path / "main.tf").write_text(text)
    assert results(run, tmp_path) == {"KV625": "pass", "KV630": "pass", "KV631": "pass"}


def test_a_module_on_its_own_may_be_completed_by_its_caller(run: Run, tmp_path: Path) -> None:
    text = terraform("system", "none").replace('"kv-contoso"', "var.name")
    text = text.replace(REFERENCE, "@Microsoft.KeyVault(VaultName=${azurerm_key_vault.kv.name};SecretName=db)")
    text = replaced(text, 'provider "azurerm" {\n  features {}\n}', 'variable "name" {\n  type = string\n}')
    (tmp_path / "main.tf").write_text(text)
    assert results(run, tmp_path)["KV631"] == "unknown"


TWO_IDENTITIES = """
resource first 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = { name: 'first' }
resource second 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = { name: 'second' }
resource other 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = { name: 'other' }
resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: 'app'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${first.id}': {}, '${second.id}': {} } }
  properties: {
    keyVaultReferenceIdentity: USED.id
    siteConfig: {
      appSettings: [
        { name: 'DB', value: '@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/db)' }
      ]
    }
  }
}
"""


@pytest.mark.parametrize(("used", "result"), [("first", "pass"), ("second", "pass"), ("other", "fail")])
def test_each_of_several_identities_is_assigned(used: str, result: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "main.bicep"
    path.write_text(TWO_IDENTITIES.replace("USED", used))
    assert results(run, path)["KV630"] == result
