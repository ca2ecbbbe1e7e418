"""Services that read vaults, by identity, permission, network and language: what the rules report is what Azure does.

The truth stands here once more, from the documentation of each service, and uses nothing of the table of consumers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from azkvlint.engine.example_conversion import plan_from_terraform
from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.conftest import Run

RULES = "KV625,KV630,KV631,KV632,KV908,KV910"
CRYPTO_USER, SECRETS_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6", "4633458b-17de-408a-b874-0445c86b69e6"
IDENTITIES = ("system", "user", "none")
# What the identity has: on the vault, on what it reads alone, on something else in the vault; or another one has it.
PERMISSIONS = ("role", "role on its own", "role on another", "role of another identity", "policy", "none")
NETWORKS = ("all", "closed", "closed but for trusted services")


class Consumer(NamedTuple):
    """A service. IDENTITY, USER and READ are replaced: the identity block, the user-assigned one, and what it reads.

    ``part``: a second resource reads, with the identity of the first. ``missing``: the rule about a missing identity.
    """

    name: str
    kind: str
    terraform: str
    bicep: str
    missing: str
    is_trusted: bool = True
    part: str = ""
    bicep_part: str = ""
    named: str = ""
    bicep_named: str = ""


CONSUMERS = (
    Consumer(
        "disks", "key",
        'resource "azurerm_disk_encryption_set" "disks" {\n name = "disks"\n key_vault_key_id = READ\n IDENTITY\n}',
        "resource disks 'Microsoft.Compute/diskEncryptionSets@2024-03-02' = {\n name: 'disks'\n IDENTITY\n"
        " properties: { activeKey: { keyUrl: READ } }\n}",
        "KV910",
    ),
    Consumer(
        "storage", "key",
        'resource "azurerm_storage_account" "storage" {\n name = "storage"\n IDENTITY\n'
        " customer_managed_key {\n  key_vault_key_id = READ\n  NAMED\n }\n}",
        "resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' = {\n name: 'storage'\n IDENTITY\n"
        " properties: { encryption: {\n NAMED\n keyVaultProperties: { keyName: 'own', keyVaultUri: VAULT } } }\n}",
        "KV910", named="user_assigned_identity_id = USER", bicep_named="identity: { userAssignedIdentity: USER }",
    ),
    Consumer(
        "registry", "key",
        'resource "azurerm_container_registry" "registry" {\n name = "registry"\n sku = "Premium"\n IDENTITY\n'
        " encryption {\n  key_vault_key_id = READ\n  NAMED\n }\n}",
        "resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {\n name: 'registry'\n IDENTITY\n"
        " properties: { encryption: { keyVaultProperties: {\n NAMED\n keyIdentifier: READ } } }\n}",
        "KV910", named="identity_client_id = USER_CLIENT", bicep_named="identity: USER_CLIENT",
    ),
    Consumer(
        "config", "key",
        'resource "azurerm_app_configuration" "config" {\n name = "config"\n sku = "standard"\n IDENTITY\n'
        " encryption {\n  key_vault_key_identifier = READ\n  NAMED\n }\n}",
        "resource config 'Microsoft.AppConfiguration/configurationStores@2024-05-01' = {\n name: 'config'\n IDENTITY\n"
        " properties: { encryption: { keyVaultProperties: {\n NAMED\n keyIdentifier: READ } } }\n}",
        "KV910", is_trusted=False, named="identity_client_id = USER_CLIENT",
        bicep_named="identityClientId: USER_CLIENT",
    ),
    Consumer(
        "port", "secret",
        'resource "azurerm_express_route_port" "port" {\n name = "port"\n IDENTITY\n'
        " link1 {\n  macsec_cak_keyvault_secret_id = READ\n }\n}",
        "resource port 'Microsoft.Network/expressRoutePorts@2024-05-01' = {\n name: 'port'\n IDENTITY\n"
        " properties: { links: [{ name: 'link1', properties: { macSecConfig: { cakSecretIdentifier: READ } } }] }\n}",
        "KV625",
    ),
    Consumer(
        "signalr", "secret",
        'resource "azurerm_signalr_service" "signalr" {\n name = "signalr"\n IDENTITY\n}',
        "resource signalr 'Microsoft.SignalRService/signalR@2024-03-01' = {\n name: 'signalr'\n IDENTITY\n}",
        "KV630", is_trusted=False,
        part='resource "azurerm_signalr_service_custom_certificate" "c" {\n name = "c"\n'
        " signalr_service_id = azurerm_signalr_service.signalr.id\n custom_certificate_id = READ\n}",
        bicep_part="resource c 'Microsoft.SignalRService/signalR/customCertificates@2024-03-01' = {\n parent: signalr\n"
        " name: 'c'\n properties: { keyVaultBaseUri: VAULT, keyVaultSecretName: 'own' }\n}",
    ),
    Consumer(
        "app", "secret",
        'resource "azurerm_linux_web_app" "app" {\n name = "app"\n IDENTITY\n NAMED\n'
        ' app_settings = { DB = "@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/own)" }\n}',
        "resource app 'Microsoft.Web/sites@2024-04-01' = {\n name: 'app'\n IDENTITY\n properties: {\n NAMED\n"
        " siteConfig: { appSettings: [{\n name: 'DB'\n"
        " value: '@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/own)'\n }] } }\n}",
        "KV625", is_trusted=False, named="key_vault_reference_identity_id = USER",
        bicep_named="keyVaultReferenceIdentity: USER",
    ),
)  # fmt: skip


def terraform(consumer: Consumer, identity: str, permission: str, network: str) -> str:
    type_ = consumer.terraform.split('"')[1]
    kind = "key" if consumer.kind == "key" else "secret"
    principal = "azurerm_user_assigned_identity.id.principal_id"
    if identity == "system":
        principal = f"{type_}.{consumer.name}.identity[0].principal_id"
    blocks = {
        "system": 'identity {\n  type = "SystemAssigned"\n }',
        "user": 'identity {\n  type = "UserAssigned"\n  identity_ids = [azurerm_user_assigned_identity.id.id]\n }',
    }
    is_policy = permission == "policy"
    bypass = '"None"' if network == "closed" else '"AzureServices"'
    rules = f' network_acls {{\n  bypass = {bypass}\n  default_action = "Deny"\n }}' if network != "all" else ""
    text = f"""
provider "azurerm" {{
  features {{}}
}}
resource "azurerm_key_vault" "kv" {{
  name = "kv-contoso"
  rbac_authorization_enabled = {"false" if is_policy else "true"}
{rules}
}}
resource "azurerm_key_vault_{kind}" "own" {{
  name = "own"
  key_vault_id = azurerm_key_vault.kv.id
}}
resource "azurerm_key_vault_{kind}" "another" {{
  name = "another"
  key_vault_id = azurerm_key_vault.kv.id
}}
resource "azurerm_user_assigned_identity" "id" {{
  name = "id"
}}
resource "azurerm_user_assigned_identity" "another" {{
  name = "another"
}}
{consumer.terraform}
{consumer.part}
"""
    if is_policy:
        words = '["Get", "WrapKey", "UnwrapKey"]' if kind == "key" else '["Get"]'
        text += f"""
resource "azurerm_key_vault_access_policy" "p" {{
  key_vault_id = azurerm_key_vault.kv.id
  object_id = {principal}
  {kind}_permissions = {words}
}}
"""
    elif permission != "none":
        role = "Key Vault Crypto Service Encryption User" if kind == "key" else "Key Vault Secrets User"
        scopes = {"role on its own": "own", "role on another": "another"}
        thing = scopes.get(permission, "")
        scope = f"azurerm_key_vault_{kind}.{thing}.resource_versionless_id" if thing else "azurerm_key_vault.kv.id"
        whose = "azurerm_user_assigned_identity.another.principal_id" if "identity" in permission else principal
        text += f"""
resource "azurerm_role_assignment" "r" {{
  scope = {scope}
  role_definition_name = "{role}"
  principal_id = {whose}
}}
"""
    text = text.replace("IDENTITY", blocks.get(identity, "")).replace(
        "READ", f"azurerm_key_vault_{kind}.own.versionless_id"
    )
    text = text.replace("NAMED", consumer.named if identity == "user" else "")
    return text.replace("USER_CLIENT", "azurerm_user_assigned_identity.id.client_id").replace(
        "USER", "azurerm_user_assigned_identity.id.id"
    )


def bicep(consumer: Consumer, identity: str, permission: str, network: str) -> str:
    kind = "keys" if consumer.kind == "key" else "secrets"
    principal = f"{consumer.name}.identity.principalId" if identity == "system" else "id.properties.principalId"
    blocks = {
        "system": "identity: { type: 'SystemAssigned' }",
        "user": "identity: { type: 'UserAssigned', userAssignedIdentities: { '${id.id}': {} } }",
    }
    is_policy = permission == "policy"
    bypass = "None" if network == "closed" else "AzureServices"
    rules = f"networkAcls: {{ bypass: '{bypass}', defaultAction: 'Deny' }}" if network != "all" else ""
    text = f"""
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-contoso'
  properties: {{
    enableRbacAuthorization: {"false" if is_policy else "true"}
    {rules}
  }}
}}
resource own 'Microsoft.KeyVault/vaults/{kind}@2023-07-01' = {{
  parent: kv
  name: 'own'
}}
resource another 'Microsoft.KeyVault/vaults/{kind}@2023-07-01' = {{
  parent: kv
  name: 'another'
}}
resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {{
  name: 'id'
}}
resource other 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {{
  name: 'another'
}}
{consumer.bicep}
{consumer.bicep_part}
"""
    if is_policy:
        words = "keys: ['get', 'wrapKey', 'unwrapKey']" if kind == "keys" else "secrets: ['get']"
        text += f"""
resource p 'Microsoft.KeyVault/vaults/accessPolicies@2023-07-01' = {{
  parent: kv
  name: 'add'
  properties: {{ accessPolicies: [{{ objectId: {principal}, permissions: {{ {words} }} }}] }}
}}
"""
    elif permission != "none":
        scope = {"role on its own": "own", "role on another": "another"}.get(permission, "kv")
        whose = "other.properties.principalId" if "identity" in permission else principal
        role = CRYPTO_USER if kind == "keys" else SECRETS_USER
        text += f"""
resource r 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid('r')
  scope: {scope}
  properties: {{
    principalId: {whose}
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{role}')
  }}
}}
"""
    uri = "own.properties.keyUri" if kind == "keys" else "own.properties.secretUri"
    text = text.replace("IDENTITY", blocks.get(identity, "")).replace("READ", uri)
    text = text.replace("NAMED", consumer.bicep_named if identity == "user" else "")
    text = text.replace("VAULT", "kv.properties.vaultUri").replace("USER_CLIENT", "id.properties.clientId")
    return text.replace("USER", "id.id")


def truth(consumer: Consumer, identity: str, permission: str, network: str) -> set[str]:
    """Return the rules that must report a deployment: without an identity or permission, or shut out, it fails."""
    found = set()
    if identity == "none":
        found.add(consumer.missing)
    elif permission in ("role on another", "role of another identity", "none"):
        found.add("KV910" if consumer.kind == "key" else "KV631")
    if network == "closed" and consumer.is_trusted:
        found.add("KV908" if consumer.kind == "key" else "KV632")
    return found


def cases() -> Iterator[tuple[Consumer, str, str, str]]:
    """Yield all identities and permissions of each service; the networks alternate, and each is with each of these."""
    for at, (consumer, identity, permission) in enumerate(product(CONSUMERS, IDENTITIES, PERMISSIONS)):
        yield consumer, identity, permission, NETWORKS[(at + at // len(PERMISSIONS)) % len(NETWORKS)]


def source(language: str, case: tuple[Consumer, str, str, str]) -> bytes:
    match language:
        case "main.tf":
            return terraform(*case).encode()
        case "plan.json":
            return expand(plan_from_terraform(terraform(*case)))
        case _:
            return bicep(*case).encode()


@pytest.mark.parametrize("language", ["main.tf", "plan.json", "main.bicep"])
def test_what_is_reported_is_what_fails(language: str, run: Run, tmp_path: Path) -> None:
    everything = {}
    for at, case in enumerate(cases()):
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / language).write_bytes(source(language, case))
        everything[at] = case
    report = json.loads(run("-f", "json", "--select", RULES, tmp_path).out)
    assert not [problem for problem in report["problems"] if problem["level"] == "error"]
    found: dict[int, set[str]] = {at: set() for at in everything}
    for one in (*report["findings"], *report["unknown"]):
        at = int(Path(one["location"]["path"]).parts[-2])
        found[at].add(one["ruleId"] if one in report["findings"] else f"unknown {one['ruleId']}")
    wrong = {
        (case[0].name, *case[1:]): (found[at] ^ truth(*case))
        for at, case in everything.items()
        if found[at] != truth(*case)
    }
    assert wrong == {}
