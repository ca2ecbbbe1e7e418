# Called with secrets.
variable "password" { sensitive = true }
variable "secret_value" {}
variable "harmless" {}
output "innocent" { value = var.harmless }
resource "azurerm_key_vault" "m" {
  name = "kv-${var.password}"
  sku_name = var.password
}
resource "azurerm_key_vault_secret" "m" {
  name = "m"
  value = var.secret_value
  key_vault_id = azurerm_key_vault.m.id
}
