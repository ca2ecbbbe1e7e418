"""Services whose keys may be in any of many vaults are checked within the limit for pairs of resources."""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.evaluation import budget
from azkvlint.linter.linter import check

VAULT = """resource "azurerm_key_vault" "v{n}" {{
  name                       = "kv{n}"
  rbac_authorization_enabled = true
}}
"""
GRANT = """resource "azurerm_role_assignment" "g{n}" {{
  scope                = var.scopes[{n}]
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = var.principals[{n}]
}}
"""
SERVICE = """resource "azurerm_storage_account" "s{n}" {{
  name = "s{n}"

  identity {{
    type         = "UserAssigned"
    identity_ids = [var.identities[{n}]]
  }}

  customer_managed_key {{
    key_vault_key_id          = var.keys[{n}]
    user_assigned_identity_id = var.identities[{n}]
  }}
}}
"""
VARIABLES = "".join(f'variable "{name}" {{}}\n' for name in ("scopes", "principals", "identities", "keys"))


def test_many_services_with_keys_in_any_vault_stay_within_the_limit_of_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [VAULT.format(n=n) for n in range(15)]
    parts += [GRANT.format(n=n) for n in range(40)]
    parts += [SERVICE.format(n=n) for n in range(40)]
    (tmp_path / "main.tf").write_text(VARIABLES + "".join(parts))
    # Each service is compared with each grant, but not for each vault.
    monkeypatch.setattr(budget, "PAIRS", 10 * 40 * 40)
    monkeypatch.setattr(budget, "PAIRS_PER_RESOURCE", 0)
    report = check(Config(paths=(str(tmp_path),), jobs=1, profiles=("strict",)))
    assert [problem.message for problem in report.problems if problem.level == "error"] == []
    assert report.findings
