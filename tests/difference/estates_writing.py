"""Writes estates as Terraform, Bicep and ARM templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.difference.estates import ROLES, Deployment, Estate, Unit, Vault

_TENANT = "22222222-aaaa-4aaa-8aaa-000000000009"
_PROVIDER = 'provider "azurerm" {\n  features {}\n}\n'
_GROUP = """
resource "azurerm_resource_group" "rg" {
  name     = "rg-%s"
  location = "westeurope"
}
"""
_MODULE = f"""
variable "vault" {{
  type = object({{
    name = string, location = string, by_roles = bool, is_protected = bool, is_random = bool
    grants   = map(object({{ principal = string, role = string, condition = string }}))
    policies = map(object({{ secrets = list(string), keys = list(string) }}))
  }})
}}
variable "group" {{ type = string }}
resource "random_string" "suffix" {{
  length = 4
}}
resource "azurerm_key_vault" "this" {{
  name                       = "${{var.vault.name}}${{var.vault.is_random ? random_string.suffix.result : ""}}"
  location                   = var.vault.location
  resource_group_name        = var.group
  tenant_id                  = "{_TENANT}"
  sku_name                   = "standard"
  rbac_authorization_enabled = var.vault.by_roles
  purge_protection_enabled   = var.vault.is_protected
}}
resource "azurerm_role_assignment" "this" {{
  for_each             = var.vault.grants
  scope                = azurerm_key_vault.this.id
  role_definition_name = each.value.role
  principal_id         = each.value.principal
  condition            = each.value.condition
}}
resource "azurerm_key_vault_access_policy" "this" {{
  for_each           = var.vault.policies
  key_vault_id       = azurerm_key_vault.this.id
  tenant_id          = "{_TENANT}"
  object_id          = each.key
  secret_permissions = each.value.secrets
  key_permissions    = each.value.keys
}}
"""
_ROOT = """
variable "environment" { type = string }
variable "vaults" { type = any }
variable "grants" { type = any }
resource "azurerm_resource_group" "rg" {
  name     = "rg-${var.environment}"
  location = "westeurope"
}
module "vault" {
  source   = "%s"
  for_each = var.vaults
  vault    = each.value
  group    = azurerm_resource_group.rg.name
}
resource "azurerm_role_assignment" "group" {
  for_each             = var.grants
  scope                = azurerm_resource_group.rg.id
  role_definition_name = each.value.role
  principal_id         = each.value.principal
  condition            = each.value.condition
}
"""
_VAULT_BICEP = f"""
param vault object
resource kv 'Microsoft.KeyVault/vaults@%s' = {{
  name: vault.name
  location: vault.location
  properties: {{
    tenantId: '{_TENANT}'
    sku: {{ family: 'A', name: 'standard' }}
    enableRbacAuthorization: vault.byRoles
    enablePurgeProtection: vault.isProtected ? true : null
    accessPolicies: vault.policies
  }}
}}
resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for one in vault.grants: {{
  name: guid(kv.id, one.principal, one.role)
  scope: kv
  properties: {{
    principalId: one.principal
    condition: one.condition
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', one.role)
  }}
}}]
"""
_GROUP_BICEP = """
param grants array
resource ofGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for one in grants: {
  name: guid(resourceGroup().id, one.principal, one.role)
  properties: {
    principalId: one.principal
    condition: one.condition
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', one.role)
  }
}]
"""
_CALLS_BICEP = """
param vaults array
module calls 'vault.bicep' = [for (one, number) in vaults: {
  name: 'vault-${number}'
  params: { vault: one }
}]
"""
_VAULT = "parameters('vault')"


def write(estate: Estate, folder: Path) -> str:
    """Write an estate to a folder, and return its path."""
    for unit in estate:
        for name, text in _files(unit):
            path = folder / unit.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return str(folder)


def _files(unit: Unit) -> Iterator[tuple[str, str]]:
    match unit.kind:
        case "variables":
            yield "modules/vault/main.tf", _MODULE
            for name, one in unit.deployments.items():
                yield f"{name}/main.tf", _PROVIDER + _ROOT % "../modules/vault"
                yield (
                    f"{name}/terraform.tfvars",
                    "".join(f"{key} = {_hcl(value)}\n" for key, value in _inputs(name, one)),
                )
        case "calls":
            yield "vault/main.tf", _MODULE
            yield "environment/main.tf", _ROOT % "../vault"
            calls = [
                f'module "{name}" {{\n  source = "./environment"\n'
                + "".join(f"  {key} = {_hcl(value)}\n" for key, value in _inputs(name, one))
                + "}\n"
                for name, one in unit.deployments.items()
            ]
            yield "main.tf", _PROVIDER + "".join(calls)
        case "resources":
            for name, one in unit.deployments.items():
                yield f"{name}/main.tf", _PROVIDER + _GROUP % name + "".join(_resources(one))
        case "bicep-modules":
            yield "vault.bicep", _VAULT_BICEP % unit.api
            yield "main.bicep", _CALLS_BICEP + _GROUP_BICEP
            yield from _parameter_files(unit, is_single=False)
        case "bicep":
            yield "main.bicep", _VAULT_BICEP % unit.api + _GROUP_BICEP
            yield from _parameter_files(unit, is_single=True)
        case "arm":
            yield "azuredeploy.json", json.dumps(_template(unit.api), indent=2)
            for one in unit.deployments.values():
                parameters = {key: {"value": value} for key, value in _parameters(one, is_single=True)}
                yield f"azuredeploy.{one.file}.parameters.json", json.dumps(_document(parameters), indent=2)


# --- Terraform --------------------------------------------------------------------------------------------------------


def _hcl(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f'"{key}" = {_hcl(one)}' for key, one in value.items()) + "}"
    return f"[{', '.join(map(_hcl, value))}]" if isinstance(value, list | tuple) else json.dumps(value)


def _inputs(name: str, deployment: Deployment) -> Iterator[tuple[str, Any]]:
    def grants(of: str) -> dict[str, Any]:
        return {
            key: {"principal": one.principal, "role": one.role, "condition": one.condition or None}
            for key, one in deployment.grants.items()
            if one.vault == of
        }

    yield "environment", name
    yield (
        "vaults",
        {
            key: {
                "name": one.name, "location": one.location, "by_roles": one.by_roles, "is_protected": one.is_protected,
                "is_random": one.is_random,
                "grants": grants(key),
                "policies": {who: {"secrets": words[0], "keys": words[1]} for who, words in one.policies.items()},
            }
            for key, one in deployment.vaults.items()
        },
    )  # fmt: skip
    yield "grants", grants("")


def _resources(deployment: Deployment) -> Iterator[str]:
    yield 'resource "random_string" "suffix" {\n  length = 4\n}\n'
    for key, members in deployment.groups.items():
        yield (
            f'resource "azuread_group" "{key}" {{\n  display_name = "{key}"\n  security_enabled = true\n'
            f"  members = {_hcl(members)}\n}}\n"
        )
    for key, vault in deployment.vaults.items():
        policies = "".join(
            f'  access_policy {{\n    tenant_id = "{_TENANT}"\n    object_id = "{who}"\n'
            f"    secret_permissions = {_hcl(words[0])}\n    key_permissions = {_hcl(words[1])}\n  }}\n"
            for who, words in vault.policies.items()
        )
        name = f"{vault.name}-${{random_string.suffix.result}}" if vault.is_random else vault.name
        yield (
            f'resource "azurerm_key_vault" "{key}" {{\n  name = "{name}"\n  location = "{vault.location}"\n'
            f'  resource_group_name = azurerm_resource_group.rg.name\n  tenant_id = "{_TENANT}"\n'
            f'  sku_name = "standard"\n  rbac_authorization_enabled = {_hcl(vault.by_roles)}\n'
            f"  purge_protection_enabled = {_hcl(vault.is_protected)}\n{policies}}}\n"
        )
    for key, grant in deployment.grants.items():
        is_group = grant.principal in deployment.groups
        principal = f"azuread_group.{grant.principal}.object_id" if is_group else f'"{grant.principal}"'
        condition = f"  condition = {_hcl(grant.condition)}\n" if grant.condition else ""
        scope = f"azurerm_key_vault.{grant.vault}.id" if grant.vault else "azurerm_resource_group.rg.id"
        yield (
            f'resource "azurerm_role_assignment" "{key}" {{\n  scope = {scope}\n'
            f'  role_definition_name = "{grant.role}"\n  principal_id = {principal}\n{condition}}}\n'
        )
    for key in deployment.forgotten:
        yield f"removed {{\n  from = azurerm_role_assignment.{key}\n  lifecycle {{\n    destroy = false\n  }}\n}}\n"


# --- templates --------------------------------------------------------------------------------------------------------


def _parameters(deployment: Deployment, *, is_single: bool) -> Iterator[tuple[str, Any]]:
    def grants(of: str) -> list[dict[str, str | None]]:
        return [
            {"principal": one.principal, "role": ROLES[one.role], "condition": one.condition or None}
            for one in deployment.grants.values()
            if one.vault == of
        ]

    vaults = [_values(vault, grants(key)) for key, vault in deployment.vaults.items()]
    yield ("vault", vaults[0]) if is_single else ("vaults", vaults)
    yield "grants", grants("")


def _values(vault: Vault, grants: list[dict[str, str | None]]) -> dict[str, Any]:
    return {
        "name": vault.name,
        "location": vault.location,
        "byRoles": vault.by_roles,
        "isProtected": vault.is_protected,
        "grants": grants,
        "policies": [
            {
                "tenantId": _TENANT,
                "objectId": who,
                "permissions": {"secrets": [*map(_camel, words[0])], "keys": [*map(_camel, words[1])]},
            }
            for who, words in vault.policies.items()
        ],
    }


def _camel(word: str) -> str:
    return word[0].lower() + word[1:]


def _bicep(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{\n" + "".join(f"{key}: {_bicep(one)}\n" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"{_bicep(one)}\n" for one in value) + "]"
    quoted = str(value).replace("'", "\\'")
    return f"'{quoted}'" if isinstance(value, str) else json.dumps(value)


def _parameter_files(unit: Unit, *, is_single: bool) -> Iterator[tuple[str, str]]:
    for one in unit.deployments.values():
        lines = (f"param {key} = {_bicep(value)}\n" for key, value in _parameters(one, is_single=is_single))
        yield f"{one.file}.bicepparam", "using 'main.bicep'\n" + "".join(lines)


def _document(parameters: dict[str, Any]) -> dict[str, Any]:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "parameters": parameters}


def _template(api: str) -> dict[str, Any]:
    vault_id = f"resourceId('Microsoft.KeyVault/vaults', {_VAULT}.name)"

    def roles(name: str, items: str, scope: str) -> dict[str, Any]:
        item = f"{items}[copyIndex()]"
        return {
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "copy": {"name": name, "count": f"[length({items})]"},
            "name": f"[guid({scope}, {item}.principal, {item}.role)]",
            "properties": {
                "principalId": f"[{item}.principal]",
                "condition": f"[{item}.condition]",
                "roleDefinitionId": f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', {item}.role)]",
            },
        }

    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"vault": {"type": "object"}, "grants": {"type": "array"}},
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": api,
                "name": f"[{_VAULT}.name]",
                "location": f"[{_VAULT}.location]",
                "properties": {
                    "tenantId": _TENANT,
                    "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": f"[{_VAULT}.byRoles]",
                    "enablePurgeProtection": f"[if({_VAULT}.isProtected, true(), null())]",
                    "accessPolicies": f"[{_VAULT}.policies]",
                },
            },
            {
                **roles("ofVault", f"{_VAULT}.grants", vault_id),
                "scope": f"[{vault_id}]",
                "dependsOn": [f"[{vault_id}]"],
            },
            roles("ofGroup", "parameters('grants')", "resourceGroup().id"),
        ],
    }
