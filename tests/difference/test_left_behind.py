"""What stays in Azure although HEAD does not declare it: access that a template leaves, and what Terraform forgets."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Compared, Diff
from tests.difference.test_access_changes import GROUP, OTHER, WHO, assigned, vault
from tests.difference.test_one_way_doors import door

READS = "4633458b-17de-408a-b874-0445c86b69e6"
VAULT = """
resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-app'
  location: 'westeurope'
  properties: {
    tenantId: '33333333-3333-3333-3333-333333333333'
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
  }
}
"""


def role(name: str = "guid(kv.id, 'who')", who: str = WHO, symbol: str = "who") -> str:
    return f"""
resource {symbol} 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: {name}
  scope: kv
  properties: {{
    principalId: '{who}'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{READS}')
  }}
}}
"""


def between(diff: Diff, base: str, head: str, file: str = "main.bicep") -> Compared:
    diff.write("base", {file: base})
    diff.write("head", {file: head})
    return diff.compare("base", "head", "--fail-on", "access-lost")


def test_a_template_leaves_a_role_assignment(diff: Diff) -> None:
    found = between(diff, VAULT + role(), VAULT)
    assert found.access == [("lost", WHO, ("secrets/get",), "yes", "perhaps", False)]
    assert found.document["access"][0]["decidedBy"].startswith("only a deployment stack deletes the role assignment")
    assert found.code == 0
    # In a vault that uses access policies, the role has no effect.
    assert between(diff, VAULT + role(), VAULT.replace("true", "false")).access == [
        ("lost", WHO, ("secrets/get",), "yes", "no", True)
    ]


def test_a_role_on_the_group_reaches_a_vault_that_a_template_leaves(diff: Diff) -> None:
    new = VAULT.replace("kv-app", "kv-new").replace("resource kv ", "resource other ")
    found = between(diff, VAULT + role(), new + role().replace("  scope: kv\n", "").replace("kv.id", "other.id"))
    cells = {(one["direction"], *one["vaults"], one["before"], one["after"]) for one in found.document["access"]}
    assert cells == {("lost", "kv-app", "yes", "perhaps"), ("gained", "kv-new", "no", "yes")}
    head = new + role("guid('other')", OTHER).replace("  scope: kv\n", "")
    gained = [one for one in between(diff, VAULT + role(), head).document["access"] if one["direction"] == "gained"]
    assert {(one["principal"], *one["vaults"], one["after"]) for one in gained} == {
        (OTHER, "kv-app", "perhaps"), (OTHER, "kv-new", "yes"),
    }  # fmt: skip
    doubts = {one["vaults"][0]: one["decidedBy"] for one in gained}
    assert doubts["kv-new"] == ""
    assert doubts["kv-app"].startswith("only a deployment stack or a deployment in complete mode deletes it")
    assert " and whether" not in doubts["kv-app"]


def test_an_assignment_for_another_principal_leaves_the_first(diff: Diff) -> None:
    head = VAULT + role("guid(kv.id, 'other')", OTHER)
    assert between(diff, VAULT + role(), head).access == [
        ("lost", WHO, ("secrets/get",), "yes", "perhaps", False),
        ("gained", OTHER, ("secrets/get",), "no", "yes", False),
    ]


def test_azure_rejects_another_principal_under_the_same_name(diff: Diff) -> None:
    found = between(diff, VAULT + role(), VAULT + role(who=OTHER, symbol="renamed"))
    assert (door(found)["kind"], door(found)["certain"]) == ("role-assignment", True)
    assert "RoleAssignmentUpdateNotPermitted" in door(found)["text"]
    assert found.access == []


def test_azure_rejects_another_name_for_the_same_assignment(diff: Diff) -> None:
    found = between(diff, VAULT + role(), VAULT + role("guid(resourceGroup().id, 'who')"))
    assert (door(found)["kind"], door(found)["certain"]) == ("role-assignment", True)
    assert "RoleAssignmentExists" in door(found)["text"]
    assert found.access == []
    # Names with a parameter may be equal.
    head = "param seed string\n" + VAULT + role("guid(seed)")
    assert door(between(diff, VAULT + role(), head))["certain"] is False


def test_another_symbolic_name_changes_nothing(diff: Diff) -> None:
    assert between(diff, VAULT + role(), VAULT + role(symbol="renamed")).counts == {}


POLICIES = """
resource policies 'Microsoft.KeyVault/vaults/accessPolicies@2026-02-01' = {{
  parent: kv
  name: 'add'
  properties: {{
    accessPolicies: [{{ tenantId: tenant().tenantId, objectId: '{}', permissions: {{ secrets: ['get'] }} }}]
  }}
}}
"""


def test_access_policies_of_an_existing_vault_stay(diff: Diff) -> None:
    existing = "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv-app'\n}\n"
    # The permission model is not known, so the access is possible before and after.
    assert between(diff, existing + POLICIES.format(WHO), existing).access == []
    found = between(diff, existing + POLICIES.format(WHO), existing + POLICIES.format(OTHER))
    assert [one[:2] for one in found.access] == [("gained", OTHER)]
    # A template that deploys the vault sets all of its policies.
    own = VAULT.replace("true", "false\n    accessPolicies: []")
    assert between(diff, own + POLICIES.format(WHO), own).access == [("lost", WHO, ("secrets/get",), "yes", "no", True)]


KV = vault(rbac="true")
FORGET = "removed {{\n  from = azurerm_{}\n  lifecycle {{\n    destroy = {}\n  }}\n}}\n"


@pytest.mark.parametrize(("destroy", "lost"), [("false", []), ("true", [("yes", "no")])])
def test_terraform_forgets_a_role_assignment(destroy: str, lost: list[tuple[str, str]], diff: Diff) -> None:
    base = GROUP + KV + assigned("Key Vault Secrets User")
    found = between(diff, base, GROUP + KV + FORGET.format("role_assignment.who", destroy), "main.tf")
    assert [one[3:5] for one in found.access] == lost


def test_terraform_forgets_a_vault(diff: Diff) -> None:
    base = GROUP + KV + assigned("Key Vault Secrets User")
    forgotten = GROUP + FORGET.format("key_vault.kv", "false")
    both = between(diff, base, forgotten + FORGET.format("role_assignment.who", "false"), "main.tf")
    assert both.access == []
    assert [(one["kind"], one["name"]) for one in both.document["unchangedOnExistingVaults"]] == [("unmanaged", "kv")]
    gone = [one for one in both.document["findings"] if one["state"] == "gone"]
    assert {one["note"] for one in gone} == {"no longer managed"}
    # The assignment is destroyed.
    assert between(diff, base, forgotten, "main.tf").access == [("lost", WHO, ("secrets/get",), "yes", "no", True)]
    flipped = forgotten + FORGET.format("role_assignment.who", "true")
    assert between(diff, base, flipped, "main.tf").access == [("lost", WHO, ("secrets/get",), "yes", "no", True)]


SETTINGS = """
resource "azurerm_key_vault" "kv" {
  name                       = "kv-app"
  resource_group_name        = "rg"
  location                   = "westeurope"
  rbac_authorization_enabled = %s
  access_policy {
    object_id          = "%s"
    secret_permissions = ["%s"]
  }
  lifecycle {
    ignore_changes = %s
  }
}
"""
ROLE = """
resource "azurerm_role_assignment" "who" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "%s"
  principal_id         = "%s"
  lifecycle {
    ignore_changes = %s
  }
}
"""
POLICY = """
resource "azurerm_key_vault_access_policy" "who" {
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = "%s"
  secret_permissions = ["%s"]
  lifecycle {
    ignore_changes = %s
  }
}
"""
BY_ROLES, BY_POLICIES = SETTINGS % ("true", WHO, "Get", "[]"), SETTINGS % ("false", WHO, "Get", "[]")
GETS = ("gained", WHO, ("secrets/get",), "no", "yes", False)
READER, WRITER, USER = (WHO, "Get"), (WHO, "Set"), "Key Vault Secrets User"


@pytest.mark.parametrize(
    ("base", "head", "changes"),
    [
        # The policies, the permission model, and all of a vault.
        (SETTINGS % ("false", *READER, "[]"), SETTINGS % ("false", *WRITER, "[access_policy]"), []),
        (SETTINGS % ("false", *READER, "all"), SETTINGS % ("false", *WRITER, "all"), []),
        (SETTINGS % ("true", *READER, "[]"), SETTINGS % ("false", *READER, "[rbac_authorization_enabled]"), []),
        (SETTINGS % ("true", *READER, "[]"), SETTINGS % ("false", *READER, "[tags]"), [GETS]),
        (SETTINGS % ("true", *READER, "[]"), SETTINGS % ("false", *WRITER, "[access_policy]"), [GETS]),
        # What is ignored in BASE only is changed.
        (SETTINGS % ("true", *READER, "all"), SETTINGS % ("false", *READER, "[]"), [GETS]),
        # A role assignment.
        (BY_ROLES + ROLE % ("Reader", WHO, "[]"), BY_ROLES + ROLE % (USER, WHO, "all"), []),
        (BY_ROLES + ROLE % ("Reader", WHO, "[]"), BY_ROLES + ROLE % (USER, WHO, "[principal_id]"), [GETS]),
        (
            BY_ROLES + ROLE % (USER, WHO, "[]"),
            BY_ROLES + ROLE % (USER, OTHER, "[principal_id]"),
            [],
        ),
        # An access policy of its own.
        (BY_POLICIES + POLICY % (OTHER, "Get", "[]"), BY_POLICIES + POLICY % (WHO, "Set", "all"), []),
        (
            BY_POLICIES + POLICY % (OTHER, "Get", "[]"),
            BY_POLICIES + POLICY % (OTHER, "Set", "[secret_permissions]"),
            [],
        ),
        # A new resource has what is declared.
        (BY_ROLES, BY_ROLES + ROLE % (USER, WHO, "all"), [GETS]),
    ],
)
def test_ignored_arguments_keep_their_deployed_values(
    base: str, head: str, changes: list[tuple[object, ...]], diff: Diff
) -> None:
    assert between(diff, base, head, "main.tf").access == changes


def test_moved_resources_keep_ignored_arguments(diff: Diff) -> None:
    base = BY_ROLES + ROLE % ("Reader", WHO, "all")
    moved = "moved {\n  from = azurerm_role_assignment.who\n  to = azurerm_role_assignment.they\n}\n"
    head = (BY_ROLES + ROLE % (USER, WHO, "all")).replace('"who"', '"they"')
    assert between(diff, base, head + moved, "main.tf").access == []
    assert between(diff, base, head, "main.tf").access == [GETS]
    counted = (BY_ROLES + ROLE % (USER, WHO, "all")).replace("  scope", "  count = 1\n  scope")
    assert between(diff, base, counted, "main.tf").access == []
