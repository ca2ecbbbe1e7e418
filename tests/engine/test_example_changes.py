"""Examples that change a base, and the languages that follow from another one."""

from __future__ import annotations

import json

import pytest

from azkvlint.engine.example_conversion import arm_from_bicep, plan_from_terraform
from azkvlint.engine.rule_loader import OverlayError, overlay
from azkvlint.util.errors import InputError

BASE = """\
resource "azurerm_key_vault" "kv" { # <- KV001
  name                     = "kv"
  purge_protection_enabled = false

  network_acls {
    bypass         = "None"
    default_action = "Deny"
  }
}
"""
FIRST, LAST = 'resource "azurerm_key_vault" "kv" { # <- KV001\n  name                     = "kv"\n', "}\n"
ACLS = '\n  network_acls {\n    bypass         = "None"\n    default_action = "Deny"\n  }\n'


def changed(changes: dict[str, str], *, passes: bool = False) -> str:
    return overlay(BASE, changes.items(), language="terraform", mark="# <- KV001", keeps_marks=not passes)


def test_a_line_is_replaced_whatever_its_spaces() -> None:
    text = changed({"purge_protection_enabled = false": "purge_protection_enabled = var.on"})
    assert text == FIRST + "  purge_protection_enabled = var.on\n" + ACLS + LAST


def test_a_part_of_a_line_is_replaced() -> None:
    assert '  name                     = "app"\n' in changed(
        {'"kv"\n'.strip() + " {": '"app" {', 'name = "kv"': 'name = "app"'}
    )


def test_a_line_is_removed_and_its_neighbors_are_aligned() -> None:
    text = changed({"purge_protection_enabled = false": ""})
    assert text == 'resource "azurerm_key_vault" "kv" { # <- KV001\n  name = "kv"\n' + ACLS + LAST


def test_a_block_is_removed_or_replaced() -> None:
    purge = "  purge_protection_enabled = false\n"
    assert changed({"network_acls { ...": ""}) == FIRST + purge + LAST
    text = changed({"network_acls { ...": "contact {\n  email = var.mail\n}"})
    assert text == FIRST + purge + "\n  contact {\n    email = var.mail\n  }\n" + LAST


def test_text_follows_a_line_in_its_block_a_block_or_the_end() -> None:
    assert "{\n    ip_rules       = []\n    bypass" in changed({"+ network_acls {": "ip_rules = []"})
    assert '  }\n  sku_name = "premium"\n}' in changed({"+ network_acls { ...": 'sku_name = "premium"'})
    assert changed({"+": 'variable "on" { type = bool }'}) == BASE + '\nvariable "on" { type = bool }\n'


def test_marks_of_the_base_stay_unless_the_example_passes_or_has_its_own() -> None:
    assert changed({'name = "kv"': 'name = "app"'}).count("<-") == 1
    assert "<-" not in changed({'name = "kv"': 'name = "app"'}, passes=True)
    text = changed({"purge_protection_enabled = false": "<-"})
    assert "false # <- KV001\n" in text
    assert text.count("<-") == 1
    replaced = changed({'resource "azurerm_key_vault" "kv" {': 'resource "azurerm_key_vault" "app" {'})
    assert replaced.startswith('resource "azurerm_key_vault" "app" { # <- KV001\n')


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sku_name = 1", "'sku_name = 1' is not in the base; it must be there once"),
        ("network_acls ...", "'network_acls ...' is not in the base; it must be there once"),
        ("=", "'=' is 4 times in the base; it must be there once"),
        ("", "'' is not in the base; it must be there once"),
    ],
)
def test_a_line_must_be_in_the_base_once(key: str, message: str) -> None:
    with pytest.raises(OverlayError) as caught:
        changed({key: "x"})
    assert str(caught.value) == message


def test_a_line_in_what_is_replaced_cannot_be_changed() -> None:
    with pytest.raises(OverlayError, match="is in what another line replaces"):
        changed({"network_acls { ...": "", 'bypass = "None"': "x"})


# --- languages that follow ---


def test_the_plan_of_terraform() -> None:
    source = """\
terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 3.30" }
  }
}

provider "azurerm" {
  features {
    key_vault {
      recover_soft_deleted_keys = false
    }
  }
}

variable "size" { type = number }

resource "azurerm_key_vault_key" "cmk" {
  name         = "cmk"
  key_vault_id = azurerm_key_vault.kv.id
  key_size     = var.size # <- KV503
  depends_on   = [azurerm_role_assignment.app]

  rotation_policy {
    notify_before_expiry = "P30D"
  }
}
"""
    assert (
        plan_from_terraform(source)
        == """\
provider.azurerm:
  version: "~> 3.30"
  features:
    key_vault:
      recover_soft_deleted_keys: false
azurerm_key_vault_key.cmk:  # <- KV503
  name: cmk
  key_vault_id: ${azurerm_key_vault.kv.id}
  key_size: ${var.size}  # <- KV503
  $depends_on: [azurerm_role_assignment.app]
  rotation_policy:
    - notify_before_expiry: P30D
"""
    )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('resource "a_b" "c" {\n  count = 2\n}\n', "resources that are counted"),
        ('resource "a_b" "c" {\n  name = upper("x")\n}\n', "expressions that are evaluated"),
        ('resource "a_b" "c" {\n  name = local.x\n}\n', "expressions that are evaluated"),
        ('module "m" {\n  source = "./m"\n}\n', "a module block with values of its own"),
        ('variable "x" {\n  default = 1\n}\n', "a variable block with values of its own"),
        (
            'resource "a_b" "c" {\n  x = a_b.d.name\n}\nresource "a_b" "d" {\n  name = "d"\n}\n',
            "the plan knows a_b.d.name",
        ),
    ],
)
def test_no_plan_follows_from_what_is_evaluated(source: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_from_terraform(source)
    assert why in caught.value.message


def test_the_template_of_bicep() -> None:
    source = """\
@secure()
param value string

resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { // <- KV001
  name: 'kv'

  resource db 'secrets' = {
    name: 'db'
    properties: {
      value: value // <- KV601
      contentType: 'it\\'s ${uniqueString(kv.id)}'
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (value != '') {
  name: 'audit'
  scope: kv
  properties: { logs: [{ category: 'AuditEvent', enabled: true }] }
}
"""
    text = arm_from_bicep(source)
    assert '"type": "Microsoft.KeyVault/vaults", // <- KV001\n' in text
    assert '"value": "[parameters(\'value\')]", // <- KV601\n' in text
    template = json.loads("\n".join(line.partition(" // <-")[0] for line in text.splitlines()))
    vault, secret, setting = template["resources"]
    assert template["parameters"] == {"value": {"type": "securestring"}}
    assert vault == {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv"}
    assert (secret["type"], secret["name"]) == ("Microsoft.KeyVault/vaults/secrets", "kv/db")
    unique = "uniqueString(resourceId('Microsoft.KeyVault/vaults', 'kv'))"
    assert secret["properties"]["contentType"] == f"[format('it''s {{0}}', {unique})]"
    assert setting["condition"] == "[not(equals(parameters('value'), ''))]"
    assert setting["scope"] == "[resourceId('Microsoft.KeyVault/vaults', 'kv')]"
    assert setting["properties"] == {"logs": [{"category": "AuditEvent", "enabled": True}]}


@pytest.mark.parametrize(
    "source",
    [
        "module m 'm.bicep' = {\n  name: 'm'\n}\n",
        "resource kv 'a/b@1' = [for n in ['x']: {\n  name: n\n}]\n",
        "resource kv 'a/b@1' = {\n  name: other.name\n}\n",
        "resource kv 'a/b/c@1' = {\n  parent: kv\n  name: 'x'\n}\n",
        "resource kv 'a/b@1' = {\n}\n",
        "type t = string\n",
    ],
)
def test_no_template_follows_from_what_does_not_translate(source: str) -> None:
    with pytest.raises(InputError):
        arm_from_bicep(source)
