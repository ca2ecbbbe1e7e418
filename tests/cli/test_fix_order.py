"""kvlint fix: what one fix does to the findings and titles of others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_fix import GIT

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VERSION = 'terraform {{\n  required_providers {{\n    azurerm = {{\n      version = "{}"\n    }}\n  }}\n}}\n'
PROVIDERS = 'provider "azurerm" {\n  features {}\n}\nprovider "azurerm" {\n  alias = "two"\n  features {}\n}\n'
VAULT = 'resource "azurerm_key_vault" "kv" {{\n  name = "kv"\n{}}}\n'
SECRET = 'resource "azurerm_key_vault_secret" "s" {{\n  name = "s"\n  value = "x"\n  key_vault_id = {}\n}}\n'
OWN = "azurerm_key_vault.kv.id"
POLICY = """\
resource "azurerm_key_vault_access_policy" "p" {
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = "00000000-0000-0000-0000-000000000001"
  secret_permissions = ["Get", "Purge"]
}
"""


@pytest.fixture
def folder(kvlint: Kvlint, tmp_path: Path) -> Path:
    """A checkout that is the current folder, without the plans of ``kvlint``."""
    for file in tmp_path.glob("*.json"):
        file.unlink()
    subprocess.run([GIT, "init", "--quiet", tmp_path], check=True)
    return tmp_path


def found(kvlint: Kvlint, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the fixes of a run with all classes, by rule and resource."""
    fixes = json.loads(kvlint("fix", "--unsafe", "--profile", "all", *words, "-f", "json").out)["fixes"]
    return {(one["rule"], one["resource"]): one for one in fixes}


def test_a_finding_that_is_fixed_too_names_the_fix(kvlint: Kvlint, folder: Path) -> None:
    """Its cause is the fix of another resource, not that of its own."""
    text = VERSION.format("4.55.0") + PROVIDERS + VAULT.format("")
    (folder / "main.tf").write_text(text + POLICY + SECRET.format(OWN + "\n  provider = azurerm.two"))
    fixes = found(kvlint)
    second = fixes["KV051", "provider.azurerm.two"]
    assert second["title"] == "Fixed by another fix"
    assert [one["resource"] for one in second["fixedBy"]] == ["provider.azurerm"]
    assert second["consequence"] == fixes["KV051", "provider.azurerm"]["consequence"]
    purge = fixes["KV307", "azurerm_key_vault_access_policy.p"]
    assert [(one["rule"], one["resource"]) for one in purge["fixedBy"]] == [("KV001", "azurerm_key_vault.kv")]
    assert purge["consequence"] == fixes["KV001", "azurerm_key_vault.kv"]["consequence"]
    assert fixes["KV001", "azurerm_key_vault.kv"]["fixedBy"] == []
    text = kvlint("fix", "--unsafe", "--profile", "all").out
    assert "main.tf:21:32: KV307 Fixed by another fix: KV001 at main.tf:15:1\n" in text


def test_vault_without_public_access_denies_by_default(kvlint: Kvlint, folder: Path) -> None:
    acls = '  network_acls {\n    bypass         = "AzureServices"\n    default_action = "Allow"\n  }\n'
    (folder / "main.tf").write_text(PROVIDERS + VAULT.format(acls))
    fixes = found(kvlint, "--select", "KV101,KV105")
    denies = fixes["KV101", "azurerm_key_vault.kv"]
    assert denies["title"] == 'Set `default_action = "Deny"` in `network_acls`'
    assert fixes["KV105", "azurerm_key_vault.kv"]["title"] == "Set `public_network_access_enabled = false`"
    kvlint("fix", "--unsafe", "--select", "KV101,KV105", "--write")
    assert kvlint(".", "--select", "KV101,KV104,KV105,KV107", "-f", "concise").code == 0


def test_several_fixes_of_one_rule_are_named(kvlint: Kvlint, folder: Path) -> None:
    vaults = "".join(VAULT.format("").replace('"kv"', f'"kv{number}"') for number in range(4))
    (folder / "main.tf").write_text(PROVIDERS + vaults)
    said = kvlint("fix", "--unsafe", "--select", "KV001,KV006").out
    assert "main.tf:1:1: KV006 Fixed by other fixes: KV001 at main.tf:8:1, KV001 at main.tf:11:1 and 2 more\n" in said


def test_the_provider_is_not_changed_for_vaults_that_become_protected(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(PROVIDERS + VAULT.format("") + SECRET.format(OWN))
    said = kvlint("fix", "--diff", "--unsafe", "--select", "KV001,KV006").out
    assert "+  purge_protection_enabled = true" in said
    assert "purge_soft" not in said
    only = kvlint("fix", "--diff", "--allow", "apply-fails", "--select", "KV001,KV006").out
    assert "+      purge_soft_delete_on_destroy          = false" in only


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "main.bicep",
            "resource kv 'Microsoft.KeyVault/vaults@2019-09-01' = {\n  name: 'kv'\n  properties: {\n  }\n}\n",
        ),
        (
            "main.json",
            json.dumps(
                {
                    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                    "resources": [
                        {
                            "type": "Microsoft.KeyVault/vaults",
                            "apiVersion": "2019-09-01",
                            "name": "kv",
                            "properties": {"tenantId": "t"},
                        }
                    ],
                },
                indent=2,
            ),
        ),
    ],
)
def test_titles_are_true_of_the_texts_with_all_fixes(kvlint: Kvlint, folder: Path, name: str, text: str) -> None:
    """A new API version writes the permission model only if no other fix sets another one."""
    (folder / name).write_text(text)
    fixes = {rule: one for (rule, _), one in found(kvlint, "--select", "KV050,KV052,KV301").items()}
    assert "true" in fixes["KV301"]["title"]
    assert fixes["KV050"]["title"] == "Use API version 2026-02-01"
    assert fixes["KV050"]["classes"] == []
    assert [one["rule"] for one in fixes["KV052"]["fixedBy"]] == ["KV301"]
    alone = {rule: one for (rule, _), one in found(kvlint, "--select", "KV050").items()}
    assert "false" in alone["KV050"]["title"]


def test_each_of_several_fixes_that_fail_has_its_own_reason(kvlint: Kvlint, folder: Path) -> None:
    """A name that the provider does not support is no reason for the fix of another argument."""
    (folder / "main.tf").write_text(
        VERSION.format("~> 3.0") + PROVIDERS + VAULT.format("") + POLICY + SECRET.format(OWN)
    )
    refusals = json.loads(kvlint("fix", "--unsafe", "--profile", "all", "-f", "json").out)["refusals"]
    reasons = {one["rule"]: one["reason"] for one in refusals if one["resource"] == "azurerm_key_vault.kv"}
    for rule in ("KV101", "KV105"):
        assert reasons[rule] == "it would cause KV056 on azurerm_key_vault_secret.s"
    assert "KV053" not in reasons["KV301"]


def test_new_provider_version_that_causes_a_finding_does_not_block_other_fixes(kvlint: Kvlint, folder: Path) -> None:
    """A newer version of azurerm supports write-only values, which KV613 requires then."""
    provider = PROVIDERS.partition("}\nprovider")[0] + "}\n"
    secret = 'variable "password" {}\n' + SECRET.format(OWN).replace('"x"', "var.password")
    (folder / "main.tf").write_text(VERSION.format("~> 4.5.0") + provider + VAULT.format("") + secret)
    report = json.loads(kvlint("fix", "--unsafe", "--profile", "all", "-f", "json").out)
    reasons = {(one["rule"], one["resource"]): one["reason"] for one in report["refusals"]}
    assert reasons["KV051", "provider.azurerm"] == "it would cause KV613 on azurerm_key_vault_secret.s"
    assert ("KV007", "azurerm_key_vault_secret.s") in {(one["rule"], one["resource"]) for one in report["fixes"]}


STATE = """\
data "terraform_remote_state" "base" {
  backend = "azurerm"
}
locals {
  existing = data.terraform_remote_state.base.outputs.vault_id
}
"""


@pytest.mark.parametrize(
    ("vault_id", "reason"),
    [
        (
            f"length(local.existing) > 0 ? local.existing : {OWN}",
            "the value is in the state that `data.terraform_remote_state.base` reads",
        ),
        ("var.vault_id", "`var.vault_id` has no value; set the variable with --var or --var-file"),
        ("data.azurerm_key_vault.other.id", ""),
    ],
)
def test_a_vault_is_not_closed_that_a_secret_may_belong_to(
    kvlint: Kvlint, folder: Path, vault_id: str, reason: str
) -> None:
    others = 'variable "vault_id" {}\ndata "azurerm_key_vault" "other" {\n  name = "other"\n}\n'
    (folder / "main.tf").write_text(STATE + others + VAULT.format("") + SECRET.format(vault_id))
    for rule in ("KV101", "KV105"):
        said = kvlint("fix", "--unsafe", "--profile", "all", "--select", rule).out
        if reason:
            refusal = f"No fix: azurerm_key_vault_secret.s may belong to it, and KV056 may fail then: {reason}\n"
            assert refusal in said
        else:
            assert f"{rule} Set" in said


SWITCHES = """\
  enabled_for_deployment          = true
  enabled_for_disk_encryption     = true
  enabled_for_template_deployment = true
"""
IN_USE = "No fix: `enabled_for_disk_encryption` may be in use by `encrypt.sh`\n  main.tf:3:3: KV303\n"


def test_access_of_the_platform_that_is_not_in_use_is_disabled(kvlint: Kvlint, folder: Path) -> None:
    """The finding remains for the setting that is in use, and a second run changes nothing."""
    (folder / "main.tf").write_text(VAULT.format(SWITCHES))
    (folder / "encrypt.sh").write_text("az vm encryption enable --name vm\n")
    said = kvlint("fix", "--write", "--unsafe", "--profile", "all", "--select", "KV303,KV001").out
    assert "KV303 Set `enabled_for_deployment = false` and `enabled_for_template_deployment = false`\n" in said
    assert "Disk Encryption can no longer" not in said
    assert IN_USE in said
    text = (folder / "main.tf").read_text()
    assert "enabled_for_deployment          = false\n  enabled_for_disk_encryption     = true\n" in text
    assert "purge_protection_enabled = true\n" in text
    again = kvlint("fix", "--write", "--unsafe", "--profile", "all", "--select", "KV303").out
    assert again.startswith(IN_USE.replace(":3:", ":4:"))
    assert (folder / "main.tf").read_text() == text
    report = json.loads(kvlint(".", "--select", "KV303", "-f", "json").out)
    assert "disk" in report["findings"][0]["message"]


def test_a_fix_of_a_part_of_a_finding_in_reports(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(VAULT.format(SWITCHES))
    (folder / "encrypt.sh").write_text("az vm encryption enable --name vm\n")
    report = json.loads(kvlint(".", "--select", "KV303", "--fixes", "--unsafe", "-f", "json").out)
    assert [len(one["fix"]["edits"]) for one in report["findings"]] == [2]
