# Azure/avm-res-keyvault-vault/azurerm, versions 0.5 to 0.11.
#
# Source: github.com/Azure/terraform-azurerm-avm-res-keyvault-vault (MIT), variables.tf and main*.tf as they stood from
# version 0.3 until the module left azurerm for azapi, which 0.11 had not done; its releases page and issue 260: only
# 0.10.1 writes a `network_acls` block where the input is null.

data "module" "release" {}

variable "name" {}
variable "location" {}
variable "resource_group_name" {}
variable "tenant_id" {}
variable "sku_name" { default = released("premium") }
variable "purge_protection_enabled" { default = released(true) }
variable "soft_delete_retention_days" { default = released(null) }
variable "public_network_access_enabled" { default = released(true) }
variable "legacy_access_policies_enabled" {
  type     = bool
  default  = released(false)
  nullable = false
}
variable "enabled_for_deployment" { default = released(false) }
variable "enabled_for_disk_encryption" { default = released(false) }
variable "enabled_for_template_deployment" { default = released(false) }
variable "network_acls" {
  type = object({
    bypass                     = optional(string, released("None"))
    default_action             = optional(string, released("Deny"))
    ip_rules                   = optional(list(string), released([]))
    virtual_network_subnet_ids = optional(list(string), released([]))
  })
  default = released({})
}
variable "legacy_access_policies" {
  type = map(object({
    object_id               = string
    application_id          = optional(string)
    certificate_permissions = optional(set(string), [])
    key_permissions         = optional(set(string), [])
    secret_permissions      = optional(set(string), [])
    storage_permissions     = optional(set(string), [])
  }))
  default  = {}
  nullable = false
}
variable "lock" { default = null }
variable "role_assignments" {
  default  = {}
  nullable = false
}
variable "diagnostic_settings" {
  type = map(object({
    name                                     = optional(string)
    log_categories                           = optional(set(string), [])
    log_groups                               = optional(set(string), released(["allLogs"]))
    workspace_resource_id                    = optional(string)
    storage_account_resource_id              = optional(string)
    event_hub_authorization_rule_resource_id = optional(string)
    event_hub_name                           = optional(string)
    marketplace_partner_resource_id          = optional(string)
  }))
  default  = {}
  nullable = false
}
variable "private_endpoints" {
  type = map(object({
    name                = optional(string)
    location            = optional(string)
    resource_group_name = optional(string)
    subnet_resource_id  = string
  }))
  default  = {}
  nullable = false
}
variable "keys" {
  type = map(object({
    name             = string
    key_type         = string
    key_opts         = optional(list(string), released(["sign", "verify"]))
    key_size         = optional(number)
    curve            = optional(string)
    not_before_date  = optional(string)
    expiration_date  = optional(string)
    role_assignments = optional(any, {})
    rotation_policy = optional(object({
      automatic = optional(object({
        time_after_creation = optional(string)
        time_before_expiry  = optional(string)
      }))
      expire_after         = optional(string)
      notify_before_expiry = optional(string)
    }))
  }))
  default  = {}
  nullable = false
}
variable "secrets" {
  type = map(object({
    name             = string
    content_type     = optional(string)
    not_before_date  = optional(string)
    expiration_date  = optional(string)
    role_assignments = optional(any, {})
  }))
  default  = {}
  nullable = false
}
variable "secrets_value" {
  type      = map(string)
  default   = null
  sensitive = true
}
variable "secrets_value_wo" {
  type      = map(string)
  default   = null
  sensitive = true
  ephemeral = true
}
variable "secrets_value_wo_version" {
  type    = map(number)
  default = null
}

locals {
  role_id = "/providers/microsoft.authorization/roledefinitions"
  key_grants = merge([for key, held in var.keys :
    { for name, grant in held.role_assignments : "${key}/${name}" => { of = key, grant = grant } }
  ]...)
  secret_grants = merge([for key, held in var.secrets :
    { for name, grant in held.role_assignments : "${key}/${name}" => { of = key, grant = grant } }
  ]...)
}

resource "azurerm_key_vault" "this" {
  name                            = var.name
  location                        = var.location
  resource_group_name             = var.resource_group_name
  tenant_id                       = var.tenant_id
  sku_name                        = var.sku_name
  rbac_authorization_enabled      = !var.legacy_access_policies_enabled
  purge_protection_enabled        = var.purge_protection_enabled
  soft_delete_retention_days      = var.soft_delete_retention_days
  public_network_access_enabled   = var.public_network_access_enabled
  enabled_for_deployment          = var.enabled_for_deployment
  enabled_for_disk_encryption     = var.enabled_for_disk_encryption
  enabled_for_template_deployment = var.enabled_for_template_deployment

  dynamic "network_acls" {
    for_each = var.network_acls != null ? [var.network_acls] : data.module.release.network_rules
    content {
      bypass                     = network_acls.value.bypass
      default_action             = network_acls.value.default_action
      ip_rules                   = network_acls.value.ip_rules
      virtual_network_subnet_ids = network_acls.value.virtual_network_subnet_ids
    }
  }
}

resource "azurerm_key_vault_access_policy" "this" {
  for_each                = var.legacy_access_policies_enabled ? var.legacy_access_policies : {}
  key_vault_id            = azurerm_key_vault.this.id
  tenant_id               = var.tenant_id
  object_id               = each.value.object_id
  application_id          = each.value.application_id
  certificate_permissions = each.value.certificate_permissions
  key_permissions         = each.value.key_permissions
  secret_permissions      = each.value.secret_permissions
  storage_permissions     = each.value.storage_permissions
}

resource "azurerm_role_assignment" "this" {
  for_each             = var.role_assignments
  scope                = azurerm_key_vault.this.id
  principal_id         = each.value.principal_id
  principal_type       = try(each.value.principal_type, null)
  condition            = try(each.value.condition, null)
  condition_version    = try(each.value.condition_version, null)
  role_definition_id   = strcontains(lower(each.value.role_definition_id_or_name), local.role_id) ? each.value.role_definition_id_or_name : null
  role_definition_name = strcontains(lower(each.value.role_definition_id_or_name), local.role_id) ? null : each.value.role_definition_id_or_name
}

resource "azurerm_role_assignment" "keys" {
  for_each             = local.key_grants
  scope                = azurerm_key_vault_key.this[each.value.of].resource_versionless_id
  principal_id         = each.value.grant.principal_id
  principal_type       = try(each.value.grant.principal_type, null)
  condition            = try(each.value.grant.condition, null)
  condition_version    = try(each.value.grant.condition_version, null)
  role_definition_id   = strcontains(lower(each.value.grant.role_definition_id_or_name), local.role_id) ? each.value.grant.role_definition_id_or_name : null
  role_definition_name = strcontains(lower(each.value.grant.role_definition_id_or_name), local.role_id) ? null : each.value.grant.role_definition_id_or_name
}

resource "azurerm_role_assignment" "secrets" {
  for_each             = local.secret_grants
  scope                = azurerm_key_vault_secret.this[each.value.of].resource_versionless_id
  principal_id         = each.value.grant.principal_id
  principal_type       = try(each.value.grant.principal_type, null)
  condition            = try(each.value.grant.condition, null)
  condition_version    = try(each.value.grant.condition_version, null)
  role_definition_id   = strcontains(lower(each.value.grant.role_definition_id_or_name), local.role_id) ? each.value.grant.role_definition_id_or_name : null
  role_definition_name = strcontains(lower(each.value.grant.role_definition_id_or_name), local.role_id) ? null : each.value.grant.role_definition_id_or_name
}

resource "azurerm_monitor_diagnostic_setting" "this" {
  for_each                       = var.diagnostic_settings
  name                           = coalesce(each.value.name, "diag-${var.name}")
  target_resource_id             = azurerm_key_vault.this.id
  log_analytics_workspace_id     = each.value.workspace_resource_id
  storage_account_id             = each.value.storage_account_resource_id
  eventhub_authorization_rule_id = each.value.event_hub_authorization_rule_resource_id
  eventhub_name                  = each.value.event_hub_name
  partner_solution_id            = each.value.marketplace_partner_resource_id

  dynamic "enabled_log" {
    for_each = each.value.log_categories
    content { category = enabled_log.value }
  }
  dynamic "enabled_log" {
    for_each = each.value.log_groups
    content { category_group = enabled_log.value }
  }
}

resource "azurerm_private_endpoint" "this" {
  for_each            = var.private_endpoints
  name                = coalesce(each.value.name, "pe-${var.name}")
  location            = coalesce(each.value.location, var.location)
  resource_group_name = coalesce(each.value.resource_group_name, var.resource_group_name)
  subnet_id           = each.value.subnet_resource_id

  private_service_connection {
    private_connection_resource_id = azurerm_key_vault.this.id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }
  private_dns_zone_group {
    private_dns_zone_ids = data.module.release.private_dns_zone_ids
  }
}

resource "azurerm_key_vault_key" "this" {
  for_each        = var.keys
  key_vault_id    = azurerm_key_vault.this.id
  name            = each.value.name
  key_type        = each.value.key_type
  key_opts        = each.value.key_opts
  key_size        = each.value.key_size
  curve           = each.value.curve
  not_before_date = each.value.not_before_date
  expiration_date = each.value.expiration_date

  dynamic "rotation_policy" {
    for_each = each.value.rotation_policy != null ? [each.value.rotation_policy] : []
    content {
      expire_after         = rotation_policy.value.expire_after
      notify_before_expiry = rotation_policy.value.notify_before_expiry
      dynamic "automatic" {
        for_each = rotation_policy.value.automatic != null ? [rotation_policy.value.automatic] : []
        content {
          time_after_creation = automatic.value.time_after_creation
          time_before_expiry  = automatic.value.time_before_expiry
        }
      }
    }
  }
}

resource "azurerm_key_vault_secret" "this" {
  for_each         = var.secrets
  key_vault_id     = azurerm_key_vault.this.id
  name             = each.value.name
  value            = try(var.secrets_value[each.key], null)
  value_wo         = try(var.secrets_value_wo[each.key], null)
  value_wo_version = try(var.secrets_value_wo_version[each.key], null)
  content_type     = each.value.content_type
  not_before_date  = each.value.not_before_date
  expiration_date  = each.value.expiration_date
}

resource "azurerm_management_lock" "this" {
  count      = try(var.lock.kind, "None") != "None" ? 1 : 0
  name       = coalesce(try(var.lock.name, null), "lock-${var.name}")
  scope      = azurerm_key_vault.this.id
  lock_level = var.lock.kind
}

output "resource_id" { value = azurerm_key_vault.this.id }
output "resource" { value = azurerm_key_vault.this }
output "name" { value = azurerm_key_vault.this.name }
output "uri" { value = azurerm_key_vault.this.vault_uri }
output "private_endpoints" { value = azurerm_private_endpoint.this }
output "keys" { value = azurerm_key_vault_key.this }
output "keys_resource_ids" { value = azurerm_key_vault_key.this }
output "secrets" { value = azurerm_key_vault_secret.this }
output "secrets_resource_ids" { value = azurerm_key_vault_secret.this }
