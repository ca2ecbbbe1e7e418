"""count, for_each, enabled and dynamic: which instances there are, and what is said of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge, Read

KV = "azurerm_key_vault.kv"


@pytest.mark.parametrize(
    ("count", "brackets"),
    [
        ("0", []),
        ("1", ["[0]"]),
        ("3", ["[0]", "[1]", "[2]"]),
        ('"2"', ["[0]", "[1]"]),
        ("length(toset([1, 1, 2]))", ["[0]", "[1]"]),
        ("true ? 1 : 0", ["[0]"]),
        ("false ? 1 : 0", []),
        # One stands for all of those that nobody knows.
        ("var.n", ["[0]"]),
        ("var.n ? 1 : 0", ["[0]"]),
        ("length(var.n)", ["[0]"]),
        ("null", ["[0]"]),
        ("-1", ["[0]"]),
        ("[]", ["[0]"]),
    ],
)
def test_count(count: str, brackets: list[str], judge: Judge) -> None:
    found = judge(variable("n") + vault("false", f"  count = {count}\n"))
    assert list(found.outcomes("KV001")) == [KV + bracket for bracket in brackets]
    assert found.told("KV001") == [("fail", "main.tf", 4)] * bool(brackets)


def test_count_index_has_its_value(judge: Judge) -> None:
    found = judge(vault("count.index == 1", "  count = 3\n"))
    assert found.outcomes("KV001") == {f"{KV}[0]": "fail", f"{KV}[2]": "fail"}


@pytest.mark.parametrize(
    ("for_each", "keys"),
    [
        ("{ a = 1, b = 2 }", ["a", "b"]),
        ('toset(["b", "a", "b"])', ["a", "b"]),
        ("{ for k in [1, 2] : k => k }", ["1", "2"]),
        ("{}", []),
        ("toset([])", []),
        ('{ "a.b" = 1, "c\\"d" = 2, "e]" = 3, "\\u00e9" = 4, "" = 5 }', ["", "a.b", 'c"d', "e]", "é"]),
        ('{ "${var.known}" = 1 }', ["k"]),
        ("{ for k, v in { a = 1, b = 2 } : k => v if v > 1 }", ["b"]),
        ("merge({ a = 1 }, { b = 2 })", ["a", "b"]),
        ("{ a = null, b = var.n }", ["a", "b"]),
    ],
)
def test_for_each(for_each: str, keys: list[str], judge: Judge) -> None:
    found = judge(variable("n") + variable("known", '"k"') + vault("false", f"  for_each = {for_each}\n"))
    assert list(found.outcomes("KV001")) == [f"{KV}[{json.dumps(key, ensure_ascii=False)}]" for key in keys]


@pytest.mark.parametrize(
    "for_each",
    [
        "var.n",
        "toset(var.n)",
        "{ (var.n) = 1 }",
        "{ for k in var.n : k => k }",
        "null",
        'toset(["a", null])',
        "5",
    ],
)
def test_unknown_keys_result_in_one_instance_for_all(for_each: str, judge: Judge) -> None:
    found = judge(variable("n") + vault("false", f"  for_each = {for_each}\n"))
    assert len(found.outcomes("KV001")) == 1
    found = judge(variable("n") + vault("each.value", f"  for_each = {for_each}\n"))
    assert "unknown" in found.outcomes("KV001").values()


def test_each_key_and_value_have_their_values(judge: Judge) -> None:
    found = judge(vault("each.value.p", "  for_each = { a = { p = true }, b = { p = false } }\n"))
    assert found.outcomes("KV001") == {f'{KV}["b"]': "fail"}
    found = judge(vault('each.key == "a"', '  for_each = toset(["a", "b"])\n'))
    assert found.outcomes("KV001") == {f'{KV}["b"]': "fail"}


def test_keys_of_a_sensitive_map_are_not_shown(judge: Judge) -> None:
    found = judge(variable("s", "{ canary = 1 }", more="  sensitive = true") + vault("false", "  for_each = var.s\n"))
    assert list(found.outcomes("KV001")) == [f"{KV}[*]"]


@pytest.mark.parametrize(
    "expression",
    [
        "{ (var.s) = 1 }",
        "{ (var.s) = {} }",
        "{ (var.s) = null }",
        '{ "${var.s}" = 1 }',
        '{ "x-${var.s}" = 1, b = 2 }',
        "merge({ (var.s) = 1 }, {})",
        "merge({ (var.s) = 1 }, { b = 2 })",
        "{ for name in [var.s] : name => 1 }",
        "{ for name in [var.s] : name => {} }",
        "{ for name in [var.s] : name => 1... }",
        'zipmap([var.s], ["a"])',
        "toset(keys({ (var.s) = 1 }))",
        "local.m",
        "local.n.of",
    ],
)
def test_sensitive_key_is_not_shown(expression: str, judge: Judge) -> None:
    found = judge(
        variable("s", '"canary"', more="  sensitive = true")
        + "locals {\n  m = { (var.s) = 1 }\n  n = { of = { (var.s) = 1 } }\n}\n"
        + vault("false", f"  for_each = {expression}\n")
    )
    assert list(found.outcomes("KV001")) == [f"{KV}[*]"]


def test_key_beside_sensitive_values_is_shown(judge: Judge) -> None:
    found = judge(
        variable("s", '"canary"', more="  sensitive = true")
        + vault("false", '  for_each = { a = var.s, "b" = var.s }\n')
    )
    assert list(found.outcomes("KV001")) == [f'{KV}["a"]', f'{KV}["b"]']


@pytest.mark.parametrize(
    ("enabled", "outcome"), [("false", None), ("true", "fail"), ("var.n", "fail"), ("1 == 2", None)]
)
def test_lifecycle_enabled_decides_existence(enabled: str, outcome: str | None, judge: Judge) -> None:
    found = judge(variable("n") + vault("false", f"  lifecycle {{\n    enabled = {enabled}\n  }}\n"))
    assert found.outcomes("KV001") == ({} if outcome is None else {KV: outcome})


def test_for_each_over_instances_of_a_resource_has_their_keys(judge: Judge) -> None:
    secret = (
        'resource "azurerm_key_vault_secret" "s" {\n  for_each = %s\n  name = "s"\n  key_vault_id = each.value.id\n}\n'
    )
    found = judge(vault("true", "  for_each = { a = 1, b = 2 }\n") + secret % KV)
    assert list(found.outcomes("KV601")) == [f'azurerm_key_vault_secret.s["{key}"]' for key in "ab"]


def test_for_each_over_an_output_of_a_module_has_its_keys(judge: Judge) -> None:
    files = {
        "main.tf": call() + vault("each.value", "  for_each = module.m.flags\n"),
        "m/main.tf": 'output "flags" {\n  value = { a = true, b = false }\n}\n',
    }
    assert judge(files).outcomes("KV001") == {f'{KV}["b"]': "fail"}


ACLS = (
    'dynamic "network_acls" {{\n  for_each = {}\n  {}\n  content {{\n    default_action = {}\n'
    '    bypass = "None"\n  }}\n}}\n'
)


@pytest.mark.parametrize(
    ("for_each", "more", "action", "outcome"),
    [
        ("[1]", "", '"Deny"', None),
        ("[1]", "", '"Allow"', "fail"),
        ("[]", "", '"Deny"', "fail"),
        ("{}", "", '"Deny"', "fail"),
        ("var.n", "", '"Deny"', "unknown"),
        ("var.n ? [1] : []", "", '"Deny"', "unknown"),
        ("null", "", '"Deny"', "unknown"),
        ("[var.n]", "", "network_acls.value", "unknown"),
        ('["Deny"]', "", "network_acls.value", None),
        ('{ Deny = "Allow" }', "", "network_acls.key", None),
        ('["Allow"]', "iterator = it", "it.value", "fail"),
        ("true ? [1] : []", "", '"Deny"', None),
        ("toset(['x'])", "", '"Deny"', "unknown"),
    ],
)
def test_dynamic_block_has_one_block_for_each_item(
    for_each: str, more: str, action: str, outcome: str | None, judge: Judge
) -> None:
    found = judge(variable("n") + vault("true", ACLS.format(for_each, more, action))).outcomes("KV101")
    assert found == ({} if outcome is None else {KV: outcome})


def test_blocks_within_dynamic_blocks(judge: Judge) -> None:
    text = """
resource "azurerm_role_definition" "r" {
  name  = "r"
  scope = "/subscriptions/x"
  dynamic "permissions" {
    for_each = [["Microsoft.KeyVault/vaults/read"], ["*"]]
    content {
      actions = permissions.value
    }
  }
}
"""
    assert judge(text).outcomes("KV401") == {"azurerm_role_definition.r": "fail"}
    assert judge(text.replace('["*"]', '["a/read"]')).outcomes("KV401") == {}


def test_nested_dynamic_blocks(read: Read) -> None:
    text = """
resource "azurerm_key_vault_certificate" "c" {
  name = "c"
  dynamic "certificate_policy" {
    for_each = [{ days = [30] }]
    content {
      issuer_parameters {
        name = "Self"
      }
      dynamic "lifetime_action" {
        for_each = certificate_policy.value.days
        content {
          action {
            action_type = "AutoRenew"
          }
          trigger {
            days_before_expiry = lifetime_action.value + certificate_policy.key
          }
        }
      }
    }
  }
}
"""
    found = read(text)
    (resource,) = found.resources.values()
    assert "30" in repr(resource.attributes)
    assert not found.problems


@pytest.mark.parametrize("written", ["count = 10001", "count = 1e12", "count = 99999999999999999999999999"])
def test_count_above_the_limit_is_an_error(written: str, judge: Judge) -> None:
    found = judge(vault("false", f"  {written}\n"))
    assert found.errors() == [("main.tf", 4, f"`count` of `{KV}` creates more than 10,000 instances")]
    assert found.outcomes("KV001") == {f"{KV}[0]": "fail"}
    assert found.code == 3


def test_instances_up_to_the_limit_are_one_finding(judge: Judge) -> None:
    found = judge(vault("false", "  count = 10000\n"), select=("KV001",))
    (finding,) = found.all("KV001")
    assert len(finding.occurrences) == 10_000


OTHERS = """
moved {
  from = azurerm_key_vault.old
  to   = azurerm_key_vault.kv
}
removed {
  from = azurerm_key_vault.gone
  lifecycle {
    destroy = false
  }
}
import {
  to = azurerm_key_vault.kv
  id = "/subscriptions/x"
}
check "health" {
  data "azurerm_key_vault" "checked" {
    name = "other"
  }
  assert {
    condition     = data.azurerm_key_vault.checked.name == "x"
    error_message = "no"
  }
}
ephemeral "azurerm_key_vault_secret" "e" {
  name         = "e"
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "s" {
  name             = "s"
  key_vault_id     = azurerm_key_vault.kv.id
  value_wo         = ephemeral.azurerm_key_vault_secret.e.value
  value_wo_version = 1
  content_type     = "text/plain"
}
"""


def test_blocks_that_deploy_nothing(judge: Judge) -> None:
    found = judge(vault("false") + OTHERS)
    assert found.outcomes("KV001") == {KV: "fail"}
    assert found.outcomes("KV6") == {"azurerm_key_vault_secret.s": "fail"}
    assert not found.report.problems


DIAGNOSTICS = """
resource "azurerm_monitor_diagnostic_setting" "d" {
  for_each                   = %s
  name                       = "d"
  target_resource_id         = %s.id
  log_analytics_workspace_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/w"
  enabled_log {
    category_group = "audit"
  }
}
"""
PERHAPS = "var.p ? { a = true } : {}"


class TestConditionalItems:
    """What runs over a map that is one of several."""

    @pytest.mark.parametrize(
        ("vaults", "settings", "target", "outcomes"),
        [
            # The vault is there, its setting perhaps.
            ("{ a = true }", PERHAPS, f'{KV}["a"]', {f'{KV}["a"]': "unknown"}),
            # Both hang on the same.
            (PERHAPS, PERHAPS, f'{KV}["a"]', {}),
            (PERHAPS, KV, f"{KV}[each.key]", {}),
            (PERHAPS, "var.q ? { a = true } : {}", f'{KV}["a"]', {f'{KV}["a"]': "unknown"}),
        ],
    )
    def test_resources(self, vaults: str, settings: str, target: str, outcomes: dict[str, str], judge: Judge) -> None:
        text = variable("p") + variable("q") + vault("true", f"  for_each = {vaults}\n")
        assert judge(text + DIAGNOSTICS % (settings, target)).outcomes("KV201") == outcomes

    def test_the_value(self, judge: Judge) -> None:
        found = judge(variable("p") + vault("each.value", f"  for_each = {PERHAPS}\n"))
        assert found.outcomes("KV001") in ({}, {f'{KV}["a"]': "unknown"})

    def test_blocks(self, judge: Judge) -> None:
        block = (
            f'  dynamic "network_acls" {{\n    for_each = {PERHAPS}\n    content {{\n'
            '      default_action = "Deny"\n      bypass = "AzureServices"\n    }\n  }\n'
        )
        assert judge(variable("p") + vault("true", block)).outcomes("KV101") == {KV: "unknown"}
        assert judge(vault("true", block.replace("var.p", "true"))).outcomes("KV101") == {}


@pytest.mark.parametrize(
    ("count", "outcome"),
    [
        ("var.n ? 1 : 0", {}),
        ("local.n", {}),
        # There may be more than the first.
        ("var.n", {f"{KV}[0]": "unknown"}),
        ("length(var.n)", {f"{KV}[0]": "unknown"}),
        ("var.n ? 2 : 0", {f"{KV}[1]": "unknown"}),
    ],
)
def test_companion_of_the_first_instance_may_be_missing_for_others(
    count: str, outcome: dict[str, str], judge: Judge
) -> None:
    setting = (DIAGNOSTICS % ("", f"{KV}[0]")).replace("  for_each                   = \n", f"  count = {count}\n")
    text = variable("n") + 'locals {\n  n = var.n == "a" ? 1 : 0\n}\n' + vault("true", f"  count = {count}\n")
    assert judge(text + setting).outcomes("KV201") == outcome
