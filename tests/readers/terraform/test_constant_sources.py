"""Sources of module calls that are computed from variables and local values: the module is called, so it is no root."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvlint.check import check
from kvlint.config import Config

VAULT = """
resource "azurerm_key_vault" "kv" {
  name     = "kv-contoso"
  sku_name = "standard"
}
"""


def resources(folder: Path, text: str) -> set[str]:
    for name, content in (("main.tf", text), ("modules/vault/main.tf", VAULT)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return {one.resource for one in check(Config(paths=(str(folder),))).findings if one.rule.id == "KV001"}


@pytest.mark.parametrize(
    ("constants", "source"),
    [
        ('variable "kind" {\n  default = "vault"\n}', '"./modules/${var.kind}"'),
        ('locals {\n  folder = "./modules"\n}', '"${local.folder}/vault"'),
        ('locals {\n  source = "./modules/${local.kind}"\n  kind = "vault"\n}', "local.source"),
        ('variable "kinds" {\n  default = { a = "vault" }\n}', '"./modules/${var.kinds["a"]}"'),
        ('variable "source" {\n  default = "./modules/vault"\n}', "var.source"),
        ('locals {\n  source = join("/", [".", "modules", "vault"])\n}', "local.source"),
    ],
)
def test_the_module_is_evaluated_where_it_is_called(tmp_path: Path, constants: str, source: str) -> None:
    text = f'{constants}\nmodule "one" {{\n  source = {source}\n}}\n'
    assert resources(tmp_path, text) == {"module.one.azurerm_key_vault.kv"}


@pytest.mark.parametrize(
    ("constants", "source"),
    [
        ('variable "kind" {}', '"./modules/${var.kind}"'),
        ("locals {\n  a = local.b\n  b = local.a\n}", "local.a"),
        ('variable "kind" {\n  default = "other"\n}', '"./modules/${var.kind}"'),
    ],
)
def test_a_module_that_is_not_certainly_called_is_evaluated_by_itself(
    tmp_path: Path, constants: str, source: str
) -> None:
    text = f'{constants}\nmodule "one" {{\n  source = {source}\n}}\n'
    assert resources(tmp_path, text) == {"azurerm_key_vault.kv"}


def test_a_list_of_installed_modules_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / ".terraform" / "modules" / "modules.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b'{"Modules":[{"Key":"\xff"}]}')
    text = f'{VAULT}\nmodule "shared" {{\n  source = "example.com/acme/shared/azurerm"\n}}\n'
    assert "azurerm_key_vault.kv" in resources(tmp_path, text)
