"""Reports show what concerns the language of the input: reasons, references and short addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azkvlint.reporters.text_content import short_address
from tests.conftest import Run

TEXTS = {
    "main.tf": 'resource "azurerm_key_vault_secret" "db" {\n  name  = "db"\n  value = var.password\n}\n'
    'variable "password" {}\nresource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n',
    "main.bicep": "param password string\nresource db 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n"
    "  name: 'kv/db'\n  properties: {\n    value: password\n  }\n}\n"
    "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  properties: {}\n}\n",
}
OTHERS = {
    "main.tf": ("Bicep", "ARM template", "/azure-resource-manager/bicep/"),
    "main.bicep": ("Terraform", "azurerm", "registry.terraform.io", "developer.hashicorp.com"),
}


@pytest.mark.parametrize("file", TEXTS)
@pytest.mark.parametrize("format_", ["text", "markdown", "github", "rdjson"])
def test_report_contains_no_terms_of_other_languages(run: Run, tmp_path: Path, file: str, format_: str) -> None:
    (tmp_path / file).write_text(TEXTS[file])
    out = run("check", file, "--profile", "all", "--verbose", "-f", format_, cwd=tmp_path).out
    assert "KV611" in out
    assert "KV001" in out
    found = [word for word in OTHERS[file] if any(word in line for line in out.splitlines() if "help:" not in line)]
    assert found == []


def test_vaults_of_two_languages_are_not_in_one_line(run: Run, tmp_path: Path) -> None:
    for file, text in TEXTS.items():
        (tmp_path / file).write_text(text)
    lines = run("check", ".", "--select", "KV001", cwd=tmp_path).out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["main.bicep", "main.tf"]
    assert "more" not in "".join(lines)


def test_azapi_resource_has_terms_of_both_providers(run: Run, tmp_path: Path) -> None:
    text = 'resource "azapi_resource" "kv" {\n  type = "Microsoft.KeyVault/vaults@2023-07-01"\n  name = "kv"\n}\n'
    (tmp_path / "main.tf").write_text(text)
    out = run("check", "main.tf", "--select", "KV001", "--verbose", cwd=tmp_path).out
    assert "registry.terraform.io" in out


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("a/roleAssignments/{guid('/subscriptions/0','9999','owner')}", "a/roleAssignments/{guid(..., 'owner')}"),
        ("x/{guid(resourceGroup().id,subscription().id)}", "x/{guid(...)}"),
        ("x/{guid('it''s {here}','a longer name')}", "x/{guid(..., 'a longer name')}"),
        ("x/{guid('a')}", "x/{guid('a')}"),
        ("x/{guid('a','/subscriptions/0/resourceGr... is open", "x/{guid(...)} is open"),
        ("Microsoft.KeyVault/vaults/kv/secrets/db is open", "vaults/kv/secrets/db is open"),
        ("grant/Microsoft.Authorization/roleAssignments/a: b", "grant/roleAssignments/a: b"),
        ("add a `Microsoft.Insights/diagnosticSettings/x`", "add a `Microsoft.Insights/diagnosticSettings/x`"),
        (
            "/subscriptions/0/providers/Microsoft.KeyVault/vaults/kv",
            "/subscriptions/0/providers/Microsoft.KeyVault/vaults/kv",
        ),
        ('azurerm_key_vault.kv["a"] is {not} a call', 'azurerm_key_vault.kv["a"] is {not} a call'),
    ],
)
def test_address_is_shortened(address: str, short: str) -> None:
    assert short_address(address) == short


def test_text_has_short_addresses_and_json_has_whole_ones(run: Run, tmp_path: Path) -> None:
    name = "[guid(subscription().id, '99999999-8888-4777-8666-555555555555', 'owner')]"
    owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    role = f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{owner}')]"
    assignment = {
        "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": name,
        "properties": {"roleDefinitionId": role, "principalId": "99999999-8888-4777-8666-555555555555"},
    }  # fmt: skip
    schema = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
    (tmp_path / "main.json").write_text(json.dumps({"$schema": schema, "resources": [assignment]}))
    arguments = ("check", "main.json", "--select", "KV402")
    assert "roleAssignments/{guid(..., 'owner')} assigns `Owner`" in run(*arguments, cwd=tmp_path).out
    (finding,) = json.loads(run(*arguments, "-f", "json", cwd=tmp_path).out)["findings"]
    assert "99999999-8888-4777-8666-555555555555" in finding["resource"]


def test_unknown_results_in_tests_are_counted(run: Run, tmp_path: Path) -> None:
    vault = 'variable "open" {\n  type = bool\n}\nresource "azurerm_key_vault" "kv" {\n  name = "kv"\n%s}\n'
    for folder in ("app", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.tf").write_text(vault % "  purge_protection_enabled = var.open\n")
    arguments = ("check", ".", "--select", "KV001")
    text = "1 check is unknown because of 1 value (--show-unknown). 1 unknown result in tests and examples not shown."
    assert text in run(*arguments, cwd=tmp_path).out
    assert "not shown" not in run(*arguments, "--show-unknown", cwd=tmp_path).out
