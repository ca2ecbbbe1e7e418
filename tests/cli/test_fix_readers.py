"""Fixes of values that others in the checkout read: callers, parents, scripts, and the tools themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.util.project_files import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(3)

VAULT = 'resource "azurerm_key_vault" "v" {\n  name                     = "kv"\n  purge_protection_enabled = false\n}\n'
CALL = 'module "kv" {{\n  source = "{}"\n}}\n'
TEMPLATE = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
KEYS = "[listKeys(resourceId('Microsoft.Storage/storageAccounts', 'sa'), '2023-01-01').keys[0].value]"


@pytest.fixture
def checkout(kvlint: Kvlint, tmp_path: Path) -> Path:
    """An empty checkout, which is the current folder."""
    for file in tmp_path.glob("*.json"):
        file.unlink()
    put(tmp_path, ".git/HEAD", "ref: refs/heads/main")
    return tmp_path


def put(checkout: Path, name: str, text: str) -> None:
    file = checkout / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def child(name: str = "key") -> str:
    outputs = {name: {"type": "string", "value": KEYS}}
    return json.dumps({"$schema": TEMPLATE, "contentVersion": "1.0.0.0", "resources": [], "outputs": outputs})


def parent(value: str, **link: str) -> str:
    deployment = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2021-04-01",
        "name": "child",
        "properties": {"mode": "Incremental", "templateLink": link},
    }
    outputs = {"n": {"type": "int", "value": value}}
    document = {"$schema": TEMPLATE, "contentVersion": "1.0.0.0", "resources": [deployment], "outputs": outputs}
    return json.dumps(document)


# --- inputs that evaluate the same file -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("prod/main.tf", CALL.format("../m"), "prod"),
        ("prod/main.tofu", CALL.format(".././m//"), "prod"),
        ("prod/main.tf.json", '{"module": {"kv": {"source": "../m"}}}', "prod"),
        ("prod/main.tf", CALL.format("${path.module}/../m"), "prod"),
        ("prod/terragrunt.hcl", 'terraform {\n  source = "${get_repo_root()}//infra/m"\n}\n', "prod/terragrunt.hcl"),
        ("live/a/terragrunt.hcl", 'terraform {\n  source = "../..//m"\n}\n', "live/a/terragrunt.hcl"),
    ],
)
def test_a_module_that_others_call_too_is_not_changed(
    kvlint: Kvlint, checkout: Path, name: str, text: str, shown: str
) -> None:
    folder = "infra/m" if "infra" in text else "m"
    put(checkout, f"{folder}/main.tf", VAULT)
    assert kvlint("fix", folder, "--unsafe", "--select", "KV001").code == 1
    put(checkout, name, text)
    said = kvlint("fix", folder, "--unsafe", "--select", "KV001")
    assert said.code == 0
    assert f"No fix: `{shown}` uses `{folder}/main.tf` too; add it to the inputs\n" in said.out
    assert "Found 1 fix" in kvlint("fix", ".", "--unsafe", "--select", "KV001").out


def test_callers_of_callers_prevent_a_fix_and_calls_from_inputs_do_not(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "m/main.tf", VAULT)
    put(checkout, "n/main.tf", CALL.format("../m"))
    put(checkout, "a/main.tf", CALL.format("../n"))
    assert "Found 1 fix" in kvlint("fix", "a", "--unsafe", "--select", "KV001").out
    for name in ("b", "c", "d"):
        put(checkout, f"{name}/main.tf", CALL.format("../n"))
    said = kvlint("fix", "a", "b", "--unsafe", "--select", "KV001").out
    assert "No fix: `c` and `d` use `m/main.tf` too; add them to the inputs\n" in said
    assert "No fix: `b`, `c` and 1 more use" in kvlint("fix", "a", "--unsafe", "--select", "KV001").out


def test_a_default_in_a_module_that_others_call_is_not_changed(kvlint: Kvlint, checkout: Path) -> None:
    variable = 'variable "purge" {\n  type    = bool\n  default = false\n}\n'
    put(checkout, "m/main.tf", variable + VAULT.replace("= false", "= var.purge"))
    put(checkout, "a/main.tf", CALL.format("../m"))
    said = kvlint("fix", "m", "--unsafe", "--select", "KV001").out
    assert "No fix: `a` uses `m/main.tf` too" in said
    # In the call of an input that is checked, the value is that of this input alone.
    put(checkout, "b/main.tf", CALL.format("../m"))
    assert "Set `purge = true` in module `kv`" in kvlint("fix", "a", "--unsafe", "--select", "KV001").out


def test_a_bicep_module_that_others_use_is_not_changed(kvlint: Kvlint, checkout: Path) -> None:
    properties = "{\n    enablePurgeProtection: null\n  }"
    vault = f"resource v 'Microsoft.KeyVault/vaults@2023-07-01' = {{\n  name: 'v'\n  properties: {properties}\n}}\n"
    put(checkout, "m/kv.bicep", vault)
    put(checkout, "main.bicep", "module m 'm/kv.bicep' = {\n  name: 'm'\n}\n")
    said = kvlint("fix", "m/kv.bicep", "--unsafe", "--select", "KV001")
    assert "No fix: `main.bicep` uses `m/kv.bicep` too; add it to the inputs" in said.out
    assert "Found 1 fix" in kvlint("fix", ".", "--unsafe", "--select", "KV001").out


def test_a_linked_file_is_not_changed_for_one_of_its_modules(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "a/main.tf", VAULT)
    put(checkout, "b/other.tf", "")
    (checkout / "b/main.tf").symlink_to("../a/main.tf")
    assert "No fix: `b` uses `a/main.tf` too" in kvlint("fix", "a", "--unsafe", "--select", "KV001").out


def test_a_plan_and_its_source_are_inputs_of_the_run(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "m/main.tf", VAULT)
    put(checkout, "a/main.tf", CALL.format("../m"))
    assert "Found 1 fix" in kvlint("fix", "a/main.tf", "--unsafe", "--select", "KV001").out


def test_linked_files_of_variables_are_shared(kvlint: Kvlint, checkout: Path) -> None:
    variable = 'variable "purge" {\n  type = bool\n}\n'
    for name in ("a", "b"):
        put(checkout, f"{name}/main.tf", variable + VAULT.replace("= false", "= var.purge"))
    put(checkout, "common.tfvars", "purge = false\n")
    (checkout / "a/common.auto.tfvars").symlink_to("../common.tfvars")
    assert "Set `purge = true`" in kvlint("fix", "a", "--unsafe", "--select", "KV001").out
    (checkout / "b/common.auto.tfvars").symlink_to("../common.tfvars")
    said = kvlint("fix", "a", "--unsafe", "--select", "KV001").out
    assert "No fix: `b` uses `common.tfvars` too" in said


def test_outside_of_checkouts_the_folder_of_the_inputs_is_searched(kvlint: Kvlint, tmp_path: Path) -> None:
    for file in tmp_path.glob("*.json"):
        file.unlink()
    put(tmp_path, "m/kv/main.tf", VAULT)
    put(tmp_path, "m/n/main.tf", CALL.format("../kv"))
    put(tmp_path, "other/main.tf", CALL.format("../m/kv"))
    assert "Found 1 fix" in kvlint("fix", "m", "--unsafe", "--select", "KV001").out


def test_a_checkout_that_is_too_large_has_no_fixes(
    kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(checkout, "a/main.tf", VAULT)
    monkeypatch.setattr("azkvlint.fixes.checkout._MOST_FILES", 0)
    said = kvlint("fix", "a", "--unsafe", "--select", "KV001")
    assert "No fix: the checkout is too large to find who else reads it\n" in said.out


def test_the_search_of_a_large_folder_ends_outside_of_checkouts(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azkvlint.fixes.checkout._MOST_FOLDERS_OUTSIDE", 20)
    entered: list[str] = []

    def counted(folder: str) -> Iterator[tuple[str, list[str], frozenset[str]]]:
        for one in walk(folder):
            entered.append(one[0])
            yield one

    monkeypatch.setattr("azkvlint.fixes.checkout.walk", counted)
    put(tmp_path, "main.tf", VAULT)
    for number in range(40):
        (tmp_path / f"f{number}").mkdir()
    reason = "No fix: the folder is not in a checkout, and too large to find who else reads it\n"
    assert reason in kvlint("fix", "main.tf", "--unsafe", "--select", "KV001").out
    assert len(entered) == 21
    put(tmp_path, ".git/HEAD", "ref: refs/heads/main")
    assert "Found 1 fix" in kvlint("fix", "main.tf", "--unsafe", "--select", "KV001").out


def test_scripts_are_read_only_for_outputs(kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(checkout, "main.tf", VAULT)
    for name in ("a", "b", "c"):
        put(checkout, f"{name}.py", "outputs = 1\n")
    monkeypatch.setattr("azkvlint.fixes.checkout._MOST_FILES", 2)
    assert "Found 1 fix" in kvlint("fix", ".", "--unsafe", "--select", "KV001").out
    put(checkout, "main.tf", OUTPUT)
    said = kvlint("fix", ".", "--select", "KV612").out
    assert "No fix: the checkout is too large to find who else reads it\n" in said


# --- outputs of deployments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("parent.json", parent("[length(reference('child').outputs.key.value)]", relativePath="child.json")),
        ("p/parent.json", parent("[length(reference('child').OUTPUTS.Key.value)]", uri="https://a.example/child.json")),
        ("parent.json", parent("[length(reference('x').outputs['key'].value)]", relativePath="child.json")),
        ("main.bicep", "module c 'child.json' = {\n  name: 'c'\n}\noutput n int = length(c.outputs.key)\n"),
        ("main.bicep", "module c 'child.json' = {\n  name: 'c'\n}\noutput n int = length(c.outputs['key'])\n"),
        ("deploy.sh", "az deployment group create -f child.json --query properties.outputs.key.value -o tsv\n"),
        ("deploy.ps1", '$d = New-AzResourceGroupDeployment -TemplateFile c\n$d.Outputs["key"].Value\n'),
        ("ci.yml", "steps:\n  - run: echo ${{ steps.deploy.outputs.key }}\n"),
    ],
)
def test_an_output_that_is_read_is_not_secured(kvlint: Kvlint, checkout: Path, name: str, text: str) -> None:
    put(checkout, "child.json", child())
    assert "Use a secure type" in kvlint("fix", ".", "--unsafe", "--select", "KV612").out
    put(checkout, name, text)
    said = kvlint("fix", ".", "--unsafe", "--select", "KV612")
    assert f"No fix: `{name}` reads the output `key`\n" in said.out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("parent.json", parent("[length(reference('child').outputs[parameters('x')].value)]", relativePath="a.json")),
        ("parent.json", parent("[length(string(reference('child').outputs))]", relativePath="child.json")),
        ("main.bicep", "module c 'child.json' = {\n  name: 'c'\n}\noutput n int = length(string(c.outputs))\n"),
        ("deploy.sh", "az deployment group show -n d --query properties.outputs -o json > outputs.json\n"),
        ("deploy.ps1", "$d = New-AzResourceGroupDeployment\nforeach ($k in $d.Outputs.Keys) { $k }\n"),
        ("deploy.ps1", "$o = (Get-AzDeployment).Outputs\n$name = 'key'\n$o.$name.Value\n"),
        (
            "azure-pipelines.yml",
            "- task: AzureResourceManagerTemplateDeployment@3\n  inputs:\n    deploymentOutputs: o\n",
        ),
        ("azure.yaml", "name: app\n"),
        ("main.tf", 'output "k" {\n  value = azurerm_resource_group_template_deployment.d.output_content\n}\n'),
        ("deploy.py", "outputs = client.deployments.get(group, name).properties.outputs\nprint(outputs[NAME])\n"),
    ],
)
def test_an_output_is_not_secured_if_something_may_read_all_outputs(
    kvlint: Kvlint, checkout: Path, name: str, text: str
) -> None:
    put(checkout, "child.json", child())
    put(checkout, name, text)
    said = kvlint("fix", ".", "--unsafe", "--select", "KV612")
    assert f"No fix: `{name}` may read the output `key`\n" in said.out


def test_utf_16_scripts_are_searched(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "child.json", child())
    (checkout / "deploy.ps1").write_text("$d.Outputs.key.Value\n", encoding="utf-16")
    assert "`deploy.ps1` reads the output `key`" in kvlint("fix", ".", "--unsafe", "--select", "KV612").out


def test_reads_of_other_outputs_do_not_matter(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "child.json", child())
    put(checkout, "parent.json", parent("[length(reference('c').outputs.keyName.value)]", relativePath="child.json"))
    put(checkout, "deploy.sh", "az deployment group show --query properties.outputs.keyid.value\n")
    put(checkout, "build.py", "def key(outputs):\n    return outputs\n")
    assert "Use a secure type" in kvlint("fix", ".", "--unsafe", "--select", "KV612").out


# --- outputs of Terraform ---------------------------------------------------------------------------------------------

SECRET = 'data "azurerm_key_vault_secret" "s" {\n  name         = "s"\n  key_vault_id = "x"\n}\n'
OUTPUT = SECRET + 'output "password" {\n  value = data.azurerm_key_vault_secret.s.value\n}\n'
PLAIN = (
    'variable "password" {\n  type = string\n}\n'
    'resource "azurerm_key_vault_secret" "s" {\n  name  = "s"\n  value = var.password\n}\n'
)


@pytest.mark.parametrize("command", ["terraform output", "terraform -chdir=x output password", "tofu output -no-color"])
def test_an_output_that_a_script_reads_redacted_is_not_sensitive(kvlint: Kvlint, checkout: Path, command: str) -> None:
    put(checkout, "main.tf", OUTPUT)
    assert "Set `sensitive = true`" in kvlint("fix", "--select", "KV612").out
    put(checkout, "ci/deploy.sh", f"x=$({command})\n")
    said = kvlint("fix", "--select", "KV612").out
    assert "No fix: `ci/deploy.sh` reads the output `password` without `-json` or `-raw`\n" in said


@pytest.mark.parametrize(
    "text",
    [
        "x=$(terraform output -raw password)\n",
        "terraform output -json | jq .password\n",
        "terraform output other\n",
        "# the output of terraform\n",
    ],
)
def test_an_output_that_a_script_reads_in_plain_text_can_be_sensitive(
    kvlint: Kvlint, checkout: Path, text: str
) -> None:
    put(checkout, "main.tf", OUTPUT)
    put(checkout, "deploy.sh", text)
    assert "Set `sensitive = true`" in kvlint("fix", "--select", "KV612").out


# --- places that reject sensitive values ------------------------------------------------------------------------------

ID = "https://kv.vault.azure.net/secrets/s/"
PLACES = [
    (f'import {{\n  to = azurerm_key_vault_secret.s\n  id = "{ID}${{var.password}}"\n}}\n', "`id` in `import`"),
    ("import {\n  for_each = toset([var.password])\n  to = a.b\n  id = each.key\n}\n", "`for_each` in `import`"),
    ('import {\n  to = a.b[var.password]\n  id = "x"\n}\n', "`to` in `import`"),
    ('terraform {\n  backend "azurerm" {\n    key = var.password\n  }\n}\n', "`key` in `terraform.backend`"),
    ("terraform {\n  encryption {\n    x = var.password\n  }\n}\n", "`x` in `terraform.encryption`"),
    ('module "m" {\n  source = "./${var.password}"\n}\n', "`source` in `module`"),
    ('module "m" {\n  source = "a/b/c"\n  version = var.password\n}\n', "`version` in `module`"),
    ('provider "azurerm" {\n  for_each = toset([var.password])\n  alias = "a"\n}\n', "`for_each` in `provider`"),
    (
        'resource "a" "b" {\n  lifecycle {\n    enabled = var.password != ""\n  }\n}\n',
        "`enabled` in `resource.lifecycle`",
    ),
    ('resource "a" "b" {\n  lifecycle {\n    prevent_destroy = var.password != ""\n  }\n}\n', "`prevent_destroy` in"),
    ('resource "a" "b" {\n  dynamic "c" {\n    for_each = [var.password]\n    content {}\n  }\n}\n', "`for_each` in"),
    ('resource "a" "b" {\n  provider = azurerm.by[var.password]\n}\n', "`provider`"),
    ('check "c" {\n  assert {\n    condition = true\n    error_message = var.password\n  }\n}\n', "`error_message` in"),
    ('action "a" "b" {\n  config {\n    x = var.password\n  }\n}\n', "`x` in `action.config`"),
    ('something "new" {\n  x = var.password\n}\n', "`x` in `something`"),
]


@pytest.mark.parametrize(("use", "where"), PLACES)
def test_a_variable_is_not_sensitive_where_a_tool_rejects_it(
    kvlint: Kvlint, checkout: Path, use: str, where: str
) -> None:
    put(checkout, "main.tf", PLAIN)
    assert "Set `sensitive = true`" in kvlint("fix", "--select", "KV611").out
    put(checkout, "use.tofu", use)
    said = kvlint("fix", "--select", "KV611").out
    assert f"No fix: {where}" in said
    assert "`use.tofu` depends on the variable and cannot be sensitive" in said


@pytest.mark.parametrize(
    "use",
    [
        'check "c" {\n  assert {\n    condition     = var.password != ""\n    error_message = "x"\n  }\n}\n',
        'resource "a" "b" {\n  lifecycle {\n    precondition {\n      condition = var.password != ""\n    }\n  }\n}\n',
        'resource "a" "b" {\n  dynamic "c" {\n    for_each = [1]\n    content {\n      d = var.password\n}\n}\n}\n',
        'resource "a" "b" {\n  provisioner "local-exec" {\n    command = var.password\n  }\n}\n',
        'provider "x" {\n  password = var.password\n}\n',
    ],
)
def test_a_variable_is_sensitive_where_tools_accept_it(kvlint: Kvlint, checkout: Path, use: str) -> None:
    put(checkout, "main.tf", PLAIN)
    put(checkout, "use.tf", use)
    assert "Set `sensitive = true`" in kvlint("fix", "--select", "KV611").out


# --- API versions that a provider knows -------------------------------------------------------------------------------

AZAPI = (
    'resource "azapi_resource" "kv" {{\n  type      = "Microsoft.KeyVault/vaults@2023-07-01"\n  name      = "kv"\n'
    "{}  body = {{\n    properties = {{\n      enableRbacAuthorization = true\n    }}\n  }}\n}}\n"
)
REQUIRED = (
    'terraform {{\n  required_providers {{\n    {} = {{\n      source  = "Azure/azapi"\n      version = "{}"\n'
    "    }}\n  }}\n}}\n"
)
LOCK = 'provider "registry.terraform.io/azure/azapi" {{\n  version = "{}"\n}}\n'


@pytest.mark.parametrize(
    ("constraint", "locked", "reason"),
    [
        ("= 1.9.0", "", "the constraint `= 1.9.0` in `main.tf` allows no version"),
        ("~> 2.8.0", "", "the constraint `~> 2.8.0` in `main.tf` allows no version"),
        (">= 1.0, < 2.9", "", "the constraint `>= 1.0, < 2.9`"),
        ("~> 2.0", "2.8.0", "`.terraform.lock.hcl` (azapi 2.8.0) allows no version"),
        ("~> 2.0", "2.9.0", ""),
        ("~> 2.0", "", ""),
        ("2.11.0", "", ""),
        ("", "", ""),
    ],
)
@pytest.mark.parametrize("name", ["azapi", "renamed"])
def test_api_version_is_raised_only_if_azapi_supports_it(
    kvlint: Kvlint, checkout: Path, constraint: str, locked: str, reason: str, name: str
) -> None:
    put(checkout, "main.tf", (REQUIRED.format(name, constraint) if constraint else "") + AZAPI.format(""))
    if locked:
        put(checkout, ".terraform.lock.hcl", LOCK.format(locked))
    said = kvlint("fix", "--select", "KV050").out
    assert ("Use API version 2026-02-01" in said) is (not reason)
    assert not reason or (f"No fix: {reason}" in said and "API version 2026-02-01 (since azapi 2.9)" in said)


def test_constraint_of_a_calling_module_applies_to_azapi(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "m/main.tf", AZAPI.format(""))
    put(checkout, "main.tf", CALL.format("./m") + REQUIRED.format("azapi", "~> 1.6.0"))
    said = kvlint("fix", "--select", "KV050").out
    assert "No fix: the constraint `~> 1.6.0` in `main.tf` allows no version of azapi" in said


def test_without_schema_validation_azapi_accepts_any_version(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", REQUIRED.format("azapi", "1.9.0") + AZAPI.format("  schema_validation_enabled = false\n"))
    assert "Use API version 2026-02-01" in kvlint("fix", "--select", "KV050").out


def test_a_body_in_json_text_is_that_of_an_old_azapi(kvlint: Kvlint, checkout: Path) -> None:
    text = AZAPI.format("").replace("body = {\n", "body = jsonencode({\n").replace("  }\n}\n", "  })\n}\n")
    put(checkout, "main.tf", text)
    said = kvlint("fix", "--select", "KV050").out
    assert "No fix: azapi before 2.0, which `body` is written for, does not know API version 2026-02-01" in said


# --- arguments that other code names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        'output "rbac" {\n  value = azurerm_key_vault.v.enable_rbac_authorization\n}\n',
        'output "rbac" {\n  value = module.kv["a"].vault.enable_rbac_authorization\n}\n',
        'resource "a" "b" {\n  lifecycle {\n    ignore_changes = [tags, enable_rbac_authorization]\n  }\n}\n',
    ],
)
def test_an_argument_that_other_code_names_is_not_renamed(kvlint: Kvlint, checkout: Path, use: str) -> None:
    required = REQUIRED.format("azurerm", "~> 5.1").replace("Azure/azapi", "hashicorp/azurerm")
    put(checkout, "main.tf", required + 'resource "azurerm_key_vault" "v" {\n  enable_rbac_authorization = true\n}\n')
    assert "Rename `enable_rbac_authorization`" in kvlint("fix", "--select", "KV053").out
    put(checkout, "use.tf", use)
    assert "No fix: `use.tf` reads `enable_rbac_authorization`" in kvlint("fix", "--select", "KV053").out
    put(checkout, "use.tf", "locals {\n  rbac = var.settings.enable_rbac_authorization\n}\n")
    assert "Rename `enable_rbac_authorization`" in kvlint("fix", "--select", "KV053").out


RBAC = "enable_rbac_authorization"
WHOLE = {
    "a loop": ("use.tf", f'output "o" {{\n  value = [for v in azurerm_key_vault.v : v.{RBAC}]\n}}\n'),
    "a local": ("use.tf", f"locals {{\n  kv = azurerm_key_vault.v\n  rbac = local.kv.{RBAC}\n}}\n"),
    "a function": ("use.tf", f"locals {{\n  rbac = one(azurerm_key_vault.v[*]).{RBAC}\n}}\n"),
    "a key": ("use.tf", f'locals {{\n  rbac = azurerm_key_vault.v["{RBAC}"]\n}}\n'),
    "each": ("use.tf", f'resource "a" "b" {{\n  for_each = azurerm_key_vault.v\n  c = each.value.{RBAC}\n}}\n'),
    "a test": ("a.tftest.hcl", f'run "r" {{\n  assert {{\n    condition = azurerm_key_vault.v.{RBAC}\n  }}\n}}\n'),
    "a script": ("ci.sh", f"terraform output -json vault | jq .{RBAC}\n"),
    "a policy": ("kv.rego", f"deny {{ input.resource_changes[_].change.after.{RBAC} == false }}\n"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_argument_is_not_renamed_if_others_may_read_it(kvlint: Kvlint, checkout: Path, name: str) -> None:
    required = REQUIRED.format("azurerm", "~> 5.1").replace("Azure/azapi", "hashicorp/azurerm")
    put(checkout, "main.tf", f'{required}resource "azurerm_key_vault" "v" {{\n  {RBAC} = true\n}}\n')
    put(checkout, *WHOLE[name])
    assert f"No fix: `{WHOLE[name][0]}` may read `{RBAC}`" in kvlint("fix", "--select", "KV053").out


def test_an_argument_is_renamed_if_the_resource_is_only_named(kvlint: Kvlint, checkout: Path) -> None:
    required = REQUIRED.format("azurerm", "~> 5.1").replace("Azure/azapi", "hashicorp/azurerm")
    vault = f'resource "azurerm_key_vault" "v" {{\n  {RBAC} = var.settings.{RBAC}\n}}\n'
    use = (
        'resource "a" "b" {\n  depends_on = [azurerm_key_vault.v]\n}\n'
        "moved {\n  from = azurerm_key_vault.w\n  to   = azurerm_key_vault.v\n}\n"
        f"locals {{\n  rbac = var.settings.{RBAC}\n}}\n"
    )
    settings = f'variable "settings" {{\n  default = {{\n    {RBAC} = true\n  }}\n}}\n'
    put(checkout, "main.tf", required + vault + settings + use)
    assert f"Rename `{RBAC}`" in kvlint("fix", "--select", "KV053").out


# --- settings that others use -----------------------------------------------------------------------------------------

USERS = [
    (
        "enabled_for_template_deployment",
        "db/main.bicep",
        "module d 'd.bicep' = {\n  params: { p: kv.getSecret('p') }\n}\n",
    ),
    (
        "enabled_for_template_deployment",
        "db/prod.json",
        '{"$schema": "https://a.example/deploymentParameters.json#",\n "p": {"reference": {"keyVault": {"id": "x"}}}}',
    ),
    (
        "enabled_for_deployment",
        "vm/vm.json",
        f'{{"$schema": "{TEMPLATE}", "contentVersion": "1.0.0.0", "resources": [], "x": {{"vaultCertificates": []}}}}',
    ),
    ("enabled_for_disk_encryption", "vm/main.tf", 'resource "a" "b" {\n  type = "AzureDiskEncryption"\n}\n'),
]


@pytest.mark.parametrize(("setting", "name", "text"), USERS)
def test_a_setting_that_other_code_of_the_checkout_uses_is_kept(
    kvlint: Kvlint, checkout: Path, setting: str, name: str, text: str
) -> None:
    put(checkout, "kv/main.tf", f'resource "azurerm_key_vault" "v" {{\n  name = "kv"\n  {setting} = true\n}}\n')
    put(checkout, "other.json", '{"keyVault": {}, "vaultCertificates": []}')
    assert f"Set `{setting} = false`" in kvlint("fix", "kv", "--unsafe", "--select", "KV303").out
    put(checkout, name, text)
    said = kvlint("fix", "kv", "--unsafe", "--select", "KV303").out
    assert f"No fix: `{setting}` may be in use by `{name}`\n" in said


LINKED = "https://raw.githubusercontent.com/Azure/azure-quickstart-templates/master/{}/azuredeploy.json"


@pytest.mark.parametrize(
    ("setting", "name", "text"),
    [
        ("enabled_for_disk_encryption", "vm.json", parent("1", uri=LINKED.format("201-encrypt-running-windows-vm"))),
        ("enabled_for_disk_encryption", "encrypt.sh", "az vm \\\n  encryption enable --name vm\n"),
        ("enabled_for_disk_encryption", "vm.ps1", "set-azvmDiskEncryptionExtension -VMName vm\n"),
        ("enabled_for_deployment", "vm.tf", 'resource "a" "b" {\n  secret {\n    key_vault_id = "x"\n  }\n}\n'),
        ("enabled_for_deployment", "vm/certificates.yml", "- run: az vm secret format --secrets x\n"),
        (
            "enabled_for_template_deployment",
            "db.tf",
            'locals {\n  p = {\n    reference = {\n      keyVault = {\n        id = "x"\n      }\n    }\n  }\n}\n',
        ),
        ("enabled_for_template_deployment", "p.json", '{"$schema": "deploymentParameters.json",\n"keyVault"\n:\n{}}'),
    ],
)
def test_a_setting_is_kept_for_each_form_of_its_use(
    kvlint: Kvlint, checkout: Path, setting: str, name: str, text: str
) -> None:
    put(checkout, "kv/main.tf", f'resource "azurerm_key_vault" "v" {{\n  name = "kv"\n  {setting} = true\n}}\n')
    put(checkout, name, text)
    assert (
        f"No fix: `{setting}` may be in use by `{name}`\n" in kvlint("fix", "kv", "--unsafe", "--select", "KV303").out
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.bicep", "  // p: other.getSecret('p')\n/*\n p: kv.getSecret('p') */\nvar a = 1\n"),
        ("a.json", f'{{"$schema": "{TEMPLATE}", "properties": {{"keyVault": "[parameters(\'id\')]"}}}}'),
        ("a.js", "client.getSecret('p')\n"),
        ("a.json", f'{{"$schema": "{TEMPLATE}", "type": "AzureDiskEncryption"}}'),
        ("a.sh", "az vm encryption enable\n"),
    ],
)
def test_a_setting_that_only_looks_used_is_fixed(kvlint: Kvlint, checkout: Path, name: str, text: str) -> None:
    setting = "enabled_for_template_deployment"
    put(checkout, "kv/main.tf", f'resource "azurerm_key_vault" "v" {{\n  name = "kv"\n  {setting} = true\n}}\n')
    put(checkout, name, text)
    assert f"Set `{setting} = false`" in kvlint("fix", "kv", "--unsafe", "--select", "KV303").out


@pytest.mark.parametrize(
    ("passed", "link", "is_kept"),
    [
        ({"keyVaultName": {"value": "x"}}, {"uri": "https://a.example/t.json"}, True),
        ({"name": {"value": "[variables('kvName')]"}}, {"id": "/subscriptions/s/templateSpecs/t"}, True),
        ({"keyVault": {"value": "x"}}, {"uri": "[variables('address')]"}, True),
        ({"keyVault": {"value": "x"}}, {"uri": "[concat(parameters('base'), 'main.json')]"}, False),
        ({"size": {"value": "small"}}, {"uri": "https://a.example/t.json"}, False),
        ({"keyVaultName": {"value": "x"}}, {"relativePath": "t.json"}, False),
    ],
)
def test_a_template_at_an_address_may_use_the_vault_that_it_receives(
    kvlint: Kvlint, checkout: Path, passed: dict[str, object], link: dict[str, str], is_kept: bool
) -> None:
    setting = "enabled_for_disk_encryption"
    put(checkout, "kv/main.tf", f'resource "azurerm_key_vault" "v" {{\n  name = "kv"\n  {setting} = true\n}}\n')
    document = json.loads(parent("1", **link))
    document["resources"][0]["properties"]["parameters"] = passed
    put(checkout, "main.json", json.dumps(document))
    said = kvlint("fix", "kv", "--unsafe", "--select", "KV303").out
    assert ("may be in use by `main.json`" in said) is is_kept


@pytest.mark.parametrize(
    ("setting", "classes"),
    [
        ("enabled_for_deployment", "access,apply-fails"),
        ("enabled_for_disk_encryption", "access,apply-fails"),
        ("enabled_for_template_deployment", "access,apply-fails"),
    ],
)
def test_a_fix_of_platform_access_ends_access_and_lets_deployments_fail(
    kvlint: Kvlint, checkout: Path, setting: str, classes: str
) -> None:
    put(checkout, "main.tf", f'resource "azurerm_key_vault" "v" {{\n  name = "kv"\n  {setting} = true\n}}\n')
    assert f"No fix: not safe: it needs --allow {classes}\n" in kvlint("fix", "--select", "KV303").out


# --- scripts that an effect concerns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".github/workflows/x.yml", "- run: terraform -chdir=infra destroy -auto-approve\n"),
        ("x.sh", "tofu apply \\\n  -destroy\n"),
        ("Makefile", "down:\n\t$(TERRAFORM) destroy\n"),
        ("pipeline.yml", "- task: TerraformTaskV4@4\n  inputs:\n    command: 'destroy'\n"),
        ("porter.yaml", "uninstall:\n  - terraform:\n      description: x\n"),
        ("x.yml", "- uses: dflook/terraform-destroy@v1\n"),
    ],
)
@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("KV007", "which then fail"),
        ("KV001", "after which the vault keeps its name"),
        ("KV006", "after which names stay reserved"),
        ("KV017", "after which the next apply fails instead of recovering the vault"),
    ],
)
def test_scripts_that_destroy_are_named(
    kvlint: Kvlint, checkout: Path, name: str, text: str, rule: str, outcome: str
) -> None:
    put(checkout, "main.tf", f'provider "azurerm" {{\n  features {{}}\n}}\n{VAULT}')
    put(checkout, "other.sh", "# terraform destroy\nterraform apply; rm --destroy x\n")
    only = ("fix", "--unsafe", "--select", rule)
    assert "commands that" not in kvlint(*only).out
    put(checkout, name, text)
    said = f"not safe (apply-fails): `{name}` may contain commands that destroy resources, {outcome}\n"
    assert said.replace("\n", ".") in kvlint(*only).out


@pytest.mark.parametrize(
    "command",
    [
        "az keyvault purge --name kv",
        "az keyvault secret purge --name x",
        "Remove-AzKeyVault -VaultName kv -InRemovedState",
        "client.begin_purge_deleted('kv', 'westeurope')",
        "client.purge_deleted_secret('x')",
        "await client.PurgeDeletedAsync(location, 'kv')",
        "Remove-AzKeyVault -VaultName kv -InRemoved",
        "$options = @{ InRemovedState = $true }",
        "curl -X POST https://management.azure.com/subscriptions/s/deletedVaults/kv/purge",
    ],
)
def test_scripts_that_purge_are_named(kvlint: Kvlint, checkout: Path, command: str) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "a.py", command + "\n")
    put(checkout, "b.ps1", command + "\n")
    said = kvlint("fix", "--unsafe", "--select", "KV001").out
    assert "`a.py` and `b.ps1` may contain commands that purge deleted objects, which then fail." in said


def test_azd_command_does_not_purge_a_protected_vault(kvlint: Kvlint, checkout: Path) -> None:
    put(checkout, "main.tf", VAULT)
    put(checkout, "a.sh", "azd down --force --purge\n")
    said = kvlint("fix", "--unsafe", "--select", "KV001").out
    assert "`a.sh` may contain commands that destroy resources, after which the vault keeps its name." in said
    assert "purge deleted" not in said


# --- values that would lose their effect ------------------------------------------------------------------------------

ACLS = '  network_acls {{\n    bypass         = "None"\n    default_action = {}\n  }}\n'


@pytest.mark.parametrize(
    ("acls", "is_offered"),
    [
        (ACLS.format('var.open ? "Allow" : "Deny"'), False),
        (ACLS.format('"Deny"\n    ip_rules = local.office'), False),
        (
            '  dynamic "network_acls" {\n    for_each = [1]\n    content {\n      bypass = "None"\n    }\n  }\n',
            False,
        ),
        (ACLS.format('"Deny"'), True),
        ("", True),
    ],
)
def test_public_access_is_not_disabled_where_other_settings_depend_on_a_variable(
    kvlint: Kvlint, checkout: Path, acls: str, is_offered: bool
) -> None:
    values = 'variable "open" {\n  default = false\n}\nlocals {\n  office = ["203.0.113.0/24"]\n}\n'
    put(checkout, "main.tf", values + VAULT.replace("  purge", acls + "  purge"))
    said = kvlint("fix", "--unsafe", "--select", "KV105").out
    assert ("Set `public_network_access_enabled = false`" in said) is is_offered
    refusal = "No fix: needs a decision: `network_acls` depends on a variable or parameter, which would have no effect"
    assert (refusal in said) is not is_offered


@pytest.mark.parametrize("action", ["open ? 'Allow' : 'Deny'", "'Deny'"])
def test_public_access_in_bicep_is_not_disabled_where_other_settings_depend_on_a_parameter(
    kvlint: Kvlint, checkout: Path, action: str
) -> None:
    text = "param open bool = false\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n"
    text += f"  properties: {{\n    networkAcls: {{\n      defaultAction: {action}\n    }}\n  }}\n}}\n"
    put(checkout, "main.bicep", text)
    said = kvlint("fix", "--unsafe", "--select", "KV105").out
    assert ("`networkAcls` depends on a variable or parameter" in said) is action.startswith("open")
    assert ("Set `publicNetworkAccess: 'Disabled'`" in said) is not action.startswith("open")
    assert ("not safe (apply-fails)" in said) is not action.startswith("open")


def test_public_access_in_a_template_is_not_disabled_where_other_settings_depend_on_a_parameter(
    kvlint: Kvlint, checkout: Path
) -> None:
    acls = {"defaultAction": "[parameters('action')]"}
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "kv"}
    document = {
        "$schema": TEMPLATE,
        "contentVersion": "1.0.0.0",
        "parameters": {"action": {"type": "string", "defaultValue": "Deny"}},
        "resources": [{**vault, "properties": {"networkAcls": acls}}],
    }
    put(checkout, "main.json", json.dumps(document))
    said = kvlint("fix", "--unsafe", "--select", "KV105").out
    assert "`networkAcls` depends on a variable or parameter" in said


# --- versions of azurerm ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [("4.55.0", "4.81.0"), ("= 4.55.0", "= 4.81.0"), ("=4.55", "=4.81.0"), ("~> 4.55.0", "~> 4.81.0")],
)
def test_a_raised_constraint_keeps_the_style_of_an_exact_version(
    kvlint: Kvlint, checkout: Path, old: str, new: str
) -> None:
    required = REQUIRED.format("azurerm", old).replace("Azure/azapi", "hashicorp/azurerm")
    put(checkout, "main.tf", required + 'provider "azurerm" {\n  features {}\n}\n' + VAULT)
    assert f'Set `version = "{new}"` of azurerm' in kvlint("fix", "--unsafe", "--select", "KV051").out


# --- properties that a new API version gives effect to ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "properties", "classes", "text"),
    [
        (
            "2018-02-14",
            "enableRbacAuthorization: true",
            ["access", "apply-fails"],
            "The permission model takes effect.",
        ),
        (
            "2019-09-01",
            "enableRbacAuthorization: true, enablePurgeProtection: true, publicNetworkAccess: 'Disabled'",
            ["access", "apply-fails"],
            "Public network access is disabled",
        ),
        (
            "2018-02-14",
            "enableRbacAuthorization: true, softDeleteRetentionInDays: 7, enablePurgeProtection: true",
            ["access", "irreversible", "apply-fails"],
            "Azure rejects another retention period",
        ),
        ("2018-02-14", "...{}, enableRbacAuthorization: true", None, "Azure rejects another retention period"),
        (
            "2015-06-01",
            "enableRbacAuthorization: true, enablePurgeProtection: true",
            None,
            "Purge protection takes effect",
        ),
    ],
)
def test_only_properties_that_the_api_version_ignores_have_effects(
    kvlint: Kvlint, checkout: Path, version: str, properties: str, classes: list[str] | None, text: str
) -> None:
    members = properties.replace(", ", "\n    ")
    vault = f"resource kv 'Microsoft.KeyVault/vaults@{version}' = {{\n  name: 'kv'\n"
    vault += f"  properties: {{\n    {members}\n  }}\n}}\n"
    put(checkout, "main.bicep", vault)
    (found,) = json.loads(kvlint("fix", "--unsafe", "--select", "KV053", "-f", "json").out)["fixes"]
    assert found["classes"] == (classes or ["access", "irreversible", "apply-fails"])
    assert text in found["consequence"]


# --- several settings of one finding ----------------------------------------------------------------------------------


def test_settings_are_changed_together_where_one_moves_the_place_of_another(kvlint: Kvlint, checkout: Path) -> None:
    names = ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment")
    body = "".join(f"    {name}: {name}\n" for name in names)
    params = "".join(f"param {name} bool = true\n" for name in names)
    module = (
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n  properties: {\n" + body + "  }\n}\n"
    )
    put(checkout, "kv.bicep", params.replace(" = true", "") + module)
    put(checkout, "main.bicep", f"{params}module kv 'kv.bicep' = {{\n  name: 'kv'\n  params: {{\n{body}  }}\n}}\n")
    said = kvlint("fix", ".", "--unsafe", "--select", "KV303", "--write")
    assert (checkout / "main.bicep").read_text().startswith(params.replace("true", "false")), said.out


# --- names in titles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attribute", ["optional(bool, false)", "optional(\n      bool,\n      false\n    )", "optional(bool,false)"]
)
def test_title_names_the_attribute_with_the_changed_optional_default(
    kvlint: Kvlint, checkout: Path, attribute: str
) -> None:
    put(
        checkout,
        "main.tf",
        f'variable "kv" {{\n  type = object({{\n    a = optional(bool, true), purge = {attribute}\n  }})\n'
        "  default = {}\n}\n"
        'resource "azurerm_key_vault" "v" {\n  purge_protection_enabled = var.kv.purge\n}\n',
    )
    assert "Set `purge = true`" in kvlint("fix", "--unsafe", "--select", "KV001").out


# --- what a provider rejects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "is_offered"), [("true", False), ("var.keep", False), ("false", True)])
def test_a_protected_resource_is_not_replaced(kvlint: Kvlint, checkout: Path, value: str, is_offered: bool) -> None:
    key = 'resource "azurerm_key_vault_key" "k" {{\n  key_type = "RSA"\n  key_size = 1024\n{}}}\n'
    put(checkout, "main.tofu", key.format(f"  lifecycle {{\n    prevent_destroy = {value}\n  }}\n"))
    said = kvlint("fix", "--unsafe", "--select", "KV503").out
    assert ("Set `key_size = 2048`" in said) is is_offered
    assert ("No fix: `prevent_destroy` rejects the replacement of the resource" in said) is not is_offered


def test_an_argument_that_requires_a_version_keeps_it(kvlint: Kvlint, checkout: Path) -> None:
    policy = '  rotation_policy {\n    automatic {\n      time_after_creation = "P90D"\n    }\n  }\n'
    key = f'resource "azurerm_key_vault_key" "k" {{\n  key_type = "EC"\n{policy}}}\n'
    of_key = "azurerm_key_vault_key.k.id\n}\n"
    factory = 'resource "azurerm_data_factory" "f" {\n  name = "f"\n}\n'
    link = 'resource "azurerm_data_factory_customer_managed_key" "c" {\n  data_factory_id = azurerm_data_factory.f.id\n'
    put(checkout, "main.tf", key + factory + link + f"  customer_managed_key_id = {of_key}")
    account = 'resource "azurerm_storage_account_customer_managed_key" "s" {\n  storage_account_id = "x"\n'
    put(checkout, "s.tf", account + f"  key_vault_key_id = {of_key}")
    said = kvlint("fix", "--profile", "all", "--select", "KV905").out
    assert "s.tf:3:3: KV905 Use `versionless_id` instead of `id`" in said
    assert "No fix: `azurerm_data_factory_customer_managed_key` requires a version\n" in said


def test_a_search_of_many_outputs_ends(kvlint: Kvlint, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(checkout, "child.json", child())
    monkeypatch.setattr("azkvlint.fixes.checkout._MOST_SEARCHED", 10)
    said = kvlint("fix", ".", "--unsafe", "--select", "KV612")
    assert "No fix: the checkout is too large to find who else reads it\n" in said.out
