"""The gates of ``--fail-on``: each kind of difference has one, and those of the default."""

from __future__ import annotations

import pytest

from azkvlint.difference.gates import DEFAULT_GATES, GATES
from tests.difference.conftest import Diff

VAULT = """
resource "azurerm_key_vault" "{0}" {{
  name                       = "{1}"
  rbac_authorization_enabled = true
  purge_protection_enabled   = {2}
  soft_delete_retention_days = {3}
  tenant_id                  = "{4}1111111-1111-1111-1111-111111111111"
}}
"""
ROLE = """
resource "azurerm_role_assignment" "app" {
  scope                = azurerm_key_vault.app.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "00000000-0000-0000-0000-000000000001"
}
"""
KEY = """
resource "azurerm_key_vault_key" "key" {
  name         = "key"
  key_vault_id = azurerm_key_vault.app.id
  key_type     = "RSA"
}
"""


def vault(address: str = "app", name: str = "kv-app", purge: str = "false", days: int = 90, tenant: int = 1) -> str:
    return VAULT.format(address, name, purge, days, tenant)


KNOWN = "# kvlint: ignore[KV101] accepted\n" + vault()
CHANGES = {
    "new": (vault(purge="true"), vault(purge="true") + vault("b", "kv-b")),
    "gone": (vault() + vault("b", "kv-b"), vault()),
    "suppressed": (KNOWN, KNOWN.replace("KV101", "KV001, KV101")),
    "destroyed": (vault() + KEY, vault()),
    "replaced": (vault(), vault(name="kv-new")),
    "purge-protection": (vault(), vault(purge="true")),
    "retention": (vault(), vault(days=30)),
    "tenant": (vault(), vault(tenant=2)),
    "access-lost": (vault() + ROLE, vault()),
    "access-gained": (vault(), vault() + ROLE),
}


@pytest.mark.parametrize("gate", CHANGES)
def test_each_kind_of_difference_has_a_gate(gate: str, diff: Diff) -> None:
    base, head = (diff.write(name, {"main.tf": text}) for name, text in zip(("b", "h"), CHANGES[gate], strict=True))
    assert diff.run(base, base, "--fail-on", gate).code == 0
    said = diff.run(base, head, "--fail-on", gate)
    assert said.code == 1, said.out
    assert f"--fail-on {gate}: " in said.out
    assert diff.run(base, head, "--fail-on", "none").code == 0
    if gate in DEFAULT_GATES:
        assert f"--fail-on {gate}: " in diff.run(base, head).out


def test_one_way_change_is_not_reported_by_other_gates(diff: Diff) -> None:
    base, head = diff.write("b", {"main.tf": vault()}), diff.write("h", {"main.tf": vault(purge="true")})
    others = [gate for gate in GATES if gate not in ("none", "gone", "one-way", "purge-protection")]
    for gate in others:
        assert diff.run(base, head, "--fail-on", gate).code == 0, gate
    assert diff.run(base, head).code == 0
    assert diff.run(base, head, "--fail-on", "one-way").code == 1


def test_default_gates_fail_on_new_findings_and_losses(diff: Diff) -> None:
    rest = 'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n}\n'
    base = diff.write("b", {"main.tf": rest + vault() + ROLE})
    head = diff.write("h", {"main.tf": rest})
    said = diff.run(base, head)
    assert said.code == 1
    assert "--fail-on access-lost: 1 difference\n--fail-on destroyed: 1 difference\n" in said.out
    assert diff.run(base, head, "--fail-on", "new").code == 0
