"""The scope of a role: from one secret to its vault, and from the vault to what contains it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.difference.conftest import Diff
from tests.difference.test_access_changes import GROUP, WHO, assigned, vault

USER = "Key Vault Secrets User"
SECRET = (
    'resource "azurerm_key_vault_secret" "{0}" {{\n  name = "{0}"\n  value = var.value\n'
    '  key_vault_id = azurerm_key_vault.kv.id\n}}\nvariable "value" {{\n  sensitive = true\n}}\n'
)
BASE = GROUP + vault(rbac="true") + SECRET.format("db")
AT_SECRET = assigned(USER, to="azurerm_key_vault_secret.db.resource_versionless_id")
AT_VAULT = assigned(USER)
AT_GROUP = assigned(USER, to="azurerm_resource_group.rg.id")
AT_SUBSCRIPTION = 'data "azurerm_subscription" "s" {}\n' + assigned(USER, to="data.azurerm_subscription.s.id")


def found(diff: Diff, base: str, head: str, file: str = "main.tf") -> list[dict[str, Any]]:
    diff.write("base", {file: base})
    diff.write("head", {file: head})
    return list(diff.compare("base", "head").document["access"])


def test_a_role_on_one_secret_that_gets_the_vault(diff: Diff) -> None:
    (row,) = found(diff, BASE + AT_SECRET, BASE + AT_VAULT)
    assert (row["direction"], row["exceptFor"], row["only"], row["lockout"]) == ("gained", ["secrets/db"], [], False)
    said = diff.run("base", "head", "--fail-on", "access-gained")
    assert said.code == 1
    assert "can now read secrets (all but secrets/db)" in said.out
    (row,) = found(diff, BASE + AT_VAULT, BASE + AT_SECRET)
    assert (row["direction"], row["exceptFor"], row["only"], row["lockout"]) == ("lost", ["secrets/db"], [], False)


def test_role_on_another_secret_is_a_change_of_access(diff: Diff) -> None:
    other = SECRET.format("other").partition("variable")[0]
    moved = assigned(USER, to="azurerm_key_vault_secret.other.resource_versionless_id")
    lost, gained = found(diff, BASE + other + AT_SECRET, BASE + other + moved)
    assert (lost["direction"], lost["only"], lost["lockout"]) == ("lost", ["secrets/db"], False)
    assert (gained["direction"], gained["only"]) == ("gained", ["secrets/other"])
    assert "can now read secrets (only secrets/other)" in diff.run("base", "head").out


def test_role_on_a_secret_that_moves_to_the_group_includes_other_vaults(diff: Diff) -> None:
    two = vault(rbac="true", name="two")
    rows = found(diff, BASE + two + AT_SECRET, BASE + two + AT_GROUP)
    assert {(tuple(row["vaults"]), tuple(row["exceptFor"])) for row in rows} == {
        (("kv",), ("secrets/db",)), (("two",), ())
    }  # fmt: skip


@pytest.mark.parametrize(
    ("base", "head", "scopes"),
    [
        (AT_VAULT, AT_GROUP, ("azurerm_key_vault.kv", "azurerm_resource_group.rg")),
        (AT_GROUP, AT_SUBSCRIPTION, ("azurerm_resource_group.rg", "data.azurerm_subscription.s")),
    ],
)
def test_a_wider_scope_is_a_difference(base: str, head: str, scopes: tuple[str, str], diff: Diff) -> None:
    for one, other, direction in ((base, head, "wider"), (head, base, "narrower")):
        rows = found(diff, BASE + one, BASE + other)
        kept = [row for row in rows if row["direction"] not in ("lost", "gained")]
        assert [(row["direction"], row["principal"], row["vaults"]) for row in kept] == [(direction, WHO, ["kv"])]
        old, new = scopes if direction == "wider" else scopes[::-1]
        assert (kept[0]["oldScope"], kept[0]["newScope"]) == (old, new)
        said = diff.run("base", "head", "--fail-on", "access-wider")
        assert said.code == (direction == "wider")
        assert f"at {new}, before at {old}" in said.out


def test_an_assignment_beside_one_at_the_group_changes_nothing(diff: Diff) -> None:
    more = AT_VAULT.replace('"azurerm_role_assignment" "', '"azurerm_role_assignment" "more_')
    assert found(diff, BASE + AT_GROUP, BASE + AT_GROUP + more) == []
    assert found(diff, BASE + AT_GROUP + more, BASE + AT_GROUP) == []
