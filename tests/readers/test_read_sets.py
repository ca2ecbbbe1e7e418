"""The exact inputs that attributes, and the existence of resources, read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from azkvlint.evaluation.reads import ReadRecorder
from tests.readinputs.law import ARM, BICEP, HCL, HCL_JSON, Unit, read, write

PURGE, DAYS, NAME, TAGS = "properties.enablePurgeProtection", "properties.softDeleteRetentionInDays", "name", "tags"
ACTION, RULES = "properties.networkAcls.defaultAction", "properties.networkAcls.ipRules"
EXISTS = "exists"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
# What each attribute of a resource reads, by its address. EXISTS is the existence of the resource.
Expected = Mapping[str, Mapping[str, set[str]]]


def read_sets(language: str, folder: Path, files: Mapping[str, str], expected: Expected) -> Expected:
    """Return the read sets of the attributes in ``expected``."""
    main = "main.bicep" if language == BICEP else "main.json"
    write(folder, files)
    recorder = ReadRecorder()
    read(Unit(language, folder, files.get(main, ""), []), {}, recorder)
    result: dict[str, dict[str, set[str]]] = {}
    for address, paths in expected.items():
        reads = recorder.resources[address]
        sets = {path: reads.existence if path == EXISTS else reads.of(tuple(path.split("."))) for path in paths}
        result[address] = {path: set(inputs) for path, inputs in sets.items()}
    return result


V = "azurerm_key_vault.v"
D = "azurerm_resource_group_template_deployment.d/Microsoft.KeyVault/vaults/{var.a}"
RESOURCES = (
    'resources = [{ type = "Microsoft.KeyVault/vaults", apiVersion = "2023-07-01", name = "[parameters(\'n\')]", '
    "properties = { enablePurgeProtection = var.b } }]"
)
TERRAFORM: Mapping[str, tuple[Mapping[str, str], Expected]] = {
    "a variable, also one with a default": (
        {"main.tf": 'variable "a" { default = "x" }\nvariable "b" {}\nresource "azurerm_key_vault" "v" {\n'
         "name = var.a\npurge_protection_enabled = var.b\nsoft_delete_retention_days = 7\n}"},
        {V: {NAME: {"var.a"}, PURGE: {"var.b"}, DAYS: set(), EXISTS: set()}},
    ),
    "a local value that refers to another one": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nlocals {\nx = "${local.y}-${var.a}"\ny = var.b\n}\n'
         'resource "azurerm_key_vault" "v" { name = local.x }'},
        {V: {NAME: {"var.a", "var.b"}}},
    ),
    "one member of an object": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nlocals {\nkv = { name = var.a, in = { purge = var.b } }\n}\n'
         'resource "azurerm_key_vault" "v" {\nname = local.kv.name\npurge_protection_enabled = local.kv.in.purge\n}'},
        {V: {NAME: {"var.a"}, PURGE: {"var.b"}}},
    ),
    "all of an object that a function changes": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nlocals {\nkv = zipmap(["name", "purge"], [var.a, var.b])\n}\n'
         'resource "azurerm_key_vault" "v" {\nname = local.kv.name\npurge_protection_enabled = local.kv.purge\n}'},
        {V: {NAME: {"var.a", "var.b"}, PURGE: {"var.a", "var.b"}}},
    ),
    "a member of an object that is merged from others": (
        {"main.tf": 'variable "on" { default = true }\nvariable "a" {}\nvariable "b" {}\nvariable "c" {}\nlocals {\n'
         'kv = merge({ name = var.c, n = var.a }, var.on ? { purge = var.b } : null, { name = var.a })\n}\n'
         'resource "azurerm_key_vault" "v" {\nname = local.kv.name\npurge_protection_enabled = local.kv.purge\n}'},
        {V: {NAME: {"var.a", "var.c", "var.on"}, PURGE: {"var.b", "var.on"}}},
    ),
    "the object that a condition selects": (
        {"main.tf": 'variable "on" {}\nvariable "a" {}\nvariable "b" {}\nlocals {\n'
         'kv = var.on ? { n = var.a } : { n = var.b }\n}\nresource "azurerm_key_vault" "v" { name = local.kv.n }'},
        {V: {NAME: {"var.on", "var.a", "var.b"}}},
    ),
    "a condition that decides, and the branch that is not taken": (
        {"main.tf": 'variable "on" { default = true }\nvariable "a" {}\nvariable "b" {}\n'
         'resource "azurerm_key_vault" "v" {\n'
         "purge_protection_enabled = var.on && var.a\nsoft_delete_retention_days = var.on || var.b ? 7 : 90\n}"},
        {V: {PURGE: {"var.on", "var.a"}, DAYS: {"var.on"}}},
    ),
    "count": (
        {"main.tf": 'variable "n" { default = 1 }\nvariable "a" {}\nresource "azurerm_key_vault" "v" {\ncount = var.n\n'
         'name = "kv-${count.index}"\npurge_protection_enabled = var.a\n}'},
        {f"{V}[0]": {EXISTS: {"var.n"}, NAME: {"var.n"}, PURGE: {"var.a"}}},
    ),
    "for_each over an object that is written out": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nresource "azurerm_key_vault" "v" {\n'
         "for_each = { x = { p = var.a, d = 7 }, y = { p = false, d = var.b } }\nname = each.key\n"
         "purge_protection_enabled = each.value.p\nsoft_delete_retention_days = each.value.d\n}"},
        {f'{V}["x"]': {EXISTS: set(), NAME: set(), PURGE: {"var.a"}, DAYS: set()},
         f'{V}["y"]': {EXISTS: set(), NAME: set(), PURGE: set(), DAYS: {"var.b"}}},
    ),
    "for_each over a variable": (
        {"main.tf": 'variable "m" { default = { x = { p = true } } }\nresource "azurerm_key_vault" "v" {\n'
         "for_each = var.m\nname = each.key\npurge_protection_enabled = each.value.p\n"
         "soft_delete_retention_days = 7\n}"},
        {f'{V}["x"]': {EXISTS: {"var.m"}, NAME: {"var.m"}, PURGE: {"var.m"}, DAYS: set()}},
    ),
    "arguments of modules, defaults of their variables, and what surrounds them": (
        {"main.tf": 'variable "on" { default = true }\nvariable "a" {}\nvariable "b" {}\nmodule "m" {\nsource = "./m"\n'
         "count = var.on ? 1 : 0\nkv = { name = var.a, p = var.b }\n}",
         "m/main.tf": 'variable "kv" { type = object({ name = string, p = bool, d = optional(number, 7) }) }\n'
         'variable "rbac" { default = true }\nresource "azurerm_key_vault" "v" {\nname = var.kv.name\n'
         "purge_protection_enabled = var.kv.p\nsoft_delete_retention_days = var.kv.d\n"
         "rbac_authorization_enabled = var.rbac\n}"},
        {f"module.m[0].{V}": {EXISTS: {"var.on"}, NAME: {"var.a"}, PURGE: {"var.b"}, DAYS: set(),
                              "properties.enableRbacAuthorization": set()}},
    ),
    "an output of a module": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nmodule "m" {\nsource = "./m"\na = var.a\nb = var.b\n}\n'
         'resource "azurerm_key_vault" "v" {\nname = module.m.a\npurge_protection_enabled = module.m.both.b\n}',
         "m/main.tf": 'variable "a" {}\nvariable "b" {}\noutput "a" { value = var.a }\n'
         'output "both" { value = { a = var.a, b = var.b } }'},
        {V: {NAME: {"var.a"}, PURGE: {"var.b"}}},
    ),
    "blocks, dynamic blocks and terraform.workspace": (
        {"main.tf": 'variable "on" { default = ["Deny"] }\nvariable "ips" {}\nresource "azurerm_key_vault" "v" {\n'
         'tags = { w = terraform.workspace }\ndynamic "network_acls" {\nfor_each = var.on\n'
         "content {\ndefault_action = network_acls.value\nip_rules = var.ips\n}\n}\n}"},
        {V: {ACTION: {"var.on"}, RULES: {"var.on", "var.ips"}, TAGS: {"terraform.workspace"}}},
    ),
    "an attribute of another resource": (
        {"main.tf": 'variable "a" {}\nvariable "n" { default = 1 }\nresource "azurerm_key_vault" "v" {\ncount = var.n\n'
         'name = var.a\n}\nresource "azurerm_key_vault" "w" { name = azurerm_key_vault.v[0].name }'},
        {"azurerm_key_vault.w": {NAME: {"var.a", "var.n"}, EXISTS: set()}},
    ),
    "an output that needs one of two arguments": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nmodule "m" {\nsource = "./m"\na = var.a\nb = var.b\n}\n'
         'resource "azurerm_key_vault" "v" { name = module.m.a }',
         "m/main.tf": 'variable "a" {}\nvariable "b" {}\noutput "a" { value = var.a }'},
        {V: {NAME: {"var.a"}, EXISTS: set()}},
    ),
    "the source of a module": (
        {"main.tf": 'variable "dir" { default = "m" }\nvariable "a" {}\n'
         'module "m" {\nsource = "./${var.dir}"\na = var.a\n}\n'
         'resource "azurerm_key_vault" "w" { name = module.m.a }',
         "m/main.tf": 'variable "a" {}\nresource "azurerm_key_vault" "v" { name = var.a }\noutput "a" { value = 1 }'},
        {f"module.m.{V}": {EXISTS: {"var.dir"}, NAME: {"var.a", "var.dir"}, DAYS: {"var.dir"}},
         "azurerm_key_vault.w": {NAME: {"var.dir"}}},
    ),
    "a value that refers to itself": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nlocals {\nx = local.y\ny = local.x\n}\n'
         'resource "azurerm_key_vault" "v" { name = local.x }'},
        {V: {NAME: {"var.a", "var.b", "terraform.workspace"}}},
    ),
    "a template in a resource, and its parameters": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nresource "azurerm_resource_group_template_deployment" "d" {\n'
         "parameters_content = jsonencode({ n = { value = var.a } })\n"
         f'template_content = jsonencode({{ parameters = {{ n = {{ type = "string" }} }}, {RESOURCES} }})\n}}'},
        {D: {NAME: {"var.a", "var.b"}, PURGE: {"var.a", "var.b"}, EXISTS: {"var.a", "var.b"}}},
    ),
    "an update of a resource": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nresource "azurerm_key_vault" "v" { name = var.a }\n'
         'resource "azapi_update_resource" "u" {\ntype = "Microsoft.KeyVault/vaults@2023-07-01"\n'
         "resource_id = azurerm_key_vault.v.id\nbody = { properties = { enablePurgeProtection = var.b } }\n}"},
        {V: {PURGE: {"var.a", "var.b"}, EXISTS: set()}},
    ),
    "a body": (
        {"main.tf": 'variable "a" {}\nvariable "b" {}\nresource "azapi_resource" "v" {\n'
         'type = "Microsoft.KeyVault/vaults@2023-07-01"\nname = var.a\nbody = { properties = { '
         "enablePurgeProtection = var.b, softDeleteRetentionInDays = 7 } }\n}"},
        {"azapi_resource.v": {NAME: {"var.a"}, PURGE: {"var.b"}, DAYS: set()}},
    ),
}  # fmt: skip
VAULT = "resource v 'Microsoft.KeyVault/vaults@2023-07-01' = "
BODY = "{{\n  name: {}\n  properties: {{\n    enablePurgeProtection: {}\n    softDeleteRetentionInDays: {}\n  }}\n}}"
INDEXED = "'kv${i}'"
BICEP_FILES: Mapping[str, tuple[Mapping[str, str], Expected]] = {
    "a parameter, and a default that reads another one": (
        {"main.bicep": f"param a string\nparam b string = '${{a}}-b'\nparam c bool\n{VAULT}{BODY.format('b', 'c', 7)}"},
        {"v": {NAME: {"a", "b"}, PURGE: {"c"}, DAYS: set(), EXISTS: set()}},
    ),
    "a variable, and one member of it": (
        {"main.bicep": "param a string\nparam b bool\nvar kv = { name: a, in: { purge: b } }\n"
         f"{VAULT}{BODY.format('kv.name', 'kv.in.purge', 7)}"},
        {"v": {NAME: {"a"}, PURGE: {"b"}}},
    ),
    "a condition and a function": (
        {"main.bicep": "param on bool\nparam a string\nparam b bool\nfunc f(x string) string => '${x}-x'\n"
         f"{VAULT}if (on) {BODY.format('f(a)', '!b', 7)}"},
        {"v": {EXISTS: {"on"}, NAME: {"a"}, PURGE: {"b"}}},
    ),
    "a loop": (
        {"main.bicep": "param n int = 1\nparam b bool\n"
         f"{VAULT}[for i in range(0, n): {BODY.format(INDEXED, 'b', 7)}]"},
        {"v[0]": {EXISTS: {"n"}, NAME: {"n"}, PURGE: {"b"}, DAYS: set()}},
    ),
    "modules": (
        {"main.bicep": "param on bool\nparam a string\nparam b bool\nmodule m 'm.bicep' = if (on) {\n  name: 'm'\n"
         "  params: { kv: { name: a, purge: b } }\n}",
         "m.bicep": f"param kv object\nparam d int = 7\n{VAULT}{BODY.format('kv.name', 'kv.purge', 'd')}"},
        {"m.v": {EXISTS: {"on"}, NAME: {"a"}, PURGE: {"b"}, DAYS: set()}},
    ),
    "an output": (
        {"main.bicep": "param a string\nparam b bool\n"
         "module m 'm.bicep' = {\n  name: 'm'\n  params: { a: a, b: b }\n}\n"
         f"{VAULT}{BODY.format('m.outputs.a', 'm.outputs.both.b', 7)}",
         "m.bicep": "param a string\nparam b bool\noutput a string = a\noutput both object = { a: a, b: b }"},
        {"v": {NAME: {"a"}, PURGE: {"b"}}},
    ),
    "an output, and the name of its module": (
        {"main.bicep": "param a string\nparam n string\nmodule m 'm.bicep' = {\n  name: n\n  params: { a: a }\n}\n"
         f"{VAULT}{BODY.format('m.outputs.a', 'true', 7)}",
         "m.bicep": "param a string\noutput a string = a"},
        {"v": {NAME: {"a"}, PURGE: set()}},
    ),
    "a template as a module": (
        {"main.bicep": "param on bool\nparam a string\nparam b bool\nmodule m 'm.json' = if (on) {\n  name: 'm'\n"
         "  params: { a: a, b: b }\n}",
         "m.json": json.dumps({
             "$schema": SCHEMA, "contentVersion": "1.0.0.0", "languageVersion": "2.0",
             "parameters": {"a": {"type": "string"}, "b": {"type": "bool"}},
             "resources": {"v": {
                 "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "[parameters('a')]",
                 "properties": {"enablePurgeProtection": "[parameters('b')]"}}}})},
        {"m.v": {EXISTS: {"on"}, NAME: {"a"}, PURGE: {"b"}}},
    ),
    "the scope of a module": (
        {"main.bicep": "param g string\nparam a string\nmodule m 'm.bicep' = {\n  name: 'm'\n"
         "  scope: resourceGroup(g)\n  params: { a: a }\n}",
         "m.bicep": f"param a string\n{VAULT}{BODY.format('a', 'true', 7)}"},
        {"m.v": {EXISTS: set(), NAME: {"a", "g"}, "id": {"a", "g"}, PURGE: set()}},
    ),
}  # fmt: skip


def vault(name: str, purge: Any, days: Any = 7, **more: Any) -> dict[str, Any]:
    """Return a key vault of a template."""
    properties = {"enablePurgeProtection": purge, "softDeleteRetentionInDays": days}
    head = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": name}
    return head | {"properties": properties} | more


def template(resources: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a template; parameters have a type, or a type and a default."""
    declared = {
        name: {"type": one} if isinstance(one, str) else {"type": one[0], "defaultValue": one[1]}
        for name, one in (parameters or {}).items()
    }
    head = {"$schema": SCHEMA, "languageVersion": "2.0", "contentVersion": "1.0.0.0", "parameters": declared}
    return {**head, **more, "resources": dict(resources)}


def nested(scope: str, inner: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Return a nested deployment with arguments."""
    given = {name: {"value": value} for name, value in (parameters or {}).items()}
    properties = {"mode": "Incremental", "template": inner, "parameters": given}
    properties["expressionEvaluationOptions"] = {"scope": scope}
    head = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "d"}
    return head | {"properties": properties} | more


A, B, ON, N = "[parameters('a')]", "[parameters('b')]", "[parameters('on')]", "[parameters('n')]"
OUT = {"both": {"type": "object", "value": {"a": A, "b": B}}}
LINKED = nested("inner", {}, {"b": B}) | {"name": "d"}
LINKED["properties"] = {"templateLink": {"relativePath": "[parameters('f')]"}, "parameters": {"b": {"value": B}}}
TEMPLATES: Mapping[str, tuple[Mapping[str, Any], Expected]] = {
    "a parameter, and a default that reads another one": (
        template({"v": vault(B, "[parameters('c')]")},
                 {"a": "string", "b": ("string", "[concat(parameters('a'), '-b')]"), "c": "bool"}),
        {"v": {NAME: {"a", "b"}, PURGE: {"c"}, DAYS: set(), EXISTS: set()}},
    ),
    "a variable, and one member of it": (
        template({"v": vault("[variables('kv').name]", "[variables('kv').in.purge]")}, {"a": "string", "b": "bool"},
                 variables={"kv": {"name": A, "in": {"purge": B}}}),
        {"v": {NAME: {"a"}, PURGE: {"b"}}},
    ),
    "a condition": (
        template({"v": vault("kv", B, condition=ON)}, {"on": "bool", "b": "bool"}),
        {"v": {EXISTS: {"on"}, NAME: set(), PURGE: {"b"}}},
    ),
    "a loop of a resource": (
        template({"v": vault("[concat('kv', copyIndex())]", B, copy={"name": "v", "count": N})},
                 {"n": ("int", 1), "b": "bool"}),
        {"v[0]": {EXISTS: {"n"}, NAME: {"n"}, PURGE: {"b"}, DAYS: set()}},
    ),
    "a loop of a property": (
        template({"v": vault("kv", True) | {"properties": {"networkAcls": {"defaultAction": A, "copy": [
            {"name": "ipRules", "count": N, "input": {"value": B}}]}}}},
            {"a": "string", "b": "string", "n": ("int", 1)}),
        {"v": {"properties.networkAcls": {"a", "b", "n"}, PURGE: set()}},
    ),
    "a function of the template": (
        template({"v": vault("[own.f(parameters('a'))]", True)}, {"a": "string", "b": "string"}, functions=[
            {"namespace": "own", "members": {"f": {
                "parameters": [{"name": "x", "type": "string"}],
                "output": {"type": "string", "value": "[concat(parameters('x'), 'x')]"}}}}]),
        {"v": {NAME: {"a"}}},
    ),
    "a nested deployment of inner scope": (
        template({"d": nested("inner", template(
            {"v": vault("[parameters('kv').name]", "[parameters('kv').purge]", "[parameters('d')]")},
            {"kv": "object", "d": ("int", 7)}), {"kv": {"name": A, "purge": B}}, condition=ON)},
            {"a": "string", "b": "bool", "on": "bool"}),
        {"d.v": {EXISTS: {"on"}, NAME: {"a"}, PURGE: {"b"}, DAYS: set()}},
    ),
    "a nested deployment of outer scope in a loop": (
        template({"d": nested("outer", template({"v": vault("[concat('kv', copyIndex())]", B)}),
                              copy={"name": "d", "count": N}) | {"name": "[concat('d', copyIndex())]"}},
                 {"n": ("int", 1), "b": "bool"}),
        {"d[0].v": {EXISTS: {"n"}, NAME: {"n"}, PURGE: {"b"}}},
    ),
    "the name of a nested deployment": (
        template({"d": nested("inner", template({"v": vault("kv", B)}, {"b": "bool"}), {"b": B}) | {"name": A},
                  "w": vault("[reference('d').outputs.o.value]", True)}, {"a": "string", "b": "bool"}),
        {"d.v": {EXISTS: set(), NAME: set(), PURGE: {"b"}}},
    ),
    "an output of a nested deployment": (
        template({"d": nested("inner", template({}, {"a": "string", "b": "bool"}, outputs=OUT), {"a": A, "b": B}),
                  "v": vault("kv", "[reference('d').outputs.both.value.b]")}, {"a": "string", "b": "bool"}),
        {"v": {NAME: set(), PURGE: {"a", "b"}}},
    ),
}  # fmt: skip


def test_the_link_of_a_template_is_read_by_all_in_it(tmp_path: Path) -> None:
    write(tmp_path, {"inner.json": json.dumps(template({"v": vault("kv", B)}, {"b": "bool"}))})
    plain = template({"d": LINKED}, {"f": ("string", "inner.json"), "b": "bool"})
    expected = {"d.v": {EXISTS: {"f"}, NAME: {"f"}, PURGE: {"f", "b"}}}
    assert read_sets(ARM, tmp_path, {"main.json": json.dumps(plain)}, expected) == expected


@pytest.mark.parametrize("case", TERRAFORM)
def test_attributes_of_terraform_have_their_read_sets(case: str, tmp_path: Path) -> None:
    files, expected = TERRAFORM[case]
    root = {"root.tf": 'terraform {\n  backend "local" {}\n}\n'}  # not a module, whose callers pass other values
    assert read_sets(HCL, tmp_path, {**root, **files}, expected) == expected


@pytest.mark.parametrize("case", BICEP_FILES)
def test_attributes_of_bicep_have_their_read_sets(case: str, tmp_path: Path) -> None:
    files, expected = BICEP_FILES[case]
    assert read_sets(BICEP, tmp_path, files, expected) == expected


@pytest.mark.parametrize("case", TEMPLATES)
def test_attributes_of_templates_have_their_read_sets(case: str, tmp_path: Path) -> None:
    plain, expected = TEMPLATES[case]
    assert read_sets(ARM, tmp_path, {"main.json": json.dumps(plain)}, expected) == expected


def test_attributes_of_json_terraform_have_their_read_sets(tmp_path: Path) -> None:
    declared = {"a": {}, "b": {"default": True}}
    vault_in_json = {"name": "${var.a}", "purge_protection_enabled": "${local.kv.purge}"}
    plain = {
        "variable": declared, "locals": {"kv": {"purge": "${var.b}", "name": "${var.a}"}},
        "resource": {"azurerm_key_vault": {"v": vault_in_json}},
    }  # fmt: skip
    expected = {V: {NAME: {"var.a"}, PURGE: {"var.b"}, EXISTS: set[str]()}}
    assert read_sets(HCL_JSON, tmp_path, {"main.tf.json": json.dumps(plain)}, expected) == expected
