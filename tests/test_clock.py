"""The day on which old API versions stop working, as reports state it before and after that day."""

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
    ("version", "today", "expected", "severity"),
    [
        ("2023-07-01", "2026-11-25", "2023-07-01 (retires on 2027-02-27)", "medium"),
        ("2023-07-01", "2027-02-26", "2023-07-01 (retires on 2027-02-27)", "medium"),
        ("2023-07-01", "2027-02-28", "2023-07-01 (retired on 2027-02-27)", "high"),
        ("2024-12-01-preview", "2026-11-25", "2024-12-01-preview (preview, retired on 90 days' notice)", "medium"),
    ],
)
def test_message_states_when_an_api_version_retires(
    version: str, today: str, expected: str, severity: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "main.bicep").write_text(VAULT.format(version), encoding="utf-8")
    report = json.loads(run("-f", "json", "--select", "KV050", "--as-of", today, "main.bicep", cwd=tmp_path).out)
    found = [(one["message"], one["label"], one["severity"]) for one in report["findings"]]
    assert found == [(f"kv uses Key Vault API version {expected}", f"API version {expected}", severity)]


@pytest.mark.parametrize(
    ("today", "verb"), [("2027-02-17", "retires"), ("2027-02-26", "retires"), ("2027-02-28", "retired")]
)
def test_message_states_when_the_api_of_a_provider_retires(today: str, verb: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(OLD, encoding="utf-8")
    report = json.loads(run("-f", "json", "--select", "KV051", "--as-of", today, ".", cwd=tmp_path).out)
    message = f"azurerm versions before 4.81, whose Key Vault API {verb} on 2027-02-27"
    assert [one["message"] for one in report["findings"]] == [f"provider.azurerm is limited to {message}"]
