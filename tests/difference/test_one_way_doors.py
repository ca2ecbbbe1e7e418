"""One-way doors, each in source and in a plan, and the day on which a name is free again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.difference.conftest import Compared, Diff
from tests.difference.inputs import encoded, entry_of, unchanged_plan

VAULT = """
resource "azurerm_key_vault" "kv" {
  name                = "kv-app"
  resource_group_name = "rg"
  location            = "westeurope"
%s
}
"""
KEEP = """
provider "azurerm" {
  features {
    key_vault {
      purge_soft_delete_on_destroy    = false
      purge_soft_deleted_keys_on_destroy = false
    }
  }
}
"""
OTHER = 'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n  location = "westeurope"\n}\n'
KEY = """
resource "azurerm_key_vault_key" "cmk" {
  name         = "cmk"
  key_vault_id = azurerm_key_vault.kv.id
  key_type     = "RSA"
  key_size     = %s
  key_opts     = ["wrapKey"]
}
"""
HSM = """
resource "azurerm_key_vault_managed_hardware_security_module" "hsm" {
  name                       = "hsm"
  resource_group_name        = "rg"
  location                   = "westeurope"
  sku_name                   = "Standard_B1"
  tenant_id                  = "11111111-1111-1111-1111-111111111111"
  admin_object_ids           = ["22222222-2222-2222-2222-222222222222"]
  soft_delete_retention_days = %s
  purge_protection_enabled   = true
}
"""
KV, CMK = "azurerm_key_vault.kv", "azurerm_key_vault_key.cmk"
MHSM = "azurerm_key_vault_managed_hardware_security_module.hsm"
ON, OFF = "  purge_protection_enabled = true", "  purge_protection_enabled = false"
DAY = ("--as-of", "2026-11-28")


def between(diff: Diff, base: str, head: str) -> Compared:
    """Two Terraform folders that share a resource group."""
    folders = [diff.write(name, {"main.tf": OTHER + text}) for name, text in (("base", base), ("head", head))]
    return diff.compare(*folders, *DAY)


def door(found: Compared) -> dict[str, Any]:
    (one,) = found.document["oneWayDoors"]
    return dict(one)


def test_purge_protection_is_turned_on(diff: Diff) -> None:
    found = between(diff, VAULT % OFF, VAULT % ON)
    assert found.doors == [("purge-protection", KV)]
    assert door(found)["certain"] is True
    assert "it cannot be turned off again" in door(found)["text"]
    assert door(found)["text"].endswith("the name of a deleted key vault stays reserved for 90 days")
    # No rule fails for it.
    assert not found.findings("new")


def test_unchanged_purge_protection_is_not_a_one_way_change(diff: Diff) -> None:
    assert between(diff, VAULT % ON, VAULT % ON).doors == []


@pytest.mark.parametrize("head", [VAULT % OFF, VAULT % ""])
def test_purge_protection_cannot_be_turned_off(head: str, diff: Diff) -> None:
    found = between(diff, VAULT % ON, head)
    assert found.doors == [("purge-protection", KV)]
    assert door(found)["text"].endswith("cannot be turned off once it is on: Azure rejects this")


def test_purge_protection_of_a_variable_is_possibly_turned_on(diff: Diff) -> None:
    variable = 'variable "protect" {\n  type = bool\n}\n'
    found = door(between(diff, VAULT % OFF, variable + VAULT % "  purge_protection_enabled = var.protect"))
    assert (found["certain"], found["decidedBy"]) == (False, "`var.protect` has no value")


def test_retention_is_fixed_when_a_vault_is_created(diff: Diff) -> None:
    found = between(diff, "", VAULT % "  soft_delete_retention_days = 30")
    assert found.doors == [("retention", KV)]
    assert "a soft-delete retention of 30 days" in door(found)["text"]
    found = between(diff, "", VAULT % ON)
    assert found.doors == [("purge-protection", KV)]
    assert "a soft-delete retention of 90 days" in door(found)["text"]


def test_retention_cannot_change(diff: Diff) -> None:
    days = "  soft_delete_retention_days = %s"
    found = between(diff, VAULT % (days % 7), VAULT % (days % 90))
    assert found.doors == [("retention", KV)]
    assert "cannot change from 7 to 90 days" in door(found)["text"]
    assert door(found)["text"].endswith("Azure rejects this")


@pytest.mark.parametrize(("days", "free"), [(7, "2026-12-05"), (30, "2026-12-28"), (90, "2027-02-26")])
def test_the_name_of_a_deleted_vault_is_free_after_the_retention(days: int, free: str, diff: Diff) -> None:
    base = KEEP + VAULT % f"{ON}\n  soft_delete_retention_days = {days}"
    found = between(diff, base, KEEP)
    assert (found.doors, door(found)["nameFreeOn"], door(found)["certain"]) == ([("deleted", KV)], free, True)
    assert f"recoverable until {free}, when the name `kv-app` is free again" in door(found)["text"]
    found = between(diff, base.replace(ON, OFF), KEEP)
    assert f"{KV} is deleted: unless it is purged before, it is recoverable until {free}" in door(found)["text"]


@pytest.mark.parametrize(("days", "today"), [("9" * 9, "2026-11-28"), ("1e300", "2026-11-28"), ("90", "9999-12-31")])
def test_a_day_that_no_calendar_has_is_not_known(days: str, today: str, diff: Diff) -> None:
    vault = VAULT % f"{ON}\n  soft_delete_retention_days = {days}"
    folders = [diff.write(name, {"main.tf": OTHER + text}) for name, text in (("base", vault), ("head", ""))]
    found = door(diff.compare(*folders, "--as-of", today))
    assert (found["kind"], found["nameFreeOn"]) == ("deleted", None)
    assert "keeps it recoverable until the end of the retention" in found["text"]


def test_the_provider_purges_a_vault_without_purge_protection(diff: Diff) -> None:
    features = 'provider "azurerm" {\n  features {}\n}\n'
    found = door(between(diff, features + VAULT % OFF, features))
    assert found["nameFreeOn"] == "2026-11-28"
    assert "its keys, secrets and certificates cannot be recovered" in found["text"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"kv-app"', '"kv-web"', "`name` changes from `kv-app` to `kv-web`"),
        ('"westeurope"', '"northeurope"', "`location` changes from `westeurope` to `northeurope`"),
        ('= "rg"', '= "rg-new"', "`resource_group_name` changes from `rg` to `rg-new`"),
    ],
)
def test_a_vault_is_replaced(old: str, new: str, reason: str, diff: Diff) -> None:
    found = between(diff, VAULT % ON, (VAULT % ON).replace(old, new))
    assert found.doors == [("replaced", KV)]
    assert f"{KV} is replaced ({reason})" in door(found)["text"]


def test_spelling_of_a_location_does_not_replace_a_vault(diff: Diff) -> None:
    assert between(diff, VAULT % ON, (VAULT % ON).replace("westeurope", "West Europe")).doors == []


def test_a_vault_that_is_no_longer_managed_is_not_deleted(diff: Diff) -> None:
    removed = "removed {\n  from = azurerm_key_vault.kv\n  lifecycle {\n    destroy = false\n  }\n}\n"
    assert between(diff, VAULT % ON, removed).doors == []
    assert between(diff, VAULT % ON, removed.replace("false", "true")).doors == [("deleted", KV)]


def test_vault_that_a_default_disables_is_possibly_deleted(diff: Diff) -> None:
    variable = 'variable "enabled" {\n  default = false\n}\n'
    moved = "moved {\n  from = azurerm_key_vault.kv\n  to = azurerm_key_vault.kv[0]\n}\n"
    found = door(between(diff, VAULT % ON, variable + moved + VAULT % (ON + "\n  count = var.enabled ? 1 : 0")))
    assert (found["kind"], found["certain"]) == ("deleted", False)
    assert found["decidedBy"] == "whether azurerm_key_vault.kv[0] exists (only if var.enabled is true)"


def test_a_key_is_destroyed(diff: Diff) -> None:
    base = VAULT % ON + KEY % 2048
    found = between(diff, base, VAULT % ON)
    assert found.doors == [("key-destroyed", CMK)]
    assert "cannot be decrypted once the key is purged" in door(found)["text"]
    found = between(diff, base, VAULT % ON + KEY % 4096)
    assert found.doors == [("key-destroyed", CMK)]
    assert "`key_size` changes from `2048` to `4096`" in door(found)["text"]


def test_keys_of_a_deleted_vault_are_part_of_its_deletion(diff: Diff) -> None:
    found = between(diff, VAULT % ON + KEY % 2048, "")
    assert found.doors == [("deleted", KV)]
    assert "is deleted, with 1 declared key" in door(found)["text"]


def test_one_way_changes_of_a_managed_hsm_are_reported(diff: Diff) -> None:
    found = between(diff, "", HSM % 30)
    assert (found.doors, "billed until it is purged" in door(found)["text"]) == ([("hsm", MHSM)], True)
    found = between(diff, HSM % 30, "")
    assert (found.doors, door(found)["nameFreeOn"]) == ([("deleted", MHSM)], "2026-12-28")
    # azurerm replaces a managed HSM to change its retention.
    assert between(diff, HSM % 30, HSM % 90).doors == [("replaced", MHSM)]


BICEP = """
resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-app'
  location: 'westeurope'
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    %s
  }
}
"""
GROUP = """
resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id'
  location: 'westeurope'
}
resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid('x')
  properties: {
    principalId: id.properties.principalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  }
}
"""  # noqa: E501


def test_one_way_changes_in_bicep_are_reported(diff: Diff) -> None:
    off, on = BICEP % "", BICEP % "enablePurgeProtection: true"
    for name, text in (("off", off + GROUP), ("on", on + GROUP), ("none", GROUP)):
        diff.write(name, {"main.bicep": text})
    assert diff.compare("off", "on").doors == [("purge-protection", "kv")]
    deleted = diff.compare("on", "none")
    assert (deleted.doors, door(deleted)["certain"]) == ([("deleted", "kv")], False)
    assert "deployment stack" in door(deleted)["decidedBy"]
    assert diff.compare("none", "on").doors == [("purge-protection", "kv")]


PLAN = """
provider.azurerm: {version: "~> 4.81", features: {}}
azurerm_key_vault.kv:
  id: /subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-app
  name: kv-app
  resource_group_name: rg
  location: westeurope
  soft_delete_retention_days: 7
  purge_protection_enabled: true
azurerm_key_vault_key.cmk:
  name: cmk
  key_vault_id: /subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-app
  key_type: RSA
  key_size: 2048
"""


def planned(actions: list[str], *, kind: str = KV, before: dict[str, Any] | None = None) -> bytes:
    plan = unchanged_plan(PLAN)
    for entry in plan["resource_changes"]:
        change = entry["change"]
        change["actions"] = ["no-op"]
        if entry["address"] == kind:
            change["actions"] = actions
            change["before"] = {**change["before"], **(before or {})}
            if actions == ["delete"]:
                change["after"] = None
            if actions == ["create"]:
                change["before"] = None
    return encoded(plan)


@pytest.mark.parametrize(
    ("plan", "doors"),
    [
        (planned(["update"], before={"purge_protection_enabled": False}), [("purge-protection", KV)]),
        (planned(["create"]), [("purge-protection", KV)]),
        (planned(["delete"]), [("deleted", KV)]),
        (planned(["delete", "create"]), [("replaced", KV)]),
        (planned(["delete"], kind=CMK), [("key-destroyed", CMK)]),
        (planned(["delete", "create"], kind=CMK), [("key-destroyed", CMK)]),
        (planned(["forget"]), []),
        (planned(["update"], before={"sku_name": "premium"}), []),
    ],
)
def test_one_way_changes_in_a_plan_are_reported(plan: bytes, doors: list[tuple[str, str]], diff: Diff) -> None:
    found = diff.compare(diff.write("plan.json", plan), *DAY)
    assert found.doors == doors
    assert all(one["certain"] for one in found.document["oneWayDoors"])


def test_plan_that_destroys_a_deposed_object_is_a_door(diff: Diff) -> None:
    plan, address = unchanged_plan(), "azurerm_key_vault.shared"
    current = entry_of(plan, address)
    change = {**current["change"], "actions": ["delete"], "after": None}
    change["before"] = {**change["before"], "name": "kv-old"}
    plan["resource_changes"].append({**current, "deposed": "00000001", "change": change})
    found = diff.compare(diff.write("plan.json", encoded(plan)), *DAY)
    assert found.doors == [("deleted", f"{address} (deposed object 00000001)")]
    assert (door(found)["certain"], door(found)["name"], found.access) == (True, "kv-old", [])


def test_one_way_change_of_head_alone_is_reported(diff: Diff) -> None:
    base, head = diff.write("base.json", planned(["no-op"])), diff.write("head.json", planned(["delete"]))
    assert diff.compare(base, head, *DAY).doors == [("deleted", KV)]
    assert diff.compare(head, head, *DAY).doors == []


def test_replacement_that_only_base_plans_is_not_a_one_way_change(diff: Diff) -> None:
    base, head = diff.write("base.json", planned(["delete", "create"])), diff.write("head.json", planned(["no-op"]))
    assert diff.compare(base, head, *DAY).doors == []
    assert diff.compare(head, base, *DAY).doors == [("replaced", KV)]


def test_a_vault_that_was_only_planned_is_not_deleted(diff: Diff) -> None:
    head = json.loads(planned(["no-op"]))
    head["resource_changes"] = [one for one in head["resource_changes"] if one["address"] == CMK]
    base = diff.write("base.json", planned(["create"]))
    assert diff.compare(base, diff.write("head.json", encoded(head))).doors == []


def what_if(kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> bytes:
    group = f"/subscriptions/{'0' * 8}-0000-0000-0000-{'0' * 12}/resourceGroups/rg"
    id_ = f"{group}/providers/Microsoft.KeyVault/vaults/kv-app"

    def vault(properties: dict[str, Any] | None) -> dict[str, Any] | None:
        if properties is None:
            return None
        return {
            "id": id_, "type": "Microsoft.KeyVault/vaults", "name": "kv-app", "apiVersion": "2026-02-01",
            "location": "westeurope", "properties": {"enableRbacAuthorization": True, **properties},
        }  # fmt: skip

    change = {"resourceId": id_, "changeType": kind, "before": vault(before), "after": vault(after)}
    return encoded({"status": "Succeeded", "changes": [change]})


@pytest.mark.parametrize(
    ("document", "doors"),
    [
        # What-if does not show every property that Azure keeps.
        (what_if("Modify", {}, {"enablePurgeProtection": True}), [("purge-protection", False)]),
        (
            what_if("Modify", {"enablePurgeProtection": False}, {"enablePurgeProtection": True}),
            [("purge-protection", True)],
        ),
        (what_if("Delete", {"enablePurgeProtection": True}, None), [("deleted", True)]),
        (what_if("Create", None, {"softDeleteRetentionInDays": 7}), [("retention", True)]),
        (what_if("NoChange", {}, {}), []),
    ],
)
def test_one_way_changes_in_a_what_if_result_are_reported(
    document: bytes, doors: list[tuple[str, bool]], diff: Diff
) -> None:
    found = diff.compare(diff.write("what-if.json", document), *DAY)
    assert [(one["kind"], one["certain"]) for one in found.document["oneWayDoors"]] == doors


def test_a_vault_that_a_plan_imports_is_not_created(diff: Diff) -> None:
    every = unchanged_plan()
    only = {**every, "resource_changes": [one for one in every["resource_changes"] if "shared" not in one["address"]]}
    for one in every["resource_changes"]:
        one["change"]["importing"] = {"id": "id"} if "shared" in one["address"] else None
    names = [diff.write(name, encoded(one)) for name, one in (("base.json", only), ("head.json", every))]
    assert diff.compare(*names).doors == []
    entries = [one["change"] for one in every["resource_changes"] if one["address"] == "azurerm_key_vault.shared"]
    entries[0] |= {"actions": ["create"], "before": None, "importing": None}
    diff.write("head.json", encoded(every))
    assert diff.compare(*names).doors == [("purge-protection", "azurerm_key_vault.shared")]
