"""A vault that one input both deploys and looks up by its name, which is unique in the world, is one vault."""

from __future__ import annotations

import pytest

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import read_example
from azkvlint.linter.unit_result import verdicts_on

RULES = [rule for rule in builtin_rules() if rule.id == "KV201"]
DEMAND = with_needs(required_by(RULES))
SOURCES = {
    "plan": """
azurerm_key_vault.kv: {name: kv-one}
data.azurerm_key_vault.same: {name: KV-One}
data.azurerm_key_vault.other: {name: kv-two}
azurerm_log_analytics_workspace.w: {name: w}
azurerm_monitor_diagnostic_setting.kv:
  target_resource_id: ${data.azurerm_key_vault.WHICH.id}
  log_analytics_workspace_id: ${azurerm_log_analytics_workspace.w.id}
  enabled_log: [{category_group: audit}]
""",
    "terraform": """
provider "azurerm" {
  features {}
}
resource "azurerm_key_vault" "kv" {
  name = "kv-one"
}
data "azurerm_key_vault" "same" {
  name = "KV-One"
}
data "azurerm_key_vault" "other" {
  name = "kv-two"
}
resource "azurerm_log_analytics_workspace" "w" {
  name = "w"
}
resource "azurerm_monitor_diagnostic_setting" "kv" {
  target_resource_id         = data.azurerm_key_vault.WHICH.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.w.id
  enabled_log { category_group = "audit" }
}
""",
}


@pytest.mark.parametrize(("which", "found"), [("same", 0), ("other", 1)])
@pytest.mark.parametrize("language", SOURCES)
def test_a_setting_on_the_vault_that_was_looked_up_is_one_on_the_vault(language: str, which: str, found: int) -> None:
    read = read_example(language, SOURCES[language].replace("WHICH", which), DEMAND)
    assert len(verdicts_on(read, DEMAND, RuleEvaluator(RULES)).findings) == found
