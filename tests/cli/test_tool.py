"""``--tool``: the commands besides ``check`` read modules as that tool does, or as both do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from azkvlint.linter.rule_tests import expand
from tests.cli.test_fix_effects import checkout, put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Kvlint

__all__ = ["checkout"]

VAULT = """variable "open" {
  type    = bool
  default = true
}
resource "azurerm_key_vault" "kv" {
  name                          = "kv-app"
  public_network_access_enabled = var.open

  access_policy {
    object_id          = "00000000-0000-0000-0000-000000000001"
    secret_permissions = ["Get", "Purge"]
  }
}
"""
VAULT_OF_PLAN = """resource "azurerm_key_vault" "kv" {
  name                     = "kv"
  purge_protection_enabled = false
}
"""
OTHER_USE = 'output "open" {\n  value = var.open\n}\n'


@pytest.mark.parametrize(("words", "code"), [((), 1), (("--tool", "terraform"), 1), (("--tool", "opentofu"), 0)])
def test_a_file_of_opentofu_does_not_hide_access_from_a_gate(
    words: tuple[str, ...], code: int, kvlint: Kvlint, checkout: Path
) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "main.tofu", VAULT.replace('"Get", "Purge"', '"Get"'))
    assert kvlint("access", *words, "--deny", "purge", ".").code == code
    assert kvlint("access", *words, ".").out.count("\n  azurerm_key_vault.kv, access policies, ") == (1 if words else 2)


def test_a_vault_that_both_tools_read_is_listed_once(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "other.tofu", 'resource "azurerm_key_vault" "other" {\n  name = "kv-other"\n}\n')
    found = kvlint("access", ".")
    assert [found.out.count(f"azurerm_key_vault.{name}, access policies, ") for name in ("kv", "other")] == [1, 1]
    assert "1 principal has access to 1 of 2 vaults." in found.out


def test_a_migration_requires_the_tool_if_it_decides(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "main.tofu", "")
    refused = kvlint("migrate-rbac", ".")
    assert (refused.code, "--tool terraform or --tool opentofu" in refused.err) == (2, True)
    assert kvlint("migrate-rbac", "--tool", "terraform", ".").code == 0


@pytest.mark.parametrize(("words", "is_fixed"), [((), False), (("terraform",), False), (("opentofu",), True)])
def test_a_fix_finds_other_uses_in_the_files_of_the_tool(
    words: tuple[str, ...], is_fixed: bool, kvlint: Kvlint, checkout: Path
) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "outputs.tf", OTHER_USE)
    put(checkout, "outputs.tofu", "")
    tool = ("--tool", *words) if words else ()
    found = kvlint("fix", *tool, "--unsafe", "--profile", "all", "--select", "KV105", ".").out
    assert ("Set `default = false` in variable `open`" in found) is is_fixed
    assert ("the value is also used elsewhere (outputs.tf:2)" in found) is not is_fixed


@pytest.mark.parametrize(("tool", "place"), [("terraform", "src/main.tf:3:3"), ("opentofu", "plans/plan.json:1:")])
def test_the_source_of_a_plan_has_the_files_of_the_tool(tool: str, place: str, kvlint: Kvlint, checkout: Path) -> None:
    put(
        checkout,
        "plans/plan.json",
        expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}").decode(),
    )
    put(checkout, "src/main.tf", VAULT_OF_PLAN)
    put(checkout, "src/main.tofu", 'resource "azurerm_resource_group" "rg" {}\n')
    assert kvlint("--tool", tool, "--select", "KV001", "plans/plan.json").out.startswith(place)
