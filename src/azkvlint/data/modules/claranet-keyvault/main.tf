# claranet/keyvault/azurerm, versions 8.x.
#
# Source: github.com/claranet/terraform-azurerm-keyvault (Apache-2.0), an early and a late state of version 8, and the
# last of version 7 before managed HSMs. They differ in the default of `rbac_authorization_enabled` alone: false at
# first, true later. What its module `claranet/diagnostic-settings` sends by itself is left open.

data "module" "release" {}
data "azurerm_client_config" "current" {}

variable "stack" {}
variable "location" {}
variable "resource_group_name" {}
variable "tenant_id" { default = "" }
variable "custom_name" { default = "" }
variable "sku_name" { default = released("standard") }
variable "enabled_for_deployment" { default = released(false) }
variable "enabled_for_disk_encryption" { default = released(false) }
variable "enabled_for_template_deployment" { default = released(false) }
variable "purge_protection_enabled" { default = released(true) }
variable "soft_delete_retention_days" { default = released(7) }
variable "public_network_access_enabled" { default = released(false) }
variable "rbac_authorization_enabled" {
  type    = bool
  default = data.module.release.default_rbac_authorization_enabled
}
variable "managed_hardware_security_module_enabled" {
  type    = bool
  default = false
}
variable "network_acls" {
  type = object({
    bypass                     = optional(string, released("None"))
    default_action             = optional(string, released("Deny"))
    ip_rules                   = optional(list(string))
    virtual_network_subnet_ids = optional(list(string))
  })
  default = released({})
}
variable "admin_objects_ids" {
  type    = list(string)
  default = []
}
variable "reader_objects_ids" {
  type    = list(string)
  default = []
}
variable "logs_destinations_ids" { type = list(string) }
variable "logs_categories" {
  type    = list(string)
  default = null
}
variable "hsm_security_domain_certificates" { default = null }
variable "hsm_security_domain_quorum" { default = null }

locals {
  tenant_id = coalesce(var.tenant_id, data.azurerm_client_config.current.tenant_id)
  name      = coalesce(var.custom_name, data.module.release.generated_name)
  hsm       = var.managed_hardware_security_module_enabled
  pools     = azurerm_key_vault_managed_hardware_security_module.main
  grantees  = var.rbac_authorization_enabled && !local.hsm
  holders   = !(var.rbac_authorization_enabled || local.hsm)
}

resource "azurerm_key_vault" "main" {
  count                           = local.hsm ? 0 : 1
  name                            = local.name
  location                        = var.location
  resource_group_name             = var.resource_group_name
  tenant_id                       = local.tenant_id
  sku_name                        = var.sku_name
  enabled_for_deployment          = var.enabled_for_deployment
  enabled_for_disk_encryption     = var.enabled_for_disk_encryption
  enabled_for_template_deployment = var.enabled_for_template_deployment
  purge_protection_enabled        = var.purge_protection_enabled
  soft_delete_retention_days      = var.soft_delete_retention_days
  rbac_authorization_enabled      = var.rbac_authorization_enabled
  public_network_access_enabled   = var.public_network_access_enabled

  dynamic "network_acls" {
    for_each = var.network_acls == null ? [] : [var.network_acls]
    content {
      bypass                     = network_acls.value.bypass
      default_action             = network_acls.value.default_action
      ip_rules                   = network_acls.value.ip_rules
      virtual_network_subnet_ids = network_acls.value.virtual_network_subnet_ids
    }
  }
}

resource "azurerm_key_vault_managed_hardware_security_module" "main" {
  count                         = local.hsm ? 1 : 0
  name                          = local.name
  location                      = var.location
  resource_group_name           = var.resource_group_name
  tenant_id                     = local.tenant_id
  sku_name                      = "Standard_B1"
  admin_object_ids              = var.admin_objects_ids
  purge_protection_enabled      = var.purge_protection_enabled
  soft_delete_retention_days    = var.soft_delete_retention_days
  public_network_access_enabled = var.public_network_access_enabled

  security_domain_key_vault_certificate_ids = var.hsm_security_domain_certificates
  security_domain_quorum                    = var.hsm_security_domain_quorum

  dynamic "network_acls" {
    for_each = var.network_acls == null ? [] : [var.network_acls]
    content {
      bypass         = network_acls.value.bypass
      default_action = network_acls.value.default_action
    }
  }
}

resource "azurerm_key_vault_access_policy" "readers" {
  for_each                = toset(local.holders ? var.reader_objects_ids : [])
  key_vault_id            = one(azurerm_key_vault.main[*].id)
  tenant_id               = local.tenant_id
  object_id               = each.value
  key_permissions         = ["Get", "List"]
  secret_permissions      = ["Get", "List"]
  certificate_permissions = ["Get", "List"]
}

resource "azurerm_key_vault_access_policy" "admins" {
  for_each     = toset(local.holders ? var.admin_objects_ids : [])
  key_vault_id = one(azurerm_key_vault.main[*].id)
  tenant_id    = local.tenant_id
  object_id    = each.value
  key_permissions = [
    "Get", "List", "Create", "Import", "Update", "Delete", "Recover", "Purge", "Backup", "Restore", "Rotate", "Encrypt",
    "Decrypt", "Sign", "Verify", "WrapKey", "UnwrapKey", "GetRotationPolicy", "SetRotationPolicy"
  ]
  secret_permissions = ["Get", "List", "Set", "Delete", "Recover", "Purge", "Backup", "Restore"]
  certificate_permissions = [
    "Get", "List", "Create", "Import", "Update", "Delete", "Recover", "Purge", "Backup", "Restore", "ManageContacts",
    "GetIssuers", "ListIssuers", "SetIssuers", "DeleteIssuers", "ManageIssuers"
  ]
}

resource "azurerm_role_assignment" "key_vault_administrator" {
  for_each             = toset(local.grantees ? var.admin_objects_ids : [])
  scope                = one(azurerm_key_vault.main[*].id)
  role_definition_name = "Key Vault Administrator"
  principal_id         = each.value
}

resource "azurerm_role_assignment" "key_vault_secrets_users" {
  for_each             = toset(local.grantees ? var.reader_objects_ids : [])
  scope                = one(azurerm_key_vault.main[*].id)
  role_definition_name = "Key Vault Secrets User"
  principal_id         = each.value
}

resource "azurerm_role_assignment" "key_vault_reader" {
  for_each             = toset(local.grantees ? var.reader_objects_ids : [])
  scope                = one(azurerm_key_vault.main[*].id)
  role_definition_name = "Key Vault Reader"
  principal_id         = each.value
}

resource "azurerm_monitor_diagnostic_setting" "main" {
  count                          = length(var.logs_destinations_ids) > 0 ? 1 : 0
  name                           = data.module.release.name_of_diagnostic_setting
  target_resource_id             = one(concat(azurerm_key_vault.main[*].id, local.pools[*].id))
  log_analytics_workspace_id     = data.module.release.log_analytics_workspace_id
  storage_account_id             = data.module.release.storage_account_id
  eventhub_authorization_rule_id = data.module.release.eventhub_authorization_rule_id

  dynamic "enabled_log" {
    for_each = var.logs_categories != null ? var.logs_categories : data.module.release.log_categories
    content { category = enabled_log.value }
  }
}

output "id" { value = one(concat(azurerm_key_vault.main[*].id, local.pools[*].id)) }
output "name" { value = local.name }
output "uri" { value = one(concat(azurerm_key_vault.main[*].vault_uri, local.pools[*].hsm_uri)) }
