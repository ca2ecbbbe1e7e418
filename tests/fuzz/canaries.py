"""Canaries: secrets in the places of an input that can hold one, and in files that a run must not read.

Secrets are declared at the beginning of a file, or added to a document after all mutations, so that no mutation turns
one into a plain value.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from typing import Any

DECLARED = "QXZJWYQJXWZYQWXJ"
OUTSIDE = "ZKVQJPXWKZVJQPWX"
TOKEN = "JVZQKWPZXKJVQWZP"
MEANING: Mapping[str, str] = {
    DECLARED: "a declared secret",
    OUTSIDE: "a file outside the project",
    TOKEN: "git's own token",
}
# Any nine consecutive characters of a canary contain one of the parts of five that are searched for.
_PART = 5
_HIDDEN = "fz_hidden"


def _forms(canary: str) -> set[bytes]:
    """Return parts of a canary, as they are and encoded."""
    found = {canary[at : at + _PART] for at in (*range(0, len(canary) - _PART, _PART), len(canary) - _PART)}
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + canary.encode()).decode()
        # The first and last characters depend on what stands around it.
        found.add(text[4 : 4 + 12])
    found |= {canary.encode().hex()[:16], canary[::-1][:_PART]}
    return {form.upper().encode() for form in found}


_FORMS = {canary: _forms(canary) for canary in MEANING}


def leaks(data: bytes) -> set[str]:
    """Return the canaries of which an output contains a part."""
    upper = data.upper()
    return {canary for canary, forms in _FORMS.items() if any(form in upper for form in forms)}


TERRAFORM = f"""variable "{_HIDDEN}" {{
  type      = string
  sensitive = true
  default   = "{DECLARED}"
}}
variable "fz_object" {{
  sensitive = true
  default   = {{ user = "{DECLARED}", list = ["{DECLARED}"] }}
}}
variable "fz_passing" {{
  type      = string
  ephemeral = true
  default   = "{DECLARED}"
}}
resource "azurerm_key_vault_secret" "fz" {{
  name         = "fz"
  value        = "{DECLARED}"
  key_vault_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
}}
resource "azapi_resource" "fz" {{
  type      = "Microsoft.KeyVault/vaults/secrets@2023-07-01"
  name      = "fz2"
  parent_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
  body      = {{ properties = {{ value = "{DECLARED}" }} }}
}}
resource "azurerm_key_vault" "fz" {{
  name     = "fz"
  sku_name = var.{_HIDDEN}
  tags     = {{ a = var.fz_object.user }}
}}
"""
BICEP = f"""@secure()
param fzHidden string = '{DECLARED}'
@secure()
param fzObject object = {{ user: '{DECLARED}', list: [ '{DECLARED}' ] }}
resource fzSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {{
  name: 'kv/fz'
  properties: {{ value: '{DECLARED}' }}
}}
resource fzVault 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'fz'
  location: fzHidden
  tags: {{ a: fzObject.user }}
  properties: {{ tenantId: 'x', sku: {{ name: fzHidden, family: 'A' }} }}
}}
"""
TFVARS = f'{_HIDDEN} = "{DECLARED}"\nfz_object = {{ user = "{DECLARED}" }}\n'
BICEPPARAM = f"param fzHidden = '{DECLARED}'\nparam fzObject = {{ user: '{DECLARED}' }}\n"
PARAMETERS = {"fzHidden": {"value": DECLARED}, "fzObject": {"value": {"user": DECLARED, "list": [DECLARED, 1]}}}
HEADS: Mapping[str, str] = {"terraform": TERRAFORM, "bicep": BICEP, "tfvars": TFVARS, "bicepparam": BICEPPARAM}
"""The head that declares secrets, by kind of text."""
REFERENCES: Mapping[str, tuple[str, ...]] = {
    "terraform": (
        "var.fz_hidden",
        "var.fz_object",
        "var.fz_object.list[0]",
        "var.fz_passing",
        "azurerm_key_vault_secret.fz.value",
        "azapi_resource.fz.body.properties.value",
        'file("../outside/secret.txt")',
        'filebase64("../outside/secret.txt")',
        'jsondecode(file("../outside/secret.json")).a',
        'templatefile("../outside/secret.txt", {})',
        'fileset("../outside", "*")',
        'file(".git/config")',
        'base64encode(file("${path.module}/.git/config"))',
        'file("linked/secret.txt")',
    ),
    "bicep": (
        "fzHidden",
        "fzObject",
        "fzObject.list[0]",
        "fzSecret.properties.value",
        "loadTextContent('../outside/secret.txt')",
        "loadJsonContent('../outside/secret.json').a",
        "loadYamlContent('../outside/secret.json')",
        "loadFileAsBase64('../outside/secret.txt')",
        "loadTextContent('.git/config')",
        "loadTextContent('linked/secret.txt')",
        "loadDirectoryFileInfo('../outside')",
    ),
    "arm": (
        "fzHidden",
        "parameters('fzHidden')",
        "[parameters('fzHidden')]",
        "[parameters('fzObject').user]",
        "[reference('fzSecret').value]",
        "[reference('fzSecret', '2023-07-01', 'full').properties.value]",
        "[reference(resourceId('Microsoft.KeyVault/vaults/secrets', 'kv', 'fz')).value]",
    ),
    "plan": ("var.fz_hidden", "azurerm_key_vault_secret.fz", "azurerm_key_vault_secret.fz.value"),
}
"""References to secrets, and to files that must not be read, which mutations put anywhere."""

_TYPES = ("securestring", "secureString", "SecureString", "SECURESTRING")
_OBJECT_TYPES = ("secureobject", "secureObject", "SecureObject")


def plant(rng: random.Random, kind: str, root: Any) -> bool:
    """Add secrets to a document, and return whether the mutations left a place for them."""
    planter = _PLANTERS.get(kind)
    return planter is not None and isinstance(root, dict) and planter(rng, root)


def _add(root: Any, key: str, name: str, item: Any) -> bool:
    """Add an item to the list or object under a key, which is created if it is missing."""
    holder = root.setdefault(key, [])
    if isinstance(holder, list):
        holder.append(item)
    elif isinstance(holder, dict):
        holder[name] = item
    return isinstance(holder, list | dict)


def _in_template(rng: random.Random, root: Any) -> bool:
    parameters = root.setdefault("parameters", {})
    if not isinstance(parameters, dict) or not isinstance(root.setdefault("resources", []), list | dict):
        return False
    parameters["fzHidden"] = {"type": rng.choice(_TYPES), "defaultValue": DECLARED}
    value = {"user": DECLARED, "list": [DECLARED, 1]}
    parameters["fzObject"] = {"type": rng.choice(_OBJECT_TYPES), "defaultValue": value}
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2023-07-01",
        "name": "kv/fz",
        "properties": {"value": DECLARED, "attributes": {"exp": "x"}},
    }
    vault = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": "fz",
        "tags": {"a": "[parameters('fzObject').user]"},
        "properties": {"sku": {"name": "[parameters('fzHidden')]", "family": "A"}, "tenantId": "x"},
    }
    definitions = root.setdefault("definitions", {})
    if root.get("languageVersion") == "2.0" and isinstance(definitions, dict):
        definitions["fzType"] = {"type": rng.choice(_TYPES)}
        parameters["fzReferred"] = {"$ref": "#/definitions/fzType", "defaultValue": DECLARED}
    resources = {"fzSecret": secret, "fzVault": vault, "fzNested": _nested(rng)}
    return all(_add(root, "resources", name, resource) for name, resource in resources.items())


def _nested(rng: random.Random) -> Any:
    """Return a deployment that passes a secret to a secure parameter of its template."""
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"fzInner": {"type": rng.choice(_TYPES), "defaultValue": DECLARED}},
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": "[parameters('fzInner')]",
                "properties": {"tenantId": "x", "sku": {"name": "[parameters('fzInner')]", "family": "A"}},
            }
        ],
    }
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "fz",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"fzInner": {"value": DECLARED}},
            "template": template,
        },
    }


def _in_parameters(rng: random.Random, root: Any) -> bool:
    parameters = root.setdefault("parameters", {})
    if isinstance(parameters, dict):
        parameters.update(PARAMETERS)
    return isinstance(parameters, dict)


def _in_plan(rng: random.Random, root: Any) -> bool:
    after = {"name": "fz", "value": DECLARED, "content_type": DECLARED, "tags": {"a": DECLARED}}
    sensitive: Any = rng.choice((True, {"value": True, "content_type": True, "tags": True}))
    change = {
        "address": "azurerm_key_vault_secret.fz",
        "mode": "managed",
        "type": "azurerm_key_vault_secret",
        "name": "fz",
        "provider_name": "registry.terraform.io/hashicorp/azurerm",
        "change": {
            "actions": ["create"],
            "before": None,
            "after": after,
            "after_unknown": {"id": True},
            "before_sensitive": False,
            "after_sensitive": sensitive,
        },
    }
    planted = _add(root, "resource_changes", "fz", change)
    if isinstance(root.setdefault("variables", {}), dict):
        configuration = root.setdefault("configuration", {})
        module = configuration.setdefault("root_module", {}) if isinstance(configuration, dict) else None
        declared = module.setdefault("variables", {}) if isinstance(module, dict) else None
        if isinstance(declared, dict):
            declared[_HIDDEN] = {"sensitive": True}
            root["variables"][_HIDDEN] = {"value": DECLARED}
    return planted


def _in_what_if(rng: random.Random, root: Any) -> bool:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv/secrets/fz"
    secret = {"id": path, "name": "fz", "type": "Microsoft.KeyVault/vaults/secrets", "properties": {"value": DECLARED}}
    site = path.replace("Microsoft.KeyVault/vaults/kv/secrets/fz", "Microsoft.Web/sites/w/config/appsettings")
    delta = {"path": "properties.DB_PASSWORD", "propertyChangeType": "Modify", "before": DECLARED, "after": DECLARED}
    settings = {
        "id": site,
        "name": "appsettings",
        "type": "Microsoft.Web/sites/config",
        "properties": {"DB_PASSWORD": DECLARED},
    }
    created = {"resourceId": path, "changeType": "Create", "before": None, "after": secret}
    changed = {"resourceId": site, "changeType": "Modify", "before": settings, "after": settings, "delta": [delta]}
    return all([_add(root, "changes", "fz", created), _add(root, "changes", "fz2", changed)])


def _in_snapshot(rng: random.Random, root: Any) -> bool:
    secret = {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv/secrets/fz",
        "type": "Microsoft.KeyVault/vaults/secrets",
        "name": "kv/fz",
        "apiVersion": "2023-07-01",
        "properties": {"value": DECLARED},
    }
    return _add(root, "predictedResources", "fz", secret)


def _in_terraform_json(rng: random.Random, root: Any) -> bool:
    variable, resource = root.setdefault("variable", {}), root.setdefault("resource", {})
    if not isinstance(variable, dict) or not isinstance(resource, dict):
        return False
    variable[_HIDDEN] = {"type": "string", "sensitive": True, "default": DECLARED}
    resource["azurerm_key_vault_secret"] = {
        "fz": {"name": "fz", "value": DECLARED, "content_type": f"${{var.{_HIDDEN}}}"}
    }
    return True


def _in_variables(rng: random.Random, root: Any) -> bool:
    root[_HIDDEN] = DECLARED
    return True


_PLANTERS = {
    "arm": _in_template,
    "parameters": _in_parameters,
    "plan": _in_plan,
    "whatif": _in_what_if,
    "snapshot": _in_snapshot,
    "terraform_json": _in_terraform_json,
    "tfvars_json": _in_variables,
}
