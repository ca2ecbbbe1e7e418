"""The reasons of unknown results: each names what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

FOREIGN = 'module "kv" {\n  source = "git::https://example.com/kv"\n}\n'
VAULT = 'resource "azurerm_key_vault" "{0}" {{\n  name = "{0}"\n  rbac_authorization_enabled = {1}\n}}\n'
POLICY = """
resource "azurerm_key_vault_access_policy" "p" {{
  key_vault_id       = {}
  tenant_id          = "a"
  object_id          = "b"
  secret_permissions = ["Get"]
}}
"""


@pytest.mark.parametrize(
    ("more", "vault", "why"),
    [
        (FOREIGN, "module.kv.id", "`module.kv.id` is the output of a module that is not in the scanned files"),
        (
            'data "azurerm_key_vault" "kv" {\n  name = "kv"\n  resource_group_name = "g"\n}\n',
            "data.azurerm_key_vault.kv.id",
            "`data.azurerm_key_vault.kv` is read from Azure",
        ),
        (
            'variable "rbac" {}\n' + VAULT.format("kv", "var.rbac"),
            "azurerm_key_vault.kv.id",
            "`var.rbac` has no value",
        ),
    ],
)
def test_the_permission_model_of_a_vault(more: str, vault: str, why: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(more + POLICY.format(vault))
    found = json.loads(run("-f", "json", "--select", "KV304", ".", cwd=tmp_path).out)
    assert [one["label"] for one in found["unknown"]] == [why]


def test_a_sensitive_input_without_a_value_is_named(tmp_path: Path, run: Run) -> None:
    text = (
        'variable "secrets" {\n  sensitive = true\n}\n'
        'resource "azurerm_key_vault_secret" "s" {\n  name         = "s"\n  value        = var.secrets.value\n'
        "  content_type = var.secrets.type\n}\n"
    )
    (tmp_path / "main.tf").write_text(text)
    (found,) = json.loads(run("-f", "json", "--select", "KV602", ".", cwd=tmp_path).out)["unknown"]
    assert found["label"] == "`var.secrets` has no value"


def labels(run: Run, folder: Path, rule: str) -> list[str]:
    """Return the messages of the unknown results of one rule."""
    found = json.loads(run("-f", "json", "--select", rule, ".", cwd=folder).out)
    return [one["message"] for one in found["unknown"]]


SECRETS = """
variable "first" {}
data "azurerm_key_vault" "kv" {
  name                = "kv"
  resource_group_name = "g"
}
resource "azurerm_key_vault_secret" "a" {
  name         = var.first
  value        = "x"
  key_vault_id = data.azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "b" {
  name         = "b"
  value        = "x"
  key_vault_id = data.azurerm_key_vault.kv.id
}
"""


def test_an_object_that_may_have_the_same_name(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(SECRETS)
    (message,) = labels(run, tmp_path, "KV603")
    assert message == (
        "whether another object has the name of azurerm_key_vault_secret.b is unknown: "
        "`azurerm_key_vault_secret.a` may have the same name in the same vault: `var.first` has no value"
    )


def test_a_policy_that_may_be_for_the_same_principal(tmp_path: Path, run: Run) -> None:
    policy = POLICY.replace('"b"', "{}").replace('"p"', '"{}"')
    policies = [policy.format(name, "azurerm_key_vault.kv.id", f"var.{name}") for name in ("p", "q")]
    vault = VAULT.format("kv", "false")
    (tmp_path / "main.tf").write_text('variable "p" {}\nvariable "q" {}\n' + vault + "".join(policies))
    reason = "`azurerm_key_vault_access_policy.{}` may be for the same principal: `var.{}` has no value"
    first, second = labels(run, tmp_path, "KV310")
    assert first.startswith("which principals have access through azurerm_key_vault_access_policy.p is unknown: ")
    assert first.endswith(reason.format("q", "p"))
    assert second.endswith(reason.format("p", "q"))


def test_the_role_of_an_assignment(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param role string\nparam principal string\n"
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv'\n}\n"
        "resource ra 'Microsoft.Authorization/roleAssignments@2022-04-01' = {\n  name: guid(kv.id)\n  scope: kv\n"
        "  properties: {\n    principalId: principal\n"
        "    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)\n  }\n}\n"
    )
    existing = "`kv` is an existing resource with properties that are known only in Azure"
    role = "the ID depends on `role` and is known only at deployment"
    assert labels(run, tmp_path, "KV307") == [f"which permissions ra grants is unknown: {role}, {existing}"]
    assert labels(run, tmp_path, "KV305") == [f"ra: {existing}, {role}"]


def test_the_name_of_an_object(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param prefix string\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv'\n}\n"
        "resource s 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {\n  parent: kv\n"
        "  name: '${prefix}-${uniqueString(deployment().name)}'\n  properties: {\n    value: 'x'\n  }\n}\n"
    )
    assert labels(run, tmp_path, "KV513") == [
        "`name` of s is unknown: the name depends on `prefix` and is known only at deployment"
    ]


def test_resources_outside_the_input(tmp_path: Path, run: Run) -> None:
    logs = 'module "logs" {\n  source = "git::https://example.com/logs"\n  id     = azurerm_key_vault.kv.id\n}\n'
    (tmp_path / "main.tf").write_text(VAULT.format("kv", "true") + logs)
    message = "an `azurerm_monitor_diagnostic_setting` outside the scanned files may refer to the key vault"
    assert labels(run, tmp_path, "KV201") == [f"azurerm_key_vault.kv: {message}"]


@pytest.mark.parametrize(
    ("secrets", "is_unknown"),
    [
        ("cfg.kind == 'x' ? [{ name: 'pat', value: cfg.pat }] : []", False),
        ("cfg.kind == 'x' ? [{ name: 'pat', value: cfg.pat }] : [{ name: 'a', value: 'b' }, { name: 'c' }]", False),
        ("cfg.kind == 'x' ? [{ name: 'pat', keyVaultUrl: cfg.url, identity: 'system' }] : []", True),
        ("cfg.kind == 'x' ? cfg.secrets : []", True),
    ],
)
def test_arrays_of_which_one_applies(secrets: str, is_unknown: bool, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param cfg object\nresource job 'Microsoft.App/jobs@2024-03-01' = {\n  name: 'j'\n  location: 'x'\n"
        "  properties: {\n    environmentId: cfg.id\n    configuration: {\n      triggerType: 'Manual'\n"
        f"      replicaTimeout: 10\n      secrets: {secrets}\n    }}\n  }}\n}}\n"
    )
    assert bool(labels(run, tmp_path, "KV630")) is is_unknown
