"""Severities that depend on the resource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.rule import Grading, Severity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run
    from tests.engine.conftest import Build

_POLICY = """rbac_authorization_enabled = false
  access_policy {{
    object_id          = "22222222-2222-2222-2222-222222222222"
    secret_permissions = ["{}"]
  }}"""
_SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(("size", "severity"), [(1, Severity.HIGH), (2, Severity.CRITICAL), (3, Severity.LOW)])
def test_first_matching_condition_sets_the_severity(build: Build, size: int, severity: Severity) -> None:
    gradings = (
        Grading(severity=Severity.CRITICAL, when=build.attribute("size", equals=2)),
        Grading(severity=Severity.LOW, when=build.attribute("size", at_least=2)),
    )
    rule = build.rule(build.attribute("safe", equals=True), severity_if=gradings)
    assert build.finding(build.resource(size=size, safe=False), rule).severity is severity


def test_unknown_condition_does_not_set_the_severity(build: Build) -> None:
    gradings = (Grading(severity=Severity.LOW, when=build.attribute("size", equals=2)),)
    rule = build.rule(build.attribute("safe", equals=True), severity_if=gradings)
    assert build.finding(build.resource(size=build.unknown, safe=False), rule).severity is Severity.HIGH


def test_rules_read_the_attributes_of_their_gradings() -> None:
    assert {rule.id for rule in builtin_rules() if rule.severity_if} == {
        "KV001",
        "KV050",
        "KV051",
        "KV101",
        "KV104",
        "KV402",
        "KV403",
        "KV404",
        "KV410",
        "KV610",
        "KV716",
    }


@pytest.mark.parametrize(
    ("vault", "role", "scope", "severity"),
    [
        ("rbac_authorization_enabled = true", "Contributor", f'"{_SUBSCRIPTION}"', "medium[KV402]"),
        ("rbac_authorization_enabled = false", "Contributor", f'"{_SUBSCRIPTION}"', "high[KV402]"),
        ("rbac_authorization_enabled = true", "Owner", f'"{_SUBSCRIPTION}"', "high[KV402]"),
        ("rbac_authorization_enabled = false", "Contributor", "azurerm_key_vault.kv.id", "critical[KV403]"),
        (
            "rbac_authorization_enabled = false\n  public_network_access_enabled = false",
            "Contributor",
            "azurerm_key_vault.kv.id",
            "high[KV403]",
        ),
        # The other permission model would not limit who can assign any role.
        ("rbac_authorization_enabled = false", "Owner", "azurerm_key_vault.kv.id", "medium[KV403]"),
        (
            _POLICY.format("Get"),
            "Contributor",
            "azurerm_key_vault.kv.id",
            "medium[KV403]",
        ),
        (
            _POLICY.format("List"),
            "Contributor",
            "azurerm_key_vault.kv.id",
            "critical[KV403]",
        ),
    ],
)
def test_severity_depends_on_the_role_and_scope(
    vault: str, role: str, scope: str, severity: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(
        f'resource "azurerm_key_vault" "kv" {{\n  name = "kv-roles"\n  {vault}\n}}\n'
        f'resource "azurerm_role_assignment" "one" {{\n  scope = {scope}\n'
        f'  role_definition_name = "{role}"\n  principal_id = "22222222-2222-2222-2222-222222222222"\n}}\n',
        encoding="utf-8",
    )
    assert f": {severity} " in run(".", "--select", "KV402,KV403", cwd=tmp_path).out


_OTHER = """
resource "azurerm_role_assignment" "other" {{
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "{}"
  principal_id         = "{}"
}}
"""
_UNKNOWN_POLICY = """
variable "groups" {{}}
resource "azurerm_key_vault_access_policy" "other" {{
  key_vault_id       = azurerm_key_vault.kv.id
  object_id          = {}
  secret_permissions = ["Get"]
}}
"""
_ELSEWHERE = """
variable "group" {}
resource "azurerm_key_vault" "other" {
  name                       = "kv-other"
  resource_group_name        = var.group
  rbac_authorization_enabled = false
}
"""
_SAME, _DIFFERENT = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"


@pytest.mark.parametrize(
    ("policy", "more", "severity"),
    [
        ("List", _OTHER.format("Owner", _SAME), "medium"),
        ("List", _OTHER.format("Owner", _DIFFERENT), "critical"),
        ("List", _OTHER.format("Reader", _SAME), "critical"),
        # Of the principal of a policy, nothing is known, or it has another expression.
        ("List", _UNKNOWN_POLICY.format('lookup({ a = "" }, "b")'), "high"),
        ("List", _UNKNOWN_POLICY.format("var.groups"), "critical"),
        ("List", _UNKNOWN_POLICY.format("data.azurerm_client_config.current.object_id"), "critical"),
        # Another vault is perhaps in the scope, where the principal has no access.
        ("Get", _ELSEWHERE, "high"),
    ],
)
def test_role_of_a_principal_with_access_already_is_less_severe(
    policy: str, more: str, severity: str, run: Run, tmp_path: Path
) -> None:
    vault = _POLICY.format(policy)
    (tmp_path / "main.tf").write_text(
        'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n}\nresource "azurerm_key_vault" "kv" {\n'
        f'  name = "kv-roles"\n  resource_group_name = azurerm_resource_group.rg.name\n  {vault}\n}}\n'
        'resource "azurerm_role_assignment" "one" {\n  scope = azurerm_resource_group.rg.id\n'
        f'  role_definition_name = "Contributor"\n  principal_id = "{_SAME}"\n}}\n{more}',
        encoding="utf-8",
    )
    assert f": {severity}[KV403] azurerm_role_assignment.one " in run(".", "--select", "KV403", cwd=tmp_path).out


_OPEN = """resource "azurerm_key_vault" "kv" {
  name = "kv-open"
  network_acls {
    default_action = "Allow"
    bypass         = "AzureServices"
    ip_rules       = ["203.0.113.10"]
  }
}
"""
_ENCRYPTED = """
resource "azurerm_key_vault_key" "cmk" {
  name         = "cmk"
  key_vault_id = azurerm_key_vault.kv.id
}
resource "azurerm_disk_encryption_set" "disks" {
  name             = "disks"
  key_vault_key_id = azurerm_key_vault_key.cmk.id
}
"""


@pytest.mark.parametrize(
    ("rule", "text", "severity"),
    [
        ("KV104", _OPEN, "medium"),
        ("KV001", _OPEN, "high"),
        ("KV101", _OPEN, "high"),
        (
            "KV101",
            _OPEN.replace("network_acls {", "lifecycle {\n    ignore_changes = [network_acls]\n  }\n  network_acls {"),
            "medium",
        ),
        ("KV001", _OPEN + _ENCRYPTED, "medium"),
        ("KV004", _OPEN + _ENCRYPTED, "critical"),
    ],
)
def test_a_consequence_is_below_its_cause(rule: str, text: str, severity: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    assert f": {severity}[{rule}] " in run(".", "--select", rule, cwd=tmp_path).out


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("quiz*123", "critical"), ("dapi52f2a9d81c", "critical"), ("Server=s;Password=p@ssword", "critical"),
        ("correct-horse-battery", "critical"),
        ("p@ssword", "medium"), ("azurecredential", "medium"), ("a1b2c3", "medium"),
    ],
)  # fmt: skip
def test_values_that_are_too_simple_for_a_credential(value: str, severity: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        f'resource "azurerm_key_vault_secret" "one" {{\n  name = "api-key"\n  value = "{value}"\n}}\n',
        encoding="utf-8",
    )
    assert f": {severity}[KV610] " in run(".", "--select", "KV610", cwd=tmp_path).out


@pytest.mark.parametrize(
    ("model", "severities"),
    [("false", {"medium[KV402]", "critical[KV403]"}), ("true", {"medium[KV402]"}), ("var.rbac", {"high[KV402]"})],
)
def test_severity_of_contributor_depends_on_the_permission_model(
    model: str, severities: set[str], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(
        'provider "azurerm" {\n  features {}\n}\nvariable "rbac" {\n  type = bool\n}\n'
        'data "azurerm_subscription" "current" {}\n'
        f'resource "azurerm_key_vault" "kv" {{\n  name = "kv-roles"\n  rbac_authorization_enabled = {model}\n}}\n'
        'resource "azurerm_role_assignment" "one" {\n  scope = data.azurerm_subscription.current.id\n'
        f'  role_definition_name = "Contributor"\n  principal_id = "{_SAME}"\n}}\n',
        encoding="utf-8",
    )
    out = run(".", "--select", "KV402,KV403", cwd=tmp_path).out
    assert set(re.findall(r": (\w+\[KV40[23]\]) azurerm_role_assignment\.one assigns", out)) == severities


_ASSIGNED = """
data "azurerm_client_config" "current" {{}}
data "azurerm_subscription" "current" {{}}
resource "azurerm_subscription_policy_assignment" "audit" {{
  name = "audit"
  identity {{
    type = "SystemAssigned"
  }}
}}
resource "azurerm_user_assigned_identity" "app" {{
  name = "app"
}}
resource "azurerm_role_assignment" "one" {{
  scope                = data.azurerm_subscription.current.id
  role_definition_name = "{}"
  principal_id         = {}
}}
"""
_TEMPLATE = """targetScope = 'subscription'
resource audit 'Microsoft.Authorization/policyAssignments@2024-04-01' = {
  name: 'audit'
  location: 'westeurope'
  identity: { type: 'SystemAssigned' }
}
resource one 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid('one')
  properties: {
    principalId: PRINCIPAL
    roleDefinitionId: '/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635' // Owner
  }
}
"""
_DEPLOYER = "data.azurerm_client_config.current.object_id"
_POLICY_IDENTITY = "azurerm_subscription_policy_assignment.audit.identity[0].principal_id"
_APP = "azurerm_user_assigned_identity.app.principal_id"


@pytest.mark.parametrize(
    ("role", "principal", "severity"),
    [
        ("Owner", _DEPLOYER, "medium[KV402]"),
        ("Owner", _POLICY_IDENTITY, "medium[KV402]"),
        ("Owner", _APP, "high[KV402]"),
        ("Key Vault Administrator", _DEPLOYER, "medium[KV404]"),
        ("Key Vault Administrator", _APP, "high[KV404]"),
    ],
)
def test_severity_depends_on_the_principal_of_the_role(
    role: str, principal: str, severity: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(_ASSIGNED.format(role, principal), encoding="utf-8")
    assert f": {severity} azurerm_role_assignment.one " in run(".", "--select", "KV402,KV404", cwd=tmp_path).out


@pytest.mark.parametrize(
    ("principal", "severity"),
    [
        ("audit.identity.principalId", "medium"),
        ("toLower(audit.identity.principalId)", "medium"),
        ("deployer().objectId", "medium"),
        ("'22222222-2222-2222-2222-222222222222'", "high"),
    ],
)
def test_severity_depends_on_the_principal_of_the_role_in_bicep(
    principal: str, severity: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "main.bicep").write_text(_TEMPLATE.replace("PRINCIPAL", principal), encoding="utf-8")
    assert f": {severity}[KV402] one " in run(".", "--select", "KV402", cwd=tmp_path).out


_CERTIFICATE = """
variable "contents" {
  type = string
}
resource "azurerm_key_vault_certificate" "tls" {
  name         = "tls"
  key_vault_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/kv"
  certificate {
    contents = VALUE
  }
}
"""


@pytest.mark.parametrize(
    ("value", "severity"), [("var.contents", "medium"), ('"MIIKUQIBAzCCCh0GCSqGSIb3DQEHAaCCCg4Eggo7"', "high")]
)
def test_severity_depends_on_the_content_of_a_certificate(value: str, severity: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(_CERTIFICATE.replace("VALUE", value), encoding="utf-8")
    assert f": {severity}[KV716] " in run(".", "--select", "KV716", cwd=tmp_path).out


@pytest.mark.parametrize(("day", "severity"), [("2027-02-27", "medium"), ("2027-02-28", "high")])
def test_severity_rises_when_a_version_is_retired(day: str, severity: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(
        "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-old'\n}\n", encoding="utf-8"
    )
    assert f": {severity}[KV050] " in run(".", "--select", "KV050", "--as-of", day, cwd=tmp_path).out
