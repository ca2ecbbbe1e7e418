"""Diagnostics after any edits are those of the command line on the same texts; see ``replay``."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

from azkvlint.editor.checks import Checks, Request
from azkvlint.util.file_tracker import EDITOR_TEXTS
from tests.editor import replay

CASES = int(os.environ.get("KVLINT_REPLAYS", "8"))


@pytest.fixture(autouse=True)
def no_texts() -> Iterator[None]:
    yield
    EDITOR_TEXTS.clear()


@pytest.mark.parametrize("number", range(CASES))
def test_edits_of_samples(number: int) -> None:
    assert replay.case(number, 7, replay.folders(None)) == ""


@pytest.mark.parametrize("number", range(CASES // 2))
def test_edits_through_the_protocol(number: int) -> None:
    assert replay.case(number, 8, replay.folders(None), by_protocol=True) == ""


@pytest.mark.skipif(not replay.CORPORA.is_dir(), reason="../shared/corpora is absent")
@pytest.mark.parametrize("number", range(CASES))
def test_edits_of_corpora(number: int) -> None:
    assert replay.case(number, 7, replay.folders(replay.CORPORA)) == ""


MODULE = """
variable "days" { default = 90 }
variable "names" { default = ["a", "b"] }
locals { tags = { team = "platform" } }
resource "azurerm_key_vault" "main" {
  for_each                   = toset(var.names)
  name                       = "kv-${each.key}"
  soft_delete_retention_days = var.days
  purge_protection_enabled   = false
  network_acls {
    default_action = "Allow"
    bypass         = "None"
  }
  tags = local.tags
}
resource "azurerm_key_vault_secret" "password" {
  name         = "password"
  value        = "hunter2-${local.tags.team}"
  key_vault_id = azurerm_key_vault.main["a"].id
}
"""
OVERRIDE = """
variable "days" { default = 7 }
resource "azurerm_key_vault" "main" {
  purge_protection_enabled = true
  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
  }
}
"""
VALUES = """
names = ["a", "c"]
"""


@pytest.mark.parametrize("seed", range(4))
def test_edits_of_overrides(seed: int, tmp_path: Path) -> None:
    """Files whose contents are merged, with texts on the disk and in the editor."""
    files = [("main.tf", MODULE), ("main_override.tf", OVERRIDE), ("terraform.tfvars", VALUES)]
    rng = random.Random(seed)  # noqa: S311  # edits are random, and repeatable
    workspace = replay.Workspace(tmp_path, [(name, text.encode()) for name, text in files], rng)
    for number in range(12):
        workspace.edit()
        assert workspace.difference() == "", number


def test_a_change_on_the_disk(tmp_path: Path) -> None:
    """The content of a file is kept between checks until its state changes."""
    rng = random.Random(1)  # noqa: S311  # only the encoding is random
    workspace = replay.Workspace(tmp_path, [("main.tf", MODULE.encode()), ("b.tf", b"# nothing")], rng)
    assert workspace.difference() == ""
    for text in (MODULE.replace("false", "true "), MODULE, "# nothing"):
        (workspace.folder / "main.tf").write_text(text)
        assert workspace.difference() == ""


def _holding_nothing(checks: Checks, request: Request) -> None:
    checks._request = request
    EDITOR_TEXTS.clear()


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay fails if checks do not see the texts of the editor."""
    monkeypatch.setattr(Checks, "hold", _holding_nothing)
    found = replay.folders(None)
    assert any(replay.case(number, 7, found) for number in range(8))
