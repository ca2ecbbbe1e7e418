"""A template that Terraform deploys from a file is told once: where it is deployed, with the values it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

pytestmark = pytest.mark.slow(3)

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/"
TEMPLATE = json.dumps(
    {
        "$schema": SCHEMA + "deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"name": {"type": "string", "defaultValue": "kvone"}, "days": {"type": "int", "defaultValue": 7}},
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2024-11-01",
                "name": "[parameters('name')]",
                "properties": {
                    "sku": {"name": "standard", "family": "A"},
                    "enablePurgeProtection": False,
                    "softDeleteRetentionInDays": "[parameters('days')]",
                },
            }
        ],
    },
    indent=1,
)
PARAMETERS = json.dumps(
    {
        "$schema": SCHEMA + "deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"days": {"value": 90}},
    }
)
HEAD = 'resource "azurerm_resource_group_template_deployment" "d" {\n  name = "d"\n'
FILE = 'file("${path.module}/t.json")'


def deployment(content: str, more: str = "") -> str:
    return f"{HEAD}  template_content = {content}\n{more}}}\n"


def found(run: Run, folder: Path, *paths: str) -> list[str]:
    """The files in which KV001 is told."""
    ran = run("-f", "concise", "--select", "KV001", *(paths or (".",)), cwd=folder)
    return [line.partition(":")[0] for line in ran.out.splitlines() if " KV001 " in line]


def azapi(template: str) -> str:
    return (
        'resource "azapi_resource" "d" {\n  type = "Microsoft.Resources/deployments@2022-09-01"\n  name = "d"\n'
        f"  body = {{ properties = {{ template = {template} }} }}\n}}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        deployment(FILE),
        deployment("local.template") + f"locals {{\n  template = {FILE}\n}}\n",
        deployment('templatefile("${path.module}/t.json", { name = "kvtwo" })'),
        deployment(f"jsonencode(jsondecode({FILE}))"),
        azapi(f"jsondecode({FILE})"),
    ],
    ids=["file", "local", "templatefile", "encoded again", "azapi"],
)
def test_template_is_reported_where_it_is_deployed(text: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(TEMPLATE)
    (tmp_path / "main.tf").write_text(text)
    assert found(run, tmp_path) == ["main.tf"]
    # Whoever names it asks about it.
    assert found(run, tmp_path, ".", "t.json") == ["main.tf", "t.json"]


def test_two_templates_with_equal_content_are_both_reported_where_they_are_deployed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(TEMPLATE)
    (tmp_path / "u.json").write_text(TEMPLATE)
    second = deployment(FILE).replace('"d"', '"e"').replace("t.json", "u.json")
    (tmp_path / "main.tf").write_text(deployment(FILE) + second)
    assert found(run, tmp_path) == ["main.tf", "main.tf"]


def test_template_of_a_module_is_reported_where_it_is_deployed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "modules/vault").mkdir(parents=True)
    (tmp_path / "modules/vault/t.json").write_text(TEMPLATE)
    (tmp_path / "modules/vault/main.tf").write_text(deployment(FILE))
    (tmp_path / "main.tf").write_text('module "vault" {\n  source = "./modules/vault"\n}\n')
    assert found(run, tmp_path) == ["modules/vault/main.tf"]
    assert found(run, tmp_path, ".", "--jobs", "2") == ["modules/vault/main.tf"]


@pytest.mark.parametrize(
    "text",
    [
        f'output "t" {{\n  value = {FILE}\n}}\n',
        deployment("jsonencode({ resources = [] })", f"  tags = {{ a = md5({FILE}) }}\n"),
        deployment(f'replace({FILE}, "kvone", "kvtwo")'),
    ],
    ids=["only read", "only looked at", "something else is deployed"],
)
def test_template_that_is_not_deployed_unchanged_is_evaluated_alone(text: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(TEMPLATE)
    (tmp_path / "main.tf").write_text(text)
    assert "t.json" in found(run, tmp_path)


def test_template_that_cannot_be_evaluated_where_it_is_deployed_is_evaluated_alone(run: Run, tmp_path: Path) -> None:
    other = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "n",
             "properties": {"mode": "Incremental", "templateLink": {"uri": "https://example.com/t.json"}}}  # fmt: skip
    template = json.loads(TEMPLATE)
    template["resources"].append(other)
    (tmp_path / "t.json").write_text(json.dumps(template, indent=1))
    (tmp_path / "main.tf").write_text(deployment(FILE))
    assert found(run, tmp_path) == ["main.tf", "t.json"]


@pytest.mark.parametrize("is_given", [True, False])
def test_a_file_of_parameters_may_be_for_another_deployment(is_given: bool, run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(TEMPLATE)
    (tmp_path / "t.parameters.json").write_text(PARAMETERS)
    more = '  parameters_content = file("${path.module}/t.parameters.json")\n'
    (tmp_path / "main.tf").write_text(deployment(FILE, more if is_given else ""))
    assert found(run, tmp_path) == (["main.tf"] if is_given else ["main.tf", "t.json"])
