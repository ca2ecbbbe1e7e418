"""Which files are evaluated through others: only those that other files really call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

TERRAFORM = 'module "m" {\n  source = "./m"\n}\n'
BICEP = "module m 'm/main.bicep' = {\n  name: 'm'\n}\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("main.tf", "/*\n", "*/\n"),
        ("main.tf", "locals {\n  text = <<EOT\n", "EOT\n}\n"),
        ("main.tf", "locals {\n  text = <<-EOT\n", "  EOT\n}\n"),
        ("main.tf", 'locals {\n  text = "/*"\n  other = <<EOT\n', "EOT\n  # */\n}\n"),
        ("main.bicep", "/*\n", "*/\n"),
        ("main.bicep", "var text = '''\n", "'''\n"),
        ("main.bicep", "var text = '/*'\nvar other = '''\n", "'''\n// */\n"),
    ],
)
def test_call_in_a_comment_or_string_does_not_hide_a_module(
    name: str, before: str, after: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "m").mkdir()
    vault = 'resource "azurerm_key_vault" "a" {\n  name = "kv1"\n}\n'
    call = TERRAFORM
    if name.endswith(".bicep"):
        vault = "resource v 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv1'\n  properties: {}\n}\n"
        call = BICEP
    (tmp_path / "m" / name).write_text(vault)
    (tmp_path / name).write_text(before + call + after)
    said = run("-f", "json", ".", cwd=tmp_path)
    assert {one["location"]["path"] for one in json.loads(said.out)["findings"]} == {f"m/{name}"}


@pytest.mark.parametrize("name", ["main.tf", "main.bicep"])
def test_a_real_call_beside_comments_is_followed(name: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "m").mkdir()
    if name == "main.tf":
        (tmp_path / "m" / name).write_text('resource "azurerm_key_vault" "a" {\n  name = "kv1"\n}\n')
        text = f'locals {{\n  a = "/*"\n  b = <<EOT\n /* \nEOT\n}}\n# /*\n{TERRAFORM}'
    else:
        (tmp_path / "m" / name).write_text(
            "resource v 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv1'\n  properties: {}\n}\n"
        )
        text = f"var a = '/*'\nvar b = '''\n /* \n'''\n// /*\n{BICEP}"
    (tmp_path / name).write_text(text)
    said = run("-f", "json", ".", cwd=tmp_path)
    assert json.loads(said.out)["sources"] == [name if name.endswith(".bicep") else "."]


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ('resource "azurerm_key_vault" "a" {\n  name = [\n', True),
        ('module "inner" {\n  source = "../inner"\n', True),
        ('resource "azurerm_virtual_network" "a" {\n  name = [\n', False),
    ],
)
def test_an_error_in_a_called_module_that_may_declare_a_vault_is_reported(
    text: str, is_read: bool, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").write_text(text)
    (tmp_path / "main.tf").write_text(TERRAFORM)
    ran = run("check", ".", cwd=tmp_path)
    assert (ran.code, "m/main.tf:1:" in ran.err + ran.out) == ((3, True) if is_read else (0, False))
