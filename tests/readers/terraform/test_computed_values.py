"""What is certain of values that a provider computes decides conditions."""

from __future__ import annotations

import pytest

from tests.readers.terraform.conftest import Read, plain

KV = "azurerm_key_vault.kv"
OTHERS = """
variable "length" {}
variable "location" {}
resource "random_string" "known" { length = 8 }
resource "random_string" "unknown" { length = var.length }
resource "random_id" "known" { byte_length = 4 }
resource "random_id" "prefixed" {
  byte_length = 4
  prefix      = "abc"
}
resource "random_uuid" "known" {}
resource "azurerm_storage_account" "a" {
  name                = "a"
  resource_group_name = "rg"
}
"""


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("length(random_string.known.result) == 8", True),
        ('length("kv-${random_string.known.result}") <= 24', True),
        ("length(random_id.known.hex) > 8", False),
        ("length(random_uuid.known.result) == 36", True),
        ('random_string.known.result == ""', False),
        ('startswith(azurerm_storage_account.a.id, "/subscriptions/")', True),
        ('azurerm_storage_account.a.id == ""', False),
        ('startswith(azurerm_storage_account.a.id, "https://")', False),
        ("length(random_string.unknown.result) == 8", None),
        ("length(random_id.prefixed.hex) == 8", None),
        ('(var.location != "" ? var.location : "westeurope") == ""', False),
    ],
)
def test_facts_about_computed_values_are_known(read: Read, condition: str, expected: bool | None) -> None:
    text = f'resource "azurerm_key_vault" "kv" {{\n  enable_rbac_authorization = {condition}\n}}\n'
    assert plain(read(text + OTHERS), KV, "properties", "enableRbacAuthorization") is expected
