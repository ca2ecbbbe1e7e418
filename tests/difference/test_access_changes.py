"""Access gained and lost: lock-outs, what is only possible, and what is only called differently."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.linter.rule_tests import expand
from tests.difference.conftest import Diff
from tests.difference.inputs import encoded

GROUP = 'resource "azurerm_resource_group" "rg" {\n  name     = "rg"\n  location = "westeurope"\n}\n'
WHO, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
POLICY = f"""
  access_policy {{
    object_id          = "{WHO}"
    secret_permissions = ["Get", "Set"]
  }}
"""
APP = """
resource "azurerm_linux_web_app" "app" {
  name                = "app"
  resource_group_name = "rg"
  identity {
    type = "SystemAssigned"
  }
}
"""
APP_POLICY = """
  access_policy {
    object_id          = azurerm_linux_web_app.app.identity[0].principal_id
    secret_permissions = ["Get"]
  }
"""


def vault(*more: str, rbac: str = "false", name: str = "kv") -> str:
    return f"""
resource "azurerm_key_vault" "{name}" {{
  name                       = "{name}"
  resource_group_name        = azurerm_resource_group.rg.name
  rbac_authorization_enabled = {rbac}
{"".join(more)}
}}
"""


def assigned(role: str, who: str = WHO, to: str = "azurerm_key_vault.kv.id", name: str = "who") -> str:
    return f"""
resource "azurerm_role_assignment" "{name}" {{
  scope                = {to}
  role_definition_name = "{role}"
  principal_id         = "{who}"
}}
"""


def changes(diff: Diff, base: str, head: str) -> list[tuple[str, str, tuple[str, ...], str, str, bool]]:
    folders = [diff.write(name, {"main.tf": GROUP + text}) for name, text in (("base", base), ("head", head))]
    return diff.compare(*folders).access


def test_a_switch_to_rbac_locks_out_the_principals_of_policies(diff: Diff) -> None:
    assert changes(diff, vault(POLICY), vault(POLICY, rbac="true")) == [
        ("lost", WHO, ("secrets/get", "manage"), "yes", "no", True)
    ]
    # With a role that covers the policy, the principal keeps its access.
    head = vault(POLICY, rbac="true") + assigned("Key Vault Secrets Officer")
    assert changes(diff, vault(POLICY), head) == [("gained", WHO, ("purge",), "no", "yes", False)]


def test_a_principal_that_deploys_is_locked_out(diff: Diff) -> None:
    deploys = assigned("Key Vault Contributor", to="azurerm_resource_group.rg.id")
    found = changes(diff, vault(rbac="true") + deploys, vault(rbac="true"))
    lost = {name for one in found for name in one[2] if one[0] == "lost"}
    assert {"manage", "network", "access", "delete"} <= lost | {"access"}
    assert {one[5] for one in found if one[3] == "yes"} == {True}


def test_principal_that_keeps_some_access_is_not_locked_out(diff: Diff) -> None:
    less = POLICY.replace('["Get", "Set"]', '["Set"]')
    assert changes(diff, vault(POLICY), vault(less)) == [("lost", WHO, ("secrets/get",), "yes", "no", False)]


def test_an_app_is_locked_out_by_name(diff: Diff) -> None:
    assert changes(diff, APP + vault(APP_POLICY), APP + vault()) == [
        ("lost", "azurerm_linux_web_app.app", ("secrets/get",), "yes", "no", True)
    ]


def test_access_that_is_gained(diff: Diff) -> None:
    head = vault(rbac="true") + assigned("Key Vault Secrets User", OTHER)
    assert changes(diff, vault(rbac="true"), head) == [("gained", OTHER, ("secrets/get",), "no", "yes", False)]


def test_access_by_another_path_is_not_a_difference(diff: Diff) -> None:
    base = vault(rbac="true") + assigned("Key Vault Secrets User")
    head = vault(rbac="true") + assigned("Key Vault Secrets User", name="other")
    assert changes(diff, base, head) == []
    head = vault(rbac="true") + assigned("Key Vault Secrets User", to="azurerm_resource_group.rg.id", name="other")
    assert changes(diff, base, head) == [("wider", WHO, ("secrets/get",), "yes", "yes", False)]


def test_access_that_becomes_unknown_is_possibly_lost(diff: Diff) -> None:
    variable = 'variable "rbac" {\n  type = bool\n}\n'
    (one,) = [one for one in changes(diff, vault(POLICY), variable + vault(POLICY, rbac="var.rbac")) if one[1] == WHO]
    assert one == ("lost", WHO, ("secrets/get", "manage"), "yes", "perhaps", False)


def test_moved_principals_and_vaults_keep_their_access(diff: Diff) -> None:
    text = APP + vault(APP_POLICY)
    renamed = text.replace('"azurerm_linux_web_app" "app"', '"azurerm_linux_web_app" "web"')
    renamed = renamed.replace("azurerm_linux_web_app.app", "azurerm_linux_web_app.web")
    renamed = renamed.replace('"azurerm_key_vault" "kv"', '"azurerm_key_vault" "main"')
    moves = "".join(
        f"moved {{\n  from = {old}\n  to   = {new}\n}}\n"
        for old, new in (
            ("azurerm_linux_web_app.app", "azurerm_linux_web_app.web"),
            ("azurerm_key_vault.kv", "azurerm_key_vault.main"),
        )
    )
    assert changes(diff, text, renamed + moves) == []


def test_a_principal_with_a_first_instance_keeps_its_access(diff: Diff) -> None:
    counted = APP.replace("{\n", "{\n  count = 1\n", 1)
    policy = APP_POLICY.replace("app.app.", "app.app[0].")
    assert changes(diff, APP + vault(APP_POLICY), counted + vault(policy)) == []
    assert changes(diff, counted + vault(policy), APP + vault(APP_POLICY)) == []


def test_each_vault_has_the_capabilities_that_it_loses(diff: Diff) -> None:
    policy = POLICY.replace('["Get", "Set"]', '["Get"]')
    base = vault(POLICY, name="kv") + vault(policy, name="other")
    diff.write("base", {"main.tf": GROUP + base})
    diff.write("head", {"main.tf": GROUP + vault(name="kv") + vault(name="other")})
    found = diff.compare("base", "head").document["access"]
    lost = {(tuple(one["vaults"]), tuple(one["permissions"])) for one in found}
    assert lost == {(("kv",), ("secrets/get", "manage")), (("other",), ("secrets/get",))}


def test_lock_out_in_one_plan_is_reported(diff: Diff) -> None:
    text = f"""
provider.azurerm: {{version: "~> 4.81", features: {{}}}}
azurerm_key_vault.kv:
  $action: update
  id: /subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv
  name: kv
  purge_protection_enabled: true
  rbac_authorization_enabled: true
  access_policy: [{{object_id: "{WHO}", secret_permissions: [Get]}}]
"""
    plan: dict[str, Any] = json.loads(expand(text))
    change = plan["resource_changes"][0]["change"]
    change["before"] = {**change["after"], "rbac_authorization_enabled": False}
    name = diff.write("plan.json", encoded(plan))
    assert diff.compare(name).access == [("lost", WHO, ("secrets/get",), "yes", "no", True)]
    said = diff.run(name, "--fail-on", "access-lost")
    assert said.code == 1
    assert f"kv: {WHO} can no longer read secrets, and has no access left" in said.out
    assert said.out.endswith("1 principal loses access.\n")


@pytest.mark.parametrize(
    ("gate", "words", "code"),
    [
        ("access-lost", (), 1),
        ("access-gained", (), 0),
        ("one-way", (), 0),
        ("access-gained,access-lost", (), 1),
        ("none", (), 0),
    ],
)
def test_gates_on_access_set_the_exit_code(gate: str, words: tuple[str, ...], code: int, diff: Diff) -> None:
    diff.write("base", {"main.tf": GROUP + vault(POLICY)})
    diff.write("head", {"main.tf": GROUP + vault()})
    assert diff.run("base", "head", "--fail-on", gate, *words).code == code


def test_strict_gate_counts_possible_losses(diff: Diff) -> None:
    variable = 'variable "rbac" {\n  type = bool\n}\n'
    diff.write("base", {"main.tf": GROUP + vault(POLICY)})
    diff.write("head", {"main.tf": variable + GROUP + vault(POLICY, rbac="var.rbac")})
    words = ("base", "head", "--fail-on", "access-lost")
    assert (diff.run(*words).code, diff.run(*words, "--strict").code) == (0, 1)
