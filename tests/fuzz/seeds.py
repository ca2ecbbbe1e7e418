"""The inputs that are mutated: samples, examples of the rules, small files of every other kind, and corpora."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.util.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
# Larger files would take most of the time.
_MAX_SIZE = 12_000
_ENDINGS = {".tf": "terraform", ".bicep": "bicep", ".bicepparam": "bicepparam", ".tfvars": "tfvars"}
_MARK = re.compile(r"(?m)//[ \t]*<-.*$")


class Seeds(NamedTuple):
    """Texts and JSON documents by kind, in groups by source, so that the many examples do not outweigh the others."""

    texts: Mapping[str, list[list[str]]]
    documents: Mapping[str, list[list[Any]]]

    def text(self, rng: random.Random, kind: str) -> str:
        return rng.choice(rng.choice(self.texts[kind]))

    def document(self, rng: random.Random, kind: str) -> Any:
        """Return a copy of a document."""
        return copy.deepcopy(rng.choice(rng.choice(self.documents[kind])))


def load_seeds(corpora: Path | None = None) -> Seeds:
    texts: dict[str, list[list[str]]] = {}
    documents: dict[str, list[list[Any]]] = {}
    for group in (_own(), _files(ROOT / "samples"), _examples(), _rules(), _files(corpora) if corpora else ()):
        found: dict[str, list[str]] = {}
        for kind, text in group:
            found.setdefault(kind, []).append(text)
        for kind, members in found.items():
            decoded = [one for one in map(_decoded, members) if one is not None] if kind in _DOCUMENTS else []
            # Templates with comments are not JSON: they are mutated as text.
            plain = [text for text in members if kind not in _DOCUMENTS or _decoded(text) is None]
            if decoded:
                documents.setdefault(kind, []).append(decoded)
            if plain:
                texts.setdefault(kind, []).append(plain)
    return Seeds(texts, documents)


def _decoded(text: str) -> Any:
    """Return the JSON document in a text; None if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _own() -> Iterator[tuple[str, str]]:
    for table in (_TEXTS, _DOCUMENTS):
        for kind, made in table.items():
            for text in made:
                yield kind, text


def _examples() -> Iterator[tuple[str, str]]:
    for rule in builtin_rules():
        for example in rule.examples:
            for language, source in example.sources.items():
                if language == "plan":
                    try:
                        yield "plan", expand(source).decode()
                    except InputError:
                        continue
                else:
                    yield language, _MARK.sub("", source) if language in ("arm", "terraform_json") else source


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.stat().st_size > _MAX_SIZE:
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        kind = _ENDINGS.get(file.suffix) or (_kind_of(text) if file.suffix == ".json" else "")
        if file.name.endswith(".tf.json"):
            kind = "terraform_json"
        if kind:
            yield kind, text


def _kind_of(text: str) -> str:
    """Return the kind of a JSON file; "" for a file that kvlint does not read."""
    for word, kind in (
        ('"predictedResources"', "snapshot"),
        ('"changeType"', "whatif"),
        ('"resource_changes"', "plan"),
        ("deploymentParameters.json", "parameters"),
        ("deploymentTemplate.json", "arm"),
    ):
        if word in text:
            return kind
    return ""


def _rules() -> Iterator[tuple[str, str]]:
    """Return the rule files, each with one example of each outcome and their bases."""
    for file in sorted((ROOT / "rules").rglob("KV*.yaml")):
        head, _, text = file.read_text(encoding="utf-8").partition("\nexamples:\n")
        examples = {_title(example): example.rstrip() for example in re.split(r"(?m)^  - ", text)[1:]}
        kept = {}
        for outcome in ("fails", "passes", "unknown"):
            title = next((title for title, one in examples.items() if one.startswith(outcome)), None)
            while title is not None:
                kept[title] = examples[title]
                base = re.search(r"(?m)^    base: (.+)$", kept[title])
                title = base[1] if base is not None else None
        if kept:
            chosen = "\n".join(f"  - {one}" for title, one in examples.items() if title in kept)
            yield "rules", f"{head}\nexamples:\n{chosen}\n"


def _title(example: str) -> str:
    return example.partition("\n")[0].partition(": ")[2]


_TEXTS: Mapping[str, tuple[str, ...]] = {
    "terraform": (
        """module "kv" {
  source  = "Azure/avm-res-keyvault-vault/azurerm"
  version = "0.9.1"
  name    = var.name
}
module "m" {
  source = "./m"
  name   = module.kv.name
  count  = 2
}
variable "name" {
  type    = string
  default = "a"
  validation {
    condition     = length(var.name) > 1
    error_message = "short: ${var.name}"
  }
}
resource "azurerm_key_vault" "kv" {
  for_each = { for i, x in split(",", var.name) : x => i if can(regex("^[a-z]+$", x)) }
  name     = format("%s-%03d", each.key, each.value)
  sku_name = try(local.sku[each.key], "standard")
  dynamic "access_policy" {
    for_each = jsondecode(file("./policies.json"))
    content {
      object_id          = access_policy.value.id
      secret_permissions = ["Get", "List", title("purge")]
    }
  }
  network_acls {
    default_action = var.name == "a" ? "Deny" : "Allow"
    bypass         = "None"
    ip_rules       = [for i in range(3) : cidrsubnet("10.0.0.0/8", 8, i)]
  }
}
locals {
  sku  = merge({ a = "premium" }, yamldecode("b: premium"))
  text = <<-E
    %{for k in keys(local.sku)}${k}%{endfor}
  E
}
""",
        """# kvlint: ignore-file[KV001] a sandbox until=2099-01-01 owner=@platform
resource "azurerm_key_vault" "kv" { # kvlint: ignore[KV002, soft-delete] reason
  name = "kv"
  # kvlint: ignore[KV003] because until=2020-01-01
  soft_delete_retention_days = 7
}
""",
    ),
    "bicep": (
        """targetScope = 'resourceGroup'
import { a as b, c } from 'types.bicep'
@description('x')
@allowed(['a', 'b'])
param name string = 'a'
param settings { sku: 'premium' | 'standard', tags: { *: string }?, list: string[] } = loadJsonContent('settings.json')
var names = [for (n, i) in split(name, ','): toLower('${n}-${i}')]
func double(x int) int => x * 2
#disable-next-line KV003
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = [for n in names: if (length(n) > 1) {
  name: n
  properties: {
    ...settings
    softDeleteRetentionInDays: double(45)
    networkAcls: {
      defaultAction: contains(n, 'a') ? 'Deny' : 'Allow'
      ipRules: map(range(0, 3), i => { value: cidrSubnet('10.0.0.0/8', 16, i) })
    }
  }
  resource secret 'secrets' = {
    name: 's'
    properties: { value: reference(kv[0].id, '2023-07-01').vaultUri }
  }
}]
module m 'br/team:kv:1.0' = { name: 'm', params: { name: kv[0].?name ?? 'x' } }
module n 'm.bicep' = { name: 'n', scope: resourceGroup('x'), params: { name: parseCidr('10.0.0.0/8').network } }
output ids array = [for i in range(0, length(names)): kv[i].id]
""",
    ),
    "types": (
        """@export()
type a = { name: string, sku: 'premium' | 'standard' }
@export()
var c = ['a', 'b']
@export()
func d(x string) string => toUpper(x)
""",
    ),
    "tfvars": ('name = "a"\nvaults = { a = { sku = "premium", ips = ["1.2.3.4"] } }\nenabled = true\n',),
    "lock": (
        """provider "registry.terraform.io/hashicorp/azurerm" {
  version     = "4.10.0"
  constraints = "~> 4.0, >= 3.0.0"
  hashes      = ["h1:aaaa", "zh:bbbb"]
}
""",
    ),
    "bicepparam": (
        """using 'main.bicep'
import { a } from 'types.bicep'
var x = readEnvironmentVariable('X', 'y')
param name = '${x}-a'
param settings = loadJsonContent('settings.json')
param list = [for i in range(0, 3): i]
""",
        "using none\nextends 'base.bicepparam'\nparam name = base.name\n",
    ),
    "config": (
        """profile = ["strict"]
select = ["KV0", "KV1"]
ignore = ["KV602"]
fail-on = "medium"
min-severity = "low"
strict = true
exclude = ["legacy/", "*.generated.tf", "/sandbox/**/examples"]
as-of = 2027-03-01
jobs = 1
var = ["name=x"]
format = ["json"]

[set]
KV003.minimum = 30
KV018.pattern = "^kv-[a-z0-9-]+$"

[[override]]
paths = ["sandbox/", "**/*.tf"]
rules = ["KV0", "KV201"]
ignore = true
reason = "deleted every night"
owner = "@platform"
until = 2027-03-01

[[override]]
resources = ['azurerm_key_vault.kv["a"]', "azurerm_key_vault.*"]
rules = ["KV101"]
severity = "low"
""",
        'exclude = ["*"]\n[[override]]\npaths = ["nothing.tf"]\nignore = true\nreason = "legacy module"\n',
        'rules = ["own"]\nbaseline = "baseline.json"\noutput = "report.txt"\nvar-file = ["a.tfvars"]\n',
    ),
    "pyproject": (
        """[project]
name = "x"
[tool.kvlint]
ignore = ["KV001"]
statistics = true
set.KV003.minimum = 30
[[tool.kvlint.override]]
rules = ["KV002"]
severity = "info"
""",
    ),
    "rules": (
        """id: ACME-1
name: vault-has-an-owner
title: Every vault says who owns it
severity: low
resource: [Microsoft.KeyVault/vaults, Microsoft.KeyVault/managedHSMs]
also_existing: true
parameters:
  pattern:
    about: what an owner is called
    default: "[a-z]+"
when:
  attribute: properties.enablePurgeProtection
  equals: true
require:
  - attribute: tags.owner
    default: ""
    matches: $pattern
  - any:
      - every: properties.networkAcls.ipRules
        where:
          attribute: value
          inside: [10.0.0.0/8]
      - not:
          attribute: derived.exposure
          default: world
          in: [world, wide-range]
      - linked_from: Microsoft.Insights/diagnosticSettings
        via: scope
        where:
          attribute: derived.exportsAudit
          equals: true
message: "'{resource}' does not say who owns it: '{value}'."
why: >
  Somebody has to be asked.
fix: >
  Add the tag `owner`.
references:
  - https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
examples:
  - fails: there are no tags
    plan: |
      azurerm_key_vault.kv:  # <- ACME-1
        name: kv
        purge_protection_enabled: true
        network_acls: [{ip_rules: ["1.2.3.4", "${var.x[0].y}"]}]
  - passes: there is one
    terraform: |
      resource "azurerm_key_vault" "kv" {
        name                     = "kv"
        purge_protection_enabled = true
        tags                     = { owner = "platform" }
      }
""",
    ),
    "framework": (
        """name: acme
title: ACME's checklist
about: >
  What ACME asks.
references:
  - https://example.invalid/
versions: ["1"]
controls:
  - id: {"1": "A.1"}
    title: Purge protection is on
    rules: [KV001]
  - id: {"1": "A.2"}
    title: Every key has an expiry date
    ideas: [KEY-01]
    when:
      attribute: derived.accessModel
      equals: rbac
""",
    ),
}

_ID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
_VAULT = (
    f'{{"id": "{_ID}", "name": "kv", "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", '
    '"location": "[resourceGroup().location]", "tags": {"a": "b"}, "properties": {"tenantId": "[tenant().tenantId]", '
    '"sku": {"name": "standard", "family": "A"}, "enablePurgeProtection": false, "softDeleteRetentionInDays": 7, '
    '"networkAcls": {"defaultAction": "Allow", "ipRules": [{"value": "0.0.0.0/0"}]}, "accessPolicies": '
    '[{"tenantId": "t", "objectId": "o", "permissions": {"secrets": ["all"], "keys": ["get", "purge"]}}]}}'
)
_DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "plan": (),
    "terraform_json": (
        """{"terraform": {"required_providers": {"azurerm": {"source": "hashicorp/azurerm", "version": "~> 4.0"}}},
 "variable": {"name": {"type": "list(string)", "default": ["a"]}},
 "locals": {"a": "${[for x in var.name : upper(x)]}"},
 "module": {"m": {"source": "./m", "for_each": "${toset(var.name)}", "name": "${each.key}"}},
 "resource": {"azurerm_key_vault": {"kv": [{"name": "kv${var.name[0]}", "count": 2, "network_acls": {"bypass": "None"},
 "dynamic": {"access_policy": {"for_each": "${local.a}", "content": {"object_id": "${access_policy.value}"}}}}]}}}""",
    ),
    "tfvars_json": ('{"name": "a", "vaults": {"a": {"sku": "premium", "ips": ["1.2.3.4"]}}, "enabled": true}',),
    "manifest": (
        """{"Modules": [{"Key": "", "Source": "", "Dir": "."},
 {"Key": "kv", "Source": "registry.terraform.io/Azure/avm-res-keyvault-vault/azurerm", "Version": "0.9.1", "Dir": "m"},
 {"Key": "m", "Source": "./m", "Dir": "m"}]}""",
    ),
    "arm": (
        """{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
 "contentVersion": "1.0.0.0", "languageVersion": "2.0",
 "definitions": {"sku": {"type": "string", "allowedValues": ["standard", "premium"]}},
 "parameters": {"name": {"type": "string", "defaultValue": "kv", "maxLength": 24}, "sku": {"$ref": "#/definitions/sku",
 "defaultValue": "standard"}, "ips": {"type": "array", "defaultValue": ["1.2.3.4"]}},
 "functions": [{"namespace": "f", "members": {"twice": {"parameters": [{"name": "x", "type": "string"}],
 "output": {"type": "string", "value": "[concat(parameters('x'), parameters('x'))]"}}}}],
 "variables": {"copy": [{"name": "rules", "count": "[length(parameters('ips'))]",
 "input": {"value": "[parameters('ips')[copyIndex('rules')]]"}}], "low": "[toLower(f.twice(parameters('name')))]"},
 "resources": {"kv": {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01",
 "name": "[format('{0}-{1}', variables('low'), copyIndex())]", "location": "[resourceGroup().location]",
 "condition": "[not(empty(parameters('name')))]", "copy": {"name": "loop", "count": 3, "mode": "serial"},
 "metadata": {"kvlint": {"ignore": [{"rules": ["KV001"], "reason": "sandbox", "until": "2027-03-01"},
 "[KV301] later"]}},
 "properties": {"tenantId": "[subscription().tenantId]", "sku": {"name": "[parameters('sku')]", "family": "A"},
 "networkAcls": {"defaultAction": "[if(equals(parameters('sku'), 'premium'), 'Deny', 'Allow')]",
 "ipRules": "[variables('rules')]"}, "accessPolicies": "[map(range(0, 2), lambda('i', createObject('objectId',
 guid(string(lambdaVariables('i'))))))]"}},
 "nested": {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "n", "properties": {
 "mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}, "parameters": {"a": {"value":
 "[resourceId('Microsoft.KeyVault/vaults', 'kv')]"}}, "template": {
 "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
 "parameters": {"a": {"type": "string"}}, "resources": [{"type": "Microsoft.KeyVault/vaults/keys",
 "apiVersion": "2023-07-01", "name": "kv/k", "dependsOn": ["[parameters('a')]"], "properties": {"kty": "RSA",
 "keySize": 2048, "attributes": {"exp": "[dateTimeToEpoch(dateTimeAdd(utcNow(), 'P1Y'))]"}}}]}}}},
 "outputs": {"uri": {"type": "string", "value": "[reference('kv').vaultUri]"}}}""".replace("\n", " "),
    ),
    "parameters": (
        """{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
 "contentVersion": "1.0.0.0", "parameters": {"name": {"value": "kv"}, "ips": {"value": ["1.2.3.4", "10.0.0.0/8"]},
 "sku": {"reference": {"keyVault": {"id": "/subscriptions/s/x"}, "secretName": "s"}}}}""",
    ),
    "bicepconfig": (
        """{"cacheRootDirectory": "cache", "moduleAliases": {"br": {"team": {"registry": "example.azurecr.io",
 "modulePath": "bicep/kv"}, "public": {"registry": "mcr.microsoft.com", "modulePath": "bicep"}}, "ts": {"t":
 {"subscription": "00000000-0000-0000-0000-000000000000", "resourceGroup": "g"}}}, "extensions": {"http":
 "br:example.azurecr.io/x:1"}, "analyzers": {"core": {"enabled": true}}}""",
    ),
    "whatif": (
        f"""{{"status": "Succeeded", "error": null, "changes": [
 {{"resourceId": "{_ID}", "changeType": "Modify", "before": {_VAULT}, "after": {_VAULT}, "delta": [{{"path":
 "properties.enablePurgeProtection", "propertyChangeType": "Modify", "before": true, "after": false, "children": null}},
 {{"path": "properties.networkAcls.ipRules", "propertyChangeType": "Array", "children": [{{"path": "0",
 "propertyChangeType": "Create", "after": {{"value": "1.2.3.4"}}}}]}}]}},
 {{"resourceId": "{_ID}2", "changeType": "Ignore", "before": {_VAULT}}},
 {{"resourceId": "{_ID}3", "changeType": "Unsupported", "unsupportedReason": "x"}}],
 "potentialChanges": [], "diagnostics": [{{"code": "c", "level": "Warning", "message": "m", "target": "t"}}]}}""",
    ),
    "snapshot": (
        f'{{"predictedResources": [{_VAULT}], "diagnostics": ["Warning x: [y]"], "outputs": {{"a": {{"value": 1}}}}}}',
    ),
    "baseline": (
        """{"version": 1, "findings": [{"rule": "KV001", "path": "main.tf", "outcome": "fail", "fingerprint":
 "ef2f2f04ed9a3ed46e1a66c60385f743", "resources": ["azurerm_key_vault.kv"]}, {"rule": "KV003", "path": "m/main.tf",
 "outcome": "unknown", "fingerprint": "638e062d961b3e65e4ecece5b3ca0ad6", "resources": ["a", "b"]}]}""",
    ),
}
WARM_UP: Mapping[str, str] = {
    "main.tf": _TEXTS["terraform"][0],
    "broken/main.tf": 'resource "azurerm_key_vault" "kv" {\n  name = [for\n}\n',
    "main.bicep": _TEXTS["bicep"][0],
    "whatif.json": _DOCUMENTS["whatif"][0],
    "azuredeploy.json": _DOCUMENTS["arm"][0],
}
"""Files whose readers import what no sample does."""
CALLED_TERRAFORM = """variable "name" {
  type = string
}
resource "azurerm_key_vault" "kv" {
  name = var.name
}
"""
CALLED_BICEP = "param name string = 'kv'\noutput id string = name\n"
"""Modules that call no other module."""
