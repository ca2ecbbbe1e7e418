"""The report of a run whose fixes are proven is that of a check, although every rule is evaluated for it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from azkvlint.config.run_config import Config
from azkvlint.engine import evaluator
from azkvlint.engine.findings import CompiledRule, make_finding
from azkvlint.engine.graph_index import GraphIndex
from azkvlint.fixes.proof import report_of
from azkvlint.linter.linter import check, rules_of
from azkvlint.linter.result_cache import ResultCache
from azkvlint.model.finding import Finding, Outcome
from azkvlint.model.resource import Resource
from azkvlint.util.file_tracker import Snapshot

# KV001 and KV101 are rules of the default profile, which KV104 passes. The others are not.
TEXT = """resource "azurerm_key_vault" "v" { # kvlint: ignore[KV001] accepted
  name                = "kv-number-1" # kvlint: ignore[KV104] unused
  location            = "westeurope"
  resource_group_name = "rg" # kvlint: ignore[KV999] unknown
  tenant_id           = var.tenant
  sku_name            = "standard" # kvlint: ignore[KV108] of a rule that is not selected
}
variable "tenant" {}
resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  value        = var.tenant
  key_vault_id = azurerm_key_vault.v.id
}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a run with the default profile."""
    (tmp_path / "main.tf").write_text(TEXT)
    return Config(paths=(str(tmp_path),), jobs=1)


def test_a_report_has_the_results_of_the_selected_rules(config: Config) -> None:
    expected = check(config)
    found = report_of(config, None, ResultCache(snapshot=Snapshot()))
    counts = {"passed": expected.passed, "resource_counts": expected.resource_counts}
    assert len(expected.findings) > 1
    assert len(expected.unknown) > 1
    assert len(expected.suppressed) == 1
    assert len(expected.problems) == 2
    assert found.passed > expected.passed
    assert msgspec.structs.replace(found, **counts) == expected


def test_a_rule_that_is_not_selected_adds_no_error(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    selected = {rule.id for rule in rules_of(config)}
    crashed: set[str] = set()

    def crash(compiled: CompiledRule, resource: Resource, index: GraphIndex, outcome: Outcome) -> Finding:
        if compiled.rule.id not in selected:
            crashed.add(compiled.rule.id)
            raise ValueError
        return make_finding(compiled, resource, index, outcome)

    monkeypatch.setattr(evaluator, "make_finding", crash)
    found = report_of(config, None, ResultCache(snapshot=Snapshot()))
    assert crashed
    assert found == check(config)
