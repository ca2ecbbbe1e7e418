"""Who may act as the identities of Kubernetes clusters, Batch pools and Machine Learning computes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ID = "11111111-1111-1111-1111-111111111111"
START = """
resource "azurerm_resource_group" "g" { name = "g" }
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  rbac_authorization_enabled = true
}
resource "azurerm_user_assigned_identity" "u" { name = "u" }
resource "azurerm_role_assignment" "reader" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = %s
}
resource "azurerm_role_assignment" "holder" {
  scope                = %s
  role_definition_name = "%s"
  principal_id         = "11111111-1111-1111-1111-111111111111"
}
"""
IDENTITY = "azurerm_user_assigned_identity.u.principal_id"
ASSIGNED = 'identity {\n  type = "UserAssigned"\n  identity_ids = [azurerm_user_assigned_identity.u.id]\n}\n'
CLUSTER = 'resource "azurerm_kubernetes_cluster" "aks" {\n  name = "aks"\n  resource_group_name = "g"\n%s\n}\n'
AKS, GROUP = "azurerm_kubernetes_cluster.aks.id", "azurerm_resource_group.g.id"
KUBELET = "azurerm_kubernetes_cluster.aks.kubelet_identity[0].object_id"
ADMIN = "Azure Kubernetes Service Cluster Admin Role"
FEDERATED = """
resource "azurerm_federated_identity_credential" "f" {
  name      = "f"
  parent_id = azurerm_user_assigned_identity.u.id
  issuer    = azurerm_kubernetes_cluster.aks.oidc_issuer_url
  subject   = "system:serviceaccount:a:b"
}
"""
BATCH = f"""
resource "azurerm_batch_account" "b" {{
  name                = "b"
  resource_group_name = "g"
}}
resource "azurerm_batch_pool" "p" {{
  name                = "p"
  account_name        = azurerm_batch_account.b.name
  resource_group_name = "g"
  {ASSIGNED}
}}
"""
LEARNING = f"""
resource "azurerm_machine_learning_workspace" "w" {{
  name                = "w"
  resource_group_name = "g"
}}
resource "azurerm_machine_learning_compute_cluster" "c" {{
  name                          = "c"
  machine_learning_workspace_id = azurerm_machine_learning_workspace.w.id
  {ASSIGNED}
}}
"""


def access(run: Run, folder: Path, text: str) -> list[dict[str, Any]]:
    """Return the rows of the holder of the role."""
    (folder / "main.tf").write_text(text, encoding="utf-8")
    report: dict[str, Any] = json.loads(run("access", ".", "-f", "json", cwd=folder).out)
    return [row for row in report["rows"] if row["principal"] == ID]


@pytest.mark.parametrize(
    ("reader", "scope", "role", "more", "certainty"),
    [
        (KUBELET, AKS, ADMIN, CLUSTER % "", "perhaps"),
        (KUBELET, GROUP, ADMIN, CLUSTER % "", "perhaps"),
        (KUBELET, AKS, "Azure Kubernetes Service RBAC Writer", CLUSTER % "", "perhaps"),
        (KUBELET, AKS, "Reader", CLUSTER % "", ""),
        # The identity of the control plane runs no code of others.
        ("azurerm_kubernetes_cluster.aks.identity[0].principal_id", AKS, ADMIN, CLUSTER % ASSIGNED, ""),
        (IDENTITY, AKS, ADMIN, CLUSTER % ASSIGNED, ""),
        (
            "azurerm_kubernetes_cluster.aks.key_vault_secrets_provider[0].secret_identity[0].object_id",
            AKS,
            ADMIN,
            CLUSTER % "",
            "perhaps",
        ),
        (
            IDENTITY,
            AKS,
            ADMIN,
            CLUSTER % "kubelet_identity {\n  user_assigned_identity_id = azurerm_user_assigned_identity.u.id\n}",
            "perhaps",
        ),
        (IDENTITY, AKS, ADMIN, CLUSTER % "" + FEDERATED, "perhaps"),
        (IDENTITY, AKS, "Reader", CLUSTER % "" + FEDERATED, ""),
        (IDENTITY, "azurerm_batch_account.b.id", "Azure Batch Account Contributor", BATCH, "yes"),
        (IDENTITY, "azurerm_batch_account.b.id", "Azure Batch Job Submitter", BATCH, "perhaps"),
        (IDENTITY, GROUP, "Azure Batch Account Contributor", BATCH, "yes"),
        (IDENTITY, GROUP, "Azure Batch Account Reader", BATCH, ""),
        (IDENTITY, "azurerm_machine_learning_workspace.w.id", "AzureML Data Scientist", LEARNING, "perhaps"),
        (IDENTITY, GROUP, "AzureML Data Scientist", LEARNING, "perhaps"),
        (IDENTITY, GROUP, "AzureML Metrics Writer (preview)", LEARNING, ""),
    ],
)
def test_principals_that_may_run_code_in_a_cluster_have_the_access_of_its_identity(
    reader: str, scope: str, role: str, more: str, certainty: str, run: Run, tmp_path: Path
) -> None:
    rows = access(run, tmp_path, START % (reader, scope, role) + more)
    assert {row["certainty"] for row in rows} == ({certainty} if certainty else set())
    if certainty == "perhaps":
        assert rows[0]["decidedBy"] == "whether the workload runs code of the principal as this identity"


BICEP = """
param who string
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  location: 'westeurope'
  properties: { enableRbacAuthorization: true }
}
resource u 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'u'
  location: 'westeurope'
}
resource aks 'Microsoft.ContainerService/managedClusters@2024-01-01' = {
  name: 'aks'
  location: 'westeurope'
}
resource account 'Microsoft.Batch/batchAccounts@2024-02-01' = {
  name: 'b'
  location: 'westeurope'
}
resource pool 'Microsoft.Batch/batchAccounts/pools@2024-02-01' = {
  parent: account
  name: 'p'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${u.id}': {} } }
}
resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: kv
  name: 'r'
  properties: {
    principalId: READER
    roleDefinitionId: resourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  }
}
resource holder 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: SCOPE
  name: 'h'
  properties: {
    principalId: '11111111-1111-1111-1111-111111111111'
    roleDefinitionId: resourceId('Microsoft.Authorization/roleDefinitions', 'b24988ac-6180-42a0-ab88-20f7382dd24c')
  }
}
"""


@pytest.mark.parametrize(
    ("reader", "scope", "certainty"),
    [
        ("aks.properties.identityProfile.kubeletidentity.objectId", "aks", "perhaps"),
        ("aks.properties.addonProfiles.azureKeyvaultSecretsProvider.identity.objectId", "aks", "perhaps"),
        ("u.properties.principalId", "account", "yes"),
        ("u.properties.principalId", "aks", ""),
    ],
)
def test_kubelet_identity_in_bicep_has_the_access_of_principals(
    reader: str, scope: str, certainty: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "main.bicep").write_text(BICEP.replace("READER", reader).replace("SCOPE", scope), encoding="utf-8")
    report: dict[str, Any] = json.loads(run("access", "main.bicep", "-f", "json", cwd=tmp_path).out)
    found = {row["certainty"] for row in report["rows"] if row["principal"] == ID}
    assert found == ({certainty} if certainty else set())
