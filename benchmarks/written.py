"""Write inputs of the speed benchmark that need no generator: each shows one way in which a repository is large."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

TENANT = "00000000-0000-0000-0000-000000000001"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
VAULT, SECRET, ROLE = (
    "Microsoft.KeyVault/vaults",
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.Authorization/roleAssignments",
)
STORAGE = "Microsoft.Storage/storageAccounts"
READER = "/subscriptions/{0}/providers/Microsoft.Authorization/roleDefinitions/21090545-7ca7-4776-b22c-e363652d74d2"
PROPERTIES = f"tenantId: '{TENANT}', sku: {{ family: 'A', name: 'standard' }}"
SWITCHES, READS = 50, 100


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _template(resources: Iterable[dict[str, Any]], parameters: dict[str, Any] | None = None) -> str:
    document = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters or {}}
    return json.dumps(document | {"resources": list(resources)}, indent=1)


def _arm_vault(name: str, **more: Any) -> dict[str, Any]:
    properties = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}}
    return {"type": VAULT, "apiVersion": "2024-11-01", "name": name, "location": "a", "properties": properties, **more}


def _inputs(name: str, switch: str, read: str, use: str) -> tuple[list[str], str, str, str]:
    """Return the names and declarations of switches, those of what else is read, and all of that in a list."""
    names = [name.format(number) for number in range(SWITCHES)]
    joined = ", ".join(use.format(number) for number in range(READS))
    return names, "".join(map(switch.format, names)), "".join(map(read.format, range(READS))), joined


def _bicep_vault(symbol: str, name: str, condition: str = "") -> str:
    return (
        f"resource {symbol} '{VAULT}@2024-11-01' = {condition}{{\n  name: '{name}'\n  location: 'a'\n"
        f"  properties: {{ {PROPERTIES} }}\n}}\n"
    )


def terraform_switches(folder: Path, modules: int) -> None:
    """Write a root with modules of switches, each with a nested module, and locals that read a hundred variables."""
    names, variables, reads, joined = _inputs(
        "on_{}",
        'variable "{}" {{\n  default = false\n}}\n',
        'variable "read_{}" {{\n  default = "v"\n}}\n',
        "var.read_{}",
    )
    vaults = "".join(
        f'resource "azurerm_key_vault" "{name}" {{\n  count = var.{name} ? 1 : 0\n  name = "kv-${{local.all}}"\n'
        f'  tenant_id = "{TENANT}"\n  sku_name = "standard"\n}}\n'
        for name in names
    )
    inner = 'variable "on" {}\nresource "azurerm_key_vault" "kv" {\n  count = var.on ? 1 : 0\n  name = "kv"\n}\n'
    call = 'module "inner" {\n  source = "../inner"\n  on = var.on_0\n}\n'
    _put(folder / "inner" / "main.tf", inner)
    for number in range(modules):
        text = f'{variables}{reads}locals {{\n  all = join("-", [{joined}])\n}}\n{vaults}{call}'
        _put(folder / f"module{number}" / "main.tf", text)
    given = "".join(f"  {name} = var.{name}\n" for name in names)
    calls = [f'module "m{one}" {{\n  source = "../module{one}"\n{given}}}\n' for one in range(modules)]
    _put(folder / "root" / "main.tf", variables + "".join(calls))


def bicep_switches(folder: Path, modules: int) -> None:
    """Write the same as ``terraform_switches`` in Bicep."""
    names, parameters, reads, joined = _inputs(
        "on{}", "param {} bool = false\n", "param read{} string = 'v'\n", "read{}"
    )
    vaults = "".join(_bicep_vault(f"kv{name}", f"kv-${{all}}-{name}", f"if ({name}) ") for name in names)
    _put(folder / "inner.bicep", "param on bool\n" + _bicep_vault("kv", "kv", "if (on) "))
    call = "module inner 'inner.bicep' = {\n  name: 'inner'\n  params: { on: on0 }\n}\n"
    for number in range(modules):
        _put(folder / f"module{number}.bicep", f"{parameters}{reads}var all = join([{joined}], '-')\n{vaults}{call}")
    given = "".join(f"    {name}: {name}\n" for name in names)
    calls = [
        f"module m{one} 'module{one}.bicep' = {{\n  name: 'm{one}'\n  params: {{\n{given}  }}\n}}\n"
        for one in range(modules)
    ]
    _put(folder / "main.bicep", parameters + "".join(calls))


def arm_switches(folder: Path, files: int) -> None:
    """Write templates with as many switches as a module of the others has."""
    names = [f"on{number}" for number in range(SWITCHES)]
    parameters: dict[str, Any] = {name: {"type": "bool", "defaultValue": False} for name in names}
    parameters |= {f"read{number}": {"type": "string", "defaultValue": "v"} for number in range(READS)}
    joined = ", ".join(f"parameters('read{number}')" for number in range(READS))
    for number in range(files):
        vaults = [_arm_vault(f"[concat('kv-{one}', {joined})]", condition=f"[parameters('{one}')]") for one in names]
        _put(folder / f"main{number}.json", _template(vaults, parameters))


def nothing_to_find(folder: Path, count: int) -> None:
    """Write Bicep files without Key Vault, and one with a vault."""
    for number in range(count):
        text = f"param name string\nresource s '{STORAGE}@2024-01-01' = {{\n  name: name\n  location: 'westeurope'\n"
        _put(folder / f"m{number}.bicep", f"{text}  sku: {{ name: 'Standard_LRS' }}\n  kind: 'StorageV2'\n}}\n")
    one_vault(folder)


def one_vault(folder: Path) -> None:
    """Write a Bicep file with one vault."""
    _put(folder / "kv.bicep", _bicep_vault("kv", "kv"))


def foreign_json(folder: Path, megabytes: int) -> None:
    """Write JSON of other programs, a third each, and one vault: map data, a package lock, and minified telemetry."""
    one_vault(folder)
    packages = ({"version": "1.2.3", "integrity": "sha512-" + "x" * 80, "resources": {"a": [1]}} for _ in iter(int, 1))
    point: dict[str, Any] = {"type": "Feature", "geometry": {"coordinates": [[12.345678, 50.123456]] * 20}}
    row = {"time": "2026-01-01T00:00:00Z", "value": 0.5, "message": 'quoted "text" and \u00e9', "apiVersion": "1"}
    _stream(folder / "map.json", '{"type": "FeatureCollection", "features": [', _repeat(point, 1), "]}", megabytes / 3)
    named = (f'"node_modules/p{number}": {json.dumps(one, indent=1)}' for number, one in enumerate(packages))
    _stream(folder / "package-lock.json", '{"lockfileVersion": 3, "packages": {', named, "}}", megabytes / 3)
    _stream(folder / "telemetry.json", "[", _repeat(row, None), "]", megabytes / 3)


def _repeat(value: object, indent: int | None) -> Iterator[str]:
    text = json.dumps(value, indent=indent, separators=None if indent else (",", ":"))
    while True:
        yield text


def _stream(file: Path, start: str, parts: Iterator[str], end: str, megabytes: float) -> None:
    """Write parts up to a size, without holding them: the memory of this process is part of what a child reports."""
    left = megabytes * 1e6
    with file.open("w") as stream:
        stream.write(start)
        for number, part in enumerate(parts):
            stream.write(f",{part}" if number else part)
            left -= len(part)
            if left < 0:
                break
        stream.write(end)


def chain(folder: Path, count: int) -> None:
    """Write Terraform modules that call each other in a chain, 10 deep, as many as stated in all."""
    for number in range(count):
        source = (
            f'module "next" {{\n  source = "../m{number + 1}"\n  name = var.name\n}}\n' if (number + 1) % 10 else ""
        )
        vault = f'resource "azurerm_key_vault" "kv" {{\n  name = var.name\n  tenant_id = "{TENANT}"\n}}\n'
        _put(folder / f"m{number}" / "main.tf", f'variable "name" {{\n  default = "kv"\n}}\n{source or vault}')


def secrets(folder: Path, count: int) -> None:
    """Write a template with many secrets of one vault."""
    body = {"apiVersion": "2024-11-01", "properties": {"value": "[parameters('value')]"}}
    items = [{"type": SECRET, "name": f"kv/s{number}", "dependsOn": ["kv"], **body} for number in range(count)]
    _put(folder / "main.json", _template([_arm_vault("kv"), *items], {"value": {"type": "securestring"}}))


def role_assignments(folder: Path, count: int) -> None:
    """Write a template with many role assignments on one vault."""
    properties = {"roleDefinitionId": READER.format(TENANT), "principalType": "ServicePrincipal"}
    items = [
        {
            "type": ROLE, "apiVersion": "2022-04-01", "name": f"[guid('{number}')]", "scope": f"{VAULT}/kv",
            "properties": {**properties, "principalId": f"00000000-0000-0000-0000-{number:012}"},
        }
        for number in range(count)
    ]  # fmt: skip
    _put(folder / "main.json", _template([_arm_vault("kv"), *items]))


def parameter_files(folder: Path, count: int) -> None:
    """Write a template with many parameter files."""
    _put(folder / "main.json", _template([_arm_vault("[parameters('name')]")], {"name": {"type": "string"}}))
    schema = SCHEMA.replace("deploymentTemplate", "deploymentParameters")
    for number in range(count):
        document = {"$schema": schema, "contentVersion": "1.0.0.0", "parameters": {"name": {"value": f"kv{number}"}}}
        _put(folder / f"main.parameters.e{number}.json", json.dumps(document))
