"""Examples that change a base, and the languages that follow from another one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.engine.example_changes import (
    ChangeError,
    places_of,
    remove_attribute,
    set_attribute,
    with_marks,
    without_marks,
)
from azkvlint.engine.example_conversion import arm_from_bicep, plan_from_terraform
from azkvlint.util.errors import InputError

TERRAFORM = """\
resource "azurerm_key_vault" "kv" { # <- KV001
  name                     = "kv"
  purge_protection_enabled = false
  tags                     = { owner = "app" }

  network_acls {
    bypass   = "None"
    ip_rules = ["203.0.113.10"]
  }
}

resource "azurerm_key_vault" "b" { name = "b" }
"""
BICEP = """\
@description('The vault')
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { // <- KV001
  name: 'kv'
  properties: { sku: { name: 'standard' }, accessPolicies: [{ objectId: app }, { objectId: ops }] }
}
param app string = 'x'
param ops string
"""


def lines_changed(language: str, base: str, changed: str) -> tuple[list[str], list[str]]:
    """The lines that a change removes and adds, without their spaces; alignment is no change."""
    before, after = ([" ".join(line.split()) for line in text.splitlines()] for text in (base, changed))
    return [line for line in before if line not in after], [line for line in after if line not in before]


@pytest.mark.parametrize(
    ("path", "value", "removed", "added"),
    [
        ("purge_protection_enabled", True, "purge_protection_enabled = false", "purge_protection_enabled = true"),
        ("azurerm_key_vault.b.name", "${var.x}", 'resource "azurerm_key_vault" "b" { name = "b" }', "{ name = var.x }"),
        ("network_acls.ip_rules", ["a", "${var.b}"], 'ip_rules = ["203.0.113.10"]', 'ip_rules = ["a", var.b]'),
        ("tags", {"owner": "kv-${var.x}"}, 'tags = { owner = "app" }', 'tags = { owner = "kv-${var.x}" }'),
        ("tags.owner", "ops", 'tags = { owner = "app" }', 'tags = { owner = "ops" }'),
        ("tags.team", None, 'tags = { owner = "app" }', 'tags = { owner = "app", team = null }'),
        ("network_acls.default_action", "Deny", "", 'default_action = "Deny"'),
        ("azurerm_key_vault.kv.soft_delete_retention_days", 7, "", "soft_delete_retention_days = 7"),
        ("azurerm_key_vault.kv.contact", [{"email": "a@b.c"}], "", 'contact { email = "a@b.c" }'),
        ("network_acls", [{"bypass": "None"}], 'ip_rules = ["203.0.113.10"]', 'network_acls { bypass = "None" }'),
    ],
)
def test_an_attribute_or_block_of_terraform_is_set(path: str, value: Any, removed: str, added: str) -> None:
    gone, new = lines_changed("terraform", TERRAFORM, set_attribute("terraform", TERRAFORM, path, value))
    assert removed in gone or (not removed and not gone)
    assert any(line.endswith(added) for line in new)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("sku.name", "it's", "sku: { name: 'it\\'s' }"),
        ("sku.family", "A", "sku: { name: 'standard', family: 'A' }"),
        ("accessPolicies[1].objectId", "${guid('x')}", "[{ objectId: app }, { objectId: guid('x') }]"),
        ("properties", {"a": [1, True], "b-c": {}}, "  properties: { a: [1, true], 'b-c': {} }\n"),
        ("kv.tags", {}, "\n  tags: {}\n}"),
        ("app", "y", "param app string = 'y'"),
    ],
)
def test_a_property_or_default_of_bicep_is_set(path: str, value: Any, text: str) -> None:
    assert text in set_attribute("bicep", BICEP, path, value)


def test_attribute_added_to_a_block_on_one_line_keeps_the_mark_on_its_line() -> None:
    base = 'resource "azurerm_key_vault" "kv" { name = "kv" } # <- KV001\n'
    assert set_attribute("terraform", base, "kv.sku_name", "premium") == (
        'resource "azurerm_key_vault" "kv" { # <- KV001\n  name     = "kv"\n  sku_name = "premium"\n}\n'
    )


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("network_acls", '  tags                     = { owner = "app" }\n}\n\nresource "azurerm_key_vault" "b"'),
        ("tags.owner", "tags                     = {}"),
        ("bypass", '  network_acls {\n    ip_rules = ["203.0.113.10"]\n  }'),
        ("azurerm_key_vault.b", '    ip_rules = ["203.0.113.10"]\n  }\n}\n'),
        ("b.name", 'resource "azurerm_key_vault" "b" {}'),
    ],
)
def test_removed_attribute_leaves_no_empty_line_and_no_comma(path: str, rest: str) -> None:
    changed = remove_attribute("terraform", TERRAFORM, path)
    assert rest in changed.replace("{ }", "{}")
    assert path not in {one.path for one in places_of("terraform", changed)}


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("sku", "properties: { accessPolicies: [{ objectId: app }, { objectId: ops }] }"),
        ("accessPolicies", "properties: { sku: { name: 'standard' } }"),
        ("ops", "param app string = 'x'\n"),
        ("kv", "param app string = 'x'\nparam ops string\n"),
    ],
)
def test_attribute_declaration_or_item_is_removed_from_bicep(path: str, rest: str) -> None:
    assert remove_attribute("bicep", BICEP, path).endswith(rest) or rest in remove_attribute("bicep", BICEP, path)


def test_marks_are_on_the_lines_of_the_paths() -> None:
    text = with_marks("terraform", TERRAFORM, ["bypass", "azurerm_key_vault.b", "b.name"], "# <- KV001")
    assert [line.split()[0] for line in text.splitlines() if line.endswith("# <- KV001")] == ["bypass", "resource"]
    text = with_marks("bicep", without_marks(BICEP), ["kv"], "// <- KV001")
    assert text == BICEP


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("purge_protection", "the base has no 'purge_protection'; did you mean 'purge_protection_enabled'?"),
        ("acls.bypass", "the base has no 'acls.bypass'"),
        ("name", "'name' is ambiguous: azurerm_key_vault.kv.name or azurerm_key_vault.b.name"),
        ("azurerm_key_vault.kv.name", "'azurerm_key_vault.kv.name' has this value in the base"),
        ("network_acls", "'network_acls' is a block in the base"),
        ("bypass.x", "'bypass' has no attributes"),
    ],
)
def test_a_path_must_fit_the_base(path: str, message: str) -> None:
    with pytest.raises(ChangeError) as caught:
        set_attribute("terraform", TERRAFORM, path, "kv")
    assert str(caught.value).startswith(message)


def test_one_of_several_blocks_is_named_by_its_index() -> None:
    base = 'resource "x" "y" {\n  rule {\n    a = 1\n  }\n  rule {\n    a = 2\n  }\n}\n'
    assert "a = 3" in set_attribute("terraform", base, "rule[1].a", 3)
    with pytest.raises(ChangeError, match=r"'x\.y\.rule' is several blocks in the base; set one of them"):
        set_attribute("terraform", base, "x.y.rule", [{"a": 1}])


def test_attribute_on_a_shared_line_cannot_be_removed() -> None:
    with pytest.raises(ChangeError, match=r"'kv\.b' is not on a line of its own"):
        remove_attribute("bicep", "resource kv 'x@1' = {\n  b: 1 }\n", "kv.b")


# --- languages that follow ---


def test_terraform_example_has_a_plan() -> None:
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
def test_terraform_with_evaluated_expressions_has_no_plan(source: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_from_terraform(source)
    assert why in caught.value.message


def test_bicep_example_has_a_template() -> None:
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
def test_bicep_that_cannot_be_translated_has_no_template(source: str) -> None:
    with pytest.raises(InputError):
        arm_from_bicep(source)
