"""Ways in which a checkout can try to hide that its vault has no purge protection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

TERRAFORM = """\
resource "azurerm_key_vault" "kv" {
  name                     = "kv-prod"
  location                 = "westeurope"
  resource_group_name      = "rg"
  tenant_id                = "11111111-1111-1111-1111-111111111111"
  sku_name                 = "standard"
  purge_protection_enabled = false
}
"""
BICEP = """\
resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: 'kv-prod'
  location: 'westeurope'
  properties: {
    tenantId: '11111111-1111-1111-1111-111111111111'
    sku: { family: 'A', name: 'standard' }
  }
}
"""
ARM = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2026-02-01",
            "name": "kv-prod",
            "location": "westeurope",
            "properties": {
                "tenantId": "11111111-1111-1111-1111-111111111111",
                "sku": {"family": "A", "name": "standard"},
            },
        }
    ],
}
TERRAFORM_JSON = {
    "resource": {
        "azurerm_key_vault": {
            "kv": {
                "name": "kv-prod", "location": "westeurope", "resource_group_name": "rg", "sku_name": "standard",
                "tenant_id": "11111111-1111-1111-1111-111111111111", "purge_protection_enabled": False,
            }
        }
    }
}  # fmt: skip


class Way(NamedTuple):
    """One way: the files of the checkout, and more words of the command line."""

    name: str
    files: Mapping[str, str]
    words: tuple[str, ...] = ()


_SETTINGS = {
    "ignore": 'ignore = ["KV001"]',
    "ignore by name": 'ignore = ["purge-protection"]',
    "ignore by prefix": 'ignore = ["KV0"]',
    "ignore by category": 'ignore = ["recoverability"]',
    "select": 'select = ["KV601"]',
    "profile": 'profile = ["cmk"]\nselect = ["KV9"]',
    "min-severity": 'min-severity = "critical"',
    "fail-on": 'fail-on = "none"',
    "exclude file": 'exclude = ["main.tf"]',
    "exclude everything": 'exclude = ["**"]',
    "extend-exclude": 'extend-exclude = ["*.tf"]',
    "test-folders": 'test-folders = ["*"]',
    "override ignores": '[[override]]\npaths = ["**"]\nignore = true\nreason = "accepted"',
    "override ignores a rule": '[[override]]\nrules = ["KV001"]\nignore = true\nreason = "accepted"',
    "override ignores a resource": '[[override]]\nresources = ["*"]\nignore = true\nreason = "accepted"',
    "override severity": '[[override]]\npaths = ["**"]\nseverity = "info"',
    "baseline": 'baseline = "baseline.json"',
    "rules": 'rules = ["rules"]',
    "broken": "ignore = [",
    "unknown key": 'nothing = "x"',
    "wrong type": "ignore = 1",
}


def _configurations() -> Iterator[Way]:
    for name, text in _SETTINGS.items():
        for file in ("kvlint.toml", ".kvlint.toml", "pyproject.toml"):
            table = text if file != "pyproject.toml" else _in_pyproject(text)
            yield Way(f"{file}: {name}", {"main.tf": TERRAFORM, file: table, "rules/x.yaml": "id: KV001\n"})
    yield Way(
        "two files", {"main.tf": TERRAFORM, **dict.fromkeys(("kvlint.toml", ".kvlint.toml"), _SETTINGS["ignore"])}
    )
    yield Way("the other tool", {"main.tofu": TERRAFORM, "kvlint.toml": 'tool = "terraform"'})
    yield Way("the other tool's file", {"main.tf": TERRAFORM, "main.tofu": "", "kvlint.toml": 'tool = "opentofu"'})
    yield Way("below", {"infra/main.tf": TERRAFORM, "infra/kvlint.toml": _SETTINGS["ignore"]})
    yield Way("named", {"main.tf": TERRAFORM, "ci/k.toml": _SETTINGS["ignore"]}, ("--config", "ci/k.toml"))
    yield Way("named below", {"main.tf": TERRAFORM, "kvlint.toml": _SETTINGS["ignore"]}, ("--config", "./kvlint.toml"))
    yield Way("baseline named", {"main.tf": TERRAFORM}, ("--baseline", "baseline.json"))
    yield Way("rules named", {"main.tf": TERRAFORM, "r/KV001-x.yaml": "id: KV001\n"}, ("--rules", "r"))


def _in_pyproject(text: str) -> str:
    return "[tool.kvlint]\n" + text.replace("[[override]]", "[[tool.kvlint.override]]")


_COMMENTS = (
    "kvlint: ignore[KV001] accepted",
    "kvlint: ignore[KV001,KV101] accepted",
    "kvlint: ignore[purge-protection] accepted",
    "kvlint: ignore-file[KV001] accepted",
    "kvlint: ignore[KV001] accepted until=2999-01-01",
    "kvlint: ignore[KV001] accepted owner=@team",
    "kvlint:ignore[KV001] accepté",
    "kvlint: ignore[KV001] 許可済み",
    "kvlint: ignore[*] accepted",
    "kvlint: ignore accepted",
    "kvlint: ignore-file accepted",
    "checkov:skip=CKV_AZURE_110: accepted",
    "checkov:skip=CKV_AZURE_42: accepted",
    "tfsec:ignore:azure-keyvault-no-purge",
    "tfsec:ignore:*",
    "trivy:ignore:avd-azu-0016",
    "trivy:ignore:*",
    "kics-scan disable=cec6e005-9309-46eb-b34b-456f6eae818b",
    "kics-scan ignore",
    "kics-scan ignore-block",
    "kics-scan ignore-line",
    "nosec",
    "terrascan:skip=AC_AZURE_0001",
)


def _comments() -> Iterator[Way]:
    peers = {"kvlint.toml": "respect-peer-suppressions = true"}
    for text in _COMMENTS:
        for mark, end in (("#", ""), ("//", ""), ("/*", " */")):
            yield Way(f"{mark} {text}", {"main.tf": f"{mark} {text}{end}\n{TERRAFORM}", **peers})
        inside = TERRAFORM.replace("= false", f"= false # {text}")
        yield Way(f"on the line: {text}", {"main.tf": inside, **peers})
    for text in _COMMENTS[:4]:
        yield Way(f"Bicep: {text}", {"main.bicep": f"// {text}\n{BICEP}"})
    for text in ("#disable-next-line KV001", "#disable-diagnostics KV001"):
        yield Way(f"Bicep: {text}", {"main.bicep": f"{text}\n{BICEP}"})
    rules = {"rules": ["KV001"], "reason": "accepted"}
    for place in ("template", "resource"):
        document = json.loads(json.dumps(ARM))
        (document if place == "template" else document["resources"][0])["metadata"] = {"kvlint": {"ignore": [rules]}}
        yield Way(f"metadata of a {place}", {"main.json": json.dumps(document)})
    commented = json.dumps({"//": "kvlint: ignore-file[KV001] accepted", **TERRAFORM_JSON})
    yield Way("comment of Terraform JSON", {"main.tf.json": commented})


_FOLDERS = (
    "test", "tests", "testing", "testdata", "test-fixtures", "test_cases", "__tests__", "fixtures", "e2e", "terratest",
    "example", "examples", "Examples", "samples", "demo", "demos", "vendor", "third_party", "third-party", "x.test",
    "integration-tests", "azurerm.tests", "my_examples", "validation", "examples/prod/eu",
)  # fmt: skip


def _folders() -> Iterator[Way]:
    for folder in _FOLDERS:
        yield Way(f"folder {folder}", {f"{folder}/main.tf": TERRAFORM})
    module = {"main.tf": 'module "kv" {\n  source = "./examples/kv"\n}\n', "examples/kv/main.tf": TERRAFORM}
    yield Way("a module in a folder of examples", module)
    yield Way(
        "an example calls the module", {"kv/main.tf": TERRAFORM, "examples/main.tf": 'module "x" { source = "../kv" }'}
    )


LINK = "link: "
"""The begin of a text that stands for a link to what follows."""
_PLAN = """\
{"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {"root_module": {}}, "resource_changes": [
  {"address": "azurerm_key_vault.kv", "mode": "managed", "type": "azurerm_key_vault", "name": "kv",
   "provider_name": "registry.terraform.io/hashicorp/azurerm",
   "change": {"actions": ["create"], "before": null, "after_unknown": {}, "before_sensitive": false,
              "after_sensitive": {}, "after": {"name": "kv-prod", "purge_protection_enabled": true}}}],
 "configuration": {"root_module": {"resources": [
  {"address": "azurerm_key_vault.kv", "mode": "managed", "type": "azurerm_key_vault", "name": "kv",
   "expressions": {"name": {"constant_value": "kv-prod"}, "purge_protection_enabled": {"constant_value": true}}}]}}}
"""
_GOOD = TERRAFORM.replace("= false", "= true")


def _files() -> Iterator[Way]:
    for name in ("#prod.tf", "prod#.tf", "a_override.tf", "#a_override.tf", "PROD.tf"):
        yield Way(f"file {name}", {name: TERRAFORM})
    yield Way("a link below a skipped folder", {"prod": f"{LINK}.venv/prod", ".venv/prod/main.tf": TERRAFORM})
    yield Way("a link to a file", {"main.tf": f"{LINK}x/main.txt", "x/main.txt": TERRAFORM})
    yield Way("an empty file for OpenTofu", {"main.tf": TERRAFORM, "main.tofu": ""})
    yield Way("a good file for OpenTofu", {"main.tf": TERRAFORM, "main.tofu": _GOOD})
    yield Way("an empty JSON file for OpenTofu", {"main.tf.json": json.dumps(TERRAFORM_JSON), "main.tofu.json": "{}"})
    yield Way("a template with the name of a parameter file", {"x.parameters.json": json.dumps(ARM)})
    yield Way("a forged plan", {"main.tf": TERRAFORM, "plan.json": _PLAN})
    yield Way("a forged plan in a folder", {"main.tf": TERRAFORM, "plans/a.json": _PLAN})
    modules = {"Modules": [{"Key": "", "Source": "", "Dir": "."}, {"Key": "kv", "Source": "./kv", "Dir": "good"}]}
    called = {
        "main.tf": 'module "kv" {\n  source = "./kv"\n}\n',
        "kv/main.tf": TERRAFORM,
        "good/main.tf": _GOOD,
        ".terraform/modules/modules.json": json.dumps(modules),
    }
    yield Way("another folder in the list of modules", called)
    yield Way("a file for a linter", {"main.tf": TERRAFORM, ".checkov.yaml": "skip-check: [CKV_AZURE_110]\n"})
    yield Way("a file of ignored paths", {"main.tf": TERRAFORM, ".gitignore": "*.tf\n", ".kvlintignore": "*\n"})
    yield Way("an attributes file", {"main.tf": TERRAFORM, ".gitattributes": "*.tf linguist-vendored export-ignore\n"})


def ways() -> tuple[Way, ...]:
    """Return every way."""
    return (*_configurations(), *_comments(), *_folders(), *_files())
