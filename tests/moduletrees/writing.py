"""Writes the files of a tree, and takes note of its lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.moduletrees.expressions import Expr, Lit, Obj, Spot, quoted
from tests.moduletrees.modules import TENANT, VAULT, Call, Loop, Module, Vault, source_of


class Writing:
    """Writes the files of a tree, and takes note of its lines."""

    def __init__(self, folder: Path, values: Mapping[str, Expr]) -> None:
        self.folder = folder
        self.values = values
        self.done: set[str] = set()
        self.lines: list[str] = []
        self.path = ""

    def begin(self, path: str) -> None:
        self.path, self.lines = path, []

    def end(self) -> None:
        file = self.folder / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(self.lines) + "\n", encoding="utf-8")

    def line(self, text: str, spot: Spot | None = None) -> None:
        self.lines.append(text)
        if spot is not None:
            spot.path, spot.line = self.path, len(self.lines)

    def attribute(self, name: str, value: Expr, spot: Spot | None = None, indent: str = "  ") -> None:
        if isinstance(value, Lit):
            value.spot.path, value.spot.line = self.path, len(self.lines) + 1
        if not isinstance(value, Obj):
            self.line(f"{indent}{name} = {value.text()}", spot)
            return
        self.line(f"{indent}{name} = {{", spot)
        for member, inner in value.members.items():
            self.attribute(quoted(member), inner, value.spots[member], indent + "  ")
        self.line(f"{indent}}}")

    def module(self, module: Module, is_root: bool = False) -> None:
        if module.folder in self.done:
            return
        self.done.add(module.folder)
        prefix = f"{module.folder}/" if module.folder else ""
        self.begin(f"{prefix}variables.tf")
        for name in (*module.wants, *module.defaults):
            self.line(f'variable "{name}" {{')
            if name in module.defaults:
                self.attribute("default", module.defaults[name])
            self.line("}")
        self.line("locals {")
        for name, value in module.locals.items():
            self.attribute(name, value)
        self.line("}")
        self.end()
        if is_root:
            self.begin(f"{prefix}terraform.tfvars")
            for name, value in self.values.items():
                self.attribute(name, value, indent="")
            self.end()
        self.begin(f"{prefix}main.tf")
        if is_root:
            self.lines += ["terraform {", "  required_providers {", "    azurerm = {"]
            self.lines += ['      source  = "hashicorp/azurerm"', '      version = "~> 4.50"', "    }", "  }", "}"]
            self.lines += ['provider "azurerm" {', "  features {}", "}"]
        if module.unknown:
            self.lines += ['resource "random_id" "unknown" {', "  byte_length = 1", "}"]
        for vault in module.vaults:
            self.vault(vault)
        for call in module.calls:
            self.call(module, call)
        self.end()
        for call in module.calls:
            self.module(call.module)

    def loop(self, loop: Loop) -> None:
        if loop.meta:
            self.attribute(loop.meta, loop.over)

    def vault(self, vault: Vault) -> None:
        self.line(f'resource "{VAULT}" "{vault.name}" {{', vault.head)
        self.loop(vault.loop)
        for name, text in (("name", "kv"), ("location", "westeurope"), ("resource_group_name", "rg")):
            self.line(f'  {name} = "{text}"')
        self.line(f'  tenant_id = "{TENANT}"')
        self.line('  sku_name = "standard"')
        for name, value in vault.arguments.items():
            self.attribute(name, value, vault.spots[name])
        for value, spot in vault.policies:
            self.line("  access_policy {")
            self.line(f'    tenant_id = "{TENANT}"')
            self.line(f'    object_id = "{TENANT}"')
            self.attribute("key_permissions", value, spot, "    ")
            self.line("  }")
        if vault.dynamic is not None:
            value, spot = vault.dynamic
            self.line('  dynamic "access_policy" {')
            self.attribute("for_each", value, None, "    ")
            self.line("    content {")
            self.line(f'      tenant_id = "{TENANT}"')
            self.line(f'      object_id = "{TENANT}"')
            self.line("      key_permissions = access_policy.value", spot)
            self.line("    }")
            self.line("  }")
        self.line("}")
        if vault.companions:
            self.companions(vault)

    def companions(self, vault: Vault) -> None:
        self.line(f'resource "azurerm_private_endpoint" "{vault.name}" {{')
        self.line('  name = "pe"')
        self.line("  private_service_connection {")
        self.line(f"    private_connection_resource_id = {VAULT}.{vault.name}.id")
        self.line('    subresource_names = ["vault"]')
        self.line("  }")
        self.line("}")
        self.line(f'resource "azurerm_monitor_diagnostic_setting" "{vault.name}" {{')
        self.line('  name = "logs"')
        self.line(f"  target_resource_id = {VAULT}.{vault.name}.id")
        self.line("}")

    def call(self, module: Module, call: Call) -> None:
        self.line(f'module "{call.name}" {{', call.head)
        self.line(f'  source = "{source_of(module.folder, call.module.folder)}"')
        self.loop(call.loop)
        for name, value in call.arguments.items():
            self.attribute(name, value, call.spots[name])
        self.line("}")
