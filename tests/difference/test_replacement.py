"""What replaces what: other addresses in Terraform, and other names in templates."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Compared, Diff
from tests.difference.test_one_way_doors import DAY, OTHER, door

VAULT = """
resource "azurerm_key_vault" "%s" {
  %s
  name                     = "%s"
  resource_group_name      = "rg"
  location                 = "westeurope"
  purge_protection_enabled = true
  rbac_authorization_enabled = true
}
"""
KV, ONE = "azurerm_key_vault.kv", 'azurerm_key_vault.kv["app"]'


def vault(more: str = "", name: str = "kv-app", local: str = "kv") -> str:
    return VAULT % (local, more, name)


def between(diff: Diff, base: str, head: str) -> Compared:
    for name, text in (("base", base), ("head", head)):
        diff.write(name, {"main.tf": OTHER + text})
    return diff.compare("base", "head", *DAY)


EACH = 'for_each = toset(["app"])'
PLAIN, COUNTED, KEYED = vault(), vault("count = 1"), vault(EACH, "kv-${each.key}")


@pytest.mark.parametrize(
    ("base", "head", "old", "new"),
    [
        (KEYED, vault('for_each = { prod = "app" }', "kv-${each.value}"), ONE, 'azurerm_key_vault.kv["prod"]'),
        (COUNTED, KEYED, f"{KV}[0]", ONE),
        (KEYED, PLAIN, ONE, KV),
        (PLAIN, vault(local="other"), KV, "azurerm_key_vault.other"),
    ],
)
def test_another_address_replaces_a_vault(base: str, head: str, old: str, new: str, diff: Diff) -> None:
    found = between(diff, base, head)
    replaced = [one for one in found.document["oneWayDoors"] if one["kind"] == "replaced"]
    assert [(one["resource"], one["name"], one["certain"]) for one in replaced] == [(old, "kv-app", True)]
    assert f"{old} is replaced (its address changes to {new} without a `moved` block)" in replaced[0]["text"]
    assert not diff.run("base", "head").out.startswith("No differences")
    # With a block for it, nothing is destroyed.
    moved = f"moved {{\n  from = {old}\n  to   = {new}\n}}\n"
    assert "replaced" not in {kind for kind, _ in between(diff, base, head + moved).doors}


@pytest.mark.parametrize(("base", "head"), [(PLAIN, COUNTED), (COUNTED, PLAIN)])
def test_terraform_moves_to_and_from_the_first_instance(base: str, head: str, diff: Diff) -> None:
    assert between(diff, base, head).counts == {}


def test_the_first_instance_may_have_another_name(diff: Diff) -> None:
    head = vault("count = 2", 'kv-${count.index == 1 ? "app" : "other"}')
    text = next(one["text"] for one in between(diff, PLAIN, head).document["oneWayDoors"] if one["kind"] == "replaced")
    assert f"{KV}[0] is replaced (`name` changes from `kv-app` to `kv-other`)" in text


def test_the_key_of_a_module_replaces_its_vaults(diff: Diff) -> None:
    call = 'module "v" {\n  source   = "./kv"\n  for_each = %s\n  name     = each.value\n}\n'
    module = OTHER + 'variable "name" {}\n' + vault(name="kv-${var.name}")
    for name, keys in (("base", 'toset(["a"])'), ("head", '{ prod = "a" }')):
        diff.write(name, {"main.tf": call % keys, "kv/main.tf": module})
    (found,) = diff.compare("base", "head").document["oneWayDoors"]
    assert (found["kind"], found["resource"]) == ("replaced", 'module.v["a"].azurerm_key_vault.kv')


def test_another_key_with_another_name_is_another_vault(diff: Diff) -> None:
    head = vault('for_each = toset(["web"])', "kv-${each.key}")
    assert between(diff, KEYED, head).doors == [
        ("deleted", ONE), ("purge-protection", 'azurerm_key_vault.kv["web"]')
    ]  # fmt: skip


def test_instance_keys_that_are_not_known_delete_nothing_for_certain(diff: Diff) -> None:
    head = 'variable "names" { type = set(string) }\n' + vault("for_each = var.names", "kv-${each.key}")
    found = door(between(diff, KEYED, head))
    assert (found["kind"], found["certain"]) == ("deleted", False)
    assert found["decidedBy"] == f"the instance keys of {KV} are not known"
    assert between(diff, head, head).doors == []


REMOVED = "removed {{\n  from = azurerm_key_vault.kv\n  lifecycle {{\n    destroy = {}\n  }}\n}}\n"
IMPORT = 'import {\n  to = azurerm_key_vault.other\n  id = "/subscriptions/0/resourceGroups/rg/vaults/kv-app"\n}\n'


def test_a_removed_block_is_for_every_instance(diff: Diff) -> None:
    assert between(diff, KEYED, REMOVED.format("false")).doors == []
    assert between(diff, KEYED, REMOVED.format("true")).doors == [("deleted", ONE)]


def test_a_vault_that_is_imported_is_not_created(diff: Diff) -> None:
    other = vault(local="other")
    assert between(diff, "", other + IMPORT).doors == []
    # The same vault has another address, and is never destroyed.
    assert between(diff, PLAIN, other + REMOVED.format("false") + IMPORT).counts == {}
    # Without a `removed` block, Terraform destroys it.
    assert between(diff, PLAIN, other + IMPORT).doors == [("replaced", KV)]


def test_vault_imported_by_for_each_is_not_created(diff: Diff) -> None:
    block = IMPORT.replace("azurerm_key_vault.other", "azurerm_key_vault.kv[each.key]").replace(
        "import {\n", 'import {\n  for_each = toset(["app"])\n'
    )
    assert between(diff, "", KEYED + block).doors == []


BICEP = """
param name string = '%s'
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: 'westeurope'
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
    enablePurgeProtection: true
    enableRbacAuthorization: false
    accessPolicies: [{ objectId: '%s', permissions: { secrets: ['get'] } }]
  }
}
"""
WHO = "22222222-2222-2222-2222-222222222222"


def test_another_name_in_a_template_leaves_the_vault_behind(diff: Diff) -> None:
    for side, name in (("base", "kv-app"), ("head", "kv-app2")):
        diff.write(side, {"main.bicep": BICEP % (name, WHO)})
    found = diff.compare("base", "head")
    old, new = found.document["oneWayDoors"]
    assert (old["kind"], old["name"], old["certain"]) == ("deleted", "kv-app", False)
    assert "kv (`kv-app`) is deleted (the template declares kv (`kv-app2`) instead" in old["text"]
    assert "deployment stack" in old["decidedBy"]
    assert (new["kind"], new["name"], new["certain"]) == ("purge-protection", "kv-app2", True)
    # In incremental mode, the old vault keeps its access policies.
    assert found.access == [
        ("lost", WHO, ("secrets/get",), "yes", "perhaps", False),
        ("gained", WHO, ("secrets/get",), "no", "yes", False),
    ]
    assert [[one["name"] for one in change["of"]] for change in found.document["access"]] == [["kv-app"], ["kv-app2"]]
    assert diff.run("base", "head", "--fail-on", "access-lost").code == 0


def test_a_vault_that_another_template_declares_is_not_left_behind(diff: Diff) -> None:
    diff.write("base", {"a/main.bicep": BICEP % ("kv-app", WHO), "b/main.bicep": BICEP % ("kv-web", WHO)})
    both = BICEP % ("kv-web", WHO) + (BICEP % ("kv-app", WHO)).replace("param name", "param other").replace(
        "resource kv", "resource app"
    ).replace("name: name", "name: other")
    diff.write("head", {"b/main.bicep": both})
    found = diff.compare("base", "head")
    assert (found.doors, found.access) == ([], [])


IGNORED = """
resource "azurerm_key_vault" "kv" {
  name                     = "kv-app"
  resource_group_name      = "rg"
  location                 = "%s"
  purge_protection_enabled = %s
  lifecycle {
    ignore_changes = %s
  }
}
"""


@pytest.mark.parametrize(
    ("ignored", "doors"),
    [
        ("[location, purge_protection_enabled]", []),
        ("all", []),
        ("[location]", ["purge-protection"]),
        ("[purge_protection_enabled]", ["replaced"]),
        ("[tags]", ["replaced"]),
    ],
)
def test_ignored_change_is_not_a_difference(ignored: str, doors: list[str], diff: Diff) -> None:
    for side, values in (("base", ("westeurope", "true")), ("head", ("northeurope", "false"))):
        diff.write(side, {"main.tf": IGNORED % (*values, ignored)})
    assert [kind for kind, _ in diff.compare("base", "head").doors] == doors


PROTECTED = "lifecycle {\n    prevent_destroy = %s\n  }"


@pytest.mark.parametrize(
    ("base", "head", "doors"),
    [
        ("true", "true", [("prevent-destroy", True)]),
        ("false", "true", [("prevent-destroy", True)]),
        # What HEAD contains is in effect.
        ("true", "false", [("replaced", True)]),
        ("false", "var.is_protected", [("replaced", False)]),
    ],
)
def test_replacement_with_prevent_destroy_is_refused(
    base: str, head: str, doors: list[tuple[str, bool]], diff: Diff
) -> None:
    old, new = vault(PROTECTED % base), vault(PROTECTED % head).replace("westeurope", "northeurope")
    found = between(diff, old, new + 'variable "is_protected" {}\n').document["oneWayDoors"]
    assert [(one["kind"], one["certain"]) for one in found] == doors
    if doors[0][0] == "prevent-destroy":
        assert found[0]["text"] == (
            f"{KV} would be replaced (`location` changes from `westeurope` to `northeurope`): "
            "Terraform refuses this (`prevent_destroy`)"
        )


def test_without_its_block_a_protected_vault_is_deleted(diff: Diff) -> None:
    assert between(diff, vault(PROTECTED % "true"), "").doors == [("deleted", KV)]


def test_terraform_refuses_to_replace_a_protected_key(diff: Diff) -> None:
    key = """
resource "azurerm_key_vault_key" "cmk" {{
  name         = "{}"
  key_vault_id = azurerm_key_vault.kv.id
  key_type     = "RSA"
  key_size     = 3072
  key_opts     = ["wrapKey", "unwrapKey"]
  {}
}}
"""
    old, new = (vault() + key.format(name, PROTECTED % "true") for name in ("cmk", "cmk-new"))
    assert between(diff, old, new).doors == [("prevent-destroy", "azurerm_key_vault_key.cmk")]
