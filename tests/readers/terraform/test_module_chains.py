"""Modules that call each other are read as often as there are modules, not as there are ways to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.terraform import TerraformSettings, folder
from azkvlint.readers.terraform.read import read_root

VAULT = 'resource "azurerm_key_vault" "v" {\n  name = "kv-a"\n}\n'
REQUIRED = RequiredAttributes(paths={}, reference_paths={}, everything=True)


def chain(number: int, size: int) -> str:
    """Each module calls the next one."""
    return call(number + 1) if number + 1 < size else VAULT


def tree(number: int, size: int) -> str:
    """Each module calls two others."""
    return "".join(call(one) for one in (2 * number + 1, 2 * number + 2) if one < size) + VAULT


def mesh(number: int, size: int) -> str:
    """Each module of eight layers calls three of the next layer, so there are thousands of ways to the last ones."""
    first = (number // 6 + 1) * 6
    return "".join(call(first + one) for one in range(3) if first + one < size and number < 6) + VAULT


def call(number: int) -> str:
    return f'module "m{number}" {{\n  source = "../m{number}"\n}}\n'


@pytest.mark.parametrize("shape", [chain, tree, mesh])
def test_each_module_is_read_a_few_times(
    shape: Callable[[int, int], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are more than are kept."""
    size = 48
    (tmp_path / ".git").mkdir()
    for number in range(size):
        (tmp_path / f"m{number}").mkdir()
        (tmp_path / f"m{number}" / "main.tf").write_text(shape(number, size), encoding="utf-8")
    loads: list[str] = []
    load = folder.load_folder

    def counted(path: str, directory: str, tool: str) -> folder.Folder:
        loads.append(path)
        return load(path, directory, tool)

    monkeypatch.setattr(folder, "load_folder", counted)
    monkeypatch.setattr(folder, "_MOST", 8)
    cache = folder.FolderCache(REQUIRED)
    read = read_root("m0", str(tmp_path / "m0"), str(tmp_path), cache, TerraformSettings())
    assert read is not None
    assert read.resources
    assert len(loads) <= 5 * size
