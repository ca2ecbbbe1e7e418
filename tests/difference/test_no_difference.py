"""What is no difference: other file names, moved resources, another order, and a plan that changes nothing."""

from __future__ import annotations

import json
import re

import pytest

from tests.difference.conftest import Diff
from tests.difference.inputs import BICEP, IN_TERRAFORM, PLAN, REGRESSIONS, TERRAFORM, encoded, entry_of, unchanged_plan

# A folder with findings, so that there is something to compare.
BAD = TERRAFORM
for change in REGRESSIONS:
    BAD = IN_TERRAFORM[change](BAD)
NOTHING = "No differences.\n"


def blocks(text: str) -> list[str]:
    return re.findall(r"^(?:resource|terraform|provider)[\s\S]*?^}\n", text, re.MULTILINE)


def test_a_folder_is_equal_to_itself(diff: Diff) -> None:
    base = diff.write("base", {"main.tf": BAD})
    said = diff.run(base, base)
    assert (said.code, said.out, said.err) == (0, NOTHING, "")


def test_files_may_have_other_names(diff: Diff) -> None:
    base = diff.write("base", {"main.tf": BAD})
    head = diff.write("head", {f"part{number}.tf": one for number, one in enumerate(blocks(BAD))})
    found = diff.compare(base, head)
    assert (found.code, found.counts) == (0, {})
    assert found.document["summary"]["moved"] == 4
    assert diff.run(base, head).out == "No differences. 4 findings moved.\n"


def test_a_root_module_may_be_in_another_folder(diff: Diff) -> None:
    other = 'resource "azurerm_key_vault" "other" {\n  name = "kv-other"\n}\n'
    base = diff.write("base", {"infra/main.tf": BAD, "infra/other/main.tf": other})
    head = diff.write("head", {"deploy/shop/main.tf": BAD, "deploy/others/main.tf": other})
    assert diff.compare(base, head).counts == {}


def test_resources_may_be_in_another_order(diff: Diff) -> None:
    base = diff.write("base", {"main.tf": BAD})
    head = diff.write("head", {"main.tf": "".join(reversed(blocks(BAD)))})
    assert diff.compare(base, head).counts == {}


def test_lines_comments_and_white_space_are_not_differences(diff: Diff) -> None:
    base = diff.write("base", {"main.tf": BAD})
    head = diff.write("head", {"main.tf": "# a comment\n\n" + BAD.replace("\n  ", "\n      ")})
    assert diff.compare(base, head).counts == {}


def test_items_of_a_list_may_be_in_another_order(diff: Diff) -> None:
    ranges = ['"203.0.0.0/8", "198.0.0.0/8"', '"198.0.0.0/8", "203.0.0.0/8"']
    folders = [
        diff.write(f"side{number}", {"main.tf": TERRAFORM.replace('"203.0.113.0/28"', one)})
        for number, one in enumerate(ranges)
    ]
    found = diff.compare(*folders)
    assert (found.counts, len(found.findings("unchanged"))) == ({}, 1)


MOVES = {
    "a resource": """
moved {
  from = azurerm_key_vault.private
  to   = azurerm_key_vault.new
}
""",
    "in two steps": """
moved {
  from = azurerm_key_vault.private
  to   = azurerm_key_vault.between
}
moved {
  from = azurerm_key_vault.between
  to   = azurerm_key_vault.new
}
""",
}


@pytest.mark.parametrize("case", MOVES)
def test_moved_blocks_are_not_differences(case: str, diff: Diff) -> None:
    renamed = BAD.replace('"azurerm_key_vault" "private"', '"azurerm_key_vault" "new"')
    renamed = renamed.replace("azurerm_key_vault.private", "azurerm_key_vault.new")
    base, head = diff.write("base", {"main.tf": BAD}), diff.write("head", {"main.tf": renamed + MOVES[case]})
    found = diff.compare(base, head)
    assert (found.counts, found.findings("moved")) == (
        {},
        [("KV101", "azurerm_key_vault.new")],
    )


def test_a_resource_may_move_into_a_module_and_to_an_instance(diff: Diff) -> None:
    head, vault = BAD, blocks(BAD)[3]
    assert '"azurerm_key_vault" "private"' in vault
    module = (
        vault.replace('"private" {', '"this" {\n  count = 1')
        .replace("azurerm_resource_group.rg.name", '"rg"')
        .replace("azurerm_resource_group.rg.location", '"westeurope"')
    )
    head = head.replace(vault, 'module "vault" {\n  source = "./vault"\n}\n').replace(
        "azurerm_key_vault.private.id", "module.vault.id"
    )
    head += "moved {\n  from = azurerm_key_vault.private\n  to = module.vault.azurerm_key_vault.this[0]\n}\n"
    output = 'output "id" {\n  value = azurerm_key_vault.this[0].id\n}\n'
    base = diff.write("base", {"main.tf": BAD})
    found = diff.compare(base, diff.write("head", {"main.tf": head, "vault/main.tf": module + output}))
    assert (found.counts, found.doors) == ({}, [])


def test_the_first_instance_of_a_resource_is_the_resource(diff: Diff) -> None:
    counted = BAD.replace('"kv-private-prod"', '"kv-private-prod"\n  count = 1').replace(
        "azurerm_key_vault.private.id", "azurerm_key_vault.private[0].id"
    )
    base, head = diff.write("base", {"main.tf": BAD}), diff.write("head", {"main.tf": counted})
    assert diff.compare(base, head).counts == diff.compare(head, base).counts == {}


def test_a_module_may_be_renamed(diff: Diff) -> None:
    module = 'resource "azurerm_key_vault" "this" {\n  name = "kv-app"\n  location = "westeurope"\n}\n'
    call = 'module "{0}" {{\n  source = "./vault"\n}}\n'
    moved = "moved {\n  from = module.old\n  to = module.new\n}\n"
    base = diff.write("base", {"main.tf": call.format("old"), "vault/main.tf": module})
    head = diff.write("head", {"main.tf": call.format("new") + moved, "vault/main.tf": module})
    assert (diff.compare(base, head).counts, diff.compare(base, head).document["summary"]["moved"] > 0) == ({}, True)


def test_without_a_moved_block_the_vault_is_replaced(diff: Diff) -> None:
    renamed = BAD.replace('"azurerm_key_vault" "private"', '"azurerm_key_vault" "new"')
    renamed = renamed.replace("azurerm_key_vault.private", "azurerm_key_vault.new")
    found = diff.compare(diff.write("base", {"main.tf": BAD}), diff.write("head", {"main.tf": renamed}))
    assert (found.counts, found.doors) == ({"oneWayDoors": 1}, [("replaced", "azurerm_key_vault.private")])


def test_vault_of_a_terragrunt_unit_is_replaced(diff: Diff) -> None:
    def unit(name: str, label: str) -> str:
        vault = f'resource "azurerm_key_vault" "{label}" {{\n  name = "kv"\n  location = "westeurope"\n}}\n'
        return diff.write(
            name, {"module/main.tf": vault, "unit/terragrunt.hcl": 'terraform { source = "../module" }\n'}
        )

    found = diff.compare(unit("base", "old"), unit("head", "new"))
    assert found.doors == [("replaced", "azurerm_key_vault.old")]
    (door,) = found.document["oneWayDoors"]
    assert "its address changes to azurerm_key_vault.new without a `moved` block" in door["text"]


def test_symbolic_names_files_and_order_in_bicep_are_not_differences(diff: Diff) -> None:
    bad = BICEP.replace("enablePurgeProtection: true\n", "", 1).replace("'Disabled'", "'Enabled'")
    resources = re.findall(r"^resource[\s\S]*?^}\n", bad, re.MULTILINE)
    other = bad.partition("resource ")[0] + "".join(reversed(resources))
    other = re.sub(r"\bprivate\b(?!['-])", "renamed", other)
    base, head = diff.write("base", {"main.bicep": bad}), diff.write("head", {"app.bicep": other})
    found = diff.compare(base, head)
    assert (found.counts, len(found.findings("moved"))) == ({}, 2)


def test_a_vault_with_another_symbolic_name_is_not_removed(diff: Diff) -> None:
    bad = BICEP.replace("enablePurgeProtection: true\n", "", 1)
    renamed = re.sub(r"\bprivate\b(?!['-])", "renamed", BICEP).replace("InDays: 90", "InDays: 10", 1)
    base, head = diff.write("base", {"main.bicep": bad}), diff.write("head", {"main.bicep": renamed})
    found = diff.compare(base, head)
    (gone,) = [one for one in found.document["findings"] if one["state"] == "gone"]
    assert (gone["ruleId"], gone["note"]) == ("KV001", "")
    # The vault met this rule of the profile strict before, under its other name.
    assert found.findings("new") == [("KV003", "renamed")]


def test_symbolic_names_of_vaults_and_principals_do_not_change_access(diff: Diff) -> None:
    text = """
param env string
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-${env}-${uniqueString(resourceGroup().id)}'
  properties: {
    accessPolicies: [{ objectId: identity.properties.principalId, permissions: { secrets: ['get'] } }]
  }
}
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'app'
}
"""
    renamed = text.replace("resource kv ", "resource vault ").replace("identity.", "app.")
    base = diff.write("base", {"main.bicep": text})
    head = diff.write("head", {"main.bicep": renamed.replace("resource identity ", "resource app ")})
    assert diff.compare(base, head).counts == {}
    # They are still removed if nothing has their names.
    other = diff.write("other", {"main.bicep": text.replace("name: 'app'", "name: 'other'").replace("identity", "app")})
    assert {one[0] for one in diff.compare(base, other).access} == {"lost", "gained"}


def test_a_plan_that_changes_nothing_prints_nothing_else(diff: Diff) -> None:
    bad = PLAN.replace("purge_protection_enabled: true", "purge_protection_enabled: false")
    said = diff.run(diff.write("plan.json", encoded(unchanged_plan(bad))))
    assert (said.code, said.out, said.err) == (0, NOTHING, "")


def test_a_plan_that_only_moves_a_resource_changes_nothing(diff: Diff) -> None:
    plan = unchanged_plan(PLAN.replace("purge_protection_enabled: true", "purge_protection_enabled: false"))
    base = json.loads(json.dumps(plan).replace("azurerm_key_vault.private", "azurerm_key_vault.old"))
    entry_of(base, "azurerm_key_vault.old")["name"] = "old"
    entry_of(plan, "azurerm_key_vault.private")["previous_address"] = "azurerm_key_vault.old"
    assert diff.compare(diff.write("head.json", encoded(plan))).counts == {}
    found = diff.compare(diff.write("base.json", encoded(base)), "head.json")
    assert (found.counts, found.findings("moved")) == ({}, [("KV001", "azurerm_key_vault.private")])


def test_a_what_if_result_that_changes_nothing(diff: Diff) -> None:
    id_ = f"/subscriptions/{'0' * 8}-0000-0000-0000-{'0' * 12}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
    vault = {
        "id": id_, "type": "Microsoft.KeyVault/vaults", "name": "kv", "apiVersion": "2026-02-01",
        "location": "westeurope", "properties": {"enableRbacAuthorization": True, "publicNetworkAccess": "Enabled"},
    }  # fmt: skip
    item = {"resourceId": id_, "changeType": "NoChange", "before": vault, "after": vault}
    said = diff.run(diff.write("what-if.json", encoded({"status": "Succeeded", "changes": [item]})))
    assert (said.code, said.out) == (0, NOTHING)
