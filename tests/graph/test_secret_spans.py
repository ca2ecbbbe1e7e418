"""Secrets in expressions that are deeper than the recursion limit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

_BICEP = """param a object
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-deep-expression'
  tags: {{ value: {} }}
}}
"""
_TERRAFORM = """variable "a" {{}}
resource "azurerm_key_vault" "kv" {{
  name = "kv-deep-expression"
  tags = {{ value = {} }}
}}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.bicep", _BICEP.format("a" + ".a" * 15_000)),
        ("main.tf", _TERRAFORM.format("var.a" + ".a" * 15_000)),
        ("main.tf", _TERRAFORM.format(" + ".join(["1"] * 3_000))),
        ("main.tf", _TERRAFORM.format("!" * 3_000 + "true")),
    ],
    ids=["members-bicep", "members", "operators", "negations"],
)
def test_deep_expressions_cause_no_internal_error(name: str, text: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    ran = run(name, "--select", "KV001", cwd=tmp_path)
    assert ran.code in (1, 3)
    assert "internal error" not in ran.out + ran.err
    assert "failed on" not in ran.out
