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
def test_deleted_vault_does_not_affect_other_vaults(kept: tuple[str, ...], diff: Diff) -> None:
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


LITERAL = "11111111-1111-1111-1111-111111111111"
DEPLOYED = """resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-a'
  location: 'westeurope'
  properties: { tenantId: tenant().tenantId, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true }
}
"""
EXISTING = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = {\n  name: 'kv-a'\n}\n"
USERS = "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')"
ASSIGNED = f"""resource ra 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid(kv.id, ID, 'x')
  scope: kv
  properties: {{ principalId: PRINCIPAL, roleDefinitionId: {USERS} }}
}}
"""
IDENTITY = """resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'NAME'
  location: 'westeurope'
}
"""


def changed(diff: Diff) -> list[tuple[str, str, str, str, bool]]:
    return [
        (one["direction"], one["principal"], one["before"], one["after"], one["lockout"])
        for one in diff.compare("base", "head").document["access"]
    ]


def test_a_vault_that_a_template_only_refers_to_is_the_deployed_one(diff: Diff) -> None:
    role = ASSIGNED.replace("ID", f"'{LITERAL}'").replace("PRINCIPAL", f"'{LITERAL}'")
    diff.write("base", {"main.bicep": DEPLOYED + role})
    diff.write("head", {"main.bicep": EXISTING + role})
    assert changed(diff) == [("lost", LITERAL, "yes", "perhaps", False)]
    diff.write("base", {"main.bicep": EXISTING + role})
    diff.write("head", {"main.bicep": DEPLOYED + role})
    assert changed(diff) == [("gained", LITERAL, "perhaps", "yes", False)]


def test_an_identity_that_a_template_renames_stays_with_its_role(diff: Diff) -> None:
    role = ASSIGNED.replace("ID", "id.id").replace("PRINCIPAL", "id.properties.principalId")
    diff.write("base", {"main.bicep": DEPLOYED + IDENTITY.replace("NAME", "id-one") + role})
    diff.write("head", {"main.bicep": DEPLOYED + IDENTITY.replace("NAME", "id-two") + role})
    assert changed(diff) == [
        ("lost", "id (`id-one`)", "yes", "perhaps", False), ("gained", "id (`id-two`)", "no", "yes", False)
    ]  # fmt: skip


def test_renamed_symbolic_name_of_an_identity_is_not_a_difference(diff: Diff) -> None:
    role = ASSIGNED.replace("ID", "id.id").replace("PRINCIPAL", "id.properties.principalId")
    text = DEPLOYED + IDENTITY.replace("NAME", "id-one") + role
    diff.write("base", {"main.bicep": text})
    other = text.replace("resource id ", "resource other ").replace("id.id", "other.id")
    diff.write("head", {"main.bicep": other.replace("id.properties", "other.properties")})
    assert changed(diff) == []


def test_a_vault_that_is_named_by_its_id_and_then_deployed(diff: Diff) -> None:
    """The vault is created, and with it the access of who has a role on it."""
    vault = 'resource "azurerm_key_vault" "kv" {\n  name = "kv-a"\n  resource_group_name = "g"\n'
    vault += "  rbac_authorization_enabled = true\n}\n"
    text = 'resource "azurerm_role_assignment" "r" {\n  scope = SCOPE\n'
    text += f'  role_definition_name = "Key Vault Secrets User"\n  principal_id = "{LITERAL}"\n}}\n'
    group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g"
    by_id = text.replace("SCOPE", f'"{group}/providers/Microsoft.KeyVault/vaults/kv-a"')
    by_reference = text.replace("SCOPE", "azurerm_key_vault.kv.id")
    diff.write("base", {"main.tf": by_id})
    diff.write("head", {"main.tf": vault + by_reference})
    assert changed(diff) == [("gained", LITERAL, "no", "yes", False)]
    diff.write("base", {"main.tf": vault + by_id})
    assert changed(diff) == []


@pytest.mark.parametrize(("name", "is_sure"), [("kv-dev-", False), ("kv-", True), ("", True)])
def test_a_folder_with_a_vault_of_another_name_is_another_deployment(diff: Diff, name: str, is_sure: bool) -> None:
    """A folder whose vault may have the name of the old one is the old folder under another name."""
    suffix = 'resource "random_string" "s" {\n  length = 4\n}\n'
    head = suffix + vault(rbac="true").replace(
        'name                       = "kv"', f'name = "{name}${{random_string.s.result}}"'
    )
    diff.write("base", {"prod/main.tf": GROUP + vault(rbac="true").replace('"kv"\n', '"kv-prod"\n') + assigned(USER)})
    diff.write("head", {"dev/main.tf": GROUP + head})
    found = diff.compare("base", "head").access
    assert ("lost", WHO, ("secrets/get",), "yes", "no" if is_sure else "perhaps", is_sure) in found
