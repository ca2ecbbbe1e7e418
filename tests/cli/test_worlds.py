"""What a default leaves out is evaluated as it is with other values of inputs, and every report states with which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.readers.terraform.collect import ResourceCollector
from azkvlint.readers.terraform.module_evaluation import ModuleInstance
from tests.cli.test_existence import ARGUMENTS, PROVIDER, checked, found, report, secret, variable, vault, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

SETTING = (
    'resource "azurerm_monitor_diagnostic_setting" "d" {\n  count = %s\n  name = "d"\n'
    "  target_resource_id = azurerm_key_vault.kv%s.id\n"
    '  log_analytics_workspace_id = "/subscriptions/1/resourceGroups/r/providers/Microsoft.OperationalInsights/w"\n'
    '  enabled_log {\n    category_group = "audit"\n  }\n}\n'
)
POLICY = (
    'resource "azurerm_key_vault_access_policy" "p" {\n  count = %s\n  key_vault_id = azurerm_key_vault.kv.id\n'
    '  tenant_id = "00000000-0000-0000-0000-000000000001"\n  object_id = "00000000-0000-0000-0000-000000000002"\n'
    '  secret_permissions = ["Get"]\n}\n'
)
SWITCHES = variable("a", "bool", "false") + variable("b", "bool", "false") + variable("env", "string", '"dev"')


def results(document: dict[str, Any], address: str) -> set[tuple[str, str]]:
    """Return the failed rules of the resources of a declaration, with their messages."""
    return {
        (one["ruleId"], one["message"])
        for one in document["findings"]
        if one["resource"].startswith(address) and one["type"] != "Terraform/providers"
    }


def test_a_policy_that_excludes_rbac_is_not_evaluated_with_it(kvlint: Kvlint) -> None:
    module = 'variable "rbac" {\n  type = bool\n}\n' + vault("  rbac_authorization_enabled = var.rbac")
    module += POLICY % "var.rbac ? 0 : 1"
    for default in ("false", "true"):
        root = variable("rbac", "bool", "true") + variable("on", "bool", default)
        root += 'module "kv" {\n  source = "./kv"\n  count = var.on ? 1 : 0\n  rbac = var.rbac\n}\n'
        document = checked(kvlint, {"main.tf": PROVIDER + root, "kv/main.tf": module}, "--select", "KV304")
        assert document["findings"] == document["unknown"] == []


def test_a_vault_that_a_switch_creates_has_a_name(kvlint: Kvlint) -> None:
    text = variable("on", "bool", "false") + variable("kv_name", "string", '""')
    text += f'resource "azurerm_key_vault" "kv" {{\n  count = var.on ? 1 : 0\n{ARGUMENTS}}}\n'
    text = text.replace('"kv-existence"', "var.kv_name")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert found(document, "KV010") == []
    assert set(words(document, "KV001")) == {"if var.kv_name is not empty and var.on is true"}


def test_a_setting_is_missing_from_a_vault_that_a_switch_creates(kvlint: Kvlint) -> None:
    text = PROVIDER + SWITCHES + vault("  count = var.a ? 1 : 0")
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV201") == ["azurerm_key_vault.kv[0]"]
    assert words(document, "KV201") == ["if var.a is true"]
    document = checked(kvlint, {"main.tf": text + SETTING % ("var.a ? 1 : 0", "[0]")})
    assert found(document, "KV201") == found(document, "KV201", "unknown") == []


def test_declarations_that_exclude_each_other_are_no_companions(kvlint: Kvlint) -> None:
    text = PROVIDER + SWITCHES + vault("  count = var.a ? 1 : 0") + SETTING % ("var.a ? 0 : 1", "[0]")
    document = checked(
        kvlint, {"main.tf": text.replace("azurerm_key_vault.kv[0].id", "one(azurerm_key_vault.kv[*].id)")}
    )
    assert words(document, "KV201") == ["if var.a is true"]


def test_only_the_item_that_is_read_is_in_the_condition(kvlint: Kvlint) -> None:
    others = "".join(variable(f"v{number}", "string", '"x"') for number in range(20))
    items = "".join(f"    v{number} = var.v{number}\n" for number in range(20))
    root = others + variable("on", "bool", "false")
    root += f"locals {{\n  all = {{\n{items}    on = var.on\n  }}\n}}\n"
    root += 'module "kv" {\n  source = "./kv"\n  all = local.all\n}\n'
    module = 'variable "all" {\n  type = any\n}\n' + vault("  count = var.all.on ? 1 : 0\n  tags = { a = var.all.v1 }")
    document = checked(kvlint, {"main.tf": PROVIDER + root, "kv/main.tf": module})
    assert words(document, "KV001") == ["if var.on is true"]


CONDITIONS = {
    "var.a && var.b": "if var.a is true and var.b is true",
    '!var.a && !var.b && var.env != "dev"': 'if var.env is not "dev"',
    'contains(["prod", "test"], var.env)': 'if var.env is "prod"',
    'var.a || var.env == "prod"': "if var.a is true",
    "lookup({ prod = true }, var.env, var.b)": "if var.b is true",
    "var.a ? var.b : false": "if var.a is true and var.b is true",
    "alltrue([var.a, var.b])": "if var.a is true and var.b is true",
    "length([for one in [1, 2] : one if var.a]) > 1": "if var.a is true",
    "try(var.a && var.b, false)": "if var.a is true and var.b is true",
}  # fmt: skip


@pytest.mark.parametrize("expression", CONDITIONS)
def test_the_values_of_a_condition_create_what_has_it(kvlint: Kvlint, expression: str) -> None:
    text = PROVIDER + SWITCHES + vault(f"  count = ({expression}) ? 1 : 0") + POLICY.replace(
        "azurerm_key_vault.kv.id", "one(azurerm_key_vault.kv[*].id)") % "var.b ? 1 : 0"  # fmt: skip
    document = checked(kvlint, {"main.tf": text})
    assert words(document, "KV001") == [CONDITIONS[expression]]
    (condition,) = (one["condition"] for one in document["findings"] if one["ruleId"] == "KV001")
    options = [f"--var={one['input'].removeprefix('var.')}={plain(one)}" for one in condition]
    there = report(kvlint("in", "-f", "json", *options))
    assert words(there, "KV001") == [None]
    assert results(there, "azurerm_key_vault.kv") == results(document, "azurerm_key_vault.kv")


def plain(condition: dict[str, Any]) -> str:
    """Return a value that meets the condition of an input, as an option has it."""
    value = condition["value"]
    if condition["is"] == "not equal":
        return f"no-{value}"
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("expression", ["var.a && !var.a", "(var.a ? var.b : false) && !(var.a && var.b)"])
def test_what_no_assignment_creates_is_skipped(kvlint: Kvlint, expression: str) -> None:
    document = checked(kvlint, {"main.tf": PROVIDER + SWITCHES + vault(f"  count = {expression} ? 1 : 0")})
    assert found(document, "KV001") == []
    (skipped,) = document["skipped"]
    assert "with every value of `var.a`" in skipped["reason"]


def test_what_is_referred_to_exists_too(kvlint: Kvlint) -> None:
    text = SWITCHES + vault('  count = var.b && var.env == "prod" ? 1 : 0')
    text += secret('count = var.env != "dev" ? 1 : 0').replace("azurerm_key_vault.kv.id", "azurerm_key_vault.kv[0].id")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert words(document, "KV610") == ['if var.b is true and var.env is "prod"']


def test_a_validation_rejects_a_value(kvlint: Kvlint) -> None:
    rejected = '  validation {\n    condition     = !var.a || var.b\n    error_message = "b"\n  }\n}\n'
    text = SWITCHES.replace('default = false\n}\nvariable "b"', f'default = false\n{rejected}variable "b"')
    text += vault("  count = var.a ? 1 : 0") + vault('  count = var.env == "prod" ? 1 : 0', "other")
    text = text.replace('default = "dev"\n}', (
        'default = "dev"\n  validation {\n    condition     = contains(["dev", "test"], var.env)\n'
        '    error_message = "e"\n  }\n}'
    ))  # fmt: skip
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert [one["address"] for one in document["skipped"]] == ["azurerm_key_vault.other"]
    # The value of `a` alone is rejected.
    assert words(document, "KV001") == ["if var.a is true and var.b is true"]


def test_a_condition_that_is_not_solved_is_assumed(kvlint: Kvlint) -> None:
    text = PROVIDER + SWITCHES + vault('  count = length(regexall("^p.*d$", var.env)) > 0 ? 1 : 0')
    document = checked(kvlint, {"main.tf": text})
    assert words(document, "KV001") == ["if its condition holds"]
    (condition,) = (one["condition"] for one in document["findings"] if one["ruleId"] == "KV001")
    assert condition == [{"input": "var.env", "is": "unknown", "value": None}]


def test_no_value_of_a_sensitive_input_is_in_a_condition(kvlint: Kvlint) -> None:
    text = 'variable "mode" {\n  type      = string\n  default   = ""\n  sensitive = true\n}\n'
    write({"main.tf": PROVIDER + text + vault('  count = nonsensitive(var.mode) == "hunter2-mode" ? 1 : 0')})
    for form in FORMATS:
        assert "hunter2-mode" not in kvlint("in", "-f", form, "--select", "KV001").out.replace('== "hunter2', "")
    document = report(kvlint("in", "-f", "json", "--select", "KV001"))
    assert words(document, "KV001") == ["if var.mode has another value"]


FORMATS = ("text", "concise", "json", "sarif", "markdown", "html", "junit", "gitlab", "github", "azure", "rdjson")


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_states_the_condition(kvlint: Kvlint, form: str) -> None:
    write({"main.tf": PROVIDER + SWITCHES + vault("  count = var.a ? 1 : 0")})
    said = kvlint("in", "-f", form, "--select", "KV001").out
    assert "if var.a is true" in said.replace("&#32;", " ")


TEXTS = {
    "a data source with an index": (
        'data "azurerm_client_config" "me" {\n  count = var.a ? 1 : 0\n}\n'
        'locals {\n  id = try(data.azurerm_client_config.me[0].object_id, "")\n  known = local.id != ""\n}\n'
        + secret('count = try(data.azurerm_client_config.me[0].object_id, "") != "" ? 1 : 0')
        + secret("count = local.known && var.b ? 1 : 0", "other")
    ),
    "modules of a loop": (
        'module "m" {\n  source   = "./m"\n  for_each = { x = var.a, y = var.b }\n'
        "  on = each.value\n  env = var.env\n}\n"
    ),
    "a list of blocks": (
        'resource "azurerm_key_vault" "more" {\n  count = var.a ? 1 : 0\n' + ARGUMENTS
        + '  network_acls {\n    default_action = var.b ? "Allow" : "Deny"\n    bypass = "None"\n  }\n}\n'
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_shared_values_are_those_of_an_evaluation_without_sharing(
    kvlint: Kvlint, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = variable("on", "bool", "true") + variable("env", "string", '"x"') + vault("  count = var.on ? 1 : 0")
    module += secret('count = var.env == "prod" ? 1 : 0').replace(
        "azurerm_key_vault.kv.id", "azurerm_key_vault.kv[0].id"
    )
    files = {"main.tf": PROVIDER + SWITCHES + vault("") + TEXTS[name], "m/main.tf": module}
    shared = checked(kvlint, files)
    monkeypatch.setattr(ModuleInstance, "unchanged", lambda *_: None)
    monkeypatch.setattr(ResourceCollector, "_share", lambda *_: False)
    assert checked(kvlint, files) == shared
    assert any(one["condition"] for one in shared["findings"])


def test_several_callers_of_a_module_are_one_result_for_its_place(kvlint: Kvlint) -> None:
    module = variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0")
    root = variable("a", "bool", "false")
    for name, value in (("x", "true"), ("y", "var.a")):
        root += f'module "{name}" {{\n  source = "./m"\n  on = {value}\n}}\n'
    document = checked(kvlint, {"main.tf": PROVIDER + root, "m/main.tf": module}, "--select", "KV001")
    (finding,) = document["findings"]
    assert finding["condition"] is None
    assert [one["condition"] for one in finding["occurrences"]] == [None, "if var.a is true"]
    assert Path("in").is_dir()


BICEP = """
param rbac bool = true
param on bool = false
@allowed(['dev', 'prod'])
param env string = 'dev'
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = if (%s) {
  name: 'kv-a'
  location: 'westeurope'
  properties: { sku: { family: 'A', name: 'standard' }, tenantId: tenant().tenantId, enableRbacAuthorization: rbac }
}
"""
BICEP_POLICY = """
resource policies 'Microsoft.KeyVault/vaults/accessPolicies@2023-07-01' = if (!rbac) {
  parent: kv
  name: 'add'
  properties: {
    accessPolicies: [{ objectId: '1', tenantId: tenant().tenantId, permissions: { secrets: ['get'] } }]
  }
}
"""
BICEP_CONDITIONS = {
    "on && env == 'prod'": 'if env is "prod" and on is true',
    "!rbac": "if rbac is false",
    "env != 'dev' || (on && !rbac)": 'if env is "prod"',
    "contains(['prod'], env)": 'if env is "prod"',
}


@pytest.mark.parametrize("condition", BICEP_CONDITIONS)
def test_the_values_of_a_condition_create_what_has_it_in_bicep(kvlint: Kvlint, condition: str) -> None:
    document = checked(kvlint, {"main.bicep": BICEP % condition})
    assert words(document, "KV001") == [BICEP_CONDITIONS[condition]]
    (inputs,) = (one["condition"] for one in document["findings"] if one["ruleId"] == "KV001")
    values = {one["input"]: {"value": one["value"]} for one in inputs}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    write({"p.json": json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "parameters": values})})
    there = report(kvlint("in/main.bicep", "--parameters", "in/p.json", "-f", "json"))
    assert words(there, "KV001") == [None]
    assert results(there, "kv") == results(document, "kv")


def test_policies_that_exclude_rbac_are_not_evaluated_with_it_in_bicep(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.bicep": BICEP % "true" + BICEP_POLICY}, "--select", "KV304")
    assert document["findings"] == document["unknown"] == []
    assert [one["condition"] for one in document["evaluated"]] == [None, "if rbac is false"]


def test_what_no_assignment_creates_is_skipped_in_bicep(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.bicep": BICEP % "on && rbac && !(on || env == 'prod')"})
    (skipped,) = document["skipped"]
    assert "every value of `env`, `on`, `rbac`" in skipped["reason"]


def test_a_condition_of_a_template_states_the_name_of_its_parameter(kvlint: Kvlint) -> None:
    vault = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-a", "location": "westeurope",
        "condition": "[and(parameters('On'), equals(variables('env'), 'prod'))]",
        "properties": {"sku": {"family": "A", "name": "standard"}, "tenantId": "[tenant().tenantId]"},
    }  # fmt: skip
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "variables": {"env": "[toLower(parameters('environment'))]"},
        "parameters": {
            "on": {"type": "bool", "defaultValue": False}, "environment": {"type": "string", "defaultValue": "dev"}
        },
        "resources": [vault],
    }  # fmt: skip
    document = checked(kvlint, {"t.json": json.dumps(template)})
    assert words(document, "KV001") == ['if environment is "prod" and on is true']
