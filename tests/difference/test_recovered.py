"""A vault that HEAD, or BASE, recovers or may recover: Azure keeps the properties that it had."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Diff
from tests.difference.test_deployed import OLD, READER, bicep, write

RBAC_OFF, RBAC_ON = "enableRbacAuthorization: false", "enableRbacAuthorization: true"
UNKNOWN_MODE = "param mode string\n"
OTHER = "44444444-4444-4444-4444-444444444444"


def maybe_recovered(*more: str) -> str:
    return UNKNOWN_MODE + bicep(OLD, *more, "createMode: mode")


def test_access_is_kept_if_both_modes_keep_it(diff: Diff) -> None:
    write(diff, bicep(OLD, RBAC_OFF), maybe_recovered(RBAC_OFF))
    found = diff.compare("base", "head")
    assert found.access == []


def test_an_unknown_mode_changes_access_only_perhaps(diff: Diff) -> None:
    write(diff, bicep(OLD, RBAC_OFF), maybe_recovered(RBAC_OFF).replace(READER, OTHER))
    found = diff.compare("base", "head")
    assert found.access == [
        ("lost", READER, ("secrets/get", "purge"), "yes", "perhaps", False),
        ("gained", OTHER, ("secrets/get", "purge"), "no", "perhaps", False),
    ]
    assert {one["decidedBy"] for one in found.document["access"]} == {
        "whether the deployment recovers the vault, which keeps its properties: parameter `mode` has no value"
    }
    assert found.code == 0 or "access" not in " ".join(one["gate"] for one in found.document["gates"])


def test_an_unknown_mode_changes_the_permission_model_only_perhaps(diff: Diff) -> None:
    write(diff, bicep(OLD, RBAC_OFF), maybe_recovered(RBAC_ON))
    assert diff.compare("base", "head").access == [
        ("lost", READER, ("secrets/get", "purge"), "yes", "perhaps", False),
    ]


@pytest.mark.parametrize("mode", ["createMode: 'recover'", "createMode: mode"])
def test_access_to_a_vault_that_base_recovered_may_have_existed_before(diff: Diff, mode: str) -> None:
    write(diff, UNKNOWN_MODE + bicep(OLD, RBAC_OFF, mode), bicep(OLD, RBAC_OFF))
    found = diff.compare("base", "head")
    gained = [one for one in found.access if one[0] == "gained"]
    assert gained == [("gained", READER, ("secrets/get", "purge"), "perhaps", "yes", False)]
    assert "which was only possible before" in diff.run("base", "head").out


def test_control_of_a_vault_that_base_recovered_is_gained_for_certain(diff: Diff) -> None:
    role = (
        "resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {\n"
        "  name: guid(kv.id)\n  scope: kv\n  properties: {\n"
        f"    principalId: '{OTHER}'\n    principalType: 'User'\n"
        "    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', "
        "'f25e0fa2-a7c8-4377-a976-54943a77a395')\n  }\n}\n"  # Key Vault Contributor
    )
    base = bicep(OLD, "createMode: 'recover'")
    write(diff, base, bicep(OLD, RBAC_OFF) + role)
    found = {name: one[3:5] for one in diff.compare("base", "head").access if one[1] == OTHER for name in one[2]}
    assert (found["network"], found["secrets/get"]) == (("no", "yes"), ("perhaps", "yes"))


def test_findings_on_a_vault_that_head_recovers_stay(diff: Diff) -> None:
    base = bicep(OLD, RBAC_OFF)
    write(diff, base, bicep(OLD, RBAC_ON, "enablePurgeProtection: true", "createMode: 'recover'"))
    found = diff.compare("base", "head")
    assert found.findings("gone") == []
    assert {("KV001", "kv"), ("KV301", "kv"), ("KV302", "kv")} <= set(found.findings("unchanged"))
    said = diff.run("base", "head").out
    assert "Gone:" not in said
    assert "the result for kv is unknown: HEAD recovers the vault, which is not evaluated (failed before)" in said
    assert found.findings("new") == [("KV016", "kv")]


def test_findings_on_a_vault_that_is_deployed_after_its_recovery_are_new_only_if_it_declares_them(diff: Diff) -> None:
    write(diff, bicep(OLD, RBAC_OFF, "createMode: 'recover'"), bicep(OLD, RBAC_ON))
    found = diff.compare("base", "head")
    assert ("KV016", "kv") in found.findings("gone")
    assert ("KV301", "kv") not in found.findings("new")


AZAPI = """
resource "azapi_resource" "kv" {
  type      = "Microsoft.KeyVault/vaults@2026-02-01"
  name      = "kv-app"
  location  = "westeurope"
  parent_id = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/a"
  body = {
    properties = {
      createMode              = "%s"
      enablePurgeProtection   = %s
      enableRbacAuthorization = true
    }
  }
}
"""


def test_findings_on_a_vault_of_azapi_that_head_recovers_stay(diff: Diff) -> None:
    diff.write("base", {"main.tf": AZAPI % ("default", "null")})
    diff.write("head", {"main.tf": AZAPI % ("recover", "true")})
    found = diff.compare("base", "head")
    assert ("KV001", "azapi_resource.kv") in found.findings("unchanged")
    assert found.findings("gone") == []
