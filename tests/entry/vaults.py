"""Vaults with every setting that decides who may enter, and their code in each language."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

LANGUAGES = ("terraform", "bicep", "arm")
SUBNET = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/n/subnets/s"
FLAGS = ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment")
INBOUND = ("address", "world", "subscription")
CONSUMERS = ("disks", "front door", "gateway", "machine")
_API = "2024-11-01"
_NSP = "Microsoft.Network/networkSecurityPerimeters"


@dataclass(frozen=True)
class Vault:
    """A vault. An empty string is a setting that is not written; ``inbound`` are the access rules of its perimeter."""

    public: str = ""
    action: str = ""
    bypass: str = ""
    ips: tuple[str, ...] = ()
    subnets: bool = False
    endpoint: bool = False
    perimeter: str = ""
    inbound: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()

    def setting(self, path: str) -> object:
        """Return the value of a property of Azure, with Azure's default."""
        name = path.removeprefix("properties.").removeprefix("networkAcls.")
        if name in FLAGS:
            return name in self.flags
        values = {"publicNetworkAccess": self.public or "Enabled", "defaultAction": self.action or "Allow",
                  "bypass": self.bypass or "AzureServices", "accessMode": self.perimeter}  # fmt: skip
        return values.get(name)

    def is_written(self, path: str) -> bool:
        """Return whether the code sets a property."""
        return bool(getattr(self, setting_name(path), True))

    def changed(self, path: str, value: Any) -> Vault:
        """Return the vault with another value of a property."""
        name = path.removeprefix("properties.").removeprefix("networkAcls.")
        if name in FLAGS:
            return replace(self, flags=self.flags - {name} if value is False else self.flags | {name})
        return replace(self, **{setting_name(path): value})


def setting_name(path: str) -> str:
    """Return the field of ``Vault`` for a property of Azure, or the name of a flag."""
    fields = {"publicNetworkAccess": "public", "defaultAction": "action", "accessMode": "perimeter"}
    name = path.rpartition(".")[2]
    return fields.get(name, name)


def generate(random: Random) -> Vault:
    """Return a vault."""
    perimeter = random.choice(("", "", "", "Enforced", "Enforced", "Learning", "Audit"))
    consumers = frozenset(name for name in CONSUMERS if random.random() < 0.15)
    return Vault(
        public=random.choice(("", "Enabled", "Disabled", "Disabled", "SecuredByPerimeter")),
        action=random.choice(("", "Allow", "Deny", "Deny")),
        bypass=random.choice(("", "AzureServices", "None", "None")),
        ips=random.choice(((), (), ("203.0.113.10",), ("20.0.0.0/8",), ("0.0.0.0/0",))),
        subnets=random.random() < 0.3,
        endpoint=random.random() < 0.4,
        perimeter=perimeter,
        inbound=frozenset(name for name in INBOUND if perimeter and random.random() < 0.4),
        consumers=consumers,
        flags=frozenset(name for name in FLAGS if random.random() < 0.3),
    )


def code(vault: Vault, language: str) -> tuple[str, str]:
    """Return the name of a file and its text."""
    if language == "terraform":
        return "main.tf", _terraform(vault)
    if language == "bicep":
        resources = "\n".join(
            f"resource r{number} '{one['type']}@{one['apiVersion']}' = {_bicep({'name': one['name'], **_body(one)})}"
            for number, one in enumerate(_resources(vault, bicep=True))
        )
        return "main.bicep", resources.replace("'VAULT'", "r0.id").replace("'SUBSCRIPTION'", "subscription().id")
    text = json.dumps(
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": _resources(vault, bicep=False),
        },
        indent=1,
    )
    vault_id = "[resourceId('Microsoft.KeyVault/vaults', 'kv-entry')]"
    return "main.json", text.replace('"VAULT"', f'"{vault_id}"').replace('"SUBSCRIPTION"', '"[subscription().id]"')


def _body(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key not in ("type", "apiVersion", "name", "dependsOn")}


def _bicep(value: Any) -> str:
    if isinstance(value, dict):
        return "{\n" + "\n".join(f"{key}: {_bicep(one)}" for key, one in value.items()) + "\n}"
    if isinstance(value, list):
        return "[\n" + "\n".join(map(_bicep, value)) + "\n]"
    return json.dumps(value) if isinstance(value, bool) else f"'{value}'"


def _acls(vault: Vault) -> dict[str, Any]:
    acls: dict[str, Any] = {"defaultAction": vault.action} if vault.action else {}
    acls |= {"bypass": vault.bypass} if vault.bypass else {}
    acls |= {"ipRules": [{"value": one} for one in vault.ips]} if vault.ips else {}
    return acls | ({"virtualNetworkRules": [{"id": SUBNET}]} if vault.subnets else {})


def _properties(vault: Vault) -> dict[str, Any]:
    found: dict[str, Any] = {"enableRbacAuthorization": True, "enablePurgeProtection": True}
    found |= dict.fromkeys(sorted(vault.flags), True)
    found |= {"publicNetworkAccess": vault.public} if vault.public else {}
    return found | ({"networkAcls": acls} if (acls := _acls(vault)) else {})


def _rule(kind: str) -> dict[str, Any]:
    if kind == "subscription":
        return {"direction": "Inbound", "subscriptions": [{"id": "SUBSCRIPTION"}]}
    return {"direction": "Inbound", "addressPrefixes": ["0.0.0.0/0" if kind == "world" else "203.0.113.0/24"]}


def _resources(vault: Vault, *, bicep: bool) -> list[dict[str, Any]]:
    def resource(type_: str, name: str, properties: dict[str, Any], version: str = _API) -> dict[str, Any]:
        return {"type": type_, "apiVersion": version, "name": name, "properties": properties}

    found = [resource("Microsoft.KeyVault/vaults", "kv-entry", _properties(vault))]
    if vault.endpoint:
        connection = {"name": "kv", "properties": {"privateLinkServiceId": "VAULT", "groupIds": ["vault"]}}
        found.append(
            resource("Microsoft.Network/privateEndpoints", "pe", {"privateLinkServiceConnections": [connection]})
        )
    if vault.perimeter:
        profile = "PROFILE"
        found.append(resource(_NSP, "nsp", {}))
        found.append(resource(f"{_NSP}/profiles", "nsp/prof", {}))
        association = {
            "accessMode": vault.perimeter,
            "privateLinkResource": {"id": "VAULT"},
            "profile": {"id": profile},
        }
        found.append(resource(f"{_NSP}/resourceAssociations", "nsp/kv", association))
        type_ = f"{_NSP}/profiles/accessRules"
        found += [resource(type_, f"nsp/prof/{kind}", _rule(kind)) for kind in sorted(vault.inbound)]
    key = {"sourceVault": {"id": "VAULT"}, "keyUrl": "https://kv-entry.vault.azure.net/keys/k"}
    secret = "https://kv-entry.vault.azure.net/secrets/tls"
    of_front_door = {"type": "CustomerCertificate", "secretSource": {"id": "VAULTSECRET"}}
    consumers = {
        "disks": resource("Microsoft.Compute/diskEncryptionSets", "disks", {"activeKey": key}),
        "front door": resource("Microsoft.Cdn/profiles/secrets", "fd/tls", {"parameters": of_front_door}),
        "gateway": resource(
            "Microsoft.Network/applicationGateways",
            "gateway",
            {"sslCertificates": [{"name": "tls", "properties": {"keyVaultSecretId": secret}}]},
        ),
        "machine": resource(
            "Microsoft.Compute/virtualMachines",
            "vm",
            {"osProfile": {"secrets": [{"sourceVault": {"id": "VAULT"}, "vaultCertificates": []}]}},
        ),
    }
    found += [consumers[name] for name in CONSUMERS if name in vault.consumers]
    text = json.dumps(found)
    if bicep:
        profile_id, secret_id = f"${{resourceId('{_NSP}/profiles', 'nsp', 'prof')}}", "${r0.id}/secrets/tls"
    else:
        profile_id = f"[resourceId('{_NSP}/profiles', 'nsp', 'prof')]"
        secret_id = "[concat(resourceId('Microsoft.KeyVault/vaults', 'kv-entry'), '/secrets/tls')]"
    resources: list[dict[str, Any]] = json.loads(text.replace("PROFILE", profile_id).replace("VAULTSECRET", secret_id))
    return resources


def _hcl(value: Any) -> str:
    return json.dumps(value)


def _terraform(vault: Vault) -> str:
    parts = [_terraform_vault(vault)]
    vault_id = f"{'azapi_resource' if _needs_azapi(vault) else 'azurerm_key_vault'}.kv.id"
    if vault.endpoint:
        parts.append(
            'resource "azurerm_private_endpoint" "pe" {\n  name = "pe"\n  private_service_connection {\n'
            f'    name = "kv"\n    private_connection_resource_id = {vault_id}\n'
            '    is_manual_connection = false\n    subresource_names = ["vault"]\n  }\n}\n'
        )
    if vault.perimeter:
        parts.append(
            'resource "azurerm_network_security_perimeter" "nsp" { name = "nsp" }\n'
            'resource "azurerm_network_security_perimeter_profile" "prof" {\n  name = "prof"\n'
            "  network_security_perimeter_id = azurerm_network_security_perimeter.nsp.id\n}\n"
            'resource "azurerm_network_security_perimeter_association" "kv" {\n  name = "kv"\n'
            f'  access_mode = "{vault.perimeter}"\n  resource_id = {vault_id}\n'
            "  network_security_perimeter_profile_id = azurerm_network_security_perimeter_profile.prof.id\n}\n"
        )
    for kind in sorted(vault.inbound):
        source = "subscription_ids" if kind == "subscription" else "address_prefixes"
        listed = ["/subscriptions/s"] if kind == "subscription" else _rule(kind)["addressPrefixes"]
        parts.append(
            f'resource "azurerm_network_security_perimeter_access_rule" "{kind}" {{\n  name = "{kind}"\n'
            f'  direction = "Inbound"\n  {source} = {_hcl(listed)}\n'
            "  network_security_perimeter_profile_id = azurerm_network_security_perimeter_profile.prof.id\n}\n"
        )
    secret = '"https://kv-entry.vault.azure.net/secrets/tls"'
    certificate = secret.replace("secrets", "certificates")
    consumers = {
        "disks": 'resource "azurerm_disk_encryption_set" "disks" {\n  name = "disks"\n'
        '  key_vault_key_id = "https://kv-entry.vault.azure.net/keys/k"\n}\n',
        "front door": 'resource "azurerm_cdn_frontdoor_secret" "tls" {\n  name = "tls"\n  secret {\n'
        f"    customer_certificate {{ key_vault_certificate_id = {certificate} }}\n  }}\n}}\n",
        "gateway": 'resource "azurerm_application_gateway" "gateway" {\n  name = "gateway"\n  ssl_certificate {\n'
        f'    name = "tls"\n    key_vault_secret_id = {secret}\n  }}\n}}\n',
        "machine": 'resource "azurerm_linux_virtual_machine" "vm" {\n  name = "vm"\n  secret {\n'
        f"    key_vault_id = {vault_id}\n  }}\n}}\n",
    }
    return "".join([*parts, *(consumers[name] for name in CONSUMERS if name in vault.consumers)])


def _needs_azapi(vault: Vault) -> bool:
    """Return whether azurerm cannot express the settings: it has no perimeter, and requires both words of a block."""
    return vault.public == "SecuredByPerimeter" or (bool(_acls(vault)) and not (vault.action and vault.bypass))


def _terraform_vault(vault: Vault) -> str:
    if _needs_azapi(vault):
        body = _hcl({"properties": _properties(vault)})
        return (
            f'resource "azapi_resource" "kv" {{\n  type = "Microsoft.KeyVault/vaults@{_API}"\n'
            f'  name = "kv-entry"\n  body = {body}\n}}\n'
        )
    names = {
        "enabledForDeployment": "enabled_for_deployment",
        "enabledForDiskEncryption": "enabled_for_disk_encryption",
    }
    names["enabledForTemplateDeployment"] = "enabled_for_template_deployment"
    lines = ['resource "azurerm_key_vault" "kv" {', '  name = "kv-entry"', "  purge_protection_enabled = true"]
    lines += [f"  {names[flag]} = true" for flag in sorted(vault.flags)]
    if vault.public:
        lines.append(f"  public_network_access_enabled = {_hcl(vault.public == 'Enabled')}")
    if vault.action:
        lines += ["  network_acls {", f'    default_action = "{vault.action}"', f'    bypass = "{vault.bypass}"']
        lines += [f"    ip_rules = {_hcl(list(vault.ips))}"] if vault.ips else []
        lines += [f'    virtual_network_subnet_ids = ["{SUBNET}"]'] if vault.subnets else []
        lines.append("  }")
    return "\n".join([*lines, "}", ""])
