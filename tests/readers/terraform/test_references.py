"""What names what: within a module, across modules, and by texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge

KV = "azurerm_key_vault.kv"
ID = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults"
WORKSPACE = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
IN_GROUP = '  resource_group_name = "rg"\n'


def setting(target: str, more: str = "") -> str:
    """A diagnostic setting of something."""
    return (
        f'resource "azurerm_monitor_diagnostic_setting" "d" {{\n  name = "d"\n  target_resource_id = {target}\n'
        f'  log_analytics_workspace_id = "{WORKSPACE}"\n  enabled_log {{\n'
        f'    category_group = "allLogs"\n  }}\n{more}}}\n'
    )


ROOT = 'terraform {\n  backend "local" {}\n}\n'
"""With it a module says everything, variables without values or not."""

PASS: dict[str, str] = {}
FAIL, OPEN = {KV: "fail"}, {KV: "unknown"}


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        (f"{KV}.id", PASS),
        (f'"${{{KV}.id}}"', PASS),
        (f'{KV}["id"]', PASS),
        (f"coalesce({KV}.id)", PASS),
        (f'try({KV}.id, "x")', PASS),
        (f"[{KV}.id][0]", PASS),
        (f"{{ a = {KV}.id }}.a", PASS),
        (f'format("%s", {KV}.id)', PASS),
        ("local.id", PASS),
        (f'"{ID}/kv"', PASS),
        (f'"{ID}/KV"', PASS),
        (f'"{ID}/other"', FAIL),
        (f'"{ID.replace("/rg/", "/other/")}/kv"', FAIL),
        ("azurerm_key_vault.nowhere.id", FAIL),
        ("azurerm_storage_account.s.id", FAIL),
        ("data.azurerm_key_vault.same.id", PASS),
        ("data.azurerm_key_vault.other.id", FAIL),
        ("data.terraform_remote_state.s.outputs.id", OPEN),
        ("var.id", OPEN),
        ('var.known ? azurerm_key_vault.kv.id : "x"', OPEN),
        ("var.known ? azurerm_key_vault.kv.id : azurerm_key_vault.kv.id", PASS),
        (f'"{ID}/${{var.id}}"', OPEN),
        (f'"{ID}/${{azurerm_key_vault.kv.name}}"', PASS),
    ],
)
def test_setting_with_any_form_of_the_id_targets_the_vault(target: str, outcome: dict[str, str], judge: Judge) -> None:
    data = 'data "azurerm_key_vault" "{0}" {{\n  name = "{1}"\n  resource_group_name = "rg"\n}}\n'
    text = ROOT + vault("true", IN_GROUP) + variable("id") + variable("known", type_="bool") + setting(target)
    text += f"locals {{\n  id = {KV}.id\n}}\n" + data.format("same", "kv") + data.format("other", "other")
    text += 'data "terraform_remote_state" "s" {\n  backend = "local"\n}\nresource "azurerm_storage_account" "s" {\n}\n'
    if "data.azurerm" not in target:
        text = text.replace(data.format("same", "kv"), "")
    assert judge(text).outcomes("KV201") == outcome


@pytest.mark.parametrize(
    ("repeated", "target", "more", "outcome"),
    [
        ("count = 1", "azurerm_key_vault.kv[0].id", "", {}),
        ("count = 1", "azurerm_key_vault.kv.0.id", "", {}),
        ("count = 1", "azurerm_key_vault.kv[*].id[0]", "", {"[0]": "unknown"}),  # an index of each id
        ("count = 1", "azurerm_key_vault.kv.*.id[0]", "", {}),
        ("count = 1", "(azurerm_key_vault.kv[*].id)[0]", "", {}),
        ("count = 1", "one(azurerm_key_vault.kv[*].id)", "", {}),
        ("count = 1", "one(azurerm_key_vault.kv).id", "", {}),
        ("count = 1", "try(azurerm_key_vault.kv[0].id, null)", "", {}),
        ("count = 1", 'join("", azurerm_key_vault.kv.*.id)', "", {}),
        ("count = 1", 'element(concat(azurerm_key_vault.kv.*.id, [""]), 0)', "", {}),
        ("count = 1", 'coalesce(try(azurerm_key_vault.kv[0].id, null), "x")', "", {}),
        ("count = 2", "azurerm_key_vault.kv[1].id", "", {"[0]": "fail"}),
        ("count = 2", "azurerm_key_vault.kv[count.index].id", "count = 2", {}),
        ("count = 2", "element(azurerm_key_vault.kv.*.id, count.index)", "count = 2", {}),
        ("count = 2", "azurerm_key_vault.kv[var.n].id", "", {"[0]": "unknown", "[1]": "unknown"}),
        ("count = var.n ? 1 : 0", "azurerm_key_vault.kv[0].id", "count = var.n ? 1 : 0", {}),
        ("count = var.n ? 1 : 0", "one(azurerm_key_vault.kv[*].id)", "count = var.n ? 1 : 0", {}),
        ("count = var.n", "azurerm_key_vault.kv[count.index].id", "count = var.n", {}),
        ("count = var.n ? 1 : 0", "azurerm_key_vault.kv[0].id", "count = var.m ? 1 : 0", {"[0]": "unknown"}),
        ("for_each = { a = 1, b = 2 }", 'azurerm_key_vault.kv["a"].id', "", {'["b"]': "fail"}),
        ("for_each = { a = 1, b = 2 }", "azurerm_key_vault.kv[each.key].id", "for_each = { a = 1, b = 2 }", {}),
        ("for_each = { a = 1, b = 2 }", "each.value.id", "for_each = azurerm_key_vault.kv", {}),
        ("for_each = { a = 1 }", "each.value", "for_each = { for k, v in azurerm_key_vault.kv : k => v.id }", {}),
        ("for_each = { a = 1 }", "values(azurerm_key_vault.kv)[0].id", "", {}),
        ("for_each = { a = 1 }", "values(azurerm_key_vault.kv).*.id[0]", "", {}),
        ("for_each = var.m", "each.value.id", "for_each = azurerm_key_vault.kv", {}),
        ("for_each = var.m", "azurerm_key_vault.kv[each.key].id", "for_each = var.m", {}),
        ("for_each = var.m", 'azurerm_key_vault.kv["a"].id', "", {"[*]": "unknown"}),
        ("for_each = var.m", "azurerm_key_vault.kv[each.key].id", "for_each = var.n", {"[*]": "unknown"}),
    ],
)
def test_setting_targets_the_instance_of_the_vault(
    repeated: str, target: str, more: str, outcome: dict[str, str], judge: Judge
) -> None:
    text = ROOT + variable("n") + variable("m") + vault("true", f"  {repeated}\n") + setting(target, f"  {more}\n")
    assert judge(text).outcomes("KV201") == {KV + bracket: said for bracket, said in outcome.items()}


@pytest.mark.parametrize(
    ("given", "type_", "target", "more"),
    [
        ("x = azurerm_key_vault.kv.id", "", "var.x", ""),
        ("x = azurerm_key_vault.kv.id", "string", "var.x", ""),
        ("x = azurerm_key_vault.kv", "", "var.x.id", ""),
        ("x = azurerm_key_vault.kv", "object({ id = string, name = string })", "var.x.id", ""),
        ("x = [azurerm_key_vault.kv.id]", "list(string)", "var.x[count.index]", "count = length(var.x)"),
        ("x = { a = azurerm_key_vault.kv.id }", "map(string)", "each.value", "for_each = var.x"),
        ("x = { a = azurerm_key_vault.kv }", "any", "each.value.id", "for_each = var.x"),
        (
            "x = { a = { id = azurerm_key_vault.kv.id } }",
            "map(object({ id = string }))",
            "each.value.id",
            "for_each = var.x",
        ),
        ("x = { id = azurerm_key_vault.kv.id }", "object({ id = optional(string) })", "var.x.id", ""),
    ],
)
def test_vault_passed_to_a_module_is_targeted(given: str, type_: str, target: str, more: str, judge: Judge) -> None:
    files = {
        "main.tf": ROOT + vault() + call(more=f"  {given}\n"),
        "m/main.tf": variable("x", type_=type_) + setting(target, f"  {more}\n"),
    }
    assert judge(files).outcomes("KV201") == {}


@pytest.mark.parametrize(
    ("value", "target"),
    [
        (f"{KV}.id", "module.m.o"),
        (KV, "module.m.o.id"),
        (f"{{ id = {KV}.id }}", "module.m.o.id"),
        (f"[{KV}.id]", "module.m.o[0]"),
        (f"{{ kv = {KV} }}", 'module.m.o["kv"].id'),
    ],
)
def test_output_of_a_module_is_targeted(value: str, target: str, judge: Judge) -> None:
    files = {
        "main.tf": ROOT + call() + setting(target),
        "m/main.tf": vault() + f'output "o" {{\n  value = {value}\n}}\n',
    }
    assert judge(files).outcomes("KV201") == {}


def test_output_of_a_module_instance_is_targeted(judge: Judge) -> None:
    files = {
        "main.tf": ROOT + call(more='  for_each = toset(["a", "b"])\n') + setting('module.m["a"].id'),
        "m/main.tf": vault() + f'output "id" {{\n  value = {KV}.id\n}}\n',
    }
    assert judge(files).outcomes("KV201") == {f'module.m["b"].{KV}': "fail"}
    files["main.tf"] = (
        ROOT + call(more='  for_each = toset(["a", "b"])\n') + setting("each.value.id", "  for_each = module.m\n")
    )
    assert judge(files).outcomes("KV201") == {}


def test_output_passed_to_another_module_is_targeted(judge: Judge) -> None:
    files = {
        "main.tf": ROOT + call("./a", name="a") + call("./b", "  id = module.a.id\n", name="b"),
        "a/main.tf": vault() + f'output "id" {{\n  value = {KV}.id\n}}\n',
        "b/main.tf": variable("id") + setting("var.id"),
    }
    assert judge(files).outcomes("KV201") == {}


ROLE = (
    'resource "azurerm_role_assignment" "r" {{\n  scope = {}\n'
    '  role_definition_name = "Owner"\n  principal_id = "p"\n}}\n'
)


@pytest.mark.parametrize(
    ("scope", "outcome"),
    [
        (f"{KV}.id", None),
        (f'"${{{KV}.id}}/secrets/x"', None),
        ("azurerm_resource_group.rg.id", None),
        ('"/subscriptions/x/resourceGroups/rg"', None),
        ('"/subscriptions/x"', "fail"),
        ('"/subscriptions/${var.s}"', "fail"),
        ('"/subscriptions/${data.azurerm_client_config.c.subscription_id}"', "fail"),
        ('"/subscriptions/${data.azurerm_client_config.c.subscription_id}/resourceGroups/rg"', None),
        ("data.azurerm_subscription.s.id", "fail"),
        ("azurerm_management_group.g.id", "fail"),
        ("var.s", "unknown"),
        ("data.azurerm_client_config.c.subscription_id", "unknown"),
    ],
)
def test_role_applies_to_vaults_in_its_scope(scope: str, outcome: str | None, judge: Judge) -> None:
    text = variable("s") + vault() + ROLE.format(scope)
    text += 'data "azurerm_subscription" "s" {\n}\ndata "azurerm_client_config" "c" {\n}\n'
    text += 'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n}\nresource "azurerm_management_group" "g" {\n}\n'
    assert judge(text).outcomes("KV402") == ({} if outcome is None else {"azurerm_role_assignment.r": outcome})


def test_a_secret_scope_covers_no_vault(judge: Judge) -> None:
    text = ROOT + vault() + ROLE.format(f'"${{{KV}.id}}/secrets/x"')
    assert judge(text).outcomes("KV403") == {}
    assert judge(ROOT + vault() + ROLE.format(f"{KV}.id")).outcomes("KV403") == {"azurerm_role_assignment.r": "fail"}


@pytest.mark.parametrize(("kind", "outcome"), [("data", "fail"), ("resource", "unknown")])
def test_a_subscription_that_is_made_need_not_be_the_providers(kind: str, outcome: str, judge: Judge) -> None:
    scope = "azurerm_subscription.s.id" if kind == "resource" else "data.azurerm_subscription.s.id"
    text = ROOT + vault() + ROLE.format(scope) + f'{kind} "azurerm_subscription" "s" {{\n}}\n'
    assert judge(text).outcomes("KV403") == {"azurerm_role_assignment.r": outcome}


@pytest.mark.parametrize(("provider", "outcome"), [("azurerm", "fail"), ("azurerm.west", "unknown")])
def test_resource_group_of_another_subscription_is_distinguished(provider: str, outcome: str, judge: Judge) -> None:
    providers = ROOT + 'provider "azurerm" {\n  alias = "west"\n  features {}\n}\n'
    group = f'resource "azurerm_resource_group" "rg" {{\n  provider = {provider}\n  name = "rg"\n}}\n'
    text = (
        providers
        + group
        + vault("true", '  resource_group_name = "rg"\n')
        + ROLE.format("azurerm_resource_group.rg.id")
    )
    assert judge(text).outcomes("KV403") == {"azurerm_role_assignment.r": outcome}


@pytest.mark.parametrize(
    ("key", "outcome"),
    [(f"{KV}.id", None), ("azurerm_key_vault.open.id", "fail"), ("var.id", "unknown"), (f"one([{KV}].*.id)", None)],
)
def test_secret_belongs_to_the_vault_of_its_key_vault_id(key: str, outcome: str | None, judge: Judge) -> None:
    secret = f'resource "azurerm_key_vault_secret" "s" {{\n  name = "s"\n  key_vault_id = {key}\n}}\n'
    found = judge(ROOT + variable("id") + vault() + vault("false", name="open") + secret)
    assert found.outcomes("KV601") == {"azurerm_key_vault_secret.s": "fail"}
    named = {finding.full_name for finding in found.all("KV601")}
    assert named == {{None: "kv/s", "fail": "open/s"}.get(outcome, "s")}


NETWORK = """resource "azurerm_virtual_network" "net" {
  name          = "net"
  address_space = ["10.0.0.0/16"]
%s
}
resource "azapi_resource" "net" {
  type = "Microsoft.Network/virtualNetworks@2024-05-01"
  name = "net"
  body = { properties = { subnets = [{ name = "a" }] } }
}
locals {
  subnets = [{ name = "a" }]
}
"""
BLOCK, ARGUMENT = '  subnet {\n    name = "a"\n  }', '  subnet = [{ name = "a" }]'


@pytest.mark.parametrize("subnet", [BLOCK, ARGUMENT])
@pytest.mark.parametrize(
    ("expression", "outcome"),
    [
        ("try(tolist(azurerm_virtual_network.net.subnet)[0].id, null)", "unknown"),
        ('lookup(tolist(azurerm_virtual_network.net.subnet)[0], "id", null)', "unknown"),
        ('one([for s in azurerm_virtual_network.net.subnet : s.id if s.name == "a"])', "unknown"),
        ("try(tolist(azurerm_virtual_network.net.subnet)[0].name, null)", "pass"),
        ("try(azapi_resource.net.body.properties.subnets[0].id, null)", "fail"),
        ("try(local.subnets[0].id, null)", "fail"),
    ],
)
def test_member_that_an_item_does_not_set_is_unknown(judge: Judge, subnet: str, expression: str, outcome: str) -> None:
    found = judge(ROOT + NETWORK % subnet + vault(f"{expression} != null"))
    assert found.outcomes("KV001").get(KV, "pass") == outcome
