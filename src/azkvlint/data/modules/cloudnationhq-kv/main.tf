# CloudNationHQ/kv/azure, versions 4.x, which 5.0 closed.
#
# Source: github.com/CloudNationHQ/terraform-azure-kv (MIT), main.tf, variables.tf and outputs.tf as of 4.0 and after it,
# and its changelog. How it names what is in a vault, and what it makes of TLS keys, changed on the way and is left open.

data "module" "release" {}
data "azurerm_client_config" "current" {}

variable "location" { default = null }
variable "resource_group_name" { default = null }
variable "vault" {
  type = object({
    name                            = string
    location                        = optional(string)
    resource_group_name             = optional(string)
    tenant_id                       = optional(string)
    sku_name                        = optional(string, "standard")
    enable_rbac_authorization       = optional(bool, true)
    enabled_for_deployment          = optional(bool, true)
    enabled_for_disk_encryption     = optional(bool, true)
    enabled_for_template_deployment = optional(bool, true)
    purge_protection_enabled        = optional(bool, true)
    public_network_access_enabled   = optional(bool, true)
    soft_delete_retention_days      = optional(number, 90)
    enable_role_assignment          = optional(bool, true)
    admins                          = optional(list(string))
    network_acls = optional(object({
      bypass                     = optional(string, "AzureServices")
      default_action             = optional(string, "Deny")
      ip_rules                   = optional(list(string), [])
      virtual_network_subnet_ids = optional(list(string), [])
    }))
    keys = optional(map(object({
      name            = optional(string)
      key_type        = string
      key_size        = optional(number)
      key_opts        = optional(list(string))
      curve           = optional(string)
      not_before_date = optional(string)
      expiration_date = optional(string)
      rotation_policy = optional(object({
        expire_after         = optional(string)
        notify_before_expiry = optional(string)
        automatic = optional(object({
          time_after_creation = optional(string)
          time_before_expiry  = optional(string)
        }))
      }))
    })), {})
    secrets = optional(object({
      predefined_string = optional(map(object({
        value           = optional(string)
        name            = optional(string)
        content_type    = optional(string)
        not_before_date = optional(string)
        expiration_date = optional(string)
      })), {})
      random_string = optional(map(object({
        name            = optional(string)
        content_type    = optional(string)
        not_before_date = optional(string)
        expiration_date = optional(string)
      })), {})
      tls_keys = optional(map(object({
        content_type    = optional(string)
        not_before_date = optional(string)
        expiration_date = optional(string)
      })), {})
    }), {})
    certs = optional(map(object({
      name               = optional(string)
      certificate        = optional(object({ contents = string }))
      issuer             = optional(string, "Self")
      key_type           = optional(string, "RSA")
      key_size           = optional(number, 2048)
      reuse_key          = optional(bool, false)
      curve              = optional(string)
      content_type       = optional(string, "application/x-pkcs12")
      subject            = string
      validity_in_months = number
      key_usage          = list(string)
    })), {})
    access_policies = optional(map(object({
      object_id               = optional(string)
      tenant_id               = optional(string)
      application_id          = optional(string)
      key_permissions         = optional(list(string))
      secret_permissions      = optional(list(string))
      certificate_permissions = optional(list(string))
      storage_permissions     = optional(list(string))
    })), {})
  })
}

locals {
  caller      = data.azurerm_client_config.current.object_id
  tenant_id   = var.vault.tenant_id != null ? var.vault.tenant_id : data.azurerm_client_config.current.tenant_id
  admins      = var.vault.admins != null ? { for id in var.vault.admins : id => id } : { (local.caller) = local.caller }
  holders     = var.vault.enable_rbac_authorization == false ? var.vault.access_policies : {}
  tls_secrets = merge([for key, held in var.vault.secrets.tls_keys : {
    "${key}-pub"  = merge(held, { value = tls_private_key.tls_key[key].public_key_openssh })
    "${key}-priv" = merge(held, { value = tls_private_key.tls_key[key].private_key_pem })
  }]...)
  # The single word "all" stands for every permission of its kind.
  all = {
    key = [
      "Get", "List", "Create", "Import", "Update", "Delete", "Recover", "Purge", "Backup", "Restore", "Release",
      "Rotate", "Encrypt", "Decrypt", "Sign", "Verify", "WrapKey", "UnwrapKey", "GetRotationPolicy", "SetRotationPolicy"
    ]
    secret = ["Get", "List", "Set", "Delete", "Recover", "Purge", "Backup", "Restore"]
    certificate = [
      "Get", "List", "Create", "Import", "Update", "Delete", "Recover", "Purge", "Backup", "Restore", "ManageContacts",
      "GetIssuers", "ListIssuers", "SetIssuers", "DeleteIssuers", "ManageIssuers"
    ]
    storage = [
      "Get", "List", "Set", "Update", "Delete", "Recover", "Purge", "Backup", "Restore", "RegenerateKey", "GetSAS",
      "ListSAS", "SetSAS", "DeleteSAS"
    ]
  }
}

resource "azurerm_key_vault" "keyvault" {
  name                            = var.vault.name
  location                        = coalesce(var.vault.location, var.location)
  resource_group_name             = coalesce(var.vault.resource_group_name, var.resource_group_name)
  tenant_id                       = local.tenant_id
  sku_name                        = var.vault.sku_name
  enable_rbac_authorization       = var.vault.enable_rbac_authorization
  enabled_for_deployment          = var.vault.enabled_for_deployment
  enabled_for_disk_encryption     = var.vault.enabled_for_disk_encryption
  enabled_for_template_deployment = var.vault.enabled_for_template_deployment
  purge_protection_enabled        = var.vault.purge_protection_enabled
  public_network_access_enabled   = var.vault.public_network_access_enabled
  soft_delete_retention_days      = var.vault.soft_delete_retention_days

  dynamic "network_acls" {
    for_each = var.vault.network_acls != null ? [var.vault.network_acls] : []
    content {
      bypass                     = network_acls.value.bypass
      default_action             = network_acls.value.default_action
      ip_rules                   = network_acls.value.ip_rules
      virtual_network_subnet_ids = network_acls.value.virtual_network_subnet_ids
    }
  }
}

resource "azurerm_role_assignment" "admins" {
  for_each             = var.vault.enable_role_assignment == true ? local.admins : {}
  scope                = azurerm_key_vault.keyvault.id
  role_definition_name = "Key Vault Administrator"
  principal_id         = each.value
}

resource "azurerm_key_vault_access_policy" "policy" {
  for_each                = local.holders
  key_vault_id            = azurerm_key_vault.keyvault.id
  tenant_id               = each.value.tenant_id != null ? each.value.tenant_id : local.tenant_id
  object_id               = each.value.object_id != null ? each.value.object_id : local.caller
  application_id          = each.value.application_id
  key_permissions = try(each.value.key_permissions[0], "") == "all" ? local.all.key : each.value.key_permissions
  secret_permissions = try(each.value.secret_permissions[0], "") == "all" ? local.all.secret : each.value.secret_permissions
  certificate_permissions = try(each.value.certificate_permissions[0], "") == "all" ? local.all.certificate : each.value.certificate_permissions
  storage_permissions = try(each.value.storage_permissions[0], "") == "all" ? local.all.storage : each.value.storage_permissions
}

resource "azurerm_key_vault_key" "kv_keys" {
  for_each        = var.vault.keys
  key_vault_id    = azurerm_key_vault.keyvault.id
  name            = each.value.name != null ? each.value.name : data.module.release.name_of_key
  key_type        = each.value.key_type
  key_size        = each.value.key_size
  key_opts        = each.value.key_opts
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

resource "random_password" "password" {
  for_each = var.vault.secrets.random_string
  length   = data.module.release.length_of_password
}

resource "tls_private_key" "tls_key" {
  for_each  = var.vault.secrets.tls_keys
  algorithm = data.module.release.algorithm_of_key
}

resource "azurerm_key_vault_secret" "secrets" {
  for_each = merge(
    { for key, held in var.vault.secrets.random_string : key => merge(held, { value = random_password.password[key].result }) },
    var.vault.secrets.predefined_string
  )
  key_vault_id    = azurerm_key_vault.keyvault.id
  name            = each.value.name != null ? each.value.name : data.module.release.name_of_secret
  value           = each.value.value
  content_type    = each.value.content_type
  not_before_date = each.value.not_before_date
  expiration_date = each.value.expiration_date
}

resource "azurerm_key_vault_secret" "tls_secrets" {
  for_each        = local.tls_secrets
  key_vault_id    = azurerm_key_vault.keyvault.id
  name            = data.module.release.name_of_secret
  value           = each.value.value
  content_type    = each.value.content_type
  not_before_date = each.value.not_before_date
  expiration_date = each.value.expiration_date
}

resource "azurerm_key_vault_certificate" "cert" {
  for_each     = var.vault.certs
  key_vault_id = azurerm_key_vault.keyvault.id
  name         = each.value.name != null ? each.value.name : data.module.release.name_of_certificate

  dynamic "certificate_policy" {
    for_each = each.value.certificate == null ? [each.value] : []
    content {
      issuer_parameters { name = certificate_policy.value.issuer }
      key_properties {
        exportable = certificate_policy.value.issuer == "Self"
        key_type   = certificate_policy.value.key_type
        key_size   = certificate_policy.value.key_size
        reuse_key  = certificate_policy.value.reuse_key
        curve      = certificate_policy.value.curve
      }
      secret_properties { content_type = certificate_policy.value.content_type }
      x509_certificate_properties {
        subject            = certificate_policy.value.subject
        validity_in_months = certificate_policy.value.validity_in_months
        key_usage          = certificate_policy.value.key_usage
      }
      dynamic "lifetime_action" {
        for_each = data.module.release.lifetime_actions
        content {
          action { action_type = lifetime_action.value.action_type }
        }
      }
    }
  }
}

output "vault" { value = azurerm_key_vault.keyvault }
output "keys" { value = azurerm_key_vault_key.kv_keys }
output "secrets" { value = azurerm_key_vault_secret.secrets }
output "certs" { value = azurerm_key_vault_certificate.cert }
output "policies" { value = azurerm_key_vault_access_policy.policy }
