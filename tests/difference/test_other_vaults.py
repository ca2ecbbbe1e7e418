"""Which vault and which principal gains or loses access: a neighbour that goes, other names, and other identities."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Diff
from tests.difference.test_access_changes import GROUP, OTHER, WHO, assigned, vault

USER = "Key Vault Secrets User"
AT_GROUP = assigned(USER, to="azurerm_resource_group.rg.id")
PAIR = tuple[str, str, str, str, str]


def rows(diff: Diff, base: str, head: str, file: str = "main.tf") -> list[PAIR]:
    """What is lost and gained: direction, vault, principal and certainties."""
    diff.write("base", {file: base})
    diff.write("head", {file: head})
    return [
        (one["direction"], name, one["principal"], one["before"], one["after"])
        for one in diff.compare("base", "head").document["access"]
        for name in one["vaults"]
    ]


@pytest.mark.parametrize("kept", [("a",), ("a", "c")])
def test_a_vault_that_goes_leaves_its_neighbours_alone(kept: tuple[str, ...], diff: Diff) -> None:
    every = {name: vault(rbac="true", name=name) for name in ("a", "b", "c")}
    head = "".join(every[name] for name in kept)
    gone = sorted(set(every) - set(kept))
    found = rows(diff, GROUP + "".join(every.values()) + AT_GROUP, GROUP + head + AT_GROUP)
    assert found == [("lost", name, WHO, "yes", "no") for name in gone]
    assert rows(diff, GROUP + head + AT_GROUP, GROUP + "".join(every.values()) + AT_GROUP) == [
        ("gained", name, WHO, "no", "yes") for name in gone
    ]


def test_access_is_lost_on_the_vault_of_base(diff: Diff) -> None:
    base = GROUP + vault(rbac="true") + assigned(USER)
    renamed = vault(rbac="true").replace('"kv"\n', '"kv-new"\n')
    assert rows(diff, base, GROUP + renamed + assigned(USER, OTHER)) == [
        ("lost", "kv", WHO, "yes", "no"), ("gained", "kv-new", OTHER, "no", "yes")
    ]  # fmt: skip
    assert rows(diff, base, GROUP + renamed + assigned(USER)) == [
        ("lost", "kv", WHO, "yes", "no"), ("gained", "kv-new", WHO, "no", "yes")
    ]  # fmt: skip


def test_a_data_source_that_names_another_vault(diff: Diff) -> None:
    text = 'data "azurerm_key_vault" "kv" {\n  name                = "kv-dev"\n  resource_group_name = "rg"\n}\n'
    text += assigned("Owner", to="data.azurerm_key_vault.kv.id")
    found = rows(diff, text, text.replace("kv-dev", "kv-prod"))
    assert {one[:2] for one in found} == {("lost", "kv-dev"), ("gained", "kv-prod")}
    assert {one[3:] for one in found if one[0] == "gained"} >= {("no", "yes")}
    # Another name of the data source itself is none of the vault.
    other = text.replace('"azurerm_key_vault" "kv"', '"azurerm_key_vault" "other"')
    assert rows(diff, text, other.replace("azurerm_key_vault.kv.id", "azurerm_key_vault.other.id")) == []


def test_an_identity_with_another_name_is_another_principal(diff: Diff) -> None:
    identity = """
resource "azurerm_user_assigned_identity" "app" {
  name                = "id-app"
  resource_group_name = "rg"
  location            = "westeurope"
}
"""
    base = (
        GROUP
        + vault(rbac="true")
        + identity
        + assigned(USER).replace(f'"{WHO}"', "azurerm_user_assigned_identity.app.principal_id")
    )
    label = "azurerm_user_assigned_identity.app (`id-{}`)"
    assert rows(diff, base, base.replace("id-app", "id-new")) == [
        ("lost", "kv", label.format("app"), "yes", "no"), ("gained", "kv", label.format("new"), "no", "yes")
    ]  # fmt: skip
    assert rows(diff, base, base.replace('"id-app"', "var.name") + 'variable "name" { type = string }\n') == []


def test_two_folders_with_other_vaults_are_two_deployments(diff: Diff) -> None:
    def written(side: str, folder: str, name: str) -> None:
        text = GROUP + vault(rbac="true").replace('"kv"\n', f'"{name}"\n') + assigned(USER)
        diff.write(side, {f"envs/{folder}/main.tf": text, "envs/x/main.tf": GROUP + vault(name="other")})

    written("base", "prod", "kv-prod")
    written("head", "test", "kv-test")
    found = diff.compare("base", "head").document
    assert [(one["kind"], one["name"], one["certain"]) for one in found["oneWayDoors"]] == [
        ("deleted", "kv-prod", False), ("retention", "kv-test", True)
    ]  # fmt: skip
    assert [(one["direction"], one["vaults"], one["after"]) for one in found["access"]] == [
        ("lost", ["kv-prod"], "perhaps"), ("gained", ["kv-test"], "yes")
    ]  # fmt: skip
    # A folder with the same vault has another name.
    written("moved", "production", "kv-prod")
    assert diff.compare("base", "moved").counts == {}
