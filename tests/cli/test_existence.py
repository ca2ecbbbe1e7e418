"""What only a default leaves out is evaluated with its condition; what is final is skipped, with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.conftest import CommandOutput, Kvlint

PROVIDER = 'provider "azurerm" {\n  features {}\n}\n'
ARGUMENTS = (
    '  name                = "kv-existence"\n  location            = "westeurope"\n  resource_group_name = "rg"\n'
    '  tenant_id           = "00000000-0000-0000-0000-000000000001"\n  sku_name            = "standard"\n'
)
BODY = "properties: { sku: { family: 'A', name: 'standard' }, tenantId: tenant().tenantId }"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def vault(more: str, name: str = "kv") -> str:
    return f'resource "azurerm_key_vault" "{name}" {{\n{more}\n{ARGUMENTS}}}\n'


def secret(more: str, name: str = "s", value: str = "hunter2-hunter2") -> str:
    return (
        f'resource "azurerm_key_vault_secret" "{name}" {{\n  {more}\n  name = "db"\n  value = "{value}"\n'
        "  key_vault_id = azurerm_key_vault.kv.id\n}\n"
    )


def variable(name: str, type_: str, default: str) -> str:
    return f'variable "{name}" {{\n  type    = {type_}\n  default = {default}\n}}\n'


def write(files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = Path("in", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def report(said: CommandOutput) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.out)
    assert not [one for one in found["problems"] if one["level"] == "error"]
    return found


def checked(kvlint: Kvlint, files: Mapping[str, str], *options: str) -> dict[str, Any]:
    write(files)
    return report(kvlint("in", "-f", "json", *options))


def found(document: dict[str, Any], rule: str, section: str = "findings") -> list[str]:
    return [one["resource"] for one in document[section] if one["ruleId"] == rule]


def conditions(document: dict[str, Any], rule: str) -> list[object]:
    return [one["condition"] for one in document["findings"] if one["ruleId"] == rule]


def words(document: dict[str, Any], rule: str) -> list[str]:
    return [one["occurrences"][0]["condition"] for one in document["findings"] if one["ruleId"] == rule]


MAY_EXIST = {
    "a comparison": (
        variable("env", "string", '"dev"') + vault('  count = var.env == "prod" ? 1 : 0'),
        'var.env is "prod"',
    ),
    "a number": (variable("vaults", "number", "0") + vault("  count = var.vaults"), "var.vaults is 1"),
    "a length": (
        variable("names", "list(string)", "[]") + vault("  count = length(var.names)"),
        "var.names is not empty",
    ),
    "null, through a local value": (
        variable("settings", "object({ vault = bool })", "null")
        + "locals {\n  make = try(var.settings.vault, false)\n}\n"
        + vault("  count = local.make ? 1 : 0"),
        "var.settings.vault is true",
    ),
    "a map of objects": (
        variable("vaults", "map(object({ sku = string }))", "{}") + vault("  for_each = var.vaults"),
        "var.vaults is not empty",
    ),
    "a filtered map": (
        variable("vaults", "map(any)", "{\n    a = { on = false }\n  }")
        + vault("  for_each = { for key, one in var.vaults : key => one if one.on }"),
        "var.vaults.a.on is true",
    ),
    "a set of a list": (
        variable("names", "list(string)", "[]") + vault("  for_each = toset(var.names)"),
        "var.names is not empty",
    ),
    "one switch of two": (
        variable("on", "bool", "true")
        + variable("off", "bool", "false")
        + vault("  count = var.on && var.off ? 1 : 0"),
        "var.off is true",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MAY_EXIST)
def test_a_default_does_not_hide_a_vault(kvlint: Kvlint, name: str) -> None:
    text, condition = MAY_EXIST[name]
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert len(found(document, "KV001")) == 1
    assert len(found(document, "KV101")) == 1
    assert words(document, "KV001") == [f"if {condition}"]
    (evaluated,) = document["evaluated"]
    assert (evaluated["address"], evaluated["path"]) == ("azurerm_key_vault.kv", "in/main.tf")
    assert evaluated["condition"] == f"if {condition}"
    assert document["skipped"] == []
    assert document["summary"]["evaluated"] == 1


def test_a_resource_in_json_and_one_that_opentofu_enables(kvlint: Kvlint) -> None:
    plain = {
        "variable": {"vaults": {"default": {}}},
        "resource": {"azurerm_key_vault": {"kv": {"for_each": "${var.vaults}", "name": "kv-${each.key}"}}},
    }
    document = checked(kvlint, {"a/main.tf.json": json.dumps(plain)})
    assert found(document, "KV001") == ["azurerm_key_vault.kv[*]"]
    enabled = vault("  lifecycle {\n    enabled = var.on\n  }")
    document = checked(kvlint, {"b/main.tofu": variable("on", "bool", "false") + enabled})
    assert "azurerm_key_vault.kv" in found(document, "KV001")


def test_condition_of_a_call_applies_to_the_resources_in_the_module(kvlint: Kvlint) -> None:
    inner = variable("secret", "bool", "true") + variable("other", "bool", "false") + vault("")
    inner += secret("count = var.secret ? 1 : 0") + secret("count = var.other ? 1 : 0", "left")
    call = 'module "v" {\n  source   = "./v"\n  for_each = toset(var.names)\n  secret   = var.with_secret\n}\n'
    root = PROVIDER + variable("names", "list(string)", "[]") + variable("with_secret", "bool", "false") + call
    document = checked(kvlint, {"main.tf": root, "v/main.tf": inner})
    assert found(document, "KV001") == ["module.v[*].azurerm_key_vault.kv"]
    assert found(document, "KV610") == ["module.v[*].azurerm_key_vault_secret.s[0]"]
    assert words(document, "KV610") == ["if var.names is not empty and var.with_secret is true"]
    (skipped,) = document["skipped"]
    # What a caller leaves out is final.
    assert skipped["address"] == "module.v.azurerm_key_vault_secret.left"
    assert "arguments of the module call" in skipped["reason"]
    assert document["summary"]["skipped"] == 1


@pytest.mark.parametrize(
    ("call", "files", "options"),
    [
        ("count = 0", {}, ()),
        ("for_each = {}", {}, ()),
        ("count = var.on && false ? 1 : 0", {}, ()),
        ("count = var.on ? 1 : 0", {"x.auto.tfvars": "on = false\n"}, ()),
        ("count = var.on ? 1 : 0", {"terraform.tfvars.json": '{"on": false}'}, ()),
        ("count = var.on ? 1 : 0", {}, ("--var", "on=false")),
        ("count = var.on ? 1 : 0", {"p.tfvars": "on = false\n"}, ("--var-file", "in/p.tfvars")),
    ],
)
def test_explicit_false_value_skips_a_resource(
    kvlint: Kvlint, call: str, files: Mapping[str, str], options: tuple[str, ...]
) -> None:
    module = f'module "m" {{\n  source = "./m"\n  {call}\n}}\n'
    text = PROVIDER + variable("on", "bool", "false") + vault(f"  {call}") + module
    document = checked(kvlint, {"main.tf": text, "m/main.tf": vault(""), **files}, *options)
    assert found(document, "KV001") == []
    assert document["evaluated"] == []
    assert [(one["path"], one["line"]) for one in document["skipped"]] == [("in/m/main.tf", 1), ("in/main.tf", 8)]
    for one in document["skipped"]:
        assert ("`var.on`" in one["reason"]) is bool(files or options)


def test_summary_counts_skipped_declarations(kvlint: Kvlint) -> None:
    write({"main.tf": PROVIDER + vault("  count = 0") + vault("", "other")})
    said = kvlint("in", "-v")
    summary = said.out.splitlines()[-1]
    assert " in 1 key vault. " in summary
    assert summary.endswith(" 1 declaration not evaluated.")
    assert "\nin/main.tf:4:1: skipped azurerm_key_vault.kv was not evaluated: `count` is 0" in said.out


def test_resource_that_exists_with_other_values_is_listed_with_its_condition(kvlint: Kvlint) -> None:
    write({"main.tf": variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0")})
    shown = kvlint("in", "-v", "--select", "KV001")
    assert "\nin/main.tf:5:1: evaluated azurerm_key_vault.kv (if var.on is true)\n" in f"\n{shown.out}"


def test_a_result_is_unknown_if_a_default_leaves_out_the_companion_that_decides_it(kvlint: Kvlint) -> None:
    setting = (
        'resource "azurerm_monitor_diagnostic_setting" "d" {\n  for_each = var.logs\n  name = "d"\n'
        "  target_resource_id = azurerm_key_vault.kv.id\n  log_analytics_workspace_id = each.value\n"
        '  enabled_log {\n    category_group = "audit"\n  }\n}\n'
    )
    document = checked(kvlint, {"main.tf": PROVIDER + variable("logs", "map(string)", "{}") + vault("") + setting})
    assert found(document, "KV201") == []
    assert found(document, "KV201", "unknown") == ["azurerm_key_vault.kv"]
    (why,) = (one["why"] for one in document["unknown"] if one["ruleId"] == "KV201")
    assert why == "azurerm_monitor_diagnostic_setting.d (all instances) exists only if var.logs is not empty"


def test_duplicate_names_are_reported_only_if_both_resources_can_exist_together(kvlint: Kvlint) -> None:
    switch = PROVIDER + variable("prod", "bool", "false") + vault("")
    both = switch + secret("count = var.prod ? 0 : 1", "dev") + secret("count = var.prod ? 1 : 0", "prod")
    document = checked(kvlint, {"main.tf": both})
    assert sorted(found(document, "KV610")) == ["azurerm_key_vault_secret.dev[0]", "azurerm_key_vault_secret.prod[0]"]
    assert found(document, "KV603") == []
    same = switch + secret("count = var.prod ? 1 : 0", "a") + secret("count = var.prod ? 1 : 0", "b")
    assert found(checked(kvlint, {"main.tf": same}), "KV603") == ["azurerm_key_vault_secret.b[0]"]


def test_defaults_of_other_variables_apply_to_values(kvlint: Kvlint) -> None:
    text = vault("  count = var.on ? 1 : 0\n  purge_protection_enabled = var.purge\n  tags = { id = var.id }")
    text += variable("on", "bool", "false") + variable("purge", "bool", "false") + variable("id", "string", '""')
    text += 'resource "azurerm_key_vault" "other" {\n  count = var.purge ? 1 : 0\n' + ARGUMENTS + "}\n"
    assert "azurerm_key_vault.kv[0]" in found(checked(kvlint, {"main.tf": PROVIDER + text}), "KV001")


def test_plan_decides_which_resources_exist(kvlint: Kvlint) -> None:
    write({"main.tf": PROVIDER + variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0") + vault("", "b")})
    at = "azurerm_key_vault.b"
    values = {"name": "kv-existence", "sku_name": "standard", "purge_protection_enabled": False}
    plan = {
        "format_version": "1.2", "terraform_version": "1.9.0", "variables": {"on": {"value": False}},
        "resource_changes": [
            {
                "address": at, "mode": "managed", "type": "azurerm_key_vault", "name": "b",
                "provider_name": "registry.terraform.io/hashicorp/azurerm",
                "change": {"actions": ["create"], "before": None, "after": values, "after_unknown": {"id": True}},
            }
        ],
        "configuration": {
            "root_module": {
                "resources": [
                    {"address": f"{type_}.{name}", "mode": "managed", "type": type_, "name": name}
                    for type_, name in (("azurerm_key_vault", "b"), ("azurerm_key_vault", "kv"))
                ],
                "variables": {"on": {"default": False}},
            }
        },
    }  # fmt: skip
    Path("in/plan.json").write_text(json.dumps(plan), encoding="utf-8")
    # A plan that is found in a folder adds to its source; one that the command line names replaces it.
    assert found(report(kvlint("in", "-f", "json")), "KV001") == ["azurerm_key_vault.kv[0]", at]
    document = report(kvlint("in", "in/plan.json", "-f", "json"))
    assert found(document, "KV001") == [at]
    assert [(one["address"], one["path"]) for one in document["evaluated"]] == [(at, "in/main.tf")]
    (skipped,) = document["skipped"]
    assert (skipped["address"], skipped["reason"]) == ("azurerm_key_vault.kv", "the plan contains no instance")


@pytest.mark.parametrize("folder", ["examples/simple", "test", "tests/e2e/max", "samples/a"])
def test_module_that_only_its_examples_call_has_unknown_companions(kvlint: Kvlint, folder: str) -> None:
    module = variable("on", "bool", "false") + vault("") + secret("count = var.on ? 1 : 0")
    up = "/".join(".." for _ in folder.split("/"))
    call = f'{PROVIDER}module "this" {{\n  source = "{up}"\n}}\n'
    document = checked(kvlint, {"main.tf": module, f"{folder}/main.tf": call})
    assert found(document, "KV610") == ["azurerm_key_vault_secret.s[0]"]
    # What the module and its example have in common is one finding.
    assert len(found(document, "KV001")) == 1
    (purge,) = (one for one in document["findings"] if one["ruleId"] == "KV001")
    assert {one["root"] for one in purge["occurrences"]} == {"in", f"in/{folder}"}
    # Companions are for its callers to add.
    assert [one["resource"] for one in document["unknown"] if one["ruleId"] == "KV201"].count("azurerm_key_vault.kv")


def test_module_with_a_caller_is_evaluated_through_its_caller(kvlint: Kvlint) -> None:
    module = variable("on", "bool", "false") + secret("count = var.on ? 1 : 0").replace(
        "azurerm_key_vault.kv.id", "null"
    )
    call = 'module "this" {\n  source = "../m"\n}\n'
    document = checked(
        kvlint, {"m/main.tf": module, "app/main.tf": call, "m/examples/a/main.tf": call.replace("../m", "../..")}
    )
    assert document["findings"] == []
    assert [one["address"] for one in document["skipped"]] == ["module.this.azurerm_key_vault_secret.s"]


BICEP = {
    "a parameter": f"param on bool = false\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = if (on) {{\n"
    f"  name: 'kv-a'\n  location: 'westeurope'\n  {BODY}\n}}\n",
    "a parameter that may be null": f"param names string[]?\n"
    f"resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = [for name in (names ?? []): {{\n"
    f"  name: 'kv-a'\n  location: 'westeurope'\n  {BODY}\n}}]\n",
    "a variable": f"param env string = 'dev'\nvar isProd = contains(['prod', 'stage'], env)\n"
    f"resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = if (isProd) {{\n"
    f"  name: 'kv-a'\n  location: 'westeurope'\n  {BODY}\n}}\n",
    "items that are filtered": f"param all array = [{{ on: false }}]\n"
    f"resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = [for one in filter(all, one => one.on): {{\n"
    f"  name: 'kv-a'\n  location: 'westeurope'\n  {BODY}\n}}]\n",
}


BICEP_CONDITIONS = {
    "on": "if on is true", "names": "if names is not empty", "env": 'if env is "prod"',
    "all": "if all has an item in which on is true",
}  # fmt: skip


@pytest.mark.parametrize("name", BICEP)
def test_a_default_does_not_hide_a_vault_in_bicep(kvlint: Kvlint, name: str) -> None:
    document = checked(kvlint, {"main.bicep": BICEP[name]})
    assert len(found(document, "KV001")) == 1
    parameter = BICEP[name].split()[1]
    assert words(document, "KV001") == [BICEP_CONDITIONS[parameter]]
    assert document["evaluated"][0]["condition"] == BICEP_CONDITIONS[parameter]


def test_arguments_of_a_bicep_module_are_final(kvlint: Kvlint) -> None:
    inner = (
        f"param on bool\nparam left bool = false\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {{\n"
        f"  name: 'kv-a'\n  location: 'westeurope'\n  {BODY}\n"
        "  resource s 'secrets' = if (on) {\n    name: 's'\n    properties: { value: 'hunter2-hunter2' }\n  }\n"
        "  resource l 'secrets' = if (left) {\n    name: 'l'\n    properties: { value: 'hunter2-hunter2' }\n  }\n}\n"
    )
    root = "param make bool = false\nparam on bool = false\n"
    root += "module m 'm.bicep' = if (make) {\n  name: 'm'\n  params: { on: on }\n}\n"
    document = checked(kvlint, {"main.bicep": root, "m.bicep": inner})
    assert found(document, "KV610") == ["m.kv::s"]
    assert found(document, "KV001") == ["m.kv"]
    assert [one["address"] for one in document["skipped"]] == ["m.kv::l"]
    given = "using './main.bicep'\nparam make = false\n"
    document = checked(kvlint, {"main.bicepparam": given})
    assert document["findings"] == []
    assert sorted(one["address"] for one in document["skipped"]) == ["kv", "kv::l", "kv::s"]
    assert all("`make`" in one["reason"] for one in document["skipped"])


CHOICE = (
    "param create bool = true\nparam id string = ''\nparam list array = []\n"
    "resource uami 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {\n  name: 'uami'\n}\n"
    "module m 'm.bicep' = if (%s) {\n  name: 'm'\n"
    "  params: { id: create && empty(id) ? uami.properties.principalId : id, list: list }\n}\n"
)


@pytest.mark.parametrize(
    ("around", "within", "exists"),
    [
        ("create || !empty(id)", "empty(id)", False),
        ("create || id != ''", "id == ''", False),
        ("create || !empty(id)", "empty(id) && empty(list)", False),
        ("create || !empty(id)", "!empty(id)", True),
        ("create || !empty(id)", "id == 'other'", True),
        ("create || !empty(id)", "!empty(list)", True),
        ("true", "empty(id)", True),
        ("!create && empty(id)", "empty(id)", True),
    ],
)
def test_conditions_that_exclude_each_other(kvlint: Kvlint, around: str, within: str, exists: bool) -> None:
    inner = (
        f"param id string\nparam list array\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = if ({within}) {{\n"
        f"  name: 'kv-a'\n  location: 'westeurope'\n  {BODY}\n}}\n"
    )
    document = checked(kvlint, {"main.bicep": CHOICE % around, "m.bicep": inner})
    assert found(document, "KV001") == (["m.kv"] if exists else [])
    # A declaration in a module that never exists has the address of its file.
    assert [one["address"].rpartition(".")[2] for one in document["skipped"]] == ([] if exists else ["kv"])


@pytest.mark.parametrize("within", ["empty(parameters('id'))", "equals(parameters('id'), '')"])
@pytest.mark.parametrize("exists", [False, True])
def test_conditions_that_exclude_each_other_in_a_template(kvlint: Kvlint, within: str, exists: bool) -> None:
    condition = f"[not({within})]" if exists else f"[{within}]"
    inner = json.loads(template([arm_vault(condition=condition)], {"id": {"type": "string"}}))
    made = "[reference('uami').principalId]"
    uami = {"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "uami"}
    deployment = {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inner",
        "condition": "[or(parameters('create'), not(empty(parameters('id'))))]",
        "properties": {
            "mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}, "template": inner,
            "parameters": {"id": {"value": f"[if(and(parameters('create'), empty(parameters('id'))), {made[1:-1]},"
                                           " parameters('id'))]"}},
        },
    }  # fmt: skip
    parameters = {"create": {"type": "bool", "defaultValue": True}, "id": {"type": "string", "defaultValue": ""}}
    document = checked(kvlint, {"t.json": template([uami, deployment], parameters)})
    assert len(found(document, "KV001")) == exists
    assert len(document["skipped"]) == (not exists)


def template(resources: list[dict[str, Any]], parameters: dict[str, Any]) -> str:
    return json.dumps(
        {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": resources}
    )


def arm_vault(**more: Any) -> dict[str, Any]:
    properties = {"sku": {"family": "A", "name": "standard"}, "tenantId": "[subscription().tenantId]"}
    head = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "kv-a", "location": "westeurope"}
    return {**head, "properties": properties, **more}


ARM: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a text": ({"condition": "[equals(parameters('P'), 'yes')]"}, {"type": "string", "defaultValue": "no"}),
    "a count": ({"copy": {"name": "c", "count": "[length(parameters('P'))]"}}, {"type": "array", "defaultValue": []}),
    "null": ({"condition": "[not(empty(parameters('P')))]"}, {"type": "object", "nullable": True}),
}


@pytest.mark.parametrize("name", ARM)
def test_a_default_does_not_hide_a_vault_in_a_template(kvlint: Kvlint, name: str) -> None:
    more, parameter = ARM[name]
    document = checked(kvlint, {"t.json": template([arm_vault(**more)], {"P": parameter})})
    assert len(found(document, "KV001")) == 1
    assert words(document, "KV001") == ['if P is "yes"' if name == "a text" else "if P is not empty"]
    assert document["skipped"] == []


def test_parameters_of_a_nested_deployment_are_final(kvlint: Kvlint) -> None:
    inner = json.loads(template([arm_vault(), arm_vault(name="kv-b", condition="[parameters('left')]")], {}))
    inner["parameters"] = {"left": {"type": "bool", "defaultValue": False}}
    deployment = {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inner",
        "condition": "[parameters('on')]",
        "properties": {"mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}, "template": inner},
    }  # fmt: skip
    files = {
        "t.json": template(
            [deployment, arm_vault(condition=False, name="never")], {"on": {"type": "bool", "defaultValue": False}}
        )
    }
    document = checked(kvlint, files)
    assert found(document, "KV001") == ["inner/Microsoft.KeyVault/vaults/kv-a"]
    assert sorted(one["address"] for one in document["skipped"]) == ["kv-b", "never"]
    given = {
        "$schema": SCHEMA.replace("Template", "Parameters"),
        "contentVersion": "1.0.0.0",
        "parameters": {"on": {"value": False}},
    }
    document = checked(kvlint, {"t.parameters.json": json.dumps(given)})
    assert document["findings"] == []
    reasons = {one["address"]: one["reason"] for one in document["skipped"]}
    assert reasons.keys() == {"kv-a", "kv-b", "never"}
    assert "`on`" in reasons["kv-a"]
    assert "`on`" not in reasons["never"]


def test_resources_with_the_same_name_that_exclude_each_other_are_both_evaluated(kvlint: Kvlint) -> None:
    pair = [arm_vault(condition="[parameters('on')]"), arm_vault(condition="[not(parameters('on'))]")]
    document = checked(kvlint, {"t.json": template(pair, {"on": {"type": "bool", "defaultValue": True}})})
    assert len(document["evaluated"]) == len(found(document, "KV001")) == 2
    assert [one["condition"] is not None for one in document["evaluated"]] == [False, True]


DEPLOYER = 'data "azurerm_client_config" "me" {\n}\n'
POLICY = (
    'resource "azurerm_key_vault_access_policy" "p" {\n  count = var.policy ? 1 : 0\n'
    "  key_vault_id = azurerm_key_vault.kv.id\n  tenant_id = data.azurerm_client_config.me.tenant_id\n"
    '  object_id = data.azurerm_client_config.me.object_id\n  secret_permissions = ["Get", "Set"]\n}\n'
)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            "KV603",
            variable("more", "map(string)", "{}") + secret("") + secret("for_each = var.more\n", "m").replace(
                'name = "db"', "name = each.key"
            ),
        ),
        ("KV055", DEPLOYER + variable("policy", "bool", "false") + secret("") + POLICY),
        (
            "KV310",
            DEPLOYER + variable("policy", "bool", "false") + POLICY + POLICY.replace('"p"', '"q"').replace(
                "data.azurerm_client_config.me.object_id", "var.who"
            ).replace("var.policy ? 1 : 0", "1") + 'variable "who" {}\n',
        ),
    ],
)  # fmt: skip
def test_resource_that_may_exist_adds_no_unknown_result_about_names_and_order(
    kvlint: Kvlint, rule: str, text: str
) -> None:
    document = checked(kvlint, {"main.tf": PROVIDER + vault("") + text})
    assert any(one["condition"] for one in document["evaluated"])
    assert not any("same" in one["message"] or "whether it needs" in one["message"]
                   for one in document["unknown"] if one["ruleId"] == rule and one["condition"] is None)  # fmt: skip
    assert found(document, rule) == []


ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
PRINCIPAL = "11111111-1111-1111-1111-111111111111"
ROLE_TERRAFORM = (
    'resource "azurerm_role_assignment" "r" {\n  count = %s\n  scope = azurerm_key_vault.kv.id\n'
    f'  role_definition_name = "Key Vault Administrator"\n  principal_id = "{PRINCIPAL}"\n}}\n'
)
POLICY_TERRAFORM = (
    'resource "azurerm_key_vault_access_policy" "p" {\n  for_each = toset(%s)\n'
    "  key_vault_id = azurerm_key_vault.kv.id\n"
    f'  tenant_id = "{PRINCIPAL}"\n  object_id = each.value\n  secret_permissions = ["Get"]\n}}\n'
)


def twofold(rbac: str, kind: str = "bool", default: str = "false") -> str:
    """A vault whose permission model is an expression, and a role assignment that exists with RBAC alone."""
    return (
        PROVIDER + variable("rbac", kind, default) + vault(f"rbac_authorization_enabled = {rbac}\n")
        + ROLE_TERRAFORM % ("var.rbac ? 1 : 0" if kind == "bool" else 'var.rbac == "on" ? 1 : 0')
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "failed", "unknown"),
    [
        (twofold("var.rbac"), [], []),
        (twofold("!(!var.rbac)"), [], []),
        (twofold('var.rbac == "on"', "string", '"off"'), [], []),
        # The value that makes the assignment exist leaves the vault as it is, or removes the permission model.
        (twofold("false"), ["azurerm_role_assignment.r[0]"], []),
        (twofold("!var.rbac", "bool", "false"), ["azurerm_role_assignment.r[0]"], []),
    ],
)
def test_vault_is_evaluated_with_the_values_that_create_its_role_assignment(
    kvlint: Kvlint, text: str, failed: list[str], unknown: list[str]
) -> None:
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV305") == failed
    assert found(document, "KV305", "unknown") == unknown


@pytest.mark.parametrize("over", ["var.rbac ? [] : var.ids", '[for id in ["1"] : id if !var.rbac]'])
def test_vault_is_evaluated_with_the_values_that_create_its_access_policy(kvlint: Kvlint, over: str) -> None:
    parameters = variable("rbac", "bool", "true") + variable("ids", "list(string)", '["1"]')
    for rbac, failed in (("var.rbac", 0), ("true", 1)):
        text = vault(f"rbac_authorization_enabled = {rbac}\n") + POLICY_TERRAFORM % over
        document = checked(kvlint, {"main.tf": PROVIDER + parameters + text})
        assert len(found(document, "KV304")) == failed
        assert found(document, "KV304", "unknown") == []


ROLE_BICEP = f"""
resource ra 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (rbac) {{
  name: guid(kv.id)
  scope: kv
  properties: {{
    principalId: '{PRINCIPAL}'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{ADMINISTRATOR}')
  }}
}}
"""
VAULT_BICEP = """
resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-a'
  location: 'westeurope'
  properties: { sku: { family: 'A', name: 'standard' }, tenantId: subscription().tenantId, enableRbacAuthorization: %s }
}
"""


@pytest.mark.parametrize(("rbac", "failed"), [("rbac", []), ("false", ["ra"])])
def test_vault_is_evaluated_with_the_values_that_create_its_role_assignment_in_bicep(
    kvlint: Kvlint, rbac: str, failed: list[str]
) -> None:
    document = checked(kvlint, {"main.bicep": "param rbac bool = false\n" + VAULT_BICEP % rbac + ROLE_BICEP})
    assert found(document, "KV305") == failed
    assert found(document, "KV305", "unknown") == []


@pytest.mark.parametrize(("rbac", "failed"), [("[parameters('P')]", 0), (False, 1)])
def test_vault_is_evaluated_with_the_values_that_create_its_assignment_in_a_template(
    kvlint: Kvlint, rbac: str | bool, failed: int
) -> None:
    one = arm_vault()
    one["properties"]["enableRbacAuthorization"] = rbac
    id_ = f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{ADMINISTRATOR}')"
    role = {
        "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "[guid('r')]",
        "scope": "Microsoft.KeyVault/vaults/kv-a", "condition": "[parameters('P')]",
        "properties": {"principalId": PRINCIPAL, "roleDefinitionId": f"[{id_}]"},
    }  # fmt: skip
    text = template([one, role], {"P": {"type": "bool", "defaultValue": False}})
    document = checked(kvlint, {"t.json": text})
    assert len(found(document, "KV305")) == failed
    assert found(document, "KV305", "unknown") == []


DYNAMIC = """
  dynamic "access_policy" {
    for_each = %s
    content {
      tenant_id          = "00000000-0000-0000-0000-000000000001"
      object_id          = access_policy.value
      secret_permissions = ["Get", "Purge"]
    }
  }
"""


@pytest.mark.parametrize("over", ["var.ids", "toset(local.ids)", "[for id in var.ids : id if id != null]"])
def test_blocks_that_only_a_default_leaves_out_may_exist(kvlint: Kvlint, over: str) -> None:
    text = PROVIDER + variable("ids", "list(string)", "[]") + "locals {\n  ids = var.ids\n}\n" + vault(DYNAMIC % over)
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV307", "unknown") == ["azurerm_key_vault.kv"]
    (unknown,) = (one for one in document["unknown"] if one["ruleId"] == "KV307")
    assert "`var.ids` has a default that another value can replace" in unknown["message"]
    document = checked(kvlint, {"terraform.tfvars": "ids = []\n"})
    assert found(document, "KV307", "unknown") == []
    document = checked(kvlint, {"terraform.tfvars": 'ids = ["11111111-1111-1111-1111-111111111111"]\n'})
    assert found(document, "KV307") == ["azurerm_key_vault.kv"]


ACLS = """
  dynamic "network_acls" {
    for_each = %s
    content {
      default_action = "Deny"
      bypass         = "AzureServices"
      ip_rules       = var.acls.ips
    }
  }
"""
ACLS_TYPE = "object({ ips = list(string) })"


@pytest.mark.parametrize("over", ["var.acls == null ? [] : [1]", "var.acls[*]", "toset(local.enabled)"])
def test_a_default_decides_whether_a_single_block_is_set(kvlint: Kvlint, over: str) -> None:
    given = "locals {\n  enabled = var.acls != null ? [true] : []\n}\n"
    text = PROVIDER + variable("acls", ACLS_TYPE, "null") + given + vault(ACLS % over)
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV101") == ["azurerm_key_vault.kv"]
    assert not [one for one in document["unknown"] if "acls" in one["message"]]
    document = checked(kvlint, {"terraform.tfvars": 'acls = { ips = ["20.1.2.3"] }\n'})
    assert found(document, "KV101") == found(document, "KV101", "unknown") == []


def test_a_single_block_that_no_default_decides_is_unknown(kvlint: Kvlint) -> None:
    text = PROVIDER + f'variable "acls" {{\n  type = {ACLS_TYPE}\n}}\n' + vault(ACLS % "var.acls[*]")
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV101") == []
    assert found(document, "KV101", "unknown") == ["azurerm_key_vault.kv"]


def test_blocks_that_a_literal_leaves_out_do_not_exist(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.tf": PROVIDER + variable("ids", "list(string)", "[]") + vault(DYNAMIC % "[]")})
    assert found(document, "KV307", "unknown") == []


@pytest.mark.parametrize("folder", ["examples/simple", "tests/e2e/max"])
def test_bicep_module_that_only_its_examples_call_has_unknown_companions(kvlint: Kvlint, folder: str) -> None:
    up = "/".join(".." for _ in folder.split("/"))
    module = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-m'\n  location: 'westeurope'\n"
    module += f"  {BODY}\n}}\n"
    call = f"module m '{up}/main.bicep' = {{\n  name: 'm'\n}}\n"
    document = checked(kvlint, {"main.bicep": module, f"{folder}/main.bicep": call})
    assert [one["location"]["path"] for one in document["unknown"] if one["ruleId"] == "KV201"] == ["in/main.bicep"]
    document = checked(kvlint, {"other.bicep": call.replace(f"{up}/", "")})
    assert found(document, "KV201", "unknown") == []
