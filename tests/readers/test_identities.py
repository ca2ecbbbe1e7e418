"""The identity of a resource is read in every language, for each type that a rule about identities covers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.engine.rule_store import builtin_rules

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.readers.conftest import PlanJson, Reader

RULE = next(rule for rule in builtin_rules() if rule.id == "KV625")
SECRET = "https://kv-contoso.vault.azure.net/secrets/tls"
APP = f"@Microsoft.KeyVault(SecretUri={SECRET})"
_SECRETS = {"configuration": {"secrets": [{"name": "a", "keyVaultUrl": SECRET, "identity": "system"}]}}
_SETTINGS = {"siteConfig": {"appSettings": [{"name": "A", "value": APP}]}}
# By Azure type: the properties with a reference, and the same in azurerm types.
PROPERTIES: dict[str, dict[str, Any]] = {
    "Microsoft.Web/sites": _SETTINGS,
    "Microsoft.Web/sites/slots": _SETTINGS,
    "Microsoft.Compute/virtualMachineScaleSets": {
        "virtualMachineProfile": {
            "extensionProfile": {
                "extensions": [
                    {
                        "name": "KeyVault",
                        "properties": {
                            "publisher": "Microsoft.Azure.KeyVault",
                            "type": "KeyVaultForLinux",
                            "settings": {"secretsManagementSettings": {"observedCertificates": [SECRET]}},
                        },
                    }
                ]
            }
        }
    },
    "Microsoft.App/containerApps": _SECRETS,
    "Microsoft.App/jobs": _SECRETS,
    "Microsoft.ApiManagement/service": {"hostnameConfigurations": [{"hostName": "a.com", "keyVaultId": SECRET}]},
    "Microsoft.Network/applicationGateways": {
        "sslCertificates": [{"name": "a", "properties": {"keyVaultSecretId": SECRET}}]
    },
    "Microsoft.Network/expressRoutePorts": {
        "links": [{"name": "link1", "properties": {"macSecConfig": {"cakSecretIdentifier": SECRET}}}]
    },
    "Microsoft.Network/firewallPolicies": {
        "transportSecurity": {"certificateAuthority": {"name": "ca", "keyVaultSecretId": SECRET}}
    },
}
_APP = {"app_settings": {"A": APP}}
_CONTAINER = {"secret": [{"name": "a", "key_vault_secret_id": SECRET, "identity": "System"}]}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{f"azurerm_{system}_{app}": _APP for system in ("linux", "windows") for app in ("web_app", "function_app")},
    **{f"azurerm_{system}_{app}_slot": _APP for system in ("linux", "windows") for app in ("web_app", "function_app")},
    "azurerm_logic_app_standard": _APP,
    "azurerm_static_web_app": _APP,
    "azurerm_function_app_flex_consumption": _APP,
    "azurerm_container_app": _CONTAINER,
    "azurerm_container_app_job": _CONTAINER,
    "azurerm_api_management": {"hostname_configuration": [{"gateway": [{"host_name": "a", "key_vault_id": SECRET}]}]},
    "azurerm_application_gateway": {"ssl_certificate": [{"name": "a", "key_vault_secret_id": SECRET}]},
    "azurerm_express_route_port": {"link1": [{"macsec_cak_keyvault_secret_id": SECRET}]},
    "azurerm_firewall_policy": {"tls_certificate": [{"name": "a", "key_vault_secret_id": SECRET}]},
}
IDENTITY = {"type": "SystemAssigned"}


def azapi(type_: str) -> dict[str, Any]:
    return {"type": f"{type_}@2024-01-01", "name": "a/b" if type_.count("/") > 1 else "a", "parent_id": "/x"}


def terraform() -> dict[str, Any]:
    """A resource with and one without an identity, for each type."""
    resources: dict[str, dict[str, Any]] = {
        type_: {"with": {"name": "a", **body, "identity": [IDENTITY]}, "without": {"name": "b", **body}}
        for type_, body in ARGUMENTS.items()
    }
    resources["azapi_resource"] = {}
    for type_, properties in PROPERTIES.items():
        name, body = type_.replace("/", "-").replace(".", "-"), {"properties": properties}
        resources["azapi_resource"] |= {
            f"with-{name}": {**azapi(type_), "identity": [IDENTITY], "body": body},
            f"with-body-{name}": {**azapi(type_), "body": {**body, "identity": IDENTITY}},
            f"without-{name}": {**azapi(type_), "body": body},
        }
    return {"resource": resources}


def template() -> dict[str, Any]:
    def one(type_: str, name: str, **more: Any) -> dict[str, Any]:
        full = f"{name}/b" if type_.count("/") > 1 else name
        return {"type": type_, "apiVersion": "2024-01-01", "name": full, "properties": PROPERTIES[type_], **more}

    found = [one(type_, f"with{i}", identity=IDENTITY) for i, type_ in enumerate(PROPERTIES)]
    found += [one(type_, f"without{i}") for i, type_ in enumerate(PROPERTIES)]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": found}


# In a template, the settings of a static web app are a resource of their own.
ONLY_IN_TERRAFORM = {"Microsoft.Web/staticSites": "azurerm_static_web_app"}


def test_every_type_of_the_rule_is_tried() -> None:
    assert set(RULE.resources) == {*PROPERTIES, *ONLY_IN_TERRAFORM}
    assert ARGUMENTS.keys() >= set(ONLY_IN_TERRAFORM.values())


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [("main.tf.json", terraform(), len(ARGUMENTS) + len(PROPERTIES)), ("main.json", template(), len(PROPERTIES))],
)
def test_a_resource_with_an_identity_has_one(
    name: str, content: dict[str, Any], count: int, tmp_path: Path, run: Run
) -> None:
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    found = json.loads(run("-f", "json", "--select", "KV625", ".", cwd=tmp_path).out)
    addresses = [one["resource"] for finding in found["findings"] for one in (finding, *finding.get("also", []))]
    assert len(addresses) == count
    assert all("without" in address for address in addresses)
    assert not found["unknown"]


@pytest.mark.parametrize(
    ("after", "unknown", "expected"),
    [
        ([{"type": "SystemAssigned", "principal_id": None}], [{"principal_id": True}], "SystemAssigned"),
        ([{"type": "SystemAssigned", "principal_id": "p"}], False, "SystemAssigned"),
        ([], False, None),
        (None, False, None),
        (None, True, "?"),
        ([{}], [{"type": True}], "?"),
    ],
)
def test_identity_of_an_azapi_resource_in_a_plan_is_read(
    after: Any, unknown: Any, expected: object, plan: PlanJson, read: Reader
) -> None:
    values = {**azapi("Microsoft.Web/sites"), "body": {"properties": {}}, "identity": after}
    plan.resource("azapi_resource.a", values, unknown={"identity": unknown})
    assert read(plan).get("azapi_resource.a", "identity.type") == expected


def test_the_object_ids_of_identities_are_read_of_a_plan(plan: PlanJson, read: Reader) -> None:
    plan.resource("azurerm_user_assigned_identity.u", {"name": "u", "principal_id": "p1"})
    plan.resource("azurerm_linux_web_app.a", {"name": "a", "identity": [{"principal_id": "p2"}]})
    plan.resource("azuread_service_principal.s", {"object_id": "p3"})
    found = read(plan)
    assert found.get("azurerm_user_assigned_identity.u", "properties.principalId") == "p1"
    assert found.get("azurerm_linux_web_app.a", "identity.principalId") == "p2"
    assert found.get("azuread_service_principal.s", "objectId") == "p3"
