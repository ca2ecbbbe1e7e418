"""Where a value comes from is found by following references; a few lines may make more of them than can be followed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check

SECONDS = 10
LENGTH = 40


def terraform() -> str:
    doubling = "".join(f'  a{i} = "${{local.a{i + 1}}}${{local.a{i + 1}}}"\n' for i in range(LENGTH))
    secret = 'resource "azurerm_key_vault_secret" "s" {\n  name = "s"\n  key_vault_id = "x"\n  value = local.a0\n}\n'
    plain = secret.replace('"s" {', '"plain" {').replace("local.a0", '"Tr0ub4dor"')
    return f'locals {{\n{doubling}  a{LENGTH} = "x"\n}}\n{secret}{plain}'


def bicep() -> str:
    doubling = "".join(f"var a{i} = '${{a{i + 1}}}${{a{i + 1}}}'\n" for i in range(LENGTH))
    secret = (
        "resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n"
        "  name: 'kv/s'\n  properties: {\n    value: a0\n  }\n}\n"
    )
    plain = secret.replace("resource s", "resource plain").replace("a0", "'Tr0ub4dor'")
    return f"{doubling}var a{LENGTH} = 'x'\n{secret}{plain}"


def arm() -> str:
    variables = {f"a{i}": f"[concat(variables('a{i + 1}'), variables('a{i + 1}'))]" for i in range(LENGTH)}

    def secret(name: str, value: str) -> dict[str, object]:
        type_ = "Microsoft.KeyVault/vaults/secrets"
        return {"type": type_, "apiVersion": "2023-07-01", "name": f"kv/{name}", "properties": {"value": value}}

    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "variables": {**variables, f"a{LENGTH}": "x"},
        "resources": [secret("s", "[variables('a0')]"), secret("plain", "Tr0ub4dor")],
    }
    return json.dumps(template)


@pytest.mark.parametrize(("name", "text"), [("main.tf", terraform()), ("main.bicep", bicep()), ("main.json", arm())])
def test_growing_origins_end(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    start = time.process_time()
    report = check(Config(paths=(str(tmp_path),), select=("KV610",)))
    assert time.process_time() - start < SECONDS
    assert ["plain" in finding.resource for finding in report.findings] == [True]
    assert ["plain" in finding.resource for finding in report.unknown] == [False]
