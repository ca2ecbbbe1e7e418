# The vault of main.bicep, and a certificate. plan.json is the plan of this module.
terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.81"
    }
  }
}

provider "azurerm" {
  features {
    key_vault {
      purge_soft_delete_on_destroy               = false
      purge_soft_deleted_keys_on_destroy         = false
      purge_soft_deleted_secrets_on_destroy      = false
      purge_soft_deleted_certificates_on_destroy = false
    }
  }
}

variable "location" {
  type    = string
  default = "westeurope"
}

variable "resource_group_name" {
  type    = string
  default = "rg-app"
}

variable "db_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

variable "reader" {
  type    = string
  default = "99999999-8888-4777-8666-555555555555"
}

data "azurerm_subscription" "current" {}

resource "azurerm_key_vault" "app" {
  name                          = "kv-app-hardened"
  location                      = var.location
  resource_group_name           = var.resource_group_name
  tenant_id                     = data.azurerm_subscription.current.tenant_id
  sku_name                      = "premium"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = false

  network_acls {
    bypass         = "None"
    default_action = "Deny"
  }
}

resource "azurerm_key_vault_secret" "db_password" {
  name             = "db-password"
  key_vault_id     = azurerm_key_vault.app.id
  value_wo         = var.db_password
  value_wo_version = 1
  content_type     = "text/plain"
  expiration_date  = "2027-06-30T00:00:00Z"
}

resource "azurerm_key_vault_key" "disk" {
  name            = "disk"
  key_vault_id    = azurerm_key_vault.app.id
  key_type        = "RSA-HSM"
  key_size        = 4096
  key_opts        = ["unwrapKey", "wrapKey"]
  expiration_date = "2027-10-31T00:00:00Z"

  rotation_policy {
    expire_after         = "P1Y"
    notify_before_expiry = "P30D"

    automatic {
      time_after_creation = "P180D"
    }
  }
}

resource "azurerm_key_vault_certificate" "web" {
  name         = "web"
  key_vault_id = azurerm_key_vault.app.id

  certificate_policy {
    issuer_parameters {
      name = "DigiCert"
    }

    key_properties {
      exportable = false
      key_type   = "RSA-HSM"
      key_size   = 4096
      reuse_key  = false
    }

    lifetime_action {
      action {
        action_type = "AutoRenew"
      }

      trigger {
        days_before_expiry = 30
      }
    }

    secret_properties {
      content_type = "application/x-pkcs12"
    }

    x509_certificate_properties {
      subject            = "CN=app.contoso.example"
      validity_in_months = 12
      key_usage          = ["digitalSignature"]
      extended_key_usage = ["1.3.6.1.5.5.7.3.1"]

      subject_alternative_names {
        dns_names = ["app.contoso.example"]
      }
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "audit" {
  name                       = "central"
  target_resource_id         = azurerm_key_vault.app.id
  log_analytics_workspace_id = "${data.azurerm_subscription.current.id}/resourceGroups/rg-monitor/providers/Microsoft.OperationalInsights/workspaces/log-central"

  enabled_log {
    category_group = "audit"
  }

  enabled_metric {
    category = "AllMetrics"
  }
}

resource "azurerm_private_endpoint" "app" {
  name                = "pe-kv-app"
  location            = var.location
  resource_group_name = var.resource_group_name
  subnet_id           = "${data.azurerm_subscription.current.id}/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints"

  private_service_connection {
    name                           = "kv-app"
    is_manual_connection           = false
    private_connection_resource_id = azurerm_key_vault.app.id
    subresource_names              = ["vault"]
  }

  private_dns_zone_group {
    name                 = "vault"
    private_dns_zone_ids = ["${data.azurerm_subscription.current.id}/resourceGroups/rg-network/providers/Microsoft.Network/privateDnsZones/privatelink.vaultcore.azure.net"]
  }
}

resource "azurerm_role_assignment" "secrets_user" {
  scope                = azurerm_key_vault.app.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = var.reader
}
