"""A run works in proportion to what it reads. Calls of functions are counted: time would be that of the machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from azkvlint import lint
from tests.test_bounds import template, vault, write

pytestmark = pytest.mark.slow(8)

Files = dict[str, str]
TERRAFORM_VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
TERRAFORM_KEY = """\
resource "azurerm_key_vault_key" "k%d" {
  name         = "k%d"
  key_vault_id = azurerm_key_vault.kv.id
  key_type     = "RSA"
}
"""
TERRAFORM_UNKNOWN_SCOPE = """\
resource "azurerm_key_vault" "kv%d" {
  name                       = "kv%d"
  rbac_authorization_enabled = true
}
resource "azurerm_key_vault_key" "k%d" {
  name         = "k"
  key_vault_id = azurerm_key_vault.kv%d.id
  key_type     = "RSA"
}
resource "azurerm_role_assignment" "r%d" {
  scope                = var.scope
  principal_id         = "fece4a92-ad5a-47b5-ae83-50415779792f"
  role_definition_name = "Key Vault Administrator"
}
"""
BICEP_VAULT = "param name string = 'kv'\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: name\n}\n"
BICEP_KEY = "resource k%d 'Microsoft.KeyVault/vaults/keys@2023-07-01' = {\n  parent: kv\n  name: 'k%d'\n}\n"
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"


def terraform_keys(number: int) -> Files:
    return {"main.tf": TERRAFORM_VAULT + "".join(TERRAFORM_KEY % (one, one) for one in range(number))}


def terraform_unknown_scopes(number: int) -> Files:
    scopes = (TERRAFORM_UNKNOWN_SCOPE % (one, one, one, one, one) for one in range(number))
    return {"main.tf": 'variable "scope" {}\n' + "".join(scopes)}


def bicep_keys(number: int) -> Files:
    return {"main.bicep": BICEP_VAULT + "".join(BICEP_KEY % (one, one) for one in range(number))}


def arm_keys(number: int) -> Files:
    keys = [vault(type="Microsoft.KeyVault/vaults/keys", name=f"kv/k{one}") for one in range(number)]
    return {"main.json": template(vault(name="kv"), *keys)}


def parameter_files(number: int) -> Files:
    values = [{"$schema": PARAMETERS, "parameters": {"name": {"value": f"kv{one}"}}} for one in range(number)]
    files = {f"main.{one}.parameters.json": json.dumps(value) for one, value in enumerate(values)}
    parameters = {"name": {"type": "string"}}
    return {"main.json": template(vault(name="[parameters('name')]"), parameters=parameters)} | files


def bicep_parameter_files(number: int) -> Files:
    files = {f"p{one}.bicepparam": f"using 'main.bicep'\nparam name = 'kv{one}'\n" for one in range(number)}
    return {"main.bicep": BICEP_VAULT} | files


def variable_files(number: int) -> Files:
    files = {f"e{one}.tfvars": f'name = "kv{one}"\n' for one in range(number)}
    return {"main.tf": TERRAFORM_VAULT.replace('"kv"\n', "var.name\n") + 'variable "name" {}\n'} | files


def folders(number: int) -> Files:
    return {f"f{one}/main.tf": TERRAFORM_VAULT for one in range(number)}


def calls(folder: Path, files: Files) -> int:
    """Return how many functions a run on the files calls."""
    folder.mkdir()
    write(folder, files)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        report = lint([folder])
    finally:
        sys.setprofile(before)
    assert report.findings
    return counted


@pytest.mark.parametrize(
    "make",
    [
        terraform_keys,
        terraform_unknown_scopes,
        bicep_keys,
        arm_keys,
        parameter_files,
        bicep_parameter_files,
        variable_files,
        folders,
    ],
)
def test_a_run_calls_functions_in_proportion(make: Callable[[int], Files], tmp_path: Path) -> None:
    write(tmp_path / "first", make(1))
    lint([tmp_path / "first"])  # what a process does once, such as reading the rules
    few, more, many = (calls(tmp_path / str(number), make(number)) for number in (20, 40, 80))
    assert many - more < 2.2 * (more - few)
