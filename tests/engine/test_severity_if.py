"""Severities that depend on the resource."""

from __future__ import annotations

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
def test_the_first_condition_that_holds_counts(build: Build, size: int, severity: Severity) -> None:
    gradings = (
        Grading(severity=Severity.CRITICAL, when=build.attribute("size", equals=2)),
        Grading(severity=Severity.LOW, when=build.attribute("size", at_least=2)),
    )
    rule = build.rule(build.attribute("safe", equals=True), severity_if=gradings)
    assert build.finding(build.resource(size=size, safe=False), rule).severity is severity


def test_an_unknown_condition_does_not_hold(build: Build) -> None:
    gradings = (Grading(severity=Severity.LOW, when=build.attribute("size", equals=2)),)
    rule = build.rule(build.attribute("safe", equals=True), severity_if=gradings)
    assert build.finding(build.resource(size=build.unknown, safe=False), rule).severity is Severity.HIGH


def test_rules_read_the_attributes_of_their_gradings() -> None:
    assert {rule.id for rule in builtin_rules() if rule.severity_if} == {
        "KV050",
        "KV051",
        "KV402",
        "KV403",
        "KV410",
        "KV610",
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
        ("rbac_authorization_enabled = false", "Owner", "azurerm_key_vault.kv.id", "high[KV403]"),
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
def test_roles(vault: str, role: str, scope: str, severity: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        f'resource "azurerm_key_vault" "kv" {{\n  name = "kv-roles"\n  {vault}\n}}\n'
        f'resource "azurerm_role_assignment" "one" {{\n  scope = {scope}\n'
        f'  role_definition_name = "{role}"\n  principal_id = "22222222-2222-2222-2222-222222222222"\n}}\n',
        encoding="utf-8",
    )
    assert f": {severity} " in run(".", "--select", "KV402,KV403", cwd=tmp_path).out


@pytest.mark.parametrize(("day", "severity"), [("2027-02-27", "medium"), ("2027-02-28", "high")])
def test_a_retired_version(day: str, severity: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(
        "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-old'\n}\n", encoding="utf-8"
    )
    assert f": {severity}[KV050] " in run(".", "--select", "KV050", "--as-of", day, cwd=tmp_path).out
