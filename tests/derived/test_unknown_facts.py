"""Facts that are not known, and must not pass as facts that a resource does not have."""

from __future__ import annotations

from datetime import date

import pytest

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Answer, Link, Scalar, Unknown
from azkvlint.readers.terraform.read import read_text
from azkvlint.syntax.attribute_path import parse_path

EVERYTHING = RequiredAttributes(paths={}, reference_paths={}, everything=True, today=date(2026, 11, 1))
VAULT = """
resource "azurerm_key_vault" "kv" {
  name = "kv"
}
"""


def fact(text: str, address: str, path: str, required: RequiredAttributes = EVERYTHING) -> Answer:
    resources = read_text("main.tf", VAULT + text, required).resources
    return build_graph(resources, required, is_complete=True).resources[address].select(parse_path(path))


@pytest.mark.parametrize(
    "role",
    ["", "role_definition_id = azurerm_key_vault.kv.id", "role_definition_name = null"],
    ids=["none", "of something else", "null"],
)
def test_missing_or_invalid_role_is_unknown(role: str) -> None:
    text = f'resource "azurerm_role_assignment" "a" {{\n  scope = azurerm_key_vault.kv.id\n  {role}\n}}'
    assert isinstance(fact(text, "azurerm_role_assignment.a", "derived.roleName"), Unknown)
    assert isinstance(fact(text, "azurerm_role_assignment.a", "derived.operations"), Unknown)


@pytest.mark.parametrize("months", ["0", "200000", '"many"'])
def test_invalid_validity_is_unknown(months: str) -> None:
    text = f"""
resource "azurerm_key_vault_certificate" "c" {{
  name         = "c"
  key_vault_id = azurerm_key_vault.kv.id
  certificate_policy {{
    x509_certificate_properties {{
      validity_in_months = {months}
    }}
  }}
}}
"""
    assert isinstance(fact(text, "azurerm_key_vault_certificate.c", "derived.daysOverPublicLimit"), Unknown)


def test_key_by_its_name_in_a_vault_that_is_not_known() -> None:
    text = """
variable "vault" {}

resource "azurerm_storage_account_customer_managed_key" "c" {
  storage_account_id = "x"
  key_vault_id       = var.vault
  key_name           = "k"
}
"""
    assert isinstance(fact(text, "azurerm_storage_account_customer_managed_key.c", "derived.keyId"), Unknown)


def test_vault_that_an_extension_names_by_a_reference() -> None:
    text = """
resource "azapi_resource" "disks" {
  type      = "Microsoft.Compute/virtualMachines/extensions@2024-07-01"
  name      = "disks"
  parent_id = "x"
  body = {
    properties = {
      settings = {
        KeyVaultResourceId = azurerm_key_vault.kv.id
      }
    }
  }
}
"""
    found = fact(text, "azapi_resource.disks", "derived.encryptionVaultId")
    assert isinstance(found, Link)
    assert found.target == "azurerm_key_vault.kv"


def test_a_grant_to_each_of_a_map_is_to_the_deployment_identity() -> None:
    text = """
data "azurerm_client_config" "me" {}

locals {
  ids = { me = data.azurerm_client_config.me.object_id }
}

resource "azurerm_key_vault_access_policy" "me" {
  for_each           = local.ids
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = each.value
  secret_permissions = ["Set"]
}

resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  value        = "x"
  key_vault_id = azurerm_key_vault.kv.id
}
"""
    secrets = {"microsoft.keyvault/vaults/secrets": frozenset({("derived", "waitsForGrant")})}
    required = with_needs(RequiredAttributes(paths=secrets, reference_paths={}))
    found = fact(text, "azurerm_key_vault_secret.s", "derived.waitsForGrant", required)
    assert isinstance(found, Scalar)
    assert found.value is False
