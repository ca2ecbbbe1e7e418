"""What is known although it is not written out: built-in roles, types without a table, names of a known length."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check

HEAD = """
terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.81"
    }
  }
}

provider "azurerm" {
  features {}
}

resource "azurerm_resource_group" "rg" {
  name     = "rg"
  location = "westeurope"
}
"""


def vault(arguments: str = "", name: str = "kv") -> str:
    return f"""
resource "azurerm_key_vault" "{name}" {{
  name                       = "kv-contoso"
  location                   = "westeurope"
  resource_group_name        = azurerm_resource_group.rg.name
  tenant_id                  = "00000000-0000-0000-0000-000000000001"
  sku_name                   = "standard"
  rbac_authorization_enabled = true
{arguments}
}}
"""


class Outcomes(Protocol):
    """Returns the outcome of each rule on each resource of a folder with these files; passes are left out."""

    def __call__(self, files: Mapping[str, str] | str) -> Mapping[tuple[str, str], str]: ...


@pytest.fixture
def outcomes(tmp_path: Path) -> Outcomes:
    def run(files: Mapping[str, str] | str) -> Mapping[tuple[str, str], str]:
        for name, text in ({"main.tf": HEAD + files} if isinstance(files, str) else files).items():
            file = tmp_path / "code" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        report = check(Config(paths=(str(tmp_path / "code"),)))
        assert not [problem for problem in report.problems if problem.level == "error"]
        return {(one.rule.id, one.resource): one.outcome.label for one in (*report.findings, *report.unknown)}

    return run


def role(scope: str, name: str, label: str = "r") -> str:
    return f"""
resource "azurerm_role_assignment" "{label}" {{
  scope                = {scope}
  role_definition_name = "{name}"
  principal_id         = "11111111-1111-1111-1111-111111111111"
}}
"""


class TestScopes:
    """A role that is assigned on a resource without a table reaches no vault."""

    @pytest.mark.parametrize(
        ("declared", "scope"),
        [
            ('resource "azurerm_monitor_workspace" "m" {}', "azurerm_monitor_workspace.m.id"),
            ('data "azurerm_search_service" "s" {\n  name = "s"\n}', "data.azurerm_search_service.s.id"),
            ('resource "azurerm_maps_account" "m" {\n  count = 2\n}', "azurerm_maps_account.m[1].id"),
            (
                'variable "n" {}\nresource "azurerm_maps_account" "m" {}\nresource "azurerm_dashboard_grafana" "g" {}',
                "var.n ? azurerm_maps_account.m.id : azurerm_dashboard_grafana.g.id",
            ),
            (
                'resource "azapi_resource" "a" {\n  type = "Microsoft.Dashboard/grafana@2023-09-01"\n}',
                "azapi_resource.a.id",
            ),
        ],
    )
    def test_value_is_known_not_to_be_a_vault(self, outcomes: Outcomes, declared: str, scope: str) -> None:
        found = outcomes(vault() + declared + role(scope, "Key Vault Administrator"))
        assert ("KV001", "azurerm_key_vault.kv") in found
        assert not [rule for rule, resource in found if resource == "azurerm_role_assignment.r"]

    @pytest.mark.parametrize(
        "scope", ["azurerm_key_vault.kv.id", "azurerm_resource_group.rg.id", "data.azurerm_key_vault_thing.kv.id"]
    )
    def test_value_may_be_a_vault(self, outcomes: Outcomes, scope: str) -> None:
        found = outcomes(vault() + 'data "azurerm_key_vault_thing" "kv" {}' + role(scope, "Key Vault Administrator"))
        expected = "unknown" if "thing" in scope else "fail"
        assert found["KV307", "azurerm_role_assignment.r"] == expected


class TestRoles:
    def test_built_in_roles_by_id_and_by_name(self, outcomes: Outcomes) -> None:
        scope = "azurerm_resource_group.rg.id"
        found = outcomes(
            vault()
            + role(scope, "Grafana Viewer", "harmless")
            + role(scope, "Azure AI Administrator", "writes")
            + role(scope, "Vault Operators of Contoso", "custom")
        )
        told = {resource.rpartition(".")[2]: status for (rule, resource), status in found.items() if rule == "KV307"}
        assert told == {"custom": "unknown"}

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ("roleDefinitions('Key Vault Administrator').id", "fail"),
            ("az.roleDefinitions('key vault secrets officer').id", "fail"),
            ("roleDefinitions('Key Vault Secrets User').id", None),
            ("roleDefinitions('Azure Kubernetes Service RBAC Admin').id", None),
            ("roleDefinitions('Vault Operators').id", "unknown"),
            (
                "roleDefinitions('AcrPull').id",
                None,
            ),
        ],
    )
    def test_role_definitions_function_of_bicep_is_known(
        self, outcomes: Outcomes, call: str, expected: str | None
    ) -> None:
        found = outcomes(
            {
                "main.bicep": f"""
resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {{
  name: 'kv-contoso'
  location: 'westeurope'
  properties: {{ sku: {{ family: 'A', name: 'standard' }}, tenantId: tenant().tenantId, enableRbacAuthorization: true }}
}}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  scope: kv
  name: guid('grant')
  properties: {{ principalId: '11111111-1111-1111-1111-111111111111', roleDefinitionId: {call} }}
}}
"""
            }
        )
        assert found.get(("KV307", "grant")) == expected


class TestDates:
    """A date that is computed from the time of the deployment is set, whichever it is."""

    @pytest.mark.parametrize(
        "date",
        [
            'timeadd(timestamp(), "8760h")',
            'timeadd(plantimestamp(), "${24 * 365}h")',
            'formatdate("YYYY-MM-DD\'T\'00:00:00Z", timeadd(timestamp(), "720h"))',
            "time_offset.year.rfc3339",
            "time_rotating.year.rotation_rfc3339",
            "local.expiry",
        ],
    )
    def test_computed_dates_of_terraform_are_set(self, outcomes: Outcomes, date: str) -> None:
        found = outcomes(
            vault()
            + f"""
locals {{
  expiry = timeadd(time_static.now.rfc3339, "8760h")
}}
resource "time_static" "now" {{}}
resource "time_offset" "year" {{
  offset_years = 1
}}
resource "time_rotating" "year" {{
  rotation_days = 365
}}
resource "azurerm_key_vault_secret" "s" {{
  name            = "s"
  value           = "x"
  key_vault_id    = azurerm_key_vault.kv.id
  expiration_date = {date}
}}
"""
        )
        assert ("KV601", "azurerm_key_vault_secret.s") not in found

    @pytest.mark.parametrize(
        "date",
        [
            "dateTimeToEpoch(dateTimeAdd(now, 'P1Y'))",
            "int(utcNow('yyyyMMdd')) + 10000",
            "dateTimeToEpoch(now) + days * 86400",
            "-(-dateTimeToEpoch(now))",
            "(dateTimeToEpoch(now) / 86400 + 365) * 86400",
        ],
    )
    def test_computed_dates_of_bicep_are_set(self, outcomes: Outcomes, date: str) -> None:
        text = f"""
param now string = utcNow()
param days int
var expiry = {date.replace("utcNow('yyyyMMdd')", "now")}

resource s 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {{
  name: 'kv-shared/s'
  properties: {{ value: 'x', contentType: 'text/plain', attributes: {{ exp: expiry }} }}
}}
"""
        assert ("KV601", "s") not in outcomes({"main.bicep": text})

    def test_expiration_date_that_may_be_null_is_missing(self, outcomes: Outcomes) -> None:
        text = """
param expiry int?
param set bool

resource s 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  name: 'kv-shared/s'
  properties: { value: 'x', contentType: 'text/plain', attributes: { exp: set ? expiry : null } }
}
"""
        assert ("KV601", "s") in outcomes({"main.bicep": text})


class TestNames:
    """uniqueString() returns 13 letters and digits, so a name that is made of it can be checked."""

    @pytest.mark.parametrize(
        ("name", "outcome"),
        [
            ("'kv-${uniqueString(resourceGroup().id)}'", None),
            ("'kv${toLower(uniqueString(tenant().tenantId, 'a'))}-prod'", None),
            ("take('kv-application-${uniqueString('x')}', 24)", None),
            ("toLower(take('kv-application-of-contoso-${uniqueString('x')}', 24))", None),
            ("take('kv-application-of-contos--${uniqueString('x')}', 24)", None),
            ("take('kv-application-of-conto-${uniqueString('x')}', 24)", "fail"),
            ("substring('kv-${uniqueString('x')}', 3, 10)", "unknown"),
            ("'kv-application-${take(uniqueString(resourceGroup().id), 9)}'", None),
            ("'kv-application-${substring(uniqueString(resourceGroup().id), 0, 5)}'", None),
            ("'kv-${substring(uniqueString('a'), 0, 3)}-${take(uniqueString('b'), 4)}'", None),
            ("'kv-application-${uniqueString(resourceGroup().id)}'", "fail"),
            ("'kv--${uniqueString(resourceGroup().id)}'", "fail"),
            ("'${uniqueString(resourceGroup().id)}-'", "fail"),
            # It may begin with a digit.
            ("uniqueString(resourceGroup().id)", "unknown"),
            ("'kv-${uniqueString('a')}${suffix}'", "unknown"),
            ("'kv_${uniqueString('a')}'", "fail"),
            ("'kv_${suffix}'", "fail"),
            ("'${suffix}-'", "fail"),
            ("'kv-${toLower(suffix)}--1'", "fail"),
            ("'kv-applications-of-contoso-${suffix}'", "fail"),
            ("'kv-${suffix}'", "unknown"),
            ("'#{name}#-${suffix}'", None),
        ],
    )
    def test_unique_string_has_a_known_length(self, outcomes: Outcomes, name: str, outcome: str | None) -> None:
        text = f"""
param suffix string

resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {{
  name: {name}
  location: 'westeurope'
  properties: {{ sku: {{ family: 'A', name: 'standard' }}, tenantId: tenant().tenantId }}
}}
"""
        assert outcomes({"main.bicep": text}).get(("KV010", "kv")) == outcome
