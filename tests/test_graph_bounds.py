"""Resources that refer to each other, or have long names, cannot cause much work or large reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.test_bounds import BICEP_ONE, TERRAFORM_CALL, TERRAFORM_ONE, TERRAFORM_VAULT, kvlint, template, vault, write

pytestmark = [
    pytest.mark.slow(10),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits"),
]

VAULT_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/"
SECRET = """\
resource "azurerm_key_vault_secret" "s" {
  count        = %s
  name         = "%s"
  value        = "x"
  key_vault_id = %s
}
"""
LOOSE = """\
variable "x" {}
resource "azurerm_key_vault" "a" {
  count = 1500
  name  = "kv${count.index}"
}
resource "azurerm_monitor_diagnostic_setting" "d" {
  count              = 1500
  name               = "d"
  target_resource_id = var.x
}
"""
POLICIES_AND_SECRETS = """\
data "azurerm_client_config" "c" {}
resource "azurerm_key_vault" "a" {
  name = "kv"
}
resource "azurerm_key_vault_access_policy" "p" {
  count              = 1500
  key_vault_id       = azurerm_key_vault.a.id
  tenant_id          = "t"
  object_id          = data.azurerm_client_config.c.object_id
  secret_permissions = ["Set"]
}
"""


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {
                "main.tf": TERRAFORM_CALL % 3900,
                "m/main.tf": f"{TERRAFORM_ONE}{SECRET % (1, 'a', f'{chr(34)}{VAULT_ID}kv{chr(34)}')}",
            },
            id="one-id-of-many-vaults",
        ),
        pytest.param(
            {
                "main.tf": 'variable "x" {}\n'
                + TERRAFORM_VAULT.replace("kv$", "${var.x}-$") % 2000
                + SECRET % (2000, "a", f'"{VAULT_ID}${{var.x}}-a${{count.index}}"')
            },
            id="names-that-are-partly-known",
        ),
        pytest.param({"main.tf": LOOSE}, id="references-to-any-vault"),
        pytest.param(
            {"main.tf": POLICIES_AND_SECRETS + SECRET % (1500, "a${count.index}", "azurerm_key_vault.a.id")},
            id="grants-and-objects-of-one-vault",
        ),
    ],
)
def test_pairs_of_resources_end_soon_with_a_named_limit(tmp_path: Path, files: dict[str, str]) -> None:
    """Resources that may all refer to each other cannot be compared in proportion to their number."""
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "--profile", "all", "-j", "1")
    assert run.code == 3, run
    assert "pairs that may refer to each other, the limit for their number" in run.output
    assert "\nNo Key Vault resources found. 1 problem. Analysis incomplete: " in run.output


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {
                "main.tf": TERRAFORM_CALL % 3000,
                "m/main.tf": f"{TERRAFORM_ONE}{SECRET % (1, 'a', f'{chr(34)}{VAULT_ID}other{chr(34)}')}",
            },
            id="ids-of-vaults-with-other-names",
        ),
        pytest.param(
            {"main.tf": TERRAFORM_ONE + SECRET % (9000, "a", "azurerm_key_vault.v.id")}, id="one-name-in-one-vault"
        ),
    ],
)
def test_resources_with_few_possible_targets_take_time_in_proportion(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "--select", "KV603,KV305", "-j", "1")
    assert run.code in (0, 1), run


LONG = "a" * 300_000
WHAT_IF = {
    "status": "Succeeded",
    "changes": [
        {
            "resourceId": f"{VAULT_ID}{LONG}",
            "changeType": "Create",
            "after": {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "id": f"{VAULT_ID}{LONG}",
                "name": LONG,
                "properties": {},
            },
        }
    ],
}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"main.tf": f'resource "azurerm_key_vault" "{LONG}" {{\n  name = "kv"\n}}\n'}, id="terraform"),
        pytest.param({"main.tf": f'resource "azurerm_key_vault" "a" {{\n  name = "{LONG}"\n}}\n'}, id="terraform-name"),
        pytest.param(
            {"main.tf": f'resource "azurerm_key_vault" "{LONG}" {{\n  count = 9000\n  name = "kv"\n}}\n'},
            id="terraform-count",
        ),
        pytest.param(
            {"main.tf": f'module "{LONG}" {{\n  source = "./m"\n  count  = 3000\n}}\n', "m/main.tf": TERRAFORM_ONE},
            id="terraform-modules",
        ),
        pytest.param({"main.bicep": BICEP_ONE.replace("resource v", f"resource {LONG}")}, id="bicep"),
        pytest.param({"main.json": template(vault(name=LONG))}, id="arm"),
        pytest.param({"what-if.json": json.dumps(WHAT_IF)}, id="what-if"),
    ],
)
def test_long_names_are_not_repeated_in_each_finding(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    run = kvlint(tmp_path, ".", "-f", "json=r.json", "-f", "sarif=r.sarif", "--profile", "all", megabytes=300)
    assert run.code == 3, run
    assert "names and addresses" in json.loads((tmp_path / "r.json").read_text())["problems"][0]["message"]
    assert all((tmp_path / name).stat().st_size < 3_000_000 for name in ("r.json", "r.sarif"))
