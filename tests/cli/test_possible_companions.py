"""A companion that the input declares and a default leaves out makes results unknown, with the input as the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_existence import PROVIDER, checked, found, variable, vault
from tests.cli.test_worlds import SETTING

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

SWITCHES = variable("a", "bool", "false") + variable("b", "bool", "false")
NAME = "azurerm_monitor_diagnostic_setting.d[0]"


def reasons(document: dict[str, Any], rule: str = "KV201") -> list[str]:
    return [one["why"] for one in document["unknown"] if one["ruleId"] == rule]


CASES = {
    "vault without a switch": ("", "var.a ? 1 : 0", "", [f"{NAME} exists only if var.a is true"]),
    "two switches": (
        "  count = var.a ? 1 : 0", "var.a && var.b ? 1 : 0", "[0]",
        [f"{NAME} exists only if var.a is true and var.b is true"],
    ),
    "a condition that is not solved": (
        "", 'length(regexall("^p.*d$", var.env)) > 0 ? 1 : 0', "", [f"{NAME} exists only if its condition holds"]
    ),
    "one switch": ("  count = var.a ? 1 : 0", "var.a ? 1 : 0", "[0]", []),
    "a literal": ("", "0", "", []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_companion_that_a_default_leaves_out_may_exist(kvlint: Kvlint, name: str) -> None:
    more, count, index, expected = CASES[name]
    text = PROVIDER + SWITCHES + variable("env", "string", '"dev"') + vault(more) + SETTING % (count, index)
    document = checked(kvlint, {"main.tf": text})
    assert reasons(document) == expected
    assert bool(found(document, "KV201")) is (name == "a literal")
    alone = checked(kvlint, {"main.tf": text}, "--select", "KV201")
    assert (reasons(alone), found(alone, "KV201")) == (expected, found(document, "KV201"))
    there = checked(kvlint, {"main.tf": text}, "--var", "a=true", "--var", "b=true", "--var", "env=pod")
    assert found(there, "KV201") == (["azurerm_key_vault.kv"] if name == "a literal" else [])
    off = checked(kvlint, {"main.tf": text}, "--var", "a=false", "--var", "b=false", "--var", "env=dev")
    assert reasons(off) == []


def test_a_companion_does_not_decide_for_values_that_its_world_changes(kvlint: Kvlint) -> None:
    text = PROVIDER + SWITCHES + vault("  public_network_access_enabled = !var.a") + SETTING % ("var.a ? 1 : 0", "")
    document = checked(kvlint, {"main.tf": text})
    assert found(document, "KV101") == ["azurerm_key_vault.kv"]
    assert reasons(document) == [f"{NAME} exists only if var.a is true"]


def test_a_companion_of_another_vault_decides_nothing(kvlint: Kvlint) -> None:
    setting = (SETTING % ("var.a ? 1 : 0", "")).replace("azurerm_key_vault.kv.id", "azurerm_key_vault.other.id")
    document = checked(kvlint, {"main.tf": PROVIDER + SWITCHES + vault("") + vault("", "other") + setting})
    assert found(document, "KV201") == ["azurerm_key_vault.kv"]
    assert found(document, "KV201", "unknown") == ["azurerm_key_vault.other"]


def test_a_companion_in_a_module_that_nothing_calls_is_not_outside_of_it(kvlint: Kvlint) -> None:
    module = variable("a", "bool", "false") + vault("") + SETTING % ("var.a ? 1 : 0", "")
    document = checked(kvlint, {"main.tf": module})
    (why,) = reasons(document)
    assert "outside the scanned files" not in why
    assert "var.a" in why


BICEP = """
param logs bool = false
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-a'
  location: 'westeurope'
  properties: { sku: { family: 'A', name: 'standard' }, tenantId: tenant().tenantId }
}
resource d 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logs) {
  scope: kv
  name: 'd'
  properties: { storageAccountId: '/subscriptions/1', logs: [{ categoryGroup: 'audit', enabled: true }] }
}
"""


def test_a_companion_that_a_default_leaves_out_may_exist_in_bicep(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.bicep": BICEP})
    (why,) = reasons(document)
    assert why.endswith(" exists only if logs is true")
    assert found(document, "KV201") == []


def test_a_vault_that_a_switch_reads_and_the_input_deploys_is_one_vault(kvlint: Kvlint) -> None:
    read = 'data "azurerm_key_vault" "d" {\n  count = var.a ? 1 : 0\n  name = "kv-existence"\n'
    read += '  resource_group_name = "rg"\n}\n' + (SETTING % ("var.a ? 1 : 0", ""))
    text = PROVIDER + SWITCHES + vault("") + read.replace("azurerm_key_vault.kv.id", "data.azurerm_key_vault.d[0].id")
    document = checked(kvlint, {"main.tf": text})
    assert document["problems"] == []
    assert reasons(document) == [f"{NAME} exists only if var.a is true"]
