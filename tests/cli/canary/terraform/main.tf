# The text QXZJWYQJXWZYQWXJ stands wherever Terraform source can hold a secret; tests/cli/test_canary.py looks for it.
terraform {
  backend "azurerm" {
    access_key = "QXZJWYQJXWZYQWXJ"
  }
}
provider "azurerm" {
  features {}
  client_secret = "QXZJWYQJXWZYQWXJ"
}
variable "sens" {
  type = string
  sensitive = true
  default = "QXZJWYQJXWZYQWXJ"
}
variable "plainpw" {
  default = "QXZJWYQJXWZYQWXJ"
}
variable "obj" {
  sensitive = true
  default = { a = "QXZJWYQJXWZYQWXJ", b = 3 }
}
variable "wrongtype" {
  type = number
  sensitive = true
  default = "QXZJWYQJXWZYQWXJ"
}
variable "invalid" {
  type = string
  sensitive = true
  default = "QXZJWYQJXWZYQWXJ"
  validation {
    condition = length(var.invalid) < 3
    error_message = "bad ${var.invalid}"
  }
}
variable "innocent" {
  default = "QXZJWYQJXWZYQWXJ"
}
variable "viatfvars" {
}
resource "azurerm_key_vault_secret" "viatfvars" {
  name = "viatfvars"
  value = var.viatfvars
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "mod" {
  name = "mod"
  value = module.m.innocent
  key_vault_id = azurerm_key_vault.kv.id
}
variable "fromvars" {
  type = string
  sensitive = true
}
variable "fromvars_plain" {
  type = string
}
variable "autovars" {
  type = string
  sensitive = true
}
variable "eph" {
  type = string
  ephemeral = true
  default = "QXZJWYQJXWZYQWXJ"
}
locals {
  db_password = "QXZJWYQJXWZYQWXJ"
  viaplain = var.plainpw
  setting = "Endpoint=x;SharedAccessKey=QXZJWYQJXWZYQWXJ"
  joined = "x${var.sens}y"
  connection_string = "Server=a;Password=QXZJWYQJXWZYQWXJ;"
}
resource "azurerm_key_vault" "kv" {
  name = "kv1"
  location = "we"
  sku_name = var.sens
  tenant_id = var.fromvars
  soft_delete_retention_days = var.wrongtype
  public_network_access_enabled = true
  tags = { password = "QXZJWYQJXWZYQWXJ", x = var.sens }
  network_acls {
    default_action = var.sens
    ip_rules = [var.sens, nonsensitive("1.2.3.4"), "${var.sens}/32"]
    bypass = var.invalid
  }
}
resource "azurerm_key_vault_secret" "a" {
  name = "a"
  key_vault_id = azurerm_key_vault.kv.id
  value = "QXZJWYQJXWZYQWXJ"
}
resource "azurerm_key_vault_secret" "wo" {
  name = "wo"
  key_vault_id = azurerm_key_vault.kv.id
  value_wo = "QXZJWYQJXWZYQWXJ"
  value_wo_version = 1
}
resource "azurerm_key_vault_secret" "b" {
  name = "b"
  key_vault_id = azurerm_key_vault.kv.id
  content_type = var.sens
  expiration_date = var.sens
  value = local.viaplain
}
resource "azurerm_key_vault_secret" "d" {
  name = "d-${var.sens}"
  key_vault_id = azurerm_key_vault.kv.id
  value = jsonencode({ pw = "QXZJWYQJXWZYQWXJ" })
}
resource "azurerm_key_vault_secret" "here" {
  name = "h"
  key_vault_id = azurerm_key_vault.kv.id
  value = <<-EOT
    QXZJWYQJXWZYQWXJ
    two QXZJWYQJXWZYQWXJ
  EOT
}
resource "azurerm_key_vault_secret" "each" {
  for_each = { one = "QXZJWYQJXWZYQWXJ", two = local.db_password }
  name = each.key
  value = each.value
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "cond" {
  name = "cond"
  value = var.fromvars_plain == "x" ? "QXZJWYQJXWZYQWXJ" : local.connection_string
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "fn" {
  name = "fn"
  value = base64decode("QXZJWYQJXWZYQWXJ!!")
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_certificate" "cert" {
  name = "cert"
  key_vault_id = azurerm_key_vault.kv.id
  certificate {
    contents = "QXZJWYQJXWZYQWXJ"
    password = "QXZJWYQJXWZYQWXJ"
  }
}
resource "azurerm_linux_web_app" "app" {
  name = "app"
  app_settings = {
    DB = "QXZJWYQJXWZYQWXJ"
    DB_PASSWORD = "QXZJWYQJXWZYQWXJ"
    VIA = local.setting
    VIA_PASSWORD = var.innocent
    STORAGE = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=QXZJWYQJXWZYQWXJ;"
    REF = "@Microsoft.KeyVault(SecretUri=https://kv1.vault.azure.net/secrets/QXZJWYQJXWZYQWXJ"
  }
  connection_string {
    name = "x"
    type = "SQLAzure"
    value = "QXZJWYQJXWZYQWXJ"
  }
}
resource "azurerm_linux_function_app" "fun" {
  name = "fun"
  storage_account_access_key = "QXZJWYQJXWZYQWXJ"
  app_settings = { "PW" = var.sens }
}
resource "azurerm_mssql_server" "sql" {
  name = "sql"
  administrator_login_password = "QXZJWYQJXWZYQWXJ"
  administrator_login_password_wo = "QXZJWYQJXWZYQWXJ"
}
resource "azurerm_windows_virtual_machine" "vm" {
  admin_password = "QXZJWYQJXWZYQWXJ"
  custom_data = base64encode("QXZJWYQJXWZYQWXJ")
}
resource "azurerm_container_group" "cg" {
  container {
    secure_environment_variables = { A = "QXZJWYQJXWZYQWXJ" }
    environment_variables = { DB_PASSWORD = "QXZJWYQJXWZYQWXJ" }
  }
}
resource "azurerm_container_app" "ca" {
  secret {
    name = "s"
    value = "QXZJWYQJXWZYQWXJ"
  }
}
resource "azapi_resource" "s" {
  type = "Microsoft.KeyVault/vaults/secrets@2023-07-01"
  name = "azs"
  parent_id = azurerm_key_vault.kv.id
  body = { properties = { value = "QXZJWYQJXWZYQWXJ", contentType = "" } }
  sensitive_body = { properties = { value = "QXZJWYQJXWZYQWXJ" } }
}
resource "azurerm_role_assignment" "r" {
  scope = azurerm_key_vault.kv.id
  role_definition_name = var.sens
  principal_id = "${var.sens}"
  description = "QXZJWYQJXWZYQWXJ"[0]
}
module "m" {
  source = "./m"
  harmless = "QXZJWYQJXWZYQWXJ"
  password = "QXZJWYQJXWZYQWXJ"
  secret_value = "QXZJWYQJXWZYQWXJ"
}
output "o" {
  sensitive = true
  value = "QXZJWYQJXWZYQWXJ"
}
data "external" "e" {
  query = { password = "QXZJWYQJXWZYQWXJ" }
}
