"""A template with several parameter files is several vaults, each compared with its own of the other side."""

from __future__ import annotations

from tests.difference.conftest import Compared, Diff

TEMPLATE = """
param name string
param reader string
param rbac bool = false
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: 'westeurope'
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
    enablePurgeProtection: true
    enableRbacAuthorization: rbac
    accessPolicies: [{ objectId: reader, permissions: { secrets: ['get'] } }]
  }
}
"""
ONE, TWO = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
ALL = {"dev": ONE, "test": ONE, "prod": ONE}


def write(diff: Diff, side: str, readers: dict[str, str], template: str = TEMPLATE) -> None:
    files = {
        f"{name}.bicepparam": f"using 'main.bicep'\nparam name = 'kv-{name}'\nparam reader = '{reader}'\n"
        for name, reader in readers.items()
    }
    diff.write(side, {"main.bicep": template, **files})


def changes(found: Compared) -> list[tuple[str, str, str, str]]:
    return [
        (one["direction"], vault["name"], vault["world"] or "", one["principal"])
        for one in found.document["access"]
        for vault in one["of"]
    ]


def test_each_vault_loses_its_own_readers(diff: Diff) -> None:
    write(diff, "base", ALL)
    write(diff, "head", ALL, TEMPLATE.replace("bool = false", "bool = true"))
    found = diff.compare("base", "head")
    assert changes(found) == [
        ("lost", f"kv-{name}", f"head/{name}.bicepparam", ONE) for name in ("dev", "prod", "test")
    ]  # fmt: skip
    out = diff.run("base", "head", "--fail-on", "access-lost").out
    for name in ALL:
        assert f"kv-{name} ({name}): {ONE} can no longer read secrets, and has no access left" in out
    assert "--fail-on access-lost: 3 differences" in out
    assert out.endswith("1 principal loses access.\n")


def test_a_reader_of_other_vaults_does_not_hide_a_loss(diff: Diff) -> None:
    write(diff, "base", ALL)
    write(diff, "head", {**ALL, "dev": TWO})
    assert changes(diff.compare("base", "head")) == [
        ("lost", "kv-dev", "head/dev.bicepparam", ONE),
        ("gained", "kv-dev", "head/dev.bicepparam", TWO),
    ]


def test_a_parameter_file_with_another_name_destroys_nothing(diff: Diff) -> None:
    write(diff, "base", ALL)
    write(diff, "head", ALL)
    (diff.folder / "head/dev.bicepparam").rename(diff.folder / "head/development.bicepparam")
    found = diff.compare("base", "head")
    assert (found.doors, changes(found)) == ([], [])
    folder = diff.folder / "head/parameters"
    folder.mkdir()
    for name in ("test", "prod"):
        file = diff.folder / f"head/{name}.bicepparam"
        (folder / file.name).write_text(file.read_text().replace("'main.bicep'", "'../main.bicep'"))
        file.unlink()
    found = diff.compare("base", "head")
    assert (found.doors, changes(found)) == ([], [])


def test_the_first_parameter_file_destroys_nothing(diff: Diff) -> None:
    template = TEMPLATE.replace("param name string", "param name string = 'kv-dev'")
    template = template.replace("param reader string", f"param reader string = '{ONE}'")
    write(diff, "base", {}, template)
    write(diff, "head", {"dev": ONE}, template)
    found = diff.compare("base", "head")
    assert (found.doors, changes(found)) == ([], [])


def test_first_parameter_file_of_a_template_without_defaults_is_uncertain(diff: Diff) -> None:
    write(diff, "base", {})
    write(diff, "head", {"dev": ONE})
    doors = diff.compare("base", "head").document["oneWayDoors"]
    # Whether BASE deploys kv-dev depends on the parameters that it was deployed with.
    assert [(one["kind"], one["name"], one["certain"]) for one in doors] == [("purge-protection", "kv-dev", False)]
    assert doors[0]["decidedBy"] == "whether BASE deploys it with other parameters"


def test_a_parameter_file_that_is_removed_destroys_nothing_for_certain(diff: Diff) -> None:
    write(diff, "base", ALL)
    write(diff, "head", {"test": ONE, "prod": ONE})
    found = diff.compare("base", "head")
    (door,) = found.document["oneWayDoors"]
    assert (door["kind"], door["name"], door["world"]) == ("deleted", "kv-dev", "base/dev.bicepparam")
    assert (door["certain"], door["decidedBy"]) == (False, "HEAD does not contain its parameter file")
    assert [one[3:] for one in found.access] == [("yes", "perhaps", False)]


def test_a_parameter_file_that_is_added_is_another_vault(diff: Diff) -> None:
    write(diff, "base", {"dev": ONE})
    write(diff, "head", {"dev": ONE, "prod": TWO})
    found = diff.compare("base", "head")
    assert [(kind, one["name"]) for (kind, _), one in zip(found.doors, found.document["oneWayDoors"], strict=True)] == [
        ("purge-protection", "kv-prod")
    ]
    assert changes(found) == [("gained", "kv-prod", "head/prod.bicepparam", TWO)]


def test_root_modules_that_share_a_module_are_named(diff: Diff) -> None:
    module = """
variable "name" {}
variable "reader" {}
resource "azurerm_key_vault" "kv" {
  name                       = var.name
  resource_group_name        = "rg"
  rbac_authorization_enabled = true
}
resource "azurerm_role_assignment" "reader" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = var.reader
}
"""
    call = 'variable "end" {}\nmodule "v" {\n  source = "../modules/v"\n  name = "kv-${var.end}"\n  reader = "%s"\n}\n'
    for side, reader in (("base", ONE), ("head", TWO)):
        diff.write(side, {"modules/v/main.tf": module, "dev/main.tf": call % ONE, "prod/main.tf": call % reader})
    found = diff.compare("base", "head").document["access"]
    assert [(one["direction"], one["of"][0]["root"]) for one in found] == [
        ("lost", "head/prod"),
        ("gained", "head/prod"),
    ]
    assert "kv of head/prod: " in diff.run("base", "head").out


ROLE = """
param manager string
resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, manager)
  properties: {
    principalId: manager
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6'
    )
  }
}
"""


def test_a_parameter_file_of_another_vault_is_another_deployment(diff: Diff) -> None:
    template = TEMPLATE.replace("bool = false", "bool = true") + ROLE
    for side, name, manager in (("base", "dev", ONE), ("head", "prod", TWO)):
        write(diff, side, {name: ONE}, template)
        file = diff.folder / side / f"{name}.bicepparam"
        file.write_text(f"{file.read_text()}param manager = '{manager}'\n")
    # The role of the old resource group says nothing of the new one.
    assert changes(diff.compare("base", "head")) == [
        ("lost", "kv-dev", "base/dev.bicepparam", ONE),
        ("gained", "kv-prod", "head/prod.bicepparam", TWO),
    ]
