"""In a module that callers outside the scanned files may call, defaults decide what exists, and no other result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_existence import checked, found, variable

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

# A variable without a default makes it a module for callers.
REQUIRED = 'variable "name" {\n  type = string\n}\n'
DEFAULT = "`var.purge` has a default that another value can replace"
VAULT = """
resource "azurerm_key_vault" "kv" {
%s
  name                       = var.name
  location                   = "westeurope"
  resource_group_name        = "rg"
  tenant_id                  = "00000000-0000-0000-0000-000000000001"
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = %s
}
"""
PURGE = variable("purge", "bool", "false")
SWITCH = variable("make", "bool", "true")
MAP = """
variable "vaults" {
  type    = map(object({ purge = bool }))
  default = { a = { purge = false } }
}
"""


def purge(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the results of the rule for purge protection: the outcome, the address and the cause."""
    results = (*document["findings"], *document["unknown"])
    return [(one["outcome"], one["resource"], one.get("why", "")) for one in results if one["ruleId"] == "KV001"]


CASES = {
    "a default": (PURGE + VAULT % ("", "var.purge"), "azurerm_key_vault.kv", DEFAULT),
    "a default through a local value": (
        PURGE + "locals {\n  purge = var.purge\n}\n" + VAULT % ("", "local.purge"), "azurerm_key_vault.kv", DEFAULT,
    ),
    "a default beside one that decides on the vault": (
        PURGE + SWITCH + VAULT % ("  count = var.make ? 1 : 0", "var.purge"), "azurerm_key_vault.kv[0]", DEFAULT,
    ),
    "the value of a key in a default": (
        MAP + VAULT % ("  for_each = var.vaults", "each.value.purge"), 'azurerm_key_vault.kv["a"]',
        "`var.vaults` has a default that another value can replace",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_default_of_a_module_for_callers_decides_no_result(kvlint: Kvlint, name: str) -> None:
    text, address, why = CASES[name]
    (result,) = purge(checked(kvlint, {"main.tf": REQUIRED + text}))
    assert result[:2] == ("unknown", address)
    assert why in result[2]
    given = checked(kvlint, {"main.tf": REQUIRED + text}, "--var", "name=kv-a")
    assert found(given, "KV001") == [address]


def test_literal_of_a_reusable_module_is_decided(kvlint: Kvlint) -> None:
    document = checked(kvlint, {"main.tf": REQUIRED + SWITCH + VAULT % ("  count = var.make ? 1 : 0", "false")})
    assert found(document, "KV001") == ["azurerm_key_vault.kv[0]"]


def test_switch_decides_values_of_the_resource_that_it_creates(kvlint: Kvlint) -> None:
    switch = variable("make", "bool", "false")
    vault = VAULT % ("  count = var.make ? 1 : 0", "!var.make")
    document = checked(kvlint, {"main.tf": REQUIRED + switch + vault})
    assert found(document, "KV001") == ["azurerm_key_vault.kv[0]"]
    vault = VAULT % ("  count = var.make ? 1 : 0", "var.purge")
    other = checked(kvlint, {"main.tf": REQUIRED + switch + PURGE + vault})
    (result,) = purge(other)
    assert result[0] == "unknown"
    assert DEFAULT in result[2]


def test_called_module_receives_no_default_of_its_caller(kvlint: Kvlint) -> None:
    call = 'module "m" {\n  source = "./m"\n  count = var.make ? 1 : 0\n  name = var.name\n  purge = var.purge\n}\n'
    inner = REQUIRED + variable("purge", "bool", "true") + VAULT % ("", "var.purge")
    document = checked(kvlint, {"main.tf": REQUIRED + PURGE + SWITCH + call, "m/main.tf": inner})
    (result,) = purge(document)
    assert result[:2] == ("unknown", "module.m[0].azurerm_key_vault.kv")
    assert DEFAULT in result[2]
    left_out = call.replace("  purge = var.purge\n", "")
    inner = inner.replace("default = true", "default = false")
    document = checked(kvlint, {"main.tf": REQUIRED + SWITCH + left_out, "m/main.tf": inner})
    assert found(document, "KV001") == ["module.m[0].azurerm_key_vault.kv"]


def test_a_default_decides_which_module_is_called(kvlint: Kvlint) -> None:
    call = 'module "m" {\n  source = "./${var.which}"\n  name   = var.name\n}\n'
    files = {
        "main.tf": REQUIRED + variable("which", "string", '"m"') + call,
        "m/main.tf": REQUIRED + VAULT % ("", "false"),
    }
    assert found(checked(kvlint, files), "KV001") == ["module.m.azurerm_key_vault.kv"]
