"""Services that read vaults, by identity, permission, network and language: what the rules report is what Azure does.

The truth stands here once more, from the documentation of each service, and uses nothing of the table of consumers.
"""

from __future__ import annotations

import json
import re
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

    ``part``: a second resource reads, with the identity of the first. ``missing``: the rule about a missing identity,
    ``bicep_missing`` in Bicep if that is another one, because another resource reads. ``is_system``: it reads with the
    system-assigned identity only.
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
    bicep_missing: str = ""
    is_system: bool = False


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
    Consumer(
        "pubsub", "secret",
        'resource "azurerm_web_pubsub" "pubsub" {\n name = "pubsub"\n IDENTITY\n}',
        "resource pubsub 'Microsoft.SignalRService/webPubSub@2024-03-01' = {\n name: 'pubsub'\n IDENTITY\n}",
        "KV630", is_trusted=False,
        part='resource "azurerm_web_pubsub_custom_certificate" "c" {\n name = "c"\n'
        " web_pubsub_id = azurerm_web_pubsub.pubsub.id\n custom_certificate_id = READ\n}",
        bicep_part="resource c 'Microsoft.SignalRService/webPubSub/customCertificates@2024-03-01' = {\n name: 'c'\n"
        " parent: pubsub\n properties: { keyVaultBaseUri: VAULT, keyVaultSecretName: 'own' }\n}",
    ),
    # learn.microsoft.com/azure/static-web-apps/key-vault-secrets: a system-assigned identity, and no trusted service.
    Consumer(
        "site", "secret",
        'resource "azurerm_static_web_app" "site" {\n name = "site"\n sku_tier = "Standard"\n IDENTITY\n'
        ' app_settings = { DB = "@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/own)" }\n}',
        "resource site 'Microsoft.Web/staticSites@2024-04-01' = {\n name: 'site'\n IDENTITY\n}",
        "KV625", is_trusted=False, bicep_missing="KV630", is_system=True,
        bicep_part="resource c 'Microsoft.Web/staticSites/config@2024-04-01' = {\n parent: site\n name: 'appsettings'\n"
        " properties: {\n  DB: '@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/own)'\n }\n}",
    ),
    # learn.microsoft.com/azure/virtual-machines/extensions/key-vault-linux and -windows: the extension on the machine
    # reads over the network of the machine. Settings of version 1 and 2 list URLs, those of version 3 objects.
    Consumer(
        "machine", "secret",
        'resource "azurerm_linux_virtual_machine" "machine" {\n name = "machine"\n IDENTITY\n}',
        "resource machine 'Microsoft.Compute/virtualMachines@2024-07-01' = {\n name: 'machine'\n IDENTITY\n}",
        "KV630", is_trusted=False, named="authenticationSettings = { msiClientId = USER_CLIENT }",
        bicep_named="authenticationSettings: { msiClientId: USER_CLIENT }",
        part='resource "azurerm_virtual_machine_extension" "c" {\n name = "c"\n'
        " virtual_machine_id = azurerm_linux_virtual_machine.machine.id\n"
        ' publisher = "Microsoft.Azure.KeyVault"\n type = "KeyVaultForLinux"\n type_handler_version = "2.0"\n'
        " settings = jsonencode({\n  secretsManagementSettings = { observedCertificates = [READ] }\n  NAMED\n })\n}",
        bicep_part="resource c 'Microsoft.Compute/virtualMachines/extensions@2024-07-01' = {\n parent: machine\n"
        " name: 'c'\n properties: {\n publisher: 'Microsoft.Azure.KeyVault'\n type: 'KeyVaultForWindows'\n"
        " settings: {\n secretsManagementSettings: { observedCertificates: [{ url: READ }] }\n NAMED\n } }\n}",
    ),
    Consumer(
        "machines", "secret",
        'resource "azurerm_linux_virtual_machine_scale_set" "machines" {\n name = "machines"\n IDENTITY\n extension {\n'
        '  name = "kv"\n  publisher = "Microsoft.Azure.KeyVault"\n  type = "KeyVaultForLinux"\n'
        "  settings = jsonencode({\n   secretsManagementSettings = { observedCertificates = [{ url = READ }] }\n"
        "   NAMED\n  })\n }\n}",
        "resource machines 'Microsoft.Compute/virtualMachineScaleSets@2024-07-01' = {\n name: 'machines'\n IDENTITY\n"
        " properties: { virtualMachineProfile: { extensionProfile: { extensions: [{\n name: 'kv'\n properties: {\n"
        " publisher: 'Microsoft.Azure.KeyVault'\n type: 'KeyVaultForLinux'\n settings: {\n"
        " secretsManagementSettings: { observedCertificates: [READ] }\n NAMED\n } } }] } } }\n}",
        "KV625", is_trusted=False, named="authenticationSettings = { msiClientId = USER_CLIENT }",
        bicep_named="authenticationSettings: { msiClientId: USER_CLIENT }",
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


def truth(language: str, consumer: Consumer, identity: str, permission: str, network: str) -> set[str]:
    """Return the rules that must report a deployment: without an identity or permission, or shut out, it fails."""
    found = set()
    if identity == "none":
        is_other = language == "main.bicep" and consumer.bicep_missing
        found.add(consumer.bicep_missing if is_other else consumer.missing)
    elif identity == "user" and consumer.is_system:
        found.add("KV630")
    elif permission in ("role on another", "role of another identity", "none"):
        found.add("KV910" if consumer.kind == "key" else "KV631")
    if network == "closed" and consumer.is_trusted:
        found.add("KV908" if consumer.kind == "key" else "KV632")
    return found


def cases() -> Iterator[tuple[Consumer, str, str, str]]:
    """Yield all identities and permissions of each service; the networks alternate, and each is with each of these."""
    for at, (consumer, identity, permission) in enumerate(product(CONSUMERS, IDENTITIES, PERMISSIONS)):
        yield consumer, identity, permission, NETWORKS[(at + at // len(PERMISSIONS)) % len(NETWORKS)]


# A plan has the settings of an extension as a string.
_CALL = re.compile(r"jsonencode\(.*?\}\)", re.DOTALL)
_SETTINGS = json.dumps(
    {"secretsManagementSettings": {"observedCertificates": [{"url": "https://kv-contoso.vault.azure.net/secrets/own"}]}}
)


def source(language: str, case: tuple[Consumer, str, str, str]) -> bytes:
    match language:
        case "main.tf":
            return terraform(*case).encode()
        case "plan.json":
            return expand(plan_from_terraform(_CALL.sub(lambda _: json.dumps(_SETTINGS), terraform(*case))))
        case _:
            return bicep(*case).encode()


@pytest.mark.parametrize("language", ["main.tf", "plan.json", "main.bicep"])
def test_reported_consumers_are_those_that_fail(language: str, run: Run, tmp_path: Path) -> None:
    everything = {}
    for at, case in enumerate(cases()):
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / language).write_bytes(source(language, case))
        everything[at] = case
    found = _found(run, tmp_path, len(everything))
    wrong = {
        (case[0].name, *case[1:]): (found[at] ^ truth(language, *case))
        for at, case in everything.items()
        if found[at] != truth(language, *case)
    }
    assert wrong == {}


class Elsewhere(NamedTuple):
    """A service outside of Azure, which has a resource type in Terraform only.

    ``principal`` is its identity, ``needs`` the permissions that it requires on the secrets of the vault, any of them.
    ``adds_policy``: it adds an access policy for itself.
    """

    name: str
    terraform: str
    principal: str
    needs: tuple[str, ...]
    is_trusted: bool
    adds_policy: bool = False


ELSEWHERE = (
    # learn.microsoft.com/azure/databricks/security/secrets: AzureDatabricks reads, as a trusted service. It adds its
    # access policy itself; with Azure RBAC it requires Key Vault Secrets User.
    Elsewhere(
        "scope",
        'resource "databricks_secret_scope" "scope" {\n name = "scope"\n keyvault_metadata {\n'
        "  resource_id = azurerm_key_vault.kv.id\n  dns_name = azurerm_key_vault.kv.vault_uri\n }\n}",
        "data.azuread_service_principal.databricks.object_id", ("Get",), is_trusted=True, adds_policy=True,
    ),
    # learn.microsoft.com/azure/devops/pipelines/library/link-variable-groups-to-key-vaults: the identity of the service
    # connection reads and requires Get and List; Azure DevOps is no trusted service.
    Elsewhere(
        "group",
        'resource "azuredevops_serviceendpoint_azurerm" "connection" {\n service_endpoint_name = "connection"\n'
        " credentials {\n  serviceprincipalid = azurerm_user_assigned_identity.id.client_id\n }\n}\n"
        'resource "azuredevops_variable_group" "group" {\n name = "group"\n key_vault {\n  name = "kv-contoso"\n'
        "  service_endpoint_id = azuredevops_serviceendpoint_azurerm.connection.id\n }\n}",
        "azurerm_user_assigned_identity.id.principal_id", ("Get", "List"), is_trusted=False,
    ),
)  # fmt: skip
GRANTS_ELSEWHERE = ("role", "role on another", "role of another identity", "policy", "policy without Get", "none")


def elsewhere(service: Elsewhere, permission: str, network: str) -> str:
    is_policy = permission.startswith("policy")
    words = [word for word in service.needs if word != "Get" or permission == "policy"] or ["Set"]
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
resource "azurerm_key_vault_secret" "another" {{
  name = "another"
  key_vault_id = azurerm_key_vault.kv.id
}}
resource "azurerm_user_assigned_identity" "id" {{
  name = "id"
}}
resource "azurerm_user_assigned_identity" "another" {{
  name = "another"
}}
data "azuread_service_principal" "databricks" {{
  client_id = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
}}
{service.terraform}
"""
    if is_policy:
        text += f"""
resource "azurerm_key_vault_access_policy" "p" {{
  key_vault_id = azurerm_key_vault.kv.id
  object_id = {service.principal}
  secret_permissions = {json.dumps(words)}
}}
"""
    elif permission != "none":
        scope = "azurerm_key_vault.kv.id"
        if permission == "role on another":
            scope = "azurerm_key_vault_secret.another.resource_versionless_id"
        is_other = permission == "role of another identity"
        text += f"""
resource "azurerm_role_assignment" "r" {{
  scope = {scope}
  role_definition_name = "Key Vault Secrets User"
  principal_id = {"azurerm_user_assigned_identity.another.principal_id" if is_other else service.principal}
}}
"""
    return text


def truth_elsewhere(service: Elsewhere, permission: str, network: str) -> set[str]:
    """Return what must be reported. Which of the secrets is read is not stated, so that a role on one may do."""
    found = {"KV632"} if network == "closed" and service.is_trusted else set()
    if permission == "role on another":
        found.add("unknown KV631")
    missing = ("role of another identity", "none", *(() if service.adds_policy else ("policy without Get",)))
    return found | {"KV631"} if permission in missing else found


@pytest.mark.parametrize("language", ["main.tf", "plan.json"])
def test_consumers_outside_of_azure_are_reported(language: str, run: Run, tmp_path: Path) -> None:
    everything = dict(enumerate(product(ELSEWHERE, GRANTS_ELSEWHERE, NETWORKS)))
    for at, case in everything.items():
        text = elsewhere(*case)
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / language).write_bytes(expand(plan_from_terraform(text)) if language == "plan.json" else text.encode())
    found = _found(run, tmp_path, len(everything))
    wrong = {
        (case[0].name, *case[1:]): found[at] ^ truth_elsewhere(*case)
        for at, case in everything.items()
        if found[at] != truth_elsewhere(*case)
    }
    assert wrong == {}


def _found(run: Run, folder: Path, count: int) -> dict[int, set[str]]:
    """Return what is reported in each of the numbered folders."""
    report = json.loads(run("-f", "json", "--select", RULES, folder).out)
    assert not [problem for problem in report["problems"] if problem["level"] == "error"]
    found: dict[int, set[str]] = {at: set() for at in range(count)}
    for one in (*report["findings"], *report["unknown"]):
        at = int(Path(one["location"]["path"]).parts[-2])
        found[at].add(one["ruleId"] if one in report["findings"] else f"unknown {one['ruleId']}")
    return found
