"""No output has words of secrets without quotation marks, and no excerpt has secrets of another input of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.reporters import REPORTERS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(8)

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
WORDS = ("qxzjone", "qxzjtwo", "qxzjthree")
TERRAFORM = """resource "azurerm_key_vault" "kv" {
  name = "kv"
}
resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  key_vault_id = azurerm_key_vault.kv.id
  value        = %s
}
resource "azurerm_linux_web_app" "app" {
  name         = "app"
  app_settings = {
    DB_PASSWORD = %s
  }
}
"""
BICEP = """resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  properties: { sku: { family: 'A', name: 'standard' } }
}
resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  name: 's'
  parent: kv
  properties: { value: %s }
}
"""


def template(value: str) -> str:
    secret = {"type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01", "name": "kv/s"}
    resources = [secret | {"properties": {"value": value}}]
    return json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}, indent=1)


@pytest.fixture
def folder(kvlint: Kvlint, tmp_path: Path) -> Path:
    """A folder without the plans of ``kvlint``, which is the current folder."""
    for file in tmp_path.glob("*.json"):
        file.unlink()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main")
    return tmp_path


UNQUOTED = {
    **{
        f"Terraform: {text}": ("main.tf", TERRAFORM % (text, text))
        for text in (
            "qxzjone(qxzjtwo)",
            "qxzjone",
            "qxzjone.qxzjtwo.qxzjthree",
            '"${qxzjone.qxzjtwo}"',
            "provider::qxzjone::qxzjtwo()",
            "base64gzip(qxzjone.qxzjtwo)",
        )
    },
    **{
        f"Bicep: {text}": ("main.bicep", BICEP % text)
        for text in (
            "qxzjone(qxzjtwo)",
            "qxzjone",
            "'${qxzjone('x')}'",
            "qxzjone.qxzjtwo.qxzjthree('x')",
            "kv.qxzjone()",
        )
    },
    **{
        f"ARM: {text}": ("azuredeploy.json", template(text))
        for text in ("[qxzjone(qxzjtwo)]", "[qxzjone]", "[qxzjone('x')]", "[qxzjone.qxzjtwo('x').qxzjthree]")
    },
}


@pytest.mark.parametrize("case", UNQUOTED)
def test_no_message_has_words_of_a_secret_that_is_not_in_quotation_marks(
    kvlint: Kvlint, folder: Path, case: str
) -> None:
    name, text = UNQUOTED[case]
    (folder / name).write_text(text)
    for format_ in REPORTERS:
        said = kvlint("check", "--profile", "all", "--show-unknown", "--no-cache", "-f", format_)
        assert not [word for word in WORDS if word in f"{said.out}{said.err}".lower()], format_
    for options in (("-f", "text"), ("-f", "json")):
        said = kvlint("fix", "--profile", "all", "--unsafe", *options)
        assert not [word for word in WORDS if word in f"{said.out}{said.err}".lower()], options


SECRET = "QXZJWYQJXWZYQWXJ"
SHARED = f"""variable "on" {{ type = bool }}
locals {{
  both = {{ x = "{SECRET}", purge = false }}
}}
resource "azurerm_key_vault" "kv" {{ tags = {{ x = "{SECRET}" }} }}
resource "azurerm_key_vault" "other" {{
  purge_protection_enabled = local.both.purge
}}
resource "azurerm_key_vault_secret" "a" {{
  count        = var.on ? 1 : 0
  name         = "a"
  key_vault_id = azurerm_key_vault.kv.id
  value        = azurerm_key_vault.kv.tags.x
}}
resource "azurerm_key_vault_secret" "b" {{
  count        = var.on ? 1 : 0
  name         = "b"
  key_vault_id = azurerm_key_vault.kv.id
  value        = local.both.x
}}
"""


def test_no_excerpt_has_a_secret_that_another_input_of_the_run_has(kvlint: Kvlint, folder: Path) -> None:
    (folder / "m").mkdir()
    (folder / "m/main.tf").write_text(SHARED)
    for name, switch in (("with", "true"), ("without", "false")):
        (folder / name).mkdir()
        (folder / name / "main.tf").write_text(f'module "m" {{\n  source = "../m"\n  on     = {switch}\n}}\n')
    for paths in (("without",), ("with", "without"), ("without", "with"), (".",)):
        for format_ in ("html", "sarif", "json"):
            said = kvlint("check", *paths, "--profile", "all", "--show-unknown", "-f", format_)
            assert SECRET not in said.out, (paths, format_)
            assert "m/main.tf" in said.out
        assert SECRET not in kvlint("fix", *paths, "--profile", "all", "--unsafe", "--diff").out
