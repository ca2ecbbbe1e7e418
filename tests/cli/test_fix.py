"""kvlint fix in the tests' own process: what it prints, writes and refuses, and fixes in other reports."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.config.run_config import Config
from azkvlint.fixes import find
from azkvlint.fixes.proof import ProofFailure, Prover
from azkvlint.fixes.sources import Sources
from azkvlint.linter.rule_tests import expand
from azkvlint.model.fix import TextEdit
from tests.sarif import violations

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

GIT = shutil.which("git") or "git"
VAULT = 'resource "azurerm_key_vault" "{name}" {{\n  name = "{name}"\n{body}}}\n'
OFF = "  purge_protection_enabled = false\n"
RETENTION = "  soft_delete_retention_days = 7\n"
PURGES = 'provider "azurerm" {\n  features {}\n}\n'
ONLY = ("--select", "KV001,KV003", "--unsafe")


def vault(body: str = "", name: str = "kv") -> str:
    return VAULT.format(name=name, body=body)


@pytest.fixture
def folder(kvlint: Kvlint, tmp_path: Path) -> Path:
    """A checkout with one file, which is the current folder; without the plans of ``kvlint``."""
    for file in tmp_path.glob("*.json"):
        file.unlink()
    subprocess.run([GIT, "init", "--quiet", tmp_path], check=True)
    (tmp_path / "main.tf").write_text(vault(OFF))
    return tmp_path


def test_list_shows_the_effect_of_each_fix_and_reasons_for_refusals(kvlint: Kvlint, folder: Path) -> None:
    key = 'resource "azurerm_key_vault_key" "k" {\n  name = "k"\n  key_type = "EC"\n}\n'
    (folder / "key.tf").write_text(key)
    (folder / "main.tf").write_text(PURGES + vault(OFF))
    said = kvlint("fix", "--select", "KV001,KV006,KV501", "--unsafe")
    assert said.code == 1
    # The vault is protected by the other fix; whether that of the key is, is unknown.
    assert "main.tf:1:1: KV006 Set `purge_soft_deleted_keys_on_destroy = false` in `key_vault`\n" in said.out
    assert (
        "main.tf:6:3: KV001 Set `purge_protection_enabled = true`\n  not safe (irreversible): Purge protection cannot"
        in said.out
    )
    assert "No fix: needs a decision: choose an expiration date" in said.out
    assert "key.tf:1:1: KV501" in said.out
    safe = kvlint("fix", "--select", "KV001")
    assert safe.code == 0
    assert safe.out.startswith("No fix: not safe: it needs --allow irreversible,apply-fails\n  main.tf:6:3: KV001\n")


def test_write_changes_the_files_once(kvlint: Kvlint, folder: Path) -> None:
    file = folder / "main.tf"
    file.chmod(0o640)
    said = kvlint("fix", "--write", *ONLY)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("\nWrote 1 fix (1 not safe) in 1 file.\n")
    assert file.read_text() == vault(OFF.replace("false", "true"))
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.stat().st_mtime_ns
    again = kvlint("fix", "--write", *ONLY)
    assert (again.code, again.out, file.stat().st_mtime_ns) == (0, "Nothing to fix.\n", before)
    assert not list(folder.glob("*.partial"))


TEXTS = {
    "plain": vault(OFF + RETENTION),
    "crlf": vault(OFF + RETENTION).replace("\n", "\r\n"),
    "no newline at the end": vault(OFF).rstrip("\n"),
    "mark": "\ufeff" + vault(OFF),
    "far apart": vault(OFF) + "# a\n" * 20 + vault(OFF, "kv2"),
    "first line": 'resource "azurerm_key_vault" "kv" { name = "kv" }\n',
    "nothing but a header": 'resource "azurerm_key_vault" "kv" {}',
    "beyond the first plane": vault('  tags = { a = "\U0001f511é" }\n' + OFF),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("path", ["main.tf", "a b/sub/mäin.tf"])
def test_git_applies_the_diff(kvlint: Kvlint, folder: Path, name: str, path: str) -> None:
    (folder / "main.tf").unlink()
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(TEXTS[name].encode())
    said = kvlint("fix", "--diff", *ONLY, file.parent)
    assert (said.code, said.err) == (1, "")
    assert file.read_bytes() == TEXTS[name].encode()
    subprocess.run([GIT, "apply"], input=said.out.encode(), cwd=folder, check=True, capture_output=True)
    applied = file.read_bytes()
    assert applied != TEXTS[name].encode()
    file.write_bytes(TEXTS[name].encode())
    assert kvlint("fix", "--write", *ONLY, file.parent).code == 0
    assert file.read_bytes() == applied
    assert kvlint("fix", "--diff", *ONLY, file.parent) == (0, "", "")


def test_a_diff_shows_no_secret(kvlint: Kvlint, folder: Path) -> None:
    secret = "canary-hunter2"
    beside = 'resource "azurerm_key_vault_secret" "s" {\n  name  = "s"\n  value = "' + secret + '"\n}\n'
    (folder / "main.tf").write_text(f'locals {{\n  plain = "{secret}"\n}}\n' + vault(OFF) + beside)
    said = kvlint("fix", "--diff", *ONLY)
    assert said.code == 1
    assert secret not in said.out + said.err
    subprocess.run([GIT, "apply"], input=said.out.encode(), cwd=folder, check=True)
    line = f'resource "azurerm_key_vault" "kv" {{ tags = {{ password = "{secret}" }} }}\n'
    (folder / "main.tf").write_text(line)
    for form in ("text", "json"):
        said = kvlint("fix", "--diff", "-f", f"{form}=report", *ONLY)
        assert (said.code, said.out) == (1, "")
        assert said.err == "kvlint: main.tf is not in the diff: a line may contain a secret or control characters\n"
        assert secret not in (folder / "report").read_text()


# --- bad input --------------------------------------------------------------------------------------------------------


def refused(kvlint: Kvlint, reason: str, *words: str) -> None:
    said = kvlint("fix", "--write", *ONLY, *words)
    assert f"No fix: {reason}\n" in said.out, said
    assert said.code == 0


def test_mixed_line_ends_are_kept(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_bytes(vault(OFF).replace("\n", "\r\n", 1).encode())
    refused(kvlint, "the file has mixed line ends")


def test_utf_16_file_is_not_fixed(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "resources": [{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv"}],
    }
    (folder / "main.json").write_bytes(json.dumps(template).encode("utf-16"))
    refused(kvlint, "the file is not UTF-8")


@pytest.mark.parametrize("where", [".terraform/modules/vault", "../outside"])
def test_modules_that_are_not_the_authors(kvlint: Kvlint, folder: Path, where: str) -> None:
    """The module of a registry and a folder that a link leads to are read, or not, but never changed."""
    target = folder / "vault" if where.startswith("..") else folder / where
    outside = folder.parent / f"{folder.name}-outside"
    real = outside if where.startswith("..") else target
    real.mkdir(parents=True)
    (real / "main.tf").write_text(vault(OFF))
    if where.startswith(".."):
        target.symlink_to(outside)
        (folder / "main.tf").write_text('module "v" {\n  source = "./vault"\n}\n')
    else:
        modules = {"Modules": [{"Key": "v", "Source": "x/vault/azurerm", "Version": "1.2.3", "Dir": where}]}
        (folder / ".terraform/modules/modules.json").write_text(json.dumps(modules))
        (folder / "main.tf").write_text('module "v" {\n  source = "x/vault/azurerm"\n  version = "1.2.3"\n}\n')
    said = kvlint("fix", "--write", *ONLY)
    assert (real / "main.tf").read_text() == vault(OFF)
    assert "Wrote" not in said.out
    assert ("is declared in a downloaded module" in said.out) is not where.startswith("..")


def test_compiled_template_of_a_fixed_file_is_reported_as_outdated(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    (folder / "main.bicep").write_text("resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n}\n")
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "metadata": {"_generator": {"name": "bicep", "version": "0.30.0", "templateHash": "1"}},
        "resources": [{"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv"}],
    }
    text = json.dumps(template, indent=2)
    (folder / "main.json").write_text(text)
    assert json.loads(kvlint("fix", "-f", "json", *ONLY).out)["outdated"] == ["main.json"]
    said = kvlint("fix", "--write", *ONLY)
    assert "Wrote 1 fix" in said.out
    assert "main.json: compile it again, because main.bicep has changed" in said.err
    assert (folder / "main.json").read_text() == text
    (folder / "main.bicep").unlink()
    refused(kvlint, "the file is generated")


def test_a_template_that_was_compiled_to_another_folder_is_outdated(kvlint: Kvlint, folder: Path) -> None:
    vault_ = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n}\n"
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "metadata": {"_generator": {"name": "bicep", "version": "0.30.0", "templateHash": "1"}},
        "resources": [],
    }
    (folder / "main.tf").unlink()
    for name in ("a/arm", "a/bicep/modules", "b"):
        (folder / name).mkdir(parents=True)
    (folder / "a/bicep/modules/vault.bicep").write_text(vault_)
    (folder / "a/bicep/main.bicep").write_text("module v 'modules/vault.bicep' = {\n  name: 'v'\n}\n")
    (folder / "b/main.bicep").write_text("var x = 1\n")
    for name in ("a/arm/main.json", "a/arm/other.json", "b/main.json"):
        (folder / name).write_text(json.dumps(template, indent=2))
    only = ("--profile", "all", "--unsafe", "--select", "KV001")
    assert json.loads(kvlint("fix", "-f", "json", *only).out)["outdated"] == ["a/arm/main.json"]
    said = kvlint("fix", "--write", *only)
    assert "a/arm/main.json: compile it again, because a Bicep file that it contains has changed" in said.err


def test_file_that_changes_during_the_run_is_not_written(
    kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, search = folder / "other.tf", find.fixes_together
    other.write_text(vault(OFF, "other"))

    def change(*words: Any, **more: Any) -> Any:
        found = search(*words, **more)
        other.write_text(vault("# changed\n" + OFF, "other"))
        return found

    monkeypatch.setattr("azkvlint.cli.fix.fixes_together", change)
    said = kvlint("fix", "--write", *ONLY)
    assert said.code == 2
    assert "was not changed: its content is not the one that was checked (run the command again)" in said.err
    assert (folder / "main.tf").read_text() == vault(OFF)
    assert "# changed" in other.read_text()


def test_a_file_that_is_read_only(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").chmod(0o444)
    said = kvlint("fix", "--write", *ONLY)
    assert (said.code, "cannot be written: it is read-only" in said.err) == (2, True)
    assert (folder / "main.tf").read_text() == vault(OFF)


def test_a_link_in_the_checkout_is_followed_and_kept(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").rename(folder / "shared.txt")
    (folder / "main.tf").symlink_to("shared.txt")
    assert kvlint("fix", "--write", *ONLY).code == 0
    assert (folder / "main.tf").is_symlink()
    assert "= true" in (folder / "shared.txt").read_text()


def test_two_fixes_at_one_position_are_both_written(kvlint: Kvlint, folder: Path) -> None:
    """Both arguments are inserted at the end of the block, and the block is made of both."""
    (folder / "main.tf").write_text(vault('  network_acls {\n    ip_rules = ["203.0.113.1"]\n  }\n'))
    said = kvlint("fix", "--write", "--unsafe", "--select", "KV001,KV104,KV301")
    assert (said.code, "Wrote 3 fixes (3 not safe) in 1 file." in said.out) == (0, True)
    text = (folder / "main.tf").read_text()
    assert text.count("network_acls") == text.count("default_action") == 1
    assert "Nothing to fix." in kvlint("fix", "--unsafe", "--select", "KV001,KV104,KV301").out


def test_a_default_that_other_callers_share_is_not_changed(kvlint: Kvlint, folder: Path) -> None:
    module = 'variable "days" {\n  default = 7\n}\n' + vault("  soft_delete_retention_days = var.days\n")
    (folder / "m").mkdir()
    (folder / "m/main.tf").write_text(module)
    calls = 'module "a" {\n  source = "./m"\n}\nmodule "b" {\n  source = "./m"\n  days   = 90\n}\n'
    (folder / "main.tf").write_text(calls)
    said = kvlint("fix", "--write", "--unsafe", "--select", "KV003")
    assert "KV003 Set `days = 90` in module `a`" in said.out
    assert (folder / "m/main.tf").read_text() == module
    first, second = (folder / "main.tf").read_text().split('module "b"')
    assert first == 'module "a" {\n  source = "./m"\n  days   = 90\n}\n'
    assert f'module "b"{second}' in calls


BICEP = (
    "param days int\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  properties: {\n"
    "    enablePurgeProtection: true\n    softDeleteRetentionInDays: days\n  }\n}\n"
)
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deployment{}.json#"
TEMPLATE = {
    "$schema": SCHEMA.format("Template"),
    "parameters": {"days": {"type": "int"}},
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "kv",
            "properties": {"softDeleteRetentionInDays": "[parameters('days')]"},
        }
    ],
}
VALUES = {
    "terraform.tfvars": "days = 7 # here\n",
    "main.bicepparam": "using 'main.bicep'\nparam days = 7 // here\n",
    "main.parameters.json": json.dumps({"$schema": SCHEMA.format("Parameters"), "parameters": {"days": {"value": 7}}}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_changed_in_the_file_that_sets_it(kvlint: Kvlint, folder: Path, name: str) -> None:
    module = 'variable "days" {}\n' + vault("  soft_delete_retention_days = var.days\n")
    (folder / "main.tf").write_text(module)
    (folder / "main.bicep").write_text(BICEP)
    if name.endswith(".json"):
        (folder / "main.bicep").unlink()
        (folder / "main.json").write_text(json.dumps(TEMPLATE))
    (folder / name).write_text(VALUES[name])
    assert kvlint("fix", "--write", "--unsafe", "--select", "KV003").code == 0
    assert (folder / name).read_text() == VALUES[name].replace("7", "90")
    assert (folder / "main.tf").read_text() == module


def test_a_variable_with_another_use_is_not_changed(kvlint: Kvlint, folder: Path) -> None:
    text = 'variable "on" {\n  default = false\n}\n' + vault("  purge_protection_enabled = var.on\n")
    (folder / "main.tf").write_text(text + 'output "on" {\n  value = var.on\n}\n')
    refused(kvlint, "the value is also used elsewhere (main.tf:9)")


@pytest.mark.parametrize("other", ["provider", "none"])
def test_a_variable_behind_an_object_with_another_use_is_not_changed(kvlint: Kvlint, folder: Path, other: str) -> None:
    """The default reaches the vault through the object that a module receives."""
    (folder / "modules/kv").mkdir(parents=True)
    module = 'variable "kv" {}\n' + vault("  purge_protection_enabled = var.kv.purge_control\n")
    (folder / "modules/kv/main.tf").write_text(module)
    text = 'variable "on" {\n  default = false\n}\nlocals {\n  kv = { purge_control = var.on }\n}\n'
    call = 'module "kv" {\n  source = "./modules/kv"\n  kv     = local.kv\n}\n'
    features = "    key_vault {\n      purge_soft_delete_on_destroy = !var.on\n    }\n"
    provider = f'provider "azurerm" {{\n  features {{\n{features}  }}\n}}\n'
    (folder / "main.tf").write_text(text + call + (provider if other == "provider" else ""))
    if other == "provider":
        refused(kvlint, "the value is also used elsewhere (main.tf:14)")
    else:
        assert "KV001 Set `default = true` in variable `on`" in kvlint("fix", "--select", "KV001", "--unsafe").out


@pytest.mark.parametrize(
    ("condition", "is_offered"),
    [
        ("var.days >= 7 && var.days <= 90", True),
        ("contains([7, 30, 90], var.days)", True),
        ("contains([7, 30], var.days)", False),
        ("var.days > 7 || var.other", True),
        ("var.days < var.other", False),
        ('can(regex("^[0-9]$", var.days))', False),
    ],
)
def test_the_validation_of_a_variable_is_another_use_unless_it_accepts_the_value(
    kvlint: Kvlint, folder: Path, condition: str, is_offered: bool
) -> None:
    validation = f'  validation {{\n    condition     = {condition}\n    error_message = "No."\n  }}\n'
    text = f'variable "days" {{\n  default = 7\n{validation}}}\nvariable "other" {{}}\n'
    root = 'terraform {\n  backend "local" {}\n}\n'
    (folder / "main.tf").write_text(text + vault("  soft_delete_retention_days = var.days\n") + root)
    said = kvlint("fix", "--select", "KV003", "--unsafe").out
    assert ("Set `default = 90` in variable `days`" in said) is is_offered
    assert ("the value is also used elsewhere (main.tf:4)" in said) is not is_offered


def test_a_fix_that_causes_another_finding_is_refused(kvlint: Kvlint, folder: Path) -> None:
    acls = '  network_acls {\n    default_action = "Deny"\n    bypass = "None"\n    ip_rules = ["203.0.113.1"]\n  }\n'
    (folder / "main.tf").write_text(vault(acls))
    said = kvlint("fix", "--unsafe", "--select", "KV105")
    assert said.code == 0
    assert "No fix: it would cause KV116 on azurerm_key_vault.kv" in said.out


def test_the_reason_is_that_of_the_argument_that_the_provider_supports(kvlint: Kvlint, folder: Path) -> None:
    """In azurerm 3, the newer name of the argument is not supported, which is not why there is no fix."""
    policy = '  key_vault_id = azurerm_key_vault.kv.id\n  object_id = "o"\n  secret_permissions = ["Get"]\n'
    code = vault() + f'resource "azurerm_key_vault_access_policy" "p" {{\n{policy}}}\n'
    (folder / "main.tf").write_text(REQUIRED.format("= 3.116.0") + code)
    said = kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV301")
    assert "No fix: it would cause KV30" in said.out


def test_input_that_cannot_be_read_is_incomplete(kvlint: Kvlint, folder: Path) -> None:
    (folder / "broken.tf").write_text("resource {")
    said = kvlint("fix", *ONLY)
    assert said.code == 3
    assert "error[KVE001]" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--diff", "--write"), "--diff and --write cannot be combined"),
        (("-",), "kvlint fix cannot change standard input"),
        (("nowhere",), "'nowhere' does not exist"),
        (("-f", "sarif"), "unknown format 'sarif'"),
    ],
)
def test_invalid_arguments_are_an_error(kvlint: Kvlint, folder: Path, words: tuple[str, ...], told: str) -> None:
    said = kvlint("fix", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


# --- plans, and other reports -----------------------------------------------------------------------------------------


def test_a_finding_from_a_plan_is_fixed_in_the_source(kvlint: Kvlint, folder: Path) -> None:
    (folder / "plan.json").write_bytes(expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}"))
    for words in (("plan.json",), (".",)):
        (folder / "main.tf").write_text(vault(OFF))
        said = kvlint("fix", "--write", *ONLY, *words)
        assert (said.code, "Wrote 1 fix" in said.out) == (0, True), said
        assert said.err == "kvlint: plan.json: create the plan again, because its source may have changed\n"
        assert (folder / "main.tf").read_text() == vault(OFF.replace("false", "true"))
    (folder / "main.tf").unlink()
    refused(kvlint, "the source of the plan was not found: name its folder with `--source-root`", "plan.json")


def test_an_installed_module_is_pinned_to_its_version(kvlint: Kvlint, folder: Path) -> None:
    call = 'module "v" {\n  source = "x/keyvault/azurerm"\n}\n'
    (folder / "main.tf").write_text(call)
    (folder / ".terraform/modules/v").mkdir(parents=True)
    (folder / ".terraform/modules/v/main.tf").write_text(vault(OFF.replace("false", "true")))
    modules = {
        "Modules": [{"Key": "v", "Source": "x/keyvault/azurerm", "Version": "1.2.3", "Dir": ".terraform/modules/v"}]
    }
    (folder / ".terraform/modules/modules.json").write_text(json.dumps(modules))
    assert kvlint("fix", "--write", "--allow", "replaces", "--select", "KV057").code == 0
    assert (folder / "main.tf").read_text() == call.replace('azurerm"\n', 'azurerm"\n  version = "1.2.3"\n').replace(
        "source =", "source  ="
    )


def test_fixes_are_listed_as_json(kvlint: Kvlint, folder: Path) -> None:
    found = json.loads(kvlint("fix", "-f", "json", *ONLY).out)
    assert found["version"] == 1
    summary = {"fixes": 1, "unsafe": 1, "refused": 0, "inBaseline": 0, "files": 1, "written": False}
    assert found["summary"] == summary
    (fix,) = found["fixes"]
    assert (fix["rule"], fix["title"], fix["safe"]) == ("KV001", "Set `purge_protection_enabled = true`", False)
    assert fix["location"]["line"] == 3
    assert found["files"] == ["main.tf"]


def fixes_in(kvlint: Kvlint, form: str) -> dict[str, Any]:
    said = kvlint("check", ".", "--fixes", "--unsafe", "--select", "KV001,KV104", "-f", form)
    assert said.code == 1
    return dict(json.loads(said.out))


def test_reports_contain_fixes(kvlint: Kvlint, folder: Path) -> None:
    before = '  tags = { a = "\U0001f511é" } /* \U0001f511é */\n'
    (folder / "main.tf").write_text(vault(before + OFF))
    sarif = fixes_in(kvlint, "sarif")
    assert violations(sarif) == []
    (fix,) = sarif["runs"][0]["results"][0]["fixes"]
    assert fix["description"]["text"].startswith(
        "Set `purge_protection_enabled = true`. irreversible: Purge protection cannot"
    )
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "main.tf", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 4, "startColumn": 30, "endLine": 4, "endColumn": 35}
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "true"}}]
    (one,) = fixes_in(kvlint, "rdjson")["diagnostics"]
    ends = {"start": {"line": 4, "column": 30}, "end": {"line": 4, "column": 35}}
    assert one["suggestions"] == [{"range": ends, "text": "true"}]
    (finding,) = fixes_in(kvlint, "json")["findings"]
    assert finding["fix"]["edits"] == [
        {"path": "main.tf", "line": 4, "column": 30, "endLine": 4, "endColumn": 35, "text": "true"}
    ]
    (folder / "main.tf").write_text(vault().replace('name = "kv"', 'tags = { a = "\U0001f511é" }'))
    (change,) = fixes_in(kvlint, "sarif")["runs"][0]["results"][0]["fixes"][0]["artifactChanges"]
    assert {one["deletedRegion"]["startLine"] for one in change["replacements"]} <= {2, 3}
    without = json.loads(kvlint("check", ".", "--select", "KV001", "-f", "sarif").out)
    assert "fixes" not in without["runs"][0]["results"][0]


def test_reports_contain_safe_fixes_only_by_default(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(PURGES + vault(OFF))
    found = json.loads(kvlint("check", ".", "--fixes", "--select", "KV001,KV006", "-f", "json").out)
    assert {one["ruleId"]: "fix" in one for one in found["findings"]} == {"KV001": False, "KV006": False}
    allow = ("--fixes", "--allow", "apply-fails", "--select", "KV001,KV006", "-f", "json")
    found = json.loads(kvlint("check", ".", *allow).out)["findings"]
    assert {one["ruleId"]: one.get("fix", {}).get("classes") for one in found} == {"KV001": None, "KV006": [LATER]}


LATER = "apply-fails"


@pytest.mark.parametrize(
    ("allowed", "fixed"),
    [
        ((), []),
        (("irreversible",), []),
        (("irreversible,apply-fails",), ["KV001", "KV003"]),
        (("apply-fails", "irreversible"), ["KV001", "KV003"]),
        (("access",), []),
        (("Access", "irreversible"), []),
        (("Access", "apply-fails"), ["KV303"]),
    ],
)
def test_a_fix_is_offered_if_all_its_classes_are_allowed(
    kvlint: Kvlint, folder: Path, allowed: tuple[str, ...], fixed: list[str]
) -> None:
    (folder / "main.tf").write_text(vault(OFF + RETENTION + "  enabled_for_disk_encryption = true\n"))
    words = [word for name in allowed for word in ("--allow", name)]
    only = ("--profile", "strict", "--select", "KV001,KV003,KV303")
    found = json.loads(kvlint("fix", *words, *only, "-f", "json").out)
    assert [one["rule"] for one in found["fixes"]] == fixed
    everything = json.loads(kvlint("fix", "--unsafe", *words, *only, "-f", "json").out)
    classes = {one["rule"]: one["classes"] for one in everything["fixes"]}
    assert classes == {
        "KV001": ["irreversible", LATER],
        "KV003": ["irreversible", LATER],
        "KV303": ["access", LATER],
    }


def test_an_unknown_class_is_an_error(kvlint: Kvlint, folder: Path) -> None:
    said = kvlint("fix", "--allow", "acess")
    assert said.code == 2
    assert "--allow acess: unknown class" in said.err
    assert "access" in said.err.partition("unknown class")[2]


def test_a_diff_names_the_effects_of_its_changes(kvlint: Kvlint, folder: Path) -> None:
    said = kvlint("fix", "--diff", "--unsafe", "--select", "KV001").out
    assert said.startswith("# main.tf:3:3: KV001 not safe (irreversible): Purge protection cannot be disabled again.\n")
    assert said.index("# main.tf") < said.index("--- a/main.tf")
    subprocess.run([GIT, "apply", "-"], input=said.encode(), cwd=folder, check=True)
    assert "purge_protection_enabled = true" in (folder / "main.tf").read_text()


def test_each_fix_in_a_report_is_the_first_that_is_proven(kvlint: Kvlint, folder: Path) -> None:
    """In this version of azurerm, soft delete is disabled unless the argument is set: removing it is not enough."""
    version = 'terraform {\n  required_providers {\n    azurerm = {\n      version = "~> 2.40.0"\n    }\n  }\n}\n'
    off = "  soft_delete_enabled = false\n"
    (folder / "main.tf").write_text(version + vault(off) + vault(off, "two") + vault(off, "three"))
    found = json.loads(kvlint("check", ".", "--fixes", "--select", "KV002", "-f", "json").out)["findings"]
    assert [one["fix"]["title"] for one in found] == ["Set `soft_delete_enabled = true`"] * 3


def test_too_many_findings_have_no_fix(kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.fixes.find._MOST_FINDINGS", 0)
    said = kvlint("fix", "--diff", *ONLY)
    assert (said.code, said.out) == (0, "")
    assert "No fix: too many findings; select fewer rules or files\n" in kvlint("fix", *ONLY).out
    assert "fix" not in fixes_in(kvlint, "json")["findings"][0]


def test_fix_that_takes_too_long_is_refused(kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.fixes.find._MOST_CHARACTERS", 1)
    assert "No fix: too many findings; select fewer rules or files\n" in kvlint("fix", *ONLY).out
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("azkvlint.fixes.find._MOST_RUNS", -1)
    assert "No fix: too many fixes could not be proven together; select fewer rules\n" in kvlint("fix", *ONLY).out


@pytest.mark.parametrize("is_known", [True, False])
def test_one_input_does_not_use_up_the_evaluations_of_others(
    kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """A fix that would rename a resource is refused. The others are proven at once, its file known or not."""
    (folder / "main.tf").unlink()
    names = [f"{number:02}.json" for number in range(40)]
    for name in names:
        (folder / name).write_text(json.dumps(OF_ARM))
    (folder / names[17]).write_text(json.dumps({**OF_ARM, **NAMED_BY_A_PARAMETER}))
    runs: list[int] = []
    evaluate = Prover.state

    def count(*given: Any) -> Any:
        runs.append(1)
        return evaluate(*given)

    monkeypatch.setattr(Prover, "state", count)
    if not is_known:
        monkeypatch.setattr("azkvlint.fixes.parts.CandidateGroup.is_concerned", lambda *_: False)
    said = kvlint("fix", "--unsafe", "--write", "--select", "KV001,KV611")
    assert "\n  17.json:1:447: KV611\n" in said.out
    assert said.out.endswith("Wrote 40 fixes (40 not safe) in 40 files; 1 finding without a fix.\n")
    assert len(runs) < (8 if is_known else 30)


def test_a_fault_names_the_file_in_which_resources_change(folder: Path) -> None:
    (folder / "main.tf").unlink()
    (folder / "one.json").write_text(json.dumps(OF_ARM))
    (folder / "two.json").write_text(json.dumps(OF_ARM))
    prover = Prover(Config(paths=(str(folder),)))
    text = json.dumps(OF_ARM)
    edits = (
        TextEdit(path="two.json", start=text.index('kv",'), end=text.index('", "properties'), replacement="other"),
    )
    edited = Sources(str(folder)).edited(edits)
    faults = [one for one in prover.faults((), prover.state(edited)) if not one.resources]
    assert faults == [ProofFailure("other resources would be evaluated", paths=frozenset(("two.json",)))]


OLD = {"apiVersion": "2018-02-14", "properties": {"enableRbacAuthorization": True, "publicNetworkAccess": "Disabled"}}


@pytest.mark.parametrize("how", [(), ("--ignore", "KV053"), ("--select", "KV050"), ("--min-severity", "medium")])
@pytest.mark.parametrize("is_suppressed", [False, True])
def test_a_rule_guards_a_safe_fix_also_if_it_is_not_reported(
    kvlint: Kvlint, folder: Path, how: tuple[str, ...], is_suppressed: bool
) -> None:
    """A newer API version gives effect to properties that the old one ignores: the permission model, for example."""
    (folder / "main.tf").unlink()
    template = {**OF_ARM, "resources": [OF_ARM["resources"][0] | OLD]}
    comment = "// kvlint: ignore[KV053] the properties have no effect\n" if is_suppressed else ""
    (folder / "main.json").write_text(json.dumps(template).replace('"enableRbac', f'\n{comment}"enableRbac'))
    assert "2026" not in kvlint("fix", "--diff", *how).out


def test_arguments_that_a_provider_does_not_support_are_not_written(kvlint: Kvlint, folder: Path) -> None:
    version = 'terraform {\n  required_providers {\n    azurerm = {\n      version = "~> 2.40"\n    }\n  }\n}\n'
    (folder / "main.tf").write_text(version + vault())
    said = kvlint("fix", "--diff", "--unsafe", "--profile", "all", "--ignore", "KV053").out
    assert "+  enable_rbac_authorization" in said
    assert "+  rbac_authorization_enabled" not in said


@pytest.mark.parametrize("profile", ["default", "strict", "all"])
def test_a_vault_that_the_configuration_writes_to_is_not_closed(kvlint: Kvlint, folder: Path, profile: str) -> None:
    issuer = 'resource "azurerm_key_vault_certificate_issuer" "ca" {\n  name = "ca"\n'
    issuer += '  key_vault_id = azurerm_key_vault.kv.id\n  provider_name = "DigiCert"\n}\n'
    (folder / "main.tf").write_text(vault() + issuer)
    said = kvlint("fix", "--diff", "--unsafe", "--profile", profile).out
    assert "public_network_access_enabled" not in said
    (folder / "main.tf").write_text(vault())
    expected = profile != "default"
    assert ("+  public_network_access" in kvlint("fix", "--diff", "--unsafe", "--profile", profile).out) is expected


def test_access_that_a_template_needs_is_not_disabled(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    body = "enabledForTemplateDeployment: true"
    (folder / "kv.bicep").write_text(OF_BICEP.format(version="2023-07-01", body=body))
    only = ("fix", "--unsafe", "--select", "KV303")
    assert "Set `enabledForTemplateDeployment: false`" in kvlint(*only).out
    uses = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = {\n  name: 'kv'\n}\n"
    uses += "module db 'db.bicep' = {\n  name: 'db'\n  params: { password: kv.getSecret('db') }\n}\n"
    (folder / "main.bicep").write_text(uses)
    (folder / "db.bicep").write_text("@secure()\nparam password string\n")
    refusal = "No fix: `properties.enabledForTemplateDeployment` may be in use by"
    assert f"{refusal} `main.bicep`\n  kv.bicep:4:" in kvlint(*only).out
    (folder / "main.bicep").write_text("module db 'db.bicep' = {\n  name: 'db'\n  params: { password: '' }\n}\n")
    assert refusal not in kvlint(*only).out
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    reference = {"KEYVAULT": {"id": "kv"}, "secretName": "db"}
    parameters = {"$schema": schema, "parameters": {"password": {"reference": reference}}}
    (folder / "db.parameters.json").write_text(json.dumps(parameters))
    assert f"{refusal} `db.parameters.json`" in kvlint(*only).out


def test_finding_that_another_fix_removes_is_listed_with_its_consequence(kvlint: Kvlint, folder: Path) -> None:
    """A finding whose own fix is not safe is not safe either if another fix removes it."""
    (folder / "main.tf").unlink()
    (folder / "main.json").write_text(json.dumps({**OF_ARM, "resources": [OF_ARM["resources"][0] | OLD]}))
    found = json.loads(kvlint("fix", "--unsafe", "--select", "KV050,KV053", "-f", "json").out)["fixes"]
    assert {one["rule"] for one in found} == {"KV050", "KV053"}
    assert any(not one["safe"] and "takes effect" in one["consequence"] for one in found if one["rule"] == "KV053")


def test_finding_that_another_fix_removes_has_the_classes_of_that_fix(kvlint: Kvlint, folder: Path) -> None:
    """A rule without a fix of its own; other fixes of the resource are not the cause."""
    role = 'role_definition_name = "Key Vault Secrets User"\n  principal_id = "00000000-0000-0000-0000-000000000001"'
    grant = f'resource "azurerm_role_assignment" "r" {{\n  scope = azurerm_key_vault.kv.id\n  {role}\n}}\n'
    (folder / "main.tf").write_text(vault(OFF) + grant)
    options = ("--unsafe", "--profile", "all", "--select", "KV001,KV301,KV305")
    found = {one["rule"]: one for one in json.loads(kvlint("fix", *options, "-f", "json").out)["fixes"]}
    assert found["KV305"]["title"] == "Fixed by another fix"
    assert found["KV305"]["classes"] == found["KV301"]["classes"] == ["access", "apply-fails"]
    assert found["KV305"]["consequence"] == found["KV301"]["consequence"]
    assert "irreversible" in found["KV001"]["classes"]


def test_members_are_written_like_those_of_the_file(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    text = json.dumps({**OF_ARM, "resources": [OF_ARM["resources"][0] | {"properties": {"tenantId": "t"}}]})
    (folder / "main.json").write_text(text.replace('": ', '":'))
    kvlint("fix", "--write", "--unsafe", "--select", "KV001")
    assert '"enablePurgeProtection":true' in (folder / "main.json").read_text()


def test_a_suppressed_finding_is_not_fixed(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text("# kvlint: ignore[KV001] this vault is temporary\n" + vault(OFF))
    assert kvlint("fix", *ONLY).out == "Nothing to fix.\n"


def test_findings_in_the_baseline_are_not_fixed(kvlint: Kvlint, folder: Path) -> None:
    kvlint(".", "--select", "KV001", "--write-baseline", "known.json")
    said = kvlint("fix", "--baseline", "known.json", *ONLY)
    assert said.out == "Nothing to fix. 1 finding is in the baseline (--no-ignores includes it).\n"
    assert json.loads(kvlint("fix", "--baseline", "known.json", "-f", "json", *ONLY).out)["summary"]["inBaseline"] == 1
    every = kvlint("fix", "--baseline", "known.json", "--no-ignores", *ONLY).out
    assert "Found 1 fix" in every
    assert "baseline" not in every


def test_property_of_two_fixes_is_inserted_once(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    (folder / "main.bicep").write_text(OF_BICEP.format(version="2023-07-01", body="accessPolicies: []"))
    assert kvlint("fix", "--write", "--unsafe", "--select", "KV050,KV052").code == 0
    assert (folder / "main.bicep").read_text().count("enableRbacAuthorization: false") == 1


ON_ONE_LINE = (
    "resource kv 'Microsoft.KeyVault/vaults@2022-07-01' = { name: 'kv-one', location: 'westeurope', properties: {"
    " tenantId: tenant().tenantId, sku: { family: 'A', name: 'standard' }, accessPolicies: [] } }"
)


@pytest.mark.parametrize("rules", ["KV001,KV050,KV301", "KV001,KV050,KV052", "KV050,KV052,KV301", "KV001,KV301"])
@pytest.mark.parametrize("name", ["main.bicep", "main.json"])
def test_fixes_of_one_line_set_a_property_once(kvlint: Kvlint, folder: Path, name: str, rules: str) -> None:
    (folder / "main.tf").unlink()
    template = json.loads(json.dumps(OF_ARM).replace("2023-07-01", "2022-07-01"))
    template["resources"][0]["properties"] = {"accessPolicies": []}
    (folder / name).write_text(ON_ONE_LINE if name == "main.bicep" else json.dumps(template, separators=(",", ":")))
    said = kvlint("fix", name, "--write", "--unsafe", "--select", rules)
    assert (said.code, said.out.count("No fix")) == (0, 0)
    text = (folder / name).read_text()
    names = ("enableRbacAuthorization", "enablePurgeProtection")
    assert [text.count(one) for one in names] == [1, int("KV001" in rules)]
    assert kvlint("fix", name, "--unsafe", "--select", rules).out == "Nothing to fix.\n"


OF_ARM: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "kv",
            "properties": {"enablePurgeProtection": None},
        }
    ],
}
NAMED_BY_A_PARAMETER: dict[str, Any] = {
    "parameters": {"settings": {"type": "object"}},
    "resources": [
        *OF_ARM["resources"],
        {
            "type": "Microsoft.KeyVault/vaults/secrets",
            "apiVersion": "2023-07-01",
            "name": "[concat('kv/', parameters('settings').name)]",
            "properties": {"value": "[parameters('settings').password]"},
        },
    ],
}
OF_BICEP = """\
resource kv 'Microsoft.KeyVault/vaults@{version}' = {{
  name: 'kv'
  properties: {{
    {body}
  }}
}}
"""
HSM_KEY = """\
resource "azurerm_key_vault_key" "k" {
  name         = "k"
  key_type     = "RSA-HSM"
  key_vault_id = azurerm_key_vault.kv.id
}
"""
WRITE_ONLY = (
    'resource "azurerm_key_vault_secret" "s" {\n  name     = "s"\n  value_wo = ephemeral.random_password.p.result\n}\n'
    'ephemeral "random_password" "p" {\n  length = 20\n}\n'
)
CERTIFICATE = (
    'resource "azurerm_key_vault_certificate" "c" {\n  name = "c"\n}\n'
    'resource "azurerm_cdn_frontdoor_secret" "c" {\n  secret {\n    customer_certificate {\n'
    "      key_vault_certificate_id = azurerm_key_vault_certificate.c.id\n    }\n  }\n}\n"
)


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        # The vault may have been changed to Azure RBAC outside of the template.
        ("KV052", "main.bicep", OF_BICEP.format(version="2026-02-01", body="accessPolicies: []")),
        ("KV050", "main.bicep", OF_BICEP.format(version="2023-07-01", body="accessPolicies: []")),
        ("KV050", "main.bicep", OF_BICEP.format(version="2023-07-01", body="enableRbacAuthorization: null")),
        # A new API version would put a property into effect.
        ("KV050", "main.bicep", OF_BICEP.format(
            version="2019-09-01", body="enableRbacAuthorization: true\n    publicNetworkAccess: 'Disabled'"
        )),
        # Each HSM-protected key costs money.
        ("KV515", "main.tf", vault('  sku_name = "standard"\n') + HSM_KEY),
        # The apply writes a new password.
        ("KV614", "main.tf", WRITE_ONLY),
        ("KV624", "main.tf", CERTIFICATE),
    ],
)  # fmt: skip
def test_a_fix_with_a_consequence_is_not_safe(kvlint: Kvlint, folder: Path, rule: str, name: str, text: str) -> None:
    (folder / "main.tf").unlink()
    (folder / name).write_text(text)
    assert kvlint("fix", "--select", rule).code == 0
    said = kvlint("fix", "--unsafe", "--select", f"{rule},KV053")
    assert said.code == 1
    assert "not safe (" in said.out


def test_a_new_api_version_is_safe_where_the_permission_model_is_set(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    (folder / "main.bicep").write_text(OF_BICEP.format(version="2023-07-01", body="enableRbacAuthorization: true"))
    assert kvlint("fix", "--write", "--select", "KV050").code == 0
    assert "@2026-02-01" in (folder / "main.bicep").read_text()


SECRET = 'resource "azurerm_key_vault_secret" "s" {{\n  name  = "s"\n  value = {value}\n}}\n'
PASSWORD = 'variable "password" {\n  type = string\n}\n' + SECRET.format(value="var.password")


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (
            'output "o" {\n  value = length(var.password)\n}\n',
            "an output that is not sensitive depends on the variable",
        ),
        (
            'resource "azurerm_key_vault_secret" "t" {\n  count = var.password == "" ? 0 : 1\n  value = "x"\n}\n',
            "`count`",
        ),
        ('locals {\n  all = [var.password]\n}\noutput "o" {\n  value = local.all\n}\n', "an output that is not"),
        (
            'module "m" {\n  source = "./m"\n  word   = var.password\n}\n',
            "`for_each` of `m/main.tf` depends on the variable",
        ),
        ('module "m" {\n  source = "a/b/c"\n  word   = var.password\n}\n', "passed to a module outside the checkout"),
        (
            (
                'resource "azurerm_resource_group" "r" {\n  name = var.password\n}\n'
                'output "o" {\n  value = azurerm_resource_group.r[0].name\n}\n'
            ),
            "an output that is not sensitive",
        ),
        ('output "o" {\n  value     = var.password\n  sensitive = true\n}\n', ""),
        ('module "m" {\n  source   = "./m"\n  password = var.password\n}\n', ""),
        ('resource "azurerm_linux_virtual_machine" "v" {\n  admin_password = var.password\n}\n', ""),
    ],
)
def test_a_variable_is_not_sensitive_where_terraform_rejects_it(
    kvlint: Kvlint, folder: Path, use: str, reason: str
) -> None:
    (folder / "main.tf").write_text(PASSWORD + use)
    (folder / "m").mkdir()
    (folder / "m" / "main.tf").write_text(
        'variable "word" {\n  type = string\n}\nvariable "password" {\n  type = string\n}\n'
        'resource "azurerm_resource_group" "g" {\n  for_each = toset([var.word])\n}\n'
    )
    said = kvlint("fix", "--select", "KV611")
    assert (reason in said.out, said.code) == (True, 0) if reason else said.code == 1, said.out


def test_a_variable_in_json_is_not_sensitive_in_for_each(kvlint: Kvlint, folder: Path) -> None:
    secret = {"for_each": "${var.secrets}", "name": "${each.key}", "value": "${each.value}"}
    document = {
        "variable": {"secrets": {"type": "map(string)"}},
        "resource": {"azurerm_key_vault_secret": {"s": secret}},
    }
    (folder / "main.tf").unlink()
    (folder / "main.tf.json").write_text(json.dumps(document))
    said = kvlint("fix", "--select", "KV611")
    assert "`for_each` of `main.tf.json` depends on the variable" in said.out


def test_only_strings_and_objects_are_secure_in_bicep(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    secret = (
        "resource s{0} 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {{\n"
        "  name: 'kv/s{0}'\n  properties: {{ value: {1} }}\n}}\n"
    )
    types = ["int", "string[]", "string", "object", "text", "string?", "unknown", "{ password: string }"]
    uses = ["string({})", "{}[0]", "{}", "{}.password", "{}", "{}", "{}", "{}.password"]
    lines = [f"param password{number} {one}\n" for number, one in enumerate(types)]
    lines += [secret.format(number, use.format(f"password{number}")) for number, use in enumerate(uses)]
    (folder / "main.bicep").write_text("type text = string\n" + "".join(lines))
    assert kvlint("fix", "--write", "--select", "KV611").code == 0
    found = (folder / "main.bicep").read_text()
    assert [f"@secure()\nparam password{number} {one}" in found for number, one in enumerate(types)] == [
        one in ("string", "object", "text", "string?", "{ password: string }") for one in types
    ]


def test_the_title_names_the_variable_in_a_file_of_values(kvlint: Kvlint, folder: Path) -> None:
    (folder / "root").mkdir()
    (folder / "m").mkdir()
    (folder / "main.tf").rename(folder / "m" / "main.tf")
    (folder / "m" / "main.tf").write_text(vault("  purge_protection_enabled = var.purge\n") + 'variable "purge" {}\n')
    call = 'module "m" {\n  source = "../m"\n  purge  = var.purge\n}\nvariable "purge" {\n  type = bool\n}\n'
    (folder / "root" / "main.tf").write_text(call)
    (folder / "root" / "terraform.tfvars").write_text("purge = false\n")
    said = kvlint("fix", "--write", *ONLY)
    assert "Set `purge = true`" in said.out
    assert (folder / "root" / "terraform.tfvars").read_text() == "purge = true\n"


def test_a_file_that_is_read_through_two_paths_is_changed_once(kvlint: Kvlint, folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
    (folder / "main.tf").rename(folder / "b" / "main.tf")
    (folder / "a" / "main.tf").symlink_to("../b/main.tf")
    (folder / "b" / "other.tf").write_text(vault(name="other"))
    said = kvlint("fix", "--diff", *ONLY)
    assert said.out.count("+  purge_protection_enabled = true") == 2
    subprocess.run([GIT, "apply"], input=said.out.encode(), cwd=folder, check=True, capture_output=True)
    assert kvlint("fix", "--diff", *ONLY) == (0, "", "")


def test_a_diff_of_a_file_of_values_shows_no_strings(kvlint: Kvlint, folder: Path) -> None:
    (folder / "root").mkdir()
    (folder / "m").mkdir()
    (folder / "main.tf").unlink()
    (folder / "m" / "main.tf").write_text(vault("  purge_protection_enabled = var.purge\n") + 'variable "purge" {}\n')
    call = 'module "m" {\n  source = "../m"\n  purge  = var.purge\n}\nvariable "purge" {\n  type = bool\n}\n'
    thing = 'variable "thing" {\n  type      = string\n  sensitive = true\n}\n'
    (folder / "root" / "main.tf").write_text(call + thing)
    values = 'thing = "canary-one"\npurge = false\npin   = 4321\nother = <<EOT\ncanary-two\nEOT\n'
    (folder / "root" / "terraform.tfvars").write_text(values)
    said = kvlint("fix", "--diff", *ONLY)
    assert "+purge = true" in said.out
    assert "canary" not in said.out
    subprocess.run([GIT, "apply"], input=said.out.encode(), cwd=folder, check=True)
    assert (folder / "root" / "terraform.tfvars").read_text() == values.replace("false", "true")


@pytest.mark.parametrize("ignored", ["[purge_protection_enabled, tags]", "all", "[tags]"])
def test_argument_in_ignore_changes_is_not_fixed(kvlint: Kvlint, folder: Path, ignored: str) -> None:
    (folder / "main.tf").write_text(vault(f"  lifecycle {{\n    ignore_changes = {ignored}\n  }}\n"))
    said = kvlint("fix", "--unsafe", "--select", "KV001")
    reason = "Terraform ignores changes of `purge_protection_enabled` (`ignore_changes`)"
    assert (reason in said.out, said.code) == ((False, 1) if ignored == "[tags]" else (True, 0))


def test_meta_argument_is_fixed_despite_ignore_changes(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(vault("  lifecycle {\n    ignore_changes = all\n  }\n"))
    assert "Set `prevent_destroy = true`" in kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV007").out


GATEWAY = """resource "azurerm_application_gateway" "gateway" {
  name = "gateway"
  ssl_certificate {
    name                = "web"
    key_vault_secret_id = "https://kv.vault.azure.net/secrets/web/0123456789abcdef0123456789abcdef"
  }
  lifecycle {
    # all of the others are changed here
    ignore_changes = [%s]
  }
}
"""


@pytest.mark.parametrize(
    ("ignored", "name"),
    [
        ("ssl_certificate", "ssl_certificate"),
        ("tags, ssl_certificate[0].key_vault_secret_id", "ssl_certificate.key_vault_secret_id"),
        ("ssl_certificate[0].name", ""),
        ("tags", ""),
    ],
)
def test_edit_inside_a_block_in_ignore_changes_is_refused(
    kvlint: Kvlint, folder: Path, ignored: str, name: str
) -> None:
    (folder / "main.tf").write_text(GATEWAY % ignored)
    said = kvlint("fix", "--unsafe", "--profile", "all", "--select", "KV624").out
    if name:
        assert f"No fix: Terraform ignores changes of `{name}` (`ignore_changes`)\n" in said
    else:
        assert "Remove the version from the ID" in said


def test_ignored_arguments_in_json_are_strings(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").unlink()
    body = {"name": "kv", "lifecycle": {"ignore_changes": ["tags", "purge_protection_enabled"]}}
    (folder / "main.tf.json").write_text(json.dumps({"resource": {"azurerm_key_vault": {"kv": body}}}))
    refusal = "Terraform ignores changes of `purge_protection_enabled` (`ignore_changes`)"
    assert refusal in kvlint("fix", "--unsafe", "--select", "KV001").out


REFERENCES = """resource "azurerm_key_vault" "kv" {
  name = "kv"
}

resource "azurerm_key_vault_secret" "db" {
  name         = "db"
  key_vault_id = azurerm_key_vault.kv.id
}

resource "azurerm_linux_web_app" "app" {
  name = "app"
  app_settings = {
    A   = "@Microsoft.KeyVault(SecretUri=${azurerm_key_vault_secret.db.id})"
    B = "@Microsoft.KeyVault(SecretUri=URI/${azurerm_key_vault_secret.db.name}/${azurerm_key_vault_secret.db.version})"
    C   = "@Microsoft.KeyVault(VaultName=kv;SecretName=db;SecretVersion=${azurerm_key_vault_secret.db.version})"
    D   = azurerm_key_vault_secret.db.name
  }
}
""".replace("URI/", "${azurerm_key_vault.kv.vault_uri}secrets/")


def test_all_versions_in_one_resource_are_removed(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(REFERENCES)
    said = kvlint("fix", "--write", "--allow", "access", "--profile", "all", "--select", "KV624").out
    assert "Use `versionless_id` instead of `id` and remove the version from the ID" in said
    text = (folder / "main.tf").read_text()
    assert "(SecretUri=${azurerm_key_vault_secret.db.versionless_id})" in text
    assert "vault_uri}secrets/${azurerm_key_vault_secret.db.name})" in text
    assert "(VaultName=kv;SecretName=db)" in text
    assert kvlint("fix", "--allow", "access", "--profile", "all", "--select", "KV624").out == "Nothing to fix.\n"


def test_a_reference_that_is_not_known_remains_unknown(kvlint: Kvlint, folder: Path) -> None:
    other = '    E = "@Microsoft.KeyVault(SecretUri=${var.uri})"\n  }\n}\nvariable "uri" { type = string }\n'
    (folder / "main.tf").write_text(REFERENCES.removesuffix("  }\n}\n") + other)
    said = kvlint("fix", "--allow", "access", "--profile", "all", "--select", "KV624").out
    assert "No fix: the result of KV624 would be unknown: the secret ID may contain a version\n" in said


@pytest.mark.parametrize("type_", ["data", "resource"])
def test_a_setting_that_an_azure_resource_computes_does_not_prevent_a_fix(
    kvlint: Kvlint, folder: Path, type_: str
) -> None:
    prefix = "data." if type_ == "data" else ""
    other = f"    APP_CONNECTION_STRING = {prefix}azurerm_application_insights.a.connection_string\n  }}\n}}\n"
    other += f'{type_} "azurerm_application_insights" "a" {{\n  name = "a"\n}}\n'
    (folder / "main.tf").write_text(REFERENCES.removesuffix("  }\n}\n") + other)
    said = kvlint("fix", "--allow", "access", "--profile", "all", "--select", "KV624").out
    assert "Use `versionless_id` instead of `id` and remove the version from the ID" in said


def test_an_id_that_is_passed_on_with_a_whole_certificate_is_changed_where_it_is_read(
    kvlint: Kvlint, folder: Path
) -> None:
    (folder / "main.tf").write_text(
        'data "azurerm_key_vault_certificate" "c" {\n  name         = "c"\n  key_vault_id = "x"\n}\n'
        'module "m" {\n  source      = "./m"\n  certificate = data.azurerm_key_vault_certificate.c\n}\n'
    )
    (folder / "m").mkdir()
    (folder / "m/main.tf").write_text(
        'variable "certificate" {\n  type = object({ secret_id = string })\n}\n'
        'resource "azurerm_application_gateway" "g" {\n  name = "g"\n  ssl_certificate {\n    name = "c"\n'
        "    key_vault_secret_id = var.certificate.secret_id\n  }\n}\n"
    )
    said = kvlint("fix", "--allow", "access", "--profile", "all", "--select", "KV624").out
    assert "No fix: the ID comes from an object or a calculation: use a versionless ID in `m/main.tf`\n" in said


def test_a_version_of_any_form_is_removed_from_an_address(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(
        'resource "azurerm_linux_web_app" "app" {\n  name = "app"\n  app_settings = {\n'
        '    A = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/db/v1)"\n  }\n}\n'
    )
    kvlint("fix", "--write", "--allow", "access", "--profile", "all", "--select", "KV624")
    assert "(SecretUri=https://kv.vault.azure.net/secrets/db)" in (folder / "main.tf").read_text()


RETAINED = """resource "azurerm_key_vault" "kv" {
  name = "kv"
}

resource "azurerm_monitor_diagnostic_setting" "kv" {
  target_resource_id = azurerm_key_vault.kv.id

  log {
    category = "AuditEvent"
    retention_policy {
      enabled = true
    }
  }
  log {
    category = "AzurePolicyEvaluationDetails"
    retention_policy {
      enabled = true
    }
  }
  metric {
    category = "AllMetrics"
    retention_policy {
      enabled = true
    }
  }
}
"""


def test_the_retention_of_all_logs_and_metrics_is_removed(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(RETAINED)
    said = kvlint("fix", "--write", "--profile", "all", "--select", "KV216")
    assert (said.code, said.out.endswith("Wrote 1 fix in 1 file.\n")) == (0, True)
    text = (folder / "main.tf").read_text()
    assert ("retention" in text, text.count("category")) == (False, 3)


def test_the_comment_about_a_changed_line_is_shown(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(vault(f"  # TODO: needed until the migration\n{OFF}"))
    assert "\n  comment in the code: TODO: needed until the migration\n" in kvlint("fix", *ONLY).out
    heading = "# main.tf:4:3: KV001 comment in the code: TODO: needed until the migration\n"
    assert heading in kvlint("fix", "--diff", *ONLY).out
    (fix,) = json.loads(kvlint("fix", "-f", "json", *ONLY).out)["fixes"]
    assert fix["comment"] == "TODO: needed until the migration"


REQUIRED = """terraform {{
  required_providers {{
    azurerm = {{
      source  = "hashicorp/azurerm"
      version = "{}" # of the provider
    }}
  }}
}}

provider "azurerm" {{
  features {{}}
}}
"""


LOCKED = 'provider "registry.terraform.io/hashicorp/azurerm" {{\n  version = "{}"\n}}\n'


@pytest.mark.parametrize(
    ("constraint", "raised"),
    [
        ("~> 4.10.0", "~> 4.81.0"),
        ("~>4.60.0", "~>4.81.0"),
        ("4.55.0", "4.81.0"),
        ("= 4.55.0", "= 4.81.0"),
        (">= 4.1, < 4.81", "~> 4.81"),
    ],
)
def test_a_constraint_is_raised_within_the_major_version(
    kvlint: Kvlint, folder: Path, constraint: str, raised: str
) -> None:
    (folder / "main.tf").write_text(vault())
    (folder / "providers.tf").write_text(REQUIRED.format(constraint))
    assert (
        "not safe (apply-fails): Plans fail until `terraform init -upgrade`"
        in kvlint("fix", "--write", "--unsafe", "--select", "KV051").out
    )
    assert (folder / "providers.tf").read_text() == REQUIRED.format(raised)


def test_a_constraint_is_not_raised_to_another_major_version(kvlint: Kvlint, folder: Path) -> None:
    (folder / "main.tf").write_text(REQUIRED.format("~> 3.110") + vault())
    said = kvlint("fix", "--unsafe", "--select", "KV051")
    assert "No fix: needs a decision: azurerm 4.0 has breaking changes, which its upgrade guide describes\n" in said.out
    (folder / "main.tf").write_text(
        REQUIRED.format("~> 4.10.0").replace("hashicorp/azurerm", "other/azurerm") + vault()
    )
    assert kvlint("fix", "--unsafe", "--select", "KV051").out.startswith(("No fix: a module", "Nothing to fix"))


def test_a_constraint_is_not_raised_beside_a_lock_file_that_selects_an_earlier_version(
    kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "main.tf").write_text(REQUIRED.format("4.57.0") + vault())
    (folder / ".terraform.lock.hcl").write_text(LOCKED.format("4.57.0"))
    monkeypatch.setattr(Prover, "state", lambda *_: pytest.fail("nothing is evaluated"))
    said = kvlint("fix", "--unsafe", "--select", "KV051")
    assert said.out.startswith(
        "No fix: `.terraform.lock.hcl` selects 4.57.0: raise the constraint and run `terraform init -upgrade`\n"
    )


def test_a_lock_file_that_alone_selects_an_earlier_version_is_named_with_the_command(
    kvlint: Kvlint, folder: Path
) -> None:
    (folder / "root").mkdir()
    (folder / "main.tf").unlink()
    (folder / "root/main.tf").write_text(REQUIRED.format("~> 4.0") + vault())
    (folder / "root/.terraform.lock.hcl").write_text(LOCKED.format("4.78.0"))
    said = kvlint("fix", "--unsafe", "--select", "KV051")
    assert said.out.startswith(
        "No fix: `root/.terraform.lock.hcl` selects 4.78.0: run `terraform init -upgrade`\n  root/main.tf:"
    )


@pytest.mark.parametrize(
    ("constraint", "locked", "advice"),
    [
        (">= 4.0", "4.60.0", 'set `version = "~> 4.81"` of azurerm and run `terraform init -upgrade`'),
        (">= 4.0, < 5.0", "4.60.0", "run `terraform init -upgrade`"),
        ("", "4.60.0", 'set `version = "~> 4.81"` of azurerm and run `terraform init -upgrade`'),
    ],
)
def test_the_advice_for_a_lock_file_stays_in_the_major_version(
    kvlint: Kvlint, folder: Path, constraint: str, locked: str, advice: str
) -> None:
    required = REQUIRED.format(constraint) if constraint else 'provider "azurerm" {\n  features {}\n}\n'
    (folder / "main.tf").write_text(required + vault())
    (folder / ".terraform.lock.hcl").write_text(LOCKED.format(locked))
    out = kvlint("fix", "--unsafe", "--select", "KV051").out
    assert out.startswith(f"No fix: `.terraform.lock.hcl` selects {locked}: {advice}\n")


def test_another_major_version_is_a_decision_also_if_only_the_lock_file_excludes_it(
    kvlint: Kvlint, folder: Path
) -> None:
    (folder / "main.tf").write_text(REQUIRED.format(">= 3.0") + vault())
    (folder / ".terraform.lock.hcl").write_text(LOCKED.format("3.116.0"))
    out = kvlint("fix", "--unsafe", "--select", "KV051").out
    assert out.startswith(
        "No fix: needs a decision: azurerm 4.0 has breaking changes, which its upgrade guide describes ("
    )


def test_the_constraint_of_a_caller_is_raised_for_a_provider_in_a_module(kvlint: Kvlint, folder: Path) -> None:
    (folder / "m").mkdir()
    (folder / "m/main.tf").write_text(PURGES + vault())
    caller = 'module "m" {\n  source = "./m"\n}\n'
    (folder / "main.tf").write_text(REQUIRED.format("~> 4.10.0").partition("\nprovider")[0] + caller)
    assert 'Set `version = "~> 4.81.0"` of azurerm' in kvlint("fix", "--unsafe", "--select", "KV051").out
    (folder / ".terraform.lock.hcl").write_text(LOCKED.format("4.10.0"))
    assert "No fix: `.terraform.lock.hcl` selects 4.10.0: raise" in kvlint("fix", "--unsafe", "--select", "KV051").out


def test_the_constraint_of_a_called_module_is_named_as_the_reason(kvlint: Kvlint, folder: Path) -> None:
    (folder / "m").mkdir()
    (folder / "m/main.tf").write_text(REQUIRED.format("~> 4.10.0").partition("\nprovider")[0] + vault())
    (folder / "main.tf").write_text(PURGES + 'module "m" {\n  source = "./m"\n}\n')
    said = kvlint("fix", "--unsafe", "--select", "KV051").out
    assert said.startswith("No fix: a module that is called restricts the version of azurerm: raise its constraint\n")
