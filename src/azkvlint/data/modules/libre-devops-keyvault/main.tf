# libre-devops/keyvault/azurerm, versions 4.x; the defaults are those of 4.0.
#
# Source: github.com/libre-devops/terraform-azurerm-keyvault (MIT), main.tf, variables.tf and outputs.tf.

data "module" "release" {}
data "azurerm_client_config" "current" {}

variable "location" {}
variable "resource_group_id" {}
variable "tenant_id" { default = null }
variable "key_vaults" {
  type = map(object({
    sku_name                        = optional(string, released("standard"))
    rbac_authorization_enabled      = optional(bool, released(true))
    purge_protection_enabled        = optional(bool, released(true))
    soft_delete_retention_days      = optional(number, released(90))
    public_network_access_enabled   = optional(bool, released(true))
    enabled_for_deployment          = optional(bool, released(false))
    enabled_for_disk_encryption     = optional(bool, released(false))
    enabled_for_template_deployment = optional(bool, released(false))
    network_acls = optional(object({
      default_action             = optional(string, released("Deny"))
      bypass                     = optional(string, released("AzureServices"))
      ip_rules                   = optional(list(string), released([]))
      virtual_network_subnet_ids = optional(list(string), released([]))
    }), {})
    access_policies = optional(list(object({
      object_id               = string
      tenant_id               = optional(string)
      application_id          = optional(string)
      key_permissions         = optional(list(string), [])
      secret_permissions      = optional(list(string), [])
      certificate_permissions = optional(list(string), [])
      storage_permissions     = optional(list(string), [])
    })), [])
  }))
  default = {}
}

locals {
  tenant_id           = coalesce(var.tenant_id, data.azurerm_client_config.current.tenant_id)
  resource_group_name = provider::azurerm::parse_resource_id(var.resource_group_id).resource_group_name
}

resource "azurerm_key_vault" "this" {
  for_each                        = var.key_vaults
  name                            = each.key
  location                        = var.location
  resource_group_name             = local.resource_group_name
  tenant_id                       = local.tenant_id
  sku_name                        = each.value.sku_name
  rbac_authorization_enabled      = each.value.rbac_authorization_enabled
  purge_protection_enabled        = each.value.purge_protection_enabled
  soft_delete_retention_days      = each.value.soft_delete_retention_days
  public_network_access_enabled   = each.value.public_network_access_enabled
  enabled_for_deployment          = each.value.enabled_for_deployment
  enabled_for_disk_encryption     = each.value.enabled_for_disk_encryption
  enabled_for_template_deployment = each.value.enabled_for_template_deployment

  dynamic "network_acls" {
    for_each = each.value.network_acls != null ? [each.value.network_acls] : []
    content {
      bypass                     = network_acls.value.bypass
      default_action             = network_acls.value.default_action
      ip_rules                   = network_acls.value.ip_rules
      virtual_network_subnet_ids = network_acls.value.virtual_network_subnet_ids
    }
  }
  dynamic "access_policy" {
    for_each = each.value.access_policies
    content {
      tenant_id               = coalesce(access_policy.value.tenant_id, local.tenant_id)
      object_id               = access_policy.value.object_id
      application_id          = access_policy.value.application_id
      key_permissions         = access_policy.value.key_permissions
      secret_permissions      = access_policy.value.secret_permissions
      certificate_permissions = access_policy.value.certificate_permissions
      storage_permissions     = access_policy.value.storage_permissions
    }
  }
}

output "ids" { value = { for name, vault in azurerm_key_vault.this : name => vault.id } }
output "ids_zipmap" {
  value = { for name, vault in azurerm_key_vault.this : name => { name = vault.name, id = vault.id } }
}
output "names" { value = keys(azurerm_key_vault.this) }
output "vault_uris" { value = { for name, vault in azurerm_key_vault.this : name => vault.vault_uri } }
output "resource_group_name" { value = local.resource_group_name }
output "tenant_id" { value = local.tenant_id }
