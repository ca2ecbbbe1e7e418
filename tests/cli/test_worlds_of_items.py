"""What a member of an item of a free list or map decides is evaluated with such an item, and every report states it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_existence import BODY, PROVIDER, SCHEMA, checked, vault, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = "'Microsoft.KeyVault/vaults@2023-07-01'"
BICEP = """param apps array = []
module app './app.bicep' = [for (one, i) in apps: {
  name: 'app${i}'
  params: { name: one.name, group: one.?dns.?group ?? '', policies: one.?policies }
}]
"""
APP = f"""param name string
param group string = ''
param policies array?
resource kv {VAULT} = if (!empty(group)) {{
  name: name
  location: 'westeurope'
  {BODY}
}}
resource other {VAULT} = [for policy in (policies ?? []): if (policy.?sku == 'premium') {{
  name: policy.name
  location: 'westeurope'
  {BODY}
}}]
"""
DNS = "if apps has an item in which dns.group is not empty"
POLICY = 'if apps has an item in which policies has an item in which sku is "premium"'


def template(resources: list[Any], **parameters: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": resources}


def vault_of(name: str, **more: Any) -> dict[str, Any]:
    properties = {"sku": {"family": "A", "name": "standard"}, "tenantId": "[tenant().tenantId]"}
    return {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": name, "location": "westeurope",
        "properties": properties, **more,
    }  # fmt: skip


def arm() -> dict[str, Any]:
    """Return the template of the same deployment as in Bicep."""
    of_app = "coalesce(parameters('apps'), createArray())[copyIndex()]"
    policy = "coalesce(parameters('policies'), createArray())[copyIndex()]"
    inner = template(
        [
            vault_of("[parameters('name')]", condition="[not(empty(parameters('group')))]"),
            vault_of(
                f"[{policy}.name]",
                copy={"name": "others", "count": "[length(coalesce(parameters('policies'), createArray()))]"},
                condition=f"[equals(tryGet({policy}, 'sku'), 'premium')]",
            ),
        ],
        name={"type": "string"}, group={"type": "string", "defaultValue": ""},
        policies={"type": "array", "nullable": True},
    )  # fmt: skip
    arguments = {
        "name": {"value": f"[{of_app}.name]"},
        "group": {"value": f"[coalesce(tryGet({of_app}, 'dns', 'group'), '')]"},
        "policies": {"value": f"[tryGet({of_app}, 'policies')]"},
    }
    module = {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01",
        "name": "[format('app{0}', copyIndex())]",
        "copy": {"name": "app", "count": "[length(coalesce(parameters('apps'), createArray()))]"},
        "properties": {
            "mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}, "parameters": arguments,
            "template": inner,
        },
    }  # fmt: skip
    return template([module], apps={"type": "array", "nullable": True})


@pytest.mark.parametrize(
    "files", [{"main.bicep": BICEP, "app.bicep": APP}, {"main.json": json.dumps(arm())}], ids=["bicep", "arm"]
)
def test_condition_states_the_members_of_an_item(kvlint: Kvlint, files: dict[str, str]) -> None:
    document = checked(kvlint, files, "--select", "KV001")
    assert set(words(document, "KV001")) == {DNS, POLICY}
    stated = {json.dumps(one["condition"]) for one in document["findings"]}
    assert stated == {
        json.dumps([{"input": "apps.*.dns.group", "is": "not empty", "value": None}]),
        json.dumps([{"input": "apps.*.policies.*.sku", "is": "equal", "value": "premium"}]),
    }
    first: list[dict[str, Any]] = [
        {"name": "kv-first", "dns": {"group": "g"}},
        {"name": "kv-second", "policies": [{"name": "kv-third"}]},
    ]
    assert given(kvlint, next(iter(files)), first) == 1
    first[1]["policies"] = [{"name": "kv-third", "sku": "premium"}, {"name": "kv-fourth"}]
    assert given(kvlint, next(iter(files)), first) == 2


def given(kvlint: Kvlint, root: str, apps: list[dict[str, Any]]) -> int:
    """Return the number of vaults that a root deploys with some apps."""
    name = f"{Path(root).stem}.parameters.json"
    schema = SCHEMA.replace("deploymentTemplate", "deploymentParameters")
    text = json.dumps({"$schema": schema, "parameters": {"apps": {"value": apps}}})
    document = checked(kvlint, {name: text}, "--select", "KV001")
    Path("in", name).unlink()
    assert set(words(document, "KV001")) <= {None}
    return sum(len(one["occurrences"]) for one in document["findings"])


def test_a_condition_states_all_that_one_item_has(kvlint: Kvlint) -> None:
    text = f"param on bool = false\nparam apps array\nresource kv {VAULT} = [for one in apps: "
    text += f"if (on && one.kind == 'vault' && length(one.name) == 8) {{\n  name: one.name\n  {BODY}\n}}]\n"
    document = checked(kvlint, {"main.bicep": text}, "--select", "KV001")
    assert words(document, "KV001") == [
        'if on is true and apps has an item in which kind is "vault" and the length of name is 8'
    ]


def test_a_secret_of_an_item_is_in_no_report(kvlint: Kvlint) -> None:
    text = "type app = {\n  name: string\n  @secure()\n  token: string?\n  zone: string?\n}\nparam apps app[] = []\n"
    text += f"resource kv {VAULT} = [for one in apps: if (!empty(one.?zone)) {{\n  name: one.name\n  location: 'l'\n"
    text += f"  tags: {{ t: one.token }}\n  {BODY}\n}}]\n"
    document = checked(kvlint, {"main.bicep": text}, "--select", "KV001,KV622,KV614", "--show-unknown")
    assert set(words(document, "KV001")) == {"if apps has an item in which zone is not empty"}


def test_condition_with_contradictory_members_of_an_item_is_assumed(kvlint: Kvlint) -> None:
    text = f"param apps array = []\nresource kv {VAULT} = [for one in apps: "
    text += f"if (one.kind == 'a' && one.kind == 'b') {{\n  name: 'kv-existence'\n  location: 'l'\n  {BODY}\n}}]\n"
    write({"main.bicep": text})
    document = json.loads(kvlint("in", "-f", "json", "--select", "KV001").out)
    assert set(words(document, "KV001")) == {"if its condition holds"}


TERRAFORM = """
variable "apps" {
  type    = map(object({ name = string, on = optional(bool, false), kv = optional(object({ sku = string })) }))
  default = {}
}
module "app" {
  source   = "./app"
  for_each = var.apps
  app      = each.value
}
"""
MODULE = 'variable "app" {}\n'


@pytest.mark.parametrize(
    ("amount", "condition"),
    [
        ("  count = var.app.on ? 1 : 0", "on is true"),
        ('  count = try(var.app.kv.sku, "") == "premium" ? 1 : 0', 'kv.sku is "premium"'),
        ('  count = lookup(var.app, "kv", null) == null ? 0 : 1', "kv is not null"),
    ],
)
def test_an_item_of_a_map_decides_in_a_module(kvlint: Kvlint, amount: str, condition: str) -> None:
    files = {"main.tf": PROVIDER + TERRAFORM, "app/main.tf": MODULE + vault(amount)}
    document = checked(kvlint, files, "--select", "KV001,KV010")
    assert [one["ruleId"] for one in document["findings"]] == ["KV001"]
    assert words(document, "KV001") == [f"if var.apps has an item in which {condition}"]


def test_an_item_that_a_loop_selects_decides(kvlint: Kvlint) -> None:
    text = TERRAFORM.partition("module")[0]
    text += vault("  for_each = { for key, one in var.apps : key => one if one.on }").replace(
        '"kv-existence"', "each.value.name"
    )
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001,KV010")
    assert [one["ruleId"] for one in document["findings"]] == ["KV001"]
    assert words(document, "KV001") == ["if var.apps has an item in which on is true"]
    write({"terraform.tfvars": 'apps = { a = { name = "kv-first" }, b = { name = "kv-second", on = true } }\n'})
    document = json.loads(kvlint("in", "-f", "json", "--select", "KV001").out)
    assert [(one["resource"], one["condition"]) for one in document["findings"]] == [
        ('azurerm_key_vault.kv["b"]', None)
    ]


def test_a_selected_item_does_not_exclude_others(kvlint: Kvlint) -> None:
    text = TERRAFORM.partition("module")[0]
    text += vault("  for_each = { for key, one in var.apps : key => one if one.on }", "kv")
    text += vault("  for_each = { for key, one in var.apps : key => one if !one.on }", "other")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert {(one["resource"], one["condition"]) for one in found_vaults(document)} == {
        ("azurerm_key_vault.kv[*]", "if var.apps has an item in which on is true"),
        ("azurerm_key_vault.other[*]", "if var.apps has an item in which on is false"),
    }


def found_vaults(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [member for one in document["findings"] for member in one["occurrences"]]


ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
KINDS = (
    'variable "apps" {\n  type    = map(object({ kind = string, role = optional(bool, false) }))\n  default = {}\n}\n'
)
ROLE = (
    'resource "azurerm_role_assignment" "r" {{\n  for_each = {{ for key, one in var.apps : key => one if {0} }}\n'
    "  scope = azurerm_key_vault.kv[{1}].id\n"
    '  role_definition_name = "Key Vault Administrator"\n  principal_id = "11111111-1111-4111-8111-111111111111"\n}}\n'
)


def of_role_assignments(document: dict[str, Any]) -> set[str]:
    """Return the conditions of all results for role assignments."""
    members = [one for name in ("findings", "unknown") for every in document[name] for one in every["occurrences"]]
    return {one["condition"] for one in members if one["type"].endswith("roleAssignments")}


def role_assignments(kvlint: Kvlint, amount: str, condition: str, key: str) -> set[str]:
    """Return the conditions of the results for a role assignment on a vault that has a condition too."""
    text = PROVIDER + KINDS + vault(f"  {amount}") + ROLE.format(condition, key)
    document = checked(kvlint, {"main.tf": text}, "--profile", "all", "--show-unknown")
    return of_role_assignments(document)


@pytest.mark.parametrize(
    ("amount", "key"),
    [
        ('for_each = { for key, one in var.apps : key => one if one.kind == "vault" }', "each.key"),
        ('count = length([for one in var.apps : one if one.kind == "vault"]) > 0 ? 1 : 0', "0"),
    ],
)
def test_condition_includes_the_requirements_of_the_scope_of_an_item(kvlint: Kvlint, amount: str, key: str) -> None:
    found = role_assignments(kvlint, amount, "one.role", key)
    assert found == {'if var.apps has an item in which kind is "vault" and role is true'}


def test_no_condition_is_stated_if_one_item_does_not_suffice(kvlint: Kvlint) -> None:
    amount = 'count = length([for one in var.apps : one if one.kind == "vault"]) > 0 ? 1 : 0'
    assert role_assignments(kvlint, amount, 'one.kind == "role"', "0") == {"if its condition holds"}


def test_reference_with_a_fallback_adds_no_condition(kvlint: Kvlint) -> None:
    amount = 'count = length([for one in var.apps : one if one.kind == "vault"]) > 0 ? 1 : 0'
    text = ROLE.replace("azurerm_key_vault.kv[{1}].id", "try(azurerm_key_vault.kv[0].id, data.azurerm_key_vault.k.id)")
    text = PROVIDER + KINDS + vault(f"  {amount}") + text.format("one.role")
    text += 'data "azurerm_key_vault" "k" {\n  name = "kv-existence"\n  resource_group_name = "rg"\n}\n'
    document = checked(kvlint, {"main.tf": text}, "--profile", "all", "--show-unknown")
    assert of_role_assignments(document) == {"if var.apps has an item in which role is true"}


@pytest.mark.parametrize(
    ("condition", "stated"),
    [
        ("one.role", 'if apps has an item in which kind is "vault" and role is true'),
        # It may be deployed to a vault that exists already.
        ("one.kind == 'role'", 'if apps has an item in which kind is "role"'),
    ],
)
def test_condition_includes_the_requirements_of_the_scope_of_an_item_in_bicep(
    kvlint: Kvlint, condition: str, stated: str
) -> None:
    text = "type app = {\n  name: string\n  kind: string\n  role: bool\n}\nparam apps app[] = []\n"
    text += f"resource kv {VAULT} = [for one in apps: if (one.kind == 'vault') {{\n  name: one.name\n  location: 'l'\n"
    text += (
        f"  {BODY}\n}}]\nresource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (one, i) in apps: "
    )
    text += f"if ({condition}) {{\n  scope: kv[i]\n  name: guid('a')\n  properties: {{\n"
    text += (
        f"    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{ADMINISTRATOR}')\n"
    )
    text += "    principalId: '11111111-1111-4111-8111-111111111111'\n  }\n}]\n"
    document = checked(kvlint, {"main.bicep": text}, "--profile", "all", "--show-unknown")
    assert of_role_assignments(document) == {stated}
    assert ("KV305" in {one["ruleId"] for one in document["findings"]}) is (condition == "one.role")
