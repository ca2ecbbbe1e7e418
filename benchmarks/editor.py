"""Measure the time from an edit to its diagnostics in a Terraform root of many files, and compare it with the bar.

    python benchmarks/editor.py [--files 200] [--edits 200] [--vaults 50] [--profile]

Each edit is one of those that people make: a value changes, a line or a block is added or removed, a block is not
closed for a moment. The CPU time of a check in this process is measured, without the pause after a change and the
collection of garbage after a check. The exit code is 1 if its 95th percentile exceeds the bar. ``--profile`` prints
where the time is spent.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from azkvlint.cli.lsp import configure
from azkvlint.editor.checks import Checks, Document, EditorSettings, Request
from azkvlint.editor.worker import collect_garbage

BAR = 0.150
VAULT = """
resource "azurerm_key_vault" "v{n}" {{
  name                       = "kv-${{var.environment}}-{n}"
  location                   = var.location
  resource_group_name        = azurerm_resource_group.g{n}.name
  tenant_id                  = local.tenant
  sku_name                   = "standard"
  soft_delete_retention_days = 90
  purge_protection_enabled   = {purge}
  enable_rbac_authorization  = true

  network_acls {{
    default_action = "Deny"
    bypass         = "AzureServices"
    ip_rules       = var.office_addresses
  }}

  tags = merge(local.tags, {{ part = "{n}" }})
}}

resource "azurerm_key_vault_secret" "password{n}" {{
  name            = "password"
  value           = var.passwords["{n}"]
  key_vault_id    = azurerm_key_vault.v{n}.id
  content_type    = "text/plain"
  expiration_date = "2027-03-01T00:00:00Z"
}}

resource "azurerm_key_vault_key" "key{n}" {{
  name         = "key"
  key_vault_id = azurerm_key_vault.v{n}.id
  key_type     = "RSA"
  key_size     = 3072
  key_opts     = ["wrapKey", "unwrapKey"]
}}

resource "azurerm_private_endpoint" "e{n}" {{
  name                = "pe-{n}"
  location            = var.location
  resource_group_name = azurerm_resource_group.g{n}.name
  subnet_id           = var.subnet_id

  private_service_connection {{
    name                           = "vault"
    is_manual_connection           = false
    private_connection_resource_id = azurerm_key_vault.v{n}.id
    subresource_names              = ["vault"]
  }}
}}

resource "azurerm_monitor_diagnostic_setting" "d{n}" {{
  name                       = "audit"
  target_resource_id         = azurerm_key_vault.v{n}.id
  log_analytics_workspace_id = var.workspace_id

  enabled_log {{
    category_group = "audit"
  }}
}}

resource "azurerm_role_assignment" "r{n}" {{
  scope                = azurerm_key_vault.v{n}.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.i{n}.principal_id
}}
"""
OTHER = """
resource "azurerm_resource_group" "g{n}" {{
  name     = "rg-{n}"
  location = var.location
  tags     = local.tags
}}

resource "azurerm_user_assigned_identity" "i{n}" {{
  name                = "id-{n}"
  location            = var.location
  resource_group_name = azurerm_resource_group.g{n}.name
}}

resource "azurerm_network_security_group" "n{n}" {{
  name                = "nsg-{n}"
  location            = var.location
  resource_group_name = azurerm_resource_group.g{n}.name

  dynamic "security_rule" {{
    for_each = {{ web = 443, data = 1433 }}
    content {{
      name                       = security_rule.key
      priority                   = 100 + length(security_rule.key)
      direction                  = "Inbound"
      access                     = "Allow"
      protocol                   = "Tcp"
      source_port_range          = "*"
      destination_port_range     = security_rule.value
      source_address_prefix      = cidrsubnet("10.0.0.0/8", 8, {n})
      destination_address_prefix = "*"
    }}
  }}
}}

resource "azurerm_storage_account" "s{n}" {{
  name                     = "st{n}"
  location                 = var.location
  resource_group_name      = azurerm_resource_group.g{n}.name
  account_tier             = "Standard"
  account_replication_type = "ZRS"
  min_tls_version          = "TLS1_2"
}}
"""
COMMON = """
variable "environment" { default = "dev" }
variable "location" { default = "westeurope" }
variable "office_addresses" { default = ["198.51.100.7"] }
variable "subnet_id" {}
variable "workspace_id" {}
variable "passwords" {
  type      = map(string)
  sensitive = true
}
locals {
  tenant = "00000000-0000-0000-0000-000000000000"
  tags   = { team = "platform", environment = var.environment }
}
"""


def write(folder: Path, files: int, vaults: int) -> list[Path]:
    """Write a root module, and return its files that are edited."""
    (folder / ".git").mkdir(parents=True)
    (folder / "main.tf").write_text(COMMON)
    written = []
    for number in range(files - 1):
        has_vault = number * vaults // (files - 1) != (number + 1) * vaults // (files - 1)
        text = OTHER.format(n=number) + (VAULT.format(n=number, purge="true") if has_vault else "")
        file = folder / f"part{number:03}.tf"
        file.write_text(text)
        if has_vault:
            written.append(file)
    return written


def edited(text: str, rng: random.Random) -> str:
    """Return a text after an edit."""
    lines = text.split("\n")
    kind = rng.randrange(5)
    if kind == 0:
        swap = {"= true": "= false", "= false": "= true"}
        at = [index for index, line in enumerate(lines) if "purge_protection_enabled" in line]
        for index in at[:1]:
            found = next((word for word in swap if word in lines[index]), "")
            lines[index] = lines[index].replace(found, swap.get(found, ""))
    elif kind == 1:
        lines.insert(rng.randrange(len(lines)), "")
    elif kind == 2:
        lines.insert(rng.randrange(len(lines)), "# a comment")
    elif kind == 3:
        lines[rng.randrange(len(lines))] += " {"
    else:
        found_at = [index for index, line in enumerate(lines) if line.endswith(" {") and not line.startswith("res")]
        for index in found_at[:1]:
            lines[index] = lines[index].removesuffix(" {")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the percentiles, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--vaults", type=int, default=50)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311  # edits are random, and repeatable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "root"
        files = write(folder, options.files, options.vaults)
        checks = Checks(configure, "utf-16")
        documents: dict[str, Document] = {}
        profile = cProfile.Profile()
        times: list[float] = []
        for number in range(options.edits + 1):
            if number:
                file = rng.choice(files[:3])
                before = documents.get(str(file))
                original = file.read_text()
                text = original if before is None else before.text
                text = original if rng.random() < 0.2 else edited(text, rng)
                documents[str(file)] = Document(file.as_uri(), number, text, text.encode())
            request = Request(folders=(str(folder),), documents=dict(documents), settings=EditorSettings())
            start = time.process_time()
            if options.profile and number > 1:
                profile.enable()
            outcome = checks.check(request)
            profile.disable()
            times.append(time.process_time() - start)
            collect_garbage()
    first, times = times[0], sorted(times[1:])
    found = sum(map(len, outcome.files.values()))
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    print(f"first check {first:.3f} s CPU; {found} diagnostics in the end")
    print(f"{len(times)} edits: median {statistics.median(times):.3f} s, p95 {p95:.3f} s, most {times[-1]:.3f} s CPU")
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    return 0 if p95 <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
