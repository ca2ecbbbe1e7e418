"""Two vaults without findings in Terraform, Bicep and plans, and changes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from azkvlint.linter.rule_tests import expand

_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers"
TERRAFORM = """
terraform {
  required_providers { azurerm = { source = "hashicorp/azurerm", version = "~> 4.81" } }
  backend "azurerm" {}
}
provider "azurerm" {
  features {}
}
resource "azurerm_resource_group" "rg" {
  name     = "rg"
  location = "westeurope"
}
resource "azurerm_key_vault" "private" {
  name                          = "kv-private-prod"
  resource_group_name           = azurerm_resource_group.rg.name
  location                      = azurerm_resource_group.rg.location
  tenant_id                     = "11111111-1111-1111-1111-111111111111"
  sku_name                      = "standard"
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = false
  rbac_authorization_enabled    = true
}
resource "azurerm_private_endpoint" "private" {
  name                = "pe-private"
  resource_group_name = azurerm_resource_group.rg.name
  location            = azurerm_resource_group.rg.location
  subnet_id           = "<rg>/Microsoft.Network/virtualNetworks/v/subnets/s"
  private_service_connection {
    name                           = "private"
    private_connection_resource_id = azurerm_key_vault.private.id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }
}
resource "azurerm_monitor_diagnostic_setting" "private" {
  name                       = "private"
  target_resource_id         = azurerm_key_vault.private.id
  log_analytics_workspace_id = "<rg>/Microsoft.OperationalInsights/workspaces/w"
  enabled_log { category_group = "allLogs" }
}
resource "azurerm_key_vault" "shared" {
  name                       = "kv-shared-prod"
  resource_group_name        = azurerm_resource_group.rg.name
  location                   = azurerm_resource_group.rg.location
  tenant_id                  = "11111111-1111-1111-1111-111111111111"
  sku_name                   = "standard"
  purge_protection_enabled   = true
  soft_delete_retention_days = 90
  rbac_authorization_enabled = true
  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
    ip_rules       = ["203.0.113.0/28"]
  }
}
resource "azurerm_monitor_diagnostic_setting" "shared" {
  name                       = "shared"
  target_resource_id         = azurerm_key_vault.shared.id
  log_analytics_workspace_id = "<rg>/Microsoft.OperationalInsights/workspaces/w"
  enabled_log { category_group = "allLogs" }
}
""".replace("<rg>", _GROUP)
BICEP = """
param location string = resourceGroup().location
resource private 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-private-prod'
  location: location
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: 'Disabled'
    enableRbacAuthorization: true
  }
}
resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: 'pe-private'
  location: location
  properties: {
    subnet: { id: '<rg>/Microsoft.Network/virtualNetworks/v/subnets/s' }
    privateLinkServiceConnections: [
      { name: 'private', properties: { privateLinkServiceId: private.id, groupIds: ['vault'] } }
    ]
  }
}
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'private'
  scope: private
  properties: {
    workspaceId: '<rg>/Microsoft.OperationalInsights/workspaces/w'
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}
resource shared 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-shared-prod'
  location: location
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    enableRbacAuthorization: true
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'AzureServices'
      ipRules: [{ value: '203.0.113.0/28' }]
    }
  }
}
resource sharedLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'shared'
  scope: shared
  properties: {
    workspaceId: '<rg>/Microsoft.OperationalInsights/workspaces/w'
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}
""".replace("<rg>", _GROUP)
PLAN = """
provider.azurerm: {version: "~> 4.81", features: {}}
azurerm_key_vault.private:
  $action: no-op
  id: <rg>/Microsoft.KeyVault/vaults/kv-private-prod
  name: kv-private-prod
  location: westeurope
  resource_group_name: rg
  sku_name: standard
  purge_protection_enabled: true
  soft_delete_retention_days: 90
  public_network_access_enabled: false
  rbac_authorization_enabled: true
azurerm_private_endpoint.private:
  $action: no-op
  name: pe-private
  private_service_connection:
    - private_connection_resource_id: <rg>/Microsoft.KeyVault/vaults/kv-private-prod
      subresource_names: [vault]
      is_manual_connection: false
azurerm_monitor_diagnostic_setting.private:
  $action: no-op
  name: private
  target_resource_id: <rg>/Microsoft.KeyVault/vaults/kv-private-prod
  log_analytics_workspace_id: <rg>/Microsoft.OperationalInsights/workspaces/w
  enabled_log: [{category_group: allLogs}]
azurerm_key_vault.shared:
  $action: no-op
  id: <rg>/Microsoft.KeyVault/vaults/kv-shared-prod
  name: kv-shared-prod
  location: westeurope
  resource_group_name: rg
  sku_name: standard
  purge_protection_enabled: true
  soft_delete_retention_days: 90
  public_network_access_enabled: true
  rbac_authorization_enabled: true
  network_acls: [{default_action: Deny, bypass: AzureServices, ip_rules: [203.0.113.0/28]}]
azurerm_monitor_diagnostic_setting.shared:
  $action: no-op
  name: shared
  target_resource_id: <rg>/Microsoft.KeyVault/vaults/kv-shared-prod
  log_analytics_workspace_id: <rg>/Microsoft.OperationalInsights/workspaces/w
  enabled_log: [{category_group: allLogs}]
""".replace("<rg>", _GROUP)
Plan = dict[str, Any]


def block(text: str, head: str) -> str:
    """The block of a text that begins with ``head``."""
    start = text.index(head)
    return text[start : text.index("\n}\n", start) + 3]


def replaced(head: str, old: str, new: str) -> Callable[[str], str]:
    """Replace a string in one block."""

    def change(text: str) -> str:
        whole = block(text, head)
        assert old in whole
        return text.replace(whole, whole.replace(old, new))

    return change


def removed(head: str) -> Callable[[str], str]:
    """Remove one block."""
    return lambda text: text.replace(block(text, head), "")


_PRIVATE, _SHARED = 'resource "azurerm_key_vault" "private"', 'resource "azurerm_key_vault" "shared"'
IN_TERRAFORM = {
    "public network on": replaced(_PRIVATE, "access_enabled = false", "access_enabled = true"),
    "RBAC off": replaced(_SHARED, "rbac_authorization_enabled = true", "rbac_authorization_enabled = false"),
    "diagnostic setting removed": removed('resource "azurerm_monitor_diagnostic_setting" "shared"'),
    "range widened": replaced(_SHARED, "203.0.113.0/28", "203.0.0.0/8"),
    "private endpoint deleted": removed('resource "azurerm_private_endpoint"'),
}
IN_BICEP = {
    "public network on": replaced("resource private ", "'Disabled'", "'Enabled'"),
    "RBAC off": replaced("resource shared ", "enableRbacAuthorization: true", "enableRbacAuthorization: false"),
    "diagnostic setting removed": removed("resource sharedLogs "),
    "range widened": replaced("resource shared ", "203.0.113.0/28", "203.0.0.0/8"),
    "private endpoint deleted": removed("resource endpoint "),
}


def planned(address: str, **after: Any) -> Callable[[Plan], None]:
    """Plan the update of a resource."""

    def change(plan: Plan) -> None:
        entry = entry_of(plan, address)
        entry["change"]["after"] = {**entry["change"]["after"], **after}
        entry["change"]["actions"] = ["update"]

    return change


def destroyed(address: str) -> Callable[[Plan], None]:
    """Plan the deletion of a resource."""

    def change(plan: Plan) -> None:
        change = entry_of(plan, address)["change"]
        change |= {"after": None, "actions": ["delete"], "after_unknown": {}, "after_sensitive": False}
        resources = plan["configuration"]["root_module"]["resources"]
        resources[:] = [one for one in resources if one["address"] != address]

    return change


def entry_of(plan: Plan, address: str) -> Plan:
    """The entry of a resource in a plan."""
    found: Plan = next(one for one in plan["resource_changes"] if one["address"] == address)
    return found


IN_PLAN = {
    "public network on": planned("azurerm_key_vault.private", public_network_access_enabled=True),
    "RBAC off": planned("azurerm_key_vault.shared", rbac_authorization_enabled=False),
    "diagnostic setting removed": destroyed("azurerm_monitor_diagnostic_setting.shared"),
    "range widened": planned(
        "azurerm_key_vault.shared",
        network_acls=[
            {
                "default_action": "Deny", "bypass": "AzureServices", "ip_rules": ["203.0.0.0/8"],
                "virtual_network_subnet_ids": [],
            }
        ],
    ),
    "private endpoint deleted": destroyed("azurerm_private_endpoint.private"),
}  # fmt: skip
REGRESSIONS = {
    "public network on": ("KV101", "private"),
    "RBAC off": ("KV301", "shared"),
    "diagnostic setting removed": ("KV201", "shared"),
    "range widened": ("KV102", "shared"),
    "private endpoint deleted": ("KV103", "private"),
}


def unchanged_plan(text: str = PLAN) -> Plan:
    """A plan that changes nothing."""
    plan: Plan = json.loads(expand(text))
    for entry in plan["resource_changes"]:
        change = entry["change"]
        change["before"], change["before_sensitive"] = change["after"], change.get("after_sensitive", {})
    return plan


def plan_with(*names: str) -> Plan:
    """A plan with some of the regressions."""
    plan = unchanged_plan()
    for name in names:
        IN_PLAN[name](plan)
    return plan


def reverse(plan: Plan) -> Plan:
    """A plan that undoes another one: what that deletes is created."""
    words = {"delete": ["create"], "create": ["delete"]}
    for entry in plan["resource_changes"]:
        change = entry["change"]
        change["before"], change["after"] = change["after"], change["before"]
        change["actions"] = words.get(change["actions"][0], change["actions"])
        change["after_unknown"] = {}
    return plan


def encoded(plan: Plan) -> bytes:
    """A plan as Terraform prints it."""
    return json.dumps(plan).encode()
