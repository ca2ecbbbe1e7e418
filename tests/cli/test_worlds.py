"""What a default leaves out is evaluated as it is with other values of inputs, and every report states with which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.evaluation.reads import KeptParts
from azkvlint.readers.modules.collected import CollectedResources
from azkvlint.readers.modules.values import KeptValues
from tests.cli.test_existence import (
    ARGUMENTS,
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
UPDATE = (
    'resource "azapi_update_resource" "u" {\n  type = "Microsoft.KeyVault/vaults@2023-07-01"\n'
    "  count = var.rbac ? 1 : 0\n  resource_id = azurerm_key_vault.kv.id\n"
    "  body = {\n    properties = { enableRbacAuthorization = true }\n  }\n}\n"
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


@pytest.mark.parametrize("where", ["root", "module"])
def test_update_resource_of_another_world_does_not_change_the_vault(kvlint: Kvlint, where: str) -> None:
    text = variable("rbac", "bool", "true") + vault("") + POLICY % "var.rbac ? 0 : 1"
    text += UPDATE
    call = variable("rbac", "bool", "true") + 'module "m" {\n  source = "./m"\n  rbac = var.rbac\n}\n'
    files = {"root": {"main.tf": text}, "module": {"main.tf": call, "m/main.tf": text}}[where]
    document = checked(kvlint, files, "--select", "KV304")
    assert document["findings"] == document["unknown"] == []
    assert [one["condition"] for one in document["evaluated"]] == [None, "if var.rbac is false"]


def test_a_vault_that_a_switch_creates_has_a_name(kvlint: Kvlint) -> None:
    text = variable("on", "bool", "false") + variable("kv_name", "string", '""')
    text += f'resource "azurerm_key_vault" "kv" {{\n  count = var.on ? 1 : 0\n{ARGUMENTS}}}\n'
    text = text.replace('"kv-existence"', "var.kv_name")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert found(document, "KV010") == []
    assert set(words(document, "KV001")) == {"if var.kv_name is not empty and var.on is true"}


def test_name_with_an_invalid_known_part_is_invalid(kvlint: Kvlint) -> None:
    text = variable("kv_name", "string", '""') + vault('  count = var.kv_name != "" ? 1 : 0')
    text = PROVIDER + text.replace('"kv-existence"', '"kv_${var.kv_name}"')
    document = checked(kvlint, {"main.tf": text}, "--select", "KV010")
    assert words(document, "KV010") == ['if var.kv_name is not ""']
    assert document["findings"][0]["message"].startswith("Azure rejects the name `kv_{var.kv_name}` of")
    secret_name = secret('count = var.kv_name == "" ? 0 : 1').replace('"db"', '"db_${var.kv_name}"')
    document = checked(kvlint, {"main.tf": text + secret_name}, "--select", "KV513")
    assert [one["message"] for one in document["findings"]] == [
        "Azure rejects the name `db_{var.kv_name}` of azurerm_key_vault_secret.s[0]"
    ]


def test_a_setting_is_missing_from_a_vault_that_a_switch_creates(kvlint: Kvlint) -> None:
    text = PROVIDER + SWITCHES + vault("  count = var.a ? 1 : 0")
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV201") == ["azurerm_key_vault.kv[0]"]
    assert words(document, "KV201") == ["if var.a is true"]
    document = checked(kvlint, {"main.tf": text + SETTING % ("var.a ? 1 : 0", "[0]")})
    assert found(document, "KV201") == found(document, "KV201", "unknown") == []


def test_mutually_exclusive_declarations_are_not_companions(kvlint: Kvlint) -> None:
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
def test_values_of_a_condition_create_the_resource(kvlint: Kvlint, expression: str) -> None:
    text = PROVIDER + SWITCHES + vault(f"  count = ({expression}) ? 1 : 0") + POLICY.replace(
        "azurerm_key_vault.kv.id", "one(azurerm_key_vault.kv[*].id)") % "var.b ? 1 : 0"  # fmt: skip
    document = checked(kvlint, {"main.tf": text})
    assert words(document, "KV001") == [CONDITIONS[expression]]
    (condition,) = (one["condition"] for one in document["findings"] if one["ruleId"] == "KV001")
    options = [f"--var={one['input'].removeprefix('var.')}={plain(one)}" for one in condition]
    there = report(kvlint("in", "-f", "json", *options))
    assert words(there, "KV001") == [None]
    assert results(there, "azurerm_key_vault.kv") == results(document, "azurerm_key_vault.kv")


CERTAIN = {
    '!contains(["dev", "test"], var.env)': 'if var.env is not "dev" or "test"',
    'lower(var.env) != "dev"': "if its condition holds",
    "length(var.all) == 2": "if var.all has 2 items",
    "length(var.env) == 5": "if var.env has 5 characters",
    'var.z != null && var.z != "x"': 'if var.z is not "x" and var.z is not null',
    "var.n > 3 && var.n < 10 && var.n != 4": "if var.n is 5",
    'contains(var.all, "a") && contains(var.all, "b")': 'if var.all contains "a" and "b"',
    'contains(var.all, "a") && length(var.all) == 1': "if its condition holds",
    "{ dev = 0, prod = 1 }[var.env] > 0": 'if var.env is "prod"',
    "lookup({ dev = 0, prod = 2 }, var.env, 0) > 1": 'if var.env is "prod"',
    "[false, true][var.n]": "if var.n is 1",
    "element([0, 1, 2], var.n) > 1": "if var.n is 2",
    '"${var.env}-x" == "prod-x"': 'if var.env is "prod"',
    'contains(keys(var.map), "x")': "if var.map.x is not null",
    'var.a && data.azurerm_client_config.c.tenant_id != ""': "if var.a is true",
    'var.a && terraform.workspace == "prod"': "if var.a is true",
    'var.a && var.no_value == "x"': 'if var.a is true and var.no_value is "x"',
    'var.a && length(regexall("x", var.no_value)) > 0': "if its condition holds",
    'var.a && (terraform.workspace == "prod" || var.b)': "if var.a is true and var.b is true",
}  # fmt: skip


@pytest.mark.parametrize("expression", CERTAIN)
def test_a_condition_that_is_stated_is_sufficient(kvlint: Kvlint, expression: str) -> None:
    text = SWITCHES + variable("n", "number", "0") + variable("all", "list(string)", "[]")
    text += variable("map", "map(bool)", "{}") + variable("z", "string", "null")
    text += 'variable "no_value" {\n  type = string\n}\ndata "azurerm_client_config" "c" {}\n'
    document = checked(kvlint, {"main.tf": PROVIDER + text + vault(f"  count = {expression} ? 1 : 0")})
    assert words(document, "KV001") == [CERTAIN[expression]]


def test_no_list_has_a_length_below_zero(kvlint: Kvlint) -> None:
    text = PROVIDER + variable("all", "list(string)", "[]") + vault("  count = length(var.all) == -1 ? 1 : 0")
    (skipped,) = checked(kvlint, {"main.tf": text})["skipped"]
    assert skipped["reason"] == "`count` is 0"


def test_instances_that_a_filter_may_leave_out_are_assumed(kvlint: Kvlint) -> None:
    text = variable("vaults", "map(object({ on = optional(bool, false) }))", "{}")
    text += vault("  for_each = { for key, one in var.vaults : key => one if length(key) > 3 }")
    assert words(checked(kvlint, {"main.tf": PROVIDER + text}), "KV001") == ["if its condition holds"]


def test_an_item_of_an_object_that_is_written_is_an_input(kvlint: Kvlint) -> None:
    text = SWITCHES + "locals {\n  all = { x = var.a }\n}\n"
    text += vault("  for_each = { for key, on in local.all : key => on if on }")
    assert words(checked(kvlint, {"main.tf": PROVIDER + text}), "KV001") == ["if var.a is true"]


def test_the_work_of_a_search_has_a_limit(kvlint: Kvlint) -> None:
    lists = ", ".join(f"contains({json.dumps([f'v{one}-{item}' for item in range(24)])}, var.env)" for one in range(8))
    document = checked(kvlint, {"main.tf": PROVIDER + SWITCHES + vault(f"  count = alltrue([{lists}]) ? 1 : 0")})
    assert words(document, "KV001") == ["if its condition holds"]


def test_a_long_value_is_cut(kvlint: Kvlint) -> None:
    text = vault(f'  count = var.env == "{"z" * 200_000}" ? 1 : 0')
    document = checked(kvlint, {"main.tf": PROVIDER + SWITCHES + text}, "--select", "KV001")
    (condition,) = words(document, "KV001")
    assert len(condition) < 1_100


ASSUMED = "if its condition holds"
NOT_EXCLUDED = {
    'length(compact([var.x == null ? "a" : ""]))': ("  type    = bool\n", "if var.x is null"),
    'try(length(regexall("p", var.x)) > 0, false) ? 1 : 0': ("", ASSUMED),
    'strrev(var.x) == "dorp" ? 1 : 0': (
        '  validation {\n    condition = contains([false, lower("PROD")], var.x)\n    error_message = "No."\n  }\n',
        ASSUMED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("count", NOT_EXCLUDED)
def test_a_value_that_a_variable_accepts_is_not_excluded(kvlint: Kvlint, count: str) -> None:
    more, condition = NOT_EXCLUDED[count]
    declared = f'variable "x" {{\n{more}  default = false\n}}\n'
    document = checked(kvlint, {"main.tf": PROVIDER + declared + vault(f"  count = {count}")})
    assert words(document, "KV001") == [condition]


def plain(condition: dict[str, Any]) -> str:
    """Return a value that meets the condition of an input, as an option has it."""
    value = condition["value"]
    if condition["is"] == "not equal":
        return f"no-{value}"
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("expression", ["var.a && !var.a", "(var.a ? var.b : false) && !(var.a && var.b)"])
def test_resource_that_no_values_create_is_skipped(kvlint: Kvlint, expression: str) -> None:
    document = checked(kvlint, {"main.tf": PROVIDER + SWITCHES + vault(f"  count = {expression} ? 1 : 0")})
    assert found(document, "KV001") == []
    (skipped,) = document["skipped"]
    assert "with every value of `var.a`" in skipped["reason"]


def test_condition_includes_the_condition_of_a_referenced_resource(kvlint: Kvlint) -> None:
    text = SWITCHES + vault('  count = var.b && var.env == "prod" ? 1 : 0')
    text += secret('count = var.env != "dev" ? 1 : 0').replace("azurerm_key_vault.kv.id", "azurerm_key_vault.kv[0].id")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert words(document, "KV610") == ['if var.b is true and var.env is "prod"']


INNER = {
    'var.size == "l" ? 1 : 0': 'if var.size is "l"',
    'strrev(var.size) == "l" ? 1 : 0': "if its condition holds",
}


@pytest.mark.parametrize("count", INNER)
def test_resource_in_a_module_may_require_another_value_than_the_module(kvlint: Kvlint, count: str) -> None:
    root = variable("size", "string", '"s"') + 'module "m" {\n  source = "./m"\n  size = var.size\n'
    root += '  count = var.size == "m" || var.size == "l" ? 1 : 0\n}\n'
    module = variable("size", "string", '"s"') + vault("") + vault(f"  count = {count}").replace('" "kv"', '" "inner"')
    document = checked(kvlint, {"main.tf": PROVIDER + root, "m/main.tf": module})
    assert document["skipped"] == []
    assert sorted(words(document, "KV001")) == sorted(['if var.size is "m"', INNER[count]])


def test_resource_that_excludes_its_module_is_skipped(kvlint: Kvlint) -> None:
    root = SWITCHES + 'module "m" {\n  source = "./m"\n  count = var.a ? 1 : 0\n  on = !var.a\n}\n'
    module = variable("on", "bool", "true") + vault("  count = var.on ? 1 : 0")
    document = checked(kvlint, {"main.tf": PROVIDER + root, "m/main.tf": module})
    assert found(document, "KV001") == []
    assert len(document["skipped"]) == 1


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


def test_a_validation_of_a_module_rejects_its_arguments(kvlint: Kvlint) -> None:
    root = SWITCHES + vault("  count = var.a ? 1 : 0")
    root += 'module "m" {\n  source = "./m"\n  count = var.a ? 1 : 0\n  env = var.env\n}\n'
    module = 'variable "env" {\n  type = string\n  validation {\n    condition = contains(["prod"], var.env)\n'
    module += '    error_message = "e"\n  }\n}\n' + vault("", "inner")
    document = checked(kvlint, {"main.tf": PROVIDER + root, "m/main.tf": module})
    # Without the vault in the module, a vault of the root states the same.
    assert words(document, "KV001") == ['if var.a is true and var.env is "prod"'] * 2


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


SECRETS = (
    'variable "s" {\n  type = string\n  default = "Zq7hunterX9"\n  sensitive = true\n}\n'
    'variable "pin" {\n  type = number\n  default = 483920174\n  sensitive = true\n}\n'
    + variable("x", "string", '"a"') + variable("n", "number", "1") + variable("m", "map(bool)", "{}")
    + 'locals {\n  api_token = var.x\n}\nmodule "m" {\n  source = "./m"\n  tok    = var.x\n}\n'
)  # fmt: skip
COMPARED_WITH_SECRETS = {
    'contains([var.s, "b"], var.x)': "var.x",
    "var.x == var.s": "var.x",
    "startswith(var.x, var.s)": "var.x",
    'contains(sensitive(["Zq7hunterX9Q"]), var.x)': "var.x",
    "var.n > var.pin": "var.n",
    "lookup(var.m, var.s, false)": "var.m",
    'local.api_token == "Zq7hunterX9Q"': "var.x",
    'var.x == "ghp_16C7e42F292c6912E7710c838347Ae178B4a"': "var.x",
}  # fmt: skip


def test_value_compared_with_a_secret_is_not_in_a_condition(kvlint: Kvlint) -> None:
    compared = enumerate(COMPARED_WITH_SECRETS)
    text = "".join(vault(f"  count = {one} ? 1 : 0", f"v{number}") for number, one in compared)
    module = 'variable "tok" {\n  type = string\n  sensitive = true\n}\n'
    module += vault('  count = nonsensitive(var.tok) == "Zq7hunterX9M" ? 1 : 0')
    write({"main.tf": PROVIDER + SECRETS + text, "m/main.tf": module})
    for form in FORMATS:
        out = kvlint("in", "-f", form, "--select", "KV001").out
        assert not [one for one in ("hunter", "48392017", "ghp_") if one in out], form
    document = report(kvlint("in", "-f", "json", "--select", "KV001"))
    expected = [f"if {name} has another value" for name in (*COMPARED_WITH_SECRETS.values(), "var.x")]
    assert sorted(words(document, "KV001")) == sorted(expected)


def test_the_value_of_a_secret_is_in_no_condition(kvlint: Kvlint) -> None:
    there = 'value = "Zq7hunterX9"\n', "value = var.mode\n"
    for number, value in enumerate(there):
        text = variable("mode", "string", '""') + vault('  count = var.mode == "Zq7hunterX9" ? 1 : 0', "v")
        count = "" if number == 0 else 'count = var.mode == "Zq7hunterX9" ? 1 : 0'
        text += vault("") + secret(count).replace('value = "hunter2-hunter2"\n', value)
        write({"main.tf": PROVIDER + text})
        for options in ((), ("--select", "KV001")):
            for form in FORMATS:
                assert "hunter" not in kvlint("in", "-f", form, *options).out, (number, form, options)
            conditions = words(report(kvlint("in", "-f", "json", *options)), "KV001")
            assert set(conditions) == {None, "if var.mode has another value"}


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
    monkeypatch.setattr(KeptValues, "unchanged", lambda *_: None)
    monkeypatch.setattr(KeptParts, "unchanged", lambda *_: None)
    monkeypatch.setattr(CollectedResources, "share", lambda *_: False)
    assert checked(kvlint, files) == shared
    assert any(one["condition"] for one in shared["findings"])


def test_the_value_of_an_item_is_that_of_the_world(kvlint: Kvlint) -> None:
    text = vault("  for_each = { x = { on = var.a } }\n  rbac_authorization_enabled = each.value.on")
    text += (POLICY % "var.a ? 1 : 0").replace("azurerm_key_vault.kv.id", 'azurerm_key_vault.kv["x"].id')
    document = checked(kvlint, {"main.tf": PROVIDER + SWITCHES + text}, "--select", "KV302,KV304")
    assert [(one["ruleId"], one["condition"]) for one in document["findings"]] == [
        ("KV304", [{"input": "var.a", "is": "equal", "value": True}])
    ]


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
def test_values_of_a_condition_create_the_resource_in_bicep(kvlint: Kvlint, condition: str) -> None:
    document = checked(kvlint, {"main.bicep": BICEP % condition})
    assert words(document, "KV001") == [BICEP_CONDITIONS[condition]]
    (inputs,) = (one["condition"] for one in document["findings"] if one["ruleId"] == "KV001")
    values = {one["input"]: {"value": one["value"]} for one in inputs}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    write({"p.json": json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "parameters": values})})
    there = report(kvlint("in/main.bicep", "--parameters", "in/p.json", "-f", "json"))
    assert words(there, "KV001") == [None]
    assert results(there, "kv") == results(document, "kv")


def test_a_loop_over_numbers_states_how_many_it_requires(kvlint: Kvlint) -> None:
    loop = (
        BICEP.replace("if (%s) {", "[for i in range(0, n): {")
        .replace("rbac }\n}", "rbac }\n}]")
        .replace("kv-a'", "kv${i}'")
    )
    document = checked(kvlint, {"main.bicep": f"param n int = 0\n{loop}"})
    assert words(document, "KV001") == ["if n is 1"]


def test_policies_that_exclude_rbac_are_not_evaluated_with_it_in_bicep(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.bicep": BICEP % "true" + BICEP_POLICY}, "--select", "KV304")
    assert document["findings"] == document["unknown"] == []
    assert [one["condition"] for one in document["evaluated"]] == [None, "if rbac is false"]


def test_resource_that_no_values_create_is_skipped_in_bicep(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.bicep": BICEP % "on && rbac && !(on || env == 'prod')"})
    (skipped,) = document["skipped"]
    assert "every value of `env`, `on`, `rbac`" in skipped["reason"]


ACCEPTED = {
    "type other = 'dev' | 'test'\nparam x other | 'prod' = 'prod'\n": "x == 'test'",
    "@allowed([-1, 0])\nparam x int = 0\n": "x < 0",
    "@allowed(['dev', 'prod'])\nparam x array = []\n": "first(x) == 'prod' && length(x) == 2",
}


@pytest.mark.parametrize("declared", ACCEPTED)
def test_a_value_that_a_parameter_accepts_is_not_excluded(kvlint: Kvlint, declared: str) -> None:
    document = checked(kvlint, {"main.bicep": declared + BICEP % ACCEPTED[declared]})
    assert document["skipped"] == []
    assert len(words(document, "KV001")) == 1


def test_resource_in_a_module_may_require_another_value_than_the_module_in_bicep(kvlint: Kvlint) -> None:
    module = BICEP.replace(
        "'dev'\n", "'dev'\nresource outer 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-o'\n}\n"
    )
    root = "param size string = 's'\nmodule m 'm.bicep' = if (size == 'm' || size == 'l') {\n"
    root += "  name: 'm'\n  params: { on: size == 'l' }\n}\n"
    document = checked(kvlint, {"main.bicep": root, "m.bicep": module % "on"})
    assert sorted(words(document, "KV001")) == ['if size is "l"', 'if size is "m"']


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


def test_an_empty_secure_string_of_a_template_is_a_string(kvlint: Kvlint) -> None:
    vault = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-a", "location": "westeurope",
        "condition": "[empty(parameters('q'))]",
        "properties": {
            "tenantId": "[tenant().tenantId]", "sku": {"family": "A", "name": "standard"},
            "enablePurgeProtection": "[if(equals(parameters('q'), ''), true(), json('null'))]",
        },
    }  # fmt: skip
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "parameters": {"q": {"type": "securestring", "defaultValue": "x"}},
        "resources": [vault],
    }  # fmt: skip
    document = checked(kvlint, {"t.json": json.dumps(template)})
    assert found(document, "KV001") == []
    assert {one["condition"] is None for one in document["evaluated"]} == {False}


def test_resource_that_fails_because_of_another_input_is_not_excluded(kvlint: Kvlint) -> None:
    text = SWITCHES.replace('"b" {\n  type    = bool\n  default = false', '"b" {\n  type    = bool\n  default = true')
    text += vault("  count = var.a ? 1 : 0") + vault("  count = var.a ? 0 : 1", "other")
    text += secret("").replace("azurerm_key_vault.kv.id", 'var.b ? azurerm_key_vault.other[0].id : "x"')
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert document["skipped"] == []
    assert "azurerm_key_vault.kv" in {one["address"] for one in document["evaluated"]}


def test_parameter_file_and_switch_are_combined_in_the_condition(kvlint: Kvlint) -> None:
    parameters = "using 'main.bicep'\nparam rbac = false\nparam env = rbac ? 'dev' : 'prod'\n"
    document = checked(kvlint, {"main.bicep": BICEP % "on && env == 'prod'", "main.bicepparam": parameters})
    assert words(document, "KV001") == ["if on is true"]


@pytest.mark.slow(10)
def test_condition_that_takes_too_long_to_solve_is_assumed(kvlint: Kvlint) -> None:
    names = [f"s{number}" for number in range(200)]
    text = "".join(variable(name, "bool", "false") for name in names)
    for number in range(200):
        every = ", ".join(f"var.{name}" for name in names[: number + 1])
        text += vault(f"  count = alltrue([{every}]) ? 1 : 0", f"k{number}")
    text += vault("  count = var.s0 && false ? 1 : 0", "never")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert len(document["evaluated"]) == 200
    assert words(document, "KV001")[-1] == "if its condition holds"
    assert [one["address"] for one in document["skipped"]] == ["azurerm_key_vault.never"]


UNKNOWN = {
    "a required Boolean": ('variable "x" {\n  type = bool\n}\n', "count = var.x ? 0 : 1", "if var.x is false"),
    "a required map": ('variable "x" {\n  type = map(any)\n}\n', "for_each = var.x", "if var.x is not empty"),
    "a required string": (
        'variable "x" {\n  type = string\n}\n', 'count = var.x == "prod" ? 1 : 0', 'if var.x is "prod"'
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_resource_created_by_an_input_without_a_value_has_its_condition(kvlint: Kvlint, name: str) -> None:
    declared, count, condition = UNKNOWN[name]
    text = PROVIDER + declared + vault(f"  {count}") + vault("", "other")
    document = checked(kvlint, {"main.tf": text})
    assert set(words(document, "KV001")) == {condition, None}
    assert sorted(one["condition"] or "" for one in document["evaluated"]) == ["", condition]


def test_resource_in_a_module_with_unknown_count_has_all_its_conditions(kvlint: Kvlint) -> None:
    root = 'variable "a" {\n  type = bool\n}\nvariable "b" {\n  type = bool\n}\n'
    root += 'module "m" {\n  source = "./m"\n  count = var.a ? 1 : 0\n  on = var.b\n}\n'
    module = 'variable "on" {\n  type = bool\n}\n' + vault("") + vault("  count = var.on ? 1 : 0", "inner")
    document = checked(kvlint, {"main.tf": PROVIDER + root, "m/main.tf": module})
    assert words(document, "KV001") == ["if var.a is true", "if var.a is true and var.b is true"]


def test_vault_that_no_value_of_an_unset_input_creates_is_skipped(kvlint: Kvlint) -> None:
    text = 'variable "x" {\n  type = bool\n}\n' + vault("  count = var.x && !var.x ? 1 : 0") + vault("", "other")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert found(document, "KV001") == ["azurerm_key_vault.other"]
    assert ["every value of `var.x`" in one["reason"] for one in document["skipped"]] == [True]


def test_parameter_without_a_value_has_a_condition_in_bicep(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.bicep": (BICEP % "on && env == 'prod'").replace("on bool = false", "on bool")})
    assert words(document, "KV001") == ['if env is "prod" and on is true']
    document = checked(kvlint, {"main.bicep": (BICEP % "!on").replace("on bool = false", "on bool")})
    assert words(document, "KV001") == ["if on is false"]


LIMITS = {
    "@maxValue(5)\nparam n int = 1": ("n > 5", None),
    "@minValue(1)\n@maxValue(5)\nparam n int": ("n > 5", None),
    "@minValue(3)\nparam n int = 3": ("n > 3", "if n is 4"),
    "@maxLength(0)\nparam n array = []": ("length(n) > 0", None),
    "@minLength(4)\nparam n string = 'none'": ("n == 'all' || empty(n)", None),
    "@maxLength(4)\nparam n string = 'none'": ("n == 'all'", 'if n is "all"'),
    "@allowed(['none', 'all'])\nparam n string = 'none'": ("empty(n) || length(n) > 4", None),
    "@allowed(['none', 'every'])\nparam n string = 'none'": ("length(n) > 4", 'if n is "every"'),
}


@pytest.mark.parametrize("declared", LIMITS)
def test_no_value_is_beyond_the_limits_of_a_parameter(kvlint: Kvlint, declared: str) -> None:
    condition, expected = LIMITS[declared]
    document = checked(kvlint, {"main.bicep": f"{declared}\n{BICEP % condition}"})
    assert words(document, "KV001") == ([expected] if expected else [])
    assert len(document["skipped"]) == (expected is None)


ARGUMENTS_OF_A_MODULE = {
    "@allowed(['prod'])\nparam text string": 'if env is "prod" and on is true',
    "@maxLength(4)\nparam text string": 'if env is "prod" and on is true',
    "@minLength(5)\n@maxLength(5)\nparam text string": "if on is true",
    "@allowed(['dev', 'long!'])\nparam text string": "if on is true",
}


@pytest.mark.parametrize("declared", ARGUMENTS_OF_A_MODULE)
def test_a_parameter_of_a_module_rejects_its_argument(kvlint: Kvlint, declared: str) -> None:
    call = "module m 'm.bicep' = if (on) {\n  name: 'm'\n  params: { text: env }\n}\n"
    root = (BICEP % "on").replace("'dev'", "'long!'") + call
    document = checked(kvlint, {"main.bicep": root, "m.bicep": declared + "\noutput text string = text\n"})
    assert words(document, "KV001") == [ARGUMENTS_OF_A_MODULE[declared]]


ON = variable("a", "bool", "false") + variable("b", "bool", "false") + vault("  count = var.a ? 1 : 0\n%s")
PRECONDITION = '  lifecycle {\n    precondition {\n      condition = var.b\n      error_message = "b"\n    }\n  }'
GROUP = 'resource "azurerm_resource_group" "r" {\n  count = var.a ? (var.b ? 1 : -1) : 0\n  name  = "x"\n}\n'
LOCALS = 'locals {\n  items = var.a ? [] : ["a"]\n  first = local.items[0]\n}\n'
FAILING = {
    "a precondition": (ON % PRECONDITION, "if var.a is true and var.b is true"),
    "a number below zero": (ON % "" + GROUP, "if var.a is true and var.b is true"),
    "an item that is not there": (ON % "  tags = { a = local.first }" + LOCALS, "if its condition holds"),
    "a name that is null": (
        (ON % "").replace('"kv-existence"', "var.name") + variable("name", "string", "null"),
        "if var.a is true and var.name is not null",
    ),
    "an item in an output": (
        ON % "" + vault("  count = var.b ? 1 : 0", "o") + 'output "o" {\n  value = '
        'var.a ? azurerm_key_vault.o[0].vault_uri : ""\n}\n',
        "if var.a is true and var.b is true",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_a_plan_that_fails_rejects_a_world(kvlint: Kvlint, name: str) -> None:
    text, condition = FAILING[name]
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert condition in words(document, "KV001")
    assert document["skipped"] == []


def test_a_condition_that_is_not_solved_is_assumed_in_bicep(kvlint: Kvlint) -> None:
    text = "param text string = ''\nvar a12 = toUpper(take(text, 1)) == 'Q'\n"
    text += "".join(f"param p{n} bool = false\nvar a{n} = p{n} ? a{n + 1} : false\n" for n in range(12))
    document = checked(kvlint, {"main.bicep": text + BICEP % "a0"})
    assert words(document, "KV001") == ["if its condition holds"]
    document = checked(kvlint, {"main.bicep": text + BICEP % "on && p0 && a1" + BICEP_POLICY})
    assert words(document, "KV001") == ["if its condition holds"]


def test_a_validation_that_reads_other_inputs_proves_nothing(kvlint: Kvlint) -> None:
    rule = '!var.on || (length(var.other) > 0 && length(var.name) == 0) || (var.other == "" && length(var.name) > 0)'
    text = f"""
    variable "on" {{
      type    = bool
      default = false
      validation {{
        condition     = {rule}
        error_message = "No."
      }}
    }}
    """
    text += variable("other", "string", '""') + variable("name", "string", '""')
    kv = vault('  count = var.on && var.other == "" ? 1 : 0').replace('"kv-existence"', "var.name")
    document = checked(kvlint, {"main.tf": PROVIDER + text + kv})
    assert document["skipped"] == []
    assert found(document, "KV001") == ["azurerm_key_vault.kv[0]"]


def test_failing_expression_of_a_resource_that_may_not_exist_proves_nothing(kvlint: Kvlint) -> None:
    calls = ""
    for name, more in (("p", "settings = each.value"), ("q", "groups = {}")):
        calls += f'module "{name}" {{\n  source = "./{name}"\n  for_each = try(var.m.{name}, {{}})\n  {more}\n}}\n'
    files = {
        "main.tf": PROVIDER + 'variable "m" {\n  default = {}\n}\n' + calls,
        "p/main.tf": 'variable "settings" {}\n' + vault("  for_each = try(var.settings.vaults, {})"),
        "q/main.tf": 'variable "groups" {}\n' + vault('  purge_protection_enabled = var.groups["x"].id', "q"),
    }
    document = checked(kvlint, files, "--select", "KV001")
    assert document["skipped"] == []
    assert [one for one in found(document, "KV001") if "module.p" in one] != []


def test_unrestored_module_that_no_world_deploys_leaves_the_analysis_complete(kvlint: Kvlint) -> None:
    module = "param workspace string\nparam solutions array = []\n"
    module += (
        "module missing 'br/public:avm/res/none/none:0.1.0' = [\n  for one in solutions: if (!empty(workspace)) {\n"
    )
    files = {
        "main.bicep": "param on bool = false\n"
        f"resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = if (on) {{\n  name: 'kv-existence'\n"
        f"  location: 'westeurope'\n  {BODY}\n}}\n"
        "module a './a.bicep' = {\n  name: 'a'\n  params: { workspace: 'w' }\n}\n",
        "a.bicep": f"{module}    name: 'm'\n  }}\n]\n",
    }
    for default, condition in (("false", "if on is true"), ("true", None)):
        files["main.bicep"] = files["main.bicep"].replace("on bool = false", f"on bool = {default}")
        document = checked(kvlint, files, "--select", "KV201", "--show-unknown")
        assert document["unknown"] == document["problems"] == []
        assert words(document, "KV201") == [condition]


def test_a_secret_in_a_list_of_a_parameter_file_is_in_code(kvlint: Kvlint) -> None:
    schema = SCHEMA.replace("deploymentTemplate", "deploymentParameters")
    parameters = {
        "$schema": schema,
        "parameters": {"entries": {"value": [{"name": "db", "value": "hunter2-hunter2"}]}},
    }
    template = {
        "$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": {"entries": {"type": "array"}},
        "resources": [{
            "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01",
            "name": "[concat('kv-existence/', parameters('entries')[copyIndex()].name)]",
            "copy": {"name": "each", "count": "[length(parameters('entries'))]"},
            "properties": {"value": "[parameters('entries')[copyIndex()].value]"},
        }],
    }  # fmt: skip
    secrets = "resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = [for one in entries: {\n"
    secrets += "  name: 'kv-existence/${one.name}'\n  properties: { value: one.value }\n}]\n"
    for name, text in (("main.json", json.dumps(template)), ("main.bicep", f"param entries array\n{secrets}")):
        document = checked(
            kvlint,
            {name: text, "main.parameters.json": json.dumps(parameters)},
            "--select", "KV610,KV611", "--show-unknown",
        )  # fmt: skip
        assert document["unknown"] == []
        assert {one["ruleId"] for one in document["findings"]} == {"KV610"}
        Path("in", name).unlink()
