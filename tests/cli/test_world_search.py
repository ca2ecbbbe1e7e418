"""Whether declarations exist where not all that decides on it is known, and what other declarations make of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_existence import (
    BODY,
    PROVIDER,
    SCHEMA,
    checked,
    found,
    report,
    secret,
    variable,
    vault,
    words,
    write,
)
from tests.cli.test_worlds import POLICY, SETTING

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = "'Microsoft.KeyVault/vaults@2023-07-01'"


def test_an_object_with_an_unknown_key_is_not_empty(kvlint: Kvlint) -> None:
    text = 'variable "key" {\n  type = string\n}\nlocals {\n  vaults = { (var.key) = {} }\n}\n'
    for number, amount in enumerate(
        ("length(local.vaults) > 0", "local.vaults != {}", "length(keys(local.vaults)) != 0")
    ):
        text += vault(f"  count = {amount} ? 1 : 0", f"v{number}").replace("kv-existence", f"kv-existence{number}")
    text += vault("  for_each = local.vaults", "each")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert {(one["resource"], one["condition"]) for one in document["findings"]} == {
        *((f"azurerm_key_vault.v{number}[0]", None) for number in range(3)), ("azurerm_key_vault.each[*]", None),
    }  # fmt: skip


def test_a_bicep_object_with_an_unknown_key_is_not_empty(kvlint: Kvlint) -> None:
    text = "param key string\nvar vaults = { '${key}': { sku: 'standard' } }\n"
    amounts = ("if (!empty(vaults))", "if (length(vaults) > 0)", "if (vaults != {})", "[for one in items(vaults):")
    for number, amount in enumerate(amounts):
        end = "]" if amount.startswith("[") else ""
        text += f"resource v{number} {VAULT} = {amount} {{\n  name: 'kv-existence{number}'\n"
        text += f"  location: 'westeurope'\n  {BODY}\n}}{end}\n"
    document = checked(kvlint, {"main.bicep": text}, "--select", "KV001")
    assert {(one["resource"], one["condition"]) for one in document["findings"]} == {
        *((f"v{number}", None) for number in range(3)), ("v3[*]", None),
    }  # fmt: skip


def test_count_above_the_evaluated_instances_is_not_an_error_of_the_plan(kvlint: Kvlint) -> None:
    text = variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0\n  tags = { last = local.last }")
    text += 'locals {\n  last = try(azurerm_key_vault_secret.n[0].id, "")\n}\n'
    text += secret("count = var.on ? 20000 : 0", "n").replace("kv.id", "kv[0].id")
    write({"main.tf": PROVIDER + text})
    document = json.loads(kvlint("in", "-f", "json", "--select", "KV001").out)
    assert words(document, "KV001") == ["if var.on is true"]
    assert document["problems"] == []
    assert not [one for one in document["skipped"] if one["address"] == "azurerm_key_vault.kv"]


ZONE = """
data "azurerm_private_dns_zone" "x" {
  count = var.search && !var.private ? 1 : 0
  name  = "privatelink.vaultcore.azure.net"
}
"""
REFERRING = {
    "a branch": "locals {\n  zone = var.search ? data.azurerm_private_dns_zone.x[0].id : null\n}\n",
    "an argument": (
        'resource "azurerm_private_endpoint" "e" {\n  count = var.search ? 1 : 0\n  name = "e"\n'
        "  subnet_id = data.azurerm_private_dns_zone.x[0].id\n}\n"
    ),
    "a loop": (
        'resource "azurerm_private_endpoint" "e" {\n  for_each = var.search ? { a = 1 } : {}\n  name = "e"\n'
        "  subnet_id = data.azurerm_private_dns_zone.x[0].id\n}\n"
    ),
    "a module": 'module "m" {\n  source = "./m"\n  count = var.search ? 1 : 0\n  private = var.private\n}\n',
}


@pytest.mark.parametrize("name", REFERRING)
def test_resource_that_fails_in_another_world_does_not_exclude_the_vault(kvlint: Kvlint, name: str) -> None:
    switches = variable("search", "bool", "true") + variable("private", "bool", "false")
    text = switches + vault("  count = var.private ? 1 : 0") + REFERRING[name]
    files = {"main.tf": PROVIDER + text + ZONE}
    if name == "a module":
        inner = 'variable "private" {\n  type = bool\n}\n' + ZONE.replace("var.search && ", "")
        inner += (
            vault("  purge_protection_enabled = true", "inner")
            + 'output "zone" {\n  value = data.azurerm_private_dns_zone.x[0].id\n}\n'
        )
        files = {"main.tf": PROVIDER + text, "m/main.tf": inner}
    document = checked(kvlint, files, "--select", "KV001")
    assert words(document, "KV001") == ["if var.private is true and var.search is false"]
    given = report(kvlint("in", "-f", "json", "--select", "KV001", "--var", "private=true", "--var", "search=false"))
    assert [one["condition"] for one in given["findings"]] == [None]


REFERENCES = [
    "azurerm_key_vault.kv[0].id",
    "one(azurerm_key_vault.kv[*].id)",
    'join("", azurerm_key_vault.kv.*.id)',
    "try(azurerm_key_vault.kv[0].id, null)",
    'length(azurerm_key_vault.kv) > 0 ? azurerm_key_vault.kv[0].id : ""',
    "local.vault",
]


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("default", ["true", "false"])
def test_a_companion_belongs_to_a_vault_with_a_switch_of_its_own(kvlint: Kvlint, reference: str, default: str) -> None:
    text = variable("on", "bool", default) + variable("log", "bool", "false") + vault("  count = var.on ? 1 : 0")
    text += SETTING.replace("azurerm_key_vault.kv%s.id", "%s") % ("var.log ? 1 : 0", reference)
    text += "locals {\n  vault = one(azurerm_key_vault.kv[*].id)\n}\n"
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV201")
    assert found(document, "KV201") == []
    assert found(document, "KV201", "unknown") == ["azurerm_key_vault.kv[0]"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("contains(parameters('mode'), 'AULT')", ['if mode is "VAULT"']),
        ("equals(parameters('mode'), 'VAULT')", ['if mode is "VAULT"']),
        ("startsWith(parameters('mode'), 'v')", ['if mode is "vault"']),
        ("equals(parameters('mode'), 'other')", []),
    ],
)
def test_a_listed_string_is_accepted_in_any_case(kvlint: Kvlint, condition: str, expected: list[str]) -> None:
    vault_ = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-existence",
        "location": "westeurope", "condition": f"[{condition}]",
        "properties": {"sku": {"family": "A", "name": "standard"}, "tenantId": "[tenant().tenantId]"},
    }  # fmt: skip
    mode = {"type": "string", "defaultValue": "none", "allowedValues": ["none", "vault"]}
    template = {
        "$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": {"mode": mode}, "resources": [vault_],
    }  # fmt: skip
    document = checked(kvlint, {"azuredeploy.json": json.dumps(template)}, "--select", "KV001")
    assert words(document, "KV001") == expected
    assert len(document["skipped"]) == 1 - len(expected)


@pytest.mark.parametrize(("state", "is_joined"), [("prod", False), ("dev", True)])
def test_mutually_exclusive_declarations_grant_no_access(kvlint: Kvlint, state: str, is_joined: bool) -> None:
    text = variable("env", "string", '"none"') + 'variable "id" {\n  type = string\n}\n'
    text += vault('  count = var.env == "dev" ? 1 : 0')
    text += POLICY.replace("azurerm_key_vault.kv.id", "var.id") % f'var.env == "{state}" ? 1 : 0'
    text += (
        f'resource "azurerm_role_assignment" "r" {{\n  count = var.env == "{state}" ? 1 : 0\n  scope = var.id\n'
        '  role_definition_name = "Key Vault Contributor"\n'
        '  principal_id = "00000000-0000-0000-0000-000000000003"\n}\n'
    )
    write({"main.tf": PROVIDER + text})
    said = kvlint("access", "in")
    assert "azurerm_key_vault.kv[0]" in said.out
    for number in (2, 3):
        assert (f"00000000-0000-0000-0000-00000000000{number}" in said.out) is is_joined


FORMATS = (
    "text", "concise", "json", "sarif", "markdown", "github", "gitlab", "junit", "html", "rdjson", "azure",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_shows_a_value_compared_with_a_sensitive_variable_of_a_module(kvlint: Kvlint, form: str) -> None:
    root = 'variable "mode" {\n  type    = string\n  default = "off"\n}\n'
    root += 'module "m" {\n  source = "./m"\n  mode   = var.mode\n}\n'
    inner = 'variable "mode" {\n  type      = string\n  sensitive = true\n}\n'
    inner += "locals {\n  mode = lower(var.mode)\n}\n"
    for number, condition in enumerate(
        ('var.mode == "s3cretmode"', 'nonsensitive(local.mode) == "s3cretmode"', 'contains(["s3cretmode"], local.mode)')
    ):
        inner += vault(f"  count = {condition} ? 1 : 0", f"v{number}")
    write({"main.tf": PROVIDER + root, "m/main.tf": inner})
    said = kvlint("in", "-f", form, "-v", "--select", "KV001")
    assert "mode" in said.out
    assert "s3cretmode" not in said.out + said.err


def test_a_member_that_a_fallback_replaces_is_set(kvlint: Kvlint) -> None:
    amount = '  count = lookup(var.tags, "env", "") != "" ? 1 : 0'
    text = variable("tags", "map(string)", "{}") + vault(amount)
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert words(document, "KV001") == ["if var.tags.env is not empty"]


REFUSING = (
    'variable "tier" {\n  type = string\n  validation {\n    condition = contains(["prod"], var.tier)\n'
    '    error_message = "Not valid."\n  }\n}\n'
)


def test_a_module_that_refuses_its_arguments_is_not_used(kvlint: Kvlint) -> None:
    call = 'module "inner" {\n  source = "./inner"\n  count = var.size != 0 ? 1 : 0\n  tier = "dev"\n}\n'
    for default in ('variable "size" {\n  type = number\n}\n', variable("size", "number", "0")):
        files = {"main.tf": PROVIDER + default + call, "inner/main.tf": REFUSING + vault("", "kv")}
        assert checked(kvlint, files, "--select", "KV001")["findings"] == [], default


def test_a_module_that_refuses_its_arguments_is_not_used_with_a_vault(kvlint: Kvlint) -> None:
    text = variable("on", "bool", "false") + variable("plain", "bool", "false") + vault("  count = var.on ? 1 : 0")
    text += 'module "inner" {\n  source = "./inner"\n  count = var.on && !var.plain ? 1 : 0\n  tier = "dev"\n}\n'
    files = {"main.tf": PROVIDER + text, "inner/main.tf": REFUSING + vault("").replace("kv-existence", "kv-inner")}
    document = checked(kvlint, files, "--select", "KV001")
    assert words(document, "KV001") == ["if var.on is true and var.plain is true"]


def test_a_deployment_that_refuses_its_arguments_is_in_no_stated_world(kvlint: Kvlint) -> None:
    inner = "@allowed(['prod'])\nparam tier string\nresource kv " + VAULT + " = {\n  name: 'kv-inner'\n"
    inner += f"  location: 'westeurope'\n  {BODY}\n}}\n"
    text = "param size int\nmodule inner 'inner.bicep' = if (size != 0) {\n  name: 'inner'\n"
    text += "  params: {\n    tier: 'dev'\n  }\n}\n"
    document = checked(kvlint, {"main.bicep": text, "inner.bicep": inner}, "--select", "KV001")
    assert words(document, "KV001") == ["if its condition holds"]


@pytest.mark.parametrize("loop", ["", "[for i in range(0, 1): "])
def test_no_stated_world_has_an_argument_that_a_deployment_refuses(kvlint: Kvlint, loop: str) -> None:
    other = f"resource kv {VAULT} = {{\n  name: 'kv-inner'\n  location: 'westeurope'\n  {BODY}\n}}\n"
    inner = "@maxLength(0)\nparam names array = []\n" + other
    text = f"param names array = []\nmodule inner 'inner.bicep' = {loop}{{\n  name: 'inner'\n"
    text += f"  params: {{ names: names }}\n}}{']' if loop else ''}\n"
    text += other.replace("{", "if (!empty(names)) {", 1).replace("kv-inner", "kv-existence")
    document = checked(kvlint, {"main.bicep": text, "inner.bicep": inner}, "--select", "KV001")
    assert words(document, "KV001") in ([None], [None, "if its condition holds"], ["if its condition holds", None])


VALIDATED = """variable "text" {
  type    = string
  default = ""
  validation {
    condition     = %s
    error_message = "Not valid."
  }
}
"""


@pytest.mark.parametrize("limit", ["length(var.text) <= 4", "5 > length(var.text) && var.text != null"])
def test_a_validation_limits_a_length_that_is_not_known(kvlint: Kvlint, limit: str) -> None:
    text = variable("public", "bool", "true") + VALIDATED % limit
    text += vault(
        '  count = var.text != "" ? 1 : 0\n  lifecycle {\n    precondition {\n'
        '      condition = length(var.text) > 4 || !var.public\n      error_message = "No."\n    }\n  }\n'
    )
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert words(document, "KV001") == ['if var.public is false and var.text is not ""']


@pytest.mark.parametrize(
    ("type_", "default", "limit", "condition"),
    [
        ("string", '""', "length(var.it) <= 4", "length(var.it) > 4"),
        ("list(string)", "[]", "length(var.it) < 2", "length(var.it) == 2"),
        ("list(string)", "[]", "length(var.it) == 0", "length(var.it) > 0"),
    ],
)
def test_value_beyond_the_limits_of_a_validation_never_exists(
    kvlint: Kvlint, type_: str, default: str, limit: str, condition: str
) -> None:
    text = VALIDATED.replace('"text"', '"it"').replace("string\n", f"{type_}\n").replace('""', default) % limit
    text += vault(f"  count = {condition} ? 1 : 0")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert document["findings"] == []
    assert [one["reason"] for one in document["skipped"]] == ["`count` is 0 with every value of `var.it`"]


def test_failure_of_a_declaration_that_may_not_exist_excludes_no_world(kvlint: Kvlint) -> None:
    text = variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0")
    text += 'data "azurerm_subscriptions" "x" {}\ndata "azurerm_subnet" "none" {\n  count = 0\n}\n'
    text += 'resource "azurerm_private_endpoint" "e" {\n  name = "e"\n'
    text += '  count = var.on && data.azurerm_subscriptions.x.id == "a" ? 1 : 0\n'
    text += "  subnet_id = data.azurerm_subnet.none[0].id\n}\n"
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert words(document, "KV001") == ["if var.on is true"]


def test_an_input_without_a_value_is_set_before_another_default_is_replaced(kvlint: Kvlint) -> None:
    # With `var.on`, the vault has purge protection: the world of the default is the other one.
    text = variable("on", "bool", "false") + 'variable "text" {\n  type = string\n}\n'
    text += vault('  count = var.on || var.text == "vault" ? 1 : 0\n  purge_protection_enabled = var.on')
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert words(document, "KV001") == ['if var.text is "vault"']


def test_a_parameter_without_a_value_is_set_before_another_default_is_replaced(kvlint: Kvlint) -> None:
    text = f"param on bool = false\nparam text string\nresource kv {VAULT} = if (on || text == 'vault') {{\n"
    text += "  name: 'kv-existence'\n  location: 'westeurope'\n"
    text += "  " + BODY.replace("{ sku", "{ enablePurgeProtection: on ? true : null, sku", 1) + "\n}\n"
    document = checked(kvlint, {"main.bicep": text}, "--select", "KV001")
    assert words(document, "KV001") == ['if text is "vault"']
