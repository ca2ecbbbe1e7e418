# A deployment as it grows when nobody looks: the same vaults as in main.bicep. plan.json is its plan.
terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.50"
    }
  }
}

provider "azurerm" {
  features {}
}

variable "location" {
  type    = string
  default = "westeurope"
}

variable "resource_group_name" {
  type    = string
  default = "rg-app"
}

variable "firewall_default_action" {
  description = "Known only to those who deploy."
  type        = string
}

variable "db_password" {
  type      = string
  default   = "correct-horse-battery-staple"
  sensitive = true
}

locals {
  operator = "99999999-8888-4777-8666-555555555555"
}

data "azurerm_subscription" "current" {}

resource "azurerm_key_vault" "app" {
  name                            = "kv-app-careless"
  location                        = var.location
  resource_group_name             = var.resource_group_name
  tenant_id                       = data.azurerm_subscription.current.tenant_id
  sku_name                        = "standard"
  soft_delete_retention_days      = 7
  enabled_for_deployment          = true
  enabled_for_disk_encryption     = true
  enabled_for_template_deployment = true

  access_policy {
    tenant_id          = data.azurerm_subscription.current.tenant_id
    object_id          = local.operator
    key_permissions    = ["Get", "Purge"]
    secret_permissions = ["Get", "List", "Purge", "Set"]
  }
}

resource "azurerm_key_vault_secret" "db_password" {
  name         = "db-password"
  key_vault_id = azurerm_key_vault.app.id
  value        = var.db_password
}

resource "azurerm_key_vault_key" "signing" {
  name         = "signing"
  key_vault_id = azurerm_key_vault.app.id
  key_type     = "RSA"
  key_size     = 2048
  key_opts     = ["sign", "verify"]
}

resource "terraform_data" "firewall" {
  input = var.firewall_default_action
}

resource "azurerm_key_vault" "data" {
  name                       = "kv-data-careless"
  location                   = var.location
  resource_group_name        = var.resource_group_name
  tenant_id                  = data.azurerm_subscription.current.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true

  network_acls {
    bypass         = "AzureServices"
    default_action = terraform_data.firewall.output
    ip_rules       = ["203.0.113.7"]
  }
}

resource "azurerm_monitor_diagnostic_setting" "central" {
  name                       = "central"
  target_resource_id         = azurerm_key_vault.data.id
  log_analytics_workspace_id = "${data.azurerm_subscription.current.id}/resourceGroups/rg-monitor/providers/Microsoft.OperationalInsights/workspaces/log-central"

  enabled_metric {
    category = "AllMetrics"
  }
}

module "grant" {
  source = "./grant"

  scope        = data.azurerm_subscription.current.id
  principal_id = local.operator
}
