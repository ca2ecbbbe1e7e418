"""The day on which old API versions stop working, as it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

VAULT = "resource kv 'Microsoft.KeyVault/vaults@{}' = {{\n  name: 'kv'\n}}\n"
OLD = """
provider "azurerm" {
  version = "~> 3.0"
  features {}
}

resource "azurerm_key_vault" "kv" {
  name = "kv"
}
"""


@pytest.mark.parametrize(
    ("version", "today", "said"),
    [
        ("2023-07-01", "2026-11-25", "2023-07-01, which is retired on 2027-02-27, 94 days from 2026-11-25"),
        ("2023-07-01", "2027-02-26", "2023-07-01, which is retired on 2027-02-27, 1 day from 2027-02-26"),
        ("2023-07-01", "2027-02-28", "2023-07-01, which was retired on 2027-02-27"),
        ("2024-12-01-preview", "2026-11-25", "2024-12-01-preview, a preview that Azure retires with 90 days' notice"),
    ],
)
def test_the_days_that_are_left(version: str, today: str, said: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(VAULT.format(version), encoding="utf-8")
    report = json.loads(run("-f", "json", "--select", "KV050", "--as-of", today, "main.bicep", cwd=tmp_path).out)
    assert [one["message"] for one in report["findings"]] == [f"The API version of 'kv' is '{said}'."]


def test_the_same_of_a_provider(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(OLD, encoding="utf-8")
    report = json.loads(run("-f", "json", "--select", "KV051", "--as-of", "2027-02-17", ".", cwd=tmp_path).out)
    said = "older than 4.81, whose API is retired on 2027-02-27, 10 days from 2027-02-17"
    told = f"The version of azurerm that 'provider.azurerm' may have is '{said}'."
    assert [one["message"] for one in report["findings"]] == [told]
