"""Modules that only one side can read: what they may declare is neither gone, destroyed, lost nor new for certain."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Diff
from tests.difference.test_access_changes import GROUP, WHO, assigned, vault

MISSING = 'module "m" {\n  source = "git::https://example.com/kv.git?ref=v1"\n}\n'
LOCAL = 'module "m" {\n  source = "./m"\n}\n'
READER = "Key Vault Secrets User"
DOUBT = "what HEAD declares in modules that are not read: module `git::https://example.com/kv.git` is not installed"


def write(diff: Diff, name: str, main: str, module: str = "") -> None:
    diff.write(name, {"main.tf": GROUP + main, **({"m/main.tf": module} if module else {})})


def test_a_vault_in_a_module_that_head_cannot_read_is_perhaps_destroyed(diff: Diff) -> None:
    inner = vault(rbac="true").replace("azurerm_resource_group.rg.name", '"rg"') + assigned(READER)
    write(diff, "base", LOCAL, inner)
    write(diff, "head", MISSING)
    found = diff.compare("base", "head")
    (door,) = found.document["oneWayDoors"]
    assert (door["kind"], door["certain"], door["decidedBy"]) == ("deleted", False, DOUBT)
    assert found.access == [("lost", WHO, ("secrets/get",), "yes", "perhaps", False)]
    assert found.findings("gone") == []
    assert ("KV001", "module.m.azurerm_key_vault.kv") in found.findings("unknown")


def test_a_vault_that_moves_into_a_module_that_head_cannot_read_is_perhaps_destroyed(diff: Diff) -> None:
    moved = "moved {\n  from = azurerm_key_vault.kv\n  to   = module.m.azurerm_key_vault.this\n}\n"
    write(diff, "base", vault(rbac="true"))
    write(diff, "head", MISSING + moved)
    found = diff.compare("base", "head")
    assert [(one["kind"], one["certain"]) for one in found.document["oneWayDoors"]] == [("deleted", False)]
    assert found.findings("gone") == []


def test_a_vault_outside_of_such_a_module_is_destroyed(diff: Diff) -> None:
    write(diff, "base", vault(rbac="true") + assigned(READER))
    write(diff, "head", MISSING)
    found = diff.compare("base", "head")
    assert [(one["kind"], one["certain"]) for one in found.document["oneWayDoors"]] == [("deleted", True)]
    assert ("KV001", "azurerm_key_vault.kv") in found.findings("gone")
    # The module may deploy a vault of the same name.
    assert found.access == [("lost", WHO, ("secrets/get",), "yes", "perhaps", False)]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_role_that_such_a_module_may_assign_is_perhaps_kept(diff: Diff, is_reversed: bool) -> None:
    write(diff, "base", vault(rbac="true") + assigned(READER))
    write(diff, "head", vault(rbac="true") + MISSING)
    names = ("head", "base") if is_reversed else ("base", "head")
    expected = ("gained", "perhaps", "yes") if is_reversed else ("lost", "yes", "perhaps")
    found = diff.compare(*names)
    assert [(one[0], *one[3:5]) for one in found.access] == [expected]
    assert found.doors == []


def test_findings_on_resources_that_base_may_declare_are_unknown(diff: Diff) -> None:
    inner = vault(rbac="true").replace("azurerm_resource_group.rg.name", '"rg"')
    write(diff, "base", MISSING)
    write(diff, "head", LOCAL, inner)
    found = diff.compare("base", "head")
    assert found.findings("new") == []
    assert ("KV001", "module.m.azurerm_key_vault.kv") in found.findings("unknown")
    assert [one["certain"] for one in found.document["oneWayDoors"]] == [False]


def test_modules_that_neither_side_reads_decide_nothing(diff: Diff) -> None:
    write(diff, "base", vault(rbac="true") + assigned(READER) + MISSING)
    write(diff, "head", vault(rbac="true") + MISSING.replace("v1", "v2"))
    assert diff.compare("base", "head").access == [("lost", WHO, ("secrets/get",), "yes", "no", True)]
    # One that only HEAD calls may assign the role, though BASE calls another one of the same source.
    write(diff, "head", vault(rbac="true") + MISSING + MISSING.replace('"m"', '"other"'))
    assert [one[3:5] for one in diff.compare("base", "head").access] == [("yes", "perhaps")]


BICEP = """
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-app'
  location: 'westeurope'
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: false
    accessPolicies: [%s]
  }
}
"""
POLICY = (
    "{ tenantId: '11111111-1111-1111-1111-111111111111', objectId: '" + WHO + "', permissions: { secrets: ['get'] } }"
)
REGISTRY = "module m 'br:example.azurecr.io/policies:1' = { name: 'm' }\n"


def test_a_policy_that_a_module_of_a_registry_may_add_is_perhaps_kept(diff: Diff) -> None:
    diff.write("base", {"main.bicep": BICEP % POLICY})
    diff.write("head", {"main.bicep": BICEP % "" + REGISTRY})
    found = diff.compare("base", "head")
    assert [(one[0], *one[3:5]) for one in found.access] == [("lost", "yes", "perhaps")]
    # The other way round, BASE may have had it.
    found = diff.compare("head", "base")
    assert [(one[0], *one[3:5]) for one in found.access] == [("gained", "perhaps", "yes")]


def test_a_vault_that_a_module_of_a_registry_may_declare_is_not_new(diff: Diff) -> None:
    rest = "resource other 'Microsoft.Network/virtualNetworks@2023-11-01' = {\n  name: 'v'\n}\n"
    diff.write("base", {"main.bicep": rest + REGISTRY})
    diff.write("head", {"main.bicep": rest + BICEP % POLICY})
    found = diff.compare("base", "head")
    assert found.findings("new") == []
    assert [one["certain"] for one in found.document["oneWayDoors"]] == [False]
